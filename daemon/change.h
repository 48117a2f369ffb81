/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What applying a record did to the model, for those who follow it. Pointers are valid during the
 * callback only.
 */
#ifndef CXLIRQD_CHANGE_H
#define CXLIRQD_CHANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <cxlirqd/record.h>

struct model;
struct domain;
struct vector;
struct action;
struct cause;
struct doorbell;
struct demands;
struct demand;
struct ask;

enum change_type {
	CHANGE_DOMAIN_CREATED,
	CHANGE_DOMAIN_REMOVED,
	CHANGE_VECTOR_ALLOCATED,
	CHANGE_VECTOR_FREED,
	CHANGE_HANDLER_REQUESTED,
	CHANGE_HANDLER_FREED,
	CHANGE_DEMAND,
	CHANGE_MESSAGE,
	CHANGE_AFFINITY,
	CHANGE_DOORBELL,
	CHANGE_CPU,
	CHANGE_GAP,
	CHANGE_CORRECTION,
	CHANGE_GUARD_DENIED, /* a write to a protected interrupt's affinity */
	/* from here on no events: nothing happened, but rules look at it */
	CHANGE_CHECK, /* at @vector, quiet for a while */
	CHANGE_CHECK_DEMAND, /* at a refused @demand or @ask of @demands, quiet for a while */
	CHANGE_CHECK_SPACE, /* at the vector space, just told */
	CHANGE_TYPE_MAX
};

struct change {
	enum change_type type;
	uint64_t time_ns; /* as the record had it */
	const struct domain *domain;
	const struct vector *vector;
	const struct action *action;
	const struct doorbell *doorbell;
	unsigned int doorbell_event; /* CHANGE_DOORBELL: enum doorbell_event */
	const struct cause *cause;
	struct record_msg old_message, new_message; /* CHANGE_MESSAGE */
	const uint64_t *old_mask,
		*old_effective; /* CHANGE_AFFINITY: the new ones are the vector's */
	bool pending;
	int error; /* CHANGE_DEMAND: errno of a refusal */
	/*
	 * CHANGE_DEMAND: @demand and its answer; or an @ask that was refused; or with @vector a
	 * request of a handler that was refused, and @ask if the driver had asked for that vector.
	 */
	const struct demands *demands;
	const struct demand *demand;
	const struct ask *ask;
	uint32_t cpu, online; /* CHANGE_CPU */
	/* CHANGE_GUARD_DENIED: RECORD_GUARD_DEFAULT, or one whose @vector may be unknown */
	uint32_t irq;
	bool denied; /* false: it went on, for the guard only audits */
	uint64_t count; /* CHANGE_GAP */
	bool reconciled; /* no record told of it: a walk found the difference */
	const char *reason; /* CHANGE_GAP: reason, CHANGE_CORRECTION: kind */
};

/* "vector-allocated" and so on; NULL: it is no event. Static string. */
const char *change_name(enum change_type type);

/* "affinity-write" and so on. Static string. */
const char *cause_kind(const struct cause *cause);
/* JSON object of the contract ("cause"); NULL or not valid: unknown. New reference. */
json_t *cause_to_json(const struct cause *cause);

/* JSON object of the contract ("event"); new reference, NULL without memory. */
json_t *change_to_json(const struct model *model, const struct change *change);

#endif
