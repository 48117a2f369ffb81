/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records made by hand, and a model that they are applied to. A test says what the kernel does, one
 * record after the other, and what must have come of it, as JSON with single quotes:
 *
 *	tell(w, make_free(30, 1));
 *	expect_event(w, "{'type': 'vector-freed', 'irq': 30}");
 *	expect_nothing(w);
 *
 * What is expected is a part of what is: fields that a test does not name may be anything.
 */
#ifndef TEST_RECORDS_H
#define TEST_RECORDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include <cxlirqd/cleanup.h>

#include "model.h"
#include "model-private.h"

#define WORDS 4 /* of each mask, as on a machine with up to 256 CPUs */

/* A record_vector with room for its masks */
struct vector_record {
	struct record_vector r;
	uint64_t masks[RECORD_MASKS][WORDS];
};

#define MESSAGE(vector) ((struct record_msg){ .address_lo = 0xfee00000, .data = (vector) })
#define PLACEHOLDER MESSAGE(0xef)
#define ZEROS ((struct record_msg){ 0 })
#define PENDING VECTOR_STATE_AFFINITY_PENDING

/* ---- One record each, everything not named by an argument zero or plausible ---- */

struct record_header make_header(enum record_type type, size_t size);
struct record_dev make_dev(const char *name, const char *bus, const char *driver);

struct record_base make_base(enum record_mode mode);
struct record_name make_name(enum record_name_kind kind, uint32_t value, const char *name);
struct record_hook make_hook(const char *name, bool attached, bool needed);
struct record_lost make_lost(uint64_t count, const char *reason);
struct record_cpu make_cpu(uint32_t cpu, bool online);
struct record_guard make_guard(uint32_t irq, bool denied);
struct record_snapshot make_snapshot(enum record_snapshot_phase phase, bool complete);

struct record_domain make_domain(enum record_reason reason, uint64_t key, const char *name);
struct record_range make_alloc(uint32_t irq, uint32_t count);
struct record_range make_free(uint32_t irq, uint32_t count);

/*
 * The MSI-X vector @irq of the PCI function @provider, index irq - 30: in the domain of the key
 * 0x100, above it 0x200; affinity 0-1, effective 0; a placeholder for a message.
 */
struct vector_record make_vector(enum record_reason reason, uint32_t irq, const char *provider);
/* An interrupt without an MSI descriptor: wired, or an embedded doorbell */
struct vector_record make_wired(enum record_reason reason, uint32_t irq);
struct record_message make_message(uint32_t irq, struct record_msg old, struct record_msg new);
struct record_x86_vector make_x86(uint32_t irq, int32_t vector, int32_t cpu);

struct record_action make_action(enum record_reason reason, uint32_t irq, uint64_t cookie,
				 const char *name);
struct record_action_freed make_action_freed(uint32_t irq, uint64_t cookie);
struct record_owner make_owner(enum record_reason reason, uint32_t irq, uint64_t cookie,
			       const char *device);

struct record_device make_device(const char *name, const char *bus, const char *driver);
struct record_device make_device_gone(const char *name);
struct record_sysfs_vector make_sysfs_vector(uint32_t irq, const char *device);
struct record_sysfs_irq make_sysfs_irq(uint32_t irq, const char *actions);

/* Who does it: the rest of the header stays. */
void done_by(struct record_header *header, enum record_cause cause, const char *comm, uint32_t pid);

/* ---- The model ---- */

struct world {
	struct model *model;
	json_t *events; /* not yet expected by the test */
	uint64_t now_ns;
	model_change_fn follow; /* is told every change too, with the world; may be NULL */
	unsigned int applied; /* records */
	bool restoring; /* what a daemon before this one has told is not told again */
};

/* @limits may be NULL. */
struct world *world_new(const struct model_limits *limits);
/* A world with the names of the enumerators, a base, and a first walk that found nothing. */
struct world *world_listening(void);
struct world *world_free(struct world *w);
DEFINE_CLEANUP(struct world *, world_free);
#define _cleanup_world_ _cleanup_(world_freep)

