/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The moment of success. vfs_unlink() and vfs_rmdir() call d_delete() when the filesystem has removed the name, a
 * rename ends in d_move() or d_exchange(), at whose entry what moves still has its old name; the directory is locked,
 * and the victim's inode still attached. All that is told of a deletion is put together here and sent, so nothing waits
 * for the call to return; but on ceph renames do (attempt.bpf.h).
 *
 * Where the kernel allows it, a success hook carries a program on a kprobe and one on a trampoline: the kernel leaves
 * the first out while a bpf(2) call about a map is preempted on its CPU, and the second while the same program is. The
 * first that runs tells the deletion, the second finds it told.
 */
#ifndef RMWATCH_SUCCESS_BPF_H
#define RMWATCH_SUCCESS_BPF_H

#include "attempt.bpf.h"
#include "counters.bpf.h"
#include "deletion.bpf.h"
#include "filesystem_magic.bpf.h"
#include "former_name.bpf.h"
#include "kin_path.bpf.h"
#include "maps.bpf.h"
#include "mount_owner.bpf.h"
#include "release.bpf.h"
#include "system_call.bpf.h"

enum success_hook {
	/* d_delete() of the victim */
	SUCCESS_REMOVED = 0,
	/* d_move() to the victim's place */
	SUCCESS_REPLACED = 1,
	/* d_move() of the victim, which NFS keeps under another name as long as a client has it open */
	SUCCESS_RENAMED_AWAY = 2,
	/* d_move() of the name that moves, or d_exchange() of the first name */
	SUCCESS_MOVED = 3,
	/* d_exchange() of the second name */
	SUCCESS_MOVED_SECOND = 4,
	/* d_move() of the name that moves to the victim's place, after SUCCESS_REPLACED */
	SUCCESS_MOVED_OVER = 5,
	/* The same, after this program has handled the victim; the hook's other program leaves the move to it */
	SUCCESS_MOVED_CLAIMED = 6,
};

static __always_inline bool hook__moves(int hook)
{
	return hook >= SUCCESS_MOVED;
}

/* The operation whose attempt the hook looks for, as attempt__key() takes it. */
static __always_inline __u32 hook__operation(int hook)
{
	if (!hook__moves(hook))
		return OPERATION_UNLINK;
	return hook == SUCCESS_MOVED_SECOND ? OPERATION_MOVE | SECOND_MOVE : OPERATION_MOVE;
}

#define PF_KTHREAD 0x00200000
#define DCACHE_NFSFS_RENAMED 0x1000

/* Filesystems that call d_delete() for names that were removed elsewhere. */
static __always_inline bool filesystem__forgets(__u64 magic)
{
	return magic == NFS_SUPER_MAGIC || magic == FUSE_SUPER_MAGIC || magic == CEPH_SUPER_MAGIC ||
	       magic == OCFS2_SUPER_MAGIC;
}

/* The kernel's own thread that keeps /dev: kdevtmpfs. */
static __always_inline bool task__keeps_devices(struct task_struct *task)
{
	__u64 comm[2] = {};

	BPF_CORE_READ_INTO(&comm, task, comm);
	return KERNEL_READ(task, flags) & PF_KTHREAD && comm[0] == 0x66706d747665646bull;
}

/* Whether the current task is in a call that removes or renames. */
static __always_inline bool task__is_removing(struct task_struct *task, __u32 *nr)
{
	__u32 flags = KERNEL_READ(task, flags);

	*nr = 0;
	if (flags & PF_IO_WORKER)
		return true;
	if (flags & PF_KTHREAD)
		return false;
	*nr = task__system_call(task);
	return system_call__removes(*nr, KERNEL_READ(task, thread_info.status) & TS_COMPAT);
}

/* Whether the current task is in mq_unlink(2), of which the hooks before the success see nothing. */
static __always_inline bool task__removes_queue(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (KERNEL_READ(task, flags) & (PF_KTHREAD | PF_IO_WORKER))
		return false;
	return system_call__removes_queue(task__system_call(task), KERNEL_READ(task, thread_info.status) & TS_COMPAT);
}

/*
 * Puts together what is told of the deletion of the struct dentry `victim`, whose attempt the slot holds, or of its
 * move to the place of `target`. Tells whether it is wanted.
 */
