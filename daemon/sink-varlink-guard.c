// SPDX-License-Identifier: GPL-2.0-or-later
/* The guard over the socket: who may be moved, for all to read, and for root and the group to say. */
#include "sink-varlink-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/json.h>

#define NOT_HERE "there is no guard here"

static const char *text_of(const json_t *parameters, const char *name)
{
	return json_string_value(json_object_get(parameters, name));
}

/*
 * What a call is about. 0; > 0: the call has been answered, for that makes no sense or is not there; or
 * a negative errno.
 */
static int selector_of(const struct sink_varlink *sink, struct varlink_call *call,
		       const json_t *parameters, struct guard_policy *ret)
{
	const json_t *irq = json_object_get(parameters, "irq");
	const char *name = text_of(parameters, "guard"), *why = NULL;
	const struct vector *vector;
	int r;

	if (!name == !json_is_integer(irq))
		return varlink_call_invalid_parameter(call, "guard") ?: 1;
	if (name) {
		if (guard_policy_parse(name, ret, &why) < 0)
			return varlink_call_invalid_parameter(call, "guard") ?: 1;
		return 0;
	}
	/* a number is of today: it is the device's vector that is meant */
	vector = json_integer_value(irq) < 0 || json_integer_value(irq) > UINT32_MAX ?
			 NULL :
			 model_vector(sink->source.model, (uint32_t)json_integer_value(irq));
	if (!vector) {
		r = sink_varlink_fail(call, "io.cxlirqd.NoSuchInterrupt",
				      json_pack("{s:O}", "irq", irq));
		return r < 0 ? r : 1;
	}
	if (!vector->msi_type || !vector->provider.name[0]) {
		r = sink_varlink_fail_reason(
			call, "this interrupt is no MSI vector: name the device instead");
		return r < 0 ? r : 1;
	}
	ret->kind = GUARD_VECTOR;
	ret->index = vector->msi_index;
	memcpy(ret->device, vector->provider.name, sizeof(ret->device));
	return 0;
}

/* 0: go on; > 0: the call has been answered; or a negative errno. */
static int may_change(const struct sink_varlink *sink, struct varlink_call *call,
		      struct guard_who *ret)
{
	struct ucred peer;
	int r;

	if (!sink_varlink_may_change(sink, call) || varlink_call_peer(call, &peer) < 0) {
		r = sink_varlink_fail(call, "io.cxlirqd.PermissionDenied", json_object());
		return r < 0 ? r : 1;
	}
	*ret = (struct guard_who){ .pid = (uint32_t)peer.pid, .uid = peer.uid };
	return 0;
}

static const char *reason_of(int error, const char *text)
{
	switch (error) {
	case -EOPNOTSUPP: return text ?: NOT_HERE;
	case -EEXIST: return "there is such a policy already";
	case -ENOENT: return "there is no such policy";
	case -EROFS: return "it stands in the settings ([Guard] Protect=)";
	case -ENOSPC: return "there are 256 policies already";
	case -ERANGE: return "this machine has no such CPUs";
	default: return text ?: strerror(-error);
	}
}

int sink_varlink_list_guards(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;
	json_t *answer;

	(void)parameters;
	sink->source.refresh(sink->source.userdata);
	answer = sink->source.guard_list ? sink->source.guard_list(sink->source.userdata) :
					   json_null();
	if (json_is_null(answer))
		answer = json_pack("{s:[], s:n, s:s}", "guards", "state", "reason", NOT_HERE);
	else if (!json_array_size(json_object_get(answer, "guards")))
		json_put(&answer, "reason", json_string("nothing is protected"));
	return sink_varlink_reply(call, answer);
}

/* What a change is about, and whose it is: 0, or answered already (1), or a negative errno. */
static int policy_of(struct sink_varlink *sink, struct varlink_call *call, json_t *parameters,
		     struct guard_policy *ret)
{
	int r = may_change(sink, call, &ret->by);

	if (r != 0)
		return r;
	sink->source.refresh(sink->source.userdata);
	return selector_of(sink, call, parameters, ret);
}

int sink_varlink_add_guard(struct varlink_call *call, json_t *parameters, void *userdata)
{
	const char *cpus = text_of(parameters, "cpus");
	struct sink_varlink *sink = userdata;
	_cleanup_free_ char *reason = NULL;
	struct guard_policy policy = {};
	json_t *guard = NULL;
	int r = policy_of(sink, call, parameters, &policy);

	if (r != 0)
		return r < 0 ? r : 0;
	if (cpus && guard_cpus_normalize(cpus, 0, policy.cpus, sizeof(policy.cpus)) < 0)
		return varlink_call_invalid_parameter(call, "cpus");
	policy.restore = json_is_true(json_object_get(parameters, "restore"));
	r = sink->source.guard_add ?
		    sink->source.guard_add(&policy, &guard, &reason, sink->source.userdata) :
		    -EOPNOTSUPP;
	if (r < 0)
		return sink_varlink_fail_reason(call, reason_of(r, reason));
	return sink_varlink_reply(call, json_pack("{s:o, s:s?}", "guard", guard, "reason", reason));
}

int sink_varlink_remove_guard(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct sink_varlink *sink = userdata;
	struct guard_policy policy = {};
	int r = policy_of(sink, call, parameters, &policy);

	if (r != 0)
		return r < 0 ? r : 0;
	r = sink->source.guard_remove ? sink->source.guard_remove(&policy, sink->source.userdata) :
					-EOPNOTSUPP;
	if (r < 0)
		return sink_varlink_fail_reason(call, reason_of(r, NULL));
	return sink_varlink_reply(call, json_object());
}

int sink_varlink_set_guard_mode(struct varlink_call *call, json_t *parameters, void *userdata)
{
	enum guard_mode mode = guard_mode_from_name(text_of(parameters, "mode"));
	struct sink_varlink *sink = userdata;
	_cleanup_free_ char *reason = NULL;
	struct guard_who who;
	json_t *state = NULL;
	int r = may_change(sink, call, &who);

	if (r != 0)
		return r < 0 ? r : 0;
	if (mode == GUARD_MODE_MAX)
		return varlink_call_invalid_parameter(call, "mode");
	r = sink->source.guard_set_mode ? sink->source.guard_set_mode(mode, &who, &state, &reason,
								      sink->source.userdata) :
					  -EOPNOTSUPP;
	if (r < 0)
		return sink_varlink_fail_reason(call, reason_of(r, reason));
	return sink_varlink_reply(call, json_pack("{s:o, s:s?}", "state", state, "reason", reason));
}
