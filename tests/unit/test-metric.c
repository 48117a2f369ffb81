// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of families, sets of series, what is left out when there are too many, and the formats:
 * what each prints of names that nobody would choose.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "records.h"

#include "metric.h"

static int setup(void **state)
{
	struct metric_set *set;

	assert_int_equal(metric_set_new(&set), 0);
	*state = set;
	return 0;
}

static int teardown(void **state)
{
	metric_set_free(*state);
	return 0;
}

static char *render(const struct metric_set *set, enum metric_format format)
{
	size_t size = 0;
	char *text = NULL;

	assert_int_equal(metric_set_to_text(set, format, &text, &size), 0);
	assert_int_equal(strlen(text), size);
	return text;
}

static void expect_text(const struct metric_set *set, enum metric_format format, const char *text)
{
	_cleanup_free_ char *is = render(set, format);

	assert_string_equal(is, text);
}

/* ---- the table ---- */

static bool is_word(const char *text)
{
	return *text && islower((unsigned char)*text) &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz_") == strlen(text) && !strstr(text, "__") &&
	       text[strlen(text) - 1] != '_';
}

static void test_table(void **state)
{
	(void)state;
	for (enum metric m = 0; m < METRIC_MAX; m++) {
		const struct metric_family *f = metric_family(m);
		size_t length = strlen(f->name);

		assert_true(is_word(f->name));
		assert_true(isupper((unsigned char)*f->help));
		assert_int_equal(f->help[strlen(f->help) - 1], '.');
		/* what promtool would say of the names */
		assert_true(length < 6 || strcmp(f->name + length - 6, "_total") != 0);
		if (f->unit) {
			assert_true(length > strlen(f->unit));
			assert_string_equal(f->name + length - strlen(f->unit), f->unit);
		}
		for (unsigned int i = 0; i < metric_n_labels(f); i++) {
			assert_true(is_word(f->labels[i]));
			/* nothing that has no end of values, or that is nobody's business */
			assert_null(
				strstr("message address data pid comm pointer irq", f->labels[i]));
		}
		assert_int_equal(f->is_answer && f->type != METRIC_GAUGE, 0);
		for (enum metric other = 0; other < m; other++)
			assert_string_not_equal(f->name, metric_family(other)->name);
	}
	assert_int_equal(metric_family(METRIC_BUILD)->extent, METRIC_PER_DAEMON);
	assert_int_equal(metric_family(METRIC_UP)->extent, METRIC_PER_DAEMON);
	assert_int_equal(metric_family(METRIC_VIOLATIONS)->extent, METRIC_PER_DAEMON);
	assert_int_equal(metric_family(METRIC_VIOLATIONS_OPEN)->extent, METRIC_PER_DAEMON);
	assert_int_equal(metric_family(METRIC_RECORDS_LOST)->extent, METRIC_PER_DAEMON);
	assert_int_equal(metric_family(METRIC_SERIES_DROPPED)->extent, METRIC_PER_DAEMON);
	assert_int_equal(metric_family(METRIC_VECTOR_INTERRUPTS)->extent, METRIC_PER_VECTOR);
}

/* The file of the tree, whatever the directory that the test is started from */
static FILE *open_manual(void)
{
	char path[512] = __FILE__, *end = strstr(path, "tests/unit/");

	assert_non_null(end);
	snprintf(end, sizeof(path) - (size_t)(end - path), "man/cxlirq-metrics.7");
	return fopen(path, "re");
}

static void test_manual(void **state)
{
	char *text = NULL, found[65536] = "", name[96];
	FILE *out, *file = open_manual();
	size_t size, n;

	(void)state;
	assert_non_null(file);
	n = fread(found, 1, sizeof(found) - 1, file);
	fclose(file);
	assert_true(n < sizeof(found) - 1);
	out = open_memstream(&text, &size);
	assert_int_equal(metric_print_manual(out), 0);
	fclose(out);
	/* make man/cxlirq-metrics.7 anew with cxlirqd --metrics */
	assert_string_equal(found, text);
	for (enum metric m = 0; m < METRIC_MAX; m++) {
		snprintf(name, sizeof(name), ".It Va cxlirq_%s%s", metric_family(m)->name,
			 metric_suffix(metric_family(m)));
		assert_non_null(strstr(text, name));
	}
	free(text);
	/* a full disk is told */
	out = fopen("/dev/full", "we");
	assert_int_equal(metric_print_manual(out), -EIO);
	fclose(out);
}

