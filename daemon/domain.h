/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An irq_domain as the model knows it. */
#ifndef CXLIRQD_DOMAIN_H
#define CXLIRQD_DOMAIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include <cxlirqd/record.h>

struct model;

struct domain {
	uint64_t key; /* opaque; the kernel uses an address again at once */
	unsigned int id; /* never used again in one run */
	uint64_t parent; /* key, 0 = none */
	uint32_t flags, bus_token;
	uint64_t hwirq_max;
	char name[64];
	struct record_dev device;
	char chip[48]; /* as its interrupts show it; "" until one was seen */
	unsigned int mapped; /* interrupts that have a place in it; counted when it is told */
	uint64_t affinity_changes, message_changes;
	uint32_t affinity_vectors; /* that the affinity changes were of */
	uint64_t walk; /* snapshot in which it was seen last */
	bool corrected; /* first seen by a snapshot, not confirmed by an event yet */
	UT_hash_handle hh;
};

enum immutability {
	IMMUTABILITY_UNKNOWN,
	IMMUTABILITY_MUTABLE, /* an affinity change has changed a message */
	IMMUTABILITY_OBSERVED, /* many affinity changes, and none has */
	IMMUTABILITY_DECLARED /* IRQ_DOMAIN_FLAG_MSI_IMMUTABLE */
};

enum immutability domain_immutability(const struct model *model, const struct domain *domain);
/* "declared" and so on. Static string. */
const char *immutability_name(enum immutability immutability);

#endif
