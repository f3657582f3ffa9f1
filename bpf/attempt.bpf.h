/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * One attempt to remove a name, or to move it away, from the entry of the call on:
 *   attempt__begin()    the call was entered; the typed name is known
 *   attempt__capture()  the kernel found the victim and holds its directory's lock
 *   success__look()     the filesystem has removed the name (success.bpf.h): the deletion is told
 *   attempt__end()      the call returned; only while a watch wants failures, or for renames on ceph
 * A hook before the success carries a program of each kind where the kernel allows both, as a success hook does
 * (success.bpf.h): the first that runs does the work, and the second finds it done.
 *
 * Between them nothing is held but a few numbers. Where failures of the operation are watched, and of a rename on ceph,
 * a slot is held as well: when the call returns, the kernel knows neither the victim nor the typed name any more.
 */
#ifndef RMWATCH_ATTEMPT_BPF_H
#define RMWATCH_ATTEMPT_BPF_H

#include "counters.bpf.h"
#include "deletion.bpf.h"
#include "filesystem_magic.bpf.h"
#include "filter.bpf.h"
#include "maps.bpf.h"
#include "mount_owner.bpf.h"
#include "output.bpf.h"
#include "path_walk.bpf.h"
#include "release.bpf.h"

/* in_flight_attempt.flags: something may be told when the call returns. */
#define ATTEMPT_ENDS_LATE (ATTEMPT_FAILURE_WATCHED | ATTEMPT_TOLD_LATE)

static __always_inline bool task__is_daemon(void)
{
	return bpf_get_current_pid_tgid() >> 32 == settings.self_tgid;
}

static __always_inline bool failures__watched(__u32 operation)
{
	return settings.failure_operations[settings.generation % FILTER_GENERATIONS] >> (operation & 3) & 1;
}

/* What happens there a thread of the kernel does: the caller meets no success hook. */
static __always_inline bool rename__is_late(struct inode *inode)
{
	return settings.late_renames && inode__magic(inode) == CEPH_SUPER_MAGIC;
}

/* Whether any watch wants moves; the daemon's self-test does. */
static __always_inline bool moves__watched(void)
{
	return filter__anything(settings.generation) & filter__outcome_bits(OPERATION_MOVE, false, 0) ||
	       task__is_daemon();
}

static __always_inline bool operation__is_move(__u32 operation)
{
	return (operation & 3) == OPERATION_MOVE;
}

/*
 * Where the attempts of the current thread are kept: by its number, of which the kernel never uses the uppermost bits
 * (a pid has 22). One rename can replace a file and move one or two names: each of these is an attempt of its own, but
 * for in_flight_attempt.moved.
 */
static __always_inline __u64 attempt__key(__u32 operation)
{
	__u64 id = bpf_get_current_pid_tgid();

	if (operation__is_move(operation))
		id |= (operation & SECOND_MOVE ? 2ull : 1ull) << ATTEMPT_PART_SHIFT;
	return id;
}

static __always_inline void attempt__prepare(struct in_flight_attempt *attempt, __u32 operation)
{
	attempt->slot = NO_SLOT;
	attempt->operation = operation & 3;
	attempt->phase = ATTEMPT_BEGUN;
	attempt->flags = failures__watched(operation) ? ATTEMPT_FAILURE_WATCHED : 0;
}

/*
 * Whether the hook's program of the other kind led to this phase; notes that this one ran, too. A program that finds
 * itself noted looks at a later call.
 */
static __always_inline bool attempt__done_by_other(struct in_flight_attempt *attempt, __u32 kind)
{
	if (attempt->kinds >> kind & 1)
		return false;
	attempt->kinds |= 1u << kind;
	return true;
}

/* Before anything was found: the path is made of what was typed. Tells whether it is wanted. */
GLOBAL_FUNCTION int attempt__resolve_typed(__u32 index, __u32 outcome)
{
	struct slot *slot = slot__at(index);

	if (!slot)
		return 0;
	slot__write_base(index, slot->attempt.dfd);
	/* Where a call slept for so long that its filter's place is used again, that of now judges. */
	slot->record.generation = settings.generation;
	slot->record.operation = slot->attempt.operation;
	slot__fill_namespace(slot);
	slot__fill_caller(slot);
	return slot__filter_joined(index, slot->record.generation) & outcome;
}

/*
 * The call returned `result`, or, when `known` is 0, the thread is seen doing something else. What the success hook has
 * told is left alone; where it could not, a success is told here.
 */
