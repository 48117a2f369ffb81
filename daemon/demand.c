// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Demands. A driver's call for vectors is told twice, when it begins and when it is answered, so
 * that vectors which appear in between are known to be its doing; what appears outside of any call
 * is later growth. How the kernel carries a call out (MSI-X first, then MSI) is told in between,
 * by the same task: that is no demand of the driver's.
 *
 * Demands are those of the present driver. They go when it is unbound; but when its probe fails
 * they stay, for they may tell why.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include <errno.h>
#include <stdlib.h>

static struct demands *demands_find(const struct model *model, const char *device)
{
	struct demands *demands;

	HASH_FIND_STR(model->demands, device, demands);
	return demands;
}

const struct demands *model_demands(const struct model *model, const char *device)
{
	return demands_find(model, device);
}

struct demands *demands_get(struct model *model, const char *device)
{
	struct demands *demands = demands_find(model, device);

	if (demands)
		return demands;
	if (model_is_full(model, TABLE_DEMANDS, HASH_COUNT(model->demands)))
		return NULL;
	demands = calloc(1, sizeof(*demands));
	if (demands) {
		snprintf(demands->device, sizeof(demands->device), "%s", device);
		HASH_ADD_STR(model->demands, device, demands);
	}
	if (!demands || !demands->hh.tbl) {
		model->refused[TABLE_DEMANDS]++;
		free(demands);
		return NULL;
	}
	return demands;
}

static void demands_drop(struct model *model, struct demands *demands)
{
	HASH_DEL(model->demands, demands);
	model->n_asks -= demands->n_asks;
	free(demands->asks);
	free(demands);
}

void demands_free(struct model *model)
{
	struct demands *demands, *next;

	HASH_ITER(hh, model->demands, demands, next) {
		demands_drop(model, demands);
	}
}

static void demands_want_check(struct model *model, struct demands *demands,
			       const struct record_header *header)
{
	demands->check_ns = header->time_ns + TICK_NS;
	model_want_tick(model, demands->check_ns);
}

/* The nearest caller that is known, without its module */
static void caller_set(char *caller, const struct record_demand *r)
{
	size_t length;

	for (unsigned int i = 0; i < RECORD_CALLERS; i++) {
		length = strcspn(r->callers[i], " ");
		if (!length)
			continue;
		memcpy(caller, r->callers[i], length);
		caller[length] = 0;
		return;
	}
}

/* ---- How many vectors ---- */

const char *demand_kind_name(enum demand_kind kind)
{
	static const char *const names[] = {
		[DEMAND_ANY] = "any",
		[DEMAND_MSIX] = "msix",
		[DEMAND_MSI] = "msi",
		[DEMAND_INTX] = "intx",
	};

	return names[kind];
}

static enum demand_kind kind_of(const struct record_demand *r)
{
	switch (r->kind) {
	case RECORD_DEMAND_MSIX: return DEMAND_MSIX;
	case RECORD_DEMAND_MSI: return DEMAND_MSI;
	default: break;
	}
	switch (r->flags & (DEMAND_FLAG_INTX | DEMAND_FLAG_MSI | DEMAND_FLAG_MSIX)) {
	case DEMAND_FLAG_INTX: return DEMAND_INTX;
	case DEMAND_FLAG_MSI: return DEMAND_MSI;
	case DEMAND_FLAG_MSIX: return DEMAND_MSIX;
	default: return DEMAND_ANY;
	}
}

const struct demand *demands_answer(const struct demands *demands)
{
	for (uint32_t i = demands->n; i > 0; i--)
		if (demands->last[i - 1].granted)
			return &demands->last[i - 1];
	return demands->n ? &demands->last[demands->n - 1] : NULL;
}

struct demand *demand_add(struct demands *demands)
{
	if (demands->n == DEMANDS_KEPT) {
		memmove(demands->last, demands->last + 1,
			(DEMANDS_KEPT - 1) * sizeof(*demands->last));
		demands->n--;
		demands->older++;
	}
	return &demands->last[demands->n++];
}

static void demand_answered(struct model *model, struct demands *demands,
			    const struct record_demand *r)
{
	struct demand *demand = demand_add(demands);
	struct change change = {
		.type = CHANGE_DEMAND, .demands = demands, .demand = demand, .cause = &demand->cause
	};

	*demand = (struct demand){ .kind = kind_of(r),
				   .legacy = r->kind != RECORD_DEMAND_ANY,
				   .min = r->min,
				   .max = r->max,
				   .flags = r->flags,
				   .in_probe = r->header.cause == RECORD_CAUSE_PROBE,
				   .time_ns = r->header.time_ns,
				   .cause = cause_driver(&r->header) };
	caller_set(demand->caller, r);
	if (r->result > 0) {
		demand->granted = (uint32_t)r->result;
		demands->freed = false;
		demands->freed_in_probe = false;
	} else {
		/* nothing, and no reason given: as when there are none left */
		demand->error = r->result ? -r->result : ENOSPC;
	}
	change.error = demand->error;
	model_change(model, &change, &r->header);
}

