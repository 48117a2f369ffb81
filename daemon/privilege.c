// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Capabilities, by libcap. What is kept to the end: CAP_BPF and CAP_PERFMON, without which the
 * snapshot program could not be run again and the counters of the programs not be read. CAP_PERFMON
 * also opens counters of CXL PMUs, which come and go, and are asked for, at any time. Loading,
 * attaching and looking up symbols, which want more, are over by then.
 *
 * The daemon is started with its capabilities either as another user, who has them as ambient ones
 * (the unit), or as root. Only root has CAP_SETPCAP, which it takes to empty the bounding set and to
 * set secure bits. Without it that set stays as the unit made it, which is of no use to anybody:
 * nothing is inheritable or ambient, no_new_privs makes execve(2) blind to capabilities of files and
 * to set-uid bits, and the user is not root.
 *
 * What the kernel says in /proc is believed, not what the calls returned: capabilities belong to
 * threads, and libcap changes those of the calling one.
 */
#include "privilege.h"

#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cxlirqd/cleanup.h>

/*
 * SYSLOG is for the kernel's symbols, DAC_READ_SEARCH for the way into /sys/fs/bpf, and SYS_ADMIN for
 * the process that reads config space. As in the unit.
 */
static const cap_value_t starting[] = { CAP_BPF, CAP_PERFMON, CAP_SYSLOG, CAP_DAC_READ_SEARCH,
					CAP_SYS_ADMIN };
static const cap_value_t serving[] = { CAP_BPF, CAP_PERFMON };

#define N(array) (sizeof(array) / sizeof(*(array)))
#define GROUPS_MAX 64
#define ENTRY_MAX (64U << 10) /* of the user's entry, with all its strings */

/* root's uid gives nothing, and nothing brings capabilities along or back */
#define SECURE_BITS                                                                                \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                           \
	 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |                             \
	 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED | SECBIT_KEEP_CAPS_LOCKED)

static void cap_freep(cap_t *caps)
{
	if (*caps)
		cap_free(*caps);
}

static int has(cap_value_t value, bool *ret)
{
	_cleanup_(cap_freep) cap_t now = cap_get_proc();
	cap_flag_value_t set;

	if (!now || cap_get_flag(now, value, CAP_PERMITTED, &set) < 0)
		return -errno;
	*ret = set == CAP_SET;
	return 0;
}

/* Permitted and effective are those of @kept that are permitted now; nothing is inheritable. */
static int set_only(const cap_value_t *kept, size_t n, uint64_t *ret_mask)
{
	_cleanup_(cap_freep) cap_t after = cap_init();
	uint64_t mask = 0;

	if (!after)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		bool permitted = false;
		int r = has(kept[i], &permitted);

		if (r < 0)
			return r;
		if (!permitted)
			continue;
		if (cap_set_flag(after, CAP_PERMITTED, 1, &kept[i], CAP_SET) < 0 ||
		    cap_set_flag(after, CAP_EFFECTIVE, 1, &kept[i], CAP_SET) < 0)
			return -errno;
		mask |= 1ULL << kept[i];
	}
	if (cap_set_proc(after) < 0)
		return -errno;
	*ret_mask = mask;
	return 0;
}

static bool is_among(cap_value_t value, const cap_value_t *kept, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (kept[i] == value)
			return true;
	return false;
}

/* Takes CAP_SETPCAP. */
static int bound(const cap_value_t *kept, size_t n)
{
	for (cap_value_t value = 0; CAP_IS_SUPPORTED(value); value++)
		if (!is_among(value, kept, n) && cap_drop_bound(value) < 0)
			return -errno;
	return 0;
}

/* ---- reading back -------------------------------------------------------------------------- */

/*
 * "CapPrm:\t000000c000000000": the only form there is. A line that is missing fails, too: what
 * cannot be read back has not been verified.
 */
static int read_mask(const char *status, const char *key, uint64_t *ret)
{
	const char *line = strstr(status, key);

	return line && sscanf(line + strlen(key), " %" SCNx64, ret) == 1 ? 0 : -EBADMSG;
}

static int verify_thread(const char *path, uint64_t mask, bool bounded)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	uint64_t permitted, effective, inheritable, ambient, bounding, no_new_privileges;
	char status[8192];

	if (!file)
		return errno == ENOENT ? 0 : -errno; /* it has ended */
	status[fread(status, 1, sizeof(status) - 1, file)] = '\0';
	if (read_mask(status, "\nCapPrm:", &permitted) < 0 ||
	    read_mask(status, "\nCapEff:", &effective) < 0 ||
	    read_mask(status, "\nCapInh:", &inheritable) < 0 ||
	    read_mask(status, "\nCapAmb:", &ambient) < 0 ||
	    read_mask(status, "\nCapBnd:", &bounding) < 0 ||
	    read_mask(status, "\nNoNewPrivs:", &no_new_privileges) < 0)
		return -EBADMSG;
	if (permitted != mask || effective != mask || inheritable || ambient ||
	    no_new_privileges != 1 || (bounded && bounding & ~mask))
		return -EPERM;
	return 0;
}

