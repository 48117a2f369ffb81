// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The HTTP server in a loop of its own, with clients that do what no good client does, and limits so
 * short that their end is seen. What real clients get from the daemon is for tests/export.
 */
#include "http.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <time.h>

#include "records.h"

#define KEPT "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define CLIENTS_MAX 8

static struct {
	sd_event *event;
	struct http *http;
	struct listener *listener;
	struct sockaddr_in address;
	int clients[CLIENTS_MAX];
	size_t n_clients;
	size_t answer_size; /* of /large */
	unsigned int slow_usec; /* that an answer takes to be made */
	unsigned int asked; /* answers that were made */
} t;

static int answer(const struct http_request *request, struct http_answer *ret, void *userdata)
{
	struct timespec slow = { .tv_nsec = t.slow_usec * 1000L };

	(void)userdata;
	t.asked++;
	nanosleep(&slow, NULL);
	if (!strcmp(request->path, "/fails"))
		return -EIO;
	if (!strcmp(request->path, "/argument")) {
		ret->text = strdup(http_argument(request, "name") ?: "-");
	} else if (!strcmp(request->path, "/large")) {
		ret->text = malloc(t.answer_size);
		/* what gzip finds nothing in */
		for (size_t i = 0; i < t.answer_size; i++)
			ret->text[i] = (char)('!' + random() % 90);
		ret->size = t.answer_size;
	} else if (!strcmp(request->path, "/")) {
		ret->fixed = "hello\n";
		ret->size = 6;
	} else {
		return -ENOENT;
	}
	if (ret->text && !ret->size)
		ret->size = strlen(ret->text);
	ret->type = "text/plain";
	return 0;
}

static void serve(const struct http_limits *limits)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(t.address);

	assert_int_equal(sd_event_new(&t.event), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&t.address, &size), 0);
	assert_int_equal(listener_from_fd(fd, &t.listener), 0);
	assert_int_equal(http_new(t.event, limits, answer, NULL, &t.http), 0);
	assert_int_equal(http_add_listener(t.http, t.listener), 0);
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < t.n_clients; i++)
		close(t.clients[i]);
	http_free(t.http);
	listener_free(t.listener);
	sd_event_unref(t.event);
	memset(&t, 0, sizeof(t));
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A client, and what it says first */
static int connect_and_say(const char *text)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_in_range(t.n_clients, 0, CLIENTS_MAX - 1);
	t.clients[t.n_clients++] = fd;
	assert_int_equal(connect(fd, (struct sockaddr *)&t.address, sizeof(t.address)), 0);
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void turn(void)
{
	assert_true(sd_event_run(t.event, 20000) >= 0);
}

/* Runs the loop until the client has @n times @what, or its connection ends. */
static size_t count_answers(int fd, const char *what, size_t n, bool *ret_ended)
{
	static char text[1 << 20];
	size_t size = 0, found = 0;
	uint64_t end = now_ms() + 20000;
	ssize_t got = 1;

	text[0] = '\0';
	while (found < n && now_ms() < end) {
		turn();
		got = recv(fd, text + size, sizeof(text) - 1 - size, 0);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			break;
		size += got > 0 ? (size_t)got : 0;
		text[size] = '\0';
		found = 0;
		for (const char *at = text; (at = strstr(at, what)); at++)
			found++;
	}
	if (ret_ended)
		*ret_ended = got == 0 || (got < 0 && errno != EAGAIN);
	return found;
}

static void expect_answer(int fd, const char *what)
{
	assert_int_equal(count_answers(fd, what, 1, NULL), 1);
}

/* The connection ends, and this one did not have an answer. */
static void expect_end(int fd)
{
	bool ended;

	assert_int_equal(count_answers(fd, "HTTP/1.1 200", 1, &ended), 0);
	assert_true(ended);
}

static const struct http_limits ample = HTTP_LIMITS_DEFAULT;

static void test_answers(void **state)
{
	int fd;

	(void)state;
	serve(&ample);
	fd = connect_and_say(KEPT);
	expect_answer(fd, "\r\n\r\nhello\n");
	/* the same connection again */
	assert_true(send(fd, KEPT, strlen(KEPT), 0) > 0);
	expect_answer(fd, "\r\n\r\nhello\n");
	expect_answer(
		connect_and_say("GET /argument?a=b&name=%3Cx%3E HTTP/1.1\r\nHost: ::1\r\n\r\n"),
		"421");
	expect_answer(connect_and_say("GET /argument?a=b&name=%3Cx%3E HTTP/1.0\r\n\r\n"),
		      "\r\n\r\n<x>");
	expect_answer(connect_and_say("GET /none HTTP/1.0\r\n\r\n"), "HTTP/1.1 404");
	expect_answer(connect_and_say("GET /fails HTTP/1.0\r\n\r\n"), "HTTP/1.1 503");
	assert_int_equal(http_counters(t.http)->accepted, 5);
	assert_int_equal(http_counters(t.http)->requests, 6);
	assert_int_equal(http_counters(t.http)->failed, 1);
	assert_int_equal(http_counters(t.http)->refused_host, 1);
}

