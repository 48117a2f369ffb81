// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From allocation to release: which value of a message is a change, and what is only a step on the
 * way. The sequences are what kernels do: placeholders at allocation, zeros at deactivation, a
 * message written twice.
 */
#include "records.h"

#define NVME "0000:01:00.0"

static void test_placeholder(void **state)
{
	struct world *w = *state;

	tell(w, make_alloc(30, 1));
	expect_vector(w, 30, "{'target': null, 'index': null, 'hwirq': null, 'chip': null}");
	tell(w, make_x86(30, 239, 0));
	expect_vector(w, 30,
		      "{'irq': 30, 'provider': null, 'message': null, 'state': 'allocated'}");
	expect_nothing(w);
	tell(w, with_message(RECORD_REASON_ALLOCATED, 30, ZEROS));
	expect_event(w,
		     "{'type': 'vector-allocated', 'irq': 30, 'device': '" NVME "', 'index': 0}");
	expect_vector(w, 30,
		      "{'provider': '" NVME "', 'message': null, 'index': 0, 'chip': 'PCI-MSIX'}");
	tell(w, make_message(30, ZEROS, PLACEHOLDER));
	expect_vector(w, 30,
		      "{'message': {'address': '0x00000000fee00000', 'data': '0x000000ef'}}");
	expect_nothing(w);
}

/* Nothing that happens until the handler is there is a change of anything. */
static void test_start(void **state)
{
	struct world *w = *state;

	start(w, 30, 0x41);
	expect_event(w, "{'type': 'vector-allocated', 'irq': 30}");
	expect_event(w, "{'type': 'handler-requested', 'irq': 30, 'action': 'nvme0q0'}");
	expect_nothing(w);
	expect_vector(
		w, 30,
		"{'message': {'address': '0x00000000fee00000', 'data': '0x00000041'},"
		" 'state': 'requested', 'message_changes': 0, 'target': {'cpu': 0, 'vector': 65}}");
}

static void test_stop_and_start(void **state)
{
	struct world *w = *state;

	start_and_forget(w, 30, 0x41);
	tell(w, make_message(30, MESSAGE(0x41), ZEROS));
	tell(w, with_message(RECORD_REASON_DEACTIVATED, 30, ZEROS));
	tell(w, make_action_freed(30, 30));
	expect_event(w, "{'type': 'handler-freed', 'irq': 30}");
	expect_vector(w, 30, "{'message': null, 'state': 'allocated'}");
	/* the same driver once more: another vector, which is no change either */
	tell(w, make_message(30, ZEROS, MESSAGE(0x42)));
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, 30, "nvme0q0"));
	tell(w, with_message(RECORD_REASON_REQUESTED, 30, MESSAGE(0x42)));
	expect_event(w, "{'type': 'handler-requested', 'irq': 30}");
	expect_nothing(w);
	expect_vector(w, 30, "{'message_changes': 0, 'message': {'data': '0x00000042'}}");
}

/* Where deactivation writes nothing, the last handler's end is the end of its message. */
static void test_restart_without_zeros(void **state)
{
	struct world *w = *state;

	start_and_forget(w, 30, 0x41);
	tell(w, make_action_freed(30, 30));
	tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x42)));
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, 30, "nvme0q0"));
	tell(w, with_message(RECORD_REASON_REQUESTED, 30, MESSAGE(0x42)));
	forget_events(w);
	expect_vector(w, 30, "{'message_changes': 0}");
}

/* A managed interrupt is shut down with its CPU and comes back elsewhere, its handler there. */
static void test_managed_shutdown(void **state)
{
	struct world *w = *state;

	start_and_forget(w, 30, 0x41);
	tell(w, make_message(30, MESSAGE(0x41), ZEROS));
	tell(w, with_message(RECORD_REASON_DEACTIVATED, 30, ZEROS));
	tell(w, make_message(30, ZEROS, MESSAGE(0x51)));
	tell(w,
	     moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 3, 1, MESSAGE(0x51)));
	expect_nothing(w);
	expect_vector(w, 30, "{'message_changes': 0, 'message': {'data': '0x00000051'}}");
}

