// SPDX-License-Identifier: GPL-2.0-or-later
/* What becomes of events and findings: the table of violations, the socket, the store, the journal. */
#include "manager-private.h"

#include <errno.h>
#include <stdlib.h>

#include <cxlirqd/cleanup.h>

#include "log.h"
#include "probe.h"

/* No memory for the event, which is counted. A violation is kept and told all the same. */
static void publish_without_text(struct manager *m, const struct sink_event *event)
{
	m->untold++;
	if (!event->violation)
		return;
	if (m->store)
		sink_store_violation(m->store, event->violation);
	if (m->journal)
		sink_journal_publish(m->journal, event);
}

/* @event has what is not in @json, which is taken over. False: there was no memory for its text. */
static bool publish(struct manager *m, json_t *json, struct sink_event event)
{
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_t *irq = json_object_get(json, "irq");

	event.time_us = json_integer_value(json_object_get(json, "time_us"));
	event.type = json_string_value(json_object_get(json, "type"));
	event.has_irq = json_is_integer(irq);
	event.irq = (uint32_t)json_integer_value(irq);
	event.device = json_string_value(json_object_get(json, "device"));
	event.json = json;
	event.text = text;
	if (text) {
		if (m->store)
			sink_store_publish(m->store, &event);
		if (m->journal)
			sink_journal_publish(m->journal, &event);
		sink_varlink_publish(m->varlink, &event);
	}
	json_decref(json);
	return text;
}

bool manager_has_readers(const struct manager *m)
{
	return m->store || m->journal || sink_varlink_wants(m->varlink);
}

void manager_publish(struct manager *m, json_t *json, const struct violation *violation,
		     enum violation_outcome outcome)
{
	struct sink_event event = {
		.time_us = violation ? violation->last_us : 0,
		.violation = violation,
		.outcome = outcome,
	};

	manager_tell_untold(m);
	if (m->restart.place.lineage)
		event.position = manager_position(m, violation ? violation->finding.rule + 1U : 0);
	if (!publish(m, json, event))
		publish_without_text(m, &event);
}

void manager_tell(struct manager *m, json_t *json)
{
	struct sink_event event = {};

	manager_tell_untold(m);
	if (!publish(m, json, event))
		publish_without_text(m, &event);
}

bool manager_publish_gap(struct manager *m, json_t *json, uint64_t position, uint64_t changes)
{
	return publish(m, json, (struct sink_event){ .position = position, .stands_for = changes });
}

static bool manager_is_losing(struct manager *m)
{
	if (model_is_unrepaired(m->model))
		return true;
	/* not told yet */
	return m->probe &&
	       (probe_dropped(m->probe) != m->dropped || probe_missed(m->probe) != m->missed);
}

void manager_on_finding(const struct finding *finding, void *userdata)
{
	const struct violation *violation;
	struct manager *m = userdata;
	enum violation_outcome outcome;

	/* told, and counted */
	if (manager_was_told(m, finding->rule + 1U))
		return;
	/* what did not come may have been lost: the next walk will tell */
	if (finding->from_silence && (finding->doubtful || manager_is_losing(m))) {
		m->doubtful++;
		return;
	}
	outcome = violations_add(m->violations, finding, m->change_us, &violation);
	if (outcome == VIOLATION_REFUSED || outcome == VIOLATION_STANDING)
		return;
	manager_publish(m, violation_to_event_json(violation), violation, outcome);
}

void manager_sinks_batch_end(struct manager *m)
{
	manager_tell_untold(m);
	if (m->store)
		sink_store_batch_end(m->store);
	if (m->journal)
		sink_journal_tend(m->journal, model_time_us(m->model, manager_now_ns()));
	sink_varlink_batch_end(m->varlink);
}

int manager_new_keepers(struct manager *m)
{
	struct sink_store_settings settings = { .enabled = m->config->store,
						.directory = m->config->store_directory,
						.retention_sec = m->config->store_days * 86400,
						.max_size = m->config->store_size,
						.absence_unknown = true };
	pid_t holder = 0;
	int r = sink_store_new(&settings, &m->store, &holder);

	if (r == -EBUSY && holder)
		log_error("the store is in use by another cxlirqd (pid %d)", (int)holder);
	else if (r == -EBUSY)
		log_error("the store is in use by another cxlirqd");
	if (r < 0)
		return r;
	sink_store_restore(m->store, m->violations);
	return sink_journal_new(&m->journal);
}

int manager_acknowledge(uint64_t id, void *userdata)
{
	const struct violation *violation;
	struct manager *m = userdata;
	int r = violations_acknowledge(m->violations, id, &violation);

	if (r > 0 && m->store)
		sink_store_violation(m->store, violation);
	return r < 0 ? r : 0;
}

int manager_history(const struct history_filter *filter, struct history_ids *ret, bool *ret_cut,
		    void *userdata)
{
	struct manager *m = userdata;

	return m->store ? sink_store_find(m->store, filter, ret, ret_cut) : -EOPNOTSUPP;
}

int manager_history_event(const struct history_ids *ids, uint32_t i, history_row_fn row,
			  void *row_userdata, void *userdata)
{
	struct manager *m = userdata;

	return sink_store_read(m->store, ids, i, row, row_userdata);
}
