// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ledger in words: what a device asked for, what became of each of its features, and the order
 * of events where vectors and handlers ended in the wrong one.
 */
#include "explain.h"

#include "demand-fixture.h"

#define SECOND 1000000000ULL
#define CPMU "pmu_mem0.0"

static void said_at(struct world *w, const struct violations *violations, const char *subject,
		    const char *part, size_t expected, const char *file, int line)
{
	json_t *explanation = NULL, *sentence;
	size_t i, n = 0;
	char *shown;

	if (explain(w->model, violations, subject, &explanation) < 0)
		_fail(file, line);
	json_array_foreach(json_object_get(explanation, "text"), i, sentence)
		n += strstr(json_string_value(sentence), part) != NULL;
	shown = json_dumps(explanation, JSON_INDENT(1));
	json_decref(explanation);
	if (n != expected)
		print_error("%s\nis %zu times, not %zu, in %s\n", part, n, expected, shown);
	free(shown);
	if (n != expected)
		_fail(file, line);
}
#define said(w, subject, part) said_at((w), NULL, (subject), (part), 1, __FILE__, __LINE__)
#define not_said(w, subject, part) said_at((w), NULL, (subject), (part), 0, __FILE__, __LINE__)

/* ---- What was asked for ---- */

static void test_asked(void **state)
{
	struct world *w = *state;
	struct record_demand pin = make_demand(RECORD_DEMAND_ANY, PORT, "pcieport", 1, 1, true, 1);

	pin.flags = 1;
	ask_for(w, PORT, "pcieport", 1, 32);
	answered(w, PORT, "pcieport", 1, 32, -ENOSPC);
	tell(w, pin);
	tell(w, make_device(PORT, "pci", "pcieport"));
	said(w, PORT, "It asked for 1 to 32 vectors and got none (No space left on device).");
	said(w, PORT, "Then it asked for 1 to 1 interrupt pins and got 1.");
	said(w, PORT, "It has 0 vectors, and uses 0 interrupts.");
	not_said(w, PORT, "is not known");
	not_said(w, PORT, "Its hardware");
	for (int i = 0; i < 8; i++)
		allocate(w, PORT, "pcieport", 1, 1, 0);
	said(w, PORT, "It asked for vectors 2 times before what follows.");
}

static void test_not_asked(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	tell(w, make_base(RECORD_MODE_TRACING));
	walk(w, true);
	tell(w, make_device("0000:01:00.0", "pci", "nvme"));
	said(w, "0000:01:00.0", "What it asked for is not known: no call of its driver");
	tell(w, make_device_gone("0000:01:00.0"));
	world_free(w);
	w = world_new(NULL);
	tell(w, make_base(RECORD_MODE_TRACING));
	tell(w, make_device("0000:01:00.0", "pci", "nvme"));
	walk(w, true);
	said(w, "0000:01:00.0",
	     "What it asked for is not known: its driver was bound before the daemon listened.");
	said(w, "0000:01:00.0", "It has 1 vector, and uses 1 interrupt.");
	tell(w, make_action_freed(30, 1));
	said(w, "0000:01:00.0", "1 of them has no handler; whether they ever had one is not known");
	world_free(w);
}

static void test_counts(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 4);
	handler(w, 30, 1, CXL, "pci", "cxl_event_thread");
	handler(w, 31, 2, CXL, "pci", "cxl_event_thread");
	handler(w, 31, 3, CPMU, "cxl", "cxl_pmu_irq");
	vector_appears(w, 34, 30, CXL);
	tell(w, make_action_freed(30, 1));
	said(w, CXL, "It has 5 vectors, and uses 1 interrupt.");
	said(w, CXL, "1 of its vectors has more than one handler: ");
	said(w, CXL, "1 of them came after its driver's call for vectors.");
	said(w, CXL, "4 of them have no handler; 3 never had one.");
}

/* The pin is no vector of the port's, but its services use it. */
static void test_pin(void **state)
{
	struct world *w = *state;

	tell(w, make_device(PORT, "pci", "pcieport"));
	tell(w, make_wired(RECORD_REASON_ACTIVATED, 9));
	handler(w, 9, 4, PORT ":pcie002", "pci_express", "aer_irq");
	handler(w, 9, 5, PORT ":pcie001", "pci_express", "pcie_pme_irq");
	said(w, PORT, "It has 0 vectors, and uses 1 interrupt.");
	said(w, PORT, "(aer, " PORT ":pcie002): shares interrupt 9 with others.");
}

