/* One attempt: what is true before the call, the call, its result, and what must be reported. */
#include "workload.h"

#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

const char *case_name;
const char *base_path;
char *case_path;

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return "file";
	case S_IFDIR: return "dir";
	case S_IFLNK: return "symlink";
	case S_IFIFO: return "fifo";
	case S_IFSOCK: return "socket";
	case S_IFCHR: return "char_device";
	case S_IFBLK: return "block_device";
	default: return "unknown";
	}
}

long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* What a typed name leads to. */
struct victim {
	bool exists;
	struct stat status;
	/* Its owner as the mount shows it. */
	uid_t mount_uid;
	gid_t mount_gid;
	/* Of its directory's filesystem. */
	dev_t device;
	long magic;
	/* Full path of the name itself; NULL when its directory cannot be opened. */
	char *path;
	/* Full path of the directory that the typed name starts from. */
	char *base;
};

static char *without_deleted(char *path)
{
	char *mark = path ? strstr(path, " (deleted)") : NULL;

	if (mark && !mark[10])
		*mark = 0;
	return path;
}

static char *base_of(const struct attempt *attempt)
{
	char *path;
	int fd;

	if (attempt->base_path)
		return strdup(attempt->base_path);
	if (attempt->typed[0] == '/')
		return strdup(environment.chroot_path ? environment.chroot_path : "/");
	if (attempt->dfd != AT_FDCWD)
		return without_deleted(facts_fd_path(attempt->dfd));
	fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	path = fd < 0 ? NULL : without_deleted(facts_fd_path(fd));
	if (fd >= 0)
		close(fd);
	return path;
}

static long filesystem_magic(int fd)
{
	struct statfs status;

	return fstatfs(fd, &status) ? 0 : (long)status.f_type;
}

