// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The two tables of top as tables of columns: what a cell says, how rows are ordered by it, and
 * what goes when the terminal is narrow. Nothing here knows of a terminal.
 */
#include "top-private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANK_MAX 8

/* ---- Cells ------------------------------------------------------------------------------------- */

/* What has a handler but is no device is known by the handler's name. */
static const char *device_cell(const struct top_row *row, char buffer[static 32])
{
	if (row->device)
		return row->device;
	if (!row->action)
		return "(nobody)";
	snprintf(buffer, 32, "[%.29s]", row->action);
	return buffer;
}

static const char *provider_cell(const struct top_row *row, char buffer[static 32])
{
	(void)buffer;
	return row->provider ?: "";
}

static const char *driver_cell(const struct top_row *row, char buffer[static 32])
{
	(void)buffer;
	return row->driver ?: "";
}

static const char *relation_cell(const struct top_row *row, char buffer[static 32])
{
	(void)buffer;
	return row->relation ?: "";
}

static const char *action_cell(const struct top_row *row, char buffer[static 32])
{
	(void)buffer;
	return row->action ?: row->state ?: "";
}

static const char *cpu_cell(const struct top_row *row, char buffer[static 32])
{
	(void)buffer;
	return row->cpu ?: "";
}

static const char *number_cell(uint64_t number, char buffer[static 32])
{
	snprintf(buffer, 32, "%llu", (unsigned long long)number);
	return buffer;
}

static const char *irq_cell(const struct top_row *row, char buffer[static 32])
{
	return row->irq < 0 ? "" : number_cell((uint64_t)row->irq, buffer);
}

static const char *index_cell(const struct top_row *row, char buffer[static 32])
{
	return row->index < 0 ? "" : number_cell((uint64_t)row->index, buffer);
}

static const char *vectors_cell(const struct top_row *row, char buffer[static 32])
{
	return number_cell(row->vectors, buffer);
}

/* "-": one answer is not enough to tell a rate */
static const char *rate_cell(const struct top_row *row, char buffer[static 32])
{
	if (row->rate < 0)
		return "-";
	snprintf(buffer, 32,
		 row->rate >= 1e8 ? "%.2e" :
		 row->rate < 1e5  ? "%.1f" :
				    "%.0f",
		 row->rate);
	return buffer;
}

static const char *message_cell(const struct top_row *row, char buffer[static 32])
{
	return number_cell(row->message_changes, buffer);
}

static const char *affinity_cell(const struct top_row *row, char buffer[static 32])
{
	return number_cell(row->affinity_changes, buffer);
}

static const char *violations_cell(const struct top_row *row, char buffer[static 32])
{
	return number_cell(row->violations, buffer);
}

/* ---- Order ------------------------------------------------------------------------------------- */

/* Names upwards, those that have none last */
static int by_text(const char *a, const char *b)
{
	if (!a || !*a || !b || !*b)
		return !(a && *a) - !(b && *b);
	return strverscmp(a, b);
}

static int by_device(const struct top_row *a, const struct top_row *b)
{
	return by_text(a->device, b->device) ?: by_text(a->action, b->action);
}

static int by_provider(const struct top_row *a, const struct top_row *b)
{
	return by_text(a->provider, b->provider);
}

static int by_driver(const struct top_row *a, const struct top_row *b)
{
	return by_text(a->driver, b->driver);
}

static int by_relation(const struct top_row *a, const struct top_row *b)
{
	return by_text(a->relation, b->relation);
}

static int by_action(const struct top_row *a, const struct top_row *b)
{
	return by_text(a->action, b->action);
}

static int by_cpu(const struct top_row *a, const struct top_row *b)
{
	return by_text(a->cpu, b->cpu);
}

