// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counters: what is asked of the kernel, what becomes of what it says, and what happens when PMUs
 * come and go.
 */
#include "pmu-fixture.h"

/* ---- What is asked, and what comes of it ---------------------------------------------------------- */

static void on_told(const struct record_counter *c, void *userdata)
{
	size_t n = strlen(host.told);

	assert_ptr_equal(userdata, &host);
	assert_int_equal(c->header.size, 0);
	snprintf(host.told + n, sizeof(host.told) - n, "%s %s %d %s;", c->pmu, c->event, c->error,
		 c->reason);
}

static void follow(void)
{
	host.told[0] = '\0';
	pmu_set_follow(host.set, on_told, &host);
}

static void reread(void)
{
	assert_int_equal(pmu_table_read(host.pmus), 0);
	follow();
}

static void ask(const char *text, const char *only)
{
	struct pmu_items items = {};
	char reason[PMU_REASON_MAX];

	assert_int_equal(pmu_items_parse(&items, text, reason), 0);
	assert_int_equal(pmu_set_new(host.pmus, &items, only, &host.set), 0);
	assert_null(items.items);
	follow();
}

static void expect_told(const char *told)
{
	assert_string_equal(host.told, told);
	host.told[0] = '\0';
}

static void expect_counter(size_t i, uint64_t value, uint64_t enabled, uint64_t running, int error)
{
	const struct record_counter *c = pmu_set_get(host.set, i);

	assert_true(i < pmu_set_count(host.set));
	assert_int_equal(c->value, value);
	assert_int_equal(c->enabled_ns, enabled);
	assert_int_equal(c->running_ns, running);
	assert_int_equal(c->error, error);
}

#define ONE(value) 1, ((const uint64_t[]){ value })
#define COUNTS(pmu, event) pmu " " event " 0 ;"
#define GONE " -19 the PMU is gone;"

static void test_open(void **state)
{
	(void)state;
	interrupted = 2;
	ask("cxl_pmu_mem0.1/gid=0x20,mask=0x4,threshold=7,hdm=9/", NULL);
	expect_told(COUNTS("cxl_pmu_mem0.1", "gid=0x20,mask=0x4,threshold=7,hdm=9"));
	assert_int_equal(n_events, 1);
	assert_int_equal(events[0].attr.type, 31);
	assert_int_equal(events[0].attr.config, 0x2000000004);
	assert_int_equal(events[0].attr.config1, 7);
	assert_int_equal(events[0].attr.config2, 9);
	assert_int_equal(events[0].cpu, 2);
	assert_int_equal(events[0].group_fd, -1);
	assert_true(events[0].enabled);
	assert_int_equal(host.pmus->counters_open, 1);
	expect_counter(0, 0, 0, 0, 0);
	assert_true(pmu_set_counts(host.set));

	count(0, 100, 50, ONE(7));
	assert_false(pmu_set_read(host.set));
	expect_counter(0, 7, 100, 50, 0);
	/* nothing is new */
	reread();
	expect_told("");
	assert_int_equal(n_events, 1);
	expect_counter(0, 7, 100, 50, 0);
}

static void test_everywhere(void **state)
{
	(void)state;
	put_pmu("cxl_pmu_mem10.0", "40", "0");
	put_pmu("cxl_pmu_mem2.0", "41", "0");
	put_of("cxl_pmu_mem2.0", "events/special", "config=0x77");
	assert_int_equal(pmu_table_read(host.pmus), 0);
	ask("clock_ticks special cxl_pmu_mem0.*/memrd/", NULL);
	/* by item, then by PMU, 2 before 10 */
	expect_told(COUNTS("cxl_pmu_mem0.0", "clock_ticks") COUNTS("cxl_pmu_mem0.1", "clock_ticks")
			    COUNTS("cxl_pmu_mem2.0", "clock_ticks")
				    COUNTS("cxl_pmu_mem10.0", "clock_ticks")
					    COUNTS("cxl_pmu_mem2.0", "special")
						    COUNTS("cxl_pmu_mem0.0", "memrd")
							    COUNTS("cxl_pmu_mem0.1", "memrd"));
	assert_int_equal(events[4].attr.config, 0x77);
	assert_int_equal(events[4].attr.type, 41);
}

