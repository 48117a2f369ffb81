// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * More happens than can be told: what has no event is counted in a gap, once, whatever happens to the
 * store, to memory and to the daemon meanwhile. The store is real; the ring says how much waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "killed.h"
#include "manager-private.h"

#define RING_SIZE 1000
#define FULL 600
#define LINEAGE 77

static uint64_t waiting;
static bool no_memory;

/* ---- instead of a kernel's ring, and of clients --------------------------------------------- */

uint64_t ring_end(const struct ring *ring)
{
	(void)ring;
	return waiting;
}

uint64_t ring_position(const struct ring *ring)
{
	(void)ring;
	return 0;
}

uint64_t ring_size(const struct ring *ring)
{
	(void)ring;
	return RING_SIZE;
}

bool sink_varlink_wants(const struct sink_varlink *sink)
{
	(void)sink;
	return true;
}

void sink_varlink_publish(struct sink_varlink *sink, const struct sink_event *event)
{
	(void)sink;
	(void)event;
}

void sink_varlink_batch_end(struct sink_varlink *sink)
{
	(void)sink;
}

/* as in manager-restart.c, which needs programs in the kernel */
uint64_t manager_position(const struct manager *m, unsigned int part)
{
	return m->restart.place.step << 8 | part;
}

bool manager_was_told(const struct manager *m, unsigned int part)
{
	return manager_position(m, part) <= m->restart.told;
}

uint64_t manager_now_ns(void)
{
	return 1;
}

static void *allocate(size_t size)
{
	return no_memory ? NULL : malloc(size);
}

/* ---- a daemon -------------------------------------------------------------------------------- */

static char directory[64];

static struct manager *start(void)
{
	struct sink_store_settings settings = { .enabled = true,
						.directory = directory,
						.retention_sec = 86400,
						.max_size = 1 << 28,
						.absence_unknown = true };
	struct model_limits limits = MODEL_LIMITS_DEFAULT;
	struct manager *m = calloc(1, sizeof(*m));
	pid_t holder;

	assert_non_null(m);
	m->ring = (void *)m;
	m->ring_source = (void *)m;
	assert_int_equal(model_new(&limits, NULL, NULL, &m->model), 0);
	assert_int_equal(sink_store_new(&settings, &m->store, &holder), 0);
	m->restart.place.lineage = LINEAGE;
	m->restart.told = sink_store_begin_lineage(m->store, LINEAGE);
	return m;
}

static void end(struct manager *m)
{
	manager_sinks_batch_end(m);
	sink_store_free(m->store);
	model_free(m->model);
	free(m);
}

/* What manager_on_change() does with @n changes of an affinity. */
static void change(struct manager *m, int n)
{
	/* recent, or it would not be kept */
	struct change c = { .type = CHANGE_AFFINITY, .time_ns = (uint64_t)time(NULL) * 1000000000 };

	for (; n; n--) {
		m->restart.place.step++;
		if (!manager_was_told(m, 0) && !manager_leaves_untold(m, &c))
			manager_publish(m,
					json_pack("{s:I, s:s}", "time_us",
						  (json_int_t)time(NULL) * 1000000, "type",
						  "affinity-change"),
					NULL, 0);
	}
}

static int64_t ask(const char *question)
{
	sqlite3_stmt *statement;
	char path[96];
	sqlite3 *db;
	int64_t answer;

	snprintf(path, sizeof(path), "%s/history.db", directory);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, question, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	answer = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return answer;
}

static int64_t told(void)
{
	return ask("SELECT count(*) FROM history WHERE type = 'affinity-change'");
}

static int64_t in_gaps(const char *reason)
{
	char question[160];

	snprintf(question, sizeof(question),
		 "SELECT total(json_extract(json, '$.lost')) FROM history WHERE type = 'gap'"
		 " AND json_extract(json, '$.reason') = '%s'",
		 reason);
	return ask(question);
}

/* ---- stories --------------------------------------------------------------------------------- */

