// SPDX-License-Identifier: GPL-2.0-or-later
/* Policies: their names, which vectors they are about, and where they want them. */
#include "guard-policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/json.h>

#define DOORBELLS "doorbells"
#define RULE_PREFIX "rule:"
#define CPUS_MAX 8192 /* the kernel's own limit on x86 */
#define INDEX_MAX 4095 /* more messages than MSI-X has */

/* ---- names --------------------------------------------------------------------------------- */

/* Of rules whose finding follows from a vector that was moved */
static bool is_about_affinity(enum rule_id rule)
{
	switch (rule) {
	case RULE_DOORBELL_MESSAGE_CHANGED:
	case RULE_IMMUTABLE_MESSAGE_CHANGED:
	case RULE_DOORBELL_ON_MUTABLE_PARENT:
	case RULE_PMU_VECTOR_MISPLACED: return true;
	default: return false;
	}
}

/*
 * One word, without what separates words and parts of a name. Files and clients have it as JSON, in
 * which what is no UTF-8 would be another name.
 */
static bool is_device_name(const char *text, size_t length)
{
	json_auto_t *name = json_stringn(text, length);

	if (!name || !length || length >= sizeof(((struct guard_policy *)0)->device))
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 127 || text[i] == '/')
			return false;
	return true;
}

static int parse_index(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long n;

	if (*text < '0' || *text > '9' || strlen(text) > 5)
		return -EINVAL;
	n = strtoul(text, &end, 10);
	if (*end || n > INDEX_MAX)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

static int refuse(const char *why, const char **ret_why)
{
	*ret_why = why;
	return -EINVAL;
}

int guard_policy_parse(const char *text, struct guard_policy *policy, const char **ret_why)
{
	const char *slash = strrchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);

	if (!strcmp(text, DOORBELLS)) {
		policy->kind = GUARD_DOORBELLS;
		return 0;
	}
	if (!strncmp(text, RULE_PREFIX, strlen(RULE_PREFIX))) {
		enum rule_id rule = rule_from_name(text + strlen(RULE_PREFIX));

		if (rule == RULE_MAX)
			return refuse("no such rule", ret_why);
		if (!is_about_affinity(rule))
			return refuse("a rule that is not about where vectors are", ret_why);
		policy->kind = GUARD_RULE;
		policy->rule = rule;
		return 0;
	}
	if (!is_device_name(text, length))
		return refuse("not a device, DEVICE/INDEX, doorbells or rule:RULE", ret_why);
	if (slash && parse_index(slash + 1, &policy->index) < 0)
		return refuse("the index of a vector is a number", ret_why);
	policy->kind = slash ? GUARD_VECTOR : GUARD_DEVICE;
	memcpy(policy->device, text, length);
	policy->device[length] = '\0';
	return 0;
}

void guard_policy_name(const struct guard_policy *policy, char ret[static GUARD_NAME_MAX])
{
	switch (policy->kind) {
	case GUARD_DEVICE: snprintf(ret, GUARD_NAME_MAX, "%s", policy->device); break;
	case GUARD_VECTOR:
		snprintf(ret, GUARD_NAME_MAX, "%s/%u", policy->device, policy->index);
		break;
	case GUARD_DOORBELLS: snprintf(ret, GUARD_NAME_MAX, DOORBELLS); break;
	case GUARD_RULE:
		snprintf(ret, GUARD_NAME_MAX, RULE_PREFIX "%s", rule_text(policy->rule)->name);
		break;
	}
}

bool guard_policy_is(const struct guard_policy *policy, const struct guard_policy *other)
{
	char a[GUARD_NAME_MAX], b[GUARD_NAME_MAX];

	guard_policy_name(policy, a);
	guard_policy_name(other, b);
	return !strcmp(a, b);
}

/* ---- vectors ------------------------------------------------------------------------------- */

static const struct pmu *pmu_on(const struct model *model, const struct vector *vector)
{
	const struct pmu *pmu = NULL;

	for (const struct action *a = vector->actions; a && !pmu; a = a->next)
		if (a->device.name[0])
			pmu = model_pmu(model, a->device.name);
	return pmu;
}

static bool rule_watches(enum rule_id rule, const struct model *model, const struct vector *vector)
{
	const struct domain *parent;

	switch (rule) {
	case RULE_PMU_VECTOR_MISPLACED: return pmu_on(model, vector) != NULL;
	case RULE_IMMUTABLE_MESSAGE_CHANGED:
		parent = vector_msi_parent(model, vector);
		return parent && domain_immutability(model, parent) == IMMUTABILITY_DECLARED;
	case RULE_DOORBELL_MESSAGE_CHANGED:
	case RULE_DOORBELL_ON_MUTABLE_PARENT: return model_doorbell(model, vector->irq) != NULL;
	default: return false;
	}
}

