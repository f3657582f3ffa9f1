/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Every map, with the reason for its size. */
#ifndef RMWATCH_MAPS_BPF_H
#define RMWATCH_MAPS_BPF_H

#include "record.h"

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

/*
 * True when least <= value <= most. The 5.10 verifier learns bounds only from comparisons of the very register
 * that is used afterwards; left alone, clang merges the two into one subtraction and comparison of a copy.
 */
#define BOUNDED(value, least, most)                                                                                    \
	({                                                                                                             \
		bool bounded = false;                                                                                  \
		barrier_var(value);                                                                                    \
		if ((value) >= (least)) {                                                                              \
			barrier_var(value);                                                                            \
			if ((value) <= (most)) {                                                                       \
				barrier_var(value);                                                                    \
				bounded = true;                                                                        \
			}                                                                                              \
		}                                                                                                      \
		bounded;                                                                                               \
	})

/*
 * Text is assembled in a slot: a path grows backwards from TEXT_PATH_END while the walk goes from the leaf to
 * the root, everything else grows forwards from there, so the record ends up in one piece. The bytes before
 * TEXT_PATH_START leave room for the fixed part of the record and for the key of the filter.
 */
#define TEXT_PATH_START 512
/*
 * The longest name: of 255 UTF-16 units, as vfat, exfat and ntfs store them, with up to four bytes each. Names of other
 * filesystems end at 255 bytes.
 */
#define NAME_BYTES 1023
/* At least 4,096 bytes of path: the longest name must fit before the last of them. */
#define TEXT_PATH_END (TEXT_PATH_START + 4096 + NAME_BYTES + 1)
/* A typed name (PATH_MAX) or a process's arguments. */
#define TYPED_BYTES 4096
#define FS_ROOT_BYTES 2048
#define TEXT_FORWARD_BYTES (1 + TYPED_BYTES + FS_ROOT_BYTES + 7)
#define RECORD_BYTES_MAX (TEXT_PATH_END + TEXT_FORWARD_BYTES)
_Static_assert(RECORD_BYTES_MAX <= RECORD_BYTES_LIMIT, "records are longer than the daemon expects");
/*
 * The verifier bounds the start and the length of a record one by one, not their sum: the room behind the text
 * is what a record that started last and was longest would need. It is never touched.
 */
#define TEXT_BYTES (TEXT_PATH_END + RECORD_BYTES_MAX)

/*
 * Slots are held from the moment the victim is known (under its directory's lock) until the call returns, so
 * this bounds how many wanted deletions can be in that state at once; more are counted as lost. In tracepoint mode
 * nothing is held: the daemon makes one for each CPU, and as many again that are taken to describe processes.
 */
#define SLOT_COUNT 512

/* Threads that can be inside a removal or rename at once, waiting for locks included. */
#define ATTEMPT_COUNT 16384

/* Processes whose description the daemon is known to have. */
#define PROCESS_COUNT 8192

/* What tells that a process must be described again; compared as a whole. */
struct process_key {
	__u64 start_time_ns;
	__u64 exec_id;
	__u64 parent;
	__u64 css_set;
	__u64 cgroup_id;
	__u64 cwd_mount;
	__u64 cwd_dentry;
	__u64 cwd_parent;
	__u64 cwd_name_hash;
	__u64 cwd_mountpoint;
	char parent_comm[16];
	__u32 directory_moves;
	__u32 epoch;
	__u32 login_uid;
	__u32 padding;
};

struct process_state {
	struct process_key key;
	__u64 process_id;
};

struct slot {
	/* Makes process ids unique: only the holder of a slot counts it on. */
	__u64 serial;
	/* Where the path begins in text. */
	__u64 start;
	/* Where the part of the path begins that lies below the root of the file's mount; 0: not known. */
	__u64 below_mount;
	/* Where a walk sets out: a struct dentry and the struct vfsmount that it is seen on. */
	__u64 entry;
	__u64 on;
	struct process_state process;
	struct deletion_record record;
	char text[TEXT_BYTES];
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

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOT_COUNT);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

/* Free slots; a stack, so that the one used last, still in the CPU's caches, is used next. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, SLOT_COUNT);
	__type(value, __u32);
} free_slots SEC(".maps");

/* Keyed by thread. Preallocated: programs on kprobes must not allocate. */
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
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
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

/*
 * Functions that are not static are verified once, on their own, whatever their callers know: inlined, the walks
 * of a path would be simulated again for every way that leads to them, beyond the verifier's million
 * instructions. Before 5.12 such functions take numbers only, so slots travel as indexes.
 */
#define GLOBAL_FUNCTION __attribute__((noinline))

static __always_inline struct slot *slot__at(__u32 index)
{
	return bpf_map_lookup_elem(&slots, &index);
}

/* How often a directory was renamed: paths of working directories that were sent before may be stale. */
__u32 directory_moves;

#endif
