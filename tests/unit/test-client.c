// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The client: what varlink_client makes of a daemon that is absent, mute, gone or mad, which
 * sentence the user gets, and which exit code a verb ends with. The daemon is a child process that
 * takes one call and says a prepared text.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "cxlirqd/varlink.h"

#include "cli/client.h"
#include "cli/verb.h"

#define MOMENT_US 50000

struct fixture {
	char directory[32];
	char path[64];
	int listener;
	pid_t daemon;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(fixture->directory, "/tmp/test-client-XXXXXX");
	if (!mkdtemp(fixture->directory))
		return -1;
	snprintf(fixture->path, sizeof(fixture->path), "%s/socket", fixture->directory);
	strcpy(address.sun_path, fixture->path);
	fixture->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(fixture->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fixture->listener, 0) < 0)
		return -1;
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->daemon > 0) {
		kill(fixture->daemon, SIGKILL);
		waitpid(fixture->daemon, NULL, 0);
	}
	closep(&fixture->listener);
	unlink(fixture->path);
	assert_int_equal(rmdir(fixture->directory), 0);
	free(fixture);
	return 0;
}

/* Takes one call, says @size bytes @times over, and stays until it is killed or closes at once. */
static void play(struct fixture *fixture, const char *bytes, size_t size, int times, bool stay)
{
	char byte;
	int fd;

	fixture->daemon = fork();
	assert_true(fixture->daemon >= 0);
	if (fixture->daemon > 0)
		return;
	fd = accept(fixture->listener, NULL, NULL);
	while (read(fd, &byte, 1) == 1 && byte != '\0')
		;
	while (times-- > 0)
		if (send(fd, bytes, size, MSG_NOSIGNAL) < 0)
			break;
	if (stay)
		pause();
	_exit(0);
}

static void play_text(struct fixture *fixture, const char *text)
{
	play(fixture, text, strlen(text) + 1, 1, false);
}

/* ---- varlink_client ---- */

static struct varlink_client *dial(const struct fixture *fixture)
{
	struct varlink_client *client = NULL;

	assert_int_equal(varlink_client_connect(fixture->path, 10 * 1000000, &client), 0);
	return client;
}

static void test_nobody_there(void **state)
{
	struct fixture *fixture = *state;
	struct varlink_client *client = NULL;
	char path[200];

	closep(&fixture->listener);
	fixture->listener = -EBADF;
	assert_int_equal(varlink_client_connect(fixture->path, 0, &client), -ECONNREFUSED);
	assert_int_equal(varlink_client_connect("/nonexistent/socket", 0, &client), -ENOENT);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(varlink_client_connect(path, 0, &client), -ENAMETOOLONG);
	assert_null(client);
}

/* A daemon that does not even accept: its backlog is full. */
static void test_backlog_full(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(varlink_client_freep) struct varlink_client *first = NULL;
	struct varlink_client *second = NULL;

	assert_int_equal(varlink_client_connect(fixture->path, MOMENT_US, &first), 0);
	assert_int_equal(varlink_client_connect(fixture->path, MOMENT_US, &second), -ETIMEDOUT);
	assert_null(second);
}

static void test_call(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(varlink_reply_done) struct varlink_reply reply = VARLINK_REPLY_NULL;
	_cleanup_(varlink_client_freep) struct varlink_client *client = NULL;
	json_auto_t *parameters = json_pack("{s:i}", "x", 1);

	play_text(fixture, "{\"parameters\":{\"y\":2}}");
	client = dial(fixture);
	assert_int_equal(varlink_client_call(client, "a.B", parameters, &reply), 0);
	assert_null(reply.error);
	assert_false(reply.continues);
	assert_int_equal(json_integer_value(json_object_get(reply.parameters, "y")), 2);
}

static void test_error_reply(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(varlink_reply_done) struct varlink_reply reply = VARLINK_REPLY_NULL;
	_cleanup_(varlink_client_freep) struct varlink_client *client = NULL;

	play_text(fixture, "{\"error\":\"a.Bad\"}");
	client = dial(fixture);
	assert_int_equal(varlink_client_call(client, "a.B", NULL, &reply), 0);
	assert_string_equal(reply.error, "a.Bad");
	assert_int_equal(json_object_size(reply.parameters), 0);
}

