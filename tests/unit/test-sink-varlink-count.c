// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counters on the socket: the standing ones and why there may be none; streams of those that a
 * client has opened, how they end, and that what a client has opened is closed when it is gone.
 * What counts is made here: counters that say what the test wants.
 */
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "records.h"
#include "sink-varlink-private.h"
#include "varlink-fixture.h"

#define NOBODY 65534
#define SOMEBODY 4711 /* a group */
#define COUNTERS 2

struct counting {
	int unused;
};

struct host {
	struct fixture fixture; /* for dial(), say(), hear() */
	struct world *world;
	struct sink_varlink *sink;
	struct record_counter counters[COUNTERS]; /* what they will say when they are read */
	struct record_counter read[COUNTERS]; /* what they said */
	char asked[256]; /* "PMU: EVENT EVENT" */
	int refusal;
	const char *reason;
	int started, ended, reads; /* by clients */
	int standing_reads;
};

/* ---- What the daemon does ---- */

static void refresh(void *userdata)
{
	(void)userdata;
}

static void read_counters(void *userdata)
{
	struct host *host = userdata;
	struct record_counter r = { .header = make_header(RECORD_COUNTER, sizeof(r)),
				    .value = (uint64_t)++host->standing_reads,
				    .enabled_ns = 10,
				    .running_ns = 10 };

	if (!model_pmus(host->world->model))
		return;
	strcpy(r.pmu, "cxl_pmu_mem0.0");
	strcpy(r.event, "standing");
	tell(host->world, r);
}

static int count_start(const json_t *events, const char *pmu, struct counting **ret,
		       char ret_reason[COUNT_REASON_MAX], void *userdata)
{
	struct host *host = userdata;
	size_t i, n;
	json_t *event;

	n = (size_t)sprintf(host->asked, "%s:", pmu ?: "-");
	json_array_foreach((json_t *)events, i, event)
		n += (size_t)snprintf(host->asked + n, sizeof(host->asked) - n, " %s",
				      json_string_value(event));
	if (host->reason)
		strcpy(ret_reason, host->reason);
	if (host->refusal)
		return host->refusal;
	host->started++;
	*ret = calloc(1, sizeof(**ret));
	return 0;
}

static void count_read(struct counting *counting, bool again, counted_fn each, void *each_userdata,
		       void *userdata)
{
	struct host *host = userdata;

	assert_non_null(counting);
	if (again) {
		host->reads++;
		memcpy(host->read, host->counters, sizeof(host->read));
	}
	for (size_t i = 0; i < COUNTERS; i++)
		each(&host->read[i], each_userdata);
}

static void count_end(struct counting *counting, void *userdata)
{
	struct host *host = userdata;

	host->ended++;
	free(counting);
}

static void set(struct host *host, size_t i, uint64_t value, uint64_t enabled, uint64_t running)
{
	host->counters[i].value = value;
	host->counters[i].enabled_ns = enabled;
	host->counters[i].running_ns = running;
}

static int host_new(void **state, bool whole)
{
	struct host *host = calloc(1, sizeof(*host));
	struct sink_varlink_source source = {
		.refresh = refresh,
		.read_counters = whole ? read_counters : NULL,
		.count_start = whole ? count_start : NULL,
		.count_read = count_read,
		.count_end = count_end,
		.userdata = host,
	};

	strcpy(host->fixture.directory, "/tmp/test-count-XXXXXX");
	if (!mkdtemp(host->fixture.directory))
		return -1;
	/* also for another user */
	chmod(host->fixture.directory, 0755);
	snprintf(host->fixture.path, sizeof(host->fixture.path), "%s/socket",
		 host->fixture.directory);
	strcpy(host->read[0].pmu, "cxl_pmu_mem0.0");
	strcpy(host->read[0].event, "a");
	strcpy(host->read[1].pmu, "cxl_pmu_mem0.1");
	strcpy(host->read[1].event, "b");
	memcpy(host->counters, host->read, sizeof(host->read));
	host->world = world_listening();
	source.model = host->world->model;
	*state = host;
	if (sd_event_new(&host->fixture.event) < 0 ||
	    sink_varlink_new(host->fixture.event, &source, 1, &host->sink) < 0)
		return -1;
	return sink_varlink_listen(host->sink, host->fixture.path);
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
	assert_int_equal(host->started, host->ended);
	world_free(host->world);
	sd_event_unref(host->fixture.event);
	assert_int_equal(rmdir(host->fixture.directory), 0);
	free(host);
	return 0;
}

