// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * irq_domains. A domain's name, token and device come in steps, so each record replaces all of it;
 * its life is what the hooks say, and its address may serve another domain right after.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include <stdlib.h>

struct domain *domain_find(const struct model *model, uint64_t key)
{
	struct domain *domain;

	HASH_FIND(hh, model->domains, &key, sizeof(key), domain);
	return domain;
}

static struct domain *domain_add(struct model *model, uint64_t key)
{
	struct domain *domain;

	if (model_is_full(model, TABLE_DOMAINS, HASH_COUNT(model->domains)))
		return NULL;
	domain = calloc(1, sizeof(*domain));
	if (domain) {
		domain->key = key;
		HASH_ADD(hh, model->domains, key, sizeof(domain->key), domain);
	}
	if (!domain || !domain->hh.tbl) {
		model->refused[TABLE_DOMAINS]++;
		free(domain);
		return NULL;
	}
	domain->id = model->next_domain_id++;
	return domain;
}

static void domain_drop(struct model *model, struct domain *domain)
{
	HASH_DEL(model->domains, domain);
	free(domain);
}

static void domain_remove(struct model *model, struct domain *domain,
			  const struct record_header *header)
{
	struct change change = { .type = CHANGE_DOMAIN_REMOVED, .domain = domain };

	model_change(model, &change, header);
	domain_drop(model, domain);
}

static void domain_fill(struct domain *domain, const struct record_domain *r)
{
	domain->parent = r->parent;
	domain->flags = r->flags;
	domain->bus_token = r->bus_token;
	domain->hwirq_max = r->hwirq_max;
	memcpy(domain->name, r->name, sizeof(domain->name));
	domain->device = r->device;
}

void domain_apply(struct model *model, const struct record_domain *r)
{
	struct change change = { .type = CHANGE_DOMAIN_CREATED };
	struct domain *domain = domain_find(model, r->key);
	bool snapshot = r->reason == RECORD_REASON_SNAPSHOT;

	if (!r->key || (snapshot && tombstone_has(model->dead_domains, r->key)))
		return;
	if (r->reason == RECORD_REASON_REMOVED) {
		if (model->walking)
			tombstone_add(model, &model->dead_domains, TABLE_DOMAINS, r->key);
		if (domain)
			domain_remove(model, domain, &r->header);
		return;
	}
	if (r->reason == RECORD_REASON_CREATED) {
		tombstone_remove(&model->dead_domains, r->key);
		/* seen by the walk before its creation was told, or its removal was missed */
		if (domain && !domain->corrected)
			domain_remove(model, domain, &r->header);
		else if (domain)
			domain_drop(model, domain);
		domain = NULL;
	}
	if (!domain) {
		domain = domain_add(model, r->key);
		if (!domain)
			return;
		domain->corrected = snapshot;
		change.domain = domain;
		domain_fill(domain, r);
		/* an update before the first walk is of a domain that was there first */
		if (r->reason == RECORD_REASON_CREATED || (!snapshot && model->domains_known))
			model_change(model, &change, &r->header);
	}
	domain_fill(domain, r);
	domain->walk = model->walk;
}

void domain_walk_end(struct model *model, const struct record_snapshot *r)
{
	struct domain *domain, *next;

	model_domains(model); /* in order, whoever asked for what before */
	HASH_ITER(hh, model->domains, domain, next) {
		if (domain->corrected && model->domains_known)
			model_correct(model, CORRECTION_DOMAIN_APPEARED, domain, NULL, &r->header);
		domain->corrected = false;
		if (r->complete != RECORD_COMPLETE_ALL || domain->walk == model->walk)
			continue;
		model_correct(model, CORRECTION_DOMAIN_VANISHED, domain, NULL, &r->header);
		domain_remove(model, domain, &r->header);
	}
}

static bool is_declared_immutable(const struct model *model, const struct domain *domain)
{
	for (uint32_t bit = 0; bit < 32; bit++) {
		const char *name;

		if (!(domain->flags & 1U << bit))
			continue;
		name = model_name(model, RECORD_NAME_DOMAIN_FLAG, 1U << bit);
		if (name && !strcmp(name, "msi-immutable"))
			return true;
	}
	return false;
}

/* So many affinity changes, of so many vectors, without a changed message are evidence. */
#define OBSERVED_CHANGES_MIN 32
#define OBSERVED_VECTORS_MIN 2

enum immutability domain_immutability(const struct model *model, const struct domain *domain)
{
	if (is_declared_immutable(model, domain))
		return IMMUTABILITY_DECLARED;
	if (domain->message_changes)
		return IMMUTABILITY_MUTABLE;
	if (domain->affinity_changes >= OBSERVED_CHANGES_MIN &&
	    domain->affinity_vectors >= OBSERVED_VECTORS_MIN)
		return IMMUTABILITY_OBSERVED;
	return IMMUTABILITY_UNKNOWN;
}

const char *immutability_name(enum immutability immutability)
{
	static const char *const names[] = {
		[IMMUTABILITY_UNKNOWN] = "unknown",
		[IMMUTABILITY_MUTABLE] = "mutable",
		[IMMUTABILITY_OBSERVED] = "observed",
		[IMMUTABILITY_DECLARED] = "declared",
	};

	return names[immutability];
}

static json_t *domain_flags_to_json(const struct model *model, const struct domain *domain)
{
	json_t *flags = json_array();

	for (uint32_t bit = 0; bit < 32; bit++) {
		const char *name;
		char number[16];

		if (!(domain->flags & 1U << bit))
			continue;
		name = model_name(model, RECORD_NAME_DOMAIN_FLAG, 1U << bit);
		snprintf(number, sizeof(number), "0x%x", 1U << bit);
		json_add(&flags, json_text(name ?: number));
	}
	return flags;
}

/* A vector counts once for each level that lies in a domain. */
static void domains_count_mapped(const struct model *model)
{
	const struct vector *vector;
	struct domain *domain;

	for (domain = model->domains; domain; domain = domain->hh.next)
		domain->mapped = 0;
	for (vector = model->vectors; vector; vector = vector->hh.next)
		for (uint32_t i = 0; i < vector->n_levels; i++) {
			domain = domain_find(model, vector->levels[i].domain);
			if (domain)
				domain->mapped++;
		}
}

static json_t *domain_to_json(const struct model *model, const struct domain *domain)
{
	const struct domain *parent = domain->parent ? domain_find(model, domain->parent) : NULL;
	const char *token = model_name(model, RECORD_NAME_BUS_TOKEN, domain->bus_token);
	char number[16];

	snprintf(number, sizeof(number), "%u", domain->bus_token);
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:s, s:I, s:I}", "id",
			 (json_int_t)domain->id, "name", json_text(domain->name), "bus_token",
			 json_text(token ?: number), "flags", domain_flags_to_json(model, domain),
			 "parent", parent ? json_integer(parent->id) : json_null(), "device",
			 text_to_json(domain->device.name), "hwirq_max",
			 domain->hwirq_max >> 63 ? json_null() :
						   json_integer((json_int_t)domain->hwirq_max),
			 "mapped", (json_int_t)domain->mapped, "chip", text_to_json(domain->chip),
			 "immutability", immutability_name(domain_immutability(model, domain)),
			 "affinity_changes", (json_int_t)domain->affinity_changes,
			 "message_changes", (json_int_t)domain->message_changes);
}

json_t *model_domains_to_json(const struct model *model)
{
	json_t *array = json_array();

	domains_count_mapped(model);
	for (const struct domain *d = model_domains(model); d; d = d->hh.next)
		json_add(&array, domain_to_json(model, d));
	return array;
}
