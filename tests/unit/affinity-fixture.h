/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of the process that writes affinities, and of the daemon's side of it: a tree of files
 * that stands in for /proc/irq, the process on it, and what the daemon's side has told.
 */
#ifndef CXLIRQD_AFFINITY_FIXTURE_H
#define CXLIRQD_AFFINITY_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "affinity-private.h"

#define NOBODY 65534
#define LONG_USEC 20000000
#define SHORT_USEC 300000

static char root[] = "/tmp/test-affinity-XXXXXX";
static char socket_path[sizeof(root) + 16];

/* ---- what was told --------------------------------------------------------------------------- */

static struct told {
	uint32_t irq;
	int error;
	char cpus[64];
	pid_t pid; /* who served then */
} told[AFFINITY_PENDING_MAX + 8];
static size_t n_told;
static pid_t served_by;
static unsigned int n_served;
static struct affinity_writer *ask_again; /* from the callback, once */

static void on_written(uint32_t irq, const char *cpus, int error, void *userdata)
{
	struct told *t = &told[n_told++];

	assert_ptr_equal(userdata, told);
	t->irq = irq;
	t->error = error;
	t->pid = served_by;
	snprintf(t->cpus, sizeof(t->cpus), "%s", cpus);
	if (ask_again)
		assert_int_equal(affinity_writer_set(TAKE_PTR(ask_again), 35, "5"), 0);
}

static void on_process(pid_t pid, void *userdata)
{
	assert_ptr_equal(userdata, &served_by);
	assert_int_not_equal(pid, served_by);
	served_by = pid;
	n_served++;
}

static sd_event *event;

static struct affinity_writer *writer_with(const char *path, const struct affinity_options *options)
{
	struct affinity_writer *writer = NULL;

	n_told = n_served = 0;
	served_by = 0;
	assert_int_equal(affinity_writer_new_with(event, path, options, on_written, told, &writer),
			 0);
	affinity_writer_on_process(writer, on_process, &served_by);
	return writer;
}

static struct affinity_writer *writer_on(const char *path, uint64_t answer_usec, uint64_t idle_usec)
{
	const struct affinity_options options = { root, answer_usec, answer_usec, idle_usec };

	return writer_with(path, &options);
}

static inline bool told_are(size_t n)
{
	return n_told >= n;
}

static inline bool served_are(size_t n)
{
	return n_served >= n;
}

static inline void run_until(bool (*is_so)(size_t), size_t n)
{
	for (time_t end = time(NULL) + 30; !is_so(n);) {
		assert_true(time(NULL) < end);
		assert_true(sd_event_run(event, 100000) >= 0);
	}
}

static inline void expect_error(size_t i, uint32_t irq, int error)
{
	assert_true(i < n_told);
	assert_int_equal(told[i].irq, irq);
	assert_int_equal(told[i].error, error);
}

/* ---- tree and processes ---------------------------------------------------------------------- */

static int set_up(void **state)
{
	char command[256];

	(void)state;
	if (!mkdtemp(root) || chmod(root, 0755) < 0)
		return -1;
	snprintf(socket_path, sizeof(socket_path), "%s/socket", root);
	snprintf(command, sizeof(command),
		 "for i in 33 34 35; do mkdir -p %s/proc/irq/$i && : "
		 ">%s/proc/irq/$i/smp_affinity_list;"
		 " done",
		 root, root);
	return system(command) ?: sd_event_new(&event) < 0;
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	sd_event_unref(event);
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static void expect_file(unsigned int irq, const char *text)
{
	char path[128], is[64] = "";
	_cleanup_fclose_ FILE *file = NULL;

	snprintf(path, sizeof(path), "%s/proc/irq/%u/smp_affinity_list", root, irq);
	file = fopen(path, "r+e");
	assert_non_null(file);
	is[fread(is, 1, sizeof(is) - 1, file)] = '\0';
	assert_string_equal(is, text);
	/* a file, other than the kernel's, keeps the end of what was longer */
	assert_int_equal(ftruncate(fileno(file), 0), 0);
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

static int wait_for(pid_t pid)
{
	int how = -1;

	assert_int_equal(waitpid(pid, &how, 0), pid);
	assert_true(WIFEXITED(how));
	return WEXITSTATUS(how);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	unlink(path);
	strcpy(address.sun_path, path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* As systemd starts it: the socket is there before, and after */
static pid_t start_process(int listener, uid_t uid, int idle_ms)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		/* the daemon's side, of which it would have a copy */
		if (dup2(listener, STDERR_FILENO + 1) < 0 ||
		    close_range(STDERR_FILENO + 2, ~0U, 0) < 0)
			_exit(2);
		_exit(affinity_process_serve(root, STDERR_FILENO + 1, uid, idle_ms) == 0 ? 0 : 1);
	}
	return pid;
}

static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

#endif
