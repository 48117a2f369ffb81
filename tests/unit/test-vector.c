// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which value of a message is a change, and whose doing it was; when a move was asked for, and when
 * it landed. The sequences are what kernels do: placeholders at allocation, zeros at deactivation,
 * a message written twice, a move that waits for the next interrupt.
 */
#include "records.h"

#define NVME "0000:01:00.0"

static struct vector_record moved(struct vector_record v, enum record_reason reason, uint64_t affinity,
				  uint64_t effective, struct record_msg message)
{
	v.r.reason = reason;
	v.r.message = message;
	v.r.x86_vector = message.data ? (int32_t)message.data : -1;
	v.r.x86_cpu = message.data ? 0 : -1;
	v.masks[RECORD_MASK_AFFINITY][0] = affinity;
	v.masks[RECORD_MASK_EFFECTIVE][0] = effective;
	return v;
}

/* The interrupt as make_vector() has it, with @message */
static struct vector_record with_message(enum record_reason reason, uint32_t irq, struct record_msg message)
{
	return moved(make_vector(reason, irq, NVME), reason, 3, 1, message);
}

/* What a kernel says between pci_alloc_irq_vectors() and the end of request_irq() */
static void start(struct world *w, uint32_t irq, uint32_t vector)
{
	tell(w, make_alloc(irq, 1));
	tell(w, make_x86(irq, 239, 0));
	tell(w, with_message(RECORD_REASON_ALLOCATED, irq, ZEROS));
	tell(w, make_message(irq, ZEROS, PLACEHOLDER));
	tell(w, with_message(RECORD_REASON_ACTIVATED, irq, PLACEHOLDER));
	tell(w, make_x86(irq, (int32_t)vector, 0));
	tell(w, make_message(irq, PLACEHOLDER, MESSAGE(vector)));
	tell(w, with_message(RECORD_REASON_ACTIVATED, irq, MESSAGE(vector)));
	tell(w, make_message(irq, MESSAGE(vector), MESSAGE(vector)));
	tell(w, with_message(RECORD_REASON_AFFINITY_APPLIED, irq, MESSAGE(vector)));
	tell(w, make_action(RECORD_REASON_REQUESTED, irq, irq, "nvme0q0"));
	tell(w, with_message(RECORD_REASON_REQUESTED, irq, MESSAGE(vector)));
}

static void start_and_forget(struct world *w, uint32_t irq, uint32_t vector)
{
	start(w, irq, vector);
	forget_events(w);
}

static void test_placeholder(void **state)
{
	struct world *w = *state;

	tell(w, make_alloc(30, 1));
	tell(w, make_x86(30, 239, 0));
	expect_vector(w, 30, "{'irq': 30, 'provider': null, 'message': null, 'state': 'allocated'}");
	expect_nothing(w);
	tell(w, with_message(RECORD_REASON_ALLOCATED, 30, ZEROS));
	expect_event(w, "{'type': 'vector-allocated', 'irq': 30, 'device': '" NVME "', 'index': 0}");
	expect_vector(w, 30, "{'provider': '" NVME "', 'message': null, 'index': 0, 'chip': 'PCI-MSIX'}");
	tell(w, make_message(30, ZEROS, PLACEHOLDER));
	expect_vector(w, 30, "{'message': {'address': '0x00000000fee00000', 'data': '0x000000ef'}}");
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
	expect_vector(w, 30, "{'message': {'address': '0x00000000fee00000', 'data': '0x00000041'},"
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
	tell(w, moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 3, 1, MESSAGE(0x51)));
	expect_nothing(w);
	expect_vector(w, 30, "{'message_changes': 0, 'message': {'data': '0x00000051'}}");
}

static void test_move(void **state)
{
	struct world *w = *state;
	struct record_message write = make_message(30, MESSAGE(0x41), MESSAGE(0x42));
	struct vector_record applied =
		moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 2, 2, MESSAGE(0x42));

	start_and_forget(w, 30, 0x41);
	done_by(&write.header, RECORD_CAUSE_AFFINITY_WRITE, "tuna", 71);
	done_by(&applied.r.header, RECORD_CAUSE_AFFINITY_WRITE, "tuna", 71);
	applied.r.header.uid = 1000;
	tell(w, write);
	expect_nothing(w);
	tell(w, applied);
	expect_event(w, "{'type': 'affinity-change', 'irq': 30, 'device': '" NVME "', 'old': '0-1', 'new': '1',"
			" 'old_effective': '0', 'new_effective': '1', 'pending': false,"
			" 'cause': {'kind': 'affinity-write', 'comm': 'tuna', 'pid': 71, 'uid': 1000}}");
	expect_event(w, "{'type': 'message-change', 'irq': 30, 'index': 0,"
			" 'old_message': {'address': '0x00000000fee00000', 'data': '0x00000041'},"
			" 'new_message': {'address': '0x00000000fee00000', 'data': '0x00000042'},"
			" 'cause': {'kind': 'affinity-write', 'comm': 'tuna', 'pid': 71}}");
	expect_nothing(w);
	expect_vector(w, 30, "{'message_changes': 1, 'affinity': '1', 'effective_affinity': '1'}");

	/* the record of the whole request comes after, and says nothing new */
	applied.r.reason = RECORD_REASON_AFFINITY_REQUESTED;
	tell(w, applied);
	expect_nothing(w);
}

