// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loading and attaching. A kernel differs from the next in which functions it has, which of them
 * can be attached to, and what it lets us load, so nothing here is all or nothing: a program whose
 * function is missing is not loaded, one that the verifier refuses is left out and the rest is
 * loaded again, one that cannot be attached is reported.
 *
 * What is kept afterwards are descriptors: so there is no difference between programs that were
 * loaded and those that were found pinned, and the object with its type information is memory that
 * nobody needs any more.
 */
#include "probe-private.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <cxlirqd/cleanup.h>

#include "cxlirqd.skel.h"
#include "kernel-names.h"
#include "log.h"

/* As many as the object has */
#define PROGRAMS_MAX (sizeof(((struct cxlirqd_bpf *)0)->progs) / sizeof(struct bpf_program *))
_Static_assert(PROGRAMS_MAX <= PIN_HOOKS_MAX, "more hooks than a manifest has room for");
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

struct loading {
	struct probe *probe;
	struct cxlirqd_bpf *skeleton;
	struct kernel_names *names;
	size_t ring_size;
	uint64_t secret[2];
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
		if (!strcmp(probe->hooks[i].told.program, name))
			return &probe->hooks[i];
	return NULL;
}

static void hook_fill(struct hook_state *hook, struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program);

	hook->program = program;
	hook->link_fd = hook->program_fd = -EBADF;
	snprintf(hook->told.program, sizeof(hook->told.program), "%s", bpf_program__name(program));
	snprintf(hook->told.section, sizeof(hook->told.section), "%s", section + (*section == '?'));
}

