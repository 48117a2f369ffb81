// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Devices, and the ledger: who was given how many vectors, and which part of a device each serves.
 * A feature is told by proof only: the bus and kind of the sub-device that requested the handler,
 * or the driver's own handler function.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include <stdlib.h>

/* Takes @device (NULL: every one) off the interrupt's list, and the interrupt away with the last. */
static void sysfs_vector_drop(struct model *model, struct sysfs_vector *entry, const char *device)
{
	struct sysfs_listing **link = &entry->listings, *listing;

	while ((listing = *link)) {
		if (device && strcmp(listing->device, device)) {
			link = &listing->next;
			continue;
		}
		*link = listing->next;
		free(listing);
		model->n_sysfs_listings--;
	}
	if (entry->listings)
		return;
	HASH_DEL(model->sysfs_vectors, entry);
	free(entry);
}

static void sysfs_vectors_drop(struct model *model, const char *device)
{
	struct sysfs_vector *entry, *next;

	HASH_ITER(hh, model->sysfs_vectors, entry, next) {
		sysfs_vector_drop(model, entry, device);
	}
}

void sysfs_vectors_free(struct model *model)
{
	sysfs_vectors_drop(model, NULL);
}

void device_apply(struct model *model, const struct record_device *r)
{
	struct device *device;

	if (!r->name[0])
		return;
	HASH_FIND_STR(model->devices, r->name, device);
	if (!device) {
		if (model_is_full(model, TABLE_DEVICES, HASH_COUNT(model->devices)))
			return;
		device = calloc(1, sizeof(*device));
		if (device) {
			memcpy(device->name, r->name, sizeof(device->name));
			HASH_ADD_STR(model->devices, name, device);
		}
		if (!device || !device->hh.tbl) {
			model->refused[TABLE_DEVICES]++;
			free(device);
			return;
		}
	}
	/* its vectors follow anew */
	if (device->n_sysfs_vectors)
		sysfs_vectors_drop(model, device->name);
	device->n_sysfs_vectors = 0;
	memcpy(device->bus, r->bus, sizeof(device->bus));
	memcpy(device->driver, r->driver, sizeof(device->driver));
	memcpy(device->module, r->module, sizeof(device->module));
	memcpy(device->parent, r->parent, sizeof(device->parent));
	memcpy(device->class_name, r->class_name, sizeof(device->class_name));
}

void device_apply_gone(struct model *model, const struct record_device *r)
{
	struct device *device;

	sysfs_vectors_drop(model, r->name);
	HASH_FIND_STR(model->devices, r->name, device);
	if (!device)
		return;
	HASH_DEL(model->devices, device);
	free(device);
}

static struct sysfs_vector *sysfs_vector_add(struct model *model, uint32_t irq,
					     struct sysfs_listing *listing)
{
	struct sysfs_vector *entry;

	HASH_FIND(hh, model->sysfs_vectors, &irq, sizeof(irq), entry);
	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return NULL;
		entry->irq = irq;
		HASH_ADD(hh, model->sysfs_vectors, irq, sizeof(entry->irq), entry);
		if (!entry->hh.tbl) {
			free(entry);
			return NULL;
		}
	}
	listing->next = entry->listings;
	entry->listings = listing;
	model->n_sysfs_listings++;
	return entry;
}

/* More than any kernel has: they are searched one by one. */
#define LISTINGS_MAX 16

/* Whether the interrupt is known of this device, or of too many others. */
static bool sysfs_vector_has(struct model *model, uint32_t irq, const char *device)
{
	struct sysfs_vector *entry;
	unsigned int n = 0;

	HASH_FIND(hh, model->sysfs_vectors, &irq, sizeof(irq), entry);
	for (struct sysfs_listing *l = entry ? entry->listings : NULL; l; l = l->next, n++)
		if (!strcmp(l->device, device))
			return true;
	model->refused[TABLE_SYSFS] += n >= LISTINGS_MAX;
	return n >= LISTINGS_MAX;
}

void device_apply_sysfs_vector(struct model *model, const struct record_sysfs_vector *r)
{
	struct sysfs_listing *listing;
	struct device *device;

	if (sysfs_vector_has(model, r->irq, r->device) ||
	    model_is_full(model, TABLE_SYSFS, model->n_sysfs_listings))
		return;
	listing = calloc(1, sizeof(*listing));
	if (listing)
		memcpy(listing->device, r->device, sizeof(listing->device));
	if (!listing || !sysfs_vector_add(model, r->irq, listing)) {
		model->refused[TABLE_SYSFS]++;
		free(listing);
		return;
	}
	HASH_FIND_STR(model->devices, r->device, device);
	if (device)
		device->n_sysfs_vectors++;
}

