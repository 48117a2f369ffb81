// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which interrupts are protected: those that policies are about, at any time, whatever comes and
 * goes. Pins, which are moved and go back. What clients see of them.
 */
#include "guard-fixture.h"
#include "object-shapes.h"

#define OTHER "0000:02:00.0"
#define CPMU "pmu_mem0.0"
#define PMU "cxl_pmu_mem0.0"

/* ---- policies ------------------------------------------------------------------------------- */

static void test_add(void **state)
{
	const struct guard_policy policy = policy_of(NVME, "", false),
				  pinned = policy_of(NVME, "1", true);
	struct guards *g = *state;
	uint64_t first = protect(g, NVME), second = protect(g, NVME "/0");

	assert_true(first && second > first);
	assert_int_equal(guard_add(g->guard, &policy, g->w->model, 0, NULL), -EEXIST);
	assert_int_equal(guard_add(g->guard, &pinned, g->w->model, 0, NULL), -EEXIST);
	assert_int_equal(guard_policy_at(g->guard, 0)->id, first);
	assert_int_equal(guard_policy_at(g->guard, 1)->id, second);
	assert_null(guard_policy_at(g->guard, 2));
	take_away(g, first);
	assert_int_equal(guard_remove(g->guard, first, g->w->model, 0), -ENOENT);
	assert_null(guard_find(g->guard, &policy));
	assert_int_equal(guard_policy_at(g->guard, 0)->id, second);
	/* not the same again */
	assert_true(protect(g, NVME) > second);
	assert_int_equal(totals_of(g).policies, 2);
	expect_none_told(g);
}

static void test_full(void **state)
{
	struct guards *g = *state;
	struct guard_policy policy;
	char name[32];
	uint64_t id = 0;

	for (int i = 0; i < GUARD_POLICIES_MAX; i++) {
		snprintf(name, sizeof(name), "device%d", i);
		id = protect(g, name);
	}
	policy = policy_of("one-more", "", false);
	assert_int_equal(guard_add(g->guard, &policy, g->w->model, 0, NULL), -ENOSPC);
	policy = policy_of("device7", "", false);
	assert_int_equal(guard_add(g->guard, &policy, g->w->model, 0, NULL), -EEXIST);
	take_away(g, id);
	protect(g, "one-more");
}

/* ---- what is protected ---------------------------------------------------------------------- */

static void test_come_and_go(void **state)
{
	struct guards *g = *state;
	struct vector_record other = make_vector(RECORD_REASON_ALLOCATED, 30, OTHER);
	uint64_t id;

	vector_here(g, 30, NVME);
	assert_int_equal(g->n_protected, 0);
	id = protect(g, NVME);
	assert_true(g->protected[30]);
	vector_here(g, 31, NVME);
	vector_here(g, 32, OTHER);
	assert_true(g->protected[31]);
	assert_int_equal(g->n_protected, 2);
	happens(g, make_free(30, 1));
	assert_int_equal(g->n_protected, 1);
	/* another's, of that number */
	other.r.key = 0x77777;
	happens(g, other);
	assert_int_equal(g->n_protected, 1);
	happens(g, make_free(30, 1));
	vector_here(g, 30, NVME);
	assert_int_equal(g->n_protected, 2);
	take_away(g, id);
	assert_int_equal(g->n_protected, 0);
	expect_none_told(g);
	expect_none_asked(g);
}

/* Without a record of its end, the vector of that number is another one. */
static void test_another_key(void **state)
{
	struct guards *g = *state;
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, 30, NVME);

	pin(g, NVME, "1");
	vector_here(g, 30, NVME);
	expect_asked(g, 30, "1");
	v.r.key = 0x77777;
	v.r.msi_key = 0x88888;
	happens(g, v);
	requested(g, 30, NVME);
	assert_int_equal(g->n_protected, 1);
	assert_int_equal(g->n_asked, 2);
	expect_guards(g, "[{'vectors': [{'irq': 30, 'asked': true, 'errno': null}]}]");
	/* to the first one, which is gone */
	answer(g, -EIO);
	expect_guards(g, "[{'vectors': [{'irq': 30, 'asked': true, 'errno': null}]}]");
	expect_none_told(g);
	done(g);
	expect_guards(g, "[{'vectors': [{'irq': 30, 'asked': false, 'affinity': '1'}]}]");
}

