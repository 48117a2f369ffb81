// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The model as records, and back. That every single fact is kept is shown by all the other tests,
 * run with restarts (test-restore.sh); here: what is saved twice is the same, what a damaged file
 * says does no harm, and with "-" as its argument, that a trace from stdin comes to the same end
 * and the same events when the daemon restarts in the middle of it, wherever that is.
 */
#include <stdlib.h>
#include <unistd.h>

#include <cxlirqd/state.h>

#include "decode.h"
#include "records.h"
#include "trace.h"

/* ---- Records kept in memory ---- */

struct tape {
	unsigned char *bytes;
	size_t size, room;
	size_t *begins;
	size_t n, places;
};

static void tape_add(const struct record_header *record, void *userdata)
{
	struct tape *tape = userdata;

	if (tape->size + record->size > tape->room) {
		tape->room = (tape->room + record->size) * 2;
		tape->bytes = realloc(tape->bytes, tape->room);
		assert_non_null(tape->bytes);
	}
	if (tape->n == tape->places) {
		tape->places = tape->places * 2 + 64;
		tape->begins = reallocarray(tape->begins, tape->places, sizeof(*tape->begins));
		assert_non_null(tape->begins);
	}
	tape->begins[tape->n++] = tape->size;
	memcpy(tape->bytes + tape->size, record, record->size);
	tape->size += record->size;
}

static struct record_header *tape_at(const struct tape *tape, size_t i)
{
	return (void *)(tape->bytes + tape->begins[i]);
}

static void tape_done(struct tape *tape)
{
	free(tape->bytes);
	free(tape->begins);
	*tape = (struct tape){};
}

static struct tape tape_of(const struct world *w)
{
	struct tape tape = {};

	assert_int_equal(model_save(w->model, 1, tape_add, &tape), 0);
	return tape;
}

static void apply(struct world *w, const struct record_header *record)
{
	struct event event;

	if (decode(record, record->size, &event) >= 0)
		model_apply(w->model, &event);
}

/* ---- Saved twice ---- */

static struct record_demand make_demand(uint32_t kind, int32_t result)
{
	struct record_demand r = { .header = make_header(RECORD_DEMAND, sizeof(r)),
				   .kind = kind,
				   .answered = 1,
				   .min = 1,
				   .max = 4,
				   .result = result,
				   .device = make_dev("0000:01:00.0", "pci", "nvme") };

	snprintf(r.callers[0], sizeof(r.callers[0]), "nvme_setup_irqs [nvme]");
	return r;
}

static struct record_doorbell make_doorbell(uint32_t index, uint32_t irq)
{
	struct record_doorbell r = { .header = make_header(RECORD_DOORBELL, sizeof(r)),
				     .reason = RECORD_REASON_CREATED,
				     .epf = 0x500,
				     .epc = 0x600,
				     .index = index,
				     .count = 2,
				     .irq = irq,
				     .bar = -1,
				     .message = MESSAGE(0x41) };

	snprintf(r.epf_name, sizeof(r.epf_name), "pci_epf_test.0");
	return r;
}

/* A bit of everything, with things under way */
static struct world *busy_world(void)
{
	struct world *w = world_listening();
	struct record_lost lost = make_lost(3, "ring-full");

	tell(w, make_device("0000:01:00.0", "pci", "nvme"));
	tell(w, make_sysfs_vector(30, "0000:01:00.0"));
	walk(w, true);
	start(w, 31, 0x42);
	tell(w, make_owner(RECORD_REASON_REQUESTED, 31, 31, "mem0"));
	tell(w, moved_to(1, 1));
	tell(w, make_message(31, MESSAGE(0x42), MESSAGE(0x43)));
	tell(w, make_demand(RECORD_DEMAND_ANY, 2));
	tell(w, make_demand(RECORD_DEMAND_VECTOR, -22));
	tell(w, make_doorbell(0, 31));
	tell(w, make_doorbell(1, 40));
	tell(w, make_alloc(50, 2));
	tell(w, lost);
	return w;
}

