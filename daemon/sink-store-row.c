// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The store's statements. All are prepared, and nothing that comes from outside is ever part of
 * their text.
 */
#include "sink-store-private.h"

#include <errno.h>
#include <string.h>

#include <cxlirqd/json.h>

#define QUOTE_(text) #text
#define QUOTE(text) QUOTE_(text)

/* In the order in which violation_bind() and violation_read() have them */
#define VIOLATION_COLUMNS                                                                          \
	"id, rule, device, irq, msi_index, domain, old_address, old_data, new_address, new_data, " \
	"cause_kind, cause_flags, cause_pid, cause_uid, cause_comm, standing, explanation, "       \
	"count, first_us, last_us, acknowledged"

static const char *const texts[] = {
	/* at once, so that it is here where somebody else's lock shows */
	[STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
	[STATEMENT_COMMIT] = "COMMIT",
	[STATEMENT_ROLLBACK] = "ROLLBACK",
	[STATEMENT_EVENT] = "INSERT INTO history (time_us, type, irq, device, json)"
			    " VALUES (?, ?, ?, ?, ?)",
	[STATEMENT_EVENT_BY_ID] = "SELECT json FROM history WHERE id = ?",
	/* what it replaces is of the same place: another one keeps its id, and this gets a new one */
	[STATEMENT_VIOLATION] =
		"INSERT OR REPLACE INTO violation (" VIOLATION_COLUMNS ") VALUES "
		"(CASE WHEN EXISTS (SELECT 1 FROM violation WHERE id = ?1 AND"
		" (rule, device, ifnull(msi_index, -1),"
		" CASE WHEN msi_index IS NULL THEN ifnull(irq, -1) ELSE -1 END) <>"
		" (?2, ?3, ifnull(?5, -1), CASE WHEN ?5 IS NULL THEN ifnull(?4, -1) ELSE -1 END))"
		" THEN (SELECT max(id) + 1 FROM violation) ELSE ?1 END,"
		" ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,"
		" ?20, ?21)",
	[STATEMENT_RUN_GET] = "SELECT max(last_us, ifnull((SELECT max(time_us) FROM history), 0)),"
			      " clean FROM run",
	[STATEMENT_RUN_SET] = "INSERT INTO run (id, last_us, clean) VALUES (1, ?, ?)"
			      " ON CONFLICT (id) DO UPDATE SET last_us = excluded.last_us,"
			      " clean = excluded.clean",
	[STATEMENT_PLACE_GET] = "SELECT position FROM run WHERE lineage = ?",
	[STATEMENT_PLACE_SET] = "UPDATE run SET lineage = ?, position = ?",
	[STATEMENT_REMOVE_OLD] =
		"DELETE FROM history WHERE id IN (SELECT id FROM history WHERE time_us < ?"
		" ORDER BY time_us LIMIT " QUOTE(STORE_REMOVE_ROWS) ")",
	[STATEMENT_REMOVE_OLDEST] =
		"DELETE FROM history WHERE id IN (SELECT id FROM history WHERE time_us <= ?"
		" ORDER BY time_us LIMIT " QUOTE(STORE_REMOVE_ROWS) ")",
	/* the last id stays, or it would be used again */
	[STATEMENT_REMOVE_VIOLATIONS] =
		"DELETE FROM violation WHERE id IN (SELECT id FROM violation WHERE acknowledged"
		" AND last_us < ? AND id < (SELECT max(id) FROM violation)"
		" LIMIT " QUOTE(STORE_REMOVE_ROWS) ")",
	[STATEMENT_PAGES] = "PRAGMA page_count",
	[STATEMENT_FREE_PAGES] = "PRAGMA freelist_count",
	[STATEMENT_PAGE_SIZE] = "PRAGMA page_size",
	[STATEMENT_VACUUM] = "PRAGMA incremental_vacuum(256)",
};
_Static_assert(sizeof(texts) / sizeof(*texts) == STATEMENT_MAX, "a statement has no text");

sqlite3_stmt *store_statement(struct sink_store *store, enum statement statement)
{
	sqlite3_stmt **s = &store->statements[statement];

	if (!*s)
		sqlite3_prepare_v3(store->db, texts[statement], -1, SQLITE_PREPARE_PERSISTENT, s,
				   NULL);
	return *s;
}

/* What sqlite3_reset() returns is the error of the step before, in full. */
static int finish(sqlite3_stmt *s)
{
	int rc = sqlite3_reset(s);

	sqlite3_clear_bindings(s);
	return rc;
}

int store_run(struct sink_store *store, enum statement statement, int64_t *ret)
{
	sqlite3_stmt *s = store_statement(store, statement);
	int rc;

	if (!s)
		return sqlite3_extended_errcode(store->db);
	errno = 0;
	while ((rc = sqlite3_step(s)) == SQLITE_ROW)
		if (ret)
			*ret = sqlite3_column_int64(s, 0);
	/* SQLite forgets to keep that of a COMMIT */
	store->step_errno = rc == SQLITE_DONE ? 0 : errno;
	return finish(s);
}

/* ---- events -------------------------------------------------------------------------------- */

static void bind_text(sqlite3_stmt *s, int column, const char *text)
{
	if (text)
		sqlite3_bind_text(s, column, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(s, column);
}

int store_put_event(struct sink_store *store, const struct sink_event *event)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_EVENT);

	if (!s)
		return sqlite3_extended_errcode(store->db);
	sqlite3_bind_int64(s, 1, event->time_us);
	bind_text(s, 2, event->type);
	if (event->has_irq)
		sqlite3_bind_int64(s, 3, event->irq);
	bind_text(s, 4, event->device);
	bind_text(s, 5, event->text);
	return store_run(store, STATEMENT_EVENT, NULL);
}

