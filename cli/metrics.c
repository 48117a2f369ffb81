// SPDX-License-Identifier: GPL-2.0-or-later
/* metrics: what the exporter would answer now, as it would. */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "pager.h"
#include "verb.h"
#include "writer.h"

/* Names in it may hold anything: what a terminal might obey is shown as "?". */
static void print_text(const struct options *options, char *text)
{
	bool terminal = isatty(STDOUT_FILENO);

	pager_open(options);
	for (char *at = text; terminal && *at; at++)
		if (((unsigned char)*at < ' ' && *at != '\n') || *at == 0x7f)
			*at = '?';
	fputs(text, stdout);
	writer_flush();
}

enum exit_code verb_metrics(const struct options *options, const char *argument)
{
	const char *format = options->json ? "json" : options->format ?: "openmetrics";
	bool json = !strcmp(format, "json");
	json_auto_t *reply = NULL;
	_cleanup_free_ char *reason = NULL, *text = NULL;
	json_auto_t *parameters = json_pack("{s:s}", "format", format);
	int r;

	(void)argument;
	r = client_ask(options, "GetMetrics", parameters, &reply, &reason);
	if (r < 0) {
		warnx("%s", reason ?: strerror(-r));
		return exit_code_of(r);
	}
	if (json)
		return exit_code_of(writer_json(json_object_get(reply, "families")));
	text = strdup(json_string_value(json_object_get(reply, "text")) ?: "");
	if (!text) {
		warnx("%s", strerror(ENOMEM));
		return EXIT_FAILED;
	}
	print_text(options, text);
	return EXIT_DONE;
}
