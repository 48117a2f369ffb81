// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Endpoint doorbells: from their allocation to the end of what maps them. Three kinds: on an MSI
 * parent (the kernel's own API), embedded in the controller (one interrupt for all, neither domain
 * nor msi_desc), and the vectors of plain platform-MSI users that the settings name.
 *
 * What the host was told is the reference: the first message that stood, and from the moment that
 * a BAR maps it the one that stood then. While nobody listens and no BAR maps it, any message is as
 * good as another.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include <fnmatch.h>
#include <stdlib.h>

static uint64_t msg_address(const struct record_msg *m)
{
	return (uint64_t)m->address_hi << 32 | m->address_lo;
}

static struct doorbell *doorbell_find(const struct model *model, uint64_t owner, uint32_t index,
				      bool platform)
{
	struct doorbell_key key = { .owner = owner, .index = index, .platform = platform };
	struct doorbell *doorbell;

	HASH_FIND(hh, model->doorbells, &key, sizeof(key), doorbell);
	return doorbell;
}

static void doorbell_drop(struct model *model, struct doorbell *doorbell)
{
	HASH_DEL(model->doorbells, doorbell);
	free(doorbell);
}

/* One that is gone and maps nothing, or never was, is kept only as long as there is room. */
static void doorbells_make_room(struct model *model)
{
	struct doorbell *doorbell, *next;

	if (HASH_COUNT(model->doorbells) < model->limits.entries[TABLE_DOORBELLS])
		return;
	HASH_ITER(hh, model->doorbells, doorbell, next) {
		if (!doorbell->refused && (!doorbell->freed || doorbell->bar >= 0))
			continue;
		doorbell_drop(model, doorbell);
		return;
	}
}

struct doorbell *doorbell_add(struct model *model, uint64_t owner, uint32_t index, bool platform)
{
	struct doorbell *doorbell;

	doorbells_make_room(model);
	if (model_is_full(model, TABLE_DOORBELLS, HASH_COUNT(model->doorbells)))
		return NULL;
	doorbell = calloc(1, sizeof(*doorbell));
	if (doorbell) {
		doorbell->key = (struct doorbell_key){ owner, index, platform };
		doorbell->bar = doorbell->fixed_bar = -1;
		HASH_ADD(hh, model->doorbells, key, sizeof(doorbell->key), doorbell);
	}
	if (!doorbell || !doorbell->hh.tbl) {
		model->refused[TABLE_DOORBELLS]++;
		free(doorbell);
		return NULL;
	}
	return doorbell;
}

void doorbells_free(struct model *model)
{
	struct doorbell *doorbell, *next;

	HASH_ITER(hh, model->doorbells, doorbell, next) {
		doorbell_drop(model, doorbell);
	}
}

static void doorbell_tell(struct model *model, struct doorbell *doorbell, enum doorbell_event event,
			  const struct record_header *header)
{
	struct change change = { .type = CHANGE_DOORBELL,
				 .doorbell = doorbell,
				 .doorbell_event = event,
				 .vector = doorbell->freed ? NULL :
							     vector_find(model, doorbell->irq) };
	struct cause cause = cause_driver(header);

	/* time passes by itself: what lasts is the doing of who freed it */
	change.cause = header->type == RECORD_TICK ? &doorbell->freed_by : &cause;
	model_change(model, &change, header);
}

const struct doorbell *model_doorbell(const struct model *model, uint32_t irq)
{
	for (const struct doorbell *d = model->doorbells; d; d = d->hh.next)
		if (d->irq == irq && !d->freed && !d->refused)
			return d;
	return NULL;
}

static void doorbell_parent(const struct model *model, struct doorbell *doorbell)
{
	const struct vector *vector = vector_find(model, doorbell->irq);
	const struct domain *parent = vector ? vector_msi_parent(model, vector) : NULL;

	if (parent && doorbell->type != DOORBELL_EMBEDDED)
		doorbell->parent = parent->key;
}

/* A message that stands. The first one is what the host will be told. */
static void doorbell_take_message(struct doorbell *doorbell, const struct record_msg *message)
{
	if (msg_is_zero(message))
		return;
	doorbell->message = *message;
	if (msg_is_zero(&doorbell->reference))
		doorbell->reference = *message;
}

/* The function's copy, as long as no operation tells what stands */
static void doorbell_take_copy(struct doorbell *doorbell, const struct record_msg *message)
{
	if (msg_is_zero(message) ||
	    ((doorbell->requested || doorbell->published) && !msg_is_zero(&doorbell->message)))
		return;
	doorbell->message = doorbell->reference = *message;
}

