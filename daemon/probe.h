/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this kernel gives: loads the BPF programs, attaches each hook on its own, and says of each
 * whether it is there and why not. Where a directory for it is given, programs outlive the daemon,
 * and the next one takes them over as they run.
 */
#ifndef CXLIRQD_PROBE_H
#define CXLIRQD_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cxlirqd/program.h>
#include <cxlirqd/record.h>

struct probe;

/* Receives records of the daemon's own making; borrowed during the call. */
typedef void (*probe_emit_fn)(const struct record_header *record, void *userdata);

/*
 * Loads and attaches, or takes over. @ring_size: bytes, a power of two and a multiple of the page
 * size. @pin_directory: under bpffs; NULL or "": nothing is pinned, nor is what is there touched.
 * Where tracing is refused, returns 0 with an object that only describes that (probe_tracing()
 * is false). -EBUSY: another daemon has the directory; was told. -ENOMEM, or what reading this
 * kernel's description gave. Logs. The caller frees it.
 */
int probe_new(size_t ring_size, const char *pin_directory, struct probe **ret);
/* Detaches and unloads, but for what is pinned. Takes NULL, returns NULL. */
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

/* The first of these alone: the time of day is another one. */
void probe_describe_base(const struct probe *probe, uint64_t now_ns, int64_t realtime_offset_ns,
			 probe_emit_fn emit, void *userdata);

/* File descriptors of the ring map and the snapshot program, borrowed; -EBADF without tracing. */
int probe_ring_fd(const struct probe *probe);
int probe_snapshot_fd(const struct probe *probe);

/* The snapshot program knows where interrupts are to be found. */
bool probe_can_walk(const struct probe *probe);

/*
 * Records that found no room in the ring, and runs that the kernel skipped, since these programs
 * were attached: before this daemon, too, if they were taken over
 */
uint64_t probe_dropped(const struct probe *probe);
uint64_t probe_missed(const struct probe *probe);

/* The same of what programs could not note for themselves (enum program_note); name: static string. */
uint64_t probe_refused_notes(const struct probe *probe, enum program_note note);
const char *probe_note_name(enum program_note note);

/*
 * Calls @each for each program that is attached, with what the kernel counts of its runs, nothing unless
 * the sysctl kernel.bpf_stats_enabled is set, and the runs that it skipped.
 */
struct probe_program {
	const char *name, *hook;
	uint64_t runs, time_ns, missed;
};
typedef void (*probe_program_fn)(const struct probe_program *program, void *userdata);
void probe_each_program(const struct probe *probe, probe_program_fn each, void *userdata);

/* ---- across restarts ----------------------------------------------------------------------- */

/* The directory that the programs are pinned in; NULL: they end with the daemon. */
const char *probe_pinned(const struct probe *probe);
/* A path to it that works whatever this process has become since, valid in this process only; as above */
const char *probe_pin_place(const struct probe *probe);
/* Why not, for people; NULL: they are, or it was not asked for. */
const char *probe_pin_reason(const struct probe *probe);
/* Which programs these are: a number never used twice. 0: they are not pinned. */
uint64_t probe_generation(const struct probe *probe);
/* CLOCK_BOOTTIME: since then these programs are attached. */
uint64_t probe_since_ns(const struct probe *probe);
/* They were there already. */
bool probe_adopted(const struct probe *probe);

/* Other programs that were there, still attached beside these, until probe_replace() */
struct probe_other {
	uint64_t generation;
	uint32_t record_version;
	int ring_fd; /* borrowed; -EBADF: it cannot be read */
	uint64_t dropped; /* records that found no room in that ring */
};
/* False: there are none. */
bool probe_other(const struct probe *probe, struct probe_other *ret);
/*
 * These programs take the place of the other ones, which are gone then. What is told after this
 * call is in these programs' ring only.
 */
void probe_replace(struct probe *probe);

#endif