/* Numbers downwards: who looks at top wants to see the most of it */
static int by_count(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static int by_irq(const struct top_row *a, const struct top_row *b)
{
	return (a->irq > b->irq) - (a->irq < b->irq);
}

static int by_index(const struct top_row *a, const struct top_row *b)
{
	return (a->index > b->index) - (a->index < b->index);
}

static int by_vectors(const struct top_row *a, const struct top_row *b)
{
	return by_count(a->vectors, b->vectors);
}

static int by_rate(const struct top_row *a, const struct top_row *b)
{
	return ((a->rate < b->rate) - (a->rate > b->rate)) ?:
							     by_count(a->interrupts, b->interrupts);
}

static int by_message(const struct top_row *a, const struct top_row *b)
{
	return by_count(a->message_changes, b->message_changes);
}

static int by_affinity(const struct top_row *a, const struct top_row *b)
{
	return by_count(a->affinity_changes, b->affinity_changes);
}

static int by_violations(const struct top_row *a, const struct top_row *b)
{
	return by_count(a->violations, b->violations);
}

/* ---- Tables ------------------------------------------------------------------------------------ */

/* clang-format off */
static const struct top_column rows_of_devices[] = {
	{ "DEVICE", device_cell, by_device, 15, 0, false },
	{ "PROVIDER", provider_cell, by_provider, 12, 7, false },
	{ "DRIVER", driver_cell, by_driver, 8, 6, false },
	{ "RELATION", relation_cell, by_relation, 9, 8, false },
	{ "VECT", vectors_cell, by_vectors, 4, 5, true },
	{ "IRQ/S", rate_cell, by_rate, 7, 1, true },
	{ "MSG", message_cell, by_message, 3, 4, true },
	{ "AFF", affinity_cell, by_affinity, 3, 3, true },
	{ "VIOL", violations_cell, by_violations, 4, 2, true },
	{}
};

static const struct top_column rows_of_vectors[] = {
	{ "IRQ", irq_cell, by_irq, 4, 1, true },
	{ "DEVICE", device_cell, by_device, 13, 0, false },
	{ "PROVIDER", provider_cell, by_provider, 12, 7, false },
	{ "INDEX", index_cell, by_index, 5, 8, true },
	{ "CPU", cpu_cell, by_cpu, 5, 5, false },
	{ "ACTION", action_cell, by_action, 10, 6, false },
	{ "IRQ/S", rate_cell, by_rate, 7, 1, true },
	{ "MSG", message_cell, by_message, 3, 4, true },
	{ "AFF", affinity_cell, by_affinity, 3, 3, true },
	{ "VIOL", violations_cell, by_violations, 4, 2, true },
	{}
};
/* clang-format on */

const struct top_table top_by_device = {
	.name = "devices",
	.columns = rows_of_devices,
	.n_columns = sizeof(rows_of_devices) / sizeof(rows_of_devices[0]) - 1,
	.usual = 5,
};

const struct top_table top_by_vector = {
	.name = "vectors",
	.columns = rows_of_vectors,
	.n_columns = sizeof(rows_of_vectors) / sizeof(rows_of_vectors[0]) - 1,
	.usual = 6,
};

_Static_assert(sizeof(rows_of_vectors) / sizeof(rows_of_vectors[0]) - 1 <= TOP_COLUMNS_MAX, "");
_Static_assert(sizeof(rows_of_devices) / sizeof(rows_of_devices[0]) - 1 <= TOP_COLUMNS_MAX, "");

bool top_row_matches(const struct top_row *row, const char *filter)
{
	const char *const names[] = { row->device, row->provider, row->driver, row->relation,
				      row->action };

	if (!*filter)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i] && strcasestr(names[i], filter))
			return true;
	return false;
}

struct order {
	const struct top_column *column;
	bool reverse;
};

static int by_order(const void *a, const void *b, void *userdata)
{
	const struct top_row *x = *(const struct top_row *const *)a;
	const struct top_row *y = *(const struct top_row *const *)b;
	const struct order *order = userdata;
	int r = order->column->order(x, y);

	return (order->reverse ? -r : r) ?: strcmp(x->key, y->key);
}

size_t top_arrange(const struct top_row *rows, size_t n, const struct top_column *column,
		   bool reverse, const char *filter, const struct top_row **ret)
{
	struct order order = { .column = column, .reverse = reverse };
	size_t shown = 0;

	for (size_t i = 0; i < n; i++)
		if (top_row_matches(&rows[i], filter))
			ret[shown++] = &rows[i];
	qsort_r(ret, shown, sizeof(*ret), by_order, &order);
	return shown;
}

static int width_of(const struct top_table *table, const int *widths)
{
	int sum = -1;

	for (int i = 0; i < table->n_columns; i++)
		if (widths[i] > 0)
			sum += widths[i] + 1;
	return sum;
}

/* The column that is missed least. -1: only the one that is always shown is left. */
static int most_dispensable(const struct top_table *table, const int *widths)
{
	int most = -1;

	for (int i = 0; i < table->n_columns; i++)
		if (widths[i] > 0 && table->columns[i].rank > 0 &&
		    (most < 0 || table->columns[i].rank > table->columns[most].rank))
			most = i;
	return most;
}

void top_fit(const struct top_table *table, int room, const int needed[static TOP_COLUMNS_MAX],
	     int ret_widths[static TOP_COLUMNS_MAX])
{
	int at;

	/* half a number would be another number */
	for (int i = 0; i < table->n_columns; i++)
		ret_widths[i] = table->columns[i].right && needed[i] > table->columns[i].width ?
					needed[i] :
					table->columns[i].width;
	while (width_of(table, ret_widths) > room &&
	       (at = most_dispensable(table, ret_widths)) >= 0)
		ret_widths[at] = 0;
	/* what is left goes to names that are cut, the most needed ones first */
	for (int rank = 0; rank <= RANK_MAX; rank++)
		for (int i = 0; i < table->n_columns; i++) {
			int left = room - width_of(table, ret_widths);

			if (table->columns[i].rank != rank || ret_widths[i] == 0)
				continue;
			while (left-- > 0 && ret_widths[i] < needed[i])
				ret_widths[i]++;
		}
}
