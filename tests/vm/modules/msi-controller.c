// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An MSI controller that misbehaves on demand, and devices that do.
 *
 * The controller is an MSI parent domain at the root of its own hierarchy: no
 * CPU vector is behind it, so that it may have thousands of interrupts on any
 * architecture.  What is above it is the kernel's own: devices get their vectors
 * from platform_device_msi_init_and_alloc_irqs(), and messages go through
 * platform_msi_write_msi_msg().  With a device-tree node (compatible
 * "cxlirq,msi") the controller is that node's, and can be named in a msi-map.
 *
 * A message is ADDRESS + 4096 * CPU, data = interrupt number in the controller.
 * When a device rings, the controller decodes the message that the device holds
 * at that time, so that a changed message goes astray as it would in hardware.
 *
 * In /sys/kernel/debug/cxlirq_msi:
 *   immutable   1: the domain says IRQ_DOMAIN_FLAG_MSI_IMMUTABLE (default 0)
 *   follow      Y: the message follows affinity (default N); independent of that
 *   limit       so many interrupts can be allocated in all (default and at most 8192)
 *   lost        messages that led to no interrupt
 *   vectors     IRQ DEVICE INDEX HWIRQ ADDRESS DATA, for each that is allocated
 *   handlers    IRQ NAME DEVICE COUNT, for each that this module requested
 *   control     takes one command, and gives its error:
 *     add NAME COUNT [bare]      a platform device whose probe allocates its vectors and
 *                                requests them all (bare: none)
 *     child NAME PARENT          a device without vectors
 *     del NAME
 *     request NAME INDEX [BY]    device BY (or NAME) handles that vector, in devm_request_irq()
 *     demand NAME INDEX BY       the same, but not shared: EBUSY on a line in use
 *     free NAME INDEX [BY]       undoes it; the vector stays allocated
 *     leave NAME INDEX BY        BY handles it too, then NAME frees its vectors: BY's handler
 *                                is left on an interrupt that is gone, and is never freed.
 *                                NAME must have handled that vector, and no other device any
 *     affinity NAME INDEX CPU    the driver asks for that CPU (irq_set_affinity())
 *     hint NAME INDEX CPU        the same by irq_set_affinity_and_hint()
 *     ring IRQ                   the device sends its message
 *     change IRQ ADDRESS DATA    a new message, with no affinity change; any device's, as next
 *     collide IRQ OTHER          IRQ's message becomes a copy of OTHER's
 *     adopt DEVICE               DEVICE (on the platform bus) has this controller as its parent
 *     churn COUNT ROUNDS         a device with so many vectors comes and goes; every 16th is
 *                                requested and moved to another CPU
 *   "add" with more vectors than "limit" leaves gives ENOSPC, and no device.
 *
 * The module stays until the machine ends.
 */

#include <linux/bitmap.h>
#include <linux/debugfs.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irq_work.h>
#include <linux/irqchip/irq-msi-lib.h>
#include <linux/irqdesc.h>
#include <linux/irqdomain.h>
#include <linux/module.h>
#include <linux/msi.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "msi.h"

#define ADDRESS 0xfeed0000

struct irq_domain *msi_domain;

static struct {
	struct mutex lock; /* commands, one at a time */
	DECLARE_BITMAP(used, MSI_SIZE); /* under the domain's lock */
	u32 limit;
	bool follow;
	atomic_t lost;

	struct irq_work ring;
	irq_hw_number_t ringing;
} msi = {
	.lock = __MUTEX_INITIALIZER(msi.lock),
	.limit = MSI_SIZE,
};

static u64 address_of(const struct msi_msg *msg)
{
	return (u64)msg->address_hi << 32 | msg->address_lo;
}

static void nothing(struct irq_data *data)
{
}

static int chip_set_affinity(struct irq_data *data, const struct cpumask *mask, bool force)
{
	unsigned int cpu = cpumask_first_and(mask, cpu_online_mask);

	if (cpu >= nr_cpu_ids)
		return -EINVAL;
	irq_data_update_effective_affinity(data, cpumask_of(cpu));
	/* OK has the message composed and written again, OK_DONE has not. */
	return msi.follow ? IRQ_SET_MASK_OK : IRQ_SET_MASK_OK_DONE;
}

