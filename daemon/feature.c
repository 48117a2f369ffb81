// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Features are told by proof only: the bus and kind of the sub-device that requested a handler, or
 * a function of the driver that only one feature has. Where tracing is refused there is no more
 * than the name in /proc/interrupts, and of those only the ones that a single driver uses count.
 */
#define HASH_NONFATAL_OOM 1
#include "model-private.h"

#include <errno.h>
#include <stdlib.h>

static const struct {
	const char *name;
	unsigned int service; /* drivers/pci/pcie/portdrv.h */
	const char *service_driver;
} features[] = {
	[FEATURE_AER] = { "aer", 0x02, "aer" },
	[FEATURE_PME] = { "pme", 0x01, "pcie_pme" },
	[FEATURE_HOTPLUG] = { "hotplug", 0x04, "pciehp" },
	[FEATURE_BWCTRL] = { "bwctrl", 0x10, "pcie_bwctrl" },
	[FEATURE_DPC] = { "dpc", 0x08, "dpc" },
	[FEATURE_DOE] = { "doe", 0, NULL },
	[FEATURE_MAILBOX] = { "mailbox", 0, NULL },
	[FEATURE_EVENT_LOG] = { "event-log", 0, NULL },
	[FEATURE_CPMU] = { "cpmu", 0, NULL },
	[FEATURE_AUXILIARY] = { "auxiliary", 0, NULL },
	[FEATURE_OTHER] = { "other", 0, NULL },
};
_Static_assert(sizeof(features) / sizeof(*features) == FEATURE_MAX, "a feature has no line");

const char *feature_name(enum feature feature)
{
	return features[feature].name;
}

unsigned int feature_service(enum feature feature)
{
	return features[feature].service;
}

const char *feature_service_driver(enum feature feature)
{
	return features[feature].service_driver;
}

unsigned int feature_port_service(const char *name)
{
	const char *suffix = strstr(name, ":pcie");

	return suffix ? strtoul(suffix + strlen(":pcie"), NULL, 16) & 0xff : 0;
}

static enum feature feature_of_port_service(const char *name)
{
	unsigned int service = feature_port_service(name);

	for (enum feature f = 0; service && f < FEATURE_MAX; f++)
		if (features[f].service == service)
			return f;
	return FEATURE_OTHER;
}

/* A text that only one feature's driver has: its function, or the name that it gives a handler. */
struct mark {
	const char *text;
	enum feature feature;
};

static const struct mark handlers[] = {
	{ "aer_irq", FEATURE_AER },
	{ "pcie_pme_irq", FEATURE_PME },
	{ "pciehp_isr", FEATURE_HOTPLUG },
	{ "pcie_bwnotif_irq", FEATURE_BWCTRL },
	{ "dpc_irq", FEATURE_DPC },
	{ "cxl_pci_mbox_irq", FEATURE_MAILBOX },
	{ "cxl_event_thread", FEATURE_EVENT_LOG },
	{ "cxl_pmu_irq", FEATURE_CPMU },
	{},
};

static const struct mark names[] = {
	{ "aerdrv", FEATURE_AER },     { "PCIe PME", FEATURE_PME },
	{ "pciehp", FEATURE_HOTPLUG }, { "PCIe bwctrl", FEATURE_BWCTRL },
	{ "pcie-dpc", FEATURE_DPC },   {},
};

/*
 * Functions that call for a vector. cxl_pci_probe() has the mailbox's set-up in it, as compilers
 * make it; the event logs have a function of their own, called four times, so that it is the
 * nearest one when they ask.
 */
static const struct mark callers_of[] = {
	{ "cxl_event_req_irq", FEATURE_EVENT_LOG },
	{ "cxl_event_irqsetup", FEATURE_EVENT_LOG },
	{ "cxl_event_config", FEATURE_EVENT_LOG },
	{ "cxl_pci_setup_mailbox", FEATURE_MAILBOX },
	{ "cxl_pci_probe", FEATURE_MAILBOX },
	{ "cxl_pmu_probe", FEATURE_CPMU },
	{},
};

/* @text may have the compiler's ".isra.0" or a module's " [name]" behind it. */
static enum feature feature_of_mark(const struct mark *marks, const char *text)
{
	size_t length = strcspn(text, " .");

	for (const struct mark *m = marks; m->text; m++)
		if (!strncmp(m->text, text, length) && !m->text[length])
			return m->feature;
	return FEATURE_MAX;
}

static enum feature feature_of_name(const char *name)
{
	for (const struct mark *m = names; m->text; m++)
		if (!strcmp(m->text, name))
			return m->feature;
	return FEATURE_OTHER;
}

enum feature feature_of_action(const struct vector *vector, const struct action *action)
{
	enum feature feature;