static void test_stream(void **state)
{
	static const char replies[] = "{\"parameters\":{\"n\":0},\"continues\":true}\0"
				      "{\"parameters\":{\"n\":1},\"continues\":true}\0"
				      "{\"parameters\":{\"n\":2}}";
	struct fixture *fixture = *state;
	_cleanup_(varlink_client_freep) struct varlink_client *client = NULL;
	struct varlink_reply reply = VARLINK_REPLY_NULL;
	int n;

	play(fixture, replies, sizeof(replies), 1, false);
	client = dial(fixture);
	assert_int_equal(varlink_client_send(client, "a.B", NULL, true), 0);
	for (n = 0; n < 3; n++) {
		assert_int_equal(varlink_client_receive(client, &reply), 0);
		assert_int_equal(json_integer_value(json_object_get(reply.parameters, "n")), n);
		assert_int_equal(reply.continues, n < 2);
		varlink_reply_done(&reply);
	}
	assert_int_equal(varlink_client_receive(client, &reply), -ECONNRESET);
}

static void test_bad_replies(void **state)
{
	static const struct {
		const char *text;
		int error;
	} table[] = {
		{ "nonsense", -EBADMSG },
		{ "[1]", -EBADMSG },
		{ "{\"error\":5}", -EBADMSG },
		{ "{\"parameters\":[]}", -EBADMSG },
		{ "{\"continues\":\"yes\"}", -EBADMSG },
	};
	struct fixture *fixture = *state;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		_cleanup_(varlink_client_freep) struct varlink_client *client = NULL;
		struct varlink_reply reply = VARLINK_REPLY_NULL;

		play_text(fixture, table[i].text);
		client = dial(fixture);
		assert_int_equal(varlink_client_call(client, "a.B", NULL, &reply), table[i].error);
		assert_null(reply.parameters);
		waitpid(fixture->daemon, NULL, 0);
		fixture->daemon = 0;
	}
}

static void test_reply_too_long(void **state)
{
	static char piece[1 << 20];
	struct fixture *fixture = *state;
	_cleanup_(varlink_client_freep) struct varlink_client *client = NULL;
	struct varlink_reply reply = VARLINK_REPLY_NULL;

	memset(piece, 'x', sizeof(piece));
	play(fixture, piece, sizeof(piece), (VARLINK_REPLY_MAX >> 20) + 1, true);
	client = dial(fixture);
	assert_int_equal(varlink_client_call(client, "a.B", NULL, &reply), -EMSGSIZE);
}

static void test_daemon_gone(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(varlink_client_freep) struct varlink_client *client = NULL;
	struct varlink_reply reply = VARLINK_REPLY_NULL;

	play(fixture, "{\"parameters\":{", 15, 1, false);
	client = dial(fixture);
	assert_int_equal(varlink_client_call(client, "a.B", NULL, &reply), -ECONNRESET);
}

static void test_silence(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(varlink_client_freep) struct varlink_client *client = NULL;
	struct varlink_reply reply = VARLINK_REPLY_NULL;

	play(fixture, "{", 1, 1, true);
	client = dial(fixture);
	varlink_client_set_timeout(client, MOMENT_US);
	assert_int_equal(varlink_client_call(client, "a.B", NULL, &reply), -ETIMEDOUT);
}

static void test_interrupt(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(varlink_client_freep) struct varlink_client *client = NULL;
	_cleanup_close_ int stop = eventfd(1, EFD_CLOEXEC);
	struct varlink_reply reply = VARLINK_REPLY_NULL;

	play(fixture, "", 0, 0, true);
	client = dial(fixture);
	varlink_client_set_timeout(client, 0);
	varlink_client_set_interrupt(client, stop);
	assert_int_equal(varlink_client_call(client, "a.B", NULL, &reply), -EINTR);
}

/* ---- What the user is told ---- */

static int ignore_reply(const json_t *parameters, void *userdata)
{
	(void)parameters;
	++*(int *)userdata;
	return 0;
}

static int refuse_reply(const json_t *parameters, void *userdata)
{
	(void)parameters;
	(void)userdata;
	return -EIO;
}