/* ---- formats ---- */

static void test_formats(void **state)
{
	struct metric_set *set = *state;

	metric_add(set, METRIC_SNAPSHOTS, 3);
	metric_add(set, METRIC_BUILD, 1, "0.1", "6.1");
	metric_add(set, METRIC_UP, 1);
	metric_add(set, METRIC_CPMU_TIME_ENABLED, 1500000000, "cxl_pmu_mem0.0", "e");
	metric_add(set, METRIC_VECTORS, 2, "b", "o", "d", "own", "requested");
	metric_add(set, METRIC_VECTORS, 1, "a", NULL, "", "", "allocated");
	metric_set_sort(set);
	expect_text(set, METRIC_OPENMETRICS,
		    "# HELP cxlirq_build The daemon and the kernel that it looks at.\n"
		    "# TYPE cxlirq_build info\n"
		    "cxlirq_build_info{version=\"0.1\",kernel=\"6.1\"} 1\n"
		    "# HELP cxlirq_up Whether the daemon has read this host's interrupts.\n"
		    "# TYPE cxlirq_up gauge\n"
		    "cxlirq_up 1\n"
		    "# HELP cxlirq_vectors Interrupts, by the device that provides them and the one"
		    " that has a handler.\n"
		    "# TYPE cxlirq_vectors gauge\n"
		    "cxlirq_vectors{provider=\"a\",owner=\"\",driver=\"\",relation=\"\","
		    "state=\"allocated\"} 1\n"
		    "cxlirq_vectors{provider=\"b\",owner=\"o\",driver=\"d\",relation=\"own\","
		    "state=\"requested\"} 2\n"
		    "# HELP cxlirq_cpmu_time_enabled_seconds How long a standing counter of a CXL"
		    " PMU has been enabled.\n"
		    "# TYPE cxlirq_cpmu_time_enabled_seconds counter\n"
		    "# UNIT cxlirq_cpmu_time_enabled_seconds seconds\n"
		    "cxlirq_cpmu_time_enabled_seconds_total{pmu=\"cxl_pmu_mem0.0\",event=\"e\"}"
		    " 1.5\n"
		    "# HELP cxlirq_snapshots Walks over the kernel's tables.\n"
		    "# TYPE cxlirq_snapshots counter\n"
		    "cxlirq_snapshots_total 3\n"
		    "# EOF\n");
}

static void test_text(void **state)
{
	struct metric_set *set = *state;

	metric_add(set, METRIC_BUILD, 1, "0.1", "6.1");
	metric_add(set, METRIC_SNAPSHOT_DURATION, 2000001);
	metric_add(set, METRIC_SNAPSHOTS, 3);
	metric_set_sort(set);
	expect_text(set, METRIC_TEXT,
		    "# HELP cxlirq_build_info The daemon and the kernel that it looks at.\n"
		    "# TYPE cxlirq_build_info gauge\n"
		    "cxlirq_build_info{version=\"0.1\",kernel=\"6.1\"} 1\n"
		    "# HELP cxlirq_snapshots_total Walks over the kernel's tables.\n"
		    "# TYPE cxlirq_snapshots_total counter\n"
		    "cxlirq_snapshots_total 3\n"
		    "# HELP cxlirq_snapshot_duration_seconds How long the last walk over the"
		    " kernel's tables took.\n"
		    "# TYPE cxlirq_snapshot_duration_seconds gauge\n"
		    "cxlirq_snapshot_duration_seconds 0.002000001\n");
	expect_text(set, METRIC_JSON,
		    "[{\"name\":\"cxlirq_build_info\",\"help\":\"The daemon and the kernel that it"
		    " looks at.\",\"type\":\"GAUGE\",\"metrics\":[{\"labels\":{\"version\":\"0.1\","
		    "\"kernel\":\"6.1\"},\"value\":\"1\"}]},"
		    "{\"name\":\"cxlirq_snapshots_total\",\"help\":\"Walks over the kernel's"
		    " tables.\",\"type\":\"COUNTER\",\"metrics\":[{\"value\":\"3\"}]},"
		    "{\"name\":\"cxlirq_snapshot_duration_seconds\",\"help\":\"How long the last"
		    " walk over the kernel's tables took.\",\"type\":\"GAUGE\",\"metrics\":["
		    "{\"value\":\"0.002000001\"}]}]");
}

