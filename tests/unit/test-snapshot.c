// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Walks against events. The first walk finds what was there before; what a later one finds
 * different is a correction, counted by kind, unless a record that arrives before its end explains
 * it. Then it is that record which tells, with its own cause.
 */
#include "records.h"

#define NVME "0000:01:00.0"

/* ---- The first ---- */

static void test_first(void **state)
{
	struct world *w = *state;

	assert_false(model_has_snapshot(w->model));
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	see_domain(w, 0x200, "VECTOR");
	tell(w, make_owner(RECORD_REASON_SNAPSHOT, 30, 1, "nvme0"));
	see(w, 30, 0x41);
	see(w, 31, 0x42);
	assert_false(model_has_snapshot(w->model));
	walk_end(w, true);
	assert_true(model_has_snapshot(w->model));
	expect_nothing(w);
	expect_corrections(w, "{}");
	expect_vector(w, 30,
		      "{'origin': 'preexisting', 'state': 'requested', 'domain': 1,"
		      " 'owners': [{'device': 'nvme0', 'evidence': 'devres'}]}");
	expect_vector(w, 31, "{'origin': 'preexisting', 'owners': [{'device': null}]}");
	expect_domain(w, "MSIX", "{'id': 1, 'mapped': 2, 'chip': 'PCI-MSIX'}");
	expect_domain(w, "VECTOR", "{'id': 2, 'mapped': 2, 'chip': 'APIC'}");
	assert_int_equal(w->model->snapshots, 1);
	assert_int_equal(w->model->snapshot_ns, 1000);
}

/* What was there first and then changes is told, but not that it appeared. */
static void test_first_meets_events(void **state)
{
	struct world *w = *state;
	struct vector_record moved;

	/* hooks are attached before the walk begins */
	tell(w, make_wired(RECORD_REASON_ACTIVATED, 9));
	tell(w, make_domain(RECORD_REASON_UPDATED, 0x100, "MSIX"));
	expect_nothing(w);
	walk_begin(w);
	see(w, 30, 0x41);
	moved = vector_seen(30, 0x42);
	moved.r.reason = RECORD_REASON_AFFINITY_APPLIED;
	moved.masks[RECORD_MASK_AFFINITY][0] = 2;
	tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x42)));
	tell(w, moved);
	expect_event(w, "{'type': 'affinity-change', 'irq': 30}");
	expect_event(w, "{'type': 'message-change', 'irq': 30}");
	moved = make_wired(RECORD_REASON_SNAPSHOT, 9);
	tell(w, moved);
	see_domain(w, 0x100, "MSIX");
	walk_end(w, true);
	expect_nothing(w);
	expect_vector(w, 9, "{'origin': 'preexisting'}");
	expect_vector(w, 30, "{'origin': 'preexisting'}");
	expect_corrections(w, "{}");
	tell(w, make_free(30, 1));
	expect_event(w, "{'type': 'vector-freed', 'irq': 30}");
}

/* What appears while the first walk runs is new: the walk may see it before its record comes. */
static void test_first_meets_new(void **state)
{
	struct world *w = *state;
	struct record_range alloc = make_alloc(31, 1);

	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	tell(w, make_domain(RECORD_REASON_CREATED, 0x100, "MSIX"));
	see(w, 30, 0x41);
	tell(w, make_alloc(30, 1));
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 30, NVME));
	/* the other way round, and without an MSI */
	done_by(&alloc.header, RECORD_CAUSE_PROBE, "modprobe", 4);
	tell(w, alloc);
	tell(w, make_wired(RECORD_REASON_SNAPSHOT, 31));
	expect_event(w, "{'type': 'domain-created', 'domain': {'id': 2, 'name': 'MSIX'}}");
	expect_event(w, "{'type': 'vector-allocated', 'irq': 30}");
	walk_end(w, true);
	expect_event(w, "{'type': 'vector-allocated', 'irq': 31}");
	expect_nothing(w);
	expect_vector(w, 30, "{'origin': 'dynamic'}");
	expect_vector(w, 31, "{'origin': 'probe'}");
	expect_corrections(w, "{}");
}

static void test_first_incomplete(void **state)
{
	struct world *w = *state;

	walk(w, false);
	assert_false(model_has_snapshot(w->model));
	/* the next one is the first that counts */
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	see_domain(w, 0x200, "VECTOR");
	see(w, 30, 0x43);
	see(w, 31, 0x42);
	walk_end(w, true);
	expect_corrections(w, "{}");
	expect_vector(w, 31, "{'origin': 'preexisting'}");
	expect_domain(w, "VECTOR", "{'id': 2}");
	assert_true(model_has_snapshot(w->model));
}

