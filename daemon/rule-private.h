/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the rules share; only rule*.c see this. */
#ifndef CXLIRQD_RULE_PRIVATE_H
#define CXLIRQD_RULE_PRIVATE_H

#include "rule.h"

/* Whether the rule fires; then @ret is filled but for its rule. Pure. */
typedef bool (*rule_fn)(const struct model *model, const struct change *change,
			struct finding *ret);

bool rule_doorbell_message_changed(const struct model *model, const struct change *change,
				   struct finding *ret);
bool rule_doorbell_on_mutable_parent(const struct model *model, const struct change *change,
				     struct finding *ret);
bool rule_doorbell_published_early(const struct model *model, const struct change *change,
				   struct finding *ret);
bool rule_doorbell_message_dropped(const struct model *model, const struct change *change,
				   struct finding *ret);
bool rule_doorbell_stale_mapping(const struct model *model, const struct change *change,
				 struct finding *ret);
bool rule_immutable_message_changed(const struct model *model, const struct change *change,
				    struct finding *ret);
bool rule_message_collision(const struct model *model, const struct change *change,
			    struct finding *ret);
bool rule_pmu_vector_misplaced(const struct model *model, const struct change *change,
			       struct finding *ret);
bool rule_vector_orphaned(const struct model *model, const struct change *change,
			  struct finding *ret);
bool rule_vector_outlives_provider(const struct model *model, const struct change *change,
				   struct finding *ret);
bool rule_vector_refused(const struct model *model, const struct change *change,
			 struct finding *ret);
bool rule_vector_space_low(const struct model *model, const struct change *change,
			   struct finding *ret);
bool rule_vector_hidden(const struct model *model, const struct change *change,
			struct finding *ret);

/* Where: provider, irq, index and domain of @vector. */
void finding_at(struct finding *finding, const struct model *model, const struct vector *vector);
/* Who: "sh (pid 123, uid 0)"; in @buffer, "somebody unknown" without a cause. */
const char *cause_words(const struct cause *cause, char *buffer, size_t size);
void finding_say(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* What a finding says that no record explains. */
void finding_reconciled(struct finding *finding, const struct change *change);

#endif
