// SPDX-License-Identifier: GPL-2.0-or-later
/* A device in words: what it asked for and got, and which part of it each interrupt serves. */
#include "explain-private.h"

#include <stdio.h>
#include <stdlib.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/json.h>

#include "ledger.h"

static void explain_identity(struct explanation *e, const char *device, const json_t *row)
{
	const char *bus = text_of(row, "bus"), *driver = text_of(row, "driver");
	const char *parent = text_of(row, "parent"), *class = text_of(row, "class");

	if (!row) {
		say(e, e->text, "%s has no interrupt at present.", device);
		return;
	}
	say(e, e->text, "%s is a device%s%s%s%s%s%s%s%s%s, %s%s.", device,
	    PART(bus, " on the bus ", ""), PART(class, " (class ", ")"),
	    PART(parent, ", below ", ""), driver ? "bound to the driver " : "bound to no driver",
	    driver ?: "");
}

/* ---- What it asked for, and got ---- */

static void explain_offered(struct explanation *e, const char *name, const json_t *row)
{
	const json_t *offered = json_object_get(row, "offered");
	const struct device *device = model_device(e->model, name);
	long long msix = number_of(offered, "msix"), msi = number_of(offered, "msi");

	if (device && device->hardware.error)
		say(e, e->text,
		    "Its config space could not be read (%s): what its hardware offers is not "
		    "known.",
		    strerror(device->hardware.error));
	else if (!json_is_object(offered))
		return;
	else if (!msix && !msi)
		say(e, e->text, "Its hardware has neither MSI-X nor MSI.");
	else
		say(e, e->text, "Its hardware can send %lld MSI-X and %lld MSI message%s.", msix,
		    msi, PLURAL(msi));
}

/* " 1 to 32 vectors and got 8"; the caller frees it. */
static char *demand_text(struct explanation *e, const json_t *demand)
{
	static const struct {
		const char *kind, *words;
	} kinds[] = {
		{ "msix", "MSI-X vectors" },
		{ "msi", "MSI vectors" },
		{ "intx", "interrupt pins" },
	};
	long long granted = number_of(demand, "granted"), min = number_of(demand, "min");
	long long max = number_of(demand, "max");
	const char *words = "vectors";
	char got[32];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (is(demand, "kind", kinds[i].kind))
			words = kinds[i].words;
	snprintf(got, sizeof(got), "%lld", granted);
	return compose(e, "for %lld to %lld %s and got %s%s%s%s", min, max, words,
		       granted ? got : "none",
		       PART(granted ? NULL : strerror((int)number_of(demand, "errno")), " (", ")"));
}

static void explain_asked(struct explanation *e, const json_t *row)
{
	const json_t *demands = json_object_get(row, "demands"), *demand;
	const char *reason = text_of(row, "reason");
	long long older = number_of(row, "demands_older");
	size_t i;

	if (reason)
		say(e, e->text, "What it asked for is not known: %s.", reason);
	if (older)
		say(e, e->text, "It asked for vectors %lld time%s before what follows.", older,
		    PLURAL(older));
	json_array_foreach(demands, i, demand) {
		_cleanup_free_ char *text = demand_text(e, demand);

		say(e, e->text, "%s asked %s.", i ? "Then it" : "It", text ?: "?");
	}
}

/* Interrupts on which it, or a sub-device of it, has a handler: the pin may be among them. */
static size_t count_interrupts(const json_t *row)
{
	json_auto_t *irqs = json_object();
	const json_t *feature;
	char key[32];
	size_t i;

	json_array_foreach(json_object_get(row, "features"), i, feature) {
		snprintf(key, sizeof(key), "%lld", number_of(feature, "irq"));
		if (has(feature, "relation"))
			json_put(&irqs, key, json_true());
	}
	return json_object_size(irqs);
}

static void explain_granted(struct explanation *e, const json_t *row)
{
	long long granted = number_of(row, "granted");
	size_t used = count_interrupts(row);
	long long shared = number_of(row, "shared"), unused = number_of(row, "unused");
	long long never = number_of(row, "never_requested"), dynamic = number_of(row, "dynamic");

	say(e, e->text, "It has %lld vector%s, and uses %zu interrupt%s.", granted, PLURAL(granted),
	    used, PLURAL(used));
	if (shared)
		say(e, e->text,
		    "%lld of its vectors %s more than one handler: when it comes, each of them is "
		    "called.",
		    shared, shared == 1 ? "has" : "have");
	if (dynamic)
		say(e, e->text, "%lld of them came after its driver's call for vectors.", dynamic);
	if (!unused)
		return;
	if (has(row, "never_requested"))
		say(e, e->text, "%lld of them %s no handler; %lld never had one.", unused,
		    unused == 1 ? "has" : "have", never);
	else
		say(e, e->text,
		    "%lld of them %s no handler; whether they ever had one is not known, for they "
		    "are older than the daemon.",
		    unused, unused == 1 ? "has" : "have");
}

/* ---- Its interrupts ---- */

/*
 * What @device has to do with a vector: its relation, or who else has a handler on it. The caller
 * frees it.
 */
static char *use_text(struct explanation *e, const json_t *vector, const char *device)
{
	const json_t *owners = json_object_get(vector, "owners"), *owner;
	_cleanup_free_ char *others = NULL;
	char *text;
	size_t i;

	json_array_foreach(owners, i, owner) {
		if (is(owner, "device", device))
			return compose(e, "%s, \"%s\"", text_of(owner, "relation") ?: "?",
				       text_of(owner, "action") ?: "?");
		text = compose(e, "%s%s%s", others ?: "used by ", others ? ", " : "",
			       text_of(owner, "device") ?: "an unknown device");
		if (!text)
			return NULL;
		free(others);
		others = text;
	}
	return others ? TAKE_PTR(others) : compose(e, "nobody has a handler on it");
}

