/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What drivers ask of a PCI function's vectors, and what they are answered. The kernel tells a
 * driver's refusal at most to the driver itself.
 *
 * A driver comes in by pci_alloc_irq_vectors_affinity() (pci_alloc_irq_vectors() calls it or jumps
 * there in every kernel looked at, so that one is not hooked as well), which tries MSI-X, then MSI,
 * then the INTx pin; or by one of the older calls, each of which goes straight to one of the two
 * inner functions. Every question has a record before and one after its answer: those of the inner
 * functions stand between those of the outer one, on the same task. That the inner ones are real
 * calls was seen in the machine code of 6.1, where they are static, of 6.12 and of 7.3.
 *
 * Who asks is told by the stack above the hooked function, for only a driver's own function says
 * which of its parts wanted a vector.
 */
#include "compat.bpf.h"

#define DEMAND_FRAMES 16 /* programs and trampolines are among them */
#define DEMAND_OWN_FRAMES 6 /* so many at most before the hooked function's caller */
#define DEMAND_ENTRY 16 /* the hook's call stands in the function's first bytes */

#define TEXT_BPF_TRAM 0x6d6172745f667062ULL /* "bpf_tram", of "bpf_trampoline_..." */
#define TEXT_IRQ_SHOW 0x776f68735f717269ULL /* "irq_show" */
#define TEXT_NUMBER 0x7830 /* "0x": an address without a symbol */

struct demand_stack {
	u64 function; /* where it begins */
	u64 frames[DEMAND_FRAMES];
	u64 first; /* of the frames: the function's caller; 0 = unknown */
};

/* A symbol, or as much of it as there is room for */
union demand_text {
	char text[16];
	u64 words[2];
};

/* A return address may stand behind the end of its function, so the byte before it is named. */
static __always_inline void demand_symbol(char *dst, u32 size, u64 frame)
{
	static const char format[] = "%ps";
	u64 argument = frame - 1;

	bpf_snprintf(dst, size, format, &argument, sizeof(argument));
}

/*
 * The program's frame comes first, then the trampoline's that called it, then the hooked function
 * itself, unless it jumps to its trampoline as newer x86 kernels let it: what follows is its
 * caller. Always 0.
 */
int demand_find_caller(struct demand_stack *s);

__noinline int demand_find_caller(struct demand_stack *s)
{
	if (!s)
		return 0;
	s->first = 0;
#pragma unroll
	for (u32 i = 0; i < DEMAND_OWN_FRAMES; i++) {
		union demand_text name = {};

		demand_symbol(name.text, sizeof(name.text), s->frames[i]);
		if (name.words[0] == TEXT_BPF_TRAM || s->frames[i] - s->function <= DEMAND_ENTRY)
			s->first = i + 1;
		else if (s->first)
			break;
	}
	return 0;
}

static __always_inline void demand_stack_read(void *ctx, struct demand_stack *s)
{
	s->function = bpf_get_func_ip(ctx);
	bpf_get_stack(ctx, s->frames, sizeof(s->frames), 0);
	demand_find_caller(s);
}

/*
 * Whoever reads a PCI function's "irq" in sysfs has the kernel call pci_irq_vector(). Everybody may
 * do so, as often as they like: that is no demand, and must not be able to fill the ring.
 */
static __always_inline bool demand_by_reader(struct demand_stack *s)
{
	union demand_text name = {};
	u64 first = s->first;

	if (!first || first >= DEMAND_FRAMES)
		return false;
	demand_symbol(name.text, sizeof(name.text), s->frames[first]);
	return name.words[0] == TEXT_IRQ_SHOW && !name.text[8];
}

#define DEMAND_WORDS 6

struct demand_name {
	u64 words[DEMAND_WORDS];
};
_Static_assert(sizeof(struct demand_name) == sizeof(((struct record_demand *)0)->callers[0]),
	       "a caller's name");

static __always_inline bool demand_same(const struct demand_name *a, const struct demand_name *b)
{
	u64 differs = 0;

#pragma unroll
	for (u32 i = 0; i < DEMAND_WORDS; i++)
		differs |= a->words[i] ^ b->words[i];
	return !differs;
}

struct demand_context {
	struct record_demand *r;
	struct demand_stack *s;
	u64 n;
	u64 trampoline; /* it came last */
	struct demand_name last;
};

/*
 * A function that is hooked itself stands on the stack up to three times: as what the trampoline called,
 * as the trampoline, and as what called that.
 */
