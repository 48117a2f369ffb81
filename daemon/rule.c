// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of rules: which kind of change each looks at, and the function that judges it. A rule
 * fires on proof: what is uncertain is left to an event.
 */
#include "rule-private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	enum change_type about, or_about; /* the same for those that look at one kind only */
	rule_fn judge;
} rules[] = {
	[RULE_DOORBELL_MESSAGE_CHANGED] = { CHANGE_DOORBELL, CHANGE_DOORBELL,
					    rule_doorbell_message_changed },
	[RULE_IMMUTABLE_MESSAGE_CHANGED] = { CHANGE_MESSAGE, CHANGE_MESSAGE,
					     rule_immutable_message_changed },
	[RULE_DOORBELL_ON_MUTABLE_PARENT] = { CHANGE_DOORBELL, CHANGE_DOORBELL,
					      rule_doorbell_on_mutable_parent },
	[RULE_DOORBELL_PUBLISHED_EARLY] = { CHANGE_DOORBELL, CHANGE_DOORBELL,
					    rule_doorbell_published_early },
	[RULE_DOORBELL_MESSAGE_DROPPED] = { CHANGE_DOORBELL, CHANGE_DOORBELL,
					    rule_doorbell_message_dropped },
	[RULE_DOORBELL_STALE_MAPPING] = { CHANGE_DOORBELL, CHANGE_DOORBELL,
					  rule_doorbell_stale_mapping },
	[RULE_PMU_VECTOR_MISPLACED] = { CHANGE_CHECK, CHANGE_CHECK, rule_pmu_vector_misplaced },
	[RULE_VECTOR_ORPHANED] = { CHANGE_CHECK, CHANGE_CHECK, rule_vector_orphaned },
	[RULE_VECTOR_OUTLIVES_PROVIDER] = { CHANGE_VECTOR_FREED, CHANGE_VECTOR_FREED,
					    rule_vector_outlives_provider },
	[RULE_VECTOR_REFUSED] = { CHANGE_DEMAND, CHANGE_CHECK_DEMAND, rule_vector_refused },
	[RULE_MESSAGE_COLLISION] = { CHANGE_CHECK, CHANGE_CHECK, rule_message_collision },
	[RULE_VECTOR_SPACE_LOW] = { CHANGE_CHECK_SPACE, CHANGE_CHECK_SPACE, rule_vector_space_low },
	[RULE_VECTOR_HIDDEN] = { CHANGE_CHECK, CHANGE_CHECK, rule_vector_hidden },
};
_Static_assert(sizeof(rules) / sizeof(*rules) == RULE_MAX, "a rule has no line");

void rule_eval(const struct rule_set *set, const struct model *model, const struct change *change,
	       rule_finding_fn found, void *userdata)
{
	for (enum rule_id rule = 0; rule < RULE_MAX; rule++) {
		struct finding finding = { .rule = rule };

		if ((rules[rule].about != change->type && rules[rule].or_about != change->type) ||
		    set->off[rule] || !rules[rule].judge(model, change, &finding))
			continue;
		if (change->cause && change->cause->valid)
			finding.cause = *change->cause;
		found(&finding, userdata);
	}
}

void finding_at(struct finding *finding, const struct model *model, const struct vector *vector)
{
	const struct domain *domain = model_domain(model, vector->levels[0].domain);

	memcpy(finding->device, vector->provider.name, sizeof(finding->device));
	finding->has_irq = true;
	finding->irq = vector->irq;
	finding->has_index = vector->msi_type;
	finding->index = vector->msi_index;
	finding->domain = domain ? domain->id : 0;
}

const char *cause_words(const struct cause *cause, char *buffer, size_t size)
{
	if (!cause || !cause->valid)
		snprintf(buffer, size, "nobody known");
	else
		snprintf(buffer, size, "%s by %s (pid %u, uid %u)", cause_kind(cause), cause->comm,
			 cause->pid, cause->uid);
	return buffer;
}

void finding_say(struct finding *finding, const char *format, ...)
{
	size_t length = strlen(finding->explanation);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(finding->explanation + length, sizeof(finding->explanation) - length, format,
		  arguments);
	va_end(arguments);
}

void finding_reconciled(struct finding *finding, const struct change *change)
{
	if (change->reconciled)
		finding_say(finding, " No event told of it: a later reading of the kernel's state "
				     "showed the difference.");
}
