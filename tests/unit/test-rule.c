// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each rule on its proof, and on what looks like it and is not. A scene plays one story; turn 0 is
 * the proof, every other turn alters one thing, and then the rule must say nothing.
 */
#include "rule-fixture.h"

#include "demand-fixture.h"

#define PMU "pmu_mem0.0"

static void device_is(struct world *w, const char *name, const char *driver)
{
	tell(w, make_device(name, "pci", driver));
}

/* A handler of @owner (NULL: of nobody known) on the PCI vector @irq */
static void owned(struct world *w, uint32_t irq, uint32_t vector, const char *owner)
{
	if (owner)
		tell(w, make_owner(RECORD_REASON_REQUESTED, irq, irq, owner));
	start(w, irq, vector);
}

static void move(struct world *w, uint32_t irq, uint64_t cpus, struct record_msg from,
		 struct record_msg to)
{
	struct record_message write = make_message(irq, from, to);
	struct vector_record applied =
		moved(make_vector(0, irq, NVME), RECORD_REASON_AFFINITY_APPLIED, cpus, cpus, to);

	done_by(&write.header, RECORD_CAUSE_AFFINITY_WRITE, "tuna", 71);
	done_by(&applied.r.header, RECORD_CAUSE_AFFINITY_WRITE, "tuna", 71);
	tell(w, write);
	tell(w, applied);
}

/* ---- Doorbells ---- */

static void scene_doorbell_changed(struct world *w, int turn)
{
	ring_published(w);
	switch (turn) {
	case 1: return ring_moved(w, 2, RING(1));
	case 2: /* a step on the way */
		tell(w, make_message(30, ZEROS, RING(2)));
		return ring_moved(w, 2, RING(1));
	case 3: /* nobody has it any more */
		tell(w, ring_bar(RECORD_REASON_REMOVED));
		tell(w, make_action_freed(30, 7));
		break;
	case 4: tell(w, make_doorbells_freed()); break;
	case 5: /* the interrupt is stopped */
		tell(w, make_message(30, ZEROS, ZEROS));
		return pass(w, 5 * SECOND);
	}
	ring_moved(w, 2, RING(2));
}

static void scene_mutable_parent(struct world *w, int turn)
{
	struct record_doorbell r = with_ring(make_doorbell(0, 0, 30), RING(1));

	if (turn != 2)
		domains(w, turn == 1);
	switch (turn) {
	case 3: return tell(w, make_refused(-22, 1));
	case 4:
		r.type = RECORD_DOORBELL_EMBEDDED;
		r.reason = RECORD_REASON_CREATED;
		break;
	case 5: r.reason = RECORD_REASON_SNAPSHOT; break;
	default: return ring_allocated(w, RING(1));
	}
	tell(w, make_platform(RECORD_REASON_ALLOCATED, 30, EP));
	tell(w, r);
}

static void scene_published_early(struct world *w, int turn)
{
	struct record_bar bar = ring_bar(RECORD_REASON_UPDATED);

	domains(w, true);
	ring_allocated(w, RING(1));
	switch (turn) {
	case 1: ring_requested(w, RING(1)); break;
	case 2: bar.window.address += 0x1000; break;
	case 3: bar.func = 1; break;
	case 4: bar.reason = RECORD_REASON_SNAPSHOT; break;
	case 5: tell(w, make_doorbells_freed()); break;
	}
	tell(w, bar);
}

static void scene_message_dropped(struct world *w, int turn)
{
	static const enum record_doorbell_copy copies[] = { RECORD_COPY_DIFFERS, RECORD_COPY_TAKEN,
							    RECORD_COPY_DIFFERS,
							    RECORD_COPY_OTHER };

	ring_published(w);
	tell(w, make_written(0, 30, turn > 1 ? ZEROS : RING(2), copies[turn]));
}

