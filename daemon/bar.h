/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the BARs of endpoint functions map, as the controllers were told. */
#ifndef CXLIRQD_BAR_H
#define CXLIRQD_BAR_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include <cxlirqd/record.h>

struct bar_key {
	uint64_t epc;
	uint32_t func, bar;
};

struct bar {
	struct bar_key key;
	bool doubtful; /* records were lost since it was told: it may have been cleared */
	uint32_t n_windows; /* none: cleared during a walk */
	struct record_window windows[RECORD_SUBMAPS];
	UT_hash_handle hh;
};

/* Whether @address lies in what the BAR maps. */
bool bar_maps(const struct bar *bar, uint64_t address);

#endif
