// SPDX-License-Identifier: GPL-2.0-or-later
/* Changes as JSON: the events that clients read. One table says what each type carries. */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include <stdlib.h>

/* A driver's callback on a CPU's way down or up */
static bool is_hotplug_thread(const struct cause *cause)
{
	return cause->flags & RECORD_F_KTHREAD && !(cause->flags & RECORD_F_INSTALL) &&
	       !strncmp(cause->comm, "cpuhp/", 6);
}

const char *cause_kind(const struct cause *cause)
{
	switch (cause->kind) {
	case RECORD_CAUSE_AFFINITY_WRITE: return "affinity-write";
	case RECORD_CAUSE_AFFINITY_HINT:
	case RECORD_CAUSE_AFFINITY_KERNEL:
		return is_hotplug_thread(cause) ? "cpu-hotplug" : "affinity-kernel";
	case RECORD_CAUSE_CPU_HOTPLUG: return "cpu-hotplug";
	case RECORD_CAUSE_REQUEST:
	case RECORD_CAUSE_FREE:
	case RECORD_CAUSE_PROBE:
	case RECORD_CAUSE_DRIVER: return "driver";
	default: return is_hotplug_thread(cause) ? "cpu-hotplug" : "unknown";
	}
}

json_t *cause_to_json(const struct cause *cause)
{
	if (!cause || !cause->valid)
		return json_pack("{s:s, s:n, s:n, s:n}", "kind", "unknown", "comm", "pid", "uid");
	return json_pack("{s:s, s:o, s:I, s:I}", "kind", cause_kind(cause), "comm",
			 text_to_json(cause->comm), "pid", (json_int_t)cause->pid, "uid",
			 (json_int_t)cause->uid);
}

static void add_domain(const struct model *model, const struct change *c, json_t **object)
{
	const char *token = model_name(model, RECORD_NAME_BUS_TOKEN, c->domain->bus_token);

	json_put(object, "device", text_to_json(c->domain->device.name));
	json_put(object, "domain",
		 json_pack("{s:I, s:o, s:o}", "id", (json_int_t)c->domain->id, "name",
			   text_to_json(c->domain->name), "bus_token", text_to_json(token ?: "")));
}

static void add_vector(const struct model *model, const struct change *c, json_t **object)
{
	const struct domain *domain = domain_find(model, c->vector->levels[0].domain);

	json_put(object, "index",
		 c->vector->msi_type ? json_integer(c->vector->msi_index) : json_null());
	json_put(object, "domain", domain ? json_integer(domain->id) : json_null());
}

static void add_handler(const struct model *model, const struct change *c, json_t **object)
{
	json_put(object, "device", text_to_json(c->action->device.name));
	json_put(object, "provider", text_to_json(c->vector->provider.name));
	json_put(object, "action", text_to_json(c->action->name));
	json_put(object, "handler", text_to_json(c->action->handler));
	json_put(object, "relation", json_string(vector_relation(model, c->vector, c->action)));
}

/* A call for vectors; else a question for one message number, or a request of a handler. */
static void add_demand(const struct model *model, const struct change *c, json_t **object)
{
	uint32_t min = c->demand ? c->demand->min : 1, max = c->demand ? c->demand->max : 1;
	const char *kind = c->demand ? demand_kind_name(c->demand->kind) :
			   c->vector ? "handler" :
				       "vector";
	const char *caller = c->demand ? c->demand->caller : c->ask ? c->ask->caller : "";

	(void)model;
	json_put(object, "min", json_integer(min));
	json_put(object, "max", json_integer(max));
	json_put(object, "granted", json_integer(c->demand ? c->demand->granted : 0));
	json_put(object, "errno", c->error ? json_integer(c->error) : json_null());
	json_put(object, "cause", cause_to_json(c->cause));
	json_put(object, "kind", json_string(kind));
	json_put(object, "asked",
		 json_pack("{s:I, s:I}", "min", (json_int_t)min, "max", (json_int_t)max));
	json_put(object, "index",
		 c->ask				  ? json_integer(c->ask->number) :
		 c->vector && c->vector->msi_type ? json_integer(c->vector->msi_index) :
						    json_null());
	json_put(object, "caller", text_to_json(caller));
}

static void add_message(const struct model *model, const struct change *c, json_t **object)
{
	(void)model;
	json_put(object, "index",
		 c->vector->msi_type ? json_integer(c->vector->msi_index) : json_null());
	json_put(object, "old_message", message_to_json(&c->old_message, true));
	json_put(object, "new_message", message_to_json(&c->new_message, true));
	json_put(object, "cause", cause_to_json(c->cause));
}

