/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Affinity: who asks (the calls that are causes), what was asked, what was applied. On x86 without
 * remapping a request stays pending until the next interrupt; both moments are reported.
 */
#include "vector.bpf.h"
#include "cause.bpf.h"

/*
 * What was told last on this CPU: an interrupt whose affinity was applied, and where the ring stood then.
 * Its lock is held, with interrupts off, in both hooks that use this.
 */
struct applied {
	u64 common; /* for NUMBER() */
	u64 desc, position;
	u32 state;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct applied);
} applied SEC(".maps");

static __always_inline struct applied *affinity_last(void)
{
	u32 first = 0;

	return bpf_map_lookup_elem(&applied, &first);
}

static __always_inline u64 affinity_desc(struct applied *last, struct irq_data *data)
{
	return NUMBER(last->common, data->common) -
	       bpf_core_field_offset(struct irq_desc, irq_common_data);
}

/* Every change that reaches the hardware: user, driver, hotplug, start-up, a deferred move */
SEC("?fexit/irq_do_set_affinity")
int affinity_applied(u64 *ctx)
{
	struct irq_data *data = (void *)ctx[0];
	struct applied *last = affinity_last();
	u64 desc;

	if (!last)
		return 0;
	desc = affinity_desc(last, data);
	last->desc = 0;
	if (!vector_emit(desc, RECORD_REASON_AFFINITY_APPLIED, (s32)ctx[3]) || (s32)ctx[3])
		return 0;
	last->desc = desc;
	last->state = data->common->state_use_accessors;
	last->position = bpf_ringbuf_query(&ring, BPF_RB_PROD_POS);
	return 0;
}

/*
 * Every request; IRQD_SETAFFINITY_PENDING in the state tells that it is deferred. One that was carried out
 * at once has just been told: there is no other record since, and the interrupt is as it was.
 */
SEC("?fexit/irq_set_affinity_locked")
int affinity_requested(u64 *ctx)
{
	struct irq_data *data = (void *)ctx[0];
	struct applied *last = affinity_last();
	u32 state = data->common->state_use_accessors;
	u64 desc;

	if (!last)
		return 0;
	desc = affinity_desc(last, data);
	if (last->desc == desc && last->state == state && !(s32)ctx[3] &&
	    !(state & IRQD_SETAFFINITY_PENDING) &&
	    last->position == bpf_ringbuf_query(&ring, BPF_RB_PROD_POS))
		return 0;
	vector_emit(desc, RECORD_REASON_AFFINITY_REQUESTED, (s32)ctx[3]);
	return 0;
}

/* Activation picks CPU and message without an affinity call (managed interrupts, arm64 ITS). */
SEC("?fexit/irq_domain_activate_irq")
int vector_activated(u64 *ctx)
{
	if (ctx[0])
		vector_emit(desc_of_data((void *)ctx[0]), RECORD_REASON_ACTIVATED, (s32)ctx[2]);
	return 0;
}

/* A managed interrupt whose last CPU goes is shut down, which moves it without an affinity call. */
SEC("?fexit/irq_domain_deactivate_irq")
int vector_deactivated(u64 *ctx)
{
	if (ctx[0])
		vector_emit(desc_of_data((void *)ctx[0]), RECORD_REASON_DEACTIVATED, 0);
	return 0;
}

SEC("?fentry/irq_affinity_proc_write")
int proc_write_entered(u64 *ctx)
{
	return cause_begin(RECORD_CAUSE_AFFINITY_WRITE);
}

SEC("?fexit/irq_affinity_proc_write")
int proc_write_left(u64 *ctx)
{
	return cause_end();
}

SEC("?fentry/irq_affinity_list_proc_write")
int proc_list_write_entered(u64 *ctx)
{
	return cause_begin(RECORD_CAUSE_AFFINITY_WRITE);
}

SEC("?fexit/irq_affinity_list_proc_write")
int proc_list_write_left(u64 *ctx)
{
	return cause_end();
}

SEC("?fentry/__irq_apply_affinity_hint")
int hint_entered(u64 *ctx)
{
	return cause_begin(RECORD_CAUSE_AFFINITY_HINT);
}

SEC("?fexit/__irq_apply_affinity_hint")
int hint_left(u64 *ctx)
{
	return cause_end();
}

static __always_inline void cpu_emit(u32 cpu, u32 online)
{
	struct record_cpu *r = emit_new(RECORD_CPU, struct record_cpu);

	if (!r)
		return;
	r->cpu_number = cpu;
	r->online = online;
	emit_submit(r);
}

/* Runs on the dying CPU, interrupts off */
SEC("?fentry/irq_migrate_all_off_this_cpu")
int cpu_leaving(u64 *ctx)
{
	cpu_emit(bpf_get_smp_processor_id(), 0);
	return cause_begin(RECORD_CAUSE_CPU_HOTPLUG);
}

SEC("?fexit/irq_migrate_all_off_this_cpu")
int cpu_left(u64 *ctx)
{
	return cause_end();
}

static __always_inline bool is_pending(u64 desc)
{
	u32 state = BPF_CORE_READ((struct irq_desc *)desc, irq_common_data.state_use_accessors);

	return state & IRQD_SETAFFINITY_PENDING;
}

/*
 * A move that waits for an interrupt is given up when the only CPUs it asked for are gone. Called
 * for every interrupt whenever a CPU leaves; only those that waited before and do not any more
 * are worth a record.
 */
SEC("?fentry/irq_fixup_move_pending")
int pending_checked(u64 *ctx)
{
	struct task_context *task = emit_task();
	u64 desc = addr((void *)ctx[0]);

	if (task)
		task->pending = is_pending(desc) ? desc : 0;
	return 0;
}

SEC("?fexit/irq_fixup_move_pending")
int pending_decided(u64 *ctx)
{
	struct task_context *task = emit_task();
	u64 desc = addr((void *)ctx[0]);

	/* true: it is carried out now, as irq_do_set_affinity() will tell */
	if (!task || task->pending != desc || (ctx[2] & 0xff) || is_pending(desc))
		return 0;
	vector_emit(desc, RECORD_REASON_AFFINITY_DROPPED, 0);
	return 0;
}

SEC("?fentry/irq_affinity_online_cpu")
int cpu_coming(u64 *ctx)
{
	cpu_emit(ctx[0], 1);
	return cause_begin(RECORD_CAUSE_CPU_HOTPLUG);
}

/* Somebody takes a CPU away or brings it back: drivers are told in that task, before and after. */
SEC("?fentry/cpu_device_down")
int cpu_down_entered(u64 *ctx)
{
	return cause_begin(RECORD_CAUSE_CPU_HOTPLUG);
}

SEC("?fexit/cpu_device_down")
int cpu_down_left(u64 *ctx)
{
	return cause_end();
}

SEC("?fentry/cpu_device_up")
int cpu_up_entered(u64 *ctx)
{
	return cause_begin(RECORD_CAUSE_CPU_HOTPLUG);
}

SEC("?fexit/cpu_device_up")
int cpu_up_left(u64 *ctx)
{
	return cause_end();
}

SEC("?fexit/irq_affinity_online_cpu")
int cpu_came(u64 *ctx)
{
	return cause_end();
}
