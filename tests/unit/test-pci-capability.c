// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Config spaces made up here, of ports, endpoints and of what no device should be, and the features
 * found in them. Real ones are in test-pci-config.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pci-capability.h"

/* ---- A config space ---- */

struct space {
	size_t size;
	uint8_t bytes[4096];
};

static void put(struct space *space, unsigned int at, unsigned int size, uint32_t value)
{
	for (unsigned int i = 0; i < size && at + i < sizeof(space->bytes); i++)
		space->bytes[at + i] = (uint8_t)(value >> 8 * i);
}

/* A function without capabilities; it is said to have a list. */
static struct space *new_space(void)
{
	struct space *space = calloc(1, sizeof(*space));

	assert_non_null(space);
	space->size = sizeof(space->bytes);
	put(space, 0x00, 4, 0x00018086);
	put(space, 0x04, 4, 0x00100006);
	return space;
}

static void put_capability(struct space *space, unsigned int link, unsigned int at, unsigned int id,
			   unsigned int next)
{
	if (link)
		put(space, link, 1, at);
	put(space, at, 2, id | next << 8);
}

static void put_extended(struct space *space, unsigned int at, unsigned int id, unsigned int next)
{
	put(space, at, 4, id | 1U << 16 | next << 20);
}

/* A PCI Express capability at 0x40, the first and last of its list */
static void put_express(struct space *space, unsigned int type, unsigned int flags)
{
	put_capability(space, 0x34, 0x40, 0x10, 0);
	put(space, 0x42, 2, 2 | type << 4 | flags);
}

/* As the parser gets it: not a byte more than it may read */
static int parse(const struct space *space, struct pci_features *ret)
{
	uint8_t *copy = malloc(space->size ?: 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, space->bytes, space->size);
	r = pci_capability_parse(copy, space->size, ret);
	free(copy);
	return r;
}

static void assert_parses(const struct space *space, struct pci_features *ret)
{
	assert_int_equal(parse(space, ret), 0);
}

static void assert_feature(const struct pci_features *features, unsigned int i,
			   struct pci_feature expected)
{
	const struct pci_feature *feature = &features->list[i];

	assert_true(i < features->n);
	assert_int_equal(feature->kind, expected.kind);
	assert_int_equal(feature->instance, expected.instance);
	assert_int_equal(feature->offset, expected.offset);
	assert_int_equal(feature->message, expected.message);
	assert_int_equal(feature->flags, expected.flags);
	assert_int_equal(feature->value, expected.value);
}

#define INTERRUPT RECORD_FEATURE_F_INTERRUPT
#define FEATURE(...) ((struct pci_feature){ __VA_ARGS__ })

/* ---- Made up ---- */

static void test_messages(void **state)
{
	struct space *space = new_space();
	struct pci_features features;

	(void)state;
	put_capability(space, 0x34, 0x40, 0x05, 0x60);
	put(space, 0x42, 2, 5 << 1);
	put_capability(space, 0, 0x60, 0x11, 0x80);
	put(space, 0x62, 2, 0xc7ff);
	/* a second one counts for the kernel no more than for us */
	put_capability(space, 0, 0x80, 0x11, 0);
	assert_parses(space, &features);
	assert_int_equal(features.n, 2);
	assert_feature(&features, 0, FEATURE(RECORD_FEATURE_MSI, 0, 0x40, -1, INTERRUPT, 32));
	assert_feature(&features, 1, FEATURE(RECORD_FEATURE_MSIX, 0, 0x60, -1, INTERRUPT, 2048));
	free(space);
}

