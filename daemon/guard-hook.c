// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loads the guard's program, and talks to it. What is kept are descriptors, and its knobs and counters
 * as memory that both sides have. As everywhere, a link is attached as long as somebody holds it: this
 * object, or a name in the directory of pins.
 *
 * A link of this kind cannot be given another program. So a new one is pinned beside the old one, under
 * a name of its own, and takes its name at the end: rename() removes the old one, and both are attached
 * until then.
 */
#include "guard-hook.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard.skel.h"

#define ACTIVE_LSMS "/sys/kernel/security/lsm"
#define KERNEL_TYPES "/sys/kernel/btf/vmlinux"
#define OWN_FILE "/proc/thread-self/comm"
#define PIN_NAME "guard"
#define PIN_NAME_NEW "guard_new"

struct guard_hook {
	int link_fd, guarded_fd;
	struct guard_bpf__bss *bss; /* mapped */
	size_t bss_size;
	char *pins; /* NULL: nothing is pinned */
	bool committed;
};

static int refuse(char reason[static GUARD_REASON_MAX], const char *what, int error)
{
	snprintf(reason, GUARD_REASON_MAX, "%s: %s", what, strerror(-error));
	return error;
}

/* ---- whether it would run ------------------------------------------------------------------ */

/* What /sys/kernel/security/lsm says, which is one line: "lockdown,capability,bpf" */
static int read_active(char *text, size_t size)
{
	_cleanup_close_ int fd = open(ACTIVE_LSMS, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (n < 0)
		return -errno;
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	return 0;
}

static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (; *list; list += strcspn(list, ","), list += *list == ',')
		if (strcspn(list, ",") == length && !strncmp(list, word, length))
			return true;
	return false;
}

/*
 * The function that the program is attached to has its name among the strings of the kernel's types.
 * To search for that is all that is needed here, and takes a hundredth of the time of parsing them. A
 * kernel without types is not one that loads such programs.
 */
static bool is_built_in(void)
{
	static const char name[] = "\0bpf_lsm_file_permission";
	_cleanup_close_ int fd = open(KERNEL_TYPES, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *types = NULL;
	size_t filled = 0;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	types = malloc((size_t)st.st_size ?: 1);
	if (!types)
		return false;
	while (filled < (size_t)st.st_size &&
	       (n = read(fd, types + filled, (size_t)st.st_size - filled)) > 0)
		filled += (size_t)n;
	return memmem(types, filled, name, sizeof(name));
}

int guard_hook_probe(char reason[static GUARD_REASON_MAX])
{
	char active[256];
	int r = read_active(active, sizeof(active));

	/* who does not tell may still run it: guard_hook_new() tries it out */
	if (r >= 0 && has_word(active, "bpf"))
		return 0;
	if (!is_built_in()) {
		snprintf(reason, GUARD_REASON_MAX, "this kernel has no BPF-LSM (CONFIG_BPF_LSM)");
		return -EOPNOTSUPP;
	}
	if (r < 0)
		return 0;
	snprintf(reason, GUARD_REASON_MAX,
		 "BPF is not among the active LSMs (%.96s): boot with lsm=...,bpf", active);
	return -EOPNOTSUPP;
}

/* ---- loading ------------------------------------------------------------------------------- */

static int be_quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static int keep(int fd, int *ret)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return -errno;
	*ret = copy;
	return 0;
}

static int map_bss(struct guard_hook *hook, int fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (sizeof(*hook->bss) + page - 1) / page * page;
	void *bss = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (bss == MAP_FAILED)
		return -errno;
	hook->bss = bss;
	hook->bss_size = size;
	return 0;
}

static int load(struct guard_hook *hook, struct guard_bpf *skeleton, int ring_fd,
		char reason[static GUARD_REASON_MAX])
{
	struct bpf_link *link;
	int r = bpf_map__reuse_fd(skeleton->maps.ring, ring_fd);

	if (r >= 0)
		r = bpf_map__set_max_entries(skeleton->maps.guarded, GUARD_PROTECTED_MAX);
	if (r >= 0)
		r = guard_bpf__load(skeleton);
	if (r >= 0)
		r = keep(bpf_map__fd(skeleton->maps.guarded), &hook->guarded_fd);
	if (r >= 0)
		r = map_bss(hook, bpf_map__fd(skeleton->maps.bss));
	if (r < 0)
		return refuse(reason, "the kernel refused to load the guard's program", r);
	link = bpf_program__attach(skeleton->progs.guard_write);
	if (!link)
		return refuse(reason, "cannot attach the guard's program", -errno);
	r = keep(bpf_link__fd(link), &hook->link_fd);
	/* closes a descriptor: as long as the copy is open, it stays attached */
	bpf_link__destroy(link);
	return r < 0 ? refuse(reason, "cannot attach the guard's program", r) : 0;
}

static int open_and_load(struct guard_hook *hook, int ring_fd, char reason[static GUARD_REASON_MAX])
{
	libbpf_print_fn_t before = libbpf_set_print(be_quiet);
	struct guard_bpf *skeleton = guard_bpf__open();
	int r = skeleton ? load(hook, skeleton, ring_fd, reason) :
			   refuse(reason, "the guard's program", -errno);

	guard_bpf__destroy(skeleton);
	libbpf_set_print(before);
	return r;
}

