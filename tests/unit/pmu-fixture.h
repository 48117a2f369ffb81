/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PMUs of a sysfs tree made here, and a kernel made here: perf_event_open() and ioctl() are
 * replaced, an event is one end of a socket pair through which the test says what read() reads.
 */
#ifndef TEST_PMU_FIXTURE_H
#define TEST_PMU_FIXTURE_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/perf_event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "pmu-counter.h"

/* ---- A kernel ----------------------------------------------------------------------------------- */

#define EVENTS_MAX 64

static struct event {
	struct perf_event_attr attr;
	int fd, cpu, group_fd;
	int other; /* end of the pair */
	bool enabled, revoked;
} events[EVENTS_MAX];
static size_t n_events;
static int refusal; /* what perf_event_open() fails with, 0 = it does not */
static unsigned int interrupted; /* so many times first */

static inline long perf_open(const struct perf_event_attr *attr, int pid, int cpu, int group_fd,
			     unsigned long flags)
{
	struct event *event = &events[n_events];
	int pair[2];

	if (interrupted && interrupted--) {
		errno = EINTR;
		return -1;
	}
	if (refusal) {
		errno = refusal;
		return -1;
	}
	assert_int_equal(pid, -1);
	assert_int_equal(flags, PERF_FLAG_FD_CLOEXEC);
	assert_int_equal(attr->size, sizeof(*attr));
	assert_int_equal(attr->read_format, PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED |
						    PERF_FORMAT_TOTAL_TIME_RUNNING);
	assert_int_equal(attr->sample_period, 0);
	assert_int_equal(attr->exclude_kernel, 0);
	assert_int_equal(attr->inherit, 0);
	assert_true(n_events < EVENTS_MAX);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	*event = (struct event){ .attr = *attr,
				 .fd = pair[0],
				 .cpu = cpu,
				 .group_fd = group_fd,
				 .other = pair[1],
				 .enabled = !attr->disabled };
	n_events++;
	return pair[0];
}

long syscall(long number, ...)
{
	long (*real)(long number, ...) = dlsym(RTLD_NEXT, "syscall");
	long a[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_perf_event_open)
		return perf_open((const void *)a[0], (int)a[1], (int)a[2], (int)a[3],
				 (unsigned long)a[4]);
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static inline struct event *event_of(int fd)
{
	for (size_t i = n_events; i-- > 0;)
		if (events[i].fd == fd)
			return &events[i];
	return NULL;
}

int ioctl(int fd, unsigned long request, ...)
{
	struct event *event = event_of(fd);

	assert_non_null(event);
	if (event->revoked) {
		errno = ENODEV;
		return -1;
	}
	if (request == PERF_EVENT_IOC_ENABLE) {
		assert_false(event->enabled);
		event->enabled = true;
		return 0;
	}
	assert_int_equal(request, PERF_EVENT_IOC_ID);
	return 0;
}

/* Its leader's next read() says this. */
static inline void count(size_t event, uint64_t enabled, uint64_t running, uint64_t n,
			 const uint64_t values[])
{
	uint64_t packet[3 + 8] = { n, enabled, running };

	memcpy(packet + 3, values, n * 8);
	assert_int_equal(send(events[event].other, packet, (3 + n) * 8, MSG_NOSIGNAL), (3 + n) * 8);
}

/* Whether its file has been closed */
static inline bool is_closed(size_t event)
{
	char byte;

	return recv(events[event].other, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

/* ---- A sysfs ------------------------------------------------------------------------------------ */

#define PMUS "sys/bus/event_source/devices"

static struct {
	char root[32];
	struct pmu_table *pmus;
	struct pmu_set *set;
	char told[4096]; /* "pmu event error reason;" each */
} host;

static inline void put(const char *path, const char *text)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", host.root, path);
	for (char *slash = strchr(full + strlen(host.root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(full, 0755);
		*slash = '/';
	}
	file = fopen(full, "we");
	assert_non_null(file);
	fprintf(file, "%s\n", text);
	assert_int_equal(fclose(file), 0);
}

static inline void put_of(const char *pmu, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), PMUS "/%s/%s", pmu, file);
	put(path, text);
}

static inline void put_pmu(const char *pmu, const char *type, const char *cpumask)
{
	put_of(pmu, "type", type);
	put_of(pmu, "cpumask", cpumask);
	put_of(pmu, "format/mask", "config:0-31");
	put_of(pmu, "format/gid", "config:32-47");
	put_of(pmu, "format/threshold", "config1:0-15");
	put_of(pmu, "format/hdm", "config2:0-15");
	put_of(pmu, "events/clock_ticks", "config=0x1");
	put_of(pmu, "events/memrd", "config=0x2000000002");
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline void take_pmu(const char *pmu)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/" PMUS "/%s", host.root, pmu);
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline int setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	n_events = 0;
	refusal = 0;
	interrupted = 0;
	strcpy(host.root, "/tmp/test-count-XXXXXX");
	if (!mkdtemp(host.root) || pmu_table_new(host.root, 16, &host.pmus) < 0)
		return -1;
	put_pmu("cxl_pmu_mem0.0", "30", "3");
	put_pmu("cxl_pmu_mem0.1", "31", "2-5");
	put_pmu("cpu", "4", "0");
	return pmu_table_read(host.pmus);
}

static inline int teardown(void **state)
{
	(void)state;
	host.set = pmu_set_free(host.set);
	assert_int_equal(host.pmus->counters_open, 0);
	for (size_t i = 0; i < n_events; i++) {
		assert_true(is_closed(i));
		close(events[i].other);
	}
	pmu_table_free(host.pmus);
	return nftw(host.root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
