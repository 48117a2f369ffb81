// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every method is a few lines: parameters were checked by the table, answers come from the model
 * and, through callbacks, from the rest of the daemon. Lists are in sink-varlink-list.c, streams in
 * sink-varlink-stream.c.
 */
#include "sink-varlink.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/json.h>
#include <cxlirqd/varlink.h>

#include "explain.h"
#include "io.cxlirqd.varlink.h"
#include "sink-varlink-private.h"

#define GROUP "cxlirq"
#define GROUP_SIZE_MAX (4U << 20) /* of its entry, with the names of all members */

int sink_varlink_reply(struct varlink_call *call, json_t *parameters)
{
	int r = varlink_call_reply(call, parameters);

	json_decref(parameters);
	return r;
}

int sink_varlink_fail(struct varlink_call *call, const char *error, json_t *parameters)
{
	int r = varlink_call_error(call, error, parameters);

	json_decref(parameters);
	return r;
}

int sink_varlink_fail_reason(struct varlink_call *call, const char *reason)
{
	return sink_varlink_fail(call, "io.cxlirqd.Failed", json_pack("{s:s}", "reason", reason));
}

static int get_status(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;

	(void)parameters;
	return sink_varlink_reply(call, json_pack("{s:o}", "status",
						  sink->source.status(sink->source.userdata)));
}

static void on_program(const char *name, int64_t runs, int64_t missed, void *userdata)
{
	json_t *hooks = userdata, *hook;
	size_t i;

	json_array_foreach(hooks, i, hook) {
		if (strcmp(json_string_value(json_object_get(hook, "hook")) ?: "", name) != 0)
			continue;
		if (runs >= 0)
			json_object_set_new(hook, "runs", json_integer(runs));
		json_object_set_new(hook, "recursion_misses", json_integer(missed));
	}
}

static int add_programs(const struct sink_varlink *sink, json_t *support)
{
	static const char *const keys[] = { "hooks", "features" };
	json_t *hook;
	size_t i;

	for (size_t k = 0; k < 2; k++)
		json_array_foreach(json_object_get(support, keys[k]), i, hook)
			if (json_object_set_new(hook, "runs", json_null()) < 0 ||
			    json_object_set_new(hook, "recursion_misses", json_null()) < 0)
				return -ENOMEM;
	if (sink->source.programs)
		sink->source.programs(on_program, json_object_get(support, "hooks"),
				      sink->source.userdata);
	return 0;
}

static int get_support(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;
	json_t *support = model_support_to_json(sink->source.model);
	int r;

	(void)parameters;
	if (sink->source.restart)
		json_merge(&support, sink->source.restart(sink->source.userdata));
	r = add_programs(sink, support);
	if (r < 0) {
		json_decref(support);
		return r;
	}
	return sink_varlink_reply(call, json_pack("{s:o}", "support", support));
}

static int snapshot(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;
	int r = sink->source.snapshot(sink->source.userdata);

	(void)parameters;
	if (r < 0)
		return sink_varlink_fail_reason(call, strerror(-r));
	return sink_varlink_reply(call, json_pack("{s:o}", "snapshot",
						  model_to_json(sink->source.model)));
}

/* What it is to the guard, which the model does not know */
static int add_guard(const struct sink_varlink *sink, uint32_t irq, json_t *explanation)
{
	_cleanup_free_ char *words = NULL;

	if (sink->source.guard_words)
		words = sink->source.guard_words(irq, sink->source.userdata);
	if (!words)
		return 0;
	return json_array_append_new(json_object_get(explanation, "text"), json_text(words)) < 0 ?
		       -ENOMEM :
		       0;
}

static int explain_subject(struct varlink_call *call, json_t *parameters, void *userdata)
{
	const char *subject = json_string_value(json_object_get(parameters, "subject"));
	struct sink_varlink *sink = userdata;
	json_auto_t *explanation = NULL;
	uint32_t irq;
	int r;

	sink->source.refresh(sink->source.userdata);
	r = explain(sink->source.model, sink->source.violations, subject, &explanation);
	if (r == -ENOENT && explain_is_irq(subject, &irq))
		return sink_varlink_fail(call, "io.cxlirqd.NoSuchInterrupt",
					 json_pack("{s:I}", "irq", (json_int_t)irq));
	if (r == -ENOENT)
		return sink_varlink_fail(call, "io.cxlirqd.NoSuchSubject",
					 json_pack("{s:s}", "subject", subject));
	if (r >= 0 && explain_is_irq(subject, &irq))
		r = add_guard(sink, irq, explanation);
	if (r < 0)
		return r;
	return sink_varlink_reply(call, json_pack("{s:O}", "explanation", explanation));
}

/* Who may change something: root, and the members of the group */
bool sink_varlink_may_change(const struct sink_varlink *sink, const struct varlink_call *call)
{
	struct ucred peer;

	if (varlink_call_peer(call, &peer) < 0)
		return false;
	return peer.uid == 0 ||
	       (sink->has_group && varlink_call_peer_in_group(call, sink->group) > 0);
}

