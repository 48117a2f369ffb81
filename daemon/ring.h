/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ring buffer that all BPF programs write to. */
#ifndef CXLIRQD_RING_H
#define CXLIRQD_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

/* One record in the ring; @begin and @end are positions: bytes since the ring was made. */
struct ring_record {
	const void *data; /* 8-byte aligned, valid until the ring is told that it is done with */
	size_t size;
	uint64_t begin, end;
};

#define RING_BATCH 64 /* records at most that are handed on at a time */

/*
 * The records are the ring's until the function returns, and gone from it afterwards: whatever must
 * survive this process has to be elsewhere by then.
 */
typedef void (*ring_batch_fn)(const struct ring_record *records, size_t n, void *userdata);

/* @map_fd is borrowed. Negative errno. The caller frees *@ret. */
int ring_new(int map_fd, ring_batch_fn on_batch, void *userdata, struct ring **ret);
struct ring *ring_free(struct ring *ring);

/* To be polled for input; borrowed. */
int ring_fd(const struct ring *ring);

/* Hands on what is there, at most a few thousand records; true if there may be more. */
bool ring_drain(struct ring *ring);

/* Bytes that it holds. */
uint64_t ring_size(const struct ring *ring);
/* Where the next record to be handed on begins. */
uint64_t ring_position(const struct ring *ring);
/* Where the next record to be written will begin; what is before it may still be incomplete. */
uint64_t ring_end(const struct ring *ring);
/* How many records are complete and wait. */
uint64_t ring_waiting(const struct ring *ring);
/* Everything before @position is done with. False: it is not a place in what the ring holds. */
bool ring_skip(struct ring *ring, uint64_t position);
/*
 * The complete records from @position (of a record) on, at most @max, without taking them out. They
 * are valid until something is taken out.
 */
size_t ring_peek(const struct ring *ring, uint64_t position, struct ring_record *records,
		 size_t max);

#endif
