/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes between the daemon and the process that writes for it, a packet each: first the process
 * says who it is, then there is one answer for each request, in their order. Both are of one
 * machine; one that was installed later says so by its version.
 */
#ifndef CXLIRQD_AFFINITY_PRIVATE_H
#define CXLIRQD_AFFINITY_PRIVATE_H

#include "affinity-writer.h"

#include <stdbool.h>
#include <stddef.h>

#define AFFINITY_MAGIC 0x71725841U /* "AXrq" */
#define AFFINITY_VERSION 1

struct affinity_hello {
	uint32_t magic;
	uint32_t version;
};

/* Sent as far as the list goes, with its NUL */
struct affinity_request {
	uint32_t number;
	uint32_t irq;
	char cpus[AFFINITY_CPUS_MAX];
};
#define AFFINITY_REQUEST_HEAD offsetof(struct affinity_request, cpus)

struct affinity_answer {
	uint32_t number; /* of the request */
	int32_t error; /* 0 or a negative errno */
};

/* So many requests may be on their way: their answers always find room in a socket. */
#define AFFINITY_WINDOW 64

/* For tests: another tree than the machine's, and other times */
struct affinity_options {
	const char *root;
	uint64_t start_usec; /* a request has so long when the process has to be started first */
	uint64_t answer_usec; /* when it is there */
	uint64_t idle_usec; /* a connection with nothing to ask is closed then */
};

int affinity_writer_new_with(sd_event *event, const char *path,
			     const struct affinity_options *options, affinity_written_fn written,
			     void *userdata, struct affinity_writer **ret);

/* Only what a list of CPUs can have in it, and something; it ends within AFFINITY_CPUS_MAX. */
bool affinity_is_list(const char *cpus);

/*
 * Starts the process on @root; the caller owns *@ret_fd, and waits for *@ret_pid, which ends when the
 * other end of it is closed. -EPERM: this is not root.
 */
int affinity_process_fork(const char *root, int *ret_fd, pid_t *ret_pid);
/*
 * Reads one request of @peer, if there is one, and answers it; @directory: proc/irq. False: the
 * connection is over.
 */
bool affinity_process_answer(int peer, int directory);
/* As affinity_writer_serve(), on @root; nobody has been connected for @idle_ms. */
int affinity_process_serve(const char *root, int listener, uid_t uid, int idle_ms);

#endif
