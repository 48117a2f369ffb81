// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bounds of each key, what is said about a wrong line and that the rest of the file counts
 * nevertheless, and which file goes before which.
 *
 * The files that the daemon reads by itself lie in /etc and /usr/lib. fopen() and glob() are
 * replaced here, so that a test has its own.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "config.h"
#include "pmu-item.h"
#include "records.h"

/* ---- A root directory of our own ---- */

static const char *root; /* NULL: the real one */

static const char *below_root(const char *path, char *buffer, size_t size)
{
	if (!root || (strncmp(path, "/etc/", 5) && strncmp(path, "/usr/", 5)))
		return path;
	snprintf(buffer, size, "%s%s", root, path);
	return buffer;
}

FILE *fopen(const char *path, const char *mode)
{
	FILE *(*real)(const char *path, const char *mode) = dlsym(RTLD_NEXT, "fopen");
	char buffer[512];

	return real(below_root(path, buffer, sizeof(buffer)), mode);
}

int glob(const char *pattern, int flags, int (*on_error)(const char *path, int error),
	 glob_t *found)
{
	int (*real)(const char *pattern, int flags, int (*on_error)(const char *path, int error),
		    glob_t *found) = dlsym(RTLD_NEXT, "glob");
	char buffer[512];

	return real(below_root(pattern, buffer, sizeof(buffer)), flags, on_error, found);
}

/* ---- Reading, and what was said ---- */

struct result {
	int result;
	unsigned int warnings;
	struct config config;
	char said[8192];
};

static struct result result;

static int result_done(void **state)
{
	config_done(&result.config);
	memset(&result, 0, sizeof(result));
	root = NULL;
	return directory_teardown(state);
}

static void read_config(const char *directory, const char *path)
{
	const char *log = file_path(directory, "log");
	int fd = open(log, O_RDWR | O_CREAT | O_TRUNC, 0600), saved = dup(2);
	ssize_t n;

	assert_true(fd >= 0 && saved >= 0);
	config_done(&result.config);
	memset(&result, 0, sizeof(result));
	dup2(fd, 2);
	result.result = config_read(path, &result.config, &result.warnings);
	dup2(saved, 2);
	n = pread(fd, result.said, sizeof(result.said) - 1, 0);
	assert_true(n >= 0);
	close(fd);
	close(saved);
}

static void read_text(const char *directory, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s", file_path(directory, "conf"));
	file_write(path, text, strlen(text));
	read_config(directory, path);
}

static void expect_said(const char *directory, const char *format)
{
	char expected[1024], path[256];

	snprintf(path, sizeof(path), "%s", file_path(directory, "conf"));
	snprintf(expected, sizeof(expected), format, path, path);
	assert_string_equal(result.said, expected);
}

static void expect_defaults(void)
{
	assert_int_equal(result.result, 0);
	assert_string_equal(result.config.socket, "/run/cxlirqd/io.cxlirqd");
	assert_int_equal(result.config.log_level, LOG_INFO);
	assert_int_equal(result.config.event_backlog, 4096);
	assert_int_equal(result.config.ring_size, 2097152);
	assert_int_equal(result.config.snapshot_sec, 300);
	assert_int_equal(result.config.max_vectors, 262144);
	assert_int_equal(result.config.max_domains, 65536);
	assert_string_equal(result.config.counter_events, "");
	assert_int_equal(result.config.max_counters, 256);
	assert_true(result.config.store);
	assert_string_equal(result.config.store_directory, "");
	assert_int_equal(result.config.store_days, 90);
	assert_int_equal(result.config.store_size, 256 << 20);
}

static void test_defaults(void **state)
{
	read_text(*state, "");
	expect_defaults();
	assert_int_equal(result.warnings, 0);
	assert_string_equal(result.said, "");
	read_text(*state, "# a remark\n\n[Daemon]\n; another\n[Trace]\n[Unknown]\n");
	expect_defaults();
	assert_int_equal(result.warnings, 0);
}

