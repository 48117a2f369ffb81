// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What one daemon leaves to the next: policies and where vectors were before they were pinned, and the
 * file that keeps them, which is old or new, whatever lies there or goes wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard-file.h"
#include "guard-fixture.h"

#define OTHER "0000:02:00.0"

/* ---- from one daemon to the next ------------------------------------------------------------ */

static void test_restart(void **state)
{
	struct guards *g = *state;
	uint64_t first, last;

	vector_here(g, 30, NVME);
	vector_here(g, 31, NVME);
	first = pin(g, NVME "/0", "1");
	done(g);
	last = protect(g, OTHER);
	take_away(g, last);
	guard_restart(g, true);
	assert_int_equal(g->n_ever_asked, 1);
	assert_int_equal(g->n_protected, 1);
	/* and once more, from what it was told itself */
	guard_restart(g, true);
	assert_int_equal(guard_policy_at(g->guard, 0)->id, first);
	assert_true(protect(g, OTHER) > last);
	take_away(g, first);
	expect_asked(g, 30, "0-1");
}

/* Places of a time before are kept for vectors that have not come yet, */
static void test_restart_late(void **state)
{
	struct guards *g = *state;
	uint64_t id;

	vector_here(g, 30, NVME);
	id = pin(g, NVME, "1");
	done(g);
	/* ... though their driver comes after the daemon, */
	happens(g, make_vector(RECORD_REASON_ALLOCATED, 30, NVME));
	guard_restart(g, true);
	guard_restart(g, true);
	take_away(g, id);
	expect_asked(g, 30, "0-1");
}

/* ... but mean nothing after a boot. */
static void test_reboot(void **state)
{
	struct guards *g = *state;
	uint64_t id;

	vector_here(g, 30, NVME);
	id = pin(g, NVME, "1");
	done(g);
	guard_restart(g, false);
	take_away(g, id);
	expect_none_asked(g);
}

static void test_not_kept(void **state)
{
	struct guards *g = *state;
	struct guard_policy policy = policy_of(NVME, "", false);

	policy.configured = true;
	assert_int_equal(guard_add(g->guard, &policy, g->w->model, 0, NULL), 0);
	expect_guards(g, "[{'configured': true, 'uid': null, 'pid': null, 'since_us': null}]");
	guard_restart(g, true);
	assert_null(guard_policy_at(g->guard, 0));
}

#define A "'id': 1, 'guard': 'a', 'cpus': '', 'restore': false, 'since_us': 0, 'uid': 0, 'pid': 0"
#define B "'id': 2, 'guard': 'b', 'cpus': '', 'restore': false, 'since_us': 0, 'uid': 0, 'pid': 0"

static void test_hostile_object(void **state)
{
	static const struct {
		const char *text;
		unsigned int bad, policies;
	} files[] = {
		{ "{}", 0, 0 },
		{ "{'policies': [{" A "}, {" B "}], 'next_id': 9, 'before': []}", 0, 2 },
		{ "{'policies': [{" A "}, {" A "}], 'next_id': 9}", 1, 1 },
		{ "{'policies': [{" A "}, {" B ", 'id': 1}], 'next_id': 9}", 1, 1 },
		{ "{'policies': {" A "}, 'next_id': 'x', 'before': 3}", 0, 0 },
		{ "{'policies': [1, null, 'a', [], {}], 'before': {}}", 5, 0 },
		{ "{'policies': [{" A "}], 'next_id': 9223372036854775807}", 0, 1 },
		{ "{'policies': [{" A "}], 'next_id': -5}", 0, 1 },
		{ "{'before': [1, null, {}, {'device': 1, 'index': 0, 'cpus': '0'},"
		  " {'device': 'd', 'index': -1, 'cpus': '0'},"
		  " {'device': 'd', 'index': 4294967296, 'cpus': '0'},"
		  " {'device': 'd', 'index': 0, 'cpus': 'rm -rf'},"
		  " {'device': '0123456789012345678901234567890123456789012345678901234567890123',"
		  " 'index': 0, 'cpus': '0'}]}",
		  8, 0 },
	};
	struct guards *g = *state;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		json_auto_t *saved = parse(files[i].text);
		const struct guard_policy *last = NULL;

		guard_free(g->guard);
		guard_begin(g);
		assert_int_equal(guard_load(g->guard, saved, true), files[i].bad);
		assert_int_equal(totals_of(g).policies, files[i].policies);
		/* and goes on */
		last = guard_policy_at(g->guard, 0);
		assert_true(protect(g, "c") > (last ? last->id : 0));
		assert_true(guard_policy_at(g->guard, files[i].policies)->id < 100);
	}
}

