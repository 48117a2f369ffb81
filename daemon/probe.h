/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this kernel gives: loads the BPF programs, attaches each hook on its own, and says of each
 * whether it is there and why not.
 */
#ifndef CXLIRQD_PROBE_H
#define CXLIRQD_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cxlirqd/record.h>

struct probe;

/* Receives records of the daemon's own making; borrowed during the call. */
typedef void (*probe_emit_fn)(const struct record_header *record, void *userdata);

/*
 * Loads and attaches. @ring_size: bytes, a power of two and a multiple of the page size.
 * Where tracing is refused, returns 0 with an object that only describes that (probe_tracing()
 * is false). -ENOMEM, or what reading this kernel's description gave. Logs. The caller frees it.
 */
int probe_new(size_t ring_size, struct probe **ret);
/* Detaches and unloads. Takes NULL, returns NULL. */
struct probe *probe_free(struct probe *probe);

bool probe_tracing(const struct probe *probe);
/* For people; NULL while tracing works. */
const char *probe_reason(const struct probe *probe);

/*
 * Describes this kernel: RECORD_BASE, then its names, then a RECORD_HOOK for each program and
 * feature. @realtime_offset_ns: to be added to CLOCK_BOOTTIME.
 */
void probe_describe(const struct probe *probe, uint64_t now_ns, int64_t realtime_offset_ns,
		    probe_emit_fn emit, void *userdata);

/* File descriptors of the ring map and the snapshot program, borrowed; -EBADF without tracing. */
int probe_ring_fd(const struct probe *probe);
int probe_snapshot_fd(const struct probe *probe);

/* The snapshot program knows where interrupts are to be found. */
bool probe_can_walk(const struct probe *probe);

/* Records that found no room in the ring, and runs that the kernel skipped, since the start */
uint64_t probe_dropped(const struct probe *probe);
uint64_t probe_missed(const struct probe *probe);

#endif
