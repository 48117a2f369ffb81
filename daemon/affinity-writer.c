// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon's side. Requests wait in one queue, in the order in which they were made. Some of them
 * are on their way; answers come in the same order. As each has the same time, which begins anew when
 * the process is there, the first one is also the first to be late: then it is told so and forgotten,
 * and its answer, should it come, is known by its number and passed over.
 *
 * Nothing is called back from affinity_writer_set(): a connection that turns out to be dead there is
 * found to be so by the loop.
 */
#include "affinity-private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_USEC 30000000 /* systemd makes it a place of its own, which can take seconds */
#define ANSWER_USEC 5000000
#define IDLE_USEC 10000000
#define END_MS 1000

struct request {
	struct request *next;
	uint64_t deadline; /* CLOCK_MONOTONIC, in microseconds */
	bool sent;
	uint32_t number, irq; /* the number once it is sent */
	char cpus[];
};

struct affinity_writer {
	sd_event *event;
	char *path; /* NULL: it is this process's child */
	affinity_written_fn written;
	void *userdata;
	affinity_process_fn process;
	void *process_userdata;
	uint64_t start_usec, answer_usec, idle_usec;

	int fd; /* -EBADF: not connected */
	pid_t child; /* 0: there is none, or it has ended */
	pid_t pid; /* who serves, once it has said hello; 0 */
	sd_event_source *io, *timer;
	struct request *first, *unsent, **end;
	size_t n;
	/* of this connection */
	uint32_t next_number, next_answer;
	uint64_t idle_at;
};

static uint64_t now(const struct affinity_writer *w)
{
	uint64_t usec = 0;

	sd_event_now(w->event, CLOCK_MONOTONIC, &usec);
	return usec;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata);

/* ---- queue ----------------------------------------------------------------------------------- */