static struct cause some_cause(uint32_t pid)
{
	return (struct cause){ .valid = true,
			       .kind = RECORD_CAUSE_DRIVER,
			       .flags = 1,
			       .pid = pid,
			       .uid = 7,
			       .comm = "somebody" };
}

/* What scenes leave at zero has a value too, so that it is missed if it is lost. */
static void fill_vectors(struct model *model)
{
	for (struct vector *v = model->vectors; v; v = v->hh.next) {
		v->told = v->irq % 2;
		v->moved_by = some_cause(v->irq);
		v->left_by = some_cause(v->irq + 1);
		v->pending = some_cause(v->irq + 2);
		v->left = make_dev("mem0", "cxl", "cxl_pmu");
		v->left_ns = 1;
		v->left_requested_ns = 2;
		v->affinity_changes = 7;
		v->message_changes = 8;
		v->tallied = 3;
		v->unowned = 4;
		v->message_rewrites = 5;
		for (struct action *a = v->actions; a; a = a->next)
			a->interrupts = 6;
	}
	for (struct domain *d = model->domains; d; d = d->hh.next) {
		d->id += 10;
		d->affinity_vectors = 2;
		d->affinity_changes = 3;
		d->message_changes = 4;
		snprintf(d->chip, sizeof(d->chip), "CHIP");
	}
}

static void fill_doorbells(struct model *model)
{
	for (struct doorbell *d = model->doorbells; d; d = d->hh.next) {
		d->func = 1;
		d->error = 2;
		d->asked = 3;
		d->bar = d->fixed_bar = 4;
		d->copy_state = RECORD_COPY_OTHER;
		d->copy = d->reference = MESSAGE(0x77);
		d->parent = 0x100;
		d->published_ns = 5;
		d->freed_ns = 6;
		d->stale_ns = 7;
		d->message_changes = 8;
		d->freed_by = some_cause(9);
		d->requested = d->published = d->walked = d->stale_told = d->stale_over = true;
		d->early = d->violated = d->freed = d->refused = d->key.index;
		snprintf(d->epc_name, sizeof(d->epc_name), "epc");
		snprintf(d->driver, sizeof(d->driver), "driver");
		snprintf(d->provider, sizeof(d->provider), "provider");
	}
}

static void fill_demands(struct model *model)
{
	struct lifetime *l = lifetime_add(model);

	for (struct demands *d = model->demands; d; d = d->hh.next) {
		d->open = d->lost = d->lasted = d->freed = d->freed_in_probe = d->unbound = true;
		d->older = 1;
		d->open_kind = 2;
		d->open_tid = 3;
		for (uint32_t i = 0; i < d->n; i++) {
			d->last[i].cause = some_cause(i);
			d->last[i].legacy = d->last[i].in_probe = d->last[i].told = true;
		}
		for (uint32_t i = 0; i < d->n_asks; i++) {
			d->asks[i].cause = some_cause(i);
			d->asks[i].request_error = 5;
			d->asks[i].in_probe = d->asks[i].told = true;
		}
	}
	*l = (struct lifetime){ .provider = "p",
				.consumer = "c",
				.handler = "h",
				.irq = 1,
				.index = 2,
				.has_index = true,
				.cookie = 3,
				.allocated_ns = 4,
				.requested_ns = 5,
				.freed_ns = 6,
				.freed_by = some_cause(7),
				.left_ns = 8,
				.left_by = some_cause(9) };
}

static void fill(struct model *model)
{
	fill_vectors(model);
	fill_doorbells(model);
	fill_demands(model);
	model->unknown_records = 1;
	model->snapshot_ns = 2;
	for (size_t i = 0; i < TABLE_MAX; i++)
		model->refused[i] = i + 1;
	for (size_t i = 0; i < CORRECTION_MAX; i++)
		model->corrections[i] = i + 1;
}

