// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plain system calls on file descriptors, because sd-device knows only the real /sys, and what
 * reads a test's tree must be what reads the real one.
 */
#include "sysfs.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "cxlirqd/cleanup.h"

static int no_dot(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int sysfs_list(int dir_fd, const char *path, struct sysfs_listing *ret)
{
	struct dirent **entries;
	int n;

	n = scandirat(dir_fd, path, &entries, no_dot, versionsort);
	if (n < 0)
		return -errno;
	*ret = (struct sysfs_listing){ entries, n };
	return 0;
}

void sysfs_listing_done(struct sysfs_listing *listing)
{
	for (int i = 0; i < listing->n; i++)
		free(listing->entries[i]);
	free(listing->entries);
}

ssize_t sysfs_read_text(int dir_fd, const char *path, char *buffer, size_t size)
{
	_cleanup_close_ int fd = -EBADF;
	size_t length = 0;
	ssize_t n;

	fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	while (length < size - 1) {
		n = read(fd, buffer + length, size - 1 - length);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	if (length > 0 && buffer[length - 1] == '\n')
		length--;
	buffer[length] = '\0';
	return (ssize_t)length;
}

int sysfs_read_link_name(int dir_fd, const char *path, char *buffer, size_t size)
{
	char target[PATH_MAX];
	const char *slash, *name;
	ssize_t n;

	n = readlinkat(dir_fd, path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	slash = strrchr(target, '/');
	name = slash ? slash + 1 : target;
	if (strlen(name) >= size)
		return -ENAMETOOLONG;
	strcpy(buffer, name);
	return 0;
}

bool sysfs_parse_irq(const char *text, uint32_t *ret)
{
	unsigned long long value;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || value > INT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}
