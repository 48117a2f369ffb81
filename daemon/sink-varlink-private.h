/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the socket know of each other, and nobody else. */
#ifndef CXLIRQD_SINK_VARLINK_PRIVATE_H
#define CXLIRQD_SINK_VARLINK_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <cxlirqd/varlink.h>

#include "backlog.h"
#include "sink-varlink.h"

struct follower;
struct past;
struct count_stream;

struct past_queue {
	struct past *first, **end;
};

struct sink_varlink {
	struct sink_varlink_source source;
	sd_event *event; /* borrowed: the server holds it */
	struct varlink_server *server;
	struct backlog *backlog;
	struct follower *monitors, *tracers;
	/* calls that are still being told what was: of the trusted, and of the others */
	struct past_queue pasts[2];
	bool past_other; /* whose turn is next, if both wait */
	sd_event_source *past_turn; /* NULL: never needed so far */
	struct count_stream *counts;
	uint64_t next_count; /* number of the next one */
	unsigned char *raw; /* records since the last piece was sent */
	size_t n_raw;
	bool has_group;
	gid_t group; /* who may change something, besides root */
	struct varlink_service service;
};

/* Answers, and gives @parameters back; NULL is out of memory. */
int sink_varlink_reply(struct varlink_call *call, json_t *parameters);
int sink_varlink_fail(struct varlink_call *call, const char *error, json_t *parameters);
int sink_varlink_fail_reason(struct varlink_call *call, const char *reason);

/* Whether the caller is root or in the group */
bool sink_varlink_may_change(const struct sink_varlink *sink, const struct varlink_call *call);

/* Why next to nothing is known, in words: a new string; NULL: tracing works. */
json_t *sink_varlink_untraced(const struct sink_varlink *sink);

/* The methods, by file */
int sink_varlink_list_domains(struct varlink_call *call, json_t *parameters, void *userdata);
int sink_varlink_list_devices(struct varlink_call *call, json_t *parameters, void *userdata);
int sink_varlink_list_vectors(struct varlink_call *call, json_t *parameters, void *userdata);
int sink_varlink_list_doorbells(struct varlink_call *call, json_t *parameters, void *userdata);
int sink_varlink_list_violations(struct varlink_call *call, json_t *parameters, void *userdata);

/* From now on, each event as it comes. Negative errno. */
int sink_varlink_follow(struct sink_varlink *sink, struct varlink_call *call);

int sink_varlink_monitor(struct varlink_call *call, json_t *parameters, void *userdata);
int sink_varlink_list_history(struct varlink_call *call, json_t *parameters, void *userdata);
int sink_varlink_list_counters(struct varlink_call *call, json_t *parameters, void *userdata);
int sink_varlink_count_events(struct varlink_call *call, json_t *parameters, void *userdata);
int sink_varlink_end_count(struct varlink_call *call, json_t *parameters, void *userdata);

int sink_varlink_get_metrics(struct varlink_call *call, json_t *parameters, void *userdata);

int sink_varlink_reload(struct varlink_call *call, json_t *parameters, void *userdata);
int sink_varlink_get_log_level(struct varlink_call *call, json_t *parameters, void *userdata);
int sink_varlink_set_log_level(struct varlink_call *call, json_t *parameters, void *userdata);

int sink_varlink_list_guards(struct varlink_call *call, json_t *parameters, void *userdata);
int sink_varlink_add_guard(struct varlink_call *call, json_t *parameters, void *userdata);
int sink_varlink_remove_guard(struct varlink_call *call, json_t *parameters, void *userdata);
int sink_varlink_set_guard_mode(struct varlink_call *call, json_t *parameters, void *userdata);

int sink_varlink_record_raw(struct varlink_call *call, json_t *parameters, void *userdata);

#endif