/* ---- the file ------------------------------------------------------------------------------- */

#define NAME "guard.json"

static void expect_read(const char *directory, const char *text)
{
	json_auto_t *object = NULL, *expected = parse(text);

	assert_int_equal(guard_file_read(directory, &object), 0);
	assert_true(json_equal(object, expected));
}

/* Its result; nothing came of it. */
static int read_result(const char *directory)
{
	json_t *nothing = json_null(), *object = nothing;
	int r = guard_file_read(directory, &object);

	assert_true(r < 0);
	assert_ptr_equal(object, nothing);
	return r;
}

static int write_text(const char *directory, const char *text)
{
	json_auto_t *object = parse(text);

	return guard_file_write(directory, object);
}

static void test_file(void **state)
{
	const char *directory = *state;
	struct stat status;

	assert_int_equal(read_result(directory), -ENOENT);
	assert_int_equal(write_text(directory, "{'a': 1}"), 0);
	expect_read(directory, "{'a': 1}");
	assert_int_equal(write_text(directory, "{'b': ['caf\xc3\xa9']}"), 0);
	expect_read(directory, "{'b': ['caf\xc3\xa9']}");
	assert_int_equal(stat(file_path(directory, NAME), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(access(file_path(directory, NAME ".new"), F_OK), -1);
	/* half of one, of a daemon that was killed */
	file_write(file_path(directory, NAME ".new"), "{'c", 3);
	expect_read(directory, "{'b': ['caf\xc3\xa9']}");
	assert_int_equal(write_text(directory, "{'d': 1}"), 0);
	expect_read(directory, "{'d': 1}");
	assert_int_equal(access(file_path(directory, NAME ".new"), F_OK), -1);
}

static void test_garbage(void **state)
{
	static const char *const texts[] = { "",
					     " ",
					     "{",
					     "[]",
					     "[{}]",
					     "1",
					     "\"a\"",
					     "null",
					     "{} {}",
					     "{\"a\": 1,}",
					     "{\"a\": \"\xff\"}",
					     "{\"a\": 1, \"a\": 2}",
					     "{\"a\": \"\\u0000\"}",
					     "{\"a\": 18446744073709551616}" };
	const char *directory = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		file_write(file_path(directory, NAME), texts[i], strlen(texts[i]));
		if (read_result(directory) != -EBADMSG)
			fail_msg("%s", texts[i]);
	}
	file_write(file_path(directory, NAME), "{}\0{}", 5);
	assert_int_equal(read_result(directory), -EBADMSG);
	/* as deep as nobody needs it */
	{
		_cleanup_free_ char *deep = malloc(200000);

		memset(deep, '[', 200000);
		file_write(file_path(directory, NAME), deep, 200000);
		assert_int_equal(read_result(directory), -EBADMSG);
	}
	/* and a new one is written over it */
	assert_int_equal(write_text(directory, "{}"), 0);
	expect_read(directory, "{}");
}

static void test_too_large(void **state)
{
	const char *directory = *state;

	file_write(file_path(directory, NAME), "{}", 2);
	assert_int_equal(truncate(file_path(directory, NAME), 1 << 30), 0);
	assert_int_equal(read_result(directory), -EBADMSG);
}

/* What is no file of its own is not read, nor written through. */
static void test_no_file(void **state)
{
	const char *directory = *state;
	char path[256], other[256];

	snprintf(path, sizeof(path), "%s", file_path(directory, NAME));
	snprintf(other, sizeof(other), "%s", file_path(directory, "other"));
	file_write(other, "{\"mine\": 1}", 11);
	assert_int_equal(symlink("other", path), 0);
	assert_int_equal(read_result(directory), -ELOOP);
	assert_int_equal(write_text(directory, "{'a': 1}"), 0);
	expect_read(directory, "{'a': 1}");
	/* one that waits for the next to be written */
	assert_int_equal(symlink("other", file_path(directory, NAME ".new")), 0);
	assert_int_equal(write_text(directory, "{'b': 1}"), -ELOOP);
	expect_read(directory, "{'a': 1}");
	unlink(file_path(directory, NAME ".new"));
	{
		char text[32] = "";
		int fd = open(other, O_RDONLY | O_CLOEXEC);

		assert_int_equal(read(fd, text, sizeof(text)), 11);
		assert_string_equal(text, "{\"mine\": 1}");
		close(fd);
	}
	/* nobody writes into this one: that is not waited for */
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(read_result(directory), -EBADMSG);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(read_result(directory), -EISDIR);
	assert_int_equal(write_text(directory, "{}"), -EISDIR);
	assert_int_equal(access(file_path(directory, NAME ".new"), F_OK), -1);
	rmdir(path);
}

static void test_no_directory(void **state)
{
	const char *directory = *state;
	char path[256];

	snprintf(path, sizeof(path), "%s", file_path(directory, "none"));
	assert_int_equal(read_result(path), -ENOENT);
	assert_int_equal(write_text(path, "{}"), -ENOENT);
	file_write(path, "", 0);
	assert_int_equal(read_result(path), -ENOTDIR);
	assert_int_equal(write_text(path, "{}"), -ENOTDIR);
	assert_int_equal(guard_file_write(directory, NULL), -ENOMEM);
}

/* As somebody whose files these are not */
static void test_not_allowed(void **state)
{
	const char *directory = *state;
	int status;
	pid_t pid;

	if (geteuid())
		skip();
	assert_int_equal(write_text(directory, "{'a': 1}"), 0);
	assert_int_equal(chmod(directory, 0755), 0);
	pid = fork();
	if (pid == 0) {
		bool good = setuid(65534) == 0 && read_result(directory) == -EACCES &&
			    write_text(directory, "{}") == -EACCES;

		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	expect_read(directory, "{'a': 1}");
}

/* The disk is full: what was there stays. */
static void test_full_disk(void **state)
{
	const char *directory = *state;
	const struct rlimit limit = { .rlim_cur = 4096, .rlim_max = 4096 };
	int status;
	pid_t pid;

	assert_int_equal(write_text(directory, "{'a': 1}"), 0);
	pid = fork();
	if (pid == 0) {
		json_t *large = json_object();
		bool good;

		signal(SIGXFSZ, SIG_IGN);
		json_object_set_new(large, "x", json_sprintf("%8000d", 1));
		good = setrlimit(RLIMIT_FSIZE, &limit) == 0 &&
		       guard_file_write(directory, large) == -EFBIG &&
		       access(file_path(directory, NAME ".new"), F_OK) == -1;
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	expect_read(directory, "{'a': 1}");
}

int main(void)
{
#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)
	static const struct CMUnitTest tests[] = {
		GUARD_TEST(test_restart),	 GUARD_TEST(test_restart_late),
		GUARD_TEST(test_reboot),	 GUARD_TEST(test_not_kept),
		GUARD_TEST(test_hostile_object), FILE_TEST(test_file),
		FILE_TEST(test_garbage),	 FILE_TEST(test_too_large),
		FILE_TEST(test_no_file),	 FILE_TEST(test_no_directory),
		FILE_TEST(test_not_allowed),	 FILE_TEST(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
