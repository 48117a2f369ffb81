/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of the ledger: only ledger*.c see this. */
#ifndef CXLIRQD_LEDGER_PRIVATE_H
#define CXLIRQD_LEDGER_PRIVATE_H

#include "model-private.h"

#include "ledger.h"

/* A handler that has to do with a row's device: on its vector, or its own */
struct use {
	const struct vector *vector;
	const struct action *action;
	bool again; /* it stands in the row of the function that it draws on, too */
};

struct row {
	char name[64];
	char bus[16], driver[32], module[32];
	uint32_t granted, used, shared, unused, dynamic;
	uint32_t never_requested;
	bool never_unknown; /* there is one of which nobody knows if it was ever requested */
	struct use *uses;
	uint32_t n_uses;
	UT_hash_handle hh;
};

/* One line of a row's features */
struct entry {
	enum feature feature;
	char instance[64]; /* "" = none */
	int64_t message, hardware, offset, irq; /* -1 = none */
	const char *result;
	int error; /* errno, 0 = none */
	const char *relation; /* NULL = nobody has it */
	bool again; /* see struct use */
	char reason[REFUSAL_TEXT]; /* "" = none */
};

/* What the reasons are made from: a PCI function */
struct function {
	const struct model *model;
	const struct device *device;
	const struct demands *demands; /* NULL = its driver asked for nothing that was told */
	uint32_t granted;
};

/* In no order; the caller frees *@ret. -ENOMEM. */
int ledger_entries(const struct model *model, const struct row *row, struct entry **ret,
		   size_t *ret_n);
/* New array of the interface's "Feature", NULL without memory. */
json_t *ledger_features(const struct model *model, const struct row *row);

/*
 * Each says why nobody has this: sets @entry's reason, result, and what else is known. False:
 * where tracing is off nothing of that is known, and the reason says so.
 */
void reason_port(const struct function *f, struct entry *entry);
void reason_doe(const struct function *f, const struct hardware *hardware, struct entry *entry);
void reason_mailbox(const struct function *f, struct entry *entry);
void reason_events(const struct function *f, struct entry *entry);
/* The device that cxl_pci made of it, "pmu_mem<N>.<instance>"; N is the memdev's. NULL: none. */
const struct device *cpmu_device(const struct function *f, uint32_t instance);
void reason_cpmu(const struct function *f, uint32_t instance, struct entry *entry);
/* What the one who has it should know of this kernel. */
void reason_cpmu_taken(const struct function *f, struct entry *entry);

#endif
