/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one object: knobs, maps and counters that the hook files share, and the program that looks
 * up the kernel's roots. The hook files are linked with this one into the skeleton.
 */
#include "compat.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct ring_map ring SEC(".maps");
struct tasks_map tasks SEC(".maps");

const volatile __u64 key_secret[2] = {};
const volatile __u32 mask_words = 4;
const volatile __u32 mask_bytes = 8;
const volatile __u32 n_cpus = 1;

struct emit_stats stats = {};
struct roots roots = {};
volatile __u64 zero = 0;

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
	return 0;
}
