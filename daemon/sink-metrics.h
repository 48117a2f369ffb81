/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Metrics: counts what goes by and no model keeps, and makes series of that and of the model. What
 * the model knows is read from it for each answer. Non-logging.
 */
#ifndef CXLIRQD_SINK_METRICS_H
#define CXLIRQD_SINK_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/record.h>

#include "metric.h"
#include "model.h"
#include "violation.h"

struct sink_metrics;

/* @per_vector: [Export] PerVector=, a series for each vector, too. -ENOMEM. */
int sink_metrics_new(bool per_vector, struct sink_metrics **ret);
struct sink_metrics *sink_metrics_free(struct sink_metrics *sink);
DEFINE_CLEANUP(struct sink_metrics *, sink_metrics_free);

/* A record, before the model has applied it; NULL: one that made no sense. */
void sink_metrics_record(struct sink_metrics *sink, const struct record_header *record);
/* What applying it did. */
void sink_metrics_change(struct sink_metrics *sink, const struct model *model,
			 const struct change *change);

/* It has another value now. */
void sink_metrics_set_per_vector(struct sink_metrics *sink, bool per_vector);

/*
 * Adds every series that comes from the model, the violations and what was counted. Takes time that
 * grows with the number of vectors. @set borrows from the model and the sink. What belongs to
 * devices that are gone is forgotten.
 */
void sink_metrics_gather(struct sink_metrics *sink, const struct model *model,
			 const struct violations *violations, struct metric_set *set);

/* What found no place in the tables, since the start */
uint64_t sink_metrics_refused(const struct sink_metrics *sink);

#endif
