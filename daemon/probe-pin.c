// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Programs that outlive the daemon. What the manifest says of a set is checked against what is
 * there: each link must be the one of the program beside it, the maps must be what the programs
 * were loaded with. Then nothing is loaded, nothing looked up in the kernel's types and symbols.
 *
 * Another set than the one that this daemon would load stays as it is until these programs have
 * been attached beside it: from then on both tell, and the daemon decides where to cut (takeover.h).
 */
#include "probe-private.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <cxlirqd/cleanup.h>

#include "log.h"

static int set_reason(struct probe *probe, const char *what, int r)
{
	snprintf(probe->pin_reason, sizeof(probe->pin_reason), "%.100s: %s", what, strerror(-r));
	return r;
}

int probe_pin_open(struct probe *probe, const char *path)
{
	int r;

	if (!path || !*path)
		return 0;
	r = pin_new(path, &probe->pin, probe->pin_reason);
	if (r == -EBUSY)
		log_error("%s", probe->pin_reason);
	else if (r == -ENOENT)
		log_info("%s: what happens while the daemon restarts will be missed",
			 probe->pin_reason);
	else if (r < 0)
		log_warning("nothing is pinned, what happens while the daemon restarts will be "
			    "missed: %s",
			    probe->pin_reason);
	return r == -EBUSY || r == -ENOMEM ? r : 0;
}

/* ---- taking over --------------------------------------------------------------------------- */

static int map_is(int fd, uint32_t type, uint64_t entries, uint32_t value_size)
{
	struct bpf_map_info info = {};
	__u32 length = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &length) < 0)
		return -errno;
	return info.type == type && info.max_entries == entries && info.value_size == value_size ?
		       0 :
		       -EMEDIUMTYPE;
}

/* The descriptors of the maps, checked */
static int get_maps(struct pin *pin, const struct pin_manifest_header *header, int *ring_fd,
		    int *bss_fd)
{
	int r = pin_get(pin, header->generation, "map", "ring", ring_fd);

	if (r >= 0)
		r = map_is(*ring_fd, BPF_MAP_TYPE_RINGBUF, header->knobs.ring_size, 0);
	if (r >= 0)
		r = pin_get(pin, header->generation, "map", "bss", bss_fd);
	if (r >= 0)
		r = map_is(*bss_fd, BPF_MAP_TYPE_ARRAY, 1, header->bss_size);
	return r;
}

static int hook_adopt(struct pin *pin, uint64_t generation, struct hook_state *hook)
{
	struct bpf_prog_info program = {};
	struct bpf_link_info link = {};
	__u32 length = sizeof(link);
	int r;

	if (!hook->told.attached)
		return 0;
	r = pin_get(pin, generation, "link", hook->told.program, &hook->link_fd);
	if (r >= 0)
		r = pin_get(pin, generation, "prog", hook->told.program, &hook->program_fd);
	if (r < 0)
		return r;
	if (bpf_obj_get_info_by_fd(hook->link_fd, &link, &length) < 0)
		return -errno;
	length = sizeof(program);
	if (bpf_obj_get_info_by_fd(hook->program_fd, &program, &length) < 0)
		return -errno;
	return link.prog_id == program.id ? 0 : -EMEDIUMTYPE;
}

static int adopt_names(struct probe *probe, const struct pin_manifest *manifest)
{
	size_t n = manifest->header.n_names;

	probe->names = calloc(n ?: 1, sizeof(*probe->names));
	if (!probe->names)
		return -ENOMEM;
	memcpy(probe->names, manifest->names, n * sizeof(*probe->names));
	probe->n_names = n;
	return 0;
}

/* @ret_what: what it failed at. */
static int adopt(struct probe *probe, const struct pin_manifest *manifest, const char **ret_what)
{
	uint64_t generation = manifest->header.generation;
	int r = get_maps(probe->pin, &manifest->header, &probe->ring_fd, &probe->bss_fd);

	*ret_what = "maps";
	if (r >= 0) {
		*ret_what = "snapshot";
		r = pin_get(probe->pin, generation, "prog", *ret_what, &probe->snapshot_fd);
	}
	if (r >= 0)
		r = adopt_names(probe, manifest);
	for (size_t i = 0; i < manifest->header.n_hooks && r >= 0; i++) {
		struct hook_state *hook = &probe->hooks[probe->n_hooks++];

		hook->told = manifest->hooks[i];
		hook->link_fd = hook->program_fd = -EBADF;
		*ret_what = manifest->hooks[i].program;
		r = hook_adopt(probe->pin, generation, hook);
	}
	return r < 0 ? r : probe_map(probe);
}

