/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a PCI class code is called, in the words of lspci.
 *
 * All functions return 0 or a negative errno. None of them logs.
 */
#ifndef CXLIRQD_PCI_CLASS_H
#define CXLIRQD_PCI_CLASS_H

#include <stddef.h>

#include "cxlirqd/cleanup.h"

struct pci_class;

/* @ids_path: the pci.ids file; NULL: libpci's. */
int pci_class_new(const char *ids_path, struct pci_class **ret);

/* NULL will do. Returns NULL. */
struct pci_class *pci_class_free(struct pci_class *c);
DEFINE_CLEANUP(struct pci_class *, pci_class_free);

/*
 * @code is what sysfs has in "class": class, subclass, programming interface. Of a class without
 * a name it is told in that same form, "0x050210". A longer name is cut.
 */
void pci_class_name(struct pci_class *c, unsigned int code, char *buffer, size_t size);

#endif
