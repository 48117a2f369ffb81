// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the socket does with things that are not in the model: violations and who may close them,
 * history that a store has and history that it has not, a past that turns into the present.
 */
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "records.h"
#include "sink-varlink-private.h"
#include "varlink-fixture.h"

#define NOBODY 65534
#define SOMEBODY 4711 /* a group */
#define BACKLOG 3
#define STORED_MAX 8

struct host {
	struct fixture fixture; /* for dial(), say(), hear() */
	struct world *world;
	struct violations *violations;
	struct sink_varlink *sink;
	const char *stored[STORED_MAX]; /* ends with NULL */
	struct history_filter asked;
	int stored_result; /* what the store returns, 0: what it has */
	bool cut;
};

/* ---- What the daemon does ---- */

static void refresh(void *userdata)
{
	(void)userdata;
}

static int acknowledge(uint64_t id, void *userdata)
{
	struct host *host = userdata;
	const struct violation *violation;
	int r = violations_acknowledge(host->violations, id, &violation);

	return r < 0 ? r : 0;
}

static int history(const struct history_filter *filter, history_row_fn row, void *row_userdata,
		   bool *ret_cut, void *userdata)
{
	struct host *host = userdata;
	int r = 0;

	host->asked = *filter;
	/* strings are the call's */
	host->asked.device = filter->device ? "a device" : NULL;
	host->asked.type = filter->type ? "a type" : NULL;
	*ret_cut = host->cut;
	if (host->stored_result < 0)
		return host->stored_result;
	for (size_t i = 0; host->stored[i] && r == 0; i++)
		r = row(host->stored[i], row_userdata);
	return r;
}

static int make_sink(struct host *host, bool whole)
{
	struct sink_varlink_source source = {
		.model = host->world->model,
		.refresh = refresh,
		.violations = whole ? host->violations : NULL,
		.acknowledge = whole ? acknowledge : NULL,
		.history = whole ? history : NULL,
		.userdata = host,
	};

	if (sink_varlink_new(host->fixture.event, &source, BACKLOG, &host->sink) < 0)
		return -1;
	return sink_varlink_listen(host->sink, host->fixture.path);
}

static int host_new(void **state, bool whole)
{
	struct host *host = calloc(1, sizeof(*host));

	strcpy(host->fixture.directory, "/tmp/test-sink-XXXXXX");
	if (!mkdtemp(host->fixture.directory))
		return -1;
	/* also for another user */
	chmod(host->fixture.directory, 0755);
	snprintf(host->fixture.path, sizeof(host->fixture.path), "%s/socket",
		 host->fixture.directory);
	host->world = world_listening();
	*state = host;
	if (violations_new(8, &host->violations) < 0 || sd_event_new(&host->fixture.event) < 0)
		return -1;
	return make_sink(host, whole);
}

static int host_setup(void **state)
{
	return host_new(state, true);
}

static int bare_setup(void **state)
{
	return host_new(state, false);
}

static int host_teardown(void **state)
{
	struct host *host = *state;

	sink_varlink_free(host->sink);
	violations_free(host->violations);
	world_free(host->world);
	sd_event_unref(host->fixture.event);
	assert_int_equal(rmdir(host->fixture.directory), 0);
	free(host);
	return 0;
}

/* An event as manager makes it */
static void publish(struct host *host, const char *text)
{
	json_auto_t *json = json_loads(text, 0, NULL);
	struct sink_event event = { .json = json, .text = text };

	assert_non_null(json);
	sink_varlink_publish(host->sink, &event);
}

static void find(struct host *host, uint32_t irq)
{
	struct finding finding = { .rule = RULE_VECTOR_ORPHANED, .has_irq = true, .irq = irq };
	const struct violation *added;

	assert_int_equal(violations_add(host->violations, &finding, 1000, &added), VIOLATION_NEW);
}

/* ---- A client ---- */

#define CALL(method, parameters)                                                                   \
	"{\"method\":\"io.cxlirqd." method "\",\"parameters\":" parameters "}"
#define STREAM(method, parameters)                                                                 \
	"{\"method\":\"io.cxlirqd." method "\",\"more\":true,\"parameters\":" parameters "}"
