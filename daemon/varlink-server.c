// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The sockets of a varlink server.
 *
 * A peer has one call at a time. While that is unanswered, or the answer has not left yet, nothing
 * more is read from it: who sends many calls and reads no answers is held by its own socket buffer,
 * not by our memory. Only streams can outrun their reader; varlink-call.c bounds their queue.
 *
 * Calls are started, and peers closed, by a deferred event source, the peer's turn: one message a
 * turn, so that no peer keeps the loop for itself, and never from inside a varlink_call_*()
 * function, so that the daemon may notify its subscribers without one vanishing under its hands.
 *
 * Handlers of event sources return 0 whatever happens: sd-event turns a source off that fails.
 */
#include "varlink-server.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

/* Also keeps accept() from spinning when it fails for want of file descriptors. */
#define ACCEPT_INTERVAL_US 100000
#define ACCEPT_BURST 100

static bool peer_idle(struct varlink_peer *peer)
{
	return !peer->closing && !peer->call && varlink_wire_queued(&peer->wire) == 0;
}

void varlink_peer_update(struct varlink_peer *peer)
{
	bool has_message = varlink_wire_has_message(&peer->wire);
	bool idle = peer_idle(peer);
	uint32_t events = 0;

	if (idle && !has_message)
		events |= EPOLLIN;
	if (varlink_wire_queued(&peer->wire) > 0)
		events |= EPOLLOUT;
	if (sd_event_source_set_io_events(peer->io, events) < 0)
		peer->closing = true;
	if (peer->closing || (idle && has_message))
		(void)sd_event_source_set_enabled(peer->turn, SD_EVENT_ONESHOT);
}

void varlink_peer_close(struct varlink_peer *peer)
{
	peer->closing = true;
	varlink_peer_update(peer);
}

int varlink_peer_send(struct varlink_peer *peer, const json_t *message)
{
	int r;

	if (peer->closing)
		return -EPIPE;
	r = varlink_wire_queue(&peer->wire, message);
	if (r < 0)
		return r;
	if (varlink_wire_flush(&peer->wire) < 0) {
		varlink_peer_close(peer);
		return -EPIPE;
	}
	varlink_peer_update(peer);
	return 0;
}

static struct varlink_peer *peer_free(struct varlink_peer *peer)
{
	if (!peer)
		return NULL;
	if (peer->server->peers[peer->slot] == peer) {
		peer->server->peers[peer->slot] = NULL;
		peer->server->counters.clients--;
	}
	sd_event_source_disable_unref(peer->io);
	sd_event_source_disable_unref(peer->turn);
	varlink_call_abandon(TAKE_PTR(peer->call));
	varlink_wire_done(&peer->wire);
	free(peer);
	return NULL;
}
DEFINE_CLEANUP(struct varlink_peer *, peer_free);

static int on_turn(sd_event_source *source, void *userdata)
{
	struct varlink_peer *peer = userdata;
	json_auto_t *message = NULL;
	int r;

	(void)source;
	if (peer_idle(peer)) {
		r = varlink_wire_take(&peer->wire, &message);
		if (r > 0)
			r = varlink_call_start(peer, message);
		if (r == -EBADMSG || r == -EMSGSIZE)
			peer->server->counters.protocol_errors++;
		if (r < 0)
			peer->closing = true;
	}
	if (peer->closing)
		peer_free(peer);
	else
		varlink_peer_update(peer);
	return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct varlink_peer *peer = userdata;
	int r;

	(void)source;
	(void)fd;
	r = varlink_wire_flush(&peer->wire);
	if (r >= 0 && peer_idle(peer) && !varlink_wire_has_message(&peer->wire))
		r = varlink_wire_read(&peer->wire);
	else if (r >= 0 && peer->call && (revents & (EPOLLHUP | EPOLLERR)))
		r = -ECONNRESET; /* nobody is left to answer to */
	if (r < 0)
		peer->closing = true;
	varlink_peer_update(peer);
	return 0;
}

