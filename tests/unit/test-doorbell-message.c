// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Messages of doorbells: which one is what the host was told, when another one is a change, copies
 * that the endpoint function did not take, what walks find; and what a table that is full, or
 * records that no kernel sends, make of them.
 */
#include "rule-fixture.h"

#define M1 "{'address': '0x0000800000000040', 'data': '0x00000001'}"
#define M2 "{'address': '0x0000800000000040', 'data': '0x00000002'}"
#define M3 "{'address': '0x0000800000000040', 'data': '0x00000003'}"
#define CHANGED(from, to)                                                                          \
	"{'rule': 'doorbell-message-changed', 'device': '" FUNCTION "', 'irq': 30, 'index': 0,"    \
	" 'old_message': " from ", 'new_message': " to "}"

/* ---- The reference ---- */

/* An interrupt that was only allocated carries a placeholder on some machines. */
static void test_placeholder(void **state)
{
	struct world *w = *state;

	domains(w, true);
	ring_allocated(w, RING(3));
	ring_requested(w, RING(1));
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	expect_no_finding(w);
	expect_doorbells(w, "[{'state': 'published', 'message': " M1 ", 'published_message': " M1
			    ", 'message_changes': 0, 'verdict': 'safe'}]");
}

static void test_before_publishing(void **state)
{
	struct world *w = *state;

	domains(w, false);
	ring_allocated(w, RING(1));
	ring_requested(w, RING(1));
	forget(w);
	ring_moved(w, 2, RING(2));
	expect_event(w, "{'type': 'affinity-change'}");
	expect_event(w, "{'type': 'message-change'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'changed', 'old_message': " M1
			", 'new_message': " M2 ", 'message_changes': 1, 'verdict': 'violated',"
			" 'cause': {'kind': 'affinity-write', 'comm': 'irqbalance', 'pid': 71}}");
	expect_nothing(w);
	expect_finding_that(w, CHANGED(M1, M2), "Doorbell 0 of pci_epf_test.0 was set up with");
	expect_no_finding(w);
	/* what the host is told now is the second one: to that it may come back */
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	ring_moved(w, 1, RING(2));
	expect_no_finding(w);
	ring_moved(w, 2, RING(1));
	expect_finding_that(w, CHANGED(M2, M1), "was published with");
	expect_no_finding(w);
}

static void test_after_publishing(void **state)
{
	struct world *w = *state;

	ring_published(w);
	ring_moved(w, 2, RING(2));
	expect_finding(w, "{'rule': 'immutable-message-changed'}");
	expect_finding_that(w, CHANGED(M1, M2), "affinity-write by irqbalance (pid 71, uid 0)");
	/* each time that it goes elsewhere is told, and that it comes back is no violation */
	ring_moved(w, 4, RING(3));
	expect_finding(w, "{'rule': 'immutable-message-changed'}");
	expect_finding(w, CHANGED(M1, M3));
	forget_events(w);
	ring_moved(w, 1, RING(1));
	expect_finding(w, "{'rule': 'immutable-message-changed'}");
	expect_no_finding(w);
	expect_event(w, "{'type': 'affinity-change'}");
	expect_event(w, "{'type': 'message-change'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'changed', 'old_message': " M3
			", 'new_message': " M1 "}");
	expect_doorbells(w, "[{'message': " M1 ", 'published_message': " M1
			    ", 'message_changes': 3, 'verdict': 'violated'}]");
}

/* A move that writes the message again is none of that. */
static void test_same_message(void **state)
{
	struct world *w = *state;

	ring_published(w);
	ring_moved(w, 2, RING(1));
	tell(w, make_message(30, ZEROS, RING(2)));
	tell(w, make_message(30, ZEROS, RING(1)));
	pass(w, 5 * SECOND);
	expect_no_finding(w);
	expect_doorbells(w, "[{'message': " M1 ", 'message_changes': 0, 'verdict': 'safe'}]");
}

