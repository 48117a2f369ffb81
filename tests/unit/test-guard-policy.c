// SPDX-License-Identifier: GPL-2.0-or-later
/* Policies: what names them and what does not, which vectors they are about, where they want them. */
#include "guard-policy.h"
#include "rule-fixture.h"

#define MEMDEV "0000:0d:00.0"
#define CPMU "pmu_mem0.0"
#define PMU "cxl_pmu_mem0.0"

/* ---- names ---------------------------------------------------------------------------------- */

static const char *refusal(const char *text)
{
	struct guard_policy policy, before;
	const char *why = NULL;

	memset(&policy, 0x5a, sizeof(policy));
	before = policy;
	assert_int_equal(guard_policy_parse(text, &policy, &why), -EINVAL);
	assert_non_null(why);
	assert_memory_equal(&policy, &before, sizeof(policy));
	return why;
}

static struct guard_policy named(const char *text)
{
	struct guard_policy policy = {};
	const char *why = "";

	if (guard_policy_parse(text, &policy, &why) < 0)
		fail_msg("%s: %s", text, why);
	return policy;
}

static void expect_name(const char *text, const char *name)
{
	struct guard_policy policy = named(text);
	char shown[GUARD_NAME_MAX];

	guard_policy_name(&policy, shown);
	assert_string_equal(shown, name);
}

static void test_names(void **state)
{
	struct guard_policy policy;

	(void)state;
	policy = named(MEMDEV);
	assert_int_equal(policy.kind, GUARD_DEVICE);
	assert_string_equal(policy.device, MEMDEV);
	policy = named(MEMDEV "/12");
	assert_int_equal(policy.kind, GUARD_VECTOR);
	assert_string_equal(policy.device, MEMDEV);
	assert_int_equal(policy.index, 12);
	assert_int_equal(named("doorbells").kind, GUARD_DOORBELLS);
	policy = named("rule:pmu-vector-misplaced");
	assert_int_equal(policy.kind, GUARD_RULE);
	assert_int_equal(policy.rule, RULE_PMU_VECTOR_MISPLACED);

	expect_name(MEMDEV, MEMDEV);
	expect_name(MEMDEV "/0", MEMDEV "/0");
	expect_name(MEMDEV "/4095", MEMDEV "/4095");
	expect_name(MEMDEV "/007", MEMDEV "/7");
	expect_name("doorbells", "doorbells");
	expect_name("rule:doorbell-message-changed", "rule:doorbell-message-changed");
	expect_name("virtio!0,x:1", "virtio!0,x:1");
	expect_name("ger\xc3\xa4t", "ger\xc3\xa4t");
	/* devices, though they look like something else */
	expect_name("doorbells/3", "doorbells/3");
	expect_name("Doorbells", "Doorbells");
	expect_name("rules:x", "rules:x");
	expect_name("42", "42");
}

static void test_hostile_names(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"/",
		"/3",
		"a b",
		"a/",
		"a/x",
		"a/-1",
		"a/+1",
		"a/ 1",
		"a/1 ",
		"a/0x1",
		"a/4096",
		"a/65536",
		"a/4294967296",
		"a/18446744073709551616",
		"a/b/3",
		"../../etc/3",
		"a\n",
		"a\tb",
		"a\x7f",
		"\x1b[2J",
		"a/1/2",
		"ger\xe4t",
		"\xc3/1",
	};
	char text[4200];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		refusal(texts[i]);
	assert_string_equal(refusal("rule:"), "no such rule");
	assert_string_equal(refusal("rule:no-such-rule"), "no such rule");
	assert_string_equal(refusal("rule:pmu-vector-misplaced/1"), "no such rule");
	assert_string_equal(refusal("rule:vector-hidden"),
			    "a rule that is not about where vectors are");
	/* as long as a device's name can be, and one more */
	memset(text, 'd', sizeof(text));
	strcpy(text + 63, "/4095");
	expect_name(text, text);
	text[63] = '\0';
	expect_name(text, text);
	strcpy(text + 63, "d");
	refusal(text);
	strcpy(text + 64, "/1");
	refusal(text);
	memset(text, 'd', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	refusal(text);
}

