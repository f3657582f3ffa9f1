/* Attempts that fail, with every errno that removing a name can give. */
#include "workload.h"

#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#define PATH_MOST 4096

static void run_missing(void)
{
	ATTEMPT(.call = UNLINK, .typed = "missing", .want = ENOENT);
	ATTEMPT(.call = RMDIR, .typed = "missing", .want = ENOENT);
	ATTEMPT(.call = UNLINKAT, .typed = join(case_path, "missing"), .want = ENOENT);
	ATTEMPT(.call = UNLINK, .typed = "no/directory", .want = ENOENT);
	make_directory("directory");
	ATTEMPT(.call = UNLINKAT, .dfd = open_directory("directory"), .typed = "missing", .want = ENOENT);
	ATTEMPT(.call = UNLINK, .typed = "directory/../missing", .want = ENOENT);
	ATTEMPT(.call = UNLINK, .typed = "./missing", .want = ENOENT);
}

/* A server in this guest has removed the file, and its client does not know yet: it forgets the name when the call fails. */
static void run_removed_on_server(void)
{
	static const char client[] = "/mnt/nfs/", served[] = "/srv/export";

	if (strncmp(case_path, client, sizeof(client) - 1))
		skip("%s is not mounted from this guest", case_path);
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = join(served, join(case_path + sizeof(client) - 1, "file")));
	ATTEMPT(.call = UNLINK, .typed = "file", .want = ENOENT, .finds_victim = true);
}

static void run_empty_name(void)
{
	/* The kernel rejects it before any of its hooks could see it. */
	ATTEMPT(.call = UNLINK, .typed = "", .want = ENOENT, .path_state = PATH_UNKNOWN, .unjudged = "requested");
	ATTEMPT(.call = RMDIR, .typed = "", .want = ENOENT, .path_state = PATH_UNKNOWN, .unjudged = "requested");
}

