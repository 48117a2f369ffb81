// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rows of the ledger: counts, and what each feature that hardware offers has come to. Whoever has
 * an interrupt is told by proof; whoever has none, with the first step that is missing.
 */
#include "demand-fixture.h"

/* ---- Counts ---- */

static void test_counts(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 4);
	handler(w, 30, 1, CXL, "pci", "cxl_event_thread");
	handler(w, 31, 2, CXL, "pci", "cxl_event_thread");
	handler(w, 31, 3, "pmu_mem0.0", "cxl", "cxl_pmu_irq");
	expect_row(w, CXL,
		   "{'granted': 4, 'used': 2, 'shared': 1, 'unused': 2, 'dynamic': 0,"
		   " 'never_requested': 2}");
	/* one that had a handler is unused, but was requested */
	tell(w, make_action_freed(30, 1));
	expect_row(w, CXL, "{'granted': 4, 'used': 1, 'unused': 3, 'never_requested': 2}");
	/* a sub-device provides nothing */
	expect_row(w, "pmu_mem0.0",
		   "{'granted': 0, 'used': 1, 'shared': 0, 'unused': 0,"
		   " 'never_requested': 0, 'offered': null}");
	/* one that is later growth */
	vector_appears(w, 34, 30, CXL);
	expect_row(w, CXL, "{'granted': 5, 'unused': 4, 'never_requested': 3, 'dynamic': 1}");
}

/* Of vectors older than the daemon nobody knows whether they were ever requested. */
static void test_preexisting(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	tell(w, make_base(RECORD_MODE_TRACING));
	walk(w, true);
	expect_row(w, "0000:01:00.0", "{'granted': 1, 'unused': 0, 'never_requested': 0}");
	tell(w, make_action_freed(30, 1));
	expect_row(w, "0000:01:00.0", "{'granted': 1, 'unused': 1, 'never_requested': null}");
	world_free(w);
}

static void test_offered(void **state)
{
	struct world *w = *state;

	tell(w, make_device(PORT, "pci", "pcieport"));
	expect_row(w, PORT, "{'offered': null}");
	tell(w, make_feature(RECORD_FEATURE_MSI, PORT, -1, 32));
	expect_row(w, PORT, "{'offered': {'msi': 32, 'msix': 0}}");
	tell(w, make_feature(RECORD_FEATURE_MSIX, PORT, -1, 2048));
	expect_row(w, PORT, "{'offered': {'msi': 32, 'msix': 2048}, 'features': []}");
	/* each record of the device begins anew */
	tell(w, make_device(PORT, "pci", "pcieport"));
	expect_row(w, PORT, "{'offered': null}");
	tell(w, make_feature(RECORD_FEATURE_NONE, PORT, -1, EPERM));
	expect_row(w, PORT, "{'offered': null, 'features': []}");
	/* of a device that nobody told of, nothing is kept */
	tell(w, make_feature(RECORD_FEATURE_MSI, "0000:ff:00.0", -1, 32));
	assert_null(row_of(w, "0000:ff:00.0"));
}

/* ---- PCI Express ports ---- */

static void port(struct world *w, const char *driver)
{
	static const enum record_feature_kind kinds[] = { RECORD_FEATURE_PME,
							  RECORD_FEATURE_HOTPLUG,
							  RECORD_FEATURE_BWCTRL, RECORD_FEATURE_AER,
							  RECORD_FEATURE_DPC };

	tell(w, make_device(PORT, "pci", driver));
	for (size_t i = 0; i < 5; i++)
		tell(w, make_feature(kinds[i], PORT, i < 3 ? 0 : (int32_t)i - 2, 0));
}

static void service(struct world *w, const char *suffix, const char *driver)
{
	char name[64];

	snprintf(name, sizeof(name), PORT ":pcie%s", suffix);
	tell(w, make_child(name, "pci_express", driver, PORT));
}

