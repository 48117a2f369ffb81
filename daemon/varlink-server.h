/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What varlink-server.c (sockets, clients) and varlink-call.c (calls, replies) know of each other.
 */
#ifndef CXLIRQD_VARLINK_SERVER_H
#define CXLIRQD_VARLINK_SERVER_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "cxlirqd/varlink.h"
#include "listener.h"
#include "varlink-wire.h"

struct varlink_peer {
	struct varlink_server *server;
	unsigned int slot; /* in server->peers */
	uid_t uid;
	bool trusted;
	struct varlink_wire wire;
	sd_event_source *io;
	sd_event_source *turn; /* see varlink-server.c */
	struct varlink_call *call; /* the one that is not answered yet */
	bool closing;
};

struct varlink_server {
	sd_event *event;
	const struct varlink_service *service;
	void *userdata;
	struct listener *listener; /* NULL: not yet */
	sd_event_source *connecting;
	struct varlink_peer *peers[VARLINK_CLIENTS_MAX];
	bool has_group;
	gid_t group; /* of the trusted */
	struct varlink_counters counters;
};

/* 1: the group of whoever is behind this socket, or one of its supplementary groups, is @gid. */
int varlink_socket_in_group(int fd, gid_t gid);

/* Queues a message and sends what goes out at once. -EPIPE: the peer is closed, or will be. */
int varlink_peer_send(struct varlink_peer *peer, const json_t *message);
int varlink_peer_send_text(struct varlink_peer *peer, const char *message);

/* Closes from the event loop, not now: whoever calls this may still use the peer and its call. */
void varlink_peer_close(struct varlink_peer *peer);

/* To be called when peer->call has been answered: the next message may have its turn. */
void varlink_peer_update(struct varlink_peer *peer);

/* Calls the method that @message names. -EBADMSG: it is no varlink call. */
int varlink_call_start(struct varlink_peer *peer, json_t *message);

/* The client went away: tells whoever kept the call. Frees it; takes NULL. */
void varlink_call_abandon(struct varlink_call *call);

#endif
