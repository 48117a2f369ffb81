// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Records are lost: what is told as lost, what did not come proves nothing until a walk has put it
 * right, and what the next daemon makes of it. The daemon's own sources, with a kernel made by hand.
 */
#include "records.h"

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "manager-private.h"
#include "probe.h"
#include "snapshot.h"
#include "topology.h"

#define NVME "0000:01:00.0"
#define IRQ 30
#define SECOND 1000000000ULL

/* ---- The kernel ----------------------------------------------------------------------------- */

static struct {
	uint64_t dropped, missed, guard; /* what found no room, and runs that were left out */
	struct {
		_Alignas(8) unsigned char bytes[1024];
	} ring[8];
	uint64_t written, read;
	bool handler; /* on the one interrupt that there is */
	bool gone; /* that interrupt */
	bool complete; /* its walks are */
	bool hidden; /* its tables are: there are no walks */
	unsigned int walks;
	int error; /* of sysfs */
} kernel;

static uint64_t fake_dropped(const struct probe *probe)
{
	(void)probe;
	return kernel.dropped;
}

static uint64_t fake_missed(const struct probe *probe)
{
	(void)probe;
	return kernel.missed;
}

static uint64_t fake_guard_lost(const struct manager *m)
{
	(void)m;
	return kernel.guard;
}

static bool fake_yes(const struct probe *probe)
{
	(void)probe;
	return true;
}

static bool fake_can_walk(const struct probe *probe)
{
	(void)probe;
	return !kernel.hidden;
}

static uint64_t fake_ring_end(const struct ring *ring)
{
	(void)ring;
	return kernel.written;
}

static uint64_t fake_ring_position(const struct ring *ring)
{
	(void)ring;
	return kernel.read;
}

/* Nothing of it is kept, and nobody listens. */
static void fake_on_event(struct manager *m, const struct event *event)
{
	model_apply(m->model, event);
}

static void fake_varlink_publish(struct sink_varlink *sink, const struct sink_event *event)
{
	(void)sink;
	(void)event;
}

static void fake_batch_end(struct sink_varlink *sink)
{
	(void)sink;
}

static void fake_guard_batch_end(struct manager *m)
{
	(void)m;
}

static void fake_feed(const struct record_header *record, void *userdata);
static bool fake_ring_drain(struct ring *ring);
static int fake_walk(int fd, void (*drain)(void *userdata), void *userdata, bool *ret_complete);
static int fake_sysfs(struct topology *topology, uint64_t now_ns);

#define probe_dropped fake_dropped
#define probe_missed fake_missed
#define probe_tracing fake_yes
#define probe_can_walk fake_can_walk
#define probe_snapshot_fd(probe) ((void)(probe), -1)
#define ring_end fake_ring_end
#define ring_position fake_ring_position
#define ring_drain fake_ring_drain
#define snapshot_run fake_walk
#define topology_read_irqs fake_sysfs
#define manager_guard_lost fake_guard_lost
#define manager_guard_batch_end fake_guard_batch_end
#define manager_feed fake_feed
#define manager_on_event fake_on_event
#define sink_varlink_publish fake_varlink_publish
#define sink_varlink_batch_end fake_batch_end
#include "../../daemon/manager-sink.c"
#include "../../daemon/manager-source.c"
#include "../../daemon/manager-restart.c"

static struct config config;
static struct manager manager, *const m = &manager;

static void fake_feed(const struct record_header *record, void *userdata)
{
	struct event event;

	assert_true(decode(record, record->size, &event) > 0);
	manager_log_record(userdata, record);
	fake_on_event(userdata, &event);
}

static bool fake_ring_drain(struct ring *ring)
{
	(void)ring;
	fake_feed((void *)kernel.ring[kernel.read++].bytes, m);
	return false;
}

#define feed(record)                                                                               \
	({                                                                                         \
		__typeof__(record) _record = (record);                                             \
		fake_feed((void *)&_record, m);                                                    \
	})

