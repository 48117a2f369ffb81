// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any packets from the process that writes affinities, to the daemon which has asked for some:
 * each begins with its length in two bytes. Every request is told once, in their order, with 0 or
 * an errno, and whatever came, none stays open when the other side has gone.
 *
 * The kernel says who sends: only root is believed, so this reaches little for anybody else.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include "affinity-private.h"
#include "fuzz.h"

#define REQUESTS 6

static sd_event *event;
static int listener = -EBADF;
static char path[108];
static const struct affinity_options options = { .root = "",
						 .start_usec = 3600000000ULL,
						 .answer_usec = 3600000000ULL,
						 .idle_usec = 3600000000ULL };
static uint32_t n_told;

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)argc, (void)argv;
	require(sd_event_new(&event) >= 0);
	snprintf(path, sizeof(path), "%s/affinity", fuzz_directory());
	strcpy(address.sun_path, path);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	require(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	require(listen(listener, 8) == 0);
	return 0;
}

static void on_written(uint32_t irq, const char *cpus, int error, void *userdata)
{
	(void)userdata;
	require(irq == 100 + n_told && !strcmp(cpus, "0-1") && error <= 0 && error >= -4095);
	n_told++;
}

static void on_process(pid_t pid, void *userdata)
{
	(void)userdata;
	require(pid == 0 || pid == getpid());
}

static void turn(void)
{
	while (sd_event_run(event, 0) > 0)
		;
}

/* What does not fit into the socket is never sent. */
static void say(int peer, const uint8_t *data, size_t size)
{
	while (size >= 2) {
		size_t n = (size_t)data[0] | (size_t)data[1] << 8;

		n = n < size - 2 ? n : size - 2;
		(void)send(peer, data + 2, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		turn();
		data += 2 + n;
		size -= 2 + n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct affinity_writer *writer = NULL;
	int peer;

	n_told = 0;
	require(affinity_writer_new_with(event, path, &options, on_written, NULL, &writer) == 0);
	affinity_writer_on_process(writer, on_process, NULL);
	turn();
	for (uint32_t i = 0; i < REQUESTS; i++)
		require(affinity_writer_set(writer, 100 + i, "0-1") == 0);
	peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	require(peer >= 0);
	say(peer, data, size);
	close(peer);
	turn();
	require(n_told == REQUESTS);
	affinity_writer_free(writer);
	return 0;
}
