// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CXL performance monitoring units without hardware, on memory devices that are
 * there: a page of RAM laid out as the register block (CXL 3.0, 8.2.7) that the
 * kernel's own cxl_pmu driver binds to.  It requests one of the memory device's
 * MSI-X vectors for the overflow interrupt, as it does on hardware.
 *
 * A PMU has eight counters of 48 bits: the first counts clock ticks and nothing
 * else, the others what they are told of the requests from the host (M2S Req).
 * They do not move, and nothing raises the interrupt; writing "trigger" to
 * /sys/kernel/debug/irq/irqs/IRQ does.
 *
 * In /sys/kernel/debug/cxlirq_cpmu:
 *   control   "add DEVICE MESSAGE": one more PMU on that PCI function, which
 *             cxl_pci must be bound to, with that MSI-X message (1 to 15)
 *   pmus      NAME DEVICE MESSAGE IRQ, for each
 *
 * A PMU goes when cxl_pci is unbound from its function, as a real one does. The
 * module stays until the machine ends.
 */

#include <linux/bitfield.h>
#include <linux/debugfs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <drivers/cxl/cxlmem.h>
#include <drivers/cxl/pmu.h>

#define COUNTERS 8
#define COUNTER_WIDTH 48
#define GROUP_CLOCK 0
#define GROUP_REQUESTS 1
#define GROUPS 2

/* Register block: offsets, and fields of the capability */
#define CAPABILITY 0x0
#define CAPABILITY_COUNTERS GENMASK_ULL(5, 0) /* less one, as the groups */
#define CAPABILITY_WIDTH GENMASK_ULL(15, 8)
#define CAPABILITY_GROUPS GENMASK_ULL(24, 20)
#define CAPABILITY_MESSAGE GENMASK_ULL(47, 44)
#define CAPABILITY_WRITABLE_WHEN_FROZEN BIT_ULL(48)
#define CAPABILITY_FREEZE BIT_ULL(49)
#define CAPABILITY_INTERRUPT BIT_ULL(50)
#define GROUP(n) (0x100 + 8 * (n))
#define GROUP_EVENTS GENMASK_ULL(31, 0)
#define GROUP_ID GENMASK_ULL(47, 32)
#define GROUP_VENDOR GENMASK_ULL(63, 48)
#define CONFIG(n) (0x200 + 8 * (n))
#define CONFIG_TYPE GENMASK_ULL(1, 0)
#define CONFIG_FIXED 1
#define CONFIG_CONFIGURABLE 2
#define CONFIG_EVENTS GENMASK_ULL(55, 24)
#define CONFIG_GROUP GENMASK_ULL(63, 59)

#define ID_CLOCK 0x0000
#define ID_REQUESTS 0x0020

struct cpmu {
	struct list_head list;
	struct pci_dev *pdev;
	void *registers;
	int memdev, index;
	unsigned int message;
};

static DEFINE_MUTEX(lock); /* the list; taken inside of the function's own */
static LIST_HEAD(cpmus);

static void set(struct cpmu *c, unsigned int offset, u64 value)
{
	*(__le64 *)(c->registers + offset) = cpu_to_le64(value);
}

static void set_group(struct cpmu *c, unsigned int n, u16 id, u32 events)
{
	set(c, GROUP(n),
	    FIELD_PREP(GROUP_VENDOR, PCI_VENDOR_ID_CXL) | FIELD_PREP(GROUP_ID, id) |
		    FIELD_PREP(GROUP_EVENTS, events));
}

