// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What goes to the journal: the fields of an entry, how often there is one, and where it goes when
 * there is no journal. The journal's function is replaced here, but for one test, which has a
 * socket of its own in the journal's place.
 */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "records.h"
#include "sink-journal.h"

#define SOCKET "/run/systemd/journal/socket"
#define SECOND 1000000LL

/* ---- a journal, and stderr ---- */

static bool is_real, is_there;
static int send_result;
static unsigned int n_sent;
static char sent[16384]; /* the last one: its fields, a line each */
static char said[4096]; /* on stderr */

int sd_journal_sendv(const struct iovec *fields, int n)
{
	int (*real)(const struct iovec *fields, int n) = dlsym(RTLD_NEXT, "sd_journal_sendv");
	size_t size = 0;

	if (is_real)
		return real(fields, n);
	n_sent++;
	for (int i = 0; i < n; i++)
		size += (size_t)snprintf(sent + size, sizeof(sent) - size, "%.*s\n",
					 (int)fields[i].iov_len, (char *)fields[i].iov_base);
	return send_result;
}

int access(const char *path, int mode)
{
	int (*real)(const char *path, int mode) = dlsym(RTLD_NEXT, "access");

	if (is_real || strcmp(path, SOCKET))
		return real(path, mode);
	errno = ENOENT;
	return is_there ? 0 : -1;
}

ssize_t write(int fd, const void *data, size_t size)
{
	ssize_t (*real)(int fd, const void *data, size_t size) = dlsym(RTLD_NEXT, "write");
	size_t n = strlen(said);

	if (fd != STDERR_FILENO || size < 9 || memcmp(data, "cxlirqd: ", 9))
		return real(fd, data, size);
	snprintf(said + n, sizeof(said) - n, "%.*s", (int)size, (const char *)data);
	return (ssize_t)size;
}

static int setup(void **state)
{
	struct sink_journal *journal;

	is_real = false;
	is_there = true;
	send_result = 0;
	n_sent = 0;
	*sent = *said = 0;
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

	/* the first one has no line before it */
	snprintf(line, sizeof(line), "\n%s\n", field);
	if (!strstr(sent, line) && strncmp(sent, line + 1, strlen(line) - 1))
		fail_msg("no field %s in\n%s", field, sent);
}

static void expect_no_field(const char *name)
{
	char line[64];

	snprintf(line, sizeof(line), "\n%s=", name);
	assert_null(strstr(sent, line));
}

/* ---- events ---- */

static struct violation make_violation(void)
{
	return (struct violation){
		.id = 12,
		.finding = { .rule = RULE_IMMUTABLE_MESSAGE_CHANGED,
			     .device = "0000:35:00.0",
			     .has_irq = true,
			     .has_index = true,
			     .has_messages = true,
			     .irq = 42,
			     .index = 3,
			     .old_message = { 0xfee00000, 1, 0x41 },
			     .new_message = { 0xfee01000, 0, 0x42 },
			     .cause = { .valid = true,
					.kind = RECORD_CAUSE_AFFINITY_WRITE,
					.pid = 1234,
					.uid = 1000,
					.comm = "irqbalance" },
			     .explanation = "the message moved" },
		.count = 1,
	};
}

static void publish(struct sink_journal *journal, const struct violation *violation,
		    enum violation_outcome outcome, int64_t time_us)
{
	struct sink_event event = {
		.time_us = time_us, .type = "violation", .violation = violation, .outcome = outcome
	};

	sink_journal_publish(journal, &event);
}

static void publish_gap_of(struct sink_journal *journal, const char *reason, int lost,
			   int64_t time_us)
{
	json_t *json = json_pack("{s:i, s:s}", "lost", lost, "reason", reason);
	struct sink_event event = { .time_us = time_us, .type = "gap", .json = json };

	sink_journal_publish(journal, &event);
	json_decref(json);
}

static void publish_gap(struct sink_journal *journal, int lost, int64_t time_us)
{
	publish_gap_of(journal, "ring-full", lost, time_us);
}

