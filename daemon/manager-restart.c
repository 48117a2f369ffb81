// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From one daemon to the next. Where programs are pinned, they go on while no daemon runs, and what
 * they tell waits in their ring. For the next daemon to make of it what this one would have made, it
 * has to have the same model: so every record is appended to a state file before it is applied, and
 * taken out of the ring after that (checkpoint.h). A model is what its records made of it, whoever
 * applies them: how the daemon before ended makes no difference.
 *
 * Changes are counted. The history says up to which change it is complete, for it stores that with
 * the events themselves: of what is applied once more, only the events behind that are told.
 */
#include "manager-private.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/json.h>
#include <cxlirqd/state.h>

#include "decode.h"
#include "log.h"
#include "probe.h"
#include "ring.h"
#include "snapshot.h"
#include "takeover.h"
#include "topology.h"

#define DIRECTORY "/run/cxlirqd"
#define DIRECTORY_MAX 256

DEFINE_CLEANUP(struct ring *, ring_free);

/* ---- what is left to the next daemon ------------------------------------------------------- */

/* Where systemd says, for that is kept as long as the unit is restarted. */
static const char *state_directory(char buffer[static DIRECTORY_MAX])
{
	const char *run = getenv("RUNTIME_DIRECTORY");

	if (!run || *run != '/')
		run = DIRECTORY;
	snprintf(buffer, DIRECTORY_MAX, "%.*s", (int)strcspn(run, ":"), run);
	return buffer;
}

static void manager_state_failed(struct manager *m, int error)
{
	char buffer[DIRECTORY_MAX];

	log_warning("%s: cannot keep the state there, what happens while the daemon restarts will "
		    "be missed: %s",
		    state_directory(buffer), strerror(-error));
	m->restart.checkpoint = checkpoint_discard(m->restart.checkpoint);
	m->restart.error = error;
}

struct saving {
	struct checkpoint *checkpoint;
	int error;
};

static void save_record(const struct record_header *record, void *userdata)
{
	struct saving *saving = userdata;

	if (saving->error >= 0)
		saving->error = checkpoint_append(saving->checkpoint, record);
}

static void manager_update_place(struct manager *m)
{
	m->restart.place.dropped = m->dropped;
	m->restart.place.missed = m->missed;
}

static int manager_write_state(struct manager *m, bool based, struct checkpoint **ret)
{
	_cleanup_(checkpoint_freep) struct checkpoint *checkpoint = NULL;
	struct saving saving = {};
	char buffer[DIRECTORY_MAX];
	int r;

	manager_update_place(m);
	r = checkpoint_new(state_directory(buffer), &m->restart.place, based, &checkpoint);
	if (r < 0)
		return r;
	saving.checkpoint = checkpoint;
	if (based) {
		probe_describe(m->probe, manager_now_ns(), m->realtime_offset_ns, save_record,
			       &saving);
		r = model_save(m->model, manager_now_ns(), save_record, &saving);
	}
	if (r >= 0)
		r = saving.error;
	if (r >= 0)
		r = checkpoint_commit(checkpoint);
	if (r >= 0)
		*ret = TAKE_PTR(checkpoint);
	return r;
}

/*
 * The records as they are, to be told again by whoever comes next: the history has not got all that
 * they gave rise to.
 */
static int manager_copy_state(struct manager *m, struct checkpoint **ret)
{
	_cleanup_(checkpoint_freep) struct checkpoint *checkpoint = NULL;
	char buffer[DIRECTORY_MAX];
	int r;

	manager_update_place(m);
	r = checkpoint_continue(state_directory(buffer), &m->restart.place, &m->restart.former,
				&checkpoint);
	if (r >= 0 && checkpoint_is_long(checkpoint))
		r = -EFBIG;
	if (r >= 0)
		r = checkpoint_commit(checkpoint);
	if (r >= 0)
		*ret = TAKE_PTR(checkpoint);
	return r;
}

/*
 * Who starts with the model alone tells nothing of what made it: the history has to have all of it
 * before.
 */
static bool manager_is_told(struct manager *m)
{
	manager_sinks_batch_end(m);
	return !m->store || !sink_store_is_behind(m->store);
}

/* A new file, of the model as it is (@based), or of one that nothing has been applied to */
static void manager_begin_state(struct manager *m, bool based)
{
	struct checkpoint *checkpoint = NULL;
	bool told = manager_is_told(m);
	int r = -ENOENT;

	/* positions in another ring say nothing of this one */
	if (based && !told && m->restart.former.place.generation == m->restart.place.generation)
		r = manager_copy_state(m, &checkpoint);
	if (r < 0)
		r = manager_write_state(m, based, &checkpoint);
	if (r < 0) {
		manager_state_failed(m, r);
		return;
	}
	checkpoint_free(m->restart.checkpoint);
	m->restart.checkpoint = checkpoint;
	m->restart.error = 0;
}

