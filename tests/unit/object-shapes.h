/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The objects that clients get, field by field: the contract, written as the interface writes
 * types. This knows nothing of the code that makes the objects.
 */
#ifndef TEST_OBJECT_SHAPES_H
#define TEST_OBJECT_SHAPES_H

#include "records.h"

/* name, type: s string, i integer, b boolean, a array, o object; ? may be null; a:X of objects X */
static const struct shape {
	const char *name;
	const char *fields[24];
} shapes[] = {
	{ "domain",
	  { "id i", "name s", "bus_token s", "flags as", "parent i?", "device s?", "hwirq_max i?",
	    "mapped i", "chip s?", "immutability s", "affinity_changes i", "message_changes i" } },
	{ "vector",
	  { "irq i", "provider s?", "domain i?", "chip s?", "index i?", "hwirq i?",
	    "message o?message", "target o?target", "affinity s?", "effective_affinity s?",
	    "managed b?", "state s", "origin s", "interrupts i", "message_changes i",
	    "message_rewrites i", "affinity_changes i", "sysfs b", "owners ao owner" } },
	{ "owner",
	  { "device s?", "bus s?", "driver s?", "module s?", "action s?", "handler s?",
	    "relation s", "evidence s?" } },
	{ "message", { "address s", "data s" } },
	{ "target", { "cpu i", "vector i" } },
	{ "device",
	  { "device s", "bus s?", "driver s?", "module s?", "parent s?", "class s?", "asked o?span",
	    "reason s?", "offered o?offer", "granted i", "used i", "shared i", "unused i",
	    "never_requested i?", "dynamic i", "demands ao call", "demands_older i",
	    "features ao feature" } },
	{ "span", { "min i", "max i" } },
	{ "offer", { "msi i", "msix i" } },
	{ "call", { "kind s", "min i", "max i", "granted i", "errno i?" } },
	{ "feature",
	  { "feature s", "instance s?", "message_number i?", "irq i?", "result s", "errno i?",
	    "reason s?", "relation s?", "hardware_message i?", "offset i?" } },
	{ "space",
	  { "available i", "allocated i", "managed i", "reserved i", "size i",
	    "cpus ao cpu-space" } },
	{ "cpu-space", { "cpu i", "online b", "available i", "allocated i", "managed i" } },
	{ "support",
	  { "kernel s", "machine s", "mode s", "reason s?", "hooks ao hook", "features ao hook" } },
	{ "hook", { "hook s", "attached b", "reason s?" } },
	{ "loss", { "reason s", "count i" } },
	{ "count", { "kind s", "count i" } },
	{ "all",
	  { "version i", "support o support", "domains ao domain", "vectors ao vector",
	    "devices ao device", "vector_space o?space", "doorbells ao bell", "pmus ao pmu",
	    "counters ao counter", "lost ao loss", "corrections ao count", "refused ao count" } },
	{ "pmu",
	  { "name s", "device s", "provider s?", "irq i?", "cpus s?", "events ao term",
	    "formats ao format" } },
	{ "term", { "event s", "terms s" } },
	{ "format", { "term s", "bits s" } },
	{ "counter",
	  { "pmu s?", "device s?", "event s", "group i?", "value i", "scaled i?", "enabled_ns i",
	    "running_ns i", "error i?", "reason s?" } },
	{ "bell",
	  { "epc s?", "epf s?", "index i?", "irq i?", "message o?message",
	    "published_message o?message", "type s", "parent_domain i?", "immutability s",
	    "state s", "message_changes i", "verdict s", "device s?", "driver s?", "bar i?",
	    "errno i?" } },
	{ "cause", { "kind s", "comm s?", "pid i?", "uid i?" } },
	{ "where", { "id i", "name s?", "bus_token s?" } },
	/* every event begins with these four */
	{ "domain-created", { "time_us i", "type s", "irq i?", "device s?", "domain o where" } },
	{ "domain-removed", { "time_us i", "type s", "irq i?", "device s?", "domain o where" } },
	{ "vector-allocated",
	  { "time_us i", "type s", "irq i", "device s?", "index i?", "domain i?" } },
	{ "vector-freed",
	  { "time_us i", "type s", "irq i", "device s?", "index i?", "domain i?" } },
	{ "handler-requested",
	  { "time_us i", "type s", "irq i", "device s?", "provider s?", "action s?", "handler s?",
	    "relation s" } },
	{ "handler-freed",
	  { "time_us i", "type s", "irq i", "device s?", "provider s?", "action s?", "handler s?",
	    "relation s" } },
	{ "demand",
	  { "time_us i", "type s", "irq i?", "device s?", "min i", "max i", "granted i", "errno i?",
	    "cause o cause", "kind s", "asked o span", "index i?", "caller s?" } },
	{ "message-change",
	  { "time_us i", "type s", "irq i", "device s?", "index i?", "old_message o?message",
	    "new_message o?message", "cause o cause" } },
	{ "guard-denied",
	  { "time_us i", "type s", "irq i?", "device s?", "index i?", "denied b", "path s",
	    "cause o cause" } },
	{ "guard-moved",
	  { "time_us i", "type s", "irq i", "device s?", "index i?", "guard s?", "old s", "new s",
	    "cause o cause" } },
	{ "guard-restored",
	  { "time_us i", "type s", "irq i", "device s?", "index i?", "guard s?", "cpus s?",
	    "restored b", "reason s?" } },
	{ "guard",
	  { "id i", "guard s", "kind s", "device s?", "index i?", "rule s?", "cpus s?", "restore b",
	    "configured b", "since_us i?", "uid i?", "pid i?", "vectors ao guarded",
	    "reason s?" } },
	{ "guarded",
	  { "irq i", "device s?", "index i?", "affinity s?", "target s?", "asked b", "denied i",
	    "audited i", "moved i", "restored i", "errno i?" } },
	{ "affinity-change",
	  { "time_us i", "type s", "irq i", "device s?", "old s?", "new s?", "old_effective s?",
	    "new_effective s?", "pending b", "cause o cause" } },
	{ "doorbell",
	  { "time_us i", "type s", "irq i?", "device s?", "epc s?", "epf s?", "index i?",
	    "message o?message", "published_message o?message", "doorbell_type s",
	    "parent_domain i?", "immutability s", "state s", "message_changes i", "verdict s",
	    "driver s?", "bar i?", "errno i?", "cause o cause" } },
	{ "cpu", { "time_us i", "type s", "irq i?", "device s?", "cpu i", "online b" } },
	{ "gap", { "time_us i", "type s", "irq i?", "device s?", "lost i", "reason s?" } },
	{ "correction", { "time_us i", "type s", "irq i?", "device s?", "kind s" } },
	{}
};

