// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What another daemon has left beside its pinned programs: one that is taken makes the same bytes
 * again, and its names can be parts of a path.
 */
#include "fuzz.h"
#include "pin-manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *copy = fuzz_copy(data, size);
	struct pin_manifest manifest;
	void *again = NULL;
	size_t again_size = 0;
	int r = pin_manifest_parse(copy, size, &manifest);

	if (r < 0) {
		require(r == -EBADMSG || r == -EPROTONOSUPPORT);
		free(copy);
		return 0;
	}
	for (uint32_t i = 0; i < manifest.header.n_hooks; i++) {
		const struct pin_hook *hook = &manifest.hooks[i];

		require(strnlen(hook->program, sizeof(hook->program)) < sizeof(hook->program));
		require(*hook->program && !strpbrk(hook->program, "/. "));
		require(strnlen(hook->reason, sizeof(hook->reason)) < sizeof(hook->reason));
	}
	require(pin_manifest_format(&manifest, &again, &again_size) == 0);
	require(again_size <= size && again_size == manifest.header.size);
	require(!memcmp(again, copy, again_size));
	require(pin_manifest_fits(&manifest, manifest.header.object, &manifest.header.knobs));
	free(again);
	free(copy);
	return 0;
}
