// SPDX-License-Identifier: GPL-2.0-or-later
#include "resident.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * A segment that was never writable is what the file has, for neither amd64 nor arm64 has relocations in
 * code. What is relocated and then made read-only (PT_GNU_RELRO) lies in a writable one, and stays.
 */
static int forget_object(struct dl_phdr_info *object, size_t size, void *userdata)
{
	uintptr_t page = *(const uintptr_t *)userdata;

	(void)size;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t begin = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_filesz;

		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
			(void)madvise((void *)begin, end - begin, MADV_DONTNEED);
	}
	return 0;
}

void resident_forget_start(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	malloc_trim(0);
	dl_iterate_phdr(forget_object, &page);
}
