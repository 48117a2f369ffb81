/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CXLIRQD_VECTOR_BPF_H
#define CXLIRQD_VECTOR_BPF_H

#include "compat.bpf.h"

#define VECTOR_ACTIONS_MAX 256

/*
 * The last message of each interrupt whose descriptor keeps none, which is all but PCI's: what a walk
 * sees of a message whose own record found no room in the ring. An interrupt that is given up has a
 * message of zeros. One that finds no room here is as if there was no message.
 */
struct messages_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, u32);
	__type(value, struct record_msg);
};
extern struct messages_map messages SEC(".maps");

/* Sends the interrupt at @desc (irq_desc; 0: nothing to do) as it is. 0: no room in the ring. */
int vector_emit(u64 desc, u32 reason, s32 error);

static __always_inline u64 desc_of_data(struct irq_data *data)
{
	u64 common = addr(data->common);

	return common ? common - bpf_core_field_offset(struct irq_desc, irq_common_data) : 0;
}

#endif
