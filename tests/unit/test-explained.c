// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A walk and the events meanwhile: it may see a thing before the record comes that tells of it, or
 * after it has gone. The record tells, with its own cause, and the walk is no correction.
 */
#include "records.h"

#define NVME "0000:01:00.0"

/* ---- What an event explains ---- */

static void test_explained_message(void **state)
{
	struct world *w = *state;
	struct record_message write = make_message(30, MESSAGE(0x41), MESSAGE(0x42));
	struct vector_record applied = moved_to(3, 1);

	walk(w, true);
	done_by(&write.header, RECORD_CAUSE_AFFINITY_WRITE, "tuna", 71);
	applied.r.reason = RECORD_REASON_AFFINITY_APPLIED;
	applied.r.message = MESSAGE(0x42);
	/* the record is sent before the write: a walk in between still sees the old message */
	tell(w, write);
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	see(w, 30, 0x41);
	tell(w, applied);
	walk_end(w, true);
	expect_event(w, "{'type': 'message-change', 'cause': {'comm': 'tuna'}}");
	expect_nothing(w);
	/* or it sees the new one, and what the write was for is told later */
	write.new_message = applied.r.message = MESSAGE(0x43);
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	tell(w, write);
	see(w, 30, 0x43);
	expect_nothing(w);
	tell(w, applied);
	walk_end(w, true);
	expect_event(w, "{'type': 'message-change', 'new_message': {'data': '0x00000043'}, "
			"'cause': {'comm': 'tuna'}}");
	expect_nothing(w);
	expect_corrections(w, "{}");
}

/* The walk's masks do not hide the change that the record is about. */
static void test_explained_affinity(void **state)
{
	struct world *w = *state;
	struct vector_record applied = moved_to(2, 2);

	walk(w, true);
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	tell(w, moved_to(2, 2));
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 1, "nvme0q0"));
	applied.r.reason = RECORD_REASON_AFFINITY_APPLIED;
	done_by(&applied.r.header, RECORD_CAUSE_AFFINITY_WRITE, "tuna", 71);
	tell(w, applied);
	expect_event(w,
		     "{'type': 'affinity-change', 'old': '0-1', 'new': '1', 'old_effective': '0',"
		     " 'new_effective': '1', 'cause': {'comm': 'tuna'}}");
	walk_end(w, true);
	expect_nothing(w);
	expect_corrections(w, "{}");
	expect_vector(w, 30, "{'affinity': '1', 'effective_affinity': '1'}");
}

/* Nor do they hide who asked for a move that waits. */
static void test_explained_request(void **state)
{
	struct world *w = *state;
	struct vector_record asked = moved_to(3, 1), landed = moved_to(2, 2);

	walk(w, true);
	asked.r.state = PENDING;
	asked.masks[RECORD_MASK_PENDING][0] = 2;
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	tell(w, asked);
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 1, "nvme0q0"));
	asked.r.reason = RECORD_REASON_AFFINITY_REQUESTED;
	done_by(&asked.r.header, RECORD_CAUSE_AFFINITY_WRITE, "tuna", 71);
	asked.r.header.time_ns = 0;
	tell(w, asked);
	walk_end(w, true);
	landed.r.reason = RECORD_REASON_AFFINITY_APPLIED;
	done_by(&landed.r.header, RECORD_CAUSE_NONE, "innocent", 99);
	tell(w, landed);
	expect_event(w, "{'type': 'affinity-change', 'pending': true, 'new': '1', 'cause': "
			"{'comm': 'tuna'}}");
	expect_event(w, "{'type': 'affinity-change', 'pending': false, 'new': '1', 'cause': "
			"{'comm': 'tuna'}}");
	expect_nothing(w);
	expect_corrections(w, "{}");
}

static void test_explained_vector(void **state)
{
	struct world *w = *state;
	struct vector_record v = vector_seen(31, 0xef);
	struct record_range alloc = make_alloc(32, 1);

	walk(w, true);
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	see(w, 30, 0x41);
	tell(w, v);
	v.r.reason = RECORD_REASON_ALLOCATED;
	done_by(&v.r.header, RECORD_CAUSE_PROBE, "modprobe", 5);
	tell(w, v);
	expect_event(w, "{'type': 'vector-allocated', 'irq': 31}");
	/* one without an MSI, of which nothing but its number is ever told */
	tell(w, make_wired(RECORD_REASON_SNAPSHOT, 32));
	done_by(&alloc.header, RECORD_CAUSE_PROBE, "modprobe", 5);
	tell(w, alloc);
	expect_nothing(w);
	walk_end(w, true);
	expect_event(w, "{'type': 'vector-allocated', 'irq': 32}");
	expect_nothing(w);
	expect_corrections(w, "{}");
	expect_vector(w, 31, "{'origin': 'probe'}");
	expect_vector(w, 32, "{'origin': 'probe'}");
}

/* Something else that happens to it does not explain where it came from. */
static void test_unexplained_vector(void **state)
{
	struct world *w = *state;
	struct vector_record v = vector_seen(31, 0x42);

	walk(w, true);
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	see(w, 30, 0x41);
	see(w, 31, 0x42);
	v.r.reason = RECORD_REASON_ACTIVATED;
	tell(w, v);
	walk_end(w, true);
	expect_event(w, "{'type': 'correction', 'kind': 'vector-appeared', 'irq': 31}");
	expect_event(w, "{'type': 'correction', 'kind': 'handler-appeared', 'irq': 31}");
	expect_nothing(w);
}

