// SPDX-License-Identifier: GPL-2.0-or-later
#include "guard-mode.h"

#include <stddef.h>
#include <string.h>

static const char *const names[GUARD_MODE_MAX] = {
	[GUARD_OFF] = "off",
	[GUARD_AUDIT] = "audit",
	[GUARD_ENFORCE] = "enforce",
};

const char *guard_mode_name(enum guard_mode mode)
{
	return names[mode];
}

enum guard_mode guard_mode_from_name(const char *name)
{
	enum guard_mode mode = GUARD_OFF;

	while (mode < GUARD_MODE_MAX && (!name || strcmp(names[mode], name) != 0))
		mode++;
	return mode;
}
