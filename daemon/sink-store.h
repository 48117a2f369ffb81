/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * History in SQLite: every event as a row, and the table of violations, so that both outlive the
 * daemon. What goes wrong with the file (no space, read-only, damaged, held by somebody) is said
 * once and counted, and never stops the daemon; the store goes on by itself when it can.
 *
 * With the journal sink this is the only sink that logs.
 */
#ifndef CXLIRQD_SINK_STORE_H
#define CXLIRQD_SINK_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <cxlirqd/cleanup.h>

#include "history.h"
#include "sink.h"

/*
 * Where the daemon keeps what it has to: @setting; NULL or "": the first of $STATE_DIRECTORY, or
 * /var/lib/cxlirqd. The caller frees it; NULL: no memory.
 */
char *sink_store_directory(const char *setting);

struct sink_store_settings {
	bool enabled; /* if not, the store takes everything and keeps nothing */
	const char *directory; /* NULL or "": the first of $STATE_DIRECTORY, or /var/lib/cxlirqd */
	uint64_t retention_sec; /* what is older goes, but for open violations; 0: nothing does */
	uint64_t max_size; /* bytes of all its files together; 0: no bound */
	/* whether anything was missed since the run before this one is told later, if so */
	bool absence_unknown;
};

struct sink_store_counters {
	uint64_t written; /* events */
	uint64_t dropped; /* events that could not be stored, or were lost before they were */
	uint64_t removed; /* by retention */
	uint64_t waiting; /* violations that are to be stored once it is possible again, now */
	uint64_t set_aside; /* damaged files */
};

enum sink_store_state { SINK_STORE_OK, SINK_STORE_OFF, SINK_STORE_DEGRADED };

struct sink_store;

/*
 * -ENOMEM. -EBUSY: another daemon has this directory, *@ret_holder is its pid (0: the kernel does
 * not tell, it is in a container, say); untouched otherwise. Whatever else is wrong is said, and
 * the store is there nevertheless.
 */
int sink_store_new(const struct sink_store_settings *settings, struct sink_store **ret,
		   pid_t *ret_holder);
/* Stores what is left, and that this was a clean end. Returns NULL. */
struct sink_store *sink_store_free(struct sink_store *store);
DEFINE_CLEANUP(struct sink_store *, sink_store_free);

/*
 * From now on a thread does what takes the disk long. It has the capabilities of whoever called what
 * it was started by.
 */
void sink_store_work_apart(struct sink_store *store);

/* From the next piece of work on. As in the settings. */
void sink_store_set_bounds(struct sink_store *store, uint64_t retention_sec, uint64_t max_size);

/* A violation is on disk when this returns; other events are at the end of the batch. */
void sink_store_publish(struct sink_store *store, const struct sink_event *event);
/*
 * Commits, does a piece of what retention asks for, and tries again after a fault. Bounded work,
 * and next to none when called without need; should be called every minute or so at least.
 */
void sink_store_batch_end(struct sink_store *store);
/* The table's entry changed without an event: it was acknowledged. On disk when this returns. */
void sink_store_violation(struct sink_store *store, const struct violation *violation);

/* With absence_unknown: something was missed, the history gets a gap. Once. */
void sink_store_tell_absence(struct sink_store *store);
/*
 * Events are counted in this lineage from now on. The position of the last one that is on disk;
 * 0: none of this lineage is, or it cannot be read yet, and what is told again will be found out.
 * UINT64_MAX: there is no store.
 */
uint64_t sink_store_begin_lineage(struct sink_store *store, uint64_t lineage);

/*
 * Puts the violations back that were kept; how many. What cannot be read now follows at the end of a
 * batch: @violations has to be there as long as the store, and pointers into it are not valid then.
 */
unsigned int sink_store_restore(struct sink_store *store, struct violations *violations);

#define SINK_STORE_ROWS 10000U /* limit 0 of a filter */
#define SINK_STORE_ROWS_MAX 100000U
#define SINK_STORE_QUERY_USEC 250000 /* finding them takes no longer than this */

/*
 * The newest events that fit @filter. *@ret_cut: there are more, older ones, beyond the limit or
 * beyond what could be found in time. The caller frees ret->ids. -EOPNOTSUPP: there is no store.
 * -EIO: it failed.
 */
int sink_store_find(struct sink_store *store, const struct history_filter *filter,
		    struct history_ids *ret, bool *ret_cut);
/*
 * Hands on the @i'th of them; what @row returned, which must not call the store. 0 also if the event
 * has been removed since. -ESTALE: the file was set aside since. Others as above.
 */
int sink_store_read(struct sink_store *store, const struct history_ids *ids, uint32_t i,
		    history_row_fn row, void *userdata);

/* Something waits for the disk, or may be missing there: nobody but this process knows it. */
bool sink_store_is_behind(const struct sink_store *store);
/* @ret_reason: a word or two, NULL when there is nothing wrong. Static string. */
enum sink_store_state sink_store_state(const struct sink_store *store, const char **ret_reason);
/* Valid as long as the store. */
const struct sink_store_counters *sink_store_counters(const struct sink_store *store);

#endif
