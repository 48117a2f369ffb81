// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guard's entries in the journal: what they say, and how few there are when somebody tries again
 * and again, whatever he calls himself, with no denial lost from the count. The journal's function is
 * replaced here.
 */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "records.h"
#include "sink-journal.h"

#define SOCKET "/run/systemd/journal/socket"
#define SECOND 1000000LL
#define NOW (1700000000 * SECOND)

/* ---- a journal ---- */

static unsigned int n_sent;
static uint64_t n_meant; /* with those that entries count besides */
static char sent[16384]; /* the last one: its fields, each between lines */

int sd_journal_sendv(const struct iovec *fields, int n)
{
	const char *before;
	size_t size = 0;

	*sent = '\0';
	for (int i = 0; i < n; i++)
		size += (size_t)snprintf(sent + size, sizeof(sent) - size, "<%.*s>\n",
					 (int)fields[i].iov_len, (char *)fields[i].iov_base);
	assert_true(size < sizeof(sent));
	before = strstr(sent, "(and ");
	n_meant += 1 + (before ? strtoull(before + 5, NULL, 10) : 0);
	n_sent++;
	return 0;
}

int access(const char *path, int mode)
{
	int (*real)(const char *path, int mode) = dlsym(RTLD_NEXT, "access");

	return strcmp(path, SOCKET) ? real(path, mode) : 0;
}

static int setup(void **state)
{
	struct sink_journal *journal;

	n_sent = 0;
	n_meant = 0;
	*sent = '\0';
	if (sink_journal_new(&journal) < 0)
		return -1;
	*state = journal;
	return 0;
}

static int teardown(void **state)
{
	sink_journal_free(*state);
	return 0;
}

static void expect_field(const char *field)
{
	char line[1024];

	snprintf(line, sizeof(line), "<%s>\n", field);
	if (!strstr(sent, line))
		fail_msg("no field %s in\n%s", field, sent);
}

/* ---- events ---- */

static void publish_json(struct sink_journal *journal, json_t *json, int64_t time_us)
{
	const json_t *irq = json_object_get(json, "irq");
	const struct sink_event event = {
		.time_us = time_us,
		.type = json_string_value(json_object_get(json, "type")),
		.has_irq = json_is_integer(irq),
		.irq = (uint32_t)json_integer_value(irq),
		.device = json_string_value(json_object_get(json, "device")),
		.json = json,
	};

	assert_non_null(json);
	sink_journal_publish(journal, &event);
	json_decref(json);
}

static void publish(struct sink_journal *journal, const char *text)
{
	publish_json(journal, parse(text), NOW);
}

static void denied(struct sink_journal *journal, uint32_t irq, const char *comm, int64_t time_us)
{
	publish_json(journal,
		     json_pack("{s:s, s:I, s:s, s:b, s:s, s:{s:s, s:s, s:i, s:i}}", "type",
			       "guard-denied", "irq", (json_int_t)irq, "device", "0000:01:00.0",
			       "denied", 1, "path", "smp_affinity", "cause", "kind",
			       "affinity-write", "comm", comm, "pid", 72, "uid", 1000),
		     time_us);
}

static void test_denied(void **state)
{
	denied(*state, 42, "irqbalance", NOW);
	assert_int_equal(n_sent, 1);
	expect_field("MESSAGE=guard: denied a write of irqbalance (process 72, user 1000) to "
		     "/proc/irq/42/smp_affinity");
	expect_field("MESSAGE_ID=7d6d298bf1f84a80852618bbf1bf7b64");
	expect_field("PRIORITY=4");
	expect_field("CXLIRQ_IRQ=42");
	expect_field("CXLIRQ_DEVICE=0000:01:00.0");
	expect_field("CXLIRQ_CAUSE=affinity-write");
	expect_field("CXLIRQ_COMM=irqbalance");
	expect_field("CXLIRQ_PID=72");
	expect_field("CXLIRQ_UID=1000");
	publish(*state, "{'type': 'guard-denied', 'irq': null, 'device': null, 'denied': false,"
			" 'path': 'default_smp_affinity', 'cause': {'kind': 'unknown',"
			" 'comm': null, 'pid': null, 'uid': null}}");
	assert_int_equal(n_sent, 2);
	expect_field("MESSAGE=guard: let pass a write of  (process 0, user 0) to "
		     "/proc/irq/default_smp_affinity");
	/* the catalog names these */
	expect_field("CXLIRQ_IRQ=none");
	expect_field("CXLIRQ_DEVICE=unknown");
	expect_field("CXLIRQ_COMM=");
}

