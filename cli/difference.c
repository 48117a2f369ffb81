// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two states are compared by what stays the same from one boot, or one kernel, to the next: a
 * vector is the third of its provider, not interrupt 41; a domain is that of its device. So the
 * tables below name, for each kind of thing, what it is known by and which of its fields count.
 *
 * Numbers that the kernel hands out (of interrupts and domains) are no identity: that of an
 * interrupt is told as a difference of its own kind, those of domains are replaced by what the
 * domain is known by.
 */
#include "difference.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cxlirqd/cleanup.h"
#include "cxlirqd/json.h"

#define DOMAIN_KEYS "\ndomain-keys" /* no state has a member of this name */

enum field_flags {
	FIELD_COUNT = 1 << 0, /* for --all */
	FIELD_DOMAIN = 1 << 1, /* a domain's number: what it is known by is compared */
};

struct field {
	const char *name;
	const char *kind; /* of the difference; NULL: that of its section */
	unsigned int flags;
};

struct section {
	const char *kind;
	const char *list; /* the member that has them */
	/* What it is known by; NULL: no memory. @state: all of it. */
	char *(*key)(const json_t *thing, const json_t *state);
	/* Fields that say what it is, where it has come or gone; ends with NULL */
	const char *summary[4];
	const struct field *fields; /* ends with a NULL name */
	const struct section *parts; /* lists in it; ends with a NULL kind */
};

__attribute__((format(printf, 1, 2))) static char *print(const char *format, ...)
{
	va_list arguments;
	char *text;
	int n;

	va_start(arguments, format);
	n = vasprintf(&text, format, arguments);
	va_end(arguments);
	return n < 0 ? NULL : text;
}

static const char *string_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

/* ---- What things are known by ------------------------------------------------------------------ */

/*
 * A device's domain, else its name. The kernel ends names with the number of the bus token, which
 * is another one in another version; "IO-APIC-0" has no token, and the number is its own.
 */
static char *domain_key(const json_t *domain, const json_t *state)
{
	const char *name = string_of(domain, "name"), *token = string_of(domain, "bus_token");
	const char *device = string_of(domain, "device");
	size_t n = strlen(name);

	(void)state;
	if (*device)
		return print("%s %s", device, token);
	if (strcmp(token, "any") != 0) {
		while (n > 0 && isdigit((unsigned char)name[n - 1]))
			n--;
		n = n > 1 && name[n] && name[n - 1] == '-' ? n - 1 : strlen(name);
	}
	return print("%.*s %s", (int)n, name, token);
}

static const json_t *known_domain(const json_t *id, const json_t *state)
{
	char number[32];

	if (!json_is_integer(id))
		return NULL;
	snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(id));
	return json_object_get(json_object_get(state, DOMAIN_KEYS), number);
}

static char *vector_key(const json_t *vector, const json_t *state)
{
	const json_t *index = json_object_get(vector, "index");
	const json_t *hwirq = json_object_get(vector, "hwirq");
	const json_t *domain = known_domain(json_object_get(vector, "domain"), state);
	const char *where = json_string_value(domain) ?: string_of(vector, "chip");

	if (json_is_integer(index))
		return print("%s index %lld", string_of(vector, "provider"),
			     (long long)json_integer_value(index));
	if (json_is_integer(hwirq))
		return print("%s hwirq %lld", where, (long long)json_integer_value(hwirq));
	return print("%s irq %lld", where,
		     (long long)json_integer_value(json_object_get(vector, "irq")));
}

static char *owner_key(const json_t *owner, const json_t *state)
{
	const char *device = string_of(owner, "device");

	(void)state;
	return *device ? print("%s", device) : print("[%s]", string_of(owner, "action"));
}

static char *device_key(const json_t *device, const json_t *state)
{
	(void)state;
	return print("%s", string_of(device, "device"));
}

static char *feature_key(const json_t *feature, const json_t *state)
{
	const char *instance = string_of(feature, "instance");

	(void)state;
	return print("%s%s%s", string_of(feature, "feature"), *instance ? " " : "", instance);
}

