// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The third witness on a tree made here, where every record is known beforehand.
 */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "topology.h"

#define NOW 7000000000ULL

/* ---- What is told ---- */

union record {
	struct record_header header;
	struct record_device device;
	struct record_sysfs_vector vector;
	struct record_sysfs_irq irq;
};

struct told {
	union record *records;
	size_t n;
	size_t fail_after; /* 0: never */
};

static int on_record(const struct record_header *record, void *userdata)
{
	struct told *told = userdata;

	if (told->fail_after && told->n == told->fail_after)
		return -ENOENT; /* one that a read would take for "vanished" were it its own */
	assert_int_equal(record->version, RECORD_VERSION);
	assert_int_equal(record->time_ns, NOW);
	assert_true(record->size <= sizeof(told->records[0]));
	for (size_t at = offsetof(struct record_header, pid); at < sizeof(*record); at++)
		assert_int_equal(((const char *)record)[at], 0);
	if ((told->n & (told->n - 1)) == 0)
		told->records =
			realloc(told->records, (told->n * 2 + 1) * sizeof(told->records[0]));
	assert_non_null(told->records);
	memcpy(&told->records[told->n++], record, record->size);
	return 0;
}

static void told_clear(struct told *told)
{
	free(told->records);
	*told = (struct told){};
}

static const struct record_device *device_at(const struct told *told, size_t i)
{
	assert_true(i < told->n);
	assert_int_equal(told->records[i].header.type, RECORD_DEVICE);
	assert_int_equal(told->records[i].header.size, sizeof(struct record_device));
	return &told->records[i].device;
}

static size_t find_device(const struct told *told, const char *bus, const char *name)
{
	for (size_t i = 0; i < told->n; i++)
		if (told->records[i].header.type == RECORD_DEVICE &&
		    strcmp(told->records[i].device.bus, bus) == 0 &&
		    strcmp(told->records[i].device.name, name) == 0)
			return i;
	fail_msg("%s %s was not told", bus, name);
	return 0;
}

static size_t count_type(const struct told *told, enum record_type type)
{
	size_t n = 0;

	for (size_t i = 0; i < told->n; i++)
		n += told->records[i].header.type == type;
	return n;
}

static void assert_device(const struct told *told, const char *bus, const char *name,
			  const char *driver, const char *module, const char *parent,
			  const char *class_name)
{
	const struct record_device *device = device_at(told, find_device(told, bus, name));

	assert_string_equal(device->driver, driver);
	assert_string_equal(device->module, module);
	assert_string_equal(device->parent, parent);
	assert_string_equal(device->class_name, class_name);
}

/* That exactly these vectors follow the device. */
static void assert_vectors(const struct told *told, const char *bus, const char *name,
			   const uint32_t *irqs, size_t n)
{
	size_t i = find_device(told, bus, name) + 1;

	for (size_t v = 0; v < n; v++, i++) {
		assert_true(i < told->n);
		assert_int_equal(told->records[i].header.type, RECORD_SYSFS_VECTOR);
		assert_int_equal(told->records[i].header.size, sizeof(struct record_sysfs_vector));
		assert_int_equal(told->records[i].vector.irq, irqs[v]);
		assert_string_equal(told->records[i].vector.device, name);
	}
	assert_true(i == told->n || told->records[i].header.type != RECORD_SYSFS_VECTOR);
}

/* ---- A tree ---- */

struct tree {
	char root[32];
	struct told told;
	struct topology *topology;
};

