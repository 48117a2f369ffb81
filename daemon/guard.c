// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which interrupts are protected, and by which policy. A vector that comes is looked at when it is
 * told of; all of them are when something else changes that policies go by (who owns it, whether a
 * doorbell is at risk), once for a batch. A walk finds what was moved and not told.
 */
#define HASH_NONFATAL_OOM 1
#include "guard-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- policies ------------------------------------------------------------------------------ */

int guard_new(const struct guard_actions *actions, struct guard **ret)
{
	struct guard *guard = calloc(1, sizeof(*guard));

	if (!guard)
		return -ENOMEM;
	guard->actions = *actions;
	guard->restores = GUARD_RESTORES;
	guard->next_id = 1;
	*ret = guard;
	return 0;
}

void guard_set_restores(struct guard *guard, unsigned int per_minute)
{
	guard->restores = per_minute < GUARD_RESTORES_MAX ? per_minute : GUARD_RESTORES_MAX;
}

/* There are times without one, and what the last one did may be told later. */
void guard_set_writer(struct guard *guard, uint32_t pid)
{
	if (pid)
		guard->writer = pid;
}

enum guard_mode guard_mode(const struct guard *guard)
{
	return guard->mode;
}

const struct guard_policy *guard_policy_at(const struct guard *guard, unsigned int i)
{
	return i < guard->n_policies ? &guard->policies[i] : NULL;
}

const struct guard_policy *guard_policy_by_id(const struct guard *guard, uint64_t id)
{
	for (unsigned int i = 0; i < guard->n_policies; i++)
		if (guard->policies[i].id == id)
			return &guard->policies[i];
	return NULL;
}

const struct guard_policy *guard_find(const struct guard *guard, const struct guard_policy *like)
{
	for (unsigned int i = 0; i < guard->n_policies; i++)
		if (guard_policy_is(&guard->policies[i], like))
			return &guard->policies[i];
	return NULL;
}

/* What somebody pinned goes before what is only to stay where it is. */
static const struct guard_policy *policy_of(const struct guard *guard, const struct model *model,
					    const struct vector *vector)
{
	const struct guard_policy *first = NULL;

	for (unsigned int i = 0; i < guard->n_policies; i++) {
		const struct guard_policy *policy = &guard->policies[i];

		if ((!first || policy->cpus[0]) && guard_policy_matches(policy, model, vector)) {
			first = policy;
			if (policy->cpus[0])
				break;
		}
	}
	return first;
}

/* ---- protected vectors --------------------------------------------------------------------- */

struct guarded *guard_vector(const struct guard *guard, uint32_t irq)
{
	struct guarded *v;

	HASH_FIND(hh, guard->vectors, &irq, sizeof(irq), v);
	return v;
}

static void guarded_free(struct guarded *v)
{
	free(v->target);
	free(v->before);
	free(v->restores_ns);
	free(v);
}

static void guarded_drop(struct guard *guard, struct guarded *v)
{
	HASH_DEL(guard->vectors, v);
	guard->actions.protect(v->irq, false, guard->actions.userdata);
	if (v->asked)
		guard_orphan(guard, v->irq);
	guarded_free(v);
}

static struct guarded *guarded_add(struct guard *guard, const struct vector *vector)
{
	struct guarded *v;

	if (HASH_COUNT(guard->vectors) >= GUARD_VECTORS_MAX) {
		guard->totals.refused++;
		return NULL;
	}
	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->irq = vector->irq;
	v->key = vector->key;
	memcpy(v->provider, vector->provider.name, sizeof(v->provider));
	v->has_index = vector->msi_type != 0;
	v->index = vector->msi_index;
	HASH_ADD(hh, guard->vectors, irq, sizeof(v->irq), v);
	if (!v->hh.tbl) {
		free(v);
		return NULL;
	}
	guard->actions.protect(v->irq, true, guard->actions.userdata);
	return v;
}

