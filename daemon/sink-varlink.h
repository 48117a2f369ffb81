/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket: answers from the model, a stream of events, a stream of raw records. */
#ifndef CXLIRQD_SINK_VARLINK_H
#define CXLIRQD_SINK_VARLINK_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "guard-mode.h"
#include "guard-policy.h"
#include "history.h"
#include "metric.h"
#include "model.h"
#include "sink.h"
#include "violation.h"

struct sink_varlink;

/* One client's counters; what is behind them is the owner's business. */
struct counting;
typedef void (*counted_fn)(const struct record_counter *counter, void *userdata);
#define COUNT_REASON_MAX 128

/* An attached program's runs, -1: the kernel does not count them; and those that it skipped. */
typedef void (*sink_varlink_program_fn)(const char *hook, int64_t runs, int64_t missed,
					void *userdata);

/* What the socket needs of its owner; all outlive the sink. */
struct sink_varlink_source {
	const struct model *model;
	/* Bring counts up to date before an answer; cheap when called often. */
	void (*refresh)(void *userdata);
	/* Read all of the kernel's state again. */
	int (*snapshot)(void *userdata);
	/* Tell everything from the start once more, as records, for a new trace. NULL: it cannot be. */
	int (*retell)(void *userdata);
	/* The object of GetStatus; new reference */
	json_t *(*status)(void *userdata);
	/* what GetSupport tells besides the model: a new object; NULL: nothing */
	json_t *(*restart)(void *userdata);
	/* Each program that is attached. NULL: not to be had. */
	void (*programs)(sink_varlink_program_fn each, void *each_userdata, void *userdata);
	const struct violations *violations; /* NULL: there are none */
	/*
	 * Closes one; whoever calls has been found to be allowed to. -ENOENT: no such id. 0: it was
	 * acknowledged, now or before. NULL: not to be had.
	 */
	int (*acknowledge)(uint64_t id, void *userdata);
	/*
	 * Asks the store which events fit, and for each of them; returns what @row returned. @ret_cut:
	 * there are more, older ones. -EOPNOTSUPP, or NULL: there is no store.
	 */
	int (*history)(const struct history_filter *filter, struct history_ids *ret, bool *ret_cut,
		       void *userdata);
	int (*history_event)(const struct history_ids *ids, uint32_t i, history_row_fn row,
			     void *row_userdata, void *userdata);
	/* Bring the standing counters up to date before an answer. NULL: there are none. */
	void (*read_counters)(void *userdata);
	/*
	 * Starts to count @events, an array of strings; @pmu (may be NULL): where events that name
	 * no PMU are counted. -EINVAL: they make no sense; else nothing can be counted. Either way
	 * @ret_reason says why, "" = what the errno says. NULL: not to be had.
	 */
	int (*count_start)(const json_t *events, const char *pmu, struct counting **ret,
			   char ret_reason[COUNT_REASON_MAX], void *userdata);
	/* All that it counts, in the same order each time; read @again, or as it was. */
	void (*count_read)(struct counting *counting, bool again, counted_fn each,
			   void *each_userdata, void *userdata);
	void (*count_end)(struct counting *counting, void *userdata);
	/*
	 * Reads the settings again; *@ret_reason is what was not taken, in words, NULL: nothing, and
	 * the caller's. Negative errno: nothing has changed, and that is why, NULL: for the errno's reason.
	 * NULL: not to be had.
	 */
	int (*reload)(char **ret_reason, void *userdata);
	/* What an exporter would answer; the caller frees *@ret_text. NULL: not to be had. */
	int (*metrics)(enum metric_format format, char **ret_text, size_t *ret_size,
		       void *userdata);
	/*
	 * The guard; whoever calls the last three has been found to be allowed to. Each of them gives
	 * -EOPNOTSUPP, and the first two NULL, where there is none. *@ret_reason is for people, and
	 * the caller's: what is to be known besides, or with an error why.
	 */
	json_t *(*guard_list)(void *userdata); /* "guards" and "state", or null */
	/* What it does about an interrupt, a sentence that the caller frees; NULL: nothing. */
	char *(*guard_words)(uint32_t irq, void *userdata);
	/* -EEXIST, -ENOSPC, -ERANGE: no such CPUs. The policy's object. */
	int (*guard_add)(const struct guard_policy *policy, json_t **ret, char **ret_reason,
			 void *userdata);
	/* -ENOENT; -EROFS: it stands in the settings. */
	int (*guard_remove)(const struct guard_policy *like, void *userdata);
	/* The state's object. An error: the mode is as it was. */
	int (*guard_set_mode)(enum guard_mode mode, const struct guard_who *who, json_t **ret,
			      char **ret_reason, void *userdata);
	void *userdata;
};

/* @backlog: events kept for clients that come later. Negative errno. */
int sink_varlink_new(sd_event *event, const struct sink_varlink_source *source, size_t backlog,
		     struct sink_varlink **ret);
struct sink_varlink *sink_varlink_free(struct sink_varlink *sink);

/* PMUs came or went: who counts on one that has gone learns it now. NULL will do. */
void sink_varlink_pmus_changed(struct sink_varlink *sink);

/* -EADDRINUSE: another daemon answers there. */
int sink_varlink_listen(struct sink_varlink *sink, const char *path);
/* On a socket that systemd passed, and removes. Takes @fd over, also on failure. */
int sink_varlink_listen_fd(struct sink_varlink *sink, int fd);

/* Whether events are sent or remembered at all */
bool sink_varlink_wants(const struct sink_varlink *sink);
void sink_varlink_publish(struct sink_varlink *sink, const struct sink_event *event);
/* Raw records for those who trace; sent on when a batch ends. */
void sink_varlink_record(struct sink_varlink *sink, const struct record_header *record);
void sink_varlink_batch_end(struct sink_varlink *sink);

/* How many there are, and what became of others: a new object */
json_t *sink_varlink_clients_to_json(const struct sink_varlink *sink);

/* Readers dropped because they were too slow */
uint64_t sink_varlink_dropped(const struct sink_varlink *sink);

#endif