static void test_nothing(void **state)
{
	metric_set_sort(*state);
	expect_text(*state, METRIC_OPENMETRICS, "# EOF\n");
	expect_text(*state, METRIC_TEXT, "");
	expect_text(*state, METRIC_JSON, "[]");
	assert_int_equal(metric_set_limit(*state, 0), 0);
	assert_false(metric_has_series(*state, METRIC_UP, metric_labels()));
}

static void test_values(void **state)
{
	static const struct {
		enum metric metric;
		uint64_t value;
		const char *text, *go;
	} values[] = {
		{ METRIC_SNAPSHOTS, 0, "0", "0" },
		{ METRIC_SNAPSHOTS, 999999, "999999", "999999" },
		{ METRIC_SNAPSHOTS, 1000000, "1000000", "1e+06" },
		{ METRIC_SNAPSHOTS, 1234567, "1234567", "1.234567e+06" },
		{ METRIC_SNAPSHOTS, 1ULL << 53, "9007199254740992", "9.007199254740992e+15" },
		{ METRIC_SNAPSHOTS, UINT64_MAX, "18446744073709551615", "1.8446744073709552e+19" },
		{ METRIC_SNAPSHOT_DURATION, 0, "0", "0" },
		{ METRIC_SNAPSHOT_DURATION, 1, "0.000000001", "1e-09" },
		{ METRIC_SNAPSHOT_DURATION, 99999, "0.000099999", "9.9999e-05" },
		{ METRIC_SNAPSHOT_DURATION, 100000, "0.0001", "0.0001" },
		{ METRIC_SNAPSHOT_DURATION, 12345678, "0.012345678", "0.012345678" },
		{ METRIC_SNAPSHOT_DURATION, 1000000000, "1", "1" },
		{ METRIC_SNAPSHOT_DURATION, 10000000000, "10", "10" },
		{ METRIC_SNAPSHOT_DURATION, 123456000000000, "123456", "123456" },
		{ METRIC_SNAPSHOT_DURATION, 1234567500000000, "1234567.5", "1.2345675e+06" },
		{ METRIC_SNAPSHOT_DURATION, 100000500000000, "100000.5", "100000.5" },
		{ METRIC_SNAPSHOT_DURATION, UINT64_MAX, "18446744073.709551615",
		  "1.8446744073709553e+10" },
	};
	char text[METRIC_NUMBER_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct metric_series series = { .metric = values[i].metric,
						.value = values[i].value };

		metric_value_text(&series, text);
		assert_string_equal(text, values[i].text);
		metric_value_go(&series, text);
		assert_string_equal(text, values[i].go);
	}
}

/* ---- names from outside ---- */

#define C16 "0123456789abcdef"
#define C128 C16 C16 C16 C16 C16 C16 C16 C16

