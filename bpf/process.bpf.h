/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Describes the current process to the daemon: executable, arguments, working directory, cgroup, parent. Taken
 * here because a short-lived process is gone before anybody can read /proc, and sent once per process, not once
 * per deletion.
 */
#ifndef RMWATCH_PROCESS_BPF_H
#define RMWATCH_PROCESS_BPF_H

#include "kernel_changes.bpf.h"
#include "maps.bpf.h"
#include "output.bpf.h"
#include "path_walk.bpf.h"
#include "process_names.bpf.h"

/* cgroup names from a leaf to the root. */
#define CGROUP_DEPTH 48

/* Reads the name of the process whose first thread `leader` is: 16 bytes, the last of them NUL. */
static __always_inline void process__read_comm(struct task_struct *leader, char *comm)
{
#ifdef RMWATCH_DIRECT_LOADS
	const __u64 *words = (const void *)&KERNEL_TYPED(leader)->comm;

	((__u64 *)comm)[0] = words[0];
	((__u64 *)comm)[1] = words[1];
#else
	bpf_probe_read_kernel(comm, 16, (void *)leader + bpf_core_field_offset(struct task_struct, comm));
#endif
}

/* Sends text[start .. TEXT_PATH_END). Returns 0, or what the ring said. */
static __always_inline long process_text__submit(struct slot *slot, __u64 start, __u64 process_id, __u16 which,
						 __u16 flags)
{
	struct process_text_record *record;
	__u64 at;

	if (!BOUNDED(start, TEXT_PATH_START, TEXT_PATH_END))
		return 0;
	at = (start - sizeof(*record)) & ~7ull;
	if (!BOUNDED(at, 0, TEXT_PATH_END))
		return 0;
	text__zero_before(slot->text, start);
	record = (void *)(slot->text + at);
	record->kind = RECORD_PROCESS_TEXT;
	record->length = TEXT_PATH_END - at;
	record->process_id = process_id;
	record->which = which;
	record->flags = flags;
	record->text_offset = start - at;
	record->text_length = TEXT_PATH_END - start;
	return ring__output(slot->text, at, TEXT_PATH_END);
}

/* Sends the path of a struct path that belongs to the process. */
static __always_inline long process__submit_path(__u32 index, struct slot *slot, struct path *path, __u64 process_id,
						 __u16 which)
{
	struct vfsmount *mount = KERNEL_READ(path, mnt);
	struct dentry *dentry = KERNEL_READ(path, dentry);
	int end;

	if (!mount || !dentry)
		return 0;
	slot->start = TEXT_PATH_END;
	slot->entry = (__u64)dentry;
	slot->on = (__u64)mount;
	end = slot__walk(index);
	return process_text__submit(slot, slot->start, process_id, which,
				    end == WALKED_TO_ROOT ? PROCESS_TEXT_COMPLETE : 0);
}

/*
 * Prepares the slot for the path of the executable: where a walk sets out, or, for a file that has none, the name
 * itself and no mount. Returns flags of the text.
 */
GLOBAL_FUNCTION int process__find_executable(__u32 index)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file *file = KERNEL_READ(task, mm, exe_file);
	struct dentry *dentry = KERNEL_READ(file, f_path.dentry);
	struct slot *slot = slot__at(index);
	struct dentry_link link = {};
	__u64 start;

	if (!slot)
		return 0;
	slot->start = TEXT_PATH_END;
	slot->on = 0;
	if (!dentry)
		return 0;
	if (!dentry__nameless(dentry)) {
		slot->entry = (__u64)dentry;
		slot->on = (__u64)KERNEL_READ(file, f_path.mnt);
		return slot->process.key.executable_removed ? PROCESS_TEXT_DELETED : 0;
	}
	dentry__link(dentry, &link);
	start = text__prepend(slot->text, TEXT_PATH_END, link.name, link.length);
	if (!start)
		return PROCESS_TEXT_DELETED;
	slot->start = start;
	return PROCESS_TEXT_COMPLETE | PROCESS_TEXT_DELETED;
}

/* Sends the path of the executable. Inlined: the verifier allows eight frames, and the walk is the last of them. */
static __always_inline long process__submit_executable(__u32 index, struct slot *slot, __u64 process_id)
{
	__u16 flags = process__find_executable(index);

	if (slot->on) {
		int end = slot__walk(index);

		/* A process that has made a mount namespace of its own still runs what it was started from before. */
		if (end == WALKED_TO_ROOT || end == WALKED_TO_OTHER_ROOT)
			flags |= PROCESS_TEXT_COMPLETE;
	}
	return process_text__submit(slot, slot->start, process_id, PROCESS_TEXT_EXECUTABLE, flags);
}

