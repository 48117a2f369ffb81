// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A store on a disk that is full or read-only, or that somebody else has: it says so once, counts,
 * keeps violations until it can write them, and goes on by itself.
 *
 * File systems of its own need a mount namespace. Where none is to be had, these tests are skipped
 * aloud; limits and permissions of the process stand in for them in tests that always run.
 */
#include <sys/resource.h>

#include "store-fixture.h"

/* ---- no space ---- */

/* Events until one is dropped */
static void fill(struct sink_store *store)
{
	const struct sink_store_counters *counters = sink_store_counters(store);

	for (int i = 0; i < 100000 && !counters->dropped; i++) {
		publish(store, "cpu", i, "0000:35:00.0");
		if (i % 10 == 0)
			sink_store_batch_end(store);
	}
	assert_true(counters->dropped > 0);
}

static void expect_full(struct sink_store *store)
{
	const struct sink_store_counters *counters = sink_store_counters(store);
	struct violation v = make_violation(1);
	uint64_t dropped;

	fill(store);
	expect_said("no space left");
	expect_state(store, SINK_STORE_DEGRADED, "no space left");
	dropped = counters->dropped;
	for (int i = 0; i < 1000; i++)
		publish(store, "cpu", i, NULL);
	sink_store_batch_end(store);
	publish_violation(store, &v, VIOLATION_NEW);
	v.count++;
	publish_violation(store, &v, VIOLATION_AGAIN);
	assert_int_equal(counters->dropped, dropped + 1002);
	assert_int_equal(counters->waiting, 1);
	assert_string_equal(said, "");
	/* what is there can be asked for */
	assert_int_equal(count(store, .until_us = 1), 0);
	assert_true(count(store) > 0);
}

static void expect_recovery(struct sink_store *store, const char *reason)
{
	const struct sink_store_counters *counters = sink_store_counters(store);
	char text[128];
	json_t *gaps;

	wait_for_recovery(store);
	snprintf(text, sizeof(text), "history is stored again, %llu events were not",
		 (unsigned long long)counters->dropped);
	expect_said(text);
	assert_int_equal(counters->waiting, 0);
	gaps = gaps_of(store, reason);
	assert_int_equal(json_array_size(gaps), 1);
	assert_int_equal(number_in(json_array_get(gaps, 0), "lost"), counters->dropped);
	json_decref(gaps);
	assert_int_equal(count_restored(store), 1);
	publish(store, "vector-freed", 1, NULL);
	sink_store_batch_end(store);
	assert_int_equal(count(store, .type = "vector-freed"), 1);
}

static void test_full_disk(void **state)
{
	struct violation v = make_violation(1);
	struct sink_store *store;

	mount_tmpfs(*state, "size=1m");
	store = store_open(*state);
	expect_full(store);
	assert_int_equal(mount("", *state, NULL, MS_REMOUNT, "size=8m"), 0);
	expect_recovery(store, "store-full");
	/* full again when it ends: nothing is said twice, and nothing is broken */
	assert_int_equal(mount("", *state, NULL, MS_REMOUNT, "size=2m"), 0);
	for (int i = 0; i < 20000; i++)
		publish(store, "cpu", i, NULL);
	v.count = 9;
	publish_violation(store, &v, VIOLATION_AGAIN);
	sink_store_free(store);
	assert_string_equal(said, "");
	assert_int_equal(mount("", *state, NULL, MS_REMOUNT, "size=8m"), 0);
	store = store_open(*state);
	expect_state(store, SINK_STORE_OK, NULL);
	sink_store_free(store);
}

/* Full from the start */
static void test_full_at_start(void **state)
{
	struct violation v = make_violation(1);
	struct sink_store *store;

	mount_tmpfs(*state, "size=16k");
	store = store_open(*state);
	expect_said("no space left");
	expect_state(store, SINK_STORE_DEGRADED, "no space left");
	publish_violation(store, &v, VIOLATION_NEW);
	assert_int_equal(mount("", *state, NULL, MS_REMOUNT, "size=8m"), 0);
	expect_recovery(store, "store-full");
	sink_store_free(store);
}

