/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A metrics' sink beside a model, as the manager has them, and the series of both:
 *
 *	gather(w);
 *	expect(10, METRIC_DEVICE_INTERRUPTS, NVME, NVME);
 *	expect(NONE, METRIC_DEVICE_INTERRUPTS, NVME, "pmu_mem0.0");
 */
#ifndef TEST_METRICS_FIXTURE_H
#define TEST_METRICS_FIXTURE_H

#include <stdlib.h>

#include "demand-fixture.h"

#include "sink-metrics-private.h"
#include "violation.h"

#define NVME "0000:01:00.0"
#define NONE UINT64_MAX /* there is no such series */

static struct sink_metrics *sink;
static struct violations *violations;
static struct metric_set *set;

static inline void follow(const struct change *change, void *userdata)
{
	struct world *w = userdata;

	sink_metrics_change(sink, w->model, change);
}

static inline int setup_listening(void **state)
{
	struct world *w = world_listening();

	assert_int_equal(sink_metrics_new(true, &sink), 0);
	assert_int_equal(violations_new(16, &violations), 0);
	w->follow = follow;
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	sink = sink_metrics_free(sink);
	violations = violations_free(violations);
	set = metric_set_free(set);
	return world_teardown(state);
}

static inline void gather(struct world *w)
{
	set = metric_set_free(set);
	assert_int_equal(metric_set_new(&set), 0);
	sink_metrics_gather(sink, w->model, violations, set);
	assert_int_equal(metric_set_error(set), 0);
}

static inline uint64_t value_of(enum metric metric, const char *const labels[])
{
	unsigned int n = metric_n_labels(metric_family(metric));

	for (size_t i = 0; i < metric_set_count(set); i++) {
		const struct metric_series *series = metric_set_get(set, i);
		bool same = series->metric == metric;

		for (unsigned int l = 0; l < n && same; l++)
			same = !strcmp(series->labels[l], labels[l]);
		if (same)
			return series->value;
	}
	return NONE;
}
#define value(metric, ...) value_of(metric, metric_labels(__VA_ARGS__))
#define expect(is, metric, ...) assert_int_equal(value(metric, ##__VA_ARGS__), is)

/* As the manager does it: the sink sees a record before the model has it. */
static inline void gone(struct world *w, const char *name)
{
	struct record_device r = make_device_gone(name);

	sink_metrics_record(sink, &r.header);
	tell(w, r);
}

/* A walk finds @interrupts on @irq, and the handlers that there are. */
static inline void count_to(struct world *w, uint32_t irq, uint64_t interrupts)
{
	struct vector_record v = vector_seen(irq, 0x41);
	const struct vector *vector = model_vector(w->model, irq);

	v.r.interrupts = interrupts;
	v.r.provider = vector ? vector->provider : v.r.provider;
	walk_begin(w);
	see_domain(w, 0x100, "PCI-MSIX-" NVME);
	tell(w, v);
	for (const struct action *a = vector ? vector->actions : NULL, *next; a; a = next) {
		struct record_action r =
			make_action(RECORD_REASON_SNAPSHOT, irq, a->cookie, a->name);

		next = a->next;
		r.device = a->device;
		tell(w, r);
	}
	walk_end(w, true);
}

static inline void has_handler(struct world *w, uint32_t irq, uint64_t cookie, const char *device,
			       const char *bus)
{
	struct record_action r = make_action(RECORD_REASON_REQUESTED, irq, cookie, "x");

	r.device = make_dev(device, bus, "driver");
	tell(w, r);
}

static inline void device(struct world *w, const char *name, const char *bus)
{
	tell(w, make_device(name, bus, "driver"));
}

#endif
