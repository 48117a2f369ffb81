// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guard's hands: the program in the kernel, which is loaded only while there is something to
 * protect, and the process that sets affinities. Guard and model know neither.
 */
#include "manager-guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "affinity-writer.h"
#include "guard-hook.h"
#include "log.h"
#include "probe.h"

/* ---- the program --------------------------------------------------------------------------- */

static void on_protect(uint32_t irq, bool protect, void *userdata)
{
	struct manager *m = userdata;
	int r = m->guard->hook ? guard_hook_protect(m->guard->hook, irq, protect) : 0;

	if (r < 0)
		log_warning("interrupt %u cannot be protected: %s", irq, strerror(-r));
}

static void protect_again(uint32_t irq, void *userdata)
{
	on_protect(irq, true, userdata);
}

uint64_t manager_guard_lost(const struct manager *m)
{
	struct guard_stats stats = {};

	if (!m->guard)
		return 0;
	if (m->guard->hook)
		guard_hook_stats(m->guard->hook, &stats);
	return m->guard->lost + stats.lost;
}

/* With that, whatever was denied is allowed again. */
static void release(struct manager *m)
{
	const char *pins = m->probe ? probe_pin_place(m->probe) : NULL;
	int r;

	m->guard->lost = manager_guard_lost(m);
	m->guard->hook = guard_hook_free(m->guard->hook);
	m->guard->reason[0] = '\0';
	r = pins ? guard_hook_release(pins) : 0;
	if (r < 0 && r != -ENOENT)
		log_error("the guard's program cannot be removed: %s", strerror(-r));
}

int manager_guard_check_tracing(struct manager *m)
{
	if (m->probe && probe_tracing(m->probe))
		return 0;
	snprintf(m->guard->reason, sizeof(m->guard->reason), "BPF tracing is off: %s",
		 m->probe ? probe_reason(m->probe) : "a replay");
	return -EOPNOTSUPP;
}

/* Negative errno: it is not there, and guard->reason says why. */
static int load(struct manager *m, enum guard_mode mode)
{
	const char *pins = m->probe ? probe_pin_place(m->probe) : NULL;
	struct manager_guard *g = m->guard;
	bool persist = m->config->guard_persist && pins;
	int r = manager_guard_check_tracing(m);

	if (r < 0)
		return r;
	if (m->config->guard_persist && !pins)
		log_warning("[Guard] Persist=yes takes a [Trace] PinDirectory=: the guard ends "
			    "with the daemon");
	r = guard_hook_new(probe_ring_fd(m->probe), persist ? pins : NULL, &g->hook, g->reason);
	if (r < 0)
		return r;
	g->reason[0] = '\0';
	g->persists = m->config->guard_persist;
	guard_hook_set_mode(g->hook, mode);
	guard_hook_exempt(g->hook, g->writer_pid);
	guard_each(g->guard, protect_again, m);
	guard_hook_protect_default(g->hook, true);
	r = persist ? guard_hook_commit(g->hook) : 0;
	if (r < 0)
		log_warning("the guard ends with the daemon: %s", strerror(-r));
	if (!persist && pins)
		guard_hook_release(pins);
	log_info("guard: program attached, mode %s%s", guard_mode_name(mode),
		 persist && r >= 0 ? ", without the daemon, too" : "");
	return 0;
}

/* It sits on every write of the machine: only while there is something that it is for. */
int manager_guard_apply_to_kernel(struct manager *m, enum guard_mode mode)
{
	struct manager_guard *g = m->guard;

	if (mode == GUARD_OFF || !guard_policy_at(g->guard, 0)) {
		if (g->hook)
			log_info("guard: program removed");
		release(m);
	} else if (!g->hook) {
		return load(m, mode);
	} else {
		guard_hook_set_mode(g->hook, mode);
	}
	return 0;
}

int manager_guard_apply(struct manager *m, enum guard_mode mode)
{
	struct manager_guard *g = m->guard;
	int r = manager_guard_apply_to_kernel(m, mode);

	guard_set_mode(g->guard, mode, g->hook != NULL, m->model, manager_now_ns());
	return r;
}

/* ---- affinities ---------------------------------------------------------------------------- */

static int on_set(uint32_t irq, const char *cpus, void *userdata)
{
	struct manager *m = userdata;

	if (!m->guard->writer)
		return m->guard->writer_error;
	return affinity_writer_set(m->guard->writer, irq, cpus);
}

static void on_written(uint32_t irq, const char *cpus, int error, void *userdata)
{
	struct manager *m = userdata;

	log_debug("interrupt %u to CPUs %s: %s", irq, cpus, error ? strerror(-error) : "done");
	guard_written(m->guard->guard, m->model, irq, error, manager_now_ns());
	manager_batch_end(m);
}

