// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One run of the daemon and the one before it: the gap between them, if there was one, and where in
 * the order of events the history ends, if there was none.
 */
#include "sink-store-private.h"

/* The time in which nobody watched, once a run, if somebody did before */
int store_put_absence(struct sink_store *store)
{
	int64_t last_us = store->before.last_us;

	if (!store->before.known)
		return SQLITE_OK;
	/* the clock may have been set back since */
	if (last_us > store->started_us)
		last_us = store->started_us;
	return store_put_gap(store, "daemon-not-running", 0, last_us, store->started_us, "clean",
			     json_boolean(store->before.clean));
}

void sink_store_tell_absence(struct sink_store *store)
{
	int rc;

	if (store->absence != ABSENCE_UNKNOWN)
		return;
	store->absence = ABSENCE_DUE;
	/* what cannot be written now is, when the fault ends */
	if (!store->attended || !store_ready(store))
		return;
	rc = store_begin(store);
	if (rc == SQLITE_OK)
		rc = store_put_absence(store);
	if (rc == SQLITE_OK)
		rc = store_commit(store);
	if (rc != SQLITE_OK)
		store_fail(store, rc);
	else
		store->absence = ABSENCE_TOLD;
}

uint64_t sink_store_begin_lineage(struct sink_store *store, uint64_t lineage)
{
	uint64_t position = 0;
	int rc;

	if (!store->enabled || store->fault == FAULT_NEWER)
		return UINT64_MAX;
	if (lineage != store->lineage) {
		store->position = 0;
		store->moved = false;
	}
	store->lineage = lineage;
	if (!store->db)
		return store->position;
	rc = store_place_get(store, lineage, &position);
	if (rc != SQLITE_OK && !store->read_only)
		store_fail(store, rc);
	if (rc == SQLITE_OK && position > store->position)
		store->position = position;
	return store->position;
}
