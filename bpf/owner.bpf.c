/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handlers requested and freed, and by whom. The kernel keeps the requesting device only for
 * managed requests; for the others there are two kinds of evidence: the device that the requesting
 * task is probing, and the cookie (dev_id), when it is, lies in, or points into one device of the
 * provider's family. Nothing is guessed from names.
 */
#include "owner.bpf.h"
#include "cause.bpf.h"

#define OWNER_CHILDREN_MAX 64
#define OWNER_ANCESTORS_MAX 6
#define OWNER_COOKIE_WORDS 6 /* no more: what lies behind a small object belongs to another */
/*
 * A bus' own struct begins at most this far before its device: struct virtio_device has two locks there,
 * of 4 bytes each, or 32 with PREEMPT_RT.
 */
#define OWNER_BUS_OBJECT (56 + 2 * bpf_core_type_size(struct spinlock))

struct owner_context {
	struct list_head *node, *head;
	u64 words[OWNER_COOKIE_WORDS + 1]; /* the cookie, then what it points to */
	struct device *exact, *content;
	u32 n_content;
};

/* 0 = unrelated, 1 = what the cookie points to names @dev, 2 = the cookie itself does */
static __always_inline int owner_matches(struct owner_context *c, struct device *dev)
{
	u64 base = (u64)dev, data;
	int match = 0;

	if (!c || !base)
		return 0;
	data = (u64)BPF_CORE_READ(dev, driver_data);
	for (u32 i = 0; i <= OWNER_COOKIE_WORDS; i++) {
		u64 word = c->words[i];

		if (!word)
			continue;
		if (word == data || word - (base - OWNER_BUS_OBJECT) <
					    OWNER_BUS_OBJECT + bpf_core_type_size(struct device))
			match = !i ? 2 : match > 1 ? match : 1;
	}
	return match;
}

static long owner_child(u32 i, struct owner_context *c)
{
	struct list_head *node = c->node;
	struct device *dev = NULL;
	struct device_private *p;
	int match;

	if (!node || node == c->head)
		return 1;
	p = (void *)node - bpf_core_field_offset(struct device_private, knode_parent) -
	    bpf_core_field_offset(struct klist_node, n_node);
	READ(dev, &p->device);
	if (dev) {
		match = owner_matches(c, dev);
		if (match == 2) {
			c->exact = dev;
			return 1;
		}
		if (match == 1) {
			c->content = dev;
			c->n_content++;
		}
	}
	READ(c->node, &node->next);
	return 0;
}

/* The one device among @provider and its children that the cookie belongs to, or 0 */
u64 owner_of_cookie(u64 provider_address, u64 cookie);

__noinline u64 owner_of_cookie(u64 provider_address, u64 cookie)
{
	struct device *provider = (void *)provider_address;
	struct owner_context c = {};
	struct device_private *p;
	int match;

	if (!provider || !cookie)
		return 0;
	c.exact = (void *)zero;
	c.content = (void *)zero;
	c.n_content = zero;
	c.words[0] = cookie;
	bpf_probe_read_kernel(&c.words[1], OWNER_COOKIE_WORDS * 8, (void *)cookie);
	p = BPF_CORE_READ(provider, p);
	if (p) {
		c.head = (void *)p + bpf_core_field_offset(struct device_private, klist_children) +
			 bpf_core_field_offset(struct klist, k_list);
		READ(c.node, &c.head->next);
		bpf_loop(OWNER_CHILDREN_MAX, owner_child, &c, 0);
	}
	if (c.exact)
		return (u64)c.exact;
	if (c.n_content)
		return c.n_content == 1 ? (u64)c.content : 0;
	match = owner_matches(&c, provider);
	return match ? provider_address : 0;
}

/* The innermost device that this task is probing, if @provider is it or an ancestor of it */
static __always_inline u64 owner_hint(u64 provider)
{
	struct task_context *task = emit_task();
	u64 dev, hint;
	u32 top;

	if (!task)
		return 0;
	top = task->n_probes - 1;
	if (top >= TASK_PROBES)
		return 0;
	hint = task->probes[top];
	if (!provider)
		return hint;
	dev = hint;
	for (u32 i = 0; i < OWNER_ANCESTORS_MAX; i++) {
		if (!dev)
			break;
		if (dev == provider)
			return hint;
		dev = (u64)BPF_CORE_READ((struct device *)dev, parent);
	}
	return 0;
}

