// SPDX-License-Identifier: GPL-2.0-or-later
/* GetMetrics: what an exporter would answer now. */
#include <errno.h>
#include <string.h>

#include <cxlirqd/cleanup.h>

#include "sink-varlink-private.h"

/* The first is what a caller gets that names none. */
static const char *const formats[] = {
	[METRIC_OPENMETRICS] = "openmetrics",
	[METRIC_TEXT] = "text",
	[METRIC_JSON] = "json",
};
#define N_FORMATS (sizeof(formats) / sizeof(*formats))

int sink_varlink_get_metrics(struct varlink_call *call, json_t *parameters, void *userdata)
{
	const char *name = json_string_value(json_object_get(parameters, "format")) ?: formats[0];
	struct sink_varlink *sink = userdata;
	_cleanup_free_ char *text = NULL;
	json_t *families = NULL;
	size_t size, format = 0;
	int r;

	while (format < N_FORMATS && strcmp(formats[format], name) != 0)
		format++;
	if (format == N_FORMATS)
		return varlink_call_invalid_parameter(call, "format");
	if (!sink->source.metrics)
		return sink_varlink_fail_reason(call, "there are no metrics here");
	r = sink->source.metrics((enum metric_format)format, &text, &size, sink->source.userdata);
	if (r < 0)
		return r;
	if (format == METRIC_JSON)
		families = json_loadb(text, size, 0, NULL);
	return sink_varlink_reply(call, json_pack("{s:s?, s:o?}", "text",
						  format == METRIC_JSON ? NULL : text, "families",
						  families));
}
