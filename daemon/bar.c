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

static void bar_drop(struct model *model, struct bar *bar)
{
	HASH_DEL(model->bars, bar);
	free(bar);
}

void bars_free(struct model *model)
{
	struct bar *bar, *next;

	HASH_ITER(hh, model->bars, bar, next) {
		bar_drop(model, bar);
	}
}

void bars_doubt(struct model *model)
{
	model->bars_known = false;
	for (struct bar *bar = model->bars; bar; bar = bar->hh.next)
		bar->doubtful = true;
}

void bars_walk_end(struct model *model, const struct record_snapshot *r)
{
	struct bar *bar, *next;

	HASH_ITER(hh, model->bars, bar, next) {
		if (!bar->n_windows)
			bar_drop(model, bar);
	}
	model->bars_known |= r->complete == RECORD_COMPLETE_ALL;
}

/* While a walk's word is taken it stays, mapping nothing: the walk may have seen it before. */
static void bar_cleared(struct model *model, struct bar *bar, const struct bar_key *key)
{
	if (model->walking && !model->bars_known) {
		bar = bar ?: bar_add(model, key);
		if (bar)
			bar->n_windows = 0;
	} else if (bar) {
		bar_drop(model, bar);
	}
}

void bar_apply(struct model *model, const struct record_bar *r)
{
	struct bar_key key = { .epc = r->epc, .func = r->func, .bar = r->bar };
	struct bar *bar;

	HASH_FIND(hh, model->bars, &key, sizeof(key), bar);
	if (r->reason == RECORD_REASON_REMOVED) {
		bar_cleared(model, bar, &key);
	} else {
		/*
		 * A walk tells what the function wants, which is neither gone when the BAR is
		 * cleared nor new when it is set: the controller was told what a hook saw.
		 */
		if (r->reason == RECORD_REASON_SNAPSHOT &&
		    (model->bars_known || bar || !r->window.size))
			return;
		if (!bar)
			bar = bar_add(model, &key);
		if (!bar)
			return;
		bar->doubtful = r->header.flags & RECORD_F_DOUBTFUL;
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
