/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger: what each device asked for, what it was granted, and which part of it each vector
 * serves. Made anew from the model for each answer.
 */
#ifndef CXLIRQD_LEDGER_H
#define CXLIRQD_LEDGER_H

#include <jansson.h>

struct model;

/*
 * A row for each device that provides vectors or has a handler, and for each PCI function; or that
 * of @device alone, if there is one. New array in the order of names, NULL without memory.
 */
json_t *ledger_to_json(const struct model *model, const char *device);

#endif
