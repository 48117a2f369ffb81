// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The graph as SVG, in three columns. Vectors stand in the middle, a line each, those of one provider
 * together. Devices and domains stand as near as they can to the middle of their vectors; those that
 * would overlap are moved apart as a block, which takes the place that is best for all of it (the
 * method of isotonic regression: the squares of the ways are least).
 *
 * Colours follow what the reader's system prefers, light or dark. No script, no link, nothing that a
 * name could become but text.
 */
#include "picture-private.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MARGIN 16
#define TOP 78 /* the headings' room */
#define FOOT 34 /* the note's */
#define GAP 8 /* between boxes */
#define GROUP_GAP 14 /* between providers */
#define WIDTH 1024
#define RIM 36 /* how far a line to a parent domain goes out */

static const struct {
	const char *heading;
	int x, width, height;
	size_t characters; /* that a line has room for */
} columns[PICTURE_KINDS] = {
	[PICTURE_DEVICE] = { "Devices", MARGIN, 250, 38, 36 },
	[PICTURE_VECTOR] = { "Vectors", 366, 230, 24, 36 },
	[PICTURE_DOMAIN] = { "Domains", 696, 280, 38, 40 },
};

/* Colours have names, which the two schemes fill. */
static const char style[] =
	"<style>"
	"svg{--ink:#1c2128;--dim:#59636e;--paper:#fff;--line:#8c959f;--device:#e7effb;"
	"--other:#efe9fb;--vector:#fdf3df;--idle:#f3f4f6;--fixed:#e3f4e6;--mutable:#f6f1ea;"
	"--borrowed:#b3541e;--delegated:#6639ba;--faint:#c4cad1;background:var(--paper)}"
	"@media(prefers-color-scheme:dark){svg{--ink:#e6edf3;--dim:#9198a1;--paper:#0d1117;"
	"--line:#6e7681;--device:#16263f;--other:#271f42;--vector:#33270d;--idle:#1c2128;"
	"--fixed:#12301b;--mutable:#2a241b;--borrowed:#f0883e;--delegated:#b083f0;"
	"--faint:#3d444d}}"
	"text{font:12px system-ui,sans-serif;fill:var(--ink)}"
	".small,.note{font-size:11px;fill:var(--dim)}.head{font-weight:600;font-size:14px}"
	"rect{stroke:var(--line);rx:4px}"
	".device rect{fill:var(--other)}.device.function rect{fill:var(--device)}"
	".vector rect{fill:var(--vector)}.vector.allocated rect{fill:var(--idle)}"
	".vector.orphaned rect{fill:var(--idle);stroke:var(--borrowed)}"
	".domain rect{fill:var(--idle)}.domain.mutable rect{fill:var(--mutable)}"
	".domain.declared rect,.domain.observed rect{fill:var(--fixed)}"
	"path{fill:none;stroke:var(--line);stroke-width:1.2}"
	"path.borrowed{stroke:var(--borrowed);stroke-width:1.8;stroke-dasharray:6 3}"
	"path.delegated{stroke:var(--delegated);stroke-width:1.8;stroke-dasharray:2 2}"
	"path.unknown{stroke-dasharray:1 3}path.provides,path.parent{stroke:var(--faint)}"
	"</style>\n";

/* ---- places ---------------------------------------------------------------------------------- */

struct layout {
	double *y[PICTURE_KINDS]; /* of a box' upper edge, by its place */
	double bottom;
};

static void layout_done(struct layout *layout)
{
	for (int kind = 0; kind < PICTURE_KINDS; kind++)
		free(layout->y[kind]);
}

static double middle_of(const struct layout *layout, const struct picture_node *node)
{
	return layout->y[node->kind][node->place] + columns[node->kind].height / 2.0;
}

/* A provider's vectors, with as much room as its devices need */
struct group {
	size_t vectors, devices;
	double y; /* of the next vector */
};

static int place_vectors(const struct picture *picture, struct layout *layout)
{
	_cleanup_free_ struct group *groups = calloc(picture->n_groups + 1, sizeof(*groups));
	double y = TOP, pitch = columns[PICTURE_VECTOR].height + GAP;
	double device_pitch = columns[PICTURE_DEVICE].height + GAP;

	if (!groups)
		return -ENOMEM;
	for (const struct picture_node *n = picture->nodes; n; n = n->hh.next) {
		groups[n->group].vectors += n->kind == PICTURE_VECTOR;
		groups[n->group].devices += n->kind == PICTURE_DEVICE;
	}
	for (size_t i = 0; i < picture->n_groups; i++) {
		double height = (double)groups[i].vectors * pitch;
		double needed = (double)groups[i].devices * device_pitch;

		if (needed < height)
			needed = height;
		groups[i].y = y + (needed - height) / 2;
		y += needed + GROUP_GAP;
	}
	for (const struct picture_node *n = picture->nodes; n; n = n->hh.next) {
		if (n->kind != PICTURE_VECTOR)
			continue;
		layout->y[PICTURE_VECTOR][n->place] = groups[n->group].y;
		groups[n->group].y += pitch;
	}
	return 0;
}

