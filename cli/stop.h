/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a verb that goes on by itself is to end: by a signal, or after a time. */
#ifndef CXLIRQCTL_STOP_H
#define CXLIRQCTL_STOP_H

#include <stdint.h>

/*
 * A signalfd that is readable once it is time to stop: SIGINT, SIGTERM, or @duration_us later; 0:
 * never by itself. The signals are blocked from then on. -1 and errno.
 */
int stop_fd(uint64_t duration_us);

#endif
