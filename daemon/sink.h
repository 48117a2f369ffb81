/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every sink takes: one event, made once. Sinks never block and never fail the daemon; what
 * they cannot take they drop and count.
 */
#ifndef CXLIRQD_SINK_H
#define CXLIRQD_SINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "violation.h"

struct sink_event {
	int64_t time_us; /* since the epoch */
	const char *type; /* the contract's: "message-change", "violation", ... */
	bool has_irq;
	uint32_t irq;
	const char *device; /* NULL = none */
	const json_t *json; /* all of it */
	const char *text; /* the same, as one compact line */
	/* in the order of all events of daemons that follow each other without a gap; 0 = none */
	uint64_t position;
	/* of a gap that nothing else tells of: so much is missing without it; else 0 */
	uint64_t stands_for;
	/* of a violation: the table's entry, and what the finding did to it; else NULL */
	const struct violation *violation;
	enum violation_outcome outcome;
};

#endif
