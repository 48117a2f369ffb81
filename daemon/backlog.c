// SPDX-License-Identifier: GPL-2.0-or-later
/* A ring of strings. Text rather than objects: it is a fifth of the memory, and mostly never read. */
#include "backlog.h"

#include <errno.h>
#include <stdlib.h>

struct backlog {
	size_t size, first, n;
	uint64_t pushed;
	char *texts[];
};

int backlog_new(size_t size, struct backlog **ret)
{
	struct backlog *backlog = calloc(1, sizeof(*backlog) + size * sizeof(char *));

	if (!backlog)
		return -ENOMEM;
	backlog->size = size;
	*ret = backlog;
	return 0;
}

struct backlog *backlog_free(struct backlog *backlog)
{
	if (!backlog)
		return NULL;
	for (size_t i = 0; i < backlog->size; i++)
		free(backlog->texts[i]);
	free(backlog);
	return NULL;
}

void backlog_push(struct backlog *backlog, char *text)
{
	size_t at;

	if (!text)
		return;
	backlog->pushed++;
	if (!backlog->size) {
		free(text);
		return;
	}
	if (backlog->n == backlog->size) {
		at = backlog->first;
		backlog->first = (backlog->first + 1) % backlog->size;
	} else {
		at = (backlog->first + backlog->n++) % backlog->size;
	}
	free(backlog->texts[at]);
	backlog->texts[at] = text;
}

size_t backlog_size(const struct backlog *backlog)
{
	return backlog->size;
}

size_t backlog_count(const struct backlog *backlog)
{
	return backlog->n;
}

const char *backlog_get(const struct backlog *backlog, size_t i)
{
	return i < backlog->n ? backlog->texts[(backlog->first + i) % backlog->size] : NULL;
}

uint64_t backlog_pushed(const struct backlog *backlog)
{
	return backlog->pushed;
}
