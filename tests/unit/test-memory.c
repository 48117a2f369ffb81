// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Without memory: each allocation in turn fails, once or from then on, while records of every kind
 * are applied and everything is told as JSON. Nothing may crash or leak, what is not kept is
 * counted or not told, and what is told is JSON.
 *
 * The model's sources are part of this program, so that their allocations can be refused and no
 * others.
 */
#include <stdlib.h>
#include <string.h>

static long allowed = -1; /* allocations that succeed before one fails; -1: all */
static int failures; /* that follow, -1: for ever */
static long n_allocations;

static int refuse(void)
{
	n_allocations++;
	if (allowed < 0)
		return 0;
	if (allowed > 0) {
		allowed--;
		return 0;
	}
	if (!failures)
		return 0;
	failures -= failures > 0;
	return 1;
}

static void *test_malloc_(size_t size)
{
	return refuse() ? NULL : malloc(size);
}

static void *test_calloc_(size_t n, size_t size)
{
	return refuse() ? NULL : calloc(n, size);
}

static void *test_realloc_(void *old, size_t size)
{
	return refuse() ? NULL : realloc(old, size);
}

static void *test_reallocarray_(void *old, size_t n, size_t size)
{
	return refuse() ? NULL : reallocarray(old, n, size);
}

static char *test_strdup_(const char *text)
{
	return refuse() ? NULL : strdup(text);
}

#define HASH_NONFATAL_OOM 1 /* as the sources have it */
#include "demand-fixture.h"

#define malloc(size) test_malloc_(size)
#define calloc(n, size) test_calloc_(n, size)
#define realloc(old, size) test_realloc_(old, size)
#define reallocarray(old, n, size) test_reallocarray_(old, n, size)
#define strdup(text) test_strdup_(text)
#include "../../daemon/model.c"
#include "../../daemon/domain.c"
#include "../../daemon/vector.c"
#include "../../daemon/affinity.c"
#include "../../daemon/action.c"
#include "../../daemon/device.c"
#include "../../daemon/change.c"
#include "../../daemon/model-json.c"
#include "../../daemon/demand.c"
#include "../../daemon/feature.c"
#include "../../daemon/space.c"
#include "../../daemon/ledger.c"
#include "../../daemon/ledger-feature.c"
#undef malloc
#undef calloc
#undef realloc
#undef reallocarray
#undef strdup

#define NVME "0000:01:00.0"

static int n_told;

static void on_change(const struct change *change, void *userdata)
{
	json_t *event = change_to_json(*(struct model **)userdata, change);

	n_told++;
	if (event)
		assert_non_null(json_object_get(event, "type"));
	json_decref(event);
}

static void apply(struct model *model, void *record)
{
	struct event event = { .header = record };

	model_apply(model, &event);
}

#define APPLY(record)                                                                              \
	({                                                                                         \
		__typeof__(record) _record = (record);                                             \
		apply(model, &_record);                                                            \
	})

static void apply_all(struct model *model)
{
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, 30, NVME);
	struct vector_record wide = make_wired(RECORD_REASON_SNAPSHOT, 31);
	struct record_action action = make_action(RECORD_REASON_REQUESTED, 30, 1, "caf\xe9");

	APPLY(make_base(RECORD_MODE_TRACING));
	APPLY(make_name(RECORD_NAME_BUS_TOKEN, 0, "any"));
	APPLY(make_hook("fexit/a\xff", true, true));
	APPLY(make_domain(RECORD_REASON_CREATED, 0x100, "MSIX\xff"));
	APPLY(make_domain(RECORD_REASON_CREATED, 0x200, "VECTOR"));
	APPLY(make_device(NVME, "pci", "nvme"));
	APPLY(make_feature(RECORD_FEATURE_MSIX, NVME, -1, 8));
	APPLY(make_feature(RECORD_FEATURE_DOE, NVME, 1, 0));
	APPLY(make_instance(RECORD_FEATURE_CPMU, NVME, 0, 0x200));
	APPLY(make_driver("cxl", "cxl_pmu", true));
	APPLY(make_demand(RECORD_DEMAND_ANY, NVME, "nvme", 1, 4, false, 0));
	APPLY(make_demand(RECORD_DEMAND_ANY, NVME, "nvme", 1, 4, true, -ENOSPC));
	APPLY(make_ask(NVME, "nvme", 3, -EINVAL, "cxl_event_req_irq", ""));
	APPLY(make_ask(NVME, "nvme", 2, 30, "f\xff", ""));
	APPLY(make_space(0, 1, 200, 3));
	APPLY(make_space(~0U, 1, 200, 3));
	APPLY(make_sysfs_vector(30, NVME));
	APPLY(make_alloc(40, 3));
	APPLY(v);
	APPLY(make_owner(RECORD_REASON_REQUESTED, 30, 1, "nvme0"));
	action.device = make_dev(NVME, "pci", "nvme");
	APPLY(action);
	v.r.reason = RECORD_REASON_REQUESTED;
	v.r.message = MESSAGE(0x41);
	APPLY(v);
	v.r.reason = RECORD_REASON_AFFINITY_APPLIED;
	v.r.message = MESSAGE(0x42);
	v.masks[RECORD_MASK_AFFINITY][0] = 2;
	APPLY(v);
	APPLY(make_snapshot(RECORD_SNAPSHOT_BEGIN, false));
	APPLY(make_free(50, 2));
	APPLY(make_domain(RECORD_REASON_REMOVED, 0x300, "gone"));
	APPLY(wide);
	v.r.reason = RECORD_REASON_SNAPSHOT;
	v.masks[RECORD_MASK_AFFINITY][0] = 1;
	APPLY(v);
	APPLY(make_snapshot(RECORD_SNAPSHOT_END, true));
	APPLY(make_snapshot(RECORD_SNAPSHOT_BEGIN, false));
	v.masks[RECORD_MASK_AFFINITY][0] = 3;
	APPLY(v);
	v.r.mask_words = 2;
	APPLY(v);
	APPLY(make_snapshot(RECORD_SNAPSHOT_END, true));
	APPLY(make_sysfs_irq(32, "a,b"));
	APPLY(make_lost(2, "ring\xff"));
	APPLY(make_cpu(1, false));
	APPLY(make_guard(30, true));
}