static void set_timer(struct affinity_writer *w)
{
	uint64_t at = w->first ? w->first->deadline : w->idle_at;

	if (!w->first && (!w->path || w->fd < 0)) {
		sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time(w->timer, at);
	sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
}

/* The first one leaves the queue before it is told: what is told may ask for more. */
static void finish_first(struct affinity_writer *w, int error)
{
	_cleanup_free_ struct request *request = w->first;

	w->first = request->next;
	if (w->unsent == request)
		w->unsent = request->next;
	if (!w->first)
		w->end = &w->first;
	w->n--;
	w->idle_at = now(w) + w->idle_usec;
	w->written(request->irq, request->cpus, error, w->userdata);
}

/* Those that wait now, and not what is asked for meanwhile */
static void finish_all(struct affinity_writer *w, int error)
{
	struct request *request = w->first;

	w->first = w->unsent = NULL;
	w->end = &w->first;
	w->n = 0;
	while (request) {
		_cleanup_free_ struct request *done = request;

		request = request->next;
		w->written(done->irq, done->cpus, error, w->userdata);
	}
}

/* ---- connection ------------------------------------------------------------------------------ */

static void set_process(struct affinity_writer *w, pid_t pid)
{
	if (w->pid == pid)
		return;
	w->pid = pid;
	if (w->process)
		w->process(pid, w->process_userdata);
}

/* It ends by itself when its socket does. It is root's, and this may be somebody else's by now. */
static void end_child(struct affinity_writer *w)
{
	struct pollfd ended = { .events = POLLIN };

	if (!w->child)
		return;
	kill(w->child, SIGKILL);
	ended.fd = pidfd_open(w->child, 0);
	if (ended.fd >= 0) {
		poll(&ended, 1, END_MS);
		close(ended.fd);
	}
	waitpid(w->child, NULL, WNOHANG);
	w->child = 0;
}

static void disconnect(struct affinity_writer *w)
{
	w->io = sd_event_source_disable_unref(w->io);
	closep(&w->fd);
	w->fd = -EBADF;
	end_child(w);
}

static void fail(struct affinity_writer *w, int error)
{
	disconnect(w);
	set_process(w, 0);
	finish_all(w, error);
	set_timer(w);
}

static int watch(struct affinity_writer *w)
{
	w->next_number = w->next_answer = 0;
	return sd_event_add_io(w->event, &w->io, w->fd, EPOLLIN, on_io, w);
}

static int connect_to(struct affinity_writer *w)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int on = 1;
	int r = 0;

	if (!w->path)
		return -EPIPE;
	strcpy(address.sun_path, w->path);
	w->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w->fd < 0)
		return -errno;
	/* before it can say anything: the kernel adds the sender to what is sent from then on */
	if (setsockopt(w->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
	    connect(w->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		r = -errno;
	if (r >= 0)
		r = watch(w);
	if (r < 0)
		disconnect(w);
	return r;
}

/* As many as may be on their way. What cannot be sent now will be when the socket says so. */
static void send_some(struct affinity_writer *w)
{
	uint32_t events = EPOLLIN;

	while (w->pid && w->unsent && w->next_number - w->next_answer < AFFINITY_WINDOW) {
		struct request *request = w->unsent;
		struct affinity_request packet = { .number = w->next_number, .irq = request->irq };
		size_t length = strlen(request->cpus) + 1;

		memcpy(packet.cpus, request->cpus, length);
		if (send(w->fd, &packet, AFFINITY_REQUEST_HEAD + length, MSG_NOSIGNAL) < 0) {
			if (errno == EINTR)
				continue;
			/* all else is the end, and the loop sees it, too */
			if (errno == EAGAIN)
				events |= EPOLLOUT;
			break;
		}
		request->sent = true;
		request->number = w->next_number++;
		w->unsent = request->next;
	}
	sd_event_source_set_io_events(w->io, events);
}

/* ---- what comes ------------------------------------------------------------------------------ */

/*
 * Length of a packet from the one process that may send any; its pid is who sent it, whoever opened
 * the socket (systemd). 0: it has ended. -EAGAIN: nothing yet.
 */
static int receive(struct affinity_writer *w, void *data, size_t size, pid_t *ret_pid)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(struct ucred))];
	} control = {};
	struct iovec piece = { data, size };
	struct msghdr message = { .msg_iov = &piece,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t length = recvmsg(w->fd, &message, MSG_CMSG_CLOEXEC | MSG_TRUNC);
	const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	struct ucred sender = { .uid = (uid_t)-1 };

	if (length < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (length == 0)
		return 0;
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS &&
	    header->cmsg_len == CMSG_LEN(sizeof(sender)))
		memcpy(&sender, CMSG_DATA(header), sizeof(sender));
	if (sender.uid != 0 || !sender.pid || (w->pid && sender.pid != w->pid))
		return -EACCES;
	*ret_pid = sender.pid;
	return message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EPROTO : (int)length;
}

static int read_hello(struct affinity_writer *w)
{
	struct affinity_hello hello = {};
	pid_t pid = 0;
	int r = receive(w, &hello, sizeof(hello), &pid);

	if (r <= 0)
		return r;
	if (r != sizeof(hello) || hello.magic != AFFINITY_MAGIC ||
	    hello.version != AFFINITY_VERSION)
		return -EPROTO;
	for (struct request *request = w->first; request; request = request->next)
		request->deadline = now(w) + w->answer_usec;
	set_process(w, pid);
	return r;
}

static int read_answer(struct affinity_writer *w)
{
	struct affinity_answer answer = {};
	pid_t pid;
	int r = receive(w, &answer, sizeof(answer), &pid);

	if (r <= 0)
		return r;
	if (r != sizeof(answer) || answer.number != w->next_answer ||
	    w->next_answer == w->next_number || answer.error > 0 || answer.error < -4095)
		return -EPROTO;
	w->next_answer++;
	/* otherwise it comes too late */
	if (w->first && w->first->sent && w->first->number == answer.number)
		finish_first(w, answer.error);
	return r;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct affinity_writer *w = userdata;
	int r = 1;

	(void)source, (void)fd, (void)revents;
	/* not for ever: others have their turn, too */
	for (int i = 0; i < 2 * AFFINITY_WINDOW && r > 0; i++)
		r = w->pid ? read_answer(w) : read_hello(w);
	if (r == 0 || (r < 0 && r != -EAGAIN && r != -EINTR)) {
		fail(w, r ?: -EPIPE);
		return 0;
	}
	send_some(w);
	set_timer(w);
	return 0;
}

