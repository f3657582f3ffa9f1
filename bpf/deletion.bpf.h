/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Fills the deletion record of a slot, and sends it. */
#ifndef RMWATCH_DELETION_BPF_H
#define RMWATCH_DELETION_BPF_H

#include "allocation.bpf.h"
#include "counters.bpf.h"
#include "filter.bpf.h"
#include "kernel_changes.bpf.h"
#include "maps.bpf.h"
#include "output.bpf.h"
#include "path_walk.bpf.h"
#include "process.bpf.h"
#include "system_call.bpf.h"
#include "typed_name.bpf.h"

#define PF_IO_WORKER 0x00000010
#define S_IFMT 00170000
#define S_IFDIR 0040000

static __always_inline bool inode__is_directory(struct inode *inode)
{
	return (KERNEL_READ(inode, i_mode) & S_IFMT) == S_IFDIR;
}

/* Puts '/' and the typed name behind TEXT_PATH_END. */
static __always_inline void slot__read_typed(struct slot *slot, __u64 text, bool from_user)
{
	long length;

	slot->text[TEXT_PATH_END] = '/';
	if (from_user)
		length = bpf_probe_read_user_str(slot->text + TEXT_PATH_END + 1, TYPED_BYTES, (void *)text);
	else
		length = bpf_probe_read_kernel_str(slot->text + TEXT_PATH_END + 1, TYPED_BYTES, (void *)text);
	if (length <= 0 || length > TYPED_BYTES)
		return;
	slot->record.typed_length = length - 1;
	slot->record.flags |= DELETION_HAS_TYPED;
}

/* From which mount namespace the call comes: what the filter needs to know of the caller. */
static __always_inline void slot__fill_namespace(struct slot *slot)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct deletion_record *record = &slot->record;

	record->mount_namespace = KERNEL_READ(task, nsproxy, mnt_ns, ns.inum);
	if (!settings.host_mount_namespace || record->mount_namespace == settings.host_mount_namespace)
		record->flags |= DELETION_HOST_NAMESPACE;
}

/* The ids of struct cred, which stand side by side in every kernel so far. */
struct cred_ids {
	__u32 uid;
	__u32 gid;
	__u32 suid;
	__u32 sgid;
	__u32 euid;
	__u32 egid;
	__u32 fsuid;
	__u32 fsgid;
};

static __always_inline void cred__ids(struct cred *cred, struct cred_ids *ids)
{
#ifndef RMWATCH_DIRECT_LOADS
	if (bpf_core_field_offset(struct cred, fsgid) ==
	    bpf_core_field_offset(struct cred, uid) + __builtin_offsetof(struct cred_ids, fsgid)) {
		/* One read instead of six: a call costs more than the bytes. */
		bpf_probe_read_kernel(ids, sizeof(*ids), (void *)cred + bpf_core_field_offset(struct cred, uid));
		return;
	}
#endif
	ids->uid = KERNEL_READ(cred, uid.val);
	ids->gid = KERNEL_READ(cred, gid.val);
	ids->euid = KERNEL_READ(cred, euid.val);
	ids->egid = KERNEL_READ(cred, egid.val);
	ids->fsuid = KERNEL_READ(cred, fsuid.val);
	ids->fsgid = KERNEL_READ(cred, fsgid.val);
}

/* The owner of a file and its mode, at the beginning of struct inode in every kernel so far. */
struct inode_owner {
	__u16 mode;
	__u16 opflags;
	__u32 uid;
	__u32 gid;
};

static __always_inline void inode__owner(struct inode *inode, struct inode_owner *owner)
{
#ifndef RMWATCH_DIRECT_LOADS
	if (bpf_core_field_offset(struct inode, i_mode) == 0 &&
	    bpf_core_field_offset(struct inode, i_uid) == __builtin_offsetof(struct inode_owner, uid) &&
	    bpf_core_field_offset(struct inode, i_gid) == __builtin_offsetof(struct inode_owner, gid)) {
		/* One read instead of three. */
		bpf_probe_read_kernel(owner, sizeof(*owner), inode);
		return;
	}
#endif
	owner->mode = KERNEL_READ(inode, i_mode);
	owner->uid = KERNEL_READ(inode, i_uid.val);
	owner->gid = KERNEL_READ(inode, i_gid.val);
}

