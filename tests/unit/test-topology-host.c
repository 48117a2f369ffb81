// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The third witness on the machine that runs this test: its /sys and /proc as topology.c reads
 * them, against what sd-device, glob() and /proc/interrupts say. What a machine does not have (no
 * MSI, no /sys) is skipped, never passed.
 */
#include <glob.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-device.h>

#include <cmocka.h>

#include "topology.h"

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
};

static int on_record(const struct record_header *record, void *userdata)
{
	struct told *told = userdata;

	assert_int_equal(record->version, RECORD_VERSION);
	assert_true(record->size <= sizeof(told->records[0]));
	if ((told->n & (told->n - 1)) == 0)
		told->records =
			realloc(told->records, (told->n * 2 + 1) * sizeof(told->records[0]));
	assert_non_null(told->records);
	memcpy(&told->records[told->n++], record, record->size);
	return 0;
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

struct witness {
	struct told told;
	struct topology *topology;
};

static int setup(void **state)
{
	struct witness *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	assert_int_equal(topology_new("/", on_record, &w->told, &w->topology), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct witness *w = *state;

	topology_free(w->topology);
	free(w->told.records);
	free(w);
	return 0;
}

static void assert_like_sd_device(const struct record_device *record, sd_device *device)
{
	const char *text = "";
	sd_device *parent = NULL;

	(void)sd_device_get_driver(device, &text);
	assert_string_equal(record->driver, text);
	text = "";
	if (sd_device_get_parent(device, &parent) >= 0)
		assert_true(sd_device_get_sysname(parent, &text) >= 0);
	assert_string_equal(record->parent, text);
	if (strcmp(record->bus, "pci") == 0) {
		char code[16];

		assert_true(sd_device_get_sysattr_value(device, "class", &text) >= 0);
		snprintf(code, sizeof(code), "%s", text);
		assert_true(strcmp(record->class_name, code) == 0 || record->class_name[1] != 'x');
		assert_true(record->class_name[0] != '\0');
	} else {
		assert_string_equal(record->class_name, "");
	}
}

static void test_devices(void **state)
{
	static const char *const subsystems[] = { "pci", "pci_express", "auxiliary",
						  "cxl", "virtio",	"pci-epf" };
	struct witness *w = *state;
	sd_device_enumerator *enumerator;
	size_t seen = 0, n = 0;

	assert_int_equal(topology_read(w->topology, 1), 0);
	for (size_t i = 0; i < w->told.n; i++)
		n += w->told.records[i].header.type == RECORD_DEVICE &&
		     strcmp(w->told.records[i].device.bus, "platform") != 0;
	assert_true(sd_device_enumerator_new(&enumerator) >= 0);
	assert_true(sd_device_enumerator_allow_uninitialized(enumerator) >= 0);
	for (size_t i = 0; i < sizeof(subsystems) / sizeof(subsystems[0]); i++)
		assert_true(sd_device_enumerator_add_match_subsystem(enumerator, subsystems[i],
								     true) >= 0);
	for (sd_device *device = sd_device_enumerator_get_device_first(enumerator); device;
	     device = sd_device_enumerator_get_device_next(enumerator)) {
		const char *name, *bus;

		assert_true(sd_device_get_sysname(device, &name) >= 0);
		assert_true(sd_device_get_subsystem(device, &bus) >= 0);
		if (strcmp(bus, "drivers") == 0)
			continue;
		assert_like_sd_device(device_at(&w->told, find_device(&w->told, bus, name)),
				      device);
		seen++;
	}
	sd_device_enumerator_unref(enumerator);
	assert_int_equal(seen, n);
	if (n == 0)
		skip();
}

static void test_vectors(void **state)
{
	struct witness *w = *state;
	glob_t found;
	size_t n = 0;
	int r;

	assert_int_equal(topology_read(w->topology, 1), 0);
	for (size_t i = 0; i < w->told.n; i++)
		n += w->told.records[i].header.type == RECORD_SYSFS_VECTOR;
	r = glob("/sys/bus/[pa][cul][ixa]*/devices/*/{msi_irqs,irqs}/[0-9]*", GLOB_BRACE, NULL,
		 &found);
	if (r == GLOB_NOMATCH) {
		assert_int_equal(n, 0);
		skip();
	}
	assert_int_equal(r, 0);
	assert_int_equal(found.gl_pathc, n);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char device[NAME_MAX + 1];
		unsigned int irq;
		bool is_told = false;

		assert_int_equal(sscanf(found.gl_pathv[i],
					"/sys/bus/%*[^/]/devices/%255[^/]/%*[^/]/%u", device, &irq),
				 2);
		for (size_t j = 0; j < w->told.n && !is_told; j++)
			is_told = w->told.records[j].header.type == RECORD_SYSFS_VECTOR &&
				  w->told.records[j].vector.irq == irq &&
				  strcmp(w->told.records[j].vector.device, device) == 0;
		assert_true(is_told);
	}
	globfree(&found);
}

/* One line of /proc/interrupts: " 41:  2132  0 PCI-MSIX-0000:00:04.0  1-edge  virtio3-rx". */
struct line {
	unsigned long long count;
	char rest[512];
};

static bool read_line(unsigned int irq, struct line *ret)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/interrupts", "re");
	char text[4096], prefix[16];

	assert_non_null(file);
	snprintf(prefix, sizeof(prefix), "%u:", irq);
	while (fgets(text, sizeof(text), file)) {
		char *at = text + strspn(text, " "), *end;

		if (strncmp(at, prefix, strlen(prefix)) != 0)
			continue;
		*ret = (struct line){};
		at += strlen(prefix);
		for (unsigned long long n = strtoull(at, &end, 10); end != at;
		     at = end, n = strtoull(at, &end, 10)) {
			if (*end != ' ')
				break; /* "5-edge" of a chip without name */
			ret->count += n;
		}
		snprintf(ret->rest, sizeof(ret->rest), "%s", at);
		return true;
	}
	return false;
}

static void test_irqs(void **state)
{
	struct witness *w = *state;
	size_t requested = 0;
	struct stat st;

	if (stat("/sys/kernel/irq", &st) < 0)
		skip();
	assert_int_equal(topology_read_irqs(w->topology, 1), 0);
	for (size_t i = 0; i < w->told.n; i++) {
		const struct record_sysfs_irq *irq = &w->told.records[i].irq;
		struct line line;

		assert_int_equal(irq->header.type, RECORD_SYSFS_IRQ);
		if (!irq->actions[0])
			continue;
		requested++;
		assert_true(read_line(irq->irq, &line));
		assert_true(line.count >= irq->interrupts);
		assert_non_null(strstr(line.rest, irq->chip));
		for (char *name = strtok(strdupa(irq->actions), ","); name;
		     name = strtok(NULL, ","))
			assert_non_null(strstr(line.rest, name));
		assert_true(irq->affinity[0] >= '0' && irq->affinity[0] <= '9');
	}
	if (requested == 0)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_devices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vectors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_irqs, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
