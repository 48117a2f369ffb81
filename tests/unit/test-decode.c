// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What decode() lets through: every type at its exact length, nothing that is shorter, unaligned,
 * of another version, with a string without end or an enumerator out of range. The lists of
 * strings and enumerators are written down here once more, from record.h and not from decode.c.
 */
#include <errno.h>
#include <stddef.h>

#include <cxlirqd/state.h>

#include "decode.h"
#include "records.h"

struct field {
	size_t offset, size;
};

#define TEXT(type, member)                                                                         \
	{                                                                                          \
		offsetof(struct type, member), sizeof(((struct type *)0)->member)                  \
	}
#define DEV(type, dev)                                                                             \
	TEXT(type, dev.name), TEXT(type, dev.bus), TEXT(type, dev.driver), TEXT(type, dev.module)
#define DEVICE_TEXTS                                                                               \
	{                                                                                          \
		TEXT(record_device, name), TEXT(record_device, bus), TEXT(record_device, driver),  \
			TEXT(record_device, module), TEXT(record_device, parent),                  \
			TEXT(record_device, class_name)                                            \
	}

static const struct type {
	enum record_type type;
	size_t size;
	struct field choice; /* size: the first value that is too large */
	struct field texts[16];
} types[] = {
	{ RECORD_DOMAIN,
	  sizeof(struct record_domain),
	  { offsetof(struct record_domain, reason), RECORD_REASON_MAX },
	  { TEXT(record_domain, name), DEV(record_domain, device) } },
	{ RECORD_ALLOC, sizeof(struct record_range), {}, {} },
	{ RECORD_VECTOR,
	  sizeof(struct record_vector),
	  { offsetof(struct record_vector, reason), RECORD_REASON_MAX },
	  { DEV(record_vector, provider), TEXT(record_vector, levels[0].chip),
	    TEXT(record_vector, levels[1].chip), TEXT(record_vector, levels[2].chip),
	    TEXT(record_vector, levels[3].chip) } },
	{ RECORD_FREE, sizeof(struct record_range), {}, {} },
	{ RECORD_ACTION,
	  sizeof(struct record_action),
	  { offsetof(struct record_action, reason), RECORD_REASON_MAX },
	  { TEXT(record_action, name), TEXT(record_action, handler),
	    TEXT(record_action, thread_handler), DEV(record_action, hint),
	    DEV(record_action, device) } },
	{ RECORD_ACTION_FREED, sizeof(struct record_action_freed), {}, {} },
	{ RECORD_OWNER,
	  sizeof(struct record_owner),
	  { offsetof(struct record_owner, reason), RECORD_REASON_MAX },
	  { DEV(record_owner, device) } },
	{ RECORD_MESSAGE, sizeof(struct record_message), {}, {} },
	{ RECORD_X86_VECTOR, sizeof(struct record_x86_vector), {}, {} },
	{ RECORD_CPU, sizeof(struct record_cpu), {}, {} },
	{ RECORD_BASE,
	  sizeof(struct record_base),
	  { offsetof(struct record_base, mode), RECORD_MODE_SYSFS + 1 },
	  { TEXT(record_base, release), TEXT(record_base, machine), TEXT(record_base, reason) } },
	{ RECORD_NAME,
	  sizeof(struct record_name),
	  { offsetof(struct record_name, kind), RECORD_NAME_KIND_MAX },
	  { TEXT(record_name, name) } },
	{ RECORD_HOOK,
	  sizeof(struct record_hook),
	  { offsetof(struct record_hook, kind), RECORD_HOOK_KIND_MAX },
	  { TEXT(record_hook, name), TEXT(record_hook, reason) } },
	{ RECORD_DEVICE, sizeof(struct record_device), {}, DEVICE_TEXTS },
	{ RECORD_DEVICE_GONE, sizeof(struct record_device), {}, DEVICE_TEXTS },
	{ RECORD_SYSFS_VECTOR,
	  sizeof(struct record_sysfs_vector),
	  {},
	  { TEXT(record_sysfs_vector, device) } },
	{ RECORD_SYSFS_IRQ,
	  sizeof(struct record_sysfs_irq),
	  {},
	  { TEXT(record_sysfs_irq, chip), TEXT(record_sysfs_irq, actions),
	    TEXT(record_sysfs_irq, affinity), TEXT(record_sysfs_irq, effective_affinity),
	    TEXT(record_sysfs_irq, device) } },
	{ RECORD_SNAPSHOT,
	  sizeof(struct record_snapshot),
	  { offsetof(struct record_snapshot, phase), RECORD_SNAPSHOT_PHASE_MAX },
	  {} },
	{ RECORD_LOST, sizeof(struct record_lost), {}, { TEXT(record_lost, reason) } },
	{ RECORD_DOORBELL,
	  sizeof(struct record_doorbell),
	  { offsetof(struct record_doorbell, reason), RECORD_REASON_MAX },
	  { TEXT(record_doorbell, epc_name), TEXT(record_doorbell, epf_name),
	    TEXT(record_doorbell, driver), TEXT(record_doorbell, provider) } },
	{ RECORD_BAR,
	  sizeof(struct record_bar),
	  { offsetof(struct record_bar, reason), RECORD_REASON_MAX },
	  { TEXT(record_bar, epc_name) } },
	{ RECORD_TICK, sizeof(struct record_header), {}, {} },
	{ RECORD_PMU,
	  sizeof(struct record_pmu),
	  {},
	  { TEXT(record_pmu, name), TEXT(record_pmu, device), TEXT(record_pmu, cpumask) } },
	{ RECORD_PATTERN,
	  sizeof(struct record_pattern),
	  { offsetof(struct record_pattern, kind), RECORD_PATTERN_KIND_MAX },
	  { TEXT(record_pattern, pattern) } },
	{ RECORD_DEMAND,
	  sizeof(struct record_demand),
	  { offsetof(struct record_demand, kind), RECORD_DEMAND_KIND_MAX },
	  { DEV(record_demand, device), TEXT(record_demand, callers[0]),
	    TEXT(record_demand, callers[1]), TEXT(record_demand, callers[2]),
	    TEXT(record_demand, callers[3]) } },
	{ RECORD_SPACE, sizeof(struct record_space), {}, {} },
	{ RECORD_GUARD,
	  sizeof(struct record_guard),
	  { offsetof(struct record_guard, denied), 2 },
	  {} },
	{ RECORD_FEATURE,
	  sizeof(struct record_feature),
	  { offsetof(struct record_feature, kind), RECORD_FEATURE_KIND_MAX },
	  { TEXT(record_feature, device) } },
	{ RECORD_DRIVER,
	  sizeof(struct record_driver),
	  {},
	  { TEXT(record_driver, bus), TEXT(record_driver, name) } },
	{ RECORD_PMU_EVENT,
	  sizeof(struct record_pmu_event),
	  { offsetof(struct record_pmu_event, kind), RECORD_PMU_EVENT_KIND_MAX },
	  { TEXT(record_pmu_event, pmu), TEXT(record_pmu_event, name),
	    TEXT(record_pmu_event, value) } },
	{ RECORD_COUNTER,
	  sizeof(struct record_counter),
	  {},
	  { TEXT(record_counter, pmu), TEXT(record_counter, event),
	    TEXT(record_counter, reason) } },
	{ RECORD_RING, sizeof(struct record_ring), {}, {} },
	{ RECORD_STATE_MODEL, sizeof(struct record_state_model), {}, {} },
	{ RECORD_STATE_LOST,
	  sizeof(struct record_state_lost),
	  {},
	  { TEXT(record_state_lost, reason) } },
	{ RECORD_STATE_DOMAIN,
	  sizeof(struct record_state_domain),
	  {},
	  { TEXT(record_state_domain, chip) } },
	{ RECORD_STATE_VECTOR,
	  sizeof(struct record_state_vector),
	  {},
	  { DEV(record_state_vector, left) } },
	{ RECORD_STATE_ACTION, sizeof(struct record_state_action), {}, {} },
	{ RECORD_STATE_DEVICE,
	  sizeof(struct record_state_device),
	  {},
	  { TEXT(record_state_device, name) } },
	{ RECORD_STATE_DOORBELL,
	  sizeof(struct record_state_doorbell),
	  {},
	  { TEXT(record_state_doorbell, epc_name), TEXT(record_state_doorbell, epf_name),
	    TEXT(record_state_doorbell, driver), TEXT(record_state_doorbell, provider) } },
	{ RECORD_STATE_DEMANDS,
	  sizeof(struct record_state_demands),
	  {},
	  { TEXT(record_state_demands, device), TEXT(record_state_demands, driver) } },
	{ RECORD_STATE_DEMAND,
	  sizeof(struct record_state_demand),
	  {},
	  { TEXT(record_state_demand, device), TEXT(record_state_demand, caller) } },
	{ RECORD_STATE_ASK,
	  sizeof(struct record_state_ask),
	  {},
	  { TEXT(record_state_ask, device), TEXT(record_state_ask, caller) } },
	{ RECORD_STATE_LIFETIME,
	  sizeof(struct record_state_lifetime),
	  {},
	  { TEXT(record_state_lifetime, provider), TEXT(record_state_lifetime, consumer),
	    TEXT(record_state_lifetime, handler) } },
};
#define N_TYPES (sizeof(types) / sizeof(*types))

