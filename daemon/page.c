// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A host may have ten thousand vectors; nobody reads as many lines, and a browser that gets them
 * every few seconds does nothing else. So what belongs to one sub-device is one row, the rows with
 * most interrupts are shown, and of the violations the gravest ones.
 */
#define HASH_NONFATAL_OOM 1
#include "page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/json.h>

#include "ledger.h"
#include "page-files.h"
#include "picture.h"

/* Of more vectors than this, the picture is made of those alone that may be in it. */
#define PICTURE_ALL_MAX 1000

#define FILE_TEXT(text) text, sizeof(text) - 1

static const struct page_file files[] = {
	{ "/", "text/html; charset=utf-8", FILE_TEXT(page_html) },
	{ "/page.css", "text/css; charset=utf-8", FILE_TEXT(page_css) },
	{ "/page.js", "text/javascript; charset=utf-8", FILE_TEXT(page_js) },
	{ "/icon.svg", "image/svg+xml; charset=utf-8", FILE_TEXT(page_icon) },
};

const struct page_file *page_file(const char *path)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (!strcmp(files[i].path, path))
			return &files[i];
	return NULL;
}

/* ---- violations ------------------------------------------------------------------------------ */

static int severity_of(const json_t *violation)
{
	const char *name = json_string_value(json_object_get(violation, "severity")) ?: "";

	for (enum severity s = SEVERITY_NOTICE; s < SEVERITY_MAX; s++)
		if (!strcmp(name, severity_name(s)))
			return (int)s;
	return -EINVAL;
}

/* The gravest first, of those the latest */
static int compare_violations(const void *a, const void *b)
{
	const json_t *one = *(json_t *const *)a, *other = *(json_t *const *)b;
	json_int_t n = json_integer_value(json_object_get(one, "last_us"));
	json_int_t m = json_integer_value(json_object_get(other, "last_us"));
	int by_severity = severity_of(other) - severity_of(one);

	return by_severity ? by_severity : n > m ? -1 : n < m;
}

static json_t *worst_violations(const struct violations *violations, size_t *ret_left)
{
	json_auto_t *all = violations_to_json(violations, false);
	size_t n = json_array_size(all), i;
	_cleanup_free_ json_t **order = calloc(n + 1, sizeof(*order));
	json_t *worst, *violation;

	if (!order || !all)
		return NULL;
	worst = json_array();
	json_array_foreach(all, i, violation)
		order[i] = violation;
	qsort(order, n, sizeof(*order), compare_violations);
	for (i = 0; i < n && i < PAGE_VIOLATIONS_MAX; i++)
		json_add(&worst, json_incref(order[i]));
	*ret_left = n - i;
	return worst;
}

/* ---- vectors by sub-device ------------------------------------------------------------------- */

struct row_key {
	char provider[64], owner[64];
	const char *relation; /* static; "" = no handler */
};

struct row {
	struct row_key key;
	const struct record_dev *owner;
	uint32_t vectors, first_irq, last_irq;
	uint64_t interrupts, message_changes;
	const struct vector *counted; /* a vector counts once, however many handlers it has */
	UT_hash_handle hh;
};

static struct row *rows_free(struct row *rows)
{
	struct row *row, *next;

	HASH_ITER(hh, rows, row, next) {
		HASH_DEL(rows, row);
		free(row);
	}
	return NULL;
}
DEFINE_CLEANUP(struct row *, rows_free);

static struct row *row_get(struct row **rows, const struct vector *vector,
			   const struct record_dev *owner, const char *relation)
{
	struct row_key key;
	struct row *row;

	/* the whole of it is compared */
	memset(&key, 0, sizeof(key));
	memccpy(key.provider, vector->provider.name, '\0', sizeof(key.provider));
	if (owner)
		memccpy(key.owner, owner->name, '\0', sizeof(key.owner));
	key.relation = relation;
	HASH_FIND(hh, *rows, &key, sizeof(key), row);
	if (row)
		return row;
	row = calloc(1, sizeof(*row));
	if (!row)
		return NULL;
	row->key = key;
	row->owner = owner;
	row->first_irq = row->last_irq = vector->irq;
	HASH_ADD(hh, *rows, key, sizeof(key), row);
	if (row->hh.tbl)
		return row;
	free(row);
	return NULL;
}

static int row_count(struct row *row, const struct vector *vector, uint64_t interrupts)
{
	if (!row)
		return -ENOMEM;
	row->interrupts += interrupts;
	if (row->counted == vector)
		return 0;
	row->counted = vector;
	row->vectors++;
	if (vector->irq < row->first_irq)
		row->first_irq = vector->irq;
	if (vector->irq > row->last_irq)
		row->last_irq = vector->irq;
	row->message_changes += vector->message_changes;
	return 0;
}

static int rows_add(struct row **rows, const struct model *model, const struct vector *vector)
{
	int r = 0;

	if (!vector->actions)
		r = row_count(row_get(rows, vector, NULL, ""), vector, vector->unowned);
	for (const struct action *a = vector->actions; a && r >= 0; a = a->next)
		r = row_count(row_get(rows, vector, &a->device, vector_relation(model, vector, a)),
			      vector, a->device.name[0] ? a->interrupts : vector->unowned);
	return r;
}

static int by_interrupts(const struct row *a, const struct row *b)
{
	return a->interrupts > b->interrupts ? -1 : a->interrupts < b->interrupts;
}

