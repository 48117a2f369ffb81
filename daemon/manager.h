/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one object that owns all stages and the loop; only it knows the order of them. */
#ifndef CXLIRQD_MANAGER_H
#define CXLIRQD_MANAGER_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"

struct manager;

/*
 * Sources: this kernel, or with @replay a record file. @record (may be NULL): another file that gets
 * every record, once all is known to work. @keep: it is going to serve, and what happens goes to the store and the journal.
 * @config is borrowed, changed by a reload, and outlives the manager. Negative errno; the reason was logged.
 */
int manager_new(struct config *config, const char *replay, const char *record, bool keep,
		struct manager **ret);
struct manager *manager_free(struct manager *manager);

/* Reads everything once. */
int manager_start(struct manager *manager);
/* Listens, drops privileges, tells systemd, and serves until SIGTERM or SIGINT. */
int manager_serve(struct manager *manager);

/* Nothing more is going to be recorded. Negative errno: something was not, which has been logged. */
int manager_end_record(struct manager *manager);

/* Prints the model as JSON. -EIO if that cannot be written. */
int manager_print(struct manager *manager, FILE *out);
/* Prints the coverage report for people; 1 if something is missing, else 0. */
int manager_print_support(struct manager *manager, FILE *out);

#endif
