/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What a walk of a path reads of each directory entry. */
#ifndef RMWATCH_DENTRY_BPF_H
#define RMWATCH_DENTRY_BPF_H

#include "kernel_types.bpf.h"

#include "kernel_read.bpf.h"
#include <stdbool.h>

/* The first members of struct dentry, as they stand in every kernel so far, but for those with PREEMPT_RT. */
struct dentry_link {
	__u32 flags;
	__u32 sequence;
	__u64 hash_list[2];
	struct dentry *parent;
	__u32 hash;
	__u32 length;
	const char *name;
};

static __always_inline void dentry__link(struct dentry *dentry, struct dentry_link *link)
{
#ifndef RMWATCH_DIRECT_LOADS
	if (bpf_core_field_offset(struct dentry, d_flags) == 0 &&
	    bpf_core_field_offset(struct dentry, d_parent) == __builtin_offsetof(struct dentry_link, parent) &&
	    bpf_core_field_offset(struct dentry, d_name) == __builtin_offsetof(struct dentry_link, hash)) {
		/* One read instead of four: a call costs more than the bytes. */
		bpf_probe_read_kernel(link, sizeof(*link), dentry);
		return;
	}
#endif
	link->flags = KERNEL_READ(dentry, d_flags);
	link->parent = KERNEL_READ(dentry, d_parent);
	link->length = KERNEL_READ(dentry, d_name.len);
	link->hash = KERNEL_READ(dentry, d_name.hash);
	link->name = KERNEL_READ(dentry, d_name.name);
}

/* A directory that was itself removed leads nowhere, although its old names can still be read. */
static __always_inline bool dentry__removed(struct dentry *dentry)
{
	return KERNEL_READ(dentry, d_parent) != dentry && !KERNEL_READ(dentry, d_hash.pprev);
}

#endif
