// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What reaches stdout, to the byte: tables, trees, JSON, and how each kind of value is worded.
 */
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "cli/text.h"
#include "cli/writer.h"

static const char *red(const json_t *value)
{
	return json_is_true(value) ? "red" : NULL;
}

static const struct column columns[] = {
	{ .name = "ID", .key = "id", .flags = COLUMN_DEFAULT | COLUMN_RIGHT },
	{ .name = "NAME", .key = "name", .flags = COLUMN_DEFAULT | COLUMN_TREE },
	{ .name = "OWNER", .key = "owners", .member = "device", .flags = COLUMN_DEFAULT },
	{ .name = "BAD", .key = "bad", .color = red },
	{ .name = "MESSAGE", .key = "message", .text = text_message },
	{}
};

static const struct column stream_columns[] = {
	{ .name = "TYPE", .key = "type", .flags = COLUMN_DEFAULT, .width = 8 },
	{ .name = "TEXT", .key = "text", .flags = COLUMN_DEFAULT },
	{}
};

#define ROWS                                                                                       \
	"[{\"id\":1,\"name\":\"root\",\"parent\":null,\"bad\":true,"                               \
	"\"owners\":[{\"device\":\"a\"},{\"device\":null},{\"device\":\"c\"}]},"                   \
	"{\"id\":22,\"name\":\"leaf\",\"parent\":1,\"owners\":[],\"bad\":false,"                   \
	"\"message\":{\"address\":\"fee0\",\"data\":\"21\"}}]"

/* ---- stdout into a string ---- */

struct capture {
	int saved;
	int saved_err;
	FILE *file;
};

static void capture_start(struct capture *capture)
{
	fflush(stdout);
	capture->file = tmpfile();
	capture->saved = dup(STDOUT_FILENO);
	capture->saved_err = dup(STDERR_FILENO);
	dup2(fileno(capture->file), STDOUT_FILENO);
	dup2(fileno(capture->file), STDERR_FILENO);
}

static const char *capture_end(struct capture *capture)
{
	static char text[8192];
	size_t n;

	fflush(stdout);
	dup2(capture->saved, STDOUT_FILENO);
	dup2(capture->saved_err, STDERR_FILENO);
	closep(&capture->saved);
	closep(&capture->saved_err);
	rewind(capture->file);
	n = fread(text, 1, sizeof(text) - 1, capture->file);
	text[n] = '\0';
	fclose(capture->file);
	return text;
}

static json_t *parse(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	assert_non_null(value);
	return value;
}

static const char *list(const struct options *options, const char *rows, bool tree)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	json_auto_t *value = parse(rows);
	struct capture capture;
	int r;

	assert_int_equal(writer_new(columns, options, &writer), 0);
	capture_start(&capture);
	r = writer_list(writer, value, tree ? "id" : NULL, tree ? "parent" : NULL);
	assert_int_equal(r, 0);
	return capture_end(&capture);
}

/* ---- Tables ---- */

static void test_table(void **state)
{
	const struct options options = {};

	(void)state;
	assert_string_equal(list(&options, ROWS, false), "ID NAME OWNER\n"
							 " 1 root a\n"
							 "        -\n"
							 "        c\n"
							 "22 leaf -\n");
}

static void test_noheadings(void **state)
{
	const struct options options = { .noheadings = true, .output = "id" };

	(void)state;
	assert_string_equal(list(&options, ROWS, false), " 1\n22\n");
}

static void test_chosen_columns(void **state)
{
	const struct options some = { .output = "message,ID" };
	const struct options more = { .output = "+bad" };

	(void)state;
	assert_string_equal(list(&some, ROWS, false), "MESSAGE ID\n"
						      "-        1\n"
						      "fee0/21 22\n");
	assert_string_equal(list(&more, ROWS, false), "ID NAME OWNER BAD\n"
						      " 1 root a     yes\n"
						      "        -     \n"
						      "        c     \n"
						      "22 leaf -     no\n");
}