/* ---- A client ---- */

#define CALL(method, parameters)                                                                   \
	"{\"method\":\"io.cxlirqd." method "\",\"parameters\":" parameters "}"
#define COUNT(parameters)                                                                          \
	"{\"method\":\"io.cxlirqd.CountEvents\",\"more\":true,\"parameters\":" parameters "}"

/* The next reply has at least this. */
#define expect_reply(host, fd, part) expect_reply_at(host, fd, part, __FILE__, __LINE__)
static void expect_reply_at(struct host *host, int fd, const char *part, const char *file, int line)
{
	const char *heard = hear(&host->fixture, fd);
	json_auto_t *reply = heard ? json_loads(heard, 0, NULL) : NULL;
	json_auto_t *expected = parse(part);

	if (!is_part(expected, reply))
		print_error("heard %s\n", heard ?: "nothing");
	_assert_true(is_part(expected, reply), part, file, line);
}

/* Lets time pass until something has been read once more. */
static void wait_for_read(struct host *host)
{
	int before = host->reads;

	for (int i = 0; i < 1000 && host->reads == before; i++)
		sd_event_run(host->fixture.event, 10000);
	assert_int_equal(host->reads, before + 1);
}

static void tell_pmu(struct host *host)
{
	struct record_pmu r = { .header = make_header(RECORD_PMU, sizeof(r)) };

	strcpy(r.name, "cxl_pmu_mem0.0");
	strcpy(r.device, "pmu_mem0.0");
	tell(host->world, r);
}

/* ---- The counters that stand ---- */

static void test_list(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);

	assert_answer(
		&host->fixture, fd, CALL("ListCounters", "{}"),
		"{\"parameters\":{\"counters\":[],\"pmus\":[],\"reason\":\"no CXL PMU on this "
		"host (\\\"cxlirqctl devices\\\" tells why)\"}}");
	assert_answer(&host->fixture, fd, CALL("ListCounters", "{\"pmu\":\"cxl_pmu_mem0.0\"}"),
		      ERROR("io.cxlirqd.NoSuchPmu", "pmu", "cxl_pmu_mem0.0"));
	tell_pmu(host);
	/* each answer has them read; nobody needs a right for that */
	say(&host->fixture, fd, CALL("ListCounters", "{}"));
	expect_reply(host, fd,
		     "{'parameters': {'counters': [{'pmu': 'cxl_pmu_mem0.0', 'event': 'standing', "
		     "'value': 3}], 'pmus': [{'name': 'cxl_pmu_mem0.0'}], 'reason': null}}");
	say(&host->fixture, fd, CALL("ListCounters", "{\"pmu\":\"cxl_pmu_mem0.0\"}"));
	expect_reply(host, fd, "{'parameters': {'counters': [{'value': 4}]}}");
	assert_int_equal(host->standing_reads, 4);
	assert_int_equal(host->reads, 0);
}

static void test_bare(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);

	tell_pmu(host);
	say(&host->fixture, fd, CALL("ListCounters", "{}"));
	expect_reply(host, fd,
		     "{'parameters': {'counters': [], 'pmus': [{'name': 'cxl_pmu_mem0.0'}], "
		     "'reason': 'no [Counters] Events= are set'}}");
	say(&host->fixture, fd, CALL("ListCounters", "{\"pmu\":\"cxl_pmu_mem0.0\"}"));
	expect_reply(host, fd,
		     "{'parameters': {'reason': 'no [Counters] Events= are counted on "
		     "cxl_pmu_mem0.0'}}");
	if (geteuid() != 0)
		skip();
	assert_answer(&host->fixture, fd, COUNT("{\"events\":[\"a\"]}"),
		      ERROR("io.cxlirqd.Failed", "reason", "nothing can be counted here"));
}

/* ---- Streams ---- */

