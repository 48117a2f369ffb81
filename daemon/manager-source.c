// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When the sources are read. Hooks are attached first, then the walk runs, then what the ring held
 * meanwhile is applied; after any loss, and at a slow interval, the walk runs again.
 */
#include "manager-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "log.h"
#include "probe.h"
#include "ring.h"
#include "snapshot.h"
#include "topology.h"
#include "trace.h"

/* Counts are read again for an answer, but not more often than this. */
#define REFRESH_NS 50000000ULL
/* How often the kernel is asked whether it skipped a program's run */
#define MISSED_NS 1000000000ULL
/* A walk during which something was lost is repeated after this. */
#define RETRY_USEC 1000000ULL
/* One that takes longer had a ring before it that is never empty: so long it is not repeated. */
#define SLOW_WALK_NS 1000000000ULL
/* So long a record may be written, at most: a host that is short of CPUs puts a virtual one aside. */
#define CATCH_UP_NS 2000000000ULL
/* And so long after the kernel's change the record may come that tells of it, for the same reason */
#define EXPLAIN_NS 200000000ULL

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
	manager_log_tend(m);
	manager_arm_tick(m);
	manager_guard_batch_end(m);
}

void manager_drain(void *userdata)
{
	struct manager *m = userdata;
	/* what comes meanwhile waits until others had their turn */
	uint64_t end = m->ring ? ring_end(m->ring) : 0;

	while (m->ring && ring_position(m->ring) < end && ring_drain(m->ring))
		;
	manager_batch_end(m);
}

static void manager_feed_snapshot(struct manager *m, uint32_t phase, enum record_complete complete,
				  uint64_t duration_ns)
{
	struct record_snapshot r = { .header = { .type = RECORD_SNAPSHOT,
						 .version = RECORD_VERSION,
						 .size = sizeof(r),
						 .time_ns = manager_now_ns() },
				     .phase = phase,
				     .complete = complete,
				     .duration_ns = duration_ns };

	manager_feed(&r.header, m);
}

void manager_feed_lost(struct manager *m, uint64_t count, const char *reason)
{
	struct record_lost r = { .header = { .type = RECORD_LOST,
					     .version = RECORD_VERSION,
					     .size = sizeof(r),
					     .time_ns = manager_now_ns() },
				 .count = count };

	snprintf(r.reason, sizeof(r.reason), "%s", reason);
	manager_feed(&r.header, m);
}

/* What a state file says was told may be more than was: older ones added what the guard lost. */
static bool manager_tell_more(struct manager *m, uint64_t count, uint64_t *told, const char *reason)
{
	uint64_t more = count > *told ? count - *told : 0;

	if (more)
		manager_feed_lost(m, more, reason);
	*told = count;
	return more;
}

bool manager_tell_lost(struct manager *m)
{
	uint64_t dropped = probe_dropped(m->probe), missed = m->missed, now = manager_now_ns();
	bool lost;

	/* a system call for each program: not with every batch */
	if (now - m->missed_asked_ns > MISSED_NS) {
		m->missed_asked_ns = now;
		missed = probe_missed(m->probe);
	}
	lost = manager_tell_more(m, dropped, &m->dropped, LOST_DROPPED);
	lost |= manager_tell_more(m, missed, &m->missed, LOST_MISSED);
	/* no walk is needed for these */
	manager_tell_more(m, manager_guard_lost(m), &m->guard_lost, RECORD_LOST_GUARD);
	return lost;
}

/*
 * Everything that the walk has told is applied before it counts as over: another program's record,
 * begun and not yet complete, may stand before it in the ring, and nothing tells when that changes.
 * Nor does anything tell when a change that the walk has met comes to the end of the kernel's function,
 * where its record is made.
 */
static bool manager_catch_up(struct manager *m)
{
	uint64_t end = ring_end(m->ring), begun = manager_now_ns(), waited;
	const struct timespec pause = { .tv_nsec = 50000 };

	for (;;) {
		manager_drain(m);
		waited = manager_now_ns() - begun;
		if (ring_position(m->ring) < end) {
			if (waited > CATCH_UP_NS)
				return false;
		} else if (waited > EXPLAIN_NS || !model_is_unexplained(m->model)) {
			return true;
		}
		nanosleep(&pause, NULL);
	}
}

