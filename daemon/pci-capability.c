// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Follows the two lists of capabilities in config space, as the kernel and lspci do, and from each
 * capability takes what says "I interrupt, with this message". Of capabilities that a function has
 * once, the first one counts, as it does for the kernel.
 *
 * Only registers that are needed are read, one by one: there are chips that hang when one reads
 * where nothing is. libpci's own list of capabilities is not used, for it can neither be had from
 * bytes (tests, the fuzzer) nor tells "nothing there" from "may not be read".
 *
 * What a bad device has in its config space is anybody's guess: each list is left at a place where
 * it has been before, and nothing is read outside.
 */
#include "pci-capability.h"

#include <errno.h>
#include <limits.h>
#include <pci/pci.h>
#include <stdbool.h>
#include <string.h>

#include "pci-access.h"

#define SPACE_SIZE 256U /* of conventional PCI */
#define SPACE_SIZE_EXTENDED 4096U
#define HEADER_SIZE 64U
#define ALL_ONES 0xffffffffU

/* CXL 4.0, 8.1.9: Register Locator DVSEC */
#define DVSEC_CXL_REGISTER_LOCATOR 8U
#define REGISTER_LOCATOR_BLOCK 0xcU
#define REGISTER_BLOCK_MEMORY_DEVICE 3U
#define REGISTER_BLOCK_CPMU 4U

/* Reads the word at @offset, a multiple of four. -ENODATA: that is behind the end. */
typedef int (*word_fn)(void *source, unsigned int offset, uint32_t *ret);

struct walk {
	word_fn read;
	void *source;
	struct pci_features *features;
	bool express;
	unsigned int type; /* of a PCI Express function: PCI_EXP_TYPE_* */
	bool located; /* the first Register Locator was read */
};

/* -ENODATA: the end of extended config space; it is nowhere else. */
static int word(struct walk *w, unsigned int offset, uint32_t *ret)
{
	int r = offset < SPACE_SIZE_EXTENDED ? w->read(w->source, offset, ret) : -ENODATA;

	if (r != -ENODATA || offset >= SPACE_SIZE)
		return r;
	return offset < HEADER_SIZE ? -EIO : -EPERM;
}

static void add(struct walk *w, struct pci_feature feature)
{
	struct pci_features *features = w->features;

	if (features->n == PCI_FEATURES_MAX) {
		features->refused++;
		return;
	}
	for (unsigned int i = 0; i < features->n; i++)
		feature.instance += features->list[i].kind == feature.kind;
	features->list[features->n++] = feature;
}

/* A feature that interrupts by the message of this number, which config space gives */
static void add_message(struct walk *w, enum record_feature_kind kind, unsigned int at,
			unsigned int message)
{
	add(w, (struct pci_feature){ .kind = kind,
				     .offset = at,
				     .message = (int32_t)message,
				     .flags = RECORD_FEATURE_F_INTERRUPT });
}

/* So many messages, for the function's features to use */
static void add_messages(struct walk *w, enum record_feature_kind kind, unsigned int at,
			 unsigned int n)
{
	add(w, (struct pci_feature){ .kind = kind,
				     .offset = at,
				     .message = -1,
				     .flags = RECORD_FEATURE_F_INTERRUPT,
				     .value = n });
}

/* ---- Capabilities ---- */

static int read_msi(struct walk *w, unsigned int at)
{
	uint32_t header;
	int r = word(w, at, &header);

	if (r < 0)
		return r;
	add_messages(w, RECORD_FEATURE_MSI, at, 1U << ((header >> 16 & PCI_MSI_FLAGS_QMASK) >> 1));
	return 0;
}

static int read_msix(struct walk *w, unsigned int at)
{
	uint32_t header;
	int r = word(w, at, &header);

	if (r < 0)
		return r;
	add_messages(w, RECORD_FEATURE_MSIX, at, (header >> 16 & PCI_MSIX_TABSIZE) + 1);
	return 0;
}

