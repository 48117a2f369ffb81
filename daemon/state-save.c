// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The model as records. Objects are written as a walk tells them, inside the begin and the end of
 * one, so that reading them back takes the way that every daemon's first walk takes; what a walk does
 * not tell follows, and replaces what that way made up. cxlirqd/state.h has those records.
 */
#include <errno.h>
#include <stdlib.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/state.h>

#include "model-private.h"

struct saving {
	const struct model *model;
	uint64_t now_ns;
	model_emit_fn emit;
	void *userdata;
};

#define SAVING_HEADER(s, kind, object)                                                             \
	{                                                                                          \
		.type = (kind), .version = RECORD_VERSION, .size = sizeof(object),                 \
		.time_ns = (s)->now_ns                                                             \
	}

static void save(const struct saving *s, const struct record_header *header)
{
	s->emit(header, s->userdata);
}

static struct state_cause cause_save(const struct cause *cause)
{
	struct state_cause saved = { .valid = cause->valid,
				     .kind = cause->kind,
				     .flags = cause->flags,
				     .pid = cause->pid,
				     .uid = cause->uid };

	memcpy(saved.comm, cause->comm, sizeof(saved.comm));
	return saved;
}

/* ---- as a walk tells them ------------------------------------------------------------------ */

static void walk_save(const struct saving *s, enum record_snapshot_phase phase)
{
	struct record_snapshot r = { .header = SAVING_HEADER(s, RECORD_SNAPSHOT, r),
				     .phase = phase,
				     .complete = phase == RECORD_SNAPSHOT_END ?
							 RECORD_COMPLETE_ALL :
							 RECORD_COMPLETE_NOTHING };

	save(s, &r.header);
}

static void domain_save(const struct saving *s, const struct domain *d)
{
	struct record_domain r = { .header = SAVING_HEADER(s, RECORD_DOMAIN, r),
				   .reason = RECORD_REASON_SNAPSHOT,
				   .flags = d->flags,
				   .key = d->key,
				   .parent = d->parent,
				   .hwirq_max = d->hwirq_max,
				   .bus_token = d->bus_token,
				   .mapped = ~0U,
				   .device = d->device };

	memcpy(r.name, d->name, sizeof(r.name));
	save(s, &r.header);
}

static void vector_bare_save(const struct saving *s, const struct vector *v)
{
	struct record_range r = { .header = SAVING_HEADER(s, RECORD_ALLOC, r),
				  .irq = v->irq,
				  .count = 1 };

	save(s, &r.header);
}

/* The vector's place in a multi-MSI block, which the record's index and message do not count. */
static uint32_t block_offset(const struct vector *v)
{
	return v->msi_irq && v->irq > v->msi_irq && v->irq - v->msi_irq < v->msi_count ?
		       v->irq - v->msi_irq :
		       0;
}

static int vector_save(const struct saving *s, const struct vector *v)
{
	size_t masks = v->masks ? (size_t)RECORD_MASKS * v->mask_words * sizeof(uint64_t) : 0;
	_cleanup_free_ struct record_vector *r = calloc(1, sizeof(*r) + masks);

	if (!r)
		return -ENOMEM;
	r->header = (struct record_header)SAVING_HEADER(s, RECORD_VECTOR, *r);
	r->header.size += (uint32_t)masks;
	r->reason = RECORD_REASON_SNAPSHOT;
	r->irq = v->irq;
	r->key = v->key;
	r->state = v->state;
	r->n_levels = v->n_levels;
	r->interrupts = v->interrupts;
	memcpy(r->levels, v->levels, sizeof(r->levels));
	r->msi_type = v->msi_type;
	r->msi_index = v->msi_index - block_offset(v);
	r->msi_irq = v->msi_irq;
	r->msi_count = v->msi_count;
	r->message = v->message;
	r->x86_vector = v->x86_vector;
	r->x86_cpu = v->x86_cpu;
	r->provider = v->provider;
	if (masks) {
		r->mask_words = v->mask_words;
		memcpy(r->masks, v->masks, masks);
	}
	save(s, &r->header);
	return 0;
}

static void action_save(const struct saving *s, const struct vector *v, const struct action *a)
{
	struct record_action r = { .header = SAVING_HEADER(s, RECORD_ACTION, r),
				   .reason = RECORD_REASON_SNAPSHOT,
				   .irq = v->irq,
				   .vector = v->key,
				   .key = a->key,
				   .cookie = a->cookie,
				   .flags = a->flags };
	char symbol[sizeof(a->handler) + sizeof(a->module) + 4];
	int n;

	memcpy(r.name, a->name, sizeof(r.name));
	n = snprintf(symbol, sizeof(symbol), "%s%s%s%s", a->handler, a->module[0] ? " [" : "",
		     a->module, a->module[0] ? "]" : "");
	memcpy(r.handler, symbol,
	       (size_t)n < sizeof(r.handler) ? (size_t)n : sizeof(r.handler) - 1);
	if (a->evidence == EVIDENCE_PROBE)
		r.hint = a->device;
	else
		r.device = a->device;
	save(s, &r.header);
}

