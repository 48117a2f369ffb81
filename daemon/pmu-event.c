// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perf resolves an event in passes, and so does this: events among the terms give way to the terms
 * they stand for, in place; then the words are set that are given as a whole, the last one winning;
 * then the bits are put in that single terms name.
 */
#include "pmu-event.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MIN(a, b) ((a) < (b) ? (a) : (b))

static const char *const words[PMU_WORDS] = { "config", "config1", "config2" };

/* ---- Formats --------------------------------------------------------------------------------- */

static int read_bit(const char **text, unsigned int *ret)
{
	unsigned long bit;
	char *end;

	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	bit = strtoul(*text, &end, 10);
	if (bit > 63)
		return -EINVAL;
	*text = end;
	*ret = (unsigned int)bit;
	return 0;
}

static int read_bits(const char *text, uint64_t *ret)
{
	unsigned int from, to;
	uint64_t bits = 0;

	for (;; text++) {
		if (read_bit(&text, &from) < 0)
			return -EINVAL;
		to = from;
		if (*text == '-' && (text++, read_bit(&text, &to) < 0))
			return -EINVAL;
		if (to < from)
			return -EINVAL;
		bits |= (UINT64_MAX >> (63 - to)) & (UINT64_MAX << from);
		if (!*text)
			break;
		if (*text != ',')
			return -EINVAL;
	}
	*ret = bits;
	return 0;
}

int pmu_format_parse(const char *name, const char *text, struct pmu_format *ret)
{
	const char *colon = strchr(text, ':');
	struct pmu_format format = {};

	if (!colon || strlen(name) >= sizeof(format.name))
		return -EINVAL;
	while (format.word < PMU_WORDS &&
	       (strlen(words[format.word]) != (size_t)(colon - text) ||
		strncmp(words[format.word], text, (size_t)(colon - text))))
		format.word++;
	if (format.word == PMU_WORDS || read_bits(colon + 1, &format.bits) < 0)
		return -EINVAL;
	strcpy(format.name, name);
	*ret = format;
	return 0;
}

static const struct pmu_format *format_find(const struct pmu_vocabulary *pmu, const char *name)
{
	for (size_t i = 0; i < pmu->n_formats; i++)
		if (!strcmp(pmu->formats[i].name, name))
			return &pmu->formats[i];
	return NULL;
}

static uint64_t format_max(const struct pmu_format *format)
{
	int width = __builtin_popcountll(format->bits);

	return width == 64 ? UINT64_MAX : (1ULL << width) - 1;
}

/* The lowest bit of @value goes to the lowest bit of the format, and so on. */
static uint64_t format_pack(const struct pmu_format *format, uint64_t value)
{
	uint64_t packed = 0;

	for (unsigned int bit = 0; bit < 64; bit++) {
		if (!(format->bits >> bit & 1))
			continue;
		packed |= (value & 1) << bit;
		value >>= 1;
	}
	return packed;
}

/* perf does not mind the case of an event's name. */
const struct pmu_alias *pmu_alias_find(const struct pmu_vocabulary *pmu, const char *name)
{
	for (size_t i = 0; i < pmu->n_aliases; i++)
		if (!strcasecmp(pmu->aliases[i].name, name))
			return &pmu->aliases[i];
	return NULL;
}

/* ---- What to say of a name that is not there --------------------------------------------------- */

#define NAME_MAX_LENGTH 64
#define NEAR 3 /* letters to change, add or take away */

static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[NAME_MAX_LENGTH + 1], left, above;

	for (unsigned int j = 0; j <= strlen(b); j++)
		row[j] = j;
	for (unsigned int i = 1; i <= strlen(a); i++) {
		above = row[0];
		row[0] = i;
		for (unsigned int j = 1; j <= strlen(b); j++) {
			left = MIN(row[j], row[j - 1]) + 1;
			left = MIN(left, above + (a[i - 1] != b[j - 1]));
			above = row[j];
			row[j] = left;
		}
	}
	return row[strlen(b)];
}

static bool is_near(const char *asked, const char *name)
{
	return strlen(asked) <= NAME_MAX_LENGTH && strlen(name) <= NAME_MAX_LENGTH &&
	       (distance(asked, name) <= NEAR || (strlen(asked) > 2 && strstr(name, asked)));
}