/* Which services a port of this type can have, whatever its registers say */
static void test_port_types(void **state)
{
	static const struct {
		unsigned int type, flags;
		bool pme, hotplug, bwctrl, aer;
	} ports[] = {
		{ 4, 0x100, true, true, true, true }, /* root port, with a slot */
		{ 4, 0, true, false, true, true },
		{ 6, 0x100, false, true, true, false }, /* downstream port of a switch */
		{ 5, 0x100, false, false, false, false }, /* upstream port */
		{ 10, 0x100, true, false, false, true }, /* root complex event collector */
		{ 0, 0x100, false, false, false, false }, /* endpoint */
		{ 8, 0x100, false, false, false, false }, /* bridge from PCI */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
		struct space *space = new_space();
		struct pci_features features;
		unsigned int n = 0;

		put_express(space, ports[i].type, ports[i].flags | 9 << 9);
		put(space, 0x40 + 0x0c, 4, 1 << 21 | 3);
		put(space, 0x40 + 0x14, 4, 0x40);
		put(space, 0x40 + 0x2c, 4, 0x0e);
		put_extended(space, 0x100, 0x01, 0x150);
		put(space, 0x130, 4, 21U << 27 | 0x7ffffff);
		put_extended(space, 0x150, 0x1d, 0);
		put(space, 0x154, 2, 0xffe0 | 17);
		assert_parses(space, &features);
		if (ports[i].pme)
			assert_feature(&features, n++,
				       FEATURE(RECORD_FEATURE_PME, 0, 0x40, 9, INTERRUPT, 0));
		if (ports[i].hotplug)
			assert_feature(&features, n++,
				       FEATURE(RECORD_FEATURE_HOTPLUG, 0, 0x40, 9, INTERRUPT, 0));
		if (ports[i].bwctrl)
			assert_feature(&features, n++,
				       FEATURE(RECORD_FEATURE_BWCTRL, 0, 0x40, 9, INTERRUPT, 0));
		if (ports[i].aer)
			assert_feature(&features, n++,
				       FEATURE(RECORD_FEATURE_AER, 0, 0x100, 21, INTERRUPT, 0));
		assert_feature(&features, n++,
			       FEATURE(RECORD_FEATURE_DPC, 0, 0x150, 17, INTERRUPT, 0));
		assert_int_equal(features.n, n);
		free(space);
	}
}

