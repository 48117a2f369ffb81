// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How each kind of value of the interface is written for people. Tables, property lists and event
 * lines all take their words from here, so that a message or a cause looks the same everywhere.
 */
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cxlirqd/cleanup.h"

#define USEC_PER_SEC 1000000
#define USEC_PER_MSEC 1000
#define ERRNO_MAX 4095 /* the kernel's own limit */

__attribute__((format(printf, 1, 2))) static char *print(const char *format, ...)
{
	va_list arguments;
	char *text;
	int n;

	va_start(arguments, format);
	n = vasprintf(&text, format, arguments);
	va_end(arguments);
	return n < 0 ? NULL : text;
}

/* Whatever asks for memory in between says so in errno, and nothing there takes it back. */
int text_make(text_fn text, const json_t *value, const char *member, char **ret)
{
	char *made;

	errno = 0;
	made = text(value, member);
	if (errno == ENOMEM) {
		free(made);
		return -ENOMEM;
	}
	*ret = made;
	return 0;
}

static const char *string_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* What @text makes of each element of a list, with @between between them. */
static char *join(const json_t *list, const char *between, text_fn text, const char *member)
{
	_cleanup_fclose_ FILE *stream = NULL;
	_cleanup_free_ char *joined = NULL;
	size_t i, size;

	if (json_array_size(list) == 0)
		return NULL;
	stream = open_memstream(&joined, &size);
	if (!stream)
		return NULL;
	for (i = 0; i < json_array_size(list); i++) {
		_cleanup_free_ char *element = text(json_array_get(list, i), member);

		fprintf(stream, "%s%s", i > 0 ? between : "", element ?: "-");
	}
	if (fclose(TAKE_PTR(stream)) != 0)
		return NULL;
	return TAKE_PTR(joined);
}

