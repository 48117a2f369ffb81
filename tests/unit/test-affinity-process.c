// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The process that writes affinities: what it may do, whom it serves, and that whoever is no daemon gets
 * nothing out of it.
 */
#include "affinity-fixture.h"

#include <sys/prctl.h>

#include "confine.h"

/* A line of /proc/PID/status, without its key and the space after it */
static void status_of(pid_t pid, const char *key, char *ret, size_t size)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[256];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0) {
			line[strcspn(line, "\n")] = '\0';
			snprintf(ret, size, "%s", line + strlen(key) + 1);
			return;
		}
	fail_msg("%s has no %s", path, key);
}

static void expect_status(pid_t pid, const char *key, const char *value)
{
	char is[256];

	status_of(pid, key, is, sizeof(is));
	assert_string_equal(is, value);
}

static void test_no_privileges(void **state)
{
	static const char *const sets[] = { "CapPrm:", "CapEff:", "CapInh:", "CapBnd:", "CapAmb:" };
	_cleanup_(affinity_writer_freep) struct affinity_writer *writer = NULL;
	_cleanup_close_ int open_here = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
	char command[128];
	pid_t pid;
	FILE *out;
	int n = -1;

	(void)state;
	need_root();
	assert_true(open_here > STDERR_FILENO);
	writer = writer_on(NULL, LONG_USEC, LONG_USEC);
	run_until(served_are, 1);
	pid = served_by;
	assert_int_equal(pid, child());
	expect_status(pid, "Uid:", "0\t0\t0\t0");
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		expect_status(pid, sets[i], "0000000000000000");
	expect_status(pid, "NoNewPrivs:", "1");
	expect_status(pid, "Seccomp:", "2");
	/* as much of the name as a task has room for */
	expect_status(pid, "Name:", "cxlirqd-affinit");
	/* the standard ones, its socket and the directory; not what was open here */
	snprintf(command, sizeof(command), "ls /proc/%d/fd | wc -l", pid);
	out = popen(command, "re");
	assert_true(out && fscanf(out, "%d", &n) == 1);
	pclose(out);
	assert_in_range(n, 2, 5);
}

/* ---- what it may open ----------------------------------------------------------------- */

#define need(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static void need_refused(int directory, const char *name, int flags)
{
	need(openat(directory, name, flags, 0600) < 0 && errno == EPERM);
}

