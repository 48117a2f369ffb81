// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rest of the model: domains and their ids, devices and the ledger, what is said about the trace
 * itself, and that questions about what is not there are answered.
 */
#include "ledger.h"
#include "records.h"

#define NVME "0000:01:00.0"

/* ---- Domains ---- */

static void test_domain(void **state)
{
	struct world *w = *state;
	struct record_domain r = make_domain(RECORD_REASON_CREATED, 0x100, "PCI-MSIX");

	r.bus_token = 11;
	r.flags = 0x801 | 1U << 31;
	r.device = make_dev(NVME, "pci", "nvme");
	tell(w, r);
	expect_event(w,
		     "{'type': 'domain-created', 'irq': null, 'device': '" NVME "',"
		     " 'domain': {'id': 1, 'name': 'PCI-MSIX', 'bus_token': 'pci-device-msix'}}");
	expect_domain(w, "PCI-MSIX",
		      "{'id': 1, 'bus_token': 'pci-device-msix', 'parent': null,"
		      " 'flags': ['hierarchy', 'msi-immutable', '0x80000000'],"
		      " 'device': '" NVME "', 'hwirq_max': 4294967295, 'mapped': 0, 'chip': null,"
		      " 'immutability': 'declared'}");
	/* name, token and device come in steps */
	r.reason = RECORD_REASON_UPDATED;
	snprintf(r.name, sizeof(r.name), "PCI-MSIX-11");
	r.bus_token = 99;
	r.flags = 0;
	r.hwirq_max = ~0ULL;
	r.device.name[0] = 0;
	tell(w, r);
	expect_nothing(w);
	expect_domain(w, "PCI-MSIX-11",
		      "{'id': 1, 'bus_token': '99', 'flags': [], 'hwirq_max': null,"
		      " 'device': null, 'immutability': 'unknown'}");
	r.reason = RECORD_REASON_REMOVED;
	tell(w, r);
	expect_event(w, "{'type': 'domain-removed', 'domain': {'id': 1, 'name': 'PCI-MSIX-11', "
			"'bus_token': null}}");
	tell(w, r);
	expect_nothing(w);
	assert_null(model_domain(w->model, 0x100));
}

/* An address serves another domain at once, an id never. */
static void test_domain_reuse(void **state)
{
	struct world *w = *state;

	tell(w, make_domain(RECORD_REASON_CREATED, 0x100, "one"));
	tell(w, make_domain(RECORD_REASON_REMOVED, 0x100, "one"));
	tell(w, make_domain(RECORD_REASON_CREATED, 0x100, "two"));
	forget_events(w);
	/* the removal of this one is missed */
	tell(w, make_domain(RECORD_REASON_CREATED, 0x100, "three"));
	expect_event(w, "{'type': 'domain-removed', 'domain': {'id': 2, 'name': 'two'}}");
	expect_event(w, "{'type': 'domain-created', 'domain': {'id': 3, 'name': 'three'}}");
	expect_nothing(w);
	/* and the creation of this one */
	tell(w, make_domain(RECORD_REASON_UPDATED, 0x200, "four"));
	expect_event(w, "{'type': 'domain-created', 'domain': {'id': 4, 'name': 'four'}}");
	expect_nothing(w);
}

static void test_domain_parent(void **state)
{
	struct world *w = *state;
	struct record_domain r = make_domain(RECORD_REASON_CREATED, 0x200, "child");

	r.parent = 0x100;
	tell(w, r);
	expect_domain(w, "child", "{'id': 1, 'parent': null}");
	tell(w, make_domain(RECORD_REASON_CREATED, 0x100, "parent"));
	expect_domain(w, "child", "{'id': 1, 'parent': 2}");
	tell(w, make_domain(RECORD_REASON_REMOVED, 0x100, "parent"));
	expect_domain(w, "child", "{'id': 1, 'parent': null}");
}

/* No domain has no address; else every interrupt without one would be in it. */
static void test_domain_without_key(void **state)
{
	struct world *w = *state;
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, 30, NVME);

	tell(w, make_domain(RECORD_REASON_CREATED, 0, "nowhere"));
	v.r.n_levels = 0;
	v.r.levels[0].domain = 0;
	tell(w, v);
	expect_vector(w, 30, "{'domain': null, 'hwirq': null}");
	expect_event(w, "{'type': 'vector-allocated', 'domain': null}");
	expect_nothing(w);
}