/* Where a box of a column would like to be */
struct wish {
	double sum;
	size_t n, place;
};

static double wish_y(const struct wish *wish)
{
	return wish->n ? wish->sum / (double)wish->n : TOP;
}

/* Beside the middle of its vectors; a domain that has none, of the domains below it. */
static void make_wishes(const struct picture *picture, const struct layout *layout,
			enum picture_kind kind, struct wish *wishes)
{
	double half = columns[kind].height / 2.0;

	for (size_t i = 0; i < picture->n[kind]; i++)
		wishes[i].place = i;
	for (size_t i = 0; i < picture->n_edges; i++) {
		const struct picture_edge *e = &picture->edges[i];
		const struct picture_node *end = kind == PICTURE_DEVICE ? e->from : e->to;
		const struct picture_node *vector = kind == PICTURE_DEVICE ? e->to : e->from;

		if (end->kind != kind || vector->kind != PICTURE_VECTOR)
			continue;
		wishes[end->place].sum += middle_of(layout, vector) - half;
		wishes[end->place].n++;
	}
	for (const struct picture_node *n = picture->nodes; n; n = n->hh.next) {
		bool has_vectors = n->kind == kind && wishes[n->place].n;

		for (size_t i = 0; n->kind == kind && !has_vectors && i < picture->n_edges; i++) {
			const struct picture_edge *e = &picture->edges[i];

			if (e->relation != PICTURE_PARENT || e->to != n)
				continue;
			wishes[n->place].sum += wish_y(&wishes[e->from->place]);
			wishes[n->place].n++;
		}
	}
}

static int compare_wishes(const void *a, const void *b)
{
	const struct wish *one = a, *other = b;
	double y = wish_y(one), z = wish_y(other);

	if (y != z)
		return y < z ? -1 : 1;
	return one->place < other->place ? -1 : one->place > other->place;
}

/* A run of boxes that touch: they move together */
struct block {
	double sum; /* of what they wish, each less its distance from the first */
	size_t first, n;
};

static int place_column(const struct picture *picture, struct layout *layout,
			enum picture_kind kind)
{
	size_t n = picture->n[kind], n_blocks = 0;
	_cleanup_free_ struct wish *wishes = calloc(n + 1, sizeof(*wishes));
	_cleanup_free_ struct block *blocks = calloc(n + 1, sizeof(*blocks));
	double pitch = columns[kind].height + GAP;

	if (!wishes || !blocks)
		return -ENOMEM;
	make_wishes(picture, layout, kind, wishes);
	qsort(wishes, n, sizeof(*wishes), compare_wishes);
	for (size_t i = 0; i < n; i++) {
		blocks[n_blocks++] = (struct block){ wish_y(&wishes[i]) - (double)i * pitch, i, 1 };
		while (n_blocks > 1) {
			struct block *last = &blocks[n_blocks - 1], *before = last - 1;

			if (before->sum / (double)before->n < last->sum / (double)last->n)
				break;
			before->sum += last->sum;
			before->n += last->n;
			n_blocks--;
		}
	}
	for (size_t b = 0; b < n_blocks; b++)
		for (size_t i = blocks[b].first; i < blocks[b].first + blocks[b].n; i++)
			layout->y[kind][wishes[i].place] =
				blocks[b].sum / (double)blocks[b].n + (double)i * pitch;
	return 0;
}

/* Nothing stands above the headings' end. */
static void settle(const struct picture *picture, struct layout *layout)
{
	double lift = 0;

	for (int kind = 0; kind < PICTURE_KINDS; kind++)
		for (size_t i = 0; i < picture->n[kind]; i++)
			if (TOP - layout->y[kind][i] > lift)
				lift = TOP - layout->y[kind][i];
	layout->bottom = TOP;
	for (int kind = 0; kind < PICTURE_KINDS; kind++)
		for (size_t i = 0; i < picture->n[kind]; i++) {
			double *y = &layout->y[kind][i];

			*y += lift;
			if (*y + columns[kind].height > layout->bottom)
				layout->bottom = *y + columns[kind].height;
		}
}

static int lay_out(const struct picture *picture, struct layout *layout)
{
	int r;

	for (int kind = 0; kind < PICTURE_KINDS; kind++) {
		layout->y[kind] = calloc(picture->n[kind] + 1, sizeof(double));
		if (!layout->y[kind])
			return -ENOMEM;
	}
	r = place_vectors(picture, layout);
	if (r >= 0)
		r = place_column(picture, layout, PICTURE_DEVICE);
	if (r >= 0)
		r = place_column(picture, layout, PICTURE_DOMAIN);
	if (r >= 0)
		settle(picture, layout);
	return r;
}

/* ---- drawing --------------------------------------------------------------------------------- */

