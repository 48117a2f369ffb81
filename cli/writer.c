// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Columns are a table, so that the default view, -o, its error message and the choice of fields for
 * JSON cannot disagree. libsmartcols does widths, trees, and makes control characters harmless: the
 * name of a process may hold anything.
 */
#include "writer.h"

#include <err.h>
#include <errno.h>
#include <libsmartcols.h>
#include <string.h>

#include "cxlirqd/json.h"
#include "pager.h"

#define COLUMNS_MAX 64

struct writer {
	const struct options *options;
	const struct column *columns[COLUMNS_MAX]; /* shown, in this order */
	size_t n_columns;
	struct libscols_table *table; /* made when the first row comes */
};

DEFINE_CLEANUP(struct libscols_table *, scols_unref_table);

static int error; /* why stdout did not take something, for the first time */

void writer_flush(void)
{
	int failed = ferror(stdout) ? errno : 0; /* whoever printed has just seen it */

	if (fflush(stdout) != 0 && !failed)
		failed = errno;
	error = error ?: failed;
}

int writer_error(void)
{
	return error;
}

/* -EINVAL has been explained where it arose. */
static int told(int r)
{
	writer_flush();
	if (r < 0 && r != -EINVAL)
		warnx("standard output: %s", strerror(-r));
	return r;
}

static int writer_show(struct writer *writer, const struct column *column)
{
	if (writer->n_columns == COLUMNS_MAX)
		return -E2BIG;
	writer->columns[writer->n_columns++] = column;
	return 0;
}

static int show_defaults(struct writer *writer, const struct column *columns)
{
	int r = 0;

	for (; columns->name && r == 0; columns++)
		if (columns->flags & COLUMN_DEFAULT)
			r = writer_show(writer, columns);
	return r;
}

static void warn_unknown(const char *name, const struct column *columns)
{
	_cleanup_free_ char *valid = NULL;
	char *longer;

	for (; columns->name; columns++) {
		if (asprintf(&longer, "%s%s%s", valid ?: "", valid ? "," : "", columns->name) < 0)
			return;
		free(valid);
		valid = longer;
	}
	warnx("%s: unknown column, valid are %s", name, valid);
}

/* "+A,B" is what is shown anyway, and A and B. */
static int show_chosen(struct writer *writer, const struct column *columns, const char *chosen)
{
	_cleanup_free_ char *copy = strdup(chosen);
	const struct column *column;
	char *rest = copy, *name;
	int r = 0;

	if (!copy)
		return -ENOMEM;
	if (*rest == '+') {
		rest++;
		r = show_defaults(writer, columns);
	}
	while (r == 0 && (name = strsep(&rest, ","))) {
		for (column = columns; column->name; column++)
			if (strcasecmp(column->name, name) == 0)
				break;
		if (!column->name) {
			warn_unknown(name, columns);
			return -EINVAL;
		}
		r = writer_show(writer, column);
	}
	return r;
}

static int add_column(struct libscols_table *table, const struct column *column, bool tree)
{
	int flags = SCOLS_FL_WRAP;
	struct libscols_column *cl;

	if (column->flags & COLUMN_RIGHT)
		flags |= SCOLS_FL_RIGHT;
	if (tree && (column->flags & COLUMN_TREE))
		flags |= SCOLS_FL_TREE;
	/* Without it, libsmartcols forgets the width where a cell is shorter than the heading. */
	if (column->width > 0)
		flags |= SCOLS_FL_STRICTWIDTH;
	cl = scols_table_new_column(table, column->name, column->width, flags);
	if (!cl)
		return -ENOMEM;
	/* A cell breaks where its text does: one owner a line. */
	scols_column_set_safechars(cl, "\n");
	return scols_column_set_wrapfunc(cl, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL);
}

