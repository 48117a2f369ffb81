// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CXL PMUs: perf's devices, the CXL device that each belongs to, and the CPU that each counts on.
 * That CPU changes without a uevent when another goes offline, so this is read whenever it
 * matters, and told when it differs from what was told before.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sysfs.h"
#include "topology-state.h"

#define PMUS "sys/bus/event_source/devices"
#define PREFIX "cxl_pmu_"

static int pmu_tell(struct topology *t, const struct record_pmu *pmu, uint64_t now_ns)
{
	struct record_pmu r = *pmu;

	r.header = topology_header(RECORD_PMU, sizeof(r), now_ns);
	return topology_tell(t, &r.header);
}

/* "../../../devices/.../pmu_mem0.0/cxl_pmu_mem0.0": the component before the last */
static int pmu_read_device(struct topology *t, const char *name, struct record_pmu *ret)
{
	char path[NAME_MAX + sizeof(PMUS) + 2], target[PATH_MAX], *last, *before;
	ssize_t length;

	snprintf(path, sizeof(path), PMUS "/%s", name);
	length = readlinkat(t->root_fd, path, target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = 0;
	last = strrchr(target, '/');
	if (!last)
		return -EBADMSG;
	*last = 0;
	before = strrchr(target, '/');
	FIELD_SET(t, ret->device, before ? before + 1 : target);
	return 0;
}

static int pmu_read(struct topology *t, const char *name, struct record_pmu *ret)
{
	char path[NAME_MAX + sizeof(PMUS) + 16];
	ssize_t length;
	int r;

	*ret = (struct record_pmu){};
	FIELD_SET(t, ret->name, name);
	r = pmu_read_device(t, name, ret);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), PMUS "/%s/cpumask", name);
	length = sysfs_read_text(t->root_fd, path, ret->cpumask, sizeof(ret->cpumask));
	return length < 0 ? (int)length : 0;
}

static struct topology_pmu *pmu_known(struct topology *t, const char *name)
{
	for (size_t i = 0; i < t->n_pmus; i++)
		if (!strcmp(t->pmus[i].record.name, name))
			return &t->pmus[i];
	return NULL;
}

static int pmu_update(struct topology *t, const struct record_pmu *pmu, uint64_t now_ns)
{
	struct topology_pmu *known = pmu_known(t, pmu->name), *grown;
	int r;

	if (known && !strcmp(known->record.device, pmu->device) &&
	    !strcmp(known->record.cpumask, pmu->cpumask)) {
		known->seen = true;
		return 0;
	}
	if (!known) {
		if (t->n_pmus == TOPOLOGY_PMUS_MAX) {
			t->counters.devices_refused++;
			return 0;
		}
		grown = reallocarray(t->pmus, t->n_pmus + 1, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		t->pmus = grown;
		known = &t->pmus[t->n_pmus++];
	}
	*known = (struct topology_pmu){ .record = *pmu, .seen = true };
	r = pmu_tell(t, pmu, now_ns);
	return r < 0 ? r : topology_tell_pmu_events(t, pmu->name, now_ns);
}

int topology_expect_pmu(struct topology *t, const char *name)
{
	struct topology_pmu *grown;

	if (pmu_known(t, name) || t->n_pmus == TOPOLOGY_PMUS_MAX)
		return 0;
	grown = reallocarray(t->pmus, t->n_pmus + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	t->pmus = grown;
	grown[t->n_pmus] = (struct topology_pmu){};
	snprintf(grown[t->n_pmus].record.name, sizeof(grown->record.name), "%s", name);
	t->n_pmus++;
	return 0;
}

static int pmus_forget(struct topology *t, uint64_t now_ns)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < t->n_pmus; i++) {
		if (t->pmus[i].seen) {
			t->pmus[kept++] = t->pmus[i];
			continue;
		}
		t->pmus[i].record.device[0] = 0;
		if (r >= 0)
			r = pmu_tell(t, &t->pmus[i].record, now_ns);
	}
	t->n_pmus = kept;
	return r;
}

int topology_read_pmus(struct topology *t, bool all, uint64_t now_ns)
{
	_cleanup_(sysfs_listing_done) struct sysfs_listing listing = {};
	int r = sysfs_list(t->root_fd, PMUS, &listing);

	/* without perf there are none */
	if (r < 0 && r != -ENOENT)
		return r;
	r = 0;
	for (size_t i = 0; i < t->n_pmus; i++) {
		t->pmus[i].seen = false;
		if (all)
			t->pmus[i].record.device[0] = 0;
	}
	for (int i = 0; i < listing.n && r >= 0; i++) {
		const char *name = listing.entries[i]->d_name;
		struct record_pmu pmu;

		if (strncmp(name, PREFIX, strlen(PREFIX)))
			continue;
		/* one that goes away while it is read is gone */
		if (pmu_read(t, name, &pmu) >= 0)
			r = pmu_update(t, &pmu, now_ns);
	}
	return r < 0 ? r : pmus_forget(t, now_ns);
}
