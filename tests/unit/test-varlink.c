// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The varlink server: calls and their answers, errors that keep the connection, and nonsense that
 * costs the sender his connection and nobody else anything.
 */
#include "varlink-fixture.h"

/* ---- Calls ---- */

static void test_service(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_close_ int fd = dial(fixture);

	assert_answer(fixture, fd, "{\"method\":\"org.varlink.service.GetInfo\"}",
		      "{\"parameters\":{\"vendor\":\"Vendor\",\"product\":\"Product\","
		      "\"version\":\"1.2\",\"url\":\"https://example.org/\","
		      "\"interfaces\":[\"org.varlink.service\",\"test.Mine\"]}}");
	assert_answer(fixture, fd,
		      "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		      "\"parameters\":{\"interface\":\"test.Mine\"}}",
		      "{\"parameters\":{\"description\":"
		      "\"interface test.Mine\\nmethod Ping() -> ()\\n\"}}");
	say(fixture, fd,
	    "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
	    "\"parameters\":{\"interface\":\"org.varlink.service\"}}");
	assert_non_null(strstr(hear(fixture, fd), "interface org.varlink.service\\n"));
	assert_answer(fixture, fd,
		      "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		      "\"parameters\":{\"interface\":\"no.Such\"}}",
		      ERROR("org.varlink.service.InterfaceNotFound", "interface", "no.Such"));
}

static void test_answers(void **state)
{
	static const struct {
		const char *call;
		const char *answer;
	} table[] = {
		{ PING("{}"), PONG("{}") },
		{ PING("null"), PONG("{}") },
		{ PING("{\"flag\":true,\"number\":-3,\"ratio\":1.5,\"text\":\"\",\"list\":[1],"
		       "\"object\":{}}"),
		  PONG("{\"flag\":true,\"number\":-3,\"ratio\":1.5,\"text\":\"\",\"list\":[1],"
		       "\"object\":{}}") },
		{ PING("{\"flag\":null,\"list\":null}"), PONG("{\"flag\":null,\"list\":null}") },
		{ PING("{\"ratio\":2}"), PONG("{\"ratio\":2}") },
		{ PING("{\"flag\":1}"), INVALID("flag") },
		{ PING("{\"number\":1.0}"), INVALID("number") },
		{ PING("{\"number\":\"1\"}"), INVALID("number") },
		{ PING("{\"ratio\":\"1\"}"), INVALID("ratio") },
		{ PING("{\"text\":5}"), INVALID("text") },
		{ PING("{\"list\":{}}"), INVALID("list") },
		{ PING("{\"object\":[]}"), INVALID("object") },
		{ PING("{\"Flag\":true}"), INVALID("Flag") },
		{ "{\"method\":\"test.Mine.Need\"}", INVALID("number") },
		{ "{\"method\":\"test.Mine.Need\",\"parameters\":{\"number\":null}}",
		  INVALID("number") },
		{ "{\"method\":\"test.Mine.Fail\",\"parameters\":{\"x\":1}}", INVALID("x") },
		{ "{\"method\":\"test.Mine.Picky\"}", INVALID("mood") },
		{ "{\"method\":\"test.Mine.Fail\"}",
		  ERROR("test.Mine.Failed", "reason", "No such device") },
		{ "{\"method\":\"test.Mine.Long\",\"parameters\":{\"size\":20000000}}",
		  ERROR("test.Mine.Failed", "reason", "Message too long") },
		{ "{\"method\":\"test.Mine.WhoAmI\"}",
		  "{\"error\":\"test.Mine.PermissionDenied\",\"parameters\":{}}" },
		{ "{\"method\":\"test.Mine.Later\"}",
		  ERROR("org.varlink.service.MethodNotImplemented", "method", "test.Mine.Later") },
		{ "{\"method\":\"test.Mine.ping\"}",
		  ERROR("org.varlink.service.MethodNotFound", "method", "test.Mine.ping") },
		{ "{\"method\":\"test.Mine.\"}",
		  ERROR("org.varlink.service.MethodNotFound", "method", "test.Mine.") },
		{ "{\"method\":\"org.varlink.service.Ping\"}",
		  ERROR("org.varlink.service.MethodNotFound", "method",
			"org.varlink.service.Ping") },
		{ "{\"method\":\"test.Ping\"}",
		  ERROR("org.varlink.service.InterfaceNotFound", "interface", "test") },
		{ "{\"method\":\"Ping\"}",
		  ERROR("org.varlink.service.InterfaceNotFound", "interface", "Ping") },
		{ "{\"method\":\"\"}",
		  ERROR("org.varlink.service.InterfaceNotFound", "interface", "") },
		{ "{\"method\":\"test.Mine.Watch\"}",
		  "{\"error\":\"org.varlink.service.ExpectedMore\",\"parameters\":{}}" },
		{ "{\"method\":\"test.Mine.Watch\",\"oneway\":false,\"more\":false}",
		  "{\"error\":\"org.varlink.service.ExpectedMore\",\"parameters\":{}}" },
		/* "more" is an offer: one reply will do. */
		{ "{\"method\":\"test.Mine.Ping\",\"more\":true}", PONG("{}") },
	};
	struct fixture *fixture = *state;
	_cleanup_close_ int fd = dial(fixture);
	size_t i;

	/* All on one connection: an error never costs it. */
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_answer(fixture, fd, table[i].call, table[i].answer);
	assert_int_equal(varlink_server_counters(fixture->server)->calls,
			 sizeof(table) / sizeof(table[0]));
	assert_int_equal(varlink_server_counters(fixture->server)->protocol_errors, 0);
}

