// SPDX-License-Identifier: GPL-2.0-or-later
/* The lists: one reply each, made from the model and the table of violations. */
#include <errno.h>
#include <string.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/json.h>

#include "ledger.h"
#include "sink-varlink-private.h"

json_t *sink_varlink_untraced(const struct sink_varlink *sink)
{
	const struct record_base *base = model_base(sink->source.model);

	if (!base || base->mode != RECORD_MODE_SYSFS || !base->reason[0])
		return NULL;
	return json_sprintf("BPF tracing is off: %s", base->reason);
}

/* An answer with @rows, which it takes over, and why there may be none. */
static json_t *make_list(const struct sink_varlink *sink, const char *key, json_t *rows,
			 const char *if_empty)
{
	json_t *reason = NULL;

	if (json_array_size(rows))
		reason = json_null();
	else
		reason = sink_varlink_untraced(sink) ?: json_string(if_empty);
	return json_pack("{s:o, s:o}", key, rows, "reason", reason);
}

static int reply_list(const struct sink_varlink *sink, struct varlink_call *call, const char *key,
		      json_t *rows, const char *if_empty)
{
	return sink_varlink_reply(call, make_list(sink, key, rows, if_empty));
}

static json_t *counted_us(const struct sink_varlink *sink)
{
	int64_t us = model_counted_us(sink->source.model);

	return us < 0 ? json_null() : json_integer(us);
}

int sink_varlink_list_domains(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;

	(void)parameters;
	sink->source.refresh(sink->source.userdata);
	return reply_list(sink, call, "domains", model_domains_to_json(sink->source.model),
			  "no irq_domain was found (\"cxlirqctl support\" tells what is missing)");
}

int sink_varlink_list_devices(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;
	const char *name = json_string_value(json_object_get(parameters, "device"));
	json_t *devices;

	sink->source.refresh(sink->source.userdata);
	devices = ledger_to_json(sink->source.model, name);
	if (!devices)
		return -ENOMEM;
	if (name && !json_array_size(devices)) {
		json_decref(devices);
		return sink_varlink_fail(call, "io.cxlirqd.NoSuchDevice",
					 json_pack("{s:s}", "device", name));
	}
	return reply_list(sink, call, "devices", devices,
			  "no PCI function and no vector was found");
}

int sink_varlink_list_vectors(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;
	const char *device = json_string_value(json_object_get(parameters, "device"));
	json_t *irq_json = json_object_get(parameters, "irq");
	json_int_t number = json_integer_value(irq_json);
	bool has_irq = json_is_integer(irq_json);
	json_t *reply;
	uint32_t irq;

	sink->source.refresh(sink->source.userdata);
	if (has_irq && (number < 0 || number > UINT32_MAX))
		return varlink_call_invalid_parameter(call, "irq");
	irq = (uint32_t)number;
	if (has_irq && !model_vector(sink->source.model, irq))
		return sink_varlink_fail(call, "io.cxlirqd.NoSuchInterrupt",
					 json_pack("{s:I}", "irq", number));
	/* an unknown device's name is empty */
	if (device && (!*device || !model_knows_device(sink->source.model, device)))
		return sink_varlink_fail(call, "io.cxlirqd.NoSuchDevice",
					 json_pack("{s:s}", "device", device));
	reply = make_list(sink, "vectors",
			  model_vectors_to_json(sink->source.model, device, has_irq ? &irq : NULL),
			  device ? "this device has no vector and no handler (no driver bound?)" :
				   "no interrupt was found");
	json_put(&reply, "counted_us", counted_us(sink));
	return sink_varlink_reply(call, reply);
}

int sink_varlink_list_doorbells(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;

	(void)parameters;
	sink->source.refresh(sink->source.userdata);
	return reply_list(sink, call, "doorbells", model_doorbells_to_json(sink->source.model),
			  "no endpoint function has a doorbell");
}

int sink_varlink_list_violations(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;
	bool all = json_is_true(json_object_get(parameters, "all"));

	sink->source.refresh(sink->source.userdata);
	return reply_list(sink, call, "violations",
			  sink->source.violations ?
				  violations_to_json(sink->source.violations, all) :
				  json_array(),
			  all ? "no rule has found anything" : "no violation is open");
}
