// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an answer leaves out when there are too many series. Sharing is the same at both levels,
 * among families and among the devices of a family: everybody gets what they need up to a level that
 * is the same for all, so that one device with thousands of vectors costs no other its series. The
 * same series give the same answer, and one that was in stays in while its place in the order does.
 */
#define HASH_NONFATAL_OOM 1
#include "metric-private.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* One that shares: a family, or a first label's value in it */
struct sharer {
	size_t needs, gets;
	const char *name;
	UT_hash_handle hh;
};

static size_t sum_at_level(const struct sharer *sharers, size_t n, size_t level)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += sharers[i].needs < level ? sharers[i].needs : level;
	return sum;
}

/* Sets what each gets of @budget; what is left below a whole level goes to the first ones. */
static void share_out(struct sharer *sharers, size_t n, size_t budget)
{
	size_t low = 0, high = budget, left;

	while (low < high) {
		size_t level = low + (high - low + 1) / 2;

		if (sum_at_level(sharers, n, level) <= budget)
			low = level;
		else
			high = level - 1;
	}
	left = budget - sum_at_level(sharers, n, low);
	for (size_t i = 0; i < n; i++) {
		sharers[i].gets = sharers[i].needs < low ? sharers[i].needs : low;
		if (left && sharers[i].gets < sharers[i].needs) {
			sharers[i].gets++;
			left--;
		}
	}
}

/* Families of one extent after the other: each leaves the rest to the next. */
static void share_among_families(struct sharer families[METRIC_MAX], size_t max)
{
	struct sharer same[METRIC_MAX];
	size_t n, sum;

	for (enum metric_extent extent = METRIC_PER_DAEMON; extent <= METRIC_PER_VECTOR; extent++) {
		n = sum = 0;
		for (enum metric m = 0; m < METRIC_MAX; m++)
			if (metric_family(m)->extent == extent)
				same[n++] = families[m];
		for (size_t i = 0; i < n; i++)
			sum += same[i].needs;
		share_out(same, n, extent == METRIC_PER_DAEMON || sum < max ? sum : max);
		max -= sum < max ? sum : max;
		n = 0;
		for (enum metric m = 0; m < METRIC_MAX; m++)
			if (metric_family(m)->extent == extent)
				families[m].gets = same[n++].gets;
	}
}

/* The one that stands for this name; uthash calls nothing when it finds no memory. */
#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(sharer) ((sharer)->name = NULL)

/* The values of a family's first label share its part. Without memory the first series have it all. */
static void share_among_values(struct metric_set *set, enum metric metric, size_t gets, bool *drop)
{
	struct sharer *sharers = calloc(set->n, sizeof(*sharers)), *by_name = NULL, *sharer;
	size_t n = 0;

	for (size_t i = 0; sharers && i < set->n; i++) {
		if (set->series[i].metric != metric)
			continue;
		HASH_FIND_STR(by_name, set->series[i].labels[0], sharer);
		if (!sharer) {
			sharer = &sharers[n++];
			sharer->name = set->series[i].labels[0];
			HASH_ADD_KEYPTR(hh, by_name, sharer->name, strlen(sharer->name), sharer);
		}
		sharer->needs++;
	}
	share_out(sharers, n, gets);
	for (size_t i = 0; i < set->n; i++) {
		size_t *left = &gets;

		if (set->series[i].metric != metric)
			continue;
		HASH_FIND_STR(by_name, set->series[i].labels[0], sharer);
		if (sharer)
			left = &sharer->gets;
		drop[i] = !*left;
		*left -= !drop[i];
	}
	HASH_CLEAR(hh, by_name);
	free(sharers);
}

static size_t set_drop(struct metric_set *set, const bool *drop)
{
	size_t kept = 0, dropped;

	for (size_t i = 0; i < set->n; i++)
		if (!drop[i])
			set->series[kept++] = set->series[i];
	dropped = set->n - kept;
	set->n = kept;
	metric_set_rehash(set);
	return dropped;
}

uint64_t metric_set_limit(struct metric_set *set, size_t max)
{
	struct sharer families[METRIC_MAX] = {};
	_cleanup_free_ bool *drop = NULL;

	if (set->n <= max)
		return 0;
	drop = calloc(set->n, sizeof(*drop));
	if (!drop) {
		set->error = -ENOMEM;
		return 0;
	}
	for (size_t i = 0; i < set->n; i++)
		families[set->series[i].metric].needs++;
	share_among_families(families, max);
	for (enum metric m = 0; m < METRIC_MAX; m++)
		if (families[m].gets < families[m].needs)
			share_among_values(set, m, families[m].gets, drop);
	return set_drop(set, drop);
}