/* The record is at the very end of its memory, so that the sanitizer sees a byte too many. */
static int decode_copy(const void *record, size_t size)
{
	unsigned char *memory = malloc(size ?: 1), *at = memory;
	struct event event = {};
	int r;

	assert_non_null(memory);
	memcpy(at, record, size);
	r = decode(at, size, &event);
	if (r >= 0)
		assert_ptr_equal(event.header, at);
	else
		assert_null(event.header);
	free(memory);
	return r;
}

static union {
	unsigned char bytes[RECORD_SIZE_MAX + 64];
	struct record_header header;
	struct record_vector vector;
	struct record_range range;
	struct record_message message;
	struct record_demand demand;
	struct record_feature feature;
	struct record_counter counter;
	struct record_action action;
	struct record_sysfs_irq sysfs_irq;
} record;

static void make(const struct type *type)
{
	memset(&record, 0, sizeof(record));
	record.header = make_header(type->type, type->size);
}

static int result(void)
{
	return decode_copy(&record, record.header.size);
}

static void test_every_type(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_TYPES; i++) {
		make(&types[i]);
		assert_int_equal(result(), types[i].size);
		/* a later version may have added fields at the end */
		record.header.size += 8;
		assert_int_equal(result(), types[i].size + 8);
	}
}

/* Nothing between the two groups of types is known, nor above them. */
static void test_no_other_type(void **state)
{
	(void)state;
	for (unsigned int type = 0; type <= 0xffff; type++) {
		bool known = false;

		for (size_t i = 0; i < N_TYPES; i++)
			known |= types[i].type == type;
		make(&types[0]);
		record.header.type = (uint16_t)type;
		if (!known)
			assert_int_equal(result(), -EOPNOTSUPP);
	}
	assert_int_equal(N_TYPES, RECORD_GUARD - RECORD_DOMAIN + 1 + RECORD_TYPE_MAX - RECORD_BASE);
}