/* All violations by id; a new object, NULL without memory */
static json_t *violations_by_id(const struct sink_varlink *sink)
{
	json_auto_t *all = violations_to_json(sink->source.violations, true);
	json_t *by_id = all ? json_object() : NULL, *row;
	char key[24];
	size_t i;

	json_array_foreach(all, i, row) {
		snprintf(key, sizeof(key), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(json_object_get(row, "id")));
		json_put(&by_id, key, json_incref(row));
	}
	return by_id;
}

/*
 * Those of @ids, each once, as they are now. -ENOENT: one is not there, and ends up in @ret_bad.
 * -ENOMEM.
 */
static int violations_of(const struct sink_varlink *sink, const json_t *ids, json_int_t *ret_bad,
			 json_t **ret)
{
	json_auto_t *by_id = violations_by_id(sink), *array = json_array();
	json_t *id, *row;
	char key[24];
	size_t i;

	json_array_foreach(ids, i, id) {
		snprintf(key, sizeof(key), "%" JSON_INTEGER_FORMAT, json_integer_value(id));
		row = json_object_get(by_id, key);
		if (!row) {
			if (!by_id)
				return -ENOMEM;
			*ret_bad = json_integer_value(id);
			return -ENOENT;
		}
		if (json_is_null(row))
			continue;
		json_add(&array, json_incref(row));
		json_put(&by_id, key, json_null());
	}
	if (!array)
		return -ENOMEM;
	*ret = TAKE_PTR(array);
	return 0;
}

