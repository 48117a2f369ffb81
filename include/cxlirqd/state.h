/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a daemon leaves to the next one: the model's memory, in the same format as all other records
 * (cxlirqd/record.h), so that a state file is a record file as any other and can be replayed.
 *
 * What a walk would tell again is written as a walk tells it. The records here add what only time
 * has told: which message was settled, who asked for a move that waits, what the host was told of a
 * doorbell, what drivers asked for. They follow the objects that they belong to and replace what
 * those said.
 */
#ifndef CXLIRQD_STATE_H
#define CXLIRQD_STATE_H

#include <cxlirqd/record.h>

/*
 * The next @count records came from the ring of the set of programs @generation; the first of them
 * began at @position. Count 0 only says where the reader stood.
 */
struct record_ring {
	struct record_header header;
	__u64 lineage; /* of runs that followed each other without a gap */
	__u64 generation;
	__u64 position; /* bytes since the ring was made, the ring's own headers included */
	__u64 step; /* changes of the model so far, in this lineage */
	__u64 dropped, missed; /* records and runs of programs that were told as lost */
	__u32 count;
	__u32 based; /* opens a file: the model follows, up to RECORD_STATE_MODEL */
};

struct state_cause {
	__u32 valid, kind, flags;
	__u32 pid, uid, reserved;
	char comm[16];
};

#define STATE_CHANGES 32
#define STATE_CORRECTIONS 16
#define STATE_TABLES 32

#define STATE_MODEL_BARS_KNOWN 1U /* no walk is asked what the BARs map */
#define STATE_MODEL_UNREPAIRED 2U /* no walk has put right what lost records would have told */

/* Comes last: after it the model is as it was. */
struct record_state_model {
	struct record_header header;
	__u64 walk, records, unknown_records, snapshots, snapshot_ns, counted_ns, tick_ns;
	__u32 next_domain_id, flags; /* STATE_MODEL_* */
	__u64 changes[STATE_CHANGES];
	__u64 corrections[STATE_CORRECTIONS];
	__u64 refused[STATE_TABLES];
};

struct record_state_lost {
	struct record_header header;
	__u64 count;
	char reason[40];
};

struct record_state_domain {
	struct record_header header;
	__u64 key;
	__u64 affinity_changes, message_changes;
	__u32 affinity_vectors, id;
	char chip[48];
};

#define STATE_VECTOR_TOLD 1U
#define STATE_VECTOR_MESSAGE_KNOWN 2U
#define STATE_VECTOR_SETTLED_KNOWN 4U
#define STATE_VECTOR_UNSETTLED 8U

struct record_state_vector {
	struct record_header header;
	__u32 irq, flags; /* STATE_VECTOR_* */
	__u32 origin, reserved;
	__u64 allocated_ns, unsettled_ns, check_ns, left_ns, left_requested_ns;
	__u64 message_changes, message_rewrites, affinity_changes;
	__u64 tallied, unowned; /* interrupts */
	struct record_msg message, settled;
	struct state_cause message_cause, pending, moved_by, left_by;
	struct record_dev left;
};

struct record_state_action {
	struct record_header header;
	__u32 irq, evidence;
	__u64 cookie;
	__u64 requested_ns;
	__u64 interrupts;
};

/* A device whose driver was bound while somebody listened */
struct record_state_device {
	struct record_header header;
	char name[64];
};

#define STATE_DOORBELL_REQUESTED 1U
#define STATE_DOORBELL_PUBLISHED 2U
#define STATE_DOORBELL_FREED 4U
#define STATE_DOORBELL_REFUSED 8U
#define STATE_DOORBELL_TOLD 16U
#define STATE_DOORBELL_WALKED 32U
#define STATE_DOORBELL_STALE_TOLD 64U
#define STATE_DOORBELL_STALE_OVER 128U
#define STATE_DOORBELL_EARLY 256U
#define STATE_DOORBELL_VIOLATED 512U

struct record_state_doorbell {
	struct record_header header;
	__u64 owner;
	__u32 index, platform;
	__u64 epc;
	__u32 func, type; /* enum doorbell_type */
	__u32 irq, flags; /* STATE_DOORBELL_* */
	__s32 fixed_bar, bar;
	__s32 error;
	__u32 asked;
	__u32 copy_state, reserved;
	struct record_msg message, reference, copy;
	__u32 reserved2;
	__u64 parent;
	__u64 published_ns, freed_ns, stale_ns, message_changes;
	struct state_cause freed_by;
	char epc_name[64], epf_name[64];
	char driver[32];
	char provider[64];
};

#define STATE_DEMANDS_OPEN 1U
#define STATE_DEMANDS_LOST 2U
#define STATE_DEMANDS_LASTED 4U
#define STATE_DEMANDS_FREED 8U
#define STATE_DEMANDS_FREED_IN_PROBE 16U
#define STATE_DEMANDS_UNBOUND 32U
#define STATE_FEATURES 16

struct record_state_demands {
	struct record_header header;
	char device[64];
	char driver[32];
	__u64 older, last_ns, check_ns;
	__u32 flags; /* STATE_DEMANDS_* */
	__u32 open_kind, open_tid, reserved;
	__u32 asked[STATE_FEATURES];
};

#define STATE_DEMAND_LEGACY 1U
#define STATE_DEMAND_IN_PROBE 2U
#define STATE_DEMAND_TOLD 4U

/* Follow their record_state_demands, in order. */
struct record_state_demand {
	struct record_header header;
	char device[64];
	__u32 kind, state; /* enum demand_kind, STATE_DEMAND_* */
	__u32 min, max, flags, granted;
	__s32 error;
	__u32 reserved;
	__u64 time_ns;
	char caller[48];
	struct state_cause cause;
};

struct record_state_ask {
	struct record_header header;
	char device[64];
	__u32 number, state; /* STATE_DEMAND_* */
	__u32 feature, nth, irq, tid; /* enum feature */
	__s32 error, request_error;
	__u64 time_ns;
	char caller[48];
	struct state_cause cause;
};

#define STATE_LIFETIME_HAS_INDEX 1U

struct record_state_lifetime {
	struct record_header header;
	char provider[64], consumer[64];
	char handler[64];
	__u32 irq, index, flags, reserved;
	__u64 cookie;
	__u64 allocated_ns, requested_ns, freed_ns, left_ns;
	struct state_cause freed_by, left_by;
};

RECORD_CHECK(struct record_ring, 56 + 48 + 8);
RECORD_CHECK(struct state_cause, 40);
RECORD_CHECK(struct record_state_model, 56 + 64 + 8 * (32 + 16 + 32));
RECORD_CHECK(struct record_state_lost, 104);
RECORD_CHECK(struct record_state_domain, 56 + 32 + 48);
RECORD_CHECK(struct record_state_vector, 56 + 16 + 80 + 24 + 160 + 152);
RECORD_CHECK(struct record_state_action, 88);
RECORD_CHECK(struct record_state_device, 120);
RECORD_CHECK(struct record_state_doorbell, 56 + 56 + 8 + 40 + 40 + 40 + 224);
RECORD_CHECK(struct record_state_demands, 56 + 96 + 24 + 16 + 64);
RECORD_CHECK(struct record_state_demand, 56 + 64 + 32 + 8 + 48 + 40);
RECORD_CHECK(struct record_state_ask, 56 + 64 + 32 + 8 + 48 + 40);
RECORD_CHECK(struct record_state_lifetime, 56 + 192 + 16 + 40 + 80);

#endif
