// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cxlirqctl: asks cxlirqd what it knows, and shows it.
 *
 * Here stands the table of verbs. A new verb is a function of its own file, declared in verb.h, and
 * a line here; options stand in option.c.
 */
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cxlirqd/streams.h"

#include "column.h"
#include "completion.h"
#include "option.h"
#include "pager.h"
#include "writer.h"

static const struct verb verbs[] = {
	/* the first one is what no verb means */
	{ .name = "status",
	  .help = "How the daemon is; this is what no verb means",
	  .run = verb_status },
	{ .name = "domains",
	  .usage = "[--tree]",
	  .help = "List the irq domains",
	  .run = verb_domains,
	  .takes = TAKES_TREE | TAKES_OUTPUT,
	  .tables = { { .columns = domain_columns } },
	  .pager = true },
	{ .name = "devices",
	  .usage = "[DEVICE]",
	  .help = "List devices and the vectors they asked for and got",
	  .run = verb_devices,
	  .max_arguments = 1,
	  .words = WORDS_DEVICES,
	  .takes = TAKES_OUTPUT,
	  .tables = { { .columns = device_columns } },
	  .pager = true },
	{ .name = "vectors",
	  .usage = "[--device D] [--irq N]",
	  .help = "List interrupts and who owns them",
	  .run = verb_vectors,
	  .takes = TAKES_DEVICE | TAKES_IRQ | TAKES_OUTPUT,
	  .tables = { { .columns = vector_columns } },
	  .pager = true },
	{ .name = "doorbells",
	  .help = "List the doorbells of endpoint functions",
	  .run = verb_doorbells,
	  .takes = TAKES_OUTPUT,
	  .tables = { { .columns = doorbell_columns } },
	  .pager = true },
	{ .name = "violations",
	  .usage = "[--all]",
	  .help = "List what the rules found and nobody acknowledged",
	  .run = verb_violations,
	  .takes = TAKES_ALL | TAKES_OUTPUT,
	  .tables = { { .columns = violation_columns } },
	  .pager = true },
	{ .name = "ack",
	  .usage = "ID...",
	  .help = "Acknowledge violations",
	  .run = verb_ack,
	  .max_arguments = INT_MAX,
	  .words = WORDS_VIOLATIONS,
	  .takes = TAKES_OUTPUT,
	  .tables = { { .columns = violation_columns } } },
	{ .name = "explain",
	  .usage = "IRQ|DEVICE|RULE",
	  .help = "Say in words whose it is, what is wrong, and what to do",
	  .run = verb_explain,
	  .max_arguments = 1,
	  .words = WORDS_SUBJECTS,
	  .pager = true },
	{ .name = "counters",
	  .usage = "[list|stat] [-e EVENT]",
	  .help = "Show what CXL PMUs count, or have them count",
	  .run = verb_counters,
	  .max_arguments = 1,
	  .words = "list stat",
	  .takes = TAKES_EVENT | TAKES_PMU | TAKES_EVENTS | TAKES_INTERVAL | TAKES_TIMES |
		   TAKES_DURATION | TAKES_OUTPUT,
	  .tables = { { "list", counter_columns },
		      { "list --events", pmu_columns },
		      { "stat", stat_columns } },
	  .pager = true },
	{ .name = "events",
	  .usage = "[--follow] [--since T]",
	  .help = "Show what happened",
	  .run = verb_events,
	  .takes = TAKES_FOLLOW | TAKES_SINCE | TAKES_OUTPUT,
	  .tables = { { .columns = event_columns } },
	  .pager = true },
	{ .name = "history",
	  .usage = "[--since T] [--until T]",
	  .help = "Show what the store kept of it",
	  .run = verb_history,
	  .takes = TAKES_DEVICE | TAKES_IRQ | TAKES_SINCE | TAKES_UNTIL | TAKES_TYPE | TAKES_OUTPUT,
	  .tables = { { .columns = event_columns } },
	  .pager = true },
	{ .name = "metrics",
	  .usage = "[--format FORMAT]",
	  .help = "Show the metrics, as an exporter would",
	  .run = verb_metrics,
	  .takes = TAKES_FORMAT,
	  .formats = "openmetrics text json",
	  .pager = true },
	{ .name = "graph",
	  .usage = "[--format dot|svg]",
	  .help = "Draw which device has which vector of which domain",
	  .run = verb_graph,
	  .takes = TAKES_FORMAT | TAKES_DEVICE,
	  .formats = "dot svg" },
	{ .name = "guard",
	  .usage = "[list|add|remove|mode|off|pin|unpin]",
	  .help = "Protect vectors from being moved",
	  .run = verb_guard,
	  .max_arguments = 2,
	  .words = "list add remove mode off pin unpin",
	  .takes = TAKES_DEVICE | TAKES_IRQ | TAKES_GUARD | TAKES_OUTPUT,
	  .tables = { { .columns = guard_columns } },
	  .pager = true },
	{ .name = "top",
	  .usage = "[--interval SECS] [-b]",
	  .help = "Watch devices and vectors live, on the whole screen",
	  .run = verb_top,
	  .takes = TAKES_DEVICE | TAKES_INTERVAL | TAKES_TIMES | TAKES_BATCH },
	{ .name = "support",
	  .help = "Show what this kernel allows, and why not",
	  .run = verb_support,
	  .takes = TAKES_OUTPUT,
	  .tables = { { .columns = hook_columns } },
	  .pager = true },
	{ .name = "snapshot",
	  .help = "Read the kernel again and print all of it",
	  .run = verb_snapshot },
	{ .name = "diff",
	  .usage = "OLD.json [NEW.json]",
	  .help = "Show what changed since a snapshot was saved",
	  .run = verb_diff,
	  .max_arguments = 2,
	  .words = WORDS_FILES,
	  .takes = TAKES_ALL | TAKES_OUTPUT,
	  .tables = { { .columns = difference_columns } },
	  .pager = true },
	{ .name = "record",
	  .usage = "-o FILE [--duration SECS]",
	  .help = "Write a raw trace, for a bug report",
	  .run = verb_record,
	  .takes = TAKES_OUTPUT | TAKES_DURATION },
	{ .name = "reload", .help = "Have the daemon read its settings again", .run = verb_reload },
	{ .name = "log-level",
	  .usage = "[LEVEL]",
	  .help = "Show or set how much the daemon logs",
	  .run = verb_log_level,
	  .max_arguments = 1,
	  .words = "err warning notice info debug" },
	{}
};