static int vectors_save(const struct saving *s)
{
	const struct vector *v;
	int r = 0;

	for (v = model_vectors(s->model); v && r >= 0; v = v->hh.next) {
		if (v->bare)
			vector_bare_save(s, v);
		else if (v->key)
			r = vector_save(s, v);
		/* names that only sysfs told are told by it again */
		for (const struct action *a = v->actions; a && r >= 0; a = a->next)
			if (a->key)
				action_save(s, v, a);
	}
	return r;
}

static void owners_save(const struct saving *s)
{
	for (const struct owner *o = s->model->owners; o; o = o->hh.next) {
		struct record_owner r = { .header = SAVING_HEADER(s, RECORD_OWNER, r),
					  .reason = RECORD_REASON_SNAPSHOT,
					  .irq = o->key.irq,
					  .cookie = o->key.cookie,
					  .device = o->device };

		save(s, &r.header);
	}
}

/* ---- as sysfs tells them ------------------------------------------------------------------- */

static void feature_save(const struct saving *s, const struct device *d, uint32_t kind,
			 uint64_t value, const struct hardware *h)
{
	struct record_feature r = { .header = SAVING_HEADER(s, RECORD_FEATURE, r),
				    .kind = kind,
				    .message = h ? h->message : -1,
				    .value = value };

	if (h) {
		r.instance = h->instance;
		r.offset = h->offset;
		r.flags = h->interrupts ? RECORD_FEATURE_F_INTERRUPT : 0;
	}
	memcpy(r.device, d->name, sizeof(r.device));
	save(s, &r.header);
}

static void features_save(const struct saving *s, const struct device *d)
{
	const struct hardware_list *h = &d->hardware;

	if (!h->read)
		return;
	if (h->error || (!h->msi && !h->msix && !h->n))
		feature_save(s, d, RECORD_FEATURE_NONE, (uint64_t)h->error, NULL);
	if (h->msi)
		feature_save(s, d, RECORD_FEATURE_MSI, h->msi, NULL);
	if (h->msix)
		feature_save(s, d, RECORD_FEATURE_MSIX, h->msix, NULL);
	for (uint32_t i = 0; i < h->n; i++)
		feature_save(s, d, h->list[i].kind, 0, &h->list[i]);
}

static void device_save(const struct saving *s, const struct device *d)
{
	struct record_device r = { .header = SAVING_HEADER(s, RECORD_DEVICE, r) };

	memcpy(r.name, d->name, sizeof(r.name));
	memcpy(r.bus, d->bus, sizeof(r.bus));
	memcpy(r.driver, d->driver, sizeof(r.driver));
	memcpy(r.module, d->module, sizeof(r.module));
	memcpy(r.parent, d->parent, sizeof(r.parent));
	memcpy(r.class_name, d->class_name, sizeof(r.class_name));
	save(s, &r.header);
	features_save(s, d);
}

/* The newest listing of an interrupt comes first in its list, and has to come last. */
static void listings_save(const struct saving *s, uint32_t irq, const struct sysfs_listing *l)
{
	struct record_sysfs_vector r = { .header = SAVING_HEADER(s, RECORD_SYSFS_VECTOR, r),
					 .irq = irq };

	if (!l)
		return;
	listings_save(s, irq, l->next);
	memcpy(r.device, l->device, sizeof(r.device));
	save(s, &r.header);
}

static void pmu_save(const struct saving *s, const struct pmu *pmu)
{
	struct record_pmu r = { .header = SAVING_HEADER(s, RECORD_PMU, r) };

	memcpy(r.name, pmu->name, sizeof(r.name));
	memcpy(r.device, pmu->device, sizeof(r.device));
	memcpy(r.cpumask, pmu->cpumask, sizeof(r.cpumask));
	save(s, &r.header);
	for (uint32_t i = 0; i < pmu->n_words; i++) {
		struct record_pmu_event e = { .header = SAVING_HEADER(s, RECORD_PMU_EVENT, e),
					      .kind = pmu->words[i].kind };

		memcpy(e.pmu, pmu->name, sizeof(e.pmu));
		memcpy(e.name, pmu->words[i].name, sizeof(e.name));
		memcpy(e.value, pmu->words[i].value, sizeof(e.value));
		save(s, &e.header);
	}
}

