// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counters: what CXL PMUs count for the daemon, and what they count for us, as perf stat shows it.
 *
 * Counting is a stream that the daemon keeps up; each reply has what was counted since the one
 * before, the last one has the totals. A signal does not just leave: the daemon is asked, on
 * another connection, for that last reply.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cxlirqd/cleanup.h"
#include "cxlirqd/json.h"

#include "client.h"
#include "column.h"
#include "stop.h"
#include "writer.h"

#define USEC_PER_SEC 1000000
#define TOTALS_TIMEOUT_US (5 * UINT64_C(1000000))

/* ---- How a counter is shown -------------------------------------------------------------------- */

/* What perf stat shows: the scaled value, or one of perf's words for none */
static char *text_count(const json_t *counter, const char *member)
{
	const json_t *scaled = json_object_get(counter, "scaled");
	json_int_t error = json_integer_value(json_object_get(counter, "error"));

	(void)member;
	if (json_is_integer(scaled))
		return text_plain(scaled, NULL);
	return strdup(error && error != ENODEV ? "<not supported>" : "<not counted>");
}

/* How much of the time it was on the PMU; nothing if all of it, or none. */
static char *text_share(const json_t *counter, const char *member)
{
	double enabled = (double)json_integer_value(json_object_get(counter, "enabled_ns"));
	double running = (double)json_integer_value(json_object_get(counter, "running_ns"));
	char *text;

	(void)member;
	if (running <= 0 || running >= enabled)
		return strdup("");
	return asprintf(&text, "(%.2f%%)", 100 * running / enabled) < 0 ? NULL : text;
}

static char *text_elapsed(const json_t *counter, const char *member)
{
	json_int_t us = json_integer_value(json_object_get(counter, "elapsed_us"));
	char *text;

	(void)member;
	if (json_is_true(json_object_get(counter, "total")))
		return strdup("total");
	return asprintf(&text, "%.6f", (double)us / USEC_PER_SEC) < 0 ? NULL : text;
}

static const char *color_count(const json_t *counter)
{
	return json_is_integer(json_object_get(counter, "scaled")) ? NULL : "yellow";
}

const struct column counter_columns[] = {
	{ .name = "PMU", .key = "pmu", .flags = COLUMN_DEFAULT },
	{ .name = "EVENT", .key = "event", .flags = COLUMN_DEFAULT },
	{ .name = "COUNT",
	  .text = text_count,
	  .flags = COLUMN_DEFAULT | COLUMN_RIGHT,
	  .color = color_count },
	{ .name = "SHARE", .text = text_share, .flags = COLUMN_DEFAULT | COLUMN_RIGHT },
	{ .name = "REASON", .key = "reason", .flags = COLUMN_DEFAULT },
	{ .name = "DEVICE", .key = "device" },
	{ .name = "GROUP", .key = "group", .flags = COLUMN_RIGHT },
	{ .name = "VALUE", .key = "value", .flags = COLUMN_RIGHT },
	{ .name = "ENABLED", .key = "enabled_ns", .flags = COLUMN_RIGHT },
	{ .name = "RUNNING", .key = "running_ns", .flags = COLUMN_RIGHT },
	{ .name = "ERROR", .key = "error", .text = text_errno },
	{}
};

const struct column pmu_columns[] = {
	{ .name = "PMU", .key = "name", .flags = COLUMN_DEFAULT },
	{ .name = "DEVICE", .key = "device", .flags = COLUMN_DEFAULT },
	{ .name = "PROVIDER", .key = "provider", .flags = COLUMN_DEFAULT },
	{ .name = "IRQ", .key = "irq", .flags = COLUMN_DEFAULT | COLUMN_RIGHT },
	{ .name = "CPUS", .key = "cpus", .flags = COLUMN_DEFAULT },
	{ .name = "EVENTS", .key = "events", .member = "event", .flags = COLUMN_DEFAULT },
	{ .name = "TERMS", .key = "formats", .member = "term" },
	{}
};

const struct column stat_columns[] = {
	{ .name = "TIME",
	  .text = text_elapsed,
	  .flags = COLUMN_DEFAULT | COLUMN_RIGHT,
	  .width = 12 },
	{ .name = "COUNT",
	  .text = text_count,
	  .flags = COLUMN_DEFAULT | COLUMN_RIGHT,
	  .width = 20,
	  .color = color_count },
	{ .name = "SHARE", .text = text_share, .flags = COLUMN_DEFAULT | COLUMN_RIGHT, .width = 8 },
	{ .name = "PMU", .key = "pmu", .flags = COLUMN_DEFAULT, .width = 15 },
	{ .name = "EVENT", .key = "event", .flags = COLUMN_DEFAULT },
	{ .name = "DEVICE", .key = "device" },
	{ .name = "GROUP", .key = "group", .flags = COLUMN_RIGHT },
	{ .name = "VALUE", .key = "value", .flags = COLUMN_RIGHT },
	{ .name = "ENABLED", .key = "enabled_ns", .flags = COLUMN_RIGHT },
	{ .name = "RUNNING", .key = "running_ns", .flags = COLUMN_RIGHT },
	{ .name = "ERROR", .key = "error", .text = text_errno },
	{ .name = "REASON", .key = "reason" },
	{}
};

