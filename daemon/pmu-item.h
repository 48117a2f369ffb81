/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is to be counted, in perf's own syntax, as far as it can be read without knowing the PMUs:
 *
 *   cxl_pmu_mem0.0/clock_ticks/                  an event of this PMU
 *   cxl_pmu_mem?.0/vid=0x1e98,gid=0x10,mask=0x2/  the same of several: a pattern (glob(7))
 *   clock_ticks                                  of every PMU that has it
 *   {clock_ticks,m2s_req_memrd}                  counted at the same time, or not at all
 *
 * with commas or blanks between them. Pure, and non-logging.
 */
#ifndef CXLIRQD_PMU_ITEM_H
#define CXLIRQD_PMU_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PMU_ITEMS_MAX 256U /* of one list */
#define PMU_TERMS_MAX 32U /* of one event */
#define PMU_REASON_MAX 128U /* with the NUL: what a record has room for */

struct pmu_item {
	char pmu[64]; /* before the slash: a PMU, a pattern, or an event; "" = there is none */
	char terms[128]; /* between the slashes, or all of it */
	bool bare; /* no slashes: @terms is the name of an event */
	uint32_t group; /* 0 = alone */
};

struct pmu_items {
	struct pmu_item *items;
	size_t n;
	uint32_t n_groups;
};

/*
 * Appends what @text asks for. -EINVAL: it makes no sense, @ret_reason says where and why in one
 * line, and the list is as it was. -E2BIG: more than PMU_ITEMS_MAX. -ENOMEM.
 */
int pmu_items_parse(struct pmu_items *items, const char *text, char ret_reason[PMU_REASON_MAX]);

/* NAME, or NAME=VALUE */
struct pmu_term {
	char name[64];
	char value[64]; /* "" = there is none */
	bool is_number;
	uint64_t number;
};

/*
 * Splits what stands between slashes, or in a PMU's events/NAME; there may be nothing. -EINVAL, and
 * @ret_reason, as above.
 */
int pmu_terms_parse(const char *text, struct pmu_term ret[PMU_TERMS_MAX], size_t *ret_n,
		    char ret_reason[PMU_REASON_MAX]);

/* Leaves an empty list. */
void pmu_items_done(struct pmu_items *items);

#endif
