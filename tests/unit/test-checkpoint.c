// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * State files: who reads one knows exactly what its writer had applied, wherever in it that one
 * ended, and where in the ring to go on.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cxlirqd/state.h>

#include "checkpoint.h"
#include "records.h"
#include "trace.h"

#define GENERATION 0x1234abcdULL
#define LINEAGE 77
#define RECORDS_MAX 4096

static const struct checkpoint_place first_place = { .lineage = LINEAGE,
						     .generation = GENERATION,
						     .position = 4096,
						     .step = 5,
						     .dropped = 6,
						     .missed = 7 };

static const char *state_path(const char *directory, const char *suffix)
{
	char name[64];

	snprintf(name, sizeof(name), "state-%016llx%s", GENERATION, suffix);
	return file_path(directory, name);
}

static struct checkpoint *begin(const char *directory, bool based)
{
	struct checkpoint *checkpoint = NULL;

	assert_int_equal(checkpoint_new(directory, &first_place, based, &checkpoint), 0);
	return checkpoint;
}

static struct checkpoint *begin_committed(const char *directory)
{
	struct checkpoint *checkpoint = begin(directory, false);

	assert_int_equal(checkpoint_commit(checkpoint), 0);
	return checkpoint;
}

/* In the ring: eight bytes of its own before the record */
static uint64_t ring_bytes(const struct record_header *record)
{
	return 8 + record->size;
}

/* @n of them, from @begin on, each about another interrupt */
static uint64_t append_ring(struct checkpoint *checkpoint, uint64_t begin, uint32_t n)
{
	struct checkpoint_record records[RECORDS_MAX];
	struct record_message messages[RECORDS_MAX];
	struct checkpoint_place place = first_place;

	for (uint32_t i = 0; i < n; i++) {
		messages[i] = make_message(i, ZEROS, MESSAGE(0x41));
		records[i] = (struct checkpoint_record){ &messages[i].header, begin };
		begin += ring_bytes(&messages[i].header);
	}
	assert_int_equal(checkpoint_append_ring(checkpoint, &place, records, n), 0);
	return begin;
}

static void append_alloc(struct checkpoint *checkpoint, uint32_t irq)
{
	struct record_range alloc = make_alloc(irq, 1);

	assert_int_equal(checkpoint_append(checkpoint, &alloc.header), 0);
}

struct found {
	uint32_t n, markers, allocs, messages, last_irq;
	bool based;
};

static void on_record(const struct record_header *record, void *userdata)
{
	struct found *found = userdata;

	if (record->type == RECORD_RING && !found->n)
		found->based = ((const struct record_ring *)record)->based;
	found->n++;
	found->markers += record->type == RECORD_RING;
	found->allocs += record->type == RECORD_ALLOC;
	if (record->type == RECORD_MESSAGE) {
		found->messages++;
		found->last_irq = ((const struct record_message *)record)->irq;
	}
}

static int look(const char *directory, struct checkpoint_file *file, struct found *found)
{
	int r = checkpoint_look(directory, GENERATION, file);

	*found = (struct found){};
	return r < 0 ? r : checkpoint_read(file, on_record, found);
}

/* ---- what is written is read ---- */

static void test_round(void **state)
{
	struct checkpoint *checkpoint = begin_committed(*state);
	struct checkpoint_file file;
	struct found found;
	uint64_t end;

	append_alloc(checkpoint, 30);
	end = append_ring(checkpoint, first_place.position, 3);
	append_alloc(checkpoint, 31);
	end = append_ring(checkpoint, end, 2);
	checkpoint_free(checkpoint);
	assert_int_equal(look(*state, &file, &found), 0);
	assert_int_equal(file.place.lineage, LINEAGE);
	assert_int_equal(file.place.generation, GENERATION);
	assert_int_equal(file.place.position, end);
	assert_int_equal(file.place.step, first_place.step);
	assert_int_equal(file.place.dropped, first_place.dropped);
	assert_int_equal(file.place.missed, first_place.missed);
	assert_int_equal(found.markers, 3);
	assert_int_equal(found.allocs, 2);
	assert_int_equal(found.messages, 5);
	assert_false(found.based);
}

/* A file that nothing was appended to tells where its writer began. */
static void test_empty(void **state)
{
	struct checkpoint *checkpoint = begin_committed(*state);
	struct checkpoint_file file;
	struct found found;

	checkpoint_free(checkpoint);
	assert_int_equal(look(*state, &file, &found), 0);
	assert_int_equal(file.place.position, first_place.position);
	assert_int_equal(found.n, 1);
}

