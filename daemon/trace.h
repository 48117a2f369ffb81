/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A record file: sixteen bytes of header, then records as they came (cxlirqd/record.h). */
#ifndef CXLIRQD_TRACE_H
#define CXLIRQD_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include <cxlirqd/record.h>

#define TRACE_HEADER_SIZE 16
/* What a file begins with. */
void trace_header(unsigned char ret_header[TRACE_HEADER_SIZE]);

/*
 * Calls @on_record for each sound record of @path. Records of unknown types are passed over and
 * counted in *@ret_unknown (may be NULL). Errors: errno of open and read; -EBADMSG: no record file
 * or a damaged record; -EPROTONOSUPPORT: of another version; -ENODATA: the file ends inside a record.
 * *@ret_offset (may be NULL) says where. What came before an error has been handed on.
 */
int trace_read(const char *path,
	       void (*on_record)(const struct record_header *record, void *userdata),
	       void *userdata, uint64_t *ret_unknown, uint64_t *ret_offset);

#endif