static void test_owner(void **state)
{
	struct guards *g = *state;

	protect(g, CPMU);
	allocated(g, 30, NVME);
	assert_int_equal(g->n_protected, 0);
	requested(g, 30, CPMU);
	assert_true(g->protected[30]);
	happens(g, make_action_freed(30, 30));
	assert_int_equal(g->n_protected, 0);
	/* the owner is told after the handler */
	requested(g, 30, "");
	assert_int_equal(g->n_protected, 0);
	happens(g, make_owner(RECORD_REASON_REQUESTED, 30, 30, CPMU));
	settle(g, true);
	assert_true(g->protected[30]);
}

/* ---- ... against what is plainly so ---- */

#define N_IRQS 12
#define FIRST_IRQ 30

static const char *const names[] = { NVME,
				     OTHER,
				     NVME "/3",
				     NVME "/4",
				     OTHER "/5",
				     CPMU,
				     "doorbells",
				     "pmu_mem1.0",
				     "rule:pmu-vector-misplaced",
				     "rule:doorbell-message-changed" };
#define N_NAMES (sizeof(names) / sizeof(*names))

static void expect_as_matched(struct guards *g)
{
	for (uint32_t irq = FIRST_IRQ; irq < FIRST_IRQ + N_IRQS; irq++) {
		const struct vector *vector = model_vector(g->w->model, irq);
		const struct guard_policy *policy;
		bool should = false;

		for (unsigned int i = 0; (policy = guard_policy_at(g->guard, i)); i++)
			should |= vector && guard_policy_matches(policy, g->w->model, vector);
		if (should != g->protected[irq])
			fail_msg("interrupt %u is%s protected", irq, should ? " not" : "");
	}
	assert_int_equal(totals_of(g).vectors, g->n_protected);
}

static void change_policies(struct guards *g, uint32_t dice)
{
	const char *name = names[dice % N_NAMES];
	struct guard_policy policy = policy_of(name, dice & 0x100 ? "1" : "", dice & 0x200);
	const struct guard_policy *there = guard_find(g->guard, &policy);

	if (there)
		take_away(g, there->id);
	else
		add(g, name, policy.cpus, policy.restore);
}

static void change_vectors(struct guards *g, uint32_t dice)
{
	static const char *const owners[] = { NVME, CPMU, "pmu_mem1.0", "" };
	uint32_t irq = FIRST_IRQ + dice / 16 % N_IRQS;
	struct vector_record v =
		make_vector(RECORD_REASON_ALLOCATED, irq, dice & 0x1000 ? NVME : OTHER);
	bool there = model_vector(g->w->model, irq);

	v.r.key += (uint64_t)(dice & 0xf000) << 16;
	switch (dice % 8) {
	case 0: happens(g, make_free(irq, 1)); break;
	case 1: happens(g, make_free(irq, 1 + dice / 256 % 3)); break;
	case 2:
	case 3: happens(g, v); break;
	case 4:
	case 5:
		if (there)
			requested(g, irq, owners[dice / 256 % 4]);
		break;
	case 6: happens(g, make_action_freed(irq, irq)); break;
	case 7:
		happens(g,
			make_doorbell(dice & 0x100 ? RECORD_REASON_CREATED : RECORD_REASON_REMOVED,
				      dice / 512 % 3, irq));
		break;
	}
}