static void test_only(void **state)
{
	(void)state;
	/* for events that name no PMU */
	ask("clock_ticks,cxl_pmu_mem0.0/memrd/,memrd/threshold=3/", "cxl_pmu_mem0.1");
	expect_told(COUNTS("cxl_pmu_mem0.1", "clock_ticks") COUNTS("cxl_pmu_mem0.0", "memrd")
			    COUNTS("cxl_pmu_mem0.1", "memrd,threshold=3"));
	assert_int_equal(events[2].attr.config, 0x2000000002);
	assert_int_equal(events[2].attr.config1, 3);
}

static void test_unknown(void **state)
{
	(void)state;
	ask("clock_tick cxl_pmu_mem0.0/memrd,x=1/ cxl_pmu_mem9.0/memrd/ mask clock_ticks", NULL);
	assert_int_equal(n_events, 2);
	expect_told(" clock_tick -2 no event \"clock_tick\", like it: clock_ticks;"
		    "cxl_pmu_mem0.0 memrd,x=1 -2 no term \"x\", there are: gid, hdm, mask, "
		    "threshold, name, config, config1, config2;"
		    "cxl_pmu_mem9.0 memrd -19 no PMU, and no event, is called \"cxl_pmu_mem9.0\";"
		    " mask -2 no event \"mask\", there are: clock_ticks, memrd;"
		    "cxl_pmu_mem0.0 clock_ticks 0 ;cxl_pmu_mem0.1 clock_ticks 0 ;");
	/* it comes: what stood for it is taken back */
	put_pmu("cxl_pmu_mem9.0", "50", "0");
	put_of("cxl_pmu_mem0.1", "events/clock_tick", "config=0x9");
	reread();
	expect_told(" clock_tick -2 ;"
		    "cxl_pmu_mem0.1 clock_tick 0 ;cxl_pmu_mem9.0 memrd 0 ;"
		    "cxl_pmu_mem9.0 clock_ticks 0 ;");
}

static void test_no_pmu(void **state)
{
	(void)state;
	take_pmu("cxl_pmu_mem0.0");
	take_pmu("cxl_pmu_mem0.1");
	assert_int_equal(pmu_table_read(host.pmus), 0);
	ask("clock_ticks,cxl_pmu_mem0.0/memrd/", NULL);
	expect_told("");
	assert_int_equal(pmu_set_count(host.set), 0);
	assert_false(pmu_set_counts(host.set));
	assert_false(pmu_set_read(host.set));
	put_pmu("cxl_pmu_mem0.0", "30", "3");
	reread();
	expect_told(COUNTS("cxl_pmu_mem0.0", "clock_ticks") COUNTS("cxl_pmu_mem0.0", "memrd"));
}

/* ---- Groups ----------------------------------------------------------------------------------------- */

static void test_group(void **state)
{
	(void)state;
	ask("{clock_ticks,memrd,cxl_pmu_mem0.0/mask=0x8/}", NULL);
	assert_int_equal(n_events, 5);
	/* a group of each PMU, of those members that it has */
	assert_int_equal(events[0].attr.type, 30);
	assert_int_equal(events[0].group_fd, -1);
	assert_int_equal(events[0].attr.disabled, 1);
	assert_true(events[0].enabled);
	assert_int_equal(events[1].attr.config, 0x2000000002);
	assert_int_equal(events[1].group_fd, events[0].fd);
	assert_int_equal(events[1].attr.disabled, 0);
	assert_int_equal(events[2].attr.config, 8);
	assert_int_equal(events[2].group_fd, events[0].fd);
	assert_int_equal(events[3].attr.type, 31);
	assert_int_equal(events[3].group_fd, -1);
	assert_int_equal(events[4].group_fd, events[3].fd);

	count(0, 100, 80, 3, (const uint64_t[]){ 1, 2, 3 });
	count(3, 200, 200, 2, (const uint64_t[]){ 4, 5 });
	assert_false(pmu_set_read(host.set));
	/* by item, then by PMU */
	expect_counter(0, 1, 100, 80, 0);
	expect_counter(1, 4, 200, 200, 0);
	expect_counter(2, 2, 100, 80, 0);
	expect_counter(3, 5, 200, 200, 0);
	expect_counter(4, 3, 100, 80, 0);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(pmu_set_get(host.set, i)->group, 1);
}

