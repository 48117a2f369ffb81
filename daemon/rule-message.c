// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules about messages: one that was promised not to change, and one that two vectors share. */
#include "rule-private.h"

#include <string.h>

#define MSG "0x%08x%08x/0x%08x"
#define MSG_ARGS(m) (m)->address_hi, (m)->address_lo, (m)->data

bool rule_immutable_message_changed(const struct model *model, const struct change *change,
				    struct finding *ret)
{
	const struct domain *parent = vector_msi_parent(model, change->vector);
	char who[64];

	if (!parent || domain_immutability(model, parent) != IMMUTABILITY_DECLARED)
		return false;
	finding_at(ret, model, change->vector);
	ret->has_messages = true;
	ret->old_message = change->old_message;
	ret->new_message = change->new_message;
	finding_say(
		ret,
		"The MSI parent domain %s declares MSI_IMMUTABLE, and the message of interrupt %u "
		"went from " MSG " to " MSG ": %s.",
		parent->name, change->vector->irq, MSG_ARGS(&change->old_message),
		MSG_ARGS(&change->new_message), cause_words(change->cause, who, sizeof(who)));
	finding_reconciled(ret, change);
	return true;
}

static bool has_chip(const struct vector *vector, const char *chip)
{
	for (uint32_t i = 0; i < vector->n_levels; i++)
		if (!strcmp(vector->levels[i].chip, chip))
			return true;
	return false;
}

/*
 * Whether the message alone decides what the hardware does with it. So it is with the local APIC
 * and with Intel's table, which is one for all; AMD's table and the ITS look at who writes.
 */
static bool message_decides(const struct vector *vector)
{
	return has_chip(vector, "APIC") && !has_chip(vector, "AMD-IR");
}

#define X86_PLACEHOLDER_VECTOR 0xef /* MANAGED_IRQ_SHUTDOWN_VECTOR: allocated, not started */

static bool carries_message(const struct vector *vector)
{
	return vector->actions && vector->settled_known && !vector->unsettled && vector->msi_type &&
	       message_decides(vector) && (vector->settled.data & 0xff) != X86_PLACEHOLDER_VECTOR;
}

static bool same_owner(const struct vector *a, const struct vector *b)
{
	return !strcmp(a->provider.name, b->provider.name) && a->actions && b->actions &&
	       a->actions->device.name[0] &&
	       !strcmp(a->actions->device.name, b->actions->device.name);
}

bool rule_message_collision(const struct model *model, const struct change *change,
			    struct finding *ret)
{
	const struct vector *vector = change->vector, *other = vector->twin;

	if (!other || !carries_message(vector) || !carries_message(other) ||
	    same_owner(vector, other))
		return false;
	/* one finding for the two of them: at the one with the lower number */
	if (other->irq < vector->irq) {
		const struct vector *swap = other;

		other = vector;
		vector = swap;
	}
	finding_at(ret, model, vector);
	ret->standing = true;
	ret->has_messages = true;
	ret->old_message = ret->new_message = vector->settled;
	finding_say(ret,
		    "Interrupt %u of %s and interrupt %u of %s both carry " MSG
		    ", and the interrupt controller goes by that alone.",
		    vector->irq, vector->provider.name, other->irq, other->provider.name,
		    MSG_ARGS(&vector->settled));
	return true;
}
