// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When a move was asked for, when it landed, and whose doing it was: an interrupt that waits for its
 * next occurrence is moved in whatever task happens to run there, and that one is innocent.
 */
#include "records.h"

#define NVME "0000:01:00.0"

static void test_move(void **state)
{
	struct world *w = *state;
	struct record_message write = make_message(30, MESSAGE(0x41), MESSAGE(0x42));
	struct vector_record applied = moved(make_vector(0, 30, NVME),
					     RECORD_REASON_AFFINITY_APPLIED, 2, 2, MESSAGE(0x42));

	start_and_forget(w, 30, 0x41);
	done_by(&write.header, RECORD_CAUSE_AFFINITY_WRITE, "tuna", 71);
	done_by(&applied.r.header, RECORD_CAUSE_AFFINITY_WRITE, "tuna", 71);
	applied.r.header.uid = 1000;
	tell(w, write);
	expect_nothing(w);
	tell(w, applied);
	expect_event(
		w, "{'type': 'affinity-change', 'irq': 30, 'device': '" NVME
		   "', 'old': '0-1', 'new': '1',"
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
	struct vector_record applied = moved(
		make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, mask, mask, MESSAGE(to));

	/* the kernel clears this one afterwards */
	applied.masks[RECORD_MASK_PENDING][0] = mask;
	done_by(&write.header, RECORD_CAUSE_AFFINITY_WRITE, "innocent", 99);
	done_by(&applied.r.header, RECORD_CAUSE_AFFINITY_WRITE, "innocent", 99);
	tell(w, write);
	tell(w, applied);
}

/* A CPU that goes: the mask stays, the interrupt goes to another CPU of it. */
static void test_effective(void **state)
{
	struct world *w = *state;

	start_and_forget(w, 30, 0x41);
	tell(w,
	     moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 3, 2, MESSAGE(0x41)));
	expect_event(w,
		     "{'type': 'affinity-change', 'old': '0-1', 'new': '0-1', 'old_effective': '0',"
		     " 'new_effective': '1', 'pending': false}");
	expect_nothing(w);
}

/* CPUs that are beyond the first word of a mask */
static void test_many_cpus(void **state)
{
	struct world *w = *state;
	struct vector_record v = moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 3,
				       1, MESSAGE(0x41));

	start_and_forget(w, 30, 0x41);
	v.masks[RECORD_MASK_AFFINITY][WORDS - 1] = 1ULL << 63;
	tell(w, v);
	expect_event(w, "{'type': 'affinity-change', 'old': '0-1', 'new': '0-1,255'}");
	v.masks[RECORD_MASK_EFFECTIVE][1] = 1;
	tell(w, v);
	expect_event(w,
		     "{'type': 'affinity-change', 'old_effective': '0', 'new_effective': '0,64'}");
	expect_nothing(w);
}

static void test_pending(void **state)
{
	struct world *w = *state;

	start_and_forget(w, 30, 0x41);
	tell(w, asked(2, "tuna", 71));
	expect_event(
		w, "{'type': 'affinity-change', 'old': '0-1', 'new': '1', 'old_effective': '0',"
		   " 'new_effective': '0', 'pending': true, 'cause': {'comm': 'tuna', 'pid': 71}}");
	expect_vector(w, 30, "{'affinity': '1', 'effective_affinity': '0'}");
	/* what is masked in between writes its old message once more, on its own account */
	tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x41)));
	expect_nothing(w);
	land(w, 2, 0x41, 0x42);
	expect_event(w,
		     "{'type': 'affinity-change', 'old': '0-1', 'new': '1', 'old_effective': '0',"
		     " 'new_effective': '1', 'pending': false,"
		     " 'cause': {'kind': 'affinity-write', 'comm': 'tuna', 'pid': 71}}");
	expect_event(w, "{'type': 'message-change', 'cause': {'comm': 'tuna', 'pid': 71}}");
	expect_nothing(w);

	/* it is used up: the next message, and the next move, is of whoever does it */
	land(w, 2, 0x42, 0x43);
	expect_event(w, "{'type': 'message-change', 'cause': {'comm': 'innocent'}}");
	expect_nothing(w);
	land(w, 1, 0x43, 0x44);
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
	expect_event(w, "{'type': 'affinity-change', 'old': '0-1', 'new': '0', 'cause': {'comm': "
			"'second'}}");
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
	tell(w,
	     moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 3, 1, MESSAGE(0x42)));
	expect_event(w, "{'type': 'message-change', 'cause': {'comm': 'tuna'}}");
	expect_nothing(w);
}