/* More than one speed, of those not above the highest: as pcie_get_supported_speeds() has it */
static int read_speeds(struct walk *w, unsigned int at, uint32_t capabilities, bool *ret_several)
{
	unsigned int highest = capabilities & PCI_EXP_LNKCAP_SPEED;
	uint32_t header, speeds = 0;
	int r = word(w, at, &header);

	if (r >= 0 && (header >> 16 & PCI_EXP_FLAGS_VERS) > 1)
		r = word(w, at + PCI_EXP_LNKCAP2, &speeds);
	if (r < 0)
		return r;
	speeds &= 0xfe & ((2U << highest) - 1);
	/* before PCI Express 3.0 there is no list of speeds, and 5 GT/s implies 2.5 */
	*ret_several = speeds ? (speeds & (speeds - 1)) != 0 : highest == 2;
	return 0;
}

/* What get_port_device_capability() of the kernel's port driver looks for in this capability */
static int read_express(struct walk *w, unsigned int at)
{
	uint32_t header, register_value;
	unsigned int flags, message;
	bool several;
	int r = word(w, at, &header);

	if (r < 0)
		return r;
	flags = header >> 16;
	message = (flags & PCI_EXP_FLAGS_IRQ) >> 9;
	w->express = true;
	w->type = (flags & PCI_EXP_FLAGS_TYPE) >> 4;
	if (w->type == PCI_EXP_TYPE_ROOT_PORT || w->type == PCI_EXP_TYPE_ROOT_EC)
		add_message(w, RECORD_FEATURE_PME, at, message);
	if (w->type != PCI_EXP_TYPE_ROOT_PORT && w->type != PCI_EXP_TYPE_DOWNSTREAM)
		return 0;
	if (flags & PCI_EXP_FLAGS_SLOT) {
		r = word(w, at + PCI_EXP_SLTCAP, &register_value);
		if (r < 0)
			return r;
		if (register_value & PCI_EXP_SLTCAP_HPC)
			add_message(w, RECORD_FEATURE_HOTPLUG, at, message);
	}
	r = word(w, at + PCI_EXP_LNKCAP, &register_value);
	if (r < 0 || !(register_value & PCI_EXP_LNKCAP_LBNC))
		return r;
	r = read_speeds(w, at, register_value, &several);
	if (r >= 0 && several)
		add_message(w, RECORD_FEATURE_BWCTRL, at, message);
	return r;
}

/* ---- Extended capabilities ---- */

/* Other functions send their errors to the root port, which interrupts for them. */
static int read_aer(struct walk *w, unsigned int at)
{
	uint32_t status;
	int r;

	if (w->type != PCI_EXP_TYPE_ROOT_PORT && w->type != PCI_EXP_TYPE_ROOT_EC)
		return 0;
	r = word(w, at + PCI_ERR_ROOT_STATUS, &status);
	if (r >= 0)
		add_message(w, RECORD_FEATURE_AER, at, status >> 27);
	return r;
}

static int read_dpc(struct walk *w, unsigned int at)
{
	uint32_t capability;
	int r = word(w, at + PCI_DPC_CAP, &capability);

	if (r >= 0)
		add_message(w, RECORD_FEATURE_DPC, at, PCI_DPC_CAP_INT_MSG(capability));
	return r;
}

static int read_doe(struct walk *w, unsigned int at)
{
	uint32_t capability;
	int r = word(w, at + PCI_DOE_CAP, &capability);

	if (r < 0)
		return r;
	if (capability & PCI_DOE_CAP_INT_SUPP)
		add_message(w, RECORD_FEATURE_DOE, at, PCI_DOE_CAP_INT_MSG(capability));
	else
		add(w, (struct pci_feature){
			       .kind = RECORD_FEATURE_DOE, .offset = at, .message = -1 });
	return 0;
}

/* Which blocks of registers there are, and where; what is in them stands in memory. */
static int read_register_locator(struct walk *w, unsigned int at, unsigned int length)
{
	for (unsigned int block = at + REGISTER_LOCATOR_BLOCK; block + 8 <= at + length;
	     block += 8) {
		enum record_feature_kind kind;
		uint32_t low, high;
		int r = word(w, block, &low);

		if (r >= 0)
			r = word(w, block + 4, &high);
		if (r < 0)
			return r;
		switch (low >> 8 & 0xff) {
		case REGISTER_BLOCK_MEMORY_DEVICE: kind = RECORD_FEATURE_CXL_DEVICE; break;
		case REGISTER_BLOCK_CPMU: kind = RECORD_FEATURE_CPMU; break;
		default: continue;
		}
		add(w, (struct pci_feature){ .kind = kind,
					     .offset = at,
					     .message = -1,
					     .value = (uint64_t)high << 32 | (low & 0xffff0007) });
	}
	return 0;
}