static void sysfs_save(const struct saving *s)
{
	const struct model *m = s->model;

	for (const struct device *d = m->devices; d; d = d->hh.next)
		device_save(s, d);
	for (const struct sysfs_vector *v = m->sysfs_vectors; v; v = v->hh.next)
		listings_save(s, v->irq, v->listings);
	for (uint32_t i = 0; i < m->n_drivers; i++) {
		struct record_driver r = { .header = SAVING_HEADER(s, RECORD_DRIVER, r),
					   .present = m->drivers[i].present };

		memcpy(r.bus, m->drivers[i].bus, sizeof(r.bus));
		memcpy(r.name, m->drivers[i].name, sizeof(r.name));
		save(s, &r.header);
	}
	for (const struct pmu *pmu = m->pmus; pmu; pmu = pmu->hh.next)
		pmu_save(s, pmu);
}

/* ---- what is remembered -------------------------------------------------------------------- */

static void domain_memory(const struct saving *s, const struct domain *d)
{
	struct record_state_domain r = { .header = SAVING_HEADER(s, RECORD_STATE_DOMAIN, r),
					 .key = d->key,
					 .affinity_changes = d->affinity_changes,
					 .message_changes = d->message_changes,
					 .affinity_vectors = d->affinity_vectors,
					 .id = d->id };

	memcpy(r.chip, d->chip, sizeof(r.chip));
	save(s, &r.header);
}

static void vector_memory(const struct saving *s, const struct vector *v)
{
	struct record_state_vector r = { .header = SAVING_HEADER(s, RECORD_STATE_VECTOR, r),
					 .irq = v->irq,
					 .origin = v->origin,
					 .allocated_ns = v->allocated_ns,
					 .unsettled_ns = v->unsettled_ns,
					 .check_ns = v->check_ns,
					 .left_ns = v->left_ns,
					 .left_requested_ns = v->left_requested_ns,
					 .message_changes = v->message_changes,
					 .message_rewrites = v->message_rewrites,
					 .affinity_changes = v->affinity_changes,
					 .tallied = v->tallied,
					 .unowned = v->unowned,
					 .message = v->message,
					 .settled = v->settled,
					 .message_cause = cause_save(&v->message_cause),
					 .pending = cause_save(&v->pending),
					 .moved_by = cause_save(&v->moved_by),
					 .left_by = cause_save(&v->left_by),
					 .left = v->left };

	r.flags = (v->told ? STATE_VECTOR_TOLD : 0) |
		  (v->message_known ? STATE_VECTOR_MESSAGE_KNOWN : 0) |
		  (v->settled_known ? STATE_VECTOR_SETTLED_KNOWN : 0) |
		  (v->unsettled ? STATE_VECTOR_UNSETTLED : 0);
	save(s, &r.header);
	for (const struct action *a = v->actions; a; a = a->next) {
		struct record_state_action e = { .header = SAVING_HEADER(s, RECORD_STATE_ACTION, e),
						 .irq = v->irq,
						 .evidence = a->evidence,
						 .cookie = a->cookie,
						 .requested_ns = a->requested_ns,
						 .interrupts = a->interrupts };

		if (a->key)
			save(s, &e.header);
	}
}

static void bar_save(const struct saving *s, const struct bar *bar)
{
	struct record_bar r = { .header = SAVING_HEADER(s, RECORD_BAR, r),
				.reason = RECORD_REASON_UPDATED,
				.bar = bar->key.bar,
				.epc = bar->key.epc,
				.func = bar->key.func,
				.n_submaps = bar->n_windows > 1 ? bar->n_windows : 0,
				.window = bar->windows[0] };

	if (!bar->n_windows)
		return;
	/* no walk tells it again, and what is published by it stays so */
	if (bar->doubtful)
		r.header.flags |= RECORD_F_DOUBTFUL;
	memcpy(r.submaps, bar->windows, sizeof(r.submaps));
	save(s, &r.header);
}

