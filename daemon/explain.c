// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sentences are made from the JSON objects that clients get, so that an explanation never says
 * anything else than the lists do. What a rule means and what to do about it are the rules' own
 * words. What is not known is left out, or said to be unknown.
 */
#include "explain-private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cxlirqd/cleanup.h>

void say(struct explanation *e, json_t *to, const char *format, ...)
{
	va_list arguments;
	json_t *sentence;

	va_start(arguments, format);
	sentence = json_vsprintf(format, arguments);
	va_end(arguments);
	if (json_array_append_new(to, sentence) < 0)
		e->failed = true;
}

char *compose(struct explanation *e, const char *format, ...)
{
	va_list arguments;
	char *text;
	int n;

	va_start(arguments, format);
	n = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (n >= 0)
		return text;
	e->failed = true;
	return NULL;
}

/* The index of a vector in words: "vector 3 of 0000:0d:00.0"; the caller frees it. */
char *place_text(struct explanation *e, const json_t *vector)
{
	const char *provider = text_of(vector, "provider");

	if (provider && has(vector, "index"))
		return compose(e, "vector %lld of %s", number_of(vector, "index"), provider);
	if (provider)
		return compose(e, "an interrupt of %s", provider);
	return compose(e, "an interrupt that no device sends as a message");
}

char *message_text(struct explanation *e, const json_t *message)
{
	if (!json_is_object(message))
		return NULL;
	return compose(e, "%s/%s", text_of(message, "address"), text_of(message, "data"));
}

/*
 * "somebody chose other CPUs for it (affinity-write by irqbalance[42], uid 0)"; NULL: unknown. The
 * caller frees it.
 */
char *cause_text(struct explanation *e, const json_t *cause)
{
	static const struct {
		const char *kind, *words;
	} kinds[] = {
		{ "affinity-write", "somebody chose other CPUs for it" },
		{ "affinity-kernel", "the kernel chose other CPUs for it" },
		{ "cpu-hotplug", "a CPU went offline or came back" },
		{ "driver", "its driver did so" },
		{ "reallocation", "its vector was allocated anew" },
	};
	const char *kind = text_of(cause, "kind"), *comm = text_of(cause, "comm");
	const char *words = "what is not known";

	if (!kind || (!strcmp(kind, "unknown") && !comm))
		return NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].kind, kind))
			words = kinds[i].words;
	if (!comm)
		return compose(e, "%s (%s)", words, kind);
	return compose(e, "%s (%s by %s[%lld], uid %lld)", words, kind, comm,
		       number_of(cause, "pid"), number_of(cause, "uid"));
}

/* ---- violations ---------------------------------------------------------------------------- */

static void advise_rule(struct explanation *e, enum rule_id rule)
{
	if (rule == RULE_MAX || e->advised[rule])
		return;
	e->advised[rule] = true;
	say(e, e->advice, "%s", rule_text(rule)->advice);
}

static void explain_violation(struct explanation *e, const json_t *violation)
{
	_cleanup_free_ char *cause = cause_text(e, json_object_get(violation, "cause"));
	const char *device = text_of(violation, "device"), *rule = text_of(violation, "rule");
	long long count = number_of(violation, "count");
	char irq[32] = "";

	if (has(violation, "irq"))
		snprintf(irq, sizeof(irq), ", irq %lld", number_of(violation, "irq"));
	say(e, e->text, "Violation %lld is open: %s (%s%s%s%s%s), seen %lld time%s%s%s%s. %s",
	    number_of(violation, "id"), rule, text_of(violation, "severity"),
	    PART(device, ", ", ""), irq, count, count == 1 ? "" : "s",
	    PART(cause, "; the cause: ", ""), text_of(violation, "explanation") ?: "");
	advise_rule(e, rule_from_name(rule ?: ""));
}

/* A place is a device and an index: an interrupt's number may be another one's since. */
bool is_at(const json_t *violation, const json_t *vector)
{
	const char *key = has(violation, "index") ? "index" : "irq";

	return json_equal(json_object_get(violation, "device"),
			  json_object_get(vector, "provider")) &&
	       json_equal(json_object_get(violation, key), json_object_get(vector, key));
}

void explain_violations_at(struct explanation *e, const json_t *vector)
{
	const json_t *violation;
	size_t i;

	json_array_foreach(e->violations, i, violation)
		if (is_at(violation, vector))
			explain_violation(e, violation);
}

/* Those with this text in the member @key. False: there is none. */
bool explain_violations(struct explanation *e, const char *key, const char *text)
{
	const json_t *violation;
	bool any = false;
	size_t i;

	json_array_foreach(e->violations, i, violation) {
		if (!is(violation, key, text))
			continue;
		explain_violation(e, violation);
		any = true;
	}
	return any;
}
/* ---- a rule -------------------------------------------------------------------------------- */

static void explain_rule(struct explanation *e, enum rule_id rule)
{
	const struct rule_text *words = rule_text(rule);
	const struct record_base *base = model_base(e->model);

	say(e, e->text, "%s", words->summary);
	say(e, e->text, "Severity: %s.", severity_name(words->severity));
	advise_rule(e, rule);
	if (!explain_violations(e, "rule", words->name))
		say(e, e->text, "It has no open violation here.");
	if (base && base->mode == RECORD_MODE_SYSFS)
		say(e, e->text, "BPF tracing is off here: the rule sees next to nothing.");
}

/* -------------------------------------------------------------------------------------------- */

bool explain_is_irq(const char *subject, uint32_t *ret)
{
	unsigned long number;
	char *end;

	if (*subject < '0' || *subject > '9')
		return false;
	errno = 0;
	number = strtoul(subject, &end, 10);
	if (errno || *end || number > UINT32_MAX)
		return false;
	*ret = (uint32_t)number;
	return true;
}

static const char *explain_any(struct explanation *e, const char *subject)
{
	enum rule_id rule = rule_from_name(subject);
	const struct vector *vector = NULL;
	uint32_t irq;

	if (explain_is_irq(subject, &irq))
		vector = model_vector(e->model, irq);
	if (vector) {
		explain_vector(e, vector);
		return "interrupt";
	}
	if (rule != RULE_MAX) {
		explain_rule(e, rule);
		return "rule";
	}
	return explain_device(e, subject) ? "device" : NULL;
}

static void explanation_done(struct explanation *e)
{
	json_decref(e->domains);
	json_decref(e->doorbells);
	json_decref(e->violations);
	json_decref(e->text);
	json_decref(e->advice);
}

int explain(const struct model *model, const struct violations *violations, const char *subject,
	    json_t **ret)
{
	_cleanup_(explanation_done) struct explanation e = {
		.model = model,
		.domains = model_domains_to_json(model),
		.doorbells = model_doorbells_to_json(model),
		.violations = violations ? violations_to_json(violations, false) : json_array(),
		.text = json_array(),
		.advice = json_array(),
	};
	json_t *explanation;
	const char *kind;

	e.failed = !e.domains || !e.doorbells || !e.violations;
	/* an unknown device's name is empty */
	kind = *subject ? explain_any(&e, subject) : NULL;
	if (!kind)
		return e.failed ? -ENOMEM : -ENOENT;
	if (!json_array_size(e.advice))
		say(&e, e.advice, "Nothing needs to be done.");
	explanation = e.failed ? NULL :
				 json_pack("{s:s, s:s, s:O, s:O}", "subject", subject, "kind", kind,
					   "text", e.text, "advice", e.advice);
	if (!explanation)
		return -ENOMEM;
	*ret = explanation;
	return 0;
}
