// SPDX-License-Identifier: GPL-2.0-or-later
/* cxlirqd: argv, settings, and one manager. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>

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

struct arguments {
	const char *config, *record, *replay, *socket;
	bool check, once, support, keys, catalog, metrics, write_affinity;
};

/* 1: go on, 0: done, negative: wrong usage, which getopt has told */
static int parse(int argc, char *argv[], struct arguments *a)
{
	enum { CHECK = 256, ONCE, RECORD, REPLAY, SUPPORT, KEYS, CATALOG, METRICS, WRITE_AFFINITY };
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

	for (int c; (c = getopt_long(argc, argv, "c:S:hV", options, NULL)) >= 0;) {
		switch (c) {
		case 'c': a->config = optarg; break;
		case 'S': a->socket = optarg; break;
		case CHECK: a->check = true; break;
		case ONCE: a->once = true; break;
		case RECORD: a->record = optarg; break;
		case REPLAY: a->replay = optarg; break;
		case SUPPORT: a->support = true; break;
		case KEYS: a->keys = true; break;
		case CATALOG: a->catalog = true; break;
		case METRICS: a->metrics = true; break;
		case WRITE_AFFINITY: a->write_affinity = true; break;
		case 'h': fputs(help, stdout); return 0;
		case 'V': puts("cxlirqd " CXLIRQD_VERSION); return 0;
		default: return -EINVAL;
		}
	}
	if (optind < argc) {
		log_error("unexpected argument \"%s\"", argv[optind]);
		return -EINVAL;
	}
	return 1;
}

static int run(struct config *config, const struct arguments *a)
{
	_cleanup_(manager_freep) struct manager *manager = NULL;

	if (manager_new(config, a->replay, a->record, !a->once && !a->support, &manager) < 0 ||
	    manager_start(manager) < 0)
		return EXIT_FAILED;
	if (a->support)
		return manager_print_support(manager, stdout) ? EXIT_UNHEALTHY : EXIT_DONE;
	if (a->once && manager_print(manager, stdout) < 0) {
		log_error("cannot print: %s", strerror(errno));
		return EXIT_FAILED;
	}
	if (a->once)
		return EXIT_DONE;
	return manager_serve(manager) < 0 ? EXIT_FAILED : EXIT_DONE;
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

int main(int argc, char *argv[])
{
	struct arguments a = {};
	struct config config;
	unsigned int warnings;
	int r = parse(argc, argv, &a);

	if (r <= 0)
		return r < 0 ? EXIT_USAGE : EXIT_DONE;
	if (a.keys) {
		config_print_keys(stdout);
		return EXIT_DONE;
	}
	if (a.catalog)
		return sink_journal_print_catalog(stdout) < 0 ? EXIT_FAILED : EXIT_DONE;
	if (a.write_affinity)
		return write_affinity();
	if (a.metrics)
		return metric_print_manual(stdout) < 0 ? EXIT_FAILED : EXIT_DONE;
	r = config_read(a.config, &config, &warnings);
	if (r < 0) {
		log_error("%s: %s", a.config ?: "settings", strerror(-r));
		return EXIT_USAGE;
	}
	log_set_level(config.log_level);
	if (a.socket && config_set_socket(&config, a.socket) < 0)
		return EXIT_FAILED;
	r = a.check ? (warnings ? EXIT_USAGE : EXIT_DONE) : run(&config, &a);
	config_done(&config);
	return r;
}
