// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Features of PCI functions and the drivers whose absence explains something, on a tree made here:
 * when they are told, and what is told of a function that may not or must not be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "topology-state.h"

#define NOW 7000000000ULL
#define PORT "pci0000:0c/0000:0c:00.0"
#define MEMDEV PORT "/0000:0d:00.0"

static struct {
	char root[32];
	struct topology *topology;
	union told {
		struct record_header header;
		struct record_device device;
		struct record_feature feature;
		struct record_driver driver;
		struct record_sysfs_vector vector;
	} told[256];
	size_t n, fail_after; /* 0: never */
} tree;

static int on_record(const struct record_header *record, void *userdata)
{
	(void)userdata;
	if (tree.fail_after && tree.n == tree.fail_after)
		return -ECANCELED;
	assert_int_equal(record->version, RECORD_VERSION);
	assert_true(tree.n < sizeof(tree.told) / sizeof(*tree.told));
	assert_true(record->size <= sizeof(*tree.told));
	memcpy(&tree.told[tree.n++], record, record->size);
	return 0;
}

/* ---- The tree ---- */

static const char *path_of(const char *path)
{
	static char full[512];

	snprintf(full, sizeof(full), "%s/%s", tree.root, path);
	for (char *slash = strchr(full + strlen(tree.root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	return full;
}

static void put(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path_of(path), "we");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static void put_text(const char *path, const char *text)
{
	put(path, text, strlen(text));
}

static void put_function(const char *path)
{
	char at[256], target[256];
	const char *name = strrchr(path, '/') + 1;

	snprintf(at, sizeof(at), "sys/devices/%s/uevent", path);
	put_text(at, "");
	snprintf(at, sizeof(at), "sys/bus/pci/devices/%s", name);
	snprintf(target, sizeof(target), "../../../devices/%s", path);
	assert_int_equal(symlink(target, path_of(at)), 0);
}

static void put_status(const char *path, const char *status)
{
	char at[256];

	snprintf(at, sizeof(at), "sys/devices/%s/power/runtime_status", path);
	put_text(at, status);
}

/* A function with so many DOE capabilities; cut as the unprivileged see it, if it is said to. */
static void put_config(const char *path, unsigned int n_does, size_t size)
{
	uint8_t bytes[4096] = {
		0x86, 0x80, 1, 0, 6, 0, 0x10, 0, [0x34] = 0x40, [0x40] = 0x10, 0, 2
	};
	char at[256];

	for (unsigned int i = 0; i < n_does; i++) {
		unsigned int offset = 0x100 + 0x18 * i;
		unsigned int next = i + 1 < n_does ? offset + 0x18 : 0;

		bytes[offset] = 0x2e;
		bytes[offset + 2] = (uint8_t)(1 | next << 4);
		bytes[offset + 3] = (uint8_t)(next >> 4);
		bytes[offset + 4] = (uint8_t)(1 | i << 1);
	}
	snprintf(at, sizeof(at), "sys/devices/%s/config", path);
	put(at, bytes, size);
}

static void remove_path(const char *path)
{
	assert_int_equal(remove(path_of(path)), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	(void)state;
	memset(&tree, 0, sizeof(tree));
	strcpy(tree.root, "/tmp/test-feature-XXXXXX");
	if (!mkdtemp(tree.root))
		return -1;
	put_function(PORT);
	put_function(MEMDEV);
	put_config(PORT, 0, 4096);
	put_config(MEMDEV, 2, 4096);
	put_text("sys/devices/" MEMDEV "/msi_irqs/97", "msix\n");
	return topology_new(tree.root, on_record, NULL, &tree.topology);
}

static int teardown(void **state)
{
	(void)state;
	topology_free(tree.topology);
	return nftw(tree.root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- Reading ---- */

/* The memory device: its record, its vector, and then what is asked for here. Returns how many. */
static size_t read_memdev(void)
{
	tree.n = 0;
	assert_int_equal(topology_read_device(tree.topology, "/devices/" MEMDEV, NOW), 0);
	assert_true(tree.n >= 2);
	assert_int_equal(tree.told[0].header.type, RECORD_DEVICE);
	assert_int_equal(tree.told[1].header.type, RECORD_SYSFS_VECTOR);
	for (size_t i = 2; i < tree.n; i++) {
		assert_int_equal(tree.told[i].header.type, RECORD_FEATURE);
		assert_int_equal(tree.told[i].header.size, sizeof(struct record_feature));
		assert_int_equal(tree.told[i].header.time_ns, NOW);
		assert_string_equal(tree.told[i].feature.device, "0000:0d:00.0");
	}
	return tree.n - 2;
}

static void expect_does(size_t n)
{
	assert_int_equal(read_memdev(), n);
	for (size_t i = 0; i < n; i++) {
		const struct record_feature *feature = &tree.told[2 + i].feature;

		assert_int_equal(feature->kind, RECORD_FEATURE_DOE);
		assert_int_equal(feature->instance, i);
		assert_int_equal(feature->offset, 0x100 + 0x18 * i);
		assert_int_equal(feature->message, i);
		assert_int_equal(feature->flags, RECORD_FEATURE_F_INTERRUPT);
		assert_int_equal(feature->value, 0);
		assert_int_equal(feature->reserved, 0);
	}
}

static void expect_none(int error)
{
	const struct record_feature *feature = &tree.told[2].feature;

	assert_int_equal(read_memdev(), 1);
	assert_int_equal(feature->kind, RECORD_FEATURE_NONE);
	assert_int_equal(feature->message, -1);
	assert_int_equal(feature->value, error);
	assert_int_equal(feature->instance | feature->offset | feature->flags, 0);
}

static void test_features(void **state)
{
	size_t n = 0, after_port = 0;

	(void)state;
	expect_does(2);
	put_config(MEMDEV, 3, 4096);
	expect_does(3);
	put_config(MEMDEV, 0, 4096);
	expect_does(0);
	put_config(MEMDEV, 1, 4096);
	/* each right behind its own device; the port has none */
	tree.n = 0;
	assert_int_equal(topology_read(tree.topology, NOW), 0);
	for (size_t i = 0; i < tree.n; i++) {
		n += tree.told[i].header.type == RECORD_FEATURE;
		if (tree.told[i].header.type == RECORD_DEVICE &&
		    !strcmp(tree.told[i].device.name, "0000:0c:00.0"))
			after_port = i + 1;
	}
	assert_int_equal(n, 1);
	assert_true(after_port);
	assert_int_equal(tree.told[after_port].header.type, RECORD_DEVICE);
	assert_int_equal(topology_counters(tree.topology).features_refused, 0);
	put_config(MEMDEV, PCI_FEATURES_MAX + 3, 4096);
	expect_does(PCI_FEATURES_MAX);
	assert_int_equal(topology_counters(tree.topology).features_refused, 3);
}

/* Whether somebody has read the file since it was given an access time of long ago */
static void make_old(const char *path)
{
	const struct timeval old[2] = { { 1000, 0 }, { 2000, 0 } };

	assert_int_equal(utimes(path_of(path), old), 0);
}

static bool was_read(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path_of(path), &st), 0);
	return st.st_atim.tv_sec != 1000;
}

#define CONFIG "sys/devices/" MEMDEV "/config"

static void test_asleep(void **state)
{
	static const char *const paths[] = { MEMDEV, PORT };
	static const char *const asleep[] = { "suspended\n", "suspending\n" };
	static const char *const awake[] = { "active\n", "unsupported\n", "resuming\n", "error\n" };

	(void)state;
	/* never read before: nothing is known of it, and it is not woken to know */
	put_status(MEMDEV, "suspended\n");
	make_old(CONFIG);
	expect_none(EAGAIN);
	put_status(MEMDEV, "active\n");
	if (was_read(CONFIG))
		fail_msg("it was read in its sleep");
	make_old(CONFIG);
	expect_does(2);
	if (!was_read(CONFIG))
		print_message("no access times here, so nothing is known of reads\n");
	/* what was read last is told again */
	for (size_t p = 0; p < 2; p++) {
		for (size_t i = 0; i < 2; i++) {
			put_config(MEMDEV, 1, 4096);
			put_status(paths[p], asleep[i]);
			make_old(CONFIG);
			expect_does(2);
			assert_false(was_read(CONFIG));
		}
		put_status(paths[p], "active\n");
		put_config(MEMDEV, 2, 4096);
		expect_does(2);
	}
	for (size_t i = 0; i < sizeof(awake) / sizeof(*awake); i++) {
		put_status(MEMDEV, awake[i]);
		put_config(MEMDEV, (unsigned int)i, 4096);
		expect_does(i);
	}
	/* an empty list is one that is known */
	put_config(MEMDEV, 0, 4096);
	expect_does(0);
	put_config(MEMDEV, 1, 4096);
	put_status(MEMDEV, "suspended\n");
	expect_does(0);
}

static void test_unreadable(void **state)
{
	static const uint8_t ones[4096] = { [0 ... 4095] = 0xff };

	(void)state;
	put_config(MEMDEV, 2, 64);
	expect_none(EPERM);
	put(CONFIG, ones, sizeof(ones));
	expect_none(ENODEV);
	remove_path(CONFIG);
	expect_none(ENOENT);
	assert_int_equal(mkdir(path_of(CONFIG), 0755), 0);
	expect_none(EISDIR);
	remove_path(CONFIG);
	put_config(MEMDEV, 2, 4096);
	expect_does(2);
	/* once known, a feature does not go away with the permission to read it... */
	put_config(MEMDEV, 2, 64);
	expect_does(2);
	/* ... but with the function that has it */
	put(CONFIG, ones, sizeof(ones));
	expect_none(ENODEV);
	put_config(MEMDEV, 2, 64);
	expect_does(2);
	remove_path("sys/bus/pci/devices/0000:0d:00.0");
	tree.n = 0;
	assert_int_equal(topology_read_device(tree.topology, "/devices/" MEMDEV, NOW), 0);
	assert_int_equal(tree.n, 1);
	assert_int_equal(tree.told[0].header.type, RECORD_DEVICE_GONE);
	assert_int_equal(symlink("../../../devices/" MEMDEV,
				 path_of("sys/bus/pci/devices/0000:0d:00.0")),
			 0);
	expect_none(EPERM);
}

/* What is on other buses has no config space, and what has another name is no function. */
static void test_others(void **state)
{
	(void)state;
	put_function(PORT "/0000:0e:00.0:pcie002");
	put_config(PORT "/0000:0e:00.0:pcie002", 2, 4096);
	put_text("sys/devices/" MEMDEV "/mem0/uevent", "");
	put_config(MEMDEV "/mem0", 2, 4096);
	put_text("sys/bus/cxl/ready", "");
	assert_int_equal(symlink("../../../devices/" MEMDEV "/mem0",
				 path_of("sys/bus/cxl/devices/mem0")),
			 0);
	assert_int_equal(topology_read(tree.topology, NOW), 0);
	for (size_t i = 0; i < tree.n; i++) {
		if (tree.told[i].header.type != RECORD_FEATURE)
			continue;
		assert_string_not_equal(tree.told[i].feature.device, "mem0");
		if (!strcmp(tree.told[i].feature.device, "0000:0e:00.0:pcie002")) {
			assert_int_equal(tree.told[i].feature.kind, RECORD_FEATURE_NONE);
			assert_int_equal(tree.told[i].feature.value, EINVAL);
		}
	}
}

/* The reader cannot take more: the read ends with what it says. */
static void test_reader_fails(void **state)
{
	(void)state;
	for (tree.fail_after = 1; tree.fail_after < 4; tree.fail_after++) {
		tree.n = 0;
		assert_int_equal(topology_read_device(tree.topology, "/devices/" MEMDEV, NOW),
				 -ECANCELED);
		assert_int_equal(tree.n, tree.fail_after);
	}
	tree.fail_after = 1;
	tree.n = 0;
	assert_int_equal(topology_read_drivers(tree.topology, true, NOW), -ECANCELED);
}

/* ---- Drivers ---- */

#define N_DRIVERS 4

static void expect_driver(size_t i, const char *bus, const char *name, bool present)
{
	assert_true(i < tree.n);
	assert_int_equal(tree.told[i].header.type, RECORD_DRIVER);
	assert_int_equal(tree.told[i].header.size, sizeof(struct record_driver));
	assert_string_equal(tree.told[i].driver.bus, bus);
	assert_string_equal(tree.told[i].driver.name, name);
	assert_int_equal(tree.told[i].driver.present, present);
	assert_int_equal(tree.told[i].driver.reserved, 0);
}

static void read_drivers(bool all)
{
	tree.n = 0;
	assert_int_equal(topology_read_drivers(tree.topology, all, NOW), 0);
}

static void expect_drivers(bool cxl_pmu, bool cxl_mem, bool cxl_pci, bool pcieport)
{
	assert_int_equal(tree.n, N_DRIVERS);
	expect_driver(0, "cxl", "cxl_pmu", cxl_pmu);
	expect_driver(1, "cxl", "cxl_mem", cxl_mem);
	expect_driver(2, "pci", "cxl_pci", cxl_pci);
	expect_driver(3, "pci", "pcieport", pcieport);
}

static void test_drivers(void **state)
{
	(void)state;
	put_text("sys/bus/pci/drivers/pcieport/bind", "");
	put_text("sys/bus/pci/drivers/cxl_pmu/bind", ""); /* of another bus */
	read_drivers(false);
	expect_drivers(false, false, false, true);
	read_drivers(false);
	assert_int_equal(tree.n, 0);
	read_drivers(true);
	expect_drivers(false, false, false, true);

	put_text("sys/bus/cxl/drivers/cxl_pmu/bind", "");
	put_text("sys/bus/cxl/drivers/cxl_mem/bind", "");
	read_drivers(false);
	assert_int_equal(tree.n, 2);
	expect_driver(0, "cxl", "cxl_pmu", true);
	expect_driver(1, "cxl", "cxl_mem", true);
	remove_path("sys/bus/cxl/drivers/cxl_pmu/bind");
	remove_path("sys/bus/cxl/drivers/cxl_pmu");
	put_text("sys/bus/pci/drivers/cxl_pci/bind", "");
	read_drivers(false);
	assert_int_equal(tree.n, 2);
	expect_driver(0, "cxl", "cxl_pmu", false);
	expect_driver(1, "pci", "cxl_pci", true);
	/* with everything else they come last */
	tree.n = 0;
	assert_int_equal(topology_read(tree.topology, NOW), 0);
	assert_true(tree.n > N_DRIVERS);
	memmove(tree.told, tree.told + tree.n - N_DRIVERS, N_DRIVERS * sizeof(*tree.told));
	tree.n = N_DRIVERS;
	expect_drivers(false, true, true, true);
	/* not even /sys/bus */
	assert_int_equal(nftw(path_of("sys/bus"), remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	read_drivers(true);
	expect_drivers(false, false, false, false);
}

/* A burst of uevents that is over has them looked at. */
static void test_settled(void **state)
{
	sd_event *event;
	int r;

	(void)state;
	assert_true(sd_event_new(&event) >= 0);
	r = topology_attach(tree.topology, event, NULL);
	if (r < 0) {
		sd_event_unref(event);
		skip();
	}
	/* nothing waits */
	topology_settle(tree.topology);
	assert_int_equal(tree.n, 0);
	topology_touch(tree.topology, "0000:0d:00.0");
	topology_settle(tree.topology);
	assert_int_equal(tree.n, 2 + 2 + N_DRIVERS);
	memmove(tree.told, tree.told + 4, N_DRIVERS * sizeof(*tree.told));
	tree.n = N_DRIVERS;
	expect_drivers(false, false, false, false);

	put_text("sys/bus/cxl/drivers/cxl_pmu/bind", "");
	tree.n = 0;
	topology_touch(tree.topology, "0000:0d:00.0");
	topology_settle(tree.topology);
	assert_int_equal(tree.n, 2 + 2 + 1);
	expect_driver(4, "cxl", "cxl_pmu", true);
	tree.fail_after = 5;
	put_text("sys/bus/cxl/drivers/cxl_mem/bind", "");
	topology_touch(tree.topology, "0000:0d:00.0");
	tree.n = 0;
	topology_settle(tree.topology);
	assert_int_equal(tree.n, 5);
	tree.fail_after = 4;
	put_text("sys/bus/pci/drivers/cxl_pci/bind", "");
	topology_touch(tree.topology, "0000:0d:00.0");
	tree.n = 0;
	topology_settle(tree.topology);
	assert_int_equal(tree.n, 4);
	assert_int_equal(topology_counters(tree.topology).reads_failed, 1);
	sd_event_unref(event);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_features), TEST(test_asleep),	      TEST(test_unreadable),
		TEST(test_others),   TEST(test_reader_fails), TEST(test_drivers),
		TEST(test_settled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
