// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The entry points. Every hook of the kprobe and fentry modes forwards to the same body; the daemon sets which
 * programs are loaded, and on which of a function's names they are attached, from what the kernel's BTF has.
 */
#include "attempt.bpf.h"
#include "first_process.bpf.h"
#include "kernel_types.bpf.h"
#include "maps.bpf.h"
#include "success.bpf.h"
#include "system_call_exit.bpf.h"

/* The register names of bpf_tracing.h need a complete struct pt_regs; its members are only ever relocated. */
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* Never set: brings what record.h declares into the BTF. */
const struct record_types *record_types;

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define ENOSYS 38

/* `target` is the victim, or has no inode. */
static __always_inline void rename__capture(__u64 old_directory, struct dentry *old, __u64 directory,
					    struct dentry *target, unsigned int flags, enum program_kind kind)
{
	struct inode *moved = KERNEL_READ(old, d_inode);
	struct inode *replaced = KERNEL_READ(target, d_inode);
	bool exchange = flags & RENAME_EXCHANGE;
	bool directories = inode__is_directory(moved);
	bool moves = moves__watched();
	/* One attempt is enough for both: see in_flight_attempt.moved. */
	bool together = moves && replaced && !exchange && !directories && !failures__watched(OPERATION_MOVE) &&
			!rename__is_late(replaced);

	if (directories)
		__sync_fetch_and_add(&directory_moves, 1);
	/* Two names of one file: rename() does nothing then (POSIX). */
	if (replaced == moved)
		return;
	if (replaced && !exchange)
		attempt__capture(directory, (__u64)target, together ? (__u64)old : 0, OPERATION_REPLACE, kind);
	if (!moves || together)
		return;
	attempt__capture(old_directory, (__u64)old, (__u64)target, OPERATION_MOVE, kind);
	if (exchange)
		attempt__capture(directory, (__u64)target, (__u64)old, OPERATION_MOVE | SECOND_MOVE, kind);
}

