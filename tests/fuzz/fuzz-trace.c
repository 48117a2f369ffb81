// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a record file, and as the state file that one daemon leaves to the next, which is
 * one, too: whatever is handed on is a sound record, and a state that was found sound gives the
 * same records each time, the first of which says whose they are.
 */
#include "fuzz.h"
#include "checkpoint.h"
#include "decode.h"
#include "trace.h"

#define GENERATION 5

struct told {
	uint64_t n, bytes;
	uint16_t first; /* type */
};

static void on_record(const struct record_header *record, void *userdata)
{
	struct told *told = userdata;
	struct event event;

	require(decode(record, record->size, &event) == (int)record->size);
	if (!told->n++)
		told->first = record->type;
	told->bytes += record->size;
}

/* With its own header if it has one, else behind a good one; the size of all of it */
static size_t write_trace(const char *path, const uint8_t *data, size_t size)
{
	unsigned char header[TRACE_HEADER_SIZE];
	_cleanup_free_ unsigned char *whole = malloc(sizeof(header) + size);

	trace_header(header);
	require(whole != NULL);
	if (size >= 8 && !memcmp(data, header, 8)) {
		fuzz_write_file(AT_FDCWD, path, data, size);
		return size;
	}
	memcpy(whole, header, sizeof(header));
	if (size)
		memcpy(whole + sizeof(header), data, size);
	fuzz_write_file(AT_FDCWD, path, whole, sizeof(header) + size);
	return sizeof(header) + size;
}

/* Looking at it has set it aside; a third look would remove it. */
static void check_state(const char *path)
{
	struct told told = {}, again = {};
	struct checkpoint_file file = {};
	int r = checkpoint_look(fuzz_directory(), GENERATION, &file);

	require(access(path, F_OK) < 0);
	if (r < 0) {
		require(r == -EBADMSG || r == -EPROTONOSUPPORT);
		require(!file.path[0]);
	} else {
		require(file.place.generation == GENERATION);
		require(checkpoint_read(&file, on_record, &told) == 0);
		require(checkpoint_read(&file, on_record, &again) == 0);
		require(told.n && told.first == RECORD_RING &&
			!memcmp(&told, &again, sizeof(told)));
	}
	checkpoint_clean(fuzz_directory(), GENERATION);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t unknown = 0, offset = 0;
	struct told told = {};
	char path[128];
	int r;

	snprintf(path, sizeof(path), "%s/state-%016x", fuzz_directory(), GENERATION);
	size = write_trace(path, data, size);
	r = trace_read(path, on_record, &told, &unknown, &offset);
	require(r == 0 || r == -EBADMSG || r == -ENODATA || r == -EPROTONOSUPPORT);
	require(r ? offset <= size : offset == size);
	require(unknown || !offset || offset == told.bytes + TRACE_HEADER_SIZE);
	check_state(path);
	return 0;
}
