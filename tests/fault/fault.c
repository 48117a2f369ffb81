// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Has one call of the daemon or the client fail, as it might on any machine some day.
 *
 * Each function fault_NAME() here stands for NAME(): the archives are copied with the one called
 * instead of the other (tests.mk), so that calls of a test, or of a library for itself, do not come
 * by. Their code goes into sections of its own on the way, to be known by its addresses. What
 * jansson, libsystemd and libmicrohttpd do for the programs comes by as well, when it is asked from
 * there: memory of JSON values, epoll.
 *
 * A place is a call and who called it, FAULT_DEPTH functions deep. All of them end up in the file
 * FAULT_PLACES, which is mapped: it survives a crash, and processes that were forked write to it,
 * too. The place whose key is FAULT_KEY, a call of FAULT_WHAT, fails, once: at call FAULT_CALL, the
 * first by default. Others are not looked for then: to find who called costs a library more than
 * what it asks for.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <systemd/sd-event.h>
#include <systemd/sd-journal.h>
#include <unistd.h>
#include <unwind.h>

#include "fault.h"

#define PLACES_MAX 16384U /* a power of two */
#define DEPTH_MAX 8

/* Read by places.py */
struct place {
	uint64_t key; /* 0: free */
	uint32_t calls;
	uint16_t failed;
	uint16_t test; /* fault_test, when it was first come by */
	char what[64];
	uint32_t chain
		[DEPTH_MAX]; /* return addresses from the executable's start, 0 after the last */
};

extern const char __executable_start[];
/* of the archives' code, from the linker */
extern const char __start_own_text[], __stop_own_text[];
extern const char __start_own_cold[] __attribute__((weak));
extern const char __stop_own_cold[] __attribute__((weak));

int fault_test;
static struct place *places;
static bool has_failed; /* here, not in a process that was forked */
static uint64_t wanted_key;
static const char *wanted_what;
static unsigned long wanted_call, depth;

static int is_own(const void *address)
{
	const char *code = address;

	return (code >= __start_own_text && code < __stop_own_text) ||
	       (code >= __start_own_cold && code < __stop_own_cold);
}

bool fault_failed(void)
{
	bool failed = false;

	for (size_t i = 0; places && i < PLACES_MAX; i++)
		failed |= places[i].failed;
	return failed;
}

unsigned long fault_number(const char *name, unsigned long fallback)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 16) : fallback;
}

/* Whether who asks for @what is to be found out */
static bool is_looked_for(const char *what)
{
	return places && (!wanted_what || (!has_failed && strcmp(what, wanted_what) == 0));
}

static struct place *place_of(const char *what, const uint32_t *chain)
{
	uint64_t key = 0xcbf29ce484222325, free_key;

	for (const char *c = what; *c; c++)
		key = (key ^ (unsigned char)*c) * 0x100000001b3;
	for (int i = 0; i < DEPTH_MAX; i++)
		key = (key ^ chain[i]) * 0x100000001b3;
	for (size_t i = key % PLACES_MAX, tries = 0; tries < PLACES_MAX; i = (i + 1) % PLACES_MAX) {
		tries++;
		free_key = 0;
		if (__atomic_compare_exchange_n(&places[i].key, &free_key, key, 0, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST)) {
			snprintf(places[i].what, sizeof(places[i].what), "%s", what);
			places[i].test = (uint16_t)fault_test;
			memcpy(places[i].chain, chain, sizeof(places[i].chain));
			return &places[i];
		}
		if (free_key == key)
			return &places[i];
	}
	return NULL;
}

static int fails(const char *what, const uint32_t *chain)
{
	struct place *place = place_of(what, chain);

	if (!place || __atomic_add_fetch(&place->calls, 1, __ATOMIC_SEQ_CST) != wanted_call ||
	    place->key != wanted_key)
		return 0;
	place->failed = 1;
	has_failed = true;
	return 1;
}

