/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page for people: its own files, as they were built in, and what they show. All of it is
 * bounded, and says what was left out. Non-logging.
 */
#ifndef CXLIRQD_PAGE_H
#define CXLIRQD_PAGE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"
#include "violation.h"

/* The most that the page gets to show */
#define PAGE_VIOLATIONS_MAX 100
#define PAGE_ROWS_MAX 300
#define PAGE_PICTURE_MAX 150

struct page_file {
	const char *path; /* "/page.js" */
	const char *type;
	const char *text;
	size_t size;
};

/* Static; NULL = no such file. */
const struct page_file *page_file(const char *path);

struct page_source {
	const struct model *model;
	const struct violations *violations;
	const char *host; /* what this machine is called */
	int64_t now_us; /* since the epoch */
};

/*
 * { time_us, counted_us, host, status, violations, violations_left, vectors, vectors_left }, where
 * vectors are rows { provider, owner, bus, driver, relation, vectors, first_irq, last_irq,
 * interrupts, message_changes }: those of one sub-device in one. @status is taken over. New
 * reference, NULL without memory.
 */
json_t *page_state(const struct page_source *source, json_t *status);

/* The picture (SVG) of all, or of @device. As picture_to_svg(). */
int page_picture(const struct model *model, const char *device, char **ret_text, size_t *ret_size);

#endif
