// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perf's grammar (tools/perf/util/parse-events.[ly]), the part of it that counting on a CXL PMU
 * can use. What perf has besides (modifiers, raw and legacy events, tracepoints, breakpoints) is
 * refused with a word on why, not guessed at.
 */
#include "pmu-item.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>

struct reader {
	struct pmu_items *items;
	const char *at;
	uint32_t group; /* that is open, 0 = none */
	char *reason;
};

/* @at comes from outside: what of it is shown ends up in logs and on terminals. */
static int refuse_at(char reason[PMU_REASON_MAX], const char *what, const char *at, size_t length)
{
	char shown[41] = "";

	for (size_t i = 0; i < length && i < sizeof(shown) - 1; i++)
		shown[i] = (char)(isprint((unsigned char)at[i]) ? at[i] : '?');
	if (length)
		snprintf(reason, PMU_REASON_MAX, "%s at \"%s\"", what, shown);
	else
		snprintf(reason, PMU_REASON_MAX, "%s at the end", what);
	return -EINVAL;
}

static int refuse(struct reader *r, const char *what, const char *at)
{
	return refuse_at(r->reason, what, at, strcspn(at, " \t"));
}

/* ---- Terms ----------------------------------------------------------------------------------- */

static bool is_term(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_*?.[]!-:", c));
}

/* Decimal, or hexadecimal of at most 16 digits. What is neither is text. False: too large. */
static bool read_number(struct pmu_term *term)
{
	const char *text = term->value;
	bool hex = text[0] == '0' && text[1] == 'x';
	size_t digits =
		strspn(hex ? text + 2 : text, hex ? "0123456789abcdefABCDEF" : "0123456789");
	char *end;

	if (!digits || text[digits + (hex ? 2 : 0)] || (hex && digits > 16))
		return true;
	errno = 0;
	term->number = strtoull(text, &end, hex ? 16 : 10);
	term->is_number = errno == 0;
	return term->is_number;
}

static size_t trimmed(const char **text, size_t length)
{
	while (length && isblank((unsigned char)**text))
		(*text)++, length--;
	while (length && isblank((unsigned char)(*text)[length - 1]))
		length--;
	return length;
}

/* One side of a term: a name or a value */
static bool copy_side(const char *text, size_t length, char side[64])
{
	length = trimmed(&text, length);
	if (!length || length >= 64)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_term(text[i]))
			return false;
	memcpy(side, text, length);
	side[length] = '\0';
	return true;
}

static int read_term(const char *text, size_t length, struct pmu_term *ret,
		     char reason[PMU_REASON_MAX])
{
	const char *equals = memchr(text, '=', length);
	struct pmu_term term = {};
	size_t name = equals ? (size_t)(equals - text) : length;

	if (!copy_side(text, name, term.name) ||
	    (equals && !copy_side(equals + 1, length - name - 1, term.value)))
		return refuse_at(reason, "no NAME or NAME=VALUE", text, length);
	if (!read_number(&term))
		return refuse_at(reason, "too large a number", text, length);
	*ret = term;
	return 0;
}

int pmu_terms_parse(const char *text, struct pmu_term ret[PMU_TERMS_MAX], size_t *ret_n,
		    char ret_reason[PMU_REASON_MAX])
{
	size_t n = 0, length;
	int rc;

	for (text += strspn(text, " \t"); *text || n; text += length + 1) {
		if (n == PMU_TERMS_MAX)
			return refuse_at(ret_reason, "too many terms", text, strcspn(text, ","));
		length = strcspn(text, ",");
		rc = read_term(text, length, &ret[n++], ret_reason);
		if (rc < 0)
			return rc;
		if (!text[length])
			break;
	}
	*ret_n = n;
	return 0;
}

/* ---- Events and groups ----------------------------------------------------------------------- */

static void skip_blanks(struct reader *r)
{
	r->at += strspn(r->at, " \t");
}

/* Names of PMUs (or patterns) and events */
static bool is_name(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_-.*?[]!", c));
}

