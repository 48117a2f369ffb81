/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handlers requested and freed, by whom, and the driver probes inside which that happens. */
#include "owner.bpf.h"
#include "cause.bpf.h"

static __always_inline int probe_begin(u64 device)
{
	struct task_context *task = cause_task();

	if (!task)
		return 0;
	if (task->n_probes < TASK_PROBES)
		task->probes[task->n_probes] = device;
	task->n_probes++;
	return 0;
}

static __always_inline int probe_end(void)
{
	struct task_context *task = emit_task();

	if (task && task->n_probes)
		task->n_probes--;
	cause_task_done(task);
	return 0;
}

SEC("?fentry/really_probe")
int probe_entered(u64 *ctx)
{
	return probe_begin(owner_scalar((void *)ctx[0]));
}

SEC("?fexit/really_probe")
int probe_left(u64 *ctx)
{
	return probe_end();
}

/* pci_call_probe() may run a probe in a worker on the device's NUMA node: another task. */
SEC("?fentry/local_pci_probe")
int probe_pci_entered(u64 *ctx)
{
	struct drv_dev_and_id *arg = (void *)ctx[0];
	struct pci_dev *pdev = BPF_CORE_READ(arg, dev);

	return probe_begin(owner_scalar((void *)pdev + bpf_core_field_offset(struct pci_dev, dev)));
}

SEC("?fexit/local_pci_probe")
int probe_pci_left(u64 *ctx)
{
	return probe_end();
}

/* Every kind of request goes through here. What happens inside is the interrupt starting up. */
SEC("?fentry/__setup_irq")
int handler_requesting(u64 *ctx)
{
	return cause_begin(RECORD_CAUSE_REQUEST);
}

SEC("?fexit/__setup_irq")
int handler_requested(u64 *ctx)
{
	struct irq_desc *desc = (void *)ctx[1];
	s32 error = ctx[3];

	cause_end();
	if (!error)
		owner_emit_action(desc, (void *)ctx[2], RECORD_REASON_REQUESTED);
	vector_emit(desc, RECORD_REASON_REQUESTED, error);
	return 0;
}

SEC("?fentry/free_irq")
int handler_freeing(u64 *ctx)
{
	return cause_begin(RECORD_CAUSE_FREE);
}

/* The return value (const void *) cannot be read by programs on 6.1. */
SEC("?fexit/free_irq")
int handler_freed(u64 *ctx)
{
	struct record_action_freed *r;

	cause_end();
	r = emit_new(RECORD_ACTION_FREED, struct record_action_freed);
	if (!r)
		return 0;
	r->irq = ctx[0];
	r->cookie = emit_key((void *)ctx[1]);
	emit_submit(r);
	return 0;
}

/* Called for each managed request after it succeeded; names the device in all versions. */
SEC("?fentry/devres_add")
int owner_added(u64 *ctx)
{
	struct irq_devres irq = {};

	if (devres_is_irq(devres_entry((void *)ctx[1]), &irq))
		owner_emit_devres((void *)ctx[0], &irq, RECORD_REASON_REQUESTED);
	return 0;
}
