/*
 * Renames that take a name out of a watch, and those that do not. What is watched for moves: all below "watched", "kept"
 * and "volume/watched" of a case, and the *.db in any directory "cache" two levels below "wild". case_idmaps.c has one more.
 */
#include "workload.h"

#include <linux/fs.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOVE(...) ATTEMPT(.moves = MOVES_FROM, .replaces_nothing = true, __VA_ARGS__)
/* Nothing is told of it. */
#define STAY(...) ATTEMPT(.expect = EXPECT_NOTHING, __VA_ARGS__)

static void make_watched(void)
{
	make_directory("watched");
	make_directory("watched/inner");
	make_directory("outside");
}

static void run_file(void)
{
	make_watched();
	make_sized_file("watched/file", 5000);
	MOVE(.call = RENAME, .from = "watched/file", .typed = "file");
	make_file("watched/inner/file");
	MOVE(.call = RENAMEAT, .old_dfd = open_directory("watched/inner"), .from = "file",
	     .dfd = open_directory("outside"), .typed = "moved");
	make_file("watched/file");
	MOVE(.call = RENAMEAT2, .from = join(case_path, "watched/file"), .typed = join(case_path, "outside/other"),
	     .flags = RENAME_NOREPLACE);
	make_link("nowhere", "watched/symlink");
	MOVE(.call = RENAME, .from = "watched/symlink", .typed = "symlink");
	MUST(mkfifo("watched/fifo", 0600) == 0);
	MOVE(.call = RENAME, .from = "watched/fifo", .typed = "outside/fifo");
	make_file("watched/a\xff\"b\n");
	MOVE(.call = RENAME, .from = "watched/a\xff\"b\n", .typed = "outside/\xff");
	/* Another name of the file stays. */
	make_file("watched/file");
	MUST(link("watched/file", "watched/second") == 0);
	MOVE(.call = RENAME, .from = "watched/second", .typed = "outside/second");
	/* It is open, and moves all the same. */
	int fd = open("watched/file", O_RDWR | O_CLOEXEC);
	MUST(fd >= 0);
	MOVE(.call = RENAME, .from = "watched/file", .typed = "outside/open");
	close(fd);
	enter("watched");
	make_file("file");
	MOVE(.call = RENAME, .from = "file", .typed = "../outside/relative");
}

static void run_inside(void)
{
	make_watched();
	make_file("watched/a");
	STAY(.call = RENAME, .from = "watched/a", .typed = "watched/b");
	STAY(.call = RENAME, .from = "watched/b", .typed = "watched/inner/b");
	STAY(.call = RENAME, .from = "watched/inner", .typed = "watched/renamed");
	make_file("outside/file");
	STAY(.call = RENAME, .from = "outside/file", .typed = "watched/file");
	STAY(.call = RENAME, .from = "outside", .typed = "watched/outside");
	make_file("elsewhere");
	STAY(.call = RENAME, .from = "elsewhere", .typed = "nowhere");
	/* As programs write that must not leave half a file. */
	make_file("watched/file.new");
	ATTEMPT(.call = RENAME, .from = "watched/file.new", .typed = "watched/file");
	make_directory("kept");
	make_file("kept/file");
	/* From one watch into another. */
	MOVE(.call = RENAME, .from = "kept/file", .typed = "watched/from-kept");
}

static void run_over(void)
{
	make_watched();
	make_file("watched/file");
	make_sized_file("existing", 300);
	ATTEMPT(.call = RENAME, .from = "watched/file", .typed = "existing", .moves = MOVES_FROM);
	make_directory("watched/directory");
	make_directory("empty");
	ATTEMPT(.call = RENAME, .from = "watched/directory", .typed = "empty", .moves = MOVES_FROM);
	/* Two names of one file: nothing happens. */
	make_file("watched/first");
	MUST(link("watched/first", "second") == 0);
	MOVE(.call = RENAME, .from = "watched/first", .typed = "second", .moves_nothing = true);
}

static void run_whiteout(void)
{
	make_watched();
	make_file("watched/file");
	/* Some filesystems cannot leave a whiteout. */
	if (syscall(SYS_renameat2, AT_FDCWD, "watched/file", AT_FDCWD, "watched/probe", RENAME_WHITEOUT))
		skip("RENAME_WHITEOUT: %s", strerror(errno));
	MOVE(.call = RENAMEAT2, .from = "watched/probe", .typed = "moved", .flags = RENAME_WHITEOUT);
}

