// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two states, with a NUL between them, as "cxlirqctl diff" reads them from files of other
 * machines; and the same bytes as text and as base64. A state differs from itself in nothing, what
 * differs can be shown, and it is as much from either side.
 */
#include "fuzz.h"
#include "cxlirqd/json.h"
#include "difference.h"

static void check_bytes(const uint8_t *data, size_t size)
{
	json_auto_t *text = json_from_bytes(data, size);
	uint8_t *bytes = NULL;
	size_t n = 0;

	require(text && json_to_bytes(text, &bytes, &n) == 0);
	require(n == size && (!size || !memcmp(bytes, data, size)));
	free(bytes);
}

/* As it comes over the wire: what is taken is a value, and that has one text. */
static void check_text(const uint8_t *data, size_t size)
{
	json_auto_t *asked = json_stringn_nocheck((const char *)data, size);
	json_auto_t *named = NULL;
	uint8_t *bytes = NULL;
	char *text = fuzz_text(data, size);
	size_t n = 0;
	int r = json_to_bytes(asked, &bytes, &n);

	require(r == 0 || r == -EBADMSG);
	if (r == 0) {
		require(size % 4 == 0 && n <= size / 4 * 3 && n + 2 >= size / 4 * 3);
		check_bytes(bytes, n);
	} else {
		require(!bytes && !n);
	}
	free(bytes);
	named = json_text(text);
	require(json_string_length(named) == strlen(text));
	free(text);
}

static json_t *load(struct fuzz_piece text)
{
	json_error_t error;
	char *copy = fuzz_copy(text.data, text.size);
	json_t *value = json_loadb(copy, text.size, 0, &error);

	free(copy);
	return value;
}

static size_t count(const json_t *differences, const char *change)
{
	const json_t *row;
	size_t i, n = 0;

	json_array_foreach(differences, i, row) {
		const char *what = json_string_value(json_object_get(row, "change"));

		require(what && json_is_string(json_object_get(row, "kind")));
		require(json_is_string(json_object_get(row, "thing")));
		n += !strcmp(what, change);
	}
	return n;
}

static void compare(const json_t *old, const json_t *new, bool all)
{
	json_auto_t *forth = difference_find(old, new, all);
	json_auto_t *back = difference_find(new, old, all);
	json_auto_t *none = difference_find(old, old, all);
	char *text = json_dumps(forth, 0);

	require(text && back && json_array_size(none) == 0);
	require(count(forth, "added") == count(back, "removed"));
	require(count(forth, "removed") == count(back, "added"));
	require(count(forth, "changed") == count(back, "changed"));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_piece rest = { data, size };
	struct fuzz_piece first = fuzz_cut(&rest, 0);
	json_auto_t *old = load(first);
	json_auto_t *new = load(rest);

	check_bytes(data, size);
	check_text(data, size);
	if (json_is_object(old) && json_is_object(new)) {
		compare(old, new, false);
		compare(old, new, true);
	}
	return 0;
}
