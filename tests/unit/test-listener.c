// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Addresses as people write them, sockets as they are left behind, and [Export] Listen=, which is a
 * list of them.
 */
#include "listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include "config.h"
#include "log.h"
#include "records.h"

static struct listener_address parse_good(const char *text)
{
	struct listener_address address;
	const char *why = "?";

	if (listener_parse(text, &address, &why) < 0)
		fail_msg("%s: %s", text, why);
	return address;
}

static void test_good(void **state)
{
	struct listener_address address = parse_good("127.0.0.1:9967");
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address.socket;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address.socket;
	const struct sockaddr_un *file = (const struct sockaddr_un *)&address.socket;

	(void)state;
	assert_int_equal(v4->sin_family, AF_INET);
	assert_int_equal(v4->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	assert_int_equal(v4->sin_port, htons(9967));
	address = parse_good("[::1]:1");
	assert_int_equal(v6->sin6_family, AF_INET6);
	assert_true(IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr));
	assert_int_equal(v6->sin6_port, htons(1));
	address = parse_good(":65535");
	assert_int_equal(v6->sin6_family, AF_INET6);
	assert_true(IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr));
	address = parse_good("unix:/run/a:b");
	assert_int_equal(file->sun_family, AF_UNIX);
	assert_string_equal(file->sun_path, "/run/a:b");
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"9967",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:0",
		"127.0.0.1:65536",
		"127.0.0.1:99x",
		"127.0.0.1:-1",
		"127.0.0.1:+1",
		"127.0.0.1: 1",
		"127.1:9967",
		"localhost:9967",
		"host.example.com:9967",
		"::1:9967",
		"[::1]",
		"[::1:9967",
		"[]:9967",
		"[:9967",
		"[1.2.3.4]:1",
		"256.0.0.1:9967",
		"unix:",
		"unix:relative",
		"",
		"http://[::1]:99/",
		"127.0.0.1:18446744073709551617",
	};
	char path[300] = "unix:/";

	(void)state;
	memset(path + 6, 'a', sizeof(path) - 7);
	for (size_t i = 0; i <= sizeof(bad) / sizeof(*bad); i++) {
		const char *text = i < sizeof(bad) / sizeof(*bad) ? bad[i] : path;
		struct listener_address address = { .size = 7 };
		const char *why = NULL;

		if (listener_parse(text, &address, &why) != -EINVAL)
			fail_msg("\"%s\" is taken", text);
		assert_non_null(why);
		assert_int_equal(address.size, 7);
	}
}

/* On a free port of the loopback's, which the kernel chooses */
static struct listener *open_any_port(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct listener *listener;

	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(listener_from_fd(fd, &listener), 0);
	return listener;
}

static void test_internet(void **state)
{
	struct listener *first = open_any_port(), *second;
	struct listener_address address = parse_good(first->name);

	(void)state;
	assert_true(first->local);
	assert_true(fcntl(first->fd, F_GETFL) & O_NONBLOCK);
	assert_true(listener_is(first, &address));
	assert_int_equal(listener_open(&address, &second), -EADDRINUSE);
	listener_free(first);
	assert_int_equal(listener_open(&address, &second), 0);
	assert_true(listener_is(second, &address));
	assert_true(second->local);
	assert_true(fcntl(second->fd, F_GETFD) & FD_CLOEXEC);
	listener_free(second);
}

static void test_every_address(void **state)
{
	struct listener *taken = open_any_port(), *all;
	struct listener_address address = {};
	char text[32];

	(void)state;
	snprintf(text, sizeof(text), "%s", strrchr(taken->name, ':'));
	listener_free(taken);
	address = parse_good(text);
	assert_int_equal(listener_open(&address, &all), 0);
	assert_false(all->local);
	listener_free(all);
}

static void expect_gone(const char *path)
{
	struct stat st;

	assert_true(lstat(path, &st) < 0);
}

static void leave_dead(const struct listener_address *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&address->socket, address->size), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
}

static void test_file(void **state)
{
	char path[128], text[140];
	struct listener_address address;
	struct listener *one, *other;
	struct stat st;

	snprintf(path, sizeof(path), "%s", file_path(*state, "socket"));
	snprintf(text, sizeof(text), "unix:%s", path);
	address = parse_good(text);
	assert_int_equal(listener_open(&address, &one), 0);
	assert_string_equal(one->name, text);
	assert_true(one->local);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	/* it lives, even if it accepts nobody */
	assert_int_equal(listener_open(&address, &other), -EADDRINUSE);
	/* somebody took its file away, and another one has the name: that one stays */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(listener_open(&address, &other), 0);
	listener_free(one);
	assert_int_equal(lstat(path, &st), 0);
	listener_free(other);
	expect_gone(path);
	/* it died: the file stayed, and makes way */
	leave_dead(&address);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(listener_open(&address, &other), 0);
	listener_free(other);
	expect_gone(path);
	/* what is no socket is nobody's to remove */
	file_write(path, "x", 1);
	assert_int_equal(listener_open(&address, &other), -EEXIST);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(unlink(path), 0);
	listener_free(NULL);
}

static void test_from_elsewhere(void **state)
{
	int pair[2], datagrams = socket(AF_INET, SOCK_DGRAM, 0);
	struct listener *listener;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(listener_from_fd(pair[0], &listener), -EINVAL);
	assert_true(fcntl(pair[0], F_GETFD) < 0); /* it was taken over */
	assert_int_equal(listener_from_fd(datagrams, &listener), -EINVAL);
	close(pair[1]);
}

/* ---- the setting ---- */

static struct config config;
static unsigned int warnings;

static int teardown(void **state)
{
	config_done(&config);
	return directory_teardown(state);
}

static void read_listen(const char *directory, const char *value)
{
	_cleanup_free_ char *text = NULL;
	const char *path = file_path(directory, "conf");

	assert_true(asprintf(&text, "[Export]\n%s%s\n", value ? "Listen=" : "", value ?: "") > 0);
	file_write(path, text, strlen(text));
	config_done(&config);
	assert_int_equal(config_read(path, &config, &warnings), 0);
}

static void test_setting(void **state)
{
	static const char *const good[] = {
		"",
		"127.0.0.1:1 [::1]:1\tunix:/a :2",
		":1 :2 :3 :4 :5 :6 :7 :8",
	};
	static const char *const bad[] = {
		"9967",
		"127.0.0.1:9967,[::1]:9967",
		":1 :2 :3 :4 :5 :6 :7 :8 :9",
		":1 nonsense",
	};

	read_listen(*state, NULL);
	assert_string_equal(config.export_listen, "127.0.0.1:9967");
	assert_false(config.export_listen_given);
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		read_listen(*state, good[i]);
		assert_int_equal(warnings, 0);
		assert_string_equal(config.export_listen, good[i]);
		assert_true(config.export_listen_given);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		read_listen(*state, bad[i]);
		assert_int_equal(warnings, 1);
		assert_string_equal(config.export_listen, "127.0.0.1:9967");
		assert_false(config.export_listen_given);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_internet),
		cmocka_unit_test(test_every_address),
		cmocka_unit_test_setup_teardown(test_file, directory_setup, directory_teardown),
		cmocka_unit_test(test_from_elsewhere),
		cmocka_unit_test_setup_teardown(test_setting, directory_setup, teardown),
	};

	log_set_level(LOG_ERR - 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
