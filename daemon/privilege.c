// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What stays: CAP_BPF and CAP_PERFMON, without which the snapshot program could not be run again
 * and the counters of the programs not be read. CAP_PERFMON also opens counters of CXL PMUs, which
 * come and go, and are asked for, at any time. Loading, attaching and looking up symbols, which
 * want more, are over by then.
 */
#include "privilege.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include <cxlirqd/cleanup.h>

static const cap_value_t kept[] = { CAP_BPF, CAP_PERFMON };
#define N_KEPT ((int)(sizeof(kept) / sizeof(*kept)))

static void cap_freep(cap_t *caps)
{
	if (*caps)
		cap_free(*caps);
}

static bool is_kept(cap_value_t value)
{
	for (int i = 0; i < N_KEPT; i++)
		if (kept[i] == value)
			return true;
	return false;
}

/* Only what is kept and was there may be left, in any set. */
static int verify(void)
{
	_cleanup_(cap_freep) cap_t now = cap_get_proc();
	cap_flag_value_t set;

	if (!now)
		return -errno;
	for (cap_value_t value = 0; value <= cap_max_bits(); value++) {
		if (is_kept(value) || !CAP_IS_SUPPORTED(value))
			continue;
		for (cap_flag_t flag = CAP_EFFECTIVE; flag <= CAP_INHERITABLE; flag++)
			if (cap_get_flag(now, value, flag, &set) < 0 || set == CAP_SET)
				return -EPERM;
	}
	return 0;
}

int privilege_drop(void)
{
	_cleanup_(cap_freep) cap_t before = cap_get_proc(), after = cap_init();
	cap_flag_value_t set;

	if (!before || !after)
		return -ENOMEM;
	for (int i = 0; i < N_KEPT; i++) {
		if (cap_get_flag(before, kept[i], CAP_PERMITTED, &set) < 0)
			return -errno;
		if (set == CAP_SET &&
		    (cap_set_flag(after, CAP_PERMITTED, 1, &kept[i], CAP_SET) < 0 ||
		     cap_set_flag(after, CAP_EFFECTIVE, 1, &kept[i], CAP_SET) < 0))
			return -errno;
	}
	/* not even a set-uid program may bring back what is dropped here */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (cap_set_proc(after) < 0)
		return -errno;
	return verify();
}
