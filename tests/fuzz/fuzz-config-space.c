// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a config space: what is found in them keeps the promises of pci-capability.h, and
 * a record of it can be read again. As many bytes as the input has are given, and not one more, so
 * that the sanitizer sees a read behind the end.
 */
#include "decode.h"
#include "fuzz.h"
#include "pci-capability.h"

#define SPACE_MAX 4096U

/* A feature lies where one can be, and a message number is one that its register can hold. */
static void check_feature(const struct pci_feature *feature)
{
	bool interrupts = feature->flags & RECORD_FEATURE_F_INTERRUPT;

	require(feature->offset % 4 == 0 && feature->offset >= 0x40);
	require(!(feature->flags & ~(uint32_t)RECORD_FEATURE_F_INTERRUPT));
	switch (feature->kind) {
	case RECORD_FEATURE_MSI:
		require(feature->message == -1 && interrupts && feature->offset < 0x100);
		require(feature->value <= 128 && !(feature->value & (feature->value - 1)));
		break;
	case RECORD_FEATURE_MSIX:
		require(feature->message == -1 && interrupts && feature->offset < 0x100);
		require(feature->value >= 1 && feature->value <= 2048);
		break;
	case RECORD_FEATURE_PME:
	case RECORD_FEATURE_HOTPLUG:
	case RECORD_FEATURE_BWCTRL:
		require(feature->message >= 0 && feature->message < 32 && interrupts);
		require(feature->offset < 0x100 && !feature->value);
		break;
	case RECORD_FEATURE_AER:
	case RECORD_FEATURE_DPC:
		require(feature->message >= 0 && feature->message < 32 && interrupts);
		require(feature->offset >= 0x100 && !feature->value);
		break;
	case RECORD_FEATURE_DOE:
		require(interrupts ? feature->message >= 0 && feature->message < 2048 :
				     feature->message == -1);
		require(feature->offset >= 0x100 && !feature->value);
		break;
	case RECORD_FEATURE_CXL_DEVICE:
	case RECORD_FEATURE_CPMU:
		require(feature->message == -1 && !interrupts && feature->offset >= 0x100);
		require(!(feature->value & 0xfff8));
		break;
	default: abort();
	}
}

static void check_record(const struct pci_feature *feature)
{
	struct record_feature record = {
		.header = { .type = RECORD_FEATURE,
			    .version = RECORD_VERSION,
			    .size = sizeof(record) },
		.kind = feature->kind,
		.instance = feature->instance,
		.offset = feature->offset,
		.message = feature->message,
		.flags = feature->flags,
		.value = feature->value,
	};
	struct event event;

	require(decode(&record, sizeof(record), &event) == sizeof(record));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t instances[RECORD_FEATURE_KIND_MAX] = {};
	struct pci_features features = { .n = 12345 };
	uint8_t *copy;
	int r;

	size = size < SPACE_MAX ? size : SPACE_MAX;
	copy = fuzz_copy(data, size);
	r = pci_capability_parse(copy, size, &features);
	free(copy);
	if (r < 0) {
		require(r == -EPERM || r == -ENODEV || r == -EIO);
		require(r != -EPERM || size < 256);
		require(features.n == 12345);
		return 0;
	}
	require(r == 0 && features.n <= PCI_FEATURES_MAX);
	require(!features.refused || features.n == PCI_FEATURES_MAX);
	for (unsigned int i = 0; i < features.n; i++) {
		const struct pci_feature *feature = &features.list[i];

		check_feature(feature);
		check_record(feature);
		require(feature->offset < size);
		require(feature->instance == instances[feature->kind]++);
	}
	return 0;
}
