// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Addresses are numbers: asking a name service at start would make the daemon wait for the network.
 *
 * A socket's file outlives a daemon that was killed. Whether it is dead is asked by connecting, and
 * at the end only the file that was made here is removed: a successor may have put its own there.
 */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#define UNIX_PREFIX "unix:"

static int parse_port(const char *text, in_port_t *ret)
{
	unsigned long port;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	port = strtoul(text, &end, 10);
	if (*end || port == 0 || port > UINT16_MAX)
		return -EINVAL;
	*ret = htons((in_port_t)port);
	return 0;
}

static int parse_unix(const char *path, struct listener_address *ret, const char **ret_why)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&ret->socket;

	*ret_why = "the path is not absolute";
	if (*path != '/')
		return -EINVAL;
	*ret_why = "the path is too long for a socket";
	if (strlen(path) >= sizeof(address->sun_path))
		return -EINVAL;
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, path);
	ret->size = sizeof(*address);
	return 0;
}

static int parse_internet(const char *host, in_port_t port, struct listener_address *ret)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret->socket;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ret->socket;
	char inner[INET6_ADDRSTRLEN];
	size_t length = strlen(host);

	if (!*host) {
		v6->sin6_family = AF_INET6;
		v6->sin6_addr = in6addr_any;
	} else if (*host == '[') {
		if (host[length - 1] != ']' || length - 2 >= sizeof(inner))
			return -EINVAL;
		memcpy(inner, host + 1, length - 2);
		inner[length - 2] = '\0';
		if (inet_pton(AF_INET6, inner, &v6->sin6_addr) != 1)
			return -EINVAL;
		v6->sin6_family = AF_INET6;
	} else {
		if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
			return -EINVAL;
		v4->sin_family = AF_INET;
		v4->sin_port = port;
		ret->size = sizeof(*v4);
		return 0;
	}
	v6->sin6_port = port;
	ret->size = sizeof(*v6);
	return 0;
}

int listener_parse(const char *text, struct listener_address *ret, const char **ret_why)
{
	struct listener_address address = {};
	const char *colon = strrchr(text, ':'), *why = NULL;
	_cleanup_free_ char *host = NULL;
	in_port_t port;
	int r;

	if (!strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX))) {
		r = parse_unix(text + strlen(UNIX_PREFIX), &address, &why);
	} else if (!colon || parse_port(colon + 1, &port) < 0) {
		why = "no port from 1 to 65535 after the last colon";
		r = -EINVAL;
	} else {
		host = strndup(text, (size_t)(colon - text));
		if (!host)
			return -ENOMEM;
		why = "not an address in numbers (127.0.0.1:9967, [::1]:9967, :9967, unix:/path)";
		r = parse_internet(host, port, &address);
	}
	if (r < 0) {
		*ret_why = why;
		return r;
	}
	*ret = address;
	return 0;
}

/* ---- what a socket is ------------------------------------------------------------------------ */

static bool address_is_any(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 &&
	       IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static bool address_is_local(const struct sockaddr_storage *address)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

	switch (address->ss_family) {
	case AF_UNIX: return true;
	case AF_INET: return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
		       (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127);
	default: return false;
	}
}

