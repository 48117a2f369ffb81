// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Vectors that are moved though they are protected: what is told of it in which mode, when they are
 * put back and how often, against somebody who never gives up, and what is counted.
 */
#include "guard-fixture.h"

#define CPMU "pmu_mem0.0"
#define PMU "cxl_pmu_mem0.0"
#define MISPLACED "rule:pmu-vector-misplaced"

/* Interrupt 30 of NVME on CPUs 0-1, and a policy about it */
static uint64_t guarded(struct guards *g, enum guard_mode wanted, bool restore)
{
	mode(g, wanted, true);
	vector_here(g, 30, NVME);
	return add(g, NVME, "", restore);
}

/* ---- moved ---------------------------------------------------------------------------------- */

/* Told once; from then on it is that place that is protected. */
static void test_moved(void **state)
{
	struct guards *g = *state;

	guarded(g, GUARD_AUDIT, false);
	moves(g, 30, NVME, 2, RECORD_CAUSE_CPU_HOTPLUG, "cpuhp/1", 20);
	expect_told(g, "{'type': 'guard-moved', 'irq': 30, 'device': '" NVME
		       "', 'index': 0, 'guard': '" NVME "', 'old': '0-1', 'new': '1',"
		       " 'cause': {'kind': 'cpu-hotplug', 'comm': 'cpuhp/1', 'pid': 20}}");
	expect_guards(g, "[{'vectors': [{'target': '1', 'affinity': '1', 'moved': 1}]}]");
	settle(g, true);
	/* only the effective one is another */
	happens(g, moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 2, 1,
			 MESSAGE(0x42)));
	expect_none_told(g);
	moved_away(g, 30, 1);
	expect_told(g, "{'old': '1', 'new': '0', 'cause': {'comm': 'irqbalance'}}");
	expect_none_told(g);
	expect_none_asked(g);
	assert_int_equal(totals_of(g).moved, 2);
	/* one that nobody protects */
	vector_here(g, 31, "0000:02:00.0");
	moves(g, 31, "0000:02:00.0", 2, RECORD_CAUSE_AFFINITY_WRITE, "irqbalance", 71);
	expect_none_told(g);
}

static void test_restored(void **state)
{
	struct guards *g = *state;

	guarded(g, GUARD_ENFORCE, true);
	moves(g, 30, NVME, 2, RECORD_CAUSE_DRIVER, "modprobe", 20);
	expect_told(g, "{'type': 'guard-moved', 'old': '0-1', 'new': '1',"
		       " 'cause': {'kind': 'driver'}}");
	expect_none_told(g);
	expect_asked(g, 30, "0-1");
	expect_guards(g, "[{'vectors': [{'asked': true, 'target': '0-1', 'affinity': '1'}]}]");
	written(g, 30, 3);
	answer(g, 0);
	expect_told(g, "{'type': 'guard-restored', 'irq': 30, 'guard': '" NVME
		       "', 'cpus': '0-1', 'restored': true, 'reason': null}");
	expect_none_told(g);
	expect_guards(g, "[{'vectors': [{'asked': false, 'moved': 1, 'restored': 1}]}]");
	assert_int_equal(totals_of(g).restored, 1);
	assert_int_equal(guard_due(g->guard), 0);
}

/* Moved again while it is being put back: once more, and that is what is told. */
static void test_moved_meanwhile(void **state)
{
	struct guards *g = *state;

	guarded(g, GUARD_AUDIT, true);
	moved_away(g, 30, 2);
	moved_away(g, 30, 1);
	moved_away(g, 30, 2);
	assert_int_equal(g->n_asked, 1);
	json_array_clear(g->told);
	answer(g, 0);
	expect_none_told(g);
	assert_int_equal(g->n_asked, 1);
	written(g, 30, 3);
	answer(g, 0);
	expect_told(g, "{'type': 'guard-restored', 'restored': true}");
	expect_none_told(g);
	expect_none_asked(g);
	assert_int_equal(totals_of(g).restored, 1);
}

