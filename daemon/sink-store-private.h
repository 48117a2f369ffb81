/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the store's files share. sink-store.c decides when, and what a fault means;
 * sink-store-file.c knows the database file, its lock and its schema; sink-store-checkpoint.c the
 * thread that folds the log in; sink-store-row.c the statements; sink-store-question.c what was;
 * sink-store-retention.c what may go; sink-store-restore.c what of it outlives the daemon.
 *
 * store_*() that return "int rc" return a result code of SQLite, SQLITE_OK or the extended one.
 */
#ifndef CXLIRQD_SINK_STORE_PRIVATE_H
#define CXLIRQD_SINK_STORE_PRIVATE_H

#include <sqlite3.h>

#include "sink-store.h"

/* Rows of one transaction, and rows that one step of retention removes: more than come in. */
#define STORE_BATCH_ROWS 250
#define STORE_REMOVE_ROWS 500
/* Violations that wait for the disk */
#define STORE_WAITING_MAX 4096
/* Events that may be in a file which cannot be read yet */
#define STORE_EARLY_MAX 65536

enum store_fault {
	FAULT_NONE,
	FAULT_FULL,
	FAULT_READ_ONLY,
	FAULT_BUSY,
	FAULT_IO,
	FAULT_CORRUPT,
	FAULT_NEWER, /* the schema; for good */
	FAULT_OPEN, /* cannot be opened, errno tells why */
	FAULT_OTHER,
	FAULT_MAX
};

enum statement {
	STATEMENT_BEGIN,
	STATEMENT_COMMIT,
	STATEMENT_ROLLBACK,
	STATEMENT_EVENT,
	STATEMENT_EVENT_BY_ID,
	STATEMENT_VIOLATION,
	STATEMENT_RUN_GET,
	STATEMENT_RUN_SET,
	STATEMENT_PLACE_GET,
	STATEMENT_PLACE_SET,
	STATEMENT_REMOVE_OLD,
	STATEMENT_REMOVE_OLDEST,
	STATEMENT_REMOVE_VIOLATIONS,
	STATEMENT_PAGES,
	STATEMENT_FREE_PAGES,
	STATEMENT_PAGE_SIZE,
	STATEMENT_VACUUM,
	STATEMENT_MAX
};

/* Whether the time before this run has to have its gap */
enum store_absence { ABSENCE_UNKNOWN, ABSENCE_DUE, ABSENCE_TOLD };

/* An event that came before the file could be read, and may be in it */
struct store_early {
	uint64_t position;
	uint64_t violation; /* its id; 0: none */
	uint64_t changes; /* that it stands for */
};

struct sink_store {
	char *directory, *path;
	bool enabled;
	uint64_t retention_us, max_size;
	int lock_fd;

	sqlite3 *db; /* NULL: not open */
	sqlite3_stmt *statements[STATEMENT_MAX];
	bool read_only; /* good for questions only */
	bool writing; /* inside a transaction */
	uint32_t batch_rows; /* events in it */
	uint64_t batch_changes; /* ... and what they stand for */
	int wal_frames;
	bool apart; /* a thread may fold the log in */
	struct store_checkpoint *checkpoint; /* the one that does, NULL: none */

	enum store_fault fault;
	int system_error; /* errno behind it, or 0 */
	int step_errno; /* of the last store_run() */
	int64_t retry_us; /* monotonic: not before */
	int64_t said_us[FAULT_MAX]; /* monotonic; 0: never */
	bool told; /* this fault was said, so its end will be */
	int64_t fault_us; /* time of day when it began */
	uint64_t fault_dropped; /* counters.dropped then */
	char aside[64]; /* name of the damaged file that was moved away in this fault */
	int64_t aside_us; /* monotonic; 0: never */

	int64_t started_us; /* time of day */
	bool attended; /* the run before this one has been looked at, and is over */
	enum store_absence absence;
	struct {
		bool known, clean;
		int64_t last_us;
	} before; /* the run before this one */
	uint64_t lineage, position; /* of the last event that was put in */
	bool moved; /* since the last commit */
	int64_t beat_us; /* monotonic, of the last sign of life */

	int64_t tended_us; /* monotonic, of the last step of retention */
	uint32_t rows_since; /* stored since then */
	bool untidy; /* it has more to do */

	/* the violations that are kept could not be read yet: where they belong; NULL: they were */
	struct violations *late;
	uint64_t first_id; /* of what was found meanwhile */
	struct store_early *early;
	size_t n_early;
	struct violation *kept; /* what was read, until it is where it belongs */
	size_t n_kept;
	struct {
		uint64_t lineage, position; /* of a damaged file */
	} salvaged;

