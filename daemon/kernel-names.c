// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * BTF alone is no proof that a function can be attached to: the compiler may have kept only a
 * renamed part of it (".part.0"), or two static functions may share a name. So the symbol table is
 * asked too; its names are readable also where its addresses are not.
 */
#include "kernel-names.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cxlirqd/cleanup.h>
#include <cxlirqd/record.h>

struct symbol {
	char *name;
	unsigned int count; /* how often the kernel image has it */
};

struct enumerator {
	uint32_t kind, value;
	char name[40];
};

struct kernel_names {
	struct btf *btf;
	struct symbol *symbols; /* sorted */
	size_t n_symbols;
	struct enumerator *enumerators;
	size_t n_enumerators;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct symbol *)a)->name, ((const struct symbol *)b)->name);
}

static struct symbol *symbol_find(const struct kernel_names *names, char *name)
{
	struct symbol key = { .name = name };

	return bsearch(&key, names->symbols, names->n_symbols, sizeof(*names->symbols), by_name);
}

/* "ffffffff81000000 T name", and "\t[module]" after it for what is not in the image */
static void count_line(struct kernel_names *names, char *line)
{
	char *type = strchr(line, ' '), *name;
	struct symbol *symbol;

	if (!type || !type[1] || !strchr("tTwW", type[1]) || type[2] != ' ')
		return;
	name = type + 3;
	if (strchr(name, '\t'))
		return;
	name[strcspn(name, "\n")] = 0;
	symbol = symbol_find(names, name);
	if (symbol)
		symbol->count++;
}

/* A unit that hides the table (ProtectKernelTunables=) brings it to another place. */
static int count_symbols(struct kernel_names *names)
{
	const char *path = secure_getenv("CXLIRQD_KALLSYMS");
	_cleanup_fclose_ FILE *file = fopen(path && *path ? path : "/proc/kallsyms", "re");
	char line[1024];
	bool any = false;

	if (!file)
		return -errno;
	for (; fgets(line, sizeof(line), file); any = true)
		count_line(names, line);
	return any ? 0 : -ENODATA;
}

static int want(struct kernel_names *names, const char *const *wanted, size_t n)
{
	names->symbols = calloc(n ?: 1, sizeof(*names->symbols));
	if (!names->symbols)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		names->symbols[i].name = strdup(wanted[i]);
		if (!names->symbols[i].name)
			return -ENOMEM;
		names->n_symbols++;
	}
	qsort(names->symbols, n, sizeof(*names->symbols), by_name);
	return 0;
}

/* "PREFIX_PCI_MSI" and "PREFIX_FLAG_PCI_MSI" become "pci-msi". */
static bool shorten(const char *name, const char *prefix, char *ret_short, size_t size)
{
	size_t i;

	if (strncmp(name, prefix, strlen(prefix)))
		return false;
	name += strlen(prefix);
	if (!strncmp(name, "FLAG_", 5))
		name += 5;
	for (i = 0; name[i] && i + 1 < size; i++)
		ret_short[i] = name[i] == '_' ? '-' : (char)tolower((unsigned char)name[i]);
	ret_short[i] = 0;
	return true;
}

static int read_enumerators(struct kernel_names *names, const struct btf_type *type, uint32_t kind,
			    const char *prefix)
{
	const struct btf_enum *values = btf_enum(type);
	struct enumerator *grown;

	grown = reallocarray(names->enumerators, names->n_enumerators + btf_vlen(type),
			     sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	names->enumerators = grown;
	for (uint16_t i = 0; i < btf_vlen(type); i++) {
		struct enumerator *e = &names->enumerators[names->n_enumerators];

		if (!shorten(btf__name_by_offset(names->btf, values[i].name_off), prefix, e->name,
			     sizeof(e->name)))
			continue;
		e->kind = kind;
		e->value = (uint32_t)values[i].val;
		names->n_enumerators++;
	}
	return 0;
}

/* The domain flags stand in an enum without a name. */
static const struct btf_type *type_with_enumerator(const struct btf *btf, const char *prefix)
{
	for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);

		if (!btf_is_enum(type) || !btf_vlen(type))
			continue;
		if (!strncmp(btf__name_by_offset(btf, btf_enum(type)[0].name_off), prefix,
			     strlen(prefix)))
			return type;
	}
	return NULL;
}

/* most are called IRQ_DOMAIN_FLAG_SOMETHING, one IRQ_DOMAIN_NAME_ALLOCATED */
#define FLAG_PREFIX "IRQ_DOMAIN_"
#define TOKEN_PREFIX "DOMAIN_BUS_"

static int read_types(struct kernel_names *names)
{
	const struct btf_type *flags;
	int token, r;

	names->btf = btf__load_vmlinux_btf();
	r = (int)libbpf_get_error(names->btf);
	if (r) {
		names->btf = NULL;
		/* so says libbpf when it has looked everywhere */
		return r == -ESRCH ? -ENOENT : r;
	}
	token = btf__find_by_name_kind(names->btf, "irq_domain_bus_token", BTF_KIND_ENUM);
	if (token >= 0) {
		r = read_enumerators(names, btf__type_by_id(names->btf, (uint32_t)token),
				     RECORD_NAME_BUS_TOKEN, TOKEN_PREFIX);
		if (r < 0)
			return r;
	}
	flags = type_with_enumerator(names->btf, FLAG_PREFIX);
	return flags ? read_enumerators(names, flags, RECORD_NAME_DOMAIN_FLAG, FLAG_PREFIX) : 0;
}

int kernel_names_new(const char *const *wanted, size_t n, struct kernel_names **ret,
		     const char **ret_what)
{
	struct kernel_names *names = calloc(1, sizeof(*names));
	const char *what = "names of functions";
	int r = names ? want(names, wanted, n) : -ENOMEM;

	if (r >= 0) {
		what = "this kernel's type information (BTF, /sys/kernel/btf/vmlinux)";
		r = read_types(names);
	}
	if (r >= 0) {
		what = "this kernel's symbols (/proc/kallsyms)";
		r = count_symbols(names);
	}
	if (r < 0) {
		kernel_names_free(names);
		*ret_what = what;
		return r;
	}
	*ret = names;
	return 0;
}

void kernel_names_forget(struct kernel_names *names)
{
	for (size_t i = 0; i < names->n_symbols; i++)
		free(names->symbols[i].name);
	free(TAKE_PTR(names->symbols));
	names->n_symbols = 0;
	btf__free(TAKE_PTR(names->btf));
}

struct kernel_names *kernel_names_free(struct kernel_names *names)
{
	if (!names)
		return NULL;
	kernel_names_forget(names);
	free(names->enumerators);
	free(names);
	return NULL;
}

bool kernel_names_function(const struct kernel_names *names, const char *function)
{
	const struct symbol *symbol = symbol_find(names, (char *)function);

	return symbol && symbol->count == 1 &&
	       btf__find_by_name_kind(names->btf, function, BTF_KIND_FUNC) >= 0;
}

bool kernel_names_tracepoint(const struct kernel_names *names, const char *tracepoint)
{
	char type[128];

	snprintf(type, sizeof(type), "btf_trace_%s", tracepoint);
	return btf__find_by_name_kind(names->btf, type, BTF_KIND_TYPEDEF) >= 0;
}

void kernel_names_enumerate(const struct kernel_names *names, kernel_names_fn fn, void *userdata)
{
	for (size_t i = 0; i < names->n_enumerators; i++)
		fn(names->enumerators[i].kind, names->enumerators[i].value,
		   names->enumerators[i].name, userdata);
}
