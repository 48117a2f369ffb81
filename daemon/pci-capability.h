/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a PCI function's config space says about its interrupts: which of its features can raise
 * one, and by which message. A feature is what RECORD_FEATURE tells (cxlirqd/record.h).
 *
 * All functions return 0 or a negative errno. None of them logs.
 */
#ifndef CXLIRQD_PCI_CAPABILITY_H
#define CXLIRQD_PCI_CAPABILITY_H

#include <stddef.h>
#include <stdint.h>

#include "cxlirqd/cleanup.h"
#include "cxlirqd/record.h"

/* Of one function; more are counted, and not in the list. */
#define PCI_FEATURES_MAX 64U

struct pci_feature {
	enum record_feature_kind kind;
	uint32_t instance; /* of this kind, from 0 */
	uint32_t offset; /* of the capability */
	int32_t message; /* -1: config space does not say */
	uint32_t flags; /* RECORD_FEATURE_F_* */
	/*
	 * MSI, MSI-X: messages. CXL_DEVICE, CPMU: where the register block lies, as the Register
	 * Locator has it: a multiple of 64 KiB, with the BAR's number in bits 2:0.
	 */
	uint64_t value;
};

struct pci_features {
	unsigned int n;
	unsigned int refused; /* PCI_FEATURES_MAX */
	struct pci_feature list[PCI_FEATURES_MAX];
};

/*
 * The features in the first @size bytes of a config space, in the order of its lists. A function
 * without any has an empty list.
 * -EPERM: it has capabilities, and the bytes end before them: what the kernel shows the
 * unprivileged. -ENODEV: all ones, nobody answers. -EIO: not even a header.
 */
int pci_capability_parse(const uint8_t *config, size_t size, struct pci_features *ret);

struct pci_capability;

/* @root: "/", or where a tree with sys/bus/pci lies. */
int pci_capability_new(const char *root, struct pci_capability **ret);

/* NULL will do. Returns NULL. */
struct pci_capability *pci_capability_free(struct pci_capability *c);
DEFINE_CLEANUP(struct pci_capability *, pci_capability_free);

/*
 * The same for @function, "0000:0c:00.0"; -ENOENT: there is none, -EINVAL: no such name. It is
 * read as the kernel keeps it, which wakes a function that is in D3cold, and the port above it:
 * the caller is to look first.
 */
int pci_capability_read(struct pci_capability *c, const char *function, struct pci_features *ret);

#endif
