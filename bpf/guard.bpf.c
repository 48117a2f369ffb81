// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Refuses writes to the affinity of protected interrupts. An object of its own, for it is loaded only
 * while there is something to protect: the kernel calls it at each read and write of any file.
 *
 * It asks at the write, not when the file is opened: so the way to the file is of no matter (another
 * mount of procfs, a bind mount), nor when it was opened and by whom, nor which system call writes.
 *
 * Almost all of its calls are about other files. What they cost is what stands in guard_write() before
 * its end, which therefore has no call, no map and no stack; judge() is for writes below /proc alone.
 * Measured on x86 (tests/vm/scenarios/guard-cost.sh): an open or close 0 instructions more, a read 98,
 * a write 110, and with Debian's mitigations 180 to 204; six and eleven of them are this program's own
 * before they are compiled, the rest is the kernel's way to any program of this kind and back.
 */
#include "kernel.bpf.h"

#include <asm-generic/errno-base.h>
#include <cxlirqd/program.h>
#include <cxlirqd/record.h>
#include <linux/magic.h>

char LICENSE[] SEC("license") = "GPL";

#define NOT_AFFINITY (~0ULL) /* beside all numbers of interrupts, and RECORD_GUARD_DEFAULT */

/* All programs', reused: the size is that one's */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 12);
} ring SEC(".maps");

/* Memory for as many as there are; a look-up needs none. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, u32);
	__type(value, u8);
} guarded SEC(".maps");

struct guard_knobs knobs = {};
struct guard_stats guard_stats = {};
__u64 daemon_task = 0; /* its address, from its own write; only ever read through */

static const char smp_affinity[] = "smp_affinity";
static const char smp_affinity_list[] = "smp_affinity_list";
static const char default_smp_affinity[] = "default_smp_affinity";
static const char irq_directory[] = "irq";

static __always_inline u64 addr(const void *pointer)
{
	u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), &pointer);
	return value;
}

static __always_inline bool is_named(const struct proc_dir_entry *entry, const char *name)
{
	char text[sizeof(default_smp_affinity) + 1] = {}; /* a longer name is none of them */

	bpf_probe_read_kernel_str(text, sizeof(text), BPF_CORE_READ(entry, name));
	return !bpf_strncmp(text, sizeof(text), name);
}

/* /proc/irq: the root is its own parent. */
static __always_inline bool is_irq_directory(const struct proc_dir_entry *entry)
{
	const struct proc_dir_entry *root = BPF_CORE_READ(entry, parent);

	return is_named(entry, irq_directory) && root == BPF_CORE_READ(root, parent);
}

/* The interrupt whose affinity is written through this file; RECORD_GUARD_DEFAULT; NOT_AFFINITY */
static __always_inline u64 irq_of(const struct proc_dir_entry *entry)
{
	const struct proc_dir_entry *parent = BPF_CORE_READ(entry, parent);

	if (is_named(entry, default_smp_affinity))
		return is_irq_directory(parent) ? RECORD_GUARD_DEFAULT : NOT_AFFINITY;
	if (!is_named(entry, smp_affinity) && !is_named(entry, smp_affinity_list))
		return NOT_AFFINITY;
	parent = BPF_CORE_READ(parent, parent);
	return is_irq_directory(parent) ? (u32)(u64)BPF_CORE_READ(entry, data) : NOT_AFFINITY;
}

static __always_inline bool is_guarded(u32 irq)
{
	if (irq == RECORD_GUARD_DEFAULT)
		return knobs.deny_default;
	return bpf_map_lookup_elem(&guarded, &irq);
}

/*
 * Whether this process is @exempt. Where the guard outlives the daemon, its number is another one's some
 * day: so it is the one that was there when this was asked for the first time.
 */
static __always_inline bool is_exempt(struct guard_exempt *exempt)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u64 started_ns;

	if ((u32)(bpf_get_current_pid_tgid() >> 32) != exempt->process)
		return false;
	started_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	if (!exempt->started_ns)
		exempt->started_ns = started_ns;
	return exempt->started_ns == started_ns;
}

/*
 * The daemon's end takes seconds where many programs are detached with it, one after the other; this
 * one need not wait for its turn. What was a task's memory may be anybody's by now: then the start does
 * not agree.
 */
static __always_inline bool is_orphaned(void)
{
	struct task_struct *task = (void *)daemon_task;

	return !knobs.persists && (BPF_CORE_READ(task, flags) & PF_EXITING ||
				   BPF_CORE_READ(task, start_boottime) != knobs.self.started_ns);
}

static __always_inline void tell(u32 irq, u32 denied)
{
	struct record_guard *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	u64 id = bpf_get_current_pid_tgid();

	if (!r) {
		__sync_fetch_and_add(&guard_stats.lost, 1);
		return;
	}
	__builtin_memset(r, 0, sizeof(*r));
	r->header.type = RECORD_GUARD;
	r->header.version = RECORD_VERSION;
	r->header.size = sizeof(*r);
	r->header.time_ns = bpf_ktime_get_boot_ns();
	r->header.pid = id >> 32;
	r->header.tid = (u32)id;
	r->header.uid = (u32)bpf_get_current_uid_gid();
	r->header.cpu = bpf_get_smp_processor_id();
	r->header.cause = RECORD_CAUSE_AFFINITY_WRITE;
	bpf_get_current_comm(r->header.comm, sizeof(r->header.comm));
	r->irq = irq;
	r->denied = denied;
	bpf_ringbuf_submit(r, 0);
}

/* A write to a file of procfs: 0, or -EPERM */
static __noinline int judge(const struct inode *inode)
{
	const struct proc_inode *proc =
		(const void *)inode - bpf_core_field_offset(struct proc_inode, vfs_inode);
	const struct proc_dir_entry *entry = BPF_CORE_READ(proc, pde);
	u32 enforce = knobs.enforce;
	u64 irq;

	if (!entry) { /* of a process, or a sysctl */
		if (is_exempt(&knobs.self)) {
			struct task_struct *task = (void *)bpf_get_current_task();

			daemon_task = addr(BPF_CORE_READ(task, group_leader));
			__sync_fetch_and_add(&guard_stats.tested, 1);
		}
		return 0;
	}
	irq = irq_of(entry);
	if (irq == NOT_AFFINITY || !is_guarded(irq) || is_exempt(&knobs.self) ||
	    is_exempt(&knobs.writer) || is_orphaned())
		return 0;
	if (enforce)
		__sync_fetch_and_add(&guard_stats.denied, 1);
	else if (knobs.standby)
		return 0;
	else
		__sync_fetch_and_add(&guard_stats.audited, 1);
	tell(irq, !!enforce);
	return enforce ? -EPERM : 0;
}

/*
 * The arguments are taken from the context one by one, for those who need them: file, mask, and what
 * a program before this one said.
 */
SEC("lsm/file_permission")
int guard_write(u64 *context)
{
	const struct inode *inode;

	if (!(context[1] & MAY_WRITE))
		return (int)context[2];
	inode = ((const struct file *)context[0])->f_inode;
	if (inode->i_sb->s_magic != PROC_SUPER_MAGIC)
		return (int)context[2];
	return (int)context[2] ?: judge(inode);
}
