// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Connections and their time.
 *
 * libmicrohttpd has no listening socket and no thread: connections are accepted here, so that
 * several listeners share one limit and each refusal has its reason, and the library runs when its
 * epoll descriptor says so. It has a timeout for silence only, which a client that sends a byte now
 * and then never meets; so each connection has a deadline here, until which a whole step (the
 * header, the answer) must be over. Who misses it finds the socket shut down.
 *
 * Handlers of event sources return 0 whatever happens: sd-event turns a source off that fails.
 */
#include "http-private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

/* Also keeps accept() from spinning when it fails for want of file descriptors. */
#define ACCEPT_INTERVAL_USEC 100000
#define ACCEPT_BURST 100
/* A request's line and header, and the header of its answer, have to find room in this. */
#define CONNECTION_MEMORY (32U << 10)
#define TIMER_ACCURACY_USEC 1000

uint64_t http_now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- the library's turn ---------------------------------------------------------------------- */

/*
 * The library waits for changes (EPOLLET), and takes a read that was not full for the last one. It
 * misses who went away between sending and being read, and would keep the connection until its time
 * is over. Only to be asked when nothing more is to be read: a half of a connection may be closed.
 */
static void http_look_for_gone(struct http *http)
{
	char byte;

	for (unsigned int i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		struct http_connection *c = http->connections[i];

		if (!c || c->asked || c->gone || recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT))
			continue;
		c->gone = true;
		shutdown(c->fd, SHUT_RDWR);
	}
}

static void http_arm(struct http *http)
{
	uint64_t soonest = UINT64_MAX;
	MHD_UNSIGNED_LONG_LONG wait_ms;
	bool busy = MHD_get_timeout(http->server, &wait_ms) == MHD_YES && wait_ms == 0;

	if (busy)
		soonest = http_now_usec();
	else
		http_look_for_gone(http);
	for (unsigned int i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		const struct http_connection *c = http->connections[i];

		if (c && c->deadline_usec < soonest)
			soonest = c->deadline_usec;
		if (c && c->waiting && http->free_usec < soonest)
			soonest = http->free_usec;
	}
	sd_event_source_set_time(http->timer, soonest);
	sd_event_source_set_enabled(http->timer,
				    soonest == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static void connection_resume(struct http_connection *connection)
{
	if (connection->waiting)
		MHD_resume_connection(TAKE_PTR(connection->waiting));
}

/* Who is late finds the socket shut down; who waits for the loop may find it free. */
static void http_look_at_clock(struct http *http)
{
	uint64_t now = http_now_usec();

	for (unsigned int i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		struct http_connection *c = http->connections[i];

		if (c && c->deadline_usec <= now) {
			http->counters.expired += !c->idle;
			c->deadline_usec = UINT64_MAX;
			shutdown(c->fd, SHUT_RDWR);
			connection_resume(c);
		} else if (c && http->free_usec <= now) {
			connection_resume(c);
		}
	}
}

/*
 * Whatever woke us: setting a timer that has run out makes sd-event forget that it has, so that
 * clients who keep us busy would keep it from ever being seen.
 */
static void http_run(struct http *http)
{
	http_look_at_clock(http);
	MHD_run(http->server);
	http_arm(http);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)fd;
	(void)revents;
	http_run(userdata);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	http_run(userdata);
	return 0;
}

/* ---- connections ----------------------------------------------------------------------------- */

static void connection_free(struct http_connection *connection)
{
	connection->http->connections[connection->slot] = NULL;
	connection->http->counters.connections--;
	free(connection);
}

static struct http_connection *find_connection(struct http *http, int fd)
{
	for (unsigned int i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		if (http->connections[i] && http->connections[i]->fd == fd)
			return http->connections[i];
	return NULL;
}

static void on_connection(void *userdata, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct http *http = userdata;
	const union MHD_ConnectionInfo *info;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		*context = info ? find_connection(http, info->connect_fd) : NULL;
	} else if (*context) {
		connection_free(*context);
		*context = NULL;
	}
}

static void on_completed(void *userdata, struct MHD_Connection *connection, void **request,
			 enum MHD_RequestTerminationCode why)
{
	struct http_connection *c = *request;
	struct http *http = userdata;

	(void)connection;
	(void)why;
	*request = NULL;
	if (!c)
		return;
	c->asked = false;
	c->idle = true;
	c->deadline_usec = http_now_usec() + http->limits.idle_usec;
}

static void read_address(const struct sockaddr_storage *from, struct in6_addr *ret)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;

	*ret = (struct in6_addr){};
	if (from->ss_family == AF_INET6) {
		*ret = v6->sin6_addr;
	} else if (from->ss_family == AF_INET) {
		ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
		memcpy(&ret->s6_addr[12], &v4->sin_addr, 4);
	}
}

/* A free slot, or a negative number: there is none for such a one, which is counted. */
static int find_slot(struct http *http, const struct in6_addr *address)
{
	unsigned int of_address = 0;
	int slot = -ENFILE;

	for (unsigned int i = 0; i < http->limits.connections; i++) {
		const struct http_connection *c = http->connections[i];

		if (!c && slot < 0)
			slot = (int)i;
		of_address += c && IN6_ARE_ADDR_EQUAL(&c->address, address);
	}
	if (slot < 0) {
		http->counters.refused_full++;
		return slot;
	}
	if (of_address >= http->limits.of_one_address) {
		http->counters.refused_address++;
		return -EUSERS;
	}
	return slot;
}

