// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Real config spaces (tests/data/config), and config spaces as sysfs keeps them: what is found in
 * them, in words.
 *
 *   test-pci-config --dump FILE    what is found in a dump as lspci -xxxx makes it
 *   test-pci-config --read ROOT    what is found in every PCI function of the tree at ROOT
 * print a line for each feature, for tests/unit/test-lspci.py:
 *   FUNCTION FEATURE INSTANCE OFFSET MESSAGE FLAGS VALUE
 */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "pci-capability.h"

struct space {
	char name[32];
	size_t size;
	uint8_t bytes[4096];
};

/* ---- Dumps ---- */

typedef void (*dump_fn)(const struct space *space, void *userdata);

static void read_dump(const char *path, dump_fn callback, void *userdata)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	struct space space = {};
	char line[256], name[32];

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	while (fgets(line, sizeof(line), file)) {
		unsigned int at, byte, domain;
		int n;

		if (sscanf(line, "%x:%*2x:%*2x.%*1u %n", &domain, &n) == 1 &&
		    sscanf(line, "%31s", name) == 1 && strchr(name, '.')) {
			if (space.name[0])
				callback(&space, userdata);
			space = (struct space){};
			strcpy(space.name, name);
			continue;
		}
		if (!space.name[0] || sscanf(line, "%x:%n", &at, &n) != 1)
			continue;
		for (const char *text = line + n; sscanf(text, " %2x%n", &byte, &n) == 1; text += n)
			if (at < sizeof(space.bytes)) {
				space.bytes[at++] = (uint8_t)byte;
				space.size = at > space.size ? at : space.size;
			}
	}
	if (space.name[0])
		callback(&space, userdata);
}

static const char *const kind_names[RECORD_FEATURE_KIND_MAX] = {
	[RECORD_FEATURE_NONE] = "none",	      [RECORD_FEATURE_MSI] = "msi",
	[RECORD_FEATURE_MSIX] = "msix",	      [RECORD_FEATURE_PME] = "pme",
	[RECORD_FEATURE_HOTPLUG] = "hotplug", [RECORD_FEATURE_BWCTRL] = "bwctrl",
	[RECORD_FEATURE_AER] = "aer",	      [RECORD_FEATURE_DPC] = "dpc",
	[RECORD_FEATURE_DOE] = "doe",	      [RECORD_FEATURE_CXL_DEVICE] = "cxl-device",
	[RECORD_FEATURE_CPMU] = "cpmu",
};

static void print_features(FILE *file, const char *name, int r, const struct pci_features *features)
{
	if (r < 0)
		fprintf(file, "%s error %d\n", name, -r);
	else if (!features->n)
		fprintf(file, "%s nothing\n", name);
	for (unsigned int i = 0; r >= 0 && i < features->n; i++) {
		const struct pci_feature *f = &features->list[i];

		fprintf(file, "%s %s %u %u %d %u %" PRIu64 "\n", name, kind_names[f->kind],
			f->instance, f->offset, f->message, f->flags, f->value);
	}
}

static void print_space(const struct space *space, void *userdata)
{
	struct pci_features features;
	int r = pci_capability_parse(space->bytes, space->size, &features);

	print_features(userdata, space->name, r, &features);
}

static int print_tree(const char *root)
{
	struct pci_capability *c;
	struct dirent **entries;
	char path[512];
	int n;

	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices", root);
	n = scandir(path, &entries, NULL, alphasort);
	if (n < 0 || pci_capability_new(root, &c) < 0)
		return 1;
	for (int i = 0; i < n; i++) {
		struct pci_features features;

		if (entries[i]->d_name[0] != '.')
			print_features(stdout, entries[i]->d_name,
				       pci_capability_read(c, entries[i]->d_name, &features),
				       &features);
		free(entries[i]);
	}
	free(entries);
	pci_capability_free(c);
	return 0;
}

/* ---- Real ones ---- */

static const char *data_path(const char *name)
{
	static char path[512];
	char *slash;

	snprintf(path, sizeof(path), "%s", __FILE__);
	slash = strstr(path, "tests/unit/");
	assert_non_null(slash);
	snprintf(slash, sizeof(path) - (size_t)(slash - path), "tests/data/config/%s", name);
	return path;
}