/* The first that can be opened leads. */
static void test_group_without_first(void **state)
{
	(void)state;
	ask("{cxl_pmu_mem0.0/none/,cxl_pmu_mem0.0/memrd/,cxl_pmu_mem0.0/clock_ticks/}", NULL);
	assert_int_equal(n_events, 2);
	assert_int_equal(events[0].group_fd, -1);
	assert_int_equal(events[1].group_fd, events[0].fd);
	count(0, 9, 9, 2, (const uint64_t[]){ 7, 8 });
	assert_false(pmu_set_read(host.set));
	expect_counter(0, 0, 0, 0, -ENOENT);
	expect_counter(1, 7, 9, 9, 0);
	expect_counter(2, 8, 9, 9, 0);
}

/* ---- The same twice ---------------------------------------------------------------------------------- */

static void test_twice(void **state)
{
	(void)state;
	ask("clock_ticks cxl_pmu_mem0.0/clock_ticks/ {clock_ticks,memrd} "
	    "cxl_pmu_mem0.0/memrd,name=a/ "
	    "cxl_pmu_mem0.0/clock_ticks,name=a/",
	    "cxl_pmu_mem0.0");
	/* in a group it is another one; a name that is taken is not given again */
	expect_told("cxl_pmu_mem0.0 clock_ticks 0 ;cxl_pmu_mem0.0 clock_ticks 0 ;"
		    "cxl_pmu_mem0.0 memrd 0 ;cxl_pmu_mem0.0 a 0 ;"
		    "cxl_pmu_mem0.0 clock_ticks,name=a 0 ;");
	assert_int_equal(n_events, 5);
}

/* ---- What the kernel refuses --------------------------------------------------------------------------- */

static void test_refused(void **state)
{
	static const struct {
		int error;
		const char *told;
	} refusals[] = {
		{ EMFILE, "the daemon has no file descriptor left (LimitNOFILE= of its unit)" },
		{ ENFILE, "this host has no file descriptor left" },
		{ EINVAL, "the PMU rejects it: it counts no such vid, gid and mask, or not with "
			  "this filter" },
		{ EBUSY, "the PMU is busy: somebody has it for himself" },
		{ ENOENT, "the PMU is gone" },
		{ ENODEV, "the PMU is gone" },
		{ ENOSPC, "No space left on device" },
		{ EACCES,
		  "the kernel refuses it: needs CAP_PERFMON, kernel.perf_event_paranoid being 2" },
	};
	char told[256];

	(void)state;
	put("proc/sys/kernel/perf_event_paranoid", "2");
	refusal = EPERM;
	ask("cxl_pmu_mem0.0/memrd/", NULL);
	expect_told("cxl_pmu_mem0.0 memrd -1 the kernel refuses it: needs CAP_PERFMON, "
		    "kernel.perf_event_paranoid being 2;");
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		refusal = refusals[i].error;
		follow();
		snprintf(told, sizeof(told), "cxl_pmu_mem0.0 memrd %d %s;", -refusals[i].error,
			 refusals[i].told);
		expect_told(told);
		/* once */
		follow();
		expect_told("");
		assert_false(pmu_set_counts(host.set));
	}
	put("proc/sys/kernel/perf_event_paranoid", "3");
	follow();
	expect_told("cxl_pmu_mem0.0 memrd -13 the kernel refuses it: needs CAP_SYS_ADMIN, "
		    "kernel.perf_event_paranoid being 3;");
	assert_int_equal(n_events, 0);
	refusal = 0;
	follow();
	expect_told(COUNTS("cxl_pmu_mem0.0", "memrd"));
}

static void test_bound(void **state)
{
	struct pmu_set *more;
	struct pmu_items items = {};
	char reason[PMU_REASON_MAX];

	(void)state;
	host.pmus->counters_max = 3;
	ask("clock_ticks,{memrd,clock_ticks}", NULL);
	assert_int_equal(n_events, 3);
	assert_int_equal(host.pmus->counters_open, 3);
	assert_int_equal(host.pmus->counters_refused, 3);
	expect_counter(2, 0, 0, 0, 0);
	expect_counter(3, 0, 0, 0, -EUSERS);
	assert_string_equal(pmu_set_get(host.set, 3)->reason,
			    "[Counters] Max= allows no more than 3 counters");
	/* of all sets; one that is refused again is no other one */
	assert_int_equal(pmu_items_parse(&items, "memrd", reason), 0);
	assert_int_equal(pmu_set_new(host.pmus, &items, NULL, &more), 0);
	pmu_set_follow(more, NULL, NULL);
	pmu_set_follow(more, NULL, NULL);
	assert_int_equal(host.pmus->counters_refused, 5);
	assert_false(pmu_set_counts(more));
	/* room is made */
	host.set = pmu_set_free(host.set);
	assert_int_equal(host.pmus->counters_open, 0);
	pmu_set_follow(more, NULL, NULL);
	assert_int_equal(host.pmus->counters_open, 2);
	assert_true(pmu_set_counts(more));
	pmu_set_free(more);
}

