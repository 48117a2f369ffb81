// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * top: looks at the daemon again and again, and shows it on a whole screen or, for those who have
 * none, as plain snapshots. The daemon may go and come back in between.
 *
 * Everything that can happen (a key, a signal, an answer that is late) is waited for in one place,
 * so that a key is obeyed and a signal ends it also while the daemon does not answer.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "cxlirqd/json.h"

#include "client.h"
#include "column.h"
#include "stop.h"
#include "top-private.h"
#include "writer.h"

/* A view that shows nothing new for longer than that says why. */
#define ANSWER_TIMEOUT_US (UINT64_C(5000000))
#define RETRY_US 1000000

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- Asking ------------------------------------------------------------------------------------ */

static int ask(const struct top *top, const char *method, json_t *parameters, int interrupt_fd,
	       json_t **ret, char **reterr_text)
{
	struct options options = *top->options;
	json_auto_t *taken = parameters;

	if (!options.timeout_us || options.timeout_us > ANSWER_TIMEOUT_US)
		options.timeout_us = ANSWER_TIMEOUT_US;
	return client_ask_until(&options, method, taken, interrupt_fd, ret, reterr_text);
}

static bool same_daemon(const struct top_sample *sample, const json_t *status)
{
	return sample && json_equal(json_object_get(sample->status, "started_us"),
				    json_object_get(status, "started_us"));
}

static int make_sample(struct top *top, const json_t *status, const json_t *vectors,
		       const json_t *violations)
{
	struct top_answers answers = {
		.status = json_object_get(status, "status"),
		.vectors = json_object_get(vectors, "vectors"),
		.violations = json_object_get(violations, "violations"),
		.counted_us = json_integer_value(json_object_get(vectors, "counted_us")),
	};
	struct top_sample *sample;
	int r;

	if (!json_is_object(answers.status) || !json_is_array(answers.vectors))
		return -EBADMSG;
	if (!json_is_integer(json_object_get(vectors, "counted_us")))
		answers.counted_us = now_us();
	r = top_sample_new(&answers, same_daemon(top->sample, answers.status) ? top->sample : NULL,
			   &sample);
	if (r < 0)
		return r;
	top_sample_free(top->sample);
	top->sample = sample;
	return top_rearrange(top);
}

/*
 * A new sample. -EINTR: @interrupt_fd is readable. Else on failure top->trouble says what is wrong,
 * and the sample stays what it was.
 */
static int look(struct top *top, int interrupt_fd)
{
	json_auto_t *status = NULL, *vectors = NULL, *violations = NULL;
	const struct options *options = top->options;
	char *trouble = NULL;
	int r;

	r = ask(top, "GetStatus", json_object(), interrupt_fd, &status, &trouble);
	if (r >= 0)
		r = ask(top, "ListVectors",
			json_pack("{s:o*}", "device",
				  options->device ? json_text(options->device) : NULL),
			interrupt_fd, &vectors, &trouble);
	if (r >= 0)
		r = ask(top, "ListViolations", json_object(), interrupt_fd, &violations, &trouble);
	if (r >= 0)
		r = make_sample(top, status, vectors, violations);
	if (r == -EINTR) {
		free(trouble);
		return r;
	}
	if (r < 0 && !trouble &&
	    asprintf(&trouble, "%s: %s", options->socket,
		     r == -EBADMSG ? "the daemon's answer makes no sense" : strerror(-r)) < 0)
		trouble = NULL;
	if (r >= 0 && top->trouble)
		top->said = "the daemon is back";
	free(top->trouble);
	top->trouble = trouble;
	return r;
}

int top_rearrange(struct top *top)
{
	const struct top_sample *sample = top->sample;
	bool devices = top->table == &top_by_device;
	const struct top_row **rows;
	size_t n;

	if (!sample)
		return 0;
	n = devices ? sample->n_devices : sample->n_vectors;
	rows = calloc(n + 1, sizeof(struct top_row *));
	if (!rows)
		return -ENOMEM;
	free(top->rows);
	top->rows = rows;
	top->n_rows =
		top_arrange(devices ? sample->devices : sample->vectors, n,
			    &top->table->columns[top->column], top->reverse, top->filter, rows);
	for (size_t i = 0; top->followed && i < top->n_rows; i++)
		if (strcmp(rows[i]->key, top->followed) == 0)
			top->selected = i;
	if (top->selected >= top->n_rows)
		top->selected = top->n_rows > 0 ? top->n_rows - 1 : 0;
	return 0;
}

static void top_done(struct top *top)
{
	top_sample_free(top->sample);
	free(top->trouble);
	free(top->rows);
	free(top->followed);
}

