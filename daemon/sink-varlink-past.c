// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events that were: from the store, then from memory; and then, for who stays, those that come.
 *
 * There may be tens of thousands of them. They are sent some at a time, and who asks waits in a queue: a
 * turn of the loop sends one piece to one client, however many ask, so that what happens meanwhile, and
 * whoever asks for something else, waits for one piece and no more. The trusted have a queue of their own,
 * and every other turn: nobody keeps them from the present by asking for the past. What comes before the
 * past is through is in memory by then; what memory has lost again until its turn is told as missing.
 *
 * How much may be sent is bounded by what the wire holds for a reader.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/json.h>

#include "sink-varlink-private.h"

#define STORED_MAX 20000U /* events of the store for one call, a few hundred bytes each */
#define PIECE 64U /* events in one turn, and no more than can be sent in ... */
#define PIECE_USEC 2000

/*
 * Memory's events are hashed first: what the store has of them, as the same text, is not sent from there.
 * A set of the texts would be megabytes for each client.
 */
enum past_stage { PAST_HASH, PAST_FIND, PAST_STORE, PAST_MEMORY, PAST_END };

struct past {
	struct sink_varlink *sink;
	struct varlink_call *call;
	struct past_queue *queue;
	struct past *next_past, **link; /* in the queue; link is NULL: not in it */
	enum past_stage stage;
	struct history_filter filter;
	bool memory, stay;
	struct history_ids ids; /* the first n are still to be sent */
	uint64_t *hashes; /* sorted, once there is one for each event of memory */
	size_t n_hashes, hashes_size;
	/* of memory, in the order in which they came: the first to be sent, and the one to be looked at */
	uint64_t begin, next;
	int64_t since_us;
	uint32_t sent;
	int wire; /* what the wire said when it could not send */
	json_t *reason; /* what is missing, or null */
};

static int64_t monotonic_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

/* ---- the queue ------------------------------------------------------------------------------- */

static int on_turn(sd_event_source *source, uint64_t usec, void *userdata);

/* At its end, and there is a turn for it: a timer that is due, see varlink-server.c. */
static int past_wait(struct past *past)
{
	struct sink_varlink *sink = past->sink;
	int r;

	if (sink->past_turn)
		r = sd_event_source_set_enabled(sink->past_turn, SD_EVENT_ONESHOT);
	else
		r = sd_event_add_time_relative(sink->event, &sink->past_turn, CLOCK_MONOTONIC, 0, 1,
					       on_turn, sink);
	if (r < 0)
		return r;
	past->next_past = NULL;
	past->link = past->queue->end;
	*past->link = past;
	past->queue->end = &past->next_past;
	return 0;
}

static void past_leave(struct past *past)
{
	if (!past->link)
		return;
	*past->link = past->next_past;
	if (past->next_past)
		past->next_past->link = past->link;
	else
		past->queue->end = past->link;
	past->link = NULL;
}

static struct past *past_free(struct past *past)
{
	if (!past)
		return NULL;
	past_leave(past);
	free(past->ids.ids);
	free(past->hashes);
	json_decref(past->reason);
	free(past);
	return NULL;
}
DEFINE_CLEANUP(struct past *, past_free);

static int send_event(struct past *past, const char *text)
{
	int r = varlink_call_notify_text(past->call, "event", text);

	past->sent += r >= 0;
	return r;
}

/* False: memory has lost it, or it was never there. */
static bool next_of_memory(struct past *past, bool *ret_skipped, struct backlog_event **ret)
{
	struct backlog *backlog = past->sink->backlog;
	uint64_t first = backlog_pushed(backlog) - backlog_count(backlog);

	*ret_skipped = past->next < first;
	if (*ret_skipped)
		past->next = first;
	*ret = backlog_get(backlog, past->next - first);
	past->next += *ret != NULL;
	return *ret;
}

/* ---- what memory has ------------------------------------------------------------------------- */

