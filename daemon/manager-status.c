// SPDX-License-Identifier: GPL-2.0-or-later
/* How this daemon is: what GetStatus, --once and --support say. */
#include "manager-private.h"

#include <errno.h>
#include <string.h>

#include <cxlirqd/json.h>

#include "log.h"
#include "probe.h"

static void add_reason(json_t **reasons, bool if_so, const char *format, unsigned long long n)
{
	if (if_so)
		json_add(reasons, json_sprintf(format, n));
}

/* Few reasons for many hooks. A kernel that refuses all of them has one, and that was @told. */
static void add_missing(json_t **reasons, const struct model *model, const char *told)
{
	const char *reason;
	uint32_t count;

	for (uint32_t i = 0; model_missing(model, i, &reason, &count); i++)
		if (!*reason || strcmp(reason, told) != 0)
			json_add(reasons, json_sprintf("%u hooks or features are missing "
						       "(cxlirqctl support): %s",
						       count, reason));
}

void manager_each_refused(const struct manager *m, manager_refused_fn each, void *userdata)
{
	struct model_totals totals;
	uint64_t count;

	model_totals(m->model, &totals);
	for (enum table table = 0; table < TABLE_MAX; table++)
		if (totals.refused[table])
			each(model_table_name(table), totals.refused[table], userdata);
	for (enum program_note note = 0; m->probe && note < PROGRAM_NOTE_MAX; note++) {
		count = probe_refused_notes(m->probe, note);
		if (count)
			each(probe_note_name(note), count, userdata);
	}
}

static void add_refused(const char *table, uint64_t count, void *userdata)
{
	json_add(userdata, json_pack("{s:s, s:I}", "kind", table, "count", (json_int_t)count));
}

static void sum_refused(const char *table, uint64_t count, void *userdata)
{
	(void)table;
	*(uint64_t *)userdata += count;
}

static json_t *manager_reasons(struct manager *m)
{
	const struct record_base *base = model_base(m->model);
	json_t *reasons = json_array(), *lost = model_lost_to_json(m->model), *entry;
	uint64_t n_lost = 0, n_refused = 0;
	const char *why = NULL;
	size_t i;

	json_array_foreach(lost, i, entry)
		n_lost += (uint64_t)json_integer_value(json_object_get(entry, "count"));
	json_decref(lost);
	manager_each_refused(m, sum_refused, &n_refused);
	if (base && base->reason[0])
		json_add(&reasons, json_sprintf("BPF tracing is off: %s", base->reason));
	add_missing(&reasons, m->model, base ? base->reason : "");
	add_reason(&reasons, n_lost,
		   model_is_unrepaired(m->model) ?
			   "%llu records were lost, and no walk has put that right yet" :
			   "%llu records were lost",
		   n_lost);
	add_reason(&reasons, m->bad_records, "%llu records made no sense", m->bad_records);
	add_reason(&reasons, n_refused, "%llu entries found no room in a table", n_refused);
	add_reason(&reasons, m->untold, "%llu events were not told, for there was no memory",
		   m->untold);
	add_reason(&reasons, m->doubtful,
		   "%llu findings were left out, for records were being lost", m->doubtful);
	if (m->store && sink_store_state(m->store, &why) == SINK_STORE_DEGRADED)
		json_add(&reasons, json_sprintf("the store does not keep everything: %s",
						why ?: "see the journal"));
	manager_export_reasons(m, &reasons);
	manager_guard_reasons(m, &reasons);
	return reasons;
}

static json_t *store_to_json(const struct manager *m)
{
	static const char *const names[] = {
		[SINK_STORE_OK] = "ok",
		[SINK_STORE_OFF] = "off",
		[SINK_STORE_DEGRADED] = "degraded",
	};
	const struct sink_store_counters *counters;
	enum sink_store_state state;
	const char *reason = NULL;

	if (!m->store)
		return json_null();
	state = sink_store_state(m->store, &reason);
	counters = sink_store_counters(m->store);
	return json_pack("{s:s, s:s?, s:I, s:I}", "state", names[state], "reason", reason,
			 "written", (json_int_t)counters->written, "dropped",
			 (json_int_t)counters->dropped);
}

