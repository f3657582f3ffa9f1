/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef RMWATCH_FIRST_PROCESS_BPF_H
#define RMWATCH_FIRST_PROCESS_BPF_H

#include "kernel_types.bpf.h"

#include "kernel_read.bpf.h"
#include <bpf/bpf_helpers.h>

/* Returns process 1 of the host. The pid namespaces of the current task do not matter. */
static __always_inline struct task_struct *task__first(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct pid *pid = KERNEL_READ(task, thread_pid);
	struct pid_namespace *pids = NULL;

	/* The outermost namespace comes first. */
	bpf_probe_read_kernel(&pids, sizeof(pids),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      bpf_core_field_offset(struct upid, ns));
	return KERNEL_READ(pids, child_reaper);
}

#endif
