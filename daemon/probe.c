// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel side's keeper. A kernel differs from the next in which functions it has, which of
 * them can be attached to, and what it lets us load, so nothing here is all or nothing: a program
 * whose function is missing is not loaded, one that the verifier refuses is left out and the rest
 * is loaded again, one that cannot be attached is reported.
 */
#include "probe.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/program.h>

#include "cpus.h"
#include "cxlirqd.skel.h"
#include "kernel-names.h"
#include "log.h"

/* As many as the object has */
#define PROGRAMS_MAX (sizeof(((struct cxlirqd_bpf *)0)->progs) / sizeof(struct bpf_program *))
#define NUMA_NODES "/sys/devices/system/node"

#define NO_CONTROLLERS "no endpoint controllers in this kernel (PCI_ENDPOINT)"
#define NO_DOORBELLS "no endpoint doorbells in this kernel (PCI_ENDPOINT_MSI_DOORBELL, 6.17)"

/* Hooks that a kernel may do without: because another one serves, or there is nothing to see. */
static const struct {
	const char *program;
	const char *instead; /* program that makes this one superfluous */
	const char *not_needed; /* why its function's absence costs nothing */
	const char *without; /* ... if this file is absent, too */
} exceptions[] = {
	{ "domain_instantiated", "domain_published", NULL, NULL },
	{ "domain_published", "domain_instantiated", NULL, NULL },
	{ "domain_of_device", NULL, "no per-device MSI domains in this kernel (6.2)", NULL },
	{ "message_platform_device", "message_platform_global", "no platform MSI in this kernel",
	  NULL },
	{ "message_platform_global", "message_platform_device", "no platform MSI in this kernel",
	  NULL },
	{ "doorbell_allocating", NULL, NO_DOORBELLS, NULL },
	{ "doorbell_allocated", NULL, NO_DOORBELLS, NULL },
	{ "doorbell_freed", NULL, NO_DOORBELLS, NULL },
	{ "doorbell_written", NULL,
	  "no MSI doorbells in this kernel (PCI_ENDPOINT_MSI_DOORBELL, OF)", NULL },
	{ "bar_set", NULL, NO_CONTROLLERS, NULL },
	{ "bar_cleared", NULL, NO_CONTROLLERS, NULL },
	{ "x86_vector_config", NULL, "not an x86 kernel", NULL },
	{ "x86_vector_clear", NULL, "not an x86 kernel", NULL },
	{ "pending_checked", NULL, "no affinity waits for an interrupt in this kernel", NULL },
	{ "pending_decided", NULL, "no affinity waits for an interrupt in this kernel", NULL },
	/* NUMA is what makes it a function of its own: a probe may run on the device's node. */
	{ "probe_pci_entered", NULL, "every probe stays in its task in this kernel", NUMA_NODES },
	{ "probe_pci_left", NULL, "every probe stays in its task in this kernel", NUMA_NODES },
};

struct hook_state {
	struct bpf_program *program;
	struct bpf_link *link;
	char reason[128]; /* "" while attached */
	bool absent; /* its function is not there */
};

struct probe {
	struct cxlirqd_bpf *skeleton;
	struct hook_state hooks[PROGRAMS_MAX];
	size_t n_hooks;
	struct kernel_names *names;
	bool tracing;
	char reason[128];
	struct cpus cpus;
	struct utsname uts;
};

/* libbpf tells which program the verifier refused only in its messages. */
static char refused_program[64];

static int on_libbpf_message(enum libbpf_print_level level, const char *format, va_list arguments)
{
	_cleanup_free_ char *text = NULL;
	char *name, *rest, *line;

	(void)level;
	if (vasprintf(&text, format, arguments) < 0) {
		text = NULL;
		return 0;
	}
	name = strstr(text, "prog '");
	if (name && strstr(name, "': failed to load")) {
		name += strlen("prog '");
		snprintf(refused_program, sizeof(refused_program), "%.*s", (int)strcspn(name, "'"),
			 name);
	}
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_debug("%s", line);
	return 0;
}

static const char *target_of(const struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program);
	const char *slash = strchr(section, '/');

	return slash ? slash + 1 : NULL;
}

static bool is_tracepoint(const struct bpf_program *program)
{
	return strstr(bpf_program__section_name(program), "tp_btf/") != NULL;
}

