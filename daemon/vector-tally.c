// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whose interrupts came. The kernel counts by interrupt, and goes on counting while handlers come
 * and go; here each count is ascribed to those who had a handler while it grew. That is done when a
 * walk has told all owners, and before a handler or the vector goes or comes. What is ascribed once
 * stays, so that sums of it never go backwards.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

void vector_tally(struct vector *vector)
{
	uint64_t more =
		vector->interrupts > vector->tallied ? vector->interrupts - vector->tallied : 0;
	bool owned = false;

	/* less than before is another interrupt of the same number: it starts here */
	vector->tallied = vector->interrupts;
	for (struct action *a = vector->actions; a && more; a = a->next) {
		if (!a->device.name[0])
			continue;
		a->interrupts += more;
		owned = true;
	}
	if (!owned)
		vector->unowned += more;
}

void vector_tally_now(const struct model *model, struct vector *vector)
{
	/* before the first walk has ended not all owners are known */
	if (model->populated && !model->walking)
		vector_tally(vector);
}

void action_set_device(struct vector *vector, struct action *action,
		       const struct record_dev *device)
{
	if (action->interrupts && strcmp(action->device.name, device->name) != 0) {
		vector->unowned += action->interrupts;
		action->interrupts = 0;
	}
	action->device = *device;
}
