/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Long answers go through a pager, as those of systemd's tools do: which one, with which options,
 * and what it may do for somebody with more rights than others, is decided as systemctl(1) has it.
 */
#ifndef CXLIRQCTL_PAGER_H
#define CXLIRQCTL_PAGER_H

#include "verb.h"

/*
 * From here on, what is printed goes to a pager: if options->pager says so, standard output is a
 * terminal that can do it, and a pager can be run; else nothing happens. To be called once the
 * answer is there, so that nobody is shown an empty page or asked for a key because of an error.
 * Calling it again does nothing.
 */
void pager_open(const struct options *options);

/* Whether there is one: who leaves it has seen enough, and that is no failure. */
bool pager_is_open(void);

/* After stdout was closed: waits until the user has left it. Does nothing if there is none. */
void pager_close(void);

#endif
