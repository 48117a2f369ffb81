// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of violations. It is bounded; an acknowledged one gives way to a new one, an open one
 * never does.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include <errno.h>
#include <stdlib.h>

#include "violation.h"

/* One rule, one place. An interrupt's number may change from boot to boot, its index does not. */
struct place {
	uint32_t rule;
	uint32_t has_index, number; /* the index, or else the interrupt */
	char device[64];
};

struct entry {
	struct place place;
	struct violation violation;
	UT_hash_handle hh;
};

struct violations {
	struct entry *entries;
	size_t max;
	uint64_t next_id;
	uint64_t refused;
	uint64_t hits[RULE_MAX];
};

static void place_of(const struct finding *finding, struct place *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->rule = finding->rule;
	ret->has_index = finding->has_index;
	ret->number = finding->has_index ? finding->index : finding->has_irq ? finding->irq : ~0U;
	snprintf(ret->device, sizeof(ret->device), "%s", finding->device);
}

int violations_new(size_t max, struct violations **ret)
{
	struct violations *violations = calloc(1, sizeof(*violations));

	if (!violations)
		return -ENOMEM;
	violations->max = max;
	violations->next_id = 1;
	*ret = violations;
	return 0;
}

struct violations *violations_free(struct violations *violations)
{
	struct entry *entry, *next;

	if (!violations)
		return NULL;
	HASH_ITER(hh, violations->entries, entry, next) {
		HASH_DEL(violations->entries, entry);
		free(entry);
	}
	free(violations);
	return NULL;
}

static struct entry *entry_find(const struct violations *violations, const struct place *place)
{
	struct entry *entry;

	HASH_FIND(hh, violations->entries, place, sizeof(*place), entry);
	return entry;
}

static struct entry *entry_of_id(const struct violations *violations, uint64_t id)
{
	struct entry *entry;

	for (entry = violations->entries; entry; entry = entry->hh.next)
		if (entry->violation.id == id)
			return entry;
	return NULL;
}

static bool make_room(struct violations *violations)
{
	struct entry *entry;

	if (HASH_COUNT(violations->entries) < violations->max)
		return true;
	for (entry = violations->entries; entry; entry = entry->hh.next) {
		if (!entry->violation.acknowledged)
			continue;
		HASH_DEL(violations->entries, entry);
		free(entry);
		return true;
	}
	return false;
}

static struct entry *entry_add(struct violations *violations, const struct finding *finding)
{
	struct entry *entry = make_room(violations) ? calloc(1, sizeof(*entry)) : NULL;

	if (entry) {
		place_of(finding, &entry->place);
		entry->violation.finding = *finding;
		HASH_ADD(hh, violations->entries, place, sizeof(entry->place), entry);
		if (entry->hh.tbl)
			return entry;
	}
	free(entry);
	violations->refused++;
	return NULL;
}

enum violation_outcome violations_add(struct violations *violations, const struct finding *finding,
				      int64_t now_us, const struct violation **ret)
{
	enum violation_outcome outcome = VIOLATION_AGAIN;
	struct violation *v;
	struct entry *entry;
	struct place place;

	place_of(finding, &place);
	entry = entry_find(violations, &place);
	*ret = NULL;
	if (!entry) {
		entry = entry_add(violations, finding);
		if (!entry)
			return VIOLATION_REFUSED;
		entry->violation.id = violations->next_id++;
		entry->violation.first_us = now_us;
		outcome = VIOLATION_NEW;
	}
	v = &entry->violation;
	*ret = v;
	if (finding->standing && outcome == VIOLATION_AGAIN && !v->acknowledged)
		return VIOLATION_STANDING;
	if (v->acknowledged)
		outcome = VIOLATION_REOPENED;
	v->acknowledged = false;
	v->finding = *finding;
	v->count++;
	v->last_us = now_us;
	violations->hits[finding->rule]++;
	return outcome;
}

bool violations_restore(struct violations *violations, const struct violation *violation)
{
	struct place place;
	struct entry *entry;

	place_of(&violation->finding, &place);
	if (violation->id >= INT64_MAX || entry_find(violations, &place) ||
	    entry_of_id(violations, violation->id))
		return false;
	/* its id is not to be used again, be there a place for it or not */
	violations_begin_ids(violations, violation->id + 1);
	entry = entry_add(violations, &violation->finding);
	if (!entry)
		return false;
	entry->violation = *violation;
	entry->violation.finding.domain = 0; /* ids are those of one run */
	return true;
}

