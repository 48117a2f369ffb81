/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading sysfs and procfs, below a directory file descriptor so that a test can give its own
 * tree: listings, one-value files, links.
 *
 * All functions return a negative errno on failure. None of them logs.
 */
#ifndef CXLIRQD_SYSFS_H
#define CXLIRQD_SYSFS_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sysfs_listing {
	struct dirent **entries;
	int n;
};

/* The names in a directory, but those with a dot in front; sorted, numbers by value. */
int sysfs_list(int dir_fd, const char *path, struct sysfs_listing *ret);

/* For _cleanup_(); an empty listing ({}) will do. */
void sysfs_listing_done(struct sysfs_listing *listing);

/*
 * A file's text without its last newline, cut where @buffer ends (@size must not be 0). Returns
 * its length.
 */
ssize_t sysfs_read_text(int dir_fd, const char *path, char *buffer, size_t size);

/* The last component of where the link at @path points, in @buffer (at least NAME_MAX + 1). */
int sysfs_read_link_name(int dir_fd, const char *path, char *buffer, size_t size);

/* An interrupt's number: digits, nothing else, no more than the kernel's int. */
bool sysfs_parse_irq(const char *text, uint32_t *ret);

#endif
