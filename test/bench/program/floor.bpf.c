// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The least that can be recorded of a deletion: who, and the name as it was given. One of the two programs is loaded.
 */
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "floor.h"

#define NR_unlink 87
#define NR_unlinkat 263

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct pt_regs___kernel {
	unsigned long di, si;
} __attribute__((preserve_access_index));

struct filename {
	const char *name;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} ring SEC(".maps");

unsigned long lost;

static __always_inline struct floor_record *floor_record__reserve(void)
{
	struct floor_record *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);

	if (record)
		record->pid = bpf_get_current_pid_tgid() >> 32;
	else
		__sync_fetch_and_add(&lost, 1);
	return record;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(floor_tracepoint, struct pt_regs___kernel *regs, long nr)
{
	struct floor_record *record;

	if (nr != NR_unlink && nr != NR_unlinkat)
		return 0;
	record = floor_record__reserve();
	if (!record)
		return 0;
	bpf_probe_read_user_str(record->name, sizeof(record->name), (void *)(nr == NR_unlink ? regs->di : regs->si));
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(floor_kprobe, int dfd, struct filename *name)
{
	struct floor_record *record = floor_record__reserve();

	if (!record)
		return 0;
	bpf_probe_read_kernel_str(record->name, sizeof(record->name), BPF_CORE_READ(name, name));
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}
