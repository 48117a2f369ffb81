// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sentences are made from the JSON objects that clients get, so that an explanation never says
 * anything else than the lists do. What a rule means and what to do about it are the rules' own
 * words. What is not known is left out, or said to be unknown.
 */
#include "explain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>

struct explanation {
	const struct model *model;
	json_t *domains, *doorbells, *violations; /* violations: the open ones */
	json_t *text, *advice;
	bool advised[RULE_MAX];
	bool failed; /* no memory */
};

__attribute__((format(printf, 3, 4))) static void say(struct explanation *e, json_t *to,
						      const char *format, ...)
{
	va_list arguments;
	json_t *sentence;

	va_start(arguments, format);
	sentence = json_vsprintf(format, arguments);
	va_end(arguments);
	if (json_array_append_new(to, sentence) < 0)
		e->failed = true;
}

/* A member that is a text; NULL: it is not there, or null. */
static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static long long number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static bool has(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return value && !json_is_null(value);
}

static bool is(const json_t *object, const char *key, const char *text)
{
	return !strcmp(text_of(object, key) ?: "", text);
}

/* " in words @before and @after", or nothing: for the optional part of a sentence */
#define PART(text, before, after) (text) ? (before) : "", (text) ?: "", (text) ? (after) : ""

static const json_t *domain_of(const struct explanation *e, const json_t *id)
{
	const json_t *domain;
	size_t i;

	json_array_foreach(e->domains, i, domain)
		if (json_is_integer(id) && json_equal(json_object_get(domain, "id"), id))
			return domain;
	return NULL;
}

/* The index of a vector in words: "vector 3 of 0000:0d:00.0"; the caller frees it. */
static char *place_text(const json_t *vector)
{
	const char *provider = text_of(vector, "provider");
	char *text;
	int n;

	if (provider && has(vector, "index"))
		n = asprintf(&text, "vector %lld of %s", number_of(vector, "index"), provider);
	else if (provider)
		n = asprintf(&text, "an interrupt of %s", provider);
	else
		n = asprintf(&text, "an interrupt that is no device's MSI vector");
	return n < 0 ? NULL : text;
}

static char *message_text(const json_t *message)
{
	char *text;

	if (!json_is_object(message))
		return NULL;
	return asprintf(&text, "%s/%s", text_of(message, "address"), text_of(message, "data")) < 0 ?
		       NULL :
		       text;
}

/* "affinity-write by irqbalance[42], uid 0"; NULL: unknown. The caller frees it. */
static char *cause_text(const json_t *cause)
{
	const char *kind = text_of(cause, "kind"), *comm = text_of(cause, "comm");
	char *text;
	int n;

	if (!kind || (!strcmp(kind, "unknown") && !comm))
		return NULL;
	if (comm)
		n = asprintf(&text, "%s by %s[%lld], uid %lld", kind, comm, number_of(cause, "pid"),
			     number_of(cause, "uid"));
	else
		n = asprintf(&text, "%s", kind);
	return n < 0 ? NULL : text;
}

/* ---- violations ---------------------------------------------------------------------------- */

static void advise_rule(struct explanation *e, enum rule_id rule)
{
	if (rule == RULE_MAX || e->advised[rule])
		return;
	e->advised[rule] = true;
	say(e, e->advice, "%s", rule_text(rule)->advice);
}

static void explain_violation(struct explanation *e, const json_t *violation)
{
	_cleanup_free_ char *cause = cause_text(json_object_get(violation, "cause"));
	const char *device = text_of(violation, "device"), *rule = text_of(violation, "rule");
	long long count = number_of(violation, "count");
	char irq[32] = "";

	if (has(violation, "irq"))
		snprintf(irq, sizeof(irq), ", irq %lld", number_of(violation, "irq"));
	say(e, e->text, "Violation %lld is open: %s (%s%s%s%s%s), seen %lld time%s%s%s%s. %s",
	    number_of(violation, "id"), rule, text_of(violation, "severity"),
	    PART(device, ", ", ""), irq, count, count == 1 ? "" : "s",
	    PART(cause, ", caused by ", ""), text_of(violation, "explanation") ?: "");
	advise_rule(e, rule_from_name(rule ?: ""));
}