static void demand_begins(struct demands *demands, const struct record_demand *r)
{
	/* the kernel's own way to carry it out */
	if (demands->open && demands->open_tid == r->header.tid &&
	    demands->open_kind == RECORD_DEMAND_ANY && r->kind != RECORD_DEMAND_ANY)
		return;
	demands->open = true;
	demands->lost = false;
	demands->open_kind = r->kind;
	demands->open_tid = r->header.tid;
	memset(demands->asked, 0, sizeof(demands->asked));
}

static void demand_ends(struct model *model, struct demands *demands, const struct record_demand *r)
{
	bool own = demands->open && demands->open_tid == r->header.tid;

	if (own && demands->open_kind == RECORD_DEMAND_ANY && r->kind != RECORD_DEMAND_ANY)
		return;
	if (own)
		demands->open = false;
	demand_answered(model, demands, r);
}

enum answering demands_answering(const struct model *model, const char *device)
{
	const struct demands *demands = demands_find(model, device);

	if (!demands || demands->lost || (!demands->open && !demands->n))
		return ANSWERING_UNKNOWN;
	return demands->open ? ANSWERING_YES : ANSWERING_NO;
}

void demands_doubt(struct model *model)
{
	for (struct demands *d = model->demands; d; d = d->hh.next) {
		d->open = false;
		d->lost = true;
	}
}

/* ---- Which interrupt ---- */

static int ask_compare(const struct ask *ask, uint32_t number, const char *caller)
{
	if (ask->number != number)
		return ask->number < number ? -1 : 1;
	return strcmp(ask->caller, caller);
}