/* Sends the path of the process in one of its hierarchies, where it has one. */
GLOBAL_FUNCTION int process__submit_cgroup(__u32 index, __u64 process_id, __u32 which)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct kernfs_node *node = which == PROCESS_TEXT_CGROUP ? task__cgroup_node(task) : task__version_1_node(task);
	struct slot *slot = slot__at(index);
	__u64 start = TEXT_PATH_END;
	bool complete = false;

	if (!slot || !node)
		return 0;

	for (int depth = 0; depth < CGROUP_DEPTH; depth++) {
		struct kernfs_node *parent = kernfs_node__parent(node);
		const char *name;
		__u64 next;
		__u64 length;

		if (!parent) {
			complete = true;
			break;
		}
		/* Names end with a NUL and come without a length: measure in the room behind TEXT_PATH_END. */
		name = KERNEL_READ(node, name);
		length = bpf_probe_read_kernel_str(slot->text + TEXT_PATH_END + 1, 256, name);
		if (!BOUNDED(length, 1, 256))
			break;
		next = text__prepend(slot->text, start, name, length - 1);
		if (!next)
			break;
		start = next;
		node = parent;
	}
	return process_text__submit(slot, start, process_id, which, complete ? PROCESS_TEXT_COMPLETE : 0);
}

/*
 * Reads to text[TEXT_PATH_END] what /proc/PID/cmdline would show: the arguments, or, where the last of their bytes is
 * no NUL, the title that the process wrote over them and, if it was longer, over what follows (fs/proc/base.c,
 * get_mm_proctitle()). Sets flags. Returns the number of bytes.
 */
static __always_inline __u64 slot__read_arguments(struct slot *slot, struct mm_struct *mm, __u32 *flags)
{
	__u64 args = KERNEL_READ(mm, arg_start);
	__u64 end = KERNEL_READ(mm, arg_end);
	__u64 length = end - args;
	char last = 0;

	if (!args || end <= args || bpf_probe_read_user(&last, 1, (void *)(end - 1)))
		return 0;
	if (last) {
		long title = bpf_probe_read_user_str(slot->text + TEXT_PATH_END, TYPED_BYTES, (void *)args);

		if (title <= 1 || title > TYPED_BYTES)
			return 0;
		*flags |= title == TYPED_BYTES ? PROCESS_HAS_ARGS | PROCESS_ARGS_CUT : PROCESS_HAS_ARGS;
		return title - 1;
	}
	if (length > TYPED_BYTES) {
		length = TYPED_BYTES;
		*flags |= PROCESS_ARGS_CUT;
	}
	if (!BOUNDED(length, 1, TYPED_BYTES) || bpf_probe_read_user(slot->text + TEXT_PATH_END, length, (void *)args))
		return 0;
	*flags |= PROCESS_HAS_ARGS;
	return length;
}

/*
 * How many arguments the program was started with: the stack of a new program begins with their number. The process can
 * write over it. Each of them takes a byte at least; what says more is not believed. 0: not known.
 */
static __always_inline __u32 mm__count_arguments(struct mm_struct *mm)
{
	__u64 bytes = KERNEL_READ(mm, arg_end) - KERNEL_READ(mm, arg_start);
	__u32 count = 0;

	/* 32 bits of it tell all, and a 32-bit program has no more. */
	bpf_probe_read_user(&count, sizeof(count), (void *)KERNEL_READ(mm, start_stack));
	return count <= bytes ? count : 0;
}

GLOBAL_FUNCTION int process__submit_record(__u32 index, __u64 process_id)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct slot *slot = slot__at(index);
	struct process_record *record;
	struct task_struct *parent;
	struct mm_struct *mm = KERNEL_READ(task, mm);
	struct file *executable = mm ? KERNEL_READ(mm, exe_file) : NULL;
	__u32 arguments = 0, flags = 0;
	__u64 length = 0;

	if (!slot)
		return 0;
	record = (void *)(slot->text + TEXT_PATH_END - sizeof(*record));
	parent = (void *)slot->process.key.parent;
	if (mm) {
		length = slot__read_arguments(slot, mm, &flags);
		arguments = mm__count_arguments(mm);
	}
	if (!BOUNDED(length, 0, TYPED_BYTES))
		length = 0;
	__builtin_memset(record, 0, sizeof(*record));
	record->kind = RECORD_PROCESS;
	record->length = sizeof(*record) + length;
	record->process_id = process_id;
	record->start_time_ns = slot->process.key.start_time_ns;
	record->tgid = bpf_get_current_pid_tgid() >> 32;
	record->parent_tgid = KERNEL_READ(parent, tgid);
	if (bpf_core_field_exists(task->loginuid)) {
		record->login_uid = slot->process.key.login_uid;
		flags |= PROCESS_HAS_LOGIN_UID;
	}
	record->args_offset = sizeof(*record);
	record->args_length = length;
	record->args_count = arguments;
	if (executable) {
		record->executable_uid = KERNEL_READ(executable, f_inode, i_uid.val);
		flags |= PROCESS_HAS_EXECUTABLE;
	}
	record->flags = flags;
	__builtin_memcpy(record->parent_comm, slot->process.key.parent_comm, sizeof(record->parent_comm));
	return ring__output(slot->text, TEXT_PATH_END - sizeof(*record), TEXT_PATH_END + length);
}