static void test_fields(void **state)
{
	struct violation v = make_violation();

	publish(*state, &v, VIOLATION_NEW, SECOND);
	assert_int_equal(n_sent, 1);
	expect_field("MESSAGE=immutable-message-changed: 0000:35:00.0, interrupt 42: the message "
		     "moved");
	expect_field("MESSAGE_ID=4d5c705ff16743d193ac1dec2bc9bf6a");
	expect_field("PRIORITY=2");
	expect_field("CXLIRQ_RULE=immutable-message-changed");
	expect_field("CXLIRQ_SEVERITY=critical");
	expect_field("CXLIRQ_VIOLATION=12");
	expect_field("CXLIRQ_DEVICE=0000:35:00.0");
	expect_field("CXLIRQ_IRQ=42");
	expect_field("CXLIRQ_INDEX=3");
	expect_field("CXLIRQ_OLD_MESSAGE=0x00000001fee00000/0x00000041");
	expect_field("CXLIRQ_NEW_MESSAGE=0x00000000fee01000/0x00000042");
	expect_field("CXLIRQ_CAUSE=affinity-write");
	expect_field("CXLIRQ_CAUSE_COMM=irqbalance");
	expect_field("CXLIRQ_CAUSE_PID=1234");
	expect_field("CXLIRQ_CAUSE_UID=1000");
	expect_field("CXLIRQ_COUNT=1");
	expect_field("CXLIRQ_EXPLANATION=the message moved");
	assert_string_equal(said, "");
	assert_int_equal(sink_journal_counters(*state)->written, 1);
	assert_int_equal(sink_journal_counters(*state)->to_stderr, 0);
}

static void test_nothing_known(void **state)
{
	struct violation v = { .id = UINT64_MAX,
			       .count = UINT64_MAX,
			       .finding = { .rule = RULE_VECTOR_REFUSED } };

	publish(*state, &v, VIOLATION_NEW, SECOND);
	expect_field("MESSAGE=vector-refused: unknown: A driver asked for an interrupt and did not "
		     "get it. (seen 18446744073709551615 times)");
	/* the catalog's text names these */
	expect_field("CXLIRQ_DEVICE=unknown");
	expect_field("CXLIRQ_VIOLATION=18446744073709551615");
	expect_field("CXLIRQ_COUNT=18446744073709551615");
	expect_field("CXLIRQ_EXPLANATION=A driver asked for an interrupt and did not get it.");
	expect_field("CXLIRQ_CAUSE=unknown");
	expect_no_field("CXLIRQ_IRQ");
	expect_no_field("CXLIRQ_INDEX");
	expect_no_field("CXLIRQ_OLD_MESSAGE");
	expect_no_field("CXLIRQ_NEW_MESSAGE");
	expect_no_field("CXLIRQ_CAUSE_COMM");
	expect_no_field("CXLIRQ_CAUSE_PID");
	expect_no_field("CXLIRQ_CAUSE_UID");
}

static void test_priorities(void **state)
{
	static const char *const priorities[] = { "PRIORITY=5", "PRIORITY=4", "PRIORITY=3",
						  "PRIORITY=2" };
	struct violation v = make_violation();

	for (enum rule_id rule = 0; rule < RULE_MAX; rule++) {
		v.finding.rule = rule;
		publish(*state, &v, VIOLATION_NEW, SECOND);
		expect_field(priorities[rule_text(rule)->severity]);
	}
	assert_int_equal(n_sent, RULE_MAX);
}