static struct http_connection *connection_new(struct http_listener *by, int fd,
					      const struct sockaddr_storage *from)
{
	struct http *http = by->http;
	struct http_connection *c;
	struct in6_addr address;
	int slot;

	read_address(from, &address);
	slot = find_slot(http, &address);
	if (slot < 0)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c) {
		http->counters.refused_full++;
		return NULL;
	}
	c->http = http;
	c->slot = (unsigned int)slot;
	c->fd = fd;
	c->address = address;
	c->local = by->listener->local && from->ss_family != AF_UNIX;
	c->deadline_usec = http_now_usec() + http->limits.request_usec;
	http->connections[slot] = c;
	http->counters.connections++;
	return c;
}

static int on_connect(sd_event_source *source, int listener, uint32_t revents, void *userdata)
{
	struct http_listener *by = userdata;
	struct http *http = by->http;
	struct sockaddr_storage from = {};
	socklen_t size = sizeof(from);
	struct http_connection *c;
	unsigned int slot;
	int fd;

	(void)source;
	(void)revents;
	fd = accept4(listener, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return 0;
	c = connection_new(by, fd, &from);
	if (!c) {
		close(fd);
		return 0;
	}
	http->counters.accepted++;
	slot = c->slot;
	/* it closes the socket if it fails; it may have told of the connection, and of its end, then */
	if (MHD_add_connection(http->server, fd, (struct sockaddr *)&from, size) != MHD_YES) {
		http->counters.refused_full++;
		if (http->connections[slot] == c)
			connection_free(c);
		return 0;
	}
	http_run(http);
	return 0;
}

int http_add_listener(struct http *http, const struct listener *listener)
{
	struct http_listener *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->http = http;
	l->listener = listener;
	r = sd_event_add_io(http->event, &l->source, listener->fd, EPOLLIN, on_connect, l);
	if (r >= 0)
		r = sd_event_source_set_ratelimit(l->source, ACCEPT_INTERVAL_USEC, ACCEPT_BURST);
	if (r < 0) {
		sd_event_source_disable_unref(l->source);
		free(l);
		return r;
	}
	l->next = http->listeners;
	http->listeners = l;
	return 0;
}

void http_remove_listener(struct http *http, const struct listener *listener)
{
	for (struct http_listener **at = &http->listeners; *at; at = &(*at)->next) {
		struct http_listener *l = *at;

		if (l->listener != listener)
			continue;
		*at = l->next;
		sd_event_source_disable_unref(l->source);
		free(l);
		return;
	}
}

/* ---- the server ------------------------------------------------------------------------------ */

/*
 * What the library answers by itself (a request that makes no sense, or is too large) it tells
 * nobody but its log.
 */
static void on_message(void *userdata, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));
static void on_message(void *userdata, const char *format, va_list arguments)
{
	struct http *http = userdata;
	unsigned int status;
	const char *code;
	char line[256];

	vsnprintf(line, sizeof(line), format, arguments);
	code = strstr(line, "HTTP response code is ");
	if (!code || sscanf(code, "HTTP response code is %u", &status) != 1)
		return;
	if (status == MHD_HTTP_CONTENT_TOO_LARGE || status == MHD_HTTP_URI_TOO_LONG ||
	    status == MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE)
		http->counters.too_large++;
	else
		http->counters.malformed++;
}

static int http_start(struct http *http)
{
	const union MHD_DaemonInfo *info;
	int r;

	/* The logger first: it hears what the others have to say. */
	http->server =
		MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG |
					 MHD_ALLOW_SUSPEND_RESUME,
				 0, NULL, NULL, http_on_request, http, MHD_OPTION_EXTERNAL_LOGGER,
				 on_message, http, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
				 http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
				 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
				 MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (!http->server)
		return -ENOMEM;
	info = MHD_get_daemon_info(http->server, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -EOPNOTSUPP;
	r = sd_event_add_io(http->event, &http->io, info->epoll_fd, EPOLLIN, on_io, http);
	if (r < 0)
		return r;
	r = sd_event_add_time(http->event, &http->timer, CLOCK_MONOTONIC, UINT64_MAX,
			      TIMER_ACCURACY_USEC, on_timer, http);
	return r < 0 ? r : sd_event_source_set_enabled(http->timer, SD_EVENT_OFF);
}

int http_new(sd_event *event, const struct http_limits *limits, http_answer_fn answer,
	     void *userdata, struct http **ret)
{
	struct http *http = calloc(1, sizeof(*http));
	int r;

	if (!http)
		return -ENOMEM;
	http->event = sd_event_ref(event);
	http->limits = *limits;
	if (http->limits.connections > HTTP_CONNECTIONS_MAX)
		http->limits.connections = HTTP_CONNECTIONS_MAX;
	http->answer = answer;
	http->userdata = userdata;
	if (gethostname(http->host, sizeof(http->host) - 1) < 0)
		http->host[0] = '\0';
	r = http_start(http);
	if (r < 0) {
		http_free(http);
		return r;
	}
	*ret = http;
	return 0;
}

struct http *http_free(struct http *http)
{
	if (!http)
		return NULL;
	while (http->listeners)
		http_remove_listener(http, http->listeners->listener);
	sd_event_source_disable_unref(http->io);
	sd_event_source_disable_unref(http->timer);
	/* the library wants no suspended connection at its end */
	for (unsigned int i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		if (http->connections[i])
			connection_resume(http->connections[i]);
	if (http->server)
		MHD_stop_daemon(http->server);
	for (unsigned int i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		free(http->connections[i]);
	sd_event_unref(http->event);
	free(http);
	return NULL;
}

const struct http_counters *http_counters(const struct http *http)
{
	return &http->counters;
}
