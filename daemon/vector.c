// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts. A record tells all of one as it is; what this file adds is time: which message stood
 * before, who asked for a move that comes later, and what is only a step on the way.
 *
 * Messages pass through values that nobody was told: a placeholder at allocation, zeros at
 * deactivation, a first write at start-up, two writes where a function cannot be masked. So a
 * write only marks a vector unsettled; the record that ends the operation (request, affinity
 * applied) settles it, and only then old and new are compared.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include <stdlib.h>

struct vector *vector_free(struct vector *vector)
{
	if (!vector)
		return NULL;
	while (vector->actions) {
		struct action *next = vector->actions->next;

		free(vector->actions);
		vector->actions = next;
	}
	free(vector->masks);
	free(vector->seen);
	free(vector->affinity_text);
	free(vector->effective_text);
	free(vector);
	return NULL;
}

struct vector *vector_find(const struct model *model, uint32_t irq)
{
	struct vector *vector;

	HASH_FIND(hh, model->vectors, &irq, sizeof(irq), vector);
	return vector;
}

static struct vector *vector_add(struct model *model, uint32_t irq)
{
	struct vector *vector;

	if (model_is_full(model, TABLE_VECTORS, HASH_COUNT(model->vectors)))
		return NULL;
	vector = calloc(1, sizeof(*vector));
	if (vector) {
		vector->irq = irq;
		vector->x86_vector = vector->x86_cpu = -1;
		HASH_ADD(hh, model->vectors, irq, sizeof(vector->irq), vector);
	}
	if (!vector || !vector->hh.tbl) {
		model->refused[TABLE_VECTORS]++;
		return vector_free(vector);
	}
	return vector;
}

static void vector_drop(struct model *model, struct vector *vector)
{
	actions_free(model, vector);
	HASH_DEL(model->vectors, vector);
	vector_free(vector);
}

static void vector_remove(struct model *model, struct vector *vector,
			  const struct record_header *header)
{
	struct change change = { .type = CHANGE_VECTOR_FREED, .vector = vector };
	struct cause cause = cause_driver(header);

	vector_tally_now(model, vector);
	change.cause = &cause;
	/* a record of another kind shows that it is gone, not who did it */
	cause.valid = header->type == RECORD_FREE;
	if (vector->told || vector->corrected & 1U << CORRECTION_VECTOR_APPEARED)
		model_change(model, &change, header);
	if (cause.valid) {
		demands_vector_freed(model, vector, header);
		lifetime_vector_freed(model, vector, header);
	}
	doorbell_vector_gone(model, vector, header);
	vector_drop(model, vector);
}

/* One message serves all vectors of a multi-MSI block: the hardware adds the number to the data. */
static struct record_msg msg_of(const struct record_msg *base, uint32_t base_irq, uint32_t irq)
{
	struct record_msg own = *base;

	if (base_irq && irq > base_irq && !msg_is_zero(base))
		own.data += irq - base_irq;
	return own;
}

static void count_message_change(struct model *model, struct vector *vector)
{
	vector->message_changes++;
	for (uint32_t i = 0; i < vector->n_levels && i < 2; i++) {
		struct domain *domain = domain_find(model, vector->levels[i].domain);

		if (domain)
			domain->message_changes++;
	}
}

void vector_settle(struct model *model, struct vector *vector, const struct record_header *header,
		   const struct cause *otherwise)
{
	struct change change = { .type = CHANGE_MESSAGE, .vector = vector };
	const struct cause *cause =
		vector->message_cause.valid ? &vector->message_cause : otherwise;

	if (!vector->message_known || !vector->actions) {
		vector->settled_known = false;
		vector->unsettled = false;
		return;
	}
	if (vector->settled_known && !msg_equal(&vector->settled, &vector->message) &&
	    !msg_is_zero(&vector->message)) {
		count_message_change(model, vector);
		change.old_message = vector->settled;
		change.new_message = vector->message;
		change.cause = cause;
		change.reconciled = !cause;
		vector->settled = vector->message;
		model_change(model, &change, header);
	} else if (vector->settled_known && vector->unsettled) {
		vector->message_rewrites++;
	}
	vector->settled = vector->message;
	vector->settled_known = !msg_is_zero(&vector->message);
	if (vector->settled_known)
		doorbell_settled(model, vector, cause, header);
	vector->unsettled = false;
	vector->message_cause.valid = false;
}

void vector_settle_seen(struct vector *vector)
{
	if (vector->settled_known || vector->unsettled || !vector->message_known)
		return;
	vector->settled = vector->message;
	vector->settled_known = !msg_is_zero(&vector->message);
}