#define EVENT(time) "{\"time_us\":" #time ",\"type\":\"t\"}"
#define PIECE(event) "{\"parameters\":{\"event\":" event "},\"continues\":true}"
#define LAST(reason) "{\"parameters\":{\"event\":null,\"reason\":" reason "}}"

static void assert_hears(struct host *host, int fd, const char *expected)
{
	const char *heard = hear(&host->fixture, fd);

	assert_non_null(heard);
	assert_string_equal(heard, expected);
}

/* The ids in the reply to a call, as text: "1 3 "; or the error's name */
static const char *ids_of(struct host *host, int fd, const char *call)
{
	static char text[128];
	json_auto_t *reply = NULL;
	const char *error;
	json_t *row;
	size_t i, n = 0;

	say(&host->fixture, fd, call);
	reply = json_loads(hear(&host->fixture, fd), 0, NULL);
	error = json_string_value(json_object_get(reply, "error"));
	if (error) {
		snprintf(text, sizeof(text), "%s", error);
		return text;
	}
	text[0] = '\0';
	json_array_foreach(json_object_get(json_object_get(reply, "parameters"), "violations"), i,
			   row)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%d%s ",
				      (int)json_integer_value(json_object_get(row, "id")),
				      json_is_true(json_object_get(row, "acknowledged")) ? "a" :
											   "");
	return text;
}

/* ---- Violations ---- */

static void test_acknowledge(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);

	if (geteuid() != 0)
		skip();
	find(host, 30);
	find(host, 31);
	find(host, 32);
	assert_string_equal(ids_of(host, fd, CALL("ListViolations", "{}")), "1 2 3 ");
	assert_string_equal(ids_of(host, fd, CALL("Acknowledge", "{\"ids\":[]}")), "");
	assert_string_equal(ids_of(host, fd, CALL("Acknowledge", "{\"ids\":[3,1,3]}")), "3a 1a ");
	assert_string_equal(ids_of(host, fd, CALL("ListViolations", "{}")), "2 ");
	assert_string_equal(ids_of(host, fd, CALL("ListViolations", "{\"all\":true}")), "1a 2 3a ");
	assert_string_equal(ids_of(host, fd, CALL("Acknowledge", "{\"ids\":[1]}")), "1a ");
	/* all or none */
	assert_answer(&host->fixture, fd, CALL("Acknowledge", "{\"ids\":[2,4]}"),
		      "{\"error\":\"io.cxlirqd.NoSuchViolation\",\"parameters\":{\"id\":4}}");
	assert_answer(&host->fixture, fd, CALL("Acknowledge", "{\"ids\":[-1]}"),
		      "{\"error\":\"io.cxlirqd.NoSuchViolation\",\"parameters\":{\"id\":-1}}");
	assert_string_equal(ids_of(host, fd, CALL("ListViolations", "{}")), "2 ");
}

static void test_ill_typed_ids(void **state)
{
	static const char *const calls[] = {
		CALL("Acknowledge", "{}"),
		CALL("Acknowledge", "{\"ids\":null}"),
		CALL("Acknowledge", "{\"ids\":1}"),
		CALL("Acknowledge", "{\"ids\":{}}"),
		CALL("Acknowledge", "{\"ids\":[\"1\"]}"),
		CALL("Acknowledge", "{\"ids\":[1,null]}"),
		CALL("Acknowledge", "{\"ids\":[1.5]}"),
		CALL("Acknowledge", "{\"ids\":[[1]]}"),
	};
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);

	find(host, 30);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		assert_answer(&host->fixture, fd, calls[i], INVALID("ids"));
}

