// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Strings and bytes as JSON values, and values that are whole or none; everything else both programs
 * ask of jansson directly.
 *
 * The base64 is the plain one of RFC 4648 and strict when reading: a raw trace is either whole or
 * refused, so no white space, no missing padding.
 */
#include "cxlirqd/json.h"

#include <errno.h>
#include <string.h>

#include "cxlirqd/cleanup.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

json_t *json_text(const char *text)
{
	_cleanup_free_ char *ascii = NULL;
	json_t *value;
	char *c;

	if (!text)
		return json_null();
	value = json_string(text);
	if (value)
		return value;
	ascii = strdup(text);
	if (!ascii)
		return NULL;
	for (c = ascii; *c; c++)
		if ((unsigned char)*c > 0x7f)
			*c = '?';
	return json_string(ascii);
}

static void give_back_if(json_t **value, int failed)
{
	if (failed)
		json_decref(TAKE_PTR(*value));
}

void json_put(json_t **object, const char *name, json_t *value)
{
	give_back_if(object, json_object_set_new(*object, name, value));
}

void json_add(json_t **array, json_t *value)
{
	give_back_if(array, json_array_append_new(*array, value));
}

void json_merge(json_t **object, json_t *other)
{
	give_back_if(object, json_object_update(*object, other));
	json_decref(other);
}

json_t *json_from_bytes(const void *bytes, size_t size)
{
	_cleanup_free_ char *text = malloc((size + 2) / 3 * 4 + 1);
	const uint8_t *in = bytes;
	char *out = text;
	uint32_t group;
	size_t left;

	if (!text)
		return NULL;
	for (left = size; left > 0; left -= left < 3 ? left : 3, in += 3, out += 4) {
		group = (uint32_t)in[0] << 16;
		group |= left > 1 ? (uint32_t)in[1] << 8 : 0;
		group |= left > 2 ? in[2] : 0;
		out[0] = digits[group >> 18];
		out[1] = digits[group >> 12 & 63];
		out[2] = left > 1 ? digits[group >> 6 & 63] : '=';
		out[3] = left > 2 ? digits[group & 63] : '=';
	}
	return json_stringn(text, (size_t)(out - text));
}

static int digit_value(char c)
{
	const char *digit = c ? strchr(digits, c) : NULL;

	return digit ? (int)(digit - digits) : -EBADMSG;
}

/* Four characters to @n bytes (3; less before padding). */
static int decode_group(const char *in, size_t n, uint8_t *out)
{
	uint32_t group = 0;
	size_t i;
	int v;

	for (i = 0; i < 4; i++) {
		v = i <= n ? digit_value(in[i]) : 0;
		if (v < 0)
			return v;
		group = group << 6 | (uint32_t)v;
	}
	for (i = 0; i < n; i++)
		out[i] = (uint8_t)(group >> (16 - 8 * i));
	return 0;
}

int json_to_bytes(const json_t *value, uint8_t **ret_bytes, size_t *ret_size)
{
	size_t length = json_string_length(value), padding = 0, i;
	const char *text = json_string_value(value);
	_cleanup_free_ uint8_t *bytes = NULL;
	int r;

	if (!text || length % 4 != 0)
		return -EBADMSG;
	if (length > 0)
		padding = (text[length - 1] == '=') + (size_t)(text[length - 2] == '=');
	bytes = malloc(length / 4 * 3 + 1);
	if (!bytes)
		return -ENOMEM;
	for (i = 0; i < length / 4; i++) {
		r = decode_group(text + 4 * i, 4 * (i + 1) == length ? 3 - padding : 3,
				 bytes + 3 * i);
		if (r < 0)
			return r;
	}
	*ret_bytes = TAKE_PTR(bytes);
	*ret_size = length / 4 * 3 - padding;
	return 0;
}
