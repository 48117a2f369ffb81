// SPDX-License-Identifier: GPL-2.0-or-later
/* CXL PMUs as perf knows them, from a sysfs tree made here: what is read, what is left out. */
#include "pmu-fixture.h"

static void test_table(void **state)
{
	const struct pmu_device *pmu;

	(void)state;
	put_of("cxl_pmu_mem0.0", "events/memrd.scale", "0.5");
	put_of("cxl_pmu_mem0.0", "events/memrd.unit", "MiB");
	put_of("cxl_pmu_mem0.0", "events/.hidden", "config=1");
	put_of("cxl_pmu_mem0.0", "format/odd", "config7:1");
	put_of("cxl_pmu_mem0.1", "type", "none");
	put_of("cxl_pmu_mem0.2", "type", "33");
	assert_int_equal(pmu_table_read(host.pmus), 0);
	/* one without a number, one without CPUs, one that is no CXL PMU */
	assert_int_equal(host.pmus->n, 1);
	assert_null(pmu_table_find(host.pmus, "cpu"));
	pmu = pmu_table_find(host.pmus, "cxl_pmu_mem0.0");
	assert_non_null(pmu);
	assert_int_equal(pmu->type, 30);
	assert_int_equal(pmu->cpu, 3);
	assert_int_equal(pmu->words.n_aliases, 2);
	assert_int_equal(pmu->words.n_formats, 4);
	assert_null(pmu_table_find(host.pmus, "cxl_pmu_mem0.1"));
	assert_int_equal(host.pmus->refused, 0);
}

static void test_table_bounds(void **state)
{
	char path[64], text[256];

	(void)state;
	for (unsigned int i = 0; i < PMU_FORMATS_MAX; i++) {
		snprintf(path, sizeof(path), "format/more%u", i);
		put_of("cxl_pmu_mem0.0", path, "config:1");
	}
	for (unsigned int i = 0; i < PMU_ALIASES_MAX; i++) {
		snprintf(path, sizeof(path), "events/more%u", i);
		put_of("cxl_pmu_mem0.0", path, "config=1");
	}
	memset(text, 'x', 128);
	text[128] = '\0';
	put_of("cxl_pmu_mem0.1", "events/long", text);
	assert_int_equal(pmu_table_read(host.pmus), 0);
	assert_int_equal(host.pmus->devices[0].words.n_formats, PMU_FORMATS_MAX);
	assert_int_equal(host.pmus->devices[0].words.n_aliases, PMU_ALIASES_MAX);
	assert_int_equal(host.pmus->devices[1].words.n_aliases, 2);
	assert_int_equal(host.pmus->refused, 4 + 2 + 1);
}

static void test_no_perf(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/sys", host.root);
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(pmu_table_read(host.pmus), 0);
	assert_int_equal(host.pmus->n, 0);
	assert_int_equal(pmu_table_new("/no/such/place", 1, &host.pmus), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_table, setup, teardown),
		cmocka_unit_test_setup_teardown(test_table_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_perf, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
