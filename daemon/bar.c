// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * BARs of endpoint functions: what the host reaches through them. A BAR that is set again replaces
 * what it mapped; that and its clearing may end what a doorbell was published by.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include <stdlib.h>

bool bar_maps(const struct bar *bar, uint64_t address)
{
	for (uint32_t i = 0; i < bar->n_windows; i++)
		if (address >= bar->windows[i].address &&
		    address - bar->windows[i].address < bar->windows[i].size)
			return true;
	return false;
}

const struct bar *bar_mapping(const struct model *model, uint64_t epc, uint32_t func,
			      uint64_t address)
{
	for (const struct bar *bar = model->bars; bar; bar = bar->hh.next)
		if (bar->key.epc == epc && bar->key.func == func && bar_maps(bar, address))
			return bar;
	return NULL;
}

static struct bar *bar_add(struct model *model, const struct bar_key *key)
{
	struct bar *bar;

	if (model_is_full(model, TABLE_BARS, HASH_COUNT(model->bars)))
		return NULL;
	bar = calloc(1, sizeof(*bar));
	if (bar) {
		bar->key = *key;
		HASH_ADD(hh, model->bars, key, sizeof(bar->key), bar);
	}
	if (!bar || !bar->hh.tbl) {
		model->refused[TABLE_BARS]++;
		free(bar);
		return NULL;
	}
	return bar;
}

void bars_free(struct model *model)
{
	struct bar *bar, *next;

	HASH_ITER(hh, model->bars, bar, next) {
		HASH_DEL(model->bars, bar);
		free(bar);
	}
}

void bars_doubt(struct model *model)
{
	for (struct bar *bar = model->bars; bar; bar = bar->hh.next)
		bar->doubtful = true;
}

void bar_apply(struct model *model, const struct record_bar *r)
{
	struct bar_key key = { .epc = r->epc, .func = r->func, .bar = r->bar };
	struct bar *bar;

	HASH_FIND(hh, model->bars, &key, sizeof(key), bar);
	if (r->reason == RECORD_REASON_REMOVED) {
		if (!bar)
			return;
		HASH_DEL(model->bars, bar);
		free(bar);
	} else {
		/* a walk tells what the function wants, the controller was told what a hook saw */
		if (r->reason == RECORD_REASON_SNAPSHOT && (bar || !r->window.size))
			return;
		if (!bar)
			bar = bar_add(model, &key);
		if (!bar)
			return;
		bar->doubtful = false;
		bar->n_windows = 1;
		bar->windows[0] = r->window;
		if (r->n_submaps) {
			bar->n_windows =
				r->n_submaps < RECORD_SUBMAPS ? r->n_submaps : RECORD_SUBMAPS;
			memcpy(bar->windows, r->submaps, sizeof(bar->windows));
		}
	}
	doorbells_mapped(model, r->epc, r->reason == RECORD_REASON_SNAPSHOT, &r->header);
}
