/* Mounts, changed roots and private mount namespaces between the process and the file. */
#include "workload.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static void run_bind_mount(void)
{
	make_directory("from");
	make_directory("from/inner");
	make_directory("to");
	make_file("from/file");
	make_file("from/inner/file");
	mount_bind("from", "to");
	ATTEMPT(.call = UNLINK, .typed = "to/file");
	ATTEMPT(.call = UNLINK, .typed = join(case_path, "to/inner/file"));
	ATTEMPT(.call = UNLINK, .typed = "to/missing", .want = ENOENT);
	enter("to/inner");
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = "file");
	enter("..");
	ATTEMPT(.call = RMDIR, .typed = "inner");
}

static void run_nested_mounts(void)
{
	make_directory("outer");
	mount_tmpfs("outer");
	make_directory("outer/inner");
	mount_tmpfs("outer/inner");
	make_file("outer/file");
	make_file("outer/inner/file");
	ATTEMPT(.call = UNLINK, .typed = "outer/file");
	ATTEMPT(.call = UNLINK, .typed = "outer/inner/file");
	/* Up out of a mount. */
	make_file("outer/file");
	enter("outer/inner");
	ATTEMPT(.call = UNLINK, .typed = "../file");
}

static void run_stacked_mounts(void)
{
	make_directory("mounted");
	mount_tmpfs("mounted");
	make_file("mounted/hidden");
	int below = open_directory("mounted");
	mount_tmpfs("mounted");
	make_file("mounted/file");
	ATTEMPT(.call = UNLINK, .typed = "mounted/file");
	/* In the mount that the other one hides. */
	ATTEMPT(.call = UNLINKAT, .dfd = below, .typed = "hidden");
}

static void run_moved_mount(void)
{
	make_directory("before");
	make_directory("after");
	/* A mount that propagates cannot be moved. */
	mount_bind(".", ".");
	enter(case_path);
	MUST(mount(NULL, ".", NULL, MS_PRIVATE, NULL) == 0);
	mount_tmpfs("before");
	enter("before");
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = "file");
	MUST(mount("../before", "../after", NULL, MS_MOVE, NULL) == 0);
	mount_remember("../after");
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = "file");
}

static void run_detached_mount(void)
{
	make_directory("mounted");
	mount_tmpfs("mounted");
	make_directory("mounted/directory");
	make_file("mounted/directory/file");
	int directory = open_directory("mounted/directory");
	MUST(umount2("mounted", MNT_DETACH) == 0);
	ATTEMPT(.call = UNLINKAT, .dfd = directory, .typed = "file", .path_state = PATH_INCOMPLETE,
		.parent_path = join(case_path, "mounted/directory"), .base_path = join(case_path, "mounted/directory"));
}

