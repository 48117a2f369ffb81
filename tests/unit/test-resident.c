// SPDX-License-Identifier: GPL-2.0-or-later
/* What only the start needed is not in memory any more, and everything still runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <link.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resident.h"

/* KiB of mapped files that are in memory, as the kernel counts them */
static unsigned long files_kib(void)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	unsigned long total = 0, rss, inode = 0;
	char line[512];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*x-%*x %*s %*x %*s %lu", &inode) == 1)
			continue;
		if (inode && sscanf(line, "Rss: %lu kB", &rss) == 1)
			total += rss;
	}
	fclose(file);
	return total;
}

/* Whole pages, with what lies between variables */
__attribute__((no_sanitize("address"))) static int touch(struct dl_phdr_info *object, size_t size,
							 void *userdata)
{
	(void)size;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		const volatile unsigned char *data =
			(const void *)(object->dlpi_addr + segment->p_vaddr);

		if (segment->p_type != PT_LOAD || segment->p_flags & PF_W)
			continue;
		for (size_t at = 0; at < segment->p_filesz; at += 4096)
			*(unsigned int *)userdata += data[at];
	}
	return 0;
}

static void test_forgotten(void **state)
{
	unsigned int sum = 0, again = 0;
	unsigned long all, left;

	(void)state;
	dl_iterate_phdr(touch, &sum);
	all = files_kib();
	resident_forget_start();
	left = files_kib();
	print_message("mapped files: %lu KiB, then %lu KiB\n", all, left);
	assert_true(left < all / 2);

	/* and what comes back is what it was */
	dl_iterate_phdr(touch, &again);
	assert_int_equal(again, sum);
}

static void test_all_still_runs(void **state)
{
	json_t *json;
	sqlite3 *db;
	char *text;

	(void)state;
	resident_forget_start();
	json = json_pack("{s:[i, i]}", "a", 1, 2);
	text = json_dumps(json, JSON_COMPACT);
	assert_string_equal(text, "{\"a\":[1,2]}");
	free(text);
	json_decref(json);
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (n); INSERT INTO t VALUES (1)", NULL,
				      NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_all_still_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
