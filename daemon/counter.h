/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A standing counter of a CXL PMU as it was read last. */
#ifndef CXLIRQD_COUNTER_H
#define CXLIRQD_COUNTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include <cxlirqd/record.h>

struct model;

struct counter_key {
	char pmu[64]; /* "" = no PMU has this event */
	char event[128];
	uint32_t group; /* 0 = alone */
};

struct counter {
	struct counter_key key; /* NULs behind the strings */
	struct record_counter last; /* without header */
	UT_hash_handle hh;
};

/*
 * What the counter would have counted, had it been on the PMU all the time. False: it was never on
 * it, nothing is known.
 */
bool counter_scaled(const struct record_counter *counter, uint64_t *ret);

/* JSON object of the contract ("counter"); new reference, NULL without memory. */
json_t *counter_to_json(const struct model *model, const struct record_counter *counter);

#endif