static void look(const struct attempt *attempt, struct victim *victim)
{
	char *typed, *name, *directory_path;
	int directory;

	memset(victim, 0, sizeof(*victim));
	if (!attempt->typed || !*attempt->typed)
		return;
	victim->base = base_of(attempt);

	typed = strdup(attempt->typed);
	for (size_t end = strlen(typed); end > 1 && typed[end - 1] == '/'; end--)
		typed[end - 1] = 0;
	name = strrchr(typed, '/');
	name = name ? name + 1 : typed;
	/* The parent with its slash, so that "/x" has "/" and "x" has none. */
	directory_path = name == typed ? strdup(".") : strndup(typed, (size_t)(name - typed));
	directory = openat(attempt->dfd, directory_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return;
	if (*name && strcmp(name, ".") && strcmp(name, "..")) {
		char *parent = attempt->parent_path ? strdup(attempt->parent_path) :
						      without_deleted(facts_fd_path(directory));

		victim->exists = fstatat(directory, name, &victim->status, AT_SYMLINK_NOFOLLOW) == 0;
		if (parent)
			victim->path = join(parent, name);
	}
	victim->mount_uid = victim->status.st_uid;
	victim->mount_gid = victim->status.st_gid;
	if (attempt->victim) {
		victim->status = *attempt->victim;
		if (!attempt->idmapped) {
			victim->mount_uid = victim->status.st_uid;
			victim->mount_gid = victim->status.st_gid;
		}
	}
	victim->device = facts_device(directory, victim->status.st_dev);
	victim->magic = filesystem_magic(directory);
	close(directory);
}

static void write_file(struct json *json, const struct attempt *attempt, const struct victim *victim)
{
	const struct stat *status = &victim->status;
	bool overlay = victim->magic == OVERLAYFS_SUPER_MAGIC;

	json_text(json, "type", type_name(status->st_mode));
	/* stat() makes numbers of its own there. */
	if (attempt->inode_unjudged || overlay) {
		json_null(json, "inode");
	} else {
		json_number(json, "inode", (long long)status->st_ino);
	}
	json_text(json, "device", format("%u:%u", major(victim->device), minor(victim->device)));
	json_number(json, "uid", (long long)status->st_uid + environment.id_offset);
	json_number(json, "gid", (long long)status->st_gid + environment.id_offset);
	json_number(json, "mount_uid", (long long)victim->mount_uid + environment.id_offset);
	json_number(json, "mount_gid", (long long)victim->mount_gid + environment.id_offset);
	json_text(json, "mode", format("%04o", status->st_mode & 07777));
	/* -1: must be absent */
	json_number(json, "size", S_ISDIR(status->st_mode) ? -1 : status->st_size);
	json_key(json, "mtime");
	json_raw(json, format("[%lld,%ld]", (long long)status->st_mtim.tv_sec, status->st_mtim.tv_nsec));
}

/*
 * A file with fewer has no block of its own, or lies inside its inode: up to 3,584 bytes it has fewer then, too. What its
 * removal frees cannot be told.
 */
#define OCFS2_LEAST_BLOCKS 8

static bool is_held(const struct attempt *attempt)
{
	return attempt->open == OPEN_YES || attempt->open == OPEN_PATH;
}

/* Some filesystems hold files themselves, or have an inode for each name, of which a removed one may be open. */
static bool open_is_uncertain(const struct attempt *attempt, const struct victim *victim)
{
	switch (victim->magic) {
	case BTRFS_SUPER_MAGIC:
		return !is_held(attempt);
	case CEPH_SUPER_MAGIC:
	case NFS_SUPER_MAGIC:
		return attempt->open != OPEN_YES;
	case V9FS_MAGIC:
		return true;
	default:
		return false;
	}
}

/* What became of the file; only a success says anything. */
static void write_release(struct json *json, const struct attempt *attempt, const struct victim *victim)
{
	const struct stat *status = &victim->status;
	bool directory = S_ISDIR(status->st_mode);
	bool last = directory || status->st_nlink == 1;
	bool unjudged = attempt->open == OPEN_UNJUDGED;

	json_number(json, "links", (long long)status->st_nlink);
	json_bool(json, "last_link", last);
	json_bool(json, "open_uncertain", open_is_uncertain(attempt, victim));
	if (directory || unjudged)
		json_null(json, "still_open");
	else
		json_bool(json, "still_open", is_held(attempt));
	/* -1: must be absent; null: not judged. */
	if (unjudged && last && !directory)
		json_null(json, "freed_bytes");
	else if (directory || !last || is_held(attempt))
		json_number(json, "freed_bytes", -1);
	else if (victim->magic == CEPH_SUPER_MAGIC || (victim->magic == XFS_SUPER_MAGIC && !facts_has_xfs_types()))
		json_number(json, "freed_bytes", -1);
	else if (victim->magic == OCFS2_SUPER_MAGIC && status->st_size && status->st_blocks < OCFS2_LEAST_BLOCKS)
		json_number(json, "freed_bytes", -1);
	else
		json_number(json, "freed_bytes", status->st_blocks * 512LL);
}

static void write_path(struct json *json, const struct attempt *attempt, const struct victim *victim)
{
	static const char *const states[] = { "complete", "either", "incomplete", "unknown" };

	json_path(json, "path", victim->path);
	json_path(json, "base", victim->base);
	json_path(json, "requested", attempt->bad_pointer ? NULL : attempt->typed);
	json_text(json, "path_state", states[attempt->path_state]);
	json_bool(json, "base_shared", attempt->base_shared);
	json_bool(json, "is_own_program", attempt->is_own_program);
	if (attempt->host_path)
		json_path(json, "host_path", attempt->host_path);
	else if (environment.host_root && victim->path)
		json_path(json, "host_path", format("%s%s", environment.host_root, victim->path));
	else
		json_null(json, "host_path");
}

/* An observer may forget a former name five seconds after the rename. */
#define FORMER_CERTAIN_US 4000000

static void write_former(struct json *json, const struct victim *victim)
{
	long long age = 0;

	json_path(json, "former", victim->path ? renamed_from(victim->path, &age) : NULL);
	/* On ceph a rename is told when it is over: nothing keeps the name that it had. */
	json_bool(json, "former_uncertain", age > FORMER_CERTAIN_US || victim->magic == CEPH_SUPER_MAGIC);
}

/* What a call that succeeded has made of names; `source` is what a rename moved. */
static void note_names(const struct attempt *attempt, const struct victim *source, const struct victim *victim)
{
	bool renames = !strcmp(call_operation(attempt->call), "replace");

	if (!victim->path || (renames && !source->path))
		return;
	if (!renames) {
		renamed_forget(victim->path);
		return;
	}
	/* Two names of one file: nothing happens. */
	if (victim->exists && victim->status.st_ino == source->status.st_ino &&
	    victim->status.st_dev == source->status.st_dev)
		return;
	if (!S_ISDIR(source->status.st_mode))
		renamed_note(source->path, victim->path, attempt->flags & RENAME_EXCHANGE);
}

/* One line of an attempt. */
struct told {
	/* The attempt as if it removed what the line is about. */
	struct attempt attempt;
	const char *operation;
	struct victim victim;
	/* Of a move: the place that it leads to. */
	bool moves;
	struct victim target;
	struct json json;
};

static void begin_line(struct told *told)
{
	const struct attempt *attempt = &told->attempt;
	struct json *json = &told->json;

	look(attempt, &told->victim);
	json_open(json);
	json_text(json, "case", case_name);
	json_text(json, "call", call_names[attempt->call]);
	json_text(json, "operation", told->operation);
	json_text(json, "via", call_is_uring(attempt->call) ? "io_uring" : "syscall");
	json_text(json, "expect", attempt->expect == EXPECT_EVENT ? "event" : "nothing");
	facts_write_process(json, attempt);
	write_path(json, attempt, &told->victim);
	json_path(json, "moved_to", told->moves ? told->target.path : NULL);
	json_path(json, "moved_to_base", told->moves ? told->target.base : NULL);
	json_path(json, "moved_to_typed", told->moves ? attempt->from : NULL);
	json_path(json, "moved_to_host_path", told->moves ? attempt->moved_to_host_path : NULL);
	write_former(json, &told->victim);
	json_bool(json, "took_watched", told->moves && attempt->took != TOOK_NOTHING);
	json_bool(json, "moves_nothing", told->moves && attempt->moves_nothing);
	json_bool(json, "untold_by_calls",
		  told->moves && (attempt->untold_by_calls || attempt->took == TOOK_BY_WILDCARD || attempt->want));
}

static void end_line(struct told *told, long result, long long began, long long ended)
{
	const struct attempt *attempt = &told->attempt;
	struct json *json = &told->json;
	bool found = told->victim.exists && (result == 0 || attempt->finds_victim);

	json_number(json, "began_us", began);
	json_number(json, "ended_us", ended);
	if (result == 0)
		json_number(json, "result", 0);
	else
		json_text(json, "result", errno_name((int)-result));
	json_bool(json, "resolved", found);
	if (found) {
		write_file(json, attempt, &told->victim);
		if (result == 0 && !told->moves)
			write_release(json, attempt, &told->victim);
	}
	json_text(json, "unjudged", attempt->unjudged ? attempt->unjudged : "");
	json_write(json);
	if (attempt->finds_victim && !told->victim.exists)
		problem("%s: there is no victim", call_names[attempt->call]);
}

/* The move of what `from` names, or, of an exchange, of what `typed` names. */
static struct told move_of(const struct attempt *attempt, enum moves moves)
{
	struct told told = { .attempt = *attempt, .operation = "move", .moves = true };

	if (moves == MOVES_FROM) {
		told.attempt.dfd = attempt->old_dfd;
		told.attempt.typed = attempt->from;
		told.attempt.from = attempt->typed;
		told.attempt.old_dfd = attempt->dfd;
	}
	told.attempt.finds_victim = true;
	look(&(struct attempt){ .dfd = told.attempt.old_dfd, .typed = told.attempt.from }, &told.target);
	return told;
}

int attempt_run(const struct attempt *attempt)
{
	struct victim source, victim;
	struct told lines[3];
	size_t count = 0;
	long long began, ended;
	long result;

	if (!attempt->replaces_nothing)
		lines[count++] = (struct told){ .attempt = *attempt, .operation = call_operation(attempt->call) };
	if (attempt->moves & MOVES_FROM)
		lines[count++] = move_of(attempt, MOVES_FROM);
	if (attempt->moves & MOVES_TYPED)
		lines[count++] = move_of(attempt, MOVES_TYPED);
	for (size_t i = 0; i < count; i++)
		begin_line(&lines[i]);
	look(attempt, &victim);
	look(&(struct attempt){ .dfd = attempt->old_dfd, .typed = attempt->from }, &source);
	began = now_us();
	result = call_make(attempt);
	ended = now_us();
	if (!result)
		note_names(attempt, &source, &victim);
	for (size_t i = 0; i < count; i++)
		end_line(&lines[i], result, began, ended);

	/* POSIX leaves the choice to the filesystem. */
	if (attempt->want == ENOTEMPTY && result == -EEXIST)
		return EEXIST;
	if (-result != attempt->want)
		problem("%s of %.200s gave %s, not %s", call_names[attempt->call], attempt->typed ? attempt->typed : "?",
			result ? errno_name((int)-result) : "0", attempt->want ? errno_name(attempt->want) : "0");
	return (int)-result;
}
