// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts as sysfs and procfs show them, for hosts where the kernel refuses to be traced: no
 * message, no handler, no owner, but what there is, whose it is by msi_irqs/, its counts and CPUs.
 */
#define HASH_NONFATAL_OOM 1

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "sysfs.h"
#include "topology-state.h"

/* What is too long is cut between members: half of "12" would be another CPU. */
static void set_field_list(struct topology *t, char *field, size_t size, char *text)
{
	if (strlen(text) >= size && text[size - 1] != ',') {
		char saved = text[size - 1];
		char *comma;

		text[size - 1] = '\0';
		comma = strrchr(text, ',');
		if (comma) {
			t->counters.truncated++;
			*comma = '\0';
		} else {
			text[size - 1] = saved;
		}
	}
	topology_set_field(t, field, size, text);
}

struct provider {
	UT_hash_handle hh;
	uint32_t irq;
	char device[NAME_MAX + 1];
};

static void providers_free(struct provider **table)
{
	struct provider *provider, *next;

	HASH_ITER(hh, *table, provider, next) {
		HASH_DEL(*table, provider);
		free(provider);
	}
}

static int provider_add(struct topology *t, const char *device, uint32_t irq, void *argument)
{
	struct provider **table = argument, *provider;

	HASH_FIND(hh, *table, &irq, sizeof(irq), provider);
	if (provider)
		return 0;
	if (HASH_COUNT(*table) >= TOPOLOGY_IRQS_MAX) {
		t->counters.irqs_refused++;
		return 0;
	}
	provider = calloc(1, sizeof(*provider));
	if (!provider)
		return -ENOMEM;
	provider->irq = irq;
	snprintf(provider->device, sizeof(provider->device), "%s", device);
	HASH_ADD(hh, *table, irq, sizeof(irq), provider);
	if (!provider->hh.tbl) {
		free(provider);
		return -ENOMEM;
	}
	return 0;
}

static int providers_read(struct topology *t, const struct topology_bus *bus,
			  struct provider **table)
{
	_cleanup_(sysfs_listing_done) struct sysfs_listing listing = {};
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "sys/bus/%s/devices", bus->name);
	r = sysfs_list(t->root_fd, path, &listing);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (int i = 0; i < listing.n; i++) {
		_cleanup_close_ int fd = -EBADF;
		const char *name = listing.entries[i]->d_name;

		snprintf(path, sizeof(path), "sys/bus/%s/devices/%s", bus->name, name);
		fd = openat(t->root_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		r = topology_list_vectors(t, bus, fd, name, provider_add, table);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The kernel cuts per_cpu_count at a page: with many hundred CPUs the sum is a lower bound. */
static uint64_t counts_sum(const char *text)
{
	uint64_t sum = 0;
	char *end;

	while (isdigit((unsigned char)*text)) {
		sum += strtoull(text, &end, 10);
		text = *end == ',' ? end + 1 : end;
	}
	return sum;
}

static int irq_read(struct topology *t, const char *name, const struct provider *provider,
		    struct record_sysfs_irq *record)
{
	_cleanup_close_ int fd = -EBADF, proc_fd = -EBADF;
	char path[PATH_MAX], text[8192], *end;

	snprintf(path, sizeof(path), "sys/kernel/irq/%s", name);
	fd = openat(t->root_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (sysfs_read_text(fd, "hwirq", text, sizeof(text)) > 0) {
		record->hwirq = strtoull(text, &end, 10);
		if (*end)
			record->hwirq = UINT64_MAX;
	}
	if (sysfs_read_text(fd, "per_cpu_count", text, sizeof(text)) > 0)
		record->interrupts = counts_sum(text);
	if (sysfs_read_text(fd, "chip_name", text, sizeof(text)) > 0)
		FIELD_SET(t, record->chip, text);
	if (sysfs_read_text(fd, "actions", text, sizeof(text)) > 0)
		set_field_list(t, record->actions, sizeof(record->actions), text);
	if (provider)
		FIELD_SET(t, record->device, provider->device);

	/* There only once somebody has requested the interrupt. */
	snprintf(path, sizeof(path), "proc/irq/%s", name);
	proc_fd = openat(t->root_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0)
		return 0;
	if (sysfs_read_text(proc_fd, "smp_affinity_list", text, sizeof(text)) > 0)
		set_field_list(t, record->affinity, sizeof(record->affinity), text);
	if (sysfs_read_text(proc_fd, "effective_affinity_list", text, sizeof(text)) > 0)
		set_field_list(t, record->effective_affinity, sizeof(record->effective_affinity),
			       text);
	return 0;
}

int topology_read_irqs(struct topology *t, uint64_t now_ns)
{
	_cleanup_(providers_free) struct provider *providers = NULL;
	_cleanup_(sysfs_listing_done) struct sysfs_listing listing = {};
	struct provider *provider;
	int r, error = 0;

	r = sysfs_list(t->root_fd, "sys/kernel/irq", &listing);
	if (r < 0)
		return r;
	for (const struct topology_bus *bus = topology_buses; bus->name; bus++) {
		r = bus->provider ? providers_read(t, bus, &providers) : 0;
		if (r < 0)
			return r;
	}
	for (int i = 0; i < listing.n; i++) {
		struct record_sysfs_irq record = {
			.header = topology_header(RECORD_SYSFS_IRQ, sizeof(record), now_ns),
			.hwirq = UINT64_MAX,
		};

		if (!sysfs_parse_irq(listing.entries[i]->d_name, &record.irq))
			continue;
		HASH_FIND(hh, providers, &record.irq, sizeof(record.irq), provider);
		r = irq_read(t, listing.entries[i]->d_name, provider, &record);
		if (r < 0) {
			/* gone since; whatever else there is could not be looked at, and is there */
			error = error ?: r == -ENOENT ? 0 : r;
			continue;
		}
		r = topology_tell(t, &record.header);
		if (r < 0)
			return r;
	}
	return error;
}
