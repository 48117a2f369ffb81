// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the guard did, in the journal: each change of a policy with who asked for it; who was denied
 * what, and which vector was moved in spite: once, and then every ten seconds with a count, for what
 * tries again and again must not flood the journal, whatever it calls itself. The store has them all.
 */
#include "sink-journal-private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include <cxlirqd/cleanup.h>

enum { DENIED, MOVED, RESTORED, POLICY };

const struct journal_guard_text journal_guard_texts[] = {
	[DENIED] = { "guard-denied", "7d6d298bf1f84a80852618bbf1bf7b64", LOG_WARNING,
		     "A write to a protected interrupt's affinity: @CXLIRQ_COMM@",
		     "Somebody protects interrupt @CXLIRQ_IRQ@ (cxlirqctl guard), and "
		     "@CXLIRQ_COMM@, "
		     "process @CXLIRQ_PID@ of user @CXLIRQ_UID@, wanted it elsewhere. In the mode "
		     "enforce that was denied, in audit it is only told. If it should be allowed, "
		     "\"cxlirqctl guard remove\" takes the policy away, and \"cxlirqctl guard "
		     "off\" "
		     "ends them all. irqbalance can be told with the policy script that comes with "
		     "cxlirqd(8)." },
	[MOVED] = { "guard-moved", "9fc711c0a7ea4a97ab98f83aad9029ba", LOG_WARNING,
		    "Interrupt @CXLIRQ_IRQ@ of @CXLIRQ_DEVICE@ was moved, though it is protected",
		    "No write did it, or none that could be denied: a CPU went offline, its driver "
		    "or "
		    "the kernel moved it, or the guard only audits. With a policy that restores, "
		    "or a "
		    "pin, it is put back as soon as that is possible." },
	[RESTORED] = { "guard-restored", "b2e0ed728e084b518e7bae602547a3fd", LOG_NOTICE,
		       "Interrupt @CXLIRQ_IRQ@ of @CXLIRQ_DEVICE@ belongs on CPUs @CXLIRQ_CPUS@",
		       "The guard has put a protected interrupt back where it belongs, or says why "
		       "it "
		       "could not." },
	[POLICY] = { "guard-policy", "e41a06d902fc47ce8d72dc4c1e13fe58", LOG_NOTICE,
		     "The guard was changed: @CXLIRQ_ACTION@ @CXLIRQ_GUARD@",
		     "Process @CXLIRQ_PID@ of user @CXLIRQ_UID@ changed what is protected, or how; "
		     "or "
		     "the settings did. \"cxlirqctl guard\" shows what it is now." },
	{},
};

static const char *text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name)) ?: "";
}

static long long number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* FNV-1a of who, and did what to which */
static uint32_t key_of(const struct sink_event *event)
{
	uint32_t key = (2166136261U ^ (event->has_irq ? event->irq : UINT32_MAX)) * 16777619U;
	const char *texts[] = { text_of(json_object_get(event->json, "cause"), "comm"),
				event->type };

	for (size_t i = 0; i < 2; i++)
		for (const char *at = texts[i]; *at; at++)
			key = (key ^ (unsigned char)*at) * 16777619U;
	return key;
}

/* Its own, or one that nobody was told at for a while; NULL: there is none. */
static struct journal_guard_place *place_of(struct sink_journal *journal, uint32_t key,
					    int64_t time_us)
{
	struct journal_guard_place *free = NULL;

	for (size_t i = 0; i < JOURNAL_GUARD_PLACES; i++) {
		struct journal_guard_place *place =
			&journal->guard_places[(key + i) % JOURNAL_GUARD_PLACES];

		if (place->key == key && place->said_us)
			return place;
		if (!free && !journal_is_too_soon(place->said_us, time_us))
			free = place;
	}
	return free;
}

/* *@ret: how many were held back and not told of before this one. False: this one is. */
static bool is_due(struct sink_journal *journal, const struct sink_event *event, uint64_t *ret)
{
	uint32_t key = key_of(event);
	struct journal_guard_place *place = place_of(journal, key, event->time_us);

	if (!place || (place->key == key && journal_is_too_soon(place->said_us, event->time_us))) {
		*(place ? &place->held_back : &journal->guard_held) += 1;
		journal->counters.held_back++;
		return false;
	}
	*ret = place->held_back + journal->guard_held;
	*place = (struct journal_guard_place){ .key = key, .said_us = event->time_us };
	journal->guard_held = 0;
	return true;
}

static void say_more(uint64_t before, char ret[static 48])
{
	*ret = '\0';
	if (before)
		snprintf(ret, 48, " (and %" PRIu64 " more before)", before);
}

