/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the programs of mount_listing.bpf.c and the daemon write to each other: one question and its answer. BPF C and
 * C++ include this file; both come from one build.
 */
#ifndef RMWATCH_MOUNT_LISTING_H
#define RMWATCH_MOUNT_LISTING_H

#include <linux/types.h>

enum mount_listing_limit {
	/* Paths may be longer than PATH_MAX (4,096): a mount keeps its place when directories above it are moved. */
	LISTED_NAMES_BYTES = 16384,
	/* As NAME_BYTES of slot.bpf.h: the verifier needs bits that are all set. */
	LISTED_NAME_BYTES = 1023,
	/* What was mounted: "server:/path" of NFS. Longer ones are cut. */
	LISTED_SOURCE_BYTES = 4096,
	LISTED_TYPE_BYTES = 64,
};

enum listed_names_end {
	/* More are to come: ask again. */
	LISTED_NAMES_GOING = 0,
	/* At `names_until`. */
	LISTED_NAMES_REACHED = 1,
	/* At a root before it. */
	LISTED_NAMES_ROOT = 2,
	/* There are more than the text can hold. */
	LISTED_NAMES_CUT = 3,
};

/* Addresses are the kernel's, and mean nothing but themselves to the daemon. */
struct mount_listing {
	/* find_host: how often the mounts of the host have changed, and the one that its first process has for its
	 * root. */
	__u64 changes;
	__u64 root;

	/*
	 * tell_mount: tells of `mount` what follows, each of `child` and `sibling` may be 0, and as tell_names the
	 * names of its mountpoint up to the root of the mount that it lies on.
	 */
	__u64 mount;
	__u64 child;
	__u64 sibling;
	/* Orders mounts by their age; 0 where the kernel does not number them so (before 6.8). */
	__u64 unique_id;
	/* The directory that it shows. */
	__u64 root_dentry;
	__u32 id;
	__u32 parent_id;
	__u32 device;
	/* Booleans: that directory was removed; none is above it in the filesystem. */
	__u32 root_removed;
	__u32 root_is_top;

	/*
	 * tell_names: writes the names from `names_dentry` upwards until `names_until`, the last before the first, from
	 * `names_start` downwards, and leaves the three as the next question needs them. `names_start` is
	 * LISTED_NAMES_BYTES at the first.
	 */
	__u64 names_dentry;
	__u64 names_until;
	__u32 names_start;
	__u32 names_end;

	/* tell_mount; of NFS, tell_export after tell_names. */
	char type[LISTED_TYPE_BYTES];
	char source[LISTED_SOURCE_BYTES];
	/* The verifier cannot know that a name ends where the one before it begins, and wants room for it behind. */
	char names[LISTED_NAMES_BYTES + LISTED_NAME_BYTES + 1];
};

#endif
