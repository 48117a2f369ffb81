// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What only time tells of an interrupt: that a message which no operation completed stands by
 * itself, and that its state lasts. Rules about states look at an interrupt when it has been quiet
 * for a while, so that none takes a step on the way for the end of it.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

void vector_want_check(struct model *model, struct vector *vector,
		       const struct record_header *header)
{
	vector->check_ns = header->time_ns + TICK_NS;
	model_want_tick(model, vector->check_ns);
}

static void vector_check(struct model *model, struct vector *vector,
			 const struct record_header *header)
{
	struct change change = { .type = CHANGE_CHECK, .vector = vector };

	vector->check_ns = 0;
	if (vector->unsettled) {
		/* neither a request nor a move: nobody but a driver writes messages on its own */
		if (vector->message_cause.valid && vector->message_cause.kind == RECORD_CAUSE_NONE)
			vector->message_cause.kind = RECORD_CAUSE_DRIVER;
		vector_settle(model, vector, header, NULL);
	}
	model_change(model, &change, header);
	/* without a handler for longer than that it is an orphan */
	if (vector->left_ns && header->time_ns < vector->left_ns + VECTOR_ORPHANED_NS)
		vector->check_ns = vector->left_ns + VECTOR_ORPHANED_NS;
}

void vectors_tick(struct model *model, const struct record_header *header)
{
	struct vector *vector;

	model_vectors(model); /* in order, whoever asked for what before */
	for (vector = model->vectors; vector; vector = vector->hh.next) {
		if (vector->check_ns && header->time_ns >= vector->check_ns)
			vector_check(model, vector, header);
		if (vector->check_ns)
			model_want_tick(model, vector->check_ns);
	}
}

const struct domain *vector_msi_parent(const struct model *model, const struct vector *vector)
{
	const struct domain *own = domain_find(model, vector->levels[0].domain), *parent;

	if (!own || !vector->msi_type)
		return NULL;
	parent = vector->n_levels > 1 ? domain_find(model, vector->levels[1].domain) : NULL;
	return parent ?: own;
}
