// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The settings, read again while the daemon runs. What it knows stays: tables, history, streams of
 * clients, and the ring with what is in it. A key is taken by itself: what is wrong with a line, or
 * cannot be changed now, keeps no other key from being taken.
 */
#include "manager-private.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <systemd/sd-event.h>

#include <cxlirqd/cleanup.h>

#include "log.h"

/* What has to be done for what changed, a bit each */
enum {
	CHANGED_INTERVAL = 1 << 0,
	CHANGED_PATTERNS = 1 << 1,
	CHANGED_COUNTERS = 1 << 2,
	CHANGED_MAX_COUNTERS = 1 << 3,
	CHANGED_STORE = 1 << 4,
	CHANGED_EXPORT = 1 << 5,
	CHANGED_GUARD = 1 << 6,
	CHANGED_GUARD_MODE = 1 << 7,
	CHANGED_GUARDS = 1 << 8,
};

/* What is not here takes its new value where it is used next, or is always applied. */
static const struct {
	const char *section, *name; /* NULL: each of the section */
	unsigned int what;
} consequences[] = {
	{ "Trace", "SnapshotIntervalSec", CHANGED_INTERVAL },
	{ "Rules", "DoorbellDevices", CHANGED_PATTERNS },
	{ "Counters", "Events", CHANGED_COUNTERS },
	{ "Counters", "Max", CHANGED_MAX_COUNTERS },
	{ "Store", NULL, CHANGED_STORE },
	{ "Export", NULL, CHANGED_EXPORT },
	{ "Guard", NULL, CHANGED_GUARD },
	{ "Guard", "Mode", CHANGED_GUARD_MODE },
	{ "Guard", "Protect", CHANGED_GUARDS },
	{ "Guard", "Restore", CHANGED_GUARDS },
};

struct reloading {
	unsigned int changed;
	unsigned int n_applied;
	char *waiting; /* names of keys that take a restart */
	bool cut; /* it lacks some */
};

static void on_changed(const char *section, const char *name, bool applied, void *userdata)
{
	struct reloading *reloading = userdata;
	char *longer;

	if (!applied) {
		if (asprintf(&longer, "%s%s[%s] %s=", reloading->waiting ?: "",
			     reloading->waiting ? ", " : "", section, name) < 0) {
			reloading->cut = true;
			return;
		}
		free(reloading->waiting);
		reloading->waiting = longer;
		return;
	}
	reloading->n_applied++;
	for (size_t i = 0; i < sizeof(consequences) / sizeof(*consequences); i++)
		if (!strcmp(section, consequences[i].section) &&
		    (!consequences[i].name || !strcmp(name, consequences[i].name)))
			reloading->changed |= consequences[i].what;
}

static void manager_apply(struct manager *m, unsigned int changed)
{
	log_set_level(m->config->log_level);
	m->rules = m->config->rules;
	if (changed & CHANGED_STORE && m->store)
		sink_store_set_bounds(m->store, m->config->store_days * 86400,
				      m->config->store_size);
	if (changed & (CHANGED_COUNTERS | CHANGED_MAX_COUNTERS))
		manager_reload_counters(m, changed & CHANGED_COUNTERS);
	if (changed & CHANGED_PATTERNS)
		manager_reload_patterns(m);
	/* a walk comes soon, and the one after it in time */
	if (changed & CHANGED_INTERVAL)
		manager_arm(m, true);
	/* which have told what is wrong */
	if (changed & CHANGED_EXPORT)
		manager_reload_export(m);
	if (changed & CHANGED_GUARD)
		manager_reload_guard(m, changed & CHANGED_GUARD_MODE, changed & CHANGED_GUARDS);
}

/* What was not taken, in words; NULL: nothing */
static int tell(const struct reloading *reloading, unsigned int warnings, char **ret)
{
	_cleanup_free_ char *lines = NULL, *keys = NULL;

	if (warnings &&
	    asprintf(&lines, "%u line%s of the settings %s not taken, see the log", warnings,
		     warnings == 1 ? "" : "s", warnings == 1 ? "was" : "were") < 0)
		return -ENOMEM;
	if (reloading->waiting &&
	    asprintf(&keys, "%s%s a restart", reloading->waiting,
		     strchr(reloading->waiting, ',') ? " take" : " takes") < 0)
		return -ENOMEM;
	if (!lines || !keys) {
		*ret = lines ? TAKE_PTR(lines) : TAKE_PTR(keys);
		return 0;
	}
	return asprintf(ret, "%s; %s", lines, keys) < 0 ? -ENOMEM : 0;
}

static int manager_reread_settings(struct manager *m, char **ret_reason)
{
	struct reloading reloading = {};
	unsigned int warnings = 0;
	struct config newer = {};
	int r = config_reread(m->config, &newer, &warnings);

	if (r < 0) {
		const char *path = config_unreadable() ?: "settings";

		log_warning("%s: %s; the settings stay as they are", path, strerror(-r));
		if (asprintf(ret_reason, "%s: %s", path, strerror(-r)) < 0)
			*ret_reason = NULL;
		return r;
	}
	config_update(m->config, &newer, on_changed, &reloading);
	config_done(&newer);
	manager_apply(m, reloading.changed);
	log_info("settings read again, %u changed", reloading.n_applied);
	if (reloading.waiting)
		log_notice("%s%s %s a restart", reloading.waiting,
			   reloading.cut ? " and others" : "",
			   strchr(reloading.waiting, ',') || reloading.cut ? "take" : "takes");
	r = tell(&reloading, warnings, ret_reason);
	free(reloading.waiting);
	return r;
}

int manager_reload(struct manager *m, char **ret_reason)
{
	char *reason = NULL;
	int r;

	manager_reloading();
	r = manager_reread_settings(m, &reason);
	manager_batch_end(m);
	manager_reloaded(m);
	*ret_reason = reason;
	return r;
}

/* ---- who asks for it ------------------------------------------------------------------------- */

int manager_answer_reload(char **ret_reason, void *userdata)
{
	return manager_reload(userdata, ret_reason);
}

int manager_on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	_cleanup_free_ char *reason = NULL;

	(void)source;
	(void)info;
	/* what is to be said has been logged */
	manager_reload(userdata, &reason);
	return 0;
}