static void test_domain_mapped(void **state)
{
	struct world *w = *state;

	tell(w, make_domain(RECORD_REASON_CREATED, 0x100, "MSIX"));
	tell(w, make_domain(RECORD_REASON_CREATED, 0x200, "VECTOR"));
	for (uint32_t irq = 30; irq < 35; irq++)
		tell(w, make_vector(RECORD_REASON_ALLOCATED, irq, NVME));
	tell(w, make_alloc(35, 5));
	tell(w, make_free(30, 1));
	expect_domain(w, "MSIX", "{'mapped': 4}");
	expect_domain(w, "VECTOR", "{'mapped': 4}");
	/* asked twice, counted once */
	expect_domain(w, "VECTOR", "{'mapped': 4}");
}

/* A domain that came after its interrupts, and levels that are not used any more */
static void test_levels(void **state)
{
	struct world *w = *state;
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, 30, NVME);

	tell(w, v);
	expect_vector(w, 30, "{'domain': null}");
	tell(w, make_domain(RECORD_REASON_CREATED, 0x100, "MSIX"));
	expect_vector(w, 30, "{'domain': 1, 'hwirq': 30}");
	v.r.levels[0].hwirq = ~0ULL;
	v.r.n_levels = 1;
	v.r.reason = RECORD_REASON_ACTIVATED;
	tell(w, v);
	expect_vector(w, 30, "{'hwirq': null}");
	tell(w, make_domain(RECORD_REASON_CREATED, 0x200, "VECTOR"));
	expect_domain(w, "VECTOR", "{'mapped': 0}");
}

/* ---- Devices ---- */

static json_t *ledger_row(struct world *w, const char *device)
{
	json_auto_t *ledger = ledger_to_json(w->model, NULL);
	json_t *row;
	size_t i;

	json_array_foreach(ledger, i, row)
		if (!strcmp(json_string_value(json_object_get(row, "device")), device))
			return json_incref(row);
	return NULL;
}

static void expect_row(struct world *w, const char *device, const char *part)
{
	json_t *row = ledger_row(w, device), *expected = parse(part);
	bool so = row && is_part(expected, row);

	if (!so)
		print_error("expected %s\nbut it is %s\n", part,
			    row ? json_dumps(row, 0) : "not there");
	json_decref(expected);
	json_decref(row);
	assert_true(so);
}

static void request(struct world *w, uint32_t irq, uint64_t cookie, const char *device,
		    const char *bus)
{
	struct record_action r = make_action(RECORD_REASON_REQUESTED, irq, cookie, "action");

	r.device = make_dev(device, bus, "driver");
	tell(w, r);
}

