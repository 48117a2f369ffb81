/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of a set of series: only metric*.c see this. */
#ifndef CXLIRQD_METRIC_PRIVATE_H
#define CXLIRQD_METRIC_PRIVATE_H

#include "metric.h"

/* Label values that had to be made */
struct metric_chunk {
	struct metric_chunk *next;
	size_t used;
	char text[4096];
};

struct metric_set {
	struct metric_series *series;
	size_t n, allocated;
	uint32_t *slots; /* hash table: 1 + where the series stands, 0 = free */
	size_t n_slots; /* a power of two */
	struct metric_chunk *chunks;
	int error;
};

/* After series have moved. */
void metric_set_rehash(struct metric_set *set);

#endif
