// SPDX-License-Identifier: GPL-2.0-or-later
/* See records.h. */
#include "records.h"

#define DOMAIN_DEVICE 0x100
#define DOMAIN_PARENT 0x200

static void set_text(char *field, size_t size, const char *text)
{
	snprintf(field, size, "%s", text);
}
#define SET(field, text) set_text((field), sizeof(field), (text))

/* ---- Records ---- */

struct record_header make_header(enum record_type type, size_t size)
{
	return (struct record_header){ .type = (uint16_t)type,
				       .version = RECORD_VERSION,
				       .size = (uint32_t)size,
				       .comm = "kworker/0:1" };
}

struct record_dev make_dev(const char *name, const char *bus, const char *driver)
{
	struct record_dev dev = {};

	SET(dev.name, name);
	SET(dev.bus, bus);
	SET(dev.driver, driver);
	SET(dev.module, driver);
	return dev;
}

struct record_base make_base(enum record_mode mode)
{
	struct record_base r = { .header = make_header(RECORD_BASE, sizeof(r)),
				 .mode = mode,
				 .n_cpus = 2,
				 .release = "6.12.0",
				 .machine = "x86_64" };

	if (mode == RECORD_MODE_SYSFS)
		SET(r.reason, "no BTF");
	return r;
}

struct record_name make_name(enum record_name_kind kind, uint32_t value, const char *name)
{
	struct record_name r = { .header = make_header(RECORD_NAME, sizeof(r)),
				 .kind = kind,
				 .value = value };

	SET(r.name, name);
	return r;
}

struct record_hook make_hook(const char *name, bool attached, bool needed)
{
	struct record_hook r = { .header = make_header(RECORD_HOOK, sizeof(r)),
				 .kind = RECORD_HOOK_PROGRAM,
				 .attached = attached,
				 .needed = needed };

	SET(r.name, name);
	if (!attached)
		SET(r.reason, "not in this kernel");
	return r;
}

struct record_lost make_lost(uint64_t count, const char *reason)
{
	struct record_lost r = { .header = make_header(RECORD_LOST, sizeof(r)), .count = count };

	SET(r.reason, reason);
	return r;
}

struct record_cpu make_cpu(uint32_t cpu, bool online)
{
	return (struct record_cpu){ .header = make_header(RECORD_CPU, sizeof(struct record_cpu)),
				    .cpu_number = cpu,
				    .online = online };
}

struct record_guard make_guard(uint32_t irq, bool denied)
{
	struct record_guard r = { .header = make_header(RECORD_GUARD, sizeof(r)),
				  .irq = irq,
				  .denied = denied };

	done_by(&r.header, RECORD_CAUSE_AFFINITY_WRITE, "curious", 72);
	return r;
}

struct record_snapshot make_snapshot(enum record_snapshot_phase phase, bool complete)
{
	return (struct record_snapshot){ .header = make_header(RECORD_SNAPSHOT,
							       sizeof(struct record_snapshot)),
					 .phase = phase,
					 .complete = complete,
					 .duration_ns = 1000 };
}

struct record_domain make_domain(enum record_reason reason, uint64_t key, const char *name)
{
	struct record_domain r = { .header = make_header(RECORD_DOMAIN, sizeof(r)),
				   .reason = reason,
				   .key = key,
				   .hwirq_max = 0xffffffff,
				   .mapped = ~0U };

	SET(r.name, name);
	return r;
}

static struct record_range make_range(enum record_type type, uint32_t irq, uint32_t count)
{
	return (struct record_range){ .header = make_header(type, sizeof(struct record_range)),
				      .irq = irq,
				      .count = count };
}

struct record_range make_alloc(uint32_t irq, uint32_t count)
{
	return make_range(RECORD_ALLOC, irq, count);
}

struct record_range make_free(uint32_t irq, uint32_t count)
{
	return make_range(RECORD_FREE, irq, count);
}

struct vector_record make_wired(enum record_reason reason, uint32_t irq)
{
	struct vector_record v = {
		.r = { .header = make_header(RECORD_VECTOR, sizeof(v)),
		       .reason = reason,
		       .irq = irq,
		       .key = 0x10000 + irq,
		       .n_levels = 2,
		       .levels = { { .domain = DOMAIN_DEVICE, .hwirq = irq, .chip = "PCI-MSIX" },
				   { .domain = DOMAIN_PARENT, .hwirq = irq, .chip = "APIC" } },
		       .x86_vector = -1,
		       .x86_cpu = -1,
		       .mask_words = WORDS }
	};

