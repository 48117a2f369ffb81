// SPDX-License-Identifier: GPL-2.0-or-later
/* CXL PMUs in the model: what they can count, their counters, and the bounds of both. */
#include "records.h"

#define PMU "cxl_pmu_mem0.0"

static struct record_pmu make_pmu(const char *name, const char *device, const char *cpumask)
{
	struct record_pmu r = { .header = make_header(RECORD_PMU, sizeof(r)) };

	strcpy(r.name, name);
	strcpy(r.device, device);
	strcpy(r.cpumask, cpumask);
	return r;
}

static struct record_pmu_event make_word(const char *pmu, enum record_pmu_event_kind kind,
					 const char *name, const char *value)
{
	struct record_pmu_event r = { .header = make_header(RECORD_PMU_EVENT, sizeof(r)),
				      .kind = kind };

	strcpy(r.pmu, pmu);
	strcpy(r.name, name);
	strcpy(r.value, value);
	return r;
}

static struct record_counter make_counter(const char *pmu, const char *event, uint64_t value,
					  uint64_t enabled_ns, uint64_t running_ns)
{
	struct record_counter r = { .header = make_header(RECORD_COUNTER, sizeof(r)),
				    .value = value,
				    .enabled_ns = enabled_ns,
				    .running_ns = running_ns };

	strcpy(r.pmu, pmu);
	strcpy(r.event, event);
	return r;
}

static struct record_counter make_failed(const char *pmu, const char *event, int error,
					 const char *reason)
{
	struct record_counter r = make_counter(pmu, event, 0, 0, 0);

	r.error = error;
	strcpy(r.reason, reason);
	return r;
}

static void expect_at(json_t *rows, const char *text, const char *file, int line)
{
	json_t *expected = parse(text);
	bool same = is_part(expected, rows) && json_array_size(rows) == json_array_size(expected);

	if (!same) {
		char *found = json_dumps(rows, JSON_SORT_KEYS);

		print_error("found %s\n", found);
		free(found);
	}
	json_decref(expected);
	json_decref(rows);
	_assert_true(same, text, file, line);
}
#define expect_pmus(w, name, text)                                                                 \
	expect_at(model_pmus_to_json((w)->model, name), text, __FILE__, __LINE__)
#define expect_counters(w, pmu, text)                                                              \
	expect_at(model_counters_to_json((w)->model, pmu), text, __FILE__, __LINE__)

/* ---- PMUs --------------------------------------------------------------------------------------- */

static void test_words(void **state)
{
	struct world *w = *state;

	tell(w, make_pmu(PMU, "pmu_mem0.0", "1"));
	tell(w, make_word(PMU, RECORD_PMU_EVENT_EVENT, "clock_ticks", "config=0x1"));
	tell(w, make_word(PMU, RECORD_PMU_EVENT_FORMAT, "mask", "config:0-31"));
	tell(w, make_word(PMU, RECORD_PMU_EVENT_EVENT, "memrd", "config=0x2"));
	tell(w, make_word("cxl_pmu_mem9.0", RECORD_PMU_EVENT_EVENT, "memrd", "config=0x2"));
	expect_pmus(w, NULL,
		    "[{'name': 'cxl_pmu_mem0.0', 'device': 'pmu_mem0.0', 'provider': null, "
		    "'irq': null, 'cpus': '1', "
		    "'events': [{'event': 'clock_ticks', 'terms': 'config=0x1'}, "
		    "{'event': 'memrd', 'terms': 'config=0x2'}], "
		    "'formats': [{'term': 'mask', 'bits': 'config:0-31'}]}]");
	/* told again, it is told anew */
	tell(w, make_pmu(PMU, "pmu_mem0.0", "0"));
	tell(w, make_word(PMU, RECORD_PMU_EVENT_EVENT, "other", "config=0x3"));
	expect_pmus(w, PMU,
		    "[{'cpus': '0', 'events': [{'event': 'other', 'terms': 'config=0x3'}], "
		    "'formats': []}]");
	expect_pmus(w, "cxl_pmu_mem0.1", "[]");
	tell(w, make_pmu(PMU, "", ""));
	expect_pmus(w, NULL, "[]");
	assert_int_equal(w->model->n_pmu_words, 0);
	assert_null(model_pmu_named(w->model, PMU));
}

static void test_order(void **state)
{
	struct world *w = *state;

	tell(w, make_pmu("cxl_pmu_mem10.0", "pmu_mem10.0", "1"));
	tell(w, make_pmu("cxl_pmu_mem2.1", "pmu_mem2.1", "1"));
	tell(w, make_pmu("cxl_pmu_mem2.0", "pmu_mem2.0", "1"));
	expect_pmus(w, NULL,
		    "[{'name': 'cxl_pmu_mem2.0'}, {'name': 'cxl_pmu_mem2.1'}, "
		    "{'name': 'cxl_pmu_mem10.0'}]");
}

