// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The traces of tests/data/replay/, and one made here of what they lack, damaged in every way that a program can think of: cut off
 * around each record, with bits and bytes and whole words altered, and with sound records in an
 * order that no kernel makes. Whatever is read is an error or a model, and a model is valid JSON.
 * Seeds are fixed: a failure names its own, and comes again.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "decode.h"
#include "demand-fixture.h"
#include "rule.h"
#include "trace.h"

#define TRACE_MAX (4 << 20)
#define RECORDS_MAX 8192
#define FLIPS 1000 /* damaged traces of each kernel */
#define ORDERS 150 /* disordered ones */
#define MODELS 16 /* of so many cuts one is looked at closely */

struct trace {
	unsigned char *bytes;
	size_t size;
	size_t at[RECORDS_MAX + 1]; /* of each record, and the end */
	size_t n;
};

#define TRACES 4 /* three kernels', and one that is made here */

static struct trace traces[TRACES];
static uint64_t seed;

static uint32_t random_below(uint32_t limit)
{
	/* SplitMix64 */
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (uint32_t)((z ^ z >> 31) % limit);
}

static void load(const char *path, struct trace *ret)
{
	_cleanup_free_ char *command = NULL;
	FILE *pipe;

	assert_true(asprintf(&command, "xz -dc '%s'", path) > 0);
	pipe = popen(command, "re");
	assert_non_null(pipe);
	ret->bytes = malloc(TRACE_MAX);
	ret->size = fread(ret->bytes, 1, TRACE_MAX, pipe);
	assert_int_equal(pclose(pipe), 0);
	for (size_t at = TRACE_HEADER_SIZE; at < ret->size;) {
		struct record_header header;

		assert_true(ret->n < RECORDS_MAX);
		ret->at[ret->n++] = at;
		memcpy(&header, ret->bytes + at, sizeof(header));
		at += header.size;
		ret->at[ret->n] = at;
	}
	assert_int_equal(ret->at[ret->n], ret->size);
	assert_true(ret->n > 100);
}

static void append(struct trace *trace, struct record_header header, const void *record)
{
	assert_true(trace->n < RECORDS_MAX && trace->size + header.size <= TRACE_MAX);
	memcpy(trace->bytes + trace->size, record, header.size);
	header.time_ns = trace->n * 400000000;
	memcpy(trace->bytes + trace->size, &header, sizeof(header));
	trace->size += header.size;
	trace->at[++trace->n] = trace->size;
}

#define APPEND(trace, record)                                                                      \
	({                                                                                         \
		__typeof__(record) _record = (record);                                             \
		append((trace), *(struct record_header *)&_record, &_record);                      \
	})

