// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the model of a daemon before this one remembered, put back (state-save.c). A record of what
 * is not there is passed over, and so is one with a value that this version has no meaning for.
 */
#define HASH_NONFATAL_OOM 1
#include <stdlib.h>

#include <cxlirqd/state.h>

#include "model-private.h"

static void cause_restore(struct cause *cause, const struct state_cause *saved)
{
	*cause = (struct cause){ .valid = saved->valid && saved->kind < RECORD_CAUSE_MAX,
				 .kind = saved->kind < RECORD_CAUSE_MAX ? saved->kind : 0,
				 .flags = saved->flags,
				 .pid = saved->pid,
				 .uid = saved->uid };
	memcpy(cause->comm, saved->comm, sizeof(cause->comm));
	cause->comm[sizeof(cause->comm) - 1] = 0;
}

static void domain_restore(struct model *model, const struct record_state_domain *r)
{
	struct domain *domain = domain_find(model, r->key);

	if (!domain)
		return;
	domain->id = r->id;
	domain->affinity_changes = r->affinity_changes;
	domain->message_changes = r->message_changes;
	domain->affinity_vectors = r->affinity_vectors;
	memcpy(domain->chip, r->chip, sizeof(domain->chip));
}

static void vector_restore(struct model *model, const struct record_state_vector *r)
{
	struct vector *v = vector_find(model, r->irq);

	if (!v || r->origin > ORIGIN_DYNAMIC)
		return;
	v->origin = r->origin;
	v->told = r->flags & STATE_VECTOR_TOLD;
	v->allocated_ns = r->allocated_ns;
	v->message_known = r->flags & STATE_VECTOR_MESSAGE_KNOWN;
	v->message = r->message;
	v->settled_known = r->flags & STATE_VECTOR_SETTLED_KNOWN;
	v->settled = r->settled;
	v->unsettled = r->flags & STATE_VECTOR_UNSETTLED;
	v->unsettled_ns = r->unsettled_ns;
	cause_restore(&v->message_cause, &r->message_cause);
	v->message_changes = r->message_changes;
	v->message_rewrites = r->message_rewrites;
	v->affinity_changes = r->affinity_changes;
	cause_restore(&v->pending, &r->pending);
	cause_restore(&v->moved_by, &r->moved_by);
	v->check_ns = r->check_ns;
	v->left_ns = r->left_ns;
	v->left = r->left;
	v->left_requested_ns = r->left_requested_ns;
	cause_restore(&v->left_by, &r->left_by);
	v->tallied = r->tallied;
	v->unowned = r->unowned;
}

static void action_restore(struct model *model, const struct record_state_action *r)
{
	struct vector *v = vector_find(model, r->irq);

	if (!v || r->evidence > EVIDENCE_DEVRES)
		return;
	for (struct action *a = v->actions; a; a = a->next) {
		if (a->cookie != r->cookie)
			continue;
		a->evidence = r->evidence;
		a->requested_ns = r->requested_ns;
		a->interrupts = r->interrupts;
	}
}

static void device_restore(struct model *model, const struct record_state_device *r)
{
	struct device *device;

	HASH_FIND_STR(model->devices, r->name, device);
	if (device)
		device->seen_unbound = true;
}

static void doorbell_flags(struct doorbell *d, uint32_t flags)
{
	d->requested = flags & STATE_DOORBELL_REQUESTED;
	d->published = flags & STATE_DOORBELL_PUBLISHED;
	d->freed = flags & STATE_DOORBELL_FREED;
	d->refused = flags & STATE_DOORBELL_REFUSED;
	d->told = flags & STATE_DOORBELL_TOLD;
	d->walked = flags & STATE_DOORBELL_WALKED;
	d->stale_told = flags & STATE_DOORBELL_STALE_TOLD;
	d->stale_over = flags & STATE_DOORBELL_STALE_OVER;
	d->early = flags & STATE_DOORBELL_EARLY;
	d->violated = flags & STATE_DOORBELL_VIOLATED;
}

static void doorbell_restore(struct model *model, const struct record_state_doorbell *r)
{
	struct doorbell *d;

	if (r->type > DOORBELL_PLATFORM || r->copy_state >= RECORD_COPY_MAX || r->bar > 5 ||
	    r->fixed_bar > 5)
		return;
	d = doorbell_add(model, r->owner, r->index, r->platform);
	if (!d)
		return;
	d->epc = r->epc;
	d->func = r->func;
	d->type = r->type;
	d->irq = r->irq;
	d->fixed_bar = r->fixed_bar;
	d->bar = r->bar;
	d->error = r->error;
	d->asked = r->asked;
	d->copy_state = r->copy_state;
	d->message = r->message;
	d->reference = r->reference;
	d->copy = r->copy;
	d->parent = r->parent;
	d->published_ns = r->published_ns;
	d->freed_ns = r->freed_ns;
	d->stale_ns = r->stale_ns;
	d->message_changes = r->message_changes;
	cause_restore(&d->freed_by, &r->freed_by);
	memcpy(d->epc_name, r->epc_name, sizeof(d->epc_name));
	memcpy(d->epf_name, r->epf_name, sizeof(d->epf_name));
	memcpy(d->driver, r->driver, sizeof(d->driver));
	memcpy(d->provider, r->provider, sizeof(d->provider));
	doorbell_flags(d, r->flags);
}

