// SPDX-License-Identifier: GPL-2.0-or-later
/* See records.h. */
#include "records.h"

#include <dirent.h>
#include <unistd.h>

#include "decode.h"

#define TIME_STEP_NS 1000000
#define PROVIDER "0000:01:00.0"
#define DOMAIN_DEVICE 0x100
#define DOMAIN_PARENT 0x200

static void set_text(char *field, size_t size, const char *text)
{
	snprintf(field, size, "%s", text);
}
#define SET(field, text) set_text((field), sizeof(field), (text))

/* ---- Records ---- */

struct record_header make_header(enum record_type type, size_t size)
{
	return (struct record_header){ .type = (uint16_t)type,
				       .version = RECORD_VERSION,
				       .size = (uint32_t)size,
				       .comm = "kworker/0:1" };
}

struct record_dev make_dev(const char *name, const char *bus, const char *driver)
{
	struct record_dev dev = {};

	SET(dev.name, name);
	SET(dev.bus, bus);
	SET(dev.driver, driver);
	SET(dev.module, driver);
	return dev;
}

struct record_base make_base(enum record_mode mode)
{
	struct record_base r = { .header = make_header(RECORD_BASE, sizeof(r)),
				 .mode = mode,
				 .n_cpus = 2,
				 .release = "6.12.0",
				 .machine = "x86_64" };

	if (mode == RECORD_MODE_SYSFS)
		SET(r.reason, "no BTF");
	return r;
}

struct record_name make_name(enum record_name_kind kind, uint32_t value, const char *name)
{
	struct record_name r = { .header = make_header(RECORD_NAME, sizeof(r)),
				 .kind = kind,
				 .value = value };

	SET(r.name, name);
	return r;
}

struct record_hook make_hook(const char *name, bool attached, bool needed)
{
	struct record_hook r = { .header = make_header(RECORD_HOOK, sizeof(r)),
				 .kind = RECORD_HOOK_PROGRAM,
				 .attached = attached,
				 .needed = needed };

	SET(r.name, name);
	if (!attached)
		SET(r.reason, "not in this kernel");
	return r;
}

struct record_lost make_lost(uint64_t count, const char *reason)
{
	struct record_lost r = { .header = make_header(RECORD_LOST, sizeof(r)), .count = count };

	SET(r.reason, reason);
	return r;
}

struct record_cpu make_cpu(uint32_t cpu, bool online)
{
	return (struct record_cpu){ .header = make_header(RECORD_CPU, sizeof(struct record_cpu)),
				    .cpu_number = cpu,
				    .online = online };
}

struct record_snapshot make_snapshot(enum record_snapshot_phase phase, bool complete)
{
	return (struct record_snapshot){ .header = make_header(RECORD_SNAPSHOT,
							       sizeof(struct record_snapshot)),
					 .phase = phase,
					 .complete = complete,
					 .duration_ns = 1000 };
}

struct record_domain make_domain(enum record_reason reason, uint64_t key, const char *name)
{
	struct record_domain r = { .header = make_header(RECORD_DOMAIN, sizeof(r)),
				   .reason = reason,
				   .key = key,
				   .hwirq_max = 0xffffffff,
				   .mapped = ~0U };

	SET(r.name, name);
	return r;
}

static struct record_range make_range(enum record_type type, uint32_t irq, uint32_t count)
{
	return (struct record_range){ .header = make_header(type, sizeof(struct record_range)),
				      .irq = irq,
				      .count = count };
}

struct record_range make_alloc(uint32_t irq, uint32_t count)
{
	return make_range(RECORD_ALLOC, irq, count);
}

struct record_range make_free(uint32_t irq, uint32_t count)
{
	return make_range(RECORD_FREE, irq, count);
}

struct vector_record make_wired(enum record_reason reason, uint32_t irq)
{
	struct vector_record v = {
		.r = { .header = make_header(RECORD_VECTOR, sizeof(v)),
		       .reason = reason,
		       .irq = irq,
		       .key = 0x10000 + irq,
		       .n_levels = 2,
		       .levels = { { .domain = DOMAIN_DEVICE, .hwirq = irq, .chip = "PCI-MSIX" },
				   { .domain = DOMAIN_PARENT, .hwirq = irq, .chip = "APIC" } },
		       .x86_vector = -1,
		       .x86_cpu = -1,
		       .mask_words = WORDS }
	};