/* Who calls. */
static __always_inline void slot__fill_caller(struct slot *slot)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct deletion_record *record = &slot->record;
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	struct cred_ids ids = {};

	record->tgid = pid_tgid >> 32;
	record->tid = (__u32)pid_tgid;
	cred__ids(KERNEL_READ(task, cred), &ids);
	record->uid = ids.uid;
	record->effective_uid = ids.euid;
	record->fs_uid = ids.fsuid;
	record->gid = ids.gid;
	record->effective_gid = ids.egid;
	record->fs_gid = ids.fsgid;
	/* Workers of io_uring have names of their own; the process is the group leader. */
	process__read_comm(KERNEL_READ(task, group_leader), record->comm);
	if (KERNEL_READ(task, flags) & PF_IO_WORKER)
		record->flags |= DELETION_IO_URING;
}

/* What the file was before it was removed. */
static __always_inline void slot__fill_file(struct slot *slot, struct inode *inode)
{
	struct deletion_record *record = &slot->record;
	struct inode_owner owner = {};

	inode__owner(inode, &owner);
	record->flags |= DELETION_HAS_VICTIM;
	record->inode = KERNEL_READ(inode, i_ino);
	record->mode = owner.mode;
	record->file_uid = owner.uid;
	record->file_gid = owner.gid;
	record->mount_uid = owner.uid;
	record->mount_gid = owner.gid;
	if (slot->attempt.inode && (record->operation != OPERATION_MOVE || (record->mode & S_IFMT) == S_IFDIR)) {
		record->size = slot->attempt.size;
		record->link_count = slot->attempt.link_count;
		record->mtime_seconds = slot->attempt.mtime_seconds;
		record->mtime_nanoseconds = slot->attempt.mtime_nanoseconds;
	} else {
		struct inode *asked = inode__asked(inode);

		record->size = KERNEL_READ(asked, i_size);
		record->link_count = KERNEL_READ(inode, i_nlink) + (record->operation != OPERATION_MOVE);
		inode__mtime(asked, &record->mtime_seconds, &record->mtime_nanoseconds);
	}
}

/* Puts the typed name of a struct filename behind the path. */
static __always_inline void slot__read_filename(struct slot *slot, __u64 address)
{
	struct filename *filename = (void *)address;

	slot->record.typed_length = 0;
	/* Not an ERR_PTR: the text could not be copied in then (EFAULT, ENAMETOOLONG). */
	if (address && address < -4095ull)
		slot__read_typed(slot, (__u64)KERNEL_READ(filename, name), false);
}

/*
 * Writes the path of the struct dentry `victim`, which lies on slot->attempt.mount; where that is not known, the path
 * begins at the root of the filesystem.
 */
GLOBAL_FUNCTION int slot__write_victim_path(__u32 index, __u64 victim)
{
	struct dentry *dentry = (void *)victim;
	struct slot *slot = slot__at(index);
	struct dentry_link link = {};
	__u64 start;
	int end;

	if (!slot)
		return 0;
	dentry__link(dentry, &link);
	slot__note_comparison(slot, &link);
	start = text__prepend(slot->text, TEXT_PATH_END, link.name, link.length);
	slot->start = start ? start : TEXT_PATH_END;
	slot->name = slot->start + 1;
	slot->entry = (__u64)link.parent;
	slot->on = slot->attempt.mount;
	end = slot__walk(index);
	if (end == WALKED_TO_ROOT && start)
		slot->record.flags |= DELETION_PATH_COMPLETE;
	slot->record.below_mount_length = slot->below_mount ? TEXT_PATH_END - slot->below_mount : 0;
	return 0;
}