static void run_read_only(void)
{
	make_directory("bound");
	make_file("bound/file");
	make_directory("bound/directory");
	mount_bind("bound", "bound");
	MUST(mount(NULL, "bound", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0);
	ATTEMPT(.call = UNLINK, .typed = "bound/file", .want = EROFS);
	ATTEMPT(.call = RMDIR, .typed = "bound/directory", .want = EROFS);

	make_directory("mounted");
	mount_tmpfs("mounted");
	make_file("mounted/file");
	MUST(mount(NULL, "mounted", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	enter("mounted");
	ATTEMPT(.call = UNLINK, .typed = "file", .want = EROFS);
}

static int set_flags(int fd, int flags)
{
	return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static void run_immutable(void)
{
	int fd, flags = 0;

	make_file("file");
	fd = open("file", O_RDONLY | O_CLOEXEC);
	MUST(fd >= 0);
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) || set_flags(fd, flags | FS_IMMUTABLE_FL))
		skip("immutable files: %s", strerror(errno));
	ATTEMPT(.call = UNLINK, .typed = "file", .want = EPERM, .finds_victim = true);
	make_file("other");
	ATTEMPT(.call = RENAME, .from = "other", .typed = "file", .want = EPERM, .finds_victim = true);
	MUST(set_flags(fd, flags) == 0);
	close(fd);
	ATTEMPT(.call = UNLINK, .typed = "file");
}

static void run_sticky(void)
{
	make_directory("sticky");
	MUST(chmod("sticky", 01777) == 0);
	make_file("sticky/file");
	become(NOBODY_UID);
	ATTEMPT(.call = UNLINK, .typed = "sticky/file", .want = EPERM, .finds_victim = true);
	make_file("sticky/own");
	ATTEMPT(.call = UNLINK, .typed = "sticky/own");
}

static void run_no_access(void)
{
	make_file("file");
	make_directory("directory");
	make_directory("closed");
	MUST(chmod("closed", 0700) == 0);
	become(NOBODY_UID);
	ATTEMPT(.call = UNLINK, .typed = "file", .want = EACCES, .finds_victim = true);
	ATTEMPT(.call = RMDIR, .typed = "directory", .want = EACCES, .finds_victim = true);
	ATTEMPT(.call = UNLINKAT, .typed = "closed/file", .want = EACCES);
}

static void run_wrong_type(void)
{
	make_directory("directory");
	make_file("file");
	make_link("directory", "symlink");
	ATTEMPT(.call = UNLINK, .typed = "directory", .want = EISDIR, .finds_victim = true);
	ATTEMPT(.call = UNLINK, .typed = "directory/", .want = EISDIR);
	ATTEMPT(.call = UNLINK, .typed = ".", .want = EISDIR);
	ATTEMPT(.call = UNLINK, .typed = "file/", .want = ENOTDIR);
	ATTEMPT(.call = UNLINK, .typed = "file/below", .want = ENOTDIR);
	ATTEMPT(.call = RMDIR, .typed = "file", .want = ENOTDIR, .finds_victim = true);
	ATTEMPT(.call = RMDIR, .typed = "symlink", .want = ENOTDIR, .finds_victim = true);
}

static void run_rmdir_fails(void)
{
	make_directory("full");
	make_file("full/file");
	ATTEMPT(.call = RMDIR, .typed = "full", .want = ENOTEMPTY, .finds_victim = true);
	ATTEMPT(.call = RMDIR, .typed = ".", .want = EINVAL);
	ATTEMPT(.call = RMDIR, .typed = "full/.", .want = EINVAL);
	ATTEMPT(.call = RMDIR, .typed = "full/..", .want = ENOTEMPTY);
	ATTEMPT(.call = RMDIR, .typed = "/", .want = EBUSY);
}

static void run_mount_points(void)
{
	struct stat directory, file;

	make_directory("mounted");
	MUST(stat("mounted", &directory) == 0);
	mount_tmpfs("mounted");
	ATTEMPT(.call = RMDIR, .typed = "mounted", .want = EBUSY, .finds_victim = true, .victim = &directory);
	make_file("under");
	make_file("over");
	MUST(stat("under", &file) == 0);
	mount_bind("over", "under");
	ATTEMPT(.call = UNLINK, .typed = "under", .want = EBUSY, .finds_victim = true, .victim = &file);
}

static void run_bad_pointer(void)
{
	ATTEMPT(.call = UNLINK, .bad_pointer = true, .want = EFAULT, .path_state = PATH_UNKNOWN);
	ATTEMPT(.call = RMDIR, .bad_pointer = true, .want = EFAULT, .path_state = PATH_UNKNOWN);
}

static void run_bad_descriptor(void)
{
	ATTEMPT(.call = UNLINKAT, .dfd = 9999, .typed = "file", .want = EBADF, .path_state = PATH_UNKNOWN);
	make_file("file");
	ATTEMPT(.call = UNLINKAT, .dfd = open("file", O_RDONLY | O_CLOEXEC), .typed = "file", .want = ENOTDIR);
}

static void run_too_long(void)
{
	char name[257], path[PATH_MOST + 100];

	memset(name, 'n', 256);
	name[256] = 0;
	ATTEMPT(.call = UNLINK, .typed = name, .want = ENAMETOOLONG);
	for (size_t at = 0; at < sizeof(path); at++)
		path[at] = at % 2 ? '/' : '.';
	path[sizeof(path) - 1] = 0;
	/* The kernel reads no more than PATH_MAX of it. */
	ATTEMPT(.call = UNLINK, .typed = path, .want = ENAMETOOLONG, .path_state = PATH_UNKNOWN, .unjudged = "requested");
	path[PATH_MOST] = 0;
	ATTEMPT(.call = UNLINK, .typed = path, .want = ENAMETOOLONG, .path_state = PATH_UNKNOWN, .unjudged = "requested");
}

static void run_loop(void)
{
	make_link("loop", "loop");
	ATTEMPT(.call = UNLINK, .typed = "loop/file", .want = ELOOP);
	ATTEMPT(.call = UNLINK, .typed = "loop");
}

const struct step result_cases[] = {
	{ "missing", run_missing },
	{ "removed-on-server", run_removed_on_server },
	{ "empty-name", run_empty_name },
	{ "read-only", run_read_only },
	{ "immutable", run_immutable },
	{ "sticky", run_sticky },
	{ "no-access", run_no_access },
	{ "wrong-type", run_wrong_type },
	{ "rmdir-fails", run_rmdir_fails },
	{ "mount-points", run_mount_points },
	{ "bad-pointer", run_bad_pointer },
	{ "bad-descriptor", run_bad_descriptor },
	{ "too-long", run_too_long },
	{ "loop", run_loop },
	{ NULL, NULL },
};
