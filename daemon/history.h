/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A question about the past, and who takes the answer: what the socket asks and the store answers.
 * The two know nothing else of each other; manager joins them.
 *
 * The answer holds all that the store has taken, also what it has not written yet.
 */
#ifndef CXLIRQD_HISTORY_H
#define CXLIRQD_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What is asked for. Every condition that is set must hold. Times are microseconds since the epoch,
 * both ends included; 0 leaves that end open. If more events fit than the limit, the newest count;
 * limit 0 is the store's own.
 */
struct history_filter {
	bool has_irq;
	uint32_t irq;
	const char *device, *type; /* NULL: every one */
	int64_t since_us, until_us;
	uint32_t limit;
};

/* What was found: read one at a time, for all of it would keep others waiting. The caller's. */
struct history_ids {
	int64_t *ids; /* malloc'ed; the newest event is the first */
	uint32_t n;
	uint64_t file; /* they are good for this one only */
};

/* Takes one event, the text of its JSON object, which is valid during the call. */
typedef int (*history_row_fn)(const char *json_text, void *userdata);

#endif
