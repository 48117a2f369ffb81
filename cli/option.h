/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line: a table of options, a table of verbs (in main.c), and what they make of argv.
 * getopt's own tables, the check which option belongs to which verb, the help and the completions
 * of shells are all made from the two.
 */
#ifndef CXLIRQCTL_OPTION_H
#define CXLIRQCTL_OPTION_H

#include <stdbool.h>

#include "verb.h"
#include "writer.h"

/* Options that not every verb takes. */
enum takes {
	TAKES_TREE = 1 << 0,
	TAKES_DEVICE = 1 << 1,
	TAKES_IRQ = 1 << 2,
	TAKES_FOLLOW = 1 << 3,
	TAKES_DURATION = 1 << 4,
	TAKES_OUTPUT = 1 << 5,
	TAKES_ALL = 1 << 6,
	TAKES_SINCE = 1 << 7,
	TAKES_UNTIL = 1 << 8,
	TAKES_TYPE = 1 << 9,
	TAKES_EVENT = 1 << 10,
	TAKES_PMU = 1 << 11,
	TAKES_EVENTS = 1 << 12,
	TAKES_INTERVAL = 1 << 13,
	TAKES_TIMES = 1 << 14,
	TAKES_FORMAT = 1 << 15,
	TAKES_BATCH = 1 << 16,
	TAKES_GUARD = 1 << 17,
};

/*
 * What an argument can be, for completions: words with blanks between them, or one of these, which
 * the daemon, the file system or a table of columns knows.
 */
#define WORDS_DEVICES "@devices"
#define WORDS_IRQS "@irqs"
#define WORDS_PMUS "@pmus"
#define WORDS_VIOLATIONS "@violations"
#define WORDS_RULES "@rules"
#define WORDS_SUBJECTS "@subjects" /* interrupts, devices, rules */
#define WORDS_TYPES "@types" /* of events */
#define WORDS_PMU_EVENTS "@pmu-events"
#define WORDS_FILES "@files"
#define WORDS_OUTPUT "@output" /* the verb's columns; a file, if it has none */
#define WORDS_FORMATS "@formats" /* the verb's formats */

#define COLUMN_TABLES_MAX 3

/* The columns that a verb shows; @of tells which way to call it, if it has more than one table. */
struct column_table {
	const char *of;
	const struct column *columns;
};

struct verb {
	const char *name;
	const char *usage; /* NULL: it takes no arguments */
	const char *help;
	verb_fn run;
	int max_arguments;
	const char *words; /* what its arguments can be, as above; NULL: anything */
	unsigned int takes; /* enum takes */
	const char *formats; /* words for --format, the first one is the default; NULL: none */
	struct column_table tables[COLUMN_TABLES_MAX]; /* ends early with NULL columns */
	bool pager; /* shows pages of text */
};

struct known_option {
	int value; /* the letter, too, if below OPTION_FIRST_LONG */
	const char *name;
	const char *argument; /* NULL: takes none */
	unsigned int takes; /* 0: every verb takes it */
	const char *words; /* what the argument can be, as above; NULL: anything */
	const char *help;
};

#define OPTION_FIRST_LONG 256

/* Both tables end with a NULL name. */
extern const struct known_option known_options[];

/* What the command line asks for. */
struct request {
	struct options options;
	unsigned int given; /* enum takes */
	bool help;
	bool version;
	bool no_pager;
	const char *completion; /* a shell; NULL: not asked for */
	const struct verb *verb;
};

/* What it is when the command line says nothing. */
struct request request_default(void);

/* Reads argv. On failure (-EINVAL: wrong usage) the reason has been printed. */
int request_parse(int argc, char *argv[], const struct verb *verbs, struct request *request);

/* Prints the help, made from the tables. */
void request_print_help(const struct verb *verbs);

#endif
