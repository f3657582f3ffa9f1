/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The names that files had a moment ago: `shred -u` renames what it removes until nothing of the name is left. Of a
 * rename within one directory the old name is kept when a watch wants it removed, and as long as one rename follows the
 * other it stays the one that is kept.
 */
#ifndef RMWATCH_FORMER_NAME_BPF_H
#define RMWATCH_FORMER_NAME_BPF_H

#include "deletion.bpf.h"
#include "filter.bpf.h"
#include "kernel_types.bpf.h"
#include "maps.bpf.h"
#include "path_walk.bpf.h"

/* So long after its last rename a file may be removed for its former name to be told. */
#define FORMER_NAME_NS 5000000000ll

/* When a name was kept last, or found again. */
__u64 former_names_used_ns;

/* What a watch must want of a name for it to be kept. */
static __always_inline __u32 former_name__wants(void)
{
	return filter__outcome_bits(OPERATION_UNLINK, true, 0) | filter__outcome_bits(OPERATION_REPLACE, true, 0);
}

/* Another CPU may have taken the time `since` after this one has taken `now`. */
static __always_inline bool time__is_recent(__u64 now, __u64 since)
{
	return (__s64)(now - since) < FORMER_NAME_NS;
}

/* Whether a name can be kept at all: most hosts have none at most times, and then nothing is looked up. */
static __always_inline bool former_names__used(void)
{
	__u64 used = former_names_used_ns;

	return used && time__is_recent(bpf_ktime_get_boot_ns(), used);
}

static __always_inline void former_key__of(struct former_key *key, struct inode *inode)
{
	key->inode = KERNEL_READ(inode, i_ino);
	key->device = KERNEL_READ(inode, i_sb, s_dev);
	key->generation = KERNEL_READ(inode, i_generation);
}

/* The kernel's hash of a name contains its directory. */
static __always_inline __u64 link__hash(const struct dentry_link *link)
{
	return (__u64)link->length << 32 | link->hash;
}

static __always_inline bool former_name__fits(const struct former_name *former, const struct dentry_link *link,
					      __u64 now)
{
	/* Another of its hard links has had no other name. */
	return former->directory == (__u64)link->parent && former->present == link__hash(link) &&
	       time__is_recent(now, former->renamed_ns);
}

/*
 * The struct dentry `moved`, of which watches want `wanted`, is about to get the name of the struct dentry `target`. In
 * another directory it has no former name.
 * `index`: a slot, whose text is not touched from the path on.
 */
GLOBAL_FUNCTION int former_name__keep(__u32 index, __u64 moved, __u64 target, __u32 wanted)
{
	struct dentry *dentry = (void *)moved, *place = (void *)target;
	struct inode *inode = KERNEL_READ(dentry, d_inode);
	struct dentry_link link = {}, next = {};
	struct slot *slot = slot__at(index);
	__u64 now = bpf_ktime_get_boot_ns();
	struct former_name *former;
	struct former_key key = {};
	__u64 length;

	if (!slot || !inode || inode__is_directory(inode))
		return 0;
	dentry__link(dentry, &link);
	dentry__link(place, &next);
	former_key__of(&key, inode);
	former = bpf_map_lookup_elem(&former_names, &key);
	if (former && former_name__fits(former, &link, now)) {
		if (link.parent != next.parent) {
			/* As former_name__find() does. */
			bpf_map_delete_elem(&former_names, &key);
			return 0;
		}
		former->present = link__hash(&next);
		former->renamed_ns = now;
		former_names_used_ns = now;
		return 0;
	}
	length = link.length;
	if (link.parent != next.parent || !(wanted & former_name__wants()) || !BOUNDED(length, 1, FORMER_NAME_BYTES))
		return 0;
	former = (void *)(slot->text + FORMER_NAME_AT);
	if (bpf_probe_read_kernel(former->name, length, link.name))
		return 0;
	former->directory = (__u64)link.parent;
	former->present = link__hash(&next);
	former->renamed_ns = now;
	former->length = length;
	bpf_map_update_elem(&former_names, &key, former, BPF_ANY);
	former_names_used_ns = now;
	return 0;
}

