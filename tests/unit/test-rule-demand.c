// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vector-refused on calls for vectors and on message numbers: what is final, and what is only a
 * step of a driver that then got what it needs. Each story is one that a driver in Linux tells.
 */
#include "rule-fixture.h"

#include "demand-fixture.h"

#define REFUSED "{'rule': 'vector-refused', 'severity': 'warning'"

static void bound(struct world *w, const char *device, const char *driver)
{
	tell(w, make_device(device, "pci", driver));
}

/* Nothing happens for a while. */
static void quiet(struct world *w)
{
	pass(w, 3 * SECOND);
}

static void refuse(struct world *w, const char *device, const char *driver, uint32_t min,
		   uint32_t max)
{
	ask_for(w, device, driver, min, max);
	answered(w, device, driver, min, max, -ENOSPC);
}

/* ---- Calls for vectors ---- */

/* cxl_pci goes on without any, and nobody says so. */
static void test_cxl_without(void **state)
{
	struct world *w = *state;

	refuse(w, CXL, "cxl_pci", 1, 16);
	bound(w, CXL, "cxl_pci");
	expect_no_finding(w);
	quiet(w);
	expect_finding_that(w,
			    REFUSED ", 'device': '" CXL "', 'irq': null, 'index': null,"
				    " 'standing': false, 'cause': {'kind': 'driver', 'pid': 77,"
				    " 'comm': 'modprobe'}}",
			    "cxl_pci asked for 1 to 16 vectors and got none: the mailbox is "
			    "polled, and events are not handled. The answer was: No space left on "
			    "device.");
	expect_no_finding(w);
	/* told once */
	bound(w, CXL, "cxl_pci");
	quiet(w);
	expect_no_finding(w);
}

/* pci_alloc_irq_vectors(): MSI-X is refused, MSI is granted */
static void test_msi_after_msix(void **state)
{
	struct world *w = *state;

	ask_for(w, CXL, "cxl_pci", 1, 16);
	tell(w, make_demand(RECORD_DEMAND_MSIX, CXL, "cxl_pci", 1, 16, true, -ENOSPC));
	tell(w, make_demand(RECORD_DEMAND_MSI, CXL, "cxl_pci", 1, 16, false, 0));
	vector_appears(w, 30, 30, CXL);
	tell(w, make_demand(RECORD_DEMAND_MSI, CXL, "cxl_pci", 1, 16, true, 1));
	tell(w, make_demand(RECORD_DEMAND_ANY, CXL, "cxl_pci", 1, 16, true, 1));
	bound(w, CXL, "cxl_pci");
	quiet(w);
	expect_no_finding(w);
}

/* The port driver: 1 to 32, refused; then the pin */
static void test_pin(void **state)
{
	struct world *w = *state;
	struct record_demand pin = make_demand(RECORD_DEMAND_ANY, PORT, "pcieport", 1, 1, false, 0);

	refuse(w, PORT, "pcieport", 1, 32);
	pin.flags = 1;
	tell(w, pin);
	pin.answered = 1;
	pin.result = 1;
	pin.header.time_ns = 0;
	tell(w, pin);
	bound(w, PORT, "pcieport");
	quiet(w);
	expect_no_finding(w);
}

/* virtio: as many as it has queues, refused; then two */
static void test_fewer(void **state)
{
	struct world *w = *state;

	refuse(w, NVME, "virtio-pci", 65, 65);
	allocate(w, NVME, "virtio-pci", 2, 2, 2);
	bound(w, NVME, "virtio-pci");
	quiet(w);
	expect_no_finding(w);
	/* the same, and then it fails otherwise */
	give_back(w, 30, 2, true);
	bound(w, NVME, "");
	quiet(w);
	expect_no_finding(w);
}

/* e1000e and others: pci_enable_msix_range(), pci_enable_msi(), and the pin when it is opened */
static void test_legacy(void **state)
{
	struct world *w = *state;

	tell(w, make_demand(RECORD_DEMAND_MSIX, NVME, "e1000e", 5, 5, false, 0));
	tell(w, make_demand(RECORD_DEMAND_MSIX, NVME, "e1000e", 5, 5, true, -ENOSPC));
	tell(w, make_demand(RECORD_DEMAND_MSI, NVME, "e1000e", 1, 1, false, 0));
	tell(w, make_demand(RECORD_DEMAND_MSI, NVME, "e1000e", 1, 1, true, -EINVAL));
	bound(w, NVME, "e1000e");
	quiet(w);
	expect_no_finding(w);
}

/* A probe that takes long is not over. */
static void test_still_probing(void **state)
{
	struct world *w = *state;

	refuse(w, NVME, "nvme", 4, 4);
	bound(w, NVME, "nvme");
	quiet(w);
	expect_no_finding(w);
	allocate(w, NVME, "nvme", 1, 1, 1);
	quiet(w);
	expect_no_finding(w);
}