static void test_hardware(void **state)
{
	struct world *w = *state;

	tell(w, make_device(CXL, "pci", ""));
	tell(w, make_feature(RECORD_FEATURE_NONE, CXL, -1, EPERM));
	said(w, CXL, "Its config space could not be read (Operation not permitted)");
	tell(w, make_device(CXL, "pci", ""));
	tell(w, make_feature(RECORD_FEATURE_DOE, CXL, 1, 0));
	said(w, CXL, "Its hardware has neither MSI-X nor MSI.");
	memory_device(w, "", 0);
	said(w, CXL, "Its hardware can send 16 MSI-X and 0 MSI messages.");
	tell(w, make_feature(RECORD_FEATURE_MSI, CXL, -1, 1));
	said(w, CXL, "Its hardware can send 16 MSI-X and 1 MSI message.");
}

/* ---- Features ---- */

static void test_features(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 4);
	memory_device(w, "cxl_pci", 1);
	tell(w, make_feature(RECORD_FEATURE_DOE, CXL, 3, 0));
	tell(w, make_feature(RECORD_FEATURE_AER, CXL, 2, 0));
	tell(w, make_child(CPMU, "cxl", "cxl_pmu", CXL));
	handler(w, 31, 3, CPMU, "cxl", "cxl_pmu_irq");
	handler(w, 32, 4, CXL ":pcie002", "pci_express", "aer_irq");
	tell(w, make_ask(CXL, "cxl_pci", 7, -EINVAL, "cxl_pci_probe", ""));
	said(w, CXL, "(cpmu, " CPMU "): has interrupt 31, message 1, borrowed.");
	/* what hardware says is said if it is something else */
	said(w, CXL, "(aer, " CXL ":pcie002): has interrupt 32, message 2, borrowed.");
	said(w, CXL,
	     "(doe, 0): has none, the kernel polls (looks for itself, again and again), hardware "
	     "names message 3: Linux polls DOE");
	said(w, CXL,
	     "Answers to commands (mailbox): has none, the kernel polls (looks for itself, again "
	     "and again), message 7: cxl_pci: no vector for the mailbox "
	     "(message 7 of 4 granted): it is polled.");
	said(w, CXL,
	     "(event-log): could have an interrupt, and nobody took it: cxl_pci did not ask for "
	     "it");
	not_said(w, CXL, "It has no PMU");
	said(w, CPMU, "(cpmu, " CPMU "): has interrupt 31, message 1, borrowed.");
	not_said(w, CPMU, "It has no PMU");
}

static void test_no_cpmu(void **state)
{
	struct world *w = *state;

	memory_device(w, "cxl_pci", 0);
	said(w, CXL, "It has no PMU: its config space names no block of CPMU registers.");
	/* somebody has one all the same */
	allocate(w, CXL, "cxl_pci", 1, 16, 2);
	handler(w, 30, 1, CPMU, "cxl", "cxl_pmu_irq");
	not_said(w, CXL, "It has no PMU");
	/* a function that is no memory device has no need of one */
	tell(w, make_device(PORT, "pci", ""));
	tell(w, make_feature(RECORD_FEATURE_AER, PORT, 2, 0));
	not_said(w, PORT, "PMU");
}

/* ---- The order of events ---- */

static void later(struct world *w, uint64_t ns)
{
	w->now_ns += ns;
}

static void freed_by(struct world *w, const char *comm)
{
	struct record_range r = make_free(31, 1);

	done_by(&r.header, RECORD_CAUSE_NONE, comm, 99);
	tell(w, r);
}