static void test_short(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_TYPES; i++) {
		/* what is there, and what the header says */
		make(&types[i]);
		for (size_t size = 0; size < types[i].size; size++)
			assert_int_equal(decode_copy(&record, size), -EBADMSG);
		for (uint32_t size = 0; size < types[i].size; size++) {
			record.header.size = size;
			assert_int_equal(decode_copy(&record, types[i].size), -EBADMSG);
		}
	}
}

static void test_size(void **state)
{
	struct event event;

	(void)state;
	make(&types[0]);
	record.header.size = RECORD_SIZE_MAX;
	assert_int_equal(decode(&record, sizeof(record), &event), RECORD_SIZE_MAX);
	record.header.size = RECORD_SIZE_MAX + 8;
	assert_int_equal(decode(&record, sizeof(record), &event), -EBADMSG);
	record.header.size = UINT32_MAX - 7;
	assert_int_equal(decode(&record, sizeof(record), &event), -EBADMSG);
	for (uint32_t odd = 1; odd < 8; odd++) {
		record.header.size = (uint32_t)types[0].size + odd;
		assert_int_equal(decode(&record, sizeof(record), &event), -EBADMSG);
	}
	/* more behind it is the next record's */
	record.header.size = (uint32_t)types[0].size;
	assert_int_equal(decode(&record, sizeof(record), &event), types[0].size);
}

static void test_unaligned(void **state)
{
	_Alignas(8) unsigned char memory[sizeof(struct record_range) + 8];
	struct event event;

	(void)state;
	make(&types[1]);
	for (size_t shift = 1; shift < 8; shift++) {
		memcpy(memory + shift, &record, types[1].size);
		assert_int_equal(decode(memory + shift, types[1].size, &event), -EINVAL);
	}
}

