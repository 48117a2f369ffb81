/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of the model: only the files of the state see this, and tests. */
#ifndef CXLIRQD_MODEL_PRIVATE_H
#define CXLIRQD_MODEL_PRIVATE_H

#include "model.h"

#include "bar.h"

#include <cxlirqd/json.h>

#include <string.h>

/* A managed request, known by (irq, cookie) whether or not its handler is known yet. */
struct owner_key {
	uint64_t cookie;
	uint32_t irq, reserved;
};

struct owner {
	struct owner_key key;
	struct record_dev device;
	UT_hash_handle hh;
};

/* irq -> devices in whose sysfs directories it stands: a PCI function, an auxiliary child of it */
struct sysfs_listing {
	struct sysfs_listing *next;
	char device[64];
};

struct sysfs_vector {
	uint32_t irq;
	struct sysfs_listing *listings; /* never empty */
	UT_hash_handle hh;
};

struct name {
	uint32_t kind, value;
	char name[40];
};

struct hook {
	uint32_t kind;
	bool attached, needed;
	char name[64];
	char reason[128];
};

/* A driver that sysfs was asked for */
struct driver {
	char bus[16];
	char name[32];
	bool present;
};
#define MODEL_DRIVERS_MAX 64

struct lost {
	char reason[40];
	uint64_t count;
};
#define MODEL_LOST_MAX 16

/* Freed while a snapshot was under way: what the walk still saw of it is stale. */
struct tombstone {
	uint64_t key; /* irq, or a domain's key */
	UT_hash_handle hh;
};

/* So long a state must last before it is more than a step on the way. */
#define TICK_NS 1000000000ULL
/* After so many walks none may ever be complete: what they saw is all that there will be. */
#define REPAIR_WALKS 3

struct model {
	struct model_limits limits;
	model_change_fn change;
	void *userdata;

	struct record_base base;
	bool has_base;
	struct name *names;
	uint32_t n_names;
	struct hook *hooks;
	uint32_t n_hooks;
	struct lost lost[MODEL_LOST_MAX];
	uint32_t n_lost;

	struct domain *domains;
	unsigned int next_domain_id;
	struct vector *vectors;
	uint32_t n_actions;
	struct owner *owners;
	struct device *devices;
	struct sysfs_vector *sysfs_vectors;
	uint32_t n_sysfs_listings;

	struct demands *demands;
	uint32_t n_asks; /* of all */
	uint32_t n_hardware; /* statements of config space, of all devices */
	struct driver drivers[MODEL_DRIVERS_MAX];
	uint32_t n_drivers;
	struct space space;
	struct space_cpu *space_cpus;
	struct lifetime lifetimes[LIFETIMES_MAX];
	uint64_t n_lifetimes; /* ever: the next one's place */

	struct doorbell *doorbells;
	struct bar *bars;
	bool bars_known; /* a walk has told of those that were there first, hooks tell the rest */
	struct pmu *pmus;
	uint32_t n_pmu_words; /* of all */
	struct counter *counters;
	char patterns[MODEL_PATTERNS_MAX][64]; /* providers whose vectors are doorbells */
	uint32_t n_patterns;
	uint64_t tick_ns; /* when a tick is wanted, 0 = none is */

	uint64_t walk; /* number of the snapshot under way or the last one */
	bool walking;
	unsigned int unrepaired; /* so many walks at most until losses do not count any more */
	uint64_t lost_walk; /* under way or the last one at a loss: it repairs nothing of that */
	bool populated; /* a first snapshot has ended: later differences are corrections */
	bool domains_known; /* and it told of the domains, too */
	struct tombstone *dead_irqs, *dead_domains;

	uint64_t records, unknown_records, snapshots, snapshot_ns;
	uint64_t counted_ns; /* when the last snapshot ended */
	uint64_t changes[CHANGE_TYPE_MAX];
	uint64_t corrections[CORRECTION_MAX];
	uint64_t refused[TABLE_MAX];
};

/* uthash calls this instead of exit(): the entry is then not in the table. */
void model_out_of_memory(void *entry);
#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(entry) model_out_of_memory(entry)

/* True and counted if @n entries are as many as the table may have. */
bool model_is_full(struct model *model, enum table table, uint32_t n);
void model_change(struct model *model, struct change *change, const struct record_header *header);
/* Counts a correction and tells of it. */
void model_correct(struct model *model, enum correction kind, const struct domain *domain,
		   const struct vector *vector, const struct record_header *header);
