/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The names above a process: those of its working directory, its executable and its cgroups. Tells whether a rename of
 * a directory changed any of them.
 */
#ifndef RMWATCH_PROCESS_NAMES_BPF_H
#define RMWATCH_PROCESS_NAMES_BPF_H

#include "dentry.bpf.h"
#include "kernel_changes.bpf.h"
#include "maps.bpf.h"

/* Controllers of the version 1 hierarchies that are asked when the unified one knows nothing. */
#define CGROUP_CONTROLLERS 14

/*
 * A file that never had a name, as memfd_create() makes them: the kernel gives it one that is no path, and no
 * directory. An entry without a directory that is not the root of its filesystem may also come from a file handle; it
 * has links.
 */
static __always_inline bool dentry__nameless(struct dentry *dentry)
{
	return KERNEL_READ(dentry, d_parent) == dentry && KERNEL_READ(dentry, d_sb, s_root) != dentry &&
	       !KERNEL_READ(dentry, d_inode, i_nlink);
}

/* The cgroup of the unified hierarchy, or on a version 1 host the first one that is not a root. */
static __always_inline struct kernfs_node *task__cgroup_node(struct task_struct *task)
{
	struct css_set *set = KERNEL_READ(task, cgroups);
	struct kernfs_node *node = KERNEL_READ(set, dfl_cgrp, kn);

	if (kernfs_node__parent(node))
		return node;
	for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
		struct cgroup_subsys_state *state = NULL;
		struct kernfs_node *candidate;

		if ((__u32)i * 8 >= bpf_core_field_size(set->subsys))
			break;
		bpf_probe_read_kernel(&state, sizeof(state), (void *)set + bpf_core_field_offset(set->subsys) + i * 8);
		if (!state)
			continue;
		candidate = KERNEL_READ(state, cgroup, kn);
		if (candidate && kernfs_node__parent(candidate))
			return candidate;
	}
	return node;
}

/* The cgroup of a controller, unless that belongs to the unified hierarchy or the cgroup is a root. */
static __always_inline struct kernfs_node *css_set__version_1_node(struct css_set *set, __u32 controller)
{
	struct cgroup_subsys_state *state = NULL;
	struct kernfs_node *node;
	struct cgroup *cgroup;

	bpf_probe_read_kernel(&state, sizeof(state),
			      (void *)set + bpf_core_field_offset(set->subsys) + controller * sizeof(state));
	cgroup = KERNEL_READ(state, cgroup);
	if (KERNEL_READ(cgroup, root) == KERNEL_READ(set, dfl_cgrp, root))
		return NULL;
	node = KERNEL_READ(cgroup, kn);
	return kernfs_node__parent(node) ? node : NULL;
}

/*
 * Where a runtime that works with version 1 has put the process. Each of them needs the devices controller there, and a
 * kernel without it may have pids.
 */
static __always_inline struct kernfs_node *task__version_1_node(struct task_struct *task)
{
	struct css_set *set = KERNEL_READ(task, cgroups);
	struct kernfs_node *node = NULL;

	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, devices_cgrp_id))
		node = css_set__version_1_node(set, bpf_core_enum_value(enum cgroup_subsys_id, devices_cgrp_id));
	if (!node && bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id))
		node = css_set__version_1_node(set, bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id));
	return node;
}
static __always_inline __u64 hash__add(__u64 hash, __u64 value)
{
	return (hash ^ value) * 0x9e3779b97f4a7c15ull ^ hash >> 29;
}

/* The verifier counts with numbers only, and what was loaded as a pointer is none to it. */
static __always_inline __u64 slot__number(struct slot *slot, const void *pointer)
{
	volatile __u64 *number = &slot->number;

	*number = (__u64)pointer;
	return *number;
}

/*
 * Directories and mounts that are looked at on the way from a working directory or an executable to the root. A process
 * further down is described again after each rename of a directory.
 */
#define DIRECTORIES_HASHED 32
/* Cgroups above that of a process; those of version 1 can be renamed. */
#define CGROUPS_HASHED 16

static __always_inline void slot__hash(struct slot *slot, __u64 value)
{
	slot->process.directories_hash = hash__add(slot->process.directories_hash, value);
}

/*
 * Adds the path of the struct dentry `entry` on the struct vfsmount `on` to slot->process.directories_hash. Returns
 * false when it has too many names, or leaves what its mount shows.
 */
GLOBAL_FUNCTION int slot__hash_path(__u32 index, __u64 entry, __u64 on)
{
	struct vfsmount *vfsmount = (void *)on;
	struct mount *mount = mount__of(vfsmount);
	struct dentry *root = KERNEL_READ(vfsmount, mnt_root);
	struct dentry *dentry = (void *)entry;
	struct slot *slot = slot__at(index);

	if (!slot)
		return false;
	for (int round = 0; round < DIRECTORIES_HASHED; round++) {
		struct dentry_link link = {};
		struct mount *parent;

		if (dentry == root) {
			parent = KERNEL_READ(mount, mnt_parent);
			if (parent == mount)
				return true;
			dentry = KERNEL_READ(mount, mnt_mountpoint);
			root = KERNEL_READ(parent, mnt.mnt_root);
			mount = parent;
			slot__hash(slot, slot__number(slot, parent));
			continue;
		}
		dentry__link(dentry, &link);
		if (link.parent == dentry || !link.parent)
			break;
		slot__hash(slot, slot__number(slot, link.parent));
		slot__hash(slot, (__u64)link.length << 32 | link.hash);
		dentry = link.parent;
	}
	return false;
}

/* As slot__hash_path() for a cgroup; none has no names. */
static __always_inline bool slot__hash_cgroup(struct slot *slot, struct kernfs_node *node)
{
	for (int round = 0; round < CGROUPS_HASHED && node; round++) {
		slot__hash(slot, KERNEL_READ(node, hash));
		node = kernfs_node__parent(node);
	}
	return !node;
}

/*
 * Sets slot->process.directories_hash and what belongs to it: what a description holds that a rename of a directory can
 * change. A rename elsewhere leaves the hash as it is: whoever renames in a loop makes the daemon describe no other
 * process again, unless that has more names above it than are looked at.
 */
GLOBAL_FUNCTION int slot__hash_directories(__u32 index)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct slot *slot = slot__at(index);
	struct dentry *executable;
	__u64 entry, on;

	if (!slot)
		return 0;
	slot->process.directory_moves = directory_moves;
	slot->process.directories_hash = 1;
	entry = slot__number(slot, KERNEL_READ(task, fs, pwd.dentry));
	on = slot__number(slot, KERNEL_READ(task, fs, pwd.mnt));
	if (!slot__hash_cgroup(slot, task__cgroup_node(task)) || !slot__hash_cgroup(slot, task__version_1_node(task)) ||
	    !slot__hash_path(index, entry, on)) {
		slot->process.directories_hash = 0;
		return 0;
	}
	executable = KERNEL_READ(task, mm, exe_file, f_path.dentry);
	entry = slot__number(slot, executable);
	on = slot__number(slot, KERNEL_READ(task, mm, exe_file, f_path.mnt));
	/* Tasks of the kernel have none, and what is in memory alone has no path. */
	if (entry && !dentry__nameless(executable) && !slot__hash_path(index, entry, on))
		slot->process.directories_hash = 0;
	return 0;
}

#endif