static void test_version(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_TYPES; i++) {
		make(&types[i]);
		record.header.version = RECORD_VERSION + 1;
		assert_int_equal(result(), -EPROTONOSUPPORT);
		record.header.version = 0;
		assert_int_equal(result(), -EPROTONOSUPPORT);
	}
	/* of an unknown type nothing is known in another version */
	record.header.type = 20;
	assert_int_equal(result(), -EPROTONOSUPPORT);
}

static void test_header(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_TYPES; i++) {
		make(&types[i]);
		record.header.cause = RECORD_CAUSE_MAX - 1;
		assert_int_equal(result(), types[i].size);
		record.header.cause = RECORD_CAUSE_MAX;
		assert_int_equal(result(), -EBADMSG);
		record.header.cause = 0;
		memset(record.header.comm, 'x', sizeof(record.header.comm));
		assert_int_equal(result(), -EBADMSG);
		record.header.comm[15] = 0;
		assert_int_equal(result(), types[i].size);
	}
}

static void test_texts(void **state)
{
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < N_TYPES; i++)
		for (const struct field *f = types[i].texts; f->size; f++, n++) {
			make(&types[i]);
			/* what follows may hold no zero that ends it by chance */
			memset(record.bytes + f->offset, 'x', f->size);
			assert_int_equal(result(), -EBADMSG);
			record.bytes[f->offset + f->size - 1] = 0;
			assert_int_equal(result(), types[i].size);
		}
	assert_int_equal(n, 5 + 8 + 11 + 4 + 3 + 1 + 2 + 6 + 6 + 1 + 5 + 1 + 4 + 1 + 3 + 1 + 8 + 1 +
				    2 + 3 + 3 + 1 + 1 + 4 + 1 + 4 + 2 + 2 + 2 + 3);
}

static void test_choices(void **state)
{
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < N_TYPES; i++) {
		const struct field *f = &types[i].choice;
		uint32_t value;

		if (!f->size)
			continue;
		n++;
		make(&types[i]);
		value = (uint32_t)f->size - 1;
		memcpy(record.bytes + f->offset, &value, sizeof(value));
		assert_int_equal(result(), types[i].size);
		value++;
		memcpy(record.bytes + f->offset, &value, sizeof(value));
		assert_int_equal(result(), -EBADMSG);
		value = UINT32_MAX;
		memcpy(record.bytes + f->offset, &value, sizeof(value));
		assert_int_equal(result(), -EBADMSG);
	}
	assert_int_equal(n, 15);
}

static int vector_with(uint32_t words, uint32_t size)
{
	record.vector.mask_words = words;
	record.header.size = size;
	return result();
}

static void test_vector(void **state)
{
	const uint32_t bare = sizeof(struct record_vector), triple = RECORD_MASKS * 8;

	(void)state;
	make(&types[2]);
	assert_int_equal(record.header.type, RECORD_VECTOR);
	record.vector.n_levels = RECORD_LEVELS;
	assert_int_equal(result(), bare);
	record.vector.n_levels = RECORD_LEVELS + 1;
	assert_int_equal(result(), -EBADMSG);
	record.vector.n_levels = UINT32_MAX;
	assert_int_equal(result(), -EBADMSG);
	record.vector.n_levels = 0;

	for (uint32_t words = 1; words <= 128; words *= 2) {
		assert_int_equal(vector_with(words, bare + words * triple), bare + words * triple);
		assert_int_equal(vector_with(words, bare + words * triple - 8), -EBADMSG);
	}
	/* products that wrap */
	assert_int_equal(vector_with(UINT32_MAX, RECORD_SIZE_MAX), -EBADMSG);
	assert_int_equal(vector_with(UINT32_MAX / triple + 1, bare), -EBADMSG);
	assert_int_equal(vector_with(1U << 29, bare), -EBADMSG);
	assert_int_equal(vector_with(0, bare), bare);

	record.vector.error = -4095;
	assert_int_equal(result(), bare);
	record.vector.error = -4096;
	assert_int_equal(result(), -EBADMSG);
	record.vector.error = INT32_MIN;
	assert_int_equal(result(), -EBADMSG);
	record.vector.error = 4095;
	assert_int_equal(result(), bare);
	record.vector.error = 4096;
	assert_int_equal(result(), -EBADMSG);
	record.vector.error = INT32_MAX;
	assert_int_equal(result(), -EBADMSG);
}

static int range_with(uint32_t irq, uint32_t count)
{
	record.range.irq = irq;
	record.range.count = count;
	return result();
}

