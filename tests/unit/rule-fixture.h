/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Doorbells, BARs, PMUs and the passing of time, made by hand, and what the rules find in them:
 *
 *	tell(w, make_bar(RECORD_REASON_UPDATED, 2, 0x8000, 0x1000));
 *	expect_finding(w, "{'rule': 'doorbell-published-early', 'index': 0}");
 *	expect_no_finding(w);
 *
 * Each program has one of these. Findings are as violations show them.
 */
#ifndef TEST_RULE_FIXTURE_H
#define TEST_RULE_FIXTURE_H

#include "records.h"
#include "rule.h"

#define SECOND 1000000000ULL
#define STEP_NS 1000000ULL /* between one record and the next */

#define EPF 0xe1
#define EPC 0xec
#define EP "0000ep.pcie" /* the controller's parent, which provides the vectors */
#define FUNCTION "pci_epf_test.0" /* the place of its doorbells' findings */
#define NVME "0000:01:00.0"

/* A doorbell's message: address 0x8000_0040, and @data */
#define RING(data_)                                                                                \
	((struct record_msg){ .address_lo = 0x40, .address_hi = 0x8000, .data = (data_) })
#define RING_ADDRESS 0x800000000040ULL
#define RING_PAGE (RING_ADDRESS & ~0xfffULL)

/* ---- Findings ---- */

static struct {
	struct rule_set set;
	json_t *list;
} found;

static inline void on_finding(const struct finding *finding, void *userdata)
{
	struct violation violation = { .finding = *finding, .count = 1 };
	json_t *json = violation_to_json(&violation);

	(void)userdata;
	assert_non_null(json);
	json_object_set_new(json, "standing", json_boolean(finding->standing));
	json_object_set_new(json, "from_silence", json_boolean(finding->from_silence));
	assert_int_equal(json_array_append_new(found.list, json), 0);
}

static inline void judge(const struct change *change, void *userdata)
{
	struct world *w = userdata;

	rule_eval(&found.set, w->model, change, on_finding, NULL);
}

#define expect_finding(w, part) expect_finding_at((part), NULL, __FILE__, __LINE__)
/* ... and its explanation has these words */
#define expect_finding_that(w, part, words) expect_finding_at((part), (words), __FILE__, __LINE__)
#define expect_no_finding(w) expect_no_finding_at(__FILE__, __LINE__)
#define forget_findings(w) json_array_clear(found.list)

/* The oldest finding that was not expected yet is @part; it is forgotten. */
static inline void expect_finding_at(const char *part, const char *words, const char *file,
				     int line)
{
	json_t *finding = json_array_get(found.list, 0), *expected = parse(part);
	const char *said = json_string_value(json_object_get(finding, "explanation"));
	bool so =
		finding && is_part(expected, finding) && (!words || (said && strstr(said, words)));
	char *shown = so ? NULL : json_dumps(found.list, JSON_COMPACT);

	json_decref(expected);
	if (!so)
		print_error("expected %s %s\nbut found is %s\n", part, words ?: "", shown);
	free(shown);
	if (!so)
		_fail(file, line);
	json_array_remove(found.list, 0);
}

static inline void expect_no_finding_at(const char *file, int line)
{
	char *shown;

	if (!json_array_size(found.list))
		return;
	shown = json_dumps(found.list, JSON_COMPACT);
	print_error("expected no finding, but there is %s\n", shown);
	free(shown);
	_fail(file, line);
}

/* All doorbells, in their order, are these. */
#define expect_doorbells(w, part) expect_doorbells_at((w), (part), __FILE__, __LINE__)

static inline void expect_doorbells_at(struct world *w, const char *part, const char *file,
				       int line)
{
	json_t *doorbells = model_doorbells_to_json(w->model), *expected = parse(part);
	bool so = is_part(expected, doorbells);
	char *shown = json_dumps(doorbells, JSON_COMPACT);

	json_decref(expected);
	json_decref(doorbells);
	if (!so)
		print_error("expected %s\nbut they are %s\n", part, shown);
	free(shown);
	if (!so)
		_fail(file, line);
}

/* ---- Records ---- */

#define SET_TEXT(field, text) snprintf((field), sizeof(field), "%s", (text))

/* The doorbell @index of the one endpoint function, without a message */
static inline struct record_doorbell make_doorbell(enum record_reason reason, uint32_t index,
						   uint32_t irq)
{
	struct record_doorbell r = { .header = make_header(RECORD_DOORBELL, sizeof(r)),
				     .reason = reason,
				     .epf = EPF,
				     .epc = EPC,
				     .index = index,
				     .count = 1,
				     .irq = irq,
				     .bar = -1,
				     .epc_name = "epc0",
				     .epf_name = "pci_epf_test.0",
				     .driver = "pci_epf_test",
				     .provider = EP };

	return r;
}

static inline struct record_doorbell with_ring(struct record_doorbell r, struct record_msg message)
{
	r.message = message;
	return r;
}

static inline struct record_doorbell make_doorbells_freed(void)
{
	return make_doorbell(RECORD_REASON_REMOVED, ~0U, 0);
}

static inline struct record_doorbell make_refused(int32_t error, uint32_t asked)
{
	struct record_doorbell r = make_doorbell(RECORD_REASON_CREATED, ~0U, 0);

	r.error = error;
	r.count = asked;
	return r;
}

/* The controller was given a message, and the copy is @copy. */
static inline struct record_doorbell make_written(uint32_t index, uint32_t irq,
						  struct record_msg message,
						  enum record_doorbell_copy copy)
{
	struct record_doorbell r = make_doorbell(RECORD_REASON_UPDATED, index, irq);

	r.message = message;
	r.copy = copy;
	return r;
}

