// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A set of series. It is filled by whoever walks the model, one call for each vector: series with
 * the same labels are found by a hash table and added up, so that this takes a time that grows with
 * the number of calls, and no format ever tells one series twice, whatever names devices have.
 */
#include "metric.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "metric-private.h"

#define SERIES_FIRST 256
/* So many vectors a model can be told to have, and some more */
#define SERIES_MAX (1U << 25)

int metric_set_new(struct metric_set **ret)
{
	struct metric_set *set = calloc(1, sizeof(*set));

	if (!set)
		return -ENOMEM;
	*ret = set;
	return 0;
}

struct metric_set *metric_set_free(struct metric_set *set)
{
	if (!set)
		return NULL;
	while (set->chunks) {
		struct metric_chunk *next = set->chunks->next;

		free(set->chunks);
		set->chunks = next;
	}
	free(set->slots);
	free(set->series);
	free(set);
	return NULL;
}

int metric_set_error(const struct metric_set *set)
{
	return set->error;
}

void metric_set_fail(struct metric_set *set, int error)
{
	set->error = error;
}

/* ---- label values ---- */

/* @size bytes that live as long as the set; NULL without memory. */
static char *set_allocate(struct metric_set *set, size_t size)
{
	struct metric_chunk *chunk = set->chunks;
	char *place;

	if (!chunk || sizeof(chunk->text) - chunk->used < size) {
		chunk = calloc(1, sizeof(*chunk));
		if (!chunk) {
			set->error = -ENOMEM;
			return NULL;
		}
		chunk->next = set->chunks;
		set->chunks = chunk;
	}
	place = chunk->text + chunk->used;
	chunk->used += size;
	return place;
}

/* Bytes of the character at @text, 0 = it is no UTF-8. */
static size_t utf8_length(const unsigned char *text)
{
	unsigned char c = text[0];
	size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : 4;

	if (n == 4 && (c < 0xf0 || c > 0xf4))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	/* longer than need be, surrogates, beyond the last character */
	if ((c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f) ||
	    (c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] > 0x8f))
		return 0;
	return n;
}

/* The part of @text that has room, and whether all of @text is UTF-8 */
static size_t fitting_length(const char *text, bool *ret_valid)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t fits = 0, n;

	*ret_valid = true;
	while (*at) {
		n = utf8_length(at);
		if (!n) {
			*ret_valid = false;
			n = strlen(text);
			return n < METRIC_VALUE_MAX ? n : METRIC_VALUE_MAX;
		}
		at += n;
		if ((size_t)(at - (const unsigned char *)text) <= METRIC_VALUE_MAX)
			fits = (size_t)(at - (const unsigned char *)text);
	}
	return fits;
}

/* As json_text() has it: in a name that is no UTF-8, every byte beyond ASCII is "?". */
static const char *label_sound(struct metric_set *set, const char *text)
{
	bool valid;
	size_t length = fitting_length(text, &valid);
	char *copy;

	if (valid && !text[length])
		return text;
	copy = set_allocate(set, length + 1);
	if (!copy)
		return "";
	memcpy(copy, text, length);
	copy[length] = 0;
	for (char *c = copy; !valid && *c; c++)
		if ((unsigned char)*c > 0x7f)
			*c = '?';
	return copy;
}

const char *metric_text(struct metric_set *set, const char *text)
{
	bool valid;
	size_t length = fitting_length(text, &valid);
	char *copy = set_allocate(set, length + 1);

	if (!copy)
		return "";
	memcpy(copy, text, length);
	copy[length] = 0;
	return copy;
}

const char *metric_number(struct metric_set *set, uint64_t number)
{
	char text[METRIC_NUMBER_MAX];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	return metric_text(set, text);
}

/* ---- series ---- */

/* FNV-1a; *@ret_plain: the usual case, a short text of ASCII alone. */
static uint32_t hash_text(uint32_t hash, const char *text, bool *ret_plain)
{
	const unsigned char *c = (const unsigned char *)text;
	unsigned char all = 0;

	for (; *c; c++) {
		all |= *c;
		hash = (hash ^ *c) * 16777619U;
	}
	*ret_plain = all < 0x80 && c - (const unsigned char *)text <= METRIC_VALUE_MAX;
	return (hash ^ 0xff) * 16777619U;
}

