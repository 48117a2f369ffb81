/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the present driver of a PCI function asked for, and what it was answered: how many vectors,
 * and which interrupt each message number is.
 */
#ifndef CXLIRQD_DEMAND_H
#define CXLIRQD_DEMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include <cxlirqd/record.h>

#include "feature.h"
#include "vector.h"

struct model;

#define DEMANDS_KEPT 8 /* of one function: the newest */
/* Message numbers that callers asked for, of one function: an MSI-X table has 2,048 entries. */
#define ASKS_MAX 4096

enum demand_kind { DEMAND_ANY, DEMAND_MSIX, DEMAND_MSI, DEMAND_INTX, DEMAND_KIND_MAX };

/* include/linux/pci.h; the same in all kernels that are supported */
#define DEMAND_FLAG_INTX 1U
#define DEMAND_FLAG_MSI 2U
#define DEMAND_FLAG_MSIX 4U

/* A driver asked for so many vectors. */
struct demand {
	enum demand_kind kind;
	bool legacy; /* by a call that leaves the pin to the driver as it is */
	uint32_t min, max, flags;
	uint32_t granted;
	int error; /* errno, 0 = granted */
	bool in_probe;
	bool told; /* rules have seen that it was refused for good */
	uint64_t time_ns;
	char caller[48]; /* "" = unknown */
	struct cause cause;
};

/* A driver asked which interrupt a message number is: the last answer to this caller. */
struct ask {
	uint32_t number;
	char caller[48]; /* "" = unknown */
	enum feature feature; /* what asked, by all the callers that are known */
	uint32_t
		nth; /* it was the nth question of this feature, from 1, since vectors were asked for */
	uint32_t irq; /* 0 = refused */
	int error; /* errno */
	int request_error; /* errno: the interrupt was there, a handler on it was refused */
	uint32_t tid;
	bool in_probe, told;
	uint64_t time_ns;
	struct cause cause;
};

/* Of one PCI function */
struct demands {
	char device[64];
	char driver[32]; /* that asked, "" = unknown */
	struct demand last[DEMANDS_KEPT]; /* newest last */
	uint32_t n;
	uint64_t older; /* so many more came before */
	struct ask *asks; /* in the order of number and caller */
	uint32_t n_asks;
	uint32_t asked[FEATURE_MAX]; /* questions since vectors were asked for */

	bool open; /* being answered: vectors that appear now belong to it */
	bool lost; /* records were lost since the last demand began: nobody knows what is open */
	uint32_t open_kind, open_tid;

	uint64_t last_ns; /* the last record */
	bool lasted; /* the driver was still bound a while after it: its probe did not fail */
	bool freed; /* since the last grant a vector was given back */
	bool freed_in_probe; /* ... within the probe itself */
	bool unbound; /* its driver is not bound, and the probe failed */
	uint64_t check_ns; /* when rules look at it, 0 = they have */
	UT_hash_handle hh;
};

/* NULL: its driver asked for nothing since the daemon listens. Borrowed. */
const struct demands *model_demands(const struct model *model, const char *device);

/* The last one that was granted or, if none was, the last. NULL: there is none. */
const struct demand *demands_answer(const struct demands *demands);

/* "any" and so on. Static string. */
const char *demand_kind_name(enum demand_kind kind);

/* Message numbers of a function that have a vector now; empty where nothing was refused */
#define MESSAGES_MAX 2048 /* the most that an MSI-X table has */
struct message_set {
	uint64_t bits[MESSAGES_MAX / 64];
};
void message_set_fill(const struct model *model, const struct demands *demands,
		      struct message_set *ret);

/*
 * Whether a refusal is one for good, and not a step of a driver that then got what it needs or
 * does without as it is meant to: demand-refusal.c tells what decides.
 */
bool demand_is_final(const struct demands *demands, const struct demand *demand);
/* @vectors: those of the same function */
bool ask_is_final(const struct demands *demands, const struct ask *ask,
		  const struct message_set *vectors);

/* What a refusal means for the user. */
#define REFUSAL_TEXT 256
void demand_words(const struct demands *demands, const struct demand *demand,
		  char words[static REFUSAL_TEXT]);
void ask_words(const struct demands *demands, const struct ask *ask,
	       char words[static REFUSAL_TEXT]);

#endif
