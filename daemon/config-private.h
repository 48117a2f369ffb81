/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of keys, for those who read settings and those who read values. */
#ifndef CXLIRQD_CONFIG_PRIVATE_H
#define CXLIRQD_CONFIG_PRIVATE_H

#include <stddef.h>

#include "config.h"
#include "pmu-item.h"

enum config_kind {
	KIND_NUMBER,
	KIND_SIZE,
	KIND_PATH,
	KIND_DIRECTORY,
	KIND_LEVEL,
	KIND_SWITCH,
	KIND_RULES,
	KIND_PATTERNS,
	KIND_EVENTS,
	KIND_USER,
	KIND_LISTEN,
	KIND_MODE,
	KIND_GUARDS
};

struct config_key {
	const char *section, *name, *fallback;
	enum config_kind kind;
	enum { RESTART, LIVE } taken; /* when a changed value is: LIVE, at a reload */
	size_t offset;
	uint64_t min, max;
};

/*
 * 0, or a negative errno and the setting as it was; @why: a better word on that than the errno's, if
 * there is one.
 */
int config_assign(struct config *config, const struct config_key *key, const char *value,
		  char why[PMU_REASON_MAX]);

/* Takes the place of *@field, a copy of its own. -ENOMEM. */
int config_assign_text(char **field, const char *value);

#endif
