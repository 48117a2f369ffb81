/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this process may do, and how it comes to may less. None of the functions logs; each returns
 * 0 or a negative errno.
 */
#ifndef CXLIRQD_PRIVILEGE_H
#define CXLIRQD_PRIVILEGE_H

#include <stddef.h>
#include <sys/capability.h>

/*
 * Root becomes @user, with the capabilities that the start of the daemon takes and no others: then
 * it is what the shipped unit makes of it. @directories (the last one is NULL) are made first where
 * they are missing, each in a directory that is there, and are @user's then; so is one of root's,
 * with what is in it, that has @user's name.
 *
 * 1: it is @user now. 0: nothing to do, for this is not root. -ENOENT: there is no such user. On
 * any error but -EPERM and -ENOENT the caller should not go on, for it may be neither here nor
 * there.
 */
int privilege_become(const char *user, const char *const directories[]);

/*
 * Gives up every capability but those @n of @kept that this process has, for good, for all that it
 * starts from now on, and reads back that it is so, in every thread. On an error the caller should
 * not go on.
 */
int privilege_keep(const cap_value_t *kept, size_t n);

/* The same, with what the daemon needs once its programs are attached. */
int privilege_drop(void);

#endif
