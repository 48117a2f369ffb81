// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every method is a few lines: parameters were checked by the table, answers come from the model.
 * Followers of a stream are a list; a reader that falls behind is dropped by the wire, never
 * waited for.
 */
#include "sink-varlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/json.h>
#include <cxlirqd/varlink.h>

#include "backlog.h"
#include "io.cxlirqd.varlink.h"
#include "trace.h"

#define RAW_MAX (48 * 1024) /* of a trace in one reply */

struct follower {
	struct follower *next, **link;
	struct varlink_call *call;
};

struct sink_varlink {
	struct sink_varlink_source source;
	struct varlink_server *server;
	struct backlog *backlog;
	struct follower *monitors, *tracers;
	unsigned char *raw; /* records since the last piece was sent */
	size_t n_raw;
	struct varlink_service service;
};

static void follower_add(struct follower **list, struct follower *follower)
{
	follower->next = *list;
	follower->link = list;
	if (*list)
		(*list)->link = &follower->next;
	*list = follower;
}

static void on_gone(struct varlink_call *call, void *userdata)
{
	struct follower *follower = userdata;

	(void)call;
	*follower->link = follower->next;
	if (follower->next)
		follower->next->link = follower->link;
	free(follower);
}

static int follow(struct follower **list, struct varlink_call *call)
{
	struct follower *follower = calloc(1, sizeof(*follower));

	if (!follower)
		return -ENOMEM;
	follower->call = call;
	follower_add(list, follower);
	varlink_call_on_gone(call, on_gone, follower);
	return 0;
}

/* An answer object, sent and given back; NULL is out of memory */
static int reply(struct varlink_call *call, json_t *parameters)
{
	int r = varlink_call_reply(call, parameters);

	json_decref(parameters);
	return r;
}

static int fail(struct varlink_call *call, const char *error, json_t *parameters)
{
	int r = varlink_call_error(call, error, parameters);

	json_decref(parameters);
	return r;
}

/* Why a list may be empty, or null */
static json_t *reason_if_empty(const struct sink_varlink *sink, const json_t *array,
			       const char *otherwise)
{
	const struct record_base *base = model_base(sink->source.model);

	if (json_array_size(array))
		return json_null();
	if (base && base->mode == RECORD_MODE_SYSFS && base->reason[0])
		return json_sprintf("BPF tracing is off: %s", base->reason);
	return json_string(otherwise);
}

static int get_status(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;

	(void)parameters;
	return reply(call,
		     json_pack("{s:o}", "status", sink->source.status(sink->source.userdata)));
}

static int list_domains(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;
	json_t *domains;

	(void)parameters;
	sink->source.refresh(sink->source.userdata);
	domains = model_domains_to_json(sink->source.model);
	return reply(call, json_pack("{s:o, s:o}", "domains", domains, "reason",
				     reason_if_empty(sink, domains,
						     "no irq_domain was found (\"cxlirqctl "
						     "support\" tells what is missing)")));
}

static int list_devices(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;
	const char *name = json_string_value(json_object_get(parameters, "device"));
	json_t *devices, *row, *only;
	size_t i;

	sink->source.refresh(sink->source.userdata);
	devices = device_ledger(sink->source.model);
	if (name) {
		only = json_array();
		json_array_foreach(devices, i, row)
			if (!strcmp(json_string_value(json_object_get(row, "device")) ?: "", name))
				json_array_append(only, row);
		json_decref(devices);
		if (!json_array_size(only)) {
			json_decref(only);
			return fail(call, "io.cxlirqd.NoSuchDevice",
				    json_pack("{s:s}", "device", name));
		}
		devices = only;
	}
	return reply(call, json_pack("{s:o, s:o}", "devices", devices, "reason",
				     reason_if_empty(sink, devices,
						     "no PCI function and no vector was found")));
}

static int list_vectors(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;
	const char *device = json_string_value(json_object_get(parameters, "device"));
	json_t *irq_json = json_object_get(parameters, "irq"), *vectors;
	json_int_t number = json_integer_value(irq_json);
	bool has_irq = json_is_integer(irq_json);
	uint32_t irq;

	sink->source.refresh(sink->source.userdata);
	if (has_irq && (number < 0 || number > UINT32_MAX))
		return varlink_call_invalid_parameter(call, "irq");
	irq = (uint32_t)number;
	if (has_irq && !model_vector(sink->source.model, irq))
		return fail(call, "io.cxlirqd.NoSuchInterrupt", json_pack("{s:I}", "irq", number));
	if (device && !model_knows_device(sink->source.model, device))
		return fail(call, "io.cxlirqd.NoSuchDevice", json_pack("{s:s}", "device", device));
	vectors = model_vectors_to_json(sink->source.model, device, has_irq ? &irq : NULL);
	return reply(call, json_pack("{s:o, s:o}", "vectors", vectors, "reason",
				     reason_if_empty(sink, vectors,
						     device ? "this device has no vector and no "
							      "handler (no driver bound?)" :
							      "no interrupt was found")));
}

static int monitor(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;
	bool stay = json_is_true(json_object_get(parameters, "follow"));
	int r = 0;

	sink->source.refresh(sink->source.userdata);
	for (size_t i = 0; i < backlog_count(sink->backlog) && r >= 0; i++) {
		json_t *event = json_loads(backlog_get(sink->backlog, i), 0, NULL), *piece;

		piece = json_pack("{s:o}", "event", event);
		r = varlink_call_notify(call, piece);
		json_decref(piece);
	}
	if (r < 0)
		return r == -ENOMEM ? r : 0; /* the reader is gone, and told so by the loop */
	if (stay)
		return follow(&sink->monitors, call);
	return reply(call, json_pack("{s:n}", "event"));
}