/* Where a function cannot be masked, the way leads over a third message. */
static void test_double_write(void **state)
{
	struct world *w = *state;

	start_and_forget(w, 30, 0x41);
	tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x99)));
	tell(w, make_message(30, MESSAGE(0x99), MESSAGE(0x42)));
	tell(w,
	     moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 2, 2, MESSAGE(0x42)));
	expect_event(w, "{'type': 'affinity-change'}");
	expect_event(w, "{'type': 'message-change', 'old_message': {'data': '0x00000041'},"
			" 'new_message': {'data': '0x00000042'}}");
	expect_nothing(w);
	/* and back to where it was: no change at all */
	tell(w, make_message(30, MESSAGE(0x42), MESSAGE(0x99)));
	tell(w, make_message(30, MESSAGE(0x99), MESSAGE(0x42)));
	tell(w,
	     moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 2, 2, MESSAGE(0x42)));
	expect_nothing(w);
	expect_vector(w, 30, "{'message_changes': 1}");
}

static void test_rewrite(void **state)
{
	struct world *w = *state;

	start_and_forget(w, 30, 0x41);
	for (int i = 0; i < 3; i++) {
		tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x41)));
		tell(w, with_message(RECORD_REASON_AFFINITY_APPLIED, 30, MESSAGE(0x41)));
	}
	expect_nothing(w);
	expect_vector(w, 30, "{'message_changes': 0}");
	assert_int_equal(model_vector(w->model, 30)->message_rewrites, 3);
}

static void test_refused_request(void **state)
{
	struct world *w = *state;
	struct vector_record refused = with_message(RECORD_REASON_REQUESTED, 30, ZEROS);

	tell(w, with_message(RECORD_REASON_ALLOCATED, 30, ZEROS));
	refused.r.error = -16;
	tell(w, refused);
	expect_event(w, "{'type': 'vector-allocated'}");
	expect_event(
		w, "{'type': 'demand', 'irq': 30, 'min': 1, 'max': 1, 'granted': 0, 'errno': 16}");
	expect_nothing(w);
	expect_vector(w, 30, "{'state': 'allocated'}");
}

/* One message for a block of vectors: the hardware adds the number to the data. */
static void test_multi_msi(void **state)
{
	struct world *w = *state;
	struct record_message write = make_message(40, ZEROS, MESSAGE(0x60));

	for (uint32_t irq = 40; irq < 44; irq++) {
		struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, irq, NVME);

		v.r.msi_type = RECORD_MSI_PCI_MSI;
		v.r.msi_index = 0;
		v.r.msi_irq = 40;
		v.r.msi_count = 4;
		v.r.message = ZEROS;
		tell(w, v);
	}
	write.count = 4;
	tell(w, write);
	expect_vector(w, 40, "{'index': 0, 'message': {'data': '0x00000060'}}");
	expect_vector(w, 41, "{'index': 1, 'message': {'data': '0x00000061'}}");
	expect_vector(w, 43, "{'index': 3, 'message': {'data': '0x00000063'}}");
	/* a record of one tells the block's message */
	for (uint32_t irq = 40; irq < 44; irq++) {
		struct vector_record v = make_vector(RECORD_REASON_REQUESTED, irq, NVME);

		v.r.msi_type = RECORD_MSI_PCI_MSI;
		v.r.msi_index = 0;
		v.r.msi_irq = 40;
		v.r.msi_count = 4;
		v.r.message = MESSAGE(0x60);
		tell(w, make_action(RECORD_REASON_REQUESTED, irq, irq, "block"));
		tell(w, v);
	}
	forget_events(w);
	expect_vector(w, 43,
		      "{'index': 3, 'message': {'data': '0x00000063'}, 'message_changes': 0}");

	/* zeros are zeros for each of them */
	write.new_message = ZEROS;
	tell(w, write);
	expect_vector(w, 40, "{'message': null}");
	expect_vector(w, 43, "{'message': null}");
	expect_nothing(w);
}

/* A number that has nothing to do with the block it claims to be of */
static void test_multi_msi_outside(void **state)
{
	struct world *w = *state;
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, 50, NVME);

	v.r.msi_index = 7;
	v.r.msi_irq = 40;
	v.r.msi_count = 4;
	tell(w, v);
	expect_vector(w, 50, "{'index': 7}");
	v = make_vector(RECORD_REASON_ALLOCATED, 39, NVME);
	v.r.msi_index = 7;
	v.r.msi_irq = 40;
	v.r.msi_count = 4;
	tell(w, v);
	expect_vector(w, 39, "{'index': 7, 'message': {'data': '0x000000ef'}}");
}