	if (!strcmp(action->device.bus, "pci_express"))
		return feature_of_port_service(action->device.name);
	if (!strcmp(action->device.bus, "cxl") && !strncmp(action->device.name, "pmu_", 4))
		return FEATURE_CPMU;
	if (!strcmp(action->device.bus, "auxiliary"))
		return FEATURE_AUXILIARY;
	feature = feature_of_mark(handlers, action->handler);
	if (feature != FEATURE_MAX)
		return feature;
	/* a name is a proof only on a PCI function's own vector, and where nothing better is known */
	return vector->provider.name[0] && !action->handler[0] ? feature_of_name(action->name) :
								 FEATURE_OTHER;
}

enum feature feature_of_callers(const char (*callers)[48])
{
	for (unsigned int i = 0; i < RECORD_CALLERS; i++) {
		enum feature feature = feature_of_mark(callers_of, callers[i]);

		if (feature != FEATURE_MAX)
			return feature;
	}
	return FEATURE_OTHER;
}

enum feature feature_of_hardware(enum record_feature_kind kind)
{
	switch (kind) {
	case RECORD_FEATURE_PME: return FEATURE_PME;
	case RECORD_FEATURE_HOTPLUG: return FEATURE_HOTPLUG;
	case RECORD_FEATURE_BWCTRL: return FEATURE_BWCTRL;
	case RECORD_FEATURE_AER: return FEATURE_AER;
	case RECORD_FEATURE_DPC: return FEATURE_DPC;
	case RECORD_FEATURE_DOE: return FEATURE_DOE;
	case RECORD_FEATURE_CXL_DEVICE: return FEATURE_MAILBOX;
	case RECORD_FEATURE_CPMU: return FEATURE_CPMU;
	default: return FEATURE_OTHER;
	}
}

/* ---- What config space says ---- */

void hardware_forget(struct model *model, struct device *device)
{
	struct hardware_list *h = &device->hardware;

	model->n_hardware -= h->n;
	free(h->list);
	*h = (struct hardware_list){};
}

static void hardware_add(struct model *model, struct hardware_list *h,
			 const struct record_feature *r)
{
	struct hardware *grown;

	if (model_is_full(model, TABLE_FEATURES,
			  h->n < HARDWARE_MAX ? model->n_hardware : UINT32_MAX))
		return;
	grown = reallocarray(h->list, h->n + 1, sizeof(*grown));
	if (!grown) {
		model->refused[TABLE_FEATURES]++;
		return;
	}
	h->list = grown;
	h->list[h->n++] = (struct hardware){ .kind = r->kind,
					     .instance = r->instance,
					     .offset = r->offset,
					     .message = r->message,
					     .interrupts = r->flags & RECORD_FEATURE_F_INTERRUPT };
	model->n_hardware++;
}

void feature_apply(struct model *model, const struct record_feature *r)
{
	uint32_t value = r->value > UINT32_MAX ? UINT32_MAX : (uint32_t)r->value;
	struct hardware_list *h;
	struct device *device;

	HASH_FIND_STR(model->devices, r->device, device);
	if (!device)
		return;
	h = &device->hardware;
	h->read = true;
	switch (r->kind) {
	case RECORD_FEATURE_NONE: h->error = value > 4095 ? EIO : (int)value; return;
	case RECORD_FEATURE_MSI: h->msi = value; return;
	case RECORD_FEATURE_MSIX: h->msix = value; return;
	default: hardware_add(model, h, r);
	}
}

/* ---- Drivers ---- */

void driver_apply(struct model *model, const struct record_driver *r)
{
	struct driver *driver = NULL;

	for (uint32_t i = 0; i < model->n_drivers; i++)
		if (!strcmp(model->drivers[i].bus, r->bus) &&
		    !strcmp(model->drivers[i].name, r->name))
			driver = &model->drivers[i];
	if (!driver) {
		if (model_is_full(model, TABLE_DRIVERS,
				  model->n_drivers < MODEL_DRIVERS_MAX ? model->n_drivers :
									 UINT32_MAX))
			return;
		driver = &model->drivers[model->n_drivers++];
	}
	memcpy(driver->bus, r->bus, sizeof(driver->bus));
	memcpy(driver->name, r->name, sizeof(driver->name));
	driver->present = r->present;
}

enum presence model_driver(const struct model *model, const char *bus, const char *name)
{
	for (uint32_t i = 0; i < model->n_drivers; i++)
		if (!strcmp(model->drivers[i].bus, bus) && !strcmp(model->drivers[i].name, name))
			return model->drivers[i].present ? PRESENCE_YES : PRESENCE_NO;
	return PRESENCE_UNKNOWN;
}
