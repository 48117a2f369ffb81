/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CXLIRQD_OWNER_BPF_H
#define CXLIRQD_OWNER_BPF_H

#include "vector.bpf.h"

/* Sends the handler at @action (irqaction) on the interrupt at @desc. 0: no room in the ring. */
int owner_emit_action(u64 desc, u64 action, u32 reason);

/* Sends one managed request of the device at @device. 0: no room in the ring. */
int owner_emit_devres(u64 device, const struct irq_devres *irq, u32 reason);

#endif