/* A move that waits for the next interrupt, and then happens, is one. */
static void test_pending(void **state)
{
	struct guards *g = *state;
	struct vector_record v = make_vector(RECORD_REASON_AFFINITY_REQUESTED, 30, NVME);

	guarded(g, GUARD_AUDIT, false);
	v.r.message = MESSAGE(0x41);
	v.r.state = PENDING;
	v.masks[RECORD_MASK_PENDING][0] = 2;
	done_by(&v.r.header, RECORD_CAUSE_AFFINITY_WRITE, "irqbalance", 71);
	happens(g, v);
	expect_told(g, "{'type': 'guard-moved', 'new': '1', 'cause': {'comm': 'irqbalance'}}");
	v.r.reason = RECORD_REASON_AFFINITY_APPLIED;
	v.r.state = 0;
	v.masks[RECORD_MASK_AFFINITY][0] = v.masks[RECORD_MASK_EFFECTIVE][0] = 2;
	done_by(&v.r.header, RECORD_CAUSE_NONE, "swapper/1", 0);
	happens(g, v);
	expect_none_told(g);
	assert_int_equal(totals_of(g).moved, 1);
}

/* What no record told of, a walk finds. */
static void test_found_by_walk(void **state)
{
	struct guards *g = *state;
	struct vector_record v;

	guarded(g, GUARD_AUDIT, true);
	for (int i = 0; i < 3; i++) {
		v = moved(make_vector(RECORD_REASON_SNAPSHOT, 30, NVME), RECORD_REASON_SNAPSHOT, 2,
			  2, MESSAGE(0x41));
		walk_begin(g->w);
		see_domain(g->w, 0x100, "MSIX");
		tell(g->w, v);
		tell(g->w, make_action(RECORD_REASON_SNAPSHOT, 30, 30, "handler"));
		walk_end(g->w, true);
		settle(g, true);
	}
	expect_told(g, "{'type': 'guard-moved', 'old': '0-1', 'new': '1',"
		       " 'cause': {'kind': 'unknown', 'comm': null}}");
	expect_none_told(g);
	assert_int_equal(g->n_ever_asked, 1);
	expect_asked(g, 30, "0-1");
	forget_events(g->w);
}

/* ---- how often ------------------------------------------------------------------------------ */

/*
 * Somebody who moves it away again at once, for ten minutes: in no minute is it put back more often
 * than that, but as often as that over time; events are as few.
 */
static void never_gives_up(struct guards *g, unsigned int limit, uint64_t pause_ns)
{
	uint64_t *times = calloc(1000, sizeof(*times)), end;
	unsigned int n = 0, spent = 0;
	json_t *event;
	size_t i;

	guard_set_restores(g->guard, limit);
	guarded(g, GUARD_AUDIT, true);
	end = g->w->now_ns + 10 * MINUTE;
	while (g->w->now_ns < end) {
		moved_away(g, 30, g->w->now_ns & 1 ? 2 : 1);
		forget_events(g->w);
		while (g->n_asked) {
			times[n++] = g->w->now_ns;
			assert_true(n < 1000);
			written(g, 30, 3);
			answer(g, 0);
		}
		g->w->now_ns += pause_ns;
		if (guard_due(g->guard) && guard_due(g->guard) <= g->w->now_ns)
			guard_tick(g->guard, g->w->model, g->w->now_ns);
	}
	for (unsigned int j = limit; j < n; j++)
		assert_true(times[j] - times[j - limit] >= MINUTE - 10000000);
	assert_true(n >= limit * 9 && n <= limit * 11);
	json_array_foreach(g->told, i, event)
		spent += json_is_string(json_object_get(event, "reason"));
	assert_true(spent > 0 && spent <= n);
	assert_int_equal(totals_of(g).restored, n);
	free(times);
}

