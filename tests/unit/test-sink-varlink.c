// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the socket does with violations, and who may close them; what it knows of hooks; and what it does
 * without a store, or without a kernel.
 */
#include <grp.h>

#include "sink-varlink-fixture.h"

#define NOBODY 65534
#define SOMEBODY 4711 /* a group */

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

static void assert_hook(struct host *host, int fd, size_t at, const char *expected)
{
	json_auto_t *wanted = NULL, *reply = NULL;
	char text[256];
	const char *key;
	json_t *hook, *value;

	snprintf(text, sizeof(text), "%s", expected);
	for (char *c = text; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	wanted = json_loads(text, 0, NULL);
	assert_non_null(wanted);
	say(&host->fixture, fd, CALL("GetSupport", "{}"));
	reply = json_loads(hear(&host->fixture, fd), 0, NULL);
	hook = json_object_get(json_object_get(reply, "parameters"), "support");
	hook = json_array_get(json_object_get(hook, "hooks"), at);
	json_object_foreach(wanted, key, value)
		assert_true(json_equal(value, json_object_get(hook, key)));
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
	assert_answer(&host->fixture, fd, STREAM("Record", "{}"),
		      ERROR("io.cxlirqd.TracingUnavailable", "reason",
			    "this daemon replays a trace, and has none of its own"));
	tell(host->world, make_hook("counted", true, true));
	assert_hook(host, fd, 0, "{'hook': 'counted', 'runs': null, 'recursion_misses': null}");
	assert_answer(&host->fixture, fd, CALL("Explain", "{\"subject\":\"99\"}"),
		      "{\"error\":\"io.cxlirqd.NoSuchInterrupt\",\"parameters\":{\"irq\":99}}");
	assert_answer(&host->fixture, fd, CALL("Explain", "{\"subject\":\"x\"}"),
		      ERROR("io.cxlirqd.NoSuchSubject", "subject", "x"));
	assert_answer(&host->fixture, fd, CALL("Explain", "{\"subject\":\"\"}"),
		      ERROR("io.cxlirqd.NoSuchSubject", "subject", ""));
}

static void test_support(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);

	tell(host->world, make_hook("counted", true, true));
	tell(host->world, make_hook("uncounted", true, true));
	tell(host->world, make_hook("not attached", false, true));
	assert_hook(host, fd, 0, "{'hook': 'counted', 'runs': 5, 'recursion_misses': 1}");
	assert_hook(host, fd, 1, "{'hook': 'uncounted', 'runs': null, 'recursion_misses': 0}");
	assert_hook(host, fd, 2,
		    "{'hook': 'not attached', 'runs': null, 'recursion_misses': null}");
}

/* What cannot be told from the start is no trace; the connection can be used again. */
static void test_record(void **state)
{
	static const char header[] =
		"{\"parameters\":{\"data\":\"Q1hMSVJRDQoBAAAAAAAAAA==\"},\"continues\":true}";
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture), other = dial(&host->fixture);

	host->retell_result = -EIO;
	say(&host->fixture, fd, STREAM("Record", "{}"));
	assert_hears(host, fd, header);
	assert_hears(host, fd, ERROR("io.cxlirqd.Failed", "reason", "Input/output error"));
	assert_answer(&host->fixture, fd, CALL("ListViolations", "{}"),
		      "{\"parameters\":{\"violations\":[],\"reason\":\"no violation is open\"}}");
	host->retell_result = 0;
	say(&host->fixture, other, STREAM("Record", "{}"));
	assert_hears(host, other, header);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOSTED(test_acknowledge),
		HOSTED(test_ill_typed_ids),
		HOSTED(test_permission),
		HOSTED(test_support),
		HOSTED(test_record),
		cmocka_unit_test_setup_teardown(test_bare, bare_setup, host_teardown),
	};

	return cmocka_run_group_tests_name("sink-varlink", tests, NULL, NULL);
}
