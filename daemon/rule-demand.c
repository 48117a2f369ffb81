// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules about what drivers ask for: a refusal, and that the next one may be near. */
#include "rule-private.h"

#include <string.h>

/* The place of a refused demand: the function, and the message number that was asked for. */
static void finding_at_demand(struct finding *finding, const struct change *change)
{
	memcpy(finding->device, change->demands->device, sizeof(finding->device));
	if (!change->ask)
		return;
	finding->has_index = true;
	finding->index = change->ask->number;
}

/*
 * A handler that was refused is told at once: nobody asks for one twice.
 *
 * Vectors are, and drivers mean no harm by it: pci_alloc_irq_vectors() tries MSI-X, then MSI; the
 * port driver falls back to the pin, virtio and AHCI to fewer vectors, and most network and storage
 * drivers to the pin without a call that could be seen. So a refusal is looked at when the function
 * has been quiet for a while, and counts if nothing was asked for after it, and its probe failed or
 * it has no other way: the pin was refused as well, or must not be used (cxl_pci).
 *
 * A message number that pci_irq_vector() does not know counts if it was asked for in a probe and
 * has no vector by then. (vfio-pci asks at run time, and makes the vector if there is none.) One
 * use would be no failure: to count up until the answer is no, in order to find the end. No driver
 * of Linux 7.3 does so; where one seems to, having asked for each number that there is, it has what
 * it wants as long as it stays bound.
 *
 * Those that the driver could do without are told, too, for that is what nobody sees otherwise: a
 * mailbox that is polled, a PMU that is missing. What decides is in demand-refusal.c.
 */
bool rule_vector_refused(const struct model *model, const struct change *change,
			 struct finding *ret)
{
	char who[64], words[REFUSAL_TEXT];

	if (change->type == CHANGE_CHECK_DEMAND) {
		finding_at_demand(ret, change);
		if (change->ask)
			ask_words(change->demands, change->ask, words);
		else
			demand_words(change->demands, change->demand, words);
		finding_say(ret, "%s. The answer was: %s.", words, strerror(change->error));
		return true;
	}
	if (!change->error || !change->vector)
		return false;
	finding_at(ret, model, change->vector);
	finding_say(ret, "A handler was asked for on interrupt %u, and the answer was: %s (%s).",
		    change->vector->irq, strerror(change->error),
		    cause_words(change->cause, who, sizeof(who)));
	if (change->ask) {
		ask_words(change->demands, change->ask, words);
		finding_say(ret, " %s.", words);
	}
	return true;
}

bool rule_vector_space_low(const struct model *model, const struct change *change,
			   struct finding *ret)
{
	const struct space *space = model_space(model);
	struct space_holder holders[SPACE_HOLDERS];
	unsigned int n;

	(void)change;
	if (!space || !space_is_low(space))
		return false;
	ret->standing = true;
	finding_say(ret,
		    "%u of %u vectors are left on %u CPU%s (%u are allocated, %u set aside for "
		    "managed interrupts; %u are promised and not taken yet).",
		    space->all.available, space->all.size, space->online,
		    space->online == 1 ? "" : "s", space->all.allocated, space->all.managed,
		    space->reserved);
	n = space_holders(model, holders);
	for (unsigned int i = 0; i < n; i++)
		finding_say(ret, "%s%s with %u", i ? ", " : " Most are held by ", holders[i].device,
			    holders[i].vectors);
	finding_say(ret, "%s", n ? "." : "");
	return true;
}
