/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two halves of cxlirq_msi: the controller, and the devices that use it. */
#ifndef CXLIRQ_MSI_H
#define CXLIRQ_MSI_H

#include <linux/irqdomain.h>

struct dentry;

#define MSI_SIZE 8192

extern struct irq_domain *msi_domain;

int msi_device_command(int words, char **word);
int msi_devices_init(struct dentry *dir);

#endif
