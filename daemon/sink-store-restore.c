// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The violations that outlive the daemon. Mostly they are back before anything else happens. But a
 * file may not be readable then: its log cannot be gone through on a disk that is full or read-only,
 * and somebody may hold it. What is found meanwhile has ids of its own, from the time of day on, far
 * from those that are in the file; and of events that may be in it, it is noted where they stand. Once
 * the file can be read, two violations of one place are one again, and nothing counts twice.
 */
#include "sink-store-private.h"

#include <string.h>

static int keep(struct sink_store *store, const struct violation *violation)
{
	size_t n = store->n_kept;
	struct violation *kept = store->kept;

	/* as often as it has twice as many */
	if (!(n & (n - 1)))
		kept = realloc(kept, (n ? 2 * n : 1) * sizeof(*kept));
	if (!kept)
		return SQLITE_NOMEM;
	store->kept = kept;
	kept[store->n_kept++] = *violation;
	return SQLITE_OK;
}

struct reading {
	struct sink_store *store;
	int rc;
};

static void read_one(const struct violation *violation, void *userdata)
{
	struct reading *reading = userdata;

	if (reading->rc == SQLITE_OK)
		reading->rc = keep(reading->store, violation);
}

static int read_all(struct sink_store *store, uint64_t *ret_last)
{
	struct reading reading = { .store = store };
	int rc = store_each_violation(store->db, read_one, &reading);

	if (rc == SQLITE_OK)
		rc = reading.rc;
	return rc == SQLITE_OK ? store_last_violation(store->db, ret_last) : rc;
}

static void forget_kept(struct sink_store *store)
{
	free(TAKE_PTR(store->kept));
	store->n_kept = 0;
}

void store_restore_free(struct sink_store *store)
{
	forget_kept(store);
	free(TAKE_PTR(store->early));
	store->n_early = 0;
}

/* ---- at the start -------------------------------------------------------------------------- */

static unsigned int put_back(struct violations *violations, const struct violation *kept, size_t n)
{
	unsigned int restored = 0;

	for (size_t i = 0; i < n; i++)
		restored += violations_restore(violations, &kept[i]);
	return restored;
}

unsigned int sink_store_restore(struct sink_store *store, struct violations *violations)
{
	int rc = SQLITE_CANTOPEN;
	unsigned int n = 0;
	uint64_t last = 0;

	/* again when the file turns out to be damaged, with what could be saved of it */
	for (int i = 0; i < 2 && store->db && rc != SQLITE_OK; i++) {
		forget_kept(store);
		rc = read_all(store, &last);
		if (rc == SQLITE_OK || store->read_only)
			break;
		store_fail(store, rc);
		store_ready(store);
	}
	if (rc == SQLITE_OK || store->read_only) {
		n = put_back(violations, store->kept, store->n_kept);
		violations_begin_ids(violations, last + 1);
	} else if (store->counters.waiting) {
		/* what could be saved of a damaged file waits for a new one */
		n = put_back(violations, store->waiting, store->counters.waiting);
	} else if (store->enabled && store->fault != FAULT_NEWER) {
		store->late = violations;
		store->first_id = (uint64_t)store->started_us / 1000000;
		violations_begin_ids(violations, store->first_id);
	}
	forget_kept(store);
	return n;
}

/* ---- later --------------------------------------------------------------------------------- */

void store_salvaged(struct sink_store *store, uint64_t lineage, uint64_t position)
{
	store->salvaged.lineage = lineage;
	store->salvaged.position = position;
	if (store->late || (store->lineage && store->lineage != lineage))
		return;
	store->lineage = lineage;
	if (position > store->position)
		store->position = position;
}

void store_salvage(struct sink_store *store, const struct violation *violation)
{
	if (store->late)
		keep(store, violation);
	else
		store_wait(store, violation, false);
}

/* Without memory, or beyond the bound, it counts once more: among what was dropped, too. */
void store_note_early(struct sink_store *store, const struct sink_event *event)
{
	const struct violation *violation = event->violation;
	size_t n = store->n_early;
	struct store_early *early = store->early;

	if (!event->position || n == STORE_EARLY_MAX)
		return;
	if (!(n & (n - 1)))
		early = realloc(early, (n ? 2 * n : 1) * sizeof(*early));
	if (!early)
		return;
	early[n] = (struct store_early){ .position = event->position,
					 .violation = violation ? violation->id : 0,
					 .changes = event->stands_for ?: 1 };
	store->early = early;
	store->n_early++;
}

/*
 * So that none of what was found meanwhile has an id which is in the file. If nothing was, ids go on
 * from there.
 */
static void make_way(struct sink_store *store, uint64_t last)
{
	uint64_t by = last + 1 - store->first_id;

	if (last < store->first_id && store->counters.waiting)
		return;
	violations_shift_ids(store->late, by);
	for (uint64_t i = 0; i < store->counters.waiting; i++)
		store->waiting[i].id += by;
	for (size_t i = 0; i < store->n_early; i++)
		if (store->early[i].violation)
			store->early[i].violation += by;
	store->first_id += by;
}

static uint64_t told_again(const struct sink_store *store, const struct violation *violation,
			   uint64_t position)
{
	uint64_t n = 0;

	for (size_t i = 0; violation && i < store->n_early; i++)
		n += store->early[i].violation == violation->id &&
		     store->early[i].position <= position;
	return n;
}

static void merge(struct sink_store *store, uint64_t position)
{
	const struct violation *v;

	for (size_t i = 0; i < store->n_kept; i++) {
		v = violations_find(store->late, &store->kept[i].finding);
		violations_merge(store->late, &store->kept[i], told_again(store, v, position));
	}
	for (uint64_t i = 0; i < store->counters.waiting; i++) {
		v = violations_find(store->late, &store->waiting[i].finding);
		if (v)
			store->waiting[i] = *v;
	}
	/* those of a damaged file, too: they are not in the new one */
	for (size_t i = 0; i < store->n_kept; i++) {
		v = violations_find(store->late, &store->kept[i].finding);
		store_wait(store, v ?: &store->kept[i], true);
	}
	/* they were told once more, and are not missing */
	for (size_t i = 0; i < store->n_early; i++)
		if (store->early[i].position <= position)
			store->fault_dropped += store->early[i].changes;
	if (position > store->position)
		store->position = position;
}

int store_restore_late(struct sink_store *store)
{
	uint64_t last = 0, position = 0;
	size_t salvaged = store->n_kept;
	int rc = read_all(store, &last);

	if (rc == SQLITE_OK && store->lineage)
		rc = store_place_get(store, store->lineage, &position);
	if (rc != SQLITE_OK) {
		store->n_kept = salvaged;
		return rc;
	}
	if (store->salvaged.lineage == store->lineage && store->salvaged.position > position)
		position = store->salvaged.position;
	for (size_t i = 0; i < store->n_kept; i++)
		if (store->kept[i].id > last && store->kept[i].id < INT64_MAX)
			last = store->kept[i].id;
	make_way(store, last);
	violations_begin_ids(store->late, last + 1);
	merge(store, position);
	store->late = NULL;
	store_restore_free(store);
	return SQLITE_OK;
}
