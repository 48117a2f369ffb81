/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One end of a varlink connection: JSON objects in and out, NUL after each, over a stream socket.
 * Used by the varlink files alone.
 */
#ifndef CXLIRQD_VARLINK_WIRE_H
#define CXLIRQD_VARLINK_WIRE_H

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What waits is in data[start..end). */
struct varlink_buffer {
	char *data;
	size_t start;
	size_t end;
	size_t capacity;
};

struct varlink_wire {
	int fd;
	size_t message_max; /* incoming, without the NUL */
	size_t scanned; /* of what waits in @in: so much holds no NUL */
	struct varlink_buffer in;
	struct varlink_buffer out;
};
#define VARLINK_WIRE_NULL ((struct varlink_wire){ .fd = -EBADF })

/* @fd is taken over. */
void varlink_wire_init(struct varlink_wire *wire, int fd, size_t message_max);

/* Closes, and leaves VARLINK_WIRE_NULL. */
void varlink_wire_done(struct varlink_wire *wire);

/*
 * Reads once, without waiting. 1: something came. 0: nothing now, or no room before the next
 * varlink_wire_take(). -ECONNRESET: the other side has closed. Or what recv() says.
 */
int varlink_wire_read(struct varlink_wire *wire);

/* Takes a message. 1: @ret is one. 0: none is complete. -EBADMSG: no JSON object. -EMSGSIZE. */
int varlink_wire_take(struct varlink_wire *wire, json_t **ret);

/* varlink_wire_take() would not return 0. */
bool varlink_wire_has_message(struct varlink_wire *wire);

/* Appends a message to what waits to be sent, or (-ENOMEM, -EMSGSIZE) nothing. */
int varlink_wire_queue(struct varlink_wire *wire, const json_t *message);

/* The same with what is JSON already. */
int varlink_wire_queue_text(struct varlink_wire *wire, const char *text);

/* Sends what the socket takes at once. 1: all is out. 0: some waits. Or what send() says. */
int varlink_wire_flush(struct varlink_wire *wire);

/* Bytes that wait to be sent, and the memory that is taken for them. */
size_t varlink_wire_queued(const struct varlink_wire *wire);
size_t varlink_wire_held(const struct varlink_wire *wire);

#endif
