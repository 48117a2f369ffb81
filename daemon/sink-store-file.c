// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The store's files: history.db with SQLite's -wal and -shm, and history.lock.
 *
 * The lock is a record lock of POSIX, because that is the kind that tells who holds it. It is not
 * taken on the database: SQLite locks that one itself, and such locks go when any descriptor of
 * the file is closed.
 */
#include "sink-store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* What brings a file from one version to the next; PRAGMA user_version counts them. */
static const char *const steps[] = {
	/*
	 * A question names an interrupt, a device, a type or a time: each finds its rows in the
	 * order of time. An entry of a rule and a place gives way to the next one there, as it
	 * does in memory.
	 */
	"CREATE TABLE run (id INTEGER PRIMARY KEY CHECK (id = 1), last_us INTEGER NOT NULL,"
	" clean INTEGER NOT NULL);"
	"CREATE TABLE history (id INTEGER PRIMARY KEY, time_us INTEGER NOT NULL,"
	" type TEXT NOT NULL, irq INTEGER, device TEXT, json TEXT NOT NULL);"
	"CREATE INDEX history_time ON history (time_us);"
	"CREATE INDEX history_type ON history (type, time_us);"
	"CREATE INDEX history_irq ON history (irq, time_us) WHERE irq IS NOT NULL;"
	"CREATE INDEX history_device ON history (device, time_us) WHERE device IS NOT NULL;"
	"CREATE TABLE violation (id INTEGER PRIMARY KEY, rule TEXT NOT NULL,"
	" device TEXT NOT NULL, irq INTEGER, msi_index INTEGER, domain INTEGER,"
	" old_address INTEGER, old_data INTEGER, new_address INTEGER, new_data INTEGER,"
	" cause_kind INTEGER, cause_flags INTEGER, cause_pid INTEGER, cause_uid INTEGER,"
	" cause_comm TEXT, standing INTEGER NOT NULL, explanation TEXT NOT NULL,"
	" count INTEGER NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,"
	" acknowledged INTEGER NOT NULL);"
	"CREATE UNIQUE INDEX violation_place ON violation (rule, device, ifnull(msi_index, -1),"
	" CASE WHEN msi_index IS NULL THEN ifnull(irq, -1) ELSE -1 END);"
	"PRAGMA user_version = 1;",
	/* how far the history goes, for a daemon that goes on where another one ended */
	"ALTER TABLE run ADD COLUMN lineage INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE run ADD COLUMN position INTEGER NOT NULL DEFAULT 0;"
	"PRAGMA user_version = 2;",
};
#define N_STEPS ((int)(sizeof(steps) / sizeof(*steps)))

/*
 * NORMAL: a commit waits for no disk, a checkpoint does. What is committed survives the daemon; of
 * a host that loses power the last seconds may be missing, and the file is in order.
 * Nothing temporary goes to a file: the daemon may have no place to write but this.
 */
static const char settings[] = "PRAGMA auto_vacuum = INCREMENTAL;"
			       "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = NORMAL;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA cell_size_check = ON;";

/* So much may be in the write-ahead log before it goes into the file; less where space is short. */
#define LOG_BYTES (4U << 20)
/* So many times that, while a thread folds it in; retention leaves room for it */
#define LOG_PATIENCE 2
#define PAGE_BYTES 4096 /* SQLite's default, which new files have */

int store_schema_newest(void)
{
	return N_STEPS;
}

/* ---- the lock ------------------------------------------------------------------------------ */

static int lock_try(int fd, pid_t *ret_holder)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_SETLK, &lock) >= 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return -errno;
	if (fcntl(fd, F_GETLK, &lock) < 0)
		return -errno;
	/* it went between the two calls: who comes next may have it */
	if (lock.l_type == F_UNLCK)
		return -EAGAIN;
	*ret_holder = lock.l_pid;
	return -EBUSY;
}