GLOBAL_FUNCTION int attempt__end(int result, int known, int operation)
{
	__u64 id = attempt__key(operation);
	struct in_flight_attempt *attempt = bpf_map_lookup_elem(&attempts, &id);
	__u32 outcome = filter__outcome_bits(operation, known, result);
	bool self = task__is_daemon();
	__u32 index = NO_SLOT;
	struct slot *slot;

	if (!attempt || attempt->phase == ATTEMPT_OVER || (attempt->phase == ATTEMPT_TOLD && known && result < 0)) {
		/* Its entry was missed, or found no room. A rename counts, though it may not have found a victim. */
		if (known && result < 0 && !operation__is_move(operation) && !self && failures__watched(operation)) {
			COUNT(seen);
			COUNT(lost_state_full);
		}
		return 0;
	}
	index = attempt->slot;
	if (attempt->phase == ATTEMPT_TOLD || !(attempt->flags & ATTEMPT_ENDS_LATE))
		goto out;
	if (known && result < 0 && !(attempt->flags & ATTEMPT_FAILURE_WATCHED))
		goto out;
	if (attempt->phase == ATTEMPT_BEGUN && attempt->operation == OPERATION_REPLACE)
		goto out;
	if (!self)
		COUNT(seen);
	if (attempt->flags & ATTEMPT_UNWANTED) {
		if (!self)
			COUNT(filtered);
		goto out;
	}
	slot = index == NO_SLOT ? NULL : slot__at(index);
	if (!slot) {
		if (!self)
			COUNT(lost_state_full);
		goto out;
	}
	slot->record.result = known ? result : 0;
	slot->record.flags |= (known ? DELETION_RESULT_KNOWN : 0) | (self ? DELETION_SELF : 0);
	if (attempt->phase == ATTEMPT_BEGUN) {
		slot->attempt = *attempt;
		slot->wanted = attempt__resolve_typed(index, outcome);
	}
	if (slot->wanted & outcome || self)
		slot__deliver(index, NO_SLOT);
	else
		COUNT(filtered);
out:
	slot__give_back(index);
	attempt->slot = NO_SLOT;
	attempt->phase = ATTEMPT_OVER;
	return 0;
}

/*
 * The call was entered. `filename` is its struct filename; a rename has two, and `from` is that of the old name.
 * `kind` is the kind of this program.
 */
GLOBAL_FUNCTION int attempt__begin(int dfd, __u64 filename, __u64 from, int operation, int kind)
{
	__u64 id = attempt__key(operation);
	struct in_flight_attempt *left = bpf_map_lookup_elem(&attempts, &id);
	struct in_flight_attempt attempt = {
		.filename = filename, .from = from, .dfd = dfd, .kinds = 1u << (kind & 1)
	};

	if (left && left->phase == ATTEMPT_BEGUN && left->filename == filename && left->dfd == dfd &&
	    left->operation == operation && attempt__done_by_other(left, kind & 1))
		return 0;
	/* Left behind by a return that was never seen. */
	if (left && left->flags & ATTEMPT_ENDS_LATE && left->phase != ATTEMPT_TOLD)
		attempt__end(0, 0, left->operation);
	if (settings.late_renames || (operation == OPERATION_REPLACE && failures__watched(OPERATION_MOVE))) {
		attempt__end(0, 0, OPERATION_MOVE);
		attempt__end(0, 0, OPERATION_MOVE | SECOND_MOVE);
	}
	attempt__prepare(&attempt, operation);
	/* Most renames replace nothing: they count only once a victim is found. */
	if (attempt.flags & ATTEMPT_FAILURE_WATCHED && operation != OPERATION_REPLACE) {
		struct slot *slot = slot__take(&attempt.slot);

		if (slot) {
			__builtin_memset(&slot->record, 0, sizeof(slot->record));
			slot__read_filename(slot, filename);
		}
	}
	if (left)
		*left = attempt;
	else if (bpf_map_update_elem(&attempts, &id, &attempt, BPF_ANY))
		slot__give_back(attempt.slot);
	return 0;
}

/*
 * Keeps what an event at the return needs. `index` is a slot that holds the attempt. `target` is the struct dentry of
 * the new place of a move, and 0 for other operations. Returns whether any watch wants it.
 */
GLOBAL_FUNCTION int attempt__keep(__u32 index, __u64 target)
{
	struct slot *slot = slot__at(index);
	struct inode *inode;
	__u32 elsewhere, outcomes, wanted, spare = NO_SLOT;
	int tells = 1;

	if (!slot)
		return 0;
	inode = (void *)slot->attempt.inode;
	__builtin_memset(&slot->record, 0, sizeof(slot->record));
	slot->record.operation = slot->attempt.operation;
	slot->record.generation = settings.generation;
	slot->record.device = KERNEL_READ(inode, i_sb, s_dev);
	slot__fill_namespace(slot);
	slot__write_victim_path(index, slot->attempt.dentry);
	wanted = slot__filter_victim(slot, &elsewhere);
	slot->wanted = wanted | elsewhere;
	outcomes = filter__outcome_bits(slot->attempt.operation, false, 0);
	if (!(slot->wanted & outcomes) && !task__is_daemon())
		return 0;
	/* Without a free slot the event lacks the new place. */
	if (target && slot__take(&spare))
		tells = slot__write_target(index, spare, target, wanted, elsewhere);
	if (tells) {
		slot__fill_caller(slot);
		slot__fill_file(slot, inode);
		slot__fill_mount_owner(index, slot);
		/* Nothing tells at the return what is open, or released. */
		if (slot->attempt.flags & ATTEMPT_TOLD_LATE && !target && !inode__is_directory(inode) &&
		    inode__is_open(inode))
			slot->record.flags |= DELETION_OPEN_KNOWN | DELETION_STILL_OPEN;
		slot__read_filename(slot, slot->attempt.filename);
		if (slot__needs_fs_root(slot, elsewhere))
			slot__write_fs_root(index);
		if (spare != NO_SLOT)
			slot__add_target(index, spare);
	}
	slot__give_back(spare);
	return tells;
}

