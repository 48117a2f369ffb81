// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The protocol of a varlink server: from a message to its method, and back.
 *
 * A message that is no varlink call at all ends the connection, since what follows cannot be
 * trusted either. A call that merely asks for the wrong thing gets one of the standard errors, and
 * the connection goes on. Parameters are checked here against the method's table, so that methods
 * read them without a second look.
 */
#include <string.h>
#include <sys/param.h>

#include "varlink-server.h"

struct varlink_call {
	struct varlink_peer *peer;
	bool more;
	bool oneway;
	void (*gone)(struct varlink_call *call, void *userdata);
	void *userdata;
};

#define SERVICE_INTERFACE "org.varlink.service"

static const char service_description[] =
	"# What every varlink service can tell of itself.\n"
	"interface org.varlink.service\n"
	"\n"
	"method GetInfo() -> (\n"
	"  vendor: string,\n"
	"  product: string,\n"
	"  version: string,\n"
	"  url: string,\n"
	"  interfaces: []string\n"
	")\n"
	"\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n"
	"\n"
	"error InterfaceNotFound (interface: string)\n"
	"error MethodNotFound (method: string)\n"
	"error MethodNotImplemented (method: string)\n"
	"error InvalidParameter (parameter: string)\n"
	"error PermissionDenied ()\n"
	"error ExpectedMore ()\n";

static int error_with(struct varlink_call *call, const char *error, const char *key,
		      const char *value)
{
	json_auto_t *parameters = json_pack("{s:s}", key, value);

	return varlink_call_error(call, error, parameters);
}

static int get_info(struct varlink_call *call, json_t *parameters, void *userdata)
{
	const struct varlink_service *service = userdata;
	json_auto_t *info = NULL;

	(void)parameters;
	info = json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", service->vendor, "product",
			 service->product, "version", service->version, "url", service->url,
			 "interfaces", SERVICE_INTERFACE, service->interface);
	return varlink_call_reply(call, info);
}

static int get_interface_description(struct varlink_call *call, json_t *parameters, void *userdata)
{
	const char *name = json_string_value(json_object_get(parameters, "interface"));
	const struct varlink_service *service = userdata;
	json_auto_t *reply = NULL;
	const char *text;

	if (strcmp(name, SERVICE_INTERFACE) == 0)
		text = service_description;
	else if (strcmp(name, service->interface) == 0)
		text = service->description;
	else
		return error_with(call, VARLINK_INTERFACE_NOT_FOUND, "interface", name);
	reply = json_pack("{s:s}", "description", text);
	return varlink_call_reply(call, reply);
}

static const struct varlink_method service_methods[] = {
	{ .name = "GetInfo", .callback = get_info },
	{ .name = "GetInterfaceDescription",
	  .callback = get_interface_description,
	  .parameters = (const struct varlink_parameter[]){ { "interface", VARLINK_STRING, false },
							    {} } },
	{}
};

static bool is_ints(const json_t *value)
{
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!json_is_integer(json_array_get(value, i)))
			return false;
	return json_is_array(value);
}

static bool is_strings(const json_t *value)
{
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!json_is_string(json_array_get(value, i)))
			return false;
	return json_is_array(value);
}

static bool fits(const json_t *value, const struct varlink_parameter *parameter)
{
	if (!value || json_is_null(value))
		return parameter->nullable;
	switch (parameter->type) {
	case VARLINK_BOOL: return json_is_boolean(value);
	case VARLINK_INT: return json_is_integer(value);
	case VARLINK_FLOAT: return json_is_number(value);
	case VARLINK_STRING: return json_is_string(value);
	case VARLINK_ARRAY: return json_is_array(value);
	case VARLINK_INTS: return is_ints(value);
	case VARLINK_STRINGS: return is_strings(value);
	case VARLINK_OBJECT: return json_is_object(value);
	}
	return false;
}

static bool knows(const struct varlink_parameter *table, const char *name)
{
	for (; table && table->name; table++)
		if (strcmp(table->name, name) == 0)
			return true;
	return false;
}

/* The first parameter that is missing, ill-typed or unknown; NULL: all fit. */
static const char *find_misfit(const struct varlink_parameter *table, json_t *parameters)
{
	const struct varlink_parameter *parameter;
	const char *name;
	json_t *value;

	for (parameter = table; parameter && parameter->name; parameter++)
		if (!fits(json_object_get(parameters, parameter->name), parameter))
			return parameter->name;
	json_object_foreach(parameters, name, value)
		if (!knows(table, name))
			return name;
	return NULL;
}