static void scene_stale_mapping(struct world *w, int turn)
{
	struct record_doorbell r = with_ring(make_doorbell(0, 0, 30), RING(1));

	r.type = turn == 3 ? RECORD_DOORBELL_EMBEDDED : RECORD_DOORBELL_MSI;
	r.bar = turn == 3 ? 2 : -1;
	tell(w, make_platform(RECORD_REASON_ALLOCATED, 30, EP));
	r.reason = RECORD_REASON_CREATED;
	tell(w, r);
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, 7, "x"));
	if (turn != 1 && turn != 3)
		tell(w, ring_bar(RECORD_REASON_UPDATED));
	if (turn == 2)
		tell(w, ring_bar(RECORD_REASON_REMOVED));
	tell(w, make_action_freed(30, 7));
	if (turn == 4) /* its handler has gone, it has not */
		return pass(w, 5 * SECOND);
	tell(w, make_doorbells_freed());
	pass(w, 5 * SECOND);
	tell(w, ring_bar(RECORD_REASON_REMOVED));
}

/* ---- Messages ---- */

static void scene_immutable_changed(struct world *w, int turn)
{
	struct record_domain own = make_domain(RECORD_REASON_CREATED, 0x100, "own");

	domains(w, turn != 1 && turn != 4);
	if (turn == 4) { /* the device's own domain does not make the messages */
		own.flags = 0x800;
		tell(w, own);
	}
	start(w, 30, 0x41);
	switch (turn) {
	case 2: return move(w, 30, 2, MESSAGE(0x41), MESSAGE(0x41));
	case 3: tell(w, make_action_freed(30, 30)); break;
	case 5:
		tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x42)));
		return move(w, 30, 2, MESSAGE(0x42), MESSAGE(0x41));
	case 6: tell(w, make_message(30, MESSAGE(0x41), ZEROS)); return pass(w, 5 * SECOND);
	}
	move(w, 30, 2, MESSAGE(0x41), MESSAGE(0x42));
}

static void scene_collision(struct world *w, int turn)
{
	struct vector_record other = make_vector(RECORD_REASON_ALLOCATED, 31, "0000:02:00.0");
	struct record_msg message = MESSAGE(turn == 2 ? 0xef : 0x41);

	if (turn == 6)
		tell(w, make_owner(RECORD_REASON_REQUESTED, 30, 30, PMU));
	start(w, 30, turn == 2 ? 0xef : 0x41);
	if (turn == 6) {
		other.r.provider = make_dev(NVME, "pci", "driver");
		tell(w, make_owner(RECORD_REASON_REQUESTED, 31, 31, PMU));
	}
	if (turn == 1)
		message.address_lo |= 1 << 12; /* another CPU's */
	if (turn == 3) {
		other.r.n_levels = 3;
		SET_TEXT(other.r.levels[1].chip, "AMD-IR");
		SET_TEXT(other.r.levels[2].chip, "APIC");
	}
	if (turn == 4)
		SET_TEXT(other.r.levels[1].chip, "ITS");
	if (turn == 7)
		other.r.msi_type = 0;
	tell(w, other);
	other.r.message = message;
	tell(w, make_message(31, ZEROS, message));
	if (turn != 5)
		tell(w, make_action(RECORD_REASON_REQUESTED, 31, 31, "x"));
	other.r.reason = RECORD_REASON_REQUESTED;
	other.r.header.time_ns = 0;
	tell(w, other);
	if (turn == 8) /* the other moves away before that is looked at */
		move(w, 30, 2, MESSAGE(0x41), MESSAGE(0x42));
	if (turn == 9)
		tell(w, make_action_freed(30, 30));
	pass(w, 5 * SECOND);
}

/* ---- Owners ---- */

static void scene_refused(struct world *w, int turn)
{
	static const enum record_reason reasons[] = {
		RECORD_REASON_REQUESTED, RECORD_REASON_REQUESTED, RECORD_REASON_ACTIVATED,
		RECORD_REASON_AFFINITY_APPLIED, RECORD_REASON_SNAPSHOT
	};
	struct vector_record v = make_vector(reasons[turn], 30, NVME);

	tell(w, make_vector(RECORD_REASON_ALLOCATED, 30, NVME));
	v.r.error = turn == 1 ? 0 : -16;
	done_by(&v.r.header, RECORD_CAUSE_PROBE, "modprobe", 7);
	tell(w, v);
}

