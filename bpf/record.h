/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The records that travel from the kernel to the daemon: the only definition of their bytes.
 *
 * BPF C and C++ include this file. TypeScript reads constants and offsets that are generated from the BTF of the
 * compiled programs (struct record_types) and compared with the addon's own at every start. Members have fixed widths
 * and natural alignment, largest first; nothing is packed, because packed members become byte stores in BPF. Every
 * record starts with kind and length, its text follows the fixed part, and bytes in between are zero.
 */
#ifndef RMWATCH_RECORD_H
#define RMWATCH_RECORD_H

#include <linux/types.h>

enum record_limit {
	/* No record is longer; the daemon maps so much of the ring a second time, behind its end. */
	RECORD_BYTES_LIMIT = 20480,
	/* How many configurations the kernel side can hold at once while one follows another. */
	FILTER_GENERATIONS = 4,
	/* The longest leading part of a pattern that the kernel compares; the limit is that of BPF's LPM tries. */
	FILTER_PREFIX_BYTES = 256,
	/* In a filter's value: bit (1 << operation) wants successes, bit (1 << (operation + shift)) failures. */
	WANT_FAILURE_SHIFT = 8,
	/*
	 * The bits above: 0, or the number of a directory of which every watch that wants moves wants all that lies
	 * below. What moves from a path with this number to one with the same leaves no watch.
	 */
	WANT_WHOLE_SHIFT = 16,
	WANT_WHOLE_MAX = 65535,
};

enum record_kind {
	RECORD_DELETION = 1,
	RECORD_PROCESS = 2,
	RECORD_PROCESS_TEXT = 3,
};

enum deletion_operation {
	OPERATION_UNLINK = 0,
	OPERATION_RMDIR = 1,
	OPERATION_REPLACE = 2,
	/* A rename, by the name that it takes away. */
	OPERATION_MOVE = 3,
	OPERATION_COUNT = 4,
};

/* deletion_record.flags */
enum deletion_flag {
	/* `result` is what the call returned; without it the return of a failure was missed, or of a rename on ceph. */
	DELETION_RESULT_KNOWN = 1u << 0,
	/* The kernel had found the file to remove; the file members are filled. */
	DELETION_HAS_VICTIM = 1u << 1,
	/* The walk reached the root of the mount namespace. */
	DELETION_PATH_COMPLETE = 1u << 2,
	/* `path` is the directory that the typed name starts from; the typed name is still to be joined to it. */
	DELETION_PATH_IS_BASE = 1u << 3,
	DELETION_HAS_TYPED = 1u << 4,
	/* DELETION_STILL_OPEN tells something; never set for directories, whose counts include cached children. */
	DELETION_OPEN_KNOWN = 1u << 5,
	DELETION_STILL_OPEN = 1u << 6,
	DELETION_IO_URING = 1u << 7,
	/* Made by the daemon itself: for the self-test, never reported and never counted. */
	DELETION_SELF = 1u << 8,
	/* The process lives in the host's mount namespace. */
	DELETION_HOST_NAMESPACE = 1u << 9,
	/* `fs_root` reached the root of the filesystem; without it, there are more names than it holds. */
	DELETION_FS_ROOT = 1u << 10,
	/* `allocated_bytes` is filled; not every filesystem tells. */
	DELETION_ALLOCATION_KNOWN = 1u << 11,
	/* Names before those of `path` are missing: there was no room for them. */
	DELETION_PATH_CUT = 1u << 12,
	/* With DELETION_PATH_IS_BASE: another thread or process can have changed the directory during the call. */
	DELETION_BASE_SHARED = 1u << 13,
	/* A directory on the way ignores case; `path` may hold names as they were typed. */
	DELETION_CASE_INSENSITIVE = 1u << 14,
	/* The same of the place that a move leads to. */
	DELETION_MOVED_COMPLETE = 1u << 15,
	DELETION_MOVED_CUT = 1u << 16,
	DELETION_MOVED_CASE_INSENSITIVE = 1u << 17,
	/* A move within one directory; with DELETION_PATH_IS_BASE: both typed names start from one. */
	DELETION_MOVED_BESIDE = 1u << 18,
};

