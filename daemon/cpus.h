/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CXLIRQD_CPUS_H
#define CXLIRQD_CPUS_H

#include <stdint.h>

/* CPU numbers of this machine */
struct cpus {
	uint32_t possible; /* one more than the highest: how many bits a kernel mask has */
};

/* Reads /sys/devices/system/cpu/possible. -EIO if that makes no sense, or errno of the read. */
int cpus_read(struct cpus *ret);

#endif