/* A CPU that goes takes its interrupts elsewhere than somebody asked before. */
static void test_pending_overtaken(void **state)
{
	struct world *w = *state;
	struct record_message write = make_message(30, MESSAGE(0x41), MESSAGE(0x42));
	struct vector_record applied = moved(make_vector(0, 30, NVME),
					     RECORD_REASON_AFFINITY_APPLIED, 4, 4, MESSAGE(0x42));

	start_and_forget(w, 30, 0x41);
	tell(w, asked(2, "tuna", 71));
	forget_events(w);
	done_by(&write.header, RECORD_CAUSE_CPU_HOTPLUG, "migration/1", 22);
	done_by(&applied.r.header, RECORD_CAUSE_CPU_HOTPLUG, "migration/1", 22);
	tell(w, write);
	tell(w, applied);
	expect_event(w, "{'type': 'affinity-change', 'new': '2', 'cause': {'kind': 'cpu-hotplug', "
			"'pid': 22}}");
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
	struct vector_record refused = moved(make_vector(0, 30, NVME),
					     RECORD_REASON_AFFINITY_APPLIED, 2, 2, MESSAGE(0x41));

	start_and_forget(w, 30, 0x41);
	refused.r.error = -28;
	tell(w, refused);
	expect_nothing(w);
	expect_vector(w, 30, "{'affinity': '0-1', 'effective_affinity': '0'}");
}

/* The CPUs that were asked for have gone; what /proc shows is again what it was. */
static void test_pending_dropped(void **state)
{
	struct world *w = *state;
	struct vector_record dropped =
		with_message(RECORD_REASON_AFFINITY_DROPPED, 30, MESSAGE(0x41));

	start_and_forget(w, 30, 0x41);
	tell(w, asked(2, "tuna", 71));
	forget_events(w);
	done_by(&dropped.r.header, RECORD_CAUSE_CPU_HOTPLUG, "migration/1", 22);
	tell(w, dropped);
	expect_event(w, "{'type': 'affinity-change', 'old': '1', 'new': '0-1', 'pending': false,"
			" 'cause': {'kind': 'cpu-hotplug', 'pid': 22}}");
	expect_nothing(w);
	expect_vector(w, 30, "{'affinity': '0-1'}");
	assert_int_equal(model_vector(w->model, 30)->affinity_changes, 0);
	/* and tuna has no part in what comes later */
	land(w, 2, 0x41, 0x42);
	expect_event(w, "{'type': 'affinity-change', 'cause': {'comm': 'innocent'}}");
	expect_event(w, "{'type': 'message-change', 'cause': {'comm': 'innocent'}}");
}

/* Without a handler nobody listens: a move is no event. */
static void test_move_without_handler(void **state)
{
	struct world *w = *state;

	tell(w, with_message(RECORD_REASON_ALLOCATED, 30, PLACEHOLDER));
	forget_events(w);
	tell(w, make_message(30, PLACEHOLDER, MESSAGE(0x42)));
	tell(w,
	     moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 2, 2, MESSAGE(0x42)));
	expect_nothing(w);
	expect_vector(w, 30,
		      "{'affinity': '1', 'message': {'data': '0x00000042'}, 'message_changes': 0}");
}

