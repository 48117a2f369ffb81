/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state file: what a daemon has to leave to the one after it. It is a record file (trace.h):
 * first the model as it was at some time (model_save()), then every record that was applied since.
 * Who applies them all, has the model of the daemon that wrote them; at whatever moment it ended.
 *
 * Non-logging. Files are in a directory of this boot (/run): they belong to pinned programs.
 */
#ifndef CXLIRQD_CHECKPOINT_H
#define CXLIRQD_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/record.h>
#include <cxlirqd/state.h>

struct checkpoint;

/* Where a daemon stands */
struct checkpoint_place {
	uint64_t lineage; /* of daemons that followed each other without a gap */
	uint64_t generation; /* of the programs whose ring it reads */
	uint64_t position; /* in that ring */
	uint64_t step; /* changes so far */
	uint64_t dropped, missed; /* losses told so far */
};

/* A record that came from the ring, and where it was there */
struct checkpoint_record {
	const struct record_header *header;
	uint64_t begin;
};

/*
 * Begins a new file for place->generation in @directory, which takes the place of an older one when
 * it is committed. @based: a model follows, RECORD_STATE_MODEL the last of it. Negative errno.
 */
int checkpoint_new(const char *directory, const struct checkpoint_place *place, bool based,
		   struct checkpoint **ret);
/* What is written stays. Takes NULL, returns NULL. */
struct checkpoint *checkpoint_free(struct checkpoint *checkpoint);
DEFINE_CLEANUP(struct checkpoint *, checkpoint_free);

/*
 * Appends. Before the commit records are gathered; afterwards each is in the file when the function
 * returns, and survives this process. Negative errno: the file is of no use any more.
 */
int checkpoint_append(struct checkpoint *checkpoint, const struct record_header *record);
/* The same for records of the ring, in its order; @place: before the first of them. */
int checkpoint_append_ring(struct checkpoint *checkpoint, const struct checkpoint_place *place,
			   const struct checkpoint_record *records, size_t n);
int checkpoint_commit(struct checkpoint *checkpoint);

/* It is not to be used any more: removed. Takes NULL, returns NULL. */
struct checkpoint *checkpoint_discard(struct checkpoint *checkpoint);

/* So much may be appended, then it is an error: -EFBIG. */
#define CHECKPOINT_LOG_MAX (64U << 20)

/* So much was appended that the model itself is shorter. */
bool checkpoint_is_due(const struct checkpoint *checkpoint);
/* Half of what may be was appended: time to begin a new file, whatever speaks against it. */
bool checkpoint_is_long(const struct checkpoint *checkpoint);

#define CHECKPOINT_PATH_MAX 512

/* A file that was looked through and found sound */
struct checkpoint_file {
	char path[CHECKPOINT_PATH_MAX];
	struct checkpoint_place place; /* of the daemon that wrote it, at its end */
	uint64_t markers; /* RECORD_RING in it */
	uint32_t cut; /* records that the last of them announces and that are missing */
};

/*
 * Looks through the file of @generation. It is set aside for that, for if reading it ends this
 * process it must not do so for ever: after three attempts it is removed. checkpoint_new() makes
 * one that takes its place.
 * -ENOENT: there is none. -ELOOP: it was tried too often. -EPERM: it is not this user's.
 * -EPROTONOSUPPORT: another version wrote it. -EBADMSG: it is damaged. Other errors of the system.
 */
int checkpoint_look(const char *directory, uint64_t generation, struct checkpoint_file *ret);
/*
 * Every record of it, in order. The first one is a RECORD_RING; where that says so, those that
 * follow are the model, up to RECORD_STATE_MODEL. Errors as above.
 */
int checkpoint_read(const struct checkpoint_file *file,
		    void (*on_record)(const struct record_header *record, void *userdata),
		    void *userdata);

/*
 * As checkpoint_new(), with all that is in @file, up to @place: it goes on where that ended. What it
 * is based on is that file's, and so is what was appended.
 */
int checkpoint_continue(const char *directory, const struct checkpoint_place *place,
			const struct checkpoint_file *file, struct checkpoint **ret);

/* Removes what was left behind: every file but those of @generation that no daemon has open. */
void checkpoint_clean(const char *directory, uint64_t generation);

#endif
