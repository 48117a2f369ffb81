// SPDX-License-Identifier: GPL-2.0-or-later
/* See pmu.h. What cannot be read is left out: a PMU may go away at any time. */
#include "pmu.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sysfs.h"

#define PMUS "sys/bus/event_source/devices"
#define PREFIX "cxl_pmu_"

static void vocabulary_done(struct pmu_vocabulary *words)
{
	free(words->formats);
	free(words->aliases);
	*words = (struct pmu_vocabulary){};
}

static void devices_free(struct pmu_device *devices, size_t n)
{
	for (size_t i = 0; i < n; i++)
		vocabulary_done(&devices[i].words);
	free(devices);
}

/* ---- What a PMU's folders hold --------------------------------------------------------------- */

/* perf keeps what belongs to an event beside it: NAME.scale and the like are no events. */
static bool is_attribute(const char *name)
{
	static const char *const endings[] = { ".scale", ".unit", ".per-pkg", ".snapshot" };
	size_t length = strlen(name);

	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
		if (length > strlen(endings[i]) &&
		    !strcmp(name + length - strlen(endings[i]), endings[i]))
			return true;
	return false;
}

int pmu_list_entries(int root_fd, const char *pmu, const char *folder, pmu_entry_fn entry,
		     void *userdata)
{
	_cleanup_(sysfs_listing_done) struct sysfs_listing listing = {};
	char path[sizeof(PMUS) + 2 * NAME_MAX + 64], text[256];
	int r;

	snprintf(path, sizeof(path), PMUS "/%.*s/%.32s", NAME_MAX, pmu, folder);
	r = sysfs_list(root_fd, path, &listing);
	if (r == -ENOENT)
		return 0;
	for (int i = 0; i < listing.n && r >= 0; i++) {
		const char *name = listing.entries[i]->d_name;

		if (is_attribute(name))
			continue;
		snprintf(path, sizeof(path), PMUS "/%.*s/%.32s/%.*s", NAME_MAX, pmu, folder,
			 NAME_MAX, name);
		if (sysfs_read_text(root_fd, path, text, sizeof(text)) >= 0)
			r = entry(name, text, userdata);
	}
	return r < 0 ? r : 0;
}

struct reading {
	struct pmu_table *pmus;
	struct pmu_vocabulary *words;
};

static int add_format(const char *name, const char *text, void *userdata)
{
	struct reading *reading = userdata;
	struct pmu_vocabulary *words = reading->words;
	struct pmu_format format, *grown;

	if (pmu_format_parse(name, text, &format) < 0)
		return 0;
	if (words->n_formats == PMU_FORMATS_MAX) {
		reading->pmus->refused++;
		return 0;
	}
	grown = reallocarray(words->formats, words->n_formats + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	words->formats = grown;
	grown[words->n_formats++] = format;
	return 0;
}

static int add_alias(const char *name, const char *text, void *userdata)
{
	struct reading *reading = userdata;
	struct pmu_vocabulary *words = reading->words;
	struct pmu_alias alias = {}, *grown;

	/* half an event would be another one */
	if (words->n_aliases == PMU_ALIASES_MAX || strlen(name) >= sizeof(alias.name) ||
	    strlen(text) >= sizeof(alias.terms)) {
		reading->pmus->refused++;
		return 0;
	}
	strcpy(alias.name, name);
	strcpy(alias.terms, text);
	grown = reallocarray(words->aliases, words->n_aliases + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	words->aliases = grown;
	grown[words->n_aliases++] = alias;
	return 0;
}

/* ---- PMUs ------------------------------------------------------------------------------------ */

/* A number at the start of a one-value file: a type, or the first CPU of a list */
static int read_number(const struct pmu_table *pmus, const char *pmu, const char *file, int *ret)
{
	char path[sizeof(PMUS) + NAME_MAX + 32], text[256];
	char *end;
	long number;
	ssize_t length;

	snprintf(path, sizeof(path), PMUS "/%.*s/%.16s", NAME_MAX, pmu, file);
	length = sysfs_read_text(pmus->root_fd, path, text, sizeof(text));
	if (length < 0)
		return (int)length;
	number = strtol(text, &end, 10);
	if (end == text || number < 0 || number > INT_MAX)
		return -EBADMSG;
	*ret = (int)number;
	return 0;
}

static int read_device(struct pmu_table *pmus, const char *name, struct pmu_device *ret)
{
	struct pmu_device device = {};
	struct reading reading = { pmus, &device.words };
	int type, r;

	if (strlen(name) >= sizeof(device.name))
		return -ENAMETOOLONG;
	strcpy(device.name, name);
	r = read_number(pmus, name, "type", &type);
	if (r >= 0)
		r = read_number(pmus, name, "cpumask", &device.cpu);
	if (r >= 0)
		r = pmu_list_entries(pmus->root_fd, name, "format", add_format, &reading);
	if (r >= 0)
		r = pmu_list_entries(pmus->root_fd, name, "events", add_alias, &reading);
	if (r < 0) {
		vocabulary_done(&device.words);
		return r;
	}
	device.type = (uint32_t)type;
	*ret = device;
	return 0;
}

int pmu_table_read(struct pmu_table *pmus)
{
	_cleanup_(sysfs_listing_done) struct sysfs_listing listing = {};
	struct pmu_device *devices;
	size_t n = 0;
	int r = sysfs_list(pmus->root_fd, PMUS, &listing);

	/* a kernel without perf */
	if (r < 0 && r != -ENOENT)
		return r;
	devices = calloc((size_t)listing.n + 1, sizeof(*devices));
	if (!devices)
		return -ENOMEM;
	r = 0;
	for (int i = 0; i < listing.n && r != -ENOMEM; i++) {
		const char *name = listing.entries[i]->d_name;

		if (strncmp(name, PREFIX, strlen(PREFIX)))
			continue;
		if (n == PMUS_MAX) {
			pmus->refused++;
			continue;
		}
		r = read_device(pmus, name, &devices[n]);
		n += r >= 0;
	}
	if (r == -ENOMEM) {
		devices_free(devices, n);
		return r;
	}
	devices_free(pmus->devices, pmus->n);
	pmus->devices = devices;
	pmus->n = n;
	return 0;
}

const struct pmu_device *pmu_table_find(const struct pmu_table *pmus, const char *name)
{
	for (size_t i = 0; i < pmus->n; i++)
		if (!strcmp(pmus->devices[i].name, name))
			return &pmus->devices[i];
	return NULL;
}

int pmu_table_new(const char *root, uint64_t counters_max, struct pmu_table **ret)
{
	struct pmu_table *pmus = calloc(1, sizeof(*pmus));
	int r;

	if (!pmus)
		return -ENOMEM;
	pmus->counters_max = counters_max;
	pmus->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (pmus->root_fd < 0) {
		r = -errno;
		free(pmus);
		return r;
	}
	*ret = pmus;
	return 0;
}

struct pmu_table *pmu_table_free(struct pmu_table *pmus)
{
	if (!pmus)
		return NULL;
	devices_free(pmus->devices, pmus->n);
	closep(&pmus->root_fd);
	free(pmus);
	return NULL;
}
