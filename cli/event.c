// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is said of an event is a sentence with holes, one per type, in the table below: {field} is
 * replaced by what the field's text function makes of it, and [...] is left out when a field in it
 * has nothing to say. A type that this program does not know yet is shown with all its fields.
 */
#include "event.h"

#include <err.h>
#include <stdio.h>
#include <string.h>

#include "column.h"
#include "pager.h"

#define FIELD_MAX 32

static const struct {
	const char *type;
	const char *words;
} sentences[] = {
	{ "domain-created", "{domain}" },
	{ "domain-removed", "{domain}" },
	{ "vector-allocated", "[index {index} of ]domain {domain}" },
	{ "vector-freed", "[index {index} of ]domain {domain}" },
	{ "handler-requested", "{action}: {handler}[, {relation}][, vector of {provider}]" },
	{ "handler-freed", "{action}: {handler}[, {relation}][, vector of {provider}]" },
	{ "demand", "[{kind} ][{index} ]asked {min}..{max}[, granted {granted}][, {errno}]"
		    "[, by {caller}]" },
	{ "message-change", "[index {index}: ]{old_message} -> {new_message}[, {cause}]" },
	{ "affinity-change", "{old} -> {new}[, effective {old_effective} -> {new_effective}]"
			     "[, {pending}][, {cause}]" },
	{ "cpu", "CPU {cpu} {online}" },
	{ "gap", "{lost} missing[: {reason}]" },
	{ "doorbell",
	  "{state}[, doorbell {index}][ of {epf}][ on {epc}][, {doorbell_type}]"
	  "[, {old_message} -> {new_message}][, message {message}][, {reason}][, {errno}][, "
	  "mapped {stale_us} longer]" },
	{ "violation", "{rule} ({severity}, violation {id})[: {explanation}]" },
	{ "guard-denied", "{path}[, {denied}][, {cause}]" },
	{ "guard-moved", "{old} -> {new}[, {guard}][, {cause}]" },
	{ "guard-restored", "[{restored} ]to {cpus}[, {guard}][: {reason}]" },
	{ "guard-policy",
	  "{action}[ {guard}][ to {cpus}], mode {mode}[, by pid {pid}][ uid {uid}]" },
	{ "correction", "{kind}[: {detail}][: {domain}]" },
};

/* Fields that are more than plain text. */
static const struct {
	const char *field;
	text_fn text;
	const char *member;
} fields[] = {
	{ "cause", text_cause, NULL },	       { "domain", text_domain, NULL },
	{ "errno", text_errno, NULL },	       { "message", text_message, NULL },
	{ "new_message", text_message, NULL }, { "old_message", text_message, NULL },
	{ "online", text_online, NULL },       { "pending", text_flag, "pending" },
	{ "stale_us", text_duration, NULL },   { "denied", text_flag, "denied" },
	{ "restored", text_flag, "restored" },
};

static char *field_text(const json_t *event, const char *field)
{
	const json_t *value = json_object_get(event, field);
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(fields[i].field, field) == 0)
			return fields[i].text(value, fields[i].member);
	return text_plain(value, NULL);
}

/* Writes @words up to @end into @out. False: a field had nothing to say, "-" stands for it. */
static bool fill_words(FILE *out, const char *words, const char *end, const json_t *event)
{
	bool whole = true;

	while (words < end) {
		_cleanup_free_ char *text = NULL;
		char field[FIELD_MAX];
		int length;

		if (sscanf(words, "{%31[^}]}%n", field, &length) < 1) {
			fputc(*words++, out);
			continue;
		}
		text = field_text(event, field);
		fputs(text ?: "-", out);
		whole = whole && text;
		words += length;
	}
	return whole;
}

/* The part in brackets: all of it, or nothing. */
static void fill_option(FILE *out, const char *words, const char *end, const json_t *event)
{
	_cleanup_free_ char *part = NULL;
	size_t size;
	FILE *stream;
	bool whole;

	stream = open_memstream(&part, &size);
	if (!stream)
		return;
	whole = fill_words(stream, words, end, event);
	if (fclose(stream) == 0 && whole)
		fputs(part, out);
}

static void fill_sentence(FILE *out, const char *words, const json_t *event)
{
	const char *open, *close;

	for (;; words = close + 1) {
		open = strchrnul(words, '[');
		fill_words(out, words, open, event);
		if (!*open)
			return;
		close = strchrnul(open, ']');
		fill_option(out, open + 1, close, event);
		if (!*close)
			return;
	}
}

static void fill_unknown(FILE *out, const json_t *event)
{
	static const char *const shown[] = { "time_us", "type", "irq", "device" };
	const char *field, *between = "";
	json_t *value;
	size_t i;

	json_object_foreach((json_t *)event, field, value) {
		_cleanup_free_ char *text = NULL;

		for (i = 0; i < 4; i++)
			if (strcmp(field, shown[i]) == 0)
				break;
		if (i < 4)
			continue;
		text = field_text(event, field);
		fprintf(out, "%s%s=%s", between, field, text ?: "-");
		between = " ";
	}
}

static char *text_details(const json_t *event, const char *member)
{
	const char *type = json_string_value(json_object_get(event, "type")) ?: "";
	char *details = NULL;
	size_t i, size;
	FILE *out;

	(void)member;
	out = open_memstream(&details, &size);
	if (!out)
		return NULL;
	for (i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
		if (strcmp(sentences[i].type, type) == 0)
			break;
	if (i < sizeof(sentences) / sizeof(sentences[0]))
		fill_sentence(out, sentences[i].words, event);
	else
		fill_unknown(out, event);
	fclose(out);
	return details;
}

const struct column event_columns[] = {
	{ .name = "TIME",
	  .key = "time_us",
	  .text = text_time,
	  .flags = COLUMN_DEFAULT,
	  .width = 26 },
	{ .name = "TYPE", .key = "type", .flags = COLUMN_DEFAULT, .width = 17 },
	{ .name = "IRQ", .key = "irq", .flags = COLUMN_DEFAULT | COLUMN_RIGHT, .width = 4 },
	{ .name = "DEVICE", .key = "device", .flags = COLUMN_DEFAULT, .width = 12 },
	{ .name = "DETAILS", .text = text_details, .flags = COLUMN_DEFAULT },
	{}
};

const char *event_type(size_t at)
{
	return at < sizeof(sentences) / sizeof(sentences[0]) ? sentences[at].type : NULL;
}

int event_print(const json_t *reply, void *userdata)
{
	const char *reason = json_string_value(json_object_get(reply, "reason"));
	const json_t *event = json_object_get(reply, "event");
	struct event_printer *printer = userdata;
	int r;

	if (!json_is_object(event)) {
		if (reason)
			warnx("%s: %s", printer->verb, reason);
		return 0;
	}
	pager_open(printer->options);
	r = writer_row(printer->writer, event);
	if (r < 0)
		return r;
	/* Nobody reads any more, or the disk is full: main() tells which. */
	return ferror(stdout) ? 1 : 0;
}
