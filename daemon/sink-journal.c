// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One entry for each violation that is new or was opened again; for one that goes on, one every ten
 * seconds with the count: a rule that fires with each interrupt that moves must not flood the
 * journal. A condition that just stands is not said again.
 */
#include "sink-journal-private.h"

#include <errno.h>
#include <string.h>
#include <stdlib.h>

#include "change.h"
#include "log.h"

/* ---- violations ---------------------------------------------------------------------------- */

static int priority_of(enum severity severity)
{
	static const int priorities[] = {
		[SEVERITY_NOTICE] = LOG_NOTICE,
		[SEVERITY_WARNING] = LOG_WARNING,
		[SEVERITY_ERROR] = LOG_ERR,
		[SEVERITY_CRITICAL] = LOG_CRIT,
	};

	return priorities[severity];
}

static const char *device_of(const struct finding *finding)
{
	return *finding->device ? finding->device : "unknown";
}

static void say_what(const struct violation *v, enum violation_outcome outcome, char *text,
		     size_t size)
{
	const struct finding *f = &v->finding;
	char irq[32] = "", again[64] = "";

	if (f->has_irq)
		snprintf(irq, sizeof(irq), ", interrupt %u", f->irq);
	if (outcome == VIOLATION_REOPENED)
		snprintf(again, sizeof(again), " (again, after it was acknowledged)");
	else if (v->count > 1)
		snprintf(again, sizeof(again), " (seen %llu times)", (unsigned long long)v->count);
	snprintf(text, size, "%s: %s%s: %s%s", rule_text(f->rule)->name, device_of(f), irq,
		 *f->explanation ? f->explanation : rule_text(f->rule)->summary, again);
}

static void add_message(struct journal_entry *entry, const char *field,
			const struct record_msg *message)
{
	journal_entry_add(entry, "%s=0x%016llx/0x%08x", field,
			  (unsigned long long)message->address_hi << 32 | message->address_lo,
			  message->data);
}

static void add_cause(struct journal_entry *entry, const struct cause *cause)
{
	journal_entry_add(entry, "CXLIRQ_CAUSE=%s", cause_kind(cause));
	if (!cause->valid)
		return;
	journal_entry_add(entry, "CXLIRQ_CAUSE_COMM=%.*s", (int)sizeof(cause->comm), cause->comm);
	journal_entry_add(entry, "CXLIRQ_CAUSE_PID=%u", cause->pid);
	journal_entry_add(entry, "CXLIRQ_CAUSE_UID=%u", cause->uid);
}

/* The catalog names DEVICE, EXPLANATION, COUNT and VIOLATION: these are always there. */
static void publish_violation(struct sink_journal *journal, const struct violation *v,
			      enum violation_outcome outcome)
{
	const struct finding *f = &v->finding;
	const struct rule_text *text = rule_text(f->rule);
	struct journal_entry entry = {};

	say_what(v, outcome, entry.message, sizeof(entry.message));
	journal_entry_begin(&entry, priority_of(text->severity), text->message_id);
	journal_entry_add(&entry, "CXLIRQ_RULE=%s", text->name);
	journal_entry_add(&entry, "CXLIRQ_SEVERITY=%s", severity_name(text->severity));
	journal_entry_add(&entry, "CXLIRQ_VIOLATION=%llu", (unsigned long long)v->id);
	journal_entry_add(&entry, "CXLIRQ_DEVICE=%s", device_of(f));
	if (f->has_irq)
		journal_entry_add(&entry, "CXLIRQ_IRQ=%u", f->irq);
	if (f->has_index)
		journal_entry_add(&entry, "CXLIRQ_INDEX=%u", f->index);
	if (f->has_messages) {
		add_message(&entry, "CXLIRQ_OLD_MESSAGE", &f->old_message);
		add_message(&entry, "CXLIRQ_NEW_MESSAGE", &f->new_message);
	}
	add_cause(&entry, &f->cause);
	journal_entry_add(&entry, "CXLIRQ_COUNT=%llu", (unsigned long long)v->count);
	journal_entry_add(&entry, "CXLIRQ_EXPLANATION=%s",
			  *f->explanation ? f->explanation : text->summary);
	journal_entry_send(journal, &entry);
}

static bool violation_is_due(struct sink_journal *journal, const struct sink_event *event)
{
	uint64_t id = event->violation->id;
	__typeof__(*journal->places) *place = &journal->places[id % JOURNAL_PLACES];

	if (event->outcome != VIOLATION_NEW && event->outcome != VIOLATION_AGAIN &&
	    event->outcome != VIOLATION_REOPENED)
		return false;
	if (event->outcome == VIOLATION_AGAIN && place->id == id &&
	    journal_is_too_soon(place->said_us, event->time_us)) {
		journal->counters.held_back++;
		return false;
	}
	place->id = id;
	place->said_us = event->time_us;
	return true;
}

/* ---- gaps ---------------------------------------------------------------------------------- */

static const struct {
	const char *message_id, *what, *so; /* "N WHAT (reason): SO" */
	const char *subject, *text, *advice;
} gap_texts[] = {
	{ "8abb127bbce74eadb85c33fb79f4dca9", "records were lost",
	  "what happened meanwhile is not known", "Records were lost: @CXLIRQ_REASON@",
	  "The kernel told more than the daemon could take, and @CXLIRQ_LOST@ records of what "
	  "happened are missing. The state is read again from the kernel, and what changed "
	  "meanwhile is corrected; events of that time are missing.",
	  "If it comes again, give [Trace] RingSize= in cxlirqd.conf(5) a larger value." },
	{ "092f3d7e28a4497396ae13e8a7701f39", "changes are not in the history",
	  "they were judged, but no event tells of them",
	  "Changes are not in the history: @CXLIRQ_REASON@",
	  "More happened than could be told, and @CXLIRQ_LOST@ changes have no event. They were "
	  "applied, counted and judged as all others, and what the rules found is told.",
	  "cxlirq_affinity_changes_total and cxlirq_message_changes_total tell which devices "
	  "change so often, and what the cause is." },
};