/* Decodes and applies. A record without a time happens a millisecond after the one before. */
void world_apply(struct world *w, struct record_header *header);
#define tell(w, record)                                                                            \
	({                                                                                         \
		__typeof__(record) _record = (record);                                             \
		world_apply((w), (struct record_header *)&_record);                                \
	})

/*
 * The daemon ends, and another one takes over what it remembered. With CXLIRQD_RESTORE set, that
 * happens before every record of every test, or where a test has very many, before some.
 */
void world_restart(struct world *w);

void walk_begin(struct world *w);
void walk_end(struct world *w, bool complete);

/* cmocka tests */
int world_setup(void **state); /* world_new() */
int world_setup_listening(void **state); /* world_listening() */
int world_teardown(void **state);

/* ---- Scenes: what kernels and walks say about the same few things ---- */

/* @v with these masks and this message */
struct vector_record moved(struct vector_record v, enum record_reason reason, uint64_t affinity,
			   uint64_t effective, struct record_msg message);
/* make_vector() of the function 0000:01:00.0, with @message */
struct vector_record with_message(enum record_reason reason, uint32_t irq,
				  struct record_msg message);
/* What a kernel says between pci_alloc_irq_vectors() and the end of request_irq() */
void start(struct world *w, uint32_t irq, uint32_t vector);
void start_and_forget(struct world *w, uint32_t irq, uint32_t vector);

/* What a walk says: a domain; an interrupt with the message of @vector; and with a handler on it */
void see_domain(struct world *w, uint64_t key, const char *name);
struct vector_record vector_seen(uint32_t irq, uint32_t vector);
void see(struct world *w, uint32_t irq, uint32_t vector);
/* irq 30 with the message of 0x41 and these masks */
struct vector_record moved_to(uint64_t affinity, uint64_t effective);
/* All of one: the domain 0x100, and see(w, 30, 0x41) */
void walk(struct world *w, bool complete);

/* ---- Expectations; a failure shows the test's line ---- */

/* The oldest event that was not expected yet is @part; it is forgotten. */
#define expect_event(w, part) expect_event_at((w), (part), __FILE__, __LINE__)
#define expect_nothing(w) expect_nothing_at((w), __FILE__, __LINE__)
#define forget_events(w) json_array_clear((w)->events)
#define expect_vector(w, irq, part) expect_vector_at((w), (irq), (part), __FILE__, __LINE__)
#define expect_no_vector(w, irq) assert_null(model_vector((w)->model, (irq)))
#define expect_domain(w, name, part) expect_domain_at((w), (name), (part), __FILE__, __LINE__)
/* All corrections so far, and no others: "{'message': 2}" */
#define expect_corrections(w, all)                                                                 \
	expect_counts_at(model_corrections_to_json((w)->model), "kind", (all), __FILE__, __LINE__)
#define expect_refused(w, all)                                                                     \
	expect_counts_at(model_refused_to_json((w)->model), "kind", (all), __FILE__, __LINE__)
#define expect_lost(w, all)                                                                        \
	expect_counts_at(model_lost_to_json((w)->model), "reason", (all), __FILE__, __LINE__)

void expect_event_at(struct world *w, const char *part, const char *file, int line);
void expect_nothing_at(struct world *w, const char *file, int line);
void expect_vector_at(struct world *w, uint32_t irq, const char *part, const char *file, int line);
void expect_domain_at(struct world *w, const char *name, const char *part, const char *file,
		      int line);
/* Takes over @counts. */
void expect_counts_at(json_t *counts, const char *key, const char *all, const char *file, int line);

/* Single quotes become double ones; fails the test if it is no JSON. */
json_t *parse(const char *text);
/* Every field of @part is in @whole with the same value; lists are as long. */
bool is_part(const json_t *part, const json_t *whole);

/* ---- Files ---- */

/* A temporary directory, and files in it. cmocka's setup and teardown; *state is its path. */
int directory_setup(void **state);
int directory_teardown(void **state);
/* "@directory/name" in a static buffer */
const char *file_path(const char *directory, const char *name);
void file_write(const char *path, const void *data, size_t size);

#endif
