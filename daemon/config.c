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

#include "config-private.h"
#include "log.h"

static const struct config_key keys[] = {
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
	{ "Guard", "Mode", "off", KIND_MODE, LIVE, offsetof(struct config, guard_mode), 0, 0 },
	{ "Guard", "Protect", "", KIND_GUARDS, LIVE, offsetof(struct config, guards), 0, 0 },
	{ "Guard", "Restore", "no", KIND_SWITCH, LIVE, offsetof(struct config, guard_restore), 0,
	  0 },
	{ "Guard", "RestoresPerMinute", "6", KIND_NUMBER, LIVE,
	  offsetof(struct config, guard_restores), 1, 60 },
	{ "Guard", "Persist", "no", KIND_SWITCH, LIVE, offsetof(struct config, guard_persist), 0,
	  0 },
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

_Static_assert(N_KEYS <= 64, "a bit for each key");

struct reading {
	struct config *config;
	const char *path;
	unsigned int *warnings;
	uint64_t *bad; /* keys, a bit each: their last value could not be taken */
	FILE *file;
	int line;
	bool cut; /* the line was longer than inih's */
	bool open; /* the line should be a setting, and inih has not yet found it to be one */
	bool junk; /* a line of the file was none */
	int error;
};

static void warn(struct reading *reading, const char *what, const char *name, const char *why)
{
	log_warning("%s:%d: %s \"%s\"%s%s", reading->path, reading->line, what, name,
		    *why ? ": " : "", why);
	(*reading->warnings)++;
}

static void tell_junk(struct reading *reading)
{
	warn(reading, "not a setting in", reading->path, "");
	reading->junk = true;
}

/* What is neither empty nor a comment; a section only where it does not end. */
static bool is_to_be_setting(const char *line, bool first)
{
	if (first && strncmp(line, "\xef\xbb\xbf", 3) == 0)
		line += 3;
	line += strspn(line, " \t\r\n\v\f");
	return *line == '[' ? !strchr(line, ']') : *line && *line != ';' && *line != '#';
}

/*
 * inih counts lines, but tells its handler only in a build that Debian does not have, and of those that
 * are no settings it tells the first. It would take the rest of a long line, and an indented line, for
 * something else than what was meant.
 */
static char *read_line(char *buffer, int size, void *stream)
{
	struct reading *reading = stream;
	size_t blanks;

	if (reading->open)
		tell_junk(reading);
	reading->open = false;
	if (!fgets(buffer, size, reading->file))
		return NULL;
	reading->line++;
	reading->cut = false;
	if (!strchr(buffer, '\n'))
		for (int c; (c = fgetc(reading->file)) != EOF && c != '\n';)
			reading->cut = true;
	blanks = strspn(buffer, " \t");
	memmove(buffer, buffer + blanks, strlen(buffer + blanks) + 1);
	reading->open = is_to_be_setting(buffer, reading->line == 1);
	return buffer;
}

static int on_key(void *userdata, const char *section, const char *name, const char *value)
{
	struct reading *reading = userdata;
	char why[160], reason[PMU_REASON_MAX] = "";
	int r;

	reading->open = false;
	if (reading->cut) {
		warn(reading, "line too long at", name, "ignoring");
		return 1;
	}
	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcmp(keys[i].section, section) || strcmp(keys[i].name, name))
			continue;
		r = config_assign(reading->config, &keys[i], value, reason);
		if (r == -ENOMEM)
			reading->error = r;
		if (r >= 0 && keys[i].kind == KIND_LISTEN)
			reading->config->export_listen_given = true;
		if (r < 0)
			*reading->bad |= 1ULL << i;
		/* of lines that add up, what was refused stays missing */
		else if (keys[i].kind != KIND_EVENTS && keys[i].kind != KIND_GUARDS)
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

static int parse_file(struct reading *reading, const char *path, bool must_exist)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	int line;

	if (!file)
		return must_exist || errno != ENOENT ? -errno : 0;
	reading->path = path;
	reading->file = file;
	reading->line = 0;
	reading->open = reading->junk = false;
	errno = 0;
	line = ini_parse_stream(read_line, reading, on_key, reading);
	if (ferror(file))
		return errno ? -errno : -EIO;
	if (line > 0 && !reading->junk) {
		reading->line = line;
		tell_junk(reading);
	}
	return line < 0 ? -EIO : reading->error;
}

static char unreadable[PATH_MAX]; /* "": nothing was */

const char *config_unreadable(void)
{
	return unreadable[0] ? unreadable : NULL;
}

/* A file that is not there is an error only where it was asked for by name. */
static int read_file(struct reading *reading, const char *path, bool must_exist)
{
	int r = parse_file(reading, path, must_exist);

	if (r < 0 && !reading->error)
		snprintf(unreadable, sizeof(unreadable), "%s", path);
	return r;
}

static int read_directory(struct reading *reading, const char *pattern)
{
	glob_t found = {};
	int r = glob(pattern, 0, NULL, &found) == GLOB_NOSPACE ? -ENOMEM : 0;

	if (r >= 0)
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

static bool is_text(enum config_kind kind)
{
	switch (kind) {
	case KIND_PATH:
	case KIND_DIRECTORY:
	case KIND_PATTERNS:
	case KIND_EVENTS:
	case KIND_USER:
	case KIND_GUARDS:
	case KIND_LISTEN: return true;
	case KIND_NUMBER:
	case KIND_SIZE:
	case KIND_LEVEL:
	case KIND_SWITCH:
	case KIND_MODE:
	case KIND_RULES: break;
	}
	return false;
}

static size_t value_size(enum config_kind kind)
{
	switch (kind) {
	case KIND_NUMBER:
	case KIND_SIZE: return sizeof(uint64_t);
	case KIND_LEVEL: return sizeof(int);
	case KIND_SWITCH: return sizeof(bool);
	case KIND_MODE: return sizeof(enum guard_mode);
	case KIND_RULES: return sizeof(struct rule_set);
	default: return sizeof(char *);
	}
}

static void *value_of(const struct config *config, const struct config_key *key)
{
	return (char *)config + key->offset;
}

static bool is_same(const struct config_key *key, const struct config *a, const struct config *b)
{
	if (is_text(key->kind))
		return !strcmp(*(char **)value_of(a, key), *(char **)value_of(b, key));
	return !memcmp(value_of(a, key), value_of(b, key), value_size(key->kind));
}

static int copy_value(const struct config_key *key, struct config *to, const struct config *from)
{
	if (is_text(key->kind))
		return config_assign_text(value_of(to, key), *(char **)value_of(from, key));
	memcpy(value_of(to, key), value_of(from, key), value_size(key->kind));
	return 0;
}

static void swap_values(const struct config_key *key, struct config *a, struct config *b)
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
	int r = config_assign_text(&config->socket, path);

	config->socket_given |= r >= 0;
	return r;
}

/* A unit that brings the directory to where there is a way to says where that is. */
static const char *fallback_of(const struct config_key *key)
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

	unreadable[0] = '\0';
	for (size_t i = 0; i < N_KEYS && r >= 0; i++)
		r = config_assign(&config, &keys[i], fallback_of(&keys[i]), reason);
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
