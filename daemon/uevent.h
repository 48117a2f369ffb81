/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own announcements that devices come, go and change (NETLINK_KOBJECT_UEVENT),
 * gathered into bursts.
 *
 * All functions return 0 or a negative errno. None of them logs.
 */
#ifndef CXLIRQD_UEVENT_H
#define CXLIRQD_UEVENT_H

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "cxlirqd/cleanup.h"

/* Devices told one by one after a burst; of a larger one it is told that anything changed. */
#define UEVENT_PENDING_MAX 256U

struct uevent_monitor;

struct uevent {
	const char *devpath; /* "/devices/...", inside the message */
	const char *subsystem;
};

struct uevent_handler {
	const char *const *subsystems; /* those of interest; ends with NULL */
	/* @devpath has changed, or appeared, or vanished. NULL: anything may have. */
	void (*changed)(const char *devpath, void *userdata);
	void (*settled)(void *userdata); /* the burst is told; may be NULL */
	void *userdata;
};

struct uevent_counters {
	uint64_t received; /* of interest */
	uint64_t lost; /* times the kernel or this monitor had to drop some */
	uint64_t malformed; /* and those that are not from the kernel */
};

/*
 * Takes a message apart: NUL-separated strings, "add@/devices/..." and then KEY=VALUE.
 * -EBADMSG: it is none, or names no device or subsystem.
 */
int uevent_parse(const char *message, size_t size, struct uevent *ret);

/* @handler is copied, its list of subsystems is borrowed. */
int uevent_monitor_new(sd_event *event, const struct uevent_handler *handler,
		       struct uevent_monitor **ret);

/* As if the kernel had announced the device at @devpath. */
void uevent_monitor_touch(struct uevent_monitor *m, const char *devpath);

/* Tells what was gathered so far now, without waiting. */
void uevent_monitor_settle(struct uevent_monitor *m);

/* NULL will do. Returns NULL. */
struct uevent_monitor *uevent_monitor_free(struct uevent_monitor *m);
DEFINE_CLEANUP(struct uevent_monitor *, uevent_monitor_free);

/* Valid as long as @m. */
const struct uevent_counters *uevent_monitor_counters(const struct uevent_monitor *m);

#endif
