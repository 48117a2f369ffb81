// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon's side of writing affinities, with the real process on a tree of files, and with somebody
 * in its place who lies.
 */
#include "affinity-fixture.h"

/* ---- forked ---------------------------------------------------------------------------------- */

static void test_forked(void **state)
{
	_cleanup_(affinity_writer_freep) struct affinity_writer *writer = NULL;
	pid_t pid;

	(void)state;
	need_root();
	assert_null(affinity_writer_free(NULL));
	writer = writer_on(NULL, LONG_USEC, SHORT_USEC);
	pid = child();
	assert_true(pid > 0);
	assert_int_equal(affinity_writer_set(writer, 33, "0-3,8"), 0);
	assert_int_equal(affinity_writer_set(writer, 99, "1"), 0);
	assert_int_equal(affinity_writer_set(writer, 34, "1"), 0);
	/* nothing is told before the loop runs */
	assert_int_equal(n_told, 0);
	ask_again = writer;
	run_until(told_are, 4);
	expect_error(0, 33, 0);
	expect_error(1, 99, -ENOENT);
	expect_error(2, 34, 0);
	expect_error(3, 35, 0);
	assert_string_equal(told[0].cpus, "0-3,8");
	expect_file(33, "0-3,8");
	expect_file(34, "1");
	expect_file(35, "5");
	/* who it is was told first, and it is who it is */
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(told[i].pid, pid);
	assert_int_equal(n_served, 1);
	/* it does not go away when there is nothing to do: there would be no other */
	assert_true(sd_event_run(event, 2 * SHORT_USEC) >= 0);
	assert_int_equal(served_by, pid);
	assert_null(affinity_writer_free(TAKE_PTR(writer)));
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(child(), 0);
}

static void test_forked_dies(void **state)
{
	_cleanup_(affinity_writer_freep) struct affinity_writer *writer = NULL;

	(void)state;
	need_root();
	writer = writer_on(NULL, LONG_USEC, LONG_USEC);
	run_until(served_are, 1);
	assert_int_equal(kill(served_by, SIGSTOP), 0);
	assert_int_equal(affinity_writer_set(writer, 33, "1"), 0);
	assert_int_equal(affinity_writer_set(writer, 34, "1"), 0);
	assert_int_equal(kill(served_by, SIGKILL), 0);
	run_until(told_are, 2);
	expect_error(0, 33, -EPIPE);
	expect_error(1, 34, -EPIPE);
	/* nobody is let pass by then */
	assert_int_equal(told[0].pid, 0);
	assert_int_equal(n_served, 2);
	assert_int_equal(child(), 0);
	assert_int_equal(affinity_writer_set(writer, 33, "1"), -EPIPE);
	expect_file(33, "");
}

/* One that is stuck in the kernel, say: its answers come too late, and are not taken for others. */
static void test_late(void **state)
{
	_cleanup_(affinity_writer_freep) struct affinity_writer *writer = NULL;

	(void)state;
	need_root();
	writer = writer_on(NULL, SHORT_USEC, LONG_USEC);
	run_until(served_are, 1);
	assert_int_equal(kill(served_by, SIGSTOP), 0);
	assert_int_equal(affinity_writer_set(writer, 99, "1"), 0);
	assert_int_equal(affinity_writer_set(writer, 98, "1"), 0);
	run_until(told_are, 2);
	expect_error(0, 99, -ETIMEDOUT);
	expect_error(1, 98, -ETIMEDOUT);
	assert_int_equal(kill(served_by, SIGCONT), 0);
	assert_int_equal(affinity_writer_set(writer, 33, "7"), 0);
	run_until(told_are, 3);
	expect_error(2, 33, 0);
	expect_file(33, "7");
	assert_int_equal(n_served, 1);
}