bool guard_policy_matches(const struct guard_policy *policy, const struct model *model,
			  const struct vector *vector)
{
	const struct doorbell *doorbell;

	switch (policy->kind) {
	case GUARD_DEVICE: return vector_is_of(vector, policy->device);
	case GUARD_VECTOR:
		return vector->msi_type && vector->msi_index == policy->index &&
		       !strcmp(vector->provider.name, policy->device);
	case GUARD_DOORBELLS:
		doorbell = model_doorbell(model, vector->irq);
		return doorbell && strcmp(doorbell_verdict(model, doorbell), "safe") != 0;
	case GUARD_RULE: return rule_watches(policy->rule, model, vector);
	}
	return false;
}

char *guard_policy_target(const struct guard_policy *policy, const struct model *model,
			  const struct vector *vector)
{
	const struct pmu *pmu;

	if (policy->cpus[0])
		return strdup(policy->cpus);
	if (policy->kind != GUARD_RULE || policy->rule != RULE_PMU_VECTOR_MISPLACED)
		return NULL;
	pmu = pmu_on(model, vector);
	return pmu && pmu->cpumask[0] ? strdup(pmu->cpumask) : NULL;
}

const char *guard_policy_unmatched(const struct guard_policy *policy, const struct model *model)
{
	for (const struct vector *v = model_vectors_unordered(model); v; v = v->hh.next)
		if (guard_policy_matches(policy, model, v))
			return "another policy protects its vectors, or there is no room for them";
	switch (policy->kind) {
	case GUARD_DEVICE:
		return model_knows_device(model, policy->device) ?
			       "the device has no interrupt now: no driver, or one that uses none" :
			       "there is no such device now";
	case GUARD_VECTOR:
		return model_knows_device(model, policy->device) ?
			       "the device has no vector of this index now" :
			       "there is no such device now";
	case GUARD_DOORBELLS: return "there is no doorbell whose message may change now";
	case GUARD_RULE: return "there is no vector that this rule watches now";
	}
	return NULL;
}

/* ---- CPUs ---------------------------------------------------------------------------------- */

static int parse_cpu(const char **at, uint32_t *ret)
{
	uint32_t n = 0;

	if (**at < '0' || **at > '9')
		return -EINVAL;
	for (; **at >= '0' && **at <= '9'; (*at)++) {
		n = n * 10 + (uint32_t)(**at - '0');
		if (n >= CPUS_MAX)
			return -EINVAL;
	}
	*ret = n;
	return 0;
}

int guard_cpus_normalize(const char *text, uint32_t n_cpus, char *ret, size_t size)
{
	uint64_t mask[CPUS_MAX / 64] = {};
	_cleanup_free_ char *list = NULL;

	if (!n_cpus || n_cpus > CPUS_MAX)
		n_cpus = CPUS_MAX;
	for (const char *at = text;; at++) {
		uint32_t first, last;

		if (parse_cpu(&at, &first) < 0)
			return -EINVAL;
		last = first;
		if (*at == '-' && (at++, parse_cpu(&at, &last) < 0))
			return -EINVAL;
		if (last < first || (*at && *at != ','))
			return -EINVAL;
		for (uint32_t cpu = first; cpu <= last && cpu < n_cpus; cpu++)
			mask[cpu / 64] |= UINT64_C(1) << cpu % 64;
		if (!*at)
			break;
	}
	list = vector_mask_list(mask, CPUS_MAX / 64);
	if (!list)
		return -ENOMEM;
	if (!*list)
		return -EINVAL;
	if (strlen(list) >= size)
		return -E2BIG;
	strcpy(ret, list);
	return 0;
}

/* ---- as a file keeps it -------------------------------------------------------------------- */

json_t *guard_policy_save(const struct guard_policy *policy)
{
	char name[GUARD_NAME_MAX];

	guard_policy_name(policy, name);
	return json_pack("{s:I, s:o, s:s, s:b, s:I, s:I, s:I}", "id", (json_int_t)policy->id,
			 "guard", json_text(name), "cpus", policy->cpus, "restore", policy->restore,
			 "since_us", (json_int_t)policy->since_us, "uid",
			 (json_int_t)policy->by.uid, "pid", (json_int_t)policy->by.pid);
}

int guard_policy_load(const json_t *object, struct guard_policy *ret)
{
	struct guard_policy policy = {};
	const char *name, *cpus, *why;
	json_int_t id, since, uid, pid;
	int restore;

	if (json_unpack((json_t *)object, "{s:I, s:s, s:s, s:b, s:I, s:I, s:I}", "id", &id, "guard",
			&name, "cpus", &cpus, "restore", &restore, "since_us", &since, "uid", &uid,
			"pid", &pid) < 0)
		return -EINVAL;
	if (id <= 0 || id > GUARD_ID_MAX || since < 0 || uid < 0 || uid > UINT32_MAX || pid < 0 ||
	    pid > UINT32_MAX || guard_policy_parse(name, &policy, &why) < 0)
		return -EINVAL;
	if (*cpus && guard_cpus_normalize(cpus, 0, policy.cpus, sizeof(policy.cpus)) < 0)
		return -EINVAL;
	policy.id = (uint64_t)id;
	policy.restore = restore;
	policy.since_us = since;
	policy.by = (struct guard_who){ .pid = (uint32_t)pid, .uid = (uint32_t)uid };
	*ret = policy;
	return 0;
}
