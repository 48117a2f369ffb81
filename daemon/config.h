/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings: defaults, then the files, later ones over earlier ones. */
#ifndef CXLIRQD_CONFIG_H
#define CXLIRQD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "guard-mode.h"
#include "model.h"
#include "rule.h"

#define CONFIG_REPORT "/run/systemd/report/io.cxlirqd" /* where systemd-report looks */

struct config {
	const char *path; /* of the file that was asked for, borrowed; NULL: the usual ones */
	char *socket; /* [Daemon] Socket= */
	bool socket_given; /* on the command line: whatever the files say */
	char *user; /* [Daemon] User=, whom root becomes; "" = nobody */
	int log_level; /* [Daemon] LogLevel= */
	uint64_t event_backlog; /* [Daemon] EventBacklog=, events kept in memory */
	uint64_t ring_size; /* [Trace] RingSize=, bytes */
	char *pin_directory; /* [Trace] PinDirectory=, under bpffs; "": nothing is pinned */
	uint64_t snapshot_sec; /* [Trace] SnapshotIntervalSec=, 0 = only when needed */
	uint64_t max_vectors; /* [Trace] MaxVectors= */
	uint64_t max_domains; /* [Trace] MaxDomains= */
	struct rule_set rules; /* [Rules] Disable= */
	char *doorbell_devices; /* [Rules] DoorbellDevices=, patterns of providers */
	uint64_t max_violations; /* [Rules] MaxViolations= */
	char *counter_events; /* [Counters] Events=, in perf's syntax */
	uint64_t max_counters; /* [Counters] Max=, open at the same time */
	enum guard_mode guard_mode; /* [Guard] Mode= */
	char *guards; /* [Guard] Protect=, names of policies */
	bool guard_restore; /* [Guard] Restore=, for those that do not say */
	uint64_t guard_restores; /* [Guard] RestoresPerMinute=, of a vector */
	bool guard_persist; /* [Guard] Persist=, without the daemon, too */
	char *export_listen; /* [Export] Listen=, addresses */
	bool export_listen_given; /* somebody wrote it down */
	bool per_vector; /* [Export] PerVector=, a series for each vector */
	uint64_t max_series; /* [Export] MaxSeries=, of an answer */
	char *report; /* [Export] Report=, where systemd looks for metrics; "" = nowhere */
	bool store; /* [Store] Enabled= */
	char *store_directory; /* [Store] Directory=, "": where systemd or the house says */
	uint64_t store_days; /* [Store] RetentionDays=, 0 = for ever */
	uint64_t store_size; /* [Store] MaxSize=, bytes */
};

/*
 * Reads @path, or with NULL /usr/lib/cxlirqd/cxlirqd.conf, /etc/cxlirqd.conf and
 * /etc/cxlirqd.conf.d/ (*.conf, by name). Each unknown key or bad value is one warning with file and
 * line, and the earlier value stays; *@ret_warnings counts them. -ENOMEM, or errno when a file
 * cannot be read, other than by not being there. config_done() gives back what it holds.
 */
int config_read(const char *path, struct config *ret, unsigned int *ret_warnings);
void config_done(struct config *config);

/* After a failure, which file it was; NULL: none. Valid until settings are read again. */
const char *config_unreadable(void);

/* What the command line says of the socket goes before all files. -ENOMEM. */
int config_set_socket(struct config *config, const char *path);

/*
 * Reads the files of @running again. A key whose last value is bad has the value that it has in
 * @running, for then nobody has asked for another one that there is. Otherwise as config_read().
 */
int config_reread(const struct config *running, struct config *ret, unsigned int *ret_warnings);

/* @applied: it has the new value; if not, it takes a restart. */
typedef void (*config_changed_fn)(const char *section, const char *name, bool applied,
				  void *userdata);

/*
 * Brings what can be changed while the daemon runs from @newer into @running, and calls @changed
 * for each key that is not the same in both. The caller gives back @newer, which holds the rest.
 */
void config_update(struct config *running, struct config *newer, config_changed_fn changed,
		   void *userdata);

/* The keys with their defaults, as the manual shows them. */
void config_print_keys(FILE *out);

#endif
