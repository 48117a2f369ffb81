// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The framing of varlink. Nothing here waits: server and client each bring their own loop and say
 * how long they are willing to. Memory is bounded by message_max on the way in; on the way out a
 * message is bounded here, and the sum by whoever queues, who alone knows what to do about it.
 *
 * jansson refuses what nests deeper than its parser's limit (2,048), so that no input can exhaust
 * the stack; "\u0000" in a string it refuses, too.
 */
#include "varlink-wire.h"

#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>

#include "cxlirqd/varlink.h"

#define READ_SIZE ((size_t)64 << 10)
/* An empty buffer larger than this is freed: one big message is no reason to keep its memory. */
#define KEEP_SIZE ((size_t)64 << 10)
/* A buffer doubles, up to this: it holds no more than what is in it and so much. */
#define GROWTH_MAX ((size_t)1 << 20)

static size_t buffer_size(const struct varlink_buffer *buffer)
{
	return buffer->end - buffer->start;
}

static int buffer_reserve(struct varlink_buffer *buffer, size_t room)
{
	size_t capacity;
	char *data;

	/* Moving only when half of it is free keeps the cost of a byte constant. */
	if (buffer->capacity - buffer->end < room && buffer->start > 0 &&
	    buffer->start >= buffer->capacity / 2) {
		memmove(buffer->data, buffer->data + buffer->start, buffer_size(buffer));
		buffer->end = buffer_size(buffer);
		buffer->start = 0;
	}
	if (buffer->capacity - buffer->end >= room)
		return 0;

	capacity = buffer->capacity + MIN(buffer->capacity, GROWTH_MAX);
	capacity = MAX(capacity, buffer->end + room);
	data = realloc(buffer->data, capacity);
	if (!data)
		return -ENOMEM;
	buffer->data = data;
	buffer->capacity = capacity;
	return 0;
}

static void buffer_consume(struct varlink_buffer *buffer, size_t size)
{
	buffer->start += size;
	if (buffer->start < buffer->end)
		return;
	buffer->start = buffer->end = 0;
	if (buffer->capacity > KEEP_SIZE) {
		free(TAKE_PTR(buffer->data));
		buffer->capacity = 0;
	}
}

void varlink_wire_init(struct varlink_wire *wire, int fd, size_t message_max)
{
	*wire = (struct varlink_wire){ .fd = fd, .message_max = message_max };
}

void varlink_wire_done(struct varlink_wire *wire)
{
	closep(&wire->fd);
	free(wire->in.data);
	free(wire->out.data);
	*wire = VARLINK_WIRE_NULL;
}

int varlink_wire_read(struct varlink_wire *wire)
{
	size_t room = wire->message_max + 1;
	ssize_t n;
	int r;

	if (buffer_size(&wire->in) >= room)
		return 0;
	room = MIN(room - buffer_size(&wire->in), READ_SIZE);
	r = buffer_reserve(&wire->in, room);
	if (r < 0)
		return r;

	n = recv(wire->fd, wire->in.data + wire->in.end, room, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	wire->in.end += (size_t)n;
	return 1;
}

/* The NUL that ends the first message; NULL: it is not there yet. */
static const char *find_end(struct varlink_wire *wire)
{
	size_t size = buffer_size(&wire->in);
	const char *start, *end;

	if (wire->scanned == size)
		return NULL;
	start = wire->in.data + wire->in.start;
	end = memchr(start + wire->scanned, '\0', size - wire->scanned);
	wire->scanned = end ? (size_t)(end - start) : size;
	return end;
}

bool varlink_wire_has_message(struct varlink_wire *wire)
{
	return find_end(wire) || buffer_size(&wire->in) > wire->message_max;
}

int varlink_wire_take(struct varlink_wire *wire, json_t **ret)
{
	json_auto_t *message = NULL;
	size_t size;

	if (!find_end(wire))
		return buffer_size(&wire->in) > wire->message_max ? -EMSGSIZE : 0;

	size = wire->scanned;
	message = json_loadb(wire->in.data + wire->in.start, size, JSON_REJECT_DUPLICATES, NULL);
	wire->scanned = 0;
	buffer_consume(&wire->in, size + 1);
	if (!json_is_object(message))
		return -EBADMSG;
	*ret = TAKE_PTR(message);
	return 1;
}

struct dump {
	struct varlink_buffer *buffer;
	size_t room;
	int error;
};

static int dump_append(const char *data, size_t size, void *userdata)
{
	struct dump *dump = userdata;

	if (size > dump->room)
		dump->error = -EMSGSIZE;
	else
		dump->error = buffer_reserve(dump->buffer, size);
	if (dump->error < 0)
		return -1;
	memcpy(dump->buffer->data + dump->buffer->end, data, size);
	dump->buffer->end += size;
	dump->room -= size;
	return 0;
}

int varlink_wire_queue(struct varlink_wire *wire, const json_t *message)
{
	struct dump dump = { .buffer = &wire->out, .room = VARLINK_REPLY_MAX };
	size_t before = buffer_size(&wire->out);

	if (json_dump_callback(message, dump_append, &dump, JSON_COMPACT) < 0 && dump.error == 0)
		dump.error = -ENOMEM;
	dump.room++;
	if (dump.error == 0)
		dump_append("", 1, &dump);
	if (dump.error < 0)
		wire->out.end = wire->out.start + before;
	return dump.error;
}

int varlink_wire_queue_text(struct varlink_wire *wire, const char *text)
{
	size_t size = strlen(text);
	int r;

	if (size > VARLINK_REPLY_MAX)
		return -EMSGSIZE;
	r = buffer_reserve(&wire->out, size + 1);
	if (r < 0)
		return r;
	memcpy(wire->out.data + wire->out.end, text, size + 1);
	wire->out.end += size + 1;
	return 0;
}

int varlink_wire_flush(struct varlink_wire *wire)
{
	ssize_t n;

	while (buffer_size(&wire->out) > 0) {
		n = send(wire->fd, wire->out.data + wire->out.start, buffer_size(&wire->out),
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		buffer_consume(&wire->out, (size_t)n);
	}
	return 1;
}

size_t varlink_wire_queued(const struct varlink_wire *wire)
{
	return buffer_size(&wire->out);
}

size_t varlink_wire_held(const struct varlink_wire *wire)
{
	return wire->out.capacity;
}
