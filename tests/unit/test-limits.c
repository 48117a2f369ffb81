// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every table that input can grow has a limit: what it refuses is counted, what it holds is served,
 * and when something goes there is room again. And ranges as large as they may be take no time.
 */
#include <time.h>

#include "backlog.h"
#include "decode.h"
#include "demand-fixture.h"

#define NVME "0000:01:00.0"
#define SMALL 4

/* SMALL everywhere */
static const struct model_limits small = { { SMALL, SMALL, SMALL, SMALL, SMALL, SMALL, SMALL,
					     SMALL } };
/* One less than the tests put in */
#define TOO_MANY (SMALL + 3)

static int setup(void **state)
{
	*state = world_new(&small);
	return 0;
}

static void test_domains(void **state)
{
	struct world *w = *state;

	for (uint64_t key = 1; key <= TOO_MANY; key++)
		tell(w, make_domain(RECORD_REASON_CREATED, key, "domain"));
	expect_refused(w, "{'domains': 3}");
	assert_int_equal(HASH_COUNT(w->model->domains), SMALL);
	assert_int_equal(json_array_size(w->events), SMALL);
	/* what it has it keeps up to date */
	tell(w, make_domain(RECORD_REASON_UPDATED, 1, "new"));
	expect_domain(w, "new", "{'id': 1}");
	tell(w, make_domain(RECORD_REASON_UPDATED, TOO_MANY, "refused"));
	assert_null(model_domain(w->model, TOO_MANY));
	expect_refused(w, "{'domains': 4}");
	tell(w, make_domain(RECORD_REASON_REMOVED, 1, "new"));
	tell(w, make_domain(RECORD_REASON_CREATED, TOO_MANY, "room"));
	expect_domain(w, "room", "{'id': 5}");
	expect_refused(w, "{'domains': 4}");
}

static void test_vectors(void **state)
{
	struct world *w = *state;
	struct record_message write = make_message(1, ZEROS, MESSAGE(1));

	for (uint32_t irq = 31; irq <= 30 + TOO_MANY; irq++)
		tell(w, make_vector(RECORD_REASON_ALLOCATED, irq, NVME));
	expect_refused(w, "{'vectors': 3}");
	tell(w, make_alloc(1, 10));
	expect_refused(w, "{'vectors': 13}");
	walk_begin(w);
	tell(w, make_vector(RECORD_REASON_SNAPSHOT, 1, NVME));
	tell(w, make_sysfs_irq(2, "x"));
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 1, 1, "x"));
	tell(w, make_action(RECORD_REASON_REQUESTED, 1, 1, "x"));
	walk_end(w, false);
	expect_refused(w, "{'vectors': 16}");
	/* nothing about them is kept */
	write.count = 10;
	tell(w, write);
	tell(w, make_x86(1, 1, 1));
	tell(w, make_action_freed(1, 1));
	tell(w, make_free(1, 10));
	assert_int_equal(HASH_COUNT(w->model->vectors), SMALL);
	assert_int_equal(w->model->n_actions, 0);
	tell(w, make_free(31, 2));
	tell(w, make_alloc(1, 2));
	expect_refused(w, "{'vectors': 16}");
	expect_vector(w, 2, "{'state': 'allocated'}");
}

static void test_handlers(void **state)
{
	struct world *w = *state;

	tell(w, make_vector(RECORD_REASON_ALLOCATED, 30, NVME));
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 31, NVME));
	for (uint64_t cookie = 1; cookie <= TOO_MANY; cookie++)
		tell(w, make_action(RECORD_REASON_REQUESTED, 30 + cookie % 2, cookie, "x"));
	expect_refused(w, "{'handlers': 3}");
	assert_int_equal(w->model->n_actions, SMALL);
	tell(w, make_action(RECORD_REASON_REQUESTED, 31, 1, "known"));
	tell(w, make_action_freed(31, 1));
	tell(w, make_sysfs_irq(40, "a,b,c,d"));
	expect_vector(w, 40, "{'owners': [{'action': 'a'}]}");
	expect_refused(w, "{'handlers': 4}");
	/* its one makes room for one */
	tell(w, make_sysfs_irq(40, "b,c"));
	expect_vector(w, 40, "{'owners': [{'action': 'b'}]}");
	expect_refused(w, "{'handlers': 5}");
	tell(w, make_free(40, 1));
	tell(w, make_free(30, 2));
	assert_int_equal(w->model->n_actions, 0);
	tell(w, make_action(RECORD_REASON_REQUESTED, 32, 1, "x"));
	expect_vector(w, 32, "{'state': 'requested'}");
}

