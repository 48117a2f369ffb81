// SPDX-License-Identifier: GPL-2.0-or-later
/* An interrupt in words: whose it is and what proves that, and whether its message may change. */
#include "explain-private.h"

#include <stdio.h>

#include <cxlirqd/cleanup.h>

static const json_t *domain_of(const struct explanation *e, const json_t *id)
{
	const json_t *domain;
	size_t i;

	json_array_foreach(e->domains, i, domain)
		if (json_is_integer(id) && json_equal(json_object_get(domain, "id"), id))
			return domain;
	return NULL;
}

static void explain_owner(struct explanation *e, const json_t *owner, const char *provider)
{
	static const struct {
		const char *evidence, *words;
	} proofs[] = {
		{ "devres", "it made a managed request for it" },
		{ "cookie", "the handler's dev_id is that device, or part of it" },
		{ "probe", "the request came while that device was being probed" },
	};
	const char *device = text_of(owner, "device"), *action = text_of(owner, "action") ?: "?";
	const char *handler = text_of(owner, "handler"), *driver = text_of(owner, "driver");
	const char *proof = "", *relation = "";
	_cleanup_free_ char *borrowed = NULL;

	if (!device) {
		say(e, e->text, "It was requested as \"%s\"%s%s%s; nothing proves by which device.",
		    action, PART(handler, " with the handler ", ""));
		return;
	}
	for (size_t i = 0; i < sizeof(proofs) / sizeof(*proofs); i++)
		if (is(owner, "evidence", proofs[i].evidence))
			proof = proofs[i].words;
	if (is(owner, "relation", "own"))
		relation = ", for itself";
	else if (is(owner, "relation", "delegated"))
		relation = ", from a domain of its own";
	else if (is(owner, "relation", "borrowed") &&
		 asprintf(&borrowed, ", which borrows it from %s", provider ?: "its provider") >= 0)
		relation = borrowed;
	say(e, e->text, "It was requested by %s%s%s%s%s as \"%s\"%s%s%s%s%s.", device,
	    PART(driver, " (driver ", ")"), relation, action, PART(handler, ", handler ", ""),
	    *proof ? "; the proof: " : "", proof);
}

static void explain_message(struct explanation *e, const json_t *vector)
{
	_cleanup_free_ char *message = message_text(json_object_get(vector, "message"));
	long long changes = number_of(vector, "message_changes");

	if (!message) {
		if (has(vector, "index"))
			say(e, e->text, "It has no message at present.");
		return;
	}
	if (changes)
		say(e, e->text,
		    "Its message is %s; it has changed %lld time%s since it is watched.", message,
		    changes, changes == 1 ? "" : "s");
	else
		say(e, e->text, "Its message is %s; it has not changed since it is watched.",
		    message);
}

/* What promises, or at least tells, that messages stay: the domain above the device's own */
static void explain_immutability(struct explanation *e, const json_t *vector)
{
	const json_t *domain = domain_of(e, json_object_get(vector, "domain"));
	const json_t *parent = domain_of(e, json_object_get(domain, "parent")) ?: domain;
	const char *name = text_of(parent, "name") ?: "?";

	if (!parent)
		return;
	if (is(parent, "immutability", "declared") || is(domain, "immutability", "declared"))
		say(e, e->text,
		    "Its MSI parent %s declares that messages never change (MSI_IMMUTABLE): "
		    "another "
		    "CPU is chosen inside the interrupt controller, and whoever was told the "
		    "message "
		    "can rely on it.",
		    name);
	else if (is(parent, "immutability", "mutable"))
		say(e, e->text,
		    "Its MSI parent %s rewrites messages, %lld times so far: to choose another CPU "
		    "is to write another address or data. That is right as long as nobody but the "
		    "device holds the message.",
		    name, number_of(parent, "message_changes"));
	else if (is(parent, "immutability", "observed"))
		say(e, e->text,
		    "Its MSI parent %s promises nothing, but no message changed in %lld affinity "
		    "changes: an observation, no guarantee.",
		    name, number_of(parent, "affinity_changes"));
	else
		say(e, e->text,
		    "Its MSI parent %s does not promise that messages stay, and too little was "
		    "seen "
		    "to tell: take them as mutable.",
		    name);
}

