/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What jansson leaves open for the two programs: text that may be no UTF-8, and bytes.
 */
#ifndef CXLIRQD_JSON_H
#define CXLIRQD_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A new string, null for NULL. Names that come from the kernel need not be UTF-8 (a process picks
 * its comm, and it is cut at 15 bytes): then each byte above 0x7f becomes "?". NULL: no memory.
 */
json_t *json_text(const char *text);

/* A new string: @size bytes in base64 (RFC 4648, padded). NULL: no memory. */
json_t *json_from_bytes(const void *bytes, size_t size);

/* The reverse. The caller frees @ret_bytes, also if there are none. -EBADMSG: no base64 string. */
int json_to_bytes(const json_t *value, uint8_t **ret_bytes, size_t *ret_size);

#endif
