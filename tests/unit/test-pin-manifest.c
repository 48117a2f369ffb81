// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Manifests of pinned programs: what is written is read, and nothing that is cut, altered or of
 * another version is believed; least of all a name that would lead out of the directory.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cxlirqd/cleanup.h>

#include "pin-manifest.h"

#define HOOKS 3
#define NAMES 2

static struct pin_hook hooks[HOOKS] = {
	{ .program = "handler_freed", .section = "fexit/free_irq", .attached = 1 },
	{ .program = "vector_clear_2",
	  .section = "tp_btf/vector_clear",
	  .reason = "not needed: not an x86 kernel" },
	{ .program = "A", .section = "" },
};
static struct pin_name names[NAMES] = { { 0, 11, "pci-device-msix" },
					{ 1, 0x800, "msi-immutable" } };

static struct pin_manifest make_manifest(void)
{
	return (struct pin_manifest){ .header = { .generation = 0x1234,
						  .object = 77,
						  .knobs = { 1 << 21, 4, 8, 2, 1 },
						  .created_ns = 5,
						  .secret = { 1, 2 },
						  .bss_size = 800,
						  .lost_offset = 400,
						  .n_lost = 50,
						  .n_hooks = HOOKS,
						  .n_names = NAMES },
				      .hooks = hooks,
				      .names = names };
}

/* The bytes, behind which nothing may be read. The caller frees them. */
static unsigned char *make(size_t *ret_size)
{
	struct pin_manifest manifest = make_manifest();
	void *data = NULL;

	assert_int_equal(pin_manifest_format(&manifest, &data, ret_size), 0);
	return data;
}

static int parse(const unsigned char *data, size_t size)
{
	_cleanup_free_ void *exact = malloc(size ?: 1);
	struct pin_manifest found;

	assert_non_null(exact);
	memcpy(exact, data, size);
	return pin_manifest_parse(exact, size, &found);
}

static void test_round(void **state)
{
	size_t size;
	_cleanup_free_ unsigned char *data = make(&size);
	struct pin_manifest found;

	(void)state;
	assert_int_equal(pin_manifest_parse(data, size, &found), 0);
	assert_int_equal(found.header.generation, 0x1234);
	assert_int_equal(found.header.created_ns, 5);
	assert_int_equal(found.header.secret[1], 2);
	assert_int_equal(found.header.n_hooks, HOOKS);
	assert_memory_equal(found.hooks, hooks, sizeof(hooks));
	assert_memory_equal(found.names, names, sizeof(names));
}

static void test_fits(void **state)
{
	struct pin_manifest manifest = make_manifest();
	struct pin_knobs knobs = manifest.header.knobs;

	(void)state;
	assert_true(pin_manifest_fits(&manifest, 77, &knobs));
	assert_false(pin_manifest_fits(&manifest, 78, &knobs));
	for (size_t i = 0; i < sizeof(knobs); i++) {
		((unsigned char *)&knobs)[i] ^= 1;
		assert_false(pin_manifest_fits(&manifest, 77, &knobs));
		((unsigned char *)&knobs)[i] ^= 1;
	}
}

/* FNV-1a's own examples */
static void test_hash(void **state)
{
	(void)state;
	assert_true(pin_manifest_hash("", 0) == 0xcbf29ce484222325ULL);
	assert_true(pin_manifest_hash("a", 1) == 0xaf63dc4c8601ec8cULL);
	assert_true(pin_manifest_hash("foobar", 6) == 0x85944171f73967e8ULL);
}

static void test_cut(void **state)
{
	size_t size;
	_cleanup_free_ unsigned char *data = make(&size);

	(void)state;
	for (size_t i = 0; i < size; i++)
		assert_int_equal(parse(data, i), -EBADMSG);
	assert_int_equal(parse(data, size), 0);
}

struct change {
	size_t offset;
	uint32_t value;
	int result;
};
#define AT(field) offsetof(struct pin_manifest_header, field)