/*
 * The struct filename of the name that a move takes away, `operation` with SECOND_MOVE or without; 0: the entry of its
 * call was missed.
 */
static __always_inline __u64 rename__filename(__u32 operation)
{
	__u64 id = attempt__key(OPERATION_REPLACE);
	struct in_flight_attempt *call = bpf_map_lookup_elem(&attempts, &id);

	if (!call || call->operation != OPERATION_REPLACE || call->phase == ATTEMPT_TOLD || call->phase == ATTEMPT_OVER)
		return 0;
	return operation & SECOND_MOVE ? call->filename : call->from;
}

/* Begins the attempt of a call whose entry tells nothing of it. A function of its own for its stack. */
GLOBAL_FUNCTION int attempt__start_unseen(__u64 id, int operation)
{
	struct in_flight_attempt *attempt = bpf_map_lookup_elem(&attempts, &id);
	struct in_flight_attempt unseen = {};

	attempt__prepare(&unseen, operation);
	if (operation__is_move(operation))
		unseen.filename = rename__filename(operation);
	if (attempt) {
		slot__give_back(attempt->slot);
		*attempt = unseen;
	} else {
		bpf_map_update_elem(&attempts, &id, &unseen, BPF_ANY);
	}
	return 0;
}

/*
 * The victim was found: the struct dentry `victim` in the struct path `directory`, whose lock is held; `other` is, of a
 * move, the struct dentry of the place that it leads to, and of others in_flight_attempt.moved. A second look within
 * the same call (a broken delegation, a stale handle) replaces the first.
 */
GLOBAL_FUNCTION int attempt__capture(__u64 directory, __u64 victim, __u64 other, int operation, int kind)
{
	__u64 id = attempt__key(operation);
	struct in_flight_attempt *attempt = bpf_map_lookup_elem(&attempts, &id);
	struct path *parent = (void *)directory;
	struct dentry *dentry = (void *)victim;
	struct inode *inode = KERNEL_READ(dentry, d_inode), *asked = inode;
	struct slot *slot;

	if (!inode)
		return 0;
	if (attempt && attempt->phase == ATTEMPT_CAPTURED && attempt->dentry == victim &&
	    attempt->inode == (__u64)inode && attempt->operation == (operation & 3) &&
	    attempt__done_by_other(attempt, kind & 1))
		return 0;
	if (attempt && attempt->slot == NO_SLOT && operation__is_move(operation)) {
		/* A move begins here. */
		attempt__prepare(attempt, operation);
		attempt->filename = rename__filename(operation);
	} else if (!attempt || attempt->phase == ATTEMPT_TOLD || attempt->phase == ATTEMPT_OVER ||
		   operation__is_move(operation)) {
		/* Of others than moves the entry was missed, or found no room. */
		attempt__start_unseen(id, operation);
		attempt = bpf_map_lookup_elem(&attempts, &id);
		if (!attempt || attempt->phase != ATTEMPT_BEGUN) {
			/* No hook after this one would tell it; it may fail yet, or no watch may want it. */
			if (operation >= OPERATION_REPLACE && !task__is_daemon() && rename__is_late(inode)) {
				COUNT(seen);
				COUNT(lost_state_full);
			}
			return 0;
		}
	}
	attempt->mount = (__u64)KERNEL_READ(parent, mnt);
	attempt->dentry = victim;
	attempt->inode = (__u64)inode;
	attempt->moved = other;
	attempt->operation = operation & 3;
	attempt->phase = ATTEMPT_CAPTURED;
	attempt->kinds = 1u << (kind & 1);
	if (KERNEL_READ(inode, i_sb, s_stack_depth) > 0) {
		attempt->flags |= ATTEMPT_STACKED;
		asked = inode__asked(inode);
	}
	if (!operation__is_move(operation) || inode__is_directory(inode)) {
		attempt->link_count = KERNEL_READ(inode, i_nlink);
		attempt->size = KERNEL_READ(asked, i_size);
		inode__mtime(asked, &attempt->mtime_seconds, &attempt->mtime_nanoseconds);
	}
	if (operation >= OPERATION_REPLACE && rename__is_late(inode))
		attempt->flags |= ATTEMPT_TOLD_LATE;
	if (!(attempt->flags & ATTEMPT_ENDS_LATE))
		return 0;
	slot = attempt->slot == NO_SLOT ? slot__take(&attempt->slot) : slot__at(attempt->slot);
	if (!slot)
		return 0;
	slot->attempt = *attempt;
	if (!attempt__keep(attempt->slot, operation__is_move(operation) ? other : 0)) {
		attempt->flags |= ATTEMPT_UNWANTED;
		slot__give_back(attempt->slot);
		attempt->slot = NO_SLOT;
	}
	return 0;
}

#endif