const struct violation *violations_find(const struct violations *violations,
					const struct finding *finding)
{
	const struct entry *entry;
	struct place place;

	place_of(finding, &place);
	entry = entry_find(violations, &place);
	return entry ? &entry->violation : NULL;
}

void violations_begin_ids(struct violations *violations, uint64_t id)
{
	if (violations->next_id < id)
		violations->next_id = id;
}

void violations_shift_ids(struct violations *violations, uint64_t by)
{
	for (struct entry *entry = violations->entries; entry; entry = entry->hh.next)
		entry->violation.id += by;
	violations->next_id += by;
}

bool violations_merge(struct violations *violations, const struct violation *violation,
		      uint64_t again)
{
	struct violation since;
	struct entry *entry;
	struct place place;

	place_of(&violation->finding, &place);
	entry = entry_find(violations, &place);
	if (!entry)
		return violations_restore(violations, violation);
	since = entry->violation;
	entry->violation = *violation;
	entry->violation.finding = since.finding;
	if (since.count > again) {
		entry->violation.count += since.count - again;
		entry->violation.last_us = since.last_us;
		entry->violation.acknowledged = since.acknowledged;
	} else {
		entry->violation.acknowledged |= since.acknowledged;
	}
	return true;
}

int violations_acknowledge(struct violations *violations, uint64_t id, const struct violation **ret)
{
	struct entry *entry = entry_of_id(violations, id);

	if (!entry)
		return -ENOENT;
	*ret = &entry->violation;
	if (entry->violation.acknowledged)
		return 0;
	entry->violation.acknowledged = true;
	return 1;
}

static int by_id(const struct entry *a, const struct entry *b)
{
	return (a->violation.id > b->violation.id) - (a->violation.id < b->violation.id);
}

/* Sorting reorders the list that runs through the table, nothing that a reader could tell. */
static const struct entry *sorted(const struct violations *violations)
{
	struct violations *v = (struct violations *)violations;

	HASH_SORT(v->entries, by_id);
	return v->entries;
}

void violations_totals(const struct violations *violations, struct violation_totals *ret)
{
	*ret = (struct violation_totals){ .refused = violations->refused };
	memcpy(ret->hits, violations->hits, sizeof(ret->hits));
	for (const struct entry *e = violations->entries; e; e = e->hh.next) {
		if (e->violation.acknowledged)
			continue;
		ret->open[e->violation.finding.rule]++;
		ret->n_open++;
	}
}

json_t *violation_to_json(const struct violation *v)
{
	const struct finding *f = &v->finding;
	const struct rule_text *text = rule_text(f->rule);

	return json_pack("{s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:b, "
			 "s:o}",
			 "id", (json_int_t)v->id, "rule", text->name, "severity",
			 severity_name(text->severity), "device", text_to_json(f->device), "irq",
			 f->has_irq ? json_integer(f->irq) : json_null(), "index",
			 f->has_index ? json_integer(f->index) : json_null(), "domain",
			 f->domain ? json_integer(f->domain) : json_null(), "old_message",
			 message_to_json(&f->old_message, f->has_messages), "new_message",
			 message_to_json(&f->new_message, f->has_messages), "cause",
			 cause_to_json(&f->cause), "count", json_count(v->count), "first_us",
			 (json_int_t)v->first_us, "last_us", (json_int_t)v->last_us, "acknowledged",
			 v->acknowledged, "explanation", text_to_json(f->explanation));
}

json_t *violation_to_event_json(const struct violation *v)
{
	json_t *event =
		json_pack("{s:I, s:s}", "time_us", (json_int_t)v->last_us, "type", "violation");

	json_merge(&event, violation_to_json(v));
	return event;
}

json_t *violations_to_json(const struct violations *violations, bool all)
{
	json_t *array = json_array();

	for (const struct entry *e = sorted(violations); e; e = e->hh.next)
		if (all || !e->violation.acknowledged)
			json_add(&array, violation_to_json(&e->violation));
	return array;
}
