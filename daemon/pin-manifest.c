// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The manifest comes from a directory that only this user can write to; it is checked all the same,
 * for another version, or somebody with bpftool, may have been there.
 */
#include "pin-manifest.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct pin_manifest_header) == 104, "the manifest's layout");
_Static_assert(sizeof(struct pin_hook) == 264, "the manifest's layout");
_Static_assert(sizeof(struct pin_name) == 48, "the manifest's layout");

uint64_t pin_manifest_hash(const void *data, size_t size)
{
	const unsigned char *bytes = data;
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
	return hash;
}

static bool is_text(const char *text, size_t size)
{
	return memchr(text, 0, size);
}

/* A name becomes a part of a path. */
static bool is_identifier(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if (!isascii(*text) || (!isalnum((unsigned char)*text) && *text != '_'))
			return false;
	return true;
}

static bool is_hook(const struct pin_hook *hook)
{
	return is_text(hook->program, sizeof(hook->program)) && is_identifier(hook->program) &&
	       is_text(hook->section, sizeof(hook->section)) &&
	       is_text(hook->reason, sizeof(hook->reason)) && hook->attached <= 1;
}

static size_t size_of(const struct pin_manifest_header *header)
{
	return sizeof(*header) + header->n_hooks * sizeof(struct pin_hook) +
	       header->n_names * sizeof(struct pin_name);
}

int pin_manifest_parse(const void *data, size_t size, struct pin_manifest *ret)
{
	const struct pin_manifest_header *header = data;
	struct pin_manifest manifest;

	if ((uintptr_t)data % 8 || size < sizeof(*header) ||
	    memcmp(header->magic, PIN_MANIFEST_MAGIC, sizeof(header->magic)))
		return -EBADMSG;
	if (header->version != PIN_MANIFEST_VERSION)
		return -EPROTONOSUPPORT;
	if (header->n_hooks > PIN_HOOKS_MAX || header->n_names > PIN_NAMES_MAX ||
	    header->size != size_of(header) || header->size > size)
		return -EBADMSG;
	if (header->n_lost > header->bss_size / 8 || header->lost_offset % 8 ||
	    header->lost_offset > header->bss_size - header->n_lost * 8)
		return -EBADMSG;
	manifest.header = *header;
	manifest.hooks = (const void *)(header + 1);
	manifest.names = (const void *)(manifest.hooks + header->n_hooks);
	for (uint32_t i = 0; i < header->n_hooks; i++)
		if (!is_hook(&manifest.hooks[i]))
			return -EBADMSG;
	for (uint32_t i = 0; i < header->n_names; i++)
		if (!is_text(manifest.names[i].name, sizeof(manifest.names[i].name)))
			return -EBADMSG;
	*ret = manifest;
	return 0;
}

int pin_manifest_format(const struct pin_manifest *manifest, void **ret_data, size_t *ret_size)
{
	struct pin_manifest_header *header;
	size_t size;

	if (manifest->header.n_hooks > PIN_HOOKS_MAX || manifest->header.n_names > PIN_NAMES_MAX)
		return -E2BIG;
	size = size_of(&manifest->header);
	header = calloc(1, size);
	if (!header)
		return -ENOMEM;
	*header = manifest->header;
	memcpy(header->magic, PIN_MANIFEST_MAGIC, sizeof(header->magic));
	header->version = PIN_MANIFEST_VERSION;
	header->size = (uint32_t)size;
	if (header->n_hooks)
		memcpy(header + 1, manifest->hooks, header->n_hooks * sizeof(*manifest->hooks));
	if (header->n_names)
		memcpy((char *)(header + 1) + header->n_hooks * sizeof(*manifest->hooks),
		       manifest->names, header->n_names * sizeof(*manifest->names));
	*ret_data = header;
	*ret_size = size;
	return 0;
}

bool pin_manifest_fits(const struct pin_manifest *manifest, uint64_t object,
		       const struct pin_knobs *knobs)
{
	return manifest->header.object == object &&
	       !memcmp(&manifest->header.knobs, knobs, sizeof(*knobs));
}
