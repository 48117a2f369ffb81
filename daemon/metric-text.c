// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The two text formats. They differ in little: OpenMetrics names a family without the suffix of its
 * series, knows units and the type "info", and ends with a mark.
 */
#include "metric.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NSEC 1000000000UL

void metric_value_text(const struct metric_series *series, char ret[METRIC_NUMBER_MAX])
{
	uint64_t value = series->value;
	size_t end;

	if (!metric_family(series->metric)->unit) {
		snprintf(ret, METRIC_NUMBER_MAX, "%" PRIu64, value);
		return;
	}
	snprintf(ret, METRIC_NUMBER_MAX, "%" PRIu64 ".%09" PRIu64, value / NSEC, value % NSEC);
	end = strlen(ret);
	while (ret[end - 1] == '0')
		end--;
	ret[ret[end - 1] == '.' ? end - 1 : end] = 0;
}

static void print_family(FILE *out, const struct metric_family *family, bool open)
{
	const char *suffix = open ? "" : metric_suffix(family);
	enum metric_type type = family->type == METRIC_INFO && !open ? METRIC_GAUGE : family->type;

	fprintf(out, "# HELP " METRIC_PREFIX "%s%s %s\n", family->name, suffix, family->help);
	fprintf(out, "# TYPE " METRIC_PREFIX "%s%s %s\n", family->name, suffix,
		metric_type_name(type));
	if (open && family->unit)
		fprintf(out, "# UNIT " METRIC_PREFIX "%s %s\n", family->name, family->unit);
}

static void print_label(FILE *out, const char *value)
{
	for (size_t plain; *value; value++) {
		plain = strcspn(value, "\\\"\n");
		fwrite(value, 1, plain, out);
		value += plain;
		if (!*value)
			return;
		fputc('\\', out);
		fputc(*value == '\n' ? 'n' : *value, out);
	}
}

static void print_series(FILE *out, const struct metric_series *series)
{
	const struct metric_family *family = metric_family(series->metric);
	unsigned int n = metric_n_labels(family);
	char value[METRIC_NUMBER_MAX];

	fprintf(out, METRIC_PREFIX "%s%s", family->name, metric_suffix(family));
	for (unsigned int i = 0; i < n; i++) {
		fprintf(out, "%c%s=\"", i ? ',' : '{', family->labels[i]);
		print_label(out, series->labels[i]);
		fputc('"', out);
	}
	metric_value_text(series, value);
	fprintf(out, "%s %s\n", n ? "}" : "", value);
}

static void print_set(FILE *out, const struct metric_set *set, bool open)
{
	const struct metric_series *series;
	enum metric last = METRIC_MAX;

	for (size_t i = 0; i < metric_set_count(set); i++) {
		series = metric_set_get(set, i);
		if (series->metric != last)
			print_family(out, metric_family(series->metric), open);
		last = series->metric;
		print_series(out, series);
	}
	if (open)
		fputs("# EOF\n", out);
}

static int to_json_text(const struct metric_set *set, char **ret_text, size_t *ret_size)
{
	json_auto_t *families = metric_set_to_json(set);
	char *text = families ? json_dumps(families, JSON_COMPACT) : NULL;

	if (!text)
		return -ENOMEM;
	*ret_text = text;
	*ret_size = strlen(text);
	return 0;
}

int metric_set_to_text(const struct metric_set *set, enum metric_format format, char **ret_text,
		       size_t *ret_size)
{
	size_t size = 0;
	char *text = NULL;
	FILE *out;

	if (format == METRIC_JSON)
		return to_json_text(set, ret_text, ret_size);
	out = open_memstream(&text, &size);
	if (!out)
		return -errno;
	print_set(out, set, format == METRIC_OPENMETRICS);
	if (ferror(out) | fclose(out)) {
		free(text);
		return -ENOMEM;
	}
	*ret_text = text;
	*ret_size = size;
	return 0;
}