/*
 * What is wanted of the victim by its path, and, in `elsewhere`, by other paths that lead to it on this host. A
 * directory that moves takes along what lies below: its path is compared with its NUL, see kernel-filter.ts.
 */
static __always_inline __u32 slot__filter_victim(struct slot *slot, __u32 *elsewhere)
{
	struct vfsmount *vfsmount = (void *)slot->attempt.mount;
	__u32 generation = slot->record.generation;
	__u64 length;

	*elsewhere = filter__anything(generation);
	if (!(slot->record.flags & DELETION_PATH_COMPLETE))
		return *elsewhere;
	if (slot->record.flags & DELETION_CASE_INSENSITIVE) {
		/* Prefixes say nothing of names in other letters. */
		*elsewhere = filter__by_place(slot->record.device, generation) |
			     filter__by_place(PLACE_PROCESS_VIEW, generation);
		return *elsewhere;
	}
	if (!(slot->record.flags & DELETION_HOST_NAMESPACE)) {
		*elsewhere = filter__by_place(slot->record.device, generation);
	} else if (settings.mounts_known[generation % FILTER_GENERATIONS]) {
		struct mount *mount = mount__of(vfsmount);

		*elsewhere = filter__by_place(PLACE_MOUNT | (__u32)KERNEL_READ(mount, mnt_id), generation);
	} else {
		*elsewhere = 0;
	}
	length = TEXT_PATH_END - slot->start;
	if (slot->record.operation == OPERATION_MOVE) {
		slot->text[TEXT_PATH_END] = 0;
		length++;
	}
	return filter__by_prefix(slot->text, slot->start, length, generation);
}

/* Whether the daemon needs the names above the root of the mount, to find other places of the file on this host. */
static __always_inline bool slot__needs_fs_root(struct slot *slot, __u32 elsewhere)
{
	/* In another namespace the daemon tells the path on the host, whoever wants it. */
	return slot->attempt.mount && !(slot->record.flags & DELETION_FS_ROOT) &&
	       (elsewhere || !(slot->record.flags & DELETION_HOST_NAMESPACE));
}

/*
 * Whether others share what the typed name starts from, and can have changed it since the kernel followed it: the
 * working directory with chdir(2), a descriptor with dup2(2).
 */
static __always_inline bool slot__base_shared(struct slot *slot, int dfd)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (slot->record.flags & DELETION_HAS_TYPED && slot->text[TEXT_PATH_END + 1] == '/')
		return false;
	return dfd == AT_FDCWD ? KERNEL_READ(task, fs, users) > 1 : KERNEL_READ(task, files, count.counter) > 1;
}

/*
 * Writes the directory that the typed name starts from (root, working directory or `dfd`), slot->start is where
 * its path begins. Sets DELETION_PATH_COMPLETE when it could be resolved.
 */
GLOBAL_FUNCTION int slot__write_base(__u32 index, int dfd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct slot *slot = slot__at(index);
	struct vfsmount *mount = NULL;
	struct dentry *dentry = NULL;
	int end;

	if (!slot)
		return 0;
	slot->start = TEXT_PATH_END;
	slot->record.flags |= DELETION_PATH_IS_BASE;
	if (slot->record.flags & DELETION_HAS_TYPED && slot->text[TEXT_PATH_END + 1] == '/') {
		mount = KERNEL_READ(task, fs, root.mnt);
		dentry = KERNEL_READ(task, fs, root.dentry);
	} else if (dfd == AT_FDCWD) {
		mount = KERNEL_READ(task, fs, pwd.mnt);
		dentry = KERNEL_READ(task, fs, pwd.dentry);
	} else {
		struct fdtable *table = KERNEL_READ(task, files, fdt);
		__u32 open_files = KERNEL_READ(table, max_fds);
		struct file **files = KERNEL_READ(table, fd);
		struct file *file = NULL;

		if (dfd >= 0 && (__u32)dfd < open_files)
			bpf_probe_read_kernel(&file, sizeof(file), files + (__u32)dfd);
		if (file) {
			mount = KERNEL_READ(file, f_path.mnt);
			dentry = KERNEL_READ(file, f_path.dentry);
		}
	}
	if (!mount || !dentry)
		return 0;
	slot->entry = (__u64)dentry;
	slot->on = (__u64)mount;
	end = slot__walk(index);
	if (end == WALKED_TO_ROOT && !dentry__removed(dentry))
		slot->record.flags |= DELETION_PATH_COMPLETE;
	return 0;
}

