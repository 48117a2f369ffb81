// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Demands: whose they are, which records belong to one, when they go, and where the vectors that
 * appear meanwhile come from.
 */
#include "demand-fixture.h"

#define NVME "0000:01:00.0"
#define SECOND 1000000000ULL

static void tick(struct world *w, uint64_t later_ns)
{
	struct record_header tick = make_header(RECORD_TICK, sizeof(tick));

	tick.time_ns = w->now_ns + later_ns;
	w->now_ns = tick.time_ns;
	world_apply(w, &tick);
}

/* ---- What is a demand ---- */

static void test_nested(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 2);
	forget_events(w);
	/* MSI-X, then MSI: one call, one demand */
	expect_row(w, CXL,
		   "{'asked': {'min': 1, 'max': 16}, 'granted': 2, 'reason': null, 'demands': ["
		   "{'kind': 'any', 'min': 1, 'max': 16, 'granted': 2, 'errno': null}],"
		   " 'demands_older': 0}");
	ask_for(w, CXL, "cxl_pci", 4, 4);
	answered(w, CXL, "cxl_pci", 4, 4, -ENOSPC);
	expect_event(w, "{'type': 'demand', 'device': '" CXL "', 'irq': null, 'kind': 'any',"
			" 'asked': {'min': 4, 'max': 4}, 'min': 4, 'max': 4, 'granted': 0,"
			" 'errno': 28, 'index': null, 'cause': {'kind': 'driver', 'pid': 77}}");
	expect_nothing(w);
	/* the last one that was granted is what it asked for */
	expect_row(w, CXL,
		   "{'asked': {'min': 1, 'max': 16}, 'demands': [{'granted': 2},"
		   " {'granted': 0, 'errno': 28}]}");
}

static void test_refused_only(void **state)
{
	struct world *w = *state;

	ask_for(w, CXL, "cxl_pci", 1, 16);
	answered(w, CXL, "cxl_pci", 1, 16, -ENOSPC);
	ask_for(w, CXL, "cxl_pci", 1, 1);
	answered(w, CXL, "cxl_pci", 1, 1, -EINVAL);
	expect_row(w, CXL,
		   "{'asked': {'min': 1, 'max': 1}, 'granted': 0, 'demands': ["
		   "{'errno': 28}, {'errno': 22}]}");
}

static void test_kinds(void **state)
{
	static const struct {
		enum record_demand_kind kind;
		uint32_t flags;
		const char *expected;
	} kinds[] = {
		{ RECORD_DEMAND_ANY, ALL_FLAGS, "any" }, { RECORD_DEMAND_ANY, MSI_FLAGS, "any" },
		{ RECORD_DEMAND_ANY, 0, "any" },	 { RECORD_DEMAND_ANY, 1, "intx" },
		{ RECORD_DEMAND_ANY, 2 | 8, "msi" },	 { RECORD_DEMAND_ANY, 4 | 8, "msix" },
		{ RECORD_DEMAND_MSI, 0, "msi" },	 { RECORD_DEMAND_MSIX, 0, "msix" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct record_demand begin =
			make_demand(kinds[i].kind, NVME, "nvme", 1, 1, false, 0);
		struct record_demand end = make_demand(kinds[i].kind, NVME, "nvme", 1, 1, true, 1);
		char expected[64];

		begin.flags = end.flags = kinds[i].flags;
		tell(w, begin);
		tell(w, end);
		snprintf(expected, sizeof(expected), "{'type': 'demand', 'kind': '%s'}",
			 kinds[i].expected);
		expect_event(w, expected);
	}
	expect_nothing(w);
	expect_row(w, NVME, "{'demands_older': 0}");
}

/* The same function, two tasks: what the other one asks is a demand of its own. */
static void test_other_task(void **state)
{
	struct world *w = *state;
	struct record_demand other = make_demand(RECORD_DEMAND_MSI, NVME, "nvme", 1, 1, true, 1);

	ask_for(w, NVME, "nvme", 1, 4);
	other.header.tid = TID + 1;
	tell(w, other);
	expect_event(w, "{'type': 'demand', 'kind': 'msi'}");
	answered(w, NVME, "nvme", 1, 4, 4);
	expect_event(w, "{'type': 'demand', 'kind': 'any', 'granted': 4}");
	expect_nothing(w);
}

static void test_kept(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 1; i <= DEMANDS_KEPT + 3; i++) {
		ask_for(w, NVME, "nvme", i, i);
		answered(w, NVME, "nvme", i, i, (int32_t)i);
	}
	expect_row(w, NVME,
		   "{'asked': {'min': 11, 'max': 11}, 'demands_older': 3, 'demands': [{'min': 4},"
		   " {'min': 5}, {'min': 6}, {'min': 7}, {'min': 8}, {'min': 9}, {'min': 10},"
		   " {'min': 11}]}");
}