static void test_probe_failed(void **state)
{
	struct world *w = *state;

	refuse(w, NVME, "nvme", 4, 4);
	bound(w, NVME, "");
	quiet(w);
	expect_finding_that(w, REFUSED ", 'device': '" NVME "'}",
			    "nvme asked for 4 to 4 vectors and got none: its probe failed.");
	/* it may be tried again, and is told again then: another hit */
	refuse(w, NVME, "nvme", 4, 4);
	bound(w, NVME, "");
	quiet(w);
	expect_finding(w, REFUSED ", 'device': '" NVME "'}");
	expect_no_finding(w);
}

/* A port whose pin is refused too stays bound, and has no interrupt. */
static void test_pin_refused_bound(void **state)
{
	struct world *w = *state;
	struct record_demand pin =
		make_demand(RECORD_DEMAND_ANY, PORT, "pcieport", 1, 1, true, -ENOSPC);

	refuse(w, PORT, "pcieport", 1, 32);
	pin.flags = 1;
	tell(w, pin);
	bound(w, PORT, "pcieport");
	quiet(w);
	expect_finding_that(w, REFUSED ", 'device': '" PORT "', 'index': null}",
			    "pcieport asked for the interrupt pin and did not get it. The answer");
	expect_no_finding(w);
	/* the pin was one way of several */
	pin.flags = ALL_FLAGS;
	pin.header.time_ns = 0;
	tell(w, pin);
	quiet(w);
	expect_finding_that(w, REFUSED "}", "pcieport asked for 1 to 1 vectors and got none. The");
}

static void test_pin_refused(void **state)
{
	struct world *w = *state;
	struct record_demand pin =
		make_demand(RECORD_DEMAND_ANY, NVME, "nvme", 1, 1, true, -EINVAL);

	pin.flags = 1;
	tell(w, pin);
	bound(w, NVME, "");
	quiet(w);
	expect_finding_that(w, REFUSED "}", "asked for the interrupt pin and did not get it");
}

/* ---- Message numbers ---- */

static void ask(struct world *w, uint32_t number, int32_t result, const char *caller)
{
	tell(w, make_ask(CXL, "cxl_pci", number, result, caller, "cxl_pci_probe [cxl_pci]"));
}

/* Too few vectors: the mailbox falls back silently, the first event log ends the probe. */
static void test_event_log(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 4);
	ask(w, 7, -EINVAL, "cxl_pci_probe");
	ask(w, 2, 32, "cxl_event_req_irq");
	ask(w, 4, -EINVAL, "cxl_event_req_irq");
	give_back(w, 30, 4, true);
	bound(w, CXL, "");
	expect_no_finding(w);
	quiet(w);
	expect_finding_that(w, REFUSED ", 'device': '" CXL "', 'index': 4, 'irq': null}",
			    "cxl_pci: no vector for event log Warn (message 4 of 4 granted): the "
			    "memdev did not probe. The answer was: Invalid argument.");
	expect_finding_that(w, REFUSED ", 'device': '" CXL "', 'index': 7}",
			    "cxl_pci: no vector for the mailbox (message 7 of 4 granted). The");
	expect_no_finding(w);
	quiet(w);
	expect_no_finding(w);
}

static void test_mailbox(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 4);
	ask(w, 4, -EINVAL, "cxl_pci_probe [cxl_pci]");
	bound(w, CXL, "cxl_pci");
	quiet(w);
	expect_finding_that(w, REFUSED ", 'index': 4}",
			    "no vector for the mailbox (message 4 of 4 granted): it is polled.");
	expect_no_finding(w);
}

static void test_cpmu(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 4);
	ask(w, 9, -EINVAL, "cxl_pmu_probe [cxl_pmu]");
	bound(w, CXL, "cxl_pci");
	quiet(w);
	expect_finding_that(w, REFUSED ", 'index': 9}",
			    "cxl_pmu: no vector for a CPMU (message 9 of 4 granted): the PMU is "
			    "missing.");
	expect_no_finding(w);
}

/* vfio-pci asks first, and makes the vector if there is none; not in a probe. */
static void test_vfio(void **state)
{
	struct world *w = *state;
	struct record_demand r = make_ask(NVME, "vfio-pci", 3, -EINVAL, "vfio_msi_alloc_irq", "");

	r.header.cause = RECORD_CAUSE_NONE;
	tell(w, r);
	bound(w, NVME, "vfio-pci");
	quiet(w);
	expect_no_finding(w);
}

/* The same in a probe: by the end of it, the vector is there. */
static void test_made_later(void **state)
{
	struct world *w = *state;

	allocate(w, NVME, "mlx5_core", 1, 1, 1);
	tell(w, make_ask(NVME, "mlx5_core", 3, -EINVAL, "mlx5_irq_alloc", ""));
	vector_appears(w, 33, 30, NVME);
	quiet(w);
	expect_no_finding(w);
}

