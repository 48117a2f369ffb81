// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The exporter: where it listens, and what it answers.
 *
 * An address that cannot be had (another program is there, the network is not up yet) stops nothing:
 * it is told once, stands among the reasons for bad health, and is tried again. A socket that systemd
 * holds takes the place of the address that would be listened on if nobody had said anything, and so
 * does a replay: it is for looking at a trace beside a daemon that runs.
 */
#include "manager-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/json.h>

#include "activation.h"
#include "http-accept.h"
#include "http.h"
#include "listener.h"
#include "log.h"
#include "page.h"

#define RETRY_USEC 10000000ULL
#define PASSED_MAX 16 /* sockets from systemd */

/* One address of the setting */
struct place {
	char *text;
	struct listener *listener; /* NULL: not to be had */
	int error; /* why, as it was told */
};

struct exporter {
	struct http *http;
	struct place places[LISTENER_ADDRESSES_MAX];
	size_t n_places;
	struct listener *passed[PASSED_MAX];
	size_t n_passed;
	sd_event_source *retry;
	char host[256];
};

/* ---- answers --------------------------------------------------------------------------------- */

static int take_json(json_t *json, struct http_answer *ret)
{
	ret->text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!ret->text)
		return -ENOMEM;
	ret->type = "application/json; charset=utf-8";
	ret->size = strlen(ret->text);
	return 0;
}

static int answer_metrics(struct manager *m, const struct http_request *request,
			  struct http_answer *ret)
{
	static const struct http_offer offers[] = {
		{ "application/openmetrics-text", "1.0.0", true },
		{ "application/openmetrics-text", "0.0.1", true },
		{ "text/plain", "0.0.4", false },
	};
	static const char *const types[] = {
		"application/openmetrics-text; version=1.0.0; charset=utf-8",
		"application/openmetrics-text; version=0.0.1; charset=utf-8",
		"text/plain; version=0.0.4; charset=utf-8",
	};
	size_t offer = http_accept_type(request->accept, offers, 3);

	ret->type = types[offer];
	ret->varies = true;
	return manager_render_metrics(offer == 2 ? METRIC_TEXT : METRIC_OPENMETRICS, &ret->text,
				      &ret->size, m);
}

static int answer_metrics_json(struct manager *m, const struct http_request *request,
			       struct http_answer *ret)
{
	(void)request;
	ret->type = "application/json; charset=utf-8";
	return manager_render_metrics(METRIC_JSON, &ret->text, &ret->size, m);
}

/* "ok", or a reason a line */
static int take_health(const json_t *reasons, struct http_answer *ret)
{
	FILE *out = open_memstream(&ret->text, &ret->size);
	json_t *reason;
	size_t i;

	if (!out)
		return -ENOMEM;
	if (!json_array_size(reasons))
		fputs("ok\n", out);
	json_array_foreach(reasons, i, reason)
		fprintf(out, "%s\n", json_string_value(reason) ?: "?");
	ret->type = "text/plain; charset=utf-8";
	return fclose(out) ? -ENOMEM : 0;
}

static int answer_health(struct manager *m, const struct http_request *request,
			 struct http_answer *ret)
{
	static const struct http_offer offers[] = { { "text/plain", NULL, false },
						    { "application/json", NULL, true } };
	json_auto_t *status = manager_answer_status(m);
	json_t *reasons = json_object_get(status, "reasons");
	json_t *health = json_object_get(status, "health");

	if (!status)
		return -ENOMEM;
	ret->status = json_array_size(reasons) ? 503 : 200;
	ret->varies = true;
	if (http_accept_type(request->accept, offers, 2) == 1)
		return take_json(json_pack("{s:O, s:O}", "health", health, "reasons", reasons),
				 ret);
	return take_health(reasons, ret);
}

static int answer_state(struct manager *m, const struct http_request *request,
			struct http_answer *ret)
{
	struct page_source source = { .model = m->model,
				      .violations = m->violations,
				      .host = m->exporter->host };
	json_t *status;

	(void)request;
	manager_refresh(m);
	status = manager_answer_status(m);
	source.now_us = (int64_t)(manager_now_ns() / 1000) + m->realtime_offset_ns / 1000;
	return take_json(page_state(&source, status), ret);
}

static int answer_picture(struct manager *m, const struct http_request *request,
			  struct http_answer *ret)
{
	const char *device = http_argument(request, "device");