/* The model comes first and may be long; before the commit the older file is the one. */
static void test_based(void **state)
{
	struct checkpoint *older = begin_committed(*state), *checkpoint = begin(*state, true);
	struct record_state_model model = { .header = make_header(RECORD_STATE_MODEL,
								  sizeof(model)) };
	struct checkpoint_file file;
	struct found found;

	for (uint32_t i = 0; i < 3000; i++)
		append_alloc(checkpoint, i);
	assert_int_equal(checkpoint_append(checkpoint, &model.header), 0);
	append_alloc(older, 1);
	assert_int_equal(look(*state, &file, &found), 0);
	assert_int_equal(found.allocs, 1);
	assert_int_equal(checkpoint_commit(checkpoint), 0);
	assert_false(checkpoint_is_due(checkpoint));
	append_alloc(checkpoint, 3000);
	checkpoint_free(older);
	checkpoint_free(checkpoint);
	assert_int_equal(look(*state, &file, &found), 0);
	assert_true(found.based);
	assert_int_equal(found.allocs, 3001);
}

/* One that was never committed is gone with its writer. */
static void test_half(void **state)
{
	struct checkpoint *checkpoint = begin(*state, true);
	struct checkpoint_file file;

	append_alloc(checkpoint, 1);
	checkpoint_free(checkpoint);
	assert_int_equal(checkpoint_look(*state, GENERATION, &file), -ENOENT);
	assert_int_equal(access(state_path(*state, ".new"), F_OK), -1);
}

/* Records between which something was given up in the ring: a place each. */
static void test_apart(void **state)
{
	struct checkpoint *checkpoint = begin_committed(*state);
	struct record_message messages[3];
	struct checkpoint_record records[3];
	struct checkpoint_file file;
	struct found found;

	for (uint32_t i = 0; i < 3; i++) {
		messages[i] = make_message(i, ZEROS, MESSAGE(0x41));
		records[i] = (struct checkpoint_record){ &messages[i].header, 10000 * (i + 1) };
	}
	assert_int_equal(checkpoint_append_ring(checkpoint, &first_place, records, 3), 0);
	checkpoint_free(checkpoint);
	assert_int_equal(look(*state, &file, &found), 0);
	assert_int_equal(found.markers, 4);
	assert_int_equal(file.place.position, 30000 + ring_bytes(&messages[2].header));
}

static void test_many(void **state)
{
	struct checkpoint *checkpoint = begin_committed(*state);
	struct checkpoint_file file;
	struct found found;
	uint64_t end = append_ring(checkpoint, first_place.position, 1000);

	checkpoint_free(checkpoint);
	assert_int_equal(look(*state, &file, &found), 0);
	assert_int_equal(found.messages, 1000);
	assert_int_equal(file.place.position, end);
}

/* The longer the model, the more may follow before it is written anew. */
static void test_due(void **state)
{
	struct checkpoint *checkpoint = begin_committed(*state);
	unsigned int bytes = 0;

	while (!checkpoint_is_due(checkpoint) && bytes < 64U << 20) {
		append_ring(checkpoint, first_place.position, 1000);
		bytes += 1000 * (unsigned int)sizeof(struct record_message);
	}
	assert_in_range(bytes, 3U << 20, 6U << 20);
	checkpoint_free(checkpoint);
}

/* What follows the model has a bound, whatever speaks against a new file. */
static void test_bound(void **state)
{
	struct checkpoint *checkpoint = begin(*state, true);
	struct record_range alloc = make_alloc(1, 1);
	struct record_message message = make_message(1, ZEROS, MESSAGE(0x41));
	struct checkpoint_record record = { &message.header, first_place.position };
	uint64_t bytes = 0;
	struct stat st;

	/* a model so long that four times as much would never be */
	for (uint32_t i = 0; i < (20U << 20) / sizeof(alloc); i++)
		append_alloc(checkpoint, i);
	assert_int_equal(checkpoint_commit(checkpoint), 0);
	while (!checkpoint_is_due(checkpoint) && bytes <= CHECKPOINT_LOG_MAX)
		bytes = append_ring(checkpoint, first_place.position + bytes, 1000) -
			first_place.position;
	assert_true(checkpoint_is_long(checkpoint));
	assert_in_range(bytes, CHECKPOINT_LOG_MAX / 4, CHECKPOINT_LOG_MAX * 3 / 4);
	while (bytes <= 2 * CHECKPOINT_LOG_MAX && checkpoint_append(checkpoint, &alloc.header) >= 0)
		bytes += sizeof(alloc);
	assert_int_equal(checkpoint_append(checkpoint, &alloc.header), -EFBIG);
	assert_int_equal(checkpoint_append_ring(checkpoint, &first_place, &record, 1), -EFBIG);
	assert_int_equal(stat(state_path(*state, ""), &st), 0);
	assert_in_range(st.st_size, 80 << 20, 85 << 20);
	checkpoint_free(checkpoint);
}

