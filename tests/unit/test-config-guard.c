// SPDX-License-Identifier: GPL-2.0-or-later
/* [Guard]: what its keys take, lines that add up, and that all of it is taken at a reload. */
#include <stdlib.h>

#include "config.h"
#include "records.h"

static struct config config, newer;
static unsigned int warnings;
static char changed[256];

static const char *write_settings(const char *directory, const char *lines)
{
	static char path[256];
	char text[1024];

	snprintf(text, sizeof(text), "[Guard]\n%s", lines);
	snprintf(path, sizeof(path), "%s", file_path(directory, "conf"));
	file_write(path, text, strlen(text));
	return path;
}

static void read_lines(const char *directory, const char *lines)
{
	config_done(&config);
	assert_int_equal(config_read(write_settings(directory, lines), &config, &warnings), 0);
}

static void note(const char *section, const char *name, bool applied, void *userdata)
{
	size_t length = strlen(changed);

	(void)userdata;
	assert_string_equal(section, "Guard");
	snprintf(changed + length, sizeof(changed) - length, "%s%c ", name, applied ? '+' : '-');
}

static void reread_lines(const char *directory, const char *lines)
{
	*changed = '\0';
	write_settings(directory, lines);
	assert_int_equal(config_reread(&config, &newer, &warnings), 0);
	config_update(&config, &newer, note, NULL);
	config_done(&newer);
}

static int teardown(void **state)
{
	config_done(&config);
	return directory_teardown(state);
}

static void test_defaults(void **state)
{
	read_lines(*state, "");
	assert_int_equal(warnings, 0);
	assert_int_equal(config.guard_mode, GUARD_OFF);
	assert_string_equal(config.guards, "");
	assert_false(config.guard_restore);
	assert_int_equal(config.guard_restores, 6);
	assert_false(config.guard_persist);
}

static void test_mode(void **state)
{
	static const struct {
		const char *value;
		enum guard_mode mode; /* GUARD_MODE_MAX: refused */
	} modes[] = {
		{ "off", GUARD_OFF },
		{ "audit", GUARD_AUDIT },
		{ "enforce", GUARD_ENFORCE },
		{ "", GUARD_MODE_MAX },
		{ "Enforce", GUARD_MODE_MAX },
		{ "enforced", GUARD_MODE_MAX },
		{ "yes", GUARD_MODE_MAX },
		{ "2", GUARD_MODE_MAX },
		{ "audit enforce", GUARD_MODE_MAX },
	};
	char line[64];

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		bool bad = modes[i].mode == GUARD_MODE_MAX;

		snprintf(line, sizeof(line), "Mode=%s\n", modes[i].value);
		read_lines(*state, line);
		assert_int_equal(warnings, bad);
		assert_int_equal(config.guard_mode, bad ? GUARD_OFF : modes[i].mode);
	}
}

static void test_protect(void **state)
{
	static const char *const bad[] = { "a/b",	    "rule:no-such-rule",
					   "a b/c",	    "rule:vector-hidden",
					   "a /3",	    "0000:0d:00.0/-1",
					   "doorbells a/b", "0000:0d:00.0/4096" };
	char line[128];

	read_lines(*state, "Protect=0000:0d:00.0/3  doorbells\trule:pmu-vector-misplaced\n");
	assert_int_equal(warnings, 0);
	assert_string_equal(config.guards, "0000:0d:00.0/3  doorbells\trule:pmu-vector-misplaced");
	/* each line adds, an empty one forgets */
	read_lines(*state, "Protect=a\nProtect=b c\n");
	assert_string_equal(config.guards, "a b c");
	read_lines(*state, "Protect=a\nProtect=\nProtect=b\n");
	assert_string_equal(config.guards, "b");
	assert_int_equal(warnings, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(line, sizeof(line), "Protect=good\nProtect=%s\n", bad[i]);
		read_lines(*state, line);
		assert_int_equal(warnings, 1);
		assert_string_equal(config.guards, "good");
	}
}

static void test_others(void **state)
{
	read_lines(*state, "Restore=yes\nRestoresPerMinute=60\nPersist=on\n");
	assert_int_equal(warnings, 0);
	assert_true(config.guard_restore);
	assert_int_equal(config.guard_restores, 60);
	assert_true(config.guard_persist);
	read_lines(*state, "Restore=perhaps\nRestoresPerMinute=61\nPersist=2\n");
	assert_int_equal(warnings, 3);
	assert_false(config.guard_restore);
	assert_int_equal(config.guard_restores, 6);
	assert_false(config.guard_persist);
	read_lines(*state, "RestoresPerMinute=0\nCpus=1\n");
	assert_int_equal(warnings, 2);
}

static void test_reload(void **state)
{
	read_lines(*state, "Mode=audit\nProtect=a\n");
	reread_lines(*state, "Mode=enforce\nProtect=b\nRestore=yes\nRestoresPerMinute=1\n"
			     "Persist=yes\n");
	assert_string_equal(changed, "Mode+ Protect+ Restore+ RestoresPerMinute+ Persist+ ");
	assert_int_equal(config.guard_mode, GUARD_ENFORCE);
	assert_string_equal(config.guards, "b");
	assert_true(config.guard_restore && config.guard_persist);
	assert_int_equal(config.guard_restores, 1);
	/* with one of them bad the list is not what was meant: what runs goes on */
	reread_lines(*state, "Mode=wild\nProtect=c\nProtect=d/e\nProtect=f\nRestore=yes\n"
			     "RestoresPerMinute=1\nPersist=yes\n");
	assert_int_equal(warnings, 2);
	assert_string_equal(changed, "");
	assert_int_equal(config.guard_mode, GUARD_ENFORCE);
	assert_string_equal(config.guards, "b");
	/* nothing is left of what is not there any more */
	reread_lines(*state, "");
	assert_string_equal(changed, "Mode+ Protect+ Restore+ RestoresPerMinute+ Persist+ ");
	assert_int_equal(config.guard_mode, GUARD_OFF);
	assert_string_equal(config.guards, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_defaults), TEST(test_mode),	TEST(test_protect),
		TEST(test_others),   TEST(test_reload),
	};

	unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
