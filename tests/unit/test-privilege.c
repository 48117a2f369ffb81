// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is left of root's privileges, and of those that a unit gives to another user. Each test is a
 * process of its own, for what it gives up it does not get back; what is left is read from /proc and
 * shown by other programs.
 */
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <cxlirqd/cleanup.h>

#include "privilege.h"

#define NOBODY 65534
#define BIT(capability) (1ULL << (capability))
#define SERVING (BIT(CAP_BPF) | BIT(CAP_PERFMON))
#define STARTING (SERVING | BIT(CAP_SYSLOG) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_SYS_ADMIN))

/* 0 in the child's exit status is success; it says what it is not on stderr. */
#define need(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static uint64_t status(const char *key, int base)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/status", "re");
	char line[256];

	need(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			return strtoull(line + strlen(key), NULL, base);
	need(!"such a line");
	return 0;
}

/* What of @mask this host gives root at all */
static uint64_t available(uint64_t mask)
{
	return status("CapPrm:", 16) & mask;
}

static void need_only(uint64_t mask, bool bounded)
{
	need(status("CapPrm:", 16) == mask);
	need(status("CapEff:", 16) == mask);
	need(status("CapInh:", 16) == 0);
	need(status("CapAmb:", 16) == 0);
	need(!bounded || !(status("CapBnd:", 16) & ~mask));
}

/* What a program that is started from here gets */
static void need_nothing_after_exec(void)
{
	char line[128] = "";
	FILE *out = popen("grep -h CapPrm: /proc/self/status", "re");

	need(out && fgets(line, sizeof(line), out));
	need(pclose(out) == 0);
	need(strtoull(line + strlen("CapPrm:"), NULL, 16) == 0);
}

static void in_child(void (*body)(void))
{
	pid_t pid;
	int how;

	if (geteuid() != 0)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &how, 0), pid);
	assert_true(WIFEXITED(how));
	assert_int_equal(WEXITSTATUS(how), 0);
}

/* ---- giving up ----------------------------------------------------------------------------- */

static void drop_as_root(void)
{
	uint64_t left = available(SERVING);

	need(privilege_drop() == 0);
	need_only(left, true);
	need(status("NoNewPrivs:", 10) == 1);
	need_nothing_after_exec();
	/* root's uid alone opens nothing: this is a file of somebody else's with no bit for root */
	need(setuid(NOBODY) < 0 && errno == EPERM);
	/* once more changes nothing */
	need(privilege_drop() == 0);
	need_only(left, true);
}

static void test_drop_as_root(void **state)
{
	(void)state;
	in_child(drop_as_root);
}

static void keep_one(void)
{
	const cap_value_t kept[] = { CAP_SYS_ADMIN };
	uint64_t left = available(BIT(CAP_SYS_ADMIN));

	need(privilege_keep(kept, 1) == 0);
	need_only(left, true);
	need_nothing_after_exec();
}

static void test_keep_one(void **state)
{
	(void)state;
	in_child(keep_one);
}

static void *wait_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

/* libcap changes the calling thread; another one that keeps everything is found. */
static void drop_with_thread(void)
{
	pthread_t thread;

	need(pthread_create(&thread, NULL, wait_for_ever, NULL) == 0);
	need(privilege_drop() == -EPERM);
}

static void test_thread(void **state)
{
	(void)state;
	in_child(drop_with_thread);
}

/* ---- as the unit starts it: another user, ambient capabilities, a bounding set ------------------ */

