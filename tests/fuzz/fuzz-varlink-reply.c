// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes from a daemon to its client. Each reply that is taken is a whole one, and the last
 * thing is an error: what no varlink daemon says, or that the connection is over.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include "cxlirqd/varlink.h"
#include "fuzz.h"

static int listener = -EBADF;
static char path[108];

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)argc, (void)argv;
	snprintf(path, sizeof(path), "%s/varlink", fuzz_directory());
	strcpy(address.sun_path, path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	require(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	require(listen(listener, 8) == 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct varlink_client *client = NULL;
	size_t replies = 0, ends = 0;
	int peer, r = 0;

	for (size_t i = 0; i < size; i++)
		ends += !data[i];
	require(varlink_client_connect(path, 10000000, &client) == 0);
	peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	require(peer >= 0);
	require(varlink_client_send(client, "io.cxlirqd.Monitor", NULL, true) == 0);
	require(send(peer, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size);
	require(shutdown(peer, SHUT_WR) == 0);
	do {
		struct varlink_reply reply = VARLINK_REPLY_NULL;

		r = varlink_client_receive(client, &reply);
		require(r == 0 || (!reply.parameters && !reply.error));
		require(r < 0 || json_is_object(reply.parameters));
		replies += r == 0;
		varlink_reply_done(&reply);
	} while (r == 0);
	require(r == -ECONNRESET || r == -EBADMSG);
	require(replies <= ends);
	close(peer);
	varlink_client_free(client);
	return 0;
}