static void test_unknown_column(void **state)
{
	static const char *const bad[] = { "id,COLOUR", "COLOUR", "+COLOUR,id" };
	struct writer *writer = NULL;
	struct capture capture;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct options options = { .output = bad[i] };
		const char *said;
		int r;

		capture_start(&capture);
		r = writer_new(columns, &options, &writer);
		said = capture_end(&capture);
		assert_int_equal(r, -EINVAL);
		assert_null(writer);
		assert_non_null(strstr(said, ": COLOUR: unknown column, valid are "
					     "ID,NAME,OWNER,BAD,MESSAGE\n"));
	}
}

static void test_too_many_columns(void **state)
{
	char names[3 * 100] = "id";
	const struct options options = { .output = names };
	struct writer *writer = NULL;
	struct capture capture;
	int i, r;

	(void)state;
	for (i = 1; i < 99; i++)
		strcat(names, ",id");
	capture_start(&capture);
	r = writer_new(columns, &options, &writer);
	capture_end(&capture);
	assert_int_equal(r, -E2BIG);
	assert_null(writer);
}

static void test_tree(void **state)
{
	const struct options options = { .output = "name,id" };

	(void)state;
	assert_string_equal(list(&options, ROWS, true), "NAME   ID\n"
							"root    1\n"
							"`-leaf 22\n");
}

/* Whatever the parents are, each row is printed once. */
static void test_strange_trees(void **state)
{
	const struct options options = { .output = "id,name", .noheadings = true };

	(void)state;
	assert_string_equal(list(&options, "[{\"id\":1,\"parent\":1}]", true), " 1 -\n");
	assert_string_equal(list(&options, "[{\"id\":1,\"parent\":9}]", true), " 1 -\n");
	assert_string_equal(list(&options, "[{\"id\":1,\"parent\":2},{\"id\":2,\"parent\":1}]",
				 true),
			    " 2 -\n"
			    " 1 `--\n");
	assert_string_equal(list(&options,
				 "[{\"id\":1,\"parent\":3},{\"id\":2,\"parent\":1},"
				 "{\"id\":3,\"parent\":2}]",
				 true),
			    " 3 -\n"
			    " 1 `--\n"
			    " 2   `--\n");
	assert_string_equal(list(&options, "[5,null,{}]", true), " - -\n - -\n - -\n");
}

static void test_empty(void **state)
{
	const struct options text = {}, json = { .json = true };

	(void)state;
	assert_string_equal(list(&text, "[]", false), "");
	assert_string_equal(list(&json, "[]", false), "[]\n");
}

static void test_color(void **state)
{
	const struct options on = { .color = true, .output = "bad", .noheadings = true };
	const struct options off = { .output = "bad", .noheadings = true };

	(void)state;
	assert_string_equal(list(&on, ROWS, false), "\033[31myes\033[0m\nno\n");
	assert_string_equal(list(&off, ROWS, false), "yes\nno\n");
}

/* A process may call itself anything; the terminal must not obey it. */
static void test_control_characters(void **state)
{
	const struct options options = { .output = "name", .noheadings = true };

	(void)state;
	assert_string_equal(list(&options, "[{\"name\":\"a\\u001b[31mb\\u0007\"}]", false),
			    "a\\x1b[31mb\\x07\n");
}

/* ---- JSON ---- */

static void test_json(void **state)
{
	const struct options all = { .json = true }, some = { .json = true, .output = "owner,id" };
	json_auto_t *rows = parse(ROWS);
	json_auto_t *chosen = parse("[{\"id\":1,\"owners\":[{\"device\":\"a\"},"
				    "{\"device\":null},{\"device\":\"c\"}]},"
				    "{\"id\":22,\"owners\":[]}]");
	json_auto_t *printed = NULL;
	json_auto_t *printed_some = NULL;

	(void)state;
	printed = parse(list(&all, ROWS, false));
	assert_true(json_equal(printed, rows));
	printed_some = parse(list(&some, ROWS, true));
	assert_true(json_equal(printed_some, chosen));
}

