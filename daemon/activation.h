/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets that systemd opened for this service (sd_listen_fds(3)), told apart by name. */
#ifndef CXLIRQD_ACTIVATION_H
#define CXLIRQD_ACTIVATION_H

/*
 * The next listening socket with FileDescriptorName=@name that nobody took yet; the caller owns it.
 * 1: *@ret_fd is set, 0: there is none (left). Negative errno.
 */
int activation_take(const char *name, int *ret_fd);

#endif
