// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One table of keys: what is read, what is checked, what the manual lists. A wrong line never
 * stops the daemon; it is told with file and line, and what stood before stays.
 */
#include "config.h"

#include <errno.h>
#include <glob.h>
#include <ini.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>

#include "log.h"
#include "pmu-item.h"

enum kind {
	KIND_NUMBER,
	KIND_SIZE,
	KIND_PATH,
	KIND_DIRECTORY,
	KIND_LEVEL,
	KIND_SWITCH,
	KIND_RULES,
	KIND_PATTERNS,
	KIND_EVENTS
};

static const struct key {
	const char *section, *name, *fallback;
	enum kind kind;
	size_t offset;
	uint64_t min, max;
} keys[] = {
	{ "Daemon", "Socket", "/run/cxlirqd/io.cxlirqd", KIND_PATH, offsetof(struct config, socket),
	  0, 0 },
	{ "Daemon", "LogLevel", "info", KIND_LEVEL, offsetof(struct config, log_level), 0, 0 },
	{ "Daemon", "EventBacklog", "4096", KIND_NUMBER, offsetof(struct config, event_backlog), 0,
	  8192 },
	{ "Trace", "RingSize", "2M", KIND_SIZE, offsetof(struct config, ring_size), 1 << 20,
	  1 << 30 },
	{ "Trace", "SnapshotIntervalSec", "300", KIND_NUMBER, offsetof(struct config, snapshot_sec),
	  0, 86400 },
	{ "Trace", "MaxVectors", "262144", KIND_NUMBER, offsetof(struct config, max_vectors), 64,
	  1 << 24 },
	{ "Trace", "MaxDomains", "65536", KIND_NUMBER, offsetof(struct config, max_domains), 64,
	  1 << 20 },
	{ "Rules", "Disable", "", KIND_RULES, offsetof(struct config, rules), 0, 0 },
	{ "Rules", "DoorbellDevices", "", KIND_PATTERNS, offsetof(struct config, doorbell_devices),
	  0, 0 },
	{ "Rules", "MaxViolations", "4096", KIND_NUMBER, offsetof(struct config, max_violations),
	  16, 65536 },
	{ "Counters", "Events", "", KIND_EVENTS, offsetof(struct config, counter_events), 0, 0 },
	{ "Counters", "Max", "256", KIND_NUMBER, offsetof(struct config, max_counters), 0, 4096 },
	{ "Store", "Enabled", "yes", KIND_SWITCH, offsetof(struct config, store), 0, 0 },
	{ "Store", "Directory", "", KIND_DIRECTORY, offsetof(struct config, store_directory), 0,
	  0 },
	{ "Store", "RetentionDays", "90", KIND_NUMBER, offsetof(struct config, store_days), 0,
	  36500 },
	{ "Store", "MaxSize", "256M", KIND_SIZE, offsetof(struct config, store_size), 16 << 20,
	  1ULL << 40 },
};
#define N_KEYS (sizeof(keys) / sizeof(*keys))

static int parse_number(const char *text, bool suffixes, uint64_t *ret)
{
	unsigned long long n;
	uint64_t factor = 1;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (suffixes && *end && !end[1]) {
		factor = *end == 'K' ? 1ULL << 10 :
			 *end == 'M' ? 1ULL << 20 :
			 *end == 'G' ? 1ULL << 30 :
				       0;
		end++;
	}
	if (*end || !factor)
		return -EINVAL;
	if (n > UINT64_MAX / factor)
		return -ERANGE;
	*ret = n * factor;
	return 0;
}

/* As systemd has them */
static int parse_switch(const char *text, bool *ret)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(text, words[i]))
			continue;
		*ret = i % 2;
		return 0;
	}
	return -EINVAL;
}

static bool is_power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

