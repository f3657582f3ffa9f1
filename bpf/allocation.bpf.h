/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * How much storage a file occupies, as stat(2) would say. inode->i_blocks is only what most filesystems tell: others
 * keep the number elsewhere. Data that was never written back (delayed allocation) occupies nothing yet, except on xfs,
 * which reserves its blocks.
 */
#ifndef RMWATCH_ALLOCATION_BPF_H
#define RMWATCH_ALLOCATION_BPF_H

#include "filesystem_magic.bpf.h"
#include "kernel_types.bpf.h"
#include "maps.bpf.h"

#include "kernel_read.bpf.h"
#include <bpf/bpf_helpers.h>

/* No struct xfs_inode is larger: so far they take about 1 KiB. */
#define XFS_INODE_BYTES 4096

/*
 * The file in overlayfs' upper layer; NULL when there is none, and removing it releases nothing. struct ovl_inode is
 * of a module, but its __upperdentry has followed the struct inode since 09d8b586731b ("ovl: move __upperdentry to
 * ovl_inode", 4.14).
 */
static __always_inline struct inode *overlay__upper_inode(struct inode *inode)
{
	struct dentry *upper = NULL;

	bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode));
	return upper ? KERNEL_READ(upper, d_inode) : NULL;
}

/*
 * The inode that stat(2) asks of size and time: overlayfs keeps copies, which miss what is written through a mapping.
 * It alone of the filesystems upon others is known here.
 */
static __always_inline struct inode *inode__asked(struct inode *inode)
{
	struct inode *upper;

	if (KERNEL_READ(inode, i_sb, s_magic) != OVERLAYFS_SUPER_MAGIC)
		return inode;
	upper = overlay__upper_inode(inode);
	return upper ? upper : inode;
}

/* Writes the bytes to `bytes` and returns true, or returns false when they cannot be known. */
static __always_inline bool inode__allocated(struct inode *inode, __u64 magic, __u64 *bytes)
{
	__u64 blocks = 0, delayed = 0;

	if (magic == OVERLAYFS_SUPER_MAGIC) {
		inode = overlay__upper_inode(inode);
		if (!inode)
			return false;
		magic = KERNEL_READ(inode, i_sb, s_magic);
	}
	if (magic == BCACHEFS_SUPER_MAGIC || magic == ZFS_SUPER_MAGIC || magic == OVERLAYFS_SUPER_MAGIC)
		return false;
	if (magic == XFS_SUPER_MAGIC) {
		__s64 blocks_at = settings.xfs_blocks_at, delayed_at = settings.xfs_delayed_blocks_at;

		/* The verifier adds no unknown number to what it takes for a pointer. */
		if (!blocks_at || !BOUNDED(blocks_at, -XFS_INODE_BYTES, XFS_INODE_BYTES) ||
		    !BOUNDED(delayed_at, -XFS_INODE_BYTES, XFS_INODE_BYTES) ||
		    bpf_probe_read_kernel(&blocks, sizeof(blocks), (void *)inode + blocks_at) ||
		    bpf_probe_read_kernel(&delayed, sizeof(delayed), (void *)inode + delayed_at))
			return false;
		*bytes = (blocks + delayed) * KERNEL_READ(inode, i_sb, s_blocksize);
		return true;
	}
	*bytes = KERNEL_READ(inode, i_blocks) << 9;
	if (magic == BTRFS_SUPER_MAGIC) {
		__u64 block = KERNEL_READ(inode, i_sb, s_blocksize);

		/* inode_get_bytes(), rounded as btrfs_getattr() does: small files lie inside the metadata. */
		*bytes = (*bytes + KERNEL_READ(inode, i_bytes) + block - 1) & ~(block - 1);
	}
	/* Without a block it may lie inside its inode, and ocfs2_getattr() counts its size then. */
	return magic != OCFS2_SUPER_MAGIC || *bytes || !KERNEL_READ(inode, i_size);
}

#endif
