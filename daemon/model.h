/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of this host's interrupts, made from records alone: the same records give the same
 * model, on any machine. Time comes with the records. Non-logging.
 */
#ifndef CXLIRQD_MODEL_H
#define CXLIRQD_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "change.h"
#include "counter.h"
#include "demand.h"
#include "device.h"
#include "domain.h"
#include "doorbell.h"
#include "event.h"
#include "lifetime.h"
#include "space.h"
#include "vector.h"

/* Differences that a later snapshot found between model and kernel, by kind */
enum correction {
	CORRECTION_DOMAIN_APPEARED,
	CORRECTION_DOMAIN_VANISHED,
	CORRECTION_VECTOR_APPEARED,
	CORRECTION_VECTOR_VANISHED,
	CORRECTION_MESSAGE,
	CORRECTION_AFFINITY,
	CORRECTION_HANDLER_APPEARED,
	CORRECTION_HANDLER_VANISHED,
	CORRECTION_MAX
};

/* Patterns of devices whose vectors are doorbells (RECORD_PATTERN); more are ignored. */
#define MODEL_PATTERNS_MAX 16

/* Tables that input can grow, each with a limit; what it refused is counted. */
enum table {
	TABLE_DOMAINS,
	TABLE_VECTORS,
	TABLE_ACTIONS,
	TABLE_OWNERS,
	TABLE_DEVICES,
	TABLE_SYSFS,
	TABLE_HOOKS,
	TABLE_NAMES,
	TABLE_DOORBELLS,
	TABLE_BARS,
	TABLE_PMUS,
	TABLE_DEMANDS, /* PCI functions that asked for vectors */
	TABLE_ASKS,
	TABLE_FEATURES, /* that config space states */
	TABLE_DRIVERS,
	TABLE_SPACE, /* CPUs */
	TABLE_PMU_WORDS, /* events and formats of all PMUs */
	TABLE_COUNTERS,
	TABLE_MAX
};

struct model_limits {
	uint32_t entries[TABLE_MAX];
};
#define MODEL_LIMITS_DEFAULT                                                                       \
	((struct model_limits){ { 65536, 262144, 524288, 524288, 65536, 262144, 256, 256, 4096,    \
				  4096, 1024, 65536, 262144, 262144, 64, 8192, 65536, 8192 } })

/* Static string */
const char *model_table_name(enum table table);

typedef void (*model_change_fn)(const struct change *change, void *userdata);

/* @change may be NULL. @ret is the caller's, freed with model_free(). -ENOMEM. */
int model_new(const struct model_limits *limits, model_change_fn change, void *userdata,
	      struct model **ret);
struct model *model_free(struct model *model);

/*
 * Applies one sound record; calls the change function for each change. Never fails: what cannot be
 * kept (limit, memory) is counted by table.
 */
void model_apply(struct model *model, const struct event *event);

typedef void (*model_emit_fn)(const struct record_header *record, void *userdata);
/*
 * Tells all that the model knows from records of the kernel's and of sysfs', and all that it
 * remembers: applied to a new model with the same names and base, these records make one like it.
 * Left out is what is read anew at each start: base, names, hooks, counters, vector space. Not to
 * be called between the begin and the end of a walk. Returns -ENOMEM with some of it told.
 */
int model_save(const struct model *model, uint64_t now_ns, model_emit_fn emit, void *userdata);
/* A walk has begun and not ended; model_save() has to wait. */
bool model_is_walking(const struct model *model);
/*
 * The walk that runs has seen something of an interrupt that no record has told yet. The record of
 * whatever did that may be about to come: a hook runs after what it tells of.
 */
bool model_is_unexplained(const struct model *model);
/*
 * Records were lost, and no walk that began since has put right what they would have told: what did
 * not come proves nothing.
 */
bool model_is_unrepaired(const struct model *model);

/* Borrowed, NULL = not there. */
const struct vector *model_vector(const struct model *model, uint32_t irq);
const struct domain *model_domain(const struct model *model, uint64_t key);
const struct device *model_device(const struct model *model, const char *name);
/* The device whose sysfs directory shows the interrupt, or NULL. */
const char *model_sysfs_vector(const struct model *model, uint32_t irq);

