/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ring ABI: what the BPF programs tell the daemon, and what the daemon's own sources (sysfs,
 * its view of the kernel) add, in one format. A record file is a sequence of these records, so a
 * trace holds all that the model is made from.
 *
 * Fields have fixed width, strings are NUL-terminated inside fixed arrays. A key is a kernel
 * address after a keyed hash (bpf/cxlirqd.bpf.c): equal keys mean equal addresses, and an
 * address cannot be had back from it. No kernel pointer leaves the kernel.
 *
 * Every record is a multiple of eight bytes long. A reader takes header.size as the length; it
 * may grow in later versions, fields are only added at the end of a type.
 */
#ifndef CXLIRQD_RECORD_H
#define CXLIRQD_RECORD_H

#include <linux/types.h>

/* what a test builds with another one */
#ifndef RECORD_VERSION
#define RECORD_VERSION 1
#endif
#define RECORD_SIZE_MAX 8192

#define RECORD_FILE_MAGIC "CXLIRQ\r\n"

enum record_type {
	/* from BPF */
	RECORD_DOMAIN = 1, /* struct record_domain */
	RECORD_ALLOC, /* struct record_range: descriptors allocated, nothing known yet */
	RECORD_VECTOR, /* struct record_vector */
	RECORD_FREE, /* struct record_range */
	RECORD_ACTION, /* struct record_action */
	RECORD_ACTION_FREED, /* struct record_action_freed */
	RECORD_OWNER, /* struct record_owner */
	RECORD_MESSAGE, /* struct record_message */
	RECORD_X86_VECTOR, /* struct record_x86_vector */
	RECORD_CPU, /* struct record_cpu */
	RECORD_DOORBELL, /* struct record_doorbell */
	RECORD_BAR, /* struct record_bar */
	RECORD_DEMAND, /* struct record_demand */
	RECORD_SPACE, /* struct record_space */
	RECORD_GUARD, /* struct record_guard */
	/* from the daemon */
	RECORD_BASE = 32, /* struct record_base: opens each trace */
	RECORD_NAME, /* struct record_name: one enumerator of this kernel */
	RECORD_HOOK, /* struct record_hook: one line of the coverage report */
	RECORD_DEVICE, /* struct record_device: a device as sysfs shows it */
	RECORD_DEVICE_GONE, /* struct record_device */
	RECORD_SYSFS_VECTOR, /* struct record_sysfs_vector: an entry of msi_irqs/ or irqs/ */
	RECORD_SYSFS_IRQ, /* struct record_sysfs_irq: where tracing is refused */
	RECORD_SNAPSHOT, /* struct record_snapshot: begin and end of a walk */
	RECORD_LOST, /* struct record_lost */
	RECORD_TICK, /* struct record_header: so much time has passed */
	RECORD_PMU, /* struct record_pmu: a CXL PMU as sysfs shows it */
	RECORD_PATTERN, /* struct record_pattern: [Rules] DoorbellDevices= */
	RECORD_FEATURE, /* struct record_feature: what a PCI function's config space offers */
	RECORD_DRIVER, /* struct record_driver: one whose absence explains something */
	RECORD_PMU_EVENT, /* struct record_pmu_event: what a CXL PMU can count */
	RECORD_COUNTER, /* struct record_counter: a standing counter as it was read */
	/* what no walk tells, for the next daemon (cxlirqd/state.h) */
	RECORD_RING, /* struct record_ring: where in the ring the records stood that follow */
	RECORD_STATE_MODEL,
	RECORD_STATE_LOST,
	RECORD_STATE_DOMAIN,
	RECORD_STATE_VECTOR,
	RECORD_STATE_ACTION,
	RECORD_STATE_DEVICE,
	RECORD_STATE_DOORBELL,
	RECORD_STATE_DEMANDS,
	RECORD_STATE_DEMAND,
	RECORD_STATE_ASK,
	RECORD_STATE_LIFETIME,
	RECORD_TYPE_MAX
};

/* What makes the kernel do this: the enclosing call of the current task. */
enum record_cause {
	RECORD_CAUSE_NONE,
	RECORD_CAUSE_AFFINITY_WRITE, /* a write to /proc/irq/N/smp_affinity(_list) */
	RECORD_CAUSE_AFFINITY_HINT, /* a driver's affinity hint */
	RECORD_CAUSE_CPU_HOTPLUG,
	RECORD_CAUSE_REQUEST, /* a handler being requested: the interrupt starts up */
	RECORD_CAUSE_FREE, /* a handler being freed: the interrupt shuts down */
	RECORD_CAUSE_PROBE, /* a driver's probe */
	/* the reader's own: no BPF program sends these */
	RECORD_CAUSE_AFFINITY_KERNEL, /* some driver's call for another affinity */
	RECORD_CAUSE_DRIVER, /* some driver's doing */
	RECORD_CAUSE_MAX
};