/*
 * One attempt to remove a name. Text, from path_offset on:
 *   path     path_length bytes, absolute, empty for "/"
 *   '/'      one byte
 *   typed    typed_length bytes, as the caller wrote it
 *   fs_root  fs_root_length bytes: the names that lead from the mount's root up to the root of the filesystem,
 *            nearest first, each followed by a NUL; only where the path alone does not tell all places of the file
 *   moved_to moved_length bytes: where a move leads to, on the same mount, as `path`; with DELETION_PATH_IS_BASE the
 *            directory that the name typed for it starts from, '/' and that name of moved_typed_length bytes
 *   former   former_length bytes, never of a move: the name that the file had in the same directory, before it was
 *            renamed a moment ago
 */
struct deletion_record {
	__u32 kind;
	__u32 length;
	/* CLOCK_BOOTTIME: when the filesystem had removed the name, or the call failed; split here because a double
	 * cannot hold nanoseconds for long. */
	__u32 time_seconds;
	__u32 time_nanoseconds;
	/* Names the RECORD_PROCESS that describes the process; 0: none could be sent. */
	__u64 process_id;
	__u64 inode;
	__s64 size;
	__u64 allocated_bytes;
	__s64 mtime_seconds;
	__u32 mtime_nanoseconds;
	/* The kernel's own encoding: major << 20 | minor. */
	__u32 device;
	__u32 tgid;
	__u32 tid;
	/* Real, effective, and what the kernel checks access to files by: the three differ in programs with the
	 * set-user-id bit and in servers that act for others. */
	__u32 uid;
	__u32 effective_uid;
	__u32 fs_uid;
	__u32 gid;
	__u32 effective_gid;
	__u32 fs_gid;
	/* As the filesystem has it, and as the mount shows it: the two differ where the mount is idmapped. */
	__u32 file_uid;
	__u32 file_gid;
	__u32 mount_uid;
	__u32 mount_gid;
	__u32 mode;
	/* Before the call. */
	__u32 link_count;
	__u32 mount_namespace;
	/* 0 or a negative errno. */
	__s32 result;
	__u32 flags;
	/* Which configuration the kernel's filter had when it judged this attempt. */
	__u32 generation;
	__u16 path_offset;
	__u16 path_length;
	__u16 typed_length;
	__u16 fs_root_length;
	/* The last bytes of path that lie below the root of the file's mount. */
	__u16 below_mount_length;
	/* Of moved_to, likewise; 0: not known. */
	__u16 moved_below_mount_length;
	__u16 moved_length;
	__u16 moved_typed_length;
	__u8 operation;
	__u8 reserved;
	__u16 former_length;
	char comm[16];
	__u32 padding;
};

/* process_record.flags */
enum process_flag {
	PROCESS_HAS_ARGS = 1u << 0,
	PROCESS_ARGS_CUT = 1u << 1,
	PROCESS_HAS_LOGIN_UID = 1u << 2,
	/* `executable_uid` is filled. */
	PROCESS_HAS_EXECUTABLE = 1u << 3,
};

/* What does not change from one deletion of a process to its next; sent again when it did change. */
struct process_record {
	__u32 kind;
	__u32 length;
	__u64 process_id;
	/* CLOCK_BOOTTIME */
	__u64 start_time_ns;
	__u32 tgid;
	__u32 parent_tgid;
	__u32 login_uid;
	__u32 flags;
	/* What /proc/PID/cmdline shows: arguments, each ended by a NUL, or a title that the process gave itself. */
	__u16 args_offset;
	__u16 args_length;
	/* How many arguments the program was started with, as its own memory says; 0: not known. */
	__u32 args_count;
	/* The owner of the executable. */
	__u32 executable_uid;
	__u32 padding;
	char parent_comm[16];
};

enum process_text_kind {
	PROCESS_TEXT_EXECUTABLE = 0,
	PROCESS_TEXT_DIRECTORY = 1,
	/* In the unified hierarchy; where it is at the root of that, in one of version 1. */
	PROCESS_TEXT_CGROUP = 2,
	/* In a hierarchy of version 1, by a controller that runtimes of containers need; absent at its root. */
	PROCESS_TEXT_VERSION_1_CGROUP = 3,
};

