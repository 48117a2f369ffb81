/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Endpoint doorbells (drivers/pci/endpoint/pci-ep-msi.c, 6.17): allocation, the message that the
 * host will be told, the BAR that maps it, release. An embedded doorbell has neither irq_domain
 * nor msi_desc: it is known from here alone.
 */
#include <asm-generic/errno-base.h>

#include "doorbell.bpf.h"

#define DOORBELLS_MAX 4096

/* Who allocated doorbells on this controller's parent: a message names only the parent. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, u64);
	__type(value, u64);
} doorbell_functions SEC(".maps");

static __always_inline void doorbell_note(u64 parent, u64 epf, u64 flags)
{
	long r = bpf_map_update_elem(&doorbell_functions, &parent, &epf, flags);

	if (r && r != -EEXIST)
		emit_refused(PROGRAM_NOTE_DOORBELL);
}

static __always_inline u64 epf_parent(struct pci_epf *epf)
{
	return addr(BPF_CORE_READ(epf, epc, dev.parent));
}

static __always_inline u32 epf_func(struct pci_epf *epf)
{
	return (u32)BPF_CORE_READ(epf, func_no) << 16 | BPF_CORE_READ(epf, vfunc_no);
}

static __always_inline void doorbell_names(struct record_doorbell *r, struct pci_epf *epf)
{
	struct pci_epc *epc = BPF_CORE_READ(epf, epc);

	r->epf = emit_key(addr(epf));
	r->epc = emit_key(addr(epc));
	r->func = epf_func(epf);
	emit_string(r->epf_name, BPF_CORE_READ(epf, dev.kobj.name));
	emit_string(r->driver, BPF_CORE_READ(epf, dev.driver, name));
	emit_string(r->epc_name, BPF_CORE_READ(epc, dev.kobj.name));
	emit_string(r->provider, BPF_CORE_READ(epc, dev.parent, kobj.name));
}

static __always_inline void doorbell_fill(struct record_doorbell *r,
					  struct pci_epf_doorbell_msg *db)
{
	r->irq = BPF_CORE_READ(db, virq);
	r->message.address_lo = BPF_CORE_READ(db, msg.address_lo);
	r->message.address_hi = BPF_CORE_READ(db, msg.address_hi);
	r->message.data = BPF_CORE_READ(db, msg.data);
	r->bar = -1;
	if (!bpf_core_field_exists(db->type))
		return;
	if (BPF_CORE_READ(db, type) != PCI_EPF_DOORBELL_MSI)
		r->type = RECORD_DOORBELL_EMBEDDED;
	r->bar = BPF_CORE_READ(db, bar);
	r->offset = BPF_CORE_READ(db, offset);
}

static __always_inline struct pci_epf_doorbell_msg *doorbell_at(struct pci_epf *epf, u32 index)
{
	u64 table = addr(BPF_CORE_READ(epf, db_msg));

	return table ? (void *)(table + index * bpf_core_type_size(struct pci_epf_doorbell_msg)) :
		       NULL;
}

struct doorbell_context {
	u64 epf;
	u32 count, reason;
	u64 full;
};

static long doorbell_step(u32 i, struct doorbell_context *c)
{
	struct pci_epf *epf = (void *)c->epf;
	struct pci_epf_doorbell_msg *db;
	struct record_doorbell *r;

	if (i >= c->count)
		return 1;
	db = doorbell_at(epf, i);
	if (!db)
		return 1;
	r = emit_new(RECORD_DOORBELL, struct record_doorbell);
	if (!r) {
		c->full = 1;
		return 1;
	}
	r->reason = c->reason;
	r->index = i;
	r->count = c->count;
	doorbell_names(r, epf);
	doorbell_fill(r, db);
	emit_submit(r);
	return 0;
}

/* Every doorbell of the function; 0 when the ring was full. */
static __always_inline int doorbells_emit(u64 epf, u32 reason)
{
	struct doorbell_context c = { .epf = epf, .reason = reason };

	c.full = zero;
	c.count = BPF_CORE_READ((struct pci_epf *)epf, num_db);
	bpf_loop(DOORBELLS_MAX, doorbell_step, &c, 0);
	return !c.full;
}