static void test_bench(void **state)
{
	/* root ports, an NVMe, virtio, chipset, a switch with its ports, two memory devices */
	static const char expected[] = "0000:00:00.0 nothing\n"
				       "0000:00:01.0 nothing\n"
				       "0000:00:02.0 pme 0 84 0 1 0\n"
				       "0000:00:02.0 hotplug 0 84 0 1 0\n"
				       "0000:00:02.0 bwctrl 0 84 0 1 0\n"
				       "0000:00:02.0 msix 0 72 -1 1 1\n"
				       "0000:00:02.0 aer 0 256 0 1 0\n"
				       "0000:00:03.0 msix 0 64 -1 1 65\n"
				       "0000:00:04.0 msix 0 152 -1 1 4\n"
				       "0000:00:05.0 msix 0 152 -1 1 2\n"
				       "0000:00:1f.0 nothing\n"
				       "0000:00:1f.2 msi 0 128 -1 1 1\n"
				       "0000:00:1f.3 nothing\n"
				       "0000:0c:00.0 pme 0 116 0 1 0\n"
				       "0000:0c:00.0 hotplug 0 116 0 1 0\n"
				       "0000:0c:00.0 bwctrl 0 116 0 1 0\n"
				       "0000:0c:00.0 msi 0 96 -1 1 2\n"
				       "0000:0c:00.0 aer 0 256 0 1 0\n"
				       "0000:0d:00.0 msi 0 112 -1 1 2\n"
				       "0000:0d:00.0 doe 0 448 1 1 0\n"
				       "0000:0e:00.0 hotplug 0 144 0 1 0\n"
				       "0000:0e:00.0 bwctrl 0 144 0 1 0\n"
				       "0000:0e:00.0 msi 0 112 -1 1 1\n"
				       "0000:0e:01.0 hotplug 0 144 0 1 0\n"
				       "0000:0e:01.0 bwctrl 0 144 0 1 0\n"
				       "0000:0e:01.0 msi 0 112 -1 1 1\n"
				       "0000:0f:00.0 msix 0 64 -1 1 8\n"
				       "0000:0f:00.0 cxl-device 0 328 -1 0 2\n"
				       "0000:0f:00.0 doe 0 400 0 1 0\n"
				       "0000:10:00.0 msix 0 64 -1 1 8\n"
				       "0000:10:00.0 cxl-device 0 328 -1 0 2\n"
				       "0000:10:00.0 doe 0 400 0 1 0\n";
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	assert_non_null(file);
	read_dump(data_path("bench"), print_space, file);
	assert_int_equal(fclose(file), 0);
	assert_string_equal(text, expected);
	free(text);
}

/* ---- Reading ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void write_config(const char *root, const char *function, const struct space *space)
{
	char path[256];
	FILE *file;
	size_t at = (size_t)snprintf(path, sizeof(path), "%s", root);

	snprintf(path + at, sizeof(path) - at, "/sys/bus/pci/devices/%s/config", function);
	for (char *slash = strchr(path + at + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(space->bytes, 1, space->size, file), space->size);
	assert_int_equal(fclose(file), 0);
}

static void test_read(void **state)
{
	/* an endpoint with one DOE, of message 3 */
	struct space space = {
		.size = sizeof(space.bytes),
		.bytes = { 0x86, 0x80, 1, 0, 6, 0, 0x10, 0, [0x34] = 0x40, [0x40] = 0x10, 0, 2,
			   0, [0x100] = 0x2e, 0, 1, 0, 7 },
	};
	static const char *const bad[] = {
		"",
		"0000:0c:00",
		"0000:0c:00.8",
		"0000:0c:20.0",
		"0000:0C:00.0",
		"0000:0c:00.0 ",
		"00:0c:00.0",
		"0000:00c:00.0",
		"0000:0c:00.-1",
		"ffffffff:0c:00.0",
		"../../../etc",
	};
	char root[] = "/tmp/test-config-XXXXXX", path[64];
	struct pci_features features = {};
	struct pci_capability *c;

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_int_equal(pci_capability_new(root, &c), 0);
	write_config(root, "0000:0c:00.0", &space);
	write_config(root, "10000:ff:1f.7", &space);
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(pci_capability_read(c, "0000:0c:00.0", &features), 0);
		assert_int_equal(features.n, 1);
		assert_int_equal(features.list[0].kind, RECORD_FEATURE_DOE);
		assert_int_equal(features.list[0].message, 3);
		features.n = 0;
		assert_int_equal(pci_capability_read(c, "10000:ff:1f.7", &features), 0);
		assert_int_equal(features.n, 1);
	}
	/* read anew each time; and what the unprivileged see */
	space.bytes[0x104] = 9;
	write_config(root, "0000:0c:00.0", &space);
	assert_int_equal(pci_capability_read(c, "0000:0c:00.0", &features), 0);
	assert_int_equal(features.list[0].message, 4);
	space.size = 64;
	write_config(root, "0000:0c:00.0", &space);
	assert_int_equal(pci_capability_read(c, "0000:0c:00.0", &features), -EPERM);
	space.size = 256;
	write_config(root, "0000:0c:00.0", &space);
	assert_int_equal(pci_capability_read(c, "0000:0c:00.0", &features), 0);
	assert_int_equal(features.n, 0);
	/* the kernel's errors, as they are */
	assert_int_equal(pci_capability_read(c, "0000:0d:00.0", &features), -ENOENT);
	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/0000:0e:00.0", root);
	assert_int_equal(mkdir(path, 0755), 0);
	strcat(path, "/config");
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(pci_capability_read(c, "0000:0e:00.0", &features), -EISDIR);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(pci_capability_read(c, bad[i], &features), -EINVAL);
	pci_capability_free(c);
	assert_int_equal(nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void test_root(void **state)
{
	char *root = malloc(601);
	struct pci_capability *c = NULL;

	(void)state;
	assert_non_null(root);
	memset(root, 'x', 600);
	root[600] = '\0';
	assert_int_equal(pci_capability_new(root, &c), -ENAMETOOLONG);
	assert_null(c);
	assert_null(pci_capability_free(NULL));
	free(root);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bench),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_root),
	};

	if (argc == 3 && strcmp(argv[1], "--dump") == 0) {
		read_dump(argv[2], print_space, stdout);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "--read") == 0)
		return print_tree(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
