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

/* How it is known that @device is the one, which no list of the kernel's says */
static const char *proof_of(const json_t *owner)
{
	static const struct {
		const char *evidence, *words;
	} proofs[] = {
		{ "devres", "the kernel frees it together with that device" },
		{ "cookie", "the kernel hands that device, or a part of it, to the handler" },
		{ "probe", "it was requested while the driver took that device" },
	};

	for (size_t i = 0; i < sizeof(proofs) / sizeof(*proofs); i++)
		if (is(owner, "evidence", proofs[i].evidence))
			return proofs[i].words;
	return NULL;
}

static void explain_owner(struct explanation *e, const json_t *owner, const char *provider)
{
	const char *device = text_of(owner, "device"), *action = text_of(owner, "action") ?: "?";
	const char *handler = text_of(owner, "handler"), *driver = text_of(owner, "driver");
	const char *relation = "";
	_cleanup_free_ char *borrowed = NULL;

	if (!device) {
		say(e, e->text,
		    "It is used as \"%s\" (its name in /proc/interrupts)%s%s%s; nothing proves by "
		    "which device, if by any.",
		    action, PART(handler, ", with the handler ", ""));
		return;
	}
	if (is(owner, "relation", "own"))
		relation = " for itself";
	else if (is(owner, "relation", "delegated"))
		relation = ", which has interrupts apart from those of the whole card";
	else if (is(owner, "relation", "borrowed")) {
		borrowed = compose(e, ", which borrows it from %s", provider ?: "its provider");
		relation = borrowed ?: "";
	}
	say(e, e->text, "It is used by %s%s%s%s%s. In /proc/interrupts it is \"%s\"%s%s%s%s%s%s.",
	    device, PART(driver, " (driver ", ")"), relation, action,
	    PART(handler, ", its handler is ", ""),
	    PART(proof_of(owner), "; that it is this device's is known because ", ""));
}

static void explain_message(struct explanation *e, const json_t *vector)
{
	_cleanup_free_ char *message = message_text(e, json_object_get(vector, "message"));
	long long changes = number_of(vector, "message_changes");
	char how_often[64] = "it has not changed";

	if (!message) {
		if (has(vector, "index"))
			say(e, e->text, "It has no message at present, so it cannot be raised.");
		return;
	}
	if (changes)
		snprintf(how_often, sizeof(how_often), "it has changed %lld time%s", changes,
			 PLURAL(changes));
	say(e, e->text,
	    "Its message (the address and the data that the device writes to raise it) is %s; %s "
	    "since the daemon watches.",
	    message, how_often);
}

/* What promises, or at least tells, that messages stay: the domain above the device's own */
static void explain_immutability(struct explanation *e, const json_t *vector)
{
	const json_t *domain = domain_of(e, json_object_get(vector, "domain"));
	const json_t *parent = domain_of(e, json_object_get(domain, "parent")) ?: domain;
	const char *name = text_of(parent, "name") ?: "?";
	long long changes = number_of(parent, "message_changes");
	long long moves = number_of(parent, "affinity_changes");

	if (!parent)
		return;
	if (is(parent, "immutability", "declared") || is(domain, "immutability", "declared"))
		say(e, e->text,
		    "Messages stay the same here, whatever CPU is chosen: the interrupt controller "
		    "(%s) declares so (MSI_IMMUTABLE), and does the choosing itself. Whoever was "
		    "told the message can rely on it.",
		    name);
	else if (is(parent, "immutability", "mutable"))
		say(e, e->text,
		    "Messages change here: they say which CPU it is, and to choose another one the "
		    "kernel (%s) writes another message into the device, %lld time%s so far on "
		    "this "
		    "host. That is as it should be, unless somebody besides the device was told "
		    "the message.",
		    name, changes, PLURAL(changes));
	else if (is(parent, "immutability", "observed"))
		say(e, e->text,
		    "Messages seem to stay the same here: the interrupt controller (%s) promises "
		    "nothing, but none changed when another CPU was chosen, %lld time%s so far. "
		    "That was seen, it is not guaranteed.",
		    name, moves, PLURAL(moves));
	else
		say(e, e->text,
		    "Whether messages stay the same here is not known: the interrupt controller "
		    "(%s) does not promise it, and too little was seen. Better count on it that "
		    "they change.",
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
		say(e, e->text,
		    "It is set aside for that device and not in use: nobody has a handler on it, "
		    "that is, a function for the kernel to call when it comes.");
	if (cpu)
		say(e, e->text, "It goes to CPU %s%s%s%s%s.", cpu,
		    PART(allowed, " (allowed: ", ")"),
		    json_is_true(json_object_get(vector, "managed")) ?
			    "; the kernel alone chooses, it cannot be set by hand" :
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
		  "Verdict: at risk. When another CPU is chosen for it, the message may change, "
		  "and "
		  "the host would go on with the old one." },
		{ "verdict", "violated",
		  "Verdict: violated. What the host was told is not, or was not, what raises this "
		  "interrupt: rings are lost, or raise another one." },
	};
	_cleanup_free_ char *now = message_text(e, json_object_get(doorbell, "message"));
	_cleanup_free_ char *published =
		message_text(e, json_object_get(doorbell, "published_message"));
	const char *epf = text_of(doorbell, "epf"), *epc = text_of(doorbell, "epc");
	const char *type = text_of(doorbell, "type");
	bool gone = is(doorbell, "state", "freed") || is(doorbell, "state", "refused");

	if (has(doorbell, "index")) {
		say(e, e->text, "It is doorbell %lld of the endpoint function %s%s%s%s%s%s%s.",
		    number_of(doorbell, "index"), epf ?: "?", PART(epc, " on ", ""),
		    PART(type, ", type ", ""));
		say(e, e->text,
		    "A doorbell is an address in this device's memory that the host on the "
		    "other side of the link writes to, to raise this interrupt.");
	} else
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
	_cleanup_free_ char *place = place_text(e, vector);
	const char *name = text_of(domain_of(e, json_object_get(vector, "domain")), "name");
	const char *chip = text_of(vector, "chip");

	if (!vector || !place) {
		e->failed = true;
		return;
	}
	say(e, e->text, "Interrupt %lld is %s%s%s%s%s%s%s%s.", number_of(vector, "irq"), place,
	    v->msi_type ? " (one of the interrupts that this device can raise)" : "",
	    PART(name, ", in the domain ", ""), PART(chip, ", chip ", ""));
	explain_state(e, vector);
	explain_message(e, vector);
	if (v->msi_type)
		explain_immutability(e, vector);
	if (v->msi_type && !json_is_true(json_object_get(vector, "sysfs")))
		say(e, e->text,
		    "Sysfs does not show it (no entry in msi_irqs/ nor irqs/), so other tools "
		    "do not know whose it is.");
	explain_doorbell_of(e, vector);
	explain_violations_at(e, vector);
}