/* A place is a device and an index: an interrupt's number may be another one's since. */
static bool is_at(const json_t *violation, const json_t *vector)
{
	const char *key = has(violation, "index") ? "index" : "irq";

	return json_equal(json_object_get(violation, "device"),
			  json_object_get(vector, "provider")) &&
	       json_equal(json_object_get(violation, key), json_object_get(vector, key));
}

static void explain_violations_at(struct explanation *e, const json_t *vector)
{
	const json_t *violation;
	size_t i;

	json_array_foreach(e->violations, i, violation)
		if (is_at(violation, vector))
			explain_violation(e, violation);
}

/* Those with this text in the member @key. False: there is none. */
static bool explain_violations(struct explanation *e, const char *key, const char *text)
{
	const json_t *violation;
	bool any = false;
	size_t i;

	json_array_foreach(e->violations, i, violation) {
		if (!is(violation, key, text))
			continue;
		explain_violation(e, violation);
		any = true;
	}
	return any;
}

/* ---- an interrupt -------------------------------------------------------------------------- */

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

static void explain_doorbell(struct explanation *e, const json_t *doorbell)
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

static void explain_vector(struct explanation *e, const struct vector *v)
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

/* ---- a device ------------------------------------------------------------------------------ */

static const json_t *ledger_row(const json_t *ledger, const char *device)
{
	const json_t *row;
	size_t i;

	json_array_foreach(ledger, i, row)
		if (is(row, "device", device))
			return row;
	return NULL;
}

static void explain_identity(struct explanation *e, const char *device, const json_t *row)
{
	const char *bus = text_of(row, "bus"), *driver = text_of(row, "driver");
	const char *parent = text_of(row, "parent"), *class = text_of(row, "class");
	long long granted = number_of(row, "granted"), used = number_of(row, "used");
	const json_t *asked = json_object_get(row, "asked");
	char span[64] = "";

	if (!row) {
		say(e, e->text, "%s has no interrupt at present.", device);
		return;
	}
	say(e, e->text, "%s is a device%s%s%s%s%s%s%s%s%s, %s%s.", device,
	    PART(bus, " on the bus ", ""), PART(class, " (class ", ")"),
	    PART(parent, ", below ", ""), driver ? "bound to the driver " : "bound to no driver",
	    driver ?: "");
	if (json_is_object(asked))
		snprintf(span, sizeof(span), "It asked for %lld to %lld vectors. ",
			 number_of(asked, "min"), number_of(asked, "max"));
	say(e, e->text, "%sIt has %lld vector%s, and uses %lld interrupt%s.", span, granted,
	    granted == 1 ? "" : "s", used, used == 1 ? "" : "s");
}

/*
 * What @device has to do with a vector: its relation, or who else has a handler on it. The caller
 * frees it.
 */
static char *use_text(const json_t *vector, const char *device)
{
	const json_t *owners = json_object_get(vector, "owners"), *owner;
	_cleanup_free_ char *others = NULL;
	char *text;
	size_t i;

	json_array_foreach(owners, i, owner) {
		if (is(owner, "device", device))
			return asprintf(&text, "%s, \"%s\"", text_of(owner, "relation") ?: "?",
					text_of(owner, "action") ?: "?") < 0 ?
				       NULL :
				       text;
		if (asprintf(&text, "%s%s%s", others ?: "used by ", others ? ", " : "",
			     text_of(owner, "device") ?: "an unknown device") < 0)
			return NULL;
		free(others);
		others = text;
	}
	return others ? TAKE_PTR(others) : strdup("nobody has a handler on it");
}

static void explain_line(struct explanation *e, const json_t *vector, const char *device)
{
	_cleanup_free_ char *message = message_text(json_object_get(vector, "message"));
	_cleanup_free_ char *use = use_text(vector, device);
	_cleanup_free_ char *place = place_text(vector);
	const char *cpu = text_of(vector, "effective_affinity");
	long long changes = number_of(vector, "message_changes");

	say(e, e->text, "Interrupt %lld: %s, %s%s%s%s%s%s%s%s.", number_of(vector, "irq"),
	    place ?: "?", use ?: "?", PART(cpu, ", CPU ", ""), PART(message, ", message ", ""),
	    changes ? " (it changed)" : "");
}

