// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An event moves one way:
 *
 *   BPF ring, snapshot walk, sysfs, record file -> decode -> model -> sinks
 *
 * manager_on_event() is that chain. The rest here is the life of the daemon; when sources are read
 * is in manager-source.c.
 */
#include "manager-private.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include <cxlirqd/cleanup.h>

#include "decode.h"
#include "log.h"
#include "pmu-counter.h"
#include "privilege.h"
#include "probe.h"
#include "resident.h"
#include "ring.h"
#include "sink.h"
#include "snapshot.h"
#include "topology.h"

/* A queue for a client is a mapping of its own from here on: it grows without a copy, and goes without a rest. */
#define MAPPING_MIN (128 << 10)

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

uint64_t manager_now_ns(void)
{
	return now_ns(CLOCK_BOOTTIME);
}

/* ---- the chain ----------------------------------------------------------------------------- */

bool manager_decode(struct manager *m, const void *data, size_t size, struct event *ret)
{
	if (decode(data, size, ret) >= 0)
		return true;
	m->bad_records++;
	sink_metrics_record(m->metrics, NULL);
	return false;
}

void manager_on_event(struct manager *m, const struct event *event)
{
	manager_write_record(m, event->header);
	if (!m->restart.replaying) {
		sink_varlink_record(m->varlink, event->header);
		sink_metrics_record(m->metrics, event->header);
	}
	model_apply(m->model, event);
}

static void manager_on_change(const struct change *change, void *userdata)
{
	struct manager *m = userdata;

	if (m->restart.restoring)
		return;
	m->restart.place.step++;
	/* no uevent tells that a driver took or gave back vectors after its probe */
	if (m->topology && change->vector && change->vector->msi_type &&
	    (change->type == CHANGE_VECTOR_ALLOCATED || change->type == CHANGE_VECTOR_FREED))
		topology_touch(m->topology, change->vector->provider.name);
	/* nor that its probe failed, which decides what a refusal meant */
	if (m->topology && change->demands && change->error)
		topology_touch(m->topology, change->demands->device);
	if (!manager_was_told(m, 0))
		sink_metrics_change(m->metrics, m->model, change);
	if (change_name(change->type) && manager_has_readers(m) && !manager_was_told(m, 0) &&
	    !manager_leaves_untold(m, change))
		manager_publish(m, change_to_json(m->model, change), NULL, 0);
	manager_guard_change(m, change);
	m->change_us = model_time_us(m->model, change->time_ns);
	rule_eval(&m->rules, m->model, change, manager_on_finding, m);
}

void manager_feed(const struct record_header *record, void *userdata)
{
	struct manager *m = userdata;
	struct event event;

	if (!manager_decode(m, record, record->size, &event))
		return;
	manager_log_record(m, record);
	manager_on_event(m, &event);
}

static int manager_feed_topology(const struct record_header *record, void *userdata)
{
	manager_watch_pmus(userdata, record);
	manager_feed(record, userdata);
	return 0;
}

/* ---- life ---------------------------------------------------------------------------------- */

static int manager_new_sinks(struct manager *m, bool serve)
{
	struct sink_varlink_source source = { .model = m->model,
					      .refresh = manager_refresh,
					      .snapshot = manager_reread,
					      .retell = m->replay ? NULL : manager_retell,
					      .status = manager_answer_status,
					      .restart = manager_restart_to_json,
					      .programs = manager_each_program,
					      .violations = m->violations,
					      .acknowledge = manager_acknowledge,
					      .history = manager_history,
					      .history_event = manager_history_event,
					      .read_counters = manager_read_counters,
					      .count_start = manager_count_start,
					      .count_read = manager_count_read,
					      .count_end = manager_count_end,
					      .reload = manager_answer_reload,
					      .metrics = manager_render_metrics,
					      .guard_list = manager_guard_list,
					      .guard_words = manager_guard_words,
					      .guard_add = manager_guard_add,
					      .guard_remove = manager_guard_remove,
					      .guard_set_mode = manager_guard_set_mode,
					      .userdata = m };
	/* without a socket nobody comes who could ask for them */
	size_t backlog = serve ? m->config->event_backlog : 0;
	int r = sink_varlink_new(m->event, &source, backlog, &m->varlink);

	return r < 0 || !serve || m->replay ? r : manager_new_keepers(m);
}