static void test_random(void **state)
{
	struct guards *g = *state;
	uint32_t seed = 20260721;

	guard_set_mode(g->guard, GUARD_AUDIT, true, g->w->model, 0);
	for (int i = 0; i < 20000; i++) {
		uint32_t dice = (seed = seed * 1664525 + 1013904223) >> 8;
		bool all = dice % 16 == 3;

		if (dice % 16 < 3)
			change_policies(g, dice / 16);
		else if (dice % 16 == 3)
			tell(g->w, make_pmu(PMU, dice & 0x10 ? CPMU : "", dice & 0x20 ? "1" : ""));
		else if (dice % 16 == 4 && g->n_asked)
			answer(g, dice & 0x10 ? -EINVAL : 0);
		else
			change_vectors(g, dice / 16);
		/* who has a PMU is not told at once */
		settle(g, all);
		if (guard_due(g->guard) && dice & 0x80000)
			tick_at_due(g);
		expect_as_matched(g);
		forget_events(g->w);
		json_array_clear(g->told);
		while (g->n_asked > ASKED_MAX / 2)
			answer(g, 0);
	}
	assert_true(g->n_ever_asked > 100);
	while (guard_policy_at(g->guard, 0))
		take_away(g, guard_policy_at(g->guard, 0)->id);
	assert_int_equal(g->n_protected, 0);
}

/* More than can be protected are as many as there are, however often that is looked at. */
static void test_too_many(void **state)
{
	struct guards *g = *state;

	for (uint32_t irq = 100; irq < 100 + GUARD_VECTORS_MAX + 3; irq++) {
		tell(g->w, make_wired(RECORD_REASON_ALLOCATED, irq));
		tell(g->w, make_action(RECORD_REASON_REQUESTED, irq, 1, "x"));
		tell(g->w, make_owner(RECORD_REASON_REQUESTED, irq, 1, NVME));
		forget_events(g->w);
	}
	protect(g, NVME);
	assert_int_equal(g->n_protected, GUARD_VECTORS_MAX);
	assert_int_equal(totals_of(g).refused, 3);
	settle(g, true);
	assert_int_equal(totals_of(g).refused, 3);
	tell(g->w, make_free(100, 5));
	settle(g, true);
	assert_int_equal(g->n_protected, GUARD_VECTORS_MAX - 2);
	assert_int_equal(totals_of(g).refused, 0);
	forget_events(g->w);
}

/* ---- pins ----------------------------------------------------------------------------------- */

static void test_pin(void **state)
{
	struct guards *g = *state;
	uint64_t id;

	vector_here(g, 30, NVME);
	id = pin(g, NVME, "1");
	assert_int_equal(g->n_asked, 1);
	expect_asked(g, 30, "1");
	settle(g, true);
	assert_int_equal(g->n_asked, 1);
	done(g);
	settle(g, true);
	assert_int_equal(g->n_ever_asked, 1);
	expect_guards(g, "[{'cpus': '1', 'restore': true, 'vectors': [{'affinity': '1',"
			 " 'target': '1', 'asked': false, 'moved': 0, 'restored': 0}]}]");
	take_away(g, id);
	expect_asked(g, 30, "0-1");
	assert_int_equal(g->n_protected, 0);
	answer(g, 0);
	expect_none_told(g);
	assert_int_equal(totals_of(g).moved, 0);
}

/* It is there already, and so there it stays when it is unpinned. */
static void test_pin_in_place(void **state)
{
	struct guards *g = *state;
	uint64_t id;

	vector_here(g, 30, NVME);
	id = pin(g, NVME, "0-1");
	take_away(g, id);
	assert_int_equal(g->n_ever_asked, 0);
}

/* Before somebody requests it there is no file to write to, nor a place that it had. */
static void test_pin_early(void **state)
{
	struct guards *g = *state;
	uint64_t id = pin(g, NVME, "1");

	allocated(g, 30, NVME);
	assert_true(g->protected[30]);
	settle(g, true);
	expect_none_asked(g);
	happens(g, moved(make_vector(0, 30, NVME), RECORD_REASON_ACTIVATED, 4, 4, MESSAGE(0x41)));
	expect_none_asked(g);
	requested(g, 30, NVME);
	expect_asked(g, 30, "1");
	done(g);
	/* a driver that is bound again */
	happens(g, make_free(30, 1));
	vector_here(g, 30, NVME);
	assert_int_equal(g->n_ever_asked, 2);
	expect_asked(g, 30, "1");
	done(g);
	take_away(g, id);
	expect_asked(g, 30, "0-1");
	expect_none_told(g);
}