#define RECORD_F_KTHREAD 1 /* the current task is a kernel thread */
/* ... a CPU's hotplug thread, running a callback that somebody installs: no CPU comes or goes */
#define RECORD_F_INSTALL 2
/* in a state file: records were lost since this was told, and it may have ended */
#define RECORD_F_DOUBTFUL 4

struct record_header {
	__u16 type;
	__u16 version;
	__u32 size; /* bytes, this header included */
	__u64 time_ns; /* CLOCK_BOOTTIME */
	__u32 pid, tid, uid, cpu;
	__u32 cause; /* enum record_cause; in interrupt context it is the interrupted task's */
	__u32 flags; /* RECORD_F_* */
	char comm[16];
};

/* A device as a BPF program sees it; name[0] == 0 when there is none. */
struct record_dev {
	__u64 key;
	char name[64];
	char bus[16];
	char driver[32];
	char module[32];
};

enum record_reason {
	RECORD_REASON_SNAPSHOT,
	RECORD_REASON_CREATED,
	RECORD_REASON_UPDATED,
	RECORD_REASON_REMOVED,
	RECORD_REASON_ALLOCATED,
	RECORD_REASON_REQUESTED,
	RECORD_REASON_ACTIVATED,
	RECORD_REASON_DEACTIVATED,
	RECORD_REASON_AFFINITY_REQUESTED,
	RECORD_REASON_AFFINITY_APPLIED,
	RECORD_REASON_AFFINITY_DROPPED, /* a pending request that will not be carried out */
	RECORD_REASON_MAX
};

struct record_domain {
	struct record_header header;
	__u32 reason; /* enum record_reason */
	__u32 flags; /* IRQ_DOMAIN_FLAG_*; names come in RECORD_NAME */
	__u64 key, parent;
	__u64 hwirq_max;
	__u32 bus_token; /* names come in RECORD_NAME */
	__u32 mapcount; /* the kernel's own count */
	__u32 mapped; /* counted by walking the reverse map; ~0 outside a snapshot */
	__u32 reserved;
	char name[64];
	struct record_dev device;
};

struct record_range {
	struct record_header header;
	__u32 irq, count;
};

#define RECORD_LEVELS 4

struct record_level {
	__u64 domain; /* key, 0 = none */
	__u64 hwirq;
	char chip[48];
};

struct record_msg {
	__u32 address_lo, address_hi, data;
};

#define RECORD_MSI_PCI_MSI 1
#define RECORD_MSI_PCI_MSIX 2
#define RECORD_MSI_OTHER 3

enum record_mask { RECORD_MASK_AFFINITY, RECORD_MASK_EFFECTIVE, RECORD_MASK_PENDING, RECORD_MASKS };

/* An interrupt as it is, read again by every hook that changes one. */
/* The message is the last that was written, though the descriptor keeps none. */
#define RECORD_VECTOR_MESSAGE_KEPT 1U

struct record_vector {
	struct record_header header;
	__u32 reason; /* enum record_reason */
	__u32 irq;
	__u64 key; /* irq_desc */
	__u32 state; /* irq_common_data.state_use_accessors: IRQD_* */
	__u32 status; /* irq_desc.status_use_accessors: _IRQ_* */
	__s32 error; /* return value of the hooked function */
	__u32 n_levels;
	__u64 interrupts;
	struct record_level levels[RECORD_LEVELS];
	__u64 msi_key; /* msi_desc, 0 = none */
	__u32 msi_type; /* RECORD_MSI_*, 0 = none */
	__u32 msi_index, msi_irq, msi_count; /* multi-MSI: the message belongs to msi_irq */
	struct record_msg message;
	__u32 n_actions;
	__s32 x86_vector, x86_cpu; /* -1 = none */
	struct record_dev provider;
	__u32 mask_words; /* of each of RECORD_MASKS masks */
	__u32 flags; /* RECORD_VECTOR_* */
	__u64 masks[];
};

struct record_action {
	struct record_header header;
	__u32 reason; /* REQUESTED or SNAPSHOT */
	__u32 irq;
	__u64 vector; /* irq_desc key */
	__u64 key; /* irqaction */
	__u64 cookie; /* dev_id */
	__u32 flags; /* IRQF_* */
	__s32 thread; /* pid of the handler's thread, 0 = none */
	char name[48];
	char handler[64]; /* symbol, " [module]" after it for a module */
	char thread_handler[64];
	struct record_dev hint; /* device being probed by the requesting task */
	struct record_dev device; /* device that the cookie belongs to */
};

