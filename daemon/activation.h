/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets that systemd opened for this service (sd_listen_fds(3)), told apart by name. */
#ifndef CXLIRQD_ACTIVATION_H
#define CXLIRQD_ACTIVATION_H

/*
 * The next listening socket with FileDescriptorName=@name that nobody took yet; the caller owns it.
 * 1: *@ret_fd is set, 0: there is none (left). Negative errno.
 */
int activation_take(const char *name, int *ret_fd);

/*
 * Closes one that nobody took: whoever connected to it would wait for ever. Its name is *@ret_name,
 * the caller's. 1: there was one, 0: there is none (left). Negative errno.
 */
int activation_close_one(char **ret_name);

#endif