	struct violation *waiting;
	struct sink_store_counters counters;
};

int64_t store_monotonic_us(void);
int64_t store_time_us(void);

/* ---- sink-store-file.c ---- */

/* Makes the directory if need be, and takes the lock. -EBUSY as in sink_store_new(). */
int store_lock(struct sink_store *store, pid_t *ret_holder);
/* @ret_version: of its schema, also when that is newer (then SQLITE_OK, and nothing is open). */
int store_file_open(struct sink_store *store, int *ret_version);
/* For questions, where the file cannot be written; no error, it just is not open then. */
void store_file_open_read_only(struct sink_store *store);
/* @keep: leave the file as it is, do not even fold the write-ahead log into it. */
void store_file_close(struct sink_store *store, bool keep);
/* Closes and moves aside; negative errno. The name is in store->aside. */
int store_file_set_aside(struct sink_store *store);
/* Hands on every violation that can still be read in the file that was set aside. */
void store_file_salvage(struct sink_store *store);
int store_schema_newest(void);

/* ---- sink-store-checkpoint.c ---- */

/* Has the log folded in by a thread, unless one is at it. Negative errno: there is no thread. */
int store_checkpoint_start(struct sink_store *store);
bool store_checkpoint_runs(struct sink_store *store);
/* Until then the file is in use. */
void store_checkpoint_wait(struct sink_store *store);

/* ---- sink-store-row.c ---- */

/* Prepared when first needed; NULL: sqlite3_extended_errcode() tells. */
sqlite3_stmt *store_statement(struct sink_store *store, enum statement statement);
/* Runs it, with what is bound. @ret may be NULL: the first column of its first row, if any. */
int store_run(struct sink_store *store, enum statement statement, int64_t *ret);
int store_put_event(struct sink_store *store, const struct sink_event *event);
int store_put_gap(struct sink_store *store, const char *reason, uint64_t lost, int64_t from_us,
		  int64_t to_us, const char *key, json_t *value);
int store_put_violation(struct sink_store *store, const struct violation *violation);
/* Each violation of @db in the order of id; unknown rules are left out. */
int store_each_violation(sqlite3 *db, void (*each)(const struct violation *v, void *userdata),
			 void *userdata);
/* The largest id, also of a rule that this version does not have; 0: there is none */
int store_last_violation(sqlite3 *db, uint64_t *ret);
int store_run_get(struct sink_store *store, bool *ret_known, int64_t *ret_last_us, bool *ret_clean);
int store_run_set(struct sink_store *store, bool clean);
/* The position that was stored last, 0 = none in this lineage */
int store_place_get(struct sink_store *store, uint64_t lineage, uint64_t *ret);
/* The lineage, too; unchanged if it cannot be read. */
void store_place_read(sqlite3 *db, uint64_t *ret_lineage, uint64_t *ret_position);
int store_place_set(struct sink_store *store, uint64_t lineage, uint64_t position);
/* @ret: what @row returned, 0 if there is no such event */
int store_read(struct sink_store *store, int64_t id, history_row_fn row, void *userdata, int *ret);

/* ---- sink-store-retention.c ---- */

/* One step, inside a transaction. */
int store_retain(struct sink_store *store, bool *ret_more);

/* ---- sink-store-run.c ---- */

/* The time in which nobody watched, inside a transaction */
int store_put_absence(struct sink_store *store);

/* ---- sink-store-restore.c ---- */

/* What can be read in a damaged file that was moved aside: how far it went, and a violation */
void store_salvaged(struct sink_store *store, uint64_t lineage, uint64_t position);
void store_salvage(struct sink_store *store, const struct violation *violation);
/* The event is dropped, for the file cannot be read yet. */
void store_note_early(struct sink_store *store, const struct sink_event *event);
/* The file can be read and was not before: its violations and those found meanwhile are one. */
int store_restore_late(struct sink_store *store);
void store_restore_free(struct sink_store *store);

/* ---- sink-store.c ---- */

int store_begin(struct sink_store *store);
int store_commit(struct sink_store *store);
/* An error of SQLite: what was not committed is lost. */
void store_fail(struct sink_store *store, int rc);
/* Whether it can be written to; opens the file, and ends a fault, if that is possible. */
bool store_ready(struct sink_store *store);

/* Keeps it until it can be stored. @newer: it replaces one that waits already. */
void store_wait(struct sink_store *store, const struct violation *violation, bool newer);

#endif
