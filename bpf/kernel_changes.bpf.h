/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* One accessor for each place where kernels differ; callers never ask for a version. */
#ifndef RMWATCH_KERNEL_CHANGES_BPF_H
#define RMWATCH_KERNEL_CHANGES_BPF_H

#include "filesystem_magic.bpf.h"
#include "kernel_types.bpf.h"

#include "kernel_read.bpf.h"
#include <stdbool.h>

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

/* "ceph" and a zero, as a number. */
#define CEPH_NAME 0x68706563ull
#define CEPH_NAME_BYTES 5

/*
 * Of which filesystem the inode is. 72386d5245b2 ("ceph: set superblock s_magic for IMA fsmagic matching", 6.17, and
 * updates of 6.1 and 6.12) gave ceph its number; before, its super_block has 0.
 */
static __always_inline __u64 inode__magic(struct inode *inode)
{
	__u64 magic = KERNEL_READ(inode, i_sb, s_magic), name = 0;

	if (magic)
		return magic;
	bpf_probe_read_kernel(&name, CEPH_NAME_BYTES, KERNEL_READ(inode, i_sb, s_type, name));
	return name == CEPH_NAME ? CEPH_SUPER_MAGIC : 0;
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

struct vfsmount___before_6_2 {
	struct user_namespace *mnt_userns;
} __attribute__((preserve_access_index));

struct vfsmount___since_6_2 {
	struct mnt_idmap *mnt_idmap;
} __attribute__((preserve_access_index));

/*
 * What says how the mount maps ids: a number to compare, one and the same for all mounts that are not idmapped. There
 * are idmapped mounts since a6435940b62f ("mount: attach mappings to mounts", 5.12); 256c8aed2b42 ("fs: introduce
 * dedicated idmap type for mounts", 6.2) took the place of the user namespace.
 */
static __always_inline __u64 vfsmount__idmap(struct vfsmount *vfsmount)
{
	struct vfsmount___since_6_2 *typed = (void *)vfsmount;
	struct vfsmount___before_6_2 *old = (void *)vfsmount;

	if (bpf_core_field_exists(typed->mnt_idmap))
		return (__u64)KERNEL_READ(typed, mnt_idmap);
	if (bpf_core_field_exists(old->mnt_userns))
		return (__u64)KERNEL_READ(old, mnt_userns);
	return 0;
}

struct mnt_idmap___before_6_8 {
	struct user_namespace *owner;
} __attribute__((preserve_access_index));

struct mnt_idmap___since_6_8 {
	struct uid_gid_map uid_map;
	struct uid_gid_map gid_map;
} __attribute__((preserve_access_index));

/* The addresses of two struct uid_gid_map. */
struct id_maps {
	__u64 uids;
	__u64 gids;
};

static __always_inline void user_namespace__id_maps(__u64 namespace, struct id_maps *maps)
{
	maps->uids = namespace + bpf_core_field_offset(struct user_namespace, uid_map);
	maps->gids = namespace + bpf_core_field_offset(struct user_namespace, gid_map);
}

/*
 * How the mount maps ids, read by the helper alone, so that the addresses are numbers to the verifier. False: it maps
 * none. 783822e44594 ("mnt_idmapping: decouple from namespaces", 6.8) gave struct mnt_idmap maps of its own. They are
 * empty for mounts that are not idmapped; the namespace that stood in their place maps every id to itself.
 */
static __always_inline bool vfsmount__id_maps(struct vfsmount *vfsmount, struct id_maps *maps)
{
	struct vfsmount___since_6_2 *typed = (void *)vfsmount;
	struct vfsmount___before_6_2 *old = (void *)vfsmount;
	struct mnt_idmap *idmap = NULL;
	struct mnt_idmap___since_6_8 *own;
	struct mnt_idmap___before_6_8 *owned;
	__u64 namespace = 0;
	__u32 extents = 0;

	if (bpf_core_field_exists(typed->mnt_idmap)) {
		BPF_CORE_READ_INTO(&idmap, typed, mnt_idmap);
		own = (void *)idmap;
		owned = (void *)idmap;
		if (bpf_core_field_exists(own->uid_map)) {
			maps->uids = (__u64)idmap + bpf_core_field_offset(struct mnt_idmap___since_6_8, uid_map);
			maps->gids = (__u64)idmap + bpf_core_field_offset(struct mnt_idmap___since_6_8, gid_map);
			BPF_CORE_READ_INTO(&extents, own, uid_map.nr_extents);
			return extents;
		}
		BPF_CORE_READ_INTO(&namespace, owned, owner);
	} else if (bpf_core_field_exists(old->mnt_userns)) {
		BPF_CORE_READ_INTO(&namespace, old, mnt_userns);
	}
	user_namespace__id_maps(namespace, maps);
	return namespace;
}

/* The place of struct vfsmount inside struct mount; container_of() would use this file's own layout. */
static __always_inline struct mount *mount__of(struct vfsmount *vfsmount)
{
	return (struct mount *)((__u64)vfsmount - bpf_core_field_offset(struct mount, mnt));
}

#endif
