// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * No fsync: pinned programs do not survive what the page cache does not survive.
 *
 * A record of the ring is appended before it is applied, and applied before it is taken out of the
 * ring. So whenever the process ends, each record is in the file or in the ring, and where it is in
 * both the file says so: it knows the positions. A record that was cut short at the end of the file
 * is not in it, and still in the ring.
 *
 * What is appended has a bound, for /run is memory: mostly a new file is begun long before.
 */
#include "checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "trace.h"

#define ATTEMPTS 3
#define BUFFER (64 * 1024)
/* So much may be appended, and four times as much as the model took */
#define LOG_MIN (4U << 20)
#define LOG_FACTOR 4
#define RECORDS_MAX 64
#define ENTRIES_MAX 4096
#define NAME "state-"

struct checkpoint {
	int fd;
	bool committed, continued; /* continued: the base is another file's */
	uint64_t base_size, size; /* base: what is not counted as appended */
	size_t buffered;
	char path[CHECKPOINT_PATH_MAX], half[CHECKPOINT_PATH_MAX];
	char buffer[BUFFER];
};

static int file_path(const char *directory, uint64_t generation, const char *suffix, char *path)
{
	int n = snprintf(path, CHECKPOINT_PATH_MAX, "%s/" NAME "%016" PRIx64 "%s", directory,
			 generation, suffix);

	return n < 0 || n >= CHECKPOINT_PATH_MAX ? -ENAMETOOLONG : 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

static int write_all(struct checkpoint *cp, struct iovec *parts, int n)
{
	while (n) {
		ssize_t written = writev(cp->fd, parts, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		cp->size += (uint64_t)written;
		for (; n && (size_t)written >= parts->iov_len; parts++, n--)
			written -= (ssize_t)parts->iov_len;
		if (n) {
			parts->iov_base = (char *)parts->iov_base + written;
			parts->iov_len -= (size_t)written;
		}
	}
	return 0;
}

static int flush(struct checkpoint *cp)
{
	struct iovec part = { cp->buffer, cp->buffered };

	cp->buffered = 0;
	return part.iov_len ? write_all(cp, &part, 1) : 0;
}

static struct record_ring marker(const struct checkpoint_place *place, uint32_t count)
{
	return (struct record_ring){ .header = { .type = RECORD_RING,
						 .version = RECORD_VERSION,
						 .size = sizeof(struct record_ring) },
				     .lineage = place->lineage,
				     .generation = place->generation,
				     .position = place->position,
				     .step = place->step,
				     .dropped = place->dropped,
				     .missed = place->missed,
				     .count = count };
}

static int checkpoint_open(struct checkpoint *cp, const char *directory, uint64_t generation)
{
	int r = file_path(directory, generation, "", cp->path);

	if (r >= 0)
		r = file_path(directory, generation, ".new", cp->half);
	if (r < 0)
		return r;
	unlink(cp->half);
	cp->fd = open(cp->half, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
		      0600);
	if (cp->fd < 0)
		return -errno;
	return flock(cp->fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

static int checkpoint_begin(const char *directory, uint64_t generation, struct checkpoint **ret)
{
	_cleanup_(checkpoint_freep) struct checkpoint *cp = calloc(1, sizeof(*cp));
	int r;

	if (!cp)
		return -ENOMEM;
	cp->fd = -EBADF;
	r = checkpoint_open(cp, directory, generation);
	if (r < 0)
		return r;
	trace_header((unsigned char *)cp->buffer);
	cp->buffered = TRACE_HEADER_SIZE;
	*ret = TAKE_PTR(cp);
	return 0;
}

int checkpoint_new(const char *directory, const struct checkpoint_place *place, bool based,
		   struct checkpoint **ret)
{
	_cleanup_(checkpoint_freep) struct checkpoint *cp = NULL;
	struct record_ring first = marker(place, 0);
	int r = checkpoint_begin(directory, place->generation, &cp);

	if (r < 0)
		return r;
	first.based = based;
	r = checkpoint_append(cp, &first.header);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(cp);
	return 0;
}

struct checkpoint *checkpoint_free(struct checkpoint *cp)
{
	if (!cp)
		return NULL;
	if (cp->fd >= 0 && !cp->committed)
		unlink(cp->half);
	if (cp->fd >= 0)
		close(cp->fd);
	free(cp);
	return NULL;
}

struct checkpoint *checkpoint_discard(struct checkpoint *cp)
{
	if (cp && cp->committed)
		unlink(cp->path);
	return checkpoint_free(cp);
}

static uint64_t appended(const struct checkpoint *cp)
{
	return cp->size + cp->buffered - cp->base_size;
}

static bool may_grow(const struct checkpoint *cp, uint64_t bytes)
{
	return appended(cp) + bytes <= CHECKPOINT_LOG_MAX;
}

int checkpoint_append(struct checkpoint *cp, const struct record_header *record)
{
	struct iovec part = { (void *)record, record->size };
	int r = 0;

	if (cp->committed)
		return may_grow(cp, part.iov_len) ? write_all(cp, &part, 1) : -EFBIG;
	if (cp->buffered + record->size > sizeof(cp->buffer))
		r = flush(cp);
	memcpy(cp->buffer + cp->buffered, record, record->size);
	cp->buffered += record->size;
	return r;
}

/* Bytes in the ring: its own header, and what fills up to eight. */
static uint64_t ring_bytes(const struct record_header *record)
{
	return ((uint64_t)record->size + 8 + 7) / 8 * 8;
}

static int append_run(struct checkpoint *cp, const struct checkpoint_place *place,
		      const struct checkpoint_record *records, size_t n)
{
	struct record_ring head = marker(place, (uint32_t)n);
	struct iovec parts[RECORDS_MAX + 1] = { { &head, sizeof(head) } };
	uint64_t bytes = sizeof(head);

	head.position = records->begin;
	for (size_t i = 0; i < n; i++) {
		parts[i + 1] = (struct iovec){ (void *)records[i].header, records[i].header->size };
		bytes += records[i].header->size;
	}
	return may_grow(cp, bytes) ? write_all(cp, parts, (int)n + 1) : -EFBIG;
}

/* One marker for all that stand one behind the other */
int checkpoint_append_ring(struct checkpoint *cp, const struct checkpoint_place *place,
			   const struct checkpoint_record *records, size_t n)
{
	size_t first = 0, end;
	int r = 0;

	for (; first < n && r >= 0; first = end) {
		for (end = first + 1; end < n && end - first < RECORDS_MAX; end++)
			if (records[end].begin !=
			    records[end - 1].begin + ring_bytes(records[end - 1].header))
				break;
		r = append_run(cp, place, records + first, end - first);
	}
	return r;
}

int checkpoint_commit(struct checkpoint *cp)
{
	int r = flush(cp);

	if (r < 0)
		return r;
	if (rename(cp->half, cp->path) < 0)
		return -errno;
	cp->committed = true;
	if (!cp->continued)
		cp->base_size = cp->size;
	return 0;
}

bool checkpoint_is_due(const struct checkpoint *cp)
{
	uint64_t log = appended(cp);

	return (log > LOG_MIN && log > LOG_FACTOR * cp->base_size) || checkpoint_is_long(cp);
}

bool checkpoint_is_long(const struct checkpoint *cp)
{
	return appended(cp) > CHECKPOINT_LOG_MAX / 2;
}

/* ---- reading ------------------------------------------------------------------------------- */

struct looking {
	struct checkpoint_place place;
	uint64_t generation, markers;
	uint32_t left; /* records of the ring that the last marker announced */
	bool begun, bad;
};

static void look_at_marker(struct looking *looking, const struct record_ring *r)
{
	/* a ring is read in its order, and a marker announces what is there */
	if (r->generation != looking->generation ||
	    (looking->begun && (r->lineage != looking->place.lineage || looking->left ||
				r->position < looking->place.position)))
		looking->bad = true;
	looking->begun = true;
	looking->markers++;
	looking->left = r->count;
	looking->place = (struct checkpoint_place){ .lineage = r->lineage,
						    .generation = r->generation,
						    .position = r->position,
						    .step = r->step,
						    .dropped = r->dropped,
						    .missed = r->missed };
}

static void look_at(const struct record_header *record, void *userdata)
{
	struct looking *looking = userdata;

	if (record->type == RECORD_RING) {
		look_at_marker(looking, (const struct record_ring *)record);
	} else if (looking->left) {
		looking->place.position += ring_bytes(record);
		looking->left--;
	}
	looking->bad |= !looking->begun;
}

/* Only what this user has written is believed. */
static int judge(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
			       !(st.st_mode & (S_IWGRP | S_IWOTH)) ?
		       0 :
		       -EPERM;
}

/* Moves the file on to the next attempt's name. */
static int attempt(const char *directory, uint64_t generation, char *ret_path)
{
	char from[CHECKPOINT_PATH_MAX], suffix[16] = "";
	int r;

	for (int i = 0; i <= ATTEMPTS; i++) {
		if (i)
			snprintf(suffix, sizeof(suffix), ".%d", i);
		r = file_path(directory, generation, suffix, from);
		if (r >= 0)
			r = judge(from);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		if (i == ATTEMPTS) {
			unlink(from);
			return -ELOOP;
		}
		snprintf(suffix, sizeof(suffix), ".%d", i + 1);
		r = file_path(directory, generation, suffix, ret_path);
		return r >= 0 && rename(from, ret_path) < 0 ? -errno : r;
	}
	return -ENOENT;
}

static int read_records(const char *path,
			void (*on_record)(const struct record_header *record, void *userdata),
			void *userdata)
{
	uint64_t unknown = 0;
	int r = trace_read(path, on_record, userdata, &unknown, NULL);

	/* who wrote it ended in the middle of a record */
	if (r == -ENODATA)
		r = 0;
	return r >= 0 && unknown ? -EPROTONOSUPPORT : r;
}

int checkpoint_look(const char *directory, uint64_t generation, struct checkpoint_file *ret)
{
	struct looking looking = { .generation = generation };
	struct checkpoint_file file = {};
	int r = attempt(directory, generation, file.path);

	if (r >= 0)
		r = read_records(file.path, look_at, &looking);
	if (r < 0)
		return r;
	if (looking.bad || !looking.begun)
		return -EBADMSG;
	file.place = looking.place;
	file.markers = looking.markers;
	file.cut = looking.left;
	*ret = file;
	return 0;
}

int checkpoint_read(const struct checkpoint_file *file,
		    void (*on_record)(const struct record_header *record, void *userdata),
		    void *userdata)
{
	return read_records(file->path, on_record, userdata);
}

struct copying {
	struct checkpoint *checkpoint;
	uint64_t markers_left;
	uint32_t cut;
	int error;
};

static void copy(const struct record_header *record, void *userdata)
{
	struct copying *copying = userdata;
	struct checkpoint *cp = copying->checkpoint;
	struct record_ring last;

	if (copying->error < 0)
		return;
	/* it announces no more than what is there, for others follow */
	if (record->type == RECORD_RING && !--copying->markers_left) {
		last = *(const struct record_ring *)record;
		last.count -= copying->cut;
		record = &last.header;
	}
	copying->error = checkpoint_append(cp, record);
	if (record->type == RECORD_STATE_MODEL)
		cp->base_size = cp->size + cp->buffered;
}

int checkpoint_continue(const char *directory, const struct checkpoint_place *place,
			const struct checkpoint_file *file, struct checkpoint **ret)
{
	_cleanup_(checkpoint_freep) struct checkpoint *cp = NULL;
	struct record_ring here = marker(place, 0);
	struct copying copying = { .markers_left = file->markers, .cut = file->cut };
	int r = checkpoint_begin(directory, place->generation, &cp);

	if (r < 0)
		return r;
	cp->continued = true;
	copying.checkpoint = cp;
	r = checkpoint_read(file, copy, &copying);
	if (r >= 0)
		r = copying.error;
	if (r >= 0)
		r = checkpoint_append(cp, &here.header);
	if (r >= 0)
		*ret = TAKE_PTR(cp);
	return r;
}

static void closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

static bool is_left_behind(int directory_fd, const char *name, const char *kept)
{
	_cleanup_close_ int fd = -EBADF;

	if (strncmp(name, NAME, strlen(NAME)) || !strcmp(name, kept))
		return false;
	fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB);
}

void checkpoint_clean(const char *directory, uint64_t generation)
{
	_cleanup_(closedirp) DIR *stream = opendir(directory);
	struct dirent *entry;
	char kept[64];

	snprintf(kept, sizeof(kept), NAME "%016" PRIx64, generation);
	for (unsigned int i = 0; stream && i < ENTRIES_MAX && (entry = readdir(stream)); i++)
		if (is_left_behind(dirfd(stream), entry->d_name, kept))
			unlinkat(dirfd(stream), entry->d_name, 0);
}
