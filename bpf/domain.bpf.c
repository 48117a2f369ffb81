/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of an irq_domain. Its bus token and, for a per-device MSI domain, its device come after
 * its creation: each step sends the domain as it then is.
 */
#include "domain.bpf.h"

__noinline int domain_emit(u64 address, u32 reason, u32 mapped)
{
	struct irq_domain *domain = (void *)address;
	struct record_domain *r;

	if (!domain)
		return 1;
	r = emit_new(RECORD_DOMAIN, struct record_domain);
	if (!r)
		return 0;
	r->reason = reason;
	r->key = emit_key(address);
	r->parent = emit_key((u64)BPF_CORE_READ(domain, parent));
	r->flags = BPF_CORE_READ(domain, flags);
	r->bus_token = BPF_CORE_READ(domain, bus_token);
	r->hwirq_max = BPF_CORE_READ(domain, hwirq_max);
	r->mapcount = BPF_CORE_READ(domain, mapcount);
	r->mapped = mapped;
	emit_string(r->name, BPF_CORE_READ(domain, name));
	emit_dev(&r->device, (u64)BPF_CORE_READ(domain, dev));
	emit_submit(r);
	return 1;
}

/* Since 6.11 every irq_domain_create_*() ends here */
SEC("?fexit/__irq_domain_instantiate")
int domain_instantiated(u64 *ctx)
{
	u64 address = addr((void *)ctx[3]);

	if (address >= (u64)-MAX_ERRNO)
		return 0;
	domain_emit(address, RECORD_REASON_CREATED, DOMAIN_NOT_WALKED);
	return 0;
}

/* ... and before 6.11 here */
SEC("?fentry/__irq_domain_publish")
int domain_published(u64 *ctx)
{
	domain_emit(addr((void *)ctx[0]), RECORD_REASON_CREATED, DOMAIN_NOT_WALKED);
	return 0;
}

SEC("?fexit/irq_domain_update_bus_token")
int domain_bus_token(u64 *ctx)
{
	domain_emit(addr((void *)ctx[0]), RECORD_REASON_UPDATED, DOMAIN_NOT_WALKED);
	return 0;
}

/* Per-device MSI domains (6.2): only now domain->dev is set. */
SEC("?fexit/msi_create_device_irq_domain")
int domain_of_device(u64 *ctx)
{
	struct device *dev = (void *)ctx[0];
	u32 domid = ctx[1];
	struct irq_domain *domain = NULL;
	void *data;

	if (!(ctx[6] & 0xff) || domid > 8)
		return 0;
	data = BPF_CORE_READ(dev, msi.data);
	if (!data)
		return 0;
	READ(domain, data + bpf_core_field_offset(struct msi_device_data, __domains) +
			     domid * bpf_core_type_size(struct msi_dev_domain) +
			     bpf_core_field_offset(struct msi_dev_domain, domain));
	/* what its parent declares is what matters for it, and may have changed since it was made */
	domain_emit((u64)BPF_CORE_READ(domain, parent), RECORD_REASON_UPDATED, DOMAIN_NOT_WALKED);
	domain_emit((u64)domain, RECORD_REASON_UPDATED, DOMAIN_NOT_WALKED);
	return 0;
}

/* The last moment at which the name is valid; the address may be used again at once. */
SEC("?fentry/irq_domain_remove")
int domain_removed(u64 *ctx)
{
	domain_emit(addr((void *)ctx[0]), RECORD_REASON_REMOVED, DOMAIN_NOT_WALKED);
	return 0;
}
