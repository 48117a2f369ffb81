// SPDX-License-Identifier: GPL-2.0-or-later
/* The model as JSON: the objects of io.cxlirqd, in an order that depends on nothing but content. */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include "ledger.h"

#include <stdlib.h>

#include <cxlirqd/cleanup.h>

json_t *text_to_json(const char *text)
{
	return json_text(*text ? text : NULL);
}

json_int_t json_count(uint64_t count)
{
	return count > INT64_MAX ? INT64_MAX : (json_int_t)count;
}

json_t *message_to_json(const struct record_msg *message, bool known)
{
	char address[24], data[16];

	if (!known || (!message->address_lo && !message->address_hi && !message->data))
		return json_null();
	snprintf(address, sizeof(address), "0x%016llx",
		 (unsigned long long)message->address_hi << 32 | message->address_lo);
	snprintf(data, sizeof(data), "0x%08x", message->data);
	return json_pack("{s:s, s:s}", "address", address, "data", data);
}

/* A comma, two numbers with a dash between, and the end */
#define RANGE_MAX (1 + 10 + 1 + 10 + 1)

/* Each event of an affinity has four of these: no stream, which costs more than what goes into it. */
char *vector_mask_list(const uint64_t *mask, uint32_t words)
{
	uint32_t bits = words * 64;
	size_t size = 4 * (size_t)RANGE_MAX, n = 0;
	_cleanup_free_ char *text = malloc(size);

	if (!text)
		return NULL;
	*text = '\0';
	for (uint32_t i = 0; i < bits; i++) {
		uint32_t first = i;

		if (!mask[i / 64])
			i |= 63;
		if (!(mask[i / 64] >> i % 64 & 1))
			continue;
		while (i + 1 < bits && mask[(i + 1) / 64] >> (i + 1) % 64 & 1)
			i++;
		if (size - n < RANGE_MAX) {
			char *more = realloc(text, size *= 2);

			if (!more)
				return NULL;
			text = more;
		}
		n += (size_t)snprintf(text + n, size - n, n ? ",%u" : "%u", first);
		if (i > first)
			n += (size_t)snprintf(text + n, size - n, "-%u", i);
	}
	return TAKE_PTR(text);
}

char *vector_affinity_list(const struct vector *v)
{
	const uint64_t *mask = vector_affinity(v);

	if (mask)
		return vector_mask_list(mask, v->mask_words);
	return v->affinity_text ? strdup(v->affinity_text) : NULL;
}

static json_t *mask_to_json(const uint64_t *mask, uint32_t words, const char *text)
{
	char *list;
	json_t *json;

	if (!mask)
		return text ? text_to_json(text) : json_null();
	list = vector_mask_list(mask, words);
	if (!list)
		return NULL;
	json = text_to_json(list);
	free(list);
	return json;
}

static json_t *owners_to_json(const struct model *model, const struct vector *vector)
{
	json_t *owners = json_array();

	for (const struct action *a = vector->actions; a; a = a->next)
		json_add(&owners, action_to_json(model, vector, a));
	return owners;
}

const char *vector_state_name(const struct vector *vector)
{
	return vector->actions ? "requested" : "allocated";
}

json_t *vector_to_json(const struct model *model, const struct vector *v)
{
	static const char *const origins[] = {
		[ORIGIN_PREEXISTING] = "preexisting",
		[ORIGIN_PROBE] = "probe",
		[ORIGIN_DYNAMIC] = "dynamic",
	};
	const struct domain *domain = domain_find(model, v->levels[0].domain);
	const uint64_t *effective =
		v->masks ? v->masks + RECORD_MASK_EFFECTIVE * (size_t)v->mask_words : NULL;
	bool has_hwirq = v->n_levels && v->levels[0].hwirq <= INT64_MAX;
	bool has_domain = v->n_levels && (v->levels[0].domain || v->key == 0);

	return json_pack(
		"{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:I, s:I, s:I, "
		"s:I, s:b, s:o}",
		"irq", (json_int_t)v->irq, "provider", text_to_json(v->provider.name), "domain",
		domain ? json_integer(domain->id) : json_null(), "chip",
		text_to_json(v->levels[0].chip), "index",
		v->msi_type ? json_integer(v->msi_index) : json_null(), "hwirq",
		has_hwirq && has_domain ? json_integer((json_int_t)v->levels[0].hwirq) :
					  json_null(),
		"message", message_to_json(&v->message, v->message_known), "target",
		v->x86_vector > 0 && v->x86_cpu >= 0 ?
			json_pack("{s:i, s:i}", "cpu", v->x86_cpu, "vector", v->x86_vector) :
			json_null(),
		"affinity", mask_to_json(vector_affinity(v), v->mask_words, v->affinity_text),
		"effective_affinity", mask_to_json(effective, v->mask_words, v->effective_text),
		"managed", v->masks ? json_boolean(v->state & VECTOR_STATE_MANAGED) : json_null(),
		"state", vector_state_name(v), "origin", origins[v->origin], "interrupts",
		json_count(v->interrupts), "message_changes", (json_int_t)v->message_changes,
		"message_rewrites", (json_int_t)v->message_rewrites, "affinity_changes",
		(json_int_t)v->affinity_changes, "sysfs", model_sysfs_vector(model, v->irq) != NULL,
		"owners", owners_to_json(model, v));
}

