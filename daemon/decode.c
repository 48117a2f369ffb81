// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes to event. Records come from our own BPF programs, but also from files that somebody sent
 * with a bug report: nothing in them is trusted. One table says what each type must look like.
 */
#include "decode.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cxlirqd/state.h>

struct text {
	unsigned short offset, size;
};

struct choice {
	unsigned short offset, end; /* a __u32 that must be below end; end 0: no such field */
};

#define TEXTS_MAX 12
#define RANGE_MAX 65536 /* interrupts that one call allocates or frees */
#define ERRNO_MAX 4095 /* the kernel's own limit */
#define NO_IRQ UINT32_MAX /* so that a range of interrupts always has an end */

struct shape {
	unsigned int size;
	struct choice choice;
	struct text texts[TEXTS_MAX]; /* ends with size 0 */
};

#define TEXT(type, field)                                                                          \
	{                                                                                          \
		offsetof(type, field), sizeof(((type *)0)->field)                                  \
	}
#define DEV(type, field)                                                                           \
	TEXT(type, field.name), TEXT(type, field.bus), TEXT(type, field.driver),                   \
		TEXT(type, field.module)
#define CHOICE(type, field, end)                                                                   \
	{                                                                                          \
		offsetof(type, field), end                                                         \
	}

static const struct shape shapes[RECORD_TYPE_MAX] = {
	[RECORD_DOMAIN] = { sizeof(struct record_domain),
			    CHOICE(struct record_domain, reason, RECORD_REASON_MAX),
			    { TEXT(struct record_domain, name),
			      DEV(struct record_domain, device) } },
	[RECORD_ALLOC] = { .size = sizeof(struct record_range) },
	[RECORD_VECTOR] = { sizeof(struct record_vector),
			    CHOICE(struct record_vector, reason, RECORD_REASON_MAX),
			    { DEV(struct record_vector, provider),
			      TEXT(struct record_vector, levels[0].chip),
			      TEXT(struct record_vector, levels[1].chip),
			      TEXT(struct record_vector, levels[2].chip),
			      TEXT(struct record_vector, levels[3].chip) } },
	[RECORD_FREE] = { .size = sizeof(struct record_range) },
	[RECORD_ACTION] = { sizeof(struct record_action),
			    CHOICE(struct record_action, reason, RECORD_REASON_MAX),
			    { TEXT(struct record_action, name), TEXT(struct record_action, handler),
			      TEXT(struct record_action, thread_handler),
			      DEV(struct record_action, hint),
			      DEV(struct record_action, device) } },
	[RECORD_ACTION_FREED] = { .size = sizeof(struct record_action_freed) },
	[RECORD_OWNER] = { sizeof(struct record_owner),
			   CHOICE(struct record_owner, reason, RECORD_REASON_MAX),
			   { DEV(struct record_owner, device) } },
	[RECORD_MESSAGE] = { .size = sizeof(struct record_message) },
	[RECORD_X86_VECTOR] = { .size = sizeof(struct record_x86_vector) },
	[RECORD_CPU] = { .size = sizeof(struct record_cpu) },
	[RECORD_BASE] = { sizeof(struct record_base),
			  CHOICE(struct record_base, mode, RECORD_MODE_SYSFS + 1),
			  { TEXT(struct record_base, release), TEXT(struct record_base, machine),
			    TEXT(struct record_base, reason) } },
	[RECORD_NAME] = { sizeof(struct record_name),
			  CHOICE(struct record_name, kind, RECORD_NAME_KIND_MAX),
			  { TEXT(struct record_name, name) } },
	[RECORD_HOOK] = { sizeof(struct record_hook),
			  CHOICE(struct record_hook, kind, RECORD_HOOK_KIND_MAX),
			  { TEXT(struct record_hook, name), TEXT(struct record_hook, reason) } },
	[RECORD_DEVICE] = { .size = sizeof(struct record_device),
			    .texts = { TEXT(struct record_device, name),
				       TEXT(struct record_device, bus),
				       TEXT(struct record_device, driver),
				       TEXT(struct record_device, module),
				       TEXT(struct record_device, parent),
				       TEXT(struct record_device, class_name) } },
	[RECORD_DEVICE_GONE] = { .size = sizeof(struct record_device),
				 .texts = { TEXT(struct record_device, name),
					    TEXT(struct record_device, bus),
					    TEXT(struct record_device, driver),
					    TEXT(struct record_device, module),
					    TEXT(struct record_device, parent),
					    TEXT(struct record_device, class_name) } },
	[RECORD_SYSFS_VECTOR] = { .size = sizeof(struct record_sysfs_vector),
				  .texts = { TEXT(struct record_sysfs_vector, device) } },
	[RECORD_SYSFS_IRQ] = { .size = sizeof(struct record_sysfs_irq),
			       .texts = { TEXT(struct record_sysfs_irq, chip),
					  TEXT(struct record_sysfs_irq, actions),
					  TEXT(struct record_sysfs_irq, affinity),
					  TEXT(struct record_sysfs_irq, effective_affinity),
					  TEXT(struct record_sysfs_irq, device) } },
	[RECORD_SNAPSHOT] = { sizeof(struct record_snapshot),
			      CHOICE(struct record_snapshot, phase, RECORD_SNAPSHOT_PHASE_MAX),
			      {} },
	[RECORD_LOST] = { .size = sizeof(struct record_lost),
			  .texts = { TEXT(struct record_lost, reason) } },
	[RECORD_DOORBELL] = { sizeof(struct record_doorbell),
			      CHOICE(struct record_doorbell, reason, RECORD_REASON_MAX),
			      { TEXT(struct record_doorbell, epc_name),
				TEXT(struct record_doorbell, epf_name),
				TEXT(struct record_doorbell, driver),
				TEXT(struct record_doorbell, provider) } },
	[RECORD_BAR] = { sizeof(struct record_bar),
			 CHOICE(struct record_bar, reason, RECORD_REASON_MAX),
			 { TEXT(struct record_bar, epc_name) } },
	[RECORD_TICK] = { .size = sizeof(struct record_header) },
	[RECORD_PMU] = { .size = sizeof(struct record_pmu),
			 .texts = { TEXT(struct record_pmu, name), TEXT(struct record_pmu, device),
				    TEXT(struct record_pmu, cpumask) } },
	[RECORD_PATTERN] = { sizeof(struct record_pattern),
			     CHOICE(struct record_pattern, kind, RECORD_PATTERN_KIND_MAX),
			     { TEXT(struct record_pattern, pattern) } },
	[RECORD_DEMAND] = { sizeof(struct record_demand),
			    CHOICE(struct record_demand, kind, RECORD_DEMAND_KIND_MAX),
			    { DEV(struct record_demand, device),
			      TEXT(struct record_demand, callers[0]),
			      TEXT(struct record_demand, callers[1]),
			      TEXT(struct record_demand, callers[2]),
			      TEXT(struct record_demand, callers[3]) } },
	[RECORD_SPACE] = { .size = sizeof(struct record_space) },
	[RECORD_GUARD] = { sizeof(struct record_guard),
			   CHOICE(struct record_guard, denied, 2),
			   {} },
	[RECORD_FEATURE] = { sizeof(struct record_feature),
			     CHOICE(struct record_feature, kind, RECORD_FEATURE_KIND_MAX),
			     { TEXT(struct record_feature, device) } },
	[RECORD_DRIVER] = { .size = sizeof(struct record_driver),
			    .texts = { TEXT(struct record_driver, bus),
				       TEXT(struct record_driver, name) } },
	[RECORD_PMU_EVENT] = { sizeof(struct record_pmu_event),
			       CHOICE(struct record_pmu_event, kind, RECORD_PMU_EVENT_KIND_MAX),
			       { TEXT(struct record_pmu_event, pmu),
				 TEXT(struct record_pmu_event, name),
				 TEXT(struct record_pmu_event, value) } },
	[RECORD_COUNTER] = { .size = sizeof(struct record_counter),
			     .texts = { TEXT(struct record_counter, pmu),
					TEXT(struct record_counter, event),
					TEXT(struct record_counter, reason) } },
	[RECORD_RING] = { .size = sizeof(struct record_ring) },
	[RECORD_STATE_MODEL] = { .size = sizeof(struct record_state_model) },
	[RECORD_STATE_LOST] = { .size = sizeof(struct record_state_lost),
				.texts = { TEXT(struct record_state_lost, reason) } },
	[RECORD_STATE_DOMAIN] = { .size = sizeof(struct record_state_domain),
				  .texts = { TEXT(struct record_state_domain, chip) } },
	[RECORD_STATE_VECTOR] = { .size = sizeof(struct record_state_vector),
				  .texts = { DEV(struct record_state_vector, left) } },
	[RECORD_STATE_ACTION] = { .size = sizeof(struct record_state_action) },
	[RECORD_STATE_DEVICE] = { .size = sizeof(struct record_state_device),
				  .texts = { TEXT(struct record_state_device, name) } },
	[RECORD_STATE_DOORBELL] = { .size = sizeof(struct record_state_doorbell),
				    .texts = { TEXT(struct record_state_doorbell, epc_name),
					       TEXT(struct record_state_doorbell, epf_name),
					       TEXT(struct record_state_doorbell, driver),
					       TEXT(struct record_state_doorbell, provider) } },
	[RECORD_STATE_DEMANDS] = { .size = sizeof(struct record_state_demands),
				   .texts = { TEXT(struct record_state_demands, device),
					      TEXT(struct record_state_demands, driver) } },
	[RECORD_STATE_DEMAND] = { .size = sizeof(struct record_state_demand),
				  .texts = { TEXT(struct record_state_demand, device),
					     TEXT(struct record_state_demand, caller) } },
	[RECORD_STATE_ASK] = { .size = sizeof(struct record_state_ask),
			       .texts = { TEXT(struct record_state_ask, device),
					  TEXT(struct record_state_ask, caller) } },
	[RECORD_STATE_LIFETIME] = { .size = sizeof(struct record_state_lifetime),
				    .texts = { TEXT(struct record_state_lifetime, provider),
					       TEXT(struct record_state_lifetime, consumer),
					       TEXT(struct record_state_lifetime, handler) } },
};

