// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The sockets of a varlink server.
 *
 * A peer has one call at a time. While that is unanswered, or the answer has not left yet, nothing
 * more is read from it: who sends many calls and reads no answers is held by its own socket buffer,
 * not by our memory. Only streams can outrun their reader; varlink-call.c bounds their queue.
 *
 * Calls are started, and peers closed, by an event source of their own, the peer's turn: one message a
 * turn, so that no peer keeps the loop for itself, and never from inside a varlink_call_*()
 * function, so that the daemon may notify its subscribers without one vanishing under its hands. It is a
 * timer that is always due: a deferred source that asks for another turn in its own is dispatched before any
 * descriptor, again and again.
 *
 * Nobody may keep others out: a user who is not trusted has a share of the places, and all of
 * those users together leave some to the trusted. What waits for readers has a bound of its own,
 * for the sum of what each may leave unread is more than a daemon should take.
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

/*
 * The door has its turn as everybody who is served: neither those who knock in vain keep the others
 * from their turns, nor do these keep out who waits behind them, for many come in, or are sent away,
 * in one turn.
 */
#define ACCEPT_TURN 64
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
	if (!peer->closing && !(idle && has_message))
		return;
	/* without memory for it there is another try: the socket, which takes data, wakes us */
	if (sd_event_source_set_enabled(peer->turn, SD_EVENT_ONESHOT) < 0)
		(void)sd_event_source_set_io_events(peer->io, EPOLLOUT);
}

void varlink_peer_close(struct varlink_peer *peer)
{
	peer->closing = true;
	varlink_peer_update(peer);
}

/* The untrusted before the trusted, then who has the most. */
static bool is_worse(const struct varlink_peer *peer, const struct varlink_peer *other)
{
	if (!other || peer->trusted != other->trusted)
		return !other || !peer->trusted;
	return varlink_wire_held(&peer->wire) > varlink_wire_held(&other->wire);
}

/* What is closed already will be given back: it does not count. */
static void server_shed(struct varlink_server *server)
{
	for (;;) {
		struct varlink_peer *worst = NULL;
		size_t sum = 0;

		for (unsigned int slot = 0; slot < VARLINK_CLIENTS_MAX; slot++) {
			struct varlink_peer *peer = server->peers[slot];

			if (!peer || peer->closing || !varlink_wire_queued(&peer->wire))
				continue;
			sum += varlink_wire_held(&peer->wire);
			if (is_worse(peer, worst))
				worst = peer;
		}
		if (sum <= VARLINK_QUEUES_MAX)
			return;
		server->counters.dropped_slow++;
		varlink_peer_close(worst);
	}
}

/* @waited: something did already. A socket that did not take all is not tried each time: the loop tells. */
static int peer_flush(struct varlink_peer *peer, bool waited)
{
	if (!waited && varlink_wire_flush(&peer->wire) < 0) {
		varlink_peer_close(peer);
		return -EPIPE;
	}
	varlink_peer_update(peer);
	/* below this all places together stay below the bound */
	if (varlink_wire_held(&peer->wire) > VARLINK_QUEUES_MAX / VARLINK_CLIENTS_MAX)
		server_shed(peer->server);
	return 0;
}

int varlink_peer_send(struct varlink_peer *peer, const json_t *message)
{
	bool waited = varlink_wire_queued(&peer->wire) > 0;
	int r = peer->closing ? -EPIPE : varlink_wire_queue(&peer->wire, message);

	return r < 0 ? r : peer_flush(peer, waited);
}

int varlink_peer_send_text(struct varlink_peer *peer, const char *message)
{
	bool waited = varlink_wire_queued(&peer->wire) > 0;
	int r = peer->closing ? -EPIPE : varlink_wire_queue_text(&peer->wire, message);

	return r < 0 ? r : peer_flush(peer, waited);
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

static int on_turn(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct varlink_peer *peer = userdata;
	json_auto_t *message = NULL;
	int r;

	(void)source;
	(void)usec;
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

int varlink_socket_in_group(int fd, gid_t gid)
{
	_cleanup_free_ gid_t *groups = NULL;
	struct ucred peer = {};
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	if (peer.gid == gid)
		return 1;
	/* Without room for them the kernel tells how much they take; it may be none. */
	size = 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0)
		return 0;
	if (errno != ERANGE)
		return -errno;
	groups = malloc(size);
	if (!groups)
		return -ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return -errno;
	for (size_t i = 0; i < size / sizeof(*groups); i++)
		if (groups[i] == gid)
			return 1;
	return 0;
}

/* ---- places ---------------------------------------------------------------------------------- */

struct caller {
	uid_t uid;
	bool trusted;
};

static int identify(const struct varlink_server *server, int fd, struct caller *ret)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	ret->uid = peer.uid;
	ret->trusted = peer.uid == 0 || peer.uid == geteuid() ||
		       (server->has_group && varlink_socket_in_group(fd, server->group) > 0);
	return 0;
}

