// SPDX-License-Identifier: GPL-2.0-or-later
/* The graph in graphviz' language: dot(1) places it. Every name is a quoted string. */
#include "picture-private.h"

#include <errno.h>

static const char *const node_style[PICTURE_KINDS] = {
	[PICTURE_DEVICE] = "shape=box, style=\"rounded,filled\", fillcolor=\"#e8f0fe\"",
	[PICTURE_VECTOR] = "shape=box, style=filled, fillcolor=\"#fff4e0\"",
	[PICTURE_DOMAIN] = "shape=box, style=\"rounded,filled\", fillcolor=\"#e6f4ea\"",
};

static const char *const edge_style[PICTURE_RELATIONS] = {
	[PICTURE_OWN] = "style=solid",
	[PICTURE_BORROWED] = "style=dashed, color=\"#b3541e\", label=borrowed",
	[PICTURE_DELEGATED] = "style=dashed, color=\"#6a3fb5\", label=delegated",
	[PICTURE_UNKNOWN] = "style=dotted, color=\"#777777\", label=unknown",
	[PICTURE_PROVIDES] = "style=solid, color=\"#bbbbbb\", label=provides",
	[PICTURE_IN] = "style=solid",
	[PICTURE_PARENT] = "style=solid, arrowhead=empty",
};

/*
 * In quotes, a quote has to be escaped by the language; a name keeps both of two backslashes, which
 * makes it no less a name. What no XML can hold would make an SVG of dot's that nobody reads.
 */
static void put_escaped(FILE *out, const char *text, const char *ampersand)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		if (*text == '&')
			fputs(ampersand, out);
		else
			fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
	}
}

static void put_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	put_escaped(out, text, "&");
	fputc('"', out);
}

/* In a label, a backslash and what follows mean something, and so do HTML's entities. */
static void put_label(FILE *out, const char *text, const char *more)
{
	fputs("label=\"", out);
	put_escaped(out, text, "&amp;");
	fputs(*more ? "\\n" : "", out);
	put_escaped(out, more, "&amp;");
	fputc('"', out);
}

static void put_node(FILE *out, const struct picture_node *node)
{
	fputc('\t', out);
	put_quoted(out, node->id);
	fputs(" [", out);
	put_label(out, node->label, node->detail);
	fprintf(out, ", class=\"%s %s\", %s];\n", picture_kinds[node->kind], node->class,
		node_style[node->kind]);
}

static void put_edge(FILE *out, const struct picture_edge *edge)
{
	fputc('\t', out);
	put_quoted(out, edge->from->id);
	fputs(" -> ", out);
	put_quoted(out, edge->to->id);
	fprintf(out, " [class=%s, %s];\n", picture_relations[edge->relation],
		edge_style[edge->relation]);
}

int picture_to_dot(const struct picture *picture, char **ret_text, size_t *ret_size)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	fputs("digraph cxlirq {\n"
	      "\tgraph [rankdir=LR, fontname=\"sans-serif\"];\n"
	      "\tnode [fontname=\"sans-serif\", fontsize=10];\n"
	      "\tedge [fontname=\"sans-serif\", fontsize=8];\n",
	      out);
	if (*picture->note) {
		fputc('\t', out);
		put_label(out, picture->note, "");
		fputs(";\n", out);
	}
	for (const struct picture_node *n = picture->nodes; n; n = n->hh.next)
		put_node(out, n);
	for (size_t i = 0; i < picture->n_edges; i++)
		put_edge(out, &picture->edges[i]);
	fputs("}\n", out);
	if (fclose(out))
		return -ENOMEM;
	*ret_text = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}