static enum exit_code close_stdout(enum exit_code code)
{
	bool failed = ferror(stdout);
	int error = writer_error();

	errno = 0;
	if ((fclose(stdout) == 0 && !failed) || pager_is_open())
		return code;
	error = error ?: errno;
	warnx("standard output: %s", error ? strerror(error) : "write error");
	return EXIT_FAILED;
}

/* What -o can be, a line for each table of the verb */
static enum exit_code print_columns(const struct verb *verb)
{
	const struct column_table *table = verb->tables;

	for (size_t i = 0; i < COLUMN_TABLES_MAX && table[i].columns; i++) {
		const struct column *column = table[i].columns;

		if (table[i].of)
			printf("%s %s: ", verb->name, table[i].of);
		for (; column->name; column++)
			printf("%s%s", column == table[i].columns ? "" : ",", column->name);
		putchar('\n');
	}
	return EXIT_DONE;
}

static enum exit_code run_verb(const struct request *request)
{
	const struct options *options = &request->options;
	const struct verb *verb = request->verb;

	if (verb->tables[0].columns && options->output && strcmp(options->output, "help") == 0)
		return print_columns(verb);
	return verb->run(options, *options->arguments);
}

int main(int argc, char *argv[])
{
	struct request request = request_default();
	enum exit_code code = EXIT_DONE;

	streams_open();
	setlocale(LC_CTYPE, "");
	/* Whoever closes the pipe has seen enough: end without a word, whatever we inherited. */
	signal(SIGPIPE, SIG_DFL);

	if (argc > 1 && strcmp(argv[1], COMPLETION_REQUEST) == 0) {
		completion_answer(verbs, argc - 2, argv + 2);
		return EXIT_DONE;
	}
	if (request_parse(argc, argv, verbs, &request) < 0)
		return EXIT_USAGE;
	if (request.help)
		request_print_help(verbs);
	else if (request.version)
		puts("cxlirqctl " CXLIRQD_VERSION);
	else if (request.completion)
		code = exit_code_of(completion_print_script(request.completion));
	else
		code = run_verb(&request);
	code = close_stdout(code);
	pager_close();
	return code;
}
