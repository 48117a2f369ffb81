// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A million events: the file stays within its limit, a question finds its few rows at once, and no
 * call keeps the daemon for long.
 */
#include "store-fixture.h"

#define N_ROWS 1000000
#define N_PIECE 50000
#define N_MEASURED 10000
#define N_IRQS 1024
#define QUESTIONS 21
#define QUESTION_USEC 50000

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void device_of(uint32_t irq, char *ret, size_t size)
{
	snprintf(ret, size, "0000:%02x:%02x.%u", irq / 64, irq / 8 % 8, irq % 8);
}

static void publish_nth(struct sink_store *store, int64_t start_us, int i)
{
	uint32_t irq = (uint32_t)(i * 7919LL % N_IRQS);
	char device[32];

	device_of(irq, device, sizeof(device));
	publish_at(store, start_us + i, i % 16 ? "affinity-change" : "message-change", irq, device);
}

/* Nothing here is about the disk: it is spared. */
static void spare_disk(struct sink_store *store)
{
	assert_int_equal(sqlite3_exec(store->db,
				      "PRAGMA synchronous = OFF; PRAGMA cache_size = -262144", NULL,
				      NULL, NULL),
			 SQLITE_OK);
}

/* The same rows as publish_nth() makes, in large transactions: what takes time is not the test. */
static void fill(struct sink_store *store)
{
	static const char text[] =
		"WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n LIMIT ?2),"
		" e(t, type, irq) AS (SELECT ?3 + i,"
		"  iif(i % 16, 'affinity-change', 'message-change'), i * 7919 % ?4 FROM n),"
		" d(t, type, irq, device) AS (SELECT t, type, irq,"
		"  printf('0000:%02x:%02x.%d', irq / 64, irq / 8 % 8, irq % 8) FROM e)"
		"INSERT INTO history (time_us, type, irq, device, json) SELECT t, type, irq,"
		" device, printf('{\"time_us\":%d,\"type\":\"%s\",\"irq\":%d,\"device\":\"%s\",'"
		" || '\"message_changes\":1,\"old_message\":{\"address\":\"0x00000000fee00000\",'"
		" || '\"data\":\"0x00000041\"},\"new_message\":{\"address\":'"
		" || '\"0x00000000fee02000\",\"data\":\"0x00000042\"}}', t, type, irq, device)"
		" FROM d";
	int64_t start = store_time_us() - N_ROWS;
	sqlite3_stmt *s;

	spare_disk(store);
	assert_int_equal(sqlite3_prepare_v2(store->db, text, -1, &s, NULL), SQLITE_OK);
	for (int i = 0; i < N_ROWS; i += N_PIECE) {
		sqlite3_bind_int(s, 1, i);
		sqlite3_bind_int(s, 2, N_PIECE);
		sqlite3_bind_int64(s, 3, start);
		sqlite3_bind_int(s, 4, N_IRQS);
		assert_int_equal(sqlite3_step(s), SQLITE_DONE);
		sqlite3_reset(s);
	}
	sqlite3_finalize(s);
}

/* As it is in earnest; said, because it depends on the disk. */
static void measure(struct sink_store *store)
{
	int64_t start = store_time_us(), before, us, sum = 0, slowest = 0;
	unsigned int slow = 0;

	for (int i = 0; i < N_MEASURED; i++) {
		before = store_monotonic_us();
		publish_nth(store, start, i);
		if (i % 10 == 9)
			sink_store_batch_end(store);
		us = store_monotonic_us() - before;
		sum += us;
		slow += us > 10000;
		slowest = us > slowest ? us : slowest;
	}
	print_message("# %d events, 10 a batch, onto a million: %lld us each, the slowest %lld us, "
		      "%u took more than 10 ms\n",
		      N_MEASURED, (long long)(sum / N_MEASURED), (long long)slowest, slow);
}

/* What this process has worked: whoever else uses the machine is left out of account. */
static int64_t worked_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The median of some questions that give @rows each; @ask makes the n-th one. */
static int64_t median(struct sink_store *store, struct history_filter (*ask)(int n), size_t rows)
{
	int64_t times[QUESTIONS];
	json_t *answer;
	bool cut;

	for (int i = 0; i < QUESTIONS; i++) {
		times[i] = worked_us();
		answer = rows_of(store, ask(i), &cut);
		times[i] = worked_us() - times[i];
		if (json_array_size(answer) < rows)
			print_error("%zu rows\n", json_array_size(answer));
		/* a division's rest, and the gap between the two that had the store open */
		assert_in_range(json_array_size(answer), rows, rows + 2);
		json_decref(answer);
	}
	qsort(times, QUESTIONS, sizeof(*times), by_value);
	return times[QUESTIONS / 2];
}

static struct history_filter ask_irq(int n)
{
	return (struct history_filter){ .has_irq = true, .irq = (uint32_t)n * 47 };
}

static struct history_filter ask_device(int n)
{
	static char device[32];

	device_of((uint32_t)n * 47, device, sizeof(device));
	return (struct history_filter){ .device = device };
}

static struct history_filter ask_newest(int n)
{
	(void)n;
	return (struct history_filter){ .type = "message-change", .limit = 100 };
}

static struct history_filter ask_nothing(int n)
{
	(void)n;
	return (struct history_filter){ .type = "gap" };
}

static void test_million(void **state)
{
	static const struct {
		const char *what;
		struct history_filter (*ask)(int n);
		size_t rows;
	} questions[] = {
		{ "by interrupt", ask_irq, N_ROWS / N_IRQS },
		{ "by device", ask_device, N_ROWS / N_IRQS },
		{ "the newest of a type", ask_newest, 100 },
		{ "of a type that there is not", ask_nothing, 0 },
	};
	struct sink_store_settings settings = store_settings(*state);
	int64_t us, before;
	struct sink_store *store;

	settings.max_size = 1 << 30;
	store = store_new(&settings);
	fill(store);
	sink_store_free(store);
	store = store_new(&settings);
	print_message("# %llu MiB\n", (unsigned long long)size_of(*state) >> 20);
	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
		us = median(store, questions[i].ask, questions[i].rows);
		print_message("# %s, %zu rows: %lld us\n", questions[i].what, questions[i].rows,
			      (long long)us);
		assert_in_range(us, 0, QUESTION_USEC);
	}
	measure(store);
	assert_int_equal(sink_store_counters(store)->dropped, 0);
	assert_int_equal(sink_store_counters(store)->removed, 0);
	sink_store_free(store);
	/* made smaller, in small steps */
	settings.max_size = 256 << 20;
	store = store_new(&settings);
	spare_disk(store);
	for (int i = 0; i < 5000 && (!i || store->untidy); i++) {
		before = store_monotonic_us();
		sink_store_batch_end(store);
		before = store_monotonic_us() - before;
		if (!i || before > us)
			us = before;
	}
	assert_false(store->untidy);
	print_message("# the slowest step of making it smaller took %lld us\n", (long long)us);
	assert_in_range(count(store, .has_irq = true, .irq = 97), 200, N_ROWS / N_IRQS);
	sink_store_free(store);
	print_message("# %llu MiB\n", (unsigned long long)size_of(*state) >> 20);
	assert_in_range(size_of(*state), 128 << 20, settings.max_size);
	assert_string_equal(said, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_million, store_setup, directory_teardown),
	};

	unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
