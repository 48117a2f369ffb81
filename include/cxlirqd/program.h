/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon and the BPF programs share besides records. */
#ifndef CXLIRQD_PROGRAM_H
#define CXLIRQD_PROGRAM_H

#include <cxlirqd/record.h>
#include <linux/types.h>

/* What the hash that makes keys of addresses (bpf/cxlirqd.bpf.c) begins with: its constants and the secret */
#define KEY_STATE 4

/* What programs note from one hook to the next, each in a map of its own */
enum program_note {
	PROGRAM_NOTE_TASK, /* what a task is in the middle of */
	PROGRAM_NOTE_MESSAGE,
	PROGRAM_NOTE_DOORBELL,
	PROGRAM_NOTE_MAX
};

/* Records by type: put into the ring, and those that found no room there; notes that found none */
struct emit_stats {
	__u64 sent[RECORD_TYPE_MAX];
	__u64 lost[RECORD_TYPE_MAX];
	__u64 refused[PROGRAM_NOTE_MAX];
};

/* Addresses of kernel data, 0 = the kernel does not tell. They stay in the kernel's memory. */
struct roots {
	__u64 irq_domain_list;
	__u64 sparse_irqs; /* maple tree, since 6.5 */
	__u64 irq_desc_tree; /* radix tree = xarray, before 6.5 */
	__u64 per_cpu_offset;
	__u64 devm_irq_release;
	__u64 devices_kset;
	__u64 vector_matrix; /* pointer to struct irq_matrix, x86 */
	__u64 cpuhp_state; /* struct cpuhp_cpu_state, per CPU */
};

/* One bounded piece of the walk: handed to the snapshot program, and what it gave back. */
enum snapshot_part {
	SNAPSHOT_DOMAINS,
	SNAPSHOT_VECTORS,
	SNAPSHOT_OWNERS,
	SNAPSHOT_SPACE, /* in one piece whatever the limit: its records are small */
	SNAPSHOT_PARTS
};

enum snapshot_result {
	SNAPSHOT_MORE, /* call again with the same request */
	SNAPSHOT_DONE, /* the part is complete */
	SNAPSHOT_FULL, /* no room in the ring: drain it, then call again */
	SNAPSHOT_NO_ROOT, /* the kernel did not tell where to start */
	SNAPSHOT_CUT /* a list ended where it should not: something changed under the walk */
};

struct snapshot_request {
	__u32 part; /* enum snapshot_part */
	__u32 limit; /* records in one piece */
	__u64 cursor; /* in: 0 at first; out: where to go on */
	__u32 emitted; /* out */
	__u32 result; /* out: enum snapshot_result */
};

/* What the guard's program is told, and tells; it reads the knobs at each write. */
struct guard_knobs {
	__u32 enforce; /* 0: writes are told and go on */
	__u32 deny_default; /* /proc/irq/default_smp_affinity is protected, too */
	__u32 standby; /* another one still tells: what is not denied is not told */
	__u32 persists; /* when the daemon has gone, too */
	/* Processes that it does not hinder */
	struct guard_exempt {
		__u32 process, reserved; /* 0 = none */
		__u64 started_ns; /* as the program has seen it: the number may be another's later */
	} self, writer;
};

struct guard_stats {
	__u64 denied, audited; /* writes */
	__u64 lost; /* of their records */
	__u64 tested; /* writes of @self to its own files in /proc: the program does run */
};

#endif