static void scene_orphaned(struct world *w, int turn)
{
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, 30, NVME);

	device_is(w, NVME, turn == 2 ? "" : "cxl_pci");
	if (turn ==
	    6) /* a handler less, as when a network interface goes down: it is still there */
		tell(w, make_device(PMU, "cxl", "cxl_pmu"));
	if (turn == 7) { /* never had one */
		tell(w, v);
		return pass(w, 60 * SECOND);
	}
	if (turn == 8)
		v.r.msi_type = 0;
	if (turn != 9) /* whose it was is not known */
		tell(w, make_owner(RECORD_REASON_REQUESTED, 30, 30, turn == 5 ? NVME : PMU));
	tell(w, v);
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, 30, "x"));
	tell(w, make_action_freed(30, 30));
	switch (turn) {
	case 1: return pass(w, 10 * SECOND - 1);
	case 3:
		pass(w, 9 * SECOND);
		tell(w, make_action(RECORD_REASON_REQUESTED, 30, 31, "y"));
		break;
	case 4:
		pass(w, 9 * SECOND);
		tell(w, make_free(30, 1));
		break;
	}
	pass(w, 10 * SECOND);
}

static void scene_outlives(struct world *w, int turn)
{
	owned(w, 30, 0x41, turn == 1 ? NVME : turn == 2 ? NULL : PMU);
	if (turn == 3)
		tell(w, make_action_freed(30, 30));
	if (turn == 4) {
		struct vector_record v = with_message(RECORD_REASON_ACTIVATED, 30, MESSAGE(0x41));

		memset(&v.r.provider, 0, sizeof(v.r.provider));
		tell(w, v);
	}
	if (turn == 5) { /* records were lost: a walk finds that it is gone, handlers and all */
		walk_begin(w);
		return walk_end(w, true);
	}
	if (turn == 6) { /* or another one is in its place */
		struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, 30, NVME);

		v.r.key++;
		return tell(w, v);
	}
	tell(w, make_free(30, 1));
}

static void scene_misplaced(struct world *w, int turn)
{
	struct vector_record pending =
		with_message(RECORD_REASON_AFFINITY_REQUESTED, 30, MESSAGE(0x41));

	if (turn != 2)
		tell(w, make_pmu("cxl_pmu_mem0.0", PMU,
				 turn == 1 ? "0,4-6" :
				 turn == 8 ? "" :
					     "0"));
	owned(w, 30, 0x41, turn == 3 ? "mem0" : PMU);
	tell(w, moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED,
		      turn == 4 ? 0x60 : 0x20, turn == 4 ? 0x60 : 0x20, MESSAGE(0x41)));
	switch (turn) {
	case 5: tell(w, make_action_freed(30, 30)); break;
	case 6: /* the right one is asked for, and waits for the next interrupt */
		pending.r.state = PENDING;
		pending.masks[RECORD_MASK_EFFECTIVE][0] = 0x20;
		pending.masks[RECORD_MASK_PENDING][0] = 1;
		tell(w, pending);
		break;
	case 7: /* put back before that is looked at */
		pass(w, SECOND / 2);
		tell(w, moved(make_vector(0, 30, NVME), RECORD_REASON_AFFINITY_APPLIED, 1, 1,
			      MESSAGE(0x41)));
		break;
	case 9: /* the PMU follows */ tell(w, make_pmu("cxl_pmu_mem0.0", PMU, "5")); break;
	case 10: tell(w, make_pmu("cxl_pmu_mem0.0", "", "")); break;
	}
	pass(w, 3 * SECOND);
}