static int manager_new_sources(struct manager *m)
{
	int r = topology_new("/", manager_feed_topology, m, &m->topology);

	if (r < 0)
		return r;
	r = topology_read_apart(m->topology, "/");
	if (r < 0 && r != -EPERM)
		log_warning("no process to read config space: %s", strerror(-r));
	r = probe_new(m->config->ring_size, m->keep ? m->config->pin_directory : NULL, &m->probe);
	if (r < 0)
		return r;
	if (probe_tracing(m->probe)) {
		r = ring_new(probe_ring_fd(m->probe), manager_on_batch, m, &m->ring);
		if (r < 0)
			return r;
	}
	return pmu_table_new("/", m->config->max_counters, &m->pmus);
}

int manager_new(struct config *config, const char *replay, const char *record, bool keep,
		struct manager **ret)
{
	struct model_limits limits = MODEL_LIMITS_DEFAULT;
	struct manager *m = calloc(1, sizeof(*m));
	bool told = false;
	int r;

	if (!m) {
		log_error("cannot start: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	m->config = config;
	m->record_fd = -EBADF;
	m->rules = config->rules;
	m->replay = replay;
	m->keep = keep && !replay;
	m->realtime_offset_ns = manager_clock_offset_ns();
	m->started_us = (int64_t)(now_ns(CLOCK_REALTIME) / 1000);
	limits.entries[TABLE_VECTORS] = (uint32_t)config->max_vectors;
	limits.entries[TABLE_DOMAINS] = (uint32_t)config->max_domains;
	r = sd_event_default(&m->event);
	if (r >= 0)
		r = model_new(&limits, manager_on_change, m, &m->model);
	if (r >= 0)
		r = violations_new(config->max_violations, &m->violations);
	if (r >= 0)
		r = sink_metrics_new(config->per_vector, &m->metrics);
	if (r >= 0 && record) {
		r = manager_open_record(m, record);
		told = r < 0;
	}
	/* files that somebody named are open, and those of the daemon's own are its user's */
	if (r >= 0 && keep && !replay)
		r = manager_new_guard(m);
	if (r >= 0 && keep && !replay)
		r = manager_become_user(m);
	if (r >= 0)
		r = manager_new_sinks(m, keep);
	if (r >= 0 && !replay)
		r = manager_new_sources(m);
	if (r < 0) {
		if (r != -EBUSY && !told)
			log_error("cannot start: %s", strerror(-r));
		manager_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

struct manager *manager_free(struct manager *m)
{
	if (!m)
		return NULL;
	manager_stop_export(m);
	manager_stop_guard(m);
	sd_event_source_unref(m->ring_source);
	sd_event_source_unref(m->between);
	sd_event_source_unref(m->timer);
	sd_event_source_unref(m->tick);
	sd_event_source_unref(m->beat);
	sd_event_source_unref(m->clock);
	sink_varlink_free(m->varlink);
	sink_report_free(m->report);
	sink_metrics_free(m->metrics);
	pmu_set_free(m->standing);
	pmu_table_free(m->pmus);
	sink_journal_free(m->journal);
	sink_store_free(m->store);
	topology_free(m->topology);
	checkpoint_free(m->restart.checkpoint);
	ring_free(m->ring);
	probe_free(m->probe);
	model_free(m->model);
	violations_free(m->violations);
	manager_end_record(m);
	sd_event_unref(m->event);
	free(m);
	return NULL;
}

int manager_start(struct manager *m)
{
	int r;

	if (!m->replay)
		manager_take_over(m);
	r = m->replay ? manager_replay(m) : manager_retell(m);
	if (r < 0 && !m->replay)
		log_error("cannot read the kernel's state: %s", strerror(-r));
	/* one that is going to serve has more to do */
	if (r >= 0 && !m->keep)
		manager_keep_record(m);
	return r;
}

static int manager_add_signals(struct manager *m)
{
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	r = sd_event_add_signal(m->event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGINT, NULL, NULL);
	return r < 0 ? r : sd_event_add_signal(m->event, NULL, SIGHUP, manager_on_hangup, m);
}

int manager_serve(struct manager *m)
{
	int r = manager_add_signals(m);

	if (r >= 0)
		r = manager_attach_sources(m);
	if (r < 0) {
		log_error("cannot wait for events: %s", strerror(-r));
		return r;
	}
	r = manager_listen(m);
	if (r < 0)
		return r;
	if (!m->replay)
		manager_start_counters(m);
	manager_start_guard(m);
	manager_start_export(m);
	manager_start_report(m);
	r = privilege_drop();
	if (r < 0) {
		log_error("cannot give up privileges: %s", strerror(-r));
		return r;
	}
	if (m->store)
		sink_store_work_apart(m->store);
	mallopt(M_MMAP_THRESHOLD, MAPPING_MIN);
	manager_keep_record(m);
	manager_ready(m);
	resident_forget_start();
	r = sd_event_loop(m->event);
	sd_notify(0, "STOPPING=1");
	manager_drain(m);
	return r;
}
