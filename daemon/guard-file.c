// SPDX-License-Identifier: GPL-2.0-or-later
#include "guard-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cxlirqd/cleanup.h>

#define NAME "guard.json"
#define NEW_NAME "guard.json.new"
/* More than 256 policies and what they pinned ever take */
#define SIZE_MAX_FILE (16 << 20)

static int open_directory(const char *directory, int *ret)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret = fd;
	return 0;
}

static int read_all(int fd, char **ret, size_t *ret_size)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0, room = 0;

	for (;;) {
		ssize_t n;

		if (size == room) {
			char *larger = room < SIZE_MAX_FILE ? realloc(text, room + 65536) : NULL;

			if (!larger)
				return room < SIZE_MAX_FILE ? -ENOMEM : -EBADMSG;
			text = larger;
			room += 65536;
		}
		n = read(fd, text + size, room - size);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		size += (size_t)n;
	}
	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

int guard_file_read(const char *directory, json_t **ret)
{
	_cleanup_close_ int at = -EBADF, fd = -EBADF;
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	json_t *object;
	int r = open_directory(directory, &at);

	if (r < 0)
		return r;
	fd = openat(at, NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = read_all(fd, &text, &size);
	if (r < 0)
		return r;
	object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(object)) {
		json_decref(object);
		return -EBADMSG;
	}
	*ret = object;
	return 0;
}

static int write_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		text += n;
		size -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int guard_file_write(const char *directory, const json_t *object)
{
	_cleanup_free_ char *text = json_dumps(object, JSON_INDENT(2));
	_cleanup_close_ int at = -EBADF, fd = -EBADF;
	int r = text ? open_directory(directory, &at) : -ENOMEM;

	if (r < 0)
		return r;
	fd = openat(at, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text, strlen(text));
	if (r >= 0 && renameat(at, NEW_NAME, at, NAME) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(at, NEW_NAME, 0);
		return r;
	}
	/* the name, too */
	return fsync(at) < 0 ? -errno : 0;
}
