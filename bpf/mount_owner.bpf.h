/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The owner of a file as its mount shows it. An idmapped mount shows other ids than the filesystem has: stat(2) tells
 * those, make_vfsuid() in the kernel computes them.
 */
#ifndef RMWATCH_MOUNT_OWNER_BPF_H
#define RMWATCH_MOUNT_OWNER_BPF_H

#include "kernel_changes.bpf.h"
#include "kernel_types.bpf.h"
#include "maps.bpf.h"

#include "kernel_read.bpf.h"
#include <bpf/bpf_helpers.h>

/* A map has so many extents in itself. It has more than these in sorted arrays. See include/linux/user_namespace.h. */
#define INLINE_EXTENTS 5
#define EXTENTS_MAX 340
/* Enough to find one of EXTENTS_MAX by halves. */
#define HALVES 9
_Static_assert(1 << HALVES > EXTENTS_MAX, "a search by halves may end too early");

/* No id, for the kernel too. */
#define NO_ID 0xffffffffu
/* What stat(2) shows of an id that has none; the kernel's default of kernel.overflowuid and kernel.overflowgid. */
#define OVERFLOW_ID 65534

enum map_direction {
	/* From `lower_first` to `first`, as map_id_up() in the kernel. */
	MAP_UP = 0,
	/* From `first` to `lower_first`, as map_id_down(). */
	MAP_DOWN = 1,
};

/* Returns the length of the extent at `address`: its first id goes to `from`, and what that becomes to `to`. */
static __always_inline __u32 extent__read(__u64 address, int direction, __u32 *from, __u32 *to)
{
	struct uid_gid_extent *extent = (void *)address;
	__u32 first = 0, lower_first = 0, count = 0;

	BPF_CORE_READ_INTO(&first, extent, first);
	BPF_CORE_READ_INTO(&lower_first, extent, lower_first);
	BPF_CORE_READ_INTO(&count, extent, count);
	*from = direction == MAP_DOWN ? first : lower_first;
	*to = direction == MAP_DOWN ? lower_first : first;
	return count;
}

/* What the struct uid_gid_map at `address` makes of the id; NO_ID: it has none for it. */
GLOBAL_FUNCTION int id_map__translate(__u64 address, __u32 id, int direction)
{
	struct uid_gid_map *map = (void *)address;
	__u64 extents = address + bpf_core_field_offset(struct uid_gid_map, extent);
	__u32 low = 0, high = 0, from, to, count;

	BPF_CORE_READ_INTO(&high, map, nr_extents);
	if (high <= INLINE_EXTENTS) {
		/* In the order in which they were written. */
		for (__u32 at = 0; at < INLINE_EXTENTS; at++) {
			if (at >= high)
				break;
			count = extent__read(extents, direction, &from, &to);
			if (id - from < count)
				return to + (id - from);
			extents += bpf_core_type_size(struct uid_gid_extent);
		}
		return NO_ID;
	}
	if (direction == MAP_DOWN)
		BPF_CORE_READ_INTO(&extents, map, forward);
	else
		BPF_CORE_READ_INTO(&extents, map, reverse);
	for (int half = 0; half < HALVES; half++) {
		__u32 middle = (low + high) / 2;

		if (low >= high)
			break;
		count = extent__read(extents + middle * bpf_core_type_size(struct uid_gid_extent), direction, &from,
				     &to);
		if (id < from)
			high = middle;
		else if (id - from < count)
			return to + (id - from);
		else
			low = middle + 1;
	}
	return NO_ID;
}

/* The kernel's id as the filesystem's user namespace has it, and that as the mount shows it. */
static __always_inline __u32 id__through(__u64 filesystem_map, __u64 mount_map, __u32 id)
{
	id = id_map__translate(filesystem_map, id, MAP_UP);
	if (id != NO_ID)
		id = id_map__translate(mount_map, id, MAP_DOWN);
	return id == NO_ID ? OVERFLOW_ID : id;
}

/* Maps the owner of the file that the slot holds, which lies on an idmapped mount. */
GLOBAL_FUNCTION int slot__map_owner(__u32 index)
{
	struct slot *slot = slot__at(index);
	struct id_maps mount = {}, filesystem = {};
	struct vfsmount *vfsmount;
	__u64 namespace = 0;

	if (!slot)
		return 0;
	vfsmount = (void *)slot->attempt.mount;
	if (!vfsmount__id_maps(vfsmount, &mount))
		return 0;
	BPF_CORE_READ_INTO(&namespace, vfsmount, mnt_sb, s_user_ns);
	user_namespace__id_maps(namespace, &filesystem);
	slot->record.mount_uid = id__through(filesystem.uids, mount.uids, slot->record.file_uid);
	slot->record.mount_gid = id__through(filesystem.gids, mount.gids, slot->record.file_gid);
	return 0;
}

/* Behind slot__fill_file(). */
static __always_inline void slot__fill_mount_owner(__u32 index, struct slot *slot)
{
	if (slot->attempt.mount && vfsmount__idmap((void *)slot->attempt.mount) != plain_idmap)
		slot__map_owner(index);
}

#endif
