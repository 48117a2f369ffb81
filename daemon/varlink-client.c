// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The client side of varlink, for a program that has nothing else to do than wait for the answer.
 *
 * Waiting is a ppoll() on the socket and, if the program has one, on a descriptor that stands for
 * "stop" (a signalfd): no signal handler, and no moment at which a signal could be missed.
 */
#include <poll.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>

#include "varlink-wire.h"
#include "cxlirqd/varlink.h"

#define USEC_PER_SEC 1000000U
#define NSEC_PER_USEC 1000U

struct varlink_client {
	struct varlink_wire wire;
	uint64_t timeout_us;
	int interrupt_fd;
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / NSEC_PER_USEC;
}

/* connect() waits when the listener's backlog is full, for as long as SO_SNDTIMEO says. */
static int connect_to(int fd, const char *path, uint64_t timeout_us)
{
	struct timeval timeout = {
		.tv_sec = (time_t)(timeout_us / USEC_PER_SEC),
		.tv_usec = (suseconds_t)(timeout_us % USEC_PER_SEC),
	};
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return 0;
}

int varlink_client_connect(const char *path, uint64_t timeout_us, struct varlink_client **ret)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct varlink_client *client;
	int r;

	if (fd < 0)
		return -errno;
	r = connect_to(fd, path, timeout_us);
	if (r < 0)
		return r;
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	varlink_wire_init(&client->wire, TAKE_FD(fd), VARLINK_REPLY_MAX);
	client->timeout_us = timeout_us;
	client->interrupt_fd = -EBADF;
	*ret = client;
	return 0;
}

void varlink_client_set_timeout(struct varlink_client *client, uint64_t timeout_us)
{
	client->timeout_us = timeout_us;
}

void varlink_client_set_interrupt(struct varlink_client *client, int fd)
{
	client->interrupt_fd = fd;
}

static uint64_t client_deadline(const struct varlink_client *client)
{
	return client->timeout_us > 0 ? now_us() + client->timeout_us : UINT64_MAX;
}

/* 0: look again. */
static int client_wait(struct varlink_client *client, short events, uint64_t deadline)
{
	struct pollfd fds[] = {
		{ .fd = client->wire.fd, .events = events },
		{ .fd = client->interrupt_fd, .events = POLLIN },
	};
	struct timespec timeout, *limit = NULL;
	uint64_t now = now_us();

	if (deadline != UINT64_MAX) {
		uint64_t left = deadline > now ? deadline - now : 0;

		timeout.tv_sec = (time_t)(left / USEC_PER_SEC);
		timeout.tv_nsec = (long)(left % USEC_PER_SEC * NSEC_PER_USEC);
		limit = &timeout;
	}
	switch (ppoll(fds, 2, limit, NULL)) {
	case -1: return errno == EINTR ? 0 : -errno;
	case 0: return -ETIMEDOUT;
	default: return fds[1].revents ? -EINTR : 0;
	}
}

int varlink_client_send(struct varlink_client *client, const char *method, json_t *parameters,
			bool more)
{
	json_auto_t *message = json_pack("{s:s}", "method", method);
	uint64_t deadline = client_deadline(client);
	int r;

	if (!message || (parameters && json_object_set(message, "parameters", parameters) < 0) ||
	    (more && json_object_set_new(message, "more", json_true()) < 0))
		return -ENOMEM;
	r = varlink_wire_queue(&client->wire, message);
	if (r < 0)
		return r;
	for (;;) {
		r = varlink_wire_flush(&client->wire);
		if (r != 0)
			return r == -EPIPE ? -ECONNRESET : r < 0 ? r : 0;
		r = client_wait(client, POLLOUT, deadline);
		if (r < 0)
			return r;
	}
}

static int parse_reply(json_t *message, struct varlink_reply *ret)
{
	_cleanup_(varlink_reply_done) struct varlink_reply reply = VARLINK_REPLY_NULL;
	json_t *parameters = NULL;
	const char *error = NULL;
	int continues = 0;

	if (json_unpack(message, "{s?s, s?b, s?o}", "error", &error, "continues", &continues,
			"parameters", &parameters) < 0 ||
	    (parameters && !json_is_object(parameters) && !json_is_null(parameters)))
		return -EBADMSG;
	reply.error = error ? strdup(error) : NULL;
	reply.parameters = json_is_object(parameters) ? json_incref(parameters) : json_object();
	reply.continues = continues;
	if (!reply.parameters || (error && !reply.error))
		return -ENOMEM;
	*ret = TAKE(reply, VARLINK_REPLY_NULL);
	return 0;
}

int varlink_client_receive(struct varlink_client *client, struct varlink_reply *ret)
{
	uint64_t deadline = client_deadline(client);
	json_auto_t *message = NULL;
	int r;

	for (;;) {
		r = varlink_wire_take(&client->wire, &message);
		if (r < 0)
			return r;
		if (r > 0)
			return parse_reply(message, ret);
		r = client_wait(client, POLLIN, deadline);
		if (r < 0)
			return r;
		r = varlink_wire_read(&client->wire);
		if (r < 0)
			return r;
	}
}

int varlink_client_call(struct varlink_client *client, const char *method, json_t *parameters,
			struct varlink_reply *ret)
{
	int r = varlink_client_send(client, method, parameters, false);

	return r < 0 ? r : varlink_client_receive(client, ret);
}

struct varlink_client *varlink_client_free(struct varlink_client *client)
{
	if (client)
		varlink_wire_done(&client->wire);
	free(client);
	return NULL;
}

void varlink_reply_done(struct varlink_reply *reply)
{
	free(reply->error);
	json_decref(reply->parameters);
	*reply = VARLINK_REPLY_NULL;
}
