// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Uevents: taking messages apart, and the kernel's real ones, which root can have it send by
 * writing to a device's uevent file.
 */
#include <fcntl.h>
#include <limits.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "topology.h"
#include "uevent.h"

/* ---- Parsing ---- */

#define MESSAGE(text) (text), sizeof(text)

static void test_parse(void **state)
{
	static const char good[] = "bind@/devices/pci0000:00/0000:00:04.0\0ACTION=bind\0"
				   "DEVPATH=/devices/pci0000:00/0000:00:04.0\0SUBSYSTEM=pci\0"
				   "DRIVER=nvme\0SEQNUM=12";
	struct uevent uevent;

	(void)state;
	assert_int_equal(uevent_parse(MESSAGE(good), &uevent), 0);
	assert_string_equal(uevent.devpath, "/devices/pci0000:00/0000:00:04.0");
	assert_string_equal(uevent.subsystem, "pci");
	assert_ptr_equal(uevent.devpath, good + 38 + 12 + 8);

	/* Whatever a message is cut down to, it is refused or both fields are whole. */
	for (size_t size = 0; size < sizeof(good); size++) {
		char *copy = malloc(size ?: 1);

		assert_non_null(copy);
		memcpy(copy, good, size);
		if (uevent_parse(copy, size, &uevent) == 0) {
			assert_string_equal(uevent.devpath, "/devices/pci0000:00/0000:00:04.0");
			assert_string_equal(uevent.subsystem, "pci");
		}
		free(copy);
	}
}

static void test_parse_bad(void **state)
{
	struct uevent uevent = {};

	(void)state;
	assert_int_equal(uevent_parse("", 0, &uevent), -EBADMSG);
	assert_int_equal(uevent_parse(MESSAGE(""), &uevent), -EBADMSG);
	assert_int_equal(uevent_parse(MESSAGE("libudev\0DEVPATH=/a\0SUBSYSTEM=pci"), &uevent),
			 -EBADMSG);
	assert_int_equal(uevent_parse(MESSAGE("add@/a\0DEVPATH=/a"), &uevent), -EBADMSG);
	assert_int_equal(uevent_parse(MESSAGE("add@/a\0SUBSYSTEM=pci"), &uevent), -EBADMSG);
	assert_int_equal(uevent_parse(MESSAGE("add@/a\0DEVPATH=a\0SUBSYSTEM=pci"), &uevent),
			 -EBADMSG);
	assert_int_equal(uevent_parse(MESSAGE("add@/a\0\0\0DEVPATH\0SUBSYSTEM="), &uevent),
			 -EBADMSG);
	assert_null(uevent.devpath);
}

/* ---- Real ones ---- */

struct live {
	sd_event *event;
	unsigned int changed;
	unsigned int anything;
	unsigned int settled;
	char devpath[PATH_MAX];
};

static void on_changed(const char *devpath, void *userdata)
{
	struct live *live = userdata;

	if (devpath) {
		live->changed++;
		snprintf(live->devpath, sizeof(live->devpath), "%s", devpath);
	} else {
		live->anything++;
	}
}

static void on_settled(void *userdata)
{
	struct live *live = userdata;

	live->settled++;
}

/* Until @settled bursts were told, or for two seconds. */
static void run(struct live *live, unsigned int settled)
{
	const time_t start = time(NULL);

	while (live->settled < settled && time(NULL) - start < 3)
		assert_true(sd_event_run(live->event, 100000) >= 0);
}

static int setup(void **state)
{
	struct live *live = calloc(1, sizeof(*live));

	assert_non_null(live);
	assert_true(sd_event_new(&live->event) >= 0);
	*state = live;
	return 0;
}

static int teardown(void **state)
{
	struct live *live = *state;

	sd_event_unref(live->event);
	free(live);
	return 0;
}

static bool announce(const char *path)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, "change", 6) == 6;
}

#define MEMORY_NULL "/sys/devices/virtual/mem/null/uevent"