/* Puts the former name of the struct dentry `victim`, which is gone now, into the slot. Returns its length, or 0. */
GLOBAL_FUNCTION int former_name__find(__u32 index, __u64 victim)
{
	struct dentry *dentry = (void *)victim;
	struct inode *inode = KERNEL_READ(dentry, d_inode);
	struct slot *slot = slot__at(index);
	struct dentry_link link = {};
	struct former_name *former;
	struct former_key key = {};
	__u64 length;

	if (!slot || !inode)
		return 0;
	former_key__of(&key, inode);
	former = bpf_map_lookup_elem(&former_names, &key);
	if (!former)
		return 0;
	dentry__link(dentry, &link);
	length = former->length;
	if (!former_name__fits(former, &link, bpf_ktime_get_boot_ns()) || !BOUNDED(length, 1, FORMER_NAME_BYTES))
		return 0;
	__builtin_memcpy(slot->text + FORMER_NAME_AT, former, sizeof(*former));
	/* Overlayfs gives all inodes one generation: the next file with this number and name must not find it. */
	bpf_map_delete_elem(&former_names, &key);
	return length;
}

/* What is wanted by the path that has the former name of `length` bytes in the place of its last one. */
static __always_inline __u32 former_name__wanted(struct slot *slot, __u64 length)
{
	struct former_name *former = (void *)(slot->text + FORMER_NAME_AT);
	__u64 start = slot->start, name = slot->name;

	if (!BOUNDED(name, TEXT_PATH_START + 1, TEXT_PATH_END + 1) || !BOUNDED(length, 1, FORMER_NAME_BYTES) ||
	    bpf_probe_read_kernel(slot->text + name, length, former->name))
		return filter__anything(slot->record.generation);
	return filter__by_prefix(slot->text, start, name + length - start, slot->record.generation);
}

/*
 * What is wanted of the struct dentry `victim`, whose path the slot holds, by the former name of `length` bytes that it
 * holds as well. What the slot holds stays as it is.
 */
static __always_inline __u32 former_name__filter(struct slot *slot, struct dentry *victim, __u64 length)
{
	__u32 wanted = former_name__wanted(slot, length);
	__u64 name = slot->name;

	length = TEXT_PATH_END - name;
	if (BOUNDED(name, TEXT_PATH_START + 1, TEXT_PATH_END) && BOUNDED(length, 1, NAME_BYTES))
		bpf_probe_read_kernel(slot->text + name, length, KERNEL_READ(victim, d_name.name));
	return wanted;
}

/*
 * The slot holds the path of the struct dentry `victim`, of which `wanted` is wanted, and which is gone or moves to the
 * place of the struct dentry `target`. Returns the length of the former name of what is gone, or 0.
 */
static __always_inline int former_name__follow(__u32 index, __u64 victim, __u64 target, __u32 wanted)
{
	bool used = former_names__used();

	if (target) {
		if (used || wanted & former_name__wants())
			former_name__keep(index, victim, target, wanted);
		return 0;
	}
	return used ? former_name__find(index, victim) : 0;
}

/* Appends the former name of `length` bytes to the slot's text. What has one does not move. */
GLOBAL_FUNCTION int former_name__add(__u32 index, __u32 bytes)
{
	struct slot *slot = slot__at(index);
	struct former_name *former;
	__u64 length = bytes, end;

	if (!slot)
		return 0;
	former = (void *)(slot->text + FORMER_NAME_AT);
	end = TEXT_PATH_END + 1 + slot->record.typed_length + slot->record.fs_root_length;
	if (!BOUNDED(length, 1, FORMER_NAME_BYTES) ||
	    !BOUNDED(end, TEXT_PATH_END, TEXT_PATH_END + 1 + TYPED_BYTES + FS_ROOT_BYTES) ||
	    bpf_probe_read_kernel(slot->text + end, length, former->name))
		return 0;
	slot->record.former_length = length;
	return 0;
}

#endif
