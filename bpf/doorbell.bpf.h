/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Endpoint functions, for the snapshot. */
#ifndef CXLIRQD_DOORBELL_BPF_H
#define CXLIRQD_DOORBELL_BPF_H

#include "compat.bpf.h"

/* The doorbells and BARs of the pci_epf at @address; 0 when the ring was full. */
int doorbell_emit_function(u64 address);

#endif
