// SPDX-License-Identifier: GPL-2.0-or-later
/* What this kernel gives, as the records that open a trace. */
#include "probe-private.h"

#include <stdio.h>
#include <string.h>

#include "guard-hook.h"

struct description {
	uint64_t now_ns;
	probe_emit_fn emit;
	void *userdata;
};

static void head(const struct description *d, struct record_header *header, uint16_t type,
		 uint32_t size)
{
	header->type = type;
	header->version = RECORD_VERSION;
	header->size = size;
	header->time_ns = d->now_ns;
}

static void describe_hook(const struct description *d, uint32_t kind, const char *name,
			  bool attached, bool needed, const char *reason)
{
	struct record_hook r = { .kind = kind, .attached = attached, .needed = needed };

	head(d, &r.header, RECORD_HOOK, sizeof(r));
	snprintf(r.name, sizeof(r.name), "%s", name);
	snprintf(r.reason, sizeof(r.reason), "%s", reason);
	d->emit(&r.header, d->userdata);
}

static void describe_name(const struct description *d, const struct pin_name *name)
{
	struct record_name r = { .kind = name->kind, .value = name->value };

	head(d, &r.header, RECORD_NAME, sizeof(r));
	memcpy(r.name, name->name, sizeof(r.name));
	d->emit(&r.header, d->userdata);
}

static bool is_fine_without(const char *reason)
{
	return !strncmp(reason, "replaced by", 11) || !strncmp(reason, "not needed", 10);
}

static void describe_features(const struct probe *probe, const struct description *d)
{
	const struct roots *roots = probe->tracing ? probe->roots : NULL;
	const char *why = probe->tracing ? probe_reason_symbols() : probe->reason;
	/* only there does the kernel share out vectors of a CPU to devices */
	bool x86 = !strcmp(probe->uts.machine, "x86_64");
	char guard[GUARD_REASON_MAX] = "";
	bool guards = probe->tracing && guard_hook_probe(guard) >= 0;
	const struct {
		const char *name;
		bool there;
		const char *reason; /* why not, where the answer is as good without */
	} features[] = {
		{ "snapshot of irq_domains", roots && roots->irq_domain_list, NULL },
		{ "snapshot of interrupts", roots && (roots->sparse_irqs || roots->irq_desc_tree),
		  NULL },
		{ "snapshot of managed requests",
		  roots && roots->devices_kset && roots->devm_irq_release, NULL },
		{ "per-CPU interrupt counts", roots && roots->per_cpu_offset, NULL },
		{ "vector space", roots && roots->vector_matrix && roots->per_cpu_offset,
		  x86 ? NULL : "not needed: not an x86 kernel" },
		/* it is of use to those who ask for it, and they are told when it cannot be had */
		{ "guard", guards, *guard ? guard : why },
	};

	for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++) {
		describe_hook(d, RECORD_HOOK_FEATURE, features[i].name, features[i].there,
			      !features[i].reason,
			      features[i].there	 ? "" :
			      features[i].reason ?:
						   why);
	}
}

void probe_describe_base(const struct probe *probe, uint64_t now_ns, int64_t realtime_offset_ns,
			 probe_emit_fn emit, void *userdata)
{
	struct description d = { .now_ns = now_ns, .emit = emit, .userdata = userdata };
	struct record_base base = { .realtime_offset_ns = realtime_offset_ns,
				    .mode = probe->tracing ? RECORD_MODE_TRACING :
							     RECORD_MODE_SYSFS,
				    .n_cpus = probe->cpus.possible };

	head(&d, &base.header, RECORD_BASE, sizeof(base));
	snprintf(base.release, sizeof(base.release), "%.63s", probe->uts.release);
	snprintf(base.machine, sizeof(base.machine), "%.23s", probe->uts.machine);
	snprintf(base.reason, sizeof(base.reason), "%s", probe->reason);
	emit(&base.header, userdata);
}

void probe_describe(const struct probe *probe, uint64_t now_ns, int64_t realtime_offset_ns,
		    probe_emit_fn emit, void *userdata)
{
	struct description d = { .now_ns = now_ns, .emit = emit, .userdata = userdata };

	probe_describe_base(probe, now_ns, realtime_offset_ns, emit, userdata);
	for (size_t i = 0; i < probe->n_names; i++)
		describe_name(&d, &probe->names[i]);
	for (size_t i = 0; i < probe->n_hooks; i++) {
		const struct pin_hook *hook = &probe->hooks[i].told;

		describe_hook(&d, RECORD_HOOK_PROGRAM, hook->section, hook->attached,
			      !is_fine_without(hook->reason), hook->reason);
	}
	describe_features(probe, &d);
}
