// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Between the verbs and the varlink client: turns everything that can go wrong on the way (nobody
 * there, gone in the middle, nonsense, an error reply) into one sentence that names the thing.
 *
 * The answer's outer shape is checked here. The fields inside are read by functions that take a
 * missing one for null, so a newer daemon, or an older one, is shown as far as it is understood.
 */
#include "client.h"

#include <err.h>
#include <errno.h>
#include <string.h>

#include "cxlirqd/cleanup.h"
#include "cxlirqd/varlink.h"
#include "text.h"

#define INTERFACE "io.cxlirqd."

static char *explain_errno(const struct options *options, int r)
{
	static const struct {
		int error;
		const char *reason;
	} reasons[] = {
		{ ENOENT, "no such socket, is cxlirqd running?" },
		{ ECONNREFUSED, "connection refused, cxlirqd is not running" },
		{ ECONNRESET, "the daemon closed the connection" },
		{ ETIMEDOUT, "the daemon did not answer in time" },
		{ EBADMSG, "the daemon's answer makes no sense" },
		{ EMSGSIZE, "the daemon's answer is too long" },
		{ ENAMETOOLONG, "too long for a socket's path" },
	};
	const char *reason = strerror(-r);
	char *text;
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].error == -r)
			reason = reasons[i].reason;
	return asprintf(&text, "%s: %s", options->socket, reason) < 0 ? NULL : text;
}

/*
 * Error replies: the thing is a parameter of the error or, if it has none, the method; what the
 * daemon itself says in "reason" comes last.
 */
static char *explain_error(const char *method, const struct varlink_reply *reply)
{
	static const struct {
		const char *error;
		const char *thing;
		const char *reason;
	} errors[] = {
		{ INTERFACE "NoSuchDevice", "device", "no such device" },
		{ INTERFACE "NoSuchInterrupt", "irq", "no such interrupt" },
		{ INTERFACE "NoSuchViolation", "id", "no such violation" },
		{ INTERFACE "NoSuchPmu", "pmu", "no such CXL PMU" },
		{ INTERFACE "NoSuchCount", "id", "nothing is being counted under this number" },
		{ INTERFACE "BadEvents", NULL, "no events" },
		{ INTERFACE "NoSuchSubject", "subject", "no such interrupt, device or rule" },
		{ INTERFACE "TracingUnavailable", NULL, "tracing is not available" },
		{ INTERFACE "PermissionDenied", NULL,
		  "permission denied, only root and the group cxlirq may" },
		{ INTERFACE "Failed", NULL, "failed" },
		{ VARLINK_METHOD_NOT_FOUND, NULL, "the running daemon cannot do this" },
		{ VARLINK_METHOD_NOT_IMPLEMENTED, NULL, "the running daemon cannot do this" },
		{ VARLINK_INTERFACE_NOT_FOUND, "interface", "the daemon does not serve this" },
		{ VARLINK_INVALID_PARAMETER, "parameter", "the daemon does not accept this" },
	};
	const char *said = json_string_value(json_object_get(reply->parameters, "reason"));
	_cleanup_free_ char *thing = NULL;
	const char *reason = reply->error;
	char *text;
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (strcmp(errors[i].error, reply->error) != 0)
			continue;
		reason = errors[i].reason;
		if (errors[i].thing)
			thing = text_plain(json_object_get(reply->parameters, errors[i].thing),
					   NULL);
	}
	return asprintf(&text, "%s: %s%s%s", thing ?: method, reason, said ? ": " : "",
			said ?: "") < 0 ?
		       NULL :
		       text;
}

static int open_call(const struct options *options, const struct client_stream *stream, bool more,
		     struct varlink_client **ret)
{
	_cleanup_(varlink_client_freep) struct varlink_client *client = NULL;
	_cleanup_free_ char *method = NULL;
	int r;

	if (!stream->parameters || asprintf(&method, INTERFACE "%s", stream->method) < 0)
		return -ENOMEM;
	r = varlink_client_connect(options->socket, options->timeout_us, &client);
	if (r < 0)
		return r;
	varlink_client_set_interrupt(client, stream->interrupt_fd);
	r = varlink_client_send(client, method, stream->parameters, more);
	if (r < 0)
		return r;
	if (stream->endless)
		varlink_client_set_timeout(client, 0);
	*ret = TAKE_PTR(client);
	return 0;
}

/* 1: it goes on, 0: it has ended. */
static int take_reply(const struct client_stream *stream, struct varlink_client *client,
		      char **reterr_text)
{
	_cleanup_(varlink_reply_done) struct varlink_reply reply = VARLINK_REPLY_NULL;
	int r;

	r = varlink_client_receive(client, &reply);
	if (r < 0)
		return r;
	if (reply.error) {
		*reterr_text = explain_error(stream->method, &reply);
		return strcmp(reply.error, INTERFACE "BadEvents") == 0 ? -EINVAL : -EREMOTEIO;
	}
	r = stream->each(reply.parameters, stream->userdata);
	if (r != 0)
		return r < 0 ? -ECANCELED : 0;
	return reply.continues;
}

static int run(const struct options *options, const struct client_stream *stream, bool more,
	       char **reterr_text)
{
	_cleanup_(varlink_client_freep) struct varlink_client *client = NULL;
	int r;

	r = open_call(options, stream, more, &client);
	if (r == 0)
		do
			r = take_reply(stream, client, reterr_text);
		while (r > 0 || (r == -EINTR && stream->interrupted &&
				 stream->interrupted(stream->userdata)));
	if (r == -EINTR)
		return 0;
	if (r < 0 && r != -EREMOTEIO && r != -ECANCELED && !*reterr_text)
		*reterr_text = explain_errno(options, r);
	return r;
}

int client_stream(const struct options *options, const struct client_stream *stream,
		  char **reterr_text)
{
	return run(options, stream, true, reterr_text);
}

static int keep_reply(const json_t *parameters, void *userdata)
{
	json_t **kept = userdata;

	*kept = json_incref((json_t *)parameters);
	return 1;
}

int client_ask_until(const struct options *options, const char *method, json_t *parameters,
		     int interrupt_fd, json_t **ret, char **reterr_text)
{
	json_t *kept = NULL;
	struct client_stream call = {
		.method = method,
		.parameters = parameters,
		.interrupt_fd = interrupt_fd,
		.each = keep_reply,
		.userdata = &kept,
	};
	int r = run(options, &call, false, reterr_text);

	if (r >= 0 && !kept)
		return -EINTR;
	if (r >= 0)
		*ret = kept;
	return r;
}

int client_ask(const struct options *options, const char *method, json_t *parameters, json_t **ret,
	       char **reterr_text)
{
	return client_ask_until(options, method, parameters, -EBADF, ret, reterr_text);
}

int client_call(const struct options *options, const char *method, json_t *parameters,
		const char *key, json_type type, json_t **ret)
{
	json_auto_t *taken = parameters;
	json_auto_t *reply = NULL;
	_cleanup_free_ char *text = NULL;
	const char *reason;
	json_t *value;
	int r;

	r = client_ask(options, method, taken, &reply, &text);
	if (r < 0) {
		warnx("%s", text ?: strerror(-r));
		return r;
	}
	value = json_object_get(reply, key);
	if (!value || json_typeof(value) != type) {
		warnx("%s: the daemon's answer lacks %s", options->socket, key);
		return -EBADMSG;
	}
	reason = json_string_value(json_object_get(reply, "reason"));
	if (type == JSON_ARRAY && json_array_size(value) == 0 && reason)
		warnx("%s: %s", key, reason);
	*ret = json_incref(value);
	return 0;
}