static void test_same(void **state)
{
	static const char *const names[] = { "a",
					     "a/0",
					     "a/1",
					     "b",
					     "doorbells",
					     "rule:pmu-vector-misplaced",
					     "rule:doorbell-message-changed" };
	struct guard_policy pinned = named("a"), other = named("a");

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (size_t j = 0; j < sizeof(names) / sizeof(*names); j++) {
			struct guard_policy a = named(names[i]), b = named(names[j]);

			assert_int_equal(guard_policy_is(&a, &b), i == j);
		}
	/* what is protected counts, not how */
	strcpy(pinned.cpus, "1");
	pinned.restore = pinned.configured = true;
	other.index = 7;
	assert_true(guard_policy_is(&pinned, &other));
}

/* ---- vectors -------------------------------------------------------------------------------- */

static bool matches(struct world *w, const char *name, uint32_t irq)
{
	struct guard_policy policy = named(name);
	const struct vector *vector = model_vector(w->model, irq);

	assert_non_null(vector);
	return guard_policy_matches(&policy, w->model, vector);
}

static void expect_target(struct world *w, const struct guard_policy *policy, uint32_t irq,
			  const char *target)
{
	_cleanup_free_ char *list =
		guard_policy_target(policy, w->model, model_vector(w->model, irq));

	if (!target)
		assert_null(list);
	else
		assert_string_equal(list, target);
}

/* The overflow of a CXL PMU is a vector of its memory device's function. */
static void borrowed(struct world *w, uint32_t irq)
{
	struct record_action action = make_action(RECORD_REASON_REQUESTED, irq, irq, "cxl_pmu");

	tell(w, make_vector(RECORD_REASON_ALLOCATED, irq, MEMDEV));
	action.device = make_dev(CPMU, "cxl", "cxl_pmu");
	tell(w, action);
	forget_events(w);
}

static void test_device(void **state)
{
	struct world *w = *state;

	borrowed(w, 33);
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 34, MEMDEV));
	tell(w, make_wired(RECORD_REASON_ALLOCATED, 9));
	assert_true(matches(w, MEMDEV, 33));
	assert_true(matches(w, MEMDEV, 34));
	assert_false(matches(w, MEMDEV, 9));
	assert_true(matches(w, CPMU, 33));
	assert_false(matches(w, CPMU, 34));
	assert_false(matches(w, "0000:0d:00", 33));
	assert_false(matches(w, "0000:0d:00.00", 33));
	assert_false(matches(w, "unknown", 9));
	/* a vector is one of who provides it, not of who uses it */
	assert_true(matches(w, MEMDEV "/3", 33));
	assert_false(matches(w, MEMDEV "/4", 33));
	assert_false(matches(w, CPMU "/3", 33));
	assert_false(matches(w, "unknown/0", 9));
	/* a handler that goes takes its policy with it */
	tell(w, make_action_freed(33, 33));
	assert_false(matches(w, CPMU, 33));
	assert_true(matches(w, MEMDEV, 33));
	forget_events(w);
}

/* One descriptor, four interrupts */
static void test_multi_msi(void **state)
{
	struct world *w = *state;

	for (uint32_t irq = 40; irq < 44; irq++) {
		struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, irq, MEMDEV);

		v.r.msi_type = RECORD_MSI_PCI_MSI;
		v.r.msi_index = 0;
		v.r.msi_irq = 40;
		v.r.msi_count = 4;
		tell(w, v);
	}
	for (uint32_t irq = 40; irq < 44; irq++)
		for (uint32_t index = 0; index < 5; index++) {
			char name[32];

			snprintf(name, sizeof(name), MEMDEV "/%u", index);
			assert_int_equal(matches(w, name, irq), index == irq - 40);
		}
	forget_events(w);
}

