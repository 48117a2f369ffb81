// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Strict: what is not understood to its last character is refused, and so is a date that the
 * calendar does not have. A wrong time would show a list that merely looks complete.
 */
#include "moment.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define USEC_PER_SEC 1000000LL
#define SECONDS_MAX 99999999999LL /* somewhat after the year 5000 */

static const struct {
	const char *name;
	int64_t seconds;
} units[] = {
	{ "s", 1 },	      { "sec", 1 },	     { "second", 1 },	   { "seconds", 1 },
	{ "m", 60 },	      { "min", 60 },	     { "minute", 60 },	   { "minutes", 60 },
	{ "h", 3600 },	      { "hr", 3600 },	     { "hour", 3600 },	   { "hours", 3600 },
	{ "d", 86400 },	      { "day", 86400 },	     { "days", 86400 },	   { "w", 604800 },
	{ "week", 604800 },   { "weeks", 604800 },   { "month", 2629800 }, { "months", 2629800 },
	{ "year", 31557600 }, { "years", 31557600 },
};

/* Reads digits, @most of them at most. False: there is none, or one too many. */
static bool take_number(const char **text, int most, int64_t *ret)
{
	int64_t number = 0;
	int n = 0;

	for (; isdigit((unsigned char)**text); (*text)++, n++) {
		if (n == most)
			return false;
		number = number * 10 + (**text - '0');
	}
	*ret = number;
	return n > 0;
}

static bool take(const char **text, char expected)
{
	if (**text != expected)
		return false;
	(*text)++;
	return true;
}

/* ".123456" or nothing; digits after the sixth are let go. */
static bool take_fraction(const char **text, int64_t *ret_us)
{
	int64_t scale = USEC_PER_SEC;

	*ret_us = 0;
	if (!take(text, '.'))
		return true;
	if (!isdigit((unsigned char)**text))
		return false;
	for (; isdigit((unsigned char)**text); (*text)++) {
		scale /= 10;
		*ret_us += (**text - '0') * scale;
	}
	return true;
}

static void skip_blanks(const char **text)
{
	while (**text == ' ')
		(*text)++;
}

static bool take_unit(const char **text, int64_t *ret_seconds)
{
	size_t length = 0;

	while (isalpha((unsigned char)(*text)[length]))
		length++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].name) != length || strncmp(units[i].name, *text, length) != 0)
			continue;
		*text += length;
		*ret_seconds = units[i].seconds;
		return true;
	}
	return false;
}

/* "1h", "2 days", "1h 30min": how long. Ends before "ago", or at the end. */
static bool take_span(const char **text, int64_t *ret_seconds)
{
	int64_t total = 0, number, unit;

	do {
		if (!take_number(text, 9, &number))
			return false;
		skip_blanks(text);
		if (!take_unit(text, &unit))
			return false;
		total += number * unit;
		skip_blanks(text);
	} while (isdigit((unsigned char)**text));
	*ret_seconds = total;
	return total <= SECONDS_MAX;
}

static int parse_relative(const char *text, int64_t now_us, int64_t *ret_us)
{
	bool minus = take(&text, '-');
	int64_t seconds;

	if (!take_span(&text, &seconds))
		return -EINVAL;
	if (strcmp(text, minus ? "" : "ago") != 0 || now_us < seconds * USEC_PER_SEC)
		return -EINVAL;
	*ret_us = now_us - seconds * USEC_PER_SEC;
	return 0;
}

static int parse_epoch(const char *text, int64_t *ret_us)
{
	int64_t seconds, fraction;

	if (!take_number(&text, 11, &seconds) || !take_fraction(&text, &fraction) || *text)
		return -EINVAL;
	*ret_us = seconds * USEC_PER_SEC + fraction;
	return 0;
}

static bool take_date(const char **text, struct tm *tm)
{
	int64_t year, month, day;

	if (!take_number(text, 4, &year) || !take(text, '-') || !take_number(text, 2, &month) ||
	    !take(text, '-') || !take_number(text, 2, &day))
		return false;
	tm->tm_year = (int)year - 1900;
	tm->tm_mon = (int)month - 1;
	tm->tm_mday = (int)day;
	return year >= 1970;
}

/* "HH:MM" or "HH:MM:SS", to the end */
static bool take_clock(const char **text, struct tm *tm, int64_t *ret_us)
{
	int64_t hour, minute, second = 0, fraction = 0;

	if (!take_number(text, 2, &hour) || !take(text, ':') || !take_number(text, 2, &minute))
		return false;
	if (take(text, ':') && (!take_number(text, 2, &second) || !take_fraction(text, &fraction)))
		return false;
	tm->tm_hour = (int)hour;
	tm->tm_min = (int)minute;
	tm->tm_sec = (int)second;
	*ret_us = fraction;
	return hour < 24 && minute < 60 && second < 60 && !**text;
}

/* mktime() takes the 30th of February for the 1st or 2nd of March. */
static int to_us(struct tm *tm, int64_t fraction, int64_t *ret_us)
{
	const struct tm wanted = *tm;
	time_t seconds;

	tm->tm_isdst = -1;
	seconds = mktime(tm);
	if (seconds < 0 || tm->tm_year != wanted.tm_year || tm->tm_mon != wanted.tm_mon ||
	    tm->tm_mday != wanted.tm_mday)
		return -EINVAL;
	*ret_us = (int64_t)seconds * USEC_PER_SEC + fraction;
	return 0;
}

static int parse_day(int days_back, int64_t now_us, int64_t *ret_us)
{
	time_t now = (time_t)(now_us / USEC_PER_SEC), midnight;
	struct tm tm;

	if (!localtime_r(&now, &tm))
		return -EINVAL;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_mday -= days_back; /* the day before the first is what mktime() makes of it */
	tm.tm_isdst = -1;
	midnight = mktime(&tm);
	if (midnight < 0)
		return -EINVAL;
	*ret_us = (int64_t)midnight * USEC_PER_SEC;
	return 0;
}

static int parse_calendar(const char *text, int64_t now_us, int64_t *ret_us)
{
	time_t now = (time_t)(now_us / USEC_PER_SEC);
	const char *colon = strchr(text, ':'), *minus = strchr(text, '-');
	int64_t fraction = 0;
	struct tm tm;

	if (!localtime_r(&now, &tm))
		return -EINVAL;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	if (minus && (!colon || minus < colon)) {
		if (!take_date(&text, &tm))
			return -EINVAL;
		if (!*text)
			return to_us(&tm, 0, ret_us);
		if (!take(&text, ' ') && !take(&text, 'T'))
			return -EINVAL;
		skip_blanks(&text);
	}
	if (!take_clock(&text, &tm, &fraction))
		return -EINVAL;
	return to_us(&tm, fraction, ret_us);
}

int moment_parse(const char *text, int64_t now_us, int64_t *ret_us)
{
	if (*text == '@')
		return parse_epoch(text + 1, ret_us);
	if (strcmp(text, "now") == 0) {
		*ret_us = now_us;
		return 0;
	}
	if (strcmp(text, "today") == 0)
		return parse_day(0, now_us, ret_us);
	if (strcmp(text, "yesterday") == 0)
		return parse_day(1, now_us, ret_us);
	if (parse_relative(text, now_us, ret_us) == 0)
		return 0;
	return parse_calendar(text, now_us, ret_us);
}
