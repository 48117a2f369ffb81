/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A daemon that is killed in the middle of its work */
#ifndef TESTS_UNIT_KILLED_H
#define TESTS_UNIT_KILLED_H

/* cmocka.h wants the first four */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* @story in a process of its own, which is killed at its end. */
static inline void kill_within(void (*story)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		story();
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

#endif
