/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A record that was found to be sound: of a known type, long enough, its strings terminated, its
 * enumerators in range. It points into the bytes it was made from.
 */
#ifndef CXLIRQD_EVENT_H
#define CXLIRQD_EVENT_H

#include <cxlirqd/record.h>

struct event {
	union {
		const struct record_header *header;
		const struct record_domain *domain;
		const struct record_range *range;
		const struct record_vector *vector;
		const struct record_action *action;
		const struct record_action_freed *action_freed;
		const struct record_owner *owner;
		const struct record_message *message;
		const struct record_x86_vector *x86_vector;
		const struct record_cpu *cpu;
		const struct record_base *base;
		const struct record_name *name;
		const struct record_hook *hook;
		const struct record_device *device;
		const struct record_sysfs_vector *sysfs_vector;
		const struct record_sysfs_irq *sysfs_irq;
		const struct record_snapshot *snapshot;
		const struct record_lost *lost;
		const struct record_doorbell *doorbell;
		const struct record_bar *bar;
		const struct record_pmu *pmu;
		const struct record_pattern *pattern;
		const struct record_demand *demand;
		const struct record_space *space;
		const struct record_guard *guard;
		const struct record_feature *feature;
		const struct record_driver *driver;
		const struct record_pmu_event *pmu_event;
		const struct record_counter *counter;
	};
};

#endif