/* ---- Plain snapshots --------------------------------------------------------------------------- */

static char *text_rate(const json_t *value, const char *member)
{
	char *text;

	(void)member;
	if (!json_is_number(value))
		return NULL;
	return asprintf(&text, "%.1f", json_number_value(value)) < 0 ? NULL : text;
}

static char *text_whose(const json_t *row, const char *member)
{
	const char *device = json_string_value(json_object_get(row, "device"));
	const char *action = json_string_value(json_object_get(row, "action"));
	char *text;

	(void)member;
	if (device)
		return strdup(device);
	return asprintf(&text, action ? "[%s]" : "(nobody)", action) < 0 ? NULL : text;
}

static const struct column batch_columns[] = {
	{ .name = "DEVICE", .text = text_whose, .flags = COLUMN_DEFAULT },
	{ .name = "PROVIDER", .key = "provider", .flags = COLUMN_DEFAULT },
	{ .name = "DRIVER", .key = "driver", .flags = COLUMN_DEFAULT },
	{ .name = "RELATION", .key = "relation", .flags = COLUMN_DEFAULT },
	{ .name = "VECT", .key = "vectors", .flags = COLUMN_DEFAULT | COLUMN_RIGHT },
	{ .name = "IRQ/S",
	  .key = "interrupts_per_second",
	  .text = text_rate,
	  .flags = COLUMN_DEFAULT | COLUMN_RIGHT },
	{ .name = "MSG", .key = "message_changes", .flags = COLUMN_DEFAULT | COLUMN_RIGHT },
	{ .name = "AFF", .key = "affinity_changes", .flags = COLUMN_DEFAULT | COLUMN_RIGHT },
	{ .name = "VIOL", .key = "violations", .flags = COLUMN_DEFAULT | COLUMN_RIGHT },
	{}
};

static int no_memory(void)
{
	warnx("%s", strerror(ENOMEM));
	return -ENOMEM;
}

static int print_plain(const struct top *top, const json_t *snapshot)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	json_auto_t *rows = json_array();
	_cleanup_free_ char *when = text_time(json_object_get(snapshot, "time_us"), NULL);
	_cleanup_free_ char *rate =
		text_rate(json_object_get(snapshot, "interrupts_per_second"), NULL);
	int r;

	printf("cxlirqctl top - %s  %s\nviolations open %lld  records lost %lld  interrupts/s "
	       "%s\n\n",
	       when ?: "-", json_string_value(json_object_get(snapshot, "health")) ?: "-",
	       (long long)top->sample->violations, (long long)top->sample->lost, rate ?: "-");
	for (size_t i = 0; i < top->n_rows; i++)
		json_add(&rows, top_row_to_json(top->rows[i]));
	if (!rows)
		return no_memory();
	r = writer_new(batch_columns, top->options, &writer);
	if (r == 0)
		r = writer_list(writer, rows, NULL, NULL);
	putchar('\n');
	return r;
}

static int print_snapshot(const struct top *top, int64_t elapsed_us)
{
	json_auto_t *snapshot = top_sample_to_json(top->sample, elapsed_us);
	int r = 0;

	if (!snapshot)
		return no_memory();
	if (!top->options->json)
		r = print_plain(top, snapshot);
	else if (json_dumpf(snapshot, stdout, JSON_COMPACT) < 0 && !ferror(stdout))
		r = no_memory();
	else
		putchar('\n');
	writer_flush();
	return ferror(stdout) ? -EIO : r;
}

/* Whether a signal came before the time had passed. */
static bool wait_or_stop(int stop, uint64_t us)
{
	struct pollfd wanted = { .fd = stop, .events = POLLIN };
	struct timespec time = { .tv_sec = (time_t)(us / 1000000),
				 .tv_nsec = (long)(us % 1000000) * 1000 };

	return ppoll(&wanted, 1, &time, NULL) > 0;
}

/* As long as the daemon is away, that is told once. */
static int look_again(struct top *top, int stop)
{
	bool told = false;
	int r;

	while ((r = look(top, stop)) < 0 && r != -EINTR) {
		if (!told)
			warnx("%s; trying again", top->trouble ?: strerror(-r));
		told = true;
		if (wait_or_stop(stop, RETRY_US))
			return -EINTR;
	}
	if (told && r >= 0)
		warnx("%s", top->said);
	return r;
}

