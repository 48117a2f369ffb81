// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cxlirqctl: asks cxlirqd what it knows, and shows it.
 *
 * Verbs and options are two tables. Dispatch, getopt's own tables, the check which option belongs
 * to which verb, and the help are all made from them.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cxlirqd/cleanup.h"

#include "moment.h"
#include "verb.h"

#define DEFAULT_SOCKET "/run/cxlirqd/io.cxlirqd"
#define DEFAULT_TIMEOUT_US (30 * UINT64_C(1000000))
#define SECONDS_MAX 1e9
#define INTERVAL_MIN_US 10000

/* Options that not every verb takes. */
enum {
	TAKES_TREE = 1 << 0,
	TAKES_DEVICE = 1 << 1,
	TAKES_IRQ = 1 << 2,
	TAKES_FOLLOW = 1 << 3,
	TAKES_DURATION = 1 << 4,
	TAKES_OUTPUT = 1 << 5,
	TAKES_ALL = 1 << 6,
	TAKES_SINCE = 1 << 7,
	TAKES_UNTIL = 1 << 8,
	TAKES_TYPE = 1 << 9,
	TAKES_EVENT = 1 << 10,
	TAKES_PMU = 1 << 11,
	TAKES_EVENTS = 1 << 12,
	TAKES_INTERVAL = 1 << 13,
	TAKES_TIMES = 1 << 14,
};

static const struct verb {
	const char *name;
	const char *usage;
	int max_arguments;
	unsigned int takes;
	verb_fn run;
	const char *help;
} verbs[] = { { "status", "", 0, 0, verb_status, "How the daemon is; this is what no verb means" },
	      { "domains", "[--tree]", 0, TAKES_TREE | TAKES_OUTPUT, verb_domains,
		"List the irq domains" },
	      { "devices", "[DEVICE]", 1, TAKES_OUTPUT, verb_devices,
		"List devices and the vectors they asked for and got" },
	      { "vectors", "[--device D] [--irq N]", 0, TAKES_DEVICE | TAKES_IRQ | TAKES_OUTPUT,
		verb_vectors, "List interrupts and who owns them" },
	      { "doorbells", "", 0, TAKES_OUTPUT, verb_doorbells,
		"List the doorbells of endpoint functions" },
	      { "violations", "[--all]", 0, TAKES_ALL | TAKES_OUTPUT, verb_violations,
		"List what the rules found and nobody acknowledged" },
	      { "ack", "ID...", INT_MAX, TAKES_OUTPUT, verb_ack, "Acknowledge violations" },
	      { "explain", "IRQ|DEVICE|RULE", 1, 0, verb_explain,
		"Say in words whose it is, what is wrong, and what to do" },
	      { "counters", "[list|stat] [-e EVENT]", 1,
		TAKES_EVENT | TAKES_PMU | TAKES_EVENTS | TAKES_INTERVAL | TAKES_TIMES |
			TAKES_DURATION | TAKES_OUTPUT,
		verb_counters, "Show what CXL PMUs count, or have them count" },
	      { "events", "[--follow] [--since T]", 0, TAKES_FOLLOW | TAKES_SINCE | TAKES_OUTPUT,
		verb_events, "Show what happened" },
	      { "history", "[--since T] [--until T]", 0,
		TAKES_DEVICE | TAKES_IRQ | TAKES_SINCE | TAKES_UNTIL | TAKES_TYPE | TAKES_OUTPUT,
		verb_history, "Show what the store kept of it" },
	      { "support", "", 0, TAKES_OUTPUT, verb_support,
		"Show what this kernel allows, and why not" },
	      { "snapshot", "", 0, 0, verb_snapshot, "Read the kernel again and print all of it" },
	      { "record", "-o FILE [--duration SECS]", 0, TAKES_OUTPUT | TAKES_DURATION,
		verb_record, "Write a raw trace, for a bug report" },
	      {} };

