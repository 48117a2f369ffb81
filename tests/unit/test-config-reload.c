// SPDX-License-Identifier: GPL-2.0-or-later
/* Settings that are read again: what is taken, what waits, and what a bad line leaves as it was. */
#include "config.h"
#include "log.h"
#include "records.h"

struct files {
	struct config running, newer;
	unsigned int warnings;
	char path[256];
	char changed[1024]; /* "Section.Name+" applied, "Section.Name-" not, with blanks between */
};

static struct files files;

static void write_settings(const char *text)
{
	file_write(files.path, text, strlen(text));
}

/* A daemon that runs with these settings */
static void start_with(const char *directory, const char *text)
{
	snprintf(files.path, sizeof(files.path), "%s", file_path(directory, "conf"));
	write_settings(text);
	assert_int_equal(config_read(files.path, &files.running, &files.warnings), 0);
	assert_int_equal(files.warnings, 0);
	assert_ptr_equal(files.running.path, files.path);
}

static void note(const char *section, const char *name, bool applied, void *userdata)
{
	size_t length = strlen(files.changed);

	assert_ptr_equal(userdata, &files);
	snprintf(files.changed + length, sizeof(files.changed) - length, "%s%s.%s%c",
		 length ? " " : "", section, name, applied ? '+' : '-');
}

/* The file is as @text now; @changed as note() writes it. */
static void reload(const char *text, unsigned int warnings, const char *changed)
{
	write_settings(text);
	files.changed[0] = '\0';
	assert_int_equal(config_reread(&files.running, &files.newer, &files.warnings), 0);
	assert_int_equal(files.warnings, warnings);
	config_update(&files.running, &files.newer, note, &files);
	config_done(&files.newer);
	assert_string_equal(files.changed, changed);
}

static int teardown(void **state)
{
	config_done(&files.running);
	memset(&files, 0, sizeof(files));
	return directory_teardown(state);
}

static void test_nothing(void **state)
{
	static const char text[] = "[Rules]\nDisable=vector-hidden\n[Store]\nMaxSize=32M\n";

	start_with(*state, text);
	reload(text, 0, "");
	assert_true(files.running.rules.off[RULE_VECTOR_HIDDEN]);
	assert_int_equal(files.running.store_size, 32 << 20);
}

static void test_taken(void **state)
{
	start_with(*state, "[Rules]\nDisable=vector-hidden\n");
	reload("[Daemon]\nLogLevel=debug\n"
	       "[Trace]\nSnapshotIntervalSec=7\n"
	       "[Rules]\nDisable=vector-orphaned\nDoorbellDevices=a b*\n"
	       "[Counters]\nEvents=clock_ticks\nMax=3\n"
	       "[Export]\nPerVector=yes\n"
	       "[Store]\nRetentionDays=2\nMaxSize=64M\n",
	       0,
	       "Daemon.LogLevel+ Trace.SnapshotIntervalSec+ Rules.Disable+ "
	       "Rules.DoorbellDevices+ Counters.Events+ Counters.Max+ Export.PerVector+ "
	       "Store.RetentionDays+ Store.MaxSize+");
	assert_int_equal(files.running.log_level, LOG_DEBUG);
	assert_int_equal(files.running.snapshot_sec, 7);
	assert_false(files.running.rules.off[RULE_VECTOR_HIDDEN]);
	assert_true(files.running.rules.off[RULE_VECTOR_ORPHANED]);
	assert_string_equal(files.running.doorbell_devices, "a b*");
	assert_string_equal(files.running.counter_events, "clock_ticks");
	assert_int_equal(files.running.max_counters, 3);
	assert_true(files.running.per_vector);
	assert_int_equal(files.running.store_days, 2);
	assert_int_equal(files.running.store_size, 64 << 20);
	/* what is not in the file any more is as by default again */
	reload("", 0,
	       "Daemon.LogLevel+ Trace.SnapshotIntervalSec+ Rules.Disable+ "
	       "Rules.DoorbellDevices+ Counters.Events+ Counters.Max+ Export.PerVector+ "
	       "Store.RetentionDays+ Store.MaxSize+");
	assert_int_equal(files.running.log_level, LOG_INFO);
	assert_string_equal(files.running.counter_events, "");
}

static void test_waits(void **state)
{
	start_with(*state, "");
	for (int twice = 0; twice < 2; twice++) {
		/* and is told each time, for it still waits */
		reload("[Daemon]\nSocket=/x\nUser=nobody\nEventBacklog=5\n"
		       "[Trace]\nRingSize=4M\nPinDirectory=\nMaxVectors=100\nMaxDomains=100\n"
		       "[Rules]\nMaxViolations=17\n[Store]\nEnabled=no\nDirectory=/y\n",
		       0,
		       "Daemon.Socket- Daemon.User- Daemon.EventBacklog- Trace.RingSize- "
		       "Trace.PinDirectory- "
		       "Trace.MaxVectors- Trace.MaxDomains- Rules.MaxViolations- Store.Enabled- "
		       "Store.Directory-");
		assert_string_equal(files.running.socket, "/run/cxlirqd/io.cxlirqd");
		assert_string_equal(files.running.user, "cxlirqd");
		assert_int_equal(files.running.ring_size, 2 << 20);
		assert_true(files.running.store);
	}
}