/* Nobody knew the message: the next handler may have another one. */
static void test_requested_again(void **state)
{
	struct world *w = *state;

	domains(w, true);
	ring_allocated(w, RING(1));
	ring_requested(w, RING(1));
	tell(w, make_action_freed(30, 7));
	tell(w, make_message(30, ZEROS, ZEROS));
	expect_doorbells(w, "[{'state': 'allocated', 'message': null}]");
	ring_requested(w, RING(2));
	expect_no_finding(w);
	expect_doorbells(w, "[{'message': " M2 ", 'message_changes': 0, 'verdict': 'safe'}]");
}

/* The host still has the first one. */
static void test_requested_again_published(void **state)
{
	struct world *w = *state;

	ring_published(w);
	tell(w, make_action_freed(30, 7));
	tell(w, make_message(30, ZEROS, ZEROS));
	ring_requested(w, RING(2));
	expect_finding(w, CHANGED(M1, M2));
	expect_no_finding(w);
}

/* The host cannot reach it any more, and nobody listens: it starts anew. */
static void test_unpublished(void **state)
{
	struct world *w = *state;

	for (int order = 0; order < 2; order++) {
		if (order)
			forget(w);
		else
			ring_published(w);
		if (order)
			tell(w, ring_bar(RECORD_REASON_REMOVED));
		tell(w, make_action_freed(30, 7));
		if (!order)
			tell(w, ring_bar(RECORD_REASON_REMOVED));
		ring_requested(w, RING(2 + (uint32_t)order));
		tell(w, ring_bar(RECORD_REASON_UPDATED));
		expect_no_finding(w);
	}
	expect_doorbells(w, "[{'message': " M3 ", 'published_message': " M3
			    ", 'message_changes': 0, 'verdict': 'safe'}]");
}

/* The host was told one that the handler's start replaced. */
static void test_early_and_changed(void **state)
{
	struct world *w = *state;

	domains(w, false);
	ring_allocated(w, RING(1));
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	forget(w);
	ring_requested(w, RING(2));
	expect_finding(w, CHANGED(M1, M2));
	expect_no_finding(w);
	expect_doorbells(w, "[{'message': " M2 ", 'published_message': " M1
			    ", 'message_changes': 1, 'verdict': 'violated'}]");
}

/* A PCI function that the settings name: its message was known before. */
static void test_pattern_preexisting(void **state)
{
	struct world *w;

	(void)state;
	w = world_new(NULL);
	tell(w, make_base(RECORD_MODE_TRACING));
	tell(w, make_pattern(NVME));
	walk(w, true);
	expect_doorbells(w, "[{'type': 'platform', 'message': {'data': '0x00000041'}}]");
	forget_events(w);
	tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x42)));
	tell(w,
	     moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 2, 2, MESSAGE(0x42)));
	expect_doorbells(w, "[{'message_changes': 1, 'verdict': 'violated'}]");
	world_free(w);
}

/* ---- Copies that were not taken ---- */

static void test_dropped(void **state)
{
	static const struct {
		enum record_doorbell_copy copy;
		const char *reason, *words;
	} cases[] = {
		{ RECORD_COPY_NONE, "no-table", "has no table of doorbells" },
		{ RECORD_COPY_INDEX, "index-out-of-range", "beyond the function's table" },
		{ RECORD_COPY_OTHER, "other-function-first", "another function is the first one" },
		{ RECORD_COPY_DIFFERS, "differs", "its copy holds another message" },
	};
	struct world *w = *state;
	char expected[128];

	ring_published(w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		tell(w, make_written(0, 30, RING(2), cases[i].copy));
		snprintf(expected, sizeof(expected),
			 "{'type': 'doorbell', 'state': 'dropped', 'reason': '%s'}",
			 cases[i].reason);
		expect_event(w, expected);
		expect_nothing(w);
		expect_finding_that(w,
				    "{'rule': 'doorbell-message-dropped', 'index': 0,"
				    " 'old_message': " M1 ", 'new_message': " M2 "}",
				    cases[i].words);
		expect_no_finding(w);
	}
	expect_doorbells(w, "[{'state': 'published', 'verdict': 'violated', 'message': " M1 "}]");
	tell(w, make_written(0, 30, RING(1), RECORD_COPY_TAKEN));
	tell(w, make_written(0, 30, ZEROS, RECORD_COPY_NONE));
	expect_nothing(w);
	expect_no_finding(w);
}