static void test_delivery(void **state)
{
	static const char calls[] =
		PING("{\"number\":1}") "\0" PING("{\"number\":2}") "\0" PING("{\"number\":3}");
	struct fixture *fixture = *state;
	_cleanup_close_ int fd = dial(fixture);
	size_t i;

	for (i = 0; i < sizeof(calls); i++)
		say_bytes(fixture, fd, calls + i, 1);
	say_bytes(fixture, fd, calls, sizeof(calls));
	for (i = 0; i < 2; i++) {
		assert_string_equal(hear(fixture, fd), PONG("{\"number\":1}"));
		assert_string_equal(hear(fixture, fd), PONG("{\"number\":2}"));
		assert_string_equal(hear(fixture, fd), PONG("{\"number\":3}"));
	}
	assert_silent(fixture, fd);
}

static void test_oneway(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_close_ int fd = dial(fixture);
	static const char calls[] = "{\"method\":\"test.Mine.Ping\",\"oneway\":true}\0"
				    "{\"method\":\"test.Mine.Nope\",\"oneway\":true}\0"
				    "{\"method\":\"test.Mine.Ping\",\"oneway\":true}";

	say_bytes(fixture, fd, calls, sizeof(calls));
	assert_silent(fixture, fd);
	assert_int_equal(fixture->n_pings, 2);
	assert_alive(fixture, fd);

	/* Who asks for no answer need not stay either. */
	assert_int_equal(send(fd, calls, sizeof(calls), 0), sizeof(calls));
	closep(&fd);
	fd = -EBADF;
	turn(fixture);
	assert_int_equal(fixture->n_pings, 5);
	assert_int_equal(varlink_server_counters(fixture->server)->clients, 0);
}

static void test_half_closed(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_close_ int fd = dial_path(fixture->path);

	assert_int_equal(send(fd, PING("{}"), sizeof(PING("{}")), 0), sizeof(PING("{}")));
	shutdown(fd, SHUT_WR);
	assert_string_equal(hear(fixture, fd), PONG("{}"));
	assert_null(hear(fixture, fd));
}

/* Answers nobody reads yet hold back the calls behind them; none is lost, nobody is dropped. */
static void test_backpressure(void **state)
{
	enum { CALLS = 200 };
	static const char call[] = "{\"method\":\"test.Mine.Long\","
				   "\"parameters\":{\"size\":100000}}";
	struct fixture *fixture = *state;
	_cleanup_close_ int fd = dial(fixture);
	uint64_t before;
	int i;

	for (i = 0; i < CALLS; i++)
		assert_int_equal(send(fd, call, sizeof(call), MSG_DONTWAIT), sizeof(call));
	turn(fixture);
	before = varlink_server_counters(fixture->server)->calls;
	assert_true(before < CALLS);
	/* Every answer is read in one go, as turning the loop per byte would take its time. */
	for (i = 0; i < CALLS; i++) {
		static char answer[100000 + sizeof(PONG("{\"text\":\"\"}"))];
		size_t size = 0;
		ssize_t n;

		while (size < sizeof(answer)) {
			turn(fixture);
			n = recv(fd, answer + size, sizeof(answer) - size, MSG_DONTWAIT);
			assert_true(n > 0);
			size += (size_t)n;
		}
		assert_int_equal(answer[size - 1], '\0');
	}
	assert_silent(fixture, fd);
	assert_int_equal(varlink_server_counters(fixture->server)->calls, CALLS);
	assert_int_equal(varlink_server_counters(fixture->server)->dropped_slow, 0);
}

