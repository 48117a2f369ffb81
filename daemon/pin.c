// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Paths go through a descriptor that was opened before privileges were given up (/proc/self/fd/N/...):
 * /sys/fs/bpf itself is root's alone, and bpf(2) takes a directory's descriptor only since 6.5.
 * bpffs knows directories, rename and unlink like other file systems, but no dots in names.
 *
 * A set is filled under "new_GENERATION" and renamed when it is complete, so that a crash in between
 * leaves something that the next start can tell from a set. Two sets are there only between the
 * moment at which newer programs take over and the removal of the older ones: the newer counts.
 */
#include "pin.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MANIFEST_NAME_MAX 16
#define SETS_MAX 64 /* more are left where they are until the next time */
#define ENTRIES_MAX 4096

struct pin {
	int fd;
	char path[PIN_REASON_MAX - 64];
	char place[32];
};

/* "new" until it is complete */
static int set_path(const struct pin *pin, const char *prefix, uint64_t generation,
		    const char *kind, const char *name, char *path, size_t size)
{
	int n = snprintf(path, size, "%s/%s_%016" PRIx64 "%s%s%s%s", pin->place, prefix, generation,
			 *kind ? "/" : "", kind, *name ? "_" : "", name);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

#define PATH_SIZE 160

/* ---- the directory ------------------------------------------------------------------------- */

static int refuse(char reason[static PIN_REASON_MAX], const char *path, const char *why, int r)
{
	snprintf(reason, PIN_REASON_MAX, "%.100s: %s", path, why);
	return r;
}

/* Where bpffs is not mounted nobody can make the directory: that is said, and not that it is missing. */
static int refuse_open(char reason[static PIN_REASON_MAX], const char *path, int r)
{
	char parent[PIN_REASON_MAX];
	struct statfs file_system;

	snprintf(parent, sizeof(parent), "%.*s",
		 (int)(strrchr(path, '/') ? strrchr(path, '/') - path : 0), path);
	if (r == -ENOENT && !statfs(parent, &file_system) && file_system.f_type != BPF_FS_MAGIC)
		return refuse(reason, path, "no BPF file system is mounted there", r);
	return refuse(reason, path, strerror(-r), r);
}

static int judge(int fd, const char *path, char reason[static PIN_REASON_MAX])
{
	struct statfs file_system;
	char why[64];
	struct stat st;

	if (fstat(fd, &st) < 0 || fstatfs(fd, &file_system) < 0)
		return refuse(reason, path, strerror(errno), -errno);
	if (file_system.f_type != BPF_FS_MAGIC)
		return refuse(reason, path, "not on a BPF file system", -EMEDIUMTYPE);
	if (st.st_uid != geteuid()) {
		snprintf(why, sizeof(why), "it belongs to user %u, not to %u", st.st_uid,
			 geteuid());
		return refuse(reason, path, why, -EPERM);
	}
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return refuse(reason, path, "others may write to it", -EPERM);
	return 0;
}

int pin_new(const char *path, struct pin **ret, char reason[static PIN_REASON_MAX])
{
	_cleanup_(pin_freep) struct pin *pin = calloc(1, sizeof(*pin));
	int r;

	if (!pin)
		return refuse(reason, path, strerror(ENOMEM), -ENOMEM);
	pin->fd = -EBADF;
	if (snprintf(pin->path, sizeof(pin->path), "%s", path) >= (int)sizeof(pin->path))
		return refuse(reason, path, strerror(ENAMETOOLONG), -ENAMETOOLONG);
	pin->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (pin->fd < 0)
		return refuse_open(reason, path, -errno);
	snprintf(pin->place, sizeof(pin->place), "/proc/self/fd/%d", pin->fd);
	r = judge(pin->fd, path, reason);
	if (r < 0)
		return r;
	/* it goes with the process, however that ends */
	if (flock(pin->fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
		return refuse(reason, path,
			      r == -EBUSY ? "in use by another cxlirqd" : strerror(-r), r);
	}
	*ret = TAKE_PTR(pin);
	return 0;
}

struct pin *pin_free(struct pin *pin)
{
	if (!pin)
		return NULL;
	if (pin->fd >= 0)
		close(pin->fd);
	free(pin);
	return NULL;
}

const char *pin_path(const struct pin *pin)
{
	return pin->path;
}

const char *pin_place(const struct pin *pin)
{
	return pin->place;
}

/* ---- removal ------------------------------------------------------------------------------- */

static bool is_ours(const char *name)
{
	return !strncmp(name, "link_", 5) || !strncmp(name, "prog_", 5) ||
	       !strncmp(name, "map_", 4) || !strcmp(name, "manifest");
}

static void closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

/* A descriptor of its own, for its position belongs to the stream. */
static DIR *open_stream(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	if (!stream && fd >= 0)
		close(fd);
	return stream;
}

static int remove_entries(int at, const char *name)
{
	_cleanup_(closedirp) DIR *stream = open_stream(at, name);
	struct dirent *entry;

	if (!stream)
		return -errno;
	for (unsigned int i = 0; i < ENTRIES_MAX && (entry = readdir(stream)); i++)
		if (is_ours(entry->d_name))
			unlinkat(dirfd(stream), entry->d_name, 0);
	return unlinkat(at, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int remove_set(struct pin *pin, const char *prefix, uint64_t generation)
{
	char half[32], name[32];

	snprintf(name, sizeof(name), "%s_%016" PRIx64, prefix, generation);
	snprintf(half, sizeof(half), "new_%016" PRIx64, generation);
	/* from here on nobody takes it for a complete one */
	if (strcmp(name, half) && renameat(pin->fd, name, pin->fd, half) < 0)
		return -errno;
	return remove_entries(pin->fd, half);
}

int pin_remove(struct pin *pin, uint64_t generation)
{
	int r = remove_set(pin, "set", generation);

	return r == -ENOENT ? remove_set(pin, "new", generation) : r;
}

/* ---- what is there ------------------------------------------------------------------------- */

static bool parse_name(const char *name, const char *prefix, uint64_t *ret)
{
	size_t length = strlen(prefix);
	char again[32];

	if (strncmp(name, prefix, length))
		return false;
	*ret = strtoull(name + length, NULL, 16);
	snprintf(again, sizeof(again), "%s%016" PRIx64, prefix, *ret);
	return !strcmp(name, again) && *ret;
}

struct sets {
	uint64_t complete[SETS_MAX], half[SETS_MAX];
	unsigned int n_complete, n_half;
};

static int list(struct pin *pin, struct sets *sets, struct pin_found *found)
{
	_cleanup_(closedirp) DIR *stream = open_stream(pin->fd, ".");
	struct dirent *entry;
	uint64_t generation;

	if (!stream)
		return -errno;
	for (unsigned int i = 0; i < ENTRIES_MAX && (entry = readdir(stream)); i++) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (!strcmp(entry->d_name, "guard") || !strcmp(entry->d_name, "guard_new"))
			continue; /* guard-hook.h */
		if (parse_name(entry->d_name, "set_", &generation)) {
			if (sets->n_complete < SETS_MAX)
				sets->complete[sets->n_complete++] = generation;
		} else if (parse_name(entry->d_name, "new_", &generation)) {
			if (sets->n_half < SETS_MAX)
				sets->half[sets->n_half++] = generation;
		} else {
			found->foreign++;
			snprintf(found->foreign_name, sizeof(found->foreign_name), "%.63s",
				 entry->d_name);
		}
	}
	return 0;
}

/* 0: it has no manifest that can be read. */
static uint64_t created(struct pin *pin, uint64_t generation)
{
	_cleanup_free_ void *data = NULL;
	struct pin_manifest manifest;

	if (pin_read_manifest(pin, generation, &data, &manifest) < 0)
		return 0;
	return manifest.header.created_ns;
}

int pin_scan(struct pin *pin, struct pin_found *ret)
{
	struct pin_found found = {};
	uint64_t newest_ns = 0, ns;
	struct sets sets = {};
	int r = list(pin, &sets, &found);

	if (r < 0)
		return r;
	for (unsigned int i = 0; i < sets.n_complete; i++) {
		ns = created(pin, sets.complete[i]);
		/* one that cannot be read is still a set, if there is no better one */
		if (found.generation && ns <= newest_ns)
			continue;
		found.generation = sets.complete[i];
		newest_ns = ns;
	}
	for (unsigned int i = 0; i < sets.n_complete; i++)
		if (sets.complete[i] != found.generation)
			found.removed += !remove_set(pin, "set", sets.complete[i]);
	for (unsigned int i = 0; i < sets.n_half; i++)
		found.removed += !remove_set(pin, "new", sets.half[i]);
	*ret = found;
	return 0;
}

int pin_get(struct pin *pin, uint64_t generation, const char *kind, const char *name, int *ret_fd)
{
	char path[PATH_SIZE];
	int fd, r;

	r = set_path(pin, "set", generation, kind, name, path, sizeof(path));
	if (r < 0)
		return r;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int pin_read_manifest(struct pin *pin, uint64_t generation, void **ret_data,
		      struct pin_manifest *ret)
{
	_cleanup_free_ void *data = NULL;
	_cleanup_close_ int fd = -EBADF;
	struct bpf_map_info info = {};
	__u32 length = sizeof(info), first = 0;
	int r = pin_get(pin, generation, "manifest", "", &fd);

	if (r < 0)
		return r;
	if (bpf_obj_get_info_by_fd(fd, &info, &length) < 0)
		return -errno;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.key_size != sizeof(first))
		return -EBADMSG;
	/* the kernel rounds what it copies up to eight bytes */
	data = calloc(1, ((size_t)info.value_size + 7) / 8 * 8);
	if (!data)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, &first, data) < 0)
		return -errno;
	r = pin_manifest_parse(data, info.value_size, ret);
	if (r >= 0 && ret->header.generation != generation)
		r = -EBADMSG;
	if (r >= 0)
		*ret_data = TAKE_PTR(data);
	return r;
}

/* ---- a new set ----------------------------------------------------------------------------- */

int pin_begin(struct pin *pin, uint64_t generation)
{
	char path[PATH_SIZE];
	int r = set_path(pin, "new", generation, "", "", path, sizeof(path));

	if (r < 0)
		return r;
	return mkdir(path, 0700) < 0 ? -errno : 0;
}

int pin_put(struct pin *pin, uint64_t generation, const char *kind, const char *name, int fd)
{
	char path[PATH_SIZE];
	int r = set_path(pin, "new", generation, kind, name, path, sizeof(path));

	if (r < 0)
		return r;
	return bpf_obj_pin(fd, path) < 0 ? -errno : 0;
}

/* In a map, for bpffs has no files; nobody can change it afterwards. */
int pin_put_manifest(struct pin *pin, uint64_t generation, const struct pin_manifest *manifest)
{
	_cleanup_free_ void *data = NULL;
	_cleanup_close_ int fd = -EBADF;
	__u32 first = 0;
	size_t size;
	int r = pin_manifest_format(manifest, &data, &size);

	if (r < 0)
		return r;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "cxlirqd_set", sizeof(first), (__u32)size, 1, NULL);
	if (fd < 0)
		return -errno;
	if (bpf_map_update_elem(fd, &first, data, BPF_ANY) < 0 || bpf_map_freeze(fd) < 0)
		return -errno;
	return pin_put(pin, generation, "manifest", "", fd);
}

int pin_commit(struct pin *pin, uint64_t generation)
{
	char half[PATH_SIZE], name[PATH_SIZE];
	int r = set_path(pin, "new", generation, "", "", half, sizeof(half));

	if (r >= 0)
		r = set_path(pin, "set", generation, "", "", name, sizeof(name));
	if (r < 0)
		return r;
	return rename(half, name) < 0 ? -errno : 0;
}
