/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What drivers ask for, what config space states, and the vector space, made by hand; and rows of
 * the ledger as it is then:
 *
 *	allocate(w, CXL, "cxl_pci", 1, 16, 8);
 *	expect_row(w, CXL, "{'asked': {'min': 1, 'max': 16}, 'granted': 8}");
 */
#ifndef TEST_DEMAND_FIXTURE_H
#define TEST_DEMAND_FIXTURE_H

#include <errno.h>

#include "ledger.h"
#include "records.h"

#define CXL "0000:0d:00.0"
#define PORT "0000:0c:00.0"
#define TID 77 /* of the task that probes */
#define ALL_FLAGS 7 /* MSI-X, MSI, the pin */
#define MSI_FLAGS 6 /* MSI-X, MSI */

#define FIELD(field, text) snprintf((field), sizeof(field), "%s", (text))

/* ---- Records ---- */

/* A driver's call in its probe; @answered with @result */
static inline struct record_demand make_demand(enum record_demand_kind kind, const char *device,
					       const char *driver, uint32_t min, uint32_t max,
					       bool answered, int32_t result)
{
	struct record_demand r = { .header = make_header(RECORD_DEMAND, sizeof(r)),
				   .kind = kind,
				   .answered = answered,
				   .min = min,
				   .max = max,
				   .result = result,
				   .device = make_dev(device, "pci", driver) };

	done_by(&r.header, RECORD_CAUSE_PROBE, "modprobe", TID);
	r.header.tid = TID;
	if (kind == RECORD_DEMAND_ANY)
		r.flags = MSI_FLAGS;
	return r;
}

/* pci_irq_vector(), called by @caller (which @next called) */
static inline struct record_demand make_ask(const char *device, const char *driver, uint32_t number,
					    int32_t result, const char *caller, const char *next)
{
	struct record_demand r =
		make_demand(RECORD_DEMAND_VECTOR, device, driver, number, number, true, result);

	FIELD(r.callers[0], caller);
	FIELD(r.callers[1], next);
	return r;
}

static inline struct record_feature make_feature(enum record_feature_kind kind, const char *device,
						 int32_t message, uint64_t value)
{
	struct record_feature r = { .header = make_header(RECORD_FEATURE, sizeof(r)),
				    .kind = kind,
				    .offset = 0x100,
				    .message = message,
				    .flags = RECORD_FEATURE_F_INTERRUPT,
				    .value = value };

	FIELD(r.device, device);
	return r;
}

static inline struct record_feature make_instance(enum record_feature_kind kind, const char *device,
						  uint32_t instance, uint32_t offset)
{
	struct record_feature r = make_feature(kind, device, -1, 0);

	r.instance = instance;
	r.offset = offset;
	r.flags = 0;
	return r;
}

static inline struct record_driver make_driver(const char *bus, const char *name, bool present)
{
	struct record_driver r = { .header = make_header(RECORD_DRIVER, sizeof(r)),
				   .present = present };

	FIELD(r.bus, bus);
	FIELD(r.name, name);
	return r;
}

/* @cpu ~0: of all, with @online CPUs */
static inline struct record_space make_space(uint32_t cpu, uint32_t online, uint32_t size,
					     uint32_t available)
{
	return (struct record_space){ .header = make_header(RECORD_SPACE,
							    sizeof(struct record_space)),
				      .cpu_number = cpu,
				      .online = online,
				      .size = size,
				      .available = available,
				      .allocated = size - available,
				      .managed = 2,
				      .managed_allocated = 1,
				      .reserved = 5 };
}

static inline struct record_device make_child(const char *name, const char *bus, const char *driver,
					      const char *parent)
{
	struct record_device r = make_device(name, bus, driver);

	FIELD(r.parent, parent);
	return r;
}

static inline struct record_base make_kernel(const char *release)
{
	struct record_base r = make_base(RECORD_MODE_TRACING);

	FIELD(r.release, release);
	return r;
}

/* ---- Scenes ---- */

/* pci_alloc_irq_vectors(@min, @max) as it begins; the kernel tries MSI-X */
static inline void ask_for(struct world *w, const char *device, const char *driver, uint32_t min,
			   uint32_t max)
{
	tell(w, make_demand(RECORD_DEMAND_ANY, device, driver, min, max, false, 0));
	tell(w, make_demand(RECORD_DEMAND_MSIX, device, driver, min, max, false, 0));
}

/* ... and its end: @result vectors by MSI-X, or a refusal of that and then of MSI */
static inline void answered(struct world *w, const char *device, const char *driver, uint32_t min,
			    uint32_t max, int32_t result)
{
	tell(w, make_demand(RECORD_DEMAND_MSIX, device, driver, min, max, true, result));
	if (result < 0) {
		tell(w, make_demand(RECORD_DEMAND_MSI, device, driver, min, max, false, 0));
		tell(w, make_demand(RECORD_DEMAND_MSI, device, driver, min, max, true, result));
	}
	tell(w, make_demand(RECORD_DEMAND_ANY, device, driver, min, max, true, result));
}