json_t *manager_status(struct manager *m)
{
	struct violation_totals v;
	const struct record_base *base;
	struct model_totals t;
	json_t *reasons, *refused = json_array(), *status;
	uint64_t events = 0;

	violations_totals(m->violations, &v);
	base = model_base(m->model);
	model_totals(m->model, &t);
	reasons = manager_reasons(m);
	manager_each_refused(m, add_refused, &refused);
	for (enum change_type type = 0; type < CHANGE_TYPE_MAX; type++)
		events += t.changes[type];
	status = json_pack(
		"{s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, "
		"s:I, s:o, s:I, s:o, s:I, s:I, s:o, s:o, s:s?, s:I, s:o, s:o, s:o, s:s, s:o}",
		"version", CXLIRQD_VERSION, "kernel", base ? base->release : "", "mode",
		m->replay				  ? "replay" :
		base && base->mode == RECORD_MODE_TRACING ? "tracing" :
							    "sysfs",
		"health", json_array_size(reasons) ? "degraded" : "healthy", "reasons", reasons,
		"started_us", (json_int_t)m->started_us, "hooks_attached",
		(json_int_t)t.hooks_attached, "hooks_total",
		(json_int_t)(t.hooks_attached + t.hooks_missing), "domains", (json_int_t)t.domains,
		"vectors", (json_int_t)t.vectors, "devices", (json_int_t)t.devices, "records",
		(json_int_t)t.records, "lost", model_lost_to_json(m->model), "snapshots",
		(json_int_t)t.snapshots, "snapshot_us", (json_int_t)(t.snapshot_ns / 1000),
		"corrections", model_corrections_to_json(m->model), "events", (json_int_t)events,
		"refused", refused, "violations_open", (json_int_t)v.n_open, "violations_refused",
		(json_int_t)v.refused, "store", store_to_json(m), "vector_space",
		model_space_to_json(m->model), "vector_space_reason", model_space_reason(m->model),
		"pmus", (json_int_t)t.pmus, "counters", manager_counters_to_json(m), "exporter",
		manager_export_to_json(m), "clients", sink_varlink_clients_to_json(m->varlink),
		"log_level", log_level_to_name(log_level()), "guard", manager_guard_state(m));
	json_merge(&status, manager_restart_to_json(m));
	return status;
}

int manager_print(struct manager *m, FILE *out)
{
	json_t *json = model_to_json(m->model);
	int r = json ? json_dumpf(json, out, JSON_INDENT(2)) : -1;

	json_decref(json);
	return r < 0 || fputc('\n', out) == EOF || fflush(out) ? -EIO : 0;
}

int manager_print_support(struct manager *m, FILE *out)
{
	json_t *support = model_support_to_json(m->model), *hook;
	struct model_totals totals;
	size_t i;

	model_totals(m->model, &totals);
	fprintf(out, "kernel %s %s, mode %s\n",
		json_string_value(json_object_get(support, "kernel")),
		json_string_value(json_object_get(support, "machine")),
		json_string_value(json_object_get(support, "mode")));
	json_array_foreach(json_object_get(support, "hooks"), i, hook)
		fprintf(out, "%-3s %s%s%s\n",
			json_is_true(json_object_get(hook, "attached")) ? "yes" : "no",
			json_string_value(json_object_get(hook, "hook")),
			json_is_true(json_object_get(hook, "attached")) ? "" : ": ",
			json_string_value(json_object_get(hook, "reason")) ?: "");
	json_array_foreach(json_object_get(support, "features"), i, hook)
		fprintf(out, "%-3s %s%s%s\n",
			json_is_true(json_object_get(hook, "attached")) ? "yes" : "no",
			json_string_value(json_object_get(hook, "hook")),
			json_is_true(json_object_get(hook, "attached")) ? "" : ": ",
			json_string_value(json_object_get(hook, "reason")) ?: "");
	json_decref(support);
	return totals.hooks_missing != 0;
}
