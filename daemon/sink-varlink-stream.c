// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The streams: events as they come, raw records (for events that were: sink-varlink-past.c).
 * Followers are a list; a reader that falls behind is dropped by the wire, never waited for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/json.h>

#include "sink-varlink-private.h"
#include "trace.h"

#define RAW_MAX (48 * 1024) /* of a trace in one reply */

struct follower {
	struct follower *next, **link;
	struct varlink_call *call;
};

static void follower_add(struct follower **list, struct follower *follower)
{
	follower->next = *list;
	follower->link = list;
	if (*list)
		(*list)->link = &follower->next;
	*list = follower;
}

static void on_gone(struct varlink_call *call, void *userdata)
{
	struct follower *follower = userdata;

	(void)call;
	*follower->link = follower->next;
	if (follower->next)
		follower->next->link = follower->link;
	free(follower);
}

static int follow(struct follower **list, struct varlink_call *call)
{
	struct follower *follower = calloc(1, sizeof(*follower));

	if (!follower)
		return -ENOMEM;
	follower->call = call;
	follower_add(list, follower);
	varlink_call_on_gone(call, on_gone, follower);
	return 0;
}

int sink_varlink_follow(struct sink_varlink *sink, struct varlink_call *call)
{
	return follow(&sink->monitors, call);
}

bool sink_varlink_wants(const struct sink_varlink *sink)
{
	return backlog_size(sink->backlog) || sink->monitors;
}

void sink_varlink_publish(struct sink_varlink *sink, const struct sink_event *event)
{
	backlog_push(sink->backlog, event->time_us, strdup(event->text));
	for (struct follower *f = sink->monitors; f; f = f->next)
		varlink_call_notify_text(f->call, "event", event->text);
}

/* ---- raw records --------------------------------------------------------------------------- */

static json_t *raw_to_json(const unsigned char *data, size_t size)
{
	return json_pack("{s:o}", "data", json_from_bytes(data, size));
}

void sink_varlink_batch_end(struct sink_varlink *sink)
{
	json_t *piece;

	if (!sink->n_raw)
		return;
	piece = raw_to_json(sink->raw, sink->n_raw);
	for (struct follower *f = sink->tracers; f; f = f->next)
		varlink_call_notify(f->call, piece);
	json_decref(piece);
	sink->n_raw = 0;
}

/* The last reply is to be an error; returns it. */
static int stop_following(struct varlink_call *call, struct follower *follower, int error)
{
	varlink_call_on_gone(call, NULL, NULL);
	on_gone(call, follower);
	return error;
}

/* A trace begins with the file's header and all that is known, so it stands for itself. */
int sink_varlink_record_raw(struct varlink_call *call, json_t *parameters, void *userdata)
{
	unsigned char header[TRACE_HEADER_SIZE];
	struct sink_varlink *sink = userdata;
	json_t *piece;
	int r, told;

	(void)parameters;
	if (!sink->source.retell)
		return sink_varlink_fail(
			call, "io.cxlirqd.TracingUnavailable",
			json_pack("{s:s}", "reason",
				  "this daemon replays a trace, and has none of its own"));
	if (!sink->raw) {
		sink->raw = malloc(RAW_MAX);
		if (!sink->raw)
			return -ENOMEM;
	}
	sink_varlink_batch_end(sink);
	trace_header(header);
	piece = raw_to_json(header, sizeof(header));
	r = varlink_call_notify(call, piece);
	json_decref(piece);
	if (r < 0)
		return r == -ENOMEM ? r : 0; /* a reader that is gone is the loop's business */
	r = follow(&sink->tracers, call);
	if (r < 0)
		return r;
	told = sink->source.retell(sink->source.userdata);
	sink_varlink_batch_end(sink);
	return told < 0 ? stop_following(call, sink->tracers, told) : 0;
}

void sink_varlink_record(struct sink_varlink *sink, const struct record_header *record)
{
	if (!sink->tracers)
		return;
	if (sink->n_raw + record->size > RAW_MAX)
		sink_varlink_batch_end(sink);
	memcpy(sink->raw + sink->n_raw, record, record->size);
	sink->n_raw += record->size;
}
