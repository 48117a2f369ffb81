/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An irq_domain as it is; read again by every hook on its life and by the snapshot. */
#ifndef CXLIRQD_DOMAIN_BPF_H
#define CXLIRQD_DOMAIN_BPF_H

#include "compat.bpf.h"

#define DOMAIN_NOT_WALKED (~0U)

static __noinline bool domain_emit(struct irq_domain *domain, u32 reason, u32 mapped)
{
	struct record_domain *r;

	if (!domain)
		return true;
	r = emit_new(RECORD_DOMAIN, struct record_domain);
	if (!r)
		return false;
	r->reason = reason;
	r->key = emit_key(domain);
	r->parent = emit_key(BPF_CORE_READ(domain, parent));
	r->flags = BPF_CORE_READ(domain, flags);
	r->bus_token = BPF_CORE_READ(domain, bus_token);
	r->hwirq_max = BPF_CORE_READ(domain, hwirq_max);
	r->mapcount = BPF_CORE_READ(domain, mapcount);
	r->mapped = mapped;
	emit_string(r->name, BPF_CORE_READ(domain, name));
	emit_dev(&r->device, BPF_CORE_READ(domain, dev));
	emit_submit(r);
	return true;
}

#endif