static void run_overlay(void)
{
	make_directory("lower");
	make_directory("upper");
	make_directory("work");
	make_directory("merged");
	make_file("lower/lower");
	make_file("lower/copied");
	make_file("lower/replaced");
	make_directory("lower/directory");
	make_file("lower/directory/file");
	make_file("upper/upper");
	if (mount("workload", "merged", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work"))
		skip("overlay: %s", strerror(errno));
	mount_remember("merged");
	enter("merged");
	ATTEMPT(.call = UNLINK, .typed = "upper", .open = OPEN_UNJUDGED, .inode_unjudged = true);
	ATTEMPT(.call = UNLINK, .typed = "lower", .open = OPEN_UNJUDGED, .inode_unjudged = true);
	MUST(chmod("copied", 0600) == 0);
	ATTEMPT(.call = UNLINK, .typed = "copied", .open = OPEN_UNJUDGED, .inode_unjudged = true);
	ATTEMPT(.call = UNLINK, .typed = "directory/file", .open = OPEN_UNJUDGED, .inode_unjudged = true);
	ATTEMPT(.call = RMDIR, .typed = "directory", .inode_unjudged = true, .unjudged = "size,mtime");
	make_file("new");
	ATTEMPT(.call = RENAME, .from = "new", .typed = "replaced", .open = OPEN_UNJUDGED, .inode_unjudged = true);
	ATTEMPT(.call = UNLINK, .typed = "lower", .want = ENOENT);
}

static void enter_root(const char *directory)
{
	environment.executable = facts_link("self/exe");
	environment.chroot_path = join(case_path, directory);
	MUST(chroot(directory) == 0 && chdir("/") == 0);
}

static void run_chroot(void)
{
	make_directory("root");
	make_directory("root/directory");
	make_link("/directory", "root/symlink");
	enter_root("root");
	make_file("/file");
	ATTEMPT(.call = UNLINK, .typed = "/file");
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = "file");
	make_file("/directory/file");
	ATTEMPT(.call = UNLINK, .typed = "/directory/file");
	make_file("/directory/file");
	ATTEMPT(.call = UNLINK, .typed = "/symlink/file");
	make_file("/directory/file");
	enter("directory");
	ATTEMPT(.call = UNLINK, .typed = "file");
	make_file("/file");
	/* ".." stops at the root. */
	ATTEMPT(.call = UNLINK, .typed = "../../../file");
	make_file("/from");
	make_file("/to");
	ATTEMPT(.call = RENAME, .from = "/from", .typed = "/to");
	ATTEMPT(.call = UNLINK, .typed = "/missing", .want = ENOENT);
	ATTEMPT(.call = RMDIR, .typed = "/directory");
}

static void run_outside_chroot(void)
{
	make_directory("root");
	make_directory("outside");
	enter("outside");
	environment.executable = facts_link("self/exe");
	MUST(chroot("../root") == 0);
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = "file");
	make_file("../other");
	ATTEMPT(.call = UNLINK, .typed = "../other");
}

static void in_private_namespace(void *unused)
{
	(void)unused;
	MUST(unshare(CLONE_NEWNS) == 0);
	MUST(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	make_file("shared");
	ATTEMPT(.call = UNLINK, .typed = "shared");
	make_directory("own");
	mount_tmpfs("own");
	make_directory("own/directory");
	make_file("own/directory/file");
	ATTEMPT(.call = UNLINK, .typed = "own/directory/file");
	ATTEMPT(.call = RMDIR, .typed = join(case_path, "own/directory"));
	make_directory("from");
	make_directory("from/directory");
	make_directory("to");
	mount_bind("from", "to");
	make_file("to/file");
	ATTEMPT(.call = UNLINK, .typed = "to/file", .host_path = join(case_path, "from/file"));
	make_file("to/directory/file");
	ATTEMPT(.call = UNLINK, .typed = "to/directory/file", .host_path = join(case_path, "from/directory/file"));
	ATTEMPT(.call = RMDIR, .typed = "to/directory", .host_path = join(case_path, "from/directory"));
	/* Nothing was found, so nothing tells where the host would see it. */
	ATTEMPT(.call = UNLINK, .typed = "to/missing", .want = ENOENT, .unjudged = "host_path");
}

static void run_private_namespace(void)
{
	in_child(in_private_namespace, NULL);
}

static void program_in_private_namespace(void *unused)
{
	char *const arguments[] = { "private-namespace", NULL };

	(void)unused;
	MUST(unshare(CLONE_NEWNS) == 0);
	MUST(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	/* By its path, not by what is already open: the program then runs from a mount of this namespace. */
	exec_step(facts_link("self/exe"), "private-namespace", arguments);
}

static void run_private_namespace_program(void)
{
	in_child(program_in_private_namespace, NULL);
}

const struct step mount_cases[] = {
	{ "bind-mount", run_bind_mount },
	{ "nested-mounts", run_nested_mounts },
	{ "stacked-mounts", run_stacked_mounts },
	{ "moved-mount", run_moved_mount },
	{ "detached-mount", run_detached_mount },
	{ "overlay", run_overlay },
	{ "chroot", run_chroot },
	{ "outside-chroot", run_outside_chroot },
	{ "private-namespace", run_private_namespace },
	{ "private-namespace-program", run_private_namespace_program },
	{ NULL, NULL },
};