/*
 * What is wanted of a path that is only known as base and typed name. The typed name ends with a NUL, which counts for
 * what moves: see slot__filter_victim().
 */
GLOBAL_FUNCTION int slot__filter_joined(__u32 index, __u32 generation)
{
	struct slot *slot = slot__at(index);
	__u64 length;

	if (!slot)
		return filter__anything(generation);
	if (!(slot->record.flags & DELETION_HAS_TYPED) || !(slot->record.flags & DELETION_PATH_COMPLETE) ||
	    slot->record.flags & DELETION_CASE_INSENSITIVE || slot__typed_needs_care(index))
		return filter__anything(generation);
	length = slot->record.typed_length;
	if (slot->record.operation == OPERATION_MOVE)
		length++;
	if (slot->text[TEXT_PATH_END + 1] == '/') {
		/* Under a changed root the joined text has "//" in its middle. */
		if (slot->start != TEXT_PATH_END)
			return filter__anything(generation);
		return filter__by_prefix(slot->text, TEXT_PATH_END + 1, length, generation);
	}
	length += TEXT_PATH_END - slot->start + 1;
	return filter__by_prefix(slot->text, slot->start, length, generation);
}

/* Appends the names from the root of slot->on up to the filesystem's root, or as many as there is room for. */
GLOBAL_FUNCTION int slot__write_fs_root(__u32 index)
{
	struct slot *slot = slot__at(index);
	struct vfsmount *mount;
	struct dentry *dentry;
	__u64 at, end;

	if (!slot)
		return 0;
	mount = (void *)slot->on;
	dentry = KERNEL_READ(mount, mnt_root);
	at = TEXT_PATH_END + 1 + slot->record.typed_length;
	end = at;
	for (int depth = 0; depth < 64; depth++) {
		struct dentry_link link = {};
		__u64 length;

		dentry__link(dentry, &link);
		if (link.parent == dentry) {
			slot->record.flags |= DELETION_FS_ROOT;
			return 0;
		}
		length = link.length;
		if (!BOUNDED(length, 1, NAME_BYTES) ||
		    !BOUNDED(end, TEXT_PATH_END, TEXT_PATH_END + 1 + TYPED_BYTES + FS_ROOT_BYTES - NAME_BYTES - 1))
			return 0;
		if (bpf_probe_read_kernel(slot->text + end, length, link.name))
			return 0;
		slot->text[end + length] = 0;
		end += length + 1;
		slot->record.fs_root_length = end - at;
		dentry = link.parent;
	}
	return 0;
}

/*
 * Writes into the slot `spare` where what the slot holds moves to, by its struct dentry `target`. Returns 0 when no
 * watch can want the move: old and new place lie below one directory of which every watch wants all.
 */
GLOBAL_FUNCTION int slot__write_target(__u32 index, __u32 spare, __u64 target, __u32 wanted, __u32 elsewhere)
{
	struct slot *slot = slot__at(index), *other = slot__at(spare);
	__u32 whole = wanted >> WANT_WHOLE_SHIFT;

	if (!slot || !other)
		return 1;
	__builtin_memset(&other->record, 0, sizeof(other->record));
	other->attempt.mount = slot->attempt.mount;
	slot__write_victim_path(spare, target);
	/* Where one of the two lies outside of what the mount shows, nothing leads from one to the other. */
	if ((slot->record.flags ^ other->record.flags) & DELETION_FS_ROOT)
		other->record.below_mount_length = 0;
	if (!whole || !(other->record.flags & DELETION_PATH_COMPLETE) ||
	    elsewhere & filter__outcome_bits(OPERATION_MOVE, false, 0))
		return 1;
	return filter__by_prefix(other->text, other->start, TEXT_PATH_END - other->start, slot->record.generation) >>
		       WANT_WHOLE_SHIFT !=
	       whole;
}

