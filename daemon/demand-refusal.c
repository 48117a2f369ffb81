// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which refusals are final, and what they mean. Drivers try: MSI-X first, then MSI, then the pin;
 * many vectors first, then fewer. A refusal on the way is no news. What counts is what is left when
 * the driver has been quiet for a while.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

static bool is_cxl_pci(const struct demands *demands)
{
	return !strcmp(demands->driver, "cxl_pci");
}

/*
 * Vectors. Whatever is asked for later replaces what was refused. A driver that stays bound may do
 * with the pin, which it needs not ask for, and request it only when it is opened: so a refusal
 * counts when its probe failed, or when nothing is left that it could use. So it is when the pin was
 * among what it asked for, as the port driver does; and for functions that take part in CXL.mem,
 * which may not use it (CXL 3.0, 3.1.1): cxl_pci goes on without any interrupt.
 */
bool demand_is_final(const struct demands *demands, const struct demand *demand)
{
	if (!demand->error || demand != &demands->last[demands->n - 1])
		return false;
	return demands->unbound ||
	       (demand->in_probe && (is_cxl_pci(demands) || demand->flags & DEMAND_FLAG_INTX));
}

/* Whether the function has a vector with this message number. */
static bool has_vector(const struct message_set *set, uint32_t number)
{
	return number < MESSAGES_MAX && set->bits[number / 64] >> number % 64 & 1;
}

void message_set_fill(const struct model *model, const struct demands *demands,
		      struct message_set *ret)
{
	const char *device = demands->device;
	bool refused = false;

	memset(ret, 0, sizeof(*ret));
	/* a search through all vectors, for those who need it */
	for (uint32_t i = 0; i < demands->n_asks && !refused; i++)
		refused = demands->asks[i].error;
	if (!refused)
		return;
	for (const struct vector *v = model->vectors; v; v = v->hh.next)
		if ((v->msi_type == RECORD_MSI_PCI_MSI || v->msi_type == RECORD_MSI_PCI_MSIX) &&
		    v->msi_index < MESSAGES_MAX && !strcmp(v->provider.name, device))
			ret->bits[v->msi_index / 64] |= 1ULL << v->msi_index % 64;
}

/* Somebody asked for the same number later, and got it. */
static bool was_granted_later(const struct demands *demands, const struct ask *ask)
{
	for (uint32_t i = 0; i < demands->n_asks; i++) {
		const struct ask *other = &demands->asks[i];

		if (other->number == ask->number && other->irq && other->time_ns > ask->time_ns)
			return true;
	}
	return false;
}

/* The same caller asked for every number there is, and went on from there. */
static bool looks_for_end(const struct demands *demands, const struct ask *ask)
{
	const struct demand *answer = demands_answer(demands);
	uint32_t granted = answer ? answer->granted : 0, n = 0;

	if (!granted || ask->number < granted)
		return false;
	for (uint32_t i = 0; i < demands->n_asks && demands->asks[i].number < granted; i++)
		n += demands->asks[i].irq && !strcmp(demands->asks[i].caller, ask->caller);
	return n == granted;
}

/*
 * Message numbers. Outside of a probe it may be a question before the vector is made: vfio-pci asks
 * so, and then calls pci_msix_alloc_irq_at(). No driver of Linux 7.3 asks for numbers in order to
 * find the last one; one that did, and stays bound, has what it wants. The parts of CXL that are
 * known by name each ask for one number that the device named, so none of them looks for the end:
 * the mailbox falls back to polling, an event log makes the whole probe fail, a CPMU its own.
 */
bool ask_is_final(const struct demands *demands, const struct ask *ask,
		  const struct message_set *vectors)
{
	if (!ask->error || !ask->in_probe || has_vector(vectors, ask->number) ||
	    was_granted_later(demands, ask))
		return false;
	return ask->feature != FEATURE_OTHER || demands->unbound || !looks_for_end(demands, ask);
}

/* ---- In words ---- */

static const char *driver_of(const struct demands *demands)
{
	return demands->driver[0] ? demands->driver : "a driver";
}

void demand_words(const struct demands *demands, const struct demand *demand,
		  char words[static REFUSAL_TEXT])
{
	static const char *const kinds[] = {
		[DEMAND_ANY] = "vectors",
		[DEMAND_MSIX] = "MSI-X vectors",
		[DEMAND_MSI] = "MSI vectors",
		[DEMAND_INTX] = "interrupt pin",
	};
	const char *meaning = "";

	if (demands->unbound)
		meaning = ": its probe failed";
	else if (is_cxl_pci(demands))
		meaning = ": the mailbox is polled, and events are not handled";
	if (demand->kind == DEMAND_INTX)
		snprintf(words, REFUSAL_TEXT, "%s asked for the interrupt pin and did not get it%s",
			 driver_of(demands), meaning);
	else
		snprintf(words, REFUSAL_TEXT, "%s asked for %u to %u %s and got none%s",
			 driver_of(demands), demand->min, demand->max, kinds[demand->kind],
			 meaning);
}

/* "event log Info": they ask one after the other, the same in all kernels */
static const char *part_of(const struct ask *ask)
{
	static const char *const logs[] = { "event log Info", "event log Warn", "event log Failure",
					    "event log Fatal" };

	switch (ask->feature) {
	case FEATURE_EVENT_LOG:
		return ask->nth && ask->nth <= sizeof(logs) / sizeof(*logs) ? logs[ask->nth - 1] :
									      "an event log";
	case FEATURE_MAILBOX: return "the mailbox";
	case FEATURE_CPMU: return "a CPMU";
	default: return NULL;
	}
}

static const char *meaning_of(const struct demands *demands, const struct ask *ask)
{
	switch (ask->feature) {
	case FEATURE_EVENT_LOG: return ": the memdev did not probe";
	case FEATURE_MAILBOX: return demands->unbound ? "" : ": it is polled";
	case FEATURE_CPMU: return ": the PMU is missing";
	default: return demands->unbound ? ": its probe failed" : "";
	}
}

void ask_words(const struct demands *demands, const struct ask *ask,
	       char words[static REFUSAL_TEXT])
{
	const struct demand *answer = demands_answer(demands);
	const char *driver = ask->feature == FEATURE_CPMU ? "cxl_pmu" : driver_of(demands);
	const char *part = part_of(ask), *meaning = meaning_of(demands, ask);
	char number[64], by[64] = "";

	if (answer && answer->granted)
		snprintf(number, sizeof(number), "message %u of %u granted", ask->number,
			 answer->granted);
	else
		snprintf(number, sizeof(number), "message %u", ask->number);
	if (!part && ask->caller[0])
		snprintf(by, sizeof(by), ", which %s wants", ask->caller);
	if (ask->error)
		snprintf(words, REFUSAL_TEXT, "%s: no vector for %s (%s%s)%s", driver,
			 part ?: "a message number", number, by, meaning);
	else
		snprintf(words, REFUSAL_TEXT,
			 "%s: the handler for %s was refused (interrupt %u, %s%s)%s", driver,
			 part ?: "a message number", ask->irq, number, by, meaning);
}