/* The same without privilege: a file may not be larger than this. */
static void test_full_limit(void **state)
{
	struct rlimit before, limit;
	struct sink_store *store;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	store = store_open(*state);
	limit = (struct rlimit){ 512 << 10, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	expect_full(store);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	expect_recovery(store, "store-full");
	sink_store_free(store);
}

/* ---- read-only ---- */

static void make_history(const char *directory)
{
	struct sink_store *store = store_open(directory);
	struct violation v = make_violation(1);

	publish(store, "vector-allocated", 30, "a");
	publish_violation(store, &v, VIOLATION_NEW);
	sink_store_free(store);
	assert_string_equal(said, "");
}

static void expect_read_only(struct sink_store *store, const char *text, bool readable)
{
	expect_said(text);
	expect_state(store, SINK_STORE_DEGRADED, text);
	for (int i = 0; i < 100; i++)
		publish(store, "cpu", i, NULL);
	sink_store_batch_end(store);
	assert_int_equal(sink_store_counters(store)->dropped, 100);
	if (readable)
		assert_int_equal(count_restored(store), 1);
	if (readable)
		assert_int_equal(count(store, .has_irq = true, .irq = 30), 1);
	/* and again, after it was tried again */
	pause_ms(2100);
	publish(store, "cpu", 0, NULL);
	assert_int_equal(sink_store_counters(store)->dropped, 101);
	assert_string_equal(said, "");
}

static void test_read_only_disk(void **state)
{
	struct sink_store *store;

	mount_tmpfs(*state, "size=8m");
	make_history(*state);
	assert_int_equal(mount("", *state, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	store = store_open(*state);
	expect_read_only(store, "it is read-only", true);
	assert_int_equal(mount("", *state, NULL, MS_REMOUNT, NULL), 0);
	expect_recovery(store, "store-read-only");
	/* the time before this run counts as such */
	assert_int_equal(count_gaps(store, "daemon-not-running"), 1);
	sink_store_free(store);
}

/* Root may write anywhere: then we are not root. */
static void test_read_only_file(void **state)
{
	uid_t uid = geteuid();
	struct sink_store *store;

	make_history(*state);
	assert_int_equal(chmod(*state, 0777), 0);
	assert_int_equal(chmod(file_path(*state, "history.lock"), 0666), 0);
	assert_int_equal(chmod(file_path(*state, "history.db"), 0444), 0);
	if (!uid)
		assert_int_equal(seteuid(65534), 0);
	store = store_open(*state);
	if (!uid)
		assert_int_equal(seteuid(0), 0);
	expect_state(store, SINK_STORE_DEGRADED, "it is read-only");
	expect_said("it is read-only");
	publish(store, "cpu", 0, NULL);
	assert_int_equal(sink_store_counters(store)->dropped, 1);
	assert_int_equal(count(store, .has_irq = true, .irq = 30), 1);
	assert_int_equal(chmod(file_path(*state, "history.db"), 0644), 0);
	expect_recovery(store, "store-read-only");
	sink_store_free(store);
}

static void test_read_only_directory(void **state)
{
	uid_t uid = geteuid();
	struct sink_store *store;

	assert_int_equal(chmod(*state, 0555), 0);
	if (!uid)
		assert_int_equal(seteuid(65534), 0);
	store = store_open(*state);
	expect_read_only(store, "it cannot be opened", false);
	if (!uid)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(*state, 0755), 0);
	wait_for_recovery(store);
	assert_int_equal(count_gaps(store, "store-failed"), 1);
	assert_int_equal(count_gaps(store, "daemon-not-running"), 0);
	sink_store_free(store);
}

static void test_no_directory(void **state)
{
	char path[256];
	struct sink_store *store;

	snprintf(path, sizeof(path), "%s", file_path(*state, "none/at/all"));
	store = store_open(path);
	expect_said("it cannot be opened (No such file or directory)");
	sink_store_free(store);
	/* a file where the directory should be */
	snprintf(path, sizeof(path), "%s", file_path(*state, "file"));
	file_write(path, "", 0);
	store = store_open(path);
	expect_said("it cannot be opened (Not a directory)");
	sink_store_free(store);
}

/* ---- somebody else ---- */

static void test_newer(void **state)
{
	struct history_filter filter = {};
	struct stat before, after;
	struct sink_store *store;
	bool cut;

	make_history(*state);
	store = store_open(*state);
	assert_int_equal(sqlite3_exec(store->db, "PRAGMA user_version = 3", NULL, NULL, NULL),
			 SQLITE_OK);
	sink_store_free(store);
	assert_int_equal(stat(file_path(*state, "history.db"), &before), 0);
	store = store_open(*state);
	expect_said("a newer cxlirqd wrote it (schema 3, this one has 2)");
	expect_state(store, SINK_STORE_OFF, "a newer cxlirqd wrote it");
	publish(store, "cpu", 1, NULL);
	sink_store_batch_end(store);
	assert_int_equal(sink_store_counters(store)->dropped, 1);
	assert_int_equal(ask(store, &filter, collect, NULL, &cut), -EOPNOTSUPP);
	sink_store_free(store);
	assert_string_equal(said, "");
	assert_int_equal(stat(file_path(*state, "history.db"), &after), 0);
	assert_memory_equal(&after.st_mtim, &before.st_mtim, sizeof(after.st_mtim));
	assert_int_equal(after.st_size, before.st_size);
	assert_int_equal(count_aside(*state, NULL, 0), 0);
}

static void test_two_holders(void **state)
{
	struct sink_store_settings settings = store_settings(*state);
	struct sink_store *store = NULL;
	int ready[2], status;
	pid_t holder = 0, pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		store = store_open(*state);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(sink_store_new(&settings, &store, &holder), -EBUSY);
	assert_null(store);
	assert_int_equal(holder, pid);
	assert_string_equal(said, "");
	/* a disabled one is in nobody's way */
	settings.enabled = false;
	sink_store_free(store_new(&settings));
	settings.enabled = true;
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	sink_store_free(store_new(&settings));
	close(ready[0]);
	close(ready[1]);
}

/* Somebody writes with sqlite3(1). */
static void test_busy(void **state)
{
	struct sink_store *store = store_open(*state);
	struct violation v = make_violation(1);
	sqlite3 *other;

	assert_int_equal(sqlite3_open(file_path(*state, "history.db"), &other), SQLITE_OK);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL),
				 SQLITE_OK);
		publish_violation(store, &v, VIOLATION_NEW);
		for (int i = 0; i < 10; i++)
			publish(store, "cpu", i, NULL);
		expect_state(store, SINK_STORE_DEGRADED, "another program holds it");
		assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
		wait_for_recovery(store);
		assert_int_equal(sink_store_counters(store)->waiting, 0);
		assert_int_equal(sink_store_counters(store)->dropped, 11 * (round + 1));
		assert_int_equal(count_gaps(store, "store-busy"), round + 1);
	}
	/* once each, however often it happens */
	assert_int_equal(said_lines(), 2);
	sqlite3_close(other);
	sink_store_free(store);
}

