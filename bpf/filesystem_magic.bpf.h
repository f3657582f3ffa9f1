/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Which filesystem it is, by super_block.s_magic: include/uapi/linux/magic.h, and those that live outside of it. */
#ifndef RMWATCH_FILESYSTEM_MAGIC_BPF_H
#define RMWATCH_FILESYSTEM_MAGIC_BPF_H

#define BCACHEFS_SUPER_MAGIC 0xca451a4e
#define BTRFS_SUPER_MAGIC 0x9123683e
#define CEPH_SUPER_MAGIC 0x00c36400
#define EXT4_SUPER_MAGIC 0xef53
#define F2FS_SUPER_MAGIC 0xf2f52010
#define FUSE_SUPER_MAGIC 0x65735546
/* ipc/mqueue.c */
#define MQUEUE_MAGIC 0x19800202
#define NFS_SUPER_MAGIC 0x6969
#define OCFS2_SUPER_MAGIC 0x7461636f
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define TMPFS_MAGIC 0x01021994
#define V9FS_MAGIC 0x01021997
#define XFS_SUPER_MAGIC 0x58465342
#define ZFS_SUPER_MAGIC 0x2fc12fc1

#endif
