/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Judges names as they were typed. */
#ifndef RMWATCH_TYPED_NAME_BPF_H
#define RMWATCH_TYPED_NAME_BPF_H

#include "filter.bpf.h"
#include "kernel_changes.bpf.h"
#include "maps.bpf.h"
#include "path_walk.bpf.h"

/* Mounts upon each other at "/": the root of a host is mounted over an empty one that the kernel starts with. */
#define ROOT_MOUNTS 4

/* Longer names are left to the daemon to judge. */
#define CAREFREE_BYTES 512

/* A bit in every byte of `word` that equals `c`; also in some that follow such a byte. */
static __always_inline __u64 bytes__equal(__u64 word, __u8 c)
{
	__u64 difference = word ^ c * 0x0101010101010101ull;

	return (difference - 0x0101010101010101ull) & ~difference & 0x8080808080808080ull;
}

/*
 * Returns 1 when the name may mean something other than its text says, or is too long to be looked at: wherever two of
 * '.' and '/' follow each other, as in "//", "/./" and "/..", but also in "a..b". Up to eight bytes behind the name are
 * overwritten.
 */
static __always_inline int name__needs_care(char *name, __u64 length)
{
	__u64 before = 0, pairs = 0;

	if (name[0] == '.' || !BOUNDED(length, 1, CAREFREE_BYTES))
		return 1;
	*(__u64 *)(name + length) = 0;
	for (__u32 i = 0; i < CAREFREE_BYTES && i < length; i += 8) {
		/* The two differ in their last bit only. */
		__u64 either = bytes__equal(*(__u64 *)(name + i) & ~0x0101010101010101ull, '.');

		pairs |= (either << 8 | before) & either;
		before = either >> 56;
	}
	return pairs != 0;
}

/* Whether "/" is, for this task, the root of its mount namespace. */
static __always_inline bool task__has_whole_root(struct task_struct *task)
{
	struct vfsmount *vfsmount = KERNEL_READ(task, fs, root.mnt);
	struct dentry *dentry = KERNEL_READ(task, fs, root.dentry);
	struct mount *mount = mount__of(vfsmount);

	if (dentry__removed(dentry))
		return false;
	for (int i = 0; i < ROOT_MOUNTS; i++) {
		struct mount *parent = KERNEL_READ(mount, mnt_parent);

		if (KERNEL_READ(mount, mnt.mnt_root) != dentry)
			return false;
		if (parent == mount)
			return mount == KERNEL_READ(task, nsproxy, mnt_ns, root);
		dentry = KERNEL_READ(mount, mnt_mountpoint);
		mount = parent;
	}
	return false;
}

GLOBAL_FUNCTION int slot__typed_needs_care(__u32 index)
{
	struct slot *slot = slot__at(index);
	__u64 length;

	if (!slot || name__needs_care(slot->text + TEXT_PATH_END + 1, slot->record.typed_length))
		return 1;
	/* A directory may be named with a slash at the end, which its path does not have. */
	length = slot->record.typed_length;
	return slot->record.operation == OPERATION_MOVE && BOUNDED(length, 1, TYPED_BYTES) &&
	       slot->text[TEXT_PATH_END + length] == '/';
}

/*
 * Returns 1 when the typed name is absolute, means what its text says, and no watch wants it: most deletions of a host
 * are so, and nothing else needs to be read of them. 0 says nothing.
 */
GLOBAL_FUNCTION int slot__typed_unwanted(__u32 index, __u32 generation, __u32 outcome)
{
	struct slot *slot = slot__at(index);

	if (!slot || !(slot->record.flags & DELETION_HAS_TYPED) || slot->text[TEXT_PATH_END + 1] != '/')
		return 0;
	if (filter__by_prefix(slot->text, TEXT_PATH_END + 1,
			      slot->record.typed_length + (slot->record.operation == OPERATION_MOVE), generation) &
	    outcome)
		return 0;
	return !slot__typed_needs_care(index) && task__has_whole_root((void *)bpf_get_current_task());
}

#endif