/* A bad value keeps what runs, not the default; the other keys of the file count. */
static void test_bad_lines(void **state)
{
	start_with(*state, "[Trace]\nSnapshotIntervalSec=7\n[Store]\nRetentionDays=5\n"
			   "[Rules]\nDisable=vector-hidden\nDoorbellDevices=x\n");
	reload("[Trace]\nSnapshotIntervalSec=soon\nNoSuchKey=1\n"
	       "[Rules]\nDisable=no-such-rule\nDoorbellDevices=\n[Store]\nRetentionDays=6\n",
	       3, "Rules.DoorbellDevices+ Store.RetentionDays+");
	assert_int_equal(files.running.snapshot_sec, 7);
	assert_int_equal(files.running.store_days, 6);
	assert_true(files.running.rules.off[RULE_VECTOR_HIDDEN]);
	assert_string_equal(files.running.doorbell_devices, "");
	/* a good line after the bad one mends it; one before it does not */
	reload("[Trace]\nSnapshotIntervalSec=soon\nSnapshotIntervalSec=9\n"
	       "[Rules]\nDisable=vector-hidden\nDoorbellDevices=\n"
	       "[Store]\nRetentionDays=8\nRetentionDays=-1\n",
	       2, "Trace.SnapshotIntervalSec+");
	assert_int_equal(files.running.snapshot_sec, 9);
	assert_int_equal(files.running.store_days, 6);
}

/* Lines of events add to each other: with one of them bad the list is not what was meant. */
static void test_bad_events(void **state)
{
	start_with(*state, "[Counters]\nEvents=a\nEvents=b\n");
	assert_string_equal(files.running.counter_events, "a b");
	reload("[Counters]\nEvents=a\nEvents={b\nEvents=c\n", 1, "");
	assert_string_equal(files.running.counter_events, "a b");
	reload("[Counters]\nEvents=a\nEvents=c\n", 0, "Counters.Events+");
	assert_string_equal(files.running.counter_events, "a c");
}

static void test_command_line(void **state)
{
	start_with(*state, "[Daemon]\nSocket=/a\n");
	assert_int_equal(config_set_socket(&files.running, "/b"), 0);
	reload("[Daemon]\nSocket=/c\n", 0, "");
	assert_string_equal(files.running.socket, "/b");
}

static void test_unreadable(void **state)
{
	start_with(*state, "[Store]\nRetentionDays=5\n");
	assert_int_equal(unlink(files.path), 0);
	assert_int_equal(config_reread(&files.running, &files.newer, &files.warnings), -ENOENT);
	assert_string_equal(config_unreadable(), files.path);
	assert_int_equal(files.running.store_days, 5);
	assert_string_equal(files.running.user, "cxlirqd");
	reload("[Store]\nRetentionDays=6\n", 0, "Store.RetentionDays+");
	assert_null(config_unreadable());
}

/* A line that is none keeps no other from being taken. */
static void test_no_setting(void **state)
{
	start_with(*state, "");
	reload("[Trace]\nthis is no setting\nSnapshotIntervalSec=77\nnor this\n", 2,
	       "Trace.SnapshotIntervalSec+");
	assert_int_equal(files.running.snapshot_sec, 77);
}

static void test_user(void **state)
{
	static const char *const bad[] = { "0",	 "a b",	      "-x",
					   "x!", "root/../x", "abcdefghijklmnopqrstuvwxyzabcdef" };
	char line[128];

	start_with(*state, "[Daemon]\nUser=_a-Z9\n");
	assert_string_equal(files.running.user, "_a-Z9");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(line, sizeof(line), "[Daemon]\nUser=%s\n", bad[i]);
		reload(line, 1, "");
	}
	reload("[Daemon]\nUser=\n", 0, "Daemon.User-");
}

/* Which keys take a restart is what the manual says: see "Needs a restart" there. */
static void test_manual(void **state)
{
	char line[256], key[64] = "", waiting[1024] = "";
	FILE *manual = fopen("man/cxlirqd.conf.5", "re");

	assert_non_null(manual);
	while (fgets(line, sizeof(line), manual)) {
		if (sscanf(line, ".It Va %63s", key) == 1)
			continue;
		if (strcmp(line, "Needs a restart.\n") != 0)
			continue;
		snprintf(waiting + strlen(waiting), sizeof(waiting) - strlen(waiting), " %s", key);
	}
	fclose(manual);
	(void)state;
	assert_string_equal(waiting,
			    " Socket User EventBacklog RingSize PinDirectory MaxVectors MaxDomains "
			    "MaxViolations Report Enabled Directory");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, directory_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),    TEST(test_taken),      TEST(test_waits),
		TEST(test_bad_lines),  TEST(test_bad_events), TEST(test_command_line),
		TEST(test_no_setting), TEST(test_unreadable), TEST(test_user),
		TEST(test_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