/* Fields that the table has no word for. */
static bool is_sound(const struct record_header *header)
{
	switch (header->type) {
	case RECORD_VECTOR: {
		const struct record_vector *r = (const void *)header;

		return r->irq != NO_IRQ && r->n_levels <= RECORD_LEVELS && r->error >= -ERRNO_MAX &&
		       r->error <= ERRNO_MAX && r->mask_words <= RECORD_SIZE_MAX / 8 &&
		       sizeof(*r) + (size_t)RECORD_MASKS * r->mask_words * 8 <= header->size;
	}
	case RECORD_ACTION: {
		const struct record_action *r = (const void *)header;

		return r->irq != NO_IRQ;
	}
	case RECORD_SYSFS_IRQ: {
		const struct record_sysfs_irq *r = (const void *)header;

		return r->irq != NO_IRQ;
	}
	case RECORD_ALLOC:
	case RECORD_FREE: {
		const struct record_range *r = (const void *)header;

		return r->count <= RANGE_MAX && r->irq <= UINT32_MAX - r->count;
	}
	case RECORD_MESSAGE: {
		const struct record_message *r = (const void *)header;

		return r->count <= RANGE_MAX && r->irq <= UINT32_MAX - r->count;
	}
	case RECORD_DOORBELL: {
		const struct record_doorbell *r = (const void *)header;

		return r->error >= -ERRNO_MAX && r->error <= ERRNO_MAX && r->count <= RANGE_MAX &&
		       (r->index <= RANGE_MAX || r->index == ~0U) &&
		       r->type <= RECORD_DOORBELL_EMBEDDED && r->copy < RECORD_COPY_MAX;
	}
	case RECORD_BAR: {
		const struct record_bar *r = (const void *)header;

		return r->bar < 6;
	}
	case RECORD_DEMAND: {
		const struct record_demand *r = (const void *)header;

		return r->answered <= 1 && r->result >= -ERRNO_MAX;
	}
	case RECORD_FEATURE: {
		const struct record_feature *r = (const void *)header;

		return r->message >= -1 && r->message <= 2047;
	}
	case RECORD_COUNTER: {
		const struct record_counter *r = (const void *)header;

		return r->error <= 0 && r->error >= -ERRNO_MAX;
	}
	default: return true;
	}
}

