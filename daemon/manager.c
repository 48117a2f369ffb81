// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An event moves one way:
 *
 *   BPF ring, snapshot walk, sysfs, record file -> decode -> model -> sinks
 *
 * manager_on_record() is that chain. Everything else here is about when: hooks are attached first,
 * then the walk runs, then what the ring held meanwhile is applied; after any loss, and at a slow
 * interval, the walk runs again.
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
#include "ring.h"
#include "sink.h"
#include "snapshot.h"
#include "topology.h"
#include "trace.h"

/* Counts are read again for an answer, but not more often than this. */
#define REFRESH_NS 50000000ULL
/* How often the kernel is asked whether it skipped a program's run */
#define MISSED_NS 1000000000ULL
/* A walk during which something was lost is repeated after this. */
#define RETRY_USEC 1000000ULL
#define BEAT_USEC 30000000ULL
/* Rounds of draining before others get their turn */
#define DRAINS_MAX 16

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

static void manager_write_record(struct manager *m, const struct record_header *record)
{
	if (!m->record || fwrite(record, record->size, 1, m->record) == 1)
		return;
	log_error("cannot write the record file, stopped recording: %s", strerror(errno));
	fclose(TAKE_PTR(m->record));
}

static void manager_on_record(const void *data, size_t size, void *userdata)
{
	struct manager *m = userdata;
	struct event event;

	if (decode(data, size, &event) < 0) {
		m->bad_records++;
		return;
	}
	manager_write_record(m, event.header);
	sink_varlink_record(m->varlink, event.header);
	model_apply(m->model, &event);
}

static void manager_on_change(const struct change *change, void *userdata)
{
	struct manager *m = userdata;

	/* no uevent tells that a driver took or gave back vectors after its probe */
	if (m->topology && change->vector && change->vector->msi_type &&
	    (change->type == CHANGE_VECTOR_ALLOCATED || change->type == CHANGE_VECTOR_FREED))
		topology_touch(m->topology, change->vector->provider.name);
	/* nor that its probe failed, which decides what a refusal meant */
	if (m->topology && change->demands && change->error)
		topology_touch(m->topology, change->demands->device);
	if (change_name(change->type))
		manager_publish(m, change_to_json(m->model, change), NULL, 0);
	m->change_us = model_time_us(m->model, change->time_ns);
	rule_eval(&m->rules, m->model, change, manager_on_finding, m);
}

/* ---- sources ------------------------------------------------------------------------------- */

void manager_feed(const struct record_header *record, void *userdata)
{
	manager_on_record(record, record->size, userdata);
}

static int manager_feed_topology(const struct record_header *record, void *userdata)
{
	manager_watch_pmus(userdata, record);
	manager_feed(record, userdata);
	return 0;
}