GLOBAL_FUNCTION int success__describe(__u32 index, __u64 victim, __u64 target, int hook)
{
	struct dentry *dentry = (void *)victim;
	struct inode *inode = KERNEL_READ(dentry, d_inode);
	struct kernel_counters *here = counters__here();
	struct slot *slot = slot__at(index);
	bool self = task__is_daemon();
	__u32 elsewhere, wanted;
	int former = 0;

	if (!slot || !here)
		return 0;
	__sync_fetch_and_add(&here->told, 1);
	if (!self)
		__sync_fetch_and_add(&here->seen, 1);
	if (!slot->attempt.mount)
		__sync_fetch_and_add(&here->mount_unknown, 1);
	__builtin_memset(&slot->record, 0, sizeof(slot->record));
	slot->record.operation = slot->attempt.operation;
	slot->record.generation = settings.generation;
	slot->record.device = KERNEL_READ(inode, i_sb, s_dev);
	slot->record.flags = DELETION_RESULT_KNOWN | (self ? DELETION_SELF : 0);
	slot__fill_namespace(slot);
	slot__write_victim_path(index, victim);
	wanted = slot__filter_victim(slot, &elsewhere);
	slot->wanted = elsewhere;
	if (!self)
		former = former_name__follow(index, victim, target, wanted | elsewhere);
	if (former && !((wanted | elsewhere) & filter__outcome_bits(slot->record.operation, true, 0)))
		wanted = former_name__filter(slot, dentry, former);
	if (!((wanted | elsewhere) & filter__outcome_bits(slot->record.operation, true, 0)) && !self) {
		__sync_fetch_and_add(&here->filtered, 1);
		return 0;
	}
	if (target && !slot__write_target(index, index + 1, target, wanted, elsewhere) && !self) {
		__sync_fetch_and_add(&here->filtered, 1);
		return 0;
	}
	slot__fill_caller(slot);
	slot__fill_file(slot, inode);
	slot__fill_mount_owner(index, slot);
	if (!target)
		slot__fill_release(slot, inode, dentry, hook == SUCCESS_REPLACED);
	if (slot->attempt.flags & ATTEMPT_TYPED_BY_USER)
		slot__read_typed(slot, slot->attempt.filename, true);
	else
		slot__read_filename(slot, slot->attempt.filename);
	if (slot__needs_fs_root(slot, elsewhere))
		slot__write_fs_root(index);
	if (target)
		slot__add_target(index, index + 1);
	if (former)
		former_name__add(index, former);
	return 1;
}

/*
 * Whether a move that no victim hook has told of is that of the rename which the current task is in: of a thread of the
 * kernel that is not known. Within other calls overlayfs moves what it has made, and what is left of what it removed.
 */
static __always_inline bool rename__is_under_way(struct task_struct *task)
{
	__u64 id = attempt__key(OPERATION_REPLACE);
	struct in_flight_attempt *call = bpf_map_lookup_elem(&attempts, &id);
	__u32 flags = KERNEL_READ(task, flags);

	if (call && call->phase == ATTEMPT_CAPTURED && call->flags & ATTEMPT_STACKED)
		return false;
	if (flags & PF_IO_WORKER)
		return call && call->operation == OPERATION_REPLACE && call->phase != ATTEMPT_OVER;
	if (flags & PF_KTHREAD)
		return false;
	return system_call__renames(task__system_call(task), KERNEL_READ(task, thread_info.status) & TS_COMPAT);
}

/*
 * A deletion whose victim hook was left out, or found no room: of its call at most the entry was seen, which holds the
 * typed name. False: it is not for this program to tell.
 */
static __always_inline bool success__adopt(struct slot *slot, struct in_flight_attempt *attempt, __u64 victim,
					   struct inode *inode, __u32 kind, int hook)
{
	__u64 id = attempt__key(hook__operation(hook));
	bool directory = inode__is_directory(inode);
	bool moves = hook__moves(hook);
	__u32 operation = hook == SUCCESS_REPLACED ? OPERATION_REPLACE : directory ? OPERATION_RMDIR : OPERATION_UNLINK;
	bool told;

