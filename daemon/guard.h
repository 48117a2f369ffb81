/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policies, the interrupts that they protect now, and what becomes of one that is moved in spite of
 * that. What the guard wants done in the kernel it asks its owner for: it knows no files and no
 * programs. Non-logging.
 */
#ifndef CXLIRQD_GUARD_H
#define CXLIRQD_GUARD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <cxlirqd/cleanup.h>

#include "change.h"
#include "guard-mode.h"
#include "guard-policy.h"
#include "model.h"

#define GUARD_POLICIES_MAX 256
/* Interrupts that are protected at the same time; more are counted. */
#define GUARD_VECTORS_MAX 65536
/* A vector is put back this often in any minute, at most, unless somebody set it. */
#define GUARD_RESTORES 6
#define GUARD_RESTORES_MAX 60 /* ... and if so */

struct guard;

/* What the guard asks for. None of these may call the guard. */
struct guard_actions {
	/* @irq is protected from now on, or not any more. */
	void (*protect)(uint32_t irq, bool protect, void *userdata);
	/* Has @irq's affinity set: 0, and guard_written() follows, or a negative errno. */
	int (*set)(uint32_t irq, const char *cpus, void *userdata);
	/* An event; the object is taken over, and NULL without memory. */
	void (*tell)(json_t *event, void *userdata);
	void *userdata;
};

/* -ENOMEM */
int guard_new(const struct guard_actions *actions, struct guard **ret);
struct guard *guard_free(struct guard *guard);
DEFINE_CLEANUP(struct guard *, guard_free);

/* How often in a minute a vector is put back, up to GUARD_RESTORES_MAX */
void guard_set_restores(struct guard *guard, unsigned int per_minute);
/* The process that does what guard_actions.set() asks for: what it moves, the guard has moved. */
void guard_set_writer(struct guard *guard, uint32_t pid);

/*
 * The mode says what is told and put back; nothing is in GUARD_OFF. @hooked: writes are seen, and in
 * GUARD_ENFORCE denied, by a program in the kernel. Without it, those that have happened are told.
 */
void guard_set_mode(struct guard *guard, enum guard_mode mode, bool hooked,
		    const struct model *model, uint64_t now_ns);
enum guard_mode guard_mode(const struct guard *guard);

/*
 * Adds a policy, which gets an id unless it has one; vectors that it pins are moved. -EEXIST: there is
 * one that protects the same. -ENOSPC: GUARD_POLICIES_MAX. -ENOMEM.
 */
int guard_add(struct guard *guard, const struct guard_policy *policy, const struct model *model,
	      uint64_t now_ns, const struct guard_policy **ret);
/* Takes one away; what it pinned goes back to where it was. -ENOENT. */
int guard_remove(struct guard *guard, uint64_t id, const struct model *model, uint64_t now_ns);
/* Borrowed, until a policy is added or removed. NULL: there is none that protects the same. */
const struct guard_policy *guard_find(const struct guard *guard, const struct guard_policy *like);
/* From 0 on; NULL: no more. Borrowed, as above. */
const struct guard_policy *guard_policy_at(const struct guard *guard, unsigned int i);

/* Calls @each for each interrupt that is protected now. */
typedef void (*guard_each_fn)(uint32_t irq, void *userdata);
void guard_each(const struct guard *guard, guard_each_fn each, void *userdata);

/* Something has changed in the model, and is being told. */
void guard_change(struct guard *guard, const struct model *model, const struct change *change);
/* A batch of changes is over, or with @all a walk: looks at what they may have changed. */
void guard_settle(struct guard *guard, const struct model *model, bool all, uint64_t now_ns);
/* What guard_actions.set() was asked for is done; @error: 0 or a negative errno. */
void guard_written(struct guard *guard, const struct model *model, uint32_t irq, int error,
		   uint64_t now_ns);
/* When guard_tick() wants to be called, 0: not at all. */
uint64_t guard_due(struct guard *guard);
void guard_tick(struct guard *guard, const struct model *model, uint64_t now_ns);

struct guard_totals {
	uint32_t policies, vectors;
	uint64_t refused; /* vectors beyond GUARD_VECTORS_MAX, now */
	uint64_t denied, audited; /* writes */
	uint64_t moved, restored, failed; /* protected vectors; put back; could not be */
};
void guard_totals(const struct guard *guard, struct guard_totals *ret);

/* The contract's "guard", new references, NULL without memory. */
json_t *guard_policy_to_json(const struct guard *guard, const struct model *model,
			     const struct guard_policy *policy);
json_t *guard_to_json(struct guard *guard, const struct model *model);

/* A sentence on what the guard does about an interrupt; NULL: nothing, or no memory. The caller frees it. */
char *guard_words(const struct guard *guard, uint32_t irq);

/* Policies that somebody added, and where vectors were before they were pinned: a new object. */
json_t *guard_save(const struct guard *guard);
/*
 * Puts those back that guard_save() gave. @same_boot: where vectors were before still means
 * something. Returns how many made no sense, or there was no room for.
 */
unsigned int guard_load(struct guard *guard, const json_t *saved, bool same_boot);

#endif
