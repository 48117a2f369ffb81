/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vectors that the CPUs of an x86 machine have for devices, as the kernel's books say. */
#ifndef CXLIRQD_SPACE_H
#define CXLIRQD_SPACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

struct model;

/* Of one CPU, or of all that are online */
struct space_figures {
	uint32_t size, available, allocated, managed;
};

struct space_cpu {
	uint32_t cpu;
	bool online;
	struct space_figures figures;
	uint64_t walk;
	UT_hash_handle hh;
};

struct space {
	bool known;
	uint32_t online; /* CPUs */
	uint32_t reserved; /* promised, not yet taken */
	struct space_figures all;
	uint64_t walk; /* the last one that told it */
};

/* NULL: not told, see model_space_reason(). Borrowed. */
const struct space *model_space(const struct model *model);
/* Why there is none. Static string. */
const char *model_space_reason(const struct model *model);

/* Less than a tenth is left, or less than this for each CPU on average. */
#define SPACE_LOW_PER_CPU 16U
bool space_is_low(const struct space *space);

/* Who has most: the devices with the most interrupts, the first most of all. */
#define SPACE_HOLDERS 3
struct space_holder {
	const char *device; /* borrowed from the model */
	uint32_t vectors;
};
unsigned int space_holders(const struct model *model, struct space_holder ret[SPACE_HOLDERS]);

/* JSON object of the interface ("VectorSpace") or null; new reference, NULL without memory. */
json_t *model_space_to_json(const struct model *model);

#endif
