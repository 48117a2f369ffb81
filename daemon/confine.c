// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A seccomp filter: a list of system calls, by number, for one architecture. A call that is not on
 * it fails instead of killing, for a C library may try a newer call first, and has an older one.
 *
 * It stands besides the unit's SystemCallFilter=, which is for the daemon as a whole, and is there
 * also when no systemd has started it.
 */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cxlirqd/cleanup.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* Files, memory, the socket, and the end; where a file system call has two names, both. */
static const uint32_t allowed[] = {
	SYS_read,	  SYS_pread64,	    SYS_readv,		SYS_close,
	SYS_lseek,	  SYS_fstat,	    SYS_newfstatat,	SYS_statx,
	SYS_getdents64,	  SYS_readlinkat,   SYS_fcntl,		SYS_brk,
	SYS_mmap,	  SYS_munmap,	    SYS_mremap,		SYS_madvise,
	SYS_futex,	  SYS_recvfrom,	    SYS_recvmsg,	SYS_sendto,
	SYS_sendmsg,	  SYS_write,	    SYS_getpid,		SYS_gettid,
	SYS_rt_sigreturn, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_clock_gettime,
	SYS_getrandom,	  SYS_exit,	    SYS_exit_group,	SYS_restart_syscall,
	SYS_sigaltstack,
#ifdef __x86_64__
	SYS_readlink,	  SYS_stat,	    SYS_lstat,		SYS_access,
#endif
};
#define N_ALLOWED (sizeof(allowed) / sizeof(*allowed))

#define DATA(field) ((uint32_t)offsetof(struct seccomp_data, field))
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(field))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define DENY (SECCOMP_RET_ERRNO | EPERM)

/* The lower half of an argument; both machines are little-endian. */
#define OPEN_CHECKS(number, argument)                                                              \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 4), LOAD(args[argument]),                 \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, 0,  \
			 1),                                                                       \
		RETURN(DENY), RETURN(SECCOMP_RET_ALLOW)

int confine_to_reading(void)
{
#ifndef ARCHITECTURE
	return -EOPNOTSUPP;
#else
	static const struct sock_filter head[] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		OPEN_CHECKS(SYS_openat, 2),
#ifdef SYS_open
		OPEN_CHECKS(SYS_open, 1),
#endif
	};
	struct sock_filter filter[sizeof(head) / sizeof(*head) + 2 * N_ALLOWED + 1];
	struct sock_fprog program = { .filter = filter };
	size_t n = 0;

	for (; n < sizeof(head) / sizeof(*head); n++)
		filter[n] = head[n];
	for (size_t i = 0; i < N_ALLOWED; i++) {
		filter[n++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], 0, 1);
		filter[n++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
	}
	filter[n++] = (struct sock_filter)RETURN(DENY);
	program.len = (unsigned short)n;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0)
		return 0;
	/* a kernel without seccomp filters */
	return errno == EINVAL ? -EOPNOTSUPP : -errno;
#endif
}