/* What waits for time to pass gets its tick, once. */
static void manager_arm_tick(struct manager *m)
{
	uint64_t due = model_tick_due(m->model);

	if (!m->tick || due == m->tick_ns)
		return;
	m->tick_ns = due;
	sd_event_source_set_time(m->tick, due / 1000 + 1);
	sd_event_source_set_enabled(m->tick, due ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

void manager_batch_end(struct manager *m)
{
	manager_sinks_batch_end(m);
	manager_arm_tick(m);
}

static void manager_drain(void *userdata)
{
	struct manager *m = userdata;

	for (unsigned int i = 0; m->ring && i < DRAINS_MAX && ring_drain(m->ring); i++)
		;
	manager_batch_end(m);
}

static void manager_feed_snapshot(struct manager *m, uint32_t phase, bool complete,
				  uint64_t duration_ns)
{
	struct record_snapshot r = { .header = { .type = RECORD_SNAPSHOT,
						 .version = RECORD_VERSION,
						 .size = sizeof(r),
						 .time_ns = now_ns(CLOCK_BOOTTIME) },
				     .phase = phase,
				     .complete = complete,
				     .duration_ns = duration_ns };

	manager_feed(&r.header, m);
}

static void manager_feed_lost(struct manager *m, uint64_t count, const char *reason)
{
	struct record_lost r = { .header = { .type = RECORD_LOST,
					     .version = RECORD_VERSION,
					     .size = sizeof(r),
					     .time_ns = now_ns(CLOCK_BOOTTIME) },
				 .count = count };

	snprintf(r.reason, sizeof(r.reason), "%s", reason);
	manager_feed(&r.header, m);
}

/* Whether something was lost since the last call; it is told once. */
static bool manager_tell_lost(struct manager *m)
{
	uint64_t dropped = probe_dropped(m->probe), missed = m->missed,
		 now = now_ns(CLOCK_BOOTTIME);
	bool lost;

	/* a system call for each program: not with every batch */
	if (now - m->missed_asked_ns > MISSED_NS) {
		m->missed_asked_ns = now;
		missed = probe_missed(m->probe);
	}
	lost = dropped != m->dropped || missed != m->missed;
	if (dropped != m->dropped)
		manager_feed_lost(m, dropped - m->dropped, "ring-full");
	if (missed != m->missed)
		manager_feed_lost(m, missed - m->missed, "program-missed");
	m->dropped = dropped;
	m->missed = missed;
	return lost;
}

/* Reads what is: by the walk, or from sysfs where tracing or the way into the tables is refused. */
static int manager_snapshot(void *userdata)
{
	struct manager *m = userdata;
	uint64_t start = now_ns(CLOCK_BOOTTIME);
	bool complete = true;
	int r = 0;

	if (m->replay || m->snapshotting)
		return 0;
	m->snapshotting = true;
	manager_drain(m);
	manager_feed_snapshot(m, RECORD_SNAPSHOT_BEGIN, false, 0);
	if (probe_tracing(m->probe))
		r = snapshot_run(probe_snapshot_fd(m->probe), manager_drain, m, &complete);
	if (r >= 0 && !probe_can_walk(m->probe))
		r = topology_read_irqs(m->topology, start);
	m->refreshed_ns = now_ns(CLOCK_BOOTTIME);
	manager_feed_snapshot(m, RECORD_SNAPSHOT_END, r >= 0 && complete, m->refreshed_ns - start);
	manager_batch_end(m);
	m->snapshotting = false;
	return r;
}

/* The next walk: at the interval that was set, or soon. */
static void manager_arm(struct manager *m, bool soon)
{
	uint64_t usec = soon ? RETRY_USEC : m->config->snapshot_sec * 1000000ULL;

	if (!m->timer || !usec)
		return;
	sd_event_source_set_time_relative(m->timer, usec);
	sd_event_source_set_enabled(m->timer, SD_EVENT_ONESHOT);
}

/* A walk, and another one soon if something was lost while it ran. */
static void manager_walk(struct manager *m)
{
	int r = manager_snapshot(m);

	if (r < 0)
		log_warning("cannot read the kernel's state again: %s", strerror(-r));
	manager_arm(m, manager_tell_lost(m));
}

/* After a loss the model may be wrong. */
static void manager_resync(struct manager *m)
{
	if (manager_tell_lost(m))
		manager_walk(m);
}

static void manager_refresh(void *userdata)
{
	struct manager *m = userdata;

	if (m->replay)
		return;
	manager_drain(m);
	manager_resync(m);
	topology_settle(m->topology);
	if (now_ns(CLOCK_BOOTTIME) - m->refreshed_ns > REFRESH_NS)
		manager_snapshot(m);
}

/* The settings that change what the model makes of records belong to the trace. */
static void manager_feed_patterns(struct manager *m)
{
	const char *at = m->config->doorbell_devices;

	for (at += strspn(at, " \t"); *at; at += strspn(at, " \t")) {
		struct record_pattern r = { .header = { .type = RECORD_PATTERN,
							.version = RECORD_VERSION,
							.size = sizeof(r),
							.time_ns = now_ns(CLOCK_BOOTTIME) },
					    .kind = RECORD_PATTERN_DOORBELL };
		size_t length = strcspn(at, " \t");

		memcpy(r.pattern, at, length < sizeof(r.pattern) ? length : sizeof(r.pattern) - 1);
		manager_feed(&r.header, m);
		at += length;
	}
}

/* Everything from the start, as records: opens a new trace. */
static int manager_retell(void *userdata)
{
	struct manager *m = userdata;
	int r;

	if (m->replay)
		return -EOPNOTSUPP;
	probe_describe(m->probe, now_ns(CLOCK_BOOTTIME), m->realtime_offset_ns, manager_feed, m);
	manager_feed_patterns(m);
	r = topology_read(m->topology, now_ns(CLOCK_BOOTTIME));
	if (r < 0)
		log_warning("cannot read all of sysfs, going on without: %s", strerror(-r));
	manager_read_counters(m);
	return manager_snapshot(m);
}

/* The socket's Snapshot: sysfs too. */
static int manager_reread(void *userdata)
{
	struct manager *m = userdata;

	if (m->replay)
		return 0;
	topology_read(m->topology, now_ns(CLOCK_BOOTTIME));
	manager_read_counters(m);
	return manager_snapshot(m);
}

static int manager_replay(struct manager *m)
{
	uint64_t unknown = 0, offset = 0;
	int r = trace_read(m->replay, manager_feed, m, &unknown, &offset);

	if (r < 0) {
		log_error("%s: %s at byte %llu", m->replay,
			  r == -ENODATA		? "the file ends inside a record" :
			  r == -EBADMSG		? "not a record file, or damaged" :
			  r == -EPROTONOSUPPORT ? "written by another version" :
						  strerror(-r),
			  (unsigned long long)offset);
		return r;
	}
	if (unknown)
		log_warning("%s: %llu records of types that this version does not know, ignoring",
			    m->replay, (unsigned long long)unknown);
	return 0;
}

/* ---- the loop ------------------------------------------------------------------------------ */

static int on_ring(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct manager *m = userdata;

	(void)source;
	(void)fd;
	(void)events;
	manager_drain(m);
	manager_resync(m);
	return 0;
}

/* sysfs first: the rules compare the interrupts with it. */
static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct record_header tick = { .type = RECORD_TICK,
				      .version = RECORD_VERSION,
				      .size = sizeof(tick) };
	struct manager *m = userdata;

	(void)source;
	(void)usec;
	m->tick_ns = 0;
	manager_drain(m);
	topology_settle(m->topology);
	topology_read_pmus(m->topology, false, now_ns(CLOCK_BOOTTIME));
	manager_settle_pmus(m);
	tick.time_ns = now_ns(CLOCK_BOOTTIME);
	manager_feed(&tick, m);
	manager_batch_end(m);
	return 0;
}

/* The store's own needs: retention, another try after a fault, and that it is known to live. */
static int on_beat(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	(void)usec;
	manager_batch_end(m);
	sd_event_source_set_time_relative(source, BEAT_USEC);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	manager_walk(userdata);
	return 0;
}

/* ---- for the socket ------------------------------------------------------------------------ */

static json_t *manager_answer_status(void *userdata)
{
	struct manager *m = userdata;

	if (!m->replay) {
		manager_drain(m);
		manager_resync(m);
	}
	return manager_status(m);
}

/* ---- life ---------------------------------------------------------------------------------- */

static int manager_open_record(struct manager *m, const char *path)
{
	unsigned char header[TRACE_HEADER_SIZE];

	m->record = fopen(path, "we");
	trace_header(header);
	if (!m->record || fwrite(header, sizeof(header), 1, m->record) != 1) {
		int r = -errno;

		log_error("%s: %s", path, strerror(-r));
		return r;
	}
	return 0;
}

static int manager_new_sinks(struct manager *m, bool keep)
{
	struct sink_varlink_source source = { .model = m->model,
					      .refresh = manager_refresh,
					      .snapshot = manager_reread,
					      .retell = manager_retell,
					      .status = manager_answer_status,
					      .violations = m->violations,
					      .acknowledge = manager_acknowledge,
					      .history = manager_history,
					      .read_counters = manager_read_counters,
					      .count_start = manager_count_start,
					      .count_read = manager_count_read,
					      .count_end = manager_count_end,
					      .userdata = m };
	int r = sink_varlink_new(m->event, &source, m->config->event_backlog, &m->varlink);

	return r < 0 || !keep ? r : manager_new_keepers(m);
}

static int manager_new_sources(struct manager *m)
{
	int r = topology_new("/", manager_feed_topology, m, &m->topology);

	if (r < 0)
		return r;
	r = topology_read_apart(m->topology, "/");
	if (r < 0 && r != -EPERM)
		log_warning("no process to read config space: %s", strerror(-r));
	r = probe_new(m->config->ring_size, &m->probe);
	if (r < 0)
		return r;
	if (probe_tracing(m->probe)) {
		r = ring_new(probe_ring_fd(m->probe), manager_on_record, m, &m->ring);
		if (r < 0)
			return r;
	}
	return pmu_table_new("/", m->config->max_counters, &m->pmus);
}

int manager_new(const struct config *config, const char *replay, const char *record, bool keep,
		struct manager **ret)
{
	struct model_limits limits = MODEL_LIMITS_DEFAULT;
	struct manager *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->config = config;
	m->rules = config->rules;
	m->replay = replay;
	m->realtime_offset_ns = (int64_t)(now_ns(CLOCK_REALTIME) - now_ns(CLOCK_BOOTTIME));
	m->started_us = (int64_t)(now_ns(CLOCK_REALTIME) / 1000);
	limits.entries[TABLE_VECTORS] = (uint32_t)config->max_vectors;
	limits.entries[TABLE_DOMAINS] = (uint32_t)config->max_domains;
	r = sd_event_default(&m->event);
	if (r >= 0)
		r = model_new(&limits, manager_on_change, m, &m->model);
	if (r >= 0)
		r = violations_new(config->max_violations, &m->violations);
	if (r >= 0)
		r = manager_new_sinks(m, keep && !replay);
	if (r >= 0 && record)
		r = manager_open_record(m, record);
	if (r >= 0 && !replay)
		r = manager_new_sources(m);
	if (r < 0) {
		if (r != -EBUSY)
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
	sd_event_source_unref(m->ring_source);
	sd_event_source_unref(m->timer);
	sd_event_source_unref(m->tick);
	sd_event_source_unref(m->beat);
	sink_varlink_free(m->varlink);
	pmu_set_free(m->standing);
	pmu_table_free(m->pmus);
	sink_journal_free(m->journal);
	sink_store_free(m->store);
	topology_free(m->topology);
	ring_free(m->ring);
	probe_free(m->probe);
	model_free(m->model);
	violations_free(m->violations);
	if (m->record)
		fclose(m->record);
	sd_event_unref(m->event);
	free(m);
	return NULL;
}

int manager_start(struct manager *m)
{
	int r = m->replay ? manager_replay(m) : manager_retell(m);

	if (r < 0 && !m->replay)
		log_error("cannot read the kernel's state: %s", strerror(-r));
	return r;
}

static int manager_attach_sources(struct manager *m)
{
	int r;

	if (m->ring) {
		r = sd_event_add_io(m->event, &m->ring_source, ring_fd(m->ring), EPOLLIN, on_ring,
				    m);
		if (r < 0)
			return r;
	}
	if (!m->replay) {
		r = topology_attach(m->topology, m->event, manager_on_settled);
		if (r < 0)
			log_warning(
				"no uevents, new devices are seen at the next snapshot only: %s",
				strerror(-r));
	}
	r = sd_event_add_time(m->event, &m->timer, CLOCK_MONOTONIC, 0, 10000000, on_timer, m);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(m->timer, SD_EVENT_OFF);
	if (r < 0 || m->replay)
		return r;
	manager_arm(m, false);
	r = sd_event_add_time(m->event, &m->tick, CLOCK_BOOTTIME, UINT64_MAX, 100000, on_tick, m);
	if (r < 0)
		return r;
	manager_arm_tick(m);
	return sd_event_add_time_relative(m->event, &m->beat, CLOCK_MONOTONIC, BEAT_USEC, 1000000,
					  on_beat, m);
}

static int manager_add_signals(struct manager *m)
{
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	r = sd_event_add_signal(m->event, NULL, SIGTERM, NULL, NULL);
	return r < 0 ? r : sd_event_add_signal(m->event, NULL, SIGINT, NULL, NULL);
}

int manager_serve(struct manager *m)
{
	int r = manager_add_signals(m);

	if (r >= 0)
		r = manager_attach_sources(m);
	if (r >= 0)
		r = sink_varlink_listen(m->varlink, m->config->socket);
	if (r == -EADDRINUSE)
		log_error("%s: another daemon answers there", m->config->socket);
	else if (r < 0)
		log_error("cannot listen on %s: %s", m->config->socket, strerror(-r));
	if (r < 0)
		return r;
	if (!m->replay)
		manager_start_counters(m);
	r = privilege_drop();
	if (r < 0) {
		log_error("cannot give up privileges: %s", strerror(-r));
		return r;
	}
	malloc_trim(0); /* the kernel's type information is gone by now */
	log_info("listening on %s", m->config->socket);
	sd_notify(0, "READY=1");
	r = sd_event_loop(m->event);
	sd_notify(0, "STOPPING=1");
	manager_drain(m);
	return r;
}