/* ---- Corrections ---- */

static void test_nothing_new(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 4; i++)
		walk(w, true);
	expect_nothing(w);
	expect_corrections(w, "{}");
	assert_int_equal(w->model->snapshots, 4);
}

static void test_domains(void **state)
{
	struct world *w = *state;

	walk(w, true);
	walk_begin(w);
	see_domain(w, 0x200, "VECTOR");
	see(w, 30, 0x41);
	expect_nothing(w);
	walk_end(w, true);
	expect_event(w, "{'type': 'correction', 'kind': 'domain-vanished', 'irq': null, 'domain': "
			"{'name': 'MSIX'}}");
	expect_event(w, "{'type': 'domain-removed', 'domain': {'id': 1, 'name': 'MSIX'}}");
	expect_event(w, "{'type': 'correction', 'kind': 'domain-appeared', 'domain': {'id': 2, "
			"'name': 'VECTOR'}}");
	expect_nothing(w);
	expect_corrections(w, "{'domain-appeared': 1, 'domain-vanished': 1}");
	assert_null(model_domain(w->model, 0x100));
}

static void test_vectors(void **state)
{
	struct world *w = *state;

	walk(w, true);
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	see(w, 29, 0x42);
	see(w, 31, 0x43);
	expect_nothing(w);
	walk_end(w, true);
	/* in the order of their numbers */
	expect_event(w,
		     "{'type': 'correction', 'kind': 'vector-appeared', 'irq': 29, 'device': '" NVME
		     "'}");
	expect_event(w, "{'type': 'correction', 'kind': 'handler-appeared', 'irq': 29}");
	expect_event(w, "{'type': 'correction', 'kind': 'vector-vanished', 'irq': 30}");
	expect_event(w, "{'type': 'vector-freed', 'irq': 30}");
	expect_event(w, "{'type': 'correction', 'kind': 'vector-appeared', 'irq': 31}");
	expect_event(w, "{'type': 'correction', 'kind': 'handler-appeared', 'irq': 31}");
	expect_nothing(w);
	expect_corrections(w,
			   "{'vector-appeared': 2, 'vector-vanished': 1, 'handler-appeared': 2}");
	expect_vector(w, 31, "{'origin': 'dynamic'}");
}

/* The same number, another descriptor */
static void test_vector_replaced(void **state)
{
	struct world *w = *state;
	struct vector_record other = vector_seen(30, 0x42);

	walk(w, true);
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	other.r.key++;
	other.r.provider = make_dev("0000:02:00.0", "pci", "e1000e");
	tell(w, other);
	walk_end(w, true);
	expect_event(w,
		     "{'type': 'correction', 'kind': 'vector-vanished', 'irq': 30, 'device': '" NVME
		     "'}");
	expect_event(w, "{'type': 'vector-freed', 'irq': 30, 'device': '" NVME "'}");
	expect_event(w, "{'type': 'correction', 'kind': 'vector-appeared', 'irq': 30, 'device': "
			"'0000:02:00.0'}");
	expect_nothing(w);
	expect_vector(w, 30, "{'owners': [], 'origin': 'dynamic'}");
	expect_corrections(w, "{'vector-appeared': 1, 'vector-vanished': 1}");
}

/* Nobody knows who did it, and the daemon that found it did not. */
static void test_message(void **state)
{
	struct world *w = *state;
	struct vector_record v = vector_seen(30, 0x42);

	walk(w, true);
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	done_by(&v.r.header, RECORD_CAUSE_NONE, "cxlirqd", 4711);
	tell(w, v);
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 1, "nvme0q0"));
	expect_nothing(w);
	walk_end(w, true);
	expect_event(w, "{'type': 'correction', 'kind': 'message', 'irq': 30}");
	expect_event(w,
		     "{'type': 'message-change', 'irq': 30, 'old_message': {'data': '0x00000041'},"
		     " 'new_message': {'data': '0x00000042'},"
		     " 'cause': {'kind': 'unknown', 'comm': null, 'pid': null, 'uid': null}}");
	expect_nothing(w);
	expect_corrections(w, "{'message': 1}");
	expect_vector(w, 30, "{'message_changes': 1, 'message': {'data': '0x00000042'}}");
}