/* portdrv asks for 32, counts, and asks for as many as it needs */
static void test_port(void **state)
{
	struct world *w = *state;

	allocate(w, PORT, "pcieport", 1, 32, 8);
	give_back(w, 30, 8, true);
	allocate(w, PORT, "pcieport", 3, 3, 3);
	port(w, "pcieport");
	handler(w, 30, 1, PORT ":pcie001", "pci_express", "pcie_pme_irq");
	handler(w, 30, 2, PORT ":pcie004", "pci_express", "pciehp_isr");
	handler(w, 30, 3, PORT ":pcie010", "pci_express", "pcie_bwnotif_irq");
	handler(w, 31, 4, PORT ":pcie002", "pci_express", "aer_irq");
	handler(w, 32, 5, PORT ":pcie008", "pci_express", "dpc_irq");
	expect_row(w, PORT,
		   "{'asked': {'min': 3, 'max': 3}, 'granted': 3, 'used': 3, 'shared': 1,"
		   " 'unused': 0, 'demands': [{'min': 1, 'max': 32, 'granted': 8},"
		   " {'min': 3, 'max': 3, 'granted': 3}], 'features': ["
		   "{'feature': 'aer', 'instance': '" PORT ":pcie002', 'irq': 31,"
		   " 'message_number': 1, 'hardware_message': 1, 'result': 'granted',"
		   " 'relation': 'borrowed', 'reason': null, 'errno': null, 'offset': 256},"
		   "{'feature': 'pme', 'hardware_message': 0, 'result': 'shared'},"
		   "{'feature': 'hotplug', 'hardware_message': 0, 'result': 'shared'},"
		   "{'feature': 'bwctrl', 'hardware_message': 0, 'result': 'shared'},"
		   "{'feature': 'dpc', 'irq': 32, 'message_number': 2, 'hardware_message': 2,"
		   " 'result': 'granted'}]}");
	/* the service has it in its own row, and its hardware is the port's */
	expect_row(w, PORT ":pcie002",
		   "{'used': 1, 'features': [{'feature': 'aer', 'hardware_message': null}]}");
}

static void test_port_unclaimed(void **state)
{
	struct world *w = *state;
	const char *unclaimed = "{'result': 'unclaimed', 'irq': null, 'message_number': null,"
				" 'hardware_message': 1, 'relation': null, 'errno': null}";

	port(w, "");
	assert_int_equal(count_features(w, PORT, "aer"), 1);
	expect_feature(w, PORT, "aer", 0, unclaimed, "no driver is bound");
	tell(w, make_driver("pci", "pcieport", true));
	expect_feature(w, PORT, "aer", 0, unclaimed, "no driver is bound");
	tell(w, make_driver("pci", "pcieport", false));
	expect_feature(w, PORT, "aer", 0, unclaimed, "no driver is bound, and pcieport is not");
	port(w, "vfio-pci");
	expect_feature(w, PORT, "aer", 0, unclaimed,
		       "its driver vfio-pci does not use it (pcieport would)");
	port(w, "pcieport");
	expect_feature(w, PORT, "aer", 0, unclaimed,
		       "pcieport made no service of it: the firmware keeps control");
	/* another service is none of its */
	service(w, "004", "pciehp");
	expect_feature(w, PORT, "aer", 0, unclaimed, "pcieport made no service of it");
	service(w, "002", "");
	expect_feature(w, PORT, "aer", 0, unclaimed, "no driver is bound to its service (aer ");
	expect_feature(w, PORT, "aer", 0, "{'instance': '" PORT ":pcie002'}", "no driver");
	service(w, "002", "aer");
	expect_feature(w, PORT, "aer", 0, unclaimed, "aer is bound to its service and has no");
	expect_feature(w, PORT, "hotplug", 0, "{'result': 'unclaimed', 'hardware_message': 0}",
		       "pciehp is bound to its service and has no handler");
	/* a downstream port's service has its type in the name */
	service(w, "210", "pcie_bwctrl");
	expect_feature(w, PORT, "bwctrl", 0, "{'instance': '" PORT ":pcie210'}",
		       "pcie_bwctrl is bound");
}