static char *doorbell_key(const json_t *doorbell, const json_t *state)
{
	(void)state;
	return print("%s %s doorbell %lld", string_of(doorbell, "epc"), string_of(doorbell, "epf"),
		     (long long)json_integer_value(json_object_get(doorbell, "index")));
}

/* A PMU's number depends on the order of probes: it is that of its device. */
static char *pmu_key(const json_t *pmu, const json_t *state)
{
	const char *device = string_of(pmu, "device");

	(void)state;
	return print("%s", *device ? device : string_of(pmu, "name"));
}

static char *event_key(const json_t *event, const json_t *state)
{
	(void)state;
	return print("%s", string_of(event, "event"));
}

static char *hook_key(const json_t *hook, const json_t *state)
{
	(void)state;
	return print("%s", string_of(hook, "hook"));
}

/* ---- What of them counts ----------------------------------------------------------------------- */

/* clang-format off */
static const struct field domain_fields[] = {
	{ .name = "parent", .flags = FIELD_DOMAIN },
	{ .name = "flags" },
	{ .name = "immutability" },
	{ .name = "chip" },
	{ .name = "hwirq_max" },
	{ .name = "mapped", .flags = FIELD_COUNT },
	{ .name = "affinity_changes", .flags = FIELD_COUNT },
	{ .name = "message_changes", .flags = FIELD_COUNT },
	{}
};

static const struct field vector_fields[] = {
	{ .name = "irq", .kind = "irq-number" },
	{ .name = "domain", .flags = FIELD_DOMAIN },
	{ .name = "message", .kind = "message" },
	{ .name = "state" },
	{ .name = "managed" },
	{ .name = "sysfs" },
	{ .name = "affinity", .flags = FIELD_COUNT },
	{ .name = "effective_affinity", .flags = FIELD_COUNT },
	{ .name = "interrupts", .flags = FIELD_COUNT },
	{ .name = "message_changes", .flags = FIELD_COUNT },
	{ .name = "affinity_changes", .flags = FIELD_COUNT },
	{}
};

static const struct field owner_fields[] = {
	{ .name = "relation", .kind = "relation" },
	{ .name = "bus" },
	{ .name = "driver" },
	{ .name = "module" },
	{ .name = "action" },
	{ .name = "handler" },
	{}
};

static const struct field device_fields[] = {
	{ .name = "driver" },
	{ .name = "module" },
	{ .name = "bus" },
	{ .name = "parent" },
	{ .name = "class" },
	{ .name = "offered" },
	{ .name = "asked" },
	{ .name = "granted" },
	{ .name = "used" },
	{ .name = "shared" },
	{ .name = "unused" },
	{ .name = "dynamic" },
	{ .name = "reason" },
	{ .name = "never_requested", .flags = FIELD_COUNT },
	{}
};

static const struct field feature_fields[] = {
	{ .name = "result" },
	{ .name = "relation", .kind = "relation" },
	{ .name = "message_number" },
	{ .name = "hardware_message" },
	{ .name = "errno" },
	{ .name = "reason" },
	{}
};

static const struct field doorbell_fields[] = {
	{ .name = "message", .kind = "message" },
	{ .name = "published_message", .kind = "message" },
	{ .name = "parent_domain", .flags = FIELD_DOMAIN },
	{ .name = "type" },
	{ .name = "immutability" },
	{ .name = "state" },
	{ .name = "verdict" },
	{ .name = "device" },
	{ .name = "driver" },
	{ .name = "bar" },
	{ .name = "errno" },
	{ .name = "message_changes", .flags = FIELD_COUNT },
	{}
};

static const struct field pmu_fields[] = {
	{ .name = "name" },
	{ .name = "provider" },
	{ .name = "cpus", .flags = FIELD_COUNT },
	{}
};

static const struct field event_fields[] = { { .name = "terms" }, {} };

static const struct field hook_fields[] = {
	{ .name = "attached" },
	{ .name = "reason" },
	{}
};