/* Where a function cannot be masked, the way leads over a third message. */
static void test_double_write(void **state)
{
	struct world *w = *state;

	start_and_forget(w, 30, 0x41);
	tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x99)));
	tell(w, make_message(30, MESSAGE(0x99), MESSAGE(0x42)));
	tell(w, moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 2, 2, MESSAGE(0x42)));
	expect_event(w, "{'type': 'affinity-change'}");
	expect_event(w, "{'type': 'message-change', 'old_message': {'data': '0x00000041'},"
			" 'new_message': {'data': '0x00000042'}}");
	expect_nothing(w);
	/* and back to where it was: no change at all */
	tell(w, make_message(30, MESSAGE(0x42), MESSAGE(0x99)));
	tell(w, make_message(30, MESSAGE(0x99), MESSAGE(0x42)));
	tell(w, moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 2, 2, MESSAGE(0x42)));
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

static struct vector_record asked(uint64_t waiting, const char *comm, uint32_t pid)
{
	struct vector_record v = with_message(RECORD_REASON_AFFINITY_REQUESTED, 30, MESSAGE(0x41));

	v.r.state = PENDING;
	v.masks[RECORD_MASK_PENDING][0] = waiting;
	done_by(&v.r.header, RECORD_CAUSE_AFFINITY_WRITE, comm, pid);
	return v;
}

/* The move lands in an interrupt, in whatever task ran there: what it says is not the cause. */
static void land(struct world *w, uint64_t mask, uint32_t from, uint32_t to)
{
	struct record_message write = make_message(30, MESSAGE(from), MESSAGE(to));
	struct vector_record applied =
		moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, mask, mask, MESSAGE(to));

	done_by(&write.header, RECORD_CAUSE_AFFINITY_WRITE, "innocent", 99);
	done_by(&applied.r.header, RECORD_CAUSE_AFFINITY_WRITE, "innocent", 99);
	tell(w, write);
	tell(w, applied);
}

static void test_pending(void **state)
{
	struct world *w = *state;

	start_and_forget(w, 30, 0x41);
	tell(w, asked(2, "tuna", 71));
	expect_event(w, "{'type': 'affinity-change', 'old': '0-1', 'new': '1', 'old_effective': '0',"
			" 'new_effective': '0', 'pending': true, 'cause': {'comm': 'tuna', 'pid': 71}}");
	expect_vector(w, 30, "{'affinity': '1', 'effective_affinity': '0'}");
	/* what is masked in between writes its old message once more, on its own account */
	tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x41)));
	expect_nothing(w);
	land(w, 2, 0x41, 0x42);
	expect_event(w, "{'type': 'affinity-change', 'old': '0-1', 'new': '1', 'old_effective': '0',"
			" 'new_effective': '1', 'pending': false,"
			" 'cause': {'kind': 'affinity-write', 'comm': 'tuna', 'pid': 71}}");
	expect_event(w, "{'type': 'message-change', 'cause': {'comm': 'tuna', 'pid': 71}}");
	expect_nothing(w);

	/* it is used up: the next move is of whoever does it */
	land(w, 1, 0x42, 0x43);
	expect_event(w, "{'type': 'affinity-change', 'cause': {'comm': 'innocent'}}");
	expect_event(w, "{'type': 'message-change', 'cause': {'comm': 'innocent'}}");
	expect_nothing(w);
}

static void test_pending_twice(void **state)
{
	struct world *w = *state;

	start_and_forget(w, 30, 0x41);
	tell(w, asked(2, "first", 71));
	tell(w, asked(1, "second", 72));
	/* the same again by a third, who changes nothing */
	tell(w, asked(1, "third", 73));
	expect_event(w, "{'old': '0-1', 'new': '1', 'pending': true, 'cause': {'comm': 'first'}}");
	expect_event(w, "{'old': '1', 'new': '0', 'pending': true, 'cause': {'comm': 'second'}}");
	expect_nothing(w);
	land(w, 1, 0x41, 0x42);
	expect_event(w, "{'type': 'affinity-change', 'old': '0-1', 'new': '0', 'cause': {'comm': 'second'}}");
	expect_event(w, "{'type': 'message-change', 'cause': {'comm': 'second'}}");
	expect_nothing(w);
}