static bool has_share(const struct varlink_server *server, const struct caller *caller)
{
	unsigned int n_untrusted = 0, n_user = 0;

	if (caller->trusted)
		return true;
	for (unsigned int slot = 0; slot < VARLINK_CLIENTS_MAX; slot++) {
		const struct varlink_peer *peer = server->peers[slot];

		if (!peer || peer->trusted)
			continue;
		n_untrusted++;
		n_user += peer->uid == caller->uid;
	}
	return n_user < VARLINK_CLIENTS_USER &&
	       n_untrusted < VARLINK_CLIENTS_MAX - VARLINK_CLIENTS_RESERVED;
}

void varlink_server_trust_group(struct varlink_server *server, gid_t gid)
{
	server->has_group = true;
	server->group = gid;
}

/* @fd is taken over, also on failure. */
static int peer_new(struct varlink_server *server, unsigned int slot, int fd,
		    const struct caller *caller)
{
	_cleanup_(peer_freep) struct varlink_peer *peer = NULL;
	_cleanup_close_ int owned = fd;
	int r;

	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return -ENOMEM;
	peer->server = server;
	peer->slot = slot;
	peer->uid = caller->uid;
	peer->trusted = caller->trusted;
	varlink_wire_init(&peer->wire, TAKE_FD(owned), VARLINK_CALL_MAX);

	r = sd_event_add_io(server->event, &peer->io, fd, EPOLLIN, on_io, peer);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(server->event, &peer->turn, CLOCK_MONOTONIC, 0, 1, on_turn,
				       peer);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(peer->turn, SD_EVENT_OFF);
	if (r < 0)
		return r;

	server->counters.clients++;
	server->peers[slot] = TAKE_PTR(peer);
	return 0;
}

/* False: nobody waits, or there are no descriptors left. */
static bool server_accept(struct varlink_server *server, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct caller caller = {};
	unsigned int slot = 0;

	if (fd < 0)
		return false;
	while (slot < VARLINK_CLIENTS_MAX && server->peers[slot])
		slot++;
	if (slot == VARLINK_CLIENTS_MAX || identify(server, fd, &caller) < 0) {
		close(fd);
		server->counters.refused++;
	} else if (!has_share(server, &caller)) {
		close(fd);
		server->counters.refused_user++;
	} else if (peer_new(server, slot, fd, &caller) < 0) {
		server->counters.refused++;
	} else {
		server->counters.accepted++;
	}
	return true;
}

static int on_connect(sd_event_source *source, int listener, uint32_t revents, void *userdata)
{
	(void)source;
	(void)revents;
	for (unsigned int i = 0; i < ACCEPT_TURN && server_accept(userdata, listener); i++)
		;
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
	*ret = server;
	return 0;
}

static int server_accept_on(struct varlink_server *server, struct listener *listener)
{
	_cleanup_(sd_event_source_disable_unrefp) sd_event_source *source = NULL;
	int r;

	r = sd_event_add_io(server->event, &source, listener->fd, EPOLLIN, on_connect, server);
	if (r < 0)
		return r;
	r = sd_event_source_set_ratelimit(source, ACCEPT_INTERVAL_US, ACCEPT_BURST);
	if (r < 0)
		return r;
	server->connecting = TAKE_PTR(source);
	server->listener = listener;
	return 0;
}

int varlink_server_listen_fd(struct varlink_server *server, int fd)
{
	_cleanup_(listener_freep) struct listener *listener = NULL;
	_cleanup_close_ int owned = fd;
	int r;

	if (server->listener)
		return -EBUSY;
	r = sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0);
	if (r <= 0)
		return r < 0 ? r : -EINVAL;
	r = listener_from_fd(TAKE_FD(owned), &listener);
	if (r >= 0)
		r = server_accept_on(server, listener);
	if (r >= 0)
		TAKE_PTR(listener);
	return r;
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

int varlink_server_listen(struct varlink_server *server, const char *path)
{
	struct listener_address address = { .size = sizeof(struct sockaddr_un) };
	struct sockaddr_un *file = (struct sockaddr_un *)&address.socket;
	_cleanup_(listener_freep) struct listener *listener = NULL;
	int r;

	if (server->listener)
		return -EBUSY;
	if (strlen(path) >= sizeof(file->sun_path))
		return -ENAMETOOLONG;
	file->sun_family = AF_UNIX;
	strcpy(file->sun_path, path);
	r = make_directory_of(path);
	if (r >= 0)
		r = listener_open(&address, &listener);
	if (r >= 0)
		r = server_accept_on(server, listener);
	if (r >= 0)
		TAKE_PTR(listener);
	return r;
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
	sd_event_source_disable_unref(server->connecting);
	for (slot = 0; slot < VARLINK_CLIENTS_MAX; slot++)
		peer_free(server->peers[slot]);
	listener_free(server->listener);
	sd_event_unref(server->event);
	free(server);
	return NULL;
}