static int assign_text(char **field, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

/* Names of rules with blanks between them */
static int parse_rules(const char *value, struct rule_set *ret)
{
	_cleanup_free_ char *copy = strdup(value);
	struct rule_set set = {};
	char *name, *rest;

	if (!copy)
		return -ENOMEM;
	for (name = strtok_r(copy, " \t", &rest); name; name = strtok_r(NULL, " \t", &rest)) {
		enum rule_id rule = rule_from_name(name);

		if (rule == RULE_MAX)
			return -EINVAL;
		set.off[rule] = true;
	}
	*ret = set;
	return 0;
}

/* Patterns with blanks between them: no more, and none longer, than the model takes */
static int check_patterns(const char *value)
{
	size_t n = 0, length;

	for (value += strspn(value, " \t"); *value; value += strspn(value, " \t")) {
		length = strcspn(value, " \t");
		if (++n > MODEL_PATTERNS_MAX ||
		    length >= sizeof(((struct record_pattern *)0)->pattern))
			return -EINVAL;
		value += length;
	}
	return 0;
}

/*
 * A line holds 200 characters, and an event can have half of them: each line adds to those before,
 * an empty one forgets them. Whether a PMU has such events is not known here, but whether the whole
 * list can be read, is.
 */
static int append_events(char **field, const char *value, char why[PMU_REASON_MAX])
{
	struct pmu_items items = {};
	char *joined;
	int r = 0;

	if (!*value)
		return assign_text(field, "");
	if (asprintf(&joined, "%s%s%s", *field, **field ? " " : "", value) < 0)
		return -ENOMEM;
	r = pmu_items_parse(&items, joined, why);
	pmu_items_done(&items);
	if (r < 0) {
		free(joined);
		return r == -E2BIG ? -EINVAL : r;
	}
	free(*field);
	*field = joined;
	return 0;
}

/* 0, or a negative errno and the setting as it was; @why: a better word on that, if there is one */
static int assign(struct config *config, const struct key *key, const char *value,
		  char why[PMU_REASON_MAX])
{
	void *field = (char *)config + key->offset;
	uint64_t number;
	int level, r;

	switch (key->kind) {
	case KIND_NUMBER:
	case KIND_SIZE:
		r = parse_number(value, key->kind == KIND_SIZE, &number);
		if (r < 0)
			return r;
		if (number < key->min || number > key->max)
			return -ERANGE;
		if (key->kind == KIND_SIZE && !is_power_of_two(number))
			return -EINVAL;
		*(uint64_t *)field = number;
		return 0;
	case KIND_PATH:
		if (*value != '/' || strlen(value) >= 108)
			return -EINVAL;
		return assign_text(field, value);
	case KIND_DIRECTORY: return *value && *value != '/' ? -EINVAL : assign_text(field, value);
	case KIND_SWITCH: return parse_switch(value, field);
	case KIND_RULES: return parse_rules(value, field);
	case KIND_PATTERNS: r = check_patterns(value); return r < 0 ? r : assign_text(field, value);
	case KIND_EVENTS: return append_events(field, value, why);
	case KIND_LEVEL:
		level = log_level_from_name(value);
		if (level < 0)
			return level;
		*(int *)field = level;
		return 0;
	}
	return -EINVAL;
}

struct reading {
	struct config *config;
	const char *path;
	unsigned int *warnings;
	FILE *file;
	int line;
	bool cut; /* the line was longer than inih's */
	int error;
};

/*
 * inih counts lines, but tells its handler only in a build that Debian does not have. It would take
 * the rest of a long line, and an indented line, for something else than what was meant.
 */
static char *read_line(char *buffer, int size, void *stream)
{
	struct reading *reading = stream;
	size_t blanks;

	if (!fgets(buffer, size, reading->file))
		return NULL;
	reading->line++;
	reading->cut = false;
	if (!strchr(buffer, '\n'))
		for (int c; (c = fgetc(reading->file)) != EOF && c != '\n';)
			reading->cut = true;
	blanks = strspn(buffer, " \t");
	memmove(buffer, buffer + blanks, strlen(buffer + blanks) + 1);
	return buffer;
}

static void warn(struct reading *reading, const char *what, const char *name, const char *why)
{
	log_warning("%s:%d: %s \"%s\"%s%s", reading->path, reading->line, what, name,
		    *why ? ": " : "", why);
	(*reading->warnings)++;
}

static int on_key(void *userdata, const char *section, const char *name, const char *value)
{
	struct reading *reading = userdata;
	char why[160], reason[PMU_REASON_MAX] = "";
	int r;

	if (reading->cut) {
		warn(reading, "line too long at", name, "ignoring");
		return 1;
	}
	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcmp(keys[i].section, section) || strcmp(keys[i].name, name))
			continue;
		r = assign(reading->config, &keys[i], value, reason);
		if (r == -ENOMEM)
			reading->error = r;
		if (r == -ERANGE)
			snprintf(why, sizeof(why), "%.40s is not between %llu and %llu, ignoring",
				 value, (unsigned long long)keys[i].min,
				 (unsigned long long)keys[i].max);
		else if (reason[0])
			snprintf(why, sizeof(why), "%s, ignoring", reason);
		else
			snprintf(why, sizeof(why), "cannot take \"%.40s\", ignoring", value);
		if (r < 0)
			warn(reading, "bad value for", name, why);
		return 1;
	}
	warn(reading, "unknown key", name, *section ? "" : "outside of a section");
	return 1;
}

