// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The model: tables of domains, interrupts and devices, and what is said about the trace itself.
 * Each noun applies its own records (domain.c, vector.c, action.c, device.c); this file owns the
 * tables and the course of a snapshot.
 *
 * Order is what makes it simple: events and snapshots come through one ring, and each record tells
 * all of its object, so applying them in turn ends in what the kernel has. A snapshot after the
 * first must find nothing new. What it does find is a correction, unless an event that arrives
 * before its end explains it: the walk then merely saw the change before its record came.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include <errno.h>
#include <stdlib.h>

int model_new(const struct model_limits *limits, model_change_fn change, void *userdata,
	      struct model **ret)
{
	struct model *model = calloc(1, sizeof(*model));

	if (!model)
		return -ENOMEM;
	model->limits = *limits;
	model->change = change;
	model->userdata = userdata;
	model->next_domain_id = 1;
	model->names = calloc(limits->entries[TABLE_NAMES], sizeof(*model->names));
	model->hooks = calloc(limits->entries[TABLE_HOOKS], sizeof(*model->hooks));
	if (!model->names || !model->hooks) {
		model_free(model);
		return -ENOMEM;
	}
	*ret = model;
	return 0;
}

struct model *model_free(struct model *model)
{
	struct domain *domain, *next_domain;
	struct vector *vector, *next_vector;
	struct owner *owner, *next_owner;

	if (!model)
		return NULL;
	HASH_ITER(hh, model->domains, domain, next_domain) {
		HASH_DEL(model->domains, domain);
		free(domain);
	}
	HASH_ITER(hh, model->vectors, vector, next_vector) {
		HASH_DEL(model->vectors, vector);
		vector_free(vector);
	}
	HASH_ITER(hh, model->owners, owner, next_owner) {
		HASH_DEL(model->owners, owner);
		free(owner);
	}
	devices_free(model);
	sysfs_vectors_free(model);
	demands_free(model);
	space_free(model);
	doorbells_free(model);
	bars_free(model);
	pmus_free(model);
	counters_free(model);
	tombstones_clear(&model->dead_irqs);
	tombstones_clear(&model->dead_domains);
	free(model->names);
	free(model->hooks);
	free(model);
	return NULL;
}

/* The caller looks whether its entry has a table afterwards; nothing to do here. */
void model_out_of_memory(void *entry)
{
	(void)entry;
}

bool model_is_full(struct model *model, enum table table, uint32_t n)
{
	if (n < model->limits.entries[table])
		return false;
	model->refused[table]++;
	return true;
}

void model_change(struct model *model, struct change *change, const struct record_header *header)
{
	change->time_ns = header->time_ns;
	if (change_name(change->type))
		model->changes[change->type]++;
	if (model->change)
		model->change(change, model->userdata);
}

void model_correct(struct model *model, enum correction kind, const struct domain *domain,
		   const struct vector *vector, const struct record_header *header)
{
	struct change change = { .type = CHANGE_CORRECTION,
				 .domain = domain,
				 .vector = vector,
				 .reason = correction_name(kind) };

	model->corrections[kind]++;
	model_change(model, &change, header);
}

void cause_from_header(struct cause *cause, const struct record_header *header)
{
	*cause = (struct cause){ .valid = true,
				 .kind = header->cause,
				 .flags = header->flags,
				 .pid = header->pid,
				 .uid = header->uid };
	memcpy(cause->comm, header->comm, sizeof(cause->comm));
}

struct cause cause_driver(const struct record_header *header)
{
	struct cause cause;

	cause_from_header(&cause, header);
	if (cause.kind == RECORD_CAUSE_NONE)
		cause.kind = RECORD_CAUSE_DRIVER;
	cause.valid = header->type != RECORD_SNAPSHOT && header->type != RECORD_TICK;
	return cause;
}

void tombstone_add(struct model *model, struct tombstone **table, enum table counted, uint64_t key)
{
	struct tombstone *stone;

	if (tombstone_has(*table, key) || model_is_full(model, counted, HASH_COUNT(*table)))
		return;
	stone = calloc(1, sizeof(*stone));
	if (!stone)
		return;
	stone->key = key;
	HASH_ADD(hh, *table, key, sizeof(stone->key), stone);
	if (!stone->hh.tbl)
		free(stone);
}

bool tombstone_has(struct tombstone *table, uint64_t key)
{
	struct tombstone *stone;

	HASH_FIND(hh, table, &key, sizeof(key), stone);
	return stone;
}

void tombstone_remove(struct tombstone **table, uint64_t key)
{
	struct tombstone *stone;

	HASH_FIND(hh, *table, &key, sizeof(key), stone);
	if (!stone)
		return;
	HASH_DEL(*table, stone);
	free(stone);
}

