// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an exporter answers: everything is brought up to date, gathered into one set of series, cut
 * to what an answer may have, and told in the format that was asked for.
 */
#include "manager-private.h"

#include <errno.h>
#include <string.h>

#include <cxlirqd/cleanup.h>

#include "activation.h"
#include "log.h"
#include "probe.h"

/* ---- what only the manager knows ----------------------------------------------------------- */

static void gather_sinks(const struct manager *m, struct metric_set *set)
{
	metric_add(set, METRIC_SINK_DROPPED, sink_varlink_dropped(m->varlink), "varlink");
	if (m->report)
		metric_add(set, METRIC_SINK_DROPPED, sink_report_dropped(m->report), "report");
	if (m->exporter)
		metric_add(set, METRIC_SINK_DROPPED, manager_export_dropped(m), "http");
	if (m->store)
		metric_add(set, METRIC_SINK_DROPPED, sink_store_counters(m->store)->dropped,
			   "store");
	metric_add(set, METRIC_EVENTS_UNTOLD, m->overload.untold, "overload");
	metric_add(set, METRIC_EVENTS_UNTOLD, m->untold, "no-memory");
	if (m->journal)
		metric_add(set, METRIC_SINK_DROPPED, sink_journal_counters(m->journal)->held_back,
			   "journal");
}

static void gather_refused(const char *table, uint64_t count, void *userdata)
{
	metric_add(userdata, METRIC_ENTRIES_REFUSED, count, table);
}

static void look_for_runs(const struct probe_program *program, void *userdata)
{
	struct manager *m = userdata;

	m->program_stats |= program->runs > 0;
}

/* Zeros everywhere are a kernel that does not count. */
static bool counts_programs(struct manager *m)
{
	if (m->probe && !m->program_stats)
		probe_each_program(m->probe, look_for_runs, m);
	return m->program_stats;
}

static void gather_program(const struct probe_program *program, void *userdata)
{
	struct metric_set *set = userdata;

	metric_add(set, METRIC_BPF_PROGRAM_RUNS, program->runs, program->name);
	metric_add(set, METRIC_BPF_PROGRAM_RUN, program->time_ns, program->name);
}

static void gather_programs(struct manager *m, struct metric_set *set)
{
	if (counts_programs(m))
		probe_each_program(m->probe, gather_program, set);
}

struct telling {
	sink_varlink_program_fn each;
	void *userdata;
	bool counted;
};

static void tell_program(const struct probe_program *program, void *userdata)
{
	const struct telling *telling = userdata;

	telling->each(program->hook, telling->counted ? (int64_t)program->runs : -1,
		      (int64_t)program->missed, telling->userdata);
}

void manager_each_program(sink_varlink_program_fn each, void *each_userdata, void *userdata)
{
	struct manager *m = userdata;
	struct telling telling = { .each = each,
				   .userdata = each_userdata,
				   .counted = counts_programs(m) };

	if (m->probe)
		probe_each_program(m->probe, tell_program, &telling);
}

/* ---- the set ------------------------------------------------------------------------------- */

/* The caller frees *@ret; it borrows from the model, so that must not change meanwhile. */
static int gather(struct manager *m, struct metric_set **ret)
{
	_cleanup_(metric_set_freep) struct metric_set *set = NULL;
	int r = metric_set_new(&set);

	if (r < 0)
		return r;
	manager_refresh(m);
	manager_read_counters(m);
	sink_metrics_set_per_vector(m->metrics, m->config->per_vector);
	sink_metrics_gather(m->metrics, m->model, m->violations, set);
	gather_sinks(m, set);
	manager_each_refused(m, gather_refused, set);
	gather_programs(m, set);
	r = metric_set_error(set);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(set);
	return 0;
}

/* As many as there may be, one of them being the family that tells how many were too many */
static int finish(struct manager *m, struct metric_set *set, uint64_t max, bool count)
{
	uint64_t dropped = metric_set_limit(set, max - 1);

	m->series_dropped += count ? dropped : 0;
	metric_add(set, METRIC_SERIES_DROPPED,
		   m->series_dropped + sink_metrics_refused(m->metrics));
	metric_set_sort(set);
	return metric_set_error(set);
}

int manager_render_metrics(enum metric_format format, char **ret_text, size_t *ret_size,
			   void *userdata)
{
	_cleanup_(metric_set_freep) struct metric_set *set = NULL;
	struct manager *m = userdata;
	int r = gather(m, &set);

	if (r >= 0)
		r = finish(m, set, m->config->max_series, true);
	return r < 0 ? r : metric_set_to_text(set, format, ret_text, ret_size);
}

/* ---- systemd ------------------------------------------------------------------------------- */

/* Its readers take less than an exporter's: what is left out for that is nothing to count. */
static int gather_report(struct metric_set **ret, void *userdata)
{
	_cleanup_(metric_set_freep) struct metric_set *set = NULL;
	struct manager *m = userdata;
	int r = gather(m, &set);

	if (r >= 0)
		r = finish(m, set, SINK_REPORT_SERIES_MAX, false);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(set);
	return 0;
}

/* A replay must not pass for this host, unless somebody named a place for it. */
static bool is_wanted(const struct manager *m)
{
	const char *path = m->config->report;

	return *path && (!m->replay || strcmp(path, CONFIG_REPORT) != 0);
}

void manager_start_report(struct manager *m)
{
	_cleanup_close_ int fd = -EBADF;
	const char *where = m->config->report;
	int r = activation_take("report", &fd);

	if (r <= 0 && !is_wanted(m))
		return;
	if (r > 0)
		where = "the socket that systemd passed";
	r = sink_report_new(m->event, gather_report, m, &m->report);
	if (r >= 0)
		r = fd >= 0 ? sink_report_listen_fd(m->report, TAKE_FD(fd)) :
			      sink_report_listen(m->report, where);
	if (r >= 0) {
		log_debug("systemd-report finds the metrics on %s", where);
		return;
	}
	m->report = sink_report_free(m->report);
	/* without that directory there is nobody to ask */
	if (r == -ENOENT)
		log_debug("no metrics for systemd-report on %s: %s", where, strerror(-r));
	else
		log_info("no metrics for systemd-report on %s: %s", where,
			 r == -EADDRINUSE ? "another daemon answers there" : strerror(-r));
}
