// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nobody keeps others out of the socket, or takes all memory: places by user, places that are kept,
 * and what all readers together may leave unread. Users are changed for the time of a connect():
 * that is when the kernel notes who it is.
 */
#include <sys/stat.h>

#include "varlink-fixture.h"

#define FIRST_USER 40000
#define GROUP 40404

static int setup_open(void **state)
{
	int r = setup(state);
	const struct fixture *fixture = *state;

	/* a directory that others can go through */
	return r < 0 ? r : chmod(fixture->directory, 0755);
}

#define PLACES_TEST(name) cmocka_unit_test_setup_teardown(name, setup_open, teardown)

/* Connections that are closed at its end */
struct crowd {
	int fds[2 * VARLINK_CLIENTS_MAX];
	unsigned int n;
};

static void crowd_done(struct crowd *crowd)
{
	for (unsigned int i = 0; i < crowd->n; i++)
		closep(&crowd->fds[i]);
}
#define _cleanup_crowd_ _cleanup_(crowd_done)

/* @wanted of them try; how many of them are served */
static unsigned int crowd_in(struct fixture *fixture, struct crowd *crowd, uid_t uid, gid_t group,
			     unsigned int wanted)
{
	unsigned int before = varlink_server_counters(fixture->server)->clients;

	for (unsigned int i = 0; i < wanted; i++)
		crowd->fds[crowd->n++] = dial_user(fixture, uid, group);
	return varlink_server_counters(fixture->server)->clients - before;
}

static void test_share(void **state)
{
	const struct varlink_counters *counters;
	struct fixture *fixture = *state;
	_cleanup_crowd_ struct crowd crowd = {};

	if (geteuid() != 0)
		skip();
	counters = varlink_server_counters(fixture->server);
	assert_int_equal(crowd_in(fixture, &crowd, FIRST_USER, 0, VARLINK_CLIENTS_USER + 4),
			 VARLINK_CLIENTS_USER);
	assert_int_equal(counters->refused_user, 4);
	assert_int_equal(counters->refused, 0);
	assert_null(hear(fixture, crowd.fds[VARLINK_CLIENTS_USER]));
	assert_alive(fixture, crowd.fds[VARLINK_CLIENTS_USER - 1]);
	/* another user's share, and root who has none */
	assert_int_equal(crowd_in(fixture, &crowd, FIRST_USER + 1, 0, 1), 1);
	assert_int_equal(crowd_in(fixture, &crowd, 0, 0, VARLINK_CLIENTS_USER + 1),
			 VARLINK_CLIENTS_USER + 1);
	/* who leaves makes room */
	closep(&crowd.fds[0]);
	crowd.fds[0] = -EBADF;
	turn(fixture);
	assert_int_equal(crowd_in(fixture, &crowd, FIRST_USER, 0, 2), 1);
}

static void test_reserved(void **state)
{
	const struct varlink_counters *counters;
	struct fixture *fixture = *state;
	_cleanup_crowd_ struct crowd crowd = {};
	unsigned int n = 0;

	if (geteuid() != 0)
		skip();
	counters = varlink_server_counters(fixture->server);
	for (uid_t user = 0; user < 4; user++)
		n += crowd_in(fixture, &crowd, FIRST_USER + user, 0, VARLINK_CLIENTS_USER);
	assert_int_equal(n, VARLINK_CLIENTS_MAX - VARLINK_CLIENTS_RESERVED);
	assert_int_equal(crowd_in(fixture, &crowd, 0, 0, VARLINK_CLIENTS_RESERVED + 1),
			 VARLINK_CLIENTS_RESERVED);
	assert_int_equal(counters->refused, 1);
	assert_int_equal(counters->clients, VARLINK_CLIENTS_MAX);
	assert_alive(fixture, crowd.fds[crowd.n - 2]);
}

static void test_group(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_crowd_ struct crowd crowd = {};

	if (geteuid() != 0)
		skip();
	assert_int_equal(crowd_in(fixture, &crowd, FIRST_USER, GROUP, VARLINK_CLIENTS_USER + 1),
			 VARLINK_CLIENTS_USER);
	varlink_server_trust_group(fixture->server, GROUP);
	assert_int_equal(crowd_in(fixture, &crowd, FIRST_USER, GROUP, 2), 2);
	assert_int_equal(crowd_in(fixture, &crowd, FIRST_USER, 0, 1), 0);
}

/* Asks for so many MiB, and does not read them. */
static void ask_and_forget(struct fixture *fixture, int fd, unsigned int mebibytes)
{
	char call[128];

	snprintf(call, sizeof(call), "{\"method\":\"test.Mine.Long\",\"parameters\":{\"size\":%u}}",
		 mebibytes << 20);
	say(fixture, fd, call);
}

static void test_unread(void **state)
{
	enum { SIZE = 10, FIT = 5 };
	struct fixture *fixture = *state;
	_cleanup_crowd_ struct crowd crowd = {};
	unsigned int dropped = 0;

	if (geteuid() != 0)
		skip();
	/* the first one of a user who is not trusted, and has less than the others */
	crowd_in(fixture, &crowd, FIRST_USER, 0, 1);
	crowd_in(fixture, &crowd, 0, 0, FIT + 2);
	ask_and_forget(fixture, crowd.fds[0], 3);
	for (unsigned int i = 1; i <= FIT; i++)
		ask_and_forget(fixture, crowd.fds[i], SIZE);
	assert_int_equal(varlink_server_counters(fixture->server)->dropped_slow, 0);
	ask_and_forget(fixture, crowd.fds[FIT + 1], SIZE);
	/* that user goes first, and then one of the others, for it was not enough */
	assert_int_equal(varlink_server_counters(fixture->server)->dropped_slow, 2);
	assert_int_equal(varlink_server_counters(fixture->server)->clients, FIT + 1);
	for (unsigned int i = 0; i < crowd.n; i++) {
		char bytes[4096];
		ssize_t n;

		do
			n = recv(crowd.fds[i], bytes, sizeof(bytes), MSG_DONTWAIT);
		while (n > 0);
		dropped += n == 0;
		assert_true(i > 0 || n == 0);
	}
	assert_int_equal(dropped, 2);
	/* who reads was never in danger */
	assert_alive(fixture, crowd.fds[FIT + 2]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		PLACES_TEST(test_share),
		PLACES_TEST(test_reserved),
		PLACES_TEST(test_group),
		PLACES_TEST(test_unread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
