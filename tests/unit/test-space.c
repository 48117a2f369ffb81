// SPDX-License-Identifier: GPL-2.0-or-later
/* Vector space: told anew by each walk, low when little is left, and who has most of it. */
#include "rule-fixture.h"

#include "demand-fixture.h"

#define LOW                                                                                        \
	"{'rule': 'vector-space-low', 'severity': 'warning', 'device': null, 'irq': null,"         \
	" 'index': null, 'standing': true}"

static void expect_space_at(struct world *w, const char *expected, const char *file, int line)
{
	json_t *space = model_space_to_json(w->model), *part = parse(expected);
	bool so = json_equal(part, space);
	char *shown = json_dumps(space, JSON_ENCODE_ANY);

	if (!so)
		print_error("expected %s\nbut it is %s\n", expected, shown);
	free(shown);
	json_decref(space);
	json_decref(part);
	if (!so)
		_fail(file, line);
}
#define expect_space(w, expected) expect_space_at((w), (expected), __FILE__, __LINE__)

/* A walk that finds @available of 200 left on each of two CPUs */
static void walk_with(struct world *w, uint32_t first, uint32_t second)
{
	walk_begin(w);
	tell(w, make_space(0, 1, 200, first));
	tell(w, make_space(1, 1, 200, second));
	tell(w, make_space(~0U, 2, 400, first + second));
	walk_end(w, true);
}

static void test_told(void **state)
{
	struct world *w = *state;

	expect_space(w, "null");
	walk_begin(w);
	tell(w, make_space(1, 1, 200, 150));
	tell(w, make_space(0, 0, 200, 200));
	tell(w, make_space(~0U, 1, 200, 150));
	walk_end(w, true);
	expect_space(w, "{'available': 150, 'allocated': 50, 'managed': 2, 'reserved': 5,"
			" 'size': 200, 'cpus': ["
			"{'cpu': 0, 'online': false, 'available': 200, 'allocated': 0,"
			" 'managed': 2},"
			"{'cpu': 1, 'online': true, 'available': 150, 'allocated': 50,"
			" 'managed': 2}]}");
	assert_null(model_space_reason(w->model));
	/* the next walk tells of one CPU only */
	walk_begin(w);
	tell(w, make_space(1, 1, 200, 100));
	tell(w, make_space(~0U, 1, 200, 100));
	walk_end(w, true);
	expect_space(w, "{'available': 100, 'allocated': 100, 'managed': 2, 'reserved': 5,"
			" 'size': 200, 'cpus': [{'cpu': 1, 'online': true, 'available': 100,"
			" 'allocated': 100, 'managed': 2}]}");
	/* one that was cut off, or that told nothing of it, takes nothing away */
	walk_begin(w);
	tell(w, make_space(0, 1, 200, 90));
	tell(w, make_space(~0U, 1, 200, 90));
	walk_end(w, false);
	assert_int_equal(HASH_COUNT(w->model->space_cpus), 2);
	walk_begin(w);
	walk_end(w, true);
	assert_int_equal(HASH_COUNT(w->model->space_cpus), 2);
	assert_int_equal(model_space(w->model)->all.available, 90);
}

static void test_reason(void **state)
{
	struct world *w = *state;
	struct record_base base = make_base(RECORD_MODE_TRACING);
	struct world *bare = world_new(NULL);

	assert_string_equal(model_space_reason(bare->model), "BPF tracing is off");
	world_free(bare);
	assert_non_null(strstr(model_space_reason(w->model), "the walk did not tell it"));
	FIELD(base.machine, "aarch64");
	tell(w, base);
	assert_string_equal(model_space_reason(w->model),
			    "this architecture has no vectors of CPUs");
	tell(w, make_base(RECORD_MODE_SYSFS));
	assert_string_equal(model_space_reason(w->model), "BPF tracing is off");
}

/* ---- The rule ---- */