static void test_object(void **state)
{
	const struct options json = { .json = true }, text = {};
	json_auto_t *row = parse("{\"id\":7,\"name\":\"x\"}");
	_cleanup_(writer_freep) struct writer *json_writer = NULL;
	_cleanup_(writer_freep) struct writer *text_writer = NULL;
	struct capture capture;

	(void)state;
	assert_int_equal(writer_new(columns, &json, &json_writer), 0);
	assert_int_equal(writer_new(columns, &text, &text_writer), 0);
	capture_start(&capture);
	writer_object(json_writer, row);
	assert_string_equal(capture_end(&capture), "{\n  \"id\": 7,\n  \"name\": \"x\"\n}\n");
	capture_start(&capture);
	writer_object(text_writer, row);
	assert_string_equal(capture_end(&capture), "ID NAME OWNER\n 7 x    -\n");
}

/* ---- Rows that come one by one ---- */

static void test_stream(void **state)
{
	static const char *const rows[] = {
		"{\"type\":\"a\",\"text\":\"x\"}",
		"{\"type\":\"longer-than-that\",\"text\":null}",
		"{\"type\":\"cpu\",\"text\":\"y\"}",
	};
	const struct options text = {}, json = { .json = true };
	const struct options *const both[] = { &text, &json };
	static const char *const expected[] = {
		"TYPE     TEXT\n"
		"a        x\n"
		"longer-than-that -\n"
		"cpu      y\n",
		"{\"type\":\"a\",\"text\":\"x\"}\n"
		"{\"type\":\"longer-than-that\",\"text\":null}\n"
		"{\"type\":\"cpu\",\"text\":\"y\"}\n",
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < 2; i++) {
		_cleanup_(writer_freep) struct writer *writer = NULL;
		struct capture capture;

		assert_int_equal(writer_new(stream_columns, both[i], &writer), 0);
		capture_start(&capture);
		for (j = 0; j < 3; j++) {
			json_auto_t *row = parse(rows[j]);

			assert_int_equal(writer_row(writer, row), 0);
		}
		assert_string_equal(capture_end(&capture), expected[i]);
	}
}

static void test_properties(void **state)
{
	static const struct column fields[] = {
		{ .name = "Name", .key = "name" },
		{ .name = "Nothing", .key = "nothing" },
		{ .name = "Because", .key = "reasons", .text = text_lines },
		{}
	};
	json_auto_t *object = parse("{\"name\":\"n\",\"nothing\":null,\"reasons\":[\"a\",\"b\"]}");
	const struct options options = {};
	struct capture capture;

	(void)state;
	capture_start(&capture);
	assert_int_equal(writer_properties(fields, &options, object), 0);
	assert_string_equal(capture_end(&capture), "   Name: n\n"
						   "Because: a\n"
						   "         b\n");
}

/* ---- Words ---- */