	if (device && !*device)
		device = NULL;
	manager_refresh(m);
	ret->type = "image/svg+xml; charset=utf-8";
	return page_picture(m->model, device, &ret->text, &ret->size);
}

static int manager_answer(const struct http_request *request, struct http_answer *ret,
			  void *userdata)
{
	static const struct {
		const char *path;
		int (*answer)(struct manager *m, const struct http_request *request,
			      struct http_answer *ret);
	} routes[] = {
		{ "/metrics", answer_metrics },	    { "/metrics.json", answer_metrics_json },
		{ "/healthz", answer_health },	    { "/state.json", answer_state },
		{ "/picture.svg", answer_picture },
	};
	const struct page_file *file = page_file(request->path);

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
		if (!strcmp(routes[i].path, request->path))
			return routes[i].answer(userdata, request, ret);
	if (!file)
		return -ENOENT;
	ret->type = file->type;
	ret->fixed = file->text;
	ret->size = file->size;
	return 0;
}

/* ---- where it listens ------------------------------------------------------------------------ */

static bool is_passed(const struct exporter *exporter, const struct listener_address *address)
{
	for (size_t i = 0; i < exporter->n_passed; i++)
		if (listener_is(exporter->passed[i], address))
			return true;
	return false;
}

static int try_listen(struct exporter *exporter, struct place *place)
{
	_cleanup_(listener_freep) struct listener *listener = NULL;
	struct listener_address address;
	const char *why;
	int r = listener_parse(place->text, &address, &why);

	/* systemd has it open for us */
	if (r >= 0 && is_passed(exporter, &address))
		return 0;
	if (r >= 0)
		r = listener_open(&address, &listener);
	if (r >= 0)
		r = http_add_listener(exporter->http, listener);
	if (r < 0)
		return r;
	place->listener = TAKE_PTR(listener);
	return 1;
}

