// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The store: when it writes, and what it does when it cannot.
 *
 * Events go into a transaction that the end of the batch commits; a violation commits it at once.
 * After a fault nothing is tried for a while, so that a full disk costs a comparison an event.
 * Then one transaction brings back what must not be missing: the violations that wait, and a gap
 * with the number of events that were lost. If it succeeds the fault is over.
 */
#include "sink-store-private.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "log.h"

#define RETRY_USEC 2000000
#define RETRY_BUSY_USEC 100000
/* The same fault is not said again before this. */
#define SAY_USEC 3600000000LL
/* A damaged file after a damaged file: it is not the file */
#define ASIDE_USEC 60000000
#define BEAT_USEC 60000000
#define TEND_USEC 60000000

static const struct {
	const char *reason; /* of the gap that it leaves */
	const char *text;
} faults[] = {
	[FAULT_NONE] = {},
	[FAULT_FULL] = { "store-full", "no space left" },
	[FAULT_READ_ONLY] = { "store-read-only", "it is read-only" },
	[FAULT_BUSY] = { "store-busy", "another program holds it" },
	[FAULT_IO] = { "store-failed", "input/output error" },
	[FAULT_CORRUPT] = { "store-corrupt", "it is damaged" },
	[FAULT_NEWER] = { "store-newer", "a newer cxlirqd wrote it" },
	[FAULT_OPEN] = { "store-failed", "it cannot be opened" },
	[FAULT_OTHER] = { "store-failed", "it failed" },
};
_Static_assert(sizeof(faults) / sizeof(*faults) == FAULT_MAX, "a fault has no words");

static int64_t clock_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t store_monotonic_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

int64_t store_time_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

/* ---- faults -------------------------------------------------------------------------------- */

static enum store_fault fault_of_errno(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG: return FAULT_FULL;
	case EROFS: return FAULT_READ_ONLY;
	case EIO: return FAULT_IO;
	}
	return FAULT_NONE;
}

static enum store_fault fault_of(int rc, int error)
{
	switch (rc & 0xff) {
	case SQLITE_FULL: return FAULT_FULL;
	case SQLITE_READONLY: return FAULT_READ_ONLY;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return FAULT_BUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return FAULT_CORRUPT;
	case SQLITE_IOERR: return fault_of_errno(error) ?: FAULT_IO;
	case SQLITE_CANTOPEN: return fault_of_errno(error) ?: FAULT_OPEN;
	case SQLITE_PERM: return FAULT_OPEN;
	}
	return FAULT_OTHER;
}

/* Once, and once more after a long time */
static bool may_say(struct sink_store *store)
{
	int64_t now = store_monotonic_us(), *said = &store->said_us[store->fault];

	if (*said && now - *said < SAY_USEC)
		return false;
	*said = now;
	return true;
}

static void say(struct sink_store *store, int rc)
{
	const char *details = store->system_error ? strerror(store->system_error) :
			      rc == SQLITE_OK	  ? "" :
						    sqlite3_errstr(rc);

	if (!may_say(store))
		return;
	store->told = true;
	log_warning("%s: cannot store history, %s%s%s%s; going on without", store->path,
		    faults[store->fault].text, *details ? " (" : "", details, *details ? ")" : "");
}

static void fault_begin(struct sink_store *store, enum store_fault fault, int error)
{
	if (store->fault == FAULT_NONE) {
		store->fault_us = store_time_us();
		store->fault_dropped = store->counters.dropped;
	}
	store->fault = fault;
	store->system_error = error;
	store->retry_us =
		store_monotonic_us() + (fault == FAULT_BUSY ? RETRY_BUSY_USEC : RETRY_USEC);
}

static void set_aside(struct sink_store *store)
{
	int64_t now = store_monotonic_us();
	int r;

	if (store->aside_us && now - store->aside_us < ASIDE_USEC) {
		store_file_close(store, true);
		store->retry_us = store->aside_us + ASIDE_USEC;
		say(store, SQLITE_OK);
		return;
	}
	r = store_file_set_aside(store);
	if (r < 0) {
		store->system_error = -r;
		say(store, SQLITE_OK);
		return;
	}
	store->aside_us = now;
	store->counters.set_aside++;
	store->retry_us = 0;
	log_warning("%s: the history is damaged, moved aside to %s; a new one begins", store->path,
		    store->aside);
	store_file_salvage(store);
}