static struct hook_state *hook_by_name(struct probe *probe, const char *name)
{
	for (size_t i = 0; i < probe->n_hooks; i++)
		if (!strcmp(bpf_program__name(probe->hooks[i].program), name))
			return &probe->hooks[i];
	return NULL;
}

/* Whether the kernel has what each program wants; both BTF and the symbol table must say so. */
static void find_targets(struct probe *probe)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, probe->skeleton->obj) {
		struct hook_state *hook;

		if (!target_of(program) || probe->n_hooks == PROGRAMS_MAX)
			continue;
		hook = &probe->hooks[probe->n_hooks++];
		hook->program = program;
		if (is_tracepoint(program) ?
			    !kernel_names_tracepoint(probe->names, target_of(program)) :
			    !kernel_names_function(probe->names, target_of(program))) {
			hook->absent = true;
			snprintf(hook->reason, sizeof(hook->reason), "no such %s in this kernel",
				 is_tracepoint(program) ? "tracepoint" : "function");
		}
	}
}

/* A newer and an older function for the same thing: one is enough. */
static void apply_exceptions(struct probe *probe)
{
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(*exceptions); i++) {
		struct hook_state *hook = hook_by_name(probe, exceptions[i].program);
		struct hook_state *other =
			exceptions[i].instead ? hook_by_name(probe, exceptions[i].instead) : NULL;

		if (!hook || !hook->absent)
			continue;
		if (other && !other->absent)
			snprintf(hook->reason, sizeof(hook->reason), "replaced by %s",
				 bpf_program__section_name(other->program) +
					 (*bpf_program__section_name(other->program) == '?'));
		else if (exceptions[i].not_needed &&
			 (!exceptions[i].without || access(exceptions[i].without, F_OK) < 0))
			snprintf(hook->reason, sizeof(hook->reason), "not needed: %s",
				 exceptions[i].not_needed);
	}
}

static uint32_t size_class(uint32_t words)
{
	return words <= 4 ? 4 : words <= 16 ? 16 : 128;
}

static int open_skeleton(struct probe *probe, size_t ring_size)
{
	uint64_t secret[2];
	int r;

	probe->skeleton = cxlirqd_bpf__open();
	if (!probe->skeleton)
		return -errno;
	if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
		return -errno;
	memcpy((void *)probe->skeleton->rodata->key_secret, secret, sizeof(secret));
	probe->skeleton->rodata->mask_words = size_class((probe->cpus.possible + 63) / 64);
	probe->skeleton->rodata->mask_bytes = (probe->cpus.possible + 63) / 64 * 8;
	probe->skeleton->rodata->n_cpus = probe->cpus.possible;
	r = bpf_map__set_max_entries(probe->skeleton->maps.ring, ring_size);
	return r < 0 ? r : 0;
}

/* Opens anew with the programs that are still wanted, since an object loads only once. */
static int load_attempt(struct probe *probe, size_t ring_size)
{
	struct {
		char name[64], reason[128];
		bool absent;
	} old[PROGRAMS_MAX];
	size_t n_old = probe->n_hooks;
	int r;

	for (size_t i = 0; i < n_old; i++) {
		snprintf(old[i].name, sizeof(old[i].name), "%s",
			 bpf_program__name(probe->hooks[i].program));
		memcpy(old[i].reason, probe->hooks[i].reason, sizeof(old[i].reason));
		old[i].absent = probe->hooks[i].absent;
	}
	cxlirqd_bpf__destroy(TAKE_PTR(probe->skeleton));
	probe->n_hooks = 0;
	memset(probe->hooks, 0, sizeof(probe->hooks));
	r = open_skeleton(probe, ring_size);
	if (r < 0)
		return r;
	find_targets(probe);
	apply_exceptions(probe);
	for (size_t i = 0; i < n_old; i++) {
		struct hook_state *hook = hook_by_name(probe, old[i].name);

		if (hook && !hook->absent)
			memcpy(hook->reason, old[i].reason, sizeof(hook->reason));
	}
	for (size_t i = 0; i < probe->n_hooks; i++)
		bpf_program__set_autoload(probe->hooks[i].program, !probe->hooks[i].reason[0]);
	refused_program[0] = 0;
	return cxlirqd_bpf__load(probe->skeleton);
}

