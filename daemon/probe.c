// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel side's keeper: takes over what a daemon before this one has left running, or has it
 * loaded and attached (probe-load.c), and pinned for the next one (probe-pin.c).
 */
#include "probe-private.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cxlirqd/cleanup.h>

#include "log.h"

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

/* A hook that has no reason of its own not to be there has this one. */
static void probe_refused(struct probe *probe)
{
	log_warning("BPF tracing is off, serving what sysfs tells: %s", probe->reason);
	for (size_t i = 0; i < probe->n_hooks; i++)
		if (!probe->hooks[i].told.reason[0])
			memcpy(probe->hooks[i].told.reason, probe->reason, sizeof(probe->reason));
}

static int probe_start(struct probe *probe, size_t ring_size, const char *pin_directory)
{
	struct pin_manifest_header wanted = {};
	int r = cpus_read(&probe->cpus);

	if (r >= 0)
		r = probe_pin_open(probe, pin_directory);
	if (r < 0)
		return r;
	probe_load_identity(probe, ring_size, &wanted);
	if (probe->pin && probe_pin_adopt(probe, &wanted) > 0) {
		probe->tracing = true;
		return 0;
	}
	r = probe_load(probe, ring_size,
		       probe->former.generation ? probe->former.header.secret : NULL);
	if (r < 0) {
		probe_refused(probe);
		/* without a reader they would only fill their ring */
		probe_replace(probe);
		return 0;
	}
	probe->tracing = true;
	probe->header.created_ns = now_ns();
	if (probe->pin)
		probe_pin_put(probe);
	return 0;
}

int probe_new(size_t ring_size, const char *pin_directory, struct probe **ret)
{
	struct probe *probe = calloc(1, sizeof(*probe));
	int r;

	if (!probe)
		return -ENOMEM;
	probe->ring_fd = probe->bss_fd = probe->snapshot_fd = -EBADF;
	probe->former.ring_fd = probe->former.bss_fd = -EBADF;
	uname(&probe->uts);
	r = probe_start(probe, ring_size, pin_directory);
	if (r < 0) {
		probe_free(probe);
		return r;
	}
	*ret = probe;
	return 0;
}

struct probe *probe_free(struct probe *probe)
{
	if (!probe)
		return NULL;
	for (size_t i = 0; i < probe->n_hooks; i++) {
		closep(&probe->hooks[i].link_fd);
		closep(&probe->hooks[i].program_fd);
	}
	if (probe->bss)
		munmap(probe->bss, probe->bss_size);
	closep(&probe->ring_fd);
	closep(&probe->bss_fd);
	closep(&probe->snapshot_fd);
	probe_pin_done(probe);
	free(probe->names);
	free(probe);
	return NULL;
}

bool probe_tracing(const struct probe *probe)
{
	return probe->tracing;
}

const char *probe_reason(const struct probe *probe)
{
	return probe->reason[0] ? probe->reason : NULL;
}

int probe_ring_fd(const struct probe *probe)
{
	return probe->tracing ? probe->ring_fd : -EBADF;
}

int probe_snapshot_fd(const struct probe *probe)
{
	return probe->tracing ? probe->snapshot_fd : -EBADF;
}

bool probe_can_walk(const struct probe *probe)
{
	return probe->tracing && (probe->roots->sparse_irqs || probe->roots->irq_desc_tree);
}

uint64_t probe_dropped(const struct probe *probe)
{
	uint64_t n = 0;

	if (!probe->tracing)
		return 0;
	for (size_t i = 0; i < RECORD_TYPE_MAX; i++)
		n += __atomic_load_n(&probe->stats->lost[i], __ATOMIC_RELAXED);
	return n;
}

uint64_t probe_refused_notes(const struct probe *probe, enum program_note note)
{
	return probe->tracing ? __atomic_load_n(&probe->stats->refused[note], __ATOMIC_RELAXED) : 0;
}

const char *probe_note_name(enum program_note note)
{
	static const char *const names[] = {
		[PROGRAM_NOTE_TASK] = "program-tasks",
		[PROGRAM_NOTE_MESSAGE] = "program-messages",
		[PROGRAM_NOTE_DOORBELL] = "program-doorbells",
	};
	_Static_assert(sizeof(names) / sizeof(*names) == PROGRAM_NOTE_MAX, "a note has no name");

	return names[note];
}

static bool program_info(const struct hook_state *hook, struct bpf_prog_info *ret)
{
	__u32 size = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return hook->told.attached && !bpf_obj_get_info_by_fd(hook->program_fd, ret, &size);
}

uint64_t probe_missed(const struct probe *probe)
{
	struct bpf_prog_info info;
	uint64_t n = 0;

	for (size_t i = 0; i < probe->n_hooks; i++)
		if (program_info(&probe->hooks[i], &info))
			n += info.recursion_misses;
	return n;
}

void probe_each_program(const struct probe *probe, probe_program_fn each, void *userdata)
{
	struct bpf_prog_info info;

	for (size_t i = 0; i < probe->n_hooks; i++)
		if (program_info(&probe->hooks[i], &info)) {
			struct probe_program program = { .name = probe->hooks[i].told.program,
							 .hook = probe->hooks[i].told.section,
							 .runs = info.run_cnt,
							 .time_ns = info.run_time_ns,
							 .missed = info.recursion_misses };

			each(&program, userdata);
		}
}

bool probe_adopted(const struct probe *probe)
{
	return probe->adopted;
}

uint64_t probe_generation(const struct probe *probe)
{
	return probe->pin && probe->tracing ? probe->header.generation : 0;
}

uint64_t probe_since_ns(const struct probe *probe)
{
	return probe->header.created_ns;
}

const char *probe_pinned(const struct probe *probe)
{
	return probe_generation(probe) ? pin_path(probe->pin) : NULL;
}

const char *probe_pin_place(const struct probe *probe)
{
	return probe_generation(probe) ? pin_place(probe->pin) : NULL;
}

const char *probe_pin_reason(const struct probe *probe)
{
	return probe->pin_reason[0] ? probe->pin_reason : NULL;
}
