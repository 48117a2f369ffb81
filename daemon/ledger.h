/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger: what each device asked for, what it was granted, and which part of it each vector
 * serves. Made anew from the model for each answer.
 */
#ifndef CXLIRQD_LEDGER_H
#define CXLIRQD_LEDGER_H

#include <jansson.h>

#include "feature.h"

struct model;

/*
 * A row for each device that provides vectors or has a handler, and for each PCI function; or that
 * of @device alone, if there is one. New array in the order of names, NULL without memory.
 */
json_t *ledger_to_json(const struct model *model, const char *device);

/*
 * Every feature once: in the row of the function that it draws on, or of the device itself where
 * it draws on none. @device is valid during the call, and the same pointer for all of one device;
 * @result is a static string.
 */
typedef void (*ledger_feature_fn)(const char *device, enum feature feature, const char *result,
				  void *userdata);
/* -ENOMEM: not all were told. */
int ledger_each_feature(const struct model *model, ledger_feature_fn each, void *userdata);

#endif