/* Nobody listens, and the host has no way to it: it may be another one next time. */
static void doorbell_forget_message(struct doorbell *doorbell)
{
	if (!doorbell->requested && !doorbell->published && doorbell->type != DOORBELL_EMBEDDED)
		doorbell->message = doorbell->reference = (struct record_msg){};
}

/* Whether a BAR maps it beyond doubt. */
static bool doorbell_is_mapped(const struct model *model, const struct doorbell *doorbell)
{
	const struct bar *bar = bar_mapping(model, doorbell->epc, doorbell->func,
					    msg_address(&doorbell->reference));

	return bar && !bar->doubtful;
}

/* What maps one that is freed may have ended already, and when is not known. */
void doorbells_doubt(struct model *model)
{
	for (struct doorbell *d = model->doorbells; d; d = d->hh.next)
		if (d->freed)
			d->bar = -1;
}

/* A file may have times in any order. */
static uint64_t stale_since(const struct doorbell *doorbell, const struct record_header *header)
{
	return header->time_ns > doorbell->freed_ns ? header->time_ns - doorbell->freed_ns : 0;
}

static void doorbell_stale_end(struct model *model, struct doorbell *doorbell,
			       const struct record_header *header)
{
	if (!doorbell->freed || doorbell->bar < 0)
		return;
	doorbell->stale_ns = stale_since(doorbell, header);
	doorbell->stale_over = true;
	doorbell_tell(model, doorbell, DOORBELL_STALE, header);
	doorbell->bar = -1;
}

/*
 * Whether the host reaches it: published at the moment that it begins to. @walk: it is only seen
 * now, so there is no telling what came first.
 */
static void doorbell_map(struct model *model, struct doorbell *doorbell, bool walk,
			 const struct record_header *header)
{
	const struct vector *vector = vector_find(model, doorbell->irq);
	const struct bar *bar = NULL;

	if (doorbell->refused || doorbell->type == DOORBELL_PLATFORM)
		return;
	if (!msg_is_zero(&doorbell->message))
		bar = bar_mapping(model, doorbell->epc, doorbell->func,
				  msg_address(&doorbell->reference));
	/* neither that it is mapped nor that it is not */
	if (bar && bar->doubtful)
		return;
	if (doorbell->freed) {
		if (!bar)
			doorbell_stale_end(model, doorbell, header);
		return;
	}
	/* a BAR that exposes it anyway is of no use to the host before somebody listens */
	if (!bar && (doorbell->fixed_bar < 0 || !doorbell->requested)) {
		doorbell->bar = -1;
		if (!doorbell->published || doorbell->fixed_bar >= 0)
			return;
		doorbell->published = false;
		doorbell_forget_message(doorbell);
		return;
	}
	doorbell->bar = bar ? (int32_t)bar->key.bar : doorbell->fixed_bar;
	if (doorbell->published)
		return;
	doorbell->published = true;
	doorbell->published_ns = header->time_ns;
	doorbell->reference = doorbell->message;
	/* an embedded one may share its interrupt: then somebody listens, whoever it is */
	doorbell->early = !walk && !doorbell->requested && !(vector && vector->actions);
	doorbell->violated |= doorbell->early;
	if (doorbell->told && !walk)
		doorbell_tell(model, doorbell, DOORBELL_PUBLISHED, header);
}

void doorbells_mapped(struct model *model, uint64_t epc, bool walk,
		      const struct record_header *header)
{
	for (struct doorbell *d = model->doorbells; d; d = d->hh.next)
		if (d->epc == epc)
			doorbell_map(model, d, walk, header);
}

static void doorbell_fill(struct doorbell *doorbell, const struct record_doorbell *r)
{
	doorbell->epc = r->epc;
	doorbell->func = r->func;
	memcpy(doorbell->epc_name, r->epc_name, sizeof(doorbell->epc_name));
	memcpy(doorbell->epf_name, r->epf_name, sizeof(doorbell->epf_name));
	memcpy(doorbell->driver, r->driver, sizeof(doorbell->driver));
	memcpy(doorbell->provider, r->provider, sizeof(doorbell->provider));
}

