/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the probe share: probe.c decides, probe-load.c loads and attaches, probe-pin.c
 * takes over what is pinned and pins, probe-describe.c tells, probe-reason.c knows why not.
 */
#ifndef CXLIRQD_PROBE_PRIVATE_H
#define CXLIRQD_PROBE_PRIVATE_H

#include "probe.h"

#include <cxlirqd/program.h>
#include <sys/utsname.h>

#include "cpus.h"
#include "pin.h"

struct bpf_program;

struct hook_state {
	struct pin_hook told; /* as the next daemon is told of it, too */
	struct bpf_program *program; /* while it is being loaded */
	bool absent; /* its function is not there */
	int link_fd, program_fd;
};

/* A set of programs that other ones replace */
struct probe_former {
	uint64_t generation; /* 0: there is none */
	struct pin_manifest_header header;
	int ring_fd, bss_fd;
};

struct probe {
	struct hook_state hooks[PIN_HOOKS_MAX];
	size_t n_hooks;
	struct pin_name *names;
	size_t n_names;

	int ring_fd, bss_fd, snapshot_fd;
	void *bss; /* mapped */
	size_t bss_size;
	const struct emit_stats *stats; /* in there */
	const struct roots *roots;

	bool tracing;
	char reason[128]; /* why not */
	struct cpus cpus;
	struct utsname uts;

	struct pin_manifest_header header; /* of what is running */
	struct pin *pin; /* NULL: nothing is pinned */
	char pin_reason[PIN_REASON_MAX]; /* why not; "" = it is not wanted */
	bool adopted, committed;
	struct probe_former former;
};

/* ---- probe-load.c -------------------------------------------------------------------------- */

/* What would be loaded: fills the header's object and knobs. */
void probe_load_identity(const struct probe *probe, size_t ring_size,
			 struct pin_manifest_header *ret);
/*
 * Loads, looks up the kernel's roots and attaches; fills hooks, names, descriptors and the rest of
 * the header. @secret: of the keys, NULL for a new one. Negative errno, and the reason in
 * probe->reason. Logs.
 */
int probe_load(struct probe *probe, size_t ring_size, const uint64_t secret[2]);
/* Maps what the programs count. */
int probe_map(struct probe *probe);

/* ---- probe-pin.c --------------------------------------------------------------------------- */

/* Opens the directory. -EBUSY was told; what else may be wrong is in pin_reason. Logs. */
int probe_pin_open(struct probe *probe, const char *path);
/*
 * Takes over the set that is there, if it is the one that @wanted describes. 1: done. 0: there is
 * none; or another one, which is probe->former then. Logs.
 */
int probe_pin_adopt(struct probe *probe, const struct pin_manifest_header *wanted);
/* Pins what was loaded. On failure nothing is pinned, and pin_reason says why. Logs. */
void probe_pin_put(struct probe *probe);
void probe_pin_done(struct probe *probe);

/* ---- probe-reason.c ------------------------------------------------------------------------ */

/* Why loading failed with this negative errno, and why the roots of the walk are not known */
const char *probe_reason_load(int error);
const char *probe_reason_symbols(void);

#endif
