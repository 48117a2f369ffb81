// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rows out of answers. Rates are made per vector and only then summed up: a device that gets one
 * more vector, or whose vector starts anew, would else seem to have had all its interrupts at once.
 *
 * Where several devices share a vector, nobody can tell whose interrupts those were: each of them
 * shows all of it, and the sum over all devices is made of vectors, each once.
 */
#include "top-sample.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cxlirqd/json.h"

#define USEC_PER_SEC 1e6

/* A device's part of a vector, on the way to rows of devices */
struct share {
	char *key;
	const struct top_row *vector;
	const json_t *owner; /* NULL: nobody has it */
};

static const char *string_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static uint64_t count_of(const json_t *object, const char *key)
{
	json_int_t count = json_integer_value(json_object_get(object, key));

	return count > 0 ? (uint64_t)count : 0;
}

static int64_t number_or_none(const json_t *value)
{
	return json_is_integer(value) ? json_integer_value(value) : -1;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct top_row *)a)->key, ((const struct top_row *)b)->key);
}

static const struct top_row *find_row(const struct top_row *rows, size_t n, const char *key)
{
	const struct top_row wanted = { .key = (char *)key };

	return n > 0 ? bsearch(&wanted, rows, n, sizeof(*rows), by_key) : NULL;
}

static void free_rows(struct top_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(rows[i].key);
	free(rows);
}

struct top_sample *top_sample_free(struct top_sample *sample)
{
	if (!sample)
		return NULL;
	free_rows(sample->devices, sample->n_devices);
	free_rows(sample->vectors, sample->n_vectors);
	json_decref(sample->status);
	json_decref(sample->answer);
	free(sample);
	return NULL;
}

/* ---- Vectors ----------------------------------------------------------------------------------- */

/* A violation is that of its interrupt, if there still is one of this number. */
static uint64_t violations_of_irq(const struct top_answers *answers, bool *placed, int64_t irq)
{
	uint64_t n = 0;

	for (size_t i = 0; i < json_array_size(answers->violations); i++) {
		const json_t *violation = json_array_get(answers->violations, i);

		if (number_or_none(json_object_get(violation, "irq")) != irq)
			continue;
		placed[i] = true;
		n++;
	}
	return n;
}

/* Else it is that of its device. */
static uint64_t violations_of_device(const struct top_answers *answers, const bool *placed,
				     const struct top_row *row)
{
	const char *device = row->device ?: row->provider;
	uint64_t n = 0;

	for (size_t i = 0; device && i < json_array_size(answers->violations); i++) {
		const char *whose = string_of(json_array_get(answers->violations, i), "device");

		n += !placed[i] && whose && strcmp(whose, device) == 0;
	}
	return n;
}

static int fill_vector(const json_t *vector, struct top_row *row)
{
	const json_t *owners = json_object_get(vector, "owners");
	const json_t *owner = json_array_get(owners, 0);

	*row = (struct top_row){
		.provider = string_of(vector, "provider"),
		.device = string_of(owner, "device"),
		.driver = string_of(owner, "driver"),
		.relation = string_of(owner, "relation"),
		.action = string_of(owner, "action"),
		.cpu = string_of(vector, "effective_affinity"),
		.state = string_of(vector, "state"),
		.irq = number_or_none(json_object_get(vector, "irq")),
		.index = number_or_none(json_object_get(vector, "index")),
		.vectors = 1,
		.interrupts = count_of(vector, "interrupts"),
		.message_changes = count_of(vector, "message_changes"),
		.affinity_changes = count_of(vector, "affinity_changes"),
		.rate = -1,
	};
	/* an interrupt's number is given to another one when it is free */
	if (asprintf(&row->key, "%010lld %s %lld", (long long)row->irq, row->provider ?: "",
		     (long long)row->index) < 0) {
		row->key = NULL;
		return -ENOMEM;
	}
	return 0;
}

static void compare(struct top_row *row, const struct top_row *before, double seconds)
{
	if (!before)
		return;
	if (seconds <= 0) {
		row->rate = before->rate;
		row->changed = before->changed;
		return;
	}
	row->changed = row->message_changes > before->message_changes ||
		       row->affinity_changes > before->affinity_changes ||
		       row->violations > before->violations;
	if (row->interrupts >= before->interrupts)
		row->rate = (double)(row->interrupts - before->interrupts) / seconds;
}