/* Refused, then granted to whoever asked for the same number */
static void test_asked_again(void **state)
{
	struct world *w = *state;

	allocate(w, NVME, "d", 1, 1, 1);
	tell(w, make_ask(NVME, "d", 3, -EINVAL, "f", ""));
	tell(w, make_ask(NVME, "d", 3, 40, "g", ""));
	quiet(w);
	expect_no_finding(w);
	/* the other way round it is refused */
	tell(w, make_ask(NVME, "d", 3, -EINVAL, "f", ""));
	quiet(w);
	expect_finding_that(w, REFUSED ", 'index': 3}",
			    "d: no vector for a message number (message 3 of 1 granted, which f "
			    "wants). The answer was");
}

/* Counting up until the answer is no */
static void test_looks_for_end(void **state)
{
	struct world *w = *state;

	allocate(w, NVME, "d", 1, 16, 4);
	for (int32_t i = 0; i < 6; i++)
		tell(w, make_ask(NVME, "d", (uint32_t)i, i < 4 ? 30 + i : -EINVAL, "count", ""));
	bound(w, NVME, "d");
	quiet(w);
	expect_no_finding(w);
	/* if its probe failed it needed them after all */
	give_back(w, 30, 4, true);
	bound(w, NVME, "");
	quiet(w);
	expect_finding_that(w, REFUSED ", 'index': 4}", ": its probe failed");
	expect_finding(w, REFUSED ", 'index': 5}");
	expect_no_finding(w);
}

/* One that skips some of what it has does not count: it wants that number. */
static void test_wants_one(void **state)
{
	struct world *w = *state;

	allocate(w, NVME, "dwmac", 2, 32, 4);
	for (int32_t i = 0; i < 3; i++)
		tell(w, make_ask(NVME, "dwmac", (uint32_t)i * 2, i < 2 ? 30 + 2 * i : -EINVAL,
				 "stmmac_config_multi_msi", ""));
	/* three of four, by two callers */
	tell(w, make_ask(NVME, "dwmac", 1, 31, "f", ""));
	tell(w, make_ask(NVME, "dwmac", 3, 33, "f", ""));
	bound(w, NVME, "dwmac");
	quiet(w);
	expect_finding(w, REFUSED ", 'index': 4}");
	expect_no_finding(w);
}

/* Two places, two findings; the same place again is the same. */
static void test_places(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 2);
	ask(w, 2, -EINVAL, "cxl_event_req_irq");
	ask(w, 3, -EINVAL, "cxl_pci_probe");
	quiet(w);
	expect_finding(w, REFUSED ", 'index': 2}");
	expect_finding(w, REFUSED ", 'index': 3}");
	ask(w, 2, -EINVAL, "cxl_event_req_irq");
	quiet(w);
	expect_finding(w, REFUSED ", 'index': 2}");
	expect_no_finding(w);
}

/* While a call is open nothing is judged. */
static void test_open(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 2);
	ask(w, 5, -EINVAL, "cxl_pci_probe");
	ask_for(w, CXL, "cxl_pci", 1, 16);
	quiet(w);
	expect_no_finding(w);
	vector_appears(w, 35, 30, CXL);
	answered(w, CXL, "cxl_pci", 1, 16, 6);
	quiet(w);
	expect_no_finding(w);
}

/* A handler that was refused is told at once, with what it was for. */
static void test_handler(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 4);
	ask(w, 1, 31, "cxl_event_req_irq");
	request_refused(w, 31, CXL, EBUSY);
	expect_finding_that(w, REFUSED ", 'irq': 31, 'index': 1}",
			    "Device or resource busy (driver by modprobe (pid 77, uid 0)). "
			    "cxl_pci: the handler for event log Info was refused (interrupt 31, "
			    "message 1 of 4 granted): the memdev did not probe.");
	bound(w, CXL, "");
	quiet(w);
	expect_no_finding(w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE_TEST(test_cxl_without),
		RULE_TEST(test_msi_after_msix),
		RULE_TEST(test_pin),
		RULE_TEST(test_fewer),
		RULE_TEST(test_legacy),
		RULE_TEST(test_still_probing),
		RULE_TEST(test_probe_failed),
		RULE_TEST(test_pin_refused),
		RULE_TEST(test_pin_refused_bound),
		RULE_TEST(test_event_log),
		RULE_TEST(test_mailbox),
		RULE_TEST(test_cpmu),
		RULE_TEST(test_vfio),
		RULE_TEST(test_made_later),
		RULE_TEST(test_asked_again),
		RULE_TEST(test_looks_for_end),
		RULE_TEST(test_wants_one),
		RULE_TEST(test_places),
		RULE_TEST(test_open),
		RULE_TEST(test_handler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