/* ---- list -------------------------------------------------------------------------------------- */

/* The whole answer: counters, PMUs, and the reason why there are none */
static int ask_counters(const struct options *options, json_t **ret)
{
	json_auto_t *parameters =
		json_pack("{s:o*}", "pmu", options->pmu ? json_text(options->pmu) : NULL);
	json_auto_t *reply = NULL;
	_cleanup_free_ char *failure = NULL;
	int r;

	r = client_ask(options, "ListCounters", parameters, &reply, &failure);
	if (r < 0) {
		warnx("%s", failure ?: strerror(-r));
		return r;
	}
	if (!json_is_array(json_object_get(reply, "counters")) ||
	    !json_is_array(json_object_get(reply, "pmus"))) {
		warnx("%s: the daemon's answer lacks counters", options->socket);
		return -EBADMSG;
	}
	*ret = TAKE_PTR(reply);
	return 0;
}

static enum exit_code list_counters(const struct options *options)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	json_auto_t *reply = NULL;
	const json_t *counters, *pmus;
	const char *reason;
	bool as_pmus = options->events_only;
	int r;

	r = writer_new(as_pmus ? pmu_columns : counter_columns, options, &writer);
	if (r == 0)
		r = ask_counters(options, &reply);
	if (r < 0)
		return exit_code_of(r);
	counters = json_object_get(reply, "counters");
	pmus = json_object_get(reply, "pmus");
	reason = json_string_value(json_object_get(reply, "reason"));
	if (json_array_size(as_pmus ? pmus : counters) == 0 && reason)
		warnx("counters: %s", reason);
	/* what could be counted is more of an answer than nothing; scripts get what they asked for */
	if (!as_pmus && json_array_size(counters) == 0 && json_array_size(pmus) > 0 &&
	    !options->json && !options->output) {
		writer_free(TAKE_PTR(writer));
		r = writer_new(pmu_columns, options, &writer);
		as_pmus = true;
	}
	if (r == 0)
		r = writer_list(writer, as_pmus ? pmus : counters, NULL, NULL);
	return exit_code_of(r);
}

/* ---- stat -------------------------------------------------------------------------------------- */

struct counting {
	const struct options *options;
	struct writer *writer;
	int stop_fd;
	json_int_t id; /* -1: not known yet */
	json_t *told; /* of each counter: what its reason was when it was told */
	bool any; /* something has been counted */
	bool ended; /* before it was asked to */
	bool asked; /* for the totals */
	bool complete; /* they came */
	char *failure; /* they could not be asked for */
};

/* A counter that has just failed, or ended: one line, and the others go on. */
static void tell_reason(struct counting *counting, size_t i, const json_t *counter)
{
	const char *reason = json_string_value(json_object_get(counter, "reason"));
	const char *pmu = json_string_value(json_object_get(counter, "pmu"));
	const char *told = json_string_value(json_array_get(counting->told, i));

	while (json_array_size(counting->told) <= i)
		if (json_array_append_new(counting->told, json_null()) < 0)
			break; /* no memory of what was told: it is told again */
	if (!reason || !json_is_integer(json_object_get(counter, "error")) ||
	    (told && strcmp(told, reason) == 0))
		return;
	warnx("%s%s%s: %s", pmu ?: "", pmu ? ": " : "",
	      json_string_value(json_object_get(counter, "event")) ?: "-", reason);
	json_array_set_new(counting->told, i, json_text(reason));
}

/* What an older daemon does not say stays out. */
static void take_over(json_t **row, const json_t *reply, const char *key)
{
	json_t *value = json_object_get(reply, key);

	if (value)
		json_put(row, key, json_incref(value));
}

static int print_counters(struct counting *counting, const json_t *reply, const char *which)
{
	const json_t *counters = json_object_get(reply, which);
	bool total = strcmp(which, "totals") == 0;
	int r = 0;

	for (size_t i = 0; i < json_array_size(counters) && r == 0; i++) {
		json_auto_t *row = json_copy(json_array_get(counters, i));

		take_over(&row, reply, "time_us");
		take_over(&row, reply, "elapsed_us");
		json_put(&row, "total", json_boolean(total));
		r = writer_row(counting->writer, row);
	}
	return r < 0 ? r : 0;
}

static bool any_counts(const json_t *counters)
{
	for (size_t i = 0; i < json_array_size(counters); i++)
		if (!json_is_integer(json_object_get(json_array_get(counters, i), "error")))
			return true;
	return false;
}

