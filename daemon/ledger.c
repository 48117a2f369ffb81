// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rows of the ledger. Vectors are counted at the function that provides them, handlers at both
 * ends: a sub-device's handler stands in its own row and in that of the function it draws on.
 */
#define HASH_NONFATAL_OOM 1
#include "ledger-private.h"

#include <errno.h>
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

/* *@ret is NULL for who has no name. */
static int row_of_dev(struct row **rows, const struct record_dev *dev, struct row **ret)
{
	struct row *row = dev->name[0] ? row_get(rows, dev->name) : NULL;

	if (!row && dev->name[0])
		return -ENOMEM;
	if (row && dev->bus[0]) {
		memcpy(row->bus, dev->bus, sizeof(row->bus));
		memcpy(row->driver, dev->driver, sizeof(row->driver));
		memcpy(row->module, dev->module, sizeof(row->module));
	}
	*ret = row;
	return 0;
}

static int row_use(struct row *row, const struct vector *vector, const struct action *action,
		   bool again)
{
	struct use *grown;

	/* grows by doubling: full whenever the count is a power of two */
	if (!(row->n_uses & (row->n_uses - 1))) {
		grown = reallocarray(row->uses, row->n_uses ? 2 * (size_t)row->n_uses : 1,
				     sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		row->uses = grown;
	}
	row->uses[row->n_uses++] = (struct use){ vector, action, again };
	return 0;
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
static int row_of_pin(struct row **rows, const struct vector *vector,
		      const struct record_dev *device, struct row **ret)
{
	const char *suffix = strstr(device->name, ":pcie");
	char name[sizeof(device->name)];

	if (vector->provider.name[0] || !suffix || strcmp(device->bus, "pci_express") != 0)
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)(suffix - device->name), device->name);
	if (!name[0])
		return 0;
	*ret = row_get(rows, name);
	return *ret ? 0 : -ENOMEM;
}

static int rows_add_handler(struct row **rows, struct row *provider, const struct vector *vector,
			    const struct action *action)
{
	struct row *consumer = NULL, *draws_on = provider;
	int r = row_of_dev(rows, &action->device, &consumer);

	if (r >= 0 && !draws_on)
		r = row_of_pin(rows, vector, &action->device, &draws_on);
	if (r >= 0 && draws_on)
		r = row_use(draws_on, vector, action, false);
	if (r < 0 || !consumer || consumer == draws_on)
		return r;
	consumer->used++;
	return row_use(consumer, vector, action, draws_on != NULL);
}

static int rows_add_vector(struct row **rows, const struct vector *vector)
{
	struct row *provider = NULL;
	int r = row_of_dev(rows, &vector->provider, &provider);

	if (provider)
		row_count(provider, vector);
	for (const struct action *a = vector->actions; a && r >= 0; a = a->next)
		r = rows_add_handler(rows, provider, vector, a);
	return r;
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

		json_add(&array,
			 json_pack("{s:s, s:I, s:I, s:I, s:o}", "kind", demand_kind_name(d->kind),
				   "min", (json_int_t)d->min, "max", (json_int_t)d->max, "granted",
				   (json_int_t)d->granted, "errno",
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

static json_t *row_to_json(const struct model *model, const struct row *row)
{
	const struct device *device = model_device(model, row->name);
	const struct demands *demands = model_demands(model, row->name);
	json_t *object = json_object();

	json_put(&object, "device", json_text(row->name));
	json_put(&object, "bus", text_to_json(device ? device->bus : row->bus));
	json_put(&object, "driver", text_to_json(device ? device->driver : row->driver));
	json_put(&object, "module", text_to_json(device ? device->module : row->module));
	json_put(&object, "parent", device ? text_to_json(device->parent) : json_null());
	json_put(&object, "class", device ? text_to_json(device->class_name) : json_null());
	json_put(&object, "asked", span_to_json(demands ? demands_answer(demands) : NULL));
	json_put(&object, "reason", json_text(why_unasked(model, row, device, demands)));
	json_put(&object, "offered", offered_to_json(device));
	json_put(&object, "granted", json_integer(row->granted));
	json_put(&object, "used", json_integer(row->used));
	json_put(&object, "shared", json_integer(row->shared));
	json_put(&object, "unused", json_integer(row->unused));
	json_put(&object, "never_requested",
		 row->never_unknown ? json_null() : json_integer(row->never_requested));
	json_put(&object, "dynamic", json_integer(row->dynamic));
	json_put(&object, "demands", demands_to_json(demands));
	json_put(&object, "demands_older", json_integer(demands ? json_count(demands->older) : 0));
	json_put(&object, "features", ledger_features(model, row));
	return object;
}

static int by_row_name(const struct row *a, const struct row *b)
{
	return strcmp(a->name, b->name);
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

/* In no order; all of them, or -ENOMEM. */
static int rows_new(const struct model *model, struct row **ret)
{
	struct row *rows = NULL;
	int r = 0;

	for (const struct device *d = model->devices; d && r >= 0; d = d->hh.next)
		if (!strcmp(d->bus, "pci") && !row_get(&rows, d->name))
			r = -ENOMEM;
	for (const struct vector *v = model->vectors; v && r >= 0; v = v->hh.next)
		r = rows_add_vector(&rows, v);
	/* a function that sysfs does not show, but that asked */
	for (const struct demands *d = model->demands; d && r >= 0; d = d->hh.next)
		if (!row_get(&rows, d->device))
			r = -ENOMEM;
	if (r < 0)
		rows_free(rows);
	else
		*ret = rows;
	return r;
}

json_t *ledger_to_json(const struct model *model, const char *only)
{
	struct row *rows;
	json_t *array;

	model_vectors(model); /* in order, so that uses are */
	if (rows_new(model, &rows) < 0)
		return NULL;
	array = json_array();
	HASH_SORT(rows, by_row_name);
	for (const struct row *row = rows; row; row = row->hh.next)
		if (!only || !strcmp(row->name, only))
			json_add(&array, row_to_json(model, row));
	rows_free(rows);
	return array;
}

int ledger_each_feature(const struct model *model, ledger_feature_fn each, void *userdata)
{
	struct row *rows;
	int r = rows_new(model, &rows);

	if (r < 0)
		return r;
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