static const struct field support_fields[] = {
	{ .name = "kernel" },
	{ .name = "machine" },
	{ .name = "mode" },
	{ .name = "reason" },
	{}
};

static const struct section vector_parts[] = {
	{ "owner", "owners", owner_key, { "driver", "relation" }, owner_fields, NULL },
	{}
};

static const struct section device_parts[] = {
	{ "feature", "features", feature_key, { "result", "reason" }, feature_fields, NULL },
	{}
};

static const struct section pmu_parts[] = {
	{ "event", "events", event_key, { "terms" }, event_fields, NULL },
	{}
};

static const struct section support_parts[] = {
	{ "hook", "hooks", hook_key, { "reason" }, hook_fields, NULL },
	{ "hook", "features", hook_key, { "reason" }, hook_fields, NULL },
	{}
};

static const struct section state_parts[] = {
	{ "device", "devices", device_key, { "driver", "class" }, device_fields, device_parts },
	{ "vector", "vectors", vector_key, { "state" }, vector_fields, vector_parts },
	{ "domain", "domains", domain_key, { "immutability" }, domain_fields, NULL },
	{ "doorbell", "doorbells", doorbell_key, { "state", "type" }, doorbell_fields, NULL },
	{ "pmu", "pmus", pmu_key, { "name" }, pmu_fields, pmu_parts },
	{}
};
/* clang-format on */

/* ---- Comparing --------------------------------------------------------------------------------- */

struct comparison {
	const json_t *old, *new; /* all of the two states */
	bool all;
	bool failed; /* no memory */
	json_t *differences;
};

static void tell(struct comparison *comparison, const char *kind, const char *change,
		 const char *thing, const char *field, const json_t *old, const json_t *new)
{
	json_t *difference =
		json_pack("{s:s, s:s, s:s, s:s?, s:O?, s:O?}", "kind", kind, "change", change,
			  "thing", thing, "field", field, "old", old, "new", new);

	if (json_array_append_new(comparison->differences, difference) < 0)
		comparison->failed = true;
}

/* What @thing is, in some words. A new reference, NULL: there is nothing to say. */
static json_t *summarize(const struct section *section, const json_t *thing)
{
	_cleanup_free_ char *text = NULL;
	char *longer;

	for (size_t i = 0; i < 4 && section->summary[i]; i++) {
		const char *word = string_of(thing, section->summary[i]);

		if (!*word)
			continue;
		longer = print("%s%s%s", text ?: "", text ? ", " : "", word);
		free(text);
		text = longer;
	}
	return text ? json_string(text) : NULL;
}

/*
 * By what things are known; the second one of the same name has a number. The next number is kept
 * for each name, for a state may be nothing but things of one name. New reference.
 */
static json_t *map_things(struct comparison *comparison, const struct section *section,
			  const json_t *holder, const json_t *state)
{
	const json_t *list = json_object_get(holder, section->list);
	json_auto_t *numbers = json_object();
	json_t *map = json_object();

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *thing = json_array_get(list, i);
		_cleanup_free_ char *key = section->key(thing, state);
		_cleanup_free_ char *name = key ? strdup(key) : NULL;
		const json_t *next = key ? json_object_get(numbers, key) : NULL;
		json_int_t n = next ? json_integer_value(next) : 2;

		for (; name && json_object_get(map, name); n++) {
			free(name);
			name = print("%s (%lld)", key, (long long)n);
			json_object_set_new(numbers, key, json_integer(n + 1));
		}
		if (!name || json_object_set(map, name, thing) < 0)
			comparison->failed = true;
	}
	return map;
}

static const json_t *value_of(const struct field *field, const json_t *thing, const json_t *state)
{
	const json_t *value = json_object_get(thing, field->name);

	if (field->flags & FIELD_DOMAIN)
		value = known_domain(value, state);
	return json_is_null(value) ? NULL : value;
}