static int append(struct reader *r, const struct pmu_item *item)
{
	struct pmu_items *items = r->items;
	struct pmu_item *grown;

	if (items->n == PMU_ITEMS_MAX) {
		snprintf(r->reason, PMU_REASON_MAX, "more than %u events", PMU_ITEMS_MAX);
		return -E2BIG;
	}
	grown = reallocarray(items->items, items->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	items->items = grown;
	grown[items->n++] = *item;
	return 0;
}

/* "/TERMS/" behind the name that was read from @start on */
static int read_terms(struct reader *r, const char *start, struct pmu_item *item)
{
	struct pmu_term split[PMU_TERMS_MAX];
	const char *terms = ++r->at;
	size_t length = strcspn(terms, "/"), n;

	if (!terms[length])
		return refuse(r, "no closing /", start);
	if (length >= sizeof(item->terms))
		return refuse(r, "more than 127 characters between slashes", start);
	memcpy(item->terms, terms, length);
	r->at = terms + length + 1;
	return pmu_terms_parse(item->terms, split, &n, r->reason);
}

static int read_item(struct reader *r)
{
	struct pmu_item item = { .group = r->group };
	const char *start = r->at;
	size_t length = 0;
	int rc = 0;

	while (is_name(start[length]))
		length++;
	r->at += length;
	if (!length)
		return refuse(r, "no event", start);
	if (length >= sizeof(item.pmu))
		return refuse(r, "a name of more than 63 characters", start);
	if (*r->at == '/') {
		memcpy(item.pmu, start, length);
		rc = read_terms(r, start, &item);
	} else {
		memcpy(item.terms, start, length);
		item.bare = true;
	}
	if (rc < 0)
		return rc;
	if (*r->at == ':')
		return refuse(r, "a CXL PMU knows no modifiers, nothing may follow the event",
			      start);
	if (*r->at && !strchr(" \t,}", *r->at))
		return refuse(r, "an event ends with a comma", r->at);
	return append(r, &item);
}

/* One comma, with or without blanks around it, or blanks alone */
static void skip_separator(struct reader *r)
{
	skip_blanks(r);
	if (*r->at == ',')
		r->at++;
	skip_blanks(r);
}

static int read_group(struct reader *r)
{
	const char *start = r->at++;
	int rc;

	r->group = ++r->items->n_groups;
	skip_blanks(r);
	for (;;) {
		if (!*r->at)
			return refuse(r, "no closing }", start);
		if (*r->at == '{')
			return refuse(r, "a group in a group", r->at);
		rc = read_item(r);
		if (rc < 0)
			return rc;
		skip_blanks(r);
		if (*r->at == '}')
			break;
		skip_separator(r);
	}
	r->at++;
	r->group = 0;
	if (*r->at == ':')
		return refuse(r, "a CXL PMU knows no modifiers, nothing may follow the group",
			      start);
	if (*r->at && !strchr(" \t,", *r->at))
		return refuse(r, "a group ends with a comma", r->at);
	return 0;
}

static int read_list(struct reader *r)
{
	int rc;

	skip_blanks(r);
	for (;;) {
		rc = *r->at == '{' ? read_group(r) : read_item(r);
		if (rc < 0)
			return rc;
		skip_blanks(r);
		if (!*r->at)
			return 0;
		if (*r->at == '}')
			return refuse(r, "no group to close", r->at);
		skip_separator(r);
	}
}

int pmu_items_parse(struct pmu_items *items, const char *text, char ret_reason[PMU_REASON_MAX])
{
	struct reader r = { .items = items, .at = text, .reason = ret_reason };
	size_t before = items->n;
	uint32_t groups = items->n_groups;
	int rc = read_list(&r);

	if (rc < 0) {
		items->n = before;
		items->n_groups = groups;
	}
	return rc;
}

void pmu_items_done(struct pmu_items *items)
{
	free(items->items);
	*items = (struct pmu_items){};
}