/* Nothing of a set that could not be taken over is of use. */
static void forget(struct probe *probe)
{
	for (size_t i = 0; i < probe->n_hooks; i++) {
		closep(&probe->hooks[i].link_fd);
		closep(&probe->hooks[i].program_fd);
	}
	memset(probe->hooks, 0, sizeof(probe->hooks));
	probe->n_hooks = probe->n_names = 0;
	free(TAKE_PTR(probe->names));
	closep(&probe->ring_fd);
	closep(&probe->bss_fd);
	closep(&probe->snapshot_fd);
	probe->ring_fd = probe->bss_fd = probe->snapshot_fd = -EBADF;
	if (probe->bss)
		munmap(TAKE_PTR(probe->bss), probe->bss_size);
	probe->stats = NULL;
	probe->roots = NULL;
}

/* What is there is not what would be loaded: it waits for these programs. */
static void succeed(struct probe *probe, const struct pin_manifest_header *header)
{
	struct probe_former *former = &probe->former;

	former->generation = header->generation;
	former->header = *header;
	if (get_maps(probe->pin, header, &former->ring_fd, &former->bss_fd) >= 0)
		return;
	closep(&former->ring_fd);
	closep(&former->bss_fd);
	former->ring_fd = former->bss_fd = -EBADF;
}

static void tell_found(struct probe *probe, const struct pin_found *found)
{
	const char *path = pin_path(probe->pin);

	if (found->removed)
		log_notice("%s: %u half made or older %s removed", path, found->removed,
			   found->removed == 1 ? "set of programs" : "sets of programs");
	if (found->foreign)
		log_warning("%s/%s: not one of ours, left alone", path, found->foreign_name);
}

/* A manifest that cannot be read leaves nothing to be taken over. */
static int look(struct probe *probe, void **ret_data, struct pin_manifest *ret)
{
	struct pin_found found;
	int r = pin_scan(probe->pin, &found);

	if (r < 0) {
		log_warning("%s: %s", pin_path(probe->pin), strerror(-r));
		return 0;
	}
	tell_found(probe, &found);
	if (!found.generation)
		return 0;
	r = pin_read_manifest(probe->pin, found.generation, ret_data, ret);
	if (r >= 0)
		return 1;
	log_warning("%s: what is pinned there cannot be understood (%s), replacing it",
		    pin_path(probe->pin), strerror(-r));
	probe->former.generation = found.generation;
	return 0;
}

int probe_pin_adopt(struct probe *probe, const struct pin_manifest_header *wanted)
{
	_cleanup_free_ void *data = NULL;
	struct pin_manifest manifest;
	size_t attached = 0;
	const char *what;
	int r = look(probe, &data, &manifest);

	if (r <= 0)
		return r;
	if (!pin_manifest_fits(&manifest, wanted->object, &wanted->knobs)) {
		log_notice("%s: programs of another version or with other settings are pinned, "
			   "replacing them",
			   pin_path(probe->pin));
		succeed(probe, &manifest.header);
		return 0;
	}
	r = adopt(probe, &manifest, &what);
	if (r < 0) {
		log_warning("%s: not all that was pinned is there (%s: %s), replacing it",
			    pin_path(probe->pin), what, strerror(-r));
		forget(probe);
		succeed(probe, &manifest.header);
		return 0;
	}
	if (!probe->roots->sparse_irqs && !probe->roots->irq_desc_tree) {
		/* the kernel may tell by now */
		log_notice("%s: what is pinned there knows no symbols of the kernel, replacing it",
			   pin_path(probe->pin));
		forget(probe);
		succeed(probe, &manifest.header);
		return 0;
	}
	probe->header = manifest.header;
	probe->adopted = probe->committed = true;
	for (size_t i = 0; i < probe->n_hooks; i++)
		attached += probe->hooks[i].told.attached;
	log_info("%zu of %zu hooks taken over, as they were attached", attached, probe->n_hooks);
	return 1;
}

/* ---- pinning ------------------------------------------------------------------------------- */

