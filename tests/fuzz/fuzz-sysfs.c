// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What sysfs and procfs say, in a tree of a few devices: the pieces of the input (with NULs
 * between them) are the contents of its files, in the order of the table, then names of
 * interrupts, of a PMU and its words, of a driver. Whatever they hold, what is told are sound
 * records, of which the model makes a state, and what a PMU can count fits the words that it has.
 */
#include <ctype.h>

#include "decode.h"
#include "fuzz.h"
#include "model.h"
#include "pmu.h"
#include "sysfs.h"
#include "topology-state.h"

#define FUNCTION "sys/devices/pci0000:00/0000:00:01.0"
#define PMU "sys/devices/pmu_mem0.0/cxl_pmu_mem0.0"
#define IRQ "sys/kernel/irq/30"
#define PROC "proc/irq/30"

static const char *const directories[] = { "sys",
					   "sys/bus",
					   "sys/bus/pci",
					   "sys/bus/pci/devices",
					   "sys/bus/event_source",
					   "sys/bus/event_source/devices",
					   "sys/devices",
					   "sys/devices/pci0000:00",
					   FUNCTION,
					   FUNCTION "/msi_irqs",
					   FUNCTION "/power",
					   "sys/devices/pmu_mem0.0",
					   PMU,
					   PMU "/format",
					   PMU "/events",
					   "sys/kernel",
					   "sys/kernel/irq",
					   IRQ,
					   "proc",
					   "proc/irq",
					   PROC,
					   NULL };

static const char *const files[] = { FUNCTION "/class",
				     FUNCTION "/power/runtime_status",
				     IRQ "/hwirq",
				     IRQ "/per_cpu_count",
				     IRQ "/chip_name",
				     IRQ "/actions",
				     PROC "/smp_affinity_list",
				     PROC "/effective_affinity_list",
				     PMU "/type",
				     PMU "/cpumask",
				     PMU "/format/mask",
				     PMU "/format/threshold",
				     PMU "/events/clock_ticks",
				     PMU "/events/memrd",
				     NULL };

/* Names that the input gives; what has one is a file, and gone with it. */
static const char *const named[] = { FUNCTION "/msi_irqs", FUNCTION "/msi_irqs",
				     PMU "/events",	   PMU "/format",
				     "sys/kernel/irq",	   "sys/bus/event_source/devices",
				     FUNCTION "/driver",   NULL };

#define A_PMU 5 /* a link to the one that there is */
#define A_DRIVER 6 /* a link to somewhere that is called so */

static int root = -EBADF;

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	root = open(fuzz_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; directories[i]; i++)
		require(mkdirat(root, directories[i], 0700) == 0);
	fuzz_write_file(root, FUNCTION "/uevent", "", 0);
	fuzz_write_file(root, FUNCTION "/msi_irqs/30", "msi", 3);
	require(!symlinkat("../../../devices/pci0000:00/0000:00:01.0", root,
			   "sys/bus/pci/devices/0000:00:01.0"));
	require(!symlinkat("../../../devices/pmu_mem0.0/cxl_pmu_mem0.0", root,
			   "sys/bus/event_source/devices/cxl_pmu_mem0.0"));
	return 0;
}

static int on_record(const struct record_header *record, void *userdata)
{
	struct event event;

	require(decode(record, record->size, &event) == (int)record->size);
	model_apply(userdata, &event);
	return 0;
}

/* Twice, and what has a name of the input's is not there any more. */
static void read_topology(char paths[][512])
{
	struct topology *topology;
	struct model *model;
	json_t *json;

	require(model_new(&MODEL_LIMITS_DEFAULT, NULL, NULL, &model) == 0);
	require(topology_new(fuzz_directory(), on_record, model, &topology) == 0);
	for (uint64_t now = 1; now <= 2; now++) {
		(void)topology_read(topology, now);
		(void)topology_read_irqs(topology, now);
		for (size_t i = 0; named[i]; i++)
			if (*paths[i])
				unlinkat(root, paths[i], 0);
	}
	json = model_to_json(model);
	require(json_array_size(json_object_get(json, "devices")) > 0);
	json_decref(json);
	topology_free(topology);
	model_free(model);
}

static void check_pmu(const struct pmu_device *pmu)
{
	require(strnlen(pmu->name, sizeof(pmu->name)) < sizeof(pmu->name) && pmu->cpu >= 0);
	require(pmu->words.n_formats <= PMU_FORMATS_MAX && pmu->words.n_aliases <= PMU_ALIASES_MAX);
	for (size_t i = 0; i < pmu->words.n_formats; i++)
		require(pmu->words.formats[i].bits && pmu->words.formats[i].word < PMU_WORDS);
}

static void read_pmus(void)
{
	struct pmu_table *pmus;

	require(pmu_table_new(fuzz_directory(), 1, &pmus) == 0);
	require(pmu_table_read(pmus) == 0);
	for (size_t i = 0; i < pmus->n; i++) {
		check_pmu(&pmus->devices[i]);
		require(pmu_table_find(pmus, pmus->devices[i].name) != NULL);
	}
	pmu_table_free(pmus);
}

/* Digits, and as the kernel writes them the same text again */
static void check_irq(const char *text)
{
	char again[16];
	uint32_t irq;

	if (!sysfs_parse_irq(text, &irq))
		return;
	snprintf(again, sizeof(again), "%u", irq);
	require(irq <= INT32_MAX && text[strspn(text, "0123456789")] == '\0');
	require(!strcmp(again, text + strspn(text, "0")) || (irq == 0 && !text[strspn(text, "0")]));
}

/* Makes what has that name; @path is "" if there is none such. */
static void make_named(size_t i, struct fuzz_piece name, char path[static 512])
{
	_cleanup_free_ char *text = fuzz_text(name.data, name.size);
	char target[512];

	if (!*text || *text == '.' || strchr(text, '/') || strlen(text) > 200)
		return;
	check_irq(text);
	if (i == A_DRIVER)
		snprintf(path, 512, "%s", named[i]);
	else
		snprintf(path, 512, "%s/%s%s", named[i], i == A_PMU ? "cxl_pmu_" : "", text);
	if (faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		*path = '\0';
		return;
	}
	snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s", text);
	/* or something else than that link */
	if (i == A_PMU && *text != '-')
		require(!symlinkat("../../../devices/pmu_mem0.0/cxl_pmu_mem0.0", root, path));
	else if (i == A_DRIVER)
		require(!symlinkat(target, root, path));
	else
		fuzz_write_file(root, path, "config:0-63", 11);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char paths[sizeof(named) / sizeof(*named)][512] = {};
	struct fuzz_piece rest = { data, size };

	for (size_t i = 0; files[i]; i++) {
		struct fuzz_piece text = fuzz_cut(&rest, 0);

		fuzz_write_file(root, files[i], text.data, text.size);
	}
	for (size_t i = 0; named[i]; i++)
		make_named(i, fuzz_cut(&rest, 0), paths[i]);
	read_pmus();
	read_topology(paths);
	return 0;
}
