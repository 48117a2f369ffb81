// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One request is one packet with a name, one answer is one packet with a list. The caller waits for
 * it, as it would for the read itself.
 *
 * Config space is what a device says, so whatever parses it with CAP_SYS_ADMIN in hand is kept from
 * doing anything but reading files.
 */
#include "pci-reader.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"
#include "privilege.h"

#define TIMEOUT_S 2
#define NAME_SIZE 64

struct answer {
	int result;
	struct pci_features features;
};

struct pci_reader {
	int fd;
	pid_t pid; /* 0: it has ended */
};

static void cap_freep(cap_t *caps)
{
	if (*caps)
		cap_free(*caps);
}

static bool is_permitted(void)
{
	_cleanup_(cap_freep) cap_t now = cap_get_proc();
	cap_flag_value_t set = CAP_CLEAR;

	return now && !cap_get_flag(now, CAP_SYS_ADMIN, CAP_PERMITTED, &set) && set == CAP_SET;
}

static void serve(int fd, struct pci_capability *capability)
{
	char name[NAME_SIZE];

	for (;;) {
		struct answer answer = {};
		ssize_t length = recv(fd, name, sizeof(name) - 1, 0);

		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return;
		name[length] = 0;
		answer.result = pci_capability_read(capability, name, &answer.features);
		if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			return;
	}
}

static _Noreturn void run(int fd, const char *root, pid_t parent)
{
	static const cap_value_t kept[] = { CAP_SYS_ADMIN };
	struct pci_capability *capability = NULL;
	sigset_t none;
	int r;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_IGN); /* a terminal's, to all that came from it: the daemon reloads */
	prctl(PR_SET_NAME, "cxlirqd-config");
	/* the end of the socket says the same, if nobody else has a copy of it */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || dup2(fd, STDERR_FILENO + 1) < 0 ||
	    close_range(STDERR_FILENO + 2, ~0U, 0) < 0)
		_exit(EXIT_FAILURE);
	if (pci_capability_new(root, &capability) < 0 || privilege_keep(kept, 1) < 0)
		_exit(EXIT_FAILURE);
	r = confine_to_reading();
	if (r < 0 && r != -EOPNOTSUPP)
		_exit(EXIT_FAILURE);
	serve(STDERR_FILENO + 1, capability);
	_exit(EXIT_SUCCESS);
}

static void reader_end(struct pci_reader *reader)
{
	if (!reader->pid)
		return;
	closep(&reader->fd);
	reader->fd = -EBADF;
	kill(reader->pid, SIGKILL);
	while (waitpid(reader->pid, NULL, 0) < 0 && errno == EINTR)
		;
	reader->pid = 0;
}

int pci_reader_new(const char *root, struct pci_reader **ret)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	_cleanup_(pci_reader_freep) struct pci_reader *reader = NULL;
	pid_t parent = getpid();
	int fds[2];

	if (!is_permitted())
		return -EPERM;
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	reader->fd = -EBADF;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	reader->pid = fork();
	if (reader->pid == 0)
		run(fds[1], root, parent);
	close(fds[1]);
	reader->fd = fds[0];
	if (reader->pid < 0) {
		int error = errno;

		reader->pid = 0;
		closep(&reader->fd);
		return -error;
	}
	if (setsockopt(reader->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	*ret = TAKE_PTR(reader);
	return 0;
}

struct pci_reader *pci_reader_free(struct pci_reader *reader)
{
	if (!reader)
		return NULL;
	reader_end(reader);
	free(reader);
	return NULL;
}

int pci_reader_read(struct pci_reader *reader, const char *function, struct pci_features *ret)
{
	size_t length = strlen(function);
	struct answer answer;
	ssize_t got;

	if (!length || length >= NAME_SIZE)
		return -EINVAL;
	if (!reader->pid)
		return -EPIPE;
	if (send(reader->fd, function, length, MSG_NOSIGNAL) < 0) {
		reader_end(reader);
		return -EPIPE;
	}
	do
		got = recv(reader->fd, &answer, sizeof(answer), 0);
	while (got < 0 && errno == EINTR);
	/* one that answers late would answer the next question with it */
	if (got != sizeof(answer) || answer.features.n > PCI_FEATURES_MAX) {
		reader_end(reader);
		return -EPIPE;
	}
	if (answer.result >= 0)
		*ret = answer.features;
	return answer.result;
}