/* Where the arguments lie in the process: [0] from, [1] to. */
static __always_inline void mm__arguments(struct mm_struct *mm, __u64 arguments[2])
{
#ifndef RMWATCH_DIRECT_LOADS
	if (bpf_core_field_offset(struct mm_struct, arg_end) ==
	    bpf_core_field_offset(struct mm_struct, arg_start) + 8) {
		/* One read instead of two. */
		bpf_probe_read_kernel(arguments, 16, (void *)mm + bpf_core_field_offset(struct mm_struct, arg_start));
		return;
	}
#endif
	arguments[0] = KERNEL_READ(mm, arg_start);
	arguments[1] = KERNEL_READ(mm, arg_end);
}

/*
 * Sets the hash of the title; 0 when that cannot be read at the moment. Only what slot__read_arguments() would look at
 * is read: that is most often a few bytes, and what lies behind them may be no memory, which costs a page fault.
 */
static __always_inline void slot__hash_title(struct slot *slot, struct mm_struct *mm)
{
	__u64 arguments[2] = {}, length, hash;
	char *title = slot->text + TITLE_AT;

	slot->process.key.title_hash = 0;
	if (!mm)
		return;
	mm__arguments(mm, arguments);
	length = arguments[1] - arguments[0];
	hash = arguments[0] ^ length << 32;
	if (length > TITLE_BYTES)
		length = TITLE_BYTES;
	if (!BOUNDED(length, 1, TITLE_BYTES))
		return;
	*(__u64 *)(title + (length & ~7ull)) = 0;
	if (bpf_probe_read_user(title, length, (void *)arguments[0]))
		return;
	/* No NUL at the end: a title goes on behind the arguments. */
	if (title[length - 1] && length < TITLE_BYTES) {
		if (!bpf_probe_read_user(title, TITLE_BYTES, (void *)arguments[0]))
			length = TITLE_BYTES;
		else if (bpf_probe_read_user(title, length, (void *)arguments[0]))
			return;
	}
	for (__u32 at = 0; at < TITLE_BYTES; at += 8) {
		if (at >= length)
			break;
		hash = hash__add(hash, *(__u64 *)(title + at));
	}
	slot->process.key.title_hash = hash | 1;
}

/*
 * `victim`: what the call at hand removes. It is no deleted executable yet, although overlayfs has taken it out of the
 * directory by then.
 */
static __always_inline void process_key__fill(struct process_key *key, struct task_struct *task, struct mm_struct *mm,
					      __u64 victim)
{
	struct dentry *executable = KERNEL_READ(mm, exe_file, f_path.dentry);
	struct task_struct *leader = KERNEL_READ(task, group_leader);
	struct fs_struct *fs = KERNEL_READ(task, fs);
	struct dentry *directory = KERNEL_READ(fs, pwd.dentry);
	struct vfsmount *vfsmount = KERNEL_READ(fs, pwd.mnt);
	struct mount *mount = mount__of(vfsmount);
	struct dentry_link link = {};
	struct task_struct *parent;

	dentry__link(directory, &link);
	key->start_time_ns = KERNEL_READ(leader, start_boottime);
	key->exec_id = KERNEL_READ(task, self_exec_id);
	key->parent = (__u64)KERNEL_READ(leader, real_parent);
	parent = (void *)key->parent;
	process__read_comm(KERNEL_READ(parent, group_leader), key->parent_comm);
	if (bpf_core_field_exists(task->loginuid))
		key->login_uid = KERNEL_READ(task, loginuid.val);
	key->css_set = (__u64)KERNEL_READ(task, cgroups);
	key->cgroup_id = bpf_get_current_cgroup_id();
	key->cwd_mount = (__u64)vfsmount;
	key->cwd_dentry = (__u64)directory;
	key->cwd_parent = (__u64)link.parent;
	key->cwd_name_hash = (__u64)link.length << 32 | link.hash;
	key->cwd_mountpoint = (__u64)KERNEL_READ(mount, mnt_mountpoint);
	key->epoch = settings.process_epoch;
	key->executable_removed = executable && (__u64)executable != victim && dentry__removed(executable);
}