static void test_pipeline(void **state)
{
	int fd;

	(void)state;
	serve(&ample);
	fd = connect_and_say(KEPT KEPT KEPT KEPT KEPT);
	assert_int_equal(count_answers(fd, "hello\n", 5, NULL), 5);
}

/* Who says all that he has to say and closes that half gets his answers, and then has no place. */
static void test_half_closed(void **state)
{
	int fd;

	(void)state;
	serve(&ample);
	fd = connect_and_say(KEPT KEPT KEPT);
	shutdown(fd, SHUT_WR);
	assert_int_equal(count_answers(fd, "hello\n", 3, NULL), 3);
	while (http_counters(t.http)->connections)
		turn();
	close(connect_and_say("GET"));
	t.n_clients--;
	while (http_counters(t.http)->accepted < 2 || http_counters(t.http)->connections)
		turn();
	assert_int_equal(http_counters(t.http)->expired, 0);
}

/* What it answers by itself, it counts. */
static void test_malformed(void **state)
{
	static char large[70000];

	(void)state;
	serve(&ample);
	expect_end(connect_and_say("nonsense\r\n\r\n"));
	/* libmicrohttpd 0.9.75 sends the header of this one twice */
	assert_true(count_answers(connect_and_say("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 400", 1,
				  NULL) > 0);
	assert_int_equal(http_counters(t.http)->malformed, 1);
	expect_answer(connect_and_say("GET / HTTP/1.1\r\nno colon\r\n\r\n"), "HTTP/1.1 400");
	assert_int_equal(http_counters(t.http)->malformed, 2);
	expect_answer(connect_and_say("GET http://x/ HTTP/1.0\r\n\r\n"), "hello");
	snprintf(large, sizeof(large), "GET / HTTP/1.1\r\nHost: localhost\r\nX: %060000d\r\n\r\n",
		 1);
	expect_end(connect_and_say(large));
	assert_int_equal(http_counters(t.http)->too_large, 1);
	snprintf(large, sizeof(large), "GET /%060000d HTTP/1.1\r\nHost: localhost\r\n\r\n", 1);
	expect_end(connect_and_say(large));
	assert_int_equal(http_counters(t.http)->too_large, 2);
	expect_answer(connect_and_say(KEPT), "hello");
}

static void test_too_many(void **state)
{
	struct http_limits limits = ample;
	int first;

	(void)state;
	limits.connections = 2;
	serve(&limits);
	first = connect_and_say(KEPT);
	expect_answer(first, "hello");
	expect_answer(connect_and_say(KEPT), "hello");
	expect_end(connect_and_say(KEPT));
	assert_int_equal(http_counters(t.http)->refused_full, 1);
	assert_int_equal(http_counters(t.http)->connections, 2);
	/* one goes, another one may come */
	shutdown(first, SHUT_RDWR);
	while (http_counters(t.http)->connections == 2)
		turn();
	expect_answer(connect_and_say(KEPT), "hello");
}

static void test_of_one_address(void **state)
{
	struct http_limits limits = ample;

	(void)state;
	limits.of_one_address = 1;
	serve(&limits);
	expect_answer(connect_and_say(KEPT), "hello");
	expect_end(connect_and_say(KEPT));
	assert_int_equal(http_counters(t.http)->refused_address, 1);
}

/* A byte now and then is no request. */
static void test_slow_request(void **state)
{
	struct http_limits limits = ample;
	uint64_t start_ms = now_ms();
	size_t sent = 0;
	int fd;

	(void)state;
	limits.request_usec = 300000;
	serve(&limits);
	fd = connect_and_say("GET / HTTP/1.1\r\n");
	while (!http_counters(t.http)->expired && now_ms() < start_ms + 20000) {
		sent += send(fd, "X", 1, MSG_NOSIGNAL) == 1;
		sd_event_run(t.event, 10000);
	}
	assert_int_equal(http_counters(t.http)->expired, 1);
	assert_in_range(now_ms() - start_ms, 300, 5000);
	assert_true(sent > 0);
	expect_end(fd);
	while (http_counters(t.http)->connections)
		turn();
}

/* Nor is a byte now and then read an answer that is taken. */
static void test_slow_reader(void **state)
{
	struct http_limits limits = ample;
	uint64_t start_ms = now_ms();
	char byte;
	int fd;

	(void)state;
	limits.answer_usec = 300000;
	t.answer_size = 12 << 20;
	serve(&limits);
	fd = connect_and_say("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
	while (!http_counters(t.http)->expired && now_ms() < start_ms + 20000) {
		sd_event_run(t.event, 10000);
		(void)!recv(fd, &byte, 1, 0);
	}
	assert_int_equal(http_counters(t.http)->expired, 1);
	while (http_counters(t.http)->connections)
		turn();
}

static void test_idle(void **state)
{
	struct http_limits limits = ample;
	bool ended;
	int fd;

	(void)state;
	limits.idle_usec = 100000;
	serve(&limits);
	fd = connect_and_say(KEPT);
	expect_answer(fd, "hello");
	count_answers(fd, "never", 1, &ended);
	assert_true(ended);
	/* it did nothing wrong */
	assert_int_equal(http_counters(t.http)->expired, 0);
}

static void test_size(void **state)
{
	struct http_limits limits = ample;

	(void)state;
	limits.answer_size = 100000;
	limits.held_size = 150000;
	t.answer_size = 100001;
	serve(&limits);
	expect_answer(connect_and_say("GET /large HTTP/1.0\r\n\r\n"), "HTTP/1.1 503");
	assert_int_equal(http_counters(t.http)->failed, 1);
	t.answer_size = 90000;
	expect_answer(connect_and_say("GET /large HTTP/1.0\r\n\r\n"), "HTTP/1.1 200");
}

/* Answers that nobody reads are not kept without end. */
static void test_held(void **state)
{
	struct http_limits limits = ample;
	int first;

	(void)state;
	limits.held_size = 20 << 20;
	t.answer_size = 12 << 20;
	serve(&limits);
	first = connect_and_say("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
	while (t.asked < 1)
		turn();
	expect_answer(connect_and_say("GET /large HTTP/1.0\r\n\r\n"), "HTTP/1.1 503");
	assert_int_equal(http_counters(t.http)->failed, 1);
	shutdown(first, SHUT_RDWR);
	while (http_counters(t.http)->connections)
		turn();
	expect_answer(connect_and_say("GET /large HTTP/1.0\r\n\r\n"), "HTTP/1.1 200");
}

/* Who asks for what takes long cannot have all of the loop's time, and gets all the same. */
static void test_share(void **state)
{
	int fds[4];
	uint64_t start_ms;

	(void)state;
	t.slow_usec = 20000;
	serve(&ample);
	for (size_t i = 0; i < 4; i++)
		fds[i] = connect_and_say(KEPT);
	start_ms = now_ms();
	for (size_t i = 0; i < 4; i++)
		expect_answer(fds[i], "hello");
	/* four times 20 ms, and three pauses of 80 */
	assert_in_range(now_ms() - start_ms, 300, 10000);
	assert_int_equal(t.asked, 4);
	assert_true(http_counters(t.http)->waited >= 3);
}

/* Ends while one waits, one reads and one has not asked yet */
static void test_end(void **state)
{
	(void)state;
	t.slow_usec = 50000;
	t.answer_size = 12 << 20;
	serve(&ample);
	connect_and_say("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
	while (t.asked < 1)
		turn();
	connect_and_say(KEPT);
	connect_and_say("GET /");
	while (!http_counters(t.http)->waited)
		turn();
	assert_int_equal(t.asked, 1);
}

static void test_listener_goes(void **state)
{
	int fd;

	(void)state;
	serve(&ample);
	fd = connect_and_say(KEPT);
	expect_answer(fd, "hello");
	http_remove_listener(t.http, t.listener);
	t.listener = listener_free(t.listener);
	assert_true(send(fd, KEPT, strlen(KEPT), 0) > 0);
	expect_answer(fd, "hello");
	http_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_answers, teardown),
		cmocka_unit_test_teardown(test_pipeline, teardown),
		cmocka_unit_test_teardown(test_half_closed, teardown),
		cmocka_unit_test_teardown(test_malformed, teardown),
		cmocka_unit_test_teardown(test_too_many, teardown),
		cmocka_unit_test_teardown(test_of_one_address, teardown),
		cmocka_unit_test_teardown(test_slow_request, teardown),
		cmocka_unit_test_teardown(test_slow_reader, teardown),
		cmocka_unit_test_teardown(test_idle, teardown),
		cmocka_unit_test_teardown(test_size, teardown),
		cmocka_unit_test_teardown(test_held, teardown),
		cmocka_unit_test_teardown(test_share, teardown),
		cmocka_unit_test_teardown(test_end, teardown),
		cmocka_unit_test_teardown(test_listener_goes, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
