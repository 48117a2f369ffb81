// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Why nobody has the interrupt of a feature that hardware offers: the steps that lead to a handler
 * are the kernel's own, and the first that is missing is the reason. What is not known is said to
 * be so, or several reasons are named.
 */
#define HASH_NONFATAL_OOM 1
#include "ledger-private.h"

#include <stdarg.h>

__attribute__((format(printf, 2, 3))) static void say(struct entry *entry, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(entry->reason, sizeof(entry->reason), format, arguments);
	va_end(arguments);
}

/* Whether the kernel is older than that; an unknown one is not. */
static bool kernel_before(const struct model *model, unsigned int major, unsigned int minor,
			  unsigned int patch)
{
	unsigned int is[3] = { 0, 0, 0 }, than[3] = { major, minor, patch };

	if (sscanf(model->base.release, "%u.%u.%u", &is[0], &is[1], &is[2]) < 2)
		return false;
	for (unsigned int i = 0; i < 3; i++)
		if (is[i] != than[i])
			return is[i] < than[i];
	return false;
}

/* Without tracing a handler's device is not known: so it is not known that nobody has one. */
static bool is_blind(const struct function *f, struct entry *entry)
{
	if (f->model->base.mode == RECORD_MODE_TRACING)
		return false;
	say(entry, "BPF tracing is off: it is not known who has it");
	return true;
}

static bool is_bound_to(const struct function *f, const char *driver)
{
	return !strcmp(f->device->driver, driver);
}

/* The driver that serves the feature is not the one that is bound; says so. */
static bool is_unserved(const struct function *f, const char *driver, struct entry *entry)
{
	if (is_bound_to(f, driver))
		return false;
	if (f->device->driver[0])
		say(entry, "its driver %s does not use it (%s would)", f->device->driver, driver);
	else if (f->demands && f->demands->unbound)
		say(entry, "no driver is bound: the probe of %s failed", f->demands->driver);
	else if (model_driver(f->model, "pci", driver) == PRESENCE_NO)
		say(entry, "no driver is bound, and %s is not there", driver);
	else
		say(entry, "no driver is bound");
	return true;
}

/* The driver's last call for vectors, if it was refused */
static const struct demand *refused_demand(const struct function *f)
{
	const struct demand *last =
		f->demands && f->demands->n ? &f->demands->last[f->demands->n - 1] : NULL;

	return last && last->error ? last : NULL;
}

/* ---- PCI Express ports ---- */

/* The service device of a feature: its name has the port's type in it, which nobody told here. */
static const struct device *service_of(const struct function *f, enum feature feature)
{
	const struct device *service = NULL;
	char name[sizeof(f->device->name) + 16];

	for (unsigned int type = 0; !service && type < 16; type++) {
		snprintf(name, sizeof(name), "%s:pcie%03x", f->device->name,
			 type << 8 | feature_service(feature));
		service = model_device(f->model, name);
	}
	return service;
}

void reason_port(const struct function *f, struct entry *entry)
{
	const char *driver = feature_service_driver(entry->feature);
	const struct demand *refused = refused_demand(f);
	const struct device *service;

	if (is_blind(f, entry) || is_unserved(f, "pcieport", entry))
		return;
	service = service_of(f, entry->feature);
	if (service)
		memcpy(entry->instance, service->name, sizeof(entry->instance));
	if (refused) {
		entry->result = "refused";
		entry->error = refused->error;
		demand_words(f->demands, refused, entry->reason);
	} else if (service && service->driver[0]) {
		say(entry, "%s is bound to its service and has no handler", service->driver);
	} else if (entry->feature == FEATURE_BWCTRL && kernel_before(f->model, 6, 13, 0)) {
		/* though some make a service of it */
		say(entry, "this kernel has no driver for it (6.13 and later have)");
	} else if (service) {
		say(entry, "no driver is bound to its service (%s would serve it)", driver);
	} else {
		say(entry, "pcieport made no service of it: the firmware keeps control of it "
			   "(_OSC), or the kernel was told or built not to use it");
	}
}

void reason_doe(const struct function *f, const struct hardware *hardware, struct entry *entry)
{
	(void)f;
	entry->result = "polled";
	say(entry, hardware->interrupts ?
			   "Linux polls DOE mailboxes; its driver requests no interrupt" :
			   "this DOE mailbox has no interrupt");
}

/* ---- CXL memory devices ---- */

/* The last question of @feature */
static const struct ask *ask_of(const struct function *f, enum feature feature)
{
	const struct ask *last = NULL;

	for (uint32_t i = 0; f->demands && i < f->demands->n_asks; i++) {
		const struct ask *ask = &f->demands->asks[i];

		if (ask->feature == feature && (!last || ask->time_ns >= last->time_ns))
			last = ask;
	}
	return last;
}

