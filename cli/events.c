// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * events and history: what happens, as the daemon remembers it and as it comes, and what its store
 * kept. One line each, and the same lines in both.
 */
#include <err.h>

#include "cxlirqd/json.h"

#include "client.h"
#include "column.h"
#include "event.h"

static int print_stream(const struct options *options, const char *verb,
			const struct client_stream *events)
{
	struct event_printer printer = { .verb = verb, .options = options };
	struct client_stream stream = *events;
	_cleanup_(writer_freep) struct writer *writer = NULL;
	_cleanup_free_ char *failure = NULL;
	int r;

	r = writer_new(event_columns, options, &writer);
	if (r < 0)
		return r;
	printer.writer = writer;
	stream.each = event_print;
	stream.userdata = &printer;
	r = client_stream(options, &stream, &failure);
	if (failure)
		warnx("%s", failure);
	return r;
}

/* A time that was given, NULL for none: json_pack() leaves that out. */
static json_t *time_or_none(int64_t us)
{
	return us >= 0 ? json_integer(us) : NULL;
}

enum exit_code verb_events(const struct options *options, const char *argument)
{
	json_auto_t *parameters = json_pack("{s:b, s:o*}", "follow", options->follow, "since_us",
					    time_or_none(options->since_us));
	struct client_stream stream = {
		.method = "Monitor",
		.parameters = parameters,
		.endless = options->follow,
		.interrupt_fd = -EBADF,
	};

	(void)argument;
	return exit_code_of(print_stream(options, "events", &stream));
}

enum exit_code verb_history(const struct options *options, const char *argument)
{
	json_auto_t *parameters =
		json_pack("{s:o*, s:o*, s:o*, s:o*, s:o*}", "device",
			  options->device ? json_text(options->device) : NULL, "irq",
			  options->irq >= 0 ? json_integer(options->irq) : NULL, "since_us",
			  time_or_none(options->since_us), "until_us",
			  time_or_none(options->until_us), "type",
			  options->type ? json_text(options->type) : NULL);
	struct client_stream stream = {
		.method = "ListHistory",
		.parameters = parameters,
		.interrupt_fd = -EBADF,
	};

	(void)argument;
	if (options->since_us >= 0 && options->until_us >= 0 &&
	    options->since_us > options->until_us) {
		warnx("history: --since is later than --until");
		return EXIT_USAGE;
	}
	return exit_code_of(print_stream(options, "history", &stream));
}
