// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whose handler it is. A managed request proves more than the cookie, the cookie more than the
 * probe, and without any of them the device stays unknown, whatever the names suggest.
 */
#include "records.h"

#define MEMDEV "0000:0d:00.0"

static void allocate(struct world *w, uint32_t irq, const char *provider)
{
	tell(w, make_vector(RECORD_REASON_ALLOCATED, irq, provider));
	forget_events(w);
}

/* A request of irq 30 with the cookie 7, and what evidence comes with it */
static struct record_action request(const char *hint, const char *device)
{
	struct record_action r = make_action(RECORD_REASON_REQUESTED, 30, 7, "mem0");

	if (hint)
		r.hint = make_dev(hint, "hintbus", "hintdriver");
	if (device)
		r.device = make_dev(device, "cookiebus", "cookiedriver");
	return r;
}

static void test_no_evidence(void **state)
{
	struct world *w = *state;

	allocate(w, 30, MEMDEV);
	tell(w, request(NULL, NULL));
	expect_event(w,
		     "{'type': 'handler-requested', 'irq': 30, 'device': null, 'provider': '" MEMDEV
		     "',"
		     " 'action': 'mem0', 'handler': 'driver_irq', 'relation': 'unknown'}");
	expect_vector(
		w, 30,
		"{'state': 'requested', 'owners': [{'device': null, 'bus': null, 'driver': null,"
		" 'module': 'driver', 'action': 'mem0', 'handler': 'driver_irq',"
		" 'relation': 'unknown', 'evidence': null}]}");
}

static void test_probe(void **state)
{
	struct world *w = *state;

	allocate(w, 30, MEMDEV);
	tell(w, request("pmu_mem0.0", NULL));
	expect_event(
		w, "{'type': 'handler-requested', 'device': 'pmu_mem0.0', 'relation': 'borrowed'}");
	expect_vector(
		w, 30,
		"{'owners': [{'device': 'pmu_mem0.0', 'bus': 'hintbus', 'driver': 'hintdriver',"
		" 'module': 'hintdriver', 'evidence': 'probe'}]}");
}

static void test_cookie_over_probe(void **state)
{
	struct world *w = *state;

	allocate(w, 30, MEMDEV);
	tell(w, request("hinted", "named"));
	expect_vector(
		w, 30,
		"{'owners': [{'device': 'named', 'bus': 'cookiebus', 'evidence': 'cookie'}]}");
}

static void test_managed_after(void **state)
{
	struct world *w = *state;

	allocate(w, 30, MEMDEV);
	tell(w, request("hinted", "named"));
	forget_events(w);
	tell(w, make_owner(RECORD_REASON_REQUESTED, 30, 7, "pmu_mem0.0"));
	expect_nothing(w);
	expect_vector(w, 30,
		      "{'owners': [{'device': 'pmu_mem0.0', 'bus': 'cxl', 'driver': 'cxl_pmu',"
		      " 'evidence': 'devres'}]}");
}

static void test_managed_before(void **state)
{
	struct world *w = *state;

	allocate(w, 30, MEMDEV);
	tell(w, make_owner(RECORD_REASON_REQUESTED, 30, 7, "pmu_mem0.0"));
	expect_vector(w, 30, "{'state': 'allocated', 'owners': []}");
	tell(w, request("hinted", "named"));
	expect_event(
		w, "{'type': 'handler-requested', 'device': 'pmu_mem0.0', 'relation': 'borrowed'}");
	expect_vector(w, 30, "{'owners': [{'device': 'pmu_mem0.0', 'evidence': 'devres'}]}");
}

/* Managed requests are known by interrupt and cookie, both. */
static void test_managed_of_another(void **state)
{
	struct world *w = *state;

	allocate(w, 30, MEMDEV);
	tell(w, make_owner(RECORD_REASON_REQUESTED, 30, 8, "other-cookie"));
	tell(w, make_owner(RECORD_REASON_REQUESTED, 31, 7, "other-irq"));
	tell(w, request(NULL, "named"));
	expect_vector(w, 30, "{'owners': [{'device': 'named', 'evidence': 'cookie'}]}");
}