static int fake_walk(int fd, void (*drain)(void *userdata), void *userdata, bool *ret_complete)
{
	struct record_action action = make_action(RECORD_REASON_SNAPSHOT, IRQ, 7, "pmu");

	(void)fd;
	kernel.walks++;
	if (kernel.hidden)
		return *ret_complete = false;
	feed(make_vector(RECORD_REASON_SNAPSHOT, IRQ, NVME));
	action.device = make_dev("pmu_mem0.0", "cxl", "cxl_pmu");
	if (kernel.handler)
		feed(action);
	drain(userdata);
	*ret_complete = kernel.complete;
	return 0;
}

static int fake_sysfs(struct topology *topology, uint64_t now_ns)
{
	struct record_sysfs_irq irq = make_sysfs_irq(IRQ, kernel.handler ? "pmu" : "");

	(void)topology;
	(void)now_ns;
	if (!kernel.gone)
		feed(irq);
	return kernel.error;
}

/* It waits in the ring. */
static void happens(const void *record, size_t size)
{
	assert_true(kernel.written < sizeof(kernel.ring) / sizeof(*kernel.ring));
	assert_true(size <= sizeof(kernel.ring->bytes));
	memcpy(kernel.ring[kernel.written++].bytes, record, size);
}

/* The provider gives back the interrupt, as drivers do: after its handler. */
static void freed(void)
{
	struct record_range gone = make_free(IRQ, 1);

	happens(&gone, sizeof(gone));
}

/* ---- The daemon ----------------------------------------------------------------------------- */

static void on_change(const struct change *change, void *userdata)
{
	(void)userdata;
	rule_eval(&m->rules, m->model, change, manager_on_finding, m);
}

static uint64_t hits(enum rule_id rule)
{
	struct violation_totals totals;

	violations_totals(m->violations, &totals);
	return totals.hits[rule];
}

static uint64_t told_lost(const char *reason)
{
	const char *name;
	uint64_t count;

	for (uint32_t i = 0; model_lost(m->model, i, &name, &count); i++)
		if (!strcmp(name, reason))
			return count;
	return 0;
}

static int setup(void **state)
{
	struct model_limits limits = MODEL_LIMITS_DEFAULT;

	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	kernel.handler = kernel.complete = true;
	memset(m, 0, sizeof(*m));
	m->config = &config;
	m->probe = (void *)m;
	m->ring = (void *)m;
	assert_int_equal(model_new(&limits, on_change, NULL, &m->model), 0);
	assert_int_equal(violations_new(16, &m->violations), 0);
	feed(make_base(RECORD_MODE_TRACING));
	manager_walk(m);
	assert_non_null(model_vector(m->model, IRQ));
	assert_non_null(model_vector(m->model, IRQ)->actions);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	m->restart.checkpoint = checkpoint_free(m->restart.checkpoint);
	violations_free(m->violations);
	model_free(m->model);
	return 0;
}

/* ---- What did not come ----------------------------------------------------------------------- */

/* Nothing is lost: a handler that is still there is one. */
static void test_proof(void **state)
{
	(void)state;
	freed();
	manager_drain(m);
	manager_resync(m);
	assert_int_equal(hits(RULE_VECTOR_OUTLIVES_PROVIDER), 1);
	assert_int_equal(m->doubtful, 0);
	assert_int_equal(kernel.walks, 1);
}

/* The handler's end found no room in the ring; what comes behind it is read by the walk itself. */
static void test_told_before_the_walk(void **state)
{
	(void)state;
	kernel.handler = false;
	kernel.dropped = 1;
	manager_drain(m);
	assert_true(manager_tell_lost(m));
	freed();
	manager_walk(m);
	assert_int_equal(hits(RULE_VECTOR_OUTLIVES_PROVIDER), 0);
	assert_int_equal(m->doubtful, 1);
	assert_int_equal(told_lost(LOST_DROPPED), 1);
	/* it has put right what was wrong: from here on it is proof again */
	kernel.handler = true;
	manager_walk(m);
	freed();
	manager_drain(m);
	assert_int_equal(hits(RULE_VECTOR_OUTLIVES_PROVIDER), 1);
}

/* After a walk that took long the next one comes after a pause. */
static void test_told_long_before(void **state)
{
	(void)state;
	kernel.handler = false;
	kernel.missed = 1;
	m->missed_asked_ns = 0;
	m->walk_took_ns = 3600 * SECOND;
	manager_resync(m);
	assert_int_equal(kernel.walks, 1);
	assert_int_equal(told_lost(LOST_MISSED), 1);
	freed();
	manager_drain(m);
	assert_int_equal(hits(RULE_VECTOR_OUTLIVES_PROVIDER), 0);
	assert_int_equal(m->doubtful, 1);
}

