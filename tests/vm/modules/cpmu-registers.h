/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The register block of a CXL PMU (CXL 3.0, 8.2.7): offsets, and fields */
#ifndef CPMU_REGISTERS_H
#define CPMU_REGISTERS_H

#include <linux/bitfield.h>
#include <linux/bits.h>

#define CAPABILITY 0x0
#define CAPABILITY_COUNTERS GENMASK_ULL(5, 0) /* less one, as the groups */
#define CAPABILITY_WIDTH GENMASK_ULL(15, 8)
#define CAPABILITY_GROUPS GENMASK_ULL(24, 20)
#define CAPABILITY_FILTERS GENMASK_ULL(39, 32)
#define CAPABILITY_MESSAGE GENMASK_ULL(47, 44)
#define CAPABILITY_WRITABLE_WHEN_FROZEN BIT_ULL(48)
#define CAPABILITY_FREEZE BIT_ULL(49)
#define CAPABILITY_INTERRUPT BIT_ULL(50)
#define OVERFLOW 0x10
#define FREEZE 0x18
#define GROUP(n) (0x100 + 8 * (n))
#define GROUP_EVENTS GENMASK_ULL(31, 0)
#define GROUP_ID GENMASK_ULL(47, 32)
#define GROUP_VENDOR GENMASK_ULL(63, 48)
#define CONFIG(n) (0x200 + 8 * (n))
#define CONFIG_TYPE GENMASK_ULL(1, 0)
#define CONFIG_FIXED 1
#define CONFIG_CONFIGURABLE 2
#define CONFIG_ENABLE BIT_ULL(8)
#define CONFIG_INTERRUPT BIT_ULL(9)
#define CONFIG_FREEZE BIT_ULL(10)
#define CONFIG_EDGE BIT_ULL(11)
#define CONFIG_INVERT BIT_ULL(12)
#define CONFIG_THRESHOLD GENMASK_ULL(23, 16)
#define CONFIG_EVENTS GENMASK_ULL(55, 24)
#define CONFIG_GROUP GENMASK_ULL(63, 59)
#define FILTER(n, f) (0x400 + 4 * ((f) + 8 * (n))) /* 32 bits each */
#define FILTER_HDM 0
#define FILTER_CRB 1
#define FILTER_NONE 0xffffffff
#define COUNTER(n) (0xc00 + 8 * (n))

#endif