/* An answer of nothing without a reason is none. */
static void test_zero(void **state)
{
	struct world *w = *state;

	ask_for(w, NVME, "nvme", 1, 1);
	tell(w, make_demand(RECORD_DEMAND_MSIX, NVME, "nvme", 1, 1, true, 0));
	tell(w, make_demand(RECORD_DEMAND_ANY, NVME, "nvme", 1, 1, true, 0));
	expect_row(w, NVME, "{'demands': [{'granted': 0, 'errno': 28}]}");
	/* nor is one of a device without a name, or an end without a beginning lost */
	tell(w, make_demand(RECORD_DEMAND_ANY, "", "", 1, 1, true, 1));
	tell(w, make_demand(RECORD_DEMAND_ANY, NVME, "nvme", 2, 2, true, 2));
	expect_row(w, NVME, "{'asked': {'min': 2}, 'demands': [{'granted': 0}, {'granted': 2}]}");
	assert_null(row_of(w, ""));
}

/* ---- Message numbers ---- */

/* Only a refusal is an event, and only once as long as the answer is the same. */
static void test_ask_events(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 2);
	forget_events(w);
	for (uint32_t i = 0; i < 4; i++)
		tell(w, make_ask(CXL, "cxl_pci", i % 2, 30 + (int32_t)i % 2, "f", ""));
	expect_nothing(w);
	for (uint32_t i = 0; i < 1000; i++)
		tell(w, make_ask(CXL, "cxl_pci", 4, -EINVAL, "cxl_event_req_irq [cxl_pci]",
				 "cxl_pci_probe [cxl_pci]"));
	expect_event(w, "{'type': 'demand', 'kind': 'vector', 'device': '" CXL "', 'index': 4,"
			" 'asked': {'min': 1, 'max': 1}, 'granted': 0, 'errno': 22,"
			" 'caller': 'cxl_event_req_irq', 'irq': null}");
	expect_nothing(w);
	tell(w, make_ask(CXL, "cxl_pci", 4, -ENODEV, "cxl_event_req_irq", ""));
	expect_event(w, "{'errno': 19}");
	/* granted, and refused again: that is news */
	tell(w, make_ask(CXL, "cxl_pci", 4, 34, "cxl_event_req_irq", ""));
	tell(w, make_ask(CXL, "cxl_pci", 4, -ENODEV, "cxl_event_req_irq", ""));
	expect_event(w, "{'errno': 19}");
	/* another caller */
	tell(w, make_ask(CXL, "cxl_pci", 4, -ENODEV, "", "g [m]"));
	expect_event(w, "{'errno': 19, 'caller': 'g'}");
	tell(w, make_ask(CXL, "cxl_pci", 4, -ENODEV, "", ""));
	expect_event(w, "{'errno': 19, 'caller': null}");
	expect_nothing(w);
	assert_int_equal(model_demands(w->model, CXL)->n_asks, 5);
}

static void test_ask_order(void **state)
{
	static const uint32_t numbers[] = { 7, 2, 9, 0, 2, 2048, 1, 7 };
	struct world *w = *state;
	const struct demands *d;

	for (size_t i = 0; i < 8; i++)
		tell(w, make_ask(NVME, "nvme", numbers[i], 40, i % 2 ? "b" : "a", ""));
	d = model_demands(w->model, NVME);
	assert_int_equal(d->n_asks, 8);
	for (uint32_t i = 1; i < d->n_asks; i++)
		assert_true(d->asks[i - 1].number < d->asks[i].number ||
			    (d->asks[i - 1].number == d->asks[i].number &&
			     strcmp(d->asks[i - 1].caller, d->asks[i].caller) < 0));
}

