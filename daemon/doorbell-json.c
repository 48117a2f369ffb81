// SPDX-License-Identifier: GPL-2.0-or-later
/* Endpoint doorbells as clients see them: states, verdicts, the objects of lists and events. */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

const char *doorbell_copy_name(uint32_t copy)
{
	static const char *const names[] = {
		[RECORD_COPY_TAKEN] = "taken",
		[RECORD_COPY_NONE] = "no-table",
		[RECORD_COPY_INDEX] = "index-out-of-range",
		[RECORD_COPY_OTHER] = "other-function-first",
		[RECORD_COPY_DIFFERS] = "differs",
	};

	return names[copy];
}

const char *doorbell_state(const struct doorbell *d)
{
	return d->refused   ? "refused" :
	       d->freed	    ? "freed" :
	       d->published ? "published" :
	       d->requested ? "requested" :
			      "allocated";
}

const char *doorbell_type_name(const struct doorbell *d)
{
	static const char *const names[] = {
		[DOORBELL_MSI] = "msi",
		[DOORBELL_EMBEDDED] = "embedded",
		[DOORBELL_PLATFORM] = "platform",
	};

	return names[d->type];
}

/* An embedded one is a register: nothing rewrites it. */
const char *doorbell_verdict(const struct model *model, const struct doorbell *d)
{
	const struct domain *parent = domain_find(model, d->parent);
	enum immutability immutability =
		parent ? domain_immutability(model, parent) : IMMUTABILITY_UNKNOWN;

	if (d->violated)
		return "violated";
	if (d->type == DOORBELL_EMBEDDED || d->freed || d->refused ||
	    immutability == IMMUTABILITY_DECLARED || immutability == IMMUTABILITY_OBSERVED)
		return "safe";
	return "at-risk";
}

static json_t *doorbell_to_json(const struct model *model, const struct doorbell *d)
{
	const struct domain *parent = domain_find(model, d->parent);
	bool mapped = d->published || (d->freed && d->bar >= 0);

	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o}",
		"epc", text_to_json(d->epc_name), "epf", text_to_json(d->epf_name), "index",
		d->refused ? json_null() : json_integer(d->key.index), "irq",
		d->refused || d->freed ? json_null() : json_integer(d->irq), "message",
		message_to_json(&d->message, !d->freed), "published_message",
		message_to_json(&d->reference, mapped), "type", doorbell_type_name(d),
		"parent_domain", parent ? json_integer(parent->id) : json_null(), "immutability",
		immutability_name(parent ? domain_immutability(model, parent) :
					   IMMUTABILITY_UNKNOWN),
		"state", doorbell_state(d), "message_changes",
		json_integer(json_count(d->message_changes)), "verdict", doorbell_verdict(model, d),
		"device", text_to_json(d->provider), "driver", text_to_json(d->driver), "bar",
		d->bar >= 0 ? json_integer(d->bar) : json_null(), "errno",
		d->refused ? json_integer(d->error) : json_null());
}

void doorbell_event_to_json(const struct model *model, const struct doorbell *d,
			    enum doorbell_event event, json_t **object)
{
	static const char *const events[] = {
		[DOORBELL_ALLOCATED] = "allocated", [DOORBELL_REFUSED] = "refused",
		[DOORBELL_REQUESTED] = "requested", [DOORBELL_PUBLISHED] = "published",
		[DOORBELL_CHANGED] = "changed",	    [DOORBELL_DROPPED] = "dropped",
		[DOORBELL_FREED] = "freed",	    [DOORBELL_STALE] = "stale",
	};
	json_t *fields = doorbell_to_json(model, d);

	json_put(&fields, "state", json_string(events[event]));
	if (event == DOORBELL_STALE)
		json_put(&fields, "stale_us", json_integer(json_count(d->stale_ns / 1000)));
	if (event == DOORBELL_DROPPED)
		json_put(&fields, "reason", json_string(doorbell_copy_name(d->copy_state)));
	/* an event has a type of its own */
	json_put(&fields, "doorbell_type", json_incref(json_object_get(fields, "type")));
	json_object_del(fields, "type");
	json_merge(object, fields);
}

static int by_name(const struct doorbell *a, const struct doorbell *b)
{
	int order = strcmp(a->epc_name, b->epc_name);

	order = order ?: strcmp(a->epf_name, b->epf_name);
	return order ?: (a->key.index > b->key.index) - (a->key.index < b->key.index);
}

const struct doorbell *model_doorbells(const struct model *model)
{
	return model->doorbells;
}

json_t *model_doorbells_to_json(const struct model *model)
{
	struct model *m = (struct model *)model;
	json_t *array = json_array();

	HASH_SORT(m->doorbells, by_name);
	for (const struct doorbell *d = model->doorbells; d; d = d->hh.next)
		json_add(&array, doorbell_to_json(model, d));
	return array;
}
