// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of violations: what folds into one, what opens it again, what gives way, what a store
 * puts back, and the objects that clients read.
 */
#include <errno.h>

#include "records.h"
#include "violation.h"

#define MAX 4
#define DEVICE "0000:01:00.0"

struct bench {
	struct violations *violations;
	const struct violation *last; /* of the last call */
	int64_t now_us;
};

static int setup(void **state)
{
	struct bench *t = calloc(1, sizeof(*t));

	*state = t;
	t->now_us = 1000;
	return t ? violations_new(MAX, &t->violations) : -1;
}

static int teardown(void **state)
{
	struct bench *t = *state;

	assert_null(violations_free(t->violations));
	free(t);
	return 0;
}

static struct finding make_finding(enum rule_id rule, const char *device, uint32_t index)
{
	struct finding f = { .rule = rule,
			     .has_irq = true,
			     .irq = 30 + index,
			     .has_index = true,
			     .index = index,
			     .domain = 5,
			     .explanation = "so it was" };

	snprintf(f.device, sizeof(f.device), "%s", device);
	return f;
}

/* Each second another one */
static enum violation_outcome add(struct bench *t, const struct finding *finding)
{
	t->now_us += 1000000;
	return violations_add(t->violations, finding, t->now_us, &t->last);
}

static uint64_t added(struct bench *t, uint32_t index)
{
	struct finding f = make_finding(RULE_VECTOR_HIDDEN, DEVICE, index);

	assert_int_equal(add(t, &f), VIOLATION_NEW);
	return t->last->id;
}

static void expect_list(const struct bench *t, bool all, const char *part, int line)
{
	json_t *list = violations_to_json(t->violations, all), *expected = parse(part);
	bool so = is_part(expected, list);
	char *shown = json_dumps(list, JSON_COMPACT);

	json_decref(list);
	json_decref(expected);
	if (!so)
		print_error("expected %s\nbut it is %s\n", part, shown);
	free(shown);
	if (!so)
		_fail(__FILE__, line);
}
#define expect_open(t, part) expect_list((t), false, (part), __LINE__)
#define expect_all(t, part) expect_list((t), true, (part), __LINE__)

static struct violation_totals totals_of(const struct bench *t)
{
	struct violation_totals totals;

	violations_totals(t->violations, &totals);
	return totals;
}

/* ---- Folding ---- */

static void test_folds(void **state)
{
	struct bench *t = *state;
	struct finding f = make_finding(RULE_DOORBELL_MESSAGE_CHANGED, DEVICE, 1);

	assert_int_equal(add(t, &f), VIOLATION_NEW);
	assert_int_equal(t->last->id, 1);
	assert_int_equal(t->last->count, 1);
	/* another interrupt, another domain, other words: the same place, and the last one stands */
	f.irq = 99;
	f.domain = 6;
	f.has_messages = true;
	f.new_message = MESSAGE(2);
	strcpy(f.explanation, "and now so");
	assert_int_equal(add(t, &f), VIOLATION_AGAIN);
	expect_all(t, "[{'id': 1, 'count': 2, 'irq': 99, 'domain': 6, 'first_us': 1001000,"
		      " 'last_us': 2001000, 'explanation': 'and now so', 'acknowledged': false,"
		      " 'new_message': {'data': '0x00000002'}}]");
	assert_int_equal(totals_of(t).hits[RULE_DOORBELL_MESSAGE_CHANGED], 2);
	assert_int_equal(totals_of(t).open[RULE_DOORBELL_MESSAGE_CHANGED], 1);
}

static void test_places(void **state)
{
	struct bench *t = *state;
	struct finding f = make_finding(RULE_DOORBELL_MESSAGE_CHANGED, DEVICE, 1);

	assert_int_equal(add(t, &f), VIOLATION_NEW);
	f.rule = RULE_DOORBELL_PUBLISHED_EARLY;
	assert_int_equal(add(t, &f), VIOLATION_NEW);
	f.index = 2;
	assert_int_equal(add(t, &f), VIOLATION_NEW);
	strcpy(f.device, "0000:01:00.1");
	assert_int_equal(add(t, &f), VIOLATION_NEW);
	assert_int_equal(t->last->id, 4);
	assert_int_equal(add(t, &f), VIOLATION_AGAIN);
}

