/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device -> vector -> domain as a graph, made from the lists that go over the socket, so that daemon
 * and client draw the same. As graphviz' language, as SVG, as JSON. Pure.
 */
#ifndef CXLIRQD_PICTURE_H
#define CXLIRQD_PICTURE_H

#include <jansson.h>
#include <stddef.h>

#include <cxlirqd/cleanup.h>

struct picture;

/* Arrays of the objects of io.cxlirqd; all are borrowed. */
struct picture_source {
	const json_t *devices, *vectors, *domains;
	/* Vectors that whoever made @vectors left out already */
	size_t vectors_left_out;
};

/*
 * At most @max_vectors, with what belongs to them: those that are not simply their provider's own
 * first, then by how many interrupts they had. The picture says how many it left out. @device: only
 * vectors that it provides or has a handler on, NULL: of all. -ENOMEM.
 */
int picture_new(const struct picture_source *source, const char *device, size_t max_vectors,
		struct picture **ret);
struct picture *picture_free(struct picture *picture);
DEFINE_CLEANUP(struct picture *, picture_free);

/* Vectors that are in it */
size_t picture_vectors(const struct picture *picture);
/* What it left out, in words; "" = nothing. Borrowed. */
const char *picture_note(const struct picture *picture);

/* The caller frees *@ret_text, which ends with a NUL behind @ret_size bytes. -ENOMEM. */
int picture_to_dot(const struct picture *picture, char **ret_text, size_t *ret_size);
int picture_to_svg(const struct picture *picture, char **ret_text, size_t *ret_size);
/*
 * { nodes: [{ id, kind, label, detail, class }], edges: [{ from, to, relation }], left_out,
 * without_device }; new reference, NULL without memory.
 */
json_t *picture_to_json(const struct picture *picture);

#endif