/* A function of its own for its stack: those of one chain of calls share 512 bytes. */
GLOBAL_FUNCTION int slot__fill_process_key(__u32 index)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct mm_struct *mm = KERNEL_READ(task, mm);
	struct slot *slot = slot__at(index);

	if (!slot)
		return 0;
	process_key__fill(&slot->process.key, task, mm, slot->attempt.dentry);
	slot__hash_title(slot, mm);
	return 0;
}

static __always_inline bool process_key__same(const struct process_key *a, const struct process_key *b)
{
	const __u64 *x = (const void *)a;
	const __u64 *y = (const void *)b;
	__u64 difference = 0;

	for (unsigned int i = 0; i < sizeof(*a) / 8; i++)
		difference |= x[i] ^ y[i];
	return !difference;
}

/* Sends all that describes the current process, with slot->process.key known. Returns 1 when all of it was sent. */
GLOBAL_FUNCTION int process__describe(__u32 index, __u64 process_id)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct mm_struct *mm = KERNEL_READ(task, mm);
	struct fs_struct *fs = KERNEL_READ(task, fs);
	struct slot *slot = slot__at(index);

	if (!slot)
		return 0;
	if (mm && process__submit_executable(index, slot, process_id))
		return 0;
	if (fs && process__submit_path(index, slot, (void *)fs + bpf_core_field_offset(struct fs_struct, pwd),
				       process_id, PROCESS_TEXT_DIRECTORY))
		return 0;
	if (process__submit_cgroup(index, process_id, PROCESS_TEXT_CGROUP))
		return 0;
	if (process__submit_cgroup(index, process_id, PROCESS_TEXT_VERSION_1_CGROUP))
		return 0;
	return !process__submit_record(index, process_id);
}

/*
 * Describes the current process and remembers that. The text is put together in the slot `spare`, or, when that is
 * NO_SLOT, in a free one. Returns the process's new id, 0 when it could not be sent.
 */
static __always_inline __u64 process__introduce(__u32 spare, __u32 tgid, const struct process_state *state)
{
	__u64 process_id = 0;
	struct slot *slot;
	__u32 index = spare;

	slot = spare == NO_SLOT ? slot__take(&index) : slot__at(index);
	if (slot) {
		slot->serial++;
		process_id = slot->serial << 16 | (index + 1);
		slot->process = *state;
		slot->process.process_id = process_id;
		if (process__describe(index, process_id))
			bpf_map_update_elem(&processes, &tgid, &slot->process, BPF_ANY);
		else
			process_id = 0;
		if (spare == NO_SLOT)
			slot__give_back(index);
	}
	return process_id;
}

/*
 * Whether the directories of the current process have the names that they had when it was described; the keys are the
 * same. What is known may be another process's by the time it would be written to, so it is put in its place whole.
 */
static __always_inline bool slot__same_directories(__u32 index, struct slot *slot, __u32 tgid,
						   const struct process_state *known)
{
	__u64 process_id = known->process_id;
	__u64 hash = known->directories_hash;

	if (known->directory_moves == directory_moves)
		return true;
	slot__hash_directories(index);
	if (!slot->process.directories_hash || slot->process.directories_hash != hash)
		return false;
	slot->process.process_id = process_id;
	bpf_map_update_elem(&processes, &tgid, &slot->process, BPF_ANY);
	return true;
}

/* Sets the id under which the daemon knows the current process; describes the process first when it must be. */
GLOBAL_FUNCTION int slot__set_process(__u32 index, __u32 spare)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct slot *slot = slot__at(index);
	struct process_state *known;
	__u64 process_id;

	if (!slot)
		return 0;
	slot__fill_process_key(index);
	known = bpf_map_lookup_elem(&processes, &tgid);
	/* Its page may have been taken away meanwhile. */
	if (known && !slot->process.key.title_hash)
		slot->process.key.title_hash = known->key.title_hash;
	process_id = known ? known->process_id : 0;
	if (known && process_key__same(&known->key, &slot->process.key) &&
	    slot__same_directories(index, slot, tgid, known)) {
		slot->record.process_id = process_id;
		return 0;
	}
	slot__hash_directories(index);
	slot->record.process_id = process__introduce(spare, tgid, &slot->process);
	return 0;
}

#endif