static void test_intervals(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);

	say(&host->fixture, fd,
	    COUNT("{\"events\":[\"a,b\",\"c\"],\"pmu\":\"p\",\"interval_ms\":10,\"times\":3}"));
	assert_string_equal(host->asked, "p: a,b c");
	/* what could be opened; nothing has been read for that */
	expect_reply(host, fd,
		     "{'continues': true, 'parameters': {'id': 1, 'totals': null, 'counters': ["
		     "{'pmu': 'cxl_pmu_mem0.0', 'event': 'a', 'value': 0, 'enabled_ns': 0, "
		     "'scaled': 0}, {'event': 'b', 'value': 0}]}}");
	assert_int_equal(host->reads, 0);
	set(host, 0, 100, 50, 50);
	set(host, 1, 7, 40, 20);
	wait_for_read(host);
	expect_reply(host, fd,
		     "{'continues': true, 'parameters': {'id': 1, 'totals': null, 'counters': ["
		     "{'value': 100, 'enabled_ns': 50, 'running_ns': 50, 'scaled': 100}, "
		     "{'value': 7, 'enabled_ns': 40, 'running_ns': 20, 'scaled': 14}]}}");
	/* only what is new, scaled by the time that is new */
	set(host, 0, 110, 100, 100);
	set(host, 1, 10, 80, 20);
	wait_for_read(host);
	expect_reply(host, fd,
		     "{'continues': true, 'parameters': {'totals': null, 'counters': ["
		     "{'value': 10, 'enabled_ns': 50, 'scaled': 10}, "
		     "{'value': 3, 'enabled_ns': 40, 'running_ns': 0, 'scaled': null, "
		     "'reason': 'not counted: more events than counters'}]}}");
	/* the last one has all of it */
	set(host, 0, 111, 150, 150);
	set(host, 1, 12, 100, 30);
	wait_for_read(host);
	expect_reply(host, fd,
		     "{'parameters': {'id': 1, 'counters': [{'value': 1}, {'value': 2}], "
		     "'totals': [{'value': 111, 'enabled_ns': 150, 'scaled': 111}, "
		     "{'value': 12, 'enabled_ns': 100, 'running_ns': 30, 'scaled': 40}]}}");
	assert_int_equal(host->ended, 1);
	/* the connection is good for more, and the next stream begins at nothing */
	say(&host->fixture, fd, COUNT("{\"events\":[\"a\"],\"interval_ms\":10}"));
	assert_string_equal(host->asked, "-: a");
	expect_reply(host, fd, "{'continues': true, 'parameters': {'id': 2}}");
}

/* Without an interval nobody reads until it ends. */
static void test_end(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);
	_cleanup_close_ int other = dial(&host->fixture);

	say(&host->fixture, fd, COUNT("{\"events\":[\"a\"]}"));
	expect_reply(host, fd, "{'continues': true, 'parameters': {'id': 1}}");
	for (int i = 0; i < 5; i++)
		sd_event_run(host->fixture.event, 5000);
	assert_int_equal(host->reads, 0);
	assert_answer(&host->fixture, other, CALL("EndCount", "{\"id\":2}"),
		      "{\"error\":\"io.cxlirqd.NoSuchCount\",\"parameters\":{\"id\":2}}");
	assert_silent(&host->fixture, fd);
	set(host, 0, 5, 10, 10);
	assert_answer(&host->fixture, other, CALL("EndCount", "{\"id\":1}"), "{\"parameters\":{}}");
	expect_reply(host, fd,
		     "{'parameters': {'id': 1, 'counters': [{'value': 5}, {}], "
		     "'totals': [{'value': 5}, {}]}}");
	assert_int_equal(host->reads, 1);
	assert_int_equal(host->ended, 1);
	assert_answer(&host->fixture, other, CALL("EndCount", "{\"id\":1}"),
		      "{\"error\":\"io.cxlirqd.NoSuchCount\",\"parameters\":{\"id\":1}}");
}

/* A client that goes takes its counters with it, at once. */
static void test_gone(void **state)
{
	struct host *host = *state;
	int fd = dial(&host->fixture);
	_cleanup_close_ int other = dial(&host->fixture);

	say(&host->fixture, fd, COUNT("{\"events\":[\"a\"],\"interval_ms\":10}"));
	say(&host->fixture, other, COUNT("{\"events\":[\"a\"]}"));
	expect_reply(host, other, "{'parameters': {'id': 2}}");
	assert_int_equal(host->ended, 0);
	close(fd);
	turn(&host->fixture);
	assert_int_equal(host->ended, 1);
	for (int i = 0; i < 5; i++)
		sd_event_run(host->fixture.event, 5000);
	assert_int_equal(host->reads, 0);
	/* the other one stays until the daemon ends: teardown looks at that */
}

