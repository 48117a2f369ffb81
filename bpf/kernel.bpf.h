/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The few kernel structs that the programs read, each with only the fields that are read. CO-RE
 * puts the running kernel's offsets in at load time; neither a vmlinux.h nor BTF is needed to
 * build. A name with ___ is a flavour: the same kernel struct as some versions have it.
 */
#ifndef CXLIRQD_KERNEL_BPF_H
#define CXLIRQD_KERNEL_BPF_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __s32 s32;
typedef __u64 u64;

#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000
#define IRQ_PER_CPU_FLAGS ((1 << 9) | (1 << 17)) /* _IRQ_PER_CPU, _IRQ_PER_CPU_DEVID */
#define IRQD_SETAFFINITY_PENDING (1 << 8)
#define MAX_ERRNO 4095
#define MAY_WRITE 2

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next;
};

struct spinlock {
	u8 unread[0];
};

struct kset {
	struct list_head list;
};

struct kobject {
	const char *name;
	struct list_head entry;
	struct kset *kset;
};

struct module {
	char name[56];
};

struct bus_type {
	const char *name;
};

struct device_driver {
	const char *name;
	struct module *owner;
	const char *mod_name; /* of a driver that is built in */
};

struct klist {
	struct list_head k_list;
};

struct klist_node {
	struct list_head n_node;
};

struct device;
struct device_private {
	struct klist klist_children;
	struct klist_node knode_parent;
	struct device *device;
};

struct irq_domain;
struct msi_dev_domain {
	struct irq_domain *domain;
};

struct msi_device_data {
	struct msi_dev_domain __domains[1];
};

struct dev_msi_info {
	struct msi_device_data *data;
};

struct device {
	struct kobject kobj;
	struct device *parent;
	struct device_private *p;
	const struct bus_type *bus;
	struct device_driver *driver;
	void *driver_data;
	struct dev_msi_info msi;
	struct list_head devres_head;
};

struct pci_dev {
	struct device dev;
};

struct drv_dev_and_id {
	struct pci_dev *dev;
};

struct devres_node {
	struct list_head entry;
	void *release;
};

struct devres {
	struct devres_node node;
	u8 data[0];
};

/* 7.1: every node's release is dr_node_release, the resource's own stands beside it */
struct devres___own_release {
	void *release;
	u8 data[0];
};

struct irq_devres {
	unsigned int irq;
	void *dev_id;
};

struct xarray {
	void *xa_head;
};

struct xa_node {
	unsigned char shift;
	void *slots[64];
};

struct maple_metadata {
	unsigned char end;
};

struct maple_range_64 {
	unsigned long pivot[15];
	void *slot[16];
	struct maple_metadata meta;
};

struct maple_arange_64 {
	unsigned long pivot[9];
	void *slot[10];
	struct maple_metadata meta;
};

struct maple_tree {
	void *ma_root;
};

struct irq_chip {
	const char *name;
};

enum irq_domain_bus_token {
	DOMAIN_BUS_ANY,
};

struct irq_data;
struct irq_domain {
	struct list_head link;
	const char *name;
	unsigned int flags;
	unsigned int mapcount;
	enum irq_domain_bus_token bus_token;
	struct device *dev;
	struct irq_domain *parent;
	unsigned long hwirq_max;
	unsigned int revmap_size;
	struct xarray revmap_tree;
	struct irq_data *revmap[0];
};

struct msi_msg {
	u32 address_lo;
	u32 address_hi;
	u32 data;
};

struct pci_msi_attrib {
	u8 is_msix : 1;
};

struct msi_desc {
	unsigned int irq;
	unsigned int nvec_used;
	struct device *dev;
	struct msi_msg msg;
	u16 msi_index;
};

/* The attribute's struct has no name in the kernel: the flavour spells the way to the bit. */
struct pci_msi_desc {
	struct {
		u8 is_msix : 1;
	} msi_attrib;
};

