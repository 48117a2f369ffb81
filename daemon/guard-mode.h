/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guard does about a write to a protected interrupt's affinity. */
#ifndef CXLIRQD_GUARD_MODE_H
#define CXLIRQD_GUARD_MODE_H

enum guard_mode {
	GUARD_OFF, /* nothing: no program is loaded */
	GUARD_AUDIT, /* tells who would have been denied */
	GUARD_ENFORCE, /* denies */
	GUARD_MODE_MAX
};

/* "off" and so on. Static string. */
const char *guard_mode_name(enum guard_mode mode);
/* GUARD_MODE_MAX: there is none of this name. NULL is none. */
enum guard_mode guard_mode_from_name(const char *name);

#endif
