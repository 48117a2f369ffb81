// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What to protect, on the first line, and a list of CPUs on the second, as a client or the settings
 * give them. Whatever is taken can be written down, and read again, as the same; a list of CPUs
 * names those that the text does, which is read here in another way.
 */
#include "fuzz.h"
#include "affinity-private.h"
#include "guard-policy.h"

#define CPUS 8192

static void check_saved(const struct guard_policy *policy)
{
	json_auto_t *saved = guard_policy_save(policy);
	json_auto_t *again = NULL;
	struct guard_policy loaded;

	require(saved && guard_policy_load(saved, &loaded) == 0);
	require(guard_policy_is(policy, &loaded) && !strcmp(policy->cpus, loaded.cpus));
	require(policy->id == loaded.id && policy->since_us == loaded.since_us);
	again = guard_policy_save(&loaded);
	require(json_equal(saved, again));
}

/* Marks what @text names below @n; false: it is no list. */
static bool mark(const char *text, unsigned int n, bool cpus[static CPUS])
{
	do {
		unsigned long ends[2];
		char *end;

		if (*text < '0' || *text > '9')
			return false;
		ends[0] = ends[1] = strtoul(text, &end, 10);
		if (*end == '-') {
			if (end[1] < '0' || end[1] > '9')
				return false;
			ends[1] = strtoul(end + 1, &end, 10);
		}
		if (ends[0] > ends[1] || ends[1] >= CPUS)
			return false;
		for (unsigned long cpu = ends[0]; cpu <= ends[1] && cpu < n; cpu++)
			cpus[cpu] = true;
		text = end;
	} while (*text++ == ',');
	return !text[-1];
}

static void check_list(const char *text, unsigned int n, struct guard_policy *policy)
{
	char list[GUARD_CPUS_MAX], again[GUARD_CPUS_MAX];
	bool asked[CPUS] = {}, got[CPUS] = {};
	bool sound = mark(text, n ?: CPUS, asked);
	int r = guard_cpus_normalize(text, n, list, sizeof(list));

	require(r == 0 || r == -EINVAL || r == -E2BIG);
	if (r == 0 || r == -E2BIG)
		require(sound);
	if (r == -EINVAL)
		require(!sound || !memchr(asked, true, sizeof(asked)));
	if (r < 0)
		return;
	require(mark(list, CPUS, got) && !memcmp(asked, got, sizeof(got)));
	require(guard_cpus_normalize(list, n, again, sizeof(again)) == 0 && !strcmp(list, again));
	/* so that the process which writes it takes it */
	require(affinity_is_list(list));
	strcpy(policy->cpus, list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guard_policy policy = { .id = 1, .kind = GUARD_DOORBELLS }, again = {};
	char *text = fuzz_text(data, size), *cpus = text, *name = strsep(&cpus, "\n");
	char written[GUARD_NAME_MAX];
	const char *why = NULL;

	if (cpus) {
		check_list(cpus, 0, &policy);
		check_list(cpus, 8, &policy);
	}
	if (guard_policy_parse(name, &policy, &why) < 0) {
		require(why && policy.kind == GUARD_DOORBELLS && !policy.device[0]);
	} else {
		guard_policy_name(&policy, written);
		require(guard_policy_parse(written, &again, &why) == 0);
		require(guard_policy_is(&policy, &again) && policy.kind == again.kind);
		check_saved(&policy);
	}
	free(text);
	return 0;
}
