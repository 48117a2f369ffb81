/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of top share: the table and its order, the screen, the keys. */
#ifndef CXLIRQCTL_TOP_PRIVATE_H
#define CXLIRQCTL_TOP_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <wchar.h>

#include "top-sample.h"
#include "verb.h"

#define TOP_DELAY_MIN_US (UINT64_C(100000))
#define TOP_DELAY_US (UINT64_C(2000000))
#define TOP_INPUT_MAX 64
#define TOP_COLUMNS_MAX 10

/* ---- The table ---- */

struct top_column {
	const char *name;
	/* Cell of @row, "" if there is nothing to say. Borrowed, or in @buffer. */
	const char *(*text)(const struct top_row *row, char buffer[static 32]);
	/* Which of two rows comes first: < 0, 0, > 0. What is not known comes last. */
	int (*order)(const struct top_row *a, const struct top_row *b);
	int width; /* at least */
	int rank; /* columns with higher ones go first when there is no room for all; 0: stays */
	bool right;
};

/* One of the two tables: of devices, or of vectors. */
struct top_table {
	const char *name;
	const struct top_column *columns; /* ends with a NULL name */
	int n_columns;
	int usual; /* the column it is sorted by at first */
};

extern const struct top_table top_by_device, top_by_vector;

/* Whether a row has this text in one of its names, whatever the case; "" is in all of them. */
bool top_row_matches(const struct top_row *row, const char *filter);

/*
 * Those of @rows that match, in order. Returns how many there are. @ret has room for @n; rows that
 * are equal in @column stay in the order of their keys.
 */
size_t top_arrange(const struct top_row *rows, size_t n, const struct top_column *column,
		   bool reverse, const char *filter, const struct top_row **ret);

/*
 * Widths of columns in @room cells, one between any two of them; 0: not shown. @needed is how wide
 * their cells are.
 */
void top_fit(const struct top_table *table, int room, const int needed[static TOP_COLUMNS_MAX],
	     int ret_widths[static TOP_COLUMNS_MAX]);

/* ---- What is on the screen ---- */

enum top_mode {
	TOP_TABLE,
	TOP_HELP,
	TOP_ASK_FILTER,
	TOP_ASK_DELAY,
};

struct top {
	const struct options *options;
	struct top_sample *sample; /* NULL: none yet */
	int64_t received_us; /* local clock: where the daemon tells no time */
	const struct top_table *table;
	int column; /* the table is sorted by this */
	bool reverse;
	bool paused;
	uint64_t delay_us;
	enum top_mode mode;
	char filter[TOP_INPUT_MAX * 4];
	char *trouble; /* what the daemon's last answer failed of; NULL: nothing */
	const char *said; /* to the last key; NULL: nothing */
	wchar_t input[TOP_INPUT_MAX + 1]; /* what is being typed */
	size_t n_input;
	const struct top_row **rows; /* shown, in this order; into the sample */
	size_t n_rows;
	size_t selected, first; /* first: of those on the screen */
	char *followed; /* key of the row that the user selected; NULL: the place is what counts */
	bool quit;
};

/* Rows again, after the sample, the order or the filter has changed; a followed one stays. */
int top_rearrange(struct top *top);

/* ---- top-screen.c ---- */

/* Takes the terminal, in such a way that no signal leaves it in disorder. -ENODEV: it cannot. */
int top_screen_open(bool color);
/* Gives it back. Harmless when it is not taken. */
void top_screen_close(void);
/* Another size, or back from having been stopped. */
void top_screen_renew(void);
void top_screen_suspend(void);
void top_screen_draw(struct top *top);
/* Rows of the table that fit */
int top_screen_page(void);

/* ---- top-key.c ---- */

/* Takes all keys that were pressed. */
void top_keys(struct top *top);

/* One line for each key: what "h" shows. Ends with a NULL key. */
struct top_key {
	const char *keys;
	const char *what;
};
extern const struct top_key top_key_help[];

#endif