static void doorbell_save(const struct saving *s, const struct doorbell *d)
{
	struct record_state_doorbell r = { .header = SAVING_HEADER(s, RECORD_STATE_DOORBELL, r),
					   .owner = d->key.owner,
					   .index = d->key.index,
					   .platform = d->key.platform,
					   .epc = d->epc,
					   .func = d->func,
					   .type = d->type,
					   .irq = d->irq,
					   .fixed_bar = d->fixed_bar,
					   .bar = d->bar,
					   .error = d->error,
					   .asked = d->asked,
					   .copy_state = d->copy_state,
					   .message = d->message,
					   .reference = d->reference,
					   .copy = d->copy,
					   .parent = d->parent,
					   .published_ns = d->published_ns,
					   .freed_ns = d->freed_ns,
					   .stale_ns = d->stale_ns,
					   .message_changes = d->message_changes,
					   .freed_by = cause_save(&d->freed_by) };

	r.flags =
		(d->requested ? STATE_DOORBELL_REQUESTED : 0) |
		(d->published ? STATE_DOORBELL_PUBLISHED : 0) |
		(d->freed ? STATE_DOORBELL_FREED : 0) | (d->refused ? STATE_DOORBELL_REFUSED : 0) |
		(d->told ? STATE_DOORBELL_TOLD : 0) | (d->walked ? STATE_DOORBELL_WALKED : 0) |
		(d->stale_told ? STATE_DOORBELL_STALE_TOLD : 0) |
		(d->stale_over ? STATE_DOORBELL_STALE_OVER : 0) |
		(d->early ? STATE_DOORBELL_EARLY : 0) | (d->violated ? STATE_DOORBELL_VIOLATED : 0);
	memcpy(r.epc_name, d->epc_name, sizeof(r.epc_name));
	memcpy(r.epf_name, d->epf_name, sizeof(r.epf_name));
	memcpy(r.driver, d->driver, sizeof(r.driver));
	memcpy(r.provider, d->provider, sizeof(r.provider));
	save(s, &r.header);
}

static void patterns_save(const struct saving *s)
{
	for (uint32_t i = 0; i < s->model->n_patterns; i++) {
		struct record_pattern r = { .header = SAVING_HEADER(s, RECORD_PATTERN, r),
					    .kind = RECORD_PATTERN_DOORBELL };

		memcpy(r.pattern, s->model->patterns[i], sizeof(r.pattern));
		save(s, &r.header);
	}
}

static void device_memory(const struct saving *s, const struct device *d)
{
	struct record_state_device r = { .header = SAVING_HEADER(s, RECORD_STATE_DEVICE, r) };

	memcpy(r.name, d->name, sizeof(r.name));
	if (d->seen_unbound)
		save(s, &r.header);
}

static void demand_save(const struct saving *s, const struct demands *of, const struct demand *d)
{
	struct record_state_demand r = { .header = SAVING_HEADER(s, RECORD_STATE_DEMAND, r),
					 .kind = d->kind,
					 .min = d->min,
					 .max = d->max,
					 .flags = d->flags,
					 .granted = d->granted,
					 .error = d->error,
					 .time_ns = d->time_ns,
					 .cause = cause_save(&d->cause) };

	r.state = (d->legacy ? STATE_DEMAND_LEGACY : 0) |
		  (d->in_probe ? STATE_DEMAND_IN_PROBE : 0) | (d->told ? STATE_DEMAND_TOLD : 0);
	memcpy(r.device, of->device, sizeof(r.device));
	memcpy(r.caller, d->caller, sizeof(r.caller));
	save(s, &r.header);
}

static void ask_save(const struct saving *s, const struct demands *of, const struct ask *a)
{
	struct record_state_ask r = { .header = SAVING_HEADER(s, RECORD_STATE_ASK, r),
				      .number = a->number,
				      .feature = a->feature,
				      .nth = a->nth,
				      .irq = a->irq,
				      .tid = a->tid,
				      .error = a->error,
				      .request_error = a->request_error,
				      .time_ns = a->time_ns,
				      .cause = cause_save(&a->cause) };

	r.state = (a->in_probe ? STATE_DEMAND_IN_PROBE : 0) | (a->told ? STATE_DEMAND_TOLD : 0);
	memcpy(r.device, of->device, sizeof(r.device));
	memcpy(r.caller, a->caller, sizeof(r.caller));
	save(s, &r.header);
}

_Static_assert(FEATURE_MAX <= STATE_FEATURES, "more features than a state file has room for");

static void demands_save(const struct saving *s, const struct demands *d)
{
	struct record_state_demands r = { .header = SAVING_HEADER(s, RECORD_STATE_DEMANDS, r),
					  .older = d->older,
					  .last_ns = d->last_ns,
					  .check_ns = d->check_ns,
					  .open_kind = d->open_kind,
					  .open_tid = d->open_tid };

	r.flags = (d->open ? STATE_DEMANDS_OPEN : 0) | (d->lost ? STATE_DEMANDS_LOST : 0) |
		  (d->lasted ? STATE_DEMANDS_LASTED : 0) | (d->freed ? STATE_DEMANDS_FREED : 0) |
		  (d->freed_in_probe ? STATE_DEMANDS_FREED_IN_PROBE : 0) |
		  (d->unbound ? STATE_DEMANDS_UNBOUND : 0);
	memcpy(r.device, d->device, sizeof(r.device));
	memcpy(r.driver, d->driver, sizeof(r.driver));
	memcpy(r.asked, d->asked, sizeof(d->asked));
	save(s, &r.header);
	for (uint32_t i = 0; i < d->n; i++)
		demand_save(s, d, &d->last[i]);
	for (uint32_t i = 0; i < d->n_asks; i++)
		ask_save(s, d, &d->asks[i]);
}

