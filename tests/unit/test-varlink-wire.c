// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The framing: however the bytes arrive, the same messages come out; whatever is too long or no
 * JSON object is refused; what is queued arrives whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "varlink-wire.h"
#include "cxlirqd/varlink.h"

#define MESSAGE_MAX 64

struct fixture {
	struct varlink_wire wire;
	int fd; /* the other end */
};

static int setup(void **state)
{
	static struct fixture fixture;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	varlink_wire_init(&fixture.wire, fds[0], MESSAGE_MAX);
	fixture.fd = fds[1];
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	varlink_wire_done(&fixture->wire);
	closep(&fixture->fd);
	return 0;
}

static void put(const struct fixture *fixture, const void *data, size_t size)
{
	assert_int_equal(send(fixture->fd, data, size, MSG_NOSIGNAL), size);
}

/* The next message is {"n": @n}. */
static void assert_takes(struct fixture *fixture, int n)
{
	json_auto_t *message = NULL;

	assert_int_equal(varlink_wire_take(&fixture->wire, &message), 1);
	assert_int_equal(json_integer_value(json_object_get(message, "n")), n);
}

static void assert_takes_nothing(struct fixture *fixture)
{
	json_t *message = NULL;

	assert_false(varlink_wire_has_message(&fixture->wire));
	assert_int_equal(varlink_wire_take(&fixture->wire, &message), 0);
	assert_null(message);
}

static void test_byte_by_byte(void **state)
{
	static const char message[] = "{\"n\":7}";
	struct fixture *fixture = *state;
	size_t i;

	for (i = 0; i < sizeof(message); i++) {
		assert_takes_nothing(fixture);
		put(fixture, message + i, 1);
		assert_int_equal(varlink_wire_read(&fixture->wire), 1);
	}
	assert_true(varlink_wire_has_message(&fixture->wire));
	assert_takes(fixture, 7);
	assert_int_equal(varlink_wire_read(&fixture->wire), 0);
	assert_takes_nothing(fixture);
}

static void test_coalesced(void **state)
{
	static const char messages[] = "{\"n\":1}\0 {\"n\":2} \0{\"n\":3}\0{\"n\"";
	struct fixture *fixture = *state;

	put(fixture, messages, sizeof(messages) - 1);
	assert_int_equal(varlink_wire_read(&fixture->wire), 1);
	assert_takes(fixture, 1);
	assert_takes(fixture, 2);
	assert_takes(fixture, 3);
	assert_takes_nothing(fixture);
	put(fixture, ":4}", 4);
	assert_int_equal(varlink_wire_read(&fixture->wire), 1);
	assert_takes(fixture, 4);
}

/* Enough of them to make the buffer move and grow at every possible place. */
static void test_many(void **state)
{
	struct fixture *fixture = *state;
	int sent = 0, taken = 0;
	char text[32];

	while (taken < 5000) {
		while (sent < taken + 3)
			put(fixture, text, (size_t)sprintf(text, "{\"n\":%d}", sent++) + 1);
		assert_true(varlink_wire_read(&fixture->wire) >= 0);
		assert_takes(fixture, taken++);
	}
}

static void fill_message(char *text, size_t length)
{
	memset(text, ' ', length);
	memcpy(text, "{\"n\":5}", 7);
	text[length] = '\0';
}

static void test_longest(void **state)
{
	struct fixture *fixture = *state;
	char text[MESSAGE_MAX + 1];

	fill_message(text, MESSAGE_MAX);
	put(fixture, text, sizeof(text));
	assert_int_equal(varlink_wire_read(&fixture->wire), 1);
	assert_takes(fixture, 5);
}

static void test_too_long(void **state)
{
	struct fixture *fixture = *state;
	char text[MESSAGE_MAX + 2];
	json_t *message = NULL;

	fill_message(text, MESSAGE_MAX + 1);
	put(fixture, text, sizeof(text));
	assert_int_equal(varlink_wire_read(&fixture->wire), 1);
	assert_true(varlink_wire_has_message(&fixture->wire));
	assert_int_equal(varlink_wire_take(&fixture->wire, &message), -EMSGSIZE);
	/* There is no room for more of it, however much may come. */
	assert_int_equal(varlink_wire_read(&fixture->wire), 0);
	assert_null(message);
}

static void test_garbage(void **state)
{
#define GARBAGE(text)                                                                              \
	{                                                                                          \
		text, sizeof(text)                                                                 \
	}
	static const struct {
		const char *bytes;
		size_t size;
	} garbage[] = {
		GARBAGE(""),
		GARBAGE(" "),
		GARBAGE("GET / HTTP/1.1\r\n"),
		GARBAGE("[1]"),
		GARBAGE("\"x\""),
		GARBAGE("null"),
		GARBAGE("{"),
		GARBAGE("{} {}"),
		GARBAGE("{}x"),
		GARBAGE("{\"a\":1,\"a\":2}"),
		GARBAGE("{\"a\":\"\xff\"}"),
		GARBAGE("{'a':1}"),
		GARBAGE("{\"a\":\"\\u0000\"}"),
		GARBAGE("{\"a\":1,}"),
		GARBAGE("{\"a\":nan}"),
		/* A NUL in the middle makes two halves, each of them garbage. */
		GARBAGE("{\"a\0b\":1}"),
	};
	struct fixture *fixture = *state;
	json_t *message = NULL;
	size_t i;

	for (i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		put(fixture, garbage[i].bytes, garbage[i].size);
		assert_int_equal(varlink_wire_read(&fixture->wire), 1);
		while (varlink_wire_has_message(&fixture->wire))
			assert_int_equal(varlink_wire_take(&fixture->wire, &message), -EBADMSG);
	}
	assert_null(message);
}

