// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Handlers, and the devices they belong to. Proof of a device, best first: a managed request names
 * it; the cookie (dev_id) is or points into it; the requesting task was probing it. Without any,
 * the device is unknown and stays so.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include <stdlib.h>

static struct owner *owner_find(const struct model *model, uint32_t irq, uint64_t cookie)
{
	struct owner_key key = { .cookie = cookie, .irq = irq };
	struct owner *owner;

	HASH_FIND(hh, model->owners, &key, sizeof(key), owner);
	return owner;
}

static void owner_drop(struct model *model, uint32_t irq, uint64_t cookie)
{
	struct owner *owner = owner_find(model, irq, cookie);

	if (!owner)
		return;
	HASH_DEL(model->owners, owner);
	free(owner);
}

static struct action *action_find(const struct vector *vector, uint64_t cookie)
{
	struct action *action;

	for (action = vector->actions; action; action = action->next)
		if (action->cookie == cookie)
			return action;
	return NULL;
}

static void action_unlink(struct model *model, struct vector *vector, struct action *action)
{
	struct action **link;

	for (link = &vector->actions; *link; link = &(*link)->next)
		if (*link == action) {
			*link = action->next;
			break;
		}
	owner_drop(model, vector->irq, action->cookie);
	free(action);
	vector->n_actions--;
	model->n_actions--;
	if (!vector->actions)
		vector->settled_known = false;
}

void actions_free(struct model *model, struct vector *vector)
{
	while (vector->actions)
		action_unlink(model, vector, vector->actions);
}

/* More than any kernel has on one interrupt: they are searched one by one. */
#define SHARERS_MAX 1024

static struct action *action_add(struct model *model, struct vector *vector)
{
	struct action *action, **link;

	if (model_is_full(model, TABLE_ACTIONS,
			  vector->n_actions < SHARERS_MAX ? model->n_actions : UINT32_MAX))
		return NULL;
	action = calloc(1, sizeof(*action));
	if (!action) {
		model->refused[TABLE_ACTIONS]++;
		return NULL;
	}
	for (link = &vector->actions; *link; link = &(*link)->next)
		;
	*link = action;
	vector->n_actions++;
	model->n_actions++;
	return action;
}

/* "function [module]" */
static void symbol_split(struct action *action, const char *symbol)
{
	size_t length = strcspn(symbol, " ");
	const char *module = strchr(symbol, '[');

	if (length >= sizeof(action->handler))
		length = sizeof(action->handler) - 1;
	memcpy(action->handler, symbol, length);
	action->handler[length] = 0;
	action->module[0] = 0;
	if (module) {
		snprintf(action->module, sizeof(action->module), "%s", module + 1);
		action->module[strcspn(action->module, "]")] = 0;
	}
}

/* The kernel puts this one in when the driver's own function runs in a thread, asked or forced. */
#define PRIMARY_HANDLER "irq_default_primary_handler"

static void action_fill(struct model *model, struct vector *vector, struct action *action,
			const struct record_action *r)
{
	const struct owner *owner = owner_find(model, r->irq, r->cookie);
	bool threaded = !strncmp(r->handler, PRIMARY_HANDLER, strlen(PRIMARY_HANDLER)) &&
			r->thread_handler[0];

	action->key = r->key;
	action->cookie = r->cookie;
	action->flags = r->flags;
	memcpy(action->name, r->name, sizeof(action->name));
	symbol_split(action, threaded ? r->thread_handler : r->handler);
	if (owner) {
		action->evidence = EVIDENCE_DEVRES;
		action_set_device(vector, action, &owner->device);
	} else if (r->device.name[0]) {
		action->evidence = EVIDENCE_COOKIE;
		action_set_device(vector, action, &r->device);
	} else if (r->hint.name[0]) {
		action->evidence = EVIDENCE_PROBE;
		action_set_device(vector, action, &r->hint);
	}
}

/* The last handler has gone, or the first has come; @action is a copy if it has gone. */
static void actions_changed(struct model *model, struct vector *vector, const struct action *action,
			    const struct record_header *header)
{
	vector->left_ns = vector->actions ? 0 : header->time_ns;
	if (!vector->actions) {
		vector->left = action->device;
		vector->left_requested_ns = action->requested_ns;
		vector->left_by = cause_driver(header);
	}
	vector_want_check(model, vector, header);
	doorbell_handlers(model, vector, header);
}

void actions_doubt(struct model *model)
{
	for (struct vector *v = model->vectors; v; v = v->hh.next)
		for (struct action *a = v->actions; a; a = a->next)
			a->doubtful = true;
}

void action_apply(struct model *model, const struct record_action *r)
{
	struct change change = { .type = CHANGE_HANDLER_REQUESTED };
	struct vector *vector = vector_find(model, r->irq);
	bool snapshot = r->reason == RECORD_REASON_SNAPSHOT;
	struct action *action;
	bool is_new;

	if (snapshot &&
	    (!vector || vector->walk != model->walk || tombstone_has(model->dead_irqs, r->irq)))
		return;
	if (!vector) {
		struct record_range range = { .header = r->header, .irq = r->irq, .count = 1 };

		vector_apply_alloc(model, &range);
		vector = vector_find(model, r->irq);
		if (!vector)
			return;
	}
	action = action_find(vector, r->cookie);
	vector_tally_now(model, vector);
	is_new = !action;
	if (is_new)
		action = action_add(model, vector);
	if (!action)
		return;
	action_fill(model, vector, action, r);
	action->walk = model->walk;
	action->doubtful = false;
	if (!snapshot) {
		vector->corrected &= ~(1U << CORRECTION_HANDLER_APPEARED);
		action->requested_ns = r->header.time_ns;
		change.vector = vector;
		change.action = action;
		model_change(model, &change, &r->header);
		actions_changed(model, vector, action, &r->header);
		return;
	}
	if (is_new && model->populated)
		vector->corrected |= 1U << CORRECTION_HANDLER_APPEARED;
	if (is_new)
		actions_changed(model, vector, action, &r->header);
	vector_settle_seen(vector);
}