static void test_adversary(void **state)
{
	never_gives_up(*state, GUARD_RESTORES, 77000000);
}

static void test_adversary_slow(void **state)
{
	never_gives_up(*state, GUARD_RESTORES, 3 * SECOND);
}

static void test_adversary_many(void **state)
{
	never_gives_up(*state, GUARD_RESTORES_MAX, 100000000);
}

static void test_adversary_one(void **state)
{
	never_gives_up(*state, 1, 500000000);
}

/* Told once that it is enough; at the end of the minute it is tried again, if it is still away. */
static void test_spent(void **state)
{
	struct guards *g = *state;
	uint64_t first;

	guard_set_restores(g->guard, 2);
	guarded(g, GUARD_AUDIT, true);
	first = g->w->now_ns;
	for (int i = 0; i < 2; i++) {
		moved_away(g, 30, 2);
		written(g, 30, 3);
		answer(g, 0);
	}
	assert_int_equal(guard_due(g->guard), 0);
	json_array_clear(g->told);
	moved_away(g, 30, 2);
	expect_told(g, "{'type': 'guard-moved'}");
	expect_told(g, "{'type': 'guard-restored', 'restored': false,"
		       " 'reason': 'put back often enough in this minute'}");
	moved_away(g, 30, 1);
	moved_away(g, 30, 2);
	expect_told(g, "{'type': 'guard-moved'}");
	expect_told(g, "{'type': 'guard-moved'}");
	expect_none_told(g);
	expect_none_asked(g);
	assert_true(guard_due(g->guard) >= first + MINUTE);
	assert_true(guard_due(g->guard) < first + MINUTE + SECOND);
	/* too early */
	guard_tick(g->guard, g->w->model, guard_due(g->guard) - 1);
	expect_none_asked(g);
	tick_at_due(g);
	expect_asked(g, 30, "0-1");
	assert_int_equal(guard_due(g->guard), 0);
	/* somebody else was faster, later on */
	written(g, 30, 3);
	answer(g, 0);
	for (int i = 0; i < 3; i++)
		moved_away(g, 30, 2 - i % 2);
	assert_true(guard_due(g->guard) != 0);
	moved_away(g, 30, 3);
	while (g->n_asked)
		answer(g, 0);
	assert_int_equal(guard_due(g->guard), 0);
}

/* What is told may be older than what was done: no minute is over by that. */
static void test_clocks(void **state)
{
	struct guards *g = *state;
	struct vector_record v = moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 2,
				       2, MESSAGE(0x41));

	guard_set_restores(g->guard, 1);
	guarded(g, GUARD_AUDIT, true);
	moved_away(g, 30, 2);
	written(g, 30, 3);
	answer(g, 0);
	v.r.header.time_ns = g->w->now_ns - 20000000;
	happens(g, v);
	expect_none_asked(g);
	assert_int_equal(g->n_ever_asked, 1);
}

static void test_restores_bounded(void **state)
{
	struct guards *g = *state;

	guard_set_restores(g->guard, 1000000);
	guarded(g, GUARD_AUDIT, true);
	for (int i = 0; i < 200; i++) {
		moved_away(g, 30, 1 + i % 2);
		while (g->n_asked)
			answer(g, 0);
	}
	assert_int_equal(totals_of(g).restored, GUARD_RESTORES_MAX);
	/* never is never */
	guard_set_restores(g->guard, 0);
	g->w->now_ns += 5 * MINUTE;
	moved_away(g, 30, 1);
	moved_away(g, 30, 2);
	assert_int_equal(totals_of(g).restored, GUARD_RESTORES_MAX);
	expect_none_asked(g);
}

/* ---- what cannot be set --------------------------------------------------------------------- */