static void test_hostile_names(void **state)
{
	static const struct {
		const char *name, *becomes;
	} names[] = {
		{ "a\"b\\c\nd", "a\"b\\c\nd" },
		{ "} 1\n# EOF", "} 1\n# EOF" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "caf\xe9", "caf?" }, /* Latin-1 */
		{ "\xc3\xa4\xff", "???" }, /* one bad byte, and none is trusted */
		{ "\xc0\xaf", "??" }, /* longer than need be */
		{ "\xe0\x80\xaf", "???" },
		{ "\xf0\x80\x80\xaf", "????" },
		{ "\xed\xa0\x80", "???" }, /* half of a surrogate pair */
		{ "\xf4\x90\x80\x80", "????" }, /* behind the last character */
		{ "\xf8\x88\x80\x80\x80", "?????" },
		{ "\xe2\x82", "??" }, /* cut */
		{ C128, C128 },
		{ C128 "x", C128 },
		{ C16 C16 C16 C16 C16 C16 C16 "0123456789abcde\xc3\xa4",
		  C16 C16 C16 C16 C16 C16 C16 "0123456789abcde" },
		{ C128 "\xff", C128 },
		{ C16 C16 C16 C16 C16 C16 C16 "\xff" C128,
		  C16 C16 C16 C16 C16 C16 C16 "?0123456789abcde" },
	};
	const struct metric_series *series;
	struct metric_set *set = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		_cleanup_(metric_set_freep) struct metric_set *one = NULL;
		json_auto_t *json = NULL;

		assert_int_equal(metric_set_new(&one), 0);
		metric_add(one, METRIC_GUARD_DENIED, i, names[i].name);
		series = metric_set_get(one, 0);
		assert_string_equal(series->labels[0], names[i].becomes);
		assert_true(
			metric_has_series(one, METRIC_GUARD_DENIED, metric_labels(names[i].name)));
		/* jansson is the judge of what UTF-8 is */
		json = json_string(series->labels[0]);
		assert_non_null(json);
		json_decref(TAKE_PTR(json));
		json = metric_set_to_json(one);
		assert_non_null(json);
	}
	metric_add(set, METRIC_GUARD_DENIED, 1, "a\"b\\c\nd\r\t\x1b");
	expect_text(set, METRIC_TEXT,
		    "# HELP cxlirq_guard_denied_total Affinity changes that were refused to protect"
		    " a vector.\n"
		    "# TYPE cxlirq_guard_denied_total counter\n"
		    "cxlirq_guard_denied_total{provider=\"a\\\"b\\\\c\\nd\r\t\x1b\"} 1\n");
}

/* Names that become the same are one series: twice the same one would spoil the whole answer. */
static void test_same_names(void **state)
{
	struct metric_set *set = *state;

	metric_add(set, METRIC_GUARD_DENIED, 1, "\xff");
	metric_add(set, METRIC_GUARD_DENIED, 2, "\xfe");
	metric_add(set, METRIC_GUARD_DENIED, 4, "?");
	metric_add(set, METRIC_GUARD_DENIED, UINT64_MAX, "big");
	metric_add(set, METRIC_GUARD_DENIED, 1, "big");
	assert_int_equal(metric_set_count(set), 2);
	metric_set_sort(set);
	assert_int_equal(metric_set_get(set, 0)->value, 7);
	assert_true(metric_set_get(set, 1)->value == UINT64_MAX);
	/* and labels do not run into each other */
	metric_add(set, METRIC_MESSAGE_CHANGES, 1, "ab", "c");
	metric_add(set, METRIC_MESSAGE_CHANGES, 1, "a", "bc");
	metric_add(set, METRIC_AFFINITY_CHANGES, 1, "a", "bc");
	assert_int_equal(metric_set_count(set), 5);
}

static void test_many(void **state)
{
	struct metric_set *set = *state;

	for (unsigned int round = 0; round < 2; round++)
		for (uint64_t i = 0; i < 20000; i++)
			metric_add(set, METRIC_GUARD_DENIED, i, metric_number(set, i));
	assert_int_equal(metric_set_error(set), 0);
	assert_int_equal(metric_set_count(set), 20000);
	metric_set_sort(set);
	for (uint64_t i = 0; i < 20000; i++) {
		/* in the order of numbers */
		assert_true(metric_set_get(set, i)->value == 2 * i);
		assert_true(metric_has_series(set, METRIC_GUARD_DENIED,
					      metric_labels(metric_number(set, i))));
	}
}

/* ---- too many ---- */

static size_t count(const struct metric_set *set, enum metric metric, const char *first)
{
	size_t n = 0;

	for (size_t i = 0; i < metric_set_count(set); i++) {
		const struct metric_series *series = metric_set_get(set, i);

		n += series->metric == metric && (!first || !strcmp(series->labels[0], first));
	}
	return n;
}