static void test_ledger(void **state)
{
	struct world *w = *state;

	/* three granted to a memory device: one it uses, one that its PMU shares with it, one idle */
	for (uint32_t irq = 30; irq < 33; irq++)
		tell(w, make_vector(RECORD_REASON_ALLOCATED, irq, "0000:0d:00.0"));
	request(w, 30, 1, "0000:0d:00.0", "pci");
	request(w, 31, 2, "0000:0d:00.0", "pci");
	request(w, 31, 3, "pmu_mem0.0", "cxl");
	expect_row(
		w, "0000:0d:00.0",
		"{'bus': 'pci', 'driver': 'driver', 'parent': null, 'class': null, 'asked': null,"
		" 'granted': 3, 'used': 2, 'shared': 1, 'unused': 1, 'features': ["
		"{'feature': 'cpmu', 'irq': 31, 'instance': 'pmu_mem0.0', 'result': 'shared', "
		"'reason': null, 'relation': 'borrowed'},"
		"{'feature': 'other', 'irq': 30, 'message_number': 0, 'result': 'granted', "
		"'errno': null, 'relation': 'own'},"
		"{'feature': 'other', 'irq': 31, 'message_number': 1, 'result': 'shared'}]}");
	expect_row(w, "pmu_mem0.0",
		   "{'bus': 'cxl', 'granted': 0, 'used': 1,"
		   " 'features': [{'feature': 'cpmu', 'irq': 31}]}");
	/* what sysfs knows of a device goes before what a handler told */
	{
		struct record_device r = make_device("0000:0d:00.0", "pci", "cxl_pci");

		snprintf(r.parent, sizeof(r.parent), "0000:0c:00.0");
		snprintf(r.class_name, sizeof(r.class_name), "CXL Memory Device");
		tell(w, r);
	}
	expect_row(w, "0000:0d:00.0",
		   "{'driver': 'cxl_pci', 'module': 'cxl_pci', 'parent': '0000:0c:00.0',"
		   " 'class': 'CXL Memory Device', 'granted': 3}");
	/* a function without vectors has a row, any other device has none */
	tell(w, make_device("0000:00:00.0", "pci", ""));
	tell(w, make_device("mem0", "cxl", "cxl_mem"));
	expect_row(w, "0000:00:00.0", "{'driver': null, 'granted': 0, 'used': 0, 'features': []}");
	assert_null(ledger_row(w, "mem0"));
	tell(w, make_device_gone("0000:00:00.0"));
	assert_null(ledger_row(w, "0000:00:00.0"));
	tell(w, make_device("", "pci", ""));
	assert_null(ledger_row(w, ""));
}

static void test_ledger_order(void **state)
{
	struct world *w = *state;
	json_t *ledger;

	tell(w, make_device("0000:02:00.0", "pci", ""));
	tell(w, make_device("0000:00:00.0", "pci", ""));
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 31, "0000:01:00.0"));
	request(w, 31, 1, "a", "cxl");
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 30, "0000:01:00.0"));
	request(w, 30, 1, "b", "cxl");
	ledger = ledger_to_json(w->model, NULL);
	{
		json_auto_t *expected = parse(
			"[{'device': '0000:00:00.0'},"
			" {'device': '0000:01:00.0', 'features': [{'irq': 31, 'instance': 'a'},"
			" {'irq': 30, 'instance': 'b'}]},"
			" {'device': '0000:02:00.0'}, {'device': 'a'}, {'device': 'b'}]");

		assert_true(is_part(expected, ledger));
	}
	json_decref(ledger);
}

static void test_features(void **state)
{
	static const struct {
		const char *device, *bus, *handler, *feature;
	} features[] = {
		{ "0000:00:1c.0:pcie001", "pci_express", "pcie_pme_irq", "pme" },
		{ "0000:00:1c.0:pcie002", "pci_express", "aer_irq", "aer" },
		{ "0000:00:1c.0:pcie004", "pci_express", "pciehp_isr", "hotplug" },
		{ "0000:00:1c.0:pcie008", "pci_express", "dpc_irq", "dpc" },
		{ "0000:00:1c.0:pcie010", "pci_express", "pcie_bwnotif_irq", "bwctrl" },
		{ "0000:00:1c.0:pcie102", "pci_express", "aer_irq", "aer" },
		{ "0000:00:1c.0:pcie020", "pci_express", "x", "other" },
		{ "0000:00:1c.0", "pci_express", "x", "other" },
		{ "pmu_mem0.0", "cxl", "cxl_pmu_irq", "cpmu" },
		{ "pmu_mem0.0", "platform", "x", "other" },
		{ "mem0", "cxl", "x", "other" },
		{ "mlx5_core.sf.4", "auxiliary", "x", "auxiliary" },
		{ "0000:0d:00.0", "pci", "cxl_event_thread", "event-log" },
		{ "0000:0d:00.0", "pci", "cxl_pci_mbox_irq", "mailbox" },
		{ "0000:0d:00.0", "pci", "nvme_irq", "other" },
		{ "", "", "cxl_event_thread", "event-log" },
	};
	struct world *w = *state;
	char expected[128];

	tell(w, make_vector(RECORD_REASON_ALLOCATED, 30, NVME));
	for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++) {
		struct record_action r = make_action(RECORD_REASON_REQUESTED, 30, 1, "x");

		r.device = make_dev(features[i].device, features[i].bus, "driver");
		snprintf(r.handler, sizeof(r.handler), "%s [module]", features[i].handler);
		tell(w, r);
		snprintf(expected, sizeof(expected), "{'features': [{'feature': '%s'}]}",
			 features[i].feature);
		expect_row(w, NVME, expected);
		tell(w, make_action_freed(30, 1));
	}
}