static void test_bounds(void **state)
{
	static const char *const bad[] = { "", "a", "1 2", "1\n", "../1", "all;" };
	_cleanup_(affinity_writer_freep) struct affinity_writer *writer = NULL;
	char list[AFFINITY_CPUS_MAX + 1];

	(void)state;
	need_root();
	writer = writer_on(NULL, LONG_USEC, LONG_USEC);
	run_until(served_are, 1);
	memset(list, '1', sizeof(list));
	list[AFFINITY_CPUS_MAX] = '\0';
	assert_int_equal(affinity_writer_set(writer, 33, list), -E2BIG);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(affinity_writer_set(writer, 33, bad[i]), -EINVAL);
	assert_int_equal(kill(served_by, SIGSTOP), 0);
	/* the longest that there is */
	list[AFFINITY_CPUS_MAX - 1] = '\0';
	for (uint32_t i = 0; i < AFFINITY_PENDING_MAX; i++)
		assert_int_equal(affinity_writer_set(writer, 1000 + i, list), 0);
	assert_int_equal(affinity_writer_set(writer, 33, "1"), -ENOBUFS);
	assert_int_equal(kill(served_by, SIGCONT), 0);
	run_until(told_are, AFFINITY_PENDING_MAX);
	for (uint32_t i = 0; i < AFFINITY_PENDING_MAX; i++)
		expect_error(i, 1000 + i, -ENOENT);
	assert_int_equal(affinity_writer_set(writer, 33, "1"), 0);
	run_until(told_are, AFFINITY_PENDING_MAX + 1);
	expect_error(AFFINITY_PENDING_MAX, 33, 0);
	expect_file(33, "1");
}

/* ---- started by a socket ----------------------------------------------------------------------- */

static void test_socket(void **state)
{
	_cleanup_(affinity_writer_freep) struct affinity_writer *writer = NULL;
	int listener;
	pid_t pid;

	(void)state;
	need_root();
	unlink(socket_path);
	writer = writer_on(socket_path, LONG_USEC, SHORT_USEC);
	assert_int_equal(affinity_writer_set(writer, 33, "1"), -ENOENT);
	listener = listen_at(socket_path);
	/* the first request waits for the process */
	assert_int_equal(affinity_writer_set(writer, 33, "2-3"), 0);
	pid = start_process(listener, 0, 2000);
	run_until(told_are, 1);
	expect_error(0, 33, 0);
	expect_file(33, "2-3");
	assert_int_equal(told[0].pid, pid);
	/* nothing to ask: the connection is closed, and nobody is let pass */
	run_until(served_are, 2);
	assert_int_equal(served_by, 0);
	/* and opened again */
	assert_int_equal(affinity_writer_set(writer, 34, "4"), 0);
	run_until(told_are, 2);
	expect_error(1, 34, 0);
	expect_file(34, "4");
	run_until(served_are, 4);
	/* it ends when nobody came for a while, and another one goes on */
	assert_int_equal(wait_for(pid), 0);
	assert_int_equal(affinity_writer_set(writer, 35, "5"), 0);
	pid = start_process(listener, 0, 60000);
	run_until(told_are, 3);
	expect_error(2, 35, 0);
	assert_int_equal(told[2].pid, pid);
	expect_file(35, "5");
	/* killed: the next request is for the next one */
	assert_int_equal(kill(pid, SIGKILL), 0);
	run_until(served_are, 6);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(affinity_writer_set(writer, 33, "6"), 0);
	close(listener);
	/* nobody will ever serve that one: the kernel says so when the socket goes */
	run_until(told_are, 4);
	expect_error(3, 33, -EPIPE);
	assert_int_equal(affinity_writer_set(writer, 33, "6"), -ECONNREFUSED);
	expect_file(33, "");
}

/* What waits until the process is there has the time of one that waits for an answer after that. */
static void test_slow_start(void **state)
{
	const struct affinity_options options = { root, LONG_USEC, 8 * SHORT_USEC, LONG_USEC };
	_cleanup_(affinity_writer_freep) struct affinity_writer *writer = NULL;
	_cleanup_close_ int listener = -EBADF;
	pid_t pid;

	(void)state;
	need_root();
	listener = listen_at(socket_path);
	writer = writer_with(socket_path, &options);
	assert_int_equal(affinity_writer_set(writer, 33, "1"), 0);
	assert_int_equal(sd_event_run(event, 9 * SHORT_USEC), 0);
	assert_int_equal(n_told, 0);
	pid = start_process(listener, 0, 60000);
	run_until(told_are, 1);
	expect_error(0, 33, 0);
	expect_file(33, "1");
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(affinity_writer_set(writer, 34, "1"), 0);
	run_until(told_are, 2);
	expect_error(1, 34, -ETIMEDOUT);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* ---- the daemon, and somebody who is not the process --------------------------------------------- */

enum lie {
	OTHER_USER,
	GARBAGE_HELLO,
	LARGE_HELLO,
	OTHER_VERSION,
	HALF_ANSWER,
	LARGE_ANSWER,
	OTHER_NUMBER,
	NO_ERRNO,
	TWO_ANSWERS,
	SENT_BY_ANOTHER,
	DIES,
	SILENT,
	N_LIES
};

static void send_from_another(int fd, const void *data, size_t size)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size ? 0 : 1);
	waitpid(pid, NULL, 0);
}