/* A device that could not be read is no proof, least of all against another. */
static void test_managed_without_name(void **state)
{
	struct world *w = *state;

	allocate(w, 30, MEMDEV);
	tell(w, request(NULL, "named"));
	tell(w, make_owner(RECORD_REASON_REQUESTED, 30, 7, ""));
	expect_vector(w, 30, "{'owners': [{'device': 'named', 'evidence': 'cookie'}]}");
}

static void test_owner_goes_with_handler(void **state)
{
	struct world *w = *state;

	allocate(w, 30, MEMDEV);
	tell(w, request(NULL, NULL));
	tell(w, make_owner(RECORD_REASON_REQUESTED, 30, 7, "pmu_mem0.0"));
	forget_events(w);
	tell(w, make_action_freed(30, 7));
	expect_event(
		w, "{'type': 'handler-freed', 'irq': 30, 'device': 'pmu_mem0.0', 'action': 'mem0',"
		   " 'handler': 'driver_irq', 'relation': 'borrowed'}");
	expect_vector(w, 30, "{'state': 'allocated', 'owners': []}");
	/* the next one with this cookie is somebody else */
	tell(w, request(NULL, NULL));
	expect_event(w, "{'type': 'handler-requested', 'device': null}");
	expect_vector(w, 30, "{'owners': [{'device': null, 'evidence': null}]}");
	assert_int_equal(HASH_COUNT(w->model->owners), 0);
}

static void test_owner_goes_with_vector(void **state)
{
	struct world *w = *state;

	allocate(w, 30, MEMDEV);
	tell(w, request(NULL, NULL));
	tell(w, make_owner(RECORD_REASON_REQUESTED, 30, 7, "pmu_mem0.0"));
	tell(w, make_free(30, 1));
	assert_int_equal(HASH_COUNT(w->model->owners), 0);
	assert_int_equal(w->model->n_actions, 0);
	/* also where the handler never came */
	tell(w, make_owner(RECORD_REASON_REQUESTED, 31, 7, "pmu_mem0.0"));
	tell(w, make_action_freed(31, 7));
	assert_int_equal(HASH_COUNT(w->model->owners), 0);
}

static void test_freed_without_handler(void **state)
{
	struct world *w = *state;

	allocate(w, 30, MEMDEV);
	tell(w, request(NULL, NULL));
	forget_events(w);
	tell(w, make_action_freed(30, 8));
	tell(w, make_action_freed(31, 7));
	expect_nothing(w);
	expect_vector(w, 30, "{'state': 'requested'}");
}

/* As pcieport shares one: the order is that of the kernel's chain. */
static void test_shared(void **state)
{
	struct world *w = *state;
	struct record_action r;

	allocate(w, 30, "0000:00:1c.0");
	for (uint64_t cookie = 1; cookie <= 3; cookie++) {
		static const char *const names[] = { "", "PCIe PME", "aerdrv", "pciehp" };

		r = make_action(RECORD_REASON_REQUESTED, 30, cookie, names[cookie]);
		snprintf(r.device.name, sizeof(r.device.name), "0000:00:1c.0:pcie00%llu",
			 1ULL << (cookie - 1));
		snprintf(r.device.bus, sizeof(r.device.bus), "pci_express");
		tell(w, r);
	}
	expect_vector(w, 30,
		      "{'owners': [{'action': 'PCIe PME', 'device': '0000:00:1c.0:pcie001'},"
		      " {'action': 'aerdrv', 'device': '0000:00:1c.0:pcie002'},"
		      " {'action': 'pciehp', 'device': '0000:00:1c.0:pcie004'}]}");
	tell(w, make_action_freed(30, 2));
	expect_vector(w, 30, "{'owners': [{'action': 'PCIe PME'}, {'action': 'pciehp'}]}");
	tell(w, make_action_freed(30, 1));
	expect_vector(w, 30, "{'owners': [{'action': 'pciehp'}]}");
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, 2, "aerdrv"));
	expect_vector(w, 30, "{'owners': [{'action': 'pciehp'}, {'action': 'aerdrv'}]}");
	tell(w, make_action_freed(30, 4));
	tell(w, make_action_freed(30, 2));
	tell(w, make_action_freed(30, 3));
	expect_vector(w, 30, "{'state': 'allocated', 'owners': []}");
}