/* Those that are at risk, and those that somebody has moved */
static void test_doorbells(void **state)
{
	struct world *w = *state;

	domains(w, false);
	ring_allocated(w, RING(1));
	ring_requested(w, RING(1));
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 31, MEMDEV));
	assert_true(matches(w, "doorbells", 30));
	assert_true(matches(w, "rule:doorbell-message-changed", 30));
	assert_true(matches(w, "rule:doorbell-on-mutable-parent", 30));
	assert_false(matches(w, "doorbells", 31));
	assert_false(matches(w, "rule:doorbell-message-changed", 31));
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	ring_moved(w, 2, RING(2));
	expect_doorbells(w, "[{'verdict': 'violated'}]");
	assert_true(matches(w, "doorbells", 30));
	tell(w, make_doorbells_freed());
	assert_false(matches(w, "doorbells", 30));
	assert_false(matches(w, "rule:doorbell-on-mutable-parent", 30));
	forget(w);
}

/* A doorbell whose message cannot change is left alone; its rules watch it nevertheless. */
static void test_immutable(void **state)
{
	struct world *w = *state;

	ring_published(w);
	expect_doorbells(w, "[{'verdict': 'safe'}]");
	assert_false(matches(w, "doorbells", 30));
	assert_true(matches(w, "rule:doorbell-message-changed", 30));
	assert_true(matches(w, "rule:immutable-message-changed", 30));
	tell(w, make_wired(RECORD_REASON_ALLOCATED, 9));
	forget(w);
}

static void test_mutable(void **state)
{
	struct world *w = *state;

	domains(w, false);
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 31, MEMDEV));
	assert_false(matches(w, "rule:immutable-message-changed", 31));
	forget(w);
}

static void test_targets(void **state)
{
	struct guard_policy device = named(MEMDEV), rule = named("rule:pmu-vector-misplaced");
	struct world *w = *state;

	borrowed(w, 33);
	assert_false(matches(w, "rule:pmu-vector-misplaced", 33));
	tell(w, make_pmu(PMU, CPMU, ""));
	assert_true(matches(w, "rule:pmu-vector-misplaced", 33));
	expect_target(w, &rule, 33, NULL);
	tell(w, make_pmu(PMU, CPMU, "2"));
	expect_target(w, &rule, 33, "2");
	expect_target(w, &device, 33, NULL);
	strcpy(device.cpus, "0-1");
	strcpy(rule.cpus, "3");
	expect_target(w, &device, 33, "0-1");
	/* a pin knows better */
	expect_target(w, &rule, 33, "3");
	tell(w, make_pmu(PMU, "", ""));
	assert_false(matches(w, "rule:pmu-vector-misplaced", 33));
	forget(w);
}

static void expect_unmatched(struct world *w, const char *name, const char *words)
{
	struct guard_policy policy = named(name);
	const char *why = guard_policy_unmatched(&policy, w->model);

	if (!why || !strstr(why, words))
		fail_msg("%s: %s", name, why ?: "nothing");
}

static void test_unmatched(void **state)
{
	struct world *w = *state;

	expect_unmatched(w, MEMDEV, "no such device");
	expect_unmatched(w, MEMDEV "/1", "no such device");
	expect_unmatched(w, "doorbells", "no doorbell whose message may change");
	expect_unmatched(w, "rule:pmu-vector-misplaced", "no vector that this rule watches");
	tell(w, make_device(MEMDEV, "pci", "cxl_pci"));
	expect_unmatched(w, MEMDEV, "has no interrupt now");
	expect_unmatched(w, MEMDEV "/1", "no vector of this index");
	/* it has, and so another policy is about all of them */
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 33, MEMDEV));
	expect_unmatched(w, MEMDEV, "another policy");
	expect_unmatched(w, MEMDEV "/1", "no vector of this index");
	forget_events(w);
}

/* ---- CPUs ----------------------------------------------------------------------------------- */

