/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the manager share: the chain and its life, sources, answers, sinks, counts. */
#ifndef CXLIRQD_MANAGER_PRIVATE_H
#define CXLIRQD_MANAGER_PRIVATE_H

#include "manager.h"

#include <stdio.h>
#include <sys/signalfd.h>
#include <systemd/sd-event.h>

#include "checkpoint.h"
#include "event.h"
#include "guard.h"
#include "metric.h"
#include "model.h"
#include "ring.h"
#include "rule.h"
#include "sink-journal.h"
#include "sink-metrics.h"
#include "sink-report.h"
#include "sink-store.h"
#include "sink-varlink.h"
#include "violation.h"

/* From one daemon to the next, in manager-restart.c */
struct manager_restart {
	struct checkpoint *checkpoint; /* NULL: nothing is left to the next one */
	struct checkpoint_place place;
	struct checkpoint_file former; /* what the daemon before left, if it is known */
	uint64_t told; /* what comes up to this position is in the history already */
	int error; /* why nothing is, though programs are pinned; 0 */
	bool known; /* the state of the daemon before is this one's */
	bool restoring; /* its model is being put back: nothing happens */
	bool replaying; /* that, and what it has applied since, once more */
	uint64_t waiting, replayed, lost; /* records at the start */
};

struct manager_guard; /* in manager-guard.c */

struct manager {
	struct config *config; /* which a reload changes */
	const char *replay;
	bool keep; /* what it finds out: in the store, for the next daemon */
	FILE *record; /* NULL: none; in memory while record_fd, where it is going to be, is open */
	int record_fd;
	int record_error; /* why it stopped; 0 */
	sd_event *event;
	sd_event_source *ring_source, *timer;
	sd_event_source *between; /* the ring, after each turn of somebody else */
	struct probe *probe;
	struct ring *ring;
	struct manager_restart restart;
	struct topology *topology;
	struct model *model;
	struct sink_varlink *varlink;
	struct sink_metrics *metrics;
	struct sink_report *report; /* NULL: systemd is told nothing */
	uint64_t series_dropped;
	bool program_stats; /* the kernel has counted runs of programs */
	int64_t realtime_offset_ns;
	uint64_t refreshed_ns, walk_took_ns; /* when the last walk ended, and how long it took */
	uint64_t dropped, missed, guard_lost; /* already told as lost */
	uint64_t missed_asked_ns;
	size_t heap_idle; /* bytes, when it was last looked at */
	uint64_t bad_records;
	uint64_t untold; /* events for which there was no memory */
	struct {
		bool on;
		uint64_t untold; /* changes without an event, for there were too many */
		uint64_t waiting; /* of these: no gap tells of them yet */
		uint64_t last_ns, position; /* when and where the last one happened */
	} overload;
	uint64_t doubtful; /* findings that rested on records which may have been lost */
	struct violations *violations;
	struct rule_set rules;
	int64_t change_us; /* when what is being judged happened */
	struct sink_store *store; /* NULL: nothing is kept */
	struct sink_journal *journal;
	sd_event_source *beat; /* NULL: a replay that nobody watches */
	uint64_t beat_usec; /* between two of them */
	bool watched; /* systemd asks for signs of life */
	uint64_t walk_due_ns; /* the walk that comes with a beat, 0 = none does */
	uint64_t ring_seen; /* where in the ring we were at the last one */
	sd_event_source *clock; /* NULL: nobody would tell that it is set */
	sd_event_source *tick;
	uint64_t tick_ns; /* what it is set to */
	int64_t started_us;
	bool snapshotting;
	struct exporter *exporter; /* NULL: it could not be made, or is not yet */
	struct manager_guard *guard; /* NULL: a replay */
	struct pmu_table *pmus;
	struct pmu_set *standing; /* [Counters] Events=, NULL = none */
	bool pmus_stale; /* sysfs may have others */
	bool pmus_changed; /* it has: the standing counters follow */
};

uint64_t manager_now_ns(void);
/* One record of the daemon's own through the chain. @userdata: the manager. */
void manager_feed(const struct record_header *record, void *userdata);
void manager_batch_end(struct manager *m);

/* Opens what --record names, and leaves it as it is. Logs. */
int manager_open_record(struct manager *m, const char *path);
void manager_write_record(struct manager *m, const struct record_header *record);
/* All works: what it held goes. Logs. */
void manager_keep_record(struct manager *m);

