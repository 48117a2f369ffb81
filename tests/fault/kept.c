// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A replay whose events are kept, which the daemon does for what it traces only: the manager, with
 * the store and the journal that a replay has none of. It prints, as one JSON object, the violations
 * it knows and how it is.
 *
 *     kept CONFIG TRACE
 */
#include <cxlirqd/cleanup.h>

#include "manager-private.h"

DEFINE_CLEANUP(struct manager *, manager_free);

static int keep(struct config *config, const char *trace)
{
	_cleanup_(manager_freep) struct manager *manager = NULL;
	json_auto_t *answer = NULL;

	if (manager_new(config, trace, NULL, false, &manager) < 0)
		return 1;
	if (manager_new_keepers(manager) < 0) {
		fprintf(stderr, "kept: no store, no journal\n");
		return 1;
	}
	if (manager_start(manager) < 0)
		return 1;
	manager_batch_end(manager);
	answer =
		json_pack("{s:o, s:o}", "violations", violations_to_json(manager->violations, true),
			  "status", manager_status(manager));
	if (!answer || json_dumpf(answer, stdout, JSON_COMPACT) < 0) {
		fprintf(stderr, "kept: no answer\n");
		return 1;
	}
	return 0;
}

int main(int argc, char *argv[])
{
	struct config config;
	unsigned int warnings;
	int r;

	if (argc != 3)
		return 2;
	r = config_read(argv[1], &config, &warnings);
	if (r < 0) {
		fprintf(stderr, "kept: %s: %s\n", argv[1], strerror(-r));
		return 1;
	}
	r = keep(&config, argv[2]);
	config_done(&config);
	return r;
}
