// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * History that a store has and history that it has not, a past that turns into the present, and one
 * that is so long that others have their turn before it is told.
 */
#include <sys/ioctl.h>

#include "sink-varlink-fixture.h"

#define UNTRACED "\"BPF tracing is off: no BTF\""

/* ---- History ---- */

static void test_history(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);

	assert_answer(&host->fixture, fd, CALL("ListHistory", "{}"),
		      "{\"error\":\"org.varlink.service.ExpectedMore\",\"parameters\":{}}");
	assert_answer(&host->fixture, fd, STREAM("ListHistory", "{}"),
		      LAST("\"the store has no such event\""));
	assert_false(host->asked.has_irq);
	assert_null(host->asked.device);
	assert_null(host->asked.type);
	assert_int_equal(host->asked.since_us, 0);
	assert_int_equal(host->asked.until_us, 0);
	assert_true(host->asked.limit > 0);

	host->stored[0] = EVENT(5);
	host->stored[1] = "damaged";
	host->stored[2] = EVENT(7);
	say(&host->fixture, fd,
	    STREAM("ListHistory", "{\"irq\":0,\"device\":\"d\",\"type\":\"t\",\"since_us\":3,"
				  "\"until_us\":9,\"limit\":2}"));
	assert_hears(host, fd, PIECE(EVENT(5)));
	assert_hears(host, fd, PIECE(EVENT(7)));
	assert_hears(host, fd, LAST("null"));
	assert_true(host->asked.has_irq);
	assert_int_equal(host->asked.irq, 0);
	assert_non_null(host->asked.device);
	assert_non_null(host->asked.type);
	assert_int_equal(host->asked.since_us, 3);
	assert_int_equal(host->asked.until_us, 9);
	assert_int_equal(host->asked.limit, 2);
}

static void test_history_incomplete(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);

	host->stored[0] = EVENT(5);
	host->cut = true;
	say(&host->fixture, fd, STREAM("ListHistory", "{}"));
	assert_hears(host, fd, PIECE(EVENT(5)));
	assert_hears(host, fd, LAST("\"the store has more, older ones were left out\""));
	host->stored_result = -EIO;
	assert_answer(&host->fixture, fd, STREAM("ListHistory", "{}"),
		      LAST("\"the store cannot be read: Input/output error\""));
	host->stored_result = -EOPNOTSUPP;
	assert_answer(&host->fixture, fd, STREAM("ListHistory", "{}"),
		      LAST("\"there is no store\""));
}

static void test_history_ill_asked(void **state)
{
	static const struct {
		const char *call, *answer;
	} calls[] = {
		{ STREAM("ListHistory", "{\"irq\":-1}"), INVALID("irq") },
		{ STREAM("ListHistory", "{\"irq\":4294967296}"), INVALID("irq") },
		{ STREAM("ListHistory", "{\"irq\":\"5\"}"), INVALID("irq") },
		{ STREAM("ListHistory", "{\"since_us\":-1}"), INVALID("since_us") },
		{ STREAM("ListHistory", "{\"until_us\":-1}"), INVALID("until_us") },
		{ STREAM("ListHistory", "{\"until_us\":\"now\"}"), INVALID("until_us") },
		{ STREAM("ListHistory", "{\"limit\":0}"), INVALID("limit") },
		{ STREAM("ListHistory", "{\"limit\":-5}"), INVALID("limit") },
		{ STREAM("ListHistory", "{\"since\":5}"), INVALID("since") },
		{ STREAM("Monitor", "{\"since_us\":-1}"), INVALID("since_us") },
		{ STREAM("Monitor", "{\"since_us\":1.5}"), INVALID("since_us") },
	};
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		assert_answer(&host->fixture, fd, calls[i].call, calls[i].answer);
	assert_int_equal(host->asked.limit, 0);
}

/* ---- Events: store, memory, and what comes ---- */

