// SPDX-License-Identifier: GPL-2.0-or-later
/* The settings of [Rules]: names that must be rules, patterns that must fit into the model. */
#include "config.h"
#include "log.h"
#include "records.h"

static struct config config;
static unsigned int warnings;

static int teardown(void **state)
{
	config_done(&config);
	return directory_teardown(state);
}

static void read_rules(const char *directory, const char *lines)
{
	_cleanup_free_ char *text = NULL;
	const char *path = file_path(directory, "conf");

	assert_true(asprintf(&text, "[Rules]\n%s\n", lines) > 0);
	file_write(path, text, strlen(text));
	config_done(&config);
	assert_int_equal(config_read(path, &config, &warnings), 0);
}

static unsigned int n_off(void)
{
	unsigned int n = 0;

	for (enum rule_id rule = 0; rule < RULE_MAX; rule++)
		n += config.rules.off[rule];
	return n;
}

static void test_default(void **state)
{
	read_rules(*state, "");
	assert_int_equal(warnings, 0);
	assert_int_equal(n_off(), 0);
	assert_string_equal(config.doorbell_devices, "");
	assert_int_equal(config.max_violations, 4096);
}

static void test_disable(void **state)
{
	for (enum rule_id rule = 0; rule < RULE_MAX; rule++) {
		char line[64];

		snprintf(line, sizeof(line), "Disable=%s", rule_text(rule)->name);
		read_rules(*state, line);
		assert_int_equal(warnings, 0);
		assert_int_equal(n_off(), 1);
		assert_true(config.rules.off[rule]);
	}
	read_rules(*state, "Disable=  vector-hidden\tvector-orphaned vector-hidden ");
	assert_int_equal(warnings, 0);
	assert_int_equal(n_off(), 2);
	assert_true(config.rules.off[RULE_VECTOR_HIDDEN]);
	assert_true(config.rules.off[RULE_VECTOR_ORPHANED]);
}

/* A list replaces the one before; one that is wrong anywhere does not. */
static void test_disable_again(void **state)
{
	static const char *const wrong[] = { "no-such-rule",
					     "vector-refused no-such-rule",
					     "no-such-rule vector-refused",
					     "Vector-Refused",
					     "vector-refused,vector-orphaned",
					     "vector-refuse",
					     "*",
					     "all" };
	char lines[128];

	read_rules(*state, "Disable=vector-hidden\nDisable=vector-orphaned");
	assert_int_equal(warnings, 0);
	assert_int_equal(n_off(), 1);
	assert_true(config.rules.off[RULE_VECTOR_ORPHANED]);
	read_rules(*state, "Disable=vector-hidden\nDisable=");
	assert_int_equal(warnings, 0);
	assert_int_equal(n_off(), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(lines, sizeof(lines), "Disable=vector-hidden\nDisable=%s", wrong[i]);
		read_rules(*state, lines);
		assert_int_equal(warnings, 1);
		assert_int_equal(n_off(), 1);
		assert_true(config.rules.off[RULE_VECTOR_HIDDEN]);
	}
}

static void test_patterns(void **state)
{
	char pattern[66], lines[160];

	read_rules(*state, "DoorbellDevices= ep-*  imx8-?.msi\t[a-c]* ");
	assert_int_equal(warnings, 0);
	assert_string_equal(config.doorbell_devices, "ep-*  imx8-?.msi\t[a-c]*");
	/* as long as the model's, and one more */
	for (size_t length = 63; length < 65; length++) {
		memset(pattern, 'x', length);
		pattern[length] = 0;
		snprintf(lines, sizeof(lines), "DoorbellDevices=a\nDoorbellDevices=a %s", pattern);
		read_rules(*state, lines);
		assert_int_equal(warnings, length > 63);
		assert_int_equal(strlen(config.doorbell_devices), length > 63 ? 1 : 2 + length);
	}
	read_rules(*state, "DoorbellDevices=a\nDoorbellDevices=");
	assert_int_equal(warnings, 0);
	assert_string_equal(config.doorbell_devices, "");
}

static void test_patterns_many(void **state)
{
	for (size_t n = MODEL_PATTERNS_MAX - 1; n < MODEL_PATTERNS_MAX + 2; n++) {
		char lines[128] = "DoorbellDevices=";

		for (size_t i = 0; i < n; i++)
			strcat(lines, "a ");
		read_rules(*state, lines);
		assert_int_equal(warnings, n > MODEL_PATTERNS_MAX);
		assert_int_equal(strlen(config.doorbell_devices),
				 n > MODEL_PATTERNS_MAX ? 0 : 2 * n - 1);
	}
}

static void test_max_violations(void **state)
{
	static const struct {
		const char *value;
		uint64_t taken; /* 0: refused */
	} cases[] = { { "16", 16 }, { "65536", 65536 }, { "15", 0 }, { "65537", 0 }, { "0", 0 },
		      { "-1", 0 },  { "4K", 0 },	{ "", 0 },   { "1e3", 0 } };
	char line[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(line, sizeof(line), "MaxViolations=%s", cases[i].value);
		read_rules(*state, line);
		assert_int_equal(warnings, !cases[i].taken);
		assert_int_equal(config.max_violations, cases[i].taken ?: 4096);
	}
}

static void test_unknown(void **state)
{
	read_rules(*state, "Enable=vector-hidden\ndisable=vector-hidden\nDoorbellDevice=a");
	assert_int_equal(warnings, 3);
	assert_int_equal(n_off(), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_default),  TEST(test_disable),       TEST(test_disable_again),
		TEST(test_patterns), TEST(test_patterns_many), TEST(test_max_violations),
		TEST(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
