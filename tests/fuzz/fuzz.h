/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the targets share. A target is one parser, called as the programs call it; beyond that
 * nothing breaks it asserts what must hold of whatever was accepted.
 *
 * Files that a parser reads are in a directory of this process, below $TMPDIR, which whoever starts
 * it puts in memory and removes.
 */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cxlirqd/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void require(bool so)
{
	if (!so)
		abort();
}

/* Exactly as large, so that the sanitizer sees a byte too many; aligned for anything */
static inline void *fuzz_copy(const uint8_t *data, size_t size)
{
	void *copy = malloc(size ?: 1);

	require(copy);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

/* As a string, which ends at the first NUL */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	require(text);
	return text;
}

/* What @rest begins with, up to @separator or the end, which @rest is then behind */
struct fuzz_piece {
	const uint8_t *data;
	size_t size;
};

static inline struct fuzz_piece fuzz_cut(struct fuzz_piece *rest, uint8_t separator)
{
	const uint8_t *end = rest->size ? memchr(rest->data, separator, rest->size) : NULL;
	struct fuzz_piece piece = { rest->data, end ? (size_t)(end - rest->data) : rest->size };
	size_t taken = piece.size + (end != NULL);

	rest->data += taken;
	rest->size -= taken;
	return piece;
}

/* The directory of this process */
static inline const char *fuzz_directory(void)
{
	static char path[96];
	const char *above = getenv("TMPDIR");

	if (*path)
		return path;
	require(snprintf(path, sizeof(path), "%s/fuzz.XXXXXX", above && *above ? above : "/tmp") <
		(int)sizeof(path));
	require(mkdtemp(path) != NULL);
	return path;
}

static inline void fuzz_write_file(int at, const char *path, const void *data, size_t size)
{
	_cleanup_close_ int fd =
		openat(at, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
}

#endif