void cause_from_header(struct cause *cause, const struct record_header *header);
/* The same of what drivers alone can do; not valid where no call told of it, but a walk. */
struct cause cause_driver(const struct record_header *header);

/* At most as many as @counted may have entries; what is refused is counted there. */
void tombstone_add(struct model *model, struct tombstone **table, enum table counted, uint64_t key);
bool tombstone_has(struct tombstone *table, uint64_t key);
void tombstone_remove(struct tombstone **table, uint64_t key);
void tombstones_clear(struct tombstone **table);

void domain_apply(struct model *model, const struct record_domain *r);
void domain_walk_end(struct model *model, const struct record_snapshot *r);
struct domain *domain_find(const struct model *model, uint64_t key);

void vector_apply(struct model *model, const struct record_vector *r);
/* Ascribes the interrupts that came since the last time to those who have a handler. */
void vector_tally(struct vector *vector);
/* The same where an event is about to change who that is */
void vector_tally_now(const struct model *model, struct vector *vector);
void action_set_device(struct vector *vector, struct action *action,
		       const struct record_dev *device);
void vector_apply_alloc(struct model *model, const struct record_range *r);
void vector_apply_free(struct model *model, const struct record_range *r);
void vector_apply_message(struct model *model, const struct record_message *r);
void vector_apply_x86(struct model *model, const struct record_x86_vector *r);
void vector_apply_sysfs(struct model *model, const struct record_sysfs_irq *r);
void vector_walk_end(struct model *model, const struct record_snapshot *r);
/*
 * An operation has ended: what stands now is what the hardware was told. @otherwise is the cause
 * if no write told one, NULL when nobody knows.
 */
void vector_settle(struct model *model, struct vector *vector, const struct record_header *header,
		   const struct cause *otherwise);
/* A while has passed: what no operation has completed stands by itself; rules look at the rest. */
void vectors_tick(struct model *model, const struct record_header *header);
/* Something happened to @vector: it is looked at when it has been quiet for a while. */
void vector_want_check(struct model *model, struct vector *vector,
		       const struct record_header *header);
/* A walk found a handler: the message it found stands. */
void vector_settle_seen(struct vector *vector);
struct vector *vector_find(const struct model *model, uint32_t irq);

static inline bool msg_equal(const struct record_msg *a, const struct record_msg *b)
{
	return a->address_lo == b->address_lo && a->address_hi == b->address_hi &&
	       a->data == b->data;
}

static inline bool msg_is_zero(const struct record_msg *m)
{
	return !m->address_lo && !m->address_hi && !m->data;
}

bool affinity_is_pending(uint32_t state);
/* Whether the record's masks, and whether they wait, are not the model's. */
bool affinity_differs(const struct vector *vector, const struct record_vector *r);
/* The record's masks stand. False: no memory, the model's stay. */
bool affinity_store(struct vector *vector, const struct record_vector *r);
/* A walk's masks, kept aside: what they replace is needed to tell of the change they came by. */
void affinity_hold(struct vector *vector, const struct record_vector *r);
/* No record came that explains them: they stand. */
void affinity_adopt(struct vector *vector);
/*
 * Stores the masks of a request, a move or a dropped request, and tells if that is a change.
 * @ret_cause: whose doing it was.
 */
void affinity_apply(struct model *model, struct vector *vector, const struct record_vector *r,
		    struct cause *ret_cause);

/* Records were lost: handlers that are not told or seen again prove nothing. */
void actions_doubt(struct model *model);
void action_apply(struct model *model, const struct record_action *r);
void action_apply_freed(struct model *model, const struct record_action_freed *r);
void action_apply_owner(struct model *model, const struct record_owner *r);
/* Handlers that the snapshot under way did not see on @vector */
void action_walk_end(struct model *model, struct vector *vector, const struct record_snapshot *r);
void actions_free(struct model *model, struct vector *vector);
void action_from_names(struct model *model, struct vector *vector, const char *names);
json_t *action_to_json(const struct model *model, const struct vector *vector,
		       const struct action *action);