static void become_as_a_unit_does(uint64_t mask)
{
	cap_t caps = cap_init();

	need(caps && setgroups(0, NULL) == 0);
	for (cap_value_t value = 0; CAP_IS_SUPPORTED(value); value++)
		need(BIT(value) & mask || cap_drop_bound(value) == 0);
	need(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
	need(setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0);
	for (cap_value_t value = 0; CAP_IS_SUPPORTED(value); value++)
		for (cap_flag_t flag = CAP_EFFECTIVE; BIT(value) & mask && flag <= CAP_INHERITABLE;
		     flag++)
			need(cap_set_flag(caps, flag, 1, &value, CAP_SET) == 0);
	need(cap_set_proc(caps) == 0);
	for (cap_value_t value = 0; CAP_IS_SUPPORTED(value); value++)
		need(!(BIT(value) & mask) || cap_set_ambient(value, CAP_SET) == 0);
	cap_free(caps);
	need(status("CapAmb:", 16) == mask);
}

static void drop_as_unit(void)
{
	uint64_t start = available(STARTING), left = available(SERVING);

	become_as_a_unit_does(start);
	need(privilege_become("root", (const char *const[]){ NULL }) == 0);
	need(privilege_drop() == 0);
	need_only(left, false);
	/* without CAP_SETPCAP it stays, and is of no use */
	need(status("CapBnd:", 16) == start);
	need_nothing_after_exec();
}

static void test_drop_as_unit(void **state)
{
	(void)state;
	in_child(drop_as_unit);
}

static void keep_none(void)
{
	become_as_a_unit_does(available(BIT(CAP_SYSLOG)));
	need(privilege_drop() == 0);
	need_only(0, false);
}

static void test_keep_none(void **state)
{
	(void)state;
	in_child(keep_none);
}

/* ---- another user ---------------------------------------------------------------------------- */

static char directory[] = "/tmp/test-privilege-XXXXXX";

static void become(void)
{
	_cleanup_free_ char *made = NULL, *impossible = NULL, *own = NULL, *file = NULL;
	uint64_t start = available(STARTING), left = available(SERVING);
	struct stat st;

	need(asprintf(&made, "%s/made", directory) > 0);
	need(asprintf(&impossible, "%s/no/such", directory) > 0);
	/* left by root before there was such a user */
	need(asprintf(&own, "%s/nobody", directory) > 0 && mkdir(own, 0755) == 0);
	need(asprintf(&file, "%s/file", own) > 0 && mkdir(file, 0700) == 0);
	need(privilege_become("nobody", (const char *const[]){ made, directory, own, impossible,
							       NULL }) == 1);
	need(getuid() == NOBODY && geteuid() == NOBODY && getgid() == NOBODY);
	need(getgroups(0, NULL) >= 0 && status("Groups:", 10) != 0);
	need(status("CapPrm:", 16) == start && status("CapEff:", 16) == start);
	need(!(status("CapBnd:", 16) & ~start));
	need(setuid(0) < 0);
	/* what is made is the user's, what was there is whose it was */
	need(stat(made, &st) == 0 && st.st_uid == NOBODY && (st.st_mode & 0777) == 0755);
	need(stat(directory, &st) == 0 && st.st_uid == 0);
	need(stat(own, &st) == 0 && st.st_uid == NOBODY);
	need(stat(file, &st) == 0 && st.st_uid == NOBODY);
	need(privilege_drop() == 0);
	need_only(left, false);
	need_nothing_after_exec();
	need(rmdir(made) < 0);
}

static void test_become(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(directory));
	assert_int_equal(chmod(directory, 0755), 0);
	in_child(become);
	assert_int_equal(system("rm -r /tmp/test-privilege-*"), 0);
}

static void become_nobody_known(void)
{
	uint64_t all = available(~0ULL);

	need(privilege_become("no-such-user-here", (const char *const[]){ "/no/such", NULL }) ==
	     -ENOENT);
	need(geteuid() == 0 && status("CapPrm:", 16) == all);
	/* who has nothing to give up changes nothing */
	need(setuid(NOBODY) == 0);
	need(privilege_become("root", (const char *const[]){ NULL }) == 0);
	need(geteuid() == NOBODY);
}

static void test_no_such_user(void **state)
{
	(void)state;
	in_child(become_nobody_known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drop_as_root), cmocka_unit_test(test_keep_one),
		cmocka_unit_test(test_thread),	     cmocka_unit_test(test_drop_as_unit),
		cmocka_unit_test(test_keep_none),    cmocka_unit_test(test_become),
		cmocka_unit_test(test_no_such_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
