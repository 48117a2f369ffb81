/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A listening stream socket: opened from the text of a setting, or handed over by systemd. Knows
 * what to take away at its end. Non-logging.
 */
#ifndef CXLIRQD_LISTENER_H
#define CXLIRQD_LISTENER_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <cxlirqd/cleanup.h>

/* As many may stand in one setting */
#define LISTENER_ADDRESSES_MAX 8
/* The longest text of an address: "unix:" and a path */
#define LISTENER_NAME_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) + 8)

struct listener_address {
	struct sockaddr_storage socket;
	socklen_t size;
};

/*
 * "127.0.0.1:9967", "[::1]:9967", ":9967" (every address), "unix:/path". Names are not resolved.
 * -EINVAL: @ret_why (static) is what is wrong with it.
 */
int listener_parse(const char *text, struct listener_address *ret, const char **ret_why);

struct listener {
	int fd;
	char name[LISTENER_NAME_MAX]; /* its address, as listener_parse() takes it */
	bool local; /* only this machine reaches it */
	dev_t device; /* of the socket's file, to know it again; 0 = there is none of ours */
	ino_t inode;
};

/*
 * Binds and listens. The file of a dead one is replaced; -EADDRINUSE: somebody answers there.
 * -EEXIST: something that is no socket has that name. Everybody may connect to a file's socket.
 */
int listener_open(const struct listener_address *address, struct listener **ret);

/*
 * The same for a descriptor from elsewhere, which is taken over, also on failure. -EINVAL: it is no
 * listening stream socket. Its file, if there is one, is not ours to remove.
 */
int listener_from_fd(int fd, struct listener **ret);

/* Whether the two are one address */
bool listener_is(const struct listener *listener, const struct listener_address *address);

/* Closes it, and removes its file if that is still the one we made. */
struct listener *listener_free(struct listener *listener);
DEFINE_CLEANUP(struct listener *, listener_free);

#endif