static void demands_restore(struct model *model, const struct record_state_demands *r)
{
	struct demands *d = demands_get(model, r->device);

	if (!d)
		return;
	memcpy(d->driver, r->driver, sizeof(d->driver));
	d->older = r->older;
	d->last_ns = r->last_ns;
	d->check_ns = r->check_ns;
	d->open = r->flags & STATE_DEMANDS_OPEN;
	d->lost = r->flags & STATE_DEMANDS_LOST;
	d->lasted = r->flags & STATE_DEMANDS_LASTED;
	d->freed = r->flags & STATE_DEMANDS_FREED;
	d->freed_in_probe = r->flags & STATE_DEMANDS_FREED_IN_PROBE;
	d->unbound = r->flags & STATE_DEMANDS_UNBOUND;
	d->open_kind = r->open_kind;
	d->open_tid = r->open_tid;
	memcpy(d->asked, r->asked, sizeof(d->asked));
}

static void demand_restore(struct model *model, const struct record_state_demand *r)
{
	struct demands *of = demands_get(model, r->device);
	struct demand *d;

	if (!of || r->kind >= DEMAND_KIND_MAX)
		return;
	d = demand_add(of);
	*d = (struct demand){ .kind = r->kind,
			      .legacy = r->state & STATE_DEMAND_LEGACY,
			      .in_probe = r->state & STATE_DEMAND_IN_PROBE,
			      .told = r->state & STATE_DEMAND_TOLD,
			      .min = r->min,
			      .max = r->max,
			      .flags = r->flags,
			      .granted = r->granted,
			      .error = r->error,
			      .time_ns = r->time_ns };
	memcpy(d->caller, r->caller, sizeof(d->caller));
	cause_restore(&d->cause, &r->cause);
}

static void ask_restore(struct model *model, const struct record_state_ask *r)
{
	struct demands *of = demands_get(model, r->device);
	struct ask *ask;

	if (!of || r->feature >= FEATURE_MAX)
		return;
	ask = ask_get(model, of, r->number, r->caller);
	if (!ask)
		return;
	ask->feature = r->feature;
	ask->nth = r->nth;
	ask->irq = r->irq;
	ask->error = r->error;
	ask->request_error = r->request_error;
	ask->tid = r->tid;
	ask->in_probe = r->state & STATE_DEMAND_IN_PROBE;
	ask->told = r->state & STATE_DEMAND_TOLD;
	ask->time_ns = r->time_ns;
	cause_restore(&ask->cause, &r->cause);
}

static void lifetime_restore(struct model *model, const struct record_state_lifetime *r)
{
	struct lifetime *l = lifetime_add(model);

	*l = (struct lifetime){ .irq = r->irq,
				.index = r->index,
				.has_index = r->flags & STATE_LIFETIME_HAS_INDEX,
				.cookie = r->cookie,
				.allocated_ns = r->allocated_ns,
				.requested_ns = r->requested_ns,
				.freed_ns = r->freed_ns,
				.left_ns = r->left_ns };
	memcpy(l->provider, r->provider, sizeof(l->provider));
	memcpy(l->consumer, r->consumer, sizeof(l->consumer));
	memcpy(l->handler, r->handler, sizeof(l->handler));
	cause_restore(&l->freed_by, &r->freed_by);
	cause_restore(&l->left_by, &r->left_by);
}

static void model_restore(struct model *model, const struct record_state_model *r)
{
	/* a walk's number is never one that an object already has */
	if (r->walk > model->walk)
		model->walk = r->walk;
	model->records = r->records;
	model->unknown_records = r->unknown_records;
	model->snapshots = r->snapshots;
	model->snapshot_ns = r->snapshot_ns;
	model->counted_ns = r->counted_ns;
	model->tick_ns = r->tick_ns;
	model->next_domain_id = r->next_domain_id;
	model->bars_known = r->flags & STATE_MODEL_BARS_KNOWN;
	model->unrepaired = r->flags & STATE_MODEL_UNREPAIRED ? REPAIR_WALKS : 0;
	model->lost_walk = model->walk;
	memcpy(model->changes, r->changes, sizeof(model->changes));
	memcpy(model->corrections, r->corrections, sizeof(model->corrections));
	memcpy(model->refused, r->refused, sizeof(model->refused));
}

void state_apply(struct model *model, const struct record_header *header)
{
	const void *r = header;

	switch (header->type) {
	case RECORD_STATE_MODEL: return model_restore(model, r);
	case RECORD_STATE_LOST: {
		const struct record_state_lost *lost = r;

		lost_find(model, lost->reason)->count = lost->count;
		return;
	}
	case RECORD_STATE_DOMAIN: return domain_restore(model, r);
	case RECORD_STATE_VECTOR: return vector_restore(model, r);
	case RECORD_STATE_ACTION: return action_restore(model, r);
	case RECORD_STATE_DEVICE: return device_restore(model, r);
	case RECORD_STATE_DOORBELL: return doorbell_restore(model, r);
	case RECORD_STATE_DEMANDS: return demands_restore(model, r);
	case RECORD_STATE_DEMAND: return demand_restore(model, r);
	case RECORD_STATE_ASK: return ask_restore(model, r);
	case RECORD_STATE_LIFETIME: return lifetime_restore(model, r);
	default: return;
	}
}