/* Reads what is: by the walk, or from sysfs where tracing or the way into the tables is refused. */
static int manager_snapshot(void *userdata)
{
	struct manager *m = userdata;
	uint64_t start = manager_now_ns();
	enum record_complete complete = RECORD_COMPLETE_ALL;
	bool whole = true;
	int r = 0;

	if (m->replay || m->snapshotting)
		return 0;
	m->snapshotting = true;
	manager_drain(m);
	manager_feed_snapshot(m, RECORD_SNAPSHOT_BEGIN, RECORD_COMPLETE_NOTHING, 0);
	if (probe_tracing(m->probe))
		r = snapshot_run(probe_snapshot_fd(m->probe), manager_drain, m, &whole);
	if (r >= 0 && !probe_can_walk(m->probe)) {
		/* the hooks tell of the rest, which would count as gone */
		if (probe_tracing(m->probe))
			complete = RECORD_COMPLETE_IRQS;
		r = topology_read_irqs(m->topology, start);
	} else if (!whole) {
		complete = RECORD_COMPLETE_NOTHING;
	}
	/* and so would what was not seen */
	if (r < 0 || (m->ring && !manager_catch_up(m)))
		complete = RECORD_COMPLETE_NOTHING;
	m->refreshed_ns = manager_now_ns();
	m->walk_took_ns = m->refreshed_ns - start;
	manager_feed_snapshot(m, RECORD_SNAPSHOT_END, complete, m->walk_took_ns);
	manager_batch_end(m);
	m->snapshotting = false;
	return r;
}

/* What others need, too, when a walk took long. */
static uint64_t manager_walk_pause_ns(const struct manager *m)
{
	return m->walk_took_ns > SLOW_WALK_NS ? m->walk_took_ns : 0;
}

static bool manager_walked_lately(const struct manager *m, uint64_t ns)
{
	return manager_now_ns() - m->refreshed_ns <= ns;
}

void manager_arm(struct manager *m, bool soon)
{
	uint64_t usec = soon ? RETRY_USEC + manager_walk_pause_ns(m) / 1000 :
			       m->config->snapshot_sec * 1000000ULL;

	if (!m->timer || m->replay)
		return;
	m->walk_due_ns = 0;
	if (usec > m->beat_usec) {
		/* it comes along with a beat: nobody is woken for it */
		m->walk_due_ns = manager_now_ns() + usec * 1000;
		sd_event_source_set_enabled(m->timer, SD_EVENT_OFF);
	} else if (usec) {
		sd_event_source_set_time_relative(m->timer, usec);
		sd_event_source_set_enabled(m->timer, SD_EVENT_ONESHOT);
	}
}

/* A walk, and another one soon if something was lost while it ran. */
static void manager_walk(struct manager *m)
{
	int r = manager_snapshot(m);

	if (r < 0)
		log_warning("cannot read the kernel's state again: %s", strerror(-r));
	manager_arm(m, manager_tell_lost(m));
}

void manager_walk_if_due(struct manager *m)
{
	/* with the beat that is the nearest */
	if (m->walk_due_ns && manager_now_ns() + m->beat_usec * 500 >= m->walk_due_ns)
		manager_walk(m);
}

/* After a loss the model may be wrong. */
static void manager_resync(struct manager *m)
{
	if (!manager_tell_lost(m))
		return;
	if (manager_walked_lately(m, manager_walk_pause_ns(m)))
		manager_arm(m, true);
	else
		manager_walk(m);
}

void manager_refresh(void *userdata)
{
	struct manager *m = userdata;

	if (m->replay)
		return;
	manager_drain(m);
	manager_resync(m);
	topology_settle(m->topology);
	if (!manager_walked_lately(m, REFRESH_NS + manager_walk_pause_ns(m)))
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
							.time_ns = manager_now_ns() },
					    .kind = RECORD_PATTERN_DOORBELL };
		size_t length = strcspn(at, " \t");

		memcpy(r.pattern, at, length < sizeof(r.pattern) ? length : sizeof(r.pattern) - 1);
		manager_feed(&r.header, m);
		at += length;
	}
}