static void lie_in_answer(int fd, enum lie lie)
{
	struct affinity_request request;
	struct affinity_answer answer[2] = {};

	if (recv(fd, &request, sizeof(request), 0) <= 0)
		_exit(4);
	answer[0].number = request.number;
	switch (lie) {
	case HALF_ANSWER: send(fd, answer, sizeof(*answer) / 2, MSG_NOSIGNAL); return;
	case LARGE_ANSWER: send(fd, answer, sizeof(answer), MSG_NOSIGNAL); return;
	case OTHER_NUMBER: answer[0].number += 1; break;
	case NO_ERRNO: answer[0].error = 1; break;
	case SENT_BY_ANOTHER: send_from_another(fd, answer, sizeof(*answer)); return;
	case DIES: _exit(0);
	default: break;
	}
	send(fd, answer, sizeof(*answer), MSG_NOSIGNAL);
	if (lie == TWO_ANSWERS) {
		answer[0].number++;
		send(fd, answer, sizeof(*answer), MSG_NOSIGNAL);
	}
}

/* Exit status 0: it was asked nothing that it should not have been asked. */
static _Noreturn void run_liar(int listener, enum lie lie)
{
	struct affinity_hello hello[2] = { { AFFINITY_MAGIC, AFFINITY_VERSION } };
	char byte;
	int fd;

	if (lie == OTHER_USER && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
		_exit(2);
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		_exit(3);
	if (lie == GARBAGE_HELLO)
		hello[0].magic = 0;
	if (lie == OTHER_VERSION)
		hello[0].version++;
	if (lie != SILENT)
		send(fd, hello, sizeof(*hello) * (lie == LARGE_HELLO ? 2 : 1), MSG_NOSIGNAL);
	if (lie >= HALF_ANSWER && lie != SILENT)
		lie_in_answer(fd, lie);
	/* who has not shown who he is gets no request, and then the connection is closed */
	if (recv(fd, &byte, 1, 0) > 0)
		_exit(5);
	_exit(0);
}

static void test_liars(void **state)
{
	static const int errors[N_LIES] = {
		[OTHER_USER] = -EACCES,	   [GARBAGE_HELLO] = -EPROTO, [LARGE_HELLO] = -EPROTO,
		[OTHER_VERSION] = -EPROTO, [HALF_ANSWER] = -EPROTO,   [LARGE_ANSWER] = -EPROTO,
		[OTHER_NUMBER] = -EPROTO,  [NO_ERRNO] = -EPROTO,      [SENT_BY_ANOTHER] = -EACCES,
		[DIES] = -EPIPE,	   [SILENT] = -ETIMEDOUT,     [TWO_ANSWERS] = 0,
	};

	(void)state;
	need_root();
	for (enum lie lie = 0; lie < N_LIES; lie++) {
		struct affinity_writer *writer =
			writer_on(socket_path, lie == SILENT ? SHORT_USEC : LONG_USEC, SHORT_USEC);
		int listener = listen_at(socket_path);
		bool shown = lie >= HALF_ANSWER && lie != SILENT;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			run_liar(listener, lie);
		assert_int_equal(affinity_writer_set(writer, 33, "1"), 0);
		run_until(told_are, 1);
		expect_error(0, 33, errors[lie]);
		/* nothing that came after it is believed, and it is let pass no more */
		run_until(served_are, shown ? 2 : 0);
		assert_int_equal(n_served, shown ? 2 : 0);
		assert_int_equal(served_by, 0);
		close(listener);
		if (lie == SILENT) {
			/* the connection is closed for want of questions */
			assert_true(sd_event_run(event, LONG_USEC) >= 0);
		}
		assert_int_equal(wait_for(pid), 0);
		assert_int_equal(n_told, 1);
		affinity_writer_free(writer);
	}
	expect_file(33, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forked), cmocka_unit_test(test_forked_dies),
		cmocka_unit_test(test_late),   cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_socket), cmocka_unit_test(test_slow_start),
		cmocka_unit_test(test_liars),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