static __always_inline void owner_symbol(char *dst, u32 size, const void *function)
{
	static const char format[] = "%ps";
	u64 argument = (u64)function;

	if (argument)
		bpf_snprintf(dst, size, format, &argument, sizeof(argument));
}

__noinline int owner_emit_action(u64 desc_address, u64 action_address, u32 reason)
{
	struct irq_desc *desc = (void *)desc_address;
	struct irqaction *action = (void *)action_address;
	struct record_action *r;
	struct task_struct *thread;
	u64 provider, cookie;

	if (!desc || !action)
		return 1;
	r = emit_new(RECORD_ACTION, struct record_action);
	if (!r)
		return 0;
	r->reason = reason;
	r->irq = BPF_CORE_READ(desc, irq_data.irq);
	r->vector = emit_key(desc_address);
	r->key = emit_key(action_address);
	cookie = (u64)BPF_CORE_READ(action, dev_id);
	r->cookie = emit_key(cookie);
	r->flags = BPF_CORE_READ(action, flags);
	thread = BPF_CORE_READ(action, thread);
	if (thread)
		r->thread = BPF_CORE_READ(thread, pid);
	emit_string(r->name, BPF_CORE_READ(action, name));
	owner_symbol(r->handler, sizeof(r->handler), BPF_CORE_READ(action, handler));
	owner_symbol(r->thread_handler, sizeof(r->thread_handler),
		     BPF_CORE_READ(action, thread_fn));
	provider = (u64)BPF_CORE_READ(desc, irq_common_data.msi_desc, dev);
	if (reason == RECORD_REASON_REQUESTED)
		emit_dev(&r->hint, owner_hint(provider));
	emit_dev(&r->device, owner_of_cookie(provider, cookie));
	emit_submit(r);
	return 1;
}

__noinline int owner_emit_devres(u64 device, const struct irq_devres *irq, u32 reason)
{
	struct record_owner *r;

	if (!device || !irq)
		return 1;
	r = emit_new(RECORD_OWNER, struct record_owner);
	if (!r)
		return 0;
	r->reason = reason;
	r->irq = irq->irq;
	r->cookie = emit_key(addr(irq->dev_id));
	emit_dev(&r->device, device);
	emit_submit(r);
	return 1;
}

static __always_inline int probe_begin(u64 device)
{
	struct task_context *task = cause_task();

	if (!task)
		return 0;
	if (task->n_probes < TASK_PROBES)
		task->probes[task->n_probes] = device;
	else
		emit_refused(PROGRAM_NOTE_TASK);
	task->n_probes++;
	return 0;
}

static __always_inline int probe_end(void)
{
	struct task_context *task = emit_task();

	if (task && task->n_probes)
		task->n_probes--;
	return 0;
}

SEC("?fentry/really_probe")
int probe_entered(u64 *ctx)
{
	return probe_begin(addr((void *)ctx[0]));
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

	return probe_begin((u64)pdev + bpf_core_field_offset(struct pci_dev, dev));
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
	u64 desc = addr((void *)ctx[1]);
	s32 error = ctx[3];

	cause_end();
	if (!error)
		owner_emit_action(desc, addr((void *)ctx[2]), RECORD_REASON_REQUESTED);
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
	r->cookie = emit_key(addr((void *)ctx[1]));
	emit_submit(r);
	return 0;
}

/* Called for each managed request after it succeeded; names the device in all versions. */
SEC("?fentry/devres_add")
int owner_added(u64 *ctx)
{
	struct irq_devres irq = {};

	if (devres_is_irq(devres_entry((void *)ctx[1]), &irq))
		owner_emit_devres(addr((void *)ctx[0]), &irq, RECORD_REASON_REQUESTED);
	return 0;
}
