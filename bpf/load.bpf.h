/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the kernel's memory is read. Where an object is, hooks are told as a number. Since 6.2 the
 * verifier lets a program say which kernel type stands there, and then every field is one load, which gives
 * 0 where there is no such memory; before, each field is a call of a helper, some hundred instructions.
 * Both ways go by the running kernel's own offsets.
 *
 * For one file only: libbpf's linker before 1.5 does not join objects that call the same kernel function.
 */
#ifndef CXLIRQD_LOAD_BPF_H
#define CXLIRQD_LOAD_BPF_H

#include "kernel.bpf.h"

/* The verifier's own list of what it knows of: whether it has the call is told by the kernel's types alone. */
enum special_kfunc_type {
	KF_bpf_rdonly_cast,
};

extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

#define CAN_LOAD bpf_core_enum_value_exists(enum special_kfunc_type, KF_bpf_rdonly_cast)

/* The object of a kernel type at an address (a number, or a pointer of any kind) */
#define OBJECT(type, address)                                                                      \
	({                                                                                         \
		type *__object = (void *)(address);                                                \
		if (CAN_LOAD)                                                                      \
			__object = bpf_rdonly_cast(__object, bpf_core_type_id_kernel(type));       \
		__object;                                                                          \
	})

/* A field of an OBJECT(), or of what such a field points to */
#define LOAD(object, field) (CAN_LOAD ? (object)->field : BPF_CORE_READ((object), field))

/* The word at an address: read as the first field of a type that every kernel knows */
#define LOAD_WORD(address) ((u64)OBJECT(struct timespec64, address)->tv_sec)

/*
 * The string at @address (0: none) into @to, an array of 16, 32, 48 or 64 bytes, in words: a call that
 * copies it byte by byte takes several times as long. What is behind its end is not told. A word of zeros may
 * be the end of memory instead of the string's: then the call decides.
 */
#define LOAD_STRING(to, address) load_string((to), sizeof(to), (u64)(address))

/* False: the string goes on. */
static __always_inline bool load_string_word(char *to, const u32 size, u64 address, const u32 at)
{
	u64 word = LOAD_WORD(address + at);
	u64 ends = (word - 0x0101010101010101) & ~word & 0x8080808080808080;

	if (!word) {
		bpf_probe_read_kernel_str(to, size, (void *)address);
		return true;
	}
	if (ends)
		word &= (ends ^ (ends - 1)) >> 8;
	*(u64 *)(to + at) = word;
	return ends;
}

static __always_inline bool load_string_words(char *to, const u32 size, u64 address, const u32 at)
{
	return load_string_word(to, size, address, at) ||
	       load_string_word(to, size, address, at + 8);
}

/* No loop: before 6.2 the verifier takes none that is laid out as this one would be, even where it never runs. */
static __always_inline void load_string(char *to, const u32 size, u64 address)
{
	if (!address)
		return;
	if (!CAN_LOAD) {
		bpf_probe_read_kernel_str(to, size, (void *)address);
		return;
	}
	if (load_string_words(to, size, address, 0) ||
	    (size > 16 && load_string_words(to, size, address, 16)) ||
	    (size > 32 && load_string_words(to, size, address, 32)) ||
	    (size > 48 && load_string_words(to, size, address, 48)))
		return;
	to[size - 1] = '\0';
}

#endif
