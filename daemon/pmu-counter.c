// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An item ("clock_ticks") becomes a counter on each PMU that it fits; one that fits none becomes a
 * counter that never counts, with the reason. A counter whose PMU goes stays with its last value
 * and the reason, and starts anew at zero when the PMU comes back.
 *
 * Groups are opened as a whole: the first member that can be opened leads, and is started when the
 * last one is there, so that all of them count the same time.
 */
#include "pmu-counter-private.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sysfs.h"

#define GONE "the PMU is gone"

/* ---- The kernel ------------------------------------------------------------------------------ */

static int event_open(struct perf_event_attr *attr, int cpu, int group_fd)
{
	long fd;

	do
		fd = syscall(SYS_perf_event_open, attr, -1, cpu, group_fd, PERF_FLAG_FD_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : (int)fd;
}

static void say(struct counter *c, int error, const char *reason)
{
	char text[sizeof(c->record.reason)];

	snprintf(text, sizeof(text), "%s", reason);
	if (c->record.error == error && !strcmp(c->record.reason, text))
		return;
	c->record.error = error;
	memcpy(c->record.reason, text, sizeof(text));
	c->told = false;
}

static void say_refused(const struct pmu_table *pmus, struct counter *c, int error)
{
	char level[16] = "unknown", text[sizeof(c->record.reason)];

	sysfs_read_text(pmus->root_fd, "proc/sys/kernel/perf_event_paranoid", level, sizeof(level));
	/* Debian has a level of its own above the kernel's 2, which only this capability passes. */
	snprintf(text, sizeof(text),
		 "the kernel refuses it: needs %s, kernel.perf_event_paranoid being %s",
		 atoi(level) > 2 ? "CAP_SYS_ADMIN" : "CAP_PERFMON", level);
	say(c, error, text);
}

static void say_error(const struct pmu_table *pmus, struct counter *c, int error)
{
	static const struct {
		int error;
		const char *reason;
	} reasons[] = {
		{ EMFILE, "the daemon has no file descriptor left (LimitNOFILE= of its unit)" },
		{ ENFILE, "this host has no file descriptor left" },
		{ ENOENT, GONE },
		{ ENODEV, GONE },
		{ ENXIO, GONE },
		{ EINVAL,
		  "the PMU rejects it: it counts no such vid, gid and mask, or not with this "
		  "filter" },
		{ EBUSY, "the PMU is busy: somebody has it for himself" },
		{ EOPNOTSUPP, "the PMU cannot count this" },
	};

	if (error == -EACCES || error == -EPERM) {
		say_refused(pmus, c, error);
		return;
	}
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].error == -error) {
			say(c, error, reasons[i].reason);
			return;
		}
	say(c, error, strerror(-error));
}

void pmu_counter_close(struct pmu_table *pmus, struct counter *c)
{
	if (c->fd < 0)
		return;
	close(TAKE_FD(c->fd));
	c->leader = NULL;
	pmus->counters_open--;
}

static void say_full(struct pmu_table *pmus, struct counter *c)
{
	char text[64];

	if (c->record.error != -EUSERS)
		pmus->counters_refused++;
	snprintf(text, sizeof(text), "[Counters] Max= allows no more than %llu counters",
		 (unsigned long long)pmus->counters_max);
	say(c, -EUSERS, text);
}

/* @leader: NULL, if it is to be one; @waits: it does not start yet. */
static void counter_open(struct pmu_table *pmus, const struct pmu_device *pmu, struct counter *c,
			 struct counter *leader, bool waits)
{
	struct perf_event_attr attr = { .type = pmu->type,
					.size = sizeof(attr),
					.config = c->event.config[0],
					.config1 = c->event.config[1],
					.config2 = c->event.config[2],
					.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED |
						       PERF_FORMAT_TOTAL_TIME_RUNNING |
						       PERF_FORMAT_GROUP,
					.disabled = waits };
	int fd;

	if (pmus->counters_open >= pmus->counters_max) {
		say_full(pmus, c);
		return;
	}
	fd = event_open(&attr, pmu->cpu, leader ? leader->fd : -1);
	if (fd < 0) {
		say_error(pmus, c, fd);
		return;
	}
	pmus->counters_open++;
	c->fd = fd;
	c->leader = leader ?: c;
	c->n_members = 0;
	c->leader->n_members++;
	c->record.value = c->record.enabled_ns = c->record.running_ns = 0;
	say(c, 0, "");
}