/* Platform MSI keeps no message in the descriptor: only its writes tell. */
static void test_platform_msi(void **state)
{
	struct world *w = *state;
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, 30, "arm-smmu-v3.0.auto");

	v.r.msi_type = RECORD_MSI_OTHER;
	v.r.message = ZEROS;
	tell(w, v);
	expect_vector(w, 30, "{'message': null}");
	tell(w, make_message(30, ZEROS, MESSAGE(0x41)));
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, 1, "smmu"));
	v.r.reason = RECORD_REASON_REQUESTED;
	tell(w, v);
	forget_events(w);
	expect_vector(w, 30, "{'message': {'data': '0x00000041'}, 'message_changes': 0}");
	tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x42)));
	v.r.reason = RECORD_REASON_AFFINITY_APPLIED;
	tell(w, v);
	expect_event(w, "{'type': 'message-change', 'old_message': {'data': '0x00000041'},"
			" 'new_message': {'data': '0x00000042'}}");
	expect_nothing(w);
	/* nor is a walk a witness against it */
	walk_begin(w);
	v.r.reason = RECORD_REASON_SNAPSHOT;
	tell(w, v);
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 1, "smmu"));
	walk_end(w, true);
	expect_nothing(w);
	expect_vector(w, 30, "{'message': {'data': '0x00000042'}}");
	expect_corrections(w, "{}");
}

/* A message that is rewritten on its own, inside no request and no move: the next walk tells. */
static void test_write_alone(void **state)
{
	struct world *w = *state;
	struct record_message write = make_message(30, MESSAGE(0x41), MESSAGE(0x42));
	struct vector_record seen;

	start_and_forget(w, 30, 0x41);
	write.header.time_ns = 10000000000ULL;
	done_by(&write.header, RECORD_CAUSE_NONE, "rogue", 66);
	tell(w, write);
	/* a walk at the same time may have caught a move half-way */
	seen = with_message(RECORD_REASON_SNAPSHOT, 30, MESSAGE(0x42));
	seen.r.header.time_ns = 11000000000ULL;
	walk_begin(w);
	tell(w, seen);
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 30, "nvme0q0"));
	walk_end(w, true);
	expect_nothing(w);
	seen.r.header.time_ns++;
	walk_begin(w);
	tell(w, seen);
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 30, "nvme0q0"));
	walk_end(w, true);
	expect_event(
		w,
		"{'type': 'message-change', 'irq': 30, 'old_message': {'data': '0x00000041'},"
		" 'new_message': {'data': '0x00000042'}, 'cause': {'comm': 'rogue', 'pid': 66}}");
	expect_nothing(w);
	expect_corrections(w, "{}");
}

static void test_release(void **state)
{
	struct world *w = *state;

	start(w, 30, 0x41);
	start(w, 31, 0x42);
	forget_events(w);
	/* the handler's release was missed: it goes with its interrupt */
	tell(w, make_free(30, 1));
	expect_event(w, "{'type': 'vector-freed', 'irq': 30, 'device': '" NVME "'}");
	expect_nothing(w);
	expect_no_vector(w, 30);
	expect_vector(w, 31, "{'state': 'requested'}");
	/* the number comes back at once for somebody else */
	tell(w, make_alloc(30, 1));
	expect_vector(w, 30,
		      "{'provider': null, 'message': null, 'state': 'allocated', 'owners': []}");
	/* more than there are, and none */
	tell(w, make_free(25, 100));
	expect_event(w, "{'type': 'vector-freed', 'irq': 31}");
	expect_nothing(w);
	tell(w, make_free(31, 1));
	tell(w, make_free(0, 0));
	expect_nothing(w);
}

