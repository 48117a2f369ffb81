/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What differs between two states (objects of Snapshot). Pure. */
#ifndef CXLIRQCTL_DIFFERENCE_H
#define CXLIRQCTL_DIFFERENCE_H

#include <jansson.h>
#include <stdbool.h>

#define STATE_VERSION 1

/*
 * The differences, as a new array of objects { "kind", "change", "thing", "field", "old", "new" }:
 * change is added, removed or changed; field is null unless it is changed. @all: also counts, and
 * what an administrator sets (affinity). Fields that are missing or of another type than they
 * should be count as null. NULL: no memory.
 */
json_t *difference_find(const json_t *old, const json_t *new, bool all);

#endif