/* Appends one more name while there is room, else "..." once. */
static void list_name(char reason[PMU_REASON_MAX], size_t *n, const char *name)
{
	size_t length = strlen(reason);

	if (length >= 3 && !strcmp(reason + length - 3, "..."))
		return;
	if (length + strlen(name) + 2 + 5 < PMU_REASON_MAX)
		sprintf(reason + length, "%s%s", (*n)++ ? ", " : "", name);
	else if (length + 5 < PMU_REASON_MAX)
		strcat(reason, ", ...");
}

static int no_event(const struct pmu_vocabulary *pmu, const char *name, char reason[PMU_REASON_MAX])
{
	size_t n = 0, nearby = 0;

	for (size_t i = 0; i < pmu->n_aliases; i++)
		nearby += is_near(name, pmu->aliases[i].name);
	snprintf(reason, PMU_REASON_MAX, "no event \"%s\", %s", name,
		 nearby		? "like it: " :
		 pmu->n_aliases ? "there are: " :
				  "nor any other");
	for (size_t i = 0; i < pmu->n_aliases; i++)
		if (!nearby || is_near(name, pmu->aliases[i].name))
			list_name(reason, &n, pmu->aliases[i].name);
	return -ENOENT;
}

static int no_term(const struct pmu_vocabulary *pmu, const char *name, char reason[PMU_REASON_MAX])
{
	size_t n = 0;

	snprintf(reason, PMU_REASON_MAX, "no term \"%s\", there are: ", name);
	for (size_t i = 0; i < pmu->n_formats; i++)
		list_name(reason, &n, pmu->formats[i].name);
	list_name(reason, &n, "name");
	for (size_t i = 0; i < PMU_WORDS; i++)
		list_name(reason, &n, words[i]);
	return -ENOENT;
}

/* ---- Terms ----------------------------------------------------------------------------------- */

/* PMU_TERMS_MAX of the item, one of which can stand for as many */
struct terms {
	struct pmu_term terms[2 * PMU_TERMS_MAX];
	size_t n;
};

/* The event that a term names: NAME alone, where no format has it, or event=NAME */
static const struct pmu_alias *term_alias(const struct pmu_vocabulary *pmu,
					  const struct pmu_term *term, bool bare)
{
	if (!term->value[0])
		return !bare && format_find(pmu, term->name) ? NULL :
							       pmu_alias_find(pmu, term->name);
	return term->is_number || strcasecmp(term->name, "event") ?
		       NULL :
		       pmu_alias_find(pmu, term->value);
}

static int add_terms(struct terms *all, const struct pmu_term *terms, size_t n,
		     char reason[PMU_REASON_MAX])
{
	if (all->n + n > sizeof(all->terms) / sizeof(*all->terms)) {
		snprintf(reason, PMU_REASON_MAX, "too many terms");
		return -EINVAL;
	}
	memcpy(all->terms + all->n, terms, n * sizeof(*terms));
	all->n += n;
	return 0;
}

static int add_expanded(const struct pmu_vocabulary *pmu, const struct pmu_term *term, bool bare,
			struct terms *all, char reason[PMU_REASON_MAX])
{
	const struct pmu_alias *alias = term_alias(pmu, term, bare);
	struct pmu_term expanded[PMU_TERMS_MAX];
	size_t n;
	int r;

	if (!alias)
		return add_terms(all, term, 1, reason);
	r = pmu_terms_parse(alias->terms, expanded, &n, reason);
	return r < 0 ? r : add_terms(all, expanded, n, reason);
}

static int word_of(const char *name)
{
	for (int i = 0; i < PMU_WORDS; i++)
		if (!strcmp(words[i], name))
			return i;
	return -ENOENT;
}

/* r1e98: config as a whole, unless something has that very name */
static bool is_raw(const struct pmu_vocabulary *pmu, const struct pmu_term *term)
{
	const char *digits = term->name + (strncmp(term->name, "r0x", 3) ? 1 : 3);
	size_t n = strspn(digits, "0123456789abcdefABCDEF");

	return term->name[0] == 'r' && !term->value[0] && n && n <= 16 && !digits[n] &&
	       !format_find(pmu, term->name);
}

