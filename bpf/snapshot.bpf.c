/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is: a walk over irq_domains with their reverse maps, interrupts with their handlers, the
 * managed requests of all devices, and the x86 vectors that are left. It takes no lock (none can be
 * taken): every loop is bounded, every read may fail, what looks wrong ends the piece, and hooks
 * are attached before the first walk, so what changes meanwhile is reported after it. The daemon
 * calls it in pieces that fit into the ring.
 */
#include "domain.bpf.h"
#include "doorbell.bpf.h"
#include "owner.bpf.h"
#include "space.bpf.h"

#define DOMAINS_MAX 65536
#define DEVICES_MAX (1 << 20)
#define DEVRES_MAX 16384
#define REVMAP_MAX (1 << 20)
#define IRQS_MAX (1 << 20)
#define REVMAP_CHUNK 16

/* ---- domains ------------------------------------------------------------------------------- */

struct revmap_context {
	u64 base, size; /* linear part */
	u64 head, index; /* tree part */
	u32 mapped;
};

static long revmap_linear(u32 i, struct revmap_context *c)
{
	u64 entries[REVMAP_CHUNK] = {}, first = (u64)i * REVMAP_CHUNK;

	bpf_probe_read_kernel(entries, sizeof(entries), (void *)(c->base + first * 8));
	for (u32 n = 0; n < REVMAP_CHUNK; n++)
		if (entries[n] && first + n < c->size)
			c->mapped++;
	return 0;
}

static long revmap_tree(u32 i, struct revmap_context *c)
{
	struct tree_slot slot = {};

	if (xarray_slot(c->head, c->index, &slot) < 0)
		return 1;
	if (tree_is_pointer(slot.entry))
		c->mapped++;
	c->index = slot.next;
	return !slot.next;
}

/* hwirqs below revmap_size are in the linear part, the others in the tree */
u32 revmap_count(u64 address);

__noinline u32 revmap_count(u64 address)
{
	struct irq_domain *domain = (void *)address;
	struct revmap_context c = {};

	c.mapped = zero;
	c.index = zero;
	c.base = address + bpf_core_field_offset(struct irq_domain, revmap);
	c.size = BPF_CORE_READ(domain, revmap_size);
	if (c.size)
		bpf_loop((c.size + REVMAP_CHUNK - 1) / REVMAP_CHUNK & (REVMAP_MAX - 1),
			 revmap_linear, &c, 0);
	c.head = addr(BPF_CORE_READ(domain, revmap_tree.xa_head));
	if (c.head)
		bpf_loop(REVMAP_MAX, revmap_tree, &c, 0);
	return c.mapped;
}

struct walk_context {
	u64 node, head;
	u64 position, cursor; /* entries passed, entries to skip */
	u32 limit, emitted, result;
	u64 device; /* owners: whose list this is */
	u64 list, list_head;
};

static long domain_step(u32 i, struct walk_context *c)
{
	struct list_head *node = (void *)c->node;
	u64 next = 0;

	if (!c->node) {
		c->result = SNAPSHOT_CUT;
		return 1;
	}
	if (c->node == c->head) {
		c->result = SNAPSHOT_DONE;
		return 1;
	}
	if (c->position >= c->cursor) {
		u64 domain = c->node - bpf_core_field_offset(struct irq_domain, link);

		if (c->emitted >= c->limit)
			return 1;
		if (!domain_emit(domain, RECORD_REASON_SNAPSHOT, revmap_count(domain))) {
			c->result = SNAPSHOT_FULL;
			return 1;
		}
		c->emitted++;
	}
	c->position++;
	READ(next, &node->next);
	if (next == c->node)
		next = 0;
	c->node = next;
	return 0;
}

static __always_inline void walk_domains(struct walk_context *c)
{
	if (!c)
		return;
	c->head = roots.irq_domain_list;
	if (!c->head) {
		c->result = SNAPSHOT_NO_ROOT;
		return;
	}
	READ(c->node, (void *)c->head);
	bpf_loop(DOMAINS_MAX, domain_step, c, 0);
	if (c->result == SNAPSHOT_MORE && c->emitted < c->limit)
		c->result = SNAPSHOT_CUT;
}

/* ---- interrupts and their handlers --------------------------------------------------------- */

struct action_context {
	u64 desc, action;
	bool full;
};

static long action_step(u32 i, struct action_context *c)
{
	if (!c->action)
		return 1;
	if (!owner_emit_action(c->desc, c->action, RECORD_REASON_SNAPSHOT)) {
		c->full = true;
		return 1;
	}
	READ(c->action, &((struct irqaction *)c->action)->next);
	return 0;
}

static __always_inline bool emit_irq(u64 desc)
{
	struct action_context c = { .desc = desc };

	c.full = zero;
	if (!vector_emit(desc, RECORD_REASON_SNAPSHOT, 0))
		return false;
	c.action = addr(BPF_CORE_READ((struct irq_desc *)desc, action));
	if (c.action)
		bpf_loop(VECTOR_ACTIONS_MAX, action_step, &c, 0);
	return !c.full;
}

