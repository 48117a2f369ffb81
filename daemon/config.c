// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One table of keys: what is read, what is checked, what the manual lists, what a reload applies.
 * A wrong line never stops the daemon; it is told with file and line, and what stood before stays:
 * an earlier line, the default, or when a running daemon reads again, what it runs with.
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

#include "listener.h"
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
	KIND_EVENTS,
	KIND_USER,
	KIND_LISTEN
};

static const struct key {
	const char *section, *name, *fallback;
	enum kind kind;
	enum { RESTART, LIVE } taken; /* when a changed value is: LIVE, at a reload */
	size_t offset;
	uint64_t min, max;
} keys[] = {
	{ "Daemon", "Socket", "/run/cxlirqd/io.cxlirqd", KIND_PATH, RESTART,
	  offsetof(struct config, socket), 0, 0 },
	{ "Daemon", "LogLevel", "info", KIND_LEVEL, LIVE, offsetof(struct config, log_level), 0,
	  0 },
	{ "Daemon", "User", "cxlirqd", KIND_USER, RESTART, offsetof(struct config, user), 0, 0 },
	{ "Daemon", "EventBacklog", "4096", KIND_NUMBER, RESTART,
	  offsetof(struct config, event_backlog), 0, 8192 },
	{ "Trace", "RingSize", "2M", KIND_SIZE, RESTART, offsetof(struct config, ring_size),
	  1 << 20, 1 << 30 },
	{ "Trace", "PinDirectory", "/sys/fs/bpf/cxlirqd", KIND_DIRECTORY, RESTART,
	  offsetof(struct config, pin_directory), 0, 0 },
	{ "Trace", "SnapshotIntervalSec", "300", KIND_NUMBER, LIVE,
	  offsetof(struct config, snapshot_sec), 0, 86400 },
	{ "Trace", "MaxVectors", "262144", KIND_NUMBER, RESTART,
	  offsetof(struct config, max_vectors), 64, 1 << 24 },
	{ "Trace", "MaxDomains", "65536", KIND_NUMBER, RESTART,
	  offsetof(struct config, max_domains), 64, 1 << 20 },
	{ "Rules", "Disable", "", KIND_RULES, LIVE, offsetof(struct config, rules), 0, 0 },
	{ "Rules", "DoorbellDevices", "", KIND_PATTERNS, LIVE,
	  offsetof(struct config, doorbell_devices), 0, 0 },
	{ "Rules", "MaxViolations", "4096", KIND_NUMBER, RESTART,
	  offsetof(struct config, max_violations), 16, 65536 },
	{ "Counters", "Events", "", KIND_EVENTS, LIVE, offsetof(struct config, counter_events), 0,
	  0 },
	{ "Counters", "Max", "256", KIND_NUMBER, LIVE, offsetof(struct config, max_counters), 0,
	  4096 },
	{ "Export", "Listen", "127.0.0.1:9967", KIND_LISTEN, LIVE,
	  offsetof(struct config, export_listen), 0, 0 },
	{ "Export", "PerVector", "no", KIND_SWITCH, LIVE, offsetof(struct config, per_vector), 0,
	  0 },
	{ "Export", "MaxSeries", "5000", KIND_NUMBER, LIVE, offsetof(struct config, max_series),
	  256, 50000 },
	{ "Export", "Report", CONFIG_REPORT, KIND_DIRECTORY, RESTART,
	  offsetof(struct config, report), 0, 0 },
	{ "Store", "Enabled", "yes", KIND_SWITCH, RESTART, offsetof(struct config, store), 0, 0 },
	{ "Store", "Directory", "", KIND_DIRECTORY, RESTART,
	  offsetof(struct config, store_directory), 0, 0 },
	{ "Store", "RetentionDays", "90", KIND_NUMBER, LIVE, offsetof(struct config, store_days), 0,
	  36500 },
	{ "Store", "MaxSize", "256M", KIND_SIZE, LIVE, offsetof(struct config, store_size),
	  16 << 20, 1ULL << 40 },
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

/* As shadow's and systemd's strict form have them; "" is nobody else than who started it */
static int check_user(const char *value)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char others[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789-";

	if (!*value)
		return 0;
	return strlen(value) > 31 || !strchr(letters, *value) || value[strspn(value, others)] ?
		       -EINVAL :
		       0;
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

/* Addresses with blanks between them */
static int check_listen(const char *value, char why[PMU_REASON_MAX])
{
	_cleanup_free_ char *copy = strdup(value);
	struct listener_address address;
	const char *reason = "";
	unsigned int n = 0;
	char *word, *rest;

	if (!copy)
		return -ENOMEM;
	for (word = strtok_r(copy, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
		if (listener_parse(word, &address, &reason) < 0) {
			snprintf(why, PMU_REASON_MAX, "%.40s: %s", word, reason);
			return -EINVAL;
		}
		if (++n > LISTENER_ADDRESSES_MAX) {
			snprintf(why, PMU_REASON_MAX, "more than %d addresses",
				 LISTENER_ADDRESSES_MAX);
			return -EINVAL;
		}
	}
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
	case KIND_USER: r = check_user(value); return r < 0 ? r : assign_text(field, value);
	case KIND_LISTEN:
		r = check_listen(value, why);
		return r < 0 ? r : assign_text(field, value);
	case KIND_LEVEL:
		level = log_level_from_name(value);
		if (level < 0)
			return level;
		*(int *)field = level;
		return 0;
	}
	return -EINVAL;
}

_Static_assert(N_KEYS <= 64, "a bit for each key");

struct reading {
	struct config *config;
	const char *path;
	unsigned int *warnings;
	uint64_t *bad; /* keys, a bit each: their last value could not be taken */
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
		if (r >= 0 && keys[i].kind == KIND_LISTEN)
			reading->config->export_listen_given = true;
		if (r < 0)
			*reading->bad |= 1ULL << i;
		else if (keys[i].kind !=
			 KIND_EVENTS) /* of a list, what was refused stays missing */
			*reading->bad &= ~(1ULL << i);
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
static int read_file(struct reading *reading, const char *path, bool must_exist)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	int line;

	if (!file)
		return must_exist || errno != ENOENT ? -errno : 0;
	reading->path = path;
	reading->file = file;
	reading->line = 0;
	line = ini_parse_stream(read_line, reading, on_key, reading);
	if (ferror(file))
		return -errno;
	reading->line = line;
	if (line > 0)
		warn(reading, "not a setting in", path, "");
	if (line < 0)
		return -EIO;
	return reading->error;
}

static int read_directory(struct reading *reading, const char *pattern)
{
	glob_t found = {};
	int r = 0;

	if (!glob(pattern, 0, NULL, &found))
		for (size_t i = 0; i < found.gl_pathc && r >= 0; i++)
			r = read_file(reading, found.gl_pathv[i], true);
	globfree(&found);
	return r;
}

static int read_files(struct reading *reading, const char *path)
{
	int r;

	if (path)
		return read_file(reading, path, true);
	r = read_file(reading, "/usr/lib/cxlirqd/cxlirqd.conf", false);
	if (r >= 0)
		r = read_file(reading, "/etc/cxlirqd.conf", false);
	return r < 0 ? r : read_directory(reading, "/etc/cxlirqd.conf.d/*.conf");
}

/* ---- a setting as a value ------------------------------------------------------------------ */

static bool is_text(enum kind kind)
{
	switch (kind) {
	case KIND_PATH:
	case KIND_DIRECTORY:
	case KIND_PATTERNS:
	case KIND_EVENTS:
	case KIND_USER:
	case KIND_LISTEN: return true;
	case KIND_NUMBER:
	case KIND_SIZE:
	case KIND_LEVEL:
	case KIND_SWITCH:
	case KIND_RULES: break;
	}
	return false;
}

static size_t value_size(enum kind kind)
{
	switch (kind) {
	case KIND_NUMBER:
	case KIND_SIZE: return sizeof(uint64_t);
	case KIND_LEVEL: return sizeof(int);
	case KIND_SWITCH: return sizeof(bool);
	case KIND_RULES: return sizeof(struct rule_set);
	default: return sizeof(char *);
	}
}

static void *value_of(const struct config *config, const struct key *key)
{
	return (char *)config + key->offset;
}

static bool is_same(const struct key *key, const struct config *a, const struct config *b)
{
	if (is_text(key->kind))
		return !strcmp(*(char **)value_of(a, key), *(char **)value_of(b, key));
	return !memcmp(value_of(a, key), value_of(b, key), value_size(key->kind));
}

static int copy_value(const struct key *key, struct config *to, const struct config *from)
{
	if (is_text(key->kind))
		return assign_text(value_of(to, key), *(char **)value_of(from, key));
	memcpy(value_of(to, key), value_of(from, key), value_size(key->kind));
	return 0;
}

static void swap_values(const struct key *key, struct config *a, struct config *b)
{
	unsigned char kept[sizeof(struct rule_set) > sizeof(uint64_t) ? sizeof(struct rule_set) :
									sizeof(uint64_t)];
	size_t size = value_size(key->kind);

	memcpy(kept, value_of(a, key), size);
	memcpy(value_of(a, key), value_of(b, key), size);
	memcpy(value_of(b, key), kept, size);
}

/* ---- reading, and reading again -------------------------------------------------------------- */

int config_set_socket(struct config *config, const char *path)
{
	int r = assign_text(&config->socket, path);

	config->socket_given |= r >= 0;
	return r;
}

/* A unit that brings the directory to where there is a way to says where that is. */
static const char *fallback_of(const struct key *key)
{
	const char *pins = key->offset == offsetof(struct config, pin_directory) ?
				   secure_getenv("CXLIRQD_PINS") :
				   NULL;

	return pins && *pins ? pins : key->fallback;
}

static int read_all(const char *path, const struct config *running, struct config *ret,
		    unsigned int *ret_warnings)
{
	struct config config = { .path = path };
	char reason[PMU_REASON_MAX];
	unsigned int warnings = 0;
	uint64_t bad = 0;
	struct reading reading = { .config = &config, .warnings = &warnings, .bad = &bad };
	int r = 0;

	for (size_t i = 0; i < N_KEYS && r >= 0; i++)
		r = assign(&config, &keys[i], fallback_of(&keys[i]), reason);
	if (r >= 0)
		r = read_files(&reading, path);
	for (size_t i = 0; i < N_KEYS && r >= 0 && running; i++)
		if (bad & 1ULL << i)
			r = copy_value(&keys[i], &config, running);
	/* what stays, stays as somebody's word */
	if (running && running->export_listen_given &&
	    !strcmp(config.export_listen ?: "", running->export_listen))
		config.export_listen_given = true;
	if (r >= 0 && running && running->socket_given)
		r = config_set_socket(&config, running->socket);
	if (r < 0) {
		config_done(&config);
		return r;
	}
	*ret = config;
	*ret_warnings = warnings;
	return 0;
}

int config_read(const char *path, struct config *ret, unsigned int *ret_warnings)
{
	return read_all(path, NULL, ret, ret_warnings);
}

int config_reread(const struct config *running, struct config *ret, unsigned int *ret_warnings)
{
	return read_all(running->path, running, ret, ret_warnings);
}

void config_update(struct config *running, struct config *newer, config_changed_fn changed,
		   void *userdata)
{
	for (size_t i = 0; i < N_KEYS; i++) {
		if (is_same(&keys[i], running, newer))
			continue;
		if (keys[i].taken == LIVE)
			swap_values(&keys[i], running, newer);
		changed(keys[i].section, keys[i].name, keys[i].taken == LIVE, userdata);
	}
	running->export_listen_given = newer->export_listen_given;
}

void config_done(struct config *config)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (is_text(keys[i].kind))
			free(TAKE_PTR(*(char **)value_of(config, &keys[i])));
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
