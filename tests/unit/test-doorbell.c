// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The life of endpoint doorbells, as records tell it: on an MSI parent, embedded in the controller,
 * and of platform devices that the settings name; what walks find, what was missed, and what the
 * table holds.
 */
#include "rule-fixture.h"

#define M1 "{'address': '0x0000800000000040', 'data': '0x00000001'}"
#define M2 "{'address': '0x0000800000000040', 'data': '0x00000002'}"

/* ---- On an MSI parent ---- */

static void test_msi(void **state)
{
	struct world *w = *state;

	domains(w, true);
	ring_allocated(w, RING(1));
	expect_event(w, "{'type': 'vector-allocated', 'irq': 30}");
	expect_event(w, "{'type': 'doorbell', 'state': 'allocated', 'doorbell_type': 'msi',"
			" 'epc': 'epc0', 'epf': 'pci_epf_test.0', 'index': 0, 'irq': 30,"
			" 'device': '" EP "', 'driver': 'pci_epf_test', 'message': " M1
			", 'cause': {'kind': 'driver', 'comm': 'kworker/0:1'}}");
	expect_nothing(w);
	expect_doorbells(w, "[{'epc': 'epc0', 'epf': 'pci_epf_test.0', 'index': 0, 'irq': 30,"
			    " 'message': " M1 ", 'published_message': null, 'type': 'msi',"
			    " 'parent_domain': 1, 'immutability': 'declared',"
			    " 'state': 'allocated', 'message_changes': 0, 'verdict': 'safe',"
			    " 'bar': null, 'errno': null}]");

	ring_requested(w, RING(1));
	expect_event(w, "{'type': 'handler-requested'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'requested', 'index': 0}");
	expect_nothing(w);
	expect_doorbells(w, "[{'state': 'requested'}]");

	tell(w, ring_bar(RECORD_REASON_UPDATED));
	expect_event(w, "{'type': 'doorbell', 'state': 'published', 'bar': 2,"
			" 'published_message': " M1 "}");
	expect_nothing(w);
	expect_doorbells(w, "[{'state': 'published', 'bar': 2, 'published_message': " M1 "}]");

	/* the good order: BAR, handler, doorbell */
	tell(w, ring_bar(RECORD_REASON_REMOVED));
	expect_doorbells(w, "[{'state': 'requested', 'bar': null, 'published_message': null}]");
	tell(w, make_action_freed(30, 7));
	expect_event(w, "{'type': 'handler-freed'}");
	expect_doorbells(w, "[{'state': 'allocated'}]");
	tell(w, make_doorbells_freed());
	expect_event(w, "{'type': 'doorbell', 'state': 'freed', 'irq': null, 'index': 0}");
	expect_nothing(w);
	expect_doorbells(w, "[{'state': 'freed', 'irq': null, 'message': null,"
			    " 'parent_domain': null, 'immutability': 'unknown',"
			    " 'verdict': 'safe'}]");
	expect_no_finding(w);
	assert_null(model_doorbell(w->model, 30));
}

/* All doorbells of a function go at once, and no other's. */
static void test_many(void **state)
{
	struct world *w = *state;
	struct record_doorbell other = make_doorbell(RECORD_REASON_CREATED, 0, 50);

	domains(w, true);
	for (uint32_t i = 0; i < 3; i++)
		tell(w, with_ring(make_doorbell(RECORD_REASON_CREATED, i, 30 + i), RING(i + 1)));
	other.epf = EPF + 1;
	SET_TEXT(other.epf_name, "pci_epf_test.1");
	tell(w, other);
	forget_events(w);
	expect_doorbells(w, "[{'index': 0, 'irq': 30}, {'index': 1, 'irq': 31},"
			    " {'index': 2, 'irq': 32}, {'epf': 'pci_epf_test.1', 'irq': 50}]");
	assert_int_equal(model_doorbell(w->model, 31)->key.index, 1);
	tell(w, make_doorbells_freed());
	for (int i = 0; i < 3; i++)
		expect_event(w, "{'type': 'doorbell', 'state': 'freed'}");
	expect_nothing(w);
	expect_doorbells(w, "[{'state': 'freed'}, {'state': 'freed'}, {'state': 'freed'},"
			    " {'state': 'allocated'}]");
	/* once is enough */
	tell(w, make_doorbells_freed());
	expect_nothing(w);
}

