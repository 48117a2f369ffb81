// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The objects that clients get: exactly the fields that the contract names, each of its type, null
 * where there is nothing to tell (object-shapes.h).
 */
#include "cxlirqd/json.h"
#include "demand-fixture.h"
#include "object-shapes.h"

#define NVME "0000:01:00.0"

/* One event of each type there is, and something in every list */
static void tell_all(struct world *w)
{
	struct record_domain domain = make_domain(RECORD_REASON_CREATED, 0x100, "MSIX");
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, 30, NVME);
	struct record_action action = make_action(RECORD_REASON_REQUESTED, 30, 1, "nvme0q0");
	struct record_doorbell doorbell = {
		.header = make_header(RECORD_DOORBELL, sizeof(doorbell)),
		.reason = RECORD_REASON_CREATED,
		.epf = 0x300,
		.epc = 0x301,
		.count = 1,
		.irq = 77,
		.bar = -1,
		.type = RECORD_DOORBELL_EMBEDDED,
		.epc_name = "epc",
		.epf_name = "epf.0",
		.message = MESSAGE(0x43),
	};

	tell(w, doorbell);
	tell(w, make_hook("fexit/a", true, true));
	tell(w, make_hook("fexit/b", false, true));
	domain.device = make_dev(NVME, "pci", "nvme");
	domain.parent = 0x200;
	domain.flags = 3;
	tell(w, make_domain(RECORD_REASON_CREATED, 0x200, "VECTOR"));
	tell(w, domain);
	tell(w, make_device(NVME, "pci", "nvme"));
	tell(w, make_sysfs_vector(30, NVME));
	tell(w, v);
	action.device = make_dev(NVME, "pci", "nvme");
	tell(w, action);
	v.r.reason = RECORD_REASON_REQUESTED;
	v.r.message = MESSAGE(0x41);
	v.r.x86_vector = 0x41;
	v.r.x86_cpu = 0;
	tell(w, v);
	v.r.error = -28;
	tell(w, v);
	v.r.error = 0;
	v.r.reason = RECORD_REASON_AFFINITY_APPLIED;
	v.r.message = MESSAGE(0x42);
	v.masks[RECORD_MASK_AFFINITY][0] = 2;
	tell(w, v);
	tell(w, make_wired(RECORD_REASON_ACTIVATED, 9));
	tell(w, make_action(RECORD_REASON_REQUESTED, 9, 1, ""));
	tell(w, make_alloc(77, 1));
	tell(w, make_cpu(1, true));
	tell(w, make_guard(30, true));
	tell(w, make_guard(RECORD_GUARD_DEFAULT, false));
	tell(w, make_lost(3, "ring-full"));
	tell(w, make_lost(1, ""));
	ask_for(w, NVME, "nvme", 1, 4);
	answered(w, NVME, "nvme", 1, 4, -ENOSPC);
	tell(w, make_ask(NVME, "nvme", 9, -EINVAL, "f", ""));
	tell(w, make_feature(RECORD_FEATURE_MSIX, NVME, -1, 9));
	tell(w, make_feature(RECORD_FEATURE_DOE, NVME, 1, 0));
	tell(w, make_feature(RECORD_FEATURE_AER, NVME, 1, 0));
	tell(w, make_space(0, 1, 200, 150));
	tell(w, make_space(~0U, 1, 200, 150));
	tell(w, make_action_freed(30, 1));
	tell(w, make_free(30, 1));
	tell(w, make_domain(RECORD_REASON_REMOVED, 0x100, "MSIX"));
	walk_begin(w);
	v.r.reason = RECORD_REASON_SNAPSHOT;
	v.r.irq = 31;
	tell(w, v);
	tell(w, make_domain(RECORD_REASON_SNAPSHOT, 0x200, "VECTOR"));
	walk_end(w, false);
}

static void test_events(void **state)
{
	struct world *w = *state;
	bool seen[CHANGE_CHECK] = {};
	json_t *event;
	size_t i;

	tell_all(w);
	json_array_foreach(w->events, i, event) {
		const char *type = json_string_value(json_object_get(event, "type"));

		assert_non_null(type);
		check(event, type);
		for (enum change_type t = 0; t < CHANGE_CHECK; t++)
			if (!strcmp(change_name(t), type))
				seen[t] = true;
	}
	for (enum change_type t = 0; t < CHANGE_CHECK; t++)
		if (!seen[t])
			fail_msg("no event of the type %s was made", change_name(t));
}

/* A correction of a domain tells which. */
static void test_domain_correction(void **state)
{
	struct world *w = *state;
	json_t *event;

	walk_begin(w);
	tell(w, make_domain(RECORD_REASON_SNAPSHOT, 0x200, "VECTOR"));
	walk_end(w, true);
	event = json_array_get(w->events, 0);
	check(json_object_get(event, "domain"), "where");
	json_object_del(event, "domain");
	check(event, "correction");
	assert_string_equal(json_string_value(json_object_get(event, "kind")), "domain-appeared");
}

