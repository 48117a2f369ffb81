// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The features of a device: what its hardware states, and who took it. Both sides are put together
 * here; what remains without a taker gets a reason.
 */
#define HASH_NONFATAL_OOM 1
#include "ledger-private.h"

#include <errno.h>
#include <stdlib.h>

#include <cxlirqd/cleanup.h>

struct entries {
	struct entry *list;
	size_t n;
	bool failed; /* no memory */
};

/* NULL without memory. Valid until the next one. */
static struct entry *entry_add(struct entries *entries, enum feature feature)
{
	struct entry *grown = reallocarray(entries->list, entries->n + 1, sizeof(*grown));

	if (!grown) {
		entries->failed = true;
		return NULL;
	}
	entries->list = grown;
	grown[entries->n] = (struct entry){ .feature = feature,
					    .message = -1,
					    .hardware = -1,
					    .offset = -1,
					    .irq = -1,
					    .result = "unclaimed" };
	return &grown[entries->n++];
}

static bool entries_have(const struct entries *entries, enum feature feature)
{
	for (size_t i = 0; i < entries->n; i++)
		if (entries->list[i].feature == feature)
			return true;
	return false;
}

/* ---- What was taken ---- */

static void add_taken(const struct model *model, struct entries *entries, const struct use *use)
{
	const struct vector *vector = use->vector;
	struct entry *entry = entry_add(entries, feature_of_action(vector, use->action));

	if (!entry)
		return;
	memcpy(entry->instance, use->action->device.name, sizeof(entry->instance));
	entry->message = vector->msi_type ? (int64_t)vector->msi_index : -1;
	entry->irq = vector->irq;
	entry->result = vector->n_actions > 1 ? "shared" : "granted";
	entry->relation = vector_relation(model, vector, use->action);
	entry->again = use->again;
}

/* ---- What was refused ---- */

/* The feature that asked has the vector by now: it asked again. */
static bool was_taken(const struct entries *entries, const struct ask *ask)
{
	for (size_t i = 0; i < entries->n; i++)
		if (entries->list[i].feature == ask->feature &&
		    entries->list[i].message == ask->number)
			return true;
	return false;
}

static void set_refused(const struct function *f, const struct ask *ask, struct entry *entry)
{
	entry->message = ask->number;
	entry->irq = ask->irq ? (int64_t)ask->irq : -1;
	entry->result = "refused";
	entry->error = ask->error ?: ask->request_error;
	ask_words(f->demands, ask, entry->reason);
}

/* The mailbox has no entry here: it is polled then. */
static void add_refused(const struct function *f, struct entries *entries)
{
	struct message_set vectors;
	struct entry *entry;

	if (!f->demands)
		return;
	message_set_fill(f->model, f->demands, &vectors);
	for (uint32_t i = 0; i < f->demands->n_asks; i++) {
		const struct ask *ask = &f->demands->asks[i];
		bool refused =
			ask->request_error ||
			(ask->feature == FEATURE_OTHER ? ask_is_final(f->demands, ask, &vectors) :
							 ask->error);

		if (!refused || ask->feature == FEATURE_MAILBOX || was_taken(entries, ask))
			continue;
		entry = entry_add(entries, ask->feature);
		if (entry)
			set_refused(f, ask, entry);
	}
}

/* ---- What hardware states ---- */

static void add_doe(const struct function *f, struct entries *entries, const struct hardware *h)
{
	struct entry *entry = entry_add(entries, FEATURE_DOE);

	if (!entry)
		return;
	snprintf(entry->instance, sizeof(entry->instance), "%u", h->instance);
	entry->offset = h->offset;
	entry->hardware = h->message;
	reason_doe(f, h, entry);
}

/* A register block tells no message number, and stands for two features. */
static void add_memory_device(const struct function *f, struct entries *entries,
			      const struct hardware *h)
{
	static const enum feature both[] = { FEATURE_MAILBOX, FEATURE_EVENT_LOG };
	struct entry *entry;

	for (size_t i = 0; i < 2; i++) {
		if (entries_have(entries, both[i]))
			continue;
		entry = entry_add(entries, both[i]);
		if (entry && both[i] == FEATURE_MAILBOX)
			reason_mailbox(f, entry);
		else if (entry)
			reason_events(f, entry);
	}
	for (size_t i = 0; i < entries->n; i++)
		if (entries->list[i].feature == FEATURE_MAILBOX ||
		    entries->list[i].feature == FEATURE_EVENT_LOG)
			entries->list[i].offset = h->offset;
}

/* "pmu_mem0.1" is the CPMU with the instance 1. */
static bool is_instance(const char *device, uint32_t instance)
{
	const char *dot = strrchr(device, '.');
	char number[16];

	snprintf(number, sizeof(number), "%u", instance);
	return dot && !strcmp(dot + 1, number);
}

static uint32_t count_hardware(const struct function *f, enum record_feature_kind kind)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->device->hardware.n; i++)
		n += f->device->hardware.list[i].kind == kind;
	return n;
}

