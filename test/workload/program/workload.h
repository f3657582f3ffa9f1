/*
 * A workload that removes names in every way the kernel offers, and tells for each attempt what a correct observer
 * must report. What it tells comes from stat(), readlink() and /proc of the acting process itself, taken right before
 * and after the call; calls are made by number, so that each variant is exactly the one meant.
 *
 * Every line on the output is one JSON object: "start", attempts ("case"), "skip", "problem", "end". Names are base64.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define NOBODY_UID 1000

enum call {
	UNLINK,
	UNLINKAT,
	UNLINKAT_REMOVEDIR,
	RMDIR,
	RENAME,
	RENAMEAT,
	RENAMEAT2,
	IA32_UNLINK,
	IA32_UNLINKAT,
	IA32_UNLINKAT_REMOVEDIR,
	IA32_RMDIR,
	IA32_RENAME,
	IA32_RENAMEAT,
	IA32_RENAMEAT2,
	X32_UNLINK,
	X32_UNLINKAT,
	X32_UNLINKAT_REMOVEDIR,
	X32_RMDIR,
	X32_RENAME,
	X32_RENAMEAT,
	X32_RENAMEAT2,
	MQ_UNLINK,
	IA32_MQ_UNLINK,
	X32_MQ_UNLINK,
	URING_UNLINKAT,
	URING_UNLINKAT_REMOVEDIR,
	URING_RENAMEAT,
	CALL_COUNT,
};

enum expectation { EXPECT_EVENT, EXPECT_NOTHING };

/* Whether a process keeps the removed file open, or only its path (O_PATH). */
enum open_state { OPEN_NO, OPEN_YES, OPEN_PATH, OPEN_UNJUDGED };

/* What a rename is told as, beside the file that it replaces: bits. */
enum moves {
	/* What `from` names leaves its watch. */
	MOVES_FROM = 1 << 0,
	/* With RENAME_EXCHANGE: what `typed` names does. */
	MOVES_TYPED = 1 << 1,
};

/* Of a directory that moves: a watch wants what lies below, and not the directory itself. */
enum took {
	TOOK_NOTHING,
	/* Its pattern leads through the directory by its name. */
	TOOK_BY_NAME,
	/* By a wildcard: a system call does not tell that a directory moves. */
	TOOK_BY_WILDCARD,
};

/* Whether an observer can know the whole path. */
enum path_state { PATH_COMPLETE, PATH_EITHER, PATH_INCOMPLETE, PATH_UNKNOWN };

/* One attempt. Whatever is left zero is the ordinary case. */
struct attempt {
	enum call call;
	/* The name to be removed or replaced, and where it starts from. */
	int dfd;
	const char *typed;
	/* Instead of `typed`: an address that cannot be read. */
	bool bad_pointer;
	/* Renames: what is moved there. */
	int old_dfd;
	const char *from;
	unsigned int flags;
	unsigned int moves;
	enum took took;
	/* Only moves are told: nothing is replaced. */
	bool replaces_nothing;
	/* The system call alone does not tell that what moves leaves a watch. */
	bool untold_by_calls;
	/* Nothing moves, although the call succeeds: it alone does not tell. */
	bool moves_nothing;
	/* Where the starting mount namespace sees the place that a move leads to. */
	const char *moved_to_host_path;

	/* The errno that the call must give. */
	int want;
	enum expectation expect;
	/* A failed call got as far as finding its victim; always so when it succeeded. */
	bool finds_victim;
	enum open_state open;
	enum path_state path_state;
	/* Others share what the typed name starts from. */
	bool base_shared;
	/* What goes is the last name of the program that runs. */
	bool is_own_program;
	/* Full path of the directory that holds the name, where /proc cannot tell (longer than PATH_MAX). */
	const char *parent_path;
	/* Directory that the typed name starts from, likewise. */
	const char *base_path;
	/* The victim's own status, where stat() shows something mounted over it. */
	const struct stat *victim;
	/* `victim` says what the filesystem has, stat() by the typed name what its mount shows of the owner. */
	bool idmapped;
	/* Where the starting mount namespace sees the file: a path, or NULL for what the environment says. */
	const char *host_path;
	/* stat() of this filesystem describes another inode than the one the kernel removes. */
	bool inode_unjudged;
	/* Other members of the line that this attempt cannot judge, with commas between them. */
	const char *unjudged;
};

long long now_us(void);

/* Makes one attempt and writes its line. Returns 0 or the errno. */
int attempt_run(const struct attempt *attempt);
#define ATTEMPT(...) attempt_run(&(struct attempt){ .dfd = AT_FDCWD, .old_dfd = AT_FDCWD, __VA_ARGS__ })

