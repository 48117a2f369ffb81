// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes to records to a model to rules to violations to JSON, and the same bytes as a record file.
 * libFuzzer tries what nobody thought of; tests/fuzz/test-fuzz.sh gives it pieces of real traces to
 * begin with.
 *
 * What is no record is stepped over, word by word, so that one bad length does not hide all that
 * comes after it.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "decode.h"
#include "model.h"
#include "rule.h"
#include "trace.h"
#include "violation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool so)
{
	if (!so)
		abort();
}

struct chain {
	struct model *model;
	struct violations *violations;
	uint64_t n_findings;
};

static void on_finding(const struct finding *finding, void *userdata)
{
	const struct violation *violation;
	struct chain *chain = userdata;
	json_t *json;

	require(memchr(finding->explanation, 0, sizeof(finding->explanation)) &&
		finding->explanation[0]);
	violations_add(chain->violations, finding, 1, &violation);
	/* an acknowledged one gives way, or comes again */
	if (!violation || ++chain->n_findings % 3)
		return;
	require(violations_acknowledge(chain->violations, violation->id, &violation) >= 0);
	json = violation_to_event_json(violation);
	require(json_is_string(json_object_get(json, "explanation")));
	json_decref(json);
}

static void on_change(const struct change *change, void *userdata)
{
	static const struct rule_set all;
	struct chain *chain = userdata;
	json_t *event;

	rule_eval(&all, chain->model, change, on_finding, chain);
	if (!change_name(change->type))
		return;
	event = change_to_json(chain->model, change);
	require(json_is_string(json_object_get(event, "type")));
	json_decref(event);
}

/* Small: a table that is full is a state as good as any. */
static const struct model_limits limits = { { 8, 64, 32, 32, 16, 32, 8, 16, 6, 4, 4, 4, 12, 12, 2,
					      4, 8, 4 } };

static void fuzz_records(const uint8_t *data, size_t size)
{
	/* exactly as large, so that the sanitizer sees a byte too many */
	uint8_t *copy = malloc(size ?: 1);
	struct chain chain = {};
	struct violation_totals totals;
	json_t *json;
	char *text;

	require(copy && !model_new(&limits, on_change, &chain, &chain.model));
	require(!violations_new(8, &chain.violations));
	memcpy(copy, data, size);
	for (size_t at = 0; at < size;) {
		struct event event;
		int r = decode(copy + at, size - at, &event);

		if (r > 0) {
			require(r % 8 == 0 && (size_t)r <= size - at);
			model_apply(chain.model, &event);
			at += (size_t)r;
		} else {
			require(r == -EBADMSG || r == -EPROTONOSUPPORT || r == -EOPNOTSUPP);
			at += 8;
		}
	}
	violations_totals(chain.violations, &totals);
	json = json_pack("[o, o]", model_to_json(chain.model),
			 violations_to_json(chain.violations, true));
	text = json_dumps(json, 0);
	require(text && totals.n_open <= json_array_size(json_array_get(json, 1)));
	free(text);
	json_decref(json);
	violations_free(chain.violations);
	model_free(chain.model);
	free(copy);
}

static void on_record(const struct record_header *record, void *userdata)
{
	struct event event;

	(void)userdata;
	require(decode(record, record->size, &event) == (int)record->size);
}

static void fuzz_file(const uint8_t *data, size_t size)
{
	static int fd = -EBADF;
	unsigned char header[TRACE_HEADER_SIZE];
	uint64_t unknown, offset = 0;
	char path[32];
	int r;

	if (fd < 0)
		fd = memfd_create("trace", MFD_CLOEXEC);
	require(fd >= 0 && !ftruncate(fd, 0));
	/* with its own header if it has one, else behind a good one */
	trace_header(header);
	if (size < 8 || memcmp(data, header, 8)) {
		require(pwrite(fd, header, sizeof(header), 0) == sizeof(header));
		require(pwrite(fd, data, size, sizeof(header)) == (ssize_t)size);
		size += sizeof(header);
	} else {
		require(pwrite(fd, data, size, 0) == (ssize_t)size);
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = trace_read(path, on_record, NULL, &unknown, &offset);
	require(!r || r == -EBADMSG || r == -ENODATA || r == -EPROTONOSUPPORT);
	require(r ? offset <= size : offset == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_records(data, size);
	fuzz_file(data, size);
	return 0;
}