static void compare_fields(struct comparison *comparison, const char *kind,
			   const struct field *field, const char *name, const json_t *old,
			   const json_t *new)
{
	for (; field->name; field++) {
		const json_t *before = value_of(field, old, comparison->old);
		const json_t *now = value_of(field, new, comparison->new);

		if ((field->flags & FIELD_COUNT) && !comparison->all)
			continue;
		if (before == now || (before && now && json_equal(before, now)))
			continue;
		tell(comparison, field->kind ?: kind, "changed", name, field->name, before, now);
	}
}

static void compare_lists(struct comparison *comparison, const struct section *section,
			  const char *where, const json_t *old, const json_t *new);

static void compare_parts(struct comparison *comparison, const struct section *parts,
			  const char *where, const json_t *old, const json_t *new)
{
	for (; parts && parts->kind; parts++)
		compare_lists(comparison, parts, where, old, new);
}

/* Of a thing that came or went, its parts come or go along. */
static void tell_one(struct comparison *comparison, const struct section *section, const char *name,
		     const json_t *old, const json_t *new)
{
	json_auto_t *before = old ? summarize(section, old) : NULL;
	json_auto_t *now = new ? summarize(section, new) : NULL;

	tell(comparison, section->kind, old ? "removed" : "added", name, NULL, before, now);
	compare_parts(comparison, section->parts, name, old, new);
}

static void compare_lists(struct comparison *comparison, const struct section *section,
			  const char *where, const json_t *old, const json_t *new)
{
	json_auto_t *before = map_things(comparison, section, old, comparison->old);
	json_auto_t *now = map_things(comparison, section, new, comparison->new);
	const char *key;
	json_t *thing;

	json_object_foreach(before, key, thing) {
		_cleanup_free_ char *name = print("%s%s%s", where, *where ? ": " : "", key);
		const json_t *other = json_object_get(now, key);

		if (!name) {
			comparison->failed = true;
		} else if (!other) {
			tell_one(comparison, section, name, thing, NULL);
		} else {
			compare_fields(comparison, section->kind, section->fields, name, thing,
				       other);
			compare_parts(comparison, section->parts, name, thing, other);
		}
	}
	json_object_foreach(now, key, thing) {
		_cleanup_free_ char *name = print("%s%s%s", where, *where ? ": " : "", key);

		if (!name)
			comparison->failed = true;
		else if (!json_object_get(before, key))
			tell_one(comparison, section, name, NULL, thing);
	}
}

/* A copy of @state that also knows what its domains' numbers stand for */
static json_t *index_domains(const json_t *state)
{
	const json_t *domains = json_object_get(state, "domains");
	json_t *copy = json_copy((json_t *)state);
	json_t *keys = json_object();

	for (size_t i = 0; i < json_array_size(domains); i++) {
		const json_t *domain = json_array_get(domains, i);
		_cleanup_free_ char *key = domain_key(domain, state);
		char number[32];

		snprintf(number, sizeof(number), "%lld",
			 (long long)json_integer_value(json_object_get(domain, "id")));
		json_put(&keys, number, key ? json_string(key) : NULL);
	}
	if (json_object_set_new(copy, DOMAIN_KEYS, keys) < 0) {
		json_decref(copy);
		return NULL;
	}
	return copy;
}

json_t *difference_find(const json_t *old, const json_t *new, bool all)
{
	json_auto_t *before = index_domains(old);
	json_auto_t *now = index_domains(new);
	struct comparison comparison = {
		.old = before,
		.new = now,
		.all = all,
		.differences = json_array(),
	};

	if (before && now && comparison.differences) {
		const json_t *old_support = json_object_get(old, "support");
		const json_t *new_support = json_object_get(new, "support");

		compare_fields(&comparison, "support", support_fields, "kernel", old_support,
			       new_support);
		compare_parts(&comparison, state_parts, "", before, now);
		compare_parts(&comparison, support_parts, "", old_support, new_support);
	} else {
		comparison.failed = true;
	}
	if (comparison.failed) {
		json_decref(comparison.differences);
		return NULL;
	}
	return comparison.differences;
}
