// SPDX-License-Identifier: GPL-2.0-or-later
/* Series of what the model knows, and of names that nobody would choose. */
#include "metrics-fixture.h"

static void test_vectors(void **state)
{
	struct world *w = *state;
	struct record_action r = make_action(RECORD_REASON_REQUESTED, 31, 9, "y");

	device(w, NVME, "pci");
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 31, NVME));
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 32, NVME));
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 33, NVME));
	has_handler(w, 31, 1, NVME, "pci");
	has_handler(w, 32, 1, NVME, "pci");
	has_handler(w, 32, 2, "pmu_mem0.0", "cxl");
	r.device = make_dev("", "", "");
	tell(w, r);
	tell(w, make_wired(RECORD_REASON_ALLOCATED, 5));
	gather(w);
	expect(2, METRIC_VECTORS, NVME, NVME, "driver", "own", "requested");
	expect(1, METRIC_VECTORS, NVME, "pmu_mem0.0", "driver", "borrowed", "requested");
	expect(1, METRIC_VECTORS, NVME, "", "", "unknown", "requested");
	expect(1, METRIC_VECTORS, NVME, "", "", "", "allocated");
	expect(1, METRIC_VECTORS, "", "", "", "", "allocated");
}

static void test_hostile_devices(void **state)
{
	static const char *const names[] = { "a\"} 1\n# EOF\n", "\\", "\xff\xfe", "\xfe\xff",
					     "\n" };
	struct world *w = *state;
	_cleanup_free_ char *text = NULL;
	size_t size;
	unsigned int lines = 0;

	for (uint32_t i = 0; i < 5; i++) {
		tell(w, make_vector(RECORD_REASON_ALLOCATED, 31 + i, names[i]));
		has_handler(w, 31 + i, 1, names[i], names[i]);
	}
	gather(w);
	/* two that no UTF-8 tells apart are one series */
	expect(2, METRIC_VECTORS, "??", "??", "driver", "own", "requested");
	metric_set_sort(set);
	assert_int_equal(metric_set_to_text(set, METRIC_TEXT, &text, &size), 0);
	for (const char *line = text; *line; line = strchr(line, '\n') + 1, lines++)
		assert_true(!strncmp(line, "cxlirq_", 7) || !strncmp(line, "# HELP cxlirq_", 14) ||
			    !strncmp(line, "# TYPE cxlirq_", 14));
	assert_non_null(strstr(text, "provider=\"a\\\"} 1\\n# EOF\\n\""));
	assert_null(strstr(text, "\n# EOF\n"));
	assert_true(lines > metric_set_count(set));
}

static void test_domains(void **state)
{
	struct record_domain r = make_domain(RECORD_REASON_CREATED, 0x300, "x");
	struct world *w = *state;

	tell(w, make_domain(RECORD_REASON_CREATED, 0x100, "a"));
	tell(w, make_domain(RECORD_REASON_CREATED, 0x200, "b"));
	r.bus_token = 77; /* of which this kernel has told no name */
	tell(w, r);
	gather(w);
	expect(1, METRIC_IRQ_DOMAINS, "77", "unknown");
	tell(w, make_domain(RECORD_REASON_REMOVED, 0x300, "x"));
	gather(w);
	expect(NONE, METRIC_IRQ_DOMAINS, "77", "unknown");
}

static void test_hooks(void **state)
{
	struct world *w = *state;

	tell(w, make_hook("fentry/a", true, true));
	tell(w, make_hook("fentry/b", false, true));
	tell(w, make_hook("fentry/c", true, false));
	tell(w, make_hook("fentry/d", false, false));
	gather(w);
	expect(1, METRIC_HOOK_ATTACHED, "fentry/a");
	expect(0, METRIC_HOOK_ATTACHED, "fentry/b");
	expect(1, METRIC_HOOK_ATTACHED, "fentry/c");
	expect(NONE, METRIC_HOOK_ATTACHED, "fentry/d");
}

static void test_demands(void **state)
{
	struct world *w = *state;

	allocate(w, CXL, "cxl_pci", 1, 16, 4);
	handler(w, 30, 1, CXL, "pci", "cxl_event_thread");
	handler(w, 31, 2, CXL, "pci", "cxl_event_thread");
	handler(w, 31, 3, "pmu_mem0.0", "cxl", "cxl_pmu_irq");
	gather(w);
	expect(1, METRIC_VECTOR_DEMANDS, CXL, "event-log", "granted");
	expect(1, METRIC_VECTOR_DEMANDS, CXL, "event-log", "shared");
	expect(1, METRIC_VECTOR_DEMANDS, CXL, "cpmu", "shared");
	/* it stands in two rows of the ledger, and counts once */
	expect(NONE, METRIC_VECTOR_DEMANDS, "pmu_mem0.0", "cpmu", "shared");
}

static struct record_counter make_counter(const char *pmu, const char *event, uint32_t group,
					  uint64_t value)
{
	struct record_counter r = { .header = make_header(RECORD_COUNTER, sizeof(r)),
				    .value = value,
				    .enabled_ns = 2000000000,
				    .running_ns = 500000000,
				    .group = group };

	FIELD(r.pmu, pmu);
	FIELD(r.event, event);
	return r;
}

