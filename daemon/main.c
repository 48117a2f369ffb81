// SPDX-License-Identifier: GPL-2.0-or-later
/* cxlirqd: argv, settings, and one manager. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/streams.h>

#include "activation.h"
#include "affinity-writer.h"
#include "config.h"
#include "log.h"
#include "manager.h"
#include "metric.h"
#include "sink-journal.h"

DEFINE_CLEANUP(struct manager *, manager_free);

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_UNHEALTHY };

static const char help[] =
	"Usage: cxlirqd [OPTION]...\n"
	"Traces who owns every interrupt vector of this host, and what its messages are.\n\n"
	"  -c, --config FILE   read this file instead of /etc/cxlirqd.conf and its like\n"
	"      --check-config  say what is wrong with the settings, and exit\n"
	"      --once          print all that is known as JSON, and exit\n"
	"      --record FILE   write every raw record to FILE\n"
	"      --replay FILE   instead of this kernel, read such a file\n"
	"      --support       print which hooks this kernel gives, and why not, and exit\n"
	"      --keys          print every setting with its default, and exit\n"
	"      --catalog       print the journal's catalog of messages, and exit\n"
	"      --metrics       print the manual of all metrics, and exit\n"
	"      --write-affinity  write CPUs of interrupts for the daemon (systemd starts this)\n"
	"  -S, --socket PATH   listen here instead of where the settings say\n"
	"  -h, --help          print this, and exit\n"
	"  -V, --version       print the version, and exit\n";

/* What to do instead of serving; also what getopt_long() gives */
enum mode {
	SERVE,
	CHECK = 256,
	ONCE,
	SUPPORT,
	KEYS,
	CATALOG,
	METRICS,
	WRITE_AFFINITY,
	RECORD,
	REPLAY
};

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "check-config", no_argument, NULL, CHECK },
	{ "once", no_argument, NULL, ONCE },
	{ "record", required_argument, NULL, RECORD },
	{ "replay", required_argument, NULL, REPLAY },
	{ "support", no_argument, NULL, SUPPORT },
	{ "keys", no_argument, NULL, KEYS },
	{ "catalog", no_argument, NULL, CATALOG },
	{ "metrics", no_argument, NULL, METRICS },
	{ "write-affinity", no_argument, NULL, WRITE_AFFINITY },
	{ "socket", required_argument, NULL, 'S' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{},
};

struct arguments {
	const char *config, *record, *replay, *socket;
	enum mode mode;
};

/* What was printed has arrived, or it is said why not. */
static int printed(int code)
{
	int error = ferror(stdout) ? errno : 0; /* whoever printed has just seen it */

	if (fflush(stdout) != 0 && !error)
		error = errno;
	if (!error)
		return code;
	log_error("standard output: %s", strerror(error));
	return EXIT_FAILED;
}

static const char *name_of(enum mode mode)
{
	const struct option *option = options;

	while (option->val != (int)mode)
		option++;
	return option->name;
}

static int set_mode(struct arguments *a, enum mode mode)
{
	if (a->mode != SERVE && a->mode != mode) {
		log_error("--%s and --%s are two things", name_of(a->mode), name_of(mode));
		return -EINVAL;
	}
	a->mode = mode;
	return 0;
}

/* 1: go on, 0: done, negative: wrong usage, which was told */
static int parse(int argc, char *argv[], struct arguments *a)
{
	int r = 0;

	for (int c; r >= 0 && (c = getopt_long(argc, argv, "c:S:hV", options, NULL)) >= 0;) {
		switch (c) {
		case 'c': a->config = optarg; break;
		case 'S': a->socket = optarg; break;
		case RECORD: a->record = optarg; break;
		case REPLAY: a->replay = optarg; break;
		case 'h': fputs(help, stdout); return 0;
		case 'V': puts("cxlirqd " CXLIRQD_VERSION); return 0;
		case '?': return -EINVAL;
		default: r = set_mode(a, (enum mode)c);
		}
	}
	if (r >= 0 && optind < argc) {
		log_error("unexpected argument \"%s\"", argv[optind]);
		return -EINVAL;
	}
	return r < 0 ? r : 1;
}

static int print_once(struct manager *manager)
{
	int r = manager_print(manager, stdout);

	if (r < 0 && !ferror(stdout)) {
		log_error("cannot print: %s", strerror(ENOMEM));
		return EXIT_FAILED;
	}
	return printed(EXIT_DONE);
}

static int run(struct config *config, const struct arguments *a)
{
	_cleanup_(manager_freep) struct manager *manager = NULL;
	int code;

	if (manager_new(config, a->replay, a->record, a->mode == SERVE, &manager) < 0 ||
	    manager_start(manager) < 0)
		return EXIT_FAILED;
	if (a->mode == SERVE)
		return manager_serve(manager) < 0 ? EXIT_FAILED : EXIT_DONE;
	if (a->mode == SUPPORT)
		code = printed(manager_print_support(manager, stdout) ? EXIT_UNHEALTHY : EXIT_DONE);
	else
		code = print_once(manager);
	return manager_end_record(manager) < 0 ? EXIT_FAILED : code;
}

static int write_affinity(void)
{
	uid_t owner;
	int fd = -EBADF, r = activation_take(AFFINITY_SOCKET_NAME, &fd);

	if (r <= 0) {
		log_error("--write-affinity: systemd has passed no socket \"%s\"",
			  AFFINITY_SOCKET_NAME);
		return EXIT_USAGE;
	}
	r = affinity_writer_owner(fd, &owner);
	if (r >= 0)
		r = affinity_writer_serve(fd, owner);
	if (r < 0)
		log_error("cannot write affinities: %s", strerror(-r));
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int configured(const struct arguments *a)
{
	struct config config;
	unsigned int warnings;
	int r = config_read(a->config, &config, &warnings);

	if (r < 0) {
		log_error("%s: %s", config_unreadable() ?: "settings", strerror(-r));
		return EXIT_USAGE;
	}
	log_set_level(config.log_level);
	if (a->socket && config_set_socket(&config, a->socket) < 0)
		r = EXIT_FAILED;
	else if (a->mode == CHECK)
		r = warnings ? EXIT_USAGE : EXIT_DONE;
	else
		r = run(&config, a);
	config_done(&config);
	return r;
}

int main(int argc, char *argv[])
{
	struct arguments a = {};
	int r;

	streams_open();
	r = parse(argc, argv, &a);
	if (r <= 0)
		return r < 0 ? EXIT_USAGE : printed(EXIT_DONE);
	switch (a.mode) {
	case KEYS: config_print_keys(stdout); return printed(EXIT_DONE);
	case CATALOG: sink_journal_print_catalog(stdout); return printed(EXIT_DONE);
	case METRICS: metric_print_manual(stdout); return printed(EXIT_DONE);
	case WRITE_AFFINITY: return write_affinity();
	default: return configured(&a);
	}
}
