// SPDX-License-Identifier: GPL-2.0-or-later
/* [Export]: what its keys take, and that a wrong value leaves the default. */
#include <stdlib.h>

#include "records.h"

#include "config.h"

static struct config config;
static unsigned int warnings;

static void read_line(const char *directory, const char *line)
{
	char text[256], path[256];

	snprintf(text, sizeof(text), "[Export]\n%s\n", line);
	snprintf(path, sizeof(path), "%s", file_path(directory, "conf"));
	file_write(path, text, strlen(text));
	config_done(&config);
	assert_int_equal(config_read(path, &config, &warnings), 0);
}

static int teardown(void **state)
{
	config_done(&config);
	return directory_teardown(state);
}

static void test_series(void **state)
{
	static const struct {
		const char *value;
		uint64_t taken; /* 0: not */
	} cases[] = {
		{ "256", 256 }, { "5001", 5001 }, { "50000", 50000 }, { "255", 0 }, { "0", 0 },
		{ "50001", 0 }, { "-1", 0 },	  { "5K", 0 },	      { "", 0 },    { "many", 0 },
	};
	char line[64];

	read_line(*state, "");
	assert_int_equal(config.max_series, 5000);
	assert_false(config.per_vector);
	assert_string_equal(config.report, "/run/systemd/report/io.cxlirqd");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(line, sizeof(line), "MaxSeries=%s", cases[i].value);
		read_line(*state, line);
		assert_int_equal(config.max_series, cases[i].taken ?: 5000);
		assert_int_equal(warnings, !cases[i].taken);
	}
}

static void test_per_vector(void **state)
{
	read_line(*state, "PerVector=yes");
	assert_true(config.per_vector);
	read_line(*state, "PerVector=no");
	assert_false(config.per_vector);
	read_line(*state, "PerVector=perhaps");
	assert_false(config.per_vector);
	assert_int_equal(warnings, 1);
}

static void test_report(void **state)
{
	read_line(*state, "Report=/tmp/report");
	assert_string_equal(config.report, "/tmp/report");
	read_line(*state, "Report=");
	assert_string_equal(config.report, "");
	assert_int_equal(warnings, 0);
	read_line(*state, "Report=report");
	assert_string_equal(config.report, "/run/systemd/report/io.cxlirqd");
	assert_int_equal(warnings, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_series),
		TEST(test_per_vector),
		TEST(test_report),
	};

	unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