static void test_moved(void **state)
{
	publish(*state, "{'type': 'guard-moved', 'irq': 42, 'device': '0000:01:00.0', 'index': 0,"
			" 'guard': '0000:01:00.0', 'old': '0-1', 'new': '1', 'cause':"
			" {'kind': 'cpu-hotplug', 'comm': 'cpuhp/0', 'pid': 12, 'uid': 0}}");
	expect_field("MESSAGE=guard: 0000:01:00.0: interrupt 42 was moved from CPUs 0-1 to 1 "
		     "(cpu-hotplug by cpuhp/0)");
	expect_field("MESSAGE_ID=9fc711c0a7ea4a97ab98f83aad9029ba");
	expect_field("CXLIRQ_GUARD=0000:01:00.0");
	/* which a walk has found */
	publish(*state, "{'type': 'guard-moved', 'irq': 43, 'device': null, 'guard': 'x',"
			" 'old': '0', 'new': '1', 'cause': {'kind': 'unknown', 'comm': null,"
			" 'pid': null, 'uid': null}}");
	expect_field("MESSAGE=guard: -: interrupt 43 was moved from CPUs 0 to 1 (unknown)");
	expect_field("CXLIRQ_DEVICE=unknown");
	assert_int_equal(n_sent, 2);
}

static void test_restored(void **state)
{
	publish(*state, "{'type': 'guard-restored', 'irq': 42, 'device': '0000:01:00.0',"
			" 'guard': 'x', 'cpus': '0-1', 'restored': true, 'reason': null}");
	expect_field("MESSAGE=guard: 0000:01:00.0: interrupt 42 is back on CPUs 0-1");
	expect_field("PRIORITY=5");
	expect_field("CXLIRQ_CPUS=0-1");
	publish(*state, "{'type': 'guard-restored', 'irq': 42, 'device': '0000:01:00.0',"
			" 'guard': 'x', 'cpus': '1', 'restored': false, 'reason': 'no such CPU'}");
	expect_field("MESSAGE=guard: 0000:01:00.0: interrupt 42 cannot be put back to CPUs 1: "
		     "no such CPU");
	assert_int_equal(n_sent, 2);
}

static void test_policy(void **state)
{
	publish(*state, "{'type': 'guard-policy', 'irq': null, 'device': '0000:01:00.0', 'action':"
			" 'pin', 'guard': '0000:01:00.0/3', 'cpus': '1', 'mode': 'audit',"
			" 'pid': 99, 'uid': 1000}");
	expect_field("MESSAGE=guard: pin 0000:01:00.0/3 to CPUs 1 by process 99 of user 1000, "
		     "mode audit");
	expect_field("CXLIRQ_ACTION=pin");
	expect_field("CXLIRQ_GUARD=0000:01:00.0/3");
	expect_field("CXLIRQ_MODE=audit");
	expect_field("CXLIRQ_PID=99");
	expect_field("CXLIRQ_UID=1000");
	publish(*state, "{'type': 'guard-policy', 'irq': null, 'device': null, 'action': 'reload',"
			" 'guard': null, 'cpus': null, 'mode': 'off', 'pid': null, 'uid': null}");
	expect_field("MESSAGE=guard: reload by the settings, mode off");
	/* each of them, however many */
	for (int i = 0; i < 50; i++)
		publish(*state, "{'type': 'guard-policy', 'irq': null, 'action': 'mode',"
				" 'mode': 'off', 'pid': 1, 'uid': 0}");
	assert_int_equal(n_sent, 52);
}