static void say_denied(const struct sink_event *event, uint64_t before, char *text, size_t size)
{
	const json_t *cause = json_object_get(event->json, "cause");
	bool denied = json_is_true(json_object_get(event->json, "denied"));
	char irq[16] = "", more[48];

	if (event->has_irq)
		snprintf(irq, sizeof(irq), "%u/", event->irq);
	say_more(before, more);
	snprintf(text, size, "guard: %s of %s (process %lld, user %lld) to /proc/irq/%s%s%s",
		 denied ? "denied a write" : "let pass a write", text_of(cause, "comm"),
		 number_of(cause, "pid"), number_of(cause, "uid"), irq,
		 text_of(event->json, "path"), more);
}

static void say_moved(const struct sink_event *event, uint64_t before, char *text, size_t size)
{
	const json_t *cause = json_object_get(event->json, "cause");
	const char *comm = text_of(cause, "comm");
	char more[48];

	say_more(before, more);
	snprintf(text, size, "guard: %s: interrupt %u was moved from CPUs %s to %s (%s%s%s)%s",
		 event->device ?: "-", event->irq, text_of(event->json, "old"),
		 text_of(event->json, "new"), text_of(cause, "kind"), *comm ? " by " : "", comm,
		 more);
}

static void say_restored(const struct sink_event *event, char *text, size_t size)
{
	bool restored = json_is_true(json_object_get(event->json, "restored"));

	snprintf(text, size, "guard: %s: interrupt %u %s CPUs %s%s%s", event->device ?: "-",
		 event->irq, restored ? "is back on" : "cannot be put back to",
		 text_of(event->json, "cpus"), restored ? "" : ": ",
		 text_of(event->json, "reason"));
}

static void say_policy(const struct sink_event *event, char *text, size_t size)
{
	bool asked = json_is_integer(json_object_get(event->json, "uid"));
	const char *cpus = text_of(event->json, "cpus");
	char who[64] = "the settings";

	if (asked)
		snprintf(who, sizeof(who), "process %lld of user %lld",
			 number_of(event->json, "pid"), number_of(event->json, "uid"));
	snprintf(text, size, "guard: %s%s%s%s%s by %s, mode %s", text_of(event->json, "action"),
		 *text_of(event->json, "guard") ? " " : "", text_of(event->json, "guard"),
		 *cpus ? " to CPUs " : "", cpus, who, text_of(event->json, "mode"));
}

static void add_who(struct journal_entry *entry, const json_t *object)
{
	journal_entry_add(entry, "CXLIRQ_PID=%lld", number_of(object, "pid"));
	journal_entry_add(entry, "CXLIRQ_UID=%lld", number_of(object, "uid"));
}

/* The catalog names these: they are always there. */
static void add_fields(struct journal_entry *entry, const struct sink_event *event, int what)
{
	const json_t *cause = json_object_get(event->json, "cause");

	if (event->has_irq)
		journal_entry_add(entry, "CXLIRQ_IRQ=%u", event->irq);
	else
		journal_entry_add(entry, "CXLIRQ_IRQ=none");
	journal_entry_add(entry, "CXLIRQ_DEVICE=%s", event->device ?: "unknown");
	journal_entry_add(entry, "CXLIRQ_GUARD=%s", text_of(event->json, "guard"));
	switch (what) {
	case DENIED:
	case MOVED:
		journal_entry_add(entry, "CXLIRQ_CAUSE=%s", text_of(cause, "kind"));
		journal_entry_add(entry, "CXLIRQ_COMM=%s", text_of(cause, "comm"));
		add_who(entry, cause);
		break;
	case RESTORED:
		journal_entry_add(entry, "CXLIRQ_CPUS=%s", text_of(event->json, "cpus"));
		break;
	case POLICY:
		journal_entry_add(entry, "CXLIRQ_ACTION=%s", text_of(event->json, "action"));
		journal_entry_add(entry, "CXLIRQ_MODE=%s", text_of(event->json, "mode"));
		add_who(entry, event->json);
		break;
	}
}

bool journal_publish_guard(struct sink_journal *journal, const struct sink_event *event)
{
	const struct journal_guard_text *texts = journal_guard_texts;
	struct journal_entry entry = {};
	uint64_t before = 0;
	int what = 0;

	while (texts[what].type && strcmp(texts[what].type, event->type) != 0)
		what++;
	if (!texts[what].type)
		return false;
	if ((what == DENIED || what == MOVED) && !is_due(journal, event, &before))
		return true;
	switch (what) {
	case DENIED: say_denied(event, before, entry.message, sizeof(entry.message)); break;
	case MOVED: say_moved(event, before, entry.message, sizeof(entry.message)); break;
	case RESTORED: say_restored(event, entry.message, sizeof(entry.message)); break;
	case POLICY: say_policy(event, entry.message, sizeof(entry.message)); break;
	}
	journal_entry_begin(&entry, texts[what].priority, texts[what].message_id);
	add_fields(&entry, event, what);
	journal_entry_send(journal, &entry);
	return true;
}
