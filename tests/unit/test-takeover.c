// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two sets of programs on the same hooks: whatever the order in which tasks make their calls, each
 * call is told once. Made-up hosts do it by the thousand; a cut by time alone would not pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "takeover.h"

#define CALLS_MAX 512

/* A message record, whose subject is an interrupt; the call's number is where no one compares. */
struct told {
	struct record_message record;
	unsigned int call;
};

struct ring {
	struct told told[CALLS_MAX];
	struct takeover_record judged[CALLS_MAX];
	size_t n;
};

static void tell(struct ring *ring, uint64_t time_ns, uint32_t tid, uint32_t irq, unsigned int call)
{
	struct told *t = &ring->told[ring->n];

	assert_true(ring->n < CALLS_MAX);
	*t = (struct told){ .record = { .header = { .type = RECORD_MESSAGE,
						    .version = RECORD_VERSION,
						    .size = sizeof(t->record),
						    .time_ns = time_ns,
						    .tid = tid },
					.irq = irq,
					.count = 1 },
			    .call = call };
	ring->judged[ring->n++].header = &t->record.header;
}

static unsigned int times_kept(const struct ring *ring, unsigned int call)
{
	unsigned int n = 0;

	for (size_t i = 0; i < ring->n; i++)
		n += ring->judged[i].keep && ring->told[i].call == call;
	return n;
}

static void cut(struct ring *older, struct ring *newer, uint64_t cut_ns)
{
	takeover_cut(older->judged, older->n, newer->judged, newer->n, cut_ns);
}

static void expect_once(const struct ring *older, const struct ring *newer, unsigned int calls)
{
	for (unsigned int call = 0; call < calls; call++)
		assert_int_equal(times_kept(older, call) + times_kept(newer, call), 1);
}

/* ---- By hand ---- */

static void test_apart(void **state)
{
	struct ring older = {}, newer = {};

	(void)state;
	tell(&older, 10, 1, 30, 0); /* before the newer ones were attached */
	tell(&newer, 20, 1, 30, 1);
	tell(&older, 21, 1, 30, 1);
	tell(&newer, 40, 1, 30, 2);
	tell(&older, 41, 1, 30, 2);
	tell(&newer, 60, 1, 30, 3); /* after the older ones were gone */
	cut(&older, &newer, 30);
	expect_once(&older, &newer, 4);
	assert_int_equal(times_kept(&older, 0), 1);
	assert_int_equal(times_kept(&older, 1), 1);
	assert_int_equal(times_kept(&newer, 2), 1);
	assert_int_equal(times_kept(&newer, 3), 1);
}

/* The call that the cut falls into: it is the older ring's, and only it. */
static void test_straddling(void **state)
{
	struct ring older = {}, newer = {};

	(void)state;
	tell(&newer, 20, 1, 30, 0);
	tell(&older, 21, 1, 30, 0);
	tell(&newer, 29, 1, 30, 1);
	tell(&older, 31, 1, 30, 1); /* the cut is at 30 */
	tell(&newer, 32, 1, 30, 2);
	tell(&older, 33, 1, 30, 2);
	cut(&older, &newer, 30);
	expect_once(&older, &newer, 3);
	assert_int_equal(times_kept(&older, 1), 1);
	assert_int_equal(times_kept(&newer, 2), 1);
}

/* What another task does, or this one to another interrupt, is no partner. */
static void test_strangers(void **state)
{
	struct ring older = {}, newer = {};

	(void)state;
	tell(&newer, 28, 2, 30, 0);
	tell(&older, 29, 2, 30, 0);
	tell(&newer, 27, 1, 31, 1);
	tell(&older, 29, 1, 31, 1);
	tell(&newer, 31, 1, 30, 2);
	tell(&older, 32, 1, 30, 2);
	cut(&older, &newer, 30);
	expect_once(&older, &newer, 3);
}

/* Tracepoints: the older program runs first. Twice at the cut is no harm, lost would be. */
static void test_tracepoint(void **state)
{
	struct ring older = {}, newer = {};

	(void)state;
	tell(&older, 29, 1, 30, 0);
	tell(&newer, 31, 1, 30, 0);
	tell(&older, 32, 1, 30, 1);
	tell(&newer, 33, 1, 30, 1);
	for (size_t i = 0; i < 2; i++) {
		older.told[i].record.header.type = RECORD_X86_VECTOR;
		newer.told[i].record.header.type = RECORD_X86_VECTOR;
	}
	cut(&older, &newer, 30);
	assert_int_equal(times_kept(&older, 0) + times_kept(&newer, 0), 2);
	assert_int_equal(times_kept(&older, 1) + times_kept(&newer, 1), 1);
}

