// SPDX-License-Identifier: GPL-2.0-or-later
/* The store and a restart: what a gap is, and how far events have come. */
#include "store-fixture.h"

static struct sink_store *store_open_unknown(const char *directory)
{
	struct sink_store_settings settings = store_settings(directory);

	settings.absence_unknown = true;
	return store_new(&settings);
}

/* Whether there was a gap is told later: then the history has it, and once. */
static void test_absence_later(void **state)
{
	struct sink_store *store = store_open(*state);
	int64_t between, after;
	json_t *gaps;

	publish(store, "cpu", -1, NULL);
	sink_store_free(store);
	between = store_time_us();
	pause_ms(20);
	/* a daemon that missed nothing */
	store = store_open_unknown(*state);
	after = store_time_us();
	publish(store, "cpu", -1, NULL);
	assert_int_equal(count(store, .type = "gap"), 0);
	sink_store_free(store);
	store = store_open(*state);
	gaps = gaps_of(store, "daemon-not-running");
	assert_int_equal(json_array_size(gaps), 1);
	assert_true(number_in(json_array_get(gaps, 0), "from_us") >= after);
	json_decref(gaps);
	sink_store_free(store);
	/* and one that did */
	store = store_open_unknown(*state);
	publish(store, "cpu", -1, NULL);
	sink_store_tell_absence(store);
	sink_store_tell_absence(store);
	gaps = gaps_of(store, "daemon-not-running");
	assert_int_equal(json_array_size(gaps), 2);
	assert_true(number_in(json_array_get(gaps, 1), "from_us") > between);
	json_decref(gaps);
	sink_store_free(store);
	assert_string_equal(said, "");
}

static void publish_position(struct sink_store *store, uint64_t position)
{
	struct sink_event event = {
		.time_us = store_time_us(), .type = "cpu", .text = "{}", .position = position
	};

	sink_store_publish(store, &event);
}