/* Somebody reads with sqlite3(1), and does not come to an end. */
static void test_endless_reader(void **state)
{
	struct sink_store_settings settings = store_settings(*state);
	struct sink_store *store;
	uint64_t largest = 0;
	sqlite3 *other;

	settings.max_size = 8 << 20;
	store = store_new(&settings);
	publish(store, "cpu", 1, NULL);
	sink_store_batch_end(store);
	assert_int_equal(sqlite3_open(file_path(*state, "history.db"), &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN; SELECT * FROM history", NULL, NULL, NULL),
			 SQLITE_OK);
	for (int i = 0; i < 200000; i++) {
		publish(store, "cpu", i % 100, "0000:35:00.0");
		if (i % 5000 == 0 && size_of(*state) > largest)
			largest = size_of(*state);
	}
	assert_in_range(largest, 0, 3 * settings.max_size);
	expect_said("another program holds it");
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	wait_for_recovery(store);
	for (int i = 0; i < 100; i++)
		sink_store_batch_end(store);
	assert_in_range(size_of(*state), 0, settings.max_size);
	sqlite3_close(other);
	sink_store_free(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, mount_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_full_disk),	   TEST(test_full_at_start),
		TEST(test_full_limit),	   TEST(test_read_only_disk),
		TEST(test_read_only_file), TEST(test_read_only_directory),
		TEST(test_no_directory),   TEST(test_newer),
		TEST(test_two_holders),	   TEST(test_busy),
		TEST(test_endless_reader),
	};

	unsetenv("JOURNAL_STREAM");
	unsetenv("STATE_DIRECTORY");
	return cmocka_run_group_tests(tests, namespace_setup, NULL);
}