static void explain_state(struct explanation *e, const json_t *vector)
{
	const char *cpu = text_of(vector, "effective_affinity");
	const char *allowed = text_of(vector, "affinity");
	const json_t *owner;
	size_t i;

	json_array_foreach(json_object_get(vector, "owners"), i, owner)
		explain_owner(e, owner, text_of(vector, "provider"));
	if (is(vector, "state", "orphaned"))
		say(e, e->text, "Its last owner is gone; nobody has a handler on it.");
	else if (!json_array_size(json_object_get(vector, "owners")))
		say(e, e->text, "It is allocated, and nobody has a handler on it.");
	if (cpu)
		say(e, e->text, "It goes to CPU %s%s%s%s%s.", cpu,
		    PART(allowed, " (allowed: ", ")"),
		    json_is_true(json_object_get(vector, "managed")) ?
			    "; the kernel alone manages its affinity" :
			    "");
}

void explain_doorbell(struct explanation *e, const json_t *doorbell)
{
	static const struct {
		const char *key, *value, *words;
	} told[] = {
		{ "state", "allocated", "Nobody has a handler for it yet." },
		{ "state", "requested", "It has a handler; the host cannot ring it yet." },
		{ "state", "published", "The host can ring it." },
		{ "state", "freed", "It was freed." },
		{ "state", "refused", "The kernel refused to set it up." },
		{ "verdict", "safe", "Verdict: safe. The message that the host has stays good." },
		{ "verdict", "at-risk",
		  "Verdict: at risk. An affinity change may rewrite the message that the host "
		  "has." },
		{ "verdict", "violated",
		  "Verdict: violated. What the host has is not, or was not, what it takes." },
	};
	_cleanup_free_ char *now = message_text(json_object_get(doorbell, "message"));
	_cleanup_free_ char *published =
		message_text(json_object_get(doorbell, "published_message"));
	const char *epf = text_of(doorbell, "epf"), *epc = text_of(doorbell, "epc");
	const char *type = text_of(doorbell, "type");
	bool gone = is(doorbell, "state", "freed") || is(doorbell, "state", "refused");

	if (has(doorbell, "index"))
		say(e, e->text, "It is doorbell %lld of the endpoint function %s%s%s%s%s%s%s.",
		    number_of(doorbell, "index"), epf ?: "?", PART(epc, " on ", ""),
		    PART(type, ", type ", ""));
	else
		say(e, e->text, "The endpoint function %s%s%s%s asked for doorbells.", epf ?: "?",
		    PART(epc, " on ", ""));
	for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++)
		if (is(doorbell, told[i].key, told[i].value) &&
		    !(gone && !strcmp(told[i].value, "safe")))
			say(e, e->text, "%s", told[i].words);
	if (now && published && strcmp(now, published) != 0)
		say(e, e->text, "The host was told %s, and the message is now %s.", published, now);
	if (is(doorbell, "verdict", "at-risk"))
		say(e, e->advice,
		    "Leave the interrupt on its CPU: no writes to smp_affinity, no irqbalance for "
		    "it, no CPU offline under it.");
}

static void explain_doorbell_of(struct explanation *e, const json_t *vector)
{
	const json_t *doorbell;
	size_t i;

	json_array_foreach(e->doorbells, i, doorbell) {
		if (is(doorbell, "state", "freed") || is(doorbell, "state", "refused"))
			continue;
		if (has(doorbell, "irq") &&
		    json_equal(json_object_get(doorbell, "irq"), json_object_get(vector, "irq")))
			explain_doorbell(e, doorbell);
	}
}

void explain_vector(struct explanation *e, const struct vector *v)
{
	json_auto_t *vector = vector_to_json(e->model, v);
	_cleanup_free_ char *place = place_text(vector);
	const char *name = text_of(domain_of(e, json_object_get(vector, "domain")), "name");
	const char *chip = text_of(vector, "chip");

	if (!vector || !place) {
		e->failed = true;
		return;
	}
	say(e, e->text, "Interrupt %lld is %s%s%s%s%s%s%s.", number_of(vector, "irq"), place,
	    PART(name, ", in the domain ", ""), PART(chip, ", chip ", ""));
	explain_state(e, vector);
	explain_message(e, vector);
	if (v->msi_type)
		explain_immutability(e, vector);
	if (v->msi_type && !json_is_true(json_object_get(vector, "sysfs")))
		say(e, e->text,
		    "Sysfs does not show it: neither msi_irqs/ nor irqs/ has an entry.");
	explain_doorbell_of(e, vector);
	explain_violations_at(e, vector);
}