struct msi_desc___pci {
	struct pci_msi_desc pci;
};

struct irq_common_data {
	unsigned int state_use_accessors;
	struct msi_desc *msi_desc;
};

/* cpumask_var_t is a pointer with CPUMASK_OFFSTACK, an array of one without */
struct cpumask {
	unsigned long bits[1];
};

struct irq_common_data___pointer {
	struct cpumask *affinity;
	struct cpumask *effective_affinity;
};

struct irq_common_data___inline {
	struct cpumask affinity[1];
	struct cpumask effective_affinity[1];
};

struct irq_data {
	unsigned int irq;
	unsigned long hwirq;
	struct irq_common_data *common;
	struct irq_chip *chip;
	struct irq_domain *domain;
	struct irq_data *parent_data;
	void *chip_data;
};

struct timespec64 {
	__s64 tv_sec;
};

struct task_struct {
	int pid;
	unsigned int flags;
	struct task_struct *group_leader;
	u64 start_boottime;
};

struct cpuhp_cpu_state {
	bool single;
};

struct irqaction {
	void *handler;
	void *dev_id;
	struct irqaction *next;
	void *thread_fn;
	struct task_struct *thread;
	unsigned int flags;
	const char *name;
};

struct irq_desc {
	struct irq_common_data irq_common_data;
	struct irq_data irq_data;
	void *kstat_irqs;
	struct irqaction *action;
	unsigned int status_use_accessors;
	unsigned long tot_count;
};

struct irq_desc___u32_count {
	unsigned int tot_count;
};

struct irq_desc___pointer {
	struct cpumask *pending_mask;
};

struct irq_desc___inline {
	struct cpumask pending_mask[1];
};

/* include/linux/pci-epf.h, pci-epc.h: endpoint controllers and functions */
enum pci_epf_doorbell_type {
	PCI_EPF_DOORBELL_MSI,
};

enum pci_barno {
	BAR_0,
};

struct pci_epf_doorbell_msg {
	struct msi_msg msg;
	int virq;
	enum pci_epf_doorbell_type
		type; /* this and what follows: later than doorbells themselves */
	enum pci_barno bar;
	u64 offset;
};

struct pci_epf_bar_submap {
	u64 phys_addr;
	unsigned long size;
};

struct pci_epf_bar {
	u64 phys_addr;
	unsigned long size;
	enum pci_barno barno;
	unsigned int num_submap; /* 7.0 */
	struct pci_epf_bar_submap *submap;
};

struct pci_epc {
	struct device dev;
	struct list_head pci_epf;
};

struct pci_epf {
	struct device dev;
	struct pci_epf_bar bar[6];
	u8 func_no;
	u8 vfunc_no;
	struct pci_epc *epc;
	struct list_head list;
	struct pci_epf_doorbell_msg *db_msg;
	u16 num_db;
};

/* x86: arch/x86/kernel/apic/vector.c */
struct apic_chip_data {
	unsigned int vector;
	unsigned int cpu;
};

/* kernel/irq/matrix.c: of one CPU, and of all */
struct cpumap {
	unsigned int available;
	unsigned int allocated;
	unsigned int managed;
	unsigned int managed_allocated;
	bool initialized;
	bool online;
};

struct irq_matrix {
	unsigned int alloc_size;
	unsigned int global_available;
	unsigned int global_reserved;
	unsigned int systembits_inalloc;
	unsigned int total_allocated;
	unsigned int online_maps;
	struct cpumap *maps;
};

/* include/linux/fs.h, fs/proc/internal.h: a file, and what procfs keeps of it */
struct super_block {
	unsigned long s_magic;
};

struct inode {
	struct super_block *i_sb;
};

struct file {
	struct inode *f_inode;
};

struct proc_dir_entry {
	void *data;
	struct proc_dir_entry *parent;
	const char *name;
};

struct proc_inode {
	struct proc_dir_entry *pde;
	struct inode vfs_inode;
};

#pragma clang attribute pop

#endif