/* Event logs ask one after the other: which one it was is told by counting. */
static void test_ask_nth(void **state)
{
	struct world *w = *state;

	for (int round = 0; round < 2; round++) {
		allocate(w, CXL, "cxl_pci", 1, 16, 2);
		tell(w, make_ask(CXL, "cxl_pci", 0, 30, "cxl_pci_probe", ""));
		for (uint32_t i = 0; i < 4; i++)
			tell(w, make_ask(CXL, "cxl_pci", i, i < 2 ? 30 + (int32_t)i : -EINVAL,
					 "cxl_event_req_irq.isra.0", "cxl_pci_probe"));
	}
	for (uint32_t i = 0; i < 4; i++) {
		const struct demands *d = model_demands(w->model, CXL);
		uint32_t n = 0;

		for (uint32_t k = 0; k < d->n_asks; k++) {
			if (d->asks[k].feature != FEATURE_EVENT_LOG || d->asks[k].number != i)
				continue;
			n++;
			assert_int_equal(d->asks[k].nth, i + 1);
		}
		assert_int_equal(n, 1);
	}
}

static void test_request_refused(void **state)
{
	struct world *w = *state;
	const struct demands *d;

	allocate(w, CXL, "cxl_pci", 1, 16, 2);
	tell(w, make_ask(CXL, "cxl_pci", 1, 31, "cxl_pci_probe", ""));
	tell(w, make_ask(CXL, "cxl_pci", 1, 31, "cxl_event_req_irq", ""));
	forget_events(w);
	request_refused(w, 31, CXL, EBUSY);
	expect_event(w, "{'type': 'demand', 'kind': 'handler', 'irq': 31, 'index': 1, 'errno': 16,"
			" 'caller': 'cxl_event_req_irq', 'granted': 0, 'min': 1, 'max': 1}");
	d = model_demands(w->model, CXL);
	assert_int_equal(d->n_asks, 2);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(d->asks[i].request_error,
				 d->asks[i].feature == FEATURE_EVENT_LOG ? EBUSY : 0);
	/* another task's request has nothing to do with it */
	tell(w, make_ask(CXL, "cxl_pci", 0, 30, "f", ""));
	forget_events(w);
	{
		struct vector_record v = make_vector(RECORD_REASON_REQUESTED, 30, CXL);

		v.r.error = -EBUSY;
		v.r.header.tid = TID + 1;
		tell(w, v);
	}
	expect_event(w, "{'type': 'demand', 'irq': 30, 'caller': null, 'index': 0}");
}

/* ---- When they go ---- */

static void test_unbound(void **state)
{
	struct world *w = *state;

	allocate(w, NVME, "nvme", 1, 4, 4);
	tell(w, make_device(NVME, "pci", "nvme"));
	assert_non_null(model_demands(w->model, NVME));
	give_back(w, 30, 4, false);
	tell(w, make_device(NVME, "pci", ""));
	assert_null(model_demands(w->model, NVME));
	expect_row(w, NVME, "{'asked': null, 'reason': 'no driver is bound', 'demands': []}");
}

static void test_gone(void **state)
{
	struct world *w = *state;

	allocate(w, NVME, "nvme", 1, 4, 4);
	tell(w, make_device_gone(NVME));
	assert_null(model_demands(w->model, NVME));
}

static void test_other_driver(void **state)
{
	struct world *w = *state;

	allocate(w, NVME, "nvme", 1, 4, 4);
	tell(w, make_device(NVME, "pci", "vfio-pci"));
	assert_null(model_demands(w->model, NVME));
	/* or the new one asks before sysfs is read */
	allocate_from(w, NVME, "nvme", 1, 4, 4, 40);
	allocate_from(w, NVME, "vfio-pci", 2, 2, 2, 50);
	expect_row(w, NVME, "{'demands': [{'min': 2}], 'asked': {'min': 2}}");
}

/* The same driver, unbound and bound again before anybody looked: its vectors tell. */
static void test_rebound(void **state)
{
	struct world *w = *state;

	allocate(w, NVME, "nvme", 1, 4, 4);
	tell(w, make_ask(NVME, "nvme", 3, -EINVAL, "f", ""));
	give_back(w, 30, 4, false);
	allocate(w, NVME, "nvme", 1, 8, 4);
	expect_row(w, NVME, "{'demands': [{'max': 8}]}");
	assert_int_equal(model_demands(w->model, NVME)->n_asks, 0);
	/* what is given back and asked for again within the probe is one probe: portdrv does so */
	give_back(w, 30, 4, true);
	allocate(w, NVME, "nvme", 1, 1, 1);
	expect_row(w, NVME, "{'demands': [{'max': 8}, {'max': 1}], 'asked': {'max': 1}}");
	/* nor is a reset one */
	give_back(w, 30, 1, false);
	{
		struct record_demand r =
			make_demand(RECORD_DEMAND_ANY, NVME, "nvme", 2, 2, true, 2);

		r.header.cause = RECORD_CAUSE_NONE;
		tell(w, r);
	}
	expect_row(w, NVME, "{'demands': [{'max': 8}, {'max': 1}, {'max': 2}]}");
}