static void test_senseless(void **state)
{
	struct ring older = {}, newer = {};

	(void)state;
	tell(&older, 10, 1, 30, 0);
	tell(&older, 40, 1, 30, 0);
	tell(&newer, 20, 1, 30, 0);
	tell(&newer, 50, 1, 30, 0);
	older.judged[0].header = older.judged[1].header = NULL;
	newer.judged[1].header = NULL;
	cut(&older, &newer, 30);
	assert_int_equal(times_kept(&older, 0) + times_kept(&newer, 0), 0);
	cut(&(struct ring){}, &newer, 30);
	cut(&older, &(struct ring){}, 30);
}

/* A record that is shorter than what is compared */
static void test_short(void **state)
{
	struct record_header o = { .type = RECORD_TICK, .size = sizeof(o), .time_ns = 31 },
			     n = { .type = RECORD_TICK, .size = sizeof(n), .time_ns = 29 };
	struct takeover_record older = { .header = &o }, newer = { .header = &n };

	(void)state;
	takeover_cut(&older, 1, &newer, 1, 30);
	assert_true(older.keep);
	assert_false(newer.keep);
}

/* ---- Made-up hosts ---- */

#define TASKS 4
#define IRQS 2

struct host {
	struct ring older, newer;
	unsigned int calls, straddling;
	uint64_t attached_ns, cut_ns, detached_ns, end_ns;
};

static unsigned int any(unsigned int below)
{
	return (unsigned int)random() % below;
}

/*
 * A task's calls, one after the other. Between the newer program and the older one of a call any time
 * may pass, as when the task is put aside; but who was under way when the last newer program was
 * attached has ended before the cut: that is what the daemon waits for.
 */
static void run_task(struct host *h, uint32_t tid)
{
	uint64_t now = any(10);

	while (now < h->end_ns) {
		uint64_t n = now + 1 + any(5), o = n + 1 + any(any(4) ? 3 : 40);
		uint32_t irq = 30 + any(IRQS);
		bool sees_newer = now >= h->attached_ns - any(20);

		if (!sees_newer && o >= h->cut_ns)
			o = h->cut_ns - 1;
		if (sees_newer)
			tell(&h->newer, n, tid, irq, h->calls);
		if (now < h->detached_ns)
			tell(&h->older, o, tid, irq, h->calls);
		if (sees_newer || now < h->detached_ns)
			h->calls++;
		h->straddling += sees_newer && n <= h->cut_ns && o > h->cut_ns;
		now = o + 1 + any(20);
	}
}

static int by_time(const void *a, const void *b)
{
	const struct told *x = a, *y = b;

	return (x->record.header.time_ns > y->record.header.time_ns) -
	       (x->record.header.time_ns < y->record.header.time_ns);
}

/* A place in the ring is reserved before the time is read: neighbours may be the other way round. */
static void order(struct ring *ring)
{
	qsort(ring->told, ring->n, sizeof(*ring->told), by_time);
	for (size_t i = 1; i < ring->n; i++)
		if (!any(4) &&
		    ring->told[i].record.header.tid != ring->told[i - 1].record.header.tid) {
			struct told swap = ring->told[i];

			ring->told[i] = ring->told[i - 1];
			ring->told[i - 1] = swap;
		}
}

static void test_hosts(void **state)
{
	unsigned int straddling = 0;

	(void)state;
	srandom(20260131);
	for (unsigned int i = 0; i < 2000; i++) {
		struct host h = { .attached_ns = 200, .end_ns = 800 };

		h.cut_ns = 300 + any(100);
		h.detached_ns = 600 + any(100);
		for (uint32_t tid = 1; tid <= TASKS; tid++)
			run_task(&h, tid);
		order(&h.older);
		order(&h.newer);
		cut(&h.older, &h.newer, h.cut_ns);
		expect_once(&h.older, &h.newer, h.calls);
		straddling += h.straddling;
	}
	/* a cut by time alone would have lost these */
	print_message("# %u calls were under way at a cut\n", straddling);
	assert_true(straddling > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_apart),	  cmocka_unit_test(test_straddling),
		cmocka_unit_test(test_strangers), cmocka_unit_test(test_tracepoint),
		cmocka_unit_test(test_senseless), cmocka_unit_test(test_short),
		cmocka_unit_test(test_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
