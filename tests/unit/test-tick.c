// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What only time tells: when a tick is wanted, what it looks at, and that a state which is only a
 * step on the way is not looked at.
 */
#include "rule-fixture.h"

#define PMU "pmu_mem0.0"

static struct {
	uint32_t irq;
	uint64_t time_ns;
} checks[64];
static size_t n_checks;

static void note_check(const struct change *change, void *userdata)
{
	(void)userdata;
	if (change->type != CHANGE_CHECK)
		return;
	assert_true(n_checks < sizeof(checks) / sizeof(*checks));
	checks[n_checks].irq = change->vector->irq;
	checks[n_checks++].time_ns = change->time_ns;
}

static int setup(void **state)
{
	struct world *w = world_listening();

	n_checks = 0;
	w->follow = note_check;
	*state = w;
	return 0;
}

static uint64_t due(const struct world *w)
{
	return model_tick_due(w->model);
}

/* ---- When ---- */

static void test_nothing_waits(void **state)
{
	struct world *w = *state;

	assert_int_equal(due(w), 0);
	tell(w, make_alloc(30, 1));
	tell(w, make_x86(30, 239, 0));
	tell(w, make_pmu("cxl_pmu_mem0.0", PMU, "0"));
	assert_int_equal(due(w), 0);
	/* one that nobody asked for */
	tick_at(w, w->now_ns + SECOND);
	assert_int_equal(due(w), 0);
	assert_int_equal(n_checks, 0);
	expect_nothing(w);
}

static void test_due(void **state)
{
	struct world *w = *state;
	uint64_t first, second;

	start(w, 30, 0x41);
	first = w->now_ns + SECOND;
	w->now_ns += SECOND / 2;
	start(w, 31, 0x42);
	second = w->now_ns + SECOND;
	/* the first of them asked for it when its own story began */
	assert_true(due(w) && due(w) <= first);
	/* a tick that comes too early finds none, and the next one is asked for */
	tick_at(w, first - 1);
	assert_int_equal(n_checks, 0);
	assert_int_equal(due(w), first);
	/* who still waits asks again */
	tick_at(w, first);
	assert_int_equal(n_checks, 1);
	assert_int_equal(checks[0].irq, 30);
	assert_int_equal(due(w), second);
	tick_at(w, second + 7);
	assert_int_equal(n_checks, 2);
	assert_int_equal(checks[1].irq, 31);
	assert_int_equal(checks[1].time_ns, second + 7);
	assert_int_equal(due(w), 0);
	pass(w, 60 * SECOND);
	assert_int_equal(n_checks, 2);
}

/* All that are due, in the order of their numbers */
static void test_order(void **state)
{
	struct world *w = *state;

	start(w, 33, 0x43);
	start(w, 31, 0x41);
	start(w, 32, 0x42);
	tick_at(w, w->now_ns + 2 * SECOND);
	assert_int_equal(n_checks, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(checks[i].irq, 31 + i);
}

/* While something happens to it, it is not looked at. */
static void test_debounced(void **state)
{
	struct world *w = *state;

	start(w, 30, 0x41);
	for (int i = 0; i < 5; i++) {
		w->now_ns += SECOND - 2 * STEP_NS;
		switch (i) {
		case 0: tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x41))); break;
		case 1: tell(w, with_message(RECORD_REASON_ACTIVATED, 30, MESSAGE(0x41))); break;
		case 2: tell(w, make_action(RECORD_REASON_REQUESTED, 30, 8, "b")); break;
		case 3: tell(w, make_action_freed(30, 8)); break;
		default: tell(w, with_message(RECORD_REASON_AFFINITY_APPLIED, 30, MESSAGE(0x41)));
		}
		tick_at(w, w->now_ns + STEP_NS);
		assert_int_equal(n_checks, 0);
		assert_true(due(w) > w->now_ns);
	}
	pass(w, 3 * SECOND);
	assert_int_equal(n_checks, 1);
}

static void test_freed(void **state)
{
	struct world *w = *state;

	start(w, 30, 0x41);
	tell(w, make_free(30, 1));
	pass(w, 3 * SECOND);
	assert_int_equal(n_checks, 0);
	assert_int_equal(due(w), 0);
}

/* What a walk finds is looked at, once. */
static void test_walks(void **state)
{
	struct world *w = *state;

	walk(w, true);
	pass(w, 3 * SECOND);
	assert_int_equal(n_checks, 1);
	walk(w, true);
	walk(w, true);
	pass(w, 3 * SECOND);
	assert_int_equal(n_checks, 1);
}

/* ---- What ---- */

/* A driver that writes a message by itself: neither a request nor a move ends that. */
static void test_message(void **state)
{
	struct world *w = *state;
	struct record_message write = make_message(30, MESSAGE(0x41), MESSAGE(0x42));

	start_and_forget(w, 30, 0x41);
	pass(w, 3 * SECOND);
	write.header.pid = 5;
	tell(w, write);
	expect_nothing(w);
	tick_at(w, w->now_ns + SECOND - 1);
	expect_nothing(w);
	pass(w, 2);
	expect_event(w, "{'type': 'message-change', 'irq': 30,"
			" 'old_message': {'data': '0x00000041'},"
			" 'new_message': {'data': '0x00000042'}, 'cause': {'pid': 5}}");
	expect_vector(w, 30, "{'message_changes': 1}");
	pass(w, 3 * SECOND);
	expect_nothing(w);
}

