// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The part of top that knows no terminal: rates out of two answers, whatever the counters did in
 * between, and the order and width of columns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/top-private.h"

#define SECOND 1000000

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *json;
	char *copy = strdup(text);

	for (char *at = copy; *at; at++)
		if (*at == '\'')
			*at = '"';
	json = json_loads(copy, 0, &error);
	if (!json)
		fail_msg("%s: %s", error.text, copy);
	free(copy);
	return json;
}

/* A sample of these vectors, at @us. */
static struct top_sample *sample(const char *vectors, const char *violations, int64_t us,
				 const struct top_sample *before)
{
	json_auto_t *status = parse("{'health': 'healthy', 'violations_open': 2,"
				    " 'lost': [{'reason': 'a', 'count': 2}, {'count': 3}]}");
	json_auto_t *rows = parse(vectors);
	json_auto_t *open = parse(violations);
	struct top_answers answers = {
		.status = status,
		.vectors = rows,
		.violations = open,
		.counted_us = us,
	};
	struct top_sample *made = NULL;

	assert_int_equal(top_sample_new(&answers, before, &made), 0);
	return made;
}

#define OWNED(irq, provider, index, device, count)                                                 \
	"{'irq':" #irq ",'provider':'" provider "','index':" #index ",'interrupts':" #count        \
	",'owners':[{'device':'" device "','driver':'d','relation':'own'}]}"

static const struct top_row *device(const struct top_sample *s, const char *name)
{
	for (size_t i = 0; i < s->n_devices; i++)
		if (s->devices[i].device && strcmp(s->devices[i].device, name) == 0)
			return &s->devices[i];
	fail_msg("no row of %s", name);
	return NULL;
}

static void test_rates(void **state)
{
	_cleanup_(top_sample_freep) struct top_sample *a = NULL, *b = NULL;

	(void)state;
	a = sample("[" OWNED(1, "p", 0, "x", 100) "," OWNED(2, "p", 1, "x", 50) "," //
		   OWNED(3, "q", 0, "y", 7) "]",
		   "[]", 10 * SECOND, NULL);
	assert_int_equal(a->n_devices, 2);
	assert_int_equal(a->n_vectors, 3);
	assert_int_equal(a->lost, 5);
	assert_int_equal(a->violations, 2);
	assert_true(a->rate < 0 && device(a, "x")->rate < 0);
	b = sample("[" OWNED(1, "p", 0, "x", 150) "," OWNED(2, "p", 1, "x", 51) "," //
		   OWNED(3, "q", 0, "y", 7) "]",
		   "[]", 10 * SECOND + SECOND / 2, a);
	assert_true(device(b, "x")->rate == 102);
	assert_true(device(b, "y")->rate == 0);
	assert_true(b->rate == 102);
	assert_int_equal(device(b, "x")->vectors, 2);
	assert_int_equal(device(b, "x")->interrupts, 201);
}

/* A counter that goes down, or a number that another vector has now: no rate, above all no large one */
static void test_restart(void **state)
{
	_cleanup_(top_sample_freep) struct top_sample *a = NULL, *b = NULL, *c = NULL;

	(void)state;
	a = sample("[" OWNED(1, "p", 0, "x", 4294967290) "," OWNED(2, "p", 1, "x", 5) "]", "[]",
		   SECOND, NULL);
	b = sample("[" OWNED(1, "p", 0, "x", 10) "," OWNED(2, "p", 1, "x", 9) "," //
		   OWNED(3, "p", 2, "x", 4000000000) "]",
		   "[]", 2 * SECOND, a);
	assert_true(device(b, "x")->rate == 4);
	assert_true(b->rate == 4);
	c = sample("[" OWNED(1, "other", 0, "x", 4000000000) "," OWNED(2, "p", 1, "x", 1) "]", "[]",
		   3 * SECOND, b);
	assert_int_equal(c->n_devices, 2); /* of two providers */
	assert_true(c->devices[0].rate < 0 && c->devices[1].rate < 0);
	assert_true(c->rate < 0);
}

/* Nothing was counted since: what was known is still so. A clock that went back tells nothing. */
static void test_clock(void **state)
{
	_cleanup_(top_sample_freep) struct top_sample *a = NULL, *b = NULL, *c = NULL, *d = NULL;

	(void)state;
	a = sample("[" OWNED(1, "p", 0, "x", 0) "]", "[]", SECOND, NULL);
	b = sample("[" OWNED(1, "p", 0, "x", 30) "]", "[]", 2 * SECOND, a);
	c = sample("[" OWNED(1, "p", 0, "x", 30) "]", "[]", 2 * SECOND, b);
	assert_true(device(c, "x")->rate == 30 && c->rate == 30);
	d = sample("[" OWNED(1, "p", 0, "x", 40) "]", "[]", SECOND, c);
	assert_true(device(d, "x")->rate < 0 && d->rate < 0);
}