/* What --keys prints is a file without effect, and lists every key. */
static void test_keys(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	config_print_keys(out);
	fclose(out);
	assert_string_equal(
		text,
		"[Daemon]\n#Socket=/run/cxlirqd/io.cxlirqd\n#LogLevel=info\n#User=cxlirqd\n"
		"#EventBacklog=4096\n\n[Trace]\n#RingSize=2M\n#PinDirectory=/sys/fs/bpf/cxlirqd\n"
		"#SnapshotIntervalSec=300\n#MaxVectors=262144\n#MaxDomains=65536\n\n[Rules]\n"
		"#Disable=\n#DoorbellDevices=\n#MaxViolations=4096\n\n[Counters]\n#Events=\n"
		"#Max=256\n\n[Guard]\n#Mode=off\n#Protect=\n#Restore=no\n#RestoresPerMinute=6\n"
		"#Persist=no\n\n[Export]\n#Listen=127.0.0.1:9967\n#PerVector=no\n"
		"#MaxSeries=5000\n#Report=/run/systemd/report/io.cxlirqd\n\n[Store]\n"
		"#Enabled=yes\n#Directory=\n#RetentionDays=90\n#MaxSize=256M\n");
	read_text(*state, text);
	expect_defaults();
	assert_int_equal(result.warnings, 0);
	for (char *c = text; *c; c++)
		if (*c == '#')
			*c = ' ';
	read_text(*state, text);
	expect_defaults();
	assert_int_equal(result.warnings, 0);
	free(text);
}

static const struct number {
	const char *section, *key;
	size_t offset;
	uint64_t min, max;
	bool size;
} numbers[] = {
	{ "Daemon", "EventBacklog", offsetof(struct config, event_backlog), 0, 8192, false },
	{ "Trace", "RingSize", offsetof(struct config, ring_size), 1 << 20, 1 << 30, true },
	{ "Trace", "SnapshotIntervalSec", offsetof(struct config, snapshot_sec), 0, 86400, false },
	{ "Trace", "MaxVectors", offsetof(struct config, max_vectors), 64, 1 << 24, false },
	{ "Trace", "MaxDomains", offsetof(struct config, max_domains), 64, 1 << 20, false },
	{ "Counters", "Max", offsetof(struct config, max_counters), 0, 4096, false },
	{ "Store", "RetentionDays", offsetof(struct config, store_days), 0, 36500, false },
	{ "Store", "MaxSize", offsetof(struct config, store_size), 16 << 20, 1ULL << 40, true },
};

static uint64_t number_of(const struct number *number)
{
	return *(uint64_t *)((char *)&result.config + number->offset);
}

static void read_number(const char *directory, const struct number *number, const char *value)
{
	char text[256];

	snprintf(text, sizeof(text), "[%s]\n%s=%s\n", number->section, number->key, value);
	read_text(directory, text);
	assert_int_equal(result.result, 0);
}

static void test_numbers(void **state)
{
	static const char *const nonsense[] = { "",	 "x",	"-1",	"+1",	 "0x100",
						"1.5",	 "64x", "64KK", "64 K",	 "K",
						"1,000", "64P", "64k",	"\"64\"" };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		const struct number *n = &numbers[i];
		uint64_t fallback, good[] = { n->min, n->max };
		uint64_t bad[] = { n->min - 1, n->max + 1, n->max * 2, UINT64_MAX };
		char value[64], said[256];

		read_text(*state, "");
		fallback = number_of(n);
		for (size_t j = 0; j < 2; j++) {
			snprintf(value, sizeof(value), "%llu", (unsigned long long)good[j]);
			read_number(*state, n, value);
			assert_int_equal(result.warnings, 0);
			assert_int_equal(number_of(n), good[j]);
		}
		for (size_t j = 0; j < 4; j++) {
			snprintf(value, sizeof(value), "%llu", (unsigned long long)bad[j]);
			read_number(*state, n, value);
			assert_int_equal(result.warnings, 1);
			assert_int_equal(number_of(n), fallback);
			snprintf(said, sizeof(said),
				 ":2: bad value for \"%s\": %s is not between %llu and %llu",
				 n->key, value, (unsigned long long)n->min,
				 (unsigned long long)n->max);
			assert_non_null(strstr(result.said, said));
		}
		read_number(*state, n, "18446744073709551616");
		assert_int_equal(result.warnings, 1);
		for (size_t j = 0; j < sizeof(nonsense) / sizeof(*nonsense); j++) {
			read_number(*state, n, nonsense[j]);
			assert_int_equal(result.warnings, 1);
			assert_int_equal(number_of(n), fallback);
			snprintf(said, sizeof(said),
				 ":2: bad value for \"%s\": cannot take \"%s\", ignoring\n", n->key,
				 nonsense[j]);
			assert_non_null(strstr(result.said, said));
		}
		read_number(*state, n, n->size ? "64M" : "4K");
		assert_int_equal(result.warnings, n->size ? 0 : 1);
		assert_int_equal(number_of(n), n->size ? 64 << 20 : fallback);
	}
}

