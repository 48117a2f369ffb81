// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Record files, whole and damaged: what was written is read, what is cut off or altered is an error
 * that says where, and nothing that is no record is ever handed on.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decode.h"
#include "records.h"
#include "trace.h"

#define RECORDS 5

struct file {
	unsigned char bytes[TRACE_HEADER_SIZE + RECORDS * RECORD_SIZE_MAX];
	size_t size;
	size_t ends[RECORDS + 1]; /* of the header, of each record */
	size_t n;
};

static void put(struct file *file, const void *record)
{
	const struct record_header *header = record;

	memcpy(file->bytes + file->size, record, header->size);
	file->size += header->size;
	file->ends[++file->n] = file->size;
}

static void file_begin(struct file *file)
{
	file->n = 0;
	file->size = file->ends[0] = TRACE_HEADER_SIZE;
	trace_header(file->bytes);
}

static void make_file(struct file *file)
{
	struct record_base base = make_base(RECORD_MODE_TRACING);
	struct record_range alloc = make_alloc(30, 1);
	struct vector_record vector = make_vector(RECORD_REASON_ALLOCATED, 30, "0000:01:00.0");
	struct record_message message = make_message(30, ZEROS, MESSAGE(0x41));
	struct record_action action = make_action(RECORD_REASON_REQUESTED, 30, 1, "nvme0q0");

	file_begin(file);
	put(file, &base);
	put(file, &alloc);
	put(file, &vector);
	put(file, &message);
	put(file, &action);
}

struct reading {
	unsigned char bytes[TRACE_HEADER_SIZE + RECORDS * RECORD_SIZE_MAX];
	size_t size, n;
	uint64_t unknown, offset;
	int result;
};

static void on_record(const struct record_header *record, void *userdata)
{
	struct reading *reading = userdata;
	struct event event;

	assert_int_equal((uintptr_t)record % 8, 0);
	assert_int_equal(decode(record, record->size, &event), record->size);
	if (reading->size + record->size <= sizeof(reading->bytes))
		memcpy(reading->bytes + reading->size, record, record->size);
	reading->size += record->size;
	reading->n++;
}

static struct reading read_path(const char *path)
{
	static struct reading reading;

	reading = (struct reading){ .unknown = 77, .offset = 77 };
	reading.result = trace_read(path, on_record, &reading, &reading.unknown, &reading.offset);
	return reading;
}

static struct reading read_bytes(const char *directory, const void *bytes, size_t size)
{
	const char *path = file_path(directory, "trace");

	file_write(path, bytes, size);
	return read_path(path);
}

static void test_header(void **state)
{
	unsigned char header[TRACE_HEADER_SIZE];

	(void)state;
	memset(header, 0xff, sizeof(header));
	trace_header(header);
	assert_memory_equal(header, "CXLIRQ\r\n\1\0\0\0\0\0\0\0", TRACE_HEADER_SIZE);
}

static void test_round_trip(void **state)
{
	static struct file file;
	struct reading reading;

	make_file(&file);
	reading = read_bytes(*state, file.bytes, file.size);
	assert_int_equal(reading.result, 0);
	assert_int_equal(reading.n, RECORDS);
	assert_int_equal(reading.unknown, 0);
	assert_int_equal(reading.offset, file.size);
	assert_int_equal(reading.size, file.size - TRACE_HEADER_SIZE);
	assert_memory_equal(reading.bytes, file.bytes + TRACE_HEADER_SIZE, reading.size);

	assert_int_equal(trace_read(file_path(*state, "trace"), on_record, &reading, NULL, NULL),
			 0);
	assert_int_equal(reading.n, 2 * RECORDS);
	reading = read_bytes(*state, file.bytes, TRACE_HEADER_SIZE);
	assert_int_equal(reading.result, 0);
	assert_int_equal(reading.n, 0);
}

/* Cut off after any byte: whole records count, half a record is an error at its beginning. */
static void test_truncated(void **state)
{
	static struct file file;
	size_t whole = 0;

	make_file(&file);
	for (size_t size = 0; size < file.size; size++) {
		struct reading reading = read_bytes(*state, file.bytes, size);

		if (size < TRACE_HEADER_SIZE) {
			assert_int_equal(reading.result, -EBADMSG);
			assert_int_equal(reading.n, 0);
			continue;
		}
		if (size == file.ends[whole + 1])
			whole++;
		assert_int_equal(reading.n, whole);
		assert_int_equal(reading.offset, file.ends[whole]);
		assert_int_equal(reading.unknown, 0);
		assert_int_equal(reading.result, size == file.ends[whole] ? 0 : -ENODATA);
	}
	assert_int_equal(whole, RECORDS - 1);
}

static void test_file_header_bits(void **state)
{
	static struct file file;

	make_file(&file);
	for (size_t bit = 0; bit < TRACE_HEADER_SIZE * 8; bit++) {
		struct reading reading;

		file.bytes[bit / 8] ^= 1 << bit % 8;
		reading = read_bytes(*state, file.bytes, file.size);
		file.bytes[bit / 8] ^= 1 << bit % 8;
		assert_int_equal(reading.result, bit < 64 ? -EBADMSG : -EPROTONOSUPPORT);
		assert_int_equal(reading.n, 0);
	}
}

