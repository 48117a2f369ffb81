/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What http.c (connections and their time) and http-answer.c (requests) know of each other. */
#ifndef CXLIRQD_HTTP_PRIVATE_H
#define CXLIRQD_HTTP_PRIVATE_H

#include "http.h"

#include <microhttpd.h>
#include <netinet/in.h>

#define HTTP_HOST_MAX 256

struct http_connection {
	struct http *http;
	unsigned int slot; /* in http->connections */
	int fd; /* the library's */
	struct in6_addr address; /* of the peer, IPv4 mapped; zeros for AF_UNIX */
	bool local; /* came by a listener that only this machine reaches, and not by a file */
	bool asked; /* a request is being answered */
	bool idle; /* one was, and no other has come */
	bool gone; /* and the library knows by now */
	bool waited; /* it had to */
	struct MHD_Connection *waiting; /* suspended until there is time */
	uint64_t deadline_usec; /* CLOCK_MONOTONIC */
};

struct http_listener {
	struct http_listener *next;
	struct http *http;
	const struct listener *listener;
	sd_event_source *source;
};

struct http {
	sd_event *event;
	struct http_limits limits;
	http_answer_fn answer;
	void *userdata;
	struct MHD_Daemon *server;
	sd_event_source *io, *timer;
	struct http_listener *listeners;
	struct http_connection *connections[HTTP_CONNECTIONS_MAX];
	uint64_t free_usec; /* when the next answer may be made */
	size_t held; /* bytes of answers that are on their way */
	char host[HTTP_HOST_MAX]; /* what this machine is called */
	struct http_counters counters;
};

uint64_t http_now_usec(void);

/* MHD's access handler; @userdata is the struct http. */
enum MHD_Result http_on_request(void *userdata, struct MHD_Connection *connection, const char *url,
				const char *method, const char *version, const char *upload,
				size_t *upload_size, void **request);

#endif