/* Asked by our own code, which keeps frame pointers: @frame is that of the function here. */
static int own_fails(const char *what, void *const *frame)
{
	uint32_t chain[DEPTH_MAX] = {};

	if (!is_looked_for(what))
		return 0;
	for (size_t n = 0; n < depth && is_own(frame[1]); n++, frame = *frame)
		chain[n] = (uint32_t)((const char *)frame[1] - __executable_start);
	return fails(what, chain);
}

struct way_here {
	uint32_t chain[DEPTH_MAX];
	size_t links;
};

static _Unwind_Reason_Code take_frame(struct _Unwind_Context *context, void *userdata)
{
	const char *address = (const char *)_Unwind_GetIP(context);
	struct way_here *way = userdata;

	if (is_own(address))
		way->chain[way->links++] = (uint32_t)(address - __executable_start);
	else if (way->links)
		return _URC_END_OF_STACK;
	return way->links < depth ? _URC_NO_REASON : _URC_END_OF_STACK;
}

/* Asked by a library, which keeps none. */
static int library_fails(const char *what)
{
	struct way_here way = {};

	if (!is_looked_for(what))
		return 0;
	_Unwind_Backtrace(take_frame, &way);
	return way.links && fails(what, way.chain);
}

static void *json_memory(size_t size)
{
	if (!library_fails("jansson"))
		return malloc(size);
	errno = ENOMEM;
	return NULL;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FAULT_PLACES");
	size_t size = PLACES_MAX * sizeof(struct place);
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
	void *mapped;

	if (fd < 0)
		return;
	mapped = ftruncate(fd, (off_t)size) == 0 ?
			 mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) :
			 MAP_FAILED;
	close(fd);
	if (mapped == MAP_FAILED)
		return;
	wanted_key = fault_number("FAULT_KEY", 0);
	wanted_what = getenv("FAULT_WHAT");
	wanted_call = fault_number("FAULT_CALL", 1);
	depth = fault_number("FAULT_DEPTH", 1);
	if (depth > DEPTH_MAX)
		depth = DEPTH_MAX;
	json_set_alloc_funcs(json_memory, free);
	places = mapped;
}

/* ---- libraries' calls that the executable answers ------------------------------------------ */

int epoll_ctl(int fd, int operation, int of, struct epoll_event *event)
{
	if (operation == EPOLL_CTL_DEL || !library_fails("epoll_ctl"))
		return REAL(epoll_ctl)(fd, operation, of, event);
	errno = ENOMEM;
	return -1;
}

int epoll_create1(int flags)
{
	if (!library_fails("epoll_create1"))
		return REAL(epoll_create1)(flags);
	errno = EMFILE;
	return -1;
}

int epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
	if (!library_fails("epoll_wait"))
		return REAL(epoll_wait)(fd, events, n, timeout);
	errno = EINTR; /* all that it says of a sound descriptor */
	return -1;
}

/* ---- calls of our own ----------------------------------------------------------------------- */