static inline const struct shape *shape_find(const char *name)
{
	for (const struct shape *s = shapes; s->name; s++)
		if (!strcmp(s->name, name))
			return s;
	fail_msg("%s: no such shape", name);
	return NULL;
}

static inline void check(const json_t *json, const char *name);

static inline void check_value(const json_t *value, const char *type, const char *what)
{
	size_t i;
	json_t *entry;
	const char *rest = type + 1;

	if (*rest == '?') {
		if (json_is_null(value))
			return;
		rest++;
	}
	while (*rest == ' ')
		rest++;
	switch (*type) {
	case 's':
		if (!json_is_string(value))
			fail_msg("%s is no string", what);
		return;
	case 'i':
		if (!json_is_integer(value))
			fail_msg("%s is no integer", what);
		return;
	case 'b':
		if (!json_is_boolean(value))
			fail_msg("%s is no boolean", what);
		return;
	case 'o': check(value, rest); return;
	case 'a':
		if (!json_is_array(value))
			fail_msg("%s is no array", what);
		json_array_foreach((json_t *)value, i, entry)
			check_value(entry, rest, what);
		return;
	}
	fail_msg("%s: what type is %s?", what, type);
}

/* @json is an object with the fields of the shape @name, these and no others. */
static inline void check(const json_t *json, const char *name)
{
	const struct shape *shape = shape_find(name);
	size_t n = 0;

	if (!json_is_object(json))
		fail_msg("%s is no object", name);
	for (; shape->fields[n]; n++) {
		const char *space = strchr(shape->fields[n], ' ');
		char field[32];

		snprintf(field, sizeof(field), "%.*s", (int)(space - shape->fields[n]),
			 shape->fields[n]);
		if (!json_object_get(json, field))
			fail_msg("%s lacks %s", name, field);
		check_value(json_object_get(json, field), space + 1, field);
	}
	if (json_object_size(json) != n)
		fail_msg("%s has other fields than the contract: %s", name, json_dumps(json, 0));
}

#endif