/* Numbers and addresses are used again at once; only a release that was missed leaves two. */
static void test_reuse(void **state)
{
	struct world *w = *state;
	struct vector_record again = make_vector(RECORD_REASON_ALLOCATED, 30, "0000:02:00.0");

	start_and_forget(w, 30, 0x41);
	again.r.key++;
	tell(w, again);
	expect_event(w, "{'type': 'vector-freed', 'irq': 30, 'device': '" NVME "'}");
	expect_event(w, "{'type': 'vector-allocated', 'irq': 30, 'device': '0000:02:00.0'}");
	expect_nothing(w);
	expect_vector(w, 30, "{'owners': [], 'message': {'data': '0x000000ef'}}");
	/* both hooks on one allocation: once is enough */
	tell(w, again);
	expect_nothing(w);
}

static void test_origin(void **state)
{
	struct world *w = *state;
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, 30, NVME);
	struct record_range alloc = make_alloc(32, 1);

	done_by(&v.r.header, RECORD_CAUSE_PROBE, "modprobe", 5);
	tell(w, v);
	expect_vector(w, 30, "{'origin': 'probe'}");
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 31, NVME));
	expect_vector(w, 31, "{'origin': 'dynamic'}");
	/* without an MSI, only the number's allocation tells; the request has a cause of its own */
	done_by(&alloc.header, RECORD_CAUSE_PROBE, "modprobe", 5);
	tell(w, alloc);
	v = make_wired(RECORD_REASON_REQUESTED, 32);
	done_by(&v.r.header, RECORD_CAUSE_REQUEST, "modprobe", 5);
	forget_events(w);
	tell(w, v);
	expect_event(w, "{'type': 'vector-allocated', 'irq': 32}");
	expect_nothing(w);
	expect_vector(w, 32, "{'origin': 'probe', 'index': null, 'provider': null, 'hwirq': 32}");
}

/* Nobody told of its allocation: it is told when something is. */
static void test_allocation_missed(void **state)
{
	struct world *w = *state;

	tell(w, make_wired(RECORD_REASON_ACTIVATED, 30));
	expect_event(w, "{'type': 'vector-allocated', 'irq': 30}");
	tell(w, make_action(RECORD_REASON_REQUESTED, 31, 1, "acpi"));
	expect_event(w,
		     "{'type': 'handler-requested', 'irq': 31, 'device': null, 'action': 'acpi'}");
	tell(w, make_message(77, ZEROS, MESSAGE(1)));
	tell(w, make_x86(77, 1, 1));
	tell(w, make_action_freed(77, 1));
	expect_nothing(w);
	expect_no_vector(w, 77);
}

/* Counts never go back, but by the kernel's own word. */
static void test_interrupts(void **state)
{
	struct world *w = *state;
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, 30, NVME);

	v.r.interrupts = 10;
	tell(w, v);
	v.r.reason = RECORD_REASON_ACTIVATED;
	v.r.interrupts = 9;
	tell(w, v);
	expect_vector(w, 30, "{'interrupts': 10}");
	v.r.interrupts = 11;
	tell(w, v);
	expect_vector(w, 30, "{'interrupts': 11}");
	walk_begin(w);
	v.r.reason = RECORD_REASON_SNAPSHOT;
	v.r.interrupts = 2;
	tell(w, v);
	walk_end(w, true);
	expect_vector(w, 30, "{'interrupts': 2}");
}

static void test_x86(void **state)
{
	struct world *w = *state;

	tell(w, make_vector(RECORD_REASON_ALLOCATED, 30, NVME));
	expect_vector(w, 30, "{'target': null}");
	tell(w, make_x86(30, 0x41, 1));
	expect_vector(w, 30, "{'target': {'cpu': 1, 'vector': 65}}");
	tell(w, make_x86(30, -1, -1));
	expect_vector(w, 30, "{'target': null}");
	tell(w, make_x86(30, 0x41, -1));
	expect_vector(w, 30, "{'target': null}");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_listening, world_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_placeholder),	     TEST(test_start),
		TEST(test_stop_and_start),   TEST(test_restart_without_zeros),
		TEST(test_managed_shutdown), TEST(test_double_write),
		TEST(test_rewrite),	     TEST(test_refused_request),
		TEST(test_multi_msi),	     TEST(test_multi_msi_outside),
		TEST(test_platform_msi),     TEST(test_write_alone),
		TEST(test_release),	     TEST(test_reuse),
		TEST(test_origin),	     TEST(test_allocation_missed),
		TEST(test_interrupts),	     TEST(test_x86),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