/*
 * A refused question of cxl_pmu names no instance. Where each CPMU that nobody has can have asked
 * one, they did so in turn.
 */
static struct entry *next_refused_cpmu(struct entries *entries, uint32_t n_cpmus)
{
	struct entry *first = NULL;
	uint32_t n_asked = 0;

	for (size_t i = 0; i < entries->n; i++) {
		struct entry *entry = &entries->list[i];

		if (entry->feature != FEATURE_CPMU)
			continue;
		n_asked += entry->relation || entry->error;
		if (!entry->instance[0] && !first)
			first = entry;
	}
	return n_asked == n_cpmus ? first : NULL;
}

static void add_cpmu(const struct function *f, struct entries *entries, const struct hardware *h)
{
	const struct device *cpmu = cpmu_device(f, h->instance);
	struct entry *entry = NULL;

	for (size_t i = 0; i < entries->n; i++)
		if (entries->list[i].feature == FEATURE_CPMU &&
		    is_instance(entries->list[i].instance, h->instance))
			entry = &entries->list[i];
	if (entry) {
		entry->offset = h->offset;
		reason_cpmu_taken(f, entry);
		return;
	}
	entry = next_refused_cpmu(entries, count_hardware(f, RECORD_FEATURE_CPMU));
	if (!entry) {
		entry = entry_add(entries, FEATURE_CPMU);
		if (entry)
			reason_cpmu(f, h->instance, entry);
	}
	if (!entry)
		return;
	entry->offset = h->offset;
	if (cpmu)
		memcpy(entry->instance, cpmu->name, sizeof(entry->instance));
	else
		snprintf(entry->instance, sizeof(entry->instance), "%u", h->instance);
}

static void add_port(const struct function *f, struct entries *entries, const struct hardware *h)
{
	enum feature feature = feature_of_hardware(h->kind);
	struct entry *entry;

	if (!entries_have(entries, feature)) {
		entry = entry_add(entries, feature);
		if (entry)
			reason_port(f, entry);
	}
	for (size_t i = 0; i < entries->n; i++) {
		entry = &entries->list[i];
		if (entry->feature != feature)
			continue;
		entry->hardware = h->message;
		entry->offset = h->offset;
	}
}

static void add_hardware(const struct function *f, struct entries *entries)
{
	const struct hardware_list *list = &f->device->hardware;

	for (uint32_t i = 0; i < list->n; i++) {
		const struct hardware *h = &list->list[i];

		switch (h->kind) {
		case RECORD_FEATURE_DOE: add_doe(f, entries, h); break;
		case RECORD_FEATURE_CXL_DEVICE: add_memory_device(f, entries, h); break;
		case RECORD_FEATURE_CPMU: add_cpmu(f, entries, h); break;
		default: add_port(f, entries, h);
		}
	}
}

/* ---- JSON ---- */

static int by_order(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = (x->feature > y->feature) - (x->feature < y->feature);

	order = order ?: strverscmp(x->instance, y->instance);
	order = order ?: (x->message > y->message) - (x->message < y->message);
	order = order ?: (x->irq > y->irq) - (x->irq < y->irq);
	return order ?: (x->offset > y->offset) - (x->offset < y->offset);
}

static json_t *number_to_json(int64_t number)
{
	return number < 0 ? json_null() : json_integer(number);
}

static json_t *entry_to_json(const struct entry *entry)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:s?, s:o, s:o}", "feature",
			 feature_name(entry->feature), "instance", text_to_json(entry->instance),
			 "message_number", number_to_json(entry->message), "irq",
			 number_to_json(entry->irq), "result", entry->result, "errno",
			 entry->error ? json_integer(entry->error) : json_null(), "reason",
			 text_to_json(entry->reason), "relation", entry->relation,
			 "hardware_message", number_to_json(entry->hardware), "offset",
			 number_to_json(entry->offset));
}

int ledger_entries(const struct model *model, const struct row *row, struct entry **ret,
		   size_t *ret_n)
{
	struct function f = { .model = model,
			      .device = model_device(model, row->name),
			      .demands = model_demands(model, row->name),
			      .granted = row->granted };
	struct entries entries = {};

	for (uint32_t i = 0; i < row->n_uses; i++)
		add_taken(model, &entries, &row->uses[i]);
	add_refused(&f, &entries);
	if (f.device)
		add_hardware(&f, &entries);
	if (entries.failed) {
		free(entries.list);
		return -ENOMEM;
	}
	*ret = entries.list;
	*ret_n = entries.n;
	return 0;
}

json_t *ledger_features(const struct model *model, const struct row *row)
{
	_cleanup_free_ struct entry *entries = NULL;
	size_t n = 0;
	json_t *array;

	if (ledger_entries(model, row, &entries, &n) < 0)
		return NULL;
	if (n)
		qsort(entries, n, sizeof(*entries), by_order);
	array = json_array();
	for (size_t i = 0; i < n; i++)
		json_add(&array, entry_to_json(&entries[i]));
	return array;
}
