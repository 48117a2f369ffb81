// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Devices: reads /sys/bus below the root directory that it was given, so that a test can have it
 * read a tree of its own.
 *
 * Each read tells everything again instead of the difference: a record file may start at any
 * read, and the model compares anyway. Only to tell what has gone is something kept here.
 */
#define HASH_NONFATAL_OOM 1

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "pci-class.h"
#include "sysfs.h"
#include "topology-state.h"
#include "uevent.h"

const struct topology_bus topology_buses[] = {
	{ .name = "pci", .vectors = "msi_irqs", .provider = true },
	{ .name = "platform", .vectors = "msi_irqs", .provider = true, .vectors_only = true },
	{ .name = "pci_express" },
	{ .name = "auxiliary", .vectors = "irqs" },
	{ .name = "cxl" },
	{ .name = "virtio" },
	{ .name = "pci-epf" },
	{},
};

/* The same for the monitor, and drivers, which belong to no device. */
static const char *const subsystems[] = { "pci",    "platform", "pci_express", "auxiliary", "cxl",
					  "virtio", "pci-epf",	"drivers",     NULL };
_Static_assert(sizeof(subsystems) / sizeof(subsystems[0]) ==
		       sizeof(topology_buses) / sizeof(topology_buses[0]) + 1,
	       "one for each bus");

/* A device that was told. */
struct topology_known {
	UT_hash_handle hh;
	const struct topology_bus *bus;
	uint64_t generation; /* of the last read that saw it */
	struct topology_features *features; /* NULL: of another bus, or never read */
	char key[sizeof(((struct record_device *)NULL)->bus) + NAME_MAX + 2]; /* bus/name */
};

/* ---- Records ---- */

int topology_tell(struct topology *t, const struct record_header *record)
{
	int r = t->emit(record, t->userdata);

	if (r < 0)
		t->emit_error = r;
	return r < 0 ? r : 0;
}

struct record_header topology_header(enum record_type type, size_t size, uint64_t now_ns)
{
	return (struct record_header){
		.type = (uint16_t)type,
		.version = RECORD_VERSION,
		.size = (uint32_t)size,
		.time_ns = now_ns,
	};
}

void topology_set_field(struct topology *t, char *field, size_t size, const char *text)
{
	size_t length = strlen(text);

	if (length >= size) {
		t->counters.truncated++;
		length = size - 1;
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	}
	memcpy(field, text, length);
	memset(field + length, 0, size - length);
}

/* A link's target by its last name; an absent link gives "". */
static void set_field_link(struct topology *t, int dir_fd, const char *path, char *field,
			   size_t size)
{
	char name[NAME_MAX + 1];

	if (sysfs_read_link_name(dir_fd, path, name, sizeof(name)) < 0)
		name[0] = '\0';
	topology_set_field(t, field, size, name);
}

/* ---- Devices ---- */

static struct topology_known *known_find(struct topology *t, const struct topology_bus *bus,
					 const char *name)
{
	char key[sizeof(((struct topology_known *)NULL)->key)];
	struct topology_known *known;

	snprintf(key, sizeof(key), "%s/%s", bus->name, name);
	HASH_FIND_STR(t->known, key, known);
	return known;
}

/* 0: refused, the table is full. */
static int known_add(struct topology *t, const struct topology_bus *bus, const char *name)
{
	struct topology_known *known;

	if (HASH_COUNT(t->known) >= TOPOLOGY_DEVICES_MAX) {
		t->counters.devices_refused++;
		return 0;
	}
	known = calloc(1, sizeof(*known));
	if (!known)
		return -ENOMEM;
	known->bus = bus;
	known->generation = t->generation;
	snprintf(known->key, sizeof(known->key), "%s/%s", bus->name, name);
	HASH_ADD_STR(t->known, key, known);
	if (!known->hh.tbl) {
		free(known);
		return -ENOMEM;
	}
	return 1;
}

static void known_free(struct topology *t, struct topology_known *known)
{
	HASH_DEL(t->known, known);
	free(known->features);
	free(known);
}

