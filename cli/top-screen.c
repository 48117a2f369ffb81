// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The terminal of top. Signals that end the program on purpose are taken by its loop, which gives
 * the terminal back; for those that come from a fault a handler does the same with nothing but
 * system calls, so that the shell behind it stays usable whatever happens.
 *
 * Names may hold anything: what a terminal might obey is shown as "?", and so is what has no width.
 */
#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <wctype.h>

/* term.h has macros for all capabilities of terminals, and two of them are everybody's words */
#undef columns
#undef lines

#include "top-private.h"

#define ROWS_MIN 7
#define COLUMNS_MIN 40
/* Lines that are no rows: three of the header, the headings, the selected row's, the keys */
#define FRAME 6

enum {
	COLOR_BAD = 1,
	COLOR_WARN,
	COLOR_GOOD,
};

static SCREEN *screen;
static bool colored;
static struct termios terminal_before;
static bool terminal_known;
static char leave_sequence[128]; /* what makes it a normal screen again */

/* ---- Taking it and giving it back -------------------------------------------------------------- */

static const int faults[] = { SIGSEGV, SIGBUS,	SIGFPE,	 SIGILL,  SIGABRT,   SIGSYS,
			      SIGTRAP, SIGALRM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGPROF,
			      SIGXCPU, SIGXFSZ, SIGPIPE, SIGPOLL, SIGPWR,    SIGSTKFLT };

/* Async-signal-safe, as all that it calls is. */
static void on_fault(int signal)
{
	ssize_t n = write(STDOUT_FILENO, leave_sequence, strlen(leave_sequence));

	(void)n;
	if (terminal_known)
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
	raise(signal); /* the handler was for once: now it is what it was before */
}

static void watch_faults(void)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = (int)SA_RESETHAND };

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &action, NULL);
}

static void remember_sequence(const char *capability)
{
	const char *sequence = tigetstr(capability);
	size_t used = strlen(leave_sequence);

	if (sequence && sequence != (char *)-1)
		snprintf(leave_sequence + used, sizeof(leave_sequence) - used, "%s", sequence);
}

static void set_colors(bool color)
{
	colored = color && has_colors() && start_color() == OK && use_default_colors() == OK;
	if (!colored)
		return;
	init_pair(COLOR_BAD, COLOR_RED, -1);
	init_pair(COLOR_WARN, COLOR_YELLOW, -1);
	init_pair(COLOR_GOOD, COLOR_GREEN, -1);
}

int top_screen_open(bool color)
{
	bool can_move;
	int known;

	terminal_known = tcgetattr(STDIN_FILENO, &terminal_before) == 0;
	/* newterm() leaks where there is no such terminal */
	if (setupterm(NULL, STDOUT_FILENO, &known) != OK)
		return -ENODEV;
	can_move = tigetstr("cup") != NULL;
	del_curterm(cur_term);
	if (!can_move)
		return -ENODEV;
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return -ENODEV;
	remember_sequence("sgr0");
	remember_sequence("cnorm");
	remember_sequence("rmkx");
	remember_sequence("rmcup");
	watch_faults();
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	set_colors(color);
	return 0;
}

void top_screen_close(void)
{
	if (!screen)
		return;
	curs_set(1);
	endwin();
	delscreen(screen);
	screen = NULL;
}

void top_screen_renew(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
		resizeterm(size.ws_row, size.ws_col);
	/* somebody else may have written there, or changed its modes */
	reset_prog_mode();
	clearok(curscr, TRUE);
}

/* As the terminal's own driver would do it, but after the screen has been given back. */
void top_screen_suspend(void)
{
	sigset_t stop;

	curs_set(1);
	endwin();
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	raise(SIGTSTP); /* blocked: pending, until the mask lets it through */
	sigprocmask(SIG_UNBLOCK, &stop, NULL);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	refresh();
	curs_set(0);
	top_screen_renew();
}

int top_screen_page(void)
{
	return LINES > FRAME ? LINES - FRAME : 1;
}

/* ---- Text -------------------------------------------------------------------------------------- */

/* One character that a terminal shows in @ret_width cells, and nothing else. */
static wchar_t take_character(const char **text, int *ret_width)
{
	wchar_t character;
	mbstate_t state = {};
	size_t n = mbrtowc(&character, *text, strlen(*text), &state);

	if (n == (size_t)-1 || n == (size_t)-2) {
		n = 1;
		character = L'?';
	}
	*text += n;
	if (!iswprint((wint_t)character) || wcwidth(character) <= 0)
		character = L'?';
	*ret_width = wcwidth(character);
	return character;
}

/* Cells that @text takes */
static int cells_of(const char *text)
{
	int sum = 0, width;

	while (*text) {
		take_character(&text, &width);
		sum += width;
	}
	return sum;
}

/* Writes @text where the cursor is, in exactly @room cells; what is too long ends in "+". */
static void put_cell(const char *text, int room, bool right)
{
	int all = cells_of(text), used = 0, width;
	bool cut = all > room;

	if (room <= 0)
		return;
	for (; right && !cut && used + all < room; used++)
		addch(' ');
	while (*text) {
		wchar_t character = take_character(&text, &width);

		if (used + width > room - cut)
			break;
		addnwstr(&character, 1);
		used += width;
	}
	for (; used < room - cut; used++)
		addch(' ');
	if (cut)
		addch('+');
}

