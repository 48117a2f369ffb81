// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prints a line for each BPF program that the kernel holds:
 *   NAME VERIFIED TRANSLATED
 * NAME is whole, VERIFIED how many instructions the verifier walked through until it believed in the
 * program (bpf_prog_info.verified_insns, since Linux 5.16), TRANSLATED how many it then has.
 *
 * A witness for the tests: it asks the kernel, by bpf(2) alone, so that it is built for another
 * architecture like any other static program. bpftool is not: it would have to come from there, and
 * does not print the first number. The kernel cuts a program's own name after 15 letters, where
 * "doorbell_allocating" and "doorbell_allocated" are the same; so the name is that of its function in
 * its type information.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int fd_of(int command, __u32 id)
{
	union bpf_attr attr = { .prog_id = id }; /* btf_id stands in the same place */

	return bpf(command, &attr);
}

static int info_of(int fd, void *info, __u32 size)
{
	union bpf_attr attr = { .info = { .bpf_fd = (__u32)fd,
					  .info_len = size,
					  .info = (__u64)(unsigned long)info } };

	return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

/* The bytes that follow a type: as many as its kind has. */
static size_t tail_of(const struct btf_type *type)
{
	size_t n = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG: return 4;
	case BTF_KIND_ARRAY: return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return n * sizeof(struct btf_member);
	case BTF_KIND_ENUM: return n * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64: return n * 12;
	case BTF_KIND_FUNC_PROTO: return n * sizeof(struct btf_param);
	case BTF_KIND_DATASEC: return n * sizeof(struct btf_var_secinfo);
	default: return 0;
	}
}

/* The name of type @id in @types, which the kernel has checked when it was loaded */
static const char *name_in(const char *types, __u32 id)
{
	const struct btf_header *header = (const void *)types;
	const char *at = types + header->hdr_len + header->type_off;
	const char *end = at + header->type_len;

	for (__u32 n = 1; at < end; n++) {
		const struct btf_type *type = (const void *)at;

		if (n == id)
			return types + header->hdr_len + header->str_off + type->name_off;
		at += sizeof(*type) + tail_of(type);
	}
	return NULL;
}

/* Prints the name of function type @id of the type information @btf. 0, or -1 with errno set */
static int print_name(__u32 btf, __u32 id)
{
	struct bpf_btf_info info = {};
	int fd = fd_of(BPF_BTF_GET_FD_BY_ID, btf);
	const char *name;
	char *types;

	if (fd < 0 || info_of(fd, &info, sizeof(info)) < 0)
		return -1;
	types = malloc(info.btf_size);
	info = (struct bpf_btf_info){ .btf = (__u64)(unsigned long)types,
				      .btf_size = info.btf_size };
	if (!types || info_of(fd, &info, sizeof(info)) < 0)
		return -1;
	close(fd);
	name = name_in(types, id);
	printf("%s", name ?: "?");
	free(types);
	return 0;
}

static int print_program(__u32 id)
{
	struct bpf_func_info functions[64];
	struct bpf_prog_info info = {};
	int fd = fd_of(BPF_PROG_GET_FD_BY_ID, id);
	__u32 btf, n, verified, translated;

	if (fd < 0 || info_of(fd, &info, sizeof(info)) < 0)
		return -1;
	btf = info.btf_id;
	n = info.nr_func_info;
	verified = info.verified_insns;
	translated = info.xlated_prog_len / sizeof(struct bpf_insn);
	if (!n || n > sizeof(functions) / sizeof(*functions) ||
	    info.func_info_rec_size != sizeof(*functions)) {
		errno = ENODATA;
		return -1;
	}
	info = (struct bpf_prog_info){ .nr_func_info = n,
				       .func_info_rec_size = sizeof(*functions),
				       .func_info = (__u64)(unsigned long)functions };
	if (info_of(fd, &info, sizeof(info)) < 0 || print_name(btf, functions[0].type_id) < 0)
		return -1;
	close(fd);
	printf(" %u %u\n", verified, translated);
	return 0;
}

int main(void)
{
	union bpf_attr attr = {};

	while (bpf(BPF_PROG_GET_NEXT_ID, &attr) >= 0) {
		if (print_program(attr.next_id) < 0) {
			fprintf(stderr, "programs: %u: %s\n", attr.next_id, strerror(errno));
			return 1;
		}
		attr = (union bpf_attr){ .start_id = attr.next_id };
	}
	if (errno != ENOENT) {
		fprintf(stderr, "programs: %s\n", strerror(errno));
		return 1;
	}
	return 0;
}
