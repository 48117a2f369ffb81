// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the host reaches: a doorbell is published while a BAR of its function maps its address, too
 * early if nobody listens yet, and too long if its vector is gone.
 */
#include "rule-fixture.h"

#define EARLY                                                                                      \
	"{'rule': 'doorbell-published-early', 'device': '" FUNCTION "', 'irq': 30, 'index': 0}"

static void ready(struct world *w)
{
	domains(w, true);
	ring_allocated(w, RING(1));
	ring_requested(w, RING(1));
	forget_events(w);
}

/* ---- Windows ---- */

static void test_windows(void **state)
{
	static const struct {
		uint64_t address, size;
		bool maps;
	} windows[] = {
		{ RING_PAGE, 0x1000, true },
		{ RING_ADDRESS, 1, true },
		{ RING_ADDRESS - 3, 4, true },
		{ RING_ADDRESS - 4, 4, false },
		{ RING_ADDRESS + 1, 0x1000, false },
		{ RING_ADDRESS, 0, false },
		{ 0, UINT64_MAX, true },
		{ UINT64_MAX, UINT64_MAX, false },
		{ RING_ADDRESS, UINT64_MAX, true },
		/* the lower half of the address alone is another one */
		{ RING_ADDRESS & 0xffffffff, 0x1000, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(windows) / sizeof(*windows); i++) {
		struct world *w = world_listening();

		ready(w);
		tell(w, make_bar(RECORD_REASON_UPDATED, 3, windows[i].address, windows[i].size));
		expect_doorbells(w, windows[i].maps ? "[{'state': 'published', 'bar': 3}]" :
						      "[{'state': 'requested', 'bar': null}]");
		world_free(w);
	}
}

static void test_submaps(void **state)
{
	struct world *w = *state;
	struct record_bar bar = make_bar(RECORD_REASON_UPDATED, 4, RING_PAGE, 0x1000);

	ready(w);
	/* they replace the window, which does not count then */
	bar.n_submaps = 2;
	bar.submaps[0] = (struct record_window){ 0x1000, 0x1000 };
	tell(w, bar);
	expect_doorbells(w, "[{'state': 'requested'}]");
	bar.submaps[1] = (struct record_window){ RING_PAGE, 0x1000 };
	bar.n_submaps = 1;
	bar.header.time_ns = 0;
	tell(w, bar);
	expect_doorbells(w, "[{'state': 'requested'}]");
	bar.n_submaps = 2;
	tell(w, bar);
	expect_doorbells(w, "[{'state': 'published', 'bar': 4}]");
	/* one that has none again */
	tell(w, make_bar(RECORD_REASON_UPDATED, 4, 0x1000, 0x1000));
	expect_doorbells(w, "[{'state': 'requested'}]");
	/* the last of them, and a count that is none */
	memset(bar.submaps, 0, sizeof(bar.submaps));
	bar.submaps[RECORD_SUBMAPS - 1] = (struct record_window){ RING_PAGE, 0x1000 };
	bar.n_submaps = UINT32_MAX;
	tell(w, bar);
	expect_doorbells(w, "[{'state': 'published', 'bar': 4}]");
}

/* Another function's BAR, or another controller's, exposes nothing of this one. */
static void test_others(void **state)
{
	struct world *w = *state;
	struct record_bar bar = ring_bar(RECORD_REASON_UPDATED);

	ready(w);
	bar.func = 1 << 16;
	tell(w, bar);
	bar.func = 1;
	tell(w, bar);
	bar.func = 0;
	bar.epc = EPC + 1;
	tell(w, bar);
	expect_doorbells(w, "[{'state': 'requested'}]");
	expect_nothing(w);
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	expect_doorbells(w, "[{'state': 'published'}]");
	bar.reason = RECORD_REASON_REMOVED;
	tell(w, bar);
	expect_doorbells(w, "[{'state': 'published'}]");
}

/* ---- Published ---- */

static void test_set_again(void **state)
{
	struct world *w = *state;

	ring_published(w);
	/* the same is nothing new, nor is a second way to it */
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	tell(w, make_bar(RECORD_REASON_UPDATED, 5, RING_PAGE, 0x1000));
	expect_nothing(w);
	tell(w, ring_bar(RECORD_REASON_REMOVED));
	expect_nothing(w);
	expect_doorbells(w, "[{'state': 'published', 'bar': 5}]");
	/* set to something else is as good as cleared */
	tell(w, make_bar(RECORD_REASON_UPDATED, 5, 0x1000, 0x1000));
	expect_nothing(w);
	expect_doorbells(w, "[{'state': 'requested', 'bar': null, 'published_message': null}]");
	tell(w, make_bar(RECORD_REASON_REMOVED, 0, 0, 0));
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	expect_event(w, "{'type': 'doorbell', 'state': 'published', 'bar': 2}");
	expect_nothing(w);
	expect_no_finding(w);
}

/* What a walk says of the BAR, between others that say that all is still there */
static void walk_sees(struct world *w, bool complete, const struct record_bar *bars, size_t n)
{
	walk_begin(w);
	see_domain(w, 0x200, "ITS-parent");
	see_domain(w, 0x100, "device");
	tell(w, make_platform(RECORD_REASON_SNAPSHOT, 30, EP));
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 7, "pci-ep-test-doorbell"));
	tell(w, with_ring(make_doorbell(RECORD_REASON_SNAPSHOT, 0, 30), RING(1)));
	for (size_t i = 0; i < n; i++)
		tell(w, bars[i]);
	walk_end(w, complete);
}