/* What was not committed is lost. */
void store_fail(struct sink_store *store, int rc)
{
	bool system = (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN;
	int error = !store->db || !system ? 0 :
		    store->step_errno	  ?:
					    sqlite3_system_errno(store->db);
	enum store_fault fault = fault_of(rc, error);

	if (store->writing && !sqlite3_get_autocommit(store->db))
		store_run(store, STATEMENT_ROLLBACK, NULL);
	store->writing = false;
	store->step_errno = 0;
	fault_begin(store, fault, error);
	store->counters.dropped += TAKE(store->batch_changes, 0);
	store->batch_rows = 0;
	if (fault == FAULT_CORRUPT) {
		set_aside(store);
		return;
	}
	/* a file that was opened while it was read-only, or fell ill, has to be opened anew */
	if (fault != FAULT_FULL && fault != FAULT_BUSY)
		store_file_close(store, true);
	say(store, rc);
}

/* ---- violations that wait ------------------------------------------------------------------ */

void store_wait(struct sink_store *store, const struct violation *violation, bool newer)
{
	struct violation *waiting = store->waiting;
	uint64_t n = store->counters.waiting;

	for (uint64_t i = 0; i < n; i++) {
		if (waiting[i].id != violation->id)
			continue;
		if (newer)
			waiting[i] = *violation;
		return;
	}
	if (n == STORE_WAITING_MAX)
		return;
	waiting = realloc(waiting, (n + 1) * sizeof(*waiting));
	if (!waiting)
		return;
	waiting[n] = *violation;
	store->waiting = waiting;
	store->counters.waiting++;
}

/* ---- transactions -------------------------------------------------------------------------- */

/*
 * A reader that does not end keeps the log from being folded into the file; the log must not grow
 * past what all files may have.
 */
static int log_check(struct sink_store *store)
{
	int frames = 0;

	if (!store->max_size || (uint64_t)store->wal_frames * 4096 < store->max_size)
		return SQLITE_OK;
	sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &frames, NULL);
	store->wal_frames = frames;
	return (uint64_t)frames * 4096 < store->max_size ? SQLITE_OK : SQLITE_BUSY;
}

int store_begin(struct sink_store *store)
{
	int rc;

	if (store->writing)
		return SQLITE_OK;
	rc = log_check(store);
	if (rc == SQLITE_OK)
		rc = store_run(store, STATEMENT_BEGIN, NULL);
	store->writing = rc == SQLITE_OK;
	return rc;
}

int store_commit(struct sink_store *store)
{
	int rc;

	if (!store->writing)
		return SQLITE_OK;
	/* with the events or not at all: who comes next tells those again that are not here */
	rc = store->moved ? store_place_set(store, store->lineage, store->position) : SQLITE_OK;
	if (rc == SQLITE_OK)
		rc = store_run(store, STATEMENT_COMMIT, NULL);
	if (rc != SQLITE_OK)
		return rc;
	store->writing = false;
	store->moved = false;
	store->rows_since += store->batch_rows;
	store->counters.written += TAKE(store->batch_rows, 0);
	store->batch_changes = 0;
	return rc;
}

/* ---- opening, and coming back -------------------------------------------------------------- */

static int open_file(struct sink_store *store)
{
	pid_t holder = 0;
	int version = 0, r = store_lock(store, &holder), rc;

	if (r < 0) {
		enum store_fault fault = r == -EBUSY ? FAULT_BUSY : fault_of_errno(-r);

		fault_begin(store, fault ?: FAULT_OPEN, -r);
		say(store, SQLITE_OK);
		store_file_open_read_only(store);
		return r;
	}
	rc = store_file_open(store, &version);
	if (rc == SQLITE_OK && !store->db) {
		fault_begin(store, FAULT_NEWER, 0);
		log_warning("%s: a newer cxlirqd wrote it (schema %d, this one has %d), going on "
			    "without history",
			    store->path, version, store_schema_newest());
		return -EOPNOTSUPP;
	}
	if (rc == SQLITE_OK)
		return 0;
	store_fail(store, rc);
	/* half open is no good; and who is busy may be changing it */
	if (store->fault == FAULT_BUSY || store->fault == FAULT_CORRUPT)
		store_file_close(store, true);
	else
		store_file_open_read_only(store);
	return -EIO;
}