	v.masks[RECORD_MASK_AFFINITY][0] = 3;
	v.masks[RECORD_MASK_EFFECTIVE][0] = 1;
	return v;
}

struct vector_record make_vector(enum record_reason reason, uint32_t irq, const char *provider)
{
	struct vector_record v = make_wired(reason, irq);

	v.r.msi_key = 0x20000 + irq;
	v.r.msi_type = RECORD_MSI_PCI_MSIX;
	v.r.msi_index = irq - 30;
	v.r.msi_irq = irq;
	v.r.msi_count = 1;
	v.r.message = PLACEHOLDER;
	v.r.provider = make_dev(provider, "pci", "driver");
	return v;
}

struct record_message make_message(uint32_t irq, struct record_msg old, struct record_msg new)
{
	return (struct record_message){ .header = make_header(RECORD_MESSAGE,
							      sizeof(struct record_message)),
					.irq = irq,
					.count = 1,
					.msi_key = 0x20000 + irq,
					.old_message = old,
					.new_message = new,
					.old_known = 1 };
}

struct record_x86_vector make_x86(uint32_t irq, int32_t vector, int32_t cpu)
{
	return (struct record_x86_vector){ .header = make_header(RECORD_X86_VECTOR,
								 sizeof(struct record_x86_vector)),
					   .irq = irq,
					   .vector = vector,
					   .cpu = cpu };
}

struct record_action make_action(enum record_reason reason, uint32_t irq, uint64_t cookie,
				 const char *name)
{
	struct record_action r = { .header = make_header(RECORD_ACTION, sizeof(r)),
				   .reason = reason,
				   .irq = irq,
				   .vector = 0x10000 + irq,
				   .key = 0x30000 + cookie,
				   .cookie = cookie,
				   .handler = "driver_irq [driver]" };

	SET(r.name, name);
	return r;
}

struct record_action_freed make_action_freed(uint32_t irq, uint64_t cookie)
{
	return (struct record_action_freed){
		.header = make_header(RECORD_ACTION_FREED, sizeof(struct record_action_freed)),
		.irq = irq,
		.cookie = cookie
	};
}

struct record_owner make_owner(enum record_reason reason, uint32_t irq, uint64_t cookie,
			       const char *device)
{
	return (struct record_owner){ .header = make_header(RECORD_OWNER,
							    sizeof(struct record_owner)),
				      .reason = reason,
				      .irq = irq,
				      .cookie = cookie,
				      .device = make_dev(device, "cxl", "cxl_pmu") };
}

struct record_device make_device(const char *name, const char *bus, const char *driver)
{
	struct record_device r = { .header = make_header(RECORD_DEVICE, sizeof(r)) };

	SET(r.name, name);
	SET(r.bus, bus);
	SET(r.driver, driver);
	SET(r.module, driver);
	return r;
}

struct record_device make_device_gone(const char *name)
{
	struct record_device r = { .header = make_header(RECORD_DEVICE_GONE, sizeof(r)) };

	SET(r.name, name);
	return r;
}

struct record_sysfs_vector make_sysfs_vector(uint32_t irq, const char *device)
{
	struct record_sysfs_vector r = { .header = make_header(RECORD_SYSFS_VECTOR, sizeof(r)),
					 .irq = irq };

	SET(r.device, device);
	return r;
}

struct record_sysfs_irq make_sysfs_irq(uint32_t irq, const char *actions)
{
	struct record_sysfs_irq r = { .header = make_header(RECORD_SYSFS_IRQ, sizeof(r)),
				      .irq = irq,
				      .hwirq = irq,
				      .chip = "PCI-MSIX",
				      .affinity = "0-1",
				      .effective_affinity = "0" };

	SET(r.actions, actions);
	return r;
}

void done_by(struct record_header *header, enum record_cause cause, const char *comm, uint32_t pid)
{
	header->cause = cause;
	header->pid = header->tid = pid;
	memset(header->comm, 0, sizeof(header->comm));
	SET(header->comm, comm);
}
