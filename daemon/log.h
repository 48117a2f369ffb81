/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages for people, on stderr; under systemd each line begins with its level in the form that
 * the journal reads. Only main, manager, config and probe call anything above debug.
 */
#ifndef CXLIRQD_LOG_H
#define CXLIRQD_LOG_H

#include <syslog.h>

/* LOG_ERR ... LOG_DEBUG; what is less urgent is not printed. */
void log_set_level(int level);

int log_level(void);

/* "err", "warning", "notice", "info" or "debug" -> level; -EINVAL */
int log_level_from_name(const char *name);
/* The other way round; static string. */
const char *log_level_to_name(int level);

void log_message(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_message(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_message(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_message(LOG_DEBUG, __VA_ARGS__)

#endif
