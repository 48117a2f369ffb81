/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A varlink server and its clients, all in this one process: a client writes, the event loop turns
 * until it has nothing left to do, the client reads. So nothing here depends on time.
 */
#ifndef TEST_VARLINK_FIXTURE_H
#define TEST_VARLINK_FIXTURE_H

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "cxlirqd/varlink.h"

#define KEPT_MAX 4
#define ANSWER_MAX ((size_t)1 << 20)

struct fixture {
	char directory[32];
	char path[64];
	sd_event *event;
	struct varlink_server *server;
	struct varlink_call *kept[KEPT_MAX]; /* calls of Watch, until they are gone */
	int n_kept;
	int n_gone;
	int n_pings;
};

/* ---- What is served ---- */

static inline int ping(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct fixture *fixture = userdata;

	fixture->n_pings++;
	return varlink_call_reply(call, parameters);
}

static inline void forget(struct varlink_call *call, void *userdata)
{
	struct fixture *fixture = userdata;
	int i;

	for (i = 0; i < fixture->n_kept; i++)
		if (fixture->kept[i] == call)
			fixture->kept[i] = NULL;
	fixture->n_gone++;
}

static inline int watch(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct fixture *fixture = userdata;

	(void)parameters;
	assert_int_equal(varlink_call_wants_more(call), true);
	varlink_call_on_gone(call, forget, fixture);
	fixture->kept[fixture->n_kept++] = call;
	return 0;
}

static inline int go_wrong(struct varlink_call *call, json_t *parameters, void *userdata)
{
	(void)call;
	(void)parameters;
	(void)userdata;
	return -ENODEV;
}

static inline json_t *filled(size_t size)
{
	_cleanup_free_ char *text = malloc(size);

	memset(text, 'x', size);
	return json_pack("{s:o}", "text", json_stringn(text, size));
}

static inline int answer_long(struct varlink_call *call, json_t *parameters, void *userdata)
{
	json_auto_t *reply =
		filled((size_t)json_integer_value(json_object_get(parameters, "size")));

	(void)userdata;
	return varlink_call_reply(call, reply);
}

static inline int whoami(struct varlink_call *call, json_t *parameters, void *userdata)
{
	gid_t groups[256];
	struct ucred peer;
	int i, n;

	(void)parameters;
	(void)userdata;
	assert_int_equal(varlink_call_peer(call, &peer), 0);
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.pid, getpid());
	assert_int_equal(varlink_call_peer_in_group(call, getegid()), 1);
	assert_int_equal(varlink_call_peer_in_group(call, (gid_t)-2), 0);
	n = getgroups(256, groups);
	for (i = 0; i < n; i++)
		assert_int_equal(varlink_call_peer_in_group(call, groups[i]), 1);
	return varlink_call_error(call, "test.Mine.PermissionDenied", NULL);
}

static inline int picky(struct varlink_call *call, json_t *parameters, void *userdata)
{
	(void)parameters;
	(void)userdata;
	return varlink_call_invalid_parameter(call, "mood");
}

static const struct varlink_method methods[] = {
	{ .name = "Ping",
	  .callback = ping,
	  .parameters = (const struct varlink_parameter[]){ { "flag", VARLINK_BOOL, true },
							    { "number", VARLINK_INT, true },
							    { "ratio", VARLINK_FLOAT, true },
							    { "text", VARLINK_STRING, true },
							    { "list", VARLINK_ARRAY, true },
							    { "object", VARLINK_OBJECT, true },
							    {} } },
	{ .name = "Need",
	  .callback = ping,
	  .parameters =
		  (const struct varlink_parameter[]){ { "number", VARLINK_INT, false }, {} } },
	{ .name = "Long",
	  .callback = answer_long,
	  .parameters = (const struct varlink_parameter[]){ { "size", VARLINK_INT, false }, {} } },
	{ .name = "Watch", .callback = watch, .needs_more = true },
	{ .name = "Fail", .callback = go_wrong },
	{ .name = "WhoAmI", .callback = whoami },
	{ .name = "Picky", .callback = picky },
	{ .name = "Later" },
	{}
};

