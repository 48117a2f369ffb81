// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libbpf stops a drain when its callback returns an error; the record is consumed all the same.
 * So one private error means "batch full", and there is no other: a bad record is counted by
 * whoever decodes it and never stops the feed.
 */
#include "ring.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#define BATCH 4096

struct ring {
	struct ring_buffer *buffer;
	ring_record_fn on_record;
	void *userdata;
	unsigned int n;
};

static int on_sample(void *context, void *data, size_t size)
{
	struct ring *ring = context;

	ring->on_record(data, size, ring->userdata);
	return ++ring->n < BATCH ? 0 : -ECANCELED;
}

int ring_new(int map_fd, ring_record_fn on_record, void *userdata, struct ring **ret)
{
	struct ring *ring = calloc(1, sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	ring->on_record = on_record;
	ring->userdata = userdata;
	ring->buffer = ring_buffer__new(map_fd, on_sample, ring, NULL);
	if (!ring->buffer) {
		int r = -errno;

		free(ring);
		return r;
	}
	*ret = ring;
	return 0;
}

struct ring *ring_free(struct ring *ring)
{
	if (!ring)
		return NULL;
	ring_buffer__free(ring->buffer);
	free(ring);
	return NULL;
}

int ring_fd(const struct ring *ring)
{
	return ring_buffer__epoll_fd(ring->buffer);
}

bool ring_drain(struct ring *ring)
{
	ring->n = 0;
	return ring_buffer__consume(ring->buffer) == -ECANCELED;
}
