// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From what happens to a message to the journal's entry about it:
 *   violation-latency WAY DEVICE FIRST COUNT RATE [IRQ]...
 * is the journal. It has another message written for vectors FIRST, FIRST + 1 ... of DEVICE, of the fixture
 * cxlirq_msi, though their controller has promised that none changes, and waits each time until the
 * violation is told. WAY: "affinity" is written, and the controller's messages follow it, or the "message"
 * is, by a driver and by itself. RATE: so often a second, meanwhile, a process changes the affinities of
 * IRQ... Prints "P50 P99 MOST", nanoseconds from before the write to after the entry, and how many
 * changes of affinity a second there were.
 *
 * Machines of the test bed have no timers finer than a tick: changes come in bursts, one a tick.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define DIRECTORY "/run/systemd/journal"
#define FIXTURE "/sys/kernel/debug/cxlirq_msi/"
#define COUNT_MAX 2000
#define IRQS_MAX 8192
#define OTHERS_MAX 64
#define TICK_NS 4000000ULL
#define PATIENCE_MS 30000

static unsigned long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void sleep_until(unsigned long long ns)
{
	struct timespec t = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Interrupts by their index */
static unsigned int read_irqs(const char *device, unsigned int *irqs)
{
	FILE *file = fopen(FIXTURE "vectors", "r");
	unsigned int irq, index, n = 0;
	char line[256], name[64];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%u %63s %u", &irq, name, &index) == 3 && !strcmp(name, device) &&
		    index < IRQS_MAX) {
			irqs[index] = irq;
			n++;
		}
	}
	if (file)
		fclose(file);
	return n;
}

static int journal(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = DIRECTORY "/socket" };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), size = 4 << 20;

	mkdir("/run/systemd", 0755);
	mkdir(DIRECTORY, 0755);
	unlink(address.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die(address.sun_path);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

/* Until the violation of @irq is told; 0: it is not */
static int wait_for_entry(int fd, unsigned int irq)
{
	struct pollfd journal = { .fd = fd, .events = POLLIN };
	static char entry[65536];
	char field[32];
	ssize_t n;

	snprintf(field, sizeof(field), "\nCXLIRQ_IRQ=%u\n", irq);
	while (poll(&journal, 1, PATIENCE_MS) > 0) {
		n = recv(fd, entry, sizeof(entry) - 1, 0);
		if (n < 0)
			return 0;
		entry[n] = '\0';
		if (strstr(entry, "immutable-message-changed") && strstr(entry, field))
			return 1;
	}
	return 0;
}

static void disturb(const unsigned int *irqs, unsigned int n, unsigned int rate,
		    volatile unsigned long long *done)
{
	unsigned long long next = now_ns();
	unsigned int burst = (unsigned int)(rate * TICK_NS / 1000000000), at = 0;
	int files[OTHERS_MAX];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned int i = 0; i < n; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/irq/%u/smp_affinity_list", irqs[i]);
		files[i] = open(path, O_WRONLY);
		if (files[i] < 0)
			die(path);
	}
	for (;;) {
		for (unsigned int i = 0; i < burst; i++, at++) {
			if (write(files[at % n], at / n % 2 ? "1" : "0", 1) < 0)
				die("affinity");
			++*done;
		}
		next += TICK_NS;
		sleep_until(next);
	}
}

static int by_value(const void *a, const void *b)
{
	unsigned long long x = *(const unsigned long long *)a, y = *(const unsigned long long *)b;

	return (x > y) - (x < y);
}

/* Another message for @irq; the file that is to be written for it, and what */
static int open_way(const char *way, unsigned int irq, char text[64])
{
	char path[64] = FIXTURE "control";

	if (!strcmp(way, "affinity")) {
		snprintf(path, sizeof(path), "/proc/irq/%u/smp_affinity_list", irq);
		snprintf(text, 64, "1");
	} else {
		snprintf(text, 64, "change %u 0xfeed0000 0x7777", irq);
	}
	return open(path, O_WRONLY);
}

static void measure(int fd, const char *way, const unsigned int *irqs, unsigned int count,
		    unsigned long long *took)
{
	for (unsigned int i = 0; i < count; i++) {
		unsigned long long begin;
		char text[64];
		int file = open_way(way, irqs[i], text);

		/* the daemon is at rest again, and it is not always the same part of a tick */
		sleep_until(now_ns() + 3 * TICK_NS);
		for (begin = now_ns() + i % 40 * (TICK_NS / 40); now_ns() < begin;)
			;
		begin = now_ns();
		if (write(file, text, strlen(text)) < 0)
			die(text);
		if (!wait_for_entry(fd, irqs[i])) {
			fprintf(stderr, "no entry about interrupt %u\n", irqs[i]);
			exit(1);
		}
		took[i] = now_ns() - begin;
		close(file);
	}
}

int main(int argc, char *argv[])
{
	static unsigned int irqs[IRQS_MAX], others[OTHERS_MAX];
	static unsigned long long took[COUNT_MAX];
	volatile unsigned long long *done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE,
						 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int first, count, rate, n;
	unsigned long long begin;
	pid_t pid = 0;
	int fd;

	if (argc < 6 || argc - 6 > OTHERS_MAX || done == MAP_FAILED)
		return 2;
	first = (unsigned int)atoi(argv[3]);
	count = (unsigned int)atoi(argv[4]);
	rate = (unsigned int)atoi(argv[5]);
	for (n = 0; argv[6 + n]; n++)
		others[n] = (unsigned int)atoi(argv[6 + n]);
	if ((rate && !n) || !count || count > COUNT_MAX || read_irqs(argv[2], irqs) < first + count)
		return 2;
	fd = journal();
	begin = now_ns();
	if (rate) {
		pid = fork();
		if (!pid)
			disturb(others, n, rate, done);
	}
	measure(fd, argv[1], irqs + first, count, took);
	begin = now_ns() - begin;
	if (pid)
		kill(pid, SIGKILL);
	qsort(took, count, sizeof(*took), by_value);
	printf("%llu %llu %llu %llu\n", took[count / 2], took[count * 99 / 100], took[count - 1],
	       *done * 1000000000ULL / begin);
	return 0;
}
