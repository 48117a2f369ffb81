/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An interrupt as it is: every hook that changes one ends by reading it again, so user space
 * never has to replay differences. The snapshot calls the same function.
 */
#include "vector.bpf.h"

struct count_context {
	u64 sum;
	const void *counts;
};

static long vector_count_cpu(u32 cpu, struct count_context *c)
{
	u64 offset = 0;
	u32 count = 0;

	READ(offset, (void *)roots.per_cpu_offset + (u64)cpu * 8);
	READ(count, c->counts + offset);
	c->sum += count;
	return 0;
}

/* As the kernel's kstat_irqs_desc(): only device interrupts keep a total. */
static __always_inline u64 vector_count(struct irq_desc *desc, u32 status)
{
	struct count_context c = { .sum = zero };

	if (!(status & IRQ_PER_CPU_FLAGS))
		return desc_total(desc);
	c.counts = BPF_CORE_READ(desc, kstat_irqs);
	if (!c.counts || !roots.per_cpu_offset)
		return 0;
	bpf_loop(n_cpus, vector_count_cpu, &c, 0);
	return c.sum;
}

static __always_inline void vector_levels(struct record_vector *r, struct irq_desc *desc)
{
	struct irq_data *data = (void *)desc + bpf_core_field_offset(struct irq_desc, irq_data);

	if (!r)
		return;
	for (u32 i = 0; i < RECORD_LEVELS; i++) {
		struct apic_chip_data *apic;

		if (!data)
			break;
		r->levels[i].domain = emit_key(addr(BPF_CORE_READ(data, domain)));
		r->levels[i].hwirq = BPF_CORE_READ(data, hwirq);
		emit_string(r->levels[i].chip, BPF_CORE_READ(data, chip, name));
		r->n_levels = i + 1;
		if (bpf_core_type_exists(struct apic_chip_data) && r->levels[i].chip[0] == 'A' &&
		    r->levels[i].chip[1] == 'P' && r->levels[i].chip[2] == 'I' &&
		    r->levels[i].chip[3] == 'C' && !r->levels[i].chip[4]) {
			apic = BPF_CORE_READ(data, chip_data);
			if (apic) {
				r->x86_vector = BPF_CORE_READ(apic, vector);
				r->x86_cpu = BPF_CORE_READ(apic, cpu);
			}
		}
		data = BPF_CORE_READ(data, parent_data);
	}
}

static __always_inline u32 vector_msi_type(struct msi_desc *msi, const char *bus)
{
	struct msi_desc___pci *pci = (void *)msi;

	if (bus[0] != 'p' || bus[1] != 'c' || bus[2] != 'i' || bus[3])
		return RECORD_MSI_OTHER;
	if (bpf_core_field_exists(pci->pci.msi_attrib.is_msix) &&
	    BPF_CORE_READ_BITFIELD_PROBED(pci, pci.msi_attrib.is_msix))
		return RECORD_MSI_PCI_MSIX;
	return RECORD_MSI_PCI_MSI;
}

static __always_inline void vector_msi(struct record_vector *r, struct irq_desc *desc)
{
	struct msi_desc *msi = BPF_CORE_READ(desc, irq_common_data.msi_desc);

	if (!msi || !r)
		return;
	r->msi_key = emit_key(addr(msi));
	r->msi_index = BPF_CORE_READ(msi, msi_index);
	r->msi_irq = BPF_CORE_READ(msi, irq);
	r->msi_count = BPF_CORE_READ(msi, nvec_used);
	r->message.address_lo = BPF_CORE_READ(msi, msg.address_lo);
	r->message.address_hi = BPF_CORE_READ(msi, msg.address_hi);
	r->message.data = BPF_CORE_READ(msi, msg.data);
	emit_dev(&r->provider, addr(BPF_CORE_READ(msi, dev)));
	r->msi_type = vector_msi_type(msi, r->provider.bus);
}

static long vector_count_action(u32 i, struct irqaction **action)
{
	if (!*action)
		return 1;
	READ(*action, &(*action)->next);
	return 0;
}

static __always_inline u32 vector_n_actions(struct irq_desc *desc)
{
	struct irqaction *action = BPF_CORE_READ(desc, action);
	long n = bpf_loop(VECTOR_ACTIONS_MAX, vector_count_action, &action, 0);

	/* the round that finds the end is counted too */
	return n > 0 && !action && n < VECTOR_ACTIONS_MAX ? n - 1 : n;
}

int vector_fill(struct record_vector *r, u64 address, u32 reason, s32 error);

__noinline int vector_fill(struct record_vector *r, u64 address, u32 reason, s32 error)
{
	struct irq_desc *desc = (void *)address;

	if (!r || !desc)
		return 0;
	r->reason = reason;
	r->error = error;
	r->irq = BPF_CORE_READ(desc, irq_data.irq);
	r->key = emit_key(addr(desc));
	r->state = BPF_CORE_READ(desc, irq_common_data.state_use_accessors);
	r->status = BPF_CORE_READ(desc, status_use_accessors);
	r->interrupts = vector_count(desc, r->status);
	r->x86_vector = r->x86_cpu = -1;
	vector_levels(r, desc);
	vector_msi(r, desc);
	r->n_actions = vector_n_actions(desc);
	r->mask_words = mask_words;
	return 0;
}

/*
 * One of the record's masks; @words (the size class) and @which are constants. A failed read leaves
 * zeros: first all of the class, then what this kernel has.
 */
static __always_inline void vector_mask(struct record_vector *r, u64 desc, const u32 words,
					const u32 which)
{
	void *dst = (void *)(r + 1) + which * words * 8;
	const void *mask = desc_mask((void *)desc, which);
	u32 bytes = mask_bytes;

	if (bytes > words * 8)
		bytes = words * 8;
	bpf_probe_read_kernel(dst, words * 8, NULL);
	if (!mask || !bytes)
		return;
	bpf_probe_read_kernel(dst, bytes, mask);
	/* cpumask_setall() sets whole words */
	if (n_cpus % 64)
		*(u64 *)(dst + bytes - 8) &= (1ULL << n_cpus % 64) - 1;
}

static __always_inline int vector_emit_class(u64 desc, u32 reason, s32 error, const u32 words)
{
	struct record_vector *r =
		emit_reserve(RECORD_VECTOR, sizeof(*r) + RECORD_MASKS * words * 8, sizeof(*r));

	if (!r)
		return 0;
	vector_fill(r, desc, reason, error);
	/* not a loop: the compiler would compute offsets before the check that they exist */
	vector_mask(r, desc, words, RECORD_MASK_AFFINITY);
	vector_mask(r, desc, words, RECORD_MASK_EFFECTIVE);
	vector_mask(r, desc, words, RECORD_MASK_PENDING);
	emit_submit(r);
	return 1;
}

__noinline int vector_emit(u64 desc, u32 reason, s32 error)
{
	if (!desc)
		return 1;
	if (mask_words <= 4)
		return vector_emit_class(desc, reason, error, 4);
	if (mask_words <= 16)
		return vector_emit_class(desc, reason, error, 16);
	return vector_emit_class(desc, reason, error, 128);
}
