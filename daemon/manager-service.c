// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon as a service: as whom it runs, on which sockets it is found, and what it tells systemd
 * (sd_notify(3)). Without systemd all of this works, too; then there is nobody to tell.
 */
#include "manager-private.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include <cxlirqd/cleanup.h>

#include "activation.h"
#include "log.h"
#include "privilege.h"
#include "ring.h"

/* Signs of life in the time that systemd gives us */
#define SIGNS 4
#define BEAT_USEC 30000000ULL
/* So much more memory may lie idle than after the last look. */
#define HEAP_IDLE (1U << 20)

/* ---- as whom ------------------------------------------------------------------------------- */

static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash != path ? strndup(path, (size_t)(slash - path)) : strdup("/");
}

int manager_become_user(struct manager *m)
{
	_cleanup_free_ char *run = directory_of(m->config->socket);
	const char *state =
		m->config->store_directory[0] ? m->config->store_directory : "/var/lib/cxlirqd";
	const char *directories[] = { run, state, NULL };
	const char *user = m->config->user;
	int r;

	if (!run)
		return -ENOMEM;
	if (!user[0])
		return 0;
	r = privilege_become(user, directories);
	if (r > 0)
		log_info("running as user %s", user);
	else if (r == -ENOENT)
		log_notice("there is no user %s, staying root", user);
	else if (r == -EPERM)
		log_notice("cannot become user %s, staying root", user);
	else if (r < 0)
		log_error("cannot become user %s: %s", user, strerror(-r));
	return r == -ENOENT || r == -EPERM || r > 0 ? 0 : r;
}

/* ---- sockets ------------------------------------------------------------------------------- */

static int manager_listen_passed(struct manager *m, int fd)
{
	struct sockaddr_un address = {};
	socklen_t size = sizeof(address) - 1;
	int r;

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		address.sun_path[0] = '\0';
	r = sink_varlink_listen_fd(m->varlink, fd);
	if (r < 0) {
		log_error("cannot listen on the socket \"varlink\" that systemd passed: %s",
			  strerror(-r));
		return r;
	}
	log_info("listening on %s, which systemd holds", address.sun_path);
	return 0;
}

int manager_listen(struct manager *m)
{
	int fd = -EBADF, r = activation_take("varlink", &fd);

	if (r > 0)
		return manager_listen_passed(m, fd);
	if (r < 0)
		log_warning("cannot tell which sockets systemd passed: %s", strerror(-r));
	r = sink_varlink_listen(m->varlink, m->config->socket);
	if (r == -EADDRINUSE)
		log_error("%s: another daemon answers there", m->config->socket);
	else if (r < 0)
		log_error("cannot listen on %s: %s", m->config->socket, strerror(-r));
	else
		log_info("listening on %s", m->config->socket);
	return r;
}

/* Nobody here would ever answer on them. */
static void manager_close_untaken(void)
{
	char *name = NULL;

	while (activation_close_one(&name) > 0) {
		log_warning(
			"nothing here listens on the socket \"%s\" that systemd passed, closing it",
			name);
		free(TAKE_PTR(name));
	}
}

/* ---- signs of life ------------------------------------------------------------------------- */

/*
 * That the loop comes round is not enough: a daemon that does not read its ring is as good as dead.
 * It is read right now, whatever woke us; then it is empty, or something has come out of it since
 * the last time we looked.
 */
static bool manager_is_alive(struct manager *m)
{
	struct pollfd ring = { .events = POLLIN };
	uint64_t before = m->ring_seen;
	int enabled = SD_EVENT_OFF;

	manager_drain(m);
	if (!m->ring)
		return true;
	m->ring_seen = ring_position(m->ring);
	if (sd_event_source_get_enabled(m->ring_source, &enabled) < 0 || enabled == SD_EVENT_OFF)
		return false;
	ring.fd = ring_fd(m->ring);
	return m->ring_seen != before || poll(&ring, 1, 0) == 0;
}

static void manager_give_sign(struct manager *m)
{
	if (manager_is_alive(m))
		sd_notify(0, "WATCHDOG=1");
	else
		log_warning("the ring is not empty, and nothing comes out of it");
}

/* An answer that lists all there is takes many times its text; freed, it would stay in the heap. */
static void manager_give_back(struct manager *m)
{
	size_t idle = mallinfo2().fordblks;

	if (idle > m->heap_idle + HEAP_IDLE) {
		malloc_trim(0);
		idle = mallinfo2().fordblks;
	}
	m->heap_idle = idle;
}

static int on_beat(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	(void)usec;
	if (m->watched)
		manager_give_sign(m);
	manager_batch_end(m);
	manager_walk_if_due(m);
	manager_give_back(m);
	sd_event_source_set_time_relative(source, m->beat_usec);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

/*
 * At the priority of all others: a storm of records is no reason to be taken for dead. One timer for
 * the store's needs (retention, another try after a fault, that it is known to live), the watchdog and
 * the walk, so that a host on which nothing happens is woken twice a minute.
 */
int manager_start_beat(struct manager *m)
{
	uint64_t usec;
	int r = sd_watchdog_enabled(0, &usec);

	if (r < 0) {
		log_error("cannot give systemd's watchdog signs of life: %s", strerror(-r));
		return r;
	}
	m->watched = r > 0;
	m->beat_usec = m->watched && usec / SIGNS < BEAT_USEC ? usec / SIGNS : BEAT_USEC;
	if (m->replay && !m->watched)
		return 0;
	return sd_event_add_time_relative(m->event, &m->beat, CLOCK_MONOTONIC, m->beat_usec,
					  m->beat_usec / 10, on_beat, m);
}

/* ---- what systemd is told -------------------------------------------------------------------- */

static void manager_tell_ready(const struct manager *m)
{
	struct model_totals t;

	model_totals(m->model, &t);
	sd_notifyf(0, "READY=1\nSTATUS=%s, %llu of %llu hooks attached",
		   m->replay ? "Replaying" :
		   m->ring   ? "Tracing" :
			       "Reading sysfs",
		   (unsigned long long)t.hooks_attached,
		   (unsigned long long)(t.hooks_attached + t.hooks_missing));
}

void manager_ready(struct manager *m)
{
	manager_close_untaken();
	manager_tell_ready(m);
}

void manager_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		   (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

void manager_reloaded(const struct manager *m)
{
	manager_tell_ready(m);
}