static int by_name(const void *a, const void *b)
{
	const struct row *one = *(struct row *const *)a, *other = *(struct row *const *)b;
	int r = strcmp(one->key.provider, other->key.provider);

	if (!r)
		r = strcmp(one->key.owner, other->key.owner);
	return r ? r : strcmp(one->key.relation, other->key.relation);
}

static json_t *text_or_null(const char *text)
{
	return json_text(*text ? text : NULL);
}

static json_t *row_to_json(const struct row *row)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "provider",
			 text_or_null(row->key.provider), "owner", text_or_null(row->key.owner),
			 "bus", text_or_null(row->owner ? row->owner->bus : ""), "driver",
			 text_or_null(row->owner ? row->owner->driver : ""), "relation",
			 text_or_null(row->key.relation), "vectors", (json_int_t)row->vectors,
			 "first_irq", (json_int_t)row->first_irq, "last_irq",
			 (json_int_t)row->last_irq, "interrupts", (json_int_t)row->interrupts,
			 "message_changes", (json_int_t)row->message_changes);
}

static json_t *busiest_rows(const struct model *model, size_t *ret_left)
{
	_cleanup_(rows_freep) struct row *rows = NULL;
	struct row *order[PAGE_ROWS_MAX];
	json_t *array;
	size_t n = 0;

	for (const struct vector *v = model_vectors_unordered(model); v; v = v->hh.next)
		if (rows_add(&rows, model, v) < 0)
			return NULL;
	array = json_array();
	HASH_SORT(rows, by_interrupts);
	for (struct row *row = rows; row && n < PAGE_ROWS_MAX; row = row->hh.next)
		order[n++] = row;
	*ret_left = HASH_COUNT(rows) - n;
	qsort(order, n, sizeof(*order), by_name);
	for (size_t i = 0; i < n; i++)
		json_add(&array, row_to_json(order[i]));
	return array;
}

json_t *page_state(const struct page_source *source, json_t *status)
{
	size_t violations_left = 0, vectors_left = 0;
	json_t *violations = worst_violations(source->violations, &violations_left);
	json_t *vectors = busiest_rows(source->model, &vectors_left);

	return json_pack("{s:I, s:I, s:o, s:o, s:o, s:I, s:o, s:I}", "time_us",
			 (json_int_t)source->now_us, "counted_us",
			 (json_int_t)model_counted_us(source->model), "host",
			 json_text(source->host), "status", status, "violations", violations,
			 "violations_left", (json_int_t)violations_left, "vectors", vectors,
			 "vectors_left", (json_int_t)vectors_left);
}

/* ---- the picture ----------------------------------------------------------------------------- */

static bool is_of(const struct vector *vector, const char *device)
{
	if (!strcmp(vector->provider.name, device))
		return true;
	for (const struct action *a = vector->actions; a; a = a->next)
		if (!strcmp(a->device.name, device))
			return true;
	return false;
}

static bool is_lent(const struct vector *vector)
{
	for (const struct action *a = vector->actions; a; a = a->next)
		if (strcmp(a->device.name, vector->provider.name) != 0)
			return true;
	return false;
}

/* The order in which a picture wants them */
static int compare_vectors(const void *a, const void *b)
{
	const struct vector *one = *(const struct vector *const *)a;
	const struct vector *other = *(const struct vector *const *)b;
	int lent = is_lent(other) - is_lent(one);

	if (lent)
		return lent;
	return one->interrupts > other->interrupts ? -1 : one->interrupts < other->interrupts;
}

/* Those that come into question, of very many. NULL: no memory. */
static json_t *choose_vectors(const struct model *model, const char *device, size_t total,
			      size_t *ret_left)
{
	_cleanup_free_ const struct vector **chosen = calloc(total + 1, sizeof(*chosen));
	json_t *array = json_array();
	size_t n = 0, i;

	if (!chosen || !array) {
		json_decref(array);
		return NULL;
	}
	for (const struct vector *v = model_vectors_unordered(model); v && n < total;
	     v = v->hh.next)
		if ((!device || is_of(v, device)) && (v->provider.name[0] || v->actions))
			chosen[n++] = v;
	qsort(chosen, n, sizeof(*chosen), compare_vectors);
	for (i = 0; i < n && i < PAGE_PICTURE_MAX; i++)
		json_add(&array, vector_to_json(model, chosen[i]));
	*ret_left = n - i;
	return array;
}

int page_picture(const struct model *model, const char *device, char **ret_text, size_t *ret_size)
{
	_cleanup_(picture_freep) struct picture *picture = NULL;
	json_auto_t *domains = model_domains_to_json(model);
	json_auto_t *vectors = NULL, *devices = NULL;
	struct picture_source source = { .domains = domains };
	struct model_totals totals;
	int r;

	model_totals(model, &totals);
	if (totals.vectors <= PICTURE_ALL_MAX) {
		vectors = model_vectors_to_json(model, device, NULL);
		devices = ledger_to_json(model, NULL);
	} else {
		vectors = choose_vectors(model, device, totals.vectors, &source.vectors_left_out);
	}
	if (!vectors)
		return -ENOMEM;
	source.vectors = vectors;
	source.devices = devices;
	r = picture_new(&source, device, PAGE_PICTURE_MAX, &picture);
	return r < 0 ? r : picture_to_svg(picture, ret_text, ret_size);
}