int store_lock(struct sink_store *store, pid_t *ret_holder)
{
	_cleanup_close_ int fd = -EBADF;
	char path[512];
	int r;

	if (store->lock_fd >= 0)
		return 0;
	if (mkdir(store->directory, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (snprintf(path, sizeof(path), "%s/history.lock", store->directory) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	do
		r = lock_try(fd, ret_holder);
	while (r == -EAGAIN);
	if (r >= 0)
		store->lock_fd = TAKE_FD(fd);
	return r;
}

/* ---- opening and closing ------------------------------------------------------------------- */

static int log_bytes(const struct sink_store *store)
{
	return store->max_size && store->max_size / 8 < LOG_BYTES ? (int)(store->max_size / 8) :
								    (int)LOG_BYTES;
}

/*
 * In place of SQLite's own checkpoint after so many pages, for the number: a reader that never ends
 * keeps the log from being folded in, and the disk must not fill up with it.
 */
static int on_wal(void *userdata, sqlite3 *db, const char *name, int frames)
{
	struct sink_store *store = userdata;
	int limit = log_bytes(store) / PAGE_BYTES;

	store->wal_frames = frames;
	if (frames < limit)
		return SQLITE_OK;
	if (store->apart && frames < limit * LOG_PATIENCE && store_checkpoint_start(store) >= 0)
		return SQLITE_OK;
	sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

static int read_version(sqlite3 *db, int *ret)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		*ret = sqlite3_column_int(statement, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(statement);
	return rc;
}

static int set(const struct sink_store *store)
{
	char limit[64];
	int rc = sqlite3_exec(store->db, settings, NULL, NULL, NULL);

	snprintf(limit, sizeof(limit), "PRAGMA journal_size_limit = %d", log_bytes(store));
	return rc != SQLITE_OK ? rc : sqlite3_exec(store->db, limit, NULL, NULL, NULL);
}

static int migrate(sqlite3 *db, int version)
{
	int rc = SQLITE_OK;

	if (version == N_STEPS)
		return rc;
	rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	for (int i = version; i < N_STEPS && rc == SQLITE_OK; i++)
		rc = sqlite3_exec(db, steps[i], NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	if (rc != SQLITE_OK && !sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	/* the steps are sound: then the file is not what its version says */
	return rc == SQLITE_ERROR ? SQLITE_CORRUPT : rc;
}

/* Whether what @sound has is in @db, too, word for word. What else @db has is its owner's. */
static int compare(sqlite3 *db, sqlite3 *sound)
{
	sqlite3_stmt *each = NULL, *same = NULL;
	int rc = sqlite3_prepare_v2(sound, "SELECT type, name, tbl_name, sql FROM sqlite_schema",
				    -1, &each, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db,
					"SELECT 1 FROM sqlite_schema WHERE"
					" (type, name, tbl_name, sql) = (?, ?, ?, ?)",
					-1, &same, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(each)) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(each); i++)
			sqlite3_bind_value(same, i + 1, sqlite3_column_value(each, i));
		rc = sqlite3_step(same);
		if (rc == SQLITE_DONE)
			rc = SQLITE_CORRUPT;
		else if (rc == SQLITE_ROW)
			rc = sqlite3_reset(same);
	}
	sqlite3_finalize(each);
	sqlite3_finalize(same);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/*
 * SQLite believes what a file says of its own tables, and what damage leaves there may be valid:
 * rows would go where no question finds them.
 */
static int check(sqlite3 *db)
{
	sqlite3 *sound = NULL;
	int rc = sqlite3_open(":memory:", &sound);

	if (rc == SQLITE_OK)
		rc = migrate(sound, 0);
	if (rc == SQLITE_OK)
		rc = compare(db, sound);
	sqlite3_close(sound);
	return rc;
}

/* On failure too what was opened so far stays, for the error's details. */
int store_file_open(struct sink_store *store, int *ret_version)
{
	int rc, flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
			SQLITE_OPEN_EXRESCODE;
	int version = 0;

	store_file_close(store, false);
	rc = sqlite3_open_v2(store->path, &store->db, flags, NULL);
	if (rc == SQLITE_OK)
		rc = read_version(store->db, &version);
	if (rc != SQLITE_OK)
		return rc;
	*ret_version = version;
	if (version > N_STEPS || version < 0) {
		store_file_close(store, true);
		return SQLITE_OK;
	}
	if (sqlite3_db_readonly(store->db, "main"))
		return SQLITE_READONLY;
	rc = set(store);
	if (rc == SQLITE_OK)
		rc = migrate(store->db, version);
	if (rc == SQLITE_OK)
		rc = check(store->db);
	if (rc == SQLITE_OK)
		sqlite3_wal_hook(store->db, on_wal, store);
	return rc;
}

/* "file:" and the path, with what has a meaning there in its other form */
static char *uri_of(const char *path)
{
	char *uri = malloc(strlen(path) * 3 + sizeof("file:?immutable=1")), *at = uri;

	if (!uri)
		return NULL;
	at = stpcpy(at, "file:");
	for (; *path; path++)
		if (strchr("?#%", *path))
			at += sprintf(at, "%%%02x", (unsigned char)*path);
		else
			*at++ = *path;
	strcpy(at, "?immutable=1");
	return uri;
}

/*
 * Where nothing can be written, SQLite does not read a file with a log unless it is told that
 * nobody changes it. What is still in the log would be missing then, and the rest might not fit
 * together.
 */
void store_file_open_read_only(struct sink_store *store)
{
	_cleanup_free_ char *uri = uri_of(store->path);
	char wal[512];
	struct stat st;
	int version;

	store_file_close(store, true);
	snprintf(wal, sizeof(wal), "%s-wal", store->path);
	if (!uri || (!stat(wal, &st) && st.st_size))
		return;
	if (sqlite3_open_v2(uri, &store->db,
			    SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
				    SQLITE_OPEN_EXRESCODE,
			    NULL) != SQLITE_OK ||
	    read_version(store->db, &version) != SQLITE_OK || version != N_STEPS ||
	    check(store->db) != SQLITE_OK)
		store_file_close(store, true);
	store->read_only = store->db;
}

void store_file_close(struct sink_store *store, bool keep)
{
	store_checkpoint_wait(store);
	for (int i = 0; i < STATEMENT_MAX; i++)
		sqlite3_finalize(TAKE_PTR(store->statements[i]));
	if (keep && store->db)
		sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(TAKE_PTR(store->db));
	store->read_only = false;
	store->writing = false;
	store->wal_frames = 0;
}

/* ---- a damaged file ------------------------------------------------------------------------ */

/* "history.db", "-wal" -> "history.db.corrupt-20260131T120000Z-wal" */
static int move(const struct sink_store *store, const char *suffix)
{
	char from[512], to[512];

	if (snprintf(from, sizeof(from), "%s%s", store->path, suffix) >= (int)sizeof(from) ||
	    snprintf(to, sizeof(to), "%s/%s%s", store->directory, store->aside, suffix) >=
		    (int)sizeof(to))
		return -ENAMETOOLONG;
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

int store_file_set_aside(struct sink_store *store)
{
	time_t now = time(NULL);
	struct tm tm;
	int r = -EEXIST;

	store_file_close(store, true);
	/* names go by the second, and no earlier file is replaced */
	for (int i = 0; i < 60 && r == -EEXIST; i++, now++) {
		gmtime_r(&now, &tm);
		strftime(store->aside, sizeof(store->aside), "history.db.corrupt-%Y%m%dT%H%M%SZ",
			 &tm);
		r = move(store, "");
	}
	if (r < 0)
		return r;
	/* a log without its file would be taken for one of the new file's */
	r = move(store, "-wal");
	if (r >= 0 || r == -ENOENT)
		r = move(store, "-shm");
	return r == -ENOENT ? 0 : r;
}

static void salvage(const struct violation *violation, void *userdata)
{
	store_salvage(userdata, violation);
}

/*
 * Mostly it is one page that is damaged, among the many of the history: the few rows about
 * violations can be read, and an open one should not be forgotten because of such a page.
 */
void store_file_salvage(struct sink_store *store)
{
	uint64_t lineage = 0, position = 0;
	char path[512];
	sqlite3 *db = NULL;

	if (snprintf(path, sizeof(path), "%s/%s", store->directory, store->aside) >=
	    (int)sizeof(path))
		return;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) ==
	    SQLITE_OK) {
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		store_place_read(db, &lineage, &position);
		store_salvaged(store, lineage, position);
		store_each_violation(db, salvage, store);
	}
	sqlite3_close(db);
}
