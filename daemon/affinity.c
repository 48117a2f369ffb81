// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where an interrupt may go, and who wanted that. On x86 a request waits for the next interrupt: it
 * is one change when it is made and another when it lands, or is dropped because the CPUs it
 * wanted are gone. Records hold the kernel's three masks; what is added here is what they replace,
 * and the memory of who asked.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include <stdlib.h>

bool affinity_is_pending(uint32_t state)
{
	return state & VECTOR_STATE_AFFINITY_PENDING;
}

/* Whether the record's mask @theirs is the model's mask @ours. */
static bool mask_is(const struct vector *vector, enum record_mask ours,
		    const struct record_vector *r, enum record_mask theirs)
{
	if (!vector->masks || vector->mask_words != r->mask_words)
		return false;
	return !memcmp(vector->masks + (size_t)ours * vector->mask_words,
		       r->masks + (size_t)theirs * r->mask_words, r->mask_words * sizeof(uint64_t));
}

static bool mask_equal(const struct vector *vector, const struct record_vector *r,
		       enum record_mask which)
{
	return mask_is(vector, which, r, which);
}

static bool masks_copy(uint64_t **masks, uint32_t *words, const struct record_vector *r)
{
	size_t size = (size_t)RECORD_MASKS * r->mask_words * sizeof(uint64_t);

	if (!*masks || *words != r->mask_words) {
		uint64_t *grown = realloc(*masks, size ?: 1);

		if (!grown)
			return false;
		*masks = grown;
		*words = r->mask_words;
	}
	memcpy(*masks, r->masks, size);
	return true;
}

bool affinity_store(struct vector *vector, const struct record_vector *r)
{
	if (!masks_copy(&vector->masks, &vector->mask_words, r))
		return false;
	vector->state = r->state;
	return true;
}

void affinity_hold(struct vector *vector, const struct record_vector *r)
{
	if (masks_copy(&vector->seen, &vector->seen_words, r))
		vector->seen_state = r->state;
	else
		vector->corrected &= ~(1U << CORRECTION_AFFINITY);
}

void affinity_adopt(struct vector *vector)
{
	uint64_t *masks = vector->masks;
	uint32_t words = vector->mask_words;

	vector->masks = vector->seen;
	vector->mask_words = vector->seen_words;
	vector->state = vector->seen_state;
	vector->seen = masks;
	vector->seen_words = words;
}

/* What /proc shows */
static enum record_mask shown_mask(uint32_t state)
{
	return affinity_is_pending(state) ? RECORD_MASK_PENDING : RECORD_MASK_AFFINITY;
}

const uint64_t *vector_affinity(const struct vector *vector)
{
	return vector->masks ?
		       vector->masks + shown_mask(vector->state) * (size_t)vector->mask_words :
		       NULL;
}

bool affinity_differs(const struct vector *vector, const struct record_vector *r)
{
	bool pending = affinity_is_pending(r->state);

	if (!vector->masks)
		return false;
	return pending != affinity_is_pending(vector->state) ||
	       !mask_equal(vector, r, RECORD_MASK_AFFINITY) ||
	       !mask_equal(vector, r, RECORD_MASK_EFFECTIVE) ||
	       (pending && !mask_equal(vector, r, RECORD_MASK_PENDING));
}

/* The kernel empties the mask of a request that waited only after it has carried it out. */
static bool has_waited(const struct record_vector *r)
{
	const __u64 *mask = r->masks + (size_t)RECORD_MASK_PENDING * r->mask_words;

	for (uint32_t i = 0; i < r->mask_words; i++)
		if (mask[i])
			return true;
	return false;
}

/*
 * Whose doing it is: of the record's task, or, when what lands is what somebody asked for before,
 * of him: the interrupt's own context is whoever was running there. A CPU that goes offline may
 * put another mask in the place of the one that waited.
 */
static void affinity_cause(struct vector *vector, const struct record_vector *r, struct cause *ret)
{
	bool pending = affinity_is_pending(r->state), lands;

	cause_from_header(ret, &r->header);
	/* no enclosing call, and nothing waited: some driver called for it here and now */
	if (ret->kind == RECORD_CAUSE_NONE && !affinity_is_pending(vector->state) &&
	    (pending || !has_waited(r)))
		ret->kind = RECORD_CAUSE_AFFINITY_KERNEL;
	if (pending &&
	    (!affinity_is_pending(vector->state) || !mask_equal(vector, r, RECORD_MASK_PENDING)))
		vector->pending = *ret;
	if (pending || !vector->pending.valid)
		return;
	lands = r->reason == RECORD_REASON_AFFINITY_APPLIED &&
		mask_is(vector, RECORD_MASK_PENDING, r, RECORD_MASK_AFFINITY);
	if (lands)
		*ret = vector->pending;
	else if (vector->message_cause.valid)
		vector->message_cause = *ret;
	vector->pending.valid = false;
}

static void count_affinity_change(struct model *model, struct vector *vector)
{
	vector->affinity_changes++;
	for (uint32_t i = 0; i < vector->n_levels && i < 2; i++) {
		struct domain *domain = domain_find(model, vector->levels[i].domain);

		if (!domain)
			continue;
		domain->affinity_changes++;
		domain->affinity_vectors += vector->affinity_changes == 1;
	}
}

void affinity_apply(struct model *model, struct vector *vector, const struct record_vector *r,
		    struct cause *ret_cause)
{
	bool pending = affinity_is_pending(r->state),
	     dropped = r->reason == RECORD_REASON_AFFINITY_DROPPED;
	enum record_mask before =
		pending || dropped ? shown_mask(vector->state) : RECORD_MASK_AFFINITY;
	size_t size = (size_t)RECORD_MASKS * vector->mask_words * sizeof(uint64_t);
	struct change change = { .type = CHANGE_AFFINITY, .vector = vector, .pending = pending };
	uint64_t *old = NULL;
	bool differs;

	differs = !mask_is(vector, before, r, shown_mask(r->state)) ||
		  (!pending && !mask_equal(vector, r, RECORD_MASK_EFFECTIVE));
	affinity_cause(vector, r, ret_cause);
	if (differs && vector->masks && vector->mask_words == r->mask_words && vector->actions) {
		old = malloc(size ?: 1);
		if (old)
			memcpy(old, vector->masks, size);
	}
	if (affinity_store(vector, r) && old) {
		change.cause = ret_cause;
		change.old_mask = old + before * (size_t)vector->mask_words;
		change.old_effective = old + RECORD_MASK_EFFECTIVE * (size_t)vector->mask_words;
		if (!pending && !dropped) {
			count_affinity_change(model, vector);
			vector->moved_by = *ret_cause;
		}
		model_change(model, &change, &r->header);
	}
	free(old);
}
