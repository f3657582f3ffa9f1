/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Every map, with the reason for its size. */
#ifndef RMWATCH_MAPS_BPF_H
#define RMWATCH_MAPS_BPF_H

#include "record.h"
#include "slot.bpf.h"
#include "verifier.bpf.h"

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

/* Attempts that can wait for their return at once: watched failures, renames on ceph. More are counted as lost. */
#define FAILURE_SLOTS 512

/*
 * Threads that have removed or renamed something and have not ended: each keeps its place for its next call, because to
 * make and remove one costs more than all that is written to it. One that has moved something keeps two places, and
 * three after an exchange: room for 32,768 threads. Of threads that find no room, deletions and moves are told without
 * the typed name and the mount; renames on ceph are counted as lost. 9 MB.
 */
#define ATTEMPT_COUNT 65536

/* Processes whose description the daemon is known to have. */
#define PROCESS_COUNT 8192

/* Files whose former names are known; those that were renamed longest ago make room. 1.4 MB. */
#define FORMER_NAME_COUNT 4096

/* A number that is used again for another file comes with another generation. */
struct former_key {
	__u64 inode;
	__u32 device;
	__u32 generation;
};

struct prefix_key {
	__u32 bits;
	__u8 bytes[FILTER_PREFIX_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	/* A placeholder: the daemon sets the configured size before it loads the object. */
	__uint(max_entries, 16 << 20);
} ring SEC(".maps");

/* The slots of the CPUs come first, and the daemon adds them. The others hold attempts that wait for their return. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS + FAILURE_SLOTS);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

/* Free slots of the second kind. A stack hands out the one used last, which the CPU's caches still hold. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, FAILURE_SLOTS);
	__type(value, __u32);
} free_slots SEC(".maps");

/*
 * Keyed as attempt__key() says. Preallocated: programs on kprobes must not allocate. Not task-local storage: until
 * 4a98c2efa613 ("bpf: Remove task local storage percpu counter") the kernel refuses it to every other task on a CPU
 * while one is preempted within bpf_task_storage_get(), and where the kernel preempts itself, any local user can bring
 * that about. The buckets of a hash are locked with interrupts off.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ATTEMPT_COUNT);
	__type(key, __u64);
	__type(value, struct in_flight_attempt);
} attempts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, PROCESS_COUNT);
	__type(key, __u32);
	__type(value, struct process_state);
} processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FORMER_NAME_COUNT);
	__type(key, struct former_key);
	__type(value, struct former_name);
} former_names SEC(".maps");

/*
 * One for each CPU; the daemon makes room, and reads them in place: a bpf(2) call about a map that is preempted keeps
 * all programs on kprobes from running on its CPU.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kernel_counters);
} counters SEC(".maps");

struct prefix_map {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(key_size, sizeof(struct prefix_key));
	__uint(value_size, sizeof(__u32));
};

struct place_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u64));
	__uint(value_size, sizeof(__u32));
};

/*
 * Leading parts of the wanted paths, and what is wanted below each. A generation is filled completely before
 * probe_settings.generation names it, and rests until FILTER_GENERATIONS - 1 others have followed it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, FILTER_GENERATIONS);
	__type(key, __u32);
	__array(values, struct prefix_map);
} prefix_filters SEC(".maps");

/*
 * Devices and mounts that the host's mount table knows, and what watches that speak of host paths want there: anywhere
 * on the device, or of what the mount shows too, at other places of this host.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, FILTER_GENERATIONS);
	__type(key, __u32);
	__array(values, struct place_map);
} place_filters SEC(".maps");

struct probe_settings settings;

static __always_inline struct slot *slot__at(__u32 index)
{
	return bpf_map_lookup_elem(&slots, &index);
}

/*
 * The vfsmount__idmap() of all mounts that are not idmapped; 0: not known. Their maps are read then, which change
 * nothing.
 */
__u64 plain_idmap;

/*
 * Each rename of a directory increases this by one or more; in tracepoint mode every rename does. Paths in descriptions
 * that were sent before may then be stale. See slot__hash_directories().
 */
__u64 directory_moves;

#endif
