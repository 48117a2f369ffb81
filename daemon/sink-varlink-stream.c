// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The streams: events as they come, events that were, raw records. Followers are a list; a reader
 * that falls behind is dropped by the wire, never waited for.
 *
 * A piece of the past is sent in one go, from the store and from memory, so how much of it may be
 * sent is bounded by what the wire holds for a reader.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/json.h>

#include "sink-varlink-private.h"
#include "trace.h"

#define RAW_MAX (48 * 1024) /* of a trace in one reply */
#define STORED_MAX 20000U /* events of the store for one call, a few hundred bytes each */

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

/* What a method returns that could not send: a reader that is gone is the loop's business. */
static int unsent(int r)
{
	return r == -ENOMEM ? r : 0;
}

static int send_event(struct varlink_call *call, json_t *event)
{
	json_auto_t *piece = json_pack("{s:O}", "event", event);

	return varlink_call_notify(call, piece);
}

/* ---- the store ----------------------------------------------------------------------------- */

/* Sends what the store has, as it comes. */
struct stored {
	struct varlink_call *call;
	json_t *remembered; /* events that are in memory as well, to be sent from there: a set */
	int64_t remembered_us; /* none of them is older */
	uint32_t sent;
	int r; /* of the wire */
};

/* An event as a key: the same whoever wrote it down. The caller frees it. */
static char *event_key(const json_t *event)
{
	return json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS);
}

static int64_t event_time(const json_t *event)
{
	return json_integer_value(json_object_get(event, "time_us"));
}

static bool is_remembered(const struct stored *stored, const json_t *event)
{
	_cleanup_free_ char *key = NULL;

	if (!stored->remembered || event_time(event) < stored->remembered_us)
		return false;
	key = event_key(event);
	return key && json_object_get(stored->remembered, key);
}

static int on_row(const char *json_text, void *userdata)
{
	json_auto_t *event = json_loads(json_text, 0, NULL);
	struct stored *stored = userdata;

	if (!json_is_object(event) || is_remembered(stored, event))
		return 0;
	stored->sent++;
	stored->r = send_event(stored->call, event);
	return stored->r;
}

/* What is missing in the answer, or null; @r: what the store returned. */
static json_t *missing(int r, bool cut)
{
	if (r == -EOPNOTSUPP)
		return json_string("there is no store");
	if (r < 0)
		return json_sprintf("the store cannot be read: %s", strerror(-r));
	return cut ? json_string("the store has more, older ones were left out") : json_null();
}

/* @ret_reason: a new reference. Negative: the reader is gone, or no memory. */
static int send_stored(const struct sink_varlink *sink, const struct history_filter *filter,
		       struct stored *stored, json_t **ret_reason)
{
	int r = -EOPNOTSUPP;
	bool cut = false;
	json_t *reason;

	if (sink->source.history)
		r = sink->source.history(filter, on_row, stored, &cut, sink->source.userdata);
	if (stored->r < 0)
		return stored->r;
	reason = missing(r, cut);
	if (!reason)
		return -ENOMEM;
	*ret_reason = reason;
	return 0;
}

/* A time that a call gives: 0 if it does not. False: it is none. */
static bool get_time(const json_t *parameters, const char *name, int64_t *ret_us)
{
	int64_t us = json_integer_value(json_object_get(parameters, name));

	if (us < 0)
		return false;
	*ret_us = us;
	return true;
}

static const char *history_filter_read(const json_t *parameters, struct history_filter *ret)
{
	const json_t *irq = json_object_get(parameters, "irq");
	const json_t *limit = json_object_get(parameters, "limit");
	json_int_t number = json_integer_value(irq), n = json_integer_value(limit);
	struct history_filter filter = {
		.has_irq = json_is_integer(irq),
		.irq = (uint32_t)number,
		.device = json_string_value(json_object_get(parameters, "device")),
		.type = json_string_value(json_object_get(parameters, "type")),
		.limit = STORED_MAX,
	};

	if (number < 0 || number > UINT32_MAX)
		return "irq";
	if (!get_time(parameters, "since_us", &filter.since_us))
		return "since_us";
	if (!get_time(parameters, "until_us", &filter.until_us))
		return "until_us";
	if (json_is_integer(limit) && n < 1)
		return "limit";
	if (json_is_integer(limit) && n < filter.limit)
		filter.limit = (uint32_t)n;
	*ret = filter;
	return NULL;
}

