// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The entry points. Every hook of the kprobe and fentry modes forwards to the same body; the daemon sets which
 * programs are loaded, and on which of a function's names they are attached, from what the kernel's BTF has.
 */
#include "attempt.bpf.h"
#include "kernel_types.bpf.h"
#include "maps.bpf.h"

/* The register names of bpf_tracing.h need a complete struct pt_regs; its members are only ever relocated. */
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* References to the victim's inode that the kernel itself holds at the hook: that of the directory entry, and
 * in do_unlinkat() one more, so that the file is truncated only after the directory's lock is released. */
#define UNLINK_INODE_REFERENCES 2
#define OTHER_INODE_REFERENCES 1

#define RENAME_EXCHANGE (1 << 1)

static __always_inline void replace__capture(struct dentry *old, __u64 directory, struct dentry *victim,
					     unsigned int flags)
{
	struct inode *moved = KERNEL_READ(old, d_inode);
	struct inode *replaced = KERNEL_READ(victim, d_inode);

	if ((KERNEL_READ(moved, i_mode) & S_IFMT) == S_IFDIR)
		__sync_fetch_and_add(&directory_moves, 1);
	/* Two names of one file: rename() does nothing then (POSIX). */
	if (!replaced || replaced == moved || flags & RENAME_EXCHANGE)
		return;
	attempt__capture(directory, (__u64)victim, OTHER_INODE_REFERENCES);
}

/*
 * kprobe__NAME and fentry__NAME share a body. The kernel leaves out a program on a CPU on which the same program was
 * preempted half way; kprobes cannot be preempted, trampolines can, and from Linux 7.0 on tracepoints too. What was
 * left out is told by rmwatch_probe_missed_total. (Disabling preemption inside the program does not help: it would then
 * be preempted where it is enabled again, before the program has ended for the kernel.) Attach targets are chosen when
 * the object is opened: do_unlinkat and its like became filename_unlinkat etc. in Linux 7.0 with unchanged arguments.
 */
