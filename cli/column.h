/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables of columns that verbs show. The table of verbs names them, so that "-o help" and the
 * completions of shells list what the verb itself prints. Each ends with a NULL name.
 */
#ifndef CXLIRQCTL_COLUMN_H
#define CXLIRQCTL_COLUMN_H

#include "writer.h"

extern const struct column domain_columns[];
extern const struct column device_columns[];
extern const struct column vector_columns[];
extern const struct column doorbell_columns[];
extern const struct column violation_columns[];
extern const struct column counter_columns[];
extern const struct column pmu_columns[];
extern const struct column stat_columns[];
extern const struct column event_columns[];
extern const struct column hook_columns[];
extern const struct column difference_columns[];
extern const struct column guard_columns[];

#endif