static void test_sysfs_vectors(void **state)
{
	struct world *w = *state;

	tell(w, make_vector(RECORD_REASON_ALLOCATED, 30, NVME));
	expect_vector(w, 30, "{'sysfs': false}");
	assert_null(model_sysfs_vector(w->model, 30));
	tell(w, make_device(NVME, "pci", "nvme"));
	tell(w, make_sysfs_vector(30, NVME));
	tell(w, make_sysfs_vector(31, NVME));
	tell(w, make_sysfs_vector(40, "other"));
	expect_vector(w, 30, "{'sysfs': true}");
	assert_string_equal(model_sysfs_vector(w->model, 30), NVME);
	/* told anew: what is not repeated is gone, of this device */
	tell(w, make_device(NVME, "pci", "nvme"));
	tell(w, make_sysfs_vector(31, NVME));
	expect_vector(w, 30, "{'sysfs': false}");
	assert_non_null(model_sysfs_vector(w->model, 31));
	assert_non_null(model_sysfs_vector(w->model, 40));
	/* numbers move on */
	tell(w, make_sysfs_vector(31, "other"));
	assert_string_equal(model_sysfs_vector(w->model, 31), "other");
	tell(w, make_device_gone(NVME));
	assert_non_null(model_sysfs_vector(w->model, 31));
	tell(w, make_device_gone("other"));
	assert_null(model_sysfs_vector(w->model, 31));
	assert_null(model_sysfs_vector(w->model, 40));
}

static void test_knows_device(void **state)
{
	struct world *w = *state;

	tell(w, make_device("0000:00:00.0", "pci", ""));
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 30, NVME));
	request(w, 30, 1, "consumer", "cxl");
	assert_true(model_knows_device(w->model, "0000:00:00.0"));
	assert_true(model_knows_device(w->model, NVME));
	assert_true(model_knows_device(w->model, "consumer"));
	assert_false(model_knows_device(w->model, "nobody"));
	assert_null(model_device(w->model, NVME));
}

static void test_filters(void **state)
{
	static const struct {
		const char *device;
		uint32_t irq;
		bool has_irq;
		size_t n;
	} filters[] = {
		{ NULL, 0, false, 3 }, { NVME, 0, false, 2 },	  { "consumer", 0, false, 1 },
		{ NULL, 31, true, 1 }, { NVME, 31, true, 1 },	  { "consumer", 31, true, 0 },
		{ NULL, 99, true, 0 }, { "nobody", 0, false, 0 },
	};
	struct world *w = *state;

	tell(w, make_vector(RECORD_REASON_ALLOCATED, 30, NVME));
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 31, NVME));
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 32, "0000:02:00.0"));
	request(w, 32, 1, "consumer", "cxl");
	for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
		json_auto_t *vectors = model_vectors_to_json(
			w->model, filters[i].device, filters[i].has_irq ? &filters[i].irq : NULL);

		assert_int_equal(json_array_size(vectors), filters[i].n);
	}
}

/* ---- What is said about the trace ---- */

static void test_base(void **state)
{
	struct world *w = *state;
	struct record_base r = make_base(RECORD_MODE_TRACING);
	json_t *support;

	assert_null(model_base(w->model));
	support = model_support_to_json(w->model);
	{
		json_auto_t *expected =
			parse("{'kernel': '', 'machine': '', 'mode': 'sysfs', 'reason': null,"
			      " 'hooks': [], 'features': []}");

		assert_true(json_equal(support, expected));
	}
	json_decref(support);
	r.realtime_offset_ns = 1700000000000000000LL;
	tell(w, r);
	assert_string_equal(model_base(w->model)->release, "6.12.0");
	assert_int_equal(model_time_us(w->model, 5000), 1700000000000005LL);
	tell(w, make_cpu(1, false));
	expect_event(w, "{'type': 'cpu', 'time_us': 1700000001002000}");
}

