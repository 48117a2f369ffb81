// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The parts of a CXL memory device in the ledger: mailbox, event logs, CPMUs. Their message numbers
 * stand in memory, so what is known of them comes from what their drivers asked for.
 */
#include "demand-fixture.h"

/* ---- CXL mailbox and event logs ---- */

static void caller(struct world *w, uint32_t number, int32_t result, const char *name)
{
	tell(w, make_ask(CXL, "cxl_pci", number, result, name, "cxl_pci_probe"));
}

static void test_memory_device(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 8);
	memory_device(w, "cxl_pci", 0);
	for (uint32_t i = 0; i < 4; i++)
		handler(w, 32 + i, i + 1, CXL, "pci", "cxl_event_thread [cxl_pci]");
	handler(w, 37, 9, CXL, "pci", "cxl_pci_mbox_irq [cxl_pci]");
	assert_int_equal(count_features(w, CXL, "event-log"), 4);
	assert_int_equal(count_features(w, CXL, "mailbox"), 1);
	expect_feature(w, CXL, "event-log", 3,
		       "{'result': 'granted', 'message_number': 5, 'irq': 35, 'relation': 'own',"
		       " 'instance': '" CXL "', 'hardware_message': null, 'offset': 512}",
		       "");
	expect_feature(w, CXL, "mailbox", 0, "{'result': 'granted', 'irq': 37, 'offset': 512}", "");
	assert_int_equal(count_features(w, CXL, "cpmu"), 0);
}

static void test_mailbox(void **state)
{
	struct world *w = *state;

	memory_device(w, "", 0);
	expect_feature(w, CXL, "mailbox", 0, "{'result': 'unclaimed'}", "no driver is bound");
	expect_feature(w, CXL, "event-log", 0, "{'result': 'unclaimed'}", "no driver is bound");
	memory_device(w, "cxl_pci", 0);
	/* nobody saw the probe */
	expect_feature(w, CXL, "mailbox", 0, "{'result': 'polled', 'errno': null}",
		       "the mailbox offers no interrupt, or cxl_pci did not get it");
	expect_feature(w, CXL, "event-log", 0, "{'result': 'unclaimed'}",
		       "the firmware keeps control of CXL errors (_OSC), or it got no vectors");
	allocate(w, CXL, "cxl_pci", 1, 16, 4);
	expect_feature(w, CXL, "mailbox", 0, "{'result': 'polled', 'errno': null}",
		       "the mailbox offers no interrupt: cxl_pci did not ask for one");
	expect_feature(w, CXL, "event-log", 0, "{'result': 'unclaimed', 'errno': null}",
		       "cxl_pci did not ask for it: the firmware keeps control");
	caller(w, 7, -EINVAL, "cxl_pci_probe [cxl_pci]");
	expect_feature(w, CXL, "mailbox", 0,
		       "{'result': 'polled', 'errno': 22, 'message_number': 7, 'irq': null}",
		       "cxl_pci: no vector for the mailbox (message 7 of 4 granted): it is polled");
	/* that the mailbox asked is no entry of its own */
	assert_int_equal(count_features(w, CXL, "mailbox"), 1);
	assert_int_equal(count_features(w, CXL, "other"), 0);
	caller(w, 3, 33, "cxl_pci_setup_mailbox");
	request_refused(w, 33, CXL, ENOMEM);
	expect_feature(w, CXL, "mailbox", 0,
		       "{'result': 'polled', 'errno': 12, 'message_number': 3}",
		       "cxl_pci: the handler for the mailbox was refused (interrupt 33, message 3 "
		       "of 4 granted): it is polled");
}

static void test_no_vectors(void **state)
{
	struct world *w = *state;

	ask_for(w, CXL, "cxl_pci", 1, 16);
	answered(w, CXL, "cxl_pci", 1, 16, -ENOSPC);
	memory_device(w, "cxl_pci", 0);
	expect_feature(w, CXL, "mailbox", 0, "{'result': 'polled', 'errno': 28}",
		       "cxl_pci asked for 1 to 16 vectors and got none");
	expect_feature(w, CXL, "event-log", 0, "{'result': 'refused', 'errno': 28}",
		       "the mailbox is polled, and events are not handled");
}

