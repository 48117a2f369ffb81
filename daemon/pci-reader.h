/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that reads config space for the daemon. The kernel shows all of it only to whoever has
 * CAP_SYS_ADMIN when the file is opened, which is each time anew: functions come by hot plug. The
 * daemon does not keep such a privilege; this process keeps that one and no other, knows nothing
 * but names of PCI functions, and ends with the daemon.
 *
 * None of the functions logs.
 */
#ifndef CXLIRQD_PCI_READER_H
#define CXLIRQD_PCI_READER_H

#include "pci-capability.h"

struct pci_reader;

/*
 * Starts the process. @root as for pci_capability_new(). -EPERM: this process has no privilege that
 * could be kept. To be called before memory is filled and files are open: it has a copy of all.
 */
int pci_reader_new(const char *root, struct pci_reader **ret);

/* Ends it. NULL will do. Returns NULL. */
struct pci_reader *pci_reader_free(struct pci_reader *reader);
DEFINE_CLEANUP(struct pci_reader *, pci_reader_free);

/*
 * As pci_capability_read(), which see; and -EPIPE: the process has ended, or did not answer within
 * two seconds, and was ended for it. Then that is what each later call returns.
 */
int pci_reader_read(struct pci_reader *reader, const char *function, struct pci_features *ret);

#endif