struct record_action_freed {
	struct record_header header;
	__u32 irq, reserved;
	__u64 cookie;
};

/* Managed request: this device asked for (irq, cookie). */
struct record_owner {
	struct record_header header;
	__u32 reason; /* REQUESTED or SNAPSHOT */
	__u32 irq;
	__u64 cookie;
	struct record_dev device;
};

struct record_message {
	struct record_header header;
	__u32 irq, count; /* count vectors from irq on share the message (multi-MSI) */
	__u64 msi_key;
	__u32 msi_index;
	__u32 state; /* IRQD_* at the time of the write */
	struct record_msg old_message, new_message;
	__u32 old_known, reserved;
};

struct record_x86_vector {
	struct record_header header;
	__u32 irq;
	__s32 vector, cpu; /* -1 = released */
	__u32 apicdest;
};

struct record_cpu {
	struct record_header header;
	__u32 cpu_number, online;
};

enum record_doorbell_type { RECORD_DOORBELL_MSI, RECORD_DOORBELL_EMBEDDED };

/* Why the endpoint function's copy of a message is not what was written */
enum record_doorbell_copy {
	RECORD_COPY_TAKEN,
	RECORD_COPY_NONE, /* the function has no table (any more) */
	RECORD_COPY_INDEX, /* the index is beyond the table */
	RECORD_COPY_OTHER, /* another function is the first of the controller */
	RECORD_COPY_DIFFERS,
	RECORD_COPY_MAX
};

/* One doorbell of an endpoint function; one record with index ~0 if the allocation failed. */
struct record_doorbell {
	struct record_header header;
	__u32 reason; /* CREATED, UPDATED (a message was written), REMOVED (of all), SNAPSHOT */
	__s32 error;
	__u64 epf, epc; /* keys */
	__u32 index, count;
	__u32 irq, type; /* enum record_doorbell_type */
	__s32 bar; /* that exposes it already, -1 = none */
	__u32 copy; /* enum record_doorbell_copy */
	__u64 offset;
	struct record_msg message; /* the function's copy; UPDATED: what was written */
	__u32 func; /* function number << 16 | virtual function number */
	char epc_name[64], epf_name[64];
	char driver[32]; /* of the endpoint function */
	char provider[64]; /* the controller's parent, whose MSI resource it is */
};

#define RECORD_SUBMAPS 8

/* A BAR of an endpoint function, as the controller was told */
struct record_bar {
	struct record_header header;
	__u32 reason; /* UPDATED (set), REMOVED (cleared), SNAPSHOT (what the function wants) */
	__u32 bar;
	__u64 epc; /* key */
	__u32 func; /* as above */
	__u32 n_submaps; /* then they replace address and size */
	struct record_window {
		__u64 address, size;
	} window, submaps[RECORD_SUBMAPS];
	char epc_name[64];
};

enum record_demand_kind {
	RECORD_DEMAND_ANY, /* pci_alloc_irq_vectors*(): the kernel chooses */
	RECORD_DEMAND_MSIX,
	RECORD_DEMAND_MSI,
	RECORD_DEMAND_VECTOR, /* pci_irq_vector(): the interrupt of message number min */
	RECORD_DEMAND_KIND_MAX
};

#define RECORD_CALLERS 4

/* A driver asks for the vectors of a PCI function. Between the two records it is being answered. */
struct record_demand {
	struct record_header header;
	__u32 kind; /* enum record_demand_kind */
	__u32 answered; /* 0: begins (never for VECTOR), 1: with this result */
	__u32 min, max;
	__u32 flags; /* PCI_IRQ_*, 0 where the hooked function does not have them */
	__s32 result; /* vectors granted, or for VECTOR the interrupt; a negative errno */
	struct record_dev device;
	/* symbols, the nearest first, " [module]" after those of a module; "" = unknown */
	char callers[RECORD_CALLERS][48];
};

/*
 * The x86 vectors of a CPU that was online once (struct cpumap), or of all that are online (struct
 * irq_matrix), as the kernel counts them. Those that it keeps for itself are in none of these:
 *   size = available + allocated + (managed - managed_allocated)
 * It holds for an offline CPU too, unless managed vectors were set aside there meanwhile, for the
 * kernel takes them off what is available only while the CPU is online.
 */
