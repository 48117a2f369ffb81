/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of explanations: only explain*.c see this. */
#ifndef CXLIRQD_EXPLAIN_PRIVATE_H
#define CXLIRQD_EXPLAIN_PRIVATE_H

#include "explain.h"

#include <string.h>

struct explanation {
	const struct model *model;
	json_t *domains, *doorbells, *violations; /* violations: the open ones */
	json_t *text, *advice;
	bool advised[RULE_MAX];
	bool failed; /* no memory */
};

/* One more sentence, for e->text or e->advice */
__attribute__((format(printf, 3, 4))) void say(struct explanation *e, json_t *to,
					       const char *format, ...);

/* A member that is a text; NULL: it is not there, or null. */
static inline const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static inline long long number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static inline bool has(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return value && !json_is_null(value);
}

static inline bool is(const json_t *object, const char *key, const char *text)
{
	return !strcmp(text_of(object, key) ?: "", text);
}

/* " in words @before and @after", or nothing: for the optional part of a sentence */
#define PART(text, before, after) (text) ? (before) : "", (text) ?: "", (text) ? (after) : ""
#define PLURAL(n) ((n) == 1 ? "" : "s")

/*
 * Texts that the caller frees. NULL: unknown, or there was no memory: then there will be no
 * explanation, for one without them would say something else.
 */
char *compose(struct explanation *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "vector 3 of 0000:0d:00.0" */
char *place_text(struct explanation *e, const json_t *vector);
/* "address/data" */
char *message_text(struct explanation *e, const json_t *message);
/* "somebody chose ... (affinity-write by sh[42], uid 0)" */
char *cause_text(struct explanation *e, const json_t *cause);

/* Whether @violation is about the place of @vector */
bool is_at(const json_t *violation, const json_t *vector);
void explain_violations_at(struct explanation *e, const json_t *vector);
/* Those with this text in the member @key. False: there is none. */
bool explain_violations(struct explanation *e, const char *key, const char *text);

void explain_vector(struct explanation *e, const struct vector *v);
void explain_doorbell(struct explanation *e, const json_t *doorbell);
/* False: nobody knows of such a device. */
bool explain_device(struct explanation *e, const char *device);
/* How vectors and handlers of @device came to end in the wrong order. False: none did. */
bool explain_lifetimes(struct explanation *e, const char *device);

#endif
