/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef RMWATCH_COUNTERS_BPF_H
#define RMWATCH_COUNTERS_BPF_H

#include "maps.bpf.h"

static __always_inline struct kernel_counters *counters__here(void)
{
	__u32 key = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&counters, &key);
}

/*
 * Adds one to a member of struct kernel_counters. The addition is atomic although each CPU has its own copy:
 * programs on trampolines can be preempted by another program on the same CPU, and the ledger must close.
 */
#define COUNT(member)                                                                                                  \
	({                                                                                                             \
		struct kernel_counters *count_value = counters__here();                                                \
		if (count_value)                                                                                       \
			__sync_fetch_and_add(&count_value->member, 1);                                                 \
	})

#endif
