/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guard over a model made from records, and the three things that it asks for: which interrupts it
 * says are protected, what it wants to be set and has no answer to yet, and what it tells.
 *
 *	pin(g, NVME, "1");
 *	expect_asked(g, 30, "1");
 *	answer(g, 0);
 *
 * Each program has one of these.
 */
#ifndef TEST_GUARD_FIXTURE_H
#define TEST_GUARD_FIXTURE_H

#include "guard.h"
#include "rule-fixture.h"

#define MINUTE (60 * SECOND)
#define WRITER 4000 /* the process that does what the guard asks for */
#define ASKED_MAX 512
#define IRQS_MAX 70000

struct guards {
	struct world *w;
	struct guard *guard;
	bool protected[IRQS_MAX];
	unsigned int n_protected;
	struct {
		uint32_t irq;
		char cpus[64];
	} asked[ASKED_MAX]; /* and not answered yet, the oldest first */
	unsigned int n_asked, n_ever_asked;
	int refusal; /* what set() fails with, 0 = it does not */
	json_t *told;
};

/* ---- what it asks for ---- */

static inline void on_protect(uint32_t irq, bool protect, void *userdata)
{
	struct guards *g = userdata;

	assert_true(irq < IRQS_MAX);
	/* never twice the same */
	assert_int_not_equal(g->protected[irq], protect);
	g->protected[irq] = protect;
	g->n_protected += protect ? 1 : -1U;
}

static inline int on_set(uint32_t irq, const char *cpus, void *userdata)
{
	struct guards *g = userdata;

	if (g->refusal)
		return g->refusal;
	assert_true(g->n_asked < ASKED_MAX);
	assert_true(strlen(cpus) < sizeof(g->asked->cpus));
	g->asked[g->n_asked].irq = irq;
	strcpy(g->asked[g->n_asked++].cpus, cpus);
	g->n_ever_asked++;
	return 0;
}

static inline void on_tell(json_t *event, void *userdata)
{
	struct guards *g = userdata;

	assert_non_null(event);
	assert_int_equal(json_array_append_new(g->told, event), 0);
}

/* ---- what happens ---- */

static inline void on_follow(const struct change *change, void *userdata)
{
	struct guards *g = userdata;

	guard_change(g->guard, g->w->model, change);
}

static struct guards *the_guards; /* whose world it is */

static inline void follow(const struct change *change, void *userdata)
{
	(void)userdata;
	on_follow(change, the_guards);
}

static inline void settle(struct guards *g, bool all)
{
	guard_settle(g->guard, g->w->model, all, g->w->now_ns);
}

/* The end of a batch */
#define happens(g, record)                                                                         \
	do {                                                                                       \
		tell((g)->w, (record));                                                            \
		settle((g), false);                                                                \
	} while (0)

/* A vector of @device, index irq - 30, with a handler; affinity 0-1 */
static inline void allocated(struct guards *g, uint32_t irq, const char *device)
{
	happens(g, make_vector(RECORD_REASON_ALLOCATED, irq, device));
}

static inline void requested(struct guards *g, uint32_t irq, const char *owner)
{
	struct record_action action = make_action(RECORD_REASON_REQUESTED, irq, irq, "handler");

	action.device = make_dev(owner, "", "driver");
	happens(g, action);
}

static inline void vector_here(struct guards *g, uint32_t irq, const char *device)
{
	allocated(g, irq, device);
	requested(g, irq, device);
}

static inline void moves(struct guards *g, uint32_t irq, const char *device, uint64_t cpus,
			 enum record_cause cause, const char *comm, uint32_t pid)
{
	struct vector_record v = moved(make_vector(0, irq, device), RECORD_REASON_AFFINITY_APPLIED,
				       cpus, cpus, MESSAGE(0x41));

	done_by(&v.r.header, cause, comm, pid);
	happens(g, v);
}

/* irqbalance, on a vector of NVME */
static inline void moved_away(struct guards *g, uint32_t irq, uint64_t cpus)
{
	moves(g, irq, NVME, cpus, RECORD_CAUSE_AFFINITY_WRITE, "irqbalance", 71);
}

static inline void written(struct guards *g, uint32_t irq, uint64_t cpus)
{
	moves(g, irq, NVME, cpus, RECORD_CAUSE_AFFINITY_WRITE, "cxlirqd", WRITER);
}

/* To the oldest that has none */
static inline void answer(struct guards *g, int error)
{
	uint32_t irq = g->asked[0].irq;

	assert_true(g->n_asked > 0);
	g->n_asked--;
	memmove(g->asked, g->asked + 1, g->n_asked * sizeof(*g->asked));
	guard_written(g->guard, g->w->model, irq, error, g->w->now_ns);
}

/* It is set: the kernel tells, then the answer is there. */
static inline void done(struct guards *g)
{
	written(g, g->asked[0].irq, strtoul(g->asked[0].cpus, NULL, 10) ? 2 : 1);
	answer(g, 0);
}

static inline void mode(struct guards *g, enum guard_mode mode, bool hooked)
{
	guard_set_mode(g->guard, mode, hooked, g->w->model, g->w->now_ns);
}