static void on_writer(pid_t pid, void *userdata)
{
	struct manager *m = userdata;

	m->guard->writer_pid = pid;
	guard_set_writer(m->guard->guard, (uint32_t)pid);
	if (m->guard->hook)
		guard_hook_exempt(m->guard->hook, pid);
}

/* ---- what happens -------------------------------------------------------------------------- */

static void on_tell(json_t *event, void *userdata)
{
	manager_tell(userdata, event);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	(void)source;
	(void)usec;
	m->guard->timer_ns = 0;
	guard_tick(m->guard->guard, m->model, manager_now_ns());
	manager_batch_end(m);
	return 0;
}

void manager_guard_change(struct manager *m, const struct change *change)
{
	if (m->guard && !m->restart.replaying)
		guard_change(m->guard->guard, m->model, change);
}

void manager_guard_batch_end(struct manager *m)
{
	struct manager_guard *g = m->guard;
	struct model_totals totals;
	uint64_t due;

	if (!g || m->restart.replaying || m->snapshotting)
		return;
	model_totals(m->model, &totals);
	guard_settle(g->guard, m->model, totals.snapshots != g->walks, manager_now_ns());
	g->walks = totals.snapshots;
	due = guard_due(g->guard);
	if (!g->timer || due == g->timer_ns)
		return;
	g->timer_ns = due;
	sd_event_source_set_time(g->timer, due / 1000 + 1);
	sd_event_source_set_enabled(g->timer, due ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/* ---- life ---------------------------------------------------------------------------------- */

int manager_new_guard(struct manager *m)
{
	const struct guard_actions actions = {
		.protect = on_protect, .set = on_set, .tell = on_tell, .userdata = m
	};
	struct manager_guard *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	m->guard = g;
	g->directory = sink_store_directory(m->config->store_directory);
	if (!g->directory)
		return -ENOMEM;
	r = guard_new(&actions, &g->guard);
	if (r < 0)
		return r;
	r = affinity_writer_new(m->event, geteuid() == 0 ? NULL : AFFINITY_SOCKET, on_written, m,
				&g->writer);
	if (r < 0)
		log_warning("nobody to set affinities: %s", strerror(-r));
	g->writer_error = r;
	if (g->writer)
		affinity_writer_on_process(g->writer, on_writer, m);
	return 0;
}

void manager_start_guard(struct manager *m)
{
	struct manager_guard *g = m->guard;
	enum guard_mode mode;
	bool outdated;
	int r;

	if (!g)
		return;
	r = sd_event_add_time(m->event, &g->timer, CLOCK_BOOTTIME, UINT64_MAX, 10000, on_timer, m);
	if (r < 0)
		log_warning("the guard has no timer: %s", strerror(-r));
	guard_set_restores(g->guard, (unsigned int)m->config->guard_restores);
	mode = manager_guard_restore(m, &outdated);
	manager_guard_add_configured(m);
	manager_guard_batch_end(m);
	r = manager_guard_apply(m, mode);
	if (r < 0)
		log_error("guard: %s: %s", guard_mode_name(mode),
			  g->reason[0] ? g->reason : strerror(-r));
	/* or what was set then would be again, should the settings be as they were */
	if (outdated)
		manager_guard_save(m);
	manager_batch_end(m);
}

void manager_reload_guard(struct manager *m, bool mode, bool policies)
{
	enum guard_mode now;
	int r;

	if (!m->guard)
		return;
	now = guard_mode(m->guard->guard);
	guard_set_restores(m->guard->guard, (unsigned int)m->config->guard_restores);
	if (policies) {
		manager_guard_remove_configured(m);
		manager_guard_add_configured(m);
	}
	if (mode)
		now = m->config->guard_mode;
	if (m->guard->hook && m->guard->persists != m->config->guard_persist)
		release(m);
	r = manager_guard_apply(m, now);
	if (r < 0)
		log_error("guard: %s: %s", guard_mode_name(now),
			  m->guard->reason[0] ? m->guard->reason : strerror(-r));
	manager_guard_tell(m, "reload", NULL, NULL);
	if (mode)
		manager_guard_save(m);
}

static bool has_pins(const struct guard *guard)
{
	const struct guard_policy *policy;

	for (unsigned int i = 0; (policy = guard_policy_at(guard, i)); i++)
		if (policy->cpus[0])
			return true;
	return false;
}

void manager_stop_guard(struct manager *m)
{
	struct manager_guard *g = m->guard;

	if (!g)
		return;
	/* where vectors were that came after they were pinned */
	if (g->timer && has_pins(g->guard))
		manager_guard_save(m);
	sd_event_source_disable_unref(g->timer);
	/* what is pinned stays: [Guard] Persist= */
	guard_hook_free(g->hook);
	affinity_writer_free(g->writer);
	guard_free(g->guard);
	free(g->directory);
	free(g);
	m->guard = NULL;
}
