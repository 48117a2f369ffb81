/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policies on the disk: one small file, which is old or new, never half of it. Non-logging. */
#ifndef CXLIRQD_GUARD_FILE_H
#define CXLIRQD_GUARD_FILE_H

#include <jansson.h>

/* The object that is in @directory. -ENOENT: there is none. -EBADMSG: it is no such object. errno. */
int guard_file_read(const char *directory, json_t **ret);
/* Takes the place of what is there; on an error that stays. */
int guard_file_write(const char *directory, const json_t *object);

#endif