/* It wrote the old one again, or the interrupt was stopped: nothing came of it. */
static void test_message_back(void **state)
{
	struct world *w = *state;

	start_and_forget(w, 30, 0x41);
	tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x42)));
	tell(w, make_message(30, MESSAGE(0x42), MESSAGE(0x41)));
	pass(w, 3 * SECOND);
	expect_nothing(w);
	tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x42)));
	tell(w, make_message(30, MESSAGE(0x42), ZEROS));
	pass(w, 3 * SECOND);
	expect_nothing(w);
	expect_vector(w, 30, "{'message_changes': 0}");
}

/* Looked at a second after the last handler went, and once more when it is an orphan. */
static void test_orphan(void **state)
{
	struct world *w = *state;
	uint64_t left;

	start(w, 30, 0x41);
	pass(w, 3 * SECOND);
	n_checks = 0;
	tell(w, make_action_freed(30, 30));
	left = w->now_ns;
	pass(w, 60 * SECOND);
	assert_int_equal(n_checks, 2);
	assert_int_equal(checks[0].time_ns, left + SECOND);
	assert_int_equal(checks[1].time_ns, left + VECTOR_ORPHANED_NS);
	assert_int_equal(due(w), 0);
}

static int finding_setup(void **state)
{
	struct world *w;
	int r = rules_setup(state);

	w = *state;
	tell(w, make_device(NVME, "pci", "cxl_pci"));
	tell(w, make_sysfs_vector(30, NVME));
	tell(w, make_owner(RECORD_REASON_REQUESTED, 30, 30, PMU));
	start_and_forget(w, 30, 0x41);
	pass(w, 3 * SECOND);
	forget(w);
	return r;
}

/* At ten seconds, and not a nanosecond before */
static void test_orphan_exact(void **state)
{
	struct world *w = *state;
	uint64_t left;

	tell(w, make_action_freed(30, 30));
	left = w->now_ns;
	tick_at(w, left + SECOND);
	tick_at(w, left + 10 * SECOND - 1);
	expect_no_finding(w);
	assert_int_equal(due(w), left + 10 * SECOND);
	tick_at(w, left + 10 * SECOND);
	expect_finding(w, "{'rule': 'vector-orphaned', 'irq': 30}");
	expect_no_finding(w);
	assert_int_equal(due(w), 0);
}

/* Time begins anew with each handler that goes. */
static void test_orphan_anew(void **state)
{
	struct world *w = *state;

	tell(w, make_action_freed(30, 30));
	pass(w, 9 * SECOND);
	tell(w, make_owner(RECORD_REASON_REQUESTED, 30, 31, PMU));
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, 31, "again"));
	tell(w, make_action_freed(30, 31));
	pass(w, 9 * SECOND);
	expect_no_finding(w);
	pass(w, 2 * SECOND);
	expect_finding(w, "{'rule': 'vector-orphaned', 'irq': 30}");
	expect_no_finding(w);
}

/* The PMU counts elsewhere from now on; nothing happened to its interrupt. */
static void test_pmu_moves(void **state)
{
	struct world *w = *state;

	tell(w, make_pmu("cxl_pmu_mem0.0", PMU, "0"));
	pass(w, 3 * SECOND);
	expect_no_finding(w);
	tell(w, make_pmu("cxl_pmu_mem0.0", PMU, "1"));
	expect_no_finding(w);
	pass(w, 3 * SECOND);
	expect_finding_that(w, "{'rule': 'pmu-vector-misplaced', 'irq': 30}", "counts on CPU 1");
	/* told once more, as it is by each reading of all */
	tell(w, make_pmu("cxl_pmu_mem0.0", PMU, "1"));
	assert_int_equal(due(w), 0);
	expect_no_finding(w);
}

static void test_pmus_full(void **state)
{
	struct model_limits limits = MODEL_LIMITS_DEFAULT;
	struct world *w;

	(void)state;
	limits.entries[TABLE_PMUS] = 2;
	w = world_new(&limits);
	tell(w, make_pmu("", "nameless", "0"));
	tell(w, make_pmu("a", "pmu_a", "0"));
	tell(w, make_pmu("b", "pmu_b", "0"));
	tell(w, make_pmu("c", "pmu_c", "0"));
	expect_refused(w, "{'pmus': 1}");
	assert_null(model_pmu(w->model, "nameless"));
	assert_null(model_pmu(w->model, "pmu_c"));
	assert_string_equal(model_pmu(w->model, "pmu_b")->name, "b");
	tell(w, make_pmu("a", "pmu_d", "3"));
	assert_null(model_pmu(w->model, "pmu_a"));
	assert_string_equal(model_pmu(w->model, "pmu_d")->cpumask, "3");
	tell(w, make_pmu("b", "", ""));
	tell(w, make_pmu("b", "", ""));
	assert_null(model_pmu(w->model, "pmu_b"));
	assert_null(model_pmu(w->model, ""));
	tell(w, make_pmu("c", "pmu_c", "0"));
	assert_non_null(model_pmu(w->model, "pmu_c"));
	world_free(w);
}

int main(void)
{
#define TICK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
#define FINDING_TEST(name) cmocka_unit_test_setup_teardown(name, finding_setup, rules_teardown)
	static const struct CMUnitTest tests[] = {
		TICK_TEST(test_nothing_waits),	TICK_TEST(test_due),
		TICK_TEST(test_order),		TICK_TEST(test_debounced),
		TICK_TEST(test_freed),		TICK_TEST(test_walks),
		TICK_TEST(test_message),	TICK_TEST(test_message_back),
		TICK_TEST(test_orphan),		FINDING_TEST(test_orphan_exact),
		FINDING_TEST(test_orphan_anew), FINDING_TEST(test_pmu_moves),
		TICK_TEST(test_pmus_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
