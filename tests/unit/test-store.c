// SPDX-License-Identifier: GPL-2.0-or-later
/* What goes into the store comes out of it: as it was, also after the daemon was killed. */
#include "store-fixture.h"

/* ---- violations ---- */

static void expect_same(const struct violation *a, const struct violation *b)
{
	const struct finding *f = &a->finding, *g = &b->finding;

	assert_int_equal(a->id, b->id);
	assert_int_equal(f->rule, g->rule);
	assert_string_equal(f->device, g->device);
	assert_int_equal(f->has_irq, g->has_irq);
	assert_int_equal(f->has_index, g->has_index);
	assert_int_equal(f->has_messages, g->has_messages);
	assert_int_equal(f->irq, g->irq);
	assert_int_equal(f->index, g->index);
	assert_int_equal(f->domain, 0); /* ids are those of one run */
	assert_memory_equal(&f->old_message, &g->old_message, sizeof(f->old_message));
	assert_memory_equal(&f->new_message, &g->new_message, sizeof(f->new_message));
	assert_int_equal(f->cause.valid, g->cause.valid);
	assert_int_equal(f->cause.kind, g->cause.kind);
	assert_int_equal(f->cause.flags, g->cause.flags);
	assert_int_equal(f->cause.pid, g->cause.pid);
	assert_int_equal(f->cause.uid, g->cause.uid);
	assert_memory_equal(f->cause.comm, g->cause.comm, sizeof(f->cause.comm));
	assert_int_equal(f->standing, g->standing);
	assert_string_equal(f->explanation, g->explanation);
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->first_us, b->first_us);
	assert_int_equal(a->last_us, b->last_us);
	assert_int_equal(a->acknowledged, b->acknowledged);
}

/* The table's entry; asking for it acknowledges it. */
static struct violation entry_of(struct violations *violations, uint64_t id)
{
	const struct violation *found = NULL;
	int r = violations_acknowledge(violations, id, &found);
	struct violation v;

	assert_true(r >= 0);
	v = *found;
	v.acknowledged = !r;
	return v;
}

static struct violations *restore_all(struct sink_store *store, unsigned int n)
{
	struct violations *violations;

	assert_int_equal(violations_new(100, &violations), 0);
	assert_int_equal(sink_store_restore(store, violations), n);
	return violations;
}

static void test_roundtrip(void **state)
{
	struct violation all[4] = { make_violation(1), make_violation(2), make_violation(3),
				    make_violation(5) },
			 found;
	struct sink_store *store = store_open(*state);
	struct violations *violations;

	/* nothing but what must be */
	all[1].finding = (struct finding){ .rule = RULE_VECTOR_REFUSED };
	/* as long, as large as can be */
	memset(all[2].finding.device, 'd', sizeof(all[2].finding.device) - 1);
	memset(all[2].finding.explanation, 0xe4, FINDING_TEXT - 1);
	memset(all[2].finding.cause.comm, 'c', sizeof(all[2].finding.cause.comm) - 1);
	all[2].count = UINT64_MAX;
	all[2].finding.irq = all[2].finding.index = all[2].finding.domain = UINT32_MAX;
	all[2].finding.rule = RULE_MAX - 1;
	all[3].acknowledged = true;
	all[3].finding.standing = false;
	/* zeros are not the same as nothing */
	all[3].finding.irq = all[3].finding.index = all[3].finding.cause.pid = 0;
	all[3].finding.old_message = ZEROS;
	for (size_t i = 0; i < 4; i++)
		publish_violation(store, &all[i], VIOLATION_NEW);
	for (int reopened = 0; reopened < 2; reopened++) {
		violations = restore_all(store, 4);
		for (size_t i = 0; i < 4; i++) {
			found = entry_of(violations, all[i].id);
			expect_same(&found, &all[i]);
		}
		violations_free(violations);
		sink_store_free(store);
		store = store_open(*state);
	}
	/* the row of each is there as well, and says the same */
	assert_int_equal(count(store, .type = "violation"), 4);
	assert_int_equal(count(store, .type = "violation", .device = all[2].finding.device), 1);
	sink_store_free(store);
	assert_string_equal(said, "");
}

