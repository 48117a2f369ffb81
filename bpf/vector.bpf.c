/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An interrupt as it is: every hook that changes one ends by reading it again, so user space
 * never has to replay differences. The snapshot calls the same function.
 */
#include "vector.bpf.h"
#include "load.bpf.h"

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

/* tot_count grew from u32 to unsigned long in 7.x */
static __always_inline u64 vector_total(struct irq_desc *desc)
{
	if (bpf_core_field_size(struct irq_desc, tot_count) == 8)
		return LOAD(desc, tot_count);
	return LOAD((struct irq_desc___u32_count *)desc, tot_count);
}

/* As the kernel's kstat_irqs_desc(): only device interrupts keep a total. */
static __always_inline u64 vector_count(struct irq_desc *desc, u32 status)
{
	struct count_context c = { .sum = zero };

	if (!(status & IRQ_PER_CPU_FLAGS))
		return vector_total(desc);
	c.counts = BPF_CORE_READ(desc, kstat_irqs);
	if (!c.counts || !roots.per_cpu_offset)
		return 0;
	bpf_loop(n_cpus, vector_count_cpu, &c, 0);
	return c.sum;
}

__noinline int emit_dev(struct record_dev *r, u64 device)
{
	struct device *dev = OBJECT(struct device, device);
	struct device_driver *driver;
	const struct bus_type *bus;
	struct module *owner;

	if (!r || !device)
		return 0;
	r->key = emit_key(device);
	LOAD_STRING(r->name, LOAD(dev, kobj.name));
	bus = LOAD(dev, bus);
	if (bus)
		LOAD_STRING(r->bus, LOAD(bus, name));
	driver = LOAD(dev, driver);
	if (!driver)
		return 0;
	LOAD_STRING(r->driver, LOAD(driver, name));
	owner = LOAD(driver, owner);
	if (owner)
		LOAD_STRING(r->module, owner->name);
	else
		LOAD_STRING(r->module, LOAD(driver, mod_name));
	return 0;
}

static __always_inline void vector_levels(struct record_vector *r, struct irq_desc *desc)
{
	struct irq_data *data = &desc->irq_data;

	for (u32 i = 0; i < RECORD_LEVELS; i++) {
		struct record_level *level = &r->levels[i];
		struct apic_chip_data *apic;
		struct irq_chip *chip;

		if (!data)
			break;
		level->domain = emit_key(NUMBER(level->domain, LOAD(data, domain)));
		level->hwirq = LOAD(data, hwirq);
		chip = LOAD(data, chip);
		if (chip)
			LOAD_STRING(level->chip, LOAD(chip, name));
		r->n_levels = i + 1;
		if (bpf_core_type_exists(struct apic_chip_data) && level->chip[0] == 'A' &&
		    level->chip[1] == 'P' && level->chip[2] == 'I' && level->chip[3] == 'C' &&
		    !level->chip[4]) {
			apic = OBJECT(struct apic_chip_data, LOAD(data, chip_data));
			if (apic) {
				r->x86_vector = LOAD(apic, vector);
				r->x86_cpu = LOAD(apic, cpu);
			}
		}
		data = LOAD(data, parent_data);
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

static __always_inline void vector_kept_message(struct record_vector *r)
{
	u32 irq = r->irq;
	struct record_msg *kept = bpf_map_lookup_elem(&messages, &irq);

	if (!kept)
		return;
	r->message = *kept;
	r->flags |= RECORD_VECTOR_MESSAGE_KEPT;
}

static __always_inline void vector_msi(struct record_vector *r, struct irq_desc *desc)
{
	struct msi_desc *msi = LOAD(desc, irq_common_data.msi_desc);

	if (!msi)
		return;
	r->msi_key = emit_key(NUMBER(r->msi_key, msi));
	r->msi_index = LOAD(msi, msi_index);
	r->msi_irq = LOAD(msi, irq);
	r->msi_count = LOAD(msi, nvec_used);
	r->message.address_lo = LOAD(msi, msg.address_lo);
	r->message.address_hi = LOAD(msi, msg.address_hi);
	r->message.data = LOAD(msi, msg.data);
	emit_dev(&r->provider, NUMBER(r->provider.key, LOAD(msi, dev)));
	r->msi_type = vector_msi_type(msi, r->provider.bus);
	if (r->msi_type == RECORD_MSI_OTHER)
		vector_kept_message(r);
}

static __always_inline u32 vector_n_actions(struct irq_desc *desc)
{
	struct irqaction *action = LOAD(desc, action);
	u32 n;

	for (n = 0; n < VECTOR_ACTIONS_MAX && action; n++)
		action = LOAD(action, next);
	return n;
}

int vector_fill(struct record_vector *r, u64 address, u32 reason, s32 error);

__noinline int vector_fill(struct record_vector *r, u64 address, u32 reason, s32 error)
{
	struct irq_desc *desc = OBJECT(struct irq_desc, address);

	if (!r || !address)
		return 0;
	r->reason = reason;
	r->error = error;
	r->irq = LOAD(desc, irq_data.irq);
	r->key = emit_key(address);
	r->state = LOAD(desc, irq_common_data.state_use_accessors);
	r->status = LOAD(desc, status_use_accessors);
	r->interrupts = vector_count(desc, r->status);
	r->x86_vector = r->x86_cpu = -1;
	vector_levels(r, desc);
	vector_msi(r, desc);
	r->n_actions = vector_n_actions(desc);
	r->mask_words = mask_words;
	return 0;
}

/* cpumask_var_t: a pointer with CONFIG_CPUMASK_OFFSTACK, else an array of one */
static __always_inline const void *vector_mask_of(struct irq_desc *desc, u32 which)
{
	struct irq_common_data___pointer *p = (void *)&desc->irq_common_data;
	struct irq_common_data___inline *i = (void *)p;
	struct irq_desc___pointer *dp = (void *)desc;
	struct irq_desc___inline *di = (void *)desc;

	switch (which) {
	case RECORD_MASK_AFFINITY:
		if (bpf_core_field_exists(i->affinity))
			return i->affinity;
		return bpf_core_field_exists(p->affinity) ? LOAD(p, affinity) : NULL;
	case RECORD_MASK_EFFECTIVE:
		if (bpf_core_field_exists(i->effective_affinity))
			return i->effective_affinity;
		return bpf_core_field_exists(p->effective_affinity) ? LOAD(p, effective_affinity) :
								      NULL;
	default:
		if (bpf_core_field_exists(di->pending_mask))
			return di->pending_mask;
		return bpf_core_field_exists(dp->pending_mask) ? LOAD(dp, pending_mask) : NULL;
	}
}

/*
 * One of the record's masks; @words (the size class) and @which are constants: zeros for all of
 * the class, then what this kernel has of it.
 */
static __always_inline void vector_mask(struct record_vector *r, u64 desc, const u32 words,
					const u32 which)
{
	void *dst = (void *)(r + 1) + which * words * 8;
	const void *mask = vector_mask_of(OBJECT(struct irq_desc, desc), which);
	u32 bytes = mask_bytes;

	if (bytes > words * 8)
		bytes = words * 8;
	__builtin_memset(dst, 0, words * 8);
	if (!mask || !bytes)
		return;
	if (CAN_LOAD && bytes == 8)
		*(u64 *)dst = LOAD_WORD(mask);
	else
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