static void test_no_cpu(void **state)
{
	struct guards *g = *state;

	mode(g, GUARD_AUDIT, true);
	vector_here(g, 30, NVME);
	vector_here(g, 31, NVME);
	pin(g, NVME "/0", "1");
	answer(g, -EINVAL);
	expect_told(g, "{'type': 'guard-restored', 'restored': false, 'cpus': '1',"
		       " 'reason': 'none of these CPUs is online'}");
	expect_guards(g, "[{'vectors': [{'errno': 22, 'asked': false}]}]");
	assert_int_equal(guard_due(g->guard), 0);
	happens(g, make_cpu(0, false));
	assert_int_equal(guard_due(g->guard), 0);
	/* one that says it comes is not there at once */
	happens(g, make_cpu(1, true));
	expect_none_asked(g);
	assert_true(guard_due(g->guard) > g->w->now_ns);
	assert_true(guard_due(g->guard) < g->w->now_ns + SECOND);
	tick_at_due(g);
	expect_asked(g, 30, "1");
	answer(g, -EINVAL);
	expect_told(g, "{'restored': false}");
	happens(g, make_cpu(2, true));
	tick_at_due(g);
	written(g, 30, 2);
	answer(g, 0);
	expect_told(g, "{'restored': true}");
	expect_guards(g, "[{'vectors': [{'errno': null, 'affinity': '1'}]}]");
	/* nobody waits any more */
	happens(g, make_cpu(3, true));
	assert_int_equal(guard_due(g->guard), 0);
	assert_int_equal(totals_of(g).failed, 2);
}

static void test_refused(void **state)
{
	static const int errors[] = { -EPERM, -EIO, -ENOENT, -EPIPE, -ETIMEDOUT, -EACCES };
	struct guards *g = *state;

	guard_set_restores(g->guard, 60);
	guarded(g, GUARD_AUDIT, true);
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		json_array_clear(g->told);
		moved_away(g, 30, 1 + i % 2);
		answer(g, errors[i]);
		expect_told(g, "{'type': 'guard-moved'}");
		expect_told(g, "{'type': 'guard-restored', 'restored': false}");
		expect_none_told(g);
		expect_none_asked(g);
		assert_int_equal(guard_due(g->guard), 0);
		assert_int_equal(totals_of(g).failed, i + 1);
	}
	/* there is nobody to ask */
	g->refusal = -ECONNREFUSED;
	moved_away(g, 30, 1);
	expect_told(g, "{'type': 'guard-moved'}");
	expect_told(g, "{'restored': false, 'reason': 'Connection refused'}");
	expect_none_told(g);
	expect_guards(g, "[{'vectors': [{'errno': 111}]}]");
	/* in the end somebody has put it there himself */
	moved_away(g, 30, 3);
	expect_guards(g, "[{'vectors': [{'errno': null, 'affinity': '0-1'}]}]");
	assert_int_equal(totals_of(g).restored, 0);
}

/* The vector has gone, and another one has its number, which waits for its own answer. */
static void test_late(void **state)
{
	struct guards *g = *state;

	guarded(g, GUARD_AUDIT, true);
	moved_away(g, 30, 2);
	happens(g, make_free(30, 1));
	json_array_clear(g->told);
	answer(g, -EIO);
	expect_none_told(g);
	vector_here(g, 30, NVME);
	moved_away(g, 30, 2);
	json_array_clear(g->told);
	happens(g, make_free(30, 1));
	vector_here(g, 30, NVME);
	moved_away(g, 30, 2);
	assert_int_equal(g->n_asked, 2);
	json_array_clear(g->told);
	answer(g, -EIO);
	expect_none_told(g);
	expect_guards(g, "[{'vectors': [{'asked': true, 'errno': null}]}]");
	answer(g, 0);
	expect_told(g, "{'type': 'guard-restored', 'restored': true}");
	/* to what nobody asked for */
	guard_written(g->guard, g->w->model, 30, -EIO, g->w->now_ns);
	guard_written(g->guard, g->w->model, 4711, -EIO, g->w->now_ns);
	expect_none_told(g);
	assert_int_equal(totals_of(g).failed, 0);
}