static int room_left(void)
{
	int y, x;

	getyx(stdscr, y, x);
	(void)y;
	return COLS - x;
}

static int y_of_cursor(void)
{
	int y, x;

	getyx(stdscr, y, x);
	(void)x;
	return y;
}

/* A blank, unless line @y is full and the cursor has gone to the next one. */
static void put_gap(int y)
{
	if (y_of_cursor() == y)
		addch(' ');
}

/* As much of @text as the line has room for. The last cell of a screen cannot be written. */
static void put_text(const char *text)
{
	int cells = cells_of(text), room = room_left() - 1;

	put_cell(text, cells < room ? cells : room, false);
}

static attr_t color_of(int pair)
{
	return colored ? COLOR_PAIR(pair) : A_NORMAL;
}

/* ---- Parts of the screen ----------------------------------------------------------------------- */

static const char *status_text(const struct top *top, const char *key)
{
	return json_string_value(json_object_get(top->sample ? top->sample->status : NULL, key)) ?:
												   "";
}

static void draw_title(const struct top *top)
{
	time_t now = time(NULL);
	const char *health = status_text(top, "health");
	bool healthy = strcmp(health, "healthy") == 0;
	char text[64];
	struct tm tm;

	move(0, 0);
	if (localtime_r(&now, &tm) &&
	    strftime(text, sizeof(text), "cxlirqctl top - %H:%M:%S ", &tm))
		put_text(text);
	put_text(" ");
	attrset(A_BOLD | color_of(healthy ? COLOR_GOOD : COLOR_BAD));
	put_text(health);
	attrset(A_NORMAL);
	snprintf(text, sizeof(text), "  every %.4g s%s  ", (double)top->delay_us / 1e6,
		 top->paused ? ", paused" : "");
	put_text(text);
	put_text(status_text(top, "kernel"));
}

static void put_count(const char *name, int64_t count, int pair)
{
	char text[64];

	if (count > 0)
		attrset(A_BOLD | color_of(pair));
	snprintf(text, sizeof(text), "%s %lld", name, (long long)count);
	put_text(text);
	attrset(A_NORMAL);
	put_text("  ");
}

static void draw_counts(const struct top *top)
{
	const struct top_sample *sample = top->sample;
	char text[64];

	move(1, 0);
	if (!sample)
		return;
	put_count("violations open", sample->violations, COLOR_BAD);
	put_count("records lost", sample->lost, COLOR_BAD);
	if (sample->rate < 0)
		snprintf(text, sizeof(text), "interrupts/s -");
	else
		snprintf(text, sizeof(text), "interrupts/s %.1f", sample->rate);
	put_text(text);
	snprintf(text, sizeof(text), "  %s %zu", top->table->name, top->n_rows);
	put_text(text);
}

/* What is asked, what went wrong, what was said to the last key, or why it is not healthy */
static void draw_message(const struct top *top)
{
	const json_t *reasons =
		json_object_get(top->sample ? top->sample->status : NULL, "reasons");
	wchar_t none[1] = L"";

	move(2, 0);
	if (top->mode == TOP_ASK_FILTER || top->mode == TOP_ASK_DELAY) {
		attrset(A_BOLD);
		put_text(top->mode == TOP_ASK_FILTER ? "show only what has this in its names: " :
						       "seconds between two looks: ");
		attrset(A_NORMAL);
		addnwstr(top->n_input ? top->input : none, room_left() - 1);
		curs_set(1);
		return;
	}
	curs_set(0);
	if (top->trouble) {
		attrset(A_BOLD | color_of(COLOR_BAD));
		put_text(top->trouble);
		put_text("; trying again");
	} else if (top->said) {
		put_text(top->said);
	} else if (top->filter[0]) {
		put_text("only with \"");
		put_text(top->filter);
		put_text("\" in its names");
	} else if (json_array_size(reasons) > 0) {
		attrset(color_of(COLOR_WARN));
		put_text(json_string_value(json_array_get(reasons, 0)) ?: "");
	}
	attrset(A_NORMAL);
}

static void draw_headings(const struct top *top, const int *widths)
{
	move(3, 0);
	attrset(A_REVERSE);
	for (int i = 0; i < top->table->n_columns; i++) {
		const struct top_column *column = &top->table->columns[i];

		if (widths[i] <= 0)
			continue;
		if (i == top->column)
			attrset(A_REVERSE | A_BOLD | A_UNDERLINE);
		put_cell(column->name, widths[i], column->right);
		attrset(A_REVERSE);
		put_gap(3);
	}
	while (y_of_cursor() == 3)
		addch(' ');
	attrset(A_NORMAL);
}