static void scene_hidden(struct world *w, int turn)
{
	if (turn != 3)
		device_is(w, NVME, "nvme");
	if (turn == 2)
		device_is(w, "mlx5_core.sf.2", "sf");
	if (turn == 1 || turn == 2)
		tell(w, make_sysfs_vector(30, turn == 1 ? NVME : "mlx5_core.sf.2"));
	if (turn == 5) {
		device_is(w, EP, "ep");
		ring_allocated(w, RING(1));
		ring_requested(w, RING(1));
	} else {
		start(w, 30, 0x41);
	}
	if (turn == 4)
		tell(w, make_action_freed(30, 30));
	if (turn == 6) { /* sysfs is told before anybody looks */
		pass(w, SECOND / 2);
		tell(w, make_sysfs_vector(30, NVME));
	}
	pass(w, 3 * SECOND);
}

/* A walk that finds less than a tenth of the vectors left */
static void scene_space_low(struct world *w, int turn)
{
	struct record_space all = make_space(~0U, 2, 400, 39);

	tell(w, make_vector(RECORD_REASON_ALLOCATED, 30, NVME));
	switch (turn) {
	case 1: all.available = 40; break;
	case 2: all.online = 0; break;
	case 3: /* one CPU is full, the other ones are not */ all.cpu_number = 1; break;
	}
	walk_begin(w);
	tell(w, vector_seen(30, 0x41));
	if (turn != 4)
		tell(w, all);
	if (turn == 5) { /* the walk sees it twice, and the second time there is room again */
		all.available = 200;
		all.header.time_ns = 0;
		tell(w, all);
	}
	walk_end(w, true);
}

/* ---- The table ---- */

static const struct scene {
	void (*play)(struct world *w, int turn);
	int turns;
	const char *finding; /* of turn 0 */
	const char *words[3]; /* that its explanation has */
} scenes[] = {
	[RULE_DOORBELL_MESSAGE_CHANGED] = { scene_doorbell_changed,
					    6,
					    "{'device': '" FUNCTION "', 'irq': 30, 'index': 0,"
					    " 'domain': 1, 'standing': false,"
					    " 'cause': {'kind': 'affinity-write'}}",
					    { "0x0000800000000040/0x00000001",
					      "0x0000800000000040/0x00000002", "irqbalance" } },
	[RULE_IMMUTABLE_MESSAGE_CHANGED] = { scene_immutable_changed,
					     7,
					     "{'device': '" NVME "', 'irq': 30, 'index': 0,"
					     " 'domain': 2, 'standing': false,"
					     " 'old_message': {'data': '0x00000041'},"
					     " 'new_message': {'data': '0x00000042'},"
					     " 'cause': {'kind': 'affinity-write', 'pid': 71}}",
					     { "ITS-parent", "interrupt 30", "tuna (pid 71" } },
	[RULE_DOORBELL_ON_MUTABLE_PARENT] = { scene_mutable_parent,
					      6,
					      "{'device': '" FUNCTION "', 'irq': 30, 'index': 0,"
					      " 'standing': true, 'cause': {'kind': 'driver'}}",
					      { "ITS-parent", "pci_epf_test.0",
						"does not declare MSI_IMMUTABLE" } },
	[RULE_DOORBELL_PUBLISHED_EARLY] = { scene_published_early,
					    6,
					    "{'device': '" FUNCTION "', 'irq': 30, 'index': 0,"
					    " 'from_silence': true}",
					    { "BAR 2", "interrupt 30 had no handler",
					      "0x00000001" } },
	[RULE_DOORBELL_MESSAGE_DROPPED] = { scene_message_dropped,
					    4,
					    "{'device': '" FUNCTION "', 'irq': 30, 'index': 0}",
					    { "epc0", "pci_epf_test.0", "0x00000002" } },
	[RULE_DOORBELL_STALE_MAPPING] = { scene_stale_mapping,
					  5,
					  "{'device': '" FUNCTION "', 'irq': null, 'index': 0,"
					  " 'from_silence': true}",
					  { "BAR 2", "still, after 1000000 us", "0x00000001" } },
	[RULE_PMU_VECTOR_MISPLACED] = { scene_misplaced,
					11,
					"{'device': '" NVME "', 'irq': 30, 'standing': true}",
					{ "cxl_pmu_mem0.0", "goes to CPU 5", "counts on CPU 0" } },
	[RULE_VECTOR_ORPHANED] = { scene_orphaned,
				   10,
				   "{'device': '" NVME "', 'irq': 30, 'standing': true}",
				   { PMU " gave up", "10 s ago", NVME ", which provides it" } },
	[RULE_VECTOR_OUTLIVES_PROVIDER] = { scene_outlives,
					    7,
					    "{'device': '" NVME "', 'irq': 30,"
					    " 'from_silence': true}",
					    { NVME " gave back interrupt 30", PMU, "driver_irq" } },
	[RULE_VECTOR_REFUSED] = { scene_refused,
				  5,
				  "{'device': '" NVME "', 'irq': 30, 'index': 0,"
				  " 'cause': {'kind': 'driver', 'comm': 'modprobe', 'pid': 7}}",
				  { "interrupt 30", "Device or resource busy", "modprobe" } },
	[RULE_VECTOR_SPACE_LOW] = { scene_space_low,
				    6,
				    "{'device': null, 'irq': null, 'standing': true}",
				    { "39 of 400 vectors are left", "on 2 CPUs", NVME " with 1" } },
	[RULE_MESSAGE_COLLISION] = { scene_collision,
				     10,
				     "{'device': '" NVME "', 'irq': 30, 'standing': true,"
				     " 'new_message': {'data': '0x00000041'}}",
				     { "Interrupt 30 of " NVME, "interrupt 31 of 0000:02:00.0",
				       "0x00000000fee00000/0x00000041" } },
	[RULE_VECTOR_HIDDEN] = { scene_hidden,
				 7,
				 "{'device': '" NVME "', 'irq': 30, 'standing': true}",
				 { "Interrupt 30 of " NVME, "msi_irqs/", "irqs/" } },
};

