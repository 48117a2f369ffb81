// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loop does not wait for the disk. SQLite's own file system layer is replaced by one whose
 * xSync() takes as long as the test wants: what is written and asked meanwhile goes on, and the
 * database's own fsync is never this thread's.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "store-fixture.h"

/* ---- A disk that is slow ---- */

static struct {
	sqlite3_vfs vfs, *real;
	pthread_t loop;
	atomic_uint syncs_of_loop; /* of the database, not of its log */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool slow; /* the thread waits in xSync() */
	bool waits; /* it does so now */
} disk = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

struct file {
	sqlite3_file base;
	sqlite3_io_methods methods;
	const sqlite3_io_methods *real_methods;
	bool is_database;
};

static struct file *extra_of(sqlite3_file *file)
{
	return (struct file *)((char *)file + disk.real->szOsFile);
}

static int slow_sync(sqlite3_file *file, int flags)
{
	const struct file *extra = extra_of(file);

	if (pthread_equal(pthread_self(), disk.loop)) {
		disk.syncs_of_loop += extra->is_database;
	} else {
		pthread_mutex_lock(&disk.mutex);
		while (disk.slow) {
			disk.waits = true;
			pthread_cond_broadcast(&disk.changed);
			pthread_cond_wait(&disk.changed, &disk.mutex);
		}
		disk.waits = false;
		pthread_mutex_unlock(&disk.mutex);
	}
	return extra->real_methods->xSync(file, flags);
}

/* The real layer's file, with its table of functions replaced by a copy that differs in one */
static int slow_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
		     int *ret_flags)
{
	struct file *extra = extra_of(file);
	int rc = disk.real->xOpen(disk.real, name, file, flags, ret_flags);

	(void)vfs;
	if (!file->pMethods)
		return rc;
	extra->real_methods = file->pMethods;
	extra->methods = *file->pMethods;
	extra->methods.xSync = slow_sync;
	extra->is_database = flags & SQLITE_OPEN_MAIN_DB;
	file->pMethods = &extra->methods;
	return rc;
}

static int setup_disk(void **state)
{
	(void)state;
	disk.real = sqlite3_vfs_find(NULL);
	disk.vfs = *disk.real;
	disk.vfs.zName = "slow";
	disk.vfs.szOsFile += (int)sizeof(struct file);
	disk.vfs.xOpen = slow_open;
	disk.loop = pthread_self();
	return sqlite3_vfs_register(&disk.vfs, 1);
}

static void disk_is(bool slow)
{
	pthread_mutex_lock(&disk.mutex);
	disk.slow = slow;
	pthread_cond_broadcast(&disk.changed);
	pthread_mutex_unlock(&disk.mutex);
}

static bool thread_waits(void)
{
	bool waits;

	pthread_mutex_lock(&disk.mutex);
	waits = disk.waits;
	pthread_mutex_unlock(&disk.mutex);
	return waits;
}

static void wait_for_thread(void)
{
	pthread_mutex_lock(&disk.mutex);
	while (!disk.waits)
		pthread_cond_wait(&disk.changed, &disk.mutex);
	pthread_mutex_unlock(&disk.mutex);
}

/* ---- */

static struct sink_store *open_small(const char *directory)
{
	struct sink_store_settings settings = store_settings(directory);
	struct sink_store *store;

	settings.max_size = 16 << 20; /* then 2 MiB of the log are folded in */
	store = store_new(&settings);
	disk.syncs_of_loop = 0; /* a new file is made with some */
	return store;
}

static void publish_batch(struct sink_store *store, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		publish(store, "affinity-change", 30, "0000:0c:00.0");
	sink_store_batch_end(store);
}

#define BATCH 20
#define BATCHES_MAX 2000

/* What it is for: without a thread the loop waits. */
static void test_in_line(void **state)
{
	struct sink_store *store = open_small(*state);

	for (unsigned int i = 0; i < BATCHES_MAX && !disk.syncs_of_loop; i++)
		publish_batch(store, BATCH);
	assert_true(disk.syncs_of_loop > 0);
	assert_null(store->checkpoint);
	sink_store_free(store);
}

static void test_apart(void **state)
{
	struct sink_store *store = open_small(*state);
	uint64_t written, n = 0;

	sink_store_work_apart(store);
	disk_is(true);
	for (; n < BATCHES_MAX && !store->checkpoint; n++)
		publish_batch(store, BATCH);
	assert_non_null(store->checkpoint);
	wait_for_thread();
	/* now its fsync lasts: events go in, questions are answered */
	written = sink_store_counters(store)->written;
	for (unsigned int i = 0; i < 10; i++, n++)
		publish_batch(store, BATCH);
	assert_true(thread_waits());
	assert_int_equal(sink_store_counters(store)->written, written + 10 * BATCH);
	assert_true(count(store, .limit = 100) == 100);
	assert_int_equal(sink_store_counters(store)->dropped, 0);
	assert_int_equal(disk.syncs_of_loop, 0);
	disk_is(false);
	/* and the next one comes, when the log is as long again */
	store_checkpoint_wait(store);
	for (unsigned int i = 0; i < BATCHES_MAX && !store->checkpoint; i++, n++)
		publish_batch(store, BATCH);
	assert_non_null(store->checkpoint);
	assert_int_equal(disk.syncs_of_loop, 0);
	store_checkpoint_wait(store);
	sink_store_free(store);

	store = open_small(*state);
	assert_int_equal(count(store, .type = "affinity-change", .limit = SINK_STORE_ROWS_MAX),
			 n * BATCH);
	sink_store_free(store);
}

/* A log that is written to all the time begins anew nevertheless: the disk does not fill up. */
static void test_bound(void **state)
{
	struct sink_store *store = open_small(*state);
	unsigned int begun = 0;
	int before = 0;

	sink_store_work_apart(store);
	disk_is(true);
	for (unsigned int i = 0; i < BATCHES_MAX && !store->checkpoint; i++)
		publish_batch(store, BATCH);
	wait_for_thread();
	/* while the disk is stuck it can only grow */
	for (unsigned int i = 0; i < 20; i++) {
		before = store->wal_frames;
		publish_batch(store, BATCH);
		assert_true(store->wal_frames > before);
	}
	disk_is(false);
	for (unsigned int i = 0; i < BATCHES_MAX && begun < 5; i++) {
		before = store->wal_frames;
		publish_batch(store, BATCH);
		begun += store->wal_frames < before;
	}
	assert_int_equal(begun, 5);
	assert_int_equal(sink_store_counters(store)->dropped, 0);
	sink_store_free(store);
}

/* Who ends while the disk is slow waits for it: nothing is lost. */
static void *let_go(void *unused)
{
	wait_for_thread();
	disk_is(false);
	return unused;
}

static void test_end(void **state)
{
	struct sink_store *store = open_small(*state);
	pthread_t friend;
	uint64_t n = 0;

	sink_store_work_apart(store);
	disk_is(true);
	for (; n < BATCHES_MAX && !store->checkpoint; n++)
		publish_batch(store, BATCH);
	assert_int_equal(pthread_create(&friend, NULL, let_go, NULL), 0);
	sink_store_free(store);
	assert_int_equal(pthread_join(friend, NULL), 0);
	store = open_small(*state);
	assert_int_equal(count(store, .type = "affinity-change", .limit = SINK_STORE_ROWS_MAX),
			 n * BATCH);
	sink_store_free(store);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, store_setup, directory_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_in_line),
		TEST(test_apart),
		TEST(test_bound),
		TEST(test_end),
	};

	return cmocka_run_group_tests(tests, setup_disk, NULL);
}