static inline struct record_bar make_bar(enum record_reason reason, uint32_t bar, uint64_t address,
					 uint64_t size)
{
	return (struct record_bar){ .header = make_header(RECORD_BAR, sizeof(struct record_bar)),
				    .reason = reason,
				    .bar = bar,
				    .epc = EPC,
				    .window = { address, size },
				    .epc_name = "epc0" };
}

static inline struct record_pmu make_pmu(const char *name, const char *device, const char *cpumask)
{
	struct record_pmu r = { .header = make_header(RECORD_PMU, sizeof(r)) };

	SET_TEXT(r.name, name);
	SET_TEXT(r.device, device);
	SET_TEXT(r.cpumask, cpumask);
	return r;
}

static inline struct record_pattern make_pattern(const char *pattern)
{
	struct record_pattern r = { .header = make_header(RECORD_PATTERN, sizeof(r)),
				    .kind = RECORD_PATTERN_DOORBELL };

	SET_TEXT(r.pattern, pattern);
	return r;
}

/* A platform device's MSI vector, index irq - 30; its message is in no descriptor. */
static inline struct vector_record make_platform(enum record_reason reason, uint32_t irq,
						 const char *provider)
{
	struct vector_record v = make_vector(reason, irq, provider);

	v.r.msi_type = RECORD_MSI_OTHER;
	v.r.message = ZEROS;
	v.r.provider = make_dev(provider, "platform", "ep-driver");
	SET_TEXT(v.r.levels[0].chip, "pMSI");
	SET_TEXT(v.r.levels[1].chip, "ITS");
	return v;
}

/* ---- Time ---- */

static inline void tick_at(struct world *w, uint64_t time_ns)
{
	struct record_header tick = make_header(RECORD_TICK, sizeof(tick));

	memset(tick.comm, 0, sizeof(tick.comm)); /* the daemon's own */
	tick.time_ns = time_ns;
	if (time_ns > w->now_ns + STEP_NS)
		w->now_ns = time_ns - STEP_NS;
	world_apply(w, &tick);
}

/* What waits gets its tick, as often as it asks, until @ns have passed. */
static inline void pass(struct world *w, uint64_t ns)
{
	uint64_t until = w->now_ns + ns, due;

	for (due = model_tick_due(w->model); due && due <= until; due = model_tick_due(w->model))
		tick_at(w, due);
	w->now_ns = until;
}

/* ---- Scenes ---- */

/* The domains of make_vector(): the parent with the flag, or without */
static inline void domains(struct world *w, bool immutable)
{
	struct record_domain parent = make_domain(RECORD_REASON_CREATED, 0x200, "ITS-parent");

	parent.flags = immutable ? 0x800 : 0;
	tell(w, parent);
	tell(w, make_domain(RECORD_REASON_CREATED, 0x100, "device"));
	forget_events(w);
}

/* pci_epf_alloc_doorbell() of doorbell 0, interrupt 30 */
static inline void ring_allocated(struct world *w, struct record_msg message)
{
	tell(w, make_alloc(30, 1));
	tell(w, make_platform(RECORD_REASON_ALLOCATED, 30, EP));
	tell(w, make_message(30, ZEROS, message));
	tell(w, make_written(0, 30, message, RECORD_COPY_TAKEN));
	tell(w, with_ring(make_doorbell(RECORD_REASON_CREATED, 0, 30), message));
}

/* request_irq() on it, which writes the message again */
static inline void ring_requested(struct world *w, struct record_msg message)
{
	tell(w, make_platform(RECORD_REASON_ACTIVATED, 30, EP));
	tell(w, make_message(30, ZEROS, message));
	tell(w, make_written(0, 30, message, RECORD_COPY_TAKEN));
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, 7, "pci-ep-test-doorbell"));
	tell(w, make_platform(RECORD_REASON_REQUESTED, 30, EP));
}

/* An affinity write to @cpus that ends in @message */
static inline void ring_moved(struct world *w, uint64_t cpus, struct record_msg message)
{
	struct record_message write = make_message(30, ZEROS, message);
	struct record_doorbell written = make_written(0, 30, message, RECORD_COPY_TAKEN);
	struct vector_record applied =
		moved(make_platform(0, 30, EP), RECORD_REASON_AFFINITY_APPLIED, cpus, cpus, ZEROS);

	done_by(&write.header, RECORD_CAUSE_AFFINITY_WRITE, "irqbalance", 71);
	done_by(&written.header, RECORD_CAUSE_AFFINITY_WRITE, "irqbalance", 71);
	done_by(&applied.r.header, RECORD_CAUSE_AFFINITY_WRITE, "irqbalance", 71);
	tell(w, write);
	tell(w, written);
	tell(w, applied);
}

/* A BAR over all of the page that the doorbell's address lies in */
static inline struct record_bar ring_bar(enum record_reason reason)
{
	return make_bar(reason, 2, RING_PAGE, 0x1000);
}

static inline void forget(struct world *w)
{
	forget_events(w);
	forget_findings(w);
}

/* Allocated, requested and published on an immutable parent, nothing wrong */
static inline void ring_published(struct world *w)
{
	domains(w, true);
	ring_allocated(w, RING(1));
	ring_requested(w, RING(1));
	tell(w, ring_bar(RECORD_REASON_UPDATED));
	expect_no_finding(w);
	forget_events(w);
}

/* ---- cmocka ---- */

static inline int rules_setup(void **state)
{
	struct world *w = world_listening();

	memset(&found.set, 0, sizeof(found.set));
	found.list = json_array();
	w->follow = judge;
	*state = w;
	return 0;
}

static inline int rules_teardown(void **state)
{
	json_decref(found.list);
	return world_teardown(state);
}

#define RULE_TEST(name) cmocka_unit_test_setup_teardown(name, rules_setup, rules_teardown)

#endif