static void test_sizes(void **state)
{
	static const struct {
		const char *value;
		uint64_t size; /* 0: refused */
	} sizes[] = {
		{ "1024K", 1 << 20 },
		{ "1M", 1 << 20 },
		{ "1G", 1 << 30 },
		{ "2G", 0 },
		{ "1048576", 1 << 20 },
		{ "1048577", 0 },
		{ "3M", 0 },
		{ "1023K", 0 },
		{ "512K", 0 },
		{ "17179869185G", 0 },
		{ "18446744073709551615K", 0 },
		{ "1T", 0 },
		{ "0", 0 },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		read_number(*state, &numbers[1], sizes[i].value);
		assert_int_equal(result.warnings, !sizes[i].size);
		assert_int_equal(result.config.ring_size, sizes[i].size ?: 2097152);
	}
}

static void test_levels(void **state)
{
	static const struct {
		const char *name;
		int level;
	} levels[] = {
		{ "err", LOG_ERR },
		{ "warning", LOG_WARNING },
		{ "notice", LOG_NOTICE },
		{ "info", LOG_INFO },
		{ "debug", LOG_DEBUG },
		{ "", -1 },
		{ "error", -1 },
		{ "INFO", -1 },
		{ "7", -1 },
	};
	char text[64];

	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		snprintf(text, sizeof(text), "[Daemon]\nLogLevel = %s\n", levels[i].name);
		read_text(*state, text);
		assert_int_equal(result.warnings, levels[i].level < 0);
		assert_int_equal(result.config.log_level,
				 levels[i].level < 0 ? LOG_INFO : levels[i].level);
	}
}

static void test_socket(void **state)
{
	char longest[110], text[160];

	read_text(*state, "[Daemon]\nSocket=/tmp/x\n");
	assert_int_equal(result.warnings, 0);
	assert_string_equal(result.config.socket, "/tmp/x");
	read_text(*state, "[Daemon]\nSocket=/a\nSocket=relative\nSocket=\n");
	assert_int_equal(result.warnings, 2);
	assert_string_equal(result.config.socket, "/a");
	expect_said(*state,
		    "cxlirqd: %s:3: bad value for \"Socket\": cannot take \"relative\", ignoring\n"
		    "cxlirqd: %s:4: bad value for \"Socket\": cannot take \"\", ignoring\n");
	/* sun_path holds 107 characters and the zero */
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[107] = 0;
	snprintf(text, sizeof(text), "[Daemon]\nSocket=%s\n", longest);
	read_text(*state, text);
	assert_int_equal(result.warnings, 0);
	assert_string_equal(result.config.socket, longest);
	longest[107] = 'x';
	longest[108] = 0;
	snprintf(text, sizeof(text), "[Daemon]\nSocket=%s\n", longest);
	read_text(*state, text);
	assert_int_equal(result.warnings, 1);
}

