/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The kernel structures that are read, each with only the members that are read. CO-RE finds the members'
 * real places in the running kernel's BTF, so order and size here mean nothing.
 */
#ifndef RMWATCH_KERNEL_TYPES_BPF_H
#define RMWATCH_KERNEL_TYPES_BPF_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kuid {
	__u32 val;
};

struct atomic {
	int counter;
};

struct qstr {
	__u32 hash;
	__u32 len;
	const char *name;
};

struct lockref {
	int count;
};

/*
 * Maps `count` ids that follow one another. In the map of a user namespace, `first` is the id inside it, and
 * `lower_first` is the id in the kernel. In the map of a mount, `first` is the id in the filesystem, and `lower_first`
 * is the id that the mount shows.
 */
struct uid_gid_extent {
	__u32 first;
	__u32 lower_first;
	__u32 count;
};

struct uid_gid_map {
	__u32 nr_extents;
	struct uid_gid_extent extent[5];
	struct uid_gid_extent *forward;
	struct uid_gid_extent *reverse;
};

struct user_namespace {
	struct uid_gid_map uid_map;
	struct uid_gid_map gid_map;
};

struct list_head {
	struct list_head *next;
};

struct file_system_type {
	const char *name;
};

struct super_block {
	__u32 s_dev;
	struct file_system_type *s_type;
	__u64 s_blocksize;
	__u64 s_magic;
	struct dentry *s_root;
	int s_stack_depth;
	struct user_namespace *s_user_ns;
};

struct inode {
	__u16 i_mode;
	__u32 i_flags;
	struct kuid i_uid;
	struct kuid i_gid;
	struct super_block *i_sb;
	__u64 i_ino;
	__u32 i_nlink;
	__u32 i_generation;
	__s64 i_size;
	__u16 i_bytes;
	__u64 i_blocks;
	struct atomic i_count;
	struct atomic i_writecount;
	struct atomic i_readcount;
	void *i_fsnotify_marks;
};

struct dentry {
	__u32 d_flags;
	struct {
		void **pprev;
	} d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
	void *d_fsdata;
	struct lockref d_lockref;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct list_head mnt_mounts;
	struct list_head mnt_child;
	const char *mnt_devname;
	struct mnt_namespace *mnt_ns;
	int mnt_id;
	/* From 6.8 on; never used again. */
	__u64 mnt_id_unique;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct filename {
	const char *name;
};

struct ns_common {
	__u32 inum;
};

struct mnt_namespace {
	struct ns_common ns;
	struct mount *root;
	__u64 event;
};

struct ipc_namespace {
	struct vfsmount *mq_mnt;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
	struct ipc_namespace *ipc_ns;
};

struct fs_struct {
	int users;
	struct path root;
	struct path pwd;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
};

struct fdtable {
	__u32 max_fds;
	struct file **fd;
};

struct files_struct {
	struct atomic count;
	struct fdtable *fdt;
};

struct mm_struct {
	__u64 start_stack;
	__u64 arg_start;
	__u64 arg_end;
	struct file *exe_file;
};

/* Of one hierarchy: the unified one, or one of version 1. */
struct cgroup_root;

struct cgroup {
	struct cgroup_root *root;
	struct kernfs_node *kn;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct css_set {
	struct cgroup_subsys_state *subsys[1];
	struct cgroup *dfl_cgrp;
};

struct kernfs_node {
	const char *name;
	/* Of the name. */
	unsigned int hash;
};

struct pid_namespace {
	struct task_struct *child_reaper;
};

struct upid {
	struct pid_namespace *ns;
};

struct pid {
	__u32 level;
	struct upid numbers[1];
};

struct thread_info {
	__u32 status;
};

struct cred {
	struct kuid uid;
	struct kuid gid;
	struct kuid euid;
	struct kuid egid;
	struct kuid fsuid;
	struct kuid fsgid;
};

struct task_struct {
	struct thread_info thread_info;
	void *stack;
	__u32 flags;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	__u32 tgid;
	__u64 start_boottime;
	__u64 self_exec_id;
	struct kuid loginuid;
	struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct css_set *cgroups;
	struct mm_struct *mm;
};

/* The registers of a system call, x86-64; the kernel's names. */
struct pt_regs___kernel {
	__u64 bx;
	__u64 cx;
	__u64 dx;
	__u64 si;
	__u64 di;
	__u64 r8;
	__u64 r10;
	__u64 orig_ax;
};

#pragma clang attribute pop

/* Places in css_set.subsys. CO-RE finds their values: those here mean nothing. */
enum cgroup_subsys_id {
	devices_cgrp_id,
	pids_cgrp_id,
};

#endif