/* ---- modes ---------------------------------------------------------------------------------- */

static void test_off(void **state)
{
	struct guards *g = *state;

	guarded(g, GUARD_OFF, true);
	pin(g, NVME "/0", "1");
	done(g);
	moved_away(g, 30, 1);
	moves(g, 30, NVME, 3, RECORD_CAUSE_CPU_HOTPLUG, "cpuhp/1", 20);
	settle(g, true);
	expect_none_told(g);
	expect_none_asked(g);
	assert_int_equal(totals_of(g).moved, 0);
	/* a pin is where it belongs as soon as there is a guard again */
	mode(g, GUARD_ENFORCE, true);
	expect_asked(g, 30, "1");
	assert_int_equal(g->n_asked, 1);
	mode(g, GUARD_AUDIT, true);
	assert_int_equal(g->n_asked, 1);
	done(g);
	expect_told(g, "{'type': 'guard-restored', 'restored': true}");
	expect_none_told(g);
}

/* A place that was taken while the guard was off is the one to be kept. */
static void test_off_moved(void **state)
{
	struct guards *g = *state;

	guarded(g, GUARD_OFF, true);
	moved_away(g, 30, 2);
	mode(g, GUARD_AUDIT, true);
	expect_none_asked(g);
	moved_away(g, 30, 1);
	expect_told(g, "{'type': 'guard-moved', 'old': '1', 'new': '0'}");
	expect_asked(g, 30, "1");
}

/* What waits for its minute, or a CPU, does so until the guard is on again. */
static void test_off_waiting(void **state)
{
	struct guards *g = *state;

	guard_set_restores(g->guard, 1);
	guarded(g, GUARD_AUDIT, true);
	moved_away(g, 30, 2);
	written(g, 30, 3);
	answer(g, 0);
	moved_away(g, 30, 2);
	assert_true(guard_due(g->guard) != 0);
	mode(g, GUARD_OFF, false);
	tick_at_due(g);
	expect_none_asked(g);
	assert_int_equal(guard_due(g->guard), 0);
	mode(g, GUARD_AUDIT, true);
	expect_asked(g, 30, "0-1");
}

/* Without a program that sees writes, those that have happened are told. */
static void test_unhooked(void **state)
{
	struct guards *g = *state;

	guarded(g, GUARD_AUDIT, false);
	mode(g, GUARD_AUDIT, false);
	moved_away(g, 30, 2);
	expect_told(g, "{'type': 'guard-denied', 'irq': 30, 'device': '" NVME
		       "', 'index': 0, 'denied': false, 'path': 'smp_affinity',"
		       " 'cause': {'kind': 'affinity-write', 'comm': 'irqbalance', 'pid': 71}}");
	expect_told(g, "{'type': 'guard-moved'}");
	moves(g, 30, NVME, 1, RECORD_CAUSE_CPU_HOTPLUG, "cpuhp/1", 20);
	expect_told(g, "{'type': 'guard-moved'}");
	expect_none_told(g);
	expect_guards(g, "[{'vectors': [{'audited': 1, 'denied': 0, 'moved': 2}]}]");
	mode(g, GUARD_AUDIT, true);
	moved_away(g, 30, 2);
	expect_told(g, "{'type': 'guard-moved'}");
	expect_none_told(g);
	assert_int_equal(totals_of(g).audited, 1);
	/* where enforce cannot be had, it is as audit */
	mode(g, GUARD_ENFORCE, false);
	moved_away(g, 30, 1);
	expect_told(g, "{'type': 'guard-denied', 'denied': false}");
	expect_told(g, "{'type': 'guard-moved'}");
	expect_none_told(g);
	assert_int_equal(totals_of(g).audited, 2);
}

/* ---- where a rule wants it ------------------------------------------------------------------ */