#define WALK(complete, ...)                                                                        \
	walk_sees(w, complete, (struct record_bar[]){ __VA_ARGS__ },                               \
		  sizeof((struct record_bar[]){ __VA_ARGS__ }) / sizeof(struct record_bar))
#define SEEN ring_bar(RECORD_REASON_SNAPSHOT)
#define SET ring_bar(RECORD_REASON_UPDATED)
#define CLEARED ring_bar(RECORD_REASON_REMOVED)
#define PUBLISHED "[{'state': 'published', 'bar': 2}]"
#define WITHDRAWN "[{'state': 'requested', 'bar': null}]"

/* A walk tells what the function wants, which stays when the BAR is cleared, not what the controller was told. */
static void test_walk(void **state)
{
	struct world *w = *state;

	ring_published(w);
	WALK(true, make_bar(RECORD_REASON_SNAPSHOT, 2, 0x1000, 0x1000),
	     make_bar(RECORD_REASON_SNAPSHOT, 3, RING_PAGE, 0));
	expect_doorbells(w, PUBLISHED);
	WALK(true, CLEARED, SEEN);
	expect_doorbells(w, WITHDRAWN);
	WALK(true, SEEN);
	expect_doorbells(w, WITHDRAWN);
	expect_nothing(w);
	/* wanted, and not yet set */
	WALK(true, SEEN, SET);
	expect_event(w, "{'type': 'doorbell', 'state': 'published'}");
	expect_nothing(w);
	expect_no_finding(w);
}

/* Where the walk is refused only interrupts are read again: no doorbell and no BAR is gone by that. */
static void test_walk_refused(void **state)
{
	struct record_snapshot end = make_snapshot(RECORD_SNAPSHOT_END, true);
	struct world *w = *state;

	ring_published(w);
	end.complete = RECORD_COMPLETE_IRQS;
	walk_begin(w);
	tell(w, make_sysfs_irq(30, "pci-ep-test-doorbell"));
	tell(w, end);
	expect_nothing(w);
	expect_doorbells(w, PUBLISHED);
	tell(w, make_lost(1, "ring-full"));
	walk_begin(w);
	tell(w, make_sysfs_irq(30, "pci-ep-test-doorbell"));
	end.header.time_ns = 0;
	tell(w, end);
	assert_false(w->model->bars_known);
	expect_doorbells(w, PUBLISHED);
}

