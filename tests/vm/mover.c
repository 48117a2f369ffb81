// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes one of some values to one of some files, again and again, and keeps a log of what it
 * wrote and when: an origin of changes that knows itself what it did.
 *   mover NAME UID COUNT PAUSE_US SEED LOG VALUE[,VALUE]... FILE...
 * It goes by NAME and UID while it writes. A value is used in the place of its number and, for the
 * log, by the file's number: "BEFORE_US AFTER_US FILE VALUE ERRNO". "_" in a value is a blank.
 * SIGTERM ends it before COUNT, with all that it did in the log.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX 64
#define VALUES_MAX 64

static volatile sig_atomic_t ended;

static void on_end(int signal)
{
	ended = signal;
}

static unsigned long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

static unsigned int random_below(unsigned int *seed, unsigned int n)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 8 & 0xffff) % n;
}

static int split(char *text, char **values)
{
	int n = 0;

	for (char *v = strtok(text, ","); v && n < VALUES_MAX; v = strtok(NULL, ",")) {
		for (char *c = v; *c; c++)
			if (*c == '_')
				*c = ' ';
		values[n++] = v;
	}
	return n;
}

int main(int argc, char *argv[])
{
	int files[FILES_MAX], n_files = argc - 8, n_values;
	char *values[VALUES_MAX];
	unsigned int seed;
	FILE *log;

	if (argc < 9 || n_files > FILES_MAX)
		return 2;
	log = fopen(argv[6], "w");
	if (!log)
		return 1;
	/* who reads it may do so before the end */
	setvbuf(log, NULL, _IOLBF, 0);
	/* the right to write was checked when the file was opened */
	for (int i = 0; i < n_files; i++) {
		files[i] = open(argv[8 + i], O_WRONLY);
		if (files[i] < 0) {
			perror(argv[8 + i]);
			return 1;
		}
	}
	signal(SIGTERM, on_end);
	prctl(PR_SET_NAME, argv[1]);
	if (setuid((uid_t)atoi(argv[2])) < 0)
		return 1;
	seed = (unsigned int)atoi(argv[5]);
	n_values = split(argv[7], values);
	for (int i = 0; i < atoi(argv[3]) && !ended; i++) {
		int file = (int)random_below(&seed, (unsigned int)n_files);
		const char *value =
			values[n_values == 2 ? i % 2 :
					       (int)random_below(&seed, (unsigned int)n_values)];
		unsigned long long before = now_us();
		ssize_t r = write(files[file], value, strlen(value));

		fprintf(log, "%llu %llu %d %s %d\n", before, now_us(), file, value,
			r < 0 ? errno : 0);
		usleep((useconds_t)atoi(argv[4]));
	}
	return fclose(log) ? 1 : 0;
}