int sink_varlink_list_history(struct varlink_call *call, json_t *parameters, void *userdata)
{
	const struct sink_varlink *sink = userdata;
	struct stored stored = { .call = call };
	struct history_filter filter = {};
	const char *misfit = history_filter_read(parameters, &filter);
	json_t *reason = NULL;
	int r;

	if (misfit)
		return varlink_call_invalid_parameter(call, misfit);
	r = send_stored(sink, &filter, &stored, &reason);
	if (r < 0)
		return unsent(r);
	if (json_is_null(reason) && !stored.sent)
		reason = json_string("the store has no such event");
	return sink_varlink_reply(call, json_pack("{s:n, s:o}", "event", "reason", reason));
}

/* ---- events -------------------------------------------------------------------------------- */

static int remember(struct stored *stored, const json_t *event)
{
	_cleanup_free_ char *key = event_key(event);

	if (!json_object_size(stored->remembered) || event_time(event) < stored->remembered_us)
		stored->remembered_us = event_time(event);
	return key && json_object_set_new(stored->remembered, key, json_true()) == 0 ? 0 : -ENOMEM;
}

/* The events since then that memory lost; @ret_reason as above. */
static int send_forgotten(const struct sink_varlink *sink, struct varlink_call *call,
			  int64_t since_us, json_t **ret_reason)
{
	json_auto_t *remembered = json_object();
	struct stored stored = { .call = call, .remembered = remembered };
	struct history_filter filter = { .since_us = since_us, .limit = STORED_MAX };
	int r = remembered ? 0 : -ENOMEM;

	for (size_t i = 0; i < backlog_count(sink->backlog) && r >= 0; i++) {
		json_auto_t *event = json_loads(backlog_get(sink->backlog, i), 0, NULL);

		if (event_time(event) >= since_us)
			r = remember(&stored, event);
	}
	/* those in memory are the newest: they must not use up the limit */
	filter.limit += (uint32_t)json_object_size(remembered);
	return r < 0 ? r : send_stored(sink, &filter, &stored, ret_reason);
}

static int send_remembered(const struct sink_varlink *sink, struct varlink_call *call,
			   int64_t since_us)
{
	int r = 0;

	for (size_t i = 0; i < backlog_count(sink->backlog) && r >= 0; i++) {
		json_auto_t *event = json_loads(backlog_get(sink->backlog, i), 0, NULL);

		if (event_time(event) >= since_us)
			r = send_event(call, event);
	}
	return r;
}

int sink_varlink_monitor(struct varlink_call *call, json_t *parameters, void *userdata)
{
	bool stay = json_is_true(json_object_get(parameters, "follow"));
	bool stored = json_is_integer(json_object_get(parameters, "since_us"));
	json_auto_t *reason = json_null();
	struct sink_varlink *sink = userdata;
	int64_t since_us;
	int r = 0;

	if (!get_time(parameters, "since_us", &since_us))
		return varlink_call_invalid_parameter(call, "since_us");
	sink->source.refresh(sink->source.userdata);
	if (stored)
		r = send_forgotten(sink, call, since_us, &reason);
	if (r >= 0)
		r = send_remembered(sink, call, since_us);
	if (r >= 0 && stay && !json_is_null(reason)) {
		json_auto_t *piece = json_pack("{s:n, s:O}", "event", "reason", reason);

		r = varlink_call_notify(call, piece);
	}
	if (r < 0)
		return unsent(r);
	if (stay)
		return follow(&sink->monitors, call);
	return sink_varlink_reply(call, json_pack("{s:n, s:O}", "event", "reason", reason));
}

void sink_varlink_publish(struct sink_varlink *sink, const struct sink_event *event)
{
	json_auto_t *piece = NULL;

	backlog_push(sink->backlog, strdup(event->text));
	if (!sink->monitors)
		return;
	piece = json_pack("{s:O}", "event", event->json);
	for (struct follower *f = sink->monitors; f; f = f->next)
		varlink_call_notify(f->call, piece);
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

/* A trace begins with the file's header and all that is known, so it stands for itself. */
int sink_varlink_record_raw(struct varlink_call *call, json_t *parameters, void *userdata)
{
	unsigned char header[TRACE_HEADER_SIZE];
	struct sink_varlink *sink = userdata;
	json_t *piece;
	int r;

	(void)parameters;
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
		return unsent(r);
	r = follow(&sink->tracers, call);
	if (r < 0)
		return r;
	sink->source.retell(sink->source.userdata);
	sink_varlink_batch_end(sink);
	return 0;
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
