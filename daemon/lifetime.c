// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The order of events is what the maintainer of a driver asks for first. The ring is of fixed
 * size: who unbinds in the wrong order all day long loses the oldest stories.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

struct lifetime *lifetime_add(struct model *model)
{
	return &model->lifetimes[model->n_lifetimes++ % LIFETIMES_MAX];
}

void lifetime_vector_freed(struct model *model, const struct vector *vector,
			   const struct record_header *header)
{
	for (const struct action *a = vector->actions; a; a = a->next) {
		struct lifetime *l;

		if (!a->device.name[0] || !strcmp(a->device.name, vector->provider.name))
			continue;
		l = lifetime_add(model);
		*l = (struct lifetime){ .irq = vector->irq,
					.index = vector->msi_index,
					.has_index = vector->msi_type,
					.cookie = a->cookie,
					.allocated_ns = vector->allocated_ns,
					.requested_ns = a->requested_ns,
					.freed_ns = header->time_ns };
		cause_from_header(&l->freed_by, header);
		memcpy(l->provider, vector->provider.name, sizeof(l->provider));
		memcpy(l->consumer, a->device.name, sizeof(l->consumer));
		memcpy(l->handler, a->handler, sizeof(l->handler));
	}
}

void lifetime_handler_freed(struct model *model, uint32_t irq, uint64_t cookie,
			    const struct record_header *header)
{
	uint64_t n = model->n_lifetimes < LIFETIMES_MAX ? model->n_lifetimes : LIFETIMES_MAX;

	for (uint64_t i = 0; i < n; i++) {
		struct lifetime *l = &model->lifetimes[i];

		if (l->irq != irq || l->cookie != cookie || l->left_ns)
			continue;
		l->left_ns = header->time_ns;
		cause_from_header(&l->left_by, header);
	}
}

const struct lifetime *model_lifetime(const struct model *model, const char *device, uint32_t *at)
{
	uint64_t total = model->n_lifetimes;
	uint64_t n = total < LIFETIMES_MAX ? total : LIFETIMES_MAX;

	while (*at < n) {
		const struct lifetime *l = &model->lifetimes[(total - n + (*at)++) % LIFETIMES_MAX];

		if (!strcmp(l->provider, device) || !strcmp(l->consumer, device))
			return l;
	}
	return NULL;
}