static int verify(uint64_t mask, bool bounded)
{
	glob_t threads = {};
	int r = -ENODATA;

	if (!glob("/proc/self/task/*/status", GLOB_NOSORT, NULL, &threads)) {
		r = 0;
		for (size_t i = 0; i < threads.gl_pathc && r >= 0; i++)
			r = verify_thread(threads.gl_pathv[i], mask, bounded);
	}
	globfree(&threads);
	return r;
}

int privilege_keep(const cap_value_t *kept, size_t n)
{
	uint64_t mask = 0;
	bool may_bound = false;
	int r = has(CAP_SETPCAP, &may_bound);

	if (r < 0)
		return r;
	/* not even a set-uid program may bring back what is dropped here */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (may_bound) {
		r = bound(kept, n);
		if (r >= 0 && cap_set_secbits(SECURE_BITS) < 0)
			r = -errno;
		if (r < 0)
			return r;
	}
	if (cap_reset_ambient() < 0)
		return -errno;
	r = set_only(kept, n, &mask);
	return r < 0 ? r : verify(mask, may_bound);
}

int privilege_drop(void)
{
	return privilege_keep(serving, N(serving));
}

/* ---- another user ---------------------------------------------------------------------------- */

struct user {
	uid_t uid;
	gid_t gid;
	gid_t groups[GROUPS_MAX];
	int n_groups;
};

static int find_user(const char *name, struct user *ret)
{
	_cleanup_free_ char *buffer = malloc(ENTRY_MAX);
	struct passwd entry, *found = NULL;
	struct user user = { .n_groups = GROUPS_MAX };
	int error;

	if (!buffer)
		return -ENOMEM;
	error = getpwnam_r(name, &entry, buffer, ENTRY_MAX, &found);
	if (!found)
		return error && error != ESRCH && error != EPERM ? -error : -ENOENT;
	user.uid = entry.pw_uid;
	user.gid = entry.pw_gid;
	if (getgrouplist(name, user.gid, user.groups, &user.n_groups) < 0)
		return -E2BIG;
	*ret = user;
	return 0;
}

static void give(const char *path, const struct user *user)
{
	struct stat st;

	if (lstat(path, &st) < 0 || st.st_uid != 0 || S_ISLNK(st.st_mode))
		return;
	if (lchown(path, user->uid, user->gid) < 0)
		return;
}

/*
 * What is there already keeps its owner, for it may hold more than ours. But in a directory of
 * root's that has the user's name is what the daemon left when there was no such user yet.
 * An error is for whoever wants to use the directory.
 */
static void make_directory(const char *path, const char *name, const struct user *user)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *pattern = NULL;
	glob_t found = {};

	if (mkdir(path, 0755) < 0 && (errno != EEXIST || !slash || strcmp(slash + 1, name)))
		return;
	if (asprintf(&pattern, "%s/*", path) < 0) {
		pattern = NULL;
		return;
	}
	give(path, user);
	if (!glob(pattern, GLOB_NOSORT, NULL, &found))
		for (size_t i = 0; i < found.gl_pathc; i++)
			give(found.gl_pathv[i], user);
	globfree(&found);
}

int privilege_become(const char *name, const char *const directories[])
{
	struct user user;
	uint64_t mask;
	bool may_bound = false;
	int r;

	if (geteuid() != 0)
		return 0;
	r = find_user(name, &user);
	if (r >= 0)
		r = has(CAP_SETPCAP, &may_bound);
	if (r < 0)
		return r;
	for (; *directories; directories++)
		make_directory(*directories, name, &user);
	/* first, for libcap leaves nothing effective behind the next two */
	r = may_bound ? bound(starting, N(starting)) : 0;
	if (r < 0)
		return r;
	if (cap_setgroups(user.gid, (size_t)user.n_groups, user.groups) < 0)
		return -errno;
	/* what is permitted stays so this once */
	if (cap_setuid(user.uid) < 0)
		return errno == EPERM ? -EACCES : -errno;
	r = set_only(starting, N(starting), &mask);
	if (r < 0)
		return r;
	return geteuid() == user.uid && getuid() == user.uid && getegid() == user.gid ? 1 : -EACCES;
}
