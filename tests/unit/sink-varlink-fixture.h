/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket on a model, with violations and a store that is an array of texts. */
#ifndef TEST_SINK_VARLINK_FIXTURE_H
#define TEST_SINK_VARLINK_FIXTURE_H

#include <sys/stat.h>
#include <unistd.h>

#include "records.h"
#include "sink-varlink-private.h"
#include "varlink-fixture.h"

#define BACKLOG 3
#define STORED_MAX 300

struct host {
	struct fixture fixture; /* for dial(), say(), hear() */
	struct world *world;
	struct violations *violations;
	struct sink_varlink *sink;
	const char *stored[STORED_MAX]; /* ends with NULL */
	struct history_filter asked;
	int stored_result; /* what the store returns, 0: what it has */
	int read_result; /* the same for a single event */
	int retell_result;
	bool cut;
};

/* ---- What the daemon does ---- */

static inline void refresh(void *userdata)
{
	(void)userdata;
}

static inline int retell(void *userdata)
{
	struct host *host = userdata;

	return host->retell_result;
}

/* One whose runs are counted, one where they are not, and one that the model does not know */
static inline void programs(sink_varlink_program_fn each, void *each_userdata, void *userdata)
{
	(void)userdata;
	each("counted", 5, 1, each_userdata);
	each("uncounted", -1, 0, each_userdata);
	each("unknown", 7, 7, each_userdata);
}

static inline int acknowledge(uint64_t id, void *userdata)
{
	struct host *host = userdata;
	const struct violation *violation;
	int r = violations_acknowledge(host->violations, id, &violation);

	return r < 0 ? r : 0;
}

static inline int history(const struct history_filter *filter, struct history_ids *ret,
			  bool *ret_cut, void *userdata)
{
	struct host *host = userdata;
	struct history_ids ids = { .ids = calloc(STORED_MAX, sizeof(int64_t)) };

	host->asked = *filter;
	/* strings are the call's */
	host->asked.device = filter->device ? "a device" : NULL;
	host->asked.type = filter->type ? "a type" : NULL;
	*ret_cut = host->cut;
	if (host->stored_result < 0) {
		free(ids.ids);
		return host->stored_result;
	}
	while (host->stored[ids.n])
		ids.n++;
	for (uint32_t i = 0; i < ids.n; i++)
		ids.ids[i] = ids.n - 1 - i;
	*ret = ids;
	return 0;
}

static inline int history_event(const struct history_ids *ids, uint32_t i, history_row_fn row,
				void *row_userdata, void *userdata)
{
	struct host *host = userdata;

	return host->read_result < 0 ? host->read_result :
				       row(host->stored[ids->ids[i]], row_userdata);
}

static inline int make_sink(struct host *host, bool whole)
{
	struct sink_varlink_source source = {
		.model = host->world->model,
		.refresh = refresh,
		.retell = whole ? retell : NULL,
		.programs = whole ? programs : NULL,
		.violations = whole ? host->violations : NULL,
		.acknowledge = whole ? acknowledge : NULL,
		.history = whole ? history : NULL,
		.history_event = whole ? history_event : NULL,
		.userdata = host,
	};

	if (sink_varlink_new(host->fixture.event, &source, BACKLOG, &host->sink) < 0)
		return -1;
	return sink_varlink_listen(host->sink, host->fixture.path);
}

static inline int host_new(void **state, bool whole)
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

static inline int host_setup(void **state)
{
	return host_new(state, true);
}

static inline int bare_setup(void **state)
{
	return host_new(state, false);
}

static inline int host_teardown(void **state)
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
static inline void publish(struct host *host, const char *text)
{
	json_auto_t *json = json_loads(text, 0, NULL);
	struct sink_event event = {
		.time_us = json_integer_value(json_object_get(json, "time_us")),
		.json = json,
		.text = text,
	};

	assert_non_null(json);
	sink_varlink_publish(host->sink, &event);
}

static inline void find(struct host *host, uint32_t irq)
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

static inline void assert_hears(struct host *host, int fd, const char *expected)
{
	const char *heard = hear(&host->fixture, fd);

	assert_non_null(heard);
	assert_string_equal(heard, expected);
}

/* The ids in the reply to a call, as text: "1 3 "; or the error's name */
static inline const char *ids_of(struct host *host, int fd, const char *call)
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

#define HOSTED(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)

#endif
