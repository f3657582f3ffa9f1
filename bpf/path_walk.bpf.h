/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Walks from a directory entry up to the root of its mount namespace and writes the path backwards.
 *
 * bpf_d_path() is not allowed where the probes run. A concurrent rename of an ancestor can be seen half done,
 * as by any walk without rename_lock; the victim's own directory is locked while it is removed.
 */
#ifndef RMWATCH_PATH_WALK_BPF_H
#define RMWATCH_PATH_WALK_BPF_H

#include "dentry.bpf.h"
#include "filesystem_magic.bpf.h"
#include "kernel_changes.bpf.h"
#include "maps.bpf.h"

/*
 * Names and mounts passed in one walk. bpf_loop() (5.17) verifies its body once: there, the text buffer is the
 * limit. Older kernels simulate every round, so the count bounds the time the verifier takes.
 */
#ifdef RMWATCH_BPF_LOOP
#define WALK_STEPS 4500
#else
#define WALK_STEPS 176
#endif

enum {
	WALK_GOING = 0,
	/* The top mount was passed. */
	WALK_TOP = 1,
	/* No room, or too many steps; or a root that is not its filesystem's, as an exported file handle may have. */
	WALK_CUT = 2,
	/* The filesystem's root was reached, and its mount was not: what it showed was moved elsewhere. */
	WALK_OUTSIDE = 3,
};

/*
 * Where the walk is. How far the path has grown is kept in the slot instead: memory of a map is unknown to the
 * verifier at every round, so the rounds look alike to it and it follows far fewer of them.
 */
struct path_walk {
	struct slot *slot;
	struct dentry *dentry;
	struct mount *mount;
	struct dentry *mount_root;
	__u64 state;
};

#define DCACHE_OP_COMPARE 0x0002
#define S_CASEFOLD (1 << 15)

/*
 * A name in the directory `parent`, whose filesystem has a comparison of its own (DCACHE_OP_COMPARE). These three
 * compare the bytes in directories that do not have the flag; others, as vfat, exfat or cifs, have one way for all
 * directories.
 */
static __always_inline bool directory__ignores_case(struct dentry *parent)
{
	__u64 magic = KERNEL_READ(parent, d_sb, s_magic);

	if (magic != EXT4_SUPER_MAGIC && magic != F2FS_SUPER_MAGIC && magic != TMPFS_MAGIC)
		return true;
	return KERNEL_READ(parent, d_inode, i_flags) & S_CASEFOLD;
}

static __always_inline void slot__note_comparison(struct slot *slot, const struct dentry_link *link)
{
	if (link->flags & DCACHE_OP_COMPARE && directory__ignores_case(link->parent))
		slot->record.flags |= DELETION_CASE_INSENSITIVE;
}

/* Puts one name before what is there. Returns the new start, or 0 when there is no room. */
static __always_inline __u64 text__prepend(char *text, __u64 start, const char *name, __u64 length)
{
	if (!BOUNDED(length, 1, NAME_BYTES) || !BOUNDED(start, TEXT_PATH_START + NAME_BYTES + 1, TEXT_PATH_END))
		return 0;
	start -= length + 1;
	text[start] = '/';
	if (bpf_probe_read_kernel(text + start + 1, length, name))
		return 0;
	return start;
}

/* One name or one mount further up. Returns 1 when the walk ends. */
static __always_inline long path_walk__step(struct path_walk *walk)
{
	struct slot *slot = walk->slot;
	struct dentry_link link = {};
	__u64 start;

	if (walk->dentry == walk->mount_root) {
		/* A local variable: the accessors would relocate walk->mount as well. */
		struct mount *mount = walk->mount;
		struct mount *parent = KERNEL_READ(mount, mnt_parent);

		if (!slot->below_mount)
			slot->below_mount = slot->start;
		if (parent == mount) {
			walk->state = WALK_TOP;
			return 1;
		}
		walk->dentry = KERNEL_READ(mount, mnt_mountpoint);
		walk->mount = parent;
		walk->mount_root = KERNEL_READ(parent, mnt.mnt_root);
		return 0;
	}
	dentry__link(walk->dentry, &link);
	if (link.parent == walk->dentry || !link.parent) {
		/* A local variable for the accessors, as above. */
		struct dentry *root = walk->dentry;

		walk->state = KERNEL_READ(root, d_sb, s_root) == root ? WALK_OUTSIDE : WALK_CUT;
		return 1;
	}
	slot__note_comparison(slot, &link);
	start = text__prepend(slot->text, slot->start, link.name, link.length);
	if (!start) {
		walk->state = WALK_CUT;
		return 1;
	}
	slot->start = start;
	walk->dentry = link.parent;
	return 0;
}

#ifdef RMWATCH_BPF_LOOP
static long path_walk__round(__u32 round, struct path_walk *walk)
{
	return path_walk__step(walk);
}
#endif

/* What slot__walk() has reached. */
enum walk_end {
	/* No root of a mount namespace. */
	WALKED_ASTRAY = 0,
	/* The root of the task's mount namespace. */
	WALKED_TO_ROOT = 1,
	/* That of another one. */
	WALKED_TO_OTHER_ROOT = 2,
};

/* Whether the mount is the root of a mount namespace; it has no parent. */
static __always_inline bool mount__is_root(struct mount *mount)
{
	struct mnt_namespace *namespace = KERNEL_READ(mount, mnt_ns);

	/* NULL when it was detached, an ERR_PTR for the kernel's own mounts. */
	return namespace && (__u64) namespace < -4095ull && KERNEL_READ(namespace, root) == mount;
}

/*
 * Writes the path of slot->entry on slot->on before what text[slot->start] begins.
 * Returns an enum walk_end; sets DELETION_PATH_CUT when names are missing, and DELETION_FS_ROOT when all of the path
 * lies below the root of the filesystem.
 */
GLOBAL_FUNCTION int slot__walk(__u32 index)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct path_walk walk = {};
	struct slot *slot = slot__at(index);
	struct vfsmount *vfsmount;

	if (!slot)
		return 0;
	slot->below_mount = 0;
	vfsmount = (void *)slot->on;
	walk.slot = slot;
	walk.dentry = (void *)slot->entry;
	walk.mount = mount__of(vfsmount);
	walk.mount_root = KERNEL_READ(vfsmount, mnt_root);
#ifdef RMWATCH_BPF_LOOP
	bpf_loop(WALK_STEPS, path_walk__round, &walk, 0);
#else
	for (int round = 0; round < WALK_STEPS; round++)
		if (path_walk__step(&walk))
			break;
#endif
	if (walk.state == WALK_OUTSIDE) {
		slot->below_mount = slot->start;
		slot->record.flags |= DELETION_FS_ROOT;
	} else if (walk.state != WALK_TOP) {
		slot->record.flags |= DELETION_PATH_CUT;
	}
	/* A detached mount, or one of another namespace, ends at a root of its own. */
	if (walk.state != WALK_TOP)
		return WALKED_ASTRAY;
	if (walk.mount == KERNEL_READ(task, nsproxy, mnt_ns, root))
		return WALKED_TO_ROOT;
	return mount__is_root(walk.mount) ? WALKED_TO_OTHER_ROOT : WALKED_ASTRAY;
}

#endif
