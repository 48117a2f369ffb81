/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What jansson leaves open for the two programs: text that may be no UTF-8, bytes, and what is built
 * piece by piece when memory ends in between.
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

/*
 * A piece of what is being built: @value, which it takes over, goes into *@object under @name, behind
 * *@array, or all members of @other into *@object. If there was no memory for it (NULL is such a
 * value), or is none now, *@object is given back and NULL from then on: half an answer is none, and
 * only the last result has to be looked at.
 */
void json_put(json_t **object, const char *name, json_t *value);
void json_add(json_t **array, json_t *value);
void json_merge(json_t **object, json_t *other);

/* A new string: @size bytes in base64 (RFC 4648, padded). NULL: no memory. */
json_t *json_from_bytes(const void *bytes, size_t size);

/* The reverse. The caller frees @ret_bytes, also if there are none. -EBADMSG: no base64 string. */
int json_to_bytes(const json_t *value, uint8_t **ret_bytes, size_t *ret_size);

#endif
