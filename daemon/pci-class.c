// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libpci reads the whole list of vendors and devices, some megabytes, to find one class. A host
 * has few classes, so each is looked up once and kept, and the list is not.
 */
#include "pci-class.h"

#include <pci/pci.h>
#include <setjmp.h>
#include <string.h>

#define KEPT_MAX 64U
#define CLASS_CXL 0x0502U

struct pci_class {
	char *ids_path;
	unsigned int n_kept;
	struct {
		unsigned int code;
		char name[80];
	} kept[KEPT_MAX];
};

static _Thread_local jmp_buf failed;

/* libpci's own function for this ends the process. */
static void PCI_NONRET on_error(char *format, ...)
{
	(void)format;
	longjmp(failed, 1);
}

/* lspci's name of the class; but for CXL, where that is just "CXL", that of its interface. */
static void look_up(const char *ids_path, unsigned int code, char *buffer, size_t size)
{
	const int flags = PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB;
	struct pci_access *access = pci_alloc();
	char *volatile name = NULL;

	access->error = on_error;
	access->id_lookup_mode = 0; /* no cache file in somebody's home */
	if (ids_path)
		pci_set_name_list_path(access, (char *)ids_path, 0);
	if (!setjmp(failed)) {
		if (code >> 8 == CLASS_CXL)
			name = pci_lookup_name(access, buffer, (int)size, PCI_LOOKUP_PROGIF | flags,
					       code >> 8, code & 0xff);
		if (!name)
			name = pci_lookup_name(access, buffer, (int)size, PCI_LOOKUP_CLASS | flags,
					       code >> 8);
	}
	pci_cleanup(access);
	if (!name)
		snprintf(buffer, size, "0x%06x", code);
}

void pci_class_name(struct pci_class *c, unsigned int code, char *buffer, size_t size)
{
	char name[sizeof(c->kept[0].name)];

	for (unsigned int i = 0; i < c->n_kept; i++)
		if (c->kept[i].code == code) {
			snprintf(buffer, size, "%s", c->kept[i].name);
			return;
		}
	look_up(c->ids_path, code, name, sizeof(name));
	snprintf(buffer, size, "%s", name);
	if (c->n_kept < KEPT_MAX) {
		c->kept[c->n_kept].code = code;
		strcpy(c->kept[c->n_kept++].name, name);
	}
}

int pci_class_new(const char *ids_path, struct pci_class **ret)
{
	_cleanup_(pci_class_freep) struct pci_class *c = NULL;

	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	if (ids_path) {
		c->ids_path = strdup(ids_path);
		if (!c->ids_path)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(c);
	return 0;
}

struct pci_class *pci_class_free(struct pci_class *c)
{
	if (!c)
		return NULL;
	free(c->ids_path);
	free(c);
	return NULL;
}
