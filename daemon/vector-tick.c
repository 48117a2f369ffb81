// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What only time tells of an interrupt: that a message which no operation completed stands by
 * itself, and that its state lasts. Rules about states look at an interrupt when it has been quiet
 * for a while, so that none takes a step on the way for the end of it.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include <stdlib.h>

void vector_want_check(struct model *model, struct vector *vector,
		       const struct record_header *header)
{
	vector->check_ns = header->time_ns + TICK_NS;
	model_want_tick(model, vector->check_ns);
}

static bool is_due(const struct vector *vector, const struct record_header *header)
{
	return vector->check_ns && header->time_ns >= vector->check_ns;
}

/* Neither a request nor a move: nobody but a driver writes messages on its own. */
static void vector_settle_lone(struct model *model, struct vector *vector,
			       const struct record_header *header)
{
	if (vector->message_cause.valid && vector->message_cause.kind == RECORD_CAUSE_NONE)
		vector->message_cause.kind = RECORD_CAUSE_DRIVER;
	vector_settle(model, vector, header, NULL);
}

static void vector_check(struct model *model, struct vector *vector,
			 const struct record_header *header)
{
	struct change change = { .type = CHANGE_CHECK, .vector = vector };

	vector->check_ns = 0;
	model_change(model, &change, header);
	/* without a handler for longer than that it is an orphan */
	if (vector->left_ns && header->time_ns < vector->left_ns + VECTOR_ORPHANED_NS)
		vector->check_ns = vector->left_ns + VECTOR_ORPHANED_NS;
}

static int by_message(const void *a, const void *b)
{
	const struct vector *v = *(const struct vector *const *)a,
			    *w = *(const struct vector *const *)b;
	int order = memcmp(&v->settled, &w->settled, sizeof(v->settled));

	return order ?: (v->irq > w->irq) - (v->irq < w->irq);
}

/* One sorting for all that are looked at. Without memory there are no twins this time. */
static void vectors_pair(struct model *model)
{
	size_t n = 0, first = 0;
	struct vector **live = calloc(HASH_COUNT(model->vectors) + 1, sizeof(struct vector *));

	for (struct vector *v = model->vectors; v; v = v->hh.next) {
		v->twin = NULL;
		if (live && v->actions && v->settled_known)
			live[n++] = v;
	}
	if (live)
		qsort(live, n, sizeof(struct vector *), by_message);
	for (size_t i = 1; i < n; i++) {
		if (!msg_equal(&live[i]->settled, &live[first]->settled)) {
			first = i;
			continue;
		}
		live[i]->twin = live[first];
		live[first]->twin = live[first]->twin ?: live[i];
	}
	free(live);
}

void vectors_tick(struct model *model, const struct record_header *header)
{
	struct vector *vector;

	model_vectors(model); /* in order, whoever asked for what before */
	for (vector = model->vectors; vector; vector = vector->hh.next)
		if (vector->unsettled && is_due(vector, header))
			vector_settle_lone(model, vector, header);
	vectors_pair(model);
	for (vector = model->vectors; vector; vector = vector->hh.next) {
		if (is_due(vector, header))
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
