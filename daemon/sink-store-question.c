// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Questions about the past. The rows are found from the newest one back, which the indices give
 * without sorting, and told the other way round. So the ids come first, and the texts, which are
 * large, one at a time, whenever the one who asks has a turn: no statement is left open meanwhile,
 * which would keep the log from being folded in.
 */
#include "sink-store-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define IDS_MIN 256U

/* There is room up to the next power of two. */
static bool ids_add(struct history_ids *ids, int64_t id)
{
	bool full = ids->n >= IDS_MIN ? !(ids->n & (ids->n - 1)) : !ids->n;
	int64_t *more;

	if (full) {
		more = realloc(ids->ids, (ids->n ? ids->n * 2 : IDS_MIN) * sizeof(*more));
		if (!more)
			return false;
		ids->ids = more;
	}
	ids->ids[ids->n++] = id;
	return true;
}

static int is_late(void *userdata)
{
	return store_monotonic_us() > *(int64_t *)userdata;
}

struct condition {
	const char *text;
	bool used;
};

static int select_all(char *text, size_t size, const struct condition *conditions, size_t n)
{
	int length = snprintf(text, size, "SELECT id, time_us FROM history WHERE 1");

	for (size_t i = 0; i < n; i++)
		if (conditions[i].used)
			length += snprintf(text + length, size - (size_t)length, " AND %s",
					   conditions[i].text);
	return length;
}

/*
 * What happened in a gap may have happened to anyone, so gaps are among the events of one interrupt or
 * device, too. Both lists come in order from an index of their own, and are merged as they come.
 */
static int question_prepare(sqlite3 *db, const struct history_filter *filter, sqlite3_stmt **ret)
{
	const struct condition since = { "time_us >= ?4", filter->since_us },
			       until = { "time_us <= ?5", filter->until_us };
	const struct condition asked[] = {
		{ "irq = ?1", filter->has_irq },
		{ "device = ?2", filter->device },
		{ "type = ?3", filter->type },
		since,
		until,
	};
	const struct condition gaps[] = { { "type = 'gap'", true }, since, until };
	char text[512];
	int n = select_all(text, sizeof(text), asked, sizeof(asked) / sizeof(*asked)), rc;

	if ((filter->has_irq || filter->device) && !filter->type) {
		n += snprintf(text + n, sizeof(text) - (size_t)n, " UNION ALL ");
		n += select_all(text + n, sizeof(text) - (size_t)n, gaps,
				sizeof(gaps) / sizeof(*gaps));
	}
	snprintf(text + n, sizeof(text) - (size_t)n, " ORDER BY 2 DESC, 1 DESC");
	rc = sqlite3_prepare_v2(db, text, -1, ret, NULL);
	if (rc != SQLITE_OK)
		return rc;
	if (filter->has_irq)
		sqlite3_bind_int64(*ret, 1, filter->irq);
	if (filter->device)
		sqlite3_bind_text(*ret, 2, filter->device, -1, SQLITE_STATIC);
	if (filter->type)
		sqlite3_bind_text(*ret, 3, filter->type, -1, SQLITE_STATIC);
	if (filter->since_us)
		sqlite3_bind_int64(*ret, 4, filter->since_us);
	if (filter->until_us)
		sqlite3_bind_int64(*ret, 5, filter->until_us);
	return rc;
}

static int find(struct sink_store *store, const struct history_filter *filter,
		struct history_ids *ret, bool *ret_cut)
{
	uint32_t limit = !filter->limit			     ? SINK_STORE_ROWS :
			 filter->limit < SINK_STORE_ROWS_MAX ? filter->limit :
							       SINK_STORE_ROWS_MAX;
	int64_t deadline = store_monotonic_us() + SINK_STORE_QUERY_USEC;
	struct history_ids ids = {};
	sqlite3_stmt *s = NULL;
	int rc = question_prepare(store->db, filter, &s);
	bool cut = false;

	sqlite3_progress_handler(store->db, 1000, is_late, &deadline);
	while (rc == SQLITE_OK && !cut && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		cut = ids.n == limit;
		rc = cut || ids_add(&ids, sqlite3_column_int64(s, 0)) ? SQLITE_OK : SQLITE_NOMEM;
	}
	sqlite3_progress_handler(store->db, 0, NULL, NULL);
	sqlite3_finalize(s);
	if (rc == SQLITE_INTERRUPT) {
		cut = true;
	} else if (rc != SQLITE_OK && rc != SQLITE_DONE) {
		free(ids.ids);
		return rc;
	}
	*ret = ids;
	*ret_cut = cut;
	return SQLITE_OK;
}

static int question_failed(struct sink_store *store, int rc)
{
	if (!store->read_only)
		store_fail(store, rc);
	return -EIO;
}

int sink_store_find(struct sink_store *store, const struct history_filter *filter,
		    struct history_ids *ret, bool *ret_cut)
{
	int rc;

	if (!store->db)
		return -EOPNOTSUPP;
	rc = find(store, filter, ret, ret_cut);
	if (rc != SQLITE_OK)
		return question_failed(store, rc);
	ret->file = store->counters.set_aside;
	return 0;
}

int sink_store_read(struct sink_store *store, const struct history_ids *ids, uint32_t i,
		    history_row_fn row, void *userdata)
{
	int r = 0, rc;

	if (ids->file != store->counters.set_aside)
		return -ESTALE;
	if (!store->db)
		return -EOPNOTSUPP;
	rc = store_read(store, ids->ids[i], row, userdata, &r);
	return rc == SQLITE_OK ? r : question_failed(store, rc);
}
