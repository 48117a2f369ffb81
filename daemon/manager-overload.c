// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * More happens than can be told. The event that tells of a change, as text and as a row of the history,
 * takes ten times what it takes to apply and judge the change. So while half of the ring waits, and
 * records would soon find no room, changes are applied, counted and judged, but most are not told one
 * by one, until no more than an eighth waits. How many they were is told as a gap, before anything else
 * is. What the rules find is always told.
 */
#include "manager-private.h"

#include "domain.h"
#include "vector.h"

static uint64_t waiting(const struct manager *m)
{
	return ring_end(m->ring) - ring_position(m->ring);
}

/* What the ring holds at the start was written while nobody read it: all of that is told. */
static bool is_overloaded(struct manager *m)
{
	uint64_t size = m->ring && m->ring_source ? ring_size(m->ring) : 0;

	m->overload.on = size && waiting(m) > (m->overload.on ? size / 8 : size / 2);
	return m->overload.on;
}

/* The rules have something to say about a message that was promised not to change. */
static bool is_promised(const struct manager *m, const struct vector *vector)
{
	const struct domain *parent = vector_msi_parent(m->model, vector);

	return parent && domain_immutability(m->model, parent) == IMMUTABILITY_DECLARED;
}

/* What there may be thousands of, and leads to a state that can be asked for */
static bool may_go_untold(const struct manager *m, const struct change *change)
{
	switch (change->type) {
	case CHANGE_DOMAIN_CREATED:
	case CHANGE_DOMAIN_REMOVED:
	case CHANGE_VECTOR_ALLOCATED:
	case CHANGE_VECTOR_FREED:
	case CHANGE_HANDLER_REQUESTED:
	case CHANGE_HANDLER_FREED:
	case CHANGE_AFFINITY: return true;
	case CHANGE_MESSAGE: return !is_promised(m, change->vector);
	default: return false;
	}
}

bool manager_leaves_untold(struct manager *m, const struct change *change)
{
	if (!is_overloaded(m) || !may_go_untold(m, change))
		return false;
	m->overload.untold++;
	m->overload.waiting++;
	m->overload.last_ns = change->time_ns;
	m->overload.position = m->restart.place.lineage ? manager_position(m, 0) : 0;
	return true;
}

void manager_tell_untold(struct manager *m)
{
	struct change gap = { .type = CHANGE_GAP,
			      .reason = "overload",
			      .time_ns = m->overload.last_ns,
			      .count = m->overload.waiting };

	if (gap.count &&
	    manager_publish_gap(m, change_to_json(m->model, &gap), m->overload.position, gap.count))
		m->overload.waiting = 0;
}
