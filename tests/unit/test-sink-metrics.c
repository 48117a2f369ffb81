// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is counted: counters that never go backwards while their device is there, and that go when
 * it goes.
 */
#include "metrics-fixture.h"

/* ---- interrupts ---- */

static void test_interrupts(void **state)
{
	struct world *w = *state;

	device(w, NVME, "pci");
	device(w, "pmu_mem0.0", "cxl");
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 31, NVME));
	gather(w);
	expect(NONE, METRIC_DEVICE_INTERRUPTS, NVME, "");
	has_handler(w, 31, 1, NVME, "pci");
	gather(w);
	expect(0, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
	count_to(w, 31, 10);
	gather(w);
	expect(10, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
	expect(10, METRIC_VECTOR_INTERRUPTS, NVME, "1", NVME);
	/* who comes later has nothing of what was before */
	has_handler(w, 31, 2, "pmu_mem0.0", "cxl");
	count_to(w, 31, 15);
	gather(w);
	expect(15, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
	expect(5, METRIC_DEVICE_INTERRUPTS, NVME, "pmu_mem0.0");
	/* and who goes keeps it, while the device is there */
	tell(w, make_action_freed(31, 1));
	count_to(w, 31, 20);
	gather(w);
	expect(15, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
	expect(10, METRIC_DEVICE_INTERRUPTS, NVME, "pmu_mem0.0");
	/* no handler at all */
	tell(w, make_action_freed(31, 2));
	count_to(w, 31, 22);
	gather(w);
	expect(2, METRIC_DEVICE_INTERRUPTS, NVME, "");
	expect(10, METRIC_DEVICE_INTERRUPTS, NVME, "pmu_mem0.0");
	/* the owner goes: it alone */
	gone(w, "pmu_mem0.0");
	gather(w);
	expect(NONE, METRIC_DEVICE_INTERRUPTS, NVME, "pmu_mem0.0");
	expect(15, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
	expect(2, METRIC_DEVICE_INTERRUPTS, NVME, "");
	assert_int_equal(sink_metrics_refused(sink), 0);
}

/* Freed and allocated anew: the kernel counts from zero, the device's counter goes on. */
static void test_vector_anew(void **state)
{
	struct world *w = *state;
	uint64_t last = 0;

	device(w, NVME, "pci");
	for (uint64_t round = 1; round <= 5; round++) {
		tell(w, make_vector(RECORD_REASON_ALLOCATED, 31, NVME));
		has_handler(w, 31, round, NVME, "pci");
		gather(w);
		expect(last, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
		count_to(w, 31, 100 * round);
		last += 100 * round;
		gather(w);
		expect(last, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
		expect(last, METRIC_VECTOR_INTERRUPTS, NVME, "1", NVME);
		/* in the order of a driver that forgets its handler every other time */
		if (round % 2)
			tell(w, make_action_freed(31, round));
		tell(w, make_free(31, 1));
		gather(w);
		expect(last, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
		expect(last, METRIC_VECTOR_INTERRUPTS, NVME, "1", NVME);
	}
}

/* Nobody told that it is another one: it goes on from where it was, and not backwards. */
static void test_unnoticed(void **state)
{
	struct world *w = *state;

	device(w, NVME, "pci");
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 31, NVME));
	has_handler(w, 31, 1, NVME, "pci");
	count_to(w, 31, 100);
	count_to(w, 31, 7);
	gather(w);
	expect(100, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
	count_to(w, 31, 8);
	gather(w);
	expect(101, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
	/* the walk finds it gone */
	walk(w, true);
	gather(w);
	expect(101, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
}

/* What the kernel counted before the daemon came belongs to those who are there. */
static void test_from_the_start(void **state)
{
	struct world *w = world_new(NULL);
	struct vector_record v = vector_seen(31, 0x41);
	struct record_action r = make_action(RECORD_REASON_SNAPSHOT, 31, 1, "x");

	(void)state;
	assert_int_equal(sink_metrics_new(false, &sink), 0);
	assert_int_equal(violations_new(16, &violations), 0);
	w->follow = follow;
	tell(w, make_base(RECORD_MODE_TRACING));
	device(w, "0000:01:00.0", "pci");
	v.r.interrupts = 1000;
	r.device = make_dev("", "", "");
	walk_begin(w);
	tell(w, v);
	tell(w, r);
	/* an event comes before the managed request is told */
	has_handler(w, 31, 2, "virtio0", "virtio");
	tell(w, make_owner(RECORD_REASON_SNAPSHOT, 31, 1, "0000:01:00.0"));
	gather(w);
	expect(0, METRIC_DEVICE_INTERRUPTS, "0000:01:00.0", "0000:01:00.0");
	walk_end(w, true);
	gather(w);
	expect(1000, METRIC_DEVICE_INTERRUPTS, "0000:01:00.0", "0000:01:00.0");
	expect(NONE, METRIC_DEVICE_INTERRUPTS, "0000:01:00.0", "");
	expect(NONE, METRIC_VECTOR_INTERRUPTS, "0000:01:00.0", "1", "0000:01:00.0");
	world_free(w);
	sink = sink_metrics_free(sink);
	violations = violations_free(violations);
	set = metric_set_free(set);
}

static void test_device_gone(void **state)
{
	struct world *w = *state;
	struct record_device again = make_device(NVME, "pci", "driver");

	device(w, NVME, "pci");
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 31, NVME));
	has_handler(w, 31, 1, NVME, "pci");
	count_to(w, 31, 100);
	/* as the kernel does it: the driver first, then the device */
	tell(w, make_action_freed(31, 1));
	tell(w, make_free(31, 1));
	gather(w);
	expect(100, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
	gone(w, NVME);
	tell(w, again);
	gather(w);
	expect(NONE, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
	expect(NONE, METRIC_VECTOR_INTERRUPTS, NVME, "1", NVME);
	/* its successor starts from zero */
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 31, NVME));
	has_handler(w, 31, 1, NVME, "pci");
	gather(w);
	expect(0, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
	/* and as it may look, when the uevent is read before the ring */
	count_to(w, 31, 50);
	gone(w, NVME);
	tell(w, make_action_freed(31, 1));
	tell(w, make_free(31, 1));
	tell(w, again);
	gather(w);
	expect(NONE, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
	assert_int_equal(HASH_COUNT(sink->tallies), 0);
}

/* No source tells when such a device goes: its series do with its last handler. */
static void test_untold_device(void **state)
{
	struct world *w = *state;
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, 31, "smmu.0");

	v.r.provider = make_dev("smmu.0", "platform", "arm-smmu");
	tell(w, v);
	has_handler(w, 31, 1, "smmu.0", "platform");
	has_handler(w, 31, 2, "smmu.0", "platform");
	count_to(w, 31, 40);
	tell(w, make_action_freed(31, 2));
	gather(w);
	/* two handlers of one device have each of the 40 */
	expect(80, METRIC_DEVICE_INTERRUPTS, "smmu.0", "smmu.0");
	tell(w, make_action_freed(31, 1));
	gather(w);
	expect(NONE, METRIC_DEVICE_INTERRUPTS, "smmu.0", "smmu.0");
	tell(w, make_free(31, 1));
	gather(w);
	assert_int_equal(HASH_COUNT(sink->tallies), 0);
}

static void test_per_vector_off(void **state)
{
	struct world *w = *state;

	device(w, NVME, "pci");
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 31, NVME));
	has_handler(w, 31, 1, NVME, "pci");
	count_to(w, 31, 100);
	tell(w, make_free(31, 1));
	gather(w);
	expect(100, METRIC_VECTOR_INTERRUPTS, NVME, "1", NVME);
	sink_metrics_set_per_vector(sink, false);
	gather(w);
	expect(NONE, METRIC_VECTOR_INTERRUPTS, NVME, "1", NVME);
	expect(100, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
	sink_metrics_set_per_vector(sink, true);
	gather(w);
	expect(NONE, METRIC_VECTOR_INTERRUPTS, NVME, "1", NVME);
	expect(100, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
}

/* ---- changes ---- */

static void change_message(struct world *w, uint32_t vector, enum record_cause cause,
			   const char *comm)
{
	struct vector_record v = moved(make_vector(RECORD_REASON_AFFINITY_APPLIED, 30, NVME),
				       RECORD_REASON_AFFINITY_APPLIED, 1, 1, MESSAGE(vector));

	done_by(&v.r.header, cause, comm, 7);
	tell(w, v);
}

static void test_changes(void **state)
{
	struct world *w = *state;

	device(w, NVME, "pci");
	start(w, 30, 0x41);
	change_message(w, 0x42, RECORD_CAUSE_AFFINITY_WRITE, "sh");
	change_message(w, 0x43, RECORD_CAUSE_AFFINITY_WRITE, "sh");
	change_message(w, 0x44, RECORD_CAUSE_CPU_HOTPLUG, "cpuhp/1");
	gather(w);
	expect(2, METRIC_MESSAGE_CHANGES, NVME, "affinity-write");
	expect(1, METRIC_MESSAGE_CHANGES, NVME, "cpu-hotplug");
	/* nothing is told of what never was */
	expect(NONE, METRIC_MESSAGE_CHANGES, NVME, "driver");
	/* it is the provider's, not the vector's */
	tell(w, make_free(30, 1));
	gather(w);
	expect(2, METRIC_MESSAGE_CHANGES, NVME, "affinity-write");
	gone(w, NVME);
	gather(w);
	expect(NONE, METRIC_MESSAGE_CHANGES, NVME, "affinity-write");
	assert_int_equal(HASH_COUNT(sink->changes), 0);
}

/* Only what was denied, and of interrupts whose provider is known */
static void test_denied(void **state)
{
	struct world *w = *state;

	device(w, NVME, "pci");
	start(w, 30, 0x41);
	tell(w, make_guard(30, false));
	gather(w);
	expect(NONE, METRIC_GUARD_DENIED, NVME);
	tell(w, make_guard(30, true));
	tell(w, make_guard(30, true));
	tell(w, make_guard(99, true));
	tell(w, make_guard(RECORD_GUARD_DEFAULT, true));
	gather(w);
	expect(2, METRIC_GUARD_DENIED, NVME);
	expect(NONE, METRIC_AFFINITY_CHANGES, NVME, "affinity-write");
	assert_int_equal(HASH_COUNT(sink->changes), 1);
	gone(w, NVME);
	/* told too late */
	tell(w, make_guard(30, true));
	gather(w);
	expect(NONE, METRIC_GUARD_DENIED, NVME);
	assert_int_equal(HASH_COUNT(sink->changes), 0);
}

static struct vector_record wants(uint64_t mask, bool pending)
{
	struct vector_record v =
		moved(make_vector(RECORD_REASON_AFFINITY_REQUESTED, 30, NVME),
		      pending ? RECORD_REASON_AFFINITY_REQUESTED : RECORD_REASON_AFFINITY_APPLIED,
		      pending ? 1 : mask, pending ? 1 : mask, MESSAGE(0x41));

	v.masks[RECORD_MASK_PENDING][0] = mask;
	v.r.state = pending ? PENDING : 0;
	done_by(&v.r.header, RECORD_CAUSE_AFFINITY_WRITE, "sh", 7);
	return v;
}

static void test_affinity(void **state)
{
	struct world *w = *state;

	device(w, NVME, "pci");
	start(w, 30, 0x41);
	tell(w, wants(1, false));
	gather(w);
	expect(1, METRIC_AFFINITY_CHANGES, NVME, "affinity-write");
	/* one that waits is none yet */
	tell(w, wants(2, true));
	gather(w);
	expect(1, METRIC_AFFINITY_CHANGES, NVME, "affinity-write");
	tell(w, wants(2, false));
	gather(w);
	expect(2, METRIC_AFFINITY_CHANGES, NVME, "affinity-write");
}

/* Of a provider that no source tells of: while it has a vector */
static void test_untold_changes(void **state)
{
	struct world *w = *state;

	struct vector_record v = moved(make_vector(RECORD_REASON_AFFINITY_APPLIED, 30, "smmu.0"),
				       RECORD_REASON_AFFINITY_APPLIED, 1, 1, MESSAGE(0x42));

	start(w, 30, 0x41);
	v.r.provider = make_dev("smmu.0", "platform", "arm-smmu");
	tell(w, v);
	gather(w);
	expect(1, METRIC_MESSAGE_CHANGES, "smmu.0", "affinity-kernel");
	tell(w, make_free(30, 1));
	gather(w);
	expect(NONE, METRIC_MESSAGE_CHANGES, "smmu.0", "affinity-kernel");
	assert_int_equal(HASH_COUNT(sink->changes), 0);
}

static void test_tables_full(void **state)
{
	struct vector vector = { .irq = 1 };
	struct change change = { .type = CHANGE_MESSAGE, .vector = &vector };
	struct world *w = *state;

	for (unsigned int i = 0; i < CHANGES_MAX + 3; i++) {
		snprintf(vector.provider.name, sizeof(vector.provider.name), "device%u", i);
		sink_metrics_change(sink, w->model, &change);
	}
	assert_int_equal(sink_metrics_refused(sink), 3);
	change.type = CHANGE_VECTOR_FREED;
	vector.unowned = 1;
	sink_metrics_set_per_vector(sink, false);
	for (unsigned int i = 0; i < TALLIES_MAX + 5; i++) {
		snprintf(vector.provider.name, sizeof(vector.provider.name), "device%u", i);
		sink_metrics_change(sink, w->model, &change);
	}
	assert_int_equal(sink_metrics_refused(sink), 8);
	/* those of nothing that is there go, and there is room again */
	gather(w);
	expect(NONE, METRIC_MESSAGE_CHANGES, "device0", "unknown");
	device(w, "device0", "pci");
	snprintf(vector.provider.name, sizeof(vector.provider.name), "device0");
	sink_metrics_change(sink, w->model, &change);
	gather(w);
	expect(1, METRIC_DEVICE_INTERRUPTS, "device0", "");
	assert_int_equal(sink_metrics_refused(sink), 8);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_listening, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_interrupts),	   TEST(test_vector_anew),
		TEST(test_unnoticed),	   cmocka_unit_test(test_from_the_start),
		TEST(test_device_gone),	   TEST(test_untold_device),
		TEST(test_per_vector_off), TEST(test_changes),
		TEST(test_denied),	   TEST(test_affinity),
		TEST(test_untold_changes), TEST(test_tables_full),
	};

	/* a daemon that starts again has a sink that starts again */
	unsetenv("CXLIRQD_RESTORE");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