static int make_table(struct writer *writer, bool tree)
{
	_cleanup_(scols_unref_tablep) struct libscols_table *table = scols_new_table();
	size_t i;
	int r;

	if (!table)
		return -ENOMEM;
	scols_table_enable_noheadings(table, writer->options->noheadings);
	scols_table_enable_colors(table, writer->options->color);
	for (i = 0; i < writer->n_columns; i++) {
		r = add_column(table, writer->columns[i], tree);
		if (r < 0)
			return r;
	}
	writer->table = TAKE_PTR(table);
	return 0;
}

int writer_new(const struct column *columns, const struct options *options, struct writer **ret)
{
	_cleanup_(writer_freep) struct writer *writer = calloc(1, sizeof(*writer));
	int r;

	if (!writer)
		return told(-ENOMEM);
	writer->options = options;
	if (options->output)
		r = show_chosen(writer, columns, options->output);
	else
		r = show_defaults(writer, columns);
	if (r < 0)
		return told(r);
	*ret = TAKE_PTR(writer);
	return 0;
}

struct writer *writer_free(struct writer *writer)
{
	if (!writer)
		return NULL;
	scols_unref_table(writer->table);
	free(writer);
	return NULL;
}

static const json_t *value_of(const json_t *row, const struct column *column)
{
	return column->key ? json_object_get(row, column->key) : row;
}

static int set_cell(struct libscols_line *line, size_t n, const struct column *column,
		    const json_t *row)
{
	const json_t *value = value_of(row, column);
	const char *color;
	char *data;
	int r = text_make(column->text ?: text_plain, value, column->member, &data);

	if (r < 0)
		return r;
	data = data ?: strdup("-");
	if (!data)
		return -ENOMEM;
	r = scols_line_refer_data(line, n, data);
	if (r < 0) {
		free(data);
		return r;
	}
	color = column->color ? column->color(value) : NULL;
	return color ? scols_cell_set_color(scols_line_get_cell(line, n), color) : 0;
}

