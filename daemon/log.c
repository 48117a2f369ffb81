// SPDX-License-Identifier: GPL-2.0-or-later
/* One line a message, written at once: a line that is cut in two would be two to the journal. */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int max_level = LOG_INFO;

void log_set_level(int level)
{
	max_level = level;
}

int log_level_from_name(const char *name)
{
	static const struct {
		const char *name;
		int level;
	} levels[] = {
		{ "err", LOG_ERR },   { "warning", LOG_WARNING }, { "notice", LOG_NOTICE },
		{ "info", LOG_INFO }, { "debug", LOG_DEBUG },
	};

	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
		if (!strcmp(name, levels[i].name))
			return levels[i].level;
	return -EINVAL;
}

void log_message(int level, const char *format, ...)
{
	char line[1024];
	va_list arguments;
	int n;

	if (level > max_level)
		return;
	n = getenv("JOURNAL_STREAM") ? snprintf(line, sizeof(line), "<%d>", level) :
				       snprintf(line, sizeof(line), "cxlirqd: ");
	va_start(arguments, format);
	vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, arguments);
	va_end(arguments);
	n = (int)strlen(line);
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}
