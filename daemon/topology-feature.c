// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What each PCI function's config space says about its interrupts.
 *
 * The kernel wakes a function that is in D3cold, and any port above that sleeps, when its config
 * space is read. So one that sleeps, or whose port does, is not read, and what was read last is
 * told again. The same holds for one that may not be read any more, because the daemon has given
 * up its privileges and has no process that kept them: a feature does not go away, and its message
 * number hardly ever changes.
 * (Between the look at the power state and the read it may fall asleep: then it is woken once.)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sysfs.h"
#include "topology-state.h"

static bool is_asleep(int device_fd)
{
	/* the function's own, and that of what is above it: its port, or a host bridge */
	static const char *const paths[] = { "power/runtime_status", "../power/runtime_status" };
	char text[16];

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (sysfs_read_text(device_fd, paths[i], text, sizeof(text)) > 0 &&
		    (strcmp(text, "suspended") == 0 || strcmp(text, "suspending") == 0))
			return true;
	return false;
}

int topology_read_apart(struct topology *t, const char *root)
{
	return pci_reader_new(root, &t->pci_reader);
}

/* A reader that is no more leaves what this process may read. */
static int read_features(struct topology *t, const char *name, struct pci_features *ret)
{
	int r = t->pci_reader ? pci_reader_read(t->pci_reader, name, ret) : -EPIPE;

	return r == -EPIPE ? pci_capability_read(t->pci_capability, name, ret) : r;
}

static int tell_feature(struct topology *t, const char *name, const struct pci_feature *feature,
			uint64_t now_ns)
{
	struct record_feature record = {
		.header = topology_header(RECORD_FEATURE, sizeof(record), now_ns),
		.kind = feature->kind,
		.instance = feature->instance,
		.offset = feature->offset,
		.message = feature->message,
		.flags = feature->flags,
		.value = feature->value,
	};

	FIELD_SET(t, record.device, name);
	return topology_tell(t, &record.header);
}

static int keep_features(struct topology_features **kept, const struct pci_features *features)
{
	struct topology_features *copy = *kept;

	if (!copy || copy->n != features->n) {
		copy = realloc(copy, sizeof(*copy) + features->n * sizeof(copy->list[0]));
		if (!copy)
			return -ENOMEM;
		*kept = copy;
		copy->n = features->n;
	}
	memcpy(copy->list, features->list, features->n * sizeof(copy->list[0]));
	return 0;
}

int topology_tell_features(struct topology *t, int device_fd, const char *name,
			   struct topology_features **kept, uint64_t now_ns)
{
	struct pci_feature none = { .kind = RECORD_FEATURE_NONE, .message = -1 };
	struct pci_features features;
	int r = -EAGAIN;

	if (!is_asleep(device_fd))
		r = read_features(t, name, &features);
	if (r >= 0) {
		t->counters.features_refused += features.refused;
		r = keep_features(kept, &features);
		if (r < 0)
			return r;
	} else if ((r != -EAGAIN && r != -EPERM) || !*kept) {
		none.value = (uint64_t)-r;
		return tell_feature(t, name, &none, now_ns);
	}
	for (unsigned int i = 0; i < (*kept)->n; i++) {
		r = tell_feature(t, name, &(*kept)->list[i], now_ns);
		if (r < 0)
			return r;
	}
	return 0;
}
