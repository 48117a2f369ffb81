// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The time of day. Records have the time since boot; what makes one of the other is told with the
 * base of a trace, and again when the clock has been set: by who knows the time after the host has
 * started without it, or after suspend. The kernel tells that (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET);
 * a timer that never ends wakes nobody otherwise.
 */
#include "manager-private.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <cxlirqd/cleanup.h>

#include "log.h"
#include "probe.h"

/* The kernel takes no time of day beyond this, some 290 years. */
#define NEVER_SEC (INT64_MAX / 1000000000)
/* Less is what it takes to read two clocks, or to wake up. */
#define SET_NS 1000000
/* So much is worth a line. */
#define TOLD_NS 1000000000

int64_t manager_clock_offset_ns(void)
{
	struct timespec day, boot;

	clock_gettime(CLOCK_REALTIME, &day);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (int64_t)(day.tv_sec - boot.tv_sec) * 1000000000 + (day.tv_nsec - boot.tv_nsec);
}

static int watch(int fd)
{
	struct itimerspec never = { .it_value.tv_sec = NEVER_SEC };

	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0 ?
		       -errno :
		       0;
}

static void manager_take_offset(struct manager *m)
{
	int64_t offset_ns = manager_clock_offset_ns(), by_ns = offset_ns - m->realtime_offset_ns;

	if (by_ns > -SET_NS && by_ns < SET_NS)
		return;
	/* what has happened before still has the time that it was then */
	manager_drain(m);
	m->realtime_offset_ns = offset_ns;
	probe_describe_base(m->probe, manager_now_ns(), offset_ns, manager_feed, m);
	if (by_ns <= -TOLD_NS || by_ns >= TOLD_NS)
		log_notice("the clock was set by %+.3f s", (double)by_ns / 1e9);
}

static int on_clock(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct manager *m = userdata;
	uint64_t expirations;
	int r;

	(void)events;
	if (read(fd, &expirations, sizeof(expirations)) < 0 && errno == EAGAIN)
		return 0;
	/* before the offset is read: what is set from here on wakes us again */
	r = watch(fd);
	manager_take_offset(m);
	if (r < 0) {
		log_warning("the clock cannot be watched any more: %s", strerror(-r));
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	return 0;
}

void manager_watch_clock(struct manager *m)
{
	_cleanup_close_ int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	int r = fd < 0 ? -errno : watch(fd);

	if (r >= 0)
		r = sd_event_add_io(m->event, &m->clock, fd, EPOLLIN, on_clock, m);
	if (r >= 0)
		r = sd_event_source_set_io_fd_own(m->clock, true);
	if (r < 0) {
		log_warning("the clock cannot be watched, times are wrong once it is set: %s",
			    strerror(-r));
		return;
	}
	TAKE_FD(fd);
	manager_take_offset(m);
}
