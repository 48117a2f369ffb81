/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the guard share. */
#ifndef CXLIRQD_GUARD_PRIVATE_H
#define CXLIRQD_GUARD_PRIVATE_H

#include <uthash.h>

#include "guard.h"

/* A protected interrupt. What becomes of one that is elsewhere is in guard-restore.c. */
struct guarded {
	uint32_t irq;
	uint64_t key; /* of the vector: another one of that number is another interrupt */
	uint64_t policy; /* id of the first that matches */
	char provider[64];
	bool has_index;
	uint32_t index;
	bool placed; /* somebody has requested it: before that nobody has said where it goes */
	char *target; /* where it belongs; NULL: not known yet */
	char *before; /* where it was before it was pinned; NULL: it is not pinned */
	uint64_t denied, audited, moved, restored;
	int error; /* of the last try to set it, negative errno */
	bool displaced; /* it is elsewhere, as far as is known */
	bool asked; /* a write is on its way */
	bool again; /* another one, when that is answered */
	bool restoring; /* that is to put it back */
	bool waiting; /* for a CPU to come */
	uint64_t retry_ns; /* when to try again, 0 = not by itself */
	bool spent; /* put back often enough, and was told so */
	uint64_t *restores_ns; /* when it was put back: the last GUARD_RESTORES_MAX; NULL: never */
	uint64_t n_restores;
	UT_hash_handle hh;
};

/* Where a vector was before it was pinned, as a daemon before this one has kept it */
struct guard_before {
	char provider[64];
	uint32_t index;
	char *cpus;
};

/* Writes that are answered yet, though the vector is another one now, or not protected any more */
struct guard_orphan {
	uint32_t irq;
	unsigned int n;
	UT_hash_handle hh;
};

struct guard {
	struct guard_actions actions;
	enum guard_mode mode;
	bool hooked;
	unsigned int restores;
	struct guard_policy policies[GUARD_POLICIES_MAX];
	unsigned int n_policies;
	uint64_t next_id;
	struct guarded *vectors; /* by irq */
	struct guard_orphan *orphans;
	uint32_t writer; /* whose writes are the guard's own, 0 = nobody's yet */
	struct guard_before *befores;
	size_t n_befores;
	bool retrying; /* some wait for another try */
	bool stale; /* vectors may match other policies now */
	struct guard_totals totals;
};

const struct guard_policy *guard_policy_by_id(const struct guard *guard, uint64_t id);
struct guarded *guard_vector(const struct guard *guard, uint32_t irq);

/* Asks for it to be where it belongs; once more when an answer to an earlier one is there. */
void guarded_set(struct guard *guard, const struct model *model, struct guarded *v,
		 uint64_t now_ns);
/* The same as often as is allowed in a minute, and when that has passed again. */
void guarded_restore(struct guard *guard, const struct model *model, struct guarded *v,
		     uint64_t now_ns);
/* It is where it belongs, whoever did that: nothing is left to do. */
void guarded_in_place(struct guarded *v);
/* Asks for @cpus, and for no answer. */
void guard_set_back(struct guard *guard, uint32_t irq, const char *cpus);
/* An answer to a write for @irq is nobody's any more. */
void guard_orphan(struct guard *guard, uint32_t irq);
/* A CPU comes back: it may be where a vector belongs. */
void guard_cpu_comes(struct guard *guard, uint64_t now_ns);

/* Events; @v: of this vector. */
void guard_tell_moved(const struct guard *guard, const struct model *model, const struct guarded *v,
		      const char *now, const struct cause *cause, uint64_t now_ns);
/* @error: 0, a negative errno, or -EDQUOT: often enough in this minute. */
void guard_tell_restored(const struct guard *guard, const struct model *model,
			 const struct guarded *v, int error, uint64_t now_ns);
/* A write that went by without a program that sees it */
void guard_tell_audited(const struct guard *guard, const struct model *model,
			const struct guarded *v, const struct cause *cause, uint64_t now_ns);

#endif