struct record_space {
	struct record_header header;
	__u32 cpu_number; /* ~0 = all; that record comes last */
	__u32 online; /* of all: how many are */
	__u32 size; /* vectors that devices may have: of one CPU, or of all that are online */
	__u32 available; /* neither allocated nor set aside; reserved ones are still among them */
	__u32 allocated; /* of them for devices, managed ones in use among them */
	__u32 managed, managed_allocated; /* set aside for managed interrupts; in use */
	__u32 reserved; /* all: promised, not yet taken */
};

#define RECORD_GUARD_DEFAULT (~0U) /* for an irq: /proc/irq/default_smp_affinity */

/* A write to a protected interrupt's affinity; the header says who. */
struct record_guard {
	struct record_header header;
	__u32 irq;
	__u32 denied; /* 0: it went on, and is only told */
};

enum record_mode { RECORD_MODE_TRACING, RECORD_MODE_SYSFS };

struct record_base {
	struct record_header header;
	__s64 realtime_offset_ns; /* add to time_ns for the time of day */
	__u32 mode; /* enum record_mode */
	__u32 n_cpus; /* possible */
	char release[64];
	char machine[24];
	char reason[128]; /* why not tracing */
};

enum record_name_kind { RECORD_NAME_BUS_TOKEN, RECORD_NAME_DOMAIN_FLAG, RECORD_NAME_KIND_MAX };

struct record_name {
	struct record_header header;
	__u32 kind, value;
	char name[40];
};

enum record_hook_kind { RECORD_HOOK_PROGRAM, RECORD_HOOK_FEATURE, RECORD_HOOK_KIND_MAX };

struct record_hook {
	struct record_header header;
	__u32 kind; /* enum record_hook_kind */
	__u32 attached;
	__u32 needed; /* its absence degrades the answer */
	__u32 reserved;
	char name[64];
	char reason[128];
};

struct record_device {
	struct record_header header;
	char name[64];
	char bus[16];
	char driver[32];
	char module[32];
	char parent[64];
	char class_name[64];
};

struct record_sysfs_vector {
	struct record_header header;
	__u32 irq, reserved;
	char device[64];
};

struct record_sysfs_irq {
	struct record_header header;
	__u32 irq, reserved;
	__u64 hwirq; /* ~0 = not told */
	__u64 interrupts;
	char chip[48];
	char actions[256]; /* separated by commas, as sysfs has them */
	char affinity[128], effective_affinity[128];
	char device[64]; /* provider, by its msi_irqs/ */
};

enum record_snapshot_phase {
	RECORD_SNAPSHOT_BEGIN,
	RECORD_SNAPSHOT_END,
	RECORD_SNAPSHOT_PHASE_MAX
};

/* Of what a walk was to see, what it did not see is gone. */
enum record_complete {
	RECORD_COMPLETE_NOTHING, /* it was cut off */
	RECORD_COMPLETE_ALL,
	RECORD_COMPLETE_IRQS /* it saw nothing of domains and doorbells, and no handler but by name */
};

struct record_snapshot {
	struct record_header header;
	__u32 phase;
	__u32 complete; /* enum record_complete */
	__u64 duration_ns;
};

/* Of the guard's program: nothing else rests on what it tells. */
#define RECORD_LOST_GUARD "guard-ring-full"

struct record_lost {
	struct record_header header;
	__u64 count;
	char reason[40];
};

struct record_pmu {
	struct record_header header;
	char name[64]; /* perf's, "cxl_pmu_mem0.0" */
	char device[64]; /* "pmu_mem0.0"; "" = this PMU is gone */
	char cpumask[64]; /* CPU list */
};

enum record_pattern_kind {
	RECORD_PATTERN_DOORBELL,
	RECORD_PATTERN_NONE, /* those before this one hold no more */
	RECORD_PATTERN_KIND_MAX
};

/* A setting that changes what the model makes of records */
struct record_pattern {
	struct record_header header;
	__u32 kind, reserved;
	char pattern[64];
};

enum record_feature_kind {
	RECORD_FEATURE_NONE, /* config space could not be read; errno in value */
	RECORD_FEATURE_MSI, /* value: messages the function can send */
	RECORD_FEATURE_MSIX,
	RECORD_FEATURE_PME,
	RECORD_FEATURE_HOTPLUG,
	RECORD_FEATURE_BWCTRL,
	RECORD_FEATURE_AER,
	RECORD_FEATURE_DPC,
	RECORD_FEATURE_DOE,
	RECORD_FEATURE_CXL_DEVICE, /* memory device registers: mailbox and event logs */
	RECORD_FEATURE_CPMU, /* a CPMU register block; value: its register block's offset */
	RECORD_FEATURE_KIND_MAX
};