char *text_plain(const json_t *value, const char *member)
{
	if (!value)
		return NULL;
	switch (json_typeof(value)) {
	case JSON_STRING: return strdup(json_string_value(value));
	case JSON_INTEGER: return print("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	case JSON_REAL: return print("%g", json_real_value(value));
	case JSON_TRUE: return strdup("yes");
	case JSON_FALSE: return strdup("no");
	case JSON_ARRAY: return join(value, member ? "\n" : ",", text_plain, member);
	case JSON_OBJECT:
		return member ? text_plain(json_object_get(value, member), NULL) :
				json_dumps(value, JSON_COMPACT);
	case JSON_NULL: break;
	}
	return NULL;
}

char *text_lines(const json_t *value, const char *member)
{
	return join(value, "\n", text_plain, member);
}

char *text_size(const json_t *value, const char *member)
{
	size_t size;

	if (json_is_object(value)) {
		size = json_object_size(value);
		return print("%zu %s", size, size == 1 ? "field" : "fields");
	}
	if (!json_is_array(value))
		return text_plain(value, member);
	size = json_array_size(value);
	return print("%zu %s", size, size == 1 ? "entry" : "entries");
}

static char *name_and_count(const json_t *value, const char *member)
{
	return print("%s %" JSON_INTEGER_FORMAT, string_of(value, member) ?: "-",
		     json_integer_value(json_object_get(value, "count")));
}

char *text_counts(const json_t *value, const char *member)
{
	return join(value, ", ", name_and_count, member);
}

char *text_results(const json_t *value, const char *member)
{
	size_t i, count = 0;
	const char *result;

	for (i = 0; i < json_array_size(value); i++) {
		result = string_of(json_array_get(value, i), "result");
		count += result && strcmp(result, member) == 0;
	}
	return print("%zu", count);
}

char *text_message(const json_t *value, const char *member)
{
	const char *address = string_of(value, "address");
	const char *data = string_of(value, "data");

	return address && data ? print("%s/%s", address, data) : text_plain(value, member);
}

/* Two integers of an object. */
static char *text_pair(const json_t *value, const char *first, const char *between,
		       const char *second)
{
	const json_t *a = json_object_get(value, first);
	const json_t *b = json_object_get(value, second);

	if (!json_is_integer(a) || !json_is_integer(b))
		return NULL;
	return print("%" JSON_INTEGER_FORMAT "%s%" JSON_INTEGER_FORMAT, json_integer_value(a),
		     between, json_integer_value(b));
}

char *text_target(const json_t *value, const char *member)
{
	(void)member;
	return text_pair(value, "cpu", "/", "vector");
}

char *text_span(const json_t *value, const char *member)
{
	(void)member;
	return text_pair(value, "min", "..", "max");
}

char *text_time(const json_t *value, const char *member)
{
	json_int_t us = json_integer_value(value);
	time_t seconds = (time_t)(us / USEC_PER_SEC);
	char date[64];
	struct tm tm;

	(void)member;
	if (us <= 0 || !localtime_r(&seconds, &tm) ||
	    strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		return NULL;
	return print("%s.%06d", date, (int)(us % USEC_PER_SEC));
}

char *text_duration(const json_t *value, const char *member)
{
	(void)member;
	if (!json_is_integer(value))
		return NULL;
	return print("%.1f ms", (double)json_integer_value(value) / USEC_PER_MSEC);
}

char *text_errno(const json_t *value, const char *member)
{
	json_int_t error = json_integer_value(value);

	if (error == 0)
		return NULL;
	if (error < -ERRNO_MAX || error > ERRNO_MAX)
		return text_plain(value, member);
	return strdup(strerror((int)(error < 0 ? -error : error)));
}

char *text_cause(const json_t *value, const char *member)
{
	const char *kind = string_of(value, "kind");
	_cleanup_free_ char *pid = NULL;
	_cleanup_free_ char *uid = NULL;

	if (!kind)
		return text_plain(value, member);
	if (!string_of(value, "comm"))
		return strdup(kind);
	pid = text_plain(json_object_get(value, "pid"), NULL);
	uid = text_plain(json_object_get(value, "uid"), NULL);
	return print("%s by %s[%s]%s%s", kind, string_of(value, "comm"), pid ?: "-",
		     uid ? " uid " : "", uid ?: "");
}

char *text_cause_lines(const json_t *value, const char *member)
{
	char *text = text_cause(value, member);
	char *by = text ? strstr(text, " by ") : NULL;

	if (by)
		*by = '\n';
	return text;
}

char *text_store(const json_t *value, const char *member)
{
	const char *state = string_of(value, "state"), *reason = string_of(value, "reason");
	json_int_t written = json_integer_value(json_object_get(value, "written"));
	json_int_t dropped = json_integer_value(json_object_get(value, "dropped"));
	_cleanup_free_ char *counts = NULL;

	if (!state)
		return text_plain(value, member);
	if (written || dropped)
		counts = print(", %" JSON_INTEGER_FORMAT " written, %" JSON_INTEGER_FORMAT
			       " dropped",
			       written, dropped);
	return print("%s%s%s%s", state, counts ?: "", reason ? ": " : "", reason ?: "");
}

/* Breaks at blanks alone; what has none stays whole. */
char *text_folded(const json_t *value, const char *member)
{
	char *text = text_plain(value, NULL);
	int width = member ? atoi(member) : 0;
	char *line = text, *blank = NULL;

	for (char *at = text; at && *at; at++) {
		if (at - line >= width && blank) {
			*blank = '\n';
			line = blank + 1;
			blank = NULL;
		}
		if (*at == ' ')
			blank = at;
	}
	return text;
}

char *text_domain(const json_t *value, const char *member)
{
	_cleanup_free_ char *id = NULL;
	const char *token;

	if (!json_is_object(value))
		return text_plain(value, member);
	id = text_plain(json_object_get(value, "id"), NULL);
	token = string_of(value, "bus_token");
	return print("%s (id %s%s%s)", string_of(value, "name") ?: "-", id ?: "-",
		     token ? ", " : "", token ?: "");
}

char *text_online(const json_t *value, const char *member)
{
	(void)member;
	return json_is_boolean(value) ? strdup(json_is_true(value) ? "online" : "offline") : NULL;
}

char *text_flag(const json_t *value, const char *member)
{
	return json_is_true(value) ? strdup(member) : NULL;
}
