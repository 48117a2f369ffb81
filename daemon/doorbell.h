/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An endpoint doorbell: an interrupt whose message another host was told. */
#ifndef CXLIRQD_DOORBELL_H
#define CXLIRQD_DOORBELL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include <cxlirqd/record.h>

#include "vector.h"

enum doorbell_type { DOORBELL_MSI, DOORBELL_EMBEDDED, DOORBELL_PLATFORM };

/* What happened to a doorbell (CHANGE_DOORBELL) */
enum doorbell_event {
	DOORBELL_ALLOCATED,
	DOORBELL_REFUSED,
	DOORBELL_REQUESTED,
	DOORBELL_PUBLISHED,
	DOORBELL_CHANGED, /* another message stands than did */
	DOORBELL_DROPPED, /* a message that the function's copy did not take */
	DOORBELL_FREED,
	DOORBELL_STALE /* freed before, its mapping has ended now or lasts */
};

struct doorbell_key {
	uint64_t owner; /* pci_epf; DOORBELL_PLATFORM: irq_desc */
	uint32_t index; /* ~0: a refused allocation */
	uint32_t platform;
};

struct doorbell {
	struct doorbell_key key;
	uint64_t epc;
	uint32_t func;
	enum doorbell_type type;
	char epc_name[64], epf_name[64];
	char driver[32];
	char provider[64];
	uint32_t irq;
	int32_t fixed_bar; /* that exposes it whatever happens, -1 = none */
	int error; /* errno of a refused allocation */
	uint32_t asked; /* doorbells, of a refused allocation */

	bool requested, published, freed, refused;
	bool told; /* clients know of it, or it was there first */
	bool walked; /* known from a walk, no record told of its allocation */
	struct record_msg message; /* now */
	struct record_msg reference; /* as it was set up, and then published */
	struct record_msg copy; /* a message that was not taken */
	struct record_msg seen; /* the function's copy, as this walk found it */
	uint32_t copy_state; /* enum record_doorbell_copy */
	uint64_t parent; /* key of the MSI parent domain, while it lives */
	int32_t bar; /* that maps it, -1 = none */
	uint64_t published_ns, freed_ns;
	uint64_t stale_ns; /* how long the mapping outlived it */
	bool stale_told, stale_over; /* a rule was told that it lasts; it has ended */
	struct cause freed_by;
	bool early, violated;
	uint64_t message_changes;
	uint64_t walk; /* that it was seen in, or freed in */
	UT_hash_handle hh;
};

/* Doorbell of the interrupt, NULL = it is none. Embedded ones share theirs: the first. Borrowed. */
const struct doorbell *model_doorbell(const struct model *model, uint32_t irq);

/* All, in no order; hh.next is the next one. Borrowed. */
const struct doorbell *model_doorbells(const struct model *model);

/* "safe", "at-risk" or "violated". Static string. */
const char *doorbell_verdict(const struct model *model, const struct doorbell *doorbell);

/* "taken", "no-table", ... Static string. */
const char *doorbell_copy_name(uint32_t copy);
/* "allocated", "requested", "published", "freed", "refused". Static string. */
const char *doorbell_state(const struct doorbell *doorbell);
const char *doorbell_type_name(const struct doorbell *doorbell);

/* The fields that a "doorbell" event adds. */
void doorbell_event_to_json(const struct model *model, const struct doorbell *doorbell,
			    enum doorbell_event event, json_t **object);

#endif