#define CALL(type, name, parameters, arguments, error, failure)                                    \
	type fault_##name parameters;                                                              \
	type fault_##name parameters                                                               \
	{                                                                                          \
		if (!own_fails(#name, __builtin_frame_address(0)))                                 \
			return name arguments;                                                     \
		errno = (error);                                                                   \
		return (failure);                                                                  \
	}

/* memory */
CALL(void *, malloc, (size_t size), (size), ENOMEM, NULL)
CALL(void *, calloc, (size_t n, size_t size), (n, size), ENOMEM, NULL)
CALL(void *, realloc, (void *old, size_t size), (old, size), ENOMEM, NULL)
CALL(void *, reallocarray, (void *old, size_t n, size_t size), (old, n, size), ENOMEM, NULL)
CALL(char *, strdup, (const char *text), (text), ENOMEM, NULL)
CALL(char *, strndup, (const char *text, size_t size), (text, size), ENOMEM, NULL)
CALL(FILE *, open_memstream, (char **text, size_t *size), (text, size), ENOMEM, NULL)
CALL(int, vasprintf, (char **ret, const char *format, va_list list), (ret, format, list), ENOMEM,
     -1)
CALL(void *, mmap, (void *at, size_t size, int protection, int flags, int fd, off_t offset),
     (at, size, protection, flags, fd, offset), ENOMEM, MAP_FAILED)

int fault_asprintf(char **ret, const char *format, ...);
int fault_asprintf(char **ret, const char *format, ...)
{
	va_list list;
	int n;

	if (own_fails("asprintf", __builtin_frame_address(0))) {
		errno = ENOMEM;
		return -1;
	}
	va_start(list, format);
	n = vasprintf(ret, format, list);
	va_end(list);
	return n;
}

/* files */
CALL(int, open, (const char *path, int flags, mode_t mode), (path, flags, mode), EMFILE, -1)
CALL(int, openat, (int at, const char *path, int flags, mode_t mode), (at, path, flags, mode),
     EMFILE, -1)
CALL(FILE *, fopen, (const char *path, const char *mode), (path, mode), EMFILE, NULL)
CALL(DIR *, opendir, (const char *path), (path), EMFILE, NULL)
CALL(DIR *, fdopendir, (int fd), (fd), ENOMEM, NULL)
CALL(int, scandirat,
     (int at, const char *path, struct dirent ***names, int (*choose)(const struct dirent *),
      int (*compare)(const struct dirent **, const struct dirent **)),
     (at, path, names, choose, compare), ENOMEM, -1)
CALL(int, glob, (const char *pattern, int flags, int (*on_error)(const char *, int), glob_t *found),
     (pattern, flags, on_error, found), ENOMEM, GLOB_NOSPACE)
CALL(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size), EIO, -1)
CALL(ssize_t, readlinkat, (int at, const char *path, char *to, size_t size), (at, path, to, size),
     ENOENT, -1)
CALL(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), ENOSPC, -1)
CALL(ssize_t, writev, (int fd, const struct iovec *parts, int n), (fd, parts, n), ENOSPC, -1)
/* a stream that has failed remembers it, as glibc's do */
#define STREAM_CALL(type, name, parameters, arguments, error, failure)                             \
	type fault_##name parameters;                                                              \
	type fault_##name parameters                                                               \
	{                                                                                          \
		if (!own_fails(#name, __builtin_frame_address(0)))                                 \
			return name arguments;                                                     \
		file->_flags |= STREAM_ERROR;                                                      \
		errno = (error);                                                                   \
		return (failure);                                                                  \
	}
#define STREAM_ERROR 0x20 /* _IO_ERR_SEEN, which ferror() looks at */

STREAM_CALL(size_t, fread, (void *data, size_t size, size_t n, FILE *file), (data, size, n, file),
	    EIO, 0)
STREAM_CALL(char *, fgets, (char *line, int size, FILE *file), (line, size, file), EIO, NULL)
STREAM_CALL(ssize_t, __getdelim, (char **line, size_t *size, int end, FILE *file),
	    (line, size, end, file), ENOMEM, -1)
STREAM_CALL(size_t, fwrite, (const void *data, size_t size, size_t n, FILE *file),
	    (data, size, n, file), ENOSPC, 0)
STREAM_CALL(int, fflush, (FILE * file), (file), ENOSPC, EOF)
CALL(int, fsync, (int fd), (fd), EIO, -1)
CALL(int, fstat, (int fd, struct stat *st), (fd, st), EIO, -1)
CALL(int, flock, (int fd, int operation), (fd, operation), ENOLCK, -1)
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), ENOSPC, -1)
CALL(int, chmod, (const char *path, mode_t mode), (path, mode), EROFS, -1)
CALL(int, rename, (const char *from, const char *to), (from, to), ENOSPC, -1)
CALL(int, renameat, (int at, const char *from, int to_at, const char *to), (at, from, to_at, to),
     ENOSPC, -1)
CALL(int, pipe2, (int *fds, int flags), (fds, flags), EMFILE, -1)

/* It closes, all the same. What errno says of a call before stays: fileno() alone would not leave it. */
int fault_fclose(FILE *file);
int fault_fclose(FILE *file)
{
	int in_memory, r = EOF;

	if (!own_fails("fclose", __builtin_frame_address(0)))
		return fclose(file);
	in_memory = fileno(file) < 0;
	fclose(file);
	errno = in_memory ? ENOMEM : ENOSPC;
	return r;
}

