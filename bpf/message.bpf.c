/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI descriptors and messages: allocation, every write of an address/data pair, release; and on
 * x86 the vector and CPU that were programmed.
 */
#include "vector.bpf.h"

/* Descriptors without an MSI (wired, GPIO, embedded doorbells) are known from here on only. */
SEC("?fexit/__irq_alloc_descs")
int irqs_allocated(u64 *ctx)
{
	struct record_range *r;
	s32 base = ctx[6];

	if (base < 0)
		return 0;
	r = emit_new(RECORD_ALLOC, struct record_range);
	if (!r)
		return 0;
	r->irq = base;
	r->count = ctx[2];
	emit_submit(r);
	return 0;
}

/* The single point through which every MSI, MSI-X and platform MSI vector passes, one at a time */
SEC("?fexit/irq_set_msi_desc_off")
int msi_allocated(u64 *ctx)
{
	if (!ctx[2] || (s32)ctx[3])
		return 0;
	vector_emit(desc_of_irq((u32)ctx[0] + (u32)ctx[1]), RECORD_REASON_ALLOCATED, 0);
	return 0;
}

/* 6.1 has its own copy of the above in here, for platform MSI */
SEC("?fexit/irq_set_msi_desc")
int msi_allocated_single(u64 *ctx)
{
	if (!ctx[1] || (s32)ctx[2])
		return 0;
	vector_emit(desc_of_irq((u32)ctx[0]), RECORD_REASON_ALLOCATED, 0);
	return 0;
}

/* Every release of interrupt numbers, whoever had them */
SEC("?fentry/irq_free_descs")
int irqs_freed(u64 *ctx)
{
	struct record_range *r = emit_new(RECORD_FREE, struct record_range);

	if (!r)
		return 0;
	r->irq = ctx[0];
	r->count = ctx[1];
	emit_submit(r);
	return 0;
}

static __always_inline void message_new(struct record_msg *to, const struct msi_msg *message)
{
	to->address_lo = message->address_lo;
	to->address_hi = message->address_hi;
	to->data = message->data;
}

/* Before the write: the descriptor still holds the old message. */
SEC("?fentry/__pci_write_msi_msg")
int message_pci(u64 *ctx)
{
	struct record_message *r = emit_new(RECORD_MESSAGE, struct record_message);
	struct msi_desc *msi = (void *)ctx[0];
	u64 desc;

	if (!r)
		return 0;
	r->irq = msi->irq;
	r->msi_key = emit_key(NUMBER(r->msi_key, msi));
	r->msi_index = msi->msi_index;
	r->count = msi->nvec_used;
	r->old_message.address_lo = msi->msg.address_lo;
	r->old_message.address_hi = msi->msg.address_hi;
	r->old_message.data = msi->msg.data;
	r->old_known = true;
	message_new(&r->new_message, (void *)ctx[1]);
	desc = desc_of_irq(r->irq);
	if (desc)
		r->state =
			BPF_CORE_READ((struct irq_desc *)desc, irq_common_data.state_use_accessors);
	emit_submit(r);
	return 0;
}

/* Platform MSI keeps no message in the descriptor: the old one is what was seen last. */
static __always_inline int message_platform(struct irq_data *data, struct msi_msg *new)
{
	struct msi_desc *msi = data->common->msi_desc;
	struct record_msg message = {};
	struct record_message *r;
	u32 irq = data->irq;

	message_new(&message, new);
	/* first: a walk that meets the new one has its record behind it */
	if (bpf_map_update_elem(&messages, &irq, &message, BPF_ANY))
		emit_refused(PROGRAM_NOTE_MESSAGE);
	r = emit_new(RECORD_MESSAGE, struct record_message);
	if (!r)
		return 0;
	r->irq = irq;
	r->count = 1;
	if (msi) {
		r->msi_key = emit_key(NUMBER(r->msi_key, msi));
		r->msi_index = msi->msi_index;
		r->count = msi->nvec_used;
	}
	r->new_message = message;
	r->state = data->common->state_use_accessors;
	emit_submit(r);
	return 0;
}

/* since 6.10 */
SEC("?fentry/platform_msi_write_msi_msg")
int message_platform_device(u64 *ctx)
{
	return message_platform((void *)ctx[0], (void *)ctx[1]);
}

/* before 6.10 */
SEC("?fentry/platform_msi_write_msg")
int message_platform_global(u64 *ctx)
{
	return message_platform((void *)ctx[0], (void *)ctx[1]);
}

static __always_inline int x86_vector_emit(u32 irq, s32 vector, s32 cpu, u32 apicdest)
{
	struct record_x86_vector *r = emit_new(RECORD_X86_VECTOR, struct record_x86_vector);

	if (!r)
		return 0;
	r->irq = irq;
	r->vector = vector;
	r->cpu = cpu;
	r->apicdest = apicdest;
	emit_submit(r);
	return 0;
}

/* Tracepoints do not fire on a CPU that is going offline: irq_do_set_affinity is the authority. */
SEC("?tp_btf/vector_config")
int x86_vector_config(u64 *ctx)
{
	return x86_vector_emit(ctx[0], ctx[1], ctx[2], ctx[3]);
}

SEC("?tp_btf/vector_clear")
int x86_vector_clear(u64 *ctx)
{
	return x86_vector_emit(ctx[0], -1, -1, 0);
}
