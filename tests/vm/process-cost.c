// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What processes take for nothing:
 *   process-cost SECONDS PID...
 *   process-cost run ROUNDS COMMAND...
 * prints a line "PID WAKEUPS NANOSECONDS RSS_KIB ANONYMOUS_KIB" each: how often its threads gave up the processor to
 * wait for something meanwhile, which is how often they had been woken; the processor's time, as the
 * scheduler has it (no ticks were counted); and its resident memory at the end, in all and what is nobody else's. SECONDS 0: all
 * since it began. The second prints the least nanoseconds of so many runs of a command, from its
 * start to its end; what it prints is thrown away.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIDS_MAX 16

struct cost {
	unsigned long long wakeups, ns, rss_kib, anonymous_kib;
};

static void read_status(const char *path, struct cost *cost)
{
	FILE *file = fopen(path, "r");
	unsigned long long n;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "voluntary_ctxt_switches: %llu", &n) == 1)
			cost->wakeups += n;
		else if (sscanf(line, "VmRSS: %llu", &n) == 1)
			cost->rss_kib = n;
		else if (sscanf(line, "RssAnon: %llu", &n) == 1)
			cost->anonymous_kib = n;
	}
	if (file)
		fclose(file);
}

static struct cost cost_of(pid_t pid)
{
	struct cost cost = { 0, 0, 0, 0 };
	struct timespec t = { 0, 0 };
	struct dirent *task;
	char path[512];
	clockid_t clock;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && (task = readdir(tasks))) {
		if (*task->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid, task->d_name);
		read_status(path, &cost);
	}
	if (tasks)
		closedir(tasks);
	if (clock_getcpuclockid(pid, &clock) == 0)
		clock_gettime(clock, &t);
	cost.ns = t.tv_sec * 1000000000ULL + t.tv_nsec;
	return cost;
}

static unsigned long long ns_of(const struct timeval *t)
{
	return t->tv_sec * 1000000000ULL + t->tv_usec * 1000ULL;
}

static int run(int rounds, char *argv[])
{
	unsigned long long least = 0;

	for (int i = 0; i < rounds; i++) {
		struct rusage usage;
		int status, null;
		unsigned long long cost;
		pid_t pid = fork();

		if (!pid) {
			null = open("/dev/null", O_WRONLY);
			dup2(null, STDOUT_FILENO);
			execvp(argv[0], argv);
			_exit(127);
		}
		if (wait4(pid, &status, 0, &usage) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
			return 1;
		cost = ns_of(&usage.ru_utime) + ns_of(&usage.ru_stime);
		if (!i || cost < least)
			least = cost;
	}
	printf("%llu\n", least);
	return 0;
}

int main(int argc, char *argv[])
{
	struct cost before[PIDS_MAX] = { { 0, 0, 0, 0 } };
	int seconds = argc > 2 ? atoi(argv[1]) : -1, n = argc - 2;

	if (argc > 3 && !strcmp(argv[1], "run"))
		return run(atoi(argv[2]), argv + 3);
	if (seconds < 0 || n > PIDS_MAX)
		return 2;
	for (int i = 0; seconds && i < n; i++)
		before[i] = cost_of(atoi(argv[i + 2]));
	sleep((unsigned int)seconds);
	for (int i = 0; i < n; i++) {
		struct cost after = cost_of(atoi(argv[i + 2]));

		printf("%s %llu %llu %llu %llu\n", argv[i + 2], after.wakeups - before[i].wakeups,
		       after.ns - before[i].ns, after.rss_kib, after.anonymous_kib);
	}
	return 0;
}
