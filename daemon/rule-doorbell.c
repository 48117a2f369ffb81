// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules about endpoint doorbells: what the host was told must hold as long as it may ring. */
#include "rule-private.h"

#include <string.h>

#define MSG "0x%08x%08x/0x%08x"
#define MSG_ARGS(m) (m)->address_hi, (m)->address_lo, (m)->data

static const char *name_of(const struct doorbell *d)
{
	return d->epf_name[0] ? d->epf_name : d->provider;
}

static void doorbell_at(struct finding *finding, const struct model *model,
			const struct change *change)
{
	const struct doorbell *d = change->doorbell;
	const struct domain *parent = model_domain(model, d->parent);

	/* the function whose doorbell it is; one known by a pattern has its provider's name */
	memcpy(finding->device, d->epf_name, sizeof(finding->device));
	finding->has_irq = true;
	finding->irq = d->irq;
	finding->has_index = true;
	finding->index = d->key.index;
	finding->domain = parent ? parent->id : 0;
}

bool rule_doorbell_message_changed(const struct model *model, const struct change *change,
				   struct finding *ret)
{
	const struct doorbell *d = change->doorbell;
	char who[64];

	if (change->doorbell_event != DOORBELL_CHANGED ||
	    !memcmp(&change->new_message, &d->reference, sizeof(d->reference)))
		return false;
	doorbell_at(ret, model, change);
	ret->has_messages = true;
	ret->old_message = d->reference;
	ret->new_message = change->new_message;
	finding_say(ret, "Doorbell %u of %s was %s with " MSG " and now is " MSG ": %s.",
		    d->key.index, name_of(d), d->published ? "published" : "set up",
		    MSG_ARGS(&d->reference), MSG_ARGS(&change->new_message),
		    cause_words(change->cause, who, sizeof(who)));
	finding_reconciled(ret, change);
	return true;
}

bool rule_doorbell_on_mutable_parent(const struct model *model, const struct change *change,
				     struct finding *ret)
{
	const struct doorbell *d = change->doorbell;
	const struct domain *parent = model_domain(model, d->parent);
	enum immutability immutability;

	if (change->doorbell_event != DOORBELL_ALLOCATED || d->type == DOORBELL_EMBEDDED || !parent)
		return false;
	immutability = domain_immutability(model, parent);
	if (immutability == IMMUTABILITY_DECLARED)
		return false;
	doorbell_at(ret, model, change);
	ret->standing = true;
	finding_say(ret,
		    "Doorbell %u of %s was allocated on the MSI parent domain %s, which does not "
		    "declare MSI_IMMUTABLE (what is known of its messages: %s).",
		    d->key.index, name_of(d), parent->name, immutability_name(immutability));
	return true;
}

bool rule_doorbell_published_early(const struct model *model, const struct change *change,
				   struct finding *ret)
{
	const struct doorbell *d = change->doorbell;

	if (change->doorbell_event != DOORBELL_PUBLISHED || !d->early)
		return false;
	doorbell_at(ret, model, change);
	ret->has_messages = true;
	ret->old_message = ret->new_message = d->message;
	ret->from_silence = true;
	finding_say(ret,
		    "BAR %d of %s began to map doorbell %u (" MSG
		    ") while interrupt %u had no handler.",
		    d->bar, name_of(d), d->key.index, MSG_ARGS(&d->message), d->irq);
	return true;
}

bool rule_doorbell_message_dropped(const struct model *model, const struct change *change,
				   struct finding *ret)
{
	static const char *const why[] = {
		[RECORD_COPY_NONE] = "the function has no table of doorbells",
		[RECORD_COPY_INDEX] = "the index is beyond the function's table",
		[RECORD_COPY_OTHER] = "another function is the first one of the controller, and "
				      "only that one is given messages",
		[RECORD_COPY_DIFFERS] = "its copy holds another message",
	};
	const struct doorbell *d = change->doorbell;

	if (change->doorbell_event != DOORBELL_DROPPED)
		return false;
	doorbell_at(ret, model, change);
	ret->has_messages = true;
	ret->old_message = d->reference;
	ret->new_message = d->copy;
	finding_say(ret,
		    "The controller %s was given " MSG
		    " for doorbell %u, and function %s did not take it: %s.",
		    d->epc_name, MSG_ARGS(&d->copy), d->key.index, d->epf_name,
		    why[d->copy_state] ?: "");
	return true;
}

bool rule_doorbell_stale_mapping(const struct model *model, const struct change *change,
				 struct finding *ret)
{
	const struct doorbell *d = change->doorbell;

	if (change->doorbell_event != DOORBELL_STALE)
		return false;
	/* told while it lasted; its end is an event */
	if (d->stale_told && d->stale_over)
		return false;
	doorbell_at(ret, model, change);
	ret->has_irq = false;
	/* that nothing has ended it */
	ret->from_silence = d->stale_told;
	finding_say(ret, "Doorbell %u of %s (" MSG ") was freed, and BAR %d mapped it %s %llu us.",
		    d->key.index, name_of(d), MSG_ARGS(&d->reference), d->bar,
		    d->stale_told ? "still, after" : "for another",
		    (unsigned long long)(d->stale_ns / 1000));
	return true;
}