/* ---- goes on where another one ended ---- */

static struct checkpoint *go_on(const char *directory, struct checkpoint_place *ret_place)
{
	struct checkpoint *checkpoint;
	struct checkpoint_file file;

	assert_int_equal(checkpoint_look(directory, GENERATION, &file), 0);
	assert_int_equal(checkpoint_continue(directory, &file.place, &file, &checkpoint), 0);
	assert_int_equal(checkpoint_commit(checkpoint), 0);
	*ret_place = file.place;
	return checkpoint;
}

static void test_continue(void **state)
{
	struct checkpoint *checkpoint = begin(*state, true);
	struct record_state_model model = { .header = make_header(RECORD_STATE_MODEL,
								  sizeof(model)) };
	struct checkpoint_place place;
	struct checkpoint_file file;
	struct found found;
	uint64_t end;

	append_alloc(checkpoint, 30);
	assert_int_equal(checkpoint_append(checkpoint, &model.header), 0);
	assert_int_equal(checkpoint_commit(checkpoint), 0);
	end = append_ring(checkpoint, first_place.position, 5);
	checkpoint_free(checkpoint);
	/* twice, and the second time also what came in between */
	for (uint32_t i = 1; i <= 2; i++) {
		checkpoint = go_on(*state, &place);
		assert_int_equal(place.position, end);
		assert_int_equal(place.step, first_place.step);
		assert_false(checkpoint_is_due(checkpoint));
		assert_false(checkpoint_is_long(checkpoint));
		append_alloc(checkpoint, 30 + i);
		end = append_ring(checkpoint, end, 3);
		checkpoint_free(checkpoint);
	}
	assert_int_equal(look(*state, &file, &found), 0);
	assert_true(found.based);
	assert_int_equal(found.messages, 11);
	assert_int_equal(found.allocs, 3);
	assert_int_equal(file.place.position, end);
}

/* The one before was cut short in the middle of what it had announced. */
static void test_continue_cut(void **state)
{
	struct checkpoint *checkpoint = begin_committed(*state);
	struct checkpoint_place place;
	struct checkpoint_file file;
	struct found found;
	uint64_t end;
	struct stat st;

	append_ring(checkpoint, first_place.position, 5);
	checkpoint_free(checkpoint);
	assert_int_equal(stat(state_path(*state, ""), &st), 0);
	assert_int_equal(truncate(state_path(*state, ""),
				  st.st_size - (off_t)sizeof(struct record_message) - 1),
			 0);
	checkpoint = go_on(*state, &place);
	assert_int_equal(place.position,
			 first_place.position + 3 * (8 + sizeof(struct record_message)));
	end = append_ring(checkpoint, place.position, 2);
	checkpoint_free(checkpoint);
	assert_int_equal(look(*state, &file, &found), 0);
	assert_int_equal(found.messages, 5);
	assert_int_equal(file.place.position, end);
}

/* What was appended before counts, for when a new model is due. */
static void test_continue_long(void **state)
{
	struct checkpoint *checkpoint = begin_committed(*state);
	struct checkpoint_place place;

	for (uint64_t end = first_place.position; !checkpoint_is_due(checkpoint);)
		end = append_ring(checkpoint, end, 1000);
	checkpoint_free(checkpoint);
	checkpoint = go_on(*state, &place);
	assert_true(checkpoint_is_due(checkpoint));
	assert_false(checkpoint_is_long(checkpoint));
	checkpoint_free(checkpoint);
}

/* ---- ends anywhere ---- */