static void explain_features(struct explanation *e, const json_t *row)
{
	const json_t *feature;
	size_t i;

	json_array_foreach(json_object_get(row, "features"), i, feature) {
		const char *instance = text_of(feature, "instance");
		const char *reason = text_of(feature, "reason");
		char irq[32] = "";

		if (has(feature, "irq"))
			snprintf(irq, sizeof(irq), ", interrupt %lld", number_of(feature, "irq"));
		say(e, e->text, "Feature %s%s%s%s: %s%s%s%s%s.", text_of(feature, "feature"),
		    PART(instance, " (", ")"), text_of(feature, "result"), irq,
		    PART(reason, ", ", ""));
	}
}

/* False: nobody knows of such a device. */
static bool explain_device(struct explanation *e, const char *device)
{
	json_auto_t *ledger = device_ledger(e->model);
	json_auto_t *vectors = model_vectors_to_json(e->model, device, NULL);
	const json_t *row = ledger_row(ledger, device), *item;
	bool known = row || model_knows_device(e->model, device);
	size_t i;

	explain_identity(e, device, row);
	json_array_foreach(vectors, i, item)
		explain_line(e, item, device);
	explain_features(e, row);
	json_array_foreach(e->doorbells, i, item) {
		if (!is(item, "epf", device) && !is(item, "epc", device))
			continue;
		if (has(item, "irq"))
			say(e, e->text, "Interrupt %lld is a doorbell:", number_of(item, "irq"));
		explain_doorbell(e, item);
		known = true;
	}
	return explain_violations(e, "device", device) || known;
}

/* ---- a rule -------------------------------------------------------------------------------- */

static void explain_rule(struct explanation *e, enum rule_id rule)
{
	const struct rule_text *words = rule_text(rule);
	const struct record_base *base = model_base(e->model);

	say(e, e->text, "%s", words->summary);
	say(e, e->text, "Severity: %s.", severity_name(words->severity));
	advise_rule(e, rule);
	if (!explain_violations(e, "rule", words->name))
		say(e, e->text, "It has no open violation here.");
	if (base && base->mode == RECORD_MODE_SYSFS)
		say(e, e->text, "BPF tracing is off here: the rule sees next to nothing.");
}

/* -------------------------------------------------------------------------------------------- */

bool explain_is_irq(const char *subject, uint32_t *ret)
{
	unsigned long number;
	char *end;

	if (*subject < '0' || *subject > '9')
		return false;
	errno = 0;
	number = strtoul(subject, &end, 10);
	if (errno || *end || number > UINT32_MAX)
		return false;
	*ret = (uint32_t)number;
	return true;
}

static const char *explain_any(struct explanation *e, const char *subject)
{
	enum rule_id rule = rule_from_name(subject);
	const struct vector *vector = NULL;
	uint32_t irq;

	if (explain_is_irq(subject, &irq))
		vector = model_vector(e->model, irq);
	if (vector) {
		explain_vector(e, vector);
		return "interrupt";
	}
	if (rule != RULE_MAX) {
		explain_rule(e, rule);
		return "rule";
	}
	return explain_device(e, subject) ? "device" : NULL;
}

static void explanation_done(struct explanation *e)
{
	json_decref(e->domains);
	json_decref(e->doorbells);
	json_decref(e->violations);
	json_decref(e->text);
	json_decref(e->advice);
}

int explain(const struct model *model, const struct violations *violations, const char *subject,
	    json_t **ret)
{
	_cleanup_(explanation_done) struct explanation e = {
		.model = model,
		.domains = model_domains_to_json(model),
		.doorbells = model_doorbells_to_json(model),
		.violations = violations ? violations_to_json(violations, false) : json_array(),
		.text = json_array(),
		.advice = json_array(),
	};
	/* an unknown device's name is empty */
	const char *kind = *subject ? explain_any(&e, subject) : NULL;
	json_t *explanation;

	if (!kind)
		return -ENOENT;
	if (!json_array_size(e.advice))
		say(&e, e.advice, "Nothing needs to be done.");
	explanation = e.failed ? NULL :
				 json_pack("{s:s, s:s, s:O, s:O}", "subject", subject, "kind", kind,
					   "text", e.text, "advice", e.advice);
	if (!explanation)
		return -ENOMEM;
	*ret = explanation;
	return 0;
}
