/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard in the kernel: a BPF-LSM program (bpf/guard.bpf.c) that looks at each write to a file,
 * and refuses those to /proc/irq/N/smp_affinity and smp_affinity_list of protected interrupts. It is
 * loaded as long as this object lives, and no longer, unless it is pinned.
 *
 * None of the functions logs; where @reason is asked for, it is for people.
 */
#ifndef CXLIRQD_GUARD_HOOK_H
#define CXLIRQD_GUARD_HOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/program.h>

#include "guard-mode.h"

#define GUARD_REASON_MAX 192
/* More interrupts than these cannot be protected at the same time. */
#define GUARD_PROTECTED_MAX 65536

struct guard_hook;

/*
 * Whether this kernel would run such a program: BPF-LSM is built in, and active (lsm=). Loads
 * nothing. 0, or -EOPNOTSUPP with @reason.
 */
int guard_hook_probe(char reason[static GUARD_REASON_MAX]);

/*
 * Loads and attaches; nothing is protected yet. Finds out by a write of its own that the program
 * does run. @ring_fd: the map that takes its records, borrowed. @pins: a directory on bpffs that is
 * the caller's; there the link will outlive the daemon, once guard_hook_commit() was called. NULL: it
 * ends with the object. -EOPNOTSUPP: it would never run; any other negative errno. @reason is set on
 * each of them.
 *
 * What a daemon before this one has pinned goes on until guard_hook_commit(), or without @pins
 * guard_hook_release(): set the mode and protect all interrupts first, and there is no moment in which
 * one is not protected. Until then that one denies by its own knobs (this process is no exception), and
 * this one, with @pins, does not tell what it does not deny, which would be told twice.
 */
int guard_hook_new(int ring_fd, const char *pins, struct guard_hook **ret,
		   char reason[static GUARD_REASON_MAX]);
/*
 * Pins it as "guard", in the place of what was there. Nothing to do without @pins, or a second time.
 * Negative errno.
 */
int guard_hook_commit(struct guard_hook *hook);
/* Detaches; what is pinned stays. Takes NULL, returns NULL. */
struct guard_hook *guard_hook_free(struct guard_hook *hook);
DEFINE_CLEANUP(struct guard_hook *, guard_hook_free);

/*
 * Removes what is pinned as "guard" in @pins; with that the last denial is gone, if no object of this
 * process holds it. -ENOENT: nothing was.
 */
int guard_hook_release(const char *pins);

/* GUARD_OFF is as GUARD_AUDIT: who wants it off frees the object. */
void guard_hook_set_mode(struct guard_hook *hook, enum guard_mode mode);
/* /proc/irq/default_smp_affinity, too */
void guard_hook_protect_default(struct guard_hook *hook, bool protect);
/* -E2BIG: GUARD_PROTECTED_MAX are; -ENOMEM. Twice the same is no error. */
int guard_hook_protect(struct guard_hook *hook, uint32_t irq, bool protect);
/* A process besides this one that may write; 0: none. */
void guard_hook_exempt(struct guard_hook *hook, pid_t pid);

void guard_hook_stats(const struct guard_hook *hook, struct guard_stats *ret);

#endif
