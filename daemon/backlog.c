// SPDX-License-Identifier: GPL-2.0-or-later
/* A ring of strings. Text rather than objects: it is a fifth of the memory, and mostly never read. */
#include "backlog.h"

#include <errno.h>
#include <stdlib.h>

struct backlog {
	size_t size, first, n;
	uint64_t pushed;
	struct backlog_event events[];
};

int backlog_new(size_t size, struct backlog **ret)
{
	struct backlog *backlog = calloc(1, sizeof(*backlog) + size * sizeof(struct backlog_event));

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
		free(backlog->events[i].text);
	free(backlog);
	return NULL;
}

void backlog_push(struct backlog *backlog, int64_t time_us, char *text)
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
	free(backlog->events[at].text);
	backlog->events[at] = (struct backlog_event){ .time_us = time_us, .text = text };
}

size_t backlog_size(const struct backlog *backlog)
{
	return backlog->size;
}

size_t backlog_count(const struct backlog *backlog)
{
	return backlog->n;
}

struct backlog_event *backlog_get(struct backlog *backlog, size_t i)
{
	return i < backlog->n ? &backlog->events[(backlog->first + i) % backlog->size] : NULL;
}

uint64_t backlog_pushed(const struct backlog *backlog)
{
	return backlog->pushed;
}

/* FNV-1a */
uint64_t backlog_hash_text(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (const char *c = text; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
	return hash ?: 1;
}

uint64_t backlog_hash(struct backlog_event *event)
{
	if (!event->hash)
		event->hash = backlog_hash_text(event->text);
	return event->hash;
}