int fault_fcntl(int fd, int command, long argument);
int fault_fcntl(int fd, int command, long argument)
{
	if (!own_fails("fcntl", __builtin_frame_address(0)))
		return fcntl(fd, command, argument);
	errno = EMFILE;
	return -1;
}

/* processes */
CALL(pid_t, fork, (void), (), EAGAIN, -1)
CALL(int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *userdata),
     (thread, attributes, run, userdata), EAGAIN, EAGAIN)

/* sockets */
CALL(int, socket, (int family, int type, int protocol), (family, type, protocol), EMFILE, -1)
CALL(int, socketpair, (int family, int type, int protocol, int *fds), (family, type, protocol, fds),
     EMFILE, -1)
CALL(int, bind, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size),
     EADDRINUSE, -1)
CALL(int, listen, (int fd, int backlog), (fd, backlog), EADDRINUSE, -1)
CALL(int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size),
     ECONNREFUSED, -1)
CALL(int, accept4, (int fd, struct sockaddr *address, socklen_t *size, int flags),
     (fd, address, size, flags), EMFILE, -1)
CALL(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
     (fd, level, name, value, size), ENOMEM, -1)
CALL(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size),
     (fd, level, name, value, size), ENOMEM, -1)
CALL(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags),
     ENOBUFS, -1)
CALL(ssize_t, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags), ENOMEM,
     -1)
CALL(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags), ENOMEM,
     -1)
CALL(int, sd_journal_sendv, (const struct iovec *fields, int n), (fields, n), ENOBUFS, -ENOBUFS)

/* the loop */
CALL(int, signalfd, (int fd, const sigset_t *signals, int flags), (fd, signals, flags), EMFILE, -1)
CALL(int, timerfd_create, (int clock, int flags), (clock, flags), EMFILE, -1)
CALL(int, timerfd_settime, (int fd, int flags, const struct itimerspec *to, struct itimerspec *was),
     (fd, flags, to, was), ECANCELED, -1)
CALL(int, sd_event_default, (sd_event * *event), (event), ENOMEM, -ENOMEM)
CALL(int, sd_event_add_io,
     (sd_event * event, sd_event_source **source, int fd, uint32_t events,
      sd_event_io_handler_t handler, void *userdata),
     (event, source, fd, events, handler, userdata), ENOMEM, -ENOMEM)
CALL(int, sd_event_add_time,
     (sd_event * event, sd_event_source **source, clockid_t clock, uint64_t usec, uint64_t accuracy,
      sd_event_time_handler_t handler, void *userdata),
     (event, source, clock, usec, accuracy, handler, userdata), ENOMEM, -ENOMEM)
CALL(int, sd_event_add_time_relative,
     (sd_event * event, sd_event_source **source, clockid_t clock, uint64_t usec, uint64_t accuracy,
      sd_event_time_handler_t handler, void *userdata),
     (event, source, clock, usec, accuracy, handler, userdata), ENOMEM, -ENOMEM)
CALL(int, sd_event_add_defer,
     (sd_event * event, sd_event_source **source, sd_event_handler_t handler, void *userdata),
     (event, source, handler, userdata), ENOMEM, -ENOMEM)
CALL(int, sd_event_add_signal,
     (sd_event * event, sd_event_source **source, int number, sd_event_signal_handler_t handler,
      void *userdata),
     (event, source, number, handler, userdata), ENOMEM, -ENOMEM)

/* For timers sd-event has all that it takes from the beginning. */
int fault_sd_event_source_set_enabled(sd_event_source *source, int how);
int fault_sd_event_source_set_enabled(sd_event_source *source, int how)
{
	uint64_t usec;

	if (sd_event_source_get_time(source, &usec) >= 0 ||
	    !own_fails("sd_event_source_set_enabled", __builtin_frame_address(0)))
		return sd_event_source_set_enabled(source, how);
	return -ENOMEM;
}