enum {
	OPTION_NO_PAGER = 256,
	OPTION_COLOR,
	OPTION_TIMEOUT,
	OPTION_TREE,
	OPTION_DEVICE,
	OPTION_IRQ,
	OPTION_ALL,
	OPTION_TYPE,
	OPTION_SINCE,
	OPTION_UNTIL,
	OPTION_FOLLOW,
	OPTION_DURATION,
	OPTION_PMU,
	OPTION_EVENTS,
	OPTION_INTERVAL,
	OPTION_TIMES
};

static const struct known_option {
	int value; /* the letter, too, if below 256 */
	const char *name;
	const char *argument; /* NULL: takes none */
	unsigned int takes; /* 0: every verb takes it */
	const char *help;
} known_options[] = {
	{ 'j', "json", NULL, 0, "Print JSON" },
	{ 'n', "noheadings", NULL, 0, "No headings above columns" },
	{ 'o', "output", "COLS", TAKES_OUTPUT, "Show these columns (record: write this file)" },
	{ 'S', "socket", "PATH", 0, "Ask the daemon that listens there" },
	{ OPTION_TIMEOUT, "timeout", "SECS", 0,
	  "How long to wait for an answer (30); 0: no limit" },
	{ OPTION_COLOR, "color", "WHEN", 0, "auto, always or never" },
	{ OPTION_NO_PAGER, "no-pager", NULL, 0, "Nothing: there is no pager" },
	{ OPTION_TREE, "tree", NULL, TAKES_TREE, "domains: as a tree" },
	{ OPTION_DEVICE, "device", "DEVICE", TAKES_DEVICE, "vectors, history: of this device" },
	{ OPTION_IRQ, "irq", "N", TAKES_IRQ, "vectors, history: only this one" },
	{ OPTION_TYPE, "type", "TYPE", TAKES_TYPE, "history: events of this type" },
	{ OPTION_SINCE, "since", "T", TAKES_SINCE,
	  "events, history: from then on (-1h, today, @SECONDS, ...)" },
	{ OPTION_UNTIL, "until", "T", TAKES_UNTIL, "history: until then" },
	{ OPTION_ALL, "all", NULL, TAKES_ALL, "violations: acknowledged ones, too" },
	{ OPTION_FOLLOW, "follow", NULL, TAKES_FOLLOW, "events: wait for more" },
	{ OPTION_DURATION, "duration", "SECS", TAKES_DURATION,
	  "record, counters stat: stop after this time" },
	{ 'e', "event", "EVENT", TAKES_EVENT, "counters stat: count this, as perf writes it" },
	{ OPTION_PMU, "pmu", "PMU", TAKES_PMU, "counters: of this PMU" },
	{ OPTION_EVENTS, "events", NULL, TAKES_EVENTS, "counters list: what could be counted" },
	{ OPTION_INTERVAL, "interval", "SECS", TAKES_INTERVAL,
	  "counters stat: print each time this has passed" },
	{ OPTION_TIMES, "times", "N", TAKES_TIMES, "counters stat: so many times" },
	{ 'h', "help", NULL, 0, "Print this" },
	{ 'V', "version", NULL, 0, "Print the version" },
	{}
};

#define N_OPTIONS (sizeof(known_options) / sizeof(known_options[0]))

static void print_help(void)
{
	const struct known_option *option;
	const struct verb *verb;
	char left[64];

	puts("Usage: cxlirqctl [OPTION...] [VERB]\n\n"
	     "Ask cxlirqd which device owns which interrupt vector.\n\nVerbs:");
	for (verb = verbs; verb->name; verb++) {
		snprintf(left, sizeof(left), "%s %s", verb->name, verb->usage);
		printf("  %-34s %s\n", left, verb->help);
	}
	puts("\nOptions:");
	for (option = known_options; option->name; option++) {
		snprintf(left, sizeof(left), "%c%c%c --%s%s%s", option->value < 256 ? '-' : ' ',
			 option->value < 256 ? option->value : ' ', option->value < 256 ? ',' : ' ',
			 option->name, option->argument ? " " : "", option->argument ?: "");
		printf("  %-34s %s\n", left, option->help);
	}
}

