// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The varlink server: streams, whose readers may be slow or leave at any moment, and the socket
 * file, which may be in use, stale, or somebody else's.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "varlink-fixture.h"

/* ---- Streams ---- */

#define WATCH "{\"method\":\"test.Mine.Watch\",\"more\":true}"
#define NEWS(n) "{\"parameters\":{\"n\":" #n "},\"continues\":true}"

static int notify(struct varlink_call *call, int n)
{
	json_auto_t *parameters = json_pack("{s:i}", "n", n);

	return varlink_call_notify(call, parameters);
}

static void test_stream(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_close_ int fd = dial(fixture);
	json_auto_t *last = json_object();

	say(fixture, fd, WATCH);
	assert_silent(fixture, fd);
	assert_int_equal(notify(fixture->kept[0], 1), 0);
	assert_int_equal(notify(fixture->kept[0], 2), 0);
	assert_int_equal(varlink_call_notify(fixture->kept[0], NULL), -ENOMEM);
	assert_string_equal(hear(fixture, fd), NEWS(1));
	assert_string_equal(hear(fixture, fd), NEWS(2));

	/* A call behind the stream waits for its end. */
	say(fixture, fd, PING("{}"));
	assert_silent(fixture, fd);
	assert_int_equal(varlink_call_reply(fixture->kept[0], last), 0);
	assert_string_equal(hear(fixture, fd), PONG("{}"));
	assert_string_equal(hear(fixture, fd), PONG("{}"));
	assert_int_equal(fixture->n_gone, 0);
}

static void test_stream_ends_with_error(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_close_ int fd = dial(fixture);

	say(fixture, fd, WATCH);
	assert_int_equal(varlink_call_error(fixture->kept[0], "test.Mine.Over", NULL), 0);
	assert_string_equal(hear(fixture, fd), "{\"error\":\"test.Mine.Over\",\"parameters\":{}}");
	assert_alive(fixture, fd);
}

static void test_watcher_leaves(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_close_ int fd = dial(fixture);
	int r;

	say(fixture, fd, WATCH);
	closep(&fd);
	fd = -EBADF;
	/* Until the loop turns the call is there, whatever has become of the client. */
	r = notify(fixture->kept[0], 1);
	assert_true(r == -EPIPE);
	assert_int_equal(notify(fixture->kept[0], 2), -EPIPE);
	assert_int_equal(fixture->n_gone, 0);
	turn(fixture);
	assert_int_equal(fixture->n_gone, 1);
	assert_null(fixture->kept[0]);

	/* And without any news it is noticed, too. */
	fd = dial(fixture);
	say(fixture, fd, WATCH);
	closep(&fd);
	fd = -EBADF;
	turn(fixture);
	assert_int_equal(fixture->n_gone, 2);
	assert_int_equal(varlink_server_counters(fixture->server)->clients, 0);
}

static void test_slow_watcher(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_close_ int slow = dial(fixture);
	_cleanup_close_ int quick = dial(fixture);
	json_auto_t *large = filled(1 << 19);
	int i, r = 0;

	say(fixture, slow, WATCH);
	for (i = 0; r == 0; i++) {
		assert_true(i < 2 * (int)(VARLINK_QUEUE_MAX >> 19));
		r = varlink_call_notify(fixture->kept[0], large);
		turn(fixture);
	}
	assert_int_equal(r, -ENOBUFS);
	assert_int_equal(fixture->n_gone, 1);
	assert_int_equal(varlink_server_counters(fixture->server)->dropped_slow, 1);
	assert_int_equal(varlink_server_counters(fixture->server)->clients, 1);
	assert_alive(fixture, quick);
}

/* The daemon walks its list of watchers while they fall away. */
static void test_watchers_fall_while_walking(void **state)
{
	struct fixture *fixture = *state;
	int fds[KEPT_MAX], i;

	for (i = 0; i < KEPT_MAX; i++) {
		fds[i] = dial(fixture);
		say(fixture, fds[i], WATCH);
	}
	closep(&fds[0]);
	closep(&fds[2]);
	for (i = 0; i < KEPT_MAX; i++)
		assert_int_equal(notify(fixture->kept[i], 7), i % 2 == 0 ? -EPIPE : 0);
	turn(fixture);
	assert_int_equal(fixture->n_gone, 2);
	assert_string_equal(hear(fixture, fds[1]), NEWS(7));
	assert_string_equal(hear(fixture, fds[3]), NEWS(7));

	fixture->server = varlink_server_free(fixture->server);
	assert_int_equal(fixture->n_gone, KEPT_MAX);
	assert_null(hear(fixture, fds[1]));
	closep(&fds[1]);
	closep(&fds[3]);
}

/* ---- Sockets ---- */

static void test_socket_file(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(varlink_server_freep) struct varlink_server *second = NULL;
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	assert_int_equal(stat(fixture->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0666);

	assert_int_equal(varlink_server_listen(fixture->server, fixture->path), -EBUSY);
	assert_int_equal(varlink_server_new(fixture->event, &service, fixture, &second), 0);
	assert_int_equal(varlink_server_listen(second, fixture->path), -EADDRINUSE);
	fd = dial(fixture);
	assert_alive(fixture, fd);
}

/* What a daemon that was killed leaves behind. */
static void test_stale_socket(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(varlink_server_freep) struct varlink_server *second = NULL;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/stale", fixture->directory);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	closep(&fd);
	assert_int_equal(varlink_server_new(fixture->event, &service, fixture, &second), 0);
	assert_int_equal(varlink_server_listen(second, address.sun_path), 0);
	fd = dial_path(address.sun_path);
	assert_alive(fixture, fd);
}

static void test_bad_paths(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(varlink_server_freep) struct varlink_server *second = NULL;
	char path[256];
	int fd;

	assert_int_equal(varlink_server_new(fixture->event, &service, fixture, &second), 0);
	snprintf(path, sizeof(path), "%s/file", fixture->directory);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	closep(&fd);
	assert_int_equal(varlink_server_listen(second, path), -EEXIST);
	assert_int_equal(unlink(path), 0);

	snprintf(path, sizeof(path), "%s/no/such/socket", fixture->directory);
	assert_int_equal(varlink_server_listen(second, path), -ENOENT);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(varlink_server_listen(second, path), -ENAMETOOLONG);

	/* After all that it is still good for a sound path. */
	snprintf(path, sizeof(path), "%s/good", fixture->directory);
	assert_int_equal(varlink_server_listen(second, path), 0);
}

static void test_passed_socket(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(varlink_server_freep) struct varlink_server *second = NULL;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_close_ int fd = -EBADF;

	assert_int_equal(varlink_server_new(fixture->event, &service, fixture, &second), 0);
	assert_int_equal(varlink_server_listen_fd(second, dup(listener)), -EINVAL);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/passed", fixture->directory);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(varlink_server_listen_fd(second, TAKE_FD(listener)), 0);
	fd = dial_path(address.sun_path);
	assert_alive(fixture, fd);

	/* It is not ours to remove. */
	second = varlink_server_free(second);
	assert_int_equal(unlink(address.sun_path), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_stream),
		TEST(test_stream_ends_with_error),
		TEST(test_watcher_leaves),
		TEST(test_slow_watcher),
		TEST(test_watchers_fall_while_walking),
		TEST(test_socket_file),
		TEST(test_stale_socket),
		TEST(test_bad_paths),
		TEST(test_passed_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