/* Sums that no clock makes */
static void test_time(void **state)
{
	static const struct {
		uint64_t time_ns;
		int64_t offset_ns;
	} times[] = {
		{ 0, 0 },
		{ 1, INT64_MIN },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX, INT64_MIN },
		{ INT64_MAX, INT64_MAX },
		{ 1ULL << 63, INT64_MIN },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		struct record_base r = make_base(RECORD_MODE_TRACING);
		uint64_t sum = times[i].time_ns + (uint64_t)times[i].offset_ns;

		r.realtime_offset_ns = times[i].offset_ns;
		tell(w, r);
		assert_int_equal(model_time_us(w->model, times[i].time_ns), (int64_t)sum / 1000);
	}
}

static void test_hooks(void **state)
{
	struct world *w = *state;
	struct record_hook feature = make_hook("snapshot", true, true);
	struct model_totals totals;
	const char *reason;
	uint32_t count;

	feature.kind = RECORD_HOOK_FEATURE;
	tell(w, make_hook("fexit/a", true, true));
	tell(w, make_hook("fexit/b", false, true));
	tell(w, make_hook("fexit/c", false, false));
	tell(w, feature);
	/* the same name is another hook among the features */
	feature = make_hook("fexit/a", false, true);
	feature.kind = RECORD_HOOK_FEATURE;
	tell(w, feature);
	model_totals(w->model, &totals);
	assert_int_equal(totals.hooks_attached, 2);
	assert_int_equal(totals.hooks_missing, 2);
	/* one reason for both, and none for what is not needed */
	assert_true(model_missing(w->model, 0, &reason, &count));
	assert_string_equal(reason, "not in this kernel");
	assert_int_equal(count, 2);
	assert_false(model_missing(w->model, 1, &reason, &count));
	{
		json_auto_t *support = model_support_to_json(w->model);
		json_auto_t *expected = parse(
			"{'hooks': [{'hook': 'fexit/a', 'attached': true, 'reason': null},"
			" {'hook': 'fexit/b', 'attached': false, 'reason': 'not in this kernel'},"
			" {'hook': 'fexit/c', 'attached': false}],"
			" 'features': [{'hook': 'snapshot', 'attached': true}, {'hook': "
			"'fexit/a'}]}");

		assert_true(is_part(expected, support));
	}
	/* told again: the newer word counts */
	tell(w, make_hook("fexit/b", true, true));
	model_totals(w->model, &totals);
	assert_int_equal(totals.hooks_attached, 3);
	assert_int_equal(totals.hooks_missing, 1);
}

static void test_names(void **state)
{
	struct world *w = *state;

	assert_null(model_name(w->model, RECORD_NAME_BUS_TOKEN, 7));
	tell(w, make_name(RECORD_NAME_BUS_TOKEN, 7, "ipi"));
	tell(w, make_name(RECORD_NAME_DOMAIN_FLAG, 7, "seven"));
	assert_string_equal(model_name(w->model, RECORD_NAME_BUS_TOKEN, 7), "ipi");
	assert_string_equal(model_name(w->model, RECORD_NAME_DOMAIN_FLAG, 7), "seven");
	tell(w, make_name(RECORD_NAME_BUS_TOKEN, 7, "other"));
	assert_string_equal(model_name(w->model, RECORD_NAME_BUS_TOKEN, 7), "other");
	assert_int_equal(w->model->n_names, 2);
}

static void test_lost(void **state)
{
	struct world *w = *state;

	tell(w, make_lost(3, "ring-full"));
	tell(w, make_lost(2, "program-missed"));
	tell(w, make_lost(4, "ring-full"));
	expect_event(
		w,
		"{'type': 'gap', 'lost': 3, 'reason': 'ring-full', 'irq': null, 'device': null}");
	expect_event(w, "{'type': 'gap', 'lost': 2, 'reason': 'program-missed'}");
	expect_event(w, "{'type': 'gap', 'lost': 4}");
	expect_nothing(w);
	expect_lost(w, "{'ring-full': 7, 'program-missed': 2}");
}

