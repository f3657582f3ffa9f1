/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Drops what no watch wants before it costs anything. It may pass too much, the daemon judges again, but must
 * never drop what a watch wants:
 *  - a path is compared with the fixed leading parts of all patterns, and every path that a pattern matches
 *    begins with that pattern's part, cut to FILTER_PREFIX_BYTES at the most;
 *  - a path that was cut, or is not reachable from the namespace's root, is wanted by whatever wants anything;
 *  - a path of another mount namespace says nothing about the host's paths: its device decides;
 *  - a path of the host's own may be one of several that lead to the file: its mount decides as well;
 *  - a path on a filesystem that ignores case says nothing either: its device decides;
 *  - of a device or mount that the daemon does not know, what is wanted anywhere is wanted.
 */
#ifndef RMWATCH_FILTER_BPF_H
#define RMWATCH_FILTER_BPF_H

#include "maps.bpf.h"

static __always_inline __u32 filter__anything(__u32 generation)
{
	__u32 at = generation % FILTER_GENERATIONS;

	return settings.success_operations[at] | settings.failure_operations[at] << WANT_FAILURE_SHIFT;
}

/* What is wanted of the path at text[start] of `length` bytes. The four bytes before it are overwritten. */
static __always_inline __u32 filter__by_prefix(char *text, __u64 start, __u64 length, __u32 generation)
{
	__u32 at = generation % FILTER_GENERATIONS;
	struct prefix_key *key;
	__u32 *wanted;
	void *prefixes;

	prefixes = bpf_map_lookup_elem(&prefix_filters, &at);
	if (!prefixes || !BOUNDED(start, TEXT_PATH_START, TEXT_PATH_END + 1))
		return filter__anything(generation);
	if (length > FILTER_PREFIX_BYTES)
		length = FILTER_PREFIX_BYTES;
	key = (void *)(text + start - sizeof(key->bits));
	key->bits = length * 8;
	wanted = bpf_map_lookup_elem(prefixes, key);
	return wanted ? *wanted : 0;
}

static __always_inline __u32 filter__by_place(__u64 place, __u32 generation)
{
	__u32 at = generation % FILTER_GENERATIONS;
	void *places = bpf_map_lookup_elem(&place_filters, &at);
	__u32 *wanted;

	if (!places)
		return filter__anything(generation);
	wanted = bpf_map_lookup_elem(places, &place);
	return wanted ? *wanted : filter__anything(generation);
}

/* The bits of `wanted` that a call with this outcome satisfies. */
static __always_inline __u32 filter__outcome_bits(__u8 operation, bool known, long result)
{
	__u32 success = 1u << (operation & 3);
	__u32 failure = success << WANT_FAILURE_SHIFT;

	if (!known)
		return success | failure;
	return result == 0 ? success : failure;
}

#endif
