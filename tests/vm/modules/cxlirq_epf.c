// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Endpoint functions with doorbells, bound through configfs as any other:
 *   cxlirq_early   publishes its doorbells in BAR 1, then requests their interrupts
 *   cxlirq_twin    its innocent twin: requests first
 *
 * Parameters, in /sys/module/cxlirq_epf/parameters, read when a function binds
 * or unbinds:
 *   count      doorbells (default 2)
 *   linger_ms  0 (default): on unbinding, the BAR is cleared first and the vectors
 *              are freed then.  Otherwise they are freed first, and the BAR points
 *              at the freed doorbell for so long
 *   dwell_ms   so long between two steps: the BAR's space is assigned and the controller
 *              not told yet, the BAR is cleared and the vectors are not freed yet
 *   raw        Y: takes vectors from whatever MSI parent the controller's device
 *              has, as pci_epf_alloc_doorbell() does, but without its demand that
 *              messages be immutable.  On x86 this is the only way to have MSI
 *              doorbells (without CONFIG_OF no parent is found); cxlirq_msi's
 *              command "adopt cxlirq_epc" gives the device one.
 *   drop       Y, with raw: messages are not copied into the function, which then
 *              publishes address 0.
 *   behind     Y: is the first function of its controller only while it allocates,
 *              and the last one when its messages come: pci_epf_write_msi_msg() then
 *              gives them to another function, if there is one.  The kernel's own
 *              silent drop: pci_epf_alloc_doorbell() refuses all but the first
 *              function, and nothing keeps it the first.
 *
 * With MSI doorbells, the early one publishes address 0: a message is written
 * when its interrupt is requested, not when it is allocated.
 *
 * The module stays until the machine ends.
 */

#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/msi.h>
#include <linux/pci-ep-msi.h>
#include <linux/pci-epc.h>
#include <linux/pci-epf.h>
#include <linux/slab.h>

static ushort count = 2;
module_param(count, ushort, 0644);
static uint linger_ms;
module_param(linger_ms, uint, 0644);
static uint dwell_ms;
module_param(dwell_ms, uint, 0644);
static bool raw;
module_param(raw, bool, 0644);
static bool drop;
module_param(drop, bool, 0644);

static bool behind;
module_param(behind, bool, 0644);

static struct pci_epf *raw_epf; /* there is one MSI domain to a controller */

static struct pci_epf_header header = {
	.vendorid = PCI_ANY_ID,
	.deviceid = PCI_ANY_ID,
	.baseclass_code = PCI_CLASS_OTHERS,
};

static u64 address(const struct pci_epf *epf, unsigned int i)
{
	return (u64)epf->db_msg[i].msg.address_hi << 32 | epf->db_msg[i].msg.address_lo;
}

static void write_raw(struct msi_desc *desc, struct msi_msg *msg)
{
	desc->msg = *msg;
	if (raw_epf && !drop && desc->msi_index < raw_epf->num_db)
		raw_epf->db_msg[desc->msi_index].msg = *msg;
}

static int alloc_raw(struct pci_epf *epf, u16 n)
{
	struct device *dev = epf->epc->dev.parent;
	int i, ret;

	if (raw_epf)
		return -EBUSY;
	epf->db_msg = kzalloc_objs(*epf->db_msg, n);
	if (!epf->db_msg)
		return -ENOMEM;
	epf->num_db = n;
	raw_epf = epf;
	ret = platform_device_msi_init_and_alloc_irqs(dev, n, write_raw);
	if (ret) {
		raw_epf = NULL;
		kfree(epf->db_msg);
		epf->db_msg = NULL;
		epf->num_db = 0;
		return ret;
	}
	for (i = 0; i < n; i++) {
		epf->db_msg[i].type = PCI_EPF_DOORBELL_MSI;
		epf->db_msg[i].bar = NO_BAR;
		epf->db_msg[i].virq = msi_get_virq(dev, i);
	}
	return 0;
}

static void free_doorbells(struct pci_epf *epf)
{
	pci_epf_free_doorbell(epf); /* either kind */
	if (raw_epf == epf)
		raw_epf = NULL;
}

static irqreturn_t handle(int irq, void *data)
{
	return IRQ_HANDLED;
}

/* Embedded doorbells have one interrupt for all. */
static bool repeated(const struct pci_epf *epf, unsigned int i)
{
	return i && epf->db_msg[i].virq == epf->db_msg[i - 1].virq;
}

