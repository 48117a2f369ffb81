// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libpci reports an error to a function that must not return, and its own one is exit(). So a
 * call is left by longjmp(); what libpci had in hand then is lost, which is some bytes.
 */
#include "pci-access.h"

#include <errno.h>
#include <pci/pci.h>
#include <setjmp.h>
#include <stddef.h>

static _Thread_local jmp_buf failed;

static void PCI_NONRET on_error(char *format, ...)
{
	(void)format;
	longjmp(failed, 1);
}

static void on_warning(char *format, ...)
{
	(void)format;
}

struct pci_access *pci_access_new(void)
{
	struct pci_access *access = pci_alloc();

	access->error = on_error;
	access->warning = on_warning;
	access->debug = on_warning;
	access->id_lookup_mode = 0; /* no cache file in somebody's home */
	return access;
}

struct pci_access *pci_access_free(struct pci_access *access)
{
	if (access)
		pci_cleanup(access);
	return NULL;
}

int pci_access_run(struct pci_access *access, pci_access_fn call, void *argument)
{
	if (setjmp(failed))
		return -EIO;
	call(access, argument);
	return 0;
}
