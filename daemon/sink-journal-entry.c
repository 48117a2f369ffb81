// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One entry of the journal. libsystemd says nothing, and returns 0, where there is no journal: so that
 * is asked first.
 */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "sink-journal-private.h"

#include <stdarg.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "log.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define PAUSE_USEC 10000000

void journal_entry_add(struct journal_entry *entry, const char *format, ...)
{
	char *text = entry->text[entry->n];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(*entry->text), format, arguments);
	va_end(arguments);
	entry->fields[entry->n++] = (struct iovec){ text, strlen(text) };
}

/* The name of a process may hold anything, and a line must stay one. */
static void flatten(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			*text = '?';
}

void journal_entry_begin(struct journal_entry *entry, int priority, const char *message_id)
{
	flatten(entry->message);
	entry->priority = priority;
	journal_entry_add(entry, "MESSAGE=%s", entry->message);
	journal_entry_add(entry, "MESSAGE_ID=%s", message_id);
	journal_entry_add(entry, "PRIORITY=%d", priority);
}

void journal_entry_send(struct sink_journal *journal, const struct journal_entry *entry)
{
	journal->counters.written++;
	if (access(JOURNAL_SOCKET, F_OK) >= 0 && sd_journal_sendv(entry->fields, entry->n) >= 0)
		return;
	journal->counters.to_stderr++;
	log_message(entry->priority, "%s", entry->message);
}

bool journal_is_too_soon(int64_t said_us, int64_t now_us)
{
	return said_us && now_us >= said_us && now_us - said_us < PAUSE_USEC;
}