static bool same_text(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

/* Where only sysfs tells of it, it has no key. */
static bool is_same(const struct guarded *v, const struct vector *vector)
{
	return v->key == vector->key && !strcmp(v->provider, vector->provider.name) &&
	       v->has_index == (vector->msi_type != 0) && v->index == vector->msi_index;
}

static bool may_restore(const struct guard *guard, const struct guard_policy *policy)
{
	return guard->mode != GUARD_OFF && (policy->restore || policy->cpus[0]);
}

static char *take_before(struct guard *guard, const struct guarded *v)
{
	for (size_t i = 0; i < guard->n_befores; i++) {
		struct guard_before *before = &guard->befores[i];

		if (before->cpus && v->has_index && before->index == v->index &&
		    !strcmp(before->provider, v->provider)) {
			char *cpus = before->cpus;

			before->cpus = NULL;
			return cpus;
		}
	}
	return NULL;
}

/* @want: taken over, as is @now, which may not be known; NULL: it belongs where it is. */
static void guarded_aim(struct guarded *v, char *want, char *now)
{
	free(v->target);
	v->target = want ?: now;
	if (want && !same_text(want, now))
		v->displaced = true;
	else
		guarded_in_place(v);
	if (want)
		free(now);
}

/*
 * It comes under this policy, from none or another one. A vector that nobody has requested has no file
 * to write to, and gets its place by the request: only then it is clear where it was before, and what
 * wants to be elsewhere can be moved.
 */
static void guarded_adopt(struct guard *guard, const struct model *model, struct guarded *v,
			  const struct vector *vector, const struct guard_policy *policy,
			  uint64_t now_ns)
{
	char *now = vector_affinity_list(vector);
	char *want = guard_policy_target(policy, model, vector);
	bool set = policy->cpus[0];

	v->policy = policy->id;
	v->placed = vector->actions != NULL;
	if (v->placed && policy->cpus[0] && !v->before) {
		v->before = take_before(guard, v);
		if (!v->before && now)
			v->before = strdup(now);
	} else if (!policy->cpus[0] && v->before) {
		/* another policy pinned it until now */
		set = true;
		if (want)
			free(v->before);
		else
			want = v->before;
		v->before = NULL;
	}
	guarded_aim(v, want, now);
	/* what is on its way is to where it belonged until now */
	if (!v->placed || (!v->displaced && !v->asked))
		return;
	if (set)
		guarded_set(guard, model, v, now_ns);
	else if (may_restore(guard, policy))
		guarded_restore(guard, model, v, now_ns);
}

/* Pinned before, and free to go where it was */
static void guarded_release(struct guard *guard, struct guarded *v)
{
	if (v->before && !same_text(v->before, v->target))
		guard_set_back(guard, v->irq, v->before);
}

static bool is_write(const struct cause *cause)
{
	return cause && cause->valid && cause->kind == RECORD_CAUSE_AFFINITY_WRITE;
}

/*
 * Where it stays if nobody puts it back, is where it is protected from now on: that it has been moved
 * was told once. A pin, and a rule that knows the place, are about that place.
 */
static void guarded_moved(struct guard *guard, const struct model *model, struct guarded *v,
			  const struct vector *vector, const struct cause *cause, uint64_t now_ns)
{
	const struct guard_policy *policy = guard_policy_by_id(guard, v->policy);
	_cleanup_free_ char *now = vector_affinity_list(vector);

	if (!now || !policy)
		return;
	if (same_text(now, v->target)) {
		guarded_in_place(v);
		return;
	}
	if (!v->placed || !v->target) {
		guarded_aim(v, guard_policy_target(policy, model, vector), TAKE_PTR(now));
		return;
	}
	v->displaced = true;
	/* its own, from before it was to be elsewhere */
	if (is_write(cause) && guard->writer && cause->pid == guard->writer)
		return;
	if (guard->mode != GUARD_OFF) {
		v->moved++;
		guard->totals.moved++;
		if (!guard->hooked && is_write(cause)) {
			v->audited++;
			guard->totals.audited++;
			guard_tell_audited(guard, model, v, cause, now_ns);
		}
		guard_tell_moved(guard, model, v, now, cause, now_ns);
	}
	if (may_restore(guard, policy))
		guarded_restore(guard, model, v, now_ns);
	else
		guarded_aim(v, guard_policy_target(policy, model, vector), TAKE_PTR(now));
}

/* Nothing was told of it: but where the rule wants it may be elsewhere now, and with @all so may it. */
static void guarded_review(struct guard *guard, const struct model *model, struct guarded *v,
			   const struct vector *vector, const struct guard_policy *policy, bool all,
			   uint64_t now_ns)
{
	char *want = policy->kind == GUARD_RULE && !policy->cpus[0] ?
			     guard_policy_target(policy, model, vector) :
			     NULL;

	if (want && !same_text(want, v->target)) {
		guarded_aim(v, want, vector_affinity_list(vector));
		if (v->placed && v->displaced && may_restore(guard, policy))
			guarded_restore(guard, model, v, now_ns);
		return;
	}
	free(want);
	if (all && !v->asked && !v->displaced)
		guarded_moved(guard, model, v, vector, NULL, now_ns);
	else if (all && v->displaced) {
		_cleanup_free_ char *now = vector_affinity_list(vector);

		if (same_text(now, v->target))
			guarded_in_place(v);
	}
}

static void guard_look(struct guard *guard, const struct model *model, const struct vector *vector,
		       bool all, uint64_t now_ns)
{
	const struct guard_policy *policy = policy_of(guard, model, vector);
	struct guarded *v = guard_vector(guard, vector->irq);

	if (v && (!is_same(v, vector) || !policy)) {
		if (is_same(v, vector))
			guarded_release(guard, v);
		guarded_drop(guard, v);
		v = NULL;
	}
	if (!policy)
		return;
	if (!v)
		v = guarded_add(guard, vector);
	if (!v)
		return;
	if (v->policy != policy->id || (!v->placed && vector->actions))
		guarded_adopt(guard, model, v, vector, policy, now_ns);
	else
		guarded_review(guard, model, v, vector, policy, all, now_ns);
}

static void guard_look_at_all(struct guard *guard, const struct model *model, bool all,
			      uint64_t now_ns)
{
	struct guarded *v, *next;

	guard->stale = false;
	guard->totals.refused = 0;
	if (!guard->n_policies && !guard->vectors)
		return;
	HASH_ITER(hh, guard->vectors, v, next)
		if (!model_vector(model, v->irq))
			guarded_drop(guard, v);
	for (const struct vector *vector = model_vectors_unordered(model); vector;
	     vector = vector->hh.next)
		guard_look(guard, model, vector, all, now_ns);
}

void guard_settle(struct guard *guard, const struct model *model, bool all, uint64_t now_ns)
{
	if (all || guard->stale)
		guard_look_at_all(guard, model, all, now_ns);
}

void guard_each(const struct guard *guard, guard_each_fn each, void *userdata)
{
	for (const struct guarded *v = guard->vectors; v; v = v->hh.next)
		each(v->irq, userdata);
}

struct guard *guard_free(struct guard *guard)
{
	struct guard_orphan *orphan, *next_orphan;
	struct guarded *v, *next;

	if (!guard)
		return NULL;
	HASH_ITER(hh, guard->orphans, orphan, next_orphan) {
		HASH_DEL(guard->orphans, orphan);
		free(orphan);
	}
	HASH_ITER(hh, guard->vectors, v, next) {
		HASH_DEL(guard->vectors, v);
		guarded_free(v);
	}
	for (size_t i = 0; i < guard->n_befores; i++)
		free(guard->befores[i].cpus);
	free(guard->befores);
	free(guard);
	return NULL;
}

/* ---- policies come and go ------------------------------------------------------------------ */

int guard_add(struct guard *guard, const struct guard_policy *policy, const struct model *model,
	      uint64_t now_ns, const struct guard_policy **ret)
{
	struct guard_policy *added;

	if (guard_find(guard, policy))
		return -EEXIST;
	if (guard->n_policies == GUARD_POLICIES_MAX)
		return -ENOSPC;
	added = &guard->policies[guard->n_policies++];
	*added = *policy;
	if (!added->id)
		added->id = guard->next_id;
	if (added->id >= guard->next_id)
		guard->next_id = added->id + 1;
	if (model)
		guard_look_at_all(guard, model, false, now_ns);
	if (ret)
		*ret = added;
	return 0;
}

int guard_remove(struct guard *guard, uint64_t id, const struct model *model, uint64_t now_ns)
{
	const struct guard_policy *policy = guard_policy_by_id(guard, id);
	unsigned int i;

	if (!policy)
		return -ENOENT;
	i = (unsigned int)(policy - guard->policies);
	guard->n_policies--;
	memmove(&guard->policies[i], &guard->policies[i + 1],
		(guard->n_policies - i) * sizeof(*guard->policies));
	guard_look_at_all(guard, model, false, now_ns);
	return 0;
}

/* ---- what happens -------------------------------------------------------------------------- */

static void guard_count_denied(struct guard *guard, const struct change *change)
{
	struct guarded *v = change->vector ? guard_vector(guard, change->vector->irq) : NULL;

	if (change->denied)
		guard->totals.denied++;
	else
		guard->totals.audited++;
	if (!v)
		return;
	if (change->denied)
		v->denied++;
	else
		v->audited++;
}

void guard_change(struct guard *guard, const struct model *model, const struct change *change)
{
	const struct vector *vector = change->vector;
	struct guarded *v = vector ? guard_vector(guard, vector->irq) : NULL;

	switch (change->type) {
	case CHANGE_GUARD_DENIED: guard_count_denied(guard, change); break;
	case CHANGE_VECTOR_FREED:
		if (v)
			guarded_drop(guard, v);
		break;
	case CHANGE_VECTOR_ALLOCATED:
	case CHANGE_HANDLER_REQUESTED:
		if (vector && guard->n_policies)
			guard_look(guard, model, vector, false, change->time_ns);
		/* whose handler it is may be told after this */
		guard->stale = true;
		break;
	case CHANGE_HANDLER_FREED:
	case CHANGE_DOORBELL:
	case CHANGE_CORRECTION: guard->stale = true; break;
	case CHANGE_CHECK: /* whether a PMU uses it, and where that counts, may have changed */
		if (vector && guard->n_policies)
			guard_look(guard, model, vector, false, change->time_ns);
		break;
	case CHANGE_AFFINITY:
		if (v && is_same(v, vector))
			guarded_moved(guard, model, v, vector, change->cause, change->time_ns);
		break;
	case CHANGE_CPU:
		if (change->online)
			guard_cpu_comes(guard, change->time_ns);
		break;
	default: break;
	}
}

/* What was moved while the guard was off goes back to where somebody wants it. */
void guard_set_mode(struct guard *guard, enum guard_mode mode, bool hooked,
		    const struct model *model, uint64_t now_ns)
{
	bool resumes = guard->mode == GUARD_OFF && mode != GUARD_OFF;

	guard->mode = mode;
	guard->hooked = hooked;
	for (struct guarded *v = guard->vectors; v && resumes; v = v->hh.next) {
		const struct guard_policy *policy = guard_policy_by_id(guard, v->policy);

		if (v->placed && v->displaced && !v->asked && policy && may_restore(guard, policy))
			guarded_restore(guard, model, v, now_ns);
	}
}

void guard_totals(const struct guard *guard, struct guard_totals *ret)
{
	*ret = guard->totals;
	ret->policies = guard->n_policies;
	ret->vectors = HASH_COUNT(guard->vectors);
}