/* Its interrupt is the one that its device has a handler on. */
static void test_interrupt(void **state)
{
	struct record_device device = make_device("pmu_mem0.0", "cxl", "cxl_pmu");
	struct world *w = *state;
	struct record_action action;

	strcpy(device.parent, "0000:0d:00.0");
	tell(w, make_pmu(PMU, "pmu_mem0.0", "1"));
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 33, "0000:0d:00.0"));
	tell(w, make_vector(RECORD_REASON_ALLOCATED, 34, "0000:0d:00.0"));
	tell(w, make_action(RECORD_REASON_REQUESTED, 33, 6, PMU "_overflow"));
	action = make_action(RECORD_REASON_REQUESTED, 34, 7, "0000:0d:00.0");
	action.device = make_dev("pmu_mem0.0", "cxl", "cxl_pmu");
	expect_pmus(w, NULL, "[{'provider': '0000:0d:00.0', 'irq': 33}]");
	/* a proof is better than a name */
	tell(w, make_free(33, 1));
	tell(w, action);
	expect_pmus(w, NULL, "[{'provider': '0000:0d:00.0', 'irq': 34}]");
	tell(w, make_free(34, 1));
	expect_pmus(w, NULL, "[{'provider': null, 'irq': null}]");
	tell(w, device);
	expect_pmus(w, NULL, "[{'provider': '0000:0d:00.0', 'irq': null}]");
}

static void test_words_full(void **state)
{
	struct model_limits limits = MODEL_LIMITS_DEFAULT;
	_cleanup_world_ struct world *w = NULL;

	(void)state;
	limits.entries[TABLE_PMU_WORDS] = 3;
	w = world_new(&limits);
	tell(w, make_pmu(PMU, "pmu_mem0.0", "1"));
	tell(w, make_pmu("cxl_pmu_mem0.1", "pmu_mem0.1", "1"));
	tell(w, make_word(PMU, RECORD_PMU_EVENT_EVENT, "a", ""));
	tell(w, make_word("cxl_pmu_mem0.1", RECORD_PMU_EVENT_EVENT, "b", ""));
	tell(w, make_word(PMU, RECORD_PMU_EVENT_FORMAT, "c", ""));
	tell(w, make_word(PMU, RECORD_PMU_EVENT_EVENT, "d", ""));
	expect_refused(w, "{'pmu-events': 1}");
	/* what one PMU had is room for others */
	tell(w, make_pmu(PMU, "", ""));
	tell(w, make_word("cxl_pmu_mem0.1", RECORD_PMU_EVENT_EVENT, "e", ""));
	tell(w, make_word("cxl_pmu_mem0.1", RECORD_PMU_EVENT_EVENT, "f", ""));
	tell(w, make_word("cxl_pmu_mem0.1", RECORD_PMU_EVENT_EVENT, "g", ""));
	expect_refused(w, "{'pmu-events': 2}");
	expect_pmus(w, NULL, "[{'events': [{'event': 'b'}, {'event': 'e'}, {'event': 'f'}]}]");
}

/* ---- Counters ------------------------------------------------------------------------------------- */

static void test_counter(void **state)
{
	struct world *w = *state;
	struct record_counter grouped = make_counter(PMU, "clock_ticks", 7, 8, 8);

	tell(w, make_pmu(PMU, "pmu_mem0.0", "1"));
	tell(w, make_counter(PMU, "memrd", 100, 4000, 1000));
	tell(w, make_counter(PMU, "clock_ticks", 3, 9, 9));
	grouped.group = 2;
	tell(w, grouped);
	tell(w, make_counter("cxl_pmu_mem0.1", "clock_ticks", 1, 5, 5));
	/* in the order in which they came first; those of a group are others */
	tell(w, make_counter(PMU, "memrd", 200, 8000, 1000));
	expect_counters(w, NULL,
			"[{'pmu': 'cxl_pmu_mem0.0', 'device': 'pmu_mem0.0', 'event': 'memrd', "
			"'group': null, 'value': 200, 'scaled': 1600, 'enabled_ns': 8000, "
			"'running_ns': 1000, 'error': null, 'reason': null}, "
			"{'event': 'clock_ticks', 'value': 3, 'scaled': 3, 'group': null}, "
			"{'event': 'clock_ticks', 'value': 7, 'group': 2}, "
			"{'pmu': 'cxl_pmu_mem0.1', 'device': null, 'value': 1}]");
	expect_counters(w, "cxl_pmu_mem0.1", "[{'pmu': 'cxl_pmu_mem0.1'}]");
	assert_string_equal(model_counters(w->model)->key.event, "memrd");
}

