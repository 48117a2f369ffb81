/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An HTTP server (libmicrohttpd) inside the daemon's loop, for GET and HEAD. What is answered is the
 * owner's business. Non-logging.
 */
#ifndef CXLIRQD_HTTP_H
#define CXLIRQD_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include <cxlirqd/cleanup.h>

#include "listener.h"

struct http;

struct http_limits {
	unsigned int connections; /* at most HTTP_CONNECTIONS_MAX */
	unsigned int of_one_address; /* all of AF_UNIX are one */
	size_t answer_size; /* bytes of one answer, before it is compressed */
	size_t held_size; /* bytes of all answers that have not been read yet */
	uint64_t request_usec; /* from the connection to the end of the first request's header */
	uint64_t answer_usec; /* from there until the answer was read */
	uint64_t idle_usec; /* from there to the end of the next request's header */
};
#define HTTP_CONNECTIONS_MAX 64
#define HTTP_LIMITS_DEFAULT                                                                        \
	((struct http_limits){ HTTP_CONNECTIONS_MAX, 32, 16U << 20, 64U << 20, 10000000, 30000000, \
			       120000000 })

struct http_request {
	const char *path; /* decoded, without the query */
	const char *accept; /* all Accept headers, joined by commas; NULL = none */
	void *connection; /* for http_argument() */
};

/* The value of a parameter of the query, decoded; NULL = there is none. Borrowed. */
const char *http_argument(const struct http_request *request, const char *name);

struct http_answer {
	unsigned int status; /* 0 means 200 */
	const char *type; /* static */
	char *text; /* taken over, freed with free() */
	const char *fixed; /* instead of @text: it is there for ever, and may be kept by others */
	size_t size;
	bool varies; /* another Accept gets something else */
};

/*
 * Fills @ret, or fails: -ENOENT is 404, anything else 503. It is not called again for the fourfold
 * of the time that it took: requests wait, so that they never take more than a fifth of the loop.
 */
typedef int (*http_answer_fn)(const struct http_request *request, struct http_answer *ret,
			      void *userdata);

struct http_counters {
	uint32_t connections; /* now */
	uint64_t accepted;
	uint64_t requests; /* that were answered, with whatever status */
	uint64_t refused_full; /* connections beyond the limit */
	uint64_t refused_address; /* beyond that of their address */
	uint64_t refused_host; /* requests for another host */
	uint64_t too_large; /* requests */
	uint64_t malformed; /* requests */
	uint64_t expired; /* connections that took longer than they may */
	uint64_t waited; /* requests that had to wait for their share of the loop */
	uint64_t failed; /* answers that could not be made, were too large, or found no room */
};

/* Negative errno. */
int http_new(sd_event *event, const struct http_limits *limits, http_answer_fn answer,
	     void *userdata, struct http **ret);
struct http *http_free(struct http *http);
DEFINE_CLEANUP(struct http *, http_free);

/* Serves @listener, which is borrowed, until it is removed. */
int http_add_listener(struct http *http, const struct listener *listener);
/* Connections that came by it stay until they end. */
void http_remove_listener(struct http *http, const struct listener *listener);

const struct http_counters *http_counters(const struct http *http);

#endif