void manager_log_record(struct manager *m, const struct record_header *record)
{
	int r;

	if (!m->restart.checkpoint)
		return;
	r = checkpoint_append(m->restart.checkpoint, record);
	if (r < 0)
		manager_state_failed(m, r);
}

static void manager_log_ring(struct manager *m, const struct checkpoint_record *records, size_t n)
{
	int r;

	if (!m->restart.checkpoint || !n)
		return;
	manager_update_place(m);
	r = checkpoint_append_ring(m->restart.checkpoint, &m->restart.place, records, n);
	if (r < 0)
		manager_state_failed(m, r);
}

void manager_on_batch(const struct ring_record *records, size_t n, void *userdata)
{
	struct checkpoint_record sound[RING_BATCH];
	struct manager *m = userdata;
	struct event event;
	size_t n_sound = 0;

	for (size_t i = 0; i < n; i++) {
		if (manager_decode(m, records[i].data, records[i].size, &event))
			sound[n_sound++] =
				(struct checkpoint_record){ event.header, records[i].begin };
	}
	manager_log_ring(m, sound, n_sound);
	for (size_t i = 0; i < n_sound; i++) {
		event.header = sound[i].header;
		manager_on_event(m, &event);
	}
}

/*
 * The model instead of all that made it, once that is longer. While the disk is full it goes on
 * growing instead, as far as it may.
 */
void manager_log_tend(struct manager *m)
{
	if (!m->restart.checkpoint || !checkpoint_is_due(m->restart.checkpoint) ||
	    model_is_walking(m->model) || !model_has_snapshot(m->model))
		return;
	if (!checkpoint_is_long(m->restart.checkpoint) && !manager_is_told(m))
		return;
	m->restart.place.position = ring_position(m->ring);
	manager_begin_state(m, true);
}

uint64_t manager_position(const struct manager *m, unsigned int part)
{
	return m->restart.place.step << 8 | part;
}

bool manager_was_told(const struct manager *m, unsigned int part)
{
	return manager_position(m, part) <= m->restart.told;
}

/* ---- what another daemon has left ------------------------------------------------------------ */

static void manager_replay_marker(struct manager *m, const struct record_ring *r)
{
	if (!m->restart.replaying)
		m->restart.restoring = r->based;
	m->restart.replaying = true;
	m->restart.place.step = r->step;
	m->dropped = r->dropped;
	m->missed = r->missed;
}

static void on_replayed(const struct record_header *record, void *userdata)
{
	struct event event = { .header = record };
	struct manager *m = userdata;

	if (record->type == RECORD_RING)
		return manager_replay_marker(m, (const struct record_ring *)record);
	/* which the marker before it does not know */
	if (record->type == RECORD_LOST && !strcmp(event.lost->reason, LOST_DROPPED))
		m->dropped += event.lost->count;
	if (record->type == RECORD_LOST && !strcmp(event.lost->reason, LOST_MISSED))
		m->missed += event.lost->count;
	if (!m->restart.restoring)
		m->restart.replayed++;
	manager_on_event(m, &event);
	if (record->type == RECORD_STATE_MODEL)
		m->restart.restoring = false;
}

static void manager_describe(struct manager *m)
{
	probe_describe(m->probe, manager_now_ns(), m->realtime_offset_ns, manager_feed, m);
}

static uint64_t manager_told(struct manager *m)
{
	return m->store ? sink_store_begin_lineage(m->store, m->restart.place.lineage) : UINT64_MAX;
}

/* Gives the model of the daemon that read @ring before. False: it is not known; told why. */
static bool manager_restore(struct manager *m, uint64_t generation, struct ring *ring)
{
	struct checkpoint_file file;
	char buffer[DIRECTORY_MAX];
	int r = checkpoint_look(state_directory(buffer), generation, &file);

	/* not where the ring was read up to: somebody else did, or it was not written any more */
	if (r >= 0 && !ring_skip(ring, file.place.position))
		r = -ESTALE;
	if (r < 0) {
		log_warning("%s: the state of the daemon before cannot be used: %s", buffer,
			    strerror(-r));
		return false;
	}
	m->restart.place = file.place;
	m->restart.former = file;
	m->restart.told = manager_told(m);
	r = checkpoint_read(&file, on_replayed, m);
	if (r < 0)
		log_error("%s: %s", file.path, strerror(-r));
	m->restart.replaying = m->restart.restoring = false;
	m->restart.place.position = file.place.position;
	/* without a store everything that was applied counts as told */
	if (m->restart.told == UINT64_MAX)
		m->restart.told = 0;
	return r >= 0;
}