SEC("kprobe")
int BPF_KPROBE(kprobe__unlink_enter, int dfd, struct filename *name)
{
	attempt__begin(dfd, (__u64)name, OPERATION_UNLINK);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(kprobe__rmdir_enter, int dfd, struct filename *name)
{
	attempt__begin(dfd, (__u64)name, OPERATION_RMDIR);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(kprobe__rename_enter, int old_dfd, struct filename *from, int new_dfd, struct filename *to)
{
	attempt__begin(new_dfd, (__u64)to, OPERATION_REPLACE);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(kprobe__unlink_victim, struct path *directory, struct dentry *victim)
{
	attempt__capture((__u64)directory, (__u64)victim, UNLINK_INODE_REFERENCES);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(kprobe__rmdir_victim, struct path *directory, struct dentry *victim)
{
	attempt__capture((__u64)directory, (__u64)victim, OTHER_INODE_REFERENCES);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(kprobe__rename_victim, struct path *old_directory, struct dentry *old, struct path *directory,
	       struct dentry *victim, unsigned int flags)
{
	replace__capture(old, (__u64)directory, victim, flags);
	return 0;
}

SEC("kretprobe")
int BPF_KRETPROBE(kprobe__exit, int result)
{
	attempt__end(result, 1);
	return 0;
}

/*
 * Arguments of a trampoline are typed pointers to the verifier, but functions that are verified on their own take
 * numbers on every kernel only: one read makes them that.
 */
#define FENTRY_ARGUMENTS(count)                                                                                        \
	__u64 arguments[count];                                                                                        \
	bpf_probe_read_kernel(arguments, sizeof(arguments), ctx)

SEC("fentry")
int fentry__unlink_enter(__u64 *ctx)
{
	FENTRY_ARGUMENTS(2);
	attempt__begin(arguments[0], arguments[1], OPERATION_UNLINK);
	return 0;
}

SEC("fentry")
int fentry__rmdir_enter(__u64 *ctx)
{
	FENTRY_ARGUMENTS(2);
	attempt__begin(arguments[0], arguments[1], OPERATION_RMDIR);
	return 0;
}

SEC("fentry")
int fentry__rename_enter(__u64 *ctx)
{
	FENTRY_ARGUMENTS(4);
	attempt__begin(arguments[2], arguments[3], OPERATION_REPLACE);
	return 0;
}

SEC("fentry")
int fentry__unlink_victim(__u64 *ctx)
{
	FENTRY_ARGUMENTS(2);
	attempt__capture(arguments[0], arguments[1], UNLINK_INODE_REFERENCES);
	return 0;
}

SEC("fentry")
int fentry__rmdir_victim(__u64 *ctx)
{
	FENTRY_ARGUMENTS(2);
	attempt__capture(arguments[0], arguments[1], OTHER_INODE_REFERENCES);
	return 0;
}

SEC("fentry")
int fentry__rename_victim(__u64 *ctx)
{
	FENTRY_ARGUMENTS(5);
	replace__capture((void *)arguments[1], arguments[2], (void *)arguments[3], arguments[4]);
	return 0;
}

SEC("fexit")
int BPF_PROG(fentry__unlink_exit, int dfd, struct filename *name, int result)
{
	attempt__end(result, 1);
	return 0;
}

SEC("fexit")
int BPF_PROG(fentry__rmdir_exit, int dfd, struct filename *name, int result)
{
	attempt__end(result, 1);
	return 0;
}

SEC("fexit")
int BPF_PROG(fentry__rename_exit, int old_dfd, struct filename *from, int new_dfd, struct filename *to,
	     unsigned int flags, int result)
{
	attempt__end(result, 1);
	return 0;
}

/*
 * At exit_signals(), early in do_exit(), which some compilers leave out of BTF because it never returns. A thread that
 * ends and still has an attempt left it behind at a return that was missed: it is told now.
 */
static __always_inline void thread__exit(void)
{
	__u64 id = bpf_get_current_pid_tgid();

	if (bpf_map_lookup_elem(&attempts, &id)) {
		COUNT(missed_returns);
		attempt__end(0, 0);
	}
}

SEC("kprobe")
int kprobe__thread_exit(void *ctx)
{
	thread__exit();
	return 0;
}

SEC("fentry")
int fentry__thread_exit(__u64 *ctx)
{
	thread__exit();
	return 0;
}

/* The numbers of the system calls, native and of 32-bit programs (arch/x86/entry/syscalls). */
enum {
	NR_rename = 82,
	NR_rmdir = 84,
	NR_unlink = 87,
	NR_unlinkat = 263,
	NR_renameat = 264,
	NR_renameat2 = 316,
	NR_ia32_unlink = 10,
	NR_ia32_rename = 38,
	NR_ia32_rmdir = 40,
	NR_ia32_unlinkat = 301,
	NR_ia32_renameat = 302,
	NR_ia32_renameat2 = 353,
};

#define AT_REMOVEDIR 0x200
#define TS_COMPAT 0x0002

struct removal_call {
	__u64 name;
	__s32 dfd;
	__s32 operation;
};

enum {
	CALL_OTHER = -1,
	CALL_RENAME = -2,
};

static __always_inline void removal_call__decode(struct removal_call *call, struct pt_regs___kernel *regs, long nr,
						 bool compat)
{
	__u64 first = compat ? (__u32)regs->bx : regs->di;
	__u64 second = compat ? (__u32)regs->cx : regs->si;
	__u64 third = compat ? (__u32)regs->dx : regs->dx;

	call->operation = CALL_OTHER;
	if (nr == (compat ? NR_ia32_unlinkat : NR_unlinkat)) {
		call->dfd = first;
		call->name = second;
		call->operation = third & AT_REMOVEDIR ? OPERATION_RMDIR : OPERATION_UNLINK;
		return;
	}
	call->dfd = AT_FDCWD;
	call->name = first;
	if (nr == (compat ? NR_ia32_unlink : NR_unlink))
		call->operation = OPERATION_UNLINK;
	else if (nr == (compat ? NR_ia32_rmdir : NR_rmdir))
		call->operation = OPERATION_RMDIR;
	else if (nr == (compat ? NR_ia32_rename : NR_rename) || nr == (compat ? NR_ia32_renameat : NR_renameat) ||
		 nr == (compat ? NR_ia32_renameat2 : NR_renameat2))
		call->operation = CALL_RENAME;
}

/*
 * The tracepoint mode knows only what the system call tells. Everything is read at its exit: the outcome is
 * known, and the page that holds the name is present because the kernel has just read it.
 */
static __always_inline void removal_call__exit(struct pt_regs___kernel *regs, long nr, long result)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct removal_call call;
	/* The CPU's own: the program stays on it, and the kernel does not run it there again before it has ended. */
	__u32 index = bpf_get_smp_processor_id();
	__u32 generation, outcome;
	struct slot *slot;
	bool self;

	removal_call__decode(&call, regs, nr, KERNEL_READ(task, thread_info.status) & TS_COMPAT);
	if (call.operation == CALL_RENAME && result == 0)
		__sync_fetch_and_add(&directory_moves, 1);
	if (call.operation < 0)
		return;

	self = bpf_get_current_pid_tgid() >> 32 == settings.self_tgid;
	if (!self)
		COUNT(seen);
	generation = settings.generation;
	outcome = filter__outcome_bits(call.operation, true, result);
	if (!(filter__anything(generation) & outcome) && !self) {
		COUNT(filtered);
		return;
	}
	slot = slot__at(index);
	if (!slot) {
		if (!self)
			COUNT(lost_state_full);
		return;
	}
	__builtin_memset(&slot->record, 0, sizeof(slot->record));
	slot__read_typed(slot, call.name, true);
	if (!self && slot__typed_unwanted(index, generation, outcome)) {
		COUNT(filtered);
		return;
	}
	slot__write_base(index, call.dfd);
	if (slot__filter_joined(index, generation) & outcome || self) {
		slot__fill_namespace(slot);
		slot__fill_caller(slot);
		slot->record.operation = call.operation;
		slot->record.generation = generation;
		slot->record.result = result;
		slot->record.flags |= DELETION_RESULT_KNOWN;
		if (self)
			slot->record.flags |= DELETION_SELF;
		slot__deliver(index);
	} else {
		COUNT(filtered);
	}
}

SEC("tp_btf/sys_exit")
int BPF_PROG(syscall_exit, struct pt_regs___kernel *regs, long result)
{
	long nr = regs->orig_ax;

	/* Every system call of the machine passes here: leave early. */
	if (nr > NR_renameat2 && nr != NR_ia32_renameat2)
		return 0;
	if (nr != NR_unlink && nr != NR_unlinkat && nr != NR_rmdir && nr != NR_rename && nr != NR_renameat &&
	    nr != NR_renameat2 && nr != NR_ia32_unlink && nr != NR_ia32_rename && nr != NR_ia32_rmdir &&
	    nr != NR_ia32_unlinkat && nr != NR_ia32_renameat && nr != NR_ia32_renameat2)
		return 0;
	removal_call__exit(regs, nr, result);
	return 0;
}

/*
 * Run once by the daemon on itself, attached to nothing: tells it its number outside of all pid namespaces, and the
 * mount namespace of the first process of its own, which /proc shows only to those who may trace it.
 */
SEC("raw_tp")
int find_self(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct pid *pid = KERNEL_READ(task, thread_pid);
	__u32 level = KERNEL_READ(pid, level);
	struct pid_namespace *pids = NULL;
	struct task_struct *first;

	bpf_probe_read_kernel(&pids, sizeof(pids),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      level * bpf_core_type_size(struct upid) + bpf_core_field_offset(struct upid, ns));
	first = KERNEL_READ(pids, child_reaper);
	settings.host_mount_namespace = KERNEL_READ(first, nsproxy, mnt_ns, ns.inum);
	settings.self_tgid = bpf_get_current_pid_tgid() >> 32;
	return 0;
}
