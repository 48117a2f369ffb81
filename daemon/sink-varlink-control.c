// SPDX-License-Identifier: GPL-2.0-or-later
/* What changes the daemon itself: its settings, and how much it says. For root and the group. */
#include "sink-varlink-private.h"

#include <errno.h>
#include <string.h>

#include <cxlirqd/cleanup.h>

#include "log.h"

int sink_varlink_reload(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;
	_cleanup_free_ char *reason = NULL;
	int r;

	(void)parameters;
	if (!sink_varlink_may_change(sink, call))
		return sink_varlink_fail(call, "io.cxlirqd.PermissionDenied", json_object());
	if (!sink->source.reload)
		return sink_varlink_fail_reason(call, "there are no settings here");
	r = sink->source.reload(&reason, sink->source.userdata);
	if (r < 0)
		return sink_varlink_fail_reason(call, reason ?: strerror(-r));
	return sink_varlink_reply(call, json_pack("{s:s?}", "reason", reason));
}

int sink_varlink_get_log_level(struct varlink_call *call, json_t *parameters, void *userdata)
{
	(void)parameters;
	(void)userdata;
	return sink_varlink_reply(call,
				  json_pack("{s:s}", "level", log_level_to_name(log_level())));
}

int sink_varlink_set_log_level(struct varlink_call *call, json_t *parameters, void *userdata)
{
	const char *name = json_string_value(json_object_get(parameters, "level"));
	int level = log_level_from_name(name);

	if (!sink_varlink_may_change(userdata, call))
		return sink_varlink_fail(call, "io.cxlirqd.PermissionDenied", json_object());
	if (level < 0)
		return varlink_call_invalid_parameter(call, "level");
	log_set_level(level);
	return sink_varlink_reply(call, json_object());
}
