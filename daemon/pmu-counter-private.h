/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of a set of counters know of each other, and nobody else. */
#ifndef CXLIRQD_PMU_COUNTER_PRIVATE_H
#define CXLIRQD_PMU_COUNTER_PRIVATE_H

#include "pmu-counter.h"
#include "pmu-event.h"
#include "pmu-item.h"

struct counter {
	struct record_counter record;
	size_t item;
	struct pmu_event event;
	struct counter *leader; /* itself, if it leads or is alone; NULL: not open */
	size_t n_members; /* that it leads, itself included */
	int fd;
	bool wanted; /* by the items and the PMUs that there are */
	bool empty; /* no PMU has such an event: there is nothing to open */
	bool resolved; /* a PMU had it, now or before */
	bool told; /* what is in the record has been told */
	char told_as[PMU_LABEL_MAX]; /* the event's name then, "" = it has not been */
};

struct pmu_set {
	struct pmu_table *pmus;
	struct pmu_items items;
	char only[64];
	struct counter **counters;
	size_t n;
	pmu_counter_fn tell; /* during pmu_set_follow() */
	void *userdata;
};

void pmu_counter_close(struct pmu_table *pmus, struct counter *c);

/* For whoever is told, a counter with an error, but without a reason, is no more. */
void pmu_counter_untell(const struct pmu_set *set, const struct counter *c);

#endif
