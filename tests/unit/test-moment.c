// SPDX-License-Identifier: GPL-2.0-or-later
/* Moments as people write them, and everything that merely looks like one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "cli/moment.h"

/* Friday, 21 November 2025, 07:26:40.5 in UTC */
#define NOW 1763710000500000LL
#define MIDNIGHT 1763683200000000LL
#define SEC 1000000LL

static void test_moments(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} moments[] = {
		{ "now", NOW },
		{ "today", MIDNIGHT },
		{ "yesterday", MIDNIGHT - 86400 * SEC },
		{ "@0", 0 },
		{ "@1763710000", 1763710000 * SEC },
		{ "@1763710000.25", 1763710000 * SEC + 250000 },
		{ "@1.1234569", 1123456 },
		{ "-1h", NOW - 3600 * SEC },
		{ "-90s", NOW - 90 * SEC },
		{ "-1h30min", NOW - 5400 * SEC },
		{ "-1h 30min", NOW - 5400 * SEC },
		{ "1h ago", NOW - 3600 * SEC },
		{ "2 days ago", NOW - 2 * 86400 * SEC },
		{ "2days 3h ago", NOW - (2 * 86400 + 3 * 3600) * SEC },
		{ "1 week ago", NOW - 604800 * SEC },
		{ "-0s", NOW },
		{ "2025-11-21", MIDNIGHT },
		{ "2025-11-21 07:26", MIDNIGHT + (7 * 3600 + 26 * 60) * SEC },
		{ "2025-11-21 07:26:40", 1763710000 * SEC },
		{ "2025-11-21T07:26:40", 1763710000 * SEC },
		{ "2025-11-21 07:26:40.123456", 1763710000 * SEC + 123456 },
		{ "2024-02-29", 1709164800 * SEC },
		{ "07:26", MIDNIGHT + (7 * 3600 + 26 * 60) * SEC },
		{ "7:26:40", 1763710000 * SEC },
		{ "1970-01-01", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		int64_t us = -1;

		if (moment_parse(moments[i].text, NOW, &us) != 0 || us != moments[i].us)
			fail_msg("%s: %lld, not %lld", moments[i].text, (long long)us,
				 (long long)moments[i].us);
	}
}

static void test_no_moments(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"soon",
		"today ",
		"to day",
		"TODAY",
		"@",
		"@-1",
		"@12x",
		"@1.",
		"@999999999999",
		"1763710000",
		"-1",
		"1h",
		"-1h ago",
		"-",
		"h",
		"-h",
		"-1hour30",
		"-1 fortnight",
		"-1000000000s",
		"-99 years",
		"1h agoo",
		"+1h",
		"2025-02-29",
		"2025-02-30 10:00",
		"2025-13-01",
		"2025-00-10",
		"2025-11-00",
		"2025-11-21 ",
		"2025-11-21 24:00",
		"2025-11-21 07:60",
		"2025-11-21 07:26:60",
		"2025-11-21 07",
		"2025-11-21 07:26:40 x",
		"2025-11-21x",
		"20250-11-21",
		"1969-12-31",
		"25-11-21",
		"2025/11/21",
		"07:26:40.",
		"07:",
		"7",
		"-1h\n",
		"99999999999999999999",
		"@99999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int64_t us = -1;

		if (moment_parse(texts[i], NOW, &us) != -EINVAL || us != -1)
			fail_msg("'%s' was taken for %lld", texts[i], (long long)us);
	}
}

/* Days are the calendar's: where clocks are set forward, the day before began 23 hours earlier. */
static void test_days(void **state)
{
	int64_t us;

	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	/* 31 March 2025, 12:00 */
	assert_int_equal(moment_parse("yesterday", 1743415200 * SEC, &us), 0);
	assert_int_equal(us, 1743289200 * SEC);
	assert_int_equal(moment_parse("today", 1743415200 * SEC, &us), 0);
	assert_int_equal(us, 1743372000 * SEC);
	/* 1 March */
	assert_int_equal(moment_parse("yesterday", 1740826800 * SEC, &us), 0);
	assert_int_equal(us, 1740697200 * SEC);
	setenv("TZ", "UTC", 1);
	tzset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moments),
		cmocka_unit_test(test_no_moments),
		cmocka_unit_test(test_days),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests_name("moment", tests, NULL, NULL);
}