static bool is_overload(const char *reason)
{
	return !strcmp(reason, "overload");
}

static void say_gap(struct sink_journal *journal, struct journal_gap *gap, int64_t time_us)
{
	__typeof__(*gap_texts) *text = &gap_texts[gap - journal->gaps];
	struct journal_entry entry = {};

	snprintf(entry.message, sizeof(entry.message), "%llu %s (%s): %s",
		 (unsigned long long)gap->lost, text->what, gap->reason, text->so);
	journal_entry_begin(&entry, LOG_WARNING, text->message_id);
	journal_entry_add(&entry, "CXLIRQ_LOST=%llu", (unsigned long long)gap->lost);
	journal_entry_add(&entry, "CXLIRQ_REASON=%s", gap->reason);
	journal_entry_send(journal, &entry);
	gap->lost = 0;
	gap->said_us = time_us;
}

static void publish_gap(struct sink_journal *journal, const struct sink_event *event)
{
	const char *reason = json_string_value(json_object_get(event->json, "reason")) ?: "unknown";
	json_int_t lost = json_integer_value(json_object_get(event->json, "lost"));
	struct journal_gap *gap = &journal->gaps[is_overload(reason)];

	gap->lost += lost > 0 ? (uint64_t)lost : 0;
	snprintf(gap->reason, sizeof(gap->reason), "%s", reason);
	if (journal_is_too_soon(gap->said_us, event->time_us))
		journal->counters.held_back++;
	else
		say_gap(journal, gap, event->time_us);
}

void sink_journal_tend(struct sink_journal *journal, int64_t now_us)
{
	for (size_t i = 0; i < sizeof(journal->gaps) / sizeof(*journal->gaps); i++) {
		struct journal_gap *gap = &journal->gaps[i];

		if (gap->lost && !journal_is_too_soon(gap->said_us, now_us))
			say_gap(journal, gap, now_us);
	}
}

/* ---- the sink ------------------------------------------------------------------------------ */

int sink_journal_new(struct sink_journal **ret)
{
	struct sink_journal *journal = calloc(1, sizeof(*journal));

	if (!journal)
		return -ENOMEM;
	*ret = journal;
	return 0;
}

struct sink_journal *sink_journal_free(struct sink_journal *journal)
{
	if (journal)
		sink_journal_tend(journal, INT64_MAX);
	free(journal);
	return NULL;
}

void sink_journal_publish(struct sink_journal *journal, const struct sink_event *event)
{
	if (event->violation) {
		if (violation_is_due(journal, event))
			publish_violation(journal, event->violation, event->outcome);
	} else if (!strcmp(event->type, "gap")) {
		publish_gap(journal, event);
	} else {
		journal_publish_guard(journal, event);
	}
}

const struct sink_journal_counters *sink_journal_counters(const struct sink_journal *journal)
{
	return &journal->counters;
}

/* ---- the catalog --------------------------------------------------------------------------- */

#define COLUMNS 78

/* A paragraph, and an empty line after it */
static void print_wrapped(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (column && column + 1 + word > COLUMNS) {
			fputc('\n', out);
			column = 0;
		}
		column += (size_t)fprintf(out, "%s%.*s", column ? " " : "", (int)word, text);
		text += word;
		text += strspn(text, " ");
	}
	fputs("\n\n", out);
}

static void print_block(FILE *out, const char *message_id, const char *subject)
{
	fprintf(out,
		"-- %s\nSubject: %s\nDefined-By: cxlirqd\n"
		"Documentation: man:cxlirqd(8) man:cxlirqctl(1)\n\n",
		message_id, subject);
}

int sink_journal_print_catalog(FILE *out)
{
	char subject[128];

	fputs("# SPDX-License-Identifier: GPL-2.0-or-later\n"
	      "# What journalctl -x tells about cxlirqd's entries. From the table of rules: "
	      "cxlirqd --catalog\n\n",
	      out);
	for (enum rule_id rule = 0; rule < RULE_MAX; rule++) {
		const struct rule_text *text = rule_text(rule);

		snprintf(subject, sizeof(subject), "%s: @CXLIRQ_DEVICE@", text->name);
		print_block(out, text->message_id, subject);
		print_wrapped(out, text->summary);
		print_wrapped(out, "Seen @CXLIRQ_COUNT@ times, last: @CXLIRQ_EXPLANATION@");
		print_wrapped(out, text->advice);
		print_wrapped(out,
			      "\"cxlirqctl violations\" shows it as number @CXLIRQ_VIOLATION@; "
			      "when it is dealt with, \"cxlirqctl ack @CXLIRQ_VIOLATION@\" "
			      "closes it.");
	}
	for (const struct journal_guard_text *text = journal_guard_texts; text->type; text++) {
		print_block(out, text->message_id, text->subject);
		print_wrapped(out, text->text);
	}
	for (size_t i = 0; i < sizeof(gap_texts) / sizeof(*gap_texts); i++) {
		print_block(out, gap_texts[i].message_id, gap_texts[i].subject);
		print_wrapped(out, gap_texts[i].text);
		print_wrapped(out, gap_texts[i].advice);
	}
	return fflush(out) || ferror(out) ? -EIO : 0;
}
