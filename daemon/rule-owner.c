// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules about who has a vector: left behind, taken away too early, misplaced, hidden. */
#include "rule-private.h"

#include <stdlib.h>
#include <string.h>

static bool is_bound(const struct model *model, const struct record_dev *provider)
{
	const struct device *device = model_device(model, provider->name);

	return device && device->driver[0];
}

bool rule_vector_orphaned(const struct model *model, const struct change *change,
			  struct finding *ret)
{
	const struct vector *v = change->vector;

	if (v->actions || !v->left_ns || !v->msi_type ||
	    change->time_ns < v->left_ns + VECTOR_ORPHANED_NS || !is_bound(model, &v->provider))
		return false;
	/* one that is still bound is not gone: a network interface that goes down, say */
	if (!v->left.name[0] || is_bound(model, &v->left))
		return false;
	finding_at(ret, model, v);
	ret->standing = true;
	ret->cause = v->left_by;
	finding_say(ret,
		    "%s gave up its handler on interrupt %u %llu s ago; the vector is still "
		    "allocated, and %s, which provides it, is bound.",
		    v->left.name, v->irq,
		    (unsigned long long)((change->time_ns - v->left_ns) / 1000000000),
		    v->provider.name);
	return true;
}

bool rule_vector_outlives_provider(const struct model *model, const struct change *change,
				   struct finding *ret)
{
	const struct vector *v = change->vector;
	const struct action *action = NULL;

	/* where no record told of its release, those of its handlers may be missing too */
	if (!v->provider.name[0] || !change->cause || !change->cause->valid)
		return false;
	for (const struct action *a = v->actions; a; a = a->next)
		if (a->device.name[0] && strcmp(a->device.name, v->provider.name) &&
		    (!action || action->doubtful))
			action = a;
	if (!action)
		return false;
	finding_at(ret, model, v);
	ret->from_silence = true;
	ret->doubtful = action->doubtful;
	finding_say(ret, "%s gave back interrupt %u while %s still had its handler %s on it.",
		    v->provider.name, v->irq, action->device.name, action->handler);
	return true;
}

/* Whether @cpu is in a list as the kernel writes it, "0-3,8". */
static bool list_has(const char *list, unsigned long cpu)
{
	while (*list) {
		char *end;
		unsigned long first = strtoul(list, &end, 10), last = first;

		if (end == list)
			return false;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (cpu >= first && cpu <= last)
			return true;
		list = *end ? end + 1 : end;
	}
	return false;
}

/* The mask's only CPU; -1 if there is not exactly one. */
static long cpu_of(const struct vector *vector, enum record_mask which)
{
	const uint64_t *mask = vector->masks + which * (size_t)vector->mask_words;
	long cpu = -1;

	for (uint32_t i = 0; i < vector->mask_words; i++) {
		if (!mask[i])
			continue;
		if (cpu >= 0 || mask[i] & (mask[i] - 1))
			return -1;
		cpu = (long)i * 64 + __builtin_ctzll(mask[i]);
	}
	return cpu;
}

bool rule_pmu_vector_misplaced(const struct model *model, const struct change *change,
			       struct finding *ret)
{
	const struct vector *v = change->vector;
	const struct action *action;
	const struct pmu *pmu = NULL;
	long cpu, waits_for;

	if (!v->masks)
		return false;
	for (action = v->actions; action && !pmu; action = action->next)
		pmu = model_pmu(model, action->device.name);
	if (!pmu || !pmu->cpumask[0])
		return false;
	cpu = cpu_of(v, RECORD_MASK_EFFECTIVE);
	if (cpu < 0 || list_has(pmu->cpumask, (unsigned long)cpu))
		return false;
	waits_for = v->state & VECTOR_STATE_AFFINITY_PENDING ? cpu_of(v, RECORD_MASK_PENDING) : -1;
	/* somebody asked for the right one, and the next interrupt takes it there */
	if (waits_for >= 0 && list_has(pmu->cpumask, (unsigned long)waits_for))
		return false;
	finding_at(ret, model, v);
	ret->standing = true;
	ret->cause = v->moved_by;
	finding_say(ret,
		    "Interrupt %u, the overflow of %s, goes to CPU %ld; the PMU counts on CPU %s.",
		    v->irq, pmu->name, cpu, pmu->cpumask);
	return true;
}

bool rule_vector_hidden(const struct model *model, const struct change *change, struct finding *ret)
{
	const struct vector *v = change->vector;

	if (!v->actions ||
	    (v->msi_type != RECORD_MSI_PCI_MSI && v->msi_type != RECORD_MSI_PCI_MSIX) ||
	    !model_device(model, v->provider.name) || model_sysfs_vector(model, v->irq))
		return false;
	finding_at(ret, model, v);
	ret->standing = true;
	finding_say(ret,
		    "Interrupt %u of %s has a handler, and neither msi_irqs/ of that function nor "
		    "irqs/ of an auxiliary device lists it.",
		    v->irq, v->provider.name);
	return true;
}