static void test_again(void **state)
{
	struct sink_store *store = store_open(*state);
	struct violation v = make_violation(1), found;
	struct violations *violations;

	publish_violation(store, &v, VIOLATION_NEW);
	v.count = 4;
	v.last_us++;
	v.finding.irq++;
	publish_violation(store, &v, VIOLATION_AGAIN);
	v.acknowledged = true;
	sink_store_violation(store, &v);
	sink_store_free(store);
	store = store_open(*state);
	violations = restore_all(store, 1);
	found = entry_of(violations, 1);
	expect_same(&found, &v);
	violations_free(violations);
	assert_int_equal(count(store, .type = "violation"), 2);
	sink_store_free(store);
}

/* An id is not used again, and one place has one entry. */
static void test_ids(void **state)
{
	struct sink_store *store = store_open(*state);
	struct violation v = make_violation(7);
	const struct violation *added;
	struct violations *violations;

	v.acknowledged = true;
	publish_violation(store, &v, VIOLATION_NEW);
	v.id = 8;
	publish_violation(store, &v, VIOLATION_NEW);
	/* by index, not by interrupt, where there is one */
	v.id = 9;
	v.finding.irq = 99;
	publish_violation(store, &v, VIOLATION_NEW);
	violations = restore_all(store, 1);
	assert_int_equal(entry_of(violations, 9).id, 9);
	v.finding.index = 1000;
	assert_int_equal(violations_add(violations, &v.finding, 1, &added), VIOLATION_NEW);
	assert_int_equal(added->id, 10);
	violations_free(violations);
	sink_store_free(store);
}

