/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An event as a line: what "events" and "history" show. */
#ifndef CXLIRQCTL_EVENT_H
#define CXLIRQCTL_EVENT_H

#include <jansson.h>

#include "writer.h"

/* The type at this place of all those that this program knows; NULL: there are no more. */
const char *event_type(size_t at);

struct event_printer {
	const char *verb; /* that says what is missing */
	const struct options *options;
	struct writer *writer;
};

/*
 * For client_stream(): prints the event of a reply; a reply without one may tell what is missing,
 * which goes to stderr. @userdata is a struct event_printer.
 */
int event_print(const json_t *reply, void *userdata);

#endif
