/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Completions for shells. What a shell gets (contrib/completion/) is only the way to ask; what
 * could come next is answered by this program, from its own tables of verbs and options and from
 * the daemon, so that the two cannot disagree.
 */
#ifndef CXLIRQCTL_COMPLETION_H
#define CXLIRQCTL_COMPLETION_H

#include "option.h"

/* How a shell's function asks; the rest of the command line is what stands there so far. */
#define COMPLETION_REQUEST "--complete"

/* Prints what @shell (bash, zsh or fish) is to read. -EINVAL, told: another one. */
int completion_print_script(const char *shell);

/*
 * Prints what the last one of @words could become, which may be empty; those before it are the
 * command line behind the program's name. A line each: the word, a tab, what it is (may be
 * missing). A word that begins with ":" says what else: ":files", and ":nospace". Nothing where
 * nothing is known; whatever fails, fails silently.
 */
void completion_answer(const struct verb *verbs, int n_words, char *const words[]);

#endif
