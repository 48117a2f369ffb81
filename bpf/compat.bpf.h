/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Helpers for differences between kernels; a field or type that may be missing is asked for where it
 * is read. Versions: the first with a change; each helper was run on kernels from both sides of it.
 */
#ifndef CXLIRQD_COMPAT_BPF_H
#define CXLIRQD_COMPAT_BPF_H

#include "emit.bpf.h"

extern struct roots roots;

/*
 * Kernels without "verify callbacks as if they are called unknown number of times" (6.8, not in
 * 6.1's long-term line) verify a bpf_loop() callback once, with the values of its first round, and
 * delete what looks dead then. Loop state therefore starts from this opaque zero, never from a
 * constant.
 */
extern volatile __u64 zero;

/* One look into an index tree: what stands at @index, and the next index worth a look. */
struct tree_slot {
	u64 entry;
	u64 next; /* 0 = the end */
};

static __always_inline bool tree_is_pointer(u64 entry)
{
	return entry && !(entry & 3);
}

/* tree.bpf.c; 0, or -1 if the tree cannot be read */
int xarray_slot(u64 head, u64 index, struct tree_slot *slot);
int maple_slot(u64 root, u64 index, struct tree_slot *slot);

/* irq_desc by number: a maple tree since 6.5, a radix tree before */
static __always_inline int desc_slot(u64 irq, struct tree_slot *slot)
{
	u64 root = 0;

	if (roots.sparse_irqs) {
		READ(root,
		     (void *)roots.sparse_irqs + bpf_core_field_offset(struct maple_tree, ma_root));
		return maple_slot(root, irq, slot);
	}
	if (roots.irq_desc_tree) {
		READ(root,
		     (void *)roots.irq_desc_tree + bpf_core_field_offset(struct xarray, xa_head));
		return xarray_slot(root, irq, slot);
	}
	return -1;
}

/* 0 = there is none, or the kernel did not tell where to look */
static __always_inline u64 desc_of_irq(u32 irq)
{
	struct tree_slot slot = {};

	if (desc_slot(irq, &slot) < 0 || !tree_is_pointer(slot.entry))
		return 0;
	return slot.entry;
}

/*
 * A managed resource of the kind that devm_request_irq() adds. 7.1 moved the release function out
 * of the list node. @entry: the node's list entry, the first field of struct devres in all.
 */
static __always_inline bool devres_is_irq(const void *entry, struct irq_devres *irq)
{
	u64 release = 0;
	const void *data;

	if (bpf_core_field_exists(struct devres___own_release, release)) {
		READ(release, entry + bpf_core_field_offset(struct devres___own_release, release));
		data = entry + bpf_core_field_offset(struct devres___own_release, data);
	} else {
		READ(release, entry + bpf_core_field_offset(struct devres_node, release));
		data = entry + bpf_core_field_offset(struct devres, data);
	}
	if (!release || release != roots.devm_irq_release)
		return false;
	return !bpf_probe_read_kernel(irq, sizeof(*irq), data);
}

/* devres_add() gets the data, the node stands before it */
static __always_inline const void *devres_entry(const void *data)
{
	if (bpf_core_field_exists(struct devres___own_release, release))
		return data - bpf_core_field_offset(struct devres___own_release, data);
	return data - bpf_core_field_offset(struct devres, data);
}

#endif
