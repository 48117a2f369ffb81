// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rows of the ledger. Vectors are counted at the function that provides them, handlers at both
 * ends: a sub-device's handler stands in its own row and in that of the function it draws on.
 */
#define HASH_NONFATAL_OOM 1
#include "ledger-private.h"

#include <stdlib.h>

#include <cxlirqd/cleanup.h>

static struct row *row_get(struct row **rows, const char *name)
{
	struct row *row;

	HASH_FIND_STR(*rows, name, row);
	if (row)
		return row;
	row = calloc(1, sizeof(*row));
	if (!row)
		return NULL;
	snprintf(row->name, sizeof(row->name), "%s", name);
	HASH_ADD_STR(*rows, name, row);
	if (!row->hh.tbl) {
		free(row);
		return NULL;
	}
	return row;
}

static struct row *row_of_dev(struct row **rows, const struct record_dev *dev)
{
	struct row *row = dev->name[0] ? row_get(rows, dev->name) : NULL;

	if (row && dev->bus[0]) {
		memcpy(row->bus, dev->bus, sizeof(row->bus));
		memcpy(row->driver, dev->driver, sizeof(row->driver));
		memcpy(row->module, dev->module, sizeof(row->module));
	}
	return row;
}

static void row_use(struct row *row, const struct vector *vector, const struct action *action,
		    bool again)
{
	struct use *grown;

	/* grows by doubling: full whenever the count is a power of two */
	if (!(row->n_uses & (row->n_uses - 1))) {
		grown = reallocarray(row->uses, row->n_uses ? 2 * (size_t)row->n_uses : 1,
				     sizeof(*grown));
		if (!grown) {
			row->failed = true;
			return;
		}
		row->uses = grown;
	}
	row->uses[row->n_uses++] = (struct use){ vector, action, again };
}

static void row_count(struct row *row, const struct vector *vector)
{
	row->granted++;
	row->used += vector->actions != NULL;
	row->shared += vector->n_actions > 1;
	row->dynamic += vector->origin == ORIGIN_DYNAMIC;
	if (vector->actions)
		return;
	row->unused++;
	if (!vector->allocated_ns)
		row->never_unknown = true;
	else if (!vector->left_ns)
		row->never_requested++;
}

/*
 * A port that has neither MSI-X nor MSI serves all of its services by the pin: that is no vector
 * of its own, but its services have it.
 */
static struct row *row_of_pin(struct row **rows, const struct vector *vector,
			      const struct record_dev *device)
{
	const char *suffix = strstr(device->name, ":pcie");
	char name[sizeof(device->name)];

	if (vector->provider.name[0] || !suffix || strcmp(device->bus, "pci_express") != 0)
		return NULL;
	snprintf(name, sizeof(name), "%.*s", (int)(suffix - device->name), device->name);
	return name[0] ? row_get(rows, name) : NULL;
}

static void rows_add_vector(struct row **rows, const struct vector *vector)
{
	struct row *provider = row_of_dev(rows, &vector->provider);

	if (provider)
		row_count(provider, vector);
	for (const struct action *a = vector->actions; a; a = a->next) {
		struct row *consumer = row_of_dev(rows, &a->device);
		struct row *draws_on = provider ?: row_of_pin(rows, vector, &a->device);

		if (draws_on)
			row_use(draws_on, vector, a, false);
		if (!consumer || consumer == draws_on)
			continue;
		consumer->used++;
		row_use(consumer, vector, a, draws_on != NULL);
	}
}

/* ---- JSON ---- */

static json_t *span_to_json(const struct demand *demand)
{
	return demand ? json_pack("{s:I, s:I}", "min", (json_int_t)demand->min, "max",
				  (json_int_t)demand->max) :
			json_null();
}

static json_t *demands_to_json(const struct demands *demands)
{
	json_t *array = json_array();

	for (uint32_t i = 0; demands && i < demands->n; i++) {
		const struct demand *d = &demands->last[i];

		json_array_append_new(array,
				      json_pack("{s:s, s:I, s:I, s:I, s:o}", "kind",
						demand_kind_name(d->kind), "min",
						(json_int_t)d->min, "max", (json_int_t)d->max,
						"granted", (json_int_t)d->granted, "errno",
						d->error ? json_integer(d->error) : json_null()));
	}
	return array;
}