static void test_reallocated(void **state)
{
	struct world *w = *state;

	ring_published(w);
	tell(w, ring_bar(RECORD_REASON_REMOVED));
	tell(w, make_action_freed(30, 7));
	tell(w, make_doorbells_freed());
	tell(w, make_free(30, 1));
	forget_events(w);
	ring_allocated(w, RING(2));
	expect_event(w, "{'type': 'vector-allocated'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'allocated', 'message': " M2 "}");
	ring_requested(w, RING(2));
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	expect_doorbells(w, "[{'state': 'published', 'published_message': " M2
			    ", 'message_changes': 0, 'verdict': 'safe'}]");
	expect_no_finding(w);
}

/* Its release was missed: what the old one promised is void. */
static void test_release_missed(void **state)
{
	struct world *w = *state;

	ring_published(w);
	tell(w, make_free(30, 1));
	tell(w, ring_bar(RECORD_REASON_REMOVED));
	forget_events(w);
	ring_allocated(w, RING(2));
	expect_event(w, "{'type': 'vector-allocated'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'freed'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'allocated', 'message': " M2 "}");
	expect_nothing(w);
	ring_requested(w, RING(2));
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	expect_doorbells(w, "[{'state': 'published', 'published_message': " M2
			    ", 'message_changes': 0, 'verdict': 'safe'}]");
	expect_no_finding(w);
}

/* ---- Refused ---- */

static void test_refused(void **state)
{
	struct world *w = *state;

	tell(w, make_refused(-22, 4));
	expect_event(w, "{'type': 'doorbell', 'state': 'refused', 'errno': 22, 'irq': null,"
			" 'index': null, 'epf': 'pci_epf_test.0'}");
	expect_nothing(w);
	expect_doorbells(w, "[{'state': 'refused', 'errno': 22, 'irq': null, 'index': null,"
			    " 'verdict': 'safe', 'message': null}]");
	/* it tries again, and once more */
	tell(w, make_refused(-28, 2));
	expect_event(w, "{'type': 'doorbell', 'state': 'refused', 'errno': 28}");
	expect_doorbells(w, "[{'state': 'refused', 'errno': 28}]");
	/* what was not there cannot be freed */
	tell(w, make_doorbells_freed());
	expect_nothing(w);
	ring_allocated(w, RING(1));
	expect_doorbells(w, "[{'state': 'allocated', 'errno': null}]");
	expect_no_finding(w);
}

/* Some messages had been written before the last of them failed, and zeros afterwards. */
static void test_refused_halfway(void **state)
{
	struct world *w = *state;

	domains(w, true);
	tell(w, make_platform(RECORD_REASON_ALLOCATED, 30, EP));
	tell(w, make_written(0, 30, RING(1), RECORD_COPY_TAKEN));
	tell(w, make_written(1, 31, RING(2), RECORD_COPY_TAKEN));
	tell(w, make_written(1, 31, ZEROS, RECORD_COPY_TAKEN));
	tell(w, make_written(0, 30, ZEROS, RECORD_COPY_TAKEN));
	tell(w, make_written(2, 32, ZEROS, RECORD_COPY_TAKEN));
	tell(w, make_free(30, 1));
	forget_events(w);
	tell(w, make_refused(-28, 3));
	expect_event(w, "{'type': 'doorbell', 'state': 'refused'}");
	expect_nothing(w);
	expect_doorbells(w, "[{'state': 'refused'}]");
	expect_no_finding(w);
}

/* A second attempt that fails takes nothing from the doorbells that are there. */
static void test_refused_second(void **state)
{
	struct world *w = *state;

	ring_published(w);
	tell(w, make_refused(-16, 1));
	expect_doorbells(w, "[{'state': 'published', 'index': 0}, {'state': 'refused'}]");
	ring_moved(w, 2, RING(2));
	expect_finding(w, "{'rule': 'immutable-message-changed'}");
	expect_finding(w, "{'rule': 'doorbell-message-changed'}");
}