static int load(struct probe *probe, size_t ring_size)
{
	int r;

	for (size_t attempt = 0; attempt <= PROGRAMS_MAX; attempt++) {
		struct hook_state *hook;

		r = load_attempt(probe, ring_size);
		if (r >= 0)
			return 0;
		hook = refused_program[0] ? hook_by_name(probe, refused_program) : NULL;
		if (r == -EPERM || !hook)
			return r;
		snprintf(hook->reason, sizeof(hook->reason), "the kernel refused the program: %s",
			 strerror(-r));
		log_warning("%s: %s", bpf_program__section_name(hook->program), hook->reason);
	}
	return r;
}

static int find_roots(struct probe *probe)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);
	int r = bpf_prog_test_run_opts(bpf_program__fd(probe->skeleton->progs.find_roots),
				       &options);

	return r < 0 ? -errno : 0;
}

static void attach(struct probe *probe)
{
	size_t n = 0;

	for (size_t i = 0; i < probe->n_hooks; i++) {
		struct hook_state *hook = &probe->hooks[i];

		if (hook->reason[0])
			continue;
		hook->link = bpf_program__attach(hook->program);
		if (!hook->link)
			snprintf(hook->reason, sizeof(hook->reason), "cannot attach: %s",
				 strerror(errno));
		else
			n++;
	}
	log_info("%zu of %zu hooks attached", n, probe->n_hooks);
}

static void refuse(struct probe *probe, const char *what, int error)
{
	snprintf(probe->reason, sizeof(probe->reason), "%s: %s", what, strerror(-error));
	log_warning("BPF tracing is off, serving what sysfs tells: %s", probe->reason);
	for (size_t i = 0; i < probe->n_hooks; i++)
		if (!probe->hooks[i].reason[0])
			snprintf(probe->hooks[i].reason, sizeof(probe->hooks[i].reason), "%s",
				 probe->reason);
}

/* The functions that the programs name are looked up in one pass over the symbol table. */
static int read_names(struct probe *probe)
{
	const char *wanted[PROGRAMS_MAX];
	struct bpf_program *program;
	size_t n = 0;

	probe->skeleton = cxlirqd_bpf__open();
	if (!probe->skeleton)
		return -errno;
	bpf_object__for_each_program(program, probe->skeleton->obj)
		if (target_of(program) && n < PROGRAMS_MAX)
			wanted[n++] = target_of(program);
	return kernel_names_new(wanted, n, &probe->names);
}

int probe_new(size_t ring_size, struct probe **ret)
{
	struct probe *probe = calloc(1, sizeof(*probe));
	int r;

	if (!probe)
		return -ENOMEM;
	libbpf_set_print(on_libbpf_message);
	uname(&probe->uts);
	r = cpus_read(&probe->cpus);
	if (r < 0) {
		free(probe);
		return r;
	}
	r = read_names(probe);
	if (r < 0) {
		refuse(probe, "this kernel's type information (/sys/kernel/btf/vmlinux)", r);
		*ret = probe;
		return 0;
	}
	r = load(probe, ring_size);
	if (r < 0) {
		refuse(probe, "the kernel refused to load tracing programs", r);
		*ret = probe;
		return 0;
	}
	r = find_roots(probe);
	if (r < 0)
		log_warning("cannot look up kernel symbols: %s", strerror(-r));
	attach(probe);
	kernel_names_forget(probe->names);
	probe->tracing = true;
	*ret = probe;
	return 0;
}

struct probe *probe_free(struct probe *probe)
{
	if (!probe)
		return NULL;
	for (size_t i = 0; i < probe->n_hooks; i++)
		bpf_link__destroy(probe->hooks[i].link);
	cxlirqd_bpf__destroy(probe->skeleton);
	kernel_names_free(probe->names);
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
	return probe->tracing ? bpf_map__fd(probe->skeleton->maps.ring) : -EBADF;
}

int probe_snapshot_fd(const struct probe *probe)
{
	return probe->tracing ? bpf_program__fd(probe->skeleton->progs.snapshot) : -EBADF;
}

bool probe_can_walk(const struct probe *probe)
{
	return probe->tracing && (probe->skeleton->bss->roots.sparse_irqs ||
				  probe->skeleton->bss->roots.irq_desc_tree);
}

uint64_t probe_dropped(const struct probe *probe)
{
	uint64_t n = 0;

	if (!probe->tracing)
		return 0;
	for (size_t i = 0; i < RECORD_TYPE_MAX; i++)
		n += __atomic_load_n(&probe->skeleton->bss->stats.lost[i], __ATOMIC_RELAXED);
	return n;
}