static void lifetimes_save(const struct saving *s)
{
	const struct model *m = s->model;
	uint64_t n = m->n_lifetimes < LIFETIMES_MAX ? m->n_lifetimes : LIFETIMES_MAX;

	for (uint64_t i = m->n_lifetimes - n; i < m->n_lifetimes; i++) {
		const struct lifetime *l = &m->lifetimes[i % LIFETIMES_MAX];
		struct record_state_lifetime r = {
			.header = SAVING_HEADER(s, RECORD_STATE_LIFETIME, r),
			.irq = l->irq,
			.index = l->index,
			.flags = l->has_index ? STATE_LIFETIME_HAS_INDEX : 0,
			.cookie = l->cookie,
			.allocated_ns = l->allocated_ns,
			.requested_ns = l->requested_ns,
			.freed_ns = l->freed_ns,
			.left_ns = l->left_ns,
			.freed_by = cause_save(&l->freed_by),
			.left_by = cause_save(&l->left_by)
		};

		memcpy(r.provider, l->provider, sizeof(r.provider));
		memcpy(r.consumer, l->consumer, sizeof(r.consumer));
		memcpy(r.handler, l->handler, sizeof(r.handler));
		save(s, &r.header);
	}
}

_Static_assert(CHANGE_TYPE_MAX <= STATE_CHANGES && CORRECTION_MAX <= STATE_CORRECTIONS &&
		       TABLE_MAX <= STATE_TABLES,
	       "more counters than a state file has room for");

static void totals_save(const struct saving *s)
{
	const struct model *m = s->model;
	struct record_state_model r = { .header = SAVING_HEADER(s, RECORD_STATE_MODEL, r),
					.walk = m->walk,
					.records = m->records,
					.unknown_records = m->unknown_records,
					.snapshots = m->snapshots,
					.snapshot_ns = m->snapshot_ns,
					.counted_ns = m->counted_ns,
					.tick_ns = m->tick_ns,
					.next_domain_id = m->next_domain_id,
					.flags = (m->bars_known ? STATE_MODEL_BARS_KNOWN : 0) |
						 (m->unrepaired ? STATE_MODEL_UNREPAIRED : 0) };

	for (uint32_t i = 0; i < m->n_lost; i++) {
		struct record_state_lost l = { .header = SAVING_HEADER(s, RECORD_STATE_LOST, l),
					       .count = m->lost[i].count };

		memcpy(l.reason, m->lost[i].reason, sizeof(l.reason));
		save(s, &l.header);
	}
	memcpy(r.changes, m->changes, sizeof(m->changes));
	memcpy(r.corrections, m->corrections, sizeof(m->corrections));
	memcpy(r.refused, m->refused, sizeof(m->refused));
	save(s, &r.header);
}

int model_save(const struct model *model, uint64_t now_ns, model_emit_fn emit, void *userdata)
{
	struct saving s = { .model = model, .now_ns = now_ns, .emit = emit, .userdata = userdata };
	int r;

	walk_save(&s, RECORD_SNAPSHOT_BEGIN);
	for (const struct domain *d = model_domains(model); d; d = d->hh.next)
		domain_save(&s, d);
	owners_save(&s);
	r = vectors_save(&s);
	if (r < 0)
		return r;
	sysfs_save(&s);
	walk_save(&s, RECORD_SNAPSHOT_END);
	patterns_save(&s);
	for (const struct bar *bar = model->bars; bar; bar = bar->hh.next)
		bar_save(&s, bar);
	for (const struct doorbell *d = model->doorbells; d; d = d->hh.next)
		doorbell_save(&s, d);
	for (const struct domain *d = model->domains; d; d = d->hh.next)
		domain_memory(&s, d);
	for (const struct vector *v = model->vectors; v; v = v->hh.next)
		vector_memory(&s, v);
	for (const struct device *d = model->devices; d; d = d->hh.next)
		device_memory(&s, d);
	for (const struct demands *d = model->demands; d; d = d->hh.next)
		demands_save(&s, d);
	lifetimes_save(&s);
	totals_save(&s);
	return 0;
}
