// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counters of CXL PMUs: those that stand, from the model, and those that a client has opened for
 * itself.
 *
 * The latter is a stream. The first reply tells what could be opened; with an interval there is one
 * more each time it has passed, with what was counted in it; the last one has what was counted in
 * all. A client that wants to stop early and still know that says so on another connection
 * (EndCount), for on its own it has a call under way. One that just closes its connection has its
 * counters closed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/json.h>

#include "sink-varlink-private.h"

#define STREAMS_MAX 16 /* each reads its counters at every interval */
#define INTERVAL_MIN_MS 10
#define INTERVAL_MAX_MS 86400000
#define ACCURACY_US 1000

struct count_stream {
	struct count_stream *next, **link;
	struct sink_varlink *sink;
	struct varlink_call *call;
	struct counting *counting;
	sd_event_source *timer; /* NULL: no interval */
	uint64_t id;
	uint64_t started_us, due_us, interval_us; /* of the monotonic clock */
	int64_t times; /* that are left; negative: any number */
	struct record_counter *before; /* as they were read for the reply before this one */
	size_t n_before;
};

/* ---- The counters that stand --------------------------------------------------------------------- */

static json_t *why_none(const struct model *model, const char *pmu)
{
	if (!model_pmus(model))
		return json_string("no CXL PMU on this host (\"cxlirqctl devices\" tells why)");
	return pmu ? json_sprintf("no [Counters] Events= are counted on %s", pmu) :
		     json_string("no [Counters] Events= are set");
}

int sink_varlink_list_counters(struct varlink_call *call, json_t *parameters, void *userdata)
{
	const char *pmu = json_string_value(json_object_get(parameters, "pmu"));
	const struct sink_varlink *sink = userdata;
	const struct model *model = sink->source.model;
	json_t *counters;

	sink->source.refresh(sink->source.userdata);
	if (sink->source.read_counters)
		sink->source.read_counters(sink->source.userdata);
	if (pmu && !model_pmu_named(model, pmu))
		return sink_varlink_fail(call, "io.cxlirqd.NoSuchPmu",
					 json_pack("{s:s}", "pmu", pmu));
	counters = model_counters_to_json(model, pmu);
	return sink_varlink_reply(
		call, json_pack("{s:o, s:o, s:o}", "counters", counters, "pmus",
				model_pmus_to_json(model, pmu), "reason",
				json_array_size(counters) ? json_null() : why_none(model, pmu)));
}

/* ---- Replies --------------------------------------------------------------------------------------- */

/* Collects what is read, and what of it is new since the last time */
struct collection {
	struct count_stream *stream;
	json_t *counters, *totals;
	size_t i;
	bool counting; /* one of them still does */
};

/* Counters do not go back; one that has been closed says what it said last. */
static struct record_counter difference(const struct record_counter *now,
					const struct record_counter *before)
{
	struct record_counter d = *now;

	d.value -= before->value;
	d.enabled_ns -= before->enabled_ns;
	d.running_ns -= before->running_ns;
	return d;
}

static void collect(const struct record_counter *counter, void *userdata)
{
	struct collection *c = userdata;
	struct count_stream *s = c->stream;
	const struct model *model = s->sink->source.model;
	struct record_counter d, *grown;

	c->counting = c->counting || !counter->error;
	if (c->i == s->n_before) {
		grown = reallocarray(s->before, s->n_before + 1, sizeof(*grown));
		if (!grown)
			return;
		s->before = grown;
		s->before[s->n_before++] = (struct record_counter){};
	}
	d = difference(counter, &s->before[c->i]);
	s->before[c->i++] = *counter;
	json_add(&c->counters, counter_to_json(model, &d));
	json_add(&c->totals, counter_to_json(model, counter));
}

/* A new object, NULL without memory. It is the last one, with the totals, if nothing counts. */
static json_t *make_reply(struct count_stream *s, bool again, bool *last)
{
	struct collection c = { .stream = s, .counters = json_array(), .totals = json_array() };
	const struct sink_varlink_source *source = &s->sink->source;
	uint64_t now_us = 0, real_us = 0;
	json_t *reply;

	sd_event_now(s->sink->event, CLOCK_MONOTONIC, &now_us);
	sd_event_now(s->sink->event, CLOCK_REALTIME, &real_us);
	source->count_read(s->counting, again, collect, &c, source->userdata);
	*last = *last || !c.counting;
	if (!c.totals) {
		json_decref(c.counters);
		return NULL;
	}
	reply = json_pack("{s:I, s:I, s:I, s:o, s:O?}", "id", (json_int_t)s->id, "time_us",
			  (json_int_t)real_us, "elapsed_us", (json_int_t)(now_us - s->started_us),
			  "counters", c.counters, "totals", *last ? c.totals : NULL);
	json_decref(c.totals);
	return reply;
}

/* ---- Streams --------------------------------------------------------------------------------------- */

static struct count_stream *stream_free(struct count_stream *s)
{
	if (!s)
		return NULL;
	if (s->link) {
		*s->link = s->next;
		if (s->next)
			s->next->link = s->link;
	}
	sd_event_source_disable_unref(s->timer);
	if (s->counting)
		s->sink->source.count_end(s->counting, s->sink->source.userdata);
	free(s->before);
	free(s);
	return NULL;
}
DEFINE_CLEANUP(struct count_stream *, stream_free);

static void on_gone(struct varlink_call *call, void *userdata)
{
	(void)call;
	stream_free(userdata);
}