static __always_inline int doorbell_emit_one(u64 address, u32 reason, s32 error, u32 count)
{
	struct pci_epf *epf = (void *)address;
	struct record_doorbell *r = emit_new(RECORD_DOORBELL, struct record_doorbell);

	if (!r)
		return 0;
	r->reason = reason;
	r->error = error;
	r->index = ~0U;
	r->count = count;
	r->bar = -1;
	doorbell_names(r, epf);
	emit_submit(r);
	return 1;
}

/*
 * A message may be written before the allocation has returned. Another function that has doorbells
 * on this controller keeps its place: the kernel refuses a second one.
 */
SEC("?fentry/pci_epf_alloc_doorbell")
int doorbell_allocating(u64 *ctx)
{
	u64 epf = addr((void *)ctx[0]), parent = epf_parent((void *)epf);

	if (parent)
		doorbell_note(parent, epf, BPF_NOEXIST);
	return 0;
}

SEC("?fexit/pci_epf_alloc_doorbell")
int doorbell_allocated(u64 *ctx)
{
	u64 epf = addr((void *)ctx[0]), parent = epf_parent((void *)epf), *owner;
	s32 error = ctx[2];

	owner = bpf_map_lookup_elem(&doorbell_functions, &parent);
	if (!error && parent)
		doorbell_note(parent, epf, BPF_ANY);
	else if (owner && *owner == epf && !BPF_CORE_READ((struct pci_epf *)epf, db_msg))
		bpf_map_delete_elem(&doorbell_functions, &parent);
	if (error)
		return doorbell_emit_one(epf, RECORD_REASON_CREATED, error, (u16)ctx[1]), 0;
	return doorbells_emit(epf, RECORD_REASON_CREATED), 0;
}

SEC("?fentry/pci_epf_free_doorbell")
int doorbell_freed(u64 *ctx)
{
	struct pci_epf *epf = (void *)ctx[0];
	u64 parent = epf_parent(epf);

	if (!BPF_CORE_READ(epf, db_msg))
		return 0;
	bpf_map_delete_elem(&doorbell_functions, &parent);
	return doorbell_emit_one(addr(epf), RECORD_REASON_REMOVED, 0, BPF_CORE_READ(epf, num_db)),
	       0;
}

static __always_inline u32 doorbell_copy(struct pci_epf *epf, u32 index, struct msi_msg *msg)
{
	struct pci_epf_doorbell_msg *db = doorbell_at(epf, index);

	if (addr(BPF_CORE_READ(epf, epc, pci_epf.next)) !=
	    addr(epf) + bpf_core_field_offset(struct pci_epf, list))
		return RECORD_COPY_OTHER;
	if (!db)
		return RECORD_COPY_NONE;
	if (index >= BPF_CORE_READ(epf, num_db))
		return RECORD_COPY_INDEX;
	if (BPF_CORE_READ(db, msg.address_lo) != BPF_CORE_READ(msg, address_lo) ||
	    BPF_CORE_READ(db, msg.address_hi) != BPF_CORE_READ(msg, address_hi) ||
	    BPF_CORE_READ(db, msg.data) != BPF_CORE_READ(msg, data))
		return RECORD_COPY_DIFFERS;
	return RECORD_COPY_TAKEN;
}

/*
 * The controller has the message; has the function a copy? The kernel gives it to the first
 * function of the controller, whichever that is. The release writes zeros when the table is gone
 * already: nobody was promised those.
 */
SEC("?fexit/pci_epf_write_msi_msg")
int doorbell_written(u64 *ctx)
{
	struct msi_desc *desc = (void *)ctx[0];
	struct msi_msg *msg = (void *)ctx[1];
	u64 parent = addr(BPF_CORE_READ(desc, dev)), *found;
	struct record_doorbell *r;
	struct pci_epf *epf;

	found = bpf_map_lookup_elem(&doorbell_functions, &parent);
	if (!found)
		return 0;
	epf = (void *)*found;
	r = emit_new(RECORD_DOORBELL, struct record_doorbell);
	if (!r)
		return 0;
	r->reason = RECORD_REASON_UPDATED;
	r->index = BPF_CORE_READ(desc, msi_index);
	r->count = BPF_CORE_READ(epf, num_db);
	r->irq = BPF_CORE_READ(desc, irq);
	r->bar = -1;
	r->message.address_lo = BPF_CORE_READ(msg, address_lo);
	r->message.address_hi = BPF_CORE_READ(msg, address_hi);
	r->message.data = BPF_CORE_READ(msg, data);
	r->copy = doorbell_copy(epf, r->index, msg);
	doorbell_names(r, epf);
	emit_submit(r);
	return 0;
}