static void test_depth(void **state)
{
	enum { DEEP = 3000, SHALLOW = 20 };
	struct fixture *fixture = *state;
	char text[2 * DEEP + 16];
	json_t *message = NULL;
	int n;

	fixture->wire.message_max = sizeof(text);
	n = sprintf(text, "{\"n\":7,\"a\":");
	memset(text + n, '[', SHALLOW);
	memset(text + n + SHALLOW, ']', SHALLOW);
	memcpy(text + n + 2 * SHALLOW, "}", 2);
	put(fixture, text, (size_t)n + 2 * SHALLOW + 2);
	assert_int_equal(varlink_wire_read(&fixture->wire), 1);
	assert_takes(fixture, 7);

	memset(text + n, '[', DEEP);
	memset(text + n + DEEP, ']', DEEP);
	memcpy(text + n + 2 * DEEP, "}", 2);
	put(fixture, text, (size_t)n + 2 * DEEP + 2);
	assert_int_equal(varlink_wire_read(&fixture->wire), 1);
	assert_int_equal(varlink_wire_take(&fixture->wire, &message), -EBADMSG);
	assert_null(message);
}

static void test_end(void **state)
{
	struct fixture *fixture = *state;

	put(fixture, "{\"n\":1}", 8);
	closep(&fixture->fd);
	fixture->fd = -EBADF;
	assert_int_equal(varlink_wire_read(&fixture->wire), 1);
	assert_takes(fixture, 1);
	assert_int_equal(varlink_wire_read(&fixture->wire), -ECONNRESET);
}

/* A message larger than the socket's buffer leaves in parts, and arrives as one. */
static void test_queue(void **state)
{
	_cleanup_free_ char *filling = malloc((1 << 20) + 1);
	struct fixture *fixture = *state;
	struct varlink_wire other;
	json_auto_t *message = NULL;
	json_auto_t *arrived = NULL;
	int r, parts = 0;

	memset(filling, 'x', 1 << 20);
	filling[1 << 20] = '\0';
	message = json_pack("{s:s, s:i}", "filling", filling, "n", 3);
	varlink_wire_init(&other, TAKE_FD(fixture->fd), 2 << 20);
	assert_int_equal(varlink_wire_queue(&fixture->wire, message), 0);
	assert_true(varlink_wire_queued(&fixture->wire) > 1 << 20);

	while (varlink_wire_take(&other, &arrived) == 0) {
		r = varlink_wire_flush(&fixture->wire);
		assert_true(r >= 0);
		parts += r == 0;
		assert_true(varlink_wire_read(&other) >= 0);
	}
	assert_true(parts > 0);
	assert_true(json_equal(message, arrived));
	assert_int_equal(varlink_wire_queued(&fixture->wire), 0);
	varlink_wire_done(&other);
}

/* What is too long to send leaves the queue as it was. */
static void test_queue_too_long(void **state)
{
	_cleanup_free_ char *filling = malloc(VARLINK_REPLY_MAX + 1);
	struct fixture *fixture = *state;
	json_auto_t *good = json_pack("{s:i}", "n", 1);
	json_auto_t *bad = NULL;
	char text[32];

	memset(filling, 'x', VARLINK_REPLY_MAX);
	filling[VARLINK_REPLY_MAX] = '\0';
	bad = json_pack("{s:s}", "filling", filling);
	assert_int_equal(varlink_wire_queue(&fixture->wire, good), 0);
	assert_int_equal(varlink_wire_queue(&fixture->wire, bad), -EMSGSIZE);
	assert_int_equal(varlink_wire_queue(&fixture->wire, good), 0);
	assert_int_equal(varlink_wire_flush(&fixture->wire), 1);
	assert_int_equal(recv(fixture->fd, text, sizeof(text), 0), 16);
	assert_memory_equal(text, "{\"n\":1}\0{\"n\":1}", 16);
}

static void test_reader_gone(void **state)
{
	struct fixture *fixture = *state;
	json_auto_t *message = json_object();

	closep(&fixture->fd);
	fixture->fd = -EBADF;
	assert_int_equal(varlink_wire_queue(&fixture->wire, message), 0);
	assert_int_equal(varlink_wire_flush(&fixture->wire), -EPIPE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_byte_by_byte),   TEST(test_coalesced),   TEST(test_many),
		TEST(test_longest),	   TEST(test_too_long),	   TEST(test_garbage),
		TEST(test_depth),	   TEST(test_end),	   TEST(test_queue),
		TEST(test_queue_too_long), TEST(test_reader_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