/* Something is late, or there was nothing to ask for a while. */
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct affinity_writer *w = userdata;

	(void)source;
	while (w->first && w->first->deadline <= usec)
		finish_first(w, -ETIMEDOUT);
	if (!w->first && w->path && w->fd >= 0 && w->idle_at <= usec) {
		disconnect(w);
		set_process(w, 0);
	}
	set_timer(w);
	return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

int affinity_writer_new_with(sd_event *event, const char *path,
			     const struct affinity_options *options, affinity_written_fn written,
			     void *userdata, struct affinity_writer **ret)
{
	_cleanup_(affinity_writer_freep) struct affinity_writer *w = NULL;
	int r;

	if (path && strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return -ENAMETOOLONG;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->fd = -EBADF;
	w->end = &w->first;
	w->written = written;
	w->userdata = userdata;
	w->start_usec = options->start_usec;
	w->answer_usec = options->answer_usec;
	w->idle_usec = options->idle_usec;
	w->event = sd_event_ref(event);
	if (path && !(w->path = strdup(path)))
		return -ENOMEM;
	r = sd_event_add_time(event, &w->timer, CLOCK_MONOTONIC, UINT64_MAX, 0, on_timer, w);
	/* answers that are there are read before they are late */
	if (r >= 0)
		r = sd_event_source_set_priority(w->timer, SD_EVENT_PRIORITY_NORMAL + 1);
	if (r >= 0)
		r = sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
	if (r >= 0 && !path)
		r = affinity_process_fork(options->root, &w->fd, &w->child);
	if (r >= 0 && !path)
		r = watch(w);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(w);
	return 0;
}

int affinity_writer_new(sd_event *event, const char *path, affinity_written_fn written,
			void *userdata, struct affinity_writer **ret)
{
	static const struct affinity_options options = { .root = "",
							 .start_usec = START_USEC,
							 .answer_usec = ANSWER_USEC,
							 .idle_usec = IDLE_USEC };

	return affinity_writer_new_with(event, path, &options, written, userdata, ret);
}

struct affinity_writer *affinity_writer_free(struct affinity_writer *writer)
{
	if (!writer)
		return NULL;
	disconnect(writer);
	while (writer->first) {
		_cleanup_free_ struct request *request = writer->first;

		writer->first = request->next;
	}
	sd_event_source_disable_unref(writer->timer);
	sd_event_unref(writer->event);
	free(writer->path);
	free(writer);
	return NULL;
}

void affinity_writer_on_process(struct affinity_writer *writer, affinity_process_fn process,
				void *userdata)
{
	writer->process = process;
	writer->process_userdata = userdata;
	if (writer->pid && process)
		process(writer->pid, userdata);
}

int affinity_writer_set(struct affinity_writer *writer, uint32_t irq, const char *cpus)
{
	size_t length = strlen(cpus);
	struct request *request;
	int r;

	if (length >= AFFINITY_CPUS_MAX)
		return -E2BIG;
	if (!affinity_is_list(cpus))
		return -EINVAL;
	if (writer->n >= AFFINITY_PENDING_MAX)
		return -ENOBUFS;
	if (writer->fd < 0) {
		r = connect_to(writer);
		if (r < 0)
			return r;
	}
	request = calloc(1, sizeof(*request) + length + 1);
	if (!request)
		return -ENOMEM;
	request->irq = irq;
	memcpy(request->cpus, cpus, length);
	request->deadline = now(writer) + (writer->pid ? writer->answer_usec : writer->start_usec);
	*writer->end = request;
	writer->end = &request->next;
	writer->n++;
	if (!writer->unsent)
		writer->unsent = request;
	send_some(writer);
	if (writer->first == request)
		set_timer(writer);
	return 0;
}
