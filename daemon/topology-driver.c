// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Drivers whose absence explains why something is not there: no CXL PMU without cxl_pmu, no port
 * services without pcieport. The kernel announces that one comes or goes (uevents of the subsystem
 * "drivers"), but all four are so quickly looked at that it does not matter which it was.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "topology-state.h"

static const struct {
	const char *bus, *name;
} drivers[] = {
	{ "cxl", "cxl_pmu" },
	{ "cxl", "cxl_mem" },
	{ "pci", "cxl_pci" },
	{ "pci", "pcieport" },
};
_Static_assert(sizeof(drivers) / sizeof(*drivers) == TOPOLOGY_DRIVERS, "one each");

int topology_read_drivers(struct topology *t, bool all, uint64_t now_ns)
{
	for (size_t i = 0; i < TOPOLOGY_DRIVERS; i++) {
		struct record_driver record = {
			.header = topology_header(RECORD_DRIVER, sizeof(record), now_ns),
		};
		enum topology_driver state;
		char path[64];
		int r;

		snprintf(path, sizeof(path), "sys/bus/%s/drivers/%s", drivers[i].bus,
			 drivers[i].name);
		state = faccessat(t->root_fd, path, F_OK, 0) == 0 ? TOPOLOGY_DRIVER_PRESENT :
								    TOPOLOGY_DRIVER_ABSENT;
		if (state == t->drivers[i] && !all)
			continue;
		t->drivers[i] = state;
		record.present = state == TOPOLOGY_DRIVER_PRESENT;
		FIELD_SET(t, record.bus, drivers[i].bus);
		FIELD_SET(t, record.name, drivers[i].name);
		r = topology_tell(t, &record.header);
		if (r < 0)
			return r;
	}
	return 0;
}