static void release(struct pci_epf *epf, unsigned int n)
{
	while (n--)
		if (!repeated(epf, n))
			free_irq(epf->db_msg[n].virq, epf);
}

static int request(struct pci_epf *epf)
{
	unsigned int i;
	int ret;

	for (i = 0; i < epf->num_db; i++) {
		if (repeated(epf, i))
			continue;
		ret = request_irq(epf->db_msg[i].virq, handle, epf->db_msg[i].irq_flags,
				  "cxlirq_doorbell", epf);
		if (ret) {
			release(epf, i);
			return ret;
		}
	}
	return 0;
}

/* BAR 1 over all of them, as pci-epf-vntb has it. */
static int publish(struct pci_epf *epf)
{
	u64 low = address(epf, 0), high = low;
	dma_addr_t base;
	size_t offset;
	unsigned int i;
	int ret;

	for (i = 1; i < epf->num_db; i++) {
		low = min(low, address(epf, i));
		high = max(high, address(epf, i));
	}
	ret = pci_epf_assign_bar_space(epf, high - low + sizeof(u32), BAR_1,
				       pci_epc_get_features(epf->epc, epf->func_no, epf->vfunc_no),
				       PRIMARY_INTERFACE, low);
	if (ret)
		return ret;
	msleep(dwell_ms);
	ret = pci_epc_set_bar(epf->epc, epf->func_no, epf->vfunc_no, &epf->bar[BAR_1]);
	/* What a host would be told. */
	for (i = 0; !ret && i < epf->num_db; i++)
		ret = pci_epf_align_inbound_addr(epf, BAR_1, address(epf, i), &base, &offset);
	return ret;
}

static void withdraw(struct pci_epf *epf)
{
	pci_epc_clear_bar(epf->epc, epf->func_no, epf->vfunc_no, &epf->bar[BAR_1]);
}

static int alloc_behind(struct pci_epf *epf, u16 n)
{
	struct pci_epc *epc = epf->epc;
	int ret;

	scoped_guard(mutex, &epc->list_lock) list_move(&epf->list, &epc->pci_epf);
	ret = pci_epf_alloc_doorbell(epf, n);
	scoped_guard(mutex, &epc->list_lock) list_move_tail(&epf->list, &epc->pci_epf);
	return ret;
}

static int cxlirq_bind(struct pci_epf *epf)
{
	bool early = !strcmp(epf->name, "cxlirq_early");
	int ret = raw	 ? alloc_raw(epf, count) :
		  behind ? alloc_behind(epf, count) :
			   pci_epf_alloc_doorbell(epf, count);

	if (ret)
		return ret;
	if (early) {
		ret = publish(epf);
		if (!ret) {
			ret = request(epf);
			if (ret)
				withdraw(epf);
		}
	} else {
		ret = request(epf);
		if (!ret) {
			ret = publish(epf);
			if (ret)
				release(epf, epf->num_db);
		}
	}
	if (ret)
		free_doorbells(epf);
	return ret;
}

static void cxlirq_unbind(struct pci_epf *epf)
{
	if (!linger_ms)
		withdraw(epf);
	msleep(dwell_ms);
	release(epf, epf->num_db);
	free_doorbells(epf);
	if (linger_ms) {
		msleep(linger_ms);
		withdraw(epf);
	}
}

static const struct pci_epf_ops ops = {
	.bind = cxlirq_bind,
	.unbind = cxlirq_unbind,
};

static int cxlirq_epf_probe(struct pci_epf *epf, const struct pci_epf_device_id *id)
{
	epf->header = &header;
	return 0;
}

static const struct pci_epf_device_id ids[] = {
	{ .name = "cxlirq_early" },
	{ .name = "cxlirq_twin" },
	{},
};

static struct pci_epf_driver cxlirq_epf_driver = {
	.driver.name = "cxlirq_epf",
	.probe = cxlirq_epf_probe,
	.id_table = ids,
	.ops = &ops,
	.owner = THIS_MODULE,
};

static int __init cxlirq_epf_init(void)
{
	return pci_epf_register_driver(&cxlirq_epf_driver);
}
module_init(cxlirq_epf_init);

MODULE_DESCRIPTION("PCI endpoint functions that publish doorbells, for tests");
MODULE_LICENSE("GPL");