void manager_reload_patterns(struct manager *m)
{
	struct record_pattern none = { .header = { .type = RECORD_PATTERN,
						   .version = RECORD_VERSION,
						   .size = sizeof(none),
						   .time_ns = manager_now_ns() },
				       .kind = RECORD_PATTERN_NONE };

	if (m->replay)
		return;
	manager_feed(&none.header, m);
	manager_feed_patterns(m);
	manager_walk(m);
}

/* Everything from the start, as records: opens a new trace. */
int manager_retell(void *userdata)
{
	struct manager *m = userdata;
	int r;

	if (m->replay)
		return -EOPNOTSUPP;
	probe_describe(m->probe, manager_now_ns(), m->realtime_offset_ns, manager_feed, m);
	manager_feed_patterns(m);
	manager_expect(m);
	r = topology_read(m->topology, manager_now_ns());
	if (r < 0)
		log_warning("cannot read all of sysfs, going on without: %s", strerror(-r));
	manager_read_counters(m);
	return manager_snapshot(m);
}

/* The socket's Snapshot: sysfs too. */
int manager_reread(void *userdata)
{
	struct manager *m = userdata;

	if (m->replay)
		return 0;
	topology_read(m->topology, manager_now_ns());
	manager_read_counters(m);
	return manager_snapshot(m);
}

int manager_replay(struct manager *m)
{
	uint64_t unknown = 0, offset = 0;
	int r = trace_read(m->replay, manager_feed, m, &unknown, &offset);

	if (r < 0) {
		/* of what could not be opened there is none */
		bool has_place = offset || r == -EBADMSG || r == -EPROTONOSUPPORT;

		log_error(has_place ? "%s: %s at byte %llu" : "%s: %s", m->replay,
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

/*
 * Whatever else the loop has done, for a client say: what happened meanwhile goes before the next one.
 * As a source before all others the ring could keep them from ever having a turn; this comes once
 * after each of them.
 */
static int on_other(sd_event_source *source, void *userdata)
{
	struct manager *m = userdata;

	(void)source;
	if (ring_end(m->ring) == ring_position(m->ring))
		return 0;
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
	topology_read_pmus(m->topology, false, manager_now_ns());
	manager_settle_pmus(m);
	tick.time_ns = manager_now_ns();
	manager_feed(&tick, m);
	manager_batch_end(m);
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

json_t *manager_answer_status(void *userdata)
{
	struct manager *m = userdata;

	if (!m->replay) {
		manager_drain(m);
		manager_resync(m);
	}
	return manager_status(m);
}

static int manager_attach_ring(struct manager *m)
{
	int r = sd_event_add_io(m->event, &m->ring_source, ring_fd(m->ring), EPOLLIN, on_ring, m);

	if (r >= 0)
		r = sd_event_add_post(m->event, &m->between, on_other, m);
	return r < 0 ? r : sd_event_source_set_priority(m->between, SD_EVENT_PRIORITY_IMPORTANT);
}

int manager_attach_sources(struct manager *m)
{
	int r = m->ring ? manager_attach_ring(m) : 0;

	if (r < 0)
		return r;
	if (!m->replay) {
		r = topology_attach(m->topology, m->event, manager_on_settled);
		if (r < 0)
			log_warning(
				"no uevents, new devices are seen at the next snapshot only: %s",
				strerror(-r));
	}
	r = manager_start_beat(m);
	if (r < 0)
		return r;
	r = sd_event_add_time(m->event, &m->timer, CLOCK_MONOTONIC, 0, 10000000, on_timer, m);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(m->timer, SD_EVENT_OFF);
	if (r < 0 || m->replay)
		return r;
	manager_watch_clock(m);
	manager_arm(m, false);
	r = sd_event_add_time(m->event, &m->tick, CLOCK_BOOTTIME, UINT64_MAX, 100000, on_tick, m);
	if (r < 0)
		return r;
	manager_arm_tick(m);
	return 0;
}