/* ---- The set --------------------------------------------------------------------------------- */

int pmu_set_new(struct pmu_table *pmus, struct pmu_items *items, const char *only,
		struct pmu_set **ret)
{
	struct pmu_set *set = calloc(1, sizeof(*set));

	if (!set)
		return -ENOMEM;
	set->pmus = pmus;
	set->items = TAKE(*items, ((struct pmu_items){}));
	snprintf(set->only, sizeof(set->only), "%s", only ?: "*");
	*ret = set;
	return 0;
}

struct pmu_set *pmu_set_free(struct pmu_set *set)
{
	if (!set)
		return NULL;
	for (size_t i = 0; i < set->n; i++) {
		pmu_counter_close(set->pmus, set->counters[i]);
		free(set->counters[i]);
	}
	free(set->counters);
	pmu_items_done(&set->items);
	free(set);
	return NULL;
}

size_t pmu_set_count(const struct pmu_set *set)
{
	return set->n;
}

const struct record_counter *pmu_set_get(const struct pmu_set *set, size_t i)
{
	return &set->counters[i]->record;
}

bool pmu_set_counts(const struct pmu_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->counters[i]->leader)
			return true;
	return false;
}

/* Where the counter of this item and PMU is, or belongs; items in their order, then PMUs */
static size_t set_place(const struct pmu_set *set, size_t item, const char *pmu, bool *ret_found)
{
	size_t i = 0;

	while (i < set->n && (set->counters[i]->item < item ||
			      (set->counters[i]->item == item &&
			       strverscmp(set->counters[i]->record.pmu, pmu) < 0)))
		i++;
	*ret_found = i < set->n && set->counters[i]->item == item &&
		     !strcmp(set->counters[i]->record.pmu, pmu);
	return i;
}

void pmu_counter_untell(const struct pmu_set *set, const struct counter *c)
{
	struct record_counter gone = c->record;

	if (!c->told_as[0] || !set->tell)
		return;
	memcpy(gone.event, c->told_as, sizeof(c->told_as));
	gone.error = -ENOENT;
	gone.reason[0] = '\0';
	set->tell(&gone, set->userdata);
}

/* Takes one out that counts nothing. */
static void set_remove(struct pmu_set *set, size_t i)
{
	struct counter *c = set->counters[i];

	pmu_counter_untell(set, c);
	set->n--;
	memmove(&set->counters[i], &set->counters[i + 1], (set->n - i) * sizeof(*set->counters));
	free(c);
}

/* What was on a PMU that is gone gives way to what is on another one. */
static bool set_make_room(struct pmu_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (!set->counters[i]->wanted && !set->counters[i]->leader &&
		    !pmu_table_find(set->pmus, set->counters[i]->record.pmu)) {
			set_remove(set, i);
			return true;
		}
	return false;
}

/* The counter of this item and PMU; a new one if need be. NULL: the set is full, or no memory. */
static struct counter *set_get(struct pmu_set *set, size_t item, const char *pmu)
{
	struct counter **grown, *c;
	bool found;
	size_t at = set_place(set, item, pmu, &found);

	if (found)
		return set->counters[at];
	if (set->n == PMU_COUNTERS_MAX && !set_make_room(set)) {
		set->pmus->counters_refused++;
		return NULL;
	}
	at = set_place(set, item, pmu, &found);
	grown = reallocarray(set->counters, set->n + 1, sizeof(struct counter *));
	if (!grown)
		return NULL;
	set->counters = grown;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->item = item;
	c->fd = -EBADF;
	c->record.group = set->items.items[item].group;
	snprintf(c->record.pmu, sizeof(c->record.pmu), "%s", pmu);
	memmove(&grown[at + 1], &grown[at], (set->n - at) * sizeof(struct counter *));
	grown[at] = c;
	set->n++;
	return c;
}

/* Whether the PMU has been taken away under the counter: it would still be read, but not count. */
static bool is_revoked(int fd)
{
	uint64_t id;

	return ioctl(fd, PERF_EVENT_IOC_ID, &id) < 0 && errno == ENODEV;
}

