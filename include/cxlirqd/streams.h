/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Standard streams that whoever started us has closed. A socket or a file that took the place of one
 * would get what is meant for people.
 */
#ifndef CXLIRQD_STREAMS_H
#define CXLIRQD_STREAMS_H

#include <fcntl.h>
#include <unistd.h>

/* Before anything else is opened. What is printed has nowhere to go then, and a write is to say so. */
static inline void streams_open(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR);
}

#endif
