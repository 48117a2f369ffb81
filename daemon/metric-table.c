// SPDX-License-Identifier: GPL-2.0-or-later
/* The families: what is here is what every format says, what systemd is told, and the manual. */
#include "metric.h"

static const struct metric_family families[] = {
	[METRIC_BUILD] = {
		"build", METRIC_INFO, METRIC_PER_DAEMON, NULL, false, { "version", "kernel" },
		"The daemon and the kernel that it looks at.",
		NULL,
	},
	[METRIC_UP] = {
		"up", METRIC_GAUGE, METRIC_PER_DAEMON, NULL, true, {},
		"Whether the daemon has read this host's interrupts.",
		"0 until the first walk over the kernel's tables has ended.",
	},
	[METRIC_HOOK_ATTACHED] = {
		"hook_attached", METRIC_GAUGE, METRIC_PER_HOST, NULL, true, { "hook" },
		"Whether a hook or feature that this kernel should have is in use.",
		"What the kernel may do without is there only while it is in use.",
	},
	[METRIC_IRQ_DOMAINS] = {
		"irq_domains", METRIC_GAUGE, METRIC_PER_HOST, NULL, false,
		{ "bus_token", "immutability" },
		"Interrupt domains.",
		NULL,
	},
	[METRIC_VECTORS] = {
		"vectors", METRIC_GAUGE, METRIC_PER_DEVICE, NULL, false,
		{ "provider", "owner", "driver", "relation", "state" },
		"Interrupts, by the device that provides them and the one that has a handler.",
		"One that several handlers share counts for each of them. Owner, driver and "
		"relation are empty where there is no handler; so is the owner where it is not "
		"known.",
	},
	[METRIC_VECTOR_INTERRUPTS] = {
		"vector_interrupts", METRIC_COUNTER, METRIC_PER_VECTOR, NULL, false,
		{ "provider", "index", "owner" },
		"Interrupts that came by one vector while the owner had a handler on it.",
		"Only with PerVector=yes in the section [Export]. The index is empty for what is "
		"no message, and its interrupts count together.",
	},
	[METRIC_DEVICE_INTERRUPTS] = {
		"device_interrupts", METRIC_COUNTER, METRIC_PER_DEVICE, NULL, false,
		{ "provider", "owner" },
		"Interrupts that came by a device's vectors while the owner had a handler there.",
		"Vectors that were given back since are in it as they were last read. One that is "
		"shared counts for each of its owners; what came while nobody known had a handler "
		"has an empty owner. The kernel's counts are read with every answer.",
	},
	[METRIC_MESSAGE_CHANGES] = {
		"message_changes", METRIC_COUNTER, METRIC_PER_DEVICE, NULL, false,
		{ "provider", "cause" },
		"Messages of live vectors that became others.",
		NULL,
	},
	[METRIC_AFFINITY_CHANGES] = {
		"affinity_changes", METRIC_COUNTER, METRIC_PER_DEVICE, NULL, false,
		{ "provider", "cause" },
		"Affinity changes of interrupts that have a handler.",
		"One that has to wait for the next interrupt counts when it takes place, or is "
		"dropped.",
	},
	[METRIC_DOORBELLS] = {
		"doorbells", METRIC_GAUGE, METRIC_PER_DEVICE, NULL, false,
		{ "epc", "type", "verdict" },
		"Doorbells that endpoint functions have.",
		"Neither those that were given back nor those that were refused.",
	},
	[METRIC_VIOLATIONS] = {
		"violations", METRIC_COUNTER, METRIC_PER_DAEMON, NULL, false, { "rule", "severity" },
		"How often a rule has found something since the daemon started.",
		NULL,
	},
	[METRIC_VIOLATIONS_OPEN] = {
		"violations_open", METRIC_GAUGE, METRIC_PER_DAEMON, NULL, false, { "rule", "severity" },
		"Violations that nobody has acknowledged.",
		NULL,
	},
	[METRIC_VECTOR_DEMANDS] = {
		"vector_demands", METRIC_GAUGE, METRIC_PER_DEVICE, NULL, false,
		{ "provider", "feature", "result" },
		"Parts of devices that can interrupt, by what became of that.",
		"The features of \"cxlirqctl devices\", each in the row of the function that it "
		"draws on.",
	},
	[METRIC_VECTOR_SPACE] = {
		"vector_space", METRIC_GAUGE, METRIC_PER_HOST, NULL, false, { "cpu", "state" },
		"Interrupt vectors of all online CPUs together.",
		"On x86 only. The state is available, allocated or managed: set aside for managed "
		"interrupts.",
	},
	[METRIC_CPMU_EVENTS] = {
		"cpmu_events", METRIC_COUNTER, METRIC_PER_HOST, NULL, false, { "pmu", "event" },
		"What a standing counter of a CXL PMU has counted.",
		"As it was counted: where a counter had to share its place, multiply by the time "
		"that it was enabled and divide by the time that it ran. Counters that do not "
		"count have no series; of two with the same event the first one has.",
	},
	[METRIC_CPMU_TIME_ENABLED] = {
		"cpmu_time_enabled_seconds", METRIC_COUNTER, METRIC_PER_HOST, "seconds", false,
		{ "pmu", "event" },
		"How long a standing counter of a CXL PMU has been enabled.",
		NULL,
	},
	[METRIC_CPMU_TIME_RUNNING] = {
		"cpmu_time_running_seconds", METRIC_COUNTER, METRIC_PER_HOST, "seconds", false,
		{ "pmu", "event" },
		"How long a standing counter of a CXL PMU has been on the PMU.",
		NULL,
	},
	[METRIC_GUARD_DENIED] = {
		"guard_denied", METRIC_COUNTER, METRIC_PER_DEVICE, NULL, false, { "provider" },
		"Affinity changes that were refused to protect a vector.",
		NULL,
	},
	[METRIC_RECORDS] = {
		"records", METRIC_COUNTER, METRIC_PER_DAEMON, NULL, false, { "type" },
		"Records that the daemon was told, by the kernel and by its own sources.",
		"Those of the type invalid made no sense and were left out.",
	},
	[METRIC_RECORDS_LOST] = {
		"records_lost", METRIC_COUNTER, METRIC_PER_DAEMON, NULL, false, { "reason" },
		"Records that were lost.",
		NULL,
	},
	[METRIC_EVENTS_UNTOLD] = {
		"events_untold", METRIC_COUNTER, METRIC_PER_DAEMON, NULL, false, { "reason" },
		"Events that nobody was told, and that are not in the history.",
		"For the reason overload these are changes that were applied and judged all the "
		"same, and the history has a gap with their number.",
	},
	[METRIC_ENTRIES_REFUSED] = {
		"entries_refused", METRIC_COUNTER, METRIC_PER_DAEMON, NULL, false, { "table" },
		"What a table with a limit had no room for.",
		"Only tables that refused something. What the BPF programs note for themselves "
		"is in the tables program-tasks, program-messages and program-doorbells.",
	},
	[METRIC_SNAPSHOTS] = {
		"snapshots", METRIC_COUNTER, METRIC_PER_DAEMON, NULL, false, {},
		"Walks over the kernel's tables.",
		"An answer asks for one if the last is older than 50 milliseconds.",
	},
	[METRIC_SNAPSHOT_DURATION] = {
		"snapshot_duration_seconds", METRIC_GAUGE, METRIC_PER_DAEMON, "seconds", false, {},
		"How long the last walk over the kernel's tables took.",
		NULL,
	},
	[METRIC_SNAPSHOT_CORRECTIONS] = {
		"snapshot_corrections", METRIC_COUNTER, METRIC_PER_HOST, NULL, false, { "kind" },
		"Differences that a walk found and no event had told.",
		NULL,
	},
	[METRIC_BPF_PROGRAM_RUNS] = {
		"bpf_program_runs", METRIC_COUNTER, METRIC_PER_HOST, NULL, false, { "program" },
		"Runs of a BPF program.",
		"Only while the kernel counts them (sysctl kernel.bpf_stats_enabled).",
	},
	[METRIC_BPF_PROGRAM_RUN] = {
		"bpf_program_run_seconds", METRIC_COUNTER, METRIC_PER_HOST, "seconds", false,
		{ "program" },
		"Time that a BPF program has run.",
		"Only while the kernel counts them (sysctl kernel.bpf_stats_enabled).",
	},
	[METRIC_SINK_DROPPED] = {
		"sink_dropped", METRIC_COUNTER, METRIC_PER_DAEMON, NULL, false, { "sink" },
		"What a sink could not take.",
		"varlink and report: readers that were too slow. http: connections beyond the "
		"limits, and answers that could not be made. store: events that it could not "
		"store. journal: entries held back because the same was said a moment ago.",
	},
	[METRIC_SERIES_DROPPED] = {
		"series_dropped", METRIC_COUNTER, METRIC_PER_DAEMON, NULL, false, {},
		"Series that were left out of answers because there were too many.",
		"It grows by so many with each answer; MaxSeries= in the section [Export] sets "
		"how many an answer may have. What found no place in the daemon's own tables of "
		"counters is in it, too.",
	},
};
_Static_assert(sizeof(families) / sizeof(*families) == METRIC_MAX, "a family has no line");

const struct metric_family *metric_family(enum metric metric)
{
	return &families[metric];
}

const char *metric_suffix(const struct metric_family *family)
{
	return family->type == METRIC_COUNTER ? "_total" :
	       family->type == METRIC_INFO    ? "_info" :
						"";
}

const char *metric_type_name(enum metric_type type)
{
	static const char *const names[] = {
		[METRIC_GAUGE] = "gauge",
		[METRIC_COUNTER] = "counter",
		[METRIC_INFO] = "info",
	};

	return names[type];
}

unsigned int metric_n_labels(const struct metric_family *family)
{
	unsigned int n = 0;

	while (n < METRIC_LABELS_MAX && family->labels[n])
		n++;
	return n;
}