/* Text as XML holds it; of more than @max characters, the end is left out. */
static void put_text(FILE *out, const char *text, size_t max)
{
	size_t n = 0, length = 0;

	for (const char *at = text; *at; at++)
		length += ((unsigned char)*at & 0xc0) != 0x80;
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c & 0xc0) != 0x80 && length > max && ++n >= max) {
			fputs("\xe2\x80\xa6", out);
			return;
		}
		/* U+FFFE and U+FFFF are valid UTF-8, and no characters of XML */
		if (c == 0xef && (unsigned char)text[1] == 0xbf && (unsigned char)text[2] >= 0xbe) {
			fputc('?', out);
			text += 2;
			continue;
		}
		switch (c) {
		case '<': fputs("&lt;", out); break;
		case '>': fputs("&gt;", out); break;
		case '&': fputs("&amp;", out); break;
		case '"': fputs("&quot;", out); break;
		default: fputc(c < ' ' || c == 0x7f ? '?' : c, out);
		}
	}
}

static void put_node(FILE *out, const struct picture_node *n, const struct layout *layout)
{
	int x = columns[n->kind].x, height = columns[n->kind].height;
	size_t room = columns[n->kind].characters;
	bool one_line = n->kind == PICTURE_VECTOR;
	double y = layout->y[n->kind][n->place];

	fprintf(out, "<g class=\"%s %s\"><title>", picture_kinds[n->kind], n->class);
	put_text(out, n->label, SIZE_MAX);
	fputs(*n->detail ? "\n" : "", out);
	put_text(out, n->detail, SIZE_MAX);
	fprintf(out, "</title><rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%d\"/>", x, y,
		columns[n->kind].width, height);
	fprintf(out, "<text x=\"%d\" y=\"%.1f\">", x + 8, y + 16);
	put_text(out, n->label, room);
	if (*n->detail && one_line)
		fputs("<tspan class=\"small\" dx=\"8\">", out);
	else if (*n->detail)
		fprintf(out, "<tspan class=\"small\" x=\"%d\" dy=\"15\">", x + 8);
	if (*n->detail) {
		put_text(out, n->detail, one_line ? room - 10 : room);
		fputs("</tspan>", out);
	}
	fputs("</text></g>\n", out);
}

static void put_edge(FILE *out, const struct picture_edge *e, const struct layout *layout)
{
	double y = middle_of(layout, e->from), end = middle_of(layout, e->to);
	int x = columns[e->from->kind].x + columns[e->from->kind].width;
	int end_x = columns[e->to->kind].x, bend = (end_x - x) / 2;

	/* from domain to domain: around, outside */
	if (e->relation == PICTURE_PARENT) {
		end_x = x;
		bend = RIM;
		y += 4;
		end -= 4;
	}
	fprintf(out, "<path class=\"%s\" d=\"M%d %.1fC%d %.1f %d %.1f %d %.1f\"/>\n",
		picture_relations[e->relation], x, y, x + bend, y,
		e->relation == PICTURE_PARENT ? end_x + bend : end_x - bend, end, end_x, end);
}

static void put_legend(FILE *out)
{
	static const enum picture_relation shown[] = { PICTURE_OWN, PICTURE_BORROWED,
						       PICTURE_DELEGATED, PICTURE_UNKNOWN,
						       PICTURE_PROVIDES };
	int x = MARGIN;

	for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++, x += 110) {
		fprintf(out, "<path class=\"%s\" d=\"M%d 24h30\"/>", picture_relations[shown[i]],
			x);
		fprintf(out, "<text class=\"small\" x=\"%d\" y=\"28\">%s</text>\n", x + 36,
			picture_relations[shown[i]]);
	}
	for (int kind = 0; kind < PICTURE_KINDS; kind++)
		fprintf(out, "<text class=\"head\" x=\"%d\" y=\"60\">%s</text>\n", columns[kind].x,
			columns[kind].heading);
}

static void draw(FILE *out, const struct picture *picture, const struct layout *layout)
{
	int height = (int)layout->bottom + (*picture->note ? FOOT : MARGIN);

	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\">\n<title>Devices, their interrupt vectors, and the domains "
		"that these come from</title>\n",
		WIDTH, height, WIDTH, height);
	fputs(style, out);
	put_legend(out);
	/* lines below boxes, those that matter above the others */
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < picture->n_edges; i++) {
			enum picture_relation relation = picture->edges[i].relation;
			bool matters =
				relation == PICTURE_BORROWED || relation == PICTURE_DELEGATED;

			if (matters == (round == 1))
				put_edge(out, &picture->edges[i], layout);
		}
	for (const struct picture_node *n = picture->nodes; n; n = n->hh.next)
		put_node(out, n, layout);
	if (*picture->note) {
		fprintf(out, "<text class=\"note\" x=\"%d\" y=\"%d\">", MARGIN, height - 12);
		put_text(out, picture->note, SIZE_MAX);
		fputs("</text>\n", out);
	}
	fputs("</svg>\n", out);
}

int picture_to_svg(const struct picture *picture, char **ret_text, size_t *ret_size)
{
	_cleanup_(layout_done) struct layout layout = {};
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *out;
	int r = lay_out(picture, &layout);

	if (r < 0)
		return r;
	out = open_memstream(&text, &size);
	if (!out)
		return -ENOMEM;
	draw(out, picture, &layout);
	if (fclose(out))
		return -ENOMEM;
	*ret_text = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}