/* Findings of @rule; the first one stays in @ret_first (borrowed) */
static size_t findings_of(enum rule_id rule, json_t **ret_first)
{
	json_t *finding;
	size_t i, n = 0;

	json_array_foreach(found.list, i, finding) {
		if (strcmp(json_string_value(json_object_get(finding, "rule")),
			   rule_text(rule)->name))
			continue;
		if (!n++)
			*ret_first = finding;
	}
	return n;
}

static void play(enum rule_id rule, int turn)
{
	struct world *w = world_listening();

	forget_findings(w);
	w->follow = judge;
	scenes[rule].play(w, turn);
	world_free(w);
}

static void test_rules(void **state)
{
	(void)state;
	_Static_assert(sizeof(scenes) / sizeof(*scenes) == RULE_MAX, "a rule has no scene");
	for (enum rule_id rule = 0; rule < RULE_MAX; rule++) {
		json_t *finding = NULL, *expected;
		size_t n;

		play(rule, 0);
		n = findings_of(rule, &finding);
		/* two vectors collide: each is looked at */
		if (n != (rule == RULE_MESSAGE_COLLISION ? 2 : 1))
			fail_msg("%s: %zu findings", rule_text(rule)->name, n);
		expected = parse(scenes[rule].finding);
		if (!is_part(expected, finding))
			fail_msg("%s: %s", rule_text(rule)->name, json_dumps(finding, 0));
		json_decref(expected);
		for (int i = 0; i < 3; i++)
			if (!strstr(json_string_value(json_object_get(finding, "explanation")),
				    scenes[rule].words[i]))
				fail_msg("%s says %s", rule_text(rule)->name,
					 json_dumps(finding, 0));
	}
}

