// SPDX-License-Identifier: GPL-2.0-or-later
/* CXL PMUs on a tree made here: which are told, when they are told again, and which are gone. */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "topology.h"

#define NOW 7000000000ULL
#define DEVICES "sys/bus/event_source/devices"

static struct {
	char root[32];
	struct topology *topology;
	struct record_pmu told[8];
	size_t n, fail_after; /* 0: never */
	char words[1024]; /* "PMU KIND NAME VALUE;" each */
	size_t n_words, fail_after_words;
} tree;

static int on_word(const struct record_pmu_event *r)
{
	size_t n = strlen(tree.words);

	assert_int_equal(r->header.version, RECORD_VERSION);
	assert_int_equal(r->header.size, sizeof(*r));
	assert_int_equal(r->header.time_ns, NOW);
	/* after its PMU, and before the next one */
	assert_true(tree.n > 0);
	assert_string_equal(tree.told[tree.n - 1].name, r->pmu);
	if (tree.fail_after_words && tree.n_words == tree.fail_after_words)
		return -ECANCELED;
	tree.n_words++;
	snprintf(tree.words + n, sizeof(tree.words) - n, "%s %s %.20s %.20s;", r->pmu,
		 r->kind == RECORD_PMU_EVENT_EVENT ? "event" : "format", r->name, r->value);
	return 0;
}

static int on_record(const struct record_header *record, void *userdata)
{
	(void)userdata;
	if (record->type == RECORD_PMU_EVENT)
		return on_word((const struct record_pmu_event *)record);
	if (tree.fail_after && tree.n == tree.fail_after)
		return -ECANCELED;
	assert_int_equal(record->type, RECORD_PMU);
	assert_int_equal(record->version, RECORD_VERSION);
	assert_int_equal(record->size, sizeof(struct record_pmu));
	assert_int_equal(record->time_ns, NOW);
	assert_true(tree.n < sizeof(tree.told) / sizeof(*tree.told));
	memcpy(&tree.told[tree.n++], record, record->size);
	return 0;
}

/* ---- The tree ---- */

static const char *path_of(const char *path)
{
	static char full[512];

	snprintf(full, sizeof(full), "%s/%s", tree.root, path);
	return full;
}

static void make_directories(const char *path)
{
	char full[512];

	snprintf(full, sizeof(full), "%s", path_of(path));
	for (char *slash = strchr(full + strlen(tree.root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(full, 0755);
		*slash = '/';
	}
	mkdir(full, 0755);
}

static void put_cpumask(const char *device, const char *name, const char *cpumask)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "sys/devices/%s/%s", device, name);
	make_directories(path);
	snprintf(path, sizeof(path), "sys/devices/%s/%s/cpumask", device, name);
	file = fopen(path_of(path), "we");
	assert_non_null(file);
	fputs(cpumask, file);
	assert_int_equal(fclose(file), 0);
}

static void put_word(const char *device, const char *name, const char *word, const char *value)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "sys/devices/%s/%s/%s", device, name, word);
	*strrchr(path, '/') = '\0';
	make_directories(path);
	snprintf(path, sizeof(path), "sys/devices/%s/%s/%s", device, name, word);
	file = fopen(path_of(path), "we");
	assert_non_null(file);
	fprintf(file, "%s\n", value);
	assert_int_equal(fclose(file), 0);
}

static void put_pmu(const char *device, const char *name, const char *cpumask)
{
	char path[256], target[256];

	put_cpumask(device, name, cpumask);
	make_directories(DEVICES);
	snprintf(target, sizeof(target), "../../../devices/%s/%s", device, name);
	snprintf(path, sizeof(path), DEVICES "/%s", name);
	assert_int_equal(symlink(target, path_of(path)), 0);
}

static void take_pmu(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), DEVICES "/%s", name);
	assert_int_equal(unlink(path_of(path)), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	(void)state;
	memset(&tree, 0, sizeof(tree));
	strcpy(tree.root, "/tmp/test-pmu-XXXXXX");
	return mkdtemp(tree.root) ? topology_new(tree.root, on_record, NULL, &tree.topology) : -1;
}