/* Each line adds to those before it, if it can be read; an empty one forgets them. */
static void test_counters(void **state)
{
	char text[PMU_ITEMS_MAX * 32] = "[Counters]\n", *at = text + strlen(text);

	read_text(*state, "[Counters]\nEvents=clock_ticks {a,b}\n"
			  "Events = cxl_pmu_mem0.0/vid=0x1e98,gid=0x10,mask=0x2,hdm=0x3/\n");
	assert_int_equal(result.warnings, 0);
	assert_string_equal(result.config.counter_events,
			    "clock_ticks {a,b} "
			    "cxl_pmu_mem0.0/vid=0x1e98,gid=0x10,mask=0x2,hdm=0x3/");
	read_text(*state, "[Counters]\nEvents=a\nEvents=\nEvents=b\n");
	assert_int_equal(result.warnings, 0);
	assert_string_equal(result.config.counter_events, "b");

	/* a wrong line leaves the others alone, and so does the rest of the file */
	read_text(*state, "[Counters]\nEvents=a\nEvents=b {c\nEvents=d\nMax=7\n");
	assert_int_equal(result.warnings, 1);
	expect_said(*state, "cxlirqd: %s:3: bad value for \"Events\": no closing } at \"{c\", "
			    "ignoring\n");
	assert_string_equal(result.config.counter_events, "a d");
	assert_int_equal(result.config.max_counters, 7);
	read_text(*state, "[Counters]\nEvents=cycles:u\n");
	assert_int_equal(result.warnings, 1);
	assert_string_equal(result.config.counter_events, "");

	/* not more than can be counted */
	for (unsigned int i = 0; i <= PMU_ITEMS_MAX; i++)
		at += sprintf(at, "Events=p/mask=%u/\n", i);
	read_text(*state, text);
	assert_int_equal(result.warnings, 1);
	assert_non_null(strstr(result.said, ":258: bad value for \"Events\": more than 256 events, "
					    "ignoring\n"));
	assert_null(strstr(result.config.counter_events, "mask=256"));
	assert_non_null(strstr(result.config.counter_events, "mask=255/"));
}

static void test_store(void **state)
{
	static const char *const on[] = { "yes", "true", "on", "1" };
	static const char *const off[] = { "no", "false", "off", "0" };
	static const char *const neither[] = { "", "y", "YES", "2", "enabled", "yes no" };
	char text[64];

	for (size_t i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "[Store]\nEnabled=no\nEnabled=%s\n", on[i]);
		read_text(*state, text);
		assert_int_equal(result.warnings, 0);
		assert_true(result.config.store);
		snprintf(text, sizeof(text), "[Store]\nEnabled=%s\n", off[i]);
		read_text(*state, text);
		assert_int_equal(result.warnings, 0);
		assert_false(result.config.store);
	}
	for (size_t i = 0; i < 6; i++) {
		snprintf(text, sizeof(text), "[Store]\nEnabled=no\nEnabled=%s\n", neither[i]);
		read_text(*state, text);
		assert_int_equal(result.warnings, 1);
		assert_false(result.config.store);
	}
	read_text(*state, "[Store]\nDirectory=/srv/x\nDirectory=x\n");
	assert_int_equal(result.warnings, 1);
	assert_string_equal(result.config.store_directory, "/srv/x");
	/* the default again */
	read_text(*state, "[Store]\nDirectory=/srv/x\nDirectory=\n");
	assert_int_equal(result.warnings, 0);
	assert_string_equal(result.config.store_directory, "");
}

/* ---- Wrong lines ---- */

static void test_unknown_keys(void **state)
{
	read_text(*state, "[Daemon]\nRingSize=1M\n\n[Trace]\nNoSuchKey=1\nRingSize=4M\n");
	assert_int_equal(result.warnings, 2);
	assert_int_equal(result.config.ring_size, 4 << 20);
	expect_said(*state, "cxlirqd: %s:2: unknown key \"RingSize\"\ncxlirqd: %s:5: unknown key "
			    "\"NoSuchKey\"\n");
	/* names have one spelling */
	read_text(*state, "[trace]\nRingSize=1M\n[Trace]\nringsize=1M\n");
	assert_int_equal(result.warnings, 2);
	read_text(*state, "RingSize=1M\n");
	assert_int_equal(result.warnings, 1);
	expect_said(*state, "cxlirqd: %s:1: unknown key \"RingSize\": outside of a section\n");
}

