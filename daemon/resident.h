/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of this process is in memory */
#ifndef CXLIRQD_RESIDENT_H
#define CXLIRQD_RESIDENT_H

/*
 * Forgets what only the start needed: the pages of programs and libraries that are not writable (a
 * debugger's breakpoints in them are gone, too), and what is free at the end of the heap. Code that
 * is called again comes back from the page cache, by a fault for each 64 KiB (fault_around_bytes of
 * the kernel); loading BPF programs, reading ELF and type information and opening a database are
 * not called again. See madvise(2), MADV_DONTNEED.
 */
void resident_forget_start(void);

#endif
