/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules: a table of pure functions from what just happened to the model (a change, or that
 * time has passed) to findings. A rule fires on proof and says what it saw. Non-logging.
 */
#ifndef CXLIRQD_RULE_H
#define CXLIRQD_RULE_H

#include "change.h"
#include "model.h"
#include "violation.h"

/* Which rules are judged at all: [Rules] Disable= */
struct rule_set {
	bool off[RULE_MAX];
};

typedef void (*rule_finding_fn)(const struct finding *finding, void *userdata);

/* Judges @change by all rules that are about its type; calls @found for each that fires. */
void rule_eval(const struct rule_set *set, const struct model *model, const struct change *change,
	       rule_finding_fn found, void *userdata);

#endif
