// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Devices as sysfs shows them, with the vectors that it lists for each. Every record tells all of
 * a device: what follows it (vectors, statements of config space) begins anew.
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

static void device_free(struct model *model, struct device *device)
{
	HASH_DEL(model->devices, device);
	hardware_forget(model, device);
	free(device);
}

void devices_free(struct model *model)
{
	struct device *device, *next;

	HASH_ITER(hh, model->devices, device, next) {
		device_free(model, device);
	}
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
			device->seen_unbound = model->populated;
			HASH_ADD_STR(model->devices, name, device);
		}
		if (!device || !device->hh.tbl) {
			model->refused[TABLE_DEVICES]++;
			free(device);
			return;
		}
	}
	/* they follow anew */
	if (device->n_sysfs_vectors)
		sysfs_vectors_drop(model, device->name);
	device->n_sysfs_vectors = 0;
	hardware_forget(model, device);
	if (!r->driver[0] || (device->driver[0] && strcmp(device->driver, r->driver) != 0))
		device->seen_unbound = true;
	memcpy(device->bus, r->bus, sizeof(device->bus));
	memcpy(device->driver, r->driver, sizeof(device->driver));
	memcpy(device->module, r->module, sizeof(device->module));
	memcpy(device->parent, r->parent, sizeof(device->parent));
	memcpy(device->class_name, r->class_name, sizeof(device->class_name));
	demands_device(model, r);
}

void device_apply_gone(struct model *model, const struct record_device *r)
{
	struct device *device;

	sysfs_vectors_drop(model, r->name);
	demands_device_gone(model, r->name);
	HASH_FIND_STR(model->devices, r->name, device);
	if (device)
		device_free(model, device);
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