static void chip_compose(struct irq_data *data, struct msi_msg *msg)
{
	unsigned int cpu = cpumask_first(irq_data_get_effective_affinity_mask(data));

	if (!msi.follow || cpu >= nr_cpu_ids)
		cpu = 0;
	msg->address_hi = 0;
	msg->address_lo = ADDRESS + cpu * 4096;
	msg->data = data->hwirq;
}

static struct irq_chip chip = {
	.name = "cxlirq-msi",
	.irq_ack = nothing,
	.irq_mask = nothing,
	.irq_unmask = nothing,
	.irq_set_affinity = chip_set_affinity,
	.irq_compose_msi_msg = chip_compose,
	.flags = IRQCHIP_SKIP_SET_WAKE,
};

static int domain_alloc(struct irq_domain *domain, unsigned int irq, unsigned int count, void *arg)
{
	unsigned int i, hwirq;

	hwirq = bitmap_find_next_zero_area(msi.used, min(msi.limit, MSI_SIZE), 0, count, 0);
	if (hwirq + count > min(msi.limit, MSI_SIZE))
		return -ENOSPC;
	bitmap_set(msi.used, hwirq, count);
	for (i = 0; i < count; i++)
		irq_domain_set_info(domain, irq + i, hwirq + i, &chip, NULL, handle_edge_irq, NULL,
				    "edge");
	return 0;
}

static void domain_free(struct irq_domain *domain, unsigned int irq, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		struct irq_data *data = irq_domain_get_irq_data(domain, irq + i);

		clear_bit(data->hwirq, msi.used);
		irq_domain_reset_irq_data(data);
	}
}

static const struct irq_domain_ops domain_ops = {
	.select = msi_lib_irq_domain_select,
	.alloc = domain_alloc,
	.free = domain_free,
};

static const struct msi_parent_ops parent_ops = {
	.supported_flags = MSI_GENERIC_FLAGS_MASK,
	.required_flags = MSI_FLAG_USE_DEF_DOM_OPS | MSI_FLAG_USE_DEF_CHIP_OPS,
	.chip_flags = MSI_CHIP_FLAG_SET_ACK,
	.bus_select_token = DOMAIN_BUS_NEXUS,
	.bus_select_mask = MATCH_PLATFORM_MSI,
	.prefix = "cxlirq-",
	.init_dev_msi_info = msi_lib_init_dev_msi_info,
};

/* What a message that arrives does; in hard interrupt context. */
static void message_arrives(struct irq_work *work)
{
	if (generic_handle_domain_irq(msi_domain, msi.ringing))
		atomic_inc(&msi.lost);
}

static int ring(unsigned int irq)
{
	struct msi_msg msg;
	u32 at;

	if (!irq_get_msi_desc(irq))
		return -ENOENT;
	get_cached_msi_msg(irq, &msg);
	at = msg.address_lo - ADDRESS;
	if (msg.address_hi || at % 4096 || at / 4096 >= nr_cpu_ids) {
		atomic_inc(&msi.lost);
		return 0;
	}
	msi.ringing = msg.data;
	irq_work_queue(&msi.ring);
	irq_work_sync(&msi.ring);
	return 0;
}

/* As the kernel's own changes of a message: by the device's chip, under the interrupt's lock. */
static int change(unsigned int irq, u64 address, u32 data)
{
	struct irq_data *d = irq_get_irq_data(irq);
	struct msi_msg msg[2] = {};

	if (!d || !irq_data_get_msi_desc(d) || !d->chip->irq_write_msi_msg)
		return -ENOENT;
	msg[0].address_hi = upper_32_bits(address);
	msg[0].address_lo = lower_32_bits(address);
	msg[0].data = data;
	guard(raw_spinlock_irqsave)(&irq_data_to_desc(d)->lock);
	d->chip->irq_write_msi_msg(d, msg);
	return 0;
}

static int collide(unsigned int irq, unsigned int other)
{
	struct msi_msg msg;

	if (!irq_get_msi_desc(other))
		return -ENOENT;
	get_cached_msi_msg(other, &msg);
	return change(irq, address_of(&msg), msg.data);
}

static int adopt(const char *name)
{
	struct device *dev = bus_find_device_by_name(&platform_bus_type, NULL, name);

	if (!dev)
		return -ENODEV;
	dev_set_msi_domain(dev, msi_domain);
	put_device(dev);
	return 0;
}

