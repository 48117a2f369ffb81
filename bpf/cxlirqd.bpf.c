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

/*
 * Speck64/128 (a public block cipher of 27 rounds), keyed anew at each start of the daemon. A
 * permutation: different addresses give different keys, and without the secret no key gives an
 * address.
 */
__noinline u64 emit_key(u64 address)
{
	u32 x = address >> 32, y = address, k, l0, l1, l2, l;
	u64 secret;

	if (!address)
		return 0;
	secret = key_secret[0];
	k = secret;
	l0 = secret >> 32;
	secret = key_secret[1];
	l1 = secret;
	l2 = secret >> 32;
	for (u32 i = 0; i < 27; i++) {
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
	struct task_struct *task = (void *)bpf_get_current_task();
	struct task_context *context = emit_task();
	u64 id = bpf_get_current_pid_tgid();
	u32 flags = 0;

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
	READ(flags, &task->flags);
	if (flags & PF_KTHREAD)
		h->flags = RECORD_F_KTHREAD;
	bpf_get_current_comm(h->comm, sizeof(h->comm));
	if (h->flags && is_installing(h))
		h->flags |= RECORD_F_INSTALL;
	return 0;
}

__noinline int emit_dev(struct record_dev *r, u64 device)
{
	struct device *dev = (void *)device;
	struct device_driver *driver;
	struct module *owner;

	if (!r || !dev)
		return 0;
	r->key = emit_key(device);
	emit_string(r->name, BPF_CORE_READ(dev, kobj.name));
	emit_string(r->bus, BPF_CORE_READ(dev, bus, name));
	driver = BPF_CORE_READ(dev, driver);
	if (!driver)
		return 0;
	emit_string(r->driver, BPF_CORE_READ(driver, name));
	owner = BPF_CORE_READ(driver, owner);
	if (owner)
		bpf_probe_read_kernel_str(r->module, sizeof(r->module),
					  (void *)owner +
						  bpf_core_field_offset(struct module, name));
	else
		emit_string(r->module, BPF_CORE_READ(driver, mod_name));
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