static int compare_hashes(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool is_in_memory(const struct past *past, const char *text)
{
	uint64_t hash;

	if (!past->n_hashes)
		return false;
	hash = backlog_hash_text(text);
	return bsearch(&hash, past->hashes, past->n_hashes, sizeof(hash), compare_hashes);
}

static int add_hash(struct past *past, uint64_t hash)
{
	size_t size = past->hashes_size ? past->hashes_size * 2 : 64;
	uint64_t *more;

	if (past->n_hashes == past->hashes_size) {
		more = realloc(past->hashes, size * sizeof(*more));
		if (!more)
			return -ENOMEM;
		past->hashes = more;
		past->hashes_size = size;
	}
	past->hashes[past->n_hashes++] = hash;
	return 0;
}

static int hash_one(struct past *past)
{
	struct backlog_event *event;
	bool skipped, found = next_of_memory(past, &skipped, &event);

	/* what memory has lost again, all before this one, is to be sent from the store */
	if (skipped) {
		past->begin = past->next - found;
		past->n_hashes = 0;
	}
	if (!found) {
		if (past->n_hashes)
			qsort(past->hashes, past->n_hashes, sizeof(*past->hashes), compare_hashes);
		past->stage = PAST_FIND;
		return 0;
	}
	return event->time_us >= past->since_us ? add_hash(past, backlog_hash(event)) : 0;
}

/* ---- the store ------------------------------------------------------------------------------- */

/* What is missing in the answer */
static int set_missing(struct past *past, int r, bool cut)
{
	json_t *reason = NULL;

	if (r == -EOPNOTSUPP)
		reason = json_string("there is no store");
	else if (r < 0)
		reason = json_sprintf("the store cannot be read: %s", strerror(-r));
	else if (cut)
		reason = json_string("the store has more, older ones were left out");
	else
		return 0;
	if (!reason)
		return -ENOMEM;
	json_decref(past->reason);
	past->reason = reason;
	return 0;
}

static int find_stored(struct past *past)
{
	const struct sink_varlink_source *source = &past->sink->source;
	bool cut = false;
	int r = -EOPNOTSUPP;

	/* those in memory are the newest: they must not use up the limit */
	past->filter.limit += (uint32_t)past->n_hashes;
	if (source->history)
		r = source->history(&past->filter, &past->ids, &cut, source->userdata);
	/* strings of the call, which the store is asked with once */
	past->filter = (struct history_filter){};
	past->stage = PAST_STORE;
	return set_missing(past, r, cut);
}

/* What is in a file may be anything: what is no event is left out. */
static int on_row(const char *text, void *userdata)
{
	json_auto_t *event = NULL;
	struct past *past = userdata;

	if (is_in_memory(past, text))
		return 0;
	event = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(event))
		return 0;
	past->wire = send_event(past, text);
	return past->wire;
}

static int send_stored(struct past *past)
{
	const struct sink_varlink_source *source = &past->sink->source;
	int r;

	if (!past->ids.n) {
		past->stage = past->memory ? PAST_MEMORY : PAST_END;
		past->next = past->begin;
		return 0;
	}
	r = source->history_event(&past->ids, --past->ids.n, on_row, past, source->userdata);
	if (past->wire < 0)
		return past->wire;
	if (r >= 0)
		return 0;
	past->ids.n = 0;
	return set_missing(past, r, false);
}

/* ---- one piece after the other ----------------------------------------------------------------- */

static int send_remembered(struct past *past)
{
	struct backlog_event *event;
	bool skipped, found = next_of_memory(past, &skipped, &event);

	if (skipped && json_is_null(past->reason)) {
		past->reason = json_string("more came than memory keeps, some were left out");
		if (!past->reason)
			return -ENOMEM;
	}
	if (!found) {
		past->stage = PAST_END;
		return 0;
	}
	return event->time_us >= past->since_us ? send_event(past, event->text) : 0;
}

static int past_step(struct past *past)
{
	switch (past->stage) {
	case PAST_HASH: return hash_one(past);
	case PAST_FIND: return find_stored(past);
	case PAST_STORE: return send_stored(past);
	case PAST_MEMORY: return send_remembered(past);
	case PAST_END: break;
	}
	return 0;
}

/* It is all sent: the last reply, or on to what comes. 0: @past is gone, or its reader is. */
static int past_end(struct past *past)
{
	bool complete = json_is_null(past->reason), empty = complete && !past->sent;
	json_auto_t *last = NULL, *untraced = NULL;
	int r = 0;

	if (empty && past->memory)
		untraced = sink_varlink_untraced(past->sink);
	if (untraced)
		last = json_pack("{s:n, s:O}", "event", "reason", untraced);
	else if (empty && !past->memory)
		last = json_pack("{s:n, s:s}", "event", "reason", "the store has no such event");
	else
		last = json_pack("{s:n, s:O}", "event", "reason", past->reason);
	if (!past->stay)
		r = varlink_call_reply(past->call, last);
	else if (!complete || untraced)
		r = varlink_call_notify(past->call, last);
	if (r == -EPIPE || r == -ENOBUFS)
		return 0;
	if (r >= 0 && past->stay)
		r = sink_varlink_follow(past->sink, past->call);
	if (r < 0)
		return r;
	past_free(past);
	return 0;
}