int decode(const void *data, size_t size, struct event *ret_event)
{
	const struct record_header *header = data;
	const struct shape *shape;

	if ((uintptr_t)data % 8)
		return -EINVAL;
	if (size < sizeof(*header) || header->size < sizeof(*header) || header->size > size ||
	    header->size > RECORD_SIZE_MAX || header->size % 8)
		return -EBADMSG;
	if (header->version != RECORD_VERSION)
		return -EPROTONOSUPPORT;
	if (header->type >= RECORD_TYPE_MAX || !shapes[header->type].size)
		return -EOPNOTSUPP;

	shape = &shapes[header->type];
	if (header->size < shape->size || header->cause >= RECORD_CAUSE_MAX ||
	    !memchr(header->comm, 0, sizeof(header->comm)))
		return -EBADMSG;
	if (shape->choice.end) {
		__u32 value;

		memcpy(&value, (const char *)data + shape->choice.offset, sizeof(value));
		if (value >= shape->choice.end)
			return -EBADMSG;
	}
	for (const struct text *t = shape->texts; t < shape->texts + TEXTS_MAX && t->size; t++)
		if (!memchr((const char *)data + t->offset, 0, t->size))
			return -EBADMSG;
	if (!is_sound(header))
		return -EBADMSG;

	ret_event->header = header;
	return (int)header->size;
}
