/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who an interrupt's handler belongs to. The kernel keeps the requesting device only for managed
 * requests; for the others there are two kinds of evidence: the device that the requesting task is
 * probing, and the cookie (dev_id), when it is, lies in, or points into one device of the
 * provider's family. Nothing is guessed from names.
 */
#ifndef CXLIRQD_OWNER_BPF_H
#define CXLIRQD_OWNER_BPF_H

#include "vector.bpf.h"

#define OWNER_CHILDREN_MAX 64
#define OWNER_ANCESTORS_MAX 6
#define OWNER_COOKIE_WORDS 6 /* no more: what lies behind a small object belongs to another */
#define OWNER_BUS_OBJECT 64  /* a bus' own struct begins at most this far before its device */

struct owner_context {
	struct list_head *node, *head;
	u64 words[OWNER_COOKIE_WORDS + 1]; /* the cookie, then what it points to */
	struct device *exact, *content;
	u32 n_content;
};

static __always_inline u64 owner_scalar(const void *pointer)
{
	u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), &pointer);
	return value;
}

/* 0 = unrelated, 1 = what the cookie points to names @dev, 2 = the cookie itself does */
static __noinline int owner_matches(struct owner_context *c, struct device *dev)
{
	u64 base = owner_scalar(dev), data;
	int match = 0;

	if (!c || !base)
		return 0;
	data = (u64)owner_scalar(BPF_CORE_READ(dev, driver_data));
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

/* The one device among @provider and its children that the cookie belongs to, or NULL */
static __noinline struct device *owner_of_cookie(struct device *provider, const void *cookie)
{
	struct owner_context c = {};
	struct device_private *p;
	int match;

	if (!provider || !cookie)
		return NULL;
	c.exact = (void *)zero;
	c.content = (void *)zero;
	c.n_content = zero;
	c.words[0] = owner_scalar(cookie);
	bpf_probe_read_kernel(&c.words[1], OWNER_COOKIE_WORDS * 8, cookie);
	p = BPF_CORE_READ(provider, p);
	if (p) {
		c.head = (void *)p + bpf_core_field_offset(struct device_private, klist_children) +
			 bpf_core_field_offset(struct klist, k_list);
		READ(c.node, &c.head->next);
		bpf_loop(OWNER_CHILDREN_MAX, owner_child, &c, 0);
	}
	if (c.exact)
		return c.exact;
	if (c.n_content)
		return c.n_content == 1 ? c.content : NULL;
	match = owner_matches(&c, provider);
	return match ? provider : NULL;
}

/* The innermost device that this task is probing, if @provider is it or an ancestor of it */
static __noinline struct device *owner_hint(struct device *provider)
{
	struct task_context *task = emit_task();
	struct device *dev, *hint;
	u32 top;

	if (!task)
		return NULL;
	top = task->n_probes - 1;
	if (top >= TASK_PROBES)
		return NULL;
	hint = (void *)task->probes[top];
	if (!provider)
		return hint;
	dev = hint;
	for (u32 i = 0; i < OWNER_ANCESTORS_MAX; i++) {
		if (!dev)
			break;
		if (owner_scalar(dev) == owner_scalar(provider))
			return hint;
		dev = BPF_CORE_READ(dev, parent);
	}
	return NULL;
}

static __always_inline void owner_symbol(char *dst, u32 size, const void *function)
{
	static const char format[] = "%ps";
	u64 argument = owner_scalar(function);

	if (argument)
		bpf_snprintf(dst, size, format, &argument, sizeof(argument));
}

static __noinline bool owner_emit_action(struct irq_desc *desc, struct irqaction *action, u32 reason)
{
	struct record_action *r;
	struct task_struct *thread;
	struct device *provider;

	if (!desc || !action)
		return true;
	r = emit_new(RECORD_ACTION, struct record_action);
	if (!r)
		return false;
	r->reason = reason;
	r->irq = BPF_CORE_READ(desc, irq_data.irq);
	r->vector = emit_key(desc);
	r->key = emit_key(action);
	r->cookie = emit_key(BPF_CORE_READ(action, dev_id));
	r->flags = BPF_CORE_READ(action, flags);
	thread = BPF_CORE_READ(action, thread);
	if (thread)
		r->thread = BPF_CORE_READ(thread, pid);
	emit_string(r->name, BPF_CORE_READ(action, name));
	owner_symbol(r->handler, sizeof(r->handler), BPF_CORE_READ(action, handler));
	owner_symbol(r->thread_handler, sizeof(r->thread_handler), BPF_CORE_READ(action, thread_fn));
	provider = BPF_CORE_READ(desc, irq_common_data.msi_desc, dev);
	if (reason == RECORD_REASON_REQUESTED)
		emit_dev(&r->hint, owner_hint(provider));
	emit_dev(&r->device, owner_of_cookie(provider, BPF_CORE_READ(action, dev_id)));
	emit_submit(r);
	return true;
}

static __noinline bool owner_emit_devres(struct device *dev, struct irq_devres *irq, u32 reason)
{
	struct record_owner *r;

	if (!dev || !irq)
		return true;
	r = emit_new(RECORD_OWNER, struct record_owner);
	if (!r)
		return false;
	r->reason = reason;
	r->irq = irq->irq;
	r->cookie = emit_key(irq->dev_id);
	emit_dev(&r->device, dev);
	emit_submit(r);
	return true;
}

#endif