/* What a descriptor does not keep is known to a walk by what was kept of it. */
static void test_message_kept(void **state)
{
	struct world *w = *state;
	struct vector_record v = vector_seen(30, 0x41);

	v.r.msi_type = RECORD_MSI_OTHER;
	for (int i = 0; i < 3; i++) {
		walk_begin(w);
		see_domain(w, 0x100, "MSIX");
		v.r.flags = i ? RECORD_VECTOR_MESSAGE_KEPT : 0;
		v.r.message.data = 0x41 + (i == 2);
		tell(w, v);
		tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 1, "nvme0q0"));
		walk_end(w, true);
		if (i == 0)
			expect_vector(w, 30, "{'message': null}");
		if (i == 1)
			expect_vector(w, 30, "{'message': {'data': '0x00000041'}}");
		if (i < 2)
			expect_nothing(w);
	}
	expect_event(w, "{'type': 'correction', 'kind': 'message', 'irq': 30}");
	expect_event(w,
		     "{'type': 'message-change', 'irq': 30, 'old_message': {'data': '0x00000041'},"
		     " 'new_message': {'data': '0x00000042'}}");
	expect_nothing(w);
}

static void test_affinity(void **state)
{
	static const uint64_t masks[][2] = { { 2, 1 }, { 2, 2 } };
	struct world *w = *state;

	walk(w, true);
	for (int i = 0; i < 2; i++) {
		walk_begin(w);
		see_domain(w, 0x100, "MSIX");
		assert_false(model_is_unexplained(w->model));
		tell(w, moved_to(masks[i][0], masks[i][1]));
		tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 1, "nvme0q0"));
		assert_true(model_is_unexplained(w->model));
		walk_end(w, true);
		assert_false(model_is_unexplained(w->model));
		expect_event(w, "{'type': 'correction', 'kind': 'affinity', 'irq': 30}");
		expect_nothing(w);
	}
	expect_vector(w, 30, "{'affinity': '1', 'effective_affinity': '1'}");
	expect_corrections(w, "{'affinity': 2}");
	/* once it stands, it is nothing new */
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	tell(w, moved_to(2, 2));
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 1, "nvme0q0"));
	walk_end(w, true);
	expect_nothing(w);
}

/* Masks of another width, as a hand-made trace may have: another width is another mask. */
static void test_affinity_width(void **state)
{
	static const uint32_t widths[] = { 2, 8, 1, WORDS };
	struct world *w = *state;
	struct {
		struct record_vector r;
		uint64_t masks[RECORD_MASKS * 8];
	} v = { .r = vector_seen(30, 0x41).r };

	walk(w, true);
	for (size_t i = 0; i < 4; i++) {
		memset(v.masks, 0xff, sizeof(v.masks));
		v.r.mask_words = widths[i];
		v.r.header.size = (uint32_t)(sizeof(v.r) + RECORD_MASKS * widths[i] * 8);
		walk_begin(w);
		see_domain(w, 0x100, "MSIX");
		tell(w, v);
		tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 1, "nvme0q0"));
		walk_end(w, true);
		expect_event(w, "{'type': 'correction', 'kind': 'affinity'}");
		expect_nothing(w);
	}
	expect_vector(w, 30, "{'affinity': '0-255'}");
}

static void test_affinity_pending(void **state)
{
	struct world *w = *state;
	struct vector_record v = moved_to(3, 1);

	walk(w, true);
	v.r.state = PENDING;
	v.masks[RECORD_MASK_PENDING][0] = 2;
	for (int i = 0; i < 2; i++) {
		walk_begin(w);
		see_domain(w, 0x100, "MSIX");
		tell(w, v);
		tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 1, "nvme0q0"));
		walk_end(w, true);
		expect_vector(w, 30, "{'affinity': '1', 'effective_affinity': '0'}");
	}
	expect_corrections(w, "{'affinity': 1}");
	/* masks of a move that does not wait are what was left there */
	v.r.state = 0;
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	tell(w, v);
	v.masks[RECORD_MASK_PENDING][0] = 1;
	tell(w, v);
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 1, "nvme0q0"));
	walk_end(w, true);
	expect_corrections(w, "{'affinity': 2}");
	expect_vector(w, 30, "{'affinity': '0-1'}");
}

static void test_handlers(void **state)
{
	struct world *w = *state;

	walk(w, true);
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	tell(w, vector_seen(30, 0x41));
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 2, "new"));
	walk_end(w, true);
	expect_event(w, "{'type': 'correction', 'kind': 'handler-appeared', 'irq': 30}");
	expect_event(w, "{'type': 'correction', 'kind': 'handler-vanished', 'irq': 30}");
	expect_event(w, "{'type': 'handler-freed', 'irq': 30, 'action': 'nvme0q0'}");
	expect_nothing(w);
	expect_vector(w, 30, "{'owners': [{'action': 'new'}]}");
	expect_corrections(w, "{'handler-appeared': 1, 'handler-vanished': 1}");
}

