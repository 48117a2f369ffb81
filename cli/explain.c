// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * explain: what the daemon has to say of a thing, as it says it. Lines are folded for people; what
 * goes into a file or a pipe stays a sentence a line.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cxlirqd/json.h"

#include "client.h"
#include "pager.h"
#include "text.h"
#include "writer.h"

#define WIDTH_MAX 100

/* As text_folded() wants it; "" is not to fold. */
static void find_width(char ret[static 8])
{
	struct winsize size;
	int width = WIDTH_MAX;

	ret[0] = '\0';
	if (!isatty(STDOUT_FILENO))
		return;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 &&
	    size.ws_col < WIDTH_MAX)
		width = size.ws_col;
	snprintf(ret, 8, "%d", width);
}

/* Names in it may hold anything: what a terminal might obey is shown as "?". */
static int print_line(const json_t *sentence, const char *width)
{
	_cleanup_free_ char *text = NULL;
	int r = text_make(*width ? text_folded : text_plain, sentence, *width ? width : NULL,
			  &text);

	if (r < 0)
		return r;
	for (char *at = text; at && *at; at++)
		if ((unsigned char)*at < ' ' && (*at != '\n' || !*width))
			*at = '?';
	puts(text ?: "-");
	return 0;
}

static int print_explanation(const struct options *options, const json_t *explanation)
{
	const json_t *text = json_object_get(explanation, "text");
	const json_t *advice = json_object_get(explanation, "advice");
	char width[8];
	int r = 0;

	find_width(width); /* of the terminal, which the pager hides */
	pager_open(options);
	for (size_t i = 0; i < json_array_size(text) && r >= 0; i++)
		r = print_line(json_array_get(text, i), width);
	if (json_array_size(advice) > 0 && r >= 0)
		puts("\nWhat to do:");
	for (size_t i = 0; i < json_array_size(advice) && r >= 0; i++)
		r = print_line(json_array_get(advice, i), width);
	if (r < 0)
		warnx("%s", strerror(-r));
	return r;
}

enum exit_code verb_explain(const struct options *options, const char *argument)
{
	json_auto_t *explanation = NULL;
	int r;

	if (!argument) {
		warnx("explain: needs an interrupt, a device or a rule");
		return EXIT_USAGE;
	}
	r = client_call(options, "Explain", json_pack("{s:o}", "subject", json_text(argument)),
			"explanation", JSON_OBJECT, &explanation);
	if (r < 0)
		return exit_code_of(r);
	if (options->json)
		return exit_code_of(writer_json(explanation));
	return exit_code_of(print_explanation(options, explanation));
}