/* The operation's cause is the write's, if no enclosing call told that one's. */
static void vector_settle_event(struct model *model, struct vector *vector,
				const struct record_header *header, const struct cause *cause)
{
	if (vector->message_cause.valid && vector->message_cause.kind == RECORD_CAUSE_NONE)
		vector->message_cause = *cause;
	vector_settle(model, vector, header, cause);
}

/* Everything but message and masks, which have a history */
static void vector_fill(struct model *model, struct vector *vector, const struct record_vector *r)
{
	vector->key = r->key;
	vector->n_levels = r->n_levels;
	memcpy(vector->levels, r->levels, sizeof(vector->levels));
	if (r->interrupts > vector->interrupts || r->reason == RECORD_REASON_SNAPSHOT)
		vector->interrupts = r->interrupts;
	vector->msi_type = r->msi_type;
	vector->msi_index = r->msi_index;
	vector->msi_irq = r->msi_irq;
	vector->msi_count = r->msi_count;
	/* an index counts from the first of a multi-MSI block */
	if (r->msi_irq && r->irq > r->msi_irq && r->irq - r->msi_irq < r->msi_count)
		vector->msi_index += r->irq - r->msi_irq;
	vector->provider = r->provider;
	vector->x86_vector = r->x86_vector;
	vector->x86_cpu = r->x86_cpu;
	for (uint32_t i = 0; i < r->n_levels; i++) {
		struct domain *domain =
			r->levels[i].domain ? domain_find(model, r->levels[i].domain) : NULL;

		if (domain)
			memcpy(domain->chip, r->levels[i].chip, sizeof(domain->chip));
	}
}

static bool is_pci_message(const struct record_vector *r)
{
	return r->msi_type == RECORD_MSI_PCI_MSI || r->msi_type == RECORD_MSI_PCI_MSIX;
}

/* Only PCI's write function keeps the message in the descriptor; others' are kept for it. */
static bool has_message(const struct record_vector *r)
{
	return is_pci_message(r) || r->flags & RECORD_VECTOR_MESSAGE_KEPT;
}

static void vector_message_fill(struct vector *vector, const struct record_vector *r)
{
	if (!has_message(r))
		return;
	vector->message = msg_of(&r->message, r->msi_irq, r->irq);
	vector->message_known = true;
}

static uint32_t vector_differences(const struct vector *vector, const struct record_vector *r)
{
	struct record_msg message = msg_of(&r->message, r->msi_irq, r->irq);
	uint32_t bits = 0;

	if (has_message(r) && vector->message_known && !msg_equal(&vector->message, &message))
		bits |= 1U << CORRECTION_MESSAGE;
	if (affinity_differs(vector, r))
		bits |= 1U << CORRECTION_AFFINITY;
	return bits;
}

/* What a walk sees: the truth, and a correction if no event explains it before the walk ends */
static void vector_apply_snapshot(struct model *model, const struct record_vector *r)
{
	struct vector *vector = vector_find(model, r->irq);

	if (tombstone_has(model->dead_irqs, r->irq))
		return;
	if (vector && !vector->bare && vector->key != r->key) {
		if (model->populated)
			model_correct(model, CORRECTION_VECTOR_VANISHED, NULL, vector, &r->header);
		vector_remove(model, vector, &r->header);
		vector = NULL;
	}
	if (!vector) {
		vector = vector_add(model, r->irq);
		if (!vector)
			return;
		vector->origin = model->populated ? ORIGIN_DYNAMIC : ORIGIN_PREEXISTING;
		vector->corrected = 1U << CORRECTION_VECTOR_APPEARED;
		vector->bare = true;
		vector_want_check(model, vector, &r->header);
	}
	vector->corrected &= ~(1U << CORRECTION_AFFINITY);
	if (!vector->bare && model->populated)
		vector->corrected |= vector_differences(vector, r);
	vector->bare = false;
	vector_fill(model, vector, r);
	vector_message_fill(vector, r);
	if (vector->corrected & 1U << CORRECTION_AFFINITY)
		affinity_hold(vector, r);
	else
		affinity_store(vector, r);
	vector->walk = model->walk;
	if (!(vector->corrected & 1U << CORRECTION_MESSAGE) &&
	    (!vector->unsettled || r->header.time_ns > vector->unsettled_ns + TICK_NS))
		vector_settle(model, vector, &r->header, NULL);
}

static enum origin origin_of(const struct record_header *header)
{
	return header->cause == RECORD_CAUSE_PROBE ? ORIGIN_PROBE : ORIGIN_DYNAMIC;
}

/* A function's driver calls for vectors, also outside of its probe; what else appears is growth. */
static enum origin origin_of_vector(const struct model *model, const struct record_vector *r)
{
	enum answering answering =
		is_pci_message(r) ? demands_answering(model, r->provider.name) : ANSWERING_UNKNOWN;

