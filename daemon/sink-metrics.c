// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counts by device of what the model does not keep: changes, by their cause, and the interrupts of
 * handlers and vectors that have gone, without which a device's count would go backwards.
 *
 * Counts live as long as their device. A device that is removed takes them along, so that the next
 * one of that name starts from zero; what is told of it after its removal (the order of uevents and
 * hooks is nobody's promise) is not counted. Devices of buses that no source reads have no such
 * end: their counts go when they have no interrupt left.
 */
#define HASH_NONFATAL_OOM 1
#include "sink-metrics-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The caller looks whether its entry has a table afterwards. */
#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(entry) ((void)(entry))

int sink_metrics_new(bool per_vector, struct sink_metrics **ret)
{
	struct sink_metrics *sink = calloc(1, sizeof(*sink));

	if (!sink)
		return -ENOMEM;
	sink->per_vector = per_vector;
	*ret = sink;
	return 0;
}

void sink_metrics_drop_changes(struct sink_metrics *sink, struct changes *changes)
{
	HASH_DEL(sink->changes, changes);
	free(changes);
}

void sink_metrics_drop_tally(struct sink_metrics *sink, struct tally *tally)
{
	HASH_DEL(sink->tallies, tally);
	free(tally);
}

struct sink_metrics *sink_metrics_free(struct sink_metrics *sink)
{
	struct changes *changes, *next_changes;
	struct tally *tally, *next_tally;

	if (!sink)
		return NULL;
	HASH_ITER(hh, sink->changes, changes, next_changes) {
		sink_metrics_drop_changes(sink, changes);
	}
	HASH_ITER(hh, sink->tallies, tally, next_tally) {
		sink_metrics_drop_tally(sink, tally);
	}
	free(sink);
	return NULL;
}

uint64_t sink_metrics_refused(const struct sink_metrics *sink)
{
	return sink->refused;
}

void sink_metrics_set_per_vector(struct sink_metrics *sink, bool per_vector)
{
	struct tally *tally, *next;

	if (sink->per_vector == per_vector)
		return;
	sink->per_vector = per_vector;
	HASH_ITER(hh, sink->tallies, tally, next) {
		if (!per_vector && tally->key.index != TALLY_ALL)
			sink_metrics_drop_tally(sink, tally);
	}
}

/* ---- devices that go ---- */

static void forget_device(struct sink_metrics *sink, const char *name)
{
	struct changes *changes;
	struct tally *tally, *next;

	HASH_FIND_STR(sink->changes, name, changes);
	if (changes)
		sink_metrics_drop_changes(sink, changes);
	HASH_ITER(hh, sink->tallies, tally, next) {
		if (!strcmp(tally->key.provider, name) || !strcmp(tally->key.owner, name))
			sink_metrics_drop_tally(sink, tally);
	}
}

/* All devices of these buses are told when they come and when they go. */
static bool is_gone(const struct model *model, const struct record_dev *device)
{
	static const char *const buses[] = { "pci", "pci_express", "auxiliary",
					     "cxl", "virtio",	   "pci-epf" };

	for (size_t i = 0; i < sizeof(buses) / sizeof(*buses); i++)
		if (!strcmp(device->bus, buses[i]))
			return !model_device(model, device->name);
	return false;
}

/* ---- what goes by ---- */

/* NULL: it only ever stands in what one daemon leaves to the next. */
static const char *const record_names[RECORD_TYPE_MAX] = {
	[RECORD_DOMAIN] = "domain",
	[RECORD_ALLOC] = "alloc",
	[RECORD_VECTOR] = "vector",
	[RECORD_FREE] = "free",
	[RECORD_ACTION] = "action",
	[RECORD_ACTION_FREED] = "action-freed",
	[RECORD_OWNER] = "owner",
	[RECORD_MESSAGE] = "message",
	[RECORD_X86_VECTOR] = "x86-vector",
	[RECORD_CPU] = "cpu",
	[RECORD_DOORBELL] = "doorbell",
	[RECORD_BAR] = "bar",
	[RECORD_DEMAND] = "demand",
	[RECORD_SPACE] = "space",
	[RECORD_GUARD] = "guard",
	[RECORD_BASE] = "base",
	[RECORD_NAME] = "name",
	[RECORD_HOOK] = "hook",
	[RECORD_DEVICE] = "device",
	[RECORD_DEVICE_GONE] = "device-gone",
	[RECORD_SYSFS_VECTOR] = "sysfs-vector",
	[RECORD_SYSFS_IRQ] = "sysfs-irq",
	[RECORD_SNAPSHOT] = "snapshot",
	[RECORD_LOST] = "lost",
	[RECORD_TICK] = "tick",
	[RECORD_PMU] = "pmu",
	[RECORD_PATTERN] = "pattern",
	[RECORD_FEATURE] = "feature",
	[RECORD_DRIVER] = "driver",
	[RECORD_PMU_EVENT] = "pmu-event",
	[RECORD_COUNTER] = "counter",
};

const char *sink_metrics_record_name(unsigned int type)
{
	return record_names[type];
}

void sink_metrics_record(struct sink_metrics *sink, const struct record_header *record)
{
	if (!record) {
		sink->bad_records++;
		return;
	}
	sink->records[record->type]++;
	if (record->type == RECORD_DEVICE_GONE)
		forget_device(sink, ((const struct record_device *)record)->name);
}

static const char *const causes[CAUSES] = { "affinity-write", "affinity-kernel", "cpu-hotplug",
					    "driver",	      "reallocation",	 "unknown" };

const char *sink_metrics_cause(unsigned int cause)
{
	return causes[cause];
}

static unsigned int cause_of(const struct change *change)
{
	const char *kind =
		change->cause && change->cause->valid ? cause_kind(change->cause) : "unknown";
	unsigned int i = 0;

	while (i < CAUSES - 1 && strcmp(causes[i], kind) != 0)
		i++;
	return i;
}

/* NULL: no place, counted. */
static struct changes *changes_get(struct sink_metrics *sink, const char *provider)
{
	struct changes *changes;

	HASH_FIND_STR(sink->changes, provider, changes);
	if (changes)
		return changes;
	changes = HASH_COUNT(sink->changes) < CHANGES_MAX ? calloc(1, sizeof(*changes)) : NULL;
	if (changes) {
		snprintf(changes->provider, sizeof(changes->provider), "%s", provider);
		HASH_ADD_STR(sink->changes, provider, changes);
	}
	if (!changes || !changes->hh.tbl) {
		sink->refused++;
		free(changes);
		return NULL;
	}
	return changes;
}

static void count_change(struct sink_metrics *sink, const struct model *model,
			 const struct change *change)
{
	struct changes *changes;

	if (is_gone(model, &change->vector->provider))
		return;
	changes = changes_get(sink, change->vector->provider.name);
	if (!changes)
		return;
	if (change->type == CHANGE_MESSAGE)
		changes->messages[cause_of(change)]++;
	else if (change->type == CHANGE_AFFINITY)
		changes->affinities[cause_of(change)]++;
	else
		changes->denied++;
}

int64_t sink_metrics_index(const struct vector *vector)
{
	return vector->msi_type ? (int64_t)vector->msi_index : TALLY_NO_INDEX;
}

static void tally_add(struct sink_metrics *sink, const struct vector *vector, const char *owner,
		      int64_t index, uint64_t interrupts)
{
	struct tally_key key;
	struct tally *tally;

	memset(&key, 0, sizeof(key));
	snprintf(key.provider, sizeof(key.provider), "%s", vector->provider.name);
	snprintf(key.owner, sizeof(key.owner), "%s", owner);
	key.index = index;
	HASH_FIND(hh, sink->tallies, &key, sizeof(key), tally);
	if (!tally) {
		tally = HASH_COUNT(sink->tallies) < TALLIES_MAX ? calloc(1, sizeof(*tally)) : NULL;
		if (tally) {
			tally->key = key;
			HASH_ADD(hh, sink->tallies, key, sizeof(tally->key), tally);
		}
	}
	if (!tally || !tally->hh.tbl) {
		sink->refused++;
		free(tally);
		return;
	}
	tally->interrupts += interrupts;
}

/* What @owner (NULL: nobody) had of @vector's interrupts; it goes, or the vector does. */
static void keep(struct sink_metrics *sink, const struct model *model, const struct vector *vector,
		 const struct record_dev *owner, uint64_t interrupts)
{
	if (!interrupts || is_gone(model, &vector->provider) || (owner && is_gone(model, owner)))
		return;
	tally_add(sink, vector, owner ? owner->name : "", TALLY_ALL, interrupts);
	if (sink->per_vector)
		tally_add(sink, vector, owner ? owner->name : "", sink_metrics_index(vector),
			  interrupts);
}

void sink_metrics_change(struct sink_metrics *sink, const struct model *model,
			 const struct change *change)
{
	const struct vector *vector = change->vector;

	switch (change->type) {
	case CHANGE_MESSAGE: count_change(sink, model, change); break;
	case CHANGE_AFFINITY:
		if (!change->pending)
			count_change(sink, model, change);
		break;
	case CHANGE_GUARD_DENIED:
		/* of those that the model does not know nobody knows the provider */
		if (change->denied && vector)
			count_change(sink, model, change);
		break;
	case CHANGE_HANDLER_FREED:
		keep(sink, model, vector, &change->action->device, change->action->interrupts);
		break;
	case CHANGE_VECTOR_FREED:
		for (const struct action *a = vector->actions; a; a = a->next)
			keep(sink, model, vector, &a->device, a->interrupts);
		keep(sink, model, vector, NULL, vector->unowned);
		break;
	default: break;
	}
}
