/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a process may ask of the kernel: seccomp(2). Does not log. */
#ifndef CXLIRQD_CONFINE_H
#define CXLIRQD_CONFINE_H

/*
 * From now on this thread may open files for reading, read them, and speak over the sockets that it
 * has; all else fails with EPERM. Takes no_new_privs, or CAP_SYS_ADMIN. -EOPNOTSUPP: the filter is
 * not written for this architecture, or the kernel has none; other negative errno.
 */
int confine_to_reading(void);

/*
 * The same with files that are there already, to be opened for writing and nothing else, and with
 * connections that come over a listening socket.
 */
int confine_to_writing(void);

#endif