/* Events are missing, or the history before this. */
static int put_fault(struct sink_store *store)
{
	uint64_t lost = store->counters.dropped - store->fault_dropped;
	int64_t now = store_time_us();

	if (store->fault == FAULT_NONE || (!lost && !*store->aside))
		return SQLITE_OK;
	return store_put_gap(store, faults[store->fault].reason, lost,
			     store->fault_us < now ? store->fault_us : now, now,
			     *store->aside ? "file" : NULL, json_string(store->aside));
}

static int come_back(struct sink_store *store)
{
	int rc = store_begin(store);

	/* what waits and what the gap tells is up to here; the file may be a new one */
	store->moved |= store->position != 0;
	for (uint64_t i = 0; i < store->counters.waiting && rc == SQLITE_OK; i++)
		rc = store_put_violation(store, &store->waiting[i]);
	if (rc == SQLITE_OK && !store->attended)
		rc = store_run_get(store, &store->before.known, &store->before.last_us,
				   &store->before.clean);
	if (rc == SQLITE_OK && store->absence == ABSENCE_DUE)
		rc = store_put_absence(store);
	if (rc == SQLITE_OK)
		rc = put_fault(store);
	if (rc == SQLITE_OK)
		rc = store_run_set(store, false);
	return rc == SQLITE_OK ? store_commit(store) : rc;
}

static bool attempt(struct sink_store *store)
{
	int rc;

	if ((!store->db || store->read_only) && open_file(store) < 0)
		return false;
	rc = store->late ? store_restore_late(store) : SQLITE_OK;
	if (rc == SQLITE_OK)
		rc = come_back(store);
	if (rc != SQLITE_OK)
		store_fail(store, rc);
	return rc == SQLITE_OK;
}

bool store_ready(struct sink_store *store)
{
	if (!store->enabled || store->fault == FAULT_NEWER)
		return false;
	if (store->fault == FAULT_NONE && store->attended && !store->counters.waiting)
		return true;
	if (store->fault != FAULT_NONE && store_monotonic_us() < store->retry_us)
		return false;
	/* a damaged file is out of the way after the first one */
	if (!attempt(store) &&
	    (store->fault != FAULT_CORRUPT || store->retry_us || !attempt(store)))
		return false;
	if (store->told)
		log_notice("%s: history is stored again, %llu events were not", store->path,
			   (unsigned long long)(store->counters.dropped - store->fault_dropped));
	store->attended = true;
	if (store->absence == ABSENCE_DUE)
		store->absence = ABSENCE_TOLD;
	store->fault = FAULT_NONE;
	store->system_error = 0;
	store->told = false;
	*store->aside = 0;
	store->counters.waiting = 0;
	free(TAKE_PTR(store->waiting));
	store->beat_us = store_monotonic_us();
	return true;
}

/* ---- life ---------------------------------------------------------------------------------- */

char *sink_store_directory(const char *setting)
{
	const char *state = getenv("STATE_DIRECTORY");

	if (setting && *setting)
		return strdup(setting);
	if (state && *state == '/')
		return strndup(state, strcspn(state, ":"));
	return strdup("/var/lib/cxlirqd");
}

void sink_store_work_apart(struct sink_store *store)
{
	store->apart = true;
}

void sink_store_set_bounds(struct sink_store *store, uint64_t retention_sec, uint64_t max_size)
{
	const uint64_t retention_max = INT64_MAX / 1000000;

	store->max_size = max_size;
	store->retention_us = retention_sec < retention_max ? retention_sec * 1000000 : 0;
	store->tended_us = 0;
}

int sink_store_new(const struct sink_store_settings *settings, struct sink_store **ret,
		   pid_t *ret_holder)
{
	_cleanup_(sink_store_freep) struct sink_store *store = calloc(1, sizeof(*store));

	if (!store)
		return -ENOMEM;
	store->lock_fd = -EBADF;
	store->enabled = settings->enabled;
	sink_store_set_bounds(store, settings->retention_sec, settings->max_size);
	store->started_us = store_time_us();
	store->absence = settings->absence_unknown ? ABSENCE_UNKNOWN : ABSENCE_DUE;
	store->directory = sink_store_directory(settings->directory);
	if (!store->directory || asprintf(&store->path, "%s/history.db", store->directory) < 0)
		return -ENOMEM;
	if (store->enabled && store_lock(store, ret_holder) == -EBUSY)
		return -EBUSY;
	store_ready(store);
	*ret = TAKE_PTR(store);
	return 0;
}

struct sink_store *sink_store_free(struct sink_store *store)
{
	int rc;