/* A record that was found sound goes through the chain, and nowhere else. */
void manager_on_event(struct manager *m, const struct event *event);
/* False: it makes no sense, and was counted. */
bool manager_decode(struct manager *m, const void *data, size_t size, struct event *ret);

/*
 * Before anything else is read: goes on where the daemon before this one ended, if it left what is
 * needed for that. Logs.
 */
void manager_take_over(struct manager *m);
/* Devices that the daemon before knew of are told as gone, if they are. */
void manager_expect(struct manager *m);
/* Records of the ring. @userdata: the manager. */
void manager_on_batch(const struct ring_record *records, size_t n, void *userdata);
/* For the next daemon, before it is applied. */
void manager_log_record(struct manager *m, const struct record_header *record);
/* ... and events so far are in the history. */
void manager_log_tend(struct manager *m);
/*
 * The place of an event among all: the change that is being told, and of what it gives rise to the
 * event itself (0), or a rule's finding (its number + 1).
 */
uint64_t manager_position(const struct manager *m, unsigned int part);
/* The daemon before has told it. */
bool manager_was_told(const struct manager *m, unsigned int part);
/* Whether programs are pinned, and taken over: a new object. @userdata: the manager. */
json_t *manager_restart_to_json(void *userdata);

/* The sources, in manager-source.c. @userdata: the manager. */
#define LOST_DROPPED "ring-full"
#define LOST_MISSED "program-missed"
void manager_feed_lost(struct manager *m, uint64_t count, const char *reason);
/* Whether something was lost since the last call; it is told once. */
bool manager_tell_lost(struct manager *m);
void manager_drain(void *userdata);
/* Brings counts up to date; cheap when called often. */
void manager_refresh(void *userdata);
/* The next walk: at the interval that was set, or soon. */
void manager_arm(struct manager *m, bool soon);
void manager_walk_if_due(struct manager *m);
/* [Rules] DoorbellDevices= has another value. */
void manager_reload_patterns(struct manager *m);
/* Everything from the start, as records: opens a new trace. */
int manager_retell(void *userdata);
/* sysfs and the kernel's tables again */
int manager_reread(void *userdata);
int manager_replay(struct manager *m);
json_t *manager_answer_status(void *userdata);
int manager_attach_sources(struct manager *m);

/* Whether events go anywhere: most of what a record costs is the text of its event. */
bool manager_has_readers(const struct manager *m);
/* No event is to tell of @change, for too much happens: it is counted. */
bool manager_leaves_untold(struct manager *m, const struct change *change);
/* ... and a gap tells how many they were. */
void manager_tell_untold(struct manager *m);
/*
 * @json tells that so many @changes have no event, up to @position: who comes next does not tell them
 * either. It is taken over. False: there was no memory for it, and nothing was told.
 */
bool manager_publish_gap(struct manager *m, json_t *json, uint64_t position, uint64_t changes);
/* One event, made once, for every sink. @json is taken over. */
void manager_publish(struct manager *m, json_t *json, const struct violation *violation,
		     enum violation_outcome outcome);
/* The same for what is no change of the model: it has no place among those. */
void manager_tell(struct manager *m, json_t *json);
/* A rule has fired: the table, then the sinks. @userdata: the manager. */
void manager_on_finding(const struct finding *finding, void *userdata);
void manager_sinks_batch_end(struct manager *m);
/* Store and journal; the violations that were kept are back. -EBUSY was told. */
int manager_new_keepers(struct manager *m);
/* For the socket */
int manager_acknowledge(uint64_t id, void *userdata);
int manager_history(const struct history_filter *filter, struct history_ids *ret, bool *ret_cut,
		    void *userdata);
int manager_history_event(const struct history_ids *ids, uint32_t i, history_row_fn row,
			  void *row_userdata, void *userdata);

/* What sysfs tells goes by here, for what it means to the counters. */
void manager_watch_pmus(struct manager *m, const struct record_header *record);
/* All of it has been told. */
void manager_settle_pmus(struct manager *m);
/* A burst of uevents has been read. @userdata: the manager. */
void manager_on_settled(void *userdata);
void manager_start_counters(struct manager *m);
/* [Counters] Max= has another value, or with @others Events=. */
void manager_reload_counters(struct manager *m, bool others);
void manager_read_counters(void *userdata);
int manager_count_start(const json_t *events, const char *pmu, struct counting **ret,
			char ret_reason[COUNT_REASON_MAX], void *userdata);
void manager_count_read(struct counting *counting, bool again, counted_fn each, void *each_userdata,
			void *userdata);