/* @fd is taken over, also on failure. */
static int peer_new(struct varlink_server *server, unsigned int slot, int fd)
{
	_cleanup_(peer_freep) struct varlink_peer *peer = NULL;
	_cleanup_close_ int owned = fd;
	int r;

	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return -ENOMEM;
	peer->server = server;
	peer->slot = slot;
	varlink_wire_init(&peer->wire, TAKE_FD(owned), VARLINK_CALL_MAX);

	r = sd_event_add_io(server->event, &peer->io, fd, EPOLLIN, on_io, peer);
	if (r < 0)
		return r;
	r = sd_event_add_defer(server->event, &peer->turn, on_turn, peer);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(peer->turn, SD_EVENT_OFF);
	if (r < 0)
		return r;

	server->counters.clients++;
	server->peers[slot] = TAKE_PTR(peer);
	return 0;
}

static int on_connect(sd_event_source *source, int listener, uint32_t revents, void *userdata)
{
	struct varlink_server *server = userdata;
	unsigned int slot = 0;
	int fd;

	(void)source;
	(void)revents;
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return 0;
	while (slot < VARLINK_CLIENTS_MAX && server->peers[slot])
		slot++;
	if (slot == VARLINK_CLIENTS_MAX) {
		close(fd);
		server->counters.refused++;
	} else if (peer_new(server, slot, fd) < 0) {
		server->counters.refused++;
	} else {
		server->counters.accepted++;
	}
	return 0;
}

int varlink_server_new(sd_event *event, const struct varlink_service *service, void *userdata,
		       struct varlink_server **ret)
{
	struct varlink_server *server = calloc(1, sizeof(*server));

	if (!server)
		return -ENOMEM;
	server->event = sd_event_ref(event);
	server->service = service;
	server->userdata = userdata;
	server->fd = -EBADF;
	*ret = server;
	return 0;
}

int varlink_server_listen_fd(struct varlink_server *server, int fd)
{
	_cleanup_(sd_event_source_disable_unrefp) sd_event_source *listener = NULL;
	int flags, r;

	if (server->listener)
		return -EBUSY;
	r = sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0);
	if (r <= 0)
		return r < 0 ? r : -EINVAL;
	/* A client that gave up between poll and accept must not block the loop. */
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;

	r = sd_event_add_io(server->event, &listener, fd, EPOLLIN, on_connect, server);
	if (r < 0)
		return r;
	r = sd_event_source_set_ratelimit(listener, ACCEPT_INTERVAL_US, ACCEPT_BURST);
	if (r < 0)
		return r;
	server->listener = TAKE_PTR(listener);
	server->fd = fd;
	return 0;
}

/* 0: nobody answered at @address, and it has been removed. */
static int remove_stale(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* A full backlog (EAGAIN) is somebody, too. */
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return -errno;
	return unlink(address->sun_path) < 0 ? -errno : 0;
}

static int make_directory_of(const char *path)
{
	_cleanup_free_ char *directory = strdup(path);
	char *slash;

	if (!directory)
		return -ENOMEM;
	slash = strrchr(directory, '/');
	if (!slash || slash == directory)
		return 0;
	*slash = '\0';
	return mkdir(directory, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int bind_replacing(int fd, const struct sockaddr_un *address)
{
	int r;

	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	r = remove_stale(address);
	if (r < 0)
		return r;
	return bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
}

int varlink_server_listen(struct varlink_server *server, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -EBADF;
	_cleanup_free_ char *copy = NULL;
	int r;

	if (server->listener)
		return -EBUSY;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	r = make_directory_of(path);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = bind_replacing(fd, &address);
	if (r < 0)
		return r;

	/* Reading is for everyone. bind() obeyed the umask; nobody can connect before listen(). */
	if (chmod(path, 0666) < 0 || listen(fd, SOMAXCONN) < 0)
		r = -errno;
	else
		r = varlink_server_listen_fd(server, fd);
	if (r < 0) {
		unlink(path);
		return r;
	}
	server->path = TAKE_PTR(copy);
	TAKE_FD(fd);
	return 0;
}

const struct varlink_counters *varlink_server_counters(const struct varlink_server *server)
{
	return &server->counters;
}

struct varlink_server *varlink_server_free(struct varlink_server *server)
{
	unsigned int slot;

	if (!server)
		return NULL;
	sd_event_source_disable_unref(server->listener);
	for (slot = 0; slot < VARLINK_CLIENTS_MAX; slot++)
		peer_free(server->peers[slot]);
	if (server->path)
		unlink(server->path);
	free(server->path);
	closep(&server->fd);
	sd_event_unref(server->event);
	free(server);
	return NULL;
}
