/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * One attempt to remove a name, from the entry of the call to its return:
 *   attempt__begin()    the call was entered; the typed name is known
 *   attempt__capture()  the kernel found the victim and holds its directory's lock: path and file are read
 *   attempt__end()      the call returned; the outcome decides whether the record is sent
 */
#ifndef RMWATCH_ATTEMPT_BPF_H
#define RMWATCH_ATTEMPT_BPF_H

#include "counters.bpf.h"
#include "deletion.bpf.h"
#include "filter.bpf.h"
#include "maps.bpf.h"
#include "output.bpf.h"
#include "path_walk.bpf.h"

static __always_inline void attempt__read_typed(struct in_flight_attempt *attempt, struct slot *slot)
{
	struct filename *filename = (void *)attempt->filename;

	slot->record.typed_length = 0;
	/* Not an ERR_PTR: the text could not be copied in then (EFAULT, ENAMETOOLONG). */
	if (attempt->filename && attempt->filename < -4095ull)
		slot__read_typed(slot, (__u64)KERNEL_READ(filename, name), false);
}

/* A call that slept for so long that its filter's place is used again is judged by the filter of now. */
static __always_inline void attempt__renew_generation(struct in_flight_attempt *attempt)
{
	__u32 generation = settings.generation;

	if (generation - attempt->generation >= FILTER_GENERATIONS - 1)
		attempt->generation = generation;
}

/* A call that failed before it found anything: the path is made of what was typed. */
static __always_inline void attempt__deliver_unresolved(struct in_flight_attempt *attempt, __u32 index,
							struct slot *slot, __u32 outcome)
{
	slot__write_base(index, attempt->dfd);
	attempt__renew_generation(attempt);
	slot->record.operation = attempt->operation;
	slot->record.generation = attempt->generation;
	if (slot__filter_joined(index, attempt->generation) & outcome || attempt->self) {
		slot__fill_namespace(slot);
		slot__fill_caller(slot);
		slot__deliver(index);
	} else {
		COUNT(filtered);
	}
}

/* The call returned `result`, or, when `known` is 0, the thread is seen doing something else. */
GLOBAL_FUNCTION int attempt__end(int result, int known)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct in_flight_attempt *attempt = bpf_map_lookup_elem(&attempts, &id);
	__u32 outcome, index;
	struct slot *slot;

	if (!attempt)
		return 0;
	index = attempt->slot;
	outcome = filter__outcome_bits(attempt->operation, known, result);
	if (attempt->state == ATTEMPT_LOST)
		goto out;
	if (attempt->state == ATTEMPT_BEGUN && attempt->operation == OPERATION_REPLACE)
		goto out;
	slot = index == NO_SLOT ? NULL : slot__at(index);
	if (!slot) {
		if (!attempt->self)
			COUNT(filtered);
		goto out;
	}
	slot->record.result = known ? result : 0;
	slot->record.flags |= known ? DELETION_RESULT_KNOWN : 0;
	if (attempt->self)
		slot->record.flags |= DELETION_SELF;
	if (attempt->state == ATTEMPT_BEGUN)
		attempt__deliver_unresolved(attempt, index, slot, outcome);
	else if (attempt->wanted & outcome || attempt->self)
		slot__deliver(index);
	else
		COUNT(filtered);
out:
	slot__give_back(index);
	bpf_map_delete_elem(&attempts, &id);
	return 0;
}

/* The call was entered; `filename` is its struct filename. */
GLOBAL_FUNCTION int attempt__begin(int dfd, __u64 filename, int operation)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct in_flight_attempt attempt = {
		.filename = filename,
		.dfd = dfd,
		.slot = NO_SLOT,
		.generation = settings.generation,
		.operation = operation,
		.self = id >> 32 == settings.self_tgid,
	};
	__u32 at = attempt.generation % FILTER_GENERATIONS;
	bool replaces = operation == OPERATION_REPLACE;

	/* Left behind by a return that was never seen. */
	if (bpf_map_lookup_elem(&attempts, &id)) {
		COUNT(missed_returns);
		attempt__end(0, 0);
	}
	/* Most renames replace nothing: they count only once a victim is found. */
	if (!replaces && !attempt.self)
		COUNT(seen);
	/* The text is gone when the call returns; only a failure that is reported without a victim needs it then. */
	if (!replaces && (settings.failure_operations[at] >> (operation & 3) & 1)) {
		struct slot *slot = slot__take(&attempt.slot);

		if (slot) {
			__builtin_memset(&slot->record, 0, sizeof(slot->record));
			attempt__read_typed(&attempt, slot);
		}
	}
	if (bpf_map_update_elem(&attempts, &id, &attempt, BPF_ANY)) {
		slot__give_back(attempt.slot);
		if (!replaces && !attempt.self)
			COUNT(lost_state_full);
	}
	return 0;
}