/* The store has everything, memory the last three. */
static void remember(struct host *host)
{
	publish(host, EVENT(10));
	publish(host, "{\"time_us\":20,\"type\":\"lost from memory\"}");
	publish(host, "{\"time_us\":20,\"type\":\"b\"}");
	publish(host, "{\"time_us\":30,\"type\":\"c\"}");
	publish(host, "{\"time_us\":40,\"type\":\"d\"}");
	host->stored[0] = EVENT(10);
	host->stored[1] = "{\"time_us\":20,\"type\":\"lost from memory\"}";
	host->stored[2] = "{\"time_us\":20,\"type\":\"b\"}";
	host->stored[3] = "{\"time_us\":30,\"type\":\"c\"}";
	host->stored[4] = "{\"time_us\":40,\"type\":\"d\"}";
}

static void hear_all(struct host *host, int fd)
{
	assert_hears(host, fd, PIECE(EVENT(10)));
	assert_hears(host, fd, PIECE("{\"time_us\":20,\"type\":\"lost from memory\"}"));
	assert_hears(host, fd, PIECE("{\"time_us\":20,\"type\":\"b\"}"));
	assert_hears(host, fd, PIECE("{\"time_us\":30,\"type\":\"c\"}"));
	assert_hears(host, fd, PIECE("{\"time_us\":40,\"type\":\"d\"}"));
}

/* Where nothing is traced, silence has a reason. */
static void test_untraced(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture), follower = dial(&host->fixture);

	assert_answer(&host->fixture, fd, STREAM("Monitor", "{}"), LAST("null"));
	tell(host->world, make_base(RECORD_MODE_SYSFS));
	assert_answer(&host->fixture, fd, STREAM("Monitor", "{}"), LAST(UNTRACED));
	assert_answer(&host->fixture, fd, STREAM("Monitor", "{\"since_us\":5}"), LAST(UNTRACED));
	assert_answer(&host->fixture, fd, STREAM("ListHistory", "{}"),
		      LAST("\"the store has no such event\""));
	say(&host->fixture, follower, STREAM("Monitor", "{\"follow\":true}"));
	assert_hears(host, follower,
		     "{\"parameters\":{\"event\":null,\"reason\":" UNTRACED
		     "},\"continues\":true}");
	publish(host, EVENT(10));
	assert_hears(host, follower, PIECE(EVENT(10)));
	assert_answer(&host->fixture, fd, STREAM("Monitor", "{}"), PIECE(EVENT(10)));
	assert_hears(host, fd, LAST("null"));
}

static void test_since(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);

	remember(host);
	say(&host->fixture, fd, STREAM("Monitor", "{\"since_us\":0}"));
	hear_all(host, fd);
	assert_hears(host, fd, LAST("null"));
	/* without it the store is not asked */
	host->asked.limit = 0;
	say(&host->fixture, fd, STREAM("Monitor", "{\"since_us\":null}"));
	assert_hears(host, fd, PIECE("{\"time_us\":20,\"type\":\"b\"}"));
	assert_hears(host, fd, PIECE("{\"time_us\":30,\"type\":\"c\"}"));
	assert_hears(host, fd, PIECE("{\"time_us\":40,\"type\":\"d\"}"));
	assert_hears(host, fd, LAST("null"));
	assert_int_equal(host->asked.limit, 0);
	/* memory is held to it, too */
	host->stored[0] = NULL;
	say(&host->fixture, fd, STREAM("Monitor", "{\"since_us\":40}"));
	assert_hears(host, fd, PIECE("{\"time_us\":40,\"type\":\"d\"}"));
	assert_hears(host, fd, LAST("null"));
	assert_int_equal(host->asked.since_us, 40);
}

static void test_since_and_on(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);

	remember(host);
	host->cut = true;
	say(&host->fixture, fd, STREAM("Monitor", "{\"since_us\":0,\"follow\":true}"));
	hear_all(host, fd);
	/* what is missing is told in between, and the stream goes on */
	assert_hears(host, fd,
		     "{\"parameters\":{\"event\":null,\"reason\":\"the store has more, older ones "
		     "were left out\"},\"continues\":true}");
	assert_silent(&host->fixture, fd);
	publish(host, EVENT(50));
	assert_hears(host, fd, PIECE(EVENT(50)));
}