/* The whole group, for its members count together. */
static void unit_end(struct pmu_set *set, struct counter *leader, int error)
{
	for (size_t i = set->n; i-- > 0;) {
		struct counter *c = set->counters[i];

		if (c->leader != leader)
			continue;
		pmu_counter_close(set->pmus, c);
		say_error(set->pmus, c, error);
	}
}

/* ---- What is wanted -------------------------------------------------------------------------- */

/* What an earlier item counts under this name, in the same group of the same PMU */
static const struct counter *set_earlier(const struct pmu_set *set, size_t item, const char *pmu,
					 const char *label)
{
	for (size_t i = 0; i < set->n && set->counters[i]->item < item; i++) {
		const struct counter *c = set->counters[i];

		if (c->wanted && c->record.group == set->items.items[item].group &&
		    !strcmp(c->record.pmu, pmu) && !strcmp(c->record.event, label))
			return c;
	}
	return NULL;
}

/* The same twice is counted once; another event does not get a name that is taken. */
static void want_event(struct pmu_set *set, size_t item, const char *pmu,
		       const struct pmu_event *event)
{
	const struct counter *earlier = set_earlier(set, item, pmu, event->label);
	const char *name = earlier ? set->items.items[item].terms : event->label;
	struct counter *c;

	if (earlier && !memcmp(earlier->event.config, event->config, sizeof(event->config)))
		return;
	c = set_get(set, item, pmu);
	if (!c)
		return;
	c->wanted = c->resolved = true;
	c->empty = false;
	if (c->leader)
		return;
	c->event = *event;
	snprintf(c->record.event, sizeof(c->record.event), "%s", name);
}

/* A counter that says why it is none */
static void want_error(struct pmu_set *set, size_t item, const char *pmu, int error,
		       const char *reason)
{
	struct counter *c = set_get(set, item, pmu);

	if (!c)
		return;
	/* another PMU of the same name, then */
	if (c->leader)
		unit_end(set, c->leader, -ENODEV);
	c->wanted = true;
	/* what it has counted is still worth to be shown */
	if (c->resolved && error == -ENODEV) {
		say(c, -ENODEV, GONE);
		return;
	}
	c->empty = true;
	pmu_event_label(&set->items.items[item], NULL, c->record.event);
	say(c, error, reason);
}

/*
 * The item on the PMUs that its name, or --pmu, stands for. With @event: what stands before the
 * slashes is an event, as in "clock_ticks/threshold=4/". Returns how many PMUs took it; @reason is
 * why the last one of the others did not.
 */
static size_t want_on_pmus(struct pmu_set *set, size_t index, const char *event, int *ret_error,
			   char reason[PMU_REASON_MAX])
{
	const struct pmu_item *item = &set->items.items[index];
	const char *pattern = item->bare || event ? set->only : item->pmu;
	size_t n = 0;

	for (size_t i = 0; i < set->pmus->n; i++) {
		const struct pmu_device *pmu = &set->pmus->devices[i];
		struct pmu_event resolved;
		int r;

		if (fnmatch(pattern, pmu->name, 0) != 0)
			continue;
		r = pmu_event_resolve(&pmu->words, item, event, &resolved, reason);
		if (r >= 0) {
			want_event(set, index, pmu->name, &resolved);
			n++;
			continue;
		}
		*ret_error = r;
	}
	return n;
}

static bool any_pmu(const struct pmu_set *set, const char *pattern)
{
	for (size_t i = 0; i < set->pmus->n; i++)
		if (!fnmatch(pattern, set->pmus->devices[i].name, 0))
			return true;
	return false;
}

static void want_item(struct pmu_set *set, size_t index)
{
	const struct pmu_item *item = &set->items.items[index];
	char reason[PMU_REASON_MAX] = "";
	bool by_event = !item->bare && !any_pmu(set, item->pmu);
	int error = -ENODEV;

	/* without any, there is only one thing to say, and that not for each item */
	if (!set->pmus->n || want_on_pmus(set, index, by_event ? item->pmu : NULL, &error, reason))
		return;
	if (by_event) {
		error = -ENODEV;
		snprintf(reason, sizeof(reason), "no PMU, and no event, is called \"%.60s\"",
			 item->pmu);
	}
	if (!reason[0])
		snprintf(reason, sizeof(reason), "no PMU is called \"%.60s\"", set->only);
	want_error(set, index, item->bare ? "" : item->pmu, error, reason);
}

/* ---- Following the PMUs ---------------------------------------------------------------------- */

