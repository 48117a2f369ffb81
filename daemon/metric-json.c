// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * JSON as prom2json makes it of the Prometheus text: families with the names, types and help of that
 * text, types in capitals, and values as strings, printed as Go prints a float64. A series without
 * labels has no "labels".
 */
#include "metric.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The least digits that are this number and no other: "1.25e+01" */
static void shortest(double number, char *text, size_t size)
{
	for (int precision = 0; precision <= 17; precision++) {
		snprintf(text, size, "%.*e", precision, number);
		if (strtod(text, NULL) == number)
			return;
	}
}

void metric_value_go(const struct metric_series *series, char ret[METRIC_NUMBER_MAX])
{
	double number;
	int exponent, digits;
	char *e;

	metric_value_text(series, ret);
	/* what most are: nothing to do */
	if (!metric_family(series->metric)->unit && series->value < 1000000)
		return;
	number = strtod(ret, NULL);
	shortest(number, ret, METRIC_NUMBER_MAX);
	e = strchr(ret, 'e');
	exponent = atoi(e + 1);
	/* digits behind the point before the exponent: so many less are behind that of the number */
	digits = e - ret > 2 ? (int)(e - ret) - 2 : 0;
	if (exponent >= -4 && exponent < 6)
		snprintf(ret, METRIC_NUMBER_MAX, "%.*f", digits > exponent ? digits - exponent : 0,
			 number);
}

static json_t *series_to_json(const struct metric_series *series)
{
	const struct metric_family *family = metric_family(series->metric);
	unsigned int n = metric_n_labels(family);
	json_t *object = json_object(), *labels = n ? json_object() : NULL;
	char value[METRIC_NUMBER_MAX];
	int r = 0;

	for (unsigned int i = 0; i < n; i++)
		r |= json_object_set_new_nocheck(labels, family->labels[i],
						 json_string_nocheck(series->labels[i]));
	if (n)
		r |= json_object_set_new_nocheck(object, "labels", labels);
	metric_value_go(series, value);
	r |= json_object_set_new_nocheck(object, "value", json_string_nocheck(value));
	if (r < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static json_t *family_to_json(const struct metric_family *family, json_t *metrics)
{
	enum metric_type type = family->type == METRIC_INFO ? METRIC_GAUGE : family->type;
	char upper[16];
	size_t i = 0;

	for (const char *c = metric_type_name(type); *c && i < sizeof(upper) - 1; c++)
		upper[i++] = (char)toupper((unsigned char)*c);
	upper[i] = 0;
	return json_pack("{s:o, s:s, s:s, s:o}", "name",
			 json_sprintf(METRIC_PREFIX "%s%s", family->name, metric_suffix(family)),
			 "help", family->help, "type", upper, "metrics", metrics);
}

json_t *metric_set_to_json(const struct metric_set *set)
{
	json_t *families = json_array(), *metrics = NULL;
	const struct metric_series *series;
	enum metric last = METRIC_MAX;
	int r = 0;

	for (size_t i = 0; i < metric_set_count(set) && r >= 0; i++) {
		series = metric_set_get(set, i);
		if (series->metric != last) {
			metrics = json_array();
			r = json_array_append_new(
				families, family_to_json(metric_family(series->metric), metrics));
		}
		last = series->metric;
		if (r >= 0)
			r = json_array_append_new(metrics, series_to_json(series));
	}
	if (r < 0) {
		json_decref(families);
		return NULL;
	}
	return families;
}
