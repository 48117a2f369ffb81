/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's two index trees, read from outside: one look at a time, so that the caller's loop
 * is the only one without a small bound.
 */
#include "compat.bpf.h"

static __always_inline bool tree_is_node(u64 entry)
{
	return (entry & 3) == 2 && entry > 4096;
}

/* XArray (include/linux/xarray.h): 64 slots a node, 16 with CONFIG_BASE_SMALL. */
__noinline int xarray_slot(u64 head, u64 index, struct tree_slot *slot)
{
	u32 bits = bpf_core_field_size(struct xa_node, slots) == 64 * sizeof(void *) ? 6 : 4;
	u64 entry = head, shifted;
	u8 shift = 0;

	if (!slot)
		return -1;
	slot->entry = 0;
	slot->next = 0;
	if (!tree_is_node(entry)) {
		if (!index)
			slot->entry = entry;
		return 0;
	}
	for (u32 depth = 0; depth < 12; depth++) {
		void *node = (void *)(entry - 2);

		if (READ(shift, node + bpf_core_field_offset(struct xa_node, shift)))
			return -1;
		shift &= 63;
		shifted = index >> shift;
		if (!depth && shifted >> bits)
			return 0;
		shifted &= (1 << bits) - 1;
		if (READ(entry, node + bpf_core_field_offset(struct xa_node, slots) + shifted * 8))
			return -1;
		if (!tree_is_node(entry))
			break;
	}
	slot->entry = entry;
	slot->next = ((index >> shift) + 1) << shift;
	return 0;
}

#define MAPLE_PIVOTS 15

/* All pivots of a node of a kind, and which of them is the last */
#define maple_read(node, kind, ret_pivots, ret_end)                                                \
	(bpf_probe_read_kernel((ret_pivots), sizeof(((kind *)NULL)->pivot),                        \
			       (void *)(node) + bpf_core_field_offset(kind, pivot)) ||             \
	 READ(*(ret_end), (void *)(node) + bpf_core_field_offset(kind, meta.end)))

/* Maple tree (include/linux/maple_tree.h): only the root is tagged as an xarray node would be. */
__noinline int maple_slot(u64 root, u64 index, struct tree_slot *slot)
{
	u64 entry = root, max = ~0ULL;
	u32 type = 0, i;

	if (!slot)
		return -1;
	slot->entry = 0;
	slot->next = 0;
	if (!tree_is_node(entry)) {
		if (!index)
			slot->entry = entry;
		return 0;
	}
	for (u32 depth = 0; depth < 8; depth++) {
		u64 node = entry & ~255ULL, pivots[MAPLE_PIVOTS] = {}, slots;
		u32 n_pivots = MAPLE_PIVOTS;
		u8 end = 0;

		type = (entry >> 3) & 15;
		if (type == 3) { /* maple_arange_64 */
			if (maple_read(node, struct maple_arange_64, pivots, &end))
				return -1;
			slots = bpf_core_field_offset(struct maple_arange_64, slot);
			n_pivots = 9;
		} else { /* maple_leaf_64, maple_range_64 */
			if (maple_read(node, struct maple_range_64, pivots, &end))
				return -1;
			slots = bpf_core_field_offset(struct maple_range_64, slot);
			/* a full one has its last pivot, and no end */
			if (pivots[MAPLE_PIVOTS - 1])
				end = MAPLE_PIVOTS;
		}
		if (end > n_pivots)
			end = n_pivots;
		for (i = 0; i < MAPLE_PIVOTS; i++) {
			if (i >= end)
				break;
			if (pivots[i] >= index) {
				max = pivots[i];
				break;
			}
		}
		if (READ(entry, (void *)node + slots + i * 8))
			return -1;
		if (type <= 1 || !entry)
			break;
	}
	slot->entry = entry;
	slot->next = max == ~0ULL ? 0 : max + 1;
	return 0;
}