static void test_unknown_rule(void **state)
{
	struct sink_store *store = store_open(*state);
	struct violation v = make_violation(1);

	publish_violation(store, &v, VIOLATION_NEW);
	v = make_violation(2);
	publish_violation(store, &v, VIOLATION_NEW);
	assert_int_equal(sqlite3_exec(store->db,
				      "UPDATE violation SET rule = 'of-tomorrow' WHERE id = 1",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	violations_free(restore_all(store, 1));
	sink_store_free(store);
}

/* ---- what survives ---- */

static void test_killed(void **state)
{
	struct sink_store *store = store_open(*state);
	struct violation v = make_violation(1), found;
	struct violations *violations;
	json_t *gaps;
	int status;
	pid_t pid;

	sink_store_free(store);
	pid = fork();
	if (!pid) {
		store = store_open(*state);
		publish(store, "cpu", -1, NULL);
		publish_violation(store, &v, VIOLATION_NEW);
		/* of a batch that does not end any more */
		publish(store, "vector-freed", 30, NULL);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	store = store_open(*state);
	violations = restore_all(store, 1);
	found = entry_of(violations, 1);
	expect_same(&found, &v);
	violations_free(violations);
	assert_int_equal(count(store, .type = "cpu"), 1);
	assert_int_equal(count(store, .type = "violation"), 1);
	assert_int_equal(count(store, .type = "vector-freed"), 0);
	gaps = gaps_of(store, "daemon-not-running");
	assert_int_equal(json_array_size(gaps), 2);
	assert_true(json_is_true(json_object_get(json_array_get(gaps, 0), "clean")));
	assert_true(json_is_false(json_object_get(json_array_get(gaps, 1), "clean")));
	json_decref(gaps);
	sink_store_free(store);
	assert_string_equal(said, "");
}

static void test_absence(void **state)
{
	int64_t before = store_time_us(), between, after;
	struct sink_store *store = store_open(*state);
	json_t *gaps, *gap;

	assert_int_equal(count(store, .type = "gap"), 0);
	publish(store, "cpu", -1, NULL);
	sink_store_free(store);
	between = store_time_us();
	pause_ms(20);
	store = store_open(*state);
	after = store_time_us();
	gaps = gaps_of(store, "daemon-not-running");
	assert_int_equal(json_array_size(gaps), 1);
	gap = json_array_get(gaps, 0);
	assert_int_equal(number_in(gap, "lost"), 0);
	assert_in_range(number_in(gap, "from_us"), before, between);
	assert_in_range(number_in(gap, "to_us"), between, after);
	assert_true(json_is_true(json_object_get(gap, "clean")));
	assert_true(json_is_null(json_object_get(gap, "irq")));
	assert_true(json_is_null(json_object_get(gap, "device")));
	assert_int_equal(number_in(gap, "time_us"), number_in(gap, "to_us"));
	json_decref(gaps);
	/* the clock was set back: a time without a length, not a negative one */
	publish_at(store, after + DAY, "cpu", -1, NULL);
	sink_store_free(store);
	store = store_open(*state);
	gaps = gaps_of(store, "daemon-not-running");
	assert_int_equal(json_array_size(gaps), 2);
	gap = json_array_get(gaps, 1);
	assert_int_equal(number_in(gap, "from_us"), number_in(gap, "to_us"));
	json_decref(gaps);
	sink_store_free(store);
}

static void test_batches(void **state)
{
	struct sink_store *store = store_open(*state);
	const struct sink_store_counters *counters = sink_store_counters(store);

	publish(store, "cpu", -1, NULL);
	assert_int_equal(counters->written, 0);
	/* but it is told when asked for */
	assert_int_equal(count(store), 1);
	sink_store_batch_end(store);
	assert_int_equal(counters->written, 1);
	/* a batch without an end has one */
	for (unsigned int i = 0; i < STORE_BATCH_ROWS + 1; i++)
		publish(store, "cpu", -1, NULL);
	assert_int_equal(counters->written, STORE_BATCH_ROWS + 1);
	sink_store_free(store);
	store = store_open(*state);
	assert_int_equal(count(store, .type = "cpu"), STORE_BATCH_ROWS + 2);
	assert_int_equal(sink_store_counters(store)->dropped, 0);
	sink_store_free(store);
}

/* ---- questions ---- */

static void test_filters(void **state)
{
	struct sink_store *store = store_open(*state);

	publish_at(store, 100, "cpu", -1, NULL);
	publish_at(store, 200, "vector-allocated", 30, "a");
	publish_at(store, 300, "vector-allocated", 31, "a");
	publish_at(store, 400, "vector-freed", 30, "b");
	publish_at(store, 500, "vector-freed", 0, "b' OR 1");
	publish_at(store, 600, "vector-freed", UINT32_MAX, "b");
	assert_int_equal(count(store), 6);
	assert_int_equal(count(store, .has_irq = true, .irq = 30), 2);
	assert_int_equal(count(store, .has_irq = true, .irq = 0), 1);
	assert_int_equal(count(store, .has_irq = true, .irq = UINT32_MAX), 1);
	assert_int_equal(count(store, .has_irq = true, .irq = 32), 0);
	assert_int_equal(count(store, .device = "a"), 2);
	assert_int_equal(count(store, .device = "b' OR 1"), 1);
	assert_int_equal(count(store, .device = ""), 0);
	assert_int_equal(count(store, .type = "vector-freed"), 3);
	assert_int_equal(count(store, .since_us = 200), 5);
	assert_int_equal(count(store, .since_us = 201), 4);
	assert_int_equal(count(store, .until_us = 200), 2);
	assert_int_equal(count(store, .since_us = 300, .until_us = 300), 1);
	assert_int_equal(count(store, .since_us = 301, .until_us = 300), 0);
	assert_int_equal(count(store, .has_irq = true, .irq = 30, .device = "b",
			       .type = "vector-freed", .since_us = 400, .until_us = 400),
			 1);
	assert_int_equal(count(store, .has_irq = true, .irq = 31, .device = "b"), 0);
	sink_store_free(store);
}

/* What is missing may have been anyone's. */
static void test_filters_and_gaps(void **state)
{
	static const int64_t times[] = { 200, 250, 300, 600 };
	struct sink_store *store = store_open(*state);
	json_t *rows;

	publish_at(store, 150, "gap", -1, NULL);
	publish_at(store, 200, "vector-allocated", 30, "a");
	publish_at(store, 250, "gap", -1, NULL);
	publish_at(store, 260, "vector-allocated", 31, "b");
	publish_at(store, 300, "vector-freed", 30, "a");
	publish_at(store, 600, "gap", -1, NULL);
	rows = rows_of(store, (struct history_filter){ .device = "a", .since_us = 200 }, NULL);
	assert_int_equal(json_array_size(rows), 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
			json_integer_value(json_object_get(json_array_get(rows, i), "time_us")),
			times[i]);
	json_decref(rows);
	assert_int_equal(count(store, .has_irq = true, .irq = 30), 5);
	assert_int_equal(count(store, .has_irq = true, .irq = 30, .limit = 2), 2);
	assert_int_equal(count(store, .has_irq = true, .irq = 31, .until_us = 260), 3);
	assert_int_equal(count(store, .device = "c"), 3);
	assert_int_equal(count(store, .device = "a", .type = "vector-freed"), 1);
	assert_int_equal(count(store, .type = "vector-freed"), 1);
	sink_store_free(store);
}

static int stop(const char *text, void *userdata)
{
	int *left = userdata;

	(void)text;
	return --*left ? 0 : -EPIPE;
}

/* The newest are kept, and told from the oldest on; those of one time in the order they came. */
static void test_limit(void **state)
{
	struct sink_store *store = store_open(*state);
	struct history_filter filter = { .limit = 3 };
	bool cut = false;
	int left = 2;
	json_t *rows;

	publish_at(store, 500, "cpu", 5, NULL);
	publish_at(store, 100, "cpu", 1, NULL);
	publish_at(store, 300, "cpu", 3, NULL);
	publish_at(store, 300, "cpu", 4, NULL);
	publish_at(store, 200, "cpu", 2, NULL);
	rows = rows_of(store, filter, &cut);
	assert_true(cut);
	assert_int_equal(json_array_size(rows), 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(number_in(json_array_get(rows, i), "irq"), 3 + i);
	json_decref(rows);
	filter.limit = 5;
	json_decref(rows_of(store, filter, &cut));
	assert_false(cut);
	filter.limit = 4;
	json_decref(rows_of(store, filter, &cut));
	assert_true(cut);
	/* the store's own limit */
	for (unsigned int i = 0; i < SINK_STORE_ROWS; i++)
		publish_at(store, 1000 + i, "vector-freed", 7, NULL);
	filter = (struct history_filter){ .type = "vector-freed" };
	assert_int_equal(count_rows(store, filter), SINK_STORE_ROWS);
	json_decref(rows_of(store, filter, &cut));
	assert_false(cut);
	filter.type = NULL;
	rows = rows_of(store, filter, &cut);
	assert_true(cut);
	assert_int_equal(json_array_size(rows), SINK_STORE_ROWS);
	assert_int_equal(number_in(json_array_get(rows, 0), "time_us"), 1000);
	json_decref(rows);
	filter.limit = UINT32_MAX;
	assert_int_equal(count_rows(store, filter), SINK_STORE_ROWS + 5);
	/* a reader that has gone */
	assert_int_equal(ask(store, &filter, stop, &left, &cut), -EPIPE);
	assert_int_equal(left, 0);
	assert_int_equal(count(store, .type = "cpu"), 5);
	sink_store_free(store);
}

/* ---- retention ---- */

static void test_age(void **state)
{
	struct sink_store_settings settings = store_settings(*state);
	struct violation v = make_violation(1);
	int64_t now = store_time_us();
	struct sink_store *store;

	settings.retention_sec = 86400;
	store = store_new(&settings);
	/* long ago: open; acknowledged; acknowledged, and the last one */
	publish_violation(store, &v, VIOLATION_NEW);
	v = make_violation(2);
	v.acknowledged = true;
	publish_violation(store, &v, VIOLATION_NEW);
	v = make_violation(3);
	v.acknowledged = true;
	v.last_us = now;
	publish_violation(store, &v, VIOLATION_NEW);
	v = make_violation(4);
	v.acknowledged = true;
	publish_violation(store, &v, VIOLATION_NEW);
	for (int i = 0; i < 5 * STORE_REMOVE_ROWS; i++)
		publish_at(store, now - DAY - SECOND - i, "cpu", i, "old");
	publish_at(store, now - DAY + 60 * SECOND, "cpu", 1, "young");
	publish_at(store, now, "cpu", 1, "young");
	/* bounded steps, which go on by themselves */
	for (int i = 0; i < 40; i++)
		sink_store_batch_end(store);
	assert_int_equal(count(store, .device = "old"), 0);
	assert_int_equal(count(store, .device = "young"), 2);
	assert_false(store->untidy);
	violations_free(restore_all(store, 3));
	sink_store_free(store);
	assert_string_equal(said, "");
}

static void test_size(void **state)
{
	struct sink_store_settings settings = store_settings(*state);
	struct violation v = make_violation(1);
	uint64_t largest = 0;
	struct sink_store *store;
	json_t *rows;

	settings.max_size = 16 << 20;
	store = store_new(&settings);
	publish_violation(store, &v, VIOLATION_NEW);
	for (int i = 0; i < 150000; i++) {
		publish_at(store, SECOND + i, "message-change", i * 7919 % 300, "0000:35:00.0");
		if (i % 1000 == 0 && size_of(*state) > largest)
			largest = size_of(*state);
	}
	print_message("# at most %llu KiB of 16384\n", (unsigned long long)largest >> 10);
	assert_in_range(largest, 10 << 20, settings.max_size);
	assert_true(sink_store_counters(store)->removed > 50000);
	/* the newest are there, the oldest are not, the violation is */
	rows = rows_of(store, (struct history_filter){ .type = "message-change" }, NULL);
	assert_int_equal(number_in(json_array_get(rows, SINK_STORE_ROWS - 1), "time_us"),
			 SECOND + 149999);
	json_decref(rows);
	assert_int_equal(count(store, .until_us = SECOND + 10000), 0);
	violations_free(restore_all(store, 1));
	sink_store_free(store);
	/* a limit that was lowered */
	settings.max_size = 4 << 20;
	store = store_new(&settings);
	for (int i = 0; i < 500 && (!i || store->untidy); i++)
		sink_store_batch_end(store);
	assert_false(store->untidy);
	sink_store_free(store);
	assert_in_range(size_of(*state), 1 << 20, settings.max_size);
	assert_string_equal(said, "");
}

/* ---- where it is ---- */

static void test_disabled(void **state)
{
	struct sink_store_settings settings = store_settings(*state);
	struct violation v = make_violation(1);
	struct history_filter filter = {};
	struct sink_store *store;
	const char *reason;
	bool cut;

	settings.enabled = false;
	store = store_new(&settings);
	publish(store, "cpu", -1, NULL);
	publish_violation(store, &v, VIOLATION_NEW);
	sink_store_violation(store, &v);
	sink_store_batch_end(store);
	violations_free(restore_all(store, 0));
	assert_int_equal(ask(store, &filter, collect, NULL, &cut), -EOPNOTSUPP);
	assert_int_equal(sink_store_state(store, &reason), SINK_STORE_OFF);
	assert_null(reason);
	assert_int_equal(sink_store_counters(store)->dropped, 0);
	sink_store_free(store);
	/* nothing was made */
	assert_int_equal(rmdir(*state), 0);
	assert_int_equal(mkdir(*state, 0700), 0);
	assert_null(sink_store_free(NULL));
}

static void test_directory(void **state)
{
	char path[256], states[600];
	struct sink_store *store;

	snprintf(path, sizeof(path), "%s", file_path(*state, "made"));
	snprintf(states, sizeof(states), "%s:/nowhere", path);
	setenv("STATE_DIRECTORY", states, 1);
	store = store_open(NULL);
	publish(store, "cpu", -1, NULL);
	sink_store_free(store);
	/* what is set goes before what systemd says */
	store = store_open(*state);
	assert_int_equal(count(store), 0);
	sink_store_free(store);
	store = store_open("");
	assert_int_equal(count(store, .type = "cpu"), 1);
	sink_store_free(store);
	unsetenv("STATE_DIRECTORY");
	unlink(file_path(path, "history.db"));
	unlink(file_path(path, "history.lock"));
	assert_int_equal(rmdir(path), 0);
	assert_string_equal(said, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, directory_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_roundtrip),	 TEST(test_again),     TEST(test_ids),
		TEST(test_unknown_rule), TEST(test_killed),    TEST(test_absence),
		TEST(test_batches),	 TEST(test_filters),   TEST(test_filters_and_gaps),
		TEST(test_limit),	 TEST(test_age),       TEST(test_size),
		TEST(test_disabled),	 TEST(test_directory),
	};

	unsetenv("JOURNAL_STREAM");
	unsetenv("STATE_DIRECTORY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
