/* Mounts that show other owners than the filesystem has: mount_setattr(2). */
#include "workload.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Under their own names: not every libc has them. */
enum {
	OPEN_COPY = 1,
	MOVE_FROM_EMPTY_PATH = 4,
	ATTRIBUTE_IDMAP = 0x00100000,
};

struct mount_attributes {
	uint64_t set;
	uint64_t clear;
	uint64_t propagation;
	uint64_t user_namespace;
};

/* What user_namespaces(7) allows. */
#define EXTENTS_MOST 340
/* What the kernel keeps within the map itself. */
#define EXTENTS_INSIDE 5

static void write_map(pid_t pid, const char *name, const char *map)
{
	int fd = openat(proc_fd, format("%d/%s", pid, name), O_WRONLY | O_CLOEXEC);

	MUST(fd >= 0);
	MUST(write(fd, map, strlen(map)) == (ssize_t)strlen(map));
	close(fd);
}

static pid_t start_in_new_users(const char *uids, const char *gids)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0);

	if (pid < 0)
		skip("clone with a user namespace: %s", strerror(errno));
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(1);
	}
	write_map(pid, "uid_map", uids);
	write_map(pid, "gid_map", gids);
	return pid;
}

/* Shows `from` at `to`, with ids as these maps have them. */
static void mount_mapped(const char *from, const char *to, const char *uids, const char *gids)
{
	struct mount_attributes attributes = { .set = ATTRIBUTE_IDMAP };
	pid_t pid = start_in_new_users(uids, gids);
	int users = openat(proc_fd, format("%d/ns/user", pid), O_RDONLY | O_CLOEXEC);
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, from, OPEN_COPY | O_CLOEXEC);

	MUST(users >= 0 && tree >= 0);
	MUST(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	attributes.user_namespace = (uint64_t)users;
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof(attributes))) {
		/* Before Linux 5.12, and on filesystems that cannot. */
		MUST(errno == ENOSYS || errno == EINVAL);
		skip("idmapped mounts: %s", strerror(errno));
	}
	MUST(syscall(SYS_move_mount, tree, "", AT_FDCWD, to, MOVE_FROM_EMPTY_PATH) == 0);
	mount_remember(to);
	close(users);
	close(tree);
}

static void make_owned_file(const char *name, uid_t uid, gid_t gid)
{
	make_file(join("from", name));
	MUST(chown(join("from", name), uid, gid) == 0);
}

/* Removes through the mount at "to" what `name` is in "from". */
static void remove_mapped(enum call call, const char *name, int want)
{
	struct stat stored;

	MUST(lstat(join("from", name), &stored) == 0);
	ATTEMPT(.call = call, .typed = join("to", name), .victim = &stored, .idmapped = true, .finds_victim = true,
		.want = want);
}

/* Where the map has no id for the owner, nobody may remove the file there. */
static void remove_owned(uid_t uid, gid_t gid, bool mapped)
{
	const char *name = format("%u:%u", uid, gid);

	make_owned_file(name, uid, gid);
	remove_mapped(UNLINK, name, mapped ? 0 : EOVERFLOW);
}

static void make_directories(void)
{
	make_directory("from");
	make_directory("to");
}

static void run_idmapped(void)
{
	struct stat stored;

	make_directories();
	mount_mapped("from", "to", "0 100000 70000", "0 300000 10\n20 400000 10\n");
	remove_owned(0, 0, true);
	remove_owned(5, 7, true);
	remove_owned(69999, 9, true);
	remove_owned(1, 20, true);
	remove_owned(1, 29, true);
	remove_owned(70000, 0, false);
	remove_owned(0, 10, false);
	remove_owned(0, 19, false);
	remove_owned(4294967294, 4294967294, false);
	make_directory("from/directory");
	MUST(chown("from/directory", 8, 9) == 0);
	make_file("from/directory/file");
	remove_mapped(RMDIR, "directory", ENOTEMPTY);
	remove_mapped(UNLINK, "directory/file", 0);
	remove_mapped(RMDIR, "directory", 0);
	make_owned_file("new", 1, 1);
	make_owned_file("replaced", 2, 3);
	MUST(lstat("from/replaced", &stored) == 0);
	ATTEMPT(.call = RENAME, .from = "to/new", .typed = "to/replaced", .victim = &stored, .idmapped = true);
	/* Of the same directory, by a mount that maps nothing. */
	make_owned_file("plain", 5, 7);
	ATTEMPT(.call = UNLINK, .typed = "from/plain");
}

