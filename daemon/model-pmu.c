// SPDX-License-Identifier: GPL-2.0-or-later
/* CXL PMUs as sysfs shows them: which CPU each counts on. */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include <stdlib.h>

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

void pmu_apply(struct model *model, const struct record_pmu *r)
{
	struct pmu *pmu;
	bool moved;

	if (!r->name[0])
		return;
	HASH_FIND_STR(model->pmus, r->name, pmu);
	if (!r->device[0]) {
		if (pmu) {
			HASH_DEL(model->pmus, pmu);
			free(pmu);
		}
		return;
	}
	if (!pmu) {
		if (model_is_full(model, TABLE_PMUS, HASH_COUNT(model->pmus)))
			return;
		pmu = calloc(1, sizeof(*pmu));
		if (pmu) {
			memcpy(pmu->name, r->name, sizeof(pmu->name));
			HASH_ADD_STR(model->pmus, name, pmu);
		}
		if (!pmu || !pmu->hh.tbl) {
			model->refused[TABLE_PMUS]++;
			free(pmu);
			return;
		}
	}
	moved = strcmp(pmu->device, r->device) || strcmp(pmu->cpumask, r->cpumask);
	memcpy(pmu->device, r->device, sizeof(pmu->device));
	memcpy(pmu->cpumask, r->cpumask, sizeof(pmu->cpumask));
	if (moved)
		pmu_want_check(model, pmu, &r->header);
}

void pmus_free(struct model *model)
{
	struct pmu *pmu, *next;

	HASH_ITER(hh, model->pmus, pmu, next) {
		HASH_DEL(model->pmus, pmu);
		free(pmu);
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