static bool same_unit(const struct counter *a, const struct counter *b)
{
	return a == b || (a->record.group && a->record.group == b->record.group &&
			  !strcmp(a->record.pmu, b->record.pmu));
}

/* The counter @first and the rest of its group on that PMU, as long as none of them is open */
static void unit_open(struct pmu_set *set, size_t first)
{
	struct counter *c = set->counters[first], *leader = NULL;
	const struct pmu_device *pmu = pmu_table_find(set->pmus, c->record.pmu);

	if (!pmu)
		return;
	for (size_t i = 0; i < set->n; i++)
		if (same_unit(c, set->counters[i]) && set->counters[i]->leader)
			return;
	for (size_t i = first; i < set->n; i++) {
		struct counter *member = set->counters[i];

		if (!same_unit(c, member) || !member->wanted || member->empty)
			continue;
		counter_open(set->pmus, pmu, member, leader, c->record.group && !leader);
		if (!leader && member->leader)
			leader = member;
	}
	if (leader && c->record.group && ioctl(leader->fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
		say_error(set->pmus, leader, -errno);
}

/* What it was on is no more. */
static void counter_end(struct pmu_table *pmus, struct counter *c)
{
	pmu_counter_close(pmus, c);
	say(c, -ENODEV, GONE);
}

static void set_sweep(struct pmu_set *set)
{
	for (size_t i = set->n; i-- > 0;) {
		struct counter *c = set->counters[i];

		if (c->wanted)
			continue;
		if (c->empty)
			set_remove(set, i);
		else
			counter_end(set->pmus, c);
	}
}

/* Each thing that happened to a counter once */
static void set_tell(struct pmu_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		struct counter *c = set->counters[i];

		if (c->told && !strcmp(c->told_as, c->record.event))
			continue;
		if (strcmp(c->told_as, c->record.event))
			pmu_counter_untell(set, c);
		if (set->tell)
			set->tell(&c->record, set->userdata);
		memcpy(c->told_as, c->record.event, sizeof(c->told_as));
		c->told = true;
	}
}

void pmu_set_follow(struct pmu_set *set, pmu_counter_fn tell, void *userdata)
{
	set->tell = tell;
	set->userdata = userdata;
	for (size_t i = 0; i < set->n; i++) {
		struct counter *c = set->counters[i];

		c->wanted = false;
		if (c->leader == c &&
		    (!pmu_table_find(set->pmus, c->record.pmu) || is_revoked(c->fd)))
			unit_end(set, c, -ENODEV);
	}
	/* one that starts anew has ended before */
	set_tell(set);
	for (size_t i = 0; i < set->items.n; i++)
		want_item(set, i);
	set_sweep(set);
	for (size_t i = 0; i < set->n; i++)
		if (set->counters[i]->wanted && !set->counters[i]->empty &&
		    !set->counters[i]->leader)
			unit_open(set, i);
	set_tell(set);
}

/* ---- Reading --------------------------------------------------------------------------------- */

struct reading {
	uint64_t n, enabled_ns, running_ns;
	uint64_t values[PMU_ITEMS_MAX];
};

/* The members are told in the order in which they were opened, which is that of the set. */
static int unit_read(struct pmu_set *set, size_t first)
{
	struct counter *leader = set->counters[first];
	struct reading reading;
	size_t n = 0, size = offsetof(struct reading, values) + leader->n_members * 8;
	ssize_t got;

	if (is_revoked(leader->fd))
		return -ENODEV;
	got = read(leader->fd, &reading, sizeof(reading));
	if (got < 0)
		return -errno;
	if ((size_t)got != size || reading.n != leader->n_members)
		return -ENODEV;
	for (size_t i = first; i < set->n; i++) {
		struct counter *c = set->counters[i];

		if (c->leader != leader)
			continue;
		c->record.value = reading.values[n++];
		c->record.enabled_ns = reading.enabled_ns;
		c->record.running_ns = reading.running_ns;
	}
	return 0;
}

bool pmu_set_read(struct pmu_set *set)
{
	bool ended = false;
	int r;

	for (size_t i = 0; i < set->n; i++) {
		struct counter *c = set->counters[i];

		if (c->leader != c)
			continue;
		r = unit_read(set, i);
		if (r >= 0)
			continue;
		unit_end(set, c, r);
		ended = true;
	}
	return ended;
}
