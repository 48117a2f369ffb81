/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last events, as text: what a client sees that connects after they happened. */
#ifndef CXLIRQD_BACKLOG_H
#define CXLIRQD_BACKLOG_H

#include <stddef.h>
#include <stdint.h>

struct backlog;

struct backlog_event {
	int64_t time_us; /* since the epoch */
	char *text;
	uint64_t hash; /* 0: backlog_hash() was not asked for it yet */
};

/* Keeps at most @size events. -ENOMEM. The caller frees *@ret. */
int backlog_new(size_t size, struct backlog **ret);
struct backlog *backlog_free(struct backlog *backlog);

/* Takes over @text (malloc'ed), also on failure; drops the oldest when full. */
void backlog_push(struct backlog *backlog, int64_t time_us, char *text);

/* How many it can hold */
size_t backlog_size(const struct backlog *backlog);
size_t backlog_count(const struct backlog *backlog);
/* From the oldest on; borrowed until the next push. NULL: there are not so many. */
struct backlog_event *backlog_get(struct backlog *backlog, size_t i);

/* How many were ever pushed: the last of them is the last one here. */
uint64_t backlog_pushed(const struct backlog *backlog);

/* Of an event's text, never 0; and the same of one that is here, which keeps it. */
uint64_t backlog_hash_text(const char *text);
uint64_t backlog_hash(struct backlog_event *event);

#endif