/* A pin goes before what is only to stay, and leaves it where it was. */
static void test_pin_over(void **state)
{
	struct guards *g = *state;
	uint64_t id;

	vector_here(g, 30, NVME);
	vector_here(g, 31, NVME);
	protect(g, NVME);
	id = pin(g, NVME "/0", "1");
	assert_int_equal(g->n_asked, 1);
	expect_asked(g, 30, "1");
	done(g);
	expect_guards(g, "[{'vectors': [{'irq': 31}]}, {'vectors': [{'irq': 30}]}]");
	take_away(g, id);
	expect_asked(g, 30, "0-1");
	assert_true(g->protected[30]);
	expect_guards(g, "[{'vectors': [{'irq': 30, 'target': '0-1'}, {'irq': 31}]}]");
	written(g, 30, 3);
	answer(g, 0);
	expect_none_told(g);
	expect_none_asked(g);
	/* nothing is left of the pin */
	take_away(g, guard_policy_at(g->guard, 0)->id);
	expect_none_asked(g);
}

/* Of two pins it is the first, and the other one says so. */
static void test_pin_twice(void **state)
{
	struct guards *g = *state;
	uint64_t id;

	vector_here(g, 30, NVME);
	id = pin(g, NVME, "1");
	done(g);
	pin(g, NVME "/0", "0");
	expect_none_asked(g);
	expect_guards(g, "[{'vectors': [{'irq': 30}], 'reason': null}, {'vectors': [], 'reason':"
			 " 'another policy protects its vectors, or there is no room for them'}]");
	take_away(g, id);
	expect_asked(g, 30, "0");
	done(g);
	/* where it was before the first */
	take_away(g, guard_policy_at(g->guard, 0)->id);
	expect_asked(g, 30, "0-1");
}

/* What the guard's own process does is no move, though it comes when somebody has changed his mind. */
static void test_unpin_at_once(void **state)
{
	struct guards *g = *state;
	uint64_t id;

	mode(g, GUARD_AUDIT, false);
	vector_here(g, 30, NVME);
	protect(g, NVME);
	for (int turn = 0; turn < 2; turn++) {
		id = pin(g, NVME "/0", "1");
		expect_asked(g, 30, "1");
		take_away(g, id);
		/* the first answer is waited for */
		assert_int_equal(g->n_asked, 1);
		if (turn)
			answer(g, 0);
		written(g, 30, 2);
		if (!turn)
			answer(g, 0);
		expect_asked(g, 30, "0-1");
		written(g, 30, 3);
		answer(g, 0);
		expect_none_asked(g);
		expect_guards(g, "[{'vectors': [{'irq': 30, 'affinity': '0-1', 'target': '0-1',"
				 " 'asked': false, 'moved': 0, 'audited': 0}]}]");
	}
	expect_none_told(g);
}

/* Answers to a pin that is gone are not those of the next one. */
static void test_pin_again_at_once(void **state)
{
	struct guards *g = *state;

	vector_here(g, 30, NVME);
	take_away(g, pin(g, NVME, "1"));
	pin(g, NVME, "0");
	assert_int_equal(g->n_asked, 3);
	answer(g, -EIO);
	answer(g, -EIO);
	expect_none_told(g);
	expect_guards(g, "[{'vectors': [{'asked': true, 'errno': null}]}]");
	answer(g, -EIO);
	expect_told(g, "{'type': 'guard-restored', 'restored': false, 'cpus': '0',"
		       " 'reason': 'the kernel does not let it be set'}");
	expect_guards(g, "[{'vectors': [{'asked': false, 'errno': 5}]}]");
	assert_int_equal(totals_of(g).failed, 1);
}

static void test_pin_refused(void **state)
{
	struct guards *g = *state;

	vector_here(g, 30, NVME);
	g->refusal = -ECONNREFUSED;
	pin(g, NVME, "1");
	expect_told(g, "{'type': 'guard-restored', 'irq': 30, 'device': '" NVME
		       "', 'index': 0, 'guard': '" NVME
		       "', 'cpus': '1', 'restored': false, 'reason': 'Connection refused'}");
	expect_none_told(g);
	expect_guards(g, "[{'vectors': [{'asked': false, 'errno': 111}]}]");
	assert_int_equal(totals_of(g).failed, 1);
	settle(g, true);
	expect_none_told(g);
	assert_int_equal(guard_due(g->guard), 0);
}

