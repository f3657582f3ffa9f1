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
 * The filesystem itself holds what an open file would hold: btrfs the inodes that it writes back, ceph and NFS entries
 * and inodes until the server has answered, and longer.
 */
static __always_inline bool filesystem__holds_files(__u64 magic, bool by_entry)
{
	return magic == CEPH_SUPER_MAGIC || magic == NFS_SUPER_MAGIC || (magic == BTRFS_SUPER_MAGIC && !by_entry);
}

/*
 * A process has it open for reading or for writing, or runs it, which makes i_writecount negative. Not counted are
 * descriptors of O_PATH, and writers of pipes and devices.
 */
static __always_inline bool inode__is_open(struct inode *inode)
{
	if (KERNEL_READ(inode, i_writecount.counter))
		return true;
	/* CONFIG_FILE_LOCKING or CONFIG_IMA */
	return bpf_core_field_exists(inode->i_readcount) && KERNEL_READ(inode, i_readcount.counter);
}

/*
 * The name is gone, the file is still there. The references are those that the kernel's own call holds to the directory
 * entry and to the inode.
 */
static __always_inline void slot__fill_release(struct slot *slot, struct inode *inode, struct dentry *dentry,
					       bool replaced)
{
	int own_dentry_references = replaced ? REPLACED_DENTRY_REFERENCES : REMOVED_DENTRY_REFERENCES;
	int own_inode_references = replaced ? REPLACED_INODE_REFERENCES : REMOVED_INODE_REFERENCES;
	struct deletion_record *record = &slot->record;
	__u64 magic;
	__u32 links;
	bool by_entry, by_inode, last_link;

	if ((record->mode & S_IFMT) == S_IFDIR)
		return;
	/* Other links may have been removed since the victim was found. */
	links = KERNEL_READ(inode, i_nlink);
	if (links < record->link_count)
		record->link_count = links + 1;
	last_link = record->link_count == 1;
	magic = inode__magic(inode);
	if (inode__allocated(inode, magic, &record->allocated_bytes))
		record->flags |= DELETION_ALLOCATION_KNOWN;
	/*
	 * An open file holds the entry it was opened by; opened by a name that is gone by now, it holds the inode.
	 * The call's own references are subtracted, one that a watch of inotify or fanotify may hold, and those of
	 * ocfs2: of the entry's lock (struct ocfs2_dentry_lock), and of ocfs2_rename().
	 */
	if (KERNEL_READ(inode, i_fsnotify_marks))
		own_inode_references++;
	if (magic == OCFS2_SUPER_MAGIC)
		own_inode_references += replaced ? 2 : 1;
	by_entry = KERNEL_READ(dentry, d_lockref.count) > own_dentry_references;
	/* Each name has an inode of its own there: nothing tells whether it is open by another one. */
	if (!by_entry && magic == V9FS_MAGIC)
		return;
	/* The entries of other links hold the inode, too. */
	by_inode = KERNEL_READ(inode, i_count.counter) > own_inode_references;
	if ((by_entry || by_inode) && inode__is_open(inode))
		record->flags |= DELETION_OPEN_KNOWN | DELETION_STILL_OPEN;
	else if (!by_entry && !(by_inode && last_link))
		record->flags |= DELETION_OPEN_KNOWN;
	else if (!filesystem__holds_files(magic, by_entry))
		record->flags |= DELETION_OPEN_KNOWN | DELETION_STILL_OPEN;
}

#endif
