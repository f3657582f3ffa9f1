/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef RMWATCH_SYSTEM_CALL_EXIT_BPF_H
#define RMWATCH_SYSTEM_CALL_EXIT_BPF_H

#include "attempt.bpf.h"
#include "counters.bpf.h"
#include "deletion.bpf.h"
#include "filter.bpf.h"
#include "maps.bpf.h"
#include "system_call.bpf.h"
#include "typed_name.bpf.h"

/*
 * The tracepoint mode knows only what the system call tells. Everything is read at its exit: the outcome is
 * known, and the page that holds the name is present because the kernel has just read it.
 */
static __always_inline void removal_call__exit(struct pt_regs___kernel *regs, long nr, long result)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct removal_call call;
	__u32 index = scratch__index(SCRATCH_TRACEPOINT);
	__u32 generation, outcome;
	struct slot *slot;
	bool self;

	removal_call__decode(&call, regs, nr, KERNEL_READ(task, thread_info.status) & TS_COMPAT);
	if (call.operation == CALL_RENAME && result == 0)
		__sync_fetch_and_add(&directory_moves, 1);
	if (call.operation < 0)
		return;

	self = task__is_daemon();
	if (!self)
		COUNT(seen);
	generation = settings.generation;
	outcome = filter__outcome_bits(call.operation, true, result);
	if (!(filter__anything(generation) & outcome) && !self) {
		COUNT(filtered);
		return;
	}
	slot = slot__at(index);
	if (!slot)
		return;
	__builtin_memset(&slot->record, 0, sizeof(slot->record));
	slot__read_typed(slot, call.name, true);
	if (!self && slot__typed_unwanted(index, generation, outcome)) {
		COUNT(filtered);
		return;
	}
	slot__write_base(index, call.dfd);
	if (slot__base_shared(slot, call.dfd)) {
		slot->record.flags |= DELETION_BASE_SHARED;
		slot->record.flags &= ~DELETION_PATH_COMPLETE;
	}
	if (slot__filter_joined(index, generation) & outcome || self) {
		slot__fill_namespace(slot);
		slot__fill_caller(slot);
		slot->record.operation = call.operation;
		slot->record.generation = generation;
		slot->record.result = result;
		slot->record.flags |= DELETION_RESULT_KNOWN;
		if (self)
			slot->record.flags |= DELETION_SELF;
		slot__deliver(index, index + 1);
	} else {
		COUNT(filtered);
	}
}

#endif