/* The ":" in front makes getopt tell a missing argument from an unknown option. */
static void fill_getopt(struct option longs[static N_OPTIONS], char shorts[static 2 * N_OPTIONS])
{
	const struct known_option *option;

	*shorts++ = ':';
	for (option = known_options; option->name; option++, longs++) {
		*longs = (struct option){
			.name = option->name,
			.has_arg = option->argument ? required_argument : no_argument,
			.val = option->value,
		};
		if (option->value >= 256)
			continue;
		*shorts++ = (char)option->value;
		if (option->argument)
			*shorts++ = ':';
	}
	*longs = (struct option){};
	*shorts = '\0';
}

static const struct known_option *find_option(int value)
{
	const struct known_option *option;

	for (option = known_options; option->name; option++)
		if (option->value == value)
			return option;
	return NULL;
}

/* After getopt returned ":" or "?": @culprit is optopt, @argument what it looked at. */
static void complain(int found, int culprit, const char *argument)
{
	const struct known_option *option = find_option(culprit);

	if (option)
		warnx("--%s: %s", option->name,
		      found == ':' ? "needs an argument" : "takes no argument");
	else if (culprit)
		warnx("-%c: unknown option", culprit);
	else
		warnx("%s: unknown option", argument);
}

static int parse_number(const char *text, int64_t *ret)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno != 0 || *end || text[0] < '0' || text[0] > '9' || number > UINT32_MAX)
		return -EINVAL;
	*ret = (int64_t)number;
	return 0;
}

static int parse_seconds(const char *text, uint64_t *ret_us)
{
	double seconds;
	char *end;

	seconds = strtod(text, &end);
	/* The comparison is false for what is no number, too. */
	if (*end || end == text || !(seconds >= 0 && seconds <= SECONDS_MAX))
		return -EINVAL;
	*ret_us = (uint64_t)(seconds * 1e6);
	return 0;
}

static int parse_color(const char *when, bool *ret)
{
	const char *no_color = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	if (strcmp(when, "always") == 0)
		*ret = true;
	else if (strcmp(when, "never") == 0)
		*ret = false;
	else if (strcmp(when, "auto") == 0)
		*ret = isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
		       !(terminal && strcmp(terminal, "dumb") == 0);
	else
		return -EINVAL;
	return 0;
}

static int parse_moment(const char *text, int64_t *ret_us)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return moment_parse(text, (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000, ret_us);
}

static int parse_interval(const char *text, uint64_t *ret_us)
{
	uint64_t us;

	if (parse_seconds(text, &us) < 0 || us < INTERVAL_MIN_US)
		return -EINVAL;
	*ret_us = us;
	return 0;
}

static int add_event(const char *event, struct options *options)
{
	if (options->n_events == EVENTS_MAX)
		return -EINVAL;
	options->events[options->n_events++] = event;
	return 0;
}

static int set_option(int value, const char *argument, struct options *options)
{
	switch (value) {
	case 'j': options->json = true; return 0;
	case 'n': options->noheadings = true; return 0;
	case 'o': options->output = argument; return 0;
	case 'S': options->socket = argument; return 0;
	case OPTION_TIMEOUT: return parse_seconds(argument, &options->timeout_us);
	case OPTION_COLOR: return parse_color(argument, &options->color);
	case OPTION_TREE: options->tree = true; return 0;
	case OPTION_DEVICE: options->device = argument; return 0;
	case OPTION_IRQ: return parse_number(argument, &options->irq);
	case OPTION_ALL: options->all = true; return 0;
	case OPTION_TYPE: options->type = argument; return 0;
	case OPTION_SINCE: return parse_moment(argument, &options->since_us);
	case OPTION_UNTIL: return parse_moment(argument, &options->until_us);
	case OPTION_FOLLOW: options->follow = true; return 0;
	case OPTION_DURATION: return parse_seconds(argument, &options->duration_us);
	case 'e': return add_event(argument, options);
	case OPTION_PMU: options->pmu = argument; return 0;
	case OPTION_EVENTS: options->events_only = true; return 0;
	case OPTION_INTERVAL: return parse_interval(argument, &options->interval_us);
	case OPTION_TIMES: return parse_number(argument, &options->times);
	}
	return 0;
}