static void test_explained_domain(void **state)
{
	struct world *w = *state;

	walk(w, true);
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	see_domain(w, 0x200, "VECTOR");
	see(w, 30, 0x41);
	expect_nothing(w);
	tell(w, make_domain(RECORD_REASON_CREATED, 0x200, "VECTOR"));
	expect_event(w, "{'type': 'domain-created', 'domain': {'name': 'VECTOR'}}");
	tell(w, make_domain(RECORD_REASON_UPDATED, 0x200, "VECTOR-1"));
	walk_end(w, true);
	expect_nothing(w);
	expect_corrections(w, "{}");
	expect_domain(w, "VECTOR-1", "{}");
}

static void test_explained_handler(void **state)
{
	struct world *w = *state;
	struct vector_record v = vector_seen(30, 0x41);

	walk(w, true);
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	see(w, 30, 0x41);
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 2, "new"));
	/* another record of the interrupt is no word about its handlers */
	v.r.reason = RECORD_REASON_ACTIVATED;
	tell(w, v);
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, 2, "new"));
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 3, "newer"));
	tell(w, v);
	walk_end(w, true);
	expect_event(w, "{'type': 'handler-requested', 'action': 'new'}");
	expect_event(w, "{'type': 'correction', 'kind': 'handler-appeared'}");
	expect_nothing(w);
	expect_corrections(w, "{'handler-appeared': 1}");
}

/* ---- What goes while the walk runs ---- */

static void test_freed_meanwhile(void **state)
{
	struct world *w = *state;

	walk(w, true);
	walk_begin(w);
	tell(w, make_domain(RECORD_REASON_REMOVED, 0x100, "MSIX"));
	tell(w, make_free(30, 2));
	expect_event(w, "{'type': 'domain-removed'}");
	expect_event(w, "{'type': 'vector-freed', 'irq': 30}");
	/* the walk read it just before */
	see_domain(w, 0x100, "MSIX");
	see(w, 30, 0x41);
	see(w, 31, 0x42);
	walk_end(w, true);
	expect_nothing(w);
	expect_no_vector(w, 30);
	expect_no_vector(w, 31);
	assert_null(model_domain(w->model, 0x100));
	expect_corrections(w, "{}");
	assert_null(w->model->dead_irqs);
	assert_null(w->model->dead_domains);
	/* the next walk is not bound by that */
	walk(w, true);
	expect_corrections(w,
			   "{'domain-appeared': 1, 'vector-appeared': 1, 'handler-appeared': 1}");
}

static void test_freed_and_again(void **state)
{
	struct world *w = *state;

	walk(w, true);
	walk_begin(w);
	tell(w, make_domain(RECORD_REASON_REMOVED, 0x100, "MSIX"));
	tell(w, make_domain(RECORD_REASON_CREATED, 0x100, "MSIX"));
	tell(w, make_free(30, 2));
	tell(w, make_alloc(30, 1));
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 31, NVME));
	forget_events(w);
	see_domain(w, 0x100, "MSIX");
	see(w, 30, 0x42);
	see(w, 31, 0xef);
	walk_end(w, true);
	expect_event(w, "{'type': 'correction', 'kind': 'handler-appeared', 'irq': 30}");
	expect_event(w, "{'type': 'vector-allocated', 'irq': 30}");
	expect_event(w, "{'type': 'correction', 'kind': 'handler-appeared', 'irq': 31}");
	expect_nothing(w);
	expect_domain(w, "MSIX", "{'id': 2}");
}

/* What came after the walk passed by is not missing. */
static void test_new_meanwhile(void **state)
{
	struct world *w = *state;
	struct vector_record v = vector_seen(30, 0x41);

	walk(w, true);
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	see(w, 30, 0x41);
	tell(w, make_domain(RECORD_REASON_CREATED, 0x200, "VECTOR"));
	tell(w, make_alloc(31, 1));
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 32, NVME));
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, 2, "new"));
	v.r.reason = RECORD_REASON_REQUESTED;
	tell(w, v);
	forget_events(w);
	walk_end(w, true);
	expect_nothing(w);
	expect_corrections(w, "{}");
	expect_vector(w, 30, "{'owners': [{'action': 'nvme0q0'}, {'action': 'new'}]}");
	expect_vector(w, 31, "{'state': 'allocated'}");
	expect_vector(w, 32, "{'state': 'allocated'}");
	expect_domain(w, "VECTOR", "{}");
}

/* A handler of an interrupt that this walk did not tell of */
static void test_stray_handler(void **state)
{
	struct world *w = *state;

	walk(w, true);
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 2, "stray"));
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 77, 2, "stray"));
	see(w, 30, 0x41);
	walk_end(w, true);
	expect_nothing(w);
	expect_vector(w, 30, "{'owners': [{'action': 'nvme0q0'}]}");
	expect_no_vector(w, 77);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_explained_message),  TEST(test_explained_affinity),
		TEST(test_explained_request),  TEST(test_explained_vector),
		TEST(test_unexplained_vector), TEST(test_explained_domain),
		TEST(test_explained_handler),  TEST(test_freed_meanwhile),
		TEST(test_freed_and_again),    TEST(test_new_meanwhile),
		TEST(test_stray_handler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
