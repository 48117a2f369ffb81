/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one object: knobs, maps and counters that the hook files share, and the program that looks
 * up the kernel's roots. The hook files are linked with this one into the skeleton.
 */
#include "vector.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct ring_map ring SEC(".maps");
struct tasks_map tasks SEC(".maps");
struct messages_map messages SEC(".maps");

const volatile __u64 key_state[KEY_STATE] = {};
const volatile __u32 mask_words = 4;
const volatile __u32 mask_bytes = 8;
const volatile __u32 n_cpus = 1;

struct emit_stats stats = {};
struct roots roots = {};
volatile __u64 zero = 0;

#define ROTATED(word, n) ((word) << (n) | (word) >> (64 - (n)))

#define SIP_ROUND(a, b, c, d)                                                                      \
	do {                                                                                       \
		(a) += (b);                                                                        \
		(b) = ROTATED(b, 13) ^ (a);                                                        \
		(a) = ROTATED(a, 32);                                                              \
		(c) += (d);                                                                        \
		(d) = ROTATED(d, 16) ^ (c);                                                        \
		(a) += (d);                                                                        \
		(d) = ROTATED(d, 21) ^ (a);                                                        \
		(c) += (b);                                                                        \
		(b) = ROTATED(b, 17) ^ (c);                                                        \
		(c) = ROTATED(c, 32);                                                              \
	} while (0)

/*
 * SipHash-1-3 (a public keyed hash of 64 bits; the kernel hashes addresses with its sibling, too), with
 * a secret of the daemon's. A record has up to eight keys, a third of what it takes to make one. That two of
 * a million addresses have the same key is one chance in forty million; without the secret no key gives an
 * address.
 */
__noinline u64 emit_key(u64 address)
{
	u64 a = key_state[0], b = key_state[1], c = key_state[2], d = key_state[3] ^ address;
	u64 length = 8ULL << 56;

	if (!address)
		return 0;
	SIP_ROUND(a, b, c, d);
	a ^= address;
	d ^= length;
	SIP_ROUND(a, b, c, d);
	a ^= length;
	c ^= 0xff;
	SIP_ROUND(a, b, c, d);
	SIP_ROUND(a, b, c, d);
	SIP_ROUND(a, b, c, d);
	return (a ^ b ^ c ^ d) ?: 1;
}

/*
 * A driver's callback for CPUs that come and go runs in the same thread when the driver installs
 * it, on each CPU that is there: nothing happens to the CPU then.
 */
static __always_inline bool is_installing(const struct record_header *h)
{
	struct cpuhp_cpu_state *state = NULL;
	bool single = false;
	u64 offset = 0;

	if (!bpf_core_field_exists(state->single))
		return false;
	if (h->comm[0] != 'c' || h->comm[1] != 'p' || h->comm[2] != 'u' || h->comm[3] != 'h' ||
	    h->comm[4] != 'p' || h->comm[5] != '/' || !roots.cpuhp_state || !roots.per_cpu_offset)
		return false;
	READ(offset, (void *)roots.per_cpu_offset + (u64)h->cpu * 8);
	state = (void *)(roots.cpuhp_state + offset);
	READ(single, &state->single);
	return single;
}

__noinline int emit_header(struct record_header *h, u32 type, u32 size)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_context *context = emit_task();
	u64 id = bpf_get_current_pid_tgid();

	if (!h)
		return 0;
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
	if (task->flags & PF_KTHREAD)
		h->flags = RECORD_F_KTHREAD;
	bpf_get_current_comm(h->comm, sizeof(h->comm));
	if (h->flags && is_installing(h))
		h->flags |= RECORD_F_INSTALL;
	return 0;
}

static __always_inline u64 root_lookup(const char *name, int size)
{
	u64 address = 0;

	bpf_kallsyms_lookup_name(name, size, 0, &address);
	return address;
}

#define ROOT(name) root_lookup(name, sizeof(name))

/* Run once after load. What stays 0 is reported as a missing feature. */
SEC("syscall")
int find_roots(void *ctx)
{
	roots.irq_domain_list = ROOT("irq_domain_list");
	roots.sparse_irqs = ROOT("sparse_irqs");
	roots.irq_desc_tree = ROOT("irq_desc_tree");
	roots.per_cpu_offset = ROOT("__per_cpu_offset");
	roots.devm_irq_release = ROOT("devm_irq_release");
	roots.devices_kset = ROOT("devices_kset");
	roots.vector_matrix = ROOT("vector_matrix");
	roots.cpuhp_state = ROOT("cpuhp_state");
	return 0;
}