static int run_stream(const struct fixture *fixture, int (*each)(const json_t *, void *), int *n,
		      char **reterr_text)
{
	struct options options = { .socket = fixture->path, .timeout_us = 10 * 1000000 };
	json_auto_t *parameters = json_object();
	const struct client_stream stream = {
		.method = "Watch",
		.parameters = parameters,
		.interrupt_fd = -EBADF,
		.each = each,
		.userdata = n,
	};

	return client_stream(&options, &stream, reterr_text);
}

static void test_sentences(void **state)
{
	static const struct {
		const char *reply;
		const char *sentence;
	} table[] = {
		{ "{\"error\":\"io.cxlirqd.NoSuchDevice\",\"parameters\":{\"device\":\"mem7\"}}",
		  "mem7: no such device" },
		{ "{\"error\":\"io.cxlirqd.NoSuchInterrupt\",\"parameters\":{\"irq\":77}}",
		  "77: no such interrupt" },
		{ "{\"error\":\"io.cxlirqd.TracingUnavailable\",\"parameters\":"
		  "{\"reason\":\"no BTF\"}}",
		  "Watch: tracing is not available: no BTF" },
		{ "{\"error\":\"io.cxlirqd.PermissionDenied\"}",
		  "Watch: permission denied, only root and the group cxlirq may" },
		{ "{\"error\":\"io.cxlirqd.Failed\",\"parameters\":{\"reason\":\"bad luck\"}}",
		  "Watch: failed: bad luck" },
		{ "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":"
		  "{\"method\":\"x\"}}",
		  "Watch: the running daemon cannot do this" },
		{ "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":"
		  "{\"parameter\":\"irq\"}}",
		  "irq: the daemon does not accept this" },
		{ "{\"error\":\"com.example.Odd\"}", "Watch: com.example.Odd" },
		/* The parameter that an error should have is missing, or of a wrong type. */
		{ "{\"error\":\"io.cxlirqd.NoSuchDevice\"}", "Watch: no such device" },
		{ "{\"error\":\"io.cxlirqd.Failed\",\"parameters\":{\"reason\":5}}",
		  "Watch: failed" },
	};
	struct fixture *fixture = *state;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		_cleanup_free_ char *sentence = NULL;
		int n = 0;

		play_text(fixture, table[i].reply);
		assert_int_equal(run_stream(fixture, ignore_reply, &n, &sentence), -EREMOTEIO);
		assert_string_equal(sentence, table[i].sentence);
		assert_int_equal(n, 0);
		waitpid(fixture->daemon, NULL, 0);
		fixture->daemon = 0;
	}
}

static void test_stream_broken_off(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_free_ char *sentence = NULL;
	char expected[128];
	int n = 0;

	play_text(fixture, "{\"parameters\":{},\"continues\":true}");
	assert_int_equal(run_stream(fixture, ignore_reply, &n, &sentence), -ECONNRESET);
	assert_int_equal(n, 1);
	snprintf(expected, sizeof(expected), "%s: the daemon closed the connection", fixture->path);
	assert_string_equal(sentence, expected);
}

/* What @each could not do it has told the user itself: there is no second sentence. */
static void test_stream_refused_by_taker(void **state)
{
	struct fixture *fixture = *state;
	char *sentence = NULL;

	play_text(fixture, "{\"parameters\":{},\"continues\":true}");
	assert_true(run_stream(fixture, refuse_reply, NULL, &sentence) < 0);
	assert_null(sentence);
}

/* ---- Exit codes ---- */

/* Runs a verb with its words to nowhere. */
static enum exit_code run_verb(const struct fixture *fixture, verb_fn verb, const char *argument)
{
	struct options options = {
		.socket = fixture->path,
		.timeout_us = 10 * 1000000,
		.irq = -1,
		.json = true,
	};
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
	_cleanup_close_ int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	enum exit_code code;

	fflush(stdout);
	dup2(nowhere, STDOUT_FILENO);
	dup2(nowhere, STDERR_FILENO);
	code = verb(&options, argument);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	closep(&out);
	closep(&err);
	return code;
}