/* What is on disk, and up to where: the one never without the other */
static void test_position(void **state)
{
	struct sink_store *store = store_open(*state);
	int status;
	pid_t pid;

	assert_int_equal(sink_store_begin_lineage(store, 77), 0);
	publish_position(store, 0x100);
	publish_position(store, 0x201);
	sink_store_free(store);
	store = store_open(*state);
	assert_int_equal(sink_store_begin_lineage(store, 78), 0);
	assert_int_equal(sink_store_begin_lineage(store, 77), 0x201);
	sink_store_free(store);
	pid = fork();
	if (!pid) {
		store = store_open(*state);
		sink_store_begin_lineage(store, 77);
		publish_position(store, 0x300);
		sink_store_batch_end(store);
		publish_position(store, 0x400);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	store = store_open(*state);
	assert_int_equal(sink_store_begin_lineage(store, 77), 0x300);
	assert_int_equal(count(store, .type = "cpu"), 3);
	/* a sign of life, or the end of a run, says nothing of it */
	sink_store_free(store);
	store = store_open(*state);
	assert_int_equal(sink_store_begin_lineage(store, 77), 0x300);
	/* another lineage takes its place */
	sink_store_begin_lineage(store, UINT64_MAX);
	publish_position(store, 0x100);
	sink_store_batch_end(store);
	assert_int_equal(sink_store_begin_lineage(store, 77), 0);
	assert_int_equal(sink_store_begin_lineage(store, UINT64_MAX), 0x100);
	sink_store_free(store);
	assert_string_equal(said, "");
}

static void test_no_position(void **state)
{
	struct sink_store_settings settings = store_settings(*state);
	struct sink_store *store;

	settings.enabled = false;
	store = store_new(&settings);
	assert_true(sink_store_begin_lineage(store, 77) == UINT64_MAX);
	publish_position(store, 0x100);
	sink_store_tell_absence(store);
	sink_store_free(store);
}

/* A file of the first version: it is brought to this one, and has all that it had. */
static void test_first_schema(void **state)
{
	struct sink_store *store = store_open(*state);

	publish(store, "cpu", -1, NULL);
	sink_store_batch_end(store);
	assert_int_equal(sqlite3_exec(store->db,
				      "ALTER TABLE run DROP COLUMN lineage;"
				      "ALTER TABLE run DROP COLUMN position;"
				      "PRAGMA user_version = 1",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sink_store_free(store);
	said_forget();
	store = store_open(*state);
	assert_int_equal(count(store, .type = "cpu"), 1);
	assert_int_equal(sink_store_begin_lineage(store, 77), 0);
	publish_position(store, 0x100);
	sink_store_free(store);
	store = store_open(*state);
	assert_int_equal(sink_store_begin_lineage(store, 77), 0x100);
	sink_store_free(store);
	assert_string_equal(said, "");
}

/* ---- what is not written when it comes ---- */

static void find(struct sink_store *store, struct violations *violations, uint64_t position)
{
	struct violation v = make_violation(1);
	struct sink_event event = {
		.type = "violation", .text = "{}", .position = position, .time_us = store_time_us()
	};

	v.finding.standing = false;
	violations_add(violations, &v.finding, event.time_us, &event.violation);
	sink_store_publish(store, &event);
}

/* The next daemon has all that came up to @position, and the violation @count times. */
static void expect_told(const char *directory, uint64_t position, uint64_t times)
{
	struct sink_store *store = store_open(directory);
	struct violation v = make_violation(1);
	struct violations *violations;

	assert_int_equal(violations_new(10, &violations), 0);
	assert_int_equal(sink_store_restore(store, violations), 1);
	assert_int_equal(violations_find(violations, &v.finding)->count, times);
	assert_int_equal(sink_store_begin_lineage(store, 77), position);
	sink_store_free(store);
	violations_free(violations);
}

/* It waits, and so does the place up to which all is told: both come with the gap. */
static void test_waiting(void **state)
{
	struct sink_store *store = store_open(*state);
	struct violations *violations;
	sqlite3 *other;
	int status;
	pid_t pid;

	assert_int_equal(violations_new(10, &violations), 0);
	sink_store_begin_lineage(store, 77);
	assert_int_equal(sqlite3_open(file_path(*state, "history.db"), &other), SQLITE_OK);
	for (uint64_t i = 1; i <= 2; i++) {
		assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL),
				 SQLITE_OK);
		/* one that meets it, or one after that */
		if (i == 2)
			publish_position(store, 0x180);
		find(store, violations, i << 8 | 2);
		assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
		wait_for_recovery(store);
		assert_int_equal(count_gaps(store, "store-busy"), i);
	}
	sqlite3_close(other);
	sink_store_free(store);
	expect_told(*state, 2 << 8 | 2, 2);
	/* nor does it take an end in order */
	pid = fork();
	if (!pid) {
		store = store_open(*state);
		sink_store_begin_lineage(store, 77);
		assert_int_equal(sqlite3_open(file_path(*state, "history.db"), &other), SQLITE_OK);
		sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL);
		publish_position(store, 0x300);
		sqlite3_close(other);
		wait_for_recovery(store);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	expect_told(*state, 0x300, 2);
	violations_free(violations);
}

/* The index that tells when the last event was: each start reads it. */
static void damage(const char *directory)
{
	struct sink_store *store = store_open(directory);
	sqlite3_stmt *s;
	FILE *file;
	int page;

	assert_int_equal(sqlite3_prepare_v2(store->db,
					    "SELECT rootpage FROM sqlite_schema"
					    " WHERE name = 'history_time'",
					    -1, &s, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	page = sqlite3_column_int(s, 0) - 1;
	sqlite3_finalize(s);
	sink_store_free(store);
	file = fopen(file_path(directory, "history.db"), "r+e");
	assert_non_null(file);
	assert_int_equal(fseek(file, page * 4096L, SEEK_SET), 0);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(fputc(0xa5, file), 0xa5);
	assert_int_equal(fclose(file), 0);
}

/* What could be saved of a damaged file is not told again to the new one. */
static void test_damaged(void **state)
{
	struct sink_store *store = store_open(*state);
	struct violations *violations;

	assert_int_equal(violations_new(10, &violations), 0);
	sink_store_begin_lineage(store, 77);
	find(store, violations, 0x102);
	sink_store_free(store);
	violations_free(violations);
	damage(*state);
	assert_string_equal(said, "");
	expect_told(*state, 0x102, 1);
	expect_said("the history is damaged, moved aside to history.db.corrupt-20");
	expect_told(*state, 0x102, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, directory_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_absence_later), TEST(test_position), TEST(test_no_position),
		TEST(test_first_schema),  TEST(test_waiting),  TEST(test_damaged),
	};

	unsetenv("JOURNAL_STREAM");
	unsetenv("STATE_DIRECTORY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