/* A name that would begin another line, or has no end */
static void test_wild_names(void **state)
{
	char name[2000];

	denied(*state, 42, "a\nPRIORITY=0\x1b[2J\x7f", NOW);
	expect_field(
		"MESSAGE=guard: denied a write of a?PRIORITY=0?[2J? (process 72, user 1000) to "
		"/proc/irq/42/smp_affinity");
	/* as it is: the journal keeps such fields */
	expect_field("CXLIRQ_COMM=a\nPRIORITY=0\x1b[2J\x7f");
	expect_field("PRIORITY=4");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	denied(*state, 42, name, NOW);
	denied(*state, 42, "", NOW);
	denied(*state, 42, "%s%n%99999d", NOW);
	assert_int_equal(n_sent, 4);
	expect_field("CXLIRQ_COMM=%s%n%99999d");
}

/* ---- how many ---- */

/* 10,000 in two seconds, of eight processes at 32 interrupts */
static void test_flood(void **state)
{
	char comm[16];

	for (uint32_t i = 0; i < 10000; i++) {
		snprintf(comm, sizeof(comm), "writer%u", i % 8);
		denied(*state, 30 + i / 8 % 32, comm, NOW + i * 200);
	}
	/* each at each of them, as far as there is room to remember */
	assert_true(n_sent <= 256);
	assert_true(n_sent >= 200);
	assert_int_equal(sink_journal_counters(*state)->held_back, 10000 - n_sent);
	/* later, all of them are told of */
	for (uint32_t i = 0; i < 256; i++) {
		snprintf(comm, sizeof(comm), "writer%u", i % 8);
		denied(*state, 30 + i / 8 % 32, comm, NOW + 12 * SECOND);
	}
	assert_true(n_sent <= 512);
	assert_int_equal(n_meant, 10256);
}

/* Who has another name each time is told no more often. */
static void test_flood_of_names(void **state)
{
	char comm[16];

	for (uint32_t i = 0; i < 10000; i++) {
		snprintf(comm, sizeof(comm), "%u", i);
		denied(*state, i, comm, NOW + i * 500);
	}
	assert_int_equal(n_sent, 256);
	denied(*state, 7, "afterwards", NOW + 20 * SECOND);
	assert_int_equal(n_sent, 257);
	assert_int_equal(n_meant, 10001);
}

/* One that is held back is not forgotten for another. */
static void test_count(void **state)
{
	denied(*state, 42, "a", NOW);
	denied(*state, 42, "b", NOW);
	for (int i = 0; i < 5; i++)
		denied(*state, 42, "a", NOW + SECOND);
	assert_int_equal(n_sent, 2);
	denied(*state, 42, "b", NOW + 11 * SECOND);
	assert_null(strstr(sent, "more before"));
	denied(*state, 42, "a", NOW + 11 * SECOND);
	assert_non_null(strstr(sent, "smp_affinity (and 5 more before)>"));
	denied(*state, 42, "a", NOW + 22 * SECOND);
	assert_null(strstr(sent, "more before"));
	assert_int_equal(n_meant, 10);
}

static void test_flood_of_moves(void **state)
{
	for (int i = 0; i < 10000; i++)
		publish_json(*state,
			     json_pack("{s:s, s:i, s:s, s:s, s:s, s:{s:s, s:s}}", "type",
				       "guard-moved", "irq", 42, "device", "d", "old", "0", "new",
				       i % 2 ? "0" : "1", "cause", "kind", "affinity-write", "comm",
				       "irqbalance"),
			     NOW + i * 4000);
	/* 40 seconds */
	assert_int_equal(n_sent, 4);
	assert_non_null(strstr(sent, "more before)>"));
	/* and a denial of the same is something else */
	denied(*state, 42, "irqbalance", NOW + 40 * SECOND);
	assert_int_equal(n_sent, 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_denied),	   TEST(test_moved),	  TEST(test_restored),
		TEST(test_policy),	   TEST(test_wild_names), TEST(test_flood),
		TEST(test_flood_of_names), TEST(test_count),	  TEST(test_flood_of_moves),
	};

	unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