static void test_texts(void **state)
{
	static const struct {
		text_fn text;
		const char *member;
		const char *value;
		const char *expected; /* NULL: nothing to say */
	} table[] = {
		{ text_plain, NULL, "\"s\"", "s" },
		{ text_plain, NULL, "-5", "-5" },
		{ text_plain, NULL, "1.5", "1.5" },
		{ text_plain, NULL, "true", "yes" },
		{ text_plain, NULL, "false", "no" },
		{ text_plain, NULL, "null", NULL },
		{ text_plain, NULL, "[]", NULL },
		{ text_plain, NULL, "[1,\"b\",null]", "1,b,-" },
		{ text_plain, NULL, "{\"a\":[1]}", "{\"a\":[1]}" },
		{ text_plain, "a", "{\"a\":1}", "1" },
		{ text_plain, "b", "{\"a\":1}", NULL },
		{ text_plain, "a", "[{\"a\":1},{},5]", "1\n-\n5" },
		{ text_lines, NULL, "[\"a\",\"b\"]", "a\nb" },
		{ text_lines, NULL, "\"a\"", NULL },
		{ text_size, NULL, "[]", "0 entries" },
		{ text_size, NULL, "[1]", "1 entry" },
		{ text_size, NULL, "{\"a\":1}", "1 field" },
		{ text_size, NULL, "7", "7" },
		{ text_counts, "reason", "[{\"reason\":\"a\",\"count\":2},{\"count\":1}]",
		  "a 2, - 1" },
		{ text_counts, "reason", "[]", NULL },
		{ text_results, "shared", "[{\"result\":\"shared\"},{\"result\":\"polled\"},{}]",
		  "1" },
		{ text_results, "shared", "null", "0" },
		{ text_message, NULL, "{\"address\":\"a\",\"data\":\"b\"}", "a/b" },
		{ text_message, NULL, "\"a/b\"", "a/b" },
		{ text_message, NULL, "null", NULL },
		{ text_target, NULL, "{\"cpu\":1,\"vector\":33}", "1/33" },
		{ text_target, NULL, "{\"cpu\":1}", NULL },
		{ text_span, NULL, "{\"min\":1,\"max\":16}", "1..16" },
		{ text_span, NULL, "null", NULL },
		{ text_time, NULL, "1763710000000007", "2025-11-21 07:26:40.000007" },
		{ text_time, NULL, "0", NULL },
		{ text_time, NULL, "null", NULL },
		{ text_time, NULL, "9223372036854775807", "294247-01-10 04:00:54.775807" },
		{ text_duration, NULL, "1250", "1.2 ms" },
		{ text_duration, NULL, "null", NULL },
		{ text_errno, NULL, "-28", "No space left on device" },
		{ text_errno, NULL, "28", "No space left on device" },
		{ text_errno, NULL, "0", NULL },
		{ text_errno, NULL, "-9223372036854775808", "-9223372036854775808" },
		{ text_cause, NULL, "{\"kind\":\"driver\",\"comm\":null}", "driver" },
		{ text_cause, NULL, "{\"kind\":\"k\",\"comm\":\"c\",\"pid\":1,\"uid\":0}",
		  "k by c[1] uid 0" },
		{ text_cause, NULL, "{\"kind\":\"k\",\"comm\":\"c\"}", "k by c[-]" },
		{ text_cause, NULL, "\"driver\"", "driver" },
		{ text_domain, NULL, "3", "3" },
		{ text_domain, NULL, "{\"id\":3,\"name\":\"n\",\"bus_token\":\"t\"}",
		  "n (id 3, t)" },
		{ text_domain, NULL, "{\"id\":3}", "- (id 3)" },
		{ text_online, NULL, "true", "online" },
		{ text_online, NULL, "false", "offline" },
		{ text_online, NULL, "5", NULL },
		{ text_flag, "pending", "true", "pending" },
		{ text_flag, "pending", "false", NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		json_auto_t *value = parse(table[i].value);
		_cleanup_free_ char *text = table[i].text(value, table[i].member);

		if (!table[i].expected != !text || (text && strcmp(text, table[i].expected) != 0))
			fail_msg("%s: %s instead of %s", table[i].value, text, table[i].expected);
	}
}

/* No text function may trip over a value of a type that it does not expect, or over none. */
static void test_texts_take_anything(void **state)
{
	static const text_fn all[] = {
		text_plain,   text_lines,  text_size,	text_counts, text_results,
		text_message, text_target, text_span,	text_time,   text_duration,
		text_errno,   text_cause,  text_domain, text_online, text_flag,
	};
	static const char *const values[] = {
		"null",
		"true",
		"5",
		"-1e300",
		"\"x\"",
		"[]",
		"[null,5,{},[]]",
		"{}",
		"{\"id\":[],\"kind\":5,\"comm\":{},\"address\":1,\"min\":\"a\",\"result\":7}",
		"[{\"result\":5,\"m\":{\"m\":1}}]",
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		free(all[i](NULL, "m"));
		for (j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
			json_auto_t *value = parse(values[j]);

			free(all[i](value, "m"));
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_noheadings),
		cmocka_unit_test(test_chosen_columns),
		cmocka_unit_test(test_unknown_column),
		cmocka_unit_test(test_too_many_columns),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_strange_trees),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_color),
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_object),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_properties),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_texts_take_anything),
	};

	/* ASCII trees, and times that do not depend on where the test runs. */
	setlocale(LC_ALL, "C");
	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
