// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tests of a unit test's program, with faults: they are counted, so that a place is known by the
 * test that comes by it first. Only that one, FAULT_TEST, is run when the place is to fail: what the
 * others do meanwhile takes time, and tells nothing.
 *
 * Where a check fails over it, the program ends there, with status 77: what no longer can be reached
 * by then was lost by the daemon, while what leaks afterwards belongs to the test that was left.
 *
 * What a test makes for itself in /tmp is written to the file FAULT_FOLDERS, to be removed by the
 * sweep: a test that was left does not.
 */
#include <sanitizer/lsan_interface.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault.h"

#define STATUS_TEST_FAILED 77
#define STATUS_LEAK 99
#define NO_TEST 0xffff

static const struct CMUnitTest *group; /* the program's own array */
static size_t next; /* in it */
static size_t tests_before; /* in groups before this one */

static int begin_test(void **state)
{
	const struct CMUnitTest *test = &group[next];

	fault_test = (int)(tests_before + next++);
	return test->setup_func ? test->setup_func(state) : 0;
}

int _cmocka_run_group_tests(const char *name, const struct CMUnitTest *const tests, const size_t n,
			    CMFixtureFunction set_up, CMFixtureFunction tear_down)
{
	unsigned long only = fault_number("FAULT_TEST", NO_TEST);
	struct CMUnitTest *begun = calloc(n, sizeof(*begun));
	size_t first = 0, count = n;
	int failed = 0;

	if (!begun)
		return -1;
	if (only != NO_TEST) {
		first = only - tests_before; /* far off, if it is one of a group before */
		count = first < n ? 1 : 0;
	}
	group = tests;
	next = first;
	fault_test = (int)(tests_before + first); /* for what prepares the group */
	for (size_t i = 0; i < count; i++) {
		begun[i] = tests[first + i];
		begun[i].setup_func = begin_test;
	}
	if (count > 0)
		failed = REAL(_cmocka_run_group_tests)(name, begun, count, set_up, tear_down);
	free(begun);
	tests_before += n;
	return failed;
}

/* What cmocka does when a check has failed */
__attribute__((noreturn)) void __longjmp_chk(jmp_buf environment, int value);
__attribute__((noreturn)) void __longjmp_chk(jmp_buf environment, int value)
{
	if (fault_failed()) {
		fputs("a check has failed\n", stderr);
		fflush(NULL);
		_exit(__lsan_do_recoverable_leak_check() ? STATUS_LEAK : STATUS_TEST_FAILED);
	}
	longjmp(environment, value);
}

char *mkdtemp(char *path)
{
	const char *list = getenv("FAULT_FOLDERS");
	char *made = REAL(mkdtemp)(path);
	FILE *file = made && list ? fopen(list, "ae") : NULL;

	if (file) {
		fprintf(file, "%s\n", made);
		fclose(file);
	}
	return made;
}
