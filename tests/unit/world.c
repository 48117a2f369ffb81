// SPDX-License-Identifier: GPL-2.0-or-later
/* See records.h: a model that records are applied to, what is expected of it, and files. */
#include "records.h"

#include <dirent.h>
#include <unistd.h>

#include "decode.h"

#define TIME_STEP_NS 1000000
#define PROVIDER "0000:01:00.0"

/* ---- The model ---- */

static void on_change(const struct change *change, void *userdata)
{
	struct world *w = userdata;
	json_t *event;

	if (w->restoring)
		return;
	if (w->follow)
		w->follow(change, w);
	if (!change_name(change->type))
		return;
	event = change_to_json(w->model, change);
	assert_non_null(event);
	assert_int_equal(json_array_append_new(w->events, event), 0);
}

struct world *world_new(const struct model_limits *limits)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->events = json_array();
	w->now_ns = 1000000000ULL;
	assert_int_equal(model_new(limits ?: &MODEL_LIMITS_DEFAULT, on_change, w, &w->model), 0);
	return w;
}

struct world *world_listening(void)
{
	struct world *w = world_new(NULL);

	tell(w, make_base(RECORD_MODE_TRACING));
	tell(w, make_name(RECORD_NAME_BUS_TOKEN, 11, "pci-device-msix"));
	tell(w, make_name(RECORD_NAME_DOMAIN_FLAG, 1, "hierarchy"));
	tell(w, make_name(RECORD_NAME_DOMAIN_FLAG, 0x800, "msi-immutable"));
	walk_begin(w);
	walk_end(w, true);
	expect_nothing(w);
	return w;
}

struct world *world_free(struct world *w)
{
	if (!w)
		return NULL;
	model_free(w->model);
	json_decref(w->events);
	free(w);
	return NULL;
}

static void restore(const struct record_header *record, void *userdata)
{
	struct event event;
	struct world *w = userdata;

	assert_int_equal(decode(record, record->size, &event), record->size);
	model_apply(w->model, &event);
}

/* Base, names and hooks are told by each daemon itself, and the rest is read by it again. */
static void carry_over(struct model *from, struct model *to)
{
	to->base = from->base;
	to->has_base = from->has_base;
	memcpy(to->names, from->names, from->n_names * sizeof(*to->names));
	to->n_names = from->n_names;
	memcpy(to->hooks, from->hooks, from->n_hooks * sizeof(*to->hooks));
	to->n_hooks = from->n_hooks;
	to->counters = TAKE_PTR(from->counters);
	to->space = from->space;
	to->space_cpus = TAKE_PTR(from->space_cpus);
}

void world_restart(struct world *w)
{
	struct model *old = w->model;

	assert_int_equal(model_new(&old->limits, on_change, w, &w->model), 0);
	carry_over(old, w->model);
	w->restoring = true;
	assert_int_equal(model_save(old, w->now_ns, restore, w), 0);
	w->restoring = false;
	model_free(old);
}

/* Where only sysfs tells of interrupts nothing is remembered. */
static bool may_restart(const struct world *w)
{
	static int wanted = -1;

	if (wanted < 0)
		wanted = getenv("CXLIRQD_RESTORE") != NULL;
	if (w->applied > 400 && w->applied % 1009)
		return false;
	if (!wanted || !w->model->populated || w->model->walking ||
	    w->model->base.mode != RECORD_MODE_TRACING)
		return false;
	for (const struct vector *v = w->model->vectors; v; v = v->hh.next) {
		if (!v->key && !v->bare)
			return false;
		for (const struct action *a = v->actions; a; a = a->next)
			if (!a->key)
				return false;
	}
	return true;
}

void world_apply(struct world *w, struct record_header *header)
{
	struct event event;

	w->applied++;
	if (may_restart(w))
		world_restart(w);
	w->now_ns += TIME_STEP_NS;
	if (!header->time_ns)
		header->time_ns = w->now_ns;
	assert_int_equal(decode(header, header->size, &event), header->size);
	model_apply(w->model, &event);
}

void walk_begin(struct world *w)
{
	tell(w, make_snapshot(RECORD_SNAPSHOT_BEGIN, false));
}

void walk_end(struct world *w, bool complete)
{
	tell(w, make_snapshot(RECORD_SNAPSHOT_END, complete));
}

int world_setup(void **state)
{
	*state = world_new(NULL);
	return 0;
}

int world_setup_listening(void **state)
{
	*state = world_listening();
	return 0;
}

int world_teardown(void **state)
{
	world_free(*state);
	return 0;
}

/* ---- Scenes ---- */

struct vector_record moved(struct vector_record v, enum record_reason reason, uint64_t affinity,
			   uint64_t effective, struct record_msg message)
{
	v.r.reason = reason;
	v.r.message = message;
	v.r.x86_vector = message.data ? (int32_t)message.data : -1;
	v.r.x86_cpu = message.data ? 0 : -1;
	v.masks[RECORD_MASK_AFFINITY][0] = affinity;
	v.masks[RECORD_MASK_EFFECTIVE][0] = effective;
	return v;
}

struct vector_record with_message(enum record_reason reason, uint32_t irq,
				  struct record_msg message)
{
	return moved(make_vector(reason, irq, PROVIDER), reason, 3, 1, message);
}