static int get_support(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;

	(void)parameters;
	return reply(call,
		     json_pack("{s:o}", "support", model_support_to_json(sink->source.model)));
}

static int snapshot(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;
	int r = sink->source.snapshot(sink->source.userdata);

	(void)parameters;
	if (r < 0)
		return fail(call, "io.cxlirqd.Failed", json_pack("{s:s}", "reason", strerror(-r)));
	return reply(call, json_pack("{s:o}", "snapshot", model_to_json(sink->source.model)));
}

static json_t *raw_to_json(const unsigned char *data, size_t size)
{
	return json_pack("{s:o}", "data", json_from_bytes(data, size));
}

void sink_varlink_batch_end(struct sink_varlink *sink)
{
	json_t *piece;

	if (!sink->n_raw)
		return;
	piece = raw_to_json(sink->raw, sink->n_raw);
	for (struct follower *f = sink->tracers; f; f = f->next)
		varlink_call_notify(f->call, piece);
	json_decref(piece);
	sink->n_raw = 0;
}

/* A trace begins with the file's header and all that is known, so it stands for itself. */
static int record(struct varlink_call *call, json_t *parameters, void *userdata)
{
	unsigned char header[TRACE_HEADER_SIZE];
	struct sink_varlink *sink = userdata;
	json_t *piece;
	int r;

	(void)parameters;
	if (!sink->raw) {
		sink->raw = malloc(RAW_MAX);
		if (!sink->raw)
			return -ENOMEM;
	}
	sink_varlink_batch_end(sink);
	trace_header(header);
	piece = raw_to_json(header, sizeof(header));
	r = varlink_call_notify(call, piece);
	json_decref(piece);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = follow(&sink->tracers, call);
	if (r < 0)
		return r;
	sink->source.retell(sink->source.userdata);
	sink_varlink_batch_end(sink);
	return 0;
}

static const struct varlink_parameter device_parameters[] = {
	{ "device", VARLINK_STRING, true },
	{},
};

static const struct varlink_parameter vectors_parameters[] = {
	{ "device", VARLINK_STRING, true },
	{ "irq", VARLINK_INT, true },
	{},
};

static const struct varlink_parameter monitor_parameters[] = {
	{ "follow", VARLINK_BOOL, true },
	{},
};

static const struct varlink_method methods[] = {
	{ "GetStatus", get_status, NULL, false },
	{ "ListDomains", list_domains, NULL, false },
	{ "ListDevices", list_devices, device_parameters, false },
	{ "ListVectors", list_vectors, vectors_parameters, false },
	{ "Monitor", monitor, monitor_parameters, true },
	{ "GetSupport", get_support, NULL, false },
	{ "Snapshot", snapshot, NULL, false },
	{ "Record", record, NULL, true },
	{},
};

int sink_varlink_new(sd_event *event, const struct sink_varlink_source *source, size_t backlog,
		     struct sink_varlink **ret)
{
	struct sink_varlink *sink = calloc(1, sizeof(*sink));
	int r;

	if (!sink)
		return -ENOMEM;
	sink->source = *source;
	sink->service = (struct varlink_service){ .vendor = "cxlirq",
						  .product = "cxlirqd",
						  .version = CXLIRQD_VERSION,
						  .url = "",
						  .interface = "io.cxlirqd",
						  .description = io_cxlirqd_varlink,
						  .methods = methods };
	r = backlog_new(backlog, &sink->backlog);
	if (r >= 0)
		r = varlink_server_new(event, &sink->service, sink, &sink->server);
	if (r < 0) {
		sink_varlink_free(sink);
		return r;
	}
	*ret = sink;
	return 0;
}

struct sink_varlink *sink_varlink_free(struct sink_varlink *sink)
{
	if (!sink)
		return NULL;
	varlink_server_free(sink->server);
	backlog_free(sink->backlog);
	free(sink->raw);
	free(sink);
	return NULL;
}

int sink_varlink_listen(struct sink_varlink *sink, const char *path)
{
	return varlink_server_listen(sink->server, path);
}

void sink_varlink_change(struct sink_varlink *sink, const struct change *change)
{
	json_t *event = change_to_json(sink->source.model, change), *piece;

	if (!event)
		return;
	backlog_push(sink->backlog, json_dumps(event, JSON_COMPACT));
	piece = sink->monitors ? json_pack("{s:O}", "event", event) : NULL;
	for (struct follower *f = sink->monitors; f; f = f->next)
		varlink_call_notify(f->call, piece);
	json_decref(piece);
	json_decref(event);
}

void sink_varlink_record(struct sink_varlink *sink, const struct record_header *record)
{
	if (!sink->tracers)
		return;
	if (sink->n_raw + record->size > RAW_MAX)
		sink_varlink_batch_end(sink);
	memcpy(sink->raw + sink->n_raw, record, record->size);
	sink->n_raw += record->size;
}

uint64_t sink_varlink_dropped(const struct sink_varlink *sink)
{
	return varlink_server_counters(sink->server)->dropped_slow;
}