/* It may happen before the allocation has returned. */
static void test_dropped_first(void **state)
{
	struct world *w = *state;

	tell(w, make_written(0, 30, RING(2), RECORD_COPY_OTHER));
	expect_finding_that(w,
			    "{'rule': 'doorbell-message-dropped', 'device': '" FUNCTION
			    "', 'irq': 30, 'index': 0}",
			    "The controller epc0 was given 0x0000800000000040/0x00000002 for "
			    "doorbell 0, and function pci_epf_test.0 did not take it");
	forget_events(w);
	tell(w, make_doorbell(RECORD_REASON_CREATED, 0, 30));
	expect_event(w, "{'type': 'doorbell', 'state': 'allocated', 'verdict': 'violated'}");
}

/* ---- Walks ---- */

static void walk_sees(struct world *w, struct record_msg copy)
{
	walk_begin(w);
	see_domain(w, 0x200, "ITS-parent");
	see_domain(w, 0x100, "device");
	tell(w, make_platform(RECORD_REASON_SNAPSHOT, 30, EP));
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 7, "pci-ep-test-doorbell"));
	tell(w, with_ring(make_doorbell(RECORD_REASON_SNAPSHOT, 0, 30), copy));
	walk_end(w, true);
}

/* The records of the change were lost; its trace is the function's copy. */
static void test_walk_finds(void **state)
{
	struct world *w = *state;

	ring_published(w);
	walk_sees(w, RING(1));
	walk_sees(w, ZEROS);
	expect_nothing(w);
	walk_sees(w, RING(2));
	expect_event(w, "{'type': 'message-change', 'cause': {'kind': 'unknown'}}");
	expect_event(w, "{'type': 'doorbell', 'state': 'changed', 'old_message': " M1
			", 'new_message': " M2 ", 'cause': {'kind': 'unknown'}}");
	expect_nothing(w);
	expect_finding_that(w, CHANGED(M1, M2), "No event told of it");
	expect_no_finding(w);
	walk_sees(w, RING(2));
	expect_nothing(w);
	expect_doorbells(w, "[{'message': " M2 ", 'message_changes': 1, 'verdict': 'violated'}]");
}

/* The walk came in between: the records tell it, with its cause. */
static void test_walk_in_between(void **state)
{
	struct world *w = *state;
	struct record_message write;

	ring_published(w);
	walk_begin(w);
	see_domain(w, 0x200, "ITS-parent");
	see_domain(w, 0x100, "device");
	tell(w, make_platform(RECORD_REASON_SNAPSHOT, 30, EP));
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 7, "pci-ep-test-doorbell"));
	tell(w, with_ring(make_doorbell(RECORD_REASON_SNAPSHOT, 0, 30), RING(2)));
	ring_moved(w, 2, RING(2));
	walk_end(w, true);
	expect_finding(w, "{'rule': 'doorbell-message-changed', 'cause': {'pid': 71}}");
	expect_no_finding(w);

	/* seen before, changed before the walk's end */
	walk_begin(w);
	see_domain(w, 0x200, "ITS-parent");
	see_domain(w, 0x100, "device");
	tell(w, make_platform(RECORD_REASON_SNAPSHOT, 30, EP));
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 7, "pci-ep-test-doorbell"));
	tell(w, with_ring(make_doorbell(RECORD_REASON_SNAPSHOT, 0, 30), RING(2)));
	write = make_message(30, ZEROS, RING(3));
	done_by(&write.header, RECORD_CAUSE_AFFINITY_WRITE, "tuna", 71);
	tell(w, write);
	tell(w, moved(make_platform(0, 30, EP), RECORD_REASON_AFFINITY_APPLIED, 4, 4, ZEROS));
	walk_end(w, true);
	expect_finding(w, "{'rule': 'doorbell-message-changed', 'cause': {'pid': 71}}");
	expect_no_finding(w);

	/* an operation is under way: its end will tell */
	walk_begin(w);
	see_domain(w, 0x200, "ITS-parent");
	see_domain(w, 0x100, "device");
	tell(w, make_message(30, ZEROS, RING(1)));
	tell(w, make_platform(RECORD_REASON_SNAPSHOT, 30, EP));
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 7, "pci-ep-test-doorbell"));
	tell(w, with_ring(make_doorbell(RECORD_REASON_SNAPSHOT, 0, 30), RING(1)));
	walk_end(w, true);
	expect_no_finding(w);
	expect_doorbells(w, "[{'message': " M3 "}]");
}

