// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events that were: from the store, then from memory; and then, for who stays, those that come.
 *
 * There may be tens of thousands of them. They are sent some at a time, each piece in a turn of its
 * own: what happens meanwhile, and other clients, do not have to wait for the last one. What comes
 * before the past is through is in memory by then; what memory has lost again until its turn is told
 * as missing.
 *
 * How much may be sent is bounded by what the wire holds for a reader.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/json.h>

#include "sink-varlink-private.h"

#define STORED_MAX 20000U /* events of the store for one call, a few hundred bytes each */
#define PIECE 64U /* events in one turn: a millisecond or less */

/*
 * Memory's events are hashed first: what the store has of them is not sent from there. A set of the
 * texts would be megabytes for each client.
 */
enum past_stage { PAST_HASH, PAST_FIND, PAST_STORE, PAST_MEMORY, PAST_END };

struct past {
	struct sink_varlink *sink;
	struct varlink_call *call;
	sd_event_source *turn; /* NULL: one piece was enough so far */
	enum past_stage stage;
	struct history_filter filter;
	bool memory, stay;
	struct history_ids ids; /* the first n are still to be sent */
	uint64_t *hashes; /* sorted, once there is one for each event of memory */
	size_t n_hashes, hashes_size;
	int64_t hashed_us; /* none of those is older */
	/* of memory, in the order in which they came: the first to be sent, and the one to be looked at */
	uint64_t begin, next;
	int64_t since_us;
	uint32_t sent;
	int wire; /* what the wire said when it could not send */
	json_t *reason; /* what is missing, or null */
};

static struct past *past_free(struct past *past)
{
	if (!past)
		return NULL;
	sd_event_source_disable_unref(past->turn);
	free(past->ids.ids);
	free(past->hashes);
	json_decref(past->reason);
	free(past);
	return NULL;
}
DEFINE_CLEANUP(struct past *, past_free);

static int64_t event_time(const json_t *event)
{
	return json_integer_value(json_object_get(event, "time_us"));
}

static int send_event(struct past *past, json_t *event)
{
	json_auto_t *piece = json_pack("{s:O}", "event", event);
	int r = varlink_call_notify(past->call, piece);

	past->sent += r >= 0;
	return r;
}

/* False: memory has lost it, or it was never there. */
static bool next_of_memory(struct past *past, bool *ret_skipped, const char **ret)
{
	const struct backlog *backlog = past->sink->backlog;
	uint64_t first = backlog_pushed(backlog) - backlog_count(backlog);

	*ret_skipped = past->next < first;
	if (*ret_skipped)
		past->next = first;
	*ret = backlog_get(backlog, past->next - first);
	past->next += *ret != NULL;
	return *ret;
}

/* ---- what memory has ------------------------------------------------------------------------- */

/* The same for an event whoever wrote it down, FNV-1a; 0: no memory */
static uint64_t event_hash(const json_t *event)
{
	_cleanup_free_ char *key = json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS);
	uint64_t hash = 0xcbf29ce484222325;

	if (!key)
		return 0;
	for (const char *c = key; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
	return hash ?: 1;
}

static int compare_hashes(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool is_in_memory(const struct past *past, const json_t *event)
{
	uint64_t hash;

	if (!past->n_hashes || event_time(event) < past->hashed_us)
		return false;
	hash = event_hash(event);
	return bsearch(&hash, past->hashes, past->n_hashes, sizeof(hash), compare_hashes);
}

static int add_hash(struct past *past, const json_t *event)
{
	uint64_t hash = event_hash(event), *more;
	size_t size = past->hashes_size ? past->hashes_size * 2 : 64;

	if (!hash)
		return -ENOMEM;
	if (past->n_hashes == past->hashes_size) {
		more = realloc(past->hashes, size * sizeof(*more));
		if (!more)
			return -ENOMEM;
		past->hashes = more;
		past->hashes_size = size;
	}
	if (!past->n_hashes || event_time(event) < past->hashed_us)
		past->hashed_us = event_time(event);
	past->hashes[past->n_hashes++] = hash;
	return 0;
}

static int hash_one(struct past *past)
{
	json_auto_t *event = NULL;
	const char *text;
	bool skipped, found = next_of_memory(past, &skipped, &text);

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
	event = json_loads(text, 0, NULL);
	if (!event)
		return -ENOMEM;
	return event_time(event) >= past->since_us ? add_hash(past, event) : 0;
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

static int on_row(const char *json_text, void *userdata)
{
	json_auto_t *event = json_loads(json_text, 0, NULL);
	struct past *past = userdata;

	if (!json_is_object(event) || is_in_memory(past, event))
		return 0;
	past->wire = send_event(past, event);
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
	json_auto_t *event = NULL;
	const char *text;
	bool skipped, found = next_of_memory(past, &skipped, &text);

	if (skipped && json_is_null(past->reason)) {
		past->reason = json_string("more came than memory keeps, some were left out");
		if (!past->reason)
			return -ENOMEM;
	}
	if (!found) {
		past->stage = PAST_END;
		return 0;
	}
	event = json_loads(text, 0, NULL);
	if (!event)
		return -ENOMEM;
	return event_time(event) >= past->since_us ? send_event(past, event) : 0;
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
	json_auto_t *last = NULL;
	int r = 0;

	if (empty && !past->memory)
		last = json_pack("{s:n, s:s}", "event", "reason", "the store has no such event");
	else
		last = json_pack("{s:n, s:O}", "event", "reason", past->reason);
	if (!past->stay)
		r = varlink_call_reply(past->call, last);
	else if (!complete)
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
	int r = 0;

	for (unsigned int i = 0; i < PIECE && past->stage != PAST_END && r >= 0; i++)
		r = past_step(past);
	if (r < 0)
		return r == -EPIPE || r == -ENOBUFS ? 0 : r;
	return past->stage == PAST_END ? past_end(past) : 1;
}

static int on_turn(sd_event_source *source, void *userdata);

static int past_go_on(struct past *past)
{
	int r = past_run(past);

	if (r <= 0)
		return r;
	if (past->turn)
		return sd_event_source_set_enabled(past->turn, SD_EVENT_ONESHOT);
	return sd_event_add_defer(past->sink->event, &past->turn, on_turn, past);
}

/* The call goes on without it. */
static void past_give_up(struct past *past)
{
	varlink_call_on_gone(past->call, NULL, NULL);
	past_free(past);
}

static int on_turn(sd_event_source *source, void *userdata)
{
	struct past *past = userdata;
	struct varlink_call *call = past->call;
	int r = past_go_on(past);

	(void)source;
	if (r < 0) {
		past_give_up(past);
		varlink_call_fail(call, r);
	}
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
