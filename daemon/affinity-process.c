// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The process's own side. Its uid is all that it has: the files are root's, and root may write them
 * without a capability. So it has none, cannot get any, and is kept from all but opening files that
 * are there, for writing, and speaking on its sockets. The name of a file is made here, from a
 * number, below a directory that is open already.
 *
 * One request is served at a time, of whoever is connected, in turn. An answer that finds no room ends
 * the connection: the daemon asks no more than there is room for.
 */
#include "affinity-private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "confine.h"
#include "privilege.h"

#define IDLE_MS 30000
#define PEERS_MAX 4 /* a daemon, the one that comes after it, and somebody at a shell */

bool affinity_is_list(const char *cpus)
{
	size_t length = strspn(cpus, "0123456789,-:/");

	return length && length < AFFINITY_CPUS_MAX && !cpus[length];
}

static int write_list(int directory, uint32_t irq, const char *cpus)
{
	_cleanup_close_ int fd = -EBADF;
	char name[40];

	snprintf(name, sizeof(name), "%" PRIu32 "/smp_affinity_list", irq);
	fd = openat(directory, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	return write(fd, cpus, strlen(cpus)) < 0 ? -errno : 0;
}

bool affinity_process_answer(int peer, int directory)
{
	struct affinity_request request;
	struct affinity_answer answer;
	ssize_t length = recv(peer, &request, sizeof(request), MSG_TRUNC | MSG_DONTWAIT);

	if (length < 0)
		return errno == EAGAIN || errno == EINTR;
	if ((size_t)length <= AFFINITY_REQUEST_HEAD || (size_t)length > sizeof(request) ||
	    ((char *)&request)[length - 1])
		return false;
	answer.number = request.number;
	answer.error = affinity_is_list(request.cpus) ?
			       write_list(directory, request.irq, request.cpus) :
			       -EINVAL;
	return send(peer, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(answer);
}

static bool say_hello(int peer)
{
	const struct affinity_hello hello = { AFFINITY_MAGIC, AFFINITY_VERSION };

	return send(peer, &hello, sizeof(hello), MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(hello);
}

static bool is_welcome(int peer, uid_t uid)
{
	struct ucred peer_is;
	socklen_t size = sizeof(peer_is);

	return getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &peer_is, &size) == 0 &&
	       (peer_is.uid == 0 || peer_is.uid == uid);
}

/* 0 also when nobody was there, or nobody who may be. */
static int accept_one(int listener, uid_t uid, struct pollfd *ret_peer, int *n)
{
	_cleanup_close_ int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (peer < 0)
		return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? 0 : -errno;
	if (!is_welcome(peer, uid) || !say_hello(peer))
		return 0;
	*ret_peer = (struct pollfd){ .fd = TAKE_FD(peer), .events = POLLIN };
	(*n)++;
	return 0;
}

/*
 * Who is connected comes behind @listener in @fds. With a listener this waits for others, without
 * one it ends with the last of them.
 */
static int serve(int listener, uid_t uid, int directory, struct pollfd fds[1 + PEERS_MAX], int n,
		 int idle_ms)
{
	int r = 0;

	while (r >= 0 && (n || listener >= 0)) {
		int ready;

		/* who comes when all places are taken waits */
		fds[0] = (struct pollfd){ .fd = n < PEERS_MAX ? listener : -1, .events = POLLIN };
		ready = poll(fds, 1 + (nfds_t)n, n ? -1 : idle_ms);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return ready < 0 ? -errno : 0;
		for (int i = n; i > 0; i--) {
			if (!fds[i].revents || affinity_process_answer(fds[i].fd, directory))
				continue;
			close(fds[i].fd);
			fds[i] = fds[n--];
		}
		if (fds[0].revents)
			r = accept_one(listener, uid, &fds[1 + n], &n);
	}
	return r;
}

/* What it needs is open. Gives up everything else. */
static int confine_self(void)
{
	int r;

	prctl(PR_SET_NAME, "cxlirqd-affinity");
	r = privilege_keep(NULL, 0);
	if (r >= 0)
		r = confine_to_writing();
	return r < 0 && r != -EOPNOTSUPP ? r : 0;
}

static int open_directory(const char *root)
{
	char path[4096];
	int fd;

	if (snprintf(path, sizeof(path), "%s/proc/irq", root) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int affinity_process_serve(const char *root, int listener, uid_t uid, int idle_ms)
{
	_cleanup_close_ int directory = -EBADF;
	struct pollfd fds[1 + PEERS_MAX] = {};
	int flags, r;

	r = sd_is_socket(listener, AF_UNIX, SOCK_SEQPACKET, 1);
	if (r <= 0)
		return r < 0 ? r : -EINVAL;
	/* who gives up before he is accepted keeps nobody waiting */
	flags = fcntl(listener, F_GETFL);
	if (flags < 0 || fcntl(listener, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	directory = open_directory(root);
	if (directory < 0)
		return directory;
	r = confine_self();
	return r < 0 ? r : serve(listener, uid, directory, fds, 0, idle_ms);
}

int affinity_writer_serve(int fd, uid_t uid)
{
	return affinity_process_serve("", fd, uid, IDLE_MS);
}

int affinity_writer_owner(int fd, uid_t *ret)
{
	struct sockaddr_un address = {};
	socklen_t size = sizeof(address) - 1;
	struct stat st;

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return -errno;
	if (address.sun_family != AF_UNIX || address.sun_path[0] != '/')
		return -EINVAL;
	if (stat(address.sun_path, &st) < 0)
		return -errno;
	*ret = st.st_uid;
	return 0;
}

/* ---- forked ---------------------------------------------------------------------------------- */

static _Noreturn void run(int fd, const char *root, pid_t parent)
{
	const int peer = STDERR_FILENO + 1;
	struct pollfd fds[1 + PEERS_MAX] = { [1] = { .fd = peer, .events = POLLIN } };
	int directory;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGTERM, SIG_DFL);
	/* a terminal's, to all that came from it: this one ends with the daemon, not before it */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || dup2(fd, peer) < 0 || close_range(peer + 1, ~0U, 0) < 0)
		_exit(EXIT_FAILURE);
	directory = open_directory(root);
	if (directory < 0 || confine_self() < 0 || !say_hello(peer))
		_exit(EXIT_FAILURE);
	_exit(serve(-1, 0, directory, fds, 1, -1) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

int affinity_process_fork(const char *root, int *ret_fd, pid_t *ret_pid)
{
	_cleanup_close_ int mine = -EBADF, other = -EBADF;
	pid_t parent = getpid(), pid;
	const int on = 1;
	int fds[2];

	if (geteuid() != 0)
		return -EPERM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -errno;
	mine = fds[0];
	other = fds[1];
	/* before anything is sent: the kernel adds the sender to what is sent from then on */
	if (setsockopt(mine, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run(other, root, parent);
	*ret_fd = TAKE_FD(mine);
	*ret_pid = pid;
	return 0;
}