void tombstones_clear(struct tombstone **table)
{
	struct tombstone *stone, *next;

	HASH_ITER(hh, *table, stone, next) {
		HASH_DEL(*table, stone);
		free(stone);
	}
}

static void apply_name(struct model *model, const struct record_name *r)
{
	struct name *name = NULL;

	for (uint32_t i = 0; i < model->n_names; i++)
		if (model->names[i].kind == r->kind && model->names[i].value == r->value)
			name = &model->names[i];
	if (!name) {
		if (model_is_full(model, TABLE_NAMES, model->n_names))
			return;
		name = &model->names[model->n_names++];
	}
	name->kind = r->kind;
	name->value = r->value;
	memcpy(name->name, r->name, sizeof(name->name));
}

static void apply_hook(struct model *model, const struct record_hook *r)
{
	struct hook *hook = NULL;

	for (uint32_t i = 0; i < model->n_hooks; i++)
		if (model->hooks[i].kind == r->kind && !strcmp(model->hooks[i].name, r->name))
			hook = &model->hooks[i];
	if (!hook) {
		if (model_is_full(model, TABLE_HOOKS, model->n_hooks))
			return;
		hook = &model->hooks[model->n_hooks++];
	}
	hook->kind = r->kind;
	hook->attached = r->attached;
	hook->needed = r->needed;
	memcpy(hook->name, r->name, sizeof(hook->name));
	memcpy(hook->reason, r->reason, sizeof(hook->reason));
}

/* The last place is for the reasons that have none. */
struct lost *lost_find(struct model *model, const char *reason)
{
	for (uint32_t i = 0; i < model->n_lost; i++)
		if (!strcmp(model->lost[i].reason, reason))
			return &model->lost[i];
	if (model->n_lost == MODEL_LOST_MAX)
		return &model->lost[MODEL_LOST_MAX - 1];
	if (model->n_lost == MODEL_LOST_MAX - 1)
		reason = "other";
	snprintf(model->lost[model->n_lost].reason, sizeof(model->lost->reason), "%s", reason);
	return &model->lost[model->n_lost++];
}

static void apply_lost(struct model *model, const struct record_lost *r)
{
	struct change change = { .type = CHANGE_GAP, .count = r->count, .reason = r->reason };
	struct lost *lost = lost_find(model, r->reason);

	if (strcmp(r->reason, RECORD_LOST_GUARD)) {
		model->unrepaired = REPAIR_WALKS;
		model->lost_walk = model->walk;
		actions_doubt(model);
		bars_doubt(model);
		doorbells_doubt(model);
		demands_doubt(model);
	}
	if (__builtin_add_overflow(lost->count, r->count, &lost->count))
		lost->count = UINT64_MAX;
	model_change(model, &change, &r->header);
}

static void apply_cpu(struct model *model, const struct record_cpu *r)
{
	struct change change = { .type = CHANGE_CPU, .cpu = r->cpu_number, .online = r->online };

	model_change(model, &change, &r->header);
}

/* What the guard has told: nothing changes in the model by it. */
static void apply_guard(struct model *model, const struct record_guard *r)
{
	struct change change = { .type = CHANGE_GUARD_DENIED,
				 .irq = r->irq,
				 .denied = r->denied,
				 .vector = vector_find(model, r->irq) };
	struct cause cause;

	cause_from_header(&cause, &r->header);
	change.cause = &cause;
	model_change(model, &change, &r->header);
}

static void apply_snapshot(struct model *model, const struct record_snapshot *r)
{
	if (r->phase == RECORD_SNAPSHOT_BEGIN) {
		model->walk++;
		model->walking = true;
		return;
	}
	if (!model->walking)
		return;
	vector_walk_end(model, r);
	domain_walk_end(model, r);
	doorbells_walk_end(model, r);
	bars_walk_end(model, r);
	model->walking = false;
	space_walk_end(model, r);
	tombstones_clear(&model->dead_irqs);
	tombstones_clear(&model->dead_domains);
	model->populated |= r->complete != RECORD_COMPLETE_NOTHING;
	model->domains_known |= r->complete == RECORD_COMPLETE_ALL;
	if (model->unrepaired && model->walk > model->lost_walk)
		model->unrepaired = r->complete ? 0 : model->unrepaired - 1;
	model->snapshots++;
	model->snapshot_ns = r->duration_ns;
	model->counted_ns = r->header.time_ns;
}

void model_want_tick(struct model *model, uint64_t time_ns)
{
	if (!model->tick_ns || time_ns < model->tick_ns)
		model->tick_ns = time_ns;
}

uint64_t model_tick_due(const struct model *model)
{
	return model->tick_ns;
}

/* Who still waits afterwards asks again. */
static void apply_tick(struct model *model, const struct record_header *header)
{
	model->tick_ns = 0;
	vectors_tick(model, header);
	doorbells_tick(model, header);
	demands_tick(model, header);
}