static void test_owners(void **state)
{
	_cleanup_(top_sample_freep) struct top_sample *a = NULL, *b = NULL;
	const char *rows = "[{'irq':5,'provider':'p','index':0,'interrupts':%d,'owners':["
			   "{'device':'x','relation':'own'},{'device':'x','relation':'own'},"
			   "{'device':'y','relation':'borrowed'},{'device':null,'action':'a'},"
			   "{'device':null,'action':'b'}]},"
			   "{'irq':6,'provider':'p','index':1,'interrupts':9,'owners':[]}]";
	char text[512];

	(void)state;
	snprintf(text, sizeof(text), rows, 10);
	a = sample(text, "[]", SECOND, NULL);
	snprintf(text, sizeof(text), rows, 30);
	b = sample(text,
		   "[{'irq':5,'device':'y'},{'irq':77,'device':'y'},{'irq':null,'device':'p'}]",
		   2 * SECOND, a);
	assert_int_equal(b->n_devices, 5);
	assert_int_equal(device(b, "x")->vectors, 1);
	assert_true(device(b, "x")->rate == 20 && device(b, "y")->rate == 20);
	assert_true(b->rate == 20);
	assert_int_equal(device(b, "x")->violations, 1);
	/* its own, and one of an interrupt that is gone */
	assert_int_equal(device(b, "y")->violations, 2);
}

static void test_hostile(void **state)
{
	_cleanup_(top_sample_freep) struct top_sample *a = NULL, *b = NULL;
	const char *rows = "[null, 5, 'x', [], {}, {'irq':'a','owners':5,'interrupts':-9},"
			   "{'irq':-3,'provider':7,'owners':[null,{'device':4},'x']},"
			   "{'irq':9223372036854775807,'interrupts':9223372036854775807}]";

	(void)state;
	a = sample(rows, "[null, {'irq': -1}, 5, {'device': 3}]", SECOND, NULL);
	b = sample(rows, "{}", 2 * SECOND, a);
	assert_int_equal(b->n_vectors, 8);
	assert_true(b->rate == 0);
}

static void test_json(void **state)
{
	_cleanup_(top_sample_freep) struct top_sample *a = NULL, *b = NULL;
	json_auto_t *json = NULL;
	const json_t *row;

	(void)state;
	a = sample("[" OWNED(1, "p", 0, "x", 1) "]", "[]", SECOND, NULL);
	json = top_sample_to_json(a, -1);
	assert_true(json_is_null(json_object_get(json, "elapsed_us")));
	assert_true(json_is_null(json_object_get(json, "interrupts_per_second")));
	json_decref(json);
	b = sample("[" OWNED(1, "p", 0, "x", 4) "]", "[]", 2 * SECOND, a);
	json = top_sample_to_json(b, SECOND);
	row = json_array_get(json_object_get(json, "devices"), 0);
	assert_true(json_real_value(json_object_get(row, "interrupts_per_second")) == 3);
	assert_string_equal(json_string_value(json_object_get(row, "provider")), "p");
	assert_true(json_is_null(json_object_get(row, "action")));
}

static void test_arrange(void **state)
{
	struct top_row rows[] = {
		{ .key = "1", .device = "0000:0a:00.0", .rate = 5, .vectors = 1 },
		{ .key = "2", .device = "0000:9:00.0", .rate = -1, .vectors = 1 },
		{ .key = "3", .action = "Timer", .rate = 50, .vectors = 2 },
	};
	const struct top_row *shown[3];

	(void)state;
	assert_int_equal(top_arrange(rows, 3, &top_by_device.columns[5], false, "", shown), 3);
	assert_true(shown[0] == &rows[2] && shown[1] == &rows[0] && shown[2] == &rows[1]);
	top_arrange(rows, 3, &top_by_device.columns[5], true, "", shown);
	assert_true(shown[0] == &rows[1] && shown[2] == &rows[2]);
	/* equal ones stay in the order of their keys, also backwards */
	top_arrange(rows, 3, &top_by_device.columns[4], true, "", shown);
	assert_true(shown[0] == &rows[0] && shown[1] == &rows[1] && shown[2] == &rows[2]);
	top_arrange(rows, 3, &top_by_device.columns[0], false, "", shown);
	assert_true(shown[2] == &rows[2]);
	assert_int_equal(top_arrange(rows, 3, &top_by_device.columns[0], false, "tIMER", shown), 1);
	assert_int_equal(top_arrange(rows, 3, &top_by_device.columns[0], false, "no", shown), 0);
}

static int sum(const struct top_table *table, const int *widths)
{
	int cells = -1;

	for (int i = 0; i < table->n_columns; i++)
		cells += widths[i] > 0 ? widths[i] + 1 : 0;
	return cells;
}

static void test_fit(void **state)
{
	static const struct top_table *const tables[] = { &top_by_device, &top_by_vector };
	int needed[TOP_COLUMNS_MAX] = {}, widths[TOP_COLUMNS_MAX] = {};

	(void)state;
	for (size_t t = 0; t < 2; t++)
		for (int need = 0; need < 300; need += 100)
			for (int room = 40; room < 300; room++) {
				for (int i = 0; i < TOP_COLUMNS_MAX; i++)
					needed[i] = tables[t]->columns[i].name &&
								    !tables[t]->columns[i].right ?
							    need :
							    6;
				top_fit(tables[t], room, needed, widths);
				assert_true(sum(tables[t], widths) <= room);
				if (need == 200 && room > 80)
					assert_int_equal(sum(tables[t], widths), room);
			}
	/* all columns fit into the usual terminal */
	memset(needed, 0, sizeof(needed));
	for (size_t t = 0; t < 2; t++) {
		top_fit(tables[t], 80, needed, widths);
		for (int i = 0; i < tables[t]->n_columns; i++)
			assert_true(widths[i] > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),	cmocka_unit_test(test_restart),
		cmocka_unit_test(test_clock),	cmocka_unit_test(test_owners),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_json),
		cmocka_unit_test(test_arrange), cmocka_unit_test(test_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