/* The call is answered, whatever happens; the stream is gone. */
static void stream_end(struct count_stream *s, json_t *reply)
{
	struct varlink_call *call = s->call;

	varlink_call_on_gone(call, NULL, NULL);
	stream_free(s);
	if (sink_varlink_reply(call, reply) < 0)
		sink_varlink_fail_reason(call, "the counters are too many for one reply");
}

/* One more reply. False: it was the last one, the stream is gone. */
static bool stream_tell(struct count_stream *s, bool again, bool last)
{
	json_t *reply = make_reply(s, again, &last);

	if (last) {
		stream_end(s, reply);
		return false;
	}
	/* who does not read it will be gone */
	varlink_call_notify(s->call, reply);
	json_decref(reply);
	return true;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct count_stream *s = userdata;

	if (s->times > 0)
		s->times--;
	if (!stream_tell(s, true, s->times == 0))
		return 0;
	/* no drift; but what was missed while the daemon was busy is not made up for */
	s->due_us += s->interval_us;
	if (s->due_us <= usec)
		s->due_us = usec + s->interval_us;
	sd_event_source_set_time(source, s->due_us);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

static int stream_start(struct count_stream *s, uint64_t interval_us)
{
	int r = sd_event_now(s->sink->event, CLOCK_MONOTONIC, &s->started_us);

	if (r < 0 || !interval_us)
		return r < 0 ? r : 0;
	s->interval_us = interval_us;
	s->due_us = s->started_us + interval_us;
	return sd_event_add_time(s->sink->event, &s->timer, CLOCK_MONOTONIC, s->due_us, ACCURACY_US,
				 on_timer, s);
}

/* Takes over @s: it is followed from now on, or answered at once if nothing of it counts. */
static void stream_follow(struct count_stream *s)
{
	struct sink_varlink *sink = s->sink;

	s->id = sink->next_count++;
	s->next = sink->counts;
	s->link = &sink->counts;
	if (sink->counts)
		sink->counts->link = &s->next;
	sink->counts = s;
	varlink_call_on_gone(s->call, on_gone, s);
	stream_tell(s, false, false);
}

/* Who has no interval is told of each counter that ended, and that nothing counts any more. */
void sink_varlink_pmus_changed(struct sink_varlink *sink)
{
	struct count_stream *next;

	for (struct count_stream *s = sink ? sink->counts : NULL; s; s = next) {
		next = s->next;
		if (!s->timer)
			stream_tell(s, true, false);
	}
}

/* ---- Methods --------------------------------------------------------------------------------------- */

static const char *read_parameters(const json_t *parameters, uint64_t *ret_interval_us,
				   int64_t *ret_times)
{
	const json_t *interval = json_object_get(parameters, "interval_ms");
	const json_t *times = json_object_get(parameters, "times");
	json_int_t ms = json_integer_value(interval);

	if (json_is_integer(interval) && (ms < INTERVAL_MIN_MS || ms > INTERVAL_MAX_MS))
		return "interval_ms";
	/* without an interval there is nothing that could happen so many times */
	if (json_is_integer(times) && (json_integer_value(times) < 1 || !ms))
		return "times";
	*ret_interval_us = (uint64_t)ms * 1000;
	*ret_times = json_is_integer(times) ? json_integer_value(times) : -1;
	return NULL;
}

static int fail_to_count(struct varlink_call *call, int r, const char *reason)
{
	return sink_varlink_fail(call, r == -EINVAL ? "io.cxlirqd.BadEvents" : "io.cxlirqd.Failed",
				 json_pack("{s:o}", "reason",
					   json_text(*reason ? reason : strerror(-r))));
}

static size_t count_streams(const struct sink_varlink *sink)
{
	size_t n = 0;

	for (const struct count_stream *s = sink->counts; s; s = s->next)
		n++;
	return n;
}

int sink_varlink_count_events(struct varlink_call *call, json_t *parameters, void *userdata)
{
	_cleanup_(stream_freep) struct count_stream *s = NULL;
	struct sink_varlink *sink = userdata;
	char reason[COUNT_REASON_MAX] = "";
	uint64_t interval_us;
	const char *misfit;
	int r;

	if (!sink_varlink_may_change(sink, call))
		return sink_varlink_fail(call, "io.cxlirqd.PermissionDenied", json_object());
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->sink = sink;
	s->call = call;
	misfit = read_parameters(parameters, &interval_us, &s->times);
	if (misfit)
		return varlink_call_invalid_parameter(call, misfit);
	if (!sink->source.count_start)
		return sink_varlink_fail_reason(call, "nothing can be counted here");
	if (count_streams(sink) == STREAMS_MAX)
		return sink_varlink_fail_reason(call, "too many clients are counting already");
	r = sink->source.count_start(json_object_get(parameters, "events"),
				     json_string_value(json_object_get(parameters, "pmu")),
				     &s->counting, reason, sink->source.userdata);
	if (r < 0)
		return fail_to_count(call, r, reason);
	r = stream_start(s, interval_us);
	if (r < 0)
		return r;
	stream_follow(TAKE_PTR(s));
	return 0;
}

int sink_varlink_end_count(struct varlink_call *call, json_t *parameters, void *userdata)
{
	json_int_t id = json_integer_value(json_object_get(parameters, "id"));
	struct sink_varlink *sink = userdata;
	struct count_stream *s = sink->counts;

	if (!sink_varlink_may_change(sink, call))
		return sink_varlink_fail(call, "io.cxlirqd.PermissionDenied", json_object());
	while (s && (json_int_t)s->id != id)
		s = s->next;
	if (!s)
		return sink_varlink_fail(call, "io.cxlirqd.NoSuchCount",
					 json_pack("{s:I}", "id", id));
	stream_tell(s, true, true);
	return sink_varlink_reply(call, json_object());
}
