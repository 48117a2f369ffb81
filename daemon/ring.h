/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ring buffer that all BPF programs write to. */
#ifndef CXLIRQD_RING_H
#define CXLIRQD_RING_H

#include <stdbool.h>
#include <stddef.h>

struct ring;

/* @data is 8-byte aligned and valid during the call. */
typedef void (*ring_record_fn)(const void *data, size_t size, void *userdata);

/* @map_fd is borrowed. Negative errno. The caller frees *@ret. */
int ring_new(int map_fd, ring_record_fn on_record, void *userdata, struct ring **ret);
struct ring *ring_free(struct ring *ring);

/* To be polled for input; borrowed. */
int ring_fd(const struct ring *ring);

/* Hands on what is there, at most one batch; true if there may be more. */
bool ring_drain(struct ring *ring);

#endif
