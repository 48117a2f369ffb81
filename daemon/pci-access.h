/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libpci, made fit for a daemon: what it would print it does not, and what would end the process
 * ends the call.
 *
 * None of the functions logs.
 */
#ifndef CXLIRQD_PCI_ACCESS_H
#define CXLIRQD_PCI_ACCESS_H

struct pci_access;

/* libpci's own object, not yet initialised; pci_access_free() and NULL will do. */
struct pci_access *pci_access_new(void);
struct pci_access *pci_access_free(struct pci_access *access);

typedef void (*pci_access_fn)(struct pci_access *access, void *argument);

/*
 * Runs @call, which may call libpci as it likes. -EIO: libpci gave up, and @call did not come to
 * its end. All calls of libpci that can do so belong in here; one at a time in a thread.
 */
int pci_access_run(struct pci_access *access, pci_access_fn call, void *argument);

#endif