	__builtin_memset(&slot->attempt, 0, sizeof(slot->attempt));
	if (moves) {
		operation = OPERATION_MOVE;
		slot->attempt.filename = rename__filename(hook__operation(hook));
	}
	if (attempt) {
		slot__give_back(attempt->slot);
		if (attempt->phase == ATTEMPT_BEGUN && attempt->operation == operation)
			slot->attempt.filename = attempt->filename;
	}
	slot->attempt.slot = NO_SLOT;
	slot->attempt.operation = operation;
	slot->attempt.phase = ATTEMPT_TOLD;
	slot->attempt.kinds = 1u << kind;
	slot->attempt.dentry = victim;
	slot->attempt.inode = (__u64)inode;
	told = !bpf_map_update_elem(&attempts, &id, &slot->attempt, BPF_ANY);
	/* What it was before is not known. */
	slot->attempt.inode = 0;
	/* Without room the other program would not find it told. */
	return told || kind == KIND_KPROBE || !(settings.success_kinds >> KIND_KPROBE & 1);
}

enum move_told {
	/* The move has an attempt of its own, or its rename was not seen. */
	MOVE_APART = 0,
	MOVE_TOLD_BEFORE = 1,
	MOVE_TO_TELL = 2,
};

/*
 * Whether the struct dentry `moved` is in_flight_attempt.moved of the call that the current task is in. Where it is to
 * be told, the slot holds its attempt.
 */
GLOBAL_FUNCTION int rename__take_moved(__u32 index, __u64 moved, int kind, int hook)
{
	__u64 id = attempt__key(OPERATION_REPLACE);
	struct slot *slot = slot__at(index);
	struct in_flight_attempt *call;

	if (!slot)
		return MOVE_APART;
	/* With SUCCESS_MOVED_CLAIMED the slot holds the call's attempt. */
	if (hook != SUCCESS_MOVED_CLAIMED || slot->attempt.moved != moved) {
		call = bpf_map_lookup_elem(&attempts, &id);
		/* The lowest bits of the address tell which kinds of programs have told it; see
		 * attempt__done_by_other(). */
		kind &= 1;
		if (!call || (call->moved & ~MOVED_KINDS) != moved || call->moved >> kind & 1)
			return MOVE_APART;
		call->moved |= 1u << kind;
		if (call->moved != (moved | 1u << kind)) {
			COUNT(told_before);
			return MOVE_TOLD_BEFORE;
		}
		slot->attempt = *call;
	}
	slot->attempt.operation = OPERATION_MOVE;
	slot->attempt.filename = slot->attempt.from;
	slot->attempt.dentry = moved;
	/* Size and time are those of the victim. A move changes none but those of directories. */
	slot->attempt.inode = 0;
	return MOVE_TO_TELL;
}

/* What success__look() found. */
enum looked {
	NOT_TO_TELL = 0,
	TO_TELL = 1,
	/* The hook's other program has told both the victim and what moves to its place. */
	BOTH_TOLD_BEFORE = 2,
};

/* The struct dentry `victim` is a queue that the current task removes by mq_unlink(2): see success__look(). */
static __always_inline int success__look_at_queue(struct slot *slot, struct in_flight_attempt *attempt, __u64 victim,
						  struct inode *inode, __u32 kind)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	/* An attempt that is still there is one of an earlier call, which failed. */
	if (attempt) {
		slot__give_back(attempt->slot);
		attempt->slot = NO_SLOT;
		attempt->phase = ATTEMPT_OVER;
	}
	if (!success__adopt(slot, attempt, victim, inode, kind, SUCCESS_REMOVED)) {
		COUNT(passed[kind]);
		return NOT_TO_TELL;
	}
	slot->attempt.mount = (__u64)task__queues(task);
	slot->attempt.filename = task__first_argument(task);
	slot->attempt.flags = ATTEMPT_TYPED_BY_USER;
	return TO_TELL;
}

/*
 * A program at a success hook runs, with scratch space at `place`; the struct dentry `victim` has an inode, and the
 * struct dentry `moved`, or 0, moves to its place. Decides whether this is the deletion of a call that is watched, and
 * still to be told: then the slot holds its attempt.
 */
