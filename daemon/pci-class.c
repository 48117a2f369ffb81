// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libpci reads the whole list of vendors and devices, some megabytes, to find one class. A host
 * has few classes, so each is looked up once and kept, and the list is not.
 */
#include "pci-class.h"

#include <pci/pci.h>
#include <stdbool.h>
#include <string.h>

#include "pci-access.h"

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

struct lookup {
	unsigned int code;
	char *buffer;
	size_t size;
	bool found;
};

/* lspci's name of the class; but for CXL, where that is just "CXL", that of its interface. */
static void on_look_up(struct pci_access *access, void *argument)
{
	const int flags = PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB;
	struct lookup *l = argument;
	char *name = NULL;

	if (l->code >> 8 == CLASS_CXL)
		name = pci_lookup_name(access, l->buffer, (int)l->size, PCI_LOOKUP_PROGIF | flags,
				       l->code >> 8, l->code & 0xff);
	if (!name)
		name = pci_lookup_name(access, l->buffer, (int)l->size, PCI_LOOKUP_CLASS | flags,
				       l->code >> 8);
	l->found = name != NULL;
}

static void look_up(const char *ids_path, unsigned int code, char *buffer, size_t size)
{
	struct lookup l = { code, buffer, size, false };
	struct pci_access *access = pci_access_new();

	if (ids_path)
		pci_set_name_list_path(access, (char *)ids_path, 0);
	if (pci_access_run(access, on_look_up, &l) < 0 || !l.found)
		snprintf(buffer, size, "0x%06x", code);
	pci_access_free(access);
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