static void test_all(void **state)
{
	struct world *w = *state;
	json_t *json = model_to_json(w->model);

	check(json, "all");
	json_decref(json);
	tell_all(w);
	json = model_to_json(w->model);
	check(json, "all");
	assert_int_equal(json_array_size(json_object_get(json, "vectors")), 3);
	json_decref(json);
}

/* Before anything is known */
static void test_empty(void **state)
{
	json_t *json = model_to_json(((struct world *)*state)->model);
	json_auto_t *expected = parse("{'version': 1, 'support': {'kernel': '', 'machine': '', "
				      "'mode': 'sysfs', 'reason': null,"
				      " 'hooks': [], 'features': []}, 'domains': [], 'vectors': "
				      "[], 'devices': [], 'vector_space': null, 'doorbells': [],"
				      " 'pmus': [], 'counters': [], 'lost': [],"
				      " 'corrections': [], 'refused': []}");

	check(json, "all");
	assert_true(json_equal(json, expected));
	json_decref(json);
}

/* Kernel pointers, keys of them and cookies stay inside. */
static void test_no_keys(void **state)
{
	struct world *w = *state;
	struct record_domain domain =
		make_domain(RECORD_REASON_CREATED, 0x5ec5e75ec5e70001, "MSIX");
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, 30, NVME);
	struct record_action action =
		make_action(RECORD_REASON_REQUESTED, 30, 0x5ec5e75ec5e70002, "nvme");
	_cleanup_free_ char *text = NULL, *events = NULL;
	json_auto_t *json = NULL;
	char secret[32];

	v.r.levels[0].domain = domain.key;
	v.r.levels[1].domain = domain.parent = 0x5ec5e75ec5e70003;
	v.r.key = v.r.msi_key = v.r.provider.key = 0x5ec5e75ec5e70004;
	action.key = action.vector = action.device.key = 0x5ec5e75ec5e70005;
	tell(w, domain);
	tell(w, v);
	tell(w, action);
	tell(w, make_free(30, 1));
	tell(w, v);
	tell(w, action);
	json = model_to_json(w->model);
	text = json_dumps(json, 0);
	events = json_dumps(w->events, 0);
	for (uint64_t key = 0x5ec5e75ec5e70001; key <= 0x5ec5e75ec5e70005; key++) {
		snprintf(secret, sizeof(secret), "%llu", (unsigned long long)key);
		assert_null(strstr(text, secret));
		assert_null(strstr(events, secret));
	}
	assert_null(strcasestr(text, "5ec5e7"));
	assert_null(strcasestr(events, "5ec5e7"));
}

/* ---- Names that are not UTF-8: everywhere, they are still told ---- */

#define BAD "caf\xe9 \xff"
#define SHOWN "caf? ?"

