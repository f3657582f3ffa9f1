/* Processes that live like those of containers: a root filesystem, process ids and users of their own. */
#include "workload.h"

#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAPPED_IDS 100000

enum root_kind {
	/* Mounted by the container itself; nobody else sees it. */
	ROOT_TMPFS,
	/* Mounted outside, as container engines do. */
	ROOT_OVERLAY,
};

struct container {
	enum root_kind root;
	bool own_users;
};

static void prepare_root(const char *root)
{
	static const char *const directories[] = { "bin", "data", "old", "work", "work/directory" };

	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
		make_directory(join(root, directories[i]));
	copy_self(join(root, "bin/workload"));
}

/* What the program in the container does. */
static void remove_second(void *unused)
{
	(void)unused;
	make_file("/data/second");
	ATTEMPT(.call = UNLINK, .typed = "/data/second", .host_path = join(environment.host_volume, "second"));
}

static void remove_in_container(void)
{
	/* What stat() says of files on an overlay is not all that the inode says. */
	bool overlay = environment.host_root != NULL;
	enum open_state open = overlay ? OPEN_UNJUDGED : OPEN_NO;

	enter("/work");
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = "file", .open = open, .inode_unjudged = overlay);
	make_file("/work/directory/file");
	ATTEMPT(.call = UNLINK, .typed = "/work/directory/file", .open = open, .inode_unjudged = overlay);
	ATTEMPT(.call = RMDIR, .typed = "directory", .inode_unjudged = overlay, .unjudged = overlay ? "size,mtime" : NULL);
	ATTEMPT(.call = UNLINK, .typed = "missing", .want = ENOENT, .unjudged = "host_path");
	make_file("/data/file");
	ATTEMPT(.call = UNLINK, .typed = "/data/file", .host_path = join(environment.host_volume, "file"));
	enter("/data");
	make_directory("directory");
	ATTEMPT(.call = RMDIR, .typed = "directory", .host_path = join(environment.host_volume, "directory"));
	make_file("from");
	make_file("to");
	ATTEMPT(.call = RENAME, .from = "from", .typed = "to", .host_path = join(environment.host_volume, "to"));
	/* Not the first process of its namespace. */
	in_child(remove_second, NULL);
}

static void change_root(void)
{
	if (syscall(SYS_pivot_root, "root", "root/old") == 0) {
		MUST(chdir("/") == 0 && umount2("/old", MNT_DETACH) == 0);
		return;
	}
	/* Before Linux 7.0 an initramfs cannot be left that way; container engines then cover it instead. */
	MUST(errno == EINVAL && chdir("root") == 0);
	MUST(mount(".", "/", NULL, MS_MOVE, NULL) == 0 && chroot(".") == 0 && chdir("/") == 0);
}

static _Noreturn void start(const struct container *container)
{
	char *const arguments[] = { "workload", "--in", "container", NULL };

	if (container->own_users) {
		MUST(setgroups(0, NULL) == 0);
		become(0);
	}
	MUST(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	if (container->root == ROOT_TMPFS) {
		MUST(mount("workload", "root", "tmpfs", 0, "mode=755") == 0);
		prepare_root("root");
	}
	MUST(mount("volume", "root/data", NULL, MS_BIND | MS_REC, NULL) == 0);
	change_root();
	environment.host_volume = join(case_path, "volume");
	environment.host_root = container->root == ROOT_OVERLAY ? join(case_path, "root") : NULL;
	environment.id_offset = container->own_users ? MAPPED_IDS : 0;
	exec_step("/bin/workload", "container", arguments);
}

static void run(const struct container *container)
{
	unsigned long flags = CLONE_NEWNS | CLONE_NEWPID | (container->own_users ? CLONE_NEWUSER : 0);
	int go[2];
	char byte;
	pid_t child;

	make_directory("root");
	make_directory("volume");
	if (container->root == ROOT_OVERLAY) {
		make_directory("lower");
		make_directory("upper");
		make_directory("workdir");
		prepare_root("lower");
		if (mount("workload", "root", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=workdir"))
			skip("overlay: %s", strerror(errno));
		mount_remember("root");
		mounts_followed();
	}
	if (container->own_users) {
		MUST(chown("root", MAPPED_IDS, MAPPED_IDS) == 0);
		MUST(chown("volume", MAPPED_IDS, MAPPED_IDS) == 0);
	}
	MUST(pipe2(go, O_CLOEXEC) == 0);
	child = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0);
	if (child < 0)
		skip("clone with namespaces: %s", strerror(errno));
	if (!child) {
		problems = 0;
		MUST(read(go[0], &byte, 1) == 1);
		start(container);
	}
	if (container->own_users) {
		write_text(format("/proc/%d/uid_map", child), format("0 %d 65536", MAPPED_IDS));
		write_text(format("/proc/%d/gid_map", child), format("0 %d 65536", MAPPED_IDS));
	}
	MUST(write(go[1], "", 1) == 1);
	wait_child(child);
	/* What it removed is looked up among the mounts that go now. */
	deletions_handled();
}

static void run_tmpfs(void)
{
	run(&(struct container){ .root = ROOT_TMPFS });
}

static void run_overlay(void)
{
	run(&(struct container){ .root = ROOT_OVERLAY });
}

static void run_users(void)
{
	run(&(struct container){ .root = ROOT_TMPFS, .own_users = true });
}

static void remove_in_private_namespace(void)
{
	make_file("shared");
	ATTEMPT(.call = UNLINK, .typed = "shared");
	make_directory("own");
	mount_tmpfs("own");
	make_file("own/file");
	ATTEMPT(.call = UNLINK, .typed = "own/file");
	enter("own");
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = "file");
}

static void remove_on_reused_device(void *device)
{
	struct stat status;

	MUST(unshare(CLONE_NEWNS) == 0);
	MUST(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	mount_tmpfs("own");
	MUST(stat("own", &status) == 0);
	if (status.st_dev != *(dev_t *)device)
		skip("the device number was not used again");
	make_file("own/file");
	ATTEMPT(.call = UNLINK, .typed = "own/file");
}

/*
 * A filesystem of the host is unmounted, and a private one gets its device number at once: an observer that has not
 * noticed must not take one for the other.
 */
static void run_reused_device(void)
{
	struct stat status;

	/* What was told of other cases must not meet the device number of this one. */
	mounts_followed();
	make_directory("host");
	make_directory("own");
	MUST(mount("workload", "host", "tmpfs", 0, "mode=755") == 0);
	MUST(stat("host", &status) == 0);
	mounts_followed();
	MUST(umount2("host", 0) == 0);
	in_child(remove_on_reused_device, &status.st_dev);
}

const struct step container_cases[] = {
	{ "container-tmpfs", run_tmpfs },
	{ "container-overlay", run_overlay },
	{ "container-users", run_users },
	{ "reused-device", run_reused_device },
	{ NULL, NULL },
};

const struct step container_steps[] = {
	{ "container", remove_in_container },
	{ "private-namespace", remove_in_private_namespace },
	{ NULL, NULL },
};