/* The zeros of a release are nobody's doorbell. */
static void test_zeros(void **state)
{
	struct world *w = *state;

	tell(w, make_written(0, 30, ZEROS, RECORD_COPY_NONE));
	expect_doorbells(w, "[]");
	ring_published(w);
	tell(w, make_doorbells_freed());
	forget_events(w);
	tell(w, make_written(0, 30, ZEROS, RECORD_COPY_NONE));
	expect_doorbells(w, "[{'state': 'freed'}]");
	expect_nothing(w);
}

/* ---- Embedded in the controller: one wired interrupt for all ---- */

static struct record_doorbell embedded(enum record_reason reason, uint32_t index)
{
	struct record_doorbell r = with_ring(make_doorbell(reason, index, 40), RING(index + 1));

	r.type = RECORD_DOORBELL_EMBEDDED;
	r.bar = 1;
	return r;
}

static void test_embedded(void **state)
{
	struct world *w = *state;

	tell(w, make_wired(RECORD_REASON_ACTIVATED, 40));
	forget_events(w);
	for (uint32_t i = 0; i < 2; i++) {
		tell(w, embedded(RECORD_REASON_CREATED, i));
		expect_event(w, "{'type': 'doorbell', 'state': 'allocated',"
				" 'doorbell_type': 'embedded', 'irq': 40, 'bar': null}");
	}
	expect_nothing(w);
	expect_doorbells(w, "[{'type': 'embedded', 'parent_domain': null, 'state': 'allocated',"
			    " 'immutability': 'unknown', 'verdict': 'safe', 'index': 0},"
			    " {'index': 1, 'irq': 40}]");
	/* the controller exposes it anyway: published is what somebody listens to */
	tell(w, make_action(RECORD_REASON_REQUESTED, 40, 7, "doorbell"));
	expect_event(w, "{'type': 'handler-requested'}");
	for (uint32_t i = 0; i < 2; i++) {
		expect_event(w, "{'type': 'doorbell', 'state': 'requested'}");
		expect_event(w, "{'type': 'doorbell', 'state': 'published', 'bar': 1}");
	}
	expect_nothing(w);
	expect_doorbells(w, "[{'state': 'published', 'bar': 1}, {'state': 'published', 'bar': 1}]");

	tell(w, make_action_freed(40, 7));
	tell(w, embedded(RECORD_REASON_REMOVED, ~0U));
	forget_events(w);
	expect_doorbells(w, "[{'state': 'freed', 'bar': null}, {'state': 'freed', 'bar': null}]");
	/* it has always been there: nothing is stale */
	assert_null(model_doorbell(w->model, 40));
	pass(w, 5 * SECOND);
	expect_nothing(w);
	expect_no_finding(w);
}

/* Its register is what it is: other writes of the controller's interrupt are not its message. */
static void test_embedded_message(void **state)
{
	struct world *w = *state;

	tell(w, embedded(RECORD_REASON_CREATED, 0));
	tell(w, make_wired(RECORD_REASON_ACTIVATED, 40));
	tell(w, make_action(RECORD_REASON_REQUESTED, 40, 7, "doorbell"));
	tell(w, make_message(40, ZEROS, MESSAGE(0x41)));
	tell(w, make_wired(RECORD_REASON_REQUESTED, 40));
	tell(w, make_message(40, MESSAGE(0x41), MESSAGE(0x42)));
	tell(w, make_wired(RECORD_REASON_AFFINITY_APPLIED, 40));
	expect_doorbells(w, "[{'state': 'published', 'message_changes': 0, 'verdict': 'safe',"
			    " 'message': " M1 "}]");
	expect_no_finding(w);
}

/* The controller's own driver has a handler there already. */
static void test_embedded_shared(void **state)
{
	struct world *w = *state;

	tell(w, make_wired(RECORD_REASON_ACTIVATED, 40));
	tell(w, make_action(RECORD_REASON_REQUESTED, 40, 3, "dw-edma"));
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	forget_events(w);
	tell(w, embedded(RECORD_REASON_CREATED, 0));
	expect_event(w, "{'type': 'doorbell', 'state': 'allocated'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'published', 'bar': 2}");
	expect_nothing(w);
	/* that nobody listened is not proven */
	expect_no_finding(w);
	expect_doorbells(w, "[{'state': 'published', 'verdict': 'safe'}]");
}

