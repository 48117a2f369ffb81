// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A daemon that ends while its history cannot be written: whoever comes next has every violation, each
 * counted once. State file, store and table are real; what is in the kernel, and what the rules make
 * of it, is not: each message is a finding about the index of its interrupt's number.
 */
#include "decode.h"
#include "killed.h"
#include "manager-private.h"
#include "probe.h"
#include "ring.h"
#include "snapshot.h"
#include "store-fixture.h"
#include "topology.h"

#define GENERATION 0x1234abcdULL

static const char *directory;
static uint64_t position; /* in the ring */
static bool adopted;

/* ---- instead of a kernel, its programs and clients ------------------------------------------- */

#define INSTEAD(type, name, value, ...)                                                            \
	type name(__VA_ARGS__)                                                                     \
	{                                                                                          \
		return value;                                                                      \
	}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
INSTEAD(int, ring_new, -ENOSYS, int fd, ring_batch_fn fn, void *userdata, struct ring **ret)
INSTEAD(struct ring *, ring_free, NULL, struct ring *ring)
INSTEAD(uint64_t, ring_position, position, const struct ring *ring)
INSTEAD(uint64_t, ring_waiting, 0, const struct ring *ring)
INSTEAD(size_t, ring_peek, 0, const struct ring *ring, uint64_t at, struct ring_record *r, size_t n)
INSTEAD(bool, ring_skip, (position = at) == at, struct ring *ring, uint64_t at)
INSTEAD(bool, probe_tracing, true, const struct probe *probe)
INSTEAD(bool, probe_can_walk, true, const struct probe *probe)
INSTEAD(bool, probe_adopted, adopted, const struct probe *probe)
INSTEAD(bool, probe_other, false, const struct probe *probe, struct probe_other *ret)
INSTEAD(uint64_t, probe_generation, GENERATION, const struct probe *probe)
INSTEAD(uint64_t, probe_since_ns, 0, const struct probe *probe)
INSTEAD(uint64_t, probe_dropped, 0, const struct probe *probe)
INSTEAD(uint64_t, probe_missed, 0, const struct probe *probe)
INSTEAD(const char *, probe_pinned, NULL, const struct probe *probe)
INSTEAD(const char *, probe_pin_reason, NULL, const struct probe *probe)
INSTEAD(int, probe_snapshot_fd, -EBADF, const struct probe *probe)
INSTEAD(void, probe_replace, , struct probe *probe)
INSTEAD(void, probe_describe, , const struct probe *probe, uint64_t now_ns, int64_t offset_ns,
	probe_emit_fn emit, void *userdata)
INSTEAD(int, snapshot_prime, 0, int fd, void (*drain)(void *userdata), void *userdata)
INSTEAD(int, topology_expect_device, 0, struct topology *t, const char *bus, const char *name)
INSTEAD(int, topology_expect_pmu, 0, struct topology *t, const char *name)
INSTEAD(bool, sink_varlink_wants, false, const struct sink_varlink *sink)
INSTEAD(void, sink_varlink_publish, , struct sink_varlink *sink, const struct sink_event *event)
INSTEAD(void, sink_varlink_batch_end, , struct sink_varlink *sink)
INSTEAD(uint64_t, manager_now_ns, 1, void)
INSTEAD(void, manager_feed, , const struct record_header *record, void *userdata)
INSTEAD(void, manager_feed_lost, , struct manager *m, uint64_t count, const char *reason)
INSTEAD(bool, manager_tell_lost, false, struct manager *m)
INSTEAD(void, manager_tell_untold, , struct manager *m)
INSTEAD(void, manager_drain, , void *userdata)
#pragma GCC diagnostic pop

bool manager_decode(struct manager *m, const void *data, size_t size, struct event *ret)
{
	(void)m;
	return decode(data, size, ret) >= 0;
}

/* As manager_on_change() and a rule */
void manager_on_event(struct manager *m, const struct event *event)
{
	struct violation v;

	if (event->header->type == RECORD_SNAPSHOT)
		model_apply(m->model, event);
	if (event->header->type != RECORD_MESSAGE || m->restart.restoring)
		return;
	m->restart.place.step++;
	m->change_us = store_time_us();
	v = make_violation(event->message->irq);
	v.finding.standing = false;
	manager_on_finding(&v.finding, m);
}

/* ---- a daemon -------------------------------------------------------------------------------- */

static struct manager *begin(void)
{
	struct sink_store_settings settings = store_settings(directory);
	struct model_limits limits = MODEL_LIMITS_DEFAULT;
	struct manager *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->probe = (void *)m;
	settings.absence_unknown = true;
	m->store = store_new(&settings);
	assert_int_equal(model_new(&limits, NULL, NULL, &m->model), 0);
	assert_int_equal(violations_new(16, &m->violations), 0);
	sink_store_restore(m->store, m->violations);
	manager_take_over(m);
	assert_non_null(m->restart.checkpoint);
	return m;
}

static void end(struct manager *m)
{
	sink_store_free(m->store);
	checkpoint_free(m->restart.checkpoint);
	model_free(m->model);
	violations_free(m->violations);
	free(m);
}

static void batch_end(struct manager *m)
{
	manager_sinks_batch_end(m);
	manager_log_tend(m);
}

/* A record of the ring */
static void happen(struct manager *m, uint32_t index)
{
	struct record_message message = make_message(index, ZEROS, MESSAGE(0x41));
	struct ring_record record = { .data = &message,
				      .size = sizeof(message),
				      .begin = position,
				      .end = position + sizeof(message) + 8 };

	manager_on_batch(&record, 1, m);
	position = record.end;
	batch_end(m);
}