static void cut(const char *directory, const unsigned char *bytes, size_t size, uint64_t first)
{
	struct checkpoint_file file;
	struct found found;
	uint64_t position = first_place.position;
	int r;

	file_write(state_path(directory, ""), bytes, size);
	chmod(state_path(directory, ""), 0600);
	r = look(directory, &file, &found);
	if (size < TRACE_HEADER_SIZE + sizeof(struct record_ring)) {
		assert_int_equal(r, -EBADMSG);
	} else {
		assert_int_equal(r, 0);
		if (found.messages)
			position = first + found.messages * (8 + sizeof(struct record_message));
		else if (found.markers > 1)
			position = first;
		assert_int_equal(file.place.position, position);
		/* in order, and none left out */
		assert_true(!found.messages || found.last_irq == found.messages - 1);
	}
	unlink(state_path(directory, ".1"));
}

static void test_cut(void **state)
{
	struct checkpoint *checkpoint = begin_committed(*state);
	static unsigned char bytes[16384];
	size_t size;
	FILE *file;

	append_alloc(checkpoint, 30);
	append_ring(checkpoint, first_place.position, 20);
	checkpoint_free(checkpoint);
	file = fopen(state_path(*state, ""), "re");
	assert_non_null(file);
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	assert_true(size > 2000 && size < sizeof(bytes));
	for (size_t i = 0; i <= size; i++)
		cut(*state, bytes, i, first_place.position);
}

/* A writer that is killed: everything up to its last whole call is there. */
static void test_killed(void **state)
{
	struct checkpoint_file file;
	struct found found;
	int status, done[2];
	uint32_t told = 0, n;
	pid_t pid;

	assert_int_equal(pipe(done), 0);
	pid = fork();
	if (!pid) {
		struct checkpoint *checkpoint = begin_committed(*state);
		uint64_t position = first_place.position;

		for (uint32_t i = 1;; i++) {
			position = append_ring(checkpoint, position, 7);
			if (write(done[1], &i, sizeof(i)) != sizeof(i))
				_exit(1);
		}
	}
	close(done[1]);
	while (told < 500 && read(done[0], &n, sizeof(n)) == sizeof(n))
		told = n;
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	while (read(done[0], &n, sizeof(n)) == sizeof(n))
		told = n;
	close(done[0]);
	assert_int_equal(look(*state, &file, &found), 0);
	assert_in_range(found.messages, told * 7, (told + 1) * 7);
	assert_int_equal(file.place.position,
			 first_place.position +
				 found.messages * (8 + sizeof(struct record_message)));
}

/* ---- what is not believed ---- */

static void test_attempts(void **state)
{
	struct checkpoint_file file;

	checkpoint_free(begin_committed(*state));
	for (int i = 0; i < 3; i++)
		assert_int_equal(checkpoint_look(*state, GENERATION, &file), 0);
	assert_int_equal(checkpoint_look(*state, GENERATION, &file), -ELOOP);
	assert_int_equal(checkpoint_look(*state, GENERATION, &file), -ENOENT);
	/* one that is written anew begins anew */
	checkpoint_free(begin_committed(*state));
	assert_int_equal(checkpoint_look(*state, GENERATION, &file), 0);
	checkpoint_free(begin_committed(*state));
	for (int i = 0; i < 3; i++)
		assert_int_equal(checkpoint_look(*state, GENERATION, &file), 0);
}

static void test_others(void **state)
{
	char path[256], aside[256], other[64];
	struct checkpoint_file file;

	assert_int_equal(checkpoint_look(*state, GENERATION, &file), -ENOENT);
	checkpoint_free(begin_committed(*state));
	snprintf(path, sizeof(path), "%s", state_path(*state, ""));
	snprintf(aside, sizeof(aside), "%s", file_path(*state, "x"));
	assert_int_equal(checkpoint_look(*state, GENERATION + 1, &file), -ENOENT);
	assert_int_equal(chmod(path, 0620), 0);
	assert_int_equal(checkpoint_look(*state, GENERATION, &file), -EPERM);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(symlink("x", path), 0);
	assert_int_equal(checkpoint_look(*state, GENERATION, &file), -EPERM);
	unlink(path);
	/* of other programs than its name says */
	snprintf(other, sizeof(other), "state-%016llx", GENERATION + 1);
	assert_int_equal(rename(aside, file_path(*state, other)), 0);
	assert_int_equal(checkpoint_look(*state, GENERATION + 1, &file), -EBADMSG);
}

struct marker {
	struct record_ring ring;
	int result;
};