static void explain_line(struct explanation *e, const json_t *vector, const char *device)
{
	_cleanup_free_ char *message = message_text(e, json_object_get(vector, "message"));
	_cleanup_free_ char *use = use_text(e, vector, device);
	_cleanup_free_ char *place = place_text(e, vector);
	const char *cpu = text_of(vector, "effective_affinity");
	long long changes = number_of(vector, "message_changes");

	say(e, e->text, "Interrupt %lld: %s, %s%s%s%s%s%s%s%s.", number_of(vector, "irq"),
	    place ?: "?", use ?: "?", PART(cpu, ", CPU ", ""), PART(message, ", message ", ""),
	    changes ? " (it changed)" : "");
}

/* ---- Its features ---- */

/* What a feature is good for, and what became of its interrupt, in words of everyday */
static const char *feature_words(const json_t *feature)
{
	static const struct {
		const char *feature, *words;
	} features[] = {
		{ "aer", "Reports of PCI Express errors" },
		{ "pme", "Wake-up from power saving" },
		{ "hotplug", "Hot plug of a card" },
		{ "bwctrl", "Changes of a link's speed" },
		{ "dpc", "Containment of errors" },
		{ "doe", "Exchange of data objects" },
		{ "mailbox", "Answers to commands" },
		{ "event-log", "Entries in an event log" },
		{ "cpmu", "Performance counters" },
		{ "auxiliary", "A sub-device" },
		{ "other", "What its driver does" },
	};

	for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++)
		if (is(feature, "feature", features[i].feature))
			return features[i].words;
	return "Something else";
}

/* Ends in where the number of the interrupt, if there is one, and @ret_rest belong. */
static const char *result_words(const json_t *feature, const char **ret_rest)
{
	static const struct {
		const char *result, *words, *rest;
	} results[] = {
		{ "granted", "has interrupt", "" },
		{ "shared", "shares interrupt", " with others" },
		{ "polled", "has none, the kernel polls (looks for itself, again and again)", "" },
		{ "refused", "was refused an interrupt", "" },
		{ "unclaimed", "could have an interrupt, and nobody took it", "" },
	};

	*ret_rest = "";
	for (size_t i = 0; i < sizeof(results) / sizeof(*results); i++)
		if (is(feature, "result", results[i].result)) {
			*ret_rest = results[i].rest;
			return results[i].words;
		}
	return text_of(feature, "result") ?: "?";
}

static void explain_feature(struct explanation *e, const json_t *feature)
{
	const char *instance = text_of(feature, "instance"), *reason = text_of(feature, "reason");
	char irq[32] = "", message[32] = "", hardware[48] = "";
	const char *rest, *result = result_words(feature, &rest);

	if (has(feature, "irq"))
		snprintf(irq, sizeof(irq), " %lld", number_of(feature, "irq"));
	if (has(feature, "message_number"))
		snprintf(message, sizeof(message), ", message %lld",
			 number_of(feature, "message_number"));
	if (has(feature, "hardware_message") &&
	    !json_equal(json_object_get(feature, "hardware_message"),
			json_object_get(feature, "message_number")))
		snprintf(hardware, sizeof(hardware), ", hardware names message %lld",
			 number_of(feature, "hardware_message"));
	say(e, e->text, "%s (%s%s%s%s): %s%s%s%s%s%s%s%s%s.", feature_words(feature),
	    text_of(feature, "feature") ?: "?", PART(instance, ", ", ""), result, irq, rest,
	    message, hardware, is(feature, "relation", "borrowed") ? ", borrowed" : "",
	    PART(reason, ": ", ""));
}

/* That a memory device has no CPMU at all is what no feature can say. */
static void explain_no_cpmu(struct explanation *e, const char *name, const json_t *row)
{
	const struct device *device = model_device(e->model, name);
	const json_t *feature;
	bool memory = false;
	size_t at;

	json_array_foreach(json_object_get(row, "features"), at, feature)
		if (is(feature, "feature", "cpmu"))
			return;

	for (uint32_t i = 0; device && i < device->hardware.n; i++)
		memory |= device->hardware.list[i].kind == RECORD_FEATURE_CXL_DEVICE;
	if (memory)
		say(e, e->text,
		    "It has no PMU: its config space names no block of CPMU registers.");
}

/* -------------------------------------------------------------------------------------------- */

static void explain_row(struct explanation *e, const char *device, const json_t *row)
{
	const json_t *feature;
	size_t i;

	explain_offered(e, device, row);
	explain_asked(e, row);
	explain_granted(e, row);
	json_array_foreach(json_object_get(row, "features"), i, feature)
		explain_feature(e, feature);
	explain_no_cpmu(e, device, row);
}

bool explain_device(struct explanation *e, const char *device)
{
	json_auto_t *ledger = ledger_to_json(e->model, device);
	json_auto_t *vectors = model_vectors_to_json(e->model, device, NULL);
	const json_t *row = json_array_get(ledger, 0), *item;
	bool known = row || model_knows_device(e->model, device);
	size_t i;

	e->failed |= !ledger || !vectors;
	explain_identity(e, device, row);
	if (row)
		explain_row(e, device, row);
	json_array_foreach(vectors, i, item)
		explain_line(e, item, device);
	json_array_foreach(e->doorbells, i, item) {
		if (!is(item, "epf", device) && !is(item, "epc", device))
			continue;
		if (has(item, "irq"))
			say(e, e->text, "Interrupt %lld is a doorbell:", number_of(item, "irq"));
		explain_doorbell(e, item);
		known = true;
	}
	known |= explain_lifetimes(e, device);
	return explain_violations(e, "device", device) || known;
}
