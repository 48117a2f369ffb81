// SPDX-License-Identifier: GPL-2.0-or-later
/* How many CPUs there can be: the kernel's own list of possible ones, "0-7" or "0-3,8-11". */
#include "cpus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>

#define CPUS_MAX 8192 /* the largest NR_CPUS of any kernel */

int cpus_read(struct cpus *ret)
{
	_cleanup_fclose_ FILE *file = fopen("/sys/devices/system/cpu/possible", "re");
	char line[4096], *last;
	unsigned long n;

	if (!file)
		return -errno;
	if (!fgets(line, sizeof(line), file))
		return -EIO;
	last = line + strcspn(line, "\n");
	*last = 0;
	while (last > line && last[-1] >= '0' && last[-1] <= '9')
		last--;
	if (!*last)
		return -EIO;
	n = strtoul(last, NULL, 10);
	if (n >= CPUS_MAX)
		return -EIO;
	ret->possible = (uint32_t)n + 1;
	return 0;
}
