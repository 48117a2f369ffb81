// SPDX-License-Identifier: GPL-2.0-or-later
/* What each CXL PMU can count, told right after the PMU itself. */
#include "pmu.h"
#include "topology-state.h"

struct telling {
	struct topology *t;
	struct record_pmu_event record;
	int r; /* of the emitter */
};

static int tell_entry(const char *name, const char *text, void *userdata)
{
	struct telling *telling = userdata;
	struct topology *t = telling->t;

	FIELD_SET(t, telling->record.name, name);
	FIELD_SET(t, telling->record.value, text);
	telling->r = topology_tell(t, &telling->record.header);
	return telling->r;
}

int topology_tell_pmu_events(struct topology *t, const char *name, uint64_t now_ns)
{
	static const char *const folders[] = {
		[RECORD_PMU_EVENT_EVENT] = "events", [RECORD_PMU_EVENT_FORMAT] = "format"
	};
	struct telling telling = { .t = t };

	telling.record.header = topology_header(RECORD_PMU_EVENT, sizeof(telling.record), now_ns);
	FIELD_SET(t, telling.record.pmu, name);
	for (uint32_t kind = 0; kind < RECORD_PMU_EVENT_KIND_MAX && telling.r >= 0; kind++) {
		telling.record.kind = kind;
		/* one that goes away while it is read is gone: the next read tells */
		pmu_list_entries(t->root_fd, name, folders[kind], tell_entry, &telling);
	}
	return telling.r;
}
