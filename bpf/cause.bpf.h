/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the current task is in the middle of, as a stack: the innermost call names the cause that
 * every record of this task carries meanwhile.
 */
#ifndef CXLIRQD_CAUSE_BPF_H
#define CXLIRQD_CAUSE_BPF_H

#include "emit.bpf.h"

static __always_inline struct task_context *cause_task(void)
{
	struct task_context *task = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), NULL,
							 BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!task)
		emit_refused(PROGRAM_NOTE_TASK);
	return task;
}

static __always_inline int cause_begin(u32 cause)
{
	struct task_context *task = cause_task();

	if (!task)
		return 0;
	/* whatever drivers do for a CPU that goes or comes, that is why */
	if (task->n_causes && task->causes[0] == RECORD_CAUSE_CPU_HOTPLUG)
		cause = RECORD_CAUSE_CPU_HOTPLUG;
	if (task->n_causes < TASK_CAUSES)
		task->causes[task->n_causes] = cause;
	else
		emit_refused(PROGRAM_NOTE_TASK);
	task->n_causes++;
	return 0;
}

static __always_inline int cause_end(void)
{
	struct task_context *task = emit_task();

	if (task && task->n_causes)
		task->n_causes--;
	return 0;
}

#endif