static void run_directory(void)
{
	make_watched();
	make_file("watched/inner/file");
	MOVE(.call = RENAME, .from = "watched/inner", .typed = "inner");
	STAY(.call = RENAME, .from = "inner", .typed = "watched/inner");
	MOVE(.call = RENAME, .from = "watched", .typed = "watched.bak", .took = TOOK_BY_NAME);
	STAY(.call = RENAME, .from = "watched.bak", .typed = "watched");
	/* At the exit of the call the working directory has its new path. */
	MOVE(.call = RENAME, .from = case_path, .typed = format("%s.bak", case_path), .took = TOOK_BY_NAME,
	     .unjudged = "working_directory");
	make_file("watched/file");
	STAY(.call = RENAME, .from = "watched/file", .typed = "watched/other");
	STAY(.call = RENAME, .from = format("%s.bak", case_path), .typed = case_path);
	make_file("watched/file");
	MOVE(.call = RENAME, .from = "watched/file", .typed = "file");
}

static void run_wildcard(void)
{
	make_directory("wild");
	make_directory("wild/a");
	make_directory("wild/a/cache");
	make_file("wild/a/cache/x.db");
	STAY(.call = RENAME, .from = "wild/a/cache/x.db", .typed = "wild/a/cache/y.db");
	MOVE(.call = RENAME, .from = "wild/a/cache/y.db", .typed = "wild/a/cache/y.txt");
	STAY(.call = RENAME, .from = "wild/a", .typed = "wild/b");
	MOVE(.call = RENAME, .from = "wild/b/cache", .typed = "wild/b/store", .took = TOOK_BY_WILDCARD);
	STAY(.call = RENAME, .from = "wild/b/store", .typed = "wild/b/cache");
	MOVE(.call = RENAME, .from = "wild/b", .typed = "b", .took = TOOK_BY_WILDCARD);
	MOVE(.call = RENAME, .from = "wild", .typed = "tame", .took = TOOK_BY_NAME);
}

static void run_exchange(void)
{
	make_watched();
	make_directory("kept");
	make_file("watched/file");
	make_file("file");
	if (syscall(SYS_renameat2, AT_FDCWD, "watched/file", AT_FDCWD, "watched/inner", RENAME_EXCHANGE))
		skip("RENAME_EXCHANGE: %s", strerror(errno));
	MUST(syscall(SYS_renameat2, AT_FDCWD, "watched/file", AT_FDCWD, "watched/inner", RENAME_EXCHANGE) == 0);
	MOVE(.call = RENAMEAT2, .from = "watched/file", .typed = "file", .flags = RENAME_EXCHANGE);
	ATTEMPT(.call = RENAMEAT2, .from = "file", .typed = "watched/file", .flags = RENAME_EXCHANGE,
		.moves = MOVES_TYPED, .replaces_nothing = true);
	make_file("watched/other");
	STAY(.call = RENAMEAT2, .from = "watched/file", .typed = "watched/other", .flags = RENAME_EXCHANGE);
	/* It has been "watched/file". */
	ATTEMPT(.call = UNLINK, .typed = "watched/other");
	make_file("kept/file");
	ATTEMPT(.call = RENAMEAT2, .from = "watched/file", .typed = "kept/file", .flags = RENAME_EXCHANGE,
		.moves = MOVES_FROM | MOVES_TYPED, .replaces_nothing = true);
	MOVE(.call = RENAMEAT2, .from = "watched/inner", .typed = "file", .flags = RENAME_EXCHANGE);
	MOVE(.call = RENAMEAT2, .from = "watched", .typed = "outside", .flags = RENAME_EXCHANGE, .took = TOOK_BY_NAME);
}

static void run_ia32(void)
{
	const char *reason = ia32_unusable();

	if (reason)
		skip("%s", reason);
	make_watched();
	make_file("watched/a");
	MOVE(.call = IA32_RENAME, .from = "watched/a", .typed = "a");
	make_file("watched/b");
	MOVE(.call = IA32_RENAMEAT, .old_dfd = open_directory("watched"), .from = "b", .dfd = open_directory("outside"),
	     .typed = "b");
	make_file("watched/c");
	MOVE(.call = IA32_RENAMEAT2, .from = "watched/c", .dfd = open_directory("outside"), .typed = "c",
	     .flags = RENAME_NOREPLACE);
	make_file("watched/d");
	STAY(.call = IA32_RENAME, .from = "watched/d", .typed = "watched/e");
}