static int read_dvsec(struct walk *w, unsigned int at)
{
	uint32_t header1, header2;
	int r = word(w, at + PCI_DVSEC_HEADER1, &header1);

	if (r >= 0)
		r = word(w, at + PCI_DVSEC_HEADER2, &header2);
	if (r < 0)
		return r;
	if (w->located || (header1 & 0xffff) != PCI_DVSEC_VENDOR_ID_CXL ||
	    (header2 & 0xffff) != DVSEC_CXL_REGISTER_LOCATOR)
		return 0;
	w->located = true;
	return read_register_locator(w, at, header1 >> 20);
}

/* ---- Lists ---- */

struct capability {
	unsigned int id;
	bool repeats;
	int (*read)(struct walk *w, unsigned int at);
};

static const struct capability capabilities[] = {
	{ PCI_CAP_ID_MSI, false, read_msi },
	{ PCI_CAP_ID_MSIX, false, read_msix },
	{ PCI_CAP_ID_EXP, false, read_express },
	{},
};

static const struct capability extended_capabilities[] = {
	{ PCI_EXT_CAP_ID_AER, false, read_aer },
	{ PCI_EXT_CAP_ID_DPC, false, read_dpc },
	{ PCI_EXT_CAP_ID_DVSEC, true, read_dvsec },
	{ PCI_EXT_CAP_ID_DOE, true, read_doe },
	{},
};

static int read_known(struct walk *w, const struct capability *table, unsigned int id,
		      unsigned int at, unsigned int *seen)
{
	for (unsigned int i = 0; table[i].id; i++) {
		if (table[i].id != id)
			continue;
		if (*seen & 1U << i && !table[i].repeats)
			return 0;
		*seen |= 1U << i;
		return table[i].read(w, at);
	}
	return 0;
}

/* Whether a list comes here again */
static bool been_at(uint64_t *visited, unsigned int at)
{
	uint64_t bit = 1ULL << (at / 4 % 64);
	bool been = visited[at / 4 / 64] & bit;

	visited[at / 4 / 64] |= bit;
	return been;
}

static int walk_list(struct walk *w, unsigned int first)
{
	uint64_t visited[SPACE_SIZE / 4 / 64] = {};
	unsigned int seen = 0, at = first & 0xfc;
	uint32_t header;
	int r;

	while (at >= HEADER_SIZE && !been_at(visited, at)) {
		r = word(w, at, &header);
		if (r < 0)
			return r;
		if ((header & 0xff) == 0xff)
			return 0;
		r = read_known(w, capabilities, header & 0xff, at, &seen);
		if (r < 0)
			return r;
		at = header >> 8 & 0xfc;
	}
	return 0;
}

static int walk_extended(struct walk *w)
{
	uint64_t visited[SPACE_SIZE_EXTENDED / 4 / 64] = {};
	unsigned int seen = 0, at = SPACE_SIZE;
	uint32_t header;
	int r;

	while (at >= SPACE_SIZE && !been_at(visited, at)) {
		r = word(w, at, &header);
		if (r < 0)
			return r;
		if (header == 0 || header == ALL_ONES)
			return 0;
		r = read_known(w, extended_capabilities, header & 0xffff, at, &seen);
		if (r < 0)
			return r;
		at = header >> 20 & 0xffc;
	}
	return 0;
}

/*
 * Command and status: never all ones where somebody answers. (Vendor and device are, in the
 * virtual functions of SR-IOV.)
 */
static int read_status(struct walk *w, uint32_t *ret)
{
	uint32_t status;
	int r = word(w, PCI_COMMAND, &status);

	if (r < 0)
		return r;
	if (status == ALL_ONES)
		return -ENODEV;
	*ret = status >> 16;
	return 0;
}