void model_apply(struct model *model, const struct event *event)
{
	model->records++;
	switch (event->header->type) {
	case RECORD_DOMAIN: return domain_apply(model, event->domain);
	case RECORD_ALLOC: return vector_apply_alloc(model, event->range);
	case RECORD_VECTOR: return vector_apply(model, event->vector);
	case RECORD_FREE: return vector_apply_free(model, event->range);
	case RECORD_ACTION: return action_apply(model, event->action);
	case RECORD_ACTION_FREED: return action_apply_freed(model, event->action_freed);
	case RECORD_OWNER: return action_apply_owner(model, event->owner);
	case RECORD_MESSAGE: return vector_apply_message(model, event->message);
	case RECORD_X86_VECTOR: return vector_apply_x86(model, event->x86_vector);
	case RECORD_CPU: return apply_cpu(model, event->cpu);
	case RECORD_BASE:
		model->base = *event->base;
		model->has_base = true;
		return;
	case RECORD_NAME: return apply_name(model, event->name);
	case RECORD_HOOK: return apply_hook(model, event->hook);
	case RECORD_DEVICE: return device_apply(model, event->device);
	case RECORD_DEVICE_GONE: return device_apply_gone(model, event->device);
	case RECORD_SYSFS_VECTOR: return device_apply_sysfs_vector(model, event->sysfs_vector);
	case RECORD_SYSFS_IRQ: return vector_apply_sysfs(model, event->sysfs_irq);
	case RECORD_SNAPSHOT: return apply_snapshot(model, event->snapshot);
	case RECORD_LOST: return apply_lost(model, event->lost);
	case RECORD_DOORBELL: return doorbell_apply(model, event->doorbell);
	case RECORD_BAR: return bar_apply(model, event->bar);
	case RECORD_TICK: return apply_tick(model, event->header);
	case RECORD_PMU: return pmu_apply(model, event->pmu);
	case RECORD_PMU_EVENT: return pmu_apply_event(model, event->pmu_event);
	case RECORD_COUNTER: return counter_apply(model, event->counter);
	case RECORD_PATTERN: return doorbell_apply_pattern(model, event->pattern);
	case RECORD_DEMAND: return demand_apply(model, event->demand);
	case RECORD_SPACE: return space_apply(model, event->space);
	case RECORD_GUARD: return apply_guard(model, event->guard);
	case RECORD_FEATURE: return feature_apply(model, event->feature);
	case RECORD_DRIVER: return driver_apply(model, event->driver);
	case RECORD_RING: return;
	case RECORD_STATE_MODEL:
	case RECORD_STATE_LOST:
	case RECORD_STATE_DOMAIN:
	case RECORD_STATE_VECTOR:
	case RECORD_STATE_ACTION:
	case RECORD_STATE_DEVICE:
	case RECORD_STATE_DOORBELL:
	case RECORD_STATE_DEMANDS:
	case RECORD_STATE_DEMAND:
	case RECORD_STATE_ASK:
	case RECORD_STATE_LIFETIME: return state_apply(model, event->header);
	default: model->unknown_records++;
	}
}

const struct vector *model_vector(const struct model *model, uint32_t irq)
{
	return vector_find(model, irq);
}

const struct domain *model_domain(const struct model *model, uint64_t key)
{
	return domain_find(model, key);
}

const struct device *model_device(const struct model *model, const char *name)
{
	struct device *device;

	HASH_FIND_STR(model->devices, name, device);
	return device;
}

const char *model_sysfs_vector(const struct model *model, uint32_t irq)
{
	struct sysfs_vector *entry;

	HASH_FIND(hh, model->sysfs_vectors, &irq, sizeof(irq), entry);
	return entry ? entry->listings->device : NULL;
}

bool model_knows_device(const struct model *model, const char *name)
{
	const struct vector *vector;

	if (model_device(model, name))
		return true;
	for (vector = model->vectors; vector; vector = vector->hh.next) {
		if (!strcmp(vector->provider.name, name))
			return true;
		for (const struct action *a = vector->actions; a; a = a->next)
			if (!strcmp(a->device.name, name))
				return true;
	}
	return false;
}

static int by_irq(const struct vector *a, const struct vector *b)
{
	return (a->irq > b->irq) - (a->irq < b->irq);
}

static int by_id(const struct domain *a, const struct domain *b)
{
	return (a->id > b->id) - (a->id < b->id);
}

static int by_name(const struct device *a, const struct device *b)
{
	return strcmp(a->name, b->name);
}

/* Sorting reorders the list that runs through a table, nothing that a reader could tell. */
const struct vector *model_vectors(const struct model *model)
{
	struct model *m = (struct model *)model;

	HASH_SORT(m->vectors, by_irq);
	return m->vectors;
}

