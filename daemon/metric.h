/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Metrics: one table of families, from which come every answer and the manual, and sets of series,
 * which are made anew for each answer. What the series say is the business of whoever fills the
 * set. Non-logging.
 */
#ifndef CXLIRQD_METRIC_H
#define CXLIRQD_METRIC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cxlirqd/cleanup.h>

#define METRIC_PREFIX "cxlirq_"

enum metric_format {
	METRIC_OPENMETRICS, /* OpenMetrics 1.0 text */
	METRIC_TEXT, /* Prometheus text 0.0.4 */
	METRIC_JSON /* what prom2json makes of that */
};

/* ---- the table ---- */

/* In the order in which they are told */
enum metric {
	METRIC_BUILD,
	METRIC_UP,
	METRIC_HOOK_ATTACHED,
	METRIC_IRQ_DOMAINS,
	METRIC_VECTORS,
	METRIC_VECTOR_INTERRUPTS,
	METRIC_DEVICE_INTERRUPTS,
	METRIC_MESSAGE_CHANGES,
	METRIC_AFFINITY_CHANGES,
	METRIC_DOORBELLS,
	METRIC_VIOLATIONS,
	METRIC_VIOLATIONS_OPEN,
	METRIC_VECTOR_DEMANDS,
	METRIC_VECTOR_SPACE,
	METRIC_CPMU_EVENTS,
	METRIC_CPMU_TIME_ENABLED,
	METRIC_CPMU_TIME_RUNNING,
	METRIC_GUARD_DENIED,
	METRIC_RECORDS,
	METRIC_RECORDS_LOST,
	METRIC_EVENTS_UNTOLD,
	METRIC_ENTRIES_REFUSED,
	METRIC_SNAPSHOTS,
	METRIC_SNAPSHOT_DURATION,
	METRIC_SNAPSHOT_CORRECTIONS,
	METRIC_BPF_PROGRAM_RUNS,
	METRIC_BPF_PROGRAM_RUN,
	METRIC_SINK_DROPPED,
	METRIC_SERIES_DROPPED,
	METRIC_MAX
};

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_INFO };

/* What a family's series grow with; when there are too many, the last kind gives way first. */
enum metric_extent { METRIC_PER_DAEMON, METRIC_PER_HOST, METRIC_PER_DEVICE, METRIC_PER_VECTOR };

#define METRIC_LABELS_MAX 5

struct metric_family {
	const char *name; /* without prefix and suffix */
	enum metric_type type;
	enum metric_extent extent; /* METRIC_PER_DAEMON is never cut */
	const char *unit; /* "seconds": values are handed in as nanoseconds; NULL: a number */
	bool is_answer; /* 1 is yes, 0 is no */
	const char *labels[METRIC_LABELS_MAX]; /* NULL behind the last */
	const char *help; /* one sentence */
	const char *more; /* for the manual: what else one should know; NULL: nothing */
};

/* Static. */
const struct metric_family *metric_family(enum metric metric);
/* "_total", "_info" or "". Static string. */
const char *metric_suffix(const struct metric_family *family);
/* "counter", "gauge" or "info". Static string. */
const char *metric_type_name(enum metric_type type);
unsigned int metric_n_labels(const struct metric_family *family);

/* man/cxlirq-metrics.7. -EIO */
int metric_print_manual(FILE *out);

/* ---- series ---- */

/* Longer values are cut, so that no name from outside makes an answer long. */
#define METRIC_VALUE_MAX 128

struct metric_series {
	enum metric metric;
	uint32_t hash;
	uint64_t value;
	const char *labels[METRIC_LABELS_MAX];
};

struct metric_set;

/* -ENOMEM */
int metric_set_new(struct metric_set **ret);
struct metric_set *metric_set_free(struct metric_set *set);
DEFINE_CLEANUP(struct metric_set *, metric_set_free);

/*
 * One more series, or if there is one with the same labels, so much more of it. The values of the
 * labels are borrowed until the set is freed; NULL is "". What is no UTF-8 becomes "?", as in JSON
 * (json_text()). Without memory, or with more series than a set can have, metric_set_error() tells.
 */
void metric_add_series(struct metric_set *set, enum metric metric, uint64_t value,
		       const char *const labels[]);
#define metric_labels(...) ((const char *const[METRIC_LABELS_MAX + 1]){ NULL, ##__VA_ARGS__ } + 1)
#define metric_add(set, metric, value, ...)                                                        \
	metric_add_series(set, metric, value, metric_labels(__VA_ARGS__))
/* Whether there is such a series. */
bool metric_has_series(struct metric_set *set, enum metric metric, const char *const labels[]);
/* The value of a label that lives as long as the set: a number, a copy of @text. */
const char *metric_number(struct metric_set *set, uint64_t number);
const char *metric_text(struct metric_set *set, const char *text);
/* 0, or a negative errno: it is not complete. */
int metric_set_error(const struct metric_set *set);
/* It is not complete. */
void metric_set_fail(struct metric_set *set, int error);

/*
 * Leaves at most @max series, and says how many it took away. Those of the daemon itself stay
 * whatever @max is; the families of each further extent share what the ones before left, each
 * getting as much as the others if it needs so much, and so do the values of a family's first
 * label. Of those, the series that came first stay.
 */
uint64_t metric_set_limit(struct metric_set *set, size_t max);

/* Puts the series in order: by family, then by labels. */
void metric_set_sort(struct metric_set *set);
size_t metric_set_count(const struct metric_set *set);
/* Borrowed; @i below the count. */
const struct metric_series *metric_set_get(const struct metric_set *set, size_t i);

/* ---- answers ---- */

#define METRIC_NUMBER_MAX 32
/* A series' value as a decimal number. */
void metric_value_text(const struct metric_series *series, char ret[METRIC_NUMBER_MAX]);
/* The same as Go prints a float64: prom2json's values look like that. */
void metric_value_go(const struct metric_series *series, char ret[METRIC_NUMBER_MAX]);

/* @set is sorted. The caller frees *@ret_text, which ends with a NUL behind @ret_size bytes. */
int metric_set_to_text(const struct metric_set *set, enum metric_format format, char **ret_text,
		       size_t *ret_size);
/* The array of families; new reference, NULL without memory. */
json_t *metric_set_to_json(const struct metric_set *set);

#endif