static void walk_once(struct manager *m)
{
	struct record_snapshot phases[] = { make_snapshot(RECORD_SNAPSHOT_BEGIN, false),
					    make_snapshot(RECORD_SNAPSHOT_END, true) };
	struct event event;

	for (size_t i = 0; i < 2; i++) {
		assert_true(manager_decode(m, &phases[i], sizeof(phases[i]), &event));
		manager_on_event(m, &event);
	}
	assert_true(model_has_snapshot(m->model));
}

/* So much of what means nothing here is in the log. */
static void chat(struct manager *m, unsigned int bytes)
{
	struct record_name name = make_name(RECORD_NAME_BUS_TOKEN, 1, "x");

	for (unsigned int i = 0; i < bytes / sizeof(name); i++)
		manager_log_record(m, &name.header);
	batch_end(m);
}

static int64_t state_size(void)
{
	struct stat st;
	char name[64];

	snprintf(name, sizeof(name), "state-%016llx", GENERATION);
	return stat(file_path(directory, name), &st) < 0 ? -1 : st.st_size;
}

static sqlite3 *hold(const char *how)
{
	sqlite3 *other;

	assert_int_equal(sqlite3_open(file_path(directory, "history.db"), &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, how, NULL, NULL, NULL), SQLITE_OK);
	return other;
}

/* Nobody writes; nobody reads either. */
#define WRITER "BEGIN IMMEDIATE"
#define OWNER "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; PRAGMA user_version = 2; COMMIT"

static void killed(void (*story)(void))
{
	kill_within(story);
	adopted = true;
}

/* Each of the violations at the first @n places is there, once. */
static void expect_once(uint32_t n)
{
	struct manager *m = begin();
	struct violation_totals totals;
	struct violations *stored;

	batch_end(m);
	for (uint32_t i = 1; i <= n; i++) {
		struct violation v = make_violation(i);
		const struct violation *found = violations_find(m->violations, &v.finding);

		assert_non_null(found);
		assert_int_equal(found->count, 1);
	}
	violations_totals(m->violations, &totals);
	assert_int_equal(totals.n_open, n);
	assert_int_equal(violations_new(16, &stored), 0);
	assert_int_equal(sink_store_restore(m->store, stored), n);
	violations_free(stored);
	end(m);
}

/* ---- stories --------------------------------------------------------------------------------- */

static void first(void)
{
	struct manager *m = begin();

	happen(m, 1);
	happen(m, 2);
}

static void find_third(void)
{
	happen(begin(), 3);
}

static void find_fourth(void)
{
	struct manager *m = begin();

	happen(m, 4);
	walk_once(m);
	chat(m, 6 << 20);
}

static void stay(void)
{
	begin();
}

/* Again and again: none of them can write the history. */
static void run_held(const char *how)
{
	sqlite3 *other;

	killed(first);
	other = hold(how);
	killed(find_third);
	killed(find_fourth);
	killed(stay);
	sqlite3_close(other);
	expect_once(4);
	/* now it is in the history, and is not told any more */
	expect_once(4);
}

static void test_nobody_writes(void **state)
{
	(void)state;
	run_held(WRITER);
}

static void test_nobody_reads(void **state)
{
	(void)state;
	run_held(OWNER);
}

/* The one that can write again begins anew as soon as it is worth it. */
static void test_well_again(void **state)
{
	struct manager *m;
	sqlite3 *other;

	(void)state;
	killed(first);
	other = hold(WRITER);
	killed(find_third);
	m = begin();
	walk_once(m);
	chat(m, 5 << 20);
	assert_true(state_size() > 5 << 20);
	sqlite3_close(other);
	wait_for_recovery(m->store);
	batch_end(m);
	assert_in_range(state_size(), 1, 1 << 16);
	end(m);
	expect_once(3);
}

/* It does not wait for ever: /run is memory. */
static void test_bound(void **state)
{
	struct manager *m;
	sqlite3 *other;

	(void)state;
	killed(first);
	other = hold(WRITER);
	m = begin();
	walk_once(m);
	happen(m, 3);
	chat(m, 31 << 20);
	assert_true(state_size() > 31 << 20);
	chat(m, 2 << 20);
	assert_in_range(state_size(), 1, 1 << 16);
	assert_int_equal(m->restart.error, 0);
	sqlite3_close(other);
	end(m);
	expect_once(3);
}

/* No walk is ever complete: there is no model that a new file could begin with. */
static void test_no_walk(void **state)
{
	struct manager *m;
	json_t *json;

	(void)state;
	m = begin();
	said_forget();
	for (int i = 0; i < 80; i++)
		chat(m, 1 << 20);
	expect_said("cannot keep the state there");
	assert_int_equal(state_size(), -1);
	json = manager_restart_to_json(m);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "pinned_reason")),
			    "the state cannot be kept: File too large");
	json_decref(json);
	/* all else goes on */
	happen(m, 1);
	end(m);
}

/* ---- */

static int set_up(void **state)
{
	int r = store_setup(state);

	directory = *state;
	position = 4096;
	adopted = false;
	setenv("RUNTIME_DIRECTORY", directory, 1);
	return r;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, directory_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_nobody_writes), TEST(test_nobody_reads), TEST(test_well_again),
		TEST(test_bound),	  TEST(test_no_walk),
	};

	unsetenv("JOURNAL_STREAM");
	unsetenv("STATE_DIRECTORY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
