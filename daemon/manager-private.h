/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What manager.c (the chain and its sources) and manager-status.c (answers) share. */
#ifndef CXLIRQD_MANAGER_PRIVATE_H
#define CXLIRQD_MANAGER_PRIVATE_H

#include "manager.h"

#include <stdio.h>
#include <systemd/sd-event.h>

#include "model.h"
#include "rule.h"
#include "sink-varlink.h"
#include "violation.h"

struct manager {
	const struct config *config;
	const char *replay;
	FILE *record;
	sd_event *event;
	sd_event_source *ring_source, *timer;
	struct probe *probe;
	struct ring *ring;
	struct topology *topology;
	struct model *model;
	struct sink_varlink *varlink;
	int64_t realtime_offset_ns;
	uint64_t refreshed_ns;
	uint64_t dropped, missed; /* already told as lost */
	uint64_t missed_asked_ns;
	uint64_t bad_records;
	uint64_t doubtful; /* findings that rested on records which may have been lost */
	struct violations *violations;
	struct rule_set rules;
	int64_t change_us; /* when what is being judged happened */
	sd_event_source *tick;
	uint64_t tick_ns; /* what it is set to */
	int64_t started_us;
	bool snapshotting;
};

/* The object of GetStatus; what it says is up to date. New reference. */
json_t *manager_status(struct manager *m);

#endif