static void test_bwctrl(void **state)
{
	struct world *w = *state;

	port(w, "pcieport");
	tell(w, make_kernel("6.12.95+deb12-amd64"));
	expect_feature(w, PORT, "bwctrl", 0, "{'result': 'unclaimed'}",
		       "this kernel has no driver for it (6.13 and later have)");
	/* older ones make a service of it that nobody serves */
	service(w, "010", "");
	expect_feature(w, PORT, "bwctrl", 0, "{'instance': '" PORT ":pcie010'}", "6.13 and later");
	tell(w, make_device_gone(PORT ":pcie010"));
	tell(w, make_kernel("6.13.0"));
	expect_feature(w, PORT, "bwctrl", 0, "{'result': 'unclaimed'}", "pcieport made no service");
	tell(w, make_kernel("6.13-rc1"));
	expect_feature(w, PORT, "bwctrl", 0, "{'result': 'unclaimed'}", "pcieport made no service");
	/* of a kernel that nobody knows nothing is said */
	tell(w, make_kernel("strange"));
	expect_feature(w, PORT, "bwctrl", 0, "{'result': 'unclaimed'}", "pcieport made no service");
}

static void test_port_refused(void **state)
{
	struct world *w = *state;

	ask_for(w, PORT, "pcieport", 1, 32);
	answered(w, PORT, "pcieport", 1, 32, -ENOSPC);
	port(w, "pcieport");
	expect_feature(w, PORT, "aer", 0, "{'result': 'refused', 'errno': 28, 'instance': null}",
		       "pcieport asked for 1 to 32 vectors and got none");
	/* hot plug may do without an interrupt, so portdrv makes a service of it all the same */
	service(w, "004", "");
	expect_feature(w, PORT, "hotplug", 0,
		       "{'result': 'refused', 'errno': 28, 'instance': '" PORT ":pcie004'}",
		       "pcieport asked for 1 to 32 vectors and got none");
}

/* No MSI: all by the pin, which is no vector of the port's, but serves it. */
static void test_port_pin(void **state)
{
	struct world *w = *state;
	struct record_action nobody = make_action(RECORD_REASON_REQUESTED, 9, 8, "acpi");

	port(w, "pcieport");
	tell(w, make_wired(RECORD_REASON_ACTIVATED, 9));
	handler(w, 9, 4, PORT ":pcie002", "pci_express", "aer_irq");
	tell(w, nobody);
	expect_row(w, PORT, "{'granted': 0, 'used': 0, 'shared': 0, 'unused': 0}");
	expect_feature(w, PORT, "aer", 0,
		       "{'result': 'shared', 'irq': 9, 'message_number': null,"
		       " 'hardware_message': 1, 'relation': 'own'}",
		       "");
	expect_row(w, PORT ":pcie002", "{'used': 1, 'features': [{'feature': 'aer', 'irq': 9}]}");
	/* a name that only looks like it */
	handler(w, 9, 5, ":pcie002", "pci_express", "aer_irq");
	handler(w, 9, 6, "pcie", "pci_express", "aer_irq");
	expect_row(w, ":pcie002", "{'used': 1}");
	assert_null(row_of(w, ""));
}

/* Where tracing is refused, names are all there is. */
static void test_port_sysfs(void **state)
{
	struct world *w = world_new(NULL);
	struct record_sysfs_irq irq = make_sysfs_irq(24, "PCIe PME,aerdrv,pciehp,nvme");

	(void)state;
	tell(w, make_base(RECORD_MODE_SYSFS));
	port(w, "pcieport");
	FIELD(irq.device, PORT);
	tell(w, irq);
	expect_feature(w, PORT, "aer", 0,
		       "{'result': 'shared', 'irq': 24, 'relation': 'unknown',"
		       " 'hardware_message': 1, 'message_number': null}",
		       "");
	expect_feature(w, PORT, "hotplug", 0, "{'result': 'shared'}", "");
	expect_feature(w, PORT, "other", 0, "{'result': 'shared', 'irq': 24}", "");
	expect_feature(w, PORT, "dpc", 0, "{'result': 'unclaimed'}",
		       "BPF tracing is off: it is not known who has it");
	expect_row(w, PORT, "{'unused': 0, 'never_requested': 0}");
	irq = make_sysfs_irq(25, "");
	FIELD(irq.device, PORT);
	tell(w, irq);
	expect_row(w, PORT, "{'unused': 1, 'never_requested': null}");
	world_free(w);
}