/* HTTP */
CALL(struct MHD_Response *, MHD_create_response_from_buffer,
     (size_t size, void *data, enum MHD_ResponseMemoryMode mode), (size, data, mode), ENOMEM, NULL)
CALL(struct MHD_Response *, MHD_create_response_from_buffer_with_free_callback_cls,
     (size_t size, void *data, MHD_ContentReaderFreeCallback done, void *userdata),
     (size, data, done, userdata), ENOMEM, NULL)
CALL(enum MHD_Result, MHD_add_response_header,
     (struct MHD_Response * response, const char *name, const char *value), (response, name, value),
     ENOMEM, MHD_NO)
CALL(enum MHD_Result, MHD_queue_response,
     (struct MHD_Connection * connection, unsigned int status, struct MHD_Response *response),
     (connection, status, response), ENOMEM, MHD_NO)

/* the store; what a prepare has said, the connection says until the next, as sqlite's do */
static _Thread_local sqlite3 *failed_db;

int fault_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned int flags,
			     sqlite3_stmt **statement, const char **tail);
int fault_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned int flags,
			     sqlite3_stmt **statement, const char **tail)
{
	failed_db = NULL;
	if (!own_fails("sqlite3_prepare_v3", __builtin_frame_address(0)))
		return sqlite3_prepare_v3(db, sql, size, flags, statement, tail);
	failed_db = db;
	*statement = NULL;
	return SQLITE_NOMEM;
}

int fault_sqlite3_extended_errcode(sqlite3 *db);
int fault_sqlite3_extended_errcode(sqlite3 *db)
{
	return db && db == failed_db ? SQLITE_NOMEM : sqlite3_extended_errcode(db);
}

CALL(int, sqlite3_prepare_v2,
     (sqlite3 * db, const char *sql, int size, sqlite3_stmt **statement, const char **tail),
     (db, sql, size, statement, tail), ENOMEM, SQLITE_NOMEM)
CALL(int, sqlite3_bind_text,
     (sqlite3_stmt * statement, int i, const char *text, int size, void (*done)(void *)),
     (statement, i, text, size, done), ENOMEM, SQLITE_NOMEM)
CALL(const unsigned char *, sqlite3_column_text, (sqlite3_stmt * statement, int i), (statement, i),
     ENOMEM, NULL)
CALL(int, sqlite3_exec,
     (sqlite3 * db, const char *sql, int (*row)(void *, int, char **, char **), void *userdata,
      char **error),
     (db, sql, row, userdata, error), EIO, SQLITE_IOERR)
CALL(int, sqlite3_wal_checkpoint_v2,
     (sqlite3 * db, const char *name, int mode, int *frames, int *done),
     (db, name, mode, frames, done), EIO, SQLITE_IOERR)

/* what a step has said, reset says again, as sqlite's does */
static _Thread_local sqlite3_stmt *failed_statement;

int fault_sqlite3_step(sqlite3_stmt *statement);
int fault_sqlite3_step(sqlite3_stmt *statement)
{
	if (!own_fails("sqlite3_step", __builtin_frame_address(0)))
		return sqlite3_step(statement);
	failed_statement = statement;
	errno = ENOSPC;
	return SQLITE_FULL;
}

int fault_sqlite3_reset(sqlite3_stmt *statement);
int fault_sqlite3_reset(sqlite3_stmt *statement)
{
	int failed = statement && statement == failed_statement, rc = sqlite3_reset(statement);

	if (failed)
		failed_statement = NULL;
	return failed ? SQLITE_FULL : rc;
}

/* as sqlite does, it leaves a handle to close, which does without memory */
int fault_sqlite3_open_v2(const char *path, sqlite3 **db, int flags, const char *vfs);
int fault_sqlite3_open_v2(const char *path, sqlite3 **db, int flags, const char *vfs)
{
	if (!own_fails("sqlite3_open_v2", __builtin_frame_address(0)))
		return sqlite3_open_v2(path, db, flags, vfs);
	*db = NULL;
	return SQLITE_CANTOPEN;
}
