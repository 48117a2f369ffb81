// SPDX-License-Identifier: GPL-2.0-or-later
/* One descriptor for signals and time alike, so that a stream has one thing to watch. */
#include "stop.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <sys/time.h>

#define USEC_PER_SEC 1000000

int stop_fd(uint64_t duration_us)
{
	const struct itimerval duration = {
		.it_value.tv_sec = (time_t)(duration_us / USEC_PER_SEC),
		.it_value.tv_usec = (suseconds_t)(duration_us % USEC_PER_SEC),
	};
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGALRM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	setitimer(ITIMER_REAL, &duration, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}
