// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A history that is damaged: it is moved aside, said once, and a new one begins with the violations
 * that could be read and a gap that tells where the old one is.
 */
#include "store-fixture.h"

static void test_garbage(void **state)
{
	char garbage[10000], found[10000], name[256] = "";
	struct sink_store *store;
	FILE *file;

	memset(garbage, 'g', sizeof(garbage));
	file_write(file_path(*state, "history.db"), garbage, sizeof(garbage));
	store = store_open(*state);
	expect_said("the history is damaged, moved aside to history.db.corrupt-20");
	expect_state(store, SINK_STORE_OK, NULL);
	assert_int_equal(sink_store_counters(store)->set_aside, 1);
	assert_int_equal(count_aside(*state, name, sizeof(name)), 1);
	file = fopen(name, "re");
	assert_int_equal(fread(found, 1, sizeof(found), file), sizeof(found));
	fclose(file);
	assert_memory_equal(found, garbage, sizeof(garbage));
	publish(store, "cpu", 1, NULL);
	sink_store_batch_end(store);
	assert_int_equal(count(store, .type = "cpu"), 1);
	assert_int_equal(count_gaps(store, "store-corrupt"), 1);
	sink_store_free(store);
	/* another one within the same second replaces nothing */
	file_write(file_path(*state, "history.db"), garbage, sizeof(garbage));
	store = store_open(*state);
	assert_int_equal(count_aside(*state, NULL, 0), 2);
	sink_store_free(store);
	assert_string_equal(strstr(said, "\n"), "\n");
}

static void overwrite(const char *path, long from_page, long to_page)
{
	FILE *file = fopen(path, "r+e");

	assert_non_null(file);
	assert_int_equal(fseek(file, from_page * 4096, SEEK_SET), 0);
	for (long i = 0; i < (to_page - from_page) * 4096; i++)
		assert_int_equal(fputc(0xa5, file), 0xa5);
	assert_int_equal(fclose(file), 0);
}

/* The page at which a table or index begins */
static long root_of(struct sink_store *store, const char *name)
{
	sqlite3_stmt *s;
	long page;

	assert_int_equal(sqlite3_prepare_v2(store->db,
					    "SELECT rootpage FROM sqlite_schema WHERE name = ?", -1,
					    &s, NULL),
			 SQLITE_OK);
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	page = sqlite3_column_int(s, 0) - 1;
	sqlite3_finalize(s);
	return page;
}

/* While it is open, and not in its cache */
static void damage(struct sink_store *store, const char *directory, const char *name)
{
	long page = root_of(store, name);

	sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite3_db_release_memory(store->db);
	overwrite(file_path(directory, "history.db"), page, page + 1);
}

/* While it is open, in the middle of the history */
static void test_damaged_page(void **state)
{
	struct sink_store *store = store_open(*state);
	struct violation v = make_violation(1), w = make_violation(2);

	publish_violation(store, &v, VIOLATION_NEW);
	for (int i = 0; i < 20000; i++)
		publish(store, "message-change", i % 64, "0000:35:00.0");
	sink_store_batch_end(store);
	damage(store, *state, "history_irq");
	publish_violation(store, &w, VIOLATION_NEW);
	expect_said("the history is damaged, moved aside to history.db.corrupt-20");
	expect_state(store, SINK_STORE_OK, NULL);
	assert_true(count_aside(*state, NULL, 0) >= 1);
	assert_int_equal(sink_store_counters(store)->waiting, 0);
	/* on disk already, the one that found the damage and the one before */
	assert_int_equal(count_restored(store), 2);
	assert_int_equal(count_gaps(store, "store-corrupt"), 1);
	assert_int_equal(count_gaps(store, "daemon-not-running"), 0);
	sink_store_free(store);
	assert_string_equal(said, "");
}

/* Damage that a question finds, and one that the next start finds */
static void test_damage_found_late(void **state)
{
	struct history_filter filter = { .has_irq = true, .irq = 3 };
	struct sink_store *store = store_open(*state);
	struct violation v = make_violation(1);
	json_t *rows = json_array();
	bool cut;
	long page;

	for (int i = 0; i < 20000; i++)
		publish(store, "message-change", i % 64, "0000:35:00.0");
	sink_store_batch_end(store);
	damage(store, *state, "history_irq");
	assert_int_equal(ask(store, &filter, collect, rows, &cut), -EIO);
	json_decref(rows);
	expect_said("the history is damaged");
	publish_violation(store, &v, VIOLATION_NEW);
	expect_state(store, SINK_STORE_OK, NULL);
	page = root_of(store, "run");
	sink_store_free(store);
	overwrite(file_path(*state, "history.db"), page, page + 1);
	store = store_open(*state);
	expect_said("the history is damaged");
	expect_state(store, SINK_STORE_OK, NULL);
	assert_int_equal(count_restored(store), 1);
	/* damage upon damage: the disk is bad, and is not filled with files */
	publish(store, "cpu", 1, NULL);
	sink_store_batch_end(store);
	damage(store, *state, "violation");
	publish_violation(store, &v, VIOLATION_AGAIN);
	expect_said("it is damaged");
	expect_state(store, SINK_STORE_DEGRADED, "it is damaged");
	assert_int_equal(sink_store_counters(store)->waiting, 1);
	publish(store, "cpu", 1, NULL);
	assert_int_equal(sink_store_counters(store)->set_aside, 1);
	sink_store_free(store);
	assert_string_equal(said, "");
}