static void test_altered(void **state)
{
	static const struct change changes[] = {
		{ 0, 0, -EBADMSG },
		{ AT(version), 2, -EPROTONOSUPPORT },
		{ AT(version), 0, -EPROTONOSUPPORT },
		{ AT(size), 0, -EBADMSG },
		{ AT(size), UINT32_MAX, -EBADMSG },
		{ AT(n_hooks), HOOKS + 1, -EBADMSG },
		{ AT(n_hooks), HOOKS - 1, -EBADMSG },
		{ AT(n_hooks), PIN_HOOKS_MAX + 1, -EBADMSG },
		{ AT(n_hooks), UINT32_MAX, -EBADMSG },
		{ AT(n_names), NAMES + 1, -EBADMSG },
		{ AT(n_names), UINT32_MAX, -EBADMSG },
		/* 264 / 48 is no whole number: neither list can be taken for the other */
		{ AT(n_lost), 51, -EBADMSG },
		{ AT(n_lost), UINT32_MAX, -EBADMSG },
		{ AT(n_lost), 1U << 29, -EBADMSG },
		{ AT(lost_offset), 408, -EBADMSG },
		{ AT(lost_offset), 4, -EBADMSG },
		{ AT(lost_offset), UINT32_MAX - 7, -EBADMSG },
		{ AT(bss_size), 0, -EBADMSG },
		{ AT(bss_size), 799, -EBADMSG },
		{ AT(lost_offset), 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		size_t size;
		_cleanup_free_ unsigned char *data = make(&size);

		memcpy(data + changes[i].offset, &changes[i].value, sizeof(changes[i].value));
		assert_int_equal(parse(data, size), changes[i].result);
	}
}

static void test_names(void **state)
{
	static const char *const bad[] = {
		"", "../x", "a/b", "a.b", "a b", "\xc3\xa4", "a\n", "-"
	};
	size_t size;
	_cleanup_free_ unsigned char *data = make(&size);
	struct pin_hook *hook = (void *)(data + sizeof(struct pin_manifest_header));

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(hook->program, sizeof(hook->program), "%s", bad[i]);
		assert_int_equal(parse(data, size), -EBADMSG);
	}
	snprintf(hook->program, sizeof(hook->program), "fine");
	assert_int_equal(parse(data, size), 0);
	hook->attached = 2;
	assert_int_equal(parse(data, size), -EBADMSG);
}

static void test_endless(void **state)
{
	static const struct {
		size_t offset, size;
	} texts[] = {
		{ offsetof(struct pin_hook, program), 64 },
		{ offsetof(struct pin_hook, section), 64 },
		{ offsetof(struct pin_hook, reason), 128 },
		{ HOOKS * sizeof(struct pin_hook) + offsetof(struct pin_name, name), 40 },
		{ HOOKS * sizeof(struct pin_hook) + sizeof(struct pin_name) +
			  offsetof(struct pin_name, name),
		  40 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		size_t size;
		_cleanup_free_ unsigned char *data = make(&size);

		memset(data + sizeof(struct pin_manifest_header) + texts[i].offset, 'x',
		       texts[i].size);
		assert_int_equal(parse(data, size), -EBADMSG);
	}
}

/* Any byte, any value: an answer, and no step outside. */
static void test_any(void **state)
{
	size_t size;
	_cleanup_free_ unsigned char *data = make(&size);

	(void)state;
	srandom(1);
	for (unsigned int i = 0; i < 20000; i++) {
		size_t at = (size_t)random() % size;
		unsigned char was = data[at];
		int r;

		data[at] = (unsigned char)random();
		r = parse(data, size);
		assert_true(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
		data[at] = was;
	}
}

static void test_too_many(void **state)
{
	struct pin_manifest manifest = make_manifest();
	void *data;
	size_t size;

	(void)state;
	manifest.header.n_hooks = PIN_HOOKS_MAX + 1;
	assert_int_equal(pin_manifest_format(&manifest, &data, &size), -E2BIG);
	manifest.header.n_hooks = 0;
	manifest.header.n_names = PIN_NAMES_MAX + 1;
	assert_int_equal(pin_manifest_format(&manifest, &data, &size), -E2BIG);
	manifest.header.n_names = 0;
	assert_int_equal(pin_manifest_format(&manifest, &data, &size), 0);
	assert_int_equal(size, sizeof(struct pin_manifest_header));
	assert_int_equal(parse(data, size), 0);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),	 cmocka_unit_test(test_fits),
		cmocka_unit_test(test_hash),	 cmocka_unit_test(test_cut),
		cmocka_unit_test(test_altered),	 cmocka_unit_test(test_names),
		cmocka_unit_test(test_endless),	 cmocka_unit_test(test_any),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
