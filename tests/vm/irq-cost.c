// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an interrupt costs, and what drivers and administrators do to one, in instructions:
 *   irq-cost ROUNDS DEVICE IRQ OTHER
 * where DEVICE is of the fixture cxlirq_msi, and IRQ and OTHER are its first two interrupts. Prints lines
 * "CALL INSTRUCTIONS", the least of so many rounds. To be run in a machine with one processor, whose
 * time stamp counter counts instructions (see file-cost.c).
 *
 * An interrupt is what ringing for it takes, less what a command takes that rings for nothing: from the
 * interrupted instruction through the kernel's entry, flow handler and the driver's handler, and back.
 * All else is the system call that makes it happen.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#define CONTROL "/sys/kernel/debug/cxlirq_msi/control"
#define NO_IRQ 1000000

enum call { NOTHING, INTERRUPT, AFFINITY, MESSAGE, FREE, REQUEST, ADD, REMOVE, CALLS };
static const char *const names[CALLS] = {
	[INTERRUPT] = "interrupt",  [AFFINITY] = "affinity-write", [MESSAGE] = "message-change",
	[FREE] = "free_irq",	    [REQUEST] = "request_irq",	   [ADD] = "device-probe",
	[REMOVE] = "device-remove",
};

static uint64_t least[CALLS];

static int open_for_writing(const char *path)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static void measure(enum call call, int fd, const char *text)
{
	size_t size = strlen(text);
	uint64_t begin = __rdtsc(), cost;
	ssize_t r = write(fd, text, size);

	cost = __rdtsc() - begin;
	if ((call == NOTHING) != (r < 0)) {
		perror(text);
		exit(1);
	}
	if (!least[call] || cost < least[call])
		least[call] = cost;
}

int main(int argc, char *argv[])
{
	char path[64], nothing[64], ring[64], change[2][64], release[64], request[64];
	int rounds = argc == 5 ? atoi(argv[1]) : 0, control, affinity;
	unsigned int irq;

	if (rounds <= 0)
		return 2;
	irq = (unsigned int)atoi(argv[3]);
	snprintf(path, sizeof(path), "/proc/irq/%u/smp_affinity_list", irq);
	snprintf(nothing, sizeof(nothing), "ring %u", NO_IRQ);
	snprintf(ring, sizeof(ring), "ring %7u", irq);
	for (int i = 0; i < 2; i++)
		snprintf(change[i], sizeof(change[i]), "change %s 0xfeed0000 %u", argv[4],
			 0x1000 + i);
	snprintf(release, sizeof(release), "free %s 1", argv[2]);
	snprintf(request, sizeof(request), "request %s 1", argv[2]);
	control = open_for_writing(CONTROL);
	affinity = open_for_writing(path);
	for (int i = 0; i < rounds; i++) {
		measure(NOTHING, control, nothing);
		measure(INTERRUPT, control, ring);
		measure(AFFINITY, affinity, "0");
		measure(FREE, control, release);
		measure(REQUEST, control, request);
		measure(ADD, control, "add passing 1");
		measure(REMOVE, control, "del passing");
		measure(MESSAGE, control, change[i % 2]);
	}
	least[INTERRUPT] -= least[NOTHING];
	for (enum call call = INTERRUPT; call < CALLS; call++)
		printf("%s %llu\n", names[call], (unsigned long long)least[call]);
	return 0;
}
