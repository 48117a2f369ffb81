/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vectors and handlers that ended in the wrong order: what happened when, kept after the vector
 * itself is gone.
 */
#ifndef CXLIRQD_LIFETIME_H
#define CXLIRQD_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

#include "vector.h"

struct model;

#define LIFETIMES_MAX 64 /* the newest */

/* A provider gave back a vector under another device's handler. Times: 0 = not known. */
struct lifetime {
	char provider[64], consumer[64];
	char handler[64];
	uint32_t irq, index;
	bool has_index;
	uint64_t cookie;
	uint64_t allocated_ns, requested_ns;
	uint64_t freed_ns; /* the vector */
	struct cause freed_by;
	uint64_t left_ns; /* the handler, afterwards */
	struct cause left_by;
};

/* Those that have to do with @device, the oldest first: call with *@at = 0 until NULL. Borrowed. */
const struct lifetime *model_lifetime(const struct model *model, const char *device, uint32_t *at);

#endif
