/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The directory under bpffs in which links, programs and maps outlive the daemon. It holds one set,
 * in a directory of its own that gets its name when it is complete:
 *
 *	set_GENERATION/manifest  map_ring  map_bss  prog_NAME...  link_NAME...
 *
 * Beside it may be the guard's link, which has a life of its own (guard-hook.h).
 *
 * None of the functions logs; where @reason is asked for, it is for people.
 */
#ifndef CXLIRQD_PIN_H
#define CXLIRQD_PIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cxlirqd/cleanup.h>

#include "pin-manifest.h"

#define PIN_REASON_MAX 192

struct pin;

/*
 * Opens @path and keeps other daemons out of it, until pin_free() or the end of this process.
 * -ENOENT: it is not there. -EBUSY: another daemon has it. Anything else: it is nothing to trust or
 * to work with. @reason is set on every error.
 */
int pin_new(const char *path, struct pin **ret, char reason[static PIN_REASON_MAX]);
/* What is pinned stays. Takes NULL, returns NULL. */
struct pin *pin_free(struct pin *pin);
DEFINE_CLEANUP(struct pin *, pin_free);

/* What there was in the directory */
struct pin_found {
	uint64_t generation; /* of the newest complete set, 0 = there is none */
	unsigned int removed; /* sets that were half made, or older */
	unsigned int foreign; /* entries that are none of ours; they stay */
	char foreign_name[64]; /* one of them */
};

/* Looks what is there, and removes all sets but the newest complete one. Negative errno. */
int pin_scan(struct pin *pin, struct pin_found *ret);

/*
 * The manifest of a set. The caller frees *@ret_data, to which *@ret points. Errors of the system,
 * and those of pin_manifest_parse().
 */
int pin_read_manifest(struct pin *pin, uint64_t generation, void **ret_data,
		      struct pin_manifest *ret);

/* A new descriptor of what is pinned as "KIND_NAME" in the set; the caller closes it. */
int pin_get(struct pin *pin, uint64_t generation, const char *kind, const char *name, int *ret_fd);

/* A new set, half made until pin_commit(): pin_put() fills it. Negative errno. */
int pin_begin(struct pin *pin, uint64_t generation);
int pin_put(struct pin *pin, uint64_t generation, const char *kind, const char *name, int fd);
int pin_put_manifest(struct pin *pin, uint64_t generation, const struct pin_manifest *manifest);
int pin_commit(struct pin *pin, uint64_t generation);

/*
 * Removes a set, complete or not: with its links the hooks are gone, if nobody else holds them.
 * -ENOTEMPTY: something in it is none of ours.
 */
int pin_remove(struct pin *pin, uint64_t generation);

/* As it was given: for people */
const char *pin_path(const struct pin *pin);
/* A path that leads there whatever this process has become since; ends with the object */
const char *pin_place(const struct pin *pin);

#endif
