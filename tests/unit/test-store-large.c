// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A million events: the file stays within its limit, a question finds its few rows at once, and no
 * call keeps the daemon for long.
 */
#include "store-fixture.h"

#define N_ROWS 1000000
#define N_IRQS 2048
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

static void fill(struct sink_store *store)
{
	int64_t times[5] = {}, start = store_time_us() - N_ROWS, before;
	char device[32];

	for (int i = 0; i < N_ROWS; i++) {
		uint32_t irq = (uint32_t)(i * 7919LL % N_IRQS);

		device_of(irq, device, sizeof(device));
		before = store_monotonic_us();
		publish_at(store, start + i, i % 16 ? "affinity-change" : "message-change", irq,
			   device);
		if (i % 100 == 99)
			sink_store_batch_end(store);
		before = store_monotonic_us() - before;
		if (before > times[0])
			times[0] = before;
		times[1] += before > 10000;
		times[2] += before > 100000;
		times[3] += before;
	}
	print_message("# %d events in %lld ms; the slowest call took %lld us, %lld calls more than "
		      "10 ms, %lld more than 100 ms\n",
		      N_ROWS, (long long)times[3] / 1000, (long long)times[0], (long long)times[1],
		      (long long)times[2]);
}

/* The median of some questions that give @rows each; @ask makes the n-th one. */
static int64_t median(struct sink_store *store, struct history_filter (*ask)(int n), size_t rows)
{
	int64_t times[QUESTIONS];
	json_t *answer;
	bool cut;

	for (int i = 0; i < QUESTIONS; i++) {
		times[i] = store_monotonic_us();
		answer = rows_of(store, ask(i), &cut);
		times[i] = store_monotonic_us() - times[i];
		if (json_array_size(answer) < rows)
			print_error("%zu rows\n", json_array_size(answer));
		assert_in_range(json_array_size(answer), rows, rows + 1);
		json_decref(answer);
	}
	qsort(times, QUESTIONS, sizeof(*times), by_value);
	return times[QUESTIONS / 2];
}

static struct history_filter ask_irq(int n)
{
	return (struct history_filter){ .has_irq = true, .irq = (uint32_t)n * 97 };
}

static struct history_filter ask_device(int n)
{
	static char device[32];

	device_of((uint32_t)n * 97, device, sizeof(device));
	return (struct history_filter){ .device = device };
}

static struct history_filter ask_both(int n)
{
	struct history_filter filter = ask_device(n);

	filter.has_irq = true;
	filter.irq = (uint32_t)n * 97;
	filter.type = "affinity-change";
	return filter;
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

	(void)ask_both;
	settings.max_size = 1 << 30;
	store = store_new(&settings);
	fill(store);
	assert_int_equal(sink_store_counters(store)->dropped, 0);
	assert_int_equal(sink_store_counters(store)->removed, 0);
	print_message("# %llu MiB\n", (unsigned long long)size_of(*state) >> 20);
	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
		us = median(store, questions[i].ask, questions[i].rows);
		print_message("# %s, %zu rows: %lld us\n", questions[i].what, questions[i].rows,
			      (long long)us);
		assert_in_range(us, 0, QUESTION_USEC);
	}
	sink_store_free(store);
	/* made smaller, in small steps */
	settings.max_size = 128 << 20;
	store = store_new(&settings);
	for (int i = 0; i < 3000 && (!i || store->untidy); i++) {
		before = store_monotonic_us();
		sink_store_batch_end(store);
		before = store_monotonic_us() - before;
		if (!i || before > us)
			us = before;
	}
	assert_false(store->untidy);
	print_message("# the slowest step of making it smaller took %lld us\n", (long long)us);
	assert_in_range(count(store, .has_irq = true, .irq = 97), 50, N_ROWS / N_IRQS);
	sink_store_free(store);
	print_message("# %llu MiB\n", (unsigned long long)size_of(*state) >> 20);
	assert_in_range(size_of(*state), 64 << 20, settings.max_size);
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