static void expect_cpus(const char *text, uint32_t n_cpus, const char *list)
{
	char shown[GUARD_CPUS_MAX];
	int r = guard_cpus_normalize(text, n_cpus, shown, sizeof(shown));

	if (r < 0)
		fail_msg("%s: %s", text, strerror(-r));
	assert_string_equal(shown, list);
	/* as it is, it stays */
	assert_int_equal(guard_cpus_normalize(list, n_cpus, shown, sizeof(shown)), 0);
	assert_string_equal(shown, list);
}

static void test_cpus(void **state)
{
	(void)state;
	expect_cpus("0", 0, "0");
	expect_cpus("1,0", 0, "0-1");
	expect_cpus("8,0-3", 0, "0-3,8");
	expect_cpus("3,2,1,0", 4, "0-3");
	expect_cpus("0-2,1-3", 0, "0-3");
	expect_cpus("5-5", 0, "5");
	expect_cpus("0,2,4", 0, "0,2,4");
	expect_cpus("1,1,1", 0, "1");
	expect_cpus("007", 0, "7");
	expect_cpus("63-64", 0, "63-64");
	expect_cpus("8191", 0, "8191");
	expect_cpus("0-8191", 0, "0-8191");
	/* what is not there */
	expect_cpus("0-8191", 2, "0-1");
	expect_cpus("1,7", 2, "1");
	expect_cpus("0-3", 100000, "0-3");
}

static void test_hostile_cpus(void **state)
{
	static const char *const texts[] = {
		"",	      ",",	    "-",      "0,",
		",0",	      "0,,1",	    "0-",     "-1",
		"1-0",	      "0-1-2",	    " 0",     "0 ",
		"0\n",	      "a",	    "0x1",    "0-3:1/2",
		"+1",	      "8192",	    "0-8192", "0-99999999999999999999",
		"4294967296", "4294967297", "all",    "18446744073709551616",
		"0;1",	      "\xff",
	};
	char shown[GUARD_CPUS_MAX] = "as it was";

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (guard_cpus_normalize(texts[i], 0, shown, sizeof(shown)) != -EINVAL)
			fail_msg("\"%s\" is a list of CPUs", texts[i]);
		assert_string_equal(shown, "as it was");
	}
	/* nothing is left */
	assert_int_equal(guard_cpus_normalize("2", 2, shown, sizeof(shown)), -EINVAL);
	assert_int_equal(guard_cpus_normalize("2-8191", 2, shown, sizeof(shown)), -EINVAL);
	/* just so, and not any more */
	assert_int_equal(guard_cpus_normalize("0,2,4", 0, shown, 5), -E2BIG);
	assert_string_equal(shown, "as it was");
	assert_int_equal(guard_cpus_normalize("0,2,4", 0, shown, 6), 0);
	assert_string_equal(shown, "0,2,4");
}

/* Every other CPU: too long for a policy; and what is long only because it says the same again */
static void test_long_cpus(void **state)
{
	_cleanup_free_ char *text = calloc(1, 8192 * 5);
	char shown[GUARD_CPUS_MAX];
	char *at = text;

	(void)state;
	for (int cpu = 0; cpu < 8192; cpu += 2)
		at += sprintf(at, "%s%d", cpu ? "," : "", cpu);
	assert_int_equal(guard_cpus_normalize(text, 0, shown, sizeof(shown)), -E2BIG);
	assert_int_equal(guard_cpus_normalize(text, 100, shown, sizeof(shown)), 0);
	assert_int_equal(strncmp(shown, "0,2,4,", 6), 0);
	at = text;
	for (int i = 0; i < 4000; i++)
		at += sprintf(at, "%s0-3", i ? "," : "");
	assert_int_equal(guard_cpus_normalize(text, 0, shown, sizeof(shown)), 0);
	assert_string_equal(shown, "0-3");
}

/* ---- as a file keeps it --------------------------------------------------------------------- */