static void test_owners(void **state)
{
	struct world *w = *state;

	for (uint64_t cookie = 1; cookie <= TOO_MANY; cookie++)
		tell(w, make_owner(RECORD_REASON_SNAPSHOT, 30, cookie, "device"));
	expect_refused(w, "{'owners': 3}");
	/* the handler of one that was refused has no device of a managed request */
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 30, NVME));
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, 1, "x"));
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, TOO_MANY, "x"));
	expect_vector(w, 30, "{'owners': [{'device': 'device'}, {'device': null}]}");
	tell(w, make_action_freed(30, 1));
	tell(w, make_owner(RECORD_REASON_SNAPSHOT, 30, TOO_MANY, "device"));
	expect_vector(w, 30, "{'owners': [{'device': 'device'}]}");
	expect_refused(w, "{'owners': 3}");
}

static void test_devices(void **state)
{
	struct world *w = *state;
	char name[32];

	for (int i = 1; i <= TOO_MANY; i++) {
		snprintf(name, sizeof(name), "device%d", i);
		tell(w, make_device(name, "pci", "driver"));
		tell(w, make_device(name, "pci", "driver"));
	}
	expect_refused(w, "{'devices': 6}");
	assert_non_null(model_device(w->model, "device4"));
	assert_null(model_device(w->model, "device5"));
	tell(w, make_device_gone("device5"));
	tell(w, make_device_gone("device4"));
	tell(w, make_device("device5", "pci", "driver"));
	assert_non_null(model_device(w->model, "device5"));
	expect_refused(w, "{'devices': 6}");
}

static void test_sysfs_vectors(void **state)
{
	struct world *w = *state;

	for (uint32_t irq = 1; irq <= TOO_MANY; irq++) {
		tell(w, make_sysfs_vector(irq, "device"));
		tell(w, make_sysfs_vector(irq, "device"));
	}
	expect_refused(w, "{'sysfs-vectors': 6}");
	assert_null(model_sysfs_vector(w->model, SMALL + 1));
	tell(w, make_device_gone("device"));
	tell(w, make_sysfs_vector(SMALL + 1, "device"));
	assert_non_null(model_sysfs_vector(w->model, SMALL + 1));
}

static void test_hooks_and_names(void **state)
{
	struct world *w = *state;
	char name[32];

	for (uint32_t i = 1; i <= TOO_MANY; i++) {
		snprintf(name, sizeof(name), "name%u", i);
		tell(w, make_hook(name, true, true));
		tell(w, make_hook(name, true, true));
		tell(w, make_name(RECORD_NAME_BUS_TOKEN, i, name));
		tell(w, make_name(RECORD_NAME_BUS_TOKEN, i, name));
	}
	expect_refused(w, "{'hooks': 6, 'names': 6}");
	assert_string_equal(model_name(w->model, RECORD_NAME_BUS_TOKEN, SMALL), "name4");
	assert_null(model_name(w->model, RECORD_NAME_BUS_TOKEN, SMALL + 1));
}

/* As many reasons as there are places; the rest share the last one, and none is forgotten. */
static void test_losses(void **state)
{
	struct world *w = *state;
	json_auto_t *lost = NULL;
	char reason[16];
	uint64_t sum = 0;
	json_t *entry;
	size_t i;

	for (uint32_t n = 1; n <= 40; n++) {
		snprintf(reason, sizeof(reason), "reason%u", n);
		tell(w, make_lost(n, reason));
	}
	lost = model_lost_to_json(w->model);
	assert_int_equal(json_array_size(lost), MODEL_LOST_MAX);
	json_array_foreach(lost, i, entry)
		sum += (uint64_t)json_integer_value(json_object_get(entry, "count"));
	assert_int_equal(sum, 40 * 41 / 2);
	entry = json_array_get(lost, MODEL_LOST_MAX - 1);
	assert_string_equal(json_string_value(json_object_get(entry, "reason")), "other");
	assert_int_equal(json_array_size(w->events), 40);
}