/* Opens what is not open. What has changed since the last try is told. */
static void manager_open_places(struct manager *m)
{
	struct exporter *exporter = m->exporter;
	bool again = false;

	for (size_t i = 0; i < exporter->n_places; i++) {
		struct place *place = &exporter->places[i];
		int r = place->listener ? 0 : try_listen(exporter, place);

		if (r > 0)
			log_info("metrics and a page are on %s", place->listener->name);
		else if (r < 0 && r != place->error)
			log_warning("cannot listen on %s for metrics, trying again: %s",
				    place->text, strerror(-r));
		place->error = r < 0 ? r : 0;
		again = again || r < 0;
	}
	sd_event_source_set_time_relative(exporter->retry, RETRY_USEC);
	sd_event_source_set_enabled(exporter->retry, again ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	manager_open_places(userdata);
	return 0;
}

static void place_done(struct exporter *exporter, struct place *place)
{
	if (place->listener)
		http_remove_listener(exporter->http, place->listener);
	listener_free(place->listener);
	free(place->text);
	*place = (struct place){};
}

/* What the setting asks for: "" if nobody has said anything, and the place is taken. */
static const char *wanted_places(const struct manager *m)
{
	bool by_default = !m->config->export_listen_given;

	if (by_default && (m->replay || m->exporter->n_passed))
		return "";
	return m->config->export_listen;
}

static struct place *find_place(struct place *places, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (places[i].text && !strcmp(places[i].text, text))
			return &places[i];
	return NULL;
}

/* What is wanted now, and was before, goes on listening. */
static int manager_set_places(struct manager *m)
{
	_cleanup_free_ char *copy = strdup(wanted_places(m));
	struct place places[LISTENER_ADDRESSES_MAX] = {}, *old;
	struct exporter *exporter = m->exporter;
	char *word, *rest;
	size_t n = 0;

	if (!copy)
		return -ENOMEM;
	for (word = strtok_r(copy, " \t", &rest); word && n < LISTENER_ADDRESSES_MAX;
	     word = strtok_r(NULL, " \t", &rest)) {
		if (find_place(places, n, word))
			continue;
		old = find_place(exporter->places, exporter->n_places, word);
		places[n] =
			old ? TAKE(*old, (struct place){}) : (struct place){ .text = strdup(word) };
		if (places[n].text)
			n++;
	}
	for (size_t i = 0; i < exporter->n_places; i++)
		place_done(exporter, &exporter->places[i]);
	memcpy(exporter->places, places, sizeof(places));
	exporter->n_places = n;
	manager_open_places(m);
	return 0;
}

static void exporter_take_passed(struct exporter *exporter)
{
	struct listener *listener;
	int fd, r;

	while (exporter->n_passed < PASSED_MAX && activation_take("metrics", &fd) > 0) {
		r = listener_from_fd(fd, &listener);
		if (r >= 0) {
			r = http_add_listener(exporter->http, listener);
			if (r < 0)
				listener_free(listener);
		}
		if (r < 0) {
			log_warning("cannot use a socket from systemd for metrics: %s",
				    strerror(-r));
			continue;
		}
		log_info("metrics and a page are on %s, a socket from systemd", listener->name);
		exporter->passed[exporter->n_passed++] = listener;
	}
}

/* ---- life ------------------------------------------------------------------------------------ */

int manager_start_export(struct manager *m)
{
	struct http_limits limits = HTTP_LIMITS_DEFAULT;
	struct exporter *exporter = calloc(1, sizeof(*exporter));
	int r = -ENOMEM;

	if (exporter) {
		m->exporter = exporter;
		if (gethostname(exporter->host, sizeof(exporter->host) - 1) < 0)
			exporter->host[0] = '\0';
		r = http_new(m->event, &limits, manager_answer, m, &exporter->http);
	}
	if (r >= 0)
		r = sd_event_add_time(m->event, &exporter->retry, CLOCK_MONOTONIC, UINT64_MAX,
				      100000, on_retry, m);
	if (r >= 0) {
		exporter_take_passed(exporter);
		r = manager_set_places(m);
	}
	if (r < 0) {
		log_error("cannot serve metrics: %s", strerror(-r));
		manager_stop_export(m);
	}
	return r;
}

int manager_reload_export(struct manager *m)
{
	int r = m->exporter ? manager_set_places(m) : 0;

	if (r < 0)
		log_error("cannot change where metrics are served: %s", strerror(-r));
	return r;
}

void manager_stop_export(struct manager *m)
{
	struct exporter *exporter = m->exporter;

	if (!exporter)
		return;
	sd_event_source_disable_unref(exporter->retry);
	for (size_t i = 0; i < exporter->n_places; i++)
		place_done(exporter, &exporter->places[i]);
	for (size_t i = 0; i < exporter->n_passed; i++) {
		http_remove_listener(exporter->http, exporter->passed[i]);
		listener_free(exporter->passed[i]);
	}
	http_free(exporter->http);
	free(TAKE_PTR(m->exporter));
}

void manager_export_reasons(const struct manager *m, json_t **reasons)
{
	for (size_t i = 0; m->exporter && i < m->exporter->n_places; i++) {
		const struct place *place = &m->exporter->places[i];

		if (place->error)
			json_add(reasons, json_sprintf("metrics are not served on %s: %s",
						       place->text, strerror(-place->error)));
	}
}

uint64_t manager_export_dropped(const struct manager *m)
{
	const struct http_counters *c = m->exporter ? http_counters(m->exporter->http) : NULL;

	return c ? c->refused_full + c->refused_address + c->failed : 0;
}

static json_t *refused_to_json(const struct http_counters *c)
{
	const struct {
		const char *kind;
		uint64_t count;
	} counts[] = {
		{ "connections", c->refused_full },
		{ "address", c->refused_address },
		{ "host", c->refused_host },
		{ "too-large", c->too_large },
		{ "malformed", c->malformed },
		{ "expired", c->expired },
		{ "failed", c->failed },
	};
	json_t *array = json_array();

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		if (counts[i].count)
			json_add(&array, json_pack("{s:s, s:I}", "kind", counts[i].kind, "count",
						   (json_int_t)counts[i].count));
	return array;
}

json_t *manager_export_to_json(const struct manager *m)
{
	const struct exporter *exporter = m->exporter;
	const struct http_counters *c = exporter ? http_counters(exporter->http) : NULL;
	json_t *listening;

	if (!exporter)
		return json_null();
	listening = json_array();
	for (size_t i = 0; i < exporter->n_passed; i++)
		json_add(&listening, json_text(exporter->passed[i]->name));
	for (size_t i = 0; i < exporter->n_places; i++)
		if (exporter->places[i].listener)
			json_add(&listening, json_text(exporter->places[i].listener->name));
	return json_pack("{s:o, s:I, s:I, s:I, s:o}", "listening", listening, "connections",
			 (json_int_t)c->connections, "requests", (json_int_t)c->requests, "waited",
			 (json_int_t)c->waited, "refused", refused_to_json(c));
}
