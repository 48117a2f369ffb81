// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A history that cannot be read when the daemon starts: what it knows is not forgotten, what is found
 * meanwhile takes nobody's place, and what both know is one and counts once. Whoever holds the file
 * here stands for a disk that is full or read-only, too.
 */
#include "store-fixture.h"

#define LINEAGE 77

static sqlite3 *hold(const char *directory)
{
	sqlite3 *other;

	assert_int_equal(sqlite3_open(file_path(directory, "history.db"), &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other,
				      "PRAGMA locking_mode = EXCLUSIVE;"
				      "BEGIN IMMEDIATE; PRAGMA user_version = 2; COMMIT",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	return other;
}

static struct violations *table(void)
{
	struct violations *violations;

	assert_int_equal(violations_new(16, &violations), 0);
	return violations;
}

/* One finding, as the manager has it */
static const struct violation *find(struct sink_store *store, struct violations *violations,
				    uint32_t index, uint64_t position)
{
	struct violation v = make_violation(index);
	struct sink_event event = { .type = "violation", .text = "{}", .position = position };
	const struct violation *found;

	v.finding.standing = false;
	violations_add(violations, &v.finding, store_time_us(), &found);
	event.time_us = found->last_us;
	event.violation = found;
	sink_store_publish(store, &event);
	return found;
}

static void happen(struct sink_store *store, uint64_t position)
{
	struct sink_event event = {
		.time_us = store_time_us(), .type = "cpu", .text = "{}", .position = position
	};

	sink_store_publish(store, &event);
}

static const struct violation *at(const struct violations *violations, uint32_t index)
{
	struct violation v = make_violation(index);

	return violations_find(violations, &v.finding);
}

static unsigned int n_open(const struct violations *violations)
{
	struct violation_totals totals;

	violations_totals(violations, &totals);
	return totals.n_open;
}

/* The index of the place that a stored violation is about; 0: there is no such id */
static int64_t stored(struct sink_store *store, uint64_t id, const char *column)
{
	int64_t value = 0;
	sqlite3_stmt *s;
	char text[128];

	snprintf(text, sizeof(text), "SELECT %s FROM violation WHERE id = %llu", column,
		 (unsigned long long)id);
	assert_int_equal(sqlite3_prepare_v2(store->db, text, -1, &s, NULL), SQLITE_OK);
	if (sqlite3_step(s) == SQLITE_ROW)
		value = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return value;
}

/* Violations at the places 1 to 3, the second one acknowledged; up to the position 5 */
static void first_run(const char *directory)
{
	struct sink_store *store = store_open(directory);
	struct violations *violations = table();
	const struct violation *v;

	assert_int_equal(sink_store_restore(store, violations), 0);
	assert_int_equal(sink_store_begin_lineage(store, LINEAGE), 0);
	find(store, violations, 1, 1);
	find(store, violations, 2, 2);
	find(store, violations, 1, 3);
	assert_int_equal(violations_acknowledge(violations, 2, &v), 1);
	sink_store_violation(store, v);
	find(store, violations, 3, 4);
	happen(store, 5);
	sink_store_free(store);
	violations_free(violations);
}

static struct sink_store *start_held(const char *directory, struct violations *violations)
{
	struct sink_store *store = store_open(directory);

	expect_said("another program holds it");
	assert_int_equal(sink_store_restore(store, violations), 0);
	return store;
}

/* One that follows the first run while @ret_other has its file */
static struct sink_store *follow_held(const char *directory, struct violations *violations,
				      sqlite3 **ret_other)
{
	first_run(directory);
	*ret_other = hold(directory);
	return start_held(directory, violations);
}

/* Nothing was known of the daemon before: all that is found is new. */
static void test_new_lineage(void **state)
{
	struct violations *violations = table();
	struct sink_store *store;
	sqlite3 *other;
	uint64_t id;

	store = follow_held(*state, violations, &other);
	assert_int_equal(sink_store_begin_lineage(store, 78), 0);
	id = find(store, violations, 9, 1)->id;
	find(store, violations, 1, 2);
	assert_int_equal(sink_store_counters(store)->waiting, 2);
	sqlite3_close(other);
	wait_for_recovery(store);
	assert_int_equal(n_open(violations), 3);
	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(at(violations, i)->id, i);
		assert_int_equal(stored(store, i, "msi_index"), i);
	}
	assert_int_equal(at(violations, 1)->count, 3);
	assert_int_equal(stored(store, 1, "count"), 3);
	assert_true(at(violations, 2)->acknowledged);
	/* it was told with this id */
	assert_int_equal(at(violations, 9)->id, id);
	assert_int_equal(stored(store, id, "msi_index"), 9);
	assert_int_equal(find(store, violations, 10, 3)->id, id + 2);
	sink_store_free(store);
	violations_free(violations);
	store = store_open(*state);
	assert_int_equal(count_restored(store), 5);
	assert_int_equal(sink_store_begin_lineage(store, 78), 3);
	sink_store_free(store);
}

/* All of it comes once more, and then something new. */
static void test_told_again(void **state)
{
	struct violations *violations = table();
	struct sink_store *store;
	const struct violation *v;
	sqlite3 *other;
	json_t *gaps;

	store = follow_held(*state, violations, &other);
	/* nobody knows what the file has */
	assert_int_equal(sink_store_begin_lineage(store, LINEAGE), 0);
	find(store, violations, 1, 1);
	find(store, violations, 2, 2);
	find(store, violations, 1, 3);
	find(store, violations, 3, 4);
	sqlite3_close(other);
	/* it could be read now, but not in the middle of this */
	pause_ms(150);
	happen(store, 5);
	find(store, violations, 1, 6);
	assert_int_equal(violations_acknowledge(violations, at(violations, 3)->id, &v), 1);
	sink_store_violation(store, v);
	assert_true(sink_store_is_behind(store));
	wait_for_recovery(store);
	assert_false(sink_store_is_behind(store));
	expect_said("history is stored again, 1 events were not");
	assert_int_equal(at(violations, 1)->id, 1);
	assert_int_equal(at(violations, 1)->count, 3);
	assert_false(at(violations, 1)->acknowledged);
	assert_int_equal(at(violations, 2)->count, 1);
	assert_true(at(violations, 2)->acknowledged);
	assert_int_equal(at(violations, 3)->count, 1);
	assert_true(at(violations, 3)->acknowledged);
	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(stored(store, i, "count"), at(violations, i)->count);
		assert_int_equal(stored(store, i, "acknowledged"), i > 1);
	}
	gaps = gaps_of(store, "store-busy");
	assert_int_equal(json_array_size(gaps), 1);
	assert_int_equal(number_in(json_array_get(gaps, 0), "lost"), 1);
	json_decref(gaps);
	sink_store_free(store);
	violations_free(violations);
	store = store_open(*state);
	assert_int_equal(sink_store_begin_lineage(store, LINEAGE), 6);
	sink_store_free(store);
}