/* A file may say that everything is freed while the walk runs, and say it again and again. */
static void test_tombstones(void **state)
{
	struct world *w = *state;

	tell(w, make_alloc(1, 1));
	walk_begin(w);
	tell(w, make_free(100, 65536));
	assert_int_equal(HASH_COUNT(w->model->dead_irqs), SMALL);
	expect_refused(w, "{'vectors': 65532}");
	/* the same ones again are no more */
	tell(w, make_free(100, SMALL));
	expect_refused(w, "{'vectors': 65532}");
	for (uint64_t key = 1; key <= TOO_MANY; key++)
		tell(w, make_domain(RECORD_REASON_REMOVED, key, "domain"));
	assert_int_equal(HASH_COUNT(w->model->dead_domains), SMALL);
	expect_refused(w, "{'vectors': 65532, 'domains': 3}");
	walk_end(w, true);
	assert_null(w->model->dead_irqs);
	/* outside of a walk nobody needs them */
	tell(w, make_free(100, 65536));
	assert_null(w->model->dead_irqs);
}

static void test_nothing_allowed(void **state)
{
	static const struct model_limits none = {};
	_cleanup_world_ struct world *w = world_new(&none);

	(void)state;
	tell(w, make_name(RECORD_NAME_BUS_TOKEN, 1, "x"));
	tell(w, make_hook("x", true, true));
	tell(w, make_domain(RECORD_REASON_CREATED, 1, "x"));
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 1, "x"));
	tell(w, make_action(RECORD_REASON_REQUESTED, 1, 1, "x"));
	tell(w, make_owner(RECORD_REASON_REQUESTED, 1, 1, "x"));
	tell(w, make_device("x", "pci", "x"));
	tell(w, make_sysfs_vector(1, "x"));
	tell(w, make_sysfs_irq(1, "x"));
	tell(w, make_demand(RECORD_DEMAND_ANY, "x", "x", 1, 1, true, 1));
	tell(w, make_feature(RECORD_FEATURE_DOE, "x", 1, 0));
	tell(w, make_driver("x", "x", true));
	tell(w, make_space(0, 1, 1, 1));
	walk_begin(w);
	tell(w, make_domain(RECORD_REASON_REMOVED, 1, "x"));
	tell(w, make_free(1, 1));
	walk_end(w, true);
	expect_nothing(w);
	expect_refused(w,
		       "{'domains': 2, 'vectors': 4, 'owners': 1, 'devices': 1, 'sysfs-vectors': 1,"
		       " 'hooks': 1, 'names': 1, 'demands': 1, 'drivers': 1, 'cpus': 1}");
	json_decref(model_to_json(w->model));
}

/* ---- Time ---- */

/* A hundred times what it takes, and a hundredth of what a search through everything would */
#define SECONDS_MAX 20

static clock_t started;

static void start_clock(void)
{
	started = clock();
}

static void expect_fast(void)
{
	double seconds = (double)(clock() - started) / CLOCKS_PER_SEC;

	if (seconds > SECONDS_MAX)
		fail_msg("took %.1f s of CPU time", seconds);
}

/* The kernel does not share an interrupt a thousand times. */
static void test_sharers(void **state)
{
	_cleanup_world_ struct world *w = world_new(NULL);

	(void)state;
	w->model->change = NULL;
	start_clock();
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 30, NVME));
	for (uint64_t cookie = 1; cookie <= 100000; cookie++)
		tell(w, make_action(RECORD_REASON_REQUESTED, 30, cookie, "x"));
	json_decref(ledger_to_json(w->model, NULL));
	expect_fast();
	expect_refused(w, "{'handlers': 98976}");
	assert_int_equal(w->model->n_actions, 1024);
	tell(w, make_free(30, 1));
	assert_int_equal(w->model->n_actions, 0);
}

