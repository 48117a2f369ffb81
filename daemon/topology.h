/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The third witness: what sysfs and procfs say about devices and interrupts, told as records
 * (cxlirqd/record.h), so that a recorded trace replays without the machine it comes from.
 *
 * The vectors of a device follow its RECORD_DEVICE at once: each RECORD_DEVICE starts the list of
 * that device's RECORD_SYSFS_VECTOR anew, and a vector that is not repeated has no entry any more.
 *
 * After its vectors come a PCI function's features (RECORD_FEATURE), as its config space has them.
 * One RECORD_FEATURE_NONE instead of them says why they are not known, by its errno: EPERM, config
 * space is for the privileged; EAGAIN, the function or its port sleeps, and is not woken for this;
 * ENODEV, it does not answer; ENOENT, there is no config space; or what else the read ended with.
 *
 * All functions return 0 or a negative errno. None of them logs. Time comes from the caller; only
 * what uevents start takes it from the event loop.
 */
#ifndef CXLIRQD_TOPOLOGY_H
#define CXLIRQD_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "cxlirqd/cleanup.h"
#include "cxlirqd/record.h"

/* Devices kept in mind, to tell which have gone; more are counted and not told. */
#define TOPOLOGY_DEVICES_MAX 16384U
/* Interrupts whose provider topology_read_irqs() looks up; more are told without one. */
#define TOPOLOGY_IRQS_MAX 65536U

/* CXL PMUs told; more are counted as refused devices. */
#define TOPOLOGY_PMUS_MAX 1024U

struct topology;

/* Takes one record, valid during the call. A negative return ends the read, which returns it. */
typedef int (*topology_emit_fn)(const struct record_header *record, void *userdata);

/* A burst of uevents has been read. @userdata is the emitter's. */
typedef void (*topology_settled_fn)(void *userdata);

struct topology_counters {
	uint64_t devices_refused; /* TOPOLOGY_DEVICES_MAX */
	uint64_t irqs_refused; /* TOPOLOGY_IRQS_MAX */
	uint64_t features_refused; /* PCI_FEATURES_MAX of a function, each time it was read */
	uint64_t truncated; /* names and lists longer than their field */
	uint64_t reads_failed; /* of those that uevents started */
	uint64_t uevents; /* of the buses read here, and of drivers */
	uint64_t uevents_lost; /* times that some were dropped; then all is read again */
};

/* @root: "/", or where a tree with sys/ and proc/ lies. */
int topology_new(const char *root, topology_emit_fn emit, void *userdata, struct topology **ret);

/* NULL will do. Returns NULL. */
struct topology *topology_free(struct topology *t);
DEFINE_CLEANUP(struct topology *, topology_free);

/*
 * From now on a process of its own reads config space, for what the kernel shows of it only to the
 * privileged (pci-reader.h). @root as above. -EPERM: this one is not. On an error all else works.
 */
int topology_read_apart(struct topology *t, const char *root);

/*
 * Tells every device, each with its vectors and features, which of those told before are gone
 * (their name and bus only), the CXL PMUs, and the drivers whose absence explains something. When a part cannot be read the rest is told, nothing of that part counts as
 * gone, and the first error is returned.
 */
int topology_read(struct topology *t, uint64_t now_ns);

/* The same for the one device at @devpath, "/devices/pci0000:00/0000:00:01.0". */
int topology_read_device(struct topology *t, const char *devpath, uint64_t now_ns);

/*
 * Somebody else was told of these before: where the next topology_read() does not find them, it
 * tells that they are gone.
 */
int topology_expect_device(struct topology *t, const char *bus, const char *name);
int topology_expect_pmu(struct topology *t, const char *name);

/*
 * Tells each interrupt as RECORD_SYSFS_IRQ: for hosts that refuse tracing. One that could not be looked
 * at is an error, after the others.
 */
int topology_read_irqs(struct topology *t, uint64_t now_ns);

/* Tells the CXL PMUs that are not as they were told before, or with @all every one. */
int topology_read_pmus(struct topology *t, bool all, uint64_t now_ns);

/*
 * From now on reads devices as the kernel announces that they changed, in bursts. @settled may be
 * NULL. On an error (no netlink here, say) everything else still works.
 */
int topology_attach(struct topology *t, sd_event *event, topology_settled_fn settled);

/*
 * The vectors of the provider @name changed: it is read again together with the next burst of
 * uevents, or by topology_settle(). No uevent tells of them when a driver allocates them from a
 * work queue after its probe, or anew when it resets the device. Nothing before topology_attach().
 */
void topology_touch(struct topology *t, const char *name);

/* Reads now what is waiting to be read. */
void topology_settle(struct topology *t);

struct topology_counters topology_counters(const struct topology *t);

#endif