/* One counter ends, the others go on; with the last one the stream ends by itself. */
static void test_counters_end(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);

	say(&host->fixture, fd, COUNT("{\"events\":[\"a\"],\"interval_ms\":10}"));
	expect_reply(host, fd, "{'continues': true}");
	set(host, 0, 5, 10, 10);
	set(host, 1, 6, 10, 10);
	wait_for_read(host);
	expect_reply(host, fd, "{'continues': true}");
	set(host, 1, 8, 20, 20);
	host->counters[0].error = -ENODEV;
	strcpy(host->counters[0].reason, "the PMU is gone");
	wait_for_read(host);
	expect_reply(host, fd,
		     "{'continues': true, 'parameters': {'totals': null, 'counters': ["
		     "{'value': 0, 'scaled': null, 'error': 19, 'reason': 'the PMU is gone'}, "
		     "{'value': 2, 'error': null}]}}");
	host->counters[1].error = -ENODEV;
	strcpy(host->counters[1].reason, "the PMU is gone");
	wait_for_read(host);
	expect_reply(host, fd,
		     "{'parameters': {'counters': [{'value': 0}, {'value': 0}], 'totals': ["
		     "{'value': 5, 'scaled': 5, 'error': 19, 'reason': 'the PMU is gone'}, "
		     "{'value': 8, 'error': 19}]}}");
	assert_int_equal(host->ended, 1);
}

/* Nothing could be opened: that is the answer, and the end. */
static void test_nothing_counts(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);

	for (size_t i = 0; i < COUNTERS; i++) {
		host->read[i].error = -ENOENT;
		strcpy(host->read[i].reason, "no event");
	}
	say(&host->fixture, fd, COUNT("{\"events\":[\"a\"],\"interval_ms\":10}"));
	expect_reply(host, fd,
		     "{'parameters': {'counters': [{'error': 2, 'reason': 'no event', "
		     "'scaled': null}, {'error': 2}], 'totals': [{'error': 2}, {}]}}");
	assert_int_equal(host->ended, 1);
	say(&host->fixture, fd, CALL("ListCounters", "{}"));
	expect_reply(host, fd, "{'parameters': {'counters': []}}");
}

static void test_refused(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);

	host->refusal = -EINVAL;
	host->reason = "no closing } at \"{a\"";
	assert_answer(&host->fixture, fd, COUNT("{\"events\":[\"{a\"]}"),
		      ERROR("io.cxlirqd.BadEvents", "reason", "no closing } at \\\"{a\\\""));
	host->refusal = -ENODEV;
	host->reason = "no CXL PMU on this host";
	assert_answer(&host->fixture, fd, COUNT("{\"events\":[\"a\"]}"),
		      ERROR("io.cxlirqd.Failed", "reason", "no CXL PMU on this host"));
	host->refusal = -ENOMEM;
	host->reason = NULL;
	assert_answer(&host->fixture, fd, COUNT("{\"events\":[\"a\"]}"),
		      ERROR("io.cxlirqd.Failed", "reason", "Cannot allocate memory"));
	assert_int_equal(host->started, 0);
}

static void test_ill_typed(void **state)
{
	static const struct {
		const char *call, *parameter;
	} calls[] = {
		{ COUNT("{}"), "events" },
		{ COUNT("{\"events\":\"a\"}"), "events" },
		{ COUNT("{\"events\":[1]}"), "events" },
		{ COUNT("{\"events\":[\"a\",null]}"), "events" },
		{ COUNT("{\"events\":[\"a\"],\"pmu\":1}"), "pmu" },
		{ COUNT("{\"events\":[\"a\"],\"interval_ms\":9}"), "interval_ms" },
		{ COUNT("{\"events\":[\"a\"],\"interval_ms\":0}"), "interval_ms" },
		{ COUNT("{\"events\":[\"a\"],\"interval_ms\":-1}"), "interval_ms" },
		{ COUNT("{\"events\":[\"a\"],\"interval_ms\":86400001}"), "interval_ms" },
		{ COUNT("{\"events\":[\"a\"],\"interval_ms\":10,\"times\":0}"), "times" },
		{ COUNT("{\"events\":[\"a\"],\"interval_ms\":10,\"times\":-3}"), "times" },
		{ COUNT("{\"events\":[\"a\"],\"times\":3}"), "times" },
		{ CALL("EndCount", "{}"), "id" },
		{ CALL("ListCounters", "{\"pmu\":7}"), "pmu" },
	};
	struct host *host = *state;
	_cleanup_close_ int fd = dial(&host->fixture);
	char expected[128];

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		snprintf(expected, sizeof(expected), INVALID("%s"), calls[i].parameter);
		assert_answer(&host->fixture, fd, calls[i].call, expected);
	}
	assert_answer(&host->fixture, fd, CALL("CountEvents", "{\"events\":[\"a\"]}"),
		      "{\"error\":\"org.varlink.service.ExpectedMore\",\"parameters\":{}}");
	assert_int_equal(host->started, 0);
}

