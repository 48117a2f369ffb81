// SPDX-License-Identifier: GPL-2.0-or-later
/* What is written behind a key: whether it makes sense, and what it is then. */
#include "config-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>

#include "guard-policy.h"
#include "listener.h"
#include "log.h"

static int parse_number(const char *text, bool suffixes, uint64_t *ret)
{
	unsigned long long n;
	uint64_t factor = 1;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (suffixes && *end && !end[1]) {
		factor = *end == 'K' ? 1ULL << 10 :
			 *end == 'M' ? 1ULL << 20 :
			 *end == 'G' ? 1ULL << 30 :
				       0;
		end++;
	}
	if (*end || !factor)
		return -EINVAL;
	if (n > UINT64_MAX / factor)
		return -ERANGE;
	*ret = n * factor;
	return 0;
}

/* As systemd has them */
static int parse_switch(const char *text, bool *ret)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(text, words[i]))
			continue;
		*ret = i % 2;
		return 0;
	}
	return -EINVAL;
}

/* As shadow's and systemd's strict form have them; "" is nobody else than who started it */
static int check_user(const char *value)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char others[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789-";

	if (!*value)
		return 0;
	return strlen(value) > 31 || !strchr(letters, *value) || value[strspn(value, others)] ?
		       -EINVAL :
		       0;
}

static bool is_power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

int config_assign_text(char **field, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

/* Names of rules with blanks between them */
static int parse_rules(const char *value, struct rule_set *ret)
{
	_cleanup_free_ char *copy = strdup(value);
	struct rule_set set = {};
	char *name, *rest;

	if (!copy)
		return -ENOMEM;
	for (name = strtok_r(copy, " \t", &rest); name; name = strtok_r(NULL, " \t", &rest)) {
		enum rule_id rule = rule_from_name(name);

		if (rule == RULE_MAX)
			return -EINVAL;
		set.off[rule] = true;
	}
	*ret = set;
	return 0;
}

/* Patterns with blanks between them: no more, and none longer, than the model takes */
static int check_patterns(const char *value)
{
	size_t n = 0, length;

	for (value += strspn(value, " \t"); *value; value += strspn(value, " \t")) {
		length = strcspn(value, " \t");
		if (++n > MODEL_PATTERNS_MAX ||
		    length >= sizeof(((struct record_pattern *)0)->pattern))
			return -EINVAL;
		value += length;
	}
	return 0;
}

/*
 * A line holds 200 characters, and an event can have half of them: each line adds to those before,
 * an empty one forgets them. Whether a PMU has such events is not known here, but whether the whole
 * list can be read, is.
 */
static int append_events(char **field, const char *value, char why[PMU_REASON_MAX])
{
	struct pmu_items items = {};
	char *joined;
	int r = 0;

	if (!*value)
		return config_assign_text(field, "");
	if (asprintf(&joined, "%s%s%s", *field, **field ? " " : "", value) < 0)
		return -ENOMEM;
	r = pmu_items_parse(&items, joined, why);
	pmu_items_done(&items);
	if (r < 0) {
		free(joined);
		return r == -E2BIG ? -EINVAL : r;
	}
	free(*field);
	*field = joined;
	return 0;
}

/* Addresses with blanks between them */
static int check_listen(const char *value, char why[PMU_REASON_MAX])
{
	_cleanup_free_ char *copy = strdup(value);
	struct listener_address address;
	const char *reason = "";
	unsigned int n = 0;
	char *word, *rest;
	int r;

	if (!copy)
		return -ENOMEM;
	for (word = strtok_r(copy, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
		r = listener_parse(word, &address, &reason);
		if (r == -ENOMEM)
			return r;
		if (r < 0) {
			snprintf(why, PMU_REASON_MAX, "%.40s: %s", word, reason);
			return -EINVAL;
		}
		if (++n > LISTENER_ADDRESSES_MAX) {
			snprintf(why, PMU_REASON_MAX, "more than %d addresses",
				 LISTENER_ADDRESSES_MAX);
			return -EINVAL;
		}
	}
	return 0;
}

/* Names of policies with blanks between them; each line adds to those before, as events do. */
static int append_guards(char **field, const char *value, char why[PMU_REASON_MAX])
{
	_cleanup_free_ char *copy = strdup(value);
	char *name, *rest, *joined;

	if (!*value)
		return config_assign_text(field, "");
	if (!copy)
		return -ENOMEM;
	for (name = strtok_r(copy, " \t", &rest); name; name = strtok_r(NULL, " \t", &rest)) {
		struct guard_policy policy;
		const char *reason;

		if (guard_policy_parse(name, &policy, &reason) < 0) {
			snprintf(why, PMU_REASON_MAX, "%.40s: %s", name, reason);
			return -EINVAL;
		}
	}
	if (asprintf(&joined, "%s%s%s", *field, **field ? " " : "", value) < 0)
		return -ENOMEM;
	free(*field);
	*field = joined;
	return 0;
}

static int parse_mode(const char *value, enum guard_mode *ret)
{
	enum guard_mode mode = guard_mode_from_name(value);

	if (mode == GUARD_MODE_MAX)
		return -EINVAL;
	*ret = mode;
	return 0;
}

int config_assign(struct config *config, const struct config_key *key, const char *value,
		  char why[PMU_REASON_MAX])
{
	void *field = (char *)config + key->offset;
	uint64_t number;
	int level, r;

	switch (key->kind) {
	case KIND_NUMBER:
	case KIND_SIZE:
		r = parse_number(value, key->kind == KIND_SIZE, &number);
		if (r < 0)
			return r;
		if (number < key->min || number > key->max)
			return -ERANGE;
		if (key->kind == KIND_SIZE && !is_power_of_two(number))
			return -EINVAL;
		*(uint64_t *)field = number;
		return 0;
	case KIND_PATH:
		if (*value != '/' || strlen(value) >= 108)
			return -EINVAL;
		return config_assign_text(field, value);
	case KIND_DIRECTORY:
		return *value && *value != '/' ? -EINVAL : config_assign_text(field, value);
	case KIND_SWITCH: return parse_switch(value, field);
	case KIND_RULES: return parse_rules(value, field);
	case KIND_PATTERNS:
		r = check_patterns(value);
		return r < 0 ? r : config_assign_text(field, value);
	case KIND_EVENTS: return append_events(field, value, why);
	case KIND_GUARDS: return append_guards(field, value, why);
	case KIND_MODE: return parse_mode(value, field);
	case KIND_USER: r = check_user(value); return r < 0 ? r : config_assign_text(field, value);
	case KIND_LISTEN:
		r = check_listen(value, why);
		return r < 0 ? r : config_assign_text(field, value);
	case KIND_LEVEL:
		level = log_level_from_name(value);
		if (level < 0)
			return level;
		*(int *)field = level;
		return 0;
	}
	return -EINVAL;
}