static attr_t look_of(const struct top *top, const struct top_row *row, bool selected)
{
	attr_t look = A_NORMAL;

	if (row->violations > 0)
		look = color_of(COLOR_BAD) | (colored ? 0 : A_BOLD);
	else if (row->changed)
		look = color_of(COLOR_WARN) | A_BOLD;
	/* what is old must not look as if it were so now */
	if (top->trouble)
		look = A_DIM;
	return look | (selected ? A_REVERSE : A_NORMAL);
}

static void draw_row(const struct top *top, size_t n, int y, const int *widths)
{
	const struct top_row *row = top->rows[n];
	char buffer[32];

	move(y, 0);
	attrset(look_of(top, row, n == top->selected));
	for (int i = 0; i < top->table->n_columns; i++) {
		const struct top_column *column = &top->table->columns[i];

		if (widths[i] <= 0)
			continue;
		put_cell(column->text(row, buffer), widths[i], column->right);
		put_gap(y);
	}
	attrset(A_NORMAL);
}

static void draw_rows(struct top *top, const int *widths)
{
	size_t page = (size_t)top_screen_page();

	if (top->selected < top->first)
		top->first = top->selected;
	if (top->selected >= top->first + page)
		top->first = top->selected - page + 1;
	if (top->first + page > top->n_rows)
		top->first = top->n_rows > page ? top->n_rows - page : 0;
	for (size_t i = 0; i < page && top->first + i < top->n_rows; i++)
		draw_row(top, top->first + i, 4 + (int)i, widths);
	if (top->n_rows == 0 && top->sample) {
		move(4, 0);
		put_text(top->filter[0] ? "nothing has this in its names" :
					  "the daemon knows of no vector");
	}
}

/* All of the selected row, also the columns that the terminal has no room for */
static void draw_detail(const struct top *top)
{
	const struct top_row *row;
	char buffer[32];
	bool any = false;

	move(LINES - 2, 0);
	if (top->selected >= top->n_rows)
		return;
	row = top->rows[top->selected];
	attrset(A_BOLD);
	for (int i = 0; i < top->table->n_columns; i++) {
		const struct top_column *column = &top->table->columns[i];
		const char *text = column->text(row, buffer);

		/* counts are in the row; names may have been cut there */
		if (!*text || (column->right && column->rank != 1 && column->rank != 8))
			continue;
		if (any)
			put_text(", ");
		if (column->right) {
			put_text(column->name);
			put_text(" ");
		}
		put_text(text);
		any = true;
	}
	snprintf(buffer, sizeof(buffer), ", %llu in all", (unsigned long long)row->interrupts);
	put_text(buffer);
	attrset(A_NORMAL);
}

static void draw_keys(void)
{
	move(LINES - 1, 0);
	put_text("q quit  h help  < > sort  r reverse  / filter  v vectors  p pause  d "
		 "delay");
}

static void draw_help(void)
{
	static const char *const headings[] = {
		"VECT vectors, IRQ/S interrupts per second, VIOL violations that are open;",
		"since the daemon's start: MSG messages, AFF affinities that changed",
	};
	const struct top_key *key = top_key_help;
	char text[128];
	int y = 0;

	move(y, 0);
	put_text("cxlirqctl top: vectors and who owns them, as the daemon counts them");
	for (y = 2; key->keys && y < LINES - 2; key++, y++) {
		move(y, 0);
		snprintf(text, sizeof(text), "  %-14s %s", key->keys, key->what);
		put_text(text);
	}
	for (size_t i = 0; i < 2 && ++y < LINES - 2; i++) {
		move(y, 0);
		put_text(headings[i]);
	}
	move(LINES - 1, 0);
	put_text("any key goes back");
}

static void draw_too_small(void)
{
	char text[64];

	move(0, 0);
	snprintf(text, sizeof(text), "%dx%d is too small,", COLS, LINES);
	put_text(text);
	if (LINES < 2)
		return;
	move(1, 0);
	snprintf(text, sizeof(text), "%dx%d is not", COLUMNS_MIN, ROWS_MIN);
	put_text(text);
}

/* All rows count, not only those on the screen: columns do not dance when one scrolls. */
static void fit(const struct top *top, int widths[static TOP_COLUMNS_MAX])
{
	int needed[TOP_COLUMNS_MAX] = {};
	char buffer[32];

	for (size_t i = 0; i < top->n_rows; i++)
		for (int j = 0; j < top->table->n_columns; j++) {
			int cells = cells_of(top->table->columns[j].text(top->rows[i], buffer));

			if (cells > needed[j])
				needed[j] = cells;
		}
	top_fit(top->table, COLS, needed, widths);
}

void top_screen_draw(struct top *top)
{
	int widths[TOP_COLUMNS_MAX] = {};

	erase();
	if (LINES < ROWS_MIN || COLS < COLUMNS_MIN) {
		draw_too_small();
	} else if (top->mode == TOP_HELP) {
		draw_help();
	} else {
		fit(top, widths);
		draw_title(top);
		draw_counts(top);
		draw_headings(top, widths);
		draw_rows(top, widths);
		draw_detail(top);
		draw_keys();
		/* last, for the cursor stays there */
		draw_message(top);
	}
	refresh();
}
