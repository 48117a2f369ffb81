// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command line, made from two tables: no option can be parsed that the help does not name, and
 * none is accepted by a verb that would not look at it.
 */
#include "option.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "moment.h"

#define DEFAULT_SOCKET "/run/cxlirqd/io.cxlirqd"
#define DEFAULT_TIMEOUT_US (30 * UINT64_C(1000000))
#define SECONDS_MAX 1e9
#define INTERVAL_MIN_US 10000
#define INTERVAL_MAX_US (86400 * UINT64_C(1000000))

enum {
	OPTION_NO_PAGER = OPTION_FIRST_LONG,
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
	OPTION_TIMES,
	OPTION_DOORBELLS,
	OPTION_RULE,
	OPTION_CPUS,
	OPTION_RESTORE,
	OPTION_FORMAT,
	OPTION_COMPLETION,
};

/* clang-format off */
const struct known_option known_options[] = {
	{ 'j', "json", NULL, 0, NULL, "Print JSON" },
	{ 'n', "noheadings", NULL, 0, NULL, "No headings above columns" },
	{ 'o', "output", "COLS", TAKES_OUTPUT, WORDS_OUTPUT,
	  "Show these columns; help lists them (record: write this file)" },
	{ 'S', "socket", "PATH", 0, WORDS_FILES, "Ask the daemon that listens there" },
	{ OPTION_TIMEOUT, "timeout", "SECS", 0, NULL,
	  "How long to wait for an answer (30); 0: no limit" },
	{ OPTION_COLOR, "color", "WHEN", 0, "auto always never", "auto, always or never" },
	{ OPTION_NO_PAGER, "no-pager", NULL, 0, NULL, "Long lists go by without a stop" },
	{ OPTION_TREE, "tree", NULL, TAKES_TREE, NULL, "domains: as a tree" },
	{ OPTION_DEVICE, "device", "DEVICE", TAKES_DEVICE, WORDS_DEVICES,
	  "vectors, history, graph, top, guard: of this device" },
	{ OPTION_IRQ, "irq", "N", TAKES_IRQ, WORDS_IRQS, "vectors, history, guard: only this one" },
	{ OPTION_TYPE, "type", "TYPE", TAKES_TYPE, WORDS_TYPES, "history: events of this type" },
	{ OPTION_SINCE, "since", "T", TAKES_SINCE, "now today yesterday",
	  "events, history: from then on (-1h, today, @SECONDS, ...)" },
	{ OPTION_UNTIL, "until", "T", TAKES_UNTIL, "now today yesterday", "history: until then" },
	{ OPTION_ALL, "all", NULL, TAKES_ALL, NULL, "violations: acknowledged ones, diff: counts, too" },
	{ OPTION_FOLLOW, "follow", NULL, TAKES_FOLLOW, NULL, "events: wait for more" },
	{ OPTION_DURATION, "duration", "SECS", TAKES_DURATION, NULL,
	  "record, counters stat: stop after this time" },
	{ 'e', "event", "EVENT", TAKES_EVENT, WORDS_PMU_EVENTS,
	  "counters stat: count this, as perf writes it" },
	{ OPTION_PMU, "pmu", "PMU", TAKES_PMU, WORDS_PMUS, "counters: of this PMU" },
	{ OPTION_EVENTS, "events", NULL, TAKES_EVENTS, NULL,
	  "counters list: what could be counted" },
	{ OPTION_INTERVAL, "interval", "SECS", TAKES_INTERVAL, NULL,
	  "counters stat, top: each time this has passed" },
	{ OPTION_TIMES, "times", "N", TAKES_TIMES, NULL, "counters stat, top: so many times" },
	{ 'b', "batch", NULL, TAKES_BATCH, NULL, "top: plain snapshots, one after the other" },
	{ OPTION_DOORBELLS, "doorbells", NULL, TAKES_GUARD, NULL,
	  "guard: doorbells whose message may change" },
	{ OPTION_RULE, "rule", "RULE", TAKES_GUARD, WORDS_RULES, "guard: what this rule watches" },
	{ OPTION_CPUS, "cpus", "LIST", TAKES_GUARD, NULL, "guard pin: where to (0-3,8)" },
	{ OPTION_RESTORE, "restore", NULL, TAKES_GUARD, NULL,
	  "guard add: put back what moves in spite" },
	{ OPTION_FORMAT, "format", "FORMAT", TAKES_FORMAT, WORDS_FORMATS,
	  "metrics: openmetrics, text, json; graph: dot, svg" },
	{ OPTION_COMPLETION, "completion", "SHELL", 0, "bash zsh fish",
	  "Print what makes bash, zsh or fish complete all this" },
	{ 'h', "help", NULL, 0, NULL, "Print this" },
	{ 'V', "version", NULL, 0, NULL, "Print the version" },
	{}
};
/* clang-format on */

#define N_OPTIONS (sizeof(known_options) / sizeof(known_options[0]))