static void test_bound(void **state)
{
	int fds[17];
	struct host *host = *state;

	for (size_t i = 0; i < 16; i++) {
		fds[i] = dial(&host->fixture);
		say(&host->fixture, fds[i], COUNT("{\"events\":[\"a\"]}"));
		expect_reply(host, fds[i], "{'continues': true}");
	}
	fds[16] = dial(&host->fixture);
	assert_answer(&host->fixture, fds[16], COUNT("{\"events\":[\"a\"]}"),
		      ERROR("io.cxlirqd.Failed", "reason",
			    "too many clients are counting already"));
	assert_int_equal(host->started, 16);
	/* out of the middle of the list */
	close(fds[7]);
	turn(&host->fixture);
	say(&host->fixture, fds[16], COUNT("{\"events\":[\"a\"]}"));
	expect_reply(host, fds[16], "{'continues': true, 'parameters': {'id': 17}}");
	for (size_t i = 0; i < 17; i++)
		if (i != 7)
			close(fds[i]);
	turn(&host->fixture);
	assert_int_equal(host->ended, 17);
	assert_null(host->sink->counts);
}

/* ---- Who may ---- */

static int dial_as(struct host *host, gid_t group)
{
	int fd;

	assert_int_equal(setgroups(0, NULL), 0);
	assert_int_equal(setegid(group), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	fd = dial(&host->fixture);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	return fd;
}

static void test_permission(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int root = dial(&host->fixture);
	_cleanup_close_ int stranger = -EBADF, member = -EBADF;
	static const char denied[] =
		"{\"error\":\"io.cxlirqd.PermissionDenied\",\"parameters\":{}}";

	if (geteuid() != 0)
		skip();
	stranger = dial_as(host, NOBODY);
	member = dial_as(host, SOMEBODY);
	host->sink->has_group = true;
	host->sink->group = SOMEBODY;
	say(&host->fixture, root, COUNT("{\"events\":[\"a\"]}"));
	expect_reply(host, root, "{'parameters': {'id': 1}}");
	assert_answer(&host->fixture, stranger, COUNT("{\"events\":[\"a\"]}"), denied);
	assert_answer(&host->fixture, stranger, CALL("EndCount", "{\"id\":1}"), denied);
	/* nor is it told what is wrong with its question */
	assert_answer(&host->fixture, stranger, COUNT("{\"events\":[\"a\"],\"times\":3}"), denied);
	assert_int_equal(host->started, 1);
	say(&host->fixture, stranger, CALL("ListCounters", "{}"));
	expect_reply(host, stranger, "{'parameters': {'counters': []}}");
	assert_answer(&host->fixture, member, CALL("EndCount", "{\"id\":1}"),
		      "{\"parameters\":{}}");
	expect_reply(host, root, "{'parameters': {'totals': [{}, {}]}}");
	say(&host->fixture, member, COUNT("{\"events\":[\"a\"]}"));
	expect_reply(host, member, "{'parameters': {'id': 2}}");
}

#define HOST_TEST(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)

int main(void)
{
	const struct CMUnitTest anybody[] = {
		HOST_TEST(test_list),
		cmocka_unit_test_setup_teardown(test_bare, bare_setup, host_teardown),
	};
	const struct CMUnitTest root[] = {
		HOST_TEST(test_intervals),	HOST_TEST(test_end),
		HOST_TEST(test_gone),		HOST_TEST(test_counters_end),
		HOST_TEST(test_nothing_counts), HOST_TEST(test_refused),
		HOST_TEST(test_ill_typed),	HOST_TEST(test_bound),
		HOST_TEST(test_permission),
	};
	int failed = cmocka_run_group_tests(anybody, NULL, NULL);

	return failed + (geteuid() == 0 ? cmocka_run_group_tests(root, NULL, NULL) : 0);
}
