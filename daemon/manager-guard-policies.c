// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guard's policies as the manager has them: kept in a file, named in the settings, asked for over
 * the socket.
 */
#include "manager-guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/json.h>

#include "guard-file.h"
#include "log.h"

/* ---- kept ------------------------------------------------------------------------------ */

/* Changes of the guard are events like others: the store and the journal say who asked. */
void manager_guard_tell(struct manager *m, const char *action, const struct guard_policy *policy,
			const struct guard_who *who)
{
	char name[GUARD_NAME_MAX] = "";
	json_t *event;

	if (policy)
		guard_policy_name(policy, name);
	event = json_pack("{s:I, s:s, s:n, s:o, s:s, s:o, s:s?, s:s, s:o, s:o}", "time_us",
			  (json_int_t)model_time_us(m->model, manager_now_ns()), "type",
			  "guard-policy", "irq", "device",
			  policy && policy->device[0] ? json_text(policy->device) : json_null(),
			  "action", action, "guard", policy ? json_text(name) : json_null(), "cpus",
			  policy && policy->cpus[0] ? policy->cpus : NULL, "mode",
			  guard_mode_name(guard_mode(m->guard->guard)), "pid",
			  who ? json_integer(who->pid) : json_null(), "uid",
			  who ? json_integer(who->uid) : json_null());
	manager_tell(m, event);
}

static char *boot_id(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!file)
		return NULL;
	if (getline(&text, &size, file) > 0)
		text[strcspn(text, "\n")] = '\0';
	fclose(file);
	return text;
}

int manager_guard_save(struct manager *m)
{
	_cleanup_free_ char *boot = boot_id();
	json_auto_t *object = guard_save(m->guard->guard);
	int r = -ENOMEM;

	if (object && json_object_set_new(object, "version", json_integer(1)) >= 0 &&
	    json_object_set_new(object, "boot_id", json_text(boot)) >= 0 &&
	    json_object_set_new(object, "mode",
				json_string(guard_mode_name(guard_mode(m->guard->guard)))) >= 0 &&
	    json_object_set_new(object, "configured_mode",
				json_string(guard_mode_name(m->config->guard_mode))) >= 0)
		r = guard_file_write(m->guard->directory, object);
	if (r < 0)
		log_error("%s: policies cannot be kept, they end with this daemon: %s",
			  m->guard->directory, strerror(-r));
	return r;
}

enum guard_mode manager_guard_restore(struct manager *m, bool *ret_outdated)
{
	enum guard_mode mode = m->config->guard_mode;
	_cleanup_free_ char *boot = boot_id();
	json_auto_t *saved = NULL;
	const char *then;
	unsigned int bad;
	int r = guard_file_read(m->guard->directory, &saved);

	*ret_outdated = false;
	if (r < 0) {
		if (r != -ENOENT)
			log_error("%s: policies cannot be read: %s", m->guard->directory,
				  strerror(-r));
		return mode;
	}
	then = json_string_value(json_object_get(saved, "boot_id"));
	bad = guard_load(m->guard->guard, saved, boot && then && !strcmp(boot, then));
	if (bad)
		log_error("%s: %u policies make no sense, or there is no room for them",
			  m->guard->directory, bad);
	then = json_string_value(json_object_get(saved, "configured_mode"));
	*ret_outdated = guard_mode_from_name(then) != mode;
	if (!*ret_outdated) {
		mode = guard_mode_from_name(json_string_value(json_object_get(saved, "mode")));
		if (mode == GUARD_MODE_MAX)
			mode = m->config->guard_mode;
	}
	return mode;
}

void manager_guard_add_configured(struct manager *m)
{
	_cleanup_free_ char *copy = strdup(m->config->guards);
	char *name, *rest;

	for (name = copy ? strtok_r(copy, " \t", &rest) : NULL; name;
	     name = strtok_r(NULL, " \t", &rest)) {
		struct guard_policy policy = { .configured = true,
					       .restore = m->config->guard_restore };
		const char *why;
		int r = guard_policy_parse(name, &policy, &why);

		if (r >= 0)
			r = guard_add(m->guard->guard, &policy, m->model, manager_now_ns(), NULL);
		if (r < 0 && r != -EEXIST)
			log_warning("[Guard] Protect=%s: %s", name, strerror(-r));
	}
}

void manager_guard_remove_configured(struct manager *m)
{
	const struct guard_policy *policy;
	unsigned int i = 0;

	while ((policy = guard_policy_at(m->guard->guard, i)))
		if (!policy->configured ||
		    guard_remove(m->guard->guard, policy->id, m->model, manager_now_ns()) < 0)
			i++;
}

/* ---- for the socket ------------------------------------------------------------------------ */