static void test_ranges(void **state)
{
	static const size_t indices[] = { 1, 3, 7 };

	(void)state;
	/* irq and count are at the same place in all three */
	assert_int_equal(offsetof(struct record_message, irq), offsetof(struct record_range, irq));
	for (size_t i = 0; i < 3; i++) {
		int size = (int)types[indices[i]].size;

		make(&types[indices[i]]);
		assert_int_equal(range_with(0, 0), size);
		assert_int_equal(range_with(0, 65536), size);
		assert_int_equal(range_with(0, 65537), -EBADMSG);
		assert_int_equal(range_with(UINT32_MAX, 0), size);
		assert_int_equal(range_with(UINT32_MAX - 1, 1), size);
		assert_int_equal(range_with(UINT32_MAX, 1), -EBADMSG);
		assert_int_equal(range_with(UINT32_MAX - 65535, 65536), -EBADMSG);
		assert_int_equal(range_with(1, UINT32_MAX), -EBADMSG);
	}
}

static const struct type *type_of(enum record_type type)
{
	for (size_t i = 0; i < N_TYPES; i++)
		if (types[i].type == type)
			return &types[i];
	fail();
	return NULL;
}

/* No interrupt has the last number: a range of them always has an end. */
static void test_last_number(void **state)
{
	(void)state;
	make(type_of(RECORD_VECTOR));
	record.vector.irq = UINT32_MAX - 1;
	assert_true(result() > 0);
	record.vector.irq = UINT32_MAX;
	assert_int_equal(result(), -EBADMSG);
	make(type_of(RECORD_ACTION));
	record.action.irq = UINT32_MAX;
	assert_int_equal(result(), -EBADMSG);
	make(type_of(RECORD_SYSFS_IRQ));
	record.sysfs_irq.irq = UINT32_MAX;
	assert_int_equal(result(), -EBADMSG);
}

static int demand_with(uint32_t is_answered, int32_t answer)
{
	record.demand.answered = is_answered;
	record.demand.result = answer;
	return result();
}

static void test_demand(void **state)
{
	const struct type *type = type_of(RECORD_DEMAND);

	(void)state;
	make(type);
	assert_int_equal(demand_with(1, INT32_MAX), type->size);
	assert_int_equal(demand_with(0, -4095), type->size);
	assert_int_equal(demand_with(1, -4096), -EBADMSG);
	assert_int_equal(demand_with(1, INT32_MIN), -EBADMSG);
	assert_int_equal(demand_with(2, 0), -EBADMSG);
	assert_int_equal(demand_with(UINT32_MAX, 0), -EBADMSG);
}

static int feature_with(int32_t message)
{
	record.feature.message = message;
	return result();
}

static void test_feature(void **state)
{
	const struct type *type = type_of(RECORD_FEATURE);

	(void)state;
	make(type);
	assert_int_equal(feature_with(-1), type->size);
	assert_int_equal(feature_with(2047), type->size);
	assert_int_equal(feature_with(2048), -EBADMSG);
	assert_int_equal(feature_with(-2), -EBADMSG);
	assert_int_equal(feature_with(INT32_MAX), -EBADMSG);
	assert_int_equal(feature_with(INT32_MIN), -EBADMSG);
}

static int counter_with(int32_t error)
{
	record.counter.error = error;
	return result();
}

static void test_counter(void **state)
{
	const struct type *type = type_of(RECORD_COUNTER);

	(void)state;
	make(type);
	assert_int_equal(counter_with(0), type->size);
	assert_int_equal(counter_with(-4095), type->size);
	assert_int_equal(counter_with(-4096), -EBADMSG);
	assert_int_equal(counter_with(1), -EBADMSG);
	assert_int_equal(counter_with(INT32_MIN), -EBADMSG);
	assert_int_equal(counter_with(INT32_MAX), -EBADMSG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_type),  cmocka_unit_test(test_no_other_type),
		cmocka_unit_test(test_short),	    cmocka_unit_test(test_size),
		cmocka_unit_test(test_unaligned),   cmocka_unit_test(test_version),
		cmocka_unit_test(test_header),	    cmocka_unit_test(test_texts),
		cmocka_unit_test(test_choices),	    cmocka_unit_test(test_vector),
		cmocka_unit_test(test_ranges),	    cmocka_unit_test(test_demand),
		cmocka_unit_test(test_feature),	    cmocka_unit_test(test_counter),
		cmocka_unit_test(test_last_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