/* The message of a shared vector is settled while any of its handlers stays. */
static void test_shared_message(void **state)
{
	struct world *w = *state;
	struct vector_record v = make_vector(RECORD_REASON_REQUESTED, 30, MEMDEV);

	allocate(w, 30, MEMDEV);
	v.r.message = MESSAGE(0x41);
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, 1, "a"));
	tell(w, v);
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, 2, "b"));
	tell(w, v);
	tell(w, make_action_freed(30, 1));
	forget_events(w);
	v.r.reason = RECORD_REASON_AFFINITY_APPLIED;
	v.r.message = MESSAGE(0x42);
	tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x42)));
	tell(w, v);
	expect_event(w, "{'type': 'message-change'}");
	expect_nothing(w);
}

/* Where the kernel forces handlers into threads, the driver's function is the thread's. */
static void test_forced_thread(void **state)
{
	struct world *w = *state;
	struct record_action r = request(NULL, NULL);

	allocate(w, 30, MEMDEV);
	snprintf(r.handler, sizeof(r.handler), "irq_default_primary_handler");
	snprintf(r.thread_handler, sizeof(r.thread_handler), "cxl_event_thread [cxl_pci]");
	tell(w, r);
	expect_vector(w, 30, "{'owners': [{'handler': 'cxl_event_thread', 'module': 'cxl_pci'}]}");
	/* a driver's own primary handler is what it says it is */
	tell(w, make_action_freed(30, 7));
	snprintf(r.handler, sizeof(r.handler), "cxl_pci_mbox_irq [cxl_pci]");
	tell(w, r);
	expect_vector(w, 30, "{'owners': [{'handler': 'cxl_pci_mbox_irq', 'module': 'cxl_pci'}]}");
	/* and without a thread there is nothing better to tell */
	tell(w, make_action_freed(30, 7));
	snprintf(r.handler, sizeof(r.handler), "irq_default_primary_handler");
	r.thread_handler[0] = 0;
	tell(w, r);
	expect_vector(w, 30,
		      "{'owners': [{'handler': 'irq_default_primary_handler', 'module': null}]}");
}

static void test_symbols(void **state)
{
	static const struct {
		const char *symbol, *handler, *module;
	} symbols[] = {
		{ "vmd_irq [vmd]", "'vmd_irq'", "'vmd'" },
		{ "timer_interrupt", "'timer_interrupt'", "null" },
		{ "", "null", "null" },
		{ "0xffffffff81000000", "'0xffffffff81000000'", "null" },
		{ " [m]", "null", "'m'" },
		{ "f [", "'f'", "null" },
		{ "f []", "'f'", "null" },
		{ "f [abcdefghijklmnopqrstuvwxyz0123456789]", "'f'",
		  "'abcdefghijklmnopqrstuvwxyz01234'" },
		{ "a234567890123456789012345678901234567890123456789012345678901234",
		  "'a23456789012345678901234567890123456789012345678901234567890123'", "null" },
	};
	struct world *w = *state;
	char expected[256];

	allocate(w, 30, MEMDEV);
	for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++) {
		struct record_action r = request(NULL, NULL);

		snprintf(r.handler, sizeof(r.handler), "%s", symbols[i].symbol);
		tell(w, r);
		snprintf(expected, sizeof(expected), "{'owners': [{'handler': %s, 'module': %s}]}",
			 symbols[i].handler, symbols[i].module);
		expect_vector(w, 30, expected);
		tell(w, make_action_freed(30, 7));
	}
}

/* The module is the device's driver's; the handler's where there is no driver. */
static void test_module(void **state)
{
	struct world *w = *state;
	struct record_action r = request(NULL, "named");

	allocate(w, 30, MEMDEV);
	tell(w, r);
	expect_vector(w, 30, "{'owners': [{'module': 'cookiedriver'}]}");
	tell(w, make_action_freed(30, 7));
	r.device.module[0] = 0;
	tell(w, r);
	expect_vector(w, 30, "{'owners': [{'module': 'driver'}]}");
}

