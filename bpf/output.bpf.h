/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Slots, and the way from a slot into the ring. */
#ifndef RMWATCH_OUTPUT_BPF_H
#define RMWATCH_OUTPUT_BPF_H

#include "maps.bpf.h"

static __always_inline struct slot *slot__take(__u32 *index)
{
	__u32 taken;

	if (bpf_map_pop_elem(&free_slots, &taken))
		return NULL;
	*index = taken;
	return bpf_map_lookup_elem(&slots, &taken);
}

static __always_inline void slot__give_back(__u32 index)
{
	if (index != NO_SLOT)
		bpf_map_push_elem(&free_slots, &index, 0);
}

/* Zeroes the up to seven bytes that align a record's fixed part, so that no old bytes travel. */
static __always_inline void text__zero_before(char *text, __u64 start)
{
	if (!BOUNDED(start, TEXT_PATH_START, TEXT_PATH_END))
		return;
	__builtin_memset(text + start - 8, 0, 8);
}

/*
 * Sends text[from .. to) as one record, without waking the daemon: a wake-up costs ten times as much as the
 * record. A daemon that sleeps has set `armed`; it is read only after the record is in the ring, and the daemon
 * looks at the ring again after setting it, so one of the two always notices the other.
 */
static __always_inline long ring__output(char *text, __u64 from, __u64 to)
{
	__u64 length = to - from;
	long error;

	if (!BOUNDED(from, 0, TEXT_PATH_END) || !BOUNDED(length, 0, RECORD_BYTES_MAX))
		return -1;
	error = bpf_ringbuf_output(&ring, text + from, length, BPF_RB_NO_WAKEUP);
	if (!error && settings.armed) {
		void *nothing;

		settings.armed = 0;
		nothing = bpf_ringbuf_reserve(&ring, 8, 0);
		if (nothing)
			bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
	}
	return error;
}

#endif
