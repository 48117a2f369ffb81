/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the running kernel's type information and symbol table call things. */
#ifndef CXLIRQD_KERNEL_NAMES_H
#define CXLIRQD_KERNEL_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernel_names;

/*
 * Reads type information and, for the @n functions in @wanted (borrowed during the call), the
 * symbol table, /proc/kallsyms or the file that $CXLIRQD_KALLSYMS names. -ENOENT without BTF,
 * -ENODATA: the table is empty; -ENOMEM, or what libbpf says; then @ret_what is what could not be
 * read, for people. The caller frees it.
 */
int kernel_names_new(const char *const *wanted, size_t n, struct kernel_names **ret,
		     const char **ret_what);
struct kernel_names *kernel_names_free(struct kernel_names *names);

/* The function is in BTF and in the symbol table under this very name, once. */
bool kernel_names_function(const struct kernel_names *names, const char *function);
bool kernel_names_tracepoint(const struct kernel_names *names, const char *tracepoint);

/*
 * Enumerators that differ between kernels: irq_domain bus tokens ("pci-device-msix") and domain
 * flags ("msi-immutable"); @kind is enum record_name_kind. Works also after the next function.
 */
typedef void (*kernel_names_fn)(uint32_t kind, uint32_t value, const char *name, void *userdata);
void kernel_names_enumerate(const struct kernel_names *names, kernel_names_fn fn, void *userdata);

/* Gives back what is large. Functions and tracepoints are unknown afterwards. */
void kernel_names_forget(struct kernel_names *names);

#endif
