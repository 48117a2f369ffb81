/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a verb gets, and the verbs there are. main.c holds the table that names and describes them
 * (struct verb is in option.h).
 */
#ifndef CXLIRQCTL_VERB_H
#define CXLIRQCTL_VERB_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_UNHEALTHY = 3, /* done, and the answer is "not healthy" */
};

/* What the functions that verbs call return, -EINVAL being a wrong command line. */
static inline enum exit_code exit_code_of(int r)
{
	if (r == -EINVAL)
		return EXIT_USAGE;
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

#define EVENTS_MAX 64 /* options -e */

/* As given on the command line. Strings are borrowed from argv; NULL: not given. */
struct options {
	bool json;
	bool noheadings;
	bool color;
	bool pager; /* pages of text may go through one */
	const char *output; /* columns; for record, a file */
	const char *socket;
	uint64_t timeout_us; /* 0: none */

	const char *device;
	int64_t irq; /* -1: not given */
	int64_t since_us, until_us; /* since the epoch; -1: not given */
	const char *type;
	bool all;
	bool tree;
	bool follow;
	uint64_t duration_us; /* 0: until a signal comes */
	const char *pmu;
	const char *events[EVENTS_MAX];
	size_t n_events;
	bool events_only; /* --events: what could be counted, not what is */
	uint64_t interval_us; /* 0: not given */
	int64_t times; /* -1: not given */
	bool batch; /* top: no screen */
	bool doorbells; /* guard: those whose message may change */
	const char *rule; /* guard: what it watches */
	const char *cpus; /* guard pin: where to */
	bool restore; /* guard add: put back what no hook can stop */
	const char *format; /* one of the verb's; NULL: not given */

	char *const *arguments; /* what follows the verb; NULL after the last */
};

/*
 * Returns an exit code, having printed what there is to print. @argument is the first of
 * options->arguments, NULL: not given.
 */
typedef enum exit_code (*verb_fn)(const struct options *options, const char *argument);

enum exit_code verb_status(const struct options *options, const char *argument);
enum exit_code verb_support(const struct options *options, const char *argument);
enum exit_code verb_domains(const struct options *options, const char *argument);
enum exit_code verb_devices(const struct options *options, const char *argument);
enum exit_code verb_vectors(const struct options *options, const char *argument);
enum exit_code verb_doorbells(const struct options *options, const char *argument);
enum exit_code verb_violations(const struct options *options, const char *argument);
enum exit_code verb_ack(const struct options *options, const char *argument);
enum exit_code verb_explain(const struct options *options, const char *argument);
enum exit_code verb_counters(const struct options *options, const char *argument);
enum exit_code verb_history(const struct options *options, const char *argument);
enum exit_code verb_events(const struct options *options, const char *argument);
enum exit_code verb_metrics(const struct options *options, const char *argument);
enum exit_code verb_graph(const struct options *options, const char *argument);
enum exit_code verb_guard(const struct options *options, const char *argument);
enum exit_code verb_snapshot(const struct options *options, const char *argument);
enum exit_code verb_record(const struct options *options, const char *argument);
enum exit_code verb_reload(const struct options *options, const char *argument);
enum exit_code verb_log_level(const struct options *options, const char *argument);
enum exit_code verb_top(const struct options *options, const char *argument);
enum exit_code verb_diff(const struct options *options, const char *argument);

#endif