/* Puts the text of the slot `spare`, from where its path begins, behind all other text of the slot. */
static __always_inline void slot__append_target(struct slot *slot, struct slot *other, __u64 length)
{
	__u64 end = TEXT_PATH_END + 1 + slot->record.typed_length + slot->record.fs_root_length;
	__u64 start = other->start;

	if (!BOUNDED(start, TEXT_PATH_START, TEXT_PATH_END) || !BOUNDED(length, 1, MOVED_BYTES) ||
	    !BOUNDED(end, TEXT_PATH_END, TEXT_PATH_END + 1 + TYPED_BYTES + FS_ROOT_BYTES))
		return;
	if (bpf_probe_read_kernel(slot->text + end, length, other->text + start))
		return;
	slot->record.moved_length = length;
}

/* What is known of the path that a move leads to. */
static __always_inline void slot__note_target(struct slot *slot, const struct slot *other)
{
	if (other->record.flags & DELETION_PATH_COMPLETE)
		slot->record.flags |= DELETION_MOVED_COMPLETE;
	if (other->record.flags & DELETION_PATH_CUT)
		slot->record.flags |= DELETION_MOVED_CUT;
	if (other->record.flags & DELETION_CASE_INSENSITIVE)
		slot->record.flags |= DELETION_MOVED_CASE_INSENSITIVE;
}

/* Puts the path in the slot `spare` behind all other text of the slot: where a move leads to. */
GLOBAL_FUNCTION int slot__add_target(__u32 index, __u32 spare)
{
	struct slot *slot = slot__at(index), *other = slot__at(spare);

	if (!slot || !other)
		return 0;
	slot__append_target(slot, other, TEXT_PATH_END - other->start);
	slot__note_target(slot, other);
	if (slot->entry == other->entry)
		slot->record.flags |= DELETION_MOVED_BESIDE;
	slot->record.moved_below_mount_length = other->record.below_mount_length;
	return 0;
}

/* Moves the fixed part before the path and sends all of it. */
static __always_inline long slot__submit(struct slot *slot)
{
	struct deletion_record *record = &slot->record;
	__u64 end = TEXT_PATH_END + 1 + record->typed_length + record->fs_root_length + record->moved_length +
		    (record->moved_typed_length ? 1 + record->moved_typed_length : 0) + record->former_length;
	__u64 start = slot->start;
	__u64 at;

	if (!BOUNDED(start, TEXT_PATH_START, TEXT_PATH_END))
		return -1;
	at = (start - sizeof(*record)) & ~7ull;
	if (!BOUNDED(at, 0, TEXT_PATH_END))
		return -1;
	text__zero_before(slot->text, start);
	record->kind = RECORD_DELETION;
	record->length = end - at;
	record->path_offset = start - at;
	record->path_length = TEXT_PATH_END - start;
	slot->text[TEXT_PATH_END] = '/';
	__builtin_memcpy(slot->text + at, record, sizeof(*record));
	return ring__output(slot->text, at, end);
}

/*
 * The outcome is wanted: sends the record, behind the description of its process, which is put together in the slot
 * `spare`, or, when that is NO_SLOT, in a free one.
 */
GLOBAL_FUNCTION int slot__deliver(__u32 index, __u32 spare)
{
	struct slot *slot = slot__at(index);
	__u64 now = bpf_ktime_get_boot_ns();

	if (!slot)
		return 0;
	slot->record.time_seconds = now / 1000000000;
	slot->record.time_nanoseconds = now % 1000000000;
	slot__set_process(index, spare);
	if (!slot__submit(slot))
		COUNT(submitted);
	else if (!(slot->record.flags & DELETION_SELF))
		COUNT(lost_ring_full);
	return 0;
}

#endif
