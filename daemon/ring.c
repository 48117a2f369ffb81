// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A reader of its own rather than libbpf's, which until 1.3 keeps to itself where in the ring it
 * stands. A daemon that follows another one has to know that: what was read before is in the state
 * file, what was not is in the ring, and no record may be in both or in neither (checkpoint.c).
 *
 * The layout is the kernel's (Documentation/bpf/ringbuf.rst): a page that the reader writes, with
 * its position, a page with the writers' position, then the data, twice in a row so that no record
 * is ever in two pieces. Of the second time only as much is mapped as the longest record takes: what
 * is mapped is resident. A record is preceded by eight bytes: its length and two flags.
 */
#include "ring.h"

#include <cxlirqd/record.h>

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define DRAIN_MAX 4096

struct ring {
	int fd; /* borrowed */
	size_t page, size, mapped;
	unsigned long *consumer; /* mapped */
	void *producer; /* mapped: its page, the data, and their beginning once more */
	uint64_t position;
	ring_batch_fn on_batch;
	void *userdata;
};

uint64_t ring_end(const struct ring *ring)
{
	return __atomic_load_n((const unsigned long *)ring->producer, __ATOMIC_ACQUIRE);
}

static int ring_map(struct ring *ring)
{
	struct bpf_map_info info = {};
	__u32 length = sizeof(info);
	void *map;

	if (bpf_obj_get_info_by_fd(ring->fd, &info, &length) < 0)
		return -errno;
	if (info.type != BPF_MAP_TYPE_RINGBUF)
		return -EMEDIUMTYPE;
	ring->page = (size_t)sysconf(_SC_PAGESIZE);
	ring->size = info.max_entries;
	/* both are whole pages, and the page's size is a power of two */
	ring->mapped =
		ring->page + ring->size +
		((RECORD_SIZE_MAX + BPF_RINGBUF_HDR_SZ + ring->page - 1) & ~(ring->page - 1));
	if (ring->mapped > ring->page + 2 * ring->size)
		ring->mapped = ring->page + 2 * ring->size;
	map = mmap(NULL, ring->page, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	ring->consumer = map;
	map = mmap(NULL, ring->mapped, PROT_READ, MAP_SHARED, ring->fd, (off_t)ring->page);
	if (map == MAP_FAILED)
		return -errno;
	ring->producer = map;
	ring->position = __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
	return 0;
}

int ring_new(int map_fd, ring_batch_fn on_batch, void *userdata, struct ring **ret)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	int r;

	if (!ring)
		return -ENOMEM;
	ring->fd = map_fd;
	ring->on_batch = on_batch;
	ring->userdata = userdata;
	r = ring_map(ring);
	if (r < 0) {
		ring_free(ring);
		return r;
	}
	*ret = ring;
	return 0;
}

struct ring *ring_free(struct ring *ring)
{
	if (!ring)
		return NULL;
	if (ring->consumer)
		munmap(ring->consumer, ring->page);
	if (ring->producer)
		munmap(ring->producer, ring->mapped);
	free(ring);
	return NULL;
}

int ring_fd(const struct ring *ring)
{
	return ring->fd;
}

/* False: it is still being written. */
static bool ring_at(const struct ring *ring, uint64_t position, struct ring_record *ret,
		    bool *ret_discarded)
{
	const uint32_t *header = (const void *)((const char *)ring->producer + ring->page +
						(position & (ring->size - 1)));
	uint32_t length = __atomic_load_n(header, __ATOMIC_ACQUIRE);

	if (length & BPF_RINGBUF_BUSY_BIT)
		return false;
	*ret_discarded = length & BPF_RINGBUF_DISCARD_BIT;
	length &= ~(uint32_t)BPF_RINGBUF_DISCARD_BIT;
	*ret = (struct ring_record){ .data = header + BPF_RINGBUF_HDR_SZ / sizeof(*header),
				     .size = length < RECORD_SIZE_MAX ? length : RECORD_SIZE_MAX,
				     .begin = position,
				     .end = position +
					    ((uint64_t)length + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8 };
	return true;
}

/* Moves *@position behind what was looked at, records that were given up among it. */
static size_t ring_gather(const struct ring *ring, uint64_t *position, struct ring_record *records,
			  size_t max)
{
	uint64_t end = ring_end(ring);
	bool discarded;
	size_t n = 0;

	while (n < max && *position < end && ring_at(ring, *position, &records[n], &discarded)) {
		*position = records[n].end;
		n += !discarded;
	}
	return n;
}

size_t ring_peek(const struct ring *ring, uint64_t position, struct ring_record *records,
		 size_t max)
{
	return ring_gather(ring, &position, records, max);
}

bool ring_skip(struct ring *ring, uint64_t position)
{
	if (position < ring->position || position > ring_end(ring))
		return false;
	ring->position = position;
	__atomic_store_n(ring->consumer, position, __ATOMIC_RELEASE);
	return true;
}

bool ring_drain(struct ring *ring)
{
	struct ring_record records[RING_BATCH];
	unsigned int total = 0;
	size_t n;

	while (total < DRAIN_MAX) {
		uint64_t position = ring->position;

		n = ring_gather(ring, &position, records, RING_BATCH);
		if (n)
			ring->on_batch(records, n, ring->userdata);
		ring_skip(ring, position);
		if (!n)
			return false;
		total += (unsigned int)n;
	}
	return true;
}

uint64_t ring_size(const struct ring *ring)
{
	return ring->size;
}

uint64_t ring_position(const struct ring *ring)
{
	return ring->position;
}

uint64_t ring_waiting(const struct ring *ring)
{
	struct ring_record records[RING_BATCH];
	uint64_t position = ring->position, total = 0;
	size_t n;

	while ((n = ring_peek(ring, position, records, RING_BATCH))) {
		position = records[n - 1].end;
		total += n;
	}
	return total;
}
