/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a set of pinned programs is: whose object it was loaded from, with which knobs, which hooks
 * it has, and why it has not the others. The next daemon believes it instead of looking again.
 */
#ifndef CXLIRQD_PIN_MANIFEST_H
#define CXLIRQD_PIN_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIN_MANIFEST_MAGIC "CXLIRQP\n"
#define PIN_MANIFEST_VERSION 1U
#define PIN_HOOKS_MAX 256U
#define PIN_NAMES_MAX 1024U

/* What programs are loaded with: another value, and they are other programs. */
struct pin_knobs {
	uint64_t ring_size;
	uint32_t mask_words, mask_bytes;
	uint32_t n_cpus, record_version;
};

struct pin_hook {
	char program[64]; /* also a part of the file's name */
	char section[64];
	char reason[128]; /* "" while attached */
	uint32_t attached, reserved;
};

struct pin_name {
	uint32_t kind, value; /* enum record_name_kind */
	char name[40];
};

/* As it lies in its map; hooks follow, then names. */
struct pin_manifest_header {
	char magic[8];
	uint32_t version, size;
	uint64_t generation; /* which set of programs this is: never twice */
	uint64_t object; /* pin_manifest_hash() of what was loaded */
	struct pin_knobs knobs;
	uint64_t created_ns; /* CLOCK_BOOTTIME: from then on nothing was missed */
	uint64_t secret[2]; /* of the keys: in other programs equal keys must stay equal */
	uint32_t bss_size;
	uint32_t lost_offset, n_lost; /* in there: counters of 64 bits, records lost by type */
	uint32_t n_hooks, n_names, reserved;
};

struct pin_manifest {
	struct pin_manifest_header header;
	const struct pin_hook *hooks;
	const struct pin_name *names;
};

/* FNV-1a */
uint64_t pin_manifest_hash(const void *data, size_t size);

/*
 * Checks @size bytes at @data (8-byte aligned), to which *@ret points then. Pure.
 * -EBADMSG: it is none, or damaged. -EPROTONOSUPPORT: of another version.
 */
int pin_manifest_parse(const void *data, size_t size, struct pin_manifest *ret);

/*
 * The bytes of a manifest: @manifest with magic, version and size filled in. The caller frees
 * *@ret_data. -ENOMEM; -E2BIG: more hooks or names than there may be.
 */
int pin_manifest_format(const struct pin_manifest *manifest, void **ret_data, size_t *ret_size);

/* The same programs would be loaded: no need to. */
bool pin_manifest_fits(const struct pin_manifest *manifest, uint64_t object,
		       const struct pin_knobs *knobs);

#endif