void action_apply_freed(struct model *model, const struct record_action_freed *r)
{
	struct change change = { .type = CHANGE_HANDLER_FREED };
	struct vector *vector = vector_find(model, r->irq);
	struct action *action = vector ? action_find(vector, r->cookie) : NULL;
	struct action gone;

	owner_drop(model, r->irq, r->cookie);
	if (!action) {
		lifetime_handler_freed(model, r->irq, r->cookie, &r->header);
		return;
	}
	vector_tally_now(model, vector);
	change.vector = vector;
	change.action = action;
	model_change(model, &change, &r->header);
	gone = *action;
	action_unlink(model, vector, action);
	actions_changed(model, vector, &gone, &r->header);
}

void action_apply_owner(struct model *model, const struct record_owner *r)
{
	struct owner *owner = owner_find(model, r->irq, r->cookie);
	struct vector *vector = vector_find(model, r->irq);
	struct action *action = vector ? action_find(vector, r->cookie) : NULL;

	/* a device that could not be read proves nothing */
	if (!r->device.name[0])
		return;
	if (!owner) {
		if (model_is_full(model, TABLE_OWNERS, HASH_COUNT(model->owners)))
			return;
		owner = calloc(1, sizeof(*owner));
		if (owner) {
			owner->key = (struct owner_key){ .cookie = r->cookie, .irq = r->irq };
			HASH_ADD(hh, model->owners, key, sizeof(owner->key), owner);
		}
		if (!owner || !owner->hh.tbl) {
			model->refused[TABLE_OWNERS]++;
			free(owner);
			return;
		}
	}
	owner->device = r->device;
	if (action) {
		action_set_device(vector, action, &r->device);
		action->evidence = EVIDENCE_DEVRES;
	}
}

void action_walk_end(struct model *model, struct vector *vector, const struct record_snapshot *r)
{
	struct action *action = vector->actions, *next;
	struct change change = { .type = CHANGE_HANDLER_FREED, .vector = vector };
	struct action gone;

	for (; action; action = next) {
		next = action->next;
		if (action->walk == model->walk || !action->key)
			continue;
		model_correct(model, CORRECTION_HANDLER_VANISHED, NULL, vector, &r->header);
		change.action = action;
		model_change(model, &change, &r->header);
		gone = *action;
		action_unlink(model, vector, action);
		actions_changed(model, vector, &gone, &r->header);
	}
}

/* A handler of this name that a hook told, and no name before stood for */
static struct action *action_unmatched(const struct model *model, const struct vector *vector,
				       const char *name)
{
	struct action *action;

	for (action = vector->actions; action; action = action->next)
		if (action->key && action->walk != model->walk && !strcmp(action->name, name))
			return action;
	return NULL;
}

/* Handlers that only sysfs told of go, the others wait for their name. */
static void actions_unname(struct model *model, struct vector *vector)
{
	struct action *action = vector->actions, *next;

	for (; action; action = next) {
		next = action->next;
		action->walk = model->walk - 1;
		if (!action->key)
			action_unlink(model, vector, action);
	}
}

/*
 * Where the walk is refused: names only, so which device each belongs to is not known, unless a
 * hook has told of the handler.
 */
void action_from_names(struct model *model, struct vector *vector, const char *names)
{
	struct action *action;

	actions_unname(model, vector);
	while (*names) {
		size_t length = strcspn(names, ",");
		char name[sizeof(action->name)] = "";

		memcpy(name, names, length < sizeof(name) ? length : sizeof(name) - 1);
		names += length + (names[length] == ',');
		action = action_unmatched(model, vector, name);
		if (!action) {
			action = action_add(model, vector);
			if (!action)
				break;
			memcpy(action->name, name, sizeof(action->name));
			action->cookie = vector->n_actions;
		}
		action->walk = model->walk;
	}
	/* the hooks tell when they are freed */
	for (action = vector->actions; action; action = action->next)
		action->walk = model->walk;
}

const char *vector_relation(const struct model *model, const struct vector *vector,
			    const struct action *action)
{
	const struct domain *domain;

	if (!action->device.name[0])
		return "unknown";
	if (!vector->provider.name[0] || !strcmp(vector->provider.name, action->device.name))
		return "own";
	domain = domain_find(model, vector->levels[0].domain);
	if (domain && !strcmp(domain->device.name, action->device.name))
		return "delegated";
	return "borrowed";
}

json_t *action_to_json(const struct model *model, const struct vector *vector,
		       const struct action *action)
{
	static const char *const evidence[] = {
		[EVIDENCE_NONE] = "",
		[EVIDENCE_PROBE] = "probe",
		[EVIDENCE_COOKIE] = "cookie",
		[EVIDENCE_DEVRES] = "devres",
	};

	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o}", "device",
		text_to_json(action->device.name), "bus", text_to_json(action->device.bus),
		"driver", text_to_json(action->device.driver), "module",
		text_to_json(action->device.module[0] ? action->device.module : action->module),
		"action", text_to_json(action->name), "handler", text_to_json(action->handler),
		"relation", vector_relation(model, vector, action), "evidence",
		text_to_json(evidence[action->evidence]));
}