/* The numbers of lines are right, however long the lines above were and however the file ends. */
static void test_line_numbers(void **state)
{
	static const size_t lengths[] = { 150, 197, 198, 199, 200, 201, 398, 399, 400, 1000 };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		char text[1200] = "#";

		memset(text + 1, 'x', lengths[i] - 1);
		snprintf(text + lengths[i], sizeof(text) - lengths[i], "\n[Trace]\nRingSize=x");
		read_text(*state, text);
		assert_int_equal(result.warnings, 1);
		expect_said(
			*state,
			"cxlirqd: %s:3: bad value for \"RingSize\": cannot take \"x\", ignoring\n");
	}
	read_text(*state, "\xef\xbb\xbf[Trace]\r\nMaxDomains=100\r\nRingSize=x\r\n");
	expect_said(*state,
		    "cxlirqd: %s:3: bad value for \"RingSize\": cannot take \"x\", ignoring\n");
	assert_int_equal(result.config.max_domains, 100);
}

/* Remarks behind a value */
static void test_remarks(void **state)
{
	read_text(*state,
		  "[Trace]\nRingSize = 4M ; as much as two\n  # a remark\n\t MaxVectors:100\n \n");
	assert_int_equal(result.warnings, 0);
	assert_int_equal(result.config.ring_size, 4 << 20);
	assert_int_equal(result.config.max_vectors, 100);
}

static void test_last_one_counts(void **state)
{
	read_text(
		*state,
		"[Trace]\nMaxVectors=100\nMaxVectors=200\nMaxVectors=x\n[Trace]\nMaxDomains=300\n");
	assert_int_equal(result.warnings, 1);
	assert_int_equal(result.config.max_vectors, 200);
	assert_int_equal(result.config.max_domains, 300);
}

/* A line of a person who types anything does not overrun ours. */
static void test_long_values(void **state)
{
	char text[3000] = "[Trace]\nRingSize=";

	memset(text + strlen(text), '9', 180);
	read_text(*state, text);
	assert_int_equal(result.warnings, 1);
	assert_non_null(
		strstr(result.said, "9999 is not between 1048576 and 1073741824, ignoring\n"));
	/* nor is a number cut off to one that would do */
	snprintf(text, sizeof(text), "[Trace]\nMaxVectors=");
	memset(text + strlen(text), '0', 185);
	snprintf(text + strlen(text), 32, "1000\nMaxDomains=100\n");
	read_text(*state, text);
	assert_int_equal(result.warnings, 1);
	assert_int_equal(result.config.max_vectors, 262144);
	assert_int_equal(result.config.max_domains, 100);
	expect_said(*state, "cxlirqd: %s:2: line too long at \"MaxVectors\": ignoring\n");
}

static void test_unreadable(void **state)
{
	uid_t uid = geteuid();
	char path[256];

	snprintf(path, sizeof(path), "%s", file_path(*state, "nothing"));
	read_config(*state, path);
	assert_int_equal(result.result, -ENOENT);
	assert_null(result.config.socket);
	read_config(*state, *state);
	assert_int_equal(result.result, -EISDIR);
	file_write(path, "", 0);
	chmod(path, 0);
	/* root may read what nobody may */
	if (!uid)
		assert_int_equal(seteuid(65534), 0);
	result.result = config_read(path, &result.config, &result.warnings);
	assert_int_equal(seteuid(uid), 0);
	assert_int_equal(result.result, -EACCES);
}

/* ---- Files over files ---- */

static void make_root(const char *directory)
{
	static const char *const directories[] = { "etc", "usr", "usr/lib", "usr/lib/cxlirqd",
						   "etc/cxlirqd.conf.d" };

	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
		assert_int_equal(mkdir(file_path(directory, directories[i]), 0700), 0);
	root = directory;
}

