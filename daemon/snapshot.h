/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs the snapshot walk in pieces that fit into the ring. */
#ifndef CXLIRQD_SNAPSHOT_H
#define CXLIRQD_SNAPSHOT_H

#include <stdbool.h>

/*
 * @program_fd: the snapshot program. @drain is called between pieces and takes everything out of
 * the ring. Returns 0 and whether all of the kernel's state was seen (no missing root, no list
 * that broke off; the vector space does not count), or a negative errno if the program cannot be
 * run.
 */
int snapshot_run(int program_fd, void (*drain)(void *userdata), void *userdata, bool *ret_complete);

/*
 * Only the part that shows the programs the doorbells that there are already, which they look up
 * when a message is written. As above.
 */
int snapshot_prime(int program_fd, void (*drain)(void *userdata), void *userdata);

#endif
