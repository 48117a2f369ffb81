// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Folding the write-ahead log into the file ends with an fsync(2) of megabytes, for which a busy disk
 * takes a quarter of a second and more: too long for a loop that has a ring to read. So a thread does
 * it, with a connection of its own; who writes and who asks is not held up meanwhile (that is what
 * such a log is for), and the log just grows.
 *
 * What is written while the thread works is left in the log, which begins anew only once all of it
 * has been folded in. A storm of events could go on like that for ever: at some length it is done at
 * once after all, and most of it is on the disk by then.
 *
 * There is no thread before privileges have been given up, for each thread has its own.
 */
#include "sink-store-private.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

struct store_checkpoint {
	pthread_t thread;
	atomic_bool done;
	char path[512];
};

/* A failure is not told from here: the log stays as it is, and the next try meets it again. */
static void *fold(void *userdata)
{
	struct store_checkpoint *checkpoint = userdata;
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(checkpoint->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
			    NULL) == SQLITE_OK) {
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		sqlite3_exec(db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
		sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	}
	sqlite3_close(db);
	atomic_store(&checkpoint->done, true);
	return NULL;
}

bool store_checkpoint_runs(struct sink_store *store)
{
	if (store->checkpoint && atomic_load(&store->checkpoint->done))
		store_checkpoint_wait(store);
	return store->checkpoint;
}

/* Signals are the loop's. */
int store_checkpoint_start(struct sink_store *store)
{
	struct store_checkpoint *checkpoint;
	sigset_t all, before;
	int error;

	if (store_checkpoint_runs(store))
		return 0;
	checkpoint = calloc(1, sizeof(*checkpoint));
	if (!checkpoint)
		return -ENOMEM;
	if (snprintf(checkpoint->path, sizeof(checkpoint->path), "%s", store->path) >=
	    (int)sizeof(checkpoint->path)) {
		free(checkpoint);
		return -ENAMETOOLONG;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&checkpoint->thread, NULL, fold, checkpoint);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error) {
		free(checkpoint);
		return -error;
	}
	store->checkpoint = checkpoint;
	return 0;
}

void store_checkpoint_wait(struct sink_store *store)
{
	if (!store->checkpoint)
		return;
	pthread_join(store->checkpoint->thread, NULL);
	free(TAKE_PTR(store->checkpoint));
}