void model_want_tick(struct model *model, uint64_t time_ns);
void pmu_apply(struct model *model, const struct record_pmu *r);
void pmu_apply_event(struct model *model, const struct record_pmu_event *r);
void pmus_free(struct model *model);
void counter_apply(struct model *model, const struct record_counter *r);
void counters_free(struct model *model);

void bar_apply(struct model *model, const struct record_bar *r);
void bars_free(struct model *model);
/* Records were lost: what was told before proves nothing any more. */
void bars_doubt(struct model *model);
void bars_walk_end(struct model *model, const struct record_snapshot *r);
/* The BAR of this function that maps @address; NULL: none. */
const struct bar *bar_mapping(const struct model *model, uint64_t epc, uint32_t func,
			      uint64_t address);

void doorbell_apply(struct model *model, const struct record_doorbell *r);
void doorbell_apply_pattern(struct model *model, const struct record_pattern *r);
void doorbells_free(struct model *model);
/* Records were lost: of those that are freed nothing is proved any more. */
void doorbells_doubt(struct model *model);
/* A BAR of the controller was set or cleared, or @walk: was seen. */
void doorbells_mapped(struct model *model, uint64_t epc, bool walk,
		      const struct record_header *header);
void doorbells_tick(struct model *model, const struct record_header *header);
void doorbells_walk_end(struct model *model, const struct record_snapshot *r);
/* What becomes of an interrupt, told to its doorbells: there, gone, handlers, a message stands */
void doorbell_vector(struct model *model, const struct vector *vector,
		     const struct record_header *header);
void doorbell_vector_gone(struct model *model, const struct vector *vector,
			  const struct record_header *header);
void doorbell_handlers(struct model *model, const struct vector *vector,
		       const struct record_header *header);
void doorbell_settled(struct model *model, const struct vector *vector, const struct cause *cause,
		      const struct record_header *header);

/* Whether vectors that appear now are the answer to a driver's call, as far as that was told. */
enum answering { ANSWERING_UNKNOWN, ANSWERING_NO, ANSWERING_YES };
enum answering demands_answering(const struct model *model, const char *device);
void demand_apply(struct model *model, const struct record_demand *r);
/* The question that this request followed, NULL = none did. Borrowed. */
const struct ask *demands_request_refused(struct model *model, const struct vector *vector,
					  int error, const struct record_header *header);
void demands_vector_freed(struct model *model, const struct vector *vector,
			  const struct record_header *header);
/* Sysfs shows the device with this driver, or with none. */
void demands_device(struct model *model, const struct record_device *r);
void demands_device_gone(struct model *model, const char *device);
/* Records were lost: what is being answered is not known. */
void demands_doubt(struct model *model);
void demands_tick(struct model *model, const struct record_header *header);
void demands_free(struct model *model);

void feature_apply(struct model *model, const struct record_feature *r);
void hardware_forget(struct model *model, struct device *device);
void driver_apply(struct model *model, const struct record_driver *r);

void space_apply(struct model *model, const struct record_space *r);
void space_walk_end(struct model *model, const struct record_snapshot *r);
void space_free(struct model *model);

void lifetime_vector_freed(struct model *model, const struct vector *vector,
			   const struct record_header *header);
void lifetime_handler_freed(struct model *model, uint32_t irq, uint64_t cookie,
			    const struct record_header *header);

/* A record of cxlirqd/state.h: what the model of a daemon before this one remembered. */
void state_apply(struct model *model, const struct record_header *header);
/* For it: new entries, NULL when there is no room. */
struct doorbell *doorbell_add(struct model *model, uint64_t owner, uint32_t index, bool platform);
struct demands *demands_get(struct model *model, const char *device);
struct demand *demand_add(struct demands *demands);
struct ask *ask_get(struct model *model, struct demands *demands, uint32_t number,
		    const char *caller);
struct lifetime *lifetime_add(struct model *model);
struct lost *lost_find(struct model *model, const char *reason);

void sysfs_vectors_free(struct model *model);
void devices_free(struct model *model);
void device_apply(struct model *model, const struct record_device *r);
void device_apply_gone(struct model *model, const struct record_device *r);
void device_apply_sysfs_vector(struct model *model, const struct record_sysfs_vector *r);

/* json_text(), but null for "". */
json_t *text_to_json(const char *text);
/* JSON's numbers are signed. */
json_int_t json_count(uint64_t count);

#endif
