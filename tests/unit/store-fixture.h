/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A store in a temporary directory, what it says, and what is in it. The lines that go to stderr
 * are caught on their way, so that a test can tell what was said, and how often.
 */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "records.h"
#include "sink-store-private.h"

#define SECOND 1000000LL
#define DAY (86400 * SECOND)

/* ---- What was said ---- */

static char said[16384];
static size_t n_said;

ssize_t write(int fd, const void *data, size_t size)
{
	ssize_t (*real)(int fd, const void *data, size_t size) = dlsym(RTLD_NEXT, "write");

	if (fd != STDERR_FILENO || size < 9 || memcmp(data, "cxlirqd: ", 9))
		return real(fd, data, size);
	assert_true(n_said + size < sizeof(said));
	memcpy(said + n_said, data, size);
	n_said += size;
	said[n_said] = 0;
	return (ssize_t)size;
}

static inline void said_forget(void)
{
	n_said = 0;
	*said = 0;
}

static inline unsigned int said_lines(void)
{
	unsigned int n = 0;

	for (const char *c = said; *c; c++)
		n += *c == '\n';
	return n;
}

/* One line, with @part in it; and it is forgotten. */
#define expect_said(part)                                                                          \
	do {                                                                                       \
		if (said_lines() != 1 || !strstr(said, (part)))                                    \
			print_error("expected \"%s\" but said was: %s\n", (part), said);           \
		assert_int_equal(said_lines(), 1);                                                 \
		assert_non_null(strstr(said, (part)));                                             \
		said_forget();                                                                     \
	} while (0)

/* ---- The store ---- */

static inline struct sink_store_settings store_settings(const char *directory)
{
	return (struct sink_store_settings){ .enabled = true, .directory = directory };
}

static inline struct sink_store *store_new(const struct sink_store_settings *settings)
{
	struct sink_store *store = NULL;
	pid_t holder = -1;

	assert_int_equal(sink_store_new(settings, &store, &holder), 0);
	assert_int_equal(holder, -1);
	return store;
}

static inline struct sink_store *store_open(const char *directory)
{
	struct sink_store_settings settings = store_settings(directory);

	return store_new(&settings);
}

static inline void publish_at(struct sink_store *store, int64_t time_us, const char *type,
			      int64_t irq, const char *device)
{
	char text[512], irq_text[16] = "null", device_text[80] = "null";
	struct sink_event event = { .time_us = time_us,
				    .type = type,
				    .has_irq = irq >= 0,
				    .irq = (uint32_t)irq,
				    .device = device,
				    .text = text };

	if (irq >= 0)
		snprintf(irq_text, sizeof(irq_text), "%u", (uint32_t)irq);
	if (device)
		snprintf(device_text, sizeof(device_text), "\"%s\"", device);
	snprintf(text, sizeof(text),
		 "{\"time_us\":%lld,\"type\":\"%s\",\"irq\":%s,\"device\":%s,\"message_changes\":1,"
		 "\"old_message\":{\"address\":\"0x00000000fee00000\",\"data\":\"0x00000041\"},"
		 "\"new_message\":{\"address\":\"0x00000000fee02000\",\"data\":\"0x00000042\"}}",
		 (long long)time_us, type, irq_text, device_text);
	sink_store_publish(store, &event);
}

static inline void publish(struct sink_store *store, const char *type, int64_t irq,
			   const char *device)
{
	publish_at(store, store_time_us(), type, irq, device);
}

static inline void publish_violation(struct sink_store *store, const struct violation *violation,
				     enum violation_outcome outcome)
{
	json_t *json = violation_to_event_json(violation);
	char *text = json_dumps(json, JSON_COMPACT);
	struct sink_event event = { .time_us = violation->last_us,
				    .type = "violation",
				    .has_irq = violation->finding.has_irq,
				    .irq = violation->finding.irq,
				    .device = violation->finding.device,
				    .json = json,
				    .text = text,
				    .violation = violation,
				    .outcome = outcome };

	sink_store_publish(store, &event);
	free(text);
	json_decref(json);
}

/* Every field has a value of its own. */
static inline struct violation make_violation(uint64_t id)
{
	struct violation v = {
		.id = id,
		.finding = { .rule = RULE_IMMUTABLE_MESSAGE_CHANGED,
			     .device = "0000:35:00.0",
			     .has_irq = true,
			     .has_index = true,
			     .has_messages = true,
			     .irq = 42,
			     .index = (uint32_t)id,
			     .domain = 7,
			     .old_message = { 0xfee00000, 0xffffffff, 0x41 },
			     .new_message = { 0xfee01000, 1, 0xffffffff },
			     .cause = { .valid = true,
					.kind = RECORD_CAUSE_AFFINITY_WRITE,
					.flags = RECORD_F_KTHREAD,
					.pid = 4294967295U,
					.uid = 65534,
					.comm = "irq\"b'al\xff" },
			     .standing = true,
			     .explanation = "it \"was\" 'so'; DROP TABLE violation" },
		.count = 3,
		.first_us = 1700000000000001,
		.last_us = 1700000000000002,
		.acknowledged = false,
	};

	return v;
}