/* Forgets the device and tells that it is gone. */
static int known_gone(struct topology *t, struct topology_known *known, uint64_t now_ns)
{
	struct record_device record = {
		.header = topology_header(RECORD_DEVICE_GONE, sizeof(record), now_ns),
	};

	FIELD_SET(t, record.name, known->key + strlen(known->bus->name) + 1);
	FIELD_SET(t, record.bus, known->bus->name);
	known_free(t, known);
	return topology_tell(t, &record.header);
}

/* Where the device lies: "sys/devices/..." of the bus' link, which points upwards first. */
static int device_path(struct topology *t, const struct topology_bus *bus, const char *name,
		       char *path, size_t size)
{
	char link[PATH_MAX], target[PATH_MAX];
	const char *rest = target;
	ssize_t n;

	if (snprintf(link, sizeof(link), "sys/bus/%s/devices/%s", bus->name, name) >=
	    (int)sizeof(link))
		return -ENAMETOOLONG;
	n = readlinkat(t->root_fd, link, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	while (strncmp(rest, "../", 3) == 0)
		rest += 3;
	if (snprintf(path, size, "sys/%s", rest) >= (int)size)
		return -ENAMETOOLONG;
	return 0;
}

/* The nearest directory above that is a device, which is what has a uevent file. */
static void read_parent(struct topology *t, const char *path, struct record_device *record)
{
	char above[PATH_MAX], probe[PATH_MAX + sizeof("/uevent")];
	char *slash;

	snprintf(above, sizeof(above), "%s", path);
	while ((slash = strrchr(above, '/')) && slash != above) {
		*slash = '\0';
		snprintf(probe, sizeof(probe), "%s/uevent", above);
		if (faccessat(t->root_fd, probe, F_OK, 0) < 0)
			continue;
		slash = strrchr(above, '/');
		FIELD_SET(t, record->parent, slash ? slash + 1 : above);
		return;
	}
}

int topology_list_vectors(struct topology *t, const struct topology_bus *bus, int device_fd,
			  const char *name, topology_vector_fn callback, void *argument)
{
	_cleanup_(sysfs_listing_done) struct sysfs_listing listing = {};
	uint32_t irq;
	int r;

	if (!bus->vectors)
		return 0;
	r = sysfs_list(device_fd, bus->vectors, &listing);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (int i = 0; i < listing.n; i++) {
		if (!sysfs_parse_irq(listing.entries[i]->d_name, &irq))
			continue;
		r = callback(t, name, irq, argument);
		if (r < 0)
			return r;
	}
	return 0;
}

static int tell_vector(struct topology *t, const char *device, uint32_t irq, void *argument)
{
	const uint64_t *now_ns = argument;
	struct record_sysfs_vector record = {
		.header = topology_header(RECORD_SYSFS_VECTOR, sizeof(record), *now_ns),
		.irq = irq,
	};

	FIELD_SET(t, record.device, device);
	return topology_tell(t, &record.header);
}

static void read_class(struct topology *t, int device_fd, struct record_device *record)
{
	char text[16];
	unsigned int code;

	if (sysfs_read_text(device_fd, "class", text, sizeof(text)) > 0 &&
	    sscanf(text, "0x%6x", &code) == 1)
		pci_class_name(t->pci_class, code, record->class_name, sizeof(record->class_name));
}

/* Tells one device. -ENOENT: it is not there (any more). */
static int read_device(struct topology *t, const struct topology_bus *bus, const char *name,
		       uint64_t now_ns)
{
	struct record_device record = {
		.header = topology_header(RECORD_DEVICE, sizeof(record), now_ns),
	};
	_cleanup_close_ int fd = -EBADF;
	struct topology_known *known;
	char path[PATH_MAX];
	int r;

	r = device_path(t, bus, name, path, sizeof(path));
	if (r < 0)
		return r;
	fd = openat(t->root_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (bus->vectors_only && faccessat(fd, bus->vectors, F_OK, 0) < 0)
		return -errno;

	known = known_find(t, bus, name);
	if (!known) {
		r = known_add(t, bus, name);
		if (r <= 0)
			return r;
		known = known_find(t, bus, name);
	}
	known->generation = t->generation;

	FIELD_SET(t, record.name, name);
	FIELD_SET(t, record.bus, bus->name);
	set_field_link(t, fd, "driver", record.driver, sizeof(record.driver));
	set_field_link(t, fd, "driver/module", record.module, sizeof(record.module));
	read_parent(t, path, &record);
	if (strcmp(bus->name, "pci") == 0)
		read_class(t, fd, &record);
	r = topology_tell(t, &record.header);
	if (r >= 0)
		r = topology_list_vectors(t, bus, fd, name, tell_vector, &now_ns);
	if (r < 0 || strcmp(bus->name, "pci") != 0)
		return r;
	return topology_tell_features(t, fd, name, &known->features, now_ns);
}

/* ---- Reads ---- */

static int read_bus(struct topology *t, const struct topology_bus *bus, uint64_t now_ns)
{
	_cleanup_(sysfs_listing_done) struct sysfs_listing listing = {};
	struct topology_known *known;
	char path[64];
	int r, error = 0;

	snprintf(path, sizeof(path), "sys/bus/%s/devices", bus->name);
	r = sysfs_list(t->root_fd, path, &listing);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (int i = 0; i < listing.n; i++) {
		const char *name = listing.entries[i]->d_name;

		r = read_device(t, bus, name, now_ns);
		if (t->emit_error)
			return t->emit_error;
		if (r >= 0 || r == -ENOENT)
			continue;
		known = known_find(t, bus, name);
		if (known)
			known->generation = t->generation;
		if (!error)
			error = r;
	}
	return error;
}

/* Tells the devices of @bus that this read did not see. */
static int sweep_bus(struct topology *t, const struct topology_bus *bus, uint64_t now_ns)
{
	struct topology_known *known, *next;
	int r;

	HASH_ITER(hh, t->known, known, next) {
		if (known->bus != bus || known->generation == t->generation)
			continue;
		r = known_gone(t, known, now_ns);
		if (r < 0)
			return r;
	}
	return 0;
}

int topology_read(struct topology *t, uint64_t now_ns)
{
	int r, error = 0;

	t->emit_error = 0;
	t->generation++;
	if (faccessat(t->root_fd, "sys/bus", F_OK, 0) < 0)
		return -errno;
	for (const struct topology_bus *bus = topology_buses; bus->name; bus++) {
		r = read_bus(t, bus, now_ns);
		if (t->emit_error)
			return t->emit_error;
		if (r < 0) {
			error = error ?: r;
			continue;
		}
		r = sweep_bus(t, bus, now_ns);
		if (r < 0)
			return r;
	}
	r = topology_read_pmus(t, true, now_ns);
	if (t->emit_error)
		return t->emit_error;
	error = error ?: r;
	r = topology_read_drivers(t, true, now_ns);
	return error ?: r;
}

int topology_expect_device(struct topology *t, const char *bus, const char *name)
{
	/* one that was cut is nobody's */
	if (strlen(name) + 1 >= sizeof(((struct record_device *)NULL)->name))
		return 0;
	for (const struct topology_bus *b = topology_buses; b->name; b++)
		if (!strcmp(b->name, bus) && !known_find(t, b, name)) {
			int r = known_add(t, b, name);

			return r < 0 ? r : 0;
		}
	return 0;
}

/* What is at @devpath may be there no more, so its bus is looked for by its name alone. */
int topology_read_device(struct topology *t, const char *devpath, uint64_t now_ns)
{
	const char *slash = strrchr(devpath, '/');
	struct topology_known *known;
	char path[PATH_MAX];
	int r, error = 0;

	if (!slash || !slash[1])
		return -EINVAL;
	t->emit_error = 0;
	for (const struct topology_bus *bus = topology_buses; bus->name; bus++) {
		r = device_path(t, bus, slash + 1, path, sizeof(path));
		if (r >= 0) {
			if (strcmp(path + strlen("sys"), devpath) != 0)
				continue;
			r = read_device(t, bus, slash + 1, now_ns);
		}
		if (r == -ENOENT) {
			known = known_find(t, bus, slash + 1);
			r = known ? known_gone(t, known, now_ns) : 0;
		}
		if (t->emit_error)
			return t->emit_error;
		if (r < 0 && !error)
			error = r;
	}
	return error;
}

/* ---- Uevents ---- */

static void on_changed(const char *devpath, void *userdata)
{
	struct topology *t = userdata;
	uint64_t usec = 0;
	int r;

	r = sd_event_now(t->event, CLOCK_BOOTTIME, &usec);
	if (r >= 0)
		r = devpath ? topology_read_device(t, devpath, usec * 1000) :
			      topology_read(t, usec * 1000);
	if (r < 0)
		t->counters.reads_failed++;
}

static void on_settled(void *userdata)
{
	struct topology *t = userdata;
	uint64_t usec = 0;

	t->touched[0] = 0;
	if (sd_event_now(t->event, CLOCK_BOOTTIME, &usec) < 0 ||
	    topology_read_drivers(t, false, usec * 1000) < 0)
		t->counters.reads_failed++;
	if (t->settled)
		t->settled(t->userdata);
}

int topology_attach(struct topology *t, sd_event *event, topology_settled_fn settled)
{
	const struct uevent_handler handler = {
		.subsystems = subsystems,
		.changed = on_changed,
		.settled = on_settled,
		.userdata = t,
	};
	int r;

	if (t->monitor)
		return -EBUSY;
	r = uevent_monitor_new(event, &handler, &t->monitor);
	if (r < 0)
		return r;
	t->event = sd_event_ref(event);
	t->settled = settled;
	return 0;
}

void topology_touch(struct topology *t, const char *name)
{
	char path[PATH_MAX];

	if (!t->monitor || strcmp(name, t->touched) == 0)
		return;
	for (const struct topology_bus *bus = topology_buses; bus->name; bus++) {
		if (!bus->provider || device_path(t, bus, name, path, sizeof(path)) < 0)
			continue;
		snprintf(t->touched, sizeof(t->touched), "%s", name);
		uevent_monitor_touch(t->monitor, path + strlen("sys"));
	}
}

void topology_settle(struct topology *t)
{
	if (t->monitor)
		uevent_monitor_settle(t->monitor);
}

/* ---- Life ---- */

int topology_new(const char *root, topology_emit_fn emit, void *userdata, struct topology **ret)
{
	_cleanup_(topology_freep) struct topology *t = NULL;
	_cleanup_free_ char *ids_path = NULL;
	int r;

	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->root_fd = -EBADF;
	t->emit = emit;
	t->userdata = userdata;
	t->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (t->root_fd < 0)
		return -errno;
	if (strcmp(root, "/") != 0 && asprintf(&ids_path, "%s/usr/share/misc/pci.ids", root) < 0) {
		ids_path = NULL;
		return -ENOMEM;
	}
	r = pci_class_new(ids_path, &t->pci_class);
	if (r < 0)
		return r;
	r = pci_capability_new(root, &t->pci_capability);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(t);
	return 0;
}

struct topology *topology_free(struct topology *t)
{
	struct topology_known *known, *next;

	if (!t)
		return NULL;
	uevent_monitor_free(t->monitor);
	sd_event_unref(t->event);
	HASH_ITER(hh, t->known, known, next) {
		known_free(t, known);
	}
	closep(&t->root_fd);
	pci_class_free(t->pci_class);
	pci_capability_free(t->pci_capability);
	pci_reader_free(t->pci_reader);
	free(t->pmus);
	free(t);
	return NULL;
}

struct topology_counters topology_counters(const struct topology *t)
{
	struct topology_counters counters = t->counters;

	if (t->monitor) {
		counters.uevents = uevent_monitor_counters(t->monitor)->received;
		counters.uevents_lost = uevent_monitor_counters(t->monitor)->lost;
	}
	return counters;
}