/* A record was lost: what the function wants is the best there is, but for what a hook tells meanwhile. */
static void test_walk_after_loss(void **state)
{
	struct world *w = *state;

	ready(w);
	tell(w, make_lost(1, "ring-full"));
	forget(w);
	WALK(false, SET, CLEARED, SEEN);
	expect_doorbells(w, WITHDRAWN);
	/* that walk was cut short: the next one is believed, too */
	WALK(true, SEEN, CLEARED, SEEN);
	expect_doorbells(w, WITHDRAWN);
	WALK(true, SEEN);
	expect_doorbells(w, WITHDRAWN);
	tell(w, make_lost(1, "ring-full"));
	WALK(true, SEEN);
	expect_doorbells(w, PUBLISHED);
	expect_no_finding(w);
}

/* The same, and the daemon restarts: what was published is so, and its message must not change. */
static void test_restart_after_loss(void **state)
{
	struct world *w = *state;

	ring_published(w);
	tell(w, make_lost(1, "ring-full"));
	WALK(true, SEEN);
	world_restart(w);
	WALK(true, SEEN);
	forget(w);
	expect_doorbells(w, PUBLISHED);
	tell(w, make_action_freed(30, 7));
	tell(w, make_message(30, RING(1), RING(2)));
	ring_requested(w, RING(2));
	expect_finding(w, "{'rule': 'doorbell-message-changed', 'irq': 30,"
			  " 'old_message': {'data': '0x00000001'},"
			  " 'new_message': {'data': '0x00000002'}}");
	expect_no_finding(w);
	/* that it was in doubt is known, too: neither another one is published, nor is this one not */
	tell(w, with_ring(make_doorbell(RECORD_REASON_CREATED, 1, 31), RING(3)));
	expect_doorbells(w, "[{'state': 'published'}, {'state': 'allocated', 'bar': null}]");
	expect_no_finding(w);
	tell(w, SET);
	expect_doorbells(w, "[{'state': 'published'}, {'state': 'published', 'bar': 2}]");
}

/* ---- Too early ---- */

static void test_early(void **state)
{
	struct world *w = *state;

	domains(w, true);
	ring_allocated(w, RING(1));
	forget_events(w);
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	expect_event(w, "{'type': 'doorbell', 'state': 'published', 'verdict': 'violated'}");
	expect_nothing(w);
	expect_finding_that(w, EARLY,
			    "BAR 2 of pci_epf_test.0 began to map doorbell 0 "
			    "(0x0000800000000040/0x00000001) while interrupt 30 had no handler");
	ring_requested(w, RING(1));
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	expect_no_finding(w);
	expect_doorbells(w, "[{'state': 'published', 'verdict': 'violated'}]");
	/* and so it is when it is done again */
	tell(w, ring_bar(RECORD_REASON_REMOVED));
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	expect_no_finding(w);
}

/* The BAR had been there all the time. */
static void test_early_bar_first(void **state)
{
	struct world *w = *state;

	domains(w, true);
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	ring_allocated(w, RING(1));
	expect_event(w, "{'type': 'vector-allocated'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'allocated'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'published'}");
	expect_finding(w, EARLY);
	expect_no_finding(w);
}

/* Nobody can say what a doorbell's address is before it has a message. */
static void test_without_message(void **state)
{
	struct world *w = *state;

	tell(w, make_bar(RECORD_REASON_UPDATED, 0, 0, UINT64_MAX));
	tell(w, make_doorbell(RECORD_REASON_CREATED, 0, 30));
	expect_doorbells(w, "[{'state': 'allocated', 'bar': null}]");
	expect_no_finding(w);
}

/* ---- Too long ---- */

