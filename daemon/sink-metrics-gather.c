// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Series of what the model knows, in one pass over its vectors, and of what was counted. Nothing here
 * sorts, and nothing is kept from one answer to the next.
 */
#define HASH_NONFATAL_OOM 1
#include "sink-metrics-private.h"

#include <errno.h>
#include <string.h>

#include "ledger.h"
#include "rule.h"

struct gathering {
	struct sink_metrics *sink;
	const struct model *model;
	struct metric_set *set;
	bool doubtful; /* some changes are of providers that no source tells of */
	const char *row, *row_copy; /* the ledger's last device */
};

/* ---- vectors ---- */

static void gather_interrupts(struct gathering *g, const struct vector *vector, const char *owner,
			      const char *index, uint64_t interrupts)
{
	metric_add(g->set, METRIC_DEVICE_INTERRUPTS, interrupts, vector->provider.name, owner);
	if (index)
		metric_add(g->set, METRIC_VECTOR_INTERRUPTS, interrupts, vector->provider.name,
			   index, owner);
}

static const char *index_text(struct metric_set *set, int64_t index)
{
	return index < 0 ? "" : metric_number(set, (uint64_t)index);
}

static void gather_vector(struct gathering *g, const struct vector *vector)
{
	const char *state = vector_state_name(vector), *provider = vector->provider.name,
		   *index = NULL;

	if (g->sink->per_vector)
		index = index_text(g->set, sink_metrics_index(vector));
	for (const struct action *a = vector->actions; a; a = a->next) {
		metric_add(g->set, METRIC_VECTORS, 1, provider, a->device.name, a->device.driver,
			   vector_relation(g->model, vector, a), state);
		if (a->device.name[0])
			gather_interrupts(g, vector, a->device.name, index, a->interrupts);
	}
	if (!vector->actions)
		metric_add(g->set, METRIC_VECTORS, 1, provider, "", "", "", state);
	if (vector->unowned)
		gather_interrupts(g, vector, "", index, vector->unowned);
}

static void gather_vectors(struct gathering *g)
{
	const struct vector *vector = model_vectors_unordered(g->model);
	struct changes *changes;

	for (; vector; vector = vector->hh.next) {
		gather_vector(g, vector);
		if (!g->doubtful)
			continue;
		HASH_FIND_STR(g->sink->changes, vector->provider.name, changes);
		if (changes)
			changes->live = true;
	}
}

/* ---- what was counted ---- */

static bool is_known(const struct model *model, const char *device)
{
	return !*device || model_device(model, device);
}

static void look_at_providers(struct gathering *g)
{
	for (struct changes *c = g->sink->changes; c; c = c->hh.next) {
		c->live = is_known(g->model, c->provider);
		g->doubtful |= !c->live;
	}
}

static void gather_changes(struct gathering *g)
{
	struct changes *c, *next;

	HASH_ITER(hh, g->sink->changes, c, next) {
		if (!c->live) {
			sink_metrics_drop_changes(g->sink, c);
			continue;
		}
		for (unsigned int i = 0; i < CAUSES; i++) {
			const char *cause = sink_metrics_cause(i);

			if (c->messages[i])
				metric_add(g->set, METRIC_MESSAGE_CHANGES, c->messages[i],
					   c->provider, cause);
			if (c->affinities[i])
				metric_add(g->set, METRIC_AFFINITY_CHANGES, c->affinities[i],
					   c->provider, cause);
		}
		if (c->denied)
			metric_add(g->set, METRIC_GUARD_DENIED, c->denied, c->provider);
	}
}

/* Of devices that no source tells of, those count that have a handler now. */
static bool is_live(const struct gathering *g, const struct tally_key *key)
{
	return (is_known(g->model, key->provider) && is_known(g->model, key->owner)) ||
	       metric_has_series(g->set, METRIC_DEVICE_INTERRUPTS,
				 metric_labels(key->provider, key->owner));
}

static void gather_tallies(struct gathering *g)
{
	struct tally *tally, *next;

	HASH_ITER(hh, g->sink->tallies, tally, next) {
		const struct tally_key *key = &tally->key;

		if (!is_live(g, key))
			sink_metrics_drop_tally(g->sink, tally);
		else if (key->index == TALLY_ALL)
			metric_add(g->set, METRIC_DEVICE_INTERRUPTS, tally->interrupts,
				   key->provider, key->owner);
		else
			metric_add(g->set, METRIC_VECTOR_INTERRUPTS, tally->interrupts,
				   key->provider, index_text(g->set, key->index), key->owner);
	}
}

static void gather_records(struct gathering *g)
{
	for (unsigned int type = 0; type < RECORD_TYPE_MAX; type++)
		if (sink_metrics_record_name(type))
			metric_add(g->set, METRIC_RECORDS, g->sink->records[type],
				   sink_metrics_record_name(type));
	metric_add(g->set, METRIC_RECORDS, g->sink->bad_records, "invalid");
}

/* ---- the rest of the model ---- */