static void test_ended(void **state)
{
	struct world *w = *state;
	struct record_counter gone = make_counter(PMU, "memrd", 5, 10, 10);

	tell(w, make_pmu(PMU, "pmu_mem0.0", "1"));
	tell(w, make_counter(PMU, "memrd", 5, 10, 10));
	tell(w, make_failed("", "none", -ENOENT, "no event \"none\""));
	gone.error = -ENODEV;
	strcpy(gone.reason, "the PMU is gone");
	tell(w, make_pmu(PMU, "", ""));
	tell(w, gone);
	expect_counters(w, NULL,
			"[{'value': 5, 'scaled': 5, 'device': null, 'error': 19, "
			"'reason': 'the PMU is gone'}, "
			"{'pmu': null, 'event': 'none', 'value': 0, 'scaled': null, 'error': 2, "
			"'reason': 'no event \\\"none\\\"'}]");
	/* nobody asks for it any more */
	tell(w, make_failed("", "none", -ENOENT, ""));
	tell(w, make_failed("", "none", -ENOENT, ""));
	expect_counters(w, NULL, "[{'event': 'memrd'}]");
	tell(w, make_counter(PMU, "memrd", 1, 2, 2));
	expect_counters(w, NULL, "[{'value': 1, 'error': null, 'reason': null}]");
}

static void test_scaled(void **state)
{
	static const struct {
		uint64_t value, enabled, running;
		int error;
		bool known;
		uint64_t scaled;
	} cases[] = {
		{ 100, 10, 10, 0, true, 100 },
		{ 100, 30, 10, 0, true, 300 },
		{ 7, 3, 2, 0, true, 10 },
		{ 0, 0, 0, 0, true, 0 },
		{ 0, 10, 0, 0, false, 0 },
		{ 0, 0, 0, -ENOENT, false, 0 },
		{ 100, 10, 10, -ENODEV, true, 100 },
		{ UINT64_MAX, UINT64_MAX, UINT64_MAX, 0, true, UINT64_MAX },
		{ UINT64_MAX, 1ULL << 62, 1ULL << 62, 0, true, UINT64_MAX },
		{ UINT64_MAX / 2, 1ULL << 62, 1ULL << 61, 0, true, UINT64_MAX - 1 },
		{ UINT64_MAX, UINT64_MAX, 1, 0, true, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct record_counter c = { .value = cases[i].value,
					    .enabled_ns = cases[i].enabled,
					    .running_ns = cases[i].running,
					    .error = cases[i].error };
		uint64_t scaled = 0;

		assert_int_equal(counter_scaled(&c, &scaled), cases[i].known);
		assert_int_equal(scaled, cases[i].scaled);
	}
}

static void test_crowded_out(void **state)
{
	struct world *w = *state;

	tell(w, make_counter(PMU, "memrd", 0, 5, 0));
	expect_counters(w, NULL,
			"[{'value': 0, 'scaled': null, 'error': null, "
			"'reason': 'not counted: more events than counters'}]");
	/* JSON's numbers have a sign */
	tell(w, make_counter(PMU, "memrd", UINT64_MAX, UINT64_MAX, UINT64_MAX));
	expect_counters(w, NULL, "[{'value': 9223372036854775807, 'scaled': 9223372036854775807}]");
}

static void test_counters_full(void **state)
{
	struct model_limits limits = MODEL_LIMITS_DEFAULT;
	_cleanup_world_ struct world *w = NULL;

	(void)state;
	limits.entries[TABLE_COUNTERS] = 2;
	w = world_new(&limits);
	tell(w, make_pmu(PMU, "pmu_mem0.0", "1"));
	tell(w, make_counter(PMU, "a", 1, 1, 1));
	tell(w, make_failed("cxl_pmu_mem0.1", "b", -ENODEV, "the PMU is gone"));
	tell(w, make_failed(PMU, "c", -EINVAL, "the PMU rejects it"));
	/* what is gone gave way, what is refused only does not */
	expect_refused(w, "{}");
	expect_counters(w, NULL, "[{'event': 'a'}, {'event': 'c'}]");
	tell(w, make_counter(PMU, "d", 1, 1, 1));
	expect_refused(w, "{'counters': 1}");
	expect_counters(w, NULL, "[{'event': 'a'}, {'event': 'c'}]");
}

/* All of it is in the one object that a snapshot is. */
static void test_whole(void **state)
{
	json_auto_t *whole = NULL, *expected = NULL;
	struct model_totals totals;
	struct world *w = *state;

	tell(w, make_pmu(PMU, "pmu_mem0.0", "1"));
	tell(w, make_counter(PMU, "a", 1, 1, 1));
	whole = model_to_json(w->model);
	expected = parse("{'pmus': [{'name': 'cxl_pmu_mem0.0'}], 'counters': [{'event': 'a'}]}");
	assert_true(is_part(expected, whole));
	model_totals(w->model, &totals);
	assert_int_equal(totals.pmus, 1);
	expect_nothing(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_listening, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_words),      TEST(test_order),       TEST(test_interrupt),
		TEST(test_words_full), TEST(test_counter),     TEST(test_ended),
		TEST(test_scaled),     TEST(test_crowded_out), TEST(test_counters_full),
		TEST(test_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