static void test_tenth(void **state)
{
	struct world *w = *state;

	walk_with(w, 20, 20);
	expect_no_finding(w);
	walk_with(w, 19, 20);
	expect_finding_that(w, LOW,
			    "39 of 400 vectors are left on 2 CPUs (361 are allocated, 2 set aside "
			    "for managed interrupts; 5 are promised and not taken yet).");
	/* it lasts: told at each walk, and the same hit (standing) */
	walk_with(w, 0, 39);
	expect_finding(w, LOW);
	walk_with(w, 40, 0);
	expect_no_finding(w);
}

/* Sixteen for each CPU, where a tenth would be less */
static void test_per_cpu(void **state)
{
	struct world *w = *state;

	tell(w, make_space(~0U, 4, 400, 64));
	expect_no_finding(w);
	tell(w, make_space(~0U, 4, 400, 63));
	expect_finding(w, LOW);
	/* one CPU, and a grammar of its own */
	tell(w, make_space(~0U, 1, 100, 15));
	expect_finding_that(w, LOW, "15 of 100 vectors are left on 1 CPU (");
	/* figures that make no sense prove nothing */
	tell(w, make_space(~0U, 0, 400, 0));
	tell(w, make_space(~0U, 4, 0, 0));
	tell(w, make_space(0, 1, 200, 0));
	tell(w, make_space(~0U, 1, 4294967295U, 4294967295U));
	expect_no_finding(w);
	tell(w, make_space(~0U, 4294967295U, 4294967295U, 4294967290U));
	expect_finding(w, LOW);
}

/* In a walk, only when all of it is known */
static void test_when(void **state)
{
	struct world *w = *state;

	walk_begin(w);
	tell(w, make_space(~0U, 2, 400, 3));
	expect_no_finding(w);
	walk_end(w, true);
	expect_finding(w, LOW);
	/* a walk that did not tell it judges nothing */
	walk_begin(w);
	walk_end(w, true);
	expect_no_finding(w);
	/* nor does it make events */
	expect_nothing(w);
}

static void test_holders(void **state)
{
	static const struct {
		const char *device;
		uint32_t n;
	} devices[] = { { "0000:05:00.0", 2 },
			{ "0000:02:00.0", 7 },
			{ "0000:03:00.0", 2 },
			{ "0000:04:00.0", 1 },
			{ "0000:01:00.0", 1 } };
	struct world *w = *state;
	uint32_t irq = 30;

	for (size_t i = 0; i < 5; i++)
		for (uint32_t n = 0; n < devices[i].n; n++)
			tell(w, make_vector(RECORD_REASON_ALLOCATED, irq++, devices[i].device));
	tell(w, make_wired(RECORD_REASON_ACTIVATED, 9));
	tell(w, make_space(~0U, 2, 400, 3));
	expect_finding_that(w, LOW,
			    " Most are held by 0000:02:00.0 with 7, 0000:03:00.0 with 2, "
			    "0000:05:00.0 with 2.");
	/* fewer than three, and none */
	tell(w, make_free(32, 7));
	tell(w, make_free(39, 4));
	tell(w, make_space(~0U, 2, 400, 3));
	expect_finding_that(w, LOW, " Most are held by 0000:05:00.0 with 2.");
	tell(w, make_free(30, 2));
	tell(w, make_space(~0U, 2, 400, 3));
	expect_finding_that(w, LOW, "5 are promised and not taken yet).");
	expect_no_finding(w);
}

static void test_limit(void **state)
{
	struct model_limits limits = MODEL_LIMITS_DEFAULT;
	struct world *w;

	(void)state;
	limits.entries[TABLE_SPACE] = 2;
	w = world_new(&limits);
	for (uint32_t cpu = 0; cpu < 4; cpu++)
		tell(w, make_space(cpu, 1, 200, 100));
	tell(w, make_space(0, 1, 200, 50));
	tell(w, make_space(~0U, 4, 800, 400));
	expect_refused(w, "{'cpus': 2}");
	assert_int_equal(model_space(w->model)->all.available, 400);
	world_free(w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE_TEST(test_told),	      RULE_TEST(test_reason), RULE_TEST(test_tenth),
		RULE_TEST(test_per_cpu),      RULE_TEST(test_when),   RULE_TEST(test_holders),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