static int add_line(struct writer *writer, const json_t *row)
{
	struct libscols_line *line = scols_table_new_line(writer->table, NULL);
	size_t i;
	int r;

	if (!line)
		return -ENOMEM;
	for (i = 0; i < writer->n_columns; i++) {
		r = set_cell(line, i, writer->columns[i], row);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The row's position, or -1. */
static ssize_t find_row(const json_t *rows, const char *key, const json_t *wanted)
{
	size_t i;

	if (!wanted || json_is_null(wanted))
		return -1;
	for (i = 0; i < json_array_size(rows); i++)
		if (json_equal(json_object_get(json_array_get(rows, i), key), wanted))
			return (ssize_t)i;
	return -1;
}

/* A line that would become its own ancestor would never be printed: it stays a root. */
static bool is_ancestor(struct libscols_line *line, struct libscols_line *of)
{
	for (; of; of = scols_line_get_parent(of))
		if (of == line)
			return true;
	return false;
}

static int grow_tree(struct writer *writer, const json_t *rows, const char *id, const char *parent)
{
	struct libscols_line *line, *above;
	ssize_t at;
	size_t i;
	int r;

	for (i = 0; i < json_array_size(rows); i++) {
		at = find_row(rows, id, json_object_get(json_array_get(rows, i), parent));
		if (at < 0)
			continue;
		line = scols_table_get_line(writer->table, i);
		above = scols_table_get_line(writer->table, (size_t)at);
		if (is_ancestor(line, above))
			continue;
		r = scols_line_add_child(above, line);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The row, or with -o only the fields that its columns show. A new reference. */
static json_t *chosen_fields(const struct writer *writer, const json_t *row)
{
	json_t *chosen;
	const char *key;
	size_t i;

	if (!writer->options->output)
		return json_incref((json_t *)row);
	chosen = json_object();
	for (i = 0; chosen && i < writer->n_columns; i++) {
		key = writer->columns[i]->key;
		if (key && json_object_get(row, key))
			json_put(&chosen, key, json_incref(json_object_get(row, key)));
	}
	return chosen;
}

static int list_json(const struct writer *writer, const json_t *rows)
{
	json_auto_t *list = json_array();
	json_t *row;
	size_t i;

	for (i = 0; i < json_array_size(rows); i++) {
		row = chosen_fields(writer, json_array_get(rows, i));
		if (json_array_append_new(list, row) < 0)
			return told(-ENOMEM);
	}
	return writer_json(list);
}

static int list_table(struct writer *writer, const json_t *rows, const char *id, const char *parent)
{
	size_t i;
	int r;

	r = make_table(writer, id && parent);
	for (i = 0; r == 0 && i < json_array_size(rows); i++)
		r = add_line(writer, json_array_get(rows, i));
	if (r == 0 && id && parent)
		r = grow_tree(writer, rows, id, parent);
	return r < 0 ? r : scols_print_table(writer->table);
}

int writer_list(struct writer *writer, const json_t *rows, const char *id, const char *parent)
{
	pager_open(writer->options);
	return writer->options->json ? list_json(writer, rows) :
				       told(list_table(writer, rows, id, parent));
}

static int print_row(struct writer *writer, const json_t *row)
{
	int r;

	if (!writer->table) {
		r = make_table(writer, false);
		if (r < 0)
			return r;
	}
	r = add_line(writer, row);
	if (r == 0)
		r = scols_print_table(writer->table);
	if (r < 0)
		return r;
	/* The heading belongs above the first row only. */
	scols_table_remove_lines(writer->table);
	scols_table_enable_noheadings(writer->table, 1);
	return 0;
}

int writer_row(struct writer *writer, const json_t *row)
{
	json_auto_t *chosen = NULL;
	int r = 0;

	if (!writer->options->json) {
		r = print_row(writer, row);
	} else {
		chosen = chosen_fields(writer, row);
		if (!chosen || (json_dumpf(chosen, stdout, JSON_COMPACT) < 0 && !ferror(stdout)))
			r = -ENOMEM;
		putchar('\n');
	}
	return told(r);
}

int writer_object(struct writer *writer, const json_t *row)
{
	json_auto_t *chosen = NULL;

	if (!writer->options->json)
		return told(print_row(writer, row));
	chosen = chosen_fields(writer, row);
	return writer_json(chosen);
}

static int add_property(struct libscols_table *table, const struct column *column,
			const json_t *object)
{
	const json_t *value = value_of(object, column);
	const char *color = column->color ? column->color(value) : NULL;
	_cleanup_free_ char *label = NULL;
	_cleanup_free_ char *data = NULL;
	struct libscols_line *line;
	int r = text_make(column->text ?: text_plain, value, column->member, &data);

	if (r < 0 || !data)
		return r;
	if (asprintf(&label, "%s:", column->name) < 0)
		return -ENOMEM;
	line = scols_table_new_line(table, NULL);
	if (!line)
		return -ENOMEM;
	r = scols_line_set_data(line, 0, label);
	if (r == 0)
		r = scols_line_set_data(line, 1, data);
	if (r == 0 && color)
		r = scols_cell_set_color(scols_line_get_cell(line, 1), color);
	return r;
}

static int print_properties(const struct column *columns, const struct options *options,
			    const json_t *object)
{
	static const struct column pair[] = {
		{ .name = "NAME", .flags = COLUMN_RIGHT },
		{ .name = "VALUE" },
	};
	_cleanup_(scols_unref_tablep) struct libscols_table *table = scols_new_table();
	int r;

	if (!table)
		return -ENOMEM;
	scols_table_enable_noheadings(table, 1);
	scols_table_enable_colors(table, options->color);
	r = add_column(table, &pair[0], false);
	if (r == 0)
		r = add_column(table, &pair[1], false);
	for (; r == 0 && columns->name; columns++)
		r = add_property(table, columns, object);
	return r < 0 ? r : scols_print_table(table);
}

int writer_properties(const struct column *columns, const struct options *options,
		      const json_t *object)
{
	pager_open(options);
	return told(print_properties(columns, options, object));
}

int writer_json(const json_t *value)
{
	if (json_dumpf(value, stdout, JSON_INDENT(2)) < 0 && !ferror(stdout))
		return told(-ENOMEM);
	putchar('\n');
	return told(0);
}