/* Where no walk is ever complete, they have seen what there is to be seen. */
static void test_never_complete(void **state)
{
	(void)state;
	kernel.complete = false;
	kernel.dropped = 1;
	assert_true(manager_tell_lost(m));
	for (unsigned int i = 0; i < 2; i++) {
		manager_walk(m);
		assert_true(manager_is_losing(m));
	}
	manager_walk(m);
	assert_false(manager_is_losing(m));
	freed();
	manager_drain(m);
	assert_int_equal(hits(RULE_VECTOR_OUTLIVES_PROVIDER), 1);
}

/* ---- Where the walk is refused ---------------------------------------------------------------- */

static void requested(void)
{
	struct record_action action = make_action(RECORD_REASON_REQUESTED, IRQ, 7, "pmu");

	action.device = make_dev("pmu_mem0.0", "cxl", "cxl_pmu");
	feed(make_vector(RECORD_REASON_ALLOCATED, IRQ, NVME));
	feed(action);
}

/* Sysfs tells of all interrupts, and hooks of the rest. */
static void test_hidden(void **state)
{
	struct model_totals totals;

	(void)state;
	kernel.hidden = true;
	m->model = model_free(m->model);
	assert_int_equal(model_new(&MODEL_LIMITS_DEFAULT, on_change, NULL, &m->model), 0);
	feed(make_base(RECORD_MODE_TRACING));
	kernel.error = -EACCES;
	manager_walk(m);
	assert_false(model_has_snapshot(m->model));
	kernel.error = 0;
	manager_walk(m);
	assert_true(model_has_snapshot(m->model));
	requested();
	feed(make_domain(RECORD_REASON_CREATED, 0x900, "hooked"));
	manager_walk(m);
	assert_non_null(model_domain(m->model, 0x900));
	assert_non_null(model_vector(m->model, IRQ));
	/* its release is lost */
	kernel.gone = true;
	kernel.dropped = 1;
	assert_true(manager_tell_lost(m));
	manager_walk(m);
	assert_false(manager_is_losing(m));
	assert_null(model_vector(m->model, IRQ));
	assert_non_null(model_domain(m->model, 0x900));
	model_totals(m->model, &totals);
	assert_int_equal(totals.corrections[CORRECTION_VECTOR_VANISHED], 1);
	assert_int_equal(totals.corrections[CORRECTION_DOMAIN_VANISHED], 0);
}

/* It does not tell which handler has gone: one from before the loss proves nothing, a new one does. */
static void test_hidden_handler(void **state)
{
	(void)state;
	kernel.hidden = true;
	kernel.handler = false;
	kernel.dropped = 1;
	assert_true(manager_tell_lost(m));
	manager_walk(m);
	assert_false(manager_is_losing(m));
	freed();
	manager_drain(m);
	assert_int_equal(hits(RULE_VECTOR_OUTLIVES_PROVIDER), 0);
	assert_int_equal(m->doubtful, 1);
	requested();
	freed();
	manager_drain(m);
	assert_int_equal(hits(RULE_VECTOR_OUTLIVES_PROVIDER), 1);
}

/* ---- The model ------------------------------------------------------------------------------- */

/* Only a complete walk that began afterwards puts it right; the next daemon knows. */
static void test_unrepaired(void **state)
{
	_cleanup_world_ struct world *w = world_listening();

	(void)state;
	assert_false(model_is_unrepaired(w->model));
	tell(w, make_lost(1, "ring-full"));
	assert_true(model_is_unrepaired(w->model));
	world_restart(w);
	assert_true(model_is_unrepaired(w->model));
	walk_begin(w);
	assert_true(model_is_unrepaired(w->model));
	walk_end(w, true);
	assert_false(model_is_unrepaired(w->model));
	world_restart(w);
	assert_false(model_is_unrepaired(w->model));
	/* one that was under way */
	walk_begin(w);
	tell(w, make_lost(1, "program-missed"));
	walk_end(w, true);
	assert_true(model_is_unrepaired(w->model));
	/* and one that was cut short */
	walk_begin(w);
	walk_end(w, false);
	assert_true(model_is_unrepaired(w->model));
	walk_begin(w);
	walk_end(w, true);
	assert_false(model_is_unrepaired(w->model));
	/* losses that go on begin anew each time; where no walk is ever complete it ends nevertheless */
	for (unsigned int i = 0; i < 4 * REPAIR_WALKS; i++) {
		tell(w, make_lost(1, "ring-full"));
		walk_begin(w);
		walk_end(w, false);
		assert_true(model_is_unrepaired(w->model));
	}
	for (unsigned int i = 1; i < REPAIR_WALKS; i++) {
		assert_true(model_is_unrepaired(w->model));
		walk_begin(w);
		walk_end(w, false);
	}
	assert_false(model_is_unrepaired(w->model));
}