static struct record_ring make_ring(uint64_t lineage, uint64_t generation, uint64_t position)
{
	return (struct record_ring){ .header = make_header(RECORD_RING, sizeof(struct record_ring)),
				     .lineage = lineage,
				     .generation = generation,
				     .position = position };
}

static void test_markers(void **state)
{
	const struct marker changes[] = {
		{ make_ring(LINEAGE, GENERATION, first_place.position), 0 },
		{ make_ring(LINEAGE, GENERATION, first_place.position + 8), 0 },
		{ make_ring(LINEAGE, GENERATION, first_place.position - 8), -EBADMSG },
		{ make_ring(LINEAGE, GENERATION + 1, first_place.position), -EBADMSG },
		{ make_ring(LINEAGE + 1, GENERATION, first_place.position), -EBADMSG },
	};
	struct checkpoint_file file;

	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct checkpoint *checkpoint = begin_committed(*state);

		assert_int_equal(checkpoint_append(checkpoint, &changes[i].ring.header), 0);
		checkpoint_free(checkpoint);
		assert_int_equal(checkpoint_look(*state, GENERATION, &file), changes[i].result);
		unlink(state_path(*state, ".1"));
	}
}

/* A newer daemon knew more types: who does not cannot tell where in the ring it ended. */
static void test_unknown(void **state)
{
	struct record_header unknown = make_header(RECORD_TYPE_MAX, sizeof(unknown));
	struct checkpoint *checkpoint = begin_committed(*state);
	struct checkpoint_file file;

	assert_int_equal(checkpoint_append(checkpoint, &unknown), 0);
	checkpoint_free(checkpoint);
	assert_int_equal(checkpoint_look(*state, GENERATION, &file), -EPROTONOSUPPORT);
}

/* ---- leftovers ---- */

static bool exists(const char *directory, uint64_t generation)
{
	char name[64];

	snprintf(name, sizeof(name), "state-%016llx", (unsigned long long)generation);
	return !access(file_path(directory, name), F_OK);
}

static void test_clean(void **state)
{
	struct checkpoint *open_one = begin_committed(*state);
	struct checkpoint_place other = first_place;
	struct checkpoint *checkpoint;

	other.generation = 1;
	assert_int_equal(checkpoint_new(*state, &other, false, &checkpoint), 0);
	assert_int_equal(checkpoint_commit(checkpoint), 0);
	checkpoint_free(checkpoint);
	file_write(file_path(*state, "history.db"), "x", 1);
	/* somebody has the first one open, and the second is to be kept */
	checkpoint_clean(*state, 1);
	assert_true(exists(*state, GENERATION));
	assert_true(exists(*state, 1));
	checkpoint_clean(*state, 2);
	assert_true(exists(*state, GENERATION));
	assert_false(exists(*state, 1));
	checkpoint_free(open_one);
	checkpoint_clean(*state, 2);
	assert_false(exists(*state, GENERATION));
	assert_int_equal(access(file_path(*state, "history.db"), F_OK), 0);
}

static void test_discard(void **state)
{
	checkpoint_discard(begin_committed(*state));
	assert_false(exists(*state, GENERATION));
	assert_null(checkpoint_discard(NULL));
	assert_null(checkpoint_free(NULL));
}

static void test_no_room(void **state)
{
	struct checkpoint *checkpoint;
	int fd;

	(void)state;
	assert_int_equal(checkpoint_new("/nonexistent", &first_place, false, &checkpoint), -ENOENT);
	/* as a full disk */
	checkpoint = begin_committed(*state);
	fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		struct record_range alloc = make_alloc(1, 1);

		assert_true(dup2(fd, *(int *)checkpoint) >= 0);
		assert_int_equal(checkpoint_append(checkpoint, &alloc.header), -ENOSPC);
		close(fd);
	}
	checkpoint_free(checkpoint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round),	 TEST(test_empty),	   TEST(test_based),
		TEST(test_half),	 TEST(test_apart),	   TEST(test_many),
		TEST(test_due),		 TEST(test_cut),	   TEST(test_killed),
		TEST(test_attempts),	 TEST(test_others),	   TEST(test_markers),
		TEST(test_unknown),	 TEST(test_clean),	   TEST(test_discard),
		TEST(test_no_room),	 TEST(test_bound),	   TEST(test_continue),
		TEST(test_continue_cut), TEST(test_continue_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