/* As long as can be, and what would begin a new line */
static void test_wild_text(void **state)
{
	struct violation v = make_violation();

	memset(v.finding.explanation, 'e', FINDING_TEXT - 1);
	memset(v.finding.device, 'd', sizeof(v.finding.device) - 1);
	memcpy(v.finding.explanation, "a\nPRIORITY=7\x1b[2J", 16);
	is_there = false;
	publish(*state, &v, VIOLATION_REOPENED, SECOND);
	assert_non_null(strstr(said, "a?PRIORITY=7?[2Jeee"));
	assert_non_null(strstr(said, "(again, after it was acknowledged)\n"));
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void test_pace(void **state)
{
	struct violation v = make_violation(), w = make_violation();
	int64_t now = 1700000000 * SECOND;

	w.id = 13;
	publish(*state, &v, VIOLATION_NEW, now);
	publish(*state, &v, VIOLATION_STANDING, now + 60 * SECOND);
	publish(*state, &v, VIOLATION_REFUSED, now + 60 * SECOND);
	assert_int_equal(n_sent, 1);
	for (int i = 1; i < 100; i++) {
		v.count++;
		publish(*state, &v, VIOLATION_AGAIN, now + i * SECOND / 10);
	}
	assert_int_equal(n_sent, 1);
	assert_int_equal(sink_journal_counters(*state)->held_back, 99);
	/* each for itself */
	publish(*state, &w, VIOLATION_AGAIN, now + SECOND);
	assert_int_equal(n_sent, 2);
	v.count++;
	publish(*state, &v, VIOLATION_AGAIN, now + 10 * SECOND);
	assert_int_equal(n_sent, 3);
	expect_field("CXLIRQ_COUNT=101");
	assert_non_null(strstr(sent, "(seen 101 times)\n"));
	publish(*state, &v, VIOLATION_AGAIN, now + 19 * SECOND);
	assert_int_equal(n_sent, 3);
	/* somebody had acknowledged it: that is news */
	publish(*state, &v, VIOLATION_REOPENED, now + 19 * SECOND);
	assert_int_equal(n_sent, 4);
	publish(*state, &v, VIOLATION_AGAIN, now + 20 * SECOND);
	assert_int_equal(n_sent, 4);
	/* the clock was set back */
	publish(*state, &v, VIOLATION_AGAIN, now);
	assert_int_equal(n_sent, 5);
}

static void test_gaps(void **state)
{
	struct sink_event other = { .time_us = SECOND, .type = "cpu" };

	sink_journal_publish(*state, &other);
	assert_int_equal(n_sent, 0);
	publish_gap(*state, 5, SECOND);
	assert_int_equal(n_sent, 1);
	expect_field("PRIORITY=4");
	expect_field("CXLIRQ_LOST=5");
	expect_field("CXLIRQ_REASON=ring-full");
	for (int i = 0; i < 10; i++)
		publish_gap(*state, 2, 2 * SECOND);
	assert_int_equal(n_sent, 1);
	publish_gap(*state, 3, 11 * SECOND);
	assert_int_equal(n_sent, 2);
	expect_field("CXLIRQ_LOST=23");
}

/* Changes that were not told are no lost records: an entry of their own, with its own pace */
static void test_overload(void **state)
{
	publish_gap(*state, 5, SECOND);
	publish_gap_of(*state, "overload", 100, SECOND);
	assert_int_equal(n_sent, 2);
	expect_field("MESSAGE=100 changes are not in the history (overload): they were judged, but "
		     "no event tells of them");
	expect_field("MESSAGE_ID=092f3d7e28a4497396ae13e8a7701f39");
	expect_field("PRIORITY=4");
	expect_field("CXLIRQ_LOST=100");
	publish_gap_of(*state, "overload", 50, 2 * SECOND);
	publish_gap(*state, 3, 2 * SECOND);
	assert_int_equal(n_sent, 2);
	publish_gap_of(*state, "overload", 25, 12 * SECOND);
	expect_field("CXLIRQ_LOST=75");
	publish_gap(*state, 1, 12 * SECOND);
	expect_field("CXLIRQ_LOST=4");
	/* what is held back is said when it may be, though nothing follows */
	publish_gap_of(*state, "overload", 7, 13 * SECOND);
	sink_journal_tend(*state, 14 * SECOND);
	assert_int_equal(n_sent, 4);
	sink_journal_tend(*state, 30 * SECOND);
	sink_journal_tend(*state, 50 * SECOND);
	assert_int_equal(n_sent, 5);
	expect_field("CXLIRQ_LOST=7");
	/* or in the end */
	publish_gap_of(*state, "overload", 2, 31 * SECOND);
	assert_int_equal(n_sent, 5);
	*state = sink_journal_free(*state);
	assert_int_equal(n_sent, 6);
	expect_field("CXLIRQ_LOST=2");
}

/* ---- where there is no journal ---- */

static void test_no_journal(void **state)
{
	struct violation v = make_violation();

	is_there = false;
	publish(*state, &v, VIOLATION_NEW, SECOND);
	assert_int_equal(n_sent, 0);
	assert_string_equal(said, "cxlirqd: immutable-message-changed: 0000:35:00.0, interrupt 42: "
				  "the message moved\n");
	/* there, but nobody listens */
	*said = 0;
	is_there = true;
	send_result = -ECONNREFUSED;
	publish_gap(*state, 5, SECOND);
	assert_int_equal(n_sent, 1);
	assert_non_null(strstr(said, "cxlirqd: 5 records were lost (ring-full)"));
	assert_int_equal(sink_journal_counters(*state)->written, 2);
	assert_int_equal(sink_journal_counters(*state)->to_stderr, 2);
}

/* 0: the entry came through a socket in the journal's place; 77: no such place is to be had */
static int child(struct sink_journal *journal)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	struct violation v = make_violation();
	char datagram[8192];
	ssize_t n;
	int fd;

	if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return 77;
	if (mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0)
		return 77;
	if (mkdir("/run/systemd", 0755) < 0 || mkdir("/run/systemd/journal", 0755) < 0)
		return 1;
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return 2;
	is_real = true;
	publish(journal, &v, VIOLATION_NEW, SECOND);
	n = recv(fd, datagram, sizeof(datagram) - 1, MSG_DONTWAIT);
	if (n < 0)
		return 3;
	datagram[n] = 0;
	return strstr(datagram, "MESSAGE_ID=4d5c705ff16743d193ac1dec2bc9bf6a\n") &&
			       strstr(datagram, "CXLIRQ_VIOLATION=12\n") && !*said ?
		       0 :
		       4;
}