/* A vector that is allocated now, in a probe; index @irq - @first */
static inline void vector_appears(struct world *w, uint32_t irq, uint32_t first, const char *device)
{
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, irq, device);
	struct record_range range = make_alloc(irq, 1);

	v.r.msi_index = irq - first;
	done_by(&v.r.header, RECORD_CAUSE_PROBE, "modprobe", TID);
	done_by(&range.header, RECORD_CAUSE_PROBE, "modprobe", TID);
	tell(w, range);
	tell(w, v);
}

/* All of it: @granted vectors from the interrupt @first on */
static inline void allocate_from(struct world *w, const char *device, const char *driver,
				 uint32_t min, uint32_t max, uint32_t granted, uint32_t first)
{
	ask_for(w, device, driver, min, max);
	for (uint32_t i = 0; i < granted; i++)
		vector_appears(w, first + i, first, device);
	answered(w, device, driver, min, max, (int32_t)granted);
}

static inline void allocate(struct world *w, const char *device, const char *driver, uint32_t min,
			    uint32_t max, uint32_t granted)
{
	allocate_from(w, device, driver, min, max, granted, 30);
}

/* The vectors are given back, in the probe or outside of it. */
static inline void give_back(struct world *w, uint32_t irq, uint32_t count, bool in_probe)
{
	struct record_range r = make_free(irq, count);

	if (in_probe)
		done_by(&r.header, RECORD_CAUSE_PROBE, "modprobe", TID);
	tell(w, r);
}

/* A handler of @device on @irq */
static inline void handler(struct world *w, uint32_t irq, uint64_t cookie, const char *device,
			   const char *bus, const char *function)
{
	struct record_action r = make_action(RECORD_REASON_REQUESTED, irq, cookie, "action");

	r.device = make_dev(device, bus, "driver");
	FIELD(r.handler, function);
	tell(w, r);
}

/* The handler of a request on @irq that the same task made was refused. */
static inline void request_refused(struct world *w, uint32_t irq, const char *device, int error)
{
	struct vector_record v = make_vector(RECORD_REASON_REQUESTED, irq, device);

	v.r.error = -error;
	done_by(&v.r.header, RECORD_CAUSE_REQUEST, "modprobe", TID);
	v.r.header.tid = TID;
	tell(w, v);
}

/* A CXL memory device whose config space names its registers and @n_cpmus CPMUs */
static inline void memory_device(struct world *w, const char *driver, uint32_t n_cpmus)
{
	tell(w, make_device(CXL, "pci", driver));
	tell(w, make_feature(RECORD_FEATURE_MSIX, CXL, -1, 16));
	tell(w, make_instance(RECORD_FEATURE_CXL_DEVICE, CXL, 0, 0x200));
	for (uint32_t i = 0; i < n_cpmus; i++)
		tell(w, make_instance(RECORD_FEATURE_CPMU, CXL, i, 0x200));
}

/* ---- Expectations ---- */

static inline json_t *row_of(struct world *w, const char *device)
{
	json_t *rows = ledger_to_json(w->model, device);
	json_t *row = json_incref(json_array_get(rows, 0));

	json_decref(rows);
	return row;
}

#define expect_row(w, device, part) expect_row_at((w), (device), (part), __FILE__, __LINE__)

static inline void expect_row_at(struct world *w, const char *device, const char *part,
				 const char *file, int line)
{
	json_t *row = row_of(w, device), *expected = parse(part);
	bool so = row && is_part(expected, row);
	char *shown = row ? json_dumps(row, JSON_INDENT(1)) : NULL;

	if (!so)
		print_error("expected %s\nbut it is %s\n", part, shown ?: "not there");
	free(shown);
	json_decref(expected);
	json_decref(row);
	if (!so)
		_fail(file, line);
}

/* The @nth line about @feature is @part, and its reason has these words ("" = it has none). */
#define expect_feature(w, device, feature, nth, part, words)                                       \
	expect_feature_at((w), (device), (feature), (nth), (part), (words), __FILE__, __LINE__)

static inline void expect_feature_at(struct world *w, const char *device, const char *feature,
				     size_t nth, const char *part, const char *words,
				     const char *file, int line)
{
	json_t *row = row_of(w, device), *expected = parse(part), *found = NULL, *entry;
	const char *reason;
	size_t i, n = 0;
	bool so;
	char *shown;

	json_array_foreach(json_object_get(row, "features"), i, entry)
		if (!strcmp(json_string_value(json_object_get(entry, "feature")), feature) &&
		    n++ == nth)
			found = entry;
	reason = json_string_value(json_object_get(found, "reason"));
	so = found && is_part(expected, found) &&
	     (*words ? reason && strstr(reason, words) : !reason);
	shown = json_dumps(json_object_get(row, "features"), JSON_INDENT(1) | JSON_ENCODE_ANY);
	if (!so)
		print_error("expected %s %s\nbut they are %s\n", part, words, shown);
	free(shown);
	json_decref(expected);
	json_decref(row);
	if (!so)
		_fail(file, line);
}

static inline size_t count_features(struct world *w, const char *device, const char *feature)
{
	json_t *row = row_of(w, device), *entry;
	size_t i, n = 0;

	json_array_foreach(json_object_get(row, "features"), i, entry)
		n += !strcmp(json_string_value(json_object_get(entry, "feature")), feature);
	json_decref(row);
	return n;
}

#endif
