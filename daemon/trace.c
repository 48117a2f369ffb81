// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Record files travel: they come with bug reports from other machines. Nothing is believed before
 * decode() has seen it, and memory does not depend on what the file says.
 */
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>

#include "decode.h"

/* Of the file, at once: the C library's own buffer holds some ten records. */
#define READ_SIZE (256 * 1024)

void trace_header(unsigned char ret_header[TRACE_HEADER_SIZE])
{
	uint32_t version = RECORD_VERSION;

	memset(ret_header, 0, TRACE_HEADER_SIZE);
	memcpy(ret_header, RECORD_FILE_MAGIC, 8);
	memcpy(ret_header + 8, &version, sizeof(version));
}

/* 1: a record of *@ret_size bytes is in @buffer, 0: the end. */
static int read_record(FILE *file, void *buffer, size_t *ret_size)
{
	struct record_header *header = buffer;
	size_t n = fread(buffer, 1, sizeof(*header), file);

	if (!n && feof(file))
		return 0;
	if (n < sizeof(*header))
		return ferror(file) ? -errno : -ENODATA;
	if (header->version != RECORD_VERSION)
		return -EPROTONOSUPPORT;
	if (header->size < sizeof(*header) || header->size > RECORD_SIZE_MAX || header->size % 8)
		return -EBADMSG;
	n = fread((char *)buffer + sizeof(*header), 1, header->size - sizeof(*header), file);
	if (n < header->size - sizeof(*header))
		return ferror(file) ? -errno : -ENODATA;
	*ret_size = header->size;
	return 1;
}

int trace_read(const char *path,
	       void (*on_record)(const struct record_header *record, void *userdata),
	       void *userdata, uint64_t *ret_unknown, uint64_t *ret_offset)
{
	_Alignas(8) unsigned char buffer[RECORD_SIZE_MAX];
	unsigned char header[TRACE_HEADER_SIZE], found[TRACE_HEADER_SIZE];
	_cleanup_free_ char *ahead = malloc(READ_SIZE);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	uint64_t unknown = 0, offset = TRACE_HEADER_SIZE;
	size_t size = 0;
	int r;

	if (!file)
		return -errno;
	if (ahead)
		setvbuf(file, ahead, _IOFBF, READ_SIZE);
	trace_header(header);
	if (fread(found, 1, sizeof(found), file) != sizeof(found))
		return ferror(file) ? -errno : -EBADMSG;
	if (memcmp(found, header, 8))
		return -EBADMSG;
	if (memcmp(found, header, sizeof(header)))
		return -EPROTONOSUPPORT;
	while ((r = read_record(file, buffer, &size)) > 0) {
		struct event event;

		r = decode(buffer, size, &event);
		if (r < 0 && r != -EOPNOTSUPP)
			break;
		if (r < 0)
			unknown++;
		else
			on_record(event.header, userdata);
		offset += size;
	}
	if (ret_unknown)
		*ret_unknown = unknown;
	if (ret_offset)
		*ret_offset = offset;
	return r;
}