static void test_bounds(void **state)
{
	struct manager *m = start();

	(void)state;
	waiting = RING_SIZE / 2;
	change(m, 3);
	assert_int_equal(m->overload.untold, 0);
	waiting++;
	change(m, 3);
	assert_int_equal(m->overload.untold, 3);
	/* once it is so, until an eighth waits */
	waiting = RING_SIZE / 8 + 1;
	change(m, 2);
	assert_int_equal(m->overload.untold, 5);
	waiting = RING_SIZE / 8;
	change(m, 1);
	assert_int_equal(m->overload.untold, 5);
	end(m);
	assert_int_equal(told(), 4);
	assert_int_equal(in_gaps("overload"), 5);
	assert_int_equal(ask("SELECT count(*) FROM history WHERE type = 'gap'"), 1);
	/* before what was told next */
	assert_int_equal(ask("SELECT id FROM history WHERE type = 'gap'"), 4);
}

static void test_before_the_loop(void **state)
{
	struct manager *m = start();

	(void)state;
	m->ring_source = NULL;
	waiting = FULL;
	change(m, 3);
	m->ring_source = (void *)m;
	end(m);
	assert_int_equal(told(), 3);
}

static void die_after_the_gap(void)
{
	struct manager *m = start();

	change(m, 10);
	waiting = FULL;
	change(m, 1000);
	manager_sinks_batch_end(m);
}

static void die_before_the_gap(void)
{
	struct manager *m = start();

	change(m, 10);
	manager_sinks_batch_end(m);
	waiting = FULL;
	change(m, 1000);
}

/* The next one has all changes again, and tells those that are in no gap. */
static void succeed(int64_t gaps)
{
	struct manager *m;

	assert_int_equal(told(), 10);
	assert_int_equal(in_gaps("overload"), gaps);
	waiting = 0;
	m = start();
	change(m, 1011);
	end(m);
	assert_int_equal(told() + in_gaps("overload"), 1011);
	assert_int_equal(in_gaps("overload"), gaps);
}

static void test_killed_after_the_gap(void **state)
{
	(void)state;
	kill_within(die_after_the_gap);
	succeed(1000);
}

static void test_killed_before_the_gap(void **state)
{
	(void)state;
	kill_within(die_before_the_gap);
	succeed(0);
}

/* Somebody else holds the store: its own gap has to count what the other one would have told. */
static void test_store_is_busy(void **state)
{
	struct manager *m = start();
	char path[96];
	sqlite3 *db;

	(void)state;
	change(m, 10);
	manager_sinks_batch_end(m);
	snprintf(path, sizeof(path), "%s/history.db", directory);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	waiting = FULL;
	change(m, 1000);
	manager_sinks_batch_end(m);
	assert_int_equal(sink_store_counters(m->store)->dropped, 1000);
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(db);
	usleep(200000); /* it is tried again after 100 ms */
	waiting = 0;
	change(m, 1);
	end(m);
	assert_int_equal(told(), 11);
	assert_int_equal(in_gaps("store-busy"), 1000);
}

static void test_no_memory_for_the_gap(void **state)
{
	struct manager *m = start();

	(void)state;
	waiting = FULL;
	change(m, 1000);
	no_memory = true;
	manager_sinks_batch_end(m);
	no_memory = false;
	assert_int_equal(m->untold, 0);
	waiting = 0;
	change(m, 1);
	end(m);
	assert_int_equal(told(), 1);
	assert_int_equal(in_gaps("overload"), 1000);
}

/* ---- */

static int set_up(void **state)
{
	(void)state;
	waiting = 0;
	snprintf(directory, sizeof(directory), "/tmp/cxlirq-overload.XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int forget(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(directory, forget, 8, FTW_DEPTH | FTW_PHYS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bounds),
		TEST(test_before_the_loop),
		TEST(test_killed_after_the_gap),
		TEST(test_killed_before_the_gap),
		TEST(test_store_is_busy),
		TEST(test_no_memory_for_the_gap),
	};

	json_set_alloc_funcs(allocate, free);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
