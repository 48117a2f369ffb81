// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How a vector gets to where it belongs: what was asked for and is not answered yet, how often that
 * may be in a minute, and what waits for another try. Answers come in the order of what was asked
 * for, with the interrupt's number and nothing else: those that nobody waits for any more are counted,
 * or the next vector of that number would take them for its own.
 */
#define HASH_NONFATAL_OOM 1
#include "guard-private.h"

#include <errno.h>
#include <stdlib.h>

#define WINDOW_NS 60000000000ULL
/* A CPU that says it comes is not there at once. */
#define CPU_DELAY_NS 200000000ULL

/* ---- what is asked for --------------------------------------------------------------------- */

void guard_orphan(struct guard *guard, uint32_t irq)
{
	struct guard_orphan *orphan;

	HASH_FIND(hh, guard->orphans, &irq, sizeof(irq), orphan);
	if (!orphan) {
		orphan = calloc(1, sizeof(*orphan));
		if (!orphan)
			return;
		orphan->irq = irq;
		HASH_ADD(hh, guard->orphans, irq, sizeof(orphan->irq), orphan);
		if (!orphan->hh.tbl) {
			free(orphan);
			return;
		}
	}
	orphan->n++;
}

/* They are older than what a vector of that number waits for. */
static bool is_orphans(struct guard *guard, uint32_t irq)
{
	struct guard_orphan *orphan;

	HASH_FIND(hh, guard->orphans, &irq, sizeof(irq), orphan);
	if (!orphan)
		return false;
	if (!--orphan->n) {
		HASH_DEL(guard->orphans, orphan);
		free(orphan);
	}
	return true;
}

void guard_set_back(struct guard *guard, uint32_t irq, const char *cpus)
{
	if (guard->actions.set(irq, cpus, guard->actions.userdata) >= 0)
		guard_orphan(guard, irq);
}

void guarded_set(struct guard *guard, const struct model *model, struct guarded *v, uint64_t now_ns)
{
	int r;

	v->retry_ns = 0;
	v->again = v->asked;
	if (v->asked || !v->target)
		return;
	r = guard->actions.set(v->irq, v->target, guard->actions.userdata);
	v->asked = r >= 0;
	if (r >= 0)
		return;
	v->error = r;
	v->restoring = false;
	guard->totals.failed++;
	guard_tell_restored(guard, model, v, r, now_ns);
}

void guard_written(struct guard *guard, const struct model *model, uint32_t irq, int error,
		   uint64_t now_ns)
{
	struct guarded *v;

	if (is_orphans(guard, irq))
		return;
	v = guard_vector(guard, irq);
	if (!v || !v->asked)
		return;
	v->asked = false;
	/* it belongs elsewhere by now, or was moved since: what comes of that is the answer */
	if (v->again) {
		guarded_set(guard, model, v, now_ns);
		return;
	}
	v->error = error;
	v->waiting = error == -EINVAL;
	if (error < 0) {
		guard->totals.failed++;
	} else if (v->restoring) {
		v->restored++;
		guard->totals.restored++;
	}
	if (error < 0 || v->restoring)
		guard_tell_restored(guard, model, v, error, now_ns);
	v->restoring = false;
}

void guarded_in_place(struct guarded *v)
{
	v->displaced = false;
	v->waiting = false;
	v->spent = false;
	v->retry_ns = 0;
	if (!v->asked)
		v->error = 0;
}

/* ---- how often ----------------------------------------------------------------------------- */

static void guarded_retry(struct guard *guard, struct guarded *v, uint64_t when_ns)
{
	v->retry_ns = when_ns;
	guard->retrying = true;
}

/* 0: it may be put back now, and that is noted; otherwise when it may. */
static uint64_t may_not_before(const struct guard *guard, struct guarded *v, uint64_t now_ns)
{
	uint64_t since;

	if (!v->restores_ns)
		v->restores_ns = calloc(GUARD_RESTORES_MAX, sizeof(*v->restores_ns));
	if (!v->restores_ns || !guard->restores)
		return now_ns + WINDOW_NS;
	if (v->n_restores >= guard->restores) {
		since = v->restores_ns[(v->n_restores - guard->restores) % GUARD_RESTORES_MAX];
		/* what is told may be a little older than what was done */
		if ((int64_t)(now_ns - since) < (int64_t)WINDOW_NS)
			return since + WINDOW_NS;
	}
	v->restores_ns[v->n_restores++ % GUARD_RESTORES_MAX] = now_ns;
	return 0;
}

void guarded_restore(struct guard *guard, const struct model *model, struct guarded *v,
		     uint64_t now_ns)
{
	uint64_t when_ns = may_not_before(guard, v, now_ns);

	if (when_ns) {
		if (!v->spent)
			guard_tell_restored(guard, model, v, -EDQUOT, now_ns);
		v->spent = true;
		guarded_retry(guard, v, when_ns);
		return;
	}
	v->spent = false;
	v->restoring = true;
	guarded_set(guard, model, v, now_ns);
}

/* ---- when ---------------------------------------------------------------------------------- */

void guard_cpu_comes(struct guard *guard, uint64_t now_ns)
{
	for (struct guarded *v = guard->vectors; v; v = v->hh.next)
		if (v->waiting && v->displaced)
			guarded_retry(guard, v, now_ns + CPU_DELAY_NS);
}

uint64_t guard_due(struct guard *guard)
{
	uint64_t due = 0;

	if (!guard->retrying)
		return 0;
	for (const struct guarded *v = guard->vectors; v; v = v->hh.next)
		if (v->retry_ns && (!due || v->retry_ns < due))
			due = v->retry_ns;
	guard->retrying = due != 0;
	return due;
}

/* What is due while the guard is off is seen to when it is on again. */
void guard_tick(struct guard *guard, const struct model *model, uint64_t now_ns)
{
	for (struct guarded *v = guard->vectors; v; v = v->hh.next) {
		if (!v->retry_ns || v->retry_ns > now_ns)
			continue;
		v->retry_ns = 0;
		if (v->displaced && guard->mode != GUARD_OFF)
			guarded_restore(guard, model, v, now_ns);
	}
}