/* To ask for what is there changes nothing, though the kernel makes it wait. */
static void test_pending_same(void **state)
{
	struct world *w = *state;

	start_and_forget(w, 30, 0x41);
	tell(w, asked(3, "tuna", 71));
	expect_nothing(w);
	/* it may still end in another message, and that is tuna's doing */
	tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x42)));
	tell(w, moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 3, 1, MESSAGE(0x42)));
	expect_event(w, "{'type': 'message-change', 'cause': {'comm': 'tuna'}}");
	expect_nothing(w);
}

/* A CPU that goes takes its interrupts elsewhere than somebody asked before. */
static void test_pending_overtaken(void **state)
{
	struct world *w = *state;
	struct record_message write = make_message(30, MESSAGE(0x41), MESSAGE(0x42));
	struct vector_record applied =
		moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 4, 4, MESSAGE(0x42));

	start_and_forget(w, 30, 0x41);
	tell(w, asked(2, "tuna", 71));
	forget_events(w);
	done_by(&write.header, RECORD_CAUSE_CPU_HOTPLUG, "migration/1", 22);
	done_by(&applied.r.header, RECORD_CAUSE_CPU_HOTPLUG, "migration/1", 22);
	tell(w, write);
	tell(w, applied);
	expect_event(w, "{'type': 'affinity-change', 'new': '2', 'cause': {'kind': 'cpu-hotplug', 'pid': 22}}");
	expect_event(w, "{'type': 'message-change', 'cause': {'kind': 'cpu-hotplug', 'pid': 22}}");
	expect_nothing(w);
}

/* A move that waited when its interrupt was stopped is forgotten; nobody is blamed for it later. */
static void test_pending_given_up(void **state)
{
	struct world *w = *state;

	start_and_forget(w, 30, 0x41);
	tell(w, asked(2, "tuna", 71));
	tell(w, with_message(RECORD_REASON_ACTIVATED, 30, MESSAGE(0x41)));
	forget_events(w);
	land(w, 2, 0x41, 0x42);
	expect_event(w, "{'type': 'affinity-change', 'cause': {'comm': 'innocent'}}");
	expect_event(w, "{'type': 'message-change', 'cause': {'comm': 'innocent'}}");
}

static void test_refused_move(void **state)
{
	struct world *w = *state;
	struct vector_record refused =
		moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 2, 2, MESSAGE(0x41));

	start_and_forget(w, 30, 0x41);
	refused.r.error = -28;
	tell(w, refused);
	expect_nothing(w);
	expect_vector(w, 30, "{'affinity': '0-1', 'effective_affinity': '0'}");
}

static void test_refused_request(void **state)
{
	struct world *w = *state;
	struct vector_record refused = with_message(RECORD_REASON_REQUESTED, 30, ZEROS);

	tell(w, with_message(RECORD_REASON_ALLOCATED, 30, ZEROS));
	refused.r.error = -16;
	tell(w, refused);
	expect_event(w, "{'type': 'vector-allocated'}");
	expect_event(w, "{'type': 'demand', 'irq': 30, 'min': 1, 'max': 1, 'granted': 0, 'errno': 16}");
	expect_nothing(w);
	expect_vector(w, 30, "{'state': 'allocated'}");
}

/* Without a handler nobody listens: a move is no event. */
static void test_move_without_handler(void **state)
{
	struct world *w = *state;

	tell(w, with_message(RECORD_REASON_ALLOCATED, 30, PLACEHOLDER));
	forget_events(w);
	tell(w, make_message(30, PLACEHOLDER, MESSAGE(0x42)));
	tell(w, moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 2, 2, MESSAGE(0x42)));
	expect_nothing(w);
	expect_vector(w, 30, "{'affinity': '1', 'message': {'data': '0x00000042'}, 'message_changes': 0}");
}

