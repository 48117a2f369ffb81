// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The order of events that led to a vector without an owner, or to an owner without a vector. Times
 * count from the first event of which the time is known.
 */
#include "explain-private.h"

#include <stdio.h>
#include <stdlib.h>

#include <cxlirqd/cleanup.h>

struct step {
	uint64_t time_ns; /* 0 = before the daemon listened */
	char words[256];
};

#define STEPS_MAX 4

struct story {
	struct step steps[STEPS_MAX];
	size_t n;
};

__attribute__((format(printf, 3, 4))) static void step(struct story *story, uint64_t time_ns,
						       const char *format, ...)
{
	struct step *s = &story->steps[story->n++];
	va_list arguments;

	s->time_ns = time_ns;
	va_start(arguments, format);
	vsnprintf(s->words, sizeof(s->words), format, arguments);
	va_end(arguments);
}

/* " by modprobe[42]", or nothing */
static const char *by(const struct cause *cause, char *buffer, size_t size)
{
	buffer[0] = 0;
	if (cause->valid && cause->comm[0])
		snprintf(buffer, size, " by %s[%u]", cause->comm, cause->pid);
	return buffer;
}

static void tell_story(struct explanation *e, const char *beginning, struct story *story)
{
	_cleanup_free_ char *text = NULL;
	uint64_t start = 0;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out) {
		e->failed = true;
		return;
	}
	for (size_t i = 0; i < story->n; i++) {
		const struct step *s = &story->steps[i];
		double seconds;

		if (!start)
			start = s->time_ns;
		seconds = (double)(int64_t)(s->time_ns - start) / 1e9;
		fprintf(out, "%s(%zu) ", i ? "; " : " ", i + 1);
		if (s->time_ns)
			fprintf(out, "%.3f s: %s", seconds, s->words);
		else
			fprintf(out, "before the daemon listened: %s", s->words);
	}
	if (fclose(out)) {
		e->failed = true;
		return;
	}
	say(e, e->text, "%s:%s.", beginning, text);
}

/* A vector that its provider gave back under somebody's handler */
static void explain_outlived(struct explanation *e, const struct lifetime *l)
{
	char beginning[192], who[48];
	struct story story = {};

	snprintf(beginning, sizeof(beginning), "How interrupt %u of %s was taken from under %s",
		 l->irq, l->provider, l->consumer);
	step(&story, l->allocated_ns, "%s was given the vector", l->provider);
	step(&story, l->requested_ns, "%s requested its handler %s on it", l->consumer, l->handler);
	step(&story, l->freed_ns, "%s gave the vector back%s", l->provider,
	     by(&l->freed_by, who, sizeof(who)));
	if (l->left_ns)
		step(&story, l->left_ns, "only then %s gave up its handler%s", l->consumer,
		     by(&l->left_by, who, sizeof(who)));
	tell_story(e, beginning, &story);
	if (!l->left_ns)
		say(e, e->text, "%s has not given up that handler since.", l->consumer);
}

/* A vector that nobody uses any more, of a provider that is still there */
static void explain_orphan(struct explanation *e, const struct vector *v)
{
	char beginning[128], who[48];
	struct story story = {};

	snprintf(beginning, sizeof(beginning), "How interrupt %u of %s came to be an orphan",
		 v->irq, v->provider.name);
	step(&story, v->allocated_ns, "%s was given the vector", v->provider.name);
	step(&story, v->left_requested_ns, "%s requested its handler on it", v->left.name);
	step(&story, v->left_ns, "%s gave up its handler%s, and %s kept the vector", v->left.name,
	     by(&v->left_by, who, sizeof(who)), v->provider.name);
	tell_story(e, beginning, &story);
}

static bool is_told_orphan(struct explanation *e, const struct vector *v)
{
	json_auto_t *vector = NULL;
	const json_t *violation;
	size_t i;

	if (v->actions || !v->left_ns || !v->left.name[0])
		return false;
	vector = vector_to_json(e->model, v);
	e->failed |= !vector;
	json_array_foreach(e->violations, i, violation)
		if (is(violation, "rule", rule_text(RULE_VECTOR_ORPHANED)->name) &&
		    is_at(violation, vector))
			return true;
	return false;
}

bool explain_lifetimes(struct explanation *e, const char *device)
{
	const struct lifetime *lifetime;
	bool any = false;
	uint32_t at = 0;

	while ((lifetime = model_lifetime(e->model, device, &at))) {
		explain_outlived(e, lifetime);
		any = true;
	}
	for (const struct vector *v = model_vectors(e->model); v; v = v->hh.next) {
		if ((strcmp(v->provider.name, device) != 0 && strcmp(v->left.name, device) != 0) ||
		    !is_told_orphan(e, v))
			continue;
		explain_orphan(e, v);
		any = true;
	}
	return any;
}