/* A connection of somebody else's; what counts is who connected. */
static int dial_as(struct host *host, gid_t group, const gid_t *more)
{
	int fd;

	assert_int_equal(setgroups(more ? 1 : 0, more), 0);
	assert_int_equal(setegid(group), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	fd = dial(&host->fixture);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	assert_int_equal(setgroups(0, NULL), 0);
	return fd;
}

static void test_permission(void **state)
{
	static const gid_t somebody = SOMEBODY;
	struct host *host = *state;

	if (geteuid() != 0)
		skip();
	find(host, 30);
	for (int known = 0; known < 2; known++) {
		_cleanup_close_ int stranger = dial_as(host, NOBODY, NULL);
		_cleanup_close_ int member = dial_as(host, SOMEBODY, NULL);
		_cleanup_close_ int other_member = dial_as(host, NOBODY, &somebody);

		host->sink->has_group = known;
		host->sink->group = SOMEBODY;
		/* reading is for everyone; and what is not there is nobody's to know */
		assert_string_equal(ids_of(host, stranger, CALL("ListViolations", "{}")), "1 ");
		assert_string_equal(ids_of(host, stranger, CALL("Acknowledge", "{\"ids\":[1]}")),
				    "io.cxlirqd.PermissionDenied");
		assert_string_equal(ids_of(host, stranger, CALL("Acknowledge", "{\"ids\":[9]}")),
				    "io.cxlirqd.PermissionDenied");
		assert_string_equal(ids_of(host, stranger, CALL("ListViolations", "{}")), "1 ");
		if (!known) {
			assert_string_equal(ids_of(host, member,
						   CALL("Acknowledge", "{\"ids\":[1]}")),
					    "io.cxlirqd.PermissionDenied");
			continue;
		}
		assert_string_equal(ids_of(host, member, CALL("Acknowledge", "{\"ids\":[1]}")),
				    "1a ");
		assert_string_equal(
			ids_of(host, other_member, CALL("Acknowledge", "{\"ids\":[1]}")), "1a ");
	}
}

static void test_bare(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);

	assert_answer(&host->fixture, fd, CALL("ListViolations", "{}"),
		      "{\"parameters\":{\"violations\":[],\"reason\":\"no violation is open\"}}");
	if (geteuid() == 0)
		assert_string_equal(ids_of(host, fd, CALL("Acknowledge", "{\"ids\":[1]}")),
				    "io.cxlirqd.Failed");
	assert_answer(&host->fixture, fd, STREAM("ListHistory", "{}"),
		      LAST("\"there is no store\""));
	publish(host, EVENT(10));
	say(&host->fixture, fd, STREAM("Monitor", "{\"since_us\":1}"));
	assert_hears(host, fd, PIECE(EVENT(10)));
	assert_hears(host, fd, LAST("\"there is no store\""));
	assert_answer(&host->fixture, fd, CALL("Explain", "{\"subject\":\"99\"}"),
		      "{\"error\":\"io.cxlirqd.NoSuchInterrupt\",\"parameters\":{\"irq\":99}}");
	assert_answer(&host->fixture, fd, CALL("Explain", "{\"subject\":\"x\"}"),
		      ERROR("io.cxlirqd.NoSuchSubject", "subject", "x"));
	assert_answer(&host->fixture, fd, CALL("Explain", "{\"subject\":\"\"}"),
		      ERROR("io.cxlirqd.NoSuchSubject", "subject", ""));
}

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

/* The store has everything, memory the last three; one of those it wrote down in another order. */
static void remember(struct host *host)
{
	publish(host, EVENT(10));
	publish(host, "{\"time_us\":20,\"type\":\"lost from memory\"}");
	publish(host, "{\"time_us\":20,\"type\":\"b\"}");
	publish(host, "{\"time_us\":30,\"type\":\"c\"}");
	publish(host, "{\"time_us\":40,\"type\":\"d\"}");
	host->stored[0] = EVENT(10);
	host->stored[1] = "{\"time_us\":20,\"type\":\"lost from memory\"}";
	host->stored[2] = "{\"type\":\"b\",\"time_us\":20}";
	host->stored[3] = "{\"time_us\": 30, \"type\": \"c\"}";
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
	for (size_t i = 0; i + 1 < STORED_MAX; i++)
		host->stored[i] = text;
	say(&host->fixture, fd, STREAM("Monitor", "{\"since_us\":0,\"follow\":true}"));
	turn(&host->fixture);
	assert_int_equal(sink_varlink_dropped(host->sink), 1);
	publish(host, EVENT(50));
}

#define HOSTED(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOSTED(test_acknowledge),
		HOSTED(test_ill_typed_ids),
		HOSTED(test_permission),
		cmocka_unit_test_setup_teardown(test_bare, bare_setup, host_teardown),
		HOSTED(test_history),
		HOSTED(test_history_incomplete),
		HOSTED(test_history_ill_asked),
		HOSTED(test_since),
		HOSTED(test_since_and_on),
		HOSTED(test_since_slow),
	};

	return cmocka_run_group_tests_name("sink-varlink", tests, NULL, NULL);
}