static void test_bad_names(void **state)
{
	struct world *w = *state;
	struct record_domain domain = make_domain(RECORD_REASON_CREATED, 0x100, BAD);
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, 30, BAD);
	struct record_action action = make_action(RECORD_REASON_REQUESTED, 30, 1, BAD);
	struct record_device device = make_device("d" BAD, "pci", BAD);
	struct record_base base = make_base(RECORD_MODE_SYSFS);
	json_t *json;

	snprintf(base.release, sizeof(base.release), BAD);
	snprintf(base.machine, sizeof(base.machine), BAD);
	snprintf(base.reason, sizeof(base.reason), BAD);
	tell(w, base);
	tell(w, make_name(RECORD_NAME_BUS_TOKEN, 5, BAD));
	tell(w, make_name(RECORD_NAME_DOMAIN_FLAG, 4, BAD));
	tell(w, make_hook(BAD, false, true));
	domain.bus_token = 5;
	domain.flags = 4;
	domain.device = make_dev(BAD, BAD, BAD);
	tell(w, domain);
	snprintf(v.r.levels[0].chip, sizeof(v.r.levels[0].chip), BAD);
	tell(w, v);
	snprintf(action.handler, sizeof(action.handler), "f\xff [m\xff]");
	action.device = make_dev(BAD, BAD, BAD);
	done_by(&action.header, RECORD_CAUSE_PROBE, BAD, 1);
	tell(w, action);
	snprintf(device.parent, sizeof(device.parent), BAD);
	snprintf(device.class_name, sizeof(device.class_name), BAD);
	tell(w, device);
	tell(w, make_lost(2, BAD));
	v.r.reason = RECORD_REASON_REQUESTED;
	v.r.message = MESSAGE(0x41);
	tell(w, v);
	v.r.reason = RECORD_REASON_AFFINITY_APPLIED;
	v.masks[RECORD_MASK_AFFINITY][0] = 2;
	done_by(&v.r.header, RECORD_CAUSE_NONE, BAD, 1);
	tell(w, v);

	expect_event(w, "{'type': 'domain-created', 'device': '" SHOWN
			"', 'domain': {'name': '" SHOWN "',"
			" 'bus_token': '" SHOWN "'}}");
	expect_event(w, "{'type': 'vector-allocated', 'device': '" SHOWN "'}");
	expect_event(w, "{'type': 'handler-requested', 'device': '" SHOWN "', 'action': '" SHOWN
			"', 'handler': 'f?'}");
	expect_event(w, "{'type': 'gap', 'reason': '" SHOWN "'}");
	expect_event(w, "{'type': 'affinity-change', 'cause': {'comm': '" SHOWN "'}}");
	expect_nothing(w);
	expect_lost(w, "{'" SHOWN "': 2}");
	json = model_to_json(w->model);
	check(json, "all");
	{
		json_auto_t *expected =
			parse("{'support': {'kernel': '" SHOWN "', 'machine': '" SHOWN
			      "', 'reason': '" SHOWN "',"
			      " 'hooks': [{'hook': '" SHOWN "'}]},"
			      " 'domains': [{'name': '" SHOWN "', 'bus_token': '" SHOWN
			      "', 'flags': ['" SHOWN "'],"
			      " 'device': '" SHOWN "', 'chip': '" SHOWN "'}],"
			      " 'vectors': [{'provider': '" SHOWN "', 'chip': '" SHOWN
			      "', 'owners': [{'device': '" SHOWN "', 'bus': '" SHOWN
			      "', 'driver': '" SHOWN "', 'module': '" SHOWN "',"
			      " 'action': '" SHOWN "', 'handler': 'f?'}]}],"
			      " 'devices': [{'device': '" SHOWN "'}, {'device': 'd" SHOWN
			      "', 'driver': '" SHOWN "',"
			      " 'parent': '" SHOWN "', 'class': '" SHOWN "'}]}");

		assert_true(is_part(expected, json));
	}
	json_decref(json);
}

static void test_text(void **state)
{
	static const struct {
		const char *text, *shown;
	} texts[] = {
		{ "plain", "plain" },
		{ "gr\xc3\xbc\xc3\x9f"
		  "e",
		  "gr\xc3\xbc\xc3\x9f"
		  "e" },
		{ "cut\xc3", "cut?" },
		{ "\xc3 \xc3\xbc", "? ??" },
		{ "\xed\xa0\x80", "???" },
		{ "\xc0\x80", "??" },
		{ "quote\"\\\n\x01", "quote\"\\\n\x01" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		json_auto_t *text = text_to_json(texts[i].text), *string = json_text(texts[i].text);

		assert_string_equal(json_string_value(text), texts[i].shown);
		assert_true(json_equal(text, string));
	}
	{
		json_auto_t *null = text_to_json(""), *empty = json_text("");

		assert_true(json_is_null(null));
		assert_string_equal(json_string_value(empty), "");
	}
}

/* ---- Numbers ---- */

static void test_message_format(void **state)
{
	static const struct {
		struct record_msg message;
		const char *address, *data;
	} messages[] = {
		{ { 0xfee00000, 0, 0x41 }, "0x00000000fee00000", "0x00000041" },
		{ { 0x01234567, 0x89abcdef, 0xffffffff }, "0x89abcdef01234567", "0xffffffff" },
		{ { 0, 1, 0 }, "0x0000000100000000", "0x00000000" },
		{ { 0, 0, 1 }, "0x0000000000000000", "0x00000001" },
		{ { 0xffffffff, 0xffffffff, 0 }, "0xffffffffffffffff", "0x00000000" },
	};
	struct record_msg zeros = {};

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
		json_auto_t *json = message_to_json(&messages[i].message, true);

		check(json, "message");
		assert_string_equal(json_string_value(json_object_get(json, "address")),
				    messages[i].address);
		assert_string_equal(json_string_value(json_object_get(json, "data")),
				    messages[i].data);
	}
	{
		json_auto_t *none = message_to_json(&zeros, true);
		json_auto_t *unknown = message_to_json(&messages[0].message, false);

		assert_true(json_is_null(none));
		assert_true(json_is_null(unknown));
	}
}

/* JSON's integers are signed: what does not fit is as large as can be told, never negative. */
static void test_large_counts(void **state)
{
	struct world *w = *state;
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, 30, NVME);

	v.r.interrupts = ~0ULL;
	tell(w, v);
	tell(w, make_lost(1ULL << 63, "half"));
	tell(w, make_lost(~0ULL, "half"));
	forget_events(w);
	tell(w, make_lost(~0ULL, "all"));
	expect_event(w, "{'type': 'gap', 'lost': 9223372036854775807}");
	expect_vector(w, 30, "{'interrupts': 9223372036854775807}");
	expect_lost(w, "{'half': 9223372036854775807, 'all': 9223372036854775807}");
	assert_true(w->model->lost[0].count == ~0ULL);
}