static _Noreturn void confined(void)
{
	static const int refused[] = { O_RDONLY,
				       O_RDWR,
				       O_WRONLY | O_CREAT,
				       O_WRONLY | O_TRUNC,
				       O_WRONLY | O_APPEND,
				       O_WRONLY | O_TMPFILE,
				       O_WRONLY | O_DIRECTORY,
				       O_PATH };
	int directory = open(root, O_PATH | O_DIRECTORY), fd;
	const char *file = "proc/irq/33/smp_affinity_list";

	need(directory >= 0);
	need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	need(confine_to_writing() == 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		need_refused(directory, file, refused[i]);
	need_refused(directory, ".", O_WRONLY | O_TMPFILE);
	fd = openat(directory, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	need(fd >= 0);
	need(write(fd, "9", 1) == 1);
	need(fork() < 0 && errno == EPERM);
	need(socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EPERM);
	need(unlinkat(directory, file, 0) < 0 && errno == EPERM);
	need(fchmod(fd, 0) < 0 && errno == EPERM);
	need(execl("/bin/true", "true", NULL) < 0 && errno == EPERM);
	_exit(0);
}

static void test_confined(void **state)
{
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		confined();
	assert_int_equal(wait_for(pid), 0);
	expect_file(33, "9");
}

/* ---- whom it serves -------------------------------------------------------------------------- */

static void test_owner(void **state)
{
	_cleanup_close_ int listener = -EBADF, stream = socket(AF_INET, SOCK_STREAM, 0);
	uid_t owner = 1;

	(void)state;
	need_root();
	listener = listen_at(socket_path);
	assert_int_equal(affinity_writer_owner(listener, &owner), 0);
	assert_int_equal(owner, 0);
	assert_int_equal(chown(socket_path, NOBODY, 0), 0);
	assert_int_equal(affinity_writer_owner(listener, &owner), 0);
	assert_int_equal(owner, NOBODY);
	assert_int_equal(unlink(socket_path), 0);
	assert_int_equal(affinity_writer_owner(listener, &owner), -ENOENT);
	assert_int_equal(affinity_writer_owner(stream, &owner), -EINVAL);
	assert_int_equal(owner, NOBODY);
	/* nor would it serve that */
	assert_int_equal(affinity_process_serve(root, stream, 0, 100), -EINVAL);
}

static int connect_at(const char *path)
{
	const struct timeval patience = { .tv_sec = 20 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return -1;
	return fd;
}

/* Exit status of one who connects as @uid: 0: he was told hello, 1: sent away */
static int visitor(uid_t uid)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct affinity_hello hello = {};
		int fd;

		if (uid && (setgid(NOBODY) < 0 || setuid(uid) < 0))
			_exit(2);
		fd = connect_at(socket_path);
		if (fd < 0)
			_exit(3);
		switch (recv(fd, &hello, sizeof(hello), 0)) {
		case sizeof(hello): _exit(hello.magic == AFFINITY_MAGIC ? 0 : 4);
		case 0: _exit(1);
		default: _exit(errno == ECONNRESET ? 1 : 5);
		}
	}
	return wait_for(pid);
}

static void test_visitors(void **state)
{
	_cleanup_close_ int listener = -EBADF;
	pid_t pid;

	(void)state;
	need_root();
	listener = listen_at(socket_path);
	pid = start_process(listener, NOBODY, 60000);
	assert_int_equal(visitor(0), 0);
	assert_int_equal(visitor(NOBODY), 0);
	assert_int_equal(visitor(NOBODY - 1), 1);
	assert_int_equal(visitor(0), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* ---- the process, and somebody who is no daemon -------------------------------------------------- */

/* The errno of the answer; 1: the connection was closed */
static int ask(const void *packet, size_t size)
{
	_cleanup_close_ int fd = connect_at(socket_path);
	struct affinity_hello hello;
	struct affinity_answer answer;
	ssize_t length;

	assert_true(fd >= 0);
	assert_int_equal(recv(fd, &hello, sizeof(hello), 0), sizeof(hello));
	assert_int_equal(send(fd, packet, size, MSG_NOSIGNAL), size);
	length = recv(fd, &answer, sizeof(answer), 0);
	if (length <= 0) {
		assert_true(length == 0 || errno == ECONNRESET);
		return 1;
	}
	assert_int_equal(length, sizeof(answer));
	assert_int_equal(answer.number, 7);
	return answer.error;
}

static int ask_list(const char *cpus, size_t size)
{
	struct affinity_request request = { .number = 7, .irq = 33 };

	memcpy(request.cpus, cpus, size);
	return ask(&request, AFFINITY_REQUEST_HEAD + size);
}

static void test_hostile_visitors(void **state)
{
	static const char *const lists[] = { "../../../../etc/passwd", "0\n1", "", "ffffffff" };
	_cleanup_close_ int listener = -EBADF;
	char large[3 * sizeof(struct affinity_request)];
	int crowd[8];
	pid_t pid;

	(void)state;
	need_root();
	listener = listen_at(socket_path);
	pid = start_process(listener, 0, 60000);
	memset(large, '1', sizeof(large));
	for (size_t size = 1; size <= sizeof(large); size = size * 3 / 2 + 1)
		assert_int_equal(ask(large, size), 1);
	assert_int_equal(ask(large, sizeof(struct affinity_request)), 1);
	/* without its end; nothing but its end */
	assert_int_equal(ask_list("12", 2), 1);
	assert_int_equal(ask_list("", 1), -EINVAL);
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		assert_int_equal(ask_list(lists[i], strlen(lists[i]) + 1), -EINVAL);
	/* something behind the end is nothing */
	assert_int_equal(ask_list("1\0x", 4), 0);
	expect_file(33, "1");
	/* a crowd that says nothing: whoever comes after it waits, until somebody goes */
	for (size_t i = 0; i < sizeof(crowd) / sizeof(*crowd); i++) {
		crowd[i] = connect_at(socket_path);
		assert_true(crowd[i] >= 0);
	}
	for (size_t i = 0; i < sizeof(crowd) / sizeof(*crowd); i++)
		close(crowd[i]);
	assert_int_equal(ask_list("2", 2), 0);
	expect_file(33, "2");
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_privileges),
		cmocka_unit_test(test_confined),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_visitors),
		cmocka_unit_test(test_hostile_visitors),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
