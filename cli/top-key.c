// SPDX-License-Identifier: GPL-2.0-or-later
/* The keys of top: what each does is here, what it is told to do in the table below. */
#include <curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "top-private.h"

#define KEY_ESCAPE 27
#define KEY_CTRL(letter) ((letter)&0x1f)
#define DELAY_MAX_S 3600

const struct top_key top_key_help[] = {
	{ "< >, left right", "sort by the column before or behind" },
	{ "1 ... 9, 0", "sort by the first, ... column" },
	{ "r", "reverse the order" },
	{ "/, f", "show only what has a text in its names; empty: all" },
	{ "v, Tab", "devices or vectors" },
	{ "Enter", "the vectors of the selected device" },
	{ "p, space", "pause, go on" },
	{ "d", "time between two looks at the daemon" },
	{ "up down, j k", "select another line" },
	{ "PgUp PgDn", "a page up or down" },
	{ "Home End", "the first, the last line" },
	{ "Ctrl-L", "draw all of it anew" },
	{ "h, ?", "this page" },
	{ "q", "quit" },
	{}
};

/* Whoever picks a row wants to see that one, wherever it goes; but the top is the top. */
static void select_row(struct top *top, long row)
{
	long last = (long)top->n_rows - 1;

	if (row > last)
		row = last;
	if (row < 0)
		row = 0;
	top->selected = (size_t)row;
	free(TAKE_PTR(top->followed));
	if (row > 0)
		top->followed = strdup(top->rows[row]->key);
}

static void sort_by(struct top *top, int column)
{
	if (column < 0 || column >= top->table->n_columns)
		return;
	top->column = column;
	top_rearrange(top);
}

static void show_table(struct top *top, const struct top_table *table)
{
	top->table = table;
	top->column = table->usual;
	top->first = 0;
	select_row(top, 0);
	top_rearrange(top);
}

static void show_vectors_of(struct top *top)
{
	const struct top_row *row;
	const char *name;

	if (top->table != &top_by_device || top->selected >= top->n_rows)
		return;
	row = top->rows[top->selected];
	name = row->device ?: row->action ?: row->provider ?: "";
	snprintf(top->filter, sizeof(top->filter), "%s", name);
	show_table(top, &top_by_vector);
}

static void ask(struct top *top, enum top_mode mode)
{
	top->mode = mode;
	top->n_input = 0;
	top->input[0] = L'\0';
}

/* ---- A line that is typed ---------------------------------------------------------------------- */

static void accept_filter(struct top *top)
{
	if (wcstombs(top->filter, top->input, sizeof(top->filter)) == (size_t)-1)
		top->filter[0] = '\0';
	top->filter[sizeof(top->filter) - 1] = '\0';
	top->first = 0;
	top_rearrange(top);
}

static void accept_delay(struct top *top)
{
	wchar_t *end;
	double seconds = wcstod(top->input, &end);

	if (end == top->input)
		return;
	/* the comparison is false for what is no number, too */
	if (*end || !(seconds >= (double)TOP_DELAY_MIN_US / 1e6 && seconds <= DELAY_MAX_S)) {
		top->said = "a delay is a number of seconds from 0.1 to 3600";
		return;
	}
	top->delay_us = (uint64_t)(seconds * 1e6);
}

static void edit(struct top *top, wint_t key, bool is_function)
{
	if (!is_function && (key == L'\r' || key == L'\n')) {
		if (top->mode == TOP_ASK_FILTER)
			accept_filter(top);
		else
			accept_delay(top);
		top->mode = TOP_TABLE;
	} else if (is_function && key == KEY_ENTER) {
		edit(top, L'\r', false);
	} else if (!is_function && (key == KEY_ESCAPE || key == KEY_CTRL('g'))) {
		top->mode = TOP_TABLE;
	} else if ((is_function && key == KEY_BACKSPACE) ||
		   (!is_function && (key == 0x7f || key == KEY_CTRL('h')))) {
		top->n_input -= top->n_input > 0;
	} else if (!is_function && key == KEY_CTRL('u')) {
		top->n_input = 0;
	} else if (!is_function && iswprint(key) && top->n_input < TOP_INPUT_MAX) {
		top->input[top->n_input++] = (wchar_t)key;
	}
	top->input[top->n_input] = L'\0';
}

/* ---- Keys of the table ------------------------------------------------------------------------- */

static void on_function(struct top *top, wint_t key)
{
	long page = top_screen_page(), at = (long)top->selected;

	switch (key) {
	case KEY_UP: select_row(top, at - 1); break;
	case KEY_DOWN: select_row(top, at + 1); break;
	case KEY_PPAGE: select_row(top, at - page); break;
	case KEY_NPAGE: select_row(top, at + page); break;
	case KEY_HOME: select_row(top, 0); break;
	case KEY_END: select_row(top, (long)top->n_rows - 1); break;
	case KEY_LEFT: sort_by(top, top->column - 1); break;
	case KEY_RIGHT: sort_by(top, top->column + 1); break;
	case KEY_ENTER: show_vectors_of(top); break;
	}
}

static void on_letter(struct top *top, wint_t key)
{
	switch (key) {
	case L'q': top->quit = true; break;
	case L'h':
	case L'?': top->mode = TOP_HELP; break;
	case L'<': sort_by(top, top->column - 1); break;
	case L'>': sort_by(top, top->column + 1); break;
	case L'1' ... L'9': sort_by(top, (int)(key - L'1')); break;
	case L'0': sort_by(top, 9); break;
	case L'r':
		top->reverse = !top->reverse;
		top_rearrange(top);
		break;
	case L'f':
	case L'/': ask(top, TOP_ASK_FILTER); break;
	case L'd': ask(top, TOP_ASK_DELAY); break;
	case L'v':
	case L'\t':
		show_table(top, top->table == &top_by_device ? &top_by_vector : &top_by_device);
		break;
	case L'\r':
	case L'\n': show_vectors_of(top); break;
	case L'p':
	case L' ': top->paused = !top->paused; break;
	case L'k': on_function(top, KEY_UP); break;
	case L'j': on_function(top, KEY_DOWN); break;
	case KEY_CTRL('l'): top_screen_renew(); break;
	}
}

void top_keys(struct top *top)
{
	wint_t key;
	int r;

	while (!top->quit && (r = get_wch(&key)) != ERR) {
		/* ncurses' own word for another size, which nobody typed */
		if (r == KEY_CODE_YES && key == KEY_RESIZE)
			continue;
		top->said = NULL;
		if (top->mode == TOP_HELP)
			top->mode = TOP_TABLE;
		else if (top->mode != TOP_TABLE)
			edit(top, key, r == KEY_CODE_YES);
		else if (r == KEY_CODE_YES)
			on_function(top, key);
		else
			on_letter(top, key);
	}
}
