/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What picture.c (the graph) and the files that draw it know of each other. */
#ifndef CXLIRQD_PICTURE_PRIVATE_H
#define CXLIRQD_PICTURE_PRIVATE_H

#include "picture.h"

#include <stdio.h>
#include <uthash.h>

enum picture_kind { PICTURE_DEVICE, PICTURE_VECTOR, PICTURE_DOMAIN, PICTURE_KINDS };

enum picture_relation {
	PICTURE_OWN,
	PICTURE_BORROWED,
	PICTURE_DELEGATED,
	PICTURE_UNKNOWN,
	PICTURE_PROVIDES, /* the device whose vector it is, if others have the handlers */
	PICTURE_IN, /* vector -> domain */
	PICTURE_PARENT, /* domain -> domain */
	PICTURE_RELATIONS
};

struct picture_node {
	enum picture_kind kind;
	char *id; /* "device:mem0", "vector:51", "domain:3" */
	char *label, *detail; /* detail: may be "" */
	const char *class; /* of its kind: see picture.c; static */
	size_t place; /* among those of its kind */
	size_t group; /* what has to do with one provider stands together; not of domains */
	UT_hash_handle hh;
};

struct picture_edge {
	const struct picture_node *from, *to;
	enum picture_relation relation;
};

struct picture {
	struct picture_node *nodes; /* by id; vectors in the order in which they are shown */
	struct picture_edge *edges;
	size_t n_edges, edges_size;
	size_t n[PICTURE_KINDS], n_groups;
	size_t left_out; /* vectors, because of the limit */
	size_t without_device; /* interrupts that belong to no device that is known */
	char note[160];
};

extern const char *const picture_kinds[PICTURE_KINDS];
extern const char *const picture_relations[PICTURE_RELATIONS];

#endif