static json_t *offered_to_json(const struct device *device)
{
	if (!device || !device->hardware.read || device->hardware.error)
		return json_null();
	return json_pack("{s:I, s:I}", "msi", (json_int_t)device->hardware.msi, "msix",
			 (json_int_t)device->hardware.msix);
}

/* Why nothing is known of what was asked */
static const char *why_unasked(const struct model *model, const struct row *row,
			       const struct device *device, const struct demands *demands)
{
	const char *bus = device ? device->bus : row->bus;

	if ((demands && demands->n) || strcmp(bus, "pci") != 0)
		return NULL;
	if (model->base.mode != RECORD_MODE_TRACING)
		return "BPF tracing is off: what drivers ask for is not seen";
	if (device && !device->driver[0])
		return "no driver is bound";
	if (device && !device->seen_unbound)
		return "its driver was bound before the daemon listened";
	return "no call of its driver for vectors was seen";
}

static void row_set(json_t *object, const char *name, json_t *value)
{
	json_object_set_new(object, name, value);
}

static json_t *row_to_json(const struct model *model, const struct row *row)
{
	const struct device *device = model_device(model, row->name);
	const struct demands *demands = model_demands(model, row->name);
	json_t *object = json_object();

	row_set(object, "device", json_text(row->name));
	row_set(object, "bus", text_to_json(device ? device->bus : row->bus));
	row_set(object, "driver", text_to_json(device ? device->driver : row->driver));
	row_set(object, "module", text_to_json(device ? device->module : row->module));
	row_set(object, "parent", device ? text_to_json(device->parent) : json_null());
	row_set(object, "class", device ? text_to_json(device->class_name) : json_null());
	row_set(object, "asked", span_to_json(demands ? demands_answer(demands) : NULL));
	row_set(object, "reason", json_text(why_unasked(model, row, device, demands)));
	row_set(object, "offered", offered_to_json(device));
	row_set(object, "granted", json_integer(row->granted));
	row_set(object, "used", json_integer(row->used));
	row_set(object, "shared", json_integer(row->shared));
	row_set(object, "unused", json_integer(row->unused));
	row_set(object, "never_requested",
		row->never_unknown ? json_null() : json_integer(row->never_requested));
	row_set(object, "dynamic", json_integer(row->dynamic));
	row_set(object, "demands", demands_to_json(demands));
	row_set(object, "demands_older", json_integer(demands ? json_count(demands->older) : 0));
	row_set(object, "features", ledger_features(model, row));
	return object;
}

static int by_row_name(const struct row *a, const struct row *b)
{
	return strcmp(a->name, b->name);
}

/* In no order */
static struct row *rows_new(const struct model *model)
{
	struct row *rows = NULL;

	for (const struct device *d = model->devices; d; d = d->hh.next)
		if (!strcmp(d->bus, "pci"))
			row_get(&rows, d->name);
	for (const struct vector *v = model->vectors; v; v = v->hh.next)
		rows_add_vector(&rows, v);
	/* a function that sysfs does not show, but that asked */
	for (const struct demands *d = model->demands; d; d = d->hh.next)
		row_get(&rows, d->device);
	return rows;
}

static void rows_free(struct row *rows)
{
	struct row *row, *next;

	HASH_ITER(hh, rows, row, next) {
		HASH_DEL(rows, row);
		free(row->uses);
		free(row);
	}
}

json_t *ledger_to_json(const struct model *model, const char *only)
{
	struct row *rows;
	json_t *array = json_array();

	model_vectors(model); /* in order, so that uses are */
	rows = rows_new(model);
	HASH_SORT(rows, by_row_name);
	for (const struct row *row = rows; row; row = row->hh.next)
		if (!only || !strcmp(row->name, only))
			json_array_append_new(array, row_to_json(model, row));
	rows_free(rows);
	return array;
}

int ledger_each_feature(const struct model *model, ledger_feature_fn each, void *userdata)
{
	struct row *rows = rows_new(model);
	int r = 0;

	for (const struct row *row = rows; row && r >= 0; row = row->hh.next) {
		_cleanup_free_ struct entry *entries = NULL;
		size_t n = 0;

		r = ledger_entries(model, row, &entries, &n);
		for (size_t i = 0; i < n; i++)
			if (!entries[i].again)
				each(row->name, entries[i].feature, entries[i].result, userdata);
	}
	rows_free(rows);
	return r;
}