/* ---- Of platform devices that the settings name ---- */

#define USER "ep-3.msi"

static void platform_requested(struct world *w, struct record_msg message)
{
	tell(w, make_message(30, ZEROS, message));
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, 7, "ring"));
	tell(w, make_platform(RECORD_REASON_REQUESTED, 30, USER));
}

static void test_platform(void **state)
{
	struct world *w = *state;

	domains(w, true);
	tell(w, make_pattern("ep-*"));
	tell(w, make_platform(RECORD_REASON_ALLOCATED, 30, USER));
	expect_event(w, "{'type': 'vector-allocated'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'allocated', 'doorbell_type': 'platform',"
			" 'irq': 30, 'index': 0, 'epc': null, 'epf': '" USER "', 'device': '" USER
			"', 'driver': 'ep-driver'}");
	expect_nothing(w);
	platform_requested(w, RING(1));
	expect_event(w, "{'type': 'handler-requested'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'requested'}");
	expect_nothing(w);
	expect_doorbells(w, "[{'type': 'platform', 'state': 'requested', 'message': " M1
			    ", 'parent_domain': 1, 'verdict': 'safe', 'bar': null}]");
	/* what some endpoint function maps has nothing to do with it */
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	expect_nothing(w);
	tell(w, make_action_freed(30, 7));
	expect_event(w, "{'type': 'handler-freed'}");
	expect_doorbells(w, "[{'state': 'allocated'}]");
	tell(w, make_free(30, 1));
	expect_event(w, "{'type': 'vector-freed'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'freed'}");
	expect_nothing(w);
	expect_no_finding(w);
}

/* The kernel gives the same interrupt, at the same place, to the same device again. */
static void test_platform_again(void **state)
{
	struct world *w = *state;

	domains(w, true);
	tell(w, make_pattern("ep-*"));
	tell(w, make_platform(RECORD_REASON_ALLOCATED, 30, USER));
	platform_requested(w, RING(1));
	tell(w, make_action_freed(30, 7));
	tell(w, make_free(30, 1));
	forget_events(w);
	tell(w, make_platform(RECORD_REASON_ALLOCATED, 30, USER));
	expect_event(w, "{'type': 'vector-allocated'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'allocated'}");
	platform_requested(w, RING(2));
	expect_doorbells(w, "[{'state': 'requested', 'message': " M2 ", 'message_changes': 0,"
			    " 'verdict': 'safe'}]");
	expect_no_finding(w);
}

