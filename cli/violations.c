// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * doorbells, violations, ack and explain: what is safe and what is not, and why. That there are
 * open violations is the exit code of "violations", so that scripts need not read the list.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cxlirqd/json.h"

#include "client.h"
#include "column.h"
#include "writer.h"

#define SHOWN COLUMN_DEFAULT
#define NUMBER COLUMN_RIGHT
#define SHOWN_NUMBER (COLUMN_DEFAULT | COLUMN_RIGHT)

/* Words that are bad news, and those that may become some */
static const char *color_word(const json_t *value)
{
	static const struct {
		const char *word, *color;
	} words[] = {
		{ "critical", "red" }, { "error", "red" },	{ "violated", "red" },
		{ "refused", "red" },  { "warning", "yellow" }, { "at-risk", "yellow" },
		{ "safe", "green" },
	};
	const char *word = json_string_value(value);

	for (size_t i = 0; word && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].color;
	return NULL;
}

const struct column doorbell_columns[] = {
	{ .name = "EPC", .key = "epc", .flags = SHOWN },
	{ .name = "EPF", .key = "epf", .flags = SHOWN },
	{ .name = "INDEX", .key = "index", .flags = SHOWN_NUMBER },
	{ .name = "IRQ", .key = "irq", .flags = SHOWN_NUMBER },
	{ .name = "MESSAGE", .key = "message", .text = text_message, .flags = SHOWN },
	{ .name = "TYPE", .key = "type", .flags = SHOWN },
	{ .name = "IMMUTABILITY", .key = "immutability", .flags = SHOWN },
	{ .name = "STATE", .key = "state", .flags = SHOWN, .color = color_word },
	{ .name = "VERDICT", .key = "verdict", .flags = SHOWN, .color = color_word },
	{ .name = "PUBLISHED", .key = "published_message", .text = text_message },
	{ .name = "PARENT", .key = "parent_domain", .flags = NUMBER },
	{ .name = "CHANGES", .key = "message_changes", .flags = NUMBER },
	{ .name = "DEVICE", .key = "device" },
	{ .name = "DRIVER", .key = "driver" },
	{ .name = "BAR", .key = "bar", .flags = NUMBER },
	{ .name = "ERROR", .key = "errno", .text = text_errno },
	{}
};

const struct column violation_columns[] = {
	{ .name = "ID", .key = "id", .flags = SHOWN_NUMBER },
	{ .name = "SEVERITY", .key = "severity", .flags = SHOWN, .color = color_word },
	{ .name = "RULE", .key = "rule", .flags = SHOWN },
	{ .name = "DEVICE", .key = "device", .flags = SHOWN },
	{ .name = "IRQ", .key = "irq", .flags = SHOWN_NUMBER },
	{ .name = "COUNT", .key = "count", .flags = SHOWN_NUMBER },
	{ .name = "CAUSE", .key = "cause", .text = text_cause_lines, .flags = SHOWN },
	{ .name = "EXPLANATION",
	  .key = "explanation",
	  .text = text_folded,
	  .member = "44",
	  .flags = SHOWN },
	{ .name = "INDEX", .key = "index", .flags = NUMBER },
	{ .name = "DOMAIN", .key = "domain", .flags = NUMBER },
	{ .name = "OLD", .key = "old_message", .text = text_message },
	{ .name = "NEW", .key = "new_message", .text = text_message },
	{ .name = "FIRST", .key = "first_us", .text = text_time },
	{ .name = "LAST", .key = "last_us", .text = text_time },
	{ .name = "ACKNOWLEDGED", .key = "acknowledged" },
	{}
};

enum exit_code verb_doorbells(const struct options *options, const char *argument)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	json_auto_t *doorbells = NULL;
	int r;

	(void)argument;
	r = writer_new(doorbell_columns, options, &writer);
	if (r == 0)
		r = client_call(options, "ListDoorbells", json_object(), "doorbells", JSON_ARRAY,
				&doorbells);
	if (r == 0)
		r = writer_list(writer, doorbells, NULL, NULL);
	return exit_code_of(r);
}

static bool any_open(const json_t *violations)
{
	for (size_t i = 0; i < json_array_size(violations); i++)
		if (!json_is_true(json_object_get(json_array_get(violations, i), "acknowledged")))
			return true;
	return false;
}

enum exit_code verb_violations(const struct options *options, const char *argument)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	json_auto_t *violations = NULL;
	int r;

	(void)argument;
	r = writer_new(violation_columns, options, &writer);
	if (r == 0)
		r = client_call(options, "ListViolations", json_pack("{s:b}", "all", options->all),
				"violations", JSON_ARRAY, &violations);
	if (r == 0)
		r = writer_list(writer, violations, NULL, NULL);
	if (r < 0)
		return exit_code_of(r);
	return any_open(violations) ? EXIT_UNHEALTHY : EXIT_DONE;
}

static int parse_id(const char *text, json_int_t *ret)
{
	long long id;
	char *end;

	errno = 0;
	id = strtoll(text, &end, 10);
	if (errno != 0 || *end || text[0] < '0' || text[0] > '9') {
		warnx("%s: is no violation's id, which is a number", text);
		return -EINVAL;
	}
	*ret = id;
	return 0;
}

enum exit_code verb_ack(const struct options *options, const char *argument)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	json_auto_t *violations = NULL;
	json_auto_t *ids = json_array();
	json_int_t id;
	int r;

	if (!argument) {
		warnx("ack: needs the id of a violation");
		return EXIT_USAGE;
	}
	for (char *const *each = options->arguments; *each; each++) {
		r = parse_id(*each, &id);
		if (r < 0)
			return exit_code_of(r);
		json_add(&ids, json_integer(id));
	}
	r = writer_new(violation_columns, options, &writer);
	if (r == 0)
		r = client_call(options, "Acknowledge", json_pack("{s:O}", "ids", ids),
				"violations", JSON_ARRAY, &violations);
	if (r == 0)
		r = writer_list(writer, violations, NULL, NULL);
	return exit_code_of(r);
}