static void test_old_kernels(void **state)
{
	struct world *w = *state;

	memory_device(w, "cxl_pci", 1);
	tell(w, make_kernel("6.1.0-50-amd64"));
	expect_feature(w, CXL, "mailbox", 0, "{'result': 'polled'}",
		       "cxl_pci of this kernel uses no interrupts (6.3 and later do)");
	expect_feature(w, CXL, "event-log", 0, "{'result': 'unclaimed'}", "uses no interrupts");
	expect_feature(w, CXL, "cpmu", 0, "{'result': 'unclaimed', 'instance': '0'}",
		       "no PMU: this kernel has no driver for it (6.5 and later have)");
	tell(w, make_kernel("6.4.16"));
	expect_feature(w, CXL, "mailbox", 0, "{'result': 'polled'}",
		       "takes no interrupt of the mailbox (6.5 and later do)");
	tell(w, make_kernel("6.5.0"));
	expect_feature(w, CXL, "mailbox", 0, "{'result': 'polled'}", "or cxl_pci did not get it");
}

static void test_event_log(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 4);
	caller(w, 2, 32, "cxl_event_req_irq");
	caller(w, 3, 33, "cxl_event_req_irq");
	caller(w, 4, -EINVAL, "cxl_event_req_irq");
	give_back(w, 30, 4, true);
	memory_device(w, "", 1);
	assert_int_equal(count_features(w, CXL, "event-log"), 1);
	expect_feature(w, CXL, "event-log", 0,
		       "{'result': 'refused', 'errno': 22, 'message_number': 4, 'irq': null,"
		       " 'relation': null}",
		       "cxl_pci: no vector for event log Failure (message 4 of 4 granted): the "
		       "memdev did not probe");
	/* and what follows from it */
	expect_feature(w, CXL, "mailbox", 0, "{'result': 'unclaimed'}",
		       "no driver is bound: the probe of cxl_pci failed");
	expect_feature(w, CXL, "cpmu", 0, "{'result': 'unclaimed'}", "the probe of cxl_pci failed");
	/* the other one got its handler later */
	allocate(w, CXL, "cxl_pci", 1, 16, 8);
	caller(w, 4, -EINVAL, "cxl_event_req_irq");
	handler(w, 34, 1, CXL, "pci", "cxl_event_thread");
	assert_int_equal(count_features(w, CXL, "event-log"), 1);
	expect_feature(w, CXL, "event-log", 0, "{'result': 'granted'}", "");
}

/* A part that no name is known for: told with the caller, if it was for good */
static void test_other_refused(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "switchtec", 1, 4, 4);
	tell(w, make_ask(CXL, "switchtec", 9, -EINVAL, "switchtec_pci_probe", ""));
	expect_feature(w, CXL, "other", 0,
		       "{'result': 'refused', 'errno': 22, 'message_number': 9, 'instance': null}",
		       "switchtec: no vector for a message number (message 9 of 4 granted, which "
		       "switchtec_pci_probe wants)");
	vector_appears(w, 39, 30, CXL);
	assert_int_equal(count_features(w, CXL, "other"), 0);
}

/* ---- CPMUs ---- */

#define CPMU(n) "pmu_mem0." #n

static void test_cpmu(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 8);
	memory_device(w, "cxl_pci", 2);
	tell(w, make_child(CPMU(0), "cxl", "cxl_pmu", CXL));
	tell(w, make_child(CPMU(1), "cxl", "cxl_pmu", CXL));
	handler(w, 31, 1, CPMU(0), "cxl", "cxl_pmu_irq");
	handler(w, 32, 2, CPMU(1), "cxl", "cxl_pmu_irq");
	handler(w, 32, 3, CXL, "pci", "cxl_event_thread");
	assert_int_equal(count_features(w, CXL, "cpmu"), 2);
	expect_feature(w, CXL, "cpmu", 0,
		       "{'result': 'granted', 'instance': '" CPMU(
			       0) "', 'message_number': 1,"
				  " 'irq': 31, 'relation': 'borrowed', 'offset': 512}",
		       "");
	expect_feature(w, CXL, "cpmu", 1,
		       "{'result': 'shared', 'instance': '" CPMU(1) "', 'irq': 32}", "");
}