/* Without an index the interrupt is the place; without either, the device is. */
static void test_places_without_index(void **state)
{
	struct bench *t = *state;
	struct finding f = make_finding(RULE_VECTOR_REFUSED, DEVICE, 0);

	f.has_index = false;
	f.index = 12345; /* means nothing */
	assert_int_equal(add(t, &f), VIOLATION_NEW);
	f.index = 54321;
	assert_int_equal(add(t, &f), VIOLATION_AGAIN);
	f.irq = 31;
	assert_int_equal(add(t, &f), VIOLATION_NEW);
	f.has_irq = false;
	assert_int_equal(add(t, &f), VIOLATION_NEW);
	f.irq = 32;
	assert_int_equal(add(t, &f), VIOLATION_AGAIN);
	/* interrupt 31 and index 31 are two things */
	f = make_finding(RULE_VECTOR_REFUSED, DEVICE, 31);
	assert_int_equal(add(t, &f), VIOLATION_NEW);
	expect_all(t, "[{'id': 1, 'irq': 30, 'index': null, 'count': 2},"
		      " {'id': 2, 'irq': 31, 'index': null, 'count': 1},"
		      " {'id': 3, 'irq': null, 'index': null, 'count': 2},"
		      " {'id': 4, 'irq': 61, 'index': 31, 'count': 1}]");
}

/* The longest name that a record holds */
static void test_long_device(void **state)
{
	struct bench *t = *state;
	struct finding f = make_finding(RULE_VECTOR_HIDDEN, "", 0);

	memset(f.device, 'x', sizeof(f.device) - 1);
	assert_int_equal(add(t, &f), VIOLATION_NEW);
	f.device[sizeof(f.device) - 2] = 'y';
	assert_int_equal(add(t, &f), VIOLATION_NEW);
	assert_int_equal(add(t, &f), VIOLATION_AGAIN);
	assert_int_equal(strlen(t->last->finding.device), sizeof(f.device) - 1);
}

static void test_standing(void **state)
{
	struct bench *t = *state;
	struct finding f = make_finding(RULE_VECTOR_ORPHANED, DEVICE, 0);

	f.standing = true;
	assert_int_equal(add(t, &f), VIOLATION_NEW);
	for (int i = 0; i < 3; i++)
		assert_int_equal(add(t, &f), VIOLATION_STANDING);
	assert_int_equal(t->last->id, 1);
	expect_open(t, "[{'count': 1, 'first_us': 1001000, 'last_us': 1001000}]");
	assert_int_equal(totals_of(t).hits[RULE_VECTOR_ORPHANED], 1);
	assert_int_equal(totals_of(t).n_open, 1);
}

/* ---- Acknowledging ---- */

static void test_acknowledge(void **state)
{
	struct bench *t = *state;
	const struct violation *v = NULL;
	uint64_t first = added(t, 0), second = added(t, 1);

	assert_int_equal(violations_acknowledge(t->violations, 77, &v), -ENOENT);
	assert_int_equal(violations_acknowledge(t->violations, 0, &v), -ENOENT);
	assert_null(v);
	assert_int_equal(violations_acknowledge(t->violations, first, &v), 1);
	assert_int_equal(v->id, first);
	assert_true(v->acknowledged);
	v = NULL;
	assert_int_equal(violations_acknowledge(t->violations, first, &v), 0);
	assert_int_equal(v->id, first);
	expect_open(t, "[{'id': 2, 'acknowledged': false}]");
	expect_all(t, "[{'id': 1, 'acknowledged': true, 'last_us': 1001000}, {'id': 2}]");
	assert_int_equal(totals_of(t).n_open, 1);
	assert_int_equal(totals_of(t).open[RULE_VECTOR_HIDDEN], 1);
	assert_int_equal(totals_of(t).hits[RULE_VECTOR_HIDDEN], 2);
	assert_int_equal(violations_acknowledge(t->violations, second, &v), 1);
	expect_open(t, "[]");
	assert_int_equal(totals_of(t).n_open, 0);
}

static void test_reopened(void **state)
{
	struct bench *t = *state;
	struct finding f = make_finding(RULE_VECTOR_HIDDEN, DEVICE, 0);
	uint64_t id = added(t, 0);

	for (int standing = 0; standing < 2; standing++) {
		assert_int_equal(violations_acknowledge(t->violations, id, &t->last), 1);
		f.standing = standing;
		assert_int_equal(add(t, &f), VIOLATION_REOPENED);
		assert_int_equal(t->last->id, id);
		assert_false(t->last->acknowledged);
	}
	expect_open(t, "[{'id': 1, 'count': 3, 'first_us': 1001000, 'last_us': 3001000}]");
	/* open again, a lasting one is nothing new */
	assert_int_equal(add(t, &f), VIOLATION_STANDING);
	assert_int_equal(totals_of(t).hits[RULE_VECTOR_HIDDEN], 3);
}

/* ---- Bounds ---- */