static void test_relations(void **state)
{
	struct world *w = *state;
	struct record_domain domain = make_domain(RECORD_REASON_CREATED, 0x100, "aux");
	struct record_action r;

	domain.device = make_dev("mlx5_core.sf.4", "auxiliary", "mlx5_core.sf");
	tell(w, domain);
	allocate(w, 30, MEMDEV);
	for (uint64_t cookie = 1; cookie <= 4; cookie++) {
		static const char *const devices[] = { "", MEMDEV, "pmu_mem0.0", "mlx5_core.sf.4",
						       "" };

		r = make_action(RECORD_REASON_REQUESTED, 30, cookie, "x");
		r.device = make_dev(devices[cookie], "bus", "driver");
		tell(w, r);
	}
	expect_vector(w, 30,
		      "{'owners': [{'device': '" MEMDEV "', 'relation': 'own'},"
		      " {'device': 'pmu_mem0.0', 'relation': 'borrowed'},"
		      " {'device': 'mlx5_core.sf.4', 'relation': 'delegated'},"
		      " {'device': null, 'relation': 'unknown'}]}");
	/* a domain that is gone delegates nothing */
	domain.reason = RECORD_REASON_REMOVED;
	tell(w, domain);
	expect_vector(w, 30,
		      "{'owners': [{'relation': 'own'}, {'relation': 'borrowed'},"
		      " {'relation': 'borrowed'}, {'relation': 'unknown'}]}");
	/* without an MSI there is no provider but the consumer itself */
	tell(w, make_wired(RECORD_REASON_ACTIVATED, 9));
	r = make_action(RECORD_REASON_REQUESTED, 9, 1, "acpi");
	r.device = make_dev("PNP0C08:00", "acpi", "");
	tell(w, r);
	expect_vector(
		w, 9,
		"{'provider': null, 'owners': [{'device': 'PNP0C08:00', 'relation': 'own'}]}");
}

/* A request that is told twice is one handler; what the second knows less does not count. */
static void test_told_again(void **state)
{
	struct world *w = *state;
	struct record_action r = request(NULL, "named");

	allocate(w, 30, MEMDEV);
	tell(w, r);
	r = request(NULL, NULL);
	r.reason = RECORD_REASON_SNAPSHOT;
	walk_begin(w);
	tell(w, make_vector(RECORD_REASON_SNAPSHOT, 30, MEMDEV));
	tell(w, r);
	walk_end(w, true);
	expect_vector(w, 30, "{'owners': [{'device': 'named', 'evidence': 'cookie'}]}");
	/* a walk knows the managed requests and cookies, but nothing of probes */
	tell(w, make_action_freed(30, 7));
	tell(w, request("hinted", NULL));
	walk_begin(w);
	tell(w, make_vector(RECORD_REASON_SNAPSHOT, 30, MEMDEV));
	r.device = make_dev("named", "cookiebus", "cookiedriver");
	tell(w, r);
	walk_end(w, true);
	expect_vector(w, 30, "{'owners': [{'device': 'named', 'evidence': 'cookie'}]}");
	walk_begin(w);
	tell(w, make_vector(RECORD_REASON_SNAPSHOT, 30, MEMDEV));
	tell(w, make_owner(RECORD_REASON_SNAPSHOT, 30, 7, "pmu_mem0.0"));
	tell(w, r);
	walk_end(w, true);
	expect_vector(w, 30, "{'owners': [{'device': 'pmu_mem0.0', 'evidence': 'devres'}]}");
	expect_corrections(w, "{}");
}

/* The kernel's timer has no cookie; that is a cookie too. */
static void test_no_cookie(void **state)
{
	struct world *w = *state;

	tell(w, make_wired(RECORD_REASON_ACTIVATED, 0));
	tell(w, make_action(RECORD_REASON_REQUESTED, 0, 0, "timer"));
	expect_vector(w, 0, "{'irq': 0, 'owners': [{'action': 'timer'}]}");
	tell(w, make_action_freed(0, 0));
	expect_vector(w, 0, "{'owners': []}");
}

