// SPDX-License-Identifier: GPL-2.0-or-later
/* reload and log-level: what changes the daemon itself. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cxlirqd/cleanup.h"

#include "client.h"
#include "log.h"

/* The whole reply; an error has been printed. @parameters is taken over. */
static int ask(const struct options *options, const char *method, json_t *parameters, json_t **ret)
{
	_cleanup_free_ char *text = NULL;
	json_auto_t *taken = parameters;
	int r = client_ask(options, method, taken, ret, &text);

	if (r < 0)
		warnx("%s", text ?: strerror(-r));
	return r;
}

static void print_json(const json_t *object)
{
	json_dumpf(object, stdout, JSON_INDENT(2));
	putchar('\n');
}

/* What was not taken is no failure: the rest of the settings was. */
enum exit_code verb_reload(const struct options *options, const char *argument)
{
	json_auto_t *reply = NULL;
	const char *reason;
	int r = ask(options, "Reload", json_object(), &reply);

	(void)argument;
	if (r < 0)
		return exit_code_of(r);
	if (options->json)
		print_json(reply);
	reason = json_string_value(json_object_get(reply, "reason"));
	if (reason && !options->json)
		warnx("%s", reason);
	return EXIT_DONE;
}

enum exit_code verb_log_level(const struct options *options, const char *argument)
{
	json_auto_t *reply = NULL;
	int r;

	if (argument && log_level_from_name(argument) < 0) {
		warnx("%s: is not err, warning, notice, info or debug", argument);
		return EXIT_USAGE;
	}
	if (argument)
		r = ask(options, "SetLogLevel", json_pack("{s:s}", "level", argument), &reply);
	else
		r = ask(options, "GetLogLevel", json_object(), &reply);
	if (r < 0)
		return exit_code_of(r);
	if (options->json)
		print_json(reply);
	else if (!argument)
		puts(json_string_value(json_object_get(reply, "level")) ?: "");
	return EXIT_DONE;
}