/* True: the term is one of perf's own, not of the PMU, and @ret_r says how it went. */
static bool apply_own(const struct pmu_vocabulary *pmu, const struct pmu_term *term,
		      struct pmu_event *event, int *ret_r, char reason[PMU_REASON_MAX])
{
	int word = word_of(term->name);

	*ret_r = 0;
	if (word >= 0 && term->value[0] && !term->is_number) {
		snprintf(reason, PMU_REASON_MAX, "%s=%.40s is no number", term->name, term->value);
		*ret_r = -EINVAL;
	} else if (word >= 0) {
		event->config[word] = term->value[0] ? term->number : 1;
	} else if (is_raw(pmu, term)) {
		event->config[0] = strtoull(term->name + 1, NULL, 16);
	} else if (strcmp(term->name, "name") || !term->value[0]) {
		return false;
	}
	return true;
}

static int apply_format(const struct pmu_vocabulary *pmu, const struct pmu_term *term,
			struct pmu_event *event, char reason[PMU_REASON_MAX])
{
	const struct pmu_format *format = format_find(pmu, term->name);
	uint64_t value = term->value[0] ? term->number : 1;

	if (!format && !term->value[0])
		return no_event(pmu, term->name, reason);
	if (!format && !strcasecmp(term->name, "event"))
		return no_event(pmu, term->value, reason);
	if (!format)
		return no_term(pmu, term->name, reason);
	if (!term->value[0] && format_max(format) > 1)
		snprintf(reason, PMU_REASON_MAX, "%.30s needs a value, of 0 to %#llx", term->name,
			 (unsigned long long)format_max(format));
	else if (term->value[0] && !term->is_number)
		snprintf(reason, PMU_REASON_MAX, "%.30s=%.40s is no number", term->name,
			 term->value);
	else if (value > format_max(format))
		snprintf(reason, PMU_REASON_MAX, "%.30s=%.40s is more than %#llx", term->name,
			 term->value, (unsigned long long)format_max(format));
	else {
		event->config[format->word] |= format_pack(format, value);
		return 0;
	}
	return -EINVAL;
}

/* An event in front of the slashes joins the terms, as far as there is room. */
void pmu_event_label(const struct pmu_item *item, const char *event, char ret_label[PMU_LABEL_MAX])
{
	struct pmu_term terms[PMU_TERMS_MAX];
	char unused[PMU_REASON_MAX], label[2 * PMU_LABEL_MAX];
	size_t n = 0;

	snprintf(label, sizeof(label), "%s%s%s", event ?: "", event && item->terms[0] ? "," : "",
		 item->terms);
	if (pmu_terms_parse(item->terms, terms, &n, unused) >= 0)
		for (size_t i = 0; i < n; i++)
			if (!strcmp(terms[i].name, "name") && terms[i].value[0])
				strcpy(label, terms[i].value);
	snprintf(ret_label, PMU_LABEL_MAX, "%.*s", (int)PMU_LABEL_MAX - 1, label);
}

int pmu_event_resolve(const struct pmu_vocabulary *pmu, const struct pmu_item *item,
		      const char *event, struct pmu_event *ret, char ret_reason[PMU_REASON_MAX])
{
	struct pmu_term own[PMU_TERMS_MAX], extra = {};
	struct pmu_event resolved = {};
	struct terms all = {};
	bool taken[2 * PMU_TERMS_MAX] = {};
	size_t n = 0;
	int r;

	pmu_event_label(item, event, resolved.label);
	/* a word alone is an event, also where a term is called so */
	if (item->bare && !pmu_alias_find(pmu, item->terms))
		return no_event(pmu, item->terms, ret_reason);
	r = pmu_terms_parse(item->terms, own, &n, ret_reason);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = add_expanded(pmu, &own[i], item->bare, &all, ret_reason);
	if (r >= 0 && event) {
		snprintf(extra.name, sizeof(extra.name), "%s", event);
		r = add_expanded(pmu, &extra, true, &all, ret_reason);
	}
	for (size_t i = 0; i < all.n && r >= 0; i++)
		taken[i] = apply_own(pmu, &all.terms[i], &resolved, &r, ret_reason);
	for (size_t i = 0; i < all.n && r >= 0; i++)
		if (!taken[i])
			r = apply_format(pmu, &all.terms[i], &resolved, ret_reason);
	if (r < 0)
		return r;
	*ret = resolved;
	return 0;
}
