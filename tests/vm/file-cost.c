// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What system calls on files cost, in instructions:
 *   file-cost ROUNDS
 * prints lines "FILE CALL INSTRUCTIONS", the least of so many rounds. To be run in a machine whose
 * time stamp counter counts instructions, which QEMU's does with -icount: the same in each run, whatever
 * the host does meanwhile. The counter's own reads are part of the figure, and of no difference of two.
 *
 * An allocator with its pages just full takes a longer way each time, until somebody keeps something
 * more. So this keeps more and more, from round to round: files, and names of files, which the kernel has
 * only while they are being opened.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <x86intrin.h>

#define KEEP_EVERY 16
#define KEEP_NAME_EVERY 64
#define FIFO "/tmp/file-cost.fifo"

enum call { CALL_OPEN, CALL_READ, CALL_WRITE, CALL_CLOSE, CALLS };
static const char *const names[CALLS] = { "open", "read", "write", "close" };

struct file {
	const char *name, *path; /* path NULL: a pipe, which is not opened */
	int flags, ends[2];
	uint64_t least[CALLS]; /* 0: there is no such call */
};

static void count(struct file *file, enum call call, uint64_t since)
{
	uint64_t cost = __rdtsc() - since;

	if (!file->least[call] || cost < file->least[call])
		file->least[call] = cost;
}

/* an inode, and a page of text that was read */
static void keep(void)
{
	char byte;
	int fd = open("/proc/self/stat", O_RDONLY);

	if (fd >= 0 && read(fd, &byte, 1) != 1)
		exit(1);
}

static char state_of(pid_t process)
{
	char path[32], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)process);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		exit(1);
	fclose(file);
	return state;
}

/* A process that opens what nobody writes to, and sleeps in it: it ends with this one. */
static void keep_name(void)
{
	pid_t child = fork();

	if (child < 0)
		exit(1);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(open(FIFO, O_RDONLY) < 0);
	}
	while (state_of(child) != 'S')
		usleep(1000);
}

static void measure(struct file *file)
{
	int in = file->ends[0], out = file->ends[1];
	char byte = 'x';
	uint64_t begin;

	if (file->path) {
		begin = __rdtsc();
		in = out = open(file->path, file->flags);
		count(file, CALL_OPEN, begin);
	}
	if (file->flags != O_RDONLY) {
		begin = __rdtsc();
		if (write(out, &byte, 1) != 1)
			exit(1);
		count(file, CALL_WRITE, begin);
	}
	if (file->path)
		lseek(in, 0, SEEK_SET);
	begin = __rdtsc();
	if (read(in, &byte, 1) != 1)
		exit(1);
	count(file, CALL_READ, begin);
	if (file->path) {
		begin = __rdtsc();
		close(in);
		count(file, CALL_CLOSE, begin);
	}
}

int main(int argc, char *argv[])
{
	struct file files[] = {
		{ .name = "tmpfs", .path = "/tmp/file-cost", .flags = O_RDWR },
		{ .name = "pipe", .flags = O_RDWR },
		{ .name = "proc", .path = "/proc/self/stat", .flags = O_RDONLY },
		/* a write below /proc that is none of an affinity */
		{ .name = "proc-comm", .path = "/proc/self/comm", .flags = O_RDWR },
	};
#define N_FILES (sizeof(files) / sizeof(*files))
	unsigned int rounds = argc == 2 ? (unsigned int)atoi(argv[1]) : 0;
	int fd = open(files[0].path, O_CREAT | O_RDWR, 0600);

	unlink(FIFO);
	if (!rounds || fd < 0 || write(fd, "x", 1) != 1 || pipe(files[1].ends) < 0 ||
	    mkfifo(FIFO, 0600) < 0)
		return 1;
	signal(SIGCHLD, SIG_IGN);
	for (unsigned int round = 0; round < rounds; round++) {
		for (size_t i = 0; i < N_FILES; i++)
			measure(&files[i]);
		if (round % KEEP_EVERY == 0)
			keep();
		if (round % KEEP_NAME_EVERY == 0)
			keep_name();
	}
	for (size_t i = 0; i < N_FILES; i++)
		for (enum call call = 0; call < CALLS; call++)
			if (files[i].least[call])
				printf("%s %s %llu\n", files[i].name, names[call],
				       (unsigned long long)files[i].least[call]);
	return 0;
}
