/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last events, as text: what a client sees that connects after they happened. */
#ifndef CXLIRQD_BACKLOG_H
#define CXLIRQD_BACKLOG_H

#include <stddef.h>
#include <stdint.h>

struct backlog;

/* Keeps at most @size texts. -ENOMEM. The caller frees *@ret. */
int backlog_new(size_t size, struct backlog **ret);
struct backlog *backlog_free(struct backlog *backlog);

/* Takes over @text (malloc'ed), also on failure; drops the oldest when full. */
void backlog_push(struct backlog *backlog, char *text);

/* How many it can hold */
size_t backlog_size(const struct backlog *backlog);
size_t backlog_count(const struct backlog *backlog);
/* From the oldest on; borrowed until the next push. */
const char *backlog_get(const struct backlog *backlog, size_t i);

/* How many were ever pushed: the last of them is the last one here. */
uint64_t backlog_pushed(const struct backlog *backlog);

#endif