/* @n series of a device, the first of them with the value 1, and so on */
static void fill(struct metric_set *set, enum metric metric, const char *device, uint64_t n)
{
	for (uint64_t i = 1; i <= n; i++) {
		const char *number = metric_number(set, i);

		if (metric == METRIC_VECTOR_INTERRUPTS)
			metric_add(set, metric, i, device, number, "");
		else if (metric == METRIC_DEVICE_INTERRUPTS)
			metric_add(set, metric, i, device, number);
		else
			metric_add(set, metric, i, number);
	}
}

static void test_limit(void **state)
{
	struct metric_set *set = *state;

	metric_add(set, METRIC_UP, 1);
	fill(set, METRIC_HOOK_ATTACHED, NULL, 10);
	fill(set, METRIC_DEVICE_INTERRUPTS, "small", 3);
	fill(set, METRIC_VECTOR_INTERRUPTS, "large", 1000);
	fill(set, METRIC_VECTOR_INTERRUPTS, "small", 5);
	fill(set, METRIC_VECTOR_INTERRUPTS, "middle", 40);
	assert_int_equal(metric_set_limit(set, 2000), 0);
	assert_int_equal(metric_set_limit(set, 1059), 0);
	/* the vectors' family alone gives way; its devices get as much as each other */
	assert_int_equal(metric_set_limit(set, 114), 945);
	assert_int_equal(metric_set_count(set), 114);
	assert_int_equal(count(set, METRIC_VECTOR_INTERRUPTS, "small"), 5);
	assert_int_equal(count(set, METRIC_VECTOR_INTERRUPTS, "middle"), 40);
	assert_int_equal(count(set, METRIC_VECTOR_INTERRUPTS, "large"), 55);
	assert_int_equal(metric_set_limit(set, 42), 72);
	assert_int_equal(count(set, METRIC_VECTOR_INTERRUPTS, "small"), 5);
	assert_int_equal(count(set, METRIC_VECTOR_INTERRUPTS, "middle"), 11);
	assert_int_equal(count(set, METRIC_VECTOR_INTERRUPTS, "large"), 12);
	/* those that came first are still there */
	metric_set_sort(set);
	for (size_t i = 0, next = 1; i < metric_set_count(set); i++)
		if (!strcmp(metric_set_get(set, i)->labels[0] ?: "", "large"))
			assert_int_equal(metric_set_get(set, i)->value, next++);
	/* what is left finds its series after the move */
	assert_true(metric_has_series(set, METRIC_UP, metric_labels()));
	assert_false(metric_has_series(set, METRIC_VECTOR_INTERRUPTS,
				       metric_labels("large", "900", "")));
}

static void test_limit_order(void **state)
{
	struct metric_set *set = *state;

	metric_add(set, METRIC_UP, 1);
	metric_add(set, METRIC_SNAPSHOTS, 1);
	fill(set, METRIC_HOOK_ATTACHED, NULL, 10);
	fill(set, METRIC_DEVICE_INTERRUPTS, "one", 10);
	fill(set, METRIC_GUARD_DENIED, NULL, 4);
	fill(set, METRIC_VECTOR_INTERRUPTS, "one", 10);
	/* nothing for vectors, families of devices share */
	assert_int_equal(metric_set_limit(set, 22), 14);
	assert_int_equal(count(set, METRIC_VECTOR_INTERRUPTS, NULL), 0);
	assert_int_equal(count(set, METRIC_DEVICE_INTERRUPTS, NULL), 6);
	assert_int_equal(count(set, METRIC_GUARD_DENIED, NULL), 4);
	assert_int_equal(count(set, METRIC_HOOK_ATTACHED, NULL), 10);
	assert_int_equal(metric_set_limit(set, 7), 15);
	assert_int_equal(count(set, METRIC_HOOK_ATTACHED, NULL), 5);
	/* the daemon's own stay, whatever is asked for */
	assert_int_equal(metric_set_limit(set, 0), 5);
	assert_int_equal(metric_set_count(set), 2);
	assert_int_equal(metric_set_limit(set, 0), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_manual),
		TEST(test_formats),
		TEST(test_text),
		TEST(test_nothing),
		cmocka_unit_test(test_values),
		TEST(test_hostile_names),
		TEST(test_same_names),
		TEST(test_many),
		TEST(test_limit),
		TEST(test_limit_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