/* ---- What the guard lost --------------------------------------------------------------------- */

static void test_guard(void **state)
{
	(void)state;
	kernel.guard = 3;
	assert_false(manager_tell_lost(m));
	assert_int_equal(told_lost("guard-ring-full"), 3);
	assert_int_equal(told_lost(LOST_DROPPED), 0);
	/* nothing but what it denied is missing */
	assert_false(manager_is_losing(m));
	assert_false(manager_tell_lost(m));
	assert_int_equal(told_lost("guard-ring-full"), 3);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* What one daemon told as lost is in its state file, behind the last record of the ring. */
static void restarted(const char *reason, uint64_t count, void (*lose)(void))
{
	char directory[] = "/tmp/cxlirqd-loss-XXXXXX";
	struct checkpoint_place place = { .lineage = 7, .generation = 9 };
	struct record_cpu cpu = make_cpu(1, true);
	struct checkpoint_record last = { &cpu.header, 0 };
	struct record_lost lost = make_lost(count, reason);
	struct checkpoint_file file;

	assert_non_null(mkdtemp(directory));
	m->restart.place = place;
	assert_int_equal(checkpoint_new(directory, &place, false, &m->restart.checkpoint), 0);
	assert_int_equal(checkpoint_commit(m->restart.checkpoint), 0);
	manager_log_ring(m, &last, 1);
	if (lose)
		lose();
	else
		manager_log_record(m, &lost.header);
	m->restart.checkpoint = checkpoint_free(m->restart.checkpoint);
	m->dropped = m->missed = 0;
	assert_int_equal(checkpoint_look(directory, 9, &file), 0);
	m->restart.told = UINT64_MAX;
	assert_int_equal(checkpoint_read(&file, on_replayed, m), 0);
	m->restart.told = 0;
	nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void guard_loses(void)
{
	kernel.guard = 3;
	assert_false(manager_tell_lost(m));
}

static void programs_lose(void)
{
	kernel.dropped = 5;
	assert_true(manager_tell_lost(m));
}

static void test_restart_guard(void **state)
{
	(void)state;
	restarted(NULL, 0, guard_loses);
	assert_int_equal(m->dropped, 0);
	assert_false(manager_tell_lost(m));
	assert_int_equal(told_lost(LOST_DROPPED), 0);
}

static void test_restart(void **state)
{
	(void)state;
	restarted(NULL, 0, programs_lose);
	assert_int_equal(m->dropped, 5);
	assert_false(manager_tell_lost(m));
	assert_true(manager_is_losing(m));
}

/* An older daemon said "ring-full" for the guard, too. */
static void test_restart_older(void **state)
{
	(void)state;
	restarted(LOST_DROPPED, 3, NULL);
	assert_int_equal(m->dropped, 3);
	assert_int_equal(told_lost(LOST_DROPPED), 3);
	assert_false(manager_tell_lost(m));
	assert_int_equal(told_lost(LOST_DROPPED), 3);
	kernel.dropped = 1;
	assert_true(manager_tell_lost(m));
	assert_int_equal(told_lost(LOST_DROPPED), 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_proof),
		TEST(test_told_before_the_walk),
		TEST(test_told_long_before),
		TEST(test_never_complete),
		TEST(test_hidden),
		TEST(test_hidden_handler),
		TEST(test_guard),
		cmocka_unit_test(test_unrepaired),
		TEST(test_restart_guard),
		TEST(test_restart),
		TEST(test_restart_older),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