static void test_full(void **state)
{
	struct bench *t = *state;
	struct finding f = make_finding(RULE_VECTOR_HIDDEN, DEVICE, 7);

	for (uint32_t i = 0; i < MAX; i++)
		added(t, i);
	assert_int_equal(add(t, &f), VIOLATION_REFUSED);
	assert_null(t->last);
	assert_int_equal(add(t, &f), VIOLATION_REFUSED);
	assert_int_equal(totals_of(t).refused, 2);
	assert_int_equal(totals_of(t).n_open, MAX);
	assert_int_equal(totals_of(t).hits[RULE_VECTOR_HIDDEN], MAX);
	/* those that are there are still counted */
	f.index = 0;
	assert_int_equal(add(t, &f), VIOLATION_AGAIN);

	/* the acknowledged one goes, and its number with it */
	assert_int_equal(violations_acknowledge(t->violations, 3, &t->last), 1);
	f.index = 7;
	assert_int_equal(add(t, &f), VIOLATION_NEW);
	assert_int_equal(t->last->id, MAX + 1);
	expect_all(t, "[{'id': 1}, {'id': 2}, {'id': 4}, {'id': 5, 'index': 7, 'count': 1}]");
	f.index = 8;
	assert_int_equal(add(t, &f), VIOLATION_REFUSED);
	assert_int_equal(totals_of(t).refused, 3);
}

/* One that had to give way is another one when it comes again. */
static void test_forgotten(void **state)
{
	struct bench *t = *state;
	struct finding f = make_finding(RULE_VECTOR_HIDDEN, DEVICE, 0);

	for (uint32_t i = 0; i < MAX; i++)
		added(t, i);
	assert_int_equal(violations_acknowledge(t->violations, 1, &t->last), 1);
	assert_int_equal(violations_acknowledge(t->violations, 2, &t->last), 1);
	added(t, 9);
	/* the older one went */
	expect_all(t, "[{'id': 2}, {'id': 3}, {'id': 4}, {'id': 5}]");
	assert_int_equal(add(t, &f), VIOLATION_NEW);
	assert_int_equal(t->last->count, 1);
	expect_all(t, "[{'id': 3}, {'id': 4}, {'id': 5}, {'id': 6}]");
}

static void test_no_room_at_all(void **state)
{
	struct finding f = make_finding(RULE_VECTOR_HIDDEN, DEVICE, 0);
	struct violations *none;
	const struct violation *v;

	(void)state;
	assert_int_equal(violations_new(0, &none), 0);
	assert_int_equal(violations_add(none, &f, 1, &v), VIOLATION_REFUSED);
	assert_null(v);
	violations_free(none);
	assert_null(violations_free(NULL));
}

/* ---- What a store kept ---- */

static struct violation kept(uint64_t id, uint32_t index)
{
	return (struct violation){ .id = id,
				   .finding = make_finding(RULE_VECTOR_HIDDEN, DEVICE, index),
				   .count = 17,
				   .first_us = 5,
				   .last_us = 6,
				   .acknowledged = index & 1 };
}

static void test_restore(void **state)
{
	struct bench *t = *state;
	struct violation v = kept(40, 0), acknowledged = kept(12, 1), same_id = kept(12, 2),
			 same_place = kept(13, 0);

	assert_true(violations_restore(t->violations, &v));
	assert_true(violations_restore(t->violations, &acknowledged));
	assert_false(violations_restore(t->violations, &same_id));
	assert_false(violations_restore(t->violations, &same_place));
	expect_all(t, "[{'id': 12, 'acknowledged': true, 'index': 1},"
		      " {'id': 40, 'acknowledged': false, 'count': 17, 'first_us': 5,"
		      " 'last_us': 6}]");
	/* they are of another run */
	assert_int_equal(totals_of(t).hits[RULE_VECTOR_HIDDEN], 0);
	assert_int_equal(totals_of(t).n_open, 1);
	assert_int_equal(totals_of(t).refused, 0);

	/* it goes on where it was, and a new one has a number that none had */
	assert_int_equal(add(t, &v.finding), VIOLATION_AGAIN);
	assert_int_equal(t->last->id, 40);
	assert_int_equal(t->last->count, 18);
	assert_int_equal(t->last->first_us, 5);
	assert_int_equal(add(t, &acknowledged.finding), VIOLATION_REOPENED);
	assert_int_equal(added(t, 3), 41);
}

/* Lower numbers than those that were given out do not come again. */
static void test_restore_late(void **state)
{
	struct bench *t = *state;
	struct violation low = kept(1, 5), free_id = kept(3, 5);

	added(t, 0);
	added(t, 1);
	assert_false(violations_restore(t->violations, &low));
	assert_true(violations_restore(t->violations, &free_id));
	assert_int_equal(added(t, 2), 4);
}