static void test_counters(void **state)
{
	struct record_counter refused = make_counter("cxl_pmu_mem0.0", "b", 0, 7), gone;
	struct world *w = *state;

	tell(w, make_counter("cxl_pmu_mem0.0", "a", 0, 100));
	tell(w, make_counter("cxl_pmu_mem0.0", "a", 1, 50));
	tell(w, make_counter("", "c", 0, 0));
	refused.error = -ENOSPC;
	FIELD(refused.reason, "no room");
	tell(w, refused);
	gather(w);
	expect(100, METRIC_CPMU_EVENTS, "cxl_pmu_mem0.0", "a");
	expect(2000000000, METRIC_CPMU_TIME_ENABLED, "cxl_pmu_mem0.0", "a");
	expect(500000000, METRIC_CPMU_TIME_RUNNING, "cxl_pmu_mem0.0", "a");
	expect(NONE, METRIC_CPMU_EVENTS, "cxl_pmu_mem0.0", "b");
	expect(NONE, METRIC_CPMU_EVENTS, "", "c");
	/* the PMU goes, and with it the series */
	gone = make_counter("cxl_pmu_mem0.0", "a", 0, 100);
	gone.error = -ENODEV;
	tell(w, gone);
	gone.group = 1;
	tell(w, gone);
	gather(w);
	expect(NONE, METRIC_CPMU_EVENTS, "cxl_pmu_mem0.0", "a");
}

static void test_space(void **state)
{
	struct world *w = *state;

	walk_begin(w);
	tell(w, make_space(0, 1, 200, 150));
	tell(w, make_space(~0U, 1, 200, 150));
	walk_end(w, true);
	gather(w);
	expect(150, METRIC_VECTOR_SPACE, "all", "available");
	expect(50, METRIC_VECTOR_SPACE, "all", "allocated");
	expect(2, METRIC_VECTOR_SPACE, "all", "managed");
	expect(NONE, METRIC_VECTOR_SPACE, "0", "available");
}

static void test_records(void **state)
{
	struct record_header tick = make_header(RECORD_TICK, sizeof(tick));
	struct world *w = *state;

	for (unsigned int i = 0; i < 3; i++)
		sink_metrics_record(sink, &tick);
	sink_metrics_record(sink, NULL);
	gather(w);
	expect(3, METRIC_RECORDS, "tick");
	expect(1, METRIC_RECORDS, "invalid");
	expect(0, METRIC_RECORDS, "message");
	/* every type that happens has a name, and no two have the same */
	for (unsigned int type = 0; type < RECORD_TYPE_MAX; type++) {
		const char *name = sink_metrics_record_name(type);
		bool unused =
			!type || (type > RECORD_GUARD && type < RECORD_BASE) || type >= RECORD_RING;

		assert_int_equal(!name, unused);
		for (unsigned int other = 0; name && other < type; other++)
			assert_true(!sink_metrics_record_name(other) ||
				    strcmp(sink_metrics_record_name(other), name) != 0);
	}
}

static void test_totals(void **state)
{
	struct finding finding = { .rule = RULE_VECTOR_ORPHANED, .device = NVME };
	const struct violation *violation;
	struct world *w = *state;

	tell(w, make_lost(3, "ring-full"));
	tell(w, make_lost(4, "odd"));
	violations_add(violations, &finding, 1, &violation);
	violations_add(violations, &finding, 2, &violation);
	gather(w);
	expect(1, METRIC_UP);
	expect(1, METRIC_SNAPSHOTS);
	expect(3, METRIC_RECORDS_LOST, "ring-full");
	expect(0, METRIC_RECORDS_LOST, "program-missed");
	expect(0, METRIC_RECORDS_LOST, "guard-ring-full");
	expect(4, METRIC_RECORDS_LOST, "odd");
	expect(2, METRIC_VIOLATIONS, "vector-orphaned", "warning");
	expect(1, METRIC_VIOLATIONS_OPEN, "vector-orphaned", "warning");
	expect(0, METRIC_VIOLATIONS, "vector-hidden", "notice");
	expect(0, METRIC_SNAPSHOT_CORRECTIONS, "message");
	expect(NONE, METRIC_VECTOR_SPACE, "all", "available");
	violations_acknowledge(violations, violation->id, &violation);
	gather(w);
	expect(2, METRIC_VIOLATIONS, "vector-orphaned", "warning");
	expect(0, METRIC_VIOLATIONS_OPEN, "vector-orphaned", "warning");
}

static void test_before_the_first_walk(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	assert_int_equal(sink_metrics_new(false, &sink), 0);
	assert_int_equal(violations_new(16, &violations), 0);
	gather(w);
	expect(0, METRIC_UP);
	expect(1, METRIC_BUILD, CXLIRQD_VERSION, "");
	world_free(w);
	sink = sink_metrics_free(sink);
	violations = violations_free(violations);
	set = metric_set_free(set);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_listening, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_vectors), TEST(test_hostile_devices),
		TEST(test_domains), TEST(test_hooks),
		TEST(test_demands), TEST(test_counters),
		TEST(test_space),   TEST(test_records),
		TEST(test_totals),  cmocka_unit_test(test_before_the_first_walk),
	};

	/* a daemon that starts again has a sink that starts again */
	unsetenv("CXLIRQD_RESTORE");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