/* The place of (@number, @caller), or where it belongs. */
static uint32_t ask_place(const struct demands *demands, uint32_t number, const char *caller)
{
	uint32_t low = 0, high = demands->n_asks;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (ask_compare(&demands->asks[middle], number, caller) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct ask *ask_get(struct model *model, struct demands *demands, uint32_t number,
		    const char *caller)
{
	uint32_t at = ask_place(demands, number, caller);
	struct ask *grown;

	if (at < demands->n_asks && !ask_compare(&demands->asks[at], number, caller))
		return &demands->asks[at];
	if (model_is_full(model, TABLE_ASKS,
			  demands->n_asks < ASKS_MAX ? model->n_asks : UINT32_MAX))
		return NULL;
	grown = reallocarray(demands->asks, demands->n_asks + 1, sizeof(*grown));
	if (!grown) {
		model->refused[TABLE_ASKS]++;
		return NULL;
	}
	demands->asks = grown;
	memmove(grown + at + 1, grown + at, (demands->n_asks - at) * sizeof(*grown));
	demands->n_asks++;
	model->n_asks++;
	grown[at] = (struct ask){ .number = number };
	snprintf(grown[at].caller, sizeof(grown[at].caller), "%s", caller);
	return &grown[at];
}

static void ask_apply(struct model *model, struct demands *demands, const struct record_demand *r)
{
	struct change change = { .type = CHANGE_DEMAND, .demands = demands };
	int error = r->result > 0 ? 0 : r->result ? -r->result : EINVAL, before;
	char caller[sizeof(demands->asks->caller)] = "";
	struct ask *ask;

	caller_set(caller, r);
	ask = ask_get(model, demands, r->min, caller);
	if (!ask)
		return;
	before = ask->error;
	ask->feature = feature_of_callers(r->callers);
	ask->nth = ++demands->asked[ask->feature];
	ask->irq = error ? 0 : (uint32_t)r->result;
	ask->error = error;
	ask->request_error = 0;
	ask->tid = r->header.tid;
	ask->in_probe = r->header.cause == RECORD_CAUSE_PROBE;
	ask->told = false;
	ask->time_ns = r->header.time_ns;
	ask->cause = cause_driver(&r->header);
	/* who asks again and again is answered the same, and it is told once */
	if (!error || error == before)
		return;
	change.ask = ask;
	change.error = error;
	change.cause = &ask->cause;
	model_change(model, &change, &r->header);
}

/* The driver that asked before is gone, or was bound again; no record of its device told so yet. */
static bool is_other_driver(const struct demands *demands, const struct record_demand *r)
{
	if (demands->driver[0] && r->device.driver[0] &&
	    strcmp(demands->driver, r->device.driver) != 0)
		return true;
	return r->kind != RECORD_DEMAND_VECTOR && !r->answered &&
	       r->header.cause == RECORD_CAUSE_PROBE &&
	       (demands->unbound || (demands->freed && !demands->freed_in_probe));
}

void demand_apply(struct model *model, const struct record_demand *r)
{
	struct demands *demands;

	if (!r->device.name[0])
		return;
	demands = demands_find(model, r->device.name);
	if (demands && is_other_driver(demands, r)) {
		demands_drop(model, demands);
		demands = NULL;
	}
	demands = demands ?: demands_get(model, r->device.name);
	if (!demands)
		return;
	if (r->device.driver[0])
		memcpy(demands->driver, r->device.driver, sizeof(demands->driver));
	demands->last_ns = r->header.time_ns;
	demands->lasted = false;
	demands->unbound = false;
	if (r->kind == RECORD_DEMAND_VECTOR)
		ask_apply(model, demands, r);
	else if (r->answered)
		demand_ends(model, demands, r);
	else
		demand_begins(demands, r);
	demands_want_check(model, demands, &r->header);
}

/* ---- What becomes of it ---- */

const struct ask *demands_request_refused(struct model *model, const struct vector *vector,
					  int error, const struct record_header *header)
{
	struct demands *demands = demands_find(model, vector->provider.name);
	struct ask *found = NULL;

	for (uint32_t i = 0; demands && i < demands->n_asks; i++) {
		struct ask *ask = &demands->asks[i];

		if (ask->irq == vector->irq && ask->tid == header->tid &&
		    (!found || ask->time_ns >= found->time_ns))
			found = ask;
	}
	if (found)
		found->request_error = error;
	return found;
}

void demands_vector_freed(struct model *model, const struct vector *vector,
			  const struct record_header *header)
{
	struct demands *demands = demands_find(model, vector->provider.name);

	if (!demands)
		return;
	demands->freed = true;
	demands->freed_in_probe = header->cause == RECORD_CAUSE_PROBE;
}

static bool has_refusal(const struct demands *demands)
{
	if (demands->n && demands->last[demands->n - 1].error)
		return true;
	for (uint32_t i = 0; i < demands->n_asks; i++)
		if (demands->asks[i].error || demands->asks[i].request_error)
			return true;
	return false;
}

/*
 * Its driver is not bound (any more). A probe that failed gave its vectors back by itself; where
 * it had none, it is one that was not over a while after its last question.
 */
static bool probe_failed(const struct demands *demands)
{
	return demands->freed ? demands->freed_in_probe : !demands->lasted;
}

void demands_device(struct model *model, const struct record_device *r)
{
	struct demands *demands = demands_find(model, r->name);

	if (!demands || !demands->driver[0])
		return;
	if (!strcmp(demands->driver, r->driver)) {
		if (r->header.time_ns > demands->last_ns + TICK_NS)
			demands->lasted = true;
		/* bound, or being probed, anew, and what it asks for is still to come */
		if (demands->unbound)
			demands_drop(model, demands);
		return;
	}
	if (r->driver[0] || !probe_failed(demands) || !has_refusal(demands)) {
		demands_drop(model, demands);
		return;
	}
	if (!demands->unbound)
		demands_want_check(model, demands, &r->header);
	demands->unbound = true;
}

void demands_device_gone(struct model *model, const char *device)
{
	struct demands *demands = demands_find(model, device);

	if (demands)
		demands_drop(model, demands);
}

static void demands_check(struct model *model, struct demands *demands,
			  const struct record_header *header)
{
	struct change change = { .type = CHANGE_CHECK_DEMAND, .demands = demands };
	struct demand *last = demands->n ? &demands->last[demands->n - 1] : NULL;
	struct message_set vectors;

	if (last && !last->told && demand_is_final(demands, last)) {
		last->told = true;
		change.demand = last;
		change.error = last->error;
		change.cause = &last->cause;
		model_change(model, &change, header);
	}
	change.demand = NULL;
	message_set_fill(model, demands, &vectors);
	for (uint32_t i = 0; i < demands->n_asks; i++) {
		struct ask *ask = &demands->asks[i];

		if (ask->told || !ask_is_final(demands, ask, &vectors))
			continue;
		ask->told = true;
		change.ask = ask;
		change.error = ask->error;
		change.cause = &ask->cause;
		model_change(model, &change, header);
	}
}

static int by_device(const struct demands *a, const struct demands *b)
{
	return strcmp(a->device, b->device);
}

void demands_tick(struct model *model, const struct record_header *header)
{
	HASH_SORT(model->demands, by_device);
	for (struct demands *d = model->demands; d; d = d->hh.next) {
		if (d->check_ns && header->time_ns >= d->check_ns) {
			d->check_ns = 0;
			/* a question that is still open has no answer yet: its end asks again */
			if (!d->open)
				demands_check(model, d, header);
		}
		if (d->check_ns)
			model_want_tick(model, d->check_ns);
	}
}