static void test_patterns(void **state)
{
	static const struct {
		const char *pattern, *device;
		bool matches;
	} cases[] = {
		{ "ep-*", "ep-3.msi", true },	   { "ep-?.msi", "ep-3.msi", true },
		{ "ep-[23].*", "ep-3.msi", true }, { "ep-3.msi", "ep-3.msi", true },
		{ "ep", "ep-3.msi", false },	   { "EP-*", "ep-3.msi", false },
		{ "", "ep-3.msi", false },	   { "ep-[", "ep-3.msi", false },
		{ "*", "ep-3.msi", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct world *w = world_listening();

		tell(w, make_pattern(cases[i].pattern));
		tell(w, make_platform(RECORD_REASON_ALLOCATED, 30, cases[i].device));
		expect_doorbells(w, cases[i].matches ? "[{'type': 'platform'}]" : "[]");
		world_free(w);
	}
}

/* Not every interrupt of such a device, and no more patterns than there is room for */
static void test_patterns_bounds(void **state)
{
	struct world *w = *state;
	struct vector_record wired = make_wired(RECORD_REASON_ACTIVATED, 31);
	char pattern[16];

	SET_TEXT(wired.r.provider.name, "no-14");
	for (int i = 0; i < MODEL_PATTERNS_MAX - 1; i++) {
		snprintf(pattern, sizeof(pattern), "no-%d", i);
		tell(w, make_pattern(pattern));
		tell(w, make_pattern(pattern));
	}
	tell(w, make_pattern("ep-*"));
	tell(w, make_pattern("late-*"));
	tell(w, wired);
	tell(w, make_platform(RECORD_REASON_ALLOCATED, 30, "late-1"));
	expect_doorbells(w, "[]");
	tell(w, make_platform(RECORD_REASON_ALLOCATED, 32, "no-14"));
	tell(w, make_platform(RECORD_REASON_ALLOCATED, 33, USER));
	expect_doorbells(w, "[{'irq': 33}, {'irq': 32}]");
}

/* The settings were read again: the next walk shows what the patterns name now. */
static void test_patterns_changed(void **state)
{
	struct record_pattern none = make_pattern("");
	struct world *w = *state;

	none.kind = RECORD_PATTERN_NONE;
	tell(w, make_pattern("ep-*"));
	tell(w, make_pattern("both-*"));
	tell(w, make_platform(RECORD_REASON_ALLOCATED, 30, USER));
	tell(w, make_platform(RECORD_REASON_ALLOCATED, 31, "both-1"));
	tell(w, make_platform(RECORD_REASON_ALLOCATED, 32, "late-1"));
	expect_doorbells(w, "[{'irq': 31}, {'irq': 30}]");
	tell(w, none);
	tell(w, make_pattern("late-*"));
	tell(w, make_pattern("both-*"));
	walk_begin(w);
	tell(w, make_platform(RECORD_REASON_SNAPSHOT, 30, USER));
	tell(w, make_platform(RECORD_REASON_SNAPSHOT, 31, "both-1"));
	tell(w, make_platform(RECORD_REASON_SNAPSHOT, 32, "late-1"));
	walk_end(w, true);
	expect_doorbells(w, "[{'irq': 31}, {'irq': 32}]");
	expect_no_finding(w);
}

/* The kernel's own API tells more: it is one doorbell, not two. */
static void test_platform_known(void **state)
{
	struct world *w = *state;

	tell(w, make_pattern("*.pcie"));
	ring_allocated(w, RING(1));
	expect_doorbells(w, "[{'type': 'msi', 'irq': 30, 'index': 0}]");
	tell(w, make_platform(RECORD_REASON_ACTIVATED, 30, EP));
	expect_doorbells(w, "[{'type': 'msi', 'irq': 30, 'index': 0}]");
}

/* ---- Walks ---- */

static void walk_sees(struct world *w, bool handler, bool doorbell, struct record_msg message)
{
	walk_begin(w);
	see_domain(w, 0x200, "ITS-parent");
	see_domain(w, 0x100, "device");
	tell(w, make_platform(RECORD_REASON_SNAPSHOT, 30, EP));
	if (handler)
		tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 7, "pci-ep-test-doorbell"));
	if (doorbell) {
		tell(w, with_ring(make_doorbell(RECORD_REASON_SNAPSHOT, 0, 30), message));
		tell(w, ring_bar(RECORD_REASON_SNAPSHOT));
	}
	walk_end(w, true);
}

/* A model that has seen nothing yet */
static struct world *world_judged(void)
{
	struct world *w = world_new(NULL);

	w->follow = judge;
	tell(w, make_base(RECORD_MODE_TRACING));
	return w;
}

static void test_preexisting(void **state)
{
	struct world *w;

	(void)state;
	for (int handler = 0; handler < 2; handler++) {
		w = world_judged();
		walk_sees(w, handler, true, RING(1));
		/* what was there first is not news, and in what order it came is not known */
		expect_nothing(w);
		expect_no_finding(w);
		expect_doorbells(w, "[{'state': 'published', 'message': " M1 ", 'bar': 2,"
				    " 'published_message': " M1 ", 'verdict': 'at-risk'}]");
		/* what it promised holds nevertheless */
		if (!handler)
			ring_requested(w, RING(1));
		forget_events(w);
		ring_moved(w, 2, RING(2));
		expect_finding(w, "{'rule': 'doorbell-message-changed', 'old_message': " M1
				  ", 'new_message': " M2 "}");
		world_free(w);
	}
}

