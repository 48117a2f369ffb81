/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What manager-guard.c and manager-guard-policies.c share; for no one else. */
#include "manager-private.h"

#include "guard-hook.h"

struct manager_guard {
	struct guard *guard;
	struct guard_hook *hook; /* NULL: nothing to protect, or this kernel does not do it */
	struct affinity_writer *writer; /* NULL: nobody can set an affinity, for writer_error */
	int writer_error;
	pid_t writer_pid;
	bool persists; /* the program was loaded so */
	sd_event_source *timer;
	uint64_t timer_ns;
	uint64_t walks; /* all vectors have been looked at after so many */
	uint64_t lost; /* records that found no room, of programs that are gone */
	char *directory;
	/* why writes cannot be denied; "": they can, or need not be */
	char reason[GUARD_REASON_MAX];
};

/*
 * The program in the kernel as @mode and the policies want it: loaded, told, removed. Negative errno:
 * it is not there, and guard->reason says why.
 */
int manager_guard_apply_to_kernel(struct manager *m, enum guard_mode mode);

/* The same, and the guard takes @mode as it has become. */
int manager_guard_apply(struct manager *m, enum guard_mode mode);

/* -EOPNOTSUPP: no program can be loaded, and guard->reason says why. */
int manager_guard_check_tracing(struct manager *m);

/* The event "guard-policy": @policy and @who may be NULL. */
void manager_guard_tell(struct manager *m, const char *action, const struct guard_policy *policy,
			const struct guard_who *who);

/* Policies and mode to their file; negative errno, which has been logged. */
int manager_guard_save(struct manager *m);

/*
 * Policies from their file; returns the mode. What somebody set over the socket lasts until that is
 * set again, or the settings have another value than they had then: @ret_outdated.
 */
enum guard_mode manager_guard_restore(struct manager *m, bool *ret_outdated);

/* [Guard] Protect= */
void manager_guard_add_configured(struct manager *m);
void manager_guard_remove_configured(struct manager *m);