/* A file that is not there is an error only where it was asked for by name. */
static int read_file(struct config *config, const char *path, bool must_exist,
		     unsigned int *warnings)
{
	struct reading reading = { .config = config, .path = path, .warnings = warnings };
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	int line;

	if (!file)
		return must_exist || errno != ENOENT ? -errno : 0;
	reading.file = file;
	line = ini_parse_stream(read_line, &reading, on_key, &reading);
	if (ferror(file))
		return -errno;
	reading.line = line;
	if (line > 0)
		warn(&reading, "not a setting in", path, "");
	if (line < 0)
		return -EIO;
	return reading.error;
}

static int read_directory(struct config *config, const char *pattern, unsigned int *warnings)
{
	glob_t found = {};
	int r = 0;

	if (!glob(pattern, 0, NULL, &found))
		for (size_t i = 0; i < found.gl_pathc && r >= 0; i++)
			r = read_file(config, found.gl_pathv[i], true, warnings);
	globfree(&found);
	return r;
}

int config_read(const char *path, struct config *ret, unsigned int *ret_warnings)
{
	struct config config = {};
	char reason[PMU_REASON_MAX];
	unsigned int warnings = 0;
	int r = 0;

	for (size_t i = 0; i < N_KEYS && r >= 0; i++)
		r = assign(&config, &keys[i], keys[i].fallback, reason);
	if (r >= 0 && path)
		r = read_file(&config, path, true, &warnings);
	if (r >= 0 && !path) {
		r = read_file(&config, "/usr/lib/cxlirqd/cxlirqd.conf", false, &warnings);
		if (r >= 0)
			r = read_file(&config, "/etc/cxlirqd.conf", false, &warnings);
		if (r >= 0)
			r = read_directory(&config, "/etc/cxlirqd.conf.d/*.conf", &warnings);
	}
	if (r < 0) {
		config_done(&config);
		return r;
	}
	*ret = config;
	*ret_warnings = warnings;
	return 0;
}

void config_done(struct config *config)
{
	free(TAKE_PTR(config->socket));
	free(TAKE_PTR(config->store_directory));
	free(TAKE_PTR(config->doorbell_devices));
	free(TAKE_PTR(config->counter_events));
}

void config_print_keys(FILE *out)
{
	const char *section = "";

	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcmp(section, keys[i].section))
			fprintf(out, "%s[%s]\n", *section ? "\n" : "", keys[i].section);
		section = keys[i].section;
		fprintf(out, "#%s=%s\n", keys[i].name, keys[i].fallback);
	}
}