static inline void tick_at_due(struct guards *g)
{
	uint64_t due = guard_due(g->guard);

	assert_true(due != 0);
	if (due > g->w->now_ns)
		g->w->now_ns = due;
	guard_tick(g->guard, g->w->model, g->w->now_ns);
}

/* ---- policies ---- */

static inline struct guard_policy policy_of(const char *name, const char *cpus, bool restore)
{
	struct guard_policy policy = { .restore = restore, .by = { .pid = 7, .uid = 1000 } };
	const char *why = "";

	if (guard_policy_parse(name, &policy, &why) < 0)
		fail_msg("%s: %s", name, why);
	strcpy(policy.cpus, cpus);
	return policy;
}

/* Its id */
static inline uint64_t add(struct guards *g, const char *name, const char *cpus, bool restore)
{
	const struct guard_policy policy = policy_of(name, cpus, restore), *added = NULL;

	assert_int_equal(guard_add(g->guard, &policy, g->w->model, g->w->now_ns, &added), 0);
	assert_ptr_equal(guard_find(g->guard, &policy), added);
	return added->id;
}

static inline uint64_t protect(struct guards *g, const char *name)
{
	return add(g, name, "", false);
}

static inline uint64_t pin(struct guards *g, const char *name, const char *cpus)
{
	return add(g, name, cpus, false);
}

static inline void take_away(struct guards *g, uint64_t id)
{
	assert_int_equal(guard_remove(g->guard, id, g->w->model, g->w->now_ns), 0);
}

/* ---- expectations ---- */

#define expect_asked(g, irq, cpus) expect_asked_at((g), (irq), (cpus), __FILE__, __LINE__)
#define expect_none_asked(g) assert_int_equal((g)->n_asked, 0)

/* The newest that has no answer */
static inline void expect_asked_at(struct guards *g, uint32_t irq, const char *cpus,
				   const char *file, int line)
{
	unsigned int i = g->n_asked - 1;

	if (g->n_asked && g->asked[i].irq == irq && !strcmp(g->asked[i].cpus, cpus))
		return;
	print_error("expected %u to be set to %s; %u wait, the last is %u to %s\n", irq, cpus,
		    g->n_asked, g->n_asked ? g->asked[i].irq : 0,
		    g->n_asked ? g->asked[i].cpus : "-");
	_fail(file, line);
}

#define expect_told(g, part) expect_told_at((g), (part), __FILE__, __LINE__)
#define expect_none_told(g) expect_told_at((g), NULL, __FILE__, __LINE__)

/* The oldest that was not expected yet; NULL: there is none. */
static inline void expect_told_at(struct guards *g, const char *part, const char *file, int line)
{
	json_t *event = json_array_get(g->told, 0), *expected = part ? parse(part) : NULL;
	bool so = part ? event && is_part(expected, event) : !event;
	char *shown = so ? NULL : json_dumps(g->told, JSON_COMPACT);

	json_decref(expected);
	if (!so)
		print_error("expected %s\nbut told is %s\n", part ?: "nothing", shown);
	free(shown);
	if (!so)
		_fail(file, line);
	if (part)
		json_array_remove(g->told, 0);
}

#define expect_guards(g, part) expect_guards_at((g), (part), __FILE__, __LINE__)

static inline void expect_guards_at(struct guards *g, const char *part, const char *file, int line)
{
	json_t *list = guard_to_json(g->guard, g->w->model), *expected = parse(part);
	bool so = is_part(expected, list);
	char *shown = json_dumps(list, JSON_COMPACT);

	json_decref(expected);
	json_decref(list);
	if (!so)
		print_error("expected %s\nbut they are %s\n", part, shown);
	free(shown);
	if (!so)
		_fail(file, line);
}

static inline struct guard_totals totals_of(const struct guards *g)
{
	struct guard_totals totals;

	guard_totals(g->guard, &totals);
	return totals;
}

/* ---- cmocka ---- */

static inline void guard_begin(struct guards *g)
{
	const struct guard_actions actions = {
		.protect = on_protect, .set = on_set, .tell = on_tell, .userdata = g
	};

	assert_int_equal(guard_new(&actions, &g->guard), 0);
	guard_set_writer(g->guard, WRITER);
}

/* Another daemon, which knows what this one has kept */
static inline void guard_restart(struct guards *g, bool same_boot)
{
	json_auto_t *saved = guard_save(g->guard);

	assert_non_null(saved);
	guard_free(g->guard);
	memset(g->protected, 0, sizeof(g->protected));
	g->n_protected = g->n_asked = 0;
	guard_begin(g);
	assert_int_equal(guard_load(g->guard, saved, same_boot), 0);
	settle(g, true);
}

static inline int guards_setup(void **state)
{
	struct guards *g = calloc(1, sizeof(*g));

	g->told = json_array();
	g->w = world_listening();
	guard_begin(g);
	g->w->follow = follow;
	the_guards = g;
	*state = g;
	return 0;
}

static inline int guards_teardown(void **state)
{
	struct guards *g = *state;

	guard_free(g->guard);
	world_free(g->w);
	json_decref(g->told);
	free(g);
	return 0;
}

#define GUARD_TEST(name) cmocka_unit_test_setup_teardown(name, guards_setup, guards_teardown)

#endif