static void test_stale(void **state)
{
	struct world *w = *state;

	ring_published(w);
	tell(w, make_action_freed(30, 7));
	tell(w, make_doorbells_freed());
	expect_event(w, "{'type': 'handler-freed'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'freed'}");
	expect_doorbells(w, "[{'state': 'freed', 'bar': 2, 'irq': null, 'message': null,"
			    " 'published_message': {'data': '0x00000001'}}]");
	w->now_ns += 250000;
	tell(w, ring_bar(RECORD_REASON_REMOVED));
	/* 1.25 ms after the release */
	expect_event(w, "{'type': 'doorbell', 'state': 'stale', 'stale_us': 1250, 'bar': 2}");
	expect_nothing(w);
	expect_finding_that(w, "{'rule': 'doorbell-stale-mapping', 'irq': null, 'index': 0}",
			    "was freed, and BAR 2 mapped it for another 1250 us");
	expect_doorbells(w, "[{'state': 'freed', 'bar': null, 'published_message': null}]");
	pass(w, 5 * SECOND);
	expect_nothing(w);
	expect_no_finding(w);
}

/* One that lasts is told while it does, once. Its end is an event. */
static void test_stale_lasts(void **state)
{
	struct world *w = *state;
	uint64_t freed_ns;

	ring_published(w);
	tell(w, make_action_freed(30, 7));
	tell(w, make_doorbells_freed());
	freed_ns = w->now_ns;
	forget(w);
	tick_at(w, freed_ns + SECOND - 1);
	expect_nothing(w);
	assert_int_equal(model_tick_due(w->model), freed_ns + SECOND);
	tick_at(w, freed_ns + SECOND);
	expect_event(w, "{'type': 'doorbell', 'state': 'stale', 'stale_us': 1000000, 'bar': 2}");
	expect_finding_that(w, "{'rule': 'doorbell-stale-mapping', 'index': 0}",
			    "BAR 2 mapped it still, after 1000000 us");
	tick_at(w, freed_ns + 3 * SECOND);
	expect_nothing(w);
	expect_doorbells(w, "[{'state': 'freed', 'bar': 2}]");
	tell(w, ring_bar(RECORD_REASON_REMOVED));
	expect_event(w, "{'type': 'doorbell', 'state': 'stale', 'stale_us': 3001000}");
	expect_nothing(w);
	expect_no_finding(w);
	tell(w, ring_bar(RECORD_REASON_REMOVED));
	expect_nothing(w);
}

/* A record was lost, before the release or after it: it may be the one of the BAR's end. */
static void test_stale_doubtful(void **state)
{
	struct world *w = *state;

	for (unsigned int round = 0; round < 4; round++) {
		bool before = round & 1, told = round & 2;

		ring_published(w);
		tell(w, make_action_freed(30, 7));
		if (before)
			tell(w, make_lost(1, "ring-full"));
		tell(w, make_doorbells_freed());
		if (!before)
			tell(w, make_lost(1, "ring-full"));
		forget_events(w);
		/* a clearing that comes is another one */
		if (told)
			tell(w, ring_bar(RECORD_REASON_REMOVED));
		pass(w, 3 * SECOND);
		expect_nothing(w);
		expect_no_finding(w);
		expect_doorbells(w, "[{'state': 'freed', 'bar': null}]");
		tell(w, ring_bar(RECORD_REASON_REMOVED));
		tell(w, make_free(30, 1));
		expect_no_finding(w);
		forget(w);
	}
}

/* A state file that has the doorbell, and not the BAR: so older daemons wrote it after a loss. */
static void test_stale_unknown(void **state)
{
	struct world *w = *state;

	ring_published(w);
	tell(w, make_action_freed(30, 7));
	tell(w, make_doorbells_freed());
	forget(w);
	bars_free(w->model);
	pass(w, 3 * SECOND);
	expect_nothing(w);
	expect_no_finding(w);
}