/* A handler whose device nobody could prove is known by its function. */
static void test_by_function(void **state)
{
	static const struct {
		const char *function, *feature;
	} functions[] = {
		{ "aer_irq", "aer" },
		{ "pcie_pme_irq", "pme" },
		{ "pciehp_isr", "hotplug" },
		{ "pcie_bwnotif_irq", "bwctrl" },
		{ "dpc_irq", "dpc" },
		{ "cxl_pci_mbox_irq [cxl_pci]", "mailbox" },
		{ "cxl_event_thread.constprop.0 [cxl_pci]", "event-log" },
		{ "cxl_pmu_irq", "cpmu" },
		{ "aer_irqs", "other" },
		{ "aer_ir", "other" },
	};
	struct world *w = *state;
	uint32_t n = sizeof(functions) / sizeof(*functions);

	allocate(w, PORT, "d", n, n, n);
	for (uint32_t i = 0; i < n; i++) {
		char expected[64];

		handler(w, 30 + i, i + 1, "", "", functions[i].function);
		snprintf(expected, sizeof(expected), "{'irq': %u, 'relation': 'unknown'}", 30 + i);
		expect_feature(w, PORT, functions[i].feature, 0, expected, "");
		tell(w, make_action_freed(30 + i, i + 1));
	}
}

/* ---- DOE ---- */

static void test_doe(void **state)
{
	struct world *w = *state;
	struct record_feature mute = make_instance(RECORD_FEATURE_DOE, CXL, 1, 0x190);

	tell(w, make_device(CXL, "pci", ""));
	tell(w, make_feature(RECORD_FEATURE_DOE, CXL, 3, 0));
	tell(w, mute);
	for (uint32_t i = 2; i < 11; i++)
		tell(w, make_instance(RECORD_FEATURE_DOE, CXL, i, 0x190 + i * 0x20));
	expect_feature(w, CXL, "doe", 0,
		       "{'instance': '0', 'result': 'polled', 'hardware_message': 3, 'offset': 256,"
		       " 'message_number': null, 'irq': null, 'errno': null, 'relation': null}",
		       "Linux polls DOE mailboxes; its driver requests no interrupt");
	expect_feature(w, CXL, "doe", 1,
		       "{'instance': '1', 'result': 'polled', 'hardware_message': null,"
		       " 'offset': 400}",
		       "this DOE mailbox has no interrupt");
	/* in the order of numbers, not of letters */
	expect_feature(w, CXL, "doe", 10, "{'instance': '10'}", "no interrupt");
}

/* ---- All of it ---- */

static void test_order(void **state)
{
	static const char *const order[] = { "aer",	  "doe",  "mailbox",   "event-log",
					     "event-log", "cpmu", "auxiliary", "other" };
	struct world *w = *state;
	json_t *row, *feature;
	size_t i;

	allocate(w, CXL, "cxl_pci", 1, 16, 8);
	handler(w, 37, 1, CXL, "pci", "strange");
	handler(w, 36, 2, "x.aux.1", "auxiliary", "f");
	handler(w, 35, 3, "pmu_mem0.0", "cxl", "cxl_pmu_irq");
	handler(w, 34, 4, CXL, "pci", "cxl_event_thread");
	handler(w, 33, 5, CXL, "pci", "cxl_event_thread");
	handler(w, 32, 6, CXL, "pci", "cxl_pci_mbox_irq");
	memory_device(w, "cxl_pci", 1);
	tell(w, make_feature(RECORD_FEATURE_DOE, CXL, 3, 0));
	tell(w, make_feature(RECORD_FEATURE_AER, CXL, 3, 0));
	row = row_of(w, CXL);
	assert_int_equal(json_array_size(json_object_get(row, "features")), 8);
	json_array_foreach(json_object_get(row, "features"), i, feature)
		assert_string_equal(json_string_value(json_object_get(feature, "feature")),
				    order[i]);
	json_decref(row);
	expect_feature(w, CXL, "event-log", 0, "{'irq': 33}", "");
}