void start(struct world *w, uint32_t irq, uint32_t vector)
{
	tell(w, make_alloc(irq, 1));
	tell(w, make_x86(irq, 239, 0));
	tell(w, with_message(RECORD_REASON_ALLOCATED, irq, ZEROS));
	tell(w, make_message(irq, ZEROS, PLACEHOLDER));
	tell(w, with_message(RECORD_REASON_ACTIVATED, irq, PLACEHOLDER));
	tell(w, make_x86(irq, (int32_t)vector, 0));
	tell(w, make_message(irq, PLACEHOLDER, MESSAGE(vector)));
	tell(w, with_message(RECORD_REASON_ACTIVATED, irq, MESSAGE(vector)));
	tell(w, make_message(irq, MESSAGE(vector), MESSAGE(vector)));
	tell(w, with_message(RECORD_REASON_AFFINITY_APPLIED, irq, MESSAGE(vector)));
	tell(w, make_action(RECORD_REASON_REQUESTED, irq, irq, "nvme0q0"));
	tell(w, with_message(RECORD_REASON_REQUESTED, irq, MESSAGE(vector)));
}

void start_and_forget(struct world *w, uint32_t irq, uint32_t vector)
{
	start(w, irq, vector);
	forget_events(w);
}

void see_domain(struct world *w, uint64_t key, const char *name)
{
	tell(w, make_domain(RECORD_REASON_SNAPSHOT, key, name));
}

struct vector_record vector_seen(uint32_t irq, uint32_t vector)
{
	struct vector_record v = make_vector(RECORD_REASON_SNAPSHOT, irq, PROVIDER);

	v.r.message = MESSAGE(vector);
	return v;
}

void see(struct world *w, uint32_t irq, uint32_t vector)
{
	tell(w, vector_seen(irq, vector));
	tell(w, make_action(RECORD_REASON_SNAPSHOT, irq, 1, "nvme0q0"));
}

void walk(struct world *w, bool complete)
{
	walk_begin(w);
	see_domain(w, 0x100, "MSIX");
	see(w, 30, 0x41);
	walk_end(w, complete);
}

struct vector_record moved_to(uint64_t affinity, uint64_t effective)
{
	struct vector_record v = vector_seen(30, 0x41);

	v.masks[RECORD_MASK_AFFINITY][0] = affinity;
	v.masks[RECORD_MASK_EFFECTIVE][0] = effective;
	return v;
}

/* ---- Expectations ---- */

json_t *parse(const char *text)
{
	_cleanup_free_ char *copy = strdup(text);
	json_error_t error;
	json_t *json;

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	json = json_loads(copy, JSON_DECODE_ANY, &error);
	if (!json)
		fail_msg("%s: %s", text, error.text);
	return json;
}

bool is_part(const json_t *part, const json_t *whole)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_object(part) && json_is_object(whole)) {
		json_object_foreach((json_t *)part, key, value)
			if (!is_part(value, json_object_get(whole, key)))
				return false;
		return true;
	}
	if (json_is_array(part) && json_array_size(part) == json_array_size(whole)) {
		json_array_foreach((json_t *)part, i, value)
			if (!is_part(value, json_array_get(whole, i)))
				return false;
		return true;
	}
	return json_equal(part, whole);
}

/* Whether @text is a part of @whole; says why not. */
static bool has_part(const json_t *whole, const char *text)
{
	json_auto_t *part = parse(text);
	_cleanup_free_ char *shown = NULL;

	if (whole && is_part(part, whole))
		return true;
	shown = whole ? json_dumps(whole, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	print_error("expected %s\nbut it is %s\n", text, shown ?: "not there");
	return false;
}

/* A failed test leaves by a jump, which cleanup does not see: it comes last. */
static void require(bool so, const char *file, int line)
{
	if (!so)
		_fail(file, line);
}

void expect_event_at(struct world *w, const char *part, const char *file, int line)
{
	require(has_part(json_array_get(w->events, 0), part), file, line);
	json_array_remove(w->events, 0);
}

void expect_nothing_at(struct world *w, const char *file, int line)
{
	char *shown;

	if (!json_array_size(w->events))
		return;
	shown = json_dumps(w->events, JSON_COMPACT);
	print_error("expected no event, but there came %s\n", shown);
	free(shown);
	_fail(file, line);
}

void expect_vector_at(struct world *w, uint32_t irq, const char *part, const char *file, int line)
{
	json_t *vectors = model_vectors_to_json(w->model, NULL, &irq);
	bool so = has_part(json_array_get(vectors, 0), part);

	json_decref(vectors);
	require(so, file, line);
}

void expect_domain_at(struct world *w, const char *name, const char *part, const char *file,
		      int line)
{
	json_t *domains = model_domains_to_json(w->model), *found = NULL, *domain;
	size_t i;
	bool so;

	json_array_foreach(domains, i, domain)
		if (!strcmp(json_string_value(json_object_get(domain, "name")), name))
			found = domain;
	so = has_part(found, part);
	json_decref(domains);
	require(so, file, line);
}

void expect_counts_at(json_t *counts, const char *key, const char *all, const char *file, int line)
{
	json_t *expected = parse(all), *found = json_object(), *count;
	char *shown;
	size_t i;
	bool so;

	json_array_foreach(counts, i, count)
		json_object_set(found, json_string_value(json_object_get(count, key)),
				json_object_get(count, "count"));
	json_decref(counts);
	so = json_equal(found, expected);
	shown = json_dumps(found, JSON_COMPACT);
	if (!so)
		print_error("expected %s\nbut counted are %s\n", all, shown);
	free(shown);
	json_decref(found);
	json_decref(expected);
	require(so, file, line);
}

/* ---- Files ---- */

int directory_setup(void **state)
{
	char *path = strdup("/tmp/cxlirqd-test.XXXXXX");

	*state = path;
	return path && mkdtemp(path) ? 0 : -1;
}

int directory_teardown(void **state)
{
	DIR *directory = opendir(*state);
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		unlinkat(dirfd(directory), entry->d_name, 0);
	closedir(directory);
	rmdir(*state);
	free(*state);
	return 0;
}

const char *file_path(const char *directory, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

void file_write(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}