static void gather_hooks(struct gathering *g)
{
	bool attached, needed;
	const char *name;

	for (uint32_t i = 0; model_hook(g->model, i, &name, &attached, &needed); i++)
		if (attached || needed)
			metric_add(g->set, METRIC_HOOK_ATTACHED, attached, name);
}

static void gather_domains(struct gathering *g)
{
	const struct domain *domain = model_domains_unordered(g->model);

	for (; domain; domain = domain->hh.next) {
		const char *token = model_name(g->model, RECORD_NAME_BUS_TOKEN, domain->bus_token);

		metric_add(g->set, METRIC_IRQ_DOMAINS, 1,
			   token ?: metric_number(g->set, domain->bus_token),
			   immutability_name(domain_immutability(g->model, domain)));
	}
}

static void gather_doorbells(struct gathering *g)
{
	for (const struct doorbell *d = model_doorbells(g->model); d; d = d->hh.next)
		if (!d->freed && !d->refused)
			metric_add(g->set, METRIC_DOORBELLS, 1, d->epc_name, doorbell_type_name(d),
				   doorbell_verdict(g->model, d));
}

static void gather_feature(const char *device, enum feature feature, const char *result,
			   void *userdata)
{
	struct gathering *g = userdata;

	/* the ledger's name of it does not outlive the call */
	if (device != g->row) {
		g->row = device;
		g->row_copy = metric_text(g->set, device);
	}
	metric_add(g->set, METRIC_VECTOR_DEMANDS, 1, g->row_copy, feature_name(feature), result);
}

static void gather_space(struct gathering *g)
{
	const struct space *space = model_space(g->model);

	if (!space)
		return;
	metric_add(g->set, METRIC_VECTOR_SPACE, space->all.available, "all", "available");
	metric_add(g->set, METRIC_VECTOR_SPACE, space->all.allocated, "all", "allocated");
	metric_add(g->set, METRIC_VECTOR_SPACE, space->all.managed, "all", "managed");
}

/* The same event may be counted alone and in groups: once will do. */
static void gather_counters(struct gathering *g)
{
	for (const struct counter *c = model_counters(g->model); c; c = c->hh.next) {
		const char *pmu = c->key.pmu, *event = c->key.event;

		if (!*pmu || c->last.error ||
		    metric_has_series(g->set, METRIC_CPMU_EVENTS, metric_labels(pmu, event)))
			continue;
		metric_add(g->set, METRIC_CPMU_EVENTS, c->last.value, pmu, event);
		metric_add(g->set, METRIC_CPMU_TIME_ENABLED, c->last.enabled_ns, pmu, event);
		metric_add(g->set, METRIC_CPMU_TIME_RUNNING, c->last.running_ns, pmu, event);
	}
}

static void gather_totals(struct gathering *g)
{
	const struct record_base *base = model_base(g->model);
	struct model_totals totals;
	const char *reason;
	uint64_t count;

	model_totals(g->model, &totals);
	metric_add(g->set, METRIC_BUILD, 1, CXLIRQD_VERSION, base ? base->release : "");
	metric_add(g->set, METRIC_UP, model_has_snapshot(g->model));
	metric_add(g->set, METRIC_SNAPSHOTS, totals.snapshots);
	metric_add(g->set, METRIC_SNAPSHOT_DURATION, totals.snapshot_ns);
	for (enum correction kind = 0; kind < CORRECTION_MAX; kind++)
		metric_add(g->set, METRIC_SNAPSHOT_CORRECTIONS, totals.corrections[kind],
			   correction_name(kind));
	/* those that are known beforehand are there from the start */
	metric_add(g->set, METRIC_RECORDS_LOST, 0, "ring-full");
	metric_add(g->set, METRIC_RECORDS_LOST, 0, "program-missed");
	metric_add(g->set, METRIC_RECORDS_LOST, 0, RECORD_LOST_GUARD);
	for (uint32_t i = 0; model_lost(g->model, i, &reason, &count); i++)
		metric_add(g->set, METRIC_RECORDS_LOST, count, reason);
}

static void gather_violations(const struct violations *violations, struct metric_set *set)
{
	struct violation_totals totals;

	violations_totals(violations, &totals);
	for (enum rule_id rule = 0; rule < RULE_MAX; rule++) {
		const struct rule_text *text = rule_text(rule);
		const char *severity = severity_name(text->severity);

		metric_add(set, METRIC_VIOLATIONS, totals.hits[rule], text->name, severity);
		metric_add(set, METRIC_VIOLATIONS_OPEN, totals.open[rule], text->name, severity);
	}
}

void sink_metrics_gather(struct sink_metrics *sink, const struct model *model,
			 const struct violations *violations, struct metric_set *set)
{
	struct gathering g = { .sink = sink, .model = model, .set = set };

	gather_totals(&g);
	gather_violations(violations, set);
	gather_records(&g);
	gather_hooks(&g);
	gather_domains(&g);
	look_at_providers(&g);
	gather_vectors(&g);
	gather_tallies(&g);
	gather_changes(&g);
	gather_doorbells(&g);
	if (ledger_each_feature(model, gather_feature, &g) < 0)
		metric_set_fail(set, -ENOMEM);
	gather_space(&g);
	gather_counters(&g);
}