static int make_vectors(struct top_sample *sample, const struct top_answers *answers,
			const struct top_sample *before, bool *placed)
{
	double seconds =
		before ? (double)(sample->counted_us - before->counted_us) / USEC_PER_SEC : 0;
	size_t n = json_array_size(answers->vectors);
	int r;

	sample->rate = -1;
	sample->vectors = calloc(n + 1, sizeof(*sample->vectors));
	if (!sample->vectors)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct top_row *row = &sample->vectors[sample->n_vectors];

		r = fill_vector(json_array_get(answers->vectors, i), row);
		if (r < 0)
			return r;
		row->violations = violations_of_irq(answers, placed, row->irq);
		sample->n_vectors++;
		if (!before)
			continue;
		compare(row, find_row(before->vectors, before->n_vectors, row->key), seconds);
		if (row->rate >= 0)
			sample->rate = row->rate + (sample->rate > 0 ? sample->rate : 0);
	}
	return 0;
}

/* ---- Devices ----------------------------------------------------------------------------------- */

static int by_share(const void *a, const void *b)
{
	const struct share *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ?: (x->vector > y->vector) - (x->vector < y->vector);
}

static int add_share(struct share *shares, size_t *n, const struct top_row *vector,
		     const json_t *owner)
{
	const char *device = string_of(owner, "device");
	struct share share = { .vector = vector, .owner = owner };

	/* what is no device has the name of its handler */
	if (asprintf(&share.key, "%s\n%s\n%s\n%s", device ?: "",
		     device			? "" :
		     string_of(owner, "action") ?:
						  "",
		     vector->provider ?: "", string_of(owner, "relation") ?: "") < 0)
		return -ENOMEM;
	shares[(*n)++] = share;
	return 0;
}

static int make_shares(const struct top_sample *sample, struct share *shares, size_t *n)
{
	const json_t *vectors = sample->answer;
	int r = 0;

	for (size_t i = 0; i < sample->n_vectors && r == 0; i++) {
		const json_t *owners = json_object_get(json_array_get(vectors, i), "owners");

		if (json_array_size(owners) == 0)
			r = add_share(shares, n, &sample->vectors[i], NULL);
		for (size_t j = 0; j < json_array_size(owners) && r == 0; j++)
			r = add_share(shares, n, &sample->vectors[i], json_array_get(owners, j));
	}
	return r;
}

static void start_device(struct top_row *row, struct share *share)
{
	char *key = TAKE_PTR(share->key);

	*row = (struct top_row){
		.key = key,
		.device = string_of(share->owner, "device"),
		.provider = share->vector->provider,
		.driver = string_of(share->owner, "driver"),
		.relation = string_of(share->owner, "relation"),
		.action = string_of(share->owner, "action"),
		.irq = share->vector->irq,
		.index = -1,
		.rate = -1,
	};
}

static void add_to_device(struct top_row *row, const struct top_row *vector)
{
	if (row->irq != vector->irq)
		row->irq = -1; /* more than one */
	row->vectors++;
	row->interrupts += vector->interrupts;
	row->message_changes += vector->message_changes;
	row->affinity_changes += vector->affinity_changes;
	row->violations += vector->violations;
	row->changed |= vector->changed;
	if (vector->rate >= 0)
		row->rate = vector->rate + (row->rate > 0 ? row->rate : 0);
}

static void fold(struct top_sample *sample, struct share *shares, size_t n)
{
	struct top_row *row = NULL;

	for (size_t i = 0; i < n; i++) {
		bool same = row && strcmp(row->key, shares[i].key) == 0;

		/* one device may have two handlers on a vector */
		if (same && shares[i].vector == shares[i - 1].vector)
			continue;
		if (!same) {
			row = &sample->devices[sample->n_devices++];
			start_device(row, &shares[i]);
		}
		add_to_device(row, shares[i].vector);
	}
}