static int acknowledge(struct varlink_call *call, json_t *parameters, void *userdata)
{
	const json_t *ids = json_object_get(parameters, "ids");
	json_auto_t *asked = NULL, *now = NULL;
	struct sink_varlink *sink = userdata;
	json_int_t bad = 0;
	json_t *row;
	size_t i;
	int r;

	if (!sink_varlink_may_change(sink, call))
		return sink_varlink_fail(call, "io.cxlirqd.PermissionDenied", json_object());
	if (!sink->source.violations || !sink->source.acknowledge)
		return sink_varlink_fail_reason(call, "no rule is judged here");
	r = violations_of(sink, ids, &bad, &asked);
	json_array_foreach(asked, i, row) {
		bad = json_integer_value(json_object_get(row, "id"));
		r = sink->source.acknowledge((uint64_t)bad, sink->source.userdata);
		if (r < 0)
			break;
	}
	if (r >= 0)
		r = violations_of(sink, ids, &bad, &now);
	if (r == -ENOENT)
		return sink_varlink_fail(call, "io.cxlirqd.NoSuchViolation",
					 json_pack("{s:I}", "id", bad));
	if (r < 0)
		return sink_varlink_fail_reason(call, strerror(-r));
	return sink_varlink_reply(call, json_pack("{s:O}", "violations", now));
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

static const struct varlink_parameter violations_parameters[] = {
	{ "all", VARLINK_BOOL, true },
	{},
};

static const struct varlink_parameter acknowledge_parameters[] = {
	{ "ids", VARLINK_INTS, false },
	{},
};

static const struct varlink_parameter explain_parameters[] = {
	{ "subject", VARLINK_STRING, false },
	{},
};

static const struct varlink_parameter counters_parameters[] = {
	{ "pmu", VARLINK_STRING, true },
	{},
};

static const struct varlink_parameter count_parameters[] = {
	{ "events", VARLINK_STRINGS, false },
	{ "pmu", VARLINK_STRING, true },
	{ "interval_ms", VARLINK_INT, true },
	{ "times", VARLINK_INT, true },
	{},
};

static const struct varlink_parameter end_count_parameters[] = {
	{ "id", VARLINK_INT, false },
	{},
};

static const struct varlink_parameter log_level_parameters[] = {
	{ "level", VARLINK_STRING, false },
	{},
};

static const struct varlink_parameter add_guard_parameters[] = {
	{ "guard", VARLINK_STRING, true },
	{ "irq", VARLINK_INT, true },
	{ "cpus", VARLINK_STRING, true },
	{ "restore", VARLINK_BOOL, true },
	{},
};

static const struct varlink_parameter remove_guard_parameters[] = {
	{ "guard", VARLINK_STRING, true },
	{ "irq", VARLINK_INT, true },
	{},
};

static const struct varlink_parameter guard_mode_parameters[] = {
	{ "mode", VARLINK_STRING, false },
	{},
};

static const struct varlink_parameter metrics_parameters[] = {
	{ "format", VARLINK_STRING, true },
	{},
};

static const struct varlink_parameter history_parameters[] = {
	{ "device", VARLINK_STRING, true },
	{ "irq", VARLINK_INT, true },
	{ "since_us", VARLINK_INT, true },
	{ "until_us", VARLINK_INT, true },
	{ "type", VARLINK_STRING, true },
	{ "limit", VARLINK_INT, true },
	{},
};

static const struct varlink_parameter monitor_parameters[] = {
	{ "follow", VARLINK_BOOL, true },
	{ "since_us", VARLINK_INT, true },
	{},
};

static const struct varlink_method methods[] = {
	{ "GetStatus", get_status, NULL, false },
	{ "ListDomains", sink_varlink_list_domains, NULL, false },
	{ "ListDevices", sink_varlink_list_devices, device_parameters, false },
	{ "ListVectors", sink_varlink_list_vectors, vectors_parameters, false },
	{ "ListDoorbells", sink_varlink_list_doorbells, NULL, false },
	{ "ListViolations", sink_varlink_list_violations, violations_parameters, false },
	{ "Acknowledge", acknowledge, acknowledge_parameters, false },
	{ "Explain", explain_subject, explain_parameters, false },
	{ "Monitor", sink_varlink_monitor, monitor_parameters, true },
	{ "ListHistory", sink_varlink_list_history, history_parameters, true },
	{ "ListCounters", sink_varlink_list_counters, counters_parameters, false },
	{ "CountEvents", sink_varlink_count_events, count_parameters, true },
	{ "EndCount", sink_varlink_end_count, end_count_parameters, false },
	{ "GetMetrics", sink_varlink_get_metrics, metrics_parameters, false },
	{ "GetSupport", get_support, NULL, false },
	{ "Snapshot", snapshot, NULL, false },
	{ "Record", sink_varlink_record_raw, NULL, true },
	{ "ListGuards", sink_varlink_list_guards, NULL, false },
	{ "AddGuard", sink_varlink_add_guard, add_guard_parameters, false },
	{ "RemoveGuard", sink_varlink_remove_guard, remove_guard_parameters, false },
	{ "SetGuardMode", sink_varlink_set_guard_mode, guard_mode_parameters, false },
	{ "Reload", sink_varlink_reload, NULL, false },
	{ "GetLogLevel", sink_varlink_get_log_level, NULL, false },
	{ "SetLogLevel", sink_varlink_set_log_level, log_level_parameters, false },
	{},
};

/* Asked for once: later, name services may be out of reach. */
static void find_group(struct sink_varlink *sink)
{
	_cleanup_free_ char *buffer = NULL;
	struct group group, *found = NULL;
	size_t size = 1024;
	char *larger;
	int r;

	do {
		size *= 4;
		larger = realloc(buffer, size);
		if (!larger)
			return;
		buffer = larger;
		r = getgrnam_r(GROUP, &group, buffer, size, &found);
	} while (r == ERANGE && size < GROUP_SIZE_MAX);
	if (r != 0 || !found)
		return;
	sink->has_group = true;
	sink->group = found->gr_gid;
}

int sink_varlink_new(sd_event *event, const struct sink_varlink_source *source, size_t backlog,
		     struct sink_varlink **ret)
{
	struct sink_varlink *sink = calloc(1, sizeof(*sink));
	int r;

	if (!sink)
		return -ENOMEM;
	sink->source = *source;
	sink->event = event;
	sink->next_count = 1;
	for (int i = 0; i < 2; i++)
		sink->pasts[i].end = &sink->pasts[i].first;
	sink->service = (struct varlink_service){ .vendor = "cxlirq",
						  .product = "cxlirqd",
						  .version = CXLIRQD_VERSION,
						  .url = "",
						  .interface = "io.cxlirqd",
						  .description = io_cxlirqd_varlink,
						  .methods = methods };
	find_group(sink);
	r = backlog_new(backlog, &sink->backlog);
	if (r >= 0)
		r = varlink_server_new(event, &sink->service, sink, &sink->server);
	if (r >= 0 && sink->has_group)
		varlink_server_trust_group(sink->server, sink->group);
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
	sd_event_source_disable_unref(sink->past_turn);
	backlog_free(sink->backlog);
	free(sink->raw);
	free(sink);
	return NULL;
}

int sink_varlink_listen(struct sink_varlink *sink, const char *path)
{
	return varlink_server_listen(sink->server, path);
}

int sink_varlink_listen_fd(struct sink_varlink *sink, int fd)
{
	return varlink_server_listen_fd(sink->server, fd);
}

json_t *sink_varlink_clients_to_json(const struct sink_varlink *sink)
{
	const struct varlink_counters *c = varlink_server_counters(sink->server);

	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "connected", (json_int_t)c->clients, "max",
			 (json_int_t)VARLINK_CLIENTS_MAX, "refused",
			 (json_int_t)(c->refused + c->refused_user), "dropped",
			 (json_int_t)c->dropped_slow, "errors", (json_int_t)c->protocol_errors);
}

uint64_t sink_varlink_dropped(const struct sink_varlink *sink)
{
	return varlink_server_counters(sink->server)->dropped_slow;
}