/* ---- PMUs come and go ------------------------------------------------------------------------------------ */

static void test_gone(void **state)
{
	(void)state;
	ask("clock_ticks cxl_pmu_mem0.1/memrd,name=r/", NULL);
	count(0, 10, 10, ONE(5));
	count(1, 20, 20, ONE(6));
	count(2, 30, 30, ONE(7));
	assert_false(pmu_set_read(host.set));

	take_pmu("cxl_pmu_mem0.1");
	reread();
	expect_told("cxl_pmu_mem0.1 clock_ticks" GONE "cxl_pmu_mem0.1 r" GONE);
	assert_true(is_closed(1) && is_closed(2) && !is_closed(0));
	assert_int_equal(host.pmus->counters_open, 1);
	/* the rest goes on; what has been counted stays */
	count(0, 11, 11, ONE(8));
	assert_false(pmu_set_read(host.set));
	expect_counter(0, 8, 11, 11, 0);
	expect_counter(1, 6, 20, 20, -ENODEV);
	expect_counter(2, 7, 30, 30, -ENODEV);
	reread();
	expect_told("");

	/* it is back, with another number, on another CPU: counting starts anew */
	put_pmu("cxl_pmu_mem0.1", "77", "1");
	reread();
	expect_told(COUNTS("cxl_pmu_mem0.1", "clock_ticks") COUNTS("cxl_pmu_mem0.1", "r"));
	assert_int_equal(events[3].attr.type, 77);
	assert_int_equal(events[3].cpu, 1);
	expect_counter(1, 0, 0, 0, 0);
	expect_counter(2, 0, 0, 0, 0);
}

/* The last one goes: what was counted is still worth to be shown. */
static void test_all_gone(void **state)
{
	(void)state;
	ask("{clock_ticks,memrd}", "cxl_pmu_mem0.0");
	count(0, 10, 10, 2, (const uint64_t[]){ 5, 6 });
	assert_false(pmu_set_read(host.set));
	take_pmu("cxl_pmu_mem0.0");
	take_pmu("cxl_pmu_mem0.1");
	reread();
	expect_told("cxl_pmu_mem0.0 clock_ticks" GONE "cxl_pmu_mem0.0 memrd" GONE);
	expect_counter(0, 5, 10, 10, -ENODEV);
	expect_counter(1, 6, 10, 10, -ENODEV);
	assert_false(pmu_set_counts(host.set));
}

/* The kernel takes the counter away before sysfs shows it, or although it does not. */
static void test_revoked(void **state)
{
	(void)state;
	ask("{clock_ticks,memrd},cxl_pmu_mem0.1/memrd/", "cxl_pmu_mem0.0");
	count(0, 10, 10, 2, (const uint64_t[]){ 5, 6 });
	count(2, 10, 10, ONE(7));
	assert_false(pmu_set_read(host.set));
	expect_told(COUNTS("cxl_pmu_mem0.0", "clock_ticks") COUNTS("cxl_pmu_mem0.0", "memrd")
			    COUNTS("cxl_pmu_mem0.1", "memrd"));

	events[0].revoked = true;
	count(2, 20, 20, ONE(8));
	assert_true(pmu_set_read(host.set));
	expect_counter(0, 5, 10, 10, -ENODEV);
	expect_counter(1, 6, 10, 10, -ENODEV);
	expect_counter(2, 8, 20, 20, 0);
	assert_true(is_closed(0) && is_closed(1) && !is_closed(2));
	/* it was bound anew meanwhile: told that it ended, and that it counts again */
	reread();
	expect_told("cxl_pmu_mem0.0 clock_ticks" GONE
		    "cxl_pmu_mem0.0 memrd" GONE COUNTS("cxl_pmu_mem0.0", "clock_ticks")
			    COUNTS("cxl_pmu_mem0.0", "memrd"));
	assert_int_equal(n_events, 5);
	assert_int_equal(events[4].group_fd, events[3].fd);
	expect_counter(0, 0, 0, 0, 0);

	/* the same, noticed without a read */
	events[2].revoked = true;
	reread();
	expect_told("cxl_pmu_mem0.1 memrd" GONE COUNTS("cxl_pmu_mem0.1", "memrd"));
	assert_true(is_closed(2));
}

