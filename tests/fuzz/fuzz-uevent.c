// SPDX-License-Identifier: GPL-2.0-or-later
/* A message of the kernel's as a netlink socket gives it: what is taken from it lies inside it. */
#include "fuzz.h"
#include "uevent.h"

static void require_inside(const char *text, const char *message, size_t size)
{
	require(text >= message && text < message + size);
	require(memchr(text, 0, size - (size_t)(text - message)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct uevent uevent = {};
	char *message = fuzz_copy(data, size);
	int r = uevent_parse(message, size, &uevent);

	if (r < 0) {
		require(r == -EBADMSG && !uevent.devpath && !uevent.subsystem);
	} else {
		require_inside(uevent.devpath, message, size);
		require_inside(uevent.subsystem, message, size);
		require(uevent.devpath[0] == '/' && !strncmp(uevent.devpath - 8, "DEVPATH=", 8));
	}
	free(message);
	return 0;
}
