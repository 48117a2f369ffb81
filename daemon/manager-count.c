// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counting on CXL PMUs: the counters that stand in the settings, and those of one client. They are
 * read when somebody asks, never by themselves. What the former say goes through the chain, as
 * records; the latter are no state of this host, only an answer.
 */
#include "manager-private.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>

#include "log.h"
#include "pmu-counter.h"
#include "topology.h"

static void manager_feed_counter(const struct record_counter *counter, void *userdata)
{
	struct record_counter r = *counter;
	struct manager *m = userdata;

	r.header = (struct record_header){ .type = RECORD_COUNTER,
					   .version = RECORD_VERSION,
					   .size = sizeof(r),
					   .time_ns = manager_now_ns() };
	manager_feed(&r.header, m);
}

/* Something happened to a standing counter: one line, if it is for the worse. */
static void manager_on_counter(const struct record_counter *counter, void *userdata)
{
	if (counter->error && counter->reason[0])
		log_warning("counter %s%s%s: %s", counter->pmu, counter->pmu[0] ? ": " : "",
			    counter->event, counter->reason);
	manager_feed_counter(counter, userdata);
}

/* The standing counters are open on the PMUs that there are, and on no others. */
static void manager_follow_pmus(struct manager *m)
{
	int r;

	m->pmus_changed = false;
	if (!m->standing)
		return;
	r = pmu_table_read(m->pmus);
	if (r < 0)
		log_warning("cannot read which CXL PMUs there are: %s", strerror(-r));
	else
		pmu_set_follow(m->standing, manager_on_counter, m);
}

void manager_watch_pmus(struct manager *m, const struct record_header *record)
{
	const struct record_device *device = (const struct record_device *)record;

	if (record->type == RECORD_PMU)
		m->pmus_changed = true;
	/* no uevent is read for the PMU, but for the device that it is */
	else if ((record->type == RECORD_DEVICE || record->type == RECORD_DEVICE_GONE) &&
		 !strcmp(device->bus, "cxl") && !strncmp(device->name, "pmu_", 4))
		m->pmus_stale = m->pmus_changed = true;
}

void manager_settle_pmus(struct manager *m)
{
	if (m->pmus_stale)
		topology_read_pmus(m->topology, false, manager_now_ns());
	m->pmus_stale = false;
	if (!m->pmus_changed)
		return;
	manager_follow_pmus(m);
	sink_varlink_pmus_changed(m->varlink);
}

void manager_on_settled(void *userdata)
{
	struct manager *m = userdata;

	manager_settle_pmus(m);
	manager_batch_end(m);
}

/* [Counters] Events=: the settings have been checked, what can fail is memory. */
static int manager_counter_items(const struct manager *m, struct pmu_items *ret)
{
	char reason[PMU_REASON_MAX] = "";
	const char *events = m->config->counter_events;
	int r = events[0] ? pmu_items_parse(ret, events, reason) : 0;

	if (r < 0) {
		log_warning("cannot count: %s", reason[0] ? reason : strerror(-r));
		pmu_items_done(ret);
	}
	return r;
}

void manager_start_counters(struct manager *m)
{
	struct pmu_items items = {};
	int r;

	if (!m->config->counter_events[0] || manager_counter_items(m, &items) < 0)
		return;
	r = pmu_set_new(m->pmus, &items, NULL, &m->standing);
	pmu_items_done(&items);
	if (r < 0)
		log_warning("cannot count: %s", strerror(-r));
	else
		manager_follow_pmus(m);
}

void manager_reload_counters(struct manager *m, bool others)
{
	struct pmu_items items = {};

	if (m->replay)
		return;
	m->pmus->counters_max = m->config->max_counters;
	if (others && !m->standing) {
		manager_start_counters(m);
	} else if (others && manager_counter_items(m, &items) >= 0) {
		pmu_set_change(m->standing, &items, manager_on_counter, m);
		pmu_items_done(&items);
	}
	if (m->standing)
		manager_follow_pmus(m);
	manager_read_counters(m);
}

void manager_read_counters(void *userdata)
{
	struct manager *m = userdata;

	if (m->replay)
		return;
	m->pmus_stale = true;
	manager_settle_pmus(m);
	if (!m->standing)
		return;
	if (pmu_set_read(m->standing))
		manager_follow_pmus(m);
	for (size_t i = 0; i < pmu_set_count(m->standing); i++)
		manager_feed_counter(pmu_set_get(m->standing, i), m);
	manager_batch_end(m);
}

json_t *manager_counters_to_json(const struct manager *m)
{
	if (!m->pmus)
		return json_null();
	return json_pack("{s:I, s:I, s:I}", "open", (json_int_t)m->pmus->counters_open, "max",
			 (json_int_t)m->pmus->counters_max, "refused",
			 (json_int_t)m->pmus->counters_refused);
}

/* ---- for a client ---------------------------------------------------------------------------- */

_Static_assert(PMU_REASON_MAX == COUNT_REASON_MAX, "the socket's reasons are those of the PMUs");

static int parse_events(const json_t *events, struct pmu_items *items, char reason[PMU_REASON_MAX])
{
	const json_t *event;
	size_t i;
	int r = 0;

	json_array_foreach((json_t *)events, i, event) {
		r = pmu_items_parse(items, json_string_value(event) ?: "", reason);
		if (r < 0)
			return r == -E2BIG ? -EINVAL : r;
	}
	if (items->n)
		return 0;
	snprintf(reason, PMU_REASON_MAX, "no event is asked for");
	return -EINVAL;
}

static int check_pmus(const struct manager *m, const char *pmu, char reason[PMU_REASON_MAX])
{
	for (size_t i = 0; i < m->pmus->n; i++)
		if (!pmu || fnmatch(pmu, m->pmus->devices[i].name, 0) == 0)
			return 0;
	if (m->pmus->n)
		snprintf(reason, PMU_REASON_MAX, "there is no PMU %.60s", pmu);
	else
		snprintf(reason, PMU_REASON_MAX,
			 "no CXL PMU on this host (\"cxlirqctl devices\" tells why)");
	return -ENODEV;
}

struct counting {
	struct pmu_set *set;
};

int manager_count_start(const json_t *events, const char *pmu, struct counting **ret,
			char ret_reason[COUNT_REASON_MAX], void *userdata)
{
	_cleanup_(pmu_items_done) struct pmu_items items = {};
	_cleanup_free_ struct counting *counting = calloc(1, sizeof(*counting));
	struct manager *m = userdata;
	int r = counting ? 0 : -ENOMEM;

	if (m->replay) {
		snprintf(ret_reason, COUNT_REASON_MAX, "this is a replay, nothing can be counted");
		return -EOPNOTSUPP;
	}
	if (r >= 0)
		r = parse_events(events, &items, ret_reason);
	if (r >= 0)
		r = pmu_table_read(m->pmus);
	if (r >= 0)
		r = check_pmus(m, pmu, ret_reason);
	if (r >= 0)
		r = pmu_set_new(m->pmus, &items, pmu, &counting->set);
	if (r < 0)
		return r;
	pmu_set_follow(counting->set, NULL, NULL);
	*ret = TAKE_PTR(counting);
	return 0;
}

void manager_count_read(struct counting *counting, bool again, counted_fn each, void *each_userdata,
			void *userdata)
{
	(void)userdata;
	if (again)
		pmu_set_read(counting->set);
	for (size_t i = 0; i < pmu_set_count(counting->set); i++)
		each(pmu_set_get(counting->set, i), each_userdata);
}

void manager_count_end(struct counting *counting, void *userdata)
{
	(void)userdata;
	pmu_set_free(counting->set);
	free(counting);
}