	if (!store)
		return NULL;
	/* the last chance is taken also when it is too early for the next try */
	store->retry_us = 0;
	if (store->path && (store->attended || store->counters.waiting) && store_ready(store)) {
		rc = store_begin(store);
		if (rc == SQLITE_OK)
			rc = store_run_set(store, true);
		if (rc == SQLITE_OK)
			rc = store_commit(store);
		if (rc != SQLITE_OK)
			store_fail(store, rc);
	}
	store_file_close(store, store->fault != FAULT_NONE);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	store_restore_free(store);
	free(store->waiting);
	free(store->directory);
	free(store->path);
	free(store);
	return NULL;
}

/* ---- what comes in ------------------------------------------------------------------------- */

/* A piece of what retention asks for, where it may be due */
static void tend(struct sink_store *store)
{
	int64_t now = store_monotonic_us();
	bool due = store->untidy || store->rows_since >= STORE_BATCH_ROWS ||
		   now - store->tended_us > TEND_USEC;
	bool beat = now - store->beat_us > BEAT_USEC;
	int rc;

	if (!due && !beat)
		return;
	rc = store_begin(store);
	if (rc == SQLITE_OK && due)
		rc = store_retain(store, &store->untidy);
	if (rc == SQLITE_OK && beat)
		rc = store_run_set(store, false);
	if (rc == SQLITE_OK)
		rc = store_commit(store);
	if (rc != SQLITE_OK) {
		store_fail(store, rc);
		return;
	}
	if (due) {
		store->tended_us = now;
		store->rows_since = 0;
	}
	if (beat)
		store->beat_us = now;
}

static uint64_t changes_of(const struct sink_event *event)
{
	return event->stands_for ?: 1;
}

/* It is stored with what comes before, or a gap tells that it is not. */
static void go_on_to(struct sink_store *store, const struct sink_event *event)
{
	if (!event->position)
		return;
	store->position = event->position;
	store->moved = true;
}

static int put(struct sink_store *store, const struct sink_event *event)
{
	int rc = store_begin(store);

	/* counted first: what the transaction loses when this fails */
	go_on_to(store, event);
	store->batch_rows++;
	store->batch_changes += changes_of(event);
	if (rc == SQLITE_OK)
		rc = store_put_event(store, event);
	if (rc == SQLITE_OK && event->violation)
		rc = store_put_violation(store, event->violation);
	if (rc == SQLITE_OK && (event->violation || store->batch_rows >= STORE_BATCH_ROWS))
		rc = store_commit(store);
	return rc;
}

void sink_store_publish(struct sink_store *store, const struct sink_event *event)
{
	int rc;

	if (!store->enabled)
		return;
	/* @event's violation may not become another one before it is told: that is for the batch's end */
	if (store->late || !store_ready(store)) {
		store->counters.dropped += changes_of(event);
		if (event->violation)
			store_wait(store, event->violation, true);
		if (store->late)
			store_note_early(store, event);
		go_on_to(store, event);
		return;
	}
	rc = put(store, event);
	if (rc == SQLITE_OK && !store->writing)
		tend(store);
	if (rc == SQLITE_OK)
		return;
	store_fail(store, rc);
	if (!event->violation)
		return;
	store_wait(store, event->violation, true);
	/* a damaged file is out of the way by now */
	store_ready(store);
}

void sink_store_batch_end(struct sink_store *store)
{
	int rc;

	if (!store_ready(store))
		return;
	rc = store_commit(store);
	if (rc == SQLITE_OK)
		tend(store);
	else
		store_fail(store, rc);
}

void sink_store_violation(struct sink_store *store, const struct violation *violation)
{
	if (!store->enabled)
		return;
	store_wait(store, violation, true);
	if (!store->late)
		store_ready(store);
}

/* ---- what goes out ------------------------------------------------------------------------- */

enum sink_store_state sink_store_state(const struct sink_store *store, const char **ret_reason)
{
	*ret_reason = faults[store->fault].text;
	if (!store->enabled || store->fault == FAULT_NEWER)
		return SINK_STORE_OFF;
	return store->fault == FAULT_NONE ? SINK_STORE_OK : SINK_STORE_DEGRADED;
}

bool sink_store_is_behind(const struct sink_store *store)
{
	return store->enabled && store->fault != FAULT_NEWER &&
	       (store->fault != FAULT_NONE || store->counters.waiting || store->late);
}

const struct sink_store_counters *sink_store_counters(const struct sink_store *store)
{
	return &store->counters;
}