static const struct varlink_service service = {
	.vendor = "Vendor",
	.product = "Product",
	.version = "1.2",
	.url = "https://example.org/",
	.interface = "test.Mine",
	.description = "interface test.Mine\nmethod Ping() -> ()\n",
	.methods = methods,
};

static inline int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->directory, "/tmp/test-varlink-XXXXXX");
	if (!mkdtemp(fixture->directory))
		return -1;
	snprintf(fixture->path, sizeof(fixture->path), "%s/new/socket", fixture->directory);
	*state = fixture;
	if (sd_event_new(&fixture->event) < 0 ||
	    varlink_server_new(fixture->event, &service, fixture, &fixture->server) < 0)
		return -1;
	return varlink_server_listen(fixture->server, fixture->path);
}

static inline int teardown(void **state)
{
	struct fixture *fixture = *state;
	char *slash = strrchr(fixture->path, '/');

	varlink_server_free(fixture->server);
	assert_int_equal(access(fixture->path, F_OK), -1);
	*slash = '\0';
	rmdir(fixture->path);
	assert_int_equal(rmdir(fixture->directory), 0);
	sd_event_unref(fixture->event);
	free(fixture);
	return 0;
}

/* ---- A client ---- */

static inline void turn(const struct fixture *fixture)
{
	while (sd_event_run(fixture->event, 0) > 0)
		;
}

static inline int dial_path(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static inline int dial(const struct fixture *fixture)
{
	int fd = dial_path(fixture->path);

	turn(fixture);
	return fd;
}

/* As another user, who is in no group but @group; 0: in none. Needs root. */
static inline int dial_user(const struct fixture *fixture, uid_t uid, gid_t group)
{
	int fd;

	assert_int_equal(setgroups(group ? 1 : 0, &group), 0);
	assert_int_equal(setegid(uid), 0);
	assert_int_equal(seteuid(uid), 0);
	fd = dial_path(fixture->path);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	assert_int_equal(setgroups(0, NULL), 0);
	turn(fixture);
	return fd;
}

static inline void say_bytes(const struct fixture *fixture, int fd, const char *data, size_t size)
{
	ssize_t n;

	for (; size > 0; data += n, size -= (size_t)n) {
		n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			return; /* closed on us, as some tests want it */
		turn(fixture);
	}
}

static inline void say(const struct fixture *fixture, int fd, const char *text)
{
	say_bytes(fixture, fd, text, strlen(text) + 1);
}

/* Up to the next NUL, which must come without waiting; NULL: closed. */
static inline const char *hear(const struct fixture *fixture, int fd)
{
	static char answer[ANSWER_MAX];
	size_t size = 0;
	ssize_t n;

	do {
		turn(fixture);
		assert_true(size < sizeof(answer));
		n = recv(fd, answer + size, 1, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return NULL;
		assert_int_equal(n, 1);
	} while (answer[size++]);
	return answer;
}

static inline void assert_silent(const struct fixture *fixture, int fd)
{
	char byte;

	turn(fixture);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static inline void assert_answer(const struct fixture *fixture, int fd, const char *call,
				 const char *expected)
{
	say(fixture, fd, call);
	assert_string_equal(hear(fixture, fd), expected);
}

static inline void assert_alive(const struct fixture *fixture, int fd)
{
	assert_answer(fixture, fd, "{\"method\":\"test.Mine.Ping\"}", "{\"parameters\":{}}");
}

#define ERROR(name, key, value)                                                                    \
	"{\"error\":\"" name "\",\"parameters\":{\"" key "\":\"" value "\"}}"
#define PING(parameters) "{\"method\":\"test.Mine.Ping\",\"parameters\":" parameters "}"
#define PONG(parameters) "{\"parameters\":" parameters "}"
#define INVALID(name) ERROR("org.varlink.service.InvalidParameter", "parameter", name)

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