#define RECORD_FEATURE_F_INTERRUPT 1 /* the capability says that it can interrupt */

/*
 * Follows its function's RECORD_DEVICE, which starts the list anew. Where the message number
 * stands in memory-mapped registers, which the daemon does not read, message is -1.
 */
struct record_feature {
	struct record_header header;
	__u32 kind; /* enum record_feature_kind */
	__u32 instance; /* of this kind in this function, from 0 */
	__u32 offset; /* of the capability in config space */
	__s32 message; /* interrupt message number, -1 = not in config space */
	__u32 flags; /* RECORD_FEATURE_F_* */
	__u32 reserved;
	__u64 value;
	char device[64];
};

struct record_driver {
	struct record_header header;
	__u32 present, reserved;
	char bus[16];
	char name[32];
};

enum record_pmu_event_kind {
	RECORD_PMU_EVENT_EVENT, /* events/NAME: terms */
	RECORD_PMU_EVENT_FORMAT, /* format/NAME: bits */
	RECORD_PMU_EVENT_KIND_MAX
};

/* Follows its PMU's RECORD_PMU, which starts the list anew. */
struct record_pmu_event {
	struct record_header header;
	__u32 kind, reserved; /* enum record_pmu_event_kind */
	char pmu[64];
	char name[64];
	char value[128]; /* as sysfs has it */
};

/* What perf says of one event on one PMU; the value is as it was counted, not scaled. */
struct record_counter {
	struct record_header header;
	__u64 value;
	__u64 enabled_ns, running_ns;
	__s32 error; /* a negative errno: it does not count; without a reason: it is no more */
	__u32 group; /* counted together with others of this number; 0 = alone */
	char pmu[64];
	char event[128]; /* as it was asked for, without its PMU */
	char reason[128];
};

#define RECORD_CHECK(type, bytes)                                                                  \
	_Static_assert(sizeof(type) == (bytes) && (bytes) % 8 == 0, "ABI of " #type " changed")
RECORD_CHECK(struct record_header, 56);
RECORD_CHECK(struct record_dev, 152);
RECORD_CHECK(struct record_domain, 56 + 48 + 64 + 152);
RECORD_CHECK(struct record_range, 64);
RECORD_CHECK(struct record_level, 64);
RECORD_CHECK(struct record_vector, 560);
RECORD_CHECK(struct record_action, 56 + 40 + 176 + 304);
RECORD_CHECK(struct record_action_freed, 72);
RECORD_CHECK(struct record_owner, 224);
RECORD_CHECK(struct record_message, 56 + 24 + 24 + 8);
RECORD_CHECK(struct record_x86_vector, 72);
RECORD_CHECK(struct record_cpu, 64);
RECORD_CHECK(struct record_base, 56 + 16 + 64 + 24 + 128);
RECORD_CHECK(struct record_name, 104);
RECORD_CHECK(struct record_hook, 264);
RECORD_CHECK(struct record_device, 328);
RECORD_CHECK(struct record_sysfs_vector, 128);
RECORD_CHECK(struct record_sysfs_irq, 56 + 24 + 48 + 256 + 256 + 64);
RECORD_CHECK(struct record_snapshot, 72);
RECORD_CHECK(struct record_lost, 104);
RECORD_CHECK(struct record_doorbell, 56 + 8 + 16 + 16 + 16 + 16 + 224);
RECORD_CHECK(struct record_bar, 56 + 24 + 16 * (1 + RECORD_SUBMAPS) + 64);
RECORD_CHECK(struct record_pmu, 56 + 192);
RECORD_CHECK(struct record_pattern, 56 + 72);
RECORD_CHECK(struct record_demand, 56 + 24 + 152 + 48 * RECORD_CALLERS);
RECORD_CHECK(struct record_space, 56 + 32);
RECORD_CHECK(struct record_guard, 56 + 8);
RECORD_CHECK(struct record_feature, 56 + 32 + 64);
RECORD_CHECK(struct record_driver, 56 + 8 + 48);
RECORD_CHECK(struct record_pmu_event, 56 + 8 + 256);
RECORD_CHECK(struct record_counter, 56 + 32 + 64 + 256);
_Static_assert(__builtin_offsetof(struct record_vector, levels) == 96, "ABI");
_Static_assert(__builtin_offsetof(struct record_vector, masks) == sizeof(struct record_vector),
	       "ABI");

#endif