	if (answering == ANSWERING_UNKNOWN)
		return origin_of(&r->header);
	return answering == ANSWERING_YES ? ORIGIN_PROBE : ORIGIN_DYNAMIC;
}

static void vector_tell(struct model *model, struct vector *vector,
			const struct record_header *header)
{
	struct change change = { .type = CHANGE_VECTOR_ALLOCATED, .vector = vector };

	vector->told = true;
	model_change(model, &change, header);
	doorbell_vector(model, vector, header);
}

static void vector_refused(struct model *model, struct vector *vector,
			   const struct record_vector *r)
{
	struct cause driver = cause_driver(&r->header);
	struct change change = {
		.type = CHANGE_DEMAND, .vector = vector, .error = -r->error, .cause = &driver
	};

	change.ask = demands_request_refused(model, vector, -r->error, &r->header);
	change.demands = change.ask ? model_demands(model, vector->provider.name) : NULL;
	model_change(model, &change, &r->header);
}

static bool is_about_affinity(uint32_t reason)
{
	return reason == RECORD_REASON_AFFINITY_REQUESTED ||
	       reason == RECORD_REASON_AFFINITY_APPLIED || reason == RECORD_REASON_AFFINITY_DROPPED;
}

/* A request or an activation: a move that does not wait any more will not come. */
static void vector_operation_apply(struct vector *vector, const struct record_vector *r)
{
	affinity_store(vector, r);
	if (!affinity_is_pending(r->state))
		vector->pending.valid = false;
}

void vector_apply(struct model *model, const struct record_vector *r)
{
	bool allocated = r->reason == RECORD_REASON_ALLOCATED;
	struct vector *vector;
	struct cause cause;

	if (r->reason == RECORD_REASON_SNAPSHOT)
		return vector_apply_snapshot(model, r);

	vector = vector_find(model, r->irq);
	if (vector && !vector->bare && allocated && vector->key != r->key &&
	    !(vector->corrected & 1U << CORRECTION_VECTOR_APPEARED)) {
		/* its release was missed */
		vector_remove(model, vector, &r->header);
		vector = NULL;
	}
	if (!vector) {
		vector = vector_add(model, r->irq);
		if (!vector)
			return;
		/* allocated before anybody listened */
		vector->told = !allocated && !model->populated;
		vector->origin = vector->told ? ORIGIN_PREEXISTING : origin_of_vector(model, r);
		vector->allocated_ns = vector->told ? 0 : r->header.time_ns;
	}
	tombstone_remove(&model->dead_irqs, r->irq);
	vector->walk = model->walk;
	vector->bare = false;
	vector->corrected &= 1U << CORRECTION_HANDLER_APPEARED |
			     (allocated ? 0 : 1U << CORRECTION_VECTOR_APPEARED);
	vector_fill(model, vector, r);
	vector_want_check(model, vector, &r->header);
	if (allocated && !vector->told)
		vector->origin = origin_of_vector(model, r);
	if (!vector->told && !(vector->corrected & 1U << CORRECTION_VECTOR_APPEARED)) {
		vector_message_fill(vector, r);
		affinity_store(vector, r);
		vector_tell(model, vector, &r->header);
		if (allocated)
			return;
	}
	cause_from_header(&cause, &r->header);
	if (r->reason == RECORD_REASON_REQUESTED && r->error)
		vector_refused(model, vector, r);
	if (!r->error) {
		if (is_about_affinity(r->reason))
			affinity_apply(model, vector, r, &cause);
		else
			vector_operation_apply(vector, r);
	}
	vector_message_fill(vector, r);
	/* the message of a move that still waits has not been written yet */
	if (r->reason == RECORD_REASON_REQUESTED || r->reason == RECORD_REASON_AFFINITY_APPLIED)
		vector_settle_event(model, vector, &r->header, &cause);
}

void vector_apply_alloc(struct model *model, const struct record_range *r)
{
	for (uint32_t i = 0; i < r->count; i++) {
		uint32_t irq = r->irq + i;
		struct vector *vector = vector_find(model, irq);

		tombstone_remove(&model->dead_irqs, irq);
		/* seen by the walk already, or its release was missed and the walk will tell */
		if (vector) {
			vector->corrected &= ~(1U << CORRECTION_VECTOR_APPEARED);
			if (!vector->told) {
				vector->origin = origin_of(&r->header);
				vector->allocated_ns = r->header.time_ns;
			}
			continue;
		}
		vector = vector_add(model, irq);
		if (!vector)
			continue;
		vector->bare = true;
		vector->origin = origin_of(&r->header);
		vector->allocated_ns = r->header.time_ns;
		vector->walk = model->walk;
	}
}