void manager_count_end(struct counting *counting, void *userdata);
/* What is to be added to the time since boot for the time of day, now */
int64_t manager_clock_offset_ns(void);
/* Follows the time of day when it is set. Logs. */
void manager_watch_clock(struct manager *m);
/* How many kernel counters are open: a new object, null in a replay */
json_t *manager_counters_to_json(const struct manager *m);

/*
 * Metrics for systemd, on the socket that it passed or where [Export] Report= says. Not having that
 * stops nothing: the directory is systemd's, and there in recent ones only.
 */
void manager_start_report(struct manager *m);
/*
 * Everything that an exporter tells, in one text, up to date. The caller frees *@ret_text, which ends
 * with a NUL behind @ret_size bytes. @userdata: the manager. -ENOMEM.
 */
int manager_render_metrics(enum metric_format format, char **ret_text, size_t *ret_size,
			   void *userdata);
/* What the kernel has counted of each attached program. @userdata: the manager. */
void manager_each_program(sink_varlink_program_fn each, void *each_userdata, void *userdata);

/*
 * The exporter: sockets from systemd, and [Export] Listen=. What cannot be listened on is tried again
 * later. Logs; negative errno: there is none, and the daemon can go on without.
 */
int manager_start_export(struct manager *m);
/* [Export] Listen= has another value. Logs. */
int manager_reload_export(struct manager *m);
void manager_stop_export(struct manager *m);
/* Appends why not all of it serves. */
void manager_export_reasons(const struct manager *m, json_t **reasons);
/* Connections beyond the limits, and answers that could not be made */
uint64_t manager_export_dropped(const struct manager *m);
/* Where it listens, and what it had to refuse: a new object, null if there is no exporter */
json_t *manager_export_to_json(const struct manager *m);

/*
 * The guard. The first while this is still root, if it is: then it forks. Logs; negative errno.
 */
int manager_new_guard(struct manager *m);
/* With what was kept and what the settings say; the model is complete. Logs. */
void manager_start_guard(struct manager *m);
/* [Guard] has other values, Mode= or Protect= among them. Logs. */
void manager_reload_guard(struct manager *m, bool mode, bool policies);
void manager_stop_guard(struct manager *m);
/* A change is being told; a batch of them is over. */
void manager_guard_change(struct manager *m, const struct change *change);
void manager_guard_batch_end(struct manager *m);
/* Records of its program that found no room */
uint64_t manager_guard_lost(const struct manager *m);
/* "guard" of GetStatus: a new object, null in a replay */
json_t *manager_guard_state(const struct manager *m);
/* Appends why it does not protect what it should. */
void manager_guard_reasons(const struct manager *m, json_t **reasons);
/* What clients ask for. @ret_reason: what is to be known besides; the caller frees it. */
json_t *manager_guard_list(void *userdata);
char *manager_guard_words(uint32_t irq, void *userdata);
int manager_guard_add(const struct guard_policy *policy, json_t **ret, char **ret_reason,
		      void *userdata);
int manager_guard_remove(const struct guard_policy *like, void *userdata);
int manager_guard_set_mode(enum guard_mode mode, const struct guard_who *who, json_t **ret,
			   char **ret_reason, void *userdata);

/* Root becomes [Daemon] User=, if there is such a user. Logs; on an error this cannot go on. */
int manager_become_user(struct manager *m);
/* On what systemd passed, or on [Daemon] Socket=. Logs. */
int manager_listen(struct manager *m);
/* Everything stands, and systemd knows. Logs. */
void manager_ready(struct manager *m);
/* What is done from time to time though nothing happens. Logs. */
int manager_start_beat(struct manager *m);
/* Between the two systemd knows that the settings are being read. */
void manager_reloading(void);
void manager_reloaded(const struct manager *m);

/*
 * Reads the settings again and applies them. *@ret_reason: what was not taken, in words, NULL:
 * nothing; the caller frees it. Negative errno: they cannot be read, and nothing has changed. Logs.
 */
int manager_reload(struct manager *m, char **ret_reason);
/* The socket asks for that ... */
int manager_answer_reload(char **ret_reason, void *userdata);
/* ... and SIGHUP. @userdata: the manager. */
int manager_on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata);

/* The object of GetStatus; what it says is up to date. New reference. */
json_t *manager_status(struct manager *m);

/* Each table that had no room for something, the model's and the programs'; @table: static string. */
typedef void (*manager_refused_fn)(const char *table, uint64_t count, void *userdata);
void manager_each_refused(const struct manager *m, manager_refused_fn each, void *userdata);

#endif