/* What waits in @ring cannot be judged, for nobody knows what was before. */
static void manager_give_up(struct manager *m, struct ring *ring, const char *reason)
{
	struct ring_record last[RING_BATCH];
	uint64_t waiting = ring_waiting(ring);
	size_t n;

	while ((n = ring_peek(ring, ring_position(ring), last, RING_BATCH)))
		ring_skip(ring, last[n - 1].end);
	m->restart.waiting = m->restart.lost = waiting;
	if (waiting)
		manager_feed_lost(m, waiting, reason);
}

/* ---- other programs than before -------------------------------------------------------------- */

struct overlap {
	struct ring_record *records;
	struct takeover_record *judged;
	size_t n;
};

static void overlap_done(struct overlap *o)
{
	free(o->records);
	free(o->judged);
}

static int overlap_read(struct ring *ring, struct overlap *o)
{
	size_t n = ring_waiting(ring);
	struct event event;

	o->records = calloc(n + 1, sizeof(*o->records));
	o->judged = calloc(n + 1, sizeof(*o->judged));
	if (!o->records || !o->judged)
		return -ENOMEM;
	o->n = ring_peek(ring, ring_position(ring), o->records, n);
	for (size_t i = 0; i < o->n; i++)
		if (decode(o->records[i].data, o->records[i].size, &event) >= 0)
			o->judged[i].header = event.header;
	return 0;
}

/* Hands on what is kept, and takes all of it out. */
static void overlap_feed(struct manager *m, struct ring *ring, const struct overlap *o)
{
	for (size_t i = 0; i < o->n; i++) {
		if (o->judged[i].keep)
			manager_on_batch(&o->records[i], 1, m);
		ring_skip(ring, o->records[i].end);
	}
}

static void drop_all(void *userdata)
{
	struct ring_record records[RING_BATCH];
	struct ring *ring = userdata;
	size_t n;

	while ((n = ring_peek(ring, ring_position(ring), records, RING_BATCH)))
		ring_skip(ring, records[n - 1].end);
}

