/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CXLIRQD_DECODE_H
#define CXLIRQD_DECODE_H

#include <stddef.h>

#include "event.h"

/*
 * Checks one record of @size bytes at @data (8-byte aligned; @data must outlive *@ret_event).
 * Pure: no allocation, no log, no clock; daemon, tests and fuzzer call this same function.
 *
 * Returns the record's length in bytes (a multiple of 8, at most @size), or
 * -EBADMSG (too short, too long, a field out of range, a string without end),
 * -EPROTONOSUPPORT (another record version), -EOPNOTSUPP (a type this version does not know; its
 * length is sound, so a reader may skip header.size bytes), -EINVAL (unaligned).
 */
int decode(const void *data, size_t size, struct event *ret_event);

#endif