void vector_apply_free(struct model *model, const struct record_range *r)
{
	for (uint32_t i = 0; i < r->count; i++) {
		struct vector *vector = vector_find(model, r->irq + i);

		if (model->walking)
			tombstone_add(model, &model->dead_irqs, TABLE_VECTORS, r->irq + i);
		if (vector)
			vector_remove(model, vector, &r->header);
	}
}

void vector_apply_message(struct model *model, const struct record_message *r)
{
	for (uint32_t i = 0; i < r->count; i++) {
		struct vector *vector = vector_find(model, r->irq + i);

		if (!vector)
			continue;
		vector->corrected &= ~(1U << CORRECTION_MESSAGE);
		vector->message = msg_of(&r->new_message, r->irq, r->irq + i);
		vector->message_known = true;
		if (msg_is_zero(&r->new_message)) {
			vector->settled_known = false;
			vector->unsettled = false;
			continue;
		}
		vector->unsettled = vector->actions;
		vector->unsettled_ns = r->header.time_ns;
		vector_want_check(model, vector, &r->header);
		if (vector->pending.valid && !affinity_is_pending(r->state))
			vector->message_cause = vector->pending;
		else
			cause_from_header(&vector->message_cause, &r->header);
	}
}

void vector_apply_x86(struct model *model, const struct record_x86_vector *r)
{
	struct vector *vector = vector_find(model, r->irq);

	if (!vector)
		return;
	vector->x86_vector = r->vector;
	vector->x86_cpu = r->cpu;
}

static void text_store(char **text, const char *value)
{
	char *copy = *value ? strdup(value) : NULL;

	free(*text);
	*text = copy;
}

void vector_apply_sysfs(struct model *model, const struct record_sysfs_irq *r)
{
	struct vector *vector = vector_find(model, r->irq);
	bool traced = model->base.mode == RECORD_MODE_TRACING;

	if (tombstone_has(model->dead_irqs, r->irq))
		return;
	if (!vector) {
		vector = vector_add(model, r->irq);
		if (!vector)
			return;
		vector->told = !model->populated;
		vector->origin = model->populated ? ORIGIN_DYNAMIC : ORIGIN_PREEXISTING;
		/* as with the walk, the record that tells of it may be about to come */
		if (traced && model->walking)
			vector->corrected = 1U << CORRECTION_VECTOR_APPEARED;
	}
	vector->interrupts = r->interrupts;
	vector->walk = model->walk;
	action_from_names(model, vector, r->actions);
	if (vector->key)
		return; /* a hook told more */
	vector->n_levels = 1;
	vector->levels[0].hwirq = r->hwirq;
	memcpy(vector->levels[0].chip, r->chip, sizeof(vector->levels[0].chip));
	memcpy(vector->provider.name, r->device, sizeof(vector->provider.name));
	text_store(&vector->affinity_text, r->affinity);
	text_store(&vector->effective_text, r->effective_affinity);
	if (!vector->told && !vector->corrected)
		vector_tell(model, vector, &r->header);
}

/* What this walk saw and nothing explained; and what was allocated without more being told. */
static void vector_walked(struct model *model, struct vector *vector,
			  const struct record_header *header)
{
	uint32_t corrected = vector->corrected;

	vector->corrected = 0;
	if (corrected & 1U << CORRECTION_AFFINITY)
		affinity_adopt(vector);
	if (corrected & 1U << CORRECTION_VECTOR_APPEARED) {
		vector->told = true;
		if (!model->populated)
			corrected &= ~(1U << CORRECTION_VECTOR_APPEARED);
	}
	for (enum correction kind = 0; kind < CORRECTION_MAX; kind++)
		if (corrected & 1U << kind)
			model_correct(model, kind, NULL, vector, header);
	if (!vector->told && !vector->bare)
		vector_tell(model, vector, header);
	doorbell_vector(model, vector, header);
	if (corrected & 1U << CORRECTION_MESSAGE)
		vector_settle(model, vector, header, NULL);
}

void vector_walk_end(struct model *model, const struct record_snapshot *r)
{
	struct vector *vector, *next;

	model_vectors(model); /* in order, whoever asked for what before */
	HASH_ITER(hh, model->vectors, vector, next) {
		if (r->complete || model->populated)
			vector_tally(vector);
		vector_walked(model, vector, &r->header);
		if (!r->complete)
			continue;
		if (vector->walk == model->walk) {
			action_walk_end(model, vector, r);
			continue;
		}
		if (vector->told && model->base.mode == RECORD_MODE_TRACING)
			model_correct(model, CORRECTION_VECTOR_VANISHED, NULL, vector, &r->header);
		vector_remove(model, vector, &r->header);
	}
}
