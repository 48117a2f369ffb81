/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two sets of programs, each with a ring of its own, were attached to the same hooks for a while:
 * which records of which ring tell everything once.
 */
#ifndef CXLIRQD_TAKEOVER_H
#define CXLIRQD_TAKEOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cxlirqd/record.h>

struct takeover_record {
	const struct record_header *header; /* NULL: it makes no sense, and counts in no ring */
	bool keep;
};

/*
 * Sets keep: of @older for what the older programs' ring is to tell, of @newer for the rest. Both
 * are in the order of their ring, and complete around @cut_ns, a moment at which all programs of
 * both sets were attached; every hook that ran then has ended since. The kept ones of @older come
 * before those of @newer. Pure.
 */
void takeover_cut(struct takeover_record *older, size_t n_older, struct takeover_record *newer,
		  size_t n_newer, uint64_t cut_ns);

#endif