static void run_idmapped_move(void)
{
	struct stat stored;

	make_directory("from");
	make_directory("from/watched");
	make_directory("volume");
	/* Only whom the map knows may make a name. */
	mount_mapped("from", "volume", "0 100000 10\n50 0 1", "0 200000 10\n50 0 1");
	mounts_followed();
	make_owned_file("watched/file", 5, 7);
	MUST(lstat("from/watched/file", &stored) == 0);
	ATTEMPT(.call = RENAME, .from = "volume/watched/file", .typed = "volume/file", .moves = MOVES_FROM,
		.replaces_nothing = true, .victim = &stored, .idmapped = true);
}

static void run_idmapped_to_itself(void)
{
	make_directories();
	mount_mapped("from", "to", "0 0 4294967295", "0 0 65534\n65535 65535 65536\n");
	remove_owned(0, 0, true);
	remove_owned(1000, 1001, true);
	remove_owned(4294967294, 65533, true);
	remove_owned(65534, 65535, true);
	/* The map has none for this group, and what is shown in its place happens to be the same. */
	remove_owned(65534, 65534, false);
	remove_owned(1, 200000, false);
}

/* Many extents, in no order: 0 to 4 are shown as those from 1000 on, 10 to 14 as those before, and so on. */
static char *extents(unsigned int count)
{
	char *map = strdup("");

	for (unsigned int at = 0; at < count; at++) {
		/* 7 shares no factor with any number of extents here. */
		unsigned int extent = at * 7 % count;

		map = format("%s%u %u 5\n", map, extent * 10, 1000 + (count - extent) * 10);
	}
	return map;
}

static void remove_of_extents(unsigned int count)
{
	make_directories();
	mount_mapped("from", "to", extents(count), "0 0 65536");
	for (unsigned int extent = 0; extent < count; extent += count > 20 ? 13 : 1) {
		remove_owned(extent * 10, 0, true);
		remove_owned(extent * 10 + 4, 0, true);
	}
	remove_owned((count - 1) * 10 + 4, 0, true);
	remove_owned(5, 0, false);
	remove_owned(count / 2 * 10 + 9, 0, false);
	remove_owned((count - 1) * 10 + 5, 0, false);
}

static void run_idmapped_by_few(void)
{
	remove_of_extents(EXTENTS_INSIDE);
}

static void run_idmapped_by_more(void)
{
	remove_of_extents(EXTENTS_INSIDE + 1);
}

/* As many as a map has room for: the numbers are short because a map is written by one write of less than a page. */
static void run_idmapped_by_most(void)
{
	char *map = strdup("");

	for (unsigned int extent = 0; extent < EXTENTS_MOST; extent++)
		map = format("%s%u %u 1\n", map, extent * 2, (EXTENTS_MOST - extent) * 2);
	make_directories();
	mount_mapped("from", "to", map, map);
	for (unsigned int extent = 0; extent < EXTENTS_MOST; extent += 13)
		remove_owned(extent * 2, (EXTENTS_MOST - 1 - extent) * 2, true);
	remove_owned((EXTENTS_MOST - 1) * 2, 0, true);
	remove_owned(1, 0, false);
	remove_owned(0, EXTENTS_MOST + 1, false);
	remove_owned(EXTENTS_MOST * 2, 0, false);
}

/* First and last id of the namespace to the host. */
#define OWN_IDS 200000
#define OWN_IDS_COUNT 65536

static void in_own_users(void)
{
	/* Of a filesystem of this namespace, whose ids are those of the namespace. */
	MUST(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	MUST(mount("workload", "from", "tmpfs", 0, "mode=755") == 0);
	mount_mapped("from", "to", "0 1000 100", "0 2000 100");
	environment.id_offset = OWN_IDS;
	remove_owned(0, 0, true);
	remove_owned(7, 99, true);
}

static void run_idmapped_in_own_users(void)
{
	char *map = format("0 %u %u", OWN_IDS, OWN_IDS_COUNT);
	pid_t pid, child;
	int users;

	make_directories();
	pid = start_in_new_users(map, map);
	users = openat(proc_fd, format("%d/ns/user", pid), O_RDONLY | O_CLOEXEC);
	MUST(users >= 0 && kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	child = fork_child();
	if (!child) {
		MUST(setns(users, CLONE_NEWUSER) == 0 && unshare(CLONE_NEWNS) == 0);
		become(0);
		/* What a process must be to have files in /proc that its own user may open. */
		MUST(prctl(PR_SET_DUMPABLE, 1) == 0);
		in_own_users();
		end_child();
	}
	wait_child(child);
}

const struct step idmap_cases[] = {
	{ "idmapped", run_idmapped },
	{ "move-idmapped", run_idmapped_move },
	{ "idmapped-to-itself", run_idmapped_to_itself },
	{ "idmapped-by-few", run_idmapped_by_few },
	{ "idmapped-by-more", run_idmapped_by_more },
	{ "idmapped-by-most", run_idmapped_by_most },
	{ "idmapped-in-own-users", run_idmapped_in_own_users },
	{ NULL, NULL },
};
