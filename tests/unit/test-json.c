// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Text and bytes as JSON values, and values made piece by piece.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "cxlirqd/cleanup.h"
#include "cxlirqd/json.h"

static void test_text(void **state)
{
	json_auto_t *plain = json_text("kworker/0:1");
	json_auto_t *utf8 = json_text("caf\xc3\xa9");
	json_auto_t *cut = json_text("caf\xc3");
	json_auto_t *none = json_text(NULL);

	(void)state;
	assert_string_equal(json_string_value(plain), "kworker/0:1");
	assert_string_equal(json_string_value(utf8), "caf\xc3\xa9");
	assert_string_equal(json_string_value(cut), "caf?");
	assert_true(json_is_null(none));
}

/* The vectors of RFC 4648, section 10, and two with the last digits. */
static void test_base64(void **state)
{
	static const struct {
		const char *bytes;
		const char *text;
	} vectors[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xfb\xef\xbe", "++++" },
		{ "\xff\xff\xff", "////" },
	};
	size_t i, size;

	(void)state;
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		json_auto_t *value = json_from_bytes(vectors[i].bytes, strlen(vectors[i].bytes));
		_cleanup_free_ uint8_t *bytes = NULL;

		assert_string_equal(json_string_value(value), vectors[i].text);
		assert_int_equal(json_to_bytes(value, &bytes, &size), 0);
		assert_int_equal(size, strlen(vectors[i].bytes));
		assert_memory_equal(bytes, vectors[i].bytes, size);
	}
}

static void test_base64_all_sizes(void **state)
{
	uint8_t bytes[512];
	size_t i, size, back_size;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	for (size = 0; size <= sizeof(bytes); size++) {
		json_auto_t *value = json_from_bytes(bytes, size);
		_cleanup_free_ uint8_t *back = NULL;

		assert_int_equal(json_to_bytes(value, &back, &back_size), 0);
		assert_int_equal(back_size, size);
		assert_memory_equal(back, bytes, size);
	}
}

static void test_base64_refused(void **state)
{
	static const char *const bad[] = {
		"Z",	  "Zg",	  "Zg=",  "Zg=a", "=Zg=",     "Z===",  "====",
		"Zm9v\n", "Zm 9", "Zm9-", "Zm9_", "Zg==Zg==", "Zm9vZ", "\xc3\xa9\xc3\xa9",
	};
	json_auto_t *number = json_integer(1);
	uint8_t *bytes = NULL;
	size_t i, size = 77;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_auto_t *value = json_string(bad[i]);

		assert_int_equal(json_to_bytes(value, &bytes, &size), -EBADMSG);
	}
	assert_int_equal(json_to_bytes(number, &bytes, &size), -EBADMSG);
	assert_int_equal(json_to_bytes(NULL, &bytes, &size), -EBADMSG);
	assert_null(bytes);
	assert_int_equal(size, 77);
}

/* What has once been without memory is nothing, whatever comes afterwards. */
static void test_whole_or_none(void **state)
{
	json_t *object = json_object(), *array = json_array(), *merged = json_object();

	(void)state;
	json_put(&object, "a", json_integer(1));
	json_add(&array, json_integer(2));
	json_merge(&merged, json_incref(object));
	assert_int_equal(json_integer_value(json_object_get(object, "a")), 1);
	assert_int_equal(json_integer_value(json_array_get(array, 0)), 2);
	assert_true(json_equal(merged, object));
	json_put(&object, "b", NULL);
	json_add(&array, NULL);
	json_merge(&merged, NULL);
	assert_null(object);
	assert_null(array);
	assert_null(merged);
	json_put(&object, "c", json_integer(3));
	json_add(&array, json_integer(4));
	json_merge(&merged, json_object());
	assert_null(object);
	assert_null(array);
	assert_null(merged);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_all_sizes),
		cmocka_unit_test(test_base64_refused),
		cmocka_unit_test(test_whole_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
