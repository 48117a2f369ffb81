/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON values in the words that people read.
 *
 * Each function takes a value, which may be NULL or of any type, and the name of a member that it
 * may or may not need. It returns a string that the caller frees, or NULL when there is nothing to
 * say (null, an empty list, or no memory).
 */
#ifndef CXLIRQCTL_TEXT_H
#define CXLIRQCTL_TEXT_H

#include <jansson.h>

typedef char *(*text_fn)(const json_t *value, const char *member);

/*
 * What @text makes of it; *@ret is NULL when that is nothing. -ENOMEM: not for want of words, but of
 * memory, for all of it or for a part.
 */
int text_make(text_fn text, const json_t *value, const char *member, char **ret);

/*
 * Strings and numbers as they are, booleans as yes and no. With @member, that member of an object
 * instead, or of each object of a list: one a line, "-" for null. Lists else: joined by commas.
 */
char *text_plain(const json_t *value, const char *member);

char *text_lines(const json_t *value, const char *member); /* a list, one element a line */
char *text_size(const json_t *value, const char *member); /* "3 entries", "1 field" */
char *text_counts(const json_t *value, const char *member); /* [{@member, count}]: "a 3, b 1" */
char *text_results(const json_t *value, const char *member); /* features with result @member */
char *text_message(const json_t *value, const char *member); /* "address/data" */
char *text_target(const json_t *value, const char *member); /* "cpu/vector" */
char *text_span(const json_t *value, const char *member); /* "min..max" */
char *text_time(const json_t *value, const char *member); /* local, with microseconds */
char *text_duration(const json_t *value, const char *member); /* of microseconds: "1.5 ms" */
char *text_errno(const json_t *value, const char *member); /* as strerror() says; 0: nothing */
char *text_cause(const json_t *value, const char *member); /* "kind by comm[pid] uid 0" */
char *text_cause_lines(const json_t *value, const char *member); /* the same, a line for who */
char *text_store(const json_t *value, const char *member); /* "off: reason", "ok, 5 written" */
char *text_folded(const json_t *value, const char *member); /* in lines of @member characters */
char *text_domain(const json_t *value, const char *member); /* an id, or "name (id 3, token)" */
char *text_online(const json_t *value, const char *member); /* "online" or "offline" */
char *text_flag(const json_t *value, const char *member); /* @member, if it is true */

#endif
