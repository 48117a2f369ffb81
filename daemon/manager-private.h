/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the manager share: the chain and its life, sources, answers, sinks, counts. */
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
	struct pmu_table *pmus;
	struct pmu_set *standing; /* [Counters] Events=, NULL = none */
	bool pmus_stale; /* sysfs may have others */
	bool pmus_changed; /* it has: the standing counters follow */
};

uint64_t manager_now_ns(void);
/* One record of the daemon's own through the chain. @userdata: the manager. */
void manager_feed(const struct record_header *record, void *userdata);
void manager_batch_end(struct manager *m);

/* The sources, in manager-source.c. @userdata: the manager. */
void manager_drain(void *userdata);
/* Brings counts up to date; cheap when called often. */
void manager_refresh(void *userdata);
/* Everything from the start, as records: opens a new trace. */
int manager_retell(void *userdata);
/* sysfs and the kernel's tables again */
int manager_reread(void *userdata);
int manager_replay(struct manager *m);
json_t *manager_answer_status(void *userdata);
int manager_attach_sources(struct manager *m);

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

/* What sysfs tells goes by here, for what it means to the counters. */
void manager_watch_pmus(struct manager *m, const struct record_header *record);
/* All of it has been told. */
void manager_settle_pmus(struct manager *m);
/* A burst of uevents has been read. @userdata: the manager. */
void manager_on_settled(void *userdata);
void manager_start_counters(struct manager *m);
void manager_read_counters(void *userdata);
int manager_count_start(const json_t *events, const char *pmu, struct counting **ret,
			char ret_reason[COUNT_REASON_MAX], void *userdata);
void manager_count_read(struct counting *counting, bool again, counted_fn each, void *each_userdata,
			void *userdata);
void manager_count_end(struct counting *counting, void *userdata);
/* How many kernel counters are open: a new object, null in a replay */
json_t *manager_counters_to_json(const struct manager *m);

/* The object of GetStatus; what it says is up to date. New reference. */
json_t *manager_status(struct manager *m);

#endif
