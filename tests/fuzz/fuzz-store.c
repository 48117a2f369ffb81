// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A history that somebody else has written, or that is damaged. The first byte says which: 0, what
 * follows are bytes to be changed in a sound file (where, in two bytes, and what); else rows of
 * its tables, whose columns are of any type and value. The store is there nevertheless, what it
 * puts back are violations that can be told, and unless it says that something is wrong it keeps
 * what comes.
 *
 * SQLite itself is not built to be fuzzed here: its own project does that.
 */
#include <dirent.h>

#include "fuzz.h"
#include "log.h"
#include "sink-store-private.h"

#define VIOLATIONS 16
#define ROWS_MAX 12

static const struct {
	const char *insert;
	int columns;
} tables[] = {
	{ "INSERT OR REPLACE INTO run VALUES (?,?,?,?,?)", 5 },
	{ "INSERT OR REPLACE INTO history VALUES (?,?,?,?,?,?)", 6 },
	{ "INSERT OR REPLACE INTO violation VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	  21 },
};

static int directory = -EBADF;
static char path[128];
static unsigned char sound[128 << 10];
static size_t sound_size;

static struct sink_store *open_store(void)
{
	const struct sink_store_settings settings = { .enabled = true,
						      .directory = fuzz_directory(),
						      .retention_sec = 3600 };
	struct sink_store *store = NULL;
	pid_t holder = -1;

	require(sink_store_new(&settings, &store, &holder) == 0 && store && holder == -1);
	return store;
}

static void remove_files(void)
{
	DIR *stream = opendir(fuzz_directory());
	const struct dirent *entry;

	while ((entry = readdir(stream)))
		if (entry->d_name[0] != '.')
			unlinkat(directory, entry->d_name, 0);
	closedir(stream);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	_cleanup_fclose_ FILE *file = NULL;

	(void)argc, (void)argv;
	log_set_level(LOG_EMERG);
	directory = open(fuzz_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/history.db", fuzz_directory());
	sink_store_free(open_store());
	file = fopen(path, "re");
	sound_size = file ? fread(sound, 1, sizeof(sound), file) : 0;
	require(sound_size > 0 && sound_size < sizeof(sound));
	return 0;
}

/* ---- what somebody has done to it ------------------------------------------------------------ */

static void damage(struct fuzz_piece rest)
{
	_cleanup_free_ unsigned char *file = fuzz_copy(sound, sound_size);

	for (; rest.size >= 3; rest.data += 3, rest.size -= 3)
		file[(rest.data[0] | (size_t)rest.data[1] << 8) % sound_size] = rest.data[2];
	fuzz_write_file(AT_FDCWD, path, file, sound_size);
}

static struct fuzz_piece take(struct fuzz_piece *rest, size_t size)
{
	struct fuzz_piece piece = { rest->data, size < rest->size ? size : rest->size };

	rest->data += piece.size;
	rest->size -= piece.size;
	return piece;
}

static int64_t take_number(struct fuzz_piece *rest, size_t size)
{
	struct fuzz_piece piece = take(rest, size);
	int64_t number = 0;

	memcpy(&number, piece.data, piece.size);
	return number;
}

static void bind_any(sqlite3_stmt *s, int column, struct fuzz_piece *rest)
{
	enum { NOTHING, SMALL, LARGE, REAL, BLOB, TEXT, TYPES } type;
	struct fuzz_piece bytes;
	int64_t number;
	double real;

	type = take_number(rest, 1) % TYPES;
	switch (type) {
	case SMALL: sqlite3_bind_int64(s, column, take_number(rest, 1)); break;
	case LARGE: sqlite3_bind_int64(s, column, take_number(rest, 8)); break;
	case REAL:
		number = take_number(rest, 8);
		memcpy(&real, &number, sizeof(real));
		sqlite3_bind_double(s, column, real);
		break;
	case BLOB:
	case TEXT:
		bytes = take(rest, (size_t)take_number(rest, 1));
		if (type == BLOB)
			sqlite3_bind_blob(s, column, bytes.data, (int)bytes.size, SQLITE_STATIC);
		else
			sqlite3_bind_text(s, column, (const char *)bytes.data, (int)bytes.size,
					  SQLITE_STATIC);
		break;
	default: sqlite3_bind_null(s, column); break;
	}
}

/* A row that the table does not take is none. */
static void add_rows(struct fuzz_piece rest)
{
	sqlite3 *db = NULL;

	fuzz_write_file(AT_FDCWD, path, sound, sound_size);
	require(sqlite3_open(path, &db) == SQLITE_OK);
	sqlite3_exec(db, "PRAGMA synchronous = OFF; BEGIN", NULL, NULL, NULL);
	for (int i = 0; i < ROWS_MAX && rest.size; i++) {
		size_t table = (size_t)take_number(&rest, 1) % 3;
		sqlite3_stmt *s = NULL;

		require(sqlite3_prepare_v2(db, tables[table].insert, -1, &s, NULL) == SQLITE_OK);
		for (int column = 1; column <= tables[table].columns; column++)
			bind_any(s, column, &rest);
		sqlite3_step(s);
		sqlite3_finalize(s);
	}
	require(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
	require(sqlite3_close(db) == SQLITE_OK);
}

/* ---- what the store makes of it -------------------------------------------------------------- */

static void check_violations(struct sink_store *store)
{
	struct violations *violations;
	unsigned int n;
	json_t *json;
	char *text;

	require(violations_new(VIOLATIONS, &violations) == 0);
	n = sink_store_restore(store, violations);
	json = violations_to_json(violations, true);
	text = json_dumps(json, 0);
	require(n <= VIOLATIONS && text && json_array_size(json) == n);
	free(text);
	json_decref(json);
	violations_free(violations);
}

static int count_row(const char *text, void *userdata)
{
	size_t *n = userdata;

	*n += !strcmp(text, "{\"type\":\"fuzz\"}");
	return 0;
}

static int ask(struct sink_store *store, const struct history_filter *filter, size_t *n)
{
	struct history_ids ids = {};
	bool cut;
	int r = sink_store_find(store, filter, &ids, &cut);

	while (r >= 0 && ids.n) {
		ids.n--;
		r = sink_store_read(store, &ids, ids.n, count_row, n);
	}
	free(ids.ids);
	return r;
}

/* It keeps what comes, or says why not. */
static void check_event(struct sink_store *store)
{
	const struct sink_event event = { .time_us = store_time_us(),
					  .type = "fuzz",
					  .text = "{\"type\":\"fuzz\"}" };
	const struct history_filter newest = { .type = "fuzz", .since_us = event.time_us };
	const char *reason = NULL;
	size_t n = 0;
	int r;

	sink_store_publish(store, &event);
	sink_store_batch_end(store);
	r = ask(store, &newest, &n);
	if (sink_store_state(store, &reason) == SINK_STORE_OK &&
	    !sink_store_counters(store)->dropped)
		require(r == 0 && n >= 1);
	else
		require(reason || sink_store_counters(store)->dropped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_piece rest = { data, size };
	struct history_filter everything = {};
	struct sink_store *store;
	size_t n = 0;

	if (take_number(&rest, 1) == 0)
		damage(rest);
	else
		add_rows(rest);
	store = open_store();
	check_violations(store);
	(void)ask(store, &everything, &n);
	check_event(store);
	sink_store_free(store);
	remove_files();
	return 0;
}
