// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Vector space. Each walk tells it anew, CPU by CPU and then all of it; that last record completes
 * the picture, and rules look at it when the walk has ended and all interrupts are known.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include <stdlib.h>

static struct space_cpu *space_cpu_get(struct model *model, uint32_t number)
{
	struct space_cpu *cpu;

	HASH_FIND(hh, model->space_cpus, &number, sizeof(number), cpu);
	if (cpu || model_is_full(model, TABLE_SPACE, HASH_COUNT(model->space_cpus)))
		return cpu;
	cpu = calloc(1, sizeof(*cpu));
	if (cpu) {
		cpu->cpu = number;
		HASH_ADD(hh, model->space_cpus, cpu, sizeof(cpu->cpu), cpu);
	}
	if (!cpu || !cpu->hh.tbl) {
		model->refused[TABLE_SPACE]++;
		free(cpu);
		return NULL;
	}
	return cpu;
}

static void space_check(struct model *model, const struct record_header *header)
{
	struct change change = { .type = CHANGE_CHECK_SPACE };

	model_change(model, &change, header);
}

void space_apply(struct model *model, const struct record_space *r)
{
	struct space_figures figures = { .size = r->size,
					 .available = r->available,
					 .allocated = r->allocated,
					 .managed = r->managed };
	struct space_cpu *cpu;

	if (r->cpu_number != ~0U) {
		cpu = space_cpu_get(model, r->cpu_number);
		if (!cpu)
			return;
		cpu->online = r->online;
		cpu->figures = figures;
		cpu->walk = model->walk;
		return;
	}
	model->space = (struct space){ .known = true,
				       .online = r->online,
				       .reserved = r->reserved,
				       .all = figures,
				       .walk = model->walk };
	/* at the end of a walk, when all interrupts are known */
	if (!model->walking)
		space_check(model, &r->header);
}

void space_walk_end(struct model *model, const struct record_snapshot *r)
{
	struct space_cpu *cpu, *next;

	if (!model->space.known || model->space.walk != model->walk)
		return;
	HASH_ITER(hh, model->space_cpus, cpu, next) {
		if (r->complete != RECORD_COMPLETE_ALL || cpu->walk == model->walk)
			continue;
		HASH_DEL(model->space_cpus, cpu);
		free(cpu);
	}
	space_check(model, &r->header);
}

void space_free(struct model *model)
{
	struct space_cpu *cpu, *next;

	HASH_ITER(hh, model->space_cpus, cpu, next) {
		HASH_DEL(model->space_cpus, cpu);
		free(cpu);
	}
}

const struct space *model_space(const struct model *model)
{
	return model->space.known ? &model->space : NULL;
}

const char *model_space_reason(const struct model *model)
{
	if (model->space.known)
		return NULL;
	if (!model->has_base || model->base.mode != RECORD_MODE_TRACING)
		return "BPF tracing is off";
	if (strcmp(model->base.machine, "x86_64") != 0)
		return "this architecture has no vectors of CPUs";
	return "the walk did not tell it (cxlirqctl support)";
}

bool space_is_low(const struct space *space)
{
	uint64_t available = space->all.available;

	/* without CPUs there is nothing to share out */
	return space->online && space->all.size &&
	       (available * 10 < space->all.size ||
		available < (uint64_t)SPACE_LOW_PER_CPU * space->online);
}

static int by_provider(const void *a, const void *b)
{
	const struct vector *v = *(const struct vector *const *)a,
			    *w = *(const struct vector *const *)b;

	return strcmp(v->provider.name, w->provider.name);
}

/* Puts @holder where it belongs; of two with as many the name decides, which comes in order. */
static void holder_place(struct space_holder *holders, unsigned int *n, struct space_holder holder)
{
	unsigned int at = *n;

	while (at > 0 && holders[at - 1].vectors < holder.vectors)
		at--;
	if (at == SPACE_HOLDERS)
		return;
	*n += *n < SPACE_HOLDERS;
	memmove(holders + at + 1, holders + at, (*n - at - 1) * sizeof(*holders));
	holders[at] = holder;
}

unsigned int space_holders(const struct model *model, struct space_holder ret[SPACE_HOLDERS])
{
	size_t n = 0;
	const struct vector **vectors =
		calloc(HASH_COUNT(model->vectors) + 1, sizeof(struct vector *));
	unsigned int found = 0;

	for (const struct vector *v = model->vectors; vectors && v; v = v->hh.next)
		if (v->provider.name[0])
			vectors[n++] = v;
	if (vectors)
		qsort(vectors, n, sizeof(struct vector *), by_provider);
	for (size_t first = 0, end; first < n; first = end) {
		for (end = first + 1; end < n; end++)
			if (by_provider(&vectors[first], &vectors[end]))
				break;
		holder_place(ret, &found,
			     (struct space_holder){ vectors[first]->provider.name,
						    (uint32_t)(end - first) });
	}
	free(vectors);
	return found;
}

static int by_number(const struct space_cpu *a, const struct space_cpu *b)
{
	return (a->cpu > b->cpu) - (a->cpu < b->cpu);
}

/* Sorting reorders the list that runs through the table, nothing that a reader could tell. */
static json_t *cpus_to_json(const struct model *model)
{
	struct model *m = (struct model *)model;
	json_t *array = json_array();

	HASH_SORT(m->space_cpus, by_number);
	for (const struct space_cpu *c = m->space_cpus; c; c = c->hh.next)
		json_add(&array,
			 json_pack("{s:I, s:b, s:I, s:I, s:I}", "cpu", (json_int_t)c->cpu, "online",
				   c->online, "available", (json_int_t)c->figures.available,
				   "allocated", (json_int_t)c->figures.allocated, "managed",
				   (json_int_t)c->figures.managed));
	return array;
}

json_t *model_space_to_json(const struct model *model)
{
	const struct space *space = model_space(model);

	if (!space)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "available",
			 (json_int_t)space->all.available, "allocated",
			 (json_int_t)space->all.allocated, "managed",
			 (json_int_t)space->all.managed, "reserved", (json_int_t)space->reserved,
			 "size", (json_int_t)space->all.size, "cpus", cpus_to_json(model));
}
