/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the rules found. A finding is what one rule saw at one moment; findings of one rule about
 * one place (device, index) fold into one violation with a count, which lives until it is
 * forgotten, and is open until it is acknowledged. Non-logging; time is a parameter.
 */
#ifndef CXLIRQD_VIOLATION_H
#define CXLIRQD_VIOLATION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cxlirqd/record.h>

#include "vector.h"

enum severity {
	SEVERITY_NOTICE,
	SEVERITY_WARNING,
	SEVERITY_ERROR,
	SEVERITY_CRITICAL,
	SEVERITY_MAX
};

enum rule_id {
	RULE_DOORBELL_MESSAGE_CHANGED,
	RULE_IMMUTABLE_MESSAGE_CHANGED,
	RULE_DOORBELL_ON_MUTABLE_PARENT,
	RULE_DOORBELL_PUBLISHED_EARLY,
	RULE_DOORBELL_MESSAGE_DROPPED,
	RULE_DOORBELL_STALE_MAPPING,
	RULE_PMU_VECTOR_MISPLACED,
	RULE_VECTOR_ORPHANED,
	RULE_VECTOR_OUTLIVES_PROVIDER,
	RULE_VECTOR_REFUSED,
	RULE_VECTOR_SPACE_LOW,
	RULE_MESSAGE_COLLISION,
	RULE_VECTOR_HIDDEN,
	RULE_MAX
};

/* The fixed words about a rule (rule.c has the table) */
struct rule_text {
	const char *name; /* "doorbell-message-changed" */
	enum severity severity;
	const char *message_id; /* of the journal and its catalog: 32 hex digits */
	const char *summary; /* what it means, one sentence */
	const char *advice; /* what to do, one or two sentences */
};

const struct rule_text *rule_text(enum rule_id rule);
/* RULE_MAX: there is no such rule. */
enum rule_id rule_from_name(const char *name);
/* "critical" and so on. Static string. */
const char *severity_name(enum severity severity);

#define FINDING_TEXT 512

struct finding {
	enum rule_id rule;
	char device[64]; /* the provider */
	bool has_irq, has_index, has_messages;
	uint32_t irq, index;
	unsigned int domain; /* id, 0 = none */
	struct record_msg old_message, new_message;
	struct cause cause; /* not valid: unknown */
	/* a condition that lasts: seen again it is the same hit, not another one */
	bool standing;
	/* it rests on records that did not come: void if some were lost */
	bool from_silence;
	bool doubtful; /* and some were, since what it rests on was told or seen */
	char explanation[FINDING_TEXT]; /* what the rule saw */
};

struct violation {
	uint64_t id; /* never used again, across restarts too when there is a store */
	struct finding finding; /* the last one */
	uint64_t count;
	int64_t first_us, last_us; /* since the epoch */
	bool acknowledged;
};

struct violations;

/* @max: so many are kept; what came when all were open is counted. -ENOMEM. */
int violations_new(size_t max, struct violations **ret);
struct violations *violations_free(struct violations *violations);

/* How a finding changed the table */
enum violation_outcome {
	VIOLATION_REFUSED, /* no place, counted */
	VIOLATION_NEW,
	VIOLATION_AGAIN, /* counted */
	VIOLATION_REOPENED, /* it had been acknowledged */
	VIOLATION_STANDING /* nothing new */
};

/* @ret is borrowed, valid until the next call that changes the table; NULL when refused. */
enum violation_outcome violations_add(struct violations *violations, const struct finding *finding,
				      int64_t now_us, const struct violation **ret);

/* Puts back what a store kept, with its id. False: no place, or its id is taken. */
bool violations_restore(struct violations *violations, const struct violation *violation);

/* Of the place that @finding is about; NULL: there is none. Borrowed as above. */
const struct violation *violations_find(const struct violations *violations,
					const struct finding *finding);
/* Ids from @id on, unless they are beyond it already. */
void violations_begin_ids(struct violations *violations, uint64_t id);
/* Every id, and those to come, is so much larger. */
void violations_shift_ids(struct violations *violations, uint64_t by);
/*
 * The same as violations_restore() for what can be read only now: where its place was found to be
 * violated meanwhile, that was the same violation. @again: so many of these findings it had counted
 * itself.
 */
bool violations_merge(struct violations *violations, const struct violation *violation,
		      uint64_t again);

/* -ENOENT: no such id. 0: it was acknowledged before. 1: done; @ret as above. */
int violations_acknowledge(struct violations *violations, uint64_t id,
			   const struct violation **ret);

struct violation_totals {
	uint64_t refused;
	uint64_t hits[RULE_MAX]; /* of this run */
	uint32_t open[RULE_MAX];
	uint32_t n_open;
};
void violations_totals(const struct violations *violations, struct violation_totals *ret);

/* JSON object of the contract ("violation"); new reference, NULL without memory. */
json_t *violation_to_json(const struct violation *violation);
/* The same as an event: with time_us and type. */
json_t *violation_to_event_json(const struct violation *violation);
/* All, or the open ones, in the order of id. */
json_t *violations_to_json(const struct violations *violations, bool all);

#endif