/* ---- Walks that do not go well ---- */

static void test_incomplete(void **state)
{
	struct world *w = *state;

	walk(w, true);
	walk_begin(w);
	see(w, 31, 0x42);
	walk_end(w, false);
	/* what it did see counts, what it did not see is not gone */
	expect_event(w, "{'type': 'correction', 'kind': 'vector-appeared', 'irq': 31}");
	expect_event(w, "{'type': 'correction', 'kind': 'handler-appeared', 'irq': 31}");
	expect_nothing(w);
	expect_vector(w, 30, "{'owners': [{'action': 'nvme0q0'}]}");
	expect_domain(w, "MSIX", "{}");
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	tell(w, vector_seen(30, 0x41));
	walk_end(w, false);
	expect_nothing(w);
	expect_vector(w, 30, "{'owners': [{'action': 'nvme0q0'}]}");
}

/* A part of the walk that broke off is told again. */
static void test_told_twice(void **state)
{
	struct world *w = *state;

	walk(w, true);
	walk_begin(w);
	for (int i = 0; i < 2; i++) {
		see_domain(w, 0x100, "MSIX");
		see_domain(w, 0x200, "VECTOR");
		see(w, 30, 0x42);
		tell(w, moved_to(2, 1));
		see(w, 31, 0x43);
	}
	walk_end(w, true);
	expect_corrections(
		w, "{'domain-appeared': 1, 'vector-appeared': 1, 'message': 1, 'affinity': 1,"
		   " 'handler-appeared': 1}");
	/* it is the last reading that counts */
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	see_domain(w, 0x200, "VECTOR");
	see(w, 31, 0x43);
	tell(w, moved_to(3, 3));
	tell(w, moved_to(2, 1));
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 1, "nvme0q0"));
	walk_end(w, true);
	expect_corrections(
		w, "{'domain-appeared': 1, 'vector-appeared': 1, 'message': 1, 'affinity': 1,"
		   " 'handler-appeared': 1}");
}

static void test_broken_off(void **state)
{
	struct world *w = *state;

	walk(w, true);
	walk_end(w, true);
	assert_int_equal(w->model->snapshots, 1);
	expect_vector(w, 30, "{'state': 'requested'}");
	walk_begin(w);
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	see(w, 30, 0x41);
	walk_end(w, true);
	walk_end(w, true);
	assert_int_equal(w->model->snapshots, 2);
	expect_nothing(w);
}

/* ---- The same records, the same model, whoever looked in between ---- */

static void test_order(void **state)
{
	_cleanup_world_ struct world *other = world_new(NULL);
	struct world *worlds[] = { *state, other };

	for (int i = 0; i < 2; i++) {
		struct world *w = worlds[i];

		walk_begin(w);
		for (uint32_t n = 0; n < 20; n++) {
			char name[32];

			snprintf(name, sizeof(name), "domain%u", n);
			see_domain(w, 0x1000 + n * 7 % 20, name);
			see(w, 30 + n * 7 % 20, 0x41);
		}
		walk_end(w, true);
		if (i) {
			json_decref(model_to_json(w->model));
			model_vectors(w->model);
			model_domains(w->model);
			model_devices(w->model);
		}
		walk_begin(w);
		for (uint32_t n = 0; n < 20; n++) {
			char name[32];

			snprintf(name, sizeof(name), "domain%u", n);
			see_domain(w, 0x1010 + n * 7 % 20, name);
			see(w, 40 + n * 7 % 20, 0x42);
		}
		walk_end(w, true);
	}
	assert_int_not_equal(json_array_size(other->events), 0);
	assert_true(json_equal(worlds[0]->events, other->events));
}

/* ---- Where tracing is refused ---- */

static void read_sysfs(struct world *w, uint32_t first, uint32_t last, const char *actions)
{
	walk_begin(w);
	for (uint32_t irq = first; irq <= last; irq++)
		tell(w, make_sysfs_irq(irq, actions));
	walk_end(w, true);
}