static struct uevent_monitor *monitor_or_skip(struct live *live, const char *const *subsystems)
{
	const struct uevent_handler handler = {
		.subsystems = subsystems,
		.changed = on_changed,
		.settled = on_settled,
		.userdata = live,
	};
	struct uevent_monitor *m = NULL;

	if (access(MEMORY_NULL, W_OK) < 0 || uevent_monitor_new(live->event, &handler, &m) < 0)
		skip();
	return m;
}

static void test_burst(void **state)
{
	static const char *const subsystems[] = { "pci", "mem", NULL };
	struct live *live = *state;
	_cleanup_(uevent_monitor_freep) struct uevent_monitor *m =
		monitor_or_skip(live, subsystems);

	for (int i = 0; i < 50; i++)
		assert_true(announce(MEMORY_NULL));
	assert_true(announce("/sys/devices/virtual/mem/zero/uevent"));
	run(live, 1);
	assert_int_equal(live->settled, 1);
	assert_int_equal(live->changed, 2);
	assert_int_equal(live->anything, 0);
	assert_string_equal(live->devpath, "/devices/virtual/mem/zero");
	assert_int_equal(uevent_monitor_counters(m)->received, 51);
	assert_int_equal(uevent_monitor_counters(m)->lost, 0);

	/* And it starts anew. */
	assert_true(announce(MEMORY_NULL));
	run(live, 2);
	assert_int_equal(live->settled, 2);
	assert_int_equal(live->changed, 3);
}

static void test_other_subsystem(void **state)
{
	static const char *const subsystems[] = { "mem", NULL };
	static const char *const others[] = { "pci", NULL };
	struct live *live = *state;
	struct live other = { .event = live->event };
	_cleanup_(uevent_monitor_freep) struct uevent_monitor *m =
		monitor_or_skip(live, subsystems);
	_cleanup_(uevent_monitor_freep) struct uevent_monitor *m2 = monitor_or_skip(&other, others);

	assert_true(announce(MEMORY_NULL));
	run(live, 1);
	assert_int_equal(live->changed, 1);
	assert_int_equal(other.changed, 0);
	assert_int_equal(other.settled, 0);
	assert_int_equal(uevent_monitor_counters(m)->received, 1);
	assert_int_equal(uevent_monitor_counters(m2)->received, 0);
	assert_int_equal(uevent_monitor_counters(m2)->malformed, 0);
}

/* More than the socket holds while nobody reads: it is said that anything may have changed. */
static void test_lost(void **state)
{
	static const char *const subsystems[] = { "mem", NULL };
	struct live *live = *state;
	_cleanup_(uevent_monitor_freep) struct uevent_monitor *m =
		monitor_or_skip(live, subsystems);

	for (int i = 0; i < 4000; i++)
		assert_true(announce(MEMORY_NULL));
	run(live, 1);
	assert_true(uevent_monitor_counters(m)->lost > 0);
	assert_true(uevent_monitor_counters(m)->received < 4000);
	assert_true(live->anything > 0);
	assert_int_equal(live->changed, 0);
}

/* ---- The topology on them ---- */

struct told {
	unsigned int devices, settled;
	uint64_t time_ns;
	struct record_device device;
};

static int on_record(const struct record_header *record, void *userdata)
{
	struct told *told = userdata;

	if (record->type == RECORD_DEVICE) {
		told->devices++;
		told->time_ns = record->time_ns;
		memcpy(&told->device, record, sizeof(told->device));
	}
	return 0;
}

static void on_topology_settled(void *userdata)
{
	struct told *told = userdata;

	told->settled++;
}

