/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CXLIRQD_VECTOR_BPF_H
#define CXLIRQD_VECTOR_BPF_H

#include "compat.bpf.h"

#define VECTOR_ACTIONS_MAX 256

/* Sends the interrupt at @desc (irq_desc; 0: nothing to do) as it is. 0: no room in the ring. */
int vector_emit(u64 desc, u32 reason, s32 error);

static __always_inline u64 desc_of_data(struct irq_data *data)
{
	struct irq_common_data *common = BPF_CORE_READ(data, common);

	return common ? addr(common) - bpf_core_field_offset(struct irq_desc, irq_common_data) : 0;
}

#endif