uint64_t probe_missed(const struct probe *probe)
{
	uint64_t n = 0;

	for (size_t i = 0; i < probe->n_hooks; i++) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (probe->hooks[i].link &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(probe->hooks[i].program), &info, &size))
			n += info.recursion_misses;
	}
	return n;
}

/* ---- description --------------------------------------------------------------------------- */

struct description {
	uint64_t now_ns;
	probe_emit_fn emit;
	void *userdata;
};

static void head(const struct description *d, struct record_header *header, uint16_t type,
		 uint32_t size)
{
	header->type = type;
	header->version = RECORD_VERSION;
	header->size = size;
	header->time_ns = d->now_ns;
}

static void describe_hook(const struct description *d, uint32_t kind, const char *name,
			  bool attached, bool needed, const char *reason)
{
	struct record_hook r = { .kind = kind, .attached = attached, .needed = needed };

	head(d, &r.header, RECORD_HOOK, sizeof(r));
	snprintf(r.name, sizeof(r.name), "%s", name);
	snprintf(r.reason, sizeof(r.reason), "%s", reason);
	d->emit(&r.header, d->userdata);
}

static void describe_name(uint32_t kind, uint32_t value, const char *name, void *userdata)
{
	const struct description *d = userdata;
	struct record_name r = { .kind = kind, .value = value };

	head(d, &r.header, RECORD_NAME, sizeof(r));
	snprintf(r.name, sizeof(r.name), "%s", name);
	d->emit(&r.header, d->userdata);
}

static bool is_fine_without(const char *reason)
{
	return !strncmp(reason, "replaced by", 11) || !strncmp(reason, "not needed", 10);
}

static void describe_features(const struct probe *probe, const struct description *d)
{
	const struct roots *roots = probe->tracing ? &probe->skeleton->bss->roots : NULL;
	const char *why =
		probe->tracing ?
			"the kernel does not tell its symbols (kptr_restrict, KALLSYMS_ALL)" :
			probe->reason;
	/* only there does the kernel share out vectors of a CPU to devices */
	bool x86 = !strcmp(probe->uts.machine, "x86_64");
	const struct {
		const char *name;
		bool there;
		const char *not_needed;
	} features[] = {
		{ "snapshot of irq_domains", roots && roots->irq_domain_list, NULL },
		{ "snapshot of interrupts", roots && (roots->sparse_irqs || roots->irq_desc_tree),
		  NULL },
		{ "snapshot of managed requests",
		  roots && roots->devices_kset && roots->devm_irq_release, NULL },
		{ "per-CPU interrupt counts", roots && roots->per_cpu_offset, NULL },
		{ "vector space", roots && roots->vector_matrix && roots->per_cpu_offset,
		  x86 ? NULL : "not needed: not an x86 kernel" },
	};

	for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++) {
		const char *reason = features[i].not_needed ?: why;

		describe_hook(d, RECORD_HOOK_FEATURE, features[i].name, features[i].there,
			      !is_fine_without(reason), features[i].there ? "" : reason);
	}
}

void probe_describe(const struct probe *probe, uint64_t now_ns, int64_t realtime_offset_ns,
		    probe_emit_fn emit, void *userdata)
{
	struct description d = { .now_ns = now_ns, .emit = emit, .userdata = userdata };
	struct record_base base = { .realtime_offset_ns = realtime_offset_ns,
				    .mode = probe->tracing ? RECORD_MODE_TRACING :
							     RECORD_MODE_SYSFS,
				    .n_cpus = probe->cpus.possible };

	head(&d, &base.header, RECORD_BASE, sizeof(base));
	snprintf(base.release, sizeof(base.release), "%.63s", probe->uts.release);
	snprintf(base.machine, sizeof(base.machine), "%.23s", probe->uts.machine);
	snprintf(base.reason, sizeof(base.reason), "%s", probe->reason);
	emit(&base.header, userdata);
	if (probe->names)
		kernel_names_enumerate(probe->names, describe_name, &d);
	for (size_t i = 0; i < probe->n_hooks; i++) {
		const struct hook_state *hook = &probe->hooks[i];
		const char *section = bpf_program__section_name(hook->program);

		describe_hook(&d, RECORD_HOOK_PROGRAM, *section == '?' ? section + 1 : section,
			      hook->link, !is_fine_without(hook->reason), hook->reason);
	}
	describe_features(probe, &d);
}
