// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * io.systemd.Metrics as systemd defines it: a reply for each series, or family. A series is a name,
 * a value, an object that it is about, and fields, which are strings. The name is that of the
 * socket with a word behind it; systemd-report drops all others.
 */
#include "sink-report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cxlirqd/varlink.h>

#define PREFIX "io.cxlirqd."

static const char description[] =
	"# Metrics APIs\n"
	"interface io.systemd.Metrics\n"
	"\n"
	"# counter: never goes backwards. gauge: goes up and down.\n"
	"type MetricFamilyType (counter, gauge, string)\n"
	"\n"
	"# Needs \"more\". A reply for each metric. value: a number, a string or a boolean. "
	"object: what\n"
	"# it is about. fields: what else tells it from the others of its family.\n"
	"method List() -> (name: string, value: object, object: ?string, fields: ?[string]string)\n"
	"\n"
	"# Needs \"more\". A reply for each family of metrics, also those that have none now.\n"
	"method Describe() -> (name: string, description: string, type: MetricFamilyType)\n"
	"\n"
	"error NoSuchMetric ()\n";

struct sink_report {
	struct varlink_server *server;
	struct varlink_service service;
	sink_report_gather_fn gather;
	void *userdata;
};

/* ---- objects ---- */

static json_t *family_name(const struct metric_family *family)
{
	return json_sprintf(PREFIX "%s%s", family->name, metric_suffix(family));
}

static json_t *family_to_json(const struct metric_family *family)
{
	return json_pack("{s:o, s:s, s:s}", "name", family_name(family), "description",
			 family->help, "type",
			 family->type == METRIC_INFO ? "string" : metric_type_name(family->type));
}

static json_t *value_to_json(const struct metric_family *family, const struct metric_series *series)
{
	char text[METRIC_NUMBER_MAX];

	if (family->type == METRIC_INFO)
		return json_string(series->labels[0]);
	if (family->is_answer)
		return json_boolean(series->value);
	if (!family->unit)
		return json_integer(series->value > INT64_MAX ? INT64_MAX :
								(json_int_t)series->value);
	metric_value_text(series, text);
	return json_real(strtod(text, NULL));
}

/* Whether a label says what a series is about, and not of which kind it is */
static bool is_object(const char *label)
{
	static const char *const labels[] = { "provider", "epc", "pmu", "program", "hook" };

	for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++)
		if (!strcmp(label, labels[i]))
			return true;
	return false;
}

static json_t *series_to_json(const struct metric_series *series)
{
	const struct metric_family *family = metric_family(series->metric);
	unsigned int n = metric_n_labels(family);
	json_t *fields = json_object(),
	       *object = json_pack("{s:o, s:o}", "name", family_name(family), "value",
				   value_to_json(family, series));
	int r = 0;

	for (unsigned int i = 0; i < n; i++) {
		const char *label = family->labels[i], *value = series->labels[i];

		if (!is_object(label))
			r |= json_object_set_new(fields, label, json_string(value));
		else if (*value)
			r |= json_object_set_new(object, "object", json_string(value));
	}
	if (json_object_size(fields))
		r |= json_object_set(object, "fields", fields);
	json_decref(fields);
	if (r < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

/* ---- methods ---- */

/* One of several replies, or the last. A reader that is gone, or too slow, has no call any more. */
static int send_one(struct varlink_call *call, json_t *parameters, bool last)
{
	json_auto_t *owned = parameters;

	return last ? varlink_call_reply(call, owned) : varlink_call_notify(call, owned);
}

static int answer_sent(int r)
{
	return r == -EPIPE || r == -ENOBUFS ? 0 : r;
}

static int list(struct varlink_call *call, json_t *parameters, void *userdata)
{
	_cleanup_(metric_set_freep) struct metric_set *set = NULL;
	struct sink_report *report = userdata;
	int r = report->gather(&set, report->userdata);
	size_t n = r < 0 ? 0 : metric_set_count(set);

	(void)parameters;
	if (r < 0)
		return r;
	if (!n)
		return varlink_call_error(call, "io.systemd.Metrics.NoSuchMetric", NULL);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = send_one(call, series_to_json(metric_set_get(set, i)), i + 1 == n);
	return answer_sent(r);
}

static int describe(struct varlink_call *call, json_t *parameters, void *userdata)
{
	int r = 0;

	(void)parameters;
	(void)userdata;
	for (enum metric metric = 0; metric < METRIC_MAX && r >= 0; metric++)
		r = send_one(call, family_to_json(metric_family(metric)), metric + 1 == METRIC_MAX);
	return answer_sent(r);
}

static const struct varlink_method methods[] = {
	{ "List", list, NULL, true },
	{ "Describe", describe, NULL, true },
	{},
};

/* ---- the socket ---- */

int sink_report_new(sd_event *event, sink_report_gather_fn gather, void *userdata,
		    struct sink_report **ret)
{
	_cleanup_(sink_report_freep) struct sink_report *report = calloc(1, sizeof(*report));
	int r;

	if (!report)
		return -ENOMEM;
	report->gather = gather;
	report->userdata = userdata;
	report->service = (struct varlink_service){ .vendor = "cxlirq",
						    .product = "cxlirqd",
						    .version = CXLIRQD_VERSION,
						    .url = "",
						    .interface = "io.systemd.Metrics",
						    .description = description,
						    .methods = methods };
	r = varlink_server_new(event, &report->service, report, &report->server);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(report);
	return 0;
}

struct sink_report *sink_report_free(struct sink_report *report)
{
	if (!report)
		return NULL;
	varlink_server_free(report->server);
	free(report);
	return NULL;
}

int sink_report_listen(struct sink_report *report, const char *path)
{
	_cleanup_free_ char *directory = strdup(path);
	char *slash = directory ? strrchr(directory, '/') : NULL;

	if (!directory)
		return -ENOMEM;
	if (slash && slash != directory) {
		*slash = 0;
		if (access(directory, F_OK) < 0)
			return -errno;
	}
	return varlink_server_listen(report->server, path);
}

int sink_report_listen_fd(struct sink_report *report, int fd)
{
	return varlink_server_listen_fd(report->server, fd);
}

uint64_t sink_report_dropped(const struct sink_report *report)
{
	return varlink_server_counters(report->server)->dropped_slow;
}