static char *tree_path(const struct tree *tree, const char *path)
{
	char *full;

	assert_true(asprintf(&full, "%s/%s", tree->root, path) > 0);
	for (char *slash = strchr(full + strlen(tree->root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(full, 0755) < 0)
			assert_int_equal(errno, EEXIST);
		*slash = '/';
	}
	return full;
}

static void put(const struct tree *tree, const char *path, const char *text)
{
	_cleanup_free_ char *full = tree_path(tree, path);
	_cleanup_fclose_ FILE *file = fopen(full, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
}

static void put_link(const struct tree *tree, const char *path, const char *target)
{
	_cleanup_free_ char *full = tree_path(tree, path);

	assert_int_equal(symlink(target, full), 0);
}

/* A device at devices/@path with its link on @bus. */
static void put_device(const struct tree *tree, const char *bus, const char *path)
{
	const char *slash = strrchr(path, '/');
	char at[512], target[512];

	snprintf(at, sizeof(at), "sys/devices/%s/uevent", path);
	put(tree, at, "");
	snprintf(at, sizeof(at), "sys/bus/%s/devices/%s", bus, slash ? slash + 1 : path);
	snprintf(target, sizeof(target), "../../../devices/%s", path);
	put_link(tree, at, target);
}

static void put_driver(const struct tree *tree, const char *path, const char *bus,
		       const char *driver, const char *module)
{
	char at[512], target[512];

	snprintf(at, sizeof(at), "sys/bus/%s/drivers/%s/bind", bus, driver);
	put(tree, at, "");
	if (module) {
		snprintf(at, sizeof(at), "sys/bus/%s/drivers/%s/module", bus, driver);
		snprintf(target, sizeof(target), "../../../../module/%s", module);
		put_link(tree, at, target);
	}
	snprintf(at, sizeof(at), "sys/devices/%s/driver", path);
	snprintf(target, sizeof(target), "%s/sys/bus/%s/drivers/%s", tree->root, bus, driver);
	put_link(tree, at, target);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void tree_remove(const struct tree *tree, const char *path)
{
	_cleanup_free_ char *full = tree_path(tree, path);

	assert_int_equal(nftw(full, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static int setup(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	assert_non_null(tree);
	strcpy(tree->root, "/tmp/test-topology-XXXXXX");
	assert_non_null(mkdtemp(tree->root));
	put(tree, "sys/bus/ready", "");
	assert_int_equal(topology_new(tree->root, on_record, &tree->told, &tree->topology), 0);
	*state = tree;
	return 0;
}

static int teardown(void **state)
{
	struct tree *tree = *state;

	topology_free(tree->topology);
	told_clear(&tree->told);
	assert_int_equal(nftw(tree->root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(tree);
	return 0;
}

#define PORT "pci0000:0c/0000:0c:00.0"
#define MEMDEV PORT "/0000:0d:00.0"

static void put_host(const struct tree *tree)
{
	put(tree, "sys/devices/pci0000:0c/uevent", "");
	put_device(tree, "pci", PORT);
	put_driver(tree, PORT, "pci", "pcieport", NULL);
	put(tree, "sys/devices/" PORT "/class", "0x060400\n");
	put(tree, "sys/devices/" PORT "/msi_irqs/24", "msi\n");
	put_device(tree, "pci_express", PORT "/0000:0c:00.0:pcie002");
	put_driver(tree, PORT "/0000:0c:00.0:pcie002", "pci_express", "aer", NULL);
	put_device(tree, "pci", MEMDEV);
	put_driver(tree, MEMDEV, "pci", "cxl_pci", "cxl_pci");
	put(tree, "sys/devices/" MEMDEV "/class", "0x050210\n");
	for (int irq = 97; irq < 103; irq++) {
		char path[128];

		snprintf(path, sizeof(path), "sys/devices/" MEMDEV "/msi_irqs/%d", irq);
		put(tree, path, "msix\n");
	}
	put(tree, "sys/devices/" MEMDEV "/msi_irqs/power", "");
	put(tree, "sys/devices/" MEMDEV "/msi_irqs/103x", "");
	put(tree, "sys/devices/" MEMDEV "/msi_irqs/-1", "");
	put(tree, "sys/devices/" MEMDEV "/msi_irqs/4294967296", "");
	put_device(tree, "cxl", MEMDEV "/mem0");
	put_driver(tree, MEMDEV "/mem0", "cxl", "cxl_mem", "cxl_mem");
	/* A class directory is no device: the parent lies above it. */
	put_device(tree, "auxiliary", MEMDEV "/glue/mlx5_core.sf.2");
	put(tree, "sys/devices/" MEMDEV "/glue/mlx5_core.sf.2/irqs/101", "");
	put_device(tree, "platform", "platform/PNP0000:00");
	put(tree, "sys/devices/platform/uevent", "");
	put_device(tree, "platform", "platform/arm-smmu-v3.0");
	put(tree, "sys/devices/platform/arm-smmu-v3.0/msi_irqs/7", "msi\n");
}

static const uint32_t memdev_irqs[] = { 97, 98, 99, 100, 101, 102 };
static const char ids[] = "C 05  Memory controller\n\t02  CXL\n\t\t10  CXL memory (2.x)\n"
			  "C 06  Bridge\n\t04  PCI bridge\n\t\t00  Normal decode\n";

/* ---- Devices ---- */

static void test_devices(void **state)
{
	struct tree *tree = *state;
	struct told *told = &tree->told;

	put_host(tree);
	put(tree, "usr/share/misc/pci.ids", ids);
	assert_int_equal(topology_read(tree->topology, NOW), 0);
	assert_int_equal(count_type(told, RECORD_DEVICE), 6);
	assert_int_equal(count_type(told, RECORD_SYSFS_VECTOR), 9);
	/* no config space in this tree, and four drivers whose absence matters */
	assert_int_equal(count_type(told, RECORD_FEATURE), 2);
	assert_int_equal(count_type(told, RECORD_DRIVER), 4);
	assert_int_equal(told->n, 21);
	assert_device(told, "pci", "0000:0c:00.0", "pcieport", "", "pci0000:0c", "PCI bridge");
	assert_device(told, "pci", "0000:0d:00.0", "cxl_pci", "cxl_pci", "0000:0c:00.0",
		      "CXL memory (2.x)");
	assert_device(told, "pci_express", "0000:0c:00.0:pcie002", "aer", "", "0000:0c:00.0", "");
	assert_device(told, "cxl", "mem0", "cxl_mem", "cxl_mem", "0000:0d:00.0", "");
	assert_device(told, "auxiliary", "mlx5_core.sf.2", "", "", "0000:0d:00.0", "");
	assert_device(told, "platform", "arm-smmu-v3.0", "", "", "platform", "");
	assert_vectors(told, "pci", "0000:0c:00.0", (const uint32_t[]){ 24 }, 1);
	assert_vectors(told, "pci", "0000:0d:00.0", memdev_irqs, 6);
	assert_vectors(told, "auxiliary", "mlx5_core.sf.2", (const uint32_t[]){ 101 }, 1);
	assert_vectors(told, "platform", "arm-smmu-v3.0", (const uint32_t[]){ 7 }, 1);
	assert_vectors(told, "cxl", "mem0", NULL, 0);
	assert_int_equal(topology_counters(tree->topology).truncated, 0);
}

static void test_classes(void **state)
{
	struct tree *tree = *state;

	put_host(tree);
	assert_int_equal(topology_read(tree->topology, NOW), 0);
	assert_device(&tree->told, "pci", "0000:0d:00.0", "cxl_pci", "cxl_pci", "0000:0c:00.0",
		      "0x050210");

	/* A list that libpci calls broken must not end the process. */
	told_clear(&tree->told);
	topology_free(tree->topology);
	put(tree, "usr/share/misc/pci.ids", "C 06  Bridge\n\t\t\tthis is no list\n");
	assert_int_equal(topology_new(tree->root, on_record, &tree->told, &tree->topology), 0);
	assert_int_equal(topology_read(tree->topology, NOW), 0);
	assert_device(&tree->told, "pci", "0000:0c:00.0", "pcieport", "", "pci0000:0c", "0x060400");
}

static void assert_gone(const struct told *told, size_t i, const char *bus, const char *name)
{
	assert_true(i < told->n);
	assert_int_equal(told->records[i].header.type, RECORD_DEVICE_GONE);
	assert_int_equal(told->records[i].header.size, sizeof(struct record_device));
	assert_string_equal(told->records[i].device.bus, bus);
	assert_string_equal(told->records[i].device.name, name);
}

static void test_gone(void **state)
{
	struct tree *tree = *state;

	put_host(tree);
	assert_int_equal(topology_read(tree->topology, NOW), 0);
	tree_remove(tree, "sys/devices/" MEMDEV "/mem0");
	tree_remove(tree, "sys/bus/cxl/devices/mem0");
	/* A link into nothing is a device that vanishes while it is read. */
	tree_remove(tree, "sys/devices/" PORT "/0000:0c:00.0:pcie002");
	told_clear(&tree->told);
	assert_int_equal(topology_read(tree->topology, NOW), 0);
	assert_int_equal(count_type(&tree->told, RECORD_DEVICE), 4);
	assert_int_equal(count_type(&tree->told, RECORD_DEVICE_GONE), 2);
	for (size_t i = 0; i < tree->told.n; i++)
		if (tree->told.records[i].header.type == RECORD_DEVICE_GONE) {
			bool is_cxl = strcmp(tree->told.records[i].device.bus, "cxl") == 0;

			assert_gone(&tree->told, i, is_cxl ? "cxl" : "pci_express",
				    is_cxl ? "mem0" : "0000:0c:00.0:pcie002");
		}
	told_clear(&tree->told);
	assert_int_equal(topology_read(tree->topology, NOW), 0);
	assert_int_equal(count_type(&tree->told, RECORD_DEVICE_GONE), 0);
}

static void test_read_device(void **state)
{
	struct tree *tree = *state;
	struct told *told = &tree->told;

	put_host(tree);
	assert_int_equal(topology_read_device(tree->topology, "/devices/" MEMDEV, NOW), 0);
	assert_int_equal(told->n, 8);
	assert_device(told, "pci", "0000:0d:00.0", "cxl_pci", "cxl_pci", "0000:0c:00.0",
		      "0x050210");
	assert_vectors(told, "pci", "0000:0d:00.0", memdev_irqs, 6);

	told_clear(told);
	tree_remove(tree, "sys/devices/" MEMDEV "/driver");
	tree_remove(tree, "sys/devices/" MEMDEV "/msi_irqs");
	assert_int_equal(topology_read_device(tree->topology, "/devices/" MEMDEV, NOW), 0);
	assert_int_equal(told->n, 2);
	assert_device(told, "pci", "0000:0d:00.0", "", "", "0000:0c:00.0", "0x050210");

	told_clear(told);
	tree_remove(tree, "sys/bus/pci/devices/0000:0d:00.0");
	assert_int_equal(topology_read_device(tree->topology, "/devices/" MEMDEV, NOW), 0);
	assert_int_equal(told->n, 1);
	assert_gone(told, 0, "pci", "0000:0d:00.0");

	/* Gone once; and what was never known, lies elsewhere, or has no bus here is nothing. */
	told_clear(told);
	assert_int_equal(topology_read_device(tree->topology, "/devices/" MEMDEV, NOW), 0);
	assert_int_equal(topology_read_device(tree->topology, "/devices/other/mem0", NOW), 0);
	assert_int_equal(topology_read_device(tree->topology, "/devices/pci0000:0c", NOW), 0);
	assert_int_equal(topology_read_device(tree->topology, "", NOW), -EINVAL);
	assert_int_equal(topology_read_device(tree->topology, "/devices/", NOW), -EINVAL);
	assert_int_equal(told->n, 0);
}

static void test_unreadable(void **state)
{
	struct tree *tree = *state;

	put_host(tree);
	assert_int_equal(topology_read(tree->topology, NOW), 0);
	told_clear(&tree->told);
	tree_remove(tree, "sys/bus/pci/devices");
	put(tree, "sys/bus/pci/devices", "no directory");
	tree_remove(tree, "sys/bus/cxl");
	assert_int_equal(topology_read(tree->topology, NOW), -ENOTDIR);
	assert_int_equal(count_type(&tree->told, RECORD_DEVICE), 3);
	assert_int_equal(count_type(&tree->told, RECORD_DEVICE_GONE), 1);
	assert_gone(&tree->told, tree->told.n - 5, "cxl", "mem0");

	told_clear(&tree->told);
	tree_remove(tree, "sys/bus");
	assert_int_equal(topology_read(tree->topology, NOW), -ENOENT);
	assert_int_equal(topology_read_irqs(tree->topology, NOW), -ENOENT);
	assert_int_equal(tree->told.n, 0);
}

static void test_emit_fails(void **state)
{
	struct tree *tree = *state;

	put_host(tree);
	for (size_t after = 1; after < 21; after++) {
		told_clear(&tree->told);
		tree->told.fail_after = after;
		assert_int_equal(topology_read(tree->topology, NOW), -ENOENT);
		assert_int_equal(tree->told.n, after);
	}
	told_clear(&tree->told);
	tree->told.fail_after = 1;
	assert_int_equal(topology_read_device(tree->topology, "/devices/" MEMDEV, NOW), -ENOENT);
	told_clear(&tree->told);
	assert_int_equal(topology_read(tree->topology, NOW), 0);
	assert_int_equal(tree->told.n, 21);
}

static void test_limit(void **state)
{
	struct tree *tree = *state;
	struct topology_counters counters;

	put_device(tree, "virtio", "x");
	for (unsigned int i = 0; i < TOPOLOGY_DEVICES_MAX + 4; i++) {
		char path[64];

		snprintf(path, sizeof(path), "sys/bus/cxl/devices/mem%u", i);
		put_link(tree, path, "../../../devices/x");
	}
	assert_int_equal(topology_read(tree->topology, NOW), 0);
	counters = topology_counters(tree->topology);
	assert_int_equal(counters.devices_refused, 5);
	assert_int_equal(count_type(&tree->told, RECORD_DEVICE), TOPOLOGY_DEVICES_MAX);
}

static void test_truncated(void **state)
{
	struct tree *tree = *state;
	const struct record_device *device;
	char name[100], path[128];

	/* 62 letters, and then a character of three bytes where one is left. */
	memset(name, 'n', 62);
	strcpy(name + 62, "\xe2\x82\xac-tail");
	snprintf(path, sizeof(path), "above/%s", name);
	put_device(tree, "virtio", path);
	assert_int_equal(topology_read(tree->topology, NOW), 0);
	device = device_at(&tree->told, 0);
	assert_int_equal(strlen(device->name), 62);
	assert_memory_equal(device->name, name, 62);
	assert_string_equal(device->parent, "");
	assert_int_equal(topology_counters(tree->topology).truncated, 1);

	told_clear(&tree->told);
	tree_remove(tree, "sys/bus/virtio");
	assert_int_equal(topology_read(tree->topology, NOW), 0);
	name[62] = '\0';
	assert_gone(&tree->told, 0, "virtio", name);
}

/* ---- Interrupts ---- */

static void test_irqs(void **state)
{
	struct tree *tree = *state;
	const struct record_sysfs_irq *irq;

	put_host(tree);
	put(tree, "sys/kernel/irq/9/hwirq", "\n");
	put(tree, "sys/kernel/irq/9/per_cpu_count", "0,0\n");
	put(tree, "sys/kernel/irq/9/actions", "\n");
	put(tree, "sys/kernel/irq/9/chip_name", "\n");
	put(tree, "sys/kernel/irq/101/hwirq", "4\n");
	put(tree, "sys/kernel/irq/101/per_cpu_count", "4294967295,2,0,3\n");
	put(tree, "sys/kernel/irq/101/actions", "0000:0d:00.0,cxl_pmu_mem0.0_overflow\n");
	put(tree, "sys/kernel/irq/101/chip_name", "PCI-MSIX-0000:0d:00.0\n");
	put(tree, "proc/irq/101/smp_affinity_list", "0-3\n");
	put(tree, "proc/irq/101/effective_affinity_list", "2\n");
	put(tree, "sys/kernel/irq/power", "");
	assert_int_equal(topology_read_irqs(tree->topology, NOW), 0);
	assert_int_equal(tree->told.n, 2);
	assert_int_equal(count_type(&tree->told, RECORD_SYSFS_IRQ), 2);

	irq = &tree->told.records[0].irq;
	assert_int_equal(irq->irq, 9);
	assert_true(irq->hwirq == UINT64_MAX);
	assert_string_equal(irq->chip, "");
	assert_string_equal(irq->affinity, "");
	assert_string_equal(irq->device, "");
	irq = &tree->told.records[1].irq;
	assert_int_equal(irq->header.size, sizeof(*irq));
	assert_int_equal(irq->irq, 101);
	assert_int_equal(irq->hwirq, 4);
	assert_int_equal(irq->interrupts, 4294967300);
	assert_string_equal(irq->chip, "PCI-MSIX-0000:0d:00.0");
	assert_string_equal(irq->actions, "0000:0d:00.0,cxl_pmu_mem0.0_overflow");
	assert_string_equal(irq->affinity, "0-3");
	assert_string_equal(irq->effective_affinity, "2");
	assert_string_equal(irq->device, "0000:0d:00.0"); /* not its auxiliary child, a user */
}

static void test_irq_lists(void **state)
{
	struct tree *tree = *state;
	const struct record_sysfs_irq *irq;
	char list[1200] = "";

	for (int cpu = 100; cpu < 300; cpu += 2)
		sprintf(list + strlen(list), "%s%d", cpu == 100 ? "" : ",", cpu);
	put(tree, "sys/kernel/irq/5/actions", "a,b");
	put(tree, "proc/irq/5/smp_affinity_list", list);
	put(tree, "proc/irq/5/effective_affinity_list", list + 2);
	assert_int_equal(topology_read_irqs(tree->topology, NOW), 0);
	irq = &tree->told.records[0].irq;
	/* 127 characters are just 32 CPUs; two on, they would end inside the next one's number. */
	assert_int_equal(strlen(irq->affinity), 127);
	assert_memory_equal(irq->affinity, list, 127);
	assert_int_equal(strlen(irq->effective_affinity), 125);
	assert_memory_equal(irq->effective_affinity, list + 2, 125);
	assert_int_equal(topology_counters(tree->topology).truncated, 2);
}

/* An interrupt that cannot be looked at is not one that there is not; others are told all the same. */
static void test_irq_unreadable(void **state)
{
	struct tree *tree = *state;

	/* gone between the list and now */
	put_link(tree, "sys/kernel/irq/3", "nothing");
	put(tree, "sys/kernel/irq/5/actions", "a");
	assert_int_equal(topology_read_irqs(tree->topology, NOW), 0);
	assert_int_equal(tree->told.n, 1);
	told_clear(&tree->told);
	put_link(tree, "sys/kernel/irq/4", "4");
	assert_int_equal(topology_read_irqs(tree->topology, NOW), -ELOOP);
	assert_int_equal(tree->told.n, 1);
	assert_int_equal(tree->told.records[0].irq.irq, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_devices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_classes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_device, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreadable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_emit_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_irqs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_irq_unreadable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_irq_lists, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
