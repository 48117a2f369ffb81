/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What somebody wants to stay where it is. A policy names devices, never an interrupt's number: it
 * holds for whatever that device has, through rebind, hot plug and reboot. Non-logging.
 */
#ifndef CXLIRQD_GUARD_POLICY_H
#define CXLIRQD_GUARD_POLICY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"
#include "violation.h"

#define GUARD_CPUS_MAX 512 /* a list of CPUs, with its end */
#define GUARD_NAME_MAX 96
#define GUARD_ID_MAX ((json_int_t)1 << 53) /* as far as every reader of JSON counts */

enum guard_kind {
	GUARD_DEVICE, /* "0000:0d:00.0", "pmu_mem0.0": vectors it provides, or has a handler on */
	GUARD_VECTOR, /* "0000:0d:00.0/3": one of those that it provides */
	GUARD_DOORBELLS, /* "doorbells": those whose message may change */
	GUARD_RULE, /* "rule:pmu-vector-misplaced": those that a rule watches */
};

/* Who asked for something over the socket */
struct guard_who {
	uint32_t pid, uid;
};

struct guard_policy {
	uint64_t id; /* never used again */
	enum guard_kind kind;
	char device[64];
	uint32_t index; /* MSI index, of GUARD_VECTOR */
	enum rule_id rule;
	char cpus[GUARD_CPUS_MAX]; /* a pin: they belong there; "" = where they are */
	bool restore; /* put back what no hook can stop */
	bool configured; /* by [Guard] Protect= */
	int64_t since_us; /* since the epoch */
	struct guard_who by; /* unless it is configured */
};

/*
 * What is protected, from its text as above. 0, or -EINVAL with @ret_why (static), and @policy as it
 * was.
 */
int guard_policy_parse(const char *text, struct guard_policy *policy, const char **ret_why);
/* The reverse */
void guard_policy_name(const struct guard_policy *policy, char ret[static GUARD_NAME_MAX]);
/* Both protect the same. */
bool guard_policy_is(const struct guard_policy *policy, const struct guard_policy *other);

bool guard_policy_matches(const struct guard_policy *policy, const struct model *model,
			  const struct vector *vector);

/*
 * Where the policy wants a vector that it matches: a list of CPUs, which the caller frees. NULL: where
 * it is, or no memory.
 */
char *guard_policy_target(const struct guard_policy *policy, const struct model *model,
			  const struct vector *vector);
/* Why there is no vector that it protects now, for people. Static string. */
const char *guard_policy_unmatched(const struct guard_policy *policy, const struct model *model);

/*
 * A list of CPUs ("1,0", "0-3,8") as the kernel would write it, without those from @n_cpus on (0: of
 * any number below 8192). -EINVAL: it is none, or nothing is left; -E2BIG: @size is too small.
 */
int guard_cpus_normalize(const char *text, uint32_t n_cpus, char *ret, size_t size);

/* As a file keeps it: a new object. */
json_t *guard_policy_save(const struct guard_policy *policy);
/* -EINVAL: it makes no sense. */
int guard_policy_load(const json_t *object, struct guard_policy *ret);

#endif