static void test_sysfs(void **state)
{
	struct world *w = *state;

	tell(w, make_base(RECORD_MODE_SYSFS));
	read_sysfs(w, 30, 31, "nvme0q0");
	expect_nothing(w);
	expect_vector(
		w, 30,
		"{'origin': 'preexisting', 'state': 'requested', 'chip': 'PCI-MSIX', 'hwirq': 30,"
		" 'affinity': '0-1', 'effective_affinity': '0', 'message': null, 'managed': null,"
		" 'domain': null, 'index': null, 'target': null}");
	read_sysfs(w, 31, 32, "nvme0q0");
	expect_event(w, "{'type': 'vector-allocated', 'irq': 32}");
	expect_event(w, "{'type': 'vector-freed', 'irq': 30}");
	expect_nothing(w);
	expect_vector(w, 32, "{'origin': 'dynamic'}");
	/* it is the only witness here: it corrects nobody */
	expect_corrections(w, "{}");
	read_sysfs(w, 31, 32, "");
	expect_vector(w, 31, "{'state': 'allocated', 'owners': []}");
	expect_nothing(w);
}

static void end_of_irqs(struct world *w)
{
	struct record_snapshot end = make_snapshot(RECORD_SNAPSHOT_END, true);

	end.complete = RECORD_COMPLETE_IRQS;
	tell(w, end);
}

/* Hooks tell what happens, and sysfs which interrupts there are: of anything else it tells nothing. */
static void test_sysfs_beside_hooks(void **state)
{
	struct record_domain updated = make_domain(RECORD_REASON_UPDATED, 0x900, "was there first");
	struct record_sysfs_irq more = make_sysfs_irq(40, "nvme0q0");
	struct record_action action = make_action(RECORD_REASON_REQUESTED, 40, 7, "nvme0q0");
	struct world *w = *state;

	tell(w, make_base(RECORD_MODE_TRACING));
	walk_begin(w);
	tell(w, make_sysfs_irq(40, "nvme0q0"));
	tell(w, make_sysfs_irq(41, ""));
	end_of_irqs(w);
	expect_nothing(w);
	expect_vector(w, 40, "{'origin': 'preexisting'}");
	assert_true(model_has_snapshot(w->model));
	tell(w, updated);
	expect_nothing(w);
	action.device = make_dev("0000:01:00.0", "pci", "nvme");
	tell(w, action);
	expect_event(w, "{'type': 'handler-requested'}");
	/* 41's release was lost */
	walk_begin(w);
	more.interrupts = 5000;
	tell(w, more);
	end_of_irqs(w);
	expect_event(w, "{'type': 'correction', 'kind': 'vector-vanished', 'irq': 41}");
	expect_event(w, "{'type': 'vector-freed', 'irq': 41}");
	expect_nothing(w);
	assert_null(model_vector(w->model, 41));
	assert_non_null(model_domain(w->model, 0x900));
	assert_non_null(model_vector(w->model, 40));
	assert_non_null(model_vector(w->model, 40)->actions);
	assert_int_equal(model_vector(w->model, 40)->actions->interrupts, 5000);
}

/* What happens while sysfs is read is told by its records, which come behind it. */
static void test_sysfs_meets_events(void **state)
{
	struct world *w = *state;

	tell(w, make_base(RECORD_MODE_TRACING));
	walk_begin(w);
	end_of_irqs(w);
	walk_begin(w);
	for (uint32_t irq = 30; irq < 33; irq++)
		tell(w, make_sysfs_irq(irq, ""));
	expect_nothing(w);
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 30, "0000:01:00.0"));
	expect_event(w, "{'type': 'vector-allocated', 'irq': 30}");
	tell(w, make_alloc(31, 1));
	tell(w, make_free(50, 1));
	tell(w, make_sysfs_irq(50, ""));
	end_of_irqs(w);
	expect_event(w, "{'type': 'vector-allocated', 'irq': 31}");
	/* and the record of this one was lost */
	expect_event(w, "{'type': 'correction', 'kind': 'vector-appeared', 'irq': 32}");
	expect_nothing(w);
	assert_null(model_vector(w->model, 50));
	expect_vector(w, 32, "{'origin': 'dynamic'}");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_first),
		TEST(test_first_meets_events),
		TEST(test_first_meets_new),
		TEST(test_first_incomplete),
		TEST(test_nothing_new),
		TEST(test_domains),
		TEST(test_vectors),
		TEST(test_vector_replaced),
		TEST(test_message),
		TEST(test_message_kept),
		TEST(test_affinity),
		TEST(test_affinity_width),
		TEST(test_affinity_pending),
		TEST(test_handlers),
		TEST(test_incomplete),
		TEST(test_told_twice),
		TEST(test_broken_off),
		TEST(test_order),
		TEST(test_sysfs),
		TEST(test_sysfs_beside_hooks),
		TEST(test_sysfs_meets_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
