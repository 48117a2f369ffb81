// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The words about each rule, in one place: the journal's catalog, the manual and "explain" have
 * them from here.
 */
#include <string.h>

#include "violation.h"

static const struct rule_text texts[] = {
	[RULE_DOORBELL_MESSAGE_CHANGED] = { "doorbell-message-changed", SEVERITY_CRITICAL,
					    "597fdaf624e844ddbcb91e71b0742f44",
					    "The address or data of an endpoint doorbell is not "
					    "what the host was told: what "
					    "the host rings now goes elsewhere.",
					    "Stop the host's driver, then bind the endpoint "
					    "function again so that it "
					    "publishes the new message. Keep the interrupt where "
					    "it is (no irqbalance, no "
					    "affinity writes) until its MSI parent is one that "
					    "never rewrites messages." },
	[RULE_IMMUTABLE_MESSAGE_CHANGED] = { "immutable-message-changed", SEVERITY_CRITICAL,
					     "4d5c705ff16743d193ac1dec2bc9bf6a",
					     "The message of a live vector changed although its "
					     "MSI parent domain declares "
					     "that it never does (MSI_IMMUTABLE).",
					     "The driver of the interrupt controller breaks its "
					     "promise: report it with this "
					     "event and the trace of 'cxlirqctl record'. Do not "
					     "use doorbells on this parent." },
	[RULE_DOORBELL_ON_MUTABLE_PARENT] = { "doorbell-on-mutable-parent", SEVERITY_ERROR,
					      "f92941cb35c141f5b75eae65a93fd8a3",
					      "An endpoint doorbell stands on an MSI parent that "
					      "does not declare "
					      "MSI_IMMUTABLE: an affinity change may rewrite the "
					      "message that the host has.",
					      "Keep the interrupt's affinity as it is, or use a "
					      "kernel that refuses such a "
					      "parent (6.19 and later)." },
	[RULE_DOORBELL_PUBLISHED_EARLY] = { "doorbell-published-early", SEVERITY_ERROR,
					    "c6c0a1ecc4ac4b60add5c15077c302b3",
					    "The host could ring a doorbell before anybody had a "
					    "handler for it.",
					    "The endpoint function's driver should request the "
					    "interrupt before it maps the "
					    "doorbell into a BAR: report it to its maintainer." },
	[RULE_DOORBELL_MESSAGE_DROPPED] = { "doorbell-message-dropped", SEVERITY_CRITICAL,
					    "af160234f61e496dbe6497d056877bc8",
					    "The controller was given a doorbell's message, and "
					    "the endpoint function's copy "
					    "of it, which the host is told, did not take it.",
					    "The host rings a wrong address. Let the endpoint "
					    "function that uses doorbells be "
					    "the first one on its controller, and bind it again." },
	[RULE_DOORBELL_STALE_MAPPING] = { "doorbell-stale-mapping", SEVERITY_WARNING,
					  "edc811bc8ea347058a5f78e5b40d00d4",
					  "A BAR still mapped a doorbell's address after its "
					  "vector had been freed: a host "
					  "that rang then raised nothing, or somebody else's "
					  "interrupt.",
					  "Stop the host's driver before the endpoint function is "
					  "unbound. The length of "
					  "the window is in the explanation." },
	[RULE_PMU_VECTOR_MISPLACED] = { "pmu-vector-misplaced", SEVERITY_WARNING,
					"cb8cd2e94d724a8cbb421a5fcb48ec5e",
					"The overflow interrupt of a CXL PMU stays on another CPU "
					"than the one that the "
					"PMU counts on.",
					"Move it back to the CPU in the PMU's cpumask, and keep "
					"irqbalance away from it "
					"(IRQBALANCE_BANNED_INTERRUPTS or a policy script)." },
	[RULE_VECTOR_ORPHANED] = { "vector-orphaned", SEVERITY_WARNING,
				   "468ebbd81a00477b8c5894174d81d37b",
				   "A vector stays allocated after the last device that had a "
				   "handler on it is gone, "
				   "while the device that provides it is still bound.",
				   "Nothing is at risk, a vector is lost: bind the consumer again, "
				   "or the provider "
				   "if vectors are short." },
	[RULE_VECTOR_OUTLIVES_PROVIDER] = { "vector-outlives-provider", SEVERITY_ERROR,
					    "c0a47e578bfb47a4a9944eff5af40530",
					    "A device gave back a vector on which another device "
					    "still had a handler.",
					    "Unbind the consumer before the provider. The "
					    "consumer's driver lacks a device "
					    "link or a devres order that would do so by itself: "
					    "report it." },
	[RULE_VECTOR_REFUSED] = { "vector-refused", SEVERITY_WARNING,
				  "df390719646d47829fa48b1c12770a69",
				  "A driver asked for an interrupt and did not get it.",
				  "The device works without it or not at all: look at its driver's "
				  "messages, at "
				  "'cxlirqctl devices', and at what else holds the interrupt." },
	[RULE_VECTOR_SPACE_LOW] = { "vector-space-low", SEVERITY_WARNING,
				    "9274d83ebd2e489d87e345b9c73dbd39",
				    "The CPUs have few interrupt vectors left for devices: the "
				    "next driver that asks for many may get none.",
				    "See 'cxlirqctl devices' for those that were granted more than "
				    "they use; fewer queues, or interrupt remapping with more CPUs "
				    "online, help." },
	[RULE_MESSAGE_COLLISION] = { "message-collision", SEVERITY_ERROR,
				     "a69478264aa2429497bc6071cf46905d",
				     "Two live vectors of different owners carry the same address "
				     "and data, and the "
				     "hardware cannot tell them apart.",
				     "Each will be called for the other's interrupts. Move one of "
				     "them to another CPU, "
				     "and report it with the trace of 'cxlirqctl record'." },
	[RULE_VECTOR_HIDDEN] = { "vector-hidden", SEVERITY_NOTICE,
				 "dc962dc4d76a46dfb2ee654a41fe7341",
				 "A live MSI vector of a PCI function has no entry in sysfs "
				 "(msi_irqs/ of the "
				 "function, irqs/ of an auxiliary device).",
				 "Tools that read sysfs (irqbalance among them) do not know what "
				 "it belongs to. "
				 "Nothing is at risk." },
};
_Static_assert(sizeof(texts) / sizeof(*texts) == RULE_MAX, "a rule has no words");

const struct rule_text *rule_text(enum rule_id rule)
{
	return &texts[rule];
}

enum rule_id rule_from_name(const char *name)
{
	for (enum rule_id rule = 0; rule < RULE_MAX; rule++)
		if (!strcmp(texts[rule].name, name))
			return rule;
	return RULE_MAX;
}

const char *severity_name(enum severity severity)
{
	static const char *const names[] = {
		[SEVERITY_NOTICE] = "notice",
		[SEVERITY_WARNING] = "warning",
		[SEVERITY_ERROR] = "error",
		[SEVERITY_CRITICAL] = "critical",
	};

	return names[severity];
}