json_t *manager_guard_state(const struct manager *m)
{
	struct guard_totals t;
	enum guard_mode mode;

	if (!m->guard)
		return json_null();
	guard_totals(m->guard->guard, &t);
	mode = guard_mode(m->guard->guard);
	return json_pack("{s:s, s:b, s:s?, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "mode",
			 guard_mode_name(mode), "attached", m->guard->hook != NULL, "reason",
			 m->guard->reason[0] ? m->guard->reason : NULL, "policies",
			 (json_int_t)t.policies, "vectors", (json_int_t)t.vectors, "refused",
			 (json_int_t)t.refused, "denied", (json_int_t)t.denied, "audited",
			 (json_int_t)t.audited, "moved", (json_int_t)t.moved, "restored",
			 (json_int_t)t.restored, "failed", (json_int_t)t.failed);
}

void manager_guard_reasons(const struct manager *m, json_t **reasons)
{
	const struct manager_guard *g = m->guard;
	struct guard_totals t;

	if (!g)
		return;
	guard_totals(g->guard, &t);
	if (guard_mode(g->guard) == GUARD_ENFORCE && !g->hook && t.policies)
		json_add(reasons, json_sprintf("the guard denies nothing: %s", g->reason));
	if (t.refused)
		json_add(reasons, json_sprintf("%llu vectors are more than the guard "
					       "can protect",
					       (unsigned long long)t.refused));
}

json_t *manager_guard_list(void *userdata)
{
	struct manager *m = userdata;

	if (!m->guard)
		return json_null();
	return json_pack("{s:o, s:o}", "guards", guard_to_json(m->guard->guard, m->model), "state",
			 manager_guard_state(m));
}

char *manager_guard_words(uint32_t irq, void *userdata)
{
	const struct manager *m = userdata;

	return m->guard ? guard_words(m->guard->guard, irq) : NULL;
}

int manager_guard_add(const struct guard_policy *policy, json_t **ret, char **ret_reason,
		      void *userdata)
{
	const struct record_base *base;
	const struct guard_policy *added;
	struct guard_policy wanted = *policy;
	struct manager *m = userdata;
	int r;

	if (!m->guard)
		return -EOPNOTSUPP;
	base = model_base(m->model);
	if (policy->cpus[0] && guard_cpus_normalize(policy->cpus, base ? base->n_cpus : 0,
						    wanted.cpus, sizeof(wanted.cpus)) < 0)
		return -ERANGE;
	wanted.since_us = model_time_us(m->model, manager_now_ns());
	r = guard_add(m->guard->guard, &wanted, m->model, manager_now_ns(), &added);
	if (r < 0)
		return r;
	manager_guard_tell(m, policy->cpus[0] ? "pin" : "add", added, &policy->by);
	r = manager_guard_apply(m, guard_mode(m->guard->guard));
	if (manager_guard_save(m) < 0)
		*ret_reason = strdup("this cannot be kept, and ends with the daemon: see its log");
	else if (r < 0 && m->guard->reason[0])
		*ret_reason = strdup(m->guard->reason);
	else if (guard_mode(m->guard->guard) == GUARD_OFF)
		*ret_reason = strdup("the guard is off: nothing is denied");
	*ret = guard_policy_to_json(m->guard->guard, m->model, added);
	manager_batch_end(m);
	return 0;
}

int manager_guard_remove(const struct guard_policy *like, void *userdata)
{
	const struct guard_policy *policy;
	struct guard_policy removed;
	struct manager *m = userdata;

	if (!m->guard)
		return -EOPNOTSUPP;
	policy = guard_find(m->guard->guard, like);
	if (!policy)
		return -ENOENT;
	if (policy->configured)
		return -EROFS;
	removed = *policy;
	guard_remove(m->guard->guard, policy->id, m->model, manager_now_ns());
	manager_guard_tell(m, removed.cpus[0] ? "unpin" : "remove", &removed, &like->by);
	/* which may name the same */
	manager_guard_add_configured(m);
	manager_guard_apply(m, guard_mode(m->guard->guard));
	manager_guard_save(m);
	manager_batch_end(m);
	return 0;
}

int manager_guard_set_mode(enum guard_mode mode, const struct guard_who *who, json_t **ret,
			   char **ret_reason, void *userdata)
{
	char reason[GUARD_REASON_MAX] = "";
	struct manager *m = userdata;
	enum guard_mode before;
	int r;

	if (!m->guard)
		return -EOPNOTSUPP;
	before = guard_mode(m->guard->guard);
	r = manager_guard_apply_to_kernel(m, mode);
	/* nothing to protect yet, but whether it could be is known */
	if (r >= 0 && mode == GUARD_ENFORCE && !m->guard->hook) {
		r = manager_guard_check_tracing(m);
		if (r >= 0)
			r = guard_hook_probe(m->guard->reason);
	}
	if (r < 0)
		snprintf(reason, sizeof(reason), "%s",
			 m->guard->reason[0] ? m->guard->reason : strerror(-r));
	if (r < 0 && mode == GUARD_ENFORCE) {
		manager_guard_apply_to_kernel(m, before);
		*ret_reason = strdup(reason);
		return r;
	}
	guard_set_mode(m->guard->guard, mode, m->guard->hook != NULL, m->model, manager_now_ns());
	manager_guard_tell(m, "mode", NULL, who);
	manager_guard_save(m);
	if (reason[0])
		*ret_reason = strdup(reason);
	*ret = manager_guard_state(m);
	manager_batch_end(m);
	return 0;
}
