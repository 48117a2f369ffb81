// SPDX-License-Identifier: GPL-2.0-or-later
/* The guard as clients see it, its events, and what it leaves to the next daemon. */
#define HASH_NONFATAL_OOM 1
#include "guard-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/json.h>

/* ---- events -------------------------------------------------------------------------------- */

static json_t *event_new(const struct model *model, const char *type, const struct guarded *v,
			 uint64_t time_ns)
{
	return json_pack("{s:I, s:s, s:I, s:o, s:o}", "time_us",
			 (json_int_t)model_time_us(model, time_ns), "type", type, "irq",
			 (json_int_t)v->irq, "device",
			 v->provider[0] ? json_text(v->provider) : json_null(), "index",
			 v->has_index ? json_integer(v->index) : json_null());
}

static json_t *name_of(const struct guard *guard, uint64_t id)
{
	const struct guard_policy *policy = guard_policy_by_id(guard, id);
	char name[GUARD_NAME_MAX];

	if (!policy)
		return json_null();
	guard_policy_name(policy, name);
	return json_text(name);
}

static void tell(const struct guard *guard, json_t *event, json_t *more)
{
	if (!event || !more || json_object_update(event, more) < 0) {
		json_decref(event);
		event = NULL;
	}
	json_decref(more);
	guard->actions.tell(event, guard->actions.userdata);
}

void guard_tell_moved(const struct guard *guard, const struct model *model, const struct guarded *v,
		      const char *now, const struct cause *cause, uint64_t now_ns)
{
	tell(guard, event_new(model, "guard-moved", v, now_ns),
	     json_pack("{s:o, s:s, s:s, s:o}", "guard", name_of(guard, v->policy), "old", v->target,
		       "new", now, "cause", cause_to_json(cause)));
}

void guard_tell_restored(const struct guard *guard, const struct model *model,
			 const struct guarded *v, int error, uint64_t now_ns)
{
	const char *reason = error == -EDQUOT ? "put back often enough in this minute" :
			     error == -EINVAL ? "none of these CPUs is online" :
			     error == -EPERM || error == -EIO ?
						"the kernel does not let it be set" :
			     error ? strerror(-error) :
				     NULL;

	tell(guard, event_new(model, "guard-restored", v, now_ns),
	     json_pack("{s:o, s:s?, s:b, s:s?}", "guard", name_of(guard, v->policy), "cpus",
		       v->target, "restored", error == 0, "reason", reason));
}

void guard_tell_audited(const struct guard *guard, const struct model *model,
			const struct guarded *v, const struct cause *cause, uint64_t now_ns)
{
	tell(guard, event_new(model, "guard-denied", v, now_ns),
	     json_pack("{s:b, s:s, s:o}", "denied", 0, "path", "smp_affinity", "cause",
		       cause_to_json(cause)));
}

/* ---- lists --------------------------------------------------------------------------------- */

static json_t *guarded_to_json(const struct model *model, const struct guarded *v)
{
	const struct vector *vector = model_vector(model, v->irq);
	char *now = vector ? vector_affinity_list(vector) : NULL;
	json_t *object = json_pack(
		"{s:I, s:o, s:o, s:s?, s:s?, s:b, s:I, s:I, s:I, s:I, s:o}", "irq",
		(json_int_t)v->irq, "device", v->provider[0] ? json_text(v->provider) : json_null(),
		"index", v->has_index ? json_integer(v->index) : json_null(), "affinity", now,
		"target", v->target, "asked", v->asked, "denied", (json_int_t)v->denied, "audited",
		(json_int_t)v->audited, "moved", (json_int_t)v->moved, "restored",
		(json_int_t)v->restored, "errno", v->error ? json_integer(-v->error) : json_null());

	free(now);
	return object;
}

static int by_irq(const struct guarded *a, const struct guarded *b)
{
	return a->irq < b->irq ? -1 : a->irq > b->irq;
}