/* ---- Nonsense ---- */

static void test_garbage(void **state)
{
	static const char *const garbage[] = {
		"",
		"hello",
		"[]",
		"{",
		"{}",
		"{\"method\":5}",
		"{\"Method\":\"test.Mine.Ping\"}",
		"{\"method\":\"test.Mine.Ping\",\"parameters\":[]}",
		"{\"method\":\"test.Mine.Ping\",\"parameters\":\"x\"}",
		"{\"method\":\"test.Mine.Ping\",\"more\":1}",
		"{\"method\":\"test.Mine.Ping\",\"oneway\":\"yes\"}",
		"{\"method\":\"test.Mine.Watch\",\"more\":true,\"oneway\":true}",
		"{\"method\":\"test.Mine.Ping\",\"method\":\"test.Mine.Ping\"}",
	};
	struct fixture *fixture = *state;
	_cleanup_close_ int bystander = dial(fixture);
	size_t i;

	for (i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		_cleanup_close_ int fd = dial(fixture);

		assert_alive(fixture, fd);
		say(fixture, fd, garbage[i]);
		assert_null(hear(fixture, fd));
		assert_int_equal(varlink_server_counters(fixture->server)->protocol_errors, i + 1);
		assert_alive(fixture, bystander);
	}
	assert_int_equal(varlink_server_counters(fixture->server)->clients, 1);
}

static void test_longest_call(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_free_ char *call = malloc(VARLINK_CALL_MAX + 2);
	_cleanup_close_ int fd = dial(fixture);
	static const char ping_call[] = "{\"method\":\"test.Mine.Ping\"}";

	memset(call, ' ', VARLINK_CALL_MAX + 1);
	memcpy(call, ping_call, sizeof(ping_call) - 1);
	call[VARLINK_CALL_MAX] = '\0';
	say_bytes(fixture, fd, call, VARLINK_CALL_MAX + 1);
	assert_string_equal(hear(fixture, fd), PONG("{}"));

	call[VARLINK_CALL_MAX] = ' ';
	call[VARLINK_CALL_MAX + 1] = '\0';
	say_bytes(fixture, fd, call, VARLINK_CALL_MAX + 2);
	assert_null(hear(fixture, fd));
	assert_int_equal(varlink_server_counters(fixture->server)->protocol_errors, 1);
}

static void test_deep_call(void **state)
{
	enum { DEPTH = 100000 };
	struct fixture *fixture = *state;
	_cleanup_free_ char *call = malloc(DEPTH + 1);
	_cleanup_close_ int fd = dial(fixture);

	memset(call, '[', DEPTH);
	call[DEPTH] = '\0';
	say_bytes(fixture, fd, call, DEPTH + 1);
	assert_null(hear(fixture, fd));
	assert_int_equal(varlink_server_counters(fixture->server)->protocol_errors, 1);
}

static void test_client_limit(void **state)
{
	struct fixture *fixture = *state;
	int fds[VARLINK_CLIENTS_MAX];
	_cleanup_close_ int extra = -EBADF;
	unsigned int i;

	for (i = 0; i < VARLINK_CLIENTS_MAX; i++)
		fds[i] = dial(fixture);
	extra = dial(fixture);
	assert_null(hear(fixture, extra));
	assert_int_equal(varlink_server_counters(fixture->server)->clients, VARLINK_CLIENTS_MAX);
	assert_int_equal(varlink_server_counters(fixture->server)->accepted, VARLINK_CLIENTS_MAX);
	assert_int_equal(varlink_server_counters(fixture->server)->refused, 1);
	assert_alive(fixture, fds[0]);

	closep(&fds[5]);
	turn(fixture);
	assert_int_equal(varlink_server_counters(fixture->server)->clients,
			 VARLINK_CLIENTS_MAX - 1);
	fds[5] = dial(fixture);
	assert_alive(fixture, fds[5]);
	for (i = 0; i < VARLINK_CLIENTS_MAX; i++)
		closep(&fds[i]);
	turn(fixture);
	assert_int_equal(varlink_server_counters(fixture->server)->clients, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_service),	 TEST(test_answers),	  TEST(test_delivery),
		TEST(test_oneway),	 TEST(test_half_closed),  TEST(test_backpressure),
		TEST(test_garbage),	 TEST(test_longest_call), TEST(test_deep_call),
		TEST(test_client_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