static void doorbell_refused(struct model *model, const struct record_doorbell *r)
{
	struct doorbell *doorbell = doorbell_find(model, r->epf, ~0U, false), *other, *next;

	/* it got as far as to write some messages */
	HASH_ITER(hh, model->doorbells, other, next) {
		if (other->key.owner == r->epf && !other->told && other->type != DOORBELL_PLATFORM)
			doorbell_drop(model, other);
	}
	if (!doorbell)
		doorbell = doorbell_add(model, r->epf, ~0U, false);
	if (!doorbell)
		return;
	doorbell_fill(doorbell, r);
	doorbell->refused = doorbell->told = true;
	doorbell->error = -r->error;
	doorbell->asked = r->count;
	doorbell_tell(model, doorbell, DOORBELL_REFUSED, &r->header);
}

/* A vector of a device that the settings name turns out to be known by the kernel's own API. */
static void platform_drop(struct model *model, uint32_t irq)
{
	struct doorbell *doorbell, *next;

	HASH_ITER(hh, model->doorbells, doorbell, next) {
		if (doorbell->type == DOORBELL_PLATFORM && doorbell->irq == irq)
			doorbell_drop(model, doorbell);
	}
}

static struct doorbell *doorbell_renew(struct model *model, const struct record_doorbell *r)
{
	struct doorbell *doorbell = doorbell_find(model, r->epf, r->index, false), *refused;

	if (doorbell && doorbell->freed) {
		doorbell_stale_end(model, doorbell, &r->header);
		doorbell_drop(model, doorbell);
		doorbell = NULL;
	}
	refused = doorbell_find(model, r->epf, ~0U, false);
	if (refused)
		doorbell_drop(model, refused);
	return doorbell ?: doorbell_add(model, r->epf, r->index, false);
}

static void doorbell_end(struct model *model, struct doorbell *doorbell,
			 const struct record_header *header)
{
	doorbell->freed = true;
	doorbell->walk = model->walk;
	doorbell->requested = doorbell->published = false;
	doorbell->freed_ns = header->time_ns;
	doorbell->freed_by = cause_driver(header);
	doorbell->parent = 0;
	doorbell_tell(model, doorbell, DOORBELL_FREED, header);
	if (doorbell->bar >= 0 && doorbell->fixed_bar < 0 && doorbell_is_mapped(model, doorbell))
		model_want_tick(model, header->time_ns + TICK_NS);
	else
		doorbell->bar = -1;
}

/* A walk sees it: what it shows that no record told is told when the walk ends. */
static void doorbell_seen(struct model *model, struct doorbell *doorbell,
			  const struct record_doorbell *r)
{
	const struct vector *vector = vector_find(model, r->irq);

	if (!doorbell->told) {
		/* one that was there first is not news */
		doorbell->walked = true;
		doorbell->requested = vector && vector->actions;
	}
	doorbell->told = true;
	doorbell->seen = r->message;
	doorbell_map(model, doorbell, true, &r->header);
}

static void doorbell_created(struct model *model, struct doorbell *doorbell,
			     const struct record_doorbell *r)
{
	/* a walk may see it before the record of its allocation comes */
	if (!doorbell->told || doorbell->walked)
		doorbell_tell(model, doorbell, DOORBELL_ALLOCATED, &r->header);
	doorbell->walked = false;
	doorbell->told = true;
	doorbell_map(model, doorbell, false, &r->header);
}

static void doorbell_there(struct model *model, const struct record_doorbell *r)
{
	bool snapshot = r->reason == RECORD_REASON_SNAPSHOT;
	struct doorbell *doorbell = doorbell_find(model, r->epf, r->index, false);

	/* the walk saw it before it was freed, which is told before the kernel does it */
	if (snapshot && doorbell && doorbell->freed &&
	    (doorbell->walk == model->walk || r->header.time_ns < doorbell->freed_ns + TICK_NS))
		return;
	/* its release was missed, and when that was is not known */
	if (!snapshot && doorbell && doorbell->told && !doorbell->walked && !doorbell->freed) {
		doorbell->bar = -1;
		doorbell_end(model, doorbell, &r->header);
	}
	doorbell = doorbell_renew(model, r);
	if (!doorbell)
		return;
	doorbell_fill(doorbell, r);
	doorbell->irq = r->irq;
	doorbell->type = r->type == RECORD_DOORBELL_EMBEDDED ? DOORBELL_EMBEDDED : DOORBELL_MSI;
	doorbell->fixed_bar = doorbell->type == DOORBELL_EMBEDDED ? r->bar : -1;
	doorbell->walk = model->walk;
	platform_drop(model, r->irq);
	doorbell_take_copy(doorbell, &r->message);
	doorbell_parent(model, doorbell);
	if (snapshot)
		doorbell_seen(model, doorbell, r);
	else
		doorbell_created(model, doorbell, r);
}