/* process_text_record.flags */
enum process_text_flag {
	PROCESS_TEXT_COMPLETE = 1u << 0,
	/* No name leads to the file any more, or none ever did (memfd_create). */
	PROCESS_TEXT_DELETED = 1u << 1,
};

/* A path that belongs to the process_record of the same process_id, and precedes it. */
struct process_text_record {
	__u32 kind;
	__u32 length;
	__u64 process_id;
	__u16 which;
	__u16 flags;
	__u16 text_offset;
	__u16 text_length;
};

/* The two kinds of programs that a hook can carry: the causes for which the kernel leaves them out differ. */
enum program_kind {
	KIND_KPROBE = 0,
	KIND_FENTRY = 1,
	KIND_COUNT = 2,
};

/* The counters that the kernel side keeps, one set for each CPU. Mapped into the daemon's memory. */
struct kernel_counters {
	/* Deletions, and failed attempts of operations whose failures are watched. */
	__u64 seen;
	__u64 filtered;
	__u64 submitted;
	__u64 lost_ring_full;
	/* Attempts that found no room to be kept until their return: failures, and renames on ceph. */
	__u64 lost_state_full;
	/*
	 * Every run of a program at a success hook that finds a victim is counted in success_runs, and once more by
	 * what became of it: told (the daemon's own included), told before by the hook's other program, unattributed,
	 * passed.
	 */
	__u64 told;
	__u64 told_before;
	__u64 success_runs[KIND_COUNT];
	/* No call that is watched led here: a server in the kernel, an ioctl. */
	__u64 unattributed[KIND_COUNT];
	/* No deletion: the lower layers of a stacked filesystem, or a cache that forgets what was removed elsewhere. */
	__u64 passed[KIND_COUNT];
	/* Deletions without their mount, because a hook before the success hook was left out. */
	__u64 mount_unknown;
};

/* What the daemon tells the kernel side, and, in `armed`, hears from it. Mapped into the daemon's memory. */
struct probe_settings {
	/* Attempts by this process are marked DELETION_SELF and bypass the filter. */
	__u32 self_tgid;
	/* The mount namespace whose paths are this host's; 0: not known, every process counts as the host's. */
	__u32 host_mount_namespace;
	/* Which filter counts now; its maps stand at generation % FILTER_GENERATIONS. */
	__u32 generation;
	/* A change makes every process be described again. */
	__u32 process_epoch;
	/* 1 while the daemon sleeps and wants to be woken by the next record. */
	__u32 armed;
	/* Where xfs keeps the blocks of a file, from its struct inode on; 0: xfs was not loaded at start. */
	__s32 xfs_blocks_at;
	__s32 xfs_delayed_blocks_at;
	/* Bit (1 << KIND_*): the kinds of programs at the success hooks. */
	__u32 success_kinds;
	/* Operations (bit 1 << OPERATION_*) that any watch wants, by generation. */
	__u32 success_operations[FILTER_GENERATIONS];
	__u32 failure_operations[FILTER_GENERATIONS];
	/* 1 when renames on ceph are told at their return: a thread of the kernel moves the names there. */
	__u32 late_renames;
	/* 1 when the filter's places hold every mount of this host. */
	__u32 mounts_known[FILTER_GENERATIONS];
};

#define NO_SLOT 0xffffffffu

enum attempt_phase {
	/* The call was entered. */
	ATTEMPT_BEGUN = 0,
	/* The kernel found the victim; the members about it are filled. */
	ATTEMPT_CAPTURED = 1,
	/* The deletion was told at its success hook. */
	ATTEMPT_TOLD = 2,
	/* The call has returned. */
	ATTEMPT_OVER = 3,
};

/* in_flight_attempt.flags */
enum attempt_flag {
	/* A failure of this attempt is to be told. */
	ATTEMPT_FAILURE_WATCHED = 1u << 0,
	/* No watch wants the victim. */
	ATTEMPT_UNWANTED = 1u << 1,
	/* The victim lies on a filesystem that keeps its files on another one: calls within this one remove those. */
	ATTEMPT_STACKED = 1u << 2,
	/* `filename` is an address of the process: the name as it was typed. */
	ATTEMPT_TYPED_BY_USER = 1u << 3,
	/* The success is told when the call returns: no success hook runs in the thread that asked. */
	ATTEMPT_TOLD_LATE = 1u << 4,
};

