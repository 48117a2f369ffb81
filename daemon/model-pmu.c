// SPDX-License-Identifier: GPL-2.0-or-later
/* CXL PMUs as sysfs shows them: which CPU each counts on, and what it can count. */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include <stdlib.h>

#include <cxlirqd/cleanup.h>

/* It counts elsewhere than before: does its interrupt go there? */
static void pmu_want_check(struct model *model, const struct pmu *pmu,
			   const struct record_header *header)
{
	struct vector *vector;

	for (vector = model->vectors; vector; vector = vector->hh.next)
		for (const struct action *a = vector->actions; a; a = a->next)
			if (!strcmp(a->device.name, pmu->device))
				vector_want_check(model, vector, header);
}

static void pmu_forget_words(struct model *model, struct pmu *pmu)
{
	model->n_pmu_words -= pmu->n_words;
	free(TAKE_PTR(pmu->words));
	pmu->n_words = 0;
}

static void pmu_remove(struct model *model, struct pmu *pmu)
{
	if (!pmu)
		return;
	HASH_DEL(model->pmus, pmu);
	pmu_forget_words(model, pmu);
	free(pmu);
}

static struct pmu *pmu_add(struct model *model, const char name[64])
{
	struct pmu *pmu;

	if (model_is_full(model, TABLE_PMUS, HASH_COUNT(model->pmus)))
		return NULL;
	pmu = calloc(1, sizeof(*pmu));
	if (pmu) {
		memcpy(pmu->name, name, sizeof(pmu->name));
		HASH_ADD_STR(model->pmus, name, pmu);
	}
	if (!pmu || !pmu->hh.tbl) {
		model->refused[TABLE_PMUS]++;
		free(pmu);
		return NULL;
	}
	return pmu;
}

void pmu_apply(struct model *model, const struct record_pmu *r)
{
	struct pmu *pmu;
	bool moved;

	if (!r->name[0])
		return;
	HASH_FIND_STR(model->pmus, r->name, pmu);
	if (!r->device[0]) {
		pmu_remove(model, pmu);
		return;
	}
	if (!pmu)
		pmu = pmu_add(model, r->name);
	if (!pmu)
		return;
	pmu_forget_words(model, pmu);
	moved = strcmp(pmu->device, r->device) || strcmp(pmu->cpumask, r->cpumask);
	memcpy(pmu->device, r->device, sizeof(pmu->device));
	memcpy(pmu->cpumask, r->cpumask, sizeof(pmu->cpumask));
	if (moved)
		pmu_want_check(model, pmu, &r->header);
}

void pmu_apply_event(struct model *model, const struct record_pmu_event *r)
{
	struct pmu_word *grown;
	struct pmu *pmu;

	HASH_FIND_STR(model->pmus, r->pmu, pmu);
	if (!pmu || model_is_full(model, TABLE_PMU_WORDS, model->n_pmu_words))
		return;
	grown = reallocarray(pmu->words, pmu->n_words + 1, sizeof(*grown));
	if (!grown) {
		model->refused[TABLE_PMU_WORDS]++;
		return;
	}
	pmu->words = grown;
	grown += pmu->n_words++;
	grown->kind = r->kind;
	memcpy(grown->name, r->name, sizeof(grown->name));
	memcpy(grown->value, r->value, sizeof(grown->value));
	model->n_pmu_words++;
}

void pmus_free(struct model *model)
{
	struct pmu *pmu, *next;

	HASH_ITER(hh, model->pmus, pmu, next) {
		pmu_remove(model, pmu);
	}
}

const struct pmu *model_pmu(const struct model *model, const char *device)
{
	const struct pmu *pmu;

	for (pmu = model->pmus; pmu; pmu = pmu->hh.next)
		if (!strcmp(pmu->device, device))
			return pmu;
	return NULL;
}

const struct pmu *model_pmu_named(const struct model *model, const char *name)
{
	const struct pmu *pmu;

	HASH_FIND_STR(model->pmus, name, pmu);
	return pmu;
}

/* cxl_pmu_mem2.0 comes before cxl_pmu_mem10.0. */
static int by_name(const struct pmu *a, const struct pmu *b)
{
	return strverscmp(a->name, b->name);
}

const struct pmu *model_pmus(const struct model *model)
{
	struct model *m = (struct model *)model;

	HASH_SORT(m->pmus, by_name);
	return m->pmus;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* The handler is the PMU's by its device or, where only sysfs tells of it, by its driver's name. */
static bool is_overflow(const struct action *action, const struct pmu *pmu)
{
	size_t length = strlen(pmu->name);

	return action->device.name[0] ? !strcmp(action->device.name, pmu->device) :
					!strncmp(action->name, pmu->name, length) &&
						!strcmp(action->name + length, "_overflow");
}

static const struct vector *overflow_vector(const struct model *model, const struct pmu *pmu)
{
	for (const struct vector *v = model_vectors(model); v; v = v->hh.next)
		for (const struct action *a = v->actions; a; a = a->next)
			if (is_overflow(a, pmu))
				return v;
	return NULL;
}

static json_t *words_to_json(const struct pmu *pmu, uint32_t kind, const char *name,
			     const char *value)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < pmu->n_words; i++) {
		const struct pmu_word *word = &pmu->words[i];

		if (word->kind == kind)
			json_add(&array, json_pack("{s:o, s:o}", name, json_text(word->name), value,
						   json_text(word->value)));
	}
	return array;
}

static json_t *pmu_to_json(const struct model *model, const struct pmu *pmu)
{
	const struct vector *vector = overflow_vector(model, pmu);
	const struct device *device = model_device(model, pmu->device);
	const char *provider = device ? device->parent : vector ? vector->provider.name : "";

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", json_text(pmu->name),
			 "device", json_text(pmu->device), "provider", text_to_json(provider),
			 "irq", vector ? json_integer(vector->irq) : json_null(), "cpus",
			 text_to_json(pmu->cpumask), "events",
			 words_to_json(pmu, RECORD_PMU_EVENT_EVENT, "event", "terms"), "formats",
			 words_to_json(pmu, RECORD_PMU_EVENT_FORMAT, "term", "bits"));
}

json_t *model_pmus_to_json(const struct model *model, const char *name)
{
	json_t *array = json_array();

	for (const struct pmu *pmu = model_pmus(model); pmu; pmu = pmu->hh.next)
		if (!name || !strcmp(pmu->name, name))
			json_add(&array, pmu_to_json(model, pmu));
	return array;
}