/* Every hook that runs now has ended when this returns. */
static void wait_for_hooks(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

static void manager_lost_by(struct manager *m, const struct probe_other *other)
{
	m->restart.lost = other->dropped > m->dropped ? other->dropped - m->dropped : 0;
	if (m->restart.lost)
		manager_feed_lost(m, m->restart.lost, LOST_DROPPED);
}

/*
 * Both sets of programs tell. The new ones are shown the doorbells that there are first, for they
 * know of none; what they tell meanwhile, the older ones tell as well.
 */
static int manager_cut(struct manager *m, struct ring *former)
{
	struct overlap older = {}, newer = {};
	struct probe_other other = {};
	uint64_t cut_ns;
	int r;

	snapshot_prime(probe_snapshot_fd(m->probe), drop_all, m->ring);
	wait_for_hooks();
	cut_ns = manager_now_ns();
	/* what finds no room from now on is told by the new ones */
	probe_other(m->probe, &other);
	wait_for_hooks();
	r = overlap_read(former, &older);
	if (r >= 0)
		r = overlap_read(m->ring, &newer);
	if (r >= 0) {
		takeover_cut(older.judged, older.n, newer.judged, newer.n, cut_ns);
		m->restart.waiting = older.n;
		overlap_feed(m, former, &older);
		manager_lost_by(m, &other);
		/* from here on it is the other ring's positions that count */
		m->restart.checkpoint = checkpoint_free(m->restart.checkpoint);
		overlap_feed(m, m->ring, &newer);
	}
	overlap_done(&older);
	overlap_done(&newer);
	return r;
}

/* The older programs' records to the last one, then these programs'. */
static bool manager_succeed(struct manager *m, const struct probe_other *other)
{
	_cleanup_(ring_freep) struct ring *former = NULL;
	bool known;

	if (other->ring_fd < 0 || ring_new(other->ring_fd, manager_on_batch, m, &former) < 0)
		return false;
	if (other->record_version != RECORD_VERSION) {
		manager_give_up(m, former, "version-skew");
		return false;
	}
	known = manager_restore(m, other->generation, former);
	if (!known) {
		manager_give_up(m, former, "state-lost");
		return false;
	}
	manager_begin_state(m, true);
	if (manager_cut(m, former) < 0)
		log_warning("no memory for the records of the programs before, some may be told "
			    "twice");
	return true;
}

/* ---- the start ------------------------------------------------------------------------------- */

/* Whether this daemon now knows all that the one before knew. */
static bool manager_resume(struct manager *m)
{
	struct probe_other other;
	bool replaced = probe_other(m->probe, &other);

	if (!replaced && !probe_adopted(m->probe))
		return false;
	manager_describe(m);
	if (replaced)
		return manager_succeed(m, &other);
	if (!manager_restore(m, probe_generation(m->probe), m->ring)) {
		manager_give_up(m, m->ring, "state-lost");
		return false;
	}
	m->restart.waiting = ring_waiting(m->ring);
	return true;
}

static void manager_new_lineage(struct manager *m)
{
	uint64_t lineage = 0;

	if (getrandom(&lineage, sizeof(lineage), 0) != sizeof(lineage) || !lineage)
		lineage = manager_now_ns();
	m->restart.place = (struct checkpoint_place){ .lineage = lineage };
	m->restart.told = 0;
	if (!m->store)
		return;
	sink_store_begin_lineage(m->store, lineage);
	sink_store_tell_absence(m->store);
}

/* What this daemon has told as lost so far, of the programs that it goes on with */
static void manager_count_losses(struct manager *m)
{
	struct probe_other other;

	if (probe_adopted(m->probe) && m->restart.known)
		return;
	m->dropped = m->missed = 0;
	/* of before, and nobody knows what was told of it */
	if (probe_adopted(m->probe) && !probe_other(m->probe, &other)) {
		m->dropped = probe_dropped(m->probe);
		m->missed = probe_missed(m->probe);
	}
}

static void manager_keep_state(struct manager *m)
{
	char buffer[DIRECTORY_MAX];

	/* where the walk is refused, what sysfs tells is all there is, and is read again */
	if (!probe_generation(m->probe) || !probe_can_walk(m->probe))
		return;
	m->restart.place.generation = probe_generation(m->probe);
	m->restart.place.position = ring_position(m->ring);
	mkdir(state_directory(buffer), 0755);
	manager_begin_state(m, m->restart.known);
	/* it is in the new one, or of no use any more */
	m->restart.former = (struct checkpoint_file){};
	checkpoint_clean(buffer, m->restart.place.generation);
}

void manager_take_over(struct manager *m)
{
	uint64_t dropped;

	m->restart.known = probe_tracing(m->probe) && manager_resume(m);
	if (!m->restart.known)
		manager_new_lineage(m);
	if (!probe_tracing(m->probe))
		return;
	manager_count_losses(m);
	manager_keep_state(m);
	probe_replace(m->probe);
	if (!m->restart.known)
		return;
	manager_drain(m);
	dropped = probe_dropped(m->probe);
	m->restart.lost += dropped > m->dropped ? dropped - m->dropped : 0;
	manager_tell_lost(m);
	log_info("went on where the daemon before ended: %llu records again, %llu that waited",
		 (unsigned long long)m->restart.replayed, (unsigned long long)m->restart.waiting);
}

/* ---- what is gone from sysfs meanwhile ------------------------------------------------------- */

void manager_expect(struct manager *m)
{
	if (!m->restart.known)
		return;
	for (const struct device *d = model_devices(m->model); d; d = d->hh.next)
		topology_expect_device(m->topology, d->bus, d->name);
	for (const struct pmu *p = model_pmus(m->model); p; p = p->hh.next)
		topology_expect_pmu(m->topology, p->name);
}

/* ---- for the socket ------------------------------------------------------------------------ */

static json_t *text_or_null(const char *text)
{
	return text ? json_text(text) : json_null();
}

static json_t *adopted_to_json(const struct manager *m)
{
	uint64_t since_ns = probe_since_ns(m->probe);

	if (!m->restart.known && !probe_adopted(m->probe))
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I}", "since_us",
			 (json_int_t)model_time_us(m->model, since_ns), "waiting",
			 (json_int_t)m->restart.waiting, "replayed",
			 (json_int_t)m->restart.replayed, "lost", (json_int_t)m->restart.lost);
}

json_t *manager_restart_to_json(void *userdata)
{
	const struct manager *m = userdata;

	if (!m->probe)
		return json_pack("{s:n, s:n, s:n}", "pinned", "pinned_reason", "adopted");
	return json_pack("{s:o, s:o, s:o}", "pinned", text_or_null(probe_pinned(m->probe)),
			 "pinned_reason",
			 m->restart.error ? json_sprintf("the state cannot be kept: %s",
							 strerror(-m->restart.error)) :
					    text_or_null(probe_pin_reason(m->probe)),
			 "adopted", adopted_to_json(m));
}