#define STATUS(health) "{\"parameters\":{\"status\":{\"health\":" health "}}}"
#define SUPPORT(mode, attached, reason)                                                            \
	"{\"parameters\":{\"support\":{\"mode\":\"" mode "\",\"hooks\":["                          \
	"{\"hook\":\"a\",\"attached\":true,\"reason\":null},"                                      \
	"{\"hook\":\"b\",\"attached\":" attached ",\"reason\":" reason "}]}}}"

static void test_exit_codes(void **state)
{
	static const struct {
		verb_fn verb;
		const char *argument;
		const char *reply;
		enum exit_code code;
	} table[] = {
		{ verb_status, NULL, STATUS("\"healthy\""), EXIT_DONE },
		{ verb_status, NULL, STATUS("\"degraded\""), EXIT_UNHEALTHY },
		{ verb_status, NULL, STATUS("null"), EXIT_UNHEALTHY },
		{ verb_status, NULL, "{\"parameters\":{\"status\":[]}}", EXIT_FAILED },
		{ verb_support, NULL, SUPPORT("tracing", "true", "null"), EXIT_DONE },
		{ verb_support, NULL, SUPPORT("tracing", "false", "null"), EXIT_UNHEALTHY },
		{ verb_support, NULL, SUPPORT("tracing", "false", "\"no such function\""),
		  EXIT_UNHEALTHY },
		{ verb_support, NULL, SUPPORT("tracing", "false", "\"replaced by c\""), EXIT_DONE },
		{ verb_support, NULL, SUPPORT("tracing", "false", "\"not needed: no CXL\""),
		  EXIT_DONE },
		{ verb_support, NULL, SUPPORT("sysfs", "true", "null"), EXIT_UNHEALTHY },
		{ verb_domains, NULL, "{\"parameters\":{\"domains\":[]}}", EXIT_DONE },
		{ verb_domains, NULL, "{\"parameters\":{\"domains\":[],\"reason\":\"x\"}}",
		  EXIT_DONE },
		{ verb_domains, NULL, "{\"parameters\":{}}", EXIT_FAILED },
		{ verb_domains, NULL, "{\"error\":\"io.cxlirqd.Failed\"}", EXIT_FAILED },
		{ verb_domains, NULL, "rubbish", EXIT_FAILED },
		{ verb_devices, NULL, "{\"parameters\":{\"devices\":[]}}", EXIT_DONE },
		{ verb_devices, "x", "{\"parameters\":{\"devices\":[{\"device\":\"x\"}]}}",
		  EXIT_DONE },
		{ verb_devices, "x", "{\"parameters\":{\"devices\":[]}}", EXIT_FAILED },
		{ verb_devices, "x", "{\"error\":\"io.cxlirqd.NoSuchDevice\"}", EXIT_FAILED },
		{ verb_vectors, NULL, "{\"parameters\":{\"vectors\":[{}]}}", EXIT_DONE },
		{ verb_events, NULL, "{\"parameters\":{\"event\":null}}", EXIT_DONE },
		{ verb_events, NULL, "{\"parameters\":{\"event\":null},\"continues\":true}",
		  EXIT_FAILED },
		{ verb_snapshot, NULL, "{\"parameters\":{\"snapshot\":{}}}", EXIT_DONE },
		{ verb_snapshot, NULL, "{\"parameters\":{\"snapshot\":null}}", EXIT_FAILED },
		{ verb_record, NULL, "", EXIT_USAGE },
	};
	struct fixture *fixture = *state;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		enum exit_code code;

		play_text(fixture, table[i].reply);
		code = run_verb(fixture, table[i].verb, table[i].argument);
		if (code != table[i].code)
			fail_msg("%s: %d instead of %d", table[i].reply, code, table[i].code);
		kill(fixture->daemon, SIGKILL);
		waitpid(fixture->daemon, NULL, 0);
		fixture->daemon = 0;
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_nobody_there),
		TEST(test_backlog_full),
		TEST(test_call),
		TEST(test_error_reply),
		TEST(test_stream),
		TEST(test_bad_replies),
		TEST(test_reply_too_long),
		TEST(test_daemon_gone),
		TEST(test_silence),
		TEST(test_interrupt),
		TEST(test_sentences),
		TEST(test_stream_broken_off),
		TEST(test_stream_refused_by_taker),
		TEST(test_exit_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
