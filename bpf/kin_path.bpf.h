/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The path of a file by that of another one near it: one walk for both names of a rename. */
#ifndef RMWATCH_KIN_PATH_BPF_H
#define RMWATCH_KIN_PATH_BPF_H

#include "filter.bpf.h"
#include "path_walk.bpf.h"
#include "slot.bpf.h"

/* So many directories above two names are searched for one that holds both. */
#define KIN_DEPTH 4

/* The names that lead from a directory, which holds another file as well, to a file; [0] is that of the file. */
struct kin_names {
	const char *name[KIN_DEPTH];
	__u64 length[KIN_DEPTH];
	__u64 directory[KIN_DEPTH];
};

/* The directories of the victim whose path a slot holds, and where their paths end in its text. */
struct kin_directories {
	__u64 directory[KIN_DEPTH];
	__u64 end[KIN_DEPTH];
};

/*
 * What is wanted of the struct dentry `dentry`, which lies on the same mount as the victim whose path the slot holds:
 * the path is that of the victim up to the last directory that holds both. The victim's path is lost. All that is
 * wanted anywhere where there is no such directory near both, and where paths do not decide.
 */
static __always_inline __u32 slot__filter_kin(struct slot *slot, struct dentry *dentry)
{
	__u32 generation = slot->record.generation, top = KIN_DEPTH;
	struct kin_directories victim = {};
	struct dentry_link link = {};
	struct kin_names kin = {};
	__u64 start = slot->start;
	__u64 at = 0;

	if (!(slot->record.flags & DELETION_PATH_COMPLETE))
		return filter__anything(generation);
	victim.directory[0] = slot->entry;
	victim.end[0] = slot->name - 1;
#pragma unroll
	for (__u32 level = 0; level < KIN_DEPTH; level++) {
		dentry__link(dentry, &link);
		slot__note_comparison(slot, &link);
		kin.name[level] = link.name;
		kin.length[level] = link.length;
		kin.directory[level] = (__u64)link.parent;
		if (level) {
			dentry__link((void *)victim.directory[level - 1], &link);
			victim.directory[level] = (__u64)link.parent;
			victim.end[level] = victim.end[level - 1] - link.length - 1;
		}
#pragma unroll
		for (__u32 other = 0; other <= level; other++) {
			if (kin.directory[level] == victim.directory[other]) {
				top = level;
				at = victim.end[other];
				goto found;
			}
			if (kin.directory[other] == victim.directory[level]) {
				top = other;
				at = victim.end[level];
				goto found;
			}
		}
		dentry = (void *)kin.directory[level];
	}
	return filter__anything(generation);
found:
	/* Above the root of the mount the two are not seen as they lie. */
	if (slot->record.flags & DELETION_CASE_INSENSITIVE || at < slot->below_mount || at < start)
		return filter__anything(generation);
#pragma unroll
	for (__u32 level = KIN_DEPTH; level-- > 0;) {
		__u64 length = kin.length[level];

		if (level > top)
			continue;
		if (!BOUNDED(at, TEXT_PATH_START, TEXT_PATH_END + KIN_DEPTH * (NAME_BYTES + 1)) ||
		    !BOUNDED(length, 1, NAME_BYTES))
			return filter__anything(generation);
		slot->text[at] = '/';
		if (bpf_probe_read_kernel(slot->text + at + 1, length, kin.name[level]))
			return filter__anything(generation);
		at += length + 1;
	}
	if (!BOUNDED(at, TEXT_PATH_START, TEXT_PATH_END + KIN_DEPTH * (NAME_BYTES + 1)))
		return filter__anything(generation);
	/* It moves: see slot__filter_victim(). */
	slot->text[at] = 0;
	return filter__by_prefix(slot->text, start, at + 1 - start, generation);
}

#endif