/* Whether the kernel has what each program wants; both BTF and the symbol table must say so. */
static void find_targets(struct loading *l)
{
	struct probe *probe = l->probe;
	struct bpf_program *program;

	bpf_object__for_each_program(program, l->skeleton->obj) {
		struct hook_state *hook;

		if (!target_of(program) || probe->n_hooks == PROGRAMS_MAX)
			continue;
		hook = &probe->hooks[probe->n_hooks++];
		hook_fill(hook, program);
		if (is_tracepoint(program) ?
			    !kernel_names_tracepoint(l->names, target_of(program)) :
			    !kernel_names_function(l->names, target_of(program))) {
			hook->absent = true;
			snprintf(hook->told.reason, sizeof(hook->told.reason),
				 "no such %s in this kernel",
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
			snprintf(hook->told.reason, sizeof(hook->told.reason), "replaced by %s",
				 other->told.section);
		else if (exceptions[i].not_needed &&
			 (!exceptions[i].without || access(exceptions[i].without, F_OK) < 0))
			snprintf(hook->told.reason, sizeof(hook->told.reason), "not needed: %s",
				 exceptions[i].not_needed);
	}
}

static uint32_t size_class(uint32_t words)
{
	return words <= 4 ? 4 : words <= 16 ? 16 : 128;
}

void probe_load_identity(const struct probe *probe, size_t ring_size,
			 struct pin_manifest_header *ret)
{
	size_t size;
	const void *object = cxlirqd_bpf__elf_bytes(&size);
	uint32_t words = (probe->cpus.possible + 63) / 64;

	ret->object = pin_manifest_hash(object, size);
	ret->knobs = (struct pin_knobs){ .ring_size = ring_size,
					 .mask_words = size_class(words),
					 .mask_bytes = words * 8,
					 .n_cpus = probe->cpus.possible,
					 .record_version = RECORD_VERSION };
}

/* What emit_key() begins with: SipHash's own constants, and the secret */
static void expand_secret(const uint64_t secret[2], uint64_t ret[KEY_STATE])
{
	static const uint64_t constants[KEY_STATE] = { 0x736f6d6570736575, 0x646f72616e646f6d,
						       0x6c7967656e657261, 0x7465646279746573 };

	for (unsigned int i = 0; i < KEY_STATE; i++)
		ret[i] = constants[i] ^ secret[i % 2];
}

static int open_skeleton(struct loading *l)
{
	const struct pin_knobs *knobs = &l->probe->header.knobs;
	int r;

	l->skeleton = cxlirqd_bpf__open();
	if (!l->skeleton)
		return -errno;
	expand_secret(l->secret, (uint64_t *)l->skeleton->rodata->key_state);
	l->skeleton->rodata->mask_words = knobs->mask_words;
	l->skeleton->rodata->mask_bytes = knobs->mask_bytes;
	l->skeleton->rodata->n_cpus = knobs->n_cpus;
	r = bpf_map__set_max_entries(l->skeleton->maps.ring, knobs->ring_size);
	return r < 0 ? r : 0;
}

/* Opens anew with the programs that are still wanted, since an object loads only once. */
static int load_attempt(struct loading *l)
{
	_cleanup_free_ struct hook_state *old = NULL;
	struct probe *probe = l->probe;
	size_t n_old = probe->n_hooks;
	int r;

	old = calloc(n_old ?: 1, sizeof(*old));
	if (!old)
		return -ENOMEM;
	memcpy(old, probe->hooks, n_old * sizeof(*old));
	cxlirqd_bpf__destroy(TAKE_PTR(l->skeleton));
	probe->n_hooks = 0;
	memset(probe->hooks, 0, sizeof(probe->hooks));
	r = open_skeleton(l);
	if (r < 0)
		return r;
	find_targets(l);
	apply_exceptions(probe);
	for (size_t i = 0; i < n_old; i++) {
		struct hook_state *hook = hook_by_name(probe, old[i].told.program);

		if (hook && !hook->absent)
			memcpy(hook->told.reason, old[i].told.reason, sizeof(hook->told.reason));
	}
	for (size_t i = 0; i < probe->n_hooks; i++)
		bpf_program__set_autoload(probe->hooks[i].program, !probe->hooks[i].told.reason[0]);
	refused_program[0] = 0;
	return cxlirqd_bpf__load(l->skeleton);
}

static int load(struct loading *l)
{
	int r = 0;

	for (size_t attempt = 0; attempt <= PROGRAMS_MAX; attempt++) {
		struct hook_state *hook;

		r = load_attempt(l);
		if (r >= 0)
			return 0;
		hook = refused_program[0] ? hook_by_name(l->probe, refused_program) : NULL;
		if (r == -EPERM || !hook)
			return r;
		snprintf(hook->told.reason, sizeof(hook->told.reason),
			 "the kernel refused the program: %s", strerror(-r));
		log_warning("%s: %s", hook->told.section, hook->told.reason);
	}
	return r;
}

static int find_roots(struct loading *l)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);
	int r = bpf_prog_test_run_opts(bpf_program__fd(l->skeleton->progs.find_roots), &options);

	return r < 0 ? -errno : 0;
}

static int keep(int fd, int *ret)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return -errno;
	*ret = copy;
	return 0;
}

static int attach_hook(struct hook_state *hook)
{
	struct bpf_link *link = bpf_program__attach(hook->program);
	int r;

	if (!link)
		return -errno;
	r = keep(bpf_link__fd(link), &hook->link_fd);
	if (r >= 0)
		r = keep(bpf_program__fd(hook->program), &hook->program_fd);
	/* closes a descriptor: as long as the copy is open, the hook stays */
	bpf_link__destroy(link);
	return r;
}

static void attach(struct probe *probe)
{
	size_t n = 0;

	for (size_t i = 0; i < probe->n_hooks; i++) {
		struct hook_state *hook = &probe->hooks[i];
		int r;

		if (hook->told.reason[0])
			continue;
		r = attach_hook(hook);
		if (r < 0)
			snprintf(hook->told.reason, sizeof(hook->told.reason), "cannot attach: %s",
				 strerror(-r));
		hook->told.attached = r >= 0;
		n += hook->told.attached;
	}
	log_info("%zu of %zu hooks attached", n, probe->n_hooks);
}