static void test_mask_list(void **state)
{
	static const struct {
		uint64_t mask[3];
		uint32_t words;
		const char *list;
	} lists[] = {
		{ { 0, 0, 0 }, 0, "" },
		{ { 0, 0, 0 }, 3, "" },
		{ { 1, 0, 0 }, 1, "0" },
		{ { 0x10f, 0, 0 }, 1, "0-3,8" },
		{ { 3, 0, 0 }, 1, "0-1" },
		{ { 0x8000000000000000, 0, 0 }, 1, "63" },
		{ { 0x8000000000000000, 1, 0 }, 2, "63-64" },
		{ { 0, 1, 0 }, 3, "64" },
		{ { 5, 0, 0x8000000000000000 }, 3, "0,2,191" },
		/* longer than what is set aside at first */
		{ { 0, 0xaaaaaaaaaaaaaaaa, 1 },
		  3,
		  "65,67,69,71,73,75,77,79,81,83,85,87,89,91,93,95,97,99,101,103,105,107,109,111,"
		  "113,115,117,119,121,123,125,127-128" },
		{ { ~0ULL, ~0ULL, ~0ULL }, 3, "0-191" },
		{ { ~0ULL, ~0ULL, ~0ULL }, 2, "0-127" },
		{ { 0x5555, 0, 0 }, 1, "0,2,4,6,8,10,12,14" },
		{ { 0xfffffffffffffffe, 0xfffffffffffffffe, 0 }, 2, "1-63,65-127" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		_cleanup_free_ char *list = vector_mask_list(lists[i].mask, lists[i].words);

		assert_string_equal(list, lists[i].list);
	}
}

/* As many CPUs as any kernel can have, every other one of them */
static void test_mask_largest(void **state)
{
	struct {
		struct record_vector r;
		uint64_t masks[RECORD_MASKS][128];
	} v = { .r = make_vector(RECORD_REASON_ALLOCATED, 30, NVME).r };
	struct world *w = *state;
	const uint32_t irq = 30;
	json_auto_t *vectors = NULL;
	const char *list;

	v.r.header.size = sizeof(v);
	v.r.mask_words = 128;
	memset(v.masks[RECORD_MASK_AFFINITY], 0x55, sizeof(v.masks[0]));
	v.masks[RECORD_MASK_EFFECTIVE][127] = 1ULL << 63;
	tell(w, v);
	expect_vector(w, 30, "{'effective_affinity': '8191'}");
	vectors = model_vectors_to_json(w->model, NULL, &irq);
	list = json_string_value(json_object_get(json_array_get(vectors, 0), "affinity"));
	assert_non_null(list);
	assert_int_equal(strncmp(list, "0,2,4,", 6), 0);
	assert_string_equal(list + strlen(list) - 10, ",8188,8190");
}

/* An empty mask is no list; a kernel whose masks are as wide as another's changes nothing. */
static void test_mask_empty(void **state)
{
	struct world *w = *state;
	struct vector_record v = make_vector(RECORD_REASON_ALLOCATED, 30, NVME);

	memset(v.masks, 0, sizeof(v.masks));
	tell(w, v);
	expect_vector(w, 30, "{'affinity': null, 'effective_affinity': null, 'managed': false}");
	v.r.mask_words = 0;
	v.r.state = VECTOR_STATE_MANAGED;
	v.r.reason = RECORD_REASON_ACTIVATED;
	tell(w, v);
	expect_vector(w, 30, "{'affinity': null, 'effective_affinity': null, 'managed': true}");
	forget_events(w);
	tell(w, make_action(RECORD_REASON_REQUESTED, 30, 1, "x"));
	v.r.reason = RECORD_REASON_AFFINITY_APPLIED;
	v.r.mask_words = WORDS;
	v.masks[0][0] = 1;
	tell(w, v);
	expect_event(w, "{'type': 'handler-requested'}");
	expect_nothing(w);
	expect_vector(w, 30, "{'affinity': '0'}");
}

int main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_events, world_setup_listening),
		TEST(test_domain_correction, world_setup_listening),
		TEST(test_all, world_setup_listening),
		TEST(test_empty, world_setup),
		TEST(test_no_keys, world_setup_listening),
		TEST(test_bad_names, world_setup_listening),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_message_format),
		TEST(test_large_counts, world_setup_listening),
		cmocka_unit_test(test_mask_list),
		TEST(test_mask_largest, world_setup_listening),
		TEST(test_mask_empty, world_setup_listening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
