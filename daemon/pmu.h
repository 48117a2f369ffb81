/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CXL PMUs of this host as perf needs to know them: number, CPU, formats, events. Who told the
 * model of them is topology-pmu.c; this is what counting works with.
 *
 * All functions return 0 or a negative errno. None of them logs.
 */
#ifndef CXLIRQD_PMU_H
#define CXLIRQD_PMU_H

#include <stddef.h>
#include <stdint.h>

#include "cxlirqd/cleanup.h"
#include "pmu-event.h"

/* Bounds; what is beyond them is left out and counted. */
#define PMUS_MAX 1024U
#define PMU_FORMATS_MAX 64U /* of one PMU */
#define PMU_ALIASES_MAX 512U

struct pmu_device {
	char name[64]; /* "cxl_pmu_mem0.0" */
	uint32_t type; /* what perf_event_open() calls it */
	int cpu; /* that it counts on */
	struct pmu_vocabulary words;
};

struct pmu_table {
	int root_fd;
	struct pmu_device *devices; /* by name */
	size_t n;
	uint64_t refused; /* PMUs, formats and events beyond the bounds */
	uint64_t counters_max, counters_open, counters_refused; /* see pmu-counter.h */
};

/* @root: "/", or where a tree with sys/ lies. @counters_max: open at the same time */
int pmu_table_new(const char *root, uint64_t counters_max, struct pmu_table **ret);
struct pmu_table *pmu_table_free(struct pmu_table *pmus);
DEFINE_CLEANUP(struct pmu_table *, pmu_table_free);

/* Reads them all again. On failure those that were known stay. */
int pmu_table_read(struct pmu_table *pmus);

/* NULL: not there. Until the next pmu_table_read(). */
const struct pmu_device *pmu_table_find(const struct pmu_table *pmus, const char *name);

typedef int (*pmu_entry_fn)(const char *name, const char *text, void *userdata);

/*
 * Calls @entry for each file in a PMU's "events" or "format", by name; a negative return ends that
 * and is returned. A PMU without the folder has none.
 */
int pmu_list_entries(int root_fd, const char *pmu, const char *folder, pmu_entry_fn entry,
		     void *userdata);

#endif
