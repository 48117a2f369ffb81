/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What top shows at one moment: rows of vectors and of the devices that own them, made of the
 * daemon's answers, with rates over the time since an earlier sample. Pure: no clock, no terminal.
 */
#ifndef CXLIRQCTL_TOP_SAMPLE_H
#define CXLIRQCTL_TOP_SAMPLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cxlirqd/cleanup.h"

/* A vector, or a device together with the provider of its vectors. Texts: NULL is not known. */
struct top_row {
	char *key; /* the same from one sample to the next */
	const char *device, *provider, *driver, *relation, *action, *cpu, *state;
	int64_t irq, index; /* of a vector; -1: none */
	uint64_t vectors;
	uint64_t interrupts, message_changes, affinity_changes;
	uint64_t violations; /* that are open */
	double rate; /* interrupts per second; < 0: not known */
	bool changed; /* message, affinity or violations: since the earlier sample */
};

/* What the daemon answered. */
struct top_answers {
	const json_t *status; /* of GetStatus */
	json_t *vectors; /* of ListVectors */
	const json_t *violations; /* of ListViolations: those that are open */
	int64_t counted_us; /* when the vectors' interrupts were counted */
};

struct top_sample {
	json_t *status, *answer; /* what texts point into */
	int64_t counted_us;
	struct top_row *devices, *vectors; /* in the order of their keys */
	size_t n_devices, n_vectors;
	double rate; /* of all vectors, each once */
	int64_t violations, lost;
};

/*
 * Makes a sample. Rates are over the time since @before, which may be NULL; if nothing was counted
 * since then, they are what they were. A vector whose count is lower than it was, or that was not
 * there, has begun anew (so do the kernel's counters, which are of 32 bits): it has no rate this
 * time, and adds none to its device. -ENOMEM.
 */
int top_sample_new(const struct top_answers *answers, const struct top_sample *before,
		   struct top_sample **ret);
struct top_sample *top_sample_free(struct top_sample *sample);
DEFINE_CLEANUP(struct top_sample *, top_sample_free);

/* An object for a row of a device */
json_t *top_row_to_json(const struct top_row *row);

/* An object for --json; @elapsed_us: since the sample before, < 0: there is none. */
json_t *top_sample_to_json(const struct top_sample *sample, int64_t elapsed_us);

#endif
