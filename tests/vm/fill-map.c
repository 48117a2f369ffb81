// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Takes all the room of a BPF hash map, with keys that nobody else uses: numbers from the highest down.
 *   fill-map NAME              NAME as the kernel has it, 15 letters at most; the only map of that name
 * Prints how many it put there. It asks the kernel by bpf(2) alone, as programs.c does.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* The map of this name, or -1. */
static int find(const char *name, struct bpf_map_info *ret)
{
	union bpf_attr next = {};

	while (bpf(BPF_MAP_GET_NEXT_ID, &next) >= 0) {
		union bpf_attr by_id = { .map_id = next.next_id };
		int fd = bpf(BPF_MAP_GET_FD_BY_ID, &by_id);
		union bpf_attr about = { .info = { .bpf_fd = (__u32)fd,
						   .info_len = sizeof(*ret),
						   .info = (__u64)(unsigned long)ret } };

		*ret = (struct bpf_map_info){};
		if (fd >= 0 && bpf(BPF_OBJ_GET_INFO_BY_FD, &about) >= 0 &&
		    strcmp(ret->name, name) == 0)
			return fd;
		if (fd >= 0)
			close(fd);
		next = (union bpf_attr){ .start_id = next.next_id };
	}
	return -1;
}

int main(int argc, char *argv[])
{
	unsigned long long key = ~0ULL;
	struct bpf_map_info info;
	union bpf_attr attr = {};
	unsigned int n = 0;
	void *value;
	int fd;

	if (argc != 2)
		return 2;
	fd = find(argv[1], &info);
	value = fd < 0 ? NULL : calloc(1, info.value_size);
	if (!value || info.key_size > sizeof(key)) {
		fprintf(stderr, "fill-map: %s: there is no such map\n", argv[1]);
		return 1;
	}
	attr.map_fd = (__u32)fd;
	attr.key = (__u64)(unsigned long)&key;
	attr.value = (__u64)(unsigned long)value;
	while (bpf(BPF_MAP_UPDATE_ELEM, &attr) >= 0) {
		n++;
		key--;
	}
	if (errno != E2BIG) {
		perror("fill-map");
		return 1;
	}
	printf("%u\n", n);
	return 0;
}