/* A probe that is refused what it needs, and one that succeeds, of a function that offers much */
static void append_probe(struct trace *t, uint32_t granted, bool fails)
{
	APPEND(t, make_device(CXL, "pci", fails ? "" : "cxl_pci"));
	for (uint32_t kind = 0; kind < RECORD_FEATURE_KIND_MAX; kind++)
		APPEND(t, make_feature(kind, CXL, (int32_t)kind - 1, kind * 4));
	APPEND(t, make_demand(RECORD_DEMAND_ANY, CXL, "cxl_pci", 1, 16, false, 0));
	APPEND(t, make_demand(RECORD_DEMAND_MSIX, CXL, "cxl_pci", 1, 16, false, 0));
	for (uint32_t i = 0; i < granted; i++) {
		APPEND(t, make_alloc(30 + i, 1));
		APPEND(t, make_vector(RECORD_REASON_ALLOCATED, 30 + i, CXL));
	}
	APPEND(t, make_demand(RECORD_DEMAND_MSIX, CXL, "cxl_pci", 1, 16, true, (int32_t)granted));
	APPEND(t, make_demand(RECORD_DEMAND_ANY, CXL, "cxl_pci", 1, 16, true, (int32_t)granted));
	APPEND(t, make_ask(CXL, "cxl_pci", 7, -EINVAL, "cxl_pci_probe [cxl_pci]", ""));
	for (uint32_t i = 0; i < 4; i++)
		APPEND(t, make_ask(CXL, "cxl_pci", i, i < granted ? 30 + (int32_t)i : -EINVAL,
				   "cxl_event_req_irq [cxl_pci]", "cxl_pci_probe [cxl_pci]"));
	APPEND(t, make_ask(CXL, "cxl_pci", 1, 31, "cxl_pmu_probe", ""));
	for (uint32_t i = 0; i < granted; i++)
		APPEND(t, make_action(RECORD_REASON_REQUESTED, 30 + i, 1, "event"));
	APPEND(t, make_child("pmu_mem0.0", "cxl", fails ? "" : "cxl_pmu", CXL));
	APPEND(t, make_header(RECORD_TICK, sizeof(struct record_header)));
	APPEND(t, make_snapshot(RECORD_SNAPSHOT_BEGIN, false));
	for (uint32_t cpu = 0; cpu < 2; cpu++)
		APPEND(t, make_space(cpu, 1, 200, 10 * granted));
	APPEND(t, make_space(~0U, 2, 400, 20 * granted));
	for (uint32_t i = 0; i < granted; i++) {
		APPEND(t, make_vector(RECORD_REASON_SNAPSHOT, 30 + i, CXL));
		APPEND(t, make_action(RECORD_REASON_SNAPSHOT, 30 + i, 1, "event"));
	}
	APPEND(t, make_snapshot(RECORD_SNAPSHOT_END, true));
	if (granted)
		APPEND(t, make_free(30, granted));
	APPEND(t, make_device(CXL, "pci", ""));
	APPEND(t, make_header(RECORD_TICK, sizeof(struct record_header)));
}

static void make_trace(struct trace *ret)
{
	ret->bytes = malloc(TRACE_MAX);
	assert_non_null(ret->bytes);
	trace_header(ret->bytes);
	ret->size = ret->at[0] = TRACE_HEADER_SIZE;
	APPEND(ret, make_base(RECORD_MODE_TRACING));
	APPEND(ret, make_driver("cxl", "cxl_pmu", true));
	APPEND(ret, make_driver("pci", "pcieport", false));
	for (uint32_t i = 0; i < 6; i++)
		append_probe(ret, i, i % 2);
	assert_true(ret->n > 100);
}

/* The data lie next to this file. */
static int load_all(void **state)
{
	static const char *const kernels[] = { "bench", "debian-6.12", "debian-6.1" };
	const char *slash = strrchr(__FILE__, '/');
	char path[512];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%.*s/../data/replay/%s/trace.xz",
			 (int)(slash - __FILE__), __FILE__, kernels[i]);
		load(path, &traces[i]);
	}
	make_trace(&traces[3]);
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < TRACES; i++)
		free(traces[i].bytes);
	return 0;
}

/* ---- What must come of it ---- */

struct reader {
	struct model *model;
	json_t *events; /* NULL: not kept */
	size_t n;
	size_t every; /* so many records the model is asked for everything; 0: never */
};

static const struct rule_set all_rules;

static void on_finding(const struct finding *finding, void *userdata)
{
	(void)userdata;
	assert_true(finding->rule < RULE_MAX && finding->explanation[0]);
	assert_non_null(memchr(finding->explanation, 0, sizeof(finding->explanation)));
}

static void on_change(const struct change *change, void *userdata)
{
	struct reader *reader = userdata;
	const char *type;
	json_t *event;

	rule_eval(&all_rules, reader->model, change, on_finding, NULL);
	if (!change_name(change->type))
		return;
	event = change_to_json(reader->model, change);
	type = json_string_value(json_object_get(event, "type"));
	assert_non_null(type);
	assert_string_equal(type, change_name(change->type));
	if (reader->events)
		json_array_append(reader->events, event);
	json_decref(event);
}

static void on_record(const struct record_header *record, void *userdata)
{
	struct reader *reader = userdata;
	struct event event;

	assert_int_equal(decode(record, record->size, &event), record->size);
	if (reader->model)
		model_apply(reader->model, &event);
	reader->n++;
	if (reader->every && reader->n % reader->every == 0)
		json_decref(model_to_json(reader->model));
}