/* Whether any device, vector or handler goes by this name. */
bool model_knows_device(const struct model *model, const char *name);

/*
 * Something waits for time to pass (a rule wants to know if a state lasts): feed a RECORD_TICK of
 * this time or later. 0: nothing waits.
 */
uint64_t model_tick_due(const struct model *model);

/* The CXL PMU that @device ("pmu_mem0.0") is, NULL = it is none, or not known. Borrowed. */
const struct pmu *model_pmu(const struct model *model, const char *device);
/* The same by perf's name, "cxl_pmu_mem0.0" */
const struct pmu *model_pmu_named(const struct model *model, const char *name);

/* In the order of irq, id, name. */
const struct vector *model_vectors(const struct model *model);
const struct domain *model_domains(const struct model *model);
const struct device *model_devices(const struct model *model);
/* The same as they stand in the table: for sums, where sorting would cost more than the rest. */
const struct vector *model_vectors_unordered(const struct model *model);
const struct domain *model_domains_unordered(const struct model *model);

const struct pmu *model_pmus(const struct model *model);
/* In the order in which they were told first */
const struct counter *model_counters(const struct model *model);

/* Name of an enumerator of the traced kernel, NULL = unknown */
const char *model_name(const struct model *model, enum record_name_kind kind, uint32_t value);

/* An event or a term of a PMU, as sysfs has it */
struct pmu_word {
	uint32_t kind; /* enum record_pmu_event_kind */
	char name[64];
	char value[128];
};

struct pmu {
	char name[64]; /* perf's */
	char device[64];
	char cpumask[64]; /* CPU list, as sysfs has it */
	struct pmu_word *words;
	uint32_t n_words;
	UT_hash_handle hh;
};

struct model_totals {
	uint32_t domains, vectors, devices, pmus;
	uint64_t records, unknown_records, snapshots, snapshot_ns;
	uint64_t changes[CHANGE_TYPE_MAX];
	uint64_t corrections[CORRECTION_MAX];
	uint64_t refused[TABLE_MAX];
	uint32_t hooks_attached, hooks_missing; /* missing: needed and not attached */
};
void model_totals(const struct model *model, struct model_totals *ret);

const char *correction_name(enum correction correction);

/* From 0 on, until false. Strings are borrowed. */
bool model_hook(const struct model *model, uint32_t i, const char **ret_name, bool *ret_attached,
		bool *ret_needed);
/* Why hooks or features that are needed are missing: each reason once, with how many have it. */
bool model_missing(const struct model *model, uint32_t i, const char **ret_reason,
		   uint32_t *ret_count);
bool model_lost(const struct model *model, uint32_t i, const char **ret_reason,
		uint64_t *ret_count);

/* From the trace's own description; NULL before it came. */
const struct record_base *model_base(const struct model *model);
bool model_has_snapshot(const struct model *model);

/* Microseconds since the epoch */
int64_t model_time_us(const struct model *model, uint64_t time_ns);
/* When interrupts were last counted, -1: never. Runs as evenly as the clock of records. */
int64_t model_counted_us(const struct model *model);

/* JSON, new references, NULL without memory. Arrays are in the order of id, irq, name. */
json_t *model_domains_to_json(const struct model *model);
json_t *model_vectors_to_json(const struct model *model, const char *device, const uint32_t *irq);
json_t *model_doorbells_to_json(const struct model *model);
/* @pmu: of this one only, NULL = of all */
json_t *model_pmus_to_json(const struct model *model, const char *pmu);
json_t *model_counters_to_json(const struct model *model, const char *pmu);
json_t *model_support_to_json(const struct model *model);
json_t *model_lost_to_json(const struct model *model);
json_t *model_corrections_to_json(const struct model *model);
json_t *model_refused_to_json(const struct model *model);
/* All of it: the object that `snapshot --json` and --once print. */
json_t *model_to_json(const struct model *model);

#endif