static void test_socket(void **state)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(child(*state));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("# no mount namespace: neither privilege nor user namespaces\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- the catalog ---- */

/* The file of the tree, whatever the directory that the test is started from */
static FILE *open_catalog(void)
{
	char path[512] = __FILE__, *end = strstr(path, "tests/unit/");

	assert_non_null(end);
	snprintf(end, sizeof(path) - (size_t)(end - path), "units/cxlirqd.catalog");
	return fopen(path, "re");
}

static void test_catalog(void **state)
{
	char *text = NULL, found[32768] = "", line[128];
	size_t size, n;
	FILE *out = open_memstream(&text, &size), *file;

	(void)state;
	assert_int_equal(sink_journal_print_catalog(out), 0);
	fclose(out);
	file = open_catalog();
	assert_non_null(file);
	n = fread(found, 1, sizeof(found) - 1, file);
	fclose(file);
	assert_true(n < sizeof(found) - 1);
	/* make units/cxlirqd.catalog anew with cxlirqd --catalog */
	assert_string_equal(found, text);
	for (enum rule_id rule = 0; rule < RULE_MAX; rule++) {
		snprintf(line, sizeof(line), "\n-- %s\nSubject: %s: @CXLIRQ_DEVICE@\n",
			 rule_text(rule)->message_id, rule_text(rule)->name);
		assert_non_null(strstr(text, line));
		/* one block each */
		line[36] = 0;
		assert_null(strstr(strstr(text, line) + 1, line));
		assert_int_equal(strspn(rule_text(rule)->message_id, "0123456789abcdef"), 32);
		assert_int_equal(strlen(rule_text(rule)->message_id), 32);
	}
	free(text);
	/* a full disk is told */
	out = fopen("/dev/full", "we");
	assert_int_equal(sink_journal_print_catalog(out), -EIO);
	fclose(out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_fields),    TEST(test_nothing_known), TEST(test_priorities),
		TEST(test_wild_text), TEST(test_pace),		TEST(test_gaps),
		TEST(test_overload),  TEST(test_no_journal),	TEST(test_socket),
		TEST(test_catalog),
	};

	unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