static int walk_space(struct walk *w)
{
	uint32_t status, type, first;
	int r = read_status(w, &status);

	if (r >= 0)
		r = word(w, PCI_CACHE_LINE_SIZE, &type);
	if (r < 0)
		return r;
	type = type >> 16 & 0x7f;
	if (!(status & PCI_STATUS_CAP_LIST) || type > PCI_HEADER_TYPE_CARDBUS)
		return 0;
	r = word(w, type == PCI_HEADER_TYPE_CARDBUS ? PCI_CB_CAPABILITY_LIST : PCI_CAPABILITY_LIST,
		 &first);
	if (r >= 0)
		r = walk_list(w, first);
	if (r >= 0 && w->express)
		r = walk_extended(w);
	if (r < 0 && r != -ENODATA)
		return r;
	/* one that went away meanwhile had a shorter list than it has */
	return read_status(w, &status);
}

static int walk_from(word_fn read, void *source, struct pci_features *ret)
{
	struct pci_features features = {};
	struct walk w = { .read = read, .source = source, .features = &features };
	int r = walk_space(&w);

	if (r < 0)
		return r;
	*ret = features;
	return 0;
}

/* ---- From bytes ---- */

struct bytes {
	const uint8_t *config;
	size_t size;
};

static uint32_t word_of(const uint8_t *bytes)
{
	return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static int word_of_bytes(void *source, unsigned int offset, uint32_t *ret)
{
	const struct bytes *bytes = source;

	if (offset + 4 > bytes->size)
		return -ENODATA;
	*ret = word_of(bytes->config + offset);
	return 0;
}

int pci_capability_parse(const uint8_t *config, size_t size, struct pci_features *ret)
{
	struct bytes bytes = { config, size };

	return walk_from(word_of_bytes, &bytes, ret);
}

/* ---- From a function ---- */

struct pci_capability {
	struct pci_access *access;
};

struct reading {
	unsigned int domain, bus, device, function;
	struct pci_features *features;
	int result;
};

/* libpci tells only that it failed; the kernel gives less than was asked for at the end. */
static int word_of_device(void *source, unsigned int offset, uint32_t *ret)
{
	uint8_t bytes[4];

	errno = 0;
	if (!pci_read_block(source, (int)offset, bytes, sizeof(bytes)))
		return errno ? -errno : -ENODATA;
	*ret = word_of(bytes);
	return 0;
}

static void on_read(struct pci_access *access, void *argument)
{
	struct reading *r = argument;
	struct pci_dev *device =
		pci_get_dev(access, (int)r->domain, (int)r->bus, (int)r->device, (int)r->function);

	r->result = walk_from(word_of_device, device, r->features);
	pci_free_dev(device);
}

int pci_capability_read(struct pci_capability *c, const char *function, struct pci_features *ret)
{
	struct reading reading = { .features = ret };
	char again[32];
	int r;

	/* as libpci writes it: so this is the file that it opens */
	if (sscanf(function, "%x:%x:%x.%x", &reading.domain, &reading.bus, &reading.device,
		   &reading.function) != 4 ||
	    reading.domain > INT_MAX || reading.bus > 0xff || reading.device > 0x1f ||
	    reading.function > 7)
		return -EINVAL;
	snprintf(again, sizeof(again), "%04x:%02x:%02x.%u", reading.domain, reading.bus,
		 reading.device, reading.function);
	if (strcmp(again, function) != 0)
		return -EINVAL;
	r = pci_access_run(c->access, on_read, &reading);
	return r < 0 ? r : reading.result;
}

static void on_init(struct pci_access *access, void *argument)
{
	access->method = PCI_ACCESS_SYS_BUS_PCI;
	pci_set_param(access, (char *)"sysfs.path", argument); /* it keeps a copy */
	pci_init(access);
}

int pci_capability_new(const char *root, struct pci_capability **ret)
{
	_cleanup_(pci_capability_freep) struct pci_capability *c = calloc(1, sizeof(*c));
	char path[512]; /* libpci makes up to 1,024 bytes of it */

	if (!c)
		return -ENOMEM;
	if (snprintf(path, sizeof(path), "%s/sys/bus/pci", strcmp(root, "/") == 0 ? "" : root) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	c->access = pci_access_new();
	if (pci_access_run(c->access, on_init, path) < 0)
		return -EOPNOTSUPP;
	*ret = TAKE_PTR(c);
	return 0;
}

struct pci_capability *pci_capability_free(struct pci_capability *c)
{
	if (!c)
		return NULL;
	pci_access_free(c->access);
	free(c);
	return NULL;
}