/*
 * Writes to a file of its own which it may always write, whatever it runs as and whatever is read-only
 * around it: the name of this thread, which stays what it is. The program counts that.
 */
static int test(struct guard_hook *hook, char reason[static GUARD_REASON_MAX])
{
	_cleanup_close_ int fd = open(OWN_FILE, O_WRONLY | O_CLOEXEC);
	char name[16] = "";

	if (fd < 0 || prctl(PR_GET_NAME, name) < 0 || write(fd, name, strlen(name)) < 0)
		return refuse(reason, "cannot try out the guard: " OWN_FILE, -errno);
	if (__atomic_load_n(&hook->bss->guard_stats.tested, __ATOMIC_RELAXED))
		return 0;
	snprintf(reason, GUARD_REASON_MAX,
		 "this kernel does not call the guard's program: boot with lsm=...,bpf");
	return -EOPNOTSUPP;
}

/* ---- pins ---------------------------------------------------------------------------------- */

/* The caller frees it. NULL without memory. */
static char *pin_name(const char *pins, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", pins, name) < 0 ? NULL : path;
}

static int unpin(const char *pins, const char *name)
{
	_cleanup_free_ char *path = pin_name(pins, name);

	if (!path)
		return -ENOMEM;
	return unlink(path) < 0 ? -errno : 0;
}

static int pin_beside(struct guard_hook *hook, const char *pins,
		      char reason[static GUARD_REASON_MAX])
{
	_cleanup_free_ char *path = pin_name(pins, PIN_NAME_NEW);
	int r = 0;

	hook->pins = strdup(pins);
	if (!path || !hook->pins)
		return refuse(reason, "cannot pin the guard", -ENOMEM);
	/* of a daemon that ended before it was done */
	unlink(path);
	if (bpf_obj_pin(hook->link_fd, path) < 0)
		r = -errno;
	return r < 0 ? refuse(reason, "cannot pin the guard", r) : 0;
}

static bool has_predecessor(const char *pins)
{
	_cleanup_free_ char *path = pin_name(pins, PIN_NAME);

	return path && access(path, F_OK) == 0;
}

int guard_hook_commit(struct guard_hook *hook)
{
	_cleanup_free_ char *from = NULL, *to = NULL;

	if (!hook->pins || hook->committed)
		return 0;
	from = pin_name(hook->pins, PIN_NAME_NEW);
	to = pin_name(hook->pins, PIN_NAME);
	if (!from || !to)
		return -ENOMEM;
	if (rename(from, to) < 0)
		return -errno;
	hook->committed = true;
	__atomic_store_n(&hook->bss->knobs.persists, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&hook->bss->knobs.standby, 0, __ATOMIC_RELAXED);
	return 0;
}

int guard_hook_release(const char *pins)
{
	unpin(pins, PIN_NAME_NEW);
	return unpin(pins, PIN_NAME);
}

/* ---- the object ---------------------------------------------------------------------------- */

int guard_hook_new(int ring_fd, const char *pins, struct guard_hook **ret,
		   char reason[static GUARD_REASON_MAX])
{
	_cleanup_(guard_hook_freep) struct guard_hook *hook = calloc(1, sizeof(*hook));
	int r;

	if (!hook)
		return refuse(reason, "the guard", -ENOMEM);
	hook->link_fd = hook->guarded_fd = -EBADF;
	r = guard_hook_probe(reason);
	if (r >= 0)
		r = open_and_load(hook, ring_fd, reason);
	if (r < 0)
		return r;
	hook->bss->knobs.self.process = (uint32_t)getpid();
	hook->bss->knobs.standby = pins && has_predecessor(pins);
	r = test(hook, reason);
	if (r >= 0 && pins)
		r = pin_beside(hook, pins, reason);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(hook);
	return 0;
}

struct guard_hook *guard_hook_free(struct guard_hook *hook)
{
	if (!hook)
		return NULL;
	if (hook->pins && !hook->committed)
		unpin(hook->pins, PIN_NAME_NEW);
	closep(&hook->link_fd);
	closep(&hook->guarded_fd);
	if (hook->bss)
		munmap(hook->bss, hook->bss_size);
	free(hook->pins);
	free(hook);
	return NULL;
}

void guard_hook_set_mode(struct guard_hook *hook, enum guard_mode mode)
{
	__atomic_store_n(&hook->bss->knobs.enforce, mode == GUARD_ENFORCE, __ATOMIC_RELAXED);
}

void guard_hook_protect_default(struct guard_hook *hook, bool protect)
{
	__atomic_store_n(&hook->bss->knobs.deny_default, protect, __ATOMIC_RELAXED);
}

int guard_hook_protect(struct guard_hook *hook, uint32_t irq, bool protect)
{
	const uint8_t there = 1;

	if (protect)
		return bpf_map_update_elem(hook->guarded_fd, &irq, &there, BPF_ANY) < 0 ? -errno :
											  0;
	if (bpf_map_delete_elem(hook->guarded_fd, &irq) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

void guard_hook_exempt(struct guard_hook *hook, pid_t pid)
{
	struct guard_exempt *writer = &hook->bss->knobs.writer;

	__atomic_store_n(&writer->process, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&writer->started_ns, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&writer->process, (uint32_t)pid, __ATOMIC_RELEASE);
}

void guard_hook_stats(const struct guard_hook *hook, struct guard_stats *ret)
{
	*ret = hook->bss->guard_stats;
}
