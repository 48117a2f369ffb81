/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two files of the metrics' sink share: sink-metrics.c counts, sink-metrics-gather.c tells. */
#ifndef CXLIRQD_SINK_METRICS_PRIVATE_H
#define CXLIRQD_SINK_METRICS_PRIVATE_H

#include <uthash.h>

#include "sink-metrics.h"

/* More than one host has devices with interrupts; what finds no place is counted. */
#define CHANGES_MAX 8192
#define TALLIES_MAX 16384

/* In the words of cause_kind() */
#define CAUSES 6

/* Changes of one provider's vectors */
struct changes {
	char provider[64];
	bool live; /* while gathering */
	uint64_t messages[CAUSES], affinities[CAUSES];
	uint64_t denied; /* by the guard */
	UT_hash_handle hh;
};

/* Interrupts of handlers and vectors that have gone. All of a key is hashed. */
struct tally_key {
	char provider[64], owner[64];
	int64_t index; /* TALLY_ALL: of all vectors together */
};
#define TALLY_ALL (-1)
#define TALLY_NO_INDEX (-2)

struct tally {
	struct tally_key key;
	uint64_t interrupts;
	UT_hash_handle hh;
};

struct sink_metrics {
	bool per_vector;
	uint64_t records[RECORD_TYPE_MAX];
	uint64_t bad_records;
	struct changes *changes;
	struct tally *tallies;
	uint64_t refused;
};

/* "affinity-write" and so on. Static string. */
const char *sink_metrics_cause(unsigned int cause);
/* Of a record's type; NULL: there is none. Static string. */
const char *sink_metrics_record_name(unsigned int type);
/* Of a vector's series: its MSI index, or TALLY_NO_INDEX */
int64_t sink_metrics_index(const struct vector *vector);

void sink_metrics_drop_changes(struct sink_metrics *sink, struct changes *changes);
void sink_metrics_drop_tally(struct sink_metrics *sink, struct tally *tally);

#endif