static void test_twice(void **state)
{
	_cleanup_world_ struct world *w = busy_world(), *other = world_listening();
	struct tape first, second;

	(void)state;
	fill(w->model);
	first = tape_of(w);
	model_free(other->model);
	assert_int_equal(model_new(&MODEL_LIMITS_DEFAULT, NULL, NULL, &other->model), 0);
	for (size_t i = 0; i < first.n; i++)
		apply(other, tape_at(&first, i));
	second = tape_of(other);
	assert_int_equal(first.size, second.size);
	assert_memory_equal(first.bytes, second.bytes, first.size);
	assert_true(first.n > 20);
	tape_done(&first);
	tape_done(&second);
}

/* Nobody hears of what was there before. */
static void test_silent(void **state)
{
	_cleanup_world_ struct world *w = busy_world();

	(void)state;
	forget_events(w);
	world_restart(w);
	expect_nothing(w);
	expect_lost(w, "{'ring-full': 3}");
}

/* ---- A file that somebody altered ---- */

static void test_altered(void **state)
{
	_cleanup_world_ struct world *w = busy_world();
	struct model_limits limits = MODEL_LIMITS_DEFAULT;
	struct tape tape = tape_of(w);

	(void)state;
	/* a range may be made as large as there may be vectors */
	limits.entries[TABLE_VECTORS] = 256;
	srandom(1);
	for (unsigned int round = 0; round < 300; round++) {
		_cleanup_world_ struct world *other = world_new(&limits);
		struct tape again;

		for (size_t i = 0; i < tape.n; i++) {
			_Alignas(8) unsigned char copy[RECORD_SIZE_MAX];
			struct record_header *r = (void *)copy;
			size_t at;

			memcpy(copy, tape_at(&tape, i), tape_at(&tape, i)->size);
			at = sizeof(*r) + (size_t)random() % (r->size - sizeof(*r) ?: 1);
			if (random() % 3 == 0 && at < r->size)
				copy[at] = (unsigned char)random();
			/* in any order, and some left out */
			if (random() % 8)
				apply(other, r);
		}
		tell(other, make_header(RECORD_TICK, sizeof(struct record_header)));
		json_decref(model_to_json(other->model));
		again = tape_of(other);
		tape_done(&again);
	}
	tape_done(&tape);
}

/* ---- A trace from elsewhere ---- */

static void on_trace(const struct record_header *record, void *userdata)
{
	tape_add(record, userdata);
}

static json_t *end_of(const struct world *w)
{
	return json_pack("{s:o, s:O}", "model", model_to_json(w->model), "events", w->events);
}

static struct world *play(const struct tape *tape, size_t restart_at)
{
	struct world *w = world_new(NULL);

	for (size_t i = 0; i < tape->n; i++) {
		if (i == restart_at && !model_is_walking(w->model) && w->model->populated)
			world_restart(w);
		apply(w, tape_at(tape, i));
	}
	return w;
}

static int play_stdin(void)
{
	struct tape tape = {};
	uint64_t unknown;
	json_t *whole;
	struct world *w;

	assert_int_equal(trace_read("/dev/stdin", on_trace, &tape, &unknown, NULL), 0);
	w = play(&tape, SIZE_MAX);
	whole = end_of(w);
	world_free(w);
	/* each place would take long: many, and not the same ones in traces of other lengths */
	for (size_t i = 1; i < tape.n; i += 1 + tape.n / 97) {
		json_t *cut;

		w = play(&tape, i);
		cut = end_of(w);
		if (!json_equal(whole, cut))
			print_error("cut before record %zu: %s\n", i,
				    json_dumps(cut, JSON_COMPACT | JSON_SORT_KEYS));
		assert_true(json_equal(whole, cut));
		json_decref(cut);
		world_free(w);
	}
	json_decref(whole);
	tape_done(&tape);
	return 0;
}

static void test_stdin(void **state)
{
	(void)state;
	play_stdin();
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_altered),
	};
	const struct CMUnitTest traces[] = { cmocka_unit_test(test_stdin) };

	if (argc > 1 && !strcmp(argv[1], "-"))
		return cmocka_run_group_tests(traces, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
