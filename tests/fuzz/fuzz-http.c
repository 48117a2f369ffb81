// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes to the exporter, over a connection of this machine, so that it looks at the host that
 * is asked for: what it answers is HTTP, what it asks its owner for is text, and in the end nobody
 * is connected and nothing waits to be read. The owner answers as the exporter does.
 */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "http-accept.h"
#include "http-private.h"
#include "page.h"

#define LARGE 5000 /* so that it may be compressed */

static sd_event *event;
static struct listener *listener;
static struct sockaddr_in address = { .sin_family = AF_INET };

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t size = sizeof(address);

	(void)argc, (void)argv;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	require(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	require(listen(fd, 8) == 0 && !getsockname(fd, (struct sockaddr *)&address, &size));
	require(listener_from_fd(fd, &listener) == 0 && listener->local);
	require(sd_event_new(&event) >= 0);
	return 0;
}

static int answer(const struct http_request *request, struct http_answer *ret, void *userdata)
{
	static const struct http_offer offers[] = {
		{ "application/openmetrics-text", "1.0.0", true }, { "text/plain", "0.0.4", false }
	};
	const char *device = http_argument(request, "device");
	const struct page_file *file = page_file(request->path);
	size_t offer = http_accept_type(request->accept, offers, 2);

	(void)userdata;
	require(offer < 2 && (!request->accept || *request->accept));
	if (strlen(request->path) == 1 && !file)
		return -ENOENT;
	if (device && !*device)
		return -ENOMEM;
	ret->type = file ? file->type : offers[offer].type;
	ret->varies = !file;
	ret->fixed = file ? file->text : NULL;
	ret->size = file ? file->size : LARGE;
	if (!file)
		ret->text = calloc(1, LARGE);
	return ret->fixed || ret->text ? 0 : -ENOMEM;
}

/* What has to wait for its share of the loop does so in real time, which is not worth it here. */
static void turn(struct http *http)
{
	for (int i = 0; i < 200 && sd_event_run(event, 0) > 0; i++)
		http->free_usec = 0;
}

static int dial(void)
{
	const struct linger reset = { .l_onoff = 1 }; /* no port that waits */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	require(!setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)));
	require(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

/* The first answer's line; all of them are read. */
static void hear(struct http *http, int fd)
{
	char text[8192];
	bool first = true;
	ssize_t n;

	while ((n = recv(fd, text, sizeof(text), MSG_DONTWAIT)) > 0) {
		if (first)
			require(n > 12 && !strncmp(text, "HTTP/1.", 7) && text[9] >= '1' &&
				text[9] <= '5');
		first = false;
		turn(http);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct http_limits limits = HTTP_LIMITS_DEFAULT;
	struct http *http = NULL;
	int fd;

	require(http_new(event, &limits, answer, NULL, &http) == 0);
	require(http_add_listener(http, listener) == 0);
	fd = dial();
	turn(http);
	/* no input is larger than what a socket holds */
	require(send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size);
	shutdown(fd, SHUT_WR);
	turn(http);
	hear(http, fd);
	close(fd);
	turn(http);
	require(http->held == 0);
	http_free(http);
	return 0;
}
