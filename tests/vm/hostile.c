// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Clients that mean no good, of eight kinds at once, each kind another user (or another address):
 *   hostile attack SOCKET PORT LOG
 *     hold     1,000 connections that ask nothing, made anew when they are closed
 *     half     the first half of a call, and never the second
 *     slow     subscribers that want all that ever happened, and do not read it
 *     asks     the whole history, again and again
 *     garbage  1 MiB of it at a time
 *     deep     a call with 200,000 brackets in it
 *     loris    HTTP requests, a byte every 0.1 s
 *     http     1 MiB of garbage to the exporter
 *   It goes on until each kind has done what it is there for, however long that takes on this host, or
 *   until SIGTERM, which makes it fail.
 *   LOG gets a line for each: KIND CONNECTIONS CLOSED SERVED SENT READ; the last two are bytes, and
 *   who was served had an answer when it was closed.
 *
 *   hostile watch SOCKET LOG
 * is one that behaves: it follows events, and writes for each that comes its time and how many
 * microseconds later it had it, until SIGTERM. What was before it is told first; the file is there when
 * it has been told something newer than itself.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIRST_USER 1000
#define GARBAGE (1 << 20)
#define DEPTH 200000
#define TEXT_MAX (GARBAGE + DEPTH)
#define CLIENTS_MAX 1000
#define NO_SOCKET (-1)
/*
 * Who was sent away comes again after this, or its pause: an emulated host that only makes connections
 * has no time left for what they are there for.
 */
#define AGAIN_MS 1000

static struct {
	struct sockaddr_un local;
	struct sockaddr_in port;
} to;

struct count {
	unsigned long long made, closed, served, sent, read;
};

struct kind {
	const char *name;
	unsigned int clients;
	unsigned char http; /* the last number of its address, 0: the other socket */
	unsigned int pause_ms; /* between what a client does */
	size_t piece; /* bytes at a time; 0: all that the socket takes */
	size_t (*make)(char *buffer); /* what it sends, in TEXT_MAX bytes */
	bool reads;
	struct count enough; /* what it has to have done */
};

struct client {
	int fd; /* or NO_SOCKET */
	size_t sent;
	unsigned long long due_ms;
};

static volatile sig_atomic_t ended;

static void on_end(int signal)
{
	ended = signal;
}

static unsigned long long now_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

static unsigned long long now_ms(void)
{
	return now_us(CLOCK_MONOTONIC) / 1000;
}

/* ---- what they send ------------------------------------------------------------------------ */

static size_t make_nothing(char *buffer)
{
	(void)buffer;
	return 0;
}

static size_t make_half(char *buffer)
{
	return (size_t)sprintf(buffer, "{\"method\":\"io.cxlirqd.GetSta");
}

static size_t make_slow(char *buffer)
{
	return 1 + (size_t)sprintf(buffer, "{\"method\":\"io.cxlirqd.Monitor\",\"more\":true,"
					   "\"parameters\":{\"follow\":true,\"since_us\":0}}");
}

static size_t make_asks(char *buffer)
{
	size_t n = 0;

	while (n < GARBAGE)
		n += 1 + (size_t)sprintf(buffer + n,
					 "{\"method\":\"io.cxlirqd.ListHistory\",\"more\":true,"
					 "\"parameters\":{\"limit\":100000}}");
	return n;
}

static size_t make_garbage(char *buffer)
{
	unsigned int seed = 1;

	/* bytes of all kinds, but for the one that ends a message: it comes last */
	for (size_t i = 0; i < GARBAGE - 1; i++) {
		seed = seed * 1103515245 + 12345;
		buffer[i] = (char)(1 + (seed >> 16) % 255);
	}
	buffer[GARBAGE - 1] = '\0';
	return GARBAGE;
}

static size_t make_deep(char *buffer)
{
	size_t n = (size_t)sprintf(buffer, "{\"method\":\"io.cxlirqd.GetStatus\",\"parameters\":");

	memset(buffer + n, '[', DEPTH);
	buffer[n + DEPTH] = '\0';
	return n + DEPTH + 1;
}