static void test_topology(void **state)
{
	struct live *live = *state;
	struct told told = {};
	struct timespec now;
	_cleanup_(topology_freep) struct topology *t = NULL;
	const char *name;
	char path[PATH_MAX];
	glob_t found;

	assert_int_equal(topology_new("/", on_record, &told, &t), 0);
	if (glob("/sys/bus/pci/devices/*", 0, NULL, &found) != 0)
		skip();
	snprintf(path, sizeof(path), "%s/uevent", found.gl_pathv[0]);
	globfree(&found);
	if (access(path, W_OK) < 0 || topology_attach(t, live->event, on_topology_settled) < 0)
		skip();
	assert_int_equal(topology_attach(t, live->event, NULL), -EBUSY);
	assert_true(announce(path));
	for (int i = 0; i < 20 && !told.settled; i++)
		assert_true(sd_event_run(live->event, 100000) >= 0);
	assert_int_equal(told.settled, 1);
	assert_int_equal(told.devices, 1);
	assert_string_equal(told.device.bus, "pci");
	*strrchr(path, '/') = '\0';
	name = strrchr(path, '/') + 1;
	assert_string_equal(told.device.name, name);
	clock_gettime(CLOCK_BOOTTIME, &now);
	assert_true(told.time_ns / 1000000000 + 2 > (uint64_t)now.tv_sec);
	assert_int_equal(topology_counters(t).uevents, 1);
	assert_int_equal(topology_counters(t).reads_failed, 0);
}

/* What makes no uevent is read on request: once for a row of requests, at once when settled. */
static void test_touch(void **state)
{
	struct live *live = *state;
	struct told told = {};
	_cleanup_(topology_freep) struct topology *t = NULL;
	const char *name;
	glob_t found;

	assert_int_equal(topology_new("/", on_record, &told, &t), 0);
	topology_touch(t, "before-attach");
	topology_settle(t);
	if (glob("/sys/bus/pci/devices/*", 0, NULL, &found) != 0 ||
	    topology_attach(t, live->event, on_topology_settled) < 0)
		skip();
	name = strrchr(found.gl_pathv[0], '/') + 1;
	for (unsigned int burst = 1; burst <= 3; burst++) {
		for (int i = 0; i < 100; i++)
			topology_touch(t, name);
		assert_int_equal(told.devices, burst - 1);
		if (burst == 2)
			topology_settle(t);
		for (int i = 0; i < 20 && told.settled < burst; i++)
			assert_true(sd_event_run(live->event, 100000) >= 0);
		assert_int_equal(told.settled, burst);
		assert_int_equal(told.devices, burst);
		assert_string_equal(told.device.name, name);
	}
	topology_touch(t, "no-such-device");
	topology_touch(t, "");
	topology_settle(t);
	assert_true(sd_event_run(live->event, 200000) >= 0);
	assert_int_equal(told.settled, 3);
	globfree(&found);
}

/* A handler that touches while it is told makes a burst of its own, and loses none. */
struct again {
	struct uevent_monitor *m;
	unsigned int changed, settled;
};

static void on_changed_again(const char *devpath, void *userdata)
{
	struct again *again = userdata;

	assert_non_null(devpath);
	if (again->changed++ < 2)
		uevent_monitor_touch(again->m, again->changed == 1 ? "/third" : "/fourth");
}

static void on_settled_again(void *userdata)
{
	struct again *again = userdata;

	again->settled++;
}

static void test_touch_again(void **state)
{
	static const char *const none[] = { NULL };
	struct live *live = *state;
	struct again again = {};
	const struct uevent_handler handler = { none, on_changed_again, on_settled_again, &again };
	_cleanup_(uevent_monitor_freep) struct uevent_monitor *m = NULL;

	if (uevent_monitor_new(live->event, &handler, &m) < 0)
		skip();
	again.m = m;
	uevent_monitor_touch(m, "/first");
	uevent_monitor_touch(m, "/second");
	uevent_monitor_settle(m);
	assert_int_equal(again.changed, 2);
	uevent_monitor_settle(m);
	assert_int_equal(again.changed, 4);
	assert_int_equal(again.settled, 2);
	uevent_monitor_settle(m);
	assert_int_equal(again.settled, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test_setup_teardown(test_burst, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_subsystem, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_topology, setup, teardown),
		cmocka_unit_test_setup_teardown(test_touch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_touch_again, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
