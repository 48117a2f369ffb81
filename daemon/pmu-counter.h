/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters that perf keeps for us. A set of them is what somebody asked for, spread over the PMUs
 * that are there: those that stand in the settings, or those of one client.
 *
 * The kernel counts 64 bits wide, shares a PMU's counters out among those who want them, and takes
 * an open counter along when its CPU goes offline. What is left to do here: open, read, and notice
 * that a PMU has gone.
 *
 * None of the functions logs.
 */
#ifndef CXLIRQD_PMU_COUNTER_H
#define CXLIRQD_PMU_COUNTER_H

#include <stddef.h>

#include "cxlirqd/cleanup.h"
#include "cxlirqd/record.h"
#include "pmu.h"

#define PMU_COUNTERS_MAX 4096U /* of one set, also of those that could not be opened */

struct pmu_set;

/* The header is empty: whoever passes the record on knows the time. */
typedef void (*pmu_counter_fn)(const struct record_counter *counter, void *userdata);

/*
 * @items is taken over, and left empty. @only: events that name no PMU are counted on the PMUs of
 * this name or pattern; NULL: on all. @pmus is borrowed. Nothing is open yet. -ENOMEM.
 */
int pmu_set_new(struct pmu_table *pmus, struct pmu_items *items, const char *only,
		struct pmu_set **ret);

/*
 * The set is for @items now, which are taken over, and left empty. What was asked for before in the
 * same words, and in the same group, goes on counting; @tell, as below, hears of the rest that it is
 * no more. pmu_set_follow() opens what is new, and is to be called next.
 */
void pmu_set_change(struct pmu_set *set, struct pmu_items *items, pmu_counter_fn tell,
		    void *userdata);

/* Closes its counters. */
struct pmu_set *pmu_set_free(struct pmu_set *set);
DEFINE_CLEANUP(struct pmu_set *, pmu_set_free);

/*
 * Opens what can be opened on the PMUs that pmu_table_read() found last, and ends what was on one that
 * is no more. @tell (may be NULL) gets every counter that is new or that something happened to: it
 * counts, it does not (@error, @reason), or it is not there any more (@error without a reason).
 */
void pmu_set_follow(struct pmu_set *set, pmu_counter_fn tell, void *userdata);

/*
 * Reads all. True: one of them has ended, so that pmu_table_read() and pmu_set_follow() have something
 * to do.
 */
bool pmu_set_read(struct pmu_set *set);

/* In the order of the items, then of the PMUs. Until the next of the calls above. */
size_t pmu_set_count(const struct pmu_set *set);
const struct record_counter *pmu_set_get(const struct pmu_set *set, size_t i);
/* Whether one of them counts */
bool pmu_set_counts(const struct pmu_set *set);

#endif