static const struct varlink_method *find_method(const struct varlink_method *table,
						const char *name)
{
	for (; table->name; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

/* Answers the call with an error, or hands it to its method. */
static int call_dispatch(struct varlink_call *call, const char *interface, const char *name,
			 json_t *parameters)
{
	const struct varlink_server *server = call->peer->server;
	const char *method_name = name + MIN(strlen(interface) + 1, strlen(name));
	const struct varlink_method *method;
	void *userdata = server->userdata;
	const char *misfit;

	if (strcmp(interface, server->service->interface) == 0) {
		method = find_method(server->service->methods, method_name);
	} else if (strcmp(interface, SERVICE_INTERFACE) == 0) {
		method = find_method(service_methods, method_name);
		userdata = (void *)server->service;
	} else {
		return error_with(call, VARLINK_INTERFACE_NOT_FOUND, "interface", interface);
	}
	if (!method)
		return error_with(call, VARLINK_METHOD_NOT_FOUND, "method", name);
	if (!method->callback)
		return error_with(call, VARLINK_METHOD_NOT_IMPLEMENTED, "method", name);
	if (method->needs_more && !call->more)
		return varlink_call_error(call, VARLINK_EXPECTED_MORE, NULL);
	misfit = find_misfit(method->parameters, parameters);
	if (misfit)
		return varlink_call_invalid_parameter(call, misfit);
	return method->callback(call, parameters, userdata);
}

static void call_fail(struct varlink_call *call, const char *interface, int error)
{
	struct varlink_peer *peer = call->peer;
	_cleanup_free_ char *failed = NULL;

	if (asprintf(&failed, "%s.Failed", interface) < 0 ||
	    error_with(call, failed, "reason", strerror(-error)) < 0)
		varlink_peer_close(peer);
}

void varlink_call_fail(struct varlink_call *call, int error)
{
	call_fail(call, call->peer->server->service->interface, error);
}

/* Whatever the method does, the call ends up answered, kept, or its connection closed. */
static void call_run(struct varlink_call *call, const char *name, json_t *parameters)
{
	struct varlink_peer *peer = call->peer;
	_cleanup_free_ char *interface = NULL;
	const char *dot = strrchr(name, '.');
	int r = -ENOMEM;

	interface = strndup(name, dot ? (size_t)(dot - name) : strlen(name));
	if (interface)
		r = call_dispatch(call, interface, name, parameters);
	if (r < 0 && peer->call)
		call_fail(call, interface ?: SERVICE_INTERFACE, r);
}

int varlink_call_start(struct varlink_peer *peer, json_t *message)
{
	json_auto_t *parameters = NULL;
	struct varlink_call *call;
	int more = 0, oneway = 0;
	const char *name;

	if (json_unpack(message, "{s:s, s?b, s?b, s?O}", "method", &name, "more", &more, "oneway",
			&oneway, "parameters", &parameters) < 0 ||
	    (more && oneway))
		return -EBADMSG;
	if (!parameters || json_is_null(parameters)) {
		json_decref(parameters);
		parameters = json_object();
	}
	if (!json_is_object(parameters))
		return parameters ? -EBADMSG : -ENOMEM;

	call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	call->peer = peer;
	call->more = more;
	call->oneway = oneway;
	peer->call = call;
	peer->server->counters.calls++;
	call_run(call, name, parameters);
	return 0;
}

void varlink_call_abandon(struct varlink_call *call)
{
	if (!call)
		return;
	if (call->gone)
		call->gone(call, call->userdata);
	free(call);
}

bool varlink_call_wants_more(const struct varlink_call *call)
{
	return call->more;
}

int varlink_call_peer(const struct varlink_call *call, struct ucred *ret)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(call->peer->wire.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	*ret = peer;
	return 0;
}

int varlink_call_peer_in_group(const struct varlink_call *call, gid_t gid)
{
	return varlink_socket_in_group(call->peer->wire.fd, gid);
}

bool varlink_call_is_trusted(const struct varlink_call *call)
{
	return call->peer->trusted;
}

void varlink_call_on_gone(struct varlink_call *call,
			  void (*gone)(struct varlink_call *call, void *userdata), void *userdata)
{
	call->gone = gone;
	call->userdata = userdata;
}

/* Whether there may be one reply of several now; a reader that is too slow is closed. */
static int may_notify(const struct varlink_call *call)
{
	struct varlink_peer *peer = call->peer;

	if (!call->more)
		return -EINVAL;
	if (peer->closing)
		return -EPIPE;
	if (varlink_wire_queued(&peer->wire) > VARLINK_QUEUE_MAX) {
		peer->server->counters.dropped_slow++;
		varlink_peer_close(peer);
		return -ENOBUFS;
	}
	return 0;
}

int varlink_call_notify(struct varlink_call *call, json_t *parameters)
{
	json_auto_t *message = NULL;
	int r = may_notify(call);

	if (r < 0)
		return r;
	message = json_pack("{s:O, s:b}", "parameters", parameters, "continues", true);
	return message ? varlink_peer_send(call->peer, message) : -ENOMEM;
}

int varlink_call_notify_text(struct varlink_call *call, const char *name, const char *value)
{
	_cleanup_free_ char *message = NULL;
	int r = may_notify(call);

	if (r < 0)
		return r;
	if (asprintf(&message, "{\"parameters\":{\"%s\":%s},\"continues\":true}", name, value) <
	    0) {
		message = NULL;
		return -ENOMEM;
	}
	return varlink_peer_send_text(call->peer, message);
}

/* Answers with @message, and that was the call. */
static int call_finish(struct varlink_call *call, const json_t *message)
{
	struct varlink_peer *peer = call->peer;
	int r = 0;

	if (!message)
		return -ENOMEM;
	if (!call->oneway)
		r = varlink_peer_send(peer, message);
	if (r == -ENOMEM || r == -EMSGSIZE)
		return r;
	peer->call = NULL;
	free(call);
	varlink_peer_update(peer);
	return 0;
}

int varlink_call_reply(struct varlink_call *call, json_t *parameters)
{
	json_auto_t *message = json_pack("{s:O}", "parameters", parameters);

	return call_finish(call, message);
}

int varlink_call_error(struct varlink_call *call, const char *error, json_t *parameters)
{
	json_auto_t *message = NULL;

	if (parameters)
		message = json_pack("{s:s, s:O}", "error", error, "parameters", parameters);
	else
		message = json_pack("{s:s, s:{}}", "error", error, "parameters");
	return call_finish(call, message);
}

int varlink_call_invalid_parameter(struct varlink_call *call, const char *parameter)
{
	return error_with(call, VARLINK_INVALID_PARAMETER, "parameter", parameter);
}