static int put_hooks(struct probe *probe, uint64_t generation)
{
	int r = 0;

	for (size_t i = 0; i < probe->n_hooks && r >= 0; i++) {
		const struct hook_state *hook = &probe->hooks[i];

		if (!hook->told.attached)
			continue;
		r = pin_put(probe->pin, generation, "prog", hook->told.program, hook->program_fd);
		if (r >= 0)
			r = pin_put(probe->pin, generation, "link", hook->told.program,
				    hook->link_fd);
	}
	return r;
}

static int put_manifest(struct probe *probe)
{
	_cleanup_free_ struct pin_hook *hooks = calloc(probe->n_hooks ?: 1, sizeof(*hooks));
	struct pin_manifest manifest = { .hooks = hooks, .names = probe->names };

	if (!hooks)
		return -ENOMEM;
	for (size_t i = 0; i < probe->n_hooks; i++)
		hooks[i] = probe->hooks[i].told;
	probe->header.n_hooks = (uint32_t)probe->n_hooks;
	probe->header.n_names = (uint32_t)probe->n_names;
	manifest.header = probe->header;
	return pin_put_manifest(probe->pin, probe->header.generation, &manifest);
}

static int put(struct probe *probe)
{
	uint64_t generation = probe->header.generation;
	int r = pin_begin(probe->pin, generation);

	if (r >= 0)
		r = pin_put(probe->pin, generation, "map", "ring", probe->ring_fd);
	if (r >= 0)
		r = pin_put(probe->pin, generation, "map", "bss", probe->bss_fd);
	if (r >= 0)
		r = pin_put(probe->pin, generation, "prog", "snapshot", probe->snapshot_fd);
	if (r >= 0)
		r = put_hooks(probe, generation);
	if (r >= 0)
		r = put_manifest(probe);
	return r;
}

/* Where another set is there this one is not complete before it has replaced that one. */
void probe_pin_put(struct probe *probe)
{
	int r;

	if (getrandom(&probe->header.generation, sizeof(uint64_t), 0) != sizeof(uint64_t))
		probe->header.generation = probe->header.created_ns;
	probe->header.generation |= !probe->header.generation;
	r = put(probe);
	if (r >= 0 && !probe->former.generation) {
		r = pin_commit(probe->pin, probe->header.generation);
		probe->committed = r >= 0;
	}
	if (r >= 0)
		return;
	set_reason(probe, pin_path(probe->pin), r);
	log_warning("cannot pin, what happens while the daemon restarts will be missed: %s",
		    probe->pin_reason);
	pin_remove(probe->pin, probe->header.generation);
	probe->header.generation = 0;
}

/* ---- other programs ------------------------------------------------------------------------ */

static uint64_t lost_by(const struct probe_former *former)
{
	_cleanup_free_ void *bss = calloc(1, former->header.bss_size + 8);
	const uint64_t *lost;
	__u32 first = 0;
	uint64_t n = 0;

	if (!bss || former->bss_fd < 0 || bpf_map_lookup_elem(former->bss_fd, &first, bss) < 0)
		return 0;
	lost = (const void *)((char *)bss + former->header.lost_offset);
	for (uint32_t i = 0; i < former->header.n_lost; i++)
		n += lost[i];
	return n;
}

bool probe_other(const struct probe *probe, struct probe_other *ret)
{
	const struct probe_former *former = &probe->former;

	if (!former->generation)
		return false;
	*ret = (struct probe_other){ .generation = former->generation,
				     .record_version = former->header.knobs.record_version,
				     .ring_fd = former->ring_fd,
				     .dropped = lost_by(former) };
	return true;
}

void probe_replace(struct probe *probe)
{
	struct probe_former *former = &probe->former;
	int r = 0;

	if (!former->generation)
		return;
	if (!probe->committed && probe->header.generation)
		r = pin_commit(probe->pin, probe->header.generation);
	probe->committed = r >= 0;
	closep(&former->ring_fd);
	closep(&former->bss_fd);
	former->ring_fd = former->bss_fd = -EBADF;
	if (r >= 0)
		r = pin_remove(probe->pin, former->generation);
	if (r < 0)
		log_warning("%s: cannot replace what was pinned: %s", pin_path(probe->pin),
			    strerror(-r));
	former->generation = 0;
}

void probe_pin_done(struct probe *probe)
{
	/* a set that never became complete is of use to nobody */
	if (probe->pin && probe->tracing && !probe->committed && probe->header.generation)
		pin_remove(probe->pin, probe->header.generation);
	closep(&probe->former.ring_fd);
	closep(&probe->former.bss_fd);
	pin_free(probe->pin);
}
