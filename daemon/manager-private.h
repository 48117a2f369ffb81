/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What manager.c (the chain and its sources) and manager-status.c (answers) share. */
#ifndef CXLIRQD_MANAGER_PRIVATE_H
#define CXLIRQD_MANAGER_PRIVATE_H

#include "manager.h"

#include <stdio.h>
#include <systemd/sd-event.h>

#include "model.h"
#include "rule.h"
#include "sink-journal.h"
#include "sink-store.h"
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
	struct sink_store *store; /* NULL: nothing is kept */
	struct sink_journal *journal;
	sd_event_source *beat;
	sd_event_source *tick;
	uint64_t tick_ns; /* what it is set to */
	int64_t started_us;
	bool snapshotting;
};

/* One event, made once, for every sink. @json is taken over. */
void manager_publish(struct manager *m, json_t *json, const struct violation *violation,
		     enum violation_outcome outcome);
/* A rule has fired: the table, then the sinks. @userdata: the manager. */
void manager_on_finding(const struct finding *finding, void *userdata);
void manager_sinks_batch_end(struct manager *m);
/* Store and journal; the violations that were kept are back. -EBUSY was told. */
int manager_new_keepers(struct manager *m);
/* For the socket */
int manager_acknowledge(uint64_t id, void *userdata);
int manager_history(const struct history_filter *filter, history_row_fn row, void *row_userdata,
		    bool *ret_cut, void *userdata);

/* The object of GetStatus; what it says is up to date. New reference. */
json_t *manager_status(struct manager *m);

#endif