static void set_mask(json_t **object, const char *name, const uint64_t *mask, uint32_t words)
{
	char *list = vector_mask_list(mask, words);

	json_put(object, name, list ? text_to_json(list) : NULL);
	free(list);
}

static void add_affinity(const struct model *model, const struct change *c, json_t **object)
{
	const struct vector *v = c->vector;

	(void)model;
	set_mask(object, "old", c->old_mask, v->mask_words);
	set_mask(object, "new", vector_affinity(v), v->mask_words);
	set_mask(object, "old_effective", c->old_effective, v->mask_words);
	set_mask(object, "new_effective", v->masks + RECORD_MASK_EFFECTIVE * (size_t)v->mask_words,
		 v->mask_words);
	json_put(object, "pending", json_boolean(c->pending));
	json_put(object, "cause", cause_to_json(c->cause));
}

static void add_doorbell(const struct model *model, const struct change *c, json_t **object)
{
	doorbell_event_to_json(model, c->doorbell, c->doorbell_event, object);
	if (c->doorbell_event == DOORBELL_CHANGED) {
		json_put(object, "old_message", message_to_json(&c->old_message, true));
		json_put(object, "new_message", message_to_json(&c->new_message, true));
	}
	json_put(object, "cause", cause_to_json(c->cause));
}

static void add_cpu(const struct model *model, const struct change *c, json_t **object)
{
	(void)model;
	json_put(object, "cpu", json_integer(c->cpu));
	json_put(object, "online", json_boolean(c->online));
}

static void add_gap(const struct model *model, const struct change *c, json_t **object)
{
	(void)model;
	json_put(object, "lost", json_integer(json_count(c->count)));
	json_put(object, "reason", text_to_json(c->reason));
}

static void add_correction(const struct model *model, const struct change *c, json_t **object)
{
	json_put(object, "kind", text_to_json(c->reason));
	if (c->domain)
		add_domain(model, c, object);
}

/* The interrupt may be one that the model knows nothing of. */
static void add_guard(const struct model *model, const struct change *c, json_t **object)
{
	bool is_default = c->irq == RECORD_GUARD_DEFAULT;

	(void)model;
	json_put(object, "irq", is_default ? json_null() : json_integer(c->irq));
	json_put(object, "index",
		 c->vector && c->vector->msi_type ? json_integer(c->vector->msi_index) :
						    json_null());
	json_put(object, "denied", json_boolean(c->denied));
	json_put(object, "path", json_string(is_default ? "default_smp_affinity" : "smp_affinity"));
	json_put(object, "cause", cause_to_json(c->cause));
}

static const struct {
	const char *name;
	void (*add)(const struct model *model, const struct change *change, json_t **object);
} types[] = {
	[CHANGE_DOMAIN_CREATED] = { "domain-created", add_domain },
	[CHANGE_DOMAIN_REMOVED] = { "domain-removed", add_domain },
	[CHANGE_VECTOR_ALLOCATED] = { "vector-allocated", add_vector },
	[CHANGE_VECTOR_FREED] = { "vector-freed", add_vector },
	[CHANGE_HANDLER_REQUESTED] = { "handler-requested", add_handler },
	[CHANGE_HANDLER_FREED] = { "handler-freed", add_handler },
	[CHANGE_DEMAND] = { "demand", add_demand },
	[CHANGE_MESSAGE] = { "message-change", add_message },
	[CHANGE_AFFINITY] = { "affinity-change", add_affinity },
	[CHANGE_DOORBELL] = { "doorbell", add_doorbell },
	[CHANGE_CPU] = { "cpu", add_cpu },
	[CHANGE_GAP] = { "gap", add_gap },
	[CHANGE_CORRECTION] = { "correction", add_correction },
	[CHANGE_GUARD_DENIED] = { "guard-denied", add_guard },
	[CHANGE_CHECK] = { NULL, NULL },
	[CHANGE_CHECK_DEMAND] = { NULL, NULL },
	[CHANGE_CHECK_SPACE] = { NULL, NULL },
};
_Static_assert(sizeof(types) / sizeof(*types) == CHANGE_TYPE_MAX, "a type has no line");

const char *change_name(enum change_type type)
{
	return types[type].name;
}

json_t *change_to_json(const struct model *model, const struct change *change)
{
	const struct vector *v = change->vector;
	const char *device = v ? v->provider.name : change->demands ? change->demands->device : "";
	json_t *object =
		json_pack("{s:I, s:s, s:o, s:o}", "time_us",
			  (json_int_t)model_time_us(model, change->time_ns), "type",
			  types[change->type].name, "irq", v ? json_integer(v->irq) : json_null(),
			  "device", text_to_json(device));

	if (object)
		types[change->type].add(model, change, &object);
	return object;
}