/* ---- What is in it ---- */

static inline int collect(const char *text, void *userdata)
{
	json_t *row = json_loads(text, 0, NULL);

	assert_non_null(row);
	json_array_append_new(userdata, row);
	return 0;
}

/* Every event that is found, the oldest first */
static inline int ask(struct sink_store *store, const struct history_filter *filter,
		      history_row_fn row, void *userdata, bool *ret_cut)
{
	struct history_ids ids = {};
	int r = sink_store_find(store, filter, &ids, ret_cut);

	while (r >= 0 && ids.n) {
		ids.n--;
		r = sink_store_read(store, &ids, ids.n, row, userdata);
	}
	free(ids.ids);
	return r;
}

static inline json_t *rows_of(struct sink_store *store, struct history_filter filter, bool *ret_cut)
{
	json_t *rows = json_array();
	bool cut;

	assert_int_equal(ask(store, &filter, collect, rows, ret_cut ?: &cut), 0);
	return rows;
}

static inline size_t count_rows(struct sink_store *store, struct history_filter filter)
{
	json_t *rows = rows_of(store, filter, NULL);
	size_t n = json_array_size(rows);

	json_decref(rows);
	return n;
}
#define count(store, ...) count_rows((store), (struct history_filter){ __VA_ARGS__ })

static inline json_int_t number_in(const json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return json_integer_value(json_object_get(object, name));
}

/* The gaps of a kind: new reference */
static inline json_t *gaps_of(struct sink_store *store, const char *reason)
{
	json_t *rows = rows_of(store, (struct history_filter){ .type = "gap" }, NULL);
	json_t *gaps = json_array(), *row;
	size_t i;

	json_array_foreach(rows, i, row)
		if (!strcmp(json_string_value(json_object_get(row, "reason")), reason))
			json_array_append(gaps, row);
	json_decref(rows);
	return gaps;
}

static inline size_t count_gaps(struct sink_store *store, const char *reason)
{
	json_t *gaps = gaps_of(store, reason);
	size_t n = json_array_size(gaps);

	json_decref(gaps);
	return n;
}

static inline void expect_state(const struct sink_store *store, enum sink_store_state state,
				const char *reason)
{
	const char *found;

	assert_int_equal(sink_store_state(store, &found), state);
	if (reason)
		assert_string_equal(found, reason);
	else
		assert_null(found);
}

/* How many files were moved aside, with -wal and -shm; @ret_name: of one of the databases */
static inline unsigned int count_aside(const char *directory, char *ret_name, size_t size)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	unsigned int n = 0;

	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "history.db.corrupt-20", 21))
			continue;
		n++;
		if (entry->d_name[strlen(entry->d_name) - 1] == 'Z' && ret_name)
			snprintf(ret_name, size, "%s", file_path(directory, entry->d_name));
	}
	closedir(dir);
	return n;
}

/* How many violations the next daemon has */
static inline unsigned int count_restored(struct sink_store *store)
{
	struct violations *violations;
	unsigned int n;

	assert_int_equal(violations_new(10, &violations), 0);
	n = sink_store_restore(store, violations);
	violations_free(violations);
	return n;
}

/* Bytes of all files of the history */
static inline uint64_t size_of(const char *directory)
{
	static const char *const names[] = { "history.db", "history.db-wal", "history.db-shm" };
	struct stat st;
	uint64_t size = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!stat(file_path(directory, names[i]), &st))
			size += (uint64_t)st.st_size;
	return size;
}

static inline void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

/* Until it is well again; it tries every two seconds. */
static inline void wait_for_recovery(struct sink_store *store)
{
	const char *reason;

	for (int i = 0; i < 100 && sink_store_state(store, &reason) != SINK_STORE_OK; i++) {
		pause_ms(100);
		sink_store_batch_end(store);
	}
	assert_int_equal(sink_store_state(store, &reason), SINK_STORE_OK);
}

/* ---- A file system of its own ---- */

static bool have_namespace;

static inline void map_root(uid_t uid)
{
	char map[32];

	snprintf(map, sizeof(map), "0 %u 1", uid);
	file_write("/proc/self/uid_map", map, strlen(map));
}

static inline int namespace_setup(void **state)
{
	uid_t uid = geteuid();

	(void)state;
	have_namespace = unshare(CLONE_NEWNS) == 0;
	if (!have_namespace && unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) {
		map_root(uid);
		have_namespace = true;
	}
	if (have_namespace)
		have_namespace = mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	return 0;
}

static inline void mount_tmpfs(const char *directory, const char *options)
{
	if (!have_namespace) {
		print_message("# no mount namespace: neither privilege nor user namespaces\n");
		skip();
	}
	assert_int_equal(mount("tmpfs", directory, "tmpfs", 0, options), 0);
}

static inline int mount_teardown(void **state)
{
	if (have_namespace)
		umount2(*state, MNT_DETACH);
	return directory_teardown(state);
}

static inline int store_setup(void **state)
{
	said_forget();
	return directory_setup(state);
}

#endif
