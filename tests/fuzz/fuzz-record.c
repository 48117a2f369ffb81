// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes to records to a model to JSON, and the same bytes as a record file. libFuzzer tries what
 * nobody thought of; tests/fuzz/test-fuzz.sh gives it pieces of real traces to begin with.
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
#include "trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool so)
{
	if (!so)
		abort();
}

static void on_change(const struct change *change, void *userdata)
{
	struct model **model = userdata;
	json_t *event = change_to_json(*model, change);

	require(json_is_string(json_object_get(event, "type")));
	json_decref(event);
}

/* Small: a table that is full is a state as good as any. */
static const struct model_limits limits = { { 8, 64, 32, 32, 16, 32, 8, 16 } };

static void fuzz_records(const uint8_t *data, size_t size)
{
	/* exactly as large, so that the sanitizer sees a byte too many */
	uint8_t *copy = malloc(size ?: 1);
	struct model *model = NULL;
	json_t *json;
	char *text;

	require(copy && !model_new(&limits, on_change, &model, &model));
	memcpy(copy, data, size);
	for (size_t at = 0; at < size;) {
		struct event event;
		int r = decode(copy + at, size - at, &event);

		if (r > 0) {
			require(r % 8 == 0 && (size_t)r <= size - at);
			model_apply(model, &event);
			at += (size_t)r;
		} else {
			require(r == -EBADMSG || r == -EPROTONOSUPPORT || r == -EOPNOTSUPP);
			at += 8;
		}
	}
	json = model_to_json(model);
	text = json_dumps(json, 0);
	require(text);
	free(text);
	json_decref(json);
	model_free(model);
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
