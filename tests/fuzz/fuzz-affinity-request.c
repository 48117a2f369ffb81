// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any packets to the process that writes affinities as root: each begins with its length in two
 * bytes. What it writes are lists of CPUs, into files that are called smp_affinity_list and lie
 * below an interrupt's number; the answer says of which request it is and what became of it.
 */
#include <sys/socket.h>

#include "affinity-private.h"
#include "fuzz.h"

#define IRQS 4 /* the last one is a link to somewhere else */
#define OTHERS 3

static int root = -EBADF, directory = -EBADF;
static const char *const others[OTHERS] = { "secret", "proc/irq/default_smp_affinity",
					    "proc/irq/0/spurious" };

static const char *list_of(uint32_t irq)
{
	static char path[64];

	snprintf(path, sizeof(path), "proc/irq/%u/smp_affinity_list", irq);
	return path;
}

static void read_file(const char *path, char text[static AFFINITY_CPUS_MAX + 1])
{
	_cleanup_close_ int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, AFFINITY_CPUS_MAX);

	require(n >= 0);
	text[n] = '\0';
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[64];

	(void)argc, (void)argv;
	root = open(fuzz_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	require(root >= 0 && !mkdirat(root, "proc", 0700) && !mkdirat(root, "proc/irq", 0700));
	for (uint32_t irq = 0; irq < IRQS; irq++) {
		snprintf(path, sizeof(path), "proc/irq/%u", irq);
		require(mkdirat(root, path, 0700) == 0);
		if (irq < IRQS - 1)
			fuzz_write_file(root, list_of(irq), "", 0);
		else
			require(symlinkat("../../../secret", root, list_of(irq)) == 0);
	}
	for (size_t i = 0; i < OTHERS; i++)
		fuzz_write_file(root, others[i], "untouched", 9);
	directory = openat(root, "proc/irq", O_PATH | O_DIRECTORY | O_CLOEXEC);
	require(directory >= 0);
	return 0;
}

static bool is_list(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!strchr("0123456789,-:/", text[i]) || !text[i])
			return false;
	return size && size < AFFINITY_CPUS_MAX;
}

/* @n bytes were sent, of which a whole request is one. */
static void check_answer(int peer, const struct affinity_request *sent, size_t n)
{
	char text[AFFINITY_CPUS_MAX + 1];
	struct affinity_answer answer = {};
	size_t length = n - AFFINITY_REQUEST_HEAD - 1;

	require(recv(peer, &answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC) == sizeof(answer));
	require(answer.number == sent->number && answer.error <= 0);
	if (!is_list(sent->cpus, strnlen(sent->cpus, length))) {
		require(answer.error == -EINVAL);
	} else if (sent->irq < IRQS - 1) {
		require(answer.error == 0);
		read_file(list_of(sent->irq), text);
		require(!strncmp(text, sent->cpus, strlen(sent->cpus)));
	} else {
		require(answer.error == (sent->irq == IRQS - 1 ? -ELOOP : -ENOENT));
	}
}

/* False: the connection is over. */
static bool ask(const int fds[2], struct fuzz_piece packet)
{
	struct affinity_request sent = {};
	size_t n = packet.size < sizeof(sent) ? packet.size : sizeof(sent);
	bool whole;

	memcpy(&sent, packet.data, n);
	whole = packet.size > AFFINITY_REQUEST_HEAD && packet.size <= sizeof(sent) &&
		!packet.data[packet.size - 1];
	require(send(fds[0], packet.data, packet.size, MSG_DONTWAIT) == (ssize_t)packet.size);
	require(affinity_process_answer(fds[1], directory) == whole);
	if (whole)
		check_answer(fds[0], &sent, n);
	return whole;
}

static void check_files(void)
{
	char text[AFFINITY_CPUS_MAX + 1];

	for (uint32_t irq = 0; irq < IRQS - 1; irq++) {
		read_file(list_of(irq), text);
		require(!*text || is_list(text, strlen(text)));
		fuzz_write_file(root, list_of(irq), "", 0);
	}
	for (size_t i = 0; i < OTHERS; i++) {
		read_file(others[i], text);
		require(!strcmp(text, "untouched"));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fds[2];

	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
	while (size >= 2) {
		struct fuzz_piece packet = { data + 2, (size_t)data[0] | (size_t)data[1] << 8 };

		if (packet.size > size - 2)
			packet.size = size - 2;
		data += 2 + packet.size;
		size -= 2 + packet.size;
		if (!ask(fds, packet))
			break;
	}
	close(fds[0]);
	close(fds[1]);
	check_files();
	return 0;
}