static __always_inline void bar_window(struct record_window *w, u64 address)
{
	struct pci_epf_bar_submap *submap = (void *)address;

	w->address = BPF_CORE_READ(submap, phys_addr);
	w->size = BPF_CORE_READ(submap, size);
}

/* not a loop: see compat.bpf.h about offsets */
static __always_inline void bar_submaps(struct record_bar *r, struct pci_epf_bar *bar)
{
	u64 first, size;

	if (!bpf_core_field_exists(bar->num_submap))
		return;
	r->n_submaps = BPF_CORE_READ(bar, num_submap);
	first = addr(BPF_CORE_READ(bar, submap));
	if (!r->n_submaps || !first)
		return;
	size = bpf_core_type_size(struct pci_epf_bar_submap);
	bar_window(&r->submaps[0], first);
	bar_window(&r->submaps[1], first + size);
	bar_window(&r->submaps[2], first + 2 * size);
	bar_window(&r->submaps[3], first + 3 * size);
	bar_window(&r->submaps[4], first + 4 * size);
	bar_window(&r->submaps[5], first + 5 * size);
	bar_window(&r->submaps[6], first + 6 * size);
	bar_window(&r->submaps[7], first + 7 * size);
}

static __always_inline int bar_emit(struct pci_epc *epc, u32 func, struct pci_epf_bar *bar,
				    u32 reason)
{
	struct record_bar *r = emit_new(RECORD_BAR, struct record_bar);

	if (!r)
		return 0;
	r->reason = reason;
	r->epc = emit_key(addr(epc));
	r->func = func;
	r->bar = BPF_CORE_READ(bar, barno);
	r->window.address = BPF_CORE_READ(bar, phys_addr);
	r->window.size = BPF_CORE_READ(bar, size);
	bar_submaps(r, bar);
	emit_string(r->epc_name, BPF_CORE_READ(epc, dev.kobj.name));
	emit_submit(r);
	return 1;
}

SEC("?fexit/pci_epc_set_bar")
int bar_set(u64 *ctx)
{
	if ((s32)ctx[4])
		return 0;
	return bar_emit((void *)ctx[0], (u32)(u8)ctx[1] << 16 | (u8)ctx[2], (void *)ctx[3],
			RECORD_REASON_UPDATED),
	       0;
}

SEC("?fexit/pci_epc_clear_bar")
int bar_cleared(u64 *ctx)
{
	return bar_emit((void *)ctx[0], (u32)(u8)ctx[1] << 16 | (u8)ctx[2], (void *)ctx[3],
			RECORD_REASON_REMOVED),
	       0;
}

/*
 * What a function that was there first has: its doorbells, and the BARs as it keeps them, for what
 * the controller was told is nowhere to be read.
 */
__noinline int doorbell_emit_function(u64 address)
{
	struct pci_epf *epf = (void *)address;
	u64 parent, size;
	struct pci_epc *epc;
	u32 func;

	if (!epf || !bpf_core_field_exists(epf->db_msg))
		return 1;
	if (!BPF_CORE_READ(epf, db_msg))
		return 1;
	parent = epf_parent(epf);
	if (parent)
		doorbell_note(parent, address, BPF_ANY);
	if (!doorbells_emit(address, RECORD_REASON_SNAPSHOT))
		return 0;
	epc = BPF_CORE_READ(epf, epc);
	func = epf_func(epf);
	size = bpf_core_type_size(struct pci_epf_bar);
	address += bpf_core_field_offset(struct pci_epf, bar);
	bar_emit(epc, func, (void *)address, RECORD_REASON_SNAPSHOT);
	bar_emit(epc, func, (void *)(address + size), RECORD_REASON_SNAPSHOT);
	bar_emit(epc, func, (void *)(address + 2 * size), RECORD_REASON_SNAPSHOT);
	bar_emit(epc, func, (void *)(address + 3 * size), RECORD_REASON_SNAPSHOT);
	bar_emit(epc, func, (void *)(address + 4 * size), RECORD_REASON_SNAPSHOT);
	bar_emit(epc, func, (void *)(address + 5 * size), RECORD_REASON_SNAPSHOT);
	return 1;
}