static long demand_caller(u32 i, struct demand_context *c)
{
	u64 n = c->n, at = c->s->first + i;
	struct demand_name name;
	char *dst;

	/* of 64 bits and opaque, so that what is compared is what serves as the index */
	asm volatile("" : "+r"(n), "+r"(at));
	if (at >= DEMAND_FRAMES || n >= RECORD_CALLERS || !c->s->frames[at])
		return 1;
	dst = c->r->callers[n];
	demand_symbol(dst, sizeof(name), c->s->frames[at]);
	__builtin_memcpy(&name, dst, sizeof(name));
	if (name.words[0] == TEXT_BPF_TRAM || (name.words[0] & 0xffff) == TEXT_NUMBER ||
	    (c->trampoline && demand_same(&name, &c->last))) {
		c->trampoline = name.words[0] == TEXT_BPF_TRAM;
		__builtin_memset(dst, 0, sizeof(name));
		return 0;
	}
	c->trampoline = 0;
	c->last = name;
	c->n++;
	return 0;
}

/* Fills callers[]. Always 0. */
int demand_callers(struct record_demand *r, struct demand_stack *s);

__noinline int demand_callers(struct record_demand *r, struct demand_stack *s)
{
	struct demand_context c = { .r = r, .s = s };

	if (!r || !s || !s->first)
		return 0;
	c.n = zero;
	c.trampoline = zero;
	c.last.words[0] = zero;
	bpf_loop(DEMAND_FRAMES, demand_caller, &c, 0);
	return 0;
}

struct demand {
	u64 pdev;
	u32 kind, answered;
	u32 min, max, flags;
	s32 result;
};

static __always_inline int demand_emit(struct demand_stack *s, const struct demand *d)
{
	struct record_demand *r = emit_new(RECORD_DEMAND, struct record_demand);

	if (!r)
		return 0;
	r->kind = d->kind;
	r->answered = d->answered;
	r->min = d->min;
	r->max = d->max;
	r->flags = d->flags;
	r->result = d->result;
	if (d->pdev)
		emit_dev(&r->device, d->pdev + bpf_core_field_offset(struct pci_dev, dev));
	demand_callers(r, s);
	emit_submit(r);
	return 0;
}

static __always_inline int demand_tell(void *ctx, const struct demand *d)
{
	struct demand_stack stack = {};

	demand_stack_read(ctx, &stack);
	return demand_emit(&stack, d);
}

/* (pci_dev, min, max, flags, affinity) */
static __always_inline struct demand demand_any(const u64 *ctx)
{
	struct demand d = { .pdev = addr((void *)ctx[0]), .kind = RECORD_DEMAND_ANY };

	d.min = ctx[1];
	d.max = ctx[2];
	d.flags = ctx[3];
	return d;
}

SEC("?fentry/pci_alloc_irq_vectors_affinity")
int demand_begins(u64 *ctx)
{
	struct demand d = demand_any(ctx);

	return demand_tell(ctx, &d);
}

SEC("?fexit/pci_alloc_irq_vectors_affinity")
int demand_answered(u64 *ctx)
{
	struct demand d = demand_any(ctx);

	d.answered = 1;
	d.result = ctx[5];
	return demand_tell(ctx, &d);
}

/* (pci_dev, entries, min, max, affinity, flags) */
static __always_inline struct demand demand_msix(const u64 *ctx)
{
	struct demand d = { .pdev = addr((void *)ctx[0]), .kind = RECORD_DEMAND_MSIX };

	d.min = ctx[2];
	d.max = ctx[3];
	d.flags = ctx[5];
	return d;
}

SEC("?fentry/__pci_enable_msix_range")
int demand_msix_begins(u64 *ctx)
{
	struct demand d = demand_msix(ctx);

	return demand_tell(ctx, &d);
}

SEC("?fexit/__pci_enable_msix_range")
int demand_msix_answered(u64 *ctx)
{
	struct demand d = demand_msix(ctx);

	d.answered = 1;
	d.result = ctx[6];
	return demand_tell(ctx, &d);
}

/* (pci_dev, min, max, affinity) */
static __always_inline struct demand demand_msi(const u64 *ctx)
{
	struct demand d = { .pdev = addr((void *)ctx[0]), .kind = RECORD_DEMAND_MSI };

	d.min = ctx[1];
	d.max = ctx[2];
	return d;
}

SEC("?fentry/__pci_enable_msi_range")
int demand_msi_begins(u64 *ctx)
{
	struct demand d = demand_msi(ctx);

	return demand_tell(ctx, &d);
}

SEC("?fexit/__pci_enable_msi_range")
int demand_msi_answered(u64 *ctx)
{
	struct demand d = demand_msi(ctx);

	d.answered = 1;
	d.result = ctx[4];
	return demand_tell(ctx, &d);
}

/* (pci_dev, message number) */
SEC("?fexit/pci_irq_vector")
int demand_vector(u64 *ctx)
{
	struct demand d = { .pdev = addr((void *)ctx[0]), .kind = RECORD_DEMAND_VECTOR };
	struct demand_stack stack = {};

	demand_stack_read(ctx, &stack);
	if (demand_by_reader(&stack))
		return 0;
	d.answered = 1;
	d.min = d.max = ctx[1];
	d.result = ctx[2];
	return demand_emit(&stack, &d);
}