const struct domain *model_domains(const struct model *model)
{
	struct model *m = (struct model *)model;

	HASH_SORT(m->domains, by_id);
	return m->domains;
}

const struct device *model_devices(const struct model *model)
{
	struct model *m = (struct model *)model;

	HASH_SORT(m->devices, by_name);
	return m->devices;
}

const struct vector *model_vectors_unordered(const struct model *model)
{
	return model->vectors;
}

const struct domain *model_domains_unordered(const struct model *model)
{
	return model->domains;
}

const char *model_name(const struct model *model, enum record_name_kind kind, uint32_t value)
{
	for (uint32_t i = 0; i < model->n_names; i++)
		if (model->names[i].kind == kind && model->names[i].value == value)
			return model->names[i].name;
	return NULL;
}

static bool is_missing(const struct hook *hook)
{
	return hook->needed && !hook->attached;
}

void model_totals(const struct model *model, struct model_totals *ret)
{
	*ret = (struct model_totals){ .domains = HASH_COUNT(model->domains),
				      .vectors = HASH_COUNT(model->vectors),
				      .devices = HASH_COUNT(model->devices),
				      .pmus = HASH_COUNT(model->pmus),
				      .records = model->records,
				      .unknown_records = model->unknown_records,
				      .snapshots = model->snapshots,
				      .snapshot_ns = model->snapshot_ns };
	memcpy(ret->changes, model->changes, sizeof(ret->changes));
	memcpy(ret->corrections, model->corrections, sizeof(ret->corrections));
	memcpy(ret->refused, model->refused, sizeof(ret->refused));
	for (uint32_t i = 0; i < model->n_hooks; i++) {
		ret->hooks_attached += model->hooks[i].attached;
		ret->hooks_missing += is_missing(&model->hooks[i]);
	}
}

bool model_hook(const struct model *model, uint32_t i, const char **ret_name, bool *ret_attached,
		bool *ret_needed)
{
	if (i >= model->n_hooks)
		return false;
	*ret_name = model->hooks[i].name;
	*ret_attached = model->hooks[i].attached;
	*ret_needed = model->hooks[i].needed;
	return true;
}

/* How many of the first @n are missing for this reason */
static uint32_t count_missing(const struct model *model, uint32_t n, const char *reason)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		count += is_missing(&model->hooks[i]) && !strcmp(model->hooks[i].reason, reason);
	return count;
}

bool model_missing(const struct model *model, uint32_t i, const char **ret_reason,
		   uint32_t *ret_count)
{
	for (uint32_t at = 0; at < model->n_hooks; at++) {
		const struct hook *hook = &model->hooks[at];

		if (!is_missing(hook) || count_missing(model, at, hook->reason) || i--)
			continue;
		*ret_reason = hook->reason;
		*ret_count = count_missing(model, model->n_hooks, hook->reason);
		return true;
	}
	return false;
}

bool model_lost(const struct model *model, uint32_t i, const char **ret_reason, uint64_t *ret_count)
{
	if (i >= model->n_lost)
		return false;
	*ret_reason = model->lost[i].reason;
	*ret_count = model->lost[i].count;
	return true;
}

const char *correction_name(enum correction correction)
{
	static const char *const names[] = {
		[CORRECTION_DOMAIN_APPEARED] = "domain-appeared",
		[CORRECTION_DOMAIN_VANISHED] = "domain-vanished",
		[CORRECTION_VECTOR_APPEARED] = "vector-appeared",
		[CORRECTION_VECTOR_VANISHED] = "vector-vanished",
		[CORRECTION_MESSAGE] = "message",
		[CORRECTION_AFFINITY] = "affinity",
		[CORRECTION_HANDLER_APPEARED] = "handler-appeared",
		[CORRECTION_HANDLER_VANISHED] = "handler-vanished",
	};
	_Static_assert(sizeof(names) / sizeof(*names) == CORRECTION_MAX, "a kind has no name");

	return names[correction];
}

const struct record_base *model_base(const struct model *model)
{
	return model->has_base ? &model->base : NULL;
}

bool model_is_walking(const struct model *model)
{
	return model->walking;
}

bool model_is_unexplained(const struct model *model)
{
	if (!model->walking || !model->populated)
		return false;
	for (const struct vector *v = model->vectors; v; v = v->hh.next)
		if (v->corrected)
			return true;
	return false;
}

bool model_is_unrepaired(const struct model *model)
{
	return model->unrepaired;
}

bool model_has_snapshot(const struct model *model)
{
	return model->populated;
}

int64_t model_counted_us(const struct model *model)
{
	return model->counted_ns ? model_time_us(model, model->counted_ns) : -1;
}

int64_t model_time_us(const struct model *model, uint64_t time_ns)
{
	/* unsigned: a sum that a file made up may wrap */
	return (int64_t)(time_ns + (uint64_t)model->base.realtime_offset_ns) / 1000;
}