/* Causes by their kernel callers */
static void test_causes(void **state)
{
	static const struct {
		enum record_cause cause;
		uint32_t flags;
		const char *comm, *kind;
	} causes[] = {
		{ RECORD_CAUSE_NONE, 0, "ethtool", "affinity-kernel" },
		{ RECORD_CAUSE_AFFINITY_WRITE, 0, "irqbalance", "affinity-write" },
		{ RECORD_CAUSE_AFFINITY_HINT, 0, "modprobe", "affinity-kernel" },
		{ RECORD_CAUSE_CPU_HOTPLUG, 0, "migration/1", "cpu-hotplug" },
		{ RECORD_CAUSE_REQUEST, 0, "modprobe", "driver" },
		{ RECORD_CAUSE_FREE, 0, "rmmod", "driver" },
		{ RECORD_CAUSE_PROBE, 0, "modprobe", "driver" },
		/* a driver's callback; but anybody can name himself so */
		{ RECORD_CAUSE_NONE, RECORD_F_KTHREAD, "cpuhp/1", "cpu-hotplug" },
		{ RECORD_CAUSE_NONE, RECORD_F_KTHREAD | RECORD_F_INSTALL, "cpuhp/1",
		  "affinity-kernel" },
		{ RECORD_CAUSE_NONE, 0, "cpuhp/1", "affinity-kernel" },
	};
	struct world *w = *state;
	char expected[128];

	start_and_forget(w, 30, 0x41);
	for (uint32_t i = 0; i < sizeof(causes) / sizeof(*causes); i++) {
		struct vector_record applied =
			moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED,
			      2 << (i & 1), 1, MESSAGE(0x41));

		done_by(&applied.r.header, causes[i].cause, causes[i].comm, i);
		applied.r.header.flags = causes[i].flags;
		tell(w, applied);
		snprintf(expected, sizeof(expected),
			 "{'type': 'affinity-change', 'cause': {'kind': '%s', 'comm': '%s', 'pid': "
			 "%u, 'uid': 0}}",
			 causes[i].kind, causes[i].comm, i);
		expect_event(w, expected);
	}
	expect_nothing(w);
}

/*
 * No enclosing call tells why. Where nothing waited, the task itself asked for it: a driver, here and
 * now. Where something did, it is carried out in whatever task was interrupted.
 */
static void test_direct_or_deferred(void **state)
{
	struct world *w = *state;
	struct vector_record v = moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 2,
				       2, MESSAGE(0x42));

	start_and_forget(w, 30, 0x41);
	done_by(&v.r.header, RECORD_CAUSE_NONE, "modprobe", 5);
	tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x42)));
	tell(w, v);
	expect_event(w, "{'type': 'affinity-change', 'cause': {'kind': 'affinity-kernel', 'comm': "
			"'modprobe', 'pid': 5}}");
	expect_event(w, "{'type': 'message-change', 'cause': {'kind': 'affinity-kernel'}}");

	/* the request was not seen; the mask that waited still is, in whichever word */
	for (int word = 0; word < WORDS; word += WORDS - 1) {
		v.masks[RECORD_MASK_AFFINITY][0] = v.masks[RECORD_MASK_EFFECTIVE][0] = 4U << word;
		memset(v.masks[RECORD_MASK_PENDING], 0, sizeof(v.masks[RECORD_MASK_PENDING]));
		v.masks[RECORD_MASK_PENDING][word] = 4;
		tell(w, v);
		expect_event(w, "{'type': 'affinity-change', 'cause': {'kind': 'unknown', 'comm': "
				"'modprobe'}}");
	}
	expect_nothing(w);
}

/* A driver's request that has to wait is its own when it lands, too. */
static void test_deferred_kernel(void **state)
{
	struct world *w = *state;
	struct vector_record v = asked(2, "modprobe", 5);

	start_and_forget(w, 30, 0x41);
	v.r.header.cause = RECORD_CAUSE_NONE;
	tell(w, v);
	expect_event(w, "{'pending': true, 'cause': {'kind': 'affinity-kernel', 'pid': 5}}");
	land(w, 2, 0x41, 0x42);
	expect_event(w, "{'type': 'affinity-change', 'pending': false,"
			" 'cause': {'kind': 'affinity-kernel', 'comm': 'modprobe', 'pid': 5}}");
	expect_event(w, "{'type': 'message-change', 'cause': {'kind': 'affinity-kernel'}}");
	expect_nothing(w);
}

