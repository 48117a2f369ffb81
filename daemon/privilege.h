/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CXLIRQD_PRIVILEGE_H
#define CXLIRQD_PRIVILEGE_H

/*
 * Gives up every capability that is not needed once the programs are attached, for good, and
 * verifies that it is so. 0, or a negative errno: the caller should not go on then.
 */
int privilege_drop(void);

#endif