/* A probe that failed after a refusal keeps it: it may be the reason. */
static void test_failed_probe(void **state)
{
	struct world *w = *state;

	tell(w, make_device(CXL, "pci", ""));
	allocate(w, CXL, "cxl_pci", 1, 16, 2);
	tell(w, make_ask(CXL, "cxl_pci", 4, -EINVAL, "cxl_event_req_irq", ""));
	/* sysfs shows the driver while it probes */
	tell(w, make_device(CXL, "pci", "cxl_pci"));
	assert_false(model_demands(w->model, CXL)->unbound);
	give_back(w, 30, 2, true);
	tell(w, make_device(CXL, "pci", ""));
	assert_non_null(model_demands(w->model, CXL));
	assert_true(model_demands(w->model, CXL)->unbound);
	expect_row(w, CXL, "{'driver': null, 'asked': {'min': 1, 'max': 16}, 'granted': 0}");
	/* the next probe begins anew */
	allocate(w, CXL, "cxl_pci", 1, 16, 8);
	expect_row(w, CXL, "{'demands': [{'granted': 8}]}");
	assert_int_equal(model_demands(w->model, CXL)->n_asks, 0);
}

/* A read of sysfs may see the driver in its next probe before that has asked for anything. */
static void test_next_probe_seen(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 2);
	tell(w, make_ask(CXL, "cxl_pci", 4, -EINVAL, "cxl_event_req_irq", ""));
	give_back(w, 30, 2, true);
	tell(w, make_device(CXL, "pci", ""));
	assert_true(model_demands(w->model, CXL)->unbound);
	tell(w, make_device(CXL, "pci", "cxl_pci"));
	assert_null(model_demands(w->model, CXL));
	allocate(w, CXL, "cxl_pci", 1, 16, 1);
	expect_row(w, CXL, "{'demands': [{'granted': 1}]}");
	assert_int_equal(model_demands(w->model, CXL)->n_asks, 0);
}

/* One that failed for another reason has nothing to say. */
static void test_failed_otherwise(void **state)
{
	struct world *w = *state;

	allocate(w, NVME, "nvme", 1, 4, 4);
	give_back(w, 30, 4, true);
	tell(w, make_device(NVME, "pci", ""));
	assert_null(model_demands(w->model, NVME));
}

/* Without a single vector: only time tells a probe that failed from a driver that was unbound. */
static void test_never_granted(void **state)
{
	struct world *w = *state;

	for (int late = 0; late < 2; late++) {
		struct record_device bound = make_device(NVME, "pci", "nvme");

		ask_for(w, NVME, "nvme", 4, 4);
		answered(w, NVME, "nvme", 4, 4, -ENOSPC);
		if (late)
			bound.header.time_ns = w->now_ns + 2 * SECOND;
		tell(w, bound);
		tell(w, make_device(NVME, "pci", ""));
		if (late)
			assert_null(model_demands(w->model, NVME));
		else
			assert_true(model_demands(w->model, NVME)->unbound);
	}
}

/* ---- Why nothing is known ---- */

static void test_why_not(void **state)
{
	struct world *w = *state;
	struct world *early = world_new(NULL);

	tell(early, make_base(RECORD_MODE_TRACING));
	tell(early, make_device(NVME, "pci", "nvme"));
	expect_row(early, NVME,
		   "{'asked': null, 'reason': 'its driver was bound before the daemon listened'}");
	tell(early, make_base(RECORD_MODE_SYSFS));
	expect_row(early, NVME,
		   "{'asked': null, 'reason': 'BPF tracing is off: what drivers ask"
		   " for is not seen'}");
	world_free(early);

	tell(w, make_device(NVME, "pci", "nvme"));
	expect_row(w, NVME,
		   "{'asked': null, 'reason': 'no call of its driver for vectors was seen'}");
	/* a sub-device asks for nothing: there is nothing to explain */
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 30, NVME));
	handler(w, 30, 1, "pmu_mem0.0", "cxl", "cxl_pmu_irq");
	expect_row(w, "pmu_mem0.0", "{'asked': null, 'reason': null, 'demands': []}");
}

/* ---- Where vectors come from ---- */