	v.masks[RECORD_MASK_AFFINITY][0] = 3;
	v.masks[RECORD_MASK_EFFECTIVE][0] = 1;
	return v;
}

struct vector_record make_vector(enum record_reason reason, uint32_t irq, const char *provider)
{
	struct vector_record v = make_wired(reason, irq);

	v.r.msi_key = 0x20000 + irq;
	v.r.msi_type = RECORD_MSI_PCI_MSIX;
	v.r.msi_index = irq - 30;
	v.r.msi_irq = irq;
	v.r.msi_count = 1;
	v.r.message = PLACEHOLDER;
	v.r.provider = make_dev(provider, "pci", "driver");
	return v;
}

struct record_message make_message(uint32_t irq, struct record_msg old, struct record_msg new)
{
	return (struct record_message){ .header = make_header(RECORD_MESSAGE,
							      sizeof(struct record_message)),
					.irq = irq,
					.count = 1,
					.msi_key = 0x20000 + irq,
					.old_message = old,
					.new_message = new,
					.old_known = 1 };
}

struct record_x86_vector make_x86(uint32_t irq, int32_t vector, int32_t cpu)
{
	return (struct record_x86_vector){ .header = make_header(RECORD_X86_VECTOR,
								 sizeof(struct record_x86_vector)),
					   .irq = irq,
					   .vector = vector,
					   .cpu = cpu };
}

struct record_action make_action(enum record_reason reason, uint32_t irq, uint64_t cookie,
				 const char *name)
{
	struct record_action r = { .header = make_header(RECORD_ACTION, sizeof(r)),
				   .reason = reason,
				   .irq = irq,
				   .vector = 0x10000 + irq,
				   .key = 0x30000 + cookie,
				   .cookie = cookie,
				   .handler = "driver_irq [driver]" };

	SET(r.name, name);
	return r;
}

struct record_action_freed make_action_freed(uint32_t irq, uint64_t cookie)
{
	return (struct record_action_freed){
		.header = make_header(RECORD_ACTION_FREED, sizeof(struct record_action_freed)),
		.irq = irq,
		.cookie = cookie
	};
}

struct record_owner make_owner(enum record_reason reason, uint32_t irq, uint64_t cookie,
			       const char *device)
{
	return (struct record_owner){ .header = make_header(RECORD_OWNER,
							    sizeof(struct record_owner)),
				      .reason = reason,
				      .irq = irq,
				      .cookie = cookie,
				      .device = make_dev(device, "cxl", "cxl_pmu") };
}

struct record_device make_device(const char *name, const char *bus, const char *driver)
{
	struct record_device r = { .header = make_header(RECORD_DEVICE, sizeof(r)) };

	SET(r.name, name);
	SET(r.bus, bus);
	SET(r.driver, driver);
	SET(r.module, driver);
	return r;
}

struct record_device make_device_gone(const char *name)
{
	struct record_device r = { .header = make_header(RECORD_DEVICE_GONE, sizeof(r)) };

	SET(r.name, name);
	return r;
}

struct record_sysfs_vector make_sysfs_vector(uint32_t irq, const char *device)
{
	struct record_sysfs_vector r = { .header = make_header(RECORD_SYSFS_VECTOR, sizeof(r)),
					 .irq = irq };

	SET(r.device, device);
	return r;
}

struct record_sysfs_irq make_sysfs_irq(uint32_t irq, const char *actions)
{
	struct record_sysfs_irq r = { .header = make_header(RECORD_SYSFS_IRQ, sizeof(r)),
				      .irq = irq,
				      .hwirq = irq,
				      .chip = "PCI-MSIX",
				      .affinity = "0-1",
				      .effective_affinity = "0" };

	SET(r.actions, actions);
	return r;
}

void done_by(struct record_header *header, enum record_cause cause, const char *comm, uint32_t pid)
{
	header->cause = cause;
	header->pid = header->tid = pid;
	memset(header->comm, 0, sizeof(header->comm));
	SET(header->comm, comm);
}

/* ---- The model ---- */

static void on_change(const struct change *change, void *userdata)
{
	struct world *w = userdata;
	json_t *event;

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

void world_apply(struct world *w, struct record_header *header)
{
	struct event event;

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