/* A link that knows one speed has no bandwidth to control: the kernel's rule, case by case. */
static void test_speeds(void **state)
{
	static const struct {
		uint32_t version, capabilities, capabilities2;
		bool several;
	} links[] = {
		{ 2, 1, 0x02, false }, { 2, 3, 0x0e, true },  { 2, 3, 0x08, false },
		{ 2, 1, 0x0e, false }, /* what is above the highest is none */
		{ 2, 2, 0x00, true },  { 2, 1, 0x00, false }, { 2, 3, 0x00, false },
		{ 1, 2, 0x02, true }, /* version 1 has no such register */
		{ 1, 1, 0x0e, false }, { 2, 6, 0x40, false }, { 2, 6, 0x60, true },
		{ 2, 15, 0xfe, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		struct space *space = new_space();
		struct pci_features features;

		put_express(space, 6, 0);
		put(space, 0x42, 2, links[i].version | 6 << 4);
		put(space, 0x40 + 0x0c, 4, 1 << 21 | links[i].capabilities);
		put(space, 0x40 + 0x2c, 4, links[i].capabilities2);
		assert_parses(space, &features);
		assert_int_equal(features.n, links[i].several);
		/* not capable of notification */
		put(space, 0x40 + 0x0c, 4, links[i].capabilities);
		assert_parses(space, &features);
		assert_int_equal(features.n, 0);
		free(space);
	}
}

static void test_doe(void **state)
{
	struct space *space = new_space();
	struct pci_features features;

	(void)state;
	put_express(space, 0, 0);
	put_extended(space, 0x100, 0x2e, 0xfe8);
	put(space, 0x104, 4, 0xfff);
	put_extended(space, 0xfe8, 0x2e, 0x200);
	put(space, 0xfec, 4, 0xffe); /* a number, but no interrupt */
	put_extended(space, 0x200, 0x2e, 0);
	put(space, 0x204, 4, 0xfffff003);
	assert_parses(space, &features);
	assert_int_equal(features.n, 3);
	assert_feature(&features, 0, FEATURE(RECORD_FEATURE_DOE, 0, 0x100, 2047, INTERRUPT, 0));
	assert_feature(&features, 1, FEATURE(RECORD_FEATURE_DOE, 1, 0xfe8, -1, 0, 0));
	assert_feature(&features, 2, FEATURE(RECORD_FEATURE_DOE, 2, 0x200, 1, INTERRUPT, 0));
	free(space);
}

static void put_dvsec(struct space *space, unsigned int at, unsigned int vendor, unsigned int id,
		      unsigned int length, unsigned int next)
{
	put_extended(space, at, 0x23, next);
	put(space, at + 4, 4, vendor | length << 20);
	put(space, at + 8, 2, id);
}

static void put_block(struct space *space, unsigned int at, unsigned int kind, unsigned int bar,
		      uint64_t offset)
{
	put(space, at, 4, (uint32_t)offset | kind << 8 | bar);
	put(space, at + 4, 4, (uint32_t)(offset >> 32));
}

static void test_register_locator(void **state)
{
	struct space *space = new_space();
	struct pci_features features;

	(void)state;
	put_express(space, 0, 0);
	put_dvsec(space, 0x100, 0x1e98, 0, 0x3c, 0x140); /* another one of CXL's */
	put_dvsec(space, 0x140, 0x8086, 8, 0x14, 0x160); /* another vendor's */
	put_block(space, 0x14c, 4, 0, 0);
	put_dvsec(space, 0x160, 0x1e98, 8, 0xc + 6 * 8 + 4, 0x200);
	put_block(space, 0x16c, 1, 0, 0x10000);
	put_block(space, 0x174, 4, 5, 0x123456789a0000);
	put_block(space, 0x17c, 0, 0, 0);
	put_block(space, 0x184, 3, 2, 0xffff0000);
	put_block(space, 0x18c, 4, 2, 0x20000);
	put_block(space, 0x194, 0xff, 2, 0x30000);
	put_block(space, 0x19c, 4, 3, 0x40000); /* behind its length, but for a part */
	put_dvsec(space, 0x200, 0x1e98, 8, 0x14, 0); /* a second one */
	put_block(space, 0x20c, 4, 0, 0x50000);
	assert_parses(space, &features);
	assert_int_equal(features.n, 3);
	assert_feature(&features, 0,
		       FEATURE(RECORD_FEATURE_CPMU, 0, 0x160, -1, 0, 0x123456789a0005));
	assert_feature(&features, 1,
		       FEATURE(RECORD_FEATURE_CXL_DEVICE, 0, 0x160, -1, 0, 0xffff0002));
	assert_feature(&features, 2, FEATURE(RECORD_FEATURE_CPMU, 1, 0x160, -1, 0, 0x20002));
	/* shorter than its own header */
	put_dvsec(space, 0x160, 0x1e98, 8, 0, 0x200);
	assert_parses(space, &features);
	assert_int_equal(features.n, 0);
	free(space);
}

static void test_empty(void **state)
{
	struct space *space = new_space();
	struct pci_features features;

	(void)state;
	/* a list that is empty; none at all; a header that nobody knows */
	assert_parses(space, &features);
	assert_int_equal(features.n, 0);
	put_capability(space, 0x34, 0x40, 0x05, 0);
	put(space, 6, 2, 0);
	assert_parses(space, &features);
	assert_int_equal(features.n, 0);
	put(space, 6, 2, 0x10);
	put(space, 0x0e, 1, 3);
	assert_parses(space, &features);
	assert_int_equal(features.n, 0);
	/* bit 7: it has other functions; CardBus has its list elsewhere */
	put(space, 0x0e, 1, 0x80);
	assert_parses(space, &features);
	assert_int_equal(features.n, 1);
	put(space, 0x0e, 1, 2);
	assert_parses(space, &features);
	assert_int_equal(features.n, 0);
	put(space, 0x14, 1, 0x40);
	assert_parses(space, &features);
	assert_int_equal(features.n, 1);
	/* of conventional PCI: what is in the rest is no extended list */
	put_extended(space, 0x100, 0x2e, 0);
	assert_parses(space, &features);
	assert_int_equal(features.n, 1);
	free(space);
}

/* ---- Malformed ---- */

static void test_loops(void **state)
{
	struct space *space = new_space();
	struct pci_features features;

	(void)state;
	/* round and round, to itself, and into the header */
	put_capability(space, 0x34, 0x40, 0x10, 0x60);
	put_capability(space, 0, 0x60, 0x05, 0x40);
	put_extended(space, 0x100, 0x2e, 0x120);
	put_extended(space, 0x120, 0x2e, 0x100);
	assert_parses(space, &features);
	assert_int_equal(features.n, 3);
	put_extended(space, 0x120, 0x2e, 0x120);
	put_capability(space, 0, 0x60, 0x05, 0x60);
	assert_parses(space, &features);
	assert_int_equal(features.n, 3);
	put_extended(space, 0x120, 0x2e, 0x0fc);
	put_capability(space, 0, 0x60, 0x05, 0x3c);
	put(space, 0x3c, 2, 0x11);
	assert_parses(space, &features);
	assert_int_equal(features.n, 3);
	/* ends of other kinds */
	put_capability(space, 0, 0x60, 0xff, 0x70);
	put_capability(space, 0, 0x70, 0x11, 0);
	put(space, 0x120, 4, 0xffffffff);
	assert_parses(space, &features);
	assert_int_equal(features.n, 1);
	/* a null capability is stepped over, and the lowest bits of a pointer do not count */
	put_capability(space, 0, 0x60, 0x00, 0x72);
	put_extended(space, 0x100, 0, 0x123);
	put_extended(space, 0x120, 0x2e, 0);
	assert_parses(space, &features);
	assert_int_equal(features.n, 2);
	free(space);
}

/* As many as there is room for, and more than we have room for */
static void test_limit(void **state)
{
	struct space *space = new_space();
	struct pci_features features;
	unsigned int n = 0;

	(void)state;
	put_express(space, 0, 0);
	for (unsigned int at = 0x100; at < 0x1000; at += 8, n++) {
		put_extended(space, at, 0x2e, at + 8 < 0x1000 ? at + 8 : 0);
		put(space, at + 4, 4, 1);
	}
	assert_parses(space, &features);
	assert_int_equal(features.n, PCI_FEATURES_MAX);
	assert_int_equal(features.refused, n - PCI_FEATURES_MAX);
	for (unsigned int i = 0; i < features.n; i++)
		assert_feature(&features, i,
			       FEATURE(RECORD_FEATURE_DOE, i, 0x100 + 8 * i, 0, INTERRUPT, 0));
	/* a Register Locator that says to be longer than the space it is in */
	put_dvsec(space, 0x100, 0x1e98, 8, 0xfff, 0);
	for (unsigned int at = 0x10c; at < 0x1000; at += 8)
		put_block(space, at, 4, 0, 0);
	assert_parses(space, &features);
	assert_int_equal(features.n + features.refused, (0x1000 - 0x10c) / 8);
	put_dvsec(space, 0x100, 0, 0, 0x10, 0xff4);
	put_dvsec(space, 0xff4, 0x1e98, 8, 0xfff, 0);
	assert_parses(space, &features);
	assert_int_equal(features.n, 0);
	free(space);
}

/* Whatever the length is, nothing is read behind it (the sanitizer sees to that). */
static void test_lengths(void **state)
{
	struct space *space = new_space();
	struct pci_features features = {};

	(void)state;
	put_express(space, 4, 0x100);
	put(space, 0x40 + 0x0c, 4, 1 << 21 | 2);
	put(space, 0x40 + 0x14, 4, 0x40);
	put_capability(space, 0, 0x40, 0x10, 0xfc);
	put_capability(space, 0, 0xfc, 0x05, 0);
	put_extended(space, 0x100, 0x01, 0x200);
	put_extended(space, 0x200, 0x2e, 0);
	put(space, 0x204, 4, 1);
	for (space->size = 0; space->size < 0x400; space->size++) {
		int r;

		features.n = 77;
		r = parse(space, &features);
		if (space->size < 0x38) /* no pointer to the list */
			assert_int_equal(r, -EIO);
		else if (space->size < 256)
			assert_int_equal(r, -EPERM);
		else
			assert_int_equal(r, 0);
		if (r < 0)
			assert_int_equal(features.n, 77);
		else
			assert_int_equal(features.n, space->size < 0x134 ? 4 :
						     space->size < 0x208 ? 5 :
									   6);
	}
	/* without a list nothing is missing */
	put(space, 6, 2, 0);
	space->size = 64;
	assert_parses(space, &features);
	assert_int_equal(features.n, 0);
	free(space);
}

static void test_all_ones(void **state)
{
	struct space *space = new_space();
	struct pci_features features;

	(void)state;
	memset(space->bytes, 0xff, sizeof(space->bytes));
	assert_int_equal(parse(space, &features), -ENODEV);
	space->size = 64;
	assert_int_equal(parse(space, &features), -ENODEV);
	free(space);
	/* a virtual function has all ones as vendor and device */
	space = new_space();
	put(space, 0, 4, 0xffffffff);
	put_capability(space, 0x34, 0x40, 0x11, 0);
	assert_parses(space, &features);
	assert_int_equal(features.n, 1);
	free(space);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_port_types),
		cmocka_unit_test(test_speeds),
		cmocka_unit_test(test_doe),
		cmocka_unit_test(test_register_locator),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_loops),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_all_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