/* More than the wire holds for a reader that does not read */
static void test_since_slow(void **state)
{
	struct host *host = *state;
	_cleanup_free_ char *padding = malloc(4 << 20), *text = NULL;
	_cleanup_close_ int fd = dial(&host->fixture);

	memset(padding, 'x', 4 << 20);
	padding[(4 << 20) - 1] = '\0';
	assert_true(asprintf(&text, "{\"time_us\":1,\"type\":\"%s\"}", padding) > 0);
	for (size_t i = 0; i < 7; i++)
		host->stored[i] = text;
	say(&host->fixture, fd, STREAM("Monitor", "{\"since_us\":0,\"follow\":true}"));
	turn(&host->fixture);
	assert_int_equal(sink_varlink_dropped(host->sink), 1);
	publish(host, EVENT(50));
}

/* As many events as take several turns, the store's */
static void store_many(struct host *host)
{
	static char texts[STORED_MAX][40];

	for (int i = 0; i + 1 < STORED_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "{\"time_us\":%d,\"type\":\"t\"}", i);
		host->stored[i] = texts[i];
	}
}

static void hear_many(struct host *host, int fd)
{
	char expected[80];

	for (int i = 0; i + 1 < STORED_MAX; i++) {
		snprintf(expected, sizeof(expected), PIECE("{\"time_us\":%d,\"type\":\"t\"}"), i);
		assert_hears(host, fd, expected);
	}
}

/* Sends without a turn of the loop */
static void whisper(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text) + 1, MSG_NOSIGNAL), strlen(text) + 1);
}

static size_t bytes_waiting(int fd)
{
	int n = 0;

	assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
	return (size_t)n;
}

/* Somebody who asks for little has it before one who asks for much has all of it. */
static void test_pieces(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int many = dial(&host->fixture), little = dial(&host->fixture);
	size_t before;

	store_many(host);
	whisper(many, STREAM("ListHistory", "{}"));
	whisper(little, CALL("ListViolations", "{}"));
	while (!bytes_waiting(little))
		assert_true(sd_event_run(host->fixture.event, 0) > 0);
	before = bytes_waiting(many);
	turn(&host->fixture);
	assert_true(bytes_waiting(many) > before);
	hear_many(host, many);
	assert_hears(host, many, LAST("null"));
	/* one that goes away in the middle of it */
	whisper(many, STREAM("ListHistory", "{}"));
	while (!bytes_waiting(many))
		assert_true(sd_event_run(host->fixture.event, 0) > 0);
	close(TAKE_FD(many));
	turn(&host->fixture);
}

/* What comes while the past is being sent comes after it, as long as memory keeps it. */
static void test_pieces_and_on(void **state)
{
	for (int n = BACKLOG; n <= BACKLOG + 1; n++) {
		struct host *host = *state;
		_cleanup_close_ int fd = dial(&host->fixture);
		char text[40], expected[80];

		store_many(host);
		whisper(fd, STREAM("Monitor", "{\"since_us\":0,\"follow\":true}"));
		while (!bytes_waiting(fd))
			assert_true(sd_event_run(host->fixture.event, 0) > 0);
		for (int i = 1; i <= n; i++) {
			snprintf(text, sizeof(text), "{\"time_us\":%d}", n * 1000 + i);
			publish(host, text);
		}
		hear_many(host, fd);
		for (int i = n - BACKLOG + 1; i <= n; i++) {
			snprintf(expected, sizeof(expected), PIECE("{\"time_us\":%d}"),
				 n * 1000 + i);
			assert_hears(host, fd, expected);
		}
		if (n > BACKLOG)
			assert_hears(host, fd,
				     "{\"parameters\":{\"event\":null,\"reason\":\"more came than "
				     "memory keeps, some were left out\"},\"continues\":true}");
		publish(host, EVENT(9999));
		assert_hears(host, fd, PIECE(EVENT(9999)));
	}
}