/* Each bit of each record's header: what is handed on is sound (see on_record), else it is told. */
static void test_record_header_bits(void **state)
{
	static struct file file;
	unsigned int errors = 0;

	make_file(&file);
	for (size_t n = 0; n < RECORDS; n++)
		for (size_t bit = 0; bit < sizeof(struct record_header) * 8; bit++) {
			unsigned char *at = file.bytes + file.ends[n] + bit / 8;
			size_t field = bit / 8;
			struct reading reading;

			*at ^= 1 << bit % 8;
			reading = read_bytes(*state, file.bytes, file.size);
			*at ^= 1 << bit % 8;
			errors += reading.result < 0;
			if (field >= offsetof(struct record_header, version) &&
			    field < offsetof(struct record_header, size))
				assert_int_equal(reading.result, -EPROTONOSUPPORT);
			else if (field >= offsetof(struct record_header, time_ns) &&
				 field < offsetof(struct record_header, cause))
				assert_int_equal(reading.result, 0);
			else if (reading.result)
				assert_true(reading.result == -EBADMSG ||
					    reading.result == -ENODATA ||
					    reading.result == -EPROTONOSUPPORT);
			/* what came before has been handed on, and the place is right */
			assert_true(reading.n >= n);
			if (reading.result == -EPROTONOSUPPORT && field >= 2 && field < 4)
				assert_int_equal(reading.offset, file.ends[n]);
		}
	assert_true(errors > RECORDS * 48);
}

static void test_unknown_types(void **state)
{
	static struct file file;
	struct record_range known = make_alloc(30, 1), unknown = make_alloc(1, 1);
	static struct {
		struct record_header header;
		unsigned char rest[RECORD_SIZE_MAX - sizeof(struct record_header)];
	} largest;
	struct reading reading;

	file_begin(&file);
	unknown.header.type = 20;
	put(&file, &unknown);
	put(&file, &known);
	largest.header = make_header(0xffff, sizeof(largest));
	memset(largest.rest, 0xff, sizeof(largest.rest));
	put(&file, &largest);
	put(&file, &known);
	unknown.header.type = 0;
	put(&file, &unknown);
	reading = read_bytes(*state, file.bytes, file.size);
	assert_int_equal(reading.result, 0);
	assert_int_equal(reading.n, 2);
	assert_int_equal(reading.unknown, 3);
	assert_int_equal(reading.offset, file.size);
	/* cut off it is not whole, known or not */
	reading = read_bytes(*state, file.bytes, file.size - 1);
	assert_int_equal(reading.result, -ENODATA);
	assert_int_equal(reading.unknown, 2);
}

/* A record that another version wrote, or one that is no record */
static void test_bad_records(void **state)
{
	static const struct {
		uint16_t version;
		uint32_t size;
		int result;
	} records[] = {
		{ 0, 64, -EPROTONOSUPPORT },	    { RECORD_VERSION + 1, 64, -EPROTONOSUPPORT },
		{ RECORD_VERSION, 0, -EBADMSG },    { RECORD_VERSION, 8, -EBADMSG },
		{ RECORD_VERSION, 48, -EBADMSG },   { RECORD_VERSION, 56, -EBADMSG },
		{ RECORD_VERSION, 63, -EBADMSG },   { RECORD_VERSION, 65, -EBADMSG },
		{ RECORD_VERSION, 8200, -EBADMSG }, { RECORD_VERSION, 0xfffffff8, -EBADMSG },
		{ RECORD_VERSION, 8192, -ENODATA }, { RECORD_VERSION, 72, 0 },
	};

	for (size_t i = 0; i < sizeof(records) / sizeof(*records); i++) {
		static struct file file;
		struct record_range first = make_alloc(30, 1), second = make_alloc(31, 1);
		struct reading reading;

		file_begin(&file);
		put(&file, &first);
		put(&file, &second);
		/* two more words for whoever wants more */
		memset(file.bytes + file.size, 0, 8);
		second.header.version = records[i].version;
		second.header.size = records[i].size;
		memcpy(file.bytes + file.ends[1], &second.header, sizeof(second.header));
		reading = read_bytes(*state, file.bytes, file.size + 8);
		assert_int_equal(reading.result, records[i].result);
		assert_int_equal(reading.n, records[i].result ? 1 : 2);
		assert_int_equal(reading.offset, records[i].result ? file.ends[1] : file.size + 8);
	}
}

/* A trace is not kept in memory: it may be longer than that. */
static void test_long(void **state)
{
	const char *path = file_path(*state, "trace");
	struct record_range r = make_alloc(30, 1);
	unsigned char header[TRACE_HEADER_SIZE];
	FILE *file = fopen(path, "we");
	struct reading reading;

	assert_non_null(file);
	trace_header(header);
	fwrite(header, sizeof(header), 1, file);
	for (int i = 0; i < 200000; i++)
		fwrite(&r, sizeof(r), 1, file);
	assert_int_equal(fclose(file), 0);
	reading = read_path(path);
	assert_int_equal(reading.result, 0);
	assert_int_equal(reading.n, 200000);
	assert_int_equal(reading.offset, TRACE_HEADER_SIZE + 200000 * sizeof(r));
}

static void test_paths(void **state)
{
	static struct file file;
	uid_t uid = geteuid();

	assert_int_equal(read_path(file_path(*state, "nothing")).result, -ENOENT);
	assert_int_equal(read_path(*state).result, -EISDIR);
	assert_int_equal(read_path("/dev/null").result, -EBADMSG);
	assert_int_equal(read_path("/dev/zero").result, -EBADMSG);
	assert_int_equal(read_path("").result, -ENOENT);
	make_file(&file);
	file_write(file_path(*state, "trace"), file.bytes, file.size);
	chmod(file_path(*state, "trace"), 0);
	/* root may read what nobody may */
	if (!uid)
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(read_path(file_path(*state, "trace")).result, -EACCES);
	assert_int_equal(seteuid(uid), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		TEST(test_round_trip),
		TEST(test_truncated),
		TEST(test_file_header_bits),
		TEST(test_record_header_bits),
		TEST(test_unknown_types),
		TEST(test_bad_records),
		TEST(test_long),
		TEST(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
