/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device as sysfs shows it, and its row of the ledger. */
#ifndef CXLIRQD_DEVICE_H
#define CXLIRQD_DEVICE_H

#include <jansson.h>
#include <stdint.h>
#include <uthash.h>

#include <cxlirqd/record.h>

struct model;

struct device {
	char name[64];
	char bus[16];
	char driver[32];
	char module[32];
	char parent[64];
	char class_name[64];
	uint32_t n_sysfs_vectors;
	UT_hash_handle hh;
};

/*
 * The ledger: a row for each device that provides vectors or has a handler, and for each PCI
 * function. New array, NULL without memory.
 */
json_t *device_ledger(const struct model *model);

#endif
