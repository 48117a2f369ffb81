// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A call of a hooked function runs both sets' programs, one after the other, and each sends its own
 * record a little later than the other. A cut by time alone would take a call that it falls into
 * twice or not at all.
 *
 * The kernel puts the program that is attached last first (bpf_trampoline_link_prog():
 * hlist_add_head()), so while both are attached every call sends its newer record before its older
 * one. Calls are told apart by the newer one's time: up to the cut a call is the older ring's, after
 * it the newer's. Then each call is told by exactly one of them:
 *   - newer record up to the cut: dropped there; the older one is kept, be it before the cut, or
 *     after it, which has to be seen by its partner;
 *   - newer record after the cut: kept; the older one, which is later still, is dropped;
 *   - no newer record, for it was not attached yet: the call began before the cut, and the older
 *     record that is before it is kept. (One that comes after it is that of a call which lasted
 *     from before the newer program was attached: the caller's waiting excludes it.)
 * Partners are found by who did what to what: a task does the same thing to the same object again
 * only when it has done it before, so records that agree in these cannot be out of order, and the
 * partner of an older record is the last newer one before it, unless another older one lies between.
 *
 * Tracepoints run their programs in the other order. They only tell which x86 vector was chosen,
 * which tells nothing new when it is told twice.
 */
#include "takeover.h"

#include <string.h>

#define SUBJECT 16 /* bytes: each record begins with what it is about, and why */

static size_t subject_size(const struct record_header *header)
{
	size_t size = header->size - sizeof(*header);

	return size < SUBJECT ? size : SUBJECT;
}

static bool is_same_call(const struct takeover_record *a, const struct takeover_record *b)
{
	const struct record_header *x = a->header, *y = b->header;

	return x && y && x->type == y->type && x->tid == y->tid &&
	       subject_size(x) == subject_size(y) && !memcmp(x + 1, y + 1, subject_size(x));
}

/* The time of the last newer record of the same call before the cut, 0 = there is none */
static uint64_t partner_ns(const struct takeover_record *newer, size_t n_newer,
			   const struct takeover_record *record, uint64_t cut_ns)
{
	uint64_t last = 0;

	for (size_t i = 0; i < n_newer; i++)
		if (is_same_call(&newer[i], record) && newer[i].header->time_ns <= cut_ns &&
		    newer[i].header->time_ns > last)
			last = newer[i].header->time_ns;
	return last;
}

/* The call was under way at the cut: its newer record is before it, and has no other partner. */
static bool straddles(const struct takeover_record *older, size_t n_older, size_t at,
		      const struct takeover_record *newer, size_t n_newer, uint64_t cut_ns)
{
	const struct takeover_record *record = &older[at];
	uint64_t partner;

	if (record->header->type == RECORD_X86_VECTOR)
		return false;
	partner = partner_ns(newer, n_newer, record, cut_ns);
	if (!partner)
		return false;
	for (size_t i = 0; i < n_older; i++)
		if (i != at && is_same_call(&older[i], record) &&
		    older[i].header->time_ns >= partner &&
		    older[i].header->time_ns <= record->header->time_ns)
			return false;
	return true;
}

void takeover_cut(struct takeover_record *older, size_t n_older, struct takeover_record *newer,
		  size_t n_newer, uint64_t cut_ns)
{
	for (size_t i = 0; i < n_older; i++)
		older[i].keep =
			older[i].header && (older[i].header->time_ns <= cut_ns ||
					    straddles(older, n_older, i, newer, n_newer, cut_ns));
	for (size_t i = 0; i < n_newer; i++)
		newer[i].keep = newer[i].header && newer[i].header->time_ns > cut_ns;
}