static size_t make_request(char *buffer)
{
	size_t n = (size_t)sprintf(buffer, "GET /metrics HTTP/1.1\r\nHost: here\r\nX-Slow: ");

	memset(buffer + n, 'a', 4096);
	return n + 4096;
}

static const struct kind kinds[] = {
	{ "hold", CLIENTS_MAX, 0, 10000, 0, make_nothing, true, { .made = 2000, .closed = 1000 } },
	{ "half", 100, 0, 1000, 0, make_half, true, { .made = 200, .closed = 100, .sent = 100 } },
	{ "slow", 32, 0, 200, 0, make_slow, false, { .made = 100, .closed = 50, .served = 1 } },
	{ "asks", 4, 0, 0, 0, make_asks, true, { .made = 4, .read = 4 << 20 } },
	{ "garbage",
	  4,
	  0,
	  0,
	  0,
	  make_garbage,
	  true,
	  { .made = 20, .closed = 20, .sent = 16 << 20 } },
	{ "deep", 4, 0, 0, 0, make_deep, true, { .made = 20, .closed = 20, .sent = 20 * DEPTH } },
	{ "loris",
	  100,
	  2,
	  100,
	  1,
	  make_request,
	  true,
	  { .made = 150, .closed = 50, .sent = 1000 } },
	{ "http", 4, 3, 0, 0, make_garbage, true, { .made = 20, .closed = 20, .sent = 1 << 20 } },
};
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

/* ---- one kind ------------------------------------------------------------------------------ */

static int connect_client(const struct kind *kind)
{
	const struct sockaddr *address = kind->http ? (void *)&to.port : (void *)&to.local;
	socklen_t size = kind->http ? sizeof(to.port) : sizeof(to.local);
	struct sockaddr_in from = { .sin_family = AF_INET };
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return NO_SOCKET;
	from.sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xffU) | kind->http);
	if ((kind->http && bind(fd, (void *)&from, sizeof(from)) < 0) ||
	    (connect(fd, address, size) < 0 && errno != EINPROGRESS)) {
		close(fd);
		return NO_SOCKET;
	}
	return fd;
}

/* False: the other side has closed it. */
static bool client_sends(struct client *c, const struct kind *kind, const char *text, size_t size,
			 struct count *done)
{
	size_t piece = size - c->sent;
	ssize_t n;

	if (kind->piece && piece > kind->piece)
		piece = kind->piece;
	if (!piece)
		return true;
	n = send(c->fd, text + c->sent, piece, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == ENOTCONN || errno == EINPROGRESS;
	c->sent += (size_t)n;
	done->sent += (size_t)n;
	return true;
}

static bool client_reads(const struct client *c, const struct kind *kind, struct count *done)
{
	struct pollfd p = { .fd = c->fd };
	static char read_to[65536];
	ssize_t n;

	if (kind->reads) {
		n = recv(c->fd, read_to, sizeof(read_to), 0);
		done->read += n > 0 ? (size_t)n : 0;
		return n > 0 || (n < 0 && (errno == EAGAIN || errno == ENOTCONN));
	}
	if (poll(&p, 1, 0) <= 0 || !(p.revents & (POLLHUP | POLLERR)))
		return true;
	done->served += recv(c->fd, read_to, 1, MSG_PEEK) > 0;
	return false;
}

static void client_turn(struct client *c, const struct kind *kind, const char *text, size_t size,
			struct count *done)
{
	unsigned int again_ms = kind->pause_ms > AGAIN_MS ? kind->pause_ms : AGAIN_MS;

