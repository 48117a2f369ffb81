// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pager, by the rules that systemctl(1) documents for $SYSTEMD_PAGER and its kin. What matters
 * there: unless $SYSTEMD_PAGERSECURE says otherwise, the environment can turn the pager off but not
 * choose it, and somebody who has got the rights of another user gets none that could run commands.
 *
 * The pager is a child that reads what we write. If none can be run, the child copies it to the
 * terminal itself, so that the verb need not know.
 */
#include "pager.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "cxlirqd/cleanup.h"

#define LESS_OPTIONS "FRSXMK"
#define ARGUMENTS_MAX 16

static pid_t pager_pid;
static int stderr_before = -EBADF; /* where it went before the pager got it, too */

/* What the environment says of the pager. */
struct settings {
	const char *pager; /* NULL: not chosen */
	const char *less; /* options */
	bool secure; /* it must not run commands or open files */
};

/* 1, 0, or -EINVAL */
static int parse_boolean(const char *text)
{
	static const char *const yes[] = { "1", "yes", "y", "true", "t", "on" };
	static const char *const no[] = { "0", "no", "n", "false", "f", "off" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strcasecmp(text, yes[i]) == 0)
			return 1;
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (strcasecmp(text, no[i]) == 0)
			return 0;
	return -EINVAL;
}

/* Whether we run with other rights than those of whoever sits at the terminal */
static bool is_elevated(void)
{
	uid_t owner;

	return getenv("SUDO_UID") || sd_pid_get_owner_uid(0, &owner) < 0 || owner != geteuid();
}

/* False: there is to be no pager. */
static bool read_settings(struct settings *ret)
{
	const char *secure = getenv("SYSTEMD_PAGERSECURE");
	struct settings settings = { .pager = getenv("SYSTEMD_PAGER") ?: getenv("PAGER"),
				     .less = getenv("SYSTEMD_LESS") ?: LESS_OPTIONS };
	int r = secure ? parse_boolean(secure) : -ENXIO;

	if (settings.pager && (!*settings.pager || strcmp(settings.pager, "cat") == 0))
		return false;
	settings.secure = r == -ENXIO ? is_elevated() : r != 0;
	if (r < 0)
		settings.pager = NULL;
	*ret = settings;
	return true;
}

static bool is_terminal(void)
{
	const char *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

static void set_environment(const struct settings *settings)
{
	const char *charset = getenv("SYSTEMD_LESSCHARSET");

	setenv("LESS", settings->less, 1);
	if (!charset && strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
		charset = "utf-8";
	if (charset)
		setenv("LESSCHARSET", charset, 1);
	if (settings->secure)
		setenv("LESSSECURE", "1", 1);
	else
		unsetenv("LESSSECURE");
}

/* Comes back if it cannot be run. */
static void run_chosen(const char *pager)
{
	_cleanup_free_ char *copy = strdup(pager);
	char *arguments[ARGUMENTS_MAX + 1] = {};
	char *rest = copy, *word;
	size_t n = 0;

	while (n < ARGUMENTS_MAX && (word = strsep(&rest, " \t")))
		if (*word)
			arguments[n++] = word;
	if (n > 0)
		execvp(arguments[0], arguments);
}

/* What reads the pipe when there is no pager */
_Noreturn static void copy_through(void)
{
	char buffer[4096];
	ssize_t n, done, at;

	while ((n = read(STDIN_FILENO, buffer, sizeof(buffer))) > 0)
		for (at = 0; at < n; at += done) {
			done = write(STDOUT_FILENO, buffer + at, (size_t)(n - at));
			if (done < 0)
				_exit(1);
		}
	_exit(0);
}

_Noreturn static void be_pager(const struct settings *settings, pid_t parent)
{
	static const struct {
		const char *program;
		bool secure; /* knows $LESSSECURE */
	} known[] = { { "pager", false }, { "less", true }, { "more", false } };

	set_environment(settings);
	/* a page that nobody writes any more is left with its writer */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(0);
	if (settings->pager)
		run_chosen(settings->pager);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].secure || !settings->secure)
			execlp(known[i].program, known[i].program, NULL);
	copy_through();
}

static void redirect(int fd)
{
	fflush(stdout);
	fflush(stderr);
	/* a message in the middle of the page would be lost there */
	if (isatty(STDERR_FILENO)) {
		stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
		dup2(fd, STDERR_FILENO);
	}
	dup2(fd, STDOUT_FILENO);
	/* who leaves the pager early has seen enough; the verb's exit code still counts */
	signal(SIGPIPE, SIG_IGN);
	/* What Ctrl-C means is the pager's affair. If it ends by it, we wait until it has given the
	   terminal back. */
	signal(SIGINT, SIG_IGN);
}

void pager_open(const struct options *options)
{
	_cleanup_close_ int in = -EBADF, out = -EBADF;
	struct settings settings;
	pid_t parent = getpid();
	int fds[2];

	if (pager_pid > 0 || !options->pager || !is_terminal() || !read_settings(&settings))
		return;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return;
	in = fds[0];
	out = fds[1];
	fflush(stdout);
	pager_pid = fork();
	if (pager_pid == 0) {
		dup2(in, STDIN_FILENO);
		/* or it would wait for itself to write */
		closep(&in);
		closep(&out);
		be_pager(&settings, parent);
	}
	if (pager_pid > 0)
		redirect(out);
}

bool pager_is_open(void)
{
	return pager_pid > 0;
}

void pager_close(void)
{
	if (pager_pid <= 0)
		return;
	if (stderr_before >= 0)
		dup2(stderr_before, STDERR_FILENO);
	closep(&stderr_before);
	/* one that was stopped would keep us waiting for ever */
	kill(pager_pid, SIGCONT);
	while (waitpid(pager_pid, NULL, 0) < 0 && errno == EINTR)
		;
	pager_pid = 0;
}