/* How the acting process differs from one that just started in the namespaces of the workload. */
struct environment {
	/* Prefix of what /proc says about paths: the directory that was chroot()ed to. */
	const char *chroot_path;
	/* The executable where /proc cannot tell it, such as one outside of a changed root. */
	const char *executable;
	/* Where the starting mount namespace sees the root of this one; NULL: nowhere, or the paths are the same. */
	const char *host_root;
	/* Of a container: where the starting mount namespace sees its volume. */
	const char *host_volume;
	/* Added to ids seen in a user namespace. */
	uint32_t id_offset;
};
extern struct environment environment;

/* Those of main(). */
extern char **program_arguments;
extern size_t program_argument_count;
extern const char *case_name;
extern const char *base_path;
/* The directory of the current case; also its working directory at the start. */
extern char *case_path;
extern int proc_fd;
extern int output_fd;
extern int problems;

/* calls.c */
extern const char *const call_names[CALL_COUNT];
const char *call_operation(enum call call);
bool call_is_uring(enum call call);
/* 0 or a negative errno. */
long call_make(const struct attempt *attempt);
/* NULL when usable, otherwise why not. */
const char *ia32_unusable(void);
const char *x32_unusable(void);
const char *uring_unusable(void);

/* renamed.c */
/* A rename has moved a file from the path `source` to `path`; an exchange has moved the other one back, too. */
void renamed_note(const char *source, const char *path, bool exchange);
/* The file of this path is gone. */
void renamed_forget(const char *path);
/* The path that the file had in its directory before it was renamed, or NULL; and how long ago that was. */
const char *renamed_from(const char *path, long long *age_us);

/* output.c */
struct json {
	char *text;
	size_t length;
	size_t capacity;
	bool begun;
};
void json_open(struct json *json);
void json_key(struct json *json, const char *key);
void json_text(struct json *json, const char *key, const char *ascii);
void json_bytes(struct json *json, const char *key, const void *bytes, size_t length);
/* NULL becomes null. */
void json_path(struct json *json, const char *key, const char *path);
void json_number(struct json *json, const char *key, long long number);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);
void json_raw(struct json *json, const char *text);
/* Appends base64 with quotes, without a key. */
void json_item(struct json *json, const void *bytes, size_t length);
/* Closes the object, writes it as one line and frees it. */
void json_write(struct json *json);
void problem(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Ends the case: something it needs does not exist here. */
_Noreturn void skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *errno_name(int number);

/* facts.c */
void facts_open_proc(void);
void facts_write_process(struct json *json, const struct attempt *attempt);
char *facts_link(const char *entry);
char *facts_fd_path(int fd);
/* The number in mountinfo of the filesystem that holds `directory`; `seen` is what stat() says, some say others. */
dev_t facts_device(int directory, dev_t seen);
/* The kernel tells the types of xfs; -1 while nobody asked. */
extern int xfs_types;
bool facts_has_xfs_types(void);
/* `entry`: a link of /proc such as "1/ns/mnt". 0: may not be seen. */
unsigned long facts_mount_namespace(const char *entry);

/* fixtures.c: every one of these ends the case with a problem when it fails */
_Noreturn void die(const char *file, int line, const char *what);
#define MUST(condition) ((condition) ? (void)0 : die(__FILE__, __LINE__, #condition))
char *format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *join(const char *directory, const char *name);
void make_file(const char *path);
void make_sized_file(const char *path, size_t bytes);
void make_directory(const char *path);
void make_link(const char *target, const char *path);
int open_directory(const char *path);
void enter(const char *path);
/* Mounts are undone by mounts_undo(), which the runner calls at the end of a case. */
void mount_tmpfs(const char *path);
void mount_bind(const char *from, const char *path);
void mount_remember(const char *path);
void mounts_undo(void);
/* A socket of whoever observes: it returns a byte when it has done what the byte stands for. -1: there is nobody. */
extern int observer_fd;
/* Waits until the observer has looked at every deletion so far. */
void deletions_handled(void);
/* Waits until the observer knows the mounts of this moment. */
void mounts_followed(void);
void become(uid_t uid);
void write_text(const char *path, const char *text);
char *read_text(int dfd, const char *path, size_t *length);
size_t count_names(const char *path);
void copy_self(const char *path);

/* Runs `body` in a child and waits for it; a child that failed is a problem. */
void in_child(void (*body)(void *), void *argument);
pid_t fork_child(void);
void wait_child(pid_t pid);
_Noreturn void end_child(void);
/* Replaces this process by the program `file` (NULL: this one), which then runs exec_steps[step]. */
_Noreturn void exec_step(const char *file, const char *step, char *const *arguments);

struct step {
	const char *name;
	void (*run)(void);
};
/* Ends with an entry without a name. */
extern const struct step call_cases[], move_cases[], result_cases[], path_cases[], mount_cases[], idmap_cases[],
	file_cases[], process_cases[], container_cases[];
extern const struct step move_steps[], process_steps[], file_steps[], container_steps[];

#endif
