// SPDX-License-Identifier: GPL-2.0-or-later
/* A set of counters that is asked for other events: what both lists have goes on counting. */
#include "pmu-fixture.h"

/* "PMU EVENT.GROUP ERROR;", and "-" for one that is no more */
static void on_told(const struct record_counter *c, void *userdata)
{
	size_t n = strlen(host.told);

	assert_ptr_equal(userdata, &host);
	if (c->error && !c->reason[0])
		snprintf(host.told + n, sizeof(host.told) - n, "%s %s.%u -;", c->pmu, c->event,
			 c->group);
	else
		snprintf(host.told + n, sizeof(host.told) - n, "%s %s.%u %d;", c->pmu, c->event,
			 c->group, c->error);
}

static void parse_items(const char *text, struct pmu_items *ret)
{
	char reason[PMU_REASON_MAX];

	*ret = (struct pmu_items){};
	assert_true(!*text || pmu_items_parse(ret, text, reason) == 0);
}

static void ask(const char *text)
{
	struct pmu_items items;

	parse_items(text, &items);
	assert_int_equal(pmu_set_new(host.pmus, &items, "cxl_pmu_mem0.0", &host.set), 0);
	pmu_set_follow(host.set, NULL, NULL);
	host.told[0] = '\0';
}

/* What is told of it, by the change itself and then by what is opened */
static void change(const char *text, const char *gone, const char *opened)
{
	struct pmu_items items;

	parse_items(text, &items);
	host.told[0] = '\0';
	pmu_set_change(host.set, &items, on_told, &host);
	assert_null(items.items);
	assert_string_equal(host.told, gone);
	host.told[0] = '\0';
	pmu_set_follow(host.set, on_told, &host);
	assert_string_equal(host.told, opened);
}

static void expect_count_of(size_t i, const char *event, uint64_t value)
{
	assert_true(i < pmu_set_count(host.set));
	assert_string_equal(pmu_set_get(host.set, i)->event, event);
	assert_int_equal(pmu_set_get(host.set, i)->value, value);
}

#define ONE(value) 1, ((const uint64_t[]){ value })
#define PMU "cxl_pmu_mem0.0 "

static void test_same(void **state)
{
	(void)state;
	ask("clock_ticks memrd");
	count(0, 10, 10, ONE(7));
	count(1, 10, 10, ONE(9));
	assert_false(pmu_set_read(host.set));
	change("clock_ticks memrd", "", "");
	change("memrd,clock_ticks", "", "");
	assert_int_equal(n_events, 2);
	assert_int_equal(host.pmus->counters_open, 2);
	/* in the order of the new list */
	expect_count_of(0, "memrd", 9);
	expect_count_of(1, "clock_ticks", 7);
}

static void test_more_and_fewer(void **state)
{
	(void)state;
	ask("clock_ticks");
	count(0, 10, 10, ONE(7));
	assert_false(pmu_set_read(host.set));
	change("memrd clock_ticks", "", PMU "memrd.0 0;");
	assert_int_equal(n_events, 2);
	expect_count_of(0, "memrd", 0);
	expect_count_of(1, "clock_ticks", 7);
	change("clock_ticks", PMU "memrd.0 -;", "");
	assert_int_equal(host.pmus->counters_open, 1);
	expect_count_of(0, "clock_ticks", 7);
	change("", PMU "clock_ticks.0 -;", "");
	assert_int_equal(host.pmus->counters_open, 0);
	assert_int_equal(pmu_set_count(host.set), 0);
	change("clock_ticks", "", PMU "clock_ticks.0 0;");
	assert_int_equal(n_events, 3);
	expect_count_of(0, "clock_ticks", 0);
}

/* A group goes on only as a whole; its number may be another one. */
static void test_groups(void **state)
{
	(void)state;
	ask("{clock_ticks,memrd}");
	assert_int_equal(n_events, 2);
	change("{cxl_pmu_mem0.1/memrd/} {clock_ticks,memrd}",
	       PMU "clock_ticks.1 -;" PMU "memrd.1 -;",
	       PMU "clock_ticks.2 0;" PMU "memrd.2 0;cxl_pmu_mem0.1 memrd.1 0;");
	/* the group's are the ones that were open */
	assert_int_equal(n_events, 3);
	assert_int_equal(host.pmus->counters_open, 3);
	/* the other way round is another group, and so are its members alone */
	change("{memrd,clock_ticks}",
	       "cxl_pmu_mem0.1 memrd.1 -;" PMU "clock_ticks.2 -;" PMU "memrd.2 -;",
	       PMU "memrd.1 0;" PMU "clock_ticks.1 0;");
	assert_int_equal(n_events, 5);
	change("memrd clock_ticks", PMU "memrd.1 -;" PMU "clock_ticks.1 -;",
	       PMU "memrd.0 0;" PMU "clock_ticks.0 0;");
	assert_int_equal(n_events, 7);
	assert_int_equal(host.pmus->counters_open, 2);
}

/* The same in two places counts in one of them, before and after. */
static void test_twice(void **state)
{
	(void)state;
	ask("clock_ticks cxl_pmu_mem0.0/clock_ticks/");
	assert_int_equal(n_events, 1);
	count(0, 10, 10, ONE(7));
	assert_false(pmu_set_read(host.set));
	change("clock_ticks clock_ticks memrd", "", PMU "memrd.0 0;");
	assert_int_equal(n_events, 2);
	expect_count_of(0, "clock_ticks", 7);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_same),
		TEST(test_more_and_fewer),
		TEST(test_groups),
		TEST(test_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
