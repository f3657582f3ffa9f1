/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Which system call a task is in, and what it asks for; x86-64. */
#ifndef RMWATCH_SYSTEM_CALL_BPF_H
#define RMWATCH_SYSTEM_CALL_BPF_H

#include "kernel_types.bpf.h"
#include "record.h"

#include <stdbool.h>

#include "kernel_read.bpf.h"
#include <bpf/bpf_helpers.h>

#define AT_FDCWD (-100)

/* The numbers of the system calls, native and of 32-bit programs (arch/x86/entry/syscalls). */
enum {
	NR_rename = 82,
	NR_rmdir = 84,
	NR_unlink = 87,
	NR_mount = 165,
	NR_mq_unlink = 241,
	NR_unlinkat = 263,
	NR_renameat = 264,
	NR_renameat2 = 316,
	NR_fsconfig = 431,
	NR_ia32_unlink = 10,
	NR_ia32_mount = 21,
	NR_ia32_rename = 38,
	NR_ia32_rmdir = 40,
	NR_ia32_mq_unlink = 278,
	NR_ia32_unlinkat = 301,
	NR_ia32_renameat = 302,
	NR_ia32_renameat2 = 353,
};

/* Set in the numbers of x32 programs, whose calls are otherwise those of 64-bit ones as far as they are decoded here.
 */
#define X32_SYSCALL_BIT 0x40000000

#define AT_REMOVEDIR 0x200
#define TS_COMPAT 0x0002

struct removal_call {
	__u64 name;
	__s32 dfd;
	__s32 operation;
	/* The name is one of a message queue, wherever those are mounted. */
	bool queue;
};

#define CALL_OTHER (-1)

#define RENAME_EXCHANGE (1 << 1)

struct rename_call {
	__u64 from;
	__u64 to;
	__s32 from_dfd;
	__s32 to_dfd;
	__u32 flags;
};

/* The number of a system call without the mark of x32; a negative one is none. */
static __always_inline long system_call__number(long nr)
{
	return nr < 0 ? nr : nr & ~(long)X32_SYSCALL_BIT;
}

/* mq_unlink(2) */
static __always_inline bool system_call__removes_queue(long nr, bool compat)
{
	return nr == (compat ? NR_ia32_mq_unlink : NR_mq_unlink);
}

static __always_inline void removal_call__decode(struct removal_call *call, struct pt_regs___kernel *regs, long nr,
						 bool compat)
{
	__u64 first = compat ? (__u32)regs->bx : regs->di;
	__u64 second = compat ? (__u32)regs->cx : regs->si;
	__u64 third = compat ? (__u32)regs->dx : regs->dx;

	call->operation = CALL_OTHER;
	call->queue = system_call__removes_queue(nr, compat);
	if (nr == (compat ? NR_ia32_unlinkat : NR_unlinkat)) {
		call->dfd = first;
		call->name = second;
		call->operation = third & AT_REMOVEDIR ? OPERATION_RMDIR : OPERATION_UNLINK;
		return;
	}
	call->dfd = AT_FDCWD;
	call->name = first;
	if (call->queue || nr == (compat ? NR_ia32_unlink : NR_unlink))
		call->operation = OPERATION_UNLINK;
	else if (nr == (compat ? NR_ia32_rmdir : NR_rmdir))
		call->operation = OPERATION_RMDIR;
}

/* False: the call is another one. */
static __always_inline bool rename_call__decode(struct rename_call *call, struct pt_regs___kernel *regs, long nr,
						bool compat)
{
	bool takes_flags = nr == (compat ? NR_ia32_renameat2 : NR_renameat2);

	call->flags = 0;
	if (nr == (compat ? NR_ia32_rename : NR_rename)) {
		call->from_dfd = AT_FDCWD;
		call->from = compat ? (__u32)regs->bx : regs->di;
		call->to_dfd = AT_FDCWD;
		call->to = compat ? (__u32)regs->cx : regs->si;
		return true;
	}
	if (!takes_flags && nr != (compat ? NR_ia32_renameat : NR_renameat))
		return false;
	call->from_dfd = compat ? regs->bx : regs->di;
	call->from = compat ? (__u32)regs->cx : regs->si;
	call->to_dfd = regs->dx;
	call->to = compat ? (__u32)regs->si : regs->r10;
	if (takes_flags)
		call->flags = compat ? regs->di : regs->r8;
	return true;
}

static __always_inline bool system_call__renames(long nr, bool compat)
{
	if (compat)
		return nr == NR_ia32_rename || nr == NR_ia32_renameat || nr == NR_ia32_renameat2;
	return nr == NR_rename || nr == NR_renameat || nr == NR_renameat2;
}

static __always_inline bool system_call__removes(long nr, bool compat)
{
	if (system_call__renames(nr, compat))
		return true;
	if (compat)
		return nr == NR_ia32_unlink || nr == NR_ia32_unlinkat || nr == NR_ia32_rmdir;
	return nr == NR_unlink || nr == NR_unlinkat || nr == NR_rmdir;
}

/* overlayfs removes what it tried out, when it is mounted. */
static __always_inline bool system_call__mounts(long nr)
{
	return nr == NR_mount || nr == NR_ia32_mount || nr == NR_fsconfig;
}

/* The registers of the system call that the current task is in; it must not be a thread of the kernel. */
static __always_inline struct pt_regs___kernel *task__registers(struct task_struct *task)
{
#ifdef RMWATCH_BPF_LOOP
	return (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
#else
	/* Before 5.15: the registers lie at the end of the stack, which has four pages. */
	return KERNEL_READ(task, stack) + 4 * 4096 - bpf_core_type_size(struct pt_regs___kernel);
#endif
}

/* Its number. */
static __always_inline long task__system_call(struct task_struct *task)
{
	struct pt_regs___kernel *regs = task__registers(task);

	return system_call__number(BPF_CORE_READ(regs, orig_ax));
}

static __always_inline __u64 task__first_argument(struct task_struct *task)
{
	struct pt_regs___kernel *regs = task__registers(task);

	if (KERNEL_READ(task, thread_info.status) & TS_COMPAT)
		return (__u32)BPF_CORE_READ(regs, bx);
	return BPF_CORE_READ(regs, di);
}

/* The kernel's own mount of the message queues that the task sees. */
static __always_inline struct vfsmount *task__queues(struct task_struct *task)
{
	return KERNEL_READ(task, nsproxy, ipc_ns, mq_mnt);
}

#endif
