// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An answer for a host with 100,000 vectors: it takes a time that grows with their number and not
 * with its square, it holds as many series as it may, and no device loses all of its own.
 */
#include <stdlib.h>
#include <time.h>

#include "records.h"

#include "sink-metrics.h"
#include "violation.h"

#define VECTORS 100000U
#define FEWER (VECTORS / 10)
#define OF_A_DEVICE 64U
#define ROUNDS 5
#define SERIES 5000U

static struct world *make_host(uint32_t n)
{
	struct world *w = world_new(NULL);

	tell(w, make_base(RECORD_MODE_TRACING));
	/* nobody reads these events */
	w->model->change = NULL;
	walk_begin(w);
	see_domain(w, 0x100, "PCI-MSIX");
	for (uint32_t i = 0; i < n; i++) {
		struct vector_record v = vector_seen(100 + i, 0x41);
		struct record_action r = make_action(RECORD_REASON_SNAPSHOT, 100 + i, 1, "x");
		char name[64];

		snprintf(name, sizeof(name), "%04x:%02x:00.0", i / OF_A_DEVICE / 256,
			 i / OF_A_DEVICE % 256);
		v.r.msi_index = i % OF_A_DEVICE;
		v.r.interrupts = i;
		v.r.provider = make_dev(name, "pci", "nvme");
		r.device = v.r.provider;
		if (!(i % OF_A_DEVICE))
			tell(w, make_device(name, "pci", "nvme"));
		tell(w, v);
		tell(w, r);
	}
	walk_end(w, true);
	return w;
}

struct cost {
	uint64_t gather_ns, render_ns;
	uint64_t dropped;
	size_t series, size;
};

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static struct cost answer(struct sink_metrics *sink, const struct model *model,
			  const struct violations *violations, size_t max)
{
	_cleanup_(metric_set_freep) struct metric_set *set = NULL;
	_cleanup_free_ char *text = NULL;
	struct cost cost = {};
	uint64_t start = cpu_ns();

	assert_int_equal(metric_set_new(&set), 0);
	sink_metrics_gather(sink, model, violations, set);
	cost.dropped = metric_set_limit(set, max);
	cost.gather_ns = cpu_ns() - start;
	metric_set_sort(set);
	assert_int_equal(metric_set_error(set), 0);
	assert_int_equal(metric_set_to_text(set, METRIC_OPENMETRICS, &text, &cost.size), 0);
	cost.render_ns = cpu_ns() - start - cost.gather_ns;
	cost.series = metric_set_count(set);
	return cost;
}

/* The quickest of some: what others do on this machine makes it slower, never quicker. */
static struct cost measure(uint32_t n, bool per_vector)
{
	_cleanup_(sink_metrics_freep) struct sink_metrics *sink = NULL;
	struct violations *violations;
	struct world *w = make_host(n);
	struct cost best = { .gather_ns = UINT64_MAX, .render_ns = UINT64_MAX };

	assert_int_equal(sink_metrics_new(per_vector, &sink), 0);
	assert_int_equal(violations_new(16, &violations), 0);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct cost cost = answer(sink, w->model, violations, SERIES);

		cost.gather_ns = cost.gather_ns < best.gather_ns ? cost.gather_ns : best.gather_ns;
		cost.render_ns = cost.render_ns < best.render_ns ? cost.render_ns : best.render_ns;
		best = cost;
	}
	violations_free(violations);
	world_free(w);
	print_message("# %u vectors%s: gather %llu us, render %llu us, %zu series, %zu bytes,"
		      " %llu left out\n",
		      n, per_vector ? ", each with its series" : "",
		      (unsigned long long)best.gather_ns / 1000,
		      (unsigned long long)best.render_ns / 1000, best.series, best.size,
		      (unsigned long long)best.dropped);
	return best;
}

/* Ten times as much takes ten times as long; a square, a hundred times. */
static void expect_linear(bool per_vector)
{
	struct cost small = measure(FEWER, per_vector), large = measure(VECTORS, per_vector);

	assert_true(large.gather_ns < 35 * (small.gather_ns + 200000));
	assert_true(large.series <= SERIES);
	assert_true(large.size < 1 << 20);
}

static void test_cost(void **state)
{
	(void)state;
	expect_linear(false);
}

static void test_cost_per_vector(void **state)
{
	(void)state;
	expect_linear(true);
}

static void test_fair(void **state)
{
	_cleanup_(sink_metrics_freep) struct sink_metrics *sink = NULL;
	_cleanup_(metric_set_freep) struct metric_set *set = NULL;
	unsigned int n_devices = (VECTORS + OF_A_DEVICE - 1) / OF_A_DEVICE, least = UINT32_MAX,
		     most = 0;
	struct world *w = make_host(VECTORS);
	struct violations *violations;
	size_t first;

	(void)state;
	assert_int_equal(sink_metrics_new(true, &sink), 0);
	assert_int_equal(violations_new(16, &violations), 0);
	assert_int_equal(metric_set_new(&set), 0);
	sink_metrics_gather(sink, w->model, violations, set);
	assert_true(metric_set_limit(set, 4 * SERIES) > 0);
	metric_set_sort(set);
	for (first = 0; metric_set_get(set, first)->metric != METRIC_VECTOR_INTERRUPTS; first++)
		;
	for (size_t i = first, of = 0; metric_set_get(set, i)->metric == METRIC_VECTOR_INTERRUPTS;
	     i++) {
		of++;
		if (!strcmp(metric_set_get(set, i + 1)->labels[0],
			    metric_set_get(set, i)->labels[0]) &&
		    metric_set_get(set, i + 1)->metric == METRIC_VECTOR_INTERRUPTS)
			continue;
		least = of < least ? of : least;
		most = of > most ? of : most;
		n_devices--;
		of = 0;
	}
	/* every device is there, and none has more than one series more than another */
	assert_int_equal(n_devices, 0);
	assert_in_range(least, 1, OF_A_DEVICE);
	assert_in_range(most - least, 0, 1);
	violations_free(violations);
	world_free(w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_cost_per_vector),
		cmocka_unit_test(test_fair),
	};

	unsetenv("CXLIRQD_RESTORE");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