/* Its call for vectors was seen and answered, so that what it asks for after that was seen, too. */
static bool was_watched(const struct function *f)
{
	return f->demands && f->demands->n && demands_answer(f->demands)->granted;
}

void reason_mailbox(const struct function *f, struct entry *entry)
{
	const struct demand *refused = refused_demand(f);
	const struct ask *ask = ask_of(f, FEATURE_MAILBOX);

	if (is_blind(f, entry) || is_unserved(f, "cxl_pci", entry))
		return;
	entry->result = "polled";
	if (kernel_before(f->model, 6, 3, 0)) {
		say(entry, "cxl_pci of this kernel uses no interrupts (6.3 and later do)");
	} else if (kernel_before(f->model, 6, 5, 0)) {
		say(entry, "cxl_pci of this kernel takes no interrupt of the mailbox (6.5 and "
			   "later do)");
	} else if (ask) {
		entry->message = ask->number;
		entry->error = ask->error ?: ask->request_error;
		if (entry->error)
			ask_words(f->demands, ask, entry->reason);
		else
			say(entry, "cxl_pci has its vector, and no handler on it");
	} else if (refused) {
		entry->error = refused->error;
		demand_words(f->demands, refused, entry->reason);
	} else if (was_watched(f)) {
		say(entry, "the mailbox offers no interrupt: cxl_pci did not ask for one");
	} else {
		say(entry, "the mailbox offers no interrupt, or cxl_pci did not get it");
	}
}

void reason_events(const struct function *f, struct entry *entry)
{
	const struct demand *refused = refused_demand(f);

	if (is_blind(f, entry) || is_unserved(f, "cxl_pci", entry))
		return;
	if (kernel_before(f->model, 6, 3, 0)) {
		say(entry, "cxl_pci of this kernel uses no interrupts (6.3 and later do)");
	} else if (refused) {
		entry->result = "refused";
		entry->error = refused->error;
		demand_words(f->demands, refused, entry->reason);
	} else if (was_watched(f)) {
		say(entry, "cxl_pci did not ask for it: the firmware keeps control of CXL errors "
			   "(_OSC)");
	} else {
		say(entry,
		    "cxl_pci has no handler: the firmware keeps control of CXL errors "
		    "(_OSC)%s",
		    f->granted ? "" : ", or it got no vectors");
	}
}

/* ---- CPMUs ---- */

const struct device *cpmu_device(const struct function *f, uint32_t instance)
{
	char suffix[16];

	snprintf(suffix, sizeof(suffix), ".%u", instance);
	for (const struct device *d = f->model->devices; d; d = d->hh.next) {
		const char *dot = strrchr(d->name, '.');

		if (!strcmp(d->bus, "cxl") && !strncmp(d->name, "pmu_", 4) && dot &&
		    !strcmp(dot, suffix) && !strcmp(d->parent, f->device->name))
			return d;
	}
	return NULL;
}

void reason_cpmu(const struct function *f, uint32_t instance, struct entry *entry)
{
	const struct device *cpmu = cpmu_device(f, instance);

	if (is_blind(f, entry) || is_unserved(f, "cxl_pci", entry))
		return;
	if (kernel_before(f->model, 6, 5, 0))
		say(entry, "no PMU: this kernel has no driver for it (6.5 and later have)");
	else if (model_driver(f->model, "cxl", "cxl_pmu") == PRESENCE_NO)
		say(entry, "no PMU: the driver cxl_pmu is not there (its module is not loaded, or "
			   "this kernel was built without it)");
	else if (!cpmu)
		say(entry, "no PMU: cxl_pci made no device of it (its registers could not be "
			   "mapped?)");
	else if (!cpmu->driver[0])
		say(entry, "no PMU: cxl_pmu refused it without a word: it takes no CPMU that has "
			   "no interrupt or names message 0, nor one that cannot freeze");
	else
		say(entry, "%s is bound to it and has no handler", cpmu->driver);
}

/*
 * Linux 6.8 (802379b8f9e1, in 6.7.11 and 6.6.23 too): until then "no HDM filter" was written as
 * 0xffff, which is not what the specification has for it: a CPMU that can filter did so.
 */
void reason_cpmu_taken(const struct function *f, struct entry *entry)
{
	bool in_66 = !kernel_before(f->model, 6, 6, 23) && kernel_before(f->model, 6, 7, 0);
	bool in_67 = !kernel_before(f->model, 6, 7, 11) && kernel_before(f->model, 6, 8, 0);

	if (kernel_before(f->model, 6, 8, 0) && !in_66 && !in_67)
		say(entry, "cxl_pmu of this kernel filters by HDM decoder where it should not, so "
			   "counts may be too low (mended in 6.8, 6.7.11 and 6.6.23)");
}