static void test_near_misses(void **state)
{
	(void)state;
	for (enum rule_id rule = 0; rule < RULE_MAX; rule++) {
		assert_true(scenes[rule].turns > 3);
		for (int turn = 1; turn < scenes[rule].turns; turn++) {
			json_t *finding = NULL;

			play(rule, turn);
			if (findings_of(rule, &finding))
				fail_msg("%s at turn %d: %s", rule_text(rule)->name, turn,
					 json_dumps(finding, 0));
		}
	}
}

/* [Rules] Disable= */
static void test_disabled(void **state)
{
	json_t *finding;

	(void)state;
	for (enum rule_id rule = 0; rule < RULE_MAX; rule++) {
		size_t all, others;

		play(rule, 0);
		all = json_array_size(found.list);
		others = all - findings_of(rule, &finding);
		assert_true(all > others);
		found.set.off[rule] = true;
		play(rule, 0);
		assert_int_equal(json_array_size(found.list), others);
		found.set.off[rule] = false;
	}
}

/* Two collisions are told at the one with the lower number, whichever is looked at. */
static void test_collision_place(void **state)
{
	struct world *w = *state;

	scene_collision(w, 0);
	for (int i = 0; i < 2; i++)
		expect_finding(w, "{'rule': 'message-collision', 'irq': 30, 'index': 0}");
	expect_no_finding(w);
}

/* That it has not rewritten a message so far is no promise. */
static void test_observed_parent(void **state)
{
	struct world *w = *state;

	domains(w, false);
	start(w, 40, 0x41);
	start(w, 41, 0x42);
	for (uint32_t i = 0; i < 40; i++) {
		struct vector_record v = make_vector(0, 40 + i % 2, NVME);

		tell(w, moved(v, RECORD_REASON_AFFINITY_APPLIED, 1 + (i / 2 + 1) % 2, 1,
			      MESSAGE(0x41 + i % 2)));
	}
	expect_domain(w, "ITS-parent", "{'immutability': 'observed'}");
	expect_no_finding(w);
	ring_allocated(w, RING(1));
	expect_finding_that(w, "{'rule': 'doorbell-on-mutable-parent'}", "observed");
}

/* What a walk finds that no record told */
static void test_reconciled(void **state)
{
	struct world *w = *state;
	struct record_domain parent = make_domain(RECORD_REASON_SNAPSHOT, 0x200, "parent");

	parent.flags = 0x800;
	start(w, 30, 0x41);
	walk_begin(w);
	tell(w, parent);
	see_domain(w, 0x100, "device");
	tell(w, vector_seen(30, 0x42));
	tell(w, make_action(RECORD_REASON_SNAPSHOT, 30, 30, "nvme0q0"));
	expect_no_finding(w);
	walk_end(w, true);
	expect_finding_that(w,
			    "{'rule': 'immutable-message-changed', 'irq': 30,"
			    " 'cause': {'kind': 'unknown', 'pid': null}}",
			    "nobody known. No event told of it: a later reading");
	expect_no_finding(w);
}

/* The longest names that records hold */
static void test_long_words(void **state)
{
	struct world *w = *state;
	struct record_doorbell r = make_doorbell(RECORD_REASON_UPDATED, 65536, UINT32_MAX);

	memset(r.epc_name, 'c', sizeof(r.epc_name) - 1);
	memset(r.epf_name, 'f', sizeof(r.epf_name) - 1);
	memset(r.provider, 'p', sizeof(r.provider) - 1);
	r.copy = RECORD_COPY_OTHER;
	r.message = (struct record_msg){ ~0U, ~0U, ~0U };
	tell(w, r);
	expect_finding_that(w, "{'rule': 'doorbell-message-dropped', 'index': 65536}",
			    "only that one is given messages.");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE_TEST(test_rules),		 RULE_TEST(test_near_misses),
		RULE_TEST(test_disabled),	 RULE_TEST(test_collision_place),
		RULE_TEST(test_observed_parent), RULE_TEST(test_reconciled),
		RULE_TEST(test_long_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