static void run_io_uring(void)
{
	const char *reason = uring_unusable();

	if (reason)
		skip("%s", reason);
	make_watched();
	make_file("watched/a");
	MOVE(.call = URING_RENAMEAT, .from = "watched/a", .typed = "a");
	make_file("watched/b");
	ATTEMPT(.call = URING_RENAMEAT, .old_dfd = open_directory("watched"), .from = "b", .typed = "a",
		.moves = MOVES_FROM);
	make_file("watched/c");
	STAY(.call = URING_RENAMEAT, .from = "watched/c", .typed = "watched/d");
}

static void fail_as_nobody(void *unused)
{
	(void)unused;
	become(NOBODY_UID);
	MOVE(.call = RENAME, .from = "watched/file", .typed = "file", .want = EACCES);
	/* Told as what it would have replaced, and as what would have moved. */
	ATTEMPT(.call = RENAME, .from = "watched/file", .typed = "existing", .want = EACCES, .finds_victim = true,
		.moves = MOVES_FROM);
	STAY(.call = RENAME, .from = "watched/file", .typed = "watched/other", .want = EACCES);
	STAY(.call = RENAME, .from = "existing", .typed = "watched/other", .want = EACCES);
}

static void run_fails(void)
{
	make_watched();
	make_file("watched/file");
	make_file("existing");
	in_child(fail_as_nobody, NULL);
	make_file("outside/file");
	ATTEMPT(.call = RENAME, .from = "watched/inner", .typed = "outside", .want = ENOTEMPTY, .finds_victim = true,
		.moves = MOVES_FROM);
	/* What moves was not found, or could not have moved there. */
	STAY(.call = RENAME, .from = "watched/missing", .typed = "file", .want = ENOENT);
	STAY(.call = RENAME, .from = "watched", .typed = "watched/inner/below", .want = EINVAL);
	STAY(.call = RENAMEAT2, .from = "watched/file", .typed = "existing", .flags = RENAME_NOREPLACE, .want = EEXIST);
	MOVE(.call = RENAME, .from = "watched/file", .typed = "file");
}

static void run_bind(void)
{
	make_directory("from");
	make_directory("from/inner");
	make_directory("watched");
	mount_bind("from", "watched");
	mounts_followed();
	/* Under one of the names of its directory it is watched. */
	make_file("from/file");
	MOVE(.call = RENAME, .from = "from/file", .typed = "moved-out", .untold_by_calls = true);
	make_file("from/file");
	STAY(.call = RENAME, .from = "from/file", .typed = "from/inner/file");
}

static void move_in_container(void)
{
	const char *volume = environment.host_volume;

	make_directory("/data/watched");
	make_file("/data/watched/file");
	MOVE(.call = RENAME, .from = "/data/watched/file", .typed = "/data/file",
	     .host_path = join(volume, "watched/file"), .moved_to_host_path = join(volume, "file"),
	     .untold_by_calls = true);
	STAY(.call = RENAME, .from = "/data/file", .typed = "/data/watched/back");
	enter("/data/watched");
	STAY(.call = RENAME, .from = "back", .typed = "other");
	MOVE(.call = RENAME, .from = "/data/watched", .typed = "/data/moved", .host_path = join(volume, "watched"),
	     .moved_to_host_path = join(volume, "moved"), .took = TOOK_BY_NAME, .untold_by_calls = true);
}

