// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a settings file. It never stops the daemon: there is a whole set of settings, within
 * their bounds, and reading the same file again changes nothing, whatever was refused in it.
 */
#include "fuzz.h"
#include "config.h"
#include "guard-policy.h"
#include "listener.h"
#include "log.h"
#include "pmu-item.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	log_set_level(LOG_EMERG);
	return 0;
}

static bool is_size(uint64_t n, uint64_t min, uint64_t max)
{
	return n >= min && n <= max && !(n & (n - 1));
}

/* What reads these words later does not look at them again. */
static void check_words(const char *text, bool (*is_good)(const char *word))
{
	char *copy = strdup(text), *rest;

	for (char *word = strtok_r(copy, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest))
		require(is_good(word));
	free(copy);
}

static bool is_policy(const char *word)
{
	struct guard_policy policy;
	const char *why;

	return guard_policy_parse(word, &policy, &why) == 0;
}

static bool is_address(const char *word)
{
	struct listener_address address;
	const char *why;

	return listener_parse(word, &address, &why) == 0 && address.size;
}

static void check(const struct config *c)
{
	char reason[PMU_REASON_MAX] = "";
	struct pmu_items items = {};

	require(c->socket[0] == '/' && strlen(c->socket) < 108);
	require(c->log_level >= LOG_ERR && c->log_level <= LOG_DEBUG);
	require(!strpbrk(c->user, "/: \t") && strlen(c->user) < 32);
	require(!c->pin_directory[0] || c->pin_directory[0] == '/');
	require(!c->report[0] || c->report[0] == '/');
	require(!c->store_directory[0] || c->store_directory[0] == '/');
	require(is_size(c->ring_size, 1 << 20, 1 << 30) &&
		is_size(c->store_size, 16 << 20, 1ULL << 40));
	require(c->event_backlog <= 8192 && c->snapshot_sec <= 86400);
	require(c->max_vectors >= 64 && c->max_domains >= 64 && c->max_violations >= 16);
	require(c->max_series >= 256 && c->max_counters <= 4096 && c->store_days <= 36500);
	require(c->guard_mode < GUARD_MODE_MAX && c->guard_restores >= 1 &&
		c->guard_restores <= 60);
	check_words(c->guards, is_policy);
	check_words(c->export_listen, is_address);
	require(!c->counter_events[0] || pmu_items_parse(&items, c->counter_events, reason) == 0);
	pmu_items_done(&items);
}

static void on_changed(const char *section, const char *name, bool applied, void *userdata)
{
	(void)applied, (void)userdata;
	fprintf(stderr, "[%s] %s= is another one when it is read again\n", section, name);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config, again;
	unsigned int warnings = 0, more = 0;
	char path[128];

	snprintf(path, sizeof(path), "%s/conf", fuzz_directory());
	fuzz_write_file(AT_FDCWD, path, data, size);
	require(config_read(path, &config, &warnings) == 0);
	check(&config);
	require(config_reread(&config, &again, &more) == 0 && warnings == more);
	check(&again);
	config_update(&config, &again, on_changed, NULL);
	config_done(&again);
	config_done(&config);
	return 0;
}
