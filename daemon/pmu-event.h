/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the words of an event to those of perf_event_open(), by the formats and events that a PMU
 * has in sysfs. It is perf's own reading of them (tools/perf/util/pmu.c): terms that name bits are
 * put together by "or", config=, config1= and config2= set the whole word, an event stands for the
 * terms in its file. Nothing is implied: hdm= without hdm_filter_en filters nothing, as there.
 * Pure, and non-logging.
 */
#ifndef CXLIRQD_PMU_EVENT_H
#define CXLIRQD_PMU_EVENT_H

#include "pmu-item.h"

#define PMU_WORDS 3 /* config, config1, config2 */
#define PMU_LABEL_MAX 128U /* with the NUL */

/* format/NAME: "config1:0-15" */
struct pmu_format {
	char name[64];
	uint32_t word;
	uint64_t bits;
};

/* events/NAME: "config=0x1e98000000000001" */
struct pmu_alias {
	char name[64];
	char terms[128];
};

struct pmu_vocabulary {
	struct pmu_format *formats;
	size_t n_formats;
	struct pmu_alias *aliases;
	size_t n_aliases;
};

struct pmu_event {
	uint64_t config[PMU_WORDS];
	char label[PMU_LABEL_MAX];
};

/* -EINVAL: @text is no format, or one of a word that is not known here. */
int pmu_format_parse(const char *name, const char *text, struct pmu_format *ret);

/*
 * What the item is called: by its name=, or else as it was asked for. @event: one that comes
 * besides its terms, or NULL.
 */
void pmu_event_label(const struct pmu_item *item, const char *event, char ret_label[PMU_LABEL_MAX]);

/* NULL: this PMU has none of that name. */
const struct pmu_alias *pmu_alias_find(const struct pmu_vocabulary *pmu, const char *name);

/*
 * -ENOENT: the PMU has no such event or term, -EINVAL: a term's value is none of its; @ret_reason
 * names it, and what would be valid. @event: as above.
 */
int pmu_event_resolve(const struct pmu_vocabulary *pmu, const struct pmu_item *item,
		      const char *event, struct pmu_event *ret, char ret_reason[PMU_REASON_MAX]);

#endif
