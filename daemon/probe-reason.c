// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Why a kernel gives less than it could. An errno says no more than that it refused; what an
 * administrator has set, and might set otherwise, is read from where it was set.
 */
#include "probe-private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>

#include <cxlirqd/cleanup.h>

#define LOCKDOWN "/sys/kernel/security/lockdown"
#define KPTR_RESTRICT "/proc/sys/kernel/kptr_restrict"

/* The file's first line; "" if there is none */
static void read_line(const char *path, char *line, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	line[0] = '\0';
	if (file && !fgets(line, (int)size, file))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

static bool is_capable(cap_value_t value)
{
	cap_t now = cap_get_proc();
	cap_flag_value_t set = CAP_CLEAR;

	if (now && cap_get_flag(now, value, CAP_EFFECTIVE, &set) < 0)
		set = CAP_CLEAR;
	if (now)
		cap_free(now);
	return set == CAP_SET;
}

const char *probe_reason_load(int error)
{
	char lockdown[128];

	/* "none integrity [confidentiality]"; the errno is the one of a helper that is not there */
	read_line(LOCKDOWN, lockdown, sizeof(lockdown));
	if (strstr(lockdown, "[confidentiality]"))
		return "lockdown=confidentiality forbids tracing programs";
	if (error == -EPERM && !is_capable(CAP_SYS_ADMIN) &&
	    !(is_capable(CAP_BPF) && is_capable(CAP_PERFMON)))
		return "tracing programs take CAP_BPF and CAP_PERFMON";
	return "the kernel refused to load tracing programs";
}

const char *probe_reason_symbols(void)
{
	char restricted[16];

	read_line(KPTR_RESTRICT, restricted, sizeof(restricted));
	return strcmp(restricted, "2") ?
		       "the kernel does not tell its symbols (kptr_restrict, KALLSYMS_ALL)" :
		       "the kernel does not tell its symbols: kptr_restrict=2";
}