static void test_cpmu_unclaimed(void **state)
{
	struct world *w = *state;
	const char *none = "{'result': 'unclaimed', 'instance': '0', 'irq': null}";
	const char *named = "{'result': 'unclaimed', 'instance': '" CPMU(0) "', 'irq': null}";

	memory_device(w, "", 1);
	expect_feature(w, CXL, "cpmu", 0, none, "no driver is bound");
	memory_device(w, "cxl_pci", 1);
	expect_feature(w, CXL, "cpmu", 0, none, "no PMU: cxl_pci made no device of it");
	tell(w, make_driver("cxl", "cxl_pmu", false));
	expect_feature(w, CXL, "cpmu", 0, none, "no PMU: the driver cxl_pmu is not there");
	tell(w, make_child(CPMU(0), "cxl", "", CXL));
	expect_feature(w, CXL, "cpmu", 0, named, "no PMU: the driver cxl_pmu is not there");
	tell(w, make_driver("cxl", "cxl_pmu", true));
	expect_feature(w, CXL, "cpmu", 0, named,
		       "no PMU: cxl_pmu refused it without a word: it takes no CPMU that has no "
		       "interrupt or names message 0");
	tell(w, make_child(CPMU(0), "cxl", "cxl_pmu", CXL));
	expect_feature(w, CXL, "cpmu", 0, named, "cxl_pmu is bound to it and has no handler");
	/* somebody else's CPMU of that number */
	tell(w, make_device_gone(CPMU(0)));
	tell(w, make_child("pmu_mem1.0", "cxl", "cxl_pmu", "0000:0e:00.0"));
	tell(w, make_child("pmu_mem0.10", "cxl", "cxl_pmu", CXL));
	expect_feature(w, CXL, "cpmu", 0, none, "cxl_pci made no device of it");
}

static void test_cpmu_refused(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 4);
	memory_device(w, "cxl_pci", 2);
	tell(w, make_child(CPMU(0), "cxl", "cxl_pmu", CXL));
	tell(w, make_child(CPMU(1), "cxl", "", CXL));
	tell(w, make_driver("cxl", "cxl_pmu", true));
	caller(w, 1, 31, "cxl_pmu_probe");
	handler(w, 31, 1, CPMU(0), "cxl", "cxl_pmu_irq");
	caller(w, 9, -EINVAL, "cxl_pmu_probe [cxl_pmu]");
	assert_int_equal(count_features(w, CXL, "cpmu"), 2);
	expect_feature(
		w, CXL, "cpmu", 1,
		"{'result': 'refused', 'instance': '" CPMU(
			1) "', 'errno': 22,"
			   " 'message_number': 9, 'offset': 512}",
		"cxl_pmu: no vector for a CPMU (message 9 of 4 granted): the PMU is missing");
	/* a third that never asked: then nobody knows which of them was refused */
	memory_device(w, "cxl_pci", 3);
	assert_int_equal(count_features(w, CXL, "cpmu"), 4);
	expect_feature(w, CXL, "cpmu", 0, "{'result': 'refused', 'instance': null}", "no vector");
	expect_feature(w, CXL, "cpmu", 1, "{'result': 'unclaimed', 'instance': '2'}", "no PMU");
}

/* The fix of the HDM filter: 6.8, 6.7.11, 6.6.23 */
static void test_cpmu_filter(void **state)
{
	static const struct {
		const char *release;
		bool before;
	} kernels[] = {
		{ "6.5.13", true },	    { "6.6.0", true },	  { "6.6.22", true },
		{ "6.6.23", false },	    { "6.6.100", false }, { "6.7.0", true },
		{ "6.7.10-amd64", true },   { "6.7.11", false },  { "6.8.0", false },
		{ "6.12.95+deb12", false }, { "7.3.4", false },	  { "", false },
	};
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 4);
	memory_device(w, "cxl_pci", 1);
	tell(w, make_child(CPMU(0), "cxl", "cxl_pmu", CXL));
	handler(w, 31, 1, CPMU(0), "cxl", "cxl_pmu_irq");
	for (size_t i = 0; i < sizeof(kernels) / sizeof(*kernels); i++) {
		tell(w, make_kernel(kernels[i].release));
		expect_feature(w, CXL, "cpmu", 0, "{'result': 'granted'}",
			       kernels[i].before ? "mended in 6.8, 6.7.11 and 6.6.23" : "");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_listening, world_teardown)
		TEST(test_memory_device), TEST(test_mailbox),	     TEST(test_no_vectors),
		TEST(test_old_kernels),	  TEST(test_event_log),	     TEST(test_other_refused),
		TEST(test_cpmu),	  TEST(test_cpmu_unclaimed), TEST(test_cpmu_refused),
		TEST(test_cpmu_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