static void test_lost_by_guard(void **state)
{
	struct world *w = *state;

	w->model->bars_known = true;
	tell(w, make_lost(3, "guard-ring-full"));
	expect_event(w, "{'type': 'gap', 'lost': 3, 'reason': 'guard-ring-full'}");
	expect_lost(w, "{'guard-ring-full': 3}");
	assert_true(w->model->bars_known);
	assert_false(model_is_unrepaired(w->model));
	tell(w, make_lost(1, "ring-full"));
	assert_false(w->model->bars_known);
}

static void test_cpu(void **state)
{
	struct world *w = *state;

	tell(w, make_cpu(1, false));
	tell(w, make_cpu(300, true));
	expect_event(w, "{'type': 'cpu', 'cpu': 1, 'online': false, 'irq': null, 'device': null}");
	expect_event(w, "{'type': 'cpu', 'cpu': 300, 'online': true}");
	expect_nothing(w);
}

static void test_totals(void **state)
{
	struct world *w = *state;
	struct model_totals totals;

	tell(w, make_domain(RECORD_REASON_CREATED, 0x100, "MSIX"));
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 30, NVME));
	tell(w, make_alloc(31, 4));
	tell(w, make_device(NVME, "pci", "nvme"));
	tell(w, make_cpu(0, true));
	tell(w, make_cpu(1, true));
	model_totals(w->model, &totals);
	assert_int_equal(totals.domains, 1);
	assert_int_equal(totals.vectors, 5);
	assert_int_equal(totals.devices, 1);
	assert_int_equal(totals.records, 6);
	assert_int_equal(totals.unknown_records, 0);
	assert_int_equal(totals.changes[CHANGE_DOMAIN_CREATED], 1);
	assert_int_equal(totals.changes[CHANGE_VECTOR_ALLOCATED], 1);
	assert_int_equal(totals.changes[CHANGE_CPU], 2);
	assert_int_equal(totals.changes[CHANGE_GAP], 0);
}

/* decode() lets no such record through; the model does not rely on it. */
static void test_unknown_record(void **state)
{
	struct world *w = *state;
	struct record_header header = make_header(RECORD_TYPE_MAX, sizeof(header));
	struct event event = { .header = &header };

	model_apply(w->model, &event);
	assert_int_equal(w->model->unknown_records, 1);
	expect_nothing(w);
}

static void test_nobody_listens(void **state)
{
	struct record_cpu r = make_cpu(0, true);
	struct event event = { .cpu = &r };
	struct model *model = NULL;

	(void)state;
	assert_int_equal(model_new(&MODEL_LIMITS_DEFAULT, NULL, NULL, &model), 0);
	model_apply(model, &event);
	assert_int_equal(model->changes[CHANGE_CPU], 1);
	assert_null(model_free(model));
	assert_null(model_free(NULL));
}

static void test_correction_names(void **state)
{
	static const char *const names[CORRECTION_MAX] = {
		"domain-appeared", "domain-vanished", "vector-appeared",  "vector-vanished",
		"message",	   "affinity",	      "handler-appeared", "handler-vanished",
	};

	(void)state;
	for (enum correction kind = 0; kind < CORRECTION_MAX; kind++)
		assert_string_equal(correction_name(kind), names[kind]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
#define TEST_LISTENING(name)                                                                       \
	cmocka_unit_test_setup_teardown(name, world_setup_listening, world_teardown)
	static const struct CMUnitTest tests[] = {
		TEST_LISTENING(test_domain),
		TEST_LISTENING(test_domain_reuse),
		TEST(test_domain_parent),
		TEST(test_domain_without_key),
		TEST(test_domain_mapped),
		TEST(test_levels),
		TEST(test_ledger),
		TEST(test_ledger_order),
		TEST(test_features),
		TEST(test_sysfs_vectors),
		TEST(test_knows_device),
		TEST(test_filters),
		TEST(test_base),
		TEST(test_time),
		TEST(test_hooks),
		TEST(test_names),
		TEST(test_lost),
		TEST(test_lost_by_guard),
		TEST(test_cpu),
		TEST(test_totals),
		TEST(test_unknown_record),
		TEST(test_nobody_listens),
		TEST(test_correction_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