/* The guard tells who wanted what; nothing is different afterwards. */
static void test_guarded(void **state)
{
	struct world *w = *state;
	struct record_guard r = make_guard(30, true);

	start_and_forget(w, 30, 0x41);
	r.header.uid = 1000;
	tell(w, r);
	expect_event(w, "{'type': 'guard-denied', 'irq': 30, 'device': '" NVME
			"', 'index': 0, 'denied': true, 'path': 'smp_affinity',"
			" 'cause': {'kind': 'affinity-write', 'comm': 'curious', 'pid': 72,"
			" 'uid': 1000}}");
	tell(w, make_guard(30, false));
	expect_event(w, "{'type': 'guard-denied', 'irq': 30, 'denied': false}");
	/* of an interrupt that nobody has told of */
	tell(w, make_guard(99, true));
	expect_event(w, "{'type': 'guard-denied', 'irq': 99, 'device': null, 'index': null,"
			" 'denied': true, 'path': 'smp_affinity', 'cause': {'pid': 72}}");
	/* a wired one has no index */
	tell(w, make_wired(RECORD_REASON_REQUESTED, 9));
	json_array_clear(w->events);
	tell(w, make_guard(9, true));
	expect_event(w, "{'type': 'guard-denied', 'irq': 9, 'index': null}");
	tell(w, make_guard(RECORD_GUARD_DEFAULT, true));
	expect_event(w, "{'type': 'guard-denied', 'irq': null, 'device': null, 'index': null,"
			" 'denied': true, 'path': 'default_smp_affinity'}");
	expect_nothing(w);
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
		tell(w, moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED,
			      i & 1 ? 1 : 2, 1, MESSAGE(0x41)));
	expect_domain(w, "MSIX",
		      "{'immutability': 'unknown', 'affinity_changes': 32, 'message_changes': 0}");
	tell(w,
	     moved(make_vector(0, 31, NVME), RECORD_REASON_AFFINITY_APPLIED, 2, 1, MESSAGE(0x51)));
	expect_domain(w, "MSIX", "{'immutability': 'observed', 'affinity_changes': 33}");
	expect_domain(w, "VECTOR", "{'immutability': 'declared', 'affinity_changes': 33}");
	/* a request that waits is no move */
	tell(w, asked(2, "tuna", 71));
	expect_domain(w, "MSIX", "{'affinity_changes': 33}");
	land(w, 2, 0x41, 0x42);
	expect_domain(w, "MSIX",
		      "{'immutability': 'mutable', 'message_changes': 1, 'affinity_changes': 34}");
	expect_domain(w, "VECTOR", "{'immutability': 'declared', 'message_changes': 1}");
}

/* Moves are counted for the device's domain and its parent, as far as there are such levels. */
static void test_counted_levels(void **state)
{
	struct world *w = *state;
	struct vector_record v = moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 2,
				       1, MESSAGE(0x42));

	tell(w, make_domain(RECORD_REASON_CREATED, 0x100, "MSIX"));
	tell(w, make_domain(RECORD_REASON_CREATED, 0x200, "VECTOR"));
	tell(w, make_domain(RECORD_REASON_CREATED, 0x300, "far"));
	start_and_forget(w, 30, 0x41);
	v.r.n_levels = 3;
	v.r.levels[2].domain = 0x300;
	tell(w, v);
	expect_domain(w, "MSIX", "{'affinity_changes': 1, 'message_changes': 1}");
	expect_domain(w, "VECTOR", "{'affinity_changes': 1, 'message_changes': 1}");
	expect_domain(w, "far", "{'affinity_changes': 0, 'message_changes': 0, 'mapped': 1}");
	/* what stands behind the last level means nothing */
	v.r.n_levels = 1;
	v.r.message = MESSAGE(0x43);
	v.masks[RECORD_MASK_AFFINITY][0] = 1;
	tell(w, v);
	expect_domain(w, "MSIX", "{'affinity_changes': 2, 'message_changes': 2}");
	expect_domain(w, "VECTOR", "{'affinity_changes': 1, 'message_changes': 1, 'mapped': 0}");
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
		TEST(test_move),
		TEST(test_effective),
		TEST(test_many_cpus),
		TEST(test_pending),
		TEST(test_pending_twice),
		TEST(test_pending_same),
		TEST(test_pending_overtaken),
		TEST(test_pending_given_up),
		TEST(test_refused_move),
		TEST(test_pending_dropped),
		TEST(test_move_without_handler),
		TEST(test_causes),
		TEST(test_direct_or_deferred),
		TEST(test_deferred_kernel),
		TEST(test_guarded),
		TEST(test_immutability),
		TEST(test_counted_levels),
		TEST(test_few_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