/* Added to OPERATION_MOVE for the second name of a RENAME_EXCHANGE, which moves two. */
#define SECOND_MOVE 4

/* These bits of an attempt's key, above those of process and thread, are 1 for a move and 2 for the second move. */
#define ATTEMPT_PART_SHIFT 62

/* The lowest bits of in_flight_attempt.moved: bit (1 << KIND_*) for each kind of program that has told the move. */
#define MOVED_KINDS 3ull

/* One call in flight; the daemon looks at those that threads left behind. */
struct in_flight_attempt {
	/* The kernel's struct filename of the name to be removed, valid until the call returns; 0: its entry was
	 * missed. */
	__u64 filename;
	/* Of a rename: the struct filename of the name that it takes away. */
	__u64 from;
	/*
	 * Of a rename over a file: the struct dentry that moves. Such a move has no attempt of its own, unless its
	 * failure is watched. Directories have: of them a move changes what is told.
	 */
	__u64 moved;
	/* The victim, or what is moved: its struct vfsmount, struct dentry and struct inode. */
	__u64 mount;
	__u64 dentry;
	__u64 inode;
	/* What a removal may change; of what moves only for directories, of which xfs notes that ".." is another. */
	__s64 size;
	__s64 mtime_seconds;
	__u32 mtime_nanoseconds;
	__u32 link_count;
	__s32 dfd;
	/* Where what is told when the call returns is kept until then; or NO_SLOT. */
	__u32 slot;
	__u8 operation;
	__u8 phase;
	__u8 flags;
	/* Bit (1 << KIND_*): the kinds of programs that have run at the hook which led to this phase. */
	__u8 kinds;
	__u32 padding;
};

/* A key of a filter's places: the device number as it is, or this and the number of a mount. */
#define PLACE_MOUNT (1ull << 32)
/* No device has this number: what watches with `view: process` want, for paths whose letters say nothing. */
#define PLACE_PROCESS_VIEW 0xffffffffull

/* What TypeScript reads: a name here is a name there. The BPF object holds one, so that its BTF describes all of it. */
struct record_types {
	struct deletion_record deletion;
	struct process_record process;
	struct process_text_record process_text;
	struct kernel_counters counters;
	enum record_limit record_limit;
	enum record_kind record_kind;
	enum deletion_operation deletion_operation;
	enum deletion_flag deletion_flag;
	enum process_flag process_flag;
	enum process_text_kind process_text_kind;
	enum process_text_flag process_text_flag;
	enum program_kind program_kind;
};

#define RMWATCH_STATIC_ASSERT _Static_assert
#ifdef __cplusplus
#undef RMWATCH_STATIC_ASSERT
#define RMWATCH_STATIC_ASSERT static_assert
#endif

RMWATCH_STATIC_ASSERT(sizeof(struct deletion_record) == 176, "deletion_record: unexpected padding");
RMWATCH_STATIC_ASSERT(__builtin_offsetof(struct deletion_record, path_offset) == 136, "deletion_record: layout");
RMWATCH_STATIC_ASSERT(__builtin_offsetof(struct deletion_record, comm) % 4 == 0, "deletion_record: words");
RMWATCH_STATIC_ASSERT(sizeof(struct process_record) == 72, "process_record: unexpected padding");
RMWATCH_STATIC_ASSERT(sizeof(struct process_text_record) == 24, "process_text_record: unexpected padding");
RMWATCH_STATIC_ASSERT(sizeof(struct kernel_counters) == 112, "kernel_counters: unexpected padding");
RMWATCH_STATIC_ASSERT(sizeof(struct in_flight_attempt) == 88, "in_flight_attempt: unexpected padding");
RMWATCH_STATIC_ASSERT(sizeof(struct probe_settings) == 84, "probe_settings: unexpected padding");

#endif