/* The walk came by before the record of the allocation did. */
static void test_walk_is_first(void **state)
{
	struct world *w = *state;

	domains(w, false);
	walk_sees(w, false, false, ZEROS);
	forget_events(w);
	walk_begin(w);
	tell(w, with_ring(make_doorbell(RECORD_REASON_SNAPSHOT, 0, 30), RING(1)));
	tell(w, with_ring(make_doorbell(RECORD_REASON_CREATED, 0, 30), RING(1)));
	expect_event(w, "{'type': 'doorbell', 'state': 'allocated'}");
	expect_finding(w, "{'rule': 'doorbell-on-mutable-parent'}");
	/* and again: that is another one */
	tell(w, with_ring(make_doorbell(RECORD_REASON_CREATED, 0, 30), RING(1)));
	expect_event(w, "{'type': 'doorbell', 'state': 'freed'}");
	expect_event(w, "{'type': 'doorbell', 'state': 'allocated'}");
}

/* A walk misses it: its release was not told. */
static void test_walk_misses(void **state)
{
	struct world *w = *state;

	ring_published(w);
	walk_sees(w, true, true, RING(1));
	expect_nothing(w);
	expect_doorbells(w, "[{'state': 'published'}]");
	walk_begin(w);
	walk_end(w, false);
	expect_doorbells(w, "[{'state': 'published'}]");
	walk_sees(w, true, false, ZEROS);
	expect_event(w, "{'type': 'doorbell', 'state': 'freed', 'cause': {'kind': 'unknown'}}");
	expect_nothing(w);
	/* the record of the BAR may have been lost with the other: that it is stale is not proven */
	pass(w, 5 * SECOND);
	expect_no_finding(w);
	expect_doorbells(w, "[{'state': 'freed', 'bar': null}]");
}

/* One that came while the walk was under way is not missing. */
static void test_walk_overtaken(void **state)
{
	struct world *w = *state;

	domains(w, true);
	walk_begin(w);
	ring_allocated(w, RING(1));
	see_domain(w, 0x200, "ITS-parent");
	see_domain(w, 0x100, "device");
	walk_end(w, true);
	expect_doorbells(w, "[{'state': 'allocated'}]");
}

/* What the walk saw before it was freed does not bring it back. */
static void test_walk_sees_freed(void **state)
{
	struct world *w = *state;

	ring_published(w);
	tell(w, ring_bar(RECORD_REASON_REMOVED));
	/* while it is, when the kernel is still at it, and later, which is right */
	for (int time = 0; time < 3; time++) {
		pass(w, time / 2 * 2 * SECOND);
		walk_begin(w);
		if (!time)
			tell(w, make_doorbells_freed());
		tell(w, with_ring(make_doorbell(RECORD_REASON_SNAPSHOT, 0, 30), RING(1)));
		walk_end(w, true);
		expect_doorbells(w, time < 2 ? "[{'state': 'freed'}]" : "[{'state': 'allocated'}]");
	}
}

/* Platform doorbells come and go with their vectors. */
static void test_walk_platform(void **state)
{
	struct world *w = *state;

	tell(w, make_pattern("*.pcie"));
	walk_sees(w, true, false, ZEROS);
	expect_doorbells(w, "[{'type': 'platform', 'state': 'requested'}]");
	walk_sees(w, true, false, ZEROS);
	expect_doorbells(w, "[{'type': 'platform', 'state': 'requested'}]");
	walk_begin(w);
	walk_end(w, true);
	expect_doorbells(w, "[{'type': 'platform', 'state': 'freed'}]");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE_TEST(test_msi),
		RULE_TEST(test_many),
		RULE_TEST(test_reallocated),
		RULE_TEST(test_release_missed),
		RULE_TEST(test_refused),
		RULE_TEST(test_refused_halfway),
		RULE_TEST(test_refused_second),
		RULE_TEST(test_zeros),
		RULE_TEST(test_embedded),
		RULE_TEST(test_embedded_message),
		RULE_TEST(test_embedded_shared),
		RULE_TEST(test_platform),
		RULE_TEST(test_platform_again),
		RULE_TEST(test_patterns),
		RULE_TEST(test_patterns_changed),
		RULE_TEST(test_patterns_bounds),
		RULE_TEST(test_platform_known),
		RULE_TEST(test_preexisting),
		RULE_TEST(test_walk_is_first),
		RULE_TEST(test_walk_misses),
		RULE_TEST(test_walk_overtaken),
		RULE_TEST(test_walk_sees_freed),
		RULE_TEST(test_walk_platform),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
