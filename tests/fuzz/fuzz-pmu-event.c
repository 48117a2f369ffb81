// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any text as events, and as the formats and events of a PMU: the first line is what is asked for,
 * each other line is "f NAME BITS" or "e NAME TERMS". What comes of it keeps the promises of
 * pmu-item.h and pmu-event.h.
 */
#include <ctype.h>

#include "fuzz.h"
#include "pmu-event.h"

#define WORDS_MAX 16

static struct pmu_format formats[WORDS_MAX];
static struct pmu_alias aliases[WORDS_MAX];

/* One line, without anything that a terminal or a log would obey */
static void check_reason(const char *reason)
{
	size_t length = strnlen(reason, PMU_REASON_MAX);

	require(length > 0 && length < PMU_REASON_MAX);
	for (size_t i = 0; i < length; i++)
		require(isprint((unsigned char)reason[i]));
}

static void read_word(struct pmu_vocabulary *pmu, char *line)
{
	char *name = line[0] && line[1] ? line + 2 : line, *value = strchr(name, ' ');

	if (!value || strlen(value + 1) >= sizeof(aliases->terms))
		return;
	*value++ = '\0';
	if (strlen(name) >= sizeof(aliases->name))
		return;
	/* names of files, which sysfs makes */
	for (const char *c = name; *c; c++)
		if (!isprint((unsigned char)*c))
			return;
	if (line[0] == 'f' && pmu->n_formats < WORDS_MAX) {
		if (pmu_format_parse(name, value, &formats[pmu->n_formats]) < 0)
			return;
		require(formats[pmu->n_formats].word < PMU_WORDS);
		require(formats[pmu->n_formats].bits);
		pmu->n_formats++;
	} else if (line[0] == 'e' && pmu->n_aliases < WORDS_MAX) {
		strcpy(aliases[pmu->n_aliases].name, name);
		strcpy(aliases[pmu->n_aliases++].terms, value);
	}
}

static void resolve(const struct pmu_vocabulary *pmu, const struct pmu_item *item,
		    const char *before)
{
	char reason[PMU_REASON_MAX] = "";
	struct pmu_event event;
	int r = pmu_event_resolve(pmu, item, before, &event, reason);

	require(r == 0 || r == -ENOENT || r == -EINVAL);
	if (r == 0)
		require(strnlen(event.label, sizeof(event.label)) < sizeof(event.label));
	else
		check_reason(reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pmu_vocabulary pmu = { .formats = formats, .aliases = aliases };
	char *text = fuzz_text(data, size), *rest = text, *asked, *line;
	char reason[PMU_REASON_MAX] = "";
	struct pmu_items items = {};
	int r;

	asked = strsep(&rest, "\n");
	while ((line = strsep(&rest, "\n")))
		read_word(&pmu, line);
	r = pmu_items_parse(&items, asked, reason);
	require(r == 0 || r == -EINVAL || r == -E2BIG);
	require(r < 0 ? items.n == 0 : items.n > 0 && items.n <= PMU_ITEMS_MAX);
	if (r < 0)
		check_reason(reason);
	for (size_t i = 0; i < items.n; i++) {
		require(items.items[i].group <= items.n_groups);
		require(items.items[i].bare == !items.items[i].pmu[0]);
		resolve(&pmu, &items.items[i], NULL);
		if (!items.items[i].bare)
			resolve(&pmu, &items.items[i], items.items[i].pmu);
	}
	pmu_items_done(&items);
	free(text);
	return 0;
}