static void check_no_negative(const json_t *json)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_array(json))
		json_array_foreach((json_t *)json, i, value)
			check_no_negative(value);
	if (json_is_object(json))
		json_object_foreach((json_t *)json, key, value) {
			check_no_negative(value);
			if (json_is_integer(value) && strcmp(key, "cpu") && strcmp(key, "vector"))
				assert_true(json_integer_value(value) >= 0);
		}
}

static void check_model(const struct model *model)
{
	json_auto_t *json = model_to_json(model), *again = NULL;
	_cleanup_free_ char *text = NULL;

	assert_non_null(json);
	assert_int_equal(json_object_size(json), 12);
	text = json_dumps(json, 0);
	assert_non_null(text);
	again = json_loads(text, 0, NULL);
	assert_true(json_equal(json, again));
	check_no_negative(json);
	assert_int_equal(json_array_size(json_object_get(json, "vectors")),
			 HASH_COUNT(model->vectors));
	assert_int_equal(json_array_size(json_object_get(json, "domains")),
			 HASH_COUNT(model->domains));
}

static struct model *new_model(struct reader *reader)
{
	static const struct model_limits limits = { { 1024, 4096, 4096, 4096, 1024, 4096, 256, 256,
						      16, 16, 16, 64, 256, 256, 16, 16, 64, 16 } };

	*reader = (struct reader){};
	assert_int_equal(model_new(&limits, on_change, reader, &reader->model), 0);
	return reader->model;
}

static int memory_fd = -EBADF;

/* Reads @size bytes as a file would be; the result of trace_read(). */
static int read_trace(const void *bytes, size_t size, bool with_model, struct reader *ret_reader)
{
	char path[32];
	uint64_t unknown, offset = 0;
	int r;

	if (memory_fd < 0)
		memory_fd = memfd_create("trace", MFD_CLOEXEC);
	assert_true(memory_fd >= 0);
	assert_int_equal(ftruncate(memory_fd, 0), 0);
	assert_int_equal(pwrite(memory_fd, bytes, size, 0), size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory_fd);
	*ret_reader = (struct reader){};
	if (with_model)
		new_model(ret_reader);
	r = trace_read(path, on_record, ret_reader, &unknown, &offset);
	assert_true(!r || r == -EBADMSG || r == -ENODATA || r == -EPROTONOSUPPORT);
	assert_true(offset <= size);
	if (with_model) {
		check_model(ret_reader->model);
		model_free(ret_reader->model);
		ret_reader->model = NULL;
	}
	return r;
}

/* ---- Damage ---- */

static void test_whole(void **state)
{
	struct reader reader;

	(void)state;
	for (size_t i = 0; i < TRACES; i++) {
		assert_int_equal(read_trace(traces[i].bytes, traces[i].size, true, &reader), 0);
		assert_int_equal(reader.n, traces[i].n);
	}
}

/* The same records, the same events and the same model, whoever asked for what in between */
static void test_asked(void **state)
{
	(void)state;
	for (size_t i = 0; i < TRACES; i++) {
		json_t *models[2], *events[2];

		for (size_t k = 0; k < 2; k++) {
			struct reader reader;
			struct model *model = new_model(&reader);

			reader.events = events[k] = json_array();
			reader.every = k * 7;
			for (size_t n = 0; n < traces[i].n; n++)
				on_record((const void *)(traces[i].bytes + traces[i].at[n]),
					  &reader);
			models[k] = model_to_json(model);
			model_free(model);
		}
		assert_true(json_array_size(events[0]) > 10);
		assert_true(json_equal(events[0], events[1]));
		assert_true(json_equal(models[0], models[1]));
		for (size_t k = 0; k < 2; k++) {
			json_decref(models[k]);
			json_decref(events[k]);
		}
	}
}