static __always_inline void rename__end(int result)
{
	attempt__end(result, 1, OPERATION_REPLACE);
	attempt__end(result, 1, OPERATION_MOVE);
	attempt__end(result, 1, OPERATION_MOVE | SECOND_MOVE);
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
	attempt__begin(dfd, (__u64)name, 0, OPERATION_UNLINK, KIND_KPROBE);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(kprobe__rmdir_enter, int dfd, struct filename *name)
{
	attempt__begin(dfd, (__u64)name, 0, OPERATION_RMDIR, KIND_KPROBE);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(kprobe__rename_enter, int old_dfd, struct filename *from, int new_dfd, struct filename *to)
{
	attempt__begin(new_dfd, (__u64)to, (__u64)from, OPERATION_REPLACE, KIND_KPROBE);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(kprobe__unlink_victim, struct path *directory, struct dentry *victim)
{
	attempt__capture((__u64)directory, (__u64)victim, 0, OPERATION_UNLINK, KIND_KPROBE);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(kprobe__rmdir_victim, struct path *directory, struct dentry *victim)
{
	attempt__capture((__u64)directory, (__u64)victim, 0, OPERATION_RMDIR, KIND_KPROBE);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(kprobe__rename_victim, struct path *old_directory, struct dentry *old, struct path *directory,
	       struct dentry *target, unsigned int flags)
{
	rename__capture((__u64)old_directory, old, (__u64)directory, target, flags, KIND_KPROBE);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(kprobe__delete, struct dentry *victim)
{
	success__removed(victim, SCRATCH_KPROBE);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(kprobe__move, struct dentry *moved, struct dentry *target)
{
	success__moved(moved, target, SCRATCH_KPROBE);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(kprobe__exchange, struct dentry *first, struct dentry *second)
{
	success__exchanged(first, second, SCRATCH_KPROBE);
	return 0;
}

SEC("kretprobe")
int BPF_KRETPROBE(kretprobe__unlink, int result)
{
	attempt__end(result, 1, OPERATION_UNLINK);
	return 0;
}

SEC("kretprobe")
int BPF_KRETPROBE(kretprobe__rmdir, int result)
{
	attempt__end(result, 1, OPERATION_RMDIR);
	return 0;
}

SEC("kretprobe")
int BPF_KRETPROBE(kretprobe__rename, int result)
{
	rename__end(result);
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
	attempt__begin(arguments[0], arguments[1], 0, OPERATION_UNLINK, KIND_FENTRY);
	return 0;
}

SEC("fentry")
int fentry__rmdir_enter(__u64 *ctx)
{
	FENTRY_ARGUMENTS(2);
	attempt__begin(arguments[0], arguments[1], 0, OPERATION_RMDIR, KIND_FENTRY);
	return 0;
}

SEC("fentry")
int fentry__rename_enter(__u64 *ctx)
{
	FENTRY_ARGUMENTS(4);
	attempt__begin(arguments[2], arguments[3], arguments[1], OPERATION_REPLACE, KIND_FENTRY);
	return 0;
}

SEC("fentry")
int fentry__unlink_victim(__u64 *ctx)
{
	FENTRY_ARGUMENTS(2);
	attempt__capture(arguments[0], arguments[1], 0, OPERATION_UNLINK, KIND_FENTRY);
	return 0;
}

SEC("fentry")
int fentry__rmdir_victim(__u64 *ctx)
{
	FENTRY_ARGUMENTS(2);
	attempt__capture(arguments[0], arguments[1], 0, OPERATION_RMDIR, KIND_FENTRY);
	return 0;
}

SEC("fentry")
int fentry__rename_victim(__u64 *ctx)
{
	FENTRY_ARGUMENTS(5);
	rename__capture(arguments[0], (void *)arguments[1], arguments[2], (void *)arguments[3], arguments[4],
			KIND_FENTRY);
	return 0;
}

SEC("fentry")
int fentry__delete(__u64 *ctx)
{
	FENTRY_ARGUMENTS(1);
	success__removed((void *)arguments[0], SCRATCH_FENTRY_DELETE);
	return 0;
}

SEC("fentry")
int fentry__move(__u64 *ctx)
{
	FENTRY_ARGUMENTS(2);
	success__moved((void *)arguments[0], (void *)arguments[1], SCRATCH_FENTRY_MOVE);
	return 0;
}

SEC("fentry")
int fentry__exchange(__u64 *ctx)
{
	FENTRY_ARGUMENTS(2);
	success__exchanged((void *)arguments[0], (void *)arguments[1], SCRATCH_FENTRY_EXCHANGE);
	return 0;
}

SEC("fexit")
int BPF_PROG(fexit__unlink, int dfd, struct filename *name, int result)
{
	attempt__end(result, 1, OPERATION_UNLINK);
	return 0;
}

SEC("fexit")
int BPF_PROG(fexit__rmdir, int dfd, struct filename *name, int result)
{
	attempt__end(result, 1, OPERATION_RMDIR);
	return 0;
}

SEC("fexit")
int BPF_PROG(fexit__rename, int old_dfd, struct filename *from, int new_dfd, struct filename *to, unsigned int flags,
	     int result)
{
	rename__end(result);
	return 0;
}

/*
 * At exit_signals(), early in do_exit(), which some compilers leave out of BTF because it never returns. The thread
 * makes room, and a failure whose return was missed is told.
 */
static __always_inline bool attempt__forget(__u32 operation)
{
	__u64 id = attempt__key(operation);
	struct in_flight_attempt *attempt = bpf_map_lookup_elem(&attempts, &id);

	if (!attempt)
		return false;
	attempt__end(0, 0, operation__is_move(operation) ? operation : attempt->operation);
	bpf_map_delete_elem(&attempts, &id);
	return true;
}

/* Whoever has moved something has entered the call before. */
static __always_inline void thread__exit(void)
{
	if (attempt__forget(OPERATION_UNLINK)) {
		attempt__forget(OPERATION_MOVE);
		attempt__forget(OPERATION_MOVE | SECOND_MOVE);
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

SEC("tp_btf/sys_exit")
int BPF_PROG(syscall_exit, struct pt_regs___kernel *regs, long result)
{
	long nr = system_call__number(regs->orig_ax);

	/* A kernel without x32 calls knows no such number. */
	if (nr != (long)regs->orig_ax && result == -ENOSYS)
		return 0;
	/* Every system call of the machine passes here: leave early. */
	if (nr > NR_renameat2 && nr != NR_ia32_renameat2)
		return 0;
	if (nr != NR_unlink && nr != NR_unlinkat && nr != NR_rmdir && nr != NR_rename && nr != NR_renameat &&
	    nr != NR_renameat2 && nr != NR_ia32_unlink && nr != NR_ia32_rename && nr != NR_ia32_rmdir &&
	    nr != NR_ia32_unlinkat && nr != NR_ia32_renameat && nr != NR_ia32_renameat2 && nr != NR_mq_unlink &&
	    nr != NR_ia32_mq_unlink)
		return 0;
	removal_call__exit(regs, nr, result);
	rename_call__exit(regs, nr, result);
	return 0;
}

/*
 * The daemon runs this once on itself, attached to nothing. It tells the daemon its number outside of all pid
 * namespaces, and the mount namespace of the host's first process, which /proc shows only to those who may trace it,
 * and to no container. It notes what all mounts have in common that are not idmapped.
 */
SEC("raw_tp")
int find_self(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct task_struct *first = task__first();

	settings.host_mount_namespace = KERNEL_READ(first, nsproxy, mnt_ns, ns.inum);
	/* No one mounts what the kernel itself has made of message queues, and so no one maps its ids. */
	plain_idmap = vfsmount__idmap(task__queues(task));
	settings.self_tgid = bpf_get_current_pid_tgid() >> 32;
	return 0;
}