static void test_outlived(void **state)
{
	struct world *w = *state;
	struct record_action_freed left = make_action_freed(31, 3);

	later(w, SECOND);
	vector_appears(w, 31, 30, CXL);
	later(w, 2 * SECOND);
	handler(w, 31, 3, CPMU, "cxl", "cxl_pmu_irq");
	/* the provider's own handler is nobody's story */
	handler(w, 31, 4, CXL, "pci", "cxl_event_thread");
	later(w, 10 * SECOND);
	freed_by(w, "sh");
	said(w, CXL,
	     "How interrupt 31 of " CXL " was taken from under " CPMU ": (1) 0.000 s: " CXL
	     " was given the vector; (2) 2.00");
	said(w, CXL, ": " CPMU " requested its handler cxl_pmu_irq on it; (3) 12.00");
	said(w, CXL, ": " CXL " gave the vector back by sh[99].");
	said(w, CXL, CPMU " has not given up that handler since.");
	said(w, CPMU, "How interrupt 31 of " CXL " was taken from under " CPMU);
	not_said(w, CPMU, "under " CXL);
	later(w, SECOND);
	done_by(&left.header, RECORD_CAUSE_FREE, "rmmod", 100);
	tell(w, left);
	said(w, CXL, "only then " CPMU " gave up its handler by rmmod[100].");
	not_said(w, CXL, "has not given up");
	/* others have nothing to do with it */
	tell(w, make_device(PORT, "pci", "pcieport"));
	not_said(w, PORT, "was taken from under");
}

/* What was there before the daemon has no time. */
static void test_outlived_preexisting(void **state)
{
	struct world *w = world_new(NULL);
	struct record_owner owner = make_owner(RECORD_REASON_SNAPSHOT, 30, 1, CPMU);

	(void)state;
	tell(w, make_base(RECORD_MODE_TRACING));
	walk_begin(w);
	see(w, 30, 0x41);
	tell(w, owner);
	walk_end(w, true);
	give_back(w, 30, 1, false);
	said(w, CPMU,
	     "(1) before the daemon listened: 0000:01:00.0 was given the vector; "
	     "(2) before the daemon listened: " CPMU " requested its handler driver_irq on "
	     "it; (3) 0.000 s: 0000:01:00.0 gave the vector back");
	world_free(w);
}

/* The ring keeps the newest. */
static void test_outlived_often(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < LIFETIMES_MAX + 6; i++) {
		vector_appears(w, 31 + i, 31 + i, CXL);
		handler(w, 31 + i, 3, CPMU, "cxl", "cxl_pmu_irq");
		give_back(w, 31 + i, 1, false);
	}
	said_at(w, NULL, CPMU, "was taken from under", LIFETIMES_MAX, __FILE__, __LINE__);
	not_said(w, CPMU, "How interrupt 36 of");
	said(w, CPMU, "How interrupt 37 of");
	said(w, CPMU, "How interrupt 100 of");
}

static void test_orphan(void **state)
{
	struct world *w = *state;
	struct finding finding = { .rule = RULE_VECTOR_ORPHANED,
				   .device = CXL,
				   .has_irq = true,
				   .has_index = true,
				   .irq = 31,
				   .index = 1,
				   .explanation = "It was seen." };
	struct record_action_freed left = make_action_freed(31, 3);
	const struct violation *added;
	struct violations *violations;

	assert_int_equal(violations_new(4, &violations), 0);
	later(w, SECOND);
	vector_appears(w, 31, 30, CXL);
	later(w, 3 * SECOND);
	handler(w, 31, 3, CPMU, "cxl", "cxl_pmu_irq");
	later(w, SECOND);
	done_by(&left.header, RECORD_CAUSE_FREE, "sh", 12);
	tell(w, left);
	/* as long as no rule says so, it may be on purpose */
	said_at(w, violations, CXL, "came to be an orphan", 0, __FILE__, __LINE__);
	assert_int_equal(violations_add(violations, &finding, 1, &added), VIOLATION_NEW);
	said_at(w, violations, CXL,
		"How interrupt 31 of " CXL " came to be an orphan: (1) 0.000 s: " CXL
		" was given the vector; (2) 3.00",
		1, __FILE__, __LINE__);
	said_at(w, violations, CPMU,
		": " CPMU " gave up its handler by sh[12], and " CXL " kept the vector.", 1,
		__FILE__, __LINE__);
	violations_free(violations);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_listening, world_teardown)
		TEST(test_asked),
		cmocka_unit_test(test_not_asked),
		TEST(test_counts),
		TEST(test_pin),
		TEST(test_hardware),
		TEST(test_features),
		TEST(test_no_cpmu),
		TEST(test_outlived),
		cmocka_unit_test(test_outlived_preexisting),
		TEST(test_outlived_often),
		TEST(test_orphan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
