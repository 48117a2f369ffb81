/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An interrupt as the model knows it: provider, message, affinity, and the handlers on it. */
#ifndef CXLIRQD_VECTOR_H
#define CXLIRQD_VECTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include <cxlirqd/record.h>

struct model;
struct domain;

/* include/linux/irq.h; the same in all kernels that are supported */
#define VECTOR_STATE_AFFINITY_PENDING (1U << 8)
#define VECTOR_STATE_MANAGED (1U << 21)

/* A vector whose last handler left so long ago, and whose provider is still there, is an orphan. */
#define VECTOR_ORPHANED_NS 10000000000ULL

enum evidence { EVIDENCE_NONE, EVIDENCE_PROBE, EVIDENCE_COOKIE, EVIDENCE_DEVRES };

enum origin { ORIGIN_PREEXISTING, ORIGIN_PROBE, ORIGIN_DYNAMIC };

/* A handler on an interrupt, and the device that proof was found for. */
struct action {
	struct action *next; /* in the kernel's order */
	uint64_t key; /* irqaction; 0 where only sysfs tells of it */
	uint64_t cookie;
	uint32_t flags;
	char name[48];
	char handler[64]; /* the driver's function, also when the kernel forced it into a thread */
	char module[32]; /* that function's module */
	uint64_t requested_ns; /* 0 = before anybody listened */
	enum evidence evidence;
	struct record_dev device; /* name "" = unknown */
	uint64_t interrupts; /* that came while this device had a handler here */
	uint64_t walk;
	bool doubtful; /* records were lost since it was told or seen: it may be gone */
};

/* Who caused something: what the record's header said, or that of an earlier request. */
struct cause {
	bool valid;
	uint32_t kind; /* enum record_cause */
	uint32_t flags;
	uint32_t pid, uid;
	char comm[16];
};

struct vector {
	uint32_t irq;
	uint64_t key; /* irq_desc */
	bool bare; /* allocated, nothing more known */
	bool told; /* clients know of it, or it was there first */
	enum origin origin;
	uint64_t allocated_ns; /* 0 = before anybody listened */
	uint32_t state;
	uint32_t n_levels;
	struct record_level levels[RECORD_LEVELS];
	uint64_t interrupts;
	uint64_t tallied; /* so many have been ascribed to those who had a handler */
	uint64_t unowned; /* ... to nobody: there was none, or its device is not known */
	uint32_t msi_type, msi_index, msi_irq, msi_count;
	struct record_dev provider; /* name "" = none */
	int32_t x86_vector, x86_cpu;

	bool message_known;
	struct record_msg message; /* of this vector (multi-MSI: with its own data) */
	bool settled_known; /* since it has a handler */
	struct record_msg settled; /* the value that stood after the last completed operation */
	bool unsettled;
	uint64_t unsettled_ns; /* since then */
	struct cause message_cause;
	uint64_t message_changes, message_rewrites, affinity_changes;

	uint32_t mask_words;
	uint64_t *masks; /* RECORD_MASKS of mask_words each */
	struct cause pending; /* who asked for the move that still waits */
	struct cause moved_by; /* who asked for the last one that took place */
	/* other masks than these, which a walk found: waiting for a record that explains them */
	uint32_t seen_state, seen_words;
	uint64_t *seen;
	char *affinity_text, *effective_text; /* where only sysfs tells them */

	struct action *actions;
	uint32_t n_actions;
	const struct vector *twin; /* during a tick: the first other one with the same message */
	uint64_t check_ns; /* when rules look at it, 0 = they have */
	uint64_t left_ns; /* when the last handler went, 0 = it has one, or never had */
	struct record_dev left; /* whose that was */
	uint64_t left_requested_ns; /* 0 = before anybody listened, or never */
	struct cause left_by;
	uint64_t walk;
	uint32_t corrected; /* bits of enum correction, unconfirmed */
	UT_hash_handle hh;
};

/* The domain that makes the messages: that of the level below the device's own. NULL: none. */
const struct domain *vector_msi_parent(const struct model *model, const struct vector *vector);

struct vector *vector_free(struct vector *vector);

/* JSON object of the contract ("vector"); new reference, NULL without memory. */
json_t *vector_to_json(const struct model *model, const struct vector *vector);

/* @device provides it, or has a handler on it. */
bool vector_is_of(const struct vector *vector, const char *device);

/* "requested" or "allocated". Static string. */
const char *vector_state_name(const struct vector *vector);

/* The relation of @action's device to @vector's provider: "own", "borrowed", ... Static string. */
const char *vector_relation(const struct model *model, const struct vector *vector,
			    const struct action *action);

/*
 * CPU mask as a list as the kernel writes it ("0-3,8"), "" for the empty mask; NULL without
 * memory. The caller frees it.
 */
char *vector_mask_list(const uint64_t *mask, uint32_t words);

/* The mask that /proc shows: the pending one while a move waits. NULL: no masks known. */
const uint64_t *vector_affinity(const struct vector *vector);

/* The same as a list, as /proc has it; NULL: not known, or no memory. The caller frees it. */
char *vector_affinity_list(const struct vector *vector);

/* { "address": hex, "data": hex } or null for a message of zeros. */
json_t *message_to_json(const struct record_msg *message, bool known);

#endif
