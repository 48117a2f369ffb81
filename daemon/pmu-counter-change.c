// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A set is asked for other events: what is in the old list and in the new one goes on counting. For
 * a member of a group that means that its whole group is in both, for a group is counted together.
 */
#include "pmu-counter-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_same(const struct pmu_item *a, const struct pmu_item *b)
{
	return a->bare == b->bare && !strcmp(a->pmu, b->pmu) && !strcmp(a->terms, b->terms);
}

/* The next item of the group, from @i on; n: there is none */
static size_t member(const struct pmu_items *items, uint32_t group, size_t i)
{
	while (i < items->n && items->items[i].group != group)
		i++;
	return i;
}

/* Whether the groups have the same members in the same order; no group is like no group. */
static bool is_same_group(const struct pmu_items *a, uint32_t group_a, const struct pmu_items *b,
			  uint32_t group_b)
{
	size_t i = 0, j = 0;

	if (!group_a || !group_b)
		return group_a == group_b;
	for (;; i++, j++) {
		i = member(a, group_a, i);
		j = member(b, group_b, j);
		if (i == a->n || j == b->n)
			return i == a->n && j == b->n;
		if (!is_same(&a->items[i], &b->items[j]))
			return false;
	}
}

/* Where each of the old items is in the new list, each place once; n: nowhere */
static void map_items(const struct pmu_items *old, const struct pmu_items *items, size_t *ret)
{
	bool taken[PMU_ITEMS_MAX] = {};

	for (size_t i = 0; i < old->n; i++) {
		const struct pmu_item *item = &old->items[i];
		size_t j = 0;

		while (j < items->n &&
		       (taken[j] || !is_same(item, &items->items[j]) ||
			!is_same_group(old, item->group, items, items->items[j].group)))
			j++;
		if (j < items->n)
			taken[j] = true;
		ret[i] = j;
	}
}

static int by_place(const void *a, const void *b)
{
	const struct counter *x = *(struct counter *const *)a, *y = *(struct counter *const *)b;

	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	return strverscmp(x->record.pmu, y->record.pmu);
}

/* Its number is what it is known by; false: it is wanted no more. */
static bool move(struct pmu_set *set, struct counter *c, size_t item)
{
	uint32_t group = item < set->items.n ? set->items.items[item].group : 0;

	if (item == set->items.n || group != c->record.group)
		pmu_counter_untell(set, c);
	if (item == set->items.n) {
		pmu_counter_close(set->pmus, c);
		return false;
	}
	if (group != c->record.group) {
		c->record.group = group;
		c->told_as[0] = '\0';
		c->told = false;
	}
	c->item = item;
	return true;
}

void pmu_set_change(struct pmu_set *set, struct pmu_items *items, pmu_counter_fn tell,
		    void *userdata)
{
	size_t places[PMU_ITEMS_MAX], n = 0;
	struct pmu_items old = set->items;

	map_items(&old, items, places);
	set->items = *items;
	*items = (struct pmu_items){};
	set->tell = tell;
	set->userdata = userdata;
	for (size_t i = 0; i < set->n; i++) {
		struct counter *c = set->counters[i];

		if (move(set, c, places[c->item]))
			set->counters[n++] = c;
		else
			free(c);
	}
	set->n = n;
	if (n)
		qsort(set->counters, n, sizeof(*set->counters), by_place);
	pmu_items_done(&old);
}
