// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asked for once: the environment is cleared by that, and each socket goes to whom its name belongs.
 * systemd may hand over several of one name (IPv4 and IPv6, say).
 */
#include "activation.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cxlirqd/cleanup.h>

static struct {
	bool asked;
	int n;
	char **names; /* NULL once taken */
} passed;

static int ask(void)
{
	int r;

	if (passed.asked)
		return 0;
	r = sd_listen_fds_with_names(1, &passed.names);
	if (r < 0)
		return r;
	passed.n = r;
	passed.asked = true;
	return 0;
}

int activation_take(const char *name, int *ret_fd)
{
	int r = ask();

	if (r < 0)
		return r;
	for (int i = 0; i < passed.n; i++) {
		if (!passed.names[i] || strcmp(passed.names[i], name))
			continue;
		free(TAKE_PTR(passed.names[i]));
		*ret_fd = SD_LISTEN_FDS_START + i;
		return 1;
	}
	return 0;
}

int activation_close_one(char **ret_name)
{
	int r = ask();

	if (r < 0)
		return r;
	for (int i = 0; i < passed.n; i++) {
		if (!passed.names[i])
			continue;
		close(SD_LISTEN_FDS_START + i);
		*ret_name = TAKE_PTR(passed.names[i]);
		return 1;
	}
	return 0;
}