/* Takes over @value, which goes into the row as @key; @key NULL: it does not. */
int store_put_gap(struct sink_store *store, const char *reason, uint64_t lost, int64_t from_us,
		  int64_t to_us, const char *key, json_t *value)
{
	json_t *json =
		json_pack("{s:I, s:s, s:n, s:n, s:I, s:s, s:I, s:I}", "time_us", (json_int_t)to_us,
			  "type", "gap", "irq", "device", "lost", (json_int_t)lost, "reason",
			  reason, "from_us", (json_int_t)from_us, "to_us", (json_int_t)to_us);
	_cleanup_free_ char *text = NULL;
	struct sink_event event = { .time_us = to_us, .type = "gap" };

	if (key)
		json_put(&json, key, json_incref(value));
	json_decref(value);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!text)
		return SQLITE_NOMEM;
	event.text = text;
	return store_put_event(store, &event);
}

/* ---- violations ---------------------------------------------------------------------------- */

static void bind_number(sqlite3_stmt *s, int column, bool known, uint64_t number)
{
	if (known)
		sqlite3_bind_int64(s, column, (int64_t)number);
	else
		sqlite3_bind_null(s, column);
}

static uint64_t address_of(const struct record_msg *message)
{
	return (uint64_t)message->address_hi << 32 | message->address_lo;
}

static void violation_bind(sqlite3_stmt *s, const struct violation *v)
{
	const struct finding *f = &v->finding;
	const struct cause *c = &f->cause;
	int i = 1;

	bind_number(s, i++, true, v->id);
	bind_text(s, i++, rule_text(f->rule)->name);
	bind_text(s, i++, f->device);
	bind_number(s, i++, f->has_irq, f->irq);
	bind_number(s, i++, f->has_index, f->index);
	bind_number(s, i++, f->domain, f->domain);
	bind_number(s, i++, f->has_messages, address_of(&f->old_message));
	bind_number(s, i++, f->has_messages, f->old_message.data);
	bind_number(s, i++, f->has_messages, address_of(&f->new_message));
	bind_number(s, i++, f->has_messages, f->new_message.data);
	bind_number(s, i++, c->valid, c->kind);
	bind_number(s, i++, c->valid, c->flags);
	bind_number(s, i++, c->valid, c->pid);
	bind_number(s, i++, c->valid, c->uid);
	if (c->valid)
		sqlite3_bind_text(s, i, c->comm, (int)strnlen(c->comm, sizeof(c->comm)),
				  SQLITE_STATIC);
	i++;
	bind_number(s, i++, true, f->standing);
	bind_text(s, i++, f->explanation);
	bind_number(s, i++, true, v->count);
	bind_number(s, i++, true, (uint64_t)v->first_us);
	bind_number(s, i++, true, (uint64_t)v->last_us);
	bind_number(s, i++, true, v->acknowledged);
}

static void read_text(sqlite3_stmt *s, int column, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s", (const char *)sqlite3_column_text(s, column) ?: "");
}

/* @ret_known: the column is not NULL; else 0 */
static uint64_t read_number(sqlite3_stmt *s, int column, bool *ret_known)
{
	if (ret_known)
		*ret_known = sqlite3_column_type(s, column) != SQLITE_NULL;
	return (uint64_t)sqlite3_column_int64(s, column);
}

static struct record_msg read_message(sqlite3_stmt *s, int column)
{
	uint64_t address = read_number(s, column, NULL);

	return (struct record_msg){ .address_lo = (uint32_t)address,
				    .address_hi = (uint32_t)(address >> 32),
				    .data = (uint32_t)read_number(s, column + 1, NULL) };
}