/* Where only sysfs tells: names, and no devices */
static void test_names(void **state)
{
	struct world *w = *state;
	struct record_sysfs_irq r = make_sysfs_irq(30, "PCIe PME,aerdrv,pciehp");
	char longest[80];

	snprintf(r.device, sizeof(r.device), "0000:00:1c.0");
	tell(w, r);
	expect_vector(
		w, 30,
		"{'provider': '0000:00:1c.0', 'state': 'requested', 'owners': ["
		"{'action': 'PCIe PME', 'device': null, 'handler': null, 'relation': 'unknown'},"
		" {'action': 'aerdrv'}, {'action': 'pciehp'}]}");
	/* each reading replaces them */
	tell(w, make_sysfs_irq(30, "aerdrv"));
	expect_vector(w, 30, "{'owners': [{'action': 'aerdrv'}]}");
	assert_int_equal(w->model->n_actions, 1);
	tell(w, make_sysfs_irq(30, ""));
	expect_vector(w, 30, "{'state': 'allocated', 'owners': []}");
	tell(w, make_sysfs_irq(30, "a,,b,"));
	expect_vector(w, 30, "{'owners': [{'action': 'a'}, {'action': null}, {'action': 'b'}]}");
	memset(longest, 'x', 79);
	longest[79] = 0;
	tell(w, make_sysfs_irq(30, longest));
	assert_int_equal(strlen(model_vector(w->model, 30)->actions->name), 47);
}

/* Where hooks work and the walk does not: the one tells more, the other tells all. */
static void test_names_and_hooks(void **state)
{
	struct world *w = *state;

	tell(w, make_sysfs_irq(30, "old,shared,shared"));
	tell(w, make_vector(RECORD_REASON_ACTIVATED, 30, MEMDEV));
	tell(w, request("hinted", NULL));
	forget_events(w);
	expect_vector(w, 30,
		      "{'provider': '" MEMDEV
		      "', 'owners': [{'action': 'old'}, {'action': 'shared'},"
		      " {'action': 'shared'}, {'action': 'mem0', 'device': 'hinted'}]}");
	/* each name stands for one handler */
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, 8, "shared"));
	walk_begin(w);
	tell(w, make_sysfs_irq(30, "mem0,shared,shared,old"));
	walk_end(w, true);
	expect_vector(
		w, 30,
		"{'provider': '" MEMDEV "', 'owners': ["
		"{'action': 'mem0', 'handler': 'driver_irq'},"
		" {'action': 'shared', 'handler': 'driver_irq'},"
		" {'action': 'shared', 'handler': null}, {'action': 'old', 'handler': null}]}");
	expect_corrections(w, "{}");
	/* a handler whose request nobody saw is freed: its name goes at the next reading */
	forget_events(w);
	tell(w, make_action_freed(30, 99));
	expect_nothing(w);
	walk_begin(w);
	tell(w, make_sysfs_irq(30, "mem0,shared"));
	walk_end(w, true);
	expect_nothing(w);
	expect_vector(
		w, 30,
		"{'owners': [{'action': 'mem0'}, {'action': 'shared', 'handler': 'driver_irq'}]}");
	/* what a hook told only a hook takes back */
	walk_begin(w);
	tell(w, make_sysfs_irq(30, ""));
	walk_end(w, true);
	expect_vector(w, 30, "{'owners': [{'action': 'mem0'}, {'action': 'shared'}]}");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_listening, world_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_no_evidence),
		TEST(test_probe),
		TEST(test_cookie_over_probe),
		TEST(test_managed_after),
		TEST(test_managed_before),
		TEST(test_managed_of_another),
		TEST(test_managed_without_name),
		TEST(test_owner_goes_with_handler),
		TEST(test_owner_goes_with_vector),
		TEST(test_freed_without_handler),
		TEST(test_shared),
		TEST(test_shared_message),
		TEST(test_forced_thread),
		TEST(test_symbols),
		TEST(test_module),
		TEST(test_relations),
		TEST(test_told_again),
		TEST(test_no_cookie),
		TEST(test_names),
		TEST(test_names_and_hooks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