static int take_counts(const json_t *reply, void *userdata)
{
	const json_t *counters = json_object_get(reply, "counters");
	struct counting *counting = userdata;
	bool last = json_is_array(json_object_get(reply, "totals"));
	bool first = counting->id < 0;
	int r = 0;

	counting->id = json_integer_value(json_object_get(reply, "id"));
	for (size_t i = 0; i < json_array_size(counters); i++)
		tell_reason(counting, i, json_array_get(counters, i));
	counting->any = counting->any || any_counts(counters);
	counting->ended = last && !any_counts(counters);
	counting->complete = last;
	if (!counting->any)
		return 0;
	if (!first && counting->options->interval_us)
		r = print_counters(counting, reply, "counters");
	if (last && r == 0)
		r = print_counters(counting, reply, "totals");
	return ferror(stdout) ? 1 : r;
}

/* The first signal asks for the totals, another one just leaves. */
static bool ask_for_totals(void *userdata)
{
	struct counting *counting = userdata;
	struct options options = *counting->options;
	json_auto_t *parameters = json_pack("{s:I}", "id", counting->id);
	json_auto_t *reply = NULL;
	struct signalfd_siginfo signal;
	int r;

	if (read(counting->stop_fd, &signal, sizeof(signal)) < 0 || counting->id < 0 ||
	    counting->asked)
		return false;
	counting->asked = true;
	/* the user wants to be gone */
	if (!options.timeout_us || options.timeout_us > TOTALS_TIMEOUT_US)
		options.timeout_us = TOTALS_TIMEOUT_US;
	r = client_ask(&options, "EndCount", parameters, &reply, &counting->failure);
	/* what cannot be ended any more has ended: its last reply is on the way */
	if (r == -EREMOTEIO)
		free(TAKE_PTR(counting->failure));
	return r == 0 || r == -EREMOTEIO;
}

static json_t *stat_parameters(const struct options *options)
{
	json_t *events = json_array();

	for (size_t i = 0; i < options->n_events; i++)
		json_add(&events, json_text(options->events[i]));
	return json_pack("{s:o, s:o*, s:o*, s:o*}", "events", events, "pmu",
			 options->pmu ? json_text(options->pmu) : NULL, "interval_ms",
			 options->interval_us ?
				 json_integer((json_int_t)(options->interval_us / 1000)) :
				 NULL,
			 "times", options->times >= 0 ? json_integer(options->times) : NULL);
}

static bool stat_usage(const struct options *options)
{
	if (!options->n_events)
		warnx("counters stat: needs an event, -e EVENT");
	else if (options->times == 0)
		warnx("counters stat: --times is 1 at least");
	else if (options->times > 0 && !options->interval_us)
		warnx("counters stat: --times needs --interval");
	else
		return true;
	return false;
}

static enum exit_code stat_counters(const struct options *options)
{
	json_auto_t *parameters = stat_parameters(options);
	json_auto_t *told = json_array();
	_cleanup_(writer_freep) struct writer *writer = NULL;
	_cleanup_close_ int stop = -EBADF;
	_cleanup_free_ char *failure = NULL;
	struct counting counting = { .options = options, .id = -1, .told = told };
	struct client_stream stream = {
		.method = "CountEvents",
		.parameters = parameters,
		.endless = true,
		.interrupted = ask_for_totals,
		.each = take_counts,
		.userdata = &counting,
	};
	int r;

	if (!stat_usage(options))
		return EXIT_USAGE;
	r = writer_new(stat_columns, options, &writer);
	if (r < 0)
		return exit_code_of(r);
	stop = stop_fd(options->duration_us);
	if (stop < 0) {
		warn("signalfd");
		return EXIT_FAILED;
	}
	counting.writer = writer;
	counting.stop_fd = stream.interrupt_fd = stop;
	r = client_stream(options, &stream, &failure);
	if (counting.failure)
		failure = TAKE_PTR(counting.failure);
	else if (r == 0 && counting.id < 0)
		failure = strdup("counters stat: stopped before the daemon answered");
	else if (r == 0 && !counting.complete && !ferror(stdout))
		failure = strdup("counters stat: stopped before the totals came");
	if (failure)
		warnx("%s", failure);
	if (r < 0)
		return exit_code_of(r);
	return failure || counting.ended ? EXIT_FAILED : EXIT_DONE;
}

enum exit_code verb_counters(const struct options *options, const char *argument)
{
	if (!argument || strcmp(argument, "list") == 0) {
		if (options->n_events || options->interval_us || options->times >= 0 ||
		    options->duration_us) {
			warnx("counters list: -e, --interval, --times and --duration are for stat");
			return EXIT_USAGE;
		}
		return list_counters(options);
	}
	if (strcmp(argument, "stat") == 0) {
		if (!options->events_only)
			return stat_counters(options);
		warnx("counters stat: --events is for list");
		return EXIT_USAGE;
	}
	warnx("counters: '%s' is not list or stat", argument);
	return EXIT_USAGE;
}
