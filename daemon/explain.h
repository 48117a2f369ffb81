/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of an interrupt, a device or a rule, in sentences: who owns it, why that is (not)
 * safe, what to do. Non-logging.
 */
#ifndef CXLIRQD_EXPLAIN_H
#define CXLIRQD_EXPLAIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "model.h"
#include "violation.h"

/*
 * JSON object of the interface ("Explanation"), a new reference. @subject is an interrupt's number,
 * a rule's name or a device's; @violations may be NULL. -ENOENT: there is no such thing. -ENOMEM.
 */
int explain(const struct model *model, const struct violations *violations, const char *subject,
	    json_t **ret);

/* Whether @subject is a number that an interrupt may have, there or not. */
bool explain_is_irq(const char *subject, uint32_t *ret);

#endif
