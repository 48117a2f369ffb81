/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings: defaults, then the files, later ones over earlier ones. */
#ifndef CXLIRQD_CONFIG_H
#define CXLIRQD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "model.h"
#include "rule.h"

struct config {
	char *socket; /* [Daemon] Socket= */
	int log_level; /* [Daemon] LogLevel= */
	uint64_t event_backlog; /* [Daemon] EventBacklog=, events kept in memory */
	uint64_t ring_size; /* [Trace] RingSize=, bytes */
	uint64_t snapshot_sec; /* [Trace] SnapshotIntervalSec=, 0 = only when needed */
	uint64_t max_vectors; /* [Trace] MaxVectors= */
	uint64_t max_domains; /* [Trace] MaxDomains= */
	struct rule_set rules; /* [Rules] Disable= */
	char *doorbell_devices; /* [Rules] DoorbellDevices=, patterns of providers */
	uint64_t max_violations; /* [Rules] MaxViolations= */
	char *counter_events; /* [Counters] Events=, in perf's syntax */
	uint64_t max_counters; /* [Counters] Max=, open at the same time */
	bool store; /* [Store] Enabled= */
	char *store_directory; /* [Store] Directory=, "": where systemd or the house says */
	uint64_t store_days; /* [Store] RetentionDays=, 0 = for ever */
	uint64_t store_size; /* [Store] MaxSize=, bytes */
};

/*
 * Reads @path, or with NULL /usr/lib/cxlirqd/cxlirqd.conf, /etc/cxlirqd.conf and
 * /etc/cxlirqd.conf.d/ (*.conf, by name). Each unknown key or bad value is one warning with file and
 * line, and the earlier value stays; *@ret_warnings counts them. -ENOMEM, or errno when @path
 * was given and cannot be read. config_done() gives back what it holds.
 */
int config_read(const char *path, struct config *ret, unsigned int *ret_warnings);
void config_done(struct config *config);

/* The keys with their defaults, as the manual shows them. */
void config_print_keys(FILE *out);

#endif