/* Asked for one device it is the same row, or none */
static void test_one(void **state)
{
	struct world *w = *state;
	json_auto_t *all = NULL, *none = NULL, *one = NULL;

	allocate(w, CXL, "cxl_pci", 1, 16, 2);
	handler(w, 30, 1, "pmu_mem0.0", "cxl", "cxl_pmu_irq");
	tell(w, make_device(PORT, "pci", ""));
	all = ledger_to_json(w->model, NULL);
	assert_int_equal(json_array_size(all), 3);
	one = ledger_to_json(w->model, CXL);
	assert_int_equal(json_array_size(one), 1);
	assert_true(json_equal(json_array_get(one, 0), json_array_get(all, 1)));
	none = ledger_to_json(w->model, "0000:0d:00");
	assert_int_equal(json_array_size(none), 0);
}

/* A function that asked, and that nobody told of otherwise */
static void test_only_asked(void **state)
{
	struct world *w = *state;

	ask_for(w, CXL, "cxl_pci", 1, 16);
	answered(w, CXL, "cxl_pci", 1, 16, -ENOSPC);
	expect_row(w, CXL,
		   "{'bus': null, 'driver': null, 'granted': 0, 'asked': {'max': 16},"
		   " 'features': []}");
}

static void test_limits(void **state)
{
	struct model_limits limits = MODEL_LIMITS_DEFAULT;
	struct world *w;

	(void)state;
	limits.entries[TABLE_FEATURES] = 3;
	limits.entries[TABLE_DRIVERS] = 2;
	w = world_new(&limits);
	port(w, "");
	expect_refused(w, "{'features': 2}");
	/* told anew, the same again; of another device there is no room */
	port(w, "");
	expect_refused(w, "{'features': 4}");
	memory_device(w, "", 1);
	expect_refused(w, "{'features': 6}");
	tell(w, make_device_gone(PORT));
	memory_device(w, "", 1);
	expect_refused(w, "{'features': 6}");
	tell(w, make_driver("cxl", "cxl_pmu", true));
	tell(w, make_driver("cxl", "cxl_mem", true));
	tell(w, make_driver("pci", "cxl_pci", true));
	tell(w, make_driver("cxl", "cxl_mem", false));
	expect_refused(w, "{'features': 6, 'drivers': 1}");
	assert_int_equal(model_driver(w->model, "cxl", "cxl_pmu"), PRESENCE_YES);
	assert_int_equal(model_driver(w->model, "cxl", "cxl_mem"), PRESENCE_NO);
	assert_int_equal(model_driver(w->model, "pci", "cxl_pci"), PRESENCE_UNKNOWN);
	assert_int_equal(model_driver(w->model, "pci", "cxl_pmu"), PRESENCE_UNKNOWN);
	world_free(w);
	/* one device's statements */
	w = world_new(NULL);
	tell(w, make_device(CXL, "pci", ""));
	for (uint32_t i = 0; i < HARDWARE_MAX + 5; i++)
		tell(w, make_instance(RECORD_FEATURE_DOE, CXL, i, 0x100));
	expect_refused(w, "{'features': 5}");
	assert_int_equal(count_features(w, CXL, "doe"), HARDWARE_MAX);
	world_free(w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_listening, world_teardown)
		TEST(test_counts),
		cmocka_unit_test(test_preexisting),
		TEST(test_offered),
		TEST(test_port),
		TEST(test_port_unclaimed),
		TEST(test_bwctrl),
		TEST(test_port_refused),
		TEST(test_port_pin),
		cmocka_unit_test(test_port_sysfs),
		TEST(test_by_function),
		TEST(test_doe),
		TEST(test_order),
		TEST(test_one),
		TEST(test_only_asked),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
