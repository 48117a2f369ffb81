// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Standing counters. Their values come from whoever reads them; the model keeps the last ones, in
 * the order in which they were told first, which is that of the settings.
 */
#define HASH_NONFATAL_OOM 1
#include "counter.h"

#include <stdlib.h>

#include "model-private.h"

bool counter_scaled(const struct record_counter *counter, uint64_t *ret)
{
	unsigned __int128 scaled;

	if (counter->running_ns == counter->enabled_ns &&
	    (counter->running_ns || !counter->error)) {
		*ret = counter->value;
		return true;
	}
	if (!counter->running_ns)
		return false;
	scaled = (unsigned __int128)counter->value * counter->enabled_ns / counter->running_ns;
	*ret = scaled > UINT64_MAX ? UINT64_MAX : (uint64_t)scaled;
	return true;
}

/* Time has passed, but none of it on the PMU: its counters are never free. */
static bool is_crowded_out(const struct record_counter *counter)
{
	return !counter->error && counter->enabled_ns && !counter->running_ns;
}

json_t *counter_to_json(const struct model *model, const struct record_counter *counter)
{
	const struct pmu *pmu = model_pmu_named(model, counter->pmu);
	uint64_t scaled = 0;
	bool known = counter_scaled(counter, &scaled);
	const char *reason = is_crowded_out(counter) ? "not counted: more events than counters" :
						       counter->reason;

	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:I, s:o, s:o}", "pmu",
			 text_to_json(counter->pmu), "device", text_to_json(pmu ? pmu->device : ""),
			 "event", json_text(counter->event), "group",
			 counter->group ? json_integer(counter->group) : json_null(), "value",
			 json_count(counter->value), "scaled",
			 known ? json_integer(json_count(scaled)) : json_null(), "enabled_ns",
			 json_count(counter->enabled_ns), "running_ns",
			 json_count(counter->running_ns), "error",
			 counter->error ? json_integer(-counter->error) : json_null(), "reason",
			 text_to_json(reason));
}

static void counter_remove(struct model *model, struct counter *counter)
{
	if (!counter)
		return;
	HASH_DEL(model->counters, counter);
	free(counter);
}

/* One more finds no place: the first one that counts no more, on a PMU that is gone, gives way. */
static void counters_make_room(struct model *model)
{
	if (HASH_COUNT(model->counters) < model->limits.entries[TABLE_COUNTERS])
		return;
	for (struct counter *c = model->counters; c; c = c->hh.next)
		if (c->last.error && !model_pmu_named(model, c->key.pmu)) {
			counter_remove(model, c);
			return;
		}
}

static struct counter *counter_add(struct model *model, const struct counter_key *key)
{
	struct counter *counter;

	counters_make_room(model);
	if (model_is_full(model, TABLE_COUNTERS, HASH_COUNT(model->counters)))
		return NULL;
	counter = calloc(1, sizeof(*counter));
	if (counter) {
		counter->key = *key;
		HASH_ADD(hh, model->counters, key, sizeof(counter->key), counter);
	}
	if (!counter || !counter->hh.tbl) {
		model->refused[TABLE_COUNTERS]++;
		free(counter);
		return NULL;
	}
	return counter;
}

void counter_apply(struct model *model, const struct record_counter *r)
{
	struct counter_key key;
	struct counter *counter;

	/* all of a key is hashed, also what is behind its strings */
	memset(&key, 0, sizeof(key));
	strcpy(key.pmu, r->pmu);
	strcpy(key.event, r->event);
	key.group = r->group;
	HASH_FIND(hh, model->counters, &key, sizeof(key), counter);
	if (r->error && !r->reason[0]) {
		counter_remove(model, counter);
		return;
	}
	if (!counter)
		counter = counter_add(model, &key);
	if (!counter)
		return;
	counter->last = *r;
	memset(&counter->last.header, 0, sizeof(counter->last.header));
}

void counters_free(struct model *model)
{
	struct counter *counter, *next;

	HASH_ITER(hh, model->counters, counter, next) {
		HASH_DEL(model->counters, counter);
		free(counter);
	}
}

const struct counter *model_counters(const struct model *model)
{
	return model->counters;
}

json_t *model_counters_to_json(const struct model *model, const char *pmu)
{
	json_t *array = json_array();

	for (const struct counter *c = model->counters; c; c = c->hh.next)
		if (!pmu || !strcmp(c->key.pmu, pmu))
			json_add(&array, counter_to_json(model, &c->last));
	return array;
}
