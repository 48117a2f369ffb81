// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How many records the daemon's own chain takes, on one core:
 *   chain TRACE none|events|DIRECTORY
 * prints the events that came of it, and the processor's seconds, of reading and applying TRACE once.
 * none: decode, model, rules. events: also the text of each event, as a daemon remembers it for its
 * clients. DIRECTORY: also the store, in a file there; the time ends when all of it is committed.
 *
 * It is the daemon without its loop, for a daemon that replays has no store, and what is started
 * and ended around the chain is no part of the figure. The processor's time, not the wall's: others
 * run on this machine, too.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cxlirqd/cleanup.h>

#include "config.h"
#include "manager-private.h"
#include "violation.h"

DEFINE_CLEANUP(struct manager *, manager_free);

static double processor_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int open_store(struct manager *m, const char *directory)
{
	struct sink_store_settings settings = { .enabled = true, .directory = directory };
	pid_t holder;

	return sink_store_new(&settings, &m->store, &holder);
}

static int replay(struct manager *m, bool stores, double *ret_seconds)
{
	double begin = processor_seconds();
	const char *reason;
	int r = manager_start(m);

	if (r >= 0)
		manager_batch_end(m);
	*ret_seconds = processor_seconds() - begin;
	if (r < 0 || !stores || sink_store_state(m->store, &reason) == SINK_STORE_OK)
		return r;
	fprintf(stderr, "chain: the store: %s\n", reason);
	return -EIO;
}

int main(int argc, char *argv[])
{
	_cleanup_(manager_freep) struct manager *m = NULL;
	bool none = argc == 3 && !strcmp(argv[2], "none");
	bool stores = argc == 3 && !none && strcmp(argv[2], "events") != 0;
	struct config config;
	unsigned int warnings;
	double seconds;

	if (argc != 3 || config_read("/dev/null", &config, &warnings) < 0)
		return 2;
	if (manager_new(&config, argv[1], NULL, !none, &m) < 0)
		return 1;
	if (stores && open_store(m, argv[2]) < 0)
		return 1;
	if (replay(m, stores, &seconds) < 0)
		return 1;
	printf("%llu %.6f\n",
	       stores ? (unsigned long long)sink_store_counters(m->store)->written : 0ULL, seconds);
	config_done(&config);
	return 0;
}
