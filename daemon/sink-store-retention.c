// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What may go: events that are too old, the oldest ones when the file is too large, and violations
 * that were acknowledged long ago. A step removes a bounded number of rows, more than come in
 * between two steps, so that the file cannot outgrow its limit for long.
 */
#include "sink-store-private.h"

/* Kept for the write-ahead log, which counts as well */
#define LOG_MAX (16U << 20)

static int remove_rows(struct sink_store *store, enum statement statement, int64_t before_us,
		       bool *ret_more)
{
	sqlite3_stmt *s = store_statement(store, statement);
	int rc, n;

	if (!s)
		return sqlite3_extended_errcode(store->db);
	sqlite3_bind_int64(s, 1, before_us);
	rc = store_run(store, statement, NULL);
	if (rc != SQLITE_OK)
		return rc;
	n = sqlite3_changes(store->db);
	store->counters.removed += (uint64_t)n;
	*ret_more |= n == STORE_REMOVE_ROWS;
	return SQLITE_OK;
}

static int retain_by_age(struct sink_store *store, bool *ret_more)
{
	int64_t before_us = store_time_us() - (int64_t)store->retention_us;
	int rc = remove_rows(store, STATEMENT_REMOVE_OLD, before_us, ret_more);

	return rc != SQLITE_OK ?
		       rc :
		       remove_rows(store, STATEMENT_REMOVE_VIOLATIONS, before_us, ret_more);
}

/*
 * Pages that became free are used again; the file itself shrinks, a piece at a time, only where it
 * is larger than it may be: after the limit was lowered.
 */
static int retain_by_size(struct sink_store *store, bool *ret_more)
{
	uint64_t log = store->max_size / 4 < LOG_MAX ? store->max_size / 4 : LOG_MAX;
	int64_t pages, free_pages, page_size, limit;
	int rc = store_run(store, STATEMENT_PAGES, &pages);

	if (rc == SQLITE_OK)
		rc = store_run(store, STATEMENT_FREE_PAGES, &free_pages);
	if (rc == SQLITE_OK)
		rc = store_run(store, STATEMENT_PAGE_SIZE, &page_size);
	if (rc != SQLITE_OK)
		return rc;
	limit = (int64_t)(store->max_size - log) / page_size;
	if (pages - free_pages > limit)
		return remove_rows(store, STATEMENT_REMOVE_OLDEST, INT64_MAX, ret_more);
	if (free_pages && pages > limit + (int64_t)(log / 4) / page_size) {
		*ret_more = true;
		return store_run(store, STATEMENT_VACUUM, NULL);
	}
	return rc;
}

int store_retain(struct sink_store *store, bool *ret_more)
{
	int rc = SQLITE_OK;

	*ret_more = false;
	if (store->retention_us)
		rc = retain_by_age(store, ret_more);
	if (rc == SQLITE_OK && store->max_size)
		rc = retain_by_size(store, ret_more);
	return rc;
}