static void remove_root(const char *directory)
{
	static const char *const files[] = { "usr/lib/cxlirqd/cxlirqd.conf",
					     "etc/cxlirqd.conf",
					     "etc/cxlirqd.conf.d/10-a.conf",
					     "etc/cxlirqd.conf.d/20-b.conf",
					     "etc/cxlirqd.conf.d/30-c.txt",
					     "etc/cxlirqd.conf.d",
					     "usr/lib/cxlirqd",
					     "usr/lib",
					     "usr",
					     "etc" };

	root = NULL;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		remove(file_path(directory, files[i]));
}

static void put(const char *directory, const char *name, const char *text)
{
	file_write(file_path(directory, name), text, strlen(text));
}

static void test_order(void **state)
{
	char path[256];

	make_root(*state);
	read_config(*state, NULL);
	expect_defaults();
	assert_int_equal(result.warnings, 0);
	/* each sets what the ones before it set, and one of its own */
	put(*state, "usr/lib/cxlirqd/cxlirqd.conf",
	    "[Trace]\nMaxVectors=101\nMaxDomains=101\nSnapshotIntervalSec=101\n"
	    "RingSize=4M\n[Daemon]\nEventBacklog=101\n");
	put(*state, "etc/cxlirqd.conf",
	    "[Trace]\nMaxVectors=102\nMaxDomains=102\nSnapshotIntervalSec=102\n"
	    "[Daemon]\nEventBacklog=102\n");
	put(*state, "etc/cxlirqd.conf.d/20-b.conf", "[Trace]\nMaxVectors=104\n");
	put(*state, "etc/cxlirqd.conf.d/10-a.conf",
	    "[Trace]\nMaxVectors=103\nMaxDomains=103\nWrong=1\n");
	put(*state, "etc/cxlirqd.conf.d/30-c.txt", "[Trace]\nMaxVectors=105\n");
	read_config(*state, NULL);
	assert_int_equal(result.result, 0);
	assert_int_equal(result.config.ring_size, 4 << 20);
	assert_int_equal(result.config.event_backlog, 102);
	assert_int_equal(result.config.snapshot_sec, 102);
	assert_int_equal(result.config.max_domains, 103);
	assert_int_equal(result.config.max_vectors, 104);
	assert_int_equal(result.warnings, 1);
	assert_non_null(
		strstr(result.said, "/etc/cxlirqd.conf.d/10-a.conf:4: unknown key \"Wrong\"\n"));
	/* a file that was named stands alone */
	snprintf(path, sizeof(path), "%s", file_path(*state, "etc/cxlirqd.conf"));
	read_config(*state, path);
	assert_int_equal(result.config.ring_size, 2097152);
	assert_int_equal(result.config.max_vectors, 102);
	/* what is there and cannot be read is no reason to go on as if it were not */
	remove(file_path(*state, "etc/cxlirqd.conf"));
	assert_int_equal(mkdir(file_path(*state, "etc/cxlirqd.conf"), 0700), 0);
	read_config(*state, NULL);
	assert_int_equal(result.result, -EISDIR);
	assert_string_equal(config_unreadable(), "/etc/cxlirqd.conf");
	/* nor is a link to nowhere */
	remove(file_path(*state, "etc/cxlirqd.conf"));
	snprintf(path, sizeof(path), "%s", file_path(*state, "etc/cxlirqd.conf.d/20-b.conf"));
	remove(path);
	assert_int_equal(symlink("nowhere", path), 0);
	read_config(*state, NULL);
	assert_int_equal(result.result, -ENOENT);
	assert_string_equal(config_unreadable(), path);
	remove_root(*state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, result_done)
	static const struct CMUnitTest tests[] = {
		TEST(test_defaults),	    TEST(test_keys),	     TEST(test_numbers),
		TEST(test_sizes),	    TEST(test_levels),	     TEST(test_socket),
		TEST(test_unknown_keys),    TEST(test_line_numbers), TEST(test_remarks),
		TEST(test_last_one_counts), TEST(test_long_values),  TEST(test_unreadable),
		TEST(test_order),	    TEST(test_store),	     TEST(test_counters),
	};

	unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
