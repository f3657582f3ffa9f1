/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The memory in which records are put together. */
#ifndef RMWATCH_SLOT_BPF_H
#define RMWATCH_SLOT_BPF_H

#include "record.h"

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

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
/*
 * So many bytes of a process's arguments are looked at with each deletion, to see whether it has given itself another
 * title. They are read to the beginning of a slot's text, before everything else that can be there.
 */
#define TITLE_BYTES 256
#define TITLE_AT 8
_Static_assert(TITLE_AT + TITLE_BYTES <= TEXT_PATH_START - sizeof(struct deletion_record) - 8, "the title has no room");
/* Longer names, of which only vfat, exfat and ntfs have any, are not kept. */
#define FORMER_NAME_BYTES 255

/* The name that a file had before it was renamed. */
struct former_name {
	/* The struct dentry of its directory. */
	__u64 directory;
	/* Of the name that it has got since: see link__hash(). */
	__u64 present;
	/* CLOCK_BOOTTIME */
	__u64 renamed_ns;
	__u32 length;
	char name[FORMER_NAME_BYTES];
	char reserved;
};

/* At the beginning of a slot's text, before the title is there. */
#define FORMER_NAME_AT 8
_Static_assert(FORMER_NAME_AT + sizeof(struct former_name) <= TEXT_PATH_START - sizeof(__u32),
	       "the former name has no room");
/* Where a move leads to: any path that the walk can write. */
#define MOVED_BYTES (TEXT_PATH_END - TEXT_PATH_START)
#define TEXT_FORWARD_BYTES (1 + TYPED_BYTES + FS_ROOT_BYTES + MOVED_BYTES + 7)
_Static_assert(FORMER_NAME_BYTES <= MOVED_BYTES, "what does not move may have a former name instead");
#define RECORD_BYTES_MAX (TEXT_PATH_END + TEXT_FORWARD_BYTES)
_Static_assert(RECORD_BYTES_MAX <= RECORD_BYTES_LIMIT, "records are longer than the daemon expects");
/*
 * The verifier bounds the start and the length of a record one by one, not their sum: the room behind the text
 * is what a record that started last and was longest would need. It is never touched.
 */
#define TEXT_BYTES (TEXT_PATH_END + RECORD_BYTES_MAX)

/* What tells that a process must be described again, besides process_state.directories_hash; compared as a whole. */
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
	/* Of the beginning of the title; 0: it could not be read. */
	__u64 title_hash;
	char parent_comm[16];
	__u64 executable_removed;
	__u32 epoch;
	__u32 login_uid;
};

struct process_state {
	struct process_key key;
	__u64 process_id;
	/* Of what a rename of a directory can change; 0: it cannot be told. See slot__hash_directories(). */
	__u64 directories_hash;
	/* As directory_moves was before directories_hash was found out. */
	__u64 directory_moves;
};

struct slot {
	/* Makes process ids unique: only the user of a slot counts it on. */
	__u64 serial;
	/* Where the path begins in text. */
	__u64 start;
	/* Where the last name of a victim's path begins in text. */
	__u64 name;
	/* Where the part of the path begins that lies below the root of the file's mount; 0: not known. */
	__u64 below_mount;
	/* Where a walk sets out: a struct dentry and the struct vfsmount that it is seen on. */
	__u64 entry;
	__u64 on;
	/* A pointer on its way to become a number: see kernel_read.bpf.h. */
	__u64 number;
	struct process_state process;
	/* The attempt that is told, as it was; `wanted` is what the filter said of it while its outcome was not known.
	 */
	struct in_flight_attempt attempt;
	__u64 wanted;
	struct deletion_record record;
	char text[TEXT_BYTES];
};

/*
 * Each CPU has slots of its own for each program that tells deletions: the kernel never runs a program on a CPU on
 * which the same program has not ended. All programs on kprobes share one place: none of them interrupts another. A
 * second slot at each place holds where a move leads to, and then describes the process, while the first one holds the
 * deletion.
 */
enum scratch_place {
	SCRATCH_KPROBE = 0,
	SCRATCH_FENTRY_DELETE = 1,
	SCRATCH_FENTRY_MOVE = 2,
	SCRATCH_FENTRY_EXCHANGE = 3,
	SCRATCH_PLACES = 4,
	SCRATCH_TRACEPOINT = 0,
	SCRATCH_SLOTS = 2 * SCRATCH_PLACES,
};

static __always_inline __u32 scratch__index(enum scratch_place place)
{
	return bpf_get_smp_processor_id() * SCRATCH_SLOTS + 2 * place;
}

#endif