/* Set to something else, or used for the next one: that ends it too. */
static void test_stale_ends(void **state)
{
	struct world *w = *state;

	ring_published(w);
	tell(w, make_action_freed(30, 7));
	tell(w, make_doorbells_freed());
	forget(w);
	tell(w, make_bar(RECORD_REASON_UPDATED, 2, 0x1000, 0x1000));
	expect_event(w, "{'type': 'doorbell', 'state': 'stale', 'stale_us': 1000}");
	expect_finding(w, "{'rule': 'doorbell-stale-mapping'}");
	expect_no_finding(w);
}

static void test_stale_reallocated(void **state)
{
	struct world *w = *state;

	ring_published(w);
	tell(w, make_action_freed(30, 7));
	tell(w, make_doorbells_freed());
	tell(w, make_free(30, 1));
	forget(w);
	ring_allocated(w, RING(2));
	expect_event(w, "{'type': 'vector-allocated'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'stale'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'allocated'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'published'}");
	expect_nothing(w);
	expect_finding(w, "{'rule': 'doorbell-stale-mapping'}");
	expect_finding(w, "{'rule': 'doorbell-published-early', 'new_message': "
			  "{'data': '0x00000002'}}");
	expect_no_finding(w);
	/* the time of the old one is over */
	pass(w, 5 * SECOND);
	expect_nothing(w);
}

/* One that no BAR mapped leaves nothing behind. */
static void test_not_stale(void **state)
{
	struct world *w = *state;

	ready(w);
	tell(w, make_doorbells_freed());
	forget(w);
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	tell(w, ring_bar(RECORD_REASON_REMOVED));
	pass(w, 20 * SECOND);
	expect_no_finding(w);
}

/* A file may have times in any order. */
static void test_stale_backwards(void **state)
{
	struct world *w = *state;
	struct record_bar bar = ring_bar(RECORD_REASON_REMOVED);

	ring_published(w);
	tell(w, make_action_freed(30, 7));
	tell(w, make_doorbells_freed());
	forget(w);
	bar.header.time_ns = 1;
	tell(w, bar);
	expect_event(w, "{'type': 'doorbell', 'state': 'stale', 'stale_us': 0}");
	expect_finding_that(w, "{'rule': 'doorbell-stale-mapping'}", "for another 0 us");
}

/* ---- The table ---- */

static void test_bars_full(void **state)
{
	struct model_limits limits = MODEL_LIMITS_DEFAULT;
	struct world *w;

	(void)state;
	limits.entries[TABLE_BARS] = 2;
	w = world_new(&limits);
	tell(w, make_bar(RECORD_REASON_UPDATED, 0, 0x1000, 0x1000));
	tell(w, make_bar(RECORD_REASON_UPDATED, 1, 0x1000, 0x1000));
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	expect_refused(w, "{'bars': 1}");
	/* those that are there can be set, and make room when they go */
	tell(w, make_bar(RECORD_REASON_UPDATED, 1, 0x2000, 0x1000));
	expect_refused(w, "{'bars': 1}");
	tell(w, make_bar(RECORD_REASON_REMOVED, 0, 0, 0));
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	expect_refused(w, "{'bars': 1}");
	world_free(w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE_TEST(test_windows),
		RULE_TEST(test_submaps),
		RULE_TEST(test_others),
		RULE_TEST(test_set_again),
		RULE_TEST(test_walk),
		RULE_TEST(test_walk_refused),
		RULE_TEST(test_walk_after_loss),
		RULE_TEST(test_restart_after_loss),
		RULE_TEST(test_early),
		RULE_TEST(test_early_bar_first),
		RULE_TEST(test_without_message),
		RULE_TEST(test_stale),
		RULE_TEST(test_stale_lasts),
		RULE_TEST(test_stale_doubtful),
		RULE_TEST(test_stale_unknown),
		RULE_TEST(test_stale_ends),
		RULE_TEST(test_stale_reallocated),
		RULE_TEST(test_not_stale),
		RULE_TEST(test_stale_backwards),
		RULE_TEST(test_bars_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
