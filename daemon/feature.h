/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of a device that can interrupt: what its config space says of them, and how a handler
 * or a caller is known to belong to one.
 */
#ifndef CXLIRQD_FEATURE_H
#define CXLIRQD_FEATURE_H

#include <stdbool.h>
#include <stdint.h>

#include <cxlirqd/record.h>

struct model;
struct device;
struct vector;
struct action;

/* In the order in which lists show them */
enum feature {
	FEATURE_AER,
	FEATURE_PME,
	FEATURE_HOTPLUG,
	FEATURE_BWCTRL,
	FEATURE_DPC,
	FEATURE_DOE,
	FEATURE_MAILBOX,
	FEATURE_EVENT_LOG,
	FEATURE_CPMU,
	FEATURE_AUXILIARY,
	FEATURE_OTHER,
	FEATURE_MAX
};

/* One statement of a PCI function's config space; what it has of it follows RECORD_FEATURE. */
struct hardware {
	enum record_feature_kind kind; /* neither NONE, MSI nor MSIX */
	uint32_t instance, offset;
	int32_t message; /* -1 = config space does not say */
	bool interrupts;
};

/* What config space says of a device. */
struct hardware_list {
	bool read; /* it was told at all */
	int error; /* errno: it could not be read */
	uint32_t msi, msix; /* messages that can be sent */
	struct hardware *list; /* in the order of config space */
	uint32_t n;
};

/* More than a config space has room for */
#define HARDWARE_MAX 256

/* "aer" and so on. Static string. */
const char *feature_name(enum feature feature);

/* The feature that a statement is about. CXL_DEVICE is two: FEATURE_MAILBOX stands for both. */
enum feature feature_of_hardware(enum record_feature_kind kind);

/* What a handler is for; told by its device, else by its function, else by its name. */
enum feature feature_of_action(const struct vector *vector, const struct action *action);

/* What called for a vector, by the symbols of the callers, the nearest first. */
enum feature feature_of_callers(const char (*callers)[48]);

/* The low byte of a port service's name, "<bdf>:pcieXYZ"; 0 = it is none. */
unsigned int feature_port_service(const char *name);
/* The same of a feature; 0 = no port service has it. */
unsigned int feature_service(enum feature feature);
/* The driver of the port service bus that serves @feature, NULL = none does. */
const char *feature_service_driver(enum feature feature);

/* Whether a driver is in this kernel, as sysfs told. */
enum presence { PRESENCE_UNKNOWN, PRESENCE_NO, PRESENCE_YES };
enum presence model_driver(const struct model *model, const char *bus, const char *name);

#endif
