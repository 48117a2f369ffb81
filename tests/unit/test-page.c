// SPDX-License-Identifier: GPL-2.0-or-later
/* What the page is given: rows by sub-device, the gravest violations, and bounds on all of it. */
#include "page.h"

#include "records.h"
#include "rule.h"

#define FUNCTION "0000:01:00.0"

static struct violations *violations;

static int setup(void **state)
{
	assert_int_equal(violations_new(1000, &violations), 0);
	return world_setup_listening(state);
}

static int teardown(void **state)
{
	violations = violations_free(violations);
	return world_teardown(state);
}

static json_t *make_state(const struct world *w)
{
	struct page_source source = {
		.model = w->model, .violations = violations, .host = "host", .now_us = 77
	};
	json_t *page = page_state(&source, json_pack("{s:s}", "health", "healthy"));

	assert_non_null(page);
	return page;
}

static void have(struct world *w, uint32_t irq, const char *provider, const char *owner,
		 uint64_t interrupts)
{
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, irq, provider);
	struct record_action action = make_action(RECORD_REASON_REQUESTED, irq, 1, "x");

	tell(w, v);
	if (owner) {
		action.device = make_dev(owner, "cxl", "cxl_pmu");
		tell(w, action);
	}
	v.r.reason = RECORD_REASON_ACTIVATED;
	v.r.interrupts = interrupts;
	tell(w, v);
}

static void test_rows(void **state)
{
	struct world *w = *state;
	json_auto_t *page = NULL;
	json_auto_t *expected =
		parse("[{'provider': '0000:01:00.0', 'owner': null, 'relation': null, 'vectors': 1,"
		      "  'first_irq': 31, 'last_irq': 31},"
		      " {'provider': '0000:01:00.0', 'owner': 'pmu_mem0.0', 'relation': 'borrowed',"
		      "  'bus': 'cxl', 'driver': 'cxl_pmu', 'vectors': 2, 'first_irq': 30,"
		      "  'last_irq': 32},"
		      " {'provider': '0000:02:00.0', 'owner': '0000:02:00.0', 'relation': 'own',"
		      "  'vectors': 1}]");

	have(w, 30, FUNCTION, "pmu_mem0.0", 1);
	have(w, 31, FUNCTION, NULL, 0);
	have(w, 32, FUNCTION, "pmu_mem0.0", 2);
	have(w, 33, "0000:02:00.0", "0000:02:00.0", 3);
	page = make_state(w);
	assert_true(is_part(expected, json_object_get(page, "vectors")));
	assert_int_equal(json_integer_value(json_object_get(page, "vectors_left")), 0);
	assert_int_equal(json_integer_value(json_object_get(page, "time_us")), 77);
	assert_string_equal(json_string_value(json_object_get(page, "host")), "host");
}

static void test_many_rows(void **state)
{
	struct world *w = *state;
	_cleanup_free_ char *text = NULL, *svg = NULL;
	json_auto_t *page = NULL;
	char provider[32];
	size_t size;

	for (uint32_t irq = 30; irq < 10030; irq++) {
		snprintf(provider, sizeof(provider), "%04x:00:00.0", irq / 4);
		tell(w, make_vector(RECORD_REASON_ALLOCATED, irq, provider));
	}
	page = make_state(w);
	assert_int_equal(json_array_size(json_object_get(page, "vectors")), PAGE_ROWS_MAX);
	assert_int_equal(json_integer_value(json_object_get(page, "vectors_left")),
			 10029 / 4 - 30 / 4 + 1 - PAGE_ROWS_MAX);
	text = json_dumps(page, JSON_COMPACT);
	assert_in_range(strlen(text), 1000, 200000);
	assert_int_equal(page_picture(w->model, NULL, &svg, &size), 0);
	assert_in_range(size, 1000, 300000);
	assert_non_null(strstr(svg, "9850 more vectors are left out"));
	free(svg);
	assert_int_equal(page_picture(w->model, "0100:00:00.0", &svg, &size), 0);
	assert_non_null(strstr(svg, "irq 1024<"));
	assert_non_null(strstr(svg, "irq 1027<"));
	assert_null(strstr(svg, "irq 1028<"));
}

static void test_violations(void **state)
{
	struct finding finding = { .rule = RULE_VECTOR_HIDDEN };
	json_auto_t *page = NULL;
	const json_t *list;
	const struct violation *violation;

	for (int i = 0; i < 300; i++) {
		finding.rule = i == 150 ? RULE_DOORBELL_MESSAGE_CHANGED :
			       i % 2	? RULE_VECTOR_REFUSED :
					  RULE_VECTOR_HIDDEN;
		snprintf(finding.device, sizeof(finding.device), "device%d", i);
		violations_add(violations, &finding, i, &violation);
	}
	assert_int_equal(violations_acknowledge(violations, violation->id, &violation), 1);
	page = make_state(*state);
	list = json_object_get(page, "violations");
	assert_int_equal(json_array_size(list), PAGE_VIOLATIONS_MAX);
	assert_int_equal(json_integer_value(json_object_get(page, "violations_left")), 199);
	/* the gravest, then the latest of the next ones that are still open */
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "rule")),
			    "doorbell-message-changed");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "device")),
			    "device297");
}

static void test_files(void **state)
{
	(void)state;
	assert_non_null(page_file("/"));
	assert_non_null(page_file("/page.js"));
	assert_int_equal(strlen(page_file("/page.css")->text), page_file("/page.css")->size);
	assert_null(page_file("/page"));
	assert_null(page_file(""));
	/* nothing of it comes from elsewhere, or stands where the policy forbids it */
	assert_null(strstr(page_file("/")->text, "//"));
	assert_null(strstr(page_file("/")->text, "style="));
	assert_null(strstr(page_file("/")->text, "onclick"));
	assert_null(strstr(page_file("/page.js")->text, "innerHTML"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_violations, setup, teardown),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