/* What is wanted of the victim by its path, and, in `elsewhere`, by other paths that lead to it on this host. */
static __always_inline __u32 attempt__filter(struct in_flight_attempt *attempt, struct slot *slot,
					     struct vfsmount *vfsmount, __u32 *elsewhere)
{
	__u32 generation = attempt->generation;
	struct mount *mount = mount__of(vfsmount);

	*elsewhere = filter__anything(generation);
	if (!(slot->record.flags & DELETION_PATH_COMPLETE))
		return *elsewhere;
	if (!(slot->record.flags & DELETION_HOST_NAMESPACE))
		*elsewhere = filter__by_place(slot->record.device, generation);
	else if (settings.mounts_known[generation % FILTER_GENERATIONS])
		*elsewhere = filter__by_place(PLACE_MOUNT | (__u32)KERNEL_READ(mount, mnt_id), generation);
	else
		*elsewhere = 0;
	return filter__by_prefix(slot->text, slot->start, TEXT_PATH_END - slot->start, generation);
}

/*
 * The victim was found: the struct dentry `victim` in the struct path `directory`, whose lock is held.
 * A second look within the same call (a broken delegation, a stale handle) replaces the first.
 */
GLOBAL_FUNCTION int attempt__capture(__u64 directory, __u64 victim, __u32 own_inode_references)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct in_flight_attempt *attempt = bpf_map_lookup_elem(&attempts, &id);
	struct path *parent = (void *)directory;
	struct dentry *dentry = (void *)victim;
	struct inode *inode = KERNEL_READ(dentry, d_inode);
	struct dentry_link link = {};
	struct vfsmount *mount;
	struct slot *slot;
	__u32 elsewhere;
	__u64 start;

	if (!attempt || !inode || attempt->state == ATTEMPT_LOST)
		return 0;
	if (attempt->operation == OPERATION_REPLACE && attempt->state == ATTEMPT_BEGUN && !attempt->self)
		COUNT(seen);
	slot = attempt->slot == NO_SLOT ? slot__take(&attempt->slot) : slot__at(attempt->slot);
	if (!slot) {
		attempt->state = ATTEMPT_LOST;
		if (!attempt->self)
			COUNT(lost_state_full);
		return 0;
	}
	__builtin_memset(&slot->record, 0, sizeof(slot->record));
	attempt__renew_generation(attempt);
	slot__fill_namespace(slot);
	slot->record.operation = attempt->operation;
	slot->record.generation = attempt->generation;
	slot->record.device = KERNEL_READ(inode, i_sb, s_dev);

	mount = KERNEL_READ(parent, mnt);
	dentry__link(dentry, &link);
	start = text__prepend(slot->text, TEXT_PATH_END, link.name, link.length);
	slot->start = start ? start : TEXT_PATH_END;
	slot->entry = (__u64)KERNEL_READ(parent, dentry);
	slot->on = (__u64)mount;
	if (slot__walk(attempt->slot) && start)
		slot->record.flags |= DELETION_PATH_COMPLETE;

	attempt->wanted = attempt__filter(attempt, slot, mount, &elsewhere) | elsewhere;
	if (!(attempt->wanted & filter__outcome_bits(attempt->operation, false, 0)) && !attempt->self) {
		attempt->state = ATTEMPT_UNWANTED;
		slot__give_back(attempt->slot);
		attempt->slot = NO_SLOT;
		return 0;
	}
	attempt->state = ATTEMPT_CAPTURED;
	slot__fill_caller(slot);
	slot->record.below_mount_length = slot->below_mount ? TEXT_PATH_END - slot->below_mount : 0;
	slot__fill_file(slot, inode, dentry, own_inode_references);
	attempt__read_typed(attempt, slot);
	/* In another namespace the daemon tells the path on the host, whoever wants it. */
	if ((elsewhere || !(slot->record.flags & DELETION_HOST_NAMESPACE)) && !(slot->record.flags & DELETION_FS_ROOT))
		slot__write_fs_root(attempt->slot);
	return 0;
}

#endif
