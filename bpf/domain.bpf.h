/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CXLIRQD_DOMAIN_BPF_H
#define CXLIRQD_DOMAIN_BPF_H

#include "compat.bpf.h"

#define DOMAIN_NOT_WALKED (~0U)

/*
 * Sends the irq_domain at @domain (0: nothing to do) as it is; @mapped: entries of its reverse map,
 * if they were counted. 0: no room in the ring.
 */
int domain_emit(u64 domain, u32 reason, u32 mapped);

#endif
