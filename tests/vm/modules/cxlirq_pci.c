// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PCI functions that say other things of themselves than they are: fewer MSI-X
 * vectors, other message numbers.  What is changed is the answer to a read of
 * configuration space, below all who read it: the function's driver, the PCI
 * core, sysfs, and with it lspci.  A driver asks again when it is bound again.
 * And functions that get more vectors than their driver asked for.
 *
 * In /sys/kernel/debug/cxlirq_pci:
 *   control   "vectors DEVICE N": the MSI-X table has so many entries; not more
 *             than the function has
 *             "patch DEVICE OFFSET MASK VALUE": of the 32 bits at OFFSET, those
 *             in MASK are VALUE's; what is written there reaches the function
 *             "clear DEVICE": as it is
 *             "grow DEVICE", "shrink DEVICE": one MSI-X vector more, as a driver may
 *             ask for one long after its probe, and back (of one function at a time)
 *   patches   DEVICE OFFSET MASK VALUE, for each
 *
 * The module stays until the machine ends, and so must the bridges above.
 */

#include <linux/debugfs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/msi.h>
#include <linux/pci.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define BUSES 16
#define PATCHES 32

struct patch {
	struct pci_bus *bus; /* NULL: free */
	unsigned int devfn;
	int offset;
	u32 mask, value;
};

/* A bus whose accesses come here; it stays so, and its place in the table too. */
struct hook {
	struct pci_bus *bus;
	const struct pci_ops *below;
	struct pci_ops ops;
};

static DEFINE_MUTEX(lock); /* who changes what follows */
static struct hook hooks[BUSES];
static DEFINE_RAW_SPINLOCK(patch_lock); /* innermost: configuration space is read anywhere */
static struct patch patches[PATCHES];

static int read(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *value)
{
	const struct hook *h = container_of(bus->ops, struct hook, ops);
	int ret = h->below->read(bus, devfn, where, size, value);
	unsigned int shift = 8 * (where & 3), i;
	u32 low;

	if (ret)
		return ret;
	guard(raw_spinlock_irqsave)(&patch_lock);
	for (i = 0; i < PATCHES; i++) {
		const struct patch *p = &patches[i];

		if (p->bus != bus || p->devfn != devfn || p->offset != (where & ~3))
			continue;
		low = (*value << shift & ~p->mask) | p->value;
		*value = low >> shift & GENMASK(8 * size - 1, 0);
	}
	return ret;
}

static int hook(struct pci_bus *bus)
{
	unsigned int i;

	for (i = 0; i < BUSES && hooks[i].bus; i++)
		if (hooks[i].bus == bus)
			return 0;
	if (i == BUSES)
		return -ENOSPC;
	hooks[i].bus = bus;
	hooks[i].below = bus->ops;
	hooks[i].ops = *bus->ops;
	hooks[i].ops.read = read;
	pci_bus_set_ops(bus, &hooks[i].ops);
	return 0;
}

static int patch(struct pci_dev *pdev, int offset, u32 mask, u32 value)
{
	struct patch *free = NULL;
	unsigned int i;
	int ret;

	if (offset & 3 || offset < 0 || offset >= pdev->cfg_size)
		return -EINVAL;
	ret = hook(pdev->bus);
	if (ret)
		return ret;
	guard(raw_spinlock_irqsave)(&patch_lock);
	for (i = 0; i < PATCHES; i++) {
		struct patch *p = &patches[i];

		if (!p->bus && !free)
			free = p;
		if (p->bus == pdev->bus && p->devfn == pdev->devfn && p->offset == offset) {
			p->value = (p->value & ~mask) | (value & mask);
			p->mask |= mask;
			return 0;
		}
	}
	if (!free)
		return -ENOSPC;
	*free = (struct patch){ pdev->bus, pdev->devfn, offset, mask, value & mask };
	return 0;
}

static int vectors(struct pci_dev *pdev, u32 n)
{
	int has = pci_msix_vec_count(pdev);

	if (has < 0)
		return has;
	if (!n || n > has)
		return -ERANGE;
	/* The upper half of the capability's first 32 bits, less one */
	return patch(pdev, pdev->msix_cap, PCI_MSIX_FLAGS_QSIZE << 16, (n - 1) << 16);
}

static int clear(struct pci_dev *pdev)
{
	unsigned int i;

	guard(raw_spinlock_irqsave)(&patch_lock);
	for (i = 0; i < PATCHES; i++)
		if (patches[i].bus == pdev->bus && patches[i].devfn == pdev->devfn)
			patches[i].bus = NULL;
	return 0;
}

static struct msi_map grown = { .index = -1 };

static int grow(struct pci_dev *pdev)
{
	if (grown.index >= 0)
		return -EBUSY;
	grown = pci_msix_alloc_irq_at(pdev, MSI_ANY_INDEX, NULL);
	return grown.index < 0 ? grown.index : 0;
}

static int shrink(struct pci_dev *pdev)
{
	if (grown.index < 0)
		return -ENOENT;
	pci_msix_free_irq(pdev, grown);
	grown.index = -1;
	return 0;
}

static int control(struct pci_dev *pdev, const char *verb, const char *rest)
{
	u32 offset, mask, value;

	guard(mutex)(&lock);
	if (!strcmp(verb, "clear"))
		return clear(pdev);
	if (!strcmp(verb, "grow"))
		return grow(pdev);
	if (!strcmp(verb, "shrink"))
		return shrink(pdev);
	if (!strcmp(verb, "vectors") && sscanf(rest, "%i", &value) == 1)
		return vectors(pdev, value);
	if (!strcmp(verb, "patch") && sscanf(rest, "%i %i %i", &offset, &mask, &value) == 3)
		return patch(pdev, offset, mask, value);
	return -EINVAL;
}

static ssize_t control_write(struct file *file, const char __user *text, size_t size, loff_t *pos)
{
	char line[96] = "", verb[16], name[32];
	struct device *dev;
	int end = 0, ret;

	if (size >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, text, size))
		return -EFAULT;
	if (sscanf(line, "%15s %31s%n", verb, name, &end) != 2)
		return -EINVAL;
	dev = bus_find_device_by_name(&pci_bus_type, NULL, name);
	if (!dev)
		return -ENODEV;
	ret = control(to_pci_dev(dev), verb, line + end);
	put_device(dev);
	return ret ?: size;
}

static const struct file_operations control_ops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = control_write,
};

static int patches_show(struct seq_file *out, void *unused)
{
	struct patch *p;

	guard(mutex)(&lock);
	for (p = patches; p < patches + PATCHES; p++)
		if (p->bus)
			seq_printf(out, "%04x:%02x:%02x.%d %#x %#x %#x\n", pci_domain_nr(p->bus),
				   p->bus->number, PCI_SLOT(p->devfn), PCI_FUNC(p->devfn),
				   p->offset, p->mask, p->value);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(patches);

static int __init cxlirq_pci_init(void)
{
	struct dentry *dir = debugfs_create_dir("cxlirq_pci", NULL);

	debugfs_create_file("control", 0200, dir, NULL, &control_ops);
	debugfs_create_file("patches", 0444, dir, NULL, &patches_fops);
	return 0;
}
module_init(cxlirq_pci_init);

MODULE_DESCRIPTION("PCI functions that say other things of themselves, for tests");
MODULE_LICENSE("GPL");