static void test_ranges(void **state)
{
	_cleanup_world_ struct world *w = world_new(NULL);
	struct record_message write = make_message(0, ZEROS, MESSAGE(1));

	(void)state;
	start_clock();
	for (uint32_t i = 0; i < 6; i++)
		tell(w, make_alloc(i * 65536, 65536));
	assert_int_equal(HASH_COUNT(w->model->vectors), 262144);
	expect_refused(w, "{'vectors': 131072}");
	write.count = 65536;
	for (int i = 0; i < 20; i++)
		tell(w, write);
	for (uint32_t i = 0; i < 20; i++)
		tell(w, make_free(UINT32_MAX - 65536, 65536));
	walk_begin(w);
	for (uint32_t i = 0; i < 20; i++)
		tell(w, make_free(i * 65536, 65536));
	assert_int_equal(HASH_COUNT(w->model->vectors), 0);
	walk_end(w, true);
	expect_fast();
	expect_nothing(w);
}

/* As many domains as a large machine has devices, times as many interrupts */
static void test_many(void **state)
{
	_cleanup_world_ struct world *w = world_new(NULL);
	json_t *domains;

	(void)state;
	w->model->change = NULL;
	for (uint32_t i = 0; i < 16384; i++)
		tell(w, make_domain(RECORD_REASON_CREATED, 1 + i, "domain"));
	for (uint32_t irq = 0; irq < 65536; irq++) {
		struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, irq, NVME);

		v.r.levels[0].domain = 1 + irq / 4;
		v.r.levels[1].domain = 1;
		tell(w, v);
	}
	start_clock();
	for (int i = 0; i < 3; i++) {
		domains = model_domains_to_json(w->model);
		assert_int_equal(json_array_size(domains), 16384);
		assert_int_equal(
			json_integer_value(json_object_get(json_array_get(domains, 9), "mapped")),
			4);
		assert_int_equal(
			json_integer_value(json_object_get(json_array_get(domains, 0), "mapped")),
			65540);
		json_decref(domains);
		walk_begin(w);
		walk_end(w, false);
	}
	expect_fast();
}

/* ---- The backlog ---- */

static void test_backlog(void **state)
{
	struct backlog *backlog;
	char text[16];

	(void)state;
	assert_int_equal(backlog_new(3, &backlog), 0);
	assert_int_equal(backlog_count(backlog), 0);
	assert_null(backlog_get(backlog, 0));
	for (int i = 1; i <= 8; i++) {
		int oldest = i > 3 ? i - 2 : 1;

		snprintf(text, sizeof(text), "%d", i);
		backlog_push(backlog, i, strdup(text));
		assert_int_equal(backlog_count(backlog), i < 3 ? i : 3);
		snprintf(text, sizeof(text), "%d", oldest);
		assert_string_equal(backlog_get(backlog, 0)->text, text);
		snprintf(text, sizeof(text), "%d", i);
		assert_string_equal(backlog_get(backlog, backlog_count(backlog) - 1)->text, text);
		assert_null(backlog_get(backlog, backlog_count(backlog)));
	}
	/* no memory for a text is no reason to lose another */
	backlog_push(backlog, 0, NULL);
	assert_int_equal(backlog_count(backlog), 3);
	assert_string_equal(backlog_get(backlog, 0)->text, "6");
	assert_null(backlog_free(backlog));
	assert_null(backlog_free(NULL));
}

static void test_no_backlog(void **state)
{
	struct backlog *backlog;

	(void)state;
	assert_int_equal(backlog_new(0, &backlog), 0);
	backlog_push(backlog, 0, strdup("text"));
	assert_int_equal(backlog_count(backlog), 0);
	assert_null(backlog_get(backlog, 0));
	backlog_free(backlog);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_domains),
		TEST(test_vectors),
		TEST(test_handlers),
		TEST(test_owners),
		TEST(test_devices),
		TEST(test_sysfs_vectors),
		TEST(test_losses),
		TEST(test_hooks_and_names),
		TEST(test_tombstones),
		cmocka_unit_test(test_nothing_allowed),
		cmocka_unit_test(test_sharers),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_backlog),
		cmocka_unit_test(test_no_backlog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
