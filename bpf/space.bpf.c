/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86 vectors that there are for devices, as the kernel's allocator (kernel/irq/matrix.c)
 * keeps its books: no set of bits is counted here, so the figures are those that it decides by. It
 * is read without its lock, while interrupts come and go: a figure may be one ahead of another.
 */
#include "space.bpf.h"

struct space_context {
	u64 matrix, maps; /* per-CPU address */
	u32 size;
	u32 emitted, full;
	u64 cpu; /* the next to be sent */
	u32 managed, managed_allocated; /* of all that are online */
};

static __always_inline struct record_space *space_new(struct space_context *c)
{
	struct record_space *r = emit_new(RECORD_SPACE, struct record_space);

	if (r)
		c->emitted++;
	else
		c->full = 1;
	return r;
}

/* A CPU that was never online has no books yet. */
static long space_cpu(u32 cpu, struct space_context *c)
{
	u32 available = 0, allocated = 0, managed = 0, managed_allocated = 0;
	bool initialized = false, online = false;
	struct record_space *r;
	struct cpumap *map;
	u64 offset = 0;

	if (READ(offset, (void *)roots.per_cpu_offset + (u64)cpu * 8))
		return 0;
	map = (void *)(c->maps + offset);
	READ(initialized, &map->initialized);
	if (initialized) {
		READ(available, &map->available);
		READ(allocated, &map->allocated);
		READ(managed, &map->managed);
		READ(managed_allocated, &map->managed_allocated);
		READ(online, &map->online);
	}
	if (online) {
		c->managed += managed;
		c->managed_allocated += managed_allocated;
	}
	if (c->full || cpu < c->cpu)
		return 0;
	if (initialized) {
		r = space_new(c);
		if (!r)
			return 0;
		r->cpu_number = cpu;
		r->online = online;
		r->size = c->size;
		r->available = available;
		r->allocated = allocated;
		r->managed = managed;
		r->managed_allocated = managed_allocated;
		emit_submit(r);
	}
	c->cpu = cpu + 1;
	return 0;
}

static __always_inline void space_all(struct space_context *c)
{
	struct irq_matrix *matrix = (void *)c->matrix;
	struct record_space *r = space_new(c);

	if (!r)
		return;
	r->cpu_number = ~0;
	r->online = BPF_CORE_READ(matrix, online_maps);
	r->size = c->size * r->online;
	r->available = BPF_CORE_READ(matrix, global_available);
	r->allocated = BPF_CORE_READ(matrix, total_allocated);
	r->managed = c->managed;
	r->managed_allocated = c->managed_allocated;
	r->reserved = BPF_CORE_READ(matrix, global_reserved);
	emit_submit(r);
}

__noinline int space_emit(u64 *cpu, u32 *emitted)
{
	struct space_context c = {};
	struct irq_matrix *matrix;

	if (!cpu || !emitted)
		return SNAPSHOT_CUT;
	/* another architecture: there is no such thing, and that is all of it */
	if (!bpf_core_type_exists(struct irq_matrix))
		return SNAPSHOT_DONE;
	if (roots.vector_matrix)
		READ(c.matrix, (void *)roots.vector_matrix);
	if (!c.matrix || !roots.per_cpu_offset)
		return SNAPSHOT_NO_ROOT;
	c.cpu = *cpu;
	c.emitted = zero;
	c.full = zero;
	c.managed = zero;
	c.managed_allocated = zero;
	matrix = (void *)c.matrix;
	c.maps = addr(BPF_CORE_READ(matrix, maps));
	c.size = BPF_CORE_READ(matrix, alloc_size) - BPF_CORE_READ(matrix, systembits_inalloc);
	bpf_loop(n_cpus, space_cpu, &c, 0);
	if (!c.full)
		space_all(&c);
	*cpu = c.cpu;
	*emitted = c.emitted;
	return c.full ? SNAPSHOT_FULL : SNAPSHOT_DONE;
}