static int teardown(void **state)
{
	(void)state;
	topology_free(tree.topology);
	return nftw(tree.root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- Reading ---- */

static void read_pmus(bool all)
{
	tree.n = 0;
	tree.words[0] = '\0';
	assert_int_equal(topology_read_pmus(tree.topology, all, NOW), 0);
}

static void expect_pmu(size_t i, const char *name, const char *device, const char *cpumask)
{
	assert_true(i < tree.n);
	assert_string_equal(tree.told[i].name, name);
	assert_string_equal(tree.told[i].device, device);
	if (cpumask)
		assert_string_equal(tree.told[i].cpumask, cpumask);
}

static void test_new(void **state)
{
	(void)state;
	put_pmu("pci0/0000:0d:00.0/pmu_mem0.1", "cxl_pmu_mem0.1", "3\n");
	put_pmu("pci0/0000:0d:00.0/pmu_mem0.0", "cxl_pmu_mem0.0", "0\n");
	/* these are no CXL PMUs */
	put_pmu("system/cpu", "cpu", "0-7\n");
	put_pmu("pci0/uncore", "uncore_cxl_pmu_0", "0\n");
	put_pmu("pci0/other", "cxl", "0\n");
	read_pmus(false);
	assert_int_equal(tree.n, 2);
	expect_pmu(0, "cxl_pmu_mem0.0", "pmu_mem0.0", "0");
	expect_pmu(1, "cxl_pmu_mem0.1", "pmu_mem0.1", "3");
	/* as they were: nothing is said, unless all is asked for */
	read_pmus(false);
	assert_int_equal(tree.n, 0);
	read_pmus(true);
	assert_int_equal(tree.n, 2);
	expect_pmu(0, "cxl_pmu_mem0.0", "pmu_mem0.0", "0");
	expect_pmu(1, "cxl_pmu_mem0.1", "pmu_mem0.1", "3");
	read_pmus(false);
	assert_int_equal(tree.n, 0);
}

static void test_changed(void **state)
{
	(void)state;
	put_pmu("a/pmu_mem0.0", "cxl_pmu_mem0.0", "0\n");
	put_pmu("a/pmu_mem1.0", "cxl_pmu_mem1.0", "0\n");
	read_pmus(false);
	put_cpumask("a/pmu_mem1.0", "cxl_pmu_mem1.0", "2\n");
	read_pmus(false);
	assert_int_equal(tree.n, 1);
	expect_pmu(0, "cxl_pmu_mem1.0", "pmu_mem1.0", "2");
	read_pmus(false);
	assert_int_equal(tree.n, 0);
	/* the same name, another device */
	take_pmu("cxl_pmu_mem0.0");
	put_pmu("b/pmu_mem7.0", "cxl_pmu_mem0.0", "0\n");
	read_pmus(false);
	assert_int_equal(tree.n, 1);
	expect_pmu(0, "cxl_pmu_mem0.0", "pmu_mem7.0", "0");
	/* none of its CPUs is there any more */
	put_cpumask("a/pmu_mem1.0", "cxl_pmu_mem1.0", "\n");
	read_pmus(false);
	assert_int_equal(tree.n, 1);
	expect_pmu(0, "cxl_pmu_mem1.0", "pmu_mem1.0", "");
}

static void test_gone(void **state)
{
	(void)state;
	for (int all = 0; all < 2; all++) {
		put_pmu("a/pmu_mem0.0", "cxl_pmu_mem0.0", "0\n");
		put_pmu("a/pmu_mem1.0", "cxl_pmu_mem1.0", "0\n");
		read_pmus(false);
		assert_int_equal(tree.n, 2);
		take_pmu("cxl_pmu_mem0.0");
		read_pmus(all);
		assert_int_equal(tree.n, 1 + (size_t)all);
		expect_pmu((size_t)all, "cxl_pmu_mem0.0", "", NULL);
		read_pmus(false);
		assert_int_equal(tree.n, 0);
		take_pmu("cxl_pmu_mem1.0");
		read_pmus(all);
		assert_int_equal(tree.n, 1);
		expect_pmu(0, "cxl_pmu_mem1.0", "", NULL);
	}
}

/* perf itself is not there, or not any more. */
static void test_no_perf(void **state)
{
	(void)state;
	read_pmus(true);
	assert_int_equal(tree.n, 0);
	put_pmu("a/pmu_mem0.0", "cxl_pmu_mem0.0", "0\n");
	read_pmus(false);
	assert_int_equal(nftw(path_of("sys/bus"), remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	read_pmus(false);
	assert_int_equal(tree.n, 1);
	expect_pmu(0, "cxl_pmu_mem0.0", "", NULL);
	read_pmus(false);
	assert_int_equal(tree.n, 0);
}

/* One that cannot be read is not there: it goes away at this moment. */
static void test_unreadable(void **state)
{
	(void)state;
	put_pmu("a/pmu_mem0.0", "cxl_pmu_mem0.0", "0\n");
	put_pmu("a/pmu_mem1.0", "cxl_pmu_mem1.0", "0\n");
	read_pmus(false);
	assert_int_equal(unlink(path_of("sys/devices/a/pmu_mem0.0/cxl_pmu_mem0.0/cpumask")), 0);
	/* no link, so there is no telling whose it is */
	make_directories(DEVICES "/cxl_pmu_mem2.0");
	read_pmus(false);
	assert_int_equal(tree.n, 1);
	expect_pmu(0, "cxl_pmu_mem0.0", "", NULL);
	put_cpumask("a/pmu_mem0.0", "cxl_pmu_mem0.0", "1\n");
	read_pmus(false);
	assert_int_equal(tree.n, 1);
	expect_pmu(0, "cxl_pmu_mem0.0", "pmu_mem0.0", "1");
	/* what is no directory is an error, and nothing is gone */
	assert_int_equal(nftw(path_of(DEVICES), remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(symlink("devices", path_of(DEVICES)), 0);
	tree.n = 0;
	assert_int_equal(topology_read_pmus(tree.topology, false, NOW), -ELOOP);
	assert_int_equal(tree.n, 0);
}

/* Longer than a record holds: cut, and counted */
static void test_long(void **state)
{
	char name[128] = "cxl_pmu_", device[160], list[200];

	(void)state;
	memset(name + 8, 'x', 100);
	snprintf(device, sizeof(device), "a/pmu_%s", name);
	memset(list, '1', 150);
	list[150] = 0;
	put_pmu(device, name, list);
	read_pmus(false);
	assert_int_equal(tree.n, 1);
	assert_int_equal(strlen(tree.told[0].name), 63);
	assert_int_equal(strlen(tree.told[0].device), 63);
	assert_int_equal(strlen(tree.told[0].cpumask), 63);
	assert_true(topology_counters(tree.topology).truncated >= 2);
	read_pmus(false);
	assert_int_equal(tree.n, 0);
}

/* What a PMU can count is told with it, and only then. */
static void test_words(void **state)
{
	char text[200];

	(void)state;
	put_pmu("a/pmu_mem0.0", "cxl_pmu_mem0.0", "0\n");
	put_word("a/pmu_mem0.0", "cxl_pmu_mem0.0", "events/memrd", "config=0x2");
	put_word("a/pmu_mem0.0", "cxl_pmu_mem0.0", "events/clock_ticks", "config=0x1");
	put_word("a/pmu_mem0.0", "cxl_pmu_mem0.0", "events/memrd.unit", "MiB");
	put_word("a/pmu_mem0.0", "cxl_pmu_mem0.0", "format/mask", "config:0-31");
	put_pmu("a/pmu_mem0.1", "cxl_pmu_mem0.1", "0\n");
	put_word("a/pmu_mem0.1", "cxl_pmu_mem0.1", "format/gid", "config:32-47");
	read_pmus(false);
	assert_int_equal(tree.n, 2);
	assert_string_equal(tree.words, "cxl_pmu_mem0.0 event clock_ticks config=0x1;"
					"cxl_pmu_mem0.0 event memrd config=0x2;"
					"cxl_pmu_mem0.0 format mask config:0-31;"
					"cxl_pmu_mem0.1 format gid config:32-47;");
	put_word("a/pmu_mem0.1", "cxl_pmu_mem0.1", "events/more", "config=0x9");
	read_pmus(false);
	assert_string_equal(tree.words, "");
	/* told again, it is told as it is now */
	put_cpumask("a/pmu_mem0.1", "cxl_pmu_mem0.1", "3\n");
	read_pmus(false);
	assert_int_equal(tree.n, 1);
	assert_string_equal(tree.words, "cxl_pmu_mem0.1 event more config=0x9;"
					"cxl_pmu_mem0.1 format gid config:32-47;");
	take_pmu("cxl_pmu_mem0.1");
	read_pmus(false);
	assert_int_equal(tree.n, 1);
	assert_string_equal(tree.words, "");
	/* what is longer than its field is cut and counted */
	memset(text, 'x', sizeof(text));
	text[150] = '\0';
	put_word("a/pmu_mem0.0", "cxl_pmu_mem0.0", "events/long", text);
	read_pmus(true);
	assert_non_null(strstr(tree.words, "event long xxxxxxxxxxxxxxxxxxxx;"));
	assert_int_equal(topology_counters(tree.topology).truncated, 1);
}

static void test_words_fail(void **state)
{
	(void)state;
	put_pmu("a/pmu_mem0.0", "cxl_pmu_mem0.0", "0\n");
	put_word("a/pmu_mem0.0", "cxl_pmu_mem0.0", "events/a", "config=1");
	put_word("a/pmu_mem0.0", "cxl_pmu_mem0.0", "events/b", "config=1");
	put_word("a/pmu_mem0.0", "cxl_pmu_mem0.0", "format/c", "config:1");
	tree.fail_after_words = 1;
	assert_int_equal(topology_read_pmus(tree.topology, false, NOW), -ECANCELED);
	assert_int_equal(tree.n_words, 1);
}

/* The reader cannot take more: the read ends with what it says. */
static void test_reader_fails(void **state)
{
	(void)state;
	put_pmu("a/pmu_mem0.0", "cxl_pmu_mem0.0", "0\n");
	put_pmu("a/pmu_mem1.0", "cxl_pmu_mem1.0", "0\n");
	tree.fail_after = 1;
	assert_int_equal(topology_read_pmus(tree.topology, false, NOW), -ECANCELED);
	assert_int_equal(tree.n, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_new),		 TEST(test_changed),	TEST(test_gone),
		TEST(test_no_perf),	 TEST(test_unreadable), TEST(test_long),
		TEST(test_reader_fails), TEST(test_words),	TEST(test_words_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