static int make_devices(struct top_sample *sample, const struct top_answers *answers,
			const bool *placed)
{
	size_t n = 0, n_max = 0;
	struct share *shares;
	int r = -ENOMEM;

	for (size_t i = 0; i < sample->n_vectors; i++)
		n_max += 1 + json_array_size(
				     json_object_get(json_array_get(sample->answer, i), "owners"));
	shares = calloc(n_max + 1, sizeof(*shares));
	sample->devices = calloc(n_max + 1, sizeof(*sample->devices));
	if (shares && sample->devices) {
		r = make_shares(sample, shares, &n);
		qsort(shares, n, sizeof(*shares), by_share);
	}
	if (r == 0)
		fold(sample, shares, n);
	for (size_t i = 0; r == 0 && i < sample->n_devices; i++)
		sample->devices[i].violations +=
			violations_of_device(answers, placed, &sample->devices[i]);
	for (size_t i = 0; i < n; i++)
		free(shares[i].key);
	free(shares);
	return r;
}

/* ---- The whole --------------------------------------------------------------------------------- */

static int64_t sum_of(const json_t *list)
{
	int64_t sum = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		sum += json_integer_value(json_object_get(json_array_get(list, i), "count"));
	return sum;
}

int top_sample_new(const struct top_answers *answers, const struct top_sample *before,
		   struct top_sample **ret)
{
	_cleanup_(top_sample_freep) struct top_sample *sample = NULL;
	_cleanup_free_ bool *placed = NULL;
	int r;

	/* another clock: nothing to be compared with */
	if (before && answers->counted_us < before->counted_us)
		before = NULL;
	sample = calloc(1, sizeof(*sample));
	placed = calloc(json_array_size(answers->violations) + 1, sizeof(*placed));
	if (!sample || !placed)
		return -ENOMEM;
	sample->answer = json_incref(answers->vectors);
	sample->status = json_incref((json_t *)answers->status);
	sample->counted_us = answers->counted_us;
	sample->violations =
		json_integer_value(json_object_get(answers->status, "violations_open"));
	sample->lost = sum_of(json_object_get(answers->status, "lost"));
	r = make_vectors(sample, answers, before, placed);
	/* before the vectors are in another order than the answer has them */
	if (r == 0)
		r = make_devices(sample, answers, placed);
	if (r < 0)
		return r;
	qsort(sample->vectors, sample->n_vectors, sizeof(*sample->vectors), by_key);
	*ret = TAKE_PTR(sample);
	return 0;
}

static json_t *rate_to_json(double rate)
{
	return rate < 0 ? json_null() : json_real(rate);
}

json_t *top_row_to_json(const struct top_row *row)
{
	return json_pack("{s:s?, s:s?, s:s?, s:s?, s:s?, s:I, s:I, s:o, s:I, s:I, s:I}", "device",
			 row->device, "provider", row->provider, "driver", row->driver, "relation",
			 row->relation, "action", row->device ? NULL : row->action, "vectors",
			 (json_int_t)row->vectors, "interrupts", (json_int_t)row->interrupts,
			 "interrupts_per_second", rate_to_json(row->rate), "message_changes",
			 (json_int_t)row->message_changes, "affinity_changes",
			 (json_int_t)row->affinity_changes, "violations",
			 (json_int_t)row->violations);
}

json_t *top_sample_to_json(const struct top_sample *sample, int64_t elapsed_us)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < sample->n_devices; i++)
		json_add(&rows, top_row_to_json(&sample->devices[i]));
	return json_pack("{s:I, s:o, s:O?, s:O?, s:I, s:I, s:I, s:o, s:o}", "time_us",
			 (json_int_t)sample->counted_us, "elapsed_us",
			 elapsed_us < 0 ? json_null() : json_integer(elapsed_us), "health",
			 json_object_get(sample->status, "health"), "reasons",
			 json_object_get(sample->status, "reasons"), "violations_open",
			 (json_int_t)sample->violations, "records_lost", (json_int_t)sample->lost,
			 "vectors", (json_int_t)sample->n_vectors, "interrupts_per_second",
			 rate_to_json(sample->rate), "devices", rows);
}
