// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * --record FILE: every record, for later. A start may fail in many ways, and FILE be an older recording
 * by then, or the one that is being replayed: until all is known to work, records wait in memory, and
 * FILE is as it was. It is no second file that gets its name at the end: the directory need not be the
 * daemon's user's, and what a daemon records can be read while it runs.
 */
#include "manager-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cxlirqd/cleanup.h>

#include "log.h"
#include "trace.h"

static bool is_replayed(const struct manager *m)
{
	struct stat record, replay;

	return m->replay && fstat(m->record_fd, &record) == 0 && stat(m->replay, &replay) == 0 &&
	       S_ISREG(record.st_mode) && record.st_dev == replay.st_dev &&
	       record.st_ino == replay.st_ino;
}

static int open_memory(struct manager *m)
{
	unsigned char header[TRACE_HEADER_SIZE];
	_cleanup_close_ int fd = memfd_create("cxlirqd-record", MFD_CLOEXEC);

	m->record = fd < 0 ? NULL : fdopen(fd, "w+");
	if (!m->record)
		return -errno;
	TAKE_FD(fd);
	trace_header(header);
	return fwrite(header, sizeof(header), 1, m->record) == 1 ? 0 : -errno;
}

int manager_open_record(struct manager *m, const char *path)
{
	int r;

	m->record_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	r = m->record_fd < 0 ? -errno : 0;
	if (r >= 0 && is_replayed(m)) {
		log_error("%s: is being replayed, and cannot be recorded to", path);
		return -EINVAL;
	}
	if (r >= 0)
		r = open_memory(m);
	if (r < 0)
		log_error("%s: %s", path, strerror(-r));
	return r;
}

static void stop_recording(struct manager *m, int error)
{
	log_error("cannot write the record file, stopped recording: %s", strerror(error));
	m->record_error = -error;
	if (m->record)
		fclose(TAKE_PTR(m->record));
}

void manager_write_record(struct manager *m, const struct record_header *record)
{
	if (m->record && fwrite(record, record->size, 1, m->record) != 1)
		stop_recording(m, errno);
}

static int copy(FILE *from, FILE *to)
{
	char buffer[4096];
	size_t n;

	if (fflush(from) != 0)
		return -errno;
	rewind(from);
	while ((n = fread(buffer, 1, sizeof(buffer), from)) > 0)
		if (fwrite(buffer, 1, n, to) != n)
			return -errno;
	return ferror(from) ? -EIO : 0;
}

void manager_keep_record(struct manager *m)
{
	_cleanup_fclose_ FILE *waiting = NULL;
	struct stat status;
	FILE *file;
	int r = 0;

	if (!m->record || m->record_fd < 0)
		return;
	if (fstat(m->record_fd, &status) < 0 ||
	    (S_ISREG(status.st_mode) && ftruncate(m->record_fd, 0) < 0))
		r = -errno;
	file = r < 0 ? NULL : fdopen(m->record_fd, "w");
	if (!file) {
		stop_recording(m, r < 0 ? -r : errno);
		return;
	}
	TAKE_FD(m->record_fd);
	waiting = m->record;
	m->record = file;
	r = copy(waiting, file);
	if (r < 0)
		stop_recording(m, -r);
}

int manager_end_record(struct manager *m)
{
	if (m->record && fclose(TAKE_PTR(m->record)) != 0)
		stop_recording(m, errno);
	closep(&m->record_fd);
	m->record_fd = -EBADF;
	return m->record_error;
}
