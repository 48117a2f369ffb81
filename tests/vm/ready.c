// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From exec to READY=1:
 *   ready COMMAND...
 * starts a service as systemd would, prints the nanoseconds until it said that it is ready, and its
 * process id, and leaves it running. Exit status 1: it has ended instead.
 */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATH "/run/ready.notify"

static unsigned long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void on_end(int signal)
{
	(void)signal;
	static const char text[] = "it has ended\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(1);
}

int main(int argc, char *argv[])
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = PATH };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned long long begin;
	char message[4096];
	ssize_t n;
	pid_t pid;

	unlink(PATH);
	if (argc < 2 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return 2;
	setenv("NOTIFY_SOCKET", PATH, 1);
	signal(SIGCHLD, on_end);
	begin = now_ns();
	pid = fork();
	if (!pid) {
		signal(SIGCHLD, SIG_DFL);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	do {
		n = recv(fd, message, sizeof(message) - 1, 0);
		if (n < 0)
			return 1;
		message[n] = '\0';
	} while (!strstr(message, "READY=1"));
	printf("%llu %d\n", now_ns() - begin, (int)pid);
	return 0;
}