/* Members that have been taken away are not read as zeros. */
static void test_half_a_group(void **state)
{
	(void)state;
	ask("{clock_ticks,memrd}", "cxl_pmu_mem0.0");
	count(0, 10, 10, 2, (const uint64_t[]){ 5, 6 });
	assert_false(pmu_set_read(host.set));
	count(0, 11, 11, ONE(9));
	assert_true(pmu_set_read(host.set));
	expect_counter(0, 5, 10, 10, -ENODEV);
	expect_counter(1, 6, 10, 10, -ENODEV);
	assert_int_equal(host.pmus->counters_open, 0);
}

/* As many counters as a set has, on PMUs under ever new names */
static void test_full(void **state)
{
	const size_t n = PMU_COUNTERS_MAX / PMU_ITEMS_MAX;
	char text[PMU_ITEMS_MAX * 32], name[64], *at = text;

	(void)state;
	take_pmu("cxl_pmu_mem0.0");
	take_pmu("cxl_pmu_mem0.1");
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "cxl_pmu_mem%zu.0", i);
		put_pmu(name, "99", "0");
	}
	assert_int_equal(pmu_table_read(host.pmus), 0);
	for (unsigned int i = 0; i < PMU_ITEMS_MAX; i++)
		at += sprintf(at, "%scxl_pmu_*/mask=%u/", i ? "," : "", i);
	ask(text, NULL);
	assert_int_equal(pmu_set_count(host.set), PMU_COUNTERS_MAX);
	assert_int_equal(host.pmus->counters_open, 16);
	assert_int_equal(host.pmus->counters_refused, PMU_COUNTERS_MAX - 16);

	/* one more PMU finds no place, until another one goes */
	put_pmu("cxl_pmu_mem99.0", "100", "0");
	reread();
	assert_int_equal(pmu_set_count(host.set), PMU_COUNTERS_MAX);
	assert_int_equal(host.pmus->counters_refused, PMU_COUNTERS_MAX - 16 + PMU_ITEMS_MAX);
	take_pmu("cxl_pmu_mem7.0");
	reread();
	assert_int_equal(pmu_set_count(host.set), PMU_COUNTERS_MAX);
	assert_int_equal(pmu_set_get(host.set, PMU_COUNTERS_MAX - 1)->error, -EUSERS);
	assert_string_equal(pmu_set_get(host.set, PMU_COUNTERS_MAX - 1)->pmu, "cxl_pmu_mem99.0");
}

/* PMUs under ever new names */
static void test_many_come_and_go(void **state)
{
	char name[64], before[64] = "cxl_pmu_mem0.1";

	(void)state;
	ask("clock_ticks", NULL);
	for (int i = 1; i <= 40; i++) {
		take_pmu(before);
		snprintf(name, sizeof(name), "cxl_pmu_mem%d.0", i);
		put_pmu(name, "99", "0");
		reread();
		strcpy(before, name);
	}
	assert_int_equal(host.pmus->counters_open, 2);
	assert_true(pmu_set_count(host.set) <= 42);
	expect_told("cxl_pmu_mem39.0 clock_ticks" GONE COUNTS("cxl_pmu_mem40.0", "clock_ticks"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open),
		TEST(test_everywhere),
		TEST(test_only),
		TEST(test_unknown),
		TEST(test_no_pmu),
		TEST(test_group),
		TEST(test_group_without_first),
		TEST(test_twice),
		TEST(test_refused),
		TEST(test_bound),
		TEST(test_gone),
		TEST(test_all_gone),
		TEST(test_revoked),
		TEST(test_half_a_group),
		TEST(test_full),
		TEST(test_many_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