static void doorbell_written(struct model *model, const struct record_doorbell *r)
{
	struct doorbell *doorbell;

	/* nobody was promised zeros */
	if (msg_is_zero(&r->message))
		return;
	doorbell = doorbell_renew(model, r);
	if (!doorbell)
		return;
	doorbell_fill(doorbell, r);
	doorbell->irq = r->irq;
	doorbell->walk = model->walk;
	doorbell->seen = (struct record_msg){};
	platform_drop(model, r->irq);
	doorbell_parent(model, doorbell);
	doorbell->copy_state = r->copy;
	if (r->copy == RECORD_COPY_TAKEN) {
		doorbell_take_copy(doorbell, &r->message);
		return;
	}
	doorbell->copy = r->message;
	doorbell->violated = true;
	doorbell_tell(model, doorbell, DOORBELL_DROPPED, &r->header);
}

void doorbell_apply(struct model *model, const struct record_doorbell *r)
{
	if (!r->epf)
		return;
	if (r->error)
		return doorbell_refused(model, r);
	if (r->reason == RECORD_REASON_REMOVED) {
		for (struct doorbell *d = model->doorbells; d; d = d->hh.next)
			if (d->key.owner == r->epf && !d->freed && !d->refused)
				doorbell_end(model, d, &r->header);
		return;
	}
	if (r->index == ~0U)
		return;
	if (r->reason == RECORD_REASON_UPDATED)
		doorbell_written(model, r);
	else
		doorbell_there(model, r);
}

/* ---- what its interrupt tells -------------------------------------------------------------- */

static bool is_doorbell_device(const struct model *model, const char *device)
{
	for (uint32_t i = 0; i < model->n_patterns; i++)
		if (!fnmatch(model->patterns[i], device, 0))
			return true;
	return false;
}

static struct doorbell *doorbell_next(struct doorbell *doorbell, uint32_t irq)
{
	while (doorbell && (doorbell->irq != irq || doorbell->freed || doorbell->refused))
		doorbell = doorbell->hh.next;
	return doorbell;
}

#define for_each_doorbell_of(doorbell, model, number)                                              \
	for ((doorbell) = doorbell_next((model)->doorbells, (number)); (doorbell);                 \
	     (doorbell) = doorbell_next((doorbell)->hh.next, (number)))

void doorbell_vector(struct model *model, const struct vector *vector,
		     const struct record_header *header)
{
	struct doorbell *doorbell;

	if (!model->n_patterns || !vector->key || !vector->msi_type ||
	    !is_doorbell_device(model, vector->provider.name) || model_doorbell(model, vector->irq))
		return;
	/* one that is gone: the kernel uses its descriptor again */
	doorbell = doorbell_find(model, vector->key, vector->msi_index, true);
	if (doorbell)
		doorbell_drop(model, doorbell);
	doorbell = doorbell_add(model, vector->key, vector->msi_index, true);
	if (!doorbell)
		return;
	doorbell->type = DOORBELL_PLATFORM;
	doorbell->irq = vector->irq;
	doorbell->told = true;
	doorbell->requested = vector->actions;
	memcpy(doorbell->epf_name, vector->provider.name, sizeof(doorbell->epf_name));
	memcpy(doorbell->driver, vector->provider.driver, sizeof(doorbell->driver));
	memcpy(doorbell->provider, vector->provider.name, sizeof(doorbell->provider));
	if (vector->settled_known)
		doorbell_take_message(doorbell, &vector->settled);
	doorbell_parent(model, doorbell);
	doorbell_tell(model, doorbell, DOORBELL_ALLOCATED, header);
}

void doorbell_vector_gone(struct model *model, const struct vector *vector,
			  const struct record_header *header)
{
	struct doorbell *doorbell;

	for_each_doorbell_of(doorbell, model, vector->irq) if (doorbell->type == DOORBELL_PLATFORM)
		doorbell_end(model, doorbell, header);
}

