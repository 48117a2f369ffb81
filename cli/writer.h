/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How answers reach stdout: tables and trees by libsmartcols, JSON by jansson. A verb hands over
 * the daemon's objects and a table of columns; which of the two it becomes is decided here.
 *
 * Errors (no memory) have been printed. Whether stdout took it all is said once, at the end of the
 * program.
 */
#ifndef CXLIRQCTL_WRITER_H
#define CXLIRQCTL_WRITER_H

#include <jansson.h>
#include <stdbool.h>

#include "cxlirqd/cleanup.h"
#include "text.h"
#include "verb.h"

enum column_flags {
	COLUMN_DEFAULT = 1 << 0, /* shown without -o */
	COLUMN_RIGHT = 1 << 1,
	COLUMN_TREE = 1 << 2, /* carries the tree, if there is one */
};

struct column {
	const char *name; /* the heading, and what -o calls it */
	const char *key; /* the field of a row; NULL: the row itself */
	text_fn text; /* NULL: text_plain */
	const char *member; /* for @text */
	unsigned int flags;
	int width; /* at least; for rows that are printed one by one */
	const char *(*color)(const json_t *value); /* "red", NULL: none; NULL: never */
};

struct writer;

/*
 * @columns ends with a NULL name and outlives the writer, as @options do. -EINVAL: -o names a
 * column that is not there.
 */
int writer_new(const struct column *columns, const struct options *options, struct writer **ret);
struct writer *writer_free(struct writer *writer);
DEFINE_CLEANUP(struct writer *, writer_free);

/*
 * Prints a list of objects, as one JSON array or as a table. With @id and @parent, the names of two
 * fields, the table is a tree: a row hangs below the one whose @id equals its @parent.
 */
int writer_list(struct writer *writer, const json_t *rows, const char *id, const char *parent);

/* Prints one object of a stream, as a line of JSON or of the table, and flushes it. */
int writer_row(struct writer *writer, const json_t *row);

/* Prints one object, as a JSON document or as a table with one row. */
int writer_object(struct writer *writer, const json_t *row);

/* Prints one object as "NAME: text" lines; fields with nothing to say are left out. */
int writer_properties(const struct column *columns, const struct options *options,
		      const json_t *object);

/* Prints a document. */
int writer_json(const json_t *value);

/* Sends on what was just printed, here or past this; of a failure, why is kept for the end. */
void writer_flush(void);
/* An errno: why stdout did not take all of it. 0: it did, or nobody knows why not. */
int writer_error(void);

#endif
