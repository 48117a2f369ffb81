// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes affinities in every way there is, from eight processes at once, each with a log of what it did
 * and what became of it:
 *   guard-fuzz write COUNT PAUSE_US SEED LOGS PROC... -- IRQ...
 * COUNT writes of each process, to the files of IRQs below each PROC (mounts of procfs, or of its irq
 * directory's parent), or to descriptors that were opened at the start. When these are open it says
 * "ready", and waits for a line. Process N goes by the name fuzz-N; the last one is not root's, and has
 * the descriptors that it inherited, no more. LOGS/N has a line "PID UID", then lines
 *   TIME_US IRQ WAY CALL VALUE ERRNO
 * with IRQ -1 for the default mask.
 *
 *   guard-fuzz until FILE VALUE PID
 * kills PID, and writes until that is allowed: prints how many microseconds it took, and how many tries.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 8
#define USER 1000 /* of the last one */
#define IRQS_MAX 256
#define PLACES_MAX 8
#define DEFAULT_SHARE 16 /* one write in so many is to the default mask */
#define UNTIL_US 10000000

static const char *const masks[] = { "1", "2", "3" };
static const char *const lists[] = { "0", "1", "0-1" };

static struct {
	unsigned int count, pause_us, seed;
	const char *logs;
	char **places;
	unsigned int n_places;
	int irqs[IRQS_MAX];
	unsigned int n_irqs;
	int masks[IRQS_MAX + 1], lists[IRQS_MAX + 1]; /* inherited; the last mask is the default */
} fuzz;

static unsigned long long now_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

static unsigned int random_below(unsigned int n)
{
	fuzz.seed = fuzz.seed * 1103515245 + 12345;
	return (fuzz.seed >> 8 & 0xffff) % n;
}

/* ---- calls, each with the errno that it gives ---- */

static int call_write(int fd, const char *value)
{
	return write(fd, value, strlen(value)) < 0 ? errno : 0;
}

static int call_pwrite(int fd, const char *value)
{
	return pwrite(fd, value, strlen(value), 0) < 0 ? errno : 0;
}

static int call_writev(int fd, const char *value)
{
	struct iovec part = { .iov_base = (char *)value, .iov_len = strlen(value) };

	return writev(fd, &part, 1) < 0 ? errno : 0;
}

/* at the position that the file has */
static int call_pwritev2(int fd, const char *value)
{
	struct iovec part = { .iov_base = (char *)value, .iov_len = strlen(value) };

	return pwritev2(fd, &part, 1, -1, 0) < 0 ? errno : 0;
}

static int call_splice(int fd, const char *value)
{
	int ends[2], r;

	if (pipe(ends) < 0 || write(ends[1], value, strlen(value)) < 0)
		return errno;
	r = splice(ends[0], NULL, fd, NULL, strlen(value), 0) < 0 ? errno : 0;
	close(ends[0]);
	close(ends[1]);
	return r;
}

static const struct {
	const char *name;
	int (*call)(int fd, const char *value);
} calls[] = {
	{ "write", call_write },       { "pwrite", call_pwrite }, { "writev", call_writev },
	{ "pwritev2", call_pwritev2 }, { "splice", call_splice },
};
#define CALLS (sizeof(calls) / sizeof(*calls))

/* ---- one process ---- */

/* @irq: a number in the table, n_irqs for the default mask */
static int open_file(const char *place, unsigned int irq, int list)
{
	char path[256];

	if (irq == fuzz.n_irqs)
		snprintf(path, sizeof(path), "%s/irq/default_smp_affinity", place);
	else
		snprintf(path, sizeof(path), "%s/irq/%d/smp_affinity%s", place, fuzz.irqs[irq],
			 list ? "_list" : "");
	return open(path, O_WRONLY);
}

static void write_once(FILE *log, int own_files)
{
	unsigned int irq = random_below(DEFAULT_SHARE) ? random_below(fuzz.n_irqs) : fuzz.n_irqs;
	unsigned int place = own_files ? random_below(fuzz.n_places + 1) : fuzz.n_places;
	int list = irq < fuzz.n_irqs && random_below(2), inherited = place == fuzz.n_places, fd, r;
	const char *value = (list ? lists : masks)[random_below(3)];
	unsigned int call = random_below(CALLS);
	unsigned long long before = now_us(CLOCK_REALTIME);

	fd = inherited ? (list ? fuzz.lists : fuzz.masks)[irq] :
			 open_file(fuzz.places[place], irq, list);
	r = fd < 0 ? errno : calls[call].call(fd, value);
	fprintf(log, "%llu %d %s %s %s %d\n", before, irq < fuzz.n_irqs ? fuzz.irqs[irq] : -1,
		inherited ? "inherited" : fuzz.places[place], fd < 0 ? "open" : calls[call].name,
		value, r);
	if (!inherited && fd >= 0)
		close(fd);
	usleep(fuzz.pause_us);
}

static int run(unsigned int number)
{
	char path[256], name[16];
	FILE *log;

	snprintf(path, sizeof(path), "%s/%u", fuzz.logs, number);
	log = fopen(path, "w");
	snprintf(name, sizeof(name), "fuzz-%u", number);
	if (!log || prctl(PR_SET_NAME, name) < 0)
		return 1;
	if (number == PROCESSES - 1 && setuid(USER) < 0)
		return 1;
	fprintf(log, "%d %d\n", getpid(), getuid());
	fuzz.seed += number;
	for (unsigned int i = 0; i < fuzz.count; i++)
		write_once(log, number != PROCESSES - 1);
	return fclose(log) ? 1 : 0;
}

/* ---- all of them ---- */

static int parse(int argc, char *argv[])
{
	int i = 6;

	if (argc < 9)
		return -1;
	fuzz.count = (unsigned int)atoi(argv[2]);
	fuzz.pause_us = (unsigned int)atoi(argv[3]);
	fuzz.seed = (unsigned int)atoi(argv[4]);
	fuzz.logs = argv[5];
	fuzz.places = argv + i;
	while (i < argc && strcmp(argv[i], "--") != 0)
		i++;
	fuzz.n_places = (unsigned int)(i - 6);
	for (i++; i < argc && fuzz.n_irqs < IRQS_MAX; i++)
		fuzz.irqs[fuzz.n_irqs++] = atoi(argv[i]);
	return fuzz.n_places && fuzz.n_places <= PLACES_MAX && fuzz.n_irqs && i == argc ? 0 : -1;
}

static int fuzz_all(void)
{
	struct rlimit files = { .rlim_cur = 1024, .rlim_max = 1024 };
	int status, failed = 0;

	setrlimit(RLIMIT_NOFILE, &files);
	for (unsigned int i = 0; i <= fuzz.n_irqs; i++) {
		fuzz.masks[i] = open_file(fuzz.places[0], i, 0);
		fuzz.lists[i] = i < fuzz.n_irqs ? open_file(fuzz.places[0], i, 1) : -1;
		if (fuzz.masks[i] < 0 || (i < fuzz.n_irqs && fuzz.lists[i] < 0)) {
			perror("guard-fuzz: open");
			return 1;
		}
	}
	puts("ready");
	fflush(stdout);
	if (getchar() < 0)
		return 1;
	for (unsigned int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		if (pid == 0)
			exit(run(i));
		failed |= pid < 0;
	}
	while (wait(&status) > 0)
		failed |= status;
	return failed ? 1 : 0;
}

static int until(const char *path, const char *value, pid_t pid)
{
	unsigned long long begin, took;
	int fd = open(path, O_WRONLY), r;
	unsigned int tries = 0;

	if (fd < 0 || !call_write(fd, value)) {
		fprintf(stderr, "guard-fuzz: %s: cannot be opened, or is not protected\n", path);
		return 1;
	}
	if (kill(pid, SIGKILL) < 0)
		return 1;
	begin = now_us(CLOCK_MONOTONIC);
	do {
		usleep(100);
		r = call_write(fd, value);
		took = now_us(CLOCK_MONOTONIC) - begin;
		tries++;
	} while (r == EPERM && took < UNTIL_US);
	printf("%llu %u %d\n", took, tries, r);
	return r ? 1 : 0;
}

int main(int argc, char *argv[])
{
	if (argc == 5 && !strcmp(argv[1], "until"))
		return until(argv[2], argv[3], atoi(argv[4]));
	if (argc > 1 && !strcmp(argv[1], "write") && parse(argc, argv) == 0)
		return fuzz_all();
	fprintf(stderr, "usage: guard-fuzz write COUNT PAUSE_US SEED LOGS PROC... -- IRQ...\n"
			"       guard-fuzz until FILE VALUE PID\n");
	return 2;
}
