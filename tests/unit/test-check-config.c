// SPDX-License-Identifier: GPL-2.0-or-later
/* --check-config of the program itself: its exit codes, and that it says what and where. */
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "records.h"

struct run {
	int status;
	char out[4096], err[4096];
};

static void slurp(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, buffer, size - 1);

	assert_true(n >= 0);
	buffer[n] = 0;
	close(fd);
}

static struct run run(const char *directory, const char *first, const char *second,
		      const char *third)
{
	const char *build = getenv("SANITIZED") ?: getenv("BUILD");
	char program[512], out[256], err[256];
	char *argv[] = { program, (char *)first, (char *)second, (char *)third, NULL };
	posix_spawn_file_actions_t actions;
	struct run r = {};
	pid_t pid;

	if (!build)
		skip();
	snprintf(program, sizeof(program), "%s/cxlirqd", build);
	snprintf(out, sizeof(out), "%s/out", directory);
	snprintf(err, sizeof(err), "%s/err", directory);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_addopen(&actions, 2, err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(posix_spawn(&pid, program, &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	assert_int_equal(waitpid(pid, &r.status, 0), pid);
	assert_true(WIFEXITED(r.status));
	r.status = WEXITSTATUS(r.status);
	slurp(out, r.out, sizeof(r.out));
	slurp(err, r.err, sizeof(r.err));
	return r;
}

static void test_check_config(void **state)
{
	static const struct {
		const char *text, *said;
		int status;
	} files[] = {
		{ "[Trace]\nRingSize=4M\n", "", 0 },
		{ "", "", 0 },
		{ "[Trace]\nRingSize=5M\n",
		  ":2: bad value for \"RingSize\": cannot take \"5M\", ignoring\n", 2 },
		{ "[Counters]\nEvents=clock_ticks {a,b/c/}\n", "", 0 },
		{ "[Counters]\nEvents=a/b\n",
		  ":2: bad value for \"Events\": no closing / at \"a/b\", ignoring\n", 2 },
		{ "[Counters]\nMax=5000\n",
		  ":2: bad value for \"Max\": 5000 is not between 0 and 4096, ignoring\n", 2 },
		{ "[Trace]\n\nX=5M\n", ":3: unknown key \"X\"\n", 2 },
		{ "[Guard]\nMode=audit\nProtect=doorbells 0000:0d:00.0/3\n", "", 0 },
		{ "[Guard]\n\nProtect=doorbells a/b\n",
		  ":3: bad value for \"Protect\": a/b: the index of a vector is a number, "
		  "ignoring\n",
		  2 },
		{ "[Guard]\nProtect=rule:nothing\n",
		  ":2: bad value for \"Protect\": rule:nothing: no such rule, ignoring\n", 2 },
		{ "[Guard]\nMode=on\n",
		  ":2: bad value for \"Mode\": cannot take \"on\", ignoring\n", 2 },
		{ "nonsense\n", ":1: not a setting in ", 2 },
		{ "[Trace\nRingSize=4M\n", ":1: not a setting in ", 2 },
	};
	char path[256];

	snprintf(path, sizeof(path), "%s", file_path(*state, "conf"));
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		struct run r;

		file_write(path, files[i].text, strlen(files[i].text));
		r = run(*state, "--check-config", "--config", path);
		assert_int_equal(r.status, files[i].status);
		assert_string_equal(r.out, "");
		assert_non_null(strstr(r.err, files[i].said));
		assert_int_equal(!*r.err, !files[i].status);
	}
}

/* Each of them is told, and nothing else. */
static void test_no_setting(void **state)
{
	static const char text[] =
		"\xef\xbb\xbf# comment\n[Trace]\njunk\n; comment\n  RingSize=4M\n"
		"\n \t\n[Open\nMaxVectors=1000\nlast";
	static const int lines[] = { 3, 8, 10 };
	char path[256], expected[1024];
	size_t n = 0;
	struct run r;

	snprintf(path, sizeof(path), "%s", file_path(*state, "conf"));
	file_write(path, text, sizeof(text) - 1);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		n += (size_t)snprintf(expected + n, sizeof(expected) - n,
				      "cxlirqd: %s:%d: not a setting in \"%s\"\n", path, lines[i],
				      path);
	r = run(*state, "--check-config", "--config", path);
	assert_int_equal(r.status, 2);
	assert_string_equal(r.err, expected);
}

static void test_check_config_unreadable(void **state)
{
	char path[256];
	struct run r;

	snprintf(path, sizeof(path), "%s", file_path(*state, "nothing"));
	r = run(*state, "--check-config", "--config", path);
	assert_int_equal(r.status, 2);
	assert_string_equal(r.out, "");
	assert_non_null(strstr(r.err, path));
	assert_non_null(strstr(r.err, ": No such file or directory\n"));
	r = run(*state, "--check-config", "--config", *state);
	assert_int_equal(r.status, 2);
	assert_non_null(strstr(r.err, ": Is a directory\n"));
	assert_ptr_equal(strchr(r.err, '\n'), r.err + strlen(r.err) - 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_check_config),
		TEST(test_no_setting),
		TEST(test_check_config_unreadable),
	};

	unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
