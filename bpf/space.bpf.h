/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CXLIRQD_SPACE_BPF_H
#define CXLIRQD_SPACE_BPF_H

#include "compat.bpf.h"

/*
 * Sends the vector space of each CPU from *@cpu on, then that of all; moves *@cpu on and counts
 * into *@emitted. Returns an enum snapshot_result: DONE, FULL or NO_ROOT.
 */
int space_emit(u64 *cpu, u32 *emitted);

#endif
