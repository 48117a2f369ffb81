/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What topology.c (devices) and the other files topology-*.c share; no other file includes it.
 */
#ifndef CXLIRQD_TOPOLOGY_STATE_H
#define CXLIRQD_TOPOLOGY_STATE_H

#include <stdbool.h>

#include "pci-capability.h"
#include "pci-reader.h"
#include "topology.h"

/* A PMU as it was told */
struct topology_pmu {
	struct record_pmu record;
	bool seen; /* by this read */
};

/* The features of a PCI function as they were last read */
struct topology_features {
	unsigned int n;
	struct pci_feature list[];
};

#define TOPOLOGY_DRIVERS 4

enum topology_driver {
	TOPOLOGY_DRIVER_UNTOLD,
	TOPOLOGY_DRIVER_ABSENT,
	TOPOLOGY_DRIVER_PRESENT,
};

struct topology {
	int root_fd;
	topology_emit_fn emit;
	void *userdata;
	int emit_error; /* of this read; ends it */
	struct topology_counters counters;

	struct topology_known *known; /* the devices told */
	uint64_t generation;
	struct pci_class *pci_class;
	struct pci_capability *pci_capability;
	struct pci_reader *pci_reader; /* NULL: this process reads by itself */
	enum topology_driver drivers[TOPOLOGY_DRIVERS]; /* as they were told */

	struct topology_pmu *pmus;
	size_t n_pmus;

	struct uevent_monitor *monitor;
	sd_event *event;
	topology_settled_fn settled;
	char touched[64]; /* the last one, until it is read: vectors come in rows */
};

struct topology_bus {
	const char *name;
	const char *vectors; /* the directory in a device's own that lists its interrupts */
	bool provider; /* it lists what the device provides, not what it uses */
	bool vectors_only; /* a device without it is of no interest */
};

/* Ends with a NULL name. */
extern const struct topology_bus topology_buses[];

/* All records pass here, so that no read mistakes the emitter's error for its own. */
int topology_tell(struct topology *t, const struct record_header *record);

struct record_header topology_header(enum record_type type, size_t size, uint64_t now_ns);

/* What the PMU @name can count, as RECORD_PMU_EVENT; after its RECORD_PMU. */
int topology_tell_pmu_events(struct topology *t, const char *name, uint64_t now_ns);

/* Fills a record's field; what is too long is cut, but not inside a UTF-8 character. */
void topology_set_field(struct topology *t, char *field, size_t size, const char *text);
#define FIELD_SET(t, field, text) topology_set_field(t, field, sizeof(field), text)

typedef int (*topology_vector_fn)(struct topology *t, const char *device, uint32_t irq,
				  void *argument);

/* Calls @callback for each interrupt that the device @name, open at @device_fd, lists. */
int topology_list_vectors(struct topology *t, const struct topology_bus *bus, int device_fd,
			  const char *name, topology_vector_fn callback, void *argument);

/* Tells the features of the PCI function @name, open at @device_fd; @kept is for the next time. */
int topology_tell_features(struct topology *t, int device_fd, const char *name,
			   struct topology_features **kept, uint64_t now_ns);

/* Tells the drivers that came or went since they were told, or with @all every one. */
int topology_read_drivers(struct topology *t, bool all, uint64_t now_ns);

#endif
