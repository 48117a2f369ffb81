/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device as sysfs shows it. */
#ifndef CXLIRQD_DEVICE_H
#define CXLIRQD_DEVICE_H

#include <jansson.h>
#include <stdint.h>
#include <uthash.h>

#include <cxlirqd/record.h>

#include "feature.h"

struct device {
	char name[64];
	char bus[16];
	char driver[32];
	char module[32];
	char parent[64];
	char class_name[64];
	bool seen_unbound; /* its driver was bound while the daemon listened */
	uint32_t n_sysfs_vectors;
	struct hardware_list hardware;
	UT_hash_handle hh;
};

#endif
