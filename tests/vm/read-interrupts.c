// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it takes to read what the kernel says of its interrupts in files:
 *   read-interrupts ROUNDS
 * reads and parses /proc/interrupts, and lists the msi_irqs of each PCI function, and prints the least
 * nanoseconds of so many rounds, the interrupts it found, and the sum of their counts. It does no more
 * than any program has to that reads them: each count becomes a number, nothing is kept.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SIZE (16 << 20)

static unsigned long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static size_t read_all(char *text)
{
	int fd = open("/proc/interrupts", O_RDONLY);
	size_t size = 0;
	ssize_t n;

	while (fd >= 0 && (n = read(fd, text + size, SIZE - size - 1)) > 0)
		size += (size_t)n;
	close(fd);
	text[size] = '\0';
	return size;
}

static unsigned int parse(char *text, unsigned long long *sum)
{
	unsigned int lines = 0;
	char *line = strchr(text, '\n');

	while (line && *++line) {
		char *end = strchr(line, '\n'), *at = strchr(line, ':');

		for (at = at ? at + 1 : end; at && at < end;) {
			char *next;
			unsigned long long count = strtoull(at, &next, 10);

			if (next == at || !isspace((unsigned char)*next))
				break;
			*sum += count;
			at = next;
		}
		lines++;
		line = end;
	}
	return lines;
}

static unsigned int list_msi_irqs(void)
{
	DIR *devices = opendir("/sys/bus/pci/devices");
	struct dirent *device, *irq;
	unsigned int n = 0;
	char path[512];

	while (devices && (device = readdir(devices))) {
		DIR *irqs;

		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/msi_irqs", device->d_name);
		irqs = *device->d_name == '.' ? NULL : opendir(path);
		while (irqs && (irq = readdir(irqs)))
			n += *irq->d_name != '.';
		if (irqs)
			closedir(irqs);
	}
	if (devices)
		closedir(devices);
	return n;
}

int main(int argc, char *argv[])
{
	int rounds = argc == 2 ? atoi(argv[1]) : 0;
	unsigned long long least = 0, sum = 0;
	char *text = malloc(SIZE);
	unsigned int n = 0;

	if (!text || rounds <= 0)
		return 2;
	for (int i = 0; i < rounds; i++) {
		unsigned long long begin = now_ns(), cost;

		sum = 0;
		read_all(text);
		n = parse(text, &sum);
		list_msi_irqs();
		cost = now_ns() - begin;
		if (!i || cost < least)
			least = cost;
	}
	printf("%llu %u %llu\n", least, n, sum);
	return 0;
}