/* 1: there is more. 0: @past is gone, or its reader is, which the loop will find. */
static int past_run(struct past *past)
{
	int64_t until = monotonic_us() + PIECE_USEC;
	unsigned int n = 0;
	int r = 0;

	do
		r = past_step(past);
	while (r >= 0 && past->stage != PAST_END && ++n < PIECE && monotonic_us() < until);
	if (r < 0)
		return r == -EPIPE || r == -ENOBUFS ? 0 : r;
	return past->stage == PAST_END ? past_end(past) : 1;
}

static int past_go_on(struct past *past)
{
	int r = past_run(past);

	return r > 0 ? past_wait(past) : r;
}

/* The call goes on without it. */
static void past_give_up(struct past *past)
{
	varlink_call_on_gone(past->call, NULL, NULL);
	past_free(past);
}

static void past_fail(struct past *past, int error)
{
	struct varlink_call *call = past->call;

	past_give_up(past);
	varlink_call_fail(call, error);
}

/* Who has the next turn; NULL: nobody waits. */
static struct past *past_first(const struct sink_varlink *sink)
{
	const struct past_queue *queue = &sink->pasts[sink->past_other];

	return queue->first ? queue->first : sink->pasts[!sink->past_other].first;
}

/* The first in a queue has a piece, and whoever is first then has the next turn. */
static int on_turn(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct sink_varlink *sink = userdata;
	struct past *past = past_first(sink);
	int r;

	(void)usec;
	if (!past)
		return 0;
	sink->past_other = past->queue == &sink->pasts[0];
	past_leave(past);
	r = past_go_on(past);
	if (r < 0)
		past_fail(past, r);
	/* without another turn they are told that there is none */
	while ((past = past_first(sink)) &&
	       (r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT)) < 0)
		past_fail(past, r);
	return 0;
}

static void on_gone(struct varlink_call *call, void *userdata)
{
	(void)call;
	past_free(userdata);
}

/* The first piece at once: mostly it is the only one. */
static int past_begin(struct past *past)
{
	const struct backlog *backlog = past->sink->backlog;
	int r;

	past->queue = &past->sink->pasts[!varlink_call_is_trusted(past->call)];
	past->begin = past->next = backlog_pushed(backlog) - backlog_count(backlog);
	past->reason = json_null();
	varlink_call_on_gone(past->call, on_gone, past);
	r = past_go_on(past);
	if (r < 0)
		past_give_up(past);
	return r;
}

/* ---- the methods ----------------------------------------------------------------------------- */

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
	_cleanup_(past_freep) struct past *past = calloc(1, sizeof(*past));
	struct history_filter filter = {};
	const char *misfit = history_filter_read(parameters, &filter);

	if (misfit)
		return varlink_call_invalid_parameter(call, misfit);
	if (!past)
		return -ENOMEM;
	past->sink = userdata;
	past->call = call;
	past->stage = PAST_FIND;
	past->filter = filter;
	return past_begin(TAKE_PTR(past));
}

int sink_varlink_monitor(struct varlink_call *call, json_t *parameters, void *userdata)
{
	bool stored = json_is_integer(json_object_get(parameters, "since_us"));
	_cleanup_(past_freep) struct past *past = calloc(1, sizeof(*past));
	struct sink_varlink *sink = userdata;
	int64_t since_us;

	if (!get_time(parameters, "since_us", &since_us))
		return varlink_call_invalid_parameter(call, "since_us");
	if (!past)
		return -ENOMEM;
	sink->source.refresh(sink->source.userdata);
	past->sink = sink;
	past->call = call;
	past->stage = stored ? PAST_HASH : PAST_MEMORY;
	past->filter = (struct history_filter){ .since_us = since_us, .limit = STORED_MAX };
	past->since_us = since_us;
	past->memory = true;
	past->stay = json_is_true(json_object_get(parameters, "follow"));
	return past_begin(TAKE_PTR(past));
}