static void test_restore_full(void **state)
{
	struct bench *t = *state;
	struct violation v = kept(50, 50);

	for (uint32_t i = 0; i < MAX; i++)
		added(t, i);
	assert_false(violations_restore(t->violations, &v));
	assert_int_equal(totals_of(t).refused, 1);
	assert_int_equal(violations_acknowledge(t->violations, 2, &t->last), 1);
	assert_true(violations_restore(t->violations, &v));
	expect_all(t, "[{'id': 1}, {'id': 3}, {'id': 4}, {'id': 50}]");
}

/* ---- Totals ---- */

static void test_totals(void **state)
{
	static const enum rule_id rules[] = { RULE_MESSAGE_COLLISION, RULE_VECTOR_REFUSED,
					      RULE_VECTOR_REFUSED };
	struct bench *t = *state;
	struct violation_totals totals = totals_of(t);

	for (enum rule_id rule = 0; rule < RULE_MAX; rule++)
		assert_int_equal(totals.open[rule] + totals.hits[rule], 0);
	for (uint32_t i = 0; i < 3; i++) {
		struct finding f = make_finding(rules[i], DEVICE, i);

		assert_int_equal(add(t, &f), VIOLATION_NEW);
		assert_int_equal(add(t, &f), VIOLATION_AGAIN);
	}
	totals = totals_of(t);
	assert_int_equal(totals.n_open, 3);
	for (enum rule_id rule = 0; rule < RULE_MAX; rule++) {
		uint32_t n = rule == RULE_MESSAGE_COLLISION ? 1 :
			     rule == RULE_VECTOR_REFUSED    ? 2 :
							      0;

		assert_int_equal(totals.open[rule], n);
		assert_int_equal(totals.hits[rule], 2 * n);
	}
}

/* ---- JSON ---- */

static const char *const fields[] = { "id",	     "rule",	     "severity",   "device",
				      "irq",	     "index",	     "domain",	   "old_message",
				      "new_message", "cause",	     "count",	   "first_us",
				      "last_us",     "acknowledged", "explanation" };
#define N_FIELDS (sizeof(fields) / sizeof(*fields))

static void test_json(void **state)
{
	struct bench *t = *state;
	struct finding f = make_finding(RULE_DOORBELL_MESSAGE_CHANGED, DEVICE, 2);
	json_t *json, *expected;

	f.has_messages = true;
	f.old_message = MESSAGE(0x41);
	f.new_message = MESSAGE(0x42);
	f.cause = (struct cause){ .valid = true,
				  .kind = RECORD_CAUSE_AFFINITY_WRITE,
				  .pid = 71,
				  .uid = 1000,
				  .comm = "tuna" };
	add(t, &f);
	json = violation_to_json(t->last);
	for (size_t i = 0; i < N_FIELDS; i++)
		assert_non_null(json_object_get(json, fields[i]));
	assert_int_equal(json_object_size(json), N_FIELDS);
	expected = parse(
		"{'id': 1, 'rule': 'doorbell-message-changed', 'severity': 'critical',"
		" 'device': '0000:01:00.0', 'irq': 32, 'index': 2, 'domain': 5,"
		" 'old_message': {'address': '0x00000000fee00000', 'data': '0x00000041'},"
		" 'new_message': {'address': '0x00000000fee00000', 'data': '0x00000042'},"
		" 'cause': {'kind': 'affinity-write', 'comm': 'tuna', 'pid': 71, 'uid': 1000},"
		" 'count': 1, 'first_us': 1001000, 'last_us': 1001000, 'acknowledged': false,"
		" 'explanation': 'so it was'}");
	assert_true(json_equal(json, expected));
	json_decref(json);
	json = violation_to_event_json(t->last);
	json_object_set_new(expected, "time_us", json_integer(1001000));
	json_object_set_new(expected, "type", json_string("violation"));
	assert_true(json_equal(json, expected));
	json_decref(json);
	json_decref(expected);
}

/* What is absent is null, and so is what was not known. */
static void test_json_absent(void **state)
{
	struct bench *t = *state;
	struct finding f = { .rule = RULE_VECTOR_HIDDEN };
	json_t *json, *expected;

	f.new_message = MESSAGE(3);
	add(t, &f);
	json = violation_to_json(t->last);
	expected = parse("{'id': 1, 'rule': 'vector-hidden', 'severity': 'notice', 'device': null,"
			 " 'irq': null, 'index': null, 'domain': null, 'old_message': null,"
			 " 'new_message': null, 'count': 1, 'first_us': 1001000,"
			 " 'last_us': 1001000, 'acknowledged': false, 'explanation': null,"
			 " 'cause': {'kind': 'unknown', 'comm': null, 'pid': null, 'uid': null}}");
	assert_true(json_equal(json, expected));
	json_decref(json);
	json_decref(expected);
}