static json_t *vectors_of(const struct guard *guard, const struct model *model, uint64_t id)
{
	json_t *list = json_array();

	for (const struct guarded *v = guard->vectors; v; v = v->hh.next)
		if (v->policy == id && json_array_append_new(list, guarded_to_json(model, v)) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

json_t *guard_policy_to_json(const struct guard *guard, const struct model *model,
			     const struct guard_policy *policy)
{
	static const char *const kinds[] = {
		[GUARD_DEVICE] = "device",
		[GUARD_VECTOR] = "vector",
		[GUARD_DOORBELLS] = "doorbells",
		[GUARD_RULE] = "rule",
	};
	bool has_device = policy->kind == GUARD_DEVICE || policy->kind == GUARD_VECTOR;
	json_t *vectors = vectors_of(guard, model, policy->id);
	const char *reason = NULL;
	char name[GUARD_NAME_MAX];

	guard_policy_name(policy, name);
	if (vectors && !json_array_size(vectors))
		reason = guard_policy_unmatched(policy, model);
	return json_pack(
		"{s:I, s:o, s:s, s:o, s:o, s:s?, s:s?, s:b, s:b, s:o, s:o, s:o, s:o, s:s?}", "id",
		(json_int_t)policy->id, "guard", json_text(name), "kind", kinds[policy->kind],
		"device", has_device ? json_text(policy->device) : json_null(), "index",
		policy->kind == GUARD_VECTOR ? json_integer(policy->index) : json_null(), "rule",
		policy->kind == GUARD_RULE ? rule_text(policy->rule)->name : NULL, "cpus",
		policy->cpus[0] ? policy->cpus : NULL, "restore",
		policy->restore || policy->cpus[0], "configured", policy->configured, "since_us",
		policy->configured ? json_null() : json_integer(policy->since_us), "uid",
		policy->configured ? json_null() : json_integer(policy->by.uid), "pid",
		policy->configured ? json_null() : json_integer(policy->by.pid), "vectors", vectors,
		"reason", reason);
}

json_t *guard_to_json(struct guard *guard, const struct model *model)
{
	json_t *list = json_array();

	HASH_SORT(guard->vectors, by_irq);
	for (unsigned int i = 0; i < guard->n_policies; i++)
		if (json_array_append_new(list, guard_policy_to_json(guard, model,
								     &guard->policies[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

char *guard_words(const struct guard *guard, uint32_t irq)
{
	const struct guarded *v = guard_vector(guard, irq);
	const struct guard_policy *policy = v ? guard_policy_by_id(guard, v->policy) : NULL;
	char name[GUARD_NAME_MAX], *text;
	int n;

	if (!policy)
		return NULL;
	guard_policy_name(policy, name);
	if (guard->mode == GUARD_OFF)
		n = asprintf(&text,
			     "The guard's policy %s is about it, but the guard is off: anybody "
			     "who may write its affinity moves it.",
			     name);
	else if (guard->mode == GUARD_AUDIT || !guard->hooked)
		n = asprintf(&text,
			     "The guard watches it (policy %s): it belongs on CPUs %s, and who "
			     "moves it is told; it was moved %llu times.",
			     name, v->target ?: "?", (unsigned long long)v->moved);
	else
		n = asprintf(&text,
			     "The guard protects it (policy %s): it belongs on CPUs %s, and writes "
			     "to its affinity fail with EPERM, whoever makes them; %llu did.",
			     name, v->target ?: "?", (unsigned long long)v->denied);
	return n < 0 ? NULL : text;
}

/* ---- from one daemon to the next ----------------------------------------------------------- */

static int save_befores(const struct guard *guard, json_t *list)
{
	int r = 0;

	for (const struct guarded *v = guard->vectors; v && r >= 0; v = v->hh.next)
		if (v->before && v->has_index)
			r = json_array_append_new(
				list, json_pack("{s:o, s:I, s:s}", "device", json_text(v->provider),
						"index", (json_int_t)v->index, "cpus", v->before));
	/* of vectors that have not come yet */
	for (size_t i = 0; i < guard->n_befores && r >= 0; i++)
		if (guard->befores[i].cpus)
			r = json_array_append_new(
				list, json_pack("{s:o, s:I, s:s}", "device",
						json_text(guard->befores[i].provider), "index",
						(json_int_t)guard->befores[i].index, "cpus",
						guard->befores[i].cpus));
	return r;
}

json_t *guard_save(const struct guard *guard)
{
	json_t *policies = json_array(), *befores = json_array();
	int r = save_befores(guard, befores);

	for (unsigned int i = 0; i < guard->n_policies && r >= 0; i++)
		if (!guard->policies[i].configured)
			r = json_array_append_new(policies, guard_policy_save(&guard->policies[i]));
	if (r < 0) {
		json_decref(policies);
		json_decref(befores);
		return NULL;
	}
	return json_pack("{s:I, s:o, s:o}", "next_id", (json_int_t)guard->next_id, "policies",
			 policies, "before", befores);
}

static bool load_before(struct guard *guard, const json_t *object)
{
	struct guard_before *before = &guard->befores[guard->n_befores];
	char list[GUARD_CPUS_MAX];
	const char *device, *cpus;
	json_int_t index;

	if (json_unpack((json_t *)object, "{s:s, s:I, s:s}", "device", &device, "index", &index,
			"cpus", &cpus) < 0 ||
	    strlen(device) >= sizeof(before->provider) || index < 0 || index > UINT32_MAX ||
	    guard_cpus_normalize(cpus, 0, list, sizeof(list)) < 0)
		return false;
	strcpy(before->provider, device);
	before->index = (uint32_t)index;
	before->cpus = strdup(list);
	guard->n_befores += before->cpus != NULL;
	return before->cpus != NULL;
}

static unsigned int load_befores(struct guard *guard, const json_t *list)
{
	size_t n = json_array_size(list), i;
	unsigned int bad = 0;
	json_t *object;

	if (!n || n > GUARD_VECTORS_MAX)
		return n != 0;
	guard->befores = calloc(n, sizeof(*guard->befores));
	if (!guard->befores)
		return 1;
	json_array_foreach(list, i, object)
		bad += !load_before(guard, object);
	return bad;
}

unsigned int guard_load(struct guard *guard, const json_t *saved, bool same_boot)
{
	json_int_t next = json_integer_value(json_object_get(saved, "next_id"));
	unsigned int bad = 0;
	json_t *object;
	size_t i;

	json_array_foreach(json_object_get(saved, "policies"), i, object) {
		struct guard_policy policy;

		bad += guard_policy_load(object, &policy) < 0 ||
		       guard_policy_by_id(guard, policy.id) ||
		       guard_add(guard, &policy, NULL, 0, NULL) < 0;
	}
	if (next > 0 && next <= GUARD_ID_MAX && (uint64_t)next > guard->next_id)
		guard->next_id = (uint64_t)next;
	if (same_boot && !guard->befores)
		bad += load_befores(guard, json_object_get(saved, "before"));
	return bad;
}