/* Hashes the labels; those that cannot stand as they are, are replaced in @set, if it is not NULL. */
static uint32_t series_hash(struct metric_set *set, enum metric metric, const char **labels,
			    unsigned int n)
{
	uint32_t hash = 2166136261U ^ (uint32_t)metric, next;
	bool plain;

	for (unsigned int i = 0; i < n; i++) {
		labels[i] = labels[i] ?: "";
		next = hash_text(hash, labels[i], &plain);
		if (!plain && set) {
			labels[i] = label_sound(set, labels[i]);
			next = hash_text(hash, labels[i], &plain);
		}
		hash = next;
	}
	return hash;
}

static bool series_is(const struct metric_series *series, enum metric metric, uint32_t hash,
		      const char *const *labels, unsigned int n)
{
	if (series->hash != hash || series->metric != metric)
		return false;
	for (unsigned int i = 0; i < n; i++)
		if (series->labels[i] != labels[i] && strcmp(series->labels[i], labels[i]) != 0)
			return false;
	return true;
}

/* Where the series is, or would be; there is a free place. */
static uint32_t *slot_find(const struct metric_set *set, enum metric metric, uint32_t hash,
			   const char *const *labels, unsigned int n)
{
	size_t mask = set->n_slots - 1;

	for (size_t at = hash & mask;; at = (at + 1) & mask)
		if (!set->slots[at] ||
		    series_is(&set->series[set->slots[at] - 1], metric, hash, labels, n))
			return &set->slots[at];
}

void metric_set_rehash(struct metric_set *set)
{
	if (!set->n_slots)
		return;
	memset(set->slots, 0, set->n_slots * sizeof(*set->slots));
	for (size_t i = 0; i < set->n; i++) {
		size_t at = set->series[i].hash & (set->n_slots - 1);

		while (set->slots[at])
			at = (at + 1) & (set->n_slots - 1);
		set->slots[at] = (uint32_t)i + 1;
	}
}

/* Room for one more: slots are half empty at least. */
static int set_grow(struct metric_set *set)
{
	size_t n = set->allocated ? 2 * set->allocated : SERIES_FIRST;
	struct metric_series *series;
	uint32_t *slots;

	if (set->n < set->allocated)
		return 0;
	if (n > SERIES_MAX)
		return -ENOMEM;
	series = reallocarray(set->series, n, sizeof(*series));
	if (!series)
		return -ENOMEM;
	set->series = series;
	slots = calloc(2 * n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(set->slots);
	set->slots = slots;
	set->n_slots = 2 * n;
	set->allocated = n;
	metric_set_rehash(set);
	return 0;
}

void metric_add_series(struct metric_set *set, enum metric metric, uint64_t value,
		       const char *const labels[])
{
	unsigned int n = metric_n_labels(metric_family(metric));
	struct metric_series series = { .metric = metric, .value = value };
	uint32_t *slot;

	memcpy(series.labels, labels, n * sizeof(*labels));
	series.hash = series_hash(set, metric, series.labels, n);
	if (set_grow(set) < 0) {
		set->error = -ENOMEM;
		return;
	}
	slot = slot_find(set, metric, series.hash, series.labels, n);
	if (*slot) {
		uint64_t *sum = &set->series[*slot - 1].value;

		if (__builtin_add_overflow(*sum, value, sum))
			*sum = UINT64_MAX;
		return;
	}
	set->series[set->n++] = series;
	*slot = (uint32_t)set->n;
}

bool metric_has_series(struct metric_set *set, enum metric metric, const char *const labels[])
{
	unsigned int n = metric_n_labels(metric_family(metric));
	const char *sound[METRIC_LABELS_MAX] = {};
	uint32_t hash;

	memcpy(sound, labels, n * sizeof(*labels));
	hash = series_hash(set, metric, sound, n);
	return set->n_slots && *slot_find(set, metric, hash, sound, n);
}

static int by_labels(const void *a, const void *b)
{
	const struct metric_series *x = a, *y = b;
	int order = (x->metric > y->metric) - (x->metric < y->metric);
	unsigned int n = order ? 0 : metric_n_labels(metric_family(x->metric));

	for (unsigned int i = 0; i < n && !order; i++)
		order = strverscmp(x->labels[i], y->labels[i]);
	return order;
}

void metric_set_sort(struct metric_set *set)
{
	if (set->n)
		qsort(set->series, set->n, sizeof(*set->series), by_labels);
	metric_set_rehash(set);
}

size_t metric_set_count(const struct metric_set *set)
{
	return set->n;
}

const struct metric_series *metric_set_get(const struct metric_set *set, size_t i)
{
	return &set->series[i];
}
