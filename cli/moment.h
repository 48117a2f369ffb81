/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A moment as people write it, in the words of systemd.time(7) that journalctl users know. */
#ifndef CXLIRQCTL_MOMENT_H
#define CXLIRQCTL_MOMENT_H

#include <stdint.h>

#define MOMENT_WORDS                                                                               \
	"a time: YYYY-MM-DD [HH:MM[:SS]], HH:MM[:SS], now, today, yesterday, -1h, '2 days ago' "   \
	"or @SECONDS"

/* Microseconds since the epoch; local time. -EINVAL: @text is no moment. */
int moment_parse(const char *text, int64_t now_us, int64_t *ret_us);

#endif