/* Causes by their kernel callers */
static void test_causes(void **state)
{
	static const struct {
		enum record_cause cause;
		uint32_t flags;
		const char *comm, *kind;
	} causes[] = {
		{ RECORD_CAUSE_NONE, 0, "bash", "unknown" },
		{ RECORD_CAUSE_AFFINITY_WRITE, 0, "irqbalance", "affinity-write" },
		{ RECORD_CAUSE_AFFINITY_HINT, 0, "modprobe", "affinity-kernel" },
		{ RECORD_CAUSE_CPU_HOTPLUG, 0, "migration/1", "cpu-hotplug" },
		{ RECORD_CAUSE_REQUEST, 0, "modprobe", "driver" },
		{ RECORD_CAUSE_FREE, 0, "rmmod", "driver" },
		{ RECORD_CAUSE_PROBE, 0, "modprobe", "driver" },
		/* a driver's callback; but anybody can name himself so */
		{ RECORD_CAUSE_NONE, RECORD_F_KTHREAD, "cpuhp/1", "cpu-hotplug" },
		{ RECORD_CAUSE_NONE, 0, "cpuhp/1", "unknown" },
	};
	struct world *w = *state;
	char expected[128];

	start_and_forget(w, 30, 0x41);
	for (uint32_t i = 0; i < sizeof(causes) / sizeof(*causes); i++) {
		struct vector_record applied = moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED,
						     2 << (i & 1), 1, MESSAGE(0x41));

		done_by(&applied.r.header, causes[i].cause, causes[i].comm, i);
		applied.r.header.flags = causes[i].flags;
		tell(w, applied);
		snprintf(expected, sizeof(expected),
			 "{'type': 'affinity-change', 'cause': {'kind': '%s', 'comm': '%s', 'pid': %u, 'uid': 0}}",
			 causes[i].kind, causes[i].comm, i);
		expect_event(w, expected);
	}
	expect_nothing(w);
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
	expect_vector(w, 43, "{'index': 3, 'message': {'data': '0x00000063'}, 'message_changes': 0}");

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
	expect_event(w, "{'type': 'message-change', 'irq': 30, 'old_message': {'data': '0x00000041'},"
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
	expect_vector(w, 30, "{'provider': null, 'message': null, 'state': 'allocated', 'owners': []}");
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
	expect_event(w, "{'type': 'handler-requested', 'irq': 31, 'device': null, 'action': 'acpi'}");
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

/* 32 moves of two vectors without another message are evidence, a single other message is proof. */
static void test_immutability(void **state)
{
	struct world *w = *state;
	struct record_domain domain = make_domain(RECORD_REASON_CREATED, 0x100, "MSIX");
	struct record_domain parent = make_domain(RECORD_REASON_CREATED, 0x200, "VECTOR");

	parent.flags = 0x800;
	tell(w, domain);
	tell(w, parent);
	start_and_forget(w, 30, 0x41);
	start_and_forget(w, 31, 0x51);
	expect_domain(w, "MSIX", "{'immutability': 'unknown', 'affinity_changes': 0, 'mapped': 2}");
	for (int i = 0; i < 32; i++)
		tell(w, moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, i & 1 ? 1 : 2, 1,
			      MESSAGE(0x41)));
	expect_domain(w, "MSIX", "{'immutability': 'unknown', 'affinity_changes': 32, 'message_changes': 0}");
	tell(w, moved(make_vector(0, 31, NVME), RECORD_REASON_AFFINITY_APPLIED, 2, 1, MESSAGE(0x51)));
	expect_domain(w, "MSIX", "{'immutability': 'observed', 'affinity_changes': 33}");
	expect_domain(w, "VECTOR", "{'immutability': 'declared', 'affinity_changes': 33}");
	/* a request that waits is no move */
	tell(w, asked(2, "tuna", 71));
	expect_domain(w, "MSIX", "{'affinity_changes': 33}");
	land(w, 2, 0x41, 0x42);
	expect_domain(w, "MSIX", "{'immutability': 'mutable', 'message_changes': 1, 'affinity_changes': 34}");
	expect_domain(w, "VECTOR", "{'immutability': 'declared', 'message_changes': 1}");
}

static void test_few_moves(void **state)
{
	struct world *w = *state;

	tell(w, make_domain(RECORD_REASON_CREATED, 0x100, "MSIX"));
	start_and_forget(w, 30, 0x41);
	start_and_forget(w, 31, 0x51);
	for (uint32_t i = 0; i < 31; i++)
		tell(w, moved(make_vector(0, 30 + (i == 9), NVME), RECORD_REASON_AFFINITY_APPLIED,
			      i & 1 ? 1 : 2, 1, MESSAGE(i == 9 ? 0x51 : 0x41)));
	/* the tenth was of the other one, so the eleventh changed nothing */
	expect_domain(w, "MSIX", "{'immutability': 'unknown', 'affinity_changes': 30}");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_listening, world_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_placeholder),	      TEST(test_start),
		TEST(test_stop_and_start),    TEST(test_restart_without_zeros),
		TEST(test_managed_shutdown),  TEST(test_move),
		TEST(test_double_write),      TEST(test_rewrite),
		TEST(test_pending),	      TEST(test_pending_twice),
		TEST(test_pending_same),      TEST(test_pending_overtaken),
		TEST(test_pending_given_up),  TEST(test_refused_move),
		TEST(test_refused_request),   TEST(test_move_without_handler),
		TEST(test_causes),	      TEST(test_multi_msi),
		TEST(test_multi_msi_outside), TEST(test_platform_msi),
		TEST(test_write_alone),	      TEST(test_release),
		TEST(test_reuse),	      TEST(test_origin),
		TEST(test_allocation_missed), TEST(test_interrupts),
		TEST(test_x86),		      TEST(test_immutability),
		TEST(test_few_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
