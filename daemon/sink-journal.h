/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an operator should read: violations and lost records, as structured entries of the journal,
 * or as lines on stderr where there is no journal. And the journal's catalog, which has more words
 * for each of them.
 */
#ifndef CXLIRQD_SINK_JOURNAL_H
#define CXLIRQD_SINK_JOURNAL_H

#include <stdint.h>
#include <stdio.h>

#include <cxlirqd/cleanup.h>

#include "sink.h"

struct sink_journal;

struct sink_journal_counters {
	uint64_t written; /* entries */
	uint64_t to_stderr; /* of these: lines, because the journal did not take them */
	uint64_t held_back; /* because the same was said a moment ago */
};

/* -ENOMEM */
int sink_journal_new(struct sink_journal **ret);
/* Says what it still holds back of gaps. Takes NULL, returns NULL. */
struct sink_journal *sink_journal_free(struct sink_journal *journal);
DEFINE_CLEANUP(struct sink_journal *, sink_journal_free);

/* What is neither a violation nor a gap is left to others. */
void sink_journal_publish(struct sink_journal *journal, const struct sink_event *event);

/* What was held back of gaps, once it is not too soon any more. @now_us: since the epoch. */
void sink_journal_tend(struct sink_journal *journal, int64_t now_us);

/* Valid as long as the sink. */
const struct sink_journal_counters *sink_journal_counters(const struct sink_journal *journal);

/* units/cxlirqd.catalog. -EIO */
int sink_journal_print_catalog(FILE *out);

#endif