void doorbell_handlers(struct model *model, const struct vector *vector,
		       const struct record_header *header)
{
	struct doorbell *doorbell;

	for_each_doorbell_of(doorbell, model, vector->irq)
	{
		bool requested = vector->actions;

		if (doorbell->requested == requested)
			continue;
		doorbell->requested = requested;
		if (!requested) {
			doorbell_forget_message(doorbell);
			continue;
		}
		doorbell_parent(model, doorbell);
		doorbell_tell(model, doorbell, DOORBELL_REQUESTED, header);
		doorbell_map(model, doorbell, false, header);
	}
}

/* @message stands now. @cause: NULL when nobody knows. */
static void doorbell_stands(struct model *model, struct doorbell *doorbell,
			    const struct record_msg *message, const struct cause *cause,
			    const struct record_header *header)
{
	struct change change = { .type = CHANGE_DOORBELL,
				 .doorbell = doorbell,
				 .doorbell_event = DOORBELL_CHANGED,
				 .vector = vector_find(model, doorbell->irq),
				 .old_message = doorbell->message,
				 .new_message = *message,
				 .cause = cause,
				 .reconciled = !cause };

	doorbell->seen = (struct record_msg){};
	doorbell_take_message(doorbell, message);
	doorbell->violated |= !msg_equal(&doorbell->message, &doorbell->reference);
	doorbell_parent(model, doorbell);
	if (!msg_is_zero(&change.old_message) &&
	    !msg_equal(&change.old_message, &doorbell->message)) {
		doorbell->message_changes++;
		model_change(model, &change, header);
	}
	doorbell_map(model, doorbell, false, header);
}

void doorbell_settled(struct model *model, const struct vector *vector, const struct cause *cause,
		      const struct record_header *header)
{
	struct doorbell *doorbell;

	for_each_doorbell_of(doorbell, model, vector->irq) if (doorbell->type != DOORBELL_EMBEDDED)
		doorbell_stands(model, doorbell, &vector->settled, cause, header);
}

void doorbells_tick(struct model *model, const struct record_header *header)
{
	for (struct doorbell *d = model->doorbells; d; d = d->hh.next) {
		if (!d->freed || d->bar < 0 || d->stale_told)
			continue;
		if (header->time_ns < d->freed_ns + TICK_NS) {
			model_want_tick(model, d->freed_ns + TICK_NS);
			continue;
		}
		/* a state file may have left out the BAR */
		if (!doorbell_is_mapped(model, d)) {
			d->bar = -1;
			continue;
		}
		d->stale_ns = stale_since(d, header);
		d->stale_told = true;
		doorbell_tell(model, d, DOORBELL_STALE, header);
	}
}

/* A copy that no record told: one was lost. Where the copy is not the message it tells nothing. */
static void doorbell_walked(struct model *model, struct doorbell *doorbell,
			    const struct record_header *header)
{
	struct vector *vector = vector_find(model, doorbell->irq);
	struct record_msg seen = doorbell->seen;

	doorbell->seen = (struct record_msg){};
	if (msg_is_zero(&seen) || doorbell->type == DOORBELL_EMBEDDED || doorbell->copy_state ||
	    (vector && vector->unsettled) || msg_equal(&seen, &doorbell->message))
		return;
	if (!vector || !vector->actions)
		return doorbell_stands(model, doorbell, &seen, NULL, header);
	vector->message = seen;
	vector->message_known = true;
	vector_settle(model, vector, header, NULL);
}

void doorbells_walk_end(struct model *model, const struct record_snapshot *r)
{
	struct doorbell *d, *next;

	HASH_ITER(hh, model->doorbells, d, next) {
		/* the settings name its device no more */
		if (d->type == DOORBELL_PLATFORM && !is_doorbell_device(model, d->provider)) {
			doorbell_drop(model, d);
			continue;
		}
		if (d->type == DOORBELL_PLATFORM || d->freed || d->refused)
			continue;
		if (d->walk == model->walk) {
			doorbell_walked(model, d, &r->header);
		} else if (r->complete == RECORD_COMPLETE_ALL) {
			/* its function went without telling, and when is not known */
			d->bar = -1;
			doorbell_end(model, d, &r->header);
		}
	}
}

void doorbell_apply_pattern(struct model *model, const struct record_pattern *r)
{
	if (r->kind == RECORD_PATTERN_NONE) {
		model->n_patterns = 0;
		return;
	}
	for (uint32_t i = 0; i < model->n_patterns; i++)
		if (!strcmp(model->patterns[i], r->pattern))
			return;
	if (model->n_patterns < MODEL_PATTERNS_MAX)
		memcpy(model->patterns[model->n_patterns++], r->pattern, sizeof(r->pattern));
}