/* Names and words from a kernel may be no text at all. */
static void test_json_bytes(void **state)
{
	struct bench *t = *state;
	struct finding f = make_finding(RULE_VECTOR_HIDDEN, "\xff\xfe", 0);
	char *text;
	json_t *json;

	memset(f.explanation, 'e', sizeof(f.explanation));
	f.explanation[FINDING_TEXT - 1] = 0;
	f.explanation[FINDING_TEXT - 2] = '\xc3'; /* half a character */
	add(t, &f);
	json = violations_to_json(t->violations, true);
	text = json_dumps(json, 0);
	assert_non_null(text);
	assert_int_equal(json_array_size(json), 1);
	free(text);
	json_decref(json);
}

/* In the order of id, whatever the table's is */
static void test_order(void **state)
{
	static const uint64_t ids[] = { 30, 10, 40, 20 };
	struct bench *t = *state;

	for (uint32_t i = 0; i < MAX; i++) {
		struct violation v = kept(ids[i], i * 2);

		assert_true(violations_restore(t->violations, &v));
	}
	expect_all(t, "[{'id': 10}, {'id': 20}, {'id': 30}, {'id': 40}]");
}

/* ---- The words ---- */

static void test_words(void **state)
{
	static const char *const severities[] = { "notice", "warning", "error", "critical" };

	(void)state;
	for (enum rule_id rule = 0; rule < RULE_MAX; rule++) {
		const struct rule_text *text = rule_text(rule);

		assert_int_equal(rule_from_name(text->name), rule);
		assert_int_equal(strlen(text->message_id), 32);
		assert_int_equal(strspn(text->message_id, "0123456789abcdef"), 32);
		assert_true(strlen(text->summary) > 20 && strlen(text->advice) > 20);
		for (enum rule_id other = 0; other < rule; other++) {
			assert_string_not_equal(text->name, rule_text(other)->name);
			assert_string_not_equal(text->message_id, rule_text(other)->message_id);
		}
	}
	assert_int_equal(rule_from_name(""), RULE_MAX);
	assert_int_equal(rule_from_name("vector-hidde"), RULE_MAX);
	assert_int_equal(rule_from_name("Vector-Hidden"), RULE_MAX);
	for (enum severity severity = 0; severity < SEVERITY_MAX; severity++)
		assert_string_equal(severity_name(severity), severities[severity]);
}

/* The contract's severities */
static void test_severities(void **state)
{
	static const struct {
		const char *rule;
		enum severity severity;
	} rules[] = {
		{ "doorbell-message-changed", SEVERITY_CRITICAL },
		{ "immutable-message-changed", SEVERITY_CRITICAL },
		{ "doorbell-on-mutable-parent", SEVERITY_ERROR },
		{ "doorbell-published-early", SEVERITY_ERROR },
		{ "doorbell-message-dropped", SEVERITY_CRITICAL },
		{ "doorbell-stale-mapping", SEVERITY_WARNING },
		{ "pmu-vector-misplaced", SEVERITY_WARNING },
		{ "vector-orphaned", SEVERITY_WARNING },
		{ "vector-outlives-provider", SEVERITY_ERROR },
		{ "vector-refused", SEVERITY_WARNING },
		{ "vector-space-low", SEVERITY_WARNING },
		{ "message-collision", SEVERITY_ERROR },
		{ "vector-hidden", SEVERITY_NOTICE },
	};

	(void)state;
	assert_int_equal(sizeof(rules) / sizeof(*rules), RULE_MAX);
	for (size_t i = 0; i < RULE_MAX; i++) {
		enum rule_id rule = rule_from_name(rules[i].rule);

		assert_true(rule < RULE_MAX);
		assert_int_equal(rule_text(rule)->severity, rules[i].severity);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_folds),	   TEST(test_places),	  TEST(test_places_without_index),
		TEST(test_long_device),	   TEST(test_standing),	  TEST(test_acknowledge),
		TEST(test_reopened),	   TEST(test_full),	  TEST(test_forgotten),
		TEST(test_no_room_at_all), TEST(test_restore),	  TEST(test_restore_late),
		TEST(test_restore_full),   TEST(test_totals),	  TEST(test_json),
		TEST(test_json_absent),	   TEST(test_json_bytes), TEST(test_order),
		TEST(test_words),	   TEST(test_severities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