/* ---- what clients see ----------------------------------------------------------------------- */

static void test_objects(void **state)
{
	struct guards *g = *state;
	json_t *list, *guard, *event;
	size_t i;

	mode(g, GUARD_AUDIT, false);
	vector_here(g, 31, NVME);
	vector_here(g, 30, NVME);
	happens(g, make_wired(RECORD_REASON_ALLOCATED, 9));
	requested(g, 9, OTHER);
	protect(g, NVME "/1");
	pin(g, NVME "/0", "1");
	add(g, OTHER, "", true);
	protect(g, "doorbells");
	protect(g, "rule:doorbell-message-changed");
	protect(g, "caf\xc3\xa9");
	done(g);
	moved_away(g, 31, 1);
	moved_away(g, 30, 1);
	answer(g, -EINVAL);
	list = guard_to_json(g->guard, g->w->model);
	json_array_foreach(list, i, guard)
		check(guard, "guard");
	assert_int_equal(json_array_size(list), 6);
	json_decref(list);
	expect_guards(g,
		      "[{'kind': 'vector', 'device': '" NVME "', 'index': 1, 'rule': null,"
		      " 'cpus': null, 'restore': false, 'uid': 1000, 'pid': 7},"
		      " {'kind': 'vector', 'index': 0, 'cpus': '1', 'restore': true},"
		      " {'kind': 'device', 'device': '" OTHER "', 'index': null, 'restore': true,"
		      " 'vectors': [{'irq': 9, 'device': null, 'index': null}]},"
		      " {'kind': 'doorbells', 'device': null, 'vectors': []},"
		      " {'kind': 'rule', 'rule': 'doorbell-message-changed', 'device': null},"
		      " {'kind': 'device', 'reason': 'there is no such device now'}]");
	assert_true(json_array_size(g->told) >= 5);
	json_array_foreach(g->told, i, event)
		check(event, json_string_value(json_object_get(event, "type")));
}

/* The program's records are events already: they are counted. */
static void test_counted(void **state)
{
	struct guards *g = *state;

	mode(g, GUARD_ENFORCE, true);
	vector_here(g, 30, NVME);
	protect(g, NVME);
	for (int i = 0; i < 3; i++)
		happens(g, make_guard(30, true));
	happens(g, make_guard(30, false));
	happens(g, make_guard(99, true));
	happens(g, make_guard(RECORD_GUARD_DEFAULT, false));
	expect_none_told(g);
	expect_guards(g, "[{'vectors': [{'denied': 3, 'audited': 1, 'moved': 0}]}]");
	assert_int_equal(totals_of(g).denied, 4);
	assert_int_equal(totals_of(g).audited, 2);
	forget_events(g->w);
}

/* In the order of their numbers */
static void test_sorted(void **state)
{
	struct guards *g = *state;

	for (uint32_t irq = 39; irq >= 30; irq--)
		vector_here(g, irq, NVME);
	protect(g, NVME);
	expect_guards(g, "[{'vectors': [{'irq': 30}, {'irq': 31}, {'irq': 32}, {'irq': 33},"
			 " {'irq': 34}, {'irq': 35}, {'irq': 36}, {'irq': 37}, {'irq': 38},"
			 " {'irq': 39}]}]");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		GUARD_TEST(test_add),		GUARD_TEST(test_full),
		GUARD_TEST(test_come_and_go),	GUARD_TEST(test_another_key),
		GUARD_TEST(test_owner),		GUARD_TEST(test_random),
		GUARD_TEST(test_too_many),	GUARD_TEST(test_pin),
		GUARD_TEST(test_pin_in_place),	GUARD_TEST(test_pin_early),
		GUARD_TEST(test_pin_over),	GUARD_TEST(test_pin_twice),
		GUARD_TEST(test_unpin_at_once), GUARD_TEST(test_pin_again_at_once),
		GUARD_TEST(test_pin_refused),	GUARD_TEST(test_objects),
		GUARD_TEST(test_counted),	GUARD_TEST(test_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
