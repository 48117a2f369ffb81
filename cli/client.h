/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon, as the verbs see it: ask a question, get the answer or a sentence that says why not.
 */
#ifndef CXLIRQCTL_CLIENT_H
#define CXLIRQCTL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "verb.h"

/*
 * Calls a method of io.cxlirqd, and returns what the reply holds under @key, an array or an object
 * as @type says, as a new reference. @parameters is taken over; NULL is what a failed json_pack()
 * left. When the answer is an empty list, the daemon's reason for that goes to stderr. Errors have
 * been printed.
 */
int client_call(const struct options *options, const char *method, json_t *parameters,
		const char *key, json_type type, json_t **ret);

/*
 * The same, but the whole reply as a new reference, and nothing printed: @reterr_text as
 * client_stream() has it. @parameters is borrowed.
 */
int client_ask(const struct options *options, const char *method, json_t *parameters, json_t **ret,
	       char **reterr_text);

/* The same, but nothing is waited for any more once @interrupt_fd is readable: -EINTR. */
int client_ask_until(const struct options *options, const char *method, json_t *parameters,
		     int interrupt_fd, json_t **ret, char **reterr_text);

struct client_stream {
	const char *method;
	json_t *parameters; /* borrowed; NULL as above */
	bool endless; /* silence is no failure: --timeout is for the connect alone */
	int interrupt_fd; /* ends the stream when readable; -EBADF: none */
	/* Then asks what to do, if not NULL. True: the stream goes on. */
	bool (*interrupted)(void *userdata);
	/* Takes one reply. > 0: enough. */
	int (*each)(const json_t *parameters, void *userdata);
	void *userdata;
};

/*
 * Follows a stream until it ends, is enough, or is interrupted: 0. On failure, @reterr_text says
 * what failed and why ("THING: reason"), for the caller to print and free; when the failure is that
 * of @each it is left alone, since @each has told the user. -EINVAL: the daemon cannot make sense of
 * what the user has asked for.
 */
int client_stream(const struct options *options, const struct client_stream *stream,
		  char **reterr_text);

#endif
