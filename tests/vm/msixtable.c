// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prints the interrupt messages that PCI functions hold right now, read from
 * the hardware: the MSI-X tables in their BARs, and the MSI registers in
 * their configuration space.
 *
 * A witness for the tests.  The kernel's own account of a message (msi_desc,
 * debugfs, and what cxlirqd makes of them) is what the kernel meant to write;
 * this is what arrived.  So nothing here asks the kernel about interrupts:
 * the capability list is walked by hand and the table is mapped through
 * sysfs.  With IO_STRICT_DEVMEM the kernel has to be booted with
 * iomem=relaxed, for the BARs of bound devices are what matters.
 *
 * One line for each MSI-X entry, all but the index in hexadecimal:
 *   BDF index address_hi:address_lo data mask
 * and one for each function with MSI enabled:
 *   BDF msi address_hi:address_lo data mask
 * where mask is the vector's mask bit (MSI: the mask register, "-" without).
 *
 * A function that cannot be read costs a line on stderr and exit status 1,
 * the others are printed all the same.  Needs root, for the kernel gives
 * others only the first 64 bytes of configuration space.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices"

/* The names of linux/pci_regs.h, which a test program need not depend on. */
#define COMMAND 0x04
#define COMMAND_MEMORY 0x0002
#define STATUS 0x06
#define STATUS_CAPABILITIES 0x0010
#define HEADER_TYPE 0x0e
#define CAPABILITIES 0x34
#define CAPABILITIES_CARDBUS 0x14
#define ID_MSI 0x05
#define ID_MSIX 0x11
#define MSI_ENABLE 0x0001
#define MSI_64BIT 0x0080
#define MSI_MASKABLE 0x0100
#define MSIX_SIZE 0x07ff
#define ENTRY_SIZE 16

struct function {
	const char *bdf;
	uint8_t config[256];
	size_t config_size;
};

static bool failed;

static void complain(const struct function *f, const char *what, const char *why)
{
	fprintf(stderr, "msixtable: %s: %s: %s\n", f->bdf, what, why);
	failed = true;
}

/* Out of what was read: zero, as an absent capability reads. */
static uint16_t config16(const struct function *f, unsigned int at)
{
	if (at + 2 > f->config_size)
		return 0;
	return (uint16_t)(f->config[at] | f->config[at + 1] << 8);
}

static uint32_t config32(const struct function *f, unsigned int at)
{
	return config16(f, at) | (uint32_t)config16(f, at + 2) << 16;
}

static int read_config(struct function *f)
{
	char path[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), DEVICES "/%s/config", f->bdf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = pread(fd, f->config, sizeof(f->config), 0);
	if (n < 0) {
		n = -errno;
		close(fd);
		return (int)n;
	}
	close(fd);
	f->config_size = (size_t)n;
	return 0;
}

/* The list of a broken function may have a loop: no more steps than fit. */
static unsigned int find_capability(const struct function *f, uint8_t id)
{
	uint8_t type = f->config[HEADER_TYPE] & 0x7f;
	unsigned int at;
	int steps = 48;

	if (!(config16(f, STATUS) & STATUS_CAPABILITIES))
		return 0;
	at = config16(f, type == 2 ? CAPABILITIES_CARDBUS : CAPABILITIES) & 0xfc;
	while (at >= 0x40 && steps-- > 0) {
		uint16_t header = config16(f, at);

		if ((header & 0xff) == id)
			return at;
		at = (header >> 8) & 0xfc;
	}
	return 0;
}

static void print_msi(const struct function *f)
{
	unsigned int at = find_capability(f, ID_MSI);
	unsigned int data_at, mask_at;
	uint16_t control;

	if (!at)
		return;
	control = config16(f, at + 2);
	if (!(control & MSI_ENABLE))
		return;
	data_at = at + (control & MSI_64BIT ? 12 : 8);
	mask_at = data_at + 4;
	printf("%s msi %08" PRIx32 ":%08" PRIx32 " %04x ", f->bdf,
	       control & MSI_64BIT ? config32(f, at + 8) : 0, config32(f, at + 4),
	       config16(f, data_at));
	if (control & MSI_MASKABLE)
		printf("%08" PRIx32 "\n", config32(f, mask_at));
	else
		printf("-\n");
}

/*
 * The table may begin anywhere in its page and, with 2,048 entries, cover
 * many.  The registers are read one by one, in their own width, as the
 * specification demands.
 */
static void print_table(const struct function *f, int fd, uint32_t offset, unsigned int entries)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t start = offset & ~(page - 1);
	size_t length = offset - start + (size_t)entries * ENTRY_SIZE;
	const volatile uint32_t *entry;
	void *map;

	map = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, (off_t)start);
	if (map == MAP_FAILED) {
		complain(f, "cannot map the BAR of its MSI-X table (iomem=relaxed?)",
			 strerror(errno));
		return;
	}
	entry = (const volatile uint32_t *)((const char *)map + (offset - start));
	for (unsigned int i = 0; i < entries; i++, entry += ENTRY_SIZE / sizeof(*entry)) {
		uint32_t low = entry[0], high = entry[1], data = entry[2], control = entry[3];

		printf("%s %u %08" PRIx32 ":%08" PRIx32 " %08" PRIx32 " %" PRIx32 "\n", f->bdf, i,
		       high, low, data, control & 1);
	}
	munmap(map, length);
}

static void print_msix(const struct function *f)
{
	unsigned int at = find_capability(f, ID_MSIX);
	unsigned int entries, bar;
	uint32_t table, offset;
	char path[512], what[64];
	struct stat st;
	int fd;

	if (!at)
		return;
	entries = (config16(f, at + 2) & MSIX_SIZE) + 1u;
	table = config32(f, at + 4);
	bar = table & 7;
	offset = table & ~(uint32_t)7;

	if (bar > 5) {
		complain(f, "cannot read its MSI-X table", "it is in a BAR that does not exist");
		return;
	}
	/* Nothing answers behind a BAR that is not decoded, or in low power. */
	if (!(config16(f, COMMAND) & COMMAND_MEMORY)) {
		complain(f, "cannot read its MSI-X table", "memory decoding is off");
		return;
	}
	snprintf(path, sizeof(path), DEVICES "/%s/resource%u", f->bdf, bar);
	snprintf(what, sizeof(what), "cannot read BAR %u with its MSI-X table", bar);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_SYNC);
	if (fd < 0) {
		complain(f, what, strerror(errno));
		return;
	}
	if (fstat(fd, &st) < 0)
		complain(f, what, strerror(errno));
	else if ((uint64_t)st.st_size < (uint64_t)offset + (uint64_t)entries * ENTRY_SIZE)
		complain(f, what, "the table does not fit into it");
	else
		print_table(f, fd, offset, entries);
	close(fd);
}

static int is_function(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(void)
{
	struct dirent **entries;
	int n;

	n = scandir(DEVICES, &entries, is_function, alphasort);
	if (n < 0) {
		fprintf(stderr, "msixtable: %s: %s\n", DEVICES, strerror(errno));
		return 1;
	}
	for (int i = 0; i < n; i++) {
		struct function f = { .bdf = entries[i]->d_name };
		int r = read_config(&f);

		if (r < 0) {
			complain(&f, "cannot read its configuration space", strerror(-r));
		} else if (f.config_size < sizeof(f.config)) {
			complain(&f, "cannot read its capabilities",
				 "only 64 bytes of configuration space are shown (not root?)");
		} else {
			print_msi(&f);
			print_msix(&f);
		}
		free(entries[i]);
	}
	free(entries);
	return failed || fflush(stdout) ? 1 : 0;
}
