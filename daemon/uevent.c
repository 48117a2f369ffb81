// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's own uevents, not udev's: sd_device_monitor passes on what udevd has processed, so
 * without udevd (initramfs, containers) it stays silent; and what udev adds is of no use here.
 *
 * A driver that binds makes some ten uevents within milliseconds, so the devices they name are
 * gathered and told a moment after the first of them. The moment does not start anew with each
 * uevent: a storm would put it off for ever.
 */
#include "uevent.h"

#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#define SETTLE_USEC 100000ULL
#define BATCH 128 /* messages taken before other sources get their turn */
#define RCVBUF_BYTES (1 << 20)
#define MESSAGE_BYTES 8192 /* the kernel's own limit is some 2.5 KiB */
#define GROUP_KERNEL 1U /* 2 is udevd's */

struct uevent_monitor {
	struct uevent_handler handler;
	struct uevent_counters counters;
	int fd;
	sd_event_source *io;
	sd_event_source *timer;
	char *pending[UEVENT_PENDING_MAX];
	unsigned int n_pending;
	bool anything;
};

int uevent_parse(const char *message, size_t size, struct uevent *ret)
{
	struct uevent uevent = {};
	size_t length;

	if (size == 0 || message[size - 1] != '\0' || !strstr(message, "@/"))
		return -EBADMSG;
	for (size_t at = strlen(message) + 1; at < size; at += length + 1) {
		const char *field = message + at;

		length = strlen(field);
		if (strncmp(field, "DEVPATH=", 8) == 0)
			uevent.devpath = field + 8;
		else if (strncmp(field, "SUBSYSTEM=", 10) == 0)
			uevent.subsystem = field + 10;
	}
	if (!uevent.devpath || uevent.devpath[0] != '/' || !uevent.subsystem)
		return -EBADMSG;
	*ret = uevent;
	return 0;
}

static bool is_wanted(const struct uevent_monitor *m, const char *subsystem)
{
	for (const char *const *s = m->handler.subsystems; *s; s++)
		if (strcmp(*s, subsystem) == 0)
			return true;
	return false;
}

static void arm(struct uevent_monitor *m)
{
	int enabled;

	if (sd_event_source_get_enabled(m->timer, &enabled) >= 0 && enabled != SD_EVENT_OFF)
		return;
	sd_event_source_set_time_relative(m->timer, SETTLE_USEC);
	sd_event_source_set_enabled(m->timer, SD_EVENT_ONESHOT);
}

static void gather_anything(struct uevent_monitor *m)
{
	m->anything = true;
	arm(m);
}

static void gather(struct uevent_monitor *m, const char *devpath)
{
	char *copy = NULL;

	arm(m);
	for (unsigned int i = 0; i < m->n_pending; i++)
		if (strcmp(m->pending[i], devpath) == 0)
			return;
	if (m->n_pending < UEVENT_PENDING_MAX)
		copy = strdup(devpath);
	if (copy) {
		m->pending[m->n_pending++] = copy;
		return;
	}
	m->counters.lost++;
	m->anything = true;
}

/* Takes one message. 0: there was none. */
static int receive(struct uevent_monitor *m)
{
	char buffer[MESSAGE_BYTES];
	struct sockaddr_nl sender = {};
	struct iovec iov = { buffer, sizeof(buffer) };
	struct msghdr msg = {
		.msg_name = &sender,
		.msg_namelen = sizeof(sender),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	struct uevent uevent;
	ssize_t n;

	n = recvmsg(m->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	/* A process with CAP_NET_ADMIN can send here too, but not with the kernel's address. */
	if ((msg.msg_flags & MSG_TRUNC) || sender.nl_pid != 0 ||
	    uevent_parse(buffer, (size_t)n, &uevent) < 0) {
		m->counters.malformed++;
		return 1;
	}
	if (is_wanted(m, uevent.subsystem)) {
		m->counters.received++;
		gather(m, uevent.devpath);
	}
	return 1;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct uevent_monitor *m = userdata;
	int r;

	(void)source, (void)fd, (void)revents;
	for (int i = 0; i < BATCH; i++) {
		r = receive(m);
		if (r == -ENOBUFS) {
			m->counters.lost++;
			gather_anything(m);
		} else if (r < 0 && r != -EINTR) {
			break;
		}
	}
	return 0;
}

void uevent_monitor_touch(struct uevent_monitor *m, const char *devpath)
{
	gather(m, devpath);
}

void uevent_monitor_settle(struct uevent_monitor *m)
{
	char *pending[UEVENT_PENDING_MAX];
	bool anything = m->anything;
	unsigned int n = m->n_pending;

	if (!anything && !n)
		return;
	sd_event_source_set_enabled(m->timer, SD_EVENT_OFF);
	/* What is told may touch a device: that belongs to the next burst. */
	memcpy(pending, m->pending, n * sizeof(*pending));
	m->anything = false;
	m->n_pending = 0;
	if (anything)
		m->handler.changed(NULL, m->handler.userdata);
	for (unsigned int i = 0; i < n; i++) {
		_cleanup_free_ char *devpath = pending[i];

		if (!anything)
			m->handler.changed(devpath, m->handler.userdata);
	}
	if (m->handler.settled)
		m->handler.settled(m->handler.userdata);
}

static int on_settled(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source, (void)usec;
	uevent_monitor_settle(userdata);
	return 0;
}

static int listen_on(int *ret)
{
	_cleanup_close_ int fd = -EBADF;
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = GROUP_KERNEL };
	const int bytes = RCVBUF_BYTES;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (fd < 0)
		return -errno;
	/* Past the system's limit where that is allowed; else what is lost is at least noticed. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret = TAKE_FD(fd);
	return 0;
}

int uevent_monitor_new(sd_event *event, const struct uevent_handler *handler,
		       struct uevent_monitor **ret)
{
	_cleanup_(uevent_monitor_freep) struct uevent_monitor *m = NULL;
	int r;

	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->fd = -EBADF;
	m->handler = *handler;
	r = listen_on(&m->fd);
	if (r < 0)
		return r;
	r = sd_event_add_io(event, &m->io, m->fd, EPOLLIN, on_readable, m);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(event, &m->timer, CLOCK_MONOTONIC, SETTLE_USEC, 0,
				       on_settled, m);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(m->timer, SD_EVENT_OFF);
	if (r < 0)
		return r;
	(void)sd_event_source_set_description(m->io, "uevent");
	(void)sd_event_source_set_description(m->timer, "uevent-settle");
	*ret = TAKE_PTR(m);
	return 0;
}

struct uevent_monitor *uevent_monitor_free(struct uevent_monitor *m)
{
	if (!m)
		return NULL;
	sd_event_source_disable_unref(m->timer);
	sd_event_source_disable_unref(m->io);
	closep(&m->fd);
	for (unsigned int i = 0; i < m->n_pending; i++)
		free(m->pending[i]);
	free(m);
	return NULL;
}

const struct uevent_counters *uevent_monitor_counters(const struct uevent_monitor *m)
{
	return &m->counters;
}