/* All of it, with allocation @n failing; the number of allocations it wanted */
static long run(long n, int times)
{
	struct model *model = NULL;
	json_t *json;
	long wanted;

	n_allocations = 0;
	allowed = n;
	failures = times;
	if (model_new(&MODEL_LIMITS_DEFAULT, on_change, &model, &model) < 0) {
		assert_null(model);
		allowed = -1;
		return n_allocations;
	}
	apply_all(model);
	json = model_to_json(model);
	wanted = n_allocations;
	allowed = -1;
	if (json) {
		char *text = json_dumps(json, 0);

		assert_non_null(text);
		free(text);
		json_decref(json);
	}
	/* with memory again, it goes on */
	apply_all(model);
	json = model_to_json(model);
	assert_non_null(json);
	assert_int_equal(json_object_size(json), 12);
	json_decref(json);
	model_free(model);
	return wanted;
}

static void each(int times)
{
	long wanted = run(-1, 0);

	assert_true(wanted > 20);
	for (long n = 0; n < wanted; n++)
		run(n, times);
}

static void test_model(void **state)
{
	(void)state;
	each(1);
	each(-1);
}

/* The same with jansson's own */
static void test_json(void **state)
{
	(void)state;
	json_set_alloc_funcs(test_malloc_, free);
	each(1);
	each(-1);
	json_set_alloc_funcs(malloc, free);
}

/* What could not be kept is counted where a limit would be. */
static void test_counted(void **state)
{
	static const struct {
		enum record_type type;
		enum table table;
		long n; /* the entry itself, and what uthash wants for a first one */
	} tables[] = {
		{ RECORD_DOMAIN, TABLE_DOMAINS, 3 }, { RECORD_VECTOR, TABLE_VECTORS, 1 },
		{ RECORD_ACTION, TABLE_ACTIONS, 1 }, { RECORD_OWNER, TABLE_OWNERS, 3 },
		{ RECORD_DEVICE, TABLE_DEVICES, 1 }, { RECORD_SYSFS_VECTOR, TABLE_SYSFS, 3 },
		{ RECORD_DEMAND, TABLE_DEMANDS, 3 }, { RECORD_FEATURE, TABLE_FEATURES, 1 },
		{ RECORD_SPACE, TABLE_SPACE, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (long n = 0; n < tables[i].n; n++) {
			struct model *model = NULL;

			assert_int_equal(model_new(&MODEL_LIMITS_DEFAULT, NULL, NULL, &model), 0);
			APPLY(make_alloc(30, 1));
			APPLY(make_device("there", "pci", "x"));
			allowed = n;
			failures = 1;
			switch (tables[i].type) {
			case RECORD_DOMAIN:
				APPLY(make_domain(RECORD_REASON_CREATED, 1, "x"));
				break;
			case RECORD_VECTOR:
				APPLY(make_vector(RECORD_REASON_ALLOCATED, 31, "x"));
				break;
			case RECORD_ACTION:
				APPLY(make_action(RECORD_REASON_REQUESTED, 30, 1, "x"));
				break;
			case RECORD_OWNER:
				APPLY(make_owner(RECORD_REASON_REQUESTED, 30, 1, "x"));
				break;
			case RECORD_DEVICE: APPLY(make_device("x", "pci", "x")); break;
			case RECORD_DEMAND: APPLY(make_ask("x", "x", 1, 30, "f", "")); break;
			case RECORD_FEATURE:
				APPLY(make_instance(RECORD_FEATURE_DOE, "there", 0, 0));
				break;
			case RECORD_SPACE: APPLY(make_space(0, 1, 200, 3)); break;
			default: APPLY(make_sysfs_vector(30, "x"));
			}
			assert_int_equal(failures, 0);
			assert_int_equal(model->refused[tables[i].table], 1);
			allowed = -1;
			model_free(model);
		}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