/* ---- a disk on which the log of the one before cannot be gone through ---- */

static void kill_first_run(const char *directory)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct sink_store *store = store_open(directory);
		struct violations *violations = table();

		sink_store_restore(store, violations);
		sink_store_begin_lineage(store, LINEAGE);
		for (uint32_t i = 1; i <= 3; i++)
			find(store, violations, i, i);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void expect_all_back(struct sink_store *store, struct violations *violations)
{
	uint64_t id = find(store, violations, 9, 4)->id;

	wait_for_recovery(store);
	assert_int_equal(n_open(violations), 4);
	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(at(violations, i)->id, i);
		assert_int_equal(at(violations, i)->count, 1);
		assert_int_equal(stored(store, i, "msi_index"), i);
	}
	assert_int_equal(stored(store, id, "msi_index"), 9);
	sink_store_free(store);
	violations_free(violations);
}

static void test_full_disk(void **state)
{
	struct violations *violations = NULL;
	struct sink_store *store;
	char page[4096] = { 1 };
	int fd;

	mount_tmpfs(*state, "size=2m");
	kill_first_run(*state);
	fd = open(file_path(*state, "full"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	while (write(fd, page, sizeof(page)) > 0)
		;
	violations = table();
	store = store_open(*state);
	expect_said("no space left");
	assert_int_equal(sink_store_restore(store, violations), 0);
	assert_int_equal(sink_store_begin_lineage(store, LINEAGE), 0);
	find(store, violations, 2, 2);
	sink_store_batch_end(store);
	assert_int_equal(ftruncate(fd, 0), 0);
	close(fd);
	expect_all_back(store, violations);
}

static void test_read_only_disk(void **state)
{
	struct violations *violations;
	struct sink_store *store;

	mount_tmpfs(*state, "size=2m");
	kill_first_run(*state);
	assert_int_equal(mount("", *state, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	violations = table();
	store = store_open(*state);
	expect_said("it is read-only");
	assert_int_equal(sink_store_restore(store, violations), 0);
	assert_int_equal(sink_store_begin_lineage(store, LINEAGE), 0);
	find(store, violations, 2, 2);
	sink_store_batch_end(store);
	assert_int_equal(mount("", *state, NULL, MS_REMOUNT, NULL), 0);
	expect_all_back(store, violations);
}

/* ---- ids ---- */

/* Nothing was found meanwhile: ids go on where they were. */
static void test_quiet(void **state)
{
	struct violations *violations = table();
	struct sink_store *store;
	sqlite3 *other;

	store = follow_held(*state, violations, &other);
	sqlite3_close(other);
	wait_for_recovery(store);
	assert_int_equal(n_open(violations), 2);
	assert_int_equal(find(store, violations, 9, 1)->id, 4);
	assert_int_equal(stored(store, 1, "msi_index"), 1);
	sink_store_free(store);
	violations_free(violations);
}

/* The clock was set back: ids of the file are beyond those that it gives. */
static void test_ids_in_the_way(void **state)
{
	struct violations *violations = table();
	struct sink_store *store = store_open(*state);
	uint64_t last = (uint64_t)store_time_us() / SECOND + 1000, first;
	struct violation v = make_violation(1);
	sqlite3 *other;

	for (v.id = last - 1000; v.id <= last; v.id += 100) {
		v.finding.index++;
		publish_violation(store, &v, VIOLATION_NEW);
	}
	sink_store_free(store);
	other = hold(*state);
	store = start_held(*state, violations);
	first = find(store, violations, 90, 0)->id;
	assert_in_range(first, last - 1000, last);
	find(store, violations, 2, 0);
	sqlite3_close(other);
	wait_for_recovery(store);
	assert_int_equal(n_open(violations), 12);
	assert_true(at(violations, 90)->id > last);
	assert_int_equal(stored(store, at(violations, 90)->id, "msi_index"), 90);
	assert_int_equal(at(violations, 2)->id, last - 1000);
	assert_int_equal(at(violations, 2)->count, 4);
	assert_int_equal(stored(store, last - 1000, "count"), 4);
	sink_store_free(store);
	violations_free(violations);
	store = store_open(*state);
	violations = table();
	assert_int_equal(sink_store_restore(store, violations), 12);
	sink_store_free(store);
	violations_free(violations);
}

/* It never gets well in this run; what was found is tried at the end, and is there the next time. */
static void test_end(void **state)
{
	struct violations *violations = table();
	struct sink_store *store;
	sqlite3 *other;

	store = follow_held(*state, violations, &other);
	find(store, violations, 9, 1);
	sqlite3_close(other);
	sink_store_free(store);
	violations_free(violations);
	store = store_open(*state);
	assert_int_equal(count_restored(store), 4);
	assert_int_equal(stored(store, 1, "msi_index"), 1);
	sink_store_free(store);
}

/* Whatever happens, a violation does not take another one's row. */
static void test_taken_id(void **state)
{
	struct sink_store *store = store_open(*state);
	struct violation v = make_violation(1);

	publish_violation(store, &v, VIOLATION_NEW);
	v.finding.index = 9;
	publish_violation(store, &v, VIOLATION_NEW);
	v.count++;
	publish_violation(store, &v, VIOLATION_AGAIN);
	assert_int_equal(stored(store, 1, "msi_index"), 1);
	assert_int_equal(count_restored(store), 2);
	/* while one of its own place gives way */
	v.id = 20;
	publish_violation(store, &v, VIOLATION_NEW);
	assert_int_equal(stored(store, 20, "msi_index"), 9);
	assert_int_equal(count_restored(store), 2);
	sink_store_free(store);
}

/* Nor does it get the id of one that this daemon has no room for, or no rule. */
static void test_unknown_ids(void **state)
{
	struct sink_store *store;
	struct violations *violations;
	const struct violation *v;

	first_run(*state);
	store = store_open(*state);
	assert_int_equal(violations_new(1, &violations), 0);
	assert_int_equal(sink_store_restore(store, violations), 1);
	assert_int_equal(violations_acknowledge(violations, 1, &v), 1);
	assert_int_equal(find(store, violations, 9, 0)->id, 4);
	violations_free(violations);
	assert_int_equal(sqlite3_exec(store->db, "UPDATE violation SET rule = 'newer' WHERE id = 4",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	violations = table();
	assert_int_equal(sink_store_restore(store, violations), 3);
	assert_int_equal(find(store, violations, 10, 0)->id, 5);
	violations_free(violations);
	sink_store_free(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, mount_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_new_lineage), TEST(test_told_again),	   TEST(test_quiet),
		TEST(test_end),		TEST(test_ids_in_the_way), TEST(test_taken_id),
		TEST(test_unknown_ids), TEST(test_full_disk),	   TEST(test_read_only_disk),
	};

	unsetenv("JOURNAL_STREAM");
	unsetenv("STATE_DIRECTORY");
	return cmocka_run_group_tests(tests, namespace_setup, NULL);
}
