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

struct purpose {
	const uint32_t *calls;
	size_t n;
	uint32_t mask,
		flags; /* of a file that is opened: what of its flags is looked at, and must be so */
};

/* Memory, sockets that are there, and the end */
static const uint32_t common[] = {
	SYS_close,	    SYS_fcntl,	      SYS_brk,
	SYS_mmap,	    SYS_munmap,	      SYS_mremap,
	SYS_madvise,	    SYS_futex,	      SYS_recvfrom,
	SYS_recvmsg,	    SYS_sendto,	      SYS_sendmsg,
	SYS_write,	    SYS_getpid,	      SYS_gettid,
	SYS_clock_gettime,  SYS_rt_sigreturn, SYS_rt_sigaction,
	SYS_rt_sigprocmask, SYS_sigaltstack,  SYS_getrandom,
	SYS_exit,	    SYS_exit_group,   SYS_restart_syscall,
};

/* Where a system call has two names, both. */
static const uint32_t reading_calls[] = {
	SYS_read,	SYS_pread64, SYS_readv,	     SYS_lseek,	     SYS_fstat,
	SYS_newfstatat, SYS_statx,   SYS_getdents64, SYS_readlinkat,
#ifdef __x86_64__
	SYS_readlink,	SYS_stat,    SYS_lstat,	     SYS_access,
#endif
};

static const uint32_t writing_calls[] = {
	SYS_accept4,
	SYS_getsockopt,
	SYS_ppoll,
#ifdef __x86_64__
	SYS_poll,
#endif
};

#define N(array) (sizeof(array) / sizeof(*(array)))
#define CHANGES (O_CREAT | O_TRUNC | O_APPEND)

static const struct purpose reading = { reading_calls, N(reading_calls), O_ACCMODE | CHANGES,
					O_RDONLY };
/* O_TMPFILE, which makes a file without O_CREAT, is for writing only, and O_DIRECTORY a part of it. */
static const struct purpose writing = { writing_calls, N(writing_calls),
					O_ACCMODE | CHANGES | O_TMPFILE, O_WRONLY };

#define FILTER_MAX 128

#define DATA(field) ((uint32_t)offsetof(struct seccomp_data, field))
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(field))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define DENY (SECCOMP_RET_ERRNO | EPERM)

/* The lower half of an argument; both machines are little-endian. */
#define OPEN_CHECKS(number, argument, purpose)                                                     \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 5), LOAD(args[argument]),                 \
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (purpose)->mask),                              \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (purpose)->flags, 1, 0), RETURN(DENY),         \
		RETURN(SECCOMP_RET_ALLOW)

#ifdef ARCHITECTURE
static void allow(struct sock_filter *filter, size_t *n, const uint32_t *calls, size_t n_calls)
{
	for (size_t i = 0; i < n_calls; i++) {
		filter[(*n)++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
		filter[(*n)++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
	}
}
#endif

static int confine(const struct purpose *purpose)
{
#ifndef ARCHITECTURE
	(void)purpose;
	return -EOPNOTSUPP;
#else
	const struct sock_filter head[] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		OPEN_CHECKS(SYS_openat, 2, purpose),
#ifdef SYS_open
		OPEN_CHECKS(SYS_open, 1, purpose),
#endif
	};
	struct sock_filter filter[FILTER_MAX];
	struct sock_fprog program = { .filter = filter };
	size_t n = 0;

	_Static_assert(N(head) + 2 * (N(common) + N(reading_calls) + N(writing_calls)) < FILTER_MAX,
		       "the longest filter fits");
	for (; n < N(head); n++)
		filter[n] = head[n];
	allow(filter, &n, common, N(common));
	allow(filter, &n, purpose->calls, purpose->n);
	filter[n++] = (struct sock_filter)RETURN(DENY);
	program.len = (unsigned short)n;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0)
		return 0;
	/* a kernel without seccomp filters */
	return errno == EINVAL ? -EOPNOTSUPP : -errno;
#endif
}

int confine_to_reading(void)
{
	return confine(&reading);
}

int confine_to_writing(void)
{
	return confine(&writing);
}
