/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* One accessor for each place where kernels differ; callers never ask for a version. */
#ifndef RMWATCH_KERNEL_CHANGES_BPF_H
#define RMWATCH_KERNEL_CHANGES_BPF_H

#include "kernel_types.bpf.h"

#include "kernel_read.bpf.h"
#include <bpf/bpf_helpers.h>

struct timespec64___kernel {
	__s64 tv_sec;
	__s64 tv_nsec;
} __attribute__((preserve_access_index));

struct inode___before_6_6 {
	struct timespec64___kernel i_mtime;
} __attribute__((preserve_access_index));

struct inode___6_6 {
	struct timespec64___kernel __i_mtime;
} __attribute__((preserve_access_index));

struct inode___since_6_11 {
	__s64 i_mtime_sec;
	__u32 i_mtime_nsec;
} __attribute__((preserve_access_index));

/*
 * 12cd44023651 ("fs: rename inode i_atime and i_mtime fields", 6.7 cycle) renamed i_mtime to __i_mtime,
 * 3aa63a569c64 ("fs: switch timespec64 fields in inode to discrete integers", 6.11) split it in two.
 */
static __always_inline void inode__mtime(struct inode *inode, __s64 *seconds, __u32 *nanoseconds)
{
	struct inode___since_6_11 *split = (void *)inode;
	struct inode___6_6 *renamed = (void *)inode;
	struct inode___before_6_6 *old = (void *)inode;

	if (bpf_core_field_exists(split->i_mtime_sec)) {
		*seconds = KERNEL_READ(split, i_mtime_sec);
		*nanoseconds = KERNEL_READ(split, i_mtime_nsec);
	} else if (bpf_core_field_exists(renamed->__i_mtime)) {
		*seconds = KERNEL_READ(renamed, __i_mtime.tv_sec);
		*nanoseconds = KERNEL_READ(renamed, __i_mtime.tv_nsec);
	} else {
		*seconds = KERNEL_READ(old, i_mtime.tv_sec);
		*nanoseconds = KERNEL_READ(old, i_mtime.tv_nsec);
	}
}

struct kernfs_node___before_6_15 {
	struct kernfs_node *parent;
} __attribute__((preserve_access_index));

struct kernfs_node___since_6_15 {
	struct kernfs_node *__parent;
} __attribute__((preserve_access_index));

/* 633488947ef6 ("kernfs: Use RCU to access kernfs_node::parent", 6.15) renamed the member. */
static __always_inline struct kernfs_node *kernfs_node__parent(struct kernfs_node *node)
{
	struct kernfs_node___since_6_15 *renamed = (void *)node;
	struct kernfs_node___before_6_15 *old = (void *)node;

	if (bpf_core_field_exists(renamed->__parent))
		return KERNEL_READ(renamed, __parent);
	return KERNEL_READ(old, parent);
}

/* The place of struct vfsmount inside struct mount; container_of() would use this file's own layout. */
static __always_inline struct mount *mount__of(struct vfsmount *vfsmount)
{
	return (struct mount *)((__u64)vfsmount - bpf_core_field_offset(struct mount, mnt));
}

#endif
