// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as the file that keeps policies. Those that make sense are taken, and written again
 * they are what was taken: nothing else comes out of the file a second time.
 */
#include "fuzz.h"
#include "guard-file.h"
#include "guard.h"

static void protect(uint32_t irq, bool protect, void *userdata)
{
	(void)irq, (void)protect, (void)userdata;
	abort(); /* there is no vector */
}

static int set(uint32_t irq, const char *cpus, void *userdata)
{
	(void)irq, (void)cpus, (void)userdata;
	abort();
}

static void tell(json_t *event, void *userdata)
{
	(void)userdata;
	json_decref(event);
}

static struct guard *load(const json_t *saved, bool same_boot, unsigned int *ret_bad)
{
	static const struct guard_actions actions = { protect, set, tell, NULL };
	struct guard *guard;

	require(guard_new(&actions, &guard) == 0);
	*ret_bad = guard_load(guard, saved, same_boot);
	return guard;
}

static void check_again(const struct guard *guard)
{
	json_auto_t *kept = guard_save(guard);
	json_auto_t *file = NULL;
	json_auto_t *again = NULL;
	unsigned int bad;
	struct guard *other;

	require(kept && guard_file_write(fuzz_directory(), kept) == 0);
	require(guard_file_read(fuzz_directory(), &file) == 0);
	require(json_equal(kept, file));
	other = load(file, true, &bad);
	require(!bad);
	again = guard_save(other);
	require(json_equal(kept, again));
	guard_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_auto_t *saved = NULL;
	struct guard *guard;
	unsigned int bad;
	char path[128];
	int r;

	snprintf(path, sizeof(path), "%s/guard.json", fuzz_directory());
	if (!size) {
		unlink(path);
		require(guard_file_read(fuzz_directory(), &saved) == -ENOENT);
		require(guard_file_read(path, &saved) == -ENOENT && !saved);
		return 0;
	}
	fuzz_write_file(AT_FDCWD, path, data, size);
	r = guard_file_read(fuzz_directory(), &saved);
	require(r == 0 ? json_is_object(saved) : r == -EBADMSG && !saved);
	if (r < 0)
		return 0;
	guard = load(saved, true, &bad);
	check_again(guard);
	guard_free(guard);
	guard = load(saved, false, &bad);
	check_again(guard);
	guard_free(guard);
	return 0;
}