static void test_origin(void **state)
{
	struct world *w = *state;
	struct vector_record v;

	/* a reset, out of a work queue: still the answer to a call */
	tell(w, make_demand(RECORD_DEMAND_ANY, NVME, "nvme", 1, 2, false, 0));
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 30, NVME));
	expect_vector(w, 30, "{'origin': 'probe'}");
	tell(w, make_demand(RECORD_DEMAND_ANY, NVME, "nvme", 1, 2, true, 2));
	/* pci_msix_alloc_irq_at(), in the probe or not */
	vector_appears(w, 31, 30, NVME);
	expect_vector(w, 31, "{'origin': 'dynamic'}");
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 32, NVME));
	expect_vector(w, 32, "{'origin': 'dynamic'}");
	expect_row(w, NVME, "{'granted': 3, 'dynamic': 2}");
	/* another function: nothing is known of its calls, its probe decides */
	vector_appears(w, 33, 33, CXL);
	expect_vector(w, 33, "{'origin': 'probe'}");
	/* what is no PCI message is none of this */
	v = make_vector(RECORD_REASON_ALLOCATED, 34, NVME);
	v.r.msi_type = RECORD_MSI_OTHER;
	done_by(&v.r.header, RECORD_CAUSE_PROBE, "modprobe", 1);
	tell(w, v);
	expect_vector(w, 34, "{'origin': 'probe'}");
}

/* After a loss nobody knows whether a call is open. */
static void test_origin_lost(void **state)
{
	struct world *w = *state;

	ask_for(w, NVME, "nvme", 1, 2);
	tell(w, make_lost(1, "ring-full"));
	vector_appears(w, 30, 30, NVME);
	expect_vector(w, 30, "{'origin': 'probe'}");
	tell(w, make_demand(RECORD_DEMAND_ANY, NVME, "nvme", 1, 2, true, 2));
	vector_appears(w, 31, 30, NVME);
	expect_vector(w, 31, "{'origin': 'probe'}");
	/* the next beginning clears it up */
	allocate_from(w, NVME, "nvme", 1, 1, 1, 40);
	vector_appears(w, 41, 40, NVME);
	expect_vector(w, 41, "{'origin': 'dynamic'}");
}

/* ---- Limits ---- */

static void test_limits(void **state)
{
	struct model_limits limits = MODEL_LIMITS_DEFAULT;
	struct world *w;

	(void)state;
	limits.entries[TABLE_DEMANDS] = 2;
	limits.entries[TABLE_ASKS] = 3;
	w = world_new(&limits);
	allocate(w, NVME, "nvme", 1, 1, 0);
	tell(w, make_ask(CXL, "cxl_pci", 0, 30, "f", ""));
	tell(w, make_ask(PORT, "pcieport", 0, 30, "f", ""));
	expect_refused(w, "{'demands': 1}");
	for (uint32_t i = 0; i < 5; i++)
		tell(w, make_ask(CXL, "cxl_pci", i, -EINVAL, "f", ""));
	expect_refused(w, "{'demands': 1, 'message-numbers': 2}");
	/* what goes makes room */
	tell(w, make_device_gone(CXL));
	for (uint32_t i = 0; i < 3; i++)
		tell(w, make_ask(PORT, "pcieport", i, -EINVAL, "f", ""));
	expect_refused(w, "{'demands': 1, 'message-numbers': 2}");
	world_free(w);
}

/* One function may not have all the room there is. */
static void test_own_limit(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < ASKS_MAX + 10; i++)
		tell(w, make_ask(NVME, "nvme", i, 40, "f", ""));
	assert_int_equal(model_demands(w->model, NVME)->n_asks, ASKS_MAX);
	expect_refused(w, "{'message-numbers': 10}");
	tell(w, make_ask(CXL, "cxl_pci", 1, 40, "f", ""));
	expect_refused(w, "{'message-numbers': 10}");
	tick(w, 2 * SECOND);
	assert_int_equal(model_tick_due(w->model), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_listening, world_teardown)
		TEST(test_nested),
		TEST(test_refused_only),
		TEST(test_kinds),
		TEST(test_other_task),
		TEST(test_kept),
		TEST(test_zero),
		TEST(test_ask_events),
		TEST(test_ask_order),
		TEST(test_ask_nth),
		TEST(test_request_refused),
		TEST(test_unbound),
		TEST(test_gone),
		TEST(test_other_driver),
		TEST(test_rebound),
		TEST(test_failed_probe),
		TEST(test_next_probe_seen),
		TEST(test_failed_otherwise),
		TEST(test_never_granted),
		TEST(test_why_not),
		TEST(test_origin),
		TEST(test_origin_lost),
		cmocka_unit_test(test_limits),
		TEST(test_own_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