static int keep_maps(struct loading *l)
{
	struct probe *probe = l->probe;
	int r = keep(bpf_map__fd(l->skeleton->maps.ring), &probe->ring_fd);

	if (r >= 0)
		r = keep(bpf_map__fd(l->skeleton->maps.bss), &probe->bss_fd);
	if (r >= 0)
		r = keep(bpf_program__fd(l->skeleton->progs.snapshot), &probe->snapshot_fd);
	if (r < 0)
		return r;
	probe->header.bss_size = sizeof(struct cxlirqd_bpf__bss);
	probe->header.lost_offset =
		offsetof(struct cxlirqd_bpf__bss, stats) + offsetof(struct emit_stats, lost);
	probe->header.n_lost = RECORD_TYPE_MAX;
	return probe_map(probe);
}

int probe_map(struct probe *probe)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (sizeof(struct cxlirqd_bpf__bss) + page - 1) / page * page;
	void *bss = mmap(NULL, size, PROT_READ, MAP_SHARED, probe->bss_fd, 0);

	if (bss == MAP_FAILED)
		return -errno;
	probe->bss = bss;
	probe->bss_size = size;
	probe->stats = (void *)((char *)bss + offsetof(struct cxlirqd_bpf__bss, stats));
	probe->roots = (void *)((char *)bss + offsetof(struct cxlirqd_bpf__bss, roots));
	return 0;
}

static void on_name(uint32_t kind, uint32_t value, const char *text, void *userdata)
{
	struct probe *probe = userdata;
	struct pin_name *grown, *name;

	if (probe->n_names == PIN_NAMES_MAX)
		return;
	grown = reallocarray(probe->names, probe->n_names + 1, sizeof(*grown));
	if (!grown)
		return;
	probe->names = grown;
	name = &grown[probe->n_names++];
	*name = (struct pin_name){ .kind = kind, .value = value };
	snprintf(name->name, sizeof(name->name), "%s", text);
}

static int refuse(struct probe *probe, const char *what, int error)
{
	snprintf(probe->reason, sizeof(probe->reason), "%s: %s", what, strerror(-error));
	return error;
}

/* The functions that the programs name are looked up in one pass over the symbol table. */
static int read_names(struct loading *l)
{
	const char *wanted[PROGRAMS_MAX], *what;
	struct bpf_program *program;
	size_t n = 0;
	int r;

	l->skeleton = cxlirqd_bpf__open();
	if (!l->skeleton)
		return refuse(l->probe, "the object with the programs", -errno);
	bpf_object__for_each_program(program, l->skeleton->obj)
		if (target_of(program) && n < PROGRAMS_MAX)
			wanted[n++] = target_of(program);
	r = kernel_names_new(wanted, n, &l->names, &what);
	if (r < 0)
		return refuse(l->probe, what, r);
	kernel_names_enumerate(l->names, on_name, l->probe);
	return 0;
}

static int probe_load_with(struct loading *l)
{
	int r = read_names(l);

	if (r < 0)
		return r;
	r = load(l);
	if (r >= 0)
		r = keep_maps(l);
	if (r < 0)
		return refuse(l->probe, probe_reason_load(r), r);
	r = find_roots(l);
	if (r < 0)
		log_warning("cannot look up kernel symbols: %s", strerror(-r));
	attach(l->probe);
	return 0;
}

int probe_load(struct probe *probe, size_t ring_size, const uint64_t secret[2])
{
	struct loading l = { .probe = probe, .ring_size = ring_size };
	int r;

	libbpf_set_print(on_libbpf_message);
	probe_load_identity(probe, ring_size, &probe->header);
	if (secret)
		memcpy(l.secret, secret, sizeof(l.secret));
	else if (getrandom(l.secret, sizeof(l.secret), 0) != sizeof(l.secret))
		return refuse(probe, "no random numbers", -errno);
	memcpy(probe->header.secret, l.secret, sizeof(l.secret));
	r = probe_load_with(&l);
	cxlirqd_bpf__destroy(l.skeleton);
	kernel_names_free(l.names);
	for (size_t i = 0; i < probe->n_hooks; i++)
		probe->hooks[i].program = NULL;
	return r;
}