/* What a file says of its tables: SQLite takes it for another table, or cannot go on from it. */
static void test_damaged_schema(void **state)
{
	static const char *const damages[] = {
		"PRAGMA writable_schema = 1; UPDATE sqlite_schema SET"
		" sql = replace(sql, 'PRIMARY', 'PRIMxRY') WHERE name = 'history'",
		"PRAGMA writable_schema = 1; UPDATE sqlite_schema SET"
		" sql = replace(sql, 'IS NOT', 'IS+NOT') WHERE name = 'history_irq'",
		"PRAGMA writable_schema = 1; UPDATE sqlite_schema SET"
		" sql = replace(sql, 'type,', 'irq,') WHERE name = 'history_type'",
		"PRAGMA writable_schema = 1; DELETE FROM sqlite_schema WHERE name = 'history_type'",
		"PRAGMA user_version = 1",
		"PRAGMA user_version = 0",
	};
	struct violation v = make_violation(1);

	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		struct sink_store *store = store_open(*state);

		publish_violation(store, &v, i ? VIOLATION_AGAIN : VIOLATION_NEW);
		publish(store, "cpu", 1, NULL);
		sink_store_batch_end(store);
		assert_int_equal(sqlite3_exec(store->db, damages[i], NULL, NULL, NULL), SQLITE_OK);
		sink_store_free(store);
		store = store_open(*state);
		expect_said("the history is damaged, moved aside to history.db.corrupt-20");
		expect_state(store, SINK_STORE_OK, NULL);
		assert_int_equal(count_restored(store), 1);
		assert_int_equal(count_gaps(store, "store-corrupt"), 1);
		assert_int_equal(sink_store_counters(store)->set_aside, 1);
		publish(store, "cpu", 1, NULL);
		sink_store_batch_end(store);
		assert_int_equal(count(store, .type = "cpu"), 1);
		sink_store_free(store);
	}
	assert_string_equal(said, "");
}

/* Where it cannot be moved aside, no question is answered from it. */
static void test_damaged_schema_read_only(void **state)
{
	struct history_filter filter = {};
	struct sink_store *store = store_open(*state);
	struct violation v = make_violation(1);
	uid_t uid = geteuid();
	bool cut;

	publish_violation(store, &v, VIOLATION_NEW);
	assert_int_equal(sqlite3_exec(store->db,
				      "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET"
				      " sql = replace(sql, 'PRIMARY', 'PRIMxRY')"
				      " WHERE name = 'history'",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sink_store_free(store);
	assert_int_equal(chmod(*state, 0777), 0);
	assert_int_equal(chmod(file_path(*state, "history.lock"), 0666), 0);
	assert_int_equal(chmod(file_path(*state, "history.db"), 0444), 0);
	if (!uid)
		assert_int_equal(seteuid(65534), 0);
	store = store_open(*state);
	if (!uid)
		assert_int_equal(seteuid(0), 0);
	expect_said("it is read-only");
	assert_int_equal(ask(store, &filter, collect, NULL, &cut), -EOPNOTSUPP);
	assert_int_equal(chmod(file_path(*state, "history.db"), 0644), 0);
	wait_for_recovery(store);
	assert_int_equal(sink_store_counters(store)->set_aside, 1);
	assert_int_equal(count_restored(store), 1);
	sink_store_free(store);
}

/* An index or a table of its owner's is no damage. */
static void test_more_in_it(void **state)
{
	struct sink_store *store = store_open(*state);

	publish(store, "cpu", 1, NULL);
	sink_store_batch_end(store);
	assert_int_equal(sqlite3_exec(store->db,
				      "CREATE INDEX mine ON history (json); CREATE TABLE more (x)",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sink_store_free(store);
	store = store_open(*state);
	assert_int_equal(count(store, .type = "cpu"), 1);
	sink_store_free(store);
	assert_int_equal(count_aside(*state, NULL, 0), 0);
	assert_string_equal(said, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, directory_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_garbage),
		TEST(test_damaged_page),
		TEST(test_damage_found_late),
		TEST(test_damaged_schema),
		TEST(test_damaged_schema_read_only),
		TEST(test_more_in_it),
	};

	unsetenv("JOURNAL_STREAM");
	unsetenv("STATE_DIRECTORY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