GLOBAL_FUNCTION int success__look(__u64 victim, int place, int hook, __u64 moved)
{
	__u64 id = attempt__key(hook__operation(hook));
	__u32 kind = place == SCRATCH_KPROBE ? KIND_KPROBE : KIND_FENTRY;
	struct in_flight_attempt *attempt;
	struct dentry *dentry = (void *)victim;
	struct inode *inode = KERNEL_READ(dentry, d_inode);
	__u32 index = scratch__index(place), nr;
	struct slot *slot = slot__at(index);
	struct task_struct *task;
	__u64 magic;
	int told;

	if (!slot || !inode)
		return NOT_TO_TELL;
	COUNT(success_runs[kind]);
	if (hook >= SUCCESS_MOVED_OVER) {
		told = rename__take_moved(index, victim, kind, hook);
		if (told != MOVE_APART)
			return told == MOVE_TO_TELL ? TO_TELL : NOT_TO_TELL;
	}
	attempt = bpf_map_lookup_elem(&attempts, &id);
	/* When this very program told it, the memory of what was removed then is used again. */
	if (attempt && attempt->phase == ATTEMPT_TOLD && attempt->dentry == victim && attempt->inode == (__u64)inode &&
	    attempt__done_by_other(attempt, kind)) {
		COUNT(told_before);
		if (moved && attempt->moved == (moved | 1u << !kind)) {
			attempt->moved |= 1u << kind;
			COUNT(success_runs[kind]);
			COUNT(told_before);
			return BOTH_TOLD_BEFORE;
		}
		return NOT_TO_TELL;
	}
	magic = inode__magic(inode);
	/* ceph removes the name itself when it does not wait for the server; the kernel does it again. */
	if (magic == CEPH_SUPER_MAGIC && hook == SUCCESS_REMOVED && attempt && attempt->phase == ATTEMPT_TOLD &&
	    attempt->dentry == victim && attempt->inode == (__u64)inode) {
		COUNT(passed[kind]);
		return NOT_TO_TELL;
	}
	/* Before what was captured: an unlink of this queue may have failed earlier. */
	if (magic == MQUEUE_MAGIC && hook == SUCCESS_REMOVED && task__removes_queue())
		return success__look_at_queue(slot, attempt, victim, inode, kind);
	if (attempt && attempt->phase == ATTEMPT_CAPTURED && attempt->dentry == victim &&
	    attempt->inode == (__u64)inode) {
		/* Calls that failed come here too, when the server no longer knows the name. */
		if (magic == NFS_SUPER_MAGIC && hook == SUCCESS_REMOVED &&
		    KERNEL_READ(inode, i_nlink) >= attempt->link_count) {
			COUNT(passed[kind]);
			return NOT_TO_TELL;
		}
		slot->attempt = *attempt;
		slot__give_back(attempt->slot);
		attempt->slot = NO_SLOT;
		attempt->phase = ATTEMPT_TOLD;
		attempt->kinds = 1u << kind;
		/* What moves to the victim's place is this program's to tell, too. */
		if (hook == SUCCESS_REPLACED && attempt->moved)
			attempt->moved |= 1u << kind;
		return TO_TELL;
	}
	/* NFS moves to another place when the one that was found is still open. */
	if (hook == SUCCESS_MOVED) {
		told = rename__take_moved(index, victim, kind, hook);
		if (told != MOVE_APART)
			return told == MOVE_TO_TELL ? TO_TELL : NOT_TO_TELL;
	}
	task = (void *)bpf_get_current_task();
	if (hook == SUCCESS_RENAMED_AWAY ||
	    (attempt && attempt->phase == ATTEMPT_CAPTURED && attempt->flags & ATTEMPT_STACKED)) {
		COUNT(passed[kind]);
		return NOT_TO_TELL;
	}
	if (hook__moves(hook) && !rename__is_under_way(task)) {
		COUNT(passed[kind]);
		return NOT_TO_TELL;
	}
	if (task__is_removing(task, &nr)) {
		/* In another call's name: a cache on disk that makes room. */
		if (magic == NFS_SUPER_MAGIC || (attempt && attempt->phase == ATTEMPT_CAPTURED)) {
			COUNT(unattributed[kind]);
			return NOT_TO_TELL;
		}
		if (success__adopt(slot, attempt, victim, inode, kind, hook))
			return TO_TELL;
		COUNT(passed[kind]);
		return NOT_TO_TELL;
	}
	if (filesystem__forgets(magic) || system_call__mounts(nr) || task__keeps_devices(task))
		COUNT(passed[kind]);
	else
		COUNT(unattributed[kind]);
	return NOT_TO_TELL;
}