static int command(int words, char **word)
{
	u32 n[2] = {};
	u64 address;

	if (words < 2)
		return -EINVAL;
	if (!strcmp(word[0], "adopt"))
		return adopt(word[1]);
	if (strcmp(word[0], "ring") && strcmp(word[0], "change") && strcmp(word[0], "collide"))
		return msi_device_command(words, word);

	if (kstrtou32(word[1], 0, &n[0]))
		return -EINVAL;
	if (!strcmp(word[0], "ring"))
		return ring(n[0]);
	if (!strcmp(word[0], "collide"))
		return words < 3 || kstrtou32(word[2], 0, &n[1]) ? -EINVAL : collide(n[0], n[1]);
	if (words < 4 || kstrtou64(word[2], 0, &address) || kstrtou32(word[3], 0, &n[1]))
		return -EINVAL;
	return change(n[0], address, n[1]);
}

static ssize_t control_write(struct file *file, const char __user *text, size_t size, loff_t *pos)
{
	char line[128] = "", **word;
	int words, ret;

	if (size >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, text, size))
		return -EFAULT;
	word = argv_split(GFP_KERNEL, line, &words);
	if (!word)
		return -ENOMEM;
	mutex_lock(&msi.lock);
	ret = command(words, word);
	mutex_unlock(&msi.lock);
	argv_free(word);
	return ret ?: size;
}

static const struct file_operations control_ops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = control_write,
};

static int vectors_show(struct seq_file *out, void *unused)
{
	unsigned int hwirq;

	/* Nothing is allocated or freed meanwhile. */
	guard(mutex)(&msi_domain->root->mutex);
	for_each_set_bit(hwirq, msi.used, MSI_SIZE) {
		unsigned int irq = irq_find_mapping(msi_domain, hwirq);
		struct msi_desc *desc = irq ? irq_get_msi_desc(irq) : NULL;

		if (desc)
			seq_printf(out, "%u %s %u %u 0x%llx 0x%x\n", irq,
				   dev_name(msi_desc_to_dev(desc)), desc->msi_index, hwirq,
				   address_of(&desc->msg), desc->msg.data);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vectors);

static int immutable_get(void *unused, u64 *value)
{
	*value = irq_domain_is_msi_immutable(msi_domain);
	return 0;
}

static int immutable_set(void *unused, u64 value)
{
	if (value)
		msi_domain->flags |= IRQ_DOMAIN_FLAG_MSI_IMMUTABLE;
	else
		msi_domain->flags &= ~IRQ_DOMAIN_FLAG_MSI_IMMUTABLE;
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(immutable_fops, immutable_get, immutable_set, "%llu\n");

static int __init cxlirq_msi_init(void)
{
	struct device_node *node = of_find_compatible_node(NULL, NULL, "cxlirq,msi");
	struct irq_domain_info info = {
		.fwnode =
			node ? of_fwnode_handle(node) : irq_domain_alloc_named_fwnode("cxlirq-msi"),
		.size = MSI_SIZE,
		.ops = &domain_ops,
	};
	struct dentry *dir;
	int ret;

	if (!info.fwnode)
		return -ENOMEM;
	init_irq_work(&msi.ring, message_arrives);
	msi_domain = msi_create_parent_irq_domain(&info, &parent_ops);
	if (!msi_domain)
		return -ENOMEM;
	dir = debugfs_create_dir("cxlirq_msi", NULL);
	ret = msi_devices_init(dir);
	if (ret)
		return ret;
	debugfs_create_file("control", 0200, dir, NULL, &control_ops);
	debugfs_create_file("vectors", 0444, dir, NULL, &vectors_fops);
	debugfs_create_file_unsafe("immutable", 0644, dir, NULL, &immutable_fops);
	debugfs_create_bool("follow", 0644, dir, &msi.follow);
	debugfs_create_u32("limit", 0644, dir, &msi.limit);
	debugfs_create_atomic_t("lost", 0444, dir, &msi.lost);
	return 0;
}
module_init(cxlirq_msi_init);

MODULE_DESCRIPTION("MSI controller and devices that misbehave, for tests");
MODULE_LICENSE("GPL");
