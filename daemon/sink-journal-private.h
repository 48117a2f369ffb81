/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the journal sink share: the sink, and how one entry is made. */
#ifndef CXLIRQD_SINK_JOURNAL_PRIVATE_H
#define CXLIRQD_SINK_JOURNAL_PRIVATE_H

#include <stdbool.h>
#include <sys/uio.h>

#include "sink-journal.h"

/* Ids follow each other: these are the places of the last so many violations. */
#define JOURNAL_PLACES 4096
/* Who was denied what, or moved what; no more of them are told in the same ten seconds. */
#define JOURNAL_GUARD_PLACES 256

struct journal_guard_place {
	uint32_t key;
	int64_t said_us;
	uint64_t held_back; /* since then */
};

struct sink_journal {
	struct {
		uint64_t id;
		int64_t said_us;
	} places[JOURNAL_PLACES];
	struct journal_guard_place guard_places[JOURNAL_GUARD_PLACES];
	uint64_t guard_held; /* of those that have no place, or lost it */
	struct journal_gap {
		int64_t said_us;
		uint64_t lost; /* not said yet */
		char reason[32]; /* of the last one */
	} gaps[2]; /* by is_overload() */
	struct sink_journal_counters counters;
};

struct journal_entry {
	int priority;
	char message[768];
	char text[24][768]; /* "FIELD=value" */
	struct iovec fields[24];
	int n;
};

/* entry->message has been written */
void journal_entry_begin(struct journal_entry *entry, int priority, const char *message_id);
__attribute__((format(printf, 2, 3))) void journal_entry_add(struct journal_entry *entry,
							     const char *format, ...);
void journal_entry_send(struct sink_journal *journal, const struct journal_entry *entry);
/* The same was said a moment ago. */
bool journal_is_too_soon(int64_t said_us, int64_t now_us);

/* True: it is one of the guard's events, and has been seen to. */
bool journal_publish_guard(struct sink_journal *journal, const struct sink_event *event);

struct journal_guard_text {
	const char *type; /* of the event; NULL: no more */
	const char *message_id;
	int priority;
	const char *subject, *text; /* for the catalog */
};
extern const struct journal_guard_text journal_guard_texts[];

#endif