static long irq_step(u32 i, struct walk_context *c)
{
	struct tree_slot slot = {};

	if (c->emitted >= c->limit)
		return 1;
	if (desc_slot(c->cursor, &slot) < 0) {
		c->result = SNAPSHOT_CUT;
		return 1;
	}
	if (tree_is_pointer(slot.entry)) {
		if (!emit_irq(slot.entry)) {
			c->result = SNAPSHOT_FULL;
			return 1;
		}
		c->emitted++;
	}
	c->cursor = slot.next;
	if (!slot.next || slot.next > 0xffffffff) {
		c->result = SNAPSHOT_DONE;
		return 1;
	}
	return 0;
}

static __always_inline void walk_irqs(struct walk_context *c)
{
	if (!c)
		return;
	if (!roots.sparse_irqs && !roots.irq_desc_tree) {
		c->result = SNAPSHOT_NO_ROOT;
		return;
	}
	bpf_loop(IRQS_MAX, irq_step, c, 0);
}

/* ---- managed requests of every device, doorbells of endpoint functions --------------------- */

#define BUS_PCI_EPF 0x6670652d696370ULL /* "pci-epf" */

static __always_inline bool is_endpoint_function(u64 device)
{
	const char *name = BPF_CORE_READ((struct device *)device, bus, name);
	u64 text = 0;

	if (!bpf_core_type_exists(struct pci_epf) || !name)
		return false;
	bpf_probe_read_kernel(&text, sizeof(text), name);
	return text == BUS_PCI_EPF;
}

static long devres_step(u32 i, struct walk_context *c)
{
	struct irq_devres irq = {};
	u64 next = 0;

	if (!c->list || c->list == c->list_head)
		return 1;
	if (devres_is_irq((void *)c->list, &irq)) {
		if (c->position >= c->cursor) {
			if (c->emitted >= c->limit) {
				c->list = 0;
				return 1;
			}
			if (!owner_emit_devres(c->device, &irq, RECORD_REASON_SNAPSHOT)) {
				c->result = SNAPSHOT_FULL;
				return 1;
			}
			c->emitted++;
		}
		c->position++;
	}
	READ(next, (void *)c->list);
	c->list = next == c->list ? 0 : next;
	return 0;
}

static long device_step(u32 i, struct walk_context *c)
{
	u64 next = 0;

	if (!c->node) {
		c->result = SNAPSHOT_CUT;
		return 1;
	}
	if (c->node == c->head) {
		c->result = SNAPSHOT_DONE;
		return 1;
	}
	c->device = c->node - bpf_core_field_offset(struct kobject, entry) -
		    bpf_core_field_offset(struct device, kobj);
	c->list_head = c->device + bpf_core_field_offset(struct device, devres_head);
	READ(c->list, (void *)c->list_head);
	bpf_loop(DEVRES_MAX, devres_step, c, 0);
	if (c->emitted >= c->limit || c->result == SNAPSHOT_FULL)
		return 1;
	if (c->position >= c->cursor && is_endpoint_function(c->device) &&
	    !doorbell_emit_function(c->device)) {
		c->result = SNAPSHOT_FULL;
		return 1;
	}
	READ(next, (void *)c->node);
	c->node = next == c->node ? 0 : next;
	return 0;
}

static __always_inline void walk_owners(struct walk_context *c)
{
	u64 kset = 0;

	if (!c)
		return;
	if (roots.devices_kset)
		READ(kset, (void *)roots.devices_kset);
	if (!kset || !roots.devm_irq_release) {
		c->result = SNAPSHOT_NO_ROOT;
		return;
	}
	c->head = kset + bpf_core_field_offset(struct kset, list);
	READ(c->node, (void *)c->head);
	bpf_loop(DEVICES_MAX, device_step, c, 0);
	if (c->result == SNAPSHOT_MORE && c->emitted < c->limit)
		c->result = SNAPSHOT_CUT;
}

SEC("syscall")
int snapshot(struct snapshot_request *request)
{
	struct walk_context c = {};

	c.result = zero;
	c.emitted = zero;
	c.position = zero;
	c.cursor = request->cursor;
	c.limit = request->limit;
	switch (request->part) {
	case SNAPSHOT_DOMAINS:
		walk_domains(&c);
		c.cursor += c.emitted;
		break;
	case SNAPSHOT_VECTORS: walk_irqs(&c); break;
	case SNAPSHOT_OWNERS:
		walk_owners(&c);
		c.cursor += c.emitted;
		break;
	case SNAPSHOT_SPACE: c.result = space_emit(&c.cursor, &c.emitted); break;
	}
	request->cursor = c.cursor;
	request->emitted = c.emitted;
	request->result = c.result;
	return 0;
}