/* ---- ledger -------------------------------------------------------------------------------- */

/* include/linux/pcieport_if.h: the low byte of "<bdf>:pcieXYZ" is the service */
static const struct {
	unsigned int service;
	const char *feature;
} port_services[] = {
	{ 0x01, "pme" }, { 0x02, "aer" }, { 0x04, "hotplug" }, { 0x08, "dpc" }, { 0x10, "bwctrl" },
};

static const char *feature_of_port_service(const char *name)
{
	const char *suffix = strstr(name, ":pcie");
	unsigned long id = suffix ? strtoul(suffix + strlen(":pcie"), NULL, 16) : 0;

	for (size_t i = 0; i < sizeof(port_services) / sizeof(*port_services); i++)
		if ((id & 0xff) == port_services[i].service)
			return port_services[i].feature;
	return "other";
}

static const char *feature_of(const struct action *action)
{
	if (!strcmp(action->device.bus, "pci_express"))
		return feature_of_port_service(action->device.name);
	if (!strcmp(action->device.bus, "cxl") && !strncmp(action->device.name, "pmu_", 4))
		return "cpmu";
	if (!strcmp(action->device.bus, "auxiliary"))
		return "auxiliary";
	if (!strcmp(action->handler, "cxl_event_thread"))
		return "event-log";
	if (!strcmp(action->handler, "cxl_pci_mbox_irq"))
		return "mailbox";
	return "other";
}

struct row {
	char name[64];
	char bus[16], driver[32], module[32];
	uint32_t granted, used;
	json_t *features;
	UT_hash_handle hh;
};

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
	row->features = json_array();
	HASH_ADD_STR(*rows, name, row);
	if (!row->hh.tbl) {
		json_decref(row->features);
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

static json_t *feature_to_json(const struct vector *vector, const struct action *action)
{
	return json_pack("{s:s, s:o, s:o, s:I, s:s, s:o, s:o}", "feature", feature_of(action),
			 "instance", text_to_json(action->device.name), "message_number",
			 vector->msi_type ? json_integer(vector->msi_index) : json_null(), "irq",
			 (json_int_t)vector->irq, "result",
			 vector->n_actions > 1 ? "shared" : "granted", "errno", json_null(),
			 "reason", json_null());
}

static void rows_add_vector(struct row **rows, const struct vector *vector)
{
	struct row *provider = row_of_dev(rows, &vector->provider);

	if (provider) {
		provider->granted++;
		provider->used += vector->actions != NULL;
	}
	for (const struct action *a = vector->actions; a; a = a->next) {
		struct row *consumer = row_of_dev(rows, &a->device);

		if (provider)
			json_array_append_new(provider->features, feature_to_json(vector, a));
		if (!consumer || consumer == provider)
			continue;
		consumer->used++;
		json_array_append_new(consumer->features, feature_to_json(vector, a));
	}
}

static json_t *row_to_json(const struct model *model, const struct row *row)
{
	const struct device *device = model_device(model, row->name);

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:O}", "device",
			 json_text(row->name), "bus", text_to_json(device ? device->bus : row->bus),
			 "driver", text_to_json(device ? device->driver : row->driver), "module",
			 text_to_json(device ? device->module : row->module), "parent",
			 device ? text_to_json(device->parent) : json_null(), "class",
			 device ? text_to_json(device->class_name) : json_null(), "asked",
			 json_null(), "granted", (json_int_t)row->granted, "used",
			 (json_int_t)row->used, "features", row->features);
}

static int by_row_name(const struct row *a, const struct row *b)
{
	return strcmp(a->name, b->name);
}

json_t *device_ledger(const struct model *model)
{
	struct row *rows = NULL, *row, *next;
	json_t *array = json_array();

	for (const struct device *d = model->devices; d; d = d->hh.next)
		if (!strcmp(d->bus, "pci"))
			row_get(&rows, d->name);
	for (const struct vector *v = model_vectors(model); v; v = v->hh.next)
		rows_add_vector(&rows, v);
	HASH_SORT(rows, by_row_name);
	HASH_ITER(hh, rows, row, next) {
		json_array_append_new(array, row_to_json(model, row));
		HASH_DEL(rows, row);
		json_decref(row->features);
		free(row);
	}
	return array;
}