static int run_plain(struct top *top)
{
	_cleanup_close_ int stop = stop_fd(0);
	int64_t left = top->options->times, before;
	int r = 0;

	if (stop < 0) {
		r = -errno;
		warnx("cannot wait for signals: %s", strerror(-r));
		return r;
	}
	while (left != 0 && r >= 0) {
		before = top->sample->counted_us;
		if (wait_or_stop(stop, top->delay_us))
			return 0;
		r = look_again(top, stop);
		if (r >= 0)
			r = print_snapshot(top, top->sample->counted_us - before);
		left -= left > 0;
	}
	return r == -EINTR ? 0 : r;
}

/* ---- The screen -------------------------------------------------------------------------------- */

static int open_signals(void)
{
	static const int wanted[] = {
		SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT
	};
	sigset_t signals;

	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		sigaddset(&signals, wanted[i]);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void take_signals(struct top *top, int signals)
{
	struct signalfd_siginfo signal;

	while (read(signals, &signal, sizeof(signal)) == sizeof(signal))
		switch (signal.ssi_signo) {
		case SIGWINCH:
		case SIGCONT: top_screen_renew(); break;
		case SIGTSTP: top_screen_suspend(); break;
		default: top->quit = true;
		}
}

/* A descriptor that is readable when any of them is, for one to wait for. */
static int watch(int signals, int keys)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, signals, &event) < 0 ||
	    epoll_ctl(fd, EPOLL_CTL_ADD, keys, &event) < 0) {
		closep(&fd);
		return -EIO;
	}
	return fd;
}

/* Waits for anything that happens, but not beyond @until. False: nothing did. */
static bool wait_until(int events, int64_t until_us)
{
	int64_t left_us = until_us - now_us();
	struct pollfd wanted = { .fd = events, .events = POLLIN };
	struct timespec time = { .tv_sec = (time_t)(left_us / 1000000),
				 .tv_nsec = (long)(left_us % 1000000) * 1000 };

	return left_us > 0 && ppoll(&wanted, 1, &time, NULL) > 0;
}

static int64_t next_look(const struct top *top)
{
	int64_t delay = (int64_t)top->delay_us;

	if (top->paused)
		return INT64_MAX / 2;
	return now_us() + (top->trouble && delay > RETRY_US ? RETRY_US : delay);
}

static void take_events(struct top *top, int signals)
{
	struct pollfd keys = { .fd = STDIN_FILENO, .events = POLLIN };

	take_signals(top, signals);
	top_keys(top);
	/* a terminal that is gone is readable for ever, and has no keys */
	if (poll(&keys, 1, 0) > 0 && (keys.revents & (POLLHUP | POLLERR)))
		top->quit = true;
}

static int run_screen(struct top *top)
{
	_cleanup_close_ int signals = open_signals();
	_cleanup_close_ int events = watch(signals, STDIN_FILENO);
	int64_t left = top->options->times, next = next_look(top);
	bool was_paused;
	uint64_t delay;
	int r;

	if (signals < 0 || events < 0)
		return -EIO;
	r = top_screen_open(top->options->color);
	if (r < 0) {
		warnx("top: the terminal \"%s\" is not one that can be drawn on; --batch needs "
		      "none",
		      getenv("TERM") ?: "");
		return r;
	}
	while (!top->quit) {
		top_screen_draw(top);
		was_paused = top->paused;
		delay = top->delay_us;
		if (wait_until(events, next)) {
			take_events(top, signals);
			if (top->paused != was_paused || top->delay_us != delay)
				next = top->paused ? next_look(top) : now_us();
			continue;
		}
		r = look(top, events);
		if (r == -EINTR) {
			take_events(top, signals);
			continue;
		}
		next = next_look(top);
		if (r >= 0 && left > 0 && --left == 0)
			break;
	}
	top_screen_close();
	return 0;
}

enum exit_code verb_top(const struct options *options, const char *argument)
{
	_cleanup_(top_done) struct top top = {
		.options = options,
		.table = &top_by_device,
		.column = top_by_device.usual,
		.delay_us = options->interval_us ?: TOP_DELAY_US,
	};
	int r;

	(void)argument;
	if (top.delay_us < TOP_DELAY_MIN_US) {
		warnx("top: --interval is 0.1 at least");
		return EXIT_USAGE;
	}
	if (options->times == 0) {
		warnx("top: --times is 1 at least");
		return EXIT_USAGE;
	}
	/* who is not there at all is no reason to clear a screen */
	r = look(&top, -EBADF);
	if (r < 0) {
		warnx("%s", top.trouble ?: strerror(-r));
		return EXIT_FAILED;
	}
	if (options->batch || options->json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		r = run_plain(&top);
	else
		r = run_screen(&top);
	return exit_code_of(r);
}