enum reached {
	/* Not for this program to tell. */
	NOT_REACHED = 0,
	REACHED_UNWANTED = 1,
	REACHED_TOLD = 2,
	/* As BOTH_TOLD_BEFORE. */
	REACHED_BOTH_BEFORE = 3,
};

/*
 * One after the other, not one within the other: the stack of a program is small. After REACHED_UNWANTED the slot holds
 * the attempt and the path, after REACHED_TOLD the attempt.
 */
static __always_inline enum reached success__reached(__u64 victim, __u64 target, enum scratch_place place, int hook,
						     __u64 moved)
{
	__u32 index = scratch__index(place);
	int looked = success__look(victim, place, hook, moved);

	if (looked != TO_TELL)
		return looked == BOTH_TOLD_BEFORE ? REACHED_BOTH_BEFORE : NOT_REACHED;
	if (!success__describe(index, victim, target, hook))
		return REACHED_UNWANTED;
	slot__deliver(index, index + 1);
	return REACHED_TOLD;
}

/*
 * The slot holds the attempt and the path of a victim that no watch wants. Tells whether no watch wants either what
 * moves to its place, the struct dentry `moved`, which is no directory then; and counts it.
 */
GLOBAL_FUNCTION int rename__move_unwanted(__u32 index, __u64 moved, int kind)
{
	/* What is wanted removed keeps its name for when it is: see former_name__keep(). */
	__u32 wants = filter__outcome_bits(OPERATION_MOVE, true, 0) | former_name__wants();
	struct kernel_counters *here = counters__here();
	struct slot *slot = slot__at(index);

	if (!slot || !here || slot->attempt.moved != moved || slot->wanted & wants || task__is_daemon() ||
	    slot__filter_kin(slot, (void *)moved) & wants)
		return 0;
	__sync_fetch_and_add(&here->success_runs[kind & 1], 1);
	__sync_fetch_and_add(&here->told, 1);
	__sync_fetch_and_add(&here->seen, 1);
	__sync_fetch_and_add(&here->filtered, 1);
	return 1;
}

static __always_inline void success__removed(struct dentry *dentry, enum scratch_place place)
{
	if (KERNEL_READ(dentry, d_inode))
		success__reached((__u64)dentry, 0, place, SUCCESS_REMOVED, 0);
}

/* Whoever was described during the rename was described with the old path of the directory. */
static __always_inline void success__note_directory(struct dentry *moved)
{
	if (inode__is_directory(KERNEL_READ(moved, d_inode)))
		__sync_fetch_and_add(&directory_moves, 1);
}

static __always_inline void success__moved(struct dentry *moved, struct dentry *target, enum scratch_place place)
{
	__u32 kind = place == SCRATCH_KPROBE ? KIND_KPROBE : KIND_FENTRY;
	__u32 index = scratch__index(place);
	int hook = SUCCESS_MOVED;

	if (KERNEL_READ(target, d_inode)) {
		enum reached replaced = success__reached((__u64)target, 0, place, SUCCESS_REPLACED, (__u64)moved);

		/* What moves is no directory then. */
		if (replaced == REACHED_BOTH_BEFORE)
			return;
		if (replaced == REACHED_UNWANTED && rename__move_unwanted(index, (__u64)moved, kind)) {
			/* Here, not in the function above, whose stack is large. */
			if (former_names__used())
				former_name__keep(index, (__u64)moved, (__u64)target, 0);
			return;
		}
		hook = replaced == NOT_REACHED ? SUCCESS_MOVED_OVER : SUCCESS_MOVED_CLAIMED;
	}
	if (KERNEL_READ(moved, d_flags) & DCACHE_NFSFS_RENAMED)
		success__reached((__u64)moved, 0, place, SUCCESS_RENAMED_AWAY, 0);
	else if (moves__watched())
		success__reached((__u64)moved, (__u64)target, place, hook, 0);
	success__note_directory(moved);
}

static __always_inline void success__exchanged(struct dentry *first, struct dentry *second, enum scratch_place place)
{
	if (moves__watched()) {
		success__reached((__u64)first, (__u64)second, place, SUCCESS_MOVED, 0);
		success__reached((__u64)second, (__u64)first, place, SUCCESS_MOVED_SECOND, 0);
	}
	success__note_directory(first);
	success__note_directory(second);
}

#endif