/* False: a rule that this version does not have. */
static bool violation_read(sqlite3_stmt *s, struct violation *ret)
{
	struct violation v = {};
	struct finding *f = &v.finding;
	struct cause *c = &f->cause;
	int i = 0;

	v.id = read_number(s, i++, NULL);
	f->rule = rule_from_name((const char *)sqlite3_column_text(s, i++) ?: "");
	if (f->rule == RULE_MAX)
		return false;
	read_text(s, i++, f->device, sizeof(f->device));
	f->irq = (uint32_t)read_number(s, i++, &f->has_irq);
	f->index = (uint32_t)read_number(s, i++, &f->has_index);
	f->domain = (unsigned int)read_number(s, i++, NULL);
	f->old_message = read_message(s, i++);
	read_number(s, i++, &f->has_messages);
	f->new_message = read_message(s, i);
	i += 2;
	c->kind = (uint32_t)read_number(s, i++, &c->valid);
	c->flags = (uint32_t)read_number(s, i++, NULL);
	c->pid = (uint32_t)read_number(s, i++, NULL);
	c->uid = (uint32_t)read_number(s, i++, NULL);
	read_text(s, i++, c->comm, sizeof(c->comm));
	f->standing = read_number(s, i++, NULL);
	read_text(s, i++, f->explanation, sizeof(f->explanation));
	v.count = read_number(s, i++, NULL);
	v.first_us = (int64_t)read_number(s, i++, NULL);
	v.last_us = (int64_t)read_number(s, i++, NULL);
	v.acknowledged = read_number(s, i++, NULL);
	*ret = v;
	return true;
}

int store_put_violation(struct sink_store *store, const struct violation *violation)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_VIOLATION);

	if (!s)
		return sqlite3_extended_errcode(store->db);
	violation_bind(s, violation);
	return store_run(store, STATEMENT_VIOLATION, NULL);
}

int store_each_violation(sqlite3 *db, void (*each)(const struct violation *v, void *userdata),
			 void *userdata)
{
	sqlite3_stmt *s = NULL;
	struct violation v;
	int rc = sqlite3_prepare_v2(db, "SELECT " VIOLATION_COLUMNS " FROM violation ORDER BY id",
				    -1, &s, NULL);

	if (rc != SQLITE_OK)
		return rc;
	while (sqlite3_step(s) == SQLITE_ROW)
		if (violation_read(s, &v))
			each(&v, userdata);
	return sqlite3_finalize(s);
}

int store_last_violation(sqlite3 *db, uint64_t *ret)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(
		db, "SELECT max(id) FROM violation WHERE id BETWEEN 1 AND 9223372036854775806", -1,
		&s, NULL);

	if (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		*ret = (uint64_t)sqlite3_column_int64(s, 0);
	return rc == SQLITE_OK ? sqlite3_finalize(s) : rc;
}

/* ---- signs of life ------------------------------------------------------------------------- */

int store_run_get(struct sink_store *store, bool *ret_known, int64_t *ret_last_us, bool *ret_clean)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_RUN_GET);

	if (!s)
		return sqlite3_extended_errcode(store->db);
	*ret_known = sqlite3_step(s) == SQLITE_ROW;
	if (*ret_known) {
		*ret_last_us = sqlite3_column_int64(s, 0);
		*ret_clean = sqlite3_column_int(s, 1);
	}
	return finish(s);
}

int store_run_set(struct sink_store *store, bool clean)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_RUN_SET);

	if (!s)
		return sqlite3_extended_errcode(store->db);
	sqlite3_bind_int64(s, 1, store_time_us());
	sqlite3_bind_int(s, 2, clean);
	return store_run(store, STATEMENT_RUN_SET, NULL);
}

int store_place_get(struct sink_store *store, uint64_t lineage, uint64_t *ret)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_PLACE_GET);
	int64_t position = 0;
	int rc;

	if (!s)
		return sqlite3_extended_errcode(store->db);
	sqlite3_bind_int64(s, 1, (int64_t)lineage);
	rc = store_run(store, STATEMENT_PLACE_GET, &position);
	*ret = (uint64_t)position;
	return rc;
}

void store_place_read(sqlite3 *db, uint64_t *ret_lineage, uint64_t *ret_position)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(db, "SELECT lineage, position FROM run", -1, &s, NULL) ==
		    SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW) {
		*ret_lineage = (uint64_t)sqlite3_column_int64(s, 0);
		*ret_position = (uint64_t)sqlite3_column_int64(s, 1);
	}
	sqlite3_finalize(s);
}

int store_place_set(struct sink_store *store, uint64_t lineage, uint64_t position)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_PLACE_SET);

	if (!s)
		return sqlite3_extended_errcode(store->db);
	sqlite3_bind_int64(s, 1, (int64_t)lineage);
	sqlite3_bind_int64(s, 2, (int64_t)position);
	return store_run(store, STATEMENT_PLACE_SET, NULL);
}

/* ---- questions ----------------------------------------------------------------------------- */

int store_read(struct sink_store *store, int64_t id, history_row_fn row, void *userdata, int *ret)
{
	sqlite3_stmt *s = store_statement(store, STATEMENT_EVENT_BY_ID);

	if (!s)
		return sqlite3_extended_errcode(store->db);
	sqlite3_bind_int64(s, 1, id);
	if (sqlite3_step(s) == SQLITE_ROW)
		*ret = row((const char *)sqlite3_column_text(s, 0) ?: "", userdata);
	return finish(s);
}