static void pmu_here(struct guards *g, const char *cpus)
{
	allocated(g, 30, NVME);
	requested(g, 30, CPMU);
	happens(g, make_pmu(PMU, CPMU, cpus));
	settle(g, true);
}

static void test_rule(void **state)
{
	struct guards *g = *state;

	mode(g, GUARD_AUDIT, true);
	pmu_here(g, "0");
	add(g, MISPLACED, "", true);
	/* not where it was, but where the PMU counts */
	expect_asked(g, 30, "0");
	done(g);
	expect_told(g, "{'type': 'guard-restored', 'restored': true, 'guard': '" MISPLACED "'}");
	moved_away(g, 30, 2);
	expect_told(g, "{'type': 'guard-moved', 'old': '0', 'new': '1'}");
	expect_asked(g, 30, "0");
	done(g);
	expect_told(g, "{'restored': true}");
	expect_none_told(g);
}

/* Only told; it belongs there nevertheless. */
static void test_rule_watched(void **state)
{
	struct guards *g = *state;

	mode(g, GUARD_AUDIT, true);
	pmu_here(g, "0");
	protect(g, MISPLACED);
	moved_away(g, 30, 2);
	expect_told(g, "{'type': 'guard-moved', 'new': '1'}");
	expect_guards(g, "[{'vectors': [{'target': '0', 'affinity': '1'}]}]");
	expect_none_asked(g);
}

static void test_rule_off(void **state)
{
	struct guards *g = *state;

	pmu_here(g, "0");
	add(g, MISPLACED, "", true);
	settle(g, true);
	moved_away(g, 30, 2);
	expect_none_asked(g);
	expect_none_told(g);
	mode(g, GUARD_AUDIT, true);
	expect_asked(g, 30, "0");
}

/*
 * The CPU goes, the driver takes the PMU and its interrupt to another one, and that comes to be
 * known: there it belongs then, also when the CPU is back.
 */
static void test_rule_follows(void **state)
{
	struct guards *g = *state;

	mode(g, GUARD_AUDIT, true);
	pmu_here(g, "0");
	add(g, MISPLACED, "", true);
	done(g);
	json_array_clear(g->told);
	moves(g, 30, NVME, 2, RECORD_CAUSE_CPU_HOTPLUG, "cpuhp/0", 12);
	expect_told(g, "{'type': 'guard-moved', 'new': '1'}");
	answer(g, -EINVAL);
	expect_told(g, "{'type': 'guard-restored', 'restored': false}");
	tell(g->w, make_pmu(PMU, CPMU, "1"));
	pass(g->w, 5 * SECOND);
	settle(g, false);
	expect_guards(g, "[{'vectors': [{'target': '1', 'affinity': '1', 'errno': null}]}]");
	happens(g, make_cpu(0, true));
	assert_int_equal(guard_due(g->guard), 0);
	expect_none_told(g);
	expect_none_asked(g);
	forget_events(g->w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		GUARD_TEST(test_moved),
		GUARD_TEST(test_restored),
		GUARD_TEST(test_moved_meanwhile),
		GUARD_TEST(test_pending),
		GUARD_TEST(test_found_by_walk),
		GUARD_TEST(test_adversary),
		GUARD_TEST(test_adversary_slow),
		GUARD_TEST(test_adversary_many),
		GUARD_TEST(test_adversary_one),
		GUARD_TEST(test_spent),
		GUARD_TEST(test_clocks),
		GUARD_TEST(test_restores_bounded),
		GUARD_TEST(test_no_cpu),
		GUARD_TEST(test_refused),
		GUARD_TEST(test_late),
		GUARD_TEST(test_off),
		GUARD_TEST(test_off_moved),
		GUARD_TEST(test_off_waiting),
		GUARD_TEST(test_unhooked),
		GUARD_TEST(test_rule),
		GUARD_TEST(test_rule_watched),
		GUARD_TEST(test_rule_off),
		GUARD_TEST(test_rule_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