bool vector_is_of(const struct vector *vector, const char *device)
{
	if (!strcmp(vector->provider.name, device))
		return true;
	for (const struct action *a = vector->actions; a; a = a->next)
		if (!strcmp(a->device.name, device))
			return true;
	return false;
}

json_t *model_vectors_to_json(const struct model *model, const char *device, const uint32_t *irq)
{
	json_t *array = json_array();

	for (const struct vector *v = model_vectors(model); v; v = v->hh.next)
		if ((!device || vector_is_of(v, device)) && (!irq || v->irq == *irq))
			json_add(&array, vector_to_json(model, v));
	return array;
}

static json_t *hooks_to_json(const struct model *model, enum record_hook_kind kind)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < model->n_hooks; i++) {
		const struct hook *h = &model->hooks[i];

		if (h->kind == kind)
			json_add(&array, json_pack("{s:o, s:b, s:o}", "hook", json_text(h->name),
						   "attached", h->attached, "reason",
						   text_to_json(h->reason)));
	}
	return array;
}

static const char *mode_name(const struct model *model)
{
	return model->has_base && model->base.mode == RECORD_MODE_TRACING ? "tracing" : "sysfs";
}

json_t *model_support_to_json(const struct model *model)
{
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o}", "kernel", json_text(model->base.release),
			 "machine", json_text(model->base.machine), "mode", mode_name(model),
			 "reason", text_to_json(model->base.reason), "hooks",
			 hooks_to_json(model, RECORD_HOOK_PROGRAM), "features",
			 hooks_to_json(model, RECORD_HOOK_FEATURE));
}

json_t *model_lost_to_json(const struct model *model)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < model->n_lost; i++)
		json_add(&array, json_pack("{s:o, s:I}", "reason", json_text(model->lost[i].reason),
					   "count", json_count(model->lost[i].count)));
	return array;
}

static void append_count(json_t **array, const char *kind, uint64_t count)
{
	if (count)
		json_add(array, json_pack("{s:s, s:I}", "kind", kind, "count", json_count(count)));
}

json_t *model_corrections_to_json(const struct model *model)
{
	json_t *array = json_array();

	for (enum correction kind = 0; kind < CORRECTION_MAX; kind++)
		append_count(&array, correction_name(kind), model->corrections[kind]);
	return array;
}

const char *model_table_name(enum table table)
{
	static const char *const names[] = {
		[TABLE_DOMAINS] = "domains",
		[TABLE_VECTORS] = "vectors",
		[TABLE_ACTIONS] = "handlers",
		[TABLE_OWNERS] = "owners",
		[TABLE_DEVICES] = "devices",
		[TABLE_SYSFS] = "sysfs-vectors",
		[TABLE_HOOKS] = "hooks",
		[TABLE_NAMES] = "names",
		[TABLE_DOORBELLS] = "doorbells",
		[TABLE_BARS] = "bars",
		[TABLE_PMUS] = "pmus",
		[TABLE_DEMANDS] = "demands",
		[TABLE_ASKS] = "message-numbers",
		[TABLE_FEATURES] = "features",
		[TABLE_DRIVERS] = "drivers",
		[TABLE_SPACE] = "cpus",
		[TABLE_PMU_WORDS] = "pmu-events",
		[TABLE_COUNTERS] = "counters",
	};
	_Static_assert(sizeof(names) / sizeof(*names) == TABLE_MAX, "a table has no name");

	return names[table];
}

json_t *model_refused_to_json(const struct model *model)
{
	json_t *array = json_array();

	for (enum table t = 0; t < TABLE_MAX; t++)
		append_count(&array, model_table_name(t), model->refused[t]);
	return array;
}

json_t *model_to_json(const struct model *model)
{
	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "version",
			 1, "support", model_support_to_json(model), "domains",
			 model_domains_to_json(model), "vectors",
			 model_vectors_to_json(model, NULL, NULL), "devices",
			 ledger_to_json(model, NULL), "vector_space", model_space_to_json(model),
			 "doorbells", model_doorbells_to_json(model), "pmus",
			 model_pmus_to_json(model, NULL), "counters",
			 model_counters_to_json(model, NULL), "lost", model_lost_to_json(model),
			 "corrections", model_corrections_to_json(model), "refused",
			 model_refused_to_json(model));
}
