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

/* Reads the typed name, unless it tells at once that nobody wants what has become of it. */
static __always_inline bool removal_call__read(__u32 index, struct slot *slot, __u64 name, __u8 operation,
					       __u32 generation, __u32 outcome, bool self)
{
	__builtin_memset(&slot->record, 0, sizeof(slot->record));
	slot->record.operation = operation;
	slot->record.generation = generation;
	slot__read_typed(slot, name, true);
	return self || !slot__typed_unwanted(index, generation, outcome);
}

/* As removal_call__write_base() of a message queue: where queues are mounted by convention, mq_overview(7). */
static __always_inline void removal_call__write_queues(struct slot *slot)
{
	static const char queues[] = "/dev/mqueue";

	slot->start = TEXT_PATH_END - (sizeof(queues) - 1);
	slot->record.flags |= DELETION_PATH_IS_BASE;
	__builtin_memcpy(slot->text + TEXT_PATH_END - (sizeof(queues) - 1), queues, sizeof(queues) - 1);
}

/* Writes the directory that the typed name starts from, as far as it is sure to be that of the call. */
static __always_inline void removal_call__write_base(__u32 index, struct slot *slot, int dfd)
{
	slot__write_base(index, dfd);
	if (slot__base_shared(slot, dfd)) {
		slot->record.flags |= DELETION_BASE_SHARED;
		slot->record.flags &= ~DELETION_PATH_COMPLETE;
	}
}

static __always_inline void removal_call__deliver(__u32 index, struct slot *slot, long result, bool self)
{
	slot__fill_namespace(slot);
	slot__fill_caller(slot);
	slot->record.result = result;
	slot->record.flags |= DELETION_RESULT_KNOWN | (self ? DELETION_SELF : 0);
	slot__deliver(index, index + 1);
}

/* What the call has removed, or has failed to remove. */
static __always_inline void removal_call__exit(struct pt_regs___kernel *regs, long nr, long result)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct removal_call call;
	__u32 index = scratch__index(SCRATCH_TRACEPOINT);
	__u32 generation, outcome;
	struct slot *slot;
	bool self;

	removal_call__decode(&call, regs, nr, KERNEL_READ(task, thread_info.status) & TS_COMPAT);
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
	if (!removal_call__read(index, slot, call.name, call.operation, generation, outcome, self || call.queue)) {
		COUNT(filtered);
		return;
	}
	if (call.queue)
		removal_call__write_queues(slot);
	else
		removal_call__write_base(index, slot, call.dfd);
	if (slot__filter_joined(index, generation) & outcome || self)
		removal_call__deliver(index, slot, result, self);
	else
		COUNT(filtered);
}

/* Puts the directory that the name typed for the new place starts from, '/' and that name, in the slot `spare`, behind
 * all other text of the slot. */
GLOBAL_FUNCTION int slot__add_typed_target(__u32 index, __u32 spare)
{
	struct slot *slot = slot__at(index), *other = slot__at(spare);

	if (!slot || !other || !(other->record.flags & DELETION_HAS_TYPED) || !other->record.typed_length)
		return 0;
	slot__append_target(slot, other, TEXT_PATH_END - other->start + 1 + other->record.typed_length);
	/* Longer than there is room for: the place is not known then. */
	if (!slot->record.moved_length)
		return 0;
	slot->record.moved_length = TEXT_PATH_END - other->start;
	slot->record.moved_typed_length = other->record.typed_length;
	slot__note_target(slot, other);
	return 0;
}

/* The name `from` has become `to`. */
GLOBAL_FUNCTION int rename_call__moved(__u64 from, int from_dfd, __u64 to, int to_dfd)
{
	__u32 index = scratch__index(SCRATCH_TRACEPOINT), generation = settings.generation;
	__u32 outcome = filter__outcome_bits(OPERATION_MOVE, true, 0), wanted, whole;
	struct slot *slot = slot__at(index), *other = slot__at(index + 1);
	bool self = task__is_daemon();

	if (!slot || !other)
		return 0;
	if (!self)
		COUNT(seen);
	if (!removal_call__read(index, slot, from, OPERATION_MOVE, generation, outcome, self))
		goto unwanted;
	removal_call__write_base(index, slot, from_dfd);
	wanted = slot__filter_joined(index, generation);
	if (!(wanted & outcome) && !self)
		goto unwanted;
	removal_call__read(index + 1, other, to, OPERATION_UNLINK, generation, outcome, true);
	removal_call__write_base(index + 1, other, to_dfd);
	if (other->record.flags & DELETION_BASE_SHARED) {
		/* Only the typed name is sure. */
		other->start = TEXT_PATH_END;
		other->record.flags |= DELETION_PATH_CUT;
	}
	whole = wanted >> WANT_WHOLE_SHIFT;
	if (!self && whole && (__u32)slot__filter_joined(index + 1, generation) >> WANT_WHOLE_SHIFT == whole)
		goto unwanted;
	if (from_dfd == to_dfd)
		slot->record.flags |= DELETION_MOVED_BESIDE;
	slot__add_typed_target(index, index + 1);
	removal_call__deliver(index, slot, 0, self);
	return 0;
unwanted:
	COUNT(filtered);
	return 0;
}

/* Of renames only those that succeeded are told: what a failed one would have moved is not known to exist. */
static __always_inline void rename_call__exit(struct pt_regs___kernel *regs, long nr, long result)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct rename_call call;

	if (!rename_call__decode(&call, regs, nr, KERNEL_READ(task, thread_info.status) & TS_COMPAT) || result != 0)
		return;
	__sync_fetch_and_add(&directory_moves, 1);
	if (!moves__watched())
		return;
	rename_call__moved(call.from, call.from_dfd, call.to, call.to_dfd);
	if (call.flags & RENAME_EXCHANGE)
		rename_call__moved(call.to, call.to_dfd, call.from, call.from_dfd);
}

#endif