/* A copy that was not taken is not what stands, however often a walk sees it. */
static void test_walk_after_drop(void **state)
{
	struct world *w = *state;
	struct record_message write = make_message(30, ZEROS, RING(2));

	ring_published(w);
	tell(w, write);
	tell(w, make_written(0, 30, RING(2), RECORD_COPY_OTHER));
	tell(w, moved(make_platform(0, 30, EP), RECORD_REASON_AFFINITY_APPLIED, 3, 1, ZEROS));
	forget(w);
	walk_sees(w, RING(1));
	expect_nothing(w);
	expect_no_finding(w);
	expect_doorbells(w, "[{'message': " M2 ", 'message_changes': 1}]");
}

/* ---- The table ---- */

static struct record_doorbell numbered(enum record_reason reason, uint64_t epf)
{
	struct record_doorbell r = make_doorbell(reason, 0, 100 + (uint32_t)epf);

	r.epf = epf;
	snprintf(r.epf_name, sizeof(r.epf_name), "epf.%llu", (unsigned long long)epf);
	return r;
}

static void test_full(void **state)
{
	struct model_limits limits = MODEL_LIMITS_DEFAULT;
	struct record_doorbell mapped, refused;
	struct world *w;

	(void)state;
	limits.entries[TABLE_DOORBELLS] = 3;
	w = world_new(&limits);
	for (uint64_t epf = 1; epf <= 4; epf++)
		tell(w, numbered(RECORD_REASON_CREATED, epf));
	expect_doorbells(w, "[{'epf': 'epf.1'}, {'epf': 'epf.2'}, {'epf': 'epf.3'}]");
	expect_refused(w, "{'doorbells': 1}");
	/* one that is freed gives way, one that a BAR still maps does not */
	mapped = with_ring(numbered(RECORD_REASON_UPDATED, 1), RING(1));
	tell(w, mapped);
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	tell(w, numbered(RECORD_REASON_REMOVED, 1));
	tell(w, numbered(RECORD_REASON_REMOVED, 2));
	tell(w, numbered(RECORD_REASON_CREATED, 5));
	expect_doorbells(w, "[{'epf': 'epf.1', 'state': 'freed', 'bar': 2}, {'epf': 'epf.3'},"
			    " {'epf': 'epf.5', 'state': 'allocated'}]");
	tell(w, numbered(RECORD_REASON_CREATED, 6));
	expect_refused(w, "{'doorbells': 2}");
	/* and so does what never was one */
	tell(w, ring_bar(RECORD_REASON_REMOVED));
	refused = numbered(RECORD_REASON_CREATED, 7);
	refused.error = -12;
	tell(w, refused);
	tell(w, numbered(RECORD_REASON_CREATED, 8));
	expect_doorbells(w, "[{'epf': 'epf.3'}, {'epf': 'epf.5'}, {'epf': 'epf.8'}]");
	expect_refused(w, "{'doorbells': 2}");
	world_free(w);
}

/* ---- Records that no kernel sends ---- */