static void expect_kept(struct guard_policy policy)
{
	json_auto_t *object = guard_policy_save(&policy);
	struct guard_policy read;

	assert_non_null(object);
	assert_int_equal(guard_policy_load(object, &read), 0);
	assert_true(guard_policy_is(&read, &policy));
	assert_int_equal(read.id, policy.id);
	assert_string_equal(read.cpus, policy.cpus);
	assert_int_equal(read.restore, policy.restore);
	assert_false(read.configured);
	assert_int_equal(read.since_us, policy.since_us);
	assert_int_equal(read.by.pid, policy.by.pid);
	assert_int_equal(read.by.uid, policy.by.uid);
}

static void test_kept(void **state)
{
	static const char *const names[] = { MEMDEV, MEMDEV "/3", "doorbells",
					     "rule:pmu-vector-misplaced", "ger\xc3\xa4t" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct guard_policy policy = named(names[i]);

		policy.id = 1 + i;
		policy.since_us = 1700000000000000;
		expect_kept(policy);
		policy.restore = true;
		strcpy(policy.cpus, "0-3,8");
		policy.id = (uint64_t)GUARD_ID_MAX;
		policy.by = (struct guard_who){ .pid = ~0U, .uid = ~0U };
		expect_kept(policy);
	}
}

#define KEPT                                                                                       \
	"'id': 1, 'guard': 'a', 'cpus': '', 'restore': false, 'since_us': 0, 'uid': 0, 'pid': 0"

/* Each of these, in the place of what was good, makes no sense. */
static void test_hostile_objects(void **state)
{
	static const char *const members[] = {
		"'id': 0",
		"'id': -1",
		"'id': '1'",
		"'id': 1.0",
		"'id': null",
		"'id': 9007199254740993",
		"'id': 9223372036854775807",
		"'guard': ''",
		"'guard': 1",
		"'guard': null",
		"'guard': ['a']",
		"'guard': 'a b'",
		"'guard': 'a/b'",
		"'guard': 'rule:x'",
		"'cpus': 'x'",
		"'cpus': '1-0'",
		"'cpus': '8192'",
		"'cpus': null",
		"'cpus': [0]",
		"'restore': 0",
		"'restore': 'yes'",
		"'restore': null",
		"'since_us': -1",
		"'since_us': '0'",
		"'uid': -1",
		"'uid': 4294967296",
		"'uid': null",
		"'pid': -1",
		"'pid': 4294967296",
		"'pid': {}",
	};
	struct guard_policy policy;
	json_auto_t *good = parse("{" KEPT "}"), *list = parse("[1, 'a']"), *empty = parse("{}");
	const char *name;
	json_t *value;

	(void)state;
	assert_int_equal(guard_policy_load(good, &policy), 0);
	memset(&policy, 0x5a, sizeof(policy));
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		json_auto_t *object = json_copy(good), *member = NULL;
		char text[128];

		snprintf(text, sizeof(text), "{%s}", members[i]);
		member = parse(text);
		json_object_update(object, member);
		if (guard_policy_load(object, &policy) != -EINVAL)
			fail_msg("%s made sense", members[i]);
	}
	json_object_foreach(good, name, value) {
		json_auto_t *object = json_copy(good);

		json_object_del(object, name);
		assert_int_equal(guard_policy_load(object, &policy), -EINVAL);
	}
	assert_int_equal(guard_policy_load(list, &policy), -EINVAL);
	assert_int_equal(guard_policy_load(empty, &policy), -EINVAL);
	assert_int_equal(guard_policy_load(NULL, &policy), -EINVAL);
	assert_int_equal(policy.id, 0x5a5a5a5a5a5a5a5aULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_same),
		RULE_TEST(test_device),
		RULE_TEST(test_multi_msi),
		RULE_TEST(test_doorbells),
		RULE_TEST(test_immutable),
		RULE_TEST(test_mutable),
		RULE_TEST(test_targets),
		RULE_TEST(test_unmatched),
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_hostile_cpus),
		cmocka_unit_test(test_long_cpus),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_hostile_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