static void lay_out(struct cpmu *c)
{
	unsigned int i;

	set(c, CAPABILITY,
	    FIELD_PREP(CAPABILITY_COUNTERS, COUNTERS - 1) |
		    FIELD_PREP(CAPABILITY_WIDTH, COUNTER_WIDTH) |
		    FIELD_PREP(CAPABILITY_GROUPS, GROUPS - 1) |
		    FIELD_PREP(CAPABILITY_MESSAGE, c->message) | CAPABILITY_WRITABLE_WHEN_FROZEN |
		    CAPABILITY_FREEZE | CAPABILITY_INTERRUPT);
	set_group(c, GROUP_CLOCK, ID_CLOCK, BIT(0));
	set_group(c, GROUP_REQUESTS, ID_REQUESTS, GENMASK(7, 0));
	set(c, CONFIG(0),
	    FIELD_PREP(CONFIG_TYPE, CONFIG_FIXED) | FIELD_PREP(CONFIG_EVENTS, BIT(0)) |
		    FIELD_PREP(CONFIG_GROUP, GROUP_CLOCK));
	for (i = 1; i < COUNTERS; i++)
		set(c, CONFIG(i), FIELD_PREP(CONFIG_TYPE, CONFIG_CONFIGURABLE));
}

static int next_index(int memdev)
{
	struct cpmu *c;
	int index = 0;

	list_for_each_entry(c, &cpmus, list)
		if (c->memdev == memdev)
			index = max(index, c->index + 1);
	return index;
}

static void forget(void *data)
{
	struct cpmu *c = data;

	mutex_lock(&lock);
	list_del(&c->list);
	mutex_unlock(&lock);
	free_page((unsigned long)c->registers);
	kfree(c);
}

/* What cxl_pci does when it finds a block of this kind; its function's lock is held, as there. */
static int add(struct pci_dev *pdev, unsigned int message)
{
	struct cxl_dev_state *cxlds = pci_get_drvdata(pdev);
	struct cxl_pmu_regs regs;
	struct cpmu *c;
	int ret;

	if (!pdev->dev.driver || strcmp(pdev->dev.driver->name, "cxl_pci") || !cxlds->cxlmd)
		return -ENXIO;
	c = kzalloc_obj(*c);
	if (!c)
		return -ENOMEM;
	c->registers = (void *)get_zeroed_page(GFP_KERNEL);
	if (!c->registers) {
		kfree(c);
		return -ENOMEM;
	}
	c->pdev = pdev;
	c->message = message;
	c->memdev = cxlds->cxlmd->id;
	mutex_lock(&lock);
	c->index = next_index(c->memdev);
	list_add_tail(&c->list, &cpmus);
	mutex_unlock(&lock);
	lay_out(c);
	ret = devm_add_action_or_reset(&pdev->dev, forget, c);
	if (ret)
		return ret;
	regs.pmu = (__force void __iomem *)c->registers;
	return devm_cxl_pmu_add(&pdev->dev, &regs, c->memdev, c->index, CXL_PMU_MEMDEV);
}

static ssize_t control_write(struct file *file, const char __user *text, size_t size, loff_t *pos)
{
	char line[64] = "", name[32];
	unsigned int message;
	struct device *dev;
	int ret;

	if (size >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, text, size))
		return -EFAULT;
	if (sscanf(line, "add %31s %u", name, &message) != 2 || !message || message > 15)
		return -EINVAL;
	dev = bus_find_device_by_name(&pci_bus_type, NULL, name);
	if (!dev)
		return -ENODEV;
	device_lock(dev);
	ret = add(to_pci_dev(dev), message);
	device_unlock(dev);
	put_device(dev);
	return ret ?: size;
}

static const struct file_operations control_ops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = control_write,
};

static int pmus_show(struct seq_file *out, void *unused)
{
	struct cpmu *c;

	guard(mutex)(&lock);
	list_for_each_entry(c, &cpmus, list)
		seq_printf(out, "cxl_pmu_mem%d.%d %s %u %d\n", c->memdev, c->index,
			   pci_name(c->pdev), c->message, pci_irq_vector(c->pdev, c->message));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(pmus);

static int __init cxlirq_cpmu_init(void)
{
	struct dentry *dir = debugfs_create_dir("cxlirq_cpmu", NULL);

	debugfs_create_file("control", 0200, dir, NULL, &control_ops);
	debugfs_create_file("pmus", 0444, dir, NULL, &pmus_fops);
	return 0;
}
module_init(cxlirq_cpmu_init);

MODULE_DESCRIPTION("CXL PMUs without hardware, for tests");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("CXL");