	if (now_ms() < c->due_ms)
		return;
	if (c->fd == NO_SOCKET) {
		*c = (struct client){ .fd = connect_client(kind) };
		done->made += c->fd != NO_SOCKET;
	}
	c->due_ms = now_ms() + (c->fd == NO_SOCKET ? again_ms : kind->pause_ms);
	if (c->fd == NO_SOCKET)
		return;
	if (client_sends(c, kind, text, size, done) && client_reads(c, kind, done))
		return;
	close(c->fd);
	c->fd = NO_SOCKET;
	c->due_ms = now_ms() + again_ms;
	done->closed++;
}

static bool is_enough(const struct count *done, const struct count *enough)
{
	return done->made >= enough->made && done->closed >= enough->closed &&
	       done->served >= enough->served && done->sent >= enough->sent &&
	       done->read >= enough->read;
}

/* @behind, which all share: so many have not done enough yet */
static int attack(const struct kind *kind, uid_t user, unsigned int *behind, FILE *log)
{
	static struct client clients[CLIENTS_MAX];
	char *text = malloc(TEXT_MAX);
	struct count done = {};
	unsigned long long began = now_ms();
	bool enough = false;
	size_t size;

	if (!text || setuid(user) < 0)
		return 1;
	size = kind->make(text);
	for (unsigned int i = 0; i < kind->clients; i++)
		clients[i].fd = NO_SOCKET;
	while (__atomic_load_n(behind, __ATOMIC_SEQ_CST)) {
		for (unsigned int i = 0; i < kind->clients; i++)
			client_turn(&clients[i], kind, text, size, &done);
		if (!enough && is_enough(&done, &kind->enough)) {
			__atomic_sub_fetch(behind, 1, __ATOMIC_SEQ_CST);
			enough = true;
			fprintf(stderr, "hostile: %s has done enough after %llu s\n", kind->name,
				(now_ms() - began) / 1000);
		}
		usleep(20000);
	}
	fprintf(log, "%s %llu %llu %llu %llu %llu\n", kind->name, done.made, done.closed,
		done.served, done.sent, done.read);
	return fflush(log) || !enough;
}

static int attack_all(const char *path)
{
	const struct rlimit files = { 2 * CLIENTS_MAX, 2 * CLIENTS_MAX };
	unsigned int *behind = mmap(NULL, sizeof(*behind), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	FILE *log = fopen(path, "a");
	int status, failed = 0;
	pid_t child;

	if (!log || behind == MAP_FAILED || setrlimit(RLIMIT_NOFILE, &files) < 0)
		return 1;
	*behind = N_KINDS;
	for (size_t i = 0; i < N_KINDS; i++)
		if (fork() == 0)
			_exit(attack(&kinds[i], FIRST_USER + (uid_t)i, behind, log));
	while ((child = wait(&status)) > 0 || errno == EINTR) {
		if (child > 0)
			failed |= status != 0;
		else
			__atomic_store_n(behind, 0, __ATOMIC_SEQ_CST);
	}
	return failed;
}

/* ---- one that behaves ---------------------------------------------------------------------- */

static int watch(const char *path)
{
	static const char call[] = "{\"method\":\"io.cxlirqd.Monitor\",\"more\":true,"
				   "\"parameters\":{\"follow\":true}}";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FILE *log = NULL, *stream;
	unsigned long long began = now_us(CLOCK_REALTIME);
	char *line = NULL;
	size_t room = 0;

	if (connect(fd, (void *)&to.local, sizeof(to.local)) < 0 ||
	    write(fd, call, sizeof(call)) != sizeof(call))
		return 1;
	stream = fdopen(fd, "r");
	while (stream && !ended && getdelim(&line, &room, '\0', stream) > 0) {
		const char *time = strstr(line, "\"time_us\":");
		unsigned long long us = time ? strtoull(time + 10, NULL, 10) : 0;

		if (us <= began)
			continue;
		if (!log)
			log = fopen(path, "w");
		if (!log)
			break;
		fprintf(log, "%llu %lld\n", us, (long long)(now_us(CLOCK_REALTIME) - us));
	}
	return !log || fclose(log) || !ended ? 1 : 0;
}

int main(int argc, char *argv[])
{
	const struct sigaction on_term = { .sa_handler = on_end };

	sigaction(SIGTERM, &on_term, NULL);
	if (argc < 3 || strlen(argv[2]) >= sizeof(to.local.sun_path))
		return 2;
	to.local.sun_family = AF_UNIX;
	strcpy(to.local.sun_path, argv[2]);
	if (argc == 4 && strcmp(argv[1], "watch") == 0)
		return watch(argv[3]);
	if (argc != 5 || strcmp(argv[1], "attack"))
		return 2;
	to.port.sin_family = AF_INET;
	to.port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.port.sin_port = htons((unsigned short)atoi(argv[3]));
	return attack_all(argv[4]);
}