void request_print_help(const struct verb *verbs)
{
	const struct known_option *option;
	const struct verb *verb;
	char left[64];

	puts("Usage: cxlirqctl [OPTION...] [VERB]\n\n"
	     "Ask cxlirqd which device owns which interrupt vector.\n\nVerbs:");
	for (verb = verbs; verb->name; verb++) {
		snprintf(left, sizeof(left), "%s %s", verb->name, verb->usage ?: "");
		printf("  %-34s %s\n", left, verb->help);
	}
	puts("\nOptions:");
	for (option = known_options; option->name; option++) {
		bool letter = option->value < OPTION_FIRST_LONG;

		snprintf(left, sizeof(left), "%c%c%c --%s%s%s", letter ? '-' : ' ',
			 letter ? option->value : ' ', letter ? ',' : ' ', option->name,
			 option->argument ? " " : "", option->argument ?: "");
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
	/* the least of all is not nothing, which means something else */
	if (seconds > 0 && *ret_us == 0)
		*ret_us = 1;
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

	if (parse_seconds(text, &us) < 0 || us < INTERVAL_MIN_US || us > INTERVAL_MAX_US)
		return -EINVAL;
	*ret_us = us;
	return 0;
}

static int parse_duration(const char *text, uint64_t *ret_us)
{
	uint64_t us;

	if (parse_seconds(text, &us) < 0 || us == 0)
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

static int set_option(int value, const char *argument, struct request *request)
{
	struct options *options = &request->options;

	switch (value) {
	case 'h': request->help = true; return 0;
	case 'V': request->version = true; return 0;
	case OPTION_COMPLETION: request->completion = argument; return 0;
	case OPTION_NO_PAGER: request->no_pager = true; return 0;
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
	case OPTION_DURATION: return parse_duration(argument, &options->duration_us);
	case 'e': return add_event(argument, options);
	case OPTION_PMU: options->pmu = argument; return 0;
	case OPTION_EVENTS: options->events_only = true; return 0;
	case OPTION_INTERVAL: return parse_interval(argument, &options->interval_us);
	case OPTION_TIMES: return parse_number(argument, &options->times);
	case 'b': options->batch = true; return 0;
	case OPTION_DOORBELLS: options->doorbells = true; return 0;
	case OPTION_RULE: options->rule = argument; return 0;
	case OPTION_CPUS: options->cpus = argument; return 0;
	case OPTION_RESTORE: options->restore = true; return 0;
	case OPTION_FORMAT: options->format = argument; return 0;
	}
	return 0;
}

/* What an argument that was refused should have been */
static const char *expected_of(int value)
{
	switch (value) {
	case OPTION_COLOR: return "auto, always or never";
	case 'e': return "taken, for there are 64 already";
	case OPTION_INTERVAL: return "a time of 0.01 to 86400 seconds";
	case OPTION_DURATION: return "a time of more than 0 and up to 1000000000 seconds";
	case OPTION_TIMEOUT: return "a time of 0 to 1000000000 seconds";
	case OPTION_SINCE:
	case OPTION_UNTIL: return MOMENT_WORDS;
	default: return "a number up to 4294967295";
	}
}

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
		if (set_option(value, optarg, request) < 0) {
			warnx("--%s: '%s' is not %s", option->name, optarg, expected_of(value));
			return -EINVAL;
		}
		request->given |= option->takes;
	}
	return 0;
}

static int find_verb(const char *name, const struct verb *verbs, const struct verb **ret)
{
	for (; verbs->name; verbs++)
		if (strcmp(verbs->name, name) == 0) {
			*ret = verbs;
			return 0;
		}
	warnx("%s: unknown verb", *name ? name : "''");
	return -EINVAL;
}

static int check_options(const struct verb *verb, unsigned int given)
{
	const struct known_option *option;

	for (option = known_options; option->name; option++)
		if (option->takes & given & ~verb->takes) {
			warnx("%s: takes no --%s", verb->name, option->name);
			return -EINVAL;
		}
	return 0;
}

/* Whether @word is one of @words, which have blanks between them. */
static bool is_among(const char *word, const char *words)
{
	size_t size = strlen(word), n;

	for (; *words; words += n + strspn(words + n, " ")) {
		n = strcspn(words, " ");
		if (n == size && strncmp(words, word, n) == 0)
			return true;
	}
	return false;
}

static int check_format(const struct verb *verb, const char *format)
{
	if (!format || !verb->formats || is_among(format, verb->formats))
		return 0;
	warnx("--format: '%s' is not one of: %s", format, verb->formats);
	return -EINVAL;
}

int request_parse(int argc, char *argv[], const struct verb *verbs, struct request *request)
{
	char **arguments;
	int r;

	(void)parse_color("auto", &request->options.color);
	r = parse_options(argc, argv, request);
	if (r < 0 || request->help || request->version || request->completion)
		return r;
	arguments = argv + optind;
	request->verb = verbs;
	if (*arguments) {
		r = find_verb(*arguments++, verbs, &request->verb);
		if (r < 0)
			return r;
	}
	r = check_options(request->verb, request->given);
	if (r == 0)
		r = check_format(request->verb, request->options.format);
	if (r < 0)
		return r;
	request->options.arguments = arguments;
	request->options.pager =
		request->verb->pager && !request->no_pager && !request->options.follow;
	for (int i = 0; *arguments && i < request->verb->max_arguments; i++)
		if (!**arguments++) {
			warnx("%s: an argument is empty", request->verb->name);
			return -EINVAL;
		}
	if (*arguments) {
		warnx("%s: %s takes no more arguments", *arguments, request->verb->name);
		return -EINVAL;
	}
	return 0;
}

struct request request_default(void)
{
	return (struct request){
		.options = {
			.socket = DEFAULT_SOCKET,
			.timeout_us = DEFAULT_TIMEOUT_US,
			.irq = -1,
			.since_us = -1,
			.until_us = -1,
			.times = -1,
		},
	};
}