static void enter_own_root(void)
{
	MUST(unshare(CLONE_NEWNS) == 0);
	MUST(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	MUST(mount("workload", "root", "tmpfs", 0, "mode=755") == 0);
	make_directory("root/bin");
	make_directory("root/data");
	copy_self("root/bin/workload");
	MUST(mount("volume", "root/data", NULL, MS_BIND, NULL) == 0);
	MUST(chdir("root") == 0 && mount(".", "/", NULL, MS_MOVE, NULL) == 0 && chroot(".") == 0 && chdir("/") == 0);
}

static void in_own_root(void *unused)
{
	char *const arguments[] = { "workload", NULL };

	(void)unused;
	enter_own_root();
	environment.host_volume = join(case_path, "volume");
	exec_step("/bin/workload", "move-container", arguments);
}

/* The host moves out of what a container sees, and into it. */
static void move_beside_container(void)
{
	int entered[2], over[2];
	pid_t container;
	char byte;

	MUST(pipe2(entered, O_CLOEXEC) == 0 && pipe2(over, O_CLOEXEC) == 0);
	container = fork_child();
	if (!container) {
		close(over[1]);
		enter_own_root();
		MUST(write(entered[1], "", 1) == 1);
		MUST(read(over[0], &byte, 1) == 0);
		end_child();
	}
	MUST(read(entered[0], &byte, 1) == 1);
	make_directory("volume/watched");
	make_file("volume/watched/file");
	MOVE(.call = RENAME, .from = "volume/watched/file", .typed = "file");
	STAY(.call = RENAME, .from = "file", .typed = "volume/watched/back");
	MOVE(.call = RENAME, .from = "volume/watched/back", .typed = "volume/back");
	MOVE(.call = RENAME, .from = "volume/watched", .typed = "watched.bak", .took = TOOK_BY_NAME);
	close(over[1]);
	wait_child(container);
}

static void run_container(void)
{
	make_directory("root");
	make_directory("volume");
	move_beside_container();
	in_child(in_own_root, NULL);
	/* What it moved is looked up among the mounts that go now. */
	deletions_handled();
}

/* Deletions that tell the name which the file had before it was renamed. */
static void run_former_names(void)
{
	/* As `shred -u` does. */
	make_file("auth.log");
	STAY(.call = RENAME, .from = "auth.log", .typed = "00000000");
	STAY(.call = RENAMEAT2, .from = "00000000", .typed = "0000", .flags = RENAME_NOREPLACE);
	STAY(.call = RENAME, .from = "0000", .typed = "0");
	ATTEMPT(.call = UNLINK, .typed = "0");
	make_file("a\xff\"b\n");
	STAY(.call = RENAME, .from = "a\xff\"b\n", .typed = "b");
	ATTEMPT(.call = UNLINK, .typed = "b");
	/* Another file with the same name and inode number. */
	make_file("b");
	ATTEMPT(.call = UNLINK, .typed = "b");

	/* In another directory it had no other name. */
	make_directory("other");
	make_file("far");
	STAY(.call = RENAME, .from = "far", .typed = "other/near");
	ATTEMPT(.call = UNLINK, .typed = "other/near");
	make_file("far");
	STAY(.call = RENAME, .from = "far", .typed = "farther");
	STAY(.call = RENAME, .from = "farther", .typed = "other/farther");
	ATTEMPT(.call = UNLINK, .typed = "other/farther");
	make_file("farther");
	ATTEMPT(.call = UNLINK, .typed = "farther");
	make_file("far");
	STAY(.call = RENAME, .from = "far", .typed = "back");
	STAY(.call = RENAME, .from = "back", .typed = "other/back");
	STAY(.call = RENAME, .from = "other/back", .typed = "back");
	ATTEMPT(.call = UNLINK, .typed = "back");
	STAY(.call = RENAME, .from = "other", .typed = "directory");
	ATTEMPT(.call = RMDIR, .typed = "directory");

	/* Another file has its name, and goes first. */
	make_file("log");
	STAY(.call = RENAME, .from = "log", .typed = "log.1");
	make_file("log");
	ATTEMPT(.call = UNLINK, .typed = "log");
	ATTEMPT(.call = UNLINK, .typed = "log.1");

	/* Its second name has been what it is. */
	make_file("first");
	MUST(link("first", "second") == 0);
	STAY(.call = RENAME, .from = "first", .typed = "third");
	ATTEMPT(.call = UNLINK, .typed = "second");
	ATTEMPT(.call = UNLINK, .typed = "third");

	/* As programs write that must not leave half a file. */
	make_file("file.new");
	make_file("file");
	STAY(.call = RENAME, .from = "file", .typed = "file~");
	STAY(.call = RENAME, .from = "file.new", .typed = "file");
	ATTEMPT(.call = RENAME, .from = "file", .typed = "file~");
	ATTEMPT(.call = UNLINK, .typed = "file~");
}

const struct step move_cases[] = {
	{ "move-file", run_file },
	{ "move-inside", run_inside },
	{ "move-over", run_over },
	{ "move-whiteout", run_whiteout },
	{ "move-directory", run_directory },
	{ "move-wildcard", run_wildcard },
	{ "move-exchange", run_exchange },
	{ "move-ia32", run_ia32 },
	{ "move-io-uring", run_io_uring },
	{ "move-fails", run_fails },
	{ "move-bind", run_bind },
	{ "move-container", run_container },
	{ "former-names", run_former_names },
	{ NULL, NULL },
};

const struct step move_steps[] = {
	{ "move-container", move_in_container },
	{ NULL, NULL },
};