static void test_hostile(void **state)
{
	struct world *w = *state;
	struct record_doorbell r = make_doorbell(RECORD_REASON_CREATED, 0, 30);

	r.epf = 0;
	tell(w, r);
	r.reason = RECORD_REASON_REMOVED;
	tell(w, r);
	r = make_doorbell(RECORD_REASON_CREATED, ~0U, 30);
	tell(w, r);
	r.reason = RECORD_REASON_UPDATED;
	r.message = RING(1);
	tell(w, r);
	r.reason = RECORD_REASON_SNAPSHOT;
	tell(w, r);
	expect_doorbells(w, "[]");
	expect_nothing(w);
	/* huge numbers, and an interrupt that is not there */
	r = make_doorbell(RECORD_REASON_CREATED, 65536, UINT32_MAX);
	r.count = 65536;
	r.epc = 0;
	r.bar = INT32_MIN;
	r.offset = UINT64_MAX;
	r.type = RECORD_DOORBELL_EMBEDDED;
	r.message = (struct record_msg){ ~0U, ~0U, ~0U };
	tell(w, r);
	expect_doorbells(w, "[{'index': 65536, 'irq': 4294967295, 'bar': null,"
			    " 'message': {'address': '0xffffffffffffffff'}}]");
	/* freed before it was, twice, written after; other reasons than there are */
	tell(w, make_doorbells_freed());
	tell(w, make_doorbells_freed());
	for (uint32_t reason = 0; reason < RECORD_REASON_MAX; reason++) {
		tell(w, with_ring(make_doorbell(reason, reason & 1, 30), RING(reason)));
		tell(w, make_bar(reason, reason % 6, RING_PAGE, 0x1000));
	}
	json_decref(model_to_json(w->model));
}

/* Times of all kinds, and all orders of the same few records */
static void test_disorder(void **state)
{
	static const uint64_t times[] = { 1, UINT64_MAX, 0, UINT64_MAX - 1, INT64_MAX, 1000 };
	struct world *w = *state;
	uint64_t seed = 1;

	tell(w, make_pattern("*"));
	for (int i = 0; i < 20000; i++) {
		uint32_t dice = (uint32_t)((seed = seed * 6364136223846793005 + 1) >> 33);
		uint32_t index = dice / 16 % 3, irq = 30 + dice / 48 % 3;
		struct record_msg message = RING(dice / 144 % 3);
		enum record_reason reason = dice / 512 % RECORD_REASON_MAX;
		uint64_t time = dice & 0x100000 ? times[dice / 1024 % 6] : 0;

#define AT(record_)                                                                                \
	({                                                                                         \
		__typeof__(record_) _at = (record_);                                               \
		((struct record_header *)&_at)->time_ns = time;                                    \
		tell(w, _at);                                                                      \
	})
		switch (dice % 16) {
		case 0: AT(make_doorbells_freed()); break;
		case 1: AT(make_refused(-(int32_t)irq, index)); break;
		case 2: AT(make_bar(reason, index, RING_PAGE, 0x1000)); break;
		case 3: AT(make_platform(reason, irq, EP)); break;
		case 4: AT(make_action(reason, irq, 7, "x")); break;
		case 5: AT(make_action_freed(irq, 7)); break;
		case 6: AT(make_free(irq, 1)); break;
		case 7: AT(make_message(irq, ZEROS, message)); break;
		case 8: AT(make_header(RECORD_TICK, sizeof(struct record_header))); break;
		case 9: AT(make_snapshot(dice / 512 % 2, dice / 2048 % 2)); break;
		case 10: AT(make_written(index, irq, message, dice / 512 % RECORD_COPY_MAX)); break;
		case 11: AT(make_alloc(irq, 2)); break;
		default: AT(with_ring(make_doorbell(reason, index, irq), message));
		}
		if (i % 64 == 0)
			json_decref(model_to_json(w->model));
		if (i % 256 == 0)
			forget(w);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE_TEST(test_placeholder),
		RULE_TEST(test_before_publishing),
		RULE_TEST(test_after_publishing),
		RULE_TEST(test_same_message),
		RULE_TEST(test_requested_again),
		RULE_TEST(test_requested_again_published),
		RULE_TEST(test_unpublished),
		RULE_TEST(test_early_and_changed),
		RULE_TEST(test_pattern_preexisting),
		RULE_TEST(test_dropped),
		RULE_TEST(test_dropped_first),
		RULE_TEST(test_walk_finds),
		RULE_TEST(test_walk_in_between),
		RULE_TEST(test_walk_after_drop),
		RULE_TEST(test_full),
		RULE_TEST(test_hostile),
		RULE_TEST(test_disorder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
