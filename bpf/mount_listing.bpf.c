// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Lists the mounts of the host for a daemon that no /proc shows them to, as in a container with namespaces of its own.
 * The daemon runs these programs itself, attached to nothing; they take no locks. It throws away what it read while
 * `changes` grew, and reads until two lists in a row are the same: a rename of a directory is no change of the mounts.
 */
#include "dentry.bpf.h"
#include "first_process.bpf.h"
#include "kernel_changes.bpf.h"
#include "kernel_types.bpf.h"
#include "mount_listing.h"
#include "verifier.bpf.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Names in one run: the verifier of 5.10 simulates each round. */
#define NAMES_AT_ONCE 64

struct mount_listing listing;

SEC("raw_tp")
int find_host(void *ctx)
{
	struct task_struct *first = task__first();
	struct vfsmount *root = KERNEL_READ(first, fs, root.mnt);

	listing.changes = KERNEL_READ(first, nsproxy, mnt_ns, event);
	listing.root = root ? (__u64)mount__of(root) : 0;
	return 0;
}

/* Returns the mount that has the link at `offset`, or 0 when the link leads back to `head`, the end of the list. */
static __always_inline __u64 link__mount(__u64 link, __u64 head, __u64 offset)
{
	return link && link != head ? link - offset : 0;
}

/* Puts a name before those that are there. Returns false when there is no room. */
static __always_inline bool names__prepend(const struct dentry_link *link)
{
	__u64 length = link->length;
	__u64 start = listing.names_start;

	if (!BOUNDED(length, 1, LISTED_NAME_BYTES) || !BOUNDED(start, LISTED_NAME_BYTES + 1, LISTED_NAMES_BYTES))
		return false;
	start -= length + 1;
	listing.names[start] = '/';
	if (bpf_probe_read_kernel(listing.names + start + 1, length, link->name))
		return false;
	listing.names_start = start;
	return true;
}

/* See listing.names_dentry. */
static __always_inline void names__walk(void)
{
	struct dentry *dentry = (void *)listing.names_dentry;

	listing.names_end = LISTED_NAMES_GOING;
	for (int count = 0; count < NAMES_AT_ONCE; count++) {
		struct dentry_link link = {};

		if ((__u64)dentry == listing.names_until) {
			listing.names_end = LISTED_NAMES_REACHED;
			break;
		}
		dentry__link(dentry, &link);
		if (link.parent == dentry || !link.parent) {
			listing.names_end = LISTED_NAMES_ROOT;
			break;
		}
		if (!names__prepend(&link)) {
			listing.names_end = LISTED_NAMES_CUT;
			break;
		}
		dentry = link.parent;
	}
	listing.names_dentry = (__u64)dentry;
}

SEC("raw_tp")
int tell_names(void *ctx)
{
	names__walk();
	return 0;
}

SEC("raw_tp")
int tell_mount(void *ctx)
{
	struct mount *mount = (void *)listing.mount;
	struct mount *parent = KERNEL_READ(mount, mnt_parent);
	struct dentry *root = KERNEL_READ(mount, mnt.mnt_root);
	__u64 children = (__u64)mount + bpf_core_field_offset(struct mount, mnt_mounts);
	__u64 siblings = (__u64)parent + bpf_core_field_offset(struct mount, mnt_mounts);
	__u64 child_offset = bpf_core_field_offset(struct mount, mnt_child);

	listing.child = link__mount((__u64)KERNEL_READ(mount, mnt_mounts.next), children, child_offset);
	listing.sibling = 0;
	if (parent != mount)
		listing.sibling = link__mount((__u64)KERNEL_READ(mount, mnt_child.next), siblings, child_offset);
	listing.unique_id = 0;
	if (bpf_core_field_exists(mount->mnt_id_unique))
		listing.unique_id = KERNEL_READ(mount, mnt_id_unique);
	listing.root_dentry = (__u64)root;
	listing.id = KERNEL_READ(mount, mnt_id);
	listing.parent_id = KERNEL_READ(parent, mnt_id);
	listing.device = KERNEL_READ(mount, mnt.mnt_sb, s_dev);
	listing.root_removed = dentry__removed(root);
	listing.root_is_top = KERNEL_READ(root, d_parent) == root;
	if (bpf_probe_read_kernel_str(listing.type, sizeof(listing.type),
				      KERNEL_READ(mount, mnt.mnt_sb, s_type, name)) < 0)
		listing.type[0] = 0;
	if (bpf_probe_read_kernel_str(listing.source, sizeof(listing.source), KERNEL_READ(mount, mnt_devname)) < 0)
		listing.source[0] = 0;
	listing.names_dentry = (__u64)KERNEL_READ(mount, mnt_mountpoint);
	listing.names_until = (__u64)KERNEL_READ(parent, mnt.mnt_root);
	listing.names_start = LISTED_NAMES_BYTES;
	names__walk();
	return 0;
}

/*
 * The "server:/path" that was mounted, of the NFS entry that tell_names has reached. nfs_path() of the kernel takes it
 * from there as well: what mounts have is a copy that can name a directory below.
 */
SEC("raw_tp")
int tell_export(void *ctx)
{
	struct dentry *root = (void *)listing.names_dentry;

	if (bpf_probe_read_kernel_str(listing.source, sizeof(listing.source), KERNEL_READ(root, d_fsdata)) < 0)
		listing.source[0] = 0;
	return 0;
}
