/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reserve, fill, submit; and count what was dropped. All programs send through one ring, so
 * there is one order of events. A place is reserved before the state is read: when a later hook
 * sees newer state, its record also comes later.
 *
 * Interrupts are reported from process, softirq and hardirq context. Nothing here is kept in
 * per-CPU scratch memory that a nested program could overwrite: records are filled in the ring.
 */
#ifndef CXLIRQD_EMIT_BPF_H
#define CXLIRQD_EMIT_BPF_H

#include "kernel.bpf.h"
#include <cxlirqd/program.h>
#include <cxlirqd/record.h>

struct ring_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
};
extern struct ring_map ring SEC(".maps");

/* Knobs, set before load (cxlirqd.bpf.c) */
extern const volatile __u64 key_state[KEY_STATE];
extern const volatile __u32 mask_words; /* 4, 16 or 128: the record's size class */
extern const volatile __u32 mask_bytes; /* what this kernel's masks really have */
extern const volatile __u32 n_cpus;

extern struct emit_stats stats;

/* What the current task is in the middle of: drivers being probed, and calls that are causes. */
#define TASK_PROBES 8
#define TASK_CAUSES 8
struct task_context {
	u32 n_probes;
	u32 n_causes;
	u64 probes[TASK_PROBES];
	u32 causes[TASK_CAUSES];
	u64 pending; /* irq_desc with a pending move that may be dropped right now */
};

/* It goes with the task. */
struct tasks_map {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_context);
};
extern struct tasks_map tasks SEC(".maps");

#define READ(dst, src) bpf_probe_read_kernel(&(dst), sizeof(dst), (src))

/*
 * Functions below that are not static are verified once, by themselves, which keeps each program
 * small for the verifier. They take kernel addresses as numbers, and a pointer that the verifier knows
 * the type of (a hook's argument) becomes one only by way of memory: @slot of a record that is being made.
 */
#define NUMBER(slot, pointer)                                                                      \
	({                                                                                         \
		*(volatile u64 *)&(slot) = (u64)(pointer);                                         \
		*(volatile u64 *)&(slot);                                                          \
	})

/* The same where there is no record at hand; costs a call. */
static __always_inline u64 addr(const volatile void *pointer)
{
	u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), &pointer);
	return value;
}

/* The key of an address (cxlirqd.bpf.c); 0 for 0 alone. */
u64 emit_key(u64 address);

static __always_inline struct task_context *emit_task(void)
{
	return bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), NULL, 0);
}

/* Fills the head of a record; always 0. */
int emit_header(struct record_header *h, u32 type, u32 size);

/* Memory for a record of a size known at compile time, its head filled, the rest zero. */
#define emit_reserve(record_type, bytes, zero_bytes)                                               \
	({                                                                                         \
		/* of words: it is zeroed by words */                                              \
		u64 *__r = bpf_ringbuf_reserve(&ring, (bytes), 0);                                 \
		if (__r) {                                                                         \
			__builtin_memset(__r, 0, (zero_bytes));                                    \
			emit_header((void *)__r, (record_type), (bytes));                          \
			__sync_fetch_and_add(&stats.sent[(record_type)], 1);                       \
		} else {                                                                           \
			__sync_fetch_and_add(&stats.lost[(record_type)], 1);                       \
		}                                                                                  \
		(void *)__r;                                                                       \
	})

#define emit_new(record_type, type) ((type *)emit_reserve(record_type, sizeof(type), sizeof(type)))

static __always_inline void emit_submit(void *record)
{
	bpf_ringbuf_submit(record, 0);
}

/* What was to be noted in a map was not: it is full, or there is no memory. */
static __always_inline void emit_refused(enum program_note note)
{
	__sync_fetch_and_add(&stats.refused[note], 1);
}

#define emit_string(dst, src)                                                                      \
	({                                                                                         \
		const char *__s = (src);                                                           \
		if (__s)                                                                           \
			bpf_probe_read_kernel_str((dst), sizeof(dst), __s);                        \
	})

/* Describes the device at @device (0: nothing to do); always 0. */
int emit_dev(struct record_dev *r, u64 device);

#endif
