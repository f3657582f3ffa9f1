/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What a removal releases: whether the file is still open, and how much storage its last link gives back. */
#ifndef RMWATCH_RELEASE_BPF_H
#define RMWATCH_RELEASE_BPF_H

#include "allocation.bpf.h"
#include "deletion.bpf.h"
#include "filesystem_magic.bpf.h"

/* References to the victim that the kernel's own call holds at each hook. */
enum {
	REMOVED_DENTRY_REFERENCES = 1,
	/* That of the directory entry, one of do_unlinkat() and one of d_delete_notify(). */
	REMOVED_INODE_REFERENCES = 3,
	REPLACED_DENTRY_REFERENCES = 2,
	REPLACED_INODE_REFERENCES = 1,
};

/*
 * The name is gone, the file is still there. The references are those that the kernel's own call holds to the directory
 * entry and to the inode.
 */
static __always_inline void slot__fill_release(struct slot *slot, struct inode *inode, struct dentry *dentry,
					       bool replaced)
{
	__u32 own_dentry_references = replaced ? REPLACED_DENTRY_REFERENCES : REMOVED_DENTRY_REFERENCES;
	__u32 own_inode_references = replaced ? REPLACED_INODE_REFERENCES : REMOVED_INODE_REFERENCES;
	struct deletion_record *record = &slot->record;
	__u32 dentry_references, inode_references, links;
	__u64 magic;

	if ((record->mode & S_IFMT) == S_IFDIR)
		return;
	/* Other links may have been removed since the victim was found. */
	links = KERNEL_READ(inode, i_nlink);
	if (links < record->link_count)
		record->link_count = links + 1;
	magic = KERNEL_READ(inode, i_sb, s_magic);
	if (inode__allocated(inode, magic, &record->allocated_bytes))
		record->flags |= DELETION_ALLOCATION_KNOWN;
	/*
	 * An open file holds the entry it was opened by; opened by a name that is gone by now, it holds the inode.
	 * The call's own references are subtracted, one that a watch of inotify or fanotify may hold, and those of
	 * ocfs2: of the entry's lock (struct ocfs2_dentry_lock), and of ocfs2_rename().
	 */
	dentry_references = KERNEL_READ(dentry, d_lockref.count);
	inode_references = KERNEL_READ(inode, i_count.counter);
	if (KERNEL_READ(inode, i_fsnotify_marks))
		own_inode_references++;
	if (magic == OCFS2_SUPER_MAGIC)
		own_inode_references += replaced ? 2 : 1;
	/* A request to the server holds the entry until the server has written it down. */
	if (magic == CEPH_SUPER_MAGIC)
		return;
	if (dentry_references > own_dentry_references)
		record->flags |= DELETION_OPEN_KNOWN | DELETION_STILL_OPEN;
	else if (record->link_count != 1)
		record->flags |= DELETION_OPEN_KNOWN;
	/* Each name has an inode of its own there: nothing of this one tells whether a name that is gone was opened. */
	else if (magic == V9FS_MAGIC)
		return;
	else if (inode_references <= own_inode_references)
		record->flags |= DELETION_OPEN_KNOWN;
	/* btrfs itself holds inodes that it writes back, for a while after that too: it cannot be told. */
	else if (magic != BTRFS_SUPER_MAGIC)
		record->flags |= DELETION_OPEN_KNOWN | DELETION_STILL_OPEN;
}

#endif