/* What an argument that was refused should have been */
static const char *expected_of(int value)
{
	switch (value) {
	case OPTION_COLOR: return "auto, always or never";
	case 'e': return "taken, for there are 64 already";
	case OPTION_INTERVAL: return "a time of 0.01 seconds or more";
	case OPTION_SINCE:
	case OPTION_UNTIL: return MOMENT_WORDS;
	default: return "a number";
	}
}

/* What the command line asks for. */
struct request {
	struct options options;
	unsigned int given; /* TAKES_* */
	bool help;
	bool version;
	const struct verb *verb;
};

static int parse_options(int argc, char *argv[], struct request *request)
{
	struct option longs[N_OPTIONS];
	char shorts[2 * N_OPTIONS];
	int value;

	fill_getopt(longs, shorts);
	opterr = 0;
	while ((value = getopt_long(argc, argv, shorts, longs, NULL)) >= 0) {
		const struct known_option *option = find_option(value);

		if (!option) {
			complain(value, optopt, argv[optind - 1]);
			return -EINVAL;
		}
		if (set_option(value, optarg, &request->options) < 0) {
			warnx("--%s: '%s' is not %s", option->name, optarg, expected_of(value));
			return -EINVAL;
		}
		request->given |= option->takes;
		request->help = request->help || value == 'h';
		request->version = request->version || value == 'V';
	}
	return 0;
}

static int parse_verb(char *arguments[], struct request *request)
{
	const struct known_option *option;
	const struct verb *verb = verbs;

	if (*arguments) {
		while (verb->name && strcmp(verb->name, *arguments) != 0)
			verb++;
		if (!verb->name) {
			warnx("%s: unknown verb", *arguments);
			return -EINVAL;
		}
		arguments++;
	}
	for (option = known_options; option->name; option++)
		if (option->takes & request->given & ~verb->takes) {
			warnx("%s: takes no --%s", verb->name, option->name);
			return -EINVAL;
		}
	request->options.arguments = arguments;
	for (int i = 0; *arguments && i < verb->max_arguments; i++)
		arguments++;
	if (*arguments) {
		warnx("%s: %s takes no more arguments", *arguments, verb->name);
		return -EINVAL;
	}
	request->verb = verb;
	return 0;
}

/* A socket that took the place of a closed stdout would get what is meant for the user. */
static void open_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	closep(&fd);
}

static enum exit_code close_stdout(enum exit_code code)
{
	bool failed = ferror(stdout);

	errno = 0;
	if (fclose(stdout) == 0 && !failed)
		return code;
	warnx("standard output: %s", errno ? strerror(errno) : "write error");
	return EXIT_FAILED;
}

int main(int argc, char *argv[])
{
	struct request request = {
		.options = {
			.socket = DEFAULT_SOCKET,
			.timeout_us = DEFAULT_TIMEOUT_US,
			.irq = -1,
			.since_us = -1,
			.until_us = -1,
			.times = -1,
		},
	};
	enum exit_code code = EXIT_DONE;

	open_standard_streams();
	setlocale(LC_CTYPE, "");
	/* Whoever closes the pipe has seen enough: end without a word, whatever we inherited. */
	signal(SIGPIPE, SIG_DFL);
	(void)parse_color("auto", &request.options.color);

	if (parse_options(argc, argv, &request) < 0)
		return EXIT_USAGE;
	if (request.help)
		print_help();
	else if (request.version)
		puts("cxlirqctl " CXLIRQD_VERSION);
	else if (parse_verb(argv + optind, &request) < 0)
		return EXIT_USAGE;
	else
		code = request.verb->run(&request.options, *request.options.arguments);
	return close_stdout(code);
}