static void name_address(const struct sockaddr_storage *address, socklen_t size,
			 char ret[static LISTENER_NAME_MAX])
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	const struct sockaddr_un *file = (const struct sockaddr_un *)address;
	char host[INET6_ADDRSTRLEN] = "?";

	switch (address->ss_family) {
	case AF_INET:
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(ret, LISTENER_NAME_MAX, "%s:%u", host, ntohs(v4->sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(ret, LISTENER_NAME_MAX, "[%s]:%u", host, ntohs(v6->sin6_port));
		break;
	case AF_UNIX:
		/* one without a file has a NUL in front */
		snprintf(ret, LISTENER_NAME_MAX, UNIX_PREFIX "%.*s",
			 (int)(size - offsetof(struct sockaddr_un, sun_path)),
			 file->sun_path[0] ? file->sun_path : "@");
		break;
	default: snprintf(ret, LISTENER_NAME_MAX, "?");
	}
}

bool listener_is(const struct listener *listener, const struct listener_address *address)
{
	char name[LISTENER_NAME_MAX];

	name_address(&address->socket, address->size, name);
	return !strcmp(name, listener->name);
}

/* @fd is taken over, also on failure. */
static int listener_new(int fd, struct listener **ret)
{
	_cleanup_close_ int owned = fd;
	struct sockaddr_storage address = {};
	socklen_t size = sizeof(address);
	struct listener *listener;

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return -errno;
	listener = calloc(1, sizeof(*listener));
	if (!listener)
		return -ENOMEM;
	listener->fd = TAKE_FD(owned);
	listener->local = address_is_local(&address);
	name_address(&address, size, listener->name);
	*ret = listener;
	return 0;
}

int listener_from_fd(int fd, struct listener **ret)
{
	_cleanup_close_ int owned = fd;
	int flags, r;

	r = sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1);
	if (r <= 0)
		return r < 0 ? r : -EINVAL;
	/* A client that gave up between poll and accept must not block the loop. */
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return listener_new(TAKE_FD(owned), ret);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* 0: nobody answered at @address, and it has been removed. */
static int remove_stale(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* A full backlog (EAGAIN) is somebody, too. */
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return -errno;
	return unlink(address->sun_path) < 0 ? -errno : 0;
}

static int bind_file(int fd, const struct listener_address *address)
{
	const struct sockaddr_un *file = (const struct sockaddr_un *)&address->socket;
	int r;

	if (bind(fd, (const struct sockaddr *)file, address->size) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	r = remove_stale(file);
	if (r < 0)
		return r;
	return bind(fd, (const struct sockaddr *)file, address->size) < 0 ? -errno : 0;
}

static int bind_internet(int fd, const struct listener_address *address)
{
	int on = 1, only = !address_is_any(&address->socket);

	/* connections of the daemon before may still linger */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	/* "every address" means those of IPv4, too */
	if (address->socket.ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address->socket, address->size) < 0)
		return -errno;
	return 0;
}

/* Nobody can connect before listen(). */
static int listen_file(struct listener *listener)
{
	const char *path = listener->name + strlen(UNIX_PREFIX);
	struct stat st;

	/* Reading is for everyone. bind() obeyed the umask. */
	if (chmod(path, 0666) < 0 || lstat(path, &st) < 0 || listen(listener->fd, SOMAXCONN) < 0) {
		int r = -errno;

		unlink(path);
		return r;
	}
	listener->device = st.st_dev;
	listener->inode = st.st_ino;
	return 0;
}

static int open_address(const struct listener_address *address, struct listener **ret)
{
	_cleanup_(listener_freep) struct listener *listener = NULL;
	int family = address->socket.ss_family, r;
	_cleanup_close_ int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	r = family == AF_UNIX ? bind_file(fd, address) : bind_internet(fd, address);
	if (r >= 0)
		r = listener_new(TAKE_FD(fd), &listener);
	if (r < 0)
		return r;
	if (family == AF_UNIX)
		r = listen_file(listener);
	else if (listen(listener->fd, SOMAXCONN) < 0)
		r = -errno;
	if (r < 0)
		return r;
	*ret = TAKE_PTR(listener);
	return 0;
}

int listener_open(const struct listener_address *address, struct listener **ret)
{
	struct listener_address v4 = { .size = sizeof(struct sockaddr_in) };
	struct sockaddr_in *any = (struct sockaddr_in *)&v4.socket;
	int r = open_address(address, ret);

	/* a kernel that was told to do without IPv6 */
	if (r != -EAFNOSUPPORT || !address_is_any(&address->socket))
		return r;
	any->sin_family = AF_INET;
	any->sin_port = ((const struct sockaddr_in6 *)&address->socket)->sin6_port;
	return open_address(&v4, ret);
}

struct listener *listener_free(struct listener *listener)
{
	struct stat st;

	if (!listener)
		return NULL;
	/* while it is open, nobody else's file can have this inode */
	if (listener->inode && lstat(listener->name + strlen(UNIX_PREFIX), &st) == 0 &&
	    st.st_dev == listener->device && st.st_ino == listener->inode)
		unlink(listener->name + strlen(UNIX_PREFIX));
	closep(&listener->fd);
	free(listener);
	return NULL;
}
