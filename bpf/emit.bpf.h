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
extern const volatile __u64 key_secret[2];
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
};

struct tasks_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct task_context);
};
extern struct tasks_map tasks SEC(".maps");

#define READ(dst, src) bpf_probe_read_kernel(&(dst), sizeof(dst), (src))

/*
 * An address becomes a key: Speck64/128 (a public block cipher of 27 rounds), keyed anew at
 * each start of the daemon. A permutation: different addresses give different keys.
 */
static __noinline u64 emit_key(const void *address)
{
	u64 plain = 0, secret;
	u32 x, y, k, l0, l1, l2;

	bpf_probe_read_kernel(&plain, sizeof(plain), &address);
	if (!plain)
		return 0;
	x = plain >> 32;
	y = plain;
	secret = key_secret[0];
	k = secret;
	l0 = secret >> 32;
	secret = key_secret[1];
	l1 = secret;
	l2 = secret >> 32;
	for (u32 i = 0; i < 27; i++) {
		u32 l;

		x = (((x >> 8) | (x << 24)) + y) ^ k;
		y = ((y << 3) | (y >> 29)) ^ x;
		l = (k + ((l0 >> 8) | (l0 << 24))) ^ i;
		k = ((k << 3) | (k >> 29)) ^ l;
		l0 = l1;
		l1 = l2;
		l2 = l;
	}
	return (u64)x << 32 | y;
}

static __always_inline struct task_context *emit_task(void)
{
	u32 tid = (u32)bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&tasks, &tid);
}

static __noinline void emit_header(struct record_header *h, u32 type, u32 size)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u64 id = bpf_get_current_pid_tgid();
	struct task_context *context = emit_task();
	u32 flags = 0;

	if (!h)
		return;
	h->type = type;
	h->version = RECORD_VERSION;
	h->size = size;
	h->time_ns = bpf_ktime_get_boot_ns();
	h->pid = id >> 32;
	h->tid = (u32)id;
	h->uid = (u32)bpf_get_current_uid_gid();
	h->cpu = bpf_get_smp_processor_id();
	if (context) {
		u32 top = context->n_causes - 1;

		if (top < TASK_CAUSES)
			h->cause = context->causes[top];
		else if (context->n_probes)
			h->cause = RECORD_CAUSE_PROBE;
	}
	bpf_probe_read_kernel(&flags, sizeof(flags), &task->flags);
	if (flags & PF_KTHREAD)
		h->flags = RECORD_F_KTHREAD;
	bpf_get_current_comm(h->comm, sizeof(h->comm));
}

/* Memory for a record of a size known at compile time, its head filled, the rest zero. */
#define emit_reserve(record_type, bytes, zero_bytes)                                           \
	({                                                                                     \
		void *__r = bpf_ringbuf_reserve(&ring, (bytes), 0);                            \
		if (__r) {                                                                     \
			__builtin_memset(__r, 0, (zero_bytes));                                \
			emit_header(__r, (record_type), (bytes));                              \
			__sync_fetch_and_add(&stats.sent[(record_type)], 1);                   \
		} else {                                                                       \
			__sync_fetch_and_add(&stats.lost[(record_type)], 1);                   \
		}                                                                              \
		__r;                                                                           \
	})

#define emit_new(record_type, type) ((type *)emit_reserve(record_type, sizeof(type), sizeof(type)))

static __always_inline void emit_submit(void *record)
{
	bpf_ringbuf_submit(record, 0);
}

#define emit_string(dst, src)                                                                  \
	({                                                                                     \
		const char *__s = (src);                                                       \
		if (__s)                                                                       \
			bpf_probe_read_kernel_str((dst), sizeof(dst), __s);                    \
	})

static __noinline void emit_dev(struct record_dev *r, struct device *dev)
{
	struct device_driver *driver;
	struct module *owner;

	if (!r || !dev)
		return;
	r->key = emit_key(dev);
	emit_string(r->name, BPF_CORE_READ(dev, kobj.name));
	emit_string(r->bus, BPF_CORE_READ(dev, bus, name));
	driver = BPF_CORE_READ(dev, driver);
	if (!driver)
		return;
	emit_string(r->driver, BPF_CORE_READ(driver, name));
	owner = BPF_CORE_READ(driver, owner);
	if (owner)
		bpf_probe_read_kernel_str(r->module, sizeof(r->module),
					  (void *)owner + bpf_core_field_offset(struct module, name));
}

#endif
