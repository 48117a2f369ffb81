/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Metrics for systemd: io.systemd.Metrics on a socket below /run/systemd/report, where
 * systemd-report looks for those who have any. Non-logging.
 */
#ifndef CXLIRQD_SINK_REPORT_H
#define CXLIRQD_SINK_REPORT_H

#include <systemd/sd-event.h>

#include <cxlirqd/cleanup.h>

#include "metric.h"

/* systemd-report takes 1024 series of all its sources together. */
#define SINK_REPORT_SERIES_MAX 512

/*
 * Has every series, up to date, in order, SINK_REPORT_SERIES_MAX at most. The caller frees *@ret
 * before anything else happens. Negative errno.
 */
typedef int (*sink_report_gather_fn)(struct metric_set **ret, void *userdata);

struct sink_report;

/* @event is referenced. -ENOMEM. */
int sink_report_new(sd_event *event, sink_report_gather_fn gather, void *userdata,
		    struct sink_report **ret);
/* Removes the socket, if it made it. */
struct sink_report *sink_report_free(struct sink_report *report);
DEFINE_CLEANUP(struct sink_report *, sink_report_free);

/*
 * As varlink_server_listen(), but the directory is systemd's to make: -ENOENT without it.
 * -EADDRINUSE: another daemon answers there.
 */
int sink_report_listen(struct sink_report *report, const char *path);
/* On a socket that systemd passed, and removes. Takes @fd over, also on failure. */
int sink_report_listen_fd(struct sink_report *report, int fd);

/* Readers dropped because they were too slow */
uint64_t sink_report_dropped(const struct sink_report *report);

#endif
