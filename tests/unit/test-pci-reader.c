// SPDX-License-Identifier: GPL-2.0-or-later
/* The process that reads config space: its answers, its only privilege, and its end. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "pci-reader.h"

#define FUNCTION "0000:0c:00.0"
#define DIRECTORY "/sys/bus/pci/devices/" FUNCTION

static char root[] = "/tmp/test-reader-XXXXXX";

/* A function with MSI-X and eight messages */
static int set_up(void **state)
{
	unsigned char config[256] = { [6] = 0x10, [0x34] = 0x40, [0x40] = 0x11, [0x42] = 7 };
	char command[256], path[128];
	FILE *file;

	(void)state;
	if (!mkdtemp(root))
		return -1;
	snprintf(command, sizeof(command), "mkdir -p %s" DIRECTORY, root);
	if (system(command))
		return -1;
	snprintf(path, sizeof(path), "%s" DIRECTORY "/config", root);
	file = fopen(path, "we");
	if (!file || fwrite(config, sizeof(config), 1, file) != 1)
		return -1;
	return fclose(file);
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static pid_t child(void)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64];
	int pid = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	file = fopen(path, "re");
	if (!file || fscanf(file, "%d", &pid) != 1)
		return 0;
	return pid;
}

static int open_files(pid_t pid)
{
	char command[128];
	int n = -1;
	FILE *out;

	snprintf(command, sizeof(command), "ls /proc/%d/fd | wc -l", pid);
	out = popen(command, "re");
	if (!out || fscanf(out, "%d", &n) != 1)
		n = -1;
	if (out)
		pclose(out);
	return n;
}

static void test_answers(void **state)
{
	static const char *const bad[] = {
		"", "0000:0c:00.8", "../../../etc",
		"0000:0c:00.0/../0000:0c:00.0/and/so/on/and/so/on/and/so/on"
	};
	_cleanup_(pci_reader_freep) struct pci_reader *reader = NULL;
	struct pci_features features = {};

	(void)state;
	assert_int_equal(pci_reader_new(root, &reader), 0);
	for (int twice = 0; twice < 2; twice++) {
		features.n = 0;
		assert_int_equal(pci_reader_read(reader, FUNCTION, &features), 0);
		assert_int_equal(features.n, 1);
		assert_int_equal(features.list[0].kind, RECORD_FEATURE_MSIX);
		assert_int_equal(features.list[0].value, 8);
		/* an error changes nothing, and the next question is answered */
		assert_int_equal(pci_reader_read(reader, "0000:0d:00.0", &features), -ENOENT);
		assert_int_equal(features.n, 1);
		for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
			assert_int_equal(pci_reader_read(reader, bad[i], &features), -EINVAL);
	}
}

/* A line of /proc/PID/status, as a number in base 16 */
static unsigned long long status_of(pid_t pid, const char *key)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[256];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			return strtoull(line + strlen(key), NULL, 16);
	fail_msg("%s has no %s", path, key);
	return 0;
}

static void test_privileges(void **state)
{
	_cleanup_(pci_reader_freep) struct pci_reader *reader = NULL;
	struct pci_features features;
	cap_flag_value_t set;
	cap_t caps;

	(void)state;
	assert_int_equal(pci_reader_new(root, &reader), 0);
	/* once it answers it has given up the others */
	assert_int_equal(pci_reader_read(reader, FUNCTION, &features), 0);
	caps = cap_get_pid(child());
	assert_non_null(caps);
	for (cap_value_t value = 0; value <= cap_max_bits(); value++)
		for (cap_flag_t flag = CAP_EFFECTIVE; flag <= CAP_INHERITABLE; flag++) {
			assert_int_equal(cap_get_flag(caps, value, flag, &set), 0);
			assert_int_equal(set, value == CAP_SYS_ADMIN && flag != CAP_INHERITABLE);
		}
	cap_free(caps);
	/* nor can anything that it starts have more, and it can start nothing */
	assert_int_equal(status_of(child(), "CapAmb:"), 0);
	assert_int_equal(status_of(child(), "CapBnd:") & ~(1ULL << CAP_SYS_ADMIN), 0);
	assert_int_equal(status_of(child(), "NoNewPrivs:"), 1);
	assert_int_equal(status_of(child(), "Seccomp:"), 2);
	/* the standard ones and the socket */
	assert_in_range(open_files(child()), 1, 4);
}

static void test_end(void **state)
{
	struct pci_reader *reader = NULL;
	struct pci_features features;
	pid_t pid;

	(void)state;
	assert_null(pci_reader_free(NULL));
	assert_int_equal(pci_reader_new(root, &reader), 0);
	pid = child();
	assert_true(pid > 0);
	assert_null(pci_reader_free(reader));
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);

	assert_int_equal(pci_reader_new(root, &reader), 0);
	pid = child();
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(pci_reader_read(reader, FUNCTION, &features), -EPIPE);
	assert_int_equal(pci_reader_read(reader, FUNCTION, &features), -EPIPE);
	/* nothing is left of it */
	assert_int_equal(kill(pid, 0), -1);
	assert_null(pci_reader_free(reader));
}

/* One that is stuck in the kernel, say, holds nobody up for longer than it says. */
static void test_stuck(void **state)
{
	_cleanup_(pci_reader_freep) struct pci_reader *reader = NULL;
	struct pci_features features;

	(void)state;
	assert_int_equal(pci_reader_new(root, &reader), 0);
	assert_int_equal(pci_reader_read(reader, FUNCTION, &features), 0);
	assert_int_equal(kill(child(), SIGSTOP), 0);
	assert_int_equal(pci_reader_read(reader, FUNCTION, &features), -EPIPE);
	assert_int_equal(child(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_privileges),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_stuck),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