static void test_cut(void **state)
{
	struct reader reader;

	(void)state;
	for (size_t i = 0; i < TRACES; i++)
		for (size_t n = 0; n <= traces[i].n; n++)
			for (int more = -1; more <= 1; more++) {
				size_t size = traces[i].at[n] + (size_t)more;
				int expected = !more ? 0 : n || more > 0 ? -ENODATA : -EBADMSG;

				if (size > traces[i].size)
					continue;
				assert_int_equal(read_trace(traces[i].bytes, size, !(n % MODELS),
							    &reader),
						 expected);
				assert_int_equal(reader.n, more < 0 && n ? n - 1 : n);
			}
}

/* A word that has proven good at finding what nobody thought of */
static void alter(unsigned char *bytes, size_t size)
{
	static const uint32_t words[] = { 0,	      1,	  0x7f,	      0x80,	  0xff,
					  0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8, 0x10000 };
	uint32_t at = random_below((uint32_t)size - 4), word;

	switch (random_below(4)) {
	case 0: bytes[at] ^= 1 << random_below(8); return;
	case 1: bytes[at] = (unsigned char)random_below(256); return;
	case 2:
		at &= ~3U;
		word = words[random_below(sizeof(words) / sizeof(*words))];
		memcpy(bytes + at, &word, sizeof(word));
		return;
	default:
		/* something from elsewhere in the same trace */
		memcpy(bytes + at, bytes + random_below((uint32_t)size - 4), 4);
	}
}

static void test_altered(void **state)
{
	unsigned int whole = 0;

	(void)state;
	for (size_t i = 0; i < TRACES; i++) {
		unsigned char *copy = malloc(traces[i].size);

		for (uint32_t n = 0; n < FLIPS; n++) {
			struct reader reader;
			uint32_t changes;

			memcpy(copy, traces[i].bytes, traces[i].size);
			seed = n * TRACES + i;
			changes = 1 + random_below(20);
			while (changes--)
				alter(copy, traces[i].size);
			whole += !read_trace(copy, traces[i].size, true, &reader);
		}
		free(copy);
	}
	/* damage is found often, but not always: else nothing was tried on the model */
	assert_true(whole > FLIPS / 10 && whole < FLIPS * TRACES);
}

/* Damage inside of records only, and each record that is no good left out: all on the model */
static void test_altered_records(void **state)
{
	_Alignas(8) unsigned char record[RECORD_SIZE_MAX];

	(void)state;
	for (size_t i = 0; i < TRACES; i++)
		for (uint32_t n = 0; n < ORDERS; n++) {
			struct reader reader;
			struct model *model = new_model(&reader);

			seed = 1000000 + n * TRACES + i;
			for (size_t k = 0; k < traces[i].n; k++) {
				size_t size = traces[i].at[k + 1] - traces[i].at[k];
				struct event event;

				memcpy(record, traces[i].bytes + traces[i].at[k], size);
				if (!random_below(4))
					alter(record + 8, size - 8);
				if (decode(record, size, &event) > 0)
					model_apply(model, &event);
			}
			check_model(model);
			model_free(model);
		}
}

/* Left out, twice, exchanged, of another trace, walks that begin and end anywhere */
static void test_disordered(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < TRACES * ORDERS; n++) {
		const struct trace *trace = &traces[n % TRACES];
		struct reader reader;
		struct model *model = new_model(&reader);

		seed = 2000000 + n;
		for (size_t k = 0; k < trace->n; k++) {
			const struct trace *from = trace;
			_Alignas(8) unsigned char record[RECORD_SIZE_MAX];
			size_t which = k;
			struct event event;

			switch (random_below(12)) {
			case 0: continue;
			case 1: which = random_below((uint32_t)trace->n); break;
			case 2:
				from = &traces[random_below(TRACES)];
				which = random_below((uint32_t)from->n);
				break;
			case 3: k -= k > 0; break;
			}
			memcpy(record, from->bytes + from->at[which],
			       from->at[which + 1] - from->at[which]);
			assert_true(decode(record, sizeof(record), &event) > 0);
			model_apply(model, &event);
		}
		check_model(model);
		model_free(model);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_asked),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_altered_records),
		cmocka_unit_test(test_disordered),
	};

	return cmocka_run_group_tests(tests, load_all, free_all);
}