/* Some of it came, and then the store failed. */
static void assert_breaks_off(struct host *host, int fd)
{
	static const char last[] = LAST("\"the store cannot be read: Stale file handle\"");
	const char *heard;
	int n = 0;

	while (heard = hear(&host->fixture, fd), heard && strcmp(heard, last) != 0)
		n++;
	assert_non_null(heard);
	assert_true(n > 0);
	assert_true(n < STORED_MAX - 1);
}

/* The store fails in the middle */
static void test_pieces_fail(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);

	store_many(host);
	whisper(fd, STREAM("ListHistory", "{}"));
	while (!bytes_waiting(fd))
		assert_true(sd_event_run(host->fixture.event, 0) > 0);
	host->read_result = -ESTALE;
	assert_breaks_off(host, fd);
}

/* Who asks while the past is being told to others has an answer before they have all of it. */
static void test_pieces_in_turn(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int many = dial(&host->fixture), other = dial(&host->fixture),
			    little = dial(&host->fixture);

	store_many(host);
	whisper(many, STREAM("ListHistory", "{}"));
	whisper(other, STREAM("ListHistory", "{}"));
	while (!bytes_waiting(many) || !bytes_waiting(other))
		assert_true(sd_event_run(host->fixture.event, 0) > 0);
	whisper(little, CALL("ListViolations", "{}"));
	while (!bytes_waiting(little))
		assert_true(sd_event_run(host->fixture.event, 0) > 0);
	host->read_result = -ESTALE;
	assert_breaks_off(host, many);
	assert_breaks_off(host, other);
}

/* Bytes of the whole past */
static size_t measure_many(struct host *host, int fd)
{
	whisper(fd, STREAM("ListHistory", "{}"));
	turn(&host->fixture);
	return bytes_waiting(fd);
}

/* Others who ask for the past do not keep root from it, nor does root keep them. */
static void test_pieces_of_the_trusted(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int measured = dial(&host->fixture), trusted = dial(&host->fixture);
	int others[8];
	size_t all, before = 0, after = 0;

	if (geteuid() != 0)
		skip();
	store_many(host);
	all = measure_many(host, measured);
	for (int i = 0; i < 8; i++)
		others[i] = dial_user(&host->fixture, 40000, 0);
	for (int i = 0; i < 8; i++)
		whisper(others[i], STREAM("ListHistory", "{}"));
	for (int i = 0; i < 8; i++)
		while (!bytes_waiting(others[i]))
			assert_true(sd_event_run(host->fixture.event, 0) > 0);
	whisper(trusted, STREAM("ListHistory", "{}"));
	while (!bytes_waiting(trusted))
		assert_true(sd_event_run(host->fixture.event, 0) > 0);
	for (int i = 0; i < 8; i++)
		before += bytes_waiting(others[i]);
	while (bytes_waiting(trusted) < all)
		assert_true(sd_event_run(host->fixture.event, 0) > 0);
	for (int i = 0; i < 8; i++) {
		assert_true(bytes_waiting(others[i]) < all);
		after += bytes_waiting(others[i]);
		closep(&others[i]);
	}
	assert_true(after > before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOSTED(test_history),
		HOSTED(test_history_incomplete),
		HOSTED(test_history_ill_asked),
		HOSTED(test_untraced),
		HOSTED(test_since),
		HOSTED(test_since_and_on),
		HOSTED(test_since_slow),
		HOSTED(test_pieces),
		HOSTED(test_pieces_and_on),
		HOSTED(test_pieces_fail),
		HOSTED(test_pieces_in_turn),
		HOSTED(test_pieces_of_the_trusted),
	};

	return cmocka_run_group_tests_name("sink-varlink", tests, NULL, NULL);
}
